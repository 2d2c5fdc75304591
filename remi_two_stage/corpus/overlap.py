"""Training tunes of one corpus whose melody is held out in another.

Each corpus is split by itself (`splits.py`). Where a run learns from several, a tune that belongs to the group of a
held-out one is no tune to learn, in whatever corpus it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from .arguments import SPLITS
from .prepared import Corpus, Tunes
from .splits import group_melodies, melody

_TRAIN, *_HELD_OUT = SPLITS


def without_held_out(corpora: Sequence[Corpus]) -> tuple[list[Tunes], list[int]]:
    """The training tunes of each corpus but for those that share a melody, directly or through others, with a tune
    that any of the corpora holds out; and how many tunes of each these are, their variants not counted.
    """
    if len(corpora) == 1:
        return [corpora[0].train], [0]
    groups = group_melodies(_Melodies(corpora))
    parts = np.split(groups, np.cumsum([sum(1 for _ in originals(tunes)) for tunes in _splits(corpora)])[:-1])
    train, held_out = parts[: len(corpora)], parts[len(corpora) :]
    is_left_out = [np.isin(of_corpus, np.concatenate(held_out)) for of_corpus in train]
    kept = []
    for corpus, leaves in zip(corpora, is_left_out, strict=True):
        # a variant follows its tune
        number = np.cumsum([not row["augmentation"] for row in corpus.train.rows(["augmentation"])], dtype=int) - 1
        kept.append(corpus.train.without(np.flatnonzero(leaves[number]).tolist()))
    return kept, [int(leaves.sum()) for leaves in is_left_out]


def originals(tunes: Tunes) -> Iterator[list[int]]:
    """Token ids of the tunes that are no variants."""
    return (row["tokens"] for row in tunes.rows(["tokens", "augmentation"]) if not row["augmentation"])


def _splits(corpora: Sequence[Corpus]) -> Iterator[Tunes]:
    """The tunes to learn of each corpus, then those that each holds out."""
    yield from (corpus.train for corpus in corpora)
    yield from (corpus.split(name) for corpus in corpora for name in _HELD_OUT)


class _Melodies:
    """The melodies of all tunes, read from the corpora on each iteration."""

    def __init__(self, corpora: Sequence[Corpus]) -> None:
        self._corpora = corpora

    def __iter__(self) -> Iterator[bytes]:
        return map(melody, chain.from_iterable(map(originals, _splits(self._corpora))))
