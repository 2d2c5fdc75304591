"""What the page plays of a tune, as lists for its script; all times are seconds at the written tempo."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from ..core.piece import Piece
from ..core.signatures import TICKS_PER_QUARTER
from ..core.unfolded import unfolded
from ..rendering.sound import INSTRUMENTS, strummed_chords
from ..scores.performance import played_notes
from ..scores.tempo_map import DEFAULT_TEMPO, TempoMap

PLACES = {
    name: [recorded.pitches.start, recorded.pitches.step, len(recorded.pitches), recorded.seconds]
    for name, recorded in INSTRUMENTS.items()
}
"""Instrument -> lowest recorded pitch, semitones to the next, number of recorded notes, seconds of each."""


def playback(piece: Piece) -> dict[str, Any]:
    """A tune as it is played.

    Returns:
        `notes` as [start, seconds, pitch, velocity, ticks from the start as written, ticks, voice]; `chords` as
        [start, seconds, pitch]; `beats` as [start, 1 on the first of a bar, else 0]; `seconds` of the whole; `tempo` in
        beats a minute, as it is entered.
    """
    tempo_map = TempoMap(piece)
    order = piece.playing_order()
    starts = list(accumulate((piece.bars[index].length for index in order), initial=0))
    chords = [[*_span(tempo_map, note.onset, note.duration), note.pitch] for note in strummed_chords(piece)]
    beats = [
        [round(tempo_map.seconds(start + beat), 4), int(number == 0 and not piece.bars[index].is_pickup)]
        for start, index in zip(starts, order, strict=False)
        for number, beat in enumerate(piece.bars[index].beats)
    ]
    return {
        "notes": sorted(note for voice in range(len(piece.voices)) for note in _notes(piece, voice, order, tempo_map)),
        "chords": chords,
        "beats": beats,
        "seconds": round(tempo_map.seconds(starts[-1]), 4),
        "tempo": round((piece.tempo or DEFAULT_TEMPO) * TICKS_PER_QUARTER / piece.bars[0].beat_length),
    }


def _notes(piece: Piece, voice: int, order: list[int], tempo_map: TempoMap) -> list[list[float]]:
    written = list(accumulate((bar.length for bar in piece.bars), initial=0))
    places = [written[index] + note.onset for index, _, note in unfolded(piece.bars, voice, order)]
    return [
        [*_span(tempo_map, note.onset, note.duration), note.pitch, note.velocity or 0, place, note.duration, voice]
        for note, place in zip(played_notes(piece, voice), places, strict=True)
    ]


def _span(tempo_map: TempoMap, onset: int, duration: int) -> tuple[float, float]:
    """Start and length in seconds."""
    start = tempo_map.seconds(onset)
    return round(start, 4), round(tempo_map.seconds(onset + duration) - start, 4)
