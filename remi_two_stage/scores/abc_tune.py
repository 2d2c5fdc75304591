"""One ABC tune from its lines to a `Piece`: fields, directives, voices, and the tokens of its music.

Conventions
- Fields in the body hold for their voice, those before the first voice for all (ABC standard 2.1, section 7).
- One voice is named "M", a choir's four "S", "A", "T", "B" in score order, others "V1", "V2", ...; voices that bear
  such names in the text keep them, even when they are silent.
- Music before the first V: of the body belongs to the last voice of the header, as in the other programs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain, islice
from operator import attrgetter, length_hint
from typing import Any

from ..core.abc_bar_lines import PICKUP_REMARKS
from ..core.abc_writer import LONGEST_TUNE, parse_style
from ..core.errors import AbcSyntaxError, RequestError
from ..core.instruments import with_unusual_clefs
from ..core.notation import Instrument
from ..core.piece import Piece
from ..core.repeats import without_silent_brackets
from ..core.signatures import Meter
from .abc_bars import build_bars, lacks_parts, order_of_parts, repeated_for_endings, with_layers
from .abc_fields import (
    UNITS_PER_TICK,
    KeySignature,
    Staff,
    decode_text,
    default_unit_length,
    parse_key,
    parse_meter,
    parse_staff,
    parse_unit_length,
    parse_voice_names,
)
from .abc_handlers import HANDLERS
from .abc_lines import FIELD, FieldLines, directive_text, without_comment
from .abc_macros import Macros
from .abc_signs import leading_signs
from .abc_state import PITCH, Settings
from .abc_symbol_lines import read_symbol_line
from .abc_tempos import Tempos
from .abc_tokens import OPEN_CHORD_AT_END, TOKENS, is_music, mended, read_tokens, without_line_breaks
from .abc_voice import Voice
from .voices import VOICE_NAME, voice_names

_MIDI_TRANSPOSITION = re.compile(r"MIDI\s+(r?)transpose\s+([+-]?[0-9]{1,2})\s*")
_MIDI_PROGRAM = re.compile(r"MIDI\s+program\s+(?:([0-9]{1,2})\s+)?([0-9]{1,3})(?![0-9])")
_HIGHEST_PROGRAM = 127
_MIDI_CHANNEL = re.compile(r"MIDI\s+channel\s+([0-9]{1,2})\s*")
_TEMPERAMENT = re.compile(r"(MIDI\s+temperamentequal|microscale)\s+([1-9][0-9]{0,2})\s*")
_TRANSPOSITION_OF_PRINT = re.compile(r"(?:visualTranspose|transpose)\s+[+-]?0*[1-9]", re.IGNORECASE)
_CLOSES_CHORD = re.compile(r'[^\[\]|"]*\]')
_FIELDS_WITHOUT_MEANING = frozenset("Xswr")
_FIELDS_OF_HEADER = frozenset("ABCDFGHNORSTZ")
"""Those that are kept where they stand before the music, and nowhere else."""
_NO_TOKEN = "$"
_FREE_METERS = ("", "none", "free")
_VOICE_AND_MUSIC = re.compile(r"V:\s*\S+[ \t](?=.*\|)")
_NOTHING_SAID = Staff()
_VOICES_SHOWN = re.compile(r"[^\s()\[\]{}|*]+")
_MOST_VOICES = 99
_LOSSES_OF_VOICES: dict[str, Callable[[Voice], int]] = {
    "a microtone": lambda voice: voice.microtones,
    "a percussion note": lambda voice: len(voice.percussion),
    "a tie to no note": lambda voice: voice.open_ties,
    "a syllable without a note": lambda voice: voice.lyrics.lost if voice.lyrics else 0,
}
_IS_PICKUP = {remark: is_pickup for is_pickup, remark in PICKUP_REMARKS.items()}


class Tune:
    """One tune while it is read, line by line."""

    def __init__(self, number: int, file_header: FieldLines, first_line: int, lines: Sequence[str]) -> None:
        self.number = number
        self.title = ""
        self.voice_ids: list[str] = []  # of the piece's voices, once it is read
        self._file_header = file_header
        self._first_line = first_line
        self._lines = lines
        self._metadata: list[tuple[str, str]] = []
        self._tempos = Tempos()
        self._part_order = ""
        self._is_in_body = False
        has_lyrics = not {"w:", "s:"}.isdisjoint(line[:2] for line in lines)
        self._settings = Settings(None, parse_key(""), has_lyrics=has_lyrics)
        self._macros = Macros()
        self._breaks_lines = False  # whether "!" does
        self._staffs: dict[str, Staff] = {}  # by voice, in the order of their first V:
        self._channels: dict[str, int] = {}  # by voice, where the header says it
        self._names: dict[str, Instrument] = {}  # by voice
        self._programs: dict[str | int, int] = {}  # by voice, by its number from 1, and 0 for all
        self._score_order: list[str] = []  # of all voices that %%score has named
        self._shown: list[str] = []  # those of the last %%score
        self._staff_of: dict[str, str] = {}  # by voice, the first voice on its staff where there are several
        self._player_of: dict[str, str] = {}  # by voice, the first voice within its braces
        self._late: dict[str, tuple[Voice, int]] = {}  # voices that begin later: where, in the bars of which other one
        self._voices: dict[str, Voice] = {}
        self._voice: Voice | None = None
        self._line_number = 0  # of the music, where it began
        self._is_continued = False  # whether the last line of music goes on in the next
        self._last_words = ""  # "w" or "W" after such a line
        self._is_history = False  # whether the last field was H:, which may go on in the next line
        self._open_chord = ""  # the end of the last line, if a chord that begins there continues in the next
        self._losses: dict[str, int] = {}

    @property
    def text(self) -> str:
        """The tune as ABC that can be read alone: what the file header says to it, an empty line, its own lines."""
        fields = [f"%%{text}" if letter == "I" else f"{letter}:{text}" for letter, text in self._file_header]
        return "\n".join([*fields, "", *self._lines] if fields else self._lines)

    def read(self) -> Piece:
        """Read all lines.

        Raises:
            AbcSyntaxError: the tune cannot be read.
        """
        if sum(map(len, self._lines)) > LONGEST_TUNE:
            raise AbcSyntaxError(f"the tune is longer than {LONGEST_TUNE} characters; split it")
        for letter, text in self._file_header:
            self._field(letter, text)
        is_text = False
        for number, line in enumerate(self._lines, self._first_line):
            if not line.strip():
                self._lose("an empty line within the tune")
            elif line.startswith("%%"):
                is_text = (is_text or line.startswith("%%begin")) and not line.startswith("%%end")
                self._directive(line[2:])
            elif not is_text and not line.startswith("%"):
                self._line(number, without_comment(line))
        if self._current_voice().pending or self._open_chord:
            self._music(number, "")
        return with_unusual_clefs(self._piece())

    @cached_property
    def _lacks_key(self) -> bool:
        return not any(line.startswith("K:") for line in self._lines)

    def _lose(self, reason: str, count: int = 1) -> None:
        self._losses[reason] = self._losses.get(reason, 0) + count

    def _line(self, number: int, line: str) -> None:
        field = FIELD.match(line) if line[1:2] == ":" else None
        try:
            if field is not None:
                self._is_history = line[0] == "H" and not self._is_in_body
                begin = _VOICE_AND_MUSIC.match(line) if self._is_in_body else None
                if begin and is_music(music := line[begin.end() :]):
                    self._field("V", begin[0][2:])
                    self._music(number, " " * begin.end() + music)
                else:
                    self._field(line[0], field[2])
            elif self._is_in_body:
                self._music(number, line)
            elif is_music(line) and self._lacks_key:
                self._lose("a K: line that is missing")
                self._field("K", "C")
                self._music(number, line)
            elif is_music(line):
                self._lose("a line of music before the K: line")
            elif self._is_history and self._metadata:
                self._go_on(line)
        except AbcSyntaxError as error:
            raise error.at(line=number) from None

    def _directive(self, text: str) -> None:
        """A line after `%%`, or what `I:` says (section 11)."""
        text = directive_text(text)
        name, _, rest = text.partition(" ")
        if name in ("score", "staves"):
            has_new = not self._is_in_body or not {*_VOICES_SHOWN.findall(rest)} <= {*self._score_order}
            self._show(_VOICES_SHOWN.findall(rest))
            staves, players = (_first_of_each(group, rest) for group in (r"\(([^()]*)\)", r"\{([^{}]*)\}"))
            if has_new:
                self._staff_of |= staves
                self._player_of |= players
            elif staves.items() - self._staff_of.items() or players.items() - self._player_of.items():
                self._lose("a change of staves")
        elif name == "propagate-accidentals":
            self._set(propagation=rest.strip())
        elif name == "printtempo":
            self._tempos.set_printing(rest)
        elif name == "linebreak":
            self._breaks_lines = "!" in rest
        elif match := _MIDI_TRANSPOSITION.fullmatch(text):
            self._transpose(int(match[2]), is_relative=bool(match[1]))
        elif match := _TEMPERAMENT.fullmatch(text):
            self._set(commas=int(match[2]) * (12 if match[1] == "microscale" else 1))
        elif match := _MIDI_CHANNEL.fullmatch(text):
            self._set_channel(int(match[1]))
        elif (match := _MIDI_PROGRAM.match(text)) and int(match[2]) <= _HIGHEST_PROGRAM:
            voice = self._voice.name if self._voice else next(reversed(self._staffs), 0)
            self._programs.setdefault(int(match[1]) if match[1] else voice, int(match[2]))
        elif _TRANSPOSITION_OF_PRINT.match(text):
            self._lose("a transposition of what is printed")
        elif name == "staff":
            self._lose("a change of staves")
        elif name == "begintext" or (name in ("text", "center") and rest.strip()):
            self._lose("a text between the lines")

    def _transpose(self, semitones: int, is_relative: bool) -> None:
        """Move the current voice, before the first one all, as MIDI is to play it; further than before if relative."""
        before = (self._voice or self._settings).midi_transposition if is_relative else 0
        self._set(midi_transposition=before + semitones)
        if self._voice is not None:
            self._voice.set_staff(_NOTHING_SAID)

    def _set_channel(self, channel: int) -> None:
        """MIDI's channel of the current voice; in the header of the last one there, or of all before the first."""
        if self._voice is not None:
            self._voice.set_channel(channel)
        elif self._staffs:
            self._channels[next(reversed(self._staffs))] = channel
        else:
            self._settings.channel = channel

    def _show(self, names: list[str]) -> None:
        """The voices of the score from here on: those that were not in it before begin here (section 11.1)."""
        if self._is_in_body and self._shown:
            leader = max(self._voices.values(), key=attrgetter("time"), default=None)
            if leader is not None:
                self._late |= {name: (leader, leader.time) for name in names if name not in self._shown}
            self._score_order += names
        else:
            self._score_order = names
        self._shown = names

    def _set(self, **settings: str | int) -> None:
        """Change settings for the current voice, before the first one for all."""
        for name, value in settings.items():
            setattr(self._voice or self._settings, name, value)

    def _read(self, line: str, before: int, written: str, texts: Iterator[str]) -> Iterator[tuple[str, Any]]:
        """The tokens of a line, of whose start so much belongs to the line before."""
        return read_tokens(line, texts)

    def _music(self, number: int, written: str) -> None:
        """A line of music; a chord that it leaves open waits for the next one."""
        line = mended(self._macros.expand(without_line_breaks(written) if self._breaks_lines else written))
        before = self._open_chord
        if before:
            before += "" if _CLOSES_CHORD.match(line) else _NO_TOKEN
            line, self._open_chord = before + line, ""
        elif "[" in line and line.rfind("[") > line.rfind("]") and (chord := OPEN_CHORD_AT_END.search(line)):
            line, self._open_chord = line[: chord.start()], chord[0]
        voice = self._current_voice()
        if voice.lyrics is not None:
            self._line_number = self._line_number if self._is_continued else number
            self._is_continued = written.rstrip().endswith("\\")
            voice.lyrics.begin_line(self._line_number)
        texts = TOKENS.findall(line)
        tokens = iter(texts)
        try:
            for kind, value in self._read(line, len(before), written, tokens):
                if kind == "note":
                    voice.note(value)
                elif kind == "field":
                    self._field(*value)
                    voice = self._current_voice()
                    if voice.lyrics is not None:
                        voice.lyrics.begin_line(self._line_number)
                else:
                    HANDLERS[kind](voice, value)
            if voice.pending:
                voice.end_line()
        except AbcSyntaxError as error:
            place = len(texts) - length_hint(tokens) - 1
            start = next(islice(TOKENS.finditer(line), place, None)).start(1) - len(before)
            start += len(leading_signs(texts[place]))
            column = self._macros.written_column(written, max(0, start)) + 1
            raise error.at(line=number, column=column, voice=voice.name, bar=voice.bar_number) from None

    def _field(self, letter: str, text: str) -> None:
        """Any field: in the file header, the tune's header, on a line of its own in the body, or inline."""
        if letter == "V":
            self._choose_voice(text)
        elif letter == "Q":
            self._tempos.add(self._voice.time if self._voice else 0, text)
        elif letter == "I":
            self._directive(text)
        elif letter == "m":
            self._macros.define(text)
        elif letter == "U":
            self._macros.assign(text)
        elif letter in "wW+" and (letter != "+" or self._last_words) and (letter == "W" or self._voice is not None):
            self._words(letter, text)
        elif self._voice is not None:
            self._body_field(letter, text, self._voice)
        elif letter in "MLK":
            self._change_settings(letter, text)
        elif letter == "P" and self._is_in_body:
            self._settings.part = text.strip()
        elif not self._is_in_body:
            self._header_field(letter, text)
        else:
            self._lose_field(letter, text)

    def _lose_field(self, letter: str, text: str) -> None:
        """Count a field of the header that stands in the body."""
        if letter in _FIELDS_OF_HEADER and text.strip():
            self._lose("a title within the tune" if letter == "T" else "a field within the tune")

    def _change_settings(self, letter: str, text: str) -> None:
        settings = self._settings
        if letter == "M":
            settings.meter = self._meter(text)
        elif letter == "L":
            settings.unit_length = self._unit_length(text) or settings.unit_length
        else:
            signature = self._key(text, settings.commas)
            if self._is_in_body and signature.key is None:
                staff = signature.staff.over(settings.signature.staff)
                signature = replace(settings.signature, staff=staff)
            settings.signature = signature
            settings.unit_length = settings.unit_length or default_unit_length(settings.meter)
            self._is_in_body = True

    def _key(self, text: str, commas: int) -> KeySignature:
        """What `K:` says; its microtones are lost."""
        signature = parse_key(text, commas)
        self._lose("a microtone", signature.microtones)
        return signature

    def _meter(self, text: str) -> Meter | None:
        """What `M:` says; free metre where it says nothing that exists."""
        try:
            meter = parse_meter(text)
        except RequestError:
            meter = None
        self._lose("a metre that does not exist", meter is None and text.strip().lower() not in _FREE_METERS)
        return meter

    def _unit_length(self, text: str) -> int | None:
        """What `L:` says; None where it says nothing."""
        length = parse_unit_length(text)
        if length is None:
            self._lose("a unit note length that does not exist")
        return length

    def _header_field(self, letter: str, text: str) -> None:
        if letter == "T" and not self.title:
            self.title = decode_text(text)
        elif letter == "+" and self._metadata:
            self._go_on(text)
        elif letter not in _FIELDS_WITHOUT_MEANING and text.strip():
            self._metadata.append((letter, decode_text(text)))
            self._part_order = text if letter == "P" else self._part_order

    def _go_on(self, text: str) -> None:
        """Text that the last field goes on with."""
        letter, start = self._metadata.pop()
        self._metadata.append((letter, f"{start} {decode_text(text)}"))

    def _words(self, letter: str, text: str) -> None:
        """A line of words beneath the music (`w:`) or after it (`W:`), or what goes on with one (`+:`)."""
        self._is_continued = False  # for the next line of music has words of its own
        kind = self._last_words if letter == "+" else letter
        self._last_words = kind
        if kind == "w" and self._voice is not None and self._voice.lyrics is not None:
            voice = self._voice
            voice.phrase_ends.append(voice.time)
            self._voice.lyrics.read(text, voice.notation.records, voice.boundaries, goes_on=letter == "+")
        elif kind == "W" and letter == "W":
            self._metadata.append(("W", " ".join(decode_text(text).split())))
        elif kind == "W":
            self._go_on(text)

    def _body_field(self, letter: str, text: str, voice: Voice) -> None:
        if letter == "M":
            voice.set_meter(self._meter(text))
        elif letter == "L":
            voice.unit_length = self._unit_length(text) or voice.unit_length
        elif letter == "K" and text.strip():
            voice.set_key(self._key(text, voice.commas))
        elif letter == "P":
            voice.begin_part(text.strip(), splits_bar=bool(self._part_order))
        elif letter == "r" and text.strip() in _IS_PICKUP:
            voice.boundaries[-1].pickup_remark = _IS_PICKUP[text.strip()]
        elif letter == "s":
            self._lose("a symbol without a note", read_symbol_line(text, voice))
        else:
            self._lose_field(letter, text)

    def _choose_voice(self, text: str) -> None:
        name, *properties = text.split(maxsplit=1) or [""]
        if name in ("", "*"):
            return
        if name not in self._staffs and len(self._staffs) == _MOST_VOICES:
            raise AbcSyntaxError(
                f"voice {name!r} is one more than {_MOST_VOICES}, the most that can be read; split the tune"
            )
        staff = parse_staff(properties[0]) if properties else _NOTHING_SAID
        self._staffs[name] = staff.over(self._staffs.get(name, _NOTHING_SAID))
        if properties and (names := parse_voice_names(properties[0])) != Instrument():
            self._names[name] = names
        if self._is_in_body:
            self._voice = self._voice_named(name)
            self._voice.set_staff(staff)
            if name in self._late:
                self._voice.appear(*self._late.pop(name))

    def _current_voice(self) -> Voice:
        if self._voice is None:
            self._voice = self._voice_named(next(reversed(self._staffs), "1"))
        return self._voice

    def _voice_named(self, name: str) -> Voice:
        if name not in self._voices:
            voice = Voice(name, self._settings, self._staffs.setdefault(name, Staff()))
            voice.set_channel(self._channels.get(name, self._settings.channel))
            self._voices[name] = voice
        return self._voices[name]

    def _piece(self) -> Piece:
        if not self._is_in_body:
            raise AbcSyntaxError("the tune has no K: line; write one, such as K:C, after the other header lines")
        order = {name: place for place, name in enumerate(dict.fromkeys([*self._score_order, *self._staffs]))}
        voices = [self._voice_named(name) for name in sorted(self._staffs, key=order.__getitem__)]
        for voice in voices:
            voice.end()
        if not any(voice.time for voice in voices):
            raise AbcSyntaxError("the tune has no music; write notes after its K: line, without an empty line between")
        for reason, count in _LOSSES_OF_VOICES.items():
            self._lose(reason, sum(map(count, voices)))
        kept, names = _named(_pitched(with_layers(voices)))
        self.voice_ids = [voice.name for voice in kept]
        bars, losses = build_bars(kept, self._tempos.marks(self._settings.unit_length, self._lose))
        for loss, times in chain(*(voice.notation.losses.items() for voice in voices), losses.items()):
            self._lose(loss, times)
        pickup = UNITS_PER_TICK * bars[0].length * bars[0].is_pickup
        part_order = order_of_parts(self._part_order, bars) if self._part_order else ()
        self._lose("an order of parts", lacks_parts(self._part_order, bars))
        played, idle = (repeated_for_endings(bars), 0) if part_order else without_silent_brackets(bars)
        self._lose("an ending that is never played", idle)
        return Piece(
            voices=names,
            bars=played,
            title=self.title,
            style=next((parse_style(text) for letter, text in self._metadata if letter == "R"), None),
            tempo=self._tempos.first(self._settings.unit_length, pickup, self._lose),
            metadata=tuple(self._metadata),
            part_order=part_order,
            losses=tuple((reason, count) for reason, count in self._losses.items() if count),
            instruments=self._instruments(kept),
        )

    def _instruments(self, voices: Sequence[Voice]) -> tuple[Instrument, ...]:
        """The instruments of voices; none where the tune says nothing of them."""
        transpositions = [voice.instrument_transposition for voice in voices]
        staves = [self._staff_of.get(voice.name, voice.name) for voice in voices]
        players = [self._player_of.get(voice.name, voice.name) for voice in voices]
        shared = [staff == above for staff, above in zip(staves, ["", *staves], strict=False)]
        joined = [player == above for player, above in zip(players, ["", *players], strict=False)]
        if not (self._names or self._programs or any(transpositions) or any(shared) or any(joined)):
            return ()
        numbers = {name: number for number, name in enumerate(self._staffs, 1)}
        programs = (self._programs.get(voice.name, self._programs.get(numbers[voice.name])) for voice in voices)
        usual = self._programs.get(0)
        return tuple(
            replace(
                self._names.get(voice.name, Instrument()),
                program=usual if program is None else program,
                transposition=transposition,
                shares_staff=shares_staff,
                shares_part=shares_part and not shares_staff,
            )
            for voice, program, transposition, shares_staff, shares_part in zip(
                voices, programs, transpositions, shared, joined, strict=True
            )
        )


def _first_of_each(group: str, score: str) -> dict[str, str]:
    """The first voice of each group in what `%%score` says, for each voice there."""
    named = map(_VOICES_SHOWN.findall, re.findall(group, score))
    return {name: names[0] for names in named for name in names}


def _pitched(voices: list[Voice]) -> list[Voice]:
    """The voices that are not percussion alone; the longest one if nothing else has any length."""
    pitched = [voice for voice in voices if voice.notes or not voice.percussion]
    return pitched if any(voice.time for voice in pitched) else [max(voices, key=attrgetter("time"))]


def _named(voices: list[Voice]) -> tuple[list[Voice], tuple[str, ...]]:
    """The voices that a piece keeps, and their names."""
    ids = tuple(voice.name for voice in voices)
    if all(VOICE_NAME.fullmatch(name) for name in ids):
        return voices, ids
    sounding = [voice for voice in voices if voice.notes] or [max(voices, key=attrgetter("time"))]
    pitches = [[sung[PITCH] for sung in voice.notes] for voice in sounding] if len(sounding) > 1 else []
    return sounding, voice_names([voice.name for voice in sounding], pitches)
