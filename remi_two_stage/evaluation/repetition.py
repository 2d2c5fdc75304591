"""How much comes back in a tune, and how varied its rhythm is; definitions in core/features.py.

Shares are taken in each tune and averaged over tunes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ..core.features import commonest_rhythm, most_of_one_bar, note_lengths, repeated_bars
from ..core.piece import Piece
from .estimates import Count, Measure

MANY_TIMES = 5
_BOOKS = "4,237 tunes of O'Neill, Ryan and Aird"


def _of_each(figure: Callable[[Piece], float]) -> Callable[[Piece], Count | None]:
    """A figure that every piece has once."""

    def count(piece: Piece) -> Count | None:
        value = figure(piece)
        return None if math.isnan(value) else (value, 1)

    return count


REPETITION = {
    "commonest bar rhythm": Measure(
        _of_each(commonest_rhythm), "share of the bars that have the commonest rhythm", 0.445, _BOOKS
    ),
    "bars heard before": Measure(
        _of_each(repeated_bars), "share of the bars that an earlier one equals", 0.271, _BOOKS
    ),
    "kinds of note lengths": Measure(_of_each(note_lengths), "different durations in a tune", 3.71, _BOOKS),
    "one bar five times": Measure(
        _of_each(lambda piece: float(most_of_one_bar(piece) >= MANY_TIMES)),
        "tunes in which one bar comes five times or more",
        0.028,
        _BOOKS,
    ),
}
