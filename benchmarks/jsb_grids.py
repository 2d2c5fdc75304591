"""Four-part chorales on a grid of sixteenth notes, and what a two-stage model pays for a cell of it.

A grid is a list of steps, a sixteenth note each; a step is the four MIDI numbers that S, A, T and B sing, -1 for
silence. Grids know neither key, metre, phrases nor whether an equal pitch is struck again (JSB-Chorales-dataset,
Jsb16thSeparated.json; split of Boulanger-Lewandowski et al., 2012). They are read in 4/4, equal steps in a row as one
note or as one in each beat, in the key that `analysis/key_estimation.py` hears, with the chords that
`analysis/harmony.py` hears.

Everything is charged, so that the result is minus the logarithm of a probability of the grid itself and is
comparable with models that predict cell after cell:
- the plan with all its globals (style, metre, mode, number of bars, voices), as the planner has it;
- the notes given the plan, as the detail generator has them, to which `jsb_copying.py` may add what stood there before;
- ln 12 for the tonic, which is uniform over the twelve transpositions that `Piece.in_c` undoes.
What the grammar leaves no choice about costs nothing. All of it is divided by 4 x steps. Other keys, chords and
barrings would be other tokens for the same grid, and a grid's probability is the sum of theirs. Only the barrings that
a reading names are summed over; what the others would add is forgone, and the figure is an upper bound.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate, groupby
from pathlib import Path
from typing import Literal

from jsb_copying import Copying, Forecast, forecasts

from remi_two_stage.analysis.harmony import label_chords
from remi_two_stage.analysis.key_estimation import estimate_key
from remi_two_stage.core.codec import encode_with_losses
from remi_two_stage.core.errors import EncodingError, RequestError, ScoreFormatError
from remi_two_stage.core.modeling_remi import TwoStageModel
from remi_two_stage.core.piece import Bar, Note, Piece
from remi_two_stage.core.sequences import detail_sequence, in_voice_order, plan_sequence, voices_of, writing_order
from remi_two_stage.core.signatures import TICKS_PER_QUARTER, Key, Meter
from remi_two_stage.core.vocabulary import IDS, token_id
from remi_two_stage.core.voices import FOUR_PARTS
from remi_two_stage.evaluation.counts import Counts
from remi_two_stage.evaluation.token_losses import likelihood, token_losses

Grid = Sequence[Sequence[int]]

SILENCE = -1
TICKS_PER_STEP = TICKS_PER_QUARTER // 4
STEPS_PER_BEAT = 4
BEATS_PER_BAR = 4
READING = "grid.json"
"""File in a model's folder that says how it reads grids, as the fields of `GridReading`."""
PUBLISHED = (
    ("Music Transformer, relative attention", 0.335, "valid, as published (Huang et al., 2018, table 2)"),
    ("TonicNet, chords charged", 0.396, "0.317 a token over five tokens a step (Peracha, 2019)"),
    ("Music Transformer, baseline", 0.417, "valid, as published (Huang et al., 2018, table 2)"),
    ("Coconet", 0.436, "as published (Huang et al., 2017)"),
    ("backoff n-gram with transposition", 0.564, "test; 0.543 on valid"),
)
"""(model, nats a cell, how it was counted)."""


@dataclass(frozen=True, slots=True)
class GridReading:
    """The choices in reading a grid.

    Attributes:
        harmonic_rhythm: One chord a `bar` or one a `beat` at most, or `none`: plans then say how many bars there are.
        voices: The order in which plans name the voices; bars are written in that which `writing_order` makes of it.
        barring: Bars of 4/4 are counted from the `start`, or in `any` of four ways: from it or after a pick-up of one,
            two or three beats.
        struck: Where a pitch that goes on is struck again: nowhere before it changes (`change`), or on each `beat`.

    Raises:
        RequestError: no such rhythm, voices, barring or way to strike.
    """

    harmonic_rhythm: Literal["bar", "beat", "none"] = "bar"
    voices: str = "SATB"
    barring: Literal["start", "any"] = "start"
    struck: Literal["change", "beat"] = "change"

    def __post_init__(self) -> None:
        if self.harmonic_rhythm not in ("bar", "beat", "none"):
            raise RequestError(f"the harmonic rhythm is {self.harmonic_rhythm!r}; choose bar, beat or none")
        if self.barring not in ("start", "any"):
            raise RequestError(f"the barring is {self.barring!r}; choose start or any")
        if self.struck not in ("change", "beat"):
            raise RequestError(f"pitches are struck again on each {self.struck!r}; choose change or beat")
        if sorted(self.voices) != sorted(FOUR_PARTS):
            raise RequestError(f"the order of voices is {self.voices!r}; write S, A, T and B once each, such as SBAT")

    @property
    def pickups(self) -> range:
        """Beats that stand before the first whole bar, in each way to count the bars."""
        return range(BEATS_PER_BAR if self.barring == "any" else 1)

    @classmethod
    def of(cls, folder: str | Path) -> GridReading:
        """How the model in a folder reads grids; the defaults if it does not say."""
        path = Path(folder, READING)
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else cls()

    def save(self, folder: str | Path) -> None:
        """Write it beside a model."""
        Path(folder, READING).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def read_grids(path: str | Path) -> dict[str, list[Grid]]:
    """The chorales of each split in a JSON file; what is no list of chorales is left out.

    Raises:
        ScoreFormatError: the file cannot be read or holds no grid.
    """
    try:
        stored = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ScoreFormatError(f"no note grids can be read from {str(path)!r}: {error}; give a JSON file") from None
    stored = stored if isinstance(stored, Mapping) else {"all": stored}
    grids = {name: chorales for name, chorales in stored.items() if _are_grids(chorales)}
    if not grids:
        raise ScoreFormatError(
            f"{str(path)!r} holds no note grids; a split is a list of chorales, a chorale a list of steps, "
            "a step four MIDI numbers with -1 for silence"
        )
    return grids


def _are_grids(chorales: object) -> bool:
    return (
        isinstance(chorales, list)
        and bool(chorales)
        and all(isinstance(grid, list) and grid and all(map(_is_step, grid)) for grid in chorales)
    )


def _is_step(step: object) -> bool:
    return (
        isinstance(step, list)
        and len(step) == len(FOUR_PARTS)
        and all(isinstance(pitch, int) and SILENCE <= pitch <= 127 for pitch in step)
    )


def piece_of_grid(grid: Grid, struck: Literal["change", "beat"] = "change", pickup: int = 0) -> Piece:
    """A grid as a piece in 4/4, in the key that is heard in it.

    Equal pitches in a row are one note, also over barlines, or are struck again on each beat.

    Args:
        pickup: Beats before the first whole bar, 0 to 3.
    """
    bar_length = BEATS_PER_BAR * STEPS_PER_BEAT
    first = min(pickup * STEPS_PER_BEAT, len(grid))
    whole, last = divmod(len(grid) - first, bar_length)
    lengths = [length for length in (first, *[bar_length] * whole, last) if length]
    starts = list(accumulate(lengths, initial=0))
    beats = [step // STEPS_PER_BEAT if struck == "beat" else 0 for step in range(len(grid))]
    notes: list[list[list[Note]]] = [[[] for _ in FOUR_PARTS] for _ in lengths]
    for voice in range(len(FOUR_PARTS)):
        step = 0
        for (pitch, _), run in groupby((column[voice], beat) for column, beat in zip(grid, beats, strict=True)):
            length = sum(1 for _ in run)
            if pitch != SILENCE:
                bar = bisect_right(starts, step) - 1
                onset = (step - starts[bar]) * TICKS_PER_STEP
                notes[bar][voice].append(Note(onset, pitch, length * TICKS_PER_STEP))
            step += length
    bars = [
        Bar(Meter(BEATS_PER_BAR, 4), Key(), steps * TICKS_PER_STEP, tuple(map(tuple, sung)))
        for steps, sung in zip(lengths, notes, strict=True)
    ]
    if first:
        bars[0] = replace(bars[0], is_pickup=True)
    key = estimate_key(bars)
    return Piece(FOUR_PARTS, tuple(replace(bar, key=key) for bar in bars), style="chorale")


def grid_of_piece(piece: Piece) -> list[list[int]]:
    """The inverse of `piece_of_grid`: what sounds in each of the four voices at each sixteenth note."""
    total = sum(bar.length for bar in piece.bars) // TICKS_PER_STEP
    grid = [[SILENCE] * len(FOUR_PARTS) for _ in range(total)]
    for name, onset, duration, pitch in piece.note_list():
        first, length = (round(quarters * 4) for quarters in (onset, duration))
        for step in range(first, first + length):
            grid[step][FOUR_PARTS.index(name)] = pitch
    return grid


def read_pieces(grid: Grid, reading: GridReading) -> list[Piece]:
    """A grid as a piece with the chords that are heard in it, in each way to count its bars."""
    pieces = [piece_of_grid(grid, reading.struck, pickup) for pickup in reading.pickups]
    if reading.harmonic_rhythm == "none":
        return pieces
    return [label_chords(piece, reading.harmonic_rhythm) for piece in pieces]


def piece_tokens(piece: Piece, reading: GridReading) -> list[int]:
    """Token ids of a grid's piece as a "full" sequence, in C and in the reading's order of voices, without the basses
    of chords and the tonic that sounds, which these models do not know; transposed back,
    `grid_of_piece(decode_ids(tokens))` is the grid.

    Raises:
        EncodingError: the tokens would not say the piece.
    """
    tokens, losses = encode_with_losses(piece)
    if losses:
        raise EncodingError(f"the grid cannot be said in tokens without loss: {dict(losses)}; check its steps")
    tokens = [token for token in tokens if token not in IDS["Tonic"] and token not in IDS["Bass"]]
    return in_voice_order(tokens, [token_id("voice", voice) for voice in reading.voices])


@dataclass(frozen=True, slots=True)
class GridLikelihood(Counts):
    """What some grids cost; `+` joins them.

    Attributes:
        plan: The planner's share in nats, in the likeliest way to count each grid's bars.
        detail: The detail generator's share, in that way.
        copied: Nats that copying takes off the detail generator's share.
        other_barrings: Nats that the probability of the other ways takes off.
        chorales: Number of grids; each costs ln 12 for its tonic.
        cells: 4 x steps.
    """

    plan: float = 0.0
    detail: float = 0.0
    copied: float = 0.0
    other_barrings: float = 0.0
    chorales: int = 0
    cells: int = 0

    @property
    def nats(self) -> float:
        """Everything charged."""
        return sum(self._shares().values())

    @property
    def nats_per_cell(self) -> float:
        """Everything charged, per note cell."""
        return self.nats / self.cells if self.cells else math.nan

    def to_dict(self) -> dict[str, float]:
        """The figure and its parts, in nats a cell."""
        return (
            {"nats_per_cell": self.nats_per_cell}
            | {name: nats / self.cells for name, nats in self._shares().items()}
            | {"chorales": self.chorales, "cells": self.cells}
        )

    def _shares(self) -> dict[str, float]:
        return {
            "plan": self.plan,
            "detail": self.detail,
            "copying": 0.0 - self.copied,
            "key": self.chorales * math.log(12),
            "other_barrings": 0.0 - self.other_barrings,
        }


def grid_likelihood(
    model: TwoStageModel, grids: Iterable[Grid], reading: GridReading, copying: Copying | None = None
) -> GridLikelihood:
    """What grids cost a two-stage model, everything charged; without `copying`, by the model alone.

    Raises:
        EncodingError: a grid that tokens cannot say.
    """
    return sum((_of_grid(model, grid, reading, copying or Copying()) for grid in grids), start=GridLikelihood())


def fitted_copying(model: TwoStageModel, grids: Iterable[Grid], reading: GridReading) -> Copying:
    """The copying that helps a model most with grids, whose bars are counted from the start."""
    return Copying.fitted(
        token
        for grid in grids
        for token in _charged(model, learnt_detail(piece_tokens(read_pieces(grid, reading)[0], reading)))
    )


def _charged(model: TwoStageModel, detail: Sequence[int]) -> Iterator[tuple[float, Forecast | None]]:
    """What each token of a "detail" sequence costs that costs anything, and what copying says of it."""
    nats = token_losses(model.detail, detail, "detail").masked_nats.double().tolist()
    return zip(nats, forecasts(detail, "detail"), strict=True)


def _of_grid(model: TwoStageModel, grid: Grid, reading: GridReading, copying: Copying) -> GridLikelihood:
    # Barrings of less than a bar may come to the same tokens, which count once.
    sequences = dict.fromkeys(tuple(piece_tokens(piece, reading)) for piece in read_pieces(grid, reading))
    barrings = [_of_tokens(model, tokens, copying) for tokens in sequences]
    nats = [barring.nats for barring in barrings]
    best = min(nats)
    return replace(
        barrings[nats.index(best)],
        other_barrings=math.log(sum(math.exp(best - other) for other in nats)),
        chorales=1,
        cells=len(FOUR_PARTS) * len(grid),
    )


def _of_tokens(model: TwoStageModel, tokens: Sequence[int], copying: Copying) -> GridLikelihood:
    """What both stages pay for a piece."""
    charged = list(_charged(model, learnt_detail(tokens)))
    return GridLikelihood(
        plan=likelihood(model.planner, plan_sequence(tokens), "plan").masked_nats,
        detail=sum(nats for nats, _ in charged),
        copied=sum(copying.gain(nats, forecast) for nats, forecast in charged),
    )


def learnt_detail(tokens: Sequence[int]) -> list[int]:
    """The "detail" sequence that training makes of a "full" one."""
    return detail_sequence(in_voice_order(tokens, writing_order(voices_of(tokens))))
