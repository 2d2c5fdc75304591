"""What can be counted in a piece by reading it: repetition, rhythm, register, ends, notes over their chords.

Conventions
- What a repeat sign repeats counts once, as written.
- Bars that count are those that sound, without pick-ups.
- Two bars are equal if they have the same onsets, pitches and durations in all voices; they have the same rhythm if
  onsets and durations are the same.
- Pitches are those of the piece as it is: at sounding pitch in its own keys (`Piece.in_original_key`).
- The melody is the first voice. A share of nothing is nan.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, takewhile

from .chords import pitch_classes, split_label
from .piece import Bar, Note, Piece
from .signatures import TICKS_PER_QUARTER

BarNotes = tuple[tuple[tuple[int, int, int], ...], ...]
"""Onset, pitch and duration of every note of every voice."""

_WHOLE_TUNE = 16
"""Bars from which on a tune need not repeat its parts to be long enough."""


def counted_bars(piece: Piece) -> list[Bar]:
    """The bars that count."""
    return [bar for bar in piece.bars if not bar.is_pickup and any(bar.notes)]


def contents(bar: Bar) -> BarNotes:
    """The notes of a bar; equal for equal bars."""
    return tuple(tuple((note.onset, note.pitch, note.duration) for note in voice) for voice in bar.notes)


def rhythm(bar: Bar) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Onset and duration of every note of every voice."""
    return tuple(tuple((note.onset, note.duration) for note in voice) for voice in bar.notes)


def repeated_bars(piece: Piece) -> float:
    """Share of the bars that were heard before, from 0 to 1."""
    bars = [contents(bar) for bar in counted_bars(piece)]
    return 1 - len(set(bars)) / len(bars) if bars else math.nan


def commonest_rhythm(piece: Piece) -> float:
    """Share of the bars that have the commonest rhythm, from 0 to 1."""
    bars = counted_bars(piece)
    return max(Counter(map(rhythm, bars)).values()) / len(bars) if bars else math.nan


def most_of_one_bar(piece: Piece) -> int:
    """How often the bar comes that comes most often; 0 where nothing sounds."""
    return max(Counter(map(contents, counted_bars(piece))).values(), default=0)


def note_lengths(piece: Piece) -> int:
    """How many different durations there are."""
    return len({note.duration for bar in piece.bars for voice in bar.notes for note in voice})


def pitches(piece: Piece, voice: int = 0) -> list[int]:
    """The pitches of a voice in their order, by default of the melody."""
    return [note.pitch for bar in piece.bars for note in bar.notes[voice]]


def last_note(piece: Piece) -> tuple[Bar, Note] | None:
    """The melody's last note and its bar; None where it has none."""
    return next(((bar, bar.notes[0][-1]) for bar in reversed(piece.bars) if bar.notes[0]), None)


def last_label(piece: Piece) -> str | None:
    """The label of the last chord; None where the piece has none."""
    return next((bar.chords[-1].label for bar in reversed(piece.bars) if bar.chords), None)


def chord_roots(piece: Piece) -> list[int | None]:
    """The root of every chord in semitones above the tonic, pick-ups left out; None for no chord and an unknown one."""
    parts = [split_label(chord.label) for bar in piece.bars if not bar.is_pickup for chord in bar.chords]
    return [None if part is None else part[0] for part in parts]


def last_chord_length(piece: Piece) -> float:
    """Quarter notes from where the last root begins to the end, at most those of a whole note; nan where it is not
    known.
    """
    starts = accumulate((bar.length for bar in piece.bars), initial=0)
    chords = [
        (start + chord.onset, None if parts is None else parts[0])
        for start, bar in zip(starts, piece.bars, strict=False)
        for chord in bar.chords
        for parts in (split_label(chord.label),)
    ]
    last = chords[-1][1] if chords else None
    if last is None:
        return math.nan
    begun = [*takewhile(lambda chord: chord[1] == last, reversed(chords))][-1][0]
    return min(sum(bar.length for bar in piece.bars) - begun, 4 * TICKS_PER_QUARTER) / TICKS_PER_QUARTER


def ends_on_strong_beat(piece: Piece) -> bool | None:
    """Whether the last chord begins on a strong beat; None without chords, or where it has no metre."""
    bar = next((bar for bar in reversed(piece.bars) if bar.chords), None)
    if bar is None or bar.meter is None:
        return None
    return bar.offset + bar.chords[-1].onset in bar.meter.strong_beats


def has_repeats(piece: Piece) -> bool | None:
    """Whether a part is repeated; None for a voice alone of fewer than 16 bars, since short tunes of all styles are."""
    if len(piece.voices) == 1 and piece.bar_count < _WHOLE_TUNE:
        return None
    return any(bar.repeat_end for bar in piece.bars)


def tonic_chords(piece: Piece) -> float:
    """Share of the known chords that are on the tonic; the same chord in the next bar counts again."""
    roots = [root for root in chord_roots(piece) if root is not None]
    return roots.count(0) / len(roots) if roots else math.nan


def bars_with_two_chords(piece: Piece) -> float:
    """Share of the bars with more than one chord, of all that have any."""
    numbers = [len(bar.chords) for bar in piece.bars if not bar.is_pickup and bar.chords]
    return sum(number > 1 for number in numbers) / len(numbers) if numbers else math.nan


def strong_beats(bar: Bar) -> tuple[int, ...]:
    """Ticks from the bar's start to the strong beats that it has. Bars without a metre and pick-ups have none."""
    if bar.meter is None or bar.is_pickup:
        return ()
    return tuple(beat for beat in bar.meter.strong_beats if beat == 0 or beat in bar.beats)


def strong_notes(piece: Piece) -> Iterator[bool]:
    """For every note struck on a strong beat over a known chord, whether it belongs to the chord."""
    tonic = piece.key.pitch_class
    for bar in piece.bars:
        for beat in strong_beats(bar):
            labels = [chord.label for chord in bar.chords if chord.onset <= beat]
            tones = pitch_classes(labels[-1], tonic) if labels and split_label(labels[-1]) else frozenset()
            if tones:
                yield from (note.pitch % 12 in tones for voice in bar.notes for note in voice if note.onset == beat)


def alone(piece: Piece, voices: Sequence[int]) -> Piece:
    """This piece with some of its voices, by their indices."""
    bars = tuple(replace(bar, notes=tuple(bar.notes[voice] for voice in voices), notation=()) for bar in piece.bars)
    return replace(piece, voices=tuple(piece.voices[voice] for voice in voices), bars=bars, instruments=(), source=None)
