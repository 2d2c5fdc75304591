"""The optimizer of both stages: Muon for the linear layers of the backbone, AdamW (0.9, 0.95) for everything else.

Muon (Jordan et al., 2024) steps along the momentum of a matrix, orthogonalised: all its singular values made nearly
equal. The steps are scaled to the size that those of AdamW have (Liu et al., 2025, "Muon is scalable for LLM training",
section 2.2), times `MUON_GAIN`. `torch.optim.Muon` does the same in bfloat16; here it is in float32 unless training is
in bfloat16, so that two processes take the same steps as one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

WEIGHT_DECAY = 0.1
MUON_GAIN = 3.0
"""Muon's learning rate as a multiple of AdamW's, the one that is given."""
_BETAS = (0.9, 0.95)
_MOMENTUM = 0.95
_POLYNOMIAL = (3.4445, -4.7750, 2.0315)
"""Coefficients of x, x^3 and x^5 in a step of the Newton-Schulz iteration (Jordan et al., 2024)."""
_ITERATIONS = 5
_RMS = 0.2
"""Root mean square of AdamW's steps, in learning rates (Liu et al., 2025)."""


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov's momentum; its parameters are matrices, orthogonalised in `dtype`."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        weight_decay: float = WEIGHT_DECAY,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._dtype = dtype
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step."""
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if not state:
                    state["momentum"] = torch.zeros_like(matrix)
                momentum = state["momentum"]
                momentum.lerp_(matrix.grad, 1 - _MOMENTUM)
                direction = orthogonalised(matrix.grad.lerp(momentum, _MOMENTUM).to(self._dtype)).to(matrix.dtype)
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(direction, alpha=-group["lr"] * _RMS * math.sqrt(max(matrix.shape)))


def orthogonalised(matrix: torch.Tensor) -> torch.Tensor:
    """A matrix [M, N] with the same singular vectors, and singular values between about 0.7 and 1.2."""
    a, b, c = _POLYNOMIAL
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    wide = wide / wide.norm().clamp(min=1e-7)
    for _ in range(_ITERATIONS):
        square = wide @ wide.T
        wide = a * wide + (b * square + c * (square @ square)) @ wide
    return wide if wide.shape == matrix.shape else wide.T


class MuonWithAdamW(torch.optim.Optimizer):
    """`Muon` and torch's `AdamW` as one optimizer, for schedules and checkpoints.

    Args:
        modules: What learns, with the learning rate of each; parameters that need no gradient are left out.
        weight_decay: Of matrices.
        dtype: Number format in which Muon's matrices are made orthogonal.
    """

    def __init__(
        self,
        *modules: tuple[nn.Module, float],
        weight_decay: float = WEIGHT_DECAY,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        inner, rest = [], []
        for module, rate in modules:
            linears, matrices, others = _split(module)
            inner.append({"params": linears, "lr": rate * MUON_GAIN})
            rest.append({"params": matrices, "lr": rate})
            rest.append({"params": others, "lr": rate, "weight_decay": 0.0})
        self._parts = (
            Muon(inner, weight_decay=weight_decay, dtype=dtype),
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
