"""Where the double bar lines of a piece are drawn: repeats, endings and the end of the piece have their own lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .notation import DoubleLine
from .piece import Bar


def double_line_after(bars: Sequence[Bar], index: int) -> DoubleLine:
    """The double bar line that is drawn after a bar; empty where another sign stands, or none."""
    return bars[index].double_line if _has_room(bars, index) else ""


def with_double_lines(bars: Sequence[Bar], lines: Sequence[DoubleLine]) -> list[Bar]:
    """The bars with the double bar lines that a source has after them, as far as they are drawn."""
    return [
        replace(bar, double_line=line) if line and _has_room(bars, index) else bar
        for index, (bar, line) in enumerate(zip(bars, lines, strict=True))
    ]


def _has_room(bars: Sequence[Bar], index: int) -> bool:
    """Whether neither a repeat nor the begin of an ending nor the end of the piece says what line follows a bar."""
    if index + 1 == len(bars):
        return False
    after = bars[index + 1]
    return not (bars[index].repeat_end or after.repeat_start or after.endings)
