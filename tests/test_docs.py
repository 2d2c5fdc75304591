"""The pages of the docs are what their script writes, and everyday commands and tutorials can be followed."""

import os
import re
import runpy
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from shown import ROOT, TUTORIALS, commands, tutorial_steps

from remi_two_stage.cli import main
from remi_two_stage.score_files import read_score, write_score
from remi_two_stage.training.arguments import EPOCHS

SCRIPT = runpy.run_path(str(ROOT / "docs" / "generate.py"))

TUNE_BOOK = """X:1
T:Waltz
M:3/4
L:1/4
K:D
"D"FAd|"D"f2e|"G"dcB|"A7"A3|"G"GBd|"A7"c2B|"A7"A2G|"D"F3|]

X:2
T:March
M:4/4
L:1/4
K:G
"G"GABc|"D7"d2A2|"G"BGBd|"G"g4|]
"""
HYMN = """X:1
T:Four bars
M:4/4
L:1/2
K:G
V:S
V:A
V:T
V:B
[V:S] G A | B A | A2- | A B |]
[V:A] D D | D E | D2 | D D |]
[V:T] B, C | D C | A,2 | A, G, |]
[V:B] G, F, | G, A, | D,2 | F, G, |]
"""


@pytest.mark.parametrize("name", SCRIPT["PAGES"])
def test_pages_are_those_of_the_script(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == SCRIPT["PAGES"][name](), "run python docs/generate.py"


def test_the_epochs_that_are_named_are_the_defaults() -> None:
    text = (ROOT / "docs" / "train_from_scratch.md").read_text(encoding="utf-8")
    assert f"by default {EPOCHS['planner']:g} for the planner and {EPOCHS['detail']:g} for the detail generator" in text


@pytest.fixture
def _desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the tunes that the commands name."""
    monkeypatch.chdir(tmp_path)
    Path("book.abc").write_text(TUNE_BOOK, encoding="utf-8")
    for name in ("tune.abc", "jig.abc"):
        Path(name).write_text(TUNE_BOOK.partition("\n\n")[0] + "\n", encoding="utf-8")
    shutil.copytree(ROOT / "docs", "docs", ignore=lambda _, names: [name for name in names if name[-4:] != ".abc"])
    write_score(read_score("tune.abc")[0], "melody.mid")
    Path("hymn.abc").write_text(HYMN, encoding="utf-8")


@pytest.mark.usefixtures("_desk")
@pytest.mark.parametrize("line", commands("everyday"))
def test_what_is_shown_can_be_done(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = shlex.split(line, comments=True)[1:]
    assert main(arguments) == 0, capsys.readouterr().err
    assert capsys.readouterr().out


def as_installed(tmp_path: Path) -> dict[str, str]:
    """The environment of a shell that finds this package's command."""
    command = tmp_path / "bin" / "remi-two-stage"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m remi_two_stage.cli "$@"\n')
    command.chmod(0o755)
    return os.environ | {
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
    }


@pytest.mark.slow
@pytest.mark.usefixtures("_desk")
@pytest.mark.parametrize("line", commands("shell"))
def test_what_is_shown_of_the_shell_can_be_done(line: str, tmp_path: Path) -> None:
    for path in re.findall(r"> ~/(.+)/", line):
        (tmp_path / path).mkdir(parents=True)
    command = ["bash", "-o", "pipefail", "-c", line]
    run = subprocess.run(command, env=as_installed(tmp_path), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.slow
@pytest.mark.parametrize("line", commands("demo"))
def test_what_is_shown_of_the_page_can_be_done(line: str, tmp_path: Path) -> None:
    pytest.importorskip("gradio")
    port = int(next(iter(re.findall(r"--port (\d+)", line)), 7860))
    with socket.socket() as trial:
        if trial.connect_ex(("127.0.0.1", port)) == 0:
            pytest.skip(f"somebody else listens on port {port}")
    environment = as_installed(tmp_path) | {"BROWSER": "true", "PYTHONUNBUFFERED": "1"}
    command = ["bash", "-c", f"exec {line}"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        said = server.stdout.readline()
        try:
            assert f":{port}" in said
            with urlopen(f"http://127.0.0.1:{port}/") as page:
                assert b"Two-Stage Composer" in page.read()
        finally:
            server.terminate()


@pytest.mark.slow
@pytest.mark.parametrize("page", [name for name in TUTORIALS if name != "share_on_the_hub"])
def test_tutorials_run_from_top_to_bottom(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    steps = tutorial_steps(page)
    assert len(steps) > 2
    for code, command in steps:
        if code:
            exec(compile(code, page, "exec"), names)
        else:
            assert main(shlex.split(command)) == 0, command
