"""`prepare`, `train` and `evaluate`: from a corpus to a model and its figures."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import asdict
from io import StringIO

import click

from ..data.arguments import Preparation
from ..training.arguments import TrainingPlan
from .composing import keep_libraries_quiet
from .flags import command, with_flags
from .reporting import Reporting


@command(
    "prepare",
    (
        "remi-two-stage prepare --corpus path/to/tunes --output prepared",
        "A folder of tunes, read once for all that follows",
    ),
    ("remi-two-stage prepare --corpus music21 --augment crop", "The tune books of music21, and phrases of them alone"),
)
@with_flags(preparation=Preparation, reporting=Reporting)
def prepare(preparation: Preparation, reporting: Reporting) -> None:
    """Read a corpus once, into Parquet that training, evaluation and datasets load."""
    from ..data.preparation import prepare_corpus

    corpus = prepare_corpus(preparation, progress=not reporting.quiet)
    data = {"corpus": corpus.name, "folder": str(corpus.folder), "splits": corpus.sizes()}
    reporting.result(corpus.report(), data | corpus.summary.to_dict())


@command(
    "train",
    ("remi-two-stage train --corpus music21 --output my-model", "Both stages on the tunes that come with music21"),
    (
        "remi-two-stage train --corpus prepared --output my-model --stage planner",
        "The planner alone; the detail generator later",
    ),
)
@with_flags(plan=TrainingPlan, reporting=Reporting)
def train(plan: TrainingPlan, reporting: Reporting) -> None:
    """Train both stages on a corpus; the same command goes on with a stopped run."""
    from ..training.trainer import train_two_stage

    with _remarks_apart(reporting):
        folder = train_two_stage(plan)
    reporting.result(f"wrote {folder}", {"model": str(folder)})


@contextmanager
def _remarks_apart(reporting: Reporting) -> Iterator[None]:
    """Keep off standard output what is no result: to standard error beside JSON, nowhere if quiet."""
    if reporting.quiet:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            yield
    elif reporting.json:
        with redirect_stdout(sys.stderr):
            yield
    else:
        yield


@command(
    "evaluate", ("remi-two-stage evaluate --model my-model --corpus music21", "A model on the tunes held out from it")
)
@click.option("--model", help="folder or Hub repository  [default: the checkpoint in the package]")
@click.option("--corpus", required=True, help="music21, files as prepare takes them, or what it wrote")
@with_flags(reporting=Reporting)
def evaluate(model: str | None, corpus: str, reporting: Reporting) -> None:
    """Measure the held-out likelihood of a model beside n-gram models."""
    from ..composer import EMBEDDED
    from ..evaluation.likelihood import compare_likelihood

    keep_libraries_quiet()
    table = compare_likelihood(model or EMBEDDED, corpus)
    reporting.result(str(table), asdict(table))


COMMANDS = (prepare, train, evaluate)
