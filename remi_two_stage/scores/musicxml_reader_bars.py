"""From the measures of a MusicXML score's parts to bars without notes: lengths, metres, keys, repeats, endings, jumps.

Conventions
- A bar is one measure of all parts, a column; what stands in any part's holds for all.
- Rests and `<forward>` of one part make no bar longer than its metre; a rest of the whole measure makes none longer.
- A short bar is a pick-up if it says so, comes first and is shorter than the next, or completes the bar before it.
- Jumps of a score with several movements, or several jumps, are counted and left out.
- A score of our own says itself which bars are pick-ups, and its brackets are taken as they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from xml.etree.ElementTree import Element

from ..core.double_lines import with_double_lines
from ..core.errors import ScoreFormatError
from ..core.notation import JUMPS, SIGNS_BEFORE, DoubleLine
from ..core.piece import Bar, Piece
from ..core.playing_order import MOST_PLAYS, are_in_endings, last_of_ending, order_of_repeats
from ..core.repeats import with_repeat_starts, without_silent_brackets
from ..core.signatures import MODES, TICKS_PER_QUARTER, Key, Meter, name_at
from .musicxml_names import DOUBLE_LINES, NO_JOG
from .musicxml_reader_document import is_whole
from .musicxml_reader_measure import Measure
from .musicxml_reader_numbers import Signature

_LONGEST_BAR = 1000 * TICKS_PER_QUARTER
_MOST_PLAYS, _MOST_BEATS = 9, 12
_PASSES = re.compile(r"(?<![0-9])([0-9]{1,2})(?![0-9])(?:[. ]*[-\u2013][ ]*([0-9]{1,2})(?![0-9]))?", re.ASCII)
_GOES_ON = "goes on"
_SLACK = 2
"""Ticks that a bar may be too long or too short, from rounded durations."""

Column = Sequence[Measure | None]


def bars_of(columns: Sequence[Column], is_own: bool, losses: Counter[str]) -> tuple[list[Bar], list[bool]]:
    """The bars of a score, and for each whether the mode of its key is written; a key without one is major for now.

    Raises:
        ScoreFormatError: a measure is beyond a thousand quarter notes long.
    """
    meters = _meters(columns, losses)
    lengths = [
        _length_of(column, meter, index, is_own)
        for index, (column, meter) in enumerate(zip(columns, meters, strict=True))
    ]
    if not is_own:
        lengths = [_rounded(length, meter) for length, meter in zip(lengths, meters, strict=True)]
        lengths[-1] = _last_length(columns[-1], meters[-1], lengths)
    if not any(measure and measure.meter for column in columns for measure in column):
        meters = [_usual_meter(lengths)] * len(columns)
    signatures = _signatures(columns, losses)
    bars: list[Bar] = []
    for index, (column, meter, length) in enumerate(zip(columns, meters, lengths, strict=True)):
        signature = signatures[index]
        mode = signature.mode or "maj"
        is_short = meter is not None and length < meter.bar_length
        is_pickup = is_short and _is_pickup(column, bars, length, lengths[index + 1 : index + 2], is_own)
        bars.append(Bar(meter, Key(name_at(signature.sharps - MODES[mode]), mode), length, (), is_pickup=is_pickup))
    bars = _with_repeats(bars, columns, losses)
    bars = _counted_once(_with_endings(bars, columns, is_own))
    if not is_own:
        bars = _repeated_within_movements(_without_idle_brackets(bars, losses), columns)
    bars = _with_jumps(bars, columns, is_own, losses)
    if not is_own:
        bars = _all_played(bars, losses)
    bars = with_double_lines(with_repeat_starts(bars), _double_lines(columns))
    return bars, [signature.mode is not None for signature in signatures]


# --- lengths, metres, keys


def _meters(columns: Sequence[Column], losses: Counter[str]) -> list[Meter | None]:
    """The metre of each bar: that of the first part which changes it there; others are counted."""
    meters: list[Meter | None] = []
    meter: Meter | None = Meter()
    for column in columns:
        changes = [measure.meter for measure in column if measure is not None and measure.meter]
        (meter,) = changes[0] if changes else (meter,)
        losses["a time signature"] += sum(change != (meter,) for change in changes)
        meters.append(meter)
    return meters


def _length_of(column: Column, meter: Meter | None, index: int, is_own: bool) -> int:
    """Ticks of a bar: to the end of its notes, or as far as rests and `<forward>` of all parts go; of our own, as far
    as anything goes.
    """
    measures = [measure for measure in column if measure is not None]
    sung = max(measure.sung for measure in measures)
    filled = [measure.filled for measure in measures if measure.filled]
    rest = min((measure.rest for measure in measures if measure.rest), default=0)
    if is_own and (rest or filled):
        length = max([rest, *filled])
    elif meter is None:
        length = max([sung, *filled]) or rest or Meter().bar_length
    elif filled:
        length = max(sung, min(max(filled), max(min(filled), meter.bar_length)))
    else:
        length = min(rest, meter.bar_length) or meter.bar_length
    if length > _LONGEST_BAR:
        raise ScoreFormatError(
            f"the measure is {length / TICKS_PER_QUARTER:.0f} quarter notes long, a thousand at most can be read; "
            "check its durations"
        ).at(bar=index + 1)
    return length


def _rounded(length: int, meter: Meter | None) -> int:
    """Ticks of a bar that rounded durations make a little longer or shorter than its metre."""
    return meter.bar_length if meter is not None and abs(length - meter.bar_length) <= _SLACK else length


def _last_length(column: Column, meter: Meter | None, lengths: Sequence[int]) -> int:
    """Ticks of the last bar: as far as its notes and rests go if these fill a bar together with the pick-up at the
    start, for some programs put a `<forward>` behind them.
    """
    written = max(measure.written for measure in column if measure is not None)
    is_rest_of_pickup = meter is not None and 0 < written == meter.bar_length - lengths[0]
    return written if is_rest_of_pickup and len(lengths) > 1 else lengths[-1]


def _usual_meter(lengths: Sequence[int]) -> Meter | None:
    """The metre of a score that names none: the length of most of its bars, in quarters or else in eighths; free metre
    where they differ, or are longer than any metre in use.
    """
    (length, count), *_ = Counter(lengths).most_common(1)
    for denominator in (4, 8, 16, 32):
        beats, rest = divmod(length * denominator, 4 * TICKS_PER_QUARTER)
        if not rest:
            return Meter(beats, denominator) if 2 * count >= len(lengths) and beats <= _MOST_BEATS else None
    return None


def _signatures(columns: Sequence[Column], losses: Counter[str]) -> list[Signature]:
    """The key signature of each bar: the one that most parts have, as it sounds; others are counted."""
    current: dict[int, Signature] = {}
    found: list[Signature] = []
    for column in columns:
        for part, measure in enumerate(column):
            if measure is not None and measure.key is not None:
                current[part] = measure.key
        sharps = Counter(signature.sharps for _, signature in sorted(current.items())).most_common(1)
        same = [signature for signature in current.values() if sharps and signature.sharps == sharps[0][0]]
        changes = [measure.key.sharps for measure in column if measure is not None and measure.key is not None]
        losses["a key signature"] += sum(change != sharps[0][0] for change in changes)
        found.append(next((signature for signature in same if signature.mode), (same or [Signature(0, None)])[0]))
    return found


def _is_pickup(column: Column, before: Sequence[Bar], length: int, after: Sequence[int], is_own: bool) -> bool:
    """Whether a short bar is the end of its metre."""
    is_unnumbered = any(measure.is_implicit or measure.number == "0" for measure in column if measure is not None)
    if is_own:
        return is_unnumbered
    if not before:
        return is_unnumbered or (bool(after) and after[0] > length)
    last = before[-1]
    completes = last.meter is not None and not last.is_pickup and last.length + length == last.meter.bar_length
    return completes or (is_unnumbered and last.repeat_end)


# --- double bar lines, repeats, endings, jumps


def _double_lines(columns: Sequence[Column]) -> list[DoubleLine]:
    """The double bar line after each bar: that of the first part which has one there, at either side of the line."""
    lines: list[DoubleLine] = [""] * len(columns)
    for index, measure in ((index, measure) for index, column in enumerate(columns) for measure in column if measure):
        for barline in measure.barlines:
            place = {"right": index, "left": index - 1}.get(barline.get("location", "right"), -1)
            if place >= 0:
                lines[place] = lines[place] or DOUBLE_LINES.get(barline.findtext("bar-style", ""), "")
    return lines


def _with_repeats(bars: Sequence[Bar], columns: Sequence[Column], losses: Counter[str]) -> list[Bar]:
    starts, ends = set(), dict[int, int]()
    for index, column in enumerate(columns):
        if any(direction.begins_repeat for measure in column if measure for direction in measure.directions):
            starts.add(index)
        losses["a repeat in the middle of a measure"] += _has_repeat_inside(column)
        for barline in (barline for measure in column if measure for barline in measure.barlines):
            is_left = barline.get("location") == "left"
            for repeat in barline.iterfind("repeat"):
                if repeat.get("direction") == "forward":
                    starts.add(index if is_left else index + 1)
                else:
                    times = (repeat.get("times") or "2").strip()
                    plays = min(int(times), _MOST_PLAYS) if is_whole(times) else 2
                    ends[index - 1 if is_left else index] = max(2, plays)
    return [
        replace(bar, repeat_start=index in starts, repeat_end=index in ends, plays=ends.get(index, 2))
        for index, bar in enumerate(bars)
    ]


def _repeated_within_movements(bars: Sequence[Bar], columns: Sequence[Column]) -> list[Bar]:
    """The bars with a `|:` at the start of a movement, or of what follows a Fine, whose first repeat has none: it does
    not go back to what comes before.
    """
    begins = [index for index in _begins_movement(bars, columns, [()] * len(bars)) if index < len(bars)]
    found = list(bars)
    for begin, until in pairwise([*sorted(begins), len(bars)]):
        first = next((bar for bar in bars[begin:until] if bar.repeat_start or bar.repeat_end), None)
        if first is not None and not first.repeat_start and not bars[begin].endings:
            found[begin] = replace(found[begin], repeat_start=True)
    return found


def _has_repeat_inside(column: Column) -> bool:
    barlines = (barline for measure in column if measure for barline in measure.barlines)
    return any(barline.get("location") == "middle" and barline.find("repeat") is not None for barline in barlines)


def _with_endings(bars: Sequence[Bar], columns: Sequence[Column], is_own: bool) -> list[Bar]:
    """Take the endings from brackets: the first part that has some decides."""
    found = list(bars)
    parts = max(map(len, columns))
    part = next((part for part in range(parts) if _brackets(columns, part, is_own)), None)
    is_open = False
    last_passes: tuple[int, ...] = ()
    for index, kind, number in _brackets(columns, part, is_own) if part is not None else ():
        if kind == "start" and index < len(found):
            follows = index > 0 and (found[index - 1].ending_end or is_open)
            passes = _passes(number) or ((max(last_passes) + 1,) if follows and last_passes else (1,))
            if is_open and index:
                found[index - 1] = replace(found[index - 1], ending_end=True)
            found[index] = replace(found[index], endings=passes)
            is_open, last_passes = True, passes
        elif kind in ("stop", "discontinue", _GOES_ON) and is_open:
            last = index if is_own else _last_of_bracket(found, columns, part, index)
            last = len(found) - 1 if is_own and kind == _GOES_ON else last
            found[last] = replace(found[last], ending_end=True)
            is_open = False
    return found


def _counted_once(bars: list[Bar]) -> list[Bar]:
    """The bars without the numbers of plays that the endings which they are in say too."""
    in_endings = are_in_endings(bars)
    if not any(bar.plays > 2 and is_inside for bar, is_inside in zip(bars, in_endings, strict=True)):
        return bars
    found = [replace(bar, plays=2) if is_inside else bar for bar, is_inside in zip(bars, in_endings, strict=True)]
    most = MOST_PLAYS * len(bars)
    return found if [*order_of_repeats(found, most)] == [*order_of_repeats(bars, most)] else bars


def _without_idle_brackets(bars: Sequence[Bar], losses: Counter[str]) -> list[Bar]:
    """The bars without the brackets of later endings over the begin of a repeat: that of the one before sends there."""
    found = list(bars)
    for index in range(1, len(found)):
        bar = found[index]
        if bar.repeat_start and bar.endings and 1 not in bar.endings and found[index - 1].repeat_end:
            losses["a bracket over the begin of a repeat"] += 1
            last = last_of_ending(found, index)
            found[index] = replace(bar, endings=())
            found[last] = replace(found[last], ending_end=False)
    return found


def _brackets(columns: Sequence[Column], part: int | None, is_own: bool) -> list[tuple[int, str, str]]:
    """The begins and ends of a part's brackets: (index of the bar, kind, passes), begins first within a bar; without
    hidden ones of our own, which the piece does not have.
    """
    found = []
    for index, column in enumerate(columns):
        measure = column[part] if part is not None and part < len(column) else None
        signs = [
            (_kind_of(ending), _number_of(ending), barline.get("location") == "left")
            for barline in (measure.barlines if measure else ())
            for ending in barline.iterfind("ending")
            if not (is_own and ending.get("print-object") == "no")
        ]
        begins = [(index if is_left else index + 1, kind, number) for kind, number, is_left in signs if kind == "start"]
        ends = [(index - 1 if is_left else index, kind, number) for kind, number, is_left in signs if kind != "start"]
        found += sorted([*begins, *ends], key=lambda sign: (sign[0], sign[1] != "start"))
    return found


def _kind_of(ending: Element) -> str:
    """The type of an ending: `_GOES_ON` where the bracket stops and the ending does not."""
    kind = ending.get("type", "")
    return _GOES_ON if kind == "discontinue" and ending.get("end-length") == NO_JOG else kind


def _number_of(ending: Element) -> str:
    """The number of an ending, or else what is written in its bracket."""
    return ending.get("number", "").strip() or (ending.text or "")


def _passes(number: str) -> tuple[int, ...]:
    """The passes in an ending's number: "1, 2" and "1.-2." are (1, 2); empty where it says none."""
    passes: set[int] = set()
    for first, last in _PASSES.findall(number):
        passes.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(passes - {0}))


def _last_of_bracket(bars: Sequence[Bar], columns: Sequence[Column], part: int | None, index: int) -> int:
    """The bar at which a bracket that stops at bar `index` really ends: its repeat, if that comes before all else."""
    if bars[index].repeat_end:
        return index
    begins = {at for at, kind, _ in _brackets(columns, part, is_own=False) if kind == "start"}
    for last in range(index, len(bars)):
        if bars[last].repeat_end:
            return last if last + 1 in begins else index
        if last + 1 in begins or (last + 1 < len(bars) and bars[last + 1].repeat_start):
            break
    return index


def _with_jumps(bars: Sequence[Bar], columns: Sequence[Column], is_own: bool, losses: Counter[str]) -> list[Bar]:
    """Take the signs of jumps from directions and barlines; of two codas, the first is where to leave for the other."""
    signs: list[list[str]] = [[] for _ in bars]
    codas: set[tuple[int, bool]] = set()  # and whether they stand at the start of their bar
    losses["a sign of a jump within a bar"] += _jumps_inside(bars, columns)
    for index, place, sign, is_inside in _jump_signs(bars, columns):
        if sign not in signs[place]:
            signs[place].append(sign)
        codas |= {(place, index == place and is_inside)} if sign == "coda" else set()
    first, is_inside = min(codas, default=(0, False))
    if len({place for place, _ in codas}) > 1 and not any("dacoda" in of_bar for of_bar in signs):
        signs[first].remove("coda")
        signs[first if is_inside else max(0, first - 1)].append("dacoda")
    jumps = [index for index, of_bar in enumerate(signs) for sign in of_bar if sign in JUMPS]
    movements = set() if is_own else _begins_movement(bars, columns, signs)
    if jumps and (len(jumps) > 1 or movements & set(range(1, jumps[0] + 1))):
        losses["a jump (D.C., D.S.)"] += len(jumps)
        return list(bars)
    return [replace(bar, jumps=tuple(of_bar)) if of_bar else bar for bar, of_bar in zip(bars, signs, strict=True)]


def _jump_signs(bars: Sequence[Bar], columns: Sequence[Column]) -> Iterator[tuple[int, int, str, bool]]:
    """The signs of jumps: (index of the bar where it is written, index of the one to which it belongs, sign, whether it
    stands behind the first note); those before a bar that are written at the end of one belong to the next.
    """
    last = len(bars) - 1
    for index, measure in ((index, measure) for index, column in enumerate(columns) for measure in column if measure):
        for direction in measure.directions:
            for sign in direction.jumps:
                is_late = sign in SIGNS_BEFORE and direction.onset >= bars[index].length
                yield index, min(index + is_late, last), sign, direction.onset > 0
        for barline in measure.barlines:
            for sign in SIGNS_BEFORE:
                if barline.find(sign) is not None or barline.get(sign):
                    yield index, min(index + (barline.get("location", "right") != "left"), last), sign, False


def _jumps_inside(bars: Sequence[Bar], columns: Sequence[Column]) -> int:
    """How many signs of jumps stand between the notes of a measure, which is played as one with them."""
    found = set()
    for index, (bar, column) in enumerate(zip(bars, columns, strict=True)):
        measures = [measure for measure in column if measure is not None]
        onsets = {sound.onset for measure in measures for sound in measure.sounds if not sound.is_tied}
        for onset, sign in (
            (each.onset, sign) for measure in measures for each in measure.directions for sign in each.jumps
        ):
            is_before = sign in SIGNS_BEFORE
            if 0 < onset < bar.length and any(other < onset if is_before else onset < other for other in onsets):
                found.add((index, onset, sign))
    return len(found)


def _begins_movement(bars: Sequence[Bar], columns: Sequence[Column], signs: Sequence[Sequence[str]]) -> set[int]:
    """The bars that begin a further movement, whose da capo would go back to them: they follow a final barline, or are
    numbered from the beginning again.
    """
    found, last = set(), 0
    for index, column in enumerate(columns):
        measure = next(measure for measure in column if measure is not None)
        number = int(measure.number) if is_whole(measure.number) else last
        styles = {barline.findtext("bar-style") for barline in measure.barlines}
        is_final = "light-heavy" in styles and not bars[index].repeat_end and "fine" not in signs[index]
        found |= {index + 1} if is_final else set()
        found |= {index} if number < last else set()
        last = number
    return found


def _all_played(bars: list[Bar], losses: Counter[str]) -> list[Bar]:
    """The bars without the brackets, or else the jumps, that keep one of them from ever being played; both counted."""
    silent = _never_played(bars)
    if silent and any(bar.jumps for bar in bars):
        without = [replace(bar, jumps=()) for bar in bars]
        if len(_never_played(without)) < len(silent):
            losses["a jump (D.C., D.S.)"] += 1
            bars = without
    found, count = without_silent_brackets(bars)
    losses["an ending that is never played"] += count
    return [*found]


def _never_played(bars: Sequence[Bar]) -> set[int]:
    silent = tuple([replace(bar, notes=((),)) for bar in bars])
    return set(range(len(bars))) - set(Piece(("M",), silent).playing_order())
