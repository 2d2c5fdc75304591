"""Chords that the planner writes for the tunes of a corpus, for the detail generator to learn from.

The planner reads the tune's first voice (a "melody" sequence) and writes chords for its bars. The plan therefore has
the tune's repeats, endings and pick-ups, and its chords fit the notes as well as the planner can make them. A plan
written from the tune's globals alone would have different bars, and chords unrelated to the notes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from ..core.decoding_remi import Start, decode_rows, read_prompt
from ..core.sequences import melody_sequence, split_bars, up_to_detail
from ..core.vocabulary import CONTEXT, DETAIL

_TUNES_AT_ONCE = 256


def write_plans(planner: Any, tunes: Sequence[Sequence[int]], seeds: Sequence[int]) -> Iterator[list[int]]:
    """The "plan" sequence that a planner writes for each tune (a "full" sequence), sampled as in `Composer`. The plan
    of a tune depends on its seed, but not on the other tunes.
    """
    for first in range(0, len(tunes), _TUNES_AT_ONCE):
        some = slice(first, first + _TUNES_AT_ONCE)
        prompts = [up_to_detail(melody_sequence(tune)) for tune in tunes[some]]
        starts = [Start(ids, read_prompt("melody", ids), seed) for ids, seed in zip(prompts, seeds[some], strict=True)]
        for row in decode_rows(planner, starts):
            yield row.ids[: row.ids.index(CONTEXT)] + row.ids[row.ids.index(DETAIL) + 1 :]


def with_plan(tokens: Sequence[int], plan: Sequence[int]) -> list[int]:
    """A piece (a "full" sequence) over the chords of a plan (a "plan" sequence) with the same bars."""
    globals, bars = split_bars(tokens)
    _, planned = split_bars(plan)
    for bar, chords in zip(bars, planned, strict=True):
        bar.header = chords.header
    return [*globals, *chain.from_iterable(bar.tokens() for bar in bars), tokens[-1]]
