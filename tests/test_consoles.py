"""Commands print on consoles that lack letters, and say the same there as far as these can."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from remi_two_stage.cli import application
from remi_two_stage.core.plan import Plan
from remi_two_stage.core.text import spelled_plainly

TUNE = """X:1
T:Łódź, Bjørn’s žalm ♯1 — 春
M:4/4
L:1/4
K:C
"C"CEGc | "Bm7b5"Bdfa | "C"c4 |]
"""
CONSOLES = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "cp1252"},
    {"PYTHONIOENCODING": "utf-8"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]
FULL, PLAIN, WESTERN = "Łódź, Bjørn’s žalm ♯1 — 春", "Lodz, Bjorn's zalm #1 - ?", "Lódz, Bjørn’s žalm #1 — ?"
TITLES = dict(zip(("ascii", "cp1252", "utf-8", None), (PLAIN, WESTERN, FULL, PLAIN), strict=True))


def ran(arguments: list[str], console: dict[str, str], folder: Path) -> subprocess.CompletedProcess[bytes]:
    """A command run in a folder and on a console."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHONIO"))
    }
    return subprocess.run(
        [sys.executable, "-m", "remi_two_stage.cli", *arguments],
        cwd=folder,
        env=environment | {"COLUMNS": "100"} | console,
        capture_output=True,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tune.abc").write_text(TUNE, encoding="utf-8")
    (tmp_path / "mélodie.abc").write_text(TUNE, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("console", CONSOLES, ids=lambda console: "-".join(console.values()))
def test_a_tune_is_shown_with_the_letters_that_there_are(console: dict[str, str], folder: Path) -> None:
    encoding = console.get("PYTHONIOENCODING")
    shown = ran(["show", "tune.abc"], console, folder)
    assert (shown.returncode, shown.stderr) == (0, b"")
    title, *lines = shown.stdout.decode(encoding or "ascii").splitlines()
    assert title == TITLES[encoding]
    assert lines[-2].split() == ["C", "Bm7b5", "C"]
    data = ran(["show", "tune.abc", "--json"], console, folder)
    assert (data.returncode, data.stderr) == (0, b"")
    piece = json.loads(data.stdout.decode(encoding or "ascii"))
    assert (piece["title"], piece["plan"]["roman"]) == (FULL, "I | viiø7 | I |")


@pytest.mark.parametrize("console", CONSOLES, ids=lambda console: "-".join(console.values()))
def test_plans_files_and_errors_are_printed_anywhere(console: dict[str, str], folder: Path) -> None:
    encoding = console.get("PYTHONIOENCODING")
    realized = ran(["realize", "C | Bm7b5 | C", "--seed", "1", "--output", "çà.abc"], console, folder)
    assert realized.returncode == 0, realized.stderr
    plan = re.search(r"^  (.+?)  ", realized.stdout.decode(encoding or "utf-8"), re.MULTILINE)
    assert plan is not None
    assert Plan.parse(plan[1]) == Plan.parse("I | viiø7 | I")
    assert (folder / "çà.abc").is_file()
    printed = realized.stdout.decode(encoding or "utf-8")
    assert printed.splitlines()[-1] == ("wrote ca.abc" if encoding == "ascii" else "wrote çà.abc")
    failed = ran(["show", "mélodie.abc", "--tune", "冬"], console, folder)
    assert failed.returncode == 2
    assert b"Traceback" not in failed.stderr
    rendered = ran(["render", "mélodie.abc", "mélodie.mid"], console, folder)
    assert (rendered.returncode, rendered.stderr) == (0, b"")
    assert rendered.stdout.decode(encoding or "utf-8").strip() == (
        "wrote melodie.mid" if encoding == "ascii" else "wrote mélodie.mid"
    )


@pytest.mark.parametrize("name", [None, *application.commands])
def test_help_is_printed_on_any_console(name: str | None) -> None:
    shown = CliRunner(charset="ascii").invoke(application, [*([name] if name else []), "--help"])
    assert (shown.exit_code, shown.exception) == (0, None)


@pytest.mark.parametrize(
    ("text", "encoding", "plain"),
    [
        ("viiø7 | iiø7", "ascii", "vii%7 | ii%7"),
        ("viiø7", "cp1252", "viiø7"),
        ("Dvořák: Už sem doma", "ascii", "Dvorak: Uz sem doma"),
        ("Dvořák: Už sem doma", "cp1252", "Dvorák: Už sem doma"),
        ("B♭ – F♯", "cp1252", "Bb – F#"),
        ("Straße, œuvre…", "ascii", "Strasse, oeuvre..."),
        ("Hy\u0302mne", "ascii", "Hymne"),
        ("夜曲", "cp1252", "??"),
        ("夜曲 ♭", "utf-8", "夜曲 ♭"),
    ],
)
def test_letters_that_are_missing_are_spelled_plainly(text: str, encoding: str, plain: str) -> None:
    assert spelled_plainly(text, encoding) == plain
