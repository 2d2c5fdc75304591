"""What both stages learn from together: rows that hold the same tunes for the one and for the other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.utils.data import Dataset

from .datasets import NO_ROW, BarChordDataset, FullDetailDataset, Item, PackedRows, collate, joined

PLAN = "plan_"
"""What stands before the names of the planner's tensors, as `TwoStageModel.forward` has them."""


class JointRows(Dataset[Item]):
    """Packed rows of the detail generator, each with a row of the planner's sequences of the same tunes.

    Args:
        plans: The planner's dataset of the same tunes as the detail generator's; None where the planner learns nothing.

    Attributes:
        pieces: The detail generator's dataset.
    """

    def __init__(self, plans: BarChordDataset | None, details: FullDetailDataset, row_length: int) -> None:
        self.pieces = details
        self._rows = PackedRows(details, row_length)
        self._plans = plans
        self._plans_of: dict[int, list[int]] = {}
        for index, tune in enumerate(plans.tune_of if plans else ()):
            self._plans_of.setdefault(tune, []).append(index)

    def set_epoch(self, epoch: int) -> None:
        """Pass the epoch on to both datasets."""
        self._rows.set_epoch(epoch)
        if self._plans is not None:
            self._plans.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int | None) -> Item:
        row = self._rows[index]
        if self._plans is None:
            return row
        plan = NO_ROW
        if index is not None:
            tunes = self._rows.rows[index]
            plan = joined(self._plans[item] for tune in tunes for item in self._plans_of[tune])
        return row | {PLAN + name: tensor for name, tensor in plan.items()}


def collate_joint(items: Sequence[Item]) -> dict[str, torch.Tensor]:
    """Pad both stages' rows on the right, each to its own length."""
    plans = [{name.removeprefix(PLAN): item[name] for name in item if name.startswith(PLAN)} for item in items]
    batch = collate(items)
    return batch | {PLAN + name: tensor for name, tensor in collate(plans).items()} if all(plans) else batch
