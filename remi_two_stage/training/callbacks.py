"""Callbacks of a run: epochs, progress bars, timed checkpoints, Ctrl-C, early stopping."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from tqdm.auto import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from .run_folder import save_whole

_BEST = "held_out.json"


def epoch_of(state: TrainerState) -> int:
    """The number of the epoch that begins, or is resumed in its middle, from 0."""
    return int(state.epoch or 0)


def _ends_epoch(state: TrainerState) -> bool:
    """Whether this step is the last of its epoch, whose checkpoint is saved once, after the evaluation."""
    return state.epoch is not None and state.epoch == epoch_of(state)


class Epochs(TrainerCallback):
    """Tells the training rows and their sampler which epoch it is, with any number of processes."""

    def on_epoch_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        train_dataloader: Any = None,
        **kwargs: Any,
    ) -> None:
        """Called before an epoch, also before one that is resumed in its middle."""
        for listener in (train_dataloader.dataset, train_dataloader.batch_sampler):
            if hasattr(listener, "set_epoch"):
                listener.set_epoch(epoch_of(state))


class ProgressBar(TrainerCallback):
    """One progress bar for each stage, with the loss in nats a token, and a line after each epoch."""

    bar: Any = None

    def __init__(self, stage: str) -> None:
        self.stage = stage

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Open the bar where the run stands."""
        hidden = None if state.is_world_process_zero else True
        self.bar = tqdm(total=state.max_steps, initial=state.global_step, desc=self.stage, unit="step", disable=hidden)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Move the bar."""
        self.bar.update(state.global_step - self.bar.n)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Show the training loss, or a line for each stage with what it reaches on held-out tunes."""
        logs = logs or {}
        if "loss" in logs:
            self.bar.set_postfix_str(f"loss {logs['loss']:.3f}")
        if not state.is_world_process_zero:
            return
        for name in logs:
            if name.endswith("_accuracy"):
                stage = name.removeprefix("eval_").removesuffix("_accuracy")
                loss, accuracy = logs[f"eval_{stage}_loss"], logs[name]
                learnt = logs.get(f"eval_{stage}_train_loss")
                self.bar.write(
                    f"{stage}, epoch {state.epoch or 0:.4g}: held-out loss {loss:.4f}, perplexity "
                    f"{math.exp(loss):.3f}, token accuracy {accuracy:.2%}"
                    + (f"; train loss {learnt:.4f}" if learnt is not None else "")
                )

    def close(self) -> None:
        """Close the bar, however the run ended."""
        if self.bar is not None:
            self.bar.close()


class Checkpoints(TrainerCallback):
    """Saves a checkpoint at a fixed interval in seconds, besides the one after each epoch."""

    def __init__(self, seconds: float, agree: Callable[[bool], bool]) -> None:
        self.seconds = seconds
        self.last = time.monotonic()
        self._agree = agree

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Request a checkpoint when the interval is over."""
        is_due = self._agree(time.monotonic() - self.last >= self.seconds)
        if is_due and not _ends_epoch(state):
            control.should_save = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Count from here."""
        self.last = time.monotonic()


class Interruption(TrainerCallback):
    """Ctrl-C, or SIGTERM from a batch system, ends the run after the present step, with a checkpoint; a second one ends
    it at once.

    Attributes:
        was_heeded: Whether the run ended for that reason.

    Args:
        agree: Whether any process of the run says yes, so that all of them stop after the same step.
    """

    _SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self, agree: Callable[[bool], bool]) -> None:
        self.was_heeded = False
        self._was_requested = False
        self._agree = agree
        self._before: dict[signal.Signals, Any] = {}

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """While inside, the signals are a request. Only the main thread can have it so; elsewhere nothing changes."""
        try:
            self._before = {number: signal.signal(number, self._request) for number in self._SIGNALS}
        except ValueError:
            yield
            return
        try:
            yield
        finally:
            self._restore()

    def _request(self, number: int, frame: FrameType | None) -> None:
        self._was_requested = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Save and stop when asked to."""
        self.was_heeded = self._agree(self._was_requested)
        if self.was_heeded:
            control.should_training_stop = True
            control.should_save = control.should_save or not _ends_epoch(state)

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """In the middle of an epoch there is nothing to measure, and the step is saved already."""
        if self.was_heeded and not _ends_epoch(state):
            control.should_save = control.should_evaluate = False


class EarlyStopping(TrainerCallback):
    """Keeps the weights with the lowest held-out loss, and stops when it has not fallen for `patience` epochs.

    All its state is in the folder, so a resumed run continues the count.

    Args:
        save: Writes the weights into a folder; called by all processes.
    """

    def __init__(self, folder: Path, patience: int, save: Callable[[str], Any]) -> None:
        self.folder = folder
        self.patience = patience
        self._save = save
        path = folder / _BEST
        self._best: dict[str, float] = {"loss": math.inf, "epoch": 0}
        if path.exists():
            self._best = json.loads(path.read_text(encoding="utf-8"))

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Compare with the best so far."""
        loss, epoch = (metrics or {})["eval_loss"], round(state.epoch or 0)
        if loss < self._best["loss"]:
            self._best = {"loss": loss, "epoch": epoch}
            is_writer = state.is_world_process_zero
            save_whole(partial(self._keep, is_writer=is_writer), self.folder, is_writer)
        elif epoch - self._best["epoch"] >= self.patience:
            control.should_training_stop = True

    def _keep(self, folder: str, is_writer: bool) -> None:
        self._save(folder)
        if is_writer:
            Path(folder, _BEST).write_text(json.dumps(self._best), encoding="utf-8")


_GPU_CALLS_BETWEEN_VOTES = 10


def agreement(device: torch.device) -> Callable[[bool], bool]:
    """What tells whether any process of the run says yes; with one process, whether it does.

    Processes that are one run call it alike. On GPUs they vote at every tenth call, which is "no" in between, so that
    a GPU need not wait for its host after every step.
    """
    if not torch.distributed.is_initialized():
        return bool
    calls, between = count(1), 1 if device.type == "cpu" else _GPU_CALLS_BETWEEN_VOTES

    def agree(wish: bool) -> bool:
        if next(calls) % between:
            return False
        votes = torch.tensor(int(wish), device=device)
        torch.distributed.all_reduce(votes, torch.distributed.ReduceOp.MAX)
        return bool(votes.item())

    return agree
