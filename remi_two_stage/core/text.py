"""Words on their way to people: those that come from files, made harmless, for they may hold whatever steers a terminal
or breaks a format; what to print where letters are missing; numbers of things; and names of fields.

What is said of a field, in an error or in another field's help, names it in backticks as Python spells it, such as
`plan_source`. The command line puts its flag in place of that.
"""

from __future__ import annotations

import codecs
import difflib
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import Field
from types import MappingProxyType
from typing import Any

SPELLED_PLAINLY = "remi_two_stage.spelled_plainly"
"""Name of the error handler (`errors=` of `str.encode` and of streams) that spells what an encoding lacks in ASCII."""
ZERO_WIDTH_SPACE = "\N{ZERO WIDTH SPACE}"
"""In words such as "D.C." that are no jump, and after curly quotation marks that stand for straight ones."""
_CURLY_FOR_STRAIGHT = re.compile(f"[“”]{ZERO_WIDTH_SPACE}")
_OPENS_QUOTATION = re.compile(r"(?:^|[\s(\[{])$")
_PLAIN = {
    "♯": "#", "♭": "b", "♮": "=", "♪": "", "♩": "", "°": "o", "Δ": "^", "×": "x", "–": "-", "—": "-", "‑": "-",
    "‘": "'", "’": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "→": "->", "ø": "o", "Ø": "O", "ł": "l",
    "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ß": "ss", "æ": "ae", "Æ": "Ae",
    "œ": "oe", "Œ": "Oe", "ı": "i",
}  # fmt: skip
"""Signs and letters that are not an ASCII letter with an accent -> as they are typed."""


def printable(text: str) -> str:
    """The text on one line, without control characters and half characters, which no format takes and which steer
    terminals.
    """
    if text.isprintable():
        return text
    return "".join(sign for sign in " ".join(text.split()) if sign.isprintable())


def with_curly_quotes(text: str) -> str:
    """The text with straight quotation marks, by which some programs fail, as curly ones before a space without width,
    so that `with_straight_quotes` knows them.
    """

    def curly(mark: re.Match[str]) -> str:
        return ("“" if _OPENS_QUOTATION.search(mark.string, 0, mark.start()) else "”") + ZERO_WIDTH_SPACE

    return re.sub('"', curly, text)


def with_straight_quotes(text: str) -> str:
    """The text whose quotation marks `with_curly_quotes` has changed."""
    return _CURLY_FOR_STRAIGHT.sub('"', text)


def visible(text: str) -> str:
    """The text with every character but line breaks visible: control characters as `\\x1b`, also those that turn the
    direction of writing.
    """
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or sign == "\n" else sign.encode("unicode_escape").decode() for sign in text
    )


def spelled_plainly(text: str, encoding: str) -> str:
    """The text with letters and signs that an encoding lacks in ASCII: without their accents, chords as they may be
    typed, and `?` for what has no such form.
    """
    return text.encode(encoding, SPELLED_PLAINLY).decode(encoding, "surrogateescape")


def _spell_plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replace the first character that cannot be encoded; bytes of a file's name that are no text stay as they are."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letter, end = error.object[error.start], error.start + 1
    if 0xDC80 <= ord(letter) <= 0xDCFF:
        return bytes([ord(letter) - 0xDC00]), end
    if error.object.startswith("ø7", error.start):  # half-diminished; vii%7 can be typed, viio7 is another chord
        return "%", end
    plain = _PLAIN.get(letter)
    if plain is None:
        parts = unicodedata.normalize("NFKD", letter)
        plain = "".join(part for part in parts if part.isascii()) or ("" if unicodedata.combining(letter) else "?")
    return plain, end


codecs.register_error(SPELLED_PLAINLY, _spell_plainly)


def counted(number: int, thing: str) -> str:
    """A number of things: `1 bar`, `8 bars`, `1,200 bars`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def did_you_mean(typed: Any, known: Collection[str], spoken: Mapping[str, str] = MappingProxyType({})) -> str:
    """The end of a message about a name that is not known: `; did you mean jig?`, or nothing where none is like it.

    Args:
        spoken: Other words that people have for some of the names -> the names.
    """
    names = {word.casefold(): name for word, name in [*zip(known, known, strict=True), *spoken.items()]}
    like = difflib.get_close_matches(typed.casefold(), names, n=1) if isinstance(typed, str) else []
    return f"; did you mean {names[like[0]]}?" if like else ""


def flag_of(field: Field[Any]) -> str:
    """The flag of a dataclass's field on the command line: its name, unless its metadata has another."""
    return field.metadata.get("flag") or "--" + field.name.replace("_", "-")
