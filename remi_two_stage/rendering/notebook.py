"""A piece where people look at it: in a notebook its score and a player, in a terminal its text."""

from __future__ import annotations

import sys
from base64 import b64encode

from ..core.arguments import check_is_piece
from ..core.errors import MissingExtraError
from ..core.piece import Piece
from ..core.text import spelled_plainly
from .engraving import engrave
from .picture import xml_text
from .score_text import score_text
from .sound import wav_bytes

_PLAYER_SAMPLE_RATE = 22_050


def show(piece: Piece, with_chords: bool = False) -> None:
    """Show a piece: in a notebook the engraved score and a player, elsewhere the lines of `score_text`.

    Args:
        with_chords: The player plays its chords softly beneath.

    Raises:
        RequestError: the piece is none, such as the list that `read_score` returns.
        MissingExtraError: in a notebook, without the extra `render`.
    """
    check_is_piece(piece, "show")
    if _is_in_notebook():
        from IPython.display import HTML, display

        display(HTML(piece_html(piece, with_chords)))
    else:
        print(spelled_plainly(score_text(piece), sys.stdout.encoding or "utf-8"))


def piece_html(piece: Piece, with_chords: bool = False) -> str:
    """The engraved score and a player, as HTML that needs nothing else.

    Raises:
        MissingExtraError: verovio or soundfile is not installed.
    """
    sound = b64encode(wav_bytes(piece, with_chords, _PLAYER_SAMPLE_RATE)).decode()
    label = xml_text(piece.title or "Score")
    return (
        f'<div style="max-width:60em">{engrave(piece).svg()}'
        f'<audio controls style="width:100%" aria-label="{label}" src="data:audio/wav;base64,{sound}"></audio></div>'
    )


def notebook_html(piece: Piece) -> str | None:
    """What a notebook shows of a piece that stands at the end of a cell; None without the extra `render`."""
    try:
        return piece_html(piece)
    except MissingExtraError:
        return None


def _is_in_notebook() -> bool:
    """Whether this runs in a kernel that shows HTML."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"
