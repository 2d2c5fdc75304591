"""From the time lines of an ABC tune's voices to the bars of a `Piece`.

Conventions
- Times of voices are in units; onsets and lengths in bars are in ticks, rounded within each bar: full bars stay full.
- Boundaries lie between bars: bar i has boundary i on its left and boundary i + 1 on its right.
- The first voice with an ending on a boundary decides for all; metres and keys are those of the longest voice.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import accumulate, pairwise

from ..core.chords import parse_name
from ..core.errors import AbcSyntaxError, ChordError, ScoreError
from ..core.piece import Bar, Chord, Key, Note
from ..core.write_abc import bars_before, completes_bar
from .abc_fields import UNITS_PER_TICK
from .abc_voice import Boundary, SungNote, Voice
from .phrases import mark_phrases


def build_bars(voices: Sequence[Voice]) -> tuple[Bar, ...]:
    """The bars of all voices, each of which must have been closed by `Voice.end_bar`.

    Raises:
        AbcSyntaxError: the voices do not fit together, or a note lies outside MIDI's range.
    """
    boundaries = _common_boundaries(voices)
    lengths = [max(1, _to_ticks(right.time - left.time)) for left, right in pairwise(boundaries)]
    notes = zip(*(_notes_by_bar(voice.notes, boundaries, lengths) for voice in voices), strict=True)
    chords = _chords_by_bar(voices, boundaries, lengths)
    ending_ends = _ending_ends(boundaries)
    pickups = _pickups(boundaries, lengths, ending_ends)
    bars = [
        Bar(
            meter=left.meter,
            key=left.key,
            length=lengths[index],
            notes=sung,
            chords=chords[index],
            is_pickup=pickups[index],
            repeat_start=left.repeat_start,
            endings=left.endings,
            ending_end=ending_ends[index],
            repeat_end=right.repeat_end,
        )
        for index, ((left, right), sung) in enumerate(zip(pairwise(boundaries), notes, strict=True))
    ]
    return tuple(_mark_phrases(bars, boundaries, voices))


def _to_ticks(units: int) -> int:
    return (2 * units + UNITS_PER_TICK) // (2 * UNITS_PER_TICK)


def _common_boundaries(voices: Sequence[Voice]) -> list[Boundary]:
    """One line of boundaries for all voices; voices that end whole bars early are silent from there on.

    Voices with as many bars whose lengths differ are brought together bar by bar, the shorter bar padded; voices whose
    ends or bar lines meet are brought together by time.
    """
    base = max(voices, key=lambda voice: voice.time)
    times = [boundary.time for boundary in base.boundaries]
    if any(voice.time != base.time and len(voice.boundaries) == len(times) for voice in voices):
        times = _align_bars([voice for voice in voices if len(voice.boundaries) == len(times)])
    by_time = {time: replace(boundary, time=time) for time, boundary in zip(times, base.boundaries, strict=True)}
    for voice in voices:
        if voice is base:
            continue
        own = [boundary.time for boundary in voice.boundaries]
        if own[-1] != times[-1] and not by_time.keys() >= set(own):
            _raise_uneven(voice, own, base, times)
        for boundary in voice.boundaries:
            if common := by_time.get(boundary.time):
                _merge(common, boundary)
    return list(by_time.values())


def _align_bars(voices: Sequence[Voice]) -> list[int]:
    """Move all voices' bars to where the longest bars before them end, and give the common times of the boundaries."""
    lengths = [
        max(right - left for left, right in bars) for bars in zip(*(_spans(voice) for voice in voices), strict=True)
    ]
    times = list(accumulate(lengths, initial=0))
    for voice in voices:
        own = [boundary.time for boundary in voice.boundaries]
        for note in voice.notes:
            first, last = bisect_right(own, note.start) - 1, bisect_left(own, note.end) - 1
            note.start += times[first] - own[first]
            note.end += times[last] - own[last]
        voice.symbols = [
            (time + times[bar] - own[bar], text)
            for time, text in voice.symbols
            if (bar := bisect_right(own, time) - 1) >= 0
        ]
        for time, boundary in zip(times, voice.boundaries, strict=True):
            boundary.time = time
        voice.time = times[-1]
    return times


def _spans(voice: Voice) -> list[tuple[int, int]]:
    return [(left.time, right.time) for left, right in pairwise(voice.boundaries)]


def _raise_uneven(voice: Voice, own: list[int], base: Voice, times: list[int]) -> None:
    common = set(times)
    bar = next(number for number, time in enumerate(own) if time not in common)
    ticks, wanted = (_to_ticks(line[bar] - line[bar - 1]) for line in (own, times))
    raise AbcSyntaxError(
        f"bar {bar} of voice {voice.name!r} has {ticks} ticks (24 to a quarter note), that of voice {base.name!r} has "
        f"{wanted}; write the missing notes or rests"
    ).at(line=voice.boundaries[bar].line, voice=voice.name, bar=bar)


def _merge(common: Boundary, other: Boundary) -> None:
    common.repeat_end |= other.repeat_end
    common.repeat_start |= other.repeat_start
    common.is_double |= other.is_double
    common.is_section |= other.is_section
    common.splits_bar |= other.splits_bar
    common.endings = common.endings or other.endings
    if common.pickup_remark is None:
        common.pickup_remark = other.pickup_remark


def _notes_by_bar(
    notes: Sequence[SungNote], boundaries: Sequence[Boundary], lengths: Sequence[int]
) -> list[tuple[Note, ...]]:
    times = [boundary.time for boundary in boundaries]
    starts = list(accumulate(lengths, initial=0))
    bars: list[list[tuple[int, int, int]]] = [[] for _ in lengths]
    bar = 0
    for note in notes:
        if not times[bar] <= note.start < times[bar + 1]:
            bar = bisect_right(times, note.start) - 1
        last = bar if note.end <= times[bar + 1] else min(bisect_left(times, note.end), len(lengths)) - 1
        onset = min(_to_ticks(note.start - times[bar]), lengths[bar] - 1)
        end = starts[last] + min(_to_ticks(note.end - times[last]), lengths[last])
        bars[bar].append((onset, note.pitch, max(1, end - starts[bar] - onset)))
    try:
        return [tuple(Note(*note) for note in sorted(sung)) for sung in bars]
    except ScoreError as error:
        raise AbcSyntaxError(error.message) from None


def _chords_by_bar(
    voices: Sequence[Voice], boundaries: Sequence[Boundary], lengths: Sequence[int]
) -> list[tuple[Chord, ...]]:
    times = [boundary.time for boundary in boundaries]
    key = boundaries[0].key
    bars: list[dict[int, str]] = [{} for _ in lengths]
    for voice in voices:
        for time, text in voice.symbols:
            label = _chord_label(text, key)
            bar = bisect_right(times, time) - 1
            if label is not None and bar < len(bars):
                bars[bar].setdefault(min(_to_ticks(time - times[bar]), lengths[bar] - 1), label)
    return [tuple(Chord(onset, label) for onset, label in sorted(labels.items())) for labels in bars]


@lru_cache(maxsize=4096)
def _chord_label(text: str, key: Key) -> str | None:
    """The label of a chord symbol; None for words over the staff that are no chord."""
    try:
        return parse_name(text, key).label
    except ChordError:
        return None


def _ending_ends(boundaries: Sequence[Boundary]) -> list[bool]:
    """Whether an ending stops after each bar: at a repeat, a double bar, the next ending or the end (section 4.9)."""
    ends = [False] * (len(boundaries) - 1)
    is_open = bool(boundaries[0].endings)
    for index, boundary in enumerate(boundaries[1:]):
        closes = (
            boundary.endings
            or boundary.repeat_end
            or boundary.repeat_start
            or boundary.is_double
            or index + 1 == len(ends)
        )
        if closes:
            ends[index] = is_open
            is_open = False
        is_open = is_open or bool(boundary.endings)
    return ends


def _pickups(boundaries: Sequence[Boundary], lengths: Sequence[int], ending_ends: Sequence[bool]) -> list[bool]:
    """Which bars are pick-ups or second parts: short ones that come first, or complete a short bar before a sign."""
    before = bars_before([bool(boundary.endings) for boundary in boundaries[:-1]], ending_ends)
    pickups: list[bool] = []
    for boundary, length, previous in zip(boundaries, lengths, before, strict=False):
        full = boundary.meter.bar_length if boundary.meter else 0
        if length >= full:
            is_pickup = False
        elif boundary.pickup_remark is not None:
            is_pickup = boundary.pickup_remark
        elif previous < 0:
            is_pickup = True
        else:
            is_pickup = boundary.splits_bar and completes_bar(length, full, lengths[previous], pickups[previous])
        pickups.append(is_pickup)
    return pickups


def _mark_phrases(bars: Sequence[Bar], boundaries: Sequence[Boundary], voices: Sequence[Voice]) -> list[Bar]:
    """Phrases begin after double bars and part labels; in several voices, after lyric lines and fermatas too."""
    begins = {index for index, boundary in enumerate(boundaries) if boundary.is_double or boundary.is_section}
    times = [boundary.time for boundary in boundaries]
    ends = [time for voice in voices for time in voice.phrase_ends] if len(voices) > 1 else []
    begins.update(bisect_left(times, time) for time in ends)
    return mark_phrases(bars, begins, are_known=bool(ends))
