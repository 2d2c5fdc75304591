"""The shards of a corpus: dividing the tunes among them, and preparing one.

`prepare_shard` is a plain function of one picklable value, so that any process pool can run it. It writes one Parquet
file, whole or not at all. The file's name is derived from all that its content depends on: the shard's files and the
code that reads them. A file that exists is therefore a finished shard, in this run and in any later one.

Conventions
- A shard's rows have the columns of the corpus, and two that are dropped at assembly: `melody` (`splits.melody`; empty
  for augmented variants) and `music`, a digest of the tokens.
- The file's metadata contains the shard's summary and its rejections.
"""

from __future__ import annotations

import ast
import codecs
import gzip
import importlib.metadata
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..atomic_files import written_atomically
from ..core.errors import ScoreError
from ..scores.abc_reader import UTF_16_MARKS
from .files import ABC, ARCHIVE, CorpusFile, Rejection, check_expansion, members, opened
from .splits import melody
from .summary import Summary
from .tunes import CorpusTune, TuneRange, read_tune_range, rejection

COLUMNS = pa.schema(
    [
        ("id", pa.string()),
        ("title", pa.string()),
        ("style", pa.string()),
        ("key", pa.string()),
        ("meter", pa.string()),
        ("bars", pa.int32()),
        ("abc", pa.string()),
        ("tokens", pa.list_(pa.int16())),
        ("plan", pa.string()),
        ("lossy", pa.list_(pa.struct([("reason", pa.string()), ("count", pa.int32())]))),
        ("augmentation", pa.string()),
    ]
)
"""The columns of a prepared corpus, which has one row for each tune."""
_SHARD_COLUMNS = COLUMNS.append(pa.field("melody", pa.binary())).append(pa.field("music", pa.binary(16)))
_METADATA = b"remi_two_stage"

_LEAST_COST = 1 << 17
"""Least cost of a shard in bytes of ABC: half a second of reading, so that an interruption loses little and processes
finish together.
"""
_MOST_SHARDS = 2048
_COST_OF_A_SCORE = 20_000
"""The reading time of a score in another format, whose bytes say little, in bytes of ABC that take as long."""
_BLOCK = 1 << 20
_PACKAGE = Path(__file__).parents[1]
_READING = ("core", "scores", "analysis", "corpus")
"""The folders whose code turns files into rows."""
_WRITER = "musicxml_writer"
"""What the names of modules of `scores` begin with that turn pieces into files, and that no reader uses."""
_TUNE_START = re.compile(rb"[\r\n]X:")


@dataclass(frozen=True, slots=True)
class Shard:
    """A piece of work: the tunes to read, and the Parquet file to write."""

    path: Path
    ranges: tuple[TuneRange, ...]
    augment: tuple[str, ...] = ()

    @property
    def cost(self) -> int:
        """The reading time, in bytes of ABC that take as long."""
        return sum(tune_range.cost for tune_range in self.ranges)


def divide_into_shards(
    files: Sequence[CorpusFile], folder: Path, augment: tuple[str, ...] = ()
) -> tuple[list[Shard], list[Rejection]]:
    """All shards of a corpus, to be written into `folder`, in the order of its tunes, and the unusable files in
    archives.
    """
    total = sum(map(_cost, files))
    least = max(_LEAST_COST, 1 << (total // _MOST_SHARDS).bit_length())
    shards: list[Shard] = []
    rejected: list[Rejection] = []
    ranges: list[TuneRange] = []
    cost = 0
    for tune_range in divide_into_ranges(files, least):
        if isinstance(tune_range, Rejection):
            rejected.append(tune_range)
            continue
        ranges.append(tune_range)
        cost += tune_range.cost
        if cost >= least:
            shards.append(_shard(ranges, folder, augment))
            ranges, cost = [], 0
    return shards + ([_shard(ranges, folder, augment)] if ranges else []), rejected


def _shard(ranges: Sequence[TuneRange], folder: Path, augment: tuple[str, ...]) -> Shard:
    key = blake2b(f"{reading_code()} {augment}".encode(), digest_size=12)
    for tune_range in ranges:
        numbers = (tune_range.first, tune_range.header_stop, tune_range.start, tune_range.stop)
        key.update(" ".join(map(str, (tune_range.file.identity, *numbers))).encode() + b"\n")
    return Shard(folder / f"{key.hexdigest()}.parquet", tuple(ranges), augment)


@cache
def reading_code(package: Path = _PACKAGE) -> str:
    """A digest of the code that turns files into rows: it changes whenever a row might change, but not with comments.

    Code for models, pictures, sound, and for writing files other than ABC is left out.
    """
    modules = [path for room in _READING for path in (package / room).glob("*.py")]
    digest = blake2b(importlib.metadata.version("music21").encode(), digest_size=12)
    for module in sorted(modules):
        if not module.stem.endswith("_remi") and not module.stem.startswith(_WRITER):
            digest.update(f"{module.stem} {_code(module)}".encode())
    return digest.hexdigest()


def _code(module: Path) -> str:
    """The syntax tree of a module without its docstrings."""
    tree = ast.parse(module.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = None
    return ast.dump(tree)


def divide_into_ranges(files: Iterable[CorpusFile], least: int = _LEAST_COST) -> Iterator[TuneRange | Rejection]:
    """The ranges of all files and of the files in archives: tune books in runs of at least `least` bytes."""
    for file in files:
        if file.ending == ARCHIVE:
            for member in members(file):
                yield from [member] if isinstance(member, Rejection) else divide_into_ranges([member], least)
        elif file.ending in ABC and file.size > least:
            yield from _ranges_of_book(file, least)
        else:
            yield TuneRange(file, cost=_cost(file))


def _cost(file: CorpusFile) -> int:
    return file.size + (0 if file.ending in (*ABC, ARCHIVE) else _COST_OF_A_SCORE)


def _ranges_of_book(file: CorpusFile, least: int) -> Iterator[TuneRange | Rejection]:
    try:
        with opened(file) as stream:
            bounds = _run_bounds(stream, least, file)
    except ScoreError as error:
        yield rejection(file.name, "", error)
        return
    header_stop = bounds[0][1]
    for (first, start), (_, stop) in pairwise(bounds):
        # The first run begins with the file header; the other runs are given it.
        start, header = (0, 0) if first == 1 else (start, header_stop)
        yield TuneRange(file, first, header, start, stop, cost=stop - start)


def _run_bounds(stream: IO[bytes] | gzip.GzipFile, least: int, file: CorpusFile) -> list[tuple[int, int]]:
    """Number and offset of the first tune of each run; at the end, the numbers of tunes and bytes.

    Raises:
        ScoreError: the file is a decompression bomb.
    """
    mark = stream.read(3)
    offset = 3 if mark == codecs.BOM_UTF8 else 0
    stream.seek(offset)
    is_utf_16 = mark.startswith(UTF_16_MARKS)
    bounds: list[tuple[int, int]] = []
    number, tail = 0, b"\n"
    while block := stream.read(_BLOCK):
        window = tail + block
        for match in () if is_utf_16 else _TUNE_START.finditer(window):
            number += 1
            position = offset - len(tail) + match.start() + 1
            if not bounds or position - bounds[-1][1] >= least:
                bounds.append((number, position))
        offset += len(block)
        tail = window[-2:]
        check_expansion(file, offset)
    return [*(bounds or [(1, 0)]), (number, offset)]


def prepare_shard(shard: Shard) -> Summary:
    """Read the tunes of a shard and write its Parquet file, unless it exists; returns the shard's summary.

    Raises:
        OSError: the file cannot be written.
    """
    if not shard.path.exists():
        _write(shard, *_read(shard))
    return Summary.from_dict(shard_metadata(shard.path)["summary"])


def _read(shard: Shard) -> tuple[pa.Table, dict[str, Any]]:
    summary = Summary()
    rejected: list[Rejection] = []
    rows: list[dict[str, Any]] = []
    for tune_range in shard.ranges:
        for found in read_tune_range(tune_range, shard.augment):
            if isinstance(found, Rejection):
                rejected.append(found)
                continue
            intervals = b"" if found.augmentation else melody(found.tokens)
            music = blake2b(repr(found.tokens).encode(), digest_size=16).digest()
            rows.append(row_of(found) | {"melody": intervals, "music": music})
            if not found.augmentation:
                summary.add(found)
    summary.reject(rejected)
    metadata = {"summary": summary.to_dict(), "rejected": [asdict(rejection) for rejection in rejected]}
    return pa.Table.from_pylist(rows, _SHARD_COLUMNS), metadata


def row_of(tune: CorpusTune) -> dict[str, Any]:
    """A tune as a row with `COLUMNS`."""
    row = {name: getattr(tune, name) for name in COLUMNS.names}
    return row | {"lossy": [{"reason": reason, "count": count} for reason, count in tune.lossy]}


def _write(shard: Shard, table: pa.Table, metadata: dict[str, Any]) -> None:
    table = table.replace_schema_metadata({_METADATA: json.dumps(metadata).encode()})
    with written_atomically(shard.path) as unfinished:
        pq.write_table(table, unfinished, compression="zstd")


def shard_metadata(path: Path) -> dict[str, Any]:
    """The metadata that `prepare_shard` stored in a shard's file: `summary` and `rejected`."""
    stored: dict[str, Any] = json.loads(pq.read_schema(path).metadata[_METADATA])
    return stored
