"""The temperature that makes a stage as sure as it is right.

What has seen its tunes many times is surer of tunes that it has not seen than it should be. Dividing its logits by one
number, found on held-out tunes, mends that and leaves the order of the tokens as it is (Guo et al., On Calibration of
Modern Neural Networks, 2017).
"""

from __future__ import annotations

import torch

from ..evaluation.likelihood import ROWS_AT_ONCE
from ..evaluation.token_losses import StageModel, nats
from ..stage_data.datasets import PackedRows, collate

TEMPERATURES = tuple(1.02**step for step in range(-35, 36))
"""Those tried: a half to twice."""


def calibrate(stage: StageModel, rows: PackedRows) -> float:
    """Divide the logits of a stage by the temperature under which held-out rows cost least, by the weight of its last
    norm.

    Args:
        rows: Of tunes that it did not learn.

    Returns:
        The temperature.
    """
    losses = sum((_losses(stage, rows, start) for start in range(0, len(rows), ROWS_AT_ONCE)), torch.tensor(0.0))
    temperature = TEMPERATURES[int(losses.argmin())]
    with torch.no_grad():
        for weight in stage.model.norm.parameters():
            weight.div_(temperature)
    return temperature


@torch.inference_mode()
def _losses(stage: StageModel, rows: PackedRows, start: int) -> torch.Tensor:
    """What a few rows cost under each temperature, in nats: [temperatures]."""
    batch = collate([rows[index] for index in range(start, min(start + ROWS_AT_ONCE, len(rows)))])
    device = next(stage.parameters()).device
    batch = {name: tensor.to(device) for name, tensor in batch.items()}
    labels = batch.pop("labels")
    logits = stage(**batch, use_cache=False).logits.float()
    return torch.stack([nats(logits / temperature, labels) for temperature in TEMPERATURES]).double().cpu()
