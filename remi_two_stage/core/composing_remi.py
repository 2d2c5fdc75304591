"""From a request to a plan and from a plan to a piece: what `Composer` and the pipeline on the Hub do alike.

The way of one request: `plan_prompt`, written on by the planner, `plan_of`; then `notes_prompt`, written on by the
detail generator, `piece_over`. Item i of a batch has the seed `seed + i` and is the same as if it were alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from operator import attrgetter
from typing import Any

from .codec import decode_ids, encode_ids
from .decoding_remi import BarCallback, Start, decode_rows, read_prompt, row_seeds
from .piece import Bar, Piece
from .plan import Plan
from .request import Request, check_seed, usual_tempo
from .sampling import DEFAULT_SAMPLING, Sampling
from .sequences import Prompt, detail_sequence, in_writing_order, up_to_detail


def plan_prompt(request: Request) -> Prompt:
    """The planner's prompt for a request."""
    return Prompt("plan", request.globals(), request.bars)


def plan_of(request: Request, tokens: Sequence[int]) -> Plan:
    """The plan that was written for a request, in its key and at its very tempo."""
    return Plan.of(replace(decode_ids(tokens).from_c([request.tonality]), tempo=request.tempo))


def notes_prompt(plan: Plan) -> Prompt:
    """For the detail generator: a plan, all of whose bars are to be written.

    Raises:
        EncodingError: the plan holds a metre, a bar length or a voice that the vocabulary does not.
    """
    skeleton = plan.skeleton
    ids = up_to_detail(detail_sequence(in_writing_order(encode_ids(skeleton))))
    return Prompt("detail", ids, len(skeleton.bars))


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


def write(
    stage: Any,
    prompts: Sequence[Prompt],
    seed: int | None = None,
    sampling: Sampling = DEFAULT_SAMPLING,
    report: BarCallback | None = None,
) -> list[list[int]]:
    """Token ids of the sequence that a stage writes after each prompt, the best of its candidates.

    Args:
        stage: A `BarPlannerModel` or `DetailGeneratorModel`, or the `StageWeights` of one.
        seed: Makes the result repeatable; None is another one each time.
        report: Called as bars begin; a prompt has as many rows as there are candidates.

    Raises:
        RequestError: a seed out of range, or a stage that is not plain (`decoding_weights_remi.is_plain`).
    """
    check_seed(seed)
    base = secrets.randbits(31) if seed is None else seed
    seeds = [row_seeds(sampling.candidates, base + number) for number in range(len(prompts))]
    starts = [
        Start(prompt.ids, read_prompt(prompt.kind, prompt.ids, prompt.given_voice), own)
        for prompt, several in zip(prompts, seeds, strict=True)
        for own in several
    ]
    written = iter(decode_rows(stage, starts, sampling, report=report))
    return [max(islice(written, sampling.candidates), key=attrgetter("mean_log_likelihood")).ids for _ in prompts]
