"""Learning from several corpora at once, each with a weight: what is asked for, shown, resumed and recorded."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import copy_tunes, finish, weights
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from remi_two_stage.composing.composer import Composer
from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.errors import CheckpointError, RequestError
from remi_two_stage.corpus.arguments import WeightedCorpus
from remi_two_stage.corpus.preparation import load_corpus
from remi_two_stage.corpus.prepared import Corpus
from remi_two_stage.corpus.splits import group_melodies, melody
from remi_two_stage.hub.card import model_card
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.stage_data.datasets import FullDetailDataset, JointRows, PackedRows
from remi_two_stage.stage_data.places import Place, places
from remi_two_stage.stage_data.streaming import StreamedRows
from remi_two_stage.training.arguments import TrainingPlan
from remi_two_stage.training.run_folder import keep_or_compare
from remi_two_stage.training.stage_trainer import train_stage
from remi_two_stage.training.trainer import new_model
from remi_two_stage.training.training_data import WeightedTunes, find_training_data


@pytest.fixture(scope="module")
def reels(tune_books: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_tunes(tune_books["ryansMammoth"][:16], tmp_path_factory.mktemp("reels"))


@pytest.fixture(scope="module")
def jigs(tune_books: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_tunes(tune_books["oneills1850"][12:13], tmp_path_factory.mktemp("jigs"))


@pytest.fixture
def plan(reels: Path, jigs: Path, tmp_path: Path) -> TrainingPlan:
    return TrainingPlan(
        (f"{reels}=2", f"{jigs}=0.5"), tmp_path / "model", stage="planner", planner_epochs=3, max_length=512,
        processes=1, device="cpu", from_melody=0.0, omit_globals=0.0,
    )  # fmt: skip


def shown(rows: PackedRows, epoch: int) -> Counter[tuple[int, ...]]:
    """The sequences that an epoch shows, and how often."""
    rows.set_epoch(epoch)
    found: Counter[tuple[int, ...]] = Counter()
    for index in range(len(rows)):
        starts = [*(rows[index]["position_ids"] == 0).nonzero().flatten().tolist(), len(rows[index]["input_ids"])]
        ids = rows[index]["input_ids"].tolist()
        found.update(tuple(ids[a:b]) for a, b in pairwise(starts))
    return found


def test_a_weight_stands_after_the_corpus_and_a_path_that_exists_is_one(tmp_path: Path) -> None:
    assert WeightedCorpus.parse("music21") == ("music21", 1)
    assert WeightedCorpus.parse("hymns.abc.gz=2") == ("hymns.abc.gz", 2)
    assert WeightedCorpus.parse("year=2020/hymns=.5") == ("year=2020/hymns", 0.5)
    assert WeightedCorpus.parse("mode=major") == ("mode=major", 1)
    (tmp_path / "reels=2").mkdir()
    assert WeightedCorpus.parse(f"{tmp_path}/reels=2") == (f"{tmp_path}/reels=2", 1)
    assert WeightedCorpus.parse(f"{tmp_path}/reels=2=3") == (f"{tmp_path}/reels=2", 3)
    with pytest.raises(RequestError, match=r"the weight of the corpus 'music21' is 0; give a number above 0"):
        WeightedCorpus.parse("music21=0")


def test_a_plan_has_its_corpora_as_texts_from_everywhere(tmp_path: Path) -> None:
    output = tmp_path / "model"
    one, two = TrainingPlan("music21", output), TrainingPlan(("music21", "my tunes=2"), output)
    assert one.corpus == ("music21",)
    assert two.command() == f"remi-two-stage train --corpus music21 --corpus 'my tunes=2' --output {output}"
    config = tmp_path / "config.json"
    for stored, expected in (("music21", one), (["music21"], one), (["music21", "my tunes=2"], two)):
        config.write_text(json.dumps({"corpus": stored, "output": str(output)}))
        assert TrainingPlan.of(config) == expected
    config.write_text(json.dumps(two.resolved()))
    assert TrainingPlan.of(config).resolved() == two.resolved()
    for wrong in ([], [1]):
        config.write_text(json.dumps({"corpus": wrong, "output": str(output)}))
        with pytest.raises(RequestError, match=r"`corpus` is .*; name at least one corpus, each as a text"):
            TrainingPlan.of(config)


def test_places_are_shared_by_neighbours_in_length() -> None:
    assert places([5, 3, 4]) == [Place((0,)), Place((1,)), Place((2,))]
    assert places([5, 3, 4], [2, 1, 1]) == [Place((0,)), Place((0,)), Place((1,)), Place((2,))]
    assert places([50, 3, 4, 51], [0.5] * 4) == [Place((1, 2)), Place((0, 3))]
    assert places([1, 2, 3, 4], [1.5, 1, 1.5, 1])[4:] == [Place((0, 2))]
    assert places([7, 7], [0.01, 1]) == [Place((1,)), Place((0,))]


@pytest.mark.parametrize(("weight", "epochs"), [(0.5, 2), (0.75, 4), (0.3, 10), (0.05, 20), (1.25, 4)])
def test_tunes_of_a_fractional_weight_are_shown_equally_often(weight: float, epochs: int) -> None:
    tunes = 40
    made = places(range(tunes), [weight] * tunes)
    assert len(made) == tunes * weight
    shown = [[place.shown_in(epoch, seed=3) for place in made] for epoch in range(epochs)]
    assert Counter(tune for epoch in shown for tune in epoch) == dict.fromkeys(range(tunes), weight * epochs)
    assert all(max(Counter(epoch).values()) == math.ceil(weight) for epoch in shown)


def test_an_epoch_shows_each_tune_as_often_as_its_weight(plan: TrainingPlan, reels: Path, jigs: Path) -> None:
    rows = find_training_data(plan).training_rows("planner", plan)
    assert isinstance(rows, PackedRows)
    alone = [find_training_data(replace(plan, corpus=(str(source),))) for source in (reels, jigs)]
    whole = []
    for data in alone:
        of_one = data.training_rows("planner", plan)
        assert isinstance(of_one, PackedRows)
        whole.append(shown(of_one, 0))
    epochs = [shown(rows, epoch) for epoch in range(4)]
    for epoch in epochs:
        assert all(epoch[tune] == 2 * times for tune, times in whole[0].items())
        assert sum(epoch.values()) == 2 * whole[0].total() + math.ceil(whole[1].total() / 2)
    rest = [epoch - whole[0] - whole[0] for epoch in epochs]
    assert rest[0] != rest[1]
    assert (rest[0], rest[1]) == (rest[2], rest[3])
    assert set(rest[0] + rest[1]) == set(whole[1])
    assert [shown(rows, epoch) for epoch in (1, 0)] == [epochs[1], epochs[0]]


def test_other_tunes_are_measured_once_whatever_the_weights(plan: TrainingPlan, reels: Path, jigs: Path) -> None:
    data = find_training_data(plan)
    for split in ("validation", "test"):
        expected = [list(load_corpus(source).split(split).tokens()) for source in (reels, jigs)]
        assert list(data.held_out_tokens(split)) == expected[0] + expected[1]
    assert [(corpus["name"], corpus["weight"]) for corpus in data.counts] == [(str(reels), 2), (str(jigs), 0.5)]


def test_what_one_corpus_holds_out_is_not_learnt_from_another(plan: TrainingPlan, reels: Path, tmp_path: Path) -> None:
    """The second book has the tunes of the first a fourth higher and without their last bar, as another player would
    have noted them, so that their melodies are not the same and fall into other splits.
    """
    book = tmp_path / "second-book"
    book.mkdir()
    for path in sorted(reels.iterdir()):
        for number, piece in enumerate(read_abc(path)):
            other = replace(piece.transpose(5), bars=piece.transpose(5).bars[:-1])
            (book / f"{path.stem}-{number}.abc").write_text(write_abc(other), encoding="utf-8")
    given = replace(plan, corpus=(str(reels), str(book)), augment="tonic")
    corpora = [load_corpus(source, augment="tonic") for source in (reels, book)]
    data = find_training_data(given)
    learnt = [
        melody(tokens) for corpus in data.train if isinstance(corpus, WeightedTunes) for tokens in corpus.tunes.tokens()
    ]
    held_out = [melody(tokens) for split in ("validation", "test") for tokens in data.held_out_tokens(split)]
    groups = group_melodies([*learnt, *held_out]).tolist()
    assert not set(groups[: len(learnt)]) & set(groups[len(learnt) :])
    of_both = [*corpora[0].train, *corpora[1].train]
    gone = Counter(melody(tune.tokens) for tune in of_both) - Counter(learnt)
    assert gone.total() > 1
    assert data.training_tunes == len(of_both) - gone.total()
    left_out = [counts.get("left_out", 0) for counts in data.counts]
    assert sum(left_out) == sum(not tune.augmentation for tune in of_both if melody(tune.tokens) in gone)
    for count in filter(None, left_out):
        assert f"left out  {count} tune" in data.report


@pytest.mark.parametrize("split", ["validation", "test", "train"])
def test_a_corpus_counts_in_what_is_measured_as_much_as_in_an_epoch(
    split: str, plan: TrainingPlan, reels: Path, jigs: Path
) -> None:
    def measured(corpus: tuple[str, ...], seed: int = 0) -> Counter[tuple[int, ...]]:
        given = replace(plan, corpus=corpus, seed=seed)
        rows = find_training_data(given).held_out_rows("planner", split, given)
        assert isinstance(rows, PackedRows)
        return shown(rows, 0)

    each = [measured((str(source),)) for source in (reels, jigs)]
    weighted = measured((f"{reels}=2", f"{jigs}=0.5"))
    assert all(weighted[tune] == 2 * times for tune, times in each[0].items())
    rest = weighted - each[0] - each[0]
    assert rest.total() == math.ceil(each[1].total() / 2)
    assert set(rest) <= set(each[1])
    assert weighted == measured((f"{reels}=2", f"{jigs}=0.5"))
    assert (each[0] == measured((str(reels),), seed=1)) == (split != "train"), (
        "which tunes are learnt, the seed chooses"
    )


def test_the_training_tunes_that_are_measured_are_as_many_as_the_held_out_ones_and_no_variants(
    plan: TrainingPlan, reels: Path, jigs: Path
) -> None:
    plan = replace(plan, corpus=(str(reels), str(jigs)), augment="tonic")
    data = find_training_data(plan)
    learnt, _ = data.measured_tunes("train", plan)
    assert len(learnt) == len(data.held_out["validation"])
    originals = [tokens for source in (reels, jigs) for tokens in load_corpus(source).train.tokens()]
    assert all(tune in originals for tune in learnt)
    elsewhere = replace(plan, validation=str(jigs))
    learnt, weights = find_training_data(elsewhere).measured_tunes("train", elsewhere)
    assert len(learnt) == pytest.approx(sum(load_corpus(jigs).sizes().values()), abs=2)
    assert set(weights) == {1}


def test_a_stream_is_measured_on_tunes_that_it_reads(plan: TrainingPlan, reels: Path) -> None:
    corpus = load_corpus(reels)
    streaming = replace(plan, corpus=(f"{corpus.folder}=2",), reading="stream", steps=5)
    learnt, weights = find_training_data(streaming).measured_tunes("train", streaming)
    assert len(learnt) == len(corpus.validation)
    assert all(tune in list(corpus.train.tokens()) for tune in learnt)
    assert set(weights) == {2}


def test_other_weights_are_another_run(plan: TrainingPlan, reels: Path, jigs: Path) -> None:
    def start(*corpus: str) -> None:
        given = replace(plan, corpus=corpus)
        keep_or_compare(given, find_training_data(given).fingerprint)

    start(f"{reels}=2", str(jigs))
    start(f"{reels}=2.0", f"{jigs}=1")
    with pytest.raises(
        CheckpointError, match=r"other arguments \(`corpus` \S+=2 \S+, now \S+=2 \S+=0.5\); give the same ones"
    ):
        start(f"{reels}=2", f"{jigs}=0.5")
    with pytest.raises(CheckpointError, match=r"other arguments \(`corpus` \S+=2 \S+, now \S+=2\); give the same ones"):
        start(f"{reels}=2")


def test_both_stages_together_see_the_same_tunes(plan: TrainingPlan) -> None:
    plan = replace(plan, stage="joint", max_length=1024, infilling=0.0, voice_orders=0.0)
    rows = find_training_data(plan).training_rows("joint", plan)
    assert isinstance(rows, JointRows)
    for epoch in (0, 1):
        rows.set_epoch(epoch)
        for index in range(len(rows)):
            row = rows[index]
            globals_of = [
                [tuple(row[name][start : start + 4].tolist()) for start in (row[name] == 2).nonzero().flatten()]
                for name in ("plan_input_ids", "input_ids")
            ]
            assert Counter(globals_of[0]) == Counter(globals_of[1])


def test_plans_are_written_for_the_tunes_of_the_epoch(reels: Path) -> None:
    tunes = list(load_corpus(reels).train.tokens())
    dataset = FullDetailDataset(tunes, weights=[0.5] * len(tunes))
    first, second = dataset.shown_in(0), dataset.shown_in(1)
    assert sorted(first + second) == list(range(len(tunes)))
    assert len(first) == round(len(tunes) / 2)


def test_row_groups_of_a_stream_have_weights(plan: TrainingPlan, reels: Path, jigs: Path) -> None:
    corpora = [load_corpus(reels), load_corpus(jigs)]
    named = tuple(f"{corpus.folder}={weight}" for corpus, weight in zip(corpora, (2, 0.5), strict=True))
    streaming = replace(plan, corpus=named, reading="stream", steps=5)
    data = find_training_data(streaming)
    rows = data.training_rows("planner", streaming)
    assert isinstance(rows, StreamedRows)
    of_epoch: list[int] = []
    for item in rows:
        epoch = int(item["place"][1])
        if epoch == 12:
            break
        of_epoch += [0] * (epoch + 1 - len(of_epoch))
        of_epoch[epoch] += int((item["position_ids"] == 0).sum())
    parts = [one_epoch(corpus, streaming) for corpus in corpora]
    assert set(of_epoch) == {2 * parts[0], 2 * parts[0] + parts[1]}


def one_epoch(corpus: Corpus, plan: TrainingPlan) -> int:
    """How many sequences all training tunes of a corpus are."""
    plan = replace(plan, corpus=(str(corpus.folder),), reading="memory", steps=None)
    rows = find_training_data(plan).training_rows("planner", plan)
    assert isinstance(rows, PackedRows)
    return len(rows.pieces)


class StopInTheMiddle(TrainerCallback):
    """Saves and stops in the middle of the second epoch."""

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        assert state.epoch is not None
        control.should_save = control.should_training_stop = 1.3 < state.epoch < 1.7


@pytest.mark.usefixtures("tiny_models")
def test_a_stopped_run_goes_on_exactly(plan: TrainingPlan, tmp_path: Path) -> None:
    def run(output: str, callbacks: Sequence[TrainerCallback] = ()) -> torch.nn.Module:
        given = replace(plan, output=tmp_path / output)
        data = find_training_data(given)
        model = new_model("planner", given)
        valid = data.held_out_rows("planner", "validation", given)
        train_stage("planner", given, model, data.training_rows("planner", given), valid, callbacks)
        return model

    unbroken = run("unbroken")
    half = run("half", [StopInTheMiddle()])
    assert not all(map(torch.equal, half.parameters(), unbroken.parameters()))
    assert all(map(torch.equal, run("half").parameters(), unbroken.parameters()))


@pytest.mark.slow
def test_one_command_trains_on_several_corpora_a_model_that_composes_and_lists_them(
    reels: Path, jigs: Path, tmp_path: Path
) -> None:
    flags = ["--corpus", reels, "--corpus", f"{jigs}=0.5", "--planner-epochs", 1, "--detail-epochs", 1]
    code, text = finish(*flags, "--max-length", 1024, "--augment", "tonic", "--output", tmp_path / "model")
    assert code == 0, text
    assert weights(tmp_path / "model")
    record = json.loads((tmp_path / "model" / "training.json").read_text())
    assert [(one["name"], one["weight"]) for one in record["corpus"]] == [(str(reels), 1), (str(jigs), 0.5)]
    assert all(one["tunes"] > 10 < one["bars"] for one in record["corpus"])
    tune = Composer.from_pretrained(tmp_path / "model").compose(key="D", bars=8, seed=0)
    assert tune.bar_count == 8
    (written,) = read_abc(write_abc(tune))
    assert written.note_list() == tune.note_list() != []
    card = model_card("someone/model", "1.0", record=record).text
    assert f"`--corpus {jigs}`, a collection" in card
    assert "Each tune was shown 0.5 times an epoch." in card


def test_variants_are_asked_for_before_a_corpus_is_prepared(plan: TrainingPlan, reels: Path) -> None:
    varied = replace(plan, corpus=(str(reels),), augment="tonic")
    assert find_training_data(varied).training_tunes > find_training_data(replace(varied, augment="")).training_tunes
    prepared = str(load_corpus(reels).folder)
    with pytest.raises(RequestError, match=r"`augment` is 'tonic', but .* is prepared; prepare it with `augment`"):
        find_training_data(replace(varied, corpus=(prepared,)))
    with pytest.raises(RequestError, match=r"`augment` is 'tonic' and `reading` stream; prepare the corpus"):
        replace(varied, reading="stream", steps=3)
    with pytest.raises(RequestError, match=r"there is no augmentation 'louder'; choose among octave"):
        replace(varied, augment="louder")
