"""Data augmentation: variants of a tune that are as musical as the tune itself.

All tunes are transposed to C for training, so that what is new to a model is another tonic, which decides how high the
tokens' C sounds, another octave, written-out repeats, an excerpt that stands alone, and of single melodies other note
values and another mode. Each augmentation is a function of a piece with a chord in every bar, as the variant has too,
and of the piece's id, which decides where there is a choice. It returns None if there is no such variant.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction

from ..analysis.harmony import chords_on_beats, label_chords
from ..core.errors import RequestError
from ..core.excerpt import crop, phrase_cuts
from ..core.piece import Bar, Note, Piece
from ..core.ranges import DEFAULT_VOICE_RANGE, VOICE_RANGES, usual_range
from ..core.signatures import Key, Meter, fifths_of
from ..core.unfolded import cut_at_seams
from ..core.voices import MELODY
from .songs import SONG

_OCTAVE = 12
_USUAL_MEANS = {MELODY: 72.4, SONG: 69.8, "S": 69.6, "Violin1": 75.0}
"""Mean pitch of the first voice in music21's books and chorales, in hymns, and in OpenScore's songs and quartets."""
_SPREAD = 2.5
"""Standard deviation of the mean pitches of tunes, in semitones."""
_RARE_TONICS = {7 * fifths_of(name) % _OCTAVE for name in ("Db", "Eb", "F", "F#", "Ab", "Bb", "B")}
"""Pitch classes of the tonics that books of tunes rarely have; in the others a tune is to lie where real ones do."""
_OTHER_METERS = {Meter(2, 2): Meter(2, 4), Meter(4, 4): Meter(2, 4), Meter(2, 4): Meter(2, 2)}
"""The metre in which the same tune has notes of half or twice the length, bar for bar."""
_OTHER_MODES = {"maj": ("mix", "dor", "min"), "min": ("dor", "maj"), "dor": ("min", "mix"), "mix": ("maj", "dor")}
"""Mode -> those that its tunes are moved to; tunes in Lydian and Phrygian are too rare to say what is usual there."""
_LEAST_BARS = 4
"""Bars of the shortest excerpt; a shorter one shows nothing of the form."""


def octave(piece: Piece, id: str) -> Piece | None:
    """The piece with all voices an octave higher or lower, if all stay within their ranges."""
    for shift in random.Random(id).sample((_OCTAVE, -_OCTAVE), 2):
        sung = ((voice, notes) for bar in piece.bars for voice, notes in zip(piece.voices, bar.notes, strict=True))
        if all(_fits(notes, voice, shift) for voice, notes in sung):
            return piece.transpose(shift)
    return None


def tonic(piece: Piece, id: str) -> Piece | None:
    """The piece on another tonic, one of those that are rare in books of tunes, in its voices' usual ranges.

    The interval is drawn so that the first voice lies as high as real ones do: their mean pitches are spread by
    `_SPREAD` semitones around the usual one.
    """
    voice = piece.voices[0]
    usual = _USUAL_MEANS.get(SONG if voice == MELODY and piece.style == SONG else voice)
    pitches = [note.pitch for bar in piece.bars for note in bar.notes[0]]
    if usual is None or not pitches:
        return None
    above_usual = sum(pitches) / len(pitches) - usual
    shifts = [
        shift
        for shift in range(1 - _OCTAVE, _OCTAVE)
        if shift and (piece.key.pitch_class + shift) % _OCTAVE in _RARE_TONICS and _is_usual(piece, shift)
    ]
    if not shifts:
        return None
    weights = [math.exp(-(((above_usual + shift) / _SPREAD) ** 2) / 2) for shift in shifts]
    return piece.transpose(random.Random(id).choices(shifts, weights)[0])


def _is_usual(piece: Piece, shift: int) -> bool:
    """Whether all voices are in their usual ranges when moved so far."""
    ranges = [usual_range(voice, piece.style) for voice in piece.voices]
    return all(
        low <= note.pitch + shift <= high
        for bar in piece.bars
        for sung, (low, high) in zip(bar.notes, ranges, strict=True)
        for note in sung
    )


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
    for bar in cut_at_seams([_without_signs(piece.bars[index]) for index in order], order):
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
    bar = replace(first, length=shift + second.length, notes=notes, double_line=second.double_line)
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


def note_values(piece: Piece, id: str) -> Piece | None:
    """The tune in notes of half or twice the length, as one book has a reel in 2/2 and another in 2/4."""
    meter = piece.bars[0].meter
    if piece.voices != (MELODY,) or meter not in _OTHER_METERS or any(bar.meter != meter for bar in piece.bars):
        return None
    other = _OTHER_METERS[meter]
    scale = Fraction(other.bar_length, meter.bar_length)
    bars = [_in_other_values(bar, other, scale) for bar in piece.bars]
    known = tuple(bar for bar in bars if bar is not None)
    return label_chords(replace(piece, bars=known, tempo=None)) if len(known) == len(bars) else None


def _in_other_values(bar: Bar, meter: Meter, scale: Fraction) -> Bar | None:
    """A bar in another metre, everything in it `scale` times as long; None if that is no whole number of ticks."""
    (sung,) = bar.notes
    times = [bar.length, *(time for note in sung for time in (note.onset, note.duration))]
    if any((time * scale).denominator > 1 for time in times):
        return None
    notes = [replace(note, onset=int(note.onset * scale), duration=int(note.duration * scale)) for note in sung]
    chords = tuple(replace(chord, onset=int(chord.onset * scale)) for chord in bar.chords)
    scaled = replace(
        bar, meter=meter, length=int(bar.length * scale), notes=(tuple(notes),), chords=(), notation=(), tempos=()
    )
    return replace(scaled, chords=chords_on_beats(scaled, chords))


def mode(piece: Piece, id: str) -> Piece | None:
    """The tune on the same degrees of another mode that books of tunes have, over the chords that it has there."""
    keys = {bar.key for bar in piece.bars}
    if piece.voices != (MELODY,) or len(keys) > 1 or (key := keys.pop()).mode not in _OTHER_MODES:
        return None
    other = Key(key.tonic, random.Random(id).choice(_OTHER_MODES[key.mode]))
    steps = _steps_between(key, other)
    bars = []
    for bar in piece.bars:
        (sung,) = bar.notes
        notes = sorted(replace(note, pitch=note.pitch + steps[note.pitch % _OCTAVE]) for note in sung)
        bars.append(replace(bar, key=other, notes=(tuple(notes),), chords=(), notation=()))
    return label_chords(replace(piece, bars=tuple(bars)))


def _steps_between(key: Key, other: Key) -> dict[int, int]:
    """By how many semitones each pitch class moves from a mode to another on the same tonic: degrees to degrees; one
    that is outside the first scale stays where the second one has it, or else goes with a neighbour that moves less.
    """
    degrees = [sorted((pitch - scale.pitch_class) % _OCTAVE for pitch in scale.scale) for scale in (key, other)]
    steps = {(old + key.pitch_class) % _OCTAVE: new - old for old, new in zip(*degrees, strict=True)}
    for pitch in set(range(_OCTAVE)) - set(steps):
        neighbours = [steps[near % _OCTAVE] for near in (pitch - 1, pitch + 1) if near % _OCTAVE in key.scale]
        steps[pitch] = 0 if pitch in other.scale else min(neighbours, key=abs)
    return steps


Augmentation = Callable[[Piece, str], Piece | None]
AUGMENTATIONS: dict[str, Augmentation] = {
    "octave": octave,
    "unfold": unfold,
    "crop": crop_phrases,
    "tonic": tonic,
    "values": note_values,
    "mode": mode,
}
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
