"""Averaged weights: what a run measures and saves is the mean of its last steps, which generalises better than one.

An exponential moving average (Polyak and Juditsky, 1992; Izmailov et al., 2018), whose decay rises in the first steps
(Tan and Le, 2019, as in TensorFlow's `ExponentialMovingAverage`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class Averaging(TrainerCallback):
    """Keeps the average beside the weights that learn; each process that of the weights, or parts, which it has.

    Args:
        decay: What is left of the average in a step, below 1.
    """

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._average: dict[str, torch.Tensor] = {}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any
    ) -> None:
        """Begin with the weights, unless the run is resumed."""
        self._average = self._average or {name: weight.clone() for name, weight in _learning(model).items()}

    @torch.no_grad()
    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any
    ) -> None:
        """Take in the weights after a step."""
        decay = min(self._decay, (1 + state.global_step) / (10 + state.global_step))
        weights = _learning(model)
        torch._foreach_lerp_([self._average[name] for name in weights], [*weights.values()], 1 - decay)

    @contextmanager
    def shown(self, model: Any) -> Iterator[None]:
        """While inside, the model has the averaged weights."""
        self._exchange(model)
        try:
            yield
        finally:
            self._exchange(model)

    @torch.no_grad()
    def _exchange(self, model: Any) -> None:
        for name, weight in _learning(model).items():
            if name in self._average:
                kept = weight.clone()
                weight.copy_(self._average[name])
                self._average[name].copy_(kept)

    def save(self, folder: Path, process: int, processes: int) -> None:
        """Write the average into a checkpoint."""
        save_file(self._average, folder / _file_name(process, processes))

    def load(self, folder: Path, process: int, processes: int, device: torch.device) -> None:
        """Read it from a checkpoint; one without an average, or of other processes, begins with its weights."""
        path = folder / _file_name(process, processes)
        self._average = load_file(path, device=str(device)) if path.exists() else {}


def _learning(model: Any) -> dict[str, torch.Tensor]:
    """The weights that learn, or of those spread over processes the parts that this one has."""
    named = {name: weight.detach() for name, weight in model.named_parameters() if weight.requires_grad}
    return {name: weight.to_local() if hasattr(weight, "to_local") else weight for name, weight in named.items()}


def _file_name(process: int, processes: int) -> str:
    return f"average-{process}-of-{processes}.safetensors"
