"""How the bars of a tune are shared out among the lines of ABC: four a line, and fewer where abcm2ps cannot set them.

Widths are in points, the least ones that abcm2ps sets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from .notation import Lyric
from .piece import Bar

_BARS_PER_LINE = 4
_NOTE_WIDTH, _LETTER_WIDTH, _ACCIDENTAL_WIDTH = 9, 5, 8
_CHANGE_WIDTH = 20
"""Of a new metre or key."""
_NAMES_WIDTH = 90
"""Of the names of several voices before the first line."""
_WIDEST_LINE = 450
"""50 notes or 90 letters of words: from there on abcm2ps squeezes lines."""


def systems(bars: Sequence[Bar], bars_per_line: int = _BARS_PER_LINE) -> Iterator[tuple[int, int]]:
    """Index of the first bar of each line and of the one after its last: so many bars a line, pick-ups not counted;
    half as many where more would not fit. Parts begin a line.
    """
    first = count = held = 0
    is_begun_with_ties = False
    for index, bar in enumerate(bars):
        # abcjs strikes held notes of later voices again where an ending follows a repeat in their line
        forgets_ties = is_begun_with_ties and bar.endings and bars[index - 1].repeat_end
        if count == bars_per_line or (bar.part and index) or forgets_ties:
            yield from _halves(bars, first, index)
            first, count = index, 0
        is_begun_with_ties = held > 0 if first == index else is_begun_with_ties
        held = max([held, *(note.onset + note.duration for notes in bar.notes[1:] for note in notes)]) - bar.length
        count += not bar.is_pickup
    yield from _halves(bars, first, len(bars))


def _halves(bars: Sequence[Bar], first: int, last: int) -> Iterator[tuple[int, int]]:
    """A line, or the halves of one that is too wide."""
    middle = (first + last + 1) // 2 + (bars[first].is_pickup and last - first > 2)
    if not first < middle < last or not _is_too_wide(bars, first, last):
        yield first, last
    else:
        yield from _halves(bars, first, middle)
        yield from _halves(bars, middle, last)


def _is_too_wide(bars: Sequence[Bar], first: int, last: int) -> bool:
    """Whether abcm2ps cannot set bars in one line."""
    line = bars[first:last]
    count = sum([len(notes) for bar in line for notes in bar.notes])
    if not any([any(bar.notation) for bar in line]) and count * (_NOTE_WIDTH + _ACCIDENTAL_WIDTH) <= _WIDEST_LINE:
        return False
    changes = sum((one.meter, one.key) != (other.meter, other.key) for one, other in pairwise(bars[first : last + 1]))
    names = _NAMES_WIDTH if first == 0 and len(bars[0].notes) > 1 else 0
    return names + changes * _CHANGE_WIDTH + sum(map(_width_with_accidentals, line)) > _WIDEST_LINE


def _width_with_accidentals(bar: Bar) -> int:
    scale = bar.key.scale
    altered = {note.onset for notes in bar.notes for note in notes if note.pitch % 12 not in scale}
    return least_width(bar) + _ACCIDENTAL_WIDTH * len(altered)


def least_width(bar: Bar) -> int:
    """Points that the notes of a bar and the words beneath them take up at least, without accidentals."""
    widths = {note.onset: _NOTE_WIDTH for notes in bar.notes for note in notes}
    for record in (record for notation in bar.notation for record in notation):
        if isinstance(record, Lyric):
            width = _LETTER_WIDTH * (len(record.text) + 1)
            widths[record.onset] = max(widths.get(record.onset, 0), width)
    return sum(widths.values())
