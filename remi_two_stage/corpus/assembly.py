"""From the shards of a corpus to the prepared corpus: its splits, its Parquet files, its report and its summary.

Memory holds a few numbers for each tune, and the rows waiting for their row group to fill.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from .arguments import SPLITS
from .files import Rejection
from .prepared import DATA, REPORT, SUMMARY, Corpus
from .shards import COLUMNS, shard_metadata
from .splits import split_by_melody
from .summary import Summary

_ROWS_OF_A_GROUP = 1_000
_ROWS_OF_A_FILE = 25_000
_DIGEST = np.dtype([("high", ">u8"), ("low", ">u8")])


def assemble(
    shards: Sequence[Path], rejected: Sequence[Rejection], folder: Path, name: str, key: str, hold_out: bool
) -> Corpus:
    """Assemble the shards into the prepared corpus `name` in `folder`, replacing an older one.

    Args:
        shards: Files that `prepare_shard` wrote, in the order of the corpus.
        rejected: Files that are in no shard.
        hold_out: Whether to split by melody; otherwise all tunes are for training.

    Raises:
        OSError: the corpus cannot be written.
    """
    (folder / SUMMARY).unlink(missing_ok=True)
    unfinished = folder / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    melodies = _Melodies(shards)
    splits = split_by_melody(melodies, unfinished) if hold_out else np.zeros(sum(1 for _ in melodies), np.int8)
    fingerprint, augmented = _write_tunes(shards, splits, unfinished / DATA)
    summary = Summary(augmented=augmented)
    summary.reject(rejected)
    with (unfinished / REPORT).open("w", encoding="utf-8", newline="") as file:
        report = csv.writer(file, delimiter="\t", lineterminator="\n")
        report.writerow(("what", "id", "title", "why"))
        report.writerows(_rejected_row(asdict(rejection)) for rejection in rejected)
        for path in shards:
            metadata = shard_metadata(path)
            summary += Summary.from_dict(metadata["summary"])
            report.writerows(map(_rejected_row, metadata["rejected"]))
            report.writerows(_lossy_rows(path))
    stored = {"name": name, "key": key, "fingerprint": fingerprint, "summary": summary.to_dict()}
    (unfinished / SUMMARY).write_text(json.dumps(stored, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    shutil.rmtree(folder / DATA, ignore_errors=True)
    for part in (DATA, REPORT, SUMMARY):
        os.replace(unfinished / part, folder / part)
    unfinished.rmdir()
    return Corpus.open(folder)


class _Melodies:
    """The melodies of all tunes in order, read from the shards on each iteration."""

    def __init__(self, shards: Sequence[Path]) -> None:
        self._shards = shards

    def __iter__(self) -> Iterator[bytes]:
        for path in self._shards:
            table = pq.read_table(path, columns=["melody", "augmentation"])
            yield from table.filter(pa.compute.equal(table["augmentation"], ""))["melody"].to_pylist()


def _write_tunes(shards: Sequence[Path], splits: NDArray[np.int8], folder: Path) -> tuple[str, int]:
    """Write the tunes of all shards to their splits; returns the splits' fingerprint and the number of variants."""
    folder.mkdir()
    writers = [_SplitWriter(folder, name) for name in SPLITS]
    begun = 0
    for path in shards:
        table = pq.read_table(path)
        is_tune = np.array(table["augmentation"].to_pylist()) == ""
        # An augmented variant follows its tune, and is kept only if that tune is for training.
        split_of = splits[begun + np.cumsum(is_tune) - 1] if len(table) else splits[:0]
        begun += int(is_tune.sum())
        for number, writer in enumerate(writers):
            writer.add(table.filter(pa.array((split_of == number) & (is_tune | (number == 0)))))
    digest = blake2b(digest_size=16)
    for writer in writers:
        writer.close()
        digest.update(np.sort(np.frombuffer(bytes(writer.music), _DIGEST)).tobytes() + b"|")
    return digest.hexdigest(), sum(writer.augmented for writer in writers)


class _SplitWriter:
    """Writes the Parquet files of one split, whose names include how many there are.

    Attributes:
        music: Digests of the tunes' tokens, 16 bytes each.
        augmented: Number of augmented variants.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.music = bytearray()
        self.augmented = 0
        self._folder, self._name = folder, name
        self._waiting: list[pa.Table] = []
        self._paths: list[Path] = []
        self._writer: Any = None
        self._rows = 0

    def add(self, table: pa.Table) -> None:
        """Add rows, which are written once a row group is full."""
        tunes = table.filter(pa.compute.equal(table["augmentation"], ""))
        self.music += b"".join(tunes["music"].to_pylist())
        self.augmented += len(table) - len(tunes)
        self._waiting.append(table.select(COLUMNS.names).replace_schema_metadata(None))
        if sum(map(len, self._waiting)) >= _ROWS_OF_A_GROUP:
            self._write()

    def _write(self) -> None:
        table, self._waiting = pa.concat_tables(self._waiting), []
        if not len(table):
            return
        if self._writer is None:
            self._paths.append(self._folder / f"{self._name}-{len(self._paths):05d}.parquet")
            self._writer = pq.ParquetWriter(self._paths[-1], COLUMNS, compression="zstd")
        self._writer.write_table(table)
        self._rows += len(table)
        if self._rows >= _ROWS_OF_A_FILE:
            self._finish_file()

    def _finish_file(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer, self._rows = None, 0

    def close(self) -> None:
        """Write the remaining rows, and give the files their final names."""
        if self._waiting:
            self._write()
        self._finish_file()
        for path in self._paths:
            path.rename(path.with_stem(f"{path.stem}-of-{len(self._paths):05d}"))


def _rejected_row(rejection: dict[str, str]) -> tuple[str, str, str, str]:
    return "rejected", rejection["id"], rejection["title"], rejection["message"]


def _lossy_rows(path: Path) -> Iterator[tuple[str, str, str, str]]:
    table = pq.read_table(path, columns=["id", "title", "lossy", "augmentation"])
    lossy = table.filter(pa.compute.greater(pa.compute.list_value_length(table["lossy"]), 0))
    for row in lossy.filter(pa.compute.equal(lossy["augmentation"], "")).to_pylist():
        why = ", ".join(f"{loss['reason']} ({loss['count']})" for loss in row["lossy"])
        yield "lossy", row["id"], row["title"], why
