"""How a sounding note is spelled in a key, and where it needs an accidental.

Conventions
- A spelling is a letter, an octave (5 begins on middle C) and an alteration in semitones.
- An accidental is written wherever one of two readings needs it: it holds for its octave only, or for all octaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .signatures import Key, name_at

_LOWEST_NAME, _HIGHEST_NAME = -15, 19
"""F double flat and B double sharp."""
_ACCIDENTALS = {-2: "__", -1: "_", 0: "=", 1: "^", 2: "^^"}


@dataclass(eq=False, slots=True)
class Sounding:
    """A note on the time line of the piece, and how it is spelled: letter, octave and alteration."""

    start: int
    end: int
    pitch: int
    letter: str
    octave: int
    alteration: int


def fifths_in(pitch: int, key: Key) -> int:
    """Place on the line of fifths of the name that `spelled` gives a pitch."""
    lowest = key.signature - (2 if key.mode == "min" else 3)
    return lowest + (7 * pitch - lowest) % 12


def spelled(pitch: int, key: Key) -> tuple[str, int, int]:
    """Letter, octave and alteration: the key's own and those chromatic notes that are nearest on the line of fifths."""
    return spelled_as(pitch, fifths_in(pitch, key))


def spelled_as(pitch: int, fifths: int) -> tuple[str, int, int]:
    """Letter, octave and alteration of a pitch whose name stands at a place on the line of fifths."""
    name = name_at(fifths)
    alteration = name.count("#") - name.count("b")
    octave = (pitch - alteration) // 12
    if octave < 0:
        return "C", 0, pitch
    return name[0], octave, alteration


def is_name_of(fifths: int, pitch: int) -> bool:
    """Whether the name at a place on the line of fifths is one of a pitch, with an accidental that can be written."""
    return (7 * fifths - pitch) % 12 == 0 and _LOWEST_NAME <= fifths <= _HIGHEST_NAME


class Accidentals:
    """Which notes of a voice need an accidental, so that it is read right by those who take accidentals for their
    octave only, by those who take them for all octaves, and by those who carry them over ties.
    """

    def __init__(self) -> None:
        self._signature: dict[str, int] = {}
        self._in_octave: dict[tuple[str, int], int] = {}
        self._in_all: dict[str, int] = {}
        self._in_graces: dict[str, int] = {}

    def start_bar(self, key: Key) -> None:
        """Forget the last bar's accidentals."""
        altered = [name_at(fifths) for fifths in range(key.signature - 1, key.signature + 6)]
        self._signature = {name[0]: name.count("#") - name.count("b") for name in altered}
        self._in_octave.clear()
        self._in_all.clear()
        self._in_graces.clear()

    def sign(self, note: Sounding, tied: Sequence[Sounding]) -> str:
        """The accidental of a note, empty where none is needed; `tied` are the notes that are tied on to here."""
        letter, octave, alteration = note.letter, note.octave, note.alteration
        readings = {
            self._in_octave.get((letter, octave), self._signature[letter]),
            self._in_all.get(letter, self._signature[letter]),
            *([self._in_graces[letter]] if letter in self._in_graces else []),
            *(other.alteration for other in tied if (other.letter, other.octave) == (letter, octave)),
        }
        if readings == {alteration}:
            return ""
        self._in_octave[letter, octave] = self._in_all[letter] = alteration
        self._in_graces.pop(letter, None)
        return _ACCIDENTALS[alteration]

    def sign_in_grace(self, letter: str, octave: int, alteration: int) -> str:
        """The accidental of a grace note, after which some programs read other notes so too, and others do not."""
        readings = {
            self._in_octave.get((letter, octave), self._signature[letter]),
            self._in_all.get(letter, self._signature[letter]),
            self._in_graces.get(letter, alteration),
        }
        if readings == {alteration}:
            return ""
        self._in_graces[letter] = alteration
        return _ACCIDENTALS[alteration]
