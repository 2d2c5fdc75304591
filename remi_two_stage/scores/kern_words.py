"""Words of Humdrum kern files (`**text`, `**silbe`), which music21 keeps for some files alone.

Conventions
- A spine of words belongs to the notes of the spine to its left; further ones beside it are further verses. The voices
  of a piece stand from high to low, which is from right to left in the file.
- A syllable is sung by the note that begins at its time. Hyphens are within words; signs that one is held are left out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, chain
from typing import Literal, NamedTuple

from ..core.notation import Lyric
from ..core.piece import Piece
from ..core.text import printable
from .kern_text import WORDS, first_spines, timed_lines
from .music21_losses import is_syllable

_SIGNS = "|_- "


class _Sung(NamedTuple):
    """A syllable: its time in ticks, the spine of its notes, its verse, and its text with hyphens."""

    time: int
    spine: int
    verse: int
    text: str


def with_words_of_kern(piece: Piece, text: str) -> tuple[Piece, int]:
    """The piece of a kern file with its words, and how many syllables have no note."""
    spines = _places(first_spines(text))
    syllables = [*_syllables(text, spines)]
    if first_spines(text).count("**kern") != len(piece.voices):
        return piece, len(syllables)
    starts = [*accumulate((bar.length for bar in piece.bars), initial=0)]
    found: defaultdict[tuple[int, int], list[Lyric]] = defaultdict(list)
    lost = 0
    for sung, following in zip(syllables, [*syllables[1:], None], strict=False):
        bar, voice = bisect_right(starts, sung.time) - 1, len(piece.voices) - 1 - sung.spine
        onset = sung.time - starts[bar]
        struck = {note.onset for note in piece.bars[bar].notes[voice]} if bar < len(piece.bars) else set()
        if onset not in struck:
            lost += 1
            continue
        goes_on = following is not None and following[1:3] == sung[1:3] and following.text.startswith("-")
        joint: Literal["", "-"] = "-" if sung.text.endswith("-") or goes_on else ""
        found[bar, voice].append(Lyric(onset, sung.text.strip(_SIGNS), sung.verse, joint))
    bars = list(piece.bars)
    for (index, voice), lyrics in found.items():
        notation = list(bars[index].notation or ((),) * len(piece.voices))
        notation[voice] = tuple(sorted([*notation[voice], *lyrics], key=lambda record: record.onset))
        bars[index] = replace(bars[index], notation=tuple(notation))
    return replace(piece, bars=tuple(bars)), lost


def _syllables(text: str, places: Sequence[tuple[int, int]]) -> Iterator[_Sung]:
    """The syllables of a file, spine by spine, given what `_places` finds."""
    sung: list[list[_Sung]] = [[] for _ in places]
    for time, tokens in timed_lines(text):
        words = [token for kind, token in tokens if kind in WORDS]
        for (spine, verse), of_place, token in zip(places, sung, words, strict=False):
            if is_syllable(token):
                of_place.append(_Sung(round(time), spine, verse, printable(token).strip()))
    return chain.from_iterable(sung)


def _places(kinds: list[str]) -> list[tuple[int, int]]:
    """For each spine of words the spine of notes to its left, from 0, or else the first one, and its verse, from 1."""
    notes, verse = -1, 0
    places = []
    for kind in kinds:
        if kind == "**kern":
            notes, verse = notes + 1, 0
        elif kind in WORDS:
            verse += 1
            places.append((max(0, notes), verse))
    return places
