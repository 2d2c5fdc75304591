"""Which tune an epoch shows where, if each is to be shown as often as its weight says.

Rows are packed once for a whole training, so that a run resumes exactly and all epochs are as long. Tunes of a
fractional weight therefore take turns in a place that is as long as the longest of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

_MOST_SHARING = 12
"""Tunes that share places, unless their weight is lower than one of so many."""


class Place(NamedTuple):
    """A place in the rows of every epoch, for a tune or for several that take turns.

    Attributes:
        tunes: Indices of the tunes.
        first: Which of them, in the order drawn for them, is shown in the first epoch.
        step: How many further the one shown in the next epoch is.
    """

    tunes: tuple[int, ...]
    first: int = 0
    step: int = 1

    def shown_in(self, epoch: int, seed: int) -> int:
        """The tune that is shown in an epoch."""
        if len(self.tunes) == 1:
            return self.tunes[0]
        order = random.Random(f"{seed} {self.tunes[0]}").sample(self.tunes, len(self.tunes))
        return order[(self.first + epoch * self.step) % len(order)]


def places(lengths: Sequence[int], weights: Sequence[float] | None = None) -> list[Place]:
    """The places of tunes, by their lengths.

    A tune of weight 2 has two places to itself, four tunes of weight 0.75 share three, so that each is shown in three
    epochs of four. Those that share are neighbours in length, so that little room is lost.

    Args:
        weights: The weight of each tune; None: all 1.
    """
    if weights is None:
        return [Place((tune,)) for tune in range(len(lengths))]
    own = [Place((tune,)) for tune, weight in enumerate(weights) for _ in range(int(weight))]
    sharing: dict[float, list[int]] = {}
    for tune in sorted(range(len(lengths)), key=lengths.__getitem__):
        if part := weights[tune] % 1:
            sharing.setdefault(part, []).append(tune)
    return own + [place for part, tunes in sharing.items() for place in _shared_places(tunes, part)]


def _shared_places(tunes: Sequence[int], part: float) -> Iterator[Place]:
    ratio = Fraction(part).limit_denominator(max(_MOST_SHARING, round(1 / part)))
    for begin in range(0, len(tunes), ratio.denominator):
        group = tuple(tunes[begin : begin + ratio.denominator])
        number = max(1, round(ratio * len(group)))
        yield from (Place(group, first, number) for first in range(number))
