"""A piece as sound: repeats played out, on the piano of the soundfont in this package, by symusic (MIT).

Conventions
- A piece without a tempo is played at 120 quarter notes a minute.
- Notes that have no velocity of their own are stressed by the beat that they begin on.
- Chords, when asked for, are struck softly on a guitar where they begin and at the start of every bar.
"""

from __future__ import annotations

import io
import wave
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..core.chords import pitch_classes, split_label
from ..core.errors import ScoreError
from ..core.piece import TICKS_PER_QUARTER, Bar, Piece
from .extras import require

SAMPLE_RATE = 44_100
_SOUNDFONT = Path(__file__).parent / "soundfont" / "piano-guitar.sf3"
_PIANO, _GUITAR = 0, 24
_DEFAULT_TEMPO = 120.0
_VELOCITIES = {"bar": 92, "beat": 82, "between": 74}
_CHORD_VELOCITY = 46
_LOWEST_BASS, _LOWEST_CHORD_TONE = 43, 55
_MOST_SECONDS = 1800
_PEAK = 0.8
_FULL_SCALE = 32767


def wav_bytes(piece: Piece, with_chords: bool = False, sample_rate: int = SAMPLE_RATE) -> bytes:
    """This piece as the bytes of a WAV file, 16 bits, one channel.

    Args:
        with_chords: Play its chords softly beneath.
        sample_rate: Samples a second.

    Raises:
        MissingExtraError: symusic is not installed.
        ScoreError: played out, the piece would last longer than half an hour.
    """
    require("symusic", purpose="sound")
    import numpy as np

    seconds = _length(piece) / TICKS_PER_QUARTER * 60 / (piece.tempo or _DEFAULT_TEMPO)
    if seconds > _MOST_SECONDS:
        raise ScoreError(
            f"played out, the piece lasts {seconds / 60:.0f} minutes, at most {_MOST_SECONDS // 60} can be made sound; "
            "write fewer repeats, or a higher tempo"
        ).at(title=piece.title)
    samples = _synthesizer(sample_rate).render(_score(piece, with_chords), False)[0]
    # the synthesiser leaves an empty end, and no samples at all where nothing sounds
    samples = np.pad(samples, (0, max(0, round(seconds * sample_rate) - len(samples))))
    loudest = float(np.abs(samples).max(initial=0))
    samples = np.round(samples * (_PEAK * _FULL_SCALE / loudest if loudest else 0)).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(sample_rate)
        sound.writeframes(samples.tobytes())
    return file.getvalue()


def _length(piece: Piece) -> int:
    """Ticks that the piece lasts."""
    return sum(piece.bars[index].length for index in piece.playing_order())


@lru_cache(2)
def _synthesizer(sample_rate: int) -> Any:
    from symusic import Synthesizer

    return Synthesizer(str(_SOUNDFONT), sample_rate, 0)


def _score(piece: Piece, with_chords: bool) -> Any:
    """The piece as a `symusic.Score`, a track a voice, then one of the chords."""
    from symusic import Note, Score, Tempo, Track

    score = Score(TICKS_PER_QUARTER)
    score.tempos.append(Tempo(0, piece.tempo or _DEFAULT_TEMPO))
    played = [(_PIANO, list(_notes(piece, voice))) for voice in range(len(piece.voices))]
    if with_chords:
        played.append((_GUITAR, list(_strummed(piece))))
    for program, notes in played:
        track = Track(program=program)
        for note in notes:
            track.notes.append(Note(*note))
        score.tracks.append(track)
    return score


def _notes(piece: Piece, voice: int) -> Iterator[tuple[int, int, int, int]]:
    """(onset, duration, pitch, velocity) of the notes of a voice, in ticks from the start."""
    start = 0
    for index in piece.playing_order():
        bar = piece.bars[index]
        for note in bar.notes[voice]:
            yield start + note.onset, note.duration, note.pitch, note.velocity or _stress(bar, note.onset)
        start += bar.length


def _stress(bar: Bar, onset: int) -> int:
    position = bar.offset + onset
    if position == 0:
        return _VELOCITIES["bar"]
    return _VELOCITIES["between" if bar.meter is None or position % bar.meter.beat_length else "beat"]


def _strummed(piece: Piece) -> Iterator[tuple[int, int, int, int]]:
    """The notes of the chords: the root below, the chord's tones around middle C."""
    times, labels, starts = [0], [""], []
    start = 0
    for index in piece.playing_order():
        starts.append(start)
        for chord in piece.bars[index].chords:
            times.append(start + chord.onset)
            labels.append(chord.label)
        start += piece.bars[index].length
    cuts = sorted({*times, *starts, start})
    for onset, end in pairwise(cuts):
        label = labels[bisect_right(times, onset) - 1]
        for pitch in _voicing(label, piece.key.pitch_class):
            yield onset, end - onset, pitch, _CHORD_VELOCITY


def _voicing(label: str, tonic: int) -> list[int]:
    """MIDI numbers of a chord: its root in the bass, all its tones close together above."""
    parts = split_label(label) if label else None
    if parts is None:
        return []
    bass = _LOWEST_BASS + (tonic + parts[0] - _LOWEST_BASS) % 12
    tones = pitch_classes(label, tonic)
    return [bass, *sorted(_LOWEST_CHORD_TONE + (tone - _LOWEST_CHORD_TONE) % 12 for tone in tones)]
