"""Estimate the parameters of chord inference, write them to `analysis/chord_parameters.py`, print how often it is
right.

    REMI_CORPORA=path/to/corpora python benchmarks/estimate_harmony.py [--write]

The parameters are those of two conditional random fields over triads, fitted by maximum conditional likelihood with a
Gaussian prior: for melodies on Nottingham's training tunes (melodies with chord symbols), for several voices on 20
chorales of Bach with the analyses that come with music21. How eagerly a bar takes a second chord was chosen on
Nottingham's validation tunes.

Accuracy on melodies is the share of bars that begin with a written chord whose root and triad quality are found with
all symbols hidden; sevenths and other additions do not count. On chorales it is the share of beats whose longest triad
is found. Cross-validated means that each fourth of the music is inferred with parameters from the other three, and that
tunes with a common melody are in the same fourth. `benchmarks/harmony.py` compares this with other ways.

Shapes: T segments (parts of bars, or beats) of a piece, B pieces, S triads, F features, 12 pitch classes or intervals,
P places, K steps.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from harmony import MUSIC21_QUALITIES, share_found, show_melodies, triad_of
from torch import Tensor

from remi_two_stage.analysis import chord_inference as inference
from remi_two_stage.analysis.chord_inference import ChordModel, ChordSegment, Triad
from remi_two_stage.core.piece import Piece
from remi_two_stage.core.signatures import TICKS_PER_QUARTER
from remi_two_stage.corpus.splits import group_melodies
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.music21_bridge import from_music21

MODES = ("maj", "min")
STRENGTH_OF_PRIOR = 1.0
STRENGTH_OF_TRIADS_PRIOR = 5.0
"""The prior of what single triads have of their own beside their quality: it has to be earned by many examples."""
HELD_IN_BAR = (0.0, 0.5, 1.0)
"""Taken off for a triad that is held, by `MELODY_STEPS`: the most probable sequence has too few changes in bars."""
ITERATIONS = 60
FOLDS = 4
UNKNOWN = -1


@dataclass(frozen=True)
class Example:
    """A piece in segments, its mode, and the triad of each segment as far as it is known."""

    segments: list[ChordSegment]
    mode: str
    triads: list[Triad | None]


# --- data


def melody_example(piece: Piece) -> Example:
    """A tune with its chord symbols as targets."""
    segments = inference.melody_segments(piece, len(piece.bars))
    timelines = [[(chord.onset, triad_of(chord.label)) for chord in bar.chords] for bar in piece.bars]
    timelines = [[*([(0, None)] * (not line or line[0][0] > 0)), *line] for line in timelines]
    return Example(segments, _family(piece), [_longest(timelines, segment) for segment in segments])


def _family(piece: Piece) -> str:
    """The one of `MODES` whose third is the mode's."""
    return "maj" if piece.key.mode in ("maj", "lyd", "mix") else "min"


def chorale_examples() -> Iterator[Example]:
    """The chorales of Bach's whose analyses music21 brings, beat by beat."""
    from music21 import converter, corpus

    for path in sorted(path for path in corpus.getComposer("bach") if path.suffix == ".rntxt"):
        work = re.search(r"BWV:\s*([\d.]+)", path.read_text(encoding="utf-8", errors="replace"))
        assert work is not None, f"{path} names no work"
        score = corpus.parse(f"bach/bwv{work[1]}")
        numbers = [measure.number for measure in score.parts[0].getElementsByClass("Measure")]
        analysis = {
            measure.number: [
                (round(TICKS_PER_QUARTER * chord.getOffsetInHierarchy(measure)), chord)
                for chord in measure.recurse().getElementsByClass("RomanNumeral")
            ]
            for measure in converter.parse(path, format="romanText", forceSource=True)
            .recurse()
            .getElementsByClass("Measure")
        }
        piece = from_music21(score)
        segments = inference.voices_segments(piece, len(piece.bars))
        timelines = _timelines(piece, [analysis.get(number) for number in numbers])
        yield Example(segments, piece.key.mode, [_longest(timelines, segment) for segment in segments])


def _timelines(piece: Piece, chords: Sequence[list[tuple[int, Any]] | None]) -> list[list[tuple[int, Triad | None]]]:
    """For each bar the analysed triads with their onsets, those before continued; empty where nothing is analysed."""
    current: Triad | None = None
    timelines = []
    for in_bar in chords:
        timeline: list[tuple[int, Triad | None]] = []
        timeline += [(onset, _triad_of_numeral(chord, piece)) for onset, chord in in_bar or []]
        if in_bar is not None and (not timeline or timeline[0][0] > 0):
            timeline.insert(0, (0, current))
        current = timeline[-1][1] if timeline else None
        timelines.append(timeline)
    return timelines


def _triad_of_numeral(numeral: Any, piece: Piece) -> Triad:
    root = numeral.root().pitchClass
    quality = MUSIC21_QUALITIES.get(numeral.quality, "other")
    return (root - piece.key.pitch_class) % 12, quality


def _longest(timelines: Sequence[list[tuple[int, Triad | None]]], segment: ChordSegment) -> Triad | None:
    """The triad that sounds longest in a segment."""
    timeline = timelines[segment.bar]
    sounding: Counter[Triad | None] = Counter()
    for (onset, triad), stop in zip(timeline, [*(onset for onset, _ in timeline[1:]), segment.end], strict=False):
        sounding[triad] += max(0, min(stop, segment.end) - max(onset, segment.onset))
    return max(sounding, key=sounding.__getitem__) if sounding else None


# --- estimation


@dataclass(frozen=True)
class Batch:
    """Examples of similar length: evidence [B, T, F, 12]; places, steps, targets and mask [B, T]; modes [B]."""

    evidence: Tensor
    places: Tensor
    steps: Tensor
    targets: Tensor
    mask: Tensor
    modes: Tensor


def make_batch(examples: Sequence[Example], triads: Sequence[Triad], features: int) -> Batch:
    """Tensors of examples; a target is `UNKNOWN` where no chord, or none of `triads`, is known."""
    size, length = len(examples), max(len(example.segments) for example in examples)
    batch = Batch(
        evidence=torch.zeros(size, length, features, 12),
        places=torch.zeros(size, length, dtype=torch.long),
        steps=torch.zeros(size, length, dtype=torch.long),
        targets=torch.full((size, length), UNKNOWN),
        mask=torch.zeros(size, length, dtype=torch.bool),
        modes=torch.tensor([MODES.index(example.mode) for example in examples]),
    )
    for row, example in enumerate(examples):
        batch.mask[row, : len(example.segments)] = True
        for column, (segment, triad) in enumerate(zip(example.segments, example.triads, strict=True)):
            batch.places[row, column], batch.steps[row, column] = segment.place, segment.step
            batch.targets[row, column] = triads.index(triad) if triad in triads else UNKNOWN
            for feature, pitch_class, weight in segment.evidence:
                batch.evidence[row, column, feature, pitch_class] += weight / inference.FULL_WEIGHT
    return batch


class ChordField(torch.nn.Module):
    """The conditional random field of `ChordModel`, differentiable."""

    def __init__(self, triads: Sequence[Triad], features: int, places: int, steps: int) -> None:
        super().__init__()
        self.triads = tuple(triads)
        self.kinds = tuple(dict.fromkeys(quality for _, quality in triads))
        self.tones = torch.nn.Parameter(torch.zeros(len(self.kinds), features, 12))
        self.steps = torch.nn.Parameter(torch.zeros(steps, len(self.kinds), len(self.kinds), 12))
        self.mode_priors = torch.nn.Parameter(torch.zeros(len(MODES), 1, len(triads)))
        self.place_priors = torch.nn.Parameter(torch.zeros(len(MODES), places, len(triads)))
        self.roots = torch.tensor([root for root, _ in triads])
        self.qualities = torch.tensor([self.kinds.index(quality) for _, quality in triads])

    @property
    def priors(self) -> Tensor:
        """Scores by mode and place, [2, P, S]."""
        return self.mode_priors + self.place_priors

    def scores(self, batch: Batch) -> Tensor:
        """Score of every triad in every segment, [B, T, S]."""
        intervals = (torch.arange(12) - self.roots[:, None]) % 12
        tones = self.tones_of_triads()
        weights = tones.gather(2, intervals[:, None].expand(-1, tones.shape[1], -1))
        heard = torch.einsum("btfp,sfp->bts", batch.evidence, weights)
        return heard + self.priors[batch.modes[:, None], batch.places]

    def tones_of_triads(self) -> Tensor:
        """What each triad's tones score, [S, F, 12]."""
        return self.tones[self.qualities]

    def transitions(self) -> Tensor:
        """Score of every triad after every triad by mode and step, [2, K, S, S]."""
        steps = self.steps[:, self.qualities[:, None], self.qualities, (self.roots - self.roots[:, None]) % 12]
        return steps.expand(len(MODES), -1, -1, -1)

    def loss(self, batch: Batch) -> Tensor:
        """Negative log-likelihood of the known chords, the unknown summed out."""
        scores = self.scores(batch)
        targets = batch.targets[..., None]
        excluded = (targets != UNKNOWN) & (targets != torch.arange(len(self.triads)))
        known = scores.masked_fill(excluded, -1e9)
        return (self.log_partition(scores, batch) - self.log_partition(known, batch)).sum()

    def log_partition(self, scores: Tensor, batch: Batch) -> Tensor:
        """Log of the summed weights of all paths, [B], by the forward recursion."""
        transitions = self.transitions()
        forward = scores[:, 0]
        for segment in range(1, scores.shape[1]):
            step = transitions[batch.modes, batch.steps[:, segment]]
            arrived = torch.logsumexp(forward[:, :, None] + step, dim=1) + scores[:, segment]
            forward = torch.where(batch.mask[:, segment, None], arrived, forward)
        return torch.logsumexp(forward, dim=1)

    def penalty(self) -> Tensor:
        """Negative log of the Gaussian prior."""
        squares = torch.stack([parameter.square().sum() for parameter in self.parameters()])
        return 0.5 * STRENGTH_OF_PRIOR * squares.sum()

    def tables(self) -> dict[str, Any]:
        """The parameters as `chord_parameters.py` holds them, rounded."""
        steps = {
            kind: dict(zip(self.kinds, rows, strict=True))
            for kind, rows in zip(self.kinds, _rounded(self.steps[0]), strict=True)
        }
        return {
            "tones": dict(zip(self.kinds, _rounded(self.tones), strict=True)),
            "steps": steps,
            "priors": dict(zip(MODES, _rounded(self.priors), strict=True)),
        }

    def model(self) -> ChordModel:
        """The field with rounded parameters, ready for use."""
        priors = dict(zip(MODES, _rounded(self.priors), strict=True))
        steps = dict(zip(MODES, _rounded(self.transitions()), strict=True))
        return ChordModel(self.triads, _rounded(self.tones_of_triads()), steps, priors)


class MelodyField(ChordField):
    """The field of melodies, in which triads have something of their own beside what their quality has."""

    def __init__(self, triads: Sequence[Triad], features: int, places: int, steps: int) -> None:
        super().__init__(triads, features, places, steps)
        self.own_tones = torch.nn.Parameter(torch.zeros(len(triads), features, 12))
        self.own_steps = torch.nn.Parameter(torch.zeros(len(MODES), steps, len(triads), len(triads)))

    def tones_of_triads(self) -> Tensor:
        """What each triad's tones score, its own part added, [S, F, 12]."""
        return super().tones_of_triads() + self.own_tones

    def transitions(self) -> Tensor:
        """Score of every triad after every triad by mode and step, their own part added, [2, K, S, S]."""
        return super().transitions() + self.own_steps

    def penalty(self) -> Tensor:
        """Negative log of the Gaussian priors."""
        own = self.own_tones.square().sum() + self.own_steps.square().sum()
        return super().penalty() + 0.5 * (STRENGTH_OF_TRIADS_PRIOR - STRENGTH_OF_PRIOR) * own

    def tables(self) -> dict[str, Any]:
        """The parameters as `ChordModel` takes them, rounded, with `HELD_IN_BAR` taken off."""
        held = torch.tensor(HELD_IN_BAR)[:, None, None] * torch.eye(len(self.triads))
        return {
            "tones": _rounded(self.tones_of_triads()),
            "steps": dict(zip(MODES, _rounded(self.transitions() - held), strict=True)),
            "priors": dict(zip(MODES, _rounded(self.priors), strict=True)),
        }

    def model(self) -> ChordModel:
        """The field with rounded parameters, ready for use."""
        return ChordModel(self.triads, **self.tables())


def _rounded(parameters: Tensor) -> Any:
    """Numbers of two digits after the point, in nested lists."""
    return parameters.mul(100).round().div(100).tolist()


def fit(model: ChordField, examples: Sequence[Example], features: int) -> ChordField:
    """Maximise the penalised likelihood by L-BFGS."""
    examples = sorted(examples, key=lambda example: len(example.segments))
    batches = [
        make_batch(examples[start : start + 150], model.triads, features) for start in range(0, len(examples), 150)
    ]
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=ITERATIONS, history_size=20, line_search_fn="strong_wolfe"
    )

    def closure() -> float:
        optimizer.zero_grad()
        losses = [model.penalty(), *(model.loss(batch) for batch in batches)]
        for loss in losses:
            loss.backward()
        return float(sum(loss.detach() for loss in losses))

    optimizer.step(closure)
    return model


def fit_melody(examples: Sequence[Example]) -> ChordField:
    """The field of melodies."""
    features = len(inference.MELODY_FEATURES)
    model = MelodyField(inference.MELODY_TRIADS, features, len(inference.MELODY_PLACES), len(inference.MELODY_STEPS))
    return fit(model, examples, features)


def fit_voices(examples: Sequence[Example]) -> ChordField:
    """The field of several voices."""
    features = len(inference.VOICES_FEATURES)
    model = ChordField(inference.VOICES_TRIADS, features, len(inference.VOICES_PLACES), len(inference.VOICES_STEPS))
    return fit(model, examples, features)


def as_module(models: dict[str, ChordField]) -> str:
    """Source text of `chord_parameters.py`."""
    lines = ['"""Parameters of `chord_inference.py`; `benchmarks/estimate_harmony.py` writes them."""\n']
    for name, model in models.items():
        for part, table in model.tables().items():
            lines.append(f"{name}_{part.upper()} = {_source(table)}\n")
    return "\n".join(lines)


def _source(value: object, indent: str = "") -> str:
    """A table as Python source, a line for each innermost row."""
    deeper = indent + "    "
    if isinstance(value, dict):
        items = "".join(f'{deeper}"{key}": {_source(part, deeper)},\n' for key, part in value.items())
        return f"{{\n{items}{indent}}}"
    if isinstance(value, list) and isinstance(value[0], list):
        return "(\n" + "".join(f"{deeper}{_source(row, deeper)},\n" for row in value) + f"{indent})"
    assert isinstance(value, list)
    return f"({', '.join(f'{number:.2f}' for number in value)}{',' * (len(value) == 1)})"


# --- accuracy


def cross_validated(
    examples: Sequence[Example], folds: Sequence[int], estimate: Callable[[Sequence[Example]], ChordField]
) -> tuple[float, int]:
    """Share of the segments' known triads inferred with parameters from the other folds, and the number of these."""
    triads: list[tuple[Triad | None, Triad | None]] = []
    for fold in range(FOLDS):
        field = estimate([example for example, its_fold in zip(examples, folds, strict=True) if its_fold != fold])
        model = field.model()
        for example in (example for example, its_fold in zip(examples, folds, strict=True) if its_fold == fold):
            triads += zip(example.triads, model.best_path(example.segments, example.mode), strict=True)
    return share_found(triads)


def melody_folds(pieces: Sequence[Piece]) -> list[int]:
    """A fold for each tune, such that tunes that share a melody are in one."""
    pitches = [[note.pitch for bar in piece.bars for note in bar.notes[0]] for piece in pieces]
    groups = group_melodies([bytes(128 + after - before for before, after in pairwise(line)) for line in pitches])
    names = groups.tolist()
    folds = {name: number % FOLDS for number, (name, _) in enumerate(Counter(names).most_common())}
    return [folds[name] for name in names]


def show_accuracy(splits: Mapping[str, Sequence[Piece]], chorales: Sequence[Example]) -> None:
    """Print how often the parameters in `chord_parameters.py` are right, and how often those from other music are."""
    for name, pieces in {**splits, "valid + test": [*splits["valid"], *splits["test"]]}.items():
        print(f"Nottingham {name}")
        show_melodies(pieces)
    train = splits["train"]
    share, bars = cross_validated([melody_example(piece) for piece in train], melody_folds(train), fit_melody)
    print(f"Nottingham train, cross-validated {share:.1%} of {bars} parts of bars")
    share, beats = cross_validated(chorales, [index % FOLDS for index in range(len(chorales))], fit_voices)
    print(f"chorales, cross-validated         {share:.1%} of {beats} beats")


def main() -> None:
    """Estimate or measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="estimate anew and replace chord_parameters.py")
    arguments = parser.parse_args()
    if not (folder := os.environ.get("REMI_CORPORA")):
        sys.exit("set REMI_CORPORA to the folder that holds nottingham/train.abc")
    nottingham = Path(folder, "nottingham")
    splits = {name: read_abc(nottingham / f"{name}.abc", errors="collect") for name in ("train", "valid", "test")}
    chorales = list(chorale_examples())
    if arguments.write:
        models = {"MELODY": fit_melody(list(map(melody_example, splits["train"]))), "VOICES": fit_voices(chorales)}
        Path(inference.__file__).with_name("chord_parameters.py").write_text(as_module(models), encoding="utf-8")
        print("chord_parameters.py is written; run again without --write to measure it")
    else:
        show_accuracy(splits, chorales)


if __name__ == "__main__":
    main()
