"""Every example runs as it stands."""

import os
import subprocess
import sys
from pathlib import Path

from remi_two_stage.core.piece import Key, Meter
from remi_two_stage.scores.formats import read_score

EXAMPLES = Path(__file__).parents[1] / "examples"


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
