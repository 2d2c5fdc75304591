"""`Piece` to ABC, as a person would engrave it (ABC standard 2.1); `read_abc(write_abc(piece))` is the same music.

Conventions
- Notes that overlap go to layers (`layers.Layers`): overlays (`&`) with invisible rests beneath the first, but where
  abcjs confuses them, in several voices or beside endings, voices of their own on the same staff: V2layer2 beside V2.
- Directives tell abc2midi to play as written: the notes of a chord together, and hornpipes without their swing.
- A layer is cut wherever a note begins or ends and, in the first voice, where a chord symbol stands; what sounds
  between two cuts is a rest, a note or a chord, and a note that continues is tied.
- The parts of instruments that transpose are at written pitch, with `transpose=` and, where it differs, a key of their
  own.
- Under the clef treble-8 notes are written an octave above where they sound (section 4.6).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate, chain, groupby
from operator import attrgetter

from .abc_bar_lines import BarLines, key_text, meter_text, part_text
from .abc_notation import WrittenNotation, defined_marks, jumps_text, staff_text, tempo_lines
from .abc_spelling import Accidentals, BarNames, Sounding, fifths_in, is_name_of, names_of, spelled_as
from .abc_systems import systems
from .abc_values import WrittenValue, break_rhythm, join_beams, note_values, without_whole_rests
from .arguments import check_is_piece
from .chords import chord_name, named_chord
from .errors import ScoreError
from .instruments import at_written_pitch, staff_clef, staff_groups, staves_of
from .layers import Layers, LayerTimes
from .notation import Grace, GraceNote, Instrument, Lyric, grace_unit
from .piece import Bar, Chord, Piece
from .repeats import with_repeat_starts, without_idle_repeats
from .signatures import TICKS_PER_WHOLE, Key, Meter
from .voices import MELODY, octaves_above

MOST_BARS = 20_000
LONGEST_TUNE = 1_000_000
"""In characters. What is longer is neither written nor read."""

STYLE_NAMES = {
    "double-jig": "jig",
    "irish-jig": "jig",
    "single-jig": "jig",
    "slipjig": "slip-jig",
    "hop-jig": "slip-jig",
    "fling": "highland-fling",
    "barn-dance": "barndance",
    "slow-air": "air",
    "schottishe": "schottische",
}
"""What `R:` says, in lower case and joined by hyphens -> the style's name, where the two differ."""

LAYER_NAME = re.compile(r"(?P<voice>.+)layer(?:[2-9]|1[0-7])")
"""What a voice is called that holds a layer of another one."""

_SWUNG = ("hornpipe", "Hornpipe")
_MOST_TRACKS = 15
"""Voices and layers that abc2midi gives a channel each."""
_MIDDLE_C_OCTAVE = 5
_KEPT_FIELDS = "TCABDFGHNOSZ"
_LOW_TO_HIGH = attrgetter("pitch", "start", "end")


def write_abc(piece: Piece, overlays: bool = False) -> str:
    """ABC text of a piece: one tune, numbered 1.

    Left out are velocities, dynamics, chords that are not known, and phrases. An ending that stays open past a repeat
    or the next ending is closed there; `:|` after the last of several endings, from which programs go back once more,
    is a plain bar line.

    Args:
        overlays: Whether layers are overlays in several voices too, which is shorter.

    Raises:
        RequestError: the piece is none, such as the list that `read_score` returns.
        ScoreError: a bar without length, a note or a chord outside the piece's bars, or more music than is read again.
    """
    check_is_piece(piece, "write")
    _check(piece)
    bars = with_repeat_starts(piece.bars)
    piece = replace(piece, bars=tuple(bars if piece.part_order else without_idle_repeats(bars)))
    parts = [at_written_pitch(piece, voice) for voice in range(len(piece.voices))]
    voices = _writers(parts)
    names = _names(piece, voices, overlays)
    for voice in voices:
        voice.bar_lines.has_courtesy = len([name for layers in names for name in layers]) > 1
    lines: list[str] = []
    for first, last in systems(piece.bars):
        if label := part_text(piece.bars[first]):
            lines.append(f"P:{label}")
        for (name, *layers), voice, (part, _) in zip(names, voices, parts, strict=True):
            begun = "[V:{}] " if names != [[MELODY]] else ""
            if not first and part.key != parts[0][0].key:  # abcjs has [K:] behind [V:] move the voice as the one before
                begun = f"V:{{}}\n[K:{key_text(part.key)}] "
            voice.alone = 0 if layers else None
            lines += [begun.format(name) + voice.line(first, last), *voice.lyric_lines()]
            for voice.alone, layer in enumerate(layers, 1):
                lines.append(begun.format(layer) + voice.line(first, last))
    lines += [f"W:{one_line(text)}" for letter, text in piece.metadata if letter == "W"]
    directives = _played_as_written(piece, voices)
    text = "\n".join([*_header(piece, parts, names, directives), *lines]) + "\n"
    if len(piece.bars) > MOST_BARS or len(text) > LONGEST_TUNE:
        size = f"the piece has {len(piece.bars)} bars and {len(text)} characters of ABC"
        raise ScoreError(
            f"{size}, more than {MOST_BARS} or {LONGEST_TUNE}; write it in another format, or in parts"
        ).at(title=piece.title)
    return text


def _writers(parts: Sequence[tuple[Piece, int]]) -> list[VoiceWriter]:
    """What writes each voice, at the pitch at which its player reads it."""
    shared: dict[int, tuple[BarLines, Sequence[Sequence[BarNames]]]] = {}
    for part, semitones in parts:
        if semitones not in shared:
            shared[semitones] = BarLines(part.bars, has_courtesy=False, says_keys=True), names_of(part)
    return [
        VoiceWriter(part, voice, shared[semitones][0], shared[semitones][1][voice])
        for voice, (part, semitones) in enumerate(parts)
    ]


def _names(piece: Piece, voices: Sequence[VoiceWriter], overlays: bool) -> list[list[str]]:
    """The names of each voice and of its layers that are voices of their own."""
    is_plain = len(voices) == 1 and not any(bar.endings for bar in piece.bars)
    if overlays or is_plain or sum(voice.layers for voice in voices) > _MOST_TRACKS:
        return [[name] for name in piece.voices]
    return [
        [name, *(f"{name}layer{number}" for number in range(2, voice.layers + 1))]
        for name, voice in zip(piece.voices, voices, strict=True)
    ]


def _check(piece: Piece) -> None:
    total = sum(bar.length for bar in piece.bars)
    start = 0
    for number, bar in zip(piece.bar_numbers, piece.bars, strict=True):
        if bar.length < 1:
            raise ScoreError(f"a bar is {bar.length} ticks long; it needs at least one").at(
                title=piece.title, bar=number
            )
        onsets = [note.onset for sung in bar.notes for note in sung] + [chord.onset for chord in bar.chords]
        if any(not 0 <= onset < bar.length for onset in onsets):
            problem = f"a note or a chord begins at tick {max(onsets)} of a bar of {bar.length}"
            raise ScoreError(f"{problem}; put it into its own bar").at(title=piece.title, bar=number)
        end = max((start + note.onset + note.duration for sung in bar.notes for note in sung), default=0)
        if end > total:
            raise ScoreError(f"a note rings {end - total} ticks past the last bar; shorten it").at(
                title=piece.title, bar=number
            )
        start += bar.length


def _header(
    piece: Piece, parts: Sequence[tuple[Piece, int]], names: Sequence[Sequence[str]], directives: Iterable[str]
) -> list[str]:
    fields = [("X", "1"), ("T", piece.title)]
    fields += [(letter, text) for letter, text in piece.metadata if letter in _KEPT_FIELDS]
    fields += [("N", text) for text in piece.made]
    fields += [("R", _style_text(piece.style, piece.metadata))] if piece.style else []
    fields += [("P", _part_order(piece))] if piece.part_order else []
    fields += [("M", meter_text(piece.meter)), ("L", f"1/{TICKS_PER_WHOLE // _unit_length(piece.meter)}")]
    lines = [f"{letter}:{one_line(text)}" for letter, text in fields]
    lines += tempo_lines(piece)
    lines += [*defined_marks(piece.bars), *directives]
    is_named = [*names] != [[MELODY]]
    if is_named:
        staves = [""] * len(names)
        for staff in staves_of(piece):
            together = [name for voice in staff for name in names[voice]]
            staves[staff.start] = f"({' '.join(together)})" if len(together) > 1 else together[0]
        lines.append("%%score " + " ".join(group.text(staves) for group in staff_groups(piece)))
    instruments = piece.instruments or (Instrument(),) * len(piece.voices)
    for voice, (layers, instrument) in enumerate(zip(names, instruments, strict=True)):
        part, semitones = parts[voice]
        clef = staff_clef(part, voice)
        for number, name in enumerate(layers):
            if is_named or instrument != Instrument() or clef != "treble":
                lines.append(f"V:{name}{staff_text(clef, Instrument() if number else instrument, semitones)}")
            if instrument.program is not None:
                lines.append(f"%%MIDI program {instrument.program}")
    return [*lines, f"K:{key_text(parts[0][0].key)}"]


def _played_as_written(piece: Piece, voices: Sequence[VoiceWriter]) -> Iterator[str]:
    """The directives without which abc2midi spreads chords, swings hornpipes, goes down to silence by hairpins that
    make softer, each by as much again, and doubles notes under fermatas, by which voices of unlike rhythm come apart.
    """
    if any(voice.has_chords for voice in voices):
        yield "%%MIDI chordattack 0"
    if any(voice.has_hairpins for voice in voices):
        yield "%%MIDI deltaloudness 0"
    if any(voice.has_fermatas for voice in voices) and sum(voice.layers for voice in voices) > 1:
        yield "%%MIDI fermatafixed"
    if _is_swung(piece):
        yield "%%MIDI ratio 1 1"
    elif any(voice.has_broken for voice in voices) and _is_hornpipe(piece):
        yield "%%MIDI ratio 3 1"


def _is_hornpipe(piece: Piece) -> bool:
    """Whether `R:` makes abc2midi play broken rhythm 2 to 1."""
    return piece.style is not None and _style_text(piece.style, piece.metadata).startswith(_SWUNG)


def _is_swung(piece: Piece) -> bool:
    """Whether `R:` makes abc2midi play pairs of equal notes as if they stood in broken rhythm."""
    return _is_hornpipe(piece) and str(piece.meter) in ("4/4", "2/4")


def _style_text(style: str, metadata: Sequence[tuple[str, str]]) -> str:
    """The style as the source had it, "Double Jig" for a jig, as long as the piece is still in it."""
    return next((text for letter, text in metadata if letter == "R" and parse_style(text) == style), style)


def plays_of_parts(bars: Sequence[Bar]) -> dict[str, int]:
    """How often each part is written in an order of parts to be played once with all its endings (section 4.10)."""
    plays: dict[str, int] = {}
    label = ""
    for bar in bars:
        label = bar.part or label
        plays[label] = max(plays.get(label, 1), *bar.endings, 1)
    return plays


def _part_order(piece: Piece) -> str:
    """The order of parts; where a part comes as often in a row as it has endings, or a multiple of that, it is written
    that many times as often, since it would be read as one play of all of them.
    """
    plays, labels = plays_of_parts(piece.bars), list[str]()
    for label, run in groupby(piece.part_order):
        count, most = len(list(run)), plays[label]
        labels += [label] * (count if count % most else count * most)
    return ".".join(labels)


@lru_cache(maxsize=1024)
def parse_style(text: str) -> str | None:
    """The style that `R:` names: "Double Jig" and "jig" are "jig", "SlipJig" is "slip-jig"; None for an empty field."""
    words = re.findall(r"[^\W_]+", re.split(r"[,;/(]", text)[0].lower())
    name = "-".join(words)
    return STYLE_NAMES.get(name, name) or None


def one_line(text: str) -> str:
    """A text as a field of the header says it."""
    return re.sub(r"[\\%]|&(?=#?\w{1,8};)", r"\\\g<0>", " ".join(text.split()))


def _unit_length(meter: Meter | None) -> int:
    """Ticks of the unit note length: an eighth, but a 16th in metres of 16ths and shorter."""
    return TICKS_PER_WHOLE // (16 if meter and meter.denominator > 8 else 8)


def _shortens_whole_rests(meter: Meter | None) -> bool:
    """Whether abcjs takes whole rests, also under a later metre, for rests of a shorter bar: of one in the first metre,
    of a sum only the first number.
    """
    return meter is not None and (meter.bar_length < TICKS_PER_WHOLE or "+" in meter.written)


class VoiceWriter:
    """One voice, written line after line.

    Attributes:
        bar_lines: What stands between its bars.
        layers: How many it has where it has most.
        alone: The layer that is written; None for all of them as overlays.
        has_broken: Whether broken rhythm was written.
        has_chords: Whether notes between brackets were written.
        has_hairpins: Whether it gets louder or softer anywhere.
        has_fermatas: Whether a fermata stands anywhere.
    """

    def __init__(self, piece: Piece, voice: int, bar_lines: BarLines, names: Sequence[BarNames]) -> None:
        self._bars = piece.bars
        self._names = names
        self._key = piece.key
        self._starts = list(accumulate((bar.length for bar in piece.bars), initial=0))
        self._voice = voice
        self.bar_lines = bar_lines
        self._layers = self._in_layers()
        self._times = {
            index: [LayerTimes((note.start, note.end) for note in layer) for layer in layers]
            for index, layers in enumerate(self._layers)
            if len(layers) > 1
        }
        if not self._has_notes_under_words():
            self._layers = [[list(chain.from_iterable(layers))] for layers in self._layers]
        self.layers = max(map(len, self._layers))
        self.alone: int | None = None
        self.has_broken = self.has_chords = False
        clef = staff_clef(piece, voice)
        self._notation = WrittenNotation(piece.bars, voice, clef, self._layers_at)
        self.has_hairpins, self.has_fermatas = self._notation.has_hairpins, self._notation.has_fermatas
        self._noted: list[tuple[int, int]] = []  # bars and onsets where notes of this line begin or go on
        self._unit = _unit_length(piece.meter)
        self._written_octave = _MIDDLE_C_OCTAVE + octaves_above(clef)
        self._accidentals = Accidentals()
        self._has_symbols, self._breaks_rhythm = voice == 0, not _is_swung(piece)
        self._splits_whole_rests = _shortens_whole_rests(piece.meter)

    def line(self, first: int, last: int) -> str:
        """The bars from `first` to before `last`."""
        self._noted.clear()
        parts = [self.bar_lines.line_start(first)]
        for index in range(first, last):
            parts.append(self._bar(index))
            parts.append(self.bar_lines.joining(index) if index + 1 < last else self.bar_lines.line_end(index))
        return " ".join(filter(None, parts))

    def lyric_lines(self) -> list[str]:
        """The words beneath the last line."""
        return self._notation.lyric_lines(self._noted) if self._notation.has_lyrics else []

    def _in_layers(self) -> list[list[list[Sounding]]]:
        """The notes that sound in each bar, those held from before too, by layer."""
        layers = Layers(self._starts[-1])
        found: list[list[list[Sounding]]] = []
        held: list[tuple[int, Sounding]] = []
        for index, bar in enumerate(self._bars):
            start = self._starts[index]
            notes = held + [
                (layer, Sounding(onset, end, pitch, *self._spelled(onset - start, pitch, index)))
                for layer, onset, end, pitch in layers.of_bar(start, bar.notes[self._voice])
            ]
            found.append([[] for _ in range(1 + max((layer for layer, _ in notes), default=0))])
            for layer, note in notes:
                found[-1][layer].append(note)
            held = [(layer, note) for layer, note in notes if note.end > self._starts[index + 1]]
        return found

    def _has_notes_under_words(self) -> bool:
        """Whether the first layer, which alone has words, has a note for each syllable."""
        return all(
            next(iter(self._layers_at(index, record.onset)[1]), 0) == 0
            for index, bar in enumerate(self._bars)
            for record in (bar.notation[self._voice] if bar.notation else ())
            if isinstance(record, Lyric)
        )

    def _layers_at(self, index: int, onset: int) -> tuple[Sequence[int], Sequence[int]]:
        """The layers in which a note begins at an onset of a bar, and those in which one sounds."""
        if len(self._layers[index]) == 1:
            return (0,), (0,)
        time, layers = self._starts[index] + onset, self._times[index]
        begun = [number for number, times in enumerate(layers) if times.begins_at(time)]
        return begun, [number for number, times in enumerate(layers) if times.sounds_at(time)]

    def _altered(self, index: int, layer: int) -> dict[str, set[int]]:
        """How each letter is altered in a layer of a bar, in its grace notes too."""
        key = self._bars[index].key
        spelled = [(note.letter, note.alteration) for note in self._layers[index][layer]]
        for place in self._notation.places(index, layer).values():
            notes = (note for grace in place.graces for together in grace.notes for note in together)
            spelled += [(letter, alteration) for letter, _, alteration in (_spelled_grace(note, key) for note in notes)]
        altered: dict[str, set[int]] = {}
        for letter, alteration in spelled:
            altered.setdefault(letter, set()).add(alteration)
        return altered

    def _bar(self, index: int) -> str:
        bar, layers = self._bars[index], self._layers[index]
        altered = [self._altered(index, number) for number in range(len(layers))] if len(layers) > 1 else [{}]
        texts = []
        for number in range(len(layers)) if self.alone is None else (self.alone,):
            self._accidentals.start_layer(bar.key, _merged(altered[:number] + altered[number + 1 :]))
            texts.append(self._layer(index, number))
        return self._with_jumps(" & ".join(texts), bar)

    def _layer(self, index: int, number: int) -> str:
        bar, layers = self._bars[index], self._layers[index]
        notes = layers[number] if number < len(layers) else []
        start, end = self._starts[index], self._starts[index + 1]
        symbols = self._symbols(index, number)
        places = self._notation.places(index, number)
        edges = (time - start for note in notes for time in (note.start, note.end) if start < time < end)
        cuts = sorted({0, bar.length, *self._cuts(index), *symbols, *places, *edges})
        sounding = LayerTimes((note.start, note.end) for note in notes)
        values = note_values(cuts, bar, [sounding.sounds_at(start + cut) for cut in cuts[:-1]])
        times = [start + value.start for value in values]
        for note in sorted(notes, key=_LOW_TO_HIGH):
            for value in values[bisect_left(times, note.start) : bisect_left(times, note.end)]:
                value.notes.append(note)
        if self._splits_whole_rests:
            values = [*without_whole_rests(values)]
        if self._breaks_rhythm:
            unpaired = [onset for onset, place in places.items() if "." in place.marks or "H" in place.marks]
            self.has_broken |= break_rhythm(values, bar, start, unpaired)
        join_beams(values, bar)
        text = []
        for last, value in zip([None, *values], values, strict=False):
            text.append(self._between(last, value, index) if last else "")
            fields, before, after = "", "", ""
            if place := places.get(value.start):
                fields, before, after = place.fields, place.before(self._graces(place.graces, bar.key)), place.after
            sound = self._sound(value, start, "x" if number else "z")
            text += [fields, value.tuplet, symbols.get(value.start, ""), before, sound, after, value.broken]
        self._noted += [(index, value.start) for value in values if value.notes and not number]
        return "".join(text)

    def _cuts(self, index: int) -> Sequence[int]:
        return ()

    def _between(self, value: WrittenValue, following: WrittenValue, index: int) -> str:
        is_in_triplet = value.window is not None and value.window == following.window
        return "" if value.is_beamed or is_in_triplet else " "

    def _with_jumps(self, text: str, bar: Bar) -> str:
        if self._voice or self.alone or not bar.jumps:
            return text
        after = jumps_text(bar.jumps, are_before=False)
        return jumps_text(bar.jumps, are_before=True) + text + (f" {after}" if after else "")

    def _spelled(self, onset: int, pitch: int, index: int) -> tuple[str, int, int]:
        fifths = self._names[index].get((onset, pitch))
        if fifths is None or not is_name_of(fifths, pitch):
            fifths = fifths_in(pitch, self._bars[index].key)
        return spelled_as(pitch, fifths)

    def _symbols(self, index: int, layer: int) -> dict[int, str]:
        if not self._has_symbols:
            return {}
        bar = self._bars[index]
        own = [chord for chord in bar.chords if self._notation.layer_at(index, chord.onset) == layer]
        names = {chord.onset: _symbol(chord, self._key, bar.key) for chord in own}
        return {onset: f'"{name}"' for onset, name in names.items() if name}

    def _graces(self, graces: Sequence[Grace], key: Key) -> str:
        """Grace notes before a note; those that sound together are a chord."""
        text = ""
        for grace in graces:
            unit = grace_unit(len(grace.notes))
            groups = [[self._grace_note(note, key, unit) for note in together] for together in grace.notes]
            heads = [heads[0] if len(heads) == 1 else f"[{''.join(heads)}]" for heads in groups]
            text += f"{'(' * grace.is_slurred}{{{'/' * grace.is_slashed}{''.join(heads)}}}"
        return text

    def _grace_note(self, note: GraceNote, key: Key, unit: int) -> str:
        letter, octave, alteration = _spelled_grace(note, key)
        accidental = self._accidentals.sign_in_grace(letter, octave, alteration)
        return self._pitch_text(accidental, letter, octave) + _length_text(Fraction(note.duration, unit))

    def _sound(self, value: WrittenValue, bar_start: int, rest: str) -> str:
        """A rest, a note or a chord for what sounds during a value."""
        tied = [note for note in value.notes if note.start < bar_start + value.start]
        heads = [self._head(note, tied) + "-" * (note.end > bar_start + value.end) for note in value.notes]
        length = _length_text(value.written / self._unit)
        if not heads:
            return rest + length
        self.has_chords |= len(heads) > 1
        if len(heads) > 1 and all(head.endswith("-") for head in heads):  # abcjs mixes up voices' ties within brackets
            return f"[{''.join(head[:-1] for head in heads)}]{length}-"
        if len(heads) > 1:
            return f"[{''.join(heads)}]{length}"
        head = heads[0].rstrip("-")
        return head + length + heads[0][len(head) :]

    def _head(self, note: Sounding, tied: Sequence[Sounding]) -> str:
        return self._pitch_text(self._accidentals.sign(note, tied), note.letter, note.octave)

    def _pitch_text(self, accidental: str, letter: str, octave: int) -> str:
        octaves = octave - self._written_octave
        return accidental + (letter.lower() if octaves > 0 else letter) + "'" * (octaves - 1) + "," * -octaves


def _symbol(chord: Chord, home: Key, key: Key) -> str:
    """How a chord is written over the staff: as its source has it if that is read as the same chord."""
    name = chord.name(home, key)
    if chord.symbol is None:
        return name
    read = named_chord(name[0].upper() + name[1:], home)
    is_same = read and (read.label, read.bass) == (chord.label, chord.bass)
    return name if is_same else chord_name(chord.label, home, key, chord.bass)


def _spelled_grace(note: GraceNote, key: Key) -> tuple[str, int, int]:
    fifths = note.fifths if is_name_of(note.fifths, note.pitch) else fifths_in(note.pitch, key)
    return spelled_as(note.pitch, fifths)


def _merged(altered: Iterable[dict[str, set[int]]]) -> dict[str, set[int]]:
    merged: dict[str, set[int]] = {}
    for layer in altered:
        for letter, alterations in layer.items():
            merged.setdefault(letter, set()).update(alterations)
    return merged


def _length_text(length: Fraction) -> str:
    if length == Fraction(1, 2):
        return "/"
    upper = "" if length.numerator == 1 else str(length.numerator)
    return upper if length.denominator == 1 else f"{upper}/{length.denominator}"
