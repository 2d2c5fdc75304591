"""Repeats whose start a source leaves out because players know it: `A :| B :|` goes back to the start of B."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .piece import Bar
from .playing_order import repeat_targets


def with_repeat_starts(bars: Sequence[Bar]) -> list[Bar]:
    """The bars with a `|:` wherever playing goes back to but the first one, as every program understands it."""
    if not any(bar.repeat_end or bar.endings for bar in bars):
        return list(bars)
    targets = repeat_targets(bars)
    return [
        replace(bar, repeat_start=True) if index in targets and not bar.repeat_start else bar
        for index, bar in enumerate(bars)
    ]
