"""`Piece` -> `music21.stream.Score`.

Conventions
- music21 counts in quarter notes, `Piece` in ticks.
- music21 is imported inside the functions, since that takes seconds, and typed as `Any`.
- Measures are fully notated: rests written out, every duration a single note value (ties join longer ones), so that
  exporters have nothing left to guess. A voice that strikes a pitch which it still holds becomes several music21
  voices.
- Dropped: velocities, dynamics, and what rings past the last bar.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

from ..core.abc_spelling import spelled
from ..core.chords import QUALITIES, UNKNOWN_CHORD, chord_name, split_label
from ..core.note_values import NoteValue
from ..core.piece import Bar, Piece
from ..core.playing_order import last_of_ending
from ..core.signatures import TICKS_PER_QUARTER, Key, Meter, name_at
from ..core.voices import clef_of
from .music21_notation import TimeSlice, layers_of, note_values, tie_kind, timeline
from .musicxml_names import CHORD_KINDS, MODE_NAMES, SOFTWARE


def to_music21(piece: Piece) -> Any:
    """This piece as a `music21.stream.Score`, bars as written, one part a voice, chord symbols over the first part."""
    from music21 import metadata, stream

    score = stream.Score()
    score.metadata = metadata.Metadata()
    score.metadata.title = piece.title or None
    score.metadata.software = [SOFTWARE]
    for voice, name in enumerate(piece.voices):
        score.insert(0, _part(piece, voice, name))
    return score


def _part(piece: Piece, voice: int, name: str) -> Any:
    from music21 import instrument, stream, tempo

    part = stream.Part(id=name)
    part.partName = name
    player = instrument.Instrument()
    player.partName, player.partId = name, f"P{voice + 1}"
    part.insert(0, player)
    layers = layers_of(timeline(piece, voice))
    onset = 0
    for index, (bar, number) in enumerate(zip(piece.bars, piece.bar_numbers, strict=True)):
        measure = _measure(bar, piece.bars[index - 1] if index else None, number)
        _fill(measure, bar, [layer.segments(onset, onset + bar.length) for layer in layers])
        if voice == 0:
            _add_chord_symbols(measure, bar, piece.key)
        part.append(measure)
        onset += bar.length
    _add_endings(part, piece.bars)
    measures: list[Any] = list(part[stream.Measure])
    measures[-1].rightBarline = measures[-1].rightBarline or "final"
    measures[0].clef = _clef(piece, voice)
    if voice == 0 and piece.tempo is not None:
        measures[0].insert(0, tempo.MetronomeMark(number=round(piece.tempo, 2)))
    return part


def _clef(piece: Piece, voice: int) -> Any:
    from music21 import clef

    kinds = {"treble": clef.TrebleClef, "treble-8": clef.Treble8vbClef, "bass": clef.BassClef}
    return kinds[clef_of(piece.voices[voice], [note.pitch for bar in piece.bars for note in bar.notes[voice]])]()


def _measure(bar: Bar, previous: Bar | None, number: int) -> Any:
    """An empty measure with the bar's number, key, metre and barlines."""
    from music21 import bar as barline
    from music21 import key, meter, stream

    measure = stream.Measure(number=number)
    if bar.is_pickup:
        measure.numberSuffix = "X" if number else None
        measure.showNumber = stream.enums.ShowNumber.NEVER
        measure.paddingLeft = bar.offset / TICKS_PER_QUARTER
    if previous is None or bar.key != previous.key:
        measure.insert(0, key.Key(bar.key.tonic.replace("b", "-"), MODE_NAMES[bar.key.mode]))
    if previous is None or bar.meter != previous.meter:
        signature = meter.SenzaMisuraTimeSignature("") if bar.meter is None else meter.TimeSignature(str(bar.meter))
        measure.insert(0, signature)
    if bar.repeat_start:
        measure.leftBarline = barline.Repeat(direction="start")
    if bar.repeat_end:
        measure.rightBarline = barline.Repeat(direction="end")
    return measure


def _fill(measure: Any, bar: Bar, layers: Sequence[Sequence[TimeSlice]]) -> None:
    """Put the notes of a bar into its measure; further layers that are silent here are left out."""
    from music21 import stream

    heard = [segments for number, segments in enumerate(layers) if number == 0 or any(s.pitches for s in segments)]
    for number, segments in enumerate(heard, 1):
        target = measure if len(heard) == 1 else stream.Voice(id=str(number))
        elements = list(_elements(segments, bar.key))
        _add_beams([element for _, element in elements], bar)
        for onset, element in elements:
            target.coreInsert(onset, element)
        target.coreElementsChanged()
        if target is not measure:
            measure.insert(0, target)


def _add_beams(elements: Sequence[Any], bar: Bar) -> None:
    """Beams over a layer of a bar, as its metre groups them from where the bar begins in it."""
    from music21 import beam

    if bar.meter is not None and bar.length <= bar.meter.bar_length:
        groups = _time_signature(bar.meter).getBeams(elements, measureStartOffset=bar.offset / TICKS_PER_QUARTER)
        for element, beams in zip(elements, groups, strict=True):
            element.beams = beams or beam.Beams()


@cache
def _time_signature(meter: Meter) -> Any:
    """music21's knowledge of a metre; never put into a measure."""
    from music21 import meter as meters

    return meters.TimeSignature(str(meter))


def _elements(segments: Iterable[TimeSlice], key: Key) -> Iterator[tuple[Fraction, Any]]:
    """Notes, chords and rests with their offsets in quarter notes; long segments become several, tied."""
    shown = _Accidentals(key)
    brackets = _TupletBrackets()
    for segment in segments:
        onset = segment.onset
        values = note_values(segment.duration)
        for index, value in enumerate(values):
            element = _element(segment, index == 0, index == len(values) - 1, shown)
            element.duration = brackets.duration(value)
            yield Fraction(onset, TICKS_PER_QUARTER), element
            onset += value.ticks


def _element(segment: TimeSlice, is_first: bool, is_last: bool, shown: _Accidentals) -> Any:
    """One note value's worth of a segment: a rest, a note or a chord."""
    from music21 import chord, note, tie

    notes = []
    for midi, tied in segment.pitches:
        single = note.Note(shown.pitch(midi, is_first and tied not in ("continue", "stop")))
        kind = tie_kind(tied in ("continue", "stop") or not is_first, tied in ("continue", "start") or not is_last)
        single.tie = tie.Tie(kind) if kind else None
        notes.append(single)
    if not notes:
        return note.Rest()
    return notes[0] if len(notes) == 1 else chord.Chord(notes)


class _Accidentals:
    """Spells the pitches of one bar in its key and shows an accidental only where the bar so far does not imply it."""

    def __init__(self, key: Key) -> None:
        self._key = key
        signature = [name_at(key.signature - 1 + step) for step in range(7)]
        self._implied = {name[0]: name.count("#") - name.count("b") for name in signature}
        self._seen: dict[tuple[str, int], int] = {}

    def pitch(self, midi: int, is_struck: bool) -> Any:
        """The `music21.pitch.Pitch` of a MIDI number."""
        from music21 import pitch

        letter, octave, alteration = spelled(midi, self._key)
        made = pitch.Pitch(letter + ("#" * alteration or "-" * -alteration))
        made.octave = octave - 1
        is_shown = is_struck and self._seen.get((letter, octave), self._implied[letter]) != alteration
        if is_shown and made.accidental is None:
            made.accidental = pitch.Accidental("natural")
        if made.accidental is not None:
            made.accidental.displayStatus = is_shown
        if is_struck:
            self._seen[letter, octave] = alteration
        return made


class _TupletBrackets:
    """Makes durations, and brackets triplets: from the first one up to where they fill a plain note value again."""

    def __init__(self) -> None:
        self._ticks = 0
        self._tuplet: Any = None

    def duration(self, value: NoteValue) -> Any:
        """The `music21.duration.Duration` of a note value."""
        from music21 import duration

        made = duration.Duration(type=value.type, dots=value.dots)
        if not value.is_triplet:
            self._ticks = 0
            return made
        tuplet = duration.Tuplet(3, 2, value.type)
        tuplet.type = None if self._ticks else "start"
        self._ticks += value.ticks
        if self._ticks % 3 == 0:
            tuplet.type = "stop"
            self._ticks = 0
        made.appendTuplet(tuplet)
        return made


def _add_chord_symbols(measure: Any, bar: Bar, key: Key) -> None:
    """Chord symbols above a measure; names count from the piece's first key."""
    from music21 import harmony

    for chord in bar.chords:
        parts = split_label(chord.label)
        if parts is None and chord.label == UNKNOWN_CHORD:
            continue
        if parts is None:
            symbol: Any = harmony.NoChord()
        else:
            kind = CHORD_KINDS[parts[1]]
            suffix = QUALITIES[parts[1]].name_suffix
            root = chord_name(chord.label, key).removesuffix(suffix).replace("b", "-")
            symbol = harmony.ChordSymbol(root=root, kind=kind, kindStr=suffix)
        measure.insert(Fraction(chord.onset, TICKS_PER_QUARTER), symbol)


def _add_endings(part: Any, bars: Sequence[Bar]) -> None:
    """Brackets over the bars of each ending."""
    from music21 import spanner, stream

    measures = list(part[stream.Measure])
    for index, bar in enumerate(bars):
        if bar.endings:
            last = last_of_ending(bars, index)
            part.insert(0, spanner.RepeatBracket(measures[index : last + 1], number=list(bar.endings)))
