"""Figures of a set of pieces, each with its standard error and the number of pieces that it rests on.

A measure counts in every piece, "so many of so many" (last notes on the tonic: 0 or 1 of 1; parallels: 3 in 57 changes
of sound), and the figure of a set is the ratio of the sums. Its standard error is that of a ratio estimator (Cochran,
Sampling Techniques, 1977, section 2.11), pieces being drawn independently. Where pieces differ among themselves is a
figure too: the standard deviation of what the piece's count gives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Generic, TypeVar

T = TypeVar("T")
Count = tuple[float, float]
"""What is counted in a piece, and of how many."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure of a set of pieces; nan, with its standard error, where no piece says anything."""

    value: float
    standard_error: float
    pieces: int


def ratio(counts: Sequence[Count]) -> Estimate:
    """All that is counted, of all there is."""
    total = sum(of for _, of in counts)
    if not total:
        return Estimate(math.nan, math.nan, 0)
    value = sum(count for count, _ in counts) / total
    return Estimate(value, _error([(count - value * of) / total for count, of in counts]), len(counts))


def deviation(counts: Sequence[Count]) -> Estimate:
    """The standard deviation over the pieces; its error by the delta method."""
    if len(counts) < 2:
        return Estimate(math.nan, math.nan, len(counts))
    values = [count / of for count, of in counts]
    mean, number = fmean(values), len(values)
    squares = [(value - mean) ** 2 for value in values]
    value = math.sqrt(sum(squares) / (number - 1))
    spread = _error([(square - fmean(squares)) / number for square in squares])
    return Estimate(value, spread / (2 * value) if value else math.nan, number)


def _error(shares: Sequence[float]) -> float:
    """Standard error of a sum of independent parts, which is 0 on average."""
    number = len(shares)
    return math.sqrt(number / (number - 1) * sum(share**2 for share in shares)) if number > 1 else math.nan


@dataclass(frozen=True)
class Measure(Generic[T]):
    """A figure that tells generated from real music.

    Attributes:
        count: What a piece says; None where it says nothing: it is no jig, or has no chords.
        definition: What is counted, and in what unit.
        usual: The figure in real music, as benchmarks/real_music.py counts it; None where there is none.
        source: Where that was counted.
        of: `ratio` or `deviation`.
    """

    count: Callable[[T], Count | None]
    definition: str
    usual: float | None
    source: str
    of: Callable[[Sequence[Count]], Estimate] = ratio

    def estimate(self, pieces: Iterable[T]) -> Estimate:
        """The figure of some pieces."""
        return self.of([count for count in map(self.count, pieces) if count is not None and count[1]])
