"""How well a piece is made, as a musician would say it, in parts that add up: what candidates are chosen by.

    ends        the last note is the tonic, on a beat and held, and the last chord is the tonic's
    register    every voice stays in its usual range (ranges.py), and a tune lies about as high as tunes of its style
    leading     what the rules of counterpoint cost a note (counterpoint.py), where several voices sing
    chords      notes on strong beats belong to their chords
    repetition  bars come back, and rhythms vary, about as much as in tunes of the style
    harmony     the plan closes V-I (in modes also bVII-i), a choir's on a chord that begins on a strong beat and is
                held, is at home no more often than plans are, changes chords within bars as often as they do, and
                repeats its parts or not as most of its style do; that of a song or a quartet begins with its tonic

Every part is a log-likelihood in nats, 0 at best, as if figures were independent. Where a figure can be too high or too
low, it is that of a normal distribution with the mean and the standard deviation of real music: a piece that is two
deviations away loses 2. Where it can only be too bad, what is better than the mean costs nothing. Of what a piece has
or lacks, it is the log-odds in real music. No figure counts for more than `MOST`, so that one fault does not outweigh
all the rest. Pieces of one kind compare, tunes with chorales do not.

`ENDS` and `USUAL` are counted by `python benchmarks/real_music.py music21`, the row of hymns by the same on the Open
Hymnal's training hymns, those of songs and quartets on 136 songs and 24 quartets of OpenScore: their ends as whole
works, all else in their first 24 bars, since what is composed is as short; their repeats on all that is learnt. A
chorale counts where it is heard in the key that its book states, and not where it is sung in unison. Chords of tunes
are those that analysis/harmony.py hears in them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

from .chords import split_label
from .codec import encode_ids
from .counterpoint_reader import VoiceLeading
from .features import (
    bars_with_two_chords,
    chord_roots,
    commonest_rhythm,
    ends_on_strong_beat,
    has_repeats,
    last_chord_length,
    last_label,
    last_note,
    most_of_one_bar,
    note_lengths,
    pitches,
    repeated_bars,
    strong_notes,
    tonic_chords,
)
from .piece import Piece
from .ranges import usual_range
from .vocabulary import IDS
from .voices import MELODY, QUARTET, is_choir

MOST = 8.0
"""The most that a single figure costs, in nats: that of four deviations."""
MANY_TIMES = 5
"""One bar should come less often."""
_NOTE_ON = IDS["Note-On"]
_OCTAVE = 12
_MAJOR_MINOR_CLOSES, _MODAL_CLOSES = (7,), (7, 10)
"""Roots before the last chord, in semitones above the tonic."""


@dataclass(frozen=True, slots=True)
class Normal:
    """Mean and standard deviation of a figure over real pieces."""

    mean: float
    deviation: float

    def likelihood(self, value: float, too_high: bool = True, too_low: bool = True) -> float:
        """Log-likelihood of a value beside that of the mean; 0 where it is not known, or off on a side that is fine."""
        away = (value - self.mean) / self.deviation
        if math.isnan(away) or (away > 0 and not too_high) or (away < 0 and not too_low):
            return 0.0
        return max(-MOST, -0.5 * away**2)


@dataclass(frozen=True, slots=True)
class Ends:
    """How real pieces end, as shares of them.

    Attributes:
        tonic: Those whose last note is the tonic.
        on_beat: Of these, those whose last note begins on a beat.
        held: Of these, those whose last note is as long as a beat, or longer than most notes of the piece.
        last_chord: Those whose last chord is on the tonic.
        close: Of these, those that come to it from the dominant, in modes also from the seventh degree, and in several
            voices with its root in the bass.
        first_chord: Those that begin with the tonic's chord in root position; None where that does not count.
    """

    tonic: float
    on_beat: float
    held: float
    last_chord: float
    close: float
    first_chord: float | None = None


@dataclass(frozen=True, slots=True)
class Usual:
    """Figures of real pieces of a kind.

    Attributes:
        many_times: Share of those in which one bar comes `MANY_TIMES` or more.
        mean_pitch: MIDI number of the first voice, every note once.
        chord_tones: Share of the notes on strong beats that belong to their chord.
        repeated_bars: Share of the bars that were heard before.
        commonest_rhythm: Share of the bars that have the commonest rhythm.
        note_lengths: How many durations there are.
        tonic_chords: Share of the chords that are on the tonic.
        two_chords: Share of the bars that have more than one.
        repeats: Share of those in which a part is repeated; of a voice alone those of 16 bars or more.
        leading: What counterpoint costs a note, in nats; None for one voice.
        last_chord: Quarter notes that the last root lasts; None for one voice.
        on_strong_beat: Share of those whose last chord begins on a strong beat; None for one voice.
    """

    many_times: float
    mean_pitch: Normal
    chord_tones: Normal
    repeated_bars: Normal
    commonest_rhythm: Normal
    note_lengths: Normal
    tonic_chords: Normal
    two_chords: Normal
    repeats: float
    leading: Normal | None = None
    last_chord: Normal | None = None
    on_strong_beat: float | None = None


# fmt: off
ENDS = {
    "tune": Ends(0.822, 0.873, 0.894, 0.865, 0.864),
    "chorale": Ends(0.924, 0.998, 0.998, 0.935, 0.940),
    "quartet": Ends(0.820, 0.976, 0.976, 0.780, 0.675, 0.780),
    "song": Ends(0.704, 0.995, 0.995, 0.631, 0.856, 0.755),
}
"""Of all tunes, all chorales, quartets and songs. Some styles go round and end nowhere; a piece that is played alone
should end.
"""
USUAL = {
    "tune": Usual(
        0.028, Normal(72.434, 2.220), Normal(0.915, 0.074), Normal(0.271, 0.142), Normal(0.445, 0.189),
        Normal(3.712, 1.406), Normal(0.487, 0.115), Normal(0.362, 0.197), 0.684,
    ),
    "chorale": Usual(
        0.001, Normal(70.588, 1.895), Normal(0.944, 0.033), Normal(0.026, 0.072), Normal(0.129, 0.059),
        Normal(5.390, 1.252), Normal(0.295, 0.069), Normal(0.912, 0.095), 0.416,
        Normal(0.488, 0.168), Normal(2.066, 0.973), 0.981,
    ),
    "air": Usual(
        0.008, Normal(71.199, 2.503), Normal(0.914, 0.078), Normal(0.218, 0.131), Normal(0.304, 0.140),
        Normal(5.203, 1.218), Normal(0.486, 0.133), Normal(0.247, 0.235), 0.240,
    ),
    "clog": Usual(
        0.013, Normal(73.603, 2.452), Normal(0.938, 0.056), Normal(0.275, 0.105), Normal(0.590, 0.175),
        Normal(4.351, 1.071), Normal(0.420, 0.097), Normal(0.286, 0.120), 0.934,
    ),
    "hornpipe": Usual(
        0.006, Normal(72.491, 1.964), Normal(0.907, 0.069), Normal(0.264, 0.119), Normal(0.550, 0.181),
        Normal(3.268, 1.192), Normal(0.471, 0.084), Normal(0.346, 0.152), 0.979,
    ),
    "hymn": Usual(
        0.008, Normal(68.484, 1.149), Normal(0.956, 0.042), Normal(0.130, 0.144), Normal(0.336, 0.158),
        Normal(4.590, 1.261), Normal(0.413, 0.131), Normal(0.708, 0.287), 0.014,
        Normal(0.348, 0.176), Normal(2.902, 0.944), 0.950,
    ),
    "jig": Usual(
        0.048, Normal(72.280, 2.027), Normal(0.938, 0.060), Normal(0.314, 0.123), Normal(0.543, 0.176),
        Normal(3.204, 0.957), Normal(0.472, 0.111), Normal(0.398, 0.176), 0.961,
    ),
    "march": Usual(
        0.056, Normal(73.210, 2.361), Normal(0.935, 0.059), Normal(0.226, 0.155), Normal(0.340, 0.161),
        Normal(4.494, 1.311), Normal(0.489, 0.083), Normal(0.388, 0.153), 0.911,
    ),
    "quartet": Usual(
        0.020, Normal(72.577, 3.532), Normal(0.912, 0.055), Normal(0.063, 0.051), Normal(0.112, 0.040),
        Normal(8.417, 3.148), Normal(0.373, 0.127), Normal(0.678, 0.193), 0.023,
        Normal(0.526, 0.258),
    ),
    "reel": Usual(
        0.023, Normal(72.866, 1.975), Normal(0.873, 0.082), Normal(0.301, 0.136), Normal(0.482, 0.164),
        Normal(3.041, 1.093), Normal(0.491, 0.126), Normal(0.386, 0.180), 0.528,
    ),
    "slip-jig": Usual(
        0.022, Normal(71.961, 2.140), Normal(0.966, 0.065), Normal(0.277, 0.155), Normal(0.445, 0.150),
        Normal(2.705, 0.913), Normal(0.456, 0.101), Normal(0.623, 0.161), 0.603,
    ),
    "song": Usual(
        0.047, Normal(69.266, 2.355), Normal(0.842, 0.111), Normal(0.135, 0.136), Normal(0.258, 0.137),
        Normal(6.257, 2.358), Normal(0.295, 0.118), Normal(0.513, 0.217), 0.119,
    ),
    "strathspey": Usual(
        0.005, Normal(73.333, 2.263), Normal(0.907, 0.079), Normal(0.244, 0.158), Normal(0.285, 0.108),
        Normal(3.859, 0.842), Normal(0.538, 0.111), Normal(0.453, 0.182), 0.142,
    ),
}
"""Of all tunes, of all chorales, and of the styles of which there are enough."""
# fmt: on


@dataclass(frozen=True, slots=True)
class Reward:
    """The parts, in nats, 0 at best."""

    ends: float
    register: float
    leading: float
    chords: float
    repetition: float
    harmony: float

    @property
    def total(self) -> float:
        """Their sum."""
        return sum(asdict(self).values())

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {value:.1f}" for name, value in asdict(self).items())
        return f"{self.total:.1f} ({parts})"


def reward(piece: Piece, style: str | None = None) -> Reward:
    """How well a piece with its chords is made.

    Args:
        style: What it was asked for as; None is its own style.

    Raises:
        EncodingError: the piece has several voices, and the vocabulary cannot say it.
    """
    piece = piece.in_original_key()
    style = style or piece.style
    usual = usual_for(piece, style)
    return Reward(
        _ends(piece, style),
        _register(piece, usual, style),
        usual.leading.likelihood(leading_cost(piece), too_low=False) if usual.leading else 0.0,
        usual.chord_tones.likelihood(chord_tones(piece), too_high=False),
        _repetition(piece, usual),
        harmony(piece, style),
    )


def harmony(piece: Piece, style: str | None = None) -> float:
    """The part of the reward that a plan has too, which is a piece without notes."""
    usual, ends = usual_for(piece, style or piece.style), _ends_of(piece, style or piece.style)
    closes = closes_on_tonic(piece)
    return (
        _form(piece, usual)
        + (_choral(piece, usual) if is_choir(piece.voices) else 0.0)
        + usual.tonic_chords.likelihood(tonic_chords(piece), too_low=False)
        + usual.two_chords.likelihood(bars_with_two_chords(piece))
        + (_lacking(ends.close) if closes is False else 0.0)
        + (_lacking(ends.first_chord) if ends.first_chord is not None and not begins_on_tonic(piece) else 0.0)
    )


def _choral(piece: Piece, usual: Usual) -> float:
    """What counts in the plan of a choir beside: how its last chord comes and lasts."""
    total = usual.last_chord.likelihood(last_chord_length(piece), too_high=False) if usual.last_chord else 0.0
    if usual.on_strong_beat is not None and ends_on_strong_beat(piece) is False:
        total += _lacking(usual.on_strong_beat)
    return total


def _form(piece: Piece, usual: Usual) -> float:
    """What a form costs that few pieces of the style have."""
    has = has_repeats(piece)
    return 0.0 if has is None else min(0.0, _lacking(1 - usual.repeats if has else usual.repeats))


def usual_for(piece: Piece, style: str | None) -> Usual:
    """What is usual in a piece: that of its style, else of all tunes, or where voices are several of quartets, if
    their players play it, or of all chorales.
    """
    kind = "tune" if len(piece.voices) == 1 else _kind_of_several(piece.voices)
    usual = USUAL.get(style or kind, USUAL[kind])
    return usual if (usual.leading is None) == (len(piece.voices) == 1) else USUAL[kind]


def endings(piece: Piece) -> tuple[bool, bool, bool]:
    """Whether the last note is the tonic, begins on a beat, and is held."""
    last = last_note(piece)
    if last is None:
        return False, False, False
    bar, note = last
    durations = Counter(each.duration for other in piece.bars for each in other.notes[0])
    held = note.duration >= bar.beat_length or note.duration > durations.most_common(1)[0][0]
    return note.pitch % _OCTAVE == piece.key.pitch_class, note.onset in bar.beats, held


def ends_over_tonic(piece: Piece) -> bool:
    """Whether the last chord is on the tonic."""
    label = last_label(piece)
    parts = None if label is None else split_label(label)
    return parts is not None and parts[0] == 0


def begins_on_tonic(piece: Piece) -> bool:
    """Whether the first chord behind a pick-up is on the tonic, with its root in the bass."""
    chords = [chord for bar in piece.bars if not bar.is_pickup for chord in bar.chords]
    return bool(chords) and chord_roots(piece)[0] == 0 and chords[0].bass == 0


def closes_on_tonic(piece: Piece) -> bool | None:
    """Whether a piece whose last chord is on the tonic comes to it from the dominant, or in modes from the seventh
    degree, and where there are several voices with its root in the bass; None where it ends on another chord.
    """
    chords = [chord for bar in piece.bars if not bar.is_pickup for chord in bar.chords]
    roots = chord_roots(piece)
    before = next((at for at in range(len(roots) - 1, -1, -1) if roots[at] != 0), None)
    if before is None or before == len(roots) - 1:
        return None
    usual = _MAJOR_MINOR_CLOSES if piece.key.mode in ("maj", "min") else _MODAL_CLOSES
    return roots[before] in usual and (len(piece.voices) == 1 or chords[before].bass == 0)


def chord_tones(piece: Piece) -> float:
    """Share of the notes on strong beats that belong to their chord; nan without any."""
    found = list(strong_notes(piece))
    return sum(found) / len(found) if found else math.nan


def leading_cost(piece: Piece) -> float:
    """What counterpoint costs a note of a piece, in nats; nan without notes."""
    leading, cost, notes = VoiceLeading("soft"), 0.0, 0
    for token in encode_ids(piece):
        if token in _NOTE_ON:
            (found,) = leading.costs([range(token, token + 1)]) or [0.0]
            cost += found
            notes += 1
        leading.advance(token)
    return cost / notes if notes else math.nan


def _kind_of_several(voices: Sequence[str]) -> str:
    return "quartet" if set(voices) <= {*QUARTET} else "chorale"


def _ends_of(piece: Piece, style: str | None) -> Ends:
    if len(piece.voices) == 1:
        return ENDS["song" if style == "song" else "tune"]
    return ENDS[_kind_of_several(piece.voices)]


def _ends(piece: Piece, style: str | None) -> float:
    has = (*endings(piece), ends_over_tonic(piece))
    usual = _ends_of(piece, style)
    shares = (usual.tonic, usual.on_beat, usual.held, usual.last_chord)
    return sum(_lacking(share) for found, share in zip(has, shares, strict=True) if not found)


def _lacking(share: float) -> float:
    """Log-odds of lacking what a share of real pieces, most of them, has."""
    return max(-MOST, math.log((1 - share) / share))


def _register(piece: Piece, usual: Usual, style: str | None) -> float:
    total = 0.0
    for index, voice in enumerate(piece.voices):
        sung = pitches(piece, index)
        if sung:
            low, high = usual_range(voice, style)
            beyond = max(low - min(sung), max(sung) - high, 0)
            total += Normal(0, usual.mean_pitch.deviation).likelihood(beyond)
    melody = pitches(piece)
    if piece.voices == (MELODY,) and melody:
        total += usual.mean_pitch.likelihood(fmean(melody))
    return total


def _repetition(piece: Piece, usual: Usual) -> float:
    figures = (
        usual.repeated_bars.likelihood(repeated_bars(piece)),
        usual.commonest_rhythm.likelihood(commonest_rhythm(piece)),
        usual.note_lengths.likelihood(note_lengths(piece)),
    )
    too_often = most_of_one_bar(piece) >= MANY_TIMES
    return sum(figures) + (_lacking(1 - usual.many_times) if too_often else 0.0)
