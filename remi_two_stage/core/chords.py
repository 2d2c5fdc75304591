"""Chord labels (Roman numerals) and chord names.

Conventions
- A label is a Roman numeral counted from the *major* scale on the tonic in every mode (C minor has bIII, bVI, bVII),
  upper case for a major third and lower case for a minor one, then a suffix: `I`, `ii`, `V7`, `viio7`, `bVII`,
  `iiø7`, `IVmaj7`. `N` is "no chord", `unk` "not known".
- A name is what stands over a staff: `D`, `Em7`, `F#dim`. Names depend on keys, labels do not: a label counts from the
  tonic of the piece's first key, and its name is spelled in the key of the bar in which it stands.
- A label says nothing of the bass. That is counted in semitones above the root (`Chord.bass`), written as a name after
  a slash (`Am7/E`), in numerals as a figure (`I6`, `V65`) or, where it is no chord tone, by its degree (`I/2`).
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
_TONE_FIFTHS = {0: 0, 1: -5, 2: 2, 3: -3, 4: 4, 5: -1, 6: -6, 7: 1, 8: 8, 9: 3, 10: -2, 11: 5}
"""Semitones above a chord's root -> fifths, but for the seventh of a diminished seventh chord."""
_DIMINISHED_SEVENTH = -9
_DEGREES = {"I": 0, "II": 2, "III": 4, "IV": 5, "V": 7, "VI": 9, "VII": 11}
_ACCIDENTALS = {"": 0, "b": -1, "♭": -1, "#": 1, "♯": 1}
_LONGEST_QUOTED = 60
_USUAL_SIGNS = str.maketrans("♭♯∆△▵", "b#ΔΔΔ")

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
    "9": Quality("9", "9", False, (0, 4, 7, 10, 2)),
    "7b9": Quality("7b9", "7b9", False, (0, 4, 7, 10, 1)),
    "13": Quality("13", "13", False, (0, 4, 7, 10, 9)),
    "add9": Quality("add9", "add9", False, (0, 4, 7, 2)),
    "maj9": Quality("maj9", "maj9", False, (0, 4, 7, 11, 2)),
    "min9": Quality("9", "m9", True, (0, 3, 7, 10, 2)),
}

_NAME_ALIASES = {
    "maj": "M maj major",
    "min": "min mi - minor",
    "dim": "d o °",
    "aug": "a +",
    "7": "dom7",
    "maj7": "M7 ma7 Maj7 MA7 MAJ7 ^7 Δ Δ7 7M j7",
    "min7": "min7 mi7 -7",
    "hdim7": "ø ø7 -7b5 min7b5 m7-5",
    "dim7": "o7 °7 d7",
    "minmaj7": "mM7 mMaj7 m(maj7) m(M7) minmaj7 min(maj7) mΔ mΔ7 -Δ -Δ7 -maj7 -M7 m7M",
    "aug7": "+7 7#5 7+ a7",
    "6": "add6 maj6 M6",
    "min6": "min6 -6",
    "sus4": "sus",
    "7sus4": "7sus",
    "maj9": "M9 Maj9",
    "min9": "min9 -9",
    "add9": "(add9) add2",
    "7b9": "7(b9) 7-9",
    "13": "7add13 7/13 7/6",
}
"""Quality -> further suffixes that names use for it."""
_NAME_SUFFIXES = {quality.name_suffix: name for name, quality in QUALITIES.items()} | {
    alias: name for name, aliases in _NAME_ALIASES.items() for alias in aliases.split()
}
_REDUCTIONS = {
    "11": "7",
    "7#9": "7",
    "7b5": "7",
    "m11": "min7",
    **dict.fromkeys(("maj11", "M11", "ma11", "^11", "maj13", "M13", "ma13", "^13"), "maj9"),
    **dict.fromkeys(("min11", "-11"), "min7"),
    **dict.fromkeys(("m13", "min13", "mi13", "-13"), "min9"),
    **dict.fromkeys(("mb5", "minb5", "-b5"), "dim"),
    "#5": "aug",
    **dict.fromkeys(("9#5", "+9", "aug9"), "aug7"),
    **dict.fromkeys(("9sus4", "9sus", "13sus4", "13sus", "sus7", "sus9", "sus13", "7add4no3", "9add4no3"), "7sus4"),
    "add4no3": "sus4",
    "add2no3": "sus2",
    "2": "sus2",
    "4": "sus4",
    "69": "6",
    "6/9": "6",
    "m69": "min6",
    "m6/9": "min6",
    "+M7": "maj7",
    "+maj7": "maj7",
    "augM7": "maj7",
    "augmaj7": "maj7",
}
"""Name suffixes that have no label of their own -> the nearest quality."""
_BRACKETS = re.compile(r"[(),]")
_EXTENSIONS = re.compile(r"(?:add|no|omit|sus|alt|\d+|[#b♯♭+(),-])*")
_ROMAN_ALIASES = {"°": "o", "°7": "o7", "%7": "ø7", "h7": "ø7", "ø": "ø7", "m7b5": "ø7", "M7": "maj7", "sus": "sus4"}


_FIGURES = {4: ("65", "43", "42"), 3: ("6", "64")}
"""Tones of a chord -> figures of its inversions (Kostka and Payne, Tonal Harmony, chapters 3 and 4)."""
_FIGURE_ALIASES = {"6/4": "64", "6/5": "65", "4/3": "43", "4/2": "42", "2": "42"}
_DEGREE_NAMES = ("1", "b2", "2", "b3", "3", "4", "#4", "5", "b6", "6", "b7", "7")
_WITHOUT_FIGURES = ("6", "min6", "sus4", "sus2", "7sus4", "add9")


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
"""Every label: 12 roots times 23 qualities, then `N` and `unk`."""


def split_label(label: str) -> tuple[int, str] | None:
    """(semitones above the tonic, key of `QUALITIES`) of a label; None for `N` and `unk`.

    Raises:
        ChordError: not a label.
    """
    if label in (NO_CHORD, UNKNOWN_CHORD):
        return None
    if label not in _PARTS:
        raise ChordError(f"there is no chord {_quoted(label)}; write a Roman numeral such as I, ii, V7, viio7 or bVII")
    return _PARTS[label]


def pitch_classes(label: str, tonic: int = 0) -> frozenset[int]:
    """Pitch classes (0 to 11) of a label when the tonic is pitch class `tonic`; empty for `N` and `unk`."""
    parts = split_label(label)
    if parts is None:
        return frozenset()
    return frozenset((tonic + parts[0] + interval) % 12 for interval in QUALITIES[parts[1]].intervals)


def chord_name(label: str, home: Key, key: Key | None = None, bass: int = 0) -> str:
    """Name of a label: `V7` in D is `A7`, with its third in the bass `A7/C#`. `N` gives `N.C.` and `unk` an empty text.

    Args:
        home: The key from whose tonic the label counts.
        key: The key of the bar, in which the name is spelled; None: `home`.
        bass: Semitones of the bass above the root.
    """
    parts = split_label(label)
    if parts is None:
        return "N.C." if label == NO_CHORD else ""
    root, quality = parts
    fifths = _within_names(_root_fifths((home.pitch_class + root) % 12, quality, home if key is None else key))
    slash = f"/{name_at(_within_names(fifths + tones(quality)[bass]))}" if bass else ""
    return name_at(fifths) + QUALITIES[quality].name_suffix + slash


def tones(quality: str) -> dict[int, int]:
    """Semitones above the root of a chord -> fifths."""
    return _TONE_FIFTHS | ({9: _DIMINISHED_SEVENTH} if quality == "dim7" else {})


def _within_names(fifths: int) -> int:
    """A place on the line of fifths whose name has one accidental at most."""
    return fifths + (12 if fifths < _FLATTEST_ROOT else -12 if fifths > _SHARPEST_ROOT else 0)


def _root_fifths(pitch_class: int, quality: str, key: Key) -> int:
    """Place of a root on the line of fifths, of whatever accidentals: the key signature's own; else a diminished chord
    leads upwards from a sharp (C#dim7 in C), and other roots are counted from the tonic as their numerals say.
    """
    fifths = fifths_from(key.signature - 1, pitch_class)
    is_chromatic = fifths > key.signature + 5
    if is_chromatic and 6 not in QUALITIES[quality].intervals:
        fifths = key.fifths + _ROOT_FIFTHS[(pitch_class - key.pitch_class) % 12]
    return fifths


@lru_cache(maxsize=1024)
def tone_fifths(label: str, symbol: ChordSymbol | None, home: Key, key: Key) -> dict[int, int]:
    """Pitch class of each tone of a chord -> place of its name on the line of fifths; arguments as for `chord_name`,
    and how the source writes the chord, if it does. Without that a root may have two accidentals, which names of chords
    have not: the "Gdim" that leads to G sharp minor has F double sharp. Empty for `N` and `unk`.
    """
    parts = split_label(label)
    if parts is None:
        return {}
    pitch_class, quality = (home.pitch_class + parts[0]) % 12, parts[1]
    root = _root_fifths(pitch_class, quality, key) if symbol is None else symbol.root
    fifths = tones(quality)
    return {(pitch_class + interval) % 12: root + fifths[interval] for interval in QUALITIES[quality].intervals}


@lru_cache(maxsize=1024)
def contradicted(label: str, key: Key) -> frozenset[int]:
    """The pitch classes of a key, in C, that a chord raises or lowers: F under D7 in C, B flat under G7 in C minor."""
    low, high = key.signature - 1, key.signature + 5
    spelled = tone_fifths(label, None, Key(), key)
    natural = {(pitch - 1) % 12 for pitch, fifths in spelled.items() if fifths > high}
    natural |= {(pitch + 1) % 12 for pitch, fifths in spelled.items() if fifths < low}
    return frozenset(natural & key.scale - spelled.keys())


@dataclass(frozen=True, slots=True)
class NamedChord:
    """What a chord name says: its label, its bass in semitones above the root, and how it is written, which may be of a
    quality that has no label but a near one.
    """

    label: str
    bass: int = 0
    symbol: ChordSymbol | None = field(default=None, compare=False)


def parse_name(name: str, key: Key) -> NamedChord:
    """Read a chord name (`Am7/E`, `F#dim`, `Bb`, `N.C.`) in a key whose tonic the label counts from.

    Raises:
        ChordError: not a chord name.
    """
    text = re.sub(r"^\((.*)\)$", r"\1", name.strip().translate(_USUAL_SIGNS))
    if text.upper().rstrip(".") in ("N.C", "NC", "N"):
        return NamedChord(NO_CHORD)
    match = re.fullmatch(r"([A-G])([#b]?)((?:[^/\s]|/(?:9|13|6))*)(?:/([A-Ga-g][#b]?))?", text)
    if match is None:
        raise ChordError(f"there is no chord {_quoted(name)}; write a name such as D, Em, A7 or F#dim")
    letter, accidental, suffix, bass = match.groups()
    bare = _BRACKETS.sub("", suffix)
    known = (_NAME_SUFFIXES.get(each) or _REDUCTIONS.get(each) for each in (suffix, bare))
    nearest = next(filter(None, known), None) or _without_extensions(suffix)
    if nearest is None:
        raise ChordError(
            f"there is no chord quality {_quoted(suffix)} (in {_quoted(name)}); "
            f"there are {', '.join(kind.name_suffix for kind in QUALITIES.values() if kind.name_suffix)}"
        )
    root = _written_fifths(letter + accidental)
    symbol = ChordSymbol(root, suffix, _written_fifths(bass) if bass else None)
    above = 0 if symbol.bass is None else 7 * (symbol.bass - root) % 12
    return NamedChord(make_label((7 * root - key.pitch_class) % 12, nearest), above, symbol)


def _written_fifths(name: str) -> int:
    return fifths_of(name[0].upper() + name[1:])


def named_chord(name: str, key: Key) -> NamedChord | None:
    """What `parse_name` reads; None for what is not a chord name."""
    try:
        return parse_name(name, key)
    except ChordError:
        return None


def quality_of_suffix(suffix: str) -> str | None:
    """The quality that a suffix of a name stands for by itself; None for one that says more, or nothing."""
    return _NAME_SUFFIXES.get(suffix)


def _without_extensions(suffix: str) -> str | None:
    """Quality of a suffix such as `m7add11` or `9b13` when what it adds is left out: that of its longest beginning that
    names one; None when it is no suffix.
    """
    for end in range(len(suffix) - 1, -1, -1):
        quality = _NAME_SUFFIXES.get(suffix[:end]) or _REDUCTIONS.get(suffix[:end])
        if quality and _EXTENSIONS.fullmatch(suffix, end):
            return quality
    return None


def parse_roman(text: str) -> tuple[str, int]:
    """Read a typed Roman numeral (`V7`, `viio7`, `ii%7`, `bVII`, `I6`, `V65`, `I/2`, `N`), which may be counted from
    another degree (`V7/V` is `II7`, `viio7/ii` `bIIo7`).

    Returns:
        Its label, and its bass in semitones above the root.

    Raises:
        ChordError: no Roman numeral, or no such figure or degree.
    """
    if text in (NO_CHORD, UNKNOWN_CHORD):
        return text, 0
    text = re.sub(r"(?<=[IViv+oø])(6/4|6/5|4/3|4/2|2)$", lambda figure: _FIGURE_ALIASES[figure[0]], text)
    match = re.fullmatch(r"([#b♯♭]?)([IV]+|[iv]+)([^/]*)(?:/(.+))?", text)
    if match is None or match[2].upper() not in _DEGREES:
        raise ChordError(
            f"there is no chord {_quoted(text)}; write a Roman numeral (I, ii, V7, bVII) or a name (D, Em, A7)"
        )
    accidental, numeral, written, degree = match.groups()
    root = (_DEGREES[numeral.upper()] + _ACCIDENTALS[accidental]) % 12
    if (tonic := re.fullmatch(r"([#b♯♭]?)([IV]+|[iv]+)", degree or "")) and tonic[2].upper() in _DEGREES:
        root, degree = (root + _DEGREES[tonic[2].upper()] + _ACCIDENTALS[tonic[1]]) % 12, None
    suffix, tone = _without_figure(written)
    suffix = _ROMAN_ALIASES.get(suffix, suffix)
    for name, quality in QUALITIES.items():
        if quality.suffix == suffix and quality.is_minor == numeral.islower():
            bass = quality.intervals[tone] if degree is None else (_degree(degree, text) - root) % 12
            return make_label(root, name), bass
    raise ChordError(
        f"there is no chord {_quoted(text)}; after {numeral!r} may stand {', '.join(_suffixes(numeral.islower()))}, "
        "a figure (6, 64, 65, 43, 42), /2 and the like for a bass by its degree, /V and the like for a degree that it "
        "is counted from, or nothing"
    )


def roman_text(label: str, bass: int = 0) -> str:
    """A label with its bass as `parse_roman` reads it: `V7` over its third is `V65`, `I` over its second `I/2`."""
    parts = split_label(label)
    if parts is None or not bass:
        return label
    intervals = QUALITIES[parts[1]].intervals
    figures = _FIGURES.get(len(intervals), ()) if parts[1] not in _WITHOUT_FIGURES else ()
    if bass in intervals[: len(figures) + 1]:
        return label.removesuffix("7") + figures[intervals.index(bass) - 1]
    return f"{label}/{_DEGREE_NAMES[(parts[0] + bass) % 12]}"


def _without_figure(suffix: str) -> tuple[str, int]:
    """The suffix of a numeral in root position, and which of the chord's tones is its bass, counted from 0."""
    if suffix.endswith(("add6", "maj6")):
        return suffix, 0
    for count, figures in _FIGURES.items():
        for tone, figure in enumerate(figures, 1):
            if suffix.endswith(figure):
                return suffix.removesuffix(figure) + ("7" if count == 4 else ""), tone
    return suffix, 0


def _degree(text: str, chord: str) -> int:
    """Semitones above the tonic of a degree of the major scale, with an accidental before it."""
    if text not in _DEGREE_NAMES:
        raise ChordError(
            f"in {chord!r} there is no degree {text!r}; after / stands a bass, one of {' '.join(_DEGREE_NAMES)}, or a "
            "degree that the chord is counted from, such as V"
        )
    return _DEGREE_NAMES.index(text)


def _suffixes(is_minor: bool) -> list[str]:
    return [quality.suffix for quality in QUALITIES.values() if quality.is_minor == is_minor and quality.suffix]


def _quoted(text: str) -> str:
    """The text in quotes, for a message; of a long one the beginning."""
    return repr(text if len(text) <= _LONGEST_QUOTED else f"{text[: _LONGEST_QUOTED - 1]}…")
