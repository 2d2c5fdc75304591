"""A melody that is harmonised in place of the voices that stood beside it: its own text stays."""

from dataclasses import replace

import pytest
from edited import harmonised, rewritten

from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.piece import Chord, Piece
from remi_two_stage.edits.changes import NotAnEditError
from remi_two_stage.edits.files import edited_bytes
from remi_two_stage.edits.midi_tracks import tracks_in
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.midi_reader import parse_midi
from remi_two_stage.scores.midi_writer import midi_bytes
from remi_two_stage.scores.musicxml_reader import read_musicxml

HEAD = "X:1\nT:Two\nM:4/4\nL:1/4\n"
INLINE = (
    HEAD + "%%score (1 2)\nV:1 name=\"Fiddle\"\nV:2 clef=bass\n%%MIDI program 43\nK:G\n% first\n[V:1] GABc | d4 |\n"
    "w: one two three four five\n"
    "[V:2] G,4 | D,4 |\n% second\n[V:1] !trill!BAGF | G4 |]\n[V:2] D,4 | G,4 |]\nw: hum hum\n"
)  # fmt: skip
BLOCKS = HEAD + "K:G\nV:1\nGABc | d4 |\nBAGF | G4 |]\nV:2 clef=bass\nK:G\nG,4 | D,4 |\nD,4 | G,4 |]\n"


def harmonized(before: Piece) -> Piece:
    """The first voice with three others in place of those that stood beside it."""
    bars = [replace(bar, notes=bar.notes[:1], notation=bar.notation[:1]) for bar in before.bars]
    return harmonised(replace(before, voices=("M",), bars=tuple(bars), instruments=()))


@pytest.mark.parametrize("text", [INLINE, BLOCKS])
def test_a_melody_among_other_voices_of_an_abc_file_keeps_its_lines(text: str) -> None:
    before = read_abc(text)[0]
    after = harmonized(before)
    edited = edited_bytes(text.encode(), ".abc", before, after)
    lines = edited.content.decode().splitlines()
    own = [line for line in text.splitlines() if line.startswith(("T:", "%", "w: one", "[V:1]", "GABc", "BAGF"))]
    kept = [line for line in own if not line.startswith("%%")]
    assert [line for line in lines if line in kept] == kept
    assert not any(line.startswith(("V:2", "[V:2")) for line in lines)
    assert edited.losses == (("a voice beside the melody", 1),)
    (read,) = read_abc(edited.content.decode())
    assert [bar.notes for bar in read.bars] == [bar.notes for bar in after.bars]


def test_new_voices_stand_below_each_line_where_lines_say_whose_they_are() -> None:
    before = read_abc(INLINE)[0]
    lines = edited_bytes(INLINE.encode(), ".abc", before, harmonized(before)).content.decode().splitlines()
    system = ["[V:1]", "w: on", "[V:A]", "[V:T]", "[V:B]", "% sec", "[V:1]", "[V:A]", "[V:T]", "[V:B]"]
    assert [line[:5] for line in lines[lines.index("% first") + 1 :]] == system


def test_other_tunes_of_a_book_stay_where_one_loses_voices() -> None:
    book = f"{BLOCKS}\n{INLINE.replace('X:1', 'X:2')}\n{BLOCKS.replace('X:1', 'X:3')}"
    before = read_abc(book)[1]
    edited = edited_bytes(book.encode(), ".abc", before, harmonized(before), 2).content.decode()
    assert edited.startswith(BLOCKS + "\n")
    assert edited.endswith("\n" + BLOCKS.replace("X:1", "X:3"))


def test_a_melody_that_shares_its_lines_is_written_anew() -> None:
    text = HEAD + "K:G\n[V:1] GABc | d4 |] [V:2] G,4 | D,4 |]\n"
    before = read_abc(text)[0]
    with pytest.raises(NotAnEditError, match="the melody shares line 6 with another voice"):
        edited_bytes(text.encode(), ".abc", before, harmonized(before))


def _part(number: int, measures: str) -> str:
    attributes = "<attributes><divisions>1</divisions><key><fifths>1</fifths></key></attributes>"
    return f'<part id="P{number}">{measures.replace("<measure number=1>", f"<measure number=1>{attributes}")}</part>'


def test_a_melody_keeps_modes_and_words_that_its_accompaniment_has_told() -> None:
    sung = "".join(
        f"<note><pitch><step>{step}</step><octave>5</octave></pitch><duration>1</duration></note>" for step in "EGBE"
    )
    fine = "<direction><direction-type><words>Fine</words></direction-type></direction>"
    low = "<note><pitch><step>E</step><octave>3</octave></pitch><duration>4</duration></note>"
    listed = "".join(f'<score-part id="P{n}"><part-name>{n}</part-name></score-part>' for n in (1, 2))
    melody = _part(1, f"<measure number=1>{sung}</measure><measure number=2>{sung}</measure>")
    bass = _part(2, f"<measure number=1>{low}</measure><measure number=2>{low}{fine}</measure>")
    text = f"<score-partwise><part-list>{listed}</part-list>{melody}{bass}</score-partwise>"
    text = text.replace("number=1", 'number="1"').replace("number=2", 'number="2"')
    before = read_musicxml(text.encode())
    assert before.bars[-1].jumps == ("fine",)
    edited = edited_bytes(text.encode(), ".musicxml", before, harmonized(before)).content.decode()
    assert melody.replace("number=1", 'number="1"').replace("number=2", 'number="2"') in edited
    assert 'id="P2"><part-name>2' not in edited


def test_new_chords_leave_a_melody_alone_whose_other_voices_are_named_as_before() -> None:
    text = HEAD + "%%score S B\nV:S\nV:B clef=bass\nK:G\n[V:S] GABc | d4 |]\n[V:B] G,4 | D,4 |]\n"
    before = read_abc(text)[0]
    bars = [
        replace(bar, notes=(bar.notes[0], tuple(replace(note, pitch=note.pitch - 5) for note in bar.notes[1])), chords=(
            Chord(0, "IV"),
        ))
        for bar in before.bars
    ]  # fmt: skip
    after = replace(before, bars=tuple(bars))
    edited = edited_bytes(text.encode(), ".abc", before, after).content.decode()
    assert edited == text.replace("G,4 | D,4", "D,4 | A,,4")


def test_a_melody_of_a_midi_file_keeps_its_track_and_percussion_stays() -> None:
    text = HEAD + "V:1\nV:2 clef=bass\nK:G\n[V:1] GABc | d4 |]\n[V:2] G,4 | D,4 |]\n"
    plain = midi_bytes(read_abc(text)[0])
    tracks = _tracks(plain)
    kit = tracks[-1].replace(b"\x91", b"\x99").replace(b"\x81", b"\x89")  # the bass on the drums' channel
    assert kit != tracks[-1]
    source = plain[:10] + bytes([0, len(tracks) + 1]) + plain[12:14] + b"".join([*tracks, kit])
    before = parse_midi(source)
    assert len(before.voices) == 2
    after = harmonized(before)
    edited = edited_bytes(source, ".mid", before, after).content
    assert [track for track in _tracks(edited) if track in (*tracks, kit)] == [*tracks[:-1], kit]
    assert [note[1:] for note in parse_midi(edited).note_list()] == [note[1:] for note in after.note_list()]


def _tracks(content: bytes) -> list[bytes]:
    return [content[begin:end] for begin, end in tracks_in(content)]


def test_layers_that_are_voices_of_their_own_go_with_their_voice() -> None:
    low = HEAD + "V:1\nV:2 clef=bass\nK:C\n[V:1] cdef|g4|]\n[V:2] C2 E2 & G,4|E4 & C2 D2|]\n"
    text = write_abc(read_abc(low)[0])
    assert "[V:V2layer2] G,8 | C4 D4 |]" in text
    before = read_abc(text)[0]
    edited = edited_bytes(text.encode(), ".abc", before, rewritten(before, 1, 1)).content.decode()
    assert "[V:V2layer2] G,8 | x8 |]" in edited
    high = read_abc(write_abc(read_abc(low.replace("V:1\nV:2 clef=bass", "V:2\nV:1"))[0]))[0]
    edited = edited_bytes(write_abc(high).encode(), ".abc", high, harmonized(high)).content.decode()
    assert "%%score (V1 V1layer2) A T B\n" in edited
    assert "[V:V1layer2] G,8 | C4 D4 |]\n" in edited


@pytest.mark.parametrize(
    ("music", "opens"), [("D|GABc|d3:|\n", True), ("|:D|GABc|d3:|\n", False), ("GABc|d4:|\n", False)]
)
def test_a_repeat_that_goes_back_to_a_pickup_is_opened_above_the_melody(music: str, opens: bool) -> None:
    text = f"X:1\nM:4/4\nL:1/4\nK:G\n% tune\n{music}"
    before = read_abc(text)[0]
    edited = edited_bytes(text.encode(), ".abc", before, harmonized(before)).content.decode()
    assert ("% tune\n|:\\\n" + music in edited) is opens
    assert "% tune\n" + music in edited.replace("|:\\\n", "")
    (read,) = read_abc(edited)
    assert read.playing_order() == before.playing_order()
