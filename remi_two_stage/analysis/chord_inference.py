"""Chords inferred from notes.

Conventions
- Roots and pitch classes count from the tonic of the piece's first bar.
- The most probable sequence of triads (Viterbi) under a linear-chain conditional random field (Lafferty, McCallum and
  Pereira, 2001) whose few parameters depend on the intervals between notes, roots and neighbouring roots, not on single
  chords. There are two: `melody()` has a triad a bar, `voices()` one a beat. `benchmarks/estimate_harmony.py` estimates
  both and writes `chord_parameters.py`. Sevenths are added by rule.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, reduce
from itertools import groupby, pairwise
from operator import sub
from struct import Struct
from typing import NamedTuple

from ..core.chords import make_label, split_label
from ..core.piece import Bar, Chord, Note, Piece
from ..core.signatures import MODES
from . import chord_parameters as table

Triad = tuple[int, str]
"""(semitones from the tonic to the root, key of `chords.QUALITIES`)."""

MELODY_TRIADS: tuple[Triad, ...] = (
    (0, "maj"), (5, "maj"), (7, "maj"), (2, "min"), (9, "min"), (2, "maj"), (10, "maj"), (4, "min"),
    (9, "maj"), (4, "maj"), (7, "min"), (3, "maj"), (5, "min"), (8, "maj"), (0, "min"),
)  # fmt: skip
VOICES_TRIADS: tuple[Triad, ...] = tuple((root, quality) for quality in ("maj", "min", "dim") for root in range(12))

MELODY_FEATURES = ("first half", "second half", "downbeat", "last note", "next downbeat")
"""What is known of a bar's pitch classes: shares of the sounding time in its halves, and single notes."""
VOICES_FEATURES = ("sounding", "bass", "struck")
"""What is known of a beat's pitch classes: shares of the sounding time, of the bass, of the notes that begin it."""

MELODY_PLACES = ("bar 1", "bar 2", "bar 3", "bar 4", "last but one", "last")
"""Places of a bar in its section, whose bars count in fours; a pick-up is bar 4, since it leads to bar 1."""
VOICES_PLACES = ("any",)

_INTERVALS = {"maj": (0, 4, 7), "min": (0, 3, 7), "dim": (0, 3, 6)}
_MODAL_PENALTY = 1.5
"""What a chord tone costs that is foreign to the mode, as far as it is not foreign to major or minor itself."""
_ALTERED_DOMINANTS = (2, 4, 9)
"""Roots of the secondary dominants, which nearly always bear their seventh."""
FULL_WEIGHT = 2**9 * 3**4 * 5**2 * 7 * 11 * 13
"""The weight of a note that counts by itself; shares of a time add up to it, and usual ones are whole numbers."""
_POINT = 100 * FULL_WEIGHT
"""What scores and transitions are counted in: a number 1.00 of the tables."""
_ABOVE_ZERO = 100 * _POINT
"""What priors and transitions are raised by, so that no sum is negative."""
_AUDIBLE_SEVENTH = FULL_WEIGHT // 10
"""The share of a beat's sounding time that makes a seventh part of the chord: half a beat in one of four voices."""
_WITH_SEVENTH = {"maj": "7", "min": "min7", "dim": "hdim7"}
_DENSITY_OF_VOICES = 2.0
"""Notes sounding at once, on average, from which on the chords are taken from the voices' harmony."""


Evidence = tuple[int, int, int]
"""What speaks for or against a chord: index of a feature, pitch class above the tonic, weight up to `FULL_WEIGHT`."""


class ChordSegment(NamedTuple):
    """A stretch of a bar that has one chord: the bar's index, onset and end in it, index of a place, and evidence."""

    bar: int
    onset: int
    end: int
    place: int
    evidence: list[Evidence]


class ChordModel:
    """A conditional random field over triads, ready for use; all its sums are exact.

    Args:
        triads: The chords to choose from; of equally good ones the first is chosen.
        tones: Triad quality -> [feature][semitones of a note above the root].
        steps: Quality of a triad -> quality of the next one -> [semitones from root to root].
        priors: "maj" or "min" -> [place][triad].
    """

    def __init__(
        self,
        triads: Sequence[Triad],
        tones: Mapping[str, Sequence[Sequence[float]]],
        steps: Mapping[str, Mapping[str, Sequence[float]]],
        priors: Mapping[str, Sequence[Sequence[float]]],
    ) -> None:
        self.triads = tuple(triads)
        self._rows = rows = PackedNumbers(len(triads))
        features = range(len(next(iter(tones.values()))))
        self._emission = [
            [
                rows.pack(_exact((tones[quality][feature][(heard - root) % 12] for root, quality in triads), 100))
                for heard in range(12)
            ]
            for feature in features
        ]
        leaving = [
            _exact((steps[before][after][(to - root) % 12] for to, after in triads), _POINT) for root, before in triads
        ]
        self._leaving = [rows.pack(row) + _ABOVE_ZERO * rows.ones for row in leaving]
        self._arriving = list(zip(*leaving, strict=True))
        recovery = [[max(map(sub, lost, won)) for lost in leaving] for won in leaving]
        self._recovery = [(max(row), row) for row in recovery]
        self._priors = {mode: self._prior(mode, priors) for mode in MODES}

    def _prior(self, mode: str, priors: Mapping[str, Sequence[Sequence[float]]]) -> list[int]:
        """A row for each place; modes other than major and minor borrow from the nearer one."""
        family = "maj" if mode in ("maj", "lyd", "mix") else "min"
        penalties = [
            _MODAL_PENALTY * (_foreign_tones(triad, mode) - _foreign_tones(triad, family)) for triad in self.triads
        ]
        return [
            self._rows.pack(_exact(map(sub, row, penalties), _POINT)) + _ABOVE_ZERO * self._rows.ones
            for row in priors[family]
        ]

    def best_path(self, segments: Sequence[ChordSegment], mode: str, following: Triad | None = None) -> list[Triad]:
        """The sequence of triads with the highest sum of scores and transitions (Viterbi)."""
        priors = self._priors[mode]
        contenders: dict[int, int] = {}
        reached = []
        for segment in segments:
            contenders = self._contenders(self._totals(contenders, priors[segment.place], segment.evidence))
            reached.append(contenders)
        path = [self.triads.index(following)] if following in self.triads else []
        for contenders in reversed(reached):
            if path:
                arriving = self._arriving[path[-1]]
                contenders = {state: behind + arriving[state] for state, behind in contenders.items()}
            path.append(max(contenders, key=contenders.__getitem__))
        return [self.triads[state] for state in path[::-1][: len(segments)]]

    def _totals(self, before: Mapping[int, int], prior: int, evidence: Iterable[Evidence]) -> Sequence[int]:
        """Each triad's total in a segment on the best way through the triads before it."""
        row = prior
        for feature, heard, weight in evidence:
            row += weight * self._emission[feature][heard]
        if before:
            ways = [self._leaving[state] + behind * self._rows.ones for state, behind in before.items()]
            row += reduce(self._rows.larger, ways)
        return self._rows.unpack(row)

    def _contenders(self, totals: Sequence[int]) -> dict[int, int]:
        """How far behind the leading triad each triad is that may yet win, whatever triad comes next."""
        highest = max(totals)
        most, recovery = self._recovery[totals.index(highest)]
        least = highest - most
        return {
            state: total - highest
            for state, total in enumerate(totals)
            if total >= least and total + recovery[state] >= highest
        }


def _exact(scores: Iterable[float], unit: int) -> list[int]:
    """Scores of two digits after the point, as whole numbers of a hundredth of the unit."""
    return [round(100 * score) * (unit // 100) for score in scores]


def _foreign_tones(triad: Triad, mode: str) -> int:
    scale = {7 * (MODES[mode] - 1 + step) % 12 for step in range(7)}
    root, quality = triad
    return sum((root + interval) % 12 not in scale for interval in _INTERVALS[quality])


@cache
def melody() -> ChordModel:
    """The model of melodies: a triad a bar."""
    return ChordModel(MELODY_TRIADS, table.MELODY_TONES, table.MELODY_STEPS, table.MELODY_PRIORS)


@cache
def voices() -> ChordModel:
    """The model of several voices: a triad a beat."""
    return ChordModel(VOICES_TRIADS, table.VOICES_TONES, table.VOICES_STEPS, table.VOICES_PRIORS)


def infer_chords(piece: Piece, count: int | None = None, following: str | None = None) -> list[tuple[Chord, ...]]:
    """The most probable chords of each bar, the first at its start, from the notes alone.

    Args:
        piece: Any piece; its own chords are not looked at.
        count: How many bars to label, from the first; None labels all.
        following: The chord right after these bars, if known.
    """
    count = len(piece.bars) if count is None else count
    after = split_label(following) if following else None
    if _is_dense(piece):
        segments = voices_segments(piece, count)
        path = voices().best_path(segments, piece.key.mode, after)
        labels = _with_sounding_sevenths(segments, path)
    else:
        segments = melody_segments(piece, count)
        path = melody().best_path(segments, piece.key.mode, after)
        labels = [_with_usual_seventh(here, later) for here, later in pairwise([*path, after or path[-1]])]
    chords: list[list[Chord]] = [[] for _ in range(count)]
    for segment, label in zip(segments, labels, strict=True):
        chords[segment.bar].append(Chord(segment.onset, label))
    return [tuple(of_bar) for of_bar in chords]


def _is_dense(piece: Piece) -> bool:
    sounding = sum([note.duration for bar in piece.bars for sung in bar.notes for note in sung])
    if sounding < _DENSITY_OF_VOICES * sum([bar.length for bar in piece.bars]):
        return False
    return len(piece.voices) > 1 or any(
        len({note.onset for note in bar.notes[0]}) < len(bar.notes[0]) for bar in piece.bars
    )


@cache
def _with_usual_seventh(triad: Triad, following: Triad) -> str:
    """Label of a melody's triad; dominants bear a seventh, V only where it resolves a fifth down."""
    root, quality = triad
    is_dominant = quality == "maj" and (root in _ALTERED_DOMINANTS or (root == 7 and following[0] == 0))
    return make_label(root, "7" if is_dominant else quality)


def _with_sounding_sevenths(segments: Sequence[ChordSegment], path: Sequence[Triad]) -> list[str]:
    """Labels of the voices' triads, with the minor seventh where it sounds before the triad or the bar changes."""
    labels: list[str] = []
    pairs = zip(segments, path, strict=True)
    for (_, (root, quality)), group in groupby(pairs, key=lambda pair: (pair[0].bar, pair[1])):
        same = [segment for segment, _ in group]
        has_seventh = any(
            feature == 0 and (heard - root) % 12 == 10 and weight >= _AUDIBLE_SEVENTH
            for segment in same
            for feature, heard, weight in segment.evidence
        )
        labels += [make_label(root, _WITH_SEVENTH[quality] if has_seventh else quality)] * len(same)
    return labels


# --- melodies


def melody_segments(piece: Piece, count: int) -> list[ChordSegment]:
    """The first `count` bars with what their notes say; of notes struck together the lowest counts."""
    tonic = piece.key.pitch_class
    heard = [_heard(bar) for bar in piece.bars[: count + 1]]
    downbeats = [(notes[0].pitch - tonic) % 12 if notes and not notes[0].onset else None for notes in (*heard, ())]
    segments = []
    for index, (bar, notes, place) in enumerate(zip(piece.bars[:count], heard, _places(piece.bars), strict=False)):
        evidence = _shares(bar, notes, tonic)
        if (downbeat := downbeats[index]) is not None:
            evidence.append((2, downbeat, FULL_WEIGHT))
        if notes:
            evidence.append((3, (_last(notes).pitch - tonic) % 12, FULL_WEIGHT))
        if (downbeat := downbeats[index + 1]) is not None:
            evidence.append((4, downbeat, FULL_WEIGHT))
        segments.append(ChordSegment(index, 0, bar.length, place, evidence))
    return segments


def _heard(bar: Bar) -> Sequence[Note]:
    """The notes of all voices by onset, then pitch."""
    if len(bar.notes) == 1:
        return bar.notes[0]
    return sorted((note for sung in bar.notes for note in sung), key=lambda note: (note.onset, note.pitch))


def _last(notes: Sequence[Note]) -> Note:
    """The lowest of the notes that begin last."""
    last = len(notes) - 1
    while last and notes[last - 1].onset == notes[last].onset:
        last -= 1
    return notes[last]


def _places(bars: Sequence[Bar]) -> Iterator[int]:
    """For each bar the index into `MELODY_PLACES`; phrases and repeats begin sections."""
    number, last = 0, len(bars) - 1
    closes = [bar.repeat_end or bar.ending_end or index == last for index, bar in enumerate(bars)]
    for index, bar in enumerate(bars):
        if bar.repeat_start or bar.phrase_start or (index and bars[index - 1].repeat_end):
            number = 0
        if bar.is_pickup:
            yield 3
        else:
            yield 5 if closes[index] else 4 if closes[index + 1] else number % 4
            number += 1


def _shares(bar: Bar, notes: Sequence[Note], tonic: int) -> list[Evidence]:
    """Each note's share in the time sounded, in the half where it sounds; a bar in three has no second half."""
    is_triple = bar.meter is not None and bar.meter.numerator in (3, 9)
    middle = bar.length if is_triple else bar.length // 2
    unit = FULL_WEIGHT // (sum([note.duration for note in notes]) or 1)
    shares = []
    for note in notes:
        heard = (note.pitch - tonic) % 12
        early = middle - note.onset
        if early >= note.duration:
            shares.append((0, heard, unit * note.duration))
        elif early <= 0:
            shares.append((1, heard, unit * note.duration))
        else:
            shares += ((0, heard, unit * early), (1, heard, unit * (note.duration - early)))
    return shares


# --- several voices


def voices_segments(piece: Piece, count: int) -> list[ChordSegment]:
    """The beats of the first `count` bars with what their notes say."""
    tonic = piece.key.pitch_class
    segments: list[ChordSegment] = []
    ringing: list[tuple[int, int, int]] = []
    for index, bar in enumerate(piece.bars[:count]):
        ringing += [(note.onset, note.onset + note.duration, note.pitch) for sung in bar.notes for note in sung]
        limits = [*bar.beats, bar.length]
        heard: list[list[tuple[int, int, int]]] = [[] for _ in limits[1:]]
        for note in ringing:
            for of_beat in heard[max(0, bisect_right(limits, note[0]) - 1) : bisect_left(limits, note[1])]:
                of_beat.append(note)
        for (onset, end), of_beat in zip(pairwise(limits), heard, strict=True):
            segments.append(ChordSegment(index, onset, end, 0, _beat_evidence(of_beat, onset, end, tonic)))
        ringing = [(on - bar.length, off - bar.length, pitch) for on, off, pitch in ringing if off > bar.length]
    return segments


def _beat_evidence(heard: Sequence[tuple[int, int, int]], start: int, end: int, tonic: int) -> list[Evidence]:
    """Evidence of the notes (onset, end, pitch) that sound between two ticks."""
    amounts: tuple[dict[int, int], ...] = ({}, {}, {})
    for onset, off, pitch in heard:
        _add(amounts[0], pitch, min(off, end) - max(onset, start))
        if onset == start:
            _add(amounts[2], pitch, 1)
    limits = sorted({start, end, *(time for note in heard for time in note[:2] if start < time < end)})
    for left, right in pairwise(limits):
        sounding = [pitch for onset, off, pitch in heard if onset <= left and off >= right]
        if sounding:
            _add(amounts[1], min(sounding), right - left)
    return [
        (feature, (pitch_class - tonic) % 12, FULL_WEIGHT * amount // total)
        for feature, of_feature in enumerate(amounts)
        for total in [sum(of_feature.values())]
        for pitch_class, amount in of_feature.items()
    ]


def _add(amounts: dict[int, int], pitch: int, amount: int) -> None:
    amounts[pitch % 12] = amounts.get(pitch % 12, 0) + amount


_LANE = 64


class PackedNumbers:
    """What adding and multiplying cannot do with packed rows of `count` numbers.

    Attributes:
        ones: The row whose numbers are all 1; a multiple of it moves all numbers of a row.
    """

    def __init__(self, count: int) -> None:
        self.ones = self.pack([1] * count)
        self._top_bits = self.ones << _LANE - 1
        self._lanes = Struct(f"<{count}Q")

    @staticmethod
    def pack(numbers: Iterable[int]) -> int:
        """The row of these numbers; a negative one borrows from the next lane, and a sum gives that back."""
        return sum(number << _LANE * lane for lane, number in enumerate(numbers))

    def unpack(self, row: int) -> tuple[int, ...]:
        """The numbers of a row."""
        return self._lanes.unpack(row.to_bytes(self._lanes.size, "little"))

    def larger(self, row: int, other: int) -> int:
        """The larger number of each lane (Warren, Hacker's Delight, 2013, chapter 2, on many lanes at once)."""
        not_smaller = ((row | self._top_bits) - other) & self._top_bits
        kept = not_smaller - (not_smaller >> _LANE - 1)
        return other ^ (row ^ other) & kept
