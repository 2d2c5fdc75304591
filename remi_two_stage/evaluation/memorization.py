"""How much of a piece stands note for note in the music that a model learnt from.

Two passages are the same when their notes have the same intervals and the same lengths, in whatever key: a symbol is
the interval to a note's successor in its voice with the note's length, and n symbols in a row are n + 1 notes, of
which the last may be longer or shorter. Chords count as their highest note, rests not at all, repeats as written.
Every voice is compared with every voice. Real tunes share a lot with other tunes (runs, arpeggios, endings); what to
compare with is what held-out real music shares with the same corpus.

The index is built from the user's copy of the corpus when it is first needed, and is kept in memory only: 12 bytes for
each note.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..composing.checkpoint import EMBEDDED, RECORD, corpora_of, training_record
from ..core.codec import encode_ids
from ..core.errors import CorpusError
from ..core.grammar_structure import BAR_START
from ..core.piece import Piece
from ..core.vocabulary import IDS
from ..corpus.files import MUSIC21
from ..corpus.preparation import load_corpus
from ..corpus.prepared import Corpus

SEED_WIDTH = 8
"""Symbols of the runs that are looked up; those found are followed to their end."""
_MOST_TICKS = 4095
_PERCENTILE = 0.95
_ANY, _QUERY_END = 0, 1
"""Symbols that no two notes make: after a sequence of the corpus, and after one that is looked up."""
_MULTIPLIERS = np.random.default_rng(1).integers(2**63, size=SEED_WIDTH, dtype=np.uint64) * 2 + 1

_VOICE, _REL_POS, _NOTE_ON, _DURATION = (IDS[family] for family in ("voice", "RelPos", "Note-On", "Duration"))

Symbols = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class SharedRun:
    """The longest passage that a piece shares with a corpus.

    Attributes:
        notes: Its length; 0 where not even an interval is shared.
        title: Title of a tune that has it too, or its id.
    """

    notes: int
    title: str = ""


def voice_lines(token_ids: Sequence[int]) -> list[list[tuple[int, int]]]:
    """For each voice of a "full" sequence, its notes as (MIDI number, ticks)."""
    lines: dict[int, list[tuple[int, int]]] = {}
    voice, in_bars, at_onset = 0, False, False
    for token in token_ids:
        if token == BAR_START:
            in_bars = True
        elif token in _VOICE and in_bars:
            voice = token
        elif token in _REL_POS:
            at_onset = False
        elif token in _NOTE_ON:
            line = lines.setdefault(voice, [])
            if at_onset:
                line.pop()
            line.append((token - _NOTE_ON.start, 0))
            at_onset = True
        elif token in _DURATION:
            pitch, ticks = lines[voice][-1]
            lines[voice][-1] = pitch, ticks + token - _DURATION.start + 1
    return list(lines.values())


def _symbols(lines: Iterable[list[tuple[int, int]]], end: int) -> Symbols:
    """Symbols of some lines, `end` after each."""
    parts: list[Symbols] = []
    for line in lines:
        notes = np.array(line, dtype=np.int64).reshape(-1, 2)
        intervals = np.diff(notes[:, 0]) + 128
        ticks = np.minimum(notes[:-1, 1], _MOST_TICKS)
        parts.append(np.append(intervals * (_MOST_TICKS + 1) + ticks, end).astype(np.uint32))
    return np.concatenate(parts) if parts else np.array([end], np.uint32)


def _windows(symbols: Symbols, width: int) -> NDArray[np.uint64]:
    """A hash of the `width` symbols from each place on."""
    count = max(0, len(symbols) - width + 1)
    mixed = np.zeros(count, np.uint64)
    for offset in range(width):
        mixed += symbols[offset : offset + count].astype(np.uint64) * _MULTIPLIERS[offset]
    return mixed ^ (mixed >> np.uint64(31))


class MemorizationIndex:
    """The notes of a corpus, to look passages up in.

    Args:
        tunes: Title, and token ids as a "full" sequence, of each tune.
    """

    def __init__(self, tunes: Iterable[tuple[str, Sequence[int]]]) -> None:
        parts: list[Symbols] = []
        self._titles: list[str] = []
        ends: list[int] = []
        length = 0
        for title, token_ids in tunes:
            parts.append(_symbols(voice_lines(token_ids), _ANY))
            length += len(parts[-1])
            self._titles.append(title)
            ends.append(length)
        self._symbols = np.concatenate(parts) if parts else np.zeros(0, np.uint32)
        self._ends = np.array(ends, np.int64)
        self._sorted: dict[int, tuple[NDArray[np.uint64], NDArray[np.int64]]] = {}

    @classmethod
    def of(cls, *corpora: Corpus) -> MemorizationIndex:
        """Of the training splits of corpora."""
        rows = chain.from_iterable(corpus.train.rows(["id", "title", "tokens"]) for corpus in corpora)
        return cls((row["title"] or row["id"], row["tokens"]) for row in rows)

    def longest_run(self, piece: Piece) -> SharedRun:
        """The longest passage of a piece that is in the corpus too.

        Raises:
            EncodingError: tokens cannot say the piece.
        """
        return self.longest_run_of(encode_ids(piece))

    def longest_run_of(self, token_ids: Sequence[int]) -> SharedRun:
        """The same for the token ids of a "full" sequence."""
        symbols = _symbols(voice_lines(token_ids), _QUERY_END)
        here, there = self._matches(symbols, SEED_WIDTH)
        if len(here):
            return self._followed(symbols, here, there)
        for width in range(SEED_WIDTH - 1, 0, -1):
            if len(there := self._matches(symbols, width, only_first=True)[1]):
                return SharedRun(width + 1, self._title(int(there[0])))
        return SharedRun(0)

    def _hashes(self, width: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Hashes of all windows of the corpus in order, and their places."""
        if width not in self._sorted:
            hashes = _windows(self._symbols, width)
            order = np.argsort(hashes, kind="stable")
            self._sorted[width] = hashes[order], order
        return self._sorted[width]

    def _matches(
        self, symbols: Symbols, width: int, only_first: bool = False
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Places of equal windows, in the symbols and in the corpus."""
        hashes, places = self._hashes(width)
        wanted = _windows(symbols, width)
        low, high = (np.searchsorted(hashes, wanted, side) for side in ("left", "right"))
        if only_first:
            high = np.minimum(high, low + 1)
        here = np.repeat(np.arange(len(wanted)), high - low)
        there = places[np.concatenate([np.arange(a, b) for a, b in zip(low, high, strict=True)] or [low]).astype(int)]
        # Equal hashes may be of unequal windows.
        is_equal = np.ones(len(here), bool)
        for offset in range(width):
            is_equal &= symbols[here + offset] == self._symbols[there + offset]
        return here[is_equal], there[is_equal]

    def _followed(self, symbols: Symbols, here: NDArray[np.int64], there: NDArray[np.int64]) -> SharedRun:
        """The longest of the runs that begin at these places, at least `SEED_WIDTH` long."""
        length = SEED_WIDTH
        while True:
            # Every sequence ends in a symbol that the other side does not have.
            goes_on = there + length < len(self._symbols)
            goes_on[goes_on] = symbols[here[goes_on] + length] == self._symbols[there[goes_on] + length]
            if not goes_on.any():
                return SharedRun(length + 1, self._title(int(there[0])))
            here, there, length = here[goes_on], there[goes_on], length + 1

    def _title(self, place: int) -> str:
        return self._titles[int(np.searchsorted(self._ends, place, side="right"))]


def corpora_of_model(model_folder: str | Path) -> list[Corpus]:
    """The corpora that a model learnt from, prepared; without those that are not on this machine."""
    names = [str(corpus["name"]) for corpus in corpora_of(training_record(model_folder))]
    return [load_corpus(name) for name in names if name == MUSIC21 or Path(name).exists()]


def high_percentile(runs: Iterable[SharedRun]) -> int:
    """Notes of the run that 95 % of the runs do not exceed (nearest rank); 0 without any."""
    lengths = sorted(run.notes for run in runs)
    return lengths[math.ceil(_PERCENTILE * len(lengths)) - 1] if lengths else 0


class CopyingCheck:
    """Tells whether pieces copy more of corpora than their own held-out tunes do.

    Attributes:
        corpus_name: What the corpora were asked for as.
        most_notes: What 95 % of the validation splits do not exceed.
    """

    def __init__(self, *corpora: Corpus) -> None:
        self.corpus_name = ", ".join(corpus.name for corpus in corpora)
        self._index = MemorizationIndex.of(*corpora)
        held_out = chain.from_iterable(corpus.validation.tokens() for corpus in corpora)
        self.most_notes = high_percentile(map(self._index.longest_run_of, held_out))

    @classmethod
    def for_model(cls, model_folder: str | Path | None) -> CopyingCheck:
        """Against what is here of the corpora that a model learnt from; None is the checkpoint in the package.

        Raises:
            CorpusError: its corpora are unknown, or none is on this machine.
        """
        folder = EMBEDDED if model_folder is None else model_folder
        if not (corpora := corpora_of_model(folder)):
            names = ", ".join(str(corpus["name"]) for corpus in corpora_of(training_record(folder)))
            raise CorpusError(
                f"copying cannot be checked: the corpus that {str(folder)!r} learnt from "
                f"({names or f'which {RECORD} does not name'}) is not here"
            )
        return cls(*corpora)

    def warning(self, piece: Piece) -> str | None:
        """What to tell the user about a piece; None where it copies no more than real tunes do."""
        run = self._index.longest_run(piece)
        if run.notes <= self.most_notes:
            return None
        return (
            f"{run.notes} notes in a row are also in {run.title!r}, from which the model learnt; "
            f"of real tunes that it has not seen, 95 % share at most {self.most_notes}"
        )
