"""From a corpus to a model folder: read, split, train the stages, join them, measure the saved model.

The output folder ends up with the model (configs, the tokenizer, the weights of each stage in a folder of its own) and
`training.json`, which says how it was made and how good it is. Checkpoints of the run, and finished stages, are in
`run/`; the same call resumes from there. Started by `accelerate launch` or `torchrun`, all processes make one
run; the first one writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from accelerate import PartialState
from transformers import set_seed

from ..atomic_files import write_whole
from ..composing.checkpoint import EMBEDDED, RECORD, REPOSITORY_NAME
from ..core.configuration_remi import BarPlannerConfig, DetailGeneratorConfig, TwoStageConfig
from ..core.errors import CheckpointError
from ..core.modeling_remi import BarPlannerModel, DetailGeneratorModel, TwoStageModel, register_auto_classes
from ..core.tokenization_remi import REMIABCTokenizer
from ..core.tokenization_remi import register_auto_classes as register_tokenizer
from ..evaluation.likelihood import mean_loss
from ..evaluation.token_losses import StageModel
from ..stage_data.datasets import FullDetailDataset
from .arguments import DETAIL_SIZES, EMBEDDED_MODEL, PLANNER_SIZES, STAGES, Stage, TrainingPlan
from .calibration import calibrate
from .plan_source import PlanSource, whole_planner
from .run_folder import keep_losses_alone, keep_or_compare, save_whole, written_to
from .stage_trainer import check_machine, train_stage, uses_cpu
from .training_data import TrainingData, find_training_data, stage_rows

_MODELS: dict[Stage, Any] = {
    "planner": BarPlannerModel,
    "detail": DetailGeneratorModel,
    "single": DetailGeneratorModel,
    "joint": TwoStageModel,
}


class TwoStageTrainer:
    """Trains the stages that the arguments name, and joins both once both are there.

        TwoStageTrainer(TrainingPlan("tunes/", Path("my-model"), stage="planner")).train()

    Args:
        arguments: The run; `TrainingPlan.of` makes it of a config file.
    """

    def __init__(self, arguments: TrainingPlan) -> None:
        self.arguments = arguments

    def train(self) -> Path:
        """Train what is not trained yet. A stage finished in the output folder is left as it is; one that was stopped
        is resumed.

        Returns:
            The folder of the model, whose other stage is that of `start_from` where only one was trained; the folder of
            the one finished stage as long as there is no other, and for "single".

        Raises:
            CorpusError: there is no such corpus, or it is too small to hold a part out.
            CheckpointError: the output folder holds a run with other arguments, there is no model to go on from, or
                nothing more can be written.
            RequestError: the output folder cannot be made, a device or a package is not there.
            KeyboardInterrupt: Ctrl-C was pressed; the same call resumes the run.
        """
        with _quiet():
            return self._train()

    def _train(self) -> Path:
        arguments = self.arguments
        check_machine(arguments)
        _check_source(arguments)
        training_data = find_training_data(arguments)
        process = PartialState(cpu=uses_cpu(arguments))
        if process.is_main_process:
            keep_or_compare(arguments, training_data.fingerprint)
            print(training_data.report)
        process.wait_for_everyone()
        for stage in arguments.stages():
            if not self._finished(stage).exists():
                self._train_stage(stage, training_data)
            if process.is_main_process:
                keep_losses_alone(arguments.run_folder / stage)
        if arguments.stage == "single":
            return self._finished("single")
        if arguments.stage != "joint" and not all(self._weights_of(stage) for stage in STAGES):
            return self._finished(arguments.stages()[-1])
        if process.is_main_process:
            with written_to(arguments.output):
                self._save_model(training_data.learnt_styles())
                self._save_record(training_data)
        process.wait_for_everyone()
        return arguments.output

    def _train_stage(self, stage: Stage, training_data: TrainingData) -> None:
        arguments = self.arguments
        model = new_model(stage, arguments)
        rows = training_data.training_rows(stage, arguments)
        callbacks = []
        pieces = getattr(rows, "pieces", None)
        if arguments.plan_source != "gold" and isinstance(pieces, FullDetailDataset):
            ask = partial(whole_planner, model) if stage == "joint" else self._planner_to_ask
            callbacks = [PlanSource(arguments, ask, pieces, arguments.run_folder / stage / "plans")]
        trainer = train_stage(
            stage,
            arguments,
            model,
            rows,
            training_data.held_out_rows(stage, "validation", arguments),
            callbacks,
            training_data.held_out_rows(stage, "train", arguments),
        )
        best = arguments.run_folder / stage / "best"
        save_weights = trainer.save_weights
        if best.exists():
            save_weights = _MODELS[stage].from_pretrained(best, dtype=torch.float32).save_pretrained

        def save(folder: str) -> None:
            save_weights(folder)
            if trainer.args.should_save:
                self._calibrate(stage, folder, training_data)

        save_whole(save, self._finished(stage), trainer.args.should_save)
        trainer.accelerator.wait_for_everyone()

    def _calibrate(self, stage: Stage, folder: str, training_data: TrainingData) -> None:
        """Have what learnt, saved in a folder, be as sure as it is right."""
        arguments = self.arguments
        model = _MODELS[stage].from_pretrained(folder, dtype=torch.float32).eval().to(PartialState().device)
        learnt: dict[Stage, StageModel] = {stage: model}
        if stage == "joint":
            learnt = {"planner": model.planner, "detail": model.detail}
            if arguments.joint_planner != "trained":
                del learnt["planner"]
        tunes, weights = training_data.measured_tunes("validation", arguments)
        for name, part in learnt.items():
            temperature = calibrate(part, stage_rows(name, tunes, arguments.max_length, weights=weights))
            print(f"{name}: calibrated on held-out tunes, by a temperature of {temperature:.2f}")
        model.save_pretrained(folder)

    def _finished(self, stage: Stage) -> Path:
        return self.arguments.run_folder / stage / "finished"

    def _weights_of(self, stage: Stage) -> str | Path | None:
        """Where a stage is: trained here, or else in the model begun with, if that has both; None if it is nowhere."""
        finished = self._finished(stage)
        if finished.exists():
            return finished
        if self.arguments.start_from is None:
            return None
        source = source_model(self.arguments)
        config, _ = TwoStageConfig.get_config_dict(source)
        return source if config.get("model_type") == TwoStageConfig.model_type else None

    def _planner_to_ask(self) -> BarPlannerModel:
        """The planner that writes plans for the detail stage: the one trained here, or that of the model begun with.

        Raises:
            CheckpointError: there is neither.
        """
        source = self._weights_of("planner")
        if source is None:
            raise CheckpointError(
                f"there is no planner in {self.arguments.output} to write plans; train it first, or name a model with "
                "`start_from`"
            )
        planner: BarPlannerModel = BarPlannerModel.from_pretrained(source, dtype=torch.float32)
        return planner.to(PartialState().device)

    def _save_model(self, styles: list[str] | None) -> None:
        register_auto_classes()
        register_tokenizer()
        if self.arguments.stage == "joint":
            model = TwoStageModel.from_pretrained(self._finished("joint"))
        else:
            planner, detail = (_MODELS[stage].from_pretrained(self._weights_of(stage)) for stage in STAGES)
            model = TwoStageModel.from_stages(planner, detail)
        known: list[str] | None = model.config.planner_config.styles if self.arguments.start_from is not None else []
        model.config.planner_config.styles = None
        if known is not None and styles is not None:
            model.config.planner_config.styles = list(dict.fromkeys((*known, *styles)))
        dtype = getattr(torch, self.arguments.dtype)
        for config in (model.config.planner_config, model.config.detail_config):
            config.dtype = dtype
            vars(config).pop("_name_or_path", None)  # where the run kept the stage
        model.to(dtype).save_pretrained(self.arguments.output)
        REMIABCTokenizer().save_pretrained(self.arguments.output)

    def _save_record(self, training_data: TrainingData) -> None:
        """Write training.json, with the held-out losses of the model as it was saved."""
        arguments = self.arguments
        model = TwoStageModel.from_pretrained(arguments.output, dtype=torch.float32).eval().to(PartialState().device)
        stages: dict[Stage, StageModel] = {"planner": model.planner, "detail": model.detail}
        sizes = {"train": training_data.training_tunes} | {
            name: len(tunes) for name, tunes in training_data.held_out.items()
        }
        losses: dict[str, dict[str, float]] = {name: {} for name in STAGES}
        for split in ("train", *training_data.held_out):
            tunes, weights = training_data.measured_tunes(split, arguments)
            for name, stage in stages.items():
                rows = stage_rows(name, tunes, arguments.max_length, weights=weights)
                losses[name][split] = round(mean_loss(stage, rows), 4)
        learnt = {name: found.pop("train") for name, found in losses.items()}
        record: dict[str, Any] = {
            "command": arguments.command(),
            "seed": arguments.seed,
            "corpus": training_data.counts[0] if len(training_data.counts) == 1 else training_data.counts,
            "split": {"fingerprint": training_data.fingerprint, "tunes": sizes},
            "parameters": {name: stage.num_parameters() for name, stage in stages.items()},
            "held_out_loss": {"unit": "nats a token, over the tokens that decoding samples", **losses},
            "train_loss": learnt,
        }
        write_whole(arguments.output / RECORD, json.dumps(record, indent=2, ensure_ascii=False).encode() + b"\n")
        for name in STAGES:
            split, loss = list(losses[name].items())[-1]
            print(f"{name}: loss on the {split} tunes {loss:.4f} nats a token, on training tunes {learnt[name]:.4f}")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what transformers says to developers, and its bars for instants, off the user's terminal."""
    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers.logging.set_verbosity(before)
        transformers.logging.enable_progress_bar()


def new_model(stage: Stage, arguments: TrainingPlan) -> Any:
    """A stage, or for "joint" both, as the run begins: the model that it goes on from, or random weights in the size
    that the arguments name, the same ones for the same seed.

    Raises:
        CheckpointError: there is no such model to go on from.
    """
    set_seed(arguments.seed)
    if arguments.start_from is not None:
        return _loaded(stage, arguments)
    if stage == "joint":
        model = TwoStageModel.from_stages(new_model("planner", arguments), new_model("detail", arguments))
        model.planner.requires_grad_(arguments.joint_planner == "trained")
        return model
    common: dict[str, Any] = {
        "relative_attention": arguments.relative_attention,
        "hidden_dropout": arguments.dropout,
        "max_position_embeddings": arguments.max_length,
        "max_rel_dist": min(arguments.max_length, 2048),
    }
    if stage == "planner":
        return BarPlannerModel(BarPlannerConfig(**PLANNER_SIZES[arguments.size_of(stage)] | common))
    sizes = DETAIL_SIZES[arguments.size_of(stage)]
    return DetailGeneratorModel(DetailGeneratorConfig(**sizes | common, has_plan=stage == "detail"))


def _loaded(stage: Stage, arguments: TrainingPlan) -> Any:
    try:
        model = _MODELS[stage].from_pretrained(source_model(arguments), dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"`start_from` is {arguments.start_from!r}, which holds no model to go on from: "
            f"{str(error).splitlines()[0]}; name a folder that train wrote, a Hub repository, or embedded"
        ) from None
    if stage == "joint":
        model.planner.requires_grad_(arguments.joint_planner == "trained")
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = arguments.dropout
    return model


def _check_source(arguments: TrainingPlan) -> None:
    """Raises CheckpointError unless the model to go on from, if any, is a folder or is named as a repository is."""
    source = source_model(arguments)
    if source is not None and not Path(source).is_dir() and not REPOSITORY_NAME.fullmatch(str(source)):
        raise CheckpointError(
            f"`start_from` is {arguments.start_from!r}, which is no folder; name a folder that train wrote, a Hub "
            "repository as user/name, or embedded"
        )


def source_model(arguments: TrainingPlan) -> str | Path | None:
    """Folder or Hub repository of the model that a run goes on from; None if it begins anew."""
    return EMBEDDED if arguments.start_from == EMBEDDED_MODEL else arguments.start_from
