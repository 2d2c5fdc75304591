"""Held-out loss of a checkpoint, in nats a token, beside n-gram models over exactly the same tokens.

Only the tokens that decoding samples count: those that the grammar or the plan prescribes cost a model nothing and
would only flatter it. All models see the same tokens to the left; the n-gram models are estimated on the training
split of the same corpus.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from huggingface_hub import EvalResult

from ..composing.composer import Composer
from ..core.architecture import VOCABULARY_SIZE
from ..core.modeling_remi import BarPlannerModel, DetailGeneratorModel
from ..corpus.preparation import load_corpus
from ..hub.card import metrics_of
from ..stage_data.datasets import (
    IGNORED,
    BarChordDataset,
    FullDetailDataset,
    PackedRows,
    StageDataset,
    collate,
    stage_dataset,
)
from .ngrams import NgramModel
from .token_losses import HeldOut, token_sums

NGRAM_ORDERS = {"unigram": 1, "bigram": 2, "5-gram": 5}
ROWS_AT_ONCE = 4

Split = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class LikelihoodTable:
    """Loss in nats a token by stage ("planner", "detail") and model ("unigram", "bigram", "5-gram", "model"), and the
    tokens counted by stage.
    """

    losses: dict[str, dict[str, float]]
    tokens: dict[str, int]
    split: Split

    def metrics(self, corpus: str) -> list[EvalResult]:
        """The model's losses for its card on the Hub.

        Args:
            corpus: Its name.
        """
        return metrics_of({stage: losses["model"] for stage, losses in self.losses.items()}, corpus, self.split)

    def __str__(self) -> str:
        models = next(iter(self.losses.values()))
        lines = [
            f"nats a token, {self.split} split",
            f"{'':8} {'tokens':>9} " + " ".join(f"{name:>8}" for name in models),
        ]
        for stage, losses in self.losses.items():
            numbers = " ".join(f"{loss:8.4f}" for loss in losses.values())
            lines.append(f"{stage:8} {self.tokens[stage]:9,} {numbers}")
        return "\n".join(lines)


def compare_likelihood(model_folder: str | Path, corpus: str | Path, split: Split = "test") -> LikelihoodTable:
    """Loss of both stages of a checkpoint, and of n-gram models, over a split of a corpus.

    Raises:
        CorpusError: there is no such corpus, or it is too small to split.
        CheckpointError: there is no such model, or it is incomplete.
    """
    tunes = load_corpus(corpus)
    tunes.require_held_out()
    model = Composer.from_pretrained(model_folder).model
    losses, tokens = {}, {}
    stages: dict[str, tuple[BarPlannerModel | DetailGeneratorModel, type[StageDataset]]] = {
        "planner": (model.planner, BarChordDataset),
        "detail": (model.detail, FullDetailDataset),
    }
    for name, (stage, kind) in stages.items():
        max_length = stage.config.max_position_embeddings
        held_out = stage_dataset(kind, tunes.split(split).tokens(), max_length)
        train = stage_dataset(kind, tunes.train.tokens(), max_length)
        ngrams = {
            label: NgramModel(order, VOCABULARY_SIZE).fit(_sequences(train)).loss(_sequences(held_out))
            for label, order in NGRAM_ORDERS.items()
        }
        losses[name] = ngrams | {"model": mean_loss(stage, PackedRows(held_out, max_length))}
        tokens[name] = sum(sum(counts) for _, counts in _sequences(held_out))
    return LikelihoodTable(losses, tokens, split)


def mean_loss(stage: BarPlannerModel | DetailGeneratorModel, rows: PackedRows) -> float:
    """Mean negative log likelihood of all labelled tokens, in nats."""
    return held_out(stage, rows).loss


@torch.inference_mode()
def held_out(stage: BarPlannerModel | DetailGeneratorModel, rows: PackedRows) -> HeldOut:
    """Loss and accuracy of a stage over all labelled tokens."""
    device = next(stage.parameters()).device
    total = torch.zeros(3, dtype=torch.float64)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        batch = collate([rows[index] for index in range(start, min(start + ROWS_AT_ONCE, len(rows)))])
        batch = {name: tensor.to(device) for name, tensor in batch.items()}
        labels = batch.pop("labels")
        total += token_sums(stage(**batch, use_cache=False).logits, labels).cpu()
    return HeldOut.of(total)


def _sequences(dataset: StageDataset) -> Iterable[tuple[list[int], list[bool]]]:
    for index in range(len(dataset)):
        item = dataset[index]
        yield item["input_ids"].tolist(), (item["labels"] != IGNORED).tolist()
