"""Repeats whose start a source leaves out because players know it: `A :| B :|` goes back to the start of B."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

from .piece import Bar
from .playing_order import repeat_targets


def with_repeat_starts(bars: Sequence[Bar]) -> list[Bar]:
    """The bars with a `|:` wherever playing goes back to but the first one, as every program understands it."""
    if not _leave_starts_out(bars):
        return list(bars)
    targets = repeat_targets(bars)
    return [
        replace(bar, repeat_start=True) if index in targets and not bar.repeat_start else bar
        for index, bar in enumerate(bars)
    ]


def _leave_starts_out(bars: Sequence[Bar]) -> bool:
    """Whether a repeat ends that neither a `|:` nor the start of the piece has opened."""
    is_open = True
    for bar, following in zip_longest(bars, bars[1:]):
        is_open = is_open or bar.repeat_start
        if bar.repeat_end and not is_open:
            return True
        if (bar.repeat_end or bar.ending_end) and not (following and following.endings):
            is_open = False
    return False
