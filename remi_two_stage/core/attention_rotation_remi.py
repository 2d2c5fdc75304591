"""What attention and the fast decoding loop share: the gain of learned biases, and how queries and keys are rotated."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from .architecture import Architecture

BIAS_GAIN = 10.0
"""What learned biases are multiplied by: they start at 0 and have to reach the size of scores, for which steps of about
the learning rate would be too small.
"""


def rotation(config: Architecture, query: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Cosines and sines by which tokens with these coordinates, [B or 1, Q] each, are turned: [B or 1, 1, Q, D / 2]
    each; None in forms that turn nothing.
    """
    pairs = config.head_dim // 2
    if config.rotary_periods:
        angles = phases(config.rotary_periods, query)
        angles = F.pad(angles, (0, pairs - angles.shape[-1]))[:, None]
    elif "rope" in config.relative_attention:
        slots = query["token"]
        angles = slots[:, None, :, None] * config.rope_base ** -(torch.arange(pairs, device=slots.device) / pairs)
    else:
        return None
    return angles.cos(), angles.sin()


def phases(periods: dict[str, list[int]], coordinates: dict[str, torch.Tensor]) -> torch.Tensor:
    """Angle of each period at tokens with these coordinates, [B or 1, Q] each: [B or 1, Q, P]."""
    angles = []
    for coordinate, lengths in periods.items():
        # Whole periods are taken off in whole numbers, so that no precision is lost far from the start.
        turns = torch.tensor(lengths, device=coordinates[coordinate].device)
        angles.append(coordinates[coordinate][..., None].remainder(turns) * (2 * math.pi / turns))
    rows = max(angle.shape[0] for angle in angles)
    return torch.cat([angle.expand(rows, -1, -1) for angle in angles], dim=-1)
