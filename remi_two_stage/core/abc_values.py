"""Note values, tuplets, broken rhythm and beams: how a bar is written that notes cut into stretches.

Conventions
- Positions within a bar are metrical: a pick-up begins where its bar's missing part ends.
- Ticks that no plain or dotted value begins on are written in triplets: one tick is a triplet of 64ths.
- A tie shows where the beats of compound metres are: only values of whole beats reach over them.
- Irregular metres of eighths and shorter fall into groups of twos and threes, as the sum says that they are written as,
  or as most often: 3+2, 2+2+3, 3+3+2.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from itertools import groupby, pairwise

from .abc_spelling import Sounding
from .note_values import NOTE_VALUES
from .piece import Bar
from .signatures import TICKS_PER_WHOLE, Meter

_HALF, _QUARTER, _EIGHTH, _SHORTEST_TRIPLET = 48, 24, 12, 6
_GRID = 3  # ticks of a 32nd, the shortest value outside triplets
_DOUBLE_DOTTED = {value.ticks for value in NOTE_VALUES if value.dots == 2}
_VALUES, _TRIPLET_VALUES = (
    tuple(value.ticks for value in NOTE_VALUES if value.is_triplet == is_triplet) for is_triplet in (False, True)
)


@dataclass(slots=True)
class WrittenValue:
    """A stretch of a bar that one note value fills.

    Attributes:
        written: Ticks as written, which are more than there are in a triplet and differ beside a broken rhythm's sign.
        window: Where its triplet begins; None outside triplets.
        tuplet: The sign before the first value of a triplet.
        broken: The sign of broken rhythm after it.
        notes: What sounds.
    """

    start: int
    end: int
    written: Fraction
    window: int | None
    tuplet: str = ""
    broken: str = ""
    notes: list[Sounding] = field(default_factory=list)


def break_rhythm(values: Sequence[WrittenValue], bar_start: int, staccato: Collection[int] = ()) -> bool:
    """Write pairs of notes that share a quarter or an eighth 3 to 1 as broken rhythm, unless the first is tied; whether
    there are any.

    Args:
        staccato: Onsets of short notes, which abc2midi does not take for one of a pair.
    """
    has_broken = False
    for first, second in pairwise(values):
        long, short = sorted((first.written, second.written), reverse=True)
        pair = second.end - first.start
        is_pair = long == 3 * short and pair in (_EIGHTH, _QUARTER) and first.start % pair == 0
        is_pair = is_pair and first.start not in staccato and second.start not in staccato
        is_plain = first.window is None and second.window is None and first.notes and second.notes
        if is_pair and is_plain and all(note.end <= bar_start + first.end for note in first.notes):
            first.broken = ">" if first.written == long else "<"
            first.written = second.written = Fraction(pair, 2)
            has_broken = True
    return has_broken


def is_beamed(value: WrittenValue, following: WrittenValue, bar: Bar) -> bool:
    """Whether two neighbours stand under one beam: short ones within a beat, a group of an irregular metre, half a bar
    of 4/4, or a bar of 3/8.
    """
    if max(value.written, following.written) >= _QUARTER or value.window != following.window:
        return False
    beams = {"4/4": (_HALF,), "3/8": (3 * _EIGHTH,)}.get(str(bar.meter)) or _groups(bar.meter)
    return _group_at(value.start + bar.offset, beams) == _group_at(following.start + bar.offset, beams)


def _groups(meter: Meter | None) -> tuple[int, ...]:
    """Ticks of the beats of a bar, or of the groups that stand for beats in irregular metres; they come again and again
    where a bar is longer.
    """
    return (_QUARTER,) if meter is None else _groups_of(meter.numerator, meter.denominator, meter.written)


@lru_cache(maxsize=256)
def _groups_of(numerator: int, denominator: int, written: str) -> tuple[int, ...]:
    meter = Meter(numerator, denominator)
    sums = tuple(map(int, written.partition("/")[0].split("+"))) if "+" in written else ()
    if denominator < 8 or numerator < 4 or (meter.is_compound and not sums):
        return (meter.beat_length,)
    return tuple(TICKS_PER_WHOLE // denominator * count for count in sums or _twos_and_threes(numerator))


def _twos_and_threes(count: int) -> tuple[int, ...]:
    """The usual grouping of the units of an irregular bar: threes first, but 7 is 2+2+3."""
    twos = -count % 3
    threes = (count - 2 * twos) // 3
    return (2, 2, 3) if count == 7 else (3,) * threes + (2,) * twos


def _group_at(position: int, groups: tuple[int, ...]) -> tuple[int, int]:
    """Start and end of the group that a position lies in."""
    start = position - position % sum(groups)
    for length in groups:
        if position < start + length:
            break
        start += length
    return start, start + length


def note_values(cuts: Sequence[int], bar: Bar, is_silent: bool = False) -> list[WrittenValue]:
    """Note values that fill a bar, none of them across a cut; `cuts` hold the bar's start and end too. A silent bar
    that one value fills is one rest, since there is no beat to be seen in it.
    """
    if is_silent and bar.is_full and len(cuts) == 2 and bar.length in _VALUES:
        return [WrittenValue(0, bar.length, Fraction(bar.length), None)]
    origin = bar.offset if bar.offset % _GRID == 0 else 0
    positions = [cut + origin for cut in cuts]
    is_compound = bar.meter is not None and bar.meter.is_compound
    windows = dict(_triplets(positions, positions[0], positions[-1], _EIGHTH if is_compound else _HALF))
    edges = {edge for window in windows.items() for edge in window if positions[0] < edge < positions[-1]}
    starts = sorted(windows)
    values = []
    for left, right in pairwise(sorted({*positions, *edges})):
        nearest = bisect_right(starts, left) - 1
        window = starts[nearest] if nearest >= 0 and left < windows[starts[nearest]] else None
        for start, end in _split(left, right, bar.meter, _VALUES if window is None else _TRIPLET_VALUES):
            written = Fraction(end - start) * (1 if window is None else Fraction(3, 2))
            values.append(WrittenValue(start - origin, end - origin, written, window))
    for _, group in groupby(values, key=lambda value: value.window):
        first, *others = group
        if first.window is not None:
            first.tuplet = _triplet_sign([value.written for value in (first, *others)])
    return values


def _triplet_sign(written: Sequence[Fraction]) -> str:
    """What stands before the values of a triplet: of three that differ as six in the time of four, because abcjs takes
    them else for three of the first.
    """
    if len(written) == 3:
        return "(3" if 3 * written[0] == sum(written) else "(6:4:3"
    return f"(3:2:{len(written)}"


def _triplets(cuts: Sequence[int], first: int, last: int, size: int) -> Iterator[tuple[int, int]]:
    """Start and end of the triplets that the cuts need: the longest that have all cuts within them on their grid."""
    for start in range(first - first % size, last, size):
        end = start + size
        inside = cuts[bisect_right(cuts, start) : bisect_left(cuts, end)]
        if all(cut % _GRID == 0 for cut in inside):
            continue
        if size == _SHORTEST_TRIPLET or all((cut - start) % (size // 3) == 0 for cut in inside):
            yield start, end
        else:
            yield from _triplets(inside, start, end, size // 2)


def _split(start: int, end: int, meter: Meter | None, values: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Cut a stretch into note values, up to the next beat first where it does not begin on one."""
    groups = _groups(meter)
    is_compound = meter is not None and meter.is_compound
    while start < end:
        length = end - start
        beat, next_beat = _group_at(start, groups)
        hides_beat = next_beat < end and (is_compound or (len(groups) > 1 and length in _DOUBLE_DOTTED))
        if length not in values or hides_beat:
            most = length if start == beat else min(length, next_beat - start)
            fitting = [value for value in values if value <= most]
            if is_compound or len(groups) > 1:
                fitting = [value for value in fitting if value <= next_beat - start or _is_beat(start + value, groups)]
                fitting = [value for value in fitting if value not in _DOUBLE_DOTTED] or fitting
            length = fitting[0]
        yield start, start + length
        start += length


def _is_beat(position: int, groups: tuple[int, ...]) -> bool:
    return _group_at(position, groups)[0] == position
