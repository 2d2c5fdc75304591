"""The command line: what it writes, and one clear line with exit code 2 for what cannot be."""

import re
import subprocess
import sys
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


def test_several_tunes_have_seeds_in_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compose", "--bars", "2", "--seed", "5", "--count", "3", "--output", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.glob("*.abc")) == [f"jig-in-d-major-{seed}.abc" for seed in (5, 6, 7)]
    alone = tmp_path / "alone"
    assert main(["compose", "--bars", "2", "--seed", "6", "--output", str(alone)]) == 0
    assert (alone / "jig-in-d-major-6.abc").read_text() == (tmp_path / "jig-in-d-major-6.abc").read_text()


def test_a_tune_is_extended_rewritten_and_harmonised(tmp_path: Path) -> None:
    source = tmp_path / "waltz.abc"
    source.write_text("X:1\nT:Waltz\nM:3/4\nL:1/4\nK:D\nFAd|f2e|dcB|A3|GBd|c2B|A2G|F3|]\n")
    (waltz,) = read_score(source)
    seed = ["--seed", "1", "--output", str(tmp_path / "out")]
    written = tmp_path / "out" / "waltz-1.abc"
    assert main(["extend", str(source), "--bars", "4", *seed]) == 0
    (longer,) = read_score(written)
    assert longer.bar_count == 12
    assert longer.note_list()[: len(waltz.note_list())] == waltz.note_list()
    assert main(["rewrite", str(source), "3-4", "--chords", "G | A7", *seed]) == 0
    (changed,) = read_score(written)
    assert [bar.notes for bar in changed.bars[4:]] == [bar.notes for bar in waltz.bars[4:]]
    assert [bar.chords[0].label for bar in changed.bars[2:4]] == ["IV", "V7"]
    assert main(["harmonize", str(source), "--voices", "S,B", *seed]) == 0
    (duet,) = read_score(written)
    assert [note[1:] for note in duet.note_list() if note[0] == "S"] == [note[1:] for note in waltz.note_list()]


def test_nothing_is_imported_that_the_request_does_not_need(tmp_path: Path) -> None:
    """What takes seconds to load: torch for the help, music21 where no MusicXML is wanted."""
    steps = (
        "import sys; from remi_two_stage.cli import build_parser; build_parser()",
        "from remi_two_stage import Plan, write_score; from pathlib import Path",
        f"folder, piece = Path({str(tmp_path)!r}), Plan.parse('I | V').skeleton",
        "write_score(piece, folder / 'tune.abc'); write_score(piece, folder / 'tune.mid')",
        "print([name for name in ('torch', 'transformers', 'datasets', 'music21') if name in sys.modules])",
    )
    ran = subprocess.run([sys.executable, "-c", "; ".join(steps)], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


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
        (["compose", "--count", "0"], "--count is 0; it must be from 1 to 1000"),
        (["compose", "--candidates", "0"], "cannot choose among 0 candidates; ask for 1 to 64"),
        (["realize", "I | Xv"], "bar 2: there is no chord 'Xv'"),
        (["extend", "no-such.abc"], "no-such.abc"),
        (["rewrite", "TUNE", "9-4"], "cannot rewrite the bars (9, 4)"),
        (["rewrite", "TUNE", "all"], "the bars are 'all'; write the first and the last, such as 5-8"),
        (["harmonize", "TUNE", "--tune", "9"], "there is no tune 9 in"),
        (["train", "--corpus", "no-such-folder", "--output", "out"], "no-such-folder"),
        (["evaluate", "--data", "no-such-folder"], "no-such-folder"),
    ],
)
def test_what_cannot_be_gets_one_clear_line_and_exit_code_2(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tune_books: dict[str, list[Path]],
) -> None:
    monkeypatch.chdir(tmp_path)
    tune = str(tune_books["ryansMammoth"][0])
    assert main([tune if argument == "TUNE" else argument for argument in arguments]) == 2
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
