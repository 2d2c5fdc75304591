"""What a run can be told: whose chords it reads, both stages at once, a model to begin with, when to stop, a config."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from tiny_runs import copy_tunes, finish, weights
from transformers import TrainerControl, TrainerState, TrainingArguments

from remi_two_stage.core.codec import decode
from remi_two_stage.core.errors import CheckpointError, RequestError
from remi_two_stage.core.modeling_remi import TwoStageModel
from remi_two_stage.core.vocabulary import token_names
from remi_two_stage.stage_data.datasets import FullDetailDataset, JointRows, collate_joint
from remi_two_stage.stage_data.planner_chords import write_plans
from remi_two_stage.training.arguments import Stage, TrainingPlan
from remi_two_stage.training.callbacks import EarlyStopping
from remi_two_stage.training.stage_trainer import train_stage
from remi_two_stage.training.trainer import TwoStageTrainer, new_model
from remi_two_stage.training.training_data import find_training_data

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_models")]


@pytest.fixture(scope="module")
def reels(tune_books: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_tunes(tune_books["ryansMammoth"][:16], tmp_path_factory.mktemp("ryan"))


@pytest.fixture
def plan(reels: Path, tmp_path: Path) -> TrainingPlan:
    return TrainingPlan(
        str(reels), tmp_path / "model", planner_epochs=1, detail_epochs=2, max_length=1024, processes=1, device="cpu"
    )


@pytest.mark.parametrize("stage", get_args(Stage))
def test_every_parameter_gets_a_gradient_in_every_stage(stage: Stage, plan: TrainingPlan) -> None:
    rows = find_training_data(plan).training_rows(stage, plan)
    model = new_model(stage, plan)
    assert not isinstance(rows, torch.utils.data.IterableDataset)
    model(**collate_joint([rows[0]])).loss.backward()
    missing = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert missing == []


def test_a_joint_row_holds_the_same_tunes_for_both_stages(plan: TrainingPlan) -> None:
    rows = find_training_data(plan).training_rows(
        "joint", replace(plan, from_melody=0.0, infilling=0.0, voice_orders=0.0)
    )
    assert isinstance(rows, JointRows)
    for index in range(len(rows)):
        row = rows[index]
        names = token_names()
        plans, details = ([names[t] for t in row[key].tolist()] for key in ("plan_input_ids", "input_ids"))
        chords = [[name for name in tokens if name.startswith(("<BOS>", "<Chord"))] for tokens in (plans, details)]
        # The detail generator reads each plan, and again each header among the notes.
        assert {name: 2 * count for name, count in Counter(chords[0]).items() if name != "<BOS>"} == {
            name: count for name, count in Counter(chords[1]).items() if name != "<BOS>"
        }
        assert plans.count("<BOS>") == details.count("<BOS>")


def test_both_stages_train_together_and_learn_at_rates_of_their_own(plan: TrainingPlan) -> None:
    plan = replace(plan, stage="joint", planner_learning_rate=1e-3, detail_learning_rate=1e-5)
    before = new_model("joint", plan)
    folder = TwoStageTrainer(plan).train()
    after = TwoStageModel.from_pretrained(folder)
    learnt = dict(after.named_parameters())
    moved = [
        max(
            float((learnt[name] - old).detach().abs().max())
            for name, old in before.named_parameters()
            if name.startswith(part) and "model.norm" not in name  # by which calibration divides the logits
        )
        for part in ("planner", "detail")
    ]
    assert moved[0] > 10 * moved[1] > 0
    assert json.loads((folder / "training.json").read_text())["held_out_loss"]["planner"]["test"] > 0


def test_a_frozen_planner_stays_as_it_is_and_writes_the_plans(plan: TrainingPlan) -> None:
    plan = replace(plan, stage="joint", joint_planner="frozen", plan_source="predicted")
    before = new_model("joint", plan)
    folder = TwoStageTrainer(plan).train()
    after = TwoStageModel.from_pretrained(folder)
    for (name, old), new in zip(before.named_parameters(), after.parameters(), strict=True):
        assert torch.equal(old, new) == name.startswith("planner."), name
    (kept,) = (plan.run_folder / "joint" / "plans").iterdir()
    assert kept.name == "epoch-1.json"


def test_predicted_plans_change_the_chords_and_nothing_else(plan: TrainingPlan) -> None:
    tunes = list(find_training_data(plan).held_out_tokens("test")) + list(
        find_training_data(plan).held_out_tokens("validation")
    )
    planner = new_model("planner", plan).eval()
    plans = list(write_plans(planner, tunes, seeds=range(len(tunes))))
    assert plans[-1:] == list(write_plans(planner, tunes[-1:], seeds=[len(tunes) - 1]))
    dataset = FullDetailDataset(tunes)
    before = [dataset[index]["input_ids"].tolist() for index in range(len(tunes))]
    dataset.set_plans(dict(enumerate(plans)))
    for index, gold in enumerate(before):
        old, new = (
            decode([token_names()[token] for token in ids]) for ids in (gold, dataset[index]["input_ids"].tolist())
        )
        assert new.note_list() == old.note_list()
        assert [bar.chords for bar in new.bars] != [bar.chords for bar in old.bars]
        assert [replace(bar, chords=()) for bar in new.bars] == [replace(bar, chords=()) for bar in old.bars]


def test_mixed_plans_begin_with_the_tunes_own() -> None:
    plan = TrainingPlan("music21", Path("model"), plan_source="mixed", predicted_share=0.8, detail_epochs=5)
    assert [round(plan.predicted_share_in(epoch), 3) for epoch in range(5)] == [0.0, 0.2, 0.4, 0.6, 0.8]


def test_without_a_planner_there_are_no_predicted_plans(plan: TrainingPlan) -> None:
    with pytest.raises(
        CheckpointError, match=r"there is no planner in .* train it first, or name a model with `start_from`"
    ):
        TwoStageTrainer(replace(plan, stage="detail", plan_source="predicted")).train()


def test_a_run_goes_on_from_another_model_with_all_its_tunes(plan: TrainingPlan, reels: Path, tmp_path: Path) -> None:
    first = TwoStageTrainer(plan).train()
    second = replace(
        plan, start_from=str(first), output=tmp_path / "second", stage="planner", validation=str(reels), dropout=0.2
    )
    model = new_model("planner", second)
    assert {m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)} == {0.2}
    for old, new in zip(TwoStageModel.from_pretrained(first).planner.parameters(), model.parameters(), strict=True):
        assert torch.equal(old, new)
    training_data = find_training_data(second)
    assert training_data.training_tunes == len(training_data.held_out["validation"]) == 16
    assert second.learning_rate_of("planner") < plan.learning_rate_of("planner")


def test_a_stage_trained_further_keeps_its_companion(plan: TrainingPlan, tmp_path: Path) -> None:
    first = TwoStageTrainer(plan).train()
    further = {"start_from": str(first), "output": tmp_path / "second", "stage": "planner"}
    second = replace(plan, **further, planner_epochs=4, planner_learning_rate=0.02)
    assert TwoStageTrainer(second).train() == second.output
    old, new = weights(first), weights(second.output)
    changed = {name.partition(".")[0] for name in old if not torch.equal(old[name], new[name])}
    assert changed == {"planner"}
    alone = replace(second, start_from=str(second.run_folder / "planner" / "finished"), output=tmp_path / "alone")
    assert TwoStageTrainer(alone).train() == alone.run_folder / "planner" / "finished"


def test_what_is_no_model_to_go_on_from_says_so(plan: TrainingPlan, tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"`start_from` is .*nothing', which holds no model to go on from: .* name a folder"
    ):
        new_model("planner", replace(plan, start_from=str(tmp_path / "nothing")))


def test_a_run_stops_when_the_held_out_loss_no_longer_falls_and_keeps_the_best_weights(plan: TrainingPlan) -> None:
    plan = replace(plan, stage="planner", planner_epochs=30, planner_learning_rate=1.0, patience=2)
    training_data = find_training_data(plan)
    train, valid = (
        training_data.training_rows("planner", plan),
        training_data.held_out_rows("planner", "validation", plan),
    )
    trainer = train_stage("planner", plan, new_model("planner", plan), train, valid)
    assert trainer.state.epoch is not None
    assert trainer.state.epoch < 30
    losses = [logs["eval_loss"] for logs in trainer.state.log_history if "eval_loss" in logs]
    assert min(losses) not in losses[-2:]
    kept = json.loads((plan.run_folder / "planner" / "best" / "held_out.json").read_text())
    assert kept == {"loss": min(losses), "epoch": losses.index(min(losses)) + 1}
    assert len(losses) == kept["epoch"] + 2


def test_a_resumed_run_remembers_the_epochs_without_gain(tmp_path: Path) -> None:
    def evaluated(epoch: int, loss: float) -> bool:
        control = TrainerControl()
        stopping = EarlyStopping(tmp_path / "best", patience=2, save=lambda folder: Path(folder).mkdir())
        stopping.on_evaluate(TrainingArguments(str(tmp_path)), TrainerState(epoch=epoch), control, {"eval_loss": loss})
        return control.should_training_stop

    assert [evaluated(epoch, loss) for epoch, loss in enumerate((0.9, 0.5, 0.6, 0.6), 1)] == [False, False, False, True]
    assert json.loads((tmp_path / "best" / "held_out.json").read_text()) == {"loss": 0.5, "epoch": 2}


def test_a_config_file_says_the_same_as_flags_and_flags_come_first(plan: TrainingPlan, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(plan.to_dict()))
    assert TrainingPlan.of(path) == plan
    assert TrainingPlan.of(path, seed=3) == replace(plan, seed=3)
    resolved = TrainingPlan.of(**plan.resolved())
    assert (resolved.planner_size, resolved.detail_learning_rate) == ("tiny", 2e-3)
    assert resolved.resolved() == plan.resolved()


def test_an_output_may_be_text(plan: TrainingPlan) -> None:
    assert replace(plan, output=str(plan.output)) == plan


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"epochs": 3}', "a training run has no epochs; it has corpus, output"),
        ('{"corpus": "music21"}', "`output` must be given, directly or in a `config` file"),
        ('{"corpus": "a", "output": "b", "batch_size": "two"}', "`batch_size` is 'two'; it must be of type int$"),
        ("[1]", "holds a list; give fields by name"),
        ("{", "cannot be read .* give a JSON file"),
    ],
)
def test_a_config_that_is_none_says_why(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(RequestError, match=message):
        TrainingPlan.of(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"plan_source": "mixed", "stage": "planner"}, "`plan_source` is mixed and `stage` planner reads no plans"),
        ({"start_from": "embedded", "model_size": "base"}, "`start_from` embedded has its sizes"),
        ({"start_from": "a", "dropout": 2.0}, "`dropout` is 2.0; it must be from 0"),
        ({"reading": "stream"}, "`reading` is stream and `steps` None; a stream needs steps"),
        ({"steps": 5}, "`reading` is memory and `steps` 5"),
        ({"reading": "stream", "steps": 5, "patience": 2}, "`reading` stream goes with gold plans"),
    ],
)
def test_what_does_not_go_together_is_refused(change: dict[str, object], message: str, plan: TrainingPlan) -> None:
    with pytest.raises(RequestError, match=message):
        replace(plan, **change)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_refused(plan: TrainingPlan) -> None:
    with pytest.raises(RequestError, match="`device` is cuda and torch sees no GPU; use auto or cpu"):
        TwoStageTrainer(replace(plan, device="cuda")).train()
    assert not plan.output.exists()  # so that the next attempt is no run with other arguments


def test_a_name_that_no_model_can_have_is_not_looked_for_on_the_hub(plan: TrainingPlan) -> None:
    with pytest.raises(
        CheckpointError, match="`start_from` is 'my-mdel', which is no folder; name a folder that train"
    ):
        TwoStageTrainer(replace(plan, start_from="my-mdel")).train()
    assert not plan.output.exists()


def test_training_in_bfloat16_reports_to_tensorboard(plan: TrainingPlan) -> None:
    pytest.importorskip("tensorboard")
    TwoStageTrainer(
        replace(plan, stage="planner", device="auto", precision="bfloat16", report_to="tensorboard")
    ).train()
    assert list((plan.run_folder / "planner").glob("**/events.out.tfevents.*"))


def test_training_reports_to_trackio_on_this_machine(reels: Path, tmp_path: Path) -> None:
    pytest.importorskip("trackio")
    curves = f"import os; os.environ['TRACKIO_DIR'] = {str(tmp_path / 'curves')!r}\n"
    run = ("--stage", "planner", "--planner-epochs", 1, "--max-length", 512, "--device", "cpu", "--processes", 1)
    code, shown = finish(
        "--corpus", reels, "--output", tmp_path / "model", *run, "--report-to", "trackio", before=curves
    )
    assert code == 0, shown
    stored = b"".join(path.read_bytes() for path in (tmp_path / "curves").glob("remi-two-stage.db*"))
    assert b"model-planner" in stored
    assert b"eval/planner_loss" in stored
