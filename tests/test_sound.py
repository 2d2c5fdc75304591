"""A piece as sound: its notes, when they are heard, how loud, and in which files."""

import io
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from test_rendering import ENDINGS, tune, with_jumps
from tunes import kesh_jig

from remi_two_stage.core.errors import ScoreError, ScoreFormatError
from remi_two_stage.core.notation import TempoMark
from remi_two_stage.rendering.sound import SOUNDS, sound_bytes, wav_bytes
from remi_two_stage.score_files import write_score


def samples_of(wav: bytes) -> tuple[np.ndarray, int]:
    with wave.open(io.BytesIO(wav)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth()) == (1, 2)
        rate = sound.getframerate()
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(float), rate


def test_sound_lasts_as_long_as_the_piece_and_is_not_silent(tmp_path: Path) -> None:
    piece = tune(ENDINGS)
    write_score(piece, tmp_path / "piece.wav")
    samples, rate = samples_of((tmp_path / "piece.wav").read_bytes())
    quarters = sum(piece.bars[index].length for index in piece.playing_order()) / 24
    seconds = quarters * 60 / 200
    assert seconds <= len(samples) / rate < seconds + 5
    assert 0.5 < np.abs(samples).max() / 32767 < 0.95


def test_sound_follows_jumps() -> None:
    piece = with_jumps(tune("X:1\nM:4/4\nL:1/4\nQ:1/4=240\nK:D\nz4|z4|z4|d4|]"))
    samples, rate = samples_of(wav_bytes(piece))
    assert len(samples) / rate == pytest.approx(6 + 0.5)
    heard = [np.abs(samples[second * rate + rate // 2 : (second + 1) * rate]).max() > 1000 for second in range(6)]
    assert heard == [False, False, False, True, False, False]


def test_sound_changes_its_tempo_where_the_piece_does() -> None:
    piece = tune("X:1\nM:4/4\nL:1/4\nQ:1/4=120\nK:D\nz4|z2d2|]")
    bars = (replace(piece.bars[0], tempos=(TempoMark(48, 60),)), replace(piece.bars[1], tempos=(TempoMark(48, 240),)))
    samples, rate = samples_of(wav_bytes(replace(piece, bars=bars)))
    assert len(samples) / rate == pytest.approx(1 + 2 + 2 + 0.5 + 0.5)
    assert np.abs(samples).nonzero()[0][0] / rate == pytest.approx(5, abs=0.02)


def loudest_frequency(note: str, low: float, high: float) -> float:
    """In hertz, of a note in ABC, between two frequencies."""
    samples, rate = samples_of(wav_bytes(tune(f"X:1\nM:4/4\nL:1/1\nK:C\n{note}|\n")))
    spectrum = np.abs(np.fft.rfft(samples[: 2 * rate] * np.hanning(2 * rate)))
    around = slice(round(2 * low), round(2 * high))
    return (spectrum[around].argmax() + around.start) / 2


@pytest.mark.parametrize(("note", "frequency"), [("A,", 220.0), ("A", 440.0), ("e", 659.26), ("c''", 2093.0)])
def test_notes_sound_at_their_pitch(note: str, frequency: float) -> None:
    loudest = loudest_frequency(note, frequency * 0.9, frequency * 1.1)
    assert loudest == pytest.approx(frequency, rel=0.01)


def test_between_two_recordings_are_two_semitones() -> None:
    recorded, *between = (loudest_frequency(note, 580, 700) for note in ("_e", "e", "d"))
    assert [found / recorded for found in between] == pytest.approx([2 ** (1 / 12), 2 ** (-1 / 12)], abs=0.002)


def test_the_first_beat_is_louder_than_the_others_and_those_than_what_stands_between_them() -> None:
    samples, rate = samples_of(wav_bytes(tune("X:1\nM:3/4\nL:1/8\nQ:1/4=30\nK:C\nA2 A2 zA|\n")))
    bar, beat, between = (np.abs(samples[second * rate : (second + 1) * rate]).max() for second in (0, 2, 5))
    assert bar > 1.1 * beat
    assert beat > 1.1 * between


@pytest.mark.parametrize(("key", "name", "root"), [("C", "F", 174.6), ("D", "D", 146.8), ("D", "A", 110.0)])
def test_a_chord_stands_on_its_root_in_any_key(key: str, name: str, root: float) -> None:
    samples, rate = samples_of(wav_bytes(tune(f'X:1\nM:4/4\nL:1/4\nK:{key}\n"{name}"z4|\n'), with_chords=True))
    spectrum = np.abs(np.fft.rfft(samples[: 2 * rate] * np.hanning(2 * rate)))
    assert spectrum[: round(2 * 1.15 * root)].argmax() / 2 == pytest.approx(root, rel=0.01)


def test_chords_sound_softly_beneath_on_request() -> None:
    piece = tune('X:1\nM:4/4\nL:1/4\nK:C\n"C"z4|"F"z4|"N.C."z4|z4|\n')
    silence, rate = samples_of(wav_bytes(piece))
    assert not silence.any()
    chords, _ = samples_of(wav_bytes(piece, with_chords=True))
    spectrum = np.abs(np.fft.rfft(chords[:rate]))
    for frequency in (130.8, 261.6, 329.6, 196.0):  # C3, C4, E4, G3
        around = spectrum[round(frequency) - 3 : round(frequency) + 4]
        assert around.max() > 10 * np.median(spectrum[100:400])
    assert np.abs(chords[round(6.5 * rate) : 8 * rate]).max() < 0.02 * np.abs(chords).max()


def test_sound_is_the_same_every_time_and_chords_change_it() -> None:
    piece = tune(ENDINGS)
    assert wav_bytes(piece) == wav_bytes(piece) != wav_bytes(piece, with_chords=True)


def test_smaller_sound_files_hold_the_same_sound(tmp_path: Path) -> None:
    piece = replace(kesh_jig(), tempo=30)  # minutes of Vorbis at once make libsndfile crash
    samples, rate = samples_of(wav_bytes(piece))
    sizes = {".wav": 2 * len(samples)}
    for ending in (".flac", ".ogg"):
        write_score(piece, tmp_path / f"tune{ending}")
        heard, heard_rate = soundfile.read(tmp_path / f"tune{ending}", dtype="int16")
        assert (len(heard), heard_rate) == (len(samples), rate)
        lost = np.std(heard - samples) / np.std(samples)
        assert lost == 0 if ending == ".flac" else lost < 0.1
        sizes[ending] = (tmp_path / f"tune{ending}").stat().st_size
    assert sizes[".ogg"] < sizes[".flac"] / 2 < sizes[".wav"] / 2


def test_endless_pieces_are_refused_as_sound() -> None:
    piece = kesh_jig()
    with pytest.raises(ScoreError, match=r"lasts \d+ minutes, at most 30 can be made sound"):
        wav_bytes(replace(piece, bars=piece.bars * 40, tempo=30))


@pytest.mark.parametrize("ending", SOUNDS)
def test_sound_files_say_the_title(ending: str) -> None:
    for title in ("The Kesh Jig", "Lied für Élise ♯ 3", ""):
        content = sound_bytes(replace(kesh_jig(), title=title), ending)
        with soundfile.SoundFile(io.BytesIO(content)) as sound:
            assert sound.title == title
            assert sound.frames > 0


@pytest.mark.parametrize("ending", ["ogg", ".mp3", ""])
def test_other_sounds_are_refused(ending: str) -> None:
    with pytest.raises(ScoreFormatError, match=rf"there is no sound as '{ending}'; choose one of .wav, .ogg, .flac"):
        sound_bytes(kesh_jig(), ending)
