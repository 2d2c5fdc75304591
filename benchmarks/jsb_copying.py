"""Copying: a chorale often goes on as it went on before, which a model of 229 chorales hardly learns.

Beside the model stands a forecast that is always certain: the token that came after the same last tokens when they
stood there the last time, of the longest of `CONTEXTS` that did. Both are mixed as in a cache model (Grave et al.,
2017, "Improving neural language models with a continuous cache"): a token that the model gives the probability p has
(1 - s) p, and s more if it is the forecast one. The share s is one number for each length of context, found by
expectation maximisation. As the forecast is made before the token is seen, it stays a probability.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

from remi_two_stage.core.grammar import SequenceKind
from remi_two_stage.core.sequences import sampled_tokens

CONTEXTS = (48, 24, 12)
"""Lengths in tokens, longest first; a note has three."""
FILE = "copying.json"
"""File in a model's folder that holds the shares; without it nothing is copied."""
_ROUNDS = 100


class Forecast(NamedTuple):
    """What copying says of a token.

    Attributes:
        context: The length of the context that stood there before.
        is_right: Whether the token is the one that followed.
    """

    context: int
    is_right: bool


def forecasts(token_ids: Sequence[int], kind: SequenceKind) -> Iterator[Forecast | None]:
    """For each token of a sequence that is charged, in order; None where no context stood there before, or where the
    grammar rules out what followed it.
    """
    ends: dict[int, dict[tuple[int, ...], int]] = {length: {} for length in CONTEXTS}
    read = 0
    for place, choice in sampled_tokens(token_ids, kind):
        for end in range(read, place):
            for length in CONTEXTS:
                if length <= end:
                    ends[length][tuple(token_ids[end - length : end])] = end
        read = place
        yield _forecast(token_ids, place, choice, ends)


def _forecast(
    token_ids: Sequence[int],
    place: int,
    choice: Iterable[range],
    ends: Mapping[int, Mapping[tuple[int, ...], int]],
) -> Forecast | None:
    for length in CONTEXTS:
        end = ends[length].get(tuple(token_ids[max(0, place - length) : place]))
        if end is not None:
            follows = token_ids[end]
            is_allowed = any(follows in ids for ids in choice)
            return Forecast(length, follows == token_ids[place]) if is_allowed else None
    return None


@dataclass(frozen=True)
class Copying:
    """How far copying is trusted.

    Attributes:
        shares: Length of context -> its share, from 0 to below 1.
    """

    shares: Mapping[int, float] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: str | Path) -> Self:
        """That of the model in a folder."""
        path = Path(folder, FILE)
        if not path.exists():
            return cls()
        return cls({int(length): share for length, share in json.loads(path.read_text(encoding="utf-8")).items()})

    def save(self, folder: str | Path) -> None:
        """Write it beside a model."""
        Path(folder, FILE).write_text(json.dumps(self.shares, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def fitted(cls, tokens: Iterable[tuple[float, Forecast | None]]) -> Self:
        """The shares under which tokens are likeliest, given what the model makes each cost, in nats."""
        by_context = defaultdict(list)
        for nats, forecast in tokens:
            if forecast is not None:
                by_context[forecast.context].append((math.exp(-nats), forecast.is_right))
        return cls({context: round(_share(by_context[context]), 4) for context in CONTEXTS})

    def gain(self, nats: float, forecast: Forecast | None) -> float:
        """Nats that copying takes off a token that costs the model so many; below 0 where the forecast is wrong."""
        share = 0.0 if forecast is None else self.shares.get(forecast.context, 0.0)
        if not share:
            return 0.0
        return math.log(1 - share + share * math.exp(nats)) if forecast and forecast.is_right else math.log(1 - share)


def _share(tokens: Sequence[tuple[float, bool]]) -> float:
    """The share of a forecast beside a model, from the probability that the model gives each token and whether the
    forecast has it.
    """
    share = 0.5 if tokens else 0.0
    for _ in range(_ROUNDS):
        share = sum(share / (share + (1 - share) * p) for p, is_right in tokens if is_right) / max(1, len(tokens))
    return share
