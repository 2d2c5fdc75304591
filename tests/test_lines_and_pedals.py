"""Octave lines and the pedal: the same signs in ABC and MusicXML, at the same notes."""

import os
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from musicxml_scores import note, score

from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.notation import Mark, Span
from remi_two_stage.core.piece import Piece
from remi_two_stage.edits.files import edited_bytes
from remi_two_stage.rendering.engraving import engrave
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.musicxml_reader import read_musicxml
from remi_two_stage.scores.musicxml_writer import musicxml_bytes

PIANO = """X:1
T:Nocturne
M:4/4
L:1/4
K:G
V:1
V:2 clef=bass
[V:1] d' e' f' g' | !8va(!a' b' c'' d'' | e''2 !8va)!d''2 | d4 |]
[V:2] !8vb(!!ped!G,,2 !ped-up!D,,2!8vb)! | !ped!A,,2 !ped-up!!ped!E,,2 | G,,4 !ped-up! | !ped!G,,4 !ped-up! |]
"""


def said(piece: Piece) -> list[tuple[int, int, str]]:
    """The bars, voices and names of a piece's marks and spans."""
    return [
        (index, voice, record.name)
        for index, bar in enumerate(piece.bars)
        for voice, records in enumerate(bar.notation)
        for record in records
        if isinstance(record, Mark | Span)
    ]


def direction(inside: str) -> str:
    return f"<direction><direction-type>{inside}</direction-type></direction>"


def test_signs_of_abc_are_those_of_musicxml_and_come_back() -> None:
    (piece,) = read_abc(PIANO)
    written = musicxml_bytes(piece).decode()
    assert '<octave-shift type="down" size="8" number="1"/>' in written
    assert '<octave-shift type="up" size="8" number="1"/>' in written
    assert written.count('<octave-shift type="stop"') == 2
    assert written.count('<pedal type="start"') == written.count('<pedal type="stop"') == 4
    assert "other-articulation" not in written
    again = read_musicxml(written.encode())
    assert again.note_list() == piece.note_list()
    assert sorted(said(again)) == sorted(said(piece))
    assert [bar.notation[0] for bar in again.bars[1:2]] == [bar.notation[0] for bar in piece.bars[1:2]]
    text = write_abc(again)
    assert "!8va(!a'2 b'2 c''2 d''2 | e''4 !8va)!d''4 |" in text
    assert "!8vb(!!ped!G,,4 !8vb)!!ped-up!D,,4 |" in text
    assert said(read_abc(text)[0]) == said(again)


def test_notes_under_an_octave_line_sound_as_they_are_written() -> None:
    """In MusicXML and, as abc2midi plays it, in ABC."""
    up, stop = direction('<octave-shift type="down" size="15"/>'), direction('<octave-shift type="stop" size="15"/>')
    piece = read_musicxml(score([up + note("C", 4) + note("D", 12) + stop, note("E", 16)]))
    (again,) = read_abc(write_abc(piece))
    assert [pitch for *_, pitch in again.note_list()] == [60, 62, 64]
    assert again.bars[0].notation == piece.bars[0].notation == ((Span(0, "15ma", 0, 24),),)
    assert not piece.losses


def test_a_line_that_does_not_end_is_counted() -> None:
    piece = read_musicxml(score([direction('<octave-shift type="up" size="8"/>') + note("C", 16)]))
    assert piece.losses == (("an octave line without an end", 1),)
    (piece,) = read_abc("X:1\nM:2/4\nL:1/4\nK:C\n!8va(!c d|e2|]\n")
    assert piece.losses == (("an octave line without an end", 1),)


def test_a_pedal_that_is_changed_is_released_and_pressed() -> None:
    start, change, stop = (direction(f'<pedal type="{kind}" line="yes"/>') for kind in ("start", "change", "stop"))
    piece = read_musicxml(score([start + note("C", 8) + change + note("D", 8), stop + note("E", 16)]))
    assert "!ped!C4 !ped-up!!ped!D4 | !ped-up!E8 |]" in write_abc(piece)


def test_edits_keep_lines_and_pedals() -> None:
    """A rewritten bar keeps its pedal, and an octave line that goes on from it ends where it did."""
    (piece,) = read_abc(PIANO)
    source = musicxml_bytes(piece)
    before = read_musicxml(source)
    (other,) = read_abc(PIANO.replace("b' c''", "c'' b'").replace("!ped-up!!ped!E,,2", "!ped-up!!ped!C,,2"))
    edited = read_musicxml(edited_bytes(source, ".musicxml", before, read_musicxml(musicxml_bytes(other))).content)
    assert edited.note_list() == other.note_list()
    assert sorted(said(edited)) == sorted(said(before))


@pytest.mark.skipif(shutil.which("mscore3") is None, reason="MuseScore is not installed")
def test_musescore_shows_them(tmp_path: Path) -> None:
    source, shown = tmp_path / "piano.musicxml", tmp_path / "piano.mscx"
    source.write_bytes(musicxml_bytes(read_abc(PIANO)[0]))
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    subprocess.run(["mscore3", "-o", shown, source], check=True, capture_output=True, env=environment, timeout=120)
    text = shown.read_text(encoding="utf-8")
    assert (text.count("<Ottava>"), text.count("keyboardPedalPed"), text.count("keyboardPedalUp")) == (2, 4, 4)


def test_pictures_show_notes_under_octave_lines_on_the_staff() -> None:
    pytest.importorskip("verovio")
    above, below = (
        f"X:1\nM:4/4\nL:1/4\nK:C\nV:1\nV:2 clef=bass\n[V:1]c4|]\n[V:2]{music}|]"
        for music in ("!8vb(!C,,2!8vb)!D,,2", "C,2D,2")
    )
    heads = [
        re.findall(r'class="notehead".*?translate\(\d+, (\d+)\)', engrave(read_abc(text)[0]).svg(), re.DOTALL)
        for text in (above, below)
    ]
    assert heads[0] == heads[1]


def test_a_pedal_that_is_changed_has_two_signs_in_pictures() -> None:
    """One before the bar line and one behind it; verovio has them one upon the other."""
    (piece,) = read_abc(PIANO.replace("G,,4 !ped-up! | !ped!G,,4", "!ped!G,,4 | !ped-up!!ped!G,,4"))
    signs = re.findall(r'class="pedal">.*?translate\((\d+), ', engrave(piece).svg(), re.DOTALL)
    places = sorted(map(int, signs))
    assert len(places) == 8
    assert min(after - before for before, after in pairwise(places)) > 300
