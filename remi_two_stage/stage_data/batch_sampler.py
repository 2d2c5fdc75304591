"""The batches of each of several processes, as indices of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler


class SharedBatches(Sampler[list[int | None]]):
    """The batches of one process, as indices of rows.

    Together, any number of processes get the same batches as one process with a batch of their total size: every row
    once in an epoch. If the last batch has no row for a process, the process gets the index None.

    Args:
        rows: Number of rows.
        size: Rows in a batch of one process.
        rank: Number of this process, from 0.
        ranks: Number of processes.
        seed: Determines the order, together with the epoch; None keeps the rows in order.
    """

    def __init__(self, rows: int, size: int, rank: int = 0, ranks: int = 1, seed: int | None = None) -> None:
        self._rows, self._size, self._rank, self._ranks, self._seed = rows, size, rank, ranks, seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of this epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return -(-self._rows // (self._size * self._ranks))

    def __iter__(self) -> Iterator[list[int | None]]:
        step = self._size * self._ranks
        order = self._order()
        for first in range(0, self._rows, step):
            yield list(order[first : first + step][self._rank :: self._ranks]) or [None]

    def _order(self) -> Sequence[int]:
        if self._seed is None:
            return range(self._rows)
        generator = torch.Generator().manual_seed(self._seed + self._epoch)
        order: list[int] = torch.randperm(self._rows, generator=generator).tolist()
        return order
