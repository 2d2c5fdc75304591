"""A choir on two staves: the same notes, words once, accidentals that hold for the staff."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from music21 import corpus

from remi_two_stage.cli import main
from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.instruments import staves_of
from remi_two_stage.core.piece import Piece
from remi_two_stage.rendering.close_score import Staff, on_staves, two_staves
from remi_two_stage.rendering.engraving import engrave, load_into_verovio
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.music21_bridge import from_music21
from remi_two_stage.scores.musicxml_reader import read_musicxml
from remi_two_stage.scores.musicxml_writer import musicxml_bytes, printed_musicxml

DOXOLOGY = """X:1
T:Old Hundredth
M:4/4
L:1/4
K:G
V:S
V:A
V:T clef=treble-8
V:B clef=bass
[V:S] G | !mf!GF^FD | (GA) B2 |]
w: All peo-ple that on earth_ do
w: Praise God, from whom all bless-ings_
[V:A] D | !mf!DDF=F | (DF) G2 |]
w: All peo-ple that on earth_ do
[V:T] B, | B,A,B,A, | B,D D2 |]
w: All peo-ple that on earth do
[V:B] G,, | G,,D,B,,D, | G,,D, G,2 |]
w: All peo-ple that on earth do
"""


@pytest.fixture
def hymn() -> Piece:
    (piece,) = read_abc(DOXOLOGY)
    return piece


def chorale() -> Piece:
    return from_music21(corpus.parse("bach/bwv66.6"))


def sounding(toolkit: Any) -> set[tuple[Fraction, int]]:
    """Onset in quarters and pitch of every note that verovio draws, tied ones too."""
    return {
        (Fraction(event["qstamp"]).limit_denominator(48), toolkit.getMIDIValuesForElement(name)["pitch"])
        for event in toolkit.renderToTimemap()
        for name in event.get("on", ())
    }


@pytest.mark.parametrize("make", [chorale, lambda: read_abc(DOXOLOGY)[0]])
def test_two_staves_have_the_notes_of_four(make: Any) -> None:
    piece = make()
    staves = two_staves(piece)
    assert staves is not None
    together, apart = load_into_verovio(piece, staves=staves), load_into_verovio(piece)
    assert sounding(together) == sounding(apart)
    drawn = ElementTree.fromstring(engrave(piece, note_ids=True, staves=staves).svg())
    groups = [group.get("class", "") for group in drawn.iter("{http://www.w3.org/2000/svg}g")]
    assert groups.count("staff") == 2 * len(piece.bars)
    assert groups.count("layer") == 4 * len(piece.bars)
    clefs = ElementTree.fromstring(printed_musicxml(on_staves(piece, staves))).iterfind(".//clef/sign")
    assert [clef.text for clef in clefs] == ["G", "F"]


def test_words_and_dynamics_stand_once(hymn: Piece) -> None:
    staves = two_staves(hymn)
    assert staves is not None
    root = ElementTree.fromstring(printed_musicxml(on_staves(hymn, staves)))
    women, men = root.findall("part")
    assert [text.text for text in women.iterfind(".//lyric[@number='1']/text")] == (
        "All peo ple that on earth do".split()
    )
    assert len(women.findall(".//lyric[@number='2']/text")) == 7
    assert men.find(".//lyric") is None
    assert len(women.findall(".//dynamics")) == 1
    assert [name.text for name in root.iterfind(".//part-name")] == ["S. A.", "T. B."]


def test_a_staff_on_which_both_voices_are_silent_has_one_rest() -> None:
    women = "[V:S] G4 | z4 |]\n[V:A] D4 | z4 |]\n"
    (piece,) = read_abc(
        "X:1\nM:4/4\nL:1/4\n%%score (S A) (T B)\nK:G\n" + women + "[V:T] B,4 | D4 |]\n[V:B] G,4 | z4 |]"
    )
    system = load_into_verovio(piece).renderToSVG(1)
    assert len(re.findall(r'class="(?:mRest|rest)', system)) == 2  # the women's, and the basses' beneath the tenors


def test_men_with_other_words_keep_them() -> None:
    echo = "Sing we now with one ac cord"
    tenor, _, bass = DOXOLOGY.partition("[V:B]")
    (other,) = read_abc(tenor.removesuffix("All peo-ple that on earth do\n") + f"{echo}\n[V:B]" + bass)
    staves = two_staves(other)
    assert staves is not None
    _, men = ElementTree.fromstring(printed_musicxml(on_staves(other, staves))).findall("part")
    assert [text.text for text in men.iterfind(".//lyric/text")] == echo.split()


def test_an_accidental_of_one_voice_is_taken_back_in_another() -> None:
    (piece,) = read_abc(
        "X:1\nM:4/4\nL:1/4\nK:C\nV:S\nV:A\nV:T\nV:B\n"
        "[V:S] ^FGAB|c4|]\n[V:A] DFFD|C4|]\n[V:T] A,4|G,4|]\n[V:B] D,4|C,4|]\n"
    )
    staves = two_staves(piece)
    assert staves is not None
    women = ElementTree.fromstring(printed_musicxml(on_staves(piece, staves))).find("part")
    assert women is not None
    assert [sign.text for sign in women.iter("accidental")] == ["sharp", "natural"]


@pytest.mark.parametrize("voices", [("M",), ("S", "B"), ("Violin1", "Violin2", "Viola", "Cello"), ("V1", "V2", "V3")])
def test_other_pieces_have_a_staff_for_each_voice(voices: tuple[str, ...]) -> None:
    music = "".join(f"[V:{voice}] C4|]\n" for voice in voices)
    (piece,) = read_abc("X:1\nM:4/4\nL:1/4\nK:C\n" + "".join(f"V:{voice}\n" for voice in voices) + music)
    assert two_staves(replace(piece, voices=voices)) is None


def test_staves_may_have_names_of_their_own(hymn: Piece) -> None:
    score = printed_musicxml(on_staves(hymn, [Staff((0,), "Before"), Staff((1, 2, 3), "After")])).decode()
    assert re.findall("<part-name>(.*?)</part-name>", score) == ["Before", "After"]
    assert score.count("<part ") == 2


def test_render_sets_a_choir_on_two_staves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hymn.abc").write_text(DOXOLOGY)
    assert main(["render", str(tmp_path / "hymn.abc"), str(tmp_path / "hymn.svg"), "--two-staves"]) == 0
    assert (tmp_path / "hymn.svg").read_text().count('class="staff"') == 6
    (tmp_path / "tune.abc").write_text("X:1\nK:C\nC4|]\n")
    capsys.readouterr()
    assert main(["render", str(tmp_path / "tune.abc"), str(tmp_path / "tune.pdf"), "--two-staves"]) == 2
    assert "two staves are for a choir of three or four voices, this piece has M" in capsys.readouterr().err


HYMN = """X:1
T:Old Hundredth
M:4/4
L:1/8
%%score [(S A) (T B)]
V:S clef=treble
V:A clef=treble
V:T clef=bass
V:B clef=bass
K:G
[V:S] G4 G2 F2 | E2 D2 G2 A2 | B8 |]
w: All peo-ple that on earth do dwell
[V:A] D4 D2 D2 | C2 D2 E2 F2 | G8 |]
[V:T] B,4 B,2 B,2 | A,2 B,2 C2 D2 | D8 |]
[V:B] G,4 G,2 B,2 | C,2 D,2 E,2 D,2 | G,8 |]
"""


def test_voices_that_share_a_staff_in_abc_do_so_in_pictures_and_come_back() -> None:
    (piece,) = read_abc(HYMN)
    assert staves_of(piece) == [range(2), range(2, 4)]
    assert write_abc(piece) == HYMN
    again = read_musicxml(musicxml_bytes(piece))
    assert again.note_list() == piece.note_list()
    assert write_abc(again) == HYMN
    picture = engrave(piece).svg()
    assert picture.count('class="clef"') == 2
    assert {"S. A.", "T. B."} <= set(re.findall(r">([^<>]+)</text>", picture))


def test_a_second_fiddle_stands_on_the_same_staff_under_one_name() -> None:
    header = 'X:1\nM:2/4\nL:1/4\n%%staves (1 2)\nV:1 name="Fiddles"\nV:2\nK:G\n'
    (piece,) = read_abc(header + "[V:1]gf|d2|]\n[V:2]dd|B2|]\n")
    assert "%%score (V1 V2)\n" in write_abc(piece)
    picture = engrave(piece).svg()
    assert picture.count('class="clef"') == 1
    assert ">Fiddles</text>" in picture
    (apart,) = read_abc(header.replace("(1 2)", "1 2") + "[V:1]gf|d2|]\n[V:2]dd|B2|]\n")
    assert engrave(apart).svg().count('class="clef"') == 2


def test_voices_that_sing_other_words_keep_their_staves_in_pictures() -> None:
    words = "w: Sing to the Lord with cheer-ful voice\n"
    (piece,) = read_abc(HYMN.replace("D,2 | G,8 |]\n", "D,2 | G,8 |]\n" + words))
    assert engrave(piece).svg().count('class="clef"') == 2  # one of tenor and bass has words
    (piece,) = read_abc(HYMN.replace("F2 | G8 |]\n", "F2 | G8 |]\n" + words))
    assert "[(S A) (T B)]" in write_abc(piece)
    assert engrave(piece).svg().count('class="clef"') == 3
