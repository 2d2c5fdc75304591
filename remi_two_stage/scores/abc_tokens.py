"""The tokens of a line of ABC music, found in one pass by one regular expression (ABC standard 2.1, section 4).

Conventions
- Characters that no token begins with (spaces, slurs, decorations of one letter, spacers) have no effect on
  the notes and are skipped, as section 8.1 asks.
- A pitch is a *step*: 35 is C on the ledger line below the treble staff (middle C), 36 the D above it, 42 the next C.
- No alternative backtracks over more than it matched, so that a line takes time linear in its length.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from ..core.errors import AbcSyntaxError
from .abc_fields import ALTERATIONS, LETTERS

STEPS_PER_OCTAVE = len(LETTERS)
_MIDDLE_C_OCTAVE = 5
_HIGHEST_OCTAVE = 11
_MOST_NOTES_IN_CHORD = 100
_LONGEST_NOTE = 1_024
"""In unit note lengths."""

_ACCIDENTAL = r"(?:\^\^?|__?|=)?(?:(?<=[\^_])[0-9]{0,2}/[0-9]{0,2})?"
_LENGTH = r"[0-9/]*"
_NOTE = rf"{_ACCIDENTAL}[A-Ga-g][,']*{_LENGTH}-?"
_STRING = r'"[^"]*"'

TOKEN = re.compile(
    rf"""
    (?P<note>      {_NOTE} )
  | (?P<bar>       \.?(?: \[\| | \| | :(?=[:|]) ) [|:\]]* (?: [0-9] (?:[0-9,.-]*[0-9])? )? )
  | (?P<symbol>    {_STRING} )
  | (?P<rest>      [zx] {_LENGTH} )
  | (?P<grace>     \{{ [^{{}}]* \}} )
  | (?P<tuplet>    \( [0-9]{{1,2}} (?: :[0-9]{{0,2}} ){{0,2}} )
  | (?P<broken>    >{{1,3}} | <{{1,3}} )
  | (?P<field>     \[ [A-Za-z] : [^\[\]]* \] )
  | (?P<chord>     \[ (?: [^\[\]"|] | {_STRING} )*+ \] {_LENGTH} -? )
  | (?P<ending>    \[ (?: \s? [0-9] (?:[0-9,.-]*[0-9])? | {_STRING} ) )
  | (?P<tie>       - )
  | (?P<decoration> ! [^!|\[\]\s]{{1,40}} ! | !D\.[CS]\.[\w\s.]{{0,40}}! | \+ [^+|\[\]\s]{{1,40}} \+ | H )
  | (?P<bar_rest>  [ZX] [0-9]* )
  | (?P<overlay>   & )
  | (?P<unclosed>  [\[{{"] )
    """,
    re.VERBOSE,
)
"""Each match's `lastgroup` names the token."""

_NOTE_PARTS = re.compile(rf"({_ACCIDENTAL})([A-Ga-g])([,']*)({_LENGTH})(-?)")
_LENGTH_PARTS = re.compile(r"([0-9]{0,6})(/{0,10})([0-9]{0,4})")
_CHORD_PARTS = re.compile(rf"\[(.*)\]({_LENGTH})(-?)", re.DOTALL)
_CHORD_TOKEN = re.compile(rf"(?P<note>{_NOTE})|(?P<symbol>{_STRING})|![^!]{{1,40}}!")


class WrittenNote(NamedTuple):
    """A note as written: step, the accidental's semitones (None without one), unit note lengths, whether it is tied."""

    step: int
    alteration: int | None
    numerator: int
    denominator: int
    is_tied: bool


class WrittenChord(NamedTuple):
    """Notes between brackets, their own lengths multiplied by the chord's, and the strings among them."""

    notes: tuple[WrittenNote, ...]
    symbols: tuple[str, ...]


class BarLine(NamedTuple):
    """What a bar line says; `splits_bar`: it is a sign that may stand within a measure."""

    repeat_end: bool
    repeat_start: bool
    is_double: bool
    splits_bar: bool
    endings: tuple[int, ...]


@lru_cache(maxsize=8192)
def parse_length(text: str) -> tuple[int, int]:
    """Read a length ("", "2", "/", "//", "3/2", "/4") as numerator and denominator of unit note lengths (section 4.3).

    Raises:
        AbcSyntaxError: no such length, or one beyond all music.
    """
    if not text:
        return 1, 1
    match = _LENGTH_PARTS.fullmatch(text)
    if match is not None:
        upper, slashes, lower = match.groups()
        numerator = int(upper or 1)
        denominator = int(lower) if lower else 2 ** len(slashes)
        if denominator and numerator <= _LONGEST_NOTE * denominator:
            return numerator, denominator
    raise AbcSyntaxError(
        f"there is no note length {text[:40]!r}; write a number or a fraction such as 2, 3/2, /2 or //"
    )


@lru_cache(maxsize=8192)
def parse_note(text: str) -> WrittenNote:
    """Read a note such as "^c'3/2-" (sections 4.1 to 4.3 and 4.11).

    Raises:
        AbcSyntaxError: a length or an octave beyond all music.
    """
    accidental, letter, octaves, length, tie = _NOTE_PARTS.fullmatch(text).groups()  # type: ignore[union-attr]
    octave = _MIDDLE_C_OCTAVE + letter.islower() + octaves.count("'") - octaves.count(",")
    if not 0 <= octave <= _HIGHEST_OCTAVE:
        raise AbcSyntaxError(f"there is no octave for {text[:40]!r}; notes reach from C,,,,, to g'''''")
    step = STEPS_PER_OCTAVE * octave + LETTERS.index(letter.upper())
    return WrittenNote(step, _alteration(accidental), *parse_length(length), bool(tie))


def _alteration(accidental: str) -> int | None:
    sign = accidental.rstrip("0123456789/")
    if sign == accidental:
        return ALTERATIONS[sign] if sign else None
    upper, _, lower = accidental[len(sign) :].partition("/")
    quarter_tones = 2 * int(upper or 1) / (int(lower or 2) or 2)
    return ALTERATIONS[sign] * int(quarter_tones / 2)


@lru_cache(maxsize=8192)
def parse_chord(text: str) -> WrittenChord:
    """Read notes between brackets, such as "[C-EG]2" (section 4.17).

    Raises:
        AbcSyntaxError: a length or an octave beyond all music.
    """
    inside, length, tie = _CHORD_PARTS.fullmatch(text).groups()  # type: ignore[union-attr]
    numerator, denominator = parse_length(length)
    notes, symbols = [], []
    for match in _CHORD_TOKEN.finditer(inside):
        if match["note"]:
            note = parse_note(match["note"])
            own = note.numerator * numerator, note.denominator * denominator
            notes.append(WrittenNote(note.step, note.alteration, *own, note.is_tied or bool(tie)))
        elif match["symbol"]:
            symbols.append(match["symbol"])
    if len(notes) > _MOST_NOTES_IN_CHORD:
        raise AbcSyntaxError(
            f"a chord of {len(notes)} notes is more than any hand plays; write {_MOST_NOTES_IN_CHORD} at most"
        )
    return WrittenChord(tuple(notes), tuple(symbols))


def parse_endings(text: str) -> tuple[int, ...]:
    """Read the passes that an ending is for: "1" is (1,), "1,3" is (1, 3), "1-3" is (1, 2, 3) (section 4.10)."""
    passes: set[int] = set()
    for first, last in re.findall(r"([0-9]{1,2})(?:-([0-9]{1,2}))?", text):
        passes.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(passes - {0}))


@lru_cache(maxsize=1024)
def parse_bar_line(text: str) -> BarLine:
    """Read a bar line such as ":|2" or "|:" (sections 4.8 and 4.9); `::|` is read as `:|`, played twice."""
    signs = text.rstrip("0123456789,.-")
    before, _, after = signs.partition("|") if "|" in signs else (":", "", ":")
    return BarLine(
        repeat_end=":" in before,
        repeat_start=":" in after[after.rfind("|") + 1 :],
        is_double=("||" in signs or "]" in signs or before.endswith("[")) and signs != "[|]",
        splits_bar=text != "|",
        endings=parse_endings(text[len(signs) :]),
    )
