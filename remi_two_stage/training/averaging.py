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
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

_FILE = "average.safetensors"


class Averaging(TrainerCallback):
    """Keeps the average beside the weights that learn; of weights that are spread over processes, each keeps its part.

    Args:
        decay: What is left of the average in a step, below 1.
    """

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._average: dict[str, torch.Tensor] = {}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any
    ) -> None:
        """Begin with the weights, or where the resumed run was."""
        weights = _learning(model)
        self._average = {name: _copied(self._average.get(name, weight), weight) for name, weight in weights.items()}

    @torch.no_grad()
    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any
    ) -> None:
        """Take in the weights after a step."""
        decay = min(self._decay, (1 + state.global_step) / (10 + state.global_step))
        weights = _learning(model)
        averages = [_part(self._average[name]) for name in weights]
        torch._foreach_lerp_(averages, [*map(_part, weights.values())], 1 - decay)

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
        # FSDP2 keeps some weights gathered after a forward pass, which would not see that their parts change.
        for module in model.modules():
            if isinstance(module, FSDPModule):
                module.reshard()
        for name, weight in _learning(model).items():
            if name in self._average:
                part, average = _part(weight), _part(self._average[name])
                kept = part.clone()
                part.copy_(average)
                average.copy_(kept)

    def save(self, folder: Path, is_writer: bool) -> None:
        """Write the average into a checkpoint, whole, for any number of processes to go on with.

        Args:
            is_writer: Whether this process is the one that writes; all of them call.
        """
        whole = {name: _whole(average) for name, average in self._average.items()}
        if is_writer:
            save_file(whole, folder / _FILE)

    def load(self, folder: Path) -> None:
        """Read it from a checkpoint; one without an average begins with its weights."""
        self._average = load_file(folder / _FILE) if (folder / _FILE).exists() else {}


def _learning(model: Any) -> dict[str, torch.Tensor]:
    """The weights that learn."""
    return {name: weight.detach() for name, weight in model.named_parameters() if weight.requires_grad}


def _part(weight: torch.Tensor) -> torch.Tensor:
    """What this process has of a weight."""
    return weight.to_local() if isinstance(weight, DTensor) else weight


def _whole(weight: torch.Tensor) -> torch.Tensor:
    return weight.full_tensor().cpu() if isinstance(weight, DTensor) else weight


def _copied(value: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """A copy of a value where a weight is: on its device, and spread over processes as it is."""
    if isinstance(weight, DTensor) and not isinstance(value, DTensor):
        return distribute_tensor(value.to(weight.device), weight.device_mesh, weight.placements)
    return value.to(weight.device, copy=True)
