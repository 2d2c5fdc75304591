"""The optimizer of both stages: Muon for the linear layers of the backbone, AdamW (0.9, 0.95) for everything else.

Muon (Jordan et al., 2024) steps along the orthogonalised momentum of a matrix. torch scales its steps to the size that
those of AdamW have (Liu et al., 2025, "Muon is scalable for LLM training", section 2.2); here they are `MUON_GAIN`
times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

WEIGHT_DECAY = 0.1
MUON_GAIN = 3.0
"""Muon's learning rate as a multiple of AdamW's, the one that is given."""
_BETAS = (0.9, 0.95)


class MuonWithAdamW(torch.optim.Optimizer):
    """torch's `Muon` and `AdamW` as one optimizer, for schedules and checkpoints.

    Args:
        modules: What learns, with the learning rate of each; parameters that need no gradient are left out.
        weight_decay: Of matrices.
    """

    def __init__(self, *modules: tuple[nn.Module, float], weight_decay: float = WEIGHT_DECAY) -> None:
        inner, rest = [], []
        for module, rate in modules:
            linears, matrices, others = _split(module)
            inner.append({"params": linears, "lr": rate * MUON_GAIN})
            rest.append({"params": matrices, "lr": rate})
            rest.append({"params": others, "lr": rate, "weight_decay": 0.0})
        self._parts = (
            torch.optim.Muon(inner, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(rest, betas=_BETAS, weight_decay=weight_decay, fused=True),
        )
        super().__init__([group for part in self._parts for group in part.param_groups], {})
        self._share()

    def _share(self) -> None:
        """Let both parts work on the groups and the state of the whole."""
        groups = iter(self.param_groups)
        for part in self._parts:
            part.param_groups = [next(groups) for _ in part.param_groups]
            part.state = self.state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As of any optimizer."""
        super().load_state_dict(state_dict)
        self._share()

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """As of any optimizer."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self._parts:
            part.step()
        return loss


def _split(module: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter], list[nn.Parameter]]:
    """The weights of linear layers in the backbone; other matrices, which are embeddings; norms and biases."""
    linears, matrices, others = [], [], []
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        if name.endswith("_proj.weight"):
            linears.append(parameter)
        elif parameter.dim() > 1 and "bias" not in name:
            matrices.append(parameter)
        else:
            others.append(parameter)
    return linears, matrices, others
