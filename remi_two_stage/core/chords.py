"""Chord labels (Roman numerals) and chord names.

Conventions
- A label is a Roman numeral counted from the *major* scale on the tonic in every mode (C minor has bIII, bVI, bVII),
  upper case for a major third and lower case for a minor one, then a suffix: `I`, `ii`, `V7`, `viio7`, `bVII`,
  `iiø7`, `IVmaj7`. `N` is "no chord", `unk` "not known".
- A name is what stands over a staff: `D`, `Em7`, `F#dim`. Names depend on keys, labels do not: a label counts from the
  tonic of the piece's first key, and its name is spelled in the key of the bar in which it stands.
- Inversions have no label: the bass of a name (`Am7/E`) is dropped from files and refused in typed plans.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from .errors import ChordError
from .notation import ChordSymbol
from .signatures import Key, fifths_from, fifths_of, name_at

ROOTS = ("I", "bII", "II", "bIII", "III", "IV", "#IV", "V", "bVI", "VI", "bVII", "VII")
"""Roman numeral of each root, by semitones above the tonic."""
_ROOT_FIFTHS = (0, -5, 2, -3, 4, -1, 6, 1, -4, 3, -2, 5)
_FLATTEST_ROOT, _SHARPEST_ROOT = -8, 12
"""F flat and B sharp: names of roots have one accidental at most."""
_TONE_FIFTHS = {0: 0, 2: 2, 3: -3, 4: 4, 5: -1, 6: -6, 7: 1, 8: 8, 9: 3, 10: -2, 11: 5}
"""Semitones above a chord's root -> fifths, but for the seventh of a diminished seventh chord."""
_DIMINISHED_SEVENTH = -9
_DEGREES = {"I": 0, "II": 2, "III": 4, "IV": 5, "V": 7, "VI": 9, "VII": 11}
_ACCIDENTALS = {"": 0, "b": -1, "♭": -1, "#": 1, "♯": 1}
_ASCII_SIGNS = str.maketrans("♭♯", "b#")

NO_CHORD = "N"
UNKNOWN_CHORD = "unk"


@dataclass(frozen=True, slots=True)
class Quality:
    """A chord type: the suffixes of its label and name, and its pitch classes in semitones above the root."""

    suffix: str
    name_suffix: str
    is_minor: bool
    intervals: tuple[int, ...]


QUALITIES = {
    "maj": Quality("", "", False, (0, 4, 7)),
    "min": Quality("", "m", True, (0, 3, 7)),
    "dim": Quality("o", "dim", True, (0, 3, 6)),
    "aug": Quality("+", "aug", False, (0, 4, 8)),
    "7": Quality("7", "7", False, (0, 4, 7, 10)),
    "maj7": Quality("maj7", "maj7", False, (0, 4, 7, 11)),
    "min7": Quality("7", "m7", True, (0, 3, 7, 10)),
    "hdim7": Quality("ø7", "m7b5", True, (0, 3, 6, 10)),
    "dim7": Quality("o7", "dim7", True, (0, 3, 6, 9)),
    "minmaj7": Quality("maj7", "mmaj7", True, (0, 3, 7, 11)),
    "aug7": Quality("+7", "aug7", False, (0, 4, 8, 10)),
    "6": Quality("add6", "6", False, (0, 4, 7, 9)),
    "min6": Quality("add6", "m6", True, (0, 3, 7, 9)),
    "sus4": Quality("sus4", "sus4", False, (0, 5, 7)),
    "sus2": Quality("sus2", "sus2", False, (0, 2, 7)),
    "7sus4": Quality("7sus4", "7sus4", False, (0, 5, 7, 10)),
    "5": Quality("5", "5", False, (0, 7)),
}

_NAME_ALIASES = {
    "maj": "M maj major",
    "min": "min mi - minor",
    "dim": "d o °",
    "aug": "a +",
    "7": "dom7",
    "maj7": "M7 ma7 Maj7 ^7 Δ Δ7",
    "min7": "min7 mi7 -7",
    "hdim7": "ø ø7 -7b5 min7b5",
    "dim7": "o7 °7 d7",
    "minmaj7": "mM7 m(maj7) minmaj7",
    "aug7": "+7 7#5 7+ a7",
    "6": "add6 maj6 M6",
    "min6": "min6 -6",
    "sus4": "sus",
    "7sus4": "7sus",
}
"""Quality -> further suffixes that names use for it."""
_NAME_SUFFIXES = {quality.name_suffix: name for name, quality in QUALITIES.items()} | {
    alias: name for name, aliases in _NAME_ALIASES.items() for alias in aliases.split()
}
_REDUCTIONS = {
    "9": "7",
    "11": "7",
    "13": "7",
    "7b9": "7",
    "7#9": "7",
    "7b5": "7",
    "m9": "min7",
    "m11": "min7",
    "maj9": "maj7",
    "add9": "maj",
    "2": "sus2",
    "4": "sus4",
    "69": "6",
    "6/9": "6",
}
"""Name suffixes that have no label of their own -> the nearest quality."""
_ROMAN_ALIASES = {"°": "o", "°7": "o7", "%7": "ø7", "h7": "ø7", "ø": "ø7", "m7b5": "ø7", "M7": "maj7", "sus": "sus4"}


def make_label(root: int, quality: str) -> str:
    """Label of a chord whose root lies `root` semitones (0 to 11) above the tonic; `quality` is a key of
    `QUALITIES`.
    """
    numeral = ROOTS[root % 12]
    kind = QUALITIES[quality]
    if kind.is_minor:
        numeral = numeral.replace("I", "i").replace("V", "v")
    return numeral + kind.suffix


_PARTS = {make_label(root, quality): (root, quality) for root in range(12) for quality in QUALITIES}
CHORD_LABELS = (*_PARTS, NO_CHORD, UNKNOWN_CHORD)
"""Every label: 12 roots times 17 qualities, then `N` and `unk`."""


def split_label(label: str) -> tuple[int, str] | None:
    """(semitones above the tonic, key of `QUALITIES`) of a label; None for `N` and `unk`.

    Raises:
        ChordError: not a label.
    """
    if label in (NO_CHORD, UNKNOWN_CHORD):
        return None
    if label not in _PARTS:
        raise ChordError(f"there is no chord {label!r}; write a Roman numeral such as I, ii, V7, viio7 or bVII")
    return _PARTS[label]


def pitch_classes(label: str, tonic: int = 0) -> frozenset[int]:
    """Pitch classes (0 to 11) of a label when the tonic is pitch class `tonic`; empty for `N` and `unk`."""
    parts = split_label(label)
    if parts is None:
        return frozenset()
    return frozenset((tonic + parts[0] + interval) % 12 for interval in QUALITIES[parts[1]].intervals)


def chord_name(label: str, home: Key, key: Key | None = None) -> str:
    """Name of a label: `V7` in D is `A7`. `N` gives `N.C.` and `unk` an empty text.

    Args:
        home: The key from whose tonic the label counts.
        key: The key of the bar, in which the name is spelled; None: `home`.
    """
    parts = split_label(label)
    if parts is None:
        return "N.C." if label == NO_CHORD else ""
    root, quality = parts
    fifths = _root_fifths((home.pitch_class + root) % 12, quality, home if key is None else key)
    return name_at(fifths) + QUALITIES[quality].name_suffix


def _root_fifths(pitch_class: int, quality: str, key: Key) -> int:
    """Place of a root's name on the line of fifths: the key signature's own; else a diminished chord leads upwards from
    a sharp (C#dim7 in C), and other roots are counted from the tonic as their numerals say.
    """
    fifths = fifths_from(key.signature - 1, pitch_class)
    is_chromatic = fifths > key.signature + 5
    if is_chromatic and 6 not in QUALITIES[quality].intervals:
        fifths = key.fifths + _ROOT_FIFTHS[(pitch_class - key.pitch_class) % 12]
    return fifths + (12 if fifths < _FLATTEST_ROOT else -12 if fifths > _SHARPEST_ROOT else 0)


@lru_cache(maxsize=1024)
def tone_fifths(label: str, symbol: ChordSymbol | None, home: Key, key: Key) -> dict[int, int]:
    """Pitch class of each tone of a chord -> place of its name on the line of fifths; arguments as for `chord_name`,
    and how the source writes the chord, if it does. Empty for `N` and `unk`.
    """
    parts = split_label(label)
    if parts is None:
        return {}
    pitch_class, quality = (home.pitch_class + parts[0]) % 12, parts[1]
    root = _root_fifths(pitch_class, quality, key) if symbol is None else symbol.root
    fifths = _TONE_FIFTHS | ({9: _DIMINISHED_SEVENTH} if quality == "dim7" else {})
    return {(pitch_class + interval) % 12: root + fifths[interval] for interval in QUALITIES[quality].intervals}


@dataclass(frozen=True, slots=True)
class NamedChord:
    """What a chord name says: its label, the name's bass note if any, whether the quality is the name's own or the
    nearest one, and how it is written.
    """

    label: str
    bass: str | None = None
    is_exact: bool = True
    symbol: ChordSymbol | None = field(default=None, compare=False)


def parse_name(name: str, key: Key) -> NamedChord:
    """Read a chord name (`Am7/E`, `F#dim`, `Bb`, `N.C.`) in a key whose tonic the label counts from.

    Raises:
        ChordError: not a chord name.
    """
    text = re.sub(r"^\((.*)\)$", r"\1", name.strip())
    if text.upper().rstrip(".") in ("N.C", "NC", "N"):
        return NamedChord(NO_CHORD)
    match = re.fullmatch(r"([A-G])([#b♯♭]?)((?:[^/\s]|/9)*)(?:/([A-Ga-g][#b♯♭]?))?", text)
    if match is None:
        raise ChordError(f"there is no chord {name!r}; write a name such as D, Em, A7 or F#dim")
    letter, accidental, suffix, bass = match.groups()
    quality = _NAME_SUFFIXES.get(suffix)
    nearest = quality or _REDUCTIONS.get(suffix) or _without_extensions(suffix)
    if nearest is None:
        raise ChordError(
            f"there is no chord quality {suffix!r} (in {name!r}); "
            f"there are {', '.join(kind.name_suffix for kind in QUALITIES.values() if kind.name_suffix)}"
        )
    root = _written_fifths(letter + accidental)
    symbol = ChordSymbol(root, suffix.translate(_ASCII_SIGNS), _written_fifths(bass) if bass else None)
    return NamedChord(make_label((7 * root - key.pitch_class) % 12, nearest), bass, quality is not None, symbol)


def _written_fifths(name: str) -> int:
    return fifths_of(name[0].upper() + name[1:].translate(_ASCII_SIGNS))


def named_chord(name: str, key: Key) -> NamedChord | None:
    """What `parse_name` reads; None for what is not a chord name."""
    try:
        return parse_name(name, key)
    except ChordError:
        return None


def _without_extensions(suffix: str) -> str | None:
    """Quality of a suffix such as `m7add11` when what it adds is left out; None when it is no suffix."""
    match = re.fullmatch(r"((?:m(?!a)|min|dim|aug|sus|maj)?7?)(?:add|no|omit|sus|alt|\d+|[#b♯♭+(),-])*", suffix)
    return match and _NAME_SUFFIXES.get(match[1])


def parse_roman(text: str) -> str:
    """Read a typed Roman numeral (`V7`, `viio7`, `ii%7`, `bVII`, `N`) and give its label.

    Raises:
        ChordError: no Roman numeral, or an inversion.
    """
    if text in (NO_CHORD, UNKNOWN_CHORD):
        return text
    match = re.fullmatch(r"([#b♯♭]?)([IV]+|[iv]+)(.*)", text)
    if match is None or match[2].upper() not in _DEGREES:
        raise ChordError(f"there is no chord {text!r}; write a Roman numeral (I, ii, V7, bVII) or a name (D, Em, A7)")
    accidental, numeral, suffix = match.groups()
    if re.fullmatch(r"(6|64|65|43|42|2|6/4|6/5|4/3|4/2|/.*)", suffix):
        raise ChordError(
            f"{text!r} is an inversion, which plans do not hold; "
            f"write {accidental + numeral} (an added sixth is {numeral}add6)"
        )
    root = (_DEGREES[numeral.upper()] + _ACCIDENTALS[accidental]) % 12
    suffix = _ROMAN_ALIASES.get(suffix, suffix)
    for name, quality in QUALITIES.items():
        if quality.suffix == suffix and quality.is_minor == numeral.islower():
            return make_label(root, name)
    raise ChordError(
        f"there is no chord {text!r}; after {numeral!r} may stand {', '.join(_suffixes(numeral.islower()))} or nothing"
    )


def _suffixes(is_minor: bool) -> list[str]:
    return [quality.suffix for quality in QUALITIES.values() if quality.is_minor == is_minor and quality.suffix]
