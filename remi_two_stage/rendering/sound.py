"""A piece as sound: repeats played out, by the recorded notes in `instruments/` (MIT licence, see there).

Conventions
- Guitars, and other instruments whose strings are plucked, are the guitar; all others the piano, the nearest there is.
- A piece without a tempo is played at 120 quarter notes a minute.
- Chords, when requested, are struck softly on a guitar where they begin and at the start of every bar.
- A note is the recording nearest in pitch, played faster or slower, and fades when it is released.
"""

from __future__ import annotations

import io
import struct
import wave
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.arguments import check_is_piece
from ..core.chords import pitch_classes, split_label
from ..core.errors import ScoreError, ScoreFormatError
from ..core.piece import Note, Piece
from ..core.text import printable
from ..scores.performance import played_notes
from ..scores.tempo_map import TempoMap
from .extras import require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

SAMPLE_RATE = 44_100
SOUNDS = (".wav", ".ogg", ".flac")
"""Endings of sound files."""
INSTRUMENTS_FOLDER = Path(__file__).parent / "instruments"
_CHORD_VELOCITY = 46
_LOWEST_BASS, _LOWEST_CHORD_TONE = 43, 55
_MOST_SECONDS = 1800
_RELEASE_SECONDS = 0.25
_PEAK = 0.8
_FULL_SCALE = 32767


@dataclass(frozen=True, slots=True)
class Instrument:
    """A recording of single notes at even distances.

    Attributes:
        pitches: MIDI numbers of the notes, in order.
        seconds: How long each lasts.
    """

    pitches: range
    seconds: int


INSTRUMENTS = {
    "piano": Instrument(range(24, 103, 3), 6),
    "guitar": Instrument(range(42, 79, 3), 4),
    "fiddle": Instrument(range(55, 101, 3), 3),
    "flute": Instrument(range(60, 97, 3), 3),
    "organ": Instrument(range(36, 97, 3), 3),
}
"""Each is an .ogg file in `INSTRUMENTS_FOLDER`."""
_PLUCKED = {*range(24, 40), 45, 46, *range(104, 108)}
"""Programs of General MIDI, from 0: guitars, basses, plucked strings, the harp, sitar and banjo."""


@dataclass(frozen=True, slots=True)
class _Sound:
    """A note to be played, times in seconds."""

    instrument: str
    start: float
    end: float
    pitch: int
    velocity: int


def sound_bytes(piece: Piece, ending: str = ".wav", with_chords: bool = False, sample_rate: int = SAMPLE_RATE) -> bytes:
    """This piece as the bytes of a sound file with one channel, tagged with its title. FLAC holds the 16 bits of WAV,
    Ogg Vorbis what they sound like; an Ogg file bears a number that its library chooses at random.

    Args:
        ending: One of `SOUNDS`.
        with_chords: Play its chords softly beneath.
        sample_rate: Samples a second.

    Raises:
        RequestError: the piece is none, such as the list that `read_score` returns.
        ScoreFormatError: another ending.
        MissingExtraError: soundfile is not installed.
        ScoreError: played out, the piece would last longer than half an hour.
    """
    check_is_piece(piece, "play")
    if ending not in SOUNDS:
        raise ScoreFormatError(f"there is no sound as {ending!r}; choose one of {', '.join(SOUNDS)}")
    require("soundfile", purpose="sound")
    samples = _in_16_bits(_samples(piece, with_chords, sample_rate))
    title = printable(piece.title)
    if ending == ".wav":
        return _with_title(_wav_file(samples, sample_rate), title)
    import soundfile

    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", sample_rate, 1, format=ending[1:].upper()) as sound:
        if title:
            sound.title = title
        for start in range(0, len(samples), sample_rate):  # libsndfile crashes where much is encoded at once
            sound.write(samples[start : start + sample_rate])
    return file.getvalue()


def wav_bytes(piece: Piece, with_chords: bool = False, sample_rate: int = SAMPLE_RATE) -> bytes:
    """This piece as the bytes of a WAV file, 16 bits, one channel; the arguments are those of `sound_bytes`."""
    return sound_bytes(piece, ".wav", with_chords, sample_rate)


def _samples(piece: Piece, with_chords: bool, sample_rate: int) -> Samples:
    """All notes together, as loud as they come."""
    import numpy as np

    tempo_map = TempoMap(piece)
    seconds = tempo_map.seconds(sum(piece.bars[index].length for index in piece.playing_order()))
    if seconds > _MOST_SECONDS:
        raise ScoreError(
            f"played out, the piece lasts {seconds / 60:.0f} minutes, at most {_MOST_SECONDS // 60} can be made sound; "
            "write fewer repeats, or a higher tempo"
        ).at(title=piece.title)
    samples = np.zeros(round((seconds + 2 * _RELEASE_SECONDS) * sample_rate), np.float32)
    for sound in _sounds(piece, with_chords, tempo_map):
        heard = _note(sound, sample_rate)
        start = round(sound.start * sample_rate)
        samples[start : start + len(heard)] += heard[: len(samples) - start]
    return samples


def _in_16_bits(samples: Samples) -> NDArray[np.int16]:
    """Whole numbers, as loud as can be without clipping."""
    import numpy as np

    loudest = float(np.abs(samples).max())
    return np.round(samples * (_PEAK * _FULL_SCALE / loudest if loudest else 0)).astype("<i2")


def _wav_file(samples: NDArray[np.int16], sample_rate: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(sample_rate)
        sound.writeframes(samples.tobytes())
    return file.getvalue()


def _with_title(file: bytes, title: str) -> bytes:
    """A WAV file with the title in a list of information at its end."""
    if not title:
        return file
    text = title.encode() + b"\0"
    text += b"\0" * (len(text) % 2)
    listed = b"INFOINAM" + struct.pack("<I", len(text)) + text
    added = b"LIST" + struct.pack("<I", len(listed)) + listed
    return b"RIFF" + struct.pack("<I", len(file) - 8 + len(added)) + file[8:] + added


def _note(sound: _Sound, sample_rate: int) -> Samples:
    """The samples of a note, its release included."""
    import numpy as np

    instrument = INSTRUMENTS[sound.instrument]
    pitches = instrument.pitches
    index = min(len(pitches) - 1, max(0, round((sound.pitch - pitches.start) / pitches.step)))
    recorded, recorded_rate = _recording(sound.instrument)
    # the last samples before the next note are left out, since the codec smears notes over their borders
    length = instrument.seconds * recorded_rate - recorded_rate // 50
    source = recorded[index * instrument.seconds * recorded_rate :][:length]
    speed = 2 ** ((sound.pitch - pitches[index]) / 12) * recorded_rate / sample_rate
    held = max(0.05, sound.end - sound.start)
    count = min(int((held + _RELEASE_SECONDS) * sample_rate), int(length / speed))
    heard = np.interp(np.arange(count) * speed, np.arange(length), source).astype(np.float32)
    fading = min(count, round(_RELEASE_SECONDS * sample_rate))
    heard[count - fading :] *= np.linspace(1, 0, fading, dtype=np.float32) ** 2
    # loudness in decibels is linear in the logarithm of velocity
    return heard * np.float32((sound.velocity / 127) ** 2)


@cache
def _recording(instrument: str) -> tuple[Samples, int]:
    """All notes of an instrument, and the samples a second."""
    import soundfile

    samples, rate = soundfile.read(INSTRUMENTS_FOLDER / f"{instrument}.ogg", dtype="float32")
    return samples, rate


def _sounds(piece: Piece, with_chords: bool, tempo_map: TempoMap) -> Iterator[_Sound]:
    """Every note that is played, with the chords' notes where they are wanted."""
    programs = [player.program for player in piece.instruments] or [None] * len(piece.voices)
    played = [
        ("guitar" if program in _PLUCKED else "piano", played_notes(piece, voice))
        for voice, program in enumerate(programs)
    ]
    if with_chords:
        played.append(("guitar", strummed_chords(piece)))
    for instrument, notes in played:
        for note in notes:
            start, end = tempo_map.seconds(note.onset), tempo_map.seconds(note.onset + note.duration)
            yield _Sound(instrument, start, end, note.pitch, note.velocity or _CHORD_VELOCITY)


def strummed_chords(piece: Piece) -> Iterator[Note]:
    """The notes of the chords as they are played: the root below, the chord's tones around middle C."""
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
        for pitch in voicing(label, piece.key.pitch_class):
            yield Note(onset, pitch, end - onset)


def voicing(label: str, tonic: int) -> list[int]:
    """MIDI numbers of a chord: its root in the bass, all its tones close together above."""
    parts = split_label(label) if label else None
    if parts is None:
        return []
    bass = _LOWEST_BASS + (tonic + parts[0] - _LOWEST_BASS) % 12
    tones = pitch_classes(label, tonic)
    return [bass, *sorted(_LOWEST_CHORD_TONE + (tone - _LOWEST_CHORD_TONE) % 12 for tone in tones)]
