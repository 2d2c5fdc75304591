"""How melodies are harmonised, beside the harmony that they have in their own book.

Every hymn's or chorale's melody is harmonised alone, its chords planned from it. On each beat are compared
- the root of the plan's chord with the root of the chord that the book has there, by its symbols or as it is heard
  (analysis/harmony.py);
- the pitch class of the lowest voice with that of the book's.
Both are counted from the tonic, since a melody may be moved into its singers' range. Two good harmonisations of a
melody differ too, so neither share should be 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from ..core.chords import split_label
from ..core.features import alone
from ..core.piece import Piece
from .estimates import Count, Measure
from .voice_leading import PARALLELS, WITHOUT_CHORD, Chorale, lowest_on_beats


@dataclass(frozen=True)
class Harmonized:
    """A harmonised melody, and the piece that it is from."""

    new: Chorale
    own: Chorale


def melody_of(piece: Piece) -> Piece:
    """The first voice of a piece, without chords."""
    melody = alone(piece, [0])
    return replace(melody, bars=tuple(replace(bar, chords=()) for bar in melody.bars))


def roots(piece: Piece) -> Iterator[int | None]:
    """The root on each beat in semitones above the tonic; None where no chord is known."""
    for bar in piece.bars:
        for beat in bar.beats:
            label = next((chord.label for chord in reversed(bar.chords) if chord.onset <= beat), None)
            parts = None if label is None else split_label(label)
            yield None if parts is None else parts[0]


def basses(piece: Piece) -> Iterator[int | None]:
    """The lowest voice on each beat in semitones above the tonic; None where it rests."""
    tonic = piece.key.pitch_class
    return (None if pitch is None else (pitch - tonic) % 12 for pitch in lowest_on_beats(piece))


def _agreement(heard: Callable[[Piece], Iterable[int | None]]) -> Callable[[Harmonized], Count | None]:
    def count(pair: Harmonized) -> Count | None:
        both = zip(heard(pair.new.piece), heard(pair.own.piece), strict=True)
        known = [(new, own) for new, own in both if new is not None and own is not None]
        return sum(new == own for new, own in known), len(known)

    return count


AGREEMENT = {
    "root": Measure(
        _agreement(roots), "beats with the root of the book's own harmony", None, "none, since good harmonies differ"
    ),
    "bass": Measure(
        _agreement(basses), "beats with the bass of the book's own harmony", None, "none, since good harmonies differ"
    ),
}
"""Of a harmonised melody beside its own harmony."""
FAULTS = {"beats without chord": WITHOUT_CHORD, "parallels": PARALLELS}
"""Of either."""
