"""Clefs of a source: read, written back, printed, and left where they are by edits."""

import re
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest
from musicxml_scores import COMMON, note, score

from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.instruments import staff_clef, with_instrument
from remi_two_stage.core.notation import ClefSign
from remi_two_stage.core.piece import Piece
from remi_two_stage.edits.files import edited_bytes
from remi_two_stage.rendering.engraving import load_into_verovio
from remi_two_stage.score_files import read_score
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.musicxml_reader import read_musicxml
from remi_two_stage.scores.musicxml_writer import musicxml_bytes

CELLO = """X:1
T:Prelude
M:4/4
L:1/8
%%score V1 V2
V:V1 clef=treble
V:V2 clef=bass
K:D
V:V1
A4 d4 | f2 e2 d4 | A8 |]
V:V2
D,2 A,2 D2 [K:clef=tenor] F2 | A2 F2 [K:clef=bass] D4 | D,8 |]
"""
TENOR = "X:1\nM:4/4\nL:1/8\n%%score S A T B\nV:S\nV:A\nV:T clef=bass\nV:B\nK:C\n" + "\n".join(
    f"V:{voice}\n{note} |]" for voice, note in (("S", "c8"), ("A", "G8"), ("T", "E8"), ("B", "C,8"))
)


def clefs(piece: Piece) -> list[tuple[int, int, int, str]]:
    """(index of the bar, voice, onset, clef) of each clef that the source has."""
    return [
        (index, voice, record.onset, record.clef)
        for index, bar in enumerate(piece.bars)
        for voice, records in enumerate(bar.notation)
        for record in records
        if isinstance(record, ClefSign)
    ]


def test_changes_of_clef_come_back() -> None:
    (piece,) = read_abc(CELLO)
    assert clefs(piece) == [(0, 1, 0, "bass"), (0, 1, 72, "tenor"), (1, 1, 48, "bass")]
    for again in (read_musicxml(musicxml_bytes(piece)), *read_abc(write_abc(piece))):
        assert again == piece
        assert clefs(again) == clefs(piece)


def test_a_clef_stands_before_the_sign_of_a_triplet() -> None:
    (piece,) = read_abc("X:1\nM:4/4\nL:1/8\nK:C clef=bass\n(3C,D,E, (3[K:clef=treble][Q:1/4=90]CDE C4 |]\n")
    assert "(3C,D,E, [K:clef=treble][Q:1/4=90](3CDE C4 |]" in write_abc(piece)
    assert clefs(piece)[-1:] == [(0, 0, 24, "treble")]


def test_a_clef_of_another_octave_moves_no_note() -> None:
    text = CELLO.replace("A4 d4 | f2 e2", "A4 d4 | [K:clef=treble+8] F,2 E,2", 1)
    (piece,) = read_abc(text)
    assert [note.pitch for note in piece.bars[1].notes[0]][:2] == [66, 64]
    assert (1, 0, 0, "treble+8") in clefs(piece)
    assert clefs(read_musicxml(musicxml_bytes(piece))) == clefs(piece)
    assert read_abc(write_abc(piece)) == [piece]


def test_the_first_clef_is_that_of_the_source_and_of_new_players_the_usual_one() -> None:
    (piece,) = read_abc(TENOR)
    assert [staff_clef(piece, voice) for voice in range(4)] == ["treble", "treble", "bass", "bass"]
    assert clefs(piece) == [(0, 2, 0, "bass")]
    assert staff_clef(read_musicxml(musicxml_bytes(piece)), 2) == "bass"
    assert staff_clef(with_instrument(piece, "choir"), 2) == "treble-8"
    (low,) = read_abc("X:1\nM:4/4\nL:1/8\nK:C clef=alto\nE8 |]\n")
    assert "\nV:M clef=alto\n" in write_abc(low)
    assert staff_clef(*read_abc(write_abc(low)), 0) == "alto"


def test_those_that_are_named_by_sign_and_line_are_kept() -> None:
    (piece,) = read_abc(
        "X:1\nM:4/4\nL:1/4\nK:C clef=F4\nC,4|[K:clef=C4]C4|[K:clef=C]C4|[K:clef=G2]c4|[K:clef=bass4]C,4|\n"
    )
    assert [clef for *_, clef in clefs(piece)] == ["bass", "tenor", "alto", "treble", "bass"]


def test_of_two_at_one_place_the_last_one_holds() -> None:
    """As MuseScore 4 writes a clef after the first bar line (`after-barline`), in one of OpenScore's songs."""
    bass, treble = (f"<clef><sign>{sign}</sign><line>{line}</line></clef>" for sign, line in (("F", 4), ("G", 2)))
    second = f"<attributes>{treble}</attributes>{note('C', 8)}<attributes>{bass}</attributes>{note('E', 8, octave=2)}"
    piece = read_musicxml(score([second], attributes=COMMON + bass))
    assert staff_clef(piece, 0) == "treble"
    assert staff_clef(read_musicxml(musicxml_bytes(piece)), 0) == "treble"
    assert clefs(read_musicxml(musicxml_bytes(piece))) == clefs(piece) != []


def test_those_that_come_within_a_long_note_or_a_rest_stay_there() -> None:
    """As in files of MuseScore and Finale, behind the note and back: other voices on the staff have notes there."""
    (piece,) = read_abc(CELLO)
    first, second, last = piece.bars
    within = (ClefSign(24, "alto"), ClefSign(60, "bass"))
    bars = [
        replace(first, notation=((), (ClefSign(0, "bass"), ClefSign(84, "tenor")))),
        replace(second, notes=(second.notes[0], ()), notation=((), within)),
        replace(last, notation=((), (ClefSign(48, "treble"),))),
    ]
    piece = replace(piece, bars=tuple(bars))
    score = musicxml_bytes(piece)
    again = read_musicxml(score)
    assert clefs(again) == clefs(piece)
    assert again.note_list() == piece.note_list()
    assert b"<backup><duration>48</duration></backup>\n<attributes><clef><sign>G</sign>" in score
    toolkit = load_into_verovio(piece)
    assert toolkit.getMEI().count("<note ") == len(piece.note_list())


def test_bars_that_are_rewritten_leave_the_clefs_of_the_file_where_they_are() -> None:
    (before,) = read_abc(CELLO)
    (other,) = read_abc(CELLO.replace("[K:clef=tenor] F2 | A2 F2", "[K:clef=tenor] E2 | A2 E2"))
    written = edited_bytes(CELLO.encode(), ".abc", before, other).content.decode()
    assert written.count("clef=tenor") == written.count("[K:clef=bass]") == 1
    score = musicxml_bytes(before)
    edited = edited_bytes(score, ".musicxml", read_musicxml(score), other).content
    assert [clef for *_, clef in clefs(read_musicxml(edited))] == ["bass", "tenor", "bass"]
    assert edited.count(b"<clef>") == score.count(b"<clef>")


def test_those_of_a_song_are_printed(extra_corpora: Path, tmp_path: Path) -> None:
    """Holmès' "À Trianon": the left hand leaves the treble staff as the voice comes in."""
    with ZipFile(extra_corpora / "openscore" / "lieder.zip") as archive:
        name = next(name for name in archive.namelist() if "Trianon" in name and name.endswith(".mxl"))
        (tmp_path / "song.mxl").write_bytes(archive.read(name))
    (piece,) = read_score(tmp_path / "song.mxl")
    assert clefs(piece)[:4] == [(15, 2, 0, "bass"), (24, 2, 0, "treble"), (33, 2, 48, "bass"), (35, 2, 12, "treble")]
    assert clefs(read_musicxml(musicxml_bytes(piece))) == clefs(*read_abc(write_abc(piece))) == clefs(piece)
    toolkit = load_into_verovio(piece)
    pages = [toolkit.renderToSVG(page) for page in range(1, toolkit.getPageCount() + 1)]
    first_of_staves = sum(len(re.findall(r'class="staff"', page.split('class="measure')[1])) for page in pages)
    assert sum(page.count('class="clef') for page in pages) == pytest.approx(first_of_staves + len(clefs(piece)), abs=2)
