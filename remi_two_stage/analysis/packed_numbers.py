"""Rows of whole numbers held in one, so that all of a row are added, multiplied and compared at once."""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct

_LANE = 64


class PackedNumbers:
    """What adding and multiplying cannot do with packed rows of `count` numbers.

    Attributes:
        ones: The row whose numbers are all 1; a multiple of it moves all numbers of a row.
    """

    def __init__(self, count: int) -> None:
        self.ones = self.pack([1] * count)
        self._top_bits = self.ones << _LANE - 1
        self._lanes = Struct(f"<{count}Q")

    @staticmethod
    def pack(numbers: Iterable[int]) -> int:
        """The row of these numbers; a negative one borrows from the next lane, and a sum gives that back."""
        return sum(number << _LANE * lane for lane, number in enumerate(numbers))

    def unpack(self, row: int) -> tuple[int, ...]:
        """The numbers of a row."""
        return self._lanes.unpack(row.to_bytes(self._lanes.size, "little"))

    def larger(self, row: int, other: int) -> int:
        """The larger number of each lane (Warren, Hacker's Delight, 2013, chapter 2, on many lanes at once)."""
        not_smaller = ((row | self._top_bits) - other) & self._top_bits
        kept = not_smaller - (not_smaller >> _LANE - 1)
        return other ^ (row ^ other) & kept
