"""Macros of ABC (`m:`, ABC standard 2.1, section 9), and letters that stand for decorations (`U:`, section 4.16): text
of a tune's music that stands for other text.

Conventions
- A static macro replaces its target wherever it stands: `m:~G3 = G{A}G{F}G`.
- The target of a transposing macro has an `n` for any note; letters from h to z in what replaces it are the notes as
  far from that note as they are from `n` in the alphabet: `m:~n2 = n{o}n` writes `~c2` as `c{d}c`.
- Macros are expanded in the order in which they were first defined, each once a line; from where one is defined anew,
  it stands for its new text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from ..core.errors import AbcSyntaxError
from .abc_fields import LETTERS

_MOST_MACROS = 30
_LONGEST_LINE = 100_000
_ASSIGNMENT = re.compile(
    r"\s*([H-Wh-w~])\s*=\s*(?:(![^!]*!|\+[^+]*\+|\"[\^_<>@][^\"]*\")|([A-Za-z][A-Za-z0-9.()-]{2,29}))\s*"
)
"""A letter, and a decoration or an annotation, or the bare name of a decoration, as abcm2ps reads it."""
_NO_LETTERS = r'"[^"]*"|![^!|]*!|\+[^+|]*\+|\[[A-Za-z]:[^\[\]]*\]'
_RELATIVE_NOTE = re.compile(r'"[^"]*"|![^!]*!|(?P<letter>[h-z])')


class Macros:
    """The macros that a tune has defined so far."""

    def __init__(self) -> None:
        self._macros: dict[re.Pattern[str], partial[str]] = {}

    def define(self, text: str) -> None:
        """Add what an `m:` field says.

        Raises:
            AbcSyntaxError: no macro, or too many.
        """
        target, equals, replacement = (part.strip() for part in text.partition("="))
        if not target or not equals:
            raise AbcSyntaxError(
                f"there is no macro {text.strip()[:40]!r}; write m:~G2 = {{A}}G{{F}}G or m:~n2 = (3o/n/m/ n"
            )
        before, transposes, after = target.partition("n")
        note = "([A-Ga-g])([,']*)" if transposes else ""
        pattern = re.compile(re.escape(before) + note + re.escape(after) + r"(?![0-9/])")
        self._add(pattern, replacement, _transposed if transposes else _literal)

    def assign(self, text: str) -> None:
        """Add what a `U:` field says: a letter that stands for a decoration (section 4.16).

        Raises:
            AbcSyntaxError: too many.
        """
        if match := _ASSIGNMENT.fullmatch(text):
            written = match[2] or f"!{match[3]}!"
            self._add(re.compile(rf"{_NO_LETTERS}|(?P<letter>{re.escape(match[1])})"), written, _assigned)

    def _add(self, pattern: re.Pattern[str], replacement: str, expand: Callable[[str, re.Match[str]], str]) -> None:
        if len(self._macros) == _MOST_MACROS and pattern not in self._macros:
            raise AbcSyntaxError(f"the tune has more than {_MOST_MACROS} macros; define fewer")
        self._macros[pattern] = partial(expand, replacement)

    def expand(self, line: str) -> str:
        """A line of music with its macros written out.

        Raises:
            AbcSyntaxError: written out, the line is far longer than any music.
        """
        for pattern, written_out in self._macros.items():
            count = sum(1 for _ in pattern.finditer(line))
            if len(line) + count * len(written_out.args[0]) > _LONGEST_LINE:
                raise AbcSyntaxError(f"with its macros written out, the line is longer than {_LONGEST_LINE} characters")
            line = pattern.sub(written_out, line) if count else line
        return line

    def written_column(self, line: str, column: int) -> int:
        """Where a character of the line with its macros written out comes from; columns count from 0 here."""
        origins = list(range(len(line) + 1))
        for pattern, written_out in self._macros.items():
            replaced: list[int] = []
            end = 0
            for match in pattern.finditer(line):
                text = written_out(match)
                replaced += origins[end : match.start()] + [origins[match.start()]] * len(text)
                end = match.end()
            origins = replaced + origins[end:]
            line = pattern.sub(written_out, line)
        return origins[column]


def _literal(text: str, _: re.Match[str]) -> str:
    return text


def _assigned(text: str, found: re.Match[str]) -> str:
    return text if found["letter"] else found[0]


def _transposed(text: str, found: re.Match[str]) -> str:
    """The text of a transposing macro with its letters written as notes around the one that `n` stands for."""
    letter, octaves = found.groups()
    octave = letter.islower() + octaves.count("'") - octaves.count(",")
    place = len(LETTERS) * octave + LETTERS.index(letter.upper())

    def note(match: re.Match[str]) -> str:
        relative = match["letter"]
        return _note(place + ord(relative) - ord("n")) if relative else match[0]

    return _RELATIVE_NOTE.sub(note, text)


def _note(place: int) -> str:
    """The note so many steps above middle C."""
    octave, letter = divmod(place, len(LETTERS))
    if octave <= 0:
        return LETTERS[letter] + "," * -octave
    return LETTERS[letter].lower() + "'" * (octave - 1)
