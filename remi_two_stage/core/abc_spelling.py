"""How a sounding note is spelled, and where it needs an accidental.

Conventions
- A spelling is a letter, an octave (5 begins on middle C) and an alteration in semitones; a name without its octave is
  a place on the line of fifths.
- Notes of the key are spelled as its signature has them; what is said of chromatic notes was counted in tune books and
  hymns.
- An accidental is written wherever one of two readings needs it: it holds for its octave only, or for all octaves.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import groupby

from .chords import tone_fifths
from .notation import Spelling
from .piece import Chord, Piece
from .signatures import Key, fifths_from, name_at

_FLATTEST_NAME, _SHARPEST_NAME = -15, 19
"""F double flat and B double sharp."""
_FLATS = {"min": 2, "phr": 2, "loc": 1}
"""Mode -> how many flats beyond the signature's name chromatic notes, where it is not 3: leading notes are sharps."""
_Group = tuple[int, int, Set[int]]
"""(bar, onset, pitches) of what begins together in a voice."""
_NOTHING: _Group = (0, 0, frozenset())
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


def names_of(piece: Piece, voice: int) -> list[dict[tuple[int, int], int]]:
    """For each bar the names of a voice's notes of which the signature says nothing, by onset and pitch: as the source
    spells them, or else as the chord in force or the next note has it.
    """
    names: list[dict[tuple[int, int], int]] = [{} for _ in piece.bars]
    chords = [((index, chord.onset), chord) for index, bar in enumerate(piece.bars) for chord in bar.chords]
    groups = [_NOTHING, *_groups(piece, voice), _NOTHING]
    for (*_, before), (index, onset, pitches), (*_, after) in zip(groups, groups[1:], groups[2:], strict=False):
        key = piece.bars[index].key
        for pitch in pitches:
            if not _is_of_key(pitch, key):
                since = bisect_right(chords, (index, onset), key=lambda chord: chord[0])
                fifths = _in_chord(pitch, chords[since - 1][1], piece.key, key) if since else None
                names[index][onset, pitch] = _between(before, pitch, after, key) if fifths is None else fifths
    for bar, of_bar in zip(piece.bars, names, strict=True):
        for record in bar.notation[voice] if bar.notation else ():
            if isinstance(record, Spelling) and is_name_of(record.fifths, record.pitch):
                of_bar[record.onset, record.pitch] = record.fifths
    return names


def _groups(piece: Piece, voice: int) -> Iterator[_Group]:
    for index, bar in enumerate(piece.bars):
        for onset, notes in groupby(bar.notes[voice], key=lambda note: note.onset):
            yield index, onset, frozenset(note.pitch for note in notes)


def _in_chord(pitch: int, chord: Chord, home: Key, key: Key) -> int | None:
    """The name of a note as a tone of a chord; None if it is none."""
    fifths = tone_fifths(chord.label, chord.symbol, home, key).get(pitch % 12)
    return fifths if fifths is not None and is_name_of(fifths, pitch) else None


def _between(before: Set[int], pitch: int, after: Set[int], key: Key) -> int:
    """The name of a chromatic note: one that rises by a semitone is a sharp where that is usual, and wherever it came
    down to rise again; one that falls is a flat where that is usual.
    """
    rises, falls = pitch + 1 in after, pitch - 1 in after
    flats = _FLATS.get(key.mode, 3)
    if rises and not falls:
        flats = 1 if pitch + 1 in before else min(flats, 2)
    elif falls and not rises:
        flats = 4
    return fifths_from(key.signature - flats, pitch)


def fifths_in(pitch: int, key: Key) -> int:
    """The name of a pitch as far as the key alone says."""
    return fifths_from(key.signature - _FLATS.get(key.mode, 3), pitch)


def is_in_signature(fifths: int, key: Key) -> bool:
    """Whether the name at a place on the line of fifths is one of the key signature's seven."""
    return key.signature - 1 <= fifths <= key.signature + 5


def _is_of_key(pitch: int, key: Key) -> bool:
    return is_in_signature(fifths_from(key.signature - 1, pitch), key)


def is_name_of(fifths: int, pitch: int) -> bool:
    """Whether the name at a place on the line of fifths is one of a pitch, with an accidental that can be written."""
    return (7 * fifths - pitch) % 12 == 0 and _FLATTEST_NAME <= fifths <= _SHARPEST_NAME


def spelled_as(pitch: int, fifths: int) -> tuple[str, int, int]:
    """Letter, octave and alteration of a pitch whose name stands at a place on the line of fifths."""
    name = name_at(fifths)
    alteration = name.count("#") - name.count("b")
    octave = (pitch - alteration) // 12
    if octave < 0:
        return "C", 0, pitch
    return name[0], octave, alteration


class Accidentals:
    """Which notes of a voice need an accidental, so that it is read right by those who take accidentals for their
    octave only, by those who take them for all octaves, and by those who carry them over ties.
    """

    def __init__(self) -> None:
        self._signature: dict[str, int] = {}
        self._in_octave: dict[tuple[str, int], int] = {}
        self._in_all: dict[str, int] = {}

    def start_bar(self, key: Key) -> None:
        """Forget the last bar's accidentals."""
        altered = [name_at(fifths) for fifths in range(key.signature - 1, key.signature + 6)]
        self._signature = {name[0]: name.count("#") - name.count("b") for name in altered}
        self._in_octave.clear()
        self._in_all.clear()

    def sign(self, note: Sounding, tied: Sequence[Sounding]) -> str:
        """The accidental of a note, empty where none is needed; `tied` are the notes that are tied on to here."""
        letter, octave, alteration = note.letter, note.octave, note.alteration
        readings = {
            self._in_octave.get((letter, octave), self._signature[letter]),
            self._in_all.get(letter, self._signature[letter]),
            *(other.alteration for other in tied if (other.letter, other.octave) == (letter, octave)),
        }
        if readings == {alteration}:
            return ""
        self._in_octave[letter, octave] = self._in_all[letter] = alteration
        return _ACCIDENTALS[alteration]
