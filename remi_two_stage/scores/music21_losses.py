"""What of a music21 score, or of a kern file that music21 reads, is not in the piece made of it.

Of kern, music21 (`humdrum/spineParser.py`) leaves out all slurs, and the words and dynamics of spines that name no
staff; where a spine is split, it repeats words. These are counted in the file's text. Fermatas, which are read as ends
of phrases, are no loss.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

_WORDS, _DYNAMICS = frozenset({"**text", "**silbe", "**lyrics"}), frozenset({"**dynam"})
"""Spines of kern, by their exclusive interpretation."""


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
    for single in singles:
        if not hasattr(single, "pitch"):
            yield "a percussion note"
        elif single.pitch.ps % 1 and (single.tie is None or single.tie.type == "start"):
            yield "a microtone"
    yield from ("a lyric" for lyric in element.lyrics if _is_syllable(lyric.text))
    signs = [mark for mark in element.expressions if isinstance(mark, expressions.Ornament | expressions.ArpeggioMark)]
    yield from ("an ornament or articulation" for _ in (*signs, *element.articulations))


def _is_syllable(text: str | None) -> bool:
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


def kern_losses(text: str) -> Counter[str]:
    """Slurs, words and dynamics in the text of a kern file."""
    losses: Counter[str] = Counter()
    kinds: list[str] = []
    for line in text.splitlines():
        tokens = line.split("\t")
        if line.startswith("*"):
            kinds = list(_spines_after(tokens, kinds))
        elif line and not line.startswith(("!", "=")):
            for kind, token in zip(kinds, tokens, strict=False):
                losses["a slur"] += token.count("(") if kind == "**kern" else 0
                losses["a lyric"] += kind in _WORDS and _is_syllable(token)
                losses["a dynamic"] += kind in _DYNAMICS and any(sign.isalpha() or sign in "<>" for sign in token)
    return +losses


def _spines_after(tokens: list[str], kinds: list[str]) -> Iterator[str]:
    """The kinds of spines after a line of interpretations, which may begin, end, split, join and exchange them."""
    kinds = [*kinds, *[""] * (len(tokens) - len(kinds))]
    exchanged = [index for index, token in enumerate(tokens) if token == "*x"]
    for first, second in zip(exchanged[::2], exchanged[1::2], strict=False):
        kinds[first], kinds[second] = kinds[second], kinds[first]
    before = ""
    for token, kind in zip(tokens, kinds, strict=False):
        if token.startswith("**"):
            yield token
        elif token == "*^":
            yield from (kind, kind)
        elif token == "*+":
            yield from (kind, "")
        elif token != "*-" and not token == before == "*v":
            yield kind
        before = token
