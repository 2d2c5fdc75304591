"""Where a score breaks the rules of `voice_leading.py`: bar, beat and voices.

Bars follow one another as written, but none follows an ending into the next one; a piece ends where its "fine" stands.
What lasts over several slices (a crossing, a spacing, a note out of range) is a fault where it begins. The tonic is
that of the key in force; of a piece in major or minor that closes in the relative key, as many hymns do whose book
states a signature alone, it is the tonic of that one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

from ..core.piece import Piece
from ..core.signatures import name_at
from ..core.text import counted
from ..core.voices import VOICE_TITLES
from .key_estimation import estimate_key
from .voice_leading import (
    OCTAVE,
    RULES,
    Fault,
    Part,
    Slice,
    count_faults,
    faults_of_change,
    faults_of_end,
    faults_of_slice,
    slices_of,
)


@dataclass(frozen=True, slots=True)
class MarkedFault:
    """A fault in a score.

    Attributes:
        rule: A key of `voice_leading.RULES`.
        bar: As a musician counts; a pick-up has the number of the bar before it.
        is_pickup: Whether the bar is a pick-up.
        beat: From 1, with fractions between beats.
        voices: Names, high to low.
        note: Of a note out of range, its name, such as "C4".
    """

    rule: str
    bar: int
    is_pickup: bool
    beat: Fraction
    voices: tuple[str, ...]
    note: str = ""

    @property
    def place(self) -> str:
        """Bar and beat in words."""
        bar = f"pick-up to bar {self.bar + 1}" if self.is_pickup else f"bar {self.bar}"
        whole, part = divmod(self.beat, 1)
        return f"{bar}, beat {whole}{f' {part}' if part else ''}"

    @property
    def source(self) -> str:
        """The book that teaches the rule."""
        return RULES[self.rule].source

    @property
    def text(self) -> str:
        """The fault in words, without its place."""
        fault = RULES[self.rule].fault
        if self.rule in ("final_bass", "final_chord"):
            return fault
        if self.note:
            return f"{self.note} is {fault} ({_spoken(self.voices)})"
        return f"{fault}: {_spoken(self.voices)}"


@dataclass(frozen=True, slots=True)
class CheckedScore:
    """What is wrong with a score, in score order, and its figures.

    Attributes:
        changes: How often the sound changes.
        rates: For each rule about chords and their changes, how often it is broken in 100 changes, as `count_faults`
            counts, which counts a crossing or spacing in every slice.
    """

    faults: tuple[MarkedFault, ...]
    changes: int
    rates: dict[str, float]

    @property
    def summary(self) -> str:
        """The figures in one line."""
        if not self.changes:
            return "no two voices sound together"
        broken = [f"{RULES[rule].fault} {rate:.1f}" for rule, rate in self.rates.items() if rate]
        return f"{counted(self.changes, 'change')} of sound; in 100 of them: {', '.join(broken) or 'no fault'}"


def check_score(piece: Piece) -> CheckedScore:
    """Check the voice-leading of a score; one with fewer than two voices that sound has nothing to check."""
    sung = [(voice, part) for voice, part in zip(piece.voices, parts_of(piece), strict=True) if part]
    if len(sung) < 2:
        return CheckedScore((), 0, {})
    voices, parts = [voice for voice, _ in sung], [part for _, part in sung]
    away = _semitones_to_home(piece, parts[-1])
    counts = count_faults(parts, (piece.key.pitch_class + away) % OCTAVE, voices)
    rates = {
        rule: 100 * counts[rule] / max(1, counts["changes"])
        for rule in RULES
        if rule not in ("final_bass", "final_chord")
    }
    return CheckedScore(tuple(_Marking(piece, voices, parts, away).faults()), counts["changes"], rates)


def parts_of(piece: Piece) -> list[list[tuple[int, int, int]]]:
    """What each voice sings, in ticks from the start, bars read once as written."""
    starts = accumulate((bar.length for bar in piece.bars), initial=0)
    parts: list[list[tuple[int, int, int]]] = [[] for _ in piece.voices]
    for start, bar in zip(starts, piece.bars, strict=False):
        for part, notes in zip(parts, bar.notes, strict=True):
            part += [(start + note.onset, start + note.onset + note.duration, note.pitch) for note in notes]
    return parts


def _semitones_to_home(piece: Piece, bass: Part) -> int:
    """From the stated tonic to that in which a piece is heard, where that is the tonic of the relative key."""
    heard = estimate_key(piece.bars, piece.key.signature).pitch_class if piece.key.mode in ("maj", "min") else None
    return (heard - piece.key.pitch_class) % OCTAVE if heard == max(bass)[2] % OCTAVE else 0


class _Marking:
    """Finds the places of faults.

    Args:
        away: Semitones from the tonics that are stated to those that are heard.
    """

    def __init__(self, piece: Piece, voices: Sequence[str], parts: Sequence[Part], away: int) -> None:
        self._piece, self._voices, self._parts, self._away = piece, voices, parts, away
        self._starts = [*accumulate((bar.length for bar in piece.bars[:-1]), initial=0)]
        self._numbers = piece.bar_numbers

    def faults(self) -> Iterator[MarkedFault]:
        slices = slices_of(self._parts)
        last = self._last([time for time, _ in slices])
        before: tuple[int, Slice] | None = None
        for time, notes in slices:
            found = list(faults_of_slice(notes, self._voices, self._tonic(time)))
            if before is not None:
                old = before[1]
                lasting = set(faults_of_slice(old, self._voices, self._tonic(before[0])))
                found = [fault for fault in found if fault not in lasting or _is_new(fault, old, notes)]
                if self._leads_on(before[0], time):
                    found += faults_of_change(old, notes, self._tonic(time))
            for fault in found:
                yield self._marked(fault, time, notes)
            before = time, notes
            if time == last:
                until = [[note for note in part if note[0] <= time] for part in self._parts]
                for fault in faults_of_end(until, notes, self._tonic(time)):
                    yield self._marked(fault, time, notes)

    def _last(self, times: Sequence[int]) -> int:
        """The last time at which the sound changes before the music ends, at a "fine" or after the last bar."""
        fine = next((index for index, bar in enumerate(self._piece.bars) if "fine" in bar.jumps), len(self._starts) - 1)
        return max((time for time in times if self._bar(time) <= fine), default=times[-1])

    def _bar(self, time: int) -> int:
        """Index of the bar at a time."""
        return bisect_right(self._starts, time) - 1

    def _tonic(self, time: int) -> int:
        return (self._piece.bars[self._bar(time)].key.pitch_class + self._away) % OCTAVE

    def _leads_on(self, before: int, time: int) -> bool:
        """Whether what sounds at one time is followed by what sounds at the next, and not by another ending."""
        begun = self._piece.bars[self._bar(before) + 1 : self._bar(time) + 1]
        return all(not bar.endings or 1 in bar.endings for bar in begun)

    def _marked(self, fault: Fault, time: int, notes: Slice) -> MarkedFault:
        index = self._bar(time)
        bar = self._piece.bars[index]
        beat = 1 + Fraction(bar.offset + time - self._starts[index], bar.beat_length)
        pitch = notes[fault.voices[0]]
        note = _note_name(pitch, bar.key.fifths) if fault.rule == "range" and pitch is not None else ""
        voices = tuple(self._voices[voice] for voice in fault.voices)
        return MarkedFault(fault.rule, self._numbers[index], bar.is_pickup, beat, voices, note)


def _is_new(fault: Fault, before: Slice, after: Slice) -> bool:
    """Whether a fault of one voice is another note's than before."""
    return fault.rule == "range" and before[fault.voices[0]] != after[fault.voices[0]]


def _note_name(pitch: int, tonic: int) -> str:
    """The name of a pitch beside a tonic on the line of fifths, such as C4 for 60."""
    fifths = tonic + (7 * (pitch - 7 * tonic) + 5) % 12 - 5
    name = name_at(fifths)
    octave = (pitch - name.count("#") + name.count("b")) // 12 - 1
    return f"{name}{octave}"


def _spoken(voices: Sequence[str]) -> str:
    titles = [VOICE_TITLES[voice][0] if voice in VOICE_TITLES else voice for voice in voices]
    names = [f"{title[0].lower()}{title[1:]}" if title not in voices else title for title in titles]
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]
