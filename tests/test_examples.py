"""Every example runs as it stands."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from remi_two_stage.core.signatures import Key, Meter
from remi_two_stage.score_files import read_score

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"


def test_seed_flow_gives_a_new_chorale_in_the_old_key_and_metre(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(EXAMPLES / "seed_flow.py"), str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert run.returncode == 0, run.stderr
    (piece,) = read_score(tmp_path / "seed_flow.musicxml")
    assert piece.voices == ("S", "A", "T", "B")
    assert piece.key == Key("F#", "min")
    assert piece.meter == Meter(4, 4)
    assert len({voice for voice, *_ in piece.note_list()}) == 4


def test_a_corpus_of_ones_own_becomes_parquet(tune_books: dict[str, list[Path]], tmp_path: Path) -> None:
    tunes = tmp_path / "tunes"
    tunes.mkdir()
    for path in tune_books["ryansMammoth"][:12]:
        (tunes / path.name).write_bytes(path.read_bytes())
    command = [
        sys.executable,
        "-W",
        "error",
        str(EXAMPLES / "abc_corpus.py"),
        str(tunes),
        "--output",
        str(tmp_path / "out"),
    ]
    run = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert run.returncode == 0, run.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "test.parquet",
        "train.parquet",
        "validation.parquet",
    ]
    assert "train: 10 tunes" in run.stdout


def test_the_space_is_what_hugging_face_expects() -> None:
    space = EXAMPLES / "space"
    _, front_matter, _ = (space / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    settings = yaml.safe_load(front_matter)
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    assert settings["sdk"] == "gradio"
    assert settings["sdk_version"] == pins["gradio"]
    assert (space / settings["app_file"]).is_file()
    assert len(settings["short_description"]) <= 60
    assert (space / "requirements.txt").read_text() == "remi-two-stage[demo]\n"
    runpy.run_path(str(space / settings["app_file"]))  # defines the page, shows it only as a program
