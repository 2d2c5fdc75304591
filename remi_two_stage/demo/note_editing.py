"""Changing single notes of a tune, and the notes of a key that a step or a letter leads to."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

from ..core.errors import RequestError
from ..core.notation import Spelling
from ..core.piece import Bar, Piece
from ..core.signatures import Key, fifths_of

_LOWEST, _HIGHEST = 21, 108
"""The keys of a piano."""


def scale_of(key: Key) -> dict[str, int]:
    """Letter -> pitch class under a key signature."""
    lowest = key.signature - 1  # of the seven letters on the line of fifths, F in C major
    return {
        letter: next(7 * fifths % 12 for fifths in range(lowest, lowest + 7) if (fifths - fifths_of(letter)) % 7 == 0)
        for letter in "CDEFGAB"
    }


def with_moved_note(piece: Piece, place: int, pitch: int, to: int) -> Piece:
    """The piece with another pitch for a note: that of the first voice in which `pitch` sounds `place` ticks after the
    start as written. It is no longer what a command makes.

    Raises:
        RequestError: there is no such note, or no such key on a piano.
    """
    if not _LOWEST <= to <= _HIGHEST:
        raise RequestError(f"the note would have the MIDI number {to}; a piano has {_LOWEST} to {_HIGHEST}")
    starts = accumulate((bar.length for bar in piece.bars), initial=0)
    for index, (bar, start) in enumerate(zip(piece.bars, starts, strict=False)):
        for voice, sung in enumerate(bar.notes):
            for note in sung:
                onset = start + note.onset
                if note.pitch == pitch and onset <= place < onset + note.duration:
                    bars = list(piece.bars)
                    bars[index] = _with_pitch(bar, voice, note.onset, pitch, to)
                    return replace(piece, bars=tuple(bars), made=(), source=None)
    raise RequestError(f"there is no note {pitch} at tick {place}; load the page again")


def _with_pitch(bar: Bar, voice: int, onset: int, pitch: int, to: int) -> Bar:
    """The bar with one note moved, and no longer spelled as the old one was."""
    sung = (
        replace(note, pitch=to) if (note.onset, note.pitch) == (onset, pitch) else note for note in bar.notes[voice]
    )
    notes = (*bar.notes[:voice], tuple(sorted(set(sung))), *bar.notes[voice + 1 :])
    notation = tuple(
        tuple(record for record in written if not _spells(record, onset, pitch)) for written in bar.notation
    )
    return replace(bar, notes=notes, notation=notation)


def _spells(record: object, onset: int, pitch: int) -> bool:
    return isinstance(record, Spelling) and (record.onset, record.pitch) == (onset, pitch)
