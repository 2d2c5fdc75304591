"""`Piece` <-> `music21.stream.Score`, the one door to music21; importing it does not import music21.

music21 reads the MusicXML that this package writes, so that a score has all that MusicXML says of a piece.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from ..core.arguments import check_is_piece
from ..core.codec import decode
from ..core.piece import Piece
from .music21_reader import from_music21
from .musicxml_writer import musicxml_bytes

__all__ = ["from_music21", "remi_tokens_to_score", "to_music21"]


def to_music21(piece: Piece) -> Any:
    """This piece as a `music21.stream.Score`, bars as written, one part a voice, chord symbols over the first part.

    Raises:
        RequestError: the piece is none, such as the list that `read_score` returns.
    """
    check_is_piece(piece, "convert")
    from music21 import converter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return converter.parseData(musicxml_bytes(piece), format="musicxml")


def remi_tokens_to_score(tokens: Sequence[str], tonic: str = "C") -> Any:
    """The `music21.stream.Score` that a token sequence of any kind says, brought from C to `tonic`.

    Raises:
        GrammarError: an unknown token, or one that may not stand where it does.
    """
    return to_music21(decode(tokens).in_key(tonic))
