"""Roman numerals of Humdrum (`**harm`) as chord labels.

Conventions
- A numeral counts from the key in force, those of minor from the harmonic scale: `viio` in A minor is G sharp
  diminished. What follows a slash is the degree that it counts from: `viioD7/V`.
- A seventh is the key's own (`ii7`) unless a letter says which: minor (`Im7`), major (`IM7`) or diminished (`viioD7`).
- A letter says which tone is the bass: `Ib` has the third there, `V7d` the seventh.
- `N` is the Neapolitan chord; the Italian and the German sixth (`Lt`, `Gn`) sound as seventh chords on the lowered
  sixth degree, the French one (`Fr`) as that on the second with its fifth flat in the bass: F7b5/Cb in E flat.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..core.chords import NO_CHORD, QUALITIES, make_label
from ..core.notation import ChordSymbol
from ..core.piece import Chord
from ..core.signatures import Key

_BESIDE = re.compile(r"^\(*[0-9.%]+q?|\[[^\]]*\]|[;()]")
"""A length before a numeral, another reading after it in brackets, and signs of a pause or of what is understood."""
_NUMERAL = re.compile(
    r"(?P<shift>-{0,2}|#{0,2})(?P<degree>VII|VI|IV|V|III|II|I|vii|vi|iv|v|iii|ii|i)(?P<triad>[o+]?)"
    r"(?:(?P<seventh>[mMD]?)7)?(?:(?P<ninth>[mM]?)9)?(?P<bass>[a-d]?)"
)
_SPECIAL = re.compile(r"(N|Lt|It|Gn|Ger)([a-d]?)")
_FRENCH = re.compile(r"Fr([a-d]?)")
_FRENCH_TONES = (-6, -2, 0, 4)
"""Of a French sixth from its bass upwards, in fifths from its root."""
_REST = "r"
_DEGREES = ("I", "II", "III", "IV", "V", "VI", "VII")
_MAJOR, _MINOR, _HARMONIC = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 8, 11)
_SUBTONIC = 10
_MINOR_MODES = ("min", "dor", "phr", "loc")
_SEVENTHS = {"D": 9, "m": 10, "M": 11}
_NINTHS = {"m": 1, "M": 2}
_THIRDS_AND_FIFTHS = {"": {True: (4, 7), False: (3, 7)}, "o": {True: (3, 6), False: (3, 6)}, "+": {True: (4, 8)}}
_STACKED = "maj min dim aug 7 maj7 min7 hdim7 dim7 minmaj7 aug7 9 7b9 maj9 min9"
_QUALITY_OF = {QUALITIES[name].intervals: name for name in _STACKED.split()}
_LOWERED_SIXTH, _LOWERED_SECOND = 8, 1
_SECOND = 2
"""Fifths from a tonic to the second degree."""


class _Scale(NamedTuple):
    """The key from which a numeral counts: the pitch class of its tonic."""

    tonic: int
    is_minor: bool

    def root(self, shift: str, degree: str, triad: str) -> int:
        """The pitch class of a numeral's root; a major chord on the seventh degree of minor stands on the lowered."""
        if self.is_minor and degree == "VII" and not triad and not shift:
            return (self.tonic + _SUBTONIC) % 12
        step = (_HARMONIC if self.is_minor else _MAJOR)[_DEGREES.index(degree.upper())]
        return (self.tonic + step + shift.count("#") - shift.count("-")) % 12

    def above(self, degree: str, root: int, steps: int) -> int:
        """Semitones from a numeral's root to the note of the scale so many steps above."""
        scale = _MINOR if self.is_minor else _MAJOR
        return (self.tonic + scale[(_DEGREES.index(degree.upper()) + steps) % 7] - root) % 12


def chord_of_numeral(text: str, said_key: str, key: Key, home: Key) -> Chord | None:
    """The chord of a numeral; None if it has no label.

    Args:
        said_key: The key that the file says, such as "E-" or "f#"; empty for `key`.
        key: That of the bar.
        home: That from whose tonic labels count.
    """
    numeral, *degrees = _BESIDE.sub("", text.strip()).split("/")
    if numeral == _REST:
        return Chord(0, NO_CHORD)
    scale: _Scale | None = _scale_of(said_key, key)
    for degree in reversed(degrees):
        scale = scale and _within(scale, degree)
    if scale and (french := _FRENCH.fullmatch(numeral)):
        return _french(french[1], scale, key, home)
    found = scale and (_special(numeral, scale) or _usual(numeral, scale))
    if not found:
        return None
    root, quality, bass = found
    return Chord(0, make_label((root - home.pitch_class) % 12, quality), None, bass)


def _scale_of(said: str, key: Key) -> _Scale:
    if not said:
        return _Scale(key.pitch_class, key.mode in _MINOR_MODES)
    natural = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[said[0].upper()]
    return _Scale((natural + said.count("#") - said.count("-")) % 12, said[0].islower())


def _within(scale: _Scale, text: str) -> _Scale | None:
    """The key of a degree, on which numerals before a slash count."""
    match = _NUMERAL.fullmatch(text)
    if match is None:
        return _Scale((scale.tonic + _LOWERED_SECOND) % 12, False) if text == "N" else None
    root = scale.root(match["shift"], match["degree"], match["triad"])
    return _Scale(root, match["degree"].islower())


def _special(text: str, scale: _Scale) -> tuple[int, str, int] | None:
    match = _SPECIAL.fullmatch(text)
    if match is None:
        return None
    name, bass = match.groups()
    if name == "N":
        return (scale.tonic + _LOWERED_SECOND) % 12, "maj", _tone((0, 4, 7), bass)
    tones = (0, 4, 10) if name in ("Lt", "It") else (0, 4, 7, 10)
    return (scale.tonic + _LOWERED_SIXTH) % 12, "7", _tone(tones, bass)


def _french(bass: str, scale: _Scale, key: Key, home: Key) -> Chord:
    degree = key.fifths + _SECOND
    root = degree + (7 * (scale.tonic + 2) - degree + 5) % 12 - 5  # named as is usual in the key
    above = _FRENCH_TONES["abcd".index(bass) if bass else 0]
    symbol = ChordSymbol(root, "7b5", root + above if above else None)
    return Chord(0, make_label((7 * root - home.pitch_class) % 12, "7"), symbol, 7 * above % 12)


def _usual(text: str, scale: _Scale) -> tuple[int, str, int] | None:
    match = _NUMERAL.fullmatch(text)
    if match is None:
        return None
    degree = match["degree"]
    root = scale.root(match["shift"], degree, match["triad"])
    intervals = (0, *_THIRDS_AND_FIFTHS[match["triad"]].get(degree.isupper(), ()))
    if match["seventh"] is not None or match["ninth"] is not None:
        intervals += (_SEVENTHS.get(match["seventh"] or "") or scale.above(degree, root, 6),)
    if match["ninth"] is not None:
        intervals += (_NINTHS.get(match["ninth"]) or scale.above(degree, root, 1),)
    quality = _QUALITY_OF.get(intervals)
    return None if quality is None else (root, quality, _tone(intervals, match["bass"]))


def _tone(intervals: tuple[int, ...], bass: str) -> int:
    """Semitones above the root of the tone that a letter puts into the bass."""
    place = "abcd".index(bass) if bass else 0
    return intervals[place] if place < len(intervals) else 0
