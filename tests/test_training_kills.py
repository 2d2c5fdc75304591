"""A run that is killed, wherever that hits it, goes on as if nothing had been."""

import random
import signal
import time
from pathlib import Path

import pytest
import torch
from tiny_runs import copy_tunes, finish, start, weights

pytestmark = pytest.mark.slow

KILLED_WHILE_WRITING = """
import os, signal, sys
def kill(event, arguments):
    if event == "open" and str(arguments[0]).endswith("checkpoint-4/trainer_state.json") and "w" in str(arguments[1]):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(kill)
"""
FINISHED = Path("run", "planner", "finished")


@pytest.fixture(scope="module")
def run(tune_books: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """Arguments of a run with a checkpoint after every step, and dropout, whose random state has to be kept."""
    tunes = copy_tunes(tune_books["ryansMammoth"][:24], tmp_path_factory.mktemp("ryan") / "tunes")
    given = {"corpus": tunes, "stage": "planner", "planner-epochs": 6, "batch-size": 1, "max-length": 512,
             "dropout": 0.1, "save-minutes": 1e-6, "processes": 1, "device": "cpu"}  # fmt: skip
    return [text for name, value in given.items() for text in (f"--{name}", value)]


@pytest.fixture(scope="module")
def unbroken(run: list[object], tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    output = tmp_path_factory.mktemp("unbroken")
    assert finish(*run, "--output", output)[0] == 0
    return weights(output / FINISHED)


def steps_of(output: Path) -> int:
    return max((int(path.name[11:]) for path in output.glob("run/planner/checkpoint-*")), default=0)


def same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(found[name], expected[name]) for name in expected)


def test_three_kills_change_no_bit_of_the_weights(
    run: list[object], unbroken: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    draw = random.Random(5)
    first = start(*run, "--output", tmp_path, before=KILLED_WHILE_WRITING)
    first.communicate()
    assert first.returncode == -signal.SIGKILL
    assert (tmp_path / "run" / "planner" / "checkpoint-4" / "model.safetensors").exists()
    for _ in range(2):
        process, last = start(*run, "--output", tmp_path), steps_of(tmp_path) + draw.randint(1, 3)
        while steps_of(tmp_path) < last and process.poll() is None:
            time.sleep(0.002)
        time.sleep(draw.random() / 50)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not (tmp_path / FINISHED).exists()
    assert finish(*run, "--output", tmp_path)[0] == 0
    assert same(weights(tmp_path / FINISHED), unbroken)
