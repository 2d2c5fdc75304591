"""The examples of training run as they stand, on a few tunes."""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pyarrow.parquet as pq
import pytest
import torch
from tiny_runs import copy_tunes

from remi_two_stage.core.modeling_remi import TwoStageModel
from remi_two_stage.corpus.arguments import Preparation
from remi_two_stage.corpus.preparation import prepare_corpus
from remi_two_stage.scores.abc_reader import read_abc

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[1] / "examples"
PLANNER = ("--stage", "planner", "--planner-epochs", "1", "--max-length", "512")


@pytest.fixture(scope="module")
def tunes(tune_books: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_tunes(tune_books["ryansMammoth"][:10], tmp_path_factory.mktemp("ryan") / "tunes")


def run(*command: object, **environment: str) -> str:
    """What an example printed; it finds the commands of this environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment.pop('PATH', os.environ['PATH'])}"
    finished = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, check=False, env=os.environ | environment | {"PATH": path}
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def test_both_stages_from_scratch_on_a_folder(tunes: Path, tmp_path: Path) -> None:
    epochs = ("--planner-epochs", "1", "--detail-epochs", "1")
    run(sys.executable, EXAMPLES / "train_on_folder.py", tunes, tmp_path / "model", *epochs)
    assert read_abc(tmp_path / "model" / "first.abc")[0].bar_count == 8
    assert TwoStageModel.from_pretrained(tmp_path / "model").planner.config.hidden_size == 128


def test_the_embedded_checkpoint_learns_a_few_tunes(tunes: Path, tmp_path: Path) -> None:
    shown = run(
        sys.executable, EXAMPLES / "fine_tune.py", tunes, tmp_path / "model", "--epochs", "1", "--style", "reel"
    )
    assert "planner, epoch 0: held-out loss" in shown
    before, after = (read_abc(tmp_path / "model" / f"{name}.abc")[0] for name in ("before", "after"))
    assert before.bar_count == after.bar_count == 8


def test_several_processes_of_one_machine(tunes: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    options = ("--corpus", tunes, "--output", model, *PLANNER)
    shown = run(EXAMPLES / "train_in_processes.sh", 2, *options, CUDA_VISIBLE_DEVICES="")
    assert shown.count("splits    train") == shown.count("wrote ") == 1
    assert (model / "run" / "planner" / "finished" / "model.safetensors").exists()


def test_the_recipe_of_the_embedded_checkpoint_at_another_size(
    tune_books: dict[str, list[Path]], tunes: Path, tmp_path: Path
) -> None:
    """From what was fetched to held-out losses; a second call finds everything done."""
    (tmp_path / "corpora").mkdir()
    for number, name in enumerate(("hymns", "lieder", "quartets"), 1):
        with ZipFile(tmp_path / "corpora" / f"{name}.zip", "w") as archive:
            for path in tune_books["ryansMammoth"][10 * number : 10 * number + 10]:
                archive.write(path, path.name)
    small = ("--planner-size", "tiny", "--detail-size", "tiny", "--max-length", "512", "--batch-size", "2")
    short = ("--planner-epochs", "1", "--detail-epochs", "1", "--loaders", "0", "--device", "cpu")
    recipe = (EXAMPLES / "train_base.sh", tmp_path, 1, *small, *short)
    shown = run(*recipe, TUNES=str(tunes))
    assert "nats a token" in shown
    assert TwoStageModel.from_pretrained(tmp_path / "model").planner.dtype == torch.bfloat16
    assert "nats a token" in run(*recipe, TUNES=str(tunes))


def test_a_slurm_job_starts_a_process_for_every_gpu(tunes: Path, tmp_path: Path) -> None:
    """Slurm's own commands are stood in for: `srun` runs its command once, on the only machine."""
    commands = {"srun": 'exec "$@"', "scontrol": "echo 127.0.0.1"}
    for name, line in commands.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    slurm = {"SLURM_JOB_NODELIST": "node", "SLURM_JOB_NUM_NODES": "1", "SLURM_GPUS_ON_NODE": "2", "SLURM_JOB_ID": "1"}
    model = tmp_path / "model"
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    job = ("bash", EXAMPLES / "train.slurm", "--corpus", tunes, "--output", model, *PLANNER)
    shown = run(*job, **slurm, PATH=path, MASTER_PORT="0", CUDA_VISIBLE_DEVICES="")
    assert shown.count("splits    train") == 1
    assert (model / "run" / "planner" / "finished" / "model.safetensors").exists()


def test_parquet_shards_are_streamed(tunes: Path, tmp_path: Path) -> None:
    planner = ("--stage", "planner", "--steps", "2", "--max-length", "512")
    run(EXAMPLES / "train_on_parquet.sh", tunes, tmp_path / "corpus", tmp_path / "model", *planner)
    assert list((tmp_path / "corpus" / "data").glob("train-*.parquet"))
    assert (tmp_path / "model" / "run" / "planner" / "finished" / "model.safetensors").exists()


def test_two_workers_of_ray_prepare_the_same_parquet(tunes: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    run(sys.executable, EXAMPLES / "prepare_on_ray.py", tunes, tmp_path / "ray", "--workers", "2")
    alone = prepare_corpus(Preparation(str(tunes), tmp_path / "alone", processes=1), progress=False)
    for split in ("train", "validation", "test"):
        for path in alone.split(split).paths:
            assert pq.read_table(path).equals(pq.read_table(tmp_path / "ray" / "data" / path.name))
