"""Estimate the parameters of chord inference, write them to `scores/harmony_table.py`, and print how often it is right.

    REMI_CORPORA=path/to/corpora python benchmarks/estimate_harmony.py [--write]

The parameters are those of a conditional random field over the triads of bars, fitted by maximum conditional likelihood
with a Gaussian prior on Nottingham's training tunes (melodies with chord symbols). Accuracy is the share of bars that
begin with a written chord whose root and triad quality are found with all symbols hidden; sevenths and other additions
do not count.

Shapes: B tunes, T bars, S triads, F features, 12 pitch classes or intervals.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from remi_two_stage.core.chords import split_label
from remi_two_stage.core.piece import Bar, Piece
from remi_two_stage.scores import harmony
from remi_two_stage.scores.harmony import FEATURES, POSITIONS, TRIADS, Triad
from remi_two_stage.scores.read_abc import read_abc

QUALITIES = ("maj", "min")
MODES = ("maj", "min")
TRIAD_OF = {
    "7": "maj", "maj7": "maj", "6": "maj", "min7": "min", "min6": "min", "minmaj7": "min",
    "hdim7": "dim", "dim7": "dim", "aug7": "aug",
}  # fmt: skip
STRENGTH_OF_PRIOR = 0.3
ITERATIONS = 60
NONE = -1


def triad_of(label: str) -> Triad | None:
    """Root and triad quality of a label."""
    parts = split_label(label)
    return None if parts is None else (parts[0], TRIAD_OF.get(parts[1], parts[1]))


def written_triad(bar: Bar) -> Triad | None:
    """The triad of the symbol at the start of a bar."""
    return triad_of(bar.chords[0].label) if bar.chords and bar.chords[0].onset == 0 else None


def accuracy(pieces: list[Piece]) -> tuple[float, int]:
    """Share of the bars that begin with a symbol whose triad is inferred, and the number of these bars."""
    right = total = 0
    for piece in pieces:
        for bar, label in zip(piece.bars, harmony.infer_chords(piece), strict=True):
            if written := written_triad(bar):
                right += triad_of(label) == written
                total += 1
    return right / total, total


@dataclass(frozen=True)
class Batch:
    """Tunes of similar length: evidence [B, T, F, 12], positions, targets and mask [B, T], modes [B]."""

    evidence: Tensor
    positions: Tensor
    targets: Tensor
    mask: Tensor
    modes: Tensor


def make_batch(pieces: list[Piece]) -> Batch:
    """Tensors for tunes; a target is `NONE` where no chord, or none of `TRIADS`, is known."""
    size, length = len(pieces), max(len(piece.bars) for piece in pieces)
    batch = Batch(
        evidence=torch.zeros(size, length, len(FEATURES), 12),
        positions=torch.zeros(size, length, dtype=torch.long),
        targets=torch.full((size, length), NONE),
        mask=torch.zeros(size, length, dtype=torch.bool),
        modes=torch.tensor([MODES.index(piece.key.mode) for piece in pieces]),
    )
    for row, piece in enumerate(pieces):
        batch.mask[row, : len(piece.bars)] = True
        batch.positions[row, : len(piece.bars)] = torch.tensor(harmony.bar_positions(piece))
        for column, (seen, bar) in enumerate(zip(harmony.bar_evidence(piece), piece.bars, strict=True)):
            for feature, pitch_class, weight in seen:
                batch.evidence[row, column, feature, pitch_class] = weight
            triad = written_triad(bar)
            batch.targets[row, column] = TRIADS.index(triad) if triad in TRIADS else NONE
    return batch


class ChordField(torch.nn.Module):
    """The conditional random field of `scores/harmony.py`, differentiable."""

    def __init__(self) -> None:
        super().__init__()
        self.tones = torch.nn.Parameter(torch.zeros(len(QUALITIES), len(FEATURES), 12))
        self.steps = torch.nn.Parameter(torch.zeros(len(QUALITIES), len(QUALITIES), 12))
        self.mode_priors = torch.nn.Parameter(torch.zeros(len(MODES), 1, len(TRIADS)))
        self.position_priors = torch.nn.Parameter(torch.zeros(len(MODES), len(POSITIONS), len(TRIADS)))
        self.roots = torch.tensor([root for root, _ in TRIADS])
        self.qualities = torch.tensor([QUALITIES.index(quality) for _, quality in TRIADS])

    @property
    def priors(self) -> Tensor:
        """Scores by mode and position, [2, positions, S]."""
        return self.mode_priors + self.position_priors

    def scores(self, batch: Batch) -> Tensor:
        """Score of every triad in every bar, [B, T, S]."""
        intervals = (torch.arange(12) - self.roots[:, None]) % 12
        weights = self.tones[self.qualities].gather(2, intervals[:, None].expand(-1, len(FEATURES), -1))
        return (
            torch.einsum("btfp,sfp->bts", batch.evidence, weights) + self.priors[batch.modes[:, None], batch.positions]
        )

    def transition(self) -> Tensor:
        """Score of every triad after every triad, [S, S]."""
        return self.steps[self.qualities[:, None], self.qualities, (self.roots - self.roots[:, None]) % 12]

    def loss(self, batch: Batch) -> Tensor:
        """Negative log-likelihood of the written chords, the unwritten summed out."""
        scores = self.scores(batch)
        excluded = (batch.targets[..., None] != NONE) & (batch.targets[..., None] != torch.arange(len(TRIADS)))
        return (
            self.log_partition(scores, batch.mask) - self.log_partition(scores.masked_fill(excluded, -1e9), batch.mask)
        ).sum()

    def log_partition(self, scores: Tensor, mask: Tensor) -> Tensor:
        """Log of the summed weights of all paths, [B], by the forward recursion."""
        transition = self.transition()
        forward = scores[:, 0]
        for bar in range(1, scores.shape[1]):
            arrived = torch.logsumexp(forward[:, :, None] + transition, dim=1) + scores[:, bar]
            forward = torch.where(mask[:, bar, None], arrived, forward)
        return torch.logsumexp(forward, dim=1)

    def penalty(self) -> Tensor:
        """Negative log of the Gaussian prior."""
        return (
            0.5 * STRENGTH_OF_PRIOR * torch.stack([parameter.square().sum() for parameter in self.parameters()]).sum()
        )


def fit(pieces: list[Piece]) -> ChordField:
    """Maximise the penalised likelihood by L-BFGS."""
    pieces = sorted(pieces, key=lambda piece: len(piece.bars))
    batches = [make_batch(pieces[start : start + 150]) for start in range(0, len(pieces), 150)]
    model = ChordField()
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


def as_module(model: ChordField) -> str:
    """Source text of `harmony_table.py`."""

    def rows(table: Tensor) -> str:
        return "".join(f"        ({', '.join(f'{value:.2f}' for value in row)}),\n" for row in table.tolist())

    def tables(name: str, keys: tuple[str, ...], values: Tensor) -> str:
        blocks = "".join(f'    "{key}": (\n{rows(table)}    ),\n' for key, table in zip(keys, values, strict=True))
        return f"{name} = {{\n{blocks}}}\n"

    steps = "".join(
        f'    "{before}": {{\n'
        + "".join(
            f'        "{after}": ({", ".join(f"{v:.2f}" for v in model.steps[i, j].tolist())}),\n'
            for j, after in enumerate(QUALITIES)
        )
        + "    },\n"
        for i, before in enumerate(QUALITIES)
    )
    return (
        '"""Parameters of `harmony.py`; written by `benchmarks/estimate_harmony.py`, not by hand."""\n\n'
        + tables("TONES", QUALITIES, model.tones)
        + '"""Triad quality -> [feature][semitones of a note above the chord\'s root]."""\n\n'
        + f"STEPS = {{\n{steps}}}\n"
        + '"""Quality of a triad -> quality of the next one -> [semitones from root to root]."""\n\n'
        + tables("PRIORS", MODES, model.priors)
        + '"""Mode -> [position][triad]."""\n'
    )


def main() -> None:
    """Fit, compare, and write the table if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="estimate anew and replace harmony_table.py")
    arguments = parser.parse_args()
    if not (folder := os.environ.get("REMI_CORPORA")):
        sys.exit("set REMI_CORPORA to the folder that holds nottingham/train.abc")
    nottingham = Path(folder, "nottingham")
    splits = {name: read_abc(nottingham / f"{name}.abc", errors="collect") for name in ("train", "valid", "test")}
    if arguments.write:
        Path(harmony.__file__).with_name("harmony_table.py").write_text(
            as_module(fit(splits["train"])), encoding="utf-8"
        )
        print("harmony_table.py is written; run again without --write to measure it")
        return
    for name, pieces in {**splits, "valid + test": [*splits["valid"], *splits["test"]]}.items():
        start = time.process_time()
        share, bars = accuracy(pieces)
        milliseconds = 1000 * (time.process_time() - start) / len(pieces)
        print(f"{name:12}  {share:.1%} of {bars} bars, {milliseconds:.2f} ms a tune")


if __name__ == "__main__":
    main()
