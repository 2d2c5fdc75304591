"""Training rows from a corpus that need not fit on the disk: its Parquet files are read on demand, local or remote.

Conventions
- The files belong to a prepared corpus or a data set on the Hub, at any address that fsspec supports: a folder,
  "hf://datasets/you/your-tunes", "s3://bucket/tunes". Their row groups are shuffled and shared among the readers.
- A reader is one loader process of one training process. It takes every n-th row group of an epoch's order and reads
  as many at a time as hold `buffer` tunes: a block, whose tunes are packed into rows, and these shuffled.
- Everything follows from seed, epoch, reader and block. A row's "place" says where it stands, int64 [4]: reader in its
  process, epoch, block, row. The stream resumes exactly after the last row that was learnt, and reads no rows twice
  but those of one block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from random import Random
from typing import Any, NamedTuple

import fsspec
import pyarrow.parquet as pq
import torch
from torch.utils.data import IterableDataset, get_worker_info

from ..core.errors import CorpusError
from ..corpus.prepared import readable
from .datasets import Item, PackedRows, StageDataset

BUFFER = 4096
"""Tunes that a reader keeps in memory, about ten megabytes."""
Place = tuple[int, int, int]
"""Epoch, block in it, row in that."""
MakeDataset = Callable[[Sequence[Sequence[int]], int], StageDataset]
"""Tunes (token ids, kind "full") and a seed -> the dataset of a stage."""


class RowGroup(NamedTuple):
    """A run of tunes in a Parquet file, and how often they are read in an epoch; of a fraction of a time it is drawn in
    each epoch whether they are.
    """

    address: str
    number: int
    tunes: int
    weight: float = 1.0


class TuneStream:
    """The tunes of one split of a corpus, local or remote.

    Args:
        corpus: Folder or address of a corpus that `prepare` wrote or `push_to_hub` published.
        split: "train", "validation" or "test".
        weight: Times that its tunes are read in an epoch.

    Raises:
        CorpusError: there are no such files.
    """

    def __init__(self, corpus: str, split: str, weight: float = 1.0) -> None:
        self._weight = weight
        try:
            files, folder = fsspec.core.url_to_fs(corpus)
            paths = sorted(files.glob(f"{folder}/data/{split}-*.parquet"))
        except (OSError, ValueError, ImportError) as error:
            raise CorpusError(f"there is no corpus at {corpus!r}: {error}") from None
        if not paths:
            raise CorpusError(
                f"there is no data/{split}-*.parquet at {corpus!r} to stream; write it with remi-two-stage prepare"
            )
        self._addresses = [files.unstrip_protocol(path) for path in paths]

    def groups(self) -> list[RowGroup]:
        """All row groups; only the footers of the files are read."""
        groups = []
        for address in self._addresses:
            with readable(address), fsspec.open(address) as file:
                metadata = pq.read_metadata(file)
            rows = (metadata.row_group(number).num_rows for number in range(metadata.num_row_groups))
            groups += [RowGroup(address, number, tunes, self._weight) for number, tunes in enumerate(rows)]
        return groups


def read_tunes(group: RowGroup) -> list[list[int]]:
    """The token ids of each tune in a row group."""
    with readable(group.address), fsspec.open(group.address) as file, pq.ParquetFile(file) as tunes:
        column: list[list[int]] = tunes.read_row_group(group.number, columns=["tokens"])["tokens"].to_pylist()
    return column


class StreamedRows(IterableDataset[Item]):
    """An endless stream of packed rows, epoch after epoch; items are those of `PackedRows` with their "place".

    Args:
        groups: Row groups of the training tunes.
        make: Makes the stage's dataset from a block.
        row_length: The most tokens in a row.
        rank: Number of this training process, from 0, of `ranks`.
        buffer: The least number of tunes in a block.
        seed: Determines the order.
    """

    def __init__(
        self,
        groups: Sequence[RowGroup],
        make: MakeDataset,
        row_length: int,
        rank: int = 0,
        ranks: int = 1,
        buffer: int = BUFFER,
        seed: int = 0,
    ) -> None:
        self._groups, self._make, self._row_length = list(groups), make, row_length
        self._rank, self._ranks, self._buffer, self._seed = rank, ranks, buffer, seed
        self._first_reader = 0
        self._places: dict[int, Place] = {}

    def go_on(self, batches: int, places: Mapping[int, Place]) -> None:
        """Go on after some batches.

        Args:
            batches: How many this process has learnt.
            places: Reader of this process -> place of its last row among them.
        """
        self._first_reader, self._places = batches, dict(places)

    def __iter__(self) -> Iterator[Item]:
        worker = get_worker_info()
        readers, number = (worker.num_workers, worker.id) if worker else (1, 0)
        # Loaders take turns beginning with the first, so the one whose turn it is has to be the first.
        reader = (number + self._first_reader) % readers
        share = self._rank * readers + reader, self._ranks * readers
        if len(self._groups) < share[1]:
            raise CorpusError(
                f"the corpus has {len(self._groups)} row groups for {share[1]} readers; use fewer processes or loaders"
            )
        first_epoch, first_block, last_row = self._places.get(reader, (0, 0, -1))
        for epoch in count(first_epoch):
            for block, groups in enumerate(self._blocks(epoch, *share)):
                if (epoch, block) >= (first_epoch, first_block):
                    seen = last_row + 1 if (epoch, block) == (first_epoch, first_block) else 0
                    for row, item in enumerate(self._rows(f"{epoch} {share[0]} {block}", groups, seen), seen):
                        yield item | {"place": torch.tensor([reader, epoch, block, row])}

    def _blocks(self, epoch: int, share: int, shares: int) -> Iterator[list[RowGroup]]:
        draw = Random(f"{self._seed} {epoch}")
        order = [group for group in self._groups for _ in range(_times(group.weight, draw))]
        draw.shuffle(order)
        block: list[RowGroup] = []
        for group in order[share::shares]:
            block.append(group)
            if sum(group.tunes for group in block) >= self._buffer:
                yield block
                block = []
        if block:
            yield block

    def _rows(self, name: str, groups: list[RowGroup], seen: int) -> Iterator[Item]:
        draw = Random(f"{self._seed} {name}")
        tunes = [tune for group in groups for tune in read_tunes(group)]
        rows = PackedRows(self._make(tunes, draw.getrandbits(32)), self._row_length)
        order: list[Any] = list(range(len(rows)))
        draw.shuffle(order)
        yield from (rows[index] for index in order[seen:])


def _times(weight: float, draw: Random) -> int:
    """How often a row group is read in an epoch."""
    whole, part = divmod(weight, 1)
    return int(whole) + bool(part and draw.random() < part)
