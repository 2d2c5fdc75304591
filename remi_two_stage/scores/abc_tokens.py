"""The tokens of a line of ABC music, found in one pass by one regular expression (ABC standard 2.1, section 4).

Conventions
- Characters that no token begins with (slurs, decorations of one letter, spacers) have no effect on the notes and are
  skipped, as section 8.1 asks.
- A pitch is a *step*: 35 is C on the ledger line below the treble staff (middle C), 36 the D above it, 42 the next C.
- No alternative backtracks over more than it matched, so that a line takes time linear in its length.
- What all programs read alike although the standard does not have it is read as they do: a length of 0 is 1, a second
  fraction is ignored, and so are tuplets of more than nine notes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from ..core.errors import AbcSyntaxError
from .abc_fields import ALTERATIONS, LETTERS

STEPS_PER_OCTAVE = len(LETTERS)
_MIDDLE_C_OCTAVE = 5
_SEMITONES = (0, 2, 4, 5, 7, 9, 11)
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
    [ \t]*+ (?:
      (?P<note>      {_NOTE} )
    | (?P<bar>       \.?(?: \[\| | \| | :(?=[:|]) ) [|:\]]* (?: [0-9] (?:[0-9,.-]*[0-9])? )? )
    | (?P<symbol>    {_STRING} )
    | (?P<rest>      [zx] {_LENGTH} )
    | (?P<grace>     \{{ [^{{}}]* \}} )
    | (?P<tuplet>    \( [2-9] (?![0-9]) (?: :[0-9]{{0,2}} ){{0,2}} )
    | (?P<broken>    [<>]+ )
    | (?P<field>     \[ [A-Za-z] : [^\[\]]* \] )
    | (?P<chord>     \[ (?: [^\[\]"|] | {_STRING} )*+ \] {_LENGTH} -? )
    | (?P<ending>    \[ (?: \s? [0-9] (?:[0-9,.-]*[0-9])? | {_STRING} ) )
    | (?P<tie>       - )
    | (?P<decoration> ! [^!]* ! | \+ [^+]* \+ | H )
    | (?P<bar_rest>  [ZX] [0-9]* )
    | (?P<overlay>   \(& | &\) | & )
    | (?P<open_chord> \[ (?: {_NOTE} | [ \t] )++ )
    | (?P<unclosed>  [{{"] .* )
    )
    """,
    re.VERBOSE,
)
"""Each match's `lastgroup` names the token and holds its text."""

OPEN_CHORD_AT_END = re.compile(rf"\[(?:{_NOTE}|[ \t])*+$")
"""The end of a line in the midst of a chord, which goes on in the next line."""

_NOTE_PARTS = re.compile(rf"({_ACCIDENTAL})([A-Ga-g])([,']*)({_LENGTH})(-?)")
_LENGTH_PARTS = re.compile(r"([0-9]{0,6})(/{0,10})([0-9]{0,4})(?:/[0-9/]*)?")
_CHORD_PARTS = re.compile(rf"\[([^\]]*)\]?({_LENGTH})(-?)")
_CHORD_TOKEN = re.compile(rf"(?P<note>{_NOTE})|(?P<symbol>{_STRING})|![^!]*!")


class WrittenNote(NamedTuple):
    """A note as written.

    Attributes:
        step: Where it stands on the staff.
        letter: Index of its letter in `LETTERS`.
        natural: MIDI number of the step without accidentals.
        alteration: Semitones of its own accidental; None without one.
        numerator: Its length in unit note lengths, with `denominator`.
        denominator: See `numerator`.
        is_tied: Whether a tie begins here.
        is_microtone: Whether the accidental was rounded to a whole number of semitones.
    """

    step: int
    letter: int
    natural: int
    alteration: int | None
    numerator: int
    denominator: int
    is_tied: bool
    is_microtone: bool


class WrittenChord(NamedTuple):
    """Notes between brackets, their own lengths multiplied by the chord's, and the strings among them."""

    notes: tuple[WrittenNote, ...]
    symbols: tuple[str, ...]


class BarLine(NamedTuple):
    """What a bar line says.

    Attributes:
        plays: How often what lies before a repeat is played, 2 or more; 0 where nothing is repeated.
        repeat_start: A repeated section begins.
        is_double: A double line, thin or thick.
        splits_bar: A sign that may stand within a measure.
        endings: The passes of the ending that begins.
    """

    plays: int
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
    match = _LENGTH_PARTS.fullmatch(text)
    if match is not None:
        upper, slashes, lower = match.groups()
        numerator = int(upper or 1) or 1
        denominator = int(lower or 0) or 2 ** len(slashes)
        if numerator <= _LONGEST_NOTE * denominator:
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
    letter = LETTERS.index(letter.upper())
    alteration, is_microtone = _alteration(accidental)
    return WrittenNote(
        STEPS_PER_OCTAVE * octave + letter,
        letter,
        12 * octave + _SEMITONES[letter],
        alteration,
        *parse_length(length),
        bool(tie),
        is_microtone,
    )


def _alteration(accidental: str) -> tuple[int | None, bool]:
    """Semitones of an accidental and whether they were rounded towards the natural; `^/` is a quarter tone."""
    sign = accidental.rstrip("0123456789/")
    if sign == accidental:
        return (ALTERATIONS[sign] if sign else None), False
    upper, _, lower = accidental[len(sign) :].partition("/")
    semitones, rest = divmod(int(upper or 1), int(lower or 2) or 2)
    return ALTERATIONS[sign] * semitones, rest > 0


@lru_cache(maxsize=8192)
def parse_chord(text: str) -> WrittenChord:
    """Read notes between brackets, such as "[C-EG]2" (section 4.17); the closing one may be missing.

    Raises:
        AbcSyntaxError: a length or an octave beyond all music.
    """
    inside, length, tie = _CHORD_PARTS.fullmatch(text).groups()  # type: ignore[union-attr]
    numerator, denominator = parse_length(length)
    notes, symbols = [], []
    for match in _CHORD_TOKEN.finditer(inside):
        if match["note"]:
            note = parse_note(match["note"])
            notes.append(
                note._replace(
                    numerator=note.numerator * numerator,
                    denominator=note.denominator * denominator,
                    is_tied=note.is_tied or bool(tie),
                )
            )
            if len(notes) > _MOST_NOTES_IN_CHORD:
                raise AbcSyntaxError(f"a chord has more than {_MOST_NOTES_IN_CHORD} notes; write fewer")
        elif match["symbol"]:
            symbols.append(match["symbol"])
    return WrittenChord(tuple(notes), tuple(symbols))


def parse_endings(text: str) -> tuple[int, ...]:
    """Read the passes that an ending is for: "1" is (1,), "1,3" is (1, 3), "1-3" is (1, 2, 3) (section 4.10)."""
    passes: set[int] = set()
    for first, last in re.findall(r"([0-9]{1,2})(?:-([0-9]{1,2}))?", text):
        passes.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(passes - {0}))


@lru_cache(maxsize=1024)
def parse_bar_line(text: str) -> BarLine:
    """Read a bar line such as ":|2" or "|:" (sections 4.8 and 4.9); each further colon is one more play."""
    signs = text.rstrip("0123456789,.-")
    before, _, after = signs.partition("|") if "|" in signs else (signs[: len(signs) // 2], "", ":")
    colons = before.count(":")
    return BarLine(
        plays=colons + 1 if colons else 0,
        repeat_start=":" in after[after.rfind("|") + 1 :],
        is_double=("||" in signs or "]" in signs or before.endswith("[")) and signs != "[|]",
        splits_bar=text != "|",
        endings=parse_endings(text[len(signs) :]),
    )
