"""How high and low tunes lie, at sounding pitch: what fiddles and whistles are heard to play, not what they could.

Pieces are in their own keys (`Piece.in_original_key`); the first voice counts.
"""

from __future__ import annotations

from collections.abc import Callable

from ..core.features import pitches
from ..core.piece import Piece
from .estimates import Count, Measure, deviation

B5, D4 = 83, 62
_BOOKS = "4,237 tunes of O'Neill, Ryan and Aird"
_D, _G = 2, 7


def goes_above(piece: Piece, limit: int) -> Count | None:
    """Whether the highest note is above a MIDI number."""
    sung = pitches(piece)
    return (float(max(sung) > limit), 1) if sung else None


def goes_below(piece: Piece, limit: int) -> Count | None:
    """Whether the lowest note is below a MIDI number."""
    sung = pitches(piece)
    return (float(min(sung) < limit), 1) if sung else None


def mean_pitch(piece: Piece) -> Count | None:
    """Mean MIDI number, every note once."""
    sung = pitches(piece)
    return (sum(sung), len(sung)) if sung else None


def _only(style: str, tonic: int, count: Callable[[Piece], Count | None]) -> Callable[[Piece], Count | None]:
    """A count that only the pieces of a style on a tonic have."""
    return lambda piece: count(piece) if piece.style == style and piece.key.pitch_class == tonic else None


REGISTER = {
    "above B5": Measure(
        lambda piece: goes_above(piece, B5), "tunes whose highest note is above B5 (b'')", 0.090, _BOOKS
    ),
    "above B5, jigs in D": Measure(
        _only("jig", _D, lambda piece: goes_above(piece, B5)), "the same of jigs on D", 0.062, _BOOKS
    ),
    "below D4": Measure(lambda piece: goes_below(piece, D4), "tunes whose lowest note is below D4 (d')", 0.145, _BOOKS),
    "below D4, reels in G": Measure(
        _only("reel", _G, lambda piece: goes_below(piece, D4)), "the same of reels on G", 0.096, _BOOKS
    ),
    "spread of mean pitch": Measure(
        mean_pitch, "standard deviation of the tunes' mean pitches, semitones", 2.22, _BOOKS, deviation
    ),
}
