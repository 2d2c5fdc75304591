"""The training loop of the benchmarks: small models, many runs, one CPU thread each, resumable.

The optimizer of `remi-two-stage train`, a warm-up of 3 % and then a cosine, gradients clipped to norm 1, and, if asked
for, an exponential moving average of the weights, which is then what is measured. After each epoch the held-out loss
is taken; the weights of the best epoch are what the run returns. The state of a run is one file; the same call goes on
from there.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import Subset

from remi_two_stage.atomic_files import written_atomically
from remi_two_stage.stage_data.datasets import IGNORED, PackedRows, collate
from remi_two_stage.training.optimizer import WEIGHT_DECAY, MuonWithAdamW

Rows = PackedRows | Subset[Any]
WARM_UP = 0.03
TEMPERATURES = tuple(round(1 + step / 20, 2) for step in range(-2, 13))
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
FINAL_NORM = ("model.norm.weight", "model.norm.bias")
"""Parameters that the logits are proportional to."""


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Attributes:
        epochs: Times that the training rows are seen, at most.
        minutes: Processor time after which the run ends, its schedule with it; None for no limit.
        average: Decay of the moving average of the weights a step; 0 for none.
        patience: Epochs without a better held-out loss after which the run ends.
        batch_rows: Rows in a step.
        calibrated: Whether held-out losses are taken at the temperature that makes them least, which the weights that
            are returned have in them (Guo et al., 2017). Else a model that is too sure passes for a worse one.
        precision: Number format of the products, of `PRECISIONS`; weights stay in float32.
    """

    epochs: int
    learning_rate: float = 2e-3
    minutes: float | None = None
    average: float = 0.0
    patience: int = 10_000
    batch_rows: int = 1
    weight_decay: float = WEIGHT_DECAY
    seed: int = 0
    calibrated: bool = False
    precision: str = "float32"


class Training:
    """A run over rows that may be new in each epoch.

    Args:
        model: Has its initial weights; ends with those of the best epoch.
        rows: Epoch, from 0 -> its training rows.
        held_out: Rows that the best epoch is chosen by.
        state: File that holds the run's state between epochs.
    """

    def __init__(
        self, model: Any, rows: Callable[[int], Rows], held_out: PackedRows, recipe: Recipe, state: Path
    ) -> None:
        self.model, self.rows, self.held_out, self.recipe, self.state = model, rows, held_out, recipe, state
        self.averaged = copy.deepcopy(model) if recipe.average else model
        dtype = PRECISIONS[recipe.precision]
        self.optimizer = MuonWithAdamW((model, recipe.learning_rate), weight_decay=recipe.weight_decay, dtype=dtype)
        self._autocast = partial(torch.autocast, "cpu", dtype, enabled=dtype is not torch.float32)
        self._temperatures = TEMPERATURES if recipe.calibrated else (1.0,)
        self.epoch, self.steps, self.seconds = 0, 0, 0.0
        self.curve: list[dict[str, float]] = []
        self.best: dict[str, torch.Tensor] = {}

    def run(self, name: str = "") -> list[dict[str, float]]:
        """Train to the end; returns the training and held-out loss of each epoch."""
        if self.state.exists():
            self._load()
        while not self._is_over():
            loss = self._one_epoch()
            temperature, held_out = best_temperature(self.averaged.eval(), self.held_out, self._temperatures)
            self.curve.append(
                {"train": loss, "held_out": held_out, "temperature": temperature, "minutes": self.seconds / 60}
            )
            if held_out == min(point["held_out"] for point in self.curve):
                self.best = copy.deepcopy(self.averaged.state_dict())
                for parameter in FINAL_NORM:
                    self.best[parameter] /= temperature
            self.epoch += 1
            self._save()
            print(f"{name} epoch {self.epoch}: train {loss:.4f}, held out {held_out:.4f} at {temperature}", flush=True)
        if self.best:
            self.model.load_state_dict(self.best)
        return self.curve

    def _is_over(self) -> bool:
        losses = [point["held_out"] for point in self.curve]
        since_best = len(losses) - 1 - losses.index(min(losses)) if losses else 0
        out_of_time = self.recipe.minutes is not None and self.seconds >= 60 * self.recipe.minutes
        return self.epoch >= self.recipe.epochs or out_of_time or since_best >= self.recipe.patience

    def _one_epoch(self) -> float:
        """Mean training loss of an epoch."""
        torch.manual_seed(self.recipe.seed * 10_000 + self.epoch)
        rows = self.rows(self.epoch)
        order = torch.randperm(len(rows)).tolist()
        batches = [order[i : i + self.recipe.batch_rows] for i in range(0, len(order), self.recipe.batch_rows)]
        losses = []
        self.model.train()
        for number, batch in enumerate(batches):
            started = time.process_time()
            self._set_rate((self.epoch + number / len(batches)) / self.recipe.epochs)
            losses.append(self._step(collate([rows[index] for index in batch])))
            self.seconds += time.process_time() - started
        return sum(losses) / len(losses)

    def _set_rate(self, by_epochs: float) -> None:
        by_minutes = self.seconds / 60 / self.recipe.minutes if self.recipe.minutes else 0.0
        progress = min(1.0, max(by_epochs, by_minutes))
        share = progress / WARM_UP if progress < WARM_UP else (1 + math.cos(math.pi * progress)) / 2
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * max(share, 1e-3)

    def _step(self, batch: dict[str, torch.Tensor]) -> float:
        with self._autocast():
            loss = self.model(**batch, use_cache=False).loss
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.steps += 1
        if self.recipe.average:
            # Early on the average reaches less far back, so that it forgets the initial weights.
            decay = min(self.recipe.average, self.steps / (self.steps + 10))
            with torch.no_grad():
                for mean, weight in zip(self.averaged.parameters(), self.model.parameters(), strict=True):
                    mean.lerp_(weight, 1 - decay)
        return loss.item()

    def _save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            "progress": (self.epoch, self.steps, self.seconds, self.curve),
        }
        self.state.parent.mkdir(parents=True, exist_ok=True)
        with written_atomically(self.state) as unfinished:
            torch.save(state, unfinished)

    def _load(self) -> None:
        state = torch.load(self.state, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best = state["best"]
        self.epoch, self.steps, self.seconds, self.curve = state["progress"]


@torch.inference_mode()
def best_temperature(model: Any, rows: PackedRows, temperatures: Sequence[float]) -> tuple[float, float]:
    """What logits are best divided by, and the mean loss of the labelled tokens then."""
    totals, tokens = torch.zeros(len(temperatures), dtype=torch.float64), 0
    for index in range(len(rows)):
        batch = collate([rows[index]])
        labels = batch.pop("labels")[:, 1:]
        places = labels != IGNORED
        logits = model(**batch, use_cache=False).logits[:, :-1][places]
        totals += torch.stack([cross_entropy(logits / each, labels[places], reduction="sum") for each in temperatures])
        tokens += int(places.sum())
    best = int(totals.argmin())
    return temperatures[best], float(totals[best]) / tokens


def drawn(rows: PackedRows, steps: int, seed: int) -> Subset[Any]:
    """So many rows, in as many passes over all of them as that takes."""
    generator = torch.Generator().manual_seed(seed)
    passes = [torch.randperm(len(rows), generator=generator) for _ in range(-(-steps // len(rows)))]
    return Subset(rows, torch.cat(passes)[:steps].tolist())
