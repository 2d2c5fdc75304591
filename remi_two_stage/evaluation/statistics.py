"""Statistics of pieces, to be compared between generated and real music: near the real value is best, not high.

Conventions
- A statistic of a piece is one number; its spread over pieces is the standard deviation.
- Pitches are read in C (`Piece.in_c`), so that sets in different keys compare; repeats count once, as written.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import fmean, pstdev

from ..core.piece import Bar, Note, Piece

_MAJOR = frozenset((0, 2, 4, 5, 7, 9, 11))
_MINOR = frozenset((0, 2, 3, 5, 7, 8, 10))
_SCALES = [frozenset((tonic + step) % 12 for step in scale) for scale in (_MAJOR, _MINOR) for tonic in range(12)]
_DRAWS = 20


def _notes(piece: Piece) -> Iterable[Note]:
    return (note for bar in piece.bars for voice in bar.notes for note in voice)


def pitch_class_entropy(piece: Piece) -> float:
    """Entropy of the piece's pitch classes in bits, a note a count (Wu and Yang, 2020; Dong et al., MMT, 2023).

    From 0, a single pitch class, to log2 12 = 3.585.
    """
    counts = Counter(note.pitch % 12 for note in _notes(piece))
    total = counts.total()
    return -sum(n / total * math.log2(n / total) for n in counts.values()) if total else math.nan


def scale_consistency(piece: Piece) -> float:
    """The largest share of notes in any major or natural minor scale (Mogren, 2016; Dong et al., MMT, 2023)."""
    counts = Counter(note.pitch % 12 for note in _notes(piece))
    total = counts.total()
    return max(sum(counts[pitch] for pitch in scale) for scale in _SCALES) / total if total else math.nan


def groove_consistency(piece: Piece) -> float:
    """1 less the mean Hamming distance between the onset patterns of neighbouring bars, a tick a position, as a share
    of the bar's ticks (Wu and Yang, 2020; Dong et al., MMT, 2023). Only pairs of equally long full bars count.
    """
    pairs = [(a, b) for a, b in pairwise(piece.bars) if a.is_full and b.is_full and a.length == b.length]
    return 1 - fmean(len(_onsets(a) ^ _onsets(b)) / a.length for a, b in pairs) if pairs else math.nan


def _onsets(bar: Bar) -> set[int]:
    return {note.onset for voice in bar.notes for note in voice}


def notes_per_bar(piece: Piece) -> float:
    """Notes a bar and voice, pick-ups counted with the bar that they belong to."""
    return sum(1 for _ in _notes(piece)) / max(1, piece.bar_count) / len(piece.voices)


def mean_leap(piece: Piece) -> float:
    """Mean size of the intervals of the first voice, in semitones."""
    line = [note.pitch for bar in piece.bars for note in bar.notes[0]]
    return fmean(abs(a - b) for a, b in pairwise(line)) if len(line) > 1 else math.nan


STATISTICS: dict[str, Callable[[Piece], float]] = {
    "pitch-class entropy": pitch_class_entropy,
    "scale consistency": scale_consistency,
    "groove consistency": groove_consistency,
    "notes a bar": notes_per_bar,
    "mean leap": mean_leap,
}


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and standard deviation of one statistic over generated and over real pieces.

    Attributes:
        is_within: Whether the generated mean is at most one standard deviation of the real pieces from their mean.
    """

    generated: float
    generated_deviation: float
    real: float
    real_deviation: float

    @property
    def is_within(self) -> bool:
        """As above."""
        return abs(self.generated - self.real) <= self.real_deviation

    def to_dict(self) -> dict[str, float | bool]:
        """All fields."""
        return asdict(self) | {"is_within": self.is_within}


def spread(statistic: Callable[[Piece], float], generated: Iterable[Piece], real: Iterable[Piece]) -> Spread:
    """Compare one statistic; pieces for which it is undefined are left out."""
    ours, theirs = ([x for x in map(statistic, pieces) if not math.isnan(x)] for pieces in (generated, real))
    if not ours or not theirs:
        return Spread(math.nan, math.nan, math.nan, math.nan)
    return Spread(fmean(ours), pstdev(ours), fmean(theirs), pstdev(theirs))


def overlapping_area(first: Mapping[int, int], second: Mapping[int, int]) -> float:
    """Area under both of two normalised histograms, from 0 to 1 (Yang and Lerch, 2020, section 3.3.2, with the
    histograms themselves in place of densities estimated from them, since the values are few and whole).
    """
    one, other = sum(first.values()), sum(second.values())
    if not one or not other:
        return math.nan
    return sum(min(first[value] / one, second.get(value, 0) / other) for value in first)


def _pitches(pieces: Iterable[Piece]) -> Counter[int]:
    return Counter(note.pitch for piece in pieces for note in _notes(piece.in_c()))


def _durations(pieces: Iterable[Piece]) -> Counter[int]:
    return Counter(note.duration for piece in pieces for note in _notes(piece))


@dataclass(frozen=True, slots=True)
class Overlap:
    """Mean overlapping area of generated with real music, and of real music with other real music, over 20 draws of
    equally many pieces of each kind.

    Attributes:
        is_within: Whether generated music overlaps no less than real music does, less one standard deviation.
    """

    generated: float
    real: float
    real_deviation: float

    @property
    def is_within(self) -> bool:
        """As above."""
        return self.generated >= self.real - self.real_deviation

    def to_dict(self) -> dict[str, float | bool]:
        """All fields."""
        return asdict(self) | {"is_within": self.is_within}


def overlaps(generated: Sequence[Piece], real: Sequence[Piece]) -> dict[str, Overlap]:
    """Overlapping areas of pitches (MIDI numbers in C) and of durations (ticks); needs two real pieces or more."""
    return {
        "pitch": _overlap(_pitches, generated, real),
        "duration": _overlap(_durations, generated, real),
    }


def _overlap(
    histogram: Callable[[Iterable[Piece]], Counter[int]], generated: Sequence[Piece], real: Sequence[Piece]
) -> Overlap:
    draw, size = random.Random(0), min(len(generated), len(real) // 2)
    ours, theirs = [], []
    for _ in range(_DRAWS):
        mixed = draw.sample(list(real), 2 * size)
        first = histogram(mixed[:size])
        ours.append(overlapping_area(histogram(draw.sample(list(generated), size)), first))
        theirs.append(overlapping_area(histogram(mixed[size:]), first))
    return Overlap(fmean(ours), fmean(theirs), pstdev(theirs))


def empty_bars(piece: Piece) -> float:
    """Share of all bars of all voices in which no note is struck and none rings on, pick-ups left out."""
    sounding = _sounding(piece)
    full = [index for index, bar in enumerate(piece.bars) if not bar.is_pickup]
    cells = [ticks[index] for ticks in sounding for index in full]
    return sum(not ticks for ticks in cells) / len(cells) if cells else 0.0


def silent_time(piece: Piece) -> float:
    """Share of the written time, over all voices, in which the voice does not sound."""
    total = len(piece.voices) * sum(bar.length for bar in piece.bars)
    return 1 - sum(map(sum, _sounding(piece))) / total if total else 0.0


def _sounding(piece: Piece) -> list[list[int]]:
    """For each voice, ticks of each bar in which it sounds."""
    starts, start = [], 0
    for bar in piece.bars:
        starts.append(start)
        start += bar.length
    return [_voice_sounding(piece, voice, starts) for voice in range(len(piece.voices))]


def _voice_sounding(piece: Piece, voice: int, starts: list[int]) -> list[int]:
    sounding, covered = [0] * len(piece.bars), 0
    for index, bar in enumerate(piece.bars):
        for note in sorted(bar.notes[voice]):
            begin = max(covered, starts[index] + note.onset)
            covered = max(covered, starts[index] + note.onset + note.duration)
            for later in range(index, len(piece.bars)):
                if starts[later] >= covered:
                    break
                end = starts[later] + piece.bars[later].length
                sounding[later] += max(0, min(covered, end) - max(begin, starts[later]))
    return sounding
