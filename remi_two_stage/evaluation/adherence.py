"""How closely notes follow the chords of their plan.

- Chord tones on strong beats: of the notes struck on a strong beat, the share whose pitch class belongs to the chord
  that sounds there. Strong are the first beat of a bar and, where the beats of a bar can be halved, the first of its
  second half; bars without a metre and pick-ups have none. Notes over no chord or an unknown one do not count.
- Chords heard: of the bars with a known chord, the share in which `scores/harmony.py`, which sees the notes alone,
  hears the root and the triad (major, minor, diminished, augmented, suspended) of the plan's longest chord there.

Music whose plan was inferred from its notes has the second share by definition; compare with music whose chords
somebody wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ..core.chords import pitch_classes, split_label
from ..core.piece import Bar, Piece
from ..scores.harmony import label_chords

_TRIAD_SIZE = 3


@dataclass(frozen=True, slots=True)
class Adherence:
    """Counts over some pieces; `+` joins them."""

    strong_notes: int = 0
    chord_tones: int = 0
    bars: int = 0
    heard_bars: int = 0

    def __add__(self, other: Adherence) -> Adherence:
        return Adherence(
            self.strong_notes + other.strong_notes,
            self.chord_tones + other.chord_tones,
            self.bars + other.bars,
            self.heard_bars + other.heard_bars,
        )

    @property
    def chord_tone_share(self) -> float:
        """Chord tones among the notes on strong beats, from 0 to 1."""
        return self.chord_tones / self.strong_notes if self.strong_notes else float("nan")

    @property
    def heard_share(self) -> float:
        """Bars in which the planned chord is heard, from 0 to 1."""
        return self.heard_bars / self.bars if self.bars else float("nan")


def adherence(pieces: Iterable[Piece]) -> Adherence:
    """Count over some pieces, each with its chords."""
    return sum(map(_of_piece, pieces), start=Adherence())


def _of_piece(piece: Piece) -> Adherence:
    strong = [pitch in chord for bar in piece.bars for pitch, chord in _strong_notes(bar, piece.key.pitch_class)]
    silent = replace(piece, bars=tuple(replace(bar, chords=()) for bar in piece.bars))
    pairs = zip(label_chords(piece).bars, label_chords(silent).bars, strict=True)
    heard = [
        _triad(planned.chords[0].label) == _triad(guess.chords[0].label)
        for (planned, guess), bar in zip(pairs, piece.bars, strict=True)
        if bar.chords and _triad(planned.chords[0].label) is not None
    ]
    return Adherence(len(strong), sum(strong), len(heard), sum(heard))


def strong_beats(bar: Bar) -> tuple[int, ...]:
    """Ticks from the bar's start to its strong beats."""
    if bar.meter is None or bar.is_pickup:
        return ()
    beats = bar.meter.bar_length // bar.meter.beat_length
    half = bar.meter.bar_length // 2
    return (0, half) if beats % 2 == 0 and half < bar.length else (0,)


def _strong_notes(bar: Bar, tonic: int) -> Iterator[tuple[int, frozenset[int]]]:
    """Pitch class of every note on a strong beat, with those of the chord there."""
    for beat in strong_beats(bar):
        labels = [chord.label for chord in bar.chords if chord.onset <= beat]
        tones = pitch_classes(labels[-1], tonic) if labels and split_label(labels[-1]) else frozenset()
        if tones:
            yield from ((note.pitch % 12, tones) for voice in bar.notes for note in voice if note.onset == beat)


def _triad(label: str) -> tuple[int, frozenset[int]] | None:
    """Root above the tonic and triad of a label; None for no chord and an unknown one."""
    parts = split_label(label)
    if parts is None:
        return None
    root = parts[0]
    upper = sorted((pitch - root) % 12 for pitch in pitch_classes(label))
    return root, frozenset(upper[:_TRIAD_SIZE])
