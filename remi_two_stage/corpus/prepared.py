"""A prepared corpus: a folder with the tunes as Parquet, their counts, and a report of losses.

    data/train-00000-of-00002.parquet ...   the tunes, one a row; validation and test beside them
    report.tsv                              every tune that was rejected or lost something, and why
    summary.json                            the counts; written last, so that it marks the folder as complete

`datasets.load_dataset(folder)` reads it directly, and the result's `push_to_hub` publishes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..core.errors import CorpusError
from .arguments import SPLITS
from .summary import Summary
from .tunes import CorpusTune

DATA, REPORT, SUMMARY = "data", "report.tsv", "summary.json"
_ROWS_AT_ONCE = 512


@contextmanager
def readable(address: str | Path) -> Iterator[None]:
    """Explain in one line why no tunes can be read from a Parquet file, whose source is not trusted.

    Raises:
        CorpusError: the file is damaged, cannot be reached, or contains something else.
    """
    try:
        yield
    except (pa.ArrowException, OSError, KeyError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CorpusError(f"no tunes can be read from {str(address)!r} ({why}); prepare the corpus again") from None


class Tunes:
    """The tunes of one split, read from its Parquet files on each iteration.

    Args:
        left_out: Numbers of the rows that are none of them, from 0.
    """

    def __init__(self, paths: list[Path], left_out: Iterable[int] = ()) -> None:
        self.paths = paths
        self._left_out = frozenset(left_out)

    @cached_property
    def _length(self) -> int:
        total = 0
        for path in self.paths:
            with readable(path):
                total += pq.read_metadata(path).num_rows
        return total - len(self._left_out)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[CorpusTune]:
        for row in self.rows():
            lossy = tuple((loss["reason"], loss["count"]) for loss in row["lossy"])
            yield CorpusTune(**row | {"tokens": tuple(row["tokens"]), "lossy": lossy})

    def tokens(self) -> Iterator[list[int]]:
        """Only the token ids of each tune."""
        return (row["tokens"] for row in self.rows(["tokens"]))

    def rows(self, columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
        """Each tune as a dictionary of these columns, or of all columns.

        Raises:
            CorpusError: a file cannot be read, or lacks a column.
        """
        return (row for number, row in enumerate(self._stored_rows(columns)) if number not in self._left_out)

    def _stored_rows(self, columns: list[str] | None) -> Iterator[dict[str, Any]]:
        for path in self.paths:
            with readable(path), pq.ParquetFile(path) as file:
                for batch in file.iter_batches(_ROWS_AT_ONCE, columns=columns):
                    yield from (batch if columns is None else batch.select(columns)).to_pylist()

    def without(self, rows: Iterable[int]) -> Tunes:
        """These tunes but for some of the rows, numbered as they are stored."""
        return Tunes(self.paths, rows)


@dataclass(frozen=True)
class Corpus:
    """A prepared corpus.

    Attributes:
        name: Name or path that the corpus was prepared from.
        key: Digest of the source files, the code that read them, and the options.
        fingerprint: Digest of the music in each split, in any order and without augmented variants.
    """

    name: str
    folder: Path
    summary: Summary
    key: str
    fingerprint: str

    @classmethod
    def open(cls, folder: str | Path) -> Corpus:
        """Open the prepared corpus in a folder.

        Raises:
            CorpusError: there is none.
        """
        folder = Path(folder)
        try:
            stored = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
            summary = Summary.from_dict(stored["summary"])
            return cls(stored["name"], folder, summary, stored["key"], stored["fingerprint"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CorpusError(
                f"there is no prepared corpus in {str(folder)!r} ({error}); make one with remi-two-stage prepare"
            ) from None

    def split(self, name: str) -> Tunes:
        """The tunes of a split, one of `SPLITS`, in the order of the corpus."""
        return Tunes(sorted((self.folder / DATA).glob(f"{name}-*.parquet")))

    @property
    def train(self) -> Tunes:
        """The tunes that models are trained on."""
        return self.split("train")

    @property
    def validation(self) -> Tunes:
        """Held-out tunes for choosing among models."""
        return self.split("validation")

    @property
    def test(self) -> Tunes:
        """Held-out tunes for the final evaluation."""
        return self.split("test")

    @property
    def tunes(self) -> Iterator[CorpusTune]:
        """All tunes, split by split."""
        return chain.from_iterable(map(self.split, SPLITS))

    def sizes(self) -> dict[str, int]:
        """Numbers of tunes by split, augmented variants included."""
        return {name: len(self.split(name)) for name in SPLITS}

    def require_held_out(self) -> None:
        """Check that there are tunes for validation and for test.

        Raises:
            CorpusError: the corpus has too few melodies.
        """
        if empty := [name for name, size in self.sizes().items() if not size]:
            raise CorpusError(
                f"{self.name} has no tunes for {' and '.join(empty)}; "
                "at least 3 different melodies are needed, one to learn and two to hold out"
            )

    def report(self) -> str:
        """Numbers of tunes, bars and tokens, styles, keys and metres, and the reasons for losses and rejections, as
        lines for a terminal.
        """
        splits = ", ".join(f"{name} {size:,}" for name, size in self.sizes().items())
        lines = [self.name, *self.summary.lines(), f"splits    {splits}", f"in        {self.folder}"]
        if self.summary.lossy or self.summary.rejected:
            lines.append(f"          {REPORT} there lists every lossy and rejected tune")
        return "\n".join(lines)
