"""The order in which repeats and endings have bars played, and what it follows from: where endings end, and what leads
into a bar.

A room of its own beside `piece.py` because the signs of bars are all that it looks at: those of a `Bar`, and those of
a plan that is still being read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol


class EndingSigns(Protocol):
    """What of a bar says where endings begin and end."""

    @property
    def repeat_start(self) -> bool:
        """`|:` stands before it."""

    @property
    def endings(self) -> tuple[int, ...]:
        """The passes for which it begins an ending."""

    @property
    def ending_end(self) -> bool:
        """The ending that is open stops after it."""

    @property
    def repeat_end(self) -> bool:
        """`:|` stands after it."""


class PlayedSigns(EndingSigns, Protocol):
    """What of a bar says when it is played."""

    @property
    def plays(self) -> int:
        """How often the section that its repeat ends is played."""


def playing_order(bars: Sequence[PlayedSigns], most: int) -> Iterator[int]:
    """Indices of the bars in playing order, up to one more than `most`."""
    start, playing, index, played = 0, 1, 0, 0
    passes = _passes(bars)
    while index < len(bars) and played <= most:
        bar = bars[index]
        if bar.repeat_start and index > start:
            start, playing = index, 1
        if bar.endings and playing not in bar.endings:
            index = last_of_ending(bars, index) + 1
            continue
        yield index
        played += 1
        last_pass = playing >= passes[start] if bar.repeat_end or bar.ending_end else False
        if bar.repeat_end and not last_pass:
            index, playing = start, playing + 1
            continue
        if last_pass:
            start, playing = index + 1, 1
        index += 1


def _passes(bars: Sequence[PlayedSigns]) -> list[int]:
    """How often the section that begins at each bar is played: up to its highest ending, or as its repeat says."""
    passes = [2] * len(bars)
    following: PlayedSigns | None = None
    for index in reversed(range(len(bars))):
        bar = bars[index]
        closes = (bar.repeat_end or bar.ending_end) and not (following and following.endings)
        rest = 2 if closes or following is None or following.repeat_start else passes[index + 1]
        passes[index] = max(rest, bar.plays, *bar.endings)
        following = bar
    return passes


def last_of_ending(bars: Sequence[EndingSigns], index: int) -> int:
    """Index of the last bar of the ending that begins at bar `index`.

    An ending stops where `ending_end` says so; one that says nothing stops at a `:|`, before a `|:` or the next ending,
    or with the bars.
    """
    while index + 1 < len(bars):
        bar, following = bars[index], bars[index + 1]
        if bar.ending_end or bar.repeat_end or following.endings or following.repeat_start:
            break
        index += 1
    return index


def are_in_endings(bars: Sequence[EndingSigns]) -> list[bool]:
    """Whether an ending begins at each bar or holds it."""
    held = [False] * len(bars)
    for index, bar in enumerate(bars):
        if bar.endings:
            stop = last_of_ending(bars, index) + 1
            held[index:stop] = [True] * (stop - index)
    return held


def bars_before(begins_ending: Sequence[bool], ends_ending: Sequence[bool]) -> list[int]:
    """Index of the bar that leads into each bar; -1 for the first. A later ending is entered from before the first one.

    Args:
        begins_ending: Whether each bar begins an ending.
        ends_ending: Whether the open ending stops after each bar.
    """
    before = []
    entrance = -1
    for index, begins in enumerate(begins_ending):
        if begins and not (index and ends_ending[index - 1]):
            entrance = index - 1
        before.append(entrance if begins else index - 1)
    return before


def completes_bar(length: int, full: int, before: int, before_is_pickup: bool) -> bool:
    """Whether a bar of `length` ticks after a sign is the second part of a bar that begins with `before` ticks."""
    return not before_is_pickup and length + before <= full
