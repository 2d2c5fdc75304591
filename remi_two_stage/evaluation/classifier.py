"""How easily generated pieces are told from real ones: a logistic regression on features that anybody can compute.

Of the melody, at sounding pitch:
- intervals: shares of the steps of -12 to 12 semitones between neighbouring notes, larger ones with the largest;
- rhythm: shares of the notes by duration in eight classes, from sixteenths to more than half notes, how many durations
  there are, notes a bar, the commonest rhythm's share, the share of bars with the rhythm of the one before;
- repeats: the shares of bars that equal the one 1, 2, 4 and 8 bars before, of bars heard before, of the commonest bar;
- register: shares of the notes in minor thirds from C3 to C7, the lowest, the highest and the mean pitch.

Features are standardised, weights have an L2 penalty, and the area under the ROC curve (AUC) is that of pieces that the
regression has not seen, in cross-validation over five folds: 0.5 where nothing tells them apart, 1 where everything
does. Its standard error is that of Hanley and McNeil (1982). Two halves of real music, drawn five times, give the
figure that chance alone leaves.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import fmean

import numpy as np
import numpy.typing as npt

from ..core.features import (
    alone,
    commonest_rhythm,
    contents,
    counted_bars,
    most_of_one_bar,
    note_lengths,
    pitches,
    repeated_bars,
    rhythm,
)
from ..core.piece import Piece

Array = npt.NDArray[np.float64]

FOLDS = 5
FEWEST = 4 * FOLDS
"""Pieces of each kind without which nothing is learnt."""
_DRAWS = 5
"""Pairs of halves."""
_LARGEST_INTERVAL = 12
_DURATIONS = (6, 8, 12, 18, 24, 36, 48)
"""Ticks: the longest duration of each class but the last."""
_LAGS = (1, 2, 4, 8)
_LOWEST, _HIGHEST, _STEP = 48, 96, 3
_PENALTY, _STEPS = 3.0, 25


@dataclass(frozen=True, slots=True)
class Separation:
    """How well pieces of two kinds are told apart."""

    auc: float
    standard_error: float
    pieces: int

    def to_dict(self) -> dict[str, float]:
        """All fields."""
        return asdict(self)


def features(piece: Piece) -> list[float]:
    """The features of a piece whose melody sounds."""
    melody = alone(piece, [0])
    return [*_intervals(melody), *_rhythms(melody), *_repeats(melody), *_register(melody)]


def _shares(counts: Counter[int], keys: Sequence[int]) -> list[float]:
    total = max(1, counts.total())
    return [counts[key] / total for key in keys]


def _intervals(melody: Piece) -> list[float]:
    limit = _LARGEST_INTERVAL
    steps = Counter(max(-limit, min(limit, after - before)) for before, after in pairwise(pitches(melody)))
    return _shares(steps, range(-limit, limit + 1))


def _rhythms(melody: Piece) -> list[float]:
    notes = [note for bar in melody.bars for note in bar.notes[0]]
    classes = Counter(sum(note.duration > limit for limit in _DURATIONS) for note in notes)
    bars = [rhythm(bar) for bar in counted_bars(melody)]
    same = sum(before == after for before, after in pairwise(bars)) / len(bars)
    rest = [float(note_lengths(melody)), len(notes) / max(1, melody.bar_count), commonest_rhythm(melody), same]
    return _shares(classes, range(len(_DURATIONS) + 1)) + rest


def _repeats(melody: Piece) -> list[float]:
    bars = [contents(bar) for bar in counted_bars(melody)]
    equal = [sum(a == b for a, b in zip(bars, bars[lag:], strict=False)) / len(bars) for lag in _LAGS]
    return [*equal, repeated_bars(melody), most_of_one_bar(melody) / len(bars)]


def _register(melody: Piece) -> list[float]:
    sung = pitches(melody)
    bands = Counter((max(_LOWEST, min(_HIGHEST, pitch)) - _LOWEST) // _STEP for pitch in sung)
    shares = _shares(bands, range((_HIGHEST - _LOWEST) // _STEP + 1))
    return [*shares, float(min(sung)), float(max(sung)), sum(sung) / len(sung)]


def separate(first: Sequence[Piece], second: Sequence[Piece], seed: int = 0) -> Separation | None:
    """How well the regression tells two kinds of pieces apart; None where there are too few of one that sound."""
    kinds = [[features(piece) for piece in pieces if counted_bars(alone(piece, [0]))] for pieces in (first, second)]
    if min(map(len, kinds)) < FEWEST:
        return None
    rows = np.array(kinds[0] + kinds[1])
    labels = np.repeat([1.0, 0.0], [len(kinds[0]), len(kinds[1])])
    folds = _folds(labels, np.random.default_rng(seed))
    value = float(np.mean([_fold_auc(rows, labels, folds == fold) for fold in range(FOLDS)]))
    return Separation(value, _error(value, *map(len, kinds)), len(labels))


def separate_halves(pieces: Sequence[Piece], seed: int = 0) -> Separation | None:
    """The same for two halves of one kind, drawn at random several times."""
    found = []
    for draw in range(_DRAWS):
        order = np.random.default_rng((seed, draw)).permutation(len(pieces))
        drawn = [pieces[index] for index in order]
        found.append(separate(drawn[: len(drawn) // 2], drawn[len(drawn) // 2 :], seed))
    known = [half for half in found if half is not None]
    if not known:
        return None
    return Separation(fmean(half.auc for half in known), known[0].standard_error, known[0].pieces)


def _error(area: float, first: int, second: int) -> float:
    """Standard error of an area under the curve of so many pieces of each kind."""
    both_first, both_second = area / (2 - area), 2 * area**2 / (1 + area)
    spread = (first - 1) * (both_first - area**2) + (second - 1) * (both_second - area**2)
    return math.sqrt(max(0.0, area * (1 - area) + spread) / (first * second))


def _folds(labels: Array, draw: np.random.Generator) -> npt.NDArray[np.int64]:
    """The fold of each row, with the same mixture of labels in all."""
    folds = np.empty(len(labels), dtype=np.int64)
    for label in (0.0, 1.0):
        (rows,) = np.nonzero(labels == label)
        folds[draw.permutation(rows)] = np.arange(len(rows)) % FOLDS
    return folds


def _fold_auc(rows: Array, labels: Array, held_out: npt.NDArray[np.bool_]) -> float:
    learnt = ~held_out
    mean, deviation = rows[learnt].mean(axis=0), rows[learnt].std(axis=0)
    scaled = (rows - mean) / np.where(deviation > 0, deviation, 1)
    scores = scaled[held_out] @ _fit(scaled[learnt], labels[learnt])
    return auc(scores[labels[held_out] == 1], scores[labels[held_out] == 0])


def _fit(rows: Array, labels: Array) -> Array:
    """Weights of the penalised logistic regression, by Newton's method on a balanced problem; without the intercept,
    which no ranking needs.
    """
    design = np.hstack([rows, np.ones((len(rows), 1))])
    balance = np.where(labels == 1, 0.5 / labels.mean(), 0.5 / (1 - labels.mean()))
    penalty = np.full(design.shape[1], _PENALTY)
    penalty[-1] = 1e-6
    weights = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        expected = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (balance * (labels - expected)) - penalty * weights
        curvature = (design * (balance * expected * (1 - expected))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        weights += step
        if np.abs(step).max() < 1e-8:
            break
    return weights[:-1]


def auc(positive: Array, negative: Array) -> float:
    """Probability that a score of the first kind is the higher one; ties count half."""
    above = (positive[:, None] > negative[None, :]).mean()
    return float(above + 0.5 * (positive[:, None] == negative[None, :]).mean())
