"""Tempos that a score plays and does not print: the `<sound>` of MusicXML alone, `%%printtempo` in ABC."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from musicxml_scores import scale, score

from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.piece import Piece
from remi_two_stage.rendering.engraving import engrave
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.musicxml_reader import read_musicxml
from remi_two_stage.scores.musicxml_writer import musicxml_bytes

PRINTED = (
    '<direction placement="above"><direction-type><metronome><beat-unit>quarter</beat-unit>'
    '<per-minute>72</per-minute></metronome></direction-type><sound tempo="72"/></direction>'
)
HIDDEN = PRINTED.replace("<metronome>", '<metronome print-object="no">')
SOUND = '<sound tempo="72"/>'


def said(piece: Piece) -> list[tuple[int, float | None, bool]]:
    """The bars, tempos and silence of a piece's marks."""
    return [(index, mark.tempo, mark.is_silent) for index, bar in enumerate(piece.bars) for mark in bar.tempos]


@pytest.mark.parametrize("begin", [SOUND, HIDDEN, f"<direction>{SOUND}</direction>"])
def test_a_tempo_that_is_not_printed_comes_back_silent(begin: str) -> None:
    piece = read_musicxml(score([begin + scale(), scale(), SOUND.replace("72", "60") + scale()]))
    assert piece.tempo == 72
    assert said(piece) == [(0, 72, True), (2, 60, True)]
    written = musicxml_bytes(piece)
    assert b"<metronome" not in written
    again = read_musicxml(written)
    assert (again.tempo, said(again)) == (piece.tempo, said(piece))


def test_in_abc_a_directive_says_so_once_if_none_is_printed() -> None:
    piece = read_musicxml(score([SOUND + scale(), SOUND.replace("72", "60") + scale()]))
    text = write_abc(piece)
    assert "%%printtempo 0\nQ:1/4=72\nV:" in text
    assert text.count("printtempo") == 1
    (again,) = read_abc(text)
    assert (again.tempo, said(again)) == (72, said(piece))


def test_in_abc_printed_tempos_stand_beside_silent_ones() -> None:
    piece = read_musicxml(score([SOUND + scale(), PRINTED.replace("72", "60") + scale(), SOUND + scale()]))
    text = write_abc(piece)
    assert "%%printtempo 0\nQ:1/4=72\n%%printtempo 1\nV:" in text
    assert "| [Q:1/4=60]" in text
    assert "| [I:printtempo 0][Q:1/4=72][I:printtempo 1]" in text
    (again,) = read_abc(text)
    assert said(again) == said(piece) == [(0, 72, True), (1, 60, False), (2, 72, True)]
    assert "printtempo" not in str(piece)


def test_a_printed_tempo_may_be_followed_by_silent_ones() -> None:
    """As players slow down at the end."""
    piece = read_musicxml(score([PRINTED + scale(), SOUND.replace("72", "60") + scale()]))
    text = write_abc(piece)
    assert "Q:1/4=72\n%%printtempo 0\nV:" in text
    assert said(read_abc(text)[0]) == said(piece) == [(1, 60, True)]


def test_words_with_a_sound_are_printed() -> None:
    words = f"<direction><direction-type><words>Adagio</words></direction-type>{SOUND}</direction>"
    piece = read_musicxml(score([words + scale()]))
    assert said(piece) == [(0, 72, False)]
    assert 'Q:"Adagio" 1/4=72' in write_abc(piece)
    assert "printtempo" not in write_abc(piece)


def test_a_picture_has_no_silent_tempo() -> None:
    pytest.importorskip("verovio")
    silent, printed = (read_musicxml(score([begin + scale(), scale()])) for begin in (SOUND, PRINTED))
    assert "= 72" not in engrave(silent).svg()
    assert "= 72" in engrave(printed).svg()
    later = read_musicxml(score([scale(), SOUND + scale()]))
    assert "= 72" not in engrave(later).svg()


@pytest.mark.skipif(shutil.which("mscore3") is None, reason="MuseScore is not installed")
def test_musescore_plays_it_and_prints_nothing(tmp_path: Path) -> None:
    source, shown = tmp_path / "silent.musicxml", tmp_path / "silent.mscx"
    source.write_bytes(musicxml_bytes(read_musicxml(score([SOUND + scale()]))))
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    subprocess.run(["mscore3", "-o", shown, source], check=True, capture_output=True, env=environment, timeout=120)
    text = shown.read_text(encoding="utf-8")
    assert "<tempo>1.2</tempo>" in text
    assert "= 72" not in text


@pytest.mark.skipif(shutil.which("abcm2ps") is None, reason="abcm2ps is not installed")
def test_abcm2ps_prints_those_alone_that_are_to_be_printed(tmp_path: Path) -> None:
    piece = read_musicxml(score([SOUND + scale(), PRINTED.replace("72", "60") + scale(), SOUND + scale()]))
    source = tmp_path / "tune.abc"
    source.write_text(write_abc(piece), encoding="utf-8")
    subprocess.run(["abcm2ps", "-g", "-O", tmp_path / "tune.svg", source], check=True, capture_output=True, timeout=30)
    (picture,) = tmp_path.glob("tune*.svg")
    text = picture.read_text(encoding="utf-8")
    assert ("= 60" in text, "= 72" in text) == (True, False)
