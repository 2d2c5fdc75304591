"""Training rows out of Parquet that is read as it is needed: nothing missed, nothing twice, exactly resumed."""

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from tiny_runs import copy_tunes
from torch.utils.data import DataLoader
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from remi_two_stage.core.errors import CheckpointError, CorpusError, RemiError
from remi_two_stage.corpus.arguments import Preparation
from remi_two_stage.corpus.preparation import prepare_corpus
from remi_two_stage.corpus.prepared import Tunes
from remi_two_stage.stage_data.datasets import Item, StageDataset
from remi_two_stage.stage_data.datasets import SingleStageDataset as Single
from remi_two_stage.stage_data.streaming import RowGroup, StreamedRows, TuneStream, read_tunes
from remi_two_stage.training.arguments import TrainingPlan
from remi_two_stage.training.stage_trainer import train_stage
from remi_two_stage.training.trainer import TwoStageTrainer, new_model
from remi_two_stage.training.training_data import find_training_data

LENGTH = 2048


@pytest.fixture(scope="module")
def corpus(tune_books: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared corpus whose training split is in two files of small row groups."""
    folder = tmp_path_factory.mktemp("stream")
    tunes = copy_tunes(tune_books["ryansMammoth"][:40], folder / "tunes")
    prepared = prepare_corpus(Preparation(str(tunes), folder / "prepared", processes=1), progress=False)
    (path,) = prepared.train.paths
    table = pq.read_table(path)
    path.unlink()
    for number in range(2):
        part = table.slice(number * len(table) // 2, len(table) // 2)
        pq.write_table(part, path.with_name(f"train-0000{number}-of-00002.parquet"), row_group_size=4)
    return prepared.folder


def make(tunes: Sequence[Sequence[int]], seed: int) -> StageDataset:
    return Single(tunes, seed=seed)


def stream(corpus: Path, rank: int = 0, ranks: int = 1) -> StreamedRows:
    groups = TuneStream(str(corpus), "train").groups()
    return StreamedRows(groups, make, LENGTH, rank, ranks, buffer=8, seed=1)


def tunes_in(items: Sequence[Item]) -> Counter[tuple[int, ...]]:
    found: Counter[tuple[int, ...]] = Counter()
    for item in items:
        starts = [*(item["position_ids"] == 0).nonzero().flatten().tolist(), len(item["input_ids"])]
        ids = item["input_ids"].tolist()
        found.update(tuple(ids[a:b]) for a, b in pairwise(starts))
    return found


def first_epoch(rows: StreamedRows) -> list[Item]:
    items: list[Item] = []
    for item in rows:
        if item["place"][1] == 1:
            return items
        items.append(item)
    raise AssertionError("a stream never ends")


@pytest.mark.parametrize("address", ["{}", "file://{}"])
def test_readers_together_read_every_tune_once_an_epoch(address: str, corpus: Path) -> None:
    groups = TuneStream(address.format(corpus), "train").groups()
    everything = Counter(tuple(tune) for group in groups for tune in read_tunes(group))
    found = tunes_in([item for rank in range(3) for item in first_epoch(stream(corpus, rank, 3))])
    assert found == everything
    assert sum(everything.values()) == sum(group.tunes for group in groups) > 30


def test_epochs_have_different_orders(corpus: Path) -> None:
    items = list(islice(stream(corpus), 2 * len(first_epoch(stream(corpus)))))
    half = len(items) // 2
    assert [i["input_ids"].tolist() for i in items[:half]] != [i["input_ids"].tolist() for i in items[half:]]


def batches(rows: StreamedRows, loaders: int, number: int) -> Iterator[list[Item]]:
    yield from islice(DataLoader(rows, batch_size=2, collate_fn=list, num_workers=loaders), number)


@pytest.mark.parametrize("loaders", [0, 2])
def test_a_stream_goes_on_exactly_where_it_was_with_any_number_of_loaders(loaders: int, corpus: Path) -> None:
    unbroken = list(batches(stream(corpus), loaders, 9))
    places = {}
    for batch in unbroken[:5]:
        reader, *place = batch[-1]["place"].tolist()
        places[reader] = tuple(place)
    resumed = stream(corpus)
    resumed.go_on(5, places)
    for expected, found in zip(unbroken[5:], batches(resumed, loaders, 4), strict=True):
        for old, new in zip(expected, found, strict=True):
            assert torch.equal(old["input_ids"], new["input_ids"])
            assert torch.equal(old["place"], new["place"])


class StopAfter(TrainerCallback):
    """Saves and stops after some steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        control.should_save = control.should_training_stop = state.global_step == self.steps


@pytest.fixture
def plan(corpus: Path, tmp_path: Path, tiny_models: None) -> TrainingPlan:
    return TrainingPlan(
        str(corpus), tmp_path / "model", stage="planner", reading="stream", steps=12, batch_size=1, max_length=512,
        dropout=0.1, device="cpu",
    )  # fmt: skip


def test_a_streamed_run_that_was_stopped_ends_with_the_same_weights(plan: TrainingPlan, tmp_path: Path) -> None:
    training_data = find_training_data(plan)
    rows = partial(training_data.training_rows, "planner", plan)
    valid = training_data.held_out_rows("planner", "validation", plan)
    unbroken = new_model("planner", plan)
    train_stage("planner", replace(plan, output=tmp_path / "unbroken"), unbroken, rows(), valid)
    half = replace(plan, output=tmp_path / "half")
    stopped = rows()
    stopped_model = new_model("planner", plan)
    train_stage("planner", half, stopped_model, stopped, valid, [StopAfter(5)])
    resumed = new_model("planner", plan)
    train_stage("planner", half, resumed, rows(), valid)
    for (name, expected), found in zip(unbroken.named_parameters(), resumed.parameters(), strict=True):
        assert torch.equal(expected, found), name
    with pytest.raises(CheckpointError, match="other numbers of processes or `loaders`"):
        train_stage("planner", replace(half, loaders=1), resumed, rows(), valid)


def test_a_streamed_run_leaves_a_trained_stage(plan: TrainingPlan) -> None:
    folder = TwoStageTrainer(plan).train()
    assert folder == plan.run_folder / "planner" / "finished"


def test_what_cannot_be_streamed_says_so(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"there is no data/train-.* to stream; write it with remi-two-stage prepare"):
        TuneStream(str(tmp_path), "train")
    with pytest.raises(CorpusError, match="there is no corpus at 'nothing://tunes'"):
        TuneStream("nothing://tunes", "train")


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (None, r"no tunes can be read from .*train-0\.parquet' \(.*tokens"),
        ([["<BOS>", "<EOS>"]], "the token ids of a tune are none; prepare the corpus again"),
        ([[1, 99_999]], "the token ids of a tune are none; prepare the corpus again"),
        ([None], "the token ids of a tune are none; prepare the corpus again"),
        ([[-1, 5]], "the id -1 may not stand here"),
        ([[]], "the sequence stops before <EOS>"),
    ],
)
def test_parquet_of_strangers_is_read_with_care(tokens: list[Any] | None, message: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "train-0.parquet"
    pq.write_table(pa.table({"id": ["tune"]} | ({} if tokens is None else {"tokens": tokens})), path)
    groups = TuneStream(str(tmp_path), "train").groups()
    with pytest.raises(RemiError, match=message):
        next(iter(StreamedRows(groups, make, LENGTH)))
    with pytest.raises(RemiError, match=message):
        make(list(Tunes([path]).tokens()), 0)


def test_damaged_parquet_is_named(corpus: Path, tmp_path: Path) -> None:
    shutil.copytree(corpus, tmp_path / "corpus")
    path = min((tmp_path / "corpus" / "data").glob("train-*"))
    whole = path.read_bytes()
    for data in (b"", b"PAR1 and no more", whole[:-100], whole[: len(whole) // 2] + bytes(99) + whole[-2_000:]):
        path.write_bytes(data)
        for read in (lambda: list(stream(tmp_path / "corpus")), lambda: list(Tunes([path]).tokens())):
            with pytest.raises(CorpusError, match=r"no tunes can be read from .*train-00000-of-00002\.parquet'"):
                read()


def test_more_readers_than_row_groups_are_refused() -> None:
    with pytest.raises(CorpusError, match="1 row groups for 2 readers; use fewer processes or loaders"):
        next(iter(StreamedRows([RowGroup("file", 0, 10)], make, LENGTH, rank=0, ranks=2)))
