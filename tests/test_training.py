"""Training of both stages on a handful of reels: what it changes, how it stops and goes on, what it leaves behind."""

import json
import math
import re
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from full_disk import largest_file
from safetensors.torch import load_file
from test_loading import Evil
from tiny_runs import copy_tunes, weights
from transformers import AutoTokenizer, TrainerCallback

from remi_two_stage.composing.checkpoint import EMBEDDED
from remi_two_stage.core.codec import decode
from remi_two_stage.core.errors import CheckpointError, CorpusError, RequestError
from remi_two_stage.core.modeling_remi import BarPlannerModel, DetailGeneratorModel, TwoStageModel
from remi_two_stage.core.vocabulary import TOKEN_IDS, token_names
from remi_two_stage.evaluation.likelihood import mean_loss
from remi_two_stage.stage_data.datasets import Item, PackedRows, collate, collate_joint
from remi_two_stage.stage_data.streaming import StreamedRows
from remi_two_stage.training.arguments import Stage, TrainingPlan
from remi_two_stage.training.calibration import calibrate
from remi_two_stage.training.callbacks import agreement
from remi_two_stage.training.run_folder import keep_or_compare, last_checkpoint
from remi_two_stage.training.stage_trainer import train_stage
from remi_two_stage.training.trainer import TwoStageTrainer, new_model
from remi_two_stage.training.training_data import find_training_data

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_models")]


@pytest.fixture(scope="module")
def reels(tune_books: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_tunes(tune_books["ryansMammoth"][:24], tmp_path_factory.mktemp("ryan"))


@pytest.fixture
def plan(reels: Path, tmp_path: Path) -> TrainingPlan:
    return TrainingPlan(
        str(reels), tmp_path / "model", planner_epochs=4, detail_epochs=1, batch_size=1, max_length=1024, processes=1
    )


class InterruptedRows(PackedRows):
    """Rows during whose ninth reading somebody presses Ctrl-C, or a batch system ends the job."""

    reads, signal = 0, signal.SIGINT

    def __getitem__(self, index: int | None) -> Item:
        self.reads += 1
        if self.reads == 9:
            signal.raise_signal(self.signal)
        return super().__getitem__(index)


def rows_of(stage: Stage, plan: TrainingPlan) -> tuple[PackedRows, PackedRows]:
    training_data = find_training_data(plan)
    rows = training_data.training_rows(stage, plan), training_data.held_out_rows(stage, "validation", plan)
    assert isinstance(rows[0], PackedRows)
    assert isinstance(rows[1], PackedRows)
    return rows


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def trained(stage: Stage, plan: TrainingPlan, train: PackedRows, valid: PackedRows) -> BarPlannerModel:
    """A stage, trained without joining and recording."""
    model = new_model(stage, plan)
    train_stage(stage, plan, model, train, valid)
    return model.eval()


def test_both_stages_end_up_in_one_folder_that_loads(plan: TrainingPlan) -> None:
    folder = TwoStageTrainer(replace(plan, dtype="bfloat16")).train()
    assert folder == plan.output
    model = TwoStageModel.from_pretrained(folder)
    assert model.dtype == torch.bfloat16
    assert AutoTokenizer.from_pretrained(folder).convert_tokens_to_ids("<BOS>") == model.config.bos_token_id
    assert {path.suffix for path in folder.iterdir() if path.is_file()} <= {".json", ".safetensors", ".py"}


def test_a_single_stage_is_trained_for_comparison_and_composes_by_itself(plan: TrainingPlan) -> None:
    folder = TwoStageTrainer(replace(plan, stage="single")).train()
    model = DetailGeneratorModel.from_pretrained(folder)
    prompt = ["<BOS>", "<time=6/8>", "<key=Cmaj>", "<Bars=4>", "<voice=M>"]
    written = model.generate(torch.tensor([[TOKEN_IDS[name] for name in prompt]]), do_sample=False)
    tokens = [token_names()[token] for token in written[0].tolist()]
    assert "<Detail>" not in tokens
    assert decode(tokens).bar_count == 4


def test_the_record_says_how_the_saved_model_was_made_and_how_good_it_is(plan: TrainingPlan) -> None:
    folder = TwoStageTrainer(plan).train()
    record = json.loads((folder / "training.json").read_text())
    assert record["command"].startswith(f"remi-two-stage train --corpus {plan.corpus[0]} --output {plan.output} ")
    assert record["seed"] == plan.seed
    assert record["corpus"]["name"] == plan.corpus[0]
    assert record["corpus"]["tunes"] == 24 == sum(record["split"]["tunes"].values())
    model = TwoStageModel.from_pretrained(folder).eval()
    for stage, part in (("planner", model.planner), ("detail", model.detail)):
        assert record["held_out_loss"][stage]["validation"] == round(mean_loss(part, rows_of(stage, plan)[1]), 4)


def test_an_epoch_ends_with_the_loss_on_training_tunes_beside_the_held_out_one(
    plan: TrainingPlan, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = replace(plan, dropout=0.2)
    folder = TwoStageTrainer(plan).train()
    record, shown = json.loads((folder / "training.json").read_text()), capsys.readouterr().out
    model = TwoStageModel.from_pretrained(folder).eval()
    data = find_training_data(plan)
    for stage, part, epoch in (("planner", model.planner, 4), ("detail", model.detail, 1)):
        learnt = data.held_out_rows(stage, "train", plan)
        assert isinstance(learnt, PackedRows)
        assert record["train_loss"][stage] == round(mean_loss(part, learnt), 4)
        line = re.search(rf"{stage}, epoch {epoch}: held-out loss (.+?), perplexity .+; train loss (.+)\n", shown)
        assert line is not None
        # What is saved was calibrated after that epoch, and models of so few steps are too unsure.
        assert float(line[1]) - 1 < record["held_out_loss"][stage]["validation"] < float(line[1])
        assert float(line[2]) - 1 < record["train_loss"][stage] < float(line[2])
        assert f"{stage}: calibrated on held-out tunes, by a temperature of 0." in shown


@pytest.mark.parametrize("sureness", [0.8, 1.0, 1.4])
def test_calibration_takes_back_what_makes_a_stage_too_sure_or_too_unsure(plan: TrainingPlan, sureness: float) -> None:
    detail: DetailGeneratorModel = DetailGeneratorModel.from_pretrained(EMBEDDED / "detail", dtype=torch.float32).eval()
    rows = rows_of("detail", plan)[1]
    usual = calibrate(detail, rows)
    best = mean_loss(detail, rows)
    with torch.no_grad():
        for weight in detail.model.norm.parameters():
            weight *= sureness
    assert calibrate(detail, rows) == pytest.approx(sureness, rel=0.021)
    assert mean_loss(detail, rows) == pytest.approx(best, rel=0.001)
    assert 0.9 < usual < 1.4


@pytest.mark.parametrize("stage", ["planner", "detail"])
def test_every_parameter_changes_and_the_held_out_loss_falls(stage: Stage, plan: TrainingPlan) -> None:
    train, valid = rows_of(stage, plan)
    before = new_model(stage, plan).eval()
    after = trained(stage, plan, train, valid)
    for (name, old), new in zip(before.named_parameters(), after.parameters(), strict=True):
        assert not torch.equal(old, new), name
    assert mean_loss(after, valid) < mean_loss(before, valid)


class Recorded(TrainerCallback):
    """Computes the average of the weights after each step, from the beginning."""

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self.averages: list[dict[str, torch.Tensor]] = []
        self.last: dict[str, torch.Tensor] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        self.averages = [{name: weight.detach().clone() for name, weight in model.named_parameters()}]

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        decay = min(self._decay, (1 + state.global_step) / (10 + state.global_step))
        before, self.last = self.averages[-1], {n: p.detach().clone() for n, p in model.named_parameters()}
        self.averages.append({name: decay * before[name] + (1 - decay) * new for name, new in self.last.items()})


def near(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> bool:
    """Whether these are the weights, tied ones among them stored once or twice."""
    return all(torch.allclose(found[name], weight, atol=1e-6) for name, weight in expected.items())


@pytest.mark.parametrize(
    ("stage", "change"),
    [
        ("planner", {}),
        ("planner", {"start_from": "first", "planner_learning_rate": 0.01}),
        ("joint", {"joint_planner": "frozen", "planner_epochs": None, "detail_epochs": 3}),
    ],
)
def test_what_is_measured_and_saved_is_the_average_of_the_weights(
    stage: Stage, change: dict[str, Any], plan: TrainingPlan, tmp_path: Path
) -> None:
    if "start_from" in change:
        change = change | {"start_from": str(tmp_path / "first")}
        new_model(stage, replace(plan, seed=5)).save_pretrained(tmp_path / "first")
    plan = replace(plan, stage=stage, averaging=0.6, **change)
    data, recorded = find_training_data(plan), Recorded(0.6)
    train, valid = data.training_rows(stage, plan), data.held_out_rows(stage, "validation", plan)
    begun = new_model(stage, plan)
    assert not isinstance(train, StreamedRows)
    trainer = train_stage(stage, plan, begun, train, valid, [recorded])
    trainer.save_weights(str(tmp_path / "saved"))
    saved = weights(tmp_path / "saved")
    assert near(saved, recorded.averages[-1])
    assert not near(saved, recorded.last)
    assert near(recorded.averages[0], dict(new_model(stage, plan).named_parameters()))
    assert all(map(torch.equal, recorded.last.values(), (p.detach() for p in begun.parameters()))), "training goes on"
    measured = [logs["eval_loss"] for logs in trainer.state.log_history if "eval_loss" in logs]
    begun.load_state_dict(recorded.averages[-1], strict=False)
    begun.eval()
    losses = [begun(**collate_joint([valid[row]])) for row in range(len(valid))]
    counts = [int((valid[row]["labels"][1:] != -100).sum()) for row in range(len(valid))]
    mean = sum(out.loss.item() * count for out, count in zip(losses, counts, strict=True)) / sum(counts)
    assert measured[-1] == pytest.approx(mean, abs=1e-5)


def test_without_averaging_the_last_weights_are_saved(plan: TrainingPlan, tmp_path: Path) -> None:
    plan, recorded = replace(plan, averaging=0.0), Recorded(0.6)
    train, valid = rows_of("planner", plan)
    trainer = train_stage("planner", plan, new_model("planner", plan), train, valid, [recorded])
    trainer.save_weights(str(tmp_path / "saved"))
    saved = weights(tmp_path / "saved")
    assert all(torch.equal(saved[name], weight) for name, weight in recorded.last.items())
    (checkpoint,) = (plan.run_folder / "planner").glob("checkpoint-*")
    assert not (checkpoint / "average.safetensors").exists()


def test_the_best_weights_are_averages_too(plan: TrainingPlan) -> None:
    plan = replace(plan, planner_epochs=30, planner_learning_rate=0.3, patience=2, averaging=0.6, batch_size=64)
    train, valid = rows_of("planner", plan)
    recorded = Recorded(0.6)
    train_stage("planner", plan, new_model("planner", plan), train, valid, [recorded])
    kept = plan.run_folder / "planner" / "best"
    epoch = json.loads((kept / "held_out.json").read_text())["epoch"]
    assert epoch + 3 == len(recorded.averages), "one step an epoch"
    assert near(load_file(kept / "model.safetensors"), recorded.averages[epoch])


def losses_of_steps(model: torch.nn.Module, batches: list[Item]) -> list[float]:
    """The loss of each step of a training without dropout."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for batch in batches:
        loss = model(**batch, use_cache=False).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("stage", ["planner", "detail"])
def test_packed_rows_train_as_their_tunes_padded_one_by_one(stage: Stage, plan: TrainingPlan) -> None:
    rows, _ = rows_of(stage, plan)
    batches = [range(step, len(rows), 2) for step in (0, 1, 0, 1)]
    packed = [collate([rows[row] for row in batch]) for batch in batches]
    padded = [collate([rows.pieces[piece] for row in batch for piece in rows.rows[row]]) for batch in batches]
    assert "attention_mask" in padded[0]
    assert packed[0]["input_ids"].numel() < 0.9 * padded[0]["input_ids"].numel()
    found, expected = (losses_of_steps(new_model(stage, plan), batches) for batches in (packed, padded))
    assert found == pytest.approx(expected, abs=1e-4)
    assert found[-1] < found[0]


@pytest.fixture
def unbroken(plan: TrainingPlan, tmp_path: Path) -> tuple[TrainingPlan, BarPlannerModel]:
    """A run with dropout, whose random state has to be kept, and what it ends with when nothing happens."""
    plan = replace(plan, planner_epochs=6, dropout=0.1, max_length=512)
    return plan, trained("planner", replace(plan, output=tmp_path / "unbroken"), *rows_of("planner", plan))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_goes_on_to_the_same_weights_as_an_unbroken_one(
    number: signal.Signals, unbroken: tuple[TrainingPlan, BarPlannerModel]
) -> None:
    plan, expected = unbroken
    train, valid = rows_of("planner", plan)
    stopped = InterruptedRows(train.pieces, plan.max_length)
    stopped.signal = number
    with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
        trained("planner", plan, stopped, valid)
    assert same(expected, trained("planner", plan, train, valid))


def test_processes_on_a_cpu_heed_ctrl_c_after_the_very_step(tmp_path: Path) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    try:
        agree = agreement(torch.device("cpu"))
        assert [agree(wish) for wish in (False, True, False)] == [False, True, False]
    finally:
        torch.distributed.destroy_process_group()


def test_a_full_disk_stops_a_run_with_one_line_and_costs_no_more_than_the_steps_since(
    unbroken: tuple[TrainingPlan, BarPlannerModel],
) -> None:
    plan, expected = unbroken
    train, valid = rows_of("planner", plan)
    with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
        trained("planner", plan, InterruptedRows(train.pieces, plan.max_length), valid)
    (kept,) = (plan.run_folder / "planner").glob("checkpoint-*")
    for size in (60_000, 200_000):  # the weights do not fit, then those fit and the optimizer's state does not
        with (
            largest_file(size),
            pytest.raises(CheckpointError, match=r"cannot be written: .* make room"),
        ):
            trained("planner", plan, train, valid)
        assert last_checkpoint(plan.run_folder / "planner") == kept
    assert same(expected, trained("planner", plan, train, valid))


def test_the_last_checkpoint_is_the_one_with_most_steps_of_those_that_are_whole(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path) is None
    for step in (9, 10, 100):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if step < 100:
            (tmp_path / f"checkpoint-{step}" / "whole").touch()
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-10"


def test_the_learning_rate_rises_for_three_hundredths_of_the_steps_and_falls_as_a_cosine(plan: TrainingPlan) -> None:
    train, valid = rows_of("planner", plan)
    trainer = train_stage("planner", plan, new_model("planner", plan), train, valid)
    steps = trainer.state.max_steps
    (share, *others) = trainer.lr_scheduler.lr_lambdas
    rates = [share(step) for step in range(steps + 1)]
    warm = math.ceil(0.03 * steps)
    assert rates[:warm] == [(step + 1) / warm for step in range(warm)], "the first step learns too"
    cosine = [(1 + math.cos(math.pi * (step + 1) / (steps - warm))) / 2 for step in range(steps - warm)]
    assert rates[warm:steps] == pytest.approx([0.01 + 0.99 * rate for rate in cosine])
    assert all(other(steps // 2) == rates[steps // 2] for other in others)
    assert trainer.args.max_grad_norm == 1


def test_the_loss_of_both_stages_is_the_sum_of_their_means_over_tokens(plan: TrainingPlan) -> None:
    whole = replace(plan, stage="joint", batch_size=64, detail_epochs=1, planner_epochs=1, dropout=0.0)
    whole = replace(whole, planner_learning_rate=1e-12, detail_learning_rate=1e-12, from_melody=0.0)
    training_data = find_training_data(whole)
    train = training_data.training_rows("joint", whole)
    valid = training_data.held_out_rows("joint", "validation", whole)
    trainer = train_stage("joint", whole, new_model("joint", whole), train, valid)
    assert trainer.state.global_step == 1
    (learnt,) = (logs["train_loss"] for logs in trainer.state.log_history if "train_loss" in logs)
    measured = trainer.evaluate(train)
    assert learnt == pytest.approx(measured["eval_planner_loss"] + measured["eval_detail_loss"], abs=1e-3)
    assert measured["eval_loss"] == measured["eval_planner_loss"] + measured["eval_detail_loss"]


@pytest.mark.parametrize(
    "name", ["optimizer.pt", "scheduler.pt", "rng_state.pth", "model.safetensors", "average.safetensors"]
)
def test_a_checkpoint_runs_no_code_and_a_damaged_one_is_named(name: str, plan: TrainingPlan, tmp_path: Path) -> None:
    plan = replace(plan, planner_epochs=6, max_length=512)
    train, valid = rows_of("planner", plan)
    with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
        trained("planner", plan, InterruptedRows(train.pieces, plan.max_length), valid)
    (checkpoint,) = (plan.run_folder / "planner").glob("checkpoint-*")
    torch.save({"cpu": Evil(tmp_path / "was_run")}, checkpoint / name)
    with pytest.raises(CheckpointError, match=r"checkpoint-\d+' is damaged or holds more than tensors and numbers \("):
        trained("planner", plan, train, valid)
    assert not (tmp_path / "was_run").exists()


def test_a_finished_run_is_not_trained_again(plan: TrainingPlan) -> None:
    weights = TwoStageTrainer(plan).train() / "run" / "detail" / "finished" / "model.safetensors"
    written = weights.stat().st_mtime_ns
    assert TwoStageTrainer(plan).train() == plan.output
    assert weights.stat().st_mtime_ns == written


def test_a_finished_stage_keeps_its_losses_and_nothing_to_resume_from(plan: TrainingPlan) -> None:
    TwoStageTrainer(replace(plan, stage="planner", patience=3)).train()
    folder = plan.run_folder / "planner"
    assert {path.name for path in folder.iterdir() if not path.name.startswith("checkpoint-")} == {"finished"}
    (kept,) = folder.glob("checkpoint-*/*")
    assert any("eval_loss" in logs for logs in json.loads(kept.read_text())["log_history"])


def test_a_run_goes_on_where_it_was_copied_with_a_corpus_that_lies_elsewhere(
    unbroken: tuple[TrainingPlan, BarPlannerModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = replace(unbroken[0], stage="planner")
    expected = load_file(TwoStageTrainer(plan).train() / "model.safetensors")
    begun = replace(plan, output=tmp_path / "begun")
    train, valid = rows_of("planner", begun)
    keep_or_compare(begun, find_training_data(begun).fingerprint)
    with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
        trained("planner", begun, InterruptedRows(train.pieces, plan.max_length), valid)
    shutil.move(begun.output, tmp_path / "elsewhere" / "model")
    shutil.copytree(plan.corpus[0], tmp_path / "elsewhere" / "tunes")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere" / "cache"))
    moved = replace(plan, corpus=str(tmp_path / "elsewhere" / "tunes"), output=tmp_path / "elsewhere" / "model")
    (checkpoint,) = (moved.run_folder / "planner").glob("checkpoint-*")
    found = load_file(TwoStageTrainer(moved).train() / "model.safetensors")
    assert not checkpoint.exists(), "it went on"
    assert all(torch.equal(found[name], weight) for name, weight in expected.items())


def test_one_stage_can_be_trained_at_a_time(plan: TrainingPlan) -> None:
    planner = TwoStageTrainer(replace(plan, stage="planner")).train()
    assert planner == plan.output / "run" / "planner" / "finished"
    assert not (plan.output / "model.safetensors.index.json").exists()
    assert TwoStageTrainer(replace(plan, stage="detail")).train() == plan.output
    joined, alone = weights(plan.output), weights(planner)
    assert all(torch.equal(joined[f"planner.{name}"], weight) for name, weight in alone.items())


def test_another_run_in_the_same_folder_is_refused(plan: TrainingPlan) -> None:
    TwoStageTrainer(replace(plan, stage="planner")).train()
    with pytest.raises(CheckpointError, match=r"other arguments \(`seed` 0, now 1\); give the same ones"):
        TwoStageTrainer(replace(plan, seed=1)).train()


def test_a_missing_corpus_leaves_nothing_behind(plan: TrainingPlan, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="there is no corpus"):
        TwoStageTrainer(replace(plan, corpus=str(tmp_path / "missing"))).train()
    assert not plan.output.exists()


def test_an_output_that_is_a_file_is_refused(plan: TrainingPlan, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match=r"nothing can be written to .*file'"):
        TwoStageTrainer(replace(plan, output=tmp_path / "file")).train()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"planner_epochs": 0.0}, "`planner_epochs` is 0.0; it must be above 0"),
        ({"batch_size": 0}, "`batch_size` is 0; it must be 1 or more"),
        ({"detail_size": "huge"}, "`detail_size` is 'huge'; choose one of tiny, small, base"),
        ({"seed": -1}, "`seed` is -1; it must be from 0"),
    ],
)
def test_bad_arguments_name_their_flag(change: dict[str, float], message: str, plan: TrainingPlan) -> None:
    with pytest.raises(RequestError, match=message):
        replace(plan, **change)
