"""Writing sequences that are locked to the grammar: the loop that decodes them, one or many at a time.

Conventions
- A row is a prompt and what is written after it. Where the grammar leaves one token, it is taken as it is; such tokens
  are read by the model together with the chosen one before them, in one step.
- A step also reads guesses of the next tokens (`prompt_lookup`). As long as the tokens then chosen are those guessed,
  the next choice needs no step of its own; the rest is forgotten. Guesses never change what is written.
- Choosing is in float64, among the tokens that the grammar allows and no others. Each row has a random
  stream of its own, `random.Random(seed)`, of which a choice by sampling takes one number, and a forced token none.
  So a row with its seed becomes the same sequence in any company, unless rounding decides between two tokens.
- Choices are made by the model's scores less what tokens cost by the rules of counterpoint and of form
  (`decoding_rules`). Rhythm is more varied than pitches (`Sampling.rhythm_temperature`): models hold to a rhythm longer
  than people do.
- A seed of a request gives the seeds of its rows by `row_seeds`; `generate()` of the models draws them in the same way
  from torch's random state, so that with one temperature a row's music is that of `generate()` after
  `torch.manual_seed(seed)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from random import Random
from threading import Lock
from typing import Any

import numpy as np
import torch

from .decoding_backbone_remi import LONGEST_BLOCK, Block, IncrementalBackbone
from .decoding_choice import Numbers, choose
from .decoding_rules import DecodingRules
from .decoding_weights_remi import StageWeights
from .divided_choirs import read_as
from .grammar import Grammar, SequenceKind
from .grammar_structure import BAR_START
from .sampling import DEFAULT_SAMPLING, Sampling
from .vocabulary import IDS

ROWS_AT_ONCE = 64
"""Rows that are written side by side; each needs memory for its keys and values, and more gain little."""
_GUESSES_AT_ONCE = 128
"""Guessed tokens in a step, of all rows together: beyond, reading them takes longer than they save."""
_NOTE_ON = IDS["Note-On"]
_COUNTING = Lock()
_composing = _threads_before = 0
BarCallback = Callable[[int, int], None]
"""Called as bars begin: index of the row, bars begun after its prompt."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a row begins.

    Attributes:
        ids: The given tokens.
        grammar: Has read them (`read_prompt`), and tells what may follow; it is used up.
        seed: Of the row's random stream.
        sampling: How its tokens are sampled; None is as those of the other rows.
        replaced: The bars as they were that are written anew (`Prompt.replaced`).
    """

    ids: Sequence[int]
    grammar: Grammar
    seed: int = 0
    sampling: Sampling | None = None
    replaced: Sequence[Sequence[int]] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """A row.

    Attributes:
        ids: The prompt and what was written after it, `<EOS>` included.
        given: Tokens of the prompt.
        choices: Tokens that were chosen among several.
    """

    ids: list[int]
    given: int
    choices: int


def read_prompt(kind: SequenceKind, ids: Sequence[int], given_voice: Sequence[Sequence[int]] | None = None) -> Grammar:
    """The grammar after a prompt; what follows is held to its strict rules. Arguments are those of `Grammar`.

    Raises:
        GrammarError: the ids are not the beginning of a sequence of this kind; the message names the position.
    """
    grammar = Grammar(kind, len(ids), given_voice)
    for token in ids:
        grammar.advance(token)
    return grammar


def row_seeds(rows: int, seed: int | None = None) -> list[int]:
    """Seeds of the rows of one request, from its own seed; None draws them from torch's random state."""
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    seeds: list[int] = torch.randint(1 << 62, (rows,), generator=generator).tolist()
    return seeds


@contextmanager
def _one_thread() -> Iterator[None]:
    """Work in one thread: a step of a small model is too short to share, and threads wait for one another where other
    work runs. torch has a setting for each thread and one for future threads; both are restored, even if other
    threads compose at the same time.
    """
    global _composing, _threads_before
    with _COUNTING:
        _threads_before = _threads_before if _composing else torch.get_num_threads()
        _composing += 1
    torch.set_num_threads(1)
    try:
        yield
    finally:
        with _COUNTING:
            _composing -= 1
            torch.set_num_threads(_threads_before)


@torch.inference_mode()
@_one_thread()
def decode_rows(
    stage: Any,
    starts: Sequence[Start],
    sampling: Sampling = DEFAULT_SAMPLING,
    longest: int | None = None,
    report: BarCallback | None = None,
) -> list[Written]:
    """Write rows to their end.

    Args:
        stage: A `BarPlannerModel` or `DetailGeneratorModel`, or the `StageWeights` of one.
        longest: Tokens after the prompt at which a row stops unfinished; None leaves its end to the grammar.

    Raises:
        RequestError: the stage is not plain (`decoding_weights_remi.is_plain`).
    """
    weights = stage if isinstance(stage, StageWeights) else StageWeights.of(stage)
    backbone = IncrementalBackbone(weights)
    rows = [
        _Row(start, start.sampling or sampling, longest, report and partial(report, number))
        for number, start in enumerate(starts)
    ]
    waiting = iter(enumerate(rows))
    unread: dict[int, Block] = {}
    while unread := _with_others(unread, waiting):
        guesses = _GUESSES_AT_ONCE // len(unread)
        states = backbone.read(unread)
        scores = torch.mm(torch.cat(states), weights.head.t()).double().numpy()
        ends = [*accumulate(map(len, states), initial=0)]
        for number, (first, end) in zip(list(unread), pairwise(ends), strict=True):
            if block := rows[number].go_on(scores[first:end], guesses):
                unread[number] = block
            else:
                del unread[number]
    return [row.written() for row in rows]


def _with_others(unread: dict[int, Block], waiting: Iterator[tuple[int, _Row]]) -> dict[int, Block]:
    """What the model has to read, with rows that begin where others have ended."""
    while len(unread) < ROWS_AT_ONCE and (following := next(waiting, None)):
        number, row = following
        if block := row.begin():
            unread[number] = block
    return unread


class _Row:
    """A row while it is being written."""

    def __init__(
        self, start: Start, sampling: Sampling, longest: int | None, report: Callable[[int], None] | None
    ) -> None:
        self._grammar = start.grammar
        self._random = Random(start.seed)
        self._rules = DecodingRules(start.grammar.kind, start.ids, sampling, start.replaced)
        self._ids = self._rules.ids
        self._given = len(self._ids)
        self._end = None if longest is None else self._given + longest
        self._report = report
        self._sampling = self._rules.sampling
        self._of_rhythm = self._sampling if start.grammar.kind == "plan" else self._sampling.of_rhythm
        self._read_as = read_as(start.ids)
        self._guess: list[int] = []
        self._bars = self._choices = 0

    def written(self) -> Written:
        """What there is by now."""
        return Written(self._ids, self._given, self._choices)

    def begin(self) -> Block | None:
        """What the model has to read before the first choice; None if there is no choice to make."""
        return Block(0, self._as_read(self._ids)) if self._take_forced() else None

    def go_on(self, scores: Numbers, most_guesses: int) -> Block | None:
        """Choose tokens by the model's scores [1 + guesses, vocabulary] after the last token and after each guess, as
        far as these are right; returns what the model has to read next, None at the row's end.
        """
        read = len(self._ids)
        new: list[int] = []
        while len(new) < len(scores) and new == self._guess[: len(new)]:
            self._choose(scores[len(new)])
            if not self._take_forced():
                return None
            new = self._ids[read:]
        right = _shared(self._guess, new)
        unread = new[right:]
        self._guess = self._rules.lookup.guess(self._ids, max(0, min(most_guesses, LONGEST_BLOCK - len(unread))))
        return Block(read + right, self._as_read([*unread, *self._guess]), len(self._guess))

    def _choose(self, scores: Numbers) -> None:
        """Take a token by the model's scores [vocabulary]."""
        choice = [ids for ids in self._grammar.allowed if ids]
        if self._read_as is not None:
            scores = scores[self._read_as]
        of_choice = [scores[ids.start : ids.stop] for ids in choice]
        costs = self._rules.costs(choice)
        is_note = any(ids.start in _NOTE_ON for ids in choice)
        self._choices += 1
        sampling = self._sampling if is_note else self._of_rhythm
        index = choose(np.concatenate(of_choice), sampling, self._random, costs)
        self._take(_id_at(choice, index))

    def _as_read(self, ids: Sequence[int]) -> list[int]:
        """Tokens as the model reads them."""
        return [*ids] if self._read_as is None else [self._read_as[token] for token in ids]

    def _take_forced(self) -> bool:
        """Take what the grammar forces; False if the row has ended."""
        while self._end is None or len(self._ids) < self._end:
            token = self._grammar.forced()
            if token is None:
                return not self._grammar.is_finished
            self._take(token)
        return False

    def _take(self, token: int) -> None:
        self._grammar.advance(token)
        self._rules.advance(token)
        if token == BAR_START and self._report is not None:
            self._bars += 1
            self._report(self._bars)


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (token, another) in pairs if token != another), min(len(one), len(other)))


def _id_at(choice: Sequence[range], index: int) -> int:
    """The id at an index into all ids of a choice, one range after the other."""
    for ids in choice:
        if index < len(ids):
            return ids[index]
        index -= len(ids)
    raise IndexError(index)
