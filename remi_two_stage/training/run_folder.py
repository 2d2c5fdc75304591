"""What a run keeps on disk, so that it can be killed at any moment and resumed.

    arguments.json                 the resolved arguments; a --config file for the next run
    STAGE/checkpoint-STEP/         a state of the run; it is valid once it contains the file `whole`
    STAGE/best/                    the weights with the lowest held-out loss, when a run may stop early
    STAGE/finished/                the trained stage; of its checkpoint, only the record of its losses is left then
    STAGE/plans/                   the chords that the planner wrote for an epoch

A file or folder gets its name only when it is complete; what it replaces is removed after that.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from safetensors import SafetensorError

from ..atomic_files import write_whole
from ..core.errors import CheckpointError, RequestError
from .arguments import TrainingPlan

_WHOLE = "whole"
_LOSSES = "trainer_state.json"
_MAY_CHANGE = ("output", "stage", "processes", "loaders", "device", "save_minutes", "report_to")
"""Fields that a second start of the same run may give otherwise, since they change no result."""


def keep_or_compare(arguments: TrainingPlan, fingerprint: str) -> None:
    """Write the arguments into the run folder, or check that the run already there has the same arguments.

    Args:
        fingerprint: Of the corpus.

    Raises:
        CheckpointError: the folder holds a run with other arguments, or of another corpus.
        RequestError: the folder cannot be made.
    """
    path = arguments.run_folder / "arguments.json"
    ours = arguments.resolved()
    if path.exists():
        known = arguments.run_folder / "corpus"
        is_same_music = not known.exists() or known.read_text(encoding="utf-8") == fingerprint
        _compare(TrainingPlan.of(path, output=arguments.output), arguments, is_same_music)
        if not is_same_music:
            raise CheckpointError(
                f"{arguments.output} holds a run that began before {' or '.join(arguments.corpus)} changed; "
                "name another `output`"
            )
        return
    try:
        arguments.run_folder.mkdir(parents=True, exist_ok=True)
        (arguments.run_folder / "corpus").write_text(fingerprint, encoding="utf-8")
        write_whole(path, json.dumps(ours, indent=2).encode() + b"\n")
    except OSError as error:
        raise RequestError(
            f"nothing can be written to {str(arguments.output)!r}: {error.strerror}; give another `output`"
        ) from None


def _compare(theirs: TrainingPlan, ours: TrainingPlan, is_same_music: bool) -> None:
    """Check that a run has the same arguments as before.

    Raises:
        CheckpointError: it has not; corpora that hold the same music may have moved.
    """
    then, now = theirs.resolved(), ours.resolved()
    changed = [name for name in now if name not in _MAY_CHANGE and then[name] != now[name]]
    if is_same_music:
        if _weights(theirs) == _weights(ours):
            changed = [name for name in changed if name != "corpus"]
        if theirs.validation and ours.validation:
            changed = [name for name in changed if name != "validation"]
    if changed:
        listed = "; ".join(f"`{name}` {_shown(then[name])}, now {_shown(now[name])}" for name in changed)
        raise CheckpointError(
            f"{ours.output} holds a run with other arguments ({listed}); give the same ones to go on with it, or "
            "another `output`"
        )


def _weights(arguments: TrainingPlan) -> list[float]:
    return [corpus.weight for corpus in arguments.corpora]


def _shown(value: Any) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)


def save_whole(save: Callable[[str], Any], folder: Path, is_writer: bool = True) -> None:
    """Have `save` fill a folder so that it is there whole or not at all, in place of one that was there.

    Args:
        save: Called with a folder; in a run of several processes, by all of them.
        is_writer: Whether this process is the one that puts the folder in its place.
    """
    unfinished, old = folder.with_name(f"{folder.name}.unfinished"), folder.with_name(f"{folder.name}.old")
    with written_to(folder):
        save(str(unfinished))
        if is_writer:
            shutil.rmtree(old, ignore_errors=True)
            if folder.exists():
                folder.replace(old)
            unfinished.replace(folder)
            shutil.rmtree(old, ignore_errors=True)


@contextmanager
def written_to(folder: Path) -> Iterator[None]:
    """Say in one line why a folder cannot be written to.

    Raises:
        CheckpointError: whatever was to be written could not be.
    """
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:
        is_of_disk = not isinstance(error, RuntimeError) or "write" in str(error)
        if not is_of_disk:
            raise
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error).splitlines()[0]
        raise CheckpointError(
            f"{str(folder)!r} cannot be written: {why}; the last whole checkpoint is kept, make room and start again "
            "to go on from it"
        ) from None


@contextmanager
def read_from(checkpoint: Path | None) -> Iterator[None]:
    """Say in one line why a run cannot resume from a checkpoint; pickles that would run code are never read
    (`weights_only`).

    Raises:
        CheckpointError: the checkpoint is damaged, or holds more than tensors and numbers.
    """
    try:
        yield
    except (SafetensorError, UnpicklingError) as error:
        raise CheckpointError(
            f"{str(checkpoint)!r} is damaged or holds more than tensors and numbers "
            f"({str(error).splitlines()[0].rstrip('. ')}); remove it and start again"
        ) from None


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint of a stage."""
    whole = [path for path in folder.glob("checkpoint-*") if (path / _WHOLE).exists()]
    return max(whole, key=_step) if whole else None


def keep_only(checkpoint: Path) -> None:
    """Mark a checkpoint as whole, then remove all others."""
    (checkpoint / _WHOLE).touch()
    for path in checkpoint.parent.glob("checkpoint-*"):
        if path != checkpoint:
            (path / _WHOLE).unlink(missing_ok=True)
            shutil.rmtree(path)


def keep_losses_alone(stage_folder: Path) -> None:
    """Remove what a finished stage would be resumed from, and leave the losses of its steps."""
    for checkpoint in stage_folder.glob("checkpoint-*"):
        (checkpoint / _WHOLE).unlink(missing_ok=True)
        for path in checkpoint.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != _LOSSES:
                path.unlink()
    shutil.rmtree(stage_folder / "best", ignore_errors=True)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])
