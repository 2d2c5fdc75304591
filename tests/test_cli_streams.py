"""Tunes and plans through standard input and output."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Feed

from remi_two_stage.cli import main
from remi_two_stage.core.plan import Plan
from remi_two_stage.score_files import read_score
from remi_two_stage.scores.abc_reader import read_abc


def test_tunes_go_through_standard_streams(capfdbinary: pytest.CaptureFixture[bytes], feed: Feed) -> None:
    assert main(["compose", "--bars", "2", "--seed", "4", "--count", "2", "--output", "-"]) == 0
    printed = capfdbinary.readouterr()
    assert b"seed 4" in printed.err
    assert [line for line in printed.out.splitlines() if line.startswith(b"X:")] == [b"X:1", b"X:2"]
    first, second = read_abc(printed.out.decode())
    feed(printed.out)
    assert main(["extend", "-", "--tune", "2", "--bars", "1", "--seed", "1", "--output", "-"]) == 0
    (longer,) = read_abc(capfdbinary.readouterr().out.decode())
    assert longer.bar_count == 3
    assert longer.note_list()[:3] == second.note_list()[:3] != first.note_list()[:3]


@pytest.mark.parametrize("format_name", ["abc", "mid", "musicxml"])
def test_the_format_of_standard_input_is_recognised(
    format_name: str, capfdbinary: pytest.CaptureFixture[bytes], feed: Feed
) -> None:
    feed(b"D | G A7 | D")
    options = ["--key", "D", "--seed", "1", "--output", "-", "--formats", format_name]
    assert main(["realize", "-", *options]) == 0
    feed(capfdbinary.readouterr().out)
    assert main(["show", "-"]) == 0
    assert b"D major, 4/4" in capfdbinary.readouterr().out


def test_a_plan_is_read_with_the_mark_that_editors_put_before_text(
    capsys: pytest.CaptureFixture[str], feed: Feed
) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        feed("D | G\r\nA7 | D\r\n".encode(encoding))
        assert main(["realize", "-", "--key", "D", "--seed", "1", "--output", "-", "--quiet"]) == 0
        (piece,) = read_abc(capsys.readouterr().out)
        assert Plan.of(piece).text(names=True) == "D | G | A7 | D |"


@pytest.mark.parametrize("command", [["realize", "-"], ["show", "-"], ["rewrite", "-", "1"]])
def test_standard_input_that_is_closed_is_said(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert main(command) == 2
    assert "there is no standard input to read; give the path of a file in place of -" in capsys.readouterr().err


def test_render_writes_abc_to_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tune_books: dict[str, list[Path]]
) -> None:
    midi = tmp_path / "tune.mid"
    assert main(["render", str(tune_books["ryansMammoth"][0]), str(midi)]) == 0
    capsys.readouterr()
    assert main(["render", str(midi), "-"]) == 0
    printed = capsys.readouterr()
    (piece,), (expected,) = read_abc(printed.out), read_score(midi)
    assert piece.note_list() == expected.note_list()
    assert printed.err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("command", [["show"], ["show", "--json"], ["render", "-"]])
def test_a_full_disk_behind_standard_output_is_said_in_a_line(
    command: list[str], tune_books: dict[str, list[Path]]
) -> None:
    name, *options = command
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "remi_two_stage.cli", name, tune_books["ryansMammoth"][0], *options],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("remi-two-stage: error: standard output cannot be written: No space left on device;")
    assert done.stderr.count("\n") == 1


def test_standard_output_that_is_closed_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tune_books: dict[str, list[Path]]
) -> None:
    tune = str(tune_books["ryansMammoth"][0])
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["show", tune]) == 0
    assert main(["render", tune, "-"]) == 2
    assert capsys.readouterr().err == (
        "remi-two-stage: error: there is no standard output to write to; name a file in place of -\n"
    )
