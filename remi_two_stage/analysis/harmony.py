"""A chord for every bar: from the chord symbols of the source where it has them, else inferred from the notes.

Conventions
- Labels are Roman numerals (`core/chords.py`) counted from the tonic of the piece's first bar.
- A symbol holds until the next one, over barlines.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal

from ..core.arguments import check_is_piece
from ..core.chords import UNKNOWN_CHORD
from ..core.errors import RequestError
from ..core.piece import Bar, Chord, Piece
from .chord_inference import infer_chords

HarmonicRhythm = Literal["source", "bar", "beat"]

Chords = tuple[Chord, ...]
"""The chords of a bar, the first one at its start."""


def label_chords(piece: Piece, harmonic_rhythm: HarmonicRhythm = "beat") -> Piece:
    """This piece with a chord for every bar, the first one at the bar's start.

    Chord symbols are kept where the piece has any: a bar without one continues the chord before it, bars before the
    first one are inferred. A piece without symbols is inferred from its notes: melodies with one chord a bar, or two or
    three where melody, metre and cadence ask for it, several voices beat by beat.

    Args:
        piece: Any piece; chords `unk` count as missing.
        harmonic_rhythm: `source` keeps every chord at its position, `beat` the one that sounds longest in each beat
            (ties to the first), which is all that a plan can say, `bar` the one that sounds longest in the bar.

    Raises:
        RequestError: the piece is none, or there is no such harmonic rhythm.
    """
    check_is_piece(piece, "label the chords of")
    if harmonic_rhythm not in _RHYTHMS:
        raise RequestError(f"there is no harmonic rhythm {harmonic_rhythm!r}; choose one of {', '.join(_RHYTHMS)}")
    simplify = _RHYTHMS[harmonic_rhythm]
    bars = zip(piece.bars, _complete(piece), strict=True)
    return replace(
        piece, bars=tuple([bar.with_music(bar.key, bar.notes, simplify(bar, chords)) for bar, chords in bars])
    )


def _complete(piece: Piece) -> list[Chords]:
    """The known chords of every bar, continued over bars without any, and those that have to be inferred."""
    known = _continued([tuple([chord for chord in bar.chords if chord.label != UNKNOWN_CHORD]) for bar in piece.bars])
    first = next((index for index, chords in enumerate(known) if chords), None)
    if first is None:
        return infer_chords(piece)
    is_partly_known = known[first][0].onset > 0
    missing = first + is_partly_known
    if missing:
        inferred = infer_chords(piece, missing, following=known[first][0].label)
        known[:missing] = [
            (*(chord for chord in guess if not chords or chord.onset < chords[0].onset), *chords)
            for guess, chords in zip(inferred, known, strict=False)
        ]
    return known


def _continued(chords: list[Chords]) -> list[Chords]:
    """Let the last chord of a bar hold in the next one, up to that bar's first chord."""
    current: Chord | None = None
    for index, found in enumerate(chords):
        if current is not None and (not found or found[0].onset > 0):
            chords[index] = found = (_at(0, current), *found)
        current = found[-1] if found else current
    return chords


def _at(onset: int, chord: Chord) -> Chord:
    return chord if chord.onset == onset else replace(chord, onset=onset)


def _changes(bar: Bar, chords: Sequence[Chord]) -> Chords:
    """Chords without repetitions; of several at one place the last one stands."""
    at = {chord.onset: chord for chord in chords if chord.onset < bar.length or not chord.onset}
    kept: list[Chord] = []
    for chord in at.values():
        if not kept or chord != _at(chord.onset, kept[-1]):
            kept.append(chord)
    return tuple(kept)


def _longest_chord(bar: Bar, chords: Chords) -> Chords:
    return chords if len(chords) == 1 else (_longest(chords, 0, bar.length),)


def _longest(chords: Chords, start: int, end: int) -> Chord:
    """The chord that sounds longest between two ticks of a bar, from the first of them on; ties to the first."""
    sounding: dict[Chord, int] = {}
    limits = [*(chord.onset for chord in chords), max(end, chords[-1].onset)]
    for chord, (onset, stop) in zip(chords, pairwise(limits), strict=True):
        duration = min(stop, end) - max(onset, start)
        if duration > 0 or not sounding:
            here = _at(start, chord)
            sounding[here] = sounding.get(here, 0) + max(0, duration)
    return max(sounding, key=sounding.__getitem__)


def chords_on_beats(bar: Bar, chords: Chords) -> Chords:
    """For each beat the one of a bar's chords that sounds longest in it (ties to the first), without repetitions."""
    if len(chords) == 1:
        return chords
    onsets = [chord.onset for chord in chords]
    found = []
    for start, end in pairwise([*bar.beats, bar.length]):
        first = max(0, bisect_right(onsets, start) - 1)
        found.append(_longest(chords[first : max(first + 1, bisect_left(onsets, end))], start, end))
    return _changes(bar, found)


_RHYTHMS = {"source": _changes, "bar": _longest_chord, "beat": chords_on_beats}
