"""Chords inferred from notes.

Conventions
- Roots and pitch classes count from the tonic of the piece's first bar.
- The most probable sequence of triads (Viterbi) under a linear-chain conditional random field (Lafferty, McCallum and
  Pereira, 2001). There are two: `melody()` has a triad for every half or third of a bar, and a bar keeps one chord
  unless two are more probable; `voices()` has one for every beat. What speaks for a chord depends on the intervals
  between notes and root, and in melodies a little on the chord itself; how likely it follows another depends in
  melodies on the mode and on whether a barline lies between. `benchmarks/estimate_harmony.py` estimates both and writes
  `chord_parameters.py`. Sevenths are added by rule.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, reduce
from itertools import groupby, pairwise
from operator import sub
from typing import NamedTuple

from ..core.chords import QUALITIES, make_label, split_label
from ..core.piece import Bar, Chord, Note, Piece
from ..core.signatures import MODES, Key
from . import chord_parameters as table
from .packed_numbers import PackedNumbers

Triad = tuple[int, str]
"""(semitones from the tonic to the root, key of `chords.QUALITIES`)."""

MELODY_TRIADS: tuple[Triad, ...] = (
    (0, "maj"), (5, "maj"), (7, "maj"), (2, "min"), (9, "min"), (2, "maj"), (10, "maj"), (4, "min"),
    (9, "maj"), (4, "maj"), (7, "min"), (3, "maj"), (5, "min"), (8, "maj"), (0, "min"),
)  # fmt: skip
VOICES_TRIADS: tuple[Triad, ...] = tuple((root, quality) for quality in ("maj", "min", "dim") for root in range(12))

MELODY_FEATURES = (
    "sounding", "sounding, later", "rest of the bar", "rest of the bar, later", "first note", "first note, later",
    "last note", "last note, later", "next first note", "next first note, later", "next downbeat", "note before",
)  # fmt: skip
"""What is known of a segment's pitch classes and those around it: shares of the sounding time, and single notes. Those
marked "later" are of the segments after the first one of a bar.
"""
VOICES_FEATURES = ("sounding", "bass", "struck")
"""What is known of a beat's pitch classes: shares of the sounding time, of the bass, of the notes that begin it."""
_BASS_FEATURE = VOICES_FEATURES.index("bass")

_BAR_PLACES = ("bar 1", "bar 2", "bar 3", "bar 4", "last but one", "last")
MELODY_PLACES = (*_BAR_PLACES, *(f"{place}, later" for place in _BAR_PLACES))
"""Places of a segment: of its bar in the section, whose bars count in fours (a pick-up is bar 4, since it leads to
bar 1), and whether it is the bar's first.
"""
MELODY_STEPS = ("over a barline", "in a bar", "in the last bar")
"""Steps into a segment from the one before it."""
VOICES_PLACES = ("any",)
VOICES_STEPS = ("any",)

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
    """A stretch of a bar that has one chord: the bar's index, onset and end in it, indices of a place and of the step
    into it, and evidence.
    """

    bar: int
    onset: int
    end: int
    place: int
    step: int
    evidence: list[Evidence]


class _Step(NamedTuple):
    """What a step adds to the totals: a row for each triad that is left, the same by the triad that is reached, and how
    much a triad that is behind can win back from one that is ahead, as the most and triad by triad.
    """

    leaving: list[int]
    arriving: list[tuple[int, ...]]
    recovery: list[tuple[int, list[int]]]


class ChordModel:
    """A conditional random field over triads, ready for use; all its sums are exact.

    Args:
        triads: The chords to choose from; of equally good ones the first is chosen.
        tones: For each triad [feature][semitones of a note above the root].
        steps: "maj" or "min" -> [step][triad][next triad].
        priors: "maj" or "min" -> [place][triad].
    """

    def __init__(
        self,
        triads: Sequence[Triad],
        tones: Sequence[Sequence[Sequence[float]]],
        steps: Mapping[str, Sequence[Sequence[Sequence[float]]]],
        priors: Mapping[str, Sequence[Sequence[float]]],
    ) -> None:
        self.triads = tuple(triads)
        self._rows = rows = PackedNumbers(len(triads))
        self._emission = [
            [
                rows.pack(_exact((of[feature][(heard - root) % 12] for (root, _), of in of_triads), 100))
                for heard in range(12)
            ]
            for of_triads in [list(zip(triads, tones, strict=True))]
            for feature in range(len(tones[0]))
        ]
        compiled = {family: [self._step(table) for table in tables] for family, tables in steps.items()}
        self._steps = {mode: compiled[_family(mode)] for mode in MODES}
        self._priors = {mode: self._prior(mode, priors) for mode in MODES}

    def _step(self, table: Sequence[Sequence[float]]) -> _Step:
        leaving = [_exact(row, _POINT) for row in table]
        recovery = [[max(map(sub, lost, won)) for lost in leaving] for won in leaving]
        return _Step(
            [self._rows.pack(row) + _ABOVE_ZERO * self._rows.ones for row in leaving],
            list(zip(*leaving, strict=True)),
            [(max(row), row) for row in recovery],
        )

    def _prior(self, mode: str, priors: Mapping[str, Sequence[Sequence[float]]]) -> list[int]:
        """A row for each place; modes other than major and minor borrow from the nearer one."""
        family = _family(mode)
        penalties = [
            _MODAL_PENALTY * (_foreign_tones(triad, mode) - _foreign_tones(triad, family)) for triad in self.triads
        ]
        return [
            self._rows.pack(_exact(map(sub, row, penalties), _POINT)) + _ABOVE_ZERO * self._rows.ones
            for row in priors[family]
        ]

    def best_path(self, segments: Sequence[ChordSegment], mode: str, following: Triad | None = None) -> list[Triad]:
        """The sequence of triads with the highest sum of scores and transitions (Viterbi)."""
        priors, steps = self._priors[mode], self._steps[mode]
        contenders: dict[int, int] = {}
        reached = []
        onward = [*(steps[segment.step] for segment in segments[1:]), steps[0]]
        leaving: Sequence[int] = ()
        for segment, step in zip(segments, onward, strict=True):
            totals = self._totals(contenders, leaving, priors[segment.place], segment.evidence)
            contenders = _contenders(totals, step.recovery)
            reached.append(contenders)
            leaving = step.leaving
        path = [self.triads.index(following)] if following in self.triads else []
        for contenders, step in zip(reversed(reached), reversed(onward), strict=True):
            if path:
                arriving = step.arriving[path[-1]]
                contenders = {state: behind + arriving[state] for state, behind in contenders.items()}
            path.append(max(contenders, key=contenders.__getitem__))
        return [self.triads[state] for state in path[::-1][: len(segments)]]

    def _totals(
        self, before: Mapping[int, int], leaving: Sequence[int], prior: int, evidence: Iterable[Evidence]
    ) -> Sequence[int]:
        """Each triad's total in a segment on the best way through the triads before it."""
        row = prior
        for feature, heard, weight in evidence:
            row += weight * self._emission[feature][heard]
        if before:
            ways = [leaving[state] + behind * self._rows.ones for state, behind in before.items()]
            row += reduce(self._rows.larger, ways)
        return self._rows.unpack(row)


def _contenders(totals: Sequence[int], recovery: Sequence[tuple[int, Sequence[int]]]) -> dict[int, int]:
    """How far behind the leading triad each triad is that may yet win, whatever triad comes next."""
    highest = max(totals)
    most, of_triad = recovery[totals.index(highest)]
    least = highest - most
    return {
        state: total - highest
        for state, total in enumerate(totals)
        if total >= least and total + of_triad[state] >= highest
    }


def _exact(scores: Iterable[float], unit: int) -> list[int]:
    """Scores of two digits after the point, as whole numbers of a hundredth of the unit."""
    return [round(100 * score) * (unit // 100) for score in scores]


def _family(mode: str) -> str:
    """The one of major and minor whose parameters a mode takes; modes have none of their own."""
    return "maj" if mode in ("maj", "lyd", "mix") else "min"


def _foreign_tones(triad: Triad, mode: str) -> int:
    """How many of a triad's notes the mode lacks; only minor has a raised leading note."""
    if mode == "min" and triad == (7, "maj"):
        return 0
    scale = Key("C", mode).scale
    root, quality = triad
    return sum((root + interval) % 12 not in scale for interval in _INTERVALS[quality])


@cache
def melody() -> ChordModel:
    """The model of melodies: a triad for every half or third of a bar."""
    return ChordModel(MELODY_TRIADS, table.MELODY_TONES, table.MELODY_STEPS, table.MELODY_PRIORS)


@cache
def voices() -> ChordModel:
    """The model of several voices: a triad a beat."""
    tones = [table.VOICES_TONES[quality] for _, quality in VOICES_TRIADS]
    steps = [
        [table.VOICES_STEPS[before][after][(to - root) % 12] for to, after in VOICES_TRIADS]
        for root, before in VOICES_TRIADS
    ]
    return ChordModel(VOICES_TRIADS, tones, {family: [steps] for family in table.VOICES_PRIORS}, table.VOICES_PRIORS)


def infer_chords(piece: Piece, count: int | None = None, following: str | None = None) -> list[tuple[Chord, ...]]:
    """The most probable chords of each bar, the first at its start, from the notes alone; of several voices with their
    basses.

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
        basses = _sounding_basses(segments, labels)
    else:
        segments = melody_segments(piece, count)
        path = melody().best_path(segments, piece.key.mode, after)
        labels = _with_usual_sevenths(segments, path, after)
        basses = [0] * len(labels)
    chords: list[list[Chord]] = [[] for _ in range(count)]
    for segment, label, bass in zip(segments, labels, basses, strict=True):
        chords[segment.bar].append(Chord(segment.onset, label, bass=bass))
    return [tuple(of_bar) for of_bar in chords]


def _is_dense(piece: Piece) -> bool:
    sounding = sum([note.duration for bar in piece.bars for sung in bar.notes for note in sung])
    if sounding < _DENSITY_OF_VOICES * sum([bar.length for bar in piece.bars]):
        return False
    return len(piece.voices) > 1 or any(
        len({note.onset for note in bar.notes[0]}) < len(bar.notes[0]) for bar in piece.bars
    )


def _with_usual_sevenths(segments: Sequence[ChordSegment], path: Sequence[Triad], following: Triad | None) -> list[str]:
    """Labels of a melody's triads; a triad that is held in a bar has one label."""
    labels: list[str] = []
    later, bar = following or path[-1], -1
    for segment, triad in zip(reversed(segments), reversed(path), strict=True):
        is_held = segment.bar == bar and triad == later
        labels.append(labels[-1] if is_held else _with_usual_seventh(triad, later))
        later, bar = triad, segment.bar
    return labels[::-1]


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


def _sounding_basses(segments: Sequence[ChordSegment], labels: Sequence[str]) -> list[int]:
    """The bass of each chord in semitones above its root: the chord tone that sounds longest as the lowest note. Where
    a beat has none, its chord keeps the bass that it had in the beat before, or else its root.
    """
    basses: list[int] = []
    before: tuple[int, str] | None = None
    for segment, label in zip(segments, labels, strict=True):
        root, tones = _root_and_tones(label)
        shares = {
            (heard - root) % 12: weight for feature, heard, weight in segment.evidence if feature == _BASS_FEATURE
        }
        sounding = [tone for tone in tones if tone in shares]
        held = basses[-1] if before == (segment.bar, label) else 0
        basses.append(max(sounding, key=shares.__getitem__) if sounding else held)
        before = (segment.bar, label)
    return basses


@cache
def _root_and_tones(label: str) -> tuple[int, tuple[int, ...]]:
    """A label's root in semitones above the tonic, and its tones above the root."""
    parts = split_label(label)
    assert parts is not None  # what is inferred has a root
    return parts[0], QUALITIES[parts[1]].intervals


# --- melodies


class _Stretch(NamedTuple):
    """What is heard in a segment: pitch classes with the ticks that they sound, that of a note which begins with the
    segment, and that of the last note to begin in it.
    """

    sounding: list[tuple[int, int]]
    first: int | None
    last: int | None


def melody_segments(piece: Piece, count: int) -> list[ChordSegment]:
    """The parts of the first `count` bars with what their notes say; of notes struck together the lowest counts."""
    tonic = piece.key.pitch_class
    limits = [_limits(bar) for bar in piece.bars[: count + 1]]
    heard = [_stretches(_heard(bar), at, tonic) for bar, at in zip(piece.bars, limits, strict=False)]
    downbeats = [*(of_bar[0].first for of_bar in heard), None]
    segments = []
    before: int | None = None
    for index, place in zip(range(count), _places(piece.bars), strict=False):
        of_bar = heard[index]
        ahead = [*(stretch.first for stretch in of_bar[1:]), downbeats[index + 1]]
        for part, stretch in enumerate(of_bar):
            downbeat = None if part == len(of_bar) - 1 else downbeats[index + 1]
            evidence = _evidence(of_bar, part, ahead[part], downbeat, before)
            onset, end = limits[index][part : part + 2]
            is_later, is_last = part > 0, place == len(_BAR_PLACES) - 1
            place_in_bar = place + len(_BAR_PLACES) * is_later
            segments.append(ChordSegment(index, onset, end, place_in_bar, is_later * (1 + is_last), evidence))
            before = before if stretch.last is None else stretch.last
    return segments


def _evidence(
    stretches: Sequence[_Stretch], part: int, ahead: int | None, downbeat: int | None, before: int | None
) -> list[Evidence]:
    """Evidence for one of a bar's segments, in the order of `MELODY_FEATURES`."""
    is_later = part > 0
    here = stretches[part]
    evidence = _shares(here.sounding, int(is_later))
    if len(stretches) > 1:
        rest = [sound for place, other in enumerate(stretches) if place != part for sound in other.sounding]
        evidence += _shares(rest, 2 + is_later)
    notes = ((4 + is_later, here.first), (6 + is_later, here.last), (8 + is_later, ahead), (10, downbeat), (11, before))
    return evidence + [(feature, heard, FULL_WEIGHT) for feature, heard in notes if heard is not None]


def _shares(sounding: Sequence[tuple[int, int]], feature: int) -> list[Evidence]:
    unit = FULL_WEIGHT // (sum([ticks for _, ticks in sounding]) or 1)
    return [(feature, heard, unit * ticks) for heard, ticks in sounding]


_THIRDS = ((9, 8), (3, 2))
"""Metres whose bars have three segments."""


def _limits(bar: Bar) -> tuple[int, ...]:
    """Ticks at which the segments of a bar begin, and its end: halves of even metres, thirds of 9/8 and 3/2. Bars in
    3/4 and uneven metres, where hardly ever a chord changes within, are one segment, and so are pick-ups.
    """
    if bar.meter is None or bar.is_pickup:
        return (0, bar.length)
    is_in_three = (bar.meter.numerator, bar.meter.denominator) in _THIRDS
    parts = 3 if is_in_three else 2 if bar.meter.numerator % 2 == 0 else 1
    length = bar.meter.bar_length // parts
    return (0, *(start for start in range(length, length * parts, length) if start < bar.length), bar.length)


def _stretches(notes: Sequence[Note], limits: Sequence[int], tonic: int) -> list[_Stretch]:
    stretches = []
    spans = [(note.onset, note.onset + note.duration, (note.pitch - tonic) % 12) for note in notes]
    for start, end in pairwise(limits):
        sounding: dict[int, int] = {}
        for on, off, heard in spans:
            if on < end and off > start:
                sounding[heard] = sounding.get(heard, 0) + min(off, end) - max(on, start)
        begun = [(on, heard) for on, _, heard in spans if start <= on < end]
        latest = begun[-1][0] if begun else start
        last = next((heard for on, heard in begun if on == latest), None)
        first = begun[0][1] if begun and begun[0][0] == start else None
        stretches.append(_Stretch(list(sounding.items()), first, last))
    return stretches


def _heard(bar: Bar) -> Sequence[Note]:
    """The notes of all voices by onset, then pitch."""
    if len(bar.notes) == 1:
        return bar.notes[0]
    return sorted((note for sung in bar.notes for note in sung), key=lambda note: (note.onset, note.pitch))


def _places(bars: Sequence[Bar]) -> Iterator[int]:
    """For each bar the index into `_BAR_PLACES`; phrases and repeats begin sections."""
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
            segments.append(ChordSegment(index, onset, end, 0, 0, _beat_evidence(of_beat, onset, end, tonic)))
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
