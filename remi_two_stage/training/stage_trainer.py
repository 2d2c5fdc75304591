"""One stage trained by `transformers.Trainer`: its recipe, and how a run stops and resumes.

Muon and AdamW (`optimizer.py`), a warm-up of 3 % and then a cosine, gradients clipped to norm 1; what is measured and
saved are averaged weights (`averaging.py`). The loss is the mean
over all labelled tokens of a step, however they are spread over rows, processes and accumulated batches; of both stages
together, the sum of their means.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import PreTrainedModel, PrinterCallback, Trainer, TrainerCallback, TrainerControl, TrainingArguments

from ..core.errors import CheckpointError, RequestError
from ..evaluation.token_losses import HeldOut, nats, token_sums
from ..stage_data.batch_sampler import SharedBatches
from ..stage_data.datasets import IGNORED, PLAN, Item, collate_joint
from ..stage_data.streaming import StreamedRows
from .arguments import Stage, TrainingPlan
from .averaging import Averaging
from .callbacks import Checkpoints, EarlyStopping, Epochs, Interruption, ProgressBar, agreement
from .optimizer import MuonWithAdamW
from .run_folder import keep_only, last_checkpoint, read_from, written_to

_EVALUATIONS_OF_A_STREAM = 10
_PLAN_ITEMS = "plan_items"
_LOWEST_RATE = 0.01
"""The last step's learning rate, as a share of the highest."""


class StageTrainer(Trainer):
    """transformers' Trainer with what a run here needs beyond it: rows shared among processes without a copy,
    checkpoints that are whole or not there, streams that resume where they stopped, losses over all tokens.

    Args:
        planner_rate: In joint training, the planner's highest learning rate; None where it does not learn.
        averaging: The decay of the averaged weights in a step; 0 for none.
        learnt: Rows of tunes that are learnt, measured beside the held-out ones.
    """

    control: TrainerControl
    optimizer: torch.optim.Optimizer | None

    def __init__(
        self,
        stage: Stage,
        planner_rate: float | None = None,
        averaging: float = 0.0,
        learnt: Dataset[Item] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_collator=collate_joint, **kwargs)
        self._learnt = learnt
        self._averaging = Averaging(averaging) if averaging else None
        if self._averaging is not None:
            self.add_callback(self._averaging)
        self.stage = stage
        self._planner_rate = planner_rate
        # Both stages together never keep a cache, and one alone would.
        self._forward = {} if stage == "joint" else {"use_cache": False}
        self._places: dict[int, tuple[int, int, int]] = {}

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Batches of this process alone; Accelerate would fill the last one up with rows once more."""
        assert self.train_dataset is not None
        if isinstance(self.train_dataset, StreamedRows):
            return self._loader(self.train_dataset, batch_size=self.args.per_device_train_batch_size)
        return self._loader(self.train_dataset, batch_sampler=self._batches(self.train_dataset, self.args.data_seed))

    def _batches(self, rows: Any, seed: int | None) -> SharedBatches:
        size, rank, ranks = self.args.per_device_train_batch_size, self.args.process_index, self.args.world_size
        return SharedBatches(len(rows), size, rank, ranks, seed)

    def _loader(self, rows: Any, **batching: Any) -> DataLoader[Any]:
        return DataLoader(
            rows,
            collate_fn=self.data_collator,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
            # With one of its own, beginning to read takes no number from the generator that dropout draws from.
            generator=torch.Generator(),
            **batching,
        )

    def get_batch_samples(self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device) -> Any:
        """The batches of a step and their labelled tokens in all processes; the planner's are noted beside."""
        batches, items = super().get_batch_samples(epoch_iterator, num_batches, device)
        for batch in batches:
            if "place" in batch:
                reader, *place = batch.pop("place")[-1].tolist()
                self._places[reader] = tuple(place)
        if batches and PLAN + "labels" in batches[0]:
            labelled = sum((batch[PLAN + "labels"][:, 1:] != IGNORED).sum() for batch in batches)
            total = self.accelerator.reduce(torch.as_tensor(labelled).to(device), "sum")
            batches = [batch | {_PLAN_ITEMS: total} for batch in batches]
        return batches, items

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """This batch's part of the step's loss; of both stages, the sum of their parts."""
        if _PLAN_ITEMS not in inputs:
            return super().compute_loss(model, inputs | self._forward, return_outputs, num_items_in_batch)
        given = {name: tensor for name, tensor in inputs.items() if not name.endswith(("labels", _PLAN_ITEMS))}
        outputs = model(**given)
        plan = nats(outputs["plan_logits"], inputs[PLAN + "labels"]) / inputs[_PLAN_ITEMS]
        detail = nats(outputs["logits"], inputs["labels"]) / num_items_in_batch
        # Gradients are averaged over processes, and these are parts of one sum.
        loss = (plan + detail) * self.args.world_size
        return (loss, outputs) if return_outputs else loss

    @torch.no_grad()
    def evaluate(
        self,
        eval_dataset: Dataset[Any] | dict[str, Dataset[Any]] | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Loss and token accuracy of each stage over all held-out tokens, whatever the processes and batches, and the
        loss over those of the learnt rows, if there are any.
        """
        metrics: dict[str, float] = {}
        measured = self._measured(self.eval_dataset if eval_dataset is None else eval_dataset)
        for stage, held_out in measured.items():
            metrics[f"{metric_key_prefix}_{stage}_loss"] = held_out.loss
            metrics[f"{metric_key_prefix}_{stage}_accuracy"] = held_out.accuracy
        metrics[f"{metric_key_prefix}_loss"] = sum(held_out.loss for held_out in measured.values())
        if eval_dataset is None and self._learnt is not None:
            for stage, learnt in self._measured(self._learnt).items():
                metrics[f"{metric_key_prefix}_{stage}_train_loss"] = learnt.loss
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _measured(self, rows: Any) -> dict[str, HeldOut]:
        """What each stage reaches on rows, without dropout and with averaged weights."""
        self.model_wrapped.eval()
        sums: dict[str, torch.Tensor] = {}
        with self._averaged():
            for batch in self._loader(rows, batch_sampler=self._batches(rows, None)):
                for stage, found in self._sums(self._prepare_inputs(batch)).items():
                    sums[stage] = sums.get(stage, 0) + found
        self.model_wrapped.train()
        return {stage: HeldOut.of(self.accelerator.reduce(total, "sum")) for stage, total in sums.items()}

    def _sums(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        given = {name: tensor for name, tensor in batch.items() if not name.endswith("labels")}
        outputs = self.model_wrapped(**given, **self._forward)
        name: str = "detail" if self.stage == "joint" else self.stage
        sums = {name: token_sums(outputs["logits"], batch["labels"])}
        if PLAN + "labels" in batch:
            sums = {"planner": token_sums(outputs["plan_logits"], batch[PLAN + "labels"])} | sums
        return sums

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """`MuonWithAdamW`; in joint training the planner has a learning rate of its own."""
        if self.optimizer is None:
            learning: Any = self.model if model is None else model
            rate = self.args.learning_rate
            modules = [(learning, rate)]
            if self._planner_rate is not None:
                modules = [(learning.planner, self._planner_rate), (learning.detail, rate)]
            self.optimizer = MuonWithAdamW(*modules, dtype=torch.bfloat16 if self.args.bf16 else torch.float32)
        return self.optimizer

    def save_weights(self, folder: str) -> None:
        """Write the model alone, with averaged weights; called by all processes, over which they may be spread."""
        with self._averaged():
            weights = self.accelerator.get_state_dict(self.model_wrapped)
            model: Any = self.accelerator.unwrap_model(self.model_wrapped)
            if self.args.should_save:
                model.save_pretrained(folder, state_dict=weights)

    def _averaged(self) -> AbstractContextManager[None]:
        """While inside, the model has its averaged weights, if there are any."""
        return nullcontext() if self._averaging is None else self._averaging.shown(self.model)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Write a checkpoint, mark it when all processes have written theirs, and remove the older ones after that."""
        folder = Path(self.args.output_dir, f"checkpoint-{self.state.global_step}")
        with written_to(folder):
            super()._save_checkpoint(model, trial)
            if isinstance(self.train_dataset, StreamedRows):
                (folder / self._stream_file()).write_text(json.dumps(self._places), encoding="utf-8")
            if self._averaging is not None:
                self._averaging.save(folder, self.args.should_save)
            self.accelerator.wait_for_everyone()
            if self.args.should_save:
                keep_only(folder)

    def _stream_file(self) -> str:
        """The name of what this process has read; it says what it goes on with."""
        args = self.args
        return f"stream-{args.process_index}-of-{args.world_size}-{args.dataloader_num_workers}.json"

    def go_on(self, checkpoint: Path) -> None:
        """Resume the averaged weights, and the stream, where the run stopped.

        Raises:
            CheckpointError: it was read by other processes.
        """
        if self._averaging is not None:
            self._averaging.load(checkpoint)
        if not isinstance(self.train_dataset, StreamedRows):
            return
        path = checkpoint / self._stream_file()
        if not path.exists():
            raise CheckpointError(
                f"{checkpoint} is of a run with other numbers of processes or `loaders`; a stream goes on with the same"
            )
        self._places = {
            int(reader): tuple(place) for reader, place in json.loads(path.read_text(encoding="utf-8")).items()
        }
        steps = int(checkpoint.name.rpartition("-")[2])
        self.train_dataset.go_on(steps * self.args.gradient_accumulation_steps, self._places)


def train_stage(
    stage: Stage,
    arguments: TrainingPlan,
    model: PreTrainedModel,
    train: Dataset[Item],
    valid: Dataset[Item],
    callbacks: Sequence[TrainerCallback] = (),
    learnt: Dataset[Item] | None = None,
) -> StageTrainer:
    """Train one stage, resuming from its last checkpoint in the run folder if there is one.

    Args:
        learnt: Rows of the training tunes to measure beside the held-out ones.

    Returns:
        The trainer with the trained model, unless early stopping kept better weights in `best/`.

    Raises:
        CheckpointError: nothing can be written, or the last checkpoint cannot be read.
        KeyboardInterrupt: Ctrl-C was pressed; a checkpoint of that very step has been written.
    """
    folder = arguments.run_folder / stage
    args = _trainer_arguments(stage, arguments, folder)
    interruption, progress = Interruption(agreement(args.device)), ProgressBar(stage)
    checkpoints = Checkpoints(60 * arguments.save_minutes, agreement(args.device))
    trainer = StageTrainer(
        stage,
        model=model,
        args=args,
        train_dataset=train,
        eval_dataset=valid,
        planner_rate=arguments.learning_rate_of("planner")
        if stage == "joint" and arguments.joint_planner == "trained"
        else None,
        averaging=arguments.averaging,
        learnt=learnt,
        callbacks=[Epochs(), *callbacks, progress, checkpoints, interruption],
    )
    if arguments.most_epochs_without_gain is not None:
        best = EarlyStopping(folder / "best", arguments.most_epochs_without_gain, trainer.save_weights)
        trainer.add_callback(best)
    trainer.remove_callback(PrinterCallback)
    checkpoint = last_checkpoint(folder)
    with interruption.heeded(), closing(progress), read_from(checkpoint):
        if checkpoint is not None:
            trainer.go_on(checkpoint)
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if interruption.was_heeded:
        raise KeyboardInterrupt(f"stopped after step {trainer.state.global_step}; the same command goes on from there")
    return trainer


def check_machine(arguments: TrainingPlan) -> None:
    """Raises RequestError where there is no such device, or no package that curves are to be reported to."""
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise RequestError("`device` is cuda and torch sees no GPU; use auto or cpu")
    if arguments.report_to != "none" and importlib.util.find_spec(arguments.report_to) is None:
        raise RequestError(
            f"`report_to` is {arguments.report_to}, which needs a package; run pip install {arguments.report_to}"
        )


def uses_cpu(arguments: TrainingPlan) -> bool:
    """Whether a run computes on the CPU. Accelerate has to be told, or takes each of several processes for the only
    one where there is no GPU.
    """
    return arguments.device == "cpu" or not torch.accelerator.is_available()


def _trainer_arguments(stage: Stage, arguments: TrainingPlan, folder: Path) -> TrainingArguments:
    """The recipe as transformers has it."""
    when: dict[str, Any] = {
        "eval_strategy": "epoch",
        "save_strategy": "epoch",
        "num_train_epochs": arguments.epochs_of(stage),
    }
    if arguments.steps is not None:
        steps = max(1, arguments.steps // _EVALUATIONS_OF_A_STREAM)
        when = {
            "eval_strategy": "steps",
            "eval_steps": steps,
            "save_strategy": "steps",
            "save_steps": steps,
            "max_steps": arguments.steps,
            "ignore_data_skip": True,
        }
    return TrainingArguments(
        output_dir=str(folder),
        **when,
        eval_on_start=arguments.start_from is not None and last_checkpoint(folder) is None,
        learning_rate=arguments.learning_rate_of(stage),
        per_device_train_batch_size=arguments.batch_size,
        per_device_eval_batch_size=arguments.batch_size,
        gradient_accumulation_steps=arguments.accumulation,
        # Unlike "cosine", this one learns in the first step too.
        lr_scheduler_type="cosine_warmup_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": _LOWEST_RATE},
        warmup_steps=0.03,
        max_grad_norm=1.0,
        logging_steps=10,
        prediction_loss_only=True,
        use_cache=True,  # what the saved config says; in training no cache is kept
        remove_unused_columns=False,
        # Without this, bfloat16 is refused where there is no GPU.
        use_cpu=uses_cpu(arguments),
        bf16=arguments.precision == "bfloat16",
        dataloader_num_workers=arguments.loaders,
        dataloader_pin_memory=torch.cuda.is_available() and arguments.device != "cpu",
        ddp_find_unused_parameters=False,
        disable_tqdm=True,
        report_to=arguments.report_to,
        project="remi-two-stage",
        run_name=f"{arguments.output.name}-{stage}",
        seed=arguments.seed,
        data_seed=arguments.seed,
    )
