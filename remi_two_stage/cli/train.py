"""`prepare`, `train`, `evaluate` and `push`: from a corpus to a model, its evaluation and its repository on the Hub."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import click

from ..corpus.arguments import Preparation
from ..evaluation.arguments import Evaluation
from ..training.arguments import TrainingPlan
from .compose import keep_libraries_quiet
from .flags import command, with_flags, with_given_flags
from .output import Reporting


@command(
    "prepare",
    (
        "remi-two-stage prepare --corpus path/to/tunes --output prepared",
        "A folder of tunes, read once for all later commands",
    ),
    ("remi-two-stage prepare --corpus music21 --augment crop", "The tune books of music21, plus excerpts of the tunes"),
)
@with_flags(preparation=Preparation, reporting=Reporting)
def prepare(preparation: Preparation, reporting: Reporting) -> None:
    """Convert a corpus to Parquet files, which training, evaluation and the datasets library load."""
    from ..corpus.preparation import prepare_corpus

    corpus = prepare_corpus(preparation, progress=not reporting.quiet)
    data = {"corpus": corpus.name, "folder": str(corpus.folder), "splits": corpus.sizes()}
    reporting.result(corpus.report(), data | corpus.summary.to_dict())


@command(
    "train",
    ("remi-two-stage train --corpus music21 --output my-model", "Both stages on the tunes that come with music21"),
    (
        "remi-two-stage train --corpus prepared --output my-planner --stage planner",
        "The planner alone; the detail generator later",
    ),
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="JSON file of options, such as a run's arguments.json; flags take precedence",
)
@with_given_flags(TrainingPlan)
@with_flags(reporting=Reporting)
def train(config: Path | None, given: dict[str, Any], reporting: Reporting) -> None:
    """Train both stages on a corpus. The same command resumes a stopped run."""
    plan = TrainingPlan.of(config, **given)
    from ..training.trainer import TwoStageTrainer

    with _remarks_apart(reporting):
        folder = TwoStageTrainer(plan).train()
    if _leave_other_processes():
        reporting.result(f"wrote {folder}", {"model": str(folder)})


def _leave_other_processes() -> bool:
    """End what processes of one run talk through; one that exits while it is at work may be aborted.

    Returns:
        Whether this process is the first of them, or the only one.
    """
    import torch

    if not torch.distributed.is_initialized():
        return True
    is_first = torch.distributed.get_rank() == 0
    torch.distributed.destroy_process_group()
    return is_first


@contextmanager
def _remarks_apart(reporting: Reporting) -> Iterator[None]:
    """Keep remarks off standard output: to standard error with JSON, nowhere if quiet."""
    if reporting.quiet:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            yield
    elif reporting.json:
        with redirect_stdout(sys.stderr):
            yield
    else:
        yield


@command(
    "evaluate",
    ("remi-two-stage evaluate --data music21 --ngrams", "The embedded checkpoint, on the tunes held out from it"),
    ("remi-two-stage evaluate --model my-model --data path/to/tunes --json", "A model, on all tunes of a folder"),
)
@with_flags(asked=Evaluation, reporting=Reporting)
def evaluate(asked: Evaluation, reporting: Reporting) -> None:
    """Evaluate a model: likelihood, and its music compared with real music."""
    import torch

    from ..evaluation.report import evaluate as measure

    keep_libraries_quiet()
    torch.set_num_threads(1)
    report = measure(asked)
    reporting.result(str(report), json.loads(report.json()))


@command(
    "push",
    ("remi-two-stage push my-model you/jigs --private", "A model, its card and its code, visible only to you"),
    ("remi-two-stage push my-model you/jigs --revision v2", "Another version, on its own branch"),
)
@click.argument("folder", metavar="DIR")
@click.argument("repository", metavar="REPO")
@click.option("--private", is_flag=True, help="hide the repository from others")
@click.option("--revision", help="a branch, created if it does not exist  [default: main]")
@with_flags(reporting=Reporting)
def push(folder: str, repository: str, private: bool, revision: str | None, reporting: Reporting) -> None:
    """Push a model folder to the Hub as user/name. If a push is interrupted, the same command completes it."""
    from ..hub.push import push_folder

    keep_libraries_quiet()
    commit = push_folder(folder, repository, private=private or None, revision=revision)
    reporting.result(f"pushed {commit}", {"commit": commit})


COMMANDS = (prepare, train, evaluate, push)
