"""What is written beside the notes of the voices of one staff in MusicXML: by which of them, and what stands for all.

Conventions
- What all voices of a staff say between notes stands once, without a `<voice>`; what one says alone has its `<voice>`.
- A fermata that a voice above has too is there and not shown, and so are words: an `<other-notation>` that no program
  prints says where a voice sings those of the first. MuseScore 3 would print hidden ones.
- Where voices have words of their own, those of the first stand above the staff; others are verses below these, since
  MuseScore 3 sets all words below, and their `name` is their own number.
- A clef holds for all voices of its staff.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ..core.instruments import has_words
from ..core.notation import LINES, PEDALS, ClefSign, Lyric, Mark, Notation, Span, Text
from ..core.piece import Bar, Piece
from .musicxml_names import FERMATAS, SPAN_ELEMENTS
from .musicxml_writer_signs import PLACEMENTS, is_between

_MOST_NUMBERS = 16
"""Of slurs or lines that are open at once, as `number`s go."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a voice stands in its part.

    Attributes:
        number: That of the voice, from 1, and of its first layer.
        voices: How many the part has.
        staff: The number of its staff; 0 in a part of one.
        stem: Where stems go while other voices of the staff sound, "up" or "down"; empty for a voice alone.
        part: The voices of the part by their names.
    """

    number: int = 1
    voices: int = 1
    staff: int = 0
    stem: str = ""
    part: Mapping[str, int] = field(default_factory=dict)


class OpenSpans:
    """The slurs and lines of a part while they are open, with their `number`s."""

    def __init__(self) -> None:
        self._ends: defaultdict[int, list[tuple[int, int, Span, int]]] = defaultdict(list)  # by the index of the bar
        self._numbers: defaultdict[str, set[int]] = defaultdict(set)  # in use, by the element of spans

    def free_number(self, name: str) -> int:
        """A number that no open span of the same element has; 0 if all are in use."""
        used = self._numbers[SPAN_ELEMENTS[name][0]]
        return next((number for number in range(1, _MOST_NUMBERS + 1) if number not in used), 0)

    def begin(self, span: Span, voice: int, last: int) -> int:
        """The number of a span that ends in a bar of a voice; 0 if there is none left."""
        if number := self.free_number(span.name):
            self._numbers[SPAN_ELEMENTS[span.name][0]].add(number)
            self._ends[last].append((voice, span.end, span, number))
        return number

    def ends(self, voice: int, index: int) -> list[tuple[int, Span, int]]:
        """What ends in a bar of a voice: (onset of the last note, span, number)."""
        return [(end, span, number) for owner, end, span, number in self._ends[index] if owner == voice]

    def close(self, index: int) -> None:
        """End the spans that end in a bar, which all voices have written."""
        for _, _, span, number in self._ends.pop(index, ()):
            self._numbers[SPAN_ELEMENTS[span.name][0]].discard(number)


@dataclass(frozen=True, slots=True)
class Beside:
    """What is written beside the notes of a voice.

    Attributes:
        records: Of each bar.
        common: Those of them that stand for all voices of the staff.
        hidden: Marks that a voice above shows, (index of the bar, record).
        same_words: Where the voice sings the words of the first, (index of the bar, onset).
        is_sung: Whether words stand at the staff.
        words: Where those of the voice stand, as an attribute; empty for below, alone.
        verses_before: How many verses voices above have where each has words of its own.
    """

    records: Sequence[Sequence[Notation]]
    common: Collection[tuple[int, Notation]] = ()
    hidden: Collection[tuple[int, Notation]] = ()
    same_words: Collection[tuple[int, int]] = ()
    is_sung: bool = False
    words: str = ""
    verses_before: int = 0


def after_note(onset: int, bar: Bar, voice: int) -> int:
    """Where the note of a voice after the one at an onset begins, or the bar ends."""
    onsets = (note.onset for note in bar.notes[voice] if note.onset > onset)
    return min(onsets, default=bar.length)


def beside_of(piece: Piece, staff: Sequence[int]) -> list[Beside]:
    """What is written beside the notes of each voice of a staff."""
    is_sung = any(has_words(piece, voice) for voice in staff)
    own: list[_OfBars] = [[bar.notation[voice] if bar.notation else () for bar in piece.bars] for voice in staff]
    if len(staff) == 1:
        return [Beside(own[0], is_sung=is_sung)]
    common = {(index, record) for index in range(len(piece.bars)) for record in _said_by_all(piece, staff, index)}
    clefs = [_clefs([records[index] for records in own]) for index in range(len(piece.bars))]
    hidden, same_words = _hidden(own), _same_words(own)
    own = [_own_words(records, places) for records, places in zip(own, same_words, strict=True)]
    sung = [[record for of_bar in records for record in of_bar if isinstance(record, Lyric)] for records in own]
    verses = max((lyric.verse for lyrics in sung for lyric in lyrics), default=0) * any(map(any, sung[1:]))
    found = []
    for at, records in enumerate(own):
        kept: list[list[Notation]] = [
            [record for record in of_bar if not isinstance(record, ClefSign)] for of_bar in records
        ]
        if at:
            kept = [[record for record in of_bar if (index, record) not in common] for index, of_bar in enumerate(kept)]
        else:
            kept = [[*of_bar, *signs] for of_bar, signs in zip(kept, clefs, strict=True)]
        words = PLACEMENTS["_" if at else "^"] if verses else ""
        found.append(Beside(kept, common, hidden[at], same_words[at], is_sung, words, verses * at))
    return found


_OfBars = Sequence[Sequence[Notation]]
"""Records of each bar."""


def _hidden(voices: Sequence[_OfBars]) -> list[set[tuple[int, Notation]]]:
    """The fermatas of each voice that one above it has too, (index of the bar, record)."""
    shown: set[tuple[int, Notation]] = set()
    found = []
    for records in voices:
        fermatas: set[tuple[int, Notation]] = {
            (index, record)
            for index, of_bar in enumerate(records)
            for record in of_bar
            if isinstance(record, Mark) and record.name in FERMATAS
        }
        found.append(fermatas & shown)
        shown |= fermatas
    return found


def _same_words(voices: Sequence[_OfBars]) -> list[set[tuple[int, int]]]:
    """Where each voice sings what the first one does, (index of the bar, onset)."""
    first, *others = map(_words, voices)
    return [set(), *({place for place, words in sung.items() if first.get(place) == words} for sung in others)]


def _words(records: _OfBars) -> dict[tuple[int, int], set[Lyric]]:
    found: dict[tuple[int, int], set[Lyric]] = {}
    for index, of_bar in enumerate(records):
        for record in of_bar:
            if isinstance(record, Lyric):
                found.setdefault((index, record.onset), set()).add(record)
    return found


def _own_words(records: _OfBars, same_words: Collection[tuple[int, int]]) -> _OfBars:
    """The records without the words that are those of the first voice."""
    return [
        [record for record in of_bar if not (isinstance(record, Lyric) and (index, record.onset) in same_words)]
        for index, of_bar in enumerate(records)
    ]


def _clefs(voices: Sequence[Sequence[Notation]]) -> list[ClefSign]:
    """The clefs of a staff in a bar: of several at one place that of the lowest voice."""
    at = {record.onset: record for records in voices for record in records if isinstance(record, ClefSign)}
    return [*at.values()]


def _said_by_all(piece: Piece, staff: Sequence[int], index: int) -> set[Notation]:
    """What stands between the notes of a bar in all voices of a staff, at the same places."""
    bar = piece.bars[index]
    if not bar.notation:
        return set()
    first, *others = (
        {(record, _end_of(piece, voice, index, record)) for record in bar.notation[voice]} for voice in staff
    )
    return {record for record, end in first.intersection(*others) if end is not None}


def _end_of(piece: Piece, voice: int, index: int, record: Notation) -> int | None:
    """Where what stands between notes is written that may end after a note; None for what stands at notes."""
    if isinstance(record, Span) and record.name in LINES and index + record.bars < len(piece.bars):
        return after_note(record.end, piece.bars[index + record.bars], voice)
    if isinstance(record, Mark) and record.name == PEDALS[1]:
        return after_note(record.onset, piece.bars[index], voice)
    return 0 if isinstance(record, Text) or (isinstance(record, Mark) and is_between(record)) else None
