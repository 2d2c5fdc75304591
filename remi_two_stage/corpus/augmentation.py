"""Data augmentation: variants of a tune that are as musical as the tune itself.

All tunes are transposed to C for training, so another key would add nothing, and another mode would be another tune.
What is new to a model is another octave, written-out repeats, and an excerpt that stands alone. Each augmentation is a
function of a piece with a chord in every bar, as the variant has too, and of the piece's id, which decides where there
is a choice. It returns None if there is no such variant.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace

from ..analysis.harmony import chords_on_beats
from ..core.errors import RequestError
from ..core.excerpt import crop, phrase_cuts
from ..core.piece import Bar, Note, Piece
from ..core.vocabulary import DEFAULT_VOICE_RANGE, VOICE_RANGES

_OCTAVE = 12
_LEAST_BARS = 4
"""Bars of the shortest excerpt; a shorter one shows nothing of the form."""


def octave(piece: Piece, id: str) -> Piece | None:
    """The piece with all voices an octave higher or lower, if all stay within their ranges."""
    for shift in random.Random(id).sample((_OCTAVE, -_OCTAVE), 2):
        sung = ((voice, notes) for bar in piece.bars for voice, notes in zip(piece.voices, bar.notes, strict=True))
        if all(_fits(notes, voice, shift) for voice, notes in sung):
            return piece.transpose(shift)
    return None


def _fits(notes: tuple[Note, ...], voice: str, shift: int) -> bool:
    low, high = VOICE_RANGES.get(voice, DEFAULT_VOICE_RANGE)
    return all(low <= note.pitch + shift <= high for note in notes)


def unfold(piece: Piece, id: str) -> Piece | None:
    """The piece with repeats, endings, jumps and the order of parts written out as they are played."""
    order = piece.playing_order()
    if order == list(range(len(piece.bars))):
        return None
    bars: list[Bar] = []
    is_due = False
    for bar in (_without_signs(piece.bars[index]) for index in order):
        if bars and _completes(bars[-1], bar):
            bars[-1] = _joined(bars[-1], bar)
            is_due = bar.phrase_start
        else:
            bars.append(replace(bar, phrase_start=bar.phrase_start or is_due))
            is_due = False
    return replace(piece, bars=tuple(bars), part_order=())


def _without_signs(bar: Bar) -> Bar:
    return replace(bar, repeat_start=False, repeat_end=False, endings=(), ending_end=False, plays=2, part="", jumps=())


def _completes(first: Bar, second: Bar) -> bool:
    """Whether the two are halves of one bar that a repeat split."""
    is_same = (first.meter, first.key) == (second.meter, second.key)
    return is_same and second.is_pickup and not first.is_pickup and first.length == second.offset


def _joined(first: Bar, second: Bar) -> Bar:
    shift = first.length
    notes = tuple(
        (*before, *(replace(note, onset=note.onset + shift) for note in after))
        for before, after in zip(first.notes, second.notes, strict=True)
    )
    bar = replace(first, length=shift + second.length, notes=notes)
    chords = (*first.chords, *(replace(chord, onset=chord.onset + shift) for chord in second.chords))
    return replace(bar, chords=chords_on_beats(bar, chords))


def crop_phrases(piece: Piece, id: str) -> Piece | None:
    """An excerpt of the piece that begins and ends with a phrase."""
    piece = piece.in_part_order()
    cuts = phrase_cuts(piece.bars)
    ranges = [
        (start, stop)
        for index, start in enumerate(cuts[:-1])
        for stop in cuts[index + 1 :]
        if _LEAST_BARS <= stop - start < len(piece.bars)
    ]
    return crop(piece, *random.Random(id).choice(ranges)) if ranges else None


Augmentation = Callable[[Piece, str], Piece | None]
AUGMENTATIONS: dict[str, Augmentation] = {"octave": octave, "unfold": unfold, "crop": crop_phrases}
"""Name -> function of each augmentation."""


def check_augmentations(names: Iterable[str]) -> tuple[str, ...]:
    """Check names of `AUGMENTATIONS`; returns each once, in a fixed order.

    Raises:
        RequestError: there is no such augmentation.
    """
    asked = set(names)
    if unknown := asked - set(AUGMENTATIONS):
        raise RequestError(f"there is no augmentation {min(unknown)!r}; choose among {', '.join(AUGMENTATIONS)}")
    return tuple(sorted(asked))
