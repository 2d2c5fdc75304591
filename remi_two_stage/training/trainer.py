"""The way from a corpus to a model folder: read, split, train the stages, join them, measure what was saved.

The output folder ends up with the model (config.json, model.safetensors, the tokenizer) and
`training.json`, which says how it was made and how good it is. Checkpoints of the run, and finished stages, are in
`run/`; the same call again goes on from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers

from ..core.modeling_remi import BarPlannerModel, DetailGeneratorModel, TwoStageModel, register_auto_classes
from ..core.tokenization_remi import REMIABCTokenizer
from ..core.tokenization_remi import register_auto_classes as register_tokenizer
from ..data.corpus import Corpus, Tunes
from ..data.datasets import BarChordDataset, FullDetailDataset, PackedRows, SingleStageDataset, StageDataset
from ..data.preparation import load_corpus
from ..data.splits import SPLITS
from ..data.stages import stage_dataset
from ..evaluation.likelihood import mean_loss
from .arguments import STAGES, Stage, TrainingPlan
from .stage import StageModel, train_stage

_DATASETS: dict[Stage, type[StageDataset]] = {
    "planner": BarChordDataset,
    "detail": FullDetailDataset,
    "single": SingleStageDataset,
}
_MODELS = {"planner": BarPlannerModel, "detail": DetailGeneratorModel}


def train_two_stage(plan: TrainingPlan) -> Path:
    """Train the stages that the plan names, and join both once both are there.

    A stage that is finished in the output folder is not trained again, one that was stopped goes on.

    Returns:
        The folder of the model; the folder of the one finished stage as long as the other is missing, and for "single".

    Raises:
        CorpusError: there is no such corpus, or it is too small to hold a part out.
        CheckpointError: the output folder holds a run with other arguments.
        KeyboardInterrupt: Ctrl-C was pressed; the same call goes on from there.
    """
    with _quiet():
        return _train(plan)


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


def _train(plan: TrainingPlan) -> Path:
    corpus = load_corpus(plan.corpus, plan.processes)
    corpus.require_held_out()
    plan.keep_or_compare()
    print(corpus.report())
    for stage in plan.stages():
        if not _finished(stage, plan).exists():
            train = stage_rows(stage, corpus.train, plan, True)
            model = train_stage(stage, plan, train, stage_rows(stage, corpus.validation, plan, False))
            _save_whole(model, _finished(stage, plan))
    if plan.stage == "single":
        return _finished("single", plan)
    if not all(_finished(stage, plan).exists() for stage in STAGES):
        return _finished(plan.stages()[-1], plan)
    _save_model(plan)
    _save_record(plan, corpus)
    return plan.output


def stage_rows(stage: Stage, tunes: Tunes, plan: TrainingPlan, is_training: bool) -> PackedRows:
    """Tunes as packed rows of a stage; only in training is anything random."""
    options = _random_options(stage, plan) if is_training else {}
    return PackedRows(stage_dataset(_DATASETS[stage], tunes.tokens(), plan.max_length, **options), plan.max_length)


def _random_options(stage: Stage, plan: TrainingPlan) -> dict[str, float]:
    """What is random in training: arguments of the stage's dataset."""
    of_stage: dict[Stage, dict[str, float]] = {
        "planner": {"from_melody": plan.from_melody},
        "detail": {"infilling": plan.infilling, "voice_orders": plan.voice_orders},
        "single": {},
    }
    return {"omit_globals": plan.omit_globals, "seed": plan.seed} | of_stage[stage]


def _finished(stage: Stage, plan: TrainingPlan) -> Path:
    return plan.run_folder / stage / "finished"


def _save_whole(model: StageModel, folder: Path) -> None:
    """Save a stage so that the folder appears when it is complete."""
    unfinished = folder.with_suffix(".unfinished")
    model.save_pretrained(unfinished)
    unfinished.replace(folder)


def _save_model(plan: TrainingPlan) -> None:
    register_auto_classes()
    register_tokenizer()
    planner, detail = (_MODELS[stage].from_pretrained(_finished(stage, plan)) for stage in STAGES)
    model = TwoStageModel.from_stages(planner, detail).to(getattr(torch, plan.dtype))
    model.save_pretrained(plan.output)
    REMIABCTokenizer().save_pretrained(plan.output)


def _save_record(plan: TrainingPlan, corpus: Corpus) -> None:
    """Write training.json, with the held-out losses of the model as it was saved."""
    model = TwoStageModel.from_pretrained(plan.output, dtype=torch.float32).eval()
    stages: dict[Stage, StageModel] = {"planner": model.planner, "detail": model.detail}
    record: dict[str, Any] = {
        "command": plan.command(),
        "seed": plan.seed,
        "corpus": corpus.summary.counts()
        | {"losses": dict(corpus.summary.losses), "rejections": dict(corpus.summary.rejected)},
        "split": {"fingerprint": corpus.fingerprint, "tunes": corpus.sizes()},
        "parameters": {name: stage.num_parameters() for name, stage in stages.items()},
        "held_out_loss": {
            "unit": "nats a token, over the tokens that decoding samples",
            **{
                name: {
                    part: round(mean_loss(stage, stage_rows(name, corpus.split(part), plan, False)), 4)
                    for part in SPLITS[1:]
                }
                for name, stage in stages.items()
            },
        },
    }
    path = plan.output / "training.json"
    path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for name in STAGES:
        print(f"{name}: held-out loss {record['held_out_loss'][name]['test']:.4f} nats a token")
