"""What other programs play from a MIDI file: metres, instruments, velocities."""

from dataclasses import replace
from itertools import accumulate, cycle, pairwise
from pathlib import Path

import music21
import pytest
from test_midi import END, notes, off, on, smf

from remi_two_stage.core.notation import Instrument
from remi_two_stage.core.piece import Bar, Note, Piece
from remi_two_stage.core.signatures import Key, Meter
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.midi_reader import parse_midi
from remi_two_stage.scores.midi_writer import midi_bytes, variable_length
from remi_two_stage.scores.music21_bridge import from_music21

# Metres


def meters_of(piece: Piece) -> list[str]:
    """The time signatures in the MIDI file of a piece, in the order of time."""
    parts = midi_bytes(piece).split(b"\xff\x58\x04")[1:]
    return [f"{part[0]}/{2 ** part[1]}" for part in parts]


@pytest.mark.parametrize(
    ("music", "meters"),
    [
        ("|:A|dfa afd|ege c2A|d3 d2:|\n|:a|bgb afa|[1 d3 d2:|[2 d3 d2|]", ["1/8", "6/8"]),
        ("|:dfa afd|e3||e3:|dfa afd|]", ["6/8"]),
        ("dfa afd dfa afd|d3 d3|]", ["6/8"]),
        ("dfa afd|d3 d2|dfa afd|d6|]", ["6/8", "5/8", "6/8"]),
        ("dfa afd|d3|[M:3/8]dfa|afd|]", ["6/8", "3/8"]),
        ("|:A|dfa afd:|\n|:A|dfa afd:|", ["1/8", "6/8", "1/8", "6/8", "1/8", "6/8", "1/8", "6/8"]),
    ],
    ids=[
        "pick-ups",
        "halves of a bar",
        "a missing bar line",
        "a short bar",
        "another metre",
        "a full bar and a pick-up",
    ],
)
def test_the_metre_stays_where_bars_are_filled(music: str, meters: list[str]) -> None:
    (piece,) = read_abc(f"X:1\nM:6/8\nL:1/8\nK:D\n{music}")
    assert meters_of(piece) == meters
    played = parse_midi(midi_bytes(piece))
    assert played.note_list() == piece.note_list(unfold_repeats=True)
    assert meters_of(played) == meters


# Instruments and velocities


def test_instruments_come_back_under_the_names_of_their_voices() -> None:
    chorale = from_music21(music21.corpus.parse("bach/bwv66.6"))
    players = (
        Instrument("Violin I", "", 40),
        Instrument("Violin II", "", 40),
        Instrument("Tenor", "T.", 52),
        Instrument("Violoncello", "", None),
    )
    played = parse_midi(midi_bytes(replace(chorale, instruments=players)))
    assert (played.voices, played.instruments) == (("S", "A", "T", "B"), players)
    assert parse_midi(midi_bytes(chorale)).instruments == ()
    names = ["Soprano", "Alto", "Tenor", "Bass"]
    usual = tuple(Instrument(name, f"{name[0]}.") for name in names)
    assert b"\xff\x04" not in midi_bytes(replace(chorale, instruments=usual))


def test_other_programs_play_the_instruments() -> None:
    held = Bar(Meter(4, 4), Key(), 96, ((Note(0, 64, 96), Note(24, 64, 24)), (Note(0, 48, 96),)))
    piece = Piece(("V1", "V2"), (held,), instruments=(Instrument("Flute", "", 73), Instrument("Cello", "", 42)))
    middle = music21.midi.MidiFile()
    middle.readstr(midi_bytes(piece))
    changes = [
        (event.data, event.channel)
        for track in middle.tracks
        for event in track.events
        if event.type == music21.midi.ChannelVoiceMessages.PROGRAM_CHANGE
    ]
    assert changes == [(73, 1), (73, 2), (42, 3)]


def test_instruments_are_called_as_their_tracks_in_files_of_other_programs() -> None:
    def track(name: bytes, channel: int, *events: bytes) -> bytes:
        titled = bytes([0, 0xFF, 0x03, len(name)]) + name
        return titled + b"".join(events) + on(60, channel) + off(60, channel) + END

    violin = track(b"Violin I", 0, bytes([0, 0xC0, 40]), bytes([0, 0xFF, 0x04, 3]) + b"Vln")
    horn = track(b"Horn in F", 1, bytes([0, 0xC1, 60]))
    unnamed = track(b"", 2)
    piece = parse_midi(smf(track(b"A title", 4)[:-4] + END, violin, horn, unnamed))
    assert piece.title == "A title"
    assert piece.instruments == (
        Instrument("Voice 1", "V. 1"),
        Instrument("Vln", "", 40),
        Instrument("Horn in F", "", 60),
        Instrument("Voice 4", "V. 4"),
    )
    assert parse_midi(midi_bytes(piece)).instruments == piece.instruments


def test_velocities_are_those_of_the_notes_or_of_their_beats() -> None:
    (piece,) = read_abc("X:1\nM:6/8\nL:1/8\nK:D\nA|dfa afd|]")
    assert [note.velocity for bar in parse_midi(midi_bytes(piece)).bars for note in bar.notes[0]] == [
        *(74, 92, 74, 74),
        *(82, 74, 74),
    ]
    (piece,) = read_abc("X:1\nM:7/8\nL:1/8\nK:D\nABc defg|[M:3+2+2/8]ABc defg|[M:5/8]ABcde|]")
    assert [[note.velocity for note in bar.notes[0]] for bar in parse_midi(midi_bytes(piece)).bars] == [
        [92, 74, 82, 74, 82, 74, 74], [92, 74, 74, 82, 74, 82, 74], [92, 74, 74, 82, 74],
    ]  # fmt: skip
    loud = Bar(Meter(4, 4), Key(), 96, ((Note(0, 60, 48, velocity=111), Note(48, 60, 24, velocity=1)),))
    (bar,) = parse_midi(midi_bytes(Piece(("M",), (loud,)))).bars
    assert [note.velocity for note in bar.notes[0]] == [111, 1]


def test_real_tunes_come_back_and_change_their_metre_only_where_bars_are_wrong(
    tune_books: dict[str, list[Path]],
) -> None:
    steady = 0
    tunes = read_abc(tune_books["ryansMammoth"][0])
    for piece in tunes:
        played = parse_midi(midi_bytes(piece))
        assert played.note_list() == piece.note_list(unfold_repeats=True)
        assert parse_midi(midi_bytes(played)).note_list() == played.note_list()
        changes = sum(one.meter != other.meter for one, other in pairwise(piece.bars))
        steady += len(meters_of(piece)) <= 1 + changes + piece.bars[0].is_pickup
    assert steady >= 0.85 * len(tunes)


# Files of other programs


def measures(*bars: tuple[int, int], quarter: int = 480) -> bytes:
    """A track with a time signature at the start of each bar where it changes: (numerator, denominator)."""
    track, wait, last = b"", 0, (0, 0)
    for meter in bars:
        if meter != last:
            signature = bytes([meter[0], meter[1].bit_length() - 1, 24, 8])
            track += variable_length(wait) + b"\xff\x58\x04" + signature
            wait, last = 0, meter
        wait += 4 * quarter * meter[0] // meter[1]
    return track + END


def track(*events: tuple[int, bytes]) -> bytes:
    """A track of events: (ticks from the start, message without its time)."""
    data, now = b"", 0
    for time, message in sorted(events):
        data += variable_length(time - now) + message
        now = time
    return data + END


def melody(*sung: tuple[int, float], gate: float = 1, quarter: int = 480) -> bytes:
    """A track of notes, each as (pitch, quarter notes), which sound for a part of their time."""
    events, time = [], 0.0
    for pitch, quarters in sung:
        events.append((round(time * quarter), on(pitch)[1:]))
        events.append((round((time + quarters * gate) * quarter), off(pitch, after=b"")))
        time += quarters
    return track(*events)


@pytest.mark.parametrize("gate", [0.9, 0.95, 0.98, 1.02])
def test_notes_that_are_released_early_or_late_have_their_values(gate: float) -> None:
    sung = [(65, 1.5), (69, 0.5), (72, 0.25), (70, 0.25), (69, 0.5), (67, 1)]
    piece = parse_midi(smf(measures((4, 4)), melody(*sung, gate=gate)))
    assert [(pitch, float(length)) for _, _, length, pitch in piece.note_list()] == sung
    assert notes(parse_midi(smf(melody((60, 0.5), (62, 0.05), (64, 0.5), gate=gate))))  # and none without a length
    triplets = [(65, 1 / 3), (67, 1 / 3), (69, 1 / 3), (70, 2)]
    piece = parse_midi(smf(measures((4, 4)), melody(*triplets, gate=gate)))
    assert [(pitch, float(length)) for _, _, length, pitch in piece.note_list()] == triplets


def test_notes_that_are_let_go_hardly_early_are_exact() -> None:
    """As MuseScore does, one tick of 480 early: the triplet before a rest stays one."""
    events = [(0, on(60)[1:]), (159, off(60, after=b"")), (480, on(62)[1:]), (1119, off(62, after=b""))]
    assert notes(parse_midi(smf(track(*events)))) == [(0, pytest.approx(1 / 3), 60), (1, pytest.approx(4 / 3), 62)]


@pytest.mark.parametrize("ticks", [-20, 20])
def test_notes_that_end_one_tick_beside_the_next_have_their_values(ticks: int) -> None:
    """As programs that play legato, or every note a little apart, let them go: a 24th of a quarter, which is a tick."""
    sung = [(60, 1), (62, 0.5), (64, 0.5), (65, 2)]
    events, time = [], 0
    for pitch, quarters in sung:
        events += [(time, on(pitch)[1:]), (time + int(480 * quarters) + ticks, off(pitch, after=b""))]
        time += int(480 * quarters)
    piece = parse_midi(smf(measures((4, 4)), track(*events)))
    assert [(pitch, float(length)) for _, _, length, pitch in piece.note_list()] == sung
    assert piece.bar_count == 1


def played(sung: list[tuple[int, float]], late: list[int]) -> Piece:
    """A melody whose notes begin so many ticks of 480 late, one after the other, and again from the first."""
    events, time = [], 0.0
    for (pitch, quarters), ticks in zip(sung, cycle(late), strict=False):
        begin, end = round(480 * time) + ticks, round(480 * (time + 0.93 * quarters)) + ticks
        events += [(max(0, begin), on(pitch)[1:]), (end, off(pitch, after=b""))]
        time += quarters
    return parse_midi(smf(measures((4, 4)), track(*events)))


@pytest.mark.parametrize("late", [[14, -15, 3, -7, 11], [-12, 0, 19, 16, 7], [5, 24, -23, 0, 3, -16]])
def test_notes_that_are_struck_early_or_late_are_on_the_beats(late: list[int]) -> None:
    """As people play them: within 24 ms of the beat at 120 quarter notes a minute."""
    quick, triplet = [(67, 0.25), (69, 0.25), (67, 0.25), (65, 0.25)], [(64, 1 / 3), (65, 1 / 3), (67, 1 / 3)]
    sung = [(65, 1.0), (69, 0.5), (72, 0.5), *quick, *triplet, (60, 0.75), (62, 0.25), (64, 1.5), (65, 0.5), (67, 1.0)]
    piece = played(sung, late)
    assert [(pitch, float(length)) for _, _, length, pitch in piece.note_list()] == sung


def test_notes_of_a_file_that_keeps_to_the_beats_stay_where_they_are() -> None:
    """64ths begin between ticks, and are not for 16ths."""
    sung = [(60, 1.0), (62, 0.5), (64, 0.5)] * 10 + [(60 + step, 1 / 16) for step in range(16)]
    exact, read = list(accumulate((length for _, length in sung), initial=0.0)), played(sung, [0]).note_list()
    assert [float(onset) for _, onset, _, _ in read] == pytest.approx(exact[:-1], abs=1 / 48)


def test_notes_of_a_chord_that_are_struck_one_after_the_other_are_one_chord() -> None:
    """As abc2midi plays them, ten ticks apart."""
    strokes = [(1, 60), (11, 64), (21, 67), (481, 72)]
    ends = [(480, 60), (480, 64), (480, 67), (960, 72)]
    events = [(at, on(pitch)[1:]) for at, pitch in strokes] + [(at, off(pitch, after=b"")) for at, pitch in ends]
    piece = parse_midi(smf(measures((4, 4)), track(*events)))
    assert [(onset, length, pitch) for _, onset, length, pitch in piece.note_list()] == [
        (0, 1, 60), (0, 1, 64), (0, 1, 67), (1, 1, 72),
    ]  # fmt: skip


def test_bars_that_a_repeat_splits_are_whole() -> None:
    """As MuseScore writes a strain of two bars with a pick-up, twice: 1/4, 3/4, 2/4, 1/4, 3/4, 2/4."""
    meters = measures((1, 4), (3, 4), (2, 4), (1, 4), (3, 4), (2, 4))
    sung = [(70, 1), (75, 2), (77, 1), (79, 2), (70, 1), (75, 2), (77, 1), (79, 2)]
    piece = parse_midi(smf(meters, melody(*sung)))
    assert [(str(bar.meter), bar.length, bar.is_pickup) for bar in piece.bars] == [
        ("3/4", 24, True), ("3/4", 72, False), ("3/4", 72, False), ("3/4", 72, False), ("3/4", 48, False),
    ]  # fmt: skip
    other = parse_midi(smf(measures((3, 4), (2, 4), (2, 4), (3, 4)), melody(*sung[1:6])))
    assert [str(bar.meter) for bar in other.bars] == ["3/4", "2/4", "2/4", "3/4"]


def test_a_track_that_is_called_as_the_title_names_no_instrument() -> None:
    title = b"\x00\xff\x03\x07My Tune"
    piece = parse_midi(smf(title + measures((4, 4)), title + melody((60, 4)), melody((48, 4))))
    assert (piece.title, piece.voices, piece.instruments) == ("My Tune", ("V1", "V2"), ())
