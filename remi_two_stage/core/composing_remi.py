"""From a request to a plan and from a plan to a piece: what `Composer` and the pipeline on the Hub do alike.

The way of one request: `plan_prompt`, written on by the planner, `plan_of`; then `notes_prompt`, written on by the
detail generator, `piece_over`. Item i of a batch has the seed `seed + i` and is the same as if it were alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Literal, NamedTuple, TypeVar

from .codec import decode_ids, encode_ids
from .decoding_remi import ROWS_AT_ONCE, BarCallback, Start, decode_rows, read_prompt, row_seeds
from .piece import Bar, Piece, with_opened_repeat
from .plan import Plan
from .request import Request, check_seed, usual_tempo
from .reward import harmony, reward
from .sampling import DEFAULT_SAMPLING, Sampling
from .sequences import Prompt, detail_sequence, in_writing_order, split_bars, up_to_detail, voices_of
from .vocabulary import TOKENS
from .voices import MELODY, is_choir

T = TypeVar("T")
Stage = Literal["planner", "detail"]
Progress = Callable[[str, int, int], None]
"""Called as bars are written, with "plan" or "notes", the bars begun, and the total (pick-ups count as they occur)."""

_TRIES = 4
"""Plans for each candidate, of which the first good one is taken, or else the best: by chance, few end as harmony books
say, and many stay at home.
"""
_GOOD = -0.5
"""Nats that a good plan's harmony may lose; a quarter of the plans of tunes are as good."""
_CHORAL_TRIES, _ENDS, _END_BARS = 3, 6, 2
"""The same for a choir, the ends that are written once more for its plan, and the bars of each end."""


def plan_prompt(request: Request) -> Prompt:
    """The planner's prompt for a request."""
    return Prompt("plan", request.globals(), request.bars)


def plan_of(request: Request, tokens: Sequence[int]) -> Plan:
    """The plan that was written for a request, in its key and at its very tempo; of named voices, whose bars players
    count, the first repeat too is opened by a sign.
    """
    written = replace(decode_ids(tokens).from_c([request.tonality]), tempo=request.tempo)
    is_alone = written.voices == (MELODY,)
    return Plan.of(written if is_alone else replace(written, bars=with_opened_repeat(written.bars)))


def notes_prompt(plan: Plan) -> Prompt:
    """For the detail generator: a plan, all of whose bars are to be written.

    Raises:
        EncodingError: the plan holds a metre, a bar length or a voice that the vocabulary does not.
    """
    skeleton = plan.skeleton
    ids = up_to_detail(detail_sequence(in_writing_order(encode_ids(skeleton))))
    return Prompt("detail", ids, plan.bar_count)


def piece_over(plan: Plan, tokens: Sequence[int]) -> Piece:
    """The piece that was written over a plan, with what tokens do not say."""
    given = plan.skeleton
    title = given.title or f"{(given.style or 'tune').replace('-', ' ').capitalize()} in {given.key.spoken}"
    piece = decode_ids(tokens).in_voice_order(given.voices).from_c(given.keys)
    tempo = given.tempo or usual_tempo(given.style)
    bars = tuple(_with_chord_symbols(bar, like) for bar, like in zip(piece.bars, given.bars, strict=True))
    return replace(piece, bars=bars, title=title, style=given.style, tempo=tempo, metadata=given.metadata)


def _with_chord_symbols(bar: Bar, given: Bar) -> Bar:
    """A bar with its chords written as the plan's are."""
    written = {chord: chord for chord in given.chords if chord.symbol}
    return replace(bar, chords=tuple(written.get(chord, chord) for chord in bar.chords)) if written else bar


class Composed(NamedTuple):
    """A piece, the plan that it is over, and the token ids that it was decoded from."""

    piece: Piece
    plan: Plan
    ids: list[int]


class CandidateWriter:
    """Writes several candidates of each item of a batch, row by row, and keeps the one with the highest reward.

    Args:
        stages: What has a `planner` and a `detail`: a `TwoStageModel`, or the `StageWeights` of both.
        seed: Of the first item; makes the result repeatable; None is another one each time.
        progress: Called as bars are written.

    Raises:
        RequestError: a seed out of range.
    """

    def __init__(
        self,
        stages: Any,
        seed: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
        progress: Progress | None = None,
    ) -> None:
        check_seed(seed)
        self.sampling = sampling
        self._stages = stages
        self.seed = secrets.randbits(31) if seed is None else seed
        self._progress = progress

    def several(self, prompt: Prompt) -> list[Prompt]:
        """A prompt for each candidate."""
        return [prompt] * self.sampling.candidates

    def write(
        self, stage: Stage, prompts: Sequence[Sequence[Prompt]], is_reported: bool = True
    ) -> list[list[list[int]]]:
        """Token ids of the sequences that a stage writes after the prompts, which are those of each item's candidates.

        Raises:
            RequestError: the stage is not plain (`decoding_weights_remi.is_plain`).
        """
        seeds = [row_seeds(len(several), self.seed + number) for number, several in enumerate(prompts)]
        rows = zip(chain.from_iterable(prompts), chain.from_iterable(seeds), strict=True)
        bars = [[prompt.bars for prompt in several] for several in prompts]
        written = iter(self._write_rows(stage, rows, self._report(stage, bars) if is_reported else None))
        return [[next(written) for _ in several] for several in prompts]

    def _report(self, stage: Stage, bars: Sequence[Sequence[int]]) -> BarCallback | None:
        """What counts the bars of each row of each item."""
        return self._progress and _bar_counter(self._progress, "plan" if stage == "planner" else "notes", bars)

    def _write_rows(
        self, stage: Stage, rows: Iterable[tuple[Prompt, int]], report: BarCallback | None
    ) -> list[list[int]]:
        """Token ids of the sequences after prompts, each with the seed of its row."""
        starts = [
            Start(
                prompt.ids,
                read_prompt(prompt.kind, prompt.ids, prompt.given_voice),
                seed,
                self._sampling_of(prompt),
                prompt.replaced,
            )
            for prompt, seed in rows
        ]
        return [row.ids for row in decode_rows(getattr(self._stages, stage), starts, self.sampling, report=report)]

    def _sampling_of(self, prompt: Prompt) -> Sampling | None:
        """How a prompt's row is sampled where that is not as the others are."""
        return self.sampling.of_choral_plan if prompt.kind == "plan" and _is_choral(prompt) else None

    def plans(self, requests: Sequence[Request]) -> list[list[Plan]]:
        """A plan for each candidate of each request."""
        written = self.best_plans([plan_prompt(request) for request in requests])
        return [[plan_of(request, ids) for ids in several] for request, several in zip(requests, written, strict=True)]

    def best_plans(self, prompts: Sequence[Prompt]) -> list[list[list[int]]]:
        """A plan, as token ids, for each candidate of each prompt, the first good one of a few or else the best, a
        choir's with the best of a few ends.
        """
        if self.sampling.greedy:
            return self.write("planner", [self.several(prompt) for prompt in prompts])
        candidates = []
        for number, prompt in enumerate(prompts):
            many = _CHORAL_TRIES if _is_choral(prompt) else _TRIES
            seeds = row_seeds(many * self.sampling.candidates, self.seed + number)
            candidates.append([_Tries(prompt, seeds[at : at + many]) for at in range(0, len(seeds), many)])
        self._write_tries(candidates)
        return self._with_ends(prompts, [[tries.best() for tries in several] for several in candidates])

    def _write_tries(self, candidates: Sequence[Sequence[_Tries]]) -> None:
        """Write plans of each candidate of each item until one is good, as many of each at once as there is room for;
        those that are written first are reported.
        """
        waiting = [*chain.from_iterable(candidates)]

        def at_once() -> int:
            return max(1, ROWS_AT_ONCE // len(waiting))

        bars = [[each.prompt.bars for each in several for _ in each.following(at_once())] for several in candidates]
        report = self._report("planner", bars)
        while waiting:
            rows = [each.following(at_once()) for each in waiting]
            written = iter(self._write_rows("planner", chain.from_iterable(rows), report))
            for each, several in zip(waiting, rows, strict=True):
                each.add([next(written) for _ in several])
            waiting = [each for each in waiting if not each.is_settled]
            report = None

    def _with_ends(self, prompts: Sequence[Prompt], written: list[list[list[int]]]) -> list[list[list[int]]]:
        """The plans of each prompt, as token ids, those of choirs with the best of their ends."""
        to_end = [
            [_end_prompt(prompt, ids) for ids in several for _ in range(_ENDS)] if _is_choral(prompt) else []
            for prompt, several in zip(prompts, written, strict=True)
        ]
        ends: list[list[list[int]]] = [[] for _ in prompts]
        if any(to_end):
            ends = self.write("planner", to_end, is_reported=False)
        return [
            [best([ids, *others[at * _ENDS :][:_ENDS]], _harmony_of_ids) for at, ids in enumerate(several)]
            for several, others in zip(written, ends, strict=True)
        ]

    def realize(self, plans: Sequence[Sequence[Plan]]) -> list[Composed]:
        """The best piece over the plans of each item, each of which is written over once."""
        written = self.write("detail", [[notes_prompt(plan) for plan in several] for several in plans])
        return [
            best(
                [Composed(piece_over(plan, ids), plan, ids) for plan, ids in zip(several, rows, strict=True)],
                lambda composed: reward(composed.piece).total,
            )
            for several, rows in zip(plans, written, strict=True)
        ]


class _Tries:
    """The plans of a candidate, of which more are written until one is good.

    Attributes:
        prompt: What they begin with.
    """

    def __init__(self, prompt: Prompt, seeds: Sequence[int]) -> None:
        self.prompt = prompt
        self._seeds = seeds
        self._plans: list[list[int]] = []
        self._rewards: list[float] = []

    def following(self, most: int) -> list[tuple[Prompt, int]]:
        """At most so many rows to write next, with their seeds."""
        return [(self.prompt, seed) for seed in self._seeds[len(self._plans) :][:most]]

    def add(self, plans: Sequence[list[int]]) -> None:
        """Plans that are written."""
        self._plans += plans
        self._rewards += map(_harmony_of_ids, plans)

    @property
    def is_settled(self) -> bool:
        """Whether no more are to be written."""
        return len(self._plans) == len(self._seeds) or max(self._rewards) >= _GOOD

    def best(self) -> list[int]:
        """The first good one, or else the one with the highest reward."""
        good = (ids for ids, reward in zip(self._plans, self._rewards, strict=True) if reward >= _GOOD)
        return next(good, self._plans[self._rewards.index(max(self._rewards))])


def harmony_of(plan: Plan) -> float:
    """The reward of a plan by itself."""
    return harmony(plan.skeleton)


def _harmony_of_ids(ids: Sequence[int]) -> float:
    """The same of a plan as token ids."""
    return harmony(decode_ids(ids))


def _is_choral(prompt: Prompt) -> bool:
    """Whether a choir sings, and no others are with it."""
    return is_choir([TOKENS[voice][1] for voice in voices_of(prompt.ids)])


def _end_prompt(prompt: Prompt, ids: Sequence[int]) -> Prompt:
    """A prompt for a further end of the plan that is written after one."""
    if prompt.bars <= _END_BARS:
        return prompt
    globals, bars = split_bars(ids)
    kept = chain.from_iterable(bar.tokens() for bar in bars[:-_END_BARS])
    return Prompt("plan", [*globals, *kept], _END_BARS)


def best(candidates: Sequence[T], reward_of: Callable[[T], float]) -> T:
    """The candidate with the highest reward, the first of equals; a single one is not judged."""
    return candidates[0] if len(candidates) == 1 else max(candidates, key=reward_of)


def _bar_counter(progress: Progress, stage: str, bars: Sequence[Sequence[int]]) -> BarCallback:
    """A callback that reports the bars of all items together, each item's as the mean of its candidates.

    Args:
        bars: Of each candidate of each item.
    """
    begun = [0] * sum(map(len, bars))
    asked, written = sum(several[0] for several in bars if several), sum(map(sum, bars))

    def report(row: int, count: int) -> None:
        begun[row] = count
        progress(stage, min(sum(begun) * asked // written, asked), asked)  # a pick-up begins a bar too

    return report
