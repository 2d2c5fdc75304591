"""The notes of a piece as they are played: repeats, endings and jumps played out, each note with a velocity.

Notes that have no velocity of their own are stressed by the beat that they begin on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..core.piece import Bar, Note, Piece

_VELOCITIES = {"bar": 92, "beat": 82, "between": 74}


def played_notes(piece: Piece, voice: int) -> Iterator[Note]:
    """A voice's notes in the order of playing, their onsets in ticks from the start."""
    start = 0
    for index in piece.playing_order():
        bar = piece.bars[index]
        for note in bar.notes[voice]:
            yield replace(note, onset=start + note.onset, velocity=note.velocity or _stress(bar, note.onset))
        start += bar.length


def _stress(bar: Bar, onset: int) -> int:
    position = bar.offset + onset
    if position == 0:
        return _VELOCITIES["bar"]
    return _VELOCITIES["between" if bar.meter is None or position % bar.meter.beat_length else "beat"]
