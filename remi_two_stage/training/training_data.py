"""The tunes that a run learns from and is measured on: corpora with splits, such and one to measure on, or streams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from itertools import chain, islice, repeat
from random import Random
from typing import Any, NamedTuple

from accelerate import PartialState

from ..core.errors import CorpusError
from ..core.text import counted
from ..core.vocabulary import STYLES
from ..corpus.arguments import SPLITS, WeightedCorpus
from ..corpus.overlap import without_held_out
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
_LEAST_OF_A_STYLE = 20
_LEAST_SHARE_OF_A_STYLE = 0.05
"""Tunes of a style that are enough to ask for it by name, and their share in a small corpus."""
_MOST_HELD_OUT = 2_000
"""Tunes of a stream's validation split that are held in memory."""

TokenIds = Iterable[list[int]]
TrainingRows = PackedRows | JointRows | StreamedRows


class WeightedTunes(NamedTuple):
    """The tunes to learn of one corpus, and how often they are shown in an epoch."""

    tunes: Tunes
    weight: float


@dataclass(frozen=True)
class TrainingData:
    """The tunes of a run.

    Attributes:
        train: Tunes to learn, corpus by corpus, or the row groups of streams.
        held_out: Split -> tunes to measure on; "validation" is measured after each epoch.
        held_out_weights: Split -> how often each of them counts: as often as tunes of its corpus are shown in an epoch.
        learnt_sizes: How many of the tunes to learn are measured beside those for validation: of each corpus as many as
            it has there; of streams, in all.
        fingerprint: Of which music is where.
        counts: Of each corpus, for the record of the run.
        report: For the terminal.
    """

    train: list[WeightedTunes] | list[RowGroup]
    held_out: Mapping[str, Tunes | list[list[int]]]
    held_out_weights: Mapping[str, Sequence[float]]
    learnt_sizes: Sequence[int]
    fingerprint: str
    counts: list[dict[str, Any]]
    report: str

    @property
    def training_tunes(self) -> int:
        """How many tunes there are to learn."""
        return sum(part.tunes if isinstance(part, RowGroup) else len(part.tunes) for part in self.train)

    def learnt_styles(self) -> list[str] | None:
        """The styles of which there are enough tunes, the commonest first; None if there are none."""
        if not all("styles" in counts for counts in self.counts):
            return None
        styles: Counter[str] = Counter()
        for counts in self.counts:
            styles.update({name: count for name, count in counts["styles"].items() if name in STYLES})
        least = min(_LEAST_OF_A_STYLE, _LEAST_SHARE_OF_A_STYLE * sum(counts["tunes"] for counts in self.counts))
        return [style for style, count in styles.most_common() if count >= least] or None

    def training_rows(self, stage: Stage, arguments: TrainingPlan) -> TrainingRows:
        """What a stage learns from."""
        options = _random_options(arguments)
        if arguments.reading == "stream":
            process = PartialState()
            make = partial(_block, stage, arguments.max_length, options[stage])
            return StreamedRows(
                [group for group in self.train if isinstance(group, RowGroup)],
                make,
                arguments.max_length,
                process.process_index,
                process.num_processes,
                seed=arguments.seed,
            )
        corpora = [part for part in self.train if isinstance(part, WeightedTunes)]
        tokens = chain.from_iterable(tunes.tokens() for tunes, _ in corpora)
        weights = None
        if any(weight != 1 for _, weight in corpora):
            weights = chain.from_iterable(repeat(weight, len(tunes)) for tunes, weight in corpora)
        if stage == "joint":
            of_planner = options["planner"] if arguments.joint_planner == "trained" else None
            return joint_rows(tokens, arguments.max_length, of_planner, options["detail"], weights)
        return stage_rows(stage, tokens, arguments.max_length, weights=weights, **options[stage])

    def held_out_tokens(self, split: str) -> TokenIds:
        """Token ids of each tune of a split."""
        tunes = self.held_out[split]
        return tunes.tokens() if isinstance(tunes, Tunes) else tunes

    def measured_tunes(self, split: str, arguments: TrainingPlan) -> tuple[list[list[int]], list[float]]:
        """Token ids of the tunes that a split is measured on, and how often each counts.

        Of "train" they are a part, which the seed chooses, as long as those for validation.
        """
        if split != "train":
            return list(self.held_out_tokens(split)), [*self.held_out_weights[split]]
        weighted: list[tuple[list[int], float]] = []
        if arguments.reading == "stream":
            groups = [part for part in self.train if isinstance(part, RowGroup)]
            Random(arguments.seed).shuffle(groups)
            streamed = ((tokens, group.weight) for group in groups for tokens in read_tunes(group))
            weighted += islice(streamed, *self.learnt_sizes)
        else:
            corpora = [part for part in self.train if isinstance(part, WeightedTunes)]
            for (tunes, weight), number in zip(corpora, self.learnt_sizes, strict=True):
                weighted += zip(_sample(tunes, number, arguments.seed), repeat(weight))
        return [tokens for tokens, _ in weighted], [weight for _, weight in weighted]

    def held_out_rows(self, stage: Stage, split: str, arguments: TrainingPlan) -> PackedRows | JointRows:
        """What a stage is measured on, or of the split "train", what tells how much better it knows what it learns;
        nothing in it is random.

        A corpus counts as much as in training: its tunes stand here as often as in an epoch, of a fractional weight
        always the same part of them.
        """
        tokens, weights = self.measured_tunes(split, arguments)
        if stage == "joint":
            of_planner: dict[str, Any] | None = {} if arguments.joint_planner == "trained" else None
            return joint_rows(tokens, arguments.max_length, of_planner, {}, weights)
        return stage_rows(stage, tokens, arguments.max_length, weights=weights)


def _sample(tunes: Tunes, number: int, seed: int) -> Iterable[list[int]]:
    """Token ids of some tunes, at most of all; none is a variant, since no held-out tune is one."""
    originals = [index for index, row in enumerate(tunes.rows(["augmentation"])) if not row["augmentation"]]
    chosen = set(Random(seed).sample(originals, min(number, len(originals))))
    return (tokens for index, tokens in enumerate(tunes.tokens()) if index in chosen)


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
        CorpusError: there is no such corpus, or the corpora are too small to hold a part out.
        RequestError: the weight of a corpus is not above 0, or variants are asked for of a prepared one.
    """
    if arguments.reading == "stream":
        return _stream(arguments)
    sources = arguments.corpora
    corpora = [load_corpus(source, arguments.processes, augment=arguments.augment) for source, _ in sources]
    counts = [_counts(corpus, source) for corpus, source in zip(corpora, sources, strict=True)]
    fingerprints = [corpus.fingerprint for corpus in corpora]
    reports = [corpus.report() for corpus in corpora]
    if arguments.validation is None:
        _require_held_out(corpora)
        train, left_out = without_held_out(corpora)
        for number, count in enumerate(left_out):
            if count:
                counts[number]["left_out"] = count
                reports[number] += f"\nleft out  {counted(count, 'tune')}, held out in another corpus"
        held_out = {name: _joined(corpora, [name]) for name in SPLITS[1:]}
        weights = {
            name: [source.weight for corpus, source in zip(corpora, sources, strict=True) for _ in corpus.split(name)]
            for name in held_out
        }
        learnt_sizes = [len(corpus.validation) for corpus in corpora]
    else:
        other = load_corpus(arguments.validation, arguments.processes)
        train = [_joined([corpus], SPLITS) for corpus in corpora]
        held_out = {"validation": _joined([other], SPLITS)}
        weights = {"validation": [1.0] * len(held_out["validation"])}
        learnt_sizes = _shares(len(held_out["validation"]), [*map(len, train)])
        counts[0]["validation"] = other.summary.counts()
        fingerprints.append(other.fingerprint)
        reports += ["to be measured on:", other.report()]
    weighted = [WeightedTunes(tunes, source.weight) for tunes, source in zip(train, sources, strict=True)]
    fingerprint, report = " ".join(fingerprints), "\n".join(reports)
    return TrainingData(weighted, held_out, weights, learnt_sizes, fingerprint, counts, report)


def _shares(number: int, sizes: Sequence[int]) -> list[int]:
    """A number of tunes shared out by the sizes of corpora, of each one at least."""
    return [max(1, round(number * size / sum(sizes))) for size in sizes]


def _require_held_out(corpora: list[Corpus]) -> None:
    """Check that there are tunes for validation and for test, of several corpora in any.

    Raises:
        CorpusError: there are too few melodies.
    """
    if not all(any(corpus.sizes()[name] for corpus in corpora) for name in SPLITS[1:]):
        corpora[0].require_held_out()


def _joined(corpora: Iterable[Corpus], splits: Iterable[str]) -> Tunes:
    return Tunes([path for corpus in corpora for name in splits for path in corpus.split(name).paths])


def _counts(corpus: Corpus, source: WeightedCorpus) -> dict[str, Any]:
    """What the record of the run says of a corpus."""
    summary = corpus.summary
    reasons = {"losses": dict(summary.losses), "rejections": dict(summary.rejected)}
    named = {"name": source.source, "weight": source.weight, "styles": dict(summary.styles.most_common())}
    return named | summary.counts() | reasons


def _stream(arguments: TrainingPlan) -> TrainingData:
    train: list[RowGroup] = []
    counts: list[dict[str, Any]] = []
    for source, weight in arguments.corpora:
        found = TuneStream(source, "train", weight).groups()
        counts.append({"name": source, "weight": weight, "tunes": sum(group.tunes for group in found)})
        train += found
    measured = [WeightedCorpus(arguments.validation)] if arguments.validation else arguments.corpora
    groups = [group for source, weight in measured for group in TuneStream(source, "validation", weight).groups()]
    streamed = ((tune, group.weight) for group in groups for tune in read_tunes(group))
    held_out = list(islice(streamed, _MOST_HELD_OUT))
    names = ", ".join(arguments.corpus)
    if not held_out:
        raise CorpusError(f"{names} has no tunes for validation; prepare it from more than two melodies")
    tunes = sum(group.tunes for group in train)
    report = f"{names}\ntunes     {tunes:,} to stream in {len(train):,} row groups, {len(held_out):,} held out"
    return TrainingData(
        train,
        {"validation": [tune for tune, _ in held_out]},
        {"validation": [weight for _, weight in held_out]},
        [len(held_out)],
        _fingerprint_of([*train, *groups]),
        counts,
        report,
    )


def _fingerprint_of(groups: Iterable[RowGroup]) -> str:
    """A digest that stays the same where the files are moved."""
    named = [(group.address.rpartition("/")[2], group.number, group.tunes, group.weight) for group in groups]
    return blake2b(repr(named).encode(), digest_size=16).hexdigest()
