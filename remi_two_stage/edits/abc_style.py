"""Bars of a piece as ABC in the manner of a file: in its units, at its written pitch, by its writer's habits."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from ..core.abc_bar_lines import BarLines
from ..core.abc_notation import syllable_text
from ..core.abc_spelling import Accidentals, Sounding, names_of
from ..core.abc_values import WrittenValue
from ..core.abc_writer import VoiceWriter
from ..core.notation import Lyric, Notation, Spelling, moved
from ..core.piece import Bar, Note, Piece
from ..core.signatures import Key, fifths_of_transposition
from ..scores.abc_fields import LETTERS, UNITS_PER_TICK
from .abc_habits import Habits
from .abc_places import Setting

_HALF_UNIT = re.compile(r'("[^"]*"|![^!]*!|\[[A-Za-z]:[^\]]*\])|(?<![{/])/(?![0-9/])')
_ROOT_ON_B = re.compile(r'(?<=["/])[Bb](?![b#])')
_GERMAN = {"B": "H", "b": "h"}
_ALTERATION_SIGNS = {-2: "__", -1: "_", 0: "=", 1: "^", 2: "^^"}
_MIDDLE_C_OCTAVE = 5


class _FileAccidentals(Accidentals):
    """Accidentals under a key signature that the file has, or on every note."""

    def __init__(self) -> None:
        super().__init__()
        self.alterations: dict[str, int] | None = None
        self.is_explicit = False

    def start_layer(self, key: Key, beside: Mapping[str, Collection[int]]) -> None:
        """Forget the accidentals of the last bar; those of the file's signature hold."""
        super().start_layer(key, beside)
        if self.alterations is not None:
            self._signature = self.alterations

    def sign(self, note: Sounding, tied: Sequence[Sounding]) -> str:
        """The accidental of a note; one wherever it can stand if all are to be written."""
        sign = super().sign(note, tied)
        return _ALTERATION_SIGNS[note.alteration] if self.is_explicit and note not in tied else sign


@dataclass(frozen=True, slots=True)
class Manner:
    """How a voice is to be written.

    Attributes:
        settings: By bar; a bar without one has that of the bar before.
        habits: Of the tune's writer.
        has_symbols: Whether chord symbols stand over this voice.
        has_jumps: Indices of the bars whose signs of jumps are to be written.
        is_explicit: Whether every note has its accidental.
    """

    settings: Mapping[int, Setting]
    habits: Habits
    has_symbols: bool
    has_jumps: Collection[int] = ()
    is_explicit: bool = False


class FileVoiceWriter(VoiceWriter):
    """A voice of a piece, written bar by bar in the manner of a file; tempos are left out."""

    def __init__(self, piece: Piece, voice: int, manner: Manner) -> None:
        settings = _for_each_bar(manner.settings, len(piece.bars))
        written = _at_written_pitch(piece, voice, [setting.transposition for setting in settings])
        bars = tuple(_without_signs(bar, index, manner) for index, bar in enumerate(written.bars))
        written = replace(written, bars=bars)
        super().__init__(written, voice, BarLines(written.bars, has_courtesy=False), names_of(written)[voice])
        self._settings = settings
        self._habits = manner.habits
        self._cuts_by_bar: dict[int, Sequence[int]] = {}
        self._breaks_rhythm = manner.habits.writes_broken
        self._has_symbols = manner.has_symbols
        self._written_octave = _MIDDLE_C_OCTAVE
        self._accidentals: _FileAccidentals = _FileAccidentals()
        self._accidentals.is_explicit = manner.is_explicit

    def bar(self, index: int, cuts: Sequence[int] = ()) -> list[str]:
        """A bar without its bar lines, in as many parts as it is cut into at some onsets, if it has a single layer."""
        self._cuts_by_bar[index] = cuts if len(self._layers[index]) == 1 else ()
        self._noted.clear()
        return [part.strip() for part in self._bar(index).split("\n")]

    def words(self, index: int, verse: int) -> list[tuple[int, str]]:
        """What stands beneath each note of the bar that was written last, with the notes' onsets."""
        records = self._bars[index].notation[self._voice] if self._bars[index].notation else ()
        lyrics = [record for record in records if isinstance(record, Lyric)]
        onsets = [onset for _, onset in self._noted]
        return [(at, syllable_text([lyric for lyric in lyrics if lyric.onset == at], verse)) for at in onsets]

    def closing(self, index: int) -> str:
        """The bar line after a bar that is not the last."""
        return self.bar_lines.line_end(index).split()[0]

    def line(self, first: int, last: int) -> str:
        """The bars from `first` to before `last`, with blanks beside bar lines where the file has them."""
        before, after = self._habits.before_bar_line, self._habits.after_bar_line
        opening = self.bar_lines.line_start(first)
        text = opening + " " * bool(opening)
        for index in range(first, last):
            sign = self.bar_lines.joining(index) if index + 1 < last else self.bar_lines.line_end(index).strip()
            is_plain = all(letter in "|:[]" for letter in sign)
            text += self._bar(index) + before + sign + ((after if is_plain else " ") if index + 1 < last else "")
        return text

    def _bar(self, index: int) -> str:
        setting = self._settings[index]
        self._unit = Fraction(setting.unit_length, UNITS_PER_TICK)  # type: ignore[assignment]
        self._accidentals.alterations = dict(zip(LETTERS, setting.alterations, strict=True))
        text = super()._bar(index)
        if self._habits.writes_halves:
            text = _HALF_UNIT.sub(lambda match: match[1] or "/2", text)
        return text

    def _cuts(self, index: int) -> Sequence[int]:
        return self._cuts_by_bar.get(index, ())

    def _symbols(self, index: int, layer: int) -> dict[int, str]:
        symbols = super()._symbols(index, layer)
        if not self._habits.is_german:
            return symbols
        return {onset: _ROOT_ON_B.sub(lambda root: _GERMAN[root[0]], symbol) for onset, symbol in symbols.items()}

    def _between(self, value: WrittenValue, following: WrittenValue, index: int) -> str:
        if following.start in self._cuts(index):
            return "\n"
        if self._habits.beams == "beats":
            return super()._between(value, following, index)
        return "" if self._habits.beams == "together" or value.broken else " "


def _for_each_bar(settings: Mapping[int, Setting], count: int) -> list[Setting]:
    """The setting of each bar; before the first that is known, that one."""
    found = []
    last = settings[min(settings)]
    for index in range(count):
        last = settings.get(index, last)
        found.append(last)
    return found


def _without_signs(bar: Bar, index: int, manner: Manner) -> Bar:
    return replace(bar, tempos=(), jumps=bar.jumps if index in manner.has_jumps else ())


def _at_written_pitch(piece: Piece, voice: int, transpositions: Sequence[int]) -> Piece:
    """The piece with the notes of a voice, and keys and chords, where they are written."""
    if not any(transpositions):
        return piece
    bars = []
    for bar, semitones in zip(piece.bars, transpositions, strict=True):
        notes, notation = list(bar.notes), list(bar.notation)
        notes[voice] = tuple(_moved_note(note, -semitones) for note in notes[voice])
        if notation:
            notation[voice] = _moved_notation(notation[voice], -semitones)
        fifths = -fifths_of_transposition(semitones)
        chords = tuple([replace(chord, symbol=chord.symbol and chord.symbol.moved(fifths)) for chord in bar.chords])
        key = bar.key.shifted(fifths)
        bars.append(replace(bar, key=key, notes=tuple(notes), chords=chords, notation=tuple(notation)))
    return replace(piece, bars=tuple(bars))


def _moved_note(note: Note, semitones: int) -> Note:
    return replace(note, pitch=max(0, min(127, note.pitch + semitones)))


def _moved_notation(records: Sequence[Notation], semitones: int) -> tuple[Notation, ...]:
    fifths = 7 * semitones % 12
    kept = [record for record in records if semitones % 12 == 0 or not isinstance(record, Spelling)]
    return moved(kept, fifths - 12 * (fifths > 6), semitones)
