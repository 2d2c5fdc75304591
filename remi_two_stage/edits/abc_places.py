"""Where the bars of an ABC tune stand in its text: the tune is read once more, and every token's place kept.

Conventions
- Lines count from 0 from the start of the file, columns from the start of the line; times are in units, as in
  `scores.abc_state`.
- A bar of a voice is numbered as its own boundaries are; `PlacedTune.bars_of` says which of them a bar of the piece is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.abc_writer import LAYER_NAME
from ..core.notation import JUMPS, SIGNS_AFTER, SIGNS_BEFORE
from ..core.piece import Piece
from ..scores.abc_bars import common_boundaries
from ..scores.abc_lyrics import SYLLABLE, VoiceLyrics
from ..scores.abc_notation import TimedRecord
from ..scores.abc_state import Boundary
from ..scores.abc_tokens import NATURALS, STEPS_PER_OCTAVE, TOKENS, read_tokens
from ..scores.abc_tune import Tune
from ..scores.abc_voice import Voice

_JUMP_SIGNS = {*JUMPS, *SIGNS_BEFORE, *SIGNS_AFTER}


@dataclass(frozen=True, slots=True)
class Setting:
    """How a voice is written where a bar begins.

    Attributes:
        unit_length: In units.
        transposition: Semitones from written to sounding pitch.
        alterations: Semitones that the key signature adds to C, D, E, F, G, A, B.
    """

    unit_length: int
    transposition: int
    alterations: tuple[int, ...]

    @classmethod
    def of(cls, voice: Voice) -> Setting:
        """The present one of a voice."""
        steps = zip(voice.scale[:STEPS_PER_OCTAVE], NATURALS, strict=False)
        alterations = tuple(step - natural for step, natural in steps)
        return cls(voice.unit_length, voice.transposition + voice.midi_transposition, alterations)


@dataclass(frozen=True, slots=True)
class Token:
    """A token of music: its place, what it says, the bar of its voice that it stands in, and the time before it.

    Attributes:
        order: Its number among all tokens of the tune.
        bar: Index of the bar; that of the bar which it ends for a bar line.
    """

    order: int
    line: int
    start: int
    end: int
    kind: str
    value: Any
    text: str
    voice: str
    bar: int
    time: int

    @property
    def chord_symbols(self) -> list[str]:
        """What is written over the staff as the name of a chord, alone or within this token."""
        symbols = self.value.symbols if self.kind == "chord" else (self.value,) if self.kind == "symbol" else ()
        return [symbol.text for symbol in symbols if symbol.text and not symbol.placement]

    @property
    def belongs_to_next(self) -> bool:
        """Whether it waits at the end of a bar for the next one: a slur, grace notes, a chord symbol."""
        return (
            self.kind == "grace"
            or (self.kind == "signs" and ")" not in self.value)
            or (self.kind == "symbol" and not self.value.placement)
        )

    @property
    def belongs_to_last(self) -> bool:
        """Whether it ends at the start of a bar what the bar before has begun: a slur, a tie."""
        return self.kind == "tie" or (self.kind == "signs" and set(self.value) == {")"})

    @property
    def is_jump(self) -> bool:
        """Whether it is the sign of a jump and nothing else."""
        return self.kind in ("decoration", "signs") and bool(self.value) and _JUMP_SIGNS.issuperset(self.value)

    @property
    def has_jump(self) -> bool:
        """Whether it is, or holds, the sign of a jump."""
        if self.kind in ("decoration", "signs"):
            return not _JUMP_SIGNS.isdisjoint(self.value)
        return self.kind in ("signed_note", "chord") and not _JUMP_SIGNS.isdisjoint(self.value.signs)


@dataclass(frozen=True, slots=True)
class Syllable:
    """What stands for one note in a line of words, or a bar line in it (`onset` is None).

    Attributes:
        line: The line of words; `start` and `end` are columns in it.
        onset: When its note begins; None where it has none.
        verse: From 1.
    """

    line: int
    start: int
    end: int
    text: str
    voice: str
    onset: int | None
    verse: int


class _PlacedLyrics(VoiceLyrics):
    """The words of a voice, read sign by sign, with their places."""

    def __init__(self, voice: str, found: list[Syllable]) -> None:
        super().__init__()
        self._voice = voice
        self._found = found
        self.line = 0
        self.column = 0

    def read(self, text: str, records: list[TimedRecord], boundaries: Sequence[Boundary], goes_on: bool) -> None:
        """Read a line of words, or one that goes on with the line before."""
        super().read("", records, boundaries, goes_on)
        stripped = text.rstrip()
        continues = stripped.endswith("\\") and not stripped.endswith("\\\\")
        for match in SYLLABLE.finditer(stripped.removesuffix("\\") if continues else stripped):
            following = self.following
            super().read(match[0], records, boundaries, goes_on=True)
            is_taken = self.following > following and match[0] != "|"
            onset = self.onsets[following] if is_taken else None
            start = self.column + match.start()
            end = start + len(match[0])
            self._found.append(Syllable(self.line, start, end, match[0], self._voice, onset, self._verse))
        if continues:
            super().read("\\", records, boundaries, goes_on=True)


class PlacedTune(Tune):
    """A tune whose tokens and syllables keep their places.

    Attributes:
        tokens: Of its music, in the order of the text.
        syllables: Of its words.
        settings: By voice and bar, of bars that have text.
        key_line: The line at which its music begins: its K:.
        last_lines: By voice, the last line of music or of words beneath it.
        voice_lines: By line, the voice that a V: there names first.
        times: Where the bars of the piece begin, and the last one ends.
        has_repeat_start: Whether `|:` is written before each bar of the piece.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.tokens: list[Token] = []
        self.syllables: list[Syllable] = []
        self.settings: dict[tuple[str, int], Setting] = {}
        self.key_line = -1
        self.last_lines: dict[str, int] = {}
        self.voice_lines: dict[int, str] = {}
        self.times: list[int] = []
        self.has_repeat_start: list[bool] = []
        self._at = 0
        self._voices_named: set[str] = set()

    @property
    def first_line(self) -> int:
        """The first line of the tune."""
        return self._first_line - 1

    @property
    def lines(self) -> Sequence[str]:
        """Its lines."""
        return self._lines

    def read(self) -> Piece:
        """Read all lines; `times` are those of the piece's boundaries from then on."""
        piece = super().read()
        voices = [self._voices[name] for name in self.voice_ids]
        boundaries = common_boundaries(voices)
        self.times = [boundary.time for boundary in boundaries]
        self.has_repeat_start = [boundary.repeat_start for boundary in boundaries[:-1]]
        return piece

    @property
    def staffs(self) -> Collection[str]:
        """Names of the voices that V: has named."""
        return self._voices_named

    def voice(self, name: str) -> Voice:
        """A voice by its name in the text."""
        return self._voices[name]

    def layers_of(self, name: str) -> list[str]:
        """The names of voices that are layers of another one."""
        found = ((other, LAYER_NAME.fullmatch(other)) for other in self._voices)
        return [other for other, match in found if match and match["voice"] == name and other not in self.voice_ids]

    @property
    def transposes(self) -> bool:
        """Whether K: moves voices that do not say otherwise."""
        return bool(self._settings.signature.staff.transposition)

    def setting_of_new_voice(self, clef: str) -> Setting:
        """That of a voice which begins after all others, under a clef, and moved by no more than that."""
        settings = self._settings
        transposition = settings.midi_transposition - 12 * clef.endswith("-8")
        return Setting(settings.unit_length, transposition, settings.signature.alterations)

    def bars_of(self, voice: str, index: int) -> range:
        """The bars of a voice that are the bar of the piece with an index; none if they lie otherwise."""
        own = [boundary.time for boundary in self._voices[voice].boundaries]
        first, last = (bisect_left(own, time) for time in self.times[index : index + 2])
        if last == len(own) or own[first] != self.times[index] or own[last] != self.times[index + 1]:
            return range(0)
        return range(first, last)

    def _line(self, number: int, line: str) -> None:
        was_in_body, self._at = self._is_in_body, number - 1
        super()._line(number, line)
        if self._is_in_body and not was_in_body:
            self.key_line = self._at

    def _read(self, line: str, before: int, written: str, texts: Iterator[str]) -> Iterator[tuple[str, Any]]:
        for match, (kind, value) in zip(TOKENS.finditer(line), read_tokens(line, texts), strict=True):
            voice = self._current_voice()
            self._keep(match.start(1) - before, match.end(1) - before, written, kind, value, match[1], voice)
            yield kind, value

    def _keep(self, start: int, end: int, written: str, kind: str, value: Any, text: str, voice: Voice) -> None:
        bar = len(voice.boundaries) - 1
        self.last_lines[voice.name] = self._at
        if kind not in ("bar", "ending", "field"):
            self.settings.setdefault((voice.name, bar), Setting.of(voice))
        column, stop = (self._macros.written_column(written, place) if place >= 0 else -1 for place in (start, end))
        self.tokens.append(
            Token(len(self.tokens), self._at, column, stop, kind, value, text, voice.name, bar, voice.time)
        )

    def _words(self, letter: str, text: str) -> None:
        if letter != "W" and self._voice is not None and isinstance(self._voice.lyrics, _PlacedLyrics):
            self._voice.lyrics.line, self._voice.lyrics.column = self._at, 2
            if letter == "w" or self._last_words == "w":
                self.last_lines[self._voice.name] = self._at
        super()._words(letter, text)

    def _voice_named(self, name: str) -> Voice:
        voice = super()._voice_named(name)
        if type(voice.lyrics) is VoiceLyrics:
            voice.lyrics = _PlacedLyrics(name, self.syllables)
        return voice

    def _choose_voice(self, text: str) -> None:
        super()._choose_voice(text)
        self._voices_named.update(text.split()[:1])
        if self._voice is not None:
            self.voice_lines.setdefault(self._at, self._voice.name)
