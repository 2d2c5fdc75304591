"""What a model reaches on labelled tokens, as sums that add up over batches and processes."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F

from ..data.datasets import IGNORED


def nats(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The summed negative log likelihood of labels [B, L] under logits [B, L, V] of the tokens before them; 0 where
    nothing is labelled.
    """
    return F.cross_entropy(
        logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten(), ignore_index=IGNORED, reduction="sum"
    )


def token_sums(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Of logits [B, L, V] and labels [B, L]: nats, labels that are the likeliest, labels; [3], float64."""
    is_counted = labels[:, 1:] != IGNORED
    hits = (logits[:, :-1].argmax(-1) == labels[:, 1:]) & is_counted
    return torch.stack([nats(logits, labels), hits.sum(), is_counted.sum()]).double()


class HeldOut(NamedTuple):
    """What a stage reaches on held-out tunes.

    Attributes:
        loss: In nats a token.
        accuracy: Share of the tokens that were the likeliest.
        tokens: Labelled ones.
    """

    loss: float
    accuracy: float
    tokens: int

    @classmethod
    def of(cls, sums: torch.Tensor) -> HeldOut:
        """From what `token_sums` adds up to."""
        nats, hits, tokens = sums.tolist()
        return cls(nats / tokens, hits / tokens, int(tokens))

    @property
    def perplexity(self) -> float:
        """The exponential of the loss."""
        return math.exp(self.loss)
