"""What a tune of one voice costs by its form and its style, beside the rules of `counterpoint.py`: where its parts lie
and how they close, and the rhythm of its beats.

Of music21's tunes 93 % of the parts over the tonic's chord end on the tonic, and in 85 % of those with several parts
the second one lies higher than the first, by 2.8 semitones on average. In strathspeys 56 % of the pairs of notes that
fill a beat are dotted and 20 % are snaps; in marches in 4/4 half are dotted. Notes that are tied over a beat begin and
end on eighths: of 69,769 notes of tunes in 4/4 and 2/2 six do so with less, of composed strathspeys one in 130 did.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from .abc_values import beat_groups, group_at
from .counterpoint import Costs, is_uneven, is_whole
from .grammar_structure import ENDING_END, PICK_UP, REPEAT_END, REPEAT_START
from .signatures import TICKS_PER_QUARTER, TICKS_PER_WHOLE, Meter
from .vocabulary import DETAIL, IDS

_DURATION = IDS["Duration"]
_RISE = 2
"""Semitones by which later parts lie above the middle between the first one and where tunes usually lie."""
_EIGHTH, _16TH, _DOTTED_EIGHTH = TICKS_PER_QUARTER // 2, TICKS_PER_QUARTER // 4, 3 * TICKS_PER_QUARTER // 4
_PAIRS: dict[str, Mapping[int, float]] = {
    "strathspey": {_EIGHTH: 1.0, _16TH: -0.3},
    "march": {_DOTTED_EIGHTH: -1.0, _16TH: 1.0},
}
"""By style, what share of the cost of pairs the first note of one has in bars of four quarter notes, by its ticks."""


class TuneParts:
    """Follows a sequence for one voice: where the first part lies, and with which bars parts end.

    Bars are counted from 1.
    """

    def __init__(self) -> None:
        self._ends: set[int] = set()
        self._first: list[int] = []
        self._is_written = self._is_later = False
        self._last = DETAIL

    def read(self, token: int, bar: int) -> None:
        """A token, and its bar."""
        is_end = token == REPEAT_END and self._last != ENDING_END  # a first ending leads back
        is_next = token in PICK_UP and bar > 1
        if token == DETAIL:
            self._is_written = True
        elif (is_end or is_next) and not self._is_written:
            self._ends.add(bar - is_next)
        elif (is_end or is_next or token == REPEAT_START) and self._first:
            self._is_later = True
        self._last = token

    def add(self, pitch: int) -> None:
        """A note."""
        if not self._is_later:
            self._first.append(pitch)

    def end_with(self, bar: int) -> bool:
        """Whether a part ends with a bar, other than the last one."""
        return bar in self._ends

    def height(self, bar: int, usual: float) -> float | None:
        """About which pitch a bar lies that belongs to a later part and does not end it, where tunes usually lie about
        a given one.
        """
        is_high = self._is_later and not self.end_with(bar)
        return (sum(self._first) / len(self._first) + usual) / 2 + _RISE if is_high else None


@cache
def costs_of_lengths(ids: range, place: int, meter: Meter, style: str | None, costs: Costs) -> list[float]:
    """What each length of a note costs at a metrical position: by where it ends, and by the style's pairs of notes;
    other tokens cost nothing.
    """
    of_four_quarters = meter.bar_length == TICKS_PER_WHOLE
    pairs = _PAIRS.get(style or "", {}) if of_four_quarters and place % TICKS_PER_QUARTER == 0 else {}
    ends = [place + token - _DURATION.start + 1 if token in _DURATION else place for token in ids]
    return [
        costs.fragment * (end > place and not is_whole(place % _EIGHTH, end - place + place % _EIGHTH, meter))
        + costs.over * (of_four_quarters and _is_tied_over(place, end, meter.beat_length))
        + costs.group * (is_uneven(meter) and _tears_group(place, end, meter))
        + costs.pair * pairs.get(end - place, 0.0)
        for end in ends
    ]


def _is_tied_over(start: int, end: int, beat: int) -> bool:
    """Whether a note begins within a beat and is tied into the next one, in 16ths that are no eighths."""
    is_over = start % beat != 0 and end > start - start % beat + beat
    return is_over and start % _16TH == end % _16TH == 0 and (start % _EIGHTH != 0 or end % _EIGHTH != 0)


def _tears_group(start: int, end: int, meter: Meter) -> bool:
    """Whether a note begins or ends within a group of a metre of five, seven or the like, and reaches over its end."""
    eighths = beat_groups(Meter(meter.numerator, 8))
    groups = tuple(8 * group // meter.denominator for group in eighths)
    first, last = group_at(start, groups), group_at(end, groups)
    return end > first[1] and (start > first[0] or end > last[0])
