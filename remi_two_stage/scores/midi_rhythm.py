"""The note values that are meant in MIDI files whose notes are played: struck one after the other in a chord, released
early or late.

Conventions
- Times are `Piece` ticks. Only files with times between two ticks are played in this sense; all others are exact.
- Notes of a chord are struck within `_SPREAD` ticks; a note is released up to a tenth of its length early or late.
  Before a rest it ends on an eighth note, or else on a 16th or a triplet of one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..core.piece import Note
from ..core.signatures import TICKS_PER_QUARTER

_SPREAD = 2
_RELEASE = 9
"""The part of what sounds of a note by which it may end beside the time that is meant."""
_EIGHTH = TICKS_PER_QUARTER // 2


def as_meant(notes: Iterable[Note]) -> list[Note]:
    """The notes of a voice, from the start of the piece, with the chords and the lengths that are meant."""
    together = _chords(sorted(notes, key=lambda note: (note.onset, note.pitch)))
    onsets = sorted({note.onset for note in together})
    return [replace(note, duration=_end_of(note, onsets) - note.onset) for note in together]


def _chords(notes: Sequence[Note]) -> list[Note]:
    """The notes with those of a chord at the time of its first one."""
    found: list[Note] = []
    begun: list[Note] = []
    for note in notes:
        is_near = begun and note.onset - begun[0].onset <= _SPREAD
        if is_near and all(other.onset + other.duration > note.onset + _SPREAD for other in begun):
            late = note.onset - begun[0].onset
            begun.append(replace(note, onset=begun[0].onset, duration=note.duration + late))
        else:
            found += begun
            begun = [note]
    return found + begun


def _end_of(note: Note, onsets: Sequence[int]) -> int:
    """Where a note ends, given where those of its voice begin."""
    end, slack = note.onset + note.duration, -(-note.duration // _RELEASE)
    following = bisect_right(onsets, note.onset)
    for onset in onsets[following : following + 1]:
        if abs(onset - end) <= slack:
            return onset
    meant = _nearest(end, (_EIGHTH,))
    if abs(meant - end) > slack:
        meant = _nearest(end, (_EIGHTH // 2, _EIGHTH // 3))
    return meant if meant > note.onset else end


def _nearest(time: int, grids: Sequence[int]) -> int:
    """The multiple of one of the grids that is nearest to a time, the later one of two."""
    multiples = [around for grid in grids for around in (time - time % grid, time - time % grid + grid)]
    return min(multiples, key=lambda multiple: (abs(multiple - time), -multiple))
