"""Music laid out as notation has to have it: note values joined by ties, and layers in which no pitch is held twice.

Conventions
- Times are ticks. What sounds is cut wherever a note begins or ends, so that each piece of it is a rest, a note or a
  chord.
- Any number of ticks is a sum of plain, dotted and triplet values, down to the triplet of a 64th, which is one tick.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from ..core.piece import Piece

_TYPES = {192: "breve", 96: "whole", 48: "half", 24: "quarter", 12: "eighth", 6: "16th", 3: "32nd"}


@dataclass(frozen=True, slots=True)
class NoteValue:
    """A note value: its length in ticks, music21's name of its type, its dots, and whether it is a triplet's."""

    ticks: int
    type: str
    dots: int = 0
    is_triplet: bool = False


_VALUES = sorted(
    [
        *(NoteValue(ticks, name) for ticks, name in _TYPES.items()),
        *(NoteValue(ticks * 3 // 2, name, dots=1) for ticks, name in _TYPES.items() if ticks % 2 == 0),
        *(NoteValue(ticks * 2 // 3, name, is_triplet=True) for ticks, name in _TYPES.items() if ticks < 192),
        NoteValue(1, "64th", is_triplet=True),
    ],
    key=lambda value: -value.ticks,
)


@cache
def note_values(ticks: int) -> tuple[NoteValue, ...]:
    """The fewest note values, as a rule, that add up to a duration; longest first."""
    values = []
    while ticks:
        value = next(value for value in _VALUES if value.ticks <= ticks)
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
