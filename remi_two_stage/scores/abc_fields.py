"""What the fields of ABC say: keys, metres, lengths, tempos, orders of parts (ABC standard 2.1, sections 3.1 and 4.6).

Conventions
- Functions get the text after the colon, without comment, and raise AbcSyntaxError without a place: the caller adds it.
- A written length is a whole number of units, `UNITS_PER_TICK` to a tick, so that tuplets stay exact until a bar is
  rounded to ticks.
"""

from __future__ import annotations

import html
import math
import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple, get_args

from ..core.errors import AbcSyntaxError
from ..core.notation import Clef, Instrument, TempoMark
from ..core.signatures import MODES, TICKS_PER_WHOLE, Key, Meter, name_at
from ..core.text import printable

UNITS_PER_TICK = 10_080
"""Divisible by 1 to 10 and by 32: the lengths and tuplets of practice are whole numbers of units."""
UNITS_PER_WHOLE = UNITS_PER_TICK * TICKS_PER_WHOLE

LETTERS = "CDEFGAB"
SEMITONES = (0, 2, 4, 5, 7, 9, 11)
"""Of each letter above C."""
MIDDLE_C_OCTAVE = 5
ALTERATIONS = {"": 0, "^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
"""Accidental as written in ABC -> semitones."""
ACCIDENTAL = r"(?:\^\^?|__?|=)(?:(?<=[\^_])(?:[0-9]{1,3}(?:/{1,2}[0-9]{0,3})?|/{1,2}[0-9]{0,3}))?"
"""An accidental, with the fraction of a semitone or the number of small steps that makes it a microtone."""
COMMAS = 53
"""Equal steps of an octave that a number without a fraction counts in ^3F, unless a directive says else."""

_SHARPS = "FCGDAEB"
_KEY = re.compile(
    r"(?P<letter>[A-G])(?P<accidental>[\s-]*(?:flat|sharp|natural)(?![a-z])|[#b♯♭n]?)(?:\s+(?:harmonic|melodic)(?![a-z]))?"
    r"(?P<mode>\s*(?:(?:maj|min|ion|aeo|dor|phr|lyd|mix|loc|dur|mol)[a-z]*|m)(?![a-z]))?(?P<rest>(?![a-z]).*)",
    re.IGNORECASE,
)
_SHARPS_OF_WORDS = {"#": 1, "♯": 1, "sharp": 1, "b": -1, "♭": -1, "flat": -1}
_GERMAN_MODES = {"dur": "maj", "mol": "min"}
_WITHOUT_TONIC = re.compile(
    r"(?:(?:none|exp|clef|octave|transpose|shift|sound|score|instrument|middle|name|nm|stafflines|staffscale"
    r"|treble|alto|tenor|bass|perc)(?![a-z])|[\^_=]|$)",
    re.IGNORECASE,
)
_SPECIFIER = re.compile(
    r"(?<!\S)(?:(?!exp=)[A-Za-z][A-Za-z-]*=|(?:clef|middle|octave|transpose|name|nm|shift|sound|score|instrument)\s*=)"
    r'\s*(?:"[^"]*"|\S*)'
)
_KEY_ACCIDENTAL = re.compile(rf"({ACCIDENTAL})([A-Ga-g])")
_CLEF = re.compile(
    r"\bclef\s*=\s*\"?(?P<name>[A-Za-z]\w*)(?P<octaves>[+-](?:8|15)\b)?"
    r"|(?<![\w=\"])(?P<bare>treble|alto|tenor|bass|perc)[1-5]?(?P<bare_octaves>[+-](?:8|15)\b)?(?![\w=])"
)
_QUOTED_NAME = re.compile(r'(?<!clef=)"[^"]*"')
_CLEFS_BY_LINE = {
    "G": "treble", "G2": "treble", "treble2": "treble", "F": "bass", "F4": "bass", "bass4": "bass",
    "C": "alto", "C3": "alto", "alto3": "alto", "C4": "tenor", "tenor4": "tenor",
}  # fmt: skip
"""Signs with the lines of the staff on which they stand -> clefs."""
_PERCUSSION_CLEFS = ("perc", "P", "percussion", "drum", "drums")
_OCTAVES = {"+8": 12, "-8": -12, "+15": 24, "-15": -24}
_PITCH = r"(?:\^\^?|__?|=)?[A-Ga-g][,']*"
_INTERVAL = re.compile(rf"\b(?P<kind>shift|sound|score|instrument)=\s*(?P<first>{_PITCH})/?(?P<second>{_PITCH})?")
_METER_TERM = r"\(? ?\d{1,3}(?: ?\+ ?\d{1,3}){0,15} ?\)? ?/ ?\d{1,3}(?!\d)(?: ?\))?"
_METER = re.compile(rf"{_METER_TERM}(?: ?\+ ?{_METER_TERM}){{0,15}}")
_ABOUT = r"(?:(?:ca?|circa)\b\.?\s*|[~≈]\s*)?"
_TEMPO = re.compile(
    rf"(?:(?P<beats>(?:\d{{1,4}}\s*/\s*\d{{1,4}}\s*)++)=\s*{_ABOUT}(?P<rate>\d{{1,4}}(?:\.\d{{1,9}})?)"
    rf"|C?(?P<multiple>\d{{0,3}})\s*=\s*{_ABOUT}(?P<of_units>\d{{1,4}})"
    rf"|^\s*{_ABOUT}(?P<bare>\d{{1,4}}))(?!\d|\s*/)",
    re.IGNORECASE,
)
_TEMPO_WORDS = re.compile(rf'"([^"]*)"|^\s*(?!{_ABOUT}\d)([^\W\d_]{{2}}[^"\d=]*)')
"""What a tempo says in words; real ones leave out the quotation marks."""
_FASTEST_TEMPO = 1_000
_VOICE_NAMES = re.compile(r'(?<![\w-])(name|nm|subname|snm|sname)\s*=\s*(?:"([^"]*)"|(\S+))')


class StaffClef(NamedTuple):
    """A clef: the semitones of its 8 or 15, whether it is for percussion, and what it is if that can be kept."""

    transposition: int
    is_percussion: bool
    name: Clef | None


class Staff(NamedTuple):
    """What `K:` and `V:` say of a staff (section 4.6); None where they do not say.

    Attributes:
        clef: The clef.
        transposition: Semitones from written to sounding pitch, without those of the clef.
        octaves: How many of its octaves are no instrument's: `octave=` saves commas and apostrophes.
    """

    clef: StaffClef | None = None
    transposition: int | None = None
    octaves: int = 0

    def over(self, earlier: Staff) -> Staff:
        """What holds where this is said after `earlier`."""
        if self.clef is None and self.transposition is None:
            return earlier
        _, transposition, octaves = earlier if self.transposition is None else self
        return Staff(self.clef or earlier.clef, transposition, octaves)

    @property
    def of_instrument(self) -> int:
        """Semitones from where the player reads a note to where it sounds."""
        return (self.transposition or 0) - 12 * self.octaves


@dataclass(frozen=True, slots=True)
class KeySignature:
    """What `K:` says.

    Attributes:
        key: Tonic and mode; None when the field holds a clef or the like alone.
        alterations: Semitones that the signature adds to C, D, E, F, G, A, B.
        staff: Clef and transposition.
        microtones: How many of its accidentals were rounded to semitones.
    """

    key: Key | None
    alterations: tuple[int, ...]
    staff: Staff
    microtones: int = 0


@lru_cache(maxsize=1024)
def parse_key(text: str, commas: int = COMMAS) -> KeySignature:
    """Read `K:`: "D", "A Dorian", "B flat", "G exp _B", "D =c", "HP", "none", "C treble-8" (section 3.1.14).

    Keys with more than seven sharps or flats are respelled: G# is read as Ab.

    Args:
        text: What stands in the field.
        commas: Equal steps of the octave that numbers of accidentals count.

    Raises:
        AbcSyntaxError: no key.
    """
    text = text.strip()
    staff = parse_staff(text)
    if text[:2] in ("HP", "Hp"):
        pipes = Key("A", "mix")
        return KeySignature(pipes, signature_of(pipes), staff)
    key, rest = _tonic_and_mode(text)
    rest = _SPECIFIER.sub("", rest)
    read = [(letter.upper(), *parse_accidental(sign, commas)) for sign, letter in _KEY_ACCIDENTAL.findall(rest)]
    changes = {letter: alteration for letter, alteration, _ in read}
    if key is None and not changes:
        says_none = text == "" or text.lower().startswith("none")
        return KeySignature(Key() if says_none else None, (0,) * 7, staff)
    is_explicit = re.search(r"\bexp\b", rest) is not None
    base = (0,) * 7 if is_explicit else signature_of(key)
    alterations = tuple(changes.get(letter, base[step]) for step, letter in enumerate(LETTERS))
    key = _nearest_key(key, alterations) if key is None or is_explicit else key
    return KeySignature(key, alterations, staff, sum(is_microtone for *_, is_microtone in read))


def parse_accidental(text: str, commas: int = COMMAS) -> tuple[int, bool]:
    """Semitones of an accidental, and whether they were rounded: a fraction (`^/` is a quarter tone) towards the
    natural, a number of commas (`^3`) to the nearest.
    """
    sign = text.rstrip("0123456789/")
    if sign == text:
        return ALTERATIONS[sign], False
    numerator, slashes, denominator = re.fullmatch(r"([0-9]*)(/*)([0-9]*)", text[len(sign) :]).groups()  # type: ignore[union-attr]
    if not slashes:
        semitones = Fraction(12 * int(numerator), commas)
        nearest = math.ceil(semitones - Fraction(1, 2))
        return ALTERATIONS[sign] * nearest, nearest != semitones
    semitones = Fraction(int(numerator or 1) or 1, int(denominator or 0) or 2 ** len(slashes))
    return ALTERATIONS[sign] * int(semitones), semitones.denominator > 1


def _tonic_and_mode(text: str) -> tuple[Key | None, str]:
    if _WITHOUT_TONIC.match(text):
        return None, text
    match = _KEY.match(text)
    if match is None:
        raise AbcSyntaxError(
            f"there is no key {text[:40]!r}; write a tonic and a mode, such as K:D, K:Bb, K:F#m, K:Ador"
        )
    mode = (match["mode"] or "").strip().lower()
    natural = Key.parse(match["letter"].upper() + _GERMAN_MODES.get(mode[:3], mode))
    sharps = _SHARPS_OF_WORDS.get(match["accidental"].strip(" -").lower(), 0)
    return natural.shifted(7 * sharps), match["rest"]


def signature_of(key: Key | None) -> tuple[int, ...]:
    """Semitones that the signature of a key adds to C, D, E, F, G, A, B."""
    count = key.signature if key else 0
    altered = _SHARPS[:count] if count >= 0 else _SHARPS[count:]
    return tuple((1 if count > 0 else -1) * (letter in altered) for letter in LETTERS)


def _nearest_key(key: Key | None, alterations: tuple[int, ...]) -> Key:
    """The mode on the tonic whose signature differs least; without a tonic, the major key with as many accidentals."""
    if key is None:
        return Key(name_at(max(-7, min(7, sum(alterations)))))
    modes = [Key(key.tonic, mode) for mode, sharps in MODES.items() if abs(key.fifths + sharps) <= 7]
    return min(modes, key=lambda mode: sum(a != b for a, b in zip(signature_of(mode), alterations, strict=True)))


@lru_cache(maxsize=1024)
def parse_staff(text: str) -> Staff:
    """The clef in `K:` or `V:`, and the semitones from written to sounding pitch that `octave=` and `transpose=` there
    say (section 4.6), or `shift=`, `sound=` and `instrument=` (ABC draft 2.2).
    """
    semitones = [_interval(match) for match in _INTERVAL.finditer(text)]
    octave = re.search(r"\boctave=\s*([+-]?\d)\b", text)
    octaves = int(octave[1]) if octave else 0
    if octave:
        semitones.append(12 * octaves)
    if transpose := re.search(r"\btranspose=\s*([+-]?\d{1,2})\b", text):
        semitones.append(int(transpose[1]))
    clef = None
    if match := _CLEF.search(_QUOTED_NAME.sub("", text)):
        of_clef = match["octaves"] or match["bare_octaves"]
        name = match["name"] or match["bare"]
        name = _CLEFS_BY_LINE.get(name, name)
        known = next((clef for clef in get_args(Clef) if clef == name + (of_clef or "")), None)
        clef = StaffClef(_OCTAVES.get(of_clef, 0), name in _PERCUSSION_CLEFS, known)
    return Staff(clef, sum(semitones) if semitones else None, octaves)


def _interval(match: re.Match[str]) -> int:
    """Semitones of two pitches, written and sounding; a single one is that of an instrument's c, or sounds as c."""
    kind, first, second = match.groups()
    if kind == "score" or (kind == "shift" and not second):
        return 0
    if kind == "instrument":
        first, second = "c", second or first
    return _midi_number(second or "c") - _midi_number(first)


def _midi_number(pitch: str) -> int:
    sign, letter, octaves = re.fullmatch(r"([\^_=]*)([A-Ga-g])([,']*)", pitch).groups()  # type: ignore[union-attr]
    octave = MIDDLE_C_OCTAVE + letter.islower() + octaves.count("'") - octaves.count(",")
    return 12 * octave + SEMITONES[LETTERS.index(letter.upper())] + ALTERATIONS[sign]


@lru_cache(maxsize=1024)
def parse_meter(text: str) -> Meter | None:
    """Read `M:`: "6/8", "C", "c|", "cut", "(2+3)/8", "3/8+2/8"; None for "none" or nothing, which is free metre
    (section 3.1.6), as are old signs without a fraction, such as "2" and "O"; the fraction after "=" tells what else a
    sign means.

    Raises:
        RequestError: a metre that does not exist, such as 4/0.
    """
    for said in (text.rpartition("=")[2], text.partition("=")[0]):
        text = " ".join(said.split())
        if common := re.match(r"(?:(C\s*\|+|cut)|C|common)(?![\w|])", text, re.IGNORECASE):
            return Meter.parse("C|" if common[1] else "C")
        if match := _METER.match(text):
            break
    else:
        return None
    terms = re.findall(r"([\d\s+]*\d)[\s)]*/\s*(\d+)", match[0])
    denominator = math.lcm(*(int(lower) for _, lower in terms))
    sums = [
        int(number) * denominator // (int(lower) or 1) for upper, lower in terms for number in re.findall(r"\d+", upper)
    ]
    return Meter(sum(sums), denominator, f"{'+'.join(map(str, sums))}/{denominator}" if len(sums) > 1 else "")


@lru_cache(maxsize=1024)
def parse_unit_length(text: str) -> int | None:
    """Read `L:` ("1/8") and give its length in units (section 3.1.7); None where it gives none, as "1/0" and "auto".

    Raises:
        AbcSyntaxError: not between 1/1024 and 8 whole notes.
    """
    match = re.match(r"\s*(?=\d|/\s*\d)(\d*)\s*(?:/\s*(\d*))?", text)
    numerator, denominator = (int(number[:9] or 1) for number in match.groups("1")) if match else (0, 0)
    if not (numerator and denominator):
        return None
    if not 1 <= numerator * 1024 // denominator <= 8 * 1024:
        raise AbcSyntaxError(
            f"there is no unit note length {text.strip()[:40]!r}; write a fraction of a whole note such as L:1/8"
        )
    return UNITS_PER_WHOLE * numerator // denominator


def default_unit_length(meter: Meter | None) -> int:
    """Unit note length where no `L:` stands: 1/16 in metres below 3/4, else 1/8 (section 3.1.7)."""
    is_short = meter is not None and 4 * meter.numerator < 3 * meter.denominator
    return UNITS_PER_WHOLE // (16 if is_short else 8)


@lru_cache(maxsize=1024)
def parse_tempo(text: str, unit_length: int) -> float | None:
    """Read `Q:` ("1/4=120", '"Slow" 3/8=80', "1/4=c.96", "C3=40", "120") as quarter notes a minute (section 3.1.8);
    None when it gives no number.
    """
    match = _TEMPO.search(_TEMPO_WORDS.sub("", text))
    if match is None:
        return None
    rate = float(match["rate"] or match["of_units"] or match["bare"])
    tempo = float(4 * _beat_of(match, unit_length)) * rate
    return tempo if 0 < tempo <= _FASTEST_TEMPO else None


@lru_cache(maxsize=1024)
def parse_tempo_mark(text: str, unit_length: int) -> TempoMark | None:
    """What `Q:` says, at no place; None where it says nothing that is understood."""
    said = ("".join(found) for found in _TEMPO_WORDS.findall(text))
    words = printable(" ".join(filter(None, map(decode_text, said)))).strip(" (")
    tempo = parse_tempo(text, unit_length)
    match = _TEMPO.search(_TEMPO_WORDS.sub("", text))
    if tempo is None or match is None:
        return TempoMark(0, None, words) if words else None
    return TempoMark(0, tempo, words, round(_beat_of(match, unit_length) * TICKS_PER_WHOLE) if match["beats"] else 0)


def _beat_of(match: re.Match[str], unit_length: int) -> Fraction:
    """The note value that a tempo counts, in whole notes."""
    if not match["beats"]:
        return Fraction(unit_length, UNITS_PER_WHOLE) * int(match["multiple"] or 1)
    beats = re.findall(r"(\d+)\s*/\s*(\d+)", match["beats"])
    return sum((Fraction(int(upper), int(lower)) for upper, lower in beats if int(lower)), Fraction(0))


def parse_voice_names(text: str) -> Instrument:
    """The names in `V:` (section 7): `name=` or `nm=`, and `subname=`, `sname=` or `snm=`."""
    said = {what: decode_text(quoted or bare) for what, quoted, bare in _VOICE_NAMES.findall(text)}
    name = said.get("name", said.get("nm", ""))
    short = said.get("subname", said.get("snm", said.get("sname", "")))
    return Instrument(_on_one_line(name), _on_one_line(short))


def _on_one_line(name: str) -> str:
    """A name that may be printed on several lines."""
    return printable(name.replace(r"\n", " ")).strip()


_MOST_PARTS = 500
_TOKEN = re.compile(r"(?P<part>[A-Za-z])(?P<plays>[0-9]*)|(?P<open>\()|\)(?P<group_plays>[0-9]*)")


def parse_part_order(text: str) -> tuple[str, ...]:
    """Labels in playing order: "A2(BC)2" is A A B C B C; brackets that are not closed end with the field.

    Raises:
        AbcSyntaxError: written out, the order is far longer than any music.
    """
    groups: list[list[str]] = [[]]
    for match in _TOKEN.finditer(text):
        if match["part"]:
            groups[-1] += _played([match["part"]], match["plays"])
        elif match["open"]:
            groups.append([])
        elif len(groups) > 1:
            group = groups.pop()
            groups[-1] += _played(group, match["group_plays"])
    order = [label for group in groups for label in group]
    return tuple(_played(order, ""))


def _played(labels: list[str], plays: str) -> list[str]:
    times = int(plays[:4] or 1)
    if len(labels) * times > _MOST_PARTS:
        raise AbcSyntaxError(f"the order of parts has more than {_MOST_PARTS} parts; write fewer repetitions in P:")
    return labels * times


_COMBINING = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", "=": "\u0304", "u": "\u0306", ".": "\u0307",
    '"': "\u0308", "H": "\u030b", "v": "\u030c", "c": "\u0327", ";": "\u0328",
}  # fmt: skip
"""Sign of a mnemonic -> the combining accent that it stands for."""

_LIGATURES = {"ss": "ß", "AE": "Æ", "ae": "æ", "OE": "Œ", "oe": "œ", "/O": "Ø", "/o": "ø", "AA": "Å", "aa": "å"}
_LIGATURES |= {"DH": "Ð", "dh": "ð", "TH": "Þ", "th": "þ"}
_MNEMONIC = re.compile(
    r"\\(?:(?P<sign>[%&\\])"
    r"|u(?P<code>[0-9A-Fa-f]{4})"
    rf"|(?P<ligature>{'|'.join(map(re.escape, _LIGATURES))})"
    rf"|(?P<accent>[{''.join(map(re.escape, _COMBINING))}])(?P<letter>[A-Za-z]))"
    r"|(?P<entity>&#?[A-Za-z0-9]{1,8};)"
)


@lru_cache(maxsize=1024)
def decode_text(text: str) -> str:
    """A text string as a person reads it."""
    text = text.strip()
    return _MNEMONIC.sub(_decoded, text) if "\\" in text or "&" in text else text


def _decoded(match: re.Match[str]) -> str:
    if match["sign"]:
        return match["sign"]
    if match["code"]:
        return html.unescape(f"&#x{match['code']};")
    if match["ligature"]:
        return _LIGATURES[match["ligature"]]
    if match["accent"]:
        return unicodedata.normalize("NFC", match["letter"] + _COMBINING[match["accent"]])
    return html.unescape(match[0])
