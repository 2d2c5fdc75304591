"""The note values there are: plain, with one dot or two, and those of triplets.

Lengths are ticks. Any number of them is a sum of values, the shortest of which is a 64th in a triplet, one tick.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

_TYPES: dict[int | Fraction, str] = {
    192: "breve", 96: "whole", 48: "half", 24: "quarter", 12: "eighth", 6: "16th", 3: "32nd", Fraction(3, 2): "64th",
}  # fmt: skip
"""Ticks -> the type as MusicXML calls it."""
_MOST_DOTS, _MOST_DOTS_IN_TRIPLETS = 2, 1


@dataclass(frozen=True, slots=True)
class NoteValue:
    """A note value: its length in ticks, MusicXML's name of its type, its dots, and whether it is a triplet's."""

    ticks: int
    type: str
    dots: int = 0
    is_triplet: bool = False


def _values() -> Iterator[NoteValue]:
    for plain, name in _TYPES.items():
        for dots in range(_MOST_DOTS + 1):
            length = plain * (2 - Fraction(1, 2**dots))
            if length.denominator == 1:
                yield NoteValue(int(length), name, dots)
            in_triplet = length * Fraction(2, 3)
            if in_triplet.denominator == 1 and dots <= _MOST_DOTS_IN_TRIPLETS and name != "breve":
                yield NoteValue(int(in_triplet), name, dots, is_triplet=True)


NOTE_VALUES = tuple(sorted(_values(), key=lambda value: (-value.ticks, value.is_triplet, value.dots)))
"""All note values that last whole ticks, longest first; of those that last as long, the plainest first."""
