"""Where phrases begin."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ..core.piece import Bar

_BARS_A_PHRASE = 4


def mark_phrases(bars: Sequence[Bar], begins: Collection[int] = (), are_known: bool = False) -> list[Bar]:
    """The bars with `phrase_start` set: where a section begins, then at known places or every fourth bar.

    A section begins with the piece, at `|:` and after `:|`; endings belong to the section before them.

    Args:
        bars: Any bars.
        begins: Indices of bars where a phrase begins too.
        are_known: Whether `begins` names all phrases, as fermatas do in a hymn; else they begin sections, as after
            double bars, and sections are counted out in fours.
    """
    marked: list[Bar] = []
    number = number_before_endings = 0
    for index, bar in enumerate(bars):
        after_repeat = index > 0 and bars[index - 1].repeat_end
        is_section = index == 0 or bar.repeat_start or (after_repeat and not bar.endings)
        if is_section or (index in begins and not are_known):
            is_section, number = True, 0
        elif bar.endings:
            number = number_before_endings if after_repeat else number
            number_before_endings = number
        is_fourth = not are_known and number > 0 and number % _BARS_A_PHRASE == 0 and not bar.is_pickup
        phrase_start = is_section or index in begins or is_fourth
        marked.append(bar if bar.phrase_start == phrase_start else replace(bar, phrase_start=phrase_start))
        number += not bar.is_pickup
    return marked
