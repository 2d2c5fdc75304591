"""`Piece` <-> `music21.stream.Score`, the one door to music21; importing it does not import music21."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.codec import decode
from .music21_reader import from_music21
from .music21_writer import to_music21

__all__ = ["from_music21", "remi_tokens_to_score", "to_music21"]


def remi_tokens_to_score(tokens: Sequence[str], tonic: str = "C") -> Any:
    """The `music21.stream.Score` that a token sequence of any kind says, brought from C to `tonic`.

    Raises:
        GrammarError: an unknown token, or one that may not stand where it does.
    """
    return to_music21(decode(tokens).in_key(tonic))
