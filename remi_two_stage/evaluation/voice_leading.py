"""Four voices as a teacher of harmony would mark them; the rules, with their sources, are in analysis/voice_leading.py.

Faults are counted per 100 changes of sound. Of composed pieces the tonic is the one that was asked for; of real ones,
whose books often state a signature alone, the one that the notes speak for (analysis/key_estimation.py).

A beat is no chord when what sounds on it, all voices taken together, is no triad (major, minor, diminished) or seventh
chord (dominant, major, minor, half-diminished, diminished), nor a part of one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from ..analysis.key_estimation import estimate_key
from ..analysis.score_checking import parts_of
from ..analysis.voice_leading import Part, count_faults
from ..core.chords import QUALITIES
from ..core.piece import Piece
from .cadences import bass_ending
from .estimates import Count, Measure

_CHORDS = frozenset(
    frozenset((root + interval) % 12 for interval in QUALITIES[quality].intervals)
    for quality in ("maj", "min", "dim", "7", "maj7", "min7", "hdim7", "dim7")
    for root in range(12)
)
_CHORALES = "113 JSB chorales, valid and public test"
_HYMNS = "236 hymns of the Open Hymnal: 0.037; 364 chorales of Bach"
VOICES = 4

Notes = list[tuple[int, int, int]]


@dataclass(frozen=True)
class Chorale:
    """A piece in four voices, all of which sing.

    Attributes:
        tonic: Pitch class.
    """

    piece: Piece
    tonic: int

    @classmethod
    def composed(cls, piece: Piece) -> Chorale:
        """A composed piece, in the key that was asked for."""
        return cls(piece, piece.key.pitch_class)

    @classmethod
    def real(cls, piece: Piece) -> Chorale:
        """A real piece, in the key that is heard."""
        return cls(piece, estimate_key(piece.bars).pitch_class)

    @cached_property
    def parts(self) -> list[Part]:
        """What each voice sings."""
        return [*parts_of(self.piece)]

    @cached_property
    def faults(self) -> Counter[str]:
        """How often which rule is broken."""
        return count_faults(self.parts, self.tonic, self.piece.voices)


def has_four_voices(piece: Piece) -> bool:
    """Whether there are four voices that all sing."""
    return len(piece.voices) == VOICES and all(parts_of(piece))


def on_beats(piece: Piece) -> Iterator[list[list[int]]]:
    """The pitches that sound on each beat, of every voice."""
    parts = parts_of(piece)
    held: list[Notes] = [[] for _ in parts]
    waiting = [sorted(part, reverse=True) for part in parts]
    starts = accumulate((bar.length for bar in piece.bars), initial=0)
    for time in (start + beat for start, bar in zip(starts, piece.bars, strict=False) for beat in bar.beats):
        for voice, notes in enumerate(waiting):
            while notes and notes[-1][0] <= time:
                held[voice].append(notes.pop())
            held[voice] = [note for note in held[voice] if note[1] > time]
        yield [[pitch for _, _, pitch in notes] for notes in held]


def lowest_on_beats(piece: Piece) -> Iterator[int | None]:
    """The lowest voice's pitch on each beat; None where it rests."""
    return (min(voices[-1], default=None) for voices in on_beats(piece))


def is_chord(sounding: frozenset[int]) -> bool:
    """Whether pitch classes are a triad, a seventh chord, or a part of one."""
    return any(sounding <= chord for chord in _CHORDS)


def beats_without_chord(chorale: Chorale) -> Count | None:
    """Beats that are no chord, of all that sound."""
    heard = (frozenset(pitch % 12 for voice in voices for pitch in voice) for voices in on_beats(chorale.piece))
    sounding = [notes for notes in heard if notes]
    return sum(not is_chord(notes) for notes in sounding), len(sounding)


def _per_100(*rules: str) -> Callable[[Chorale], Count | None]:
    def count(chorale: Chorale) -> Count | None:
        return 100 * sum(chorale.faults[rule] for rule in rules), chorale.faults["changes"]

    return count


def _unresolved(chorale: Chorale) -> Count | None:
    return chorale.faults["unresolved_leading_note"], chorale.faults["leading_notes"]


def _ends_on_triad(chorale: Chorale) -> Count | None:
    return float(not chorale.faults["final_chord"]), 1


def _bass_ends(*endings: str) -> Callable[[Chorale], Count | None]:
    def count(chorale: Chorale) -> Count | None:
        bass = [pitch for _, _, pitch in sorted(chorale.parts[-1])]
        return float(bass_ending(bass, chorale.tonic) in endings), 1

    return count


PARALLELS = Measure(
    _per_100("parallel_fifths", "parallel_octaves"), "fifths, octaves and unisons per 100 changes", 0.21, _CHORALES
)
WITHOUT_CHORD = Measure(beats_without_chord, "beats that are no triad or seventh chord", 0.089, _HYMNS)
FOUR_VOICES = {
    "parallels": PARALLELS,
    "crossing": Measure(_per_100("crossing"), "crossed voices per 100 changes", 3.4, _CHORALES),
    "overlap": Measure(_per_100("overlap"), "overlapping voices per 100 changes", 7.6, _CHORALES),
    "spacing": Measure(_per_100("spacing"), "upper voices over an octave apart per 100 changes", 1.6, _CHORALES),
    "range": Measure(_per_100("range"), "notes outside a choir's range per 100 changes", 0.04, _CHORALES),
    "doubled leading note": Measure(_per_100("doubled_leading_note"), "per 100 changes", 0.53, _CHORALES),
    "unresolved leading note": Measure(_unresolved, "of those over which the tonic follows", 0.28, _CHORALES),
    "last chord tonic": Measure(_ends_on_triad, "pieces that end on the tonic triad", 0.93, _CHORALES),
    "bass ending V-I": Measure(_bass_ends("V-I"), "pieces", 0.88, _CHORALES),
    "bass ending V-I or IV-I": Measure(_bass_ends("V-I", "IV-I"), "pieces", 0.92, _CHORALES),
    "beats without chord": WITHOUT_CHORD,
}
