"""transformers' plain Trainer on our models: label smoothing, both stages under the plain collator, two processes."""

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tiny_models import TINY, randomised
from transformers import DataCollatorForLanguageModeling, Trainer, TrainingArguments
from tunes import kesh_jig

from remi_two_stage.core.codec import encode_ids
from remi_two_stage.core.configuration_remi import BarPlannerConfig, DetailGeneratorConfig, TwoStageConfig
from remi_two_stage.core.errors import IdlePlannerWarning
from remi_two_stage.core.modeling_remi import BarPlannerModel, DetailGeneratorModel, TwoStageModel
from remi_two_stage.core.sequences import plan_sequence
from remi_two_stage.core.tokenization_remi import REMIABCTokenizer

PLAN = torch.tensor([plan_sequence(encode_ids(kesh_jig()))])
SMOOTHING = 0.2


def trainer(model: Any, folder: Path, **settings: Any) -> Trainer:
    arguments = TrainingArguments(
        output_dir=str(folder), use_cpu=True, report_to=[], max_steps=1, per_device_train_batch_size=2,
        disable_tqdm=True, save_strategy="no", **settings,
    )  # fmt: skip
    collator = DataCollatorForLanguageModeling(REMIABCTokenizer(), mlm=False)
    rows = [{"input_ids": PLAN[0].tolist()}] * 2
    return Trainer(model, arguments, data_collator=collator, train_dataset=rows)


def smoothed(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """What torch calls label smoothing, of the token after each position."""
    return F.cross_entropy(logits[0, :-1], labels[0, 1:], label_smoothing=SMOOTHING)


@pytest.mark.parametrize(
    ("kind", "config"), [(BarPlannerModel, BarPlannerConfig), (DetailGeneratorModel, DetailGeneratorConfig)]
)
def test_label_smoothing_is_of_the_next_token(kind: Any, config: Any, tmp_path: Path) -> None:
    model = randomised(kind(config(**TINY)))
    loss = trainer(model, tmp_path, label_smoothing_factor=SMOOTHING).compute_loss(
        model, {"input_ids": PLAN, "labels": PLAN}
    )
    torch.testing.assert_close(loss, smoothed(model(PLAN).logits, PLAN))


@pytest.fixture
def both() -> TwoStageModel:
    return randomised(TwoStageModel(TwoStageConfig(planner_config=TINY, detail_config=TINY)))


def test_label_smoothing_of_both_is_that_of_the_notes_and_says_so(both: TwoStageModel, tmp_path: Path) -> None:
    labels = {"labels": PLAN, "plan_labels": PLAN}
    inputs = {"input_ids": PLAN, "plan_input_ids": PLAN} | labels
    with_smoothing = trainer(both, tmp_path, label_smoothing_factor=SMOOTHING)
    torch.testing.assert_close(
        with_smoothing.compute_loss(both, dict(inputs)), smoothed(both(input_ids=PLAN).logits, PLAN)
    )
    both.train()
    with pytest.warns(IdlePlannerWarning, match=r"learns nothing: labels is not given \(label smoothing takes it\)"):
        with_smoothing.compute_loss(both, dict(inputs))


def test_the_plain_collator_says_that_the_planner_learns_nothing(both: TwoStageModel, tmp_path: Path) -> None:
    before = {name: weight.clone() for name, weight in both.named_parameters()}
    with pytest.warns(
        IdlePlannerWarning, match="the planner learns nothing: plan_input_ids is not given; train each stage"
    ):
        trainer(both, tmp_path).train()
    changed = {name.partition(".")[0] for name, weight in both.named_parameters() if not weight.equal(before[name])}
    assert changed == {"detail"}


def test_a_plan_without_labels_is_said(both: TwoStageModel) -> None:
    with pytest.warns(IdlePlannerWarning, match="the planner learns nothing: plan_labels is not given"):
        both.train()(plan_input_ids=PLAN, input_ids=PLAN, labels=PLAN)


def test_nothing_is_said_of_a_planner_that_learns_or_is_not_to(both: TwoStageModel) -> None:
    both.train()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        both(plan_input_ids=PLAN, plan_labels=PLAN, input_ids=PLAN, labels=PLAN)
        both(plan_input_ids=PLAN, plan_labels=PLAN)
        both(plan_input_ids=PLAN, input_ids=PLAN)  # a loss of both logits
        both.planner.requires_grad_(False)
        both(input_ids=PLAN, labels=PLAN)
        both.eval().planner.requires_grad_(True)
        both(input_ids=PLAN, labels=PLAN)


PROGRAM = f"""
import json, sys
from pathlib import Path
from datasets import Dataset
from transformers import DataCollatorForLanguageModeling, Trainer, TrainingArguments, set_seed
from remi_two_stage.core.configuration_remi import BarPlannerConfig
from remi_two_stage.core.modeling_remi import BarPlannerModel
from remi_two_stage.core.tokenization_remi import REMIABCTokenizer

if __name__ == "__main__":
    folder, batch_size = sys.argv[1], int(sys.argv[2])
    set_seed(1)
    model = BarPlannerModel(BarPlannerConfig(**{TINY}))
    arguments = TrainingArguments(
        output_dir=folder, use_cpu=True, report_to=[], per_device_train_batch_size=batch_size, num_train_epochs=2,
        logging_steps=1, seed=1, ddp_find_unused_parameters=False, save_strategy="no", disable_tqdm=True,
        average_tokens_across_devices=True,
    )
    plan = {PLAN[0].tolist()}
    rows = Dataset.from_list([{{"input_ids": plan[: 20 + 3 * row]}} for row in range(8)])
    collator = DataCollatorForLanguageModeling(REMIABCTokenizer(), mlm=False)
    trainer = Trainer(model, arguments, data_collator=collator, train_dataset=rows)
    trainer.train()
    if trainer.is_world_process_zero():
        losses = [logs["loss"] for logs in trainer.state.log_history if "loss" in logs]
        Path(folder, "losses.json").write_text(json.dumps([trainer.args.world_size, losses]))
        trainer.save_model(folder)
"""


@pytest.mark.slow
def test_accelerate_launches_two_processes_on_a_cpu(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    found = []
    for processes, command in ((1, [sys.executable]), (2, launch)):
        folder = tmp_path / str(processes)
        folder.mkdir()
        command = [*command, str(program), str(folder), str(4 // processes)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
        world_size, losses = json.loads((folder / "losses.json").read_text())
        assert (world_size, len(losses)) == (processes, 4)
        found.append(losses)
    assert found[1] == pytest.approx(found[0], abs=1e-4)
    one, two = (BarPlannerModel.from_pretrained(tmp_path / folder)(PLAN).logits for folder in ("1", "2"))
    torch.testing.assert_close(one, two, atol=1e-3, rtol=1e-3)
