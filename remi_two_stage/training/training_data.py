"""The tunes that a run learns from and is measured on: one corpus with splits, two corpora, or a stream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from itertools import islice
from typing import Any

from accelerate import PartialState

from ..core.errors import CorpusError
from ..corpus.arguments import SPLITS
from ..corpus.preparation import load_corpus
from ..corpus.prepared import Corpus, Tunes
from ..stage_data.datasets import (
    BarChordDataset,
    FullDetailDataset,
    JointRows,
    PackedRows,
    SingleStageDataset,
    StageDataset,
    joint_rows,
    stage_dataset,
)
from ..stage_data.streaming import RowGroup, StreamedRows, TuneStream, read_tunes
from .arguments import Stage, TrainingPlan

_DATASETS: dict[Stage, type[StageDataset]] = {
    "planner": BarChordDataset,
    "detail": FullDetailDataset,
    "single": SingleStageDataset,
}
_MOST_HELD_OUT = 2_000
"""Tunes of a stream's validation split that are held in memory."""

TokenIds = Iterable[list[int]]
TrainingRows = PackedRows | JointRows | StreamedRows


@dataclass(frozen=True)
class TrainingData:
    """The tunes of a run.

    Attributes:
        train: Tunes to learn, or the row groups of a stream.
        held_out: Split -> tunes to measure on; "validation" is measured after each epoch.
        fingerprint: Of which music is where.
        counts: For the record of the run.
        report: For the terminal.
    """

    train: Tunes | list[RowGroup]
    held_out: Mapping[str, Tunes | list[list[int]]]
    fingerprint: str
    counts: dict[str, Any]
    report: str

    @property
    def training_tunes(self) -> int:
        """How many tunes there are to learn."""
        return sum(group.tunes for group in self.train) if isinstance(self.train, list) else len(self.train)

    def training_rows(self, stage: Stage, arguments: TrainingPlan) -> TrainingRows:
        """What a stage learns from."""
        options = _random_options(arguments)
        if isinstance(self.train, list):
            process = PartialState()
            make = partial(_block, stage, arguments.max_length, options[stage])
            return StreamedRows(
                self.train,
                make,
                arguments.max_length,
                process.process_index,
                process.num_processes,
                seed=arguments.seed,
            )
        if stage == "joint":
            of_planner = options["planner"] if arguments.joint_planner == "trained" else None
            return joint_rows(self.train.tokens(), arguments.max_length, of_planner, options["detail"])
        return stage_rows(stage, self.train.tokens(), arguments.max_length, **options[stage])

    def held_out_tokens(self, split: str) -> TokenIds:
        """Token ids of each tune of a split."""
        tunes = self.held_out[split]
        return tunes.tokens() if isinstance(tunes, Tunes) else tunes

    def held_out_rows(self, stage: Stage, split: str, arguments: TrainingPlan) -> PackedRows | JointRows:
        """What a stage is measured on; nothing in it is random."""
        tokens = self.held_out_tokens(split)
        if stage == "joint":
            return joint_rows(tokens, arguments.max_length, {} if arguments.joint_planner == "trained" else None, {})
        return stage_rows(stage, tokens, arguments.max_length)


def stage_rows(stage: Stage, tunes: TokenIds, max_length: int, **options: Any) -> PackedRows:
    """Tunes as packed rows of one stage."""
    return PackedRows(stage_dataset(_DATASETS[stage], tunes, max_length, **options), max_length)


def _block(stage: Stage, max_length: int, options: dict[str, Any], tunes: TokenIds, seed: int) -> StageDataset:
    return stage_dataset(_DATASETS[stage], tunes, max_length, **options | {"seed": seed})


def _random_options(arguments: TrainingPlan) -> dict[Stage, dict[str, float]]:
    """What is random in training: arguments of each stage's dataset."""
    common: dict[str, float] = {"omit_globals": arguments.omit_globals, "seed": arguments.seed}
    return {
        "planner": common | {"from_melody": arguments.from_melody},
        "detail": common | {"infilling": arguments.infilling, "voice_orders": arguments.voice_orders},
        "single": common,
    }


def find_training_data(arguments: TrainingPlan) -> TrainingData:
    """The tunes that the arguments name.

    Raises:
        CorpusError: there is no such corpus, or it is too small to hold a part out.
    """
    if arguments.reading == "stream":
        return _stream(arguments)
    corpus = load_corpus(arguments.corpus, arguments.processes)
    if arguments.validation is None:
        corpus.require_held_out()
        held_out = {name: corpus.split(name) for name in SPLITS[1:]}
        return TrainingData(corpus.train, held_out, corpus.fingerprint, _counts(corpus), corpus.report())
    other = load_corpus(arguments.validation, arguments.processes)
    return TrainingData(
        _all_tunes(corpus),
        {"validation": _all_tunes(other)},
        f"{corpus.fingerprint} {other.fingerprint}",
        _counts(corpus) | {"validation": _counts(other)},
        f"{corpus.report()}\nto be measured on:\n{other.report()}",
    )


def _all_tunes(corpus: Corpus) -> Tunes:
    return Tunes([path for name in SPLITS for path in corpus.split(name).paths])


def _counts(corpus: Corpus) -> dict[str, Any]:
    summary = corpus.summary
    return summary.counts() | {"losses": dict(summary.losses), "rejections": dict(summary.rejected)}


def _stream(arguments: TrainingPlan) -> TrainingData:
    train = TuneStream(arguments.corpus, "train").groups()
    groups = TuneStream(arguments.validation or arguments.corpus, "validation").groups()
    held_out = list(islice((tune for group in groups for tune in read_tunes(group)), _MOST_HELD_OUT))
    if not held_out:
        raise CorpusError(f"{arguments.corpus} has no tunes for validation; prepare it from more than two melodies")
    tunes = sum(group.tunes for group in train)
    report = (
        f"{arguments.corpus}\ntunes     {tunes:,} to stream in {len(train):,} row groups, {len(held_out):,} held out"
    )
    fingerprint = blake2b(repr((train, groups)).encode(), digest_size=16).hexdigest()
    return TrainingData(train, {"validation": held_out}, fingerprint, {"tunes": tunes}, report)
