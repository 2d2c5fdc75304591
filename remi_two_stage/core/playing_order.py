"""The order in which repeats, endings and jumps (da capo, dal segno) have bars played, and what it follows from: where
endings end, and what leads into a bar.

A room of its own beside `piece.py` because the signs of bars are all that it looks at: those of a `Bar`, and those of
a plan that is still being read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Protocol

from .notation import JUMPS

MOST_PLAYS = 10
"""Of a section, on average; beyond, nobody plays the piece."""


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


class JumpSigns(PlayedSigns, Protocol):
    """What of a bar says when it is played, if there may be jumps."""

    @property
    def jumps(self) -> tuple[str, ...]:
        """The signs of `notation.SIGNS_BEFORE`, `notation.SIGNS_AFTER` and `notation.JUMPS` that stand at it."""


def playing_order(bars: Sequence[JumpSigns], most: int) -> list[int]:
    """Indices of the bars in playing order, up to one more than `most`: with their repeats up to the last time that a
    jump is reached, from there on without.
    """
    order = list(order_of_repeats(bars, most))
    jump = jump_of(bars)
    if jump is None or jump not in order or len(order) > most:
        return order
    return [*order[: len(order) - order[::-1].index(jump)], *after_jump(bars, jump)][: most + 1]


def jump_of(bars: Sequence[JumpSigns]) -> int | None:
    """Index of the bar after which playing jumps back, if there is one; the first of several."""
    return next((index for index, bar in enumerate(bars) if any(sign in JUMPS for sign in bar.jumps)), None)


def after_jump(bars: Sequence[JumpSigns], jump: int) -> Iterator[int]:
    """Indices of the bars that are played after the jump that stands at bar `jump`: once, with the last of alternative
    endings, to the end or into the coda as the jump says; a jump that does not say it goes by the signs there are.
    After the Fine comes the coda that stands behind the jump, if there is one.
    """
    sign, signs = _sign_of(bars[jump]), [set(bar.jumps) for bar in bars]
    index = _last_with("segno", signs[: jump + 1]) if sign.startswith("D.S.") else 0
    to_fine = _ends_at_fine(sign, signs)
    leaves = not to_fine and any("dacoda" in of_bar for of_bar in signs[index : jump + 1])
    while index < len(bars):
        last = last_of_ending(bars, index) if bars[index].endings else index
        if bars[index].endings and last + 1 < len(bars) and bars[last + 1].endings:
            index = last + 1
            continue
        yield index
        if to_fine and "fine" in signs[index]:
            index, to_fine = _after_fine(signs, jump), False
            continue
        is_left = leaves and index <= jump and (index == jump or "dacoda" in signs[index])
        index = _coda(signs, index, index + 1) if is_left else index + 1
        leaves = leaves and not is_left


def goes_on_after_fine(bars: Sequence[JumpSigns]) -> bool:
    """Whether a coda is played after the Fine ("D.C. al Fine e poi la Coda"), which not every program knows of."""
    jump = jump_of(bars)
    if jump is None:
        return False
    sign, signs = _sign_of(bars[jump]), [set(bar.jumps) for bar in bars]
    return _ends_at_fine(sign, signs) and _after_fine(signs, jump) < len(bars)


def full_jump(bars: Sequence[JumpSigns], jump: int) -> str:
    """The sign of the jump that stands at bar `jump`, saying what it means: "D.C.alfine" where a "D.C." stops at a
    Fine.
    """
    sign, signs = _sign_of(bars[jump]), [set(bar.jumps) for bar in bars]
    if sign not in ("D.C.", "D.S."):
        return sign
    if _ends_at_fine(sign, signs):
        return sign + "alfine"
    return sign + "alcoda" if any("dacoda" in of_bar for of_bar in signs[: jump + 1]) else sign


def _sign_of(bar: JumpSigns) -> str:
    """The sign of the jump that stands at a bar."""
    return next(sign for sign in bar.jumps if sign in JUMPS)


def _ends_at_fine(sign: str, signs: Sequence[set[str]]) -> bool:
    """Whether a jump has bars played up to the Fine."""
    return sign.endswith("fine") or (not sign.endswith("coda") and any("fine" in of_bar for of_bar in signs))


def _after_fine(signs: Sequence[set[str]], jump: int) -> int:
    """Index of the bar that is played after the Fine: the coda behind the jump, if no other sign leads there."""
    has_lead = any("dacoda" in of_bar for of_bar in signs)
    return len(signs) if has_lead else _coda(signs, jump, len(signs))


def _last_with(sign: str, signs: Sequence[set[str]]) -> int:
    """Index of the last bar with a sign; 0 if none has it."""
    return max((index for index, of_bar in enumerate(signs) if sign in of_bar), default=0)


def _coda(signs: Sequence[set[str]], index: int, without: int) -> int:
    """Index of the coda that is entered after bar `index`; `without` if there is none."""
    return next((coda for coda in range(index + 1, len(signs)) if "coda" in signs[coda]), without)


def order_of_repeats(bars: Sequence[PlayedSigns], most: int) -> Iterator[int]:
    """Indices of the bars in the order of repeats and endings alone, up to one more than `most`."""
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


def repeat_targets(bars: Sequence[PlayedSigns]) -> set[int]:
    """Indices of the bars to which repeats go back, but for the first bar, which every player knows."""
    order = list(order_of_repeats(bars, MOST_PLAYS * len(bars)))
    return {after for index, after in pairwise(order) if 0 < after <= index}


def plays_of_repeats(bars: Sequence[PlayedSigns]) -> dict[int, int]:
    """How often what stands before each `:|` is played in all, by the bar's index: once more than it sends back, which
    is once after the last of several endings. The first of a section counts all its plays, as LilyPond needs to know.
    """
    most = MOST_PLAYS * len(bars)
    order = list(order_of_repeats(bars, most))
    if len(order) > most:
        return {}
    steps = [(index, after) for index, after in pairwise(order) if after <= index]
    plays = {index: 1 for index in order if bars[index].repeat_end}
    for index, _ in steps:
        plays[index] += 1
    for start, returns in Counter(after for _, after in steps).items():
        plays[min(index for index, after in steps if after == start)] = 1 + returns
    return plays


def unmarked_endings(bars: Sequence[PlayedSigns]) -> dict[int, tuple[int, int]]:
    """What is played in place of a first ending where no later one is marked: index of its first bar -> index of its
    last, which makes it as long as the ending before if no repeat comes first, and the pass. None stands where a repeat
    goes back to.
    """
    begun = [index for index, bar in enumerate(bars) if bar.endings]
    if not begun:
        return {}
    steps = set(pairwise(order_of_repeats(bars, MOST_PLAYS * len(bars))))
    targets = {after for index, after in steps if after <= index}
    found: dict[int, tuple[int, int]] = {}
    for index in begun:
        first = last_of_ending(bars, index) + 1
        is_free = first < len(bars) and not (bars[first].endings or bars[first].repeat_start or first in targets)
        if is_free and bars[first - 1].repeat_end and (index - 1, first) in steps:
            last = first
            while last + 1 < min(len(bars), 2 * first - index) and not has_sign(bars, last):
                last += 1
            found[first] = last, max(bars[index].endings) + 1
    return found


def has_sign(bars: Sequence[PlayedSigns], index: int) -> bool:
    """Whether a repeat or an ending stands between a bar and the next."""
    bar, after = bars[index], bars[index + 1]
    return bar.repeat_end or bar.ending_end or after.repeat_start or bool(after.endings)


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
    if not any(begins_ending):
        return list(range(-1, len(begins_ending) - 1))
    before = []
    entrance = -1
    for index, begins in enumerate(begins_ending):
        if begins and not (index and ends_ending[index - 1]):
            entrance = index - 1
        before.append(entrance if begins else index - 1)
    return before


def bar_numbers(are_pickups: Iterable[bool]) -> list[int]:
    """The number of each bar as a musician counts: a pick-up has that of the bar before it, 0 at the start, and so the
    second half of a bar that a repeat splits has that of the first.
    """
    return list(accumulate(int(not is_pickup) for is_pickup in are_pickups))


def completes_bar(length: int, full: int, before: int, before_is_pickup: bool) -> bool:
    """Whether a bar of `length` ticks after a sign is the second part of a bar that begins with `before` ticks."""
    return not before_is_pickup and length + before <= full
