"""MIDI files hold the music as it is played, and any MIDI file reads or is refused in words."""

import contextlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import music21
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tunes import kesh_jig

from remi_two_stage.core.errors import ScoreFormatError
from remi_two_stage.core.piece import Key, Meter, Piece
from remi_two_stage.score_files import read_score, write_score
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.midi import midi_bytes, parse_midi
from remi_two_stage.scores.music21_bridge import from_music21

TWO_METERS = "X:1\nT:Two metres\nM:3/4\nL:1/4\nQ:1/4=90\nK:Em\nEGB|(3e/f/g/ e2|[M:2/4]B2|E2|]"


def test_a_tune_is_played_with_its_repeats(tmp_path: Path) -> None:
    piece = replace(kesh_jig(), tempo=180.0)
    write_score(piece, tmp_path / "tune.mid")
    (played,) = read_score(tmp_path / "tune.mid")
    assert played.note_list() == piece.note_list(unfold_repeats=True)
    assert (played.key, played.meter, played.tempo, played.title) == (Key("G"), Meter(6, 8), 180.0, "The Kesh Jig")
    assert played.bar_count == 16


def test_chord_names_are_markers_in_the_order_of_playing() -> None:
    (piece,) = read_abc('X:1\nM:4/4\nL:1/4\nK:D\n|:"D"DFAF|"Em"EG"A7"AG:|')
    middle = music21.midi.MidiFile()
    middle.readstr(midi_bytes(piece))
    markers = [event.data for event in middle.tracks[0].events if event.type == music21.midi.MetaEvents.MARKER]
    assert markers == [b"D", b"Em", b"A7"] * 2


def test_four_voices_keep_their_names() -> None:
    piece = from_music21(music21.corpus.parse("bach/bwv66.6"))
    played = parse_midi(midi_bytes(piece))
    assert played.voices == ("S", "A", "T", "B")
    assert played.note_list() == piece.note_list(unfold_repeats=True)
    assert played.key == Key("F#", "min")


def test_metres_change_where_they_are_written() -> None:
    (piece,) = read_abc(TWO_METERS)
    played = parse_midi(midi_bytes(piece))
    assert [(bar.meter, bar.length) for bar in played.bars] == [(bar.meter, bar.length) for bar in piece.bars]
    assert played.tempo == 90


def test_a_pickup_stays_before_the_first_bar() -> None:
    (piece,) = read_abc("X:1\nM:6/8\nL:1/8\nK:D\nA|d2e f2g|a3- a2|]")
    played = parse_midi(midi_bytes(piece))
    assert [(bar.meter, bar.length, bar.is_pickup) for bar in played.bars[:2]] == [
        (Meter(6, 8), 12, True),
        (Meter(6, 8), 72, False),
    ]


def test_music21_hears_the_same(tmp_path: Path) -> None:
    (piece,) = read_abc(TWO_METERS)
    write_score(piece, tmp_path / "tune.mid")
    score = music21.converter.parse(tmp_path / "tune.mid", forceSource=True)
    heard = [
        (Fraction(note.getOffsetInHierarchy(score)).limit_denominator(24), note.pitch.midi)
        for note in score.stripTies().recurse().notes
    ]
    assert sorted(heard) == [(onset, pitch) for _, onset, _, pitch in piece.note_list()]
    assert [
        str(signature.ratioString) for signature in score.parts[0].recurse().getElementsByClass("TimeSignature")
    ] == ["3/4", "2/4"]


def test_performed_times_go_to_the_nearest_tick() -> None:
    piece = kesh_jig()
    data = midi_bytes(piece)
    assert parse_midi(data.replace(b"\x83\x70\x80", b"\x83\x68\x80")).note_list()[0][2] == Fraction(1, 2)


def test_the_key_is_estimated_where_the_file_has_none() -> None:
    (piece,) = read_abc(TWO_METERS)
    assert _without_keys(piece).key == Key("E", "min")


def _without_keys(piece: Piece) -> Piece:
    data = midi_bytes(piece)
    return parse_midi(data.replace(b"\xff\x59\x02", b"\xff\x01\x02"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a MIDI file"),
        (b"RIFF....", "not a MIDI file"),
        (b"MThd\0\0\0\6\0\1\0\1\xe7\x28", "ticks a quarter note"),
        (b"MThd\0\0\0\6\0\1\0\1\0\x60", "no notes"),
        (b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk\0\0\0\x02\0\x90", "breaks off"),
        (b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk\0\0\0\x02\0\x40", "data where a message should begin"),
        (b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk\0\x4c\x4b\x40" + 5_000_000 * b"\xff", "more than four bytes"),
    ],
)
def test_what_is_no_midi_file_is_refused_in_words(data: bytes, message: str) -> None:
    with pytest.raises(ScoreFormatError, match=message):
        parse_midi(data)


def test_titles_in_latin_1_are_read() -> None:
    data = midi_bytes(replace(kesh_jig(), title="Etude xn 1"))
    assert parse_midi(data.replace(b"Etude xn", b"\xc9tude \x07n")).title == "Étude n 1"


@settings(max_examples=300, derandomize=True, deadline=None)
@given(position=st.integers(0, 400), value=st.binary(min_size=1, max_size=3))
def test_a_damaged_file_reads_or_is_refused(position: int, value: bytes) -> None:
    data = midi_bytes(kesh_jig())
    damaged = data[:position] + value + data[position + len(value) :]
    with contextlib.suppress(ScoreFormatError):
        assert parse_midi(damaged).bars
