"""Four-part chorales on a grid of sixteenth notes, and what a two-stage model pays for a cell of it.

A grid is a list of steps, a sixteenth note each; a step is the four MIDI numbers that S, A, T and B sing, -1 for
silence. Grids know neither key, metre, phrases nor whether an equal pitch is struck again (JSB-Chorales-dataset,
Jsb16thSeparated.json; split of Boulanger-Lewandowski et al., 2012). Read are equal steps in a row as one note, in 4/4,
in the key that `scores/keys.py` hears, with the chords that `scores/harmony.py` hears.

Everything is charged, so that the result is minus the logarithm of a probability of the grid itself and is
comparable with models that predict cell after cell:
- the plan with all its globals (style, metre, mode, number of bars, voices), as the planner has it;
- the notes given the plan;
- ln 12 for the tonic, which is uniform over the twelve transpositions that `Piece.in_c` undoes.
What the grammar leaves no choice about costs nothing. All of it is divided by 4 x steps. Key, chords and barring
follow from the grid, so other tokens would say the same grid too; what these would add to its probability is
forgone, and the figure is an upper bound.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import accumulate, groupby
from pathlib import Path
from typing import Literal

from ..core.codec import encode_with_losses
from ..core.errors import EncodingError, RequestError, ScoreFormatError
from ..core.forms import detail_sequence, extract_chord_sequence, in_voice_order
from ..core.modeling_remi import TwoStageModel
from ..core.piece import TICKS_PER_QUARTER, Bar, Key, Meter, Note, Piece
from ..core.vocabulary import TOKEN_IDS
from ..scores.harmony import label_chords
from ..scores.keys import estimate_key
from .counts import Counts
from .token_losses import Likelihood, likelihood

Grid = Sequence[Sequence[int]]

VOICES = ("S", "A", "T", "B")
SILENCE = -1
TICKS_PER_STEP = TICKS_PER_QUARTER // 4
STEPS_PER_BAR = 16
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
        harmonic_rhythm: One chord a bar or one a beat at most.
        voices: The order in which each bar's voices are written.
        barring: Bars of 4/4 are counted from the `start`, or back from the `end` with what is left over as a pick-up;
            chorales end with a whole bar far more often than they begin with one.

    Raises:
        RequestError: no such rhythm, voices or barring.
    """

    harmonic_rhythm: Literal["bar", "beat"] = "bar"
    voices: str = "SATB"
    barring: Literal["start", "end"] = "start"

    def __post_init__(self) -> None:
        if self.harmonic_rhythm not in ("bar", "beat"):
            raise RequestError(f"the harmonic rhythm is {self.harmonic_rhythm!r}; choose bar or beat")
        if self.barring not in ("start", "end"):
            raise RequestError(f"the barring is {self.barring!r}; choose start or end")
        if sorted(self.voices) != sorted(VOICES):
            raise RequestError(f"the order of voices is {self.voices!r}; write S, A, T and B once each, such as SBAT")

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
        and len(step) == len(VOICES)
        and all(isinstance(pitch, int) and SILENCE <= pitch <= 127 for pitch in step)
    )


def piece_of_grid(grid: Grid, barring: Literal["start", "end"] = "start") -> Piece:
    """A grid as a piece in 4/4, barred as `GridReading` says, in the key that is heard in it.

    Equal pitches in a row are one note, also over barlines.
    """
    whole, rest = divmod(len(grid), STEPS_PER_BAR)
    lengths = [STEPS_PER_BAR] * whole
    if rest:
        lengths.insert(0 if barring == "end" else whole, rest)
    starts = list(accumulate(lengths, initial=0))
    notes: list[list[list[Note]]] = [[[] for _ in VOICES] for _ in lengths]
    for voice in range(len(VOICES)):
        step = 0
        for pitch, run in groupby(column[voice] for column in grid):
            length = sum(1 for _ in run)
            if pitch != SILENCE:
                bar = bisect_right(starts, step) - 1
                onset = (step - starts[bar]) * TICKS_PER_STEP
                notes[bar][voice].append(Note(onset, pitch, length * TICKS_PER_STEP))
            step += length
    bars = tuple(
        Bar(Meter(4, 4), Key(), steps * TICKS_PER_STEP, tuple(map(tuple, sung)))
        for steps, sung in zip(lengths, notes, strict=True)
    )
    key = estimate_key(bars)
    return Piece(VOICES, tuple(replace(bar, key=key) for bar in bars), style="chorale")


def grid_of_piece(piece: Piece) -> list[list[int]]:
    """The inverse of `piece_of_grid`: what sounds in each of the four voices at each sixteenth note."""
    total = sum(bar.length for bar in piece.bars) // TICKS_PER_STEP
    grid = [[SILENCE] * len(VOICES) for _ in range(total)]
    for name, onset, duration, pitch in piece.note_list():
        first, length = (round(quarters * 4) for quarters in (onset, duration))
        for step in range(first, first + length):
            grid[step][VOICES.index(name)] = pitch
    return grid


def read_piece(grid: Grid, reading: GridReading) -> Piece:
    """A grid as a piece with the chords that are heard in it."""
    return label_chords(piece_of_grid(grid, reading.barring), reading.harmonic_rhythm)


def piece_tokens(piece: Piece, reading: GridReading) -> list[str]:
    """Tokens of a grid's piece in the form "full", in C and in the reading's order of voices; transposed back,
    `grid_of_piece(decode(tokens))` is the grid.

    Raises:
        EncodingError: the tokens would not say the piece.
    """
    tokens, losses = encode_with_losses(piece)
    if losses:
        raise EncodingError(f"the grid cannot be said in tokens without loss: {dict(losses)}; check its steps")
    return in_voice_order(tokens, list(reading.voices))


@dataclass(frozen=True, slots=True)
class GridLikelihood(Counts):
    """What some grids cost; `+` joins them.

    Attributes:
        plan: The planner's share.
        detail: The detail generator's share.
        chorales: Number of grids; each costs ln 12 for its tonic.
        cells: 4 x steps.
    """

    plan: Likelihood = field(default_factory=Likelihood)
    detail: Likelihood = field(default_factory=Likelihood)
    chorales: int = 0
    cells: int = 0

    @property
    def nats(self) -> float:
        """Everything charged."""
        return self.plan.masked_nats + self.detail.masked_nats + self.chorales * math.log(12)

    @property
    def nats_per_cell(self) -> float:
        """Everything charged, per note cell."""
        return self.nats / self.cells if self.cells else math.nan

    def to_dict(self) -> dict[str, float]:
        """The figure and its parts, in nats a cell."""
        shares = {"plan": self.plan.masked_nats, "detail": self.detail.masked_nats, "key": self.chorales * math.log(12)}
        return (
            {"nats_per_cell": self.nats_per_cell}
            | {name: nats / self.cells for name, nats in shares.items()}
            | {"chorales": self.chorales, "cells": self.cells}
        )


def grid_likelihood(model: TwoStageModel, grids: Iterable[Grid], reading: GridReading) -> GridLikelihood:
    """What grids cost a two-stage model, everything charged.

    Raises:
        EncodingError: a grid that tokens cannot say.
    """
    return sum((_of_grid(model, grid, reading) for grid in grids), start=GridLikelihood())


def _of_grid(model: TwoStageModel, grid: Grid, reading: GridReading) -> GridLikelihood:
    tokens = piece_tokens(read_piece(grid, reading), reading)
    plan, detail = (
        [TOKEN_IDS[name] for name in names] for names in (extract_chord_sequence(tokens), detail_sequence(tokens))
    )
    return GridLikelihood(
        likelihood(model.planner, plan, "plan"),
        likelihood(model.detail, detail, "detail"),
        chorales=1,
        cells=len(VOICES) * len(grid),
    )
