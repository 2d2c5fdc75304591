"""One stage trained by `transformers.Trainer`: its recipe, its progress on the terminal, and how a run stops and goes
on.

AdamW (0.9, 0.95) with weight decay 0.1 on matrices alone, a warm-up of 3 % and then a cosine, gradients clipped to
norm 1. The loss is the mean over all labelled tokens of a step, however they are spread over rows, processes and
accumulated batches.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from tqdm.auto import tqdm
from transformers import (
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)

from ..core.configuration_remi import BarPlannerConfig, DetailGeneratorConfig
from ..core.modeling_remi import BarPlannerModel, DetailGeneratorModel
from ..data.datasets import PackedRows, collate
from .arguments import DETAIL_SIZES, LEARNING_RATES, PLANNER_SIZES, Stage, TrainingPlan

StageModel = BarPlannerModel | DetailGeneratorModel


def new_model(stage: Stage, plan: TrainingPlan) -> StageModel:
    """A stage with random weights, in the size that the plan names; the same seed gives the same weights."""
    set_seed(plan.seed)
    common: dict[str, Any] = {
        "relative_attention": plan.relative_attention,
        "hidden_dropout": plan.dropout,
        "max_position_embeddings": plan.max_length,
        "max_rel_dist": min(plan.max_length, 2048),
    }
    if stage == "planner":
        return BarPlannerModel(BarPlannerConfig(**PLANNER_SIZES[plan.planner_size] | common))
    sizes = DETAIL_SIZES[plan.detail_size]
    return DetailGeneratorModel(DetailGeneratorConfig(**sizes | common, has_plan=stage == "detail"))


def train_stage(stage: Stage, plan: TrainingPlan, train: PackedRows, valid: PackedRows) -> StageModel:
    """Train one stage, going on from its last checkpoint in the run folder if there is one.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed; a checkpoint of that very step has been written.
    """
    folder = plan.run_folder / stage
    model = new_model(stage, plan)
    interruption = _Interruption()
    trainer = Trainer(
        model=model,
        args=_arguments(stage, plan, folder),
        train_dataset=train,
        eval_dataset=valid,
        data_collator=collate,
        callbacks=[_Epochs(train), _Progress(stage), _Checkpoints(60 * plan.save_minutes), interruption],
    )
    trainer.remove_callback(PrinterCallback)
    model.config.use_cache = False
    with interruption.on_ctrl_c():
        trainer.train(resume_from_checkpoint=_last_checkpoint(folder))
    model.config.use_cache = True
    if interruption.was_requested:
        raise KeyboardInterrupt(f"stopped after step {trainer.state.global_step}; the same command goes on from there")
    return model.eval()


def _arguments(stage: Stage, plan: TrainingPlan, folder: Path) -> TrainingArguments:
    model = "planner" if stage == "planner" else "detail"
    size, epochs, rate = (getattr(plan, f"{model}_{name}") for name in ("size", "epochs", "learning_rate"))
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        learning_rate=rate or LEARNING_RATES[size],
        per_device_train_batch_size=plan.batch_size,
        per_device_eval_batch_size=plan.batch_size,
        lr_scheduler_type="cosine",
        warmup_steps=0.03,
        adam_beta1=0.9,
        adam_beta2=0.95,
        weight_decay=0.1,
        max_grad_norm=1.0,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        logging_steps=10,
        prediction_loss_only=True,
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        ddp_find_unused_parameters=False,
        disable_tqdm=True,
        report_to="none",
        seed=plan.seed,
        data_seed=plan.seed,
    )


def _last_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint that was written to its end: the Trainer writes its state last."""
    whole = [path for path in folder.glob("checkpoint-*") if (path / "trainer_state.json").exists()]
    return str(max(whole, key=lambda path: int(path.name.rpartition("-")[2]))) if whole else None


class _Epochs(TrainerCallback):
    """Tells the training rows which epoch it is, with any number of processes."""

    def __init__(self, rows: PackedRows) -> None:
        self.rows = rows

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Called before an epoch, also before one that is resumed in its middle."""
        self.rows.set_epoch(int(state.epoch or 0))


class _Progress(TrainerCallback):
    """One bar a stage, with the loss in nats a token, and a line after each epoch."""

    def __init__(self, stage: Stage) -> None:
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
        """Show the training loss, or a line with the held-out one."""
        logs = logs or {}
        if "loss" in logs:
            self.bar.set_postfix_str(f"loss {logs['loss']:.3f}")
        if "eval_loss" in logs and state.is_world_process_zero:
            loss = logs["eval_loss"]
            self.bar.write(
                f"{self.stage}, epoch {state.epoch:.4g}: held-out loss {loss:.4f}, perplexity {math.exp(loss):.3f}"
            )

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Close the bar."""
        self.bar.close()


class _Checkpoints(TrainerCallback):
    """A checkpoint every so many seconds, besides the one after each epoch."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.last = time.monotonic()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Ask for a checkpoint when it is time."""
        if time.monotonic() - self.last >= self.seconds:
            control.should_save = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Count from here."""
        self.last = time.monotonic()


class _Interruption(TrainerCallback):
    """Ctrl-C ends the run after the present step, with a checkpoint; a second Ctrl-C ends it at once."""

    def __init__(self) -> None:
        self.was_requested = False

    @contextmanager
    def on_ctrl_c(self) -> Iterator[None]:
        """While inside, Ctrl-C is a request. Only the main thread can have it so; elsewhere nothing changes."""
        try:
            before = signal.signal(signal.SIGINT, self._request)
        except ValueError:
            yield
            return
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _request(self, number: int, frame: FrameType | None) -> None:
        self.was_requested = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Save and stop when asked to."""
        if self.was_requested:
            control.should_save = control.should_training_stop = True

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Do not keep whoever stops the run waiting for an evaluation."""
        if self.was_requested:
            control.should_save = control.should_evaluate = False
