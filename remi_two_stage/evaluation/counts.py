"""What evaluation counts over pieces, chorales or sequences, and adds up."""

from __future__ import annotations

from dataclasses import fields
from typing import Self


class Counts:
    """A dataclass of numbers, or of other counts; `+` joins two of a kind, field by field."""

    __slots__ = ()

    def __add__(self, other: Self) -> Self:
        names = [count.name for count in fields(self)]  # type: ignore[arg-type]  # its subclasses are dataclasses
        return type(self)(*(getattr(self, name) + getattr(other, name) for name in names))
