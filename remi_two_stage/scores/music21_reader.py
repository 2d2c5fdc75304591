"""`music21.stream.Score` -> `Piece`.

Conventions
- music21 counts in quarter notes, `Piece` in ticks; onsets and ends are rounded to ticks one by one.
- music21 is imported inside the functions, since that takes seconds, and typed as `Any`.
- Transposing instruments are read as they sound.
- Fermatas, or else double bars, end a phrase.
- Dropped and counted: what `music21_losses` lists, and chord symbols that name no chord; velocities are dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from ..analysis.key_estimation import with_modes
from ..analysis.phrases import mark_phrases
from ..core.chords import NO_CHORD, make_label, parse_name
from ..core.double_lines import with_double_lines
from ..core.errors import ChordError, RequestError, ScoreFormatError
from ..core.notation import DoubleLine
from ..core.piece import Bar, Chord, Note, Piece, bar_numbers
from ..core.repeats import with_repeat_starts
from ..core.signatures import MODES, TICKS_PER_QUARTER, Key, Meter, name_at
from ..core.text import printable
from .music21_losses import losses_of
from .musicxml_names import MODE_OF_NAME, QUALITY_OF_KIND, SOFTWARE
from .voices import voice_names

_LONGEST_BAR = 1000 * TICKS_PER_QUARTER
_DOUBLE_LINES: dict[str, DoubleLine] = {"double": "||", "final": "|]"}


def from_music21(score: Any) -> Piece:
    """The piece that a music21 score, part or measure holds, bars as written.

    One part is the voice "M", four are "S", "A", "T", "B" in their order, others "V1" and so on; parts that already
    bear such names keep them. A key signature without a mode, or none at all, is completed from the notes.

    Raises:
        ScoreFormatError: several scores at once (`music21.stream.Opus`), one without any measure, or one with a measure
            beyond a thousand quarter notes.
    """
    from music21 import stream

    if isinstance(score, stream.Opus) or not isinstance(score, stream.Stream):
        raise ScoreFormatError(
            f"{type(score).__name__} is not one score; give a music21 Score, or each of an Opus's scores"
        )
    parts = _parts_of(_at_sounding_pitch(score))
    measures = [list(part.getElementsByClass(stream.Measure)) for part in parts]
    count = max(map(len, measures), default=0)
    if not count:
        raise ScoreFormatError("the score has no measures; add notes to it first")
    columns = [[of_part[index] if index < len(of_part) else None for of_part in measures] for index in range(count)]
    is_own = SOFTWARE in (getattr(score.metadata, "software", None) or ())
    bars, key_is_written = _bars_of(columns, is_own)
    notes = [_notes_of(of_part, bars) for of_part in measures]
    bars = [replace(bar, notes=sung) for bar, sung in zip(bars, zip(*notes, strict=True), strict=True)]
    bars = with_modes(bars, key_is_written)
    bars = _with_endings(bars, measures[0], parts[0])
    bars = with_double_lines(with_repeat_starts(bars), [_double_line(column) for column in columns])
    bars, unknown_symbols = _with_chords(bars, columns)
    losses = losses_of(score) + Counter({"a chord symbol that names no chord": unknown_symbols})
    begins, are_fermatas = _phrase_begins(columns)
    return Piece(
        voices=voice_names(
            [str(getattr(part, "partName", None) or part.id) for part in parts],
            [[note.pitch for bar in of_part for note in bar] for of_part in notes],
        ),
        bars=tuple(mark_phrases(bars, begins, are_fermatas)),
        title=_title_of(score),
        tempo=_tempo_of(score),
        metadata=_fields_of(score),
        losses=tuple(sorted(losses.items())),
    )


def _at_sounding_pitch(score: Any) -> Any:
    """The score itself, or a copy in which transposing instruments stand as they sound."""
    parts = score.parts if hasattr(score, "parts") else ()
    is_transposed = any(part.atSoundingPitch is False for part in (score, *parts))
    return score.toSoundingPitch() if is_transposed else score


def _parts_of(score: Any) -> list[Any]:
    """The parts, each with measures; a part or measure by itself counts as one."""
    from music21 import stream

    if isinstance(score, stream.Measure):
        part = stream.Part()
        part.append(score)
        return [part]
    parts = list(score.parts) if isinstance(score, stream.Score) else [score]
    with_music = [part for part in parts or [score] if part.recurse().notesAndRests]
    return [part if part.hasMeasures() else part.makeNotation() for part in with_music]


def _bars_of(columns: Sequence[Sequence[Any]], is_own: bool) -> tuple[list[Bar], list[bool]]:
    """Bars without notes, and for each whether its key's mode is written; a key without one counts as major for now."""
    from music21 import key as keys

    bars: list[Bar] = []
    written: list[bool] = []
    meter: Meter | None = Meter()
    key, is_written = Key(), False
    for index, column in enumerate(columns):
        measures = [measure for measure in column if measure is not None]
        meter = _meter_at(measures, meter)
        signatures = [found for measure in measures for found in measure.getElementsByClass(keys.KeySignature)]
        if signatures:
            named = [found for found in signatures if isinstance(found, keys.Key) and found.mode in MODE_OF_NAME]
            is_written, key = bool(named), _key_of((named or signatures)[0])
        length = _length_of(columns, index, meter)
        if length > _LONGEST_BAR:
            raise ScoreFormatError(
                f"the measure is {length / TICKS_PER_QUARTER:.0f} quarter notes long, a thousand at most can be read; "
                "check its durations"
            ).at(bar=bar_numbers([*(bar.is_pickup for bar in bars), False])[-1])
        is_short = meter is not None and length < meter.bar_length
        bars.append(
            Bar(
                meter,
                key,
                length,
                (),
                is_pickup=is_short and _is_pickup(measures, bars, length, is_own),
                repeat_start=any(_is_repeat(measure.leftBarline, "start") for measure in measures),
                repeat_end=any(_is_repeat(measure.rightBarline, "end") for measure in measures),
            )
        )
        written.append(is_written)
    return bars, written


def _is_repeat(barline: Any, direction: str) -> bool:
    return getattr(barline, "direction", None) == direction


def _meter_at(measures: Sequence[Any], current: Meter | None) -> Meter | None:
    from music21 import meter

    for measure in measures:
        if measure.timeSignature is not None:
            signature = measure.timeSignature
            try:
                return Meter(signature.numerator, signature.denominator)
            except RequestError:
                return None
        if measure.getElementsByClass(meter.SenzaMisuraTimeSignature):
            return None
    return current


def _key_of(signature: Any) -> Key:
    """The key of a music21 Key or KeySignature; one without a mode counts as major."""
    sharps = max(-7, min(7, signature.sharps or 0))
    mode = MODE_OF_NAME.get(getattr(signature, "mode", None) or "", "maj")
    return Key(name_at(sharps - MODES[mode]), mode)


def _length_of(columns: Sequence[Sequence[Any]], index: int, meter: Meter | None) -> int:
    """Ticks that a bar's notes and rests take; rests in a part alone do not make it longer than its metre.

    Where they end does not count text and other marks, which some programs place behind a bar's end.
    """
    sung, filled = [0], []
    for number, measure in enumerate(columns[index]):
        if measure is None:
            continue
        sung.append(_end_of(measure, "notes"))
        following = columns[index + 1][number] if index + 1 < len(columns) else None
        spaced = _ticks(following.offset - measure.offset) if following is not None else 0
        if meter is not None:
            spaced = meter.bar_length if spaced >= meter.bar_length else 0
        filled.append(max(spaced, _end_of(measure, "notesAndRests")))
    if max(filled) == 0:
        return max(_ticks(measure.barDuration.quarterLength) for measure in columns[index] if measure is not None)
    agreed = max(min(filled), meter.bar_length) if meter is not None else max(filled)
    return max(*sung, min(max(filled), agreed))


def _end_of(measure: Any, kind: str) -> int:
    """Ticks to the end of a measure's elements of a kind, its voices' too."""
    return max(
        (
            _ticks((0 if layer is measure else layer.offset) + element.offset + element.quarterLength)
            for layer in (measure, *measure.voices)
            for element in getattr(layer, kind)
        ),
        default=0,
    )


def _is_pickup(measures: Sequence[Any], before: Sequence[Bar], length: int, is_own: bool) -> bool:
    """Whether a short bar is the end of its metre: a bar that opens the piece, or completes the bar before."""
    is_unnumbered = any(measure.showNumber.name == "NEVER" for measure in measures)
    if is_own:
        return is_unnumbered
    if not before or all(bar.is_pickup for bar in before):
        return True
    last = before[-1]
    completes = last.meter is not None and not last.is_pickup and last.length + length == last.meter.bar_length
    return completes or (is_unnumbered and last.repeat_end)


def _ticks(quarters: float | Fraction) -> int:
    return round(quarters * TICKS_PER_QUARTER)


def _notes_of(measures: Sequence[Any], bars: Sequence[Bar]) -> list[tuple[Note, ...]]:
    """One part's notes, bar by bar, tied ones merged."""
    sung: list[list[list[int]]] = [[] for _ in bars]
    held: dict[tuple[int, int], list[tuple[str, list[int]]]] = {}
    start = 0
    for index, (measure, bar) in enumerate(zip(measures, bars, strict=False)):
        for layer, onset, end, pitch, tie in sorted(_sounds(measure), key=lambda sound: sound[1:4]):
            note = _continued(held, layer, start + onset, pitch) if tie in ("stop", "continue") else None
            if note is None:
                note = [onset, pitch, 0]
                sung[index].append(note)
            note[2] += end - onset
            if tie in ("start", "continue"):
                held.setdefault((start + end, pitch), []).append((layer, note))
        start += bar.length
    return [tuple(sorted(Note(onset, pitch, duration) for onset, pitch, duration in notes)) for notes in sung]


def _sounds(measure: Any) -> Iterator[tuple[str, int, int, int, str | None]]:
    """The notes of a measure as (layer, onset, end, pitch, tie), in ticks from its start; no graces, no percussion."""
    from music21 import harmony

    for layer in (measure, *measure.voices):
        shift = 0 if layer is measure else layer.offset
        for element in layer.notes:
            if not element.quarterLength or isinstance(element, harmony.Harmony):
                continue
            start = shift + element.offset
            onset, end = _ticks(start), _ticks(start + element.quarterLength)
            for single in element.notes if element.isChord else (element,):
                if hasattr(single, "pitch"):
                    tie = single.tie
                    yield str(layer.id), onset, max(end, onset + 1), single.pitch.midi, tie and tie.type


def _continued(
    held: dict[tuple[int, int], list[tuple[str, list[int]]]], layer: str, time: int, pitch: int
) -> list[int] | None:
    """The note that is tied over to `pitch` at `time`, from the same layer if there is a choice."""
    waiting = held.get((time, pitch))
    if not waiting:
        return None
    same_layer = next((index for index, (origin, _) in enumerate(waiting) if origin == layer), 0)
    return waiting.pop(same_layer)[1]


def _with_endings(bars: Sequence[Bar], measures: Sequence[Any], part: Any) -> list[Bar]:
    """Take the endings from a part's brackets."""
    from music21 import spanner

    place = {id(measure): index for index, measure in enumerate(measures)}
    found = list(bars)
    for bracket in part.recurse().getElementsByClass(spanner.RepeatBracket):
        spanned = [place[id(measure)] for measure in bracket.getSpannedElements() if id(measure) in place]
        if spanned:
            first, last = min(spanned), max(spanned)
            found[first] = replace(found[first], endings=tuple(bracket.numberRange))
            found[last] = replace(found[last], ending_end=True)
    return found


def _with_chords(bars: Sequence[Bar], columns: Sequence[Sequence[Any]]) -> tuple[list[Bar], int]:
    """The bars with their chords, and how many symbols name no chord."""
    key = bars[0].key
    found = []
    unknown = 0
    for bar, column in zip(bars, columns, strict=True):
        chords: dict[int, Chord] = {}
        for measure in filter(None, column):
            for onset, chord in _chords(measure, key):
                unknown += chord is None
                if chord is not None:
                    chords.setdefault(onset, chord)
        found.append(replace(bar, chords=tuple(chords[onset] for onset in sorted(chords))))
    return found, unknown


def _chords(measure: Any, key: Key) -> Iterator[tuple[int, Chord | None]]:
    """Chord symbols of a measure, each with its onset; None for one that names no chord."""
    from music21 import harmony

    for symbol in measure.recurse().getElementsByClass((harmony.ChordSymbol, harmony.NoChord)):
        onset = _ticks(symbol.getOffsetInHierarchy(measure))
        if isinstance(symbol, harmony.NoChord):
            yield onset, Chord(onset, NO_CHORD)
        elif symbol.chordKind in QUALITY_OF_KIND and symbol.root() is not None:
            root, bass = symbol.root().pitchClass, symbol.bass()
            label = make_label(root - key.pitch_class, QUALITY_OF_KIND[symbol.chordKind])
            yield onset, Chord(onset, label, bass=0 if bass is None else (bass.pitchClass - root) % 12)
        else:
            try:
                named = parse_name(symbol.figure.replace("-", "b"), key)
                yield onset, Chord(onset, named.label, bass=named.bass)
            except ChordError:
                yield onset, None


def _double_line(column: Sequence[Any]) -> DoubleLine:
    """The double bar line after a bar, in the first part that has one there."""
    barlines = (measure.rightBarline for measure in column if measure is not None)
    lines = (_DOUBLE_LINES.get(barline.type) for barline in barlines if barline is not None)
    return next(filter(None, lines), "")


def _phrase_begins(columns: Sequence[Sequence[Any]]) -> tuple[set[int], bool]:
    """Bars that follow a fermata, or without any those that follow a double bar; and whether they follow fermatas."""
    after_fermata, after_double = set(), set()
    for index, column in enumerate(columns):
        measure = next(measure for measure in column if measure is not None)
        if any(_is_fermata(mark) for element in measure.recurse().notes for mark in element.expressions):
            after_fermata.add(index + 1)
        if getattr(measure.rightBarline, "type", None) in _DOUBLE_LINES:
            after_double.add(index + 1)
    return (after_fermata, True) if after_fermata else (after_double, False)


def _is_fermata(mark: Any) -> bool:
    return "Fermata" in mark.classes


def _title_of(score: Any) -> str:
    metadata = score.metadata
    return (metadata and (metadata.title or metadata.movementName)) or ""


def _fields_of(score: Any) -> tuple[tuple[str, str], ...]:
    """Composer and poet, as fields of ABC."""
    said = {"C": getattr(score.metadata, "composer", None), "A": getattr(score.metadata, "lyricist", None)}
    return tuple((letter, printable(name)) for letter, name in said.items() if name)


def _tempo_of(score: Any) -> float | None:
    from music21 import tempo

    mark = score.recurse().getElementsByClass(tempo.MetronomeMark).first()
    return mark and mark.getQuarterBPM()
