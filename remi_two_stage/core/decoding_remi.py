"""Writing sequences that are locked to the grammar: the loop that decodes them, one or many at a time.

Conventions
- A row is a prompt and what is written after it. Where the grammar leaves one token, it is taken as it is; such tokens
  are read by the model together with the chosen one before them, in one step.
- Choosing is in float64 on plain numbers, among the tokens that the grammar allows and no others. Each row has a random
  stream of its own, `random.Random(seed)`, of which a choice by sampling takes one number, and a forced token none.
  So a row with its seed becomes the same sequence in any company, unless rounding decides between two tokens.
- A seed of a request gives the seeds of its rows by `row_seeds`; `generate()` of the models draws them in the same way
  from torch's random state, so that a request's music is that of `generate()` after `torch.manual_seed(seed)`.
- Likelihoods are of the model locked to the grammar: natural logarithms of probabilities over the allowed tokens, at
  temperature 1, before top_k and top_p. Forced tokens have probability 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import exp, log
from random import Random
from typing import Any

import torch

from .errors import RequestError
from .grammar import Form, Grammar
from .incremental_remi import IncrementalBackbone
from .structure import BAR_START
from .weights_remi import StageWeights

Report = Callable[[int, int], None]
"""Called as bars begin: index of the row, bars begun after its prompt."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn; `greedy` takes the likeliest token and leaves the other settings unused."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 0.95
    greedy: bool = False

    def __post_init__(self) -> None:
        is_number = isinstance(self.temperature, int | float) and isinstance(self.top_p, int | float)
        in_range = is_number and 0.01 <= self.temperature <= 100 and 0 < self.top_p <= 1
        if not in_range or not isinstance(self.top_k, int) or self.top_k < 0:
            raise RequestError(
                f"no sampling with temperature {self.temperature}, top_k {self.top_k}, top_p {self.top_p}; "
                "temperature is 0.01 to 100, top_k 0 (off) or a whole number above, top_p above 0 and at most 1"
            )

    def choose(self, scores: Sequence[float], random: Random) -> tuple[int, float]:
        """Choose one of the scores, which are unnormalised log-probabilities; returns its index and log-probability."""
        top = max(scores)
        weights = [exp(score - top) for score in scores]
        total = log(sum(weights))
        index = scores.index(top) if self.greedy else self._draw(scores, weights, top, random)
        return index, scores[index] - top - total

    def _draw(self, scores: Sequence[float], weights: list[float], top: float, random: Random) -> int:
        if self.temperature != 1:
            weights = [exp((score - top) / self.temperature) for score in scores]
        kept = self._kept(weights)
        rest = random.random() * sum([weights[index] for index in kept])
        for index in kept:
            rest -= weights[index]
            if rest < 0:
                return index
        return kept[0]

    def _kept(self, weights: list[float]) -> Sequence[int]:
        """Indices of the weights that top_k and then top_p leave, heaviest first if any of the two is on."""
        if self.top_p == 1 and not 0 < self.top_k < len(weights):
            return range(len(weights))
        order = sorted(range(len(weights)), key=weights.__getitem__, reverse=True)
        order = order[: self.top_k or None]
        missing = self.top_p * sum([weights[index] for index in order])
        for count, index in enumerate(order, 1):
            missing -= weights[index]
            if missing <= 0:
                return order[:count]
        return order


@dataclass(frozen=True, slots=True)
class Prompt:
    """Where a row begins.

    Attributes:
        ids: The given tokens.
        grammar: Has read them (`read_prompt`), and tells what may follow; it is used up.
        seed: Of the row's random stream.
    """

    ids: Sequence[int]
    grammar: Grammar
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """A row.

    Attributes:
        ids: The prompt and what was written after it, `<EOS>` included.
        log_likelihood: Of what was written, in nats.
        choices: Tokens that were chosen among several.
    """

    ids: list[int]
    log_likelihood: float
    choices: int


def read_prompt(form: Form, ids: Sequence[int], pitch_shift: int = 0) -> Grammar:
    """The grammar after a prompt; what follows is held to its strict rules.

    Args:
        pitch_shift: Semitones from the tokens' pitch to the sounding one, for the ranges of voices.

    Raises:
        GrammarError: the ids are not the beginning of a sequence of this form; the message names the position.
    """
    grammar = Grammar(form, len(ids), pitch_shift)
    for token in ids:
        grammar.advance(token)
    return grammar


def row_seeds(rows: int, seed: int | None = None) -> list[int]:
    """Seeds of the rows of one request, from its own seed; None draws them from torch's random state."""
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    seeds: list[int] = torch.randint(1 << 62, (rows,), generator=generator).tolist()
    return seeds


@torch.inference_mode()
def decode_rows(
    stage: Any,
    prompts: Sequence[Prompt],
    sampling: Sampling = Sampling(),  # noqa: B008 (immutable)
    longest: int | None = None,
    report: Report | None = None,
) -> list[Written]:
    """Write rows to their end.

    Args:
        stage: A `BarPlannerModel` or `DetailGeneratorModel`, or the `StageWeights` of one.
        longest: Tokens after the prompt at which a row stops unfinished; None leaves its end to the grammar.
    """
    weights = stage if isinstance(stage, StageWeights) else StageWeights(stage)
    backbone = IncrementalBackbone(weights, len(prompts))
    rows = [
        _Row(prompt, sampling, longest, report and partial(report, number)) for number, prompt in enumerate(prompts)
    ]
    unread = {number: row.begin() for number, row in enumerate(rows)}
    while unread := {number: block for number, block in unread.items() if block}:
        states = backbone.read(unread)
        unread = {
            number: rows[number].go_on(state, weights.head) for number, state in zip(unread, states, strict=True)
        }
    return [row.written() for row in rows]


class _Row:
    """A row while it is being written."""

    def __init__(
        self, prompt: Prompt, sampling: Sampling, longest: int | None, report: Callable[[int], None] | None
    ) -> None:
        self._ids = list(prompt.ids)
        self._grammar = prompt.grammar
        self._random = Random(prompt.seed)
        self._sampling = sampling
        self._end = None if longest is None else len(self._ids) + longest
        self._report = report
        self._bars = self._choices = 0
        self._log_likelihood = 0.0

    def written(self) -> Written:
        return Written(self._ids, self._log_likelihood, self._choices)

    def begin(self) -> list[int]:
        """What the model has to read before the first choice; empty if there is none to make."""
        return [*self._ids] if self._take_forced() else []

    def go_on(self, state: torch.Tensor, head: torch.Tensor) -> list[int]:
        """Choose a token by the hidden state [hidden] of the last one; returns what the model has to read next."""
        read = len(self._ids)
        choice = [ids for ids in self._grammar.allowed if ids]
        scores = [score for ids in choice for score in torch.mv(head[ids.start : ids.stop], state).tolist()]
        index, log_probability = self._sampling.choose(scores, self._random)
        self._log_likelihood += log_probability
        self._choices += 1
        self._take(_id_at(choice, index))
        return self._ids[read:] if self._take_forced() else []

    def _take_forced(self) -> bool:
        """Take what the grammar forces; False if the row has ended."""
        while self._end is None or len(self._ids) < self._end:
            token = self._grammar.forced()
            if token is None:
                return not self._grammar.is_finished
            self._take(token)
        return False

    def _take(self, token: int) -> None:
        self._ids.append(token)
        self._grammar.advance(token)
        if token == BAR_START and self._report is not None:
            self._bars += 1
            self._report(self._bars)


def _id_at(choice: Sequence[range], index: int) -> int:
    """The id at an index into all ids of a choice, one range after the other."""
    for ids in choice:
        if index < len(ids):
            return ids[index]
        index -= len(ids)
    raise IndexError(index)
