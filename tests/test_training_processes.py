"""Several processes make the run that one would make: the same batches, the same losses, one writer."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_runs import TINY, copy_tunes

from remi_two_stage.stage_data.batch_sampler import SharedBatches

pytestmark = pytest.mark.slow

PROGRAM = f"""
import sys
from pathlib import Path
from remi_two_stage.training import arguments
from remi_two_stage.training.arguments import TrainingPlan
from remi_two_stage.training.trainer import TwoStageTrainer
arguments.PLANNER_SIZES["tiny"] = arguments.DETAIL_SIZES["tiny"] = {TINY}
for stage, source in (("planner", "gold"), ("joint", "mixed")):
    plan = TrainingPlan(sys.argv[1], Path(sys.argv[2], stage), stage=stage, batch_size=int(sys.argv[3]), max_length=512,
                        planner_epochs=2, detail_epochs=2, plan_source=source, device="cpu", processes=1)
    TwoStageTrainer(plan).train()
"""


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_processes_share_the_batches_of_one(ranks: int) -> None:
    alone = SharedBatches(17, 6, seed=3)
    shared = [SharedBatches(17, 6 // ranks, rank, ranks, seed=3) for rank in range(ranks)]
    for epoch in range(2):
        for batches in (alone, *shared):
            batches.set_epoch(epoch)
        together = [[row for part in step for row in part if row is not None] for step in zip(*shared, strict=True)]
        assert [sorted(step) for step in together] == [sorted(row for row in b if row is not None) for b in alone]
        assert sorted(row for step in together for row in step) == list(range(17))


def test_every_epoch_has_an_order_of_its_own_and_the_same_one_again() -> None:
    batches, orders = SharedBatches(17, 6, seed=3), []
    for epoch in (0, 1, 0):
        batches.set_epoch(epoch)
        orders.append([row for batch in batches for row in batch])
    assert orders[0] == orders[2] != orders[1]


def test_a_process_without_a_row_in_the_last_batch_gets_an_empty_one() -> None:
    assert list(SharedBatches(3, 1, rank=1, ranks=2)) == [[1], [None]]


@pytest.fixture(scope="module")
def tunes(tune_books: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_tunes(tune_books["ryansMammoth"][:14], tmp_path_factory.mktemp("ryan") / "tunes")


def losses(folder: Path, stage: str) -> list[dict[str, float]]:
    """What the run logged, step by step and after each epoch."""
    state = max(folder.glob(f"{stage}/run/{stage}/checkpoint-*"), key=lambda path: int(path.name[11:]))
    history = json.loads((state / "trainer_state.json").read_text())["log_history"]
    return [{name: value for name, value in logs.items() if "loss" in name or "accuracy" in name} for logs in history]


def test_two_processes_have_the_losses_of_one(tunes: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    one, two = tmp_path / "one", tmp_path / "two"
    alone = [sys.executable, str(program), str(tunes), str(one), "2"]
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    for command in (alone, [*launch, str(program), str(tunes), str(two), "1"]):
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("splits    train") == 2  # once a stage, not once a process
    for stage in ("planner", "joint"):
        expected, found = losses(one, stage), losses(two, stage)
        assert len(expected) >= 2
        assert found == [pytest.approx(logs, abs=1e-4) for logs in expected]


SPREAD_WEIGHTS = f"""
import os
import sys
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
import torch
from torch.distributed.fsdp import fully_shard
from remi_two_stage.core.configuration_remi import BarPlannerConfig
from remi_two_stage.core.modeling_remi import BarPlannerModel
from remi_two_stage.training.averaging import Averaging

torch.distributed.init_process_group("gloo")
mesh = torch.distributed.device_mesh.init_device_mesh("cpu", (2,))
torch.manual_seed(0)
whole = BarPlannerModel(BarPlannerConfig(**{TINY}))
spread = deepcopy(whole)
for module in spread.modules():
    if type(module).__name__ == "RelativeDecoderLayer":
        fully_shard(module, mesh=mesh)
fully_shard(spread, mesh=mesh)
ids, folder = torch.arange(5, 45)[None], Path(sys.argv[1])


def loss_of(model):
    return model(input_ids=ids, labels=ids, use_cache=False).loss


def measured(model, averaging):
    with torch.no_grad(), averaging.shown(model):
        return loss_of(model).item()


def learn(model, averaging, steps):
    losses = []
    for step in steps:
        loss = loss_of(model)
        loss.backward()
        with torch.no_grad():
            for weight in model.parameters():
                weight.sub_(weight.grad, alpha=0.1)
                weight.grad = None
        averaging.on_step_end(None, SimpleNamespace(global_step=step), None, model=model)
        losses += [loss.item(), measured(model, averaging)]
    return losses


def begun(model, source=None):
    averaging = Averaging(0.9)
    if source is not None:
        averaging.load(source)
    averaging.on_train_begin(None, None, None, model=model)
    return averaging


averages = [begun(model) for model in (whole, spread)]
learnt = [learn(model, average, range(1, 4)) for model, average in zip((whole, spread), averages)]
torch.testing.assert_close(*learnt)
assert learnt[1][-1] != learnt[1][-2]
averages[1].save(folder, torch.distributed.get_rank() == 0)
torch.distributed.barrier()
for model in (whole, spread):
    assert abs(measured(model, begun(model, folder)) - learnt[0][-1]) < 1e-5
assert [path.name for path in folder.iterdir()] == ["average.safetensors"]
torch.distributed.barrier()
os._exit(0)  # gloo's threads now and then abort a process that is left in order
"""


def test_weights_that_are_spread_over_processes_have_the_average_of_whole_ones(tmp_path: Path) -> None:
    program, checkpoint = tmp_path / "program.py", tmp_path / "checkpoint"
    program.write_text(SPREAD_WEIGHTS)
    checkpoint.mkdir()
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    run = subprocess.run([*launch, str(program), str(checkpoint)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
