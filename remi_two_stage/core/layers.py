"""Layers: how notes of one voice that overlap are written, as overlays (`&`) in ABC and `<voice>`s in MusicXML.

Conventions
- Notes that begin and end together are a chord; others that overlap go to layers of their own, and so does a second
  note of the same pitch. Of those that begin together the highest comes first.
- A note stays in its layer to its end, also over bar lines.
- Wherever a note of the voice begins, the first layer sounds.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from .piece import Note

MOST_LAYERS = 4
"""What MuseScore keeps of a staff; beyond, notes are cut where others begin or end and tied."""
MOST_OVERLAYS = 16
"""Layers of a bar beside the first, where as many notes of one pitch sound at once; more are not read."""

_MIDI_PITCHES = 128


class LayeredNote(NamedTuple):
    """A note on the time line of the piece, and its layer, counted from 0."""

    layer: int
    start: int
    end: int
    pitch: int


class Layers:
    """Sorts the notes of a voice, bar after bar, into layers.

    Args:
        total: Ticks of the piece; notes end there at the latest.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._ends: list[int] = []
        self._pitch_ends: list[dict[int, int]] = []

    def of_bar(
        self, start: int, notes: Iterable[Note], apart: Mapping[int, int] | None = None
    ) -> Iterator[LayeredNote]:
        """The notes of a bar, those of a chord from low to high.

        Args:
            start: Of the bar, in ticks from the start of the piece.
            notes: That begin in it.
            apart: Onset in the bar -> into how many layers at least its notes go, as far as there are notes.
        """
        notes = tuple(notes)
        if len(self._ends) == 1 and self._ends[0] <= start and _are_one_after_another(notes):  # most bars
            for note in notes:
                self._ends[0] = self._pitch_ends[0][note.pitch] = min(start + note.onset + note.duration, self._total)
                yield LayeredNote(0, start + note.onset, self._ends[0], note.pitch)
            return
        together: defaultdict[tuple[int, int, int], list[int]] = defaultdict(list)
        copies: Counter[tuple[int, int, int]] = Counter()
        for note in notes:
            end = min(start + note.onset + note.duration, self._total)
            together[note.onset, end, copies[note.onset, end, note.pitch]].append(note.pitch)
            copies[note.onset, end, note.pitch] += 1
        for onset, count in (apart or {}).items():
            _take_apart(together, onset, count)
        for (onset, end, _), pitches in sorted(together.items(), key=lambda group: (group[0][0], -max(group[1]))):
            layer = self._layer_of(start + onset, end, pitches)
            for pitch in sorted(pitches):
                yield LayeredNote(layer, start + onset, end, pitch)

    def _layer_of(self, onset: int, end: int, pitches: Sequence[int]) -> int:
        """The layer of the notes that begin and end together: the first that is free, or, where there are many, the
        first that holds none of their pitches, or, where there are too many, the last.
        """
        free = next((index for index, busy in enumerate(self._ends) if busy <= onset), len(self._ends))
        if free >= MOST_LAYERS:
            free = next(
                (
                    index
                    for index, held in enumerate(self._pitch_ends)
                    if all(held.get(pitch, 0) <= onset for pitch in pitches)
                ),
                len(self._ends),
            )
        free = min(free, MOST_OVERLAYS)
        if free == len(self._ends):
            self._ends.append(0)
            self._pitch_ends.append({})
        self._ends[free] = max(self._ends[free], end)
        for pitch in pitches:
            self._pitch_ends[free][pitch] = max(end, self._pitch_ends[free].get(pitch, 0))
        return free


class LayerTimes:
    """When the notes of a layer begin and sound, given their starts and ends."""

    def __init__(self, notes: Iterable[tuple[int, int]]) -> None:
        times = sorted(notes)
        self._starts = [start for start, _ in times]
        self._ends = list(accumulate((end for _, end in times), max))

    def begins_at(self, time: int) -> bool:
        """Whether a note begins at a time."""
        index = bisect_left(self._starts, time)
        return index < len(self._starts) and self._starts[index] == time

    def sounds_at(self, time: int) -> bool:
        """Whether a note begins at a time or is held there."""
        index = bisect_right(self._starts, time)
        return index > 0 and self._ends[index - 1] > time


def _are_one_after_another(notes: Sequence[Note]) -> bool:
    return all(before.onset + before.duration <= after.onset for before, after in pairwise(notes))


def _take_apart(together: dict[tuple[int, int, int], list[int]], onset: int, count: int) -> None:
    """Take the highest notes out of the chords at an onset until there are `count` groups."""
    groups = [key for key in together if key[0] == onset]
    for copy in range(len(groups), count):
        largest = max(groups, key=lambda key: len(together[key]), default=None)
        if largest is None or len(together[largest]) == 1:
            return
        highest = max(together[largest])
        together[largest].remove(highest)
        groups.append((onset, largest[1], _MIDI_PITCHES + copy))
        together[groups[-1]] = [highest]
