"""MIDI files hold the music as it is played, and any MIDI file reads or is refused in words."""

import contextlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import music21
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tunes import kesh_jig

from remi_two_stage.core.codec import encode
from remi_two_stage.core.errors import EncodingError, ScoreFormatError
from remi_two_stage.core.notation import TempoMark
from remi_two_stage.core.piece import Bar, Note, Piece
from remi_two_stage.core.signatures import Key, Meter
from remi_two_stage.score_files import read_score, write_score
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.midi_reader import parse_midi
from remi_two_stage.scores.midi_writer import midi_bytes
from remi_two_stage.scores.music21_bridge import from_music21
from remi_two_stage.scores.tempo_map import TempoMap, played_tempos

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


def test_chord_names_are_those_of_the_key_of_their_bar() -> None:
    (piece,) = read_abc('X:1\nM:4/4\nL:1/4\nK:E\n"E"E4|[K:Ab]"Ab"A4|"Eb7"e4|]')
    middle = music21.midi.MidiFile()
    middle.readstr(midi_bytes(piece))
    markers = [event.data for event in middle.tracks[0].events if event.type == music21.midi.MetaEvents.MARKER]
    assert markers == [b"E", b"Ab", b"Eb7"]


def test_a_note_struck_again_ends_before_it_begins() -> None:
    """Else whoever reads the file lets the first end the second."""
    (piece,) = read_abc("X:1\nM:4/4\nL:1/4\nK:C\nGGGG|")
    middle = music21.midi.MidiFile()
    middle.readstr(midi_bytes(piece))
    events = [event for event in middle.tracks[1].events if event.isNoteOn() or event.isNoteOff()]
    assert [event.isNoteOn() for event in events] == [True, False] * 4


def test_no_voice_of_many_is_on_the_channel_of_drums() -> None:
    voices = tuple(f"V{number}" for number in range(1, 17))
    notes = tuple((Note(0, 60 + number, 96),) for number in range(16))
    piece = Piece(voices, (Bar(Meter(), Key(), 96, notes),))
    assert parse_midi(midi_bytes(piece)).note_list() == piece.note_list()


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


def test_composers_go_to_midi_and_come_back() -> None:
    fields = (("C", "Ludwig van Beethoven"), ("C", "arr. José Åström"))
    data = midi_bytes(replace(kesh_jig(), metadata=(*fields, ("O", "Wien"))))
    assert parse_midi(data).metadata == fields
    assert data.index(b"The Kesh Jig") < data.index(b"Composer: Ludwig van Beethoven")


@settings(max_examples=300, derandomize=True, deadline=None)
@given(position=st.integers(0, 400), value=st.binary(min_size=1, max_size=3))
def test_a_damaged_file_reads_or_is_refused(position: int, value: bytes) -> None:
    data = midi_bytes(kesh_jig())
    damaged = data[:position] + value + data[position + len(value) :]
    with contextlib.suppress(ScoreFormatError):
        assert parse_midi(damaged).bars


# What files of other programs hold (MIDI 1.0; Standard MIDI Files 1.0)


def smf(*tracks: bytes, kind: int = 1) -> bytes:
    """A file of these tracks, 480 ticks a quarter note."""
    header = b"MThd" + bytes([0, 0, 0, 6, 0, kind, 0, len(tracks), 0x01, 0xE0])
    return header + b"".join(b"MTrk" + len(track).to_bytes(4, "big") + track for track in tracks)


def notes(piece: Piece) -> list[tuple[float, float, int]]:
    return [(float(onset), float(duration), pitch) for _, onset, duration, pitch in piece.note_list()]


QUARTER = bytes([0x83, 0x60])
"""480 ticks, as a delta time."""
END = bytes([0, 0xFF, 0x2F, 0])
TWO_QUARTERS = [(0.0, 1.0, 60), (1.0, 1.0, 62)]


def on(pitch: int, channel: int = 0) -> bytes:
    return bytes([0, 0x90 | channel, pitch, 80])


def off(pitch: int, channel: int = 0, after: bytes = QUARTER) -> bytes:
    return after + bytes([0x80 | channel, pitch, 0])


@pytest.mark.parametrize(
    "between",
    [
        bytes([0, 0xFF, 0x01, 2]) + b"la",
        bytes([0, 0xF0, 3, 0x7E, 0x09, 0xF7]),
        bytes([0, 0xF8]),
        bytes([0, 0xFE, 0, 0xF2, 1, 2]),
    ],
    ids=["meta event", "system exclusive", "clock", "active sensing and song position"],
)
def test_running_status_goes_on_after_what_is_no_channel_message(between: bytes) -> None:
    track = on(60) + QUARTER + bytes([60, 0]) + between + bytes([0, 62, 80]) + QUARTER + bytes([62, 0]) + END
    assert notes(parse_midi(smf(track))) == TWO_QUARTERS


def test_a_note_without_an_end_sounds_to_the_next_one_of_its_pitch_or_to_the_end_and_is_counted() -> None:
    piece = parse_midi(smf(on(60) + QUARTER + on(60)[1:] + off(60) + on(62) + QUARTER + END[1:]))
    assert notes(piece) == [(0.0, 2.0, 60), (1.0, 2.0, 60), (2.0, 1.0, 62)]
    assert dict(piece.losses) == {"a note without an end": 2}


def test_all_notes_off_ends_the_notes_of_its_channel() -> None:
    silence = QUARTER + bytes([0xB0, 123, 0])
    piece = parse_midi(smf(on(60) + on(48, 1) + silence + on(62) + silence + off(48, 1, b"\0") + END))
    assert notes(piece) == [(0.0, 1.0, 60), (0.0, 2.0, 48), (1.0, 1.0, 62)]
    assert piece.losses == ()


def test_a_note_may_end_in_another_track() -> None:
    assert notes(parse_midi(smf(on(60) + END, off(60) + END))) == [(0.0, 1.0, 60)]


def test_a_track_that_breaks_off_keeps_what_is_there_and_says_so() -> None:
    whole = smf(on(60) + off(60) + on(62) + off(62) + END)
    piece = parse_midi(whole[:-6])
    assert notes(piece)[0] == (0.0, 1.0, 60)
    assert dict(piece.losses)["a truncated track"] == 1


def test_percussion_and_changes_of_tempo_are_counted() -> None:
    tempo = bytes([0xFF, 0x51, 3])
    conductor = b"\0" + tempo + (500_000).to_bytes(3, "big") + QUARTER + tempo + (400_000).to_bytes(3, "big") + END
    melody = on(60) + off(60) + on(62) + off(62) + END
    drums = on(36, 9) + off(36, 9) + END
    piece = parse_midi(smf(conductor, melody, drums))
    assert (notes(piece), piece.tempo, len(piece.voices)) == (TWO_QUARTERS, 120.0, 1)
    assert dict(piece.losses) == {"a percussion note": 1, "a tempo change": 1}


def test_patterns_of_format_2_follow_one_another() -> None:
    patterns = smf(on(60) + off(60) + END, on(72) + off(72) + END, kind=2)
    assert notes(parse_midi(patterns)) == [(0.0, 1.0, 60), (4.0, 1.0, 72)]


def time_signature(after: bytes, numerator: int, power: int) -> bytes:
    return after + bytes([0xFF, 0x58, 4, numerator, power, 24, 8])


@pytest.mark.parametrize("late", [0, 20])
def test_a_time_signature_belongs_to_the_barline_beside_it_and_before_the_first_one_is_4_4(late: int) -> None:
    conductor = time_signature(bytes([0x8F, late]), 3, 2) + END
    melody = b"".join(on(pitch) + off(pitch) for pitch in range(60, 67)) + END
    piece = parse_midi(smf(conductor, melody))
    assert [(str(bar.meter), bar.length) for bar in piece.bars] == [("4/4", 96), ("3/4", 72)]


def test_a_metre_that_no_bar_can_have_is_counted() -> None:
    piece = parse_midi(smf(time_signature(b"\0", 12, 6) + END, on(60) + off(60) + END))
    assert (str(piece.meter), dict(piece.losses)) == ("4/4", {"a time signature": 1})


def test_a_pitch_struck_while_it_sounds_keeps_its_length() -> None:
    held = Note(0, 64, 96)
    struck = [Note(onset, 64, 24) for onset in (24, 72)]
    bar = Bar(Meter(4, 4), Key(), 96, ((held, *struck), (Note(0, 48, 96),)))
    piece = Piece(("V1", "V2"), (bar,))
    played = parse_midi(midi_bytes(piece))
    assert played.voices == ("V1", "V2")
    assert played.note_list() == piece.note_list()


def test_bars_of_rests_come_back() -> None:
    (piece,) = read_abc("X:1\nM:3/4\nL:1/4\nK:D\nz3|z3|]")
    played = parse_midi(midi_bytes(piece))
    assert (played.voices, [bar.length for bar in played.bars]) == (("M",), [72, 72])


def test_four_tracks_are_a_choir_only_where_their_registers_are() -> None:
    chorale = [[72, 71, 72, 74], [64, 65, 67, 67], [60, 62, 60, 59], [48, 43, 52, 50]]

    def names(parts: list[list[int]]) -> tuple[str, ...]:
        tracks = (b"".join(on(pitch) + off(pitch) for pitch in part) + END for part in parts)
        return parse_midi(smf(*tracks)).voices

    assert names(chorale) == ("S", "A", "T", "B")
    assert names([chorale[3], *chorale[:3]]) == ("V1", "V2", "V3", "V4")
    assert names([[pitch + 24 for pitch in part] for part in chorale]) == ("V1", "V2", "V3", "V4")


def test_more_voices_than_tokens_name_are_read_and_the_limit_is_said() -> None:
    piece = parse_midi(
        smf(
            *(on(60 + channel, channel) + off(60 + channel, channel) + END for channel in range(9)),
            *(on(70 + channel, channel) + off(70 + channel, channel) + END for channel in range(10, 16)),
        )
    )
    assert len(piece.voices) == 15
    with pytest.raises(EncodingError, match=r"there is no voice 'V13'; .* 12 others, V1 to V12: leave some of the 15"):
        encode(piece)


# Tempos


def tempos_of(data: bytes) -> list[tuple[int, int]]:
    """(quarter notes from the start, microseconds a quarter note) of each tempo, as music21 reads them."""
    file = music21.midi.MidiFile()
    file.readstr(data)
    time, found = 0, []
    for event in file.tracks[0].events:
        if event.isDeltaTime():
            time += event.time
        elif event.type == music21.midi.MetaEvents.SET_TEMPO:
            found.append((time // file.ticksPerQuarterNote, int.from_bytes(event.data, "big")))
    return found


def tempo_event(quarters: int, microseconds: int) -> bytes:
    """A tempo, `quarters` (at most 34) quarter notes after the event before it."""
    after = bytes([0x80 | quarters * 480 >> 7, quarters * 480 & 0x7F])
    return after + bytes([0xFF, 0x51, 3]) + microseconds.to_bytes(3, "big")


MELODY = b"".join(on(pitch) + off(pitch) for pitch in range(60, 72)) + END


def test_every_tempo_of_a_file_is_where_it_was_when_it_is_written_again() -> None:
    conductor = b"".join(tempo_event(*event) for event in [(0, 500_000), (5, 400_000), (3, 1_000_000)]) + END
    piece = parse_midi(smf(conductor, MELODY))
    assert piece.tempo == 120
    assert [bar.tempos for bar in piece.bars] == [(), (TempoMark(24, 150),), (TempoMark(0, 60),)]
    assert dict(piece.losses) == {"a tempo change": 2}
    assert tempos_of(midi_bytes(piece)) == [(0, 500_000), (5, 400_000), (8, 1_000_000)]
    assert [bar.tempos for bar in parse_midi(midi_bytes(piece)).bars] == [bar.tempos for bar in piece.bars]
    assert TempoMap(piece).seconds(12 * 24) == pytest.approx(5 * 0.5 + 3 * 0.4 + 4 * 1.0)


@pytest.mark.parametrize(
    ("quarters", "tempo", "marks"),
    [(0, 150, [(), (), ()]), (1, 150, [(), (), ()]), (4, None, [(), (TempoMark(0, 150),), ()])],
)
def test_a_first_tempo_after_the_first_bar_is_not_that_of_the_piece(
    quarters: int, tempo: float | None, marks: list[tuple[TempoMark, ...]]
) -> None:
    piece = parse_midi(smf(tempo_event(quarters, 400_000) + END, MELODY))
    assert (piece.tempo, [bar.tempos for bar in piece.bars]) == (tempo, marks)
    assert piece.losses == ()


def test_of_two_tempos_at_one_place_the_later_one_is_played() -> None:
    conductor = b"".join(tempo_event(*event) for event in [(0, 500_000), (0, 400_000), (6, 250_000), (0, 600_000)])
    piece = parse_midi(smf(conductor + END, MELODY))
    assert (piece.tempo, piece.bars[1].tempos) == (150, (TempoMark(48, 100),))


def with_tempos(text: str, tempos: dict[int, TempoMark]) -> Piece:
    (piece,) = read_abc(f"X:1\nM:4/4\nL:1/4\nQ:1/4=120\nK:C\n{text}")
    bars = (replace(bar, tempos=(tempos[i],) if i in tempos else ()) for i, bar in enumerate(piece.bars))
    return replace(piece, bars=tuple(bars))


def test_a_repeat_goes_back_to_the_tempo_that_is_written_there() -> None:
    piece = with_tempos("|:C4|C4:|C4|]", {1: TempoMark(48, 60), 2: TempoMark(0, None, "dolce")})
    assert played_tempos(piece) == [(0, 120), (144, 60), (192, 120), (336, 60)]
    assert tempos_of(midi_bytes(piece)) == [(0, 500_000), (6, 1_000_000), (8, 500_000), (14, 1_000_000)]
    played = parse_midi(midi_bytes(piece))
    assert played_tempos(played) == played_tempos(piece)


def test_a_second_ending_has_the_tempo_before_the_first_one() -> None:
    piece = with_tempos("|:C4|1 C4:|2 C4|C4|]", {1: TempoMark(0, 60), 3: TempoMark(0, 90)})
    assert played_tempos(piece) == [(0, 120), (96, 60), (192, 120), (384, 90)]


def test_a_da_capo_goes_back_to_the_first_tempo() -> None:
    piece = with_tempos("C4|C4|C4|]", {2: TempoMark(0, 60)})
    piece = replace(piece, bars=(*piece.bars[:2], replace(piece.bars[2], jumps=("D.C.",))))
    assert played_tempos(piece) == [(0, 120), (192, 60), (288, 120), (480, 60)]
    assert [bar.tempos for bar in piece.in_part_order().bars[2:]] == [
        (TempoMark(0, 60),),
        (TempoMark(0, 120),),
        (),
        (TempoMark(0, 60),),
    ]


@pytest.mark.parametrize(
    ("signs", "order"),
    [
        ({3: {"jumps": ("D.C.",)}}, ()),
        ({1: {"endings": (1,), "repeat_end": True, "ending_end": True}, 2: {"endings": (2,), "jumps": ("D.C.",)}}, ()),
        ({0: {"repeat_start": True}, 1: {"jumps": ("D.C.",)}, 2: {"repeat_end": True}}, ()),
        ({0: {"part": "A"}, 2: {"part": "B"}}, ("B", "A", "B", "B")),
    ],
)
def test_written_out_a_piece_is_played_in_the_same_tempos(
    signs: dict[int, dict[str, Any]], order: tuple[str, ...]
) -> None:
    piece = with_tempos("C4|D4|E4|F4|]", {1: TempoMark(24, 60), 3: TempoMark(0, 90)})
    bars = tuple(replace(bar, **signs.get(index, {})) for index, bar in enumerate(piece.bars))
    piece = replace(piece, bars=bars, part_order=order)
    assert len(played_tempos(piece)) > 3
    assert played_tempos(piece.in_part_order()) == played_tempos(piece)
