"""Music laid out as notation has to have it: note values joined by ties, and layers in which no pitch is held twice.

Conventions
- Times are ticks. What sounds is cut wherever a note begins or ends, so that each piece of it is a rest, a note or a
  chord.
- A duration that no note value has becomes several, tied.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from ..core.note_values import NOTE_VALUES, NoteValue
from ..core.piece import Piece


@cache
def note_values(ticks: int) -> tuple[NoteValue, ...]:
    """The fewest note values, as a rule, that add up to a duration; longest first."""
    values = []
    while ticks:
        value = next(value for value in NOTE_VALUES if value.ticks <= ticks)
        values.append(value)
        ticks -= value.ticks
    return tuple(values)


@dataclass(frozen=True, slots=True)
class TimeSlice:
    """A stretch of time with the same pitches sounding; onset in its measure, and pitches with their ties."""

    onset: int
    duration: int
    pitches: tuple[tuple[int, str | None], ...]


class Layer:
    """Notes of which no two sound the same pitch at once: (onset, end, pitch) in ticks from the piece's start."""

    def __init__(self) -> None:
        self.notes: list[tuple[int, int, int]] = []
        self._ends: dict[int, int] = {}

    def takes(self, onset: int, end: int, pitch: int) -> bool:
        """Add a note if its pitch is free; onsets must rise."""
        if self._ends.get(pitch, 0) > onset:
            return False
        self._ends[pitch] = end
        self.notes.append((onset, end, pitch))
        return True

    def segments(self, start: int, end: int) -> list[TimeSlice]:
        """What sounds between two times, cut wherever a note begins or ends."""
        sounding = [note for note in self.notes if note[0] < end and note[1] > start]
        cuts = sorted({start, end, *(time for note in sounding for time in note[:2] if start < time < end)})
        return [
            TimeSlice(
                onset - start,
                stop - onset,
                tuple(
                    (pitch, tie_kind(begin < onset, finish > stop))
                    for begin, finish, pitch in sounding
                    if begin < stop and finish > onset
                ),
            )
            for onset, stop in pairwise(cuts)
        ]


def tie_kind(from_before: bool, to_after: bool) -> str | None:
    """The music21 tie of a note that is held from before, to after, both (or neither: None)."""
    if from_before:
        return "continue" if to_after else "stop"
    return "start" if to_after else None


def timeline(piece: Piece, voice: int) -> list[tuple[int, int, int]]:
    """A voice's notes as (onset, end, pitch) from the piece's start, cut off at its end."""
    total = sum(bar.length for bar in piece.bars)
    notes, start = [], 0
    for bar in piece.bars:
        notes += [(start + note.onset, start + note.onset + note.duration, note.pitch) for note in bar.notes[voice]]
        start += bar.length
    return sorted((onset, min(end, total), pitch) for onset, end, pitch in notes if onset < total)


def layers_of(notes: Iterable[tuple[int, int, int]]) -> list[Layer]:
    """Sort notes (onset, end, pitch), given in order, into as few layers as they need; the first takes what it can."""
    layers = [Layer()]
    for note in notes:
        if not any(layer.takes(*note) for layer in layers):
            layers.append(Layer())
            layers[-1].takes(*note)
    return layers
