"""ABC text to `Piece`s (ABC standard 2.1): files, tune books, headers, and the lines of a tune.

Conventions
- A tune begins at its X: line and ends at an empty line; text between tunes is skipped. A text without X: is one tune.
- One voice is named "M", four "S", "A", "T", "B" in score order, others "V1", "V2", ...; voices that bear such names in
  the text keep them, even when they are silent.
- Fields in the body hold for their voice, those before the first voice for all.
- Repeats and endings stay as written. Grace notes, lyrics, ornaments, macros and the order of parts are left out.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from ..core.errors import AbcSyntaxError, ScoreError
from ..core.piece import Piece
from ..core.write_abc import PICKUP_REMARKS
from .abc_bars import build_bars
from .abc_fields import (
    default_unit_length,
    parse_key,
    parse_meter,
    parse_style,
    parse_tempo,
    parse_transposition,
    parse_unit_length,
)
from .abc_tokens import TOKEN
from .abc_voice import HANDLERS, Settings, Voice

_FIELD = re.compile(r"([wWs]:|[A-Za-rt-vx-z+]:(?![|:]))(.*)")
_COMMENT = re.compile(r"(?<!\\)%")
_FILE_HEADER_FIELDS = tuple(f"{letter}:" for letter in "ABCDFGHLMNOQRSZ")
_FIELDS_WITHOUT_MEANING = frozenset("XUmwWIsr+")
_VOICE_NAME = re.compile(r"[MSATB]|V[1-9][0-9]?")
_MOST_VOICES = 99
_LONGEST_TUNE = 200_000
_IS_PICKUP = {remark: is_pickup for is_pickup, remark in PICKUP_REMARKS.items()}
_GZIP_SIGNATURE = b"\x1f\x8b"


class TuneBook(list[Piece]):
    """The tunes that could be read; `errors` holds one error for each that could not."""

    def __init__(self, pieces: list[Piece], errors: list[AbcSyntaxError]) -> None:
        super().__init__(pieces)
        self.errors = errors


def read_abc(source: str | Path, errors: Literal["raise", "collect"] = "raise") -> TuneBook:
    """Read every tune of an ABC text (a str) or file (a Path; gzip too).

    Args:
        source: ABC text, or the path of a file in UTF-8 or Latin-1.
        errors: "raise" stops at the first tune that cannot be read, "collect" skips such tunes and keeps their errors.

    Raises:
        AbcSyntaxError: a tune cannot be read (with errors="raise"), or there is no tune at all.
        ScoreError: the file is missing or unreadable.
    """
    file = str(source) if isinstance(source, Path) else None
    book = TuneBook([], [])
    for tune in _tunes(_lines(source)):
        try:
            book.append(tune.read())
        except AbcSyntaxError as error:
            error.at(file=file, tune=tune.number, title=tune.title or None)
            if errors == "raise":
                raise
            book.errors.append(error)
    if not book and not book.errors:
        raise AbcSyntaxError(f"there is no ABC tune{_hint(source)}").at(file=file)
    return book


def _hint(source: str | Path) -> str:
    if isinstance(source, str) and source.strip().endswith((".abc", ".abc.gz")):
        return f" in {source.strip()[-80:]!r}; a file is read as read_abc(pathlib.Path(...))"
    return "; a tune begins with X:1 and has a K: line before its notes"


def _lines(source: str | Path) -> list[str]:
    text = _file_text(source) if isinstance(source, Path) else source
    if "\0" in text:
        message = "this is no ABC text, for it holds zero bytes; give a text file in UTF-8 or Latin-1"
        raise AbcSyntaxError(message).at(file=str(source) if isinstance(source, Path) else None)
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _file_text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if data.startswith(_GZIP_SIGNATURE):
            data = gzip.decompress(data)
    except FileNotFoundError:
        raise ScoreError("there is no such file; check the path").at(file=str(path)) from None
    except IsADirectoryError:
        raise ScoreError("this is a folder; give the path of an .abc file").at(file=str(path)) from None
    except (OSError, EOFError, zlib.error) as error:
        raise ScoreError(f"the file cannot be read: {error}; check that it is whole and that you may read it").at(
            file=str(path)
        ) from None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _tunes(lines: list[str]) -> Iterator[_Tune]:
    """The tunes of a file, each with the fields of the file header (section 2.2.2) before its own."""
    starts = [index for index, line in enumerate(lines) if line.startswith("X:")]
    if not starts:
        if any(line.startswith("K:") for line in lines):
            yield _Tune(1, [], 1, lines)
        return
    header = _paragraph(lines, next((index for index, line in enumerate(lines) if line.strip()), 0), starts[0])
    for ordinal, (start, end) in enumerate(zip(starts, [*starts[1:], len(lines)], strict=True), 1):
        number = re.match(r"X:\s*([0-9]{1,9})", lines[start])
        yield _Tune(int(number[1]) if number else ordinal, header, start + 1, _paragraph(lines, start, end))


def _paragraph(lines: list[str], start: int, end: int) -> list[str]:
    """The lines from `start` up to the first empty one; empty lines between %%begintext and %%endtext do not count."""
    is_text = False
    for index in range(start, end):
        if not is_text and not lines[index].strip():
            return lines[start:index]
        is_text = is_text or lines[index].startswith("%%begin")
        is_text = is_text and not lines[index].startswith("%%end")
    return lines[start:end]


class _Tune:
    """One tune while it is read, line by line."""

    def __init__(self, number: int, file_header: list[str], first_line: int, lines: list[str]) -> None:
        self.number = number
        self.title = ""
        self._file_header = file_header
        self._first_line = first_line
        self._lines = lines
        self._metadata: list[tuple[str, str]] = []
        self._tempo = ""
        self._is_in_body = False
        self._settings = Settings(None, parse_key(""), 0)
        self._transpositions: dict[str, int | None] = {}  # by voice, in the order of their first V:
        self._score_order: list[str] = []
        self._voices: dict[str, Voice] = {}
        self._voice: Voice | None = None

    def read(self) -> Piece:
        """Read all lines.

        Raises:
            AbcSyntaxError: the tune cannot be read.
        """
        if sum(map(len, self._lines)) > _LONGEST_TUNE:
            raise AbcSyntaxError(f"the tune is longer than {_LONGEST_TUNE} characters; split it")
        for line in self._file_header:
            if line[:2] in _FILE_HEADER_FIELDS:
                self._field(line[0], _without_comment(line[2:]))
        is_text = False
        for number, line in enumerate(self._lines, self._first_line):
            if line.startswith("%"):
                is_text = (is_text or line.startswith("%%begin")) and not line.startswith("%%end")
                self._directive(line)
            elif not is_text:
                self._line(number, _without_comment(line))
        return self._piece()

    def _directive(self, line: str) -> None:
        if match := re.match(r"%%(?:score|staves)\s(.*)", line):
            self._score_order = re.findall(r"[^\s()\[\]{}|*]+", match[1])

    def _line(self, number: int, line: str) -> None:
        if (field := _FIELD.match(line)) is None:
            if self._is_in_body:
                self._music(number, line)
            return
        try:
            self._field(line[0], field[2])
        except AbcSyntaxError as error:
            raise error.at(line=number) from None

    def _music(self, number: int, line: str) -> None:
        voice = self._current_voice()
        voice.line = number
        for token in TOKEN.finditer(line):
            try:
                if token.lastgroup == "field":
                    self._field(token[0][1], token[0][3:-1])
                    voice = self._current_voice()
                    voice.line = number
                else:
                    HANDLERS[token.lastgroup](voice, token)  # type: ignore[index]
            except AbcSyntaxError as error:
                raise error.at(line=number, column=token.start() + 1, voice=voice.name, bar=voice.bar_number) from None

    def _field(self, letter: str, text: str) -> None:
        """Any field: in the file header, the tune's header, on a line of its own in the body, or inline."""
        if letter == "V":
            self._choose_voice(text)
        elif letter == "Q":
            self._tempo = self._tempo or text
        elif self._voice is not None:
            self._body_field(letter, text, self._voice)
        elif letter in "MLK":
            self._change_settings(letter, text)
        elif not self._is_in_body:
            self._header_field(letter, text)

    def _change_settings(self, letter: str, text: str) -> None:
        settings = self._settings
        if letter == "M":
            self._settings = replace(settings, meter=parse_meter(text))
        elif letter == "L":
            self._settings = replace(settings, unit_length=parse_unit_length(text))
        else:
            unit_length = settings.unit_length or default_unit_length(settings.meter)
            self._settings = replace(settings, signature=parse_key(text), unit_length=unit_length)
            self._is_in_body = True

    def _header_field(self, letter: str, text: str) -> None:
        if letter == "T" and not self.title:
            self.title = _plain(text)
        elif letter not in _FIELDS_WITHOUT_MEANING and text.strip():
            self._metadata.append((letter, _plain(text)))

    def _body_field(self, letter: str, text: str, voice: Voice) -> None:
        if letter == "M":
            voice.set_meter(parse_meter(text))
        elif letter == "L":
            voice.unit_length = parse_unit_length(text)
        elif letter == "K":
            voice.set_key(parse_key(text))
        elif letter == "P" and voice.is_at_bar_start:
            voice.boundaries[-1].is_section = True
        elif letter == "w":
            voice.phrase_ends.append(voice.time)
        elif letter == "r" and text.strip() in _IS_PICKUP:
            voice.boundaries[-1].pickup_remark = _IS_PICKUP[text.strip()]

    def _choose_voice(self, text: str) -> None:
        name = (text.split(maxsplit=1) or [""])[0]
        if name in ("", "*"):
            return
        transposition = parse_transposition(text)
        if name not in self._transpositions and len(self._transpositions) == _MOST_VOICES:
            raise AbcSyntaxError(
                f"voice {name!r} is one more than {_MOST_VOICES}, the most that can be read; split the tune"
            )
        if self._transpositions.get(name) is None:
            self._transpositions[name] = transposition
        if self._is_in_body:
            self._voice = self._voice_named(name)

    def _current_voice(self) -> Voice:
        if self._voice is None:
            self._voice = self._voice_named(next(iter(self._transpositions), "1"))
        return self._voice

    def _voice_named(self, name: str) -> Voice:
        if name not in self._voices:
            self._voices[name] = Voice(name, self._settings, self._transpositions.setdefault(name, None))
        return self._voices[name]

    def _piece(self) -> Piece:
        if not self._is_in_body:
            raise AbcSyntaxError("the tune has no K: line; write one, such as K:C, after the other header lines")
        order = {name: place for place, name in enumerate(dict.fromkeys([*self._score_order, *self._transpositions]))}
        voices = [self._voice_named(name) for name in sorted(self._transpositions, key=order.__getitem__)]
        for voice in voices:
            voice.end_bar()
        if not any(voice.time for voice in voices):
            raise AbcSyntaxError("the tune has no music; write notes after its K: line")
        voices, names = _named(voices)
        return Piece(
            voices=names,
            bars=build_bars(voices),
            title=self.title,
            style=next((parse_style(text) for letter, text in self._metadata if letter == "R"), None),
            tempo=parse_tempo(self._tempo, self._settings.unit_length),
            metadata=tuple(self._metadata),
        )


def _named(voices: list[Voice]) -> tuple[list[Voice], tuple[str, ...]]:
    """The voices that a piece keeps, and their names."""
    ids = tuple(voice.name for voice in voices)
    if all(_VOICE_NAME.fullmatch(name) for name in ids) and ids != ("V1", "V2", "V3", "V4"):
        return voices, ids
    sounding = [voice for voice in voices if voice.notes] or voices[:1]
    if len(sounding) == 1:
        return sounding, ("M",)
    if len(sounding) == 4:
        return sounding, ("S", "A", "T", "B")
    return sounding, tuple(f"V{number}" for number in range(1, len(sounding) + 1))


def _without_comment(line: str) -> str:
    return _COMMENT.split(line, maxsplit=1)[0] if "%" in line else line


def _plain(text: str) -> str:
    return text.strip().replace("\\%", "%")
