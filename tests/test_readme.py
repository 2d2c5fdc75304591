"""What the README shows can be typed."""

import re
import shlex
from pathlib import Path

import click
import pytest

from remi_two_stage.cli import application
from remi_two_stage.scores.formats import read_score
from remi_two_stage.scores.read_abc import read_abc

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    remi-two-stage (.+)$", README, re.MULTILINE)


def test_the_python_lines_compose_a_tune(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    block, _ = re.findall(r"```python\n(.+?)```", README, re.DOTALL)
    exec(compile(block, "README.md", "exec"), {})
    (piece,) = read_score(tmp_path / "jig.musicxml")
    assert (piece.bar_count, piece.key.spoken, str(piece.meter)) == (16, "D major", "6/8")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_are_understood(command: str) -> None:
    name, *arguments = shlex.split(command, comments=True)
    parent = click.Context(application, **application.context_settings)
    assert application.commands[name].make_context(name, arguments, parent).info_name == name


def test_the_tune_shown_is_a_tune() -> None:
    (text,) = re.findall(r"```abc\n(.+?)```", README, re.DOTALL)
    (piece,) = read_abc(text)
    assert piece.bar_count == 16
    assert all(bar.chords for bar in piece.bars)


def test_the_file_tree_names_every_module_of_core_and_scores() -> None:
    modules = [path.name for folder in ("core", "scores") for path in (ROOT / "remi_two_stage" / folder).glob("*.py")]
    assert [name for name in modules if name not in README and name != "__init__.py"] == []
