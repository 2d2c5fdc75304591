"""What each token of a sequence costs a model: the one place where likelihood is computed.

Conventions
- Counted are the tokens that decoding samples (`sequences.sampled_tokens`): what the grammar or the plan prescribes
  costs nothing, since decoding copies it, whatever the model thinks of it.
- A loss is a negative log likelihood in nats: "open" over the whole vocabulary, as the models are trained and as
  n-grams can be compared, and "masked" over the tokens that the grammar allows at that place, as music is decoded.
  Masked losses are those of a distribution over grammatical sequences alone; they are never above the open ones.
- The mask is that of music as it may be written, not the narrower one of music that is being composed: real scores
  do what composed ones are kept from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F

from ..core.architecture import VOCABULARY_SIZE
from ..core.grammar import SequenceKind
from ..core.grammar_structure import Choice
from ..core.modeling_remi import BarPlannerModel, DetailGeneratorModel
from ..core.sequences import IGNORED, sampled_tokens
from .counts import Counts

StageModel = BarPlannerModel | DetailGeneratorModel


@dataclass(frozen=True, slots=True)
class Likelihood(Counts):
    """Sums over the counted tokens of some sequences; `+` joins them.

    Attributes:
        tokens: Tokens counted.
        nats: Their open loss.
        masked_nats: Their loss under the grammar's mask.
        right: Tokens that were the likeliest of those allowed.
    """

    tokens: int = 0
    nats: float = 0.0
    masked_nats: float = 0.0
    right: int = 0

    @property
    def nats_per_token(self) -> float:
        """Mean open loss."""
        return self.nats / self.tokens if self.tokens else math.nan

    @property
    def masked_nats_per_token(self) -> float:
        """Mean loss under the grammar's mask."""
        return self.masked_nats / self.tokens if self.tokens else math.nan

    @property
    def perplexity(self) -> float:
        """The exponential of the mean open loss."""
        return math.exp(self.nats_per_token)

    @property
    def accuracy(self) -> float:
        """Share of right tokens, from 0 to 1."""
        return self.right / self.tokens if self.tokens else math.nan


def allowed_mask(choices: Iterable[Choice]) -> torch.Tensor:
    """[N, V], True where a choice has the token."""
    rows = list(choices)
    edges = [(row, ids.start, ids.stop) for row, choice in enumerate(rows) for ids in choice if len(ids)]
    index = torch.tensor(edges, dtype=torch.long).reshape(-1, 3).T
    change = torch.zeros(len(rows), VOCABULARY_SIZE + 1, dtype=torch.int16)
    for column, step in ((1, 1), (2, -1)):
        change.index_put_((index[0], index[column]), torch.tensor(step, dtype=torch.int16), accumulate=True)
    return change.cumsum(1, dtype=torch.int16)[:, :-1] > 0


@dataclass(frozen=True, slots=True)
class TokenLosses:
    """The counted tokens of a sequence, N of them.

    Attributes:
        tokens: Their ids, [N].
        nats: Their open losses, [N].
        masked_nats: Their losses under the grammar's mask, [N].
        right: Whether each was the likeliest of those allowed, [N].
    """

    tokens: torch.Tensor
    nats: torch.Tensor
    masked_nats: torch.Tensor
    right: torch.Tensor


def likelihood(stage: StageModel, token_ids: Sequence[int], kind: SequenceKind) -> Likelihood:
    """What a whole sequence costs a stage; arguments and errors as of `token_losses`."""
    losses = token_losses(stage, token_ids, kind)
    return Likelihood(
        tokens=len(losses.tokens),
        nats=float(losses.nats.double().sum()),
        masked_nats=float(losses.masked_nats.double().sum()),
        right=int(losses.right.sum()),
    )


@torch.inference_mode()
def token_losses(stage: StageModel, token_ids: Sequence[int], kind: SequenceKind) -> TokenLosses:
    """What each token of a sequence costs a stage.

    Args:
        token_ids: A sequence of the kind, from `<BOS>` to `<EOS>`.

    Raises:
        GrammarError: the sequence is not of the kind.
    """
    sampled = sampled_tokens(token_ids, kind)
    device = next(stage.parameters()).device
    ids = torch.tensor([token_ids], device=device)
    places = torch.tensor([index for index, _ in sampled], dtype=torch.long, device=device)
    logits = stage(input_ids=ids, use_cache=False, logits_to_keep=places - 1).logits[0].float()
    masked = logits.masked_fill(~allowed_mask(choice for _, choice in sampled).to(device), -math.inf)
    labels = ids[0, places, None]
    chosen = logits.gather(1, labels)[:, 0]
    return TokenLosses(
        tokens=labels[:, 0],
        nats=logits.logsumexp(1) - chosen,
        masked_nats=masked.logsumexp(1) - chosen,
        right=masked.argmax(1) == labels[:, 0],
    )


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
