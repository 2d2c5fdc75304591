"""The larger shape of a piece: what is repeated, and how phrases end.

Definitions
- A phrase goes from one phrase start to the next (`Bar.phrase_start`, else every fourth full bar). It comes back when
  at least half of its bars are those of an earlier phrase at the same place in it.
- A phrase ends in a cadence when the chord at its end has its root on the tonic or the dominant (an authentic or
  plagal cadence, or a half one), and the last note of the first voice belongs to that chord (Caplin, Classical Form,
  1998, chapter 3, as far as single chords tell).
- A piece closes when the last note of its lowest voice is its tonic.
- What a repeat sign repeats counts once, as written.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from ..core.chords import pitch_classes, split_label
from ..core.features import BarNotes, contents
from ..core.piece import Bar, Piece

_TONIC, _DOMINANT = 0, 7
_USUAL_PHRASE = 4


def repeated_phrases(piece: Piece) -> float:
    """Share of the phrases after the first that come back, from 0 to 1."""
    shapes = [[contents(bar) for bar in phrase if not bar.is_pickup] for phrase in phrases(piece)]
    shapes = [shape for shape in shapes if shape]
    found = [any(_alike(shape, earlier) for earlier in shapes[:index]) for index, shape in enumerate(shapes)]
    return sum(found[1:]) / len(found[1:]) if len(found) > 1 else math.nan


def cadences(piece: Piece) -> float:
    """Share of the phrases that end in a cadence, by the chords of the piece, from 0 to 1."""
    ends = [_is_cadence(phrase, piece.key.pitch_class) for phrase in phrases(piece)]
    known = [end for end in ends if end is not None]
    return sum(known) / len(known) if known else math.nan


def closes(piece: Piece) -> float:
    """1 where the piece closes, else 0."""
    last = [note for bar in piece.bars for note in bar.notes[-1]][-1:]
    return float(last[0].pitch % 12 == piece.key.pitch_class) if last else math.nan


def phrases(piece: Piece) -> list[tuple[Bar, ...]]:
    """The piece's phrases, in order, each with its bars."""
    starts = [index for index, bar in enumerate(piece.bars) if bar.phrase_start and index]
    if not any(bar.phrase_start for bar in piece.bars):
        first = int(piece.bars[0].is_pickup)
        starts = list(range(first + _USUAL_PHRASE, len(piece.bars), _USUAL_PHRASE))
    return [piece.bars[start:stop] for start, stop in pairwise([0, *starts, len(piece.bars)])]


def _alike(phrase: Sequence[BarNotes], earlier: Sequence[BarNotes]) -> bool:
    same = sum(a == b for a, b in zip(phrase, earlier, strict=False))
    return 2 * same >= len(phrase)


def _is_cadence(phrase: Iterable[Bar], tonic: int) -> bool | None:
    """Whether a phrase ends in a cadence; None where its last chord or note is not known."""
    labels = [chord.label for bar in phrase for chord in bar.chords]
    melody = [note for bar in phrase for note in bar.notes[0]]
    parts = split_label(labels[-1]) if labels else None
    if parts is None or not melody:
        return None
    return parts[0] in (_TONIC, _DOMINANT) and melody[-1].pitch % 12 in pitch_classes(labels[-1], tonic)
