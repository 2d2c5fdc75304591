"""How a sounding note is spelled, and where it needs an accidental.

Conventions
- A spelling is a letter, an octave (5 begins on middle C) and an alteration in semitones; a name without its octave is
  a place on the line of fifths.
- Notes of the key are spelled as its signature has them; what is said of chromatic notes was counted in tune books and
  hymns.
- An accidental is written wherever one of two readings needs it: it holds for its octave only, or for all octaves.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from operator import itemgetter
from typing import NamedTuple

from .chords import tone_fifths
from .notation import Spelling
from .piece import Chord, Piece
from .signatures import Key, fifths_from, name_at

_FLATTEST_NAME, _SHARPEST_NAME = -15, 19
"""F double flat and B double sharp."""
_FLATS = {"min": 2, "phr": 2, "loc": 1}
"""Mode -> how many flats beyond the signature's name chromatic notes, where it is not 3: leading notes are sharps."""
_KEY_WEIGHT = 2
"""How many sounding notes the key counts for where a chromatic note is named."""
BarNames = dict[tuple[int, int], int]
"""Names of notes of one voice in a bar, by onset and pitch."""

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


def names_of(piece: Piece) -> list[list[BarNames]]:
    """For each voice and bar the names of notes that are not those of the key signature: as the source has them; else
    as the chord in force does; else as the next note and what sounds with them suggest.
    """
    names: list[list[BarNames]] = [[{} for _ in piece.bars] for _ in piece.voices]
    found = _chromatic_notes(piece)
    chords = [((index, chord.onset), chord) for index, bar in enumerate(piece.bars) for chord in bar.chords if found]
    context: _Context | None = None
    for note in found:
        key = piece.bars[note.bar].key
        since = bisect_right(chords, (note.bar, note.onset), key=itemgetter(0))
        fifths = _in_chord(note.pitch, chords[since - 1][1], piece.key, key) if since else None
        if fifths is None:
            context = context or _Context(piece)
            fifths = context.name(note, key)
        names[note.voice][note.bar][note.onset, note.pitch] = fifths
    for index, bar in enumerate(piece.bars):
        for voice, records in enumerate(bar.notation):
            own = [record for record in records if isinstance(record, Spelling)]
            names[voice][index] |= {(record.onset, record.pitch): record.fifths for record in own}
    return names


class _ChromaticNote(NamedTuple):
    """A note that is not of its key; its time is from the start of the piece, `bar` an index."""

    time: int
    voice: int
    bar: int
    onset: int
    pitch: int


def _chromatic_notes(piece: Piece) -> list[_ChromaticNote]:
    """Those of all voices in the order of time."""
    found: set[_ChromaticNote] = set()
    start = 0
    for index, bar in enumerate(piece.bars):
        own = bar.key.scale
        for voice, sung in enumerate(bar.notes):
            for note in sung:
                if note.pitch % 12 not in own:
                    found.add(_ChromaticNote(start + note.onset, voice, index, note.onset, note.pitch))
        start += bar.length
    return sorted(found)


def _in_chord(pitch: int, chord: Chord, home: Key, key: Key) -> int | None:
    """The name of a note as a tone of a chord; None if it is none."""
    fifths = tone_fifths(chord.label, chord.symbol, home, key).get(pitch % 12)
    return fifths if fifths is not None and is_name_of(fifths, pitch) else None


class _Context:
    """Names notes by what stands beside them in their voice and what sounds with them; to be asked in order of time."""

    def __init__(self, piece: Piece) -> None:
        self._sung: list[list[tuple[int, int]]] = [[] for _ in piece.voices]  # (time, pitch)
        in_key: list[tuple[int, int, int]] = []  # (time, end, name)
        start = 0
        for bar in piece.bars:
            own, flattest = bar.key.scale, bar.key.signature - 1
            for pitches, sung in zip(self._sung, bar.notes, strict=True):
                for note in sung:
                    time = start + note.onset
                    pitches.append((time, note.pitch))
                    if note.pitch % 12 in own:
                        in_key.append((time, time + note.duration, fifths_from(flattest, note.pitch)))
            start += bar.length
        self._to_begin = sorted(in_key, reverse=True)
        self._held: list[tuple[int, int]] = []  # a heap of (end, name)
        self._sum = 0

    def name(self, note: _ChromaticNote, key: Key) -> int:
        """The nearest name to the mean of what the key and the notes that sound with it are called, but rather a sharp
        for a note that rises by a semitone, most of all if it comes from one as near, and a flat for one that falls.
        """
        self._go_on(note.time)
        weight = _KEY_WEIGHT + len(self._held)
        twice_sum = 2 * self._sum + _KEY_WEIGHT * (2 * _flattest_in(key) + 11)
        lowest = (twice_sum - 12 * weight) // (2 * weight) + 1
        before, after = self._beside(note)
        rises, falls = note.pitch + 1 in after, note.pitch - 1 in after
        if rises != falls:
            lowest += -1 if falls else 2 if before & {note.pitch - 1, note.pitch + 1} else 1
        return fifths_from(lowest, note.pitch)

    def _go_on(self, time: int) -> None:
        """Let notes of the key begin and end that do so by a time."""
        while self._to_begin and self._to_begin[-1][0] <= time:
            _, end, fifths = self._to_begin.pop()
            heappush(self._held, (end, fifths))
            self._sum += fifths
        while self._held and self._held[0][0] <= time:
            self._sum -= heappop(self._held)[1]

    def _beside(self, note: _ChromaticNote) -> tuple[set[int], set[int]]:
        """The pitches that begin in its voice last before a note, and next after it."""
        sung = self._sung[note.voice]
        first, end = bisect_left(sung, (note.time,)), bisect_left(sung, (note.time + 1,))
        before = sung[bisect_left(sung, (sung[first - 1][0],)) : first] if first else []
        after = sung[end : bisect_left(sung, (sung[end][0] + 1,))] if end < len(sung) else []
        return {pitch for _, pitch in before}, {pitch for _, pitch in after}


def fifths_in(pitch: int, key: Key) -> int:
    """The name of a pitch as far as the key alone says."""
    return fifths_from(_flattest_in(key), pitch)


def _flattest_in(key: Key) -> int:
    return key.signature - _FLATS.get(key.mode, 3)


def names_in_signature(key: Key) -> range:
    """The places on the line of fifths of the key signature's seven names."""
    return range(key.signature - 1, key.signature + 6)


def is_in_signature(fifths: int, key: Key) -> bool:
    """Whether the name at a place on the line of fifths is one of the key signature's seven."""
    return fifths in names_in_signature(key)


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
    octave only, by those who take them for all octaves, by those who carry them over ties, and by those who pass over
    the accidental of a note that is tied on.
    """

    def __init__(self) -> None:
        self._signature: dict[str, int] = {}
        self._in_octave: dict[tuple[str, int], int] = {}
        self._in_all: dict[str, int] = {}
        self._in_graces: dict[str, int] = {}
        self._before_ties: dict[tuple[str, int | None], int] = {}  # by letter and octave, or for all octaves
        self._beside: Mapping[str, Collection[int]] = {}

    def start_layer(self, key: Key, beside: Mapping[str, Collection[int]]) -> None:
        """Forget the accidentals of the last bar, or of the layer before in this bar.

        Args:
            key: Of the bar.
            beside: How each letter is altered in the other layers of the bar, whose accidentals some take for this one.
        """
        altered = [name_at(fifths) for fifths in range(key.signature - 1, key.signature + 6)]
        self._signature = {name[0]: name.count("#") - name.count("b") for name in altered}
        self._in_octave.clear()
        self._in_all.clear()
        self._in_graces.clear()
        self._before_ties.clear()
        self._beside = beside

    def sign(self, note: Sounding, tied: Sequence[Sounding]) -> str:
        """The accidental of a note, empty where none is needed; `tied` are the notes that are tied on to here."""
        letter, octave, alteration = note.letter, note.octave, note.alteration
        in_octave = self._in_octave.get((letter, octave), self._signature[letter])
        in_all = self._in_all.get(letter, self._signature[letter])
        is_tied = note in tied
        before, places = self._before_ties, ((letter, octave), (letter, None))
        readings = {
            in_octave,
            in_all,
            *(() if is_tied else (before[place] for place in places if place in before)),
            *([self._in_graces[letter]] if letter in self._in_graces else []),
            *self._beside.get(letter, ()),
            *(other.alteration for other in tied if (other.letter, other.octave) == (letter, octave)),
        }
        if readings == {alteration}:
            return ""
        self._in_octave[letter, octave] = self._in_all[letter] = alteration
        self._in_graces.pop(letter, None)
        if is_tied:
            before |= zip(places, (in_octave, in_all), strict=True)
        else:
            for place in places:
                before.pop(place, None)
        return _ACCIDENTALS[alteration]

    def sign_in_grace(self, letter: str, octave: int, alteration: int) -> str:
        """The accidental of a grace note, after which some programs read other notes so too, and others do not."""
        readings = {
            self._in_octave.get((letter, octave), self._signature[letter]),
            self._in_all.get(letter, self._signature[letter]),
            self._in_graces.get(letter, alteration),
            *self._beside.get(letter, ()),
        }
        if readings == {alteration}:
            return ""
        self._in_graces[letter] = alteration
        return _ACCIDENTALS[alteration]
