"""From the time lines of an ABC tune's voices to the bars of a `Piece`.

Conventions
- Times of voices are in units; onsets and lengths in bars are in ticks, rounded within each bar: full bars stay full.
- Boundaries lie between bars: bar i has boundary i on its left and boundary i + 1 on its right.
- Every voice keeps its own time. The bars are those of the longest voice; other voices' signs count where their
  boundaries meet these, and the first voice with an ending on a boundary decides for all.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import accumulate, groupby, pairwise, repeat
from operator import attrgetter, itemgetter
from typing import NamedTuple

from ..analysis.phrases import phrase_starts
from ..core.abc_writer import LAYER_NAME, plays_of_parts
from ..core.chords import named_chord
from ..core.double_lines import with_double_lines
from ..core.errors import AbcSyntaxError, ScoreError
from ..core.notation import ChordSymbol, TempoMark
from ..core.piece import Bar, Chord, Note
from ..core.playing_order import bars_before, completes_bar
from ..core.repeats import with_repeat_starts
from ..core.signatures import TICKS_PER_QUARTER, Key, Meter, fifths_of_transposition
from ..core.text import printable
from .abc_fields import UNITS_PER_TICK, decode_text, parse_part_order
from .abc_notation import TEXT, jumps_by_bar, jumps_within_bars, notation_by_bar
from .abc_signs import WrittenText
from .abc_state import Boundary, SungNote, maker_of
from .abc_tokens import LAST_PASS
from .abc_voice import Voice

_HALF_TICK = UNITS_PER_TICK // 2
_ORDER_ALONE = re.compile(r"[A-Z0-9().\s]+")
_SMALL_MINOR = re.compile(r"[a-g][#b♯♭]?(?:m(?!aj)|min|-)")
_SMALL_CHORD = re.compile(r"^[a-g](?=[#b♯♭]?(?:[0-9]|maj|dim|sus|aug|\+|/|$))")
_BASS_AND_CHORD = re.compile(r"[A-G][#b♯♭]?\s+([a-g][#b♯♭]?(?:m|-|dim|7)*)")
_SHARP_BASS = re.compile(r"(?<=/[A-Ga-g])\+$")
_SPACE_AT_BASS = re.compile(r"\s*/\s*")
_SPACE_IN_NAME = re.compile(r"^([A-G][#b♯♭]?)\s+(?=\S+$)")
_LINE_OF_SYMBOL = re.compile(r";|\\n")
_ROOT_OF_GERMAN = {"H": "B", "h": "b", "B": "Bb", "b": "bb"}
_OVER_H = re.compile(r"\s*/\s*[Hh]\s*$")
_NO_CHORDS_ON_H = ("H", "Ha", "Ho")
_GERMAN_ROOT = re.compile(r"(?:^|(?<=/))(?:[Hh]|[Bb](?![b#♭♯]))")
_CHORD_LIKE = re.compile(
    r"(?:[A-Ga-g]|H(?=[#b♯♭m0-9]))[#b♯♭]?(?:m|mi|min|ma|maj|dim|aug|sus|add|no|[0-9M+°øΔ()#♯♭,^-])*(?:/.*| [a-g].*)?"
)
"""The name of a note, H too, but not alone, where it is a fermata, and what stands after it in names of chords."""
_NamedChord = tuple[str, ChordSymbol | None, int]
_TIME = attrgetter("time")
_BY_ONSET = attrgetter("onset", "pitch", "duration")
_MOST_NOTES_KEPT = 65_536
_bar = maker_of(Bar)


class Bars(NamedTuple):
    """The bars of a piece, and what they cannot keep, with how often."""

    bars: tuple[Bar, ...]
    losses: dict[str, int]


def build_bars(voices: Sequence[Voice], tempos: Sequence[tuple[int, TempoMark]] = ()) -> Bars:
    """The bars of all voices, each of which must have been closed by `Voice.end`.

    Args:
        voices: In score order.
        tempos: With the times where they begin.

    Raises:
        AbcSyntaxError: a note lies outside MIDI's range.
    """
    boundaries = common_boundaries(voices)
    _count_last_endings(boundaries)
    times = [boundary.time for boundary in boundaries]
    lengths = [(right - left + _HALF_TICK) // UNITS_PER_TICK or 1 for left, right in pairwise(times)]
    repeat_ends = [boundary.plays > 0 for boundary in boundaries[1:]]
    ending_starts = [bool(boundary.endings) for boundary in boundaries[:-1]]
    ending_ends = _ending_ends(boundaries)
    pickups = _pickups(boundaries, lengths, bars_before(ending_starts, ending_ends))
    repeat_starts = [boundary.repeat_start for boundary in boundaries[:-1]]
    starts = zip(repeat_starts, repeat_ends, ending_starts, pickups, strict=True)
    begins, are_known = _phrases(boundaries, times, voices)
    sung, between_ticks = zip(*(_notes_by_bar(voice.notes, times, lengths) for voice in voices), strict=True)
    chords, losses = _chords_by_bar(voices, boundaries[0].key, times, lengths)
    records = [voice.notation.records for voice in voices]
    jump_signs = [jump for voice in voices for jump in voice.notation.jumps]
    columns = zip(
        boundaries,
        boundaries[1:],
        lengths,
        zip(*sung, strict=True),
        chords,
        pickups,
        phrase_starts(starts, begins, are_known),
        ending_ends,
        repeat_ends,
        jumps_by_bar(jump_signs, times) if jump_signs else repeat(()),
        notation_by_bar(records, times, lengths, [each.key for each in boundaries]) if any(records) else repeat(()),
        _tempos_by_bar(tempos, times, lengths, boundaries[0].meter) if tempos else repeat(()),
        strict=False,  # the last boundary begins no bar
    )
    bars = [
        _bar(
            left.meter, left.key, length, notes, chords, is_pickup, phrase_start, left.repeat_start, left.endings,
            ending_end, repeat_end, right.plays or 2, left.part, jumps, notation, tempos, "",
        )
        for (
            left, right, length, notes, chords, is_pickup, phrase_start, ending_end, repeat_end, jumps, notation,
            tempos,
        ) in columns
    ]  # fmt: skip
    bars = with_double_lines(with_repeat_starts(bars), [boundary.double_line for boundary in boundaries[1:]])
    losses |= {"a note that begins or ends between two ticks": sum(between_ticks), **_differing(voices, boundaries)}
    if jump_signs:
        onsets = {onset for voice in voices for onset, *_ in voice.notes}
        losses["a sign of a jump within a bar"] = jumps_within_bars(jump_signs, times, onsets)
    return Bars(tuple(bars), losses)


def _to_ticks(units: int) -> int:
    return (units + _HALF_TICK) // UNITS_PER_TICK


def with_layers(voices: Sequence[Voice]) -> list[Voice]:
    """The voices, each with the notes and signs of those that `write_abc` has made of its layers."""
    by_name = {voice.name: voice for voice in voices}
    kept = []
    for voice in voices:
        match = LAYER_NAME.fullmatch(voice.name)
        main = by_name.get(match["voice"]) if match else None
        if main is None or voice.time > main.time:
            kept.append(voice)
            continue
        main.notes += voice.notes
        main.symbols += voice.symbols
        main.notation.add_layer(voice.notation)
    return kept


def common_boundaries(voices: Sequence[Voice]) -> list[Boundary]:
    """One line of boundaries for all voices: those of the longest one, with keys as they sound; voices that end early
    are silent from there.
    """
    if len(voices) == 1:
        return _with_sounding_keys(voices[0])
    base = max(voices, key=lambda voice: (voice.time, len(voice.boundaries)))
    by_time = {boundary.time: boundary for boundary in base.boundaries}
    for voice in voices:
        for boundary in voice.boundaries if voice is not base else ():
            if (common := by_time.get(boundary.time)) and boundary.has_signs:
                _merge(common, boundary)
    return _with_sounding_keys(base)


def _with_sounding_keys(voice: Voice) -> list[Boundary]:
    """The boundaries of a voice, whose keys are moved as far as its notes are."""
    if not any([boundary.semitones for boundary in voice.boundaries]):
        return voice.boundaries
    moved = [(boundary, fifths_of_transposition(boundary.semitones)) for boundary in voice.boundaries]
    return [replace(boundary, key=boundary.key.shifted(fifths)) for boundary, fifths in moved]


def _differing(voices: Sequence[Voice], boundaries: Sequence[Boundary]) -> dict[str, int]:
    """How many keys and metres of single voices the bars do not have."""
    if len(voices) == 1:
        return {}
    by_time = {boundary.time: boundary for boundary in boundaries}
    keys = meters = 0
    for voice in voices:
        key: Key | None = None
        meter: Meter | None = boundaries[0].meter
        for boundary in _with_sounding_keys(voice):
            common = by_time.get(boundary.time)
            keys += boundary.key != key and common is not None and common.key.signature != boundary.key.signature
            meters += boundary.meter != meter and common is not None and common.meter != boundary.meter
            key, meter = boundary.key, boundary.meter
    return {"a key signature": keys, "a time signature": meters}


def _merge(common: Boundary, other: Boundary) -> None:
    common.plays = max(common.plays, other.plays)
    common.repeat_start |= other.repeat_start
    common.double_line = common.double_line or other.double_line
    common.is_section |= other.is_section
    common.splits_bar |= other.splits_bar
    common.endings = common.endings or other.endings
    common.part = common.part or other.part
    if common.pickup_remark is None:
        common.pickup_remark = other.pickup_remark


def _count_last_endings(boundaries: Iterable[Boundary]) -> None:
    """Let an ending that is called the last one be for the pass after those of the ending before it."""
    before: tuple[int, ...] = ()
    for boundary in boundaries:
        if boundary.endings == LAST_PASS:
            boundary.endings = (before[-1] + 1,) if before else ()
        before = boundary.endings or before


def _notes_by_bar(
    notes: Sequence[SungNote], times: Sequence[int], lengths: Sequence[int]
) -> tuple[list[tuple[Note, ...]], int]:
    """The notes of each bar in order, and how many begin or end between two ticks."""
    starts, kept = list(accumulate(lengths, initial=0)), _KEPT
    bars: list[list[Note]] = [[] for _ in lengths]
    unordered = set()
    between_ticks = bar = left = right = following = 0
    latest = -1  # no bar has begun
    try:
        for start, pitch, end, _ in notes:
            if following <= start <= latest and end <= right:  # most notes
                following = start + UNITS_PER_TICK
            else:
                if not left <= start < right:
                    bar = bisect_right(times, start) - 1
                    left, right, sung = times[bar], times[bar + 1], bars[bar]
                    latest = left + UNITS_PER_TICK * lengths[bar] - _HALF_TICK - 1  # what is rounded to the last tick
                    following = right if sung else left
                if start < following:
                    unordered.add(bar)
                following = start + UNITS_PER_TICK
                if start > latest:
                    start = latest
                if end > right:
                    last = bisect_left(times, end) - 1
                    release = starts[last] - starts[bar] + min(_to_ticks(end - times[last]), lengths[last])
                    end = left + UNITS_PER_TICK * release
            note, is_between_ticks = kept[start - left, pitch, end - left]
            sung.append(note)
            if is_between_ticks:
                between_ticks += 1
    except ScoreError as error:
        raise AbcSyntaxError(error.message).at(bar=bar + 1) from None
    return [
        tuple(sorted(sung, key=_BY_ONSET) if index in unordered else sung) for index, sung in enumerate(bars)
    ], between_ticks


class _KeptNotes(dict[tuple[int, int, int], tuple[Note, bool]]):
    """Notes by start, pitch and end, in units after their bar's start, and whether one of these lies between two ticks.

    Notes never change, so tunes may share them; this finds them more quickly than an `lru_cache`.
    """

    def __missing__(self, times: tuple[int, int, int]) -> tuple[Note, bool]:
        start, pitch, end = times
        onset = _to_ticks(start)
        is_between_ticks = start % UNITS_PER_TICK > 0 or end % UNITS_PER_TICK > 0
        made = Note(onset, pitch, max(1, _to_ticks(end) - onset)), is_between_ticks
        if len(self) >= _MOST_NOTES_KEPT:
            self.clear()
        self[times] = made
        return made


_KEPT = _KeptNotes()


def _tempos_by_bar(
    tempos: Sequence[tuple[int, TempoMark]], times: Sequence[int], lengths: Sequence[int], meter: Meter | None
) -> list[tuple[TempoMark, ...]]:
    """The tempo marks of each bar, but for what the tune's own tempo says in the beat of the first metre; two voices
    may say the same.
    """
    bars: list[dict[TempoMark, None]] = [{} for _ in lengths]
    beat = meter.beat_length if meter else TICKS_PER_QUARTER
    marks = [(time, mark) for time, mark in tempos if time or not mark.says_no_more(beat)]
    for time, mark in sorted(marks, key=itemgetter(0)):
        bar = bisect_right(times, time) - 1
        if bar < len(bars):
            bars[bar][replace(mark, onset=min(_to_ticks(time - times[bar]), lengths[bar] - 1))] = None
    return [tuple(marks) for marks in bars]


def _chords_by_bar(
    voices: Sequence[Voice], key: Key, times: Sequence[int], lengths: Sequence[int]
) -> tuple[list[tuple[Chord, ...]], dict[str, int]]:
    """The chords of each bar, and how many symbols are lost; words that are no chord become annotations."""
    if not any(voice.symbols for voice in voices):
        return [()] * len(lengths), {}
    bars: list[dict[int, _NamedChord]] = [{} for _ in lengths]
    unknown = further = 0
    texts = [text for voice in voices for _, text in voice.symbols]
    is_german, marks_minor = any(map(is_on_h, texts)), any(map(_SMALL_MINOR.match, texts))
    for voice in voices:
        for time, text in _each_symbol(voice.symbols):
            before = bisect_right(voice.boundaries, time, key=_TIME) - 1
            fifths = fifths_of_transposition(voice.boundaries[before].semitones)
            name = _GERMAN_ROOT.sub(lambda root: _ROOT_OF_GERMAN[root[0]], text) if is_german else text
            if marks_minor:  # so that "g" beside "am" is major
                name = _SMALL_CHORD.sub(lambda chord: chord[0].capitalize(), name)
            chord = _moved(_chord(name, key.shifted(-fifths)), fifths)
            if chord is None:
                unknown += _CHORD_LIKE.fullmatch(text) is not None
                if words := printable(decode_text(text)).strip():
                    voice.notation.records.append((time, TEXT, -1, WrittenText(words, "^")))
                continue
            bar = bisect_right(times, time) - 1
            if bar < len(bars):
                first = bars[bar].setdefault(min(_to_ticks(time - times[bar]), lengths[bar] - 1), chord)
                further += (first[0], first[2]) != (chord[0], chord[2])
    chords = [tuple([Chord(onset, *chord) for onset, chord in sorted(found.items())]) for found in bars]
    return chords, {"a chord symbol that names no chord": unknown, "a second chord symbol at one place": further}


def _each_symbol(symbols: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The symbols, those apart that stand over each other as lines of one, below a chord (section 4.19)."""
    for time, text in symbols:
        lines = _LINE_OF_SYMBOL.split(decode_text(text))
        is_chord = len(lines) > 1 and _chord(lines[0], Key()) is not None
        yield from ((time, line) for line in (filter(str.strip, lines) if is_chord else (text,)))


def is_on_h(symbol: str) -> bool:
    """Whether a symbol is a chord on H, as B is called where B is B flat, or over H; "Ho" and "Ha" are words."""
    if symbol[:1] == "H":
        return symbol not in _NO_CHORDS_ON_H and _chord("B" + symbol[1:], Key()) is not None
    return _OVER_H.search(symbol) is not None and _chord(_OVER_H.sub("/B", symbol), Key()) is not None


def _moved(chord: _NamedChord | None, fifths: int) -> _NamedChord | None:
    """A chord of a voice that transposes as it sounds: its label counts from a tonic that is moved, too."""
    if chord is None:
        return None
    label, symbol, bass = chord
    return label, symbol and symbol.moved(fifths), bass


@lru_cache(maxsize=4096)
def _chord(text: str, key: Key) -> _NamedChord | None:
    """The label of a chord symbol, how it is written, and its bass; None for words over the staff that are no chord.

    Besides the names of `chords.parse_name` there are minor chords with a small letter ("f#m7"), spaces ("A 7",
    "Am / G"), a plus for a sharp bass ("D/f+"), and an accordion's bass before its chord, whose letter is small ("A a",
    "E e7").
    """
    text = _SPACE_AT_BASS.sub("/", _SHARP_BASS.sub("#", decode_text(text)))
    bass_and_chord = _BASS_AND_CHORD.fullmatch(text.strip())
    name = bass_and_chord[1] if bass_and_chord else text.strip()
    is_small = _SMALL_MINOR.match(name) is not None
    if bass_and_chord or is_small:
        name = name[0].upper() + name[1:]
    name = _SPACE_IN_NAME.sub(r"\1", name)
    if (chord := named_chord(name, key)) is None:
        return None
    return chord.label, chord.symbol and replace(chord.symbol, is_small=is_small and not bass_and_chord), chord.bass


def _ending_ends(boundaries: Sequence[Boundary]) -> list[bool]:
    """Whether an ending stops after each bar: at a repeat, a double bar, the next ending or the end (section 4.9)."""
    ends = [False] * (len(boundaries) - 1)
    is_open = bool(boundaries[0].endings)
    if not any([boundary.endings for boundary in boundaries]):
        return ends
    for index, boundary in enumerate(boundaries[1:]):
        closes = (
            boundary.endings
            or boundary.plays
            or boundary.repeat_start
            or boundary.double_line
            or index + 1 == len(ends)
        )
        if closes:
            ends[index] = is_open
            is_open = False
        is_open = is_open or bool(boundary.endings)
    return ends


def _pickups(boundaries: Sequence[Boundary], lengths: Sequence[int], before: Sequence[int]) -> list[bool]:
    """Which bars are pick-ups or second parts: short ones that come first, or complete a short bar before a sign.

    Args:
        boundaries: One more than bars.
        lengths: Of the bars, in ticks.
        before: Index of the bar that leads into each bar (`playing_order.bars_before`).
    """
    pickups: list[bool] = []
    meter, full = None, 0
    for boundary, length, previous in zip(boundaries, lengths, before, strict=False):
        if boundary.meter is not meter:
            meter = boundary.meter
            full = meter.bar_length if meter else 0
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


def _phrases(boundaries: Sequence[Boundary], times: Sequence[int], voices: Sequence[Voice]) -> tuple[set[int], bool]:
    """The bars where a phrase begins, and whether these are all.

    They come after double bars and part labels; in several voices, after lyric lines and fermatas too.
    """
    begins = {index for index, boundary in enumerate(boundaries) if boundary.double_line or boundary.is_section}
    ends = [time for voice in voices for time in voice.phrase_ends] if len(voices) > 1 else []
    ends += [time + 1 for voice in voices for time in voice.notation.fermatas()] if len(voices) > 1 else []
    begins.update(bisect_left(times, time) for time in ends)
    return begins, bool(ends)


def order_of_parts(text: str, bars: Sequence[Bar]) -> tuple[str, ...]:
    """The order of parts that `P:` gives, unless it is a word or names a part that does not exist. A part with endings
    comes once for all of them, where it is to be played as often (section 4.10).
    """
    plays = plays_of_parts(bars)
    order = parse_part_order(text) if any(plays) else ()
    if not plays.keys() >= set(order):
        return ()
    collapsed: list[str] = []
    for label, run in groupby(order):
        count, most = len(list(run)), plays[label]
        collapsed += [label] * (count if count % most else count // most)
    return tuple(collapsed)


def lacks_parts(text: str, bars: Sequence[Bar]) -> bool:
    """Whether `P:` gives an order in which parts of the tune come, and others that it has not."""
    if not _ORDER_ALONE.fullmatch(text):
        return False
    order, labels = set(parse_part_order(text)), {bar.part for bar in bars}
    return not order.isdisjoint(labels) and not labels >= order


def repeated_for_endings(bars: Sequence[Bar]) -> tuple[Bar, ...]:
    """Bars with a repeat after each ending that another one follows; with an order of parts it may be left out."""
    repeated = [
        replace(bar, repeat_end=True) if bar.ending_end and after.endings and not after.part else bar
        for bar, after in pairwise(bars)
    ]
    return (*repeated, bars[-1])
