"""Where phrases begin."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from ..core.piece import Bar

_BARS_A_PHRASE = 4

BarSigns = tuple[bool, bool, bool, bool]
"""Of a bar: whether it begins a repeat, ends one, begins an ending, and is a pick-up."""


def mark_phrases(bars: Sequence[Bar], begins: Collection[int] = (), are_known: bool = False) -> list[Bar]:
    """The bars with `phrase_start` set as `phrase_starts` has it."""
    signs = ((bar.repeat_start, bar.repeat_end, bool(bar.endings), bar.is_pickup) for bar in bars)
    starts = phrase_starts(signs, begins, are_known)
    return [
        bar if bar.phrase_start == start else replace(bar, phrase_start=start)
        for bar, start in zip(bars, starts, strict=True)
    ]


def phrase_starts(bars: Iterable[BarSigns], begins: Collection[int] = (), are_known: bool = False) -> list[bool]:
    """Whether a phrase begins with each bar: where a section does, then at known places or every fourth bar.

    A section begins with the piece, at `|:` and after `:|`; endings belong to the section before them.

    Args:
        bars: The signs of each bar.
        begins: Indices of bars where a phrase begins too.
        are_known: Whether `begins` names all phrases, as fermatas do in a hymn; else they begin sections, as after
            double bars, and sections are counted out in fours.
    """
    starts: list[bool] = []
    number = number_before_endings = 0
    after_repeat = True
    for index, (repeat_start, repeat_end, begins_ending, is_pickup) in enumerate(bars):
        is_section = repeat_start or (after_repeat and not begins_ending) or index == 0
        if is_section or (index in begins and not are_known):
            is_section, number = True, 0
        elif begins_ending:
            number = number_before_endings if after_repeat else number
            number_before_endings = number
        is_fourth = not are_known and number > 0 and number % _BARS_A_PHRASE == 0 and not is_pickup
        starts.append(is_section or index in begins or is_fourth)
        number += not is_pickup
        after_repeat = repeat_end
    return starts
