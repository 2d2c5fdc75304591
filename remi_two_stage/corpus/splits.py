"""Train, validation and test splits that share no melody.

Two tunes share a melody when at least a fifth of the shorter one's interval 10-grams occur in the other: eleven notes
in a row, in any key and any rhythm. Tunes that share a melody, directly or through others, form a group, and a hash of
the group's melodies determines its split. The splits therefore depend neither on the order of files nor on keys, and a
tune added later moves only the tunes that it shares a melody with.

Memory holds a few numbers for each tune; n-grams and pairs of tunes go through scratch files, bucket by bucket.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.vocabulary import IDS
from .arguments import SPLITS

NGRAM_LENGTH = 10
SHARED_PART = 0.2
"""Share of the shorter melody's n-grams from which on two melodies count as the same."""
MOST_OWNERS = 50
"""An n-gram in more melodies than this is a scale, a trill, or part of a very popular tune. It is compared only between
neighbours in the order of the melodies' hashes, which finds the tune and not the scale.
"""
VALIDATION_PART, TEST_PART = 0.05, 0.05

_NEIGHBOURS = 4
_BUCKETS = 64
_AT_ONCE = 1 << 20
"""N-grams or pairs that are processed together."""
_MULTIPLIERS = np.random.default_rng(0).integers(2**63, size=NGRAM_LENGTH + 1, dtype=np.uint64) * 2 + 1
"""Odd 64-bit numbers: one for each interval of an n-gram, and one for its length."""
_NGRAM = np.dtype([("gram", np.uint64), ("owner", np.uint32)])

_REL_POS, _NOTE_ON, _VOICE, _CHORD = (IDS[family] for family in ("RelPos", "Note-On", "voice", "Chord"))

Indices = NDArray[np.int64]


def melody(token_ids: Sequence[int]) -> bytes:
    """The intervals of the first voice in a tune's "full" sequence, one byte each (semitones plus 128); a chord counts
    as its highest note.
    """
    pitches: list[int] = []
    voices_seen, at_onset = 0, False
    for token in token_ids:
        if token in _NOTE_ON and voices_seen == 1:
            pitch = token - _NOTE_ON.start
            if at_onset:
                pitches[-1] = pitch
            else:
                pitches.append(pitch)
            at_onset = True
        elif token in _REL_POS:
            at_onset = False
        elif token in _VOICE:
            voices_seen += 1
        elif token in _CHORD:
            voices_seen = 0
    return bytes(following - pitch + 128 for pitch, following in pairwise(pitches))


def split_by_melody(melodies: Iterable[bytes], scratch: Path | None = None) -> NDArray[np.int8]:
    """The split of each melody, an index into `SPLITS`, with groups divided 90 : 5 : 5. A split that would be empty
    gets the group nearest to it. With fewer than three groups nothing can be held out, and all are for training.

    Args:
        melodies: Melodies, which are iterated over twice.
        scratch: Folder for scratch files, up to five kilobytes for each melody; None for the system's.
    """
    groups = group_melodies(melodies, scratch)
    numbers = np.unique(groups).astype(np.float64) / 2.0**64
    if len(numbers) < len(SPLITS):
        return np.zeros(len(groups), np.int8)
    train_stop = int((numbers < 1 - VALIDATION_PART - TEST_PART).sum())
    validation_stop = int((numbers < 1 - TEST_PART).sum())
    train_stop = min(max(train_stop, 1), len(numbers) - 2)
    validation_stop = min(max(validation_stop, train_stop + 1), len(numbers) - 1)
    stops = np.unique(groups)[[train_stop, validation_stop]]
    return np.searchsorted(stops, groups, side="right").astype(np.int8)


def group_melodies(melodies: Iterable[bytes], scratch: Path | None = None) -> NDArray[np.uint64]:
    """The group of each melody, named by the lowest hash of its melodies; arguments as in `split_by_melody`."""
    hashes = np.fromiter(map(_hash, melodies), np.uint64)
    distinct, first, melody_of = np.unique(hashes, return_index=True, return_inverse=True)
    with TemporaryDirectory(dir=scratch) as folder:
        ngrams = _Buckets(Path(folder, "ngrams"), _NGRAM)
        sizes = np.zeros(len(distinct), np.int64)
        for batch in _ngrams(melodies, first, melody_of):
            sizes += np.bincount(batch["owner"], minlength=len(sizes))
            ngrams.add(batch, batch["gram"])
        pairs = _Buckets(Path(folder, "pairs"), np.dtype(np.uint64))
        for bucket in ngrams:
            for found in _pairs(bucket):
                pairs.add(found, found >> np.uint64(32))
        parents = list(range(len(distinct)))
        for bucket in pairs:
            for one, other in _related(bucket, sizes):
                _join(parents, one, other)
    # Melodies are numbered by their hashes, so the lowest number of a group is its lowest hash.
    roots = np.array([_root(parents, index) for index in range(len(parents))], np.int64)
    return distinct[roots[melody_of]] if len(distinct) else distinct


def _hash(intervals: bytes) -> int:
    return int.from_bytes(blake2b(intervals, digest_size=8).digest(), "big")


class _Buckets:
    """Records in files by key: records with the same key are in the same bucket."""

    def __init__(self, folder: Path, kind: np.dtype[Any]) -> None:
        folder.mkdir()
        self._kind = kind
        self._paths = [folder / str(number) for number in range(_BUCKETS)]

    def add(self, records: NDArray[Any], keys: NDArray[Any]) -> None:
        """Append records to their buckets."""
        bucket_of = keys % np.uint64(_BUCKETS)
        order = np.argsort(bucket_of, kind="stable")
        bounds = np.searchsorted(bucket_of[order], np.arange(_BUCKETS + 1))
        for path, (start, stop) in zip(self._paths, pairwise(bounds), strict=True):
            if start < stop:
                with path.open("ab") as file:
                    file.write(records[order[start:stop]].tobytes())

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (np.fromfile(path, self._kind) for path in self._paths if path.exists())


def _ngrams(melodies: Iterable[bytes], first: Indices, melody_of: Indices) -> Iterator[NDArray[Any]]:
    """Distinct n-grams of all distinct melodies as (hash, number of the melody), in large arrays."""
    waiting: list[NDArray[Any]] = []
    number = 0
    for index, intervals in enumerate(melodies):
        owner = melody_of[index]
        if first[owner] != index:
            continue
        grams = _hashed_ngrams(intervals)
        records = np.empty(len(grams), _NGRAM)
        records["gram"], records["owner"] = grams, owner
        waiting.append(records)
        number += len(grams)
        if number >= _AT_ONCE:
            yield np.concatenate(waiting)
            waiting, number = [], 0
    if waiting:
        yield np.concatenate(waiting)


def _hashed_ngrams(intervals: bytes) -> NDArray[np.uint64]:
    """The hash of each distinct n-gram; a melody with too few notes for one is hashed as a whole."""
    numbers = np.frombuffer(intervals, np.uint8).astype(np.uint64)
    width = min(NGRAM_LENGTH, len(numbers))
    windows = np.lib.stride_tricks.sliding_window_view(numbers, width) if width else numbers[None]
    mixed = (windows * _MULTIPLIERS[:width]).sum(1, dtype=np.uint64) + _MULTIPLIERS[-1:] * np.uint64(width)
    return np.unique(mixed ^ (mixed >> np.uint64(29)))


def _pairs(ngrams: NDArray[Any]) -> Iterator[NDArray[np.uint64]]:
    """Pairs of melodies that share an n-gram, once for each n-gram, packed in one number: the lower shifted by 32."""
    order = np.lexsort((ngrams["owner"], ngrams["gram"]))
    grams, owners = ngrams["gram"][order], ngrams["owner"][order].astype(np.uint64)
    starts = np.flatnonzero(np.r_[True, grams[1:] != grams[:-1]])
    lengths = np.diff(np.r_[starts, len(grams)])
    for length in np.unique(lengths[(lengths > 1) & (lengths <= MOST_OWNERS)]):
        runs = starts[lengths == length]
        ones, others = np.triu_indices(length, 1)
        at_once = _AT_ONCE // len(ones) + 1
        for begin in range(0, len(runs), at_once):
            owned = owners[runs[begin : begin + at_once, None] + np.arange(length)]
            yield (owned[:, ones] << np.uint64(32) | owned[:, others]).ravel()
    is_common = np.repeat(lengths > MOST_OWNERS, lengths)
    for distance in range(1, _NEIGHBOURS + 1):
        is_pair = is_common[distance:] & (grams[distance:] == grams[:-distance])
        yield owners[:-distance][is_pair] << np.uint64(32) | owners[distance:][is_pair]


def _related(pairs: NDArray[np.uint64], sizes: Indices) -> Iterator[tuple[int, int]]:
    """The pairs that share enough n-grams to count as the same melody."""
    both, shared = np.unique(pairs, return_counts=True)
    ones, others = (both >> np.uint64(32)).astype(np.int64), (both & np.uint64(2**32 - 1)).astype(np.int64)
    is_related = shared >= SHARED_PART * np.minimum(sizes[ones], sizes[others])
    yield from zip(ones[is_related].tolist(), others[is_related].tolist(), strict=True)


def _root(parents: list[int], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index


def _join(parents: list[int], first: int, second: int) -> None:
    low, high = sorted((_root(parents, first), _root(parents, second)))
    parents[high] = low
