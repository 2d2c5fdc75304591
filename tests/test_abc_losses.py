"""What ABC has no place for is counted, and nothing else is lost."""

import json
import random
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from musicxml_scores import all_notation, note, scale, score

from remi_two_stage.cli import main
from remi_two_stage.core.notation import Lyric, Notation, Span, TempoMark
from remi_two_stage.core.piece import Piece
from remi_two_stage.scores.abc_losses import abc_losses
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.musicxml_reader import read_musicxml

KNOWN = {
    "the line of a syllable over one note",
    "that a tempo names no note value, or another",
    "where a slur that crosses another begins or ends",
    "where a slur that leads to another voice ends",
    "a hairpin",
}


def with_notation(*records: Notation, tempo: TempoMark | None = None) -> Piece:
    (piece,) = read_abc("X:1\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|]\n")
    bar = replace(piece.bars[0], notation=(records,))
    last = replace(piece.bars[1], tempos=(tempo,) if tempo else ())
    return replace(piece, bars=(bar, last))


def test_nothing_is_lost_of_what_abc_can_say() -> None:
    assert abc_losses(all_notation()) == ()


@pytest.mark.parametrize(
    ("piece", "losses"),
    [
        (with_notation(Lyric(0, "Lord", 1, "_"), Lyric(24, "God")), {"the line of a syllable over one note": 1}),
        (with_notation(Lyric(0, "Lord", 1, "_"), Lyric(24, "", 1, "_")), {}),
        (
            with_notation(tempo=TempoMark(0, 92, "a tempo", 0)),
            {"that a tempo names no note value, or another": 1},
        ),
        (with_notation(tempo=TempoMark(0, 92, "a tempo", 24)), {}),
        (
            with_notation(Span(0, "slur", 0, 48), Span(24, "slur", 0, 72)),
            {"where a slur that crosses another begins or ends": 2},
        ),
        (with_notation(Span(0, "slur", 0, 72), Span(24, "slur", 0, 48)), {}),
    ],
)
def test_what_is_lost_is_counted(piece: Piece, losses: dict[str, int]) -> None:
    assert dict(abc_losses(piece)) == losses


def test_songs_lose_little_and_no_syllable(extra_corpora: Path) -> None:
    with zipfile.ZipFile(extra_corpora / "openscore" / "lieder.zip") as songs:
        names = sorted(name for name in songs.namelist() if name.endswith(".mxl"))
        chosen = random.Random(4).sample(names, 6)
        lost = dict(loss for name in chosen for loss in abc_losses(read_musicxml(songs.read(name))))
    assert lost.keys() <= KNOWN


def test_the_command_says_what_abc_has_no_place_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "song.musicxml", tmp_path / "song.abc"
    lyric = '<lyric><text>Lord</text><extend type="start"/></lyric>'
    source.write_bytes(score([note("C", inside=lyric) + "<note><rest/><duration>4</duration></note>" + scale("EF")]))
    assert main(["render", str(source), str(target)]) == 0
    assert "ABC has no place for: the line of a syllable over one note (1)" in capsys.readouterr().out
    assert main(["render", str(source), str(target), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["losses"] == {"the line of a syllable over one note": 1}
