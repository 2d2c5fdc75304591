"""The notes of a piece as they are played: repeats, endings and jumps played out, each note with a velocity.

Notes that have no velocity of their own are stressed by the beat that they begin on; in irregular metres beats are the
groups of twos and threes in which a bar is beamed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..core.abc_values import beat_groups, group_at
from ..core.piece import Bar, Note, Piece
from ..core.unfolded import unfolded

_VELOCITIES = {"bar": 92, "beat": 82, "between": 74}


def played_notes(piece: Piece, voice: int) -> Iterator[Note]:
    """A voice's notes in the order of playing, their onsets in ticks from the start."""
    for index, start, note in unfolded(piece.bars, voice, piece.playing_order()):
        velocity = note.velocity or _stress(piece.bars[index], note.onset)
        yield replace(note, onset=start + note.onset, velocity=velocity)


def _stress(bar: Bar, onset: int) -> int:
    position = bar.offset + onset
    if position == 0:
        return _VELOCITIES["bar"]
    is_beat = bar.meter is not None and position == group_at(position, beat_groups(bar.meter))[0]
    return _VELOCITIES["beat" if is_beat else "between"]
