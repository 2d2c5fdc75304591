"""What a teacher of harmony marks in written music: rules for voices that sound together, and where they are broken.

    parallel_fifths, parallel_octaves    two voices, whichever, both move, in one direction, from one such interval to
                another of its kind; octaves between the notes do not matter, so unisons are octaves and a twelfth is a
                fifth; a fifth is perfect
    crossing    a voice is below the next lower one
    overlap     a voice moves above the note that the next higher voice leaves, or below the one that the next lower
                leaves
    spacing     neighbours among sopranos, altos and tenors are more than an octave apart
    range       a singer's note lies outside the usual range
    doubled_leading_note      it is in two voices, in a sound that holds notes of V7 alone
    unresolved_leading_note   in V, V7 or a part of them it does not rise to the tonic, as the tonic triad, or a part of
                it that holds the tonic, follows
    final_bass  the last note of the bass is not the tonic
    final_chord the last slice is not the tonic triad, major or minor, with or without its fifth; two
                voices need no third

Conventions
- A part is what one voice sings, as (onset, end, MIDI pitch) of its notes; onsets and ends have any one unit.
- A slice is the sound at a moment when a voice begins a note: for every voice, high to low, the pitch or None. Of
  several notes in a voice the highest counts, in the lowest voice the lowest. A change leads from a slice to the next
  one with other pitches.
- Voices are named as in `Piece.voices`; a tonic is a pitch class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from ..core.counterpoint import are_spaced, is_parallel
from ..core.ranges import CHOIR_RANGES
from ..core.voices import FOUR_PARTS, singer

OCTAVE, FIFTH = 12, 7
LEADING_NOTE = 11
"""Semitones above the tonic."""
DOMINANT, TONIC_TRIADS = frozenset({7, 11, 2, 5}), frozenset({0, 3, 4, 7})
"""Semitones above the tonic of what V7 holds, and the tonic triad, major or minor."""
_THIRDS = frozenset({3, 4})

Part = Sequence[tuple[int, int, int]]
Slice = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: what is wrong where it is broken, and where it is taught."""

    fault: str
    source: str


_KOSTKA = "Kostka and Payne, Tonal Harmony, chapter 5"
_ALDWELL = "Aldwell and Schachter, Harmony and Voice Leading, chapters 5 and 6"

RULES = {
    "parallel_fifths": Rule("parallel fifths", _KOSTKA),
    "parallel_octaves": Rule("parallel octaves", _KOSTKA),
    "crossing": Rule("crossed voices", _KOSTKA),
    "overlap": Rule("overlapping voices", _ALDWELL),
    "spacing": Rule("more than an octave apart", _KOSTKA),
    "range": Rule("out of the usual range", _ALDWELL),
    "doubled_leading_note": Rule("doubled leading note", _ALDWELL),
    "unresolved_leading_note": Rule("leading note that does not rise to the tonic", _ALDWELL),
    "final_bass": Rule("the bass does not end on the tonic", _ALDWELL),
    "final_chord": Rule("the piece does not end on the tonic triad", _ALDWELL),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule of `RULES` that is broken, by which voices, as their indices from high to low."""

    rule: str
    voices: tuple[int, ...]


def parallel(before: tuple[int, int], after: tuple[int, int]) -> str | None:
    """The rule that two voices break which move from the pitches `before` to `after`, if they break one."""
    if not is_parallel(before, after):
        return None
    return "parallel_fifths" if abs(after[0] - after[1]) % OCTAVE == FIFTH else "parallel_octaves"


def slices_of(parts: Sequence[Part]) -> list[tuple[int, Slice]]:
    """Time and pitches of the slices, high to low; what repeats the slice before is left out."""
    times = sorted({note[0] for part in parts for note in part})
    columns = [_heard(part, times, index == len(parts) - 1 > 0) for index, part in enumerate(parts)]
    found = list(zip(times, zip(*columns, strict=True), strict=True))
    return found[:1] + [after for before, after in pairwise(found) if after[1] != before[1]]


def _heard(part: Part, times: Sequence[int], is_lowest: bool) -> list[int | None]:
    """The pitch of a voice that counts at each time."""
    choose = min if is_lowest else max
    notes, at = sorted(part), 0
    held: list[tuple[int, int, int]] = []
    heard: list[int | None] = []
    for time in times:
        while at < len(notes) and notes[at][0] <= time:
            held.append(notes[at])
            at += 1
        held = [note for note in held if note[1] > time]
        heard.append(choose((pitch for _, _, pitch in held), default=None))
    return heard


def faults_of_slice(notes: Slice, voices: Sequence[str], tonic: int) -> Iterator[Fault]:
    """What is wrong in a slice by itself."""
    for index, (upper, lower) in enumerate(pairwise(notes)):
        if upper is None or lower is None:
            continue
        if upper < lower:
            yield Fault("crossing", (index, index + 1))
        if upper - lower > OCTAVE and are_spaced(voices[index], voices[index + 1]):
            yield Fault("spacing", (index, index + 1))
    for index, (pitch, voice) in enumerate(zip(notes, voices, strict=True)):
        low, high = CHOIR_RANGES.get(singer(voice) or "", (0, 127))
        if pitch is not None and not low <= pitch <= high:
            yield Fault("range", (index,))
    leading = tuple(
        index for index, pitch in enumerate(notes) if pitch is not None and (pitch - tonic) % OCTAVE == LEADING_NOTE
    )
    if len(leading) > 1 and _degrees(notes, tonic) <= DOMINANT:
        yield Fault("doubled_leading_note", leading)


def faults_of_change(before: Slice, after: Slice, tonic: int) -> Iterator[Fault]:
    """What is wrong in the step from a slice to the next."""
    for (upper, old_upper, new_upper), (lower, old_lower, new_lower) in combinations(_sung(before, after), 2):
        if rule := parallel((old_upper, old_lower), (new_upper, new_lower)):
            yield Fault(rule, (upper, lower))
        if lower == upper + 1 and (new_lower > old_upper or new_upper < old_lower):
            yield Fault("overlap", (upper, lower))
    for voice, old, new in leading_notes(before, after, tonic):
        if new != old + 1:
            yield Fault("unresolved_leading_note", (voice,))


def leading_notes(before: Slice, after: Slice, tonic: int) -> list[tuple[int, int, int]]:
    """The leading notes that have to rise in a change: index of the voice, the pitch, and the one that follows. Where
    a voice rests there are none.
    """
    sung = _sung(before, after)
    follows = _degrees(after, tonic)
    if len(sung) < len(before) or not _degrees(before, tonic) <= DOMINANT or not {0} <= follows <= TONIC_TRIADS:
        return []
    return [note for note in sung if (note[1] - tonic) % OCTAVE == LEADING_NOTE]


def _sung(before: Slice, after: Slice) -> list[tuple[int, int, int]]:
    """Index of each voice that sounds before and after, and its two pitches."""
    return [
        (index, old, new)
        for index, (old, new) in enumerate(zip(before, after, strict=True))
        if old is not None and new is not None
    ]


def _degrees(notes: Slice, tonic: int) -> set[int]:
    """Semitones above the tonic of what sounds."""
    return {(pitch - tonic) % OCTAVE for pitch in notes if pitch is not None}


def faults_of_end(parts: Sequence[Part], last: Slice, tonic: int) -> Iterator[Fault]:
    """What is wrong with the end of a piece, the last slice of which is given."""
    bass = len(parts) - 1
    if max(parts[bass])[2] % OCTAVE != tonic:
        yield Fault("final_bass", (bass,))
    sounding = _degrees(last, tonic)
    thirds = sounding & _THIRDS
    if not {0} <= sounding <= TONIC_TRIADS or len(thirds) > 1 or (len(parts) > 2 and not thirds):
        yield Fault("final_chord", tuple(range(len(parts))))


def count_faults(parts: Sequence[Part], tonic: int, voices: Sequence[str] = FOUR_PARTS) -> Counter[str]:
    """How often a piece breaks each rule, "changes", and "leading_notes", those that had to rise.

    Only slices in which all voices sound count by themselves, and spacing once in each. No voice may be empty.
    """
    slices = [notes for _, notes in slices_of(parts)]
    counts = Counter({"changes": len(slices) - 1})
    counts.update(fault.rule for fault in faults_of_end(parts, slices[-1], tonic))
    for notes in slices:
        if None not in notes:
            found = [fault.rule for fault in faults_of_slice(notes, voices, tonic)]
            counts.update(found)
            counts["spacing"] -= max(0, found.count("spacing") - 1)
    for before, after in pairwise(slices):
        counts.update(fault.rule for fault in faults_of_change(before, after, tonic))
        counts["leading_notes"] += len(leading_notes(before, after, tonic))
    return counts
