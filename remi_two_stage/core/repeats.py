"""What a repeat leaves to the players: where it goes back to (`A :| B :|` to the start of B) and in which key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, zip_longest

from .piece import Bar
from .playing_order import MOST_PLAYS, last_of_ending, order_of_repeats, plays_of_repeats, repeat_targets
from .signatures import Key


def with_repeat_starts(bars: Sequence[Bar]) -> list[Bar]:
    """The bars with a `|:` wherever playing goes back to but the first one, as every program understands it."""
    if not _leave_starts_out(bars):
        return list(bars)
    targets = repeat_targets(bars)
    return [
        replace(bar, repeat_start=True) if index in targets and not bar.repeat_start else bar
        for index, bar in enumerate(bars)
    ]


def without_idle_repeats(bars: Sequence[Bar]) -> list[Bar]:
    """The bars without a `:|` that sends nobody back, after the last of several endings: not every program knows."""
    later = {last_of_ending(bars, index) for index, bar in enumerate(bars) if bar.endings and 1 not in bar.endings}
    idle = {index for index, plays in plays_of_repeats(bars).items() if plays == 1 and index in later}
    return [replace(bar, repeat_end=False, ending_end=True) if index in idle else bar for index, bar in enumerate(bars)]


def without_silent_brackets(bars: Sequence[Bar]) -> tuple[tuple[Bar, ...], int]:
    """The bars without the brackets that keep one of them from ever being played, and how many these are."""
    found, count = list(bars), 0
    most = len(found) * max((number for bar in found for number in (bar.plays, *bar.endings)), default=0)
    while silent := set(range(len(found))).difference(order_of_repeats(found, most)):
        begin = max(index for index in range(min(silent) + 1) if found[index].endings)
        last = last_of_ending(found, begin)
        found[begin] = replace(found[begin], endings=())
        found[last] = replace(found[last], ending_end=False)
        count += 1
    return tuple(found), count


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


def plays_of_sections(bars: Sequence[Bar]) -> list[int]:
    """How often the section is played that the next repeat at or after each bar ends."""
    plays = [2] * len(bars)
    for index in reversed(range(len(bars))):
        plays[index] = bars[index].plays if bars[index].repeat_end or index + 1 == len(bars) else plays[index + 1]
    return plays


def keys_gone_back_to(bars: Sequence[Bar]) -> dict[int, Key]:
    """The key to which each repeat goes back, by the index of the bar before the repeat, where its signature differs
    from that bar's.
    """
    if len({bar.key.signature for bar in bars}) < 2:
        return {}
    return {
        index: bars[after].key
        for index, after in pairwise(order_of_repeats(bars, MOST_PLAYS * len(bars)))
        if after <= index and bars[after].key.signature != bars[index].key.signature
    }
