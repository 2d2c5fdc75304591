"""What ABC has no place for: a piece is written, read again, and compared.

It is little: a line that holds a syllable over one note (a `_` needs a note of its own), the note value of a tempo that
names none, slurs that cross each other or lead to another voice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

from ..core.abc_writer import write_abc
from ..core.notation import HAIRPINS, SLUR, ClefSign, Grace, Lyric, Mark, Notation, Span, Spelling, TempoMark, Text
from ..core.piece import Bar, Piece
from .abc_reader import read_abc

_REASONS: dict[type, str] = {
    Mark: "a sign beside a note", Text: "words beside a note", Grace: "grace notes", Lyric: "a syllable",
    Spelling: "the name of a note", ClefSign: "a clef",
}  # fmt: skip
_Placed = tuple[int, int, Notation]
"""A record with its bar and its voice."""


def abc_losses(piece: Piece) -> tuple[tuple[str, int], ...]:
    """What of a piece's notation does not come back from its ABC, as (reason, how often).

    Raises:
        ScoreError: the piece cannot be written as ABC.
    """
    (again,) = read_abc(write_abc(piece))
    lost = Counter(_records(piece)) - Counter(_records(again))
    come = Counter(map(_without_joint, _records(again)))
    losses = Counter(_reason(record, come[_without_joint((bar, voice, record))] > 0) for bar, voice, record in lost)
    tempos = zip(_tempos(piece.bars), _tempos(again.bars), strict=True)
    losses.update(reason for old, new in tempos for reason in _of_tempos(old, new))
    return tuple(sorted(losses.items()))


def _records(piece: Piece) -> Iterator[_Placed]:
    for index, bar in enumerate(piece.bars):
        for voice, records in enumerate(bar.notation):
            yield from ((index, voice, record) for record in records)


def _without_joint(placed: _Placed) -> _Placed:
    bar, voice, record = placed
    return bar, voice, replace(record, joint="") if isinstance(record, Lyric) else record


def _reason(record: Notation, is_there: bool) -> str:
    """What is lost of a record; of a syllable that is there it is no more than its line."""
    if isinstance(record, Span):
        if record.voice:
            return "where a slur that leads to another voice ends"
        if record.name == SLUR:
            return "where a slur that crosses another begins or ends"
        return "a hairpin" if record.name in HAIRPINS else "an octave line"
    if isinstance(record, Lyric) and is_there:
        return "the line of a syllable over one note"
    return _REASONS[type(record)]


def _tempos(bars: Iterable[Bar]) -> list[tuple[TempoMark, ...]]:
    """The tempo marks of each bar but for one at the start of the piece, which is that of its header."""
    return [tuple(mark for mark in bar.tempos if number or mark.onset or mark.words) for number, bar in enumerate(bars)]


def _of_tempos(old: Iterable[TempoMark], new: Iterable[TempoMark]) -> Iterator[str]:
    left = Counter(new)
    values = Counter(replace(mark, beat=0) for mark in left)
    for mark in chain((Counter(old) - left).elements()):
        has_value = values[replace(mark, beat=0)] > 0
        yield "that a tempo names no note value, or another" if has_value else "a tempo"
