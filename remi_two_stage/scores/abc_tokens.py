"""The tokens of a line of ABC music, found in one pass by one regular expression (ABC standard 2.1, section 4).

Conventions
- A token means the same wherever it stands, so each text is read once and kept (`read_tokens`); what it does to a voice
  is the business of `abc_voice`.
- Characters that no token begins with (spacers, letters without a meaning) are skipped, as section 8.1 asks.
- A pitch is a *step*: 35 is C on the ledger line below the treble staff (middle C), 36 the D above it, 42 the next C.
- No alternative backtracks over more than it matched, so that a line takes time linear in its length.
- What all programs read alike although the standard does not have it is read as they do: a length of 0 is 1, a second
  fraction is ignored, and so are tuplets of more than nine notes that do not say their time, and a brace within grace
  notes.
- A bar line is any sequence of its signs (section 4.8); what looks like a chord but begins with a digit is an ending.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ..core.errors import AbcSyntaxError
from ..core.notation import DoubleLine
from ..core.signatures import Key
from .abc_fields import ACCIDENTAL, LETTERS, MIDDLE_C_OCTAVE, SEMITONES, parse_accidental, signature_of
from .abc_signs import DECORATIONS, WrittenText, leading_signs, parse_decoration, parse_signs, parse_symbol

STEPS_PER_OCTAVE = len(LETTERS)
_HIGHEST_OCTAVE = 11
_MOST_NOTES_IN_CHORD = 100
_LONGEST_NOTE = 1_024
"""In unit note lengths."""
_LONGEST_BROKEN_SIGN = 3
_LONGEST_LINE_KEPT = 2_000
_MOST_TOKENS_KEPT = 16_384

_LENGTH = r"[0-9/]*+"
_PLAIN_NOTE = rf"[A-Ga-g][,']*+{_LENGTH}-?"
_NOTE = rf"(?:{_PLAIN_NOTE}|{ACCIDENTAL}{_PLAIN_NOTE})"
LAST_PASS = (0,)
"""The pass of an ending that says no more than that it is the last."""
_PASSES = r"[0-9](?:[0-9,.-]*[0-9])?(?:\.(?!\S))?"
_RANGE = re.compile(r"([0-9]{1,2})(?:\.?-([0-9]{1,2}))?")
_LAST = re.compile(r"\blast\b", re.IGNORECASE)
_STRING = r'"[^"]*"'
_NAMED = rf"!(?:{'|'.join(map(re.escape, DECORATIONS))})!"
_MUSIC_AFTER_BREAK = r"""(?:"[^"!|]*"|[A-Ga-gxyzXZ0-9 \t~.,'/()<>{}\[\]^_=-])*+"""
_DECORATION = rf"{_NAMED}|!(?!{_MUSIC_AFTER_BREAK}{_NAMED})[^!|]*!|\+[^+|]*\+"
_SIGNS = r"(?:\.?\((?![0-9&])|[)~HLMOPSTuv]|\.(?!\[?[|:]|\())+"
"""Slurs and decorations of one letter, as many as there are."""
_GRACE_IN_CHORD = r"\{(?:\[[^\[\]{}|]*\]|[^\[\]{}|])*+\}"
_THICK_LINE = r"\[(?:(?=[|:\]])|(?=\s|$)(?!\s?[0-9])(?![^\[\]\"|]*\]))"
"""A bracket that opens neither a chord nor an ending, but is a sign of a bar line, after another one."""
_BAR_SIGNS = rf"(?:[|:\]]|{_THICK_LINE})*+"
_BAR_START = (
    rf"\.?(?:\[?\||:(?=[:|\]]|{_THICK_LINE}))|\[(?=:)|\[\[(?![^\[\]\"|\s][^\[\]\"|]*\])|\](?=[|:\]]|{_THICK_LINE})"
)

_PATTERNS = {
    "note": rf"{_NOTE}\)*+",
    "signed_note": rf"(?:\.?\((?![0-9&])|[~HLMOPSTuv]|\.(?!\[?[|:]|\())++{_NOTE}\)*+",
    "bar": rf"(?:{_BAR_START}){_BAR_SIGNS}(?:{_PASSES})?|\](?![^\s])",
    "symbol": _STRING,
    "rest": rf"[zx]{_LENGTH}",
    "grace": r"\{[^}]*\}",
    "tuplet": r"\((?:[2-9](?![0-9])(?::[0-9]{0,2}){0,2}|(?:1|[1-9][0-9]):[0-9]{1,2}(?::[0-9]{0,2})?)",
    "broken": "[<>]+",
    "field": r"\[[A-Za-z]:[^\[\]]*\]",
    "chord": rf'\[(?!\s?"?[0-9])(?:[^\[\]"|{{]|{_STRING}|{_GRACE_IN_CHORD}|\{{)*+\]{_LENGTH}-?',
    "ending": rf"\[(?:\s?{_PASSES}|{_STRING})",
    "tie": "-",
    "old_chord": rf"\+(?!f{{1,4}}\+)(?:[ \t.~()]*+{_NOTE}){{2,}}+[ \t)]*+\+{_LENGTH}-?",
    "decoration": _DECORATION,
    "bar_rest": "[ZX][0-9]*",
    "overlay": r"\(&|&\)|&",
    "signs": _SIGNS,
    "open_chord": rf"\[(?:{_NOTE}|[ \t])++",
    "unclosed": r'[{"].*',
}
"""What a token may look like, by its form; the first kind that fits is the token's."""

_COMMON = rf"{_PLAIN_NOTE}\)*+|\|(?![|:\[\]0-9])"
"""Most tokens: notes without accidentals and simple bar lines, found sooner when they are looked for first."""

TOKENS = re.compile(rf"[ \t]*+({_COMMON}|{'|'.join(_PATTERNS.values())})")
"""`TOKENS.findall(line)` gives the texts of a line's tokens in their order."""

_TOKEN = re.compile("|".join(rf"(?P<{kind}>{pattern})" for kind, pattern in _PATTERNS.items()))

_MUSIC = re.compile(rf"(?:{'|'.join(_PATTERNS.values())}|[ \t.~`$\\()JLMOPRSTuvy])*+")

OPEN_CHORD_AT_END = re.compile(rf"(?<![\[\]|:])\[[ \t]*$|\[[ \t]*+(?:{_NOTE}[ \t]*+)++$")
"""The end of a line within a chord that continues in the next line."""

_UNCLOSED_SYMBOL = re.compile(
    r'("[A-G][#b♯♭]?(?:m|min|maj|dim|aug|sus|add|M|[0-9+°ø()#b-])*(?:/[A-G][#b♯♭]?)?)[ \t](?=[^"]*$)'
)
_UNCLOSED_GRACE = re.compile(r'(\{[^\s{}"|]+)[ \t](?=[^{}]*$)')
_MIXED_BRACKETS = re.compile(rf"\{{((?:{_NOTE}|[ \t])++)\]|\[((?:{_NOTE}|[ \t])++)\}}")
_EARLY_ACCIDENTAL = re.compile(r'[\^_=][0-9/]*[!+"{.~(HLMOPSTuv]')
_MOVED_ACCIDENTAL = re.compile(
    rf"{_STRING}|![^!|]*!|({ACCIDENTAL})((?:{_DECORATION}|{_STRING}|\{{[^{{}}]*\}}|[.~(HLMOPSTuv])+)(?=[A-Ga-g])"
)
_TYPOGRAPHIC_MARKS = str.maketrans(
    dict.fromkeys("“”„‟«»″\x93\x94\x84", '"') | dict.fromkeys("‘’\x91\x92", "'") | dict.fromkeys("｜│∣❘", "|")
)
_ANNOTATION_OR_TEXT = re.compile(rf'("[\^_<>@][^"]*")|{_STRING}|[^"]+|"')
_SIGN_OF_ACCIDENTAL = re.compile(r'"[^"]*"|([♯♭♮])(?=[A-Ga-g])')
_ACCIDENTALS = {"♯": "^", "♭": "_", "♮": "="}
_LINE_BREAK_MARK = re.compile(rf"{_STRING}|{_NAMED}|(!)")

_NOTE_PARTS = re.compile(rf"({ACCIDENTAL})?([A-Ga-g])([,']*)({_LENGTH})(-?)")
_LENGTH_PARTS = re.compile(r"([0-9]{0,6})(/{0,10})([0-9]{0,4})(?:/[0-9/]*)?")
_CHORD_PARTS = re.compile(rf"\[(.*)\]({_LENGTH})(-?)")
_CHORD_TOKEN = re.compile(
    rf"(?P<note>{_NOTE})|(?P<symbol>{_STRING})|(?P<decoration>{_DECORATION})|(?P<grace>{_GRACE_IN_CHORD})|(?P<signs>{_SIGNS})"
)
_REST_IN_CHORD = re.compile(rf"^[^\"!]*?[zx]({_LENGTH})")
_GRACE_TOKEN = re.compile(rf"(?P<note>{_NOTE})|\[(?P<chord>[^\[\]]*)\]({_LENGTH})|(?P<slur>\()")
_LETTERS_OF_NOTES = frozenset("ABCDEFGabcdefg")


def is_music(line: str, letters: str = "ABCDEFGabcdefg") -> bool:
    """Whether a line holds bar lines and notes, or others of the `letters`, and nothing that is no music."""
    return "|" in line and any(letter in line for letter in letters) and _MUSIC.fullmatch(line) is not None


def mended(line: str) -> str:
    """A line of music with its signs where the standard has them, as many characters long.

    Typographic quotation marks, but for those within annotations, bar lines and accidentals are plain ones; an
    accidental before a decoration stands after it; a bracket and a brace around notes are brackets; the last quotation
    mark or brace that is open is closed at the blank after a chord symbol or grace notes. What else a sign that is not
    closed hides cannot be told; the voice that meets it judges.
    """
    if not line.isascii():
        line = _ANNOTATION_OR_TEXT.sub(lambda match: match[1] or match[0].translate(_TYPOGRAPHIC_MARKS), line)
        line = _SIGN_OF_ACCIDENTAL.sub(lambda match: _ACCIDENTALS[match[1]] if match[1] else match[0], line)
    if _EARLY_ACCIDENTAL.search(line):
        line = _MOVED_ACCIDENTAL.sub(lambda match: match[2] + match[1] if match[1] else match[0], line)
    if '"' in line and line.count('"') % 2:
        line = _UNCLOSED_SYMBOL.sub(r'\1"', line)
    if ("{" in line or "}" in line) and line.count("{") != line.count("}"):
        line = _MIXED_BRACKETS.sub(lambda match: f"[{match[1] or match[2]}]", line)
        line = _UNCLOSED_GRACE.sub(r"\1}", line) if line.count("{") > line.count("}") else line
    return line


def without_line_breaks(line: str) -> str:
    """A line of music in which `!` breaks the line (section 6.1.1), except around the name of a decoration."""
    return _LINE_BREAK_MARK.sub(lambda match: " " if match[1] else match[0], line)


class WrittenNote(NamedTuple):
    """A note as written.

    Attributes:
        step: Where it stands on the staff.
        alteration: Semitones of its own accidental; None without one.
        numerator: Its length in unit note lengths, with `denominator`.
        denominator: See `numerator`.
        is_tied: Whether a tie begins here.
        accidental: As written where it is a microtone, which is rounded to a whole number of semitones; else empty.
    """

    step: int
    alteration: int | None
    numerator: int
    denominator: int
    is_tied: bool
    accidental: str


class SignedNote(NamedTuple):
    """A note with slurs and decorations of one letter: their names before it, and how many slurs end after it."""

    signs: tuple[str, ...]
    note: WrittenNote
    slur_ends: int


class WrittenGrace(NamedTuple):
    """Grace notes between braces: those that sound together in a tuple, whether they are slashed, and whether a slur
    begins among them.
    """

    notes: tuple[tuple[WrittenNote, ...], ...]
    is_slashed: bool
    begins_slur: bool


class WrittenChord(NamedTuple):
    """Notes between brackets, their own lengths multiplied by the chord's, and what stands among them: chord symbols
    and annotations, slurs and decorations, grace notes. Where there are rests alone, `rest` is the first one's length.
    """

    notes: tuple[WrittenNote, ...]
    symbols: tuple[WrittenText, ...] = ()
    signs: tuple[str, ...] = ()
    graces: tuple[WrittenGrace, ...] = ()
    rest: tuple[int, int] | None = None


class BarLine(NamedTuple):
    """What a bar line says.

    Attributes:
        plays: How often what lies before a repeat is played, 2 or more; 0 where nothing is repeated.
        repeat_start: A repeated section begins.
        double_line: A double line, thin or thick; `[|`, which is thick-thin, counts as thin-thin.
        splits_bar: A sign that may stand within a measure.
        endings: The passes of the ending that begins.
    """

    plays: int
    repeat_start: bool
    double_line: DoubleLine
    splits_bar: bool
    endings: tuple[int, ...]


class WrittenTuplet(NamedTuple):
    """`members` notes take the time of `time`, and so for the next `length` notes; 0 for what is not written."""

    members: int
    time: int
    length: int


class BrokenRhythm(NamedTuple):
    """What the lengths of the notes before and after the sign are multiplied by, over the common `denominator`."""

    before: int
    after: int
    denominator: int


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


def parse_note(text: str) -> WrittenNote:
    """Read a note such as "^c'3/2-" (sections 4.1 to 4.3 and 4.11).

    Raises:
        AbcSyntaxError: a length or an octave beyond all music.
    """
    accidental, letter, octaves, length, tie = _NOTE_PARTS.fullmatch(text).groups()  # type: ignore[union-attr]
    octave = MIDDLE_C_OCTAVE + letter.islower() + octaves.count("'") - octaves.count(",")
    if not 0 <= octave <= _HIGHEST_OCTAVE:
        raise AbcSyntaxError(f"there is no octave for {text[:40]!r}; notes reach from C,,,,, to g'''''")
    step = STEPS_PER_OCTAVE * octave + LETTERS.index(letter.upper())
    alteration, is_microtone = parse_accidental(accidental) if accidental else (None, False)
    return WrittenNote(step, alteration, *parse_length(length), bool(tie), accidental if is_microtone else "")


@lru_cache(maxsize=256)
def scale_of(alterations: Sequence[int]) -> tuple[int, ...]:
    """The MIDI number of every step in a key, given what its signature adds to C, D, E, F, G, A, B."""
    return tuple(
        12 * octave + semitones + alteration
        for octave in range(_HIGHEST_OCTAVE + 1)
        for semitones, alteration in zip(SEMITONES, alterations, strict=True)
    )


@lru_cache(maxsize=256)
def usual_scale(key: Key) -> tuple[int, ...]:
    """The MIDI number of every step in a key whose signature is its own."""
    return scale_of(signature_of(key))


NATURALS = scale_of((0,) * STEPS_PER_OCTAVE)
"""The MIDI number of every step without accidentals."""


def parse_chord(text: str) -> WrittenChord:
    """Read notes between brackets, such as "[C-EG]2" (section 4.17); the closing one may be missing.

    Raises:
        AbcSyntaxError: a length or an octave beyond all music.
    """
    closed = _CHORD_PARTS.fullmatch(text)
    inside, length, tie = closed.groups() if closed else (text[1:], "", "")
    numerator, denominator = parse_length(length)
    notes: list[WrittenNote] = []
    signs: list[str] = []
    symbols, graces = [], []
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
            symbols.append(parse_symbol(match["symbol"]))
        elif match["grace"]:
            graces.append(parse_grace(match["grace"]))
        else:
            signs += parse_decoration(match[0]) if match["decoration"] else parse_signs(match[0])
    rest = None
    if not notes and (first := _REST_IN_CHORD.search(inside)):
        own, under = parse_length(first[1])
        rest = own * numerator, under * denominator
    return WrittenChord(tuple(notes), tuple(symbols), tuple(signs), tuple(graces), rest)


def parse_grace(text: str) -> WrittenGrace:
    """Read grace notes such as "{/ga[ce]}" (section 4.12).

    Raises:
        AbcSyntaxError: a length or an octave beyond all music.
    """
    notes: list[tuple[WrittenNote, ...]] = []
    slurs = 0
    for match in _GRACE_TOKEN.finditer(text):
        if match["note"]:
            notes.append((parse_note(match["note"]),))
        elif match["slur"]:
            slurs += 1
        else:
            notes.append(parse_chord(match[0]).notes)
    return WrittenGrace(tuple(filter(None, notes)), text.startswith("{/"), slurs > text.count(")"))


def parse_signed_note(text: str) -> SignedNote:
    """Read a note such as "(.A2" or "B)".

    Raises:
        AbcSyntaxError: a length or an octave beyond all music.
    """
    note = text.rstrip(")")
    signs = leading_signs(note)
    return SignedNote(parse_signs(signs), parse_note(note[len(signs) :]), len(text) - len(note))


def parse_tuplet(text: str) -> WrittenTuplet:
    """Read "(3", "(3:2:2", "(3::2" or "(12:8" (section 4.13)."""
    members, time, length, *_ = (*(int(number or 0) for number in text[1:].split(":")), 0, 0)
    return WrittenTuplet(members, time, length)


def parse_broken(text: str) -> BrokenRhythm | None:
    """Read ">", "<<" and so on (section 4.4): one neighbour gains what the other loses; None beyond three signs."""
    sign = text[-1]
    count = len(text) - len(text.rstrip(sign))
    if count > _LONGEST_BROKEN_SIGN:
        return None
    halves = 2**count
    long, short = 2 * halves - 1, 1
    return BrokenRhythm(long, short, halves) if sign == ">" else BrokenRhythm(short, long, halves)


def parse_endings(text: str) -> tuple[int, ...]:
    """Read the passes that an ending is for: "1" is (1,), "1,3" is (1, 3), "1-3" is (1, 2, 3) (section 4.10), and
    "last time" is `LAST_PASS`.
    """
    passes: set[int] = set()
    for first, last in _RANGE.findall(text):
        passes.update(range(int(first), int(last or first) + 1))
    if not passes and _LAST.search(text):
        return LAST_PASS
    return tuple(sorted(passes - {0}))


def parse_old_chord(text: str) -> WrittenChord:
    """Read notes between plus signs, such as "+CEG+2", the chords of ABC 1 (section 12.1.3).

    Raises:
        AbcSyntaxError: a length or an octave beyond all music.
    """
    notes, _, length = text[1:].rpartition("+")
    return parse_chord(f"[{notes}]{length}")


def parse_bar_line(text: str) -> BarLine:
    """Read a bar line such as ":|2", "|:", "|]" or "]:" (sections 4.8 and 4.9); each further colon is one more play.

    The ending in "::2" belongs to what is repeated, so that no repeat begins with it.
    """
    signs = text.rstrip("0123456789,.-")
    lines = [place for place, sign in enumerate(signs) if sign in "|[]"]
    before, after = (signs[: lines[0]], signs[lines[-1] + 1 :]) if lines else (signs[: len(signs) // 2], ":")
    colons = before.count(":")
    endings = parse_endings(text[len(signs) :])
    return BarLine(
        plays=colons + 1 if colons else 0,
        repeat_start=":" in after and not (colons and endings),
        double_line=_double_line(signs),
        splits_bar=text != "|",
        endings=endings,
    )


def _double_line(signs: str) -> DoubleLine:
    if signs == "[|]":  # which is invisible
        return ""
    return "|]" if "]" in signs else "||" if "||" in signs or "[" in signs else ""


def refuse_notes(text: str) -> None:
    """A brace or a quotation mark without its partner hides the rest of the line, which must hold no notes.

    Raises:
        AbcSyntaxError: it does.
    """
    if not _LETTERS_OF_NOTES.isdisjoint(text):
        closing = '"' if text[0] == '"' else "}"
        raise AbcSyntaxError(f"{text[0]!r} is not closed on its line; add {closing!r}")


_READERS: dict[str, Callable[[str], Any]] = {
    "note": parse_note,
    "signed_note": parse_signed_note,
    "bar": parse_bar_line,
    "symbol": parse_symbol,
    "rest": lambda text: parse_length(text[1:]),
    "grace": parse_grace,
    "tuplet": parse_tuplet,
    "broken": parse_broken,
    "field": lambda text: (text[1], text[3:-1]),
    "chord": parse_chord,
    "ending": parse_endings,
    "tie": lambda text: None,
    "old_chord": parse_old_chord,
    "decoration": parse_decoration,
    "bar_rest": lambda text: parse_length(text[1:])[0],
    "overlay": str,
    "signs": parse_signs,
    "open_chord": parse_chord,
    "unclosed": refuse_notes,
}
"""What reads a token's text."""


def read_tokens(line: str, texts: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """The kind of each token of a line, and what it says: its reader's type by kind.

    Args:
        line: The line, which decides whether its tokens are worth keeping.
        texts: What `TOKENS` found in it.

    Raises:
        AbcSyntaxError: on the way, at a length, an octave or a number of notes beyond all music, or a sign that is not
            closed.
    """
    return map(_KEPT.__getitem__ if len(line) <= _LONGEST_LINE_KEPT else _read_token, texts)


def _read_token(text: str) -> tuple[str, Any]:
    kind = _TOKEN.fullmatch(text).lastgroup or ""  # type: ignore[union-attr]
    if kind == "note" and text[-1] == ")":
        kind = "signed_note"
    return kind, _READERS[kind](text)


class _KeptTokens(dict[str, tuple[str, Any]]):
    """Texts of tokens -> what they say, read when they are first asked for; asked more quickly than an `lru_cache`."""

    def __missing__(self, text: str) -> tuple[str, Any]:
        read = _read_token(text)
        if len(self) >= _MOST_TOKENS_KEPT:
            self.clear()
        self[text] = read
        return read


_KEPT = _KeptTokens()
