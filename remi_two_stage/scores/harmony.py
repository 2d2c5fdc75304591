"""A chord for every bar: from the chord symbols of the source where it has them, else inferred from the notes.

Conventions
- Labels are Roman numerals (`core/chords.py`) counted from the tonic of the piece's first bar, pitch classes too.
- A symbol holds until the next one, over barlines.
- Inference finds the most probable sequence of triads (Viterbi) under a linear-chain conditional random field
  (Lafferty, McCallum and Pereira, 2001) whose few parameters depend on the intervals between notes, roots and
  neighbouring roots, not on single chords. `benchmarks/estimate_harmony.py` estimates them and writes
  `harmony_table.py`. Sevenths are added by rule.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from operator import add
from typing import Literal, NamedTuple

from ..core.chords import NO_CHORD, UNKNOWN_CHORD, make_label, split_label
from ..core.errors import RequestError
from ..core.piece import MODES, Bar, Chord, Note, Piece
from . import harmony_table as table

HarmonicRhythm = Literal["source", "bar", "beat"]
HARMONIC_RHYTHMS = ("source", "bar", "beat")

Triad = tuple[int, str]
"""(semitones from the tonic to the root, "maj" or "min")."""

TRIADS: tuple[Triad, ...] = (
    (0, "maj"), (5, "maj"), (7, "maj"), (2, "min"), (9, "min"), (2, "maj"), (10, "maj"), (4, "min"),
    (9, "maj"), (4, "maj"), (7, "min"), (3, "maj"), (5, "min"), (8, "maj"), (0, "min"),
)  # fmt: skip
"""The chords that inference chooses from."""
FEATURES = ("first half", "second half", "downbeat", "last note", "next downbeat")
"""What is known of a bar's pitch classes: shares of the sounding time in its halves, and single notes."""
POSITIONS = ("bar 1", "bar 2", "bar 3", "bar 4", "last but one", "last")
"""Places of a bar in its section, whose bars count in fours; a pick-up is bar 4, since it leads to bar 1."""
_MODAL_PENALTY = 1.5
"""What a chord tone costs that is foreign to the mode, as far as it is not foreign to major or minor itself."""
_ALTERED_DOMINANTS = (2, 4, 9)
"""Roots of the secondary dominants, which nearly always bear their seventh."""


class Evidence(NamedTuple):
    """What speaks for or against a chord: index into `FEATURES`, pitch class above the tonic, weight from 0 to 1."""

    feature: int
    pitch_class: int
    weight: float


def label_chords(piece: Piece, harmonic_rhythm: HarmonicRhythm = "bar") -> Piece:
    """This piece with a chord for every bar, the first one at the bar's start.

    Chord symbols are kept where the piece has any: a bar without one continues the chord before it, bars before the
    first one are inferred. A piece without symbols is inferred from its notes.

    Args:
        piece: Any piece; chords `unk` count as missing.
        harmonic_rhythm: `source` keeps every chord at its position, `bar` the one that sounds longest in the bar (ties
            to the first), `beat` the one that sounds longest in each beat.

    Raises:
        RequestError: no such harmonic rhythm.
    """
    if harmonic_rhythm not in HARMONIC_RHYTHMS:
        raise RequestError(
            f"there is no harmonic rhythm {harmonic_rhythm!r}; choose one of {', '.join(HARMONIC_RHYTHMS)}"
        )
    chords = _continued([tuple(chord for chord in bar.chords if chord.label != UNKNOWN_CHORD) for bar in piece.bars])
    first = next((index for index, found in enumerate(chords) if found), None)
    known = chords[first][0].label if first is not None else None
    missing = len(chords) if first is None else first + (chords[first][0].onset > 0)
    if missing:
        for index, label in enumerate(infer_chords(piece, missing, known)):
            chords[index] = (Chord(0, label), *chords[index])
    simplify = {"source": _without_repetition, "bar": _longest, "beat": _by_beat}[harmonic_rhythm]
    return replace(
        piece,
        bars=tuple(replace(bar, chords=simplify(bar, found)) for bar, found in zip(piece.bars, chords, strict=True)),
    )


def _continued(chords: list[tuple[Chord, ...]]) -> list[tuple[Chord, ...]]:
    """Let the last chord of a bar hold in the next one, up to that bar's first chord."""
    current: str | None = None
    for index, found in enumerate(chords):
        if current is not None and (not found or found[0].onset > 0):
            chords[index] = found = (Chord(0, current), *found)
        current = found[-1].label if found else current
    return chords


def _without_repetition(bar: Bar, chords: tuple[Chord, ...]) -> tuple[Chord, ...]:
    at = {chord.onset: chord for chord in chords if chord.onset < bar.length or chord.onset == 0}
    kept: list[Chord] = []
    for chord in at.values():
        if not kept or chord.label != kept[-1].label:
            kept.append(chord)
    return tuple(kept)


def _longest(bar: Bar, chords: tuple[Chord, ...]) -> tuple[Chord, ...]:
    return (Chord(0, chords[0].label if len(chords) == 1 else _longest_label(chords, 0, bar.length)),)


def _longest_label(chords: tuple[Chord, ...], start: int, end: int) -> str:
    """Label of the chord that sounds longest between two ticks of a bar; ties to the first."""
    sounding: dict[str, int] = {}
    ends = [chord.onset for chord in chords[1:]] + [max(end, chords[-1].onset)]
    for chord, chord_end in zip(chords, ends, strict=True):
        duration = min(chord_end, end) - max(chord.onset, start)
        if duration > 0 or not sounding:
            sounding[chord.label] = sounding.get(chord.label, 0) + duration
    return max(sounding, key=sounding.__getitem__)


def _by_beat(bar: Bar, chords: tuple[Chord, ...]) -> tuple[Chord, ...]:
    beat = bar.meter.beat_length if bar.meter else bar.length
    offset = bar.offset % beat
    starts = [0, *range(beat - offset if offset else beat, bar.length, beat)]
    ends = [*starts[1:], bar.length]
    return _without_repetition(
        bar, tuple(Chord(start, _longest_label(chords, start, end)) for start, end in zip(starts, ends, strict=True))
    )


def infer_chords(piece: Piece, count: int | None = None, following: str | None = None) -> list[str]:
    """The most probable chord label of each bar, from the notes alone.

    Args:
        piece: Any piece; its own chords are not looked at.
        count: How many bars to label, from the first; None labels all.
        following: The chord right after these bars, if known.
    """
    count = len(piece.bars) if count is None else count
    evidence = bar_evidence(piece, count)
    places = bar_positions(piece)[:count]
    prior = _prior(piece.key.mode)
    scores = [_scores(seen, prior[place]) for seen, place in zip(evidence, places, strict=True)]
    after = split_label(following) if following and following != NO_CHORD else None
    path = _best_path(scores, TRIADS.index(after) if after in TRIADS else None)
    return [
        _with_seventh(TRIADS[state], TRIADS[later]) for state, later in zip(path, [*path[1:], path[-1]], strict=True)
    ]


def bar_positions(piece: Piece) -> list[int]:
    """For each bar the index into `POSITIONS`; phrases and repeats begin sections."""
    positions = []
    number, last = 0, len(piece.bars) - 1
    closes = [bar.repeat_end or bar.ending_end or index == last for index, bar in enumerate(piece.bars)]
    for index, bar in enumerate(piece.bars):
        if bar.repeat_start or bar.phrase_start or (index and piece.bars[index - 1].repeat_end):
            number = 0
        if bar.is_pickup:
            positions.append(3)
        else:
            positions.append(5 if closes[index] else 4 if closes[index + 1] else number % 4)
            number += 1
    return positions


def bar_evidence(piece: Piece, count: int | None = None) -> list[list[Evidence]]:
    """What the notes of each of the first `count` bars (None: all) say; of notes struck together the lowest counts."""
    bars = piece.bars[: None if count is None else count + 1]
    tonic = piece.key.pitch_class
    voices = [[note for sung in bar.notes for note in sung] for bar in bars]
    downbeats = [_downbeat(notes, tonic) for notes in voices]
    evidence = []
    for index, (bar, notes) in enumerate(zip(bars[:count], voices, strict=False)):
        seen = _shares(bar, notes, tonic)
        if (downbeat := downbeats[index]) is not None:
            seen.append(Evidence(2, downbeat, 1.0))
        if notes:
            last = max(notes, key=lambda note: (note.onset, -note.pitch))
            seen.append(Evidence(3, (last.pitch - tonic) % 12, 1.0))
        if index + 1 < len(bars) and (downbeat := downbeats[index + 1]) is not None:
            seen.append(Evidence(4, downbeat, 1.0))
        evidence.append(seen)
    return evidence


def _downbeat(notes: list[Note], tonic: int) -> int | None:
    """Pitch class, above the tonic, of the lowest note that begins the bar."""
    lowest = min((note.pitch for note in notes if note.onset == 0), default=None)
    return None if lowest is None else (lowest - tonic) % 12


def _shares(bar: Bar, notes: list[Note], tonic: int) -> list[Evidence]:
    """The share of each pitch class in the time sounded in either half; a bar in three has no second half."""
    triple = bar.meter is not None and bar.meter.numerator in (3, 9)
    middle = bar.length if triple else bar.length // 2
    shares: dict[tuple[int, int], int] = {}
    total = 0
    for note in notes:
        pitch_class = (note.pitch - tonic) % 12
        total += note.duration
        early = min(note.duration, max(0, middle - note.onset))
        for half, duration in ((0, early), (1, note.duration - early)):
            if duration:
                shares[half, pitch_class] = shares.get((half, pitch_class), 0) + duration
    return [Evidence(half, pitch_class, duration / total) for (half, pitch_class), duration in shares.items()]


@cache
def _emission() -> list[list[list[float]]]:
    """Score of every triad, by feature and pitch class above the tonic."""
    return [
        [
            [table.TONES[quality][feature][(pitch_class - root) % 12] for root, quality in TRIADS]
            for pitch_class in range(12)
        ]
        for feature in range(len(FEATURES))
    ]


@cache
def _transition() -> list[list[float]]:
    """Score of every triad before each triad: [to][from]."""
    return [[table.STEPS[before][quality][(root - start) % 12] for start, before in TRIADS] for root, quality in TRIADS]


@cache
def _prior(mode: str) -> list[list[float]]:
    """Score of every triad by position; modes other than major and minor borrow from the nearer one."""
    family = "maj" if mode in ("maj", "lyd", "mix") else "min"
    foreign = [_foreign_tones(triad, mode) - _foreign_tones(triad, family) for triad in TRIADS]
    return [
        [score - _MODAL_PENALTY * tones for score, tones in zip(row, foreign, strict=True)]
        for row in table.PRIORS[family]
    ]


def _foreign_tones(triad: Triad, mode: str) -> int:
    scale = {7 * (MODES[mode] - 1 + step) % 12 for step in range(7)}
    root, quality = triad
    return len({(root + interval) % 12 for interval in (0, 4 if quality == "maj" else 3, 7)} - scale)


def _scores(evidence: list[Evidence], prior: list[float]) -> list[float]:
    emission = _emission()
    scores = prior
    for feature, pitch_class, weight in evidence:
        scores = [score + weight * row for score, row in zip(scores, emission[feature][pitch_class], strict=True)]
    return scores


def _best_path(scores: list[list[float]], following: int | None) -> list[int]:
    """Viterbi: the sequence of triads with the highest sum of scores and transitions."""
    transition = _transition()
    best = scores[0]
    origins = []
    for here in scores[1:]:
        arrivals = [list(map(add, best, row)) for row in transition]
        tops = [max(row) for row in arrivals]
        origins.append([row.index(top) for row, top in zip(arrivals, tops, strict=True)])
        best = list(map(add, tops, here))
    if following is not None:
        best = list(map(add, best, transition[following]))
    path = [best.index(max(best))]
    for origin in reversed(origins):
        path.append(origin[path[-1]])
    return path[::-1]


def _with_seventh(triad: Triad, following: Triad) -> str:
    """Label of a triad; dominants bear a seventh, V only where it resolves a fifth down."""
    root, quality = triad
    is_dominant = quality == "maj" and (root in _ALTERED_DOMINANTS or (root == 7 and following[0] == 0))
    return make_label(root, "7" if is_dominant else quality)
