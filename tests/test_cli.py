"""The command line: what it writes, and one clear line with exit code 2 for what cannot be."""

import re
from pathlib import Path

import pytest

from remi_two_stage.cli import main
from remi_two_stage.core.piece import Key, Meter
from remi_two_stage.core.plan import Plan
from remi_two_stage.scores.formats import read_score


def test_compose_writes_the_same_tune_in_three_formats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "folder"
    options = ["--style", "jig", "--key", "D", "--meter", "6/8", "--bars", "8", "--seed", "1"]
    assert main(["compose", *options, "--output", str(folder)]) == 0
    printed = capsys.readouterr()
    assert "chord plan, 8 bars in D major, 6/8, seed 1" in printed.out
    assert re.search(r"plan .* (\d+)/\1 bars", printed.err)
    assert re.search(r"notes .* (\d+)/\1 bars", printed.err)
    abc, midi, musicxml = (folder / f"jig-in-d-major-1{suffix}" for suffix in (".abc", ".mid", ".musicxml"))
    (piece,) = read_score(abc)
    assert (piece.bar_count, piece.key, piece.meter, piece.style) == (8, Key("D"), Meter(6, 8), "jig")
    assert read_score(musicxml)[0].note_list() == piece.note_list()
    played = [(onset, pitch) for _, onset, _, pitch in piece.note_list(unfold_repeats=True)]
    assert [(onset, pitch) for _, onset, _, pitch in read_score(midi)[0].note_list()] == played
    assert all(str(path) in printed.out for path in (abc, midi, musicxml))


def test_realize_keeps_the_chords_that_were_typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed = "|: D | G A7 | D | A :|"
    assert main(["realize", typed, "--key", "D", "--style", "reel", "--seed", "2", "--output", str(tmp_path)]) == 0
    (path,) = tmp_path.glob("*.abc")
    (piece,) = read_score(path)
    assert Plan.of(piece).text(names=True) == typed
    assert "seed 2" in capsys.readouterr().out


def test_plan_prints_a_plan_that_can_be_typed_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--style", "reel", "--key", "G", "--bars", "8", "--seed", "3"]) == 0
    title, *lines = capsys.readouterr().out.splitlines()
    assert title == "chord plan, 8 bars in G major, 2/2, seed 3"
    columns = [line.split("    ") for line in lines]
    roman = Plan.parse(" ".join(column[0] for column in columns), Key("G"), Meter(2, 2))
    names = Plan.parse(" ".join(column[-1] for column in columns), Key("G"), Meter(2, 2))
    assert roman == names
    assert roman.bar_count == 8


def test_tokens_prints_the_vocabulary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tokens"]) == 0
    assert "<PhraseStart> <RepeatStart> <RepeatEnd> <EndingEnd> <BarStart>" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compose", "--meter", "7/0"], "there is no metre 7/0"),
        (["compose", "--key", "H"], "there is no key 'H'"),
        (["compose", "--bars", "0"], "cannot write 0 bars; ask for 1 to 64"),
        (["compose", "--bars", "10000"], "cannot write 10000 bars"),
        (["compose", "--seed", "-1"], "the seed -1 is out of range"),
        (["compose", "--style", "polonaise"], "there is no style 'polonaise'"),
        (["compose", "--model", "no-such-folder"], "there is no model 'no-such-folder'"),
        (["compose", "--output", __file__], "is a file; name a folder"),
        (["realize", "I | Xv"], "bar 2: there is no chord 'Xv'"),
        (["train", "--corpus", "no-such-folder", "--output", "out"], "no-such-folder"),
        (["evaluate", "--corpus", "no-such-folder"], "no-such-folder"),
    ],
)
def test_what_cannot_be_gets_one_clear_line_and_exit_code_2(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("remi-two-stage: error: ")
    assert message in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "there is no ABC tune"), (b"\x00\x01MThd\x00", "this is no ABC text"), (b"just words\n", "no ABC tune")],
)
def test_a_corpus_that_is_no_music_is_named(
    content: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = tmp_path / "tunes.abc"
    corpus.write_bytes(content)
    assert main(["train", "--corpus", str(corpus), "--output", str(tmp_path / "model")]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert str(corpus) in error
    assert message in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--corpus", "music21"], "the following arguments are required: --output"),
        (["compose", "--bars", "x"], "argument --bars: invalid int value: 'x'"),
        (["sing"], "invalid choice: 'sing'"),
    ],
)
def test_options_that_cannot_be_get_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert "--help" in line
