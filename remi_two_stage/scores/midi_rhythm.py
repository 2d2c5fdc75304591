"""The note values that are meant in MIDI files whose notes are played: struck one after the other in a chord, released
early or late.

Conventions
- Times are `Piece` ticks. In voices whose notes all end on ticks these ends are meant, unless most of them are one tick
  beside the next note, and so are the onsets in files where all notes begin on ticks.
- A player who strikes most notes beside ticks, and some a tick beside eighth notes, means these, and the 16ths and
  triplets of eighths beside which others are.
- Notes of a chord are struck within `_SPREAD` ticks; a note is released up to a tenth of its length early or late.
  Before a rest it ends on an eighth note, or else on a 16th or a triplet of one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence, Set
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from ..core.piece import Note
from ..core.signatures import TICKS_PER_QUARTER

EXACT = 0.1
"""Ticks by which a time may be beside one that is meant: programs let go of notes a little early."""
_HARDLY = 0.25
_SPREAD = 2
_RELEASE = 9
"""The part of what sounds of a note by which it may end beside the time that is meant."""
_EIGHTH = TICKS_PER_QUARTER // 2
_SIXTEENTH, _TRIPLET = TICKS_PER_QUARTER // 4, TICKS_PER_QUARTER // 3


class Sounded(NamedTuple):
    """A note, and how far beside its tick it ends, in ticks."""

    note: Note
    beside: float


def as_meant(sounded: Iterable[Sounded], are_spread: bool, are_by_hand: bool) -> list[Note]:
    """The notes of a voice, from the start of the piece, with the lengths that are meant, and the chords that are.

    Args:
        are_spread: Whether the file strikes the notes of chords one after the other.
        are_by_hand: Whether it strikes most notes beside ticks.
    """
    notes = sorted(sounded, key=lambda each: (each.note.onset, each.note.pitch)) if are_spread else [*sounded]
    together = _chords(notes) if are_spread else notes
    together = _on_beats(together) if are_by_hand else together
    onsets = sorted({note.onset for note, _ in together})
    if all(beside <= EXACT for _, beside in together) and not _are_tick_beside_next(together, onsets):
        return [note for note, _ in together]
    return [
        note
        if not are_by_hand and _is_usual_end(note, beside)
        else replace(note, duration=_end_of(note, onsets) - note.onset)
        for note, beside in together
    ]


def _are_tick_beside_next(notes: Sequence[Sounded], onsets: Sequence[int]) -> bool:
    """Whether most notes end one tick before or after the next one begins."""
    next_onsets = dict(pairwise(onsets))
    ends = [(note.onset + note.duration, next_onsets.get(note.onset)) for note, _ in notes]
    return 2 * sum(following is not None and abs(end - following) == 1 for end, following in ends) > len(notes)


def _chords(notes: Sequence[Sounded]) -> list[Sounded]:
    """The notes with those of a chord at the time of its first one."""
    found: list[Sounded] = []
    begun: list[Sounded] = []
    for note, beside in notes:
        late = note.onset - begun[0].note.onset if begun else _SPREAD + 1
        if late <= _SPREAD and all(other.onset + other.duration > note.onset + _SPREAD for other, _ in begun):
            moved = replace(note, onset=note.onset - late, duration=note.duration + late)
            begun.append(Sounded(moved, beside))
        else:
            found += begun
            begun = [Sounded(note, beside)]
    return found + begun


def _on_beats(notes: Sequence[Sounded]) -> list[Sounded]:
    """The notes of one who strikes them beside the beats, on these."""
    onsets = {note.onset for note, _ in notes}
    if not any(onset % _EIGHTH in (1, _EIGHTH - 1) for onset in onsets):
        return [*notes]
    meant = {onset: _struck_at(onset, onsets) for onset in onsets}
    return [
        Sounded(replace(note, onset=at, duration=max(1, note.duration + note.onset - at)), beside)
        for note, beside in notes
        for at in (meant[note.onset],)
    ]


def _struck_at(onset: int, onsets: Set[int]) -> int:
    """The 16th or the note of a triplet beside which a note is struck; a triplet has another such note, and none
    beside the second eighth.
    """
    sixteenth, third = (unit * round(onset / unit) for unit in (_SIXTEENTH, _TRIPLET))
    beat = onset - onset % TICKS_PER_QUARTER
    has_other, has_eighth = (
        not onsets.isdisjoint(range(at - 1, at + 2)) for at in (2 * beat + TICKS_PER_QUARTER - third, beat + _EIGHTH)
    )
    is_in_triplet = third % TICKS_PER_QUARTER and has_other and not has_eighth
    for at in (third, sixteenth) if is_in_triplet else (sixteenth, third):
        if abs(at - onset) <= 1:
            return at
    return onset


def _is_usual_end(note: Note, beside: float) -> bool:
    """Whether a note ends on a 16th or a triplet of one, to which its end was hardly rounded."""
    end = note.onset + note.duration
    return beside <= _HARDLY and (end % (_EIGHTH // 2) == 0 or end % (_EIGHTH // 3) == 0)


def _end_of(note: Note, onsets: Sequence[int]) -> int:
    """Where a note ends, given where those of its voice begin."""
    end, slack = note.onset + note.duration, -(-note.duration // _RELEASE)
    following = bisect_right(onsets, note.onset)
    for onset in onsets[following : following + 1]:
        if abs(onset - end) <= slack:
            return onset
    meant = _nearest(end, (_EIGHTH,))
    if abs(meant - end) > slack:
        meant = _nearest(end, (_EIGHTH // 2, _EIGHTH // 3))
    return meant if meant > note.onset else end


def _nearest(time: int, grids: Sequence[int]) -> int:
    """The multiple of one of the grids that is nearest to a time, the later one of two."""
    multiples = [around for grid in grids for around in (time - time % grid, time - time % grid + grid)]
    return min(multiples, key=lambda multiple: (abs(multiple - time), -multiple))
