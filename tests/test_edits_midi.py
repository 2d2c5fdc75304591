"""Edits that are written into MIDI files: tracks that nobody asked to change keep their bytes, others their events."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from remi_two_stage.core.piece import Note, Piece
from remi_two_stage.edits.changes import Change, NotAnEditError
from remi_two_stage.edits.midi import splice
from remi_two_stage.edits.midi_tracks import events_of, track_bytes, tracks_in
from remi_two_stage.scores.midi_reader import parse_midi

TEMPO, NAME, END = b"\0\xff\x51\x03\x07\xa1\x20", b"\0\xff\x03\x04Lied", b"\0\xff\x2f\0"
HALF = b"\x83\x60"  # 480 ticks, of 240 a quarter


def track(*content: bytes) -> bytes:
    held = b"".join(content)
    return b"MTrk" + len(held).to_bytes(4, "big") + held


def file(*tracks: bytes, kind: int = 1, division: int = 240) -> bytes:
    numbers = (kind, len(tracks), division)
    return b"MThd\0\0\0\6" + b"".join(number.to_bytes(2, "big") for number in numbers) + b"".join(tracks)


def played(channel: int, pitches: bytes) -> bytes:
    """Half notes with running status and a controller between, ended by note-ons of no velocity."""
    notes = b"".join(b"\0" + bytes([pitch, 71]) + HALF + bytes([pitch, 0]) for pitch in pitches)
    head = bytes([0, 0xC0 | channel, 42, 0, 0xB0 | channel, 7, 99, 0, 0x90 | channel])
    return head + notes[1:]


CELLO = track(NAME, played(0, bytes([60, 62, 64, 65, 67, 69, 71, 72])), END)
BASS = track(played(3, bytes([36, 38, 40, 41, 43, 45, 47, 48])), END)
DRUMS = track(b"\0\x99\x24\x50\0\x24\0", END)
CONDUCTOR = track(TEMPO, END)


def spliced(data: bytes, edit: Callable[[Piece], Piece]) -> tuple[Piece, bytes]:
    before = parse_midi(data)
    after = edit(before)
    return after, splice(data, before, after, Change.between(before, after))


def tracks(data: bytes) -> list[bytes]:
    return [data[begin:end] for begin, end in tracks_in(data)]


def with_new_bar(piece: Piece) -> Piece:
    notes = (tuple(Note(24 * beat, 70 + beat, 24) for beat in range(4)), *piece.bars[1].notes[1:])
    return replace(piece, bars=(piece.bars[0], replace(piece.bars[1], notes=notes), *piece.bars[2:]))


def test_a_track_is_written_as_it_stood() -> None:
    for part in (CELLO, BASS, DRUMS, CONDUCTOR):
        assert track_bytes(events_of(part[8:])) == part


def test_other_tracks_and_events_stay() -> None:
    after, edited = spliced(file(CONDUCTOR, CELLO, BASS, DRUMS), with_new_bar)
    again = tracks(edited)
    assert [again[0], *again[2:]] == [CONDUCTOR, BASS, DRUMS]
    assert parse_midi(edited).note_list() == after.note_list()
    old, new = events_of(CELLO[8:]), events_of(again[1][8:])
    changed = range(960, 1921)
    kept = [event.message for event in old if event.time not in changed]
    assert [event.message for event in new if event.time not in changed] == kept
    assert {event.data[1] for event in new if event.is_note_on} == {71}


def test_bars_are_appended() -> None:
    def longer(piece: Piece) -> Piece:
        return replace(piece, bars=(*piece.bars, with_new_bar(piece).bars[1]))

    after, edited = spliced(file(CONDUCTOR, CELLO), longer)
    assert parse_midi(edited).note_list() == after.note_list()
    again = tracks(edited)
    assert (again[0], again[1][8 : len(CELLO) - 4]) == (CONDUCTOR, CELLO[8:-4])


@pytest.mark.parametrize("kind", [0, 1])
def test_new_voices_are_tracks_of_their_own(kind: int) -> None:
    own = track(TEMPO, NAME, played(0, bytes([72, 74, 76, 77, 79, 77, 76, 74])), END)

    def harmonised(piece: Piece) -> Piece:
        bars = [replace(bar, notes=(*bar.notes, (Note(0, 48, bar.length),)), notation=()) for bar in piece.bars]
        return replace(piece, voices=("S", "B"), bars=tuple(bars), instruments=())

    after, edited = spliced(file(own, kind=kind), harmonised)
    again = tracks(edited)
    assert (edited[8:12], again[0]) == (b"\0\1\0\2", own)
    assert [pitch for *_, pitch in parse_midi(edited).note_list()] == [pitch for *_, pitch in after.note_list()]
    channels = {event.status & 15 for event in events_of(again[1][8:]) if event.is_note_on}
    assert channels == {1}


def test_a_file_of_patterns_is_not_edited() -> None:
    with pytest.raises(NotAnEditError, match="format 2"):
        spliced(file(CELLO, kind=2), with_new_bar)


def test_a_track_that_breaks_off_is_not_edited() -> None:
    data = file(CONDUCTOR, CELLO)[:-1]
    with pytest.raises(NotAnEditError, match="breaks off"):
        spliced(data, with_new_bar)
