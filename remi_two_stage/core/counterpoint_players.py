"""How the players of a quartet go with one another in rhythm, beside the rules of `counterpoint.py`.

In OpenScore's quartets 6 % of the bars in which all four play have one rhythm in all of them, and 18 % of the times at
which any begins a note are common to all four: some hold notes where others move, the cello and the first violin more
than the inner voices. Composed without help, 14 % of the bars have one rhythm, and 35 % of the times are common.

Times are ticks from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log2

from .counterpoint import Costs
from .counterpoint_parts import Part
from .vocabulary import IDS

_DURATION = IDS["Duration"]
_TOGETHER = (1.0, 0.5, 1.0)
"""The share of the cost of beginning together with so many others, from one on; the cello is written second, the second
violin, which goes with another voice more often, third.
"""


def costs_of_moving(ids: range, time: int, bar_end: int, others: Sequence[Part], costs: Costs) -> list[float]:
    """What each length of a player's note costs by where it ends before its bar does; other tokens cost nothing.

    Args:
        time: Where the note begins.
        others: The players that begin notes in the bar, one to three of them.
    """
    together, left = costs.together * _TOGETHER[len(others) - 1], bar_end - time
    ends = [time + token - _DURATION.start + 1 if token in _DURATION else bar_end for token in ids]
    return [
        costs.moving * log2(left / (end - time)) + together * all(part.moves(end) for part in others)
        if end < bar_end
        else 0.0
        for end in ends
    ]
