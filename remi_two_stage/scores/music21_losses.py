"""What of a music21 score is not in the piece made of it; `kern_text` says what music21 itself leaves out.

Fermatas, which are read as ends of phrases, are no loss.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from ..core.signatures import TICKS_PER_QUARTER

_EXACT = 0.001
"""Of a tick."""


def losses_of(score: Any) -> Counter[str]:
    """What of a music21 score, part or measure a `Piece` made of it does not hold, as reasons with their counts; chord
    symbols are not looked at.
    """
    from music21 import dynamics, harmony, note, repeat, spanner

    losses: Counter[str] = Counter()
    jumps = set()
    for element in score.recurse():
        if isinstance(element, note.GeneralNote) and not isinstance(element, harmony.Harmony):
            losses.update(_losses_of_note(element))
        elif isinstance(element, dynamics.Dynamic | dynamics.DynamicWedge):
            losses["a dynamic"] += 1
        elif isinstance(element, spanner.Slur):
            losses["a slur"] += 1
        elif isinstance(element, repeat.RepeatExpressionCommand):
            jumps.add(element.getOffsetInHierarchy(score))
    losses["a jump (D.C., D.S.)"] = len(jumps)
    losses["a tempo change"] = _tempo_changes(score)
    return +losses


def _losses_of_note(element: Any) -> Iterator[str]:
    """What of a note, chord or rest is lost, a reason each time."""
    from music21 import expressions

    singles = getattr(element, "notes", () if element.isRest else (element,))
    if element.duration.isGrace:
        yield from ("a grace note" for _ in singles)
        return
    times = element.offset * TICKS_PER_QUARTER, (element.offset + element.quarterLength) * TICKS_PER_QUARTER
    are_ticks = all(abs(time - round(time)) < _EXACT for time in times)
    for single in singles:
        if not hasattr(single, "pitch"):
            yield "a percussion note"
            continue
        if not are_ticks:
            yield "a note that begins or ends between two ticks"
        if single.pitch.ps % 1 and (single.tie is None or single.tie.type == "start"):
            yield "a microtone"
    yield from ("a lyric" for lyric in element.lyrics if is_syllable(lyric.text))
    signs = [mark for mark in element.expressions if isinstance(mark, expressions.Ornament | expressions.ArpeggioMark)]
    yield from ("an ornament or articulation" for _ in (*signs, *element.articulations))


def is_syllable(text: str | None) -> bool:
    """Whether a text is more than a sign that the syllable before it goes on, or that there is none."""
    return bool(text and text.strip(".|_- "))


def _tempo_changes(score: Any) -> int:
    """How often the tempo changes, and whether the first one, which the piece has from its start, begins later."""
    from music21 import tempo

    marks = {
        mark.getOffsetInHierarchy(score): mark.getQuarterBPM()
        for mark in score.recurse().getElementsByClass(tempo.MetronomeMark)
    }
    tempos = sorted((offset, bpm) for offset, bpm in marks.items() if bpm)
    changes = sum(before != after for (_, before), (_, after) in pairwise(tempos))
    return changes + bool(tempos and tempos[0][0] > 0)
