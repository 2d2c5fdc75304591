"""Makes a model of a run that is still going, or of two, one a stage: the averaged weights of their last checkpoints,
calibrated as at the end of a run.

    python maintenance/model_so_far.py my-planner my-detail my-model

The runs are of prepared corpora, whose folders give them their names in the model's training.json. What a run with
`--from` goes on from has its commands and epochs there too.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from remi_two_stage.composing.checkpoint import RECORD
from remi_two_stage.core.modeling_remi import (
    BarPlannerModel,
    DetailGeneratorModel,
    TwoStageModel,
    register_auto_classes,
)
from remi_two_stage.core.tokenization_remi import REMIABCTokenizer
from remi_two_stage.core.tokenization_remi import register_auto_classes as register_tokenizer
from remi_two_stage.evaluation.likelihood import mean_loss
from remi_two_stage.stage_data.datasets import PackedRows
from remi_two_stage.training.arguments import STAGES, Stage, TrainingPlan
from remi_two_stage.training.calibration import calibrate
from remi_two_stage.training.run_folder import last_checkpoint
from remi_two_stage.training.trainer import source_model
from remi_two_stage.training.training_data import TrainingRows, find_training_data

_MODELS: dict[Stage, Any] = {"planner": BarPlannerModel, "detail": DetailGeneratorModel}


def held_out_loss(model: Any, rows: TrainingRows) -> float:
    """Nats a token, of one stage."""
    assert isinstance(rows, PackedRows)  # both at once are measured elsewhere
    return round(mean_loss(model.eval(), rows), 4)


def described(counts: dict[str, Any], descriptions: dict[str, str]) -> dict[str, Any]:
    """What the record says of a corpus, under the name of its folder."""
    name = Path(counts["name"]).name
    return counts | {"name": name} | ({"description": descriptions[name]} if name in descriptions else {})


def command_of(run: Path) -> str:
    """The command of a run, without the folders of its machine."""
    arguments = TrainingPlan.of(run / "run" / "arguments.json")
    named = tuple(f"{Path(source).name}={weight:g}" for source, weight in arguments.corpora)
    before = arguments.start_from and Path(arguments.start_from).name
    return replace(arguments, corpus=named, output=Path(arguments.output.name), start_from=before).command()


def record_before(run: Path) -> dict[str, Any]:
    """The record of the model that a run goes on from, where that is in a folder here; else empty."""
    before = source_model(TrainingPlan.of(run / "run" / "arguments.json"))
    file = Path(before or "", RECORD)
    return json.loads(file.read_text(encoding="utf-8")) if before and file.exists() else {}


def stage_so_far(run: Path, stage: Stage) -> tuple[Any, dict[str, Any]]:
    """A stage with averaged weights, and what its record says of it."""
    folder = run / "run" / stage
    checkpoint, finished = last_checkpoint(folder), folder / "finished"
    if finished.is_dir():  # holds the averaged weights alone, and the last checkpoint its state alone
        model = _MODELS[stage].from_pretrained(finished, dtype=torch.float32)
        file = next(folder.glob("checkpoint-*/trainer_state.json"))
    elif checkpoint is not None:
        model = _MODELS[stage].from_pretrained(checkpoint, dtype=torch.float32)
        average = load_file(next(checkpoint.glob("average*.safetensors")))
        for name, weight in model.named_parameters():
            weight.data.copy_(average[name])
        file = checkpoint / "trainer_state.json"
    else:
        raise SystemExit(f"{run} has no checkpoint of the stage {stage} yet; wait for the first one")
    state = json.loads(file.read_text(encoding="utf-8"))
    record = {"epochs": round(state["epoch"], 2), "of_epochs": state["num_train_epochs"], "steps": state["global_step"]}
    before = record_before(run).get("trained_so_far", {}).get(stage, {})
    summed = {name: round(value + before.get(name, 0), 2) for name, value in record.items()}
    return model, summed | {"parameters": model.num_parameters()}


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("planner", type=Path, help="output folder of the planner's run")
    parser.add_argument("detail", type=Path, help="output folder of the detail generator's run; may be the same")
    parser.add_argument("output", type=Path, help="folder for the model")
    parser.add_argument(
        "--describe",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "TEXT"),
        help="what the card says of a corpus: what it is, and its licence",
    )
    options = parser.parse_args()
    register_auto_classes()
    register_tokenizer()
    stages: dict[Stage, Any] = {}
    trained: dict[str, dict[str, Any]] = {}
    for stage, run in zip(STAGES, (options.planner, options.detail), strict=True):
        stages[stage], trained[stage] = stage_so_far(run, stage)
    runs = dict.fromkeys((options.planner, options.detail))
    before = [command for run in runs for command in record_before(run).get("command", "").split("; ") if command]
    arguments = TrainingPlan.of(options.detail / "run" / "arguments.json")
    data = find_training_data(arguments)
    for stage, run in zip(STAGES, (options.planner, options.detail), strict=True):
        if not (run / "run" / stage / "finished").is_dir():
            rows = data.held_out_rows(stage, "validation", arguments)
            assert isinstance(rows, PackedRows)  # a run of both stages at once has no folder for each
            calibrate(stages[stage].eval(), rows)
    losses = {
        stage: {split: held_out_loss(model, data.held_out_rows(stage, split, arguments)) for split in data.held_out}
        for stage, model in stages.items()
    }
    model = TwoStageModel.from_stages(stages["planner"], stages["detail"])
    model.config.planner_config.styles = data.learnt_styles()
    for config in (model.config.planner_config, model.config.detail_config):
        config.dtype = torch.bfloat16
        vars(config).pop("_name_or_path", None)
    model.to(torch.bfloat16).save_pretrained(options.output)
    REMIABCTokenizer().save_pretrained(options.output)
    record: dict[str, Any] = {
        "command": "; ".join(dict.fromkeys([*before, *map(command_of, runs)])),
        "corpus": [described(counts, dict(options.describe)) for counts in data.counts],
        "split": {
            "fingerprint": data.fingerprint,
            "tunes": {"train": data.training_tunes} | {name: len(tunes) for name, tunes in data.held_out.items()},
        },
        "trained_so_far": trained,
        "parameters": {stage: record.pop("parameters") for stage, record in trained.items()},
        "held_out_loss": {"unit": "nats a token, over the tokens that decoding samples", **losses},
    }
    (options.output / RECORD).write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps({"held-out loss": losses, "trained so far": trained}, indent=2))


if __name__ == "__main__":
    main()
