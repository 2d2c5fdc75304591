"""How closely notes follow the chords of their plan.

- Chord tones on strong beats: of the notes struck on a strong beat, the share whose pitch class belongs to the chord
  that sounds there. Strong are the first beat of a bar and, where the beats of a bar can be halved, the first of its
  second half; bars without a metre and pick-ups have none. Notes over no chord or an unknown one do not count.
- Chords heard: of the bars with a known chord, the share in which `analysis/harmony.py`, which sees the notes alone,
  hears the root and the triad (major, minor, diminished, augmented, suspended) of the plan's longest chord there.
- Precision, recall and F1 of chords, as in FIGARO (von Rütte et al., 2023, section 4): for each bar the set of triads
  that are heard in it against the set that the plan has there, averaged over the bars with a known chord. A melody is
  heard bar by bar, so that its sets have one member; several voices are heard beat by beat.

Music whose plan was inferred from its notes has the second share by definition; compare with music whose chords
somebody wrote.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..analysis.harmony import label_chords
from ..core.chords import pitch_classes, split_label
from ..core.features import strong_notes
from ..core.piece import Bar, Piece
from .counts import Counts

_TRIAD_SIZE = 3

Triads = set[tuple[int, frozenset[int]]]


@dataclass(frozen=True, slots=True)
class Adherence(Counts):
    """Counts over some pieces; `+` joins them."""

    strong_notes: int = 0
    chord_tones: int = 0
    bars: int = 0
    heard_bars: int = 0
    precision_sum: float = 0.0
    recall_sum: float = 0.0
    f1_sum: float = 0.0

    @property
    def chord_tone_share(self) -> float:
        """Chord tones among the notes on strong beats, from 0 to 1."""
        return self.chord_tones / self.strong_notes if self.strong_notes else float("nan")

    @property
    def heard_share(self) -> float:
        """Bars in which the planned chord is heard, from 0 to 1."""
        return self.heard_bars / self.bars if self.bars else float("nan")

    def to_dict(self) -> dict[str, float]:
        """All shares, from 0 to 1, and what they are of."""
        sums = {"precision": self.precision_sum, "recall": self.recall_sum, "f1": self.f1_sum}
        return (
            {"chord_tone_share": self.chord_tone_share, "heard_share": self.heard_share}
            | {name: total / self.bars if self.bars else float("nan") for name, total in sums.items()}
            | {"strong_notes": self.strong_notes, "bars": self.bars}
        )


def adherence(pieces: Iterable[Piece]) -> Adherence:
    """Count over some pieces, each with its chords."""
    return sum(map(_of_piece, pieces), start=Adherence())


def _of_piece(piece: Piece) -> Adherence:
    strong = list(strong_notes(piece))
    silent = replace(piece, bars=tuple(replace(bar, chords=()) for bar in piece.bars))
    heard = label_chords(silent, "source")
    longest = zip(label_chords(piece, "bar").bars, label_chords(heard, "bar").bars, strict=True)
    compared = list(zip(piece.bars, heard.bars, longest, strict=True))
    known = [
        (_triads(bar), _triads(guess), _triads(planned) == _triads(main))
        for bar, guess, (planned, main) in compared
        if bar.chords and _triads(planned)
    ]
    scores = [_precision_recall_f1(planned, guess) for planned, guess, _ in known]
    sums = [sum(column) for column in zip(*scores, strict=True)] or [0.0] * 3
    return Adherence(len(strong), sum(strong), len(known), sum(is_heard for *_, is_heard in known), *sums)


def _precision_recall_f1(planned: Triads, heard: Triads) -> tuple[float, float, float]:
    common = len(planned & heard)
    precision, recall = common / max(1, len(heard)), common / len(planned)
    return precision, recall, 2 * precision * recall / (precision + recall) if common else 0.0


def _triads(bar: Bar) -> Triads:
    return {triad for chord in bar.chords if (triad := _triad(chord.label)) is not None}


def _triad(label: str) -> tuple[int, frozenset[int]] | None:
    """Root above the tonic and triad of a label; None for no chord and an unknown one."""
    parts = split_label(label)
    if parts is None:
        return None
    root = parts[0]
    upper = sorted((pitch - root) % 12 for pitch in pitch_classes(label))
    return root, frozenset(upper[:_TRIAD_SIZE])
