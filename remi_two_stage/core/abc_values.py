"""Note values, tuplets, broken rhythm and beams: how a bar is written that notes cut into stretches.

Conventions
- Positions within a bar are metrical: a pick-up begins where its bar's missing part ends.
- Ticks that no plain or dotted value begins on are written in triplets: one tick is a triplet of 64ths.
- A triplet begins on a multiple of its length, or of half of that where shorter triplets would tear a note in two.
- A tie shows where the beats of compound metres are, 6/4 among them: only values of whole beats reach over them. In
  other metres it shows them beside notes that are off the halves of beats; syncopation by halves of beats needs none.
- The middle of 4/4 and 2/2 is shown wherever a note reaches over it that begins or ends off a quarter, but not if it
  begins with the bar or is a quarter. Engraved songs and quartets have it so.
- A rest shows more than a note: in metres of two to four plain beats none is longer than a beat, or half a bar of four,
  and each begins on a multiple of its length. None reaches over groups of irregular metres or the middle of 12/8; nor
  does a note over the latter that needs a tie anyway.
- Irregular metres of eighths and shorter fall into groups of twos and threes, as the sum says that they are written as,
  or as most often: 3+2, 2+2+3, 3+3+2.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from itertools import groupby, pairwise

from .abc_spelling import Sounding
from .note_values import NOTE_VALUES
from .piece import Bar
from .signatures import TICKS_PER_WHOLE, Meter

_WHOLE, _HALF, _QUARTER, _EIGHTH, _SHORTEST_TRIPLET = 96, 48, 24, 12, 6
_GRID = 3  # ticks of a 32nd, the shortest value outside triplets
_DOUBLE_DOTTED = {value.ticks for value in NOTE_VALUES if value.dots == 2}
_VALUES, _TRIPLET_VALUES = (
    tuple(value.ticks for value in NOTE_VALUES if value.is_triplet == is_triplet) for is_triplet in (False, True)
)
_RESTS = {96: 96, 48: 48, 24: 24, 18: 24, 12: 12, 9: 12, 6: 6, 3: 3}
"""Ticks of rests in metres of plain beats -> on multiples of what they begin."""
_HALVED_BEATS = 4
"""A bar of so many beats has halves."""
_TIED_TRIPLETS: Collection[tuple[int | Fraction, ...]] = {(2, 4)}
_WHOLE_TRIPLETS = {(2, 4), (2,), (4,), (1, 4), (2, 5)}
"""Triplets that stay whole wherever they may begin, with or without ties to what stands beside them, and those that do
so without: where their notes after the first begin, in sixths of them.
"""
_WHOLE_TRIPLETS_OF_A_BEAT = {(1, 2, 4), (2, 3, 4), (2, 4, 5), (1, 2, 4, 5), (3, 4)}
"""Those that do so within a beat, and no longer than a quarter note: longer ones are triplets of each beat."""


@dataclass(slots=True)
class WrittenValue:
    """A stretch of a bar that one note value fills.

    Attributes:
        written: Ticks as written, which are more than there are in a triplet and differ beside a broken rhythm's sign.
        window: Where its triplet begins; None outside triplets.
        tuplet: The sign before the first value of a triplet.
        broken: The sign of broken rhythm after it.
        is_beamed: Whether it stands under one beam with the value after it.
        notes: What sounds.
    """

    start: int
    end: int
    written: Fraction
    window: int | None
    tuplet: str = ""
    broken: str = ""
    is_beamed: bool = False
    notes: list[Sounding] = field(default_factory=list)


def without_whole_rests(values: Iterable[WrittenValue]) -> Iterator[WrittenValue]:
    """The values with two half rests for each whole one."""
    for value in values:
        if value.notes or value.written != _WHOLE:
            yield value
        else:
            middle, half = (value.start + value.end) // 2, value.written / 2
            yield WrittenValue(value.start, middle, half, value.window, value.tuplet)
            yield WrittenValue(middle, value.end, half, value.window)


def break_rhythm(values: Sequence[WrittenValue], bar: Bar, bar_start: int, unpaired: Collection[int] = ()) -> bool:
    """Write pairs of notes that share a quarter or an eighth 3 to 1 as broken rhythm, unless the first is tied; whether
    there are any. They begin on a multiple of what they share, or on a beat or a unit of a compound one.

    Args:
        unpaired: Onsets of short and of held notes, which abc2midi does not take for one of a pair.
    """
    has_broken = False
    unit = bar.beat_length // (3 if bar.meter is not None and bar.meter.is_compound else 1)
    for first, second in pairwise(values):
        long, short = sorted((first.written, second.written), reverse=True)
        pair = second.end - first.start
        is_pair = (
            long == 3 * short and pair in (_EIGHTH, _QUARTER) and (first.start + bar.offset) % min(pair, unit) == 0
        )
        is_pair = is_pair and first.start not in unpaired and second.start not in unpaired
        is_plain = first.window is None and second.window is None and first.notes and second.notes
        if is_pair and is_plain and all(note.end <= bar_start + first.end for note in first.notes):
            first.broken = ">" if first.written == long else "<"
            first.written = second.written = Fraction(pair, 2)
            has_broken = True
    return has_broken


def join_beams(values: Sequence[WrittenValue], bar: Bar) -> None:
    """Join neighbours under beams: short ones within a triplet, a beat, a group of an irregular metre, a bar of 3/8, or
    half a bar of 4/4 or 2/2 in which nothing is written shorter than an eighth.
    """
    beams = {"4/4": (_HALF,), "3/8": (3 * _EIGHTH,)}.get(str(bar.meter)) or beat_groups(bar.meter)
    groups = [group_at(value.start + bar.offset, beams) for value in values]
    if beams == (_HALF,):
        with_short = {group for group, value in zip(groups, values, strict=True) if value.written < _EIGHTH}
        groups = [
            group_at(value.start + bar.offset, (_QUARTER,)) if group in with_short else group
            for group, value in zip(groups, values, strict=True)
        ]
    for (group, value), (next_group, following) in pairwise(zip(groups, values, strict=True)):
        is_together = group == next_group or value.window is not None
        is_short = max(value.written, following.written) < _QUARTER
        value.is_beamed = is_short and is_together and value.window == following.window


def beat_groups(meter: Meter | None) -> tuple[int, ...]:
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


def group_at(position: int, groups: tuple[int, ...]) -> tuple[int, int]:
    """Start and end of the group that a position lies in."""
    start = position - position % sum(groups)
    for length in groups:
        if position < start + length:
            break
        start += length
    return start, start + length


def note_values(cuts: Sequence[int], bar: Bar, sounds: Sequence[bool]) -> list[WrittenValue]:
    """Note values that fill a bar, none of them across a cut. A silent bar that one value fills is one rest, since
    there is no beat to be seen in it.

    Args:
        cuts: Where notes and rests begin, with the bar's start and end.
        bar: For its metre and where it begins in it.
        sounds: Whether something sounds from each cut to the next.
    """
    if not any(sounds) and bar.is_full and len(cuts) == 2 and bar.length in _VALUES:
        return [WrittenValue(0, bar.length, Fraction(bar.length), None)]
    origin = bar.offset if bar.offset % _GRID == 0 else 0
    positions = [cut + origin for cut in cuts]
    is_compound = bar.meter is not None and bar.meter.is_compound
    rounded_end = -(-positions[-1] // _WHOLE) * _WHOLE
    windows = dict(_triplets(positions, 0, rounded_end, _WHOLE, _EIGHTH if is_compound else _HALF))
    edges = {edge for window in windows.items() for edge in window if positions[0] < edge < positions[-1]}
    starts = sorted(windows)
    values = []
    for left, right in pairwise(sorted({*positions, *edges})):
        nearest = bisect_right(starts, left) - 1
        window = starts[nearest] if nearest >= 0 and left < windows[starts[nearest]] else None
        if window is not None:
            parts = _split(left, right, None, _TRIPLET_VALUES)
        elif sounds[bisect_right(positions, left) - 1]:
            parts = _split_at_beats(left, right, bar.meter)
        else:
            parts = _rests(left, right, bar.meter)
        for start, end in parts:
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


def _triplets(cuts: Sequence[int], first: int, last: int, size: int, most: int) -> Iterator[tuple[int, int]]:
    """Start and end of the triplets that the cuts between two places need, the longest that there are.

    Args:
        size: Ticks of the longest that are tried.
        most: Ticks of the longest within which notes may go on from before or to after.
    """
    if all(cut % _GRID == 0 for cut in cuts[bisect_right(cuts, first) : bisect_left(cuts, last)]):
        return
    is_shortest = size == _SHORTEST_TRIPLET
    for start in range(first, last - size + 1, size if is_shortest else size // 2):
        is_on_beat = size <= most and start % size == 0
        is_regular = is_on_beat and _needs_triplet(cuts, start, size)
        if start >= first and (is_regular or _is_whole_triplet(cuts, start, size, is_on_beat)):
            yield from _triplets(cuts, first, start, size // 2, most)
            yield start, start + size
            first = start + size
    if not is_shortest:
        yield from _triplets(cuts, first, last, size // 2, most)


def _needs_triplet(cuts: Sequence[int], start: int, size: int) -> bool:
    """Whether there are cuts off the grid within a triplet, and all are on its thirds; anywhere in the shortest."""
    inside = cuts[bisect_right(cuts, start) : bisect_left(cuts, start + size)]
    is_on_thirds = size == _SHORTEST_TRIPLET or all((cut - start) % (size // 3) == 0 for cut in inside)
    return is_on_thirds and any(cut % _GRID for cut in inside)


def _is_whole_triplet(cuts: Sequence[int], start: int, size: int, is_on_beat: bool) -> bool:
    """Whether cuts make a triplet that begins and ends with notes, or one of three equal notes that may be tied."""
    inside = cuts[bisect_right(cuts, start) : bisect_left(cuts, start + size)]
    sixths = tuple(Fraction(6 * (cut - start), size) for cut in inside)
    if not {start, start + size}.issubset(cuts):
        return sixths in _TIED_TRIPLETS
    is_of_a_beat = is_on_beat and size <= _QUARTER
    return sixths in _WHOLE_TRIPLETS or (is_of_a_beat and sixths in _WHOLE_TRIPLETS_OF_A_BEAT)


def _split_at_beats(start: int, end: int, meter: Meter | None) -> Iterator[tuple[int, int]]:
    """Cut a stretch outside triplets into note values, at beats first where it is off the halves of them."""
    for left, right in pairwise((start, *_shown_beats(start, end, meter), end)):
        yield from _split(left, right, meter, _VALUES)


def _shown_beats(start: int, end: int, meter: Meter | None) -> list[int]:
    """The beats at which a note is tied: the middle of 4/4 and 2/2, unless it begins with the bar or is off quarters by
    no more than syncopation of a quarter note is; and where it begins or ends off the halves of beats, the beat after
    its start and the one before its end. None of the latter where it has two dots and begins on a beat.
    """
    if meter is not None and meter.is_compound:
        return []
    beat = _QUARTER if meter is None else min(meter.beat_length, _QUARTER)
    is_off_at_start, is_off_at_end = (2 * position % beat > 0 for position in (start, end))
    is_off = is_off_at_start or is_off_at_end
    beats = set()
    if str(meter) in ("4/4", "2/2") and start % _WHOLE > 0:
        is_off_quarters = (start % _QUARTER or end % _QUARTER) and end - start != _QUARTER
        beats |= {start - start % _WHOLE + _HALF} if is_off or is_off_quarters else set()
    if is_off_at_start:
        beats.add(start - start % beat + beat)
    if is_off_at_end and (start % beat or end - start not in _DOUBLE_DOTTED):
        beats.add(end - end % beat)
    return sorted(position for position in beats if start < position < end)


def _split(start: int, end: int, meter: Meter | None, values: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Cut a stretch into note values, up to the next beat first where it does not begin on one."""
    groups = _shown_groups(meter)
    has_triple_beats = meter is not None and _has_triple_beats(meter)
    is_in_groups = has_triple_beats or len(groups) > 1
    unit = TICKS_PER_WHOLE // meter.denominator if meter is not None else _QUARTER
    while start < end:
        length = end - start
        beat, next_beat = group_at(start, groups)
        hides_beat = next_beat < end and (has_triple_beats or (len(groups) > 1 and length in _DOUBLE_DOTTED))
        if length not in values or hides_beat:
            most = length if start == beat else min(length, next_beat - start)
            if is_in_groups and start % unit and most not in values:
                most = min(most, unit - start % unit)
            if length not in values:
                most = min(most, _to_middle(start, meter))
            fitting = [value for value in values if value <= most]
            if is_in_groups:
                fitting = [value for value in fitting if value <= next_beat - start or _is_beat(start + value, groups)]
                fitting = [value for value in fitting if value not in _DOUBLE_DOTTED] or fitting
            length = fitting[0]
        yield start, start + length
        start += length


def _rests(start: int, end: int, meter: Meter | None) -> Iterator[tuple[int, int]]:
    """Cut a silent stretch outside triplets into rests; in metres without two to four plain beats as if a note sounded
    in each group of an irregular metre, or half of 12/8.
    """
    groups = beat_groups(meter)
    if meter is None or meter.numerator > _HALVED_BEATS or len(groups) > 1 or str(meter) == "3/8":
        while start < end:
            edge = group_at(start, groups)[1] if len(groups) > 1 else start + _to_middle(start, meter)
            yield from _split_at_beats(start, min(edge, end), meter)
            start = edge
        return
    most = TICKS_PER_WHOLE // meter.denominator * (2 if meter.numerator == _HALVED_BEATS else 1)
    while start < end:
        longest = min(most, end - start)
        length = next(rest for rest, place in _RESTS.items() if rest <= longest and start % place == 0)
        yield start, start + length
        start += length


def _to_middle(start: int, meter: Meter | None) -> int:
    """Ticks to the middle of a bar of 12/8 and the like, or to its end; in other metres more than any note has."""
    if meter is None or meter.numerator != 3 * _HALVED_BEATS:
        return 2 * _VALUES[0]
    half = meter.bar_length // 2
    return half - start % half


def _shown_groups(meter: Meter | None) -> tuple[int, ...]:
    """The groups that ties and rests show: those of beams, but beats of three units in metres such as 6/4 too."""
    if meter is not None and _has_triple_beats(meter) and "+" not in meter.written:
        return (3 * TICKS_PER_WHOLE // meter.denominator,)
    return beat_groups(meter)


def _has_triple_beats(meter: Meter) -> bool:
    return meter.numerator % 3 == 0 and meter.numerator > 3


def _is_beat(position: int, groups: tuple[int, ...]) -> bool:
    return group_at(position, groups)[0] == position
