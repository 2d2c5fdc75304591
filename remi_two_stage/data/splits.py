"""Train, valid and test splits that share no melody.

Two tunes share a melody when at least a fifth of the shorter one's interval 10-grams occur in the other: eleven notes
in a row, in any key, whatever the rhythm. Tunes that share one, directly or through others, form a group, and a hash
of the group's melodies decides on its split. So a split depends neither on the order of files nor on keys, and a tune
that arrives later moves only those that it is a copy of.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import combinations, pairwise

from ..core.errors import CorpusError
from ..core.vocabulary import IDS
from .tunes import CorpusTune

NGRAM_LENGTH = 10
SHARED_PART = 0.2
"""Share of the shorter melody's n-grams that makes two melodies one."""
MOST_TUNES_A_NGRAM = 50
"""An n-gram in more tunes than this (a scale, a trill) says nothing about kinship."""
VALID_PART, TEST_PART = 0.05, 0.05

_REL_POS, _NOTE_ON, _VOICE, _CHORD = (IDS[family] for family in ("RelPos", "Note-On", "voice", "Chord"))


@dataclass(frozen=True)
class Splits:
    """A corpus in three parts, each in the order of the corpus."""

    train: tuple[CorpusTune, ...]
    valid: tuple[CorpusTune, ...]
    test: tuple[CorpusTune, ...]

    def fingerprint(self) -> str:
        """Hexadecimal digest of which music is in which part, in any order."""
        digest = blake2b(digest_size=16)
        for part in (self.train, self.valid, self.test):
            for music in sorted(blake2b(repr(tune.tokens).encode(), digest_size=16).digest() for tune in part):
                digest.update(music)
            digest.update(b"|")
        return digest.hexdigest()


def split_by_melody(tunes: Sequence[CorpusTune]) -> Splits:
    """Split a corpus 90 : 5 : 5; a part that would be empty gets the group nearest to it.

    Raises:
        CorpusError: fewer than three different melodies, so that nothing could be held out.
    """
    melodies = [melody(tune.tokens) for tune in tunes]
    groups = group_melodies(melodies)
    names = {group: min(_number(melodies[index]) for index in members) for group, members in groups.items()}
    ranked = sorted(groups, key=names.__getitem__)
    if len(ranked) < 3:
        raise CorpusError(
            f"the corpus has {len(ranked)} different melodies; at least 3 are needed, one to learn and two to hold out"
        )
    train_stop = sum(names[group] < 1 - VALID_PART - TEST_PART for group in ranked)
    valid_stop = sum(names[group] < 1 - TEST_PART for group in ranked)
    train_stop = min(max(train_stop, 1), len(ranked) - 2)
    valid_stop = min(max(valid_stop, train_stop + 1), len(ranked) - 1)
    parts = (ranked[:train_stop], ranked[train_stop:valid_stop], ranked[valid_stop:])
    return Splits(*(tuple(tunes[i] for i in sorted(i for group in part for i in groups[group])) for part in parts))


def melody(token_ids: Sequence[int]) -> bytes:
    """The first voice's intervals, one byte each (semitones plus 128), of a tune in the form "full"; chords count as
    their highest note.
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


def group_melodies(melodies: Sequence[bytes]) -> dict[int, list[int]]:
    """Indices of melodies by group; a group's key is its lowest index."""
    ngrams = [_ngrams(intervals) for intervals in melodies]
    parents = list(range(len(melodies)))
    for (first, second), shared in _shared_counts(ngrams).items():
        if shared >= SHARED_PART * min(len(ngrams[first]), len(ngrams[second])):
            _join(parents, first, second)
    first_of: dict[bytes, int] = {}
    for index, intervals in enumerate(melodies):
        _join(parents, first_of.setdefault(intervals, index), index)
    groups: dict[int, list[int]] = defaultdict(list)
    for index in range(len(melodies)):
        groups[_root(parents, index)].append(index)
    return dict(groups)


def _ngrams(intervals: bytes) -> frozenset[bytes]:
    return frozenset(intervals[i : i + NGRAM_LENGTH] for i in range(max(1, len(intervals) - NGRAM_LENGTH + 1)))


def _shared_counts(ngrams: Iterable[frozenset[bytes]]) -> Counter[tuple[int, int]]:
    """How many n-grams two melodies share, by pair of indices, for the pairs that share any telling one."""
    owners: dict[bytes, list[int]] = defaultdict(list)
    for index, grams in enumerate(ngrams):
        for gram in grams:
            owners[gram].append(index)
    shared: Counter[tuple[int, int]] = Counter()
    for indices in owners.values():
        if 2 <= len(indices) <= MOST_TUNES_A_NGRAM:
            shared.update(combinations(indices, 2))
    return shared


def _root(parents: list[int], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index


def _join(parents: list[int], first: int, second: int) -> None:
    low, high = sorted((_root(parents, first), _root(parents, second)))
    parents[high] = low


def _number(intervals: bytes) -> float:
    """A number in [0, 1) that depends on nothing but the melody."""
    return int.from_bytes(blake2b(intervals, digest_size=8).digest(), "big") / 2**64
