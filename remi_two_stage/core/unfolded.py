"""The notes of bars that are played in another order than they are written in.

Conventions
- A note that rings into the bar written next ends where another bar is played in its place. Where playing comes to that
  next bar from elsewhere, what is left of the note is held from a note that rings on in the same way, or else struck.
- A tie before the first ending leads into the later ones too: a note of the same pitch with which a later ending begins
  is not struck again, as it is printed with a tie.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from itertools import accumulate
from operator import attrgetter
from typing import Any, ClassVar, Protocol, TypeVar


class _Note(Protocol):
    """What is read of a `piece.Note`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def onset(self) -> int:
        """Ticks from the start of its bar."""

    @property
    def pitch(self) -> int:
        """MIDI number."""

    @property
    def duration(self) -> int:
        """Ticks, maybe beyond its bar."""


N = TypeVar("N", bound=_Note)
N_co = TypeVar("N_co", bound=_Note, covariant=True)


class _Bar(Protocol[N_co]):
    """What is read of a `piece.Bar`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def length(self) -> int:
        """Ticks."""

    @property
    def endings(self) -> tuple[int, ...]:
        """The passes for which it begins an ending."""

    @property
    def notes(self) -> tuple[tuple[N_co, ...], ...]:
        """Of each voice, by onset."""


B = TypeVar("B", bound=_Bar[Any])
_BY_ONSET = attrgetter("onset", "pitch")


def unfolded(bars: Sequence[_Bar[N]], voice: int, order: Sequence[int]) -> Iterator[tuple[int, int, N]]:
    """A voice's notes in playing order: the index of the bar, its start in ticks from the start of all, and the note as
    it is played.
    """
    starts = list(accumulate((bars[index].length for index in order), initial=0))
    jumps = _places_of_jumps(order, len(bars))
    entered = _entered(order)
    held = _held_into({order[place] for place in entered}, dict(enumerate(bars)), voice)
    tied: set[tuple[int, int]] = set()  # places in the order, and pitches with which their bars begin

    def end_of(note: N, place: int) -> int:
        end, jump = starts[place] + note.onset + note.duration, jumps[place]
        if jump is None or end <= starts[jump]:
            return end
        following = _tied_on(bars, voice, order, jump, note.pitch, held)
        if following is None:
            return starts[jump]
        tied.add((jump, note.pitch))
        return end_of(following, jump)

    for place, index in enumerate(order):
        start = starts[place]
        for note in (*(held[index] if place in entered else ()), *bars[index].notes[voice]):
            if note.onset or (place, note.pitch) not in tied:
                duration = end_of(note, place) - start - note.onset
                yield index, start, note if duration == note.duration else replace(note, duration=duration)


def cut_at_seams(bars: Sequence[B], indices: Sequence[int]) -> list[B]:
    """Bars that are written out in another order, given the index that each had: their notes end where another bar
    follows than before, and there what is left of those that rang into that other bar is struck.
    """
    last = max(indices) + 1
    seams = [
        index + 1 < last and index + 1 != after for index, after in zip(indices, [*indices[1:], last], strict=True)
    ]
    found = _struck_again(bars, indices)
    left = None  # ticks from the end of a bar to the next seam
    for place in reversed(range(len(bars))):
        bar = found[place]
        left = 0 if seams[place] else None if left is None else left + bars[place + 1].length
        if left is not None:
            end = bar.length + left
            notes = tuple(
                tuple(replace(note, duration=min(note.duration, end - note.onset)) for note in sung)
                for sung in bar.notes
            )
            found[place] = bar if notes == bar.notes else replace(bar, notes=notes)
    return found


def _places_of_jumps(order: Sequence[int], count: int) -> list[int | None]:
    """For each place in a playing order of `count` bars the next one before which bars are left out or played again;
    None where all that is written follows.
    """
    found: list[int | None] = [None] * len(order)
    jump = None if order and order[-1] + 1 == count else len(order)
    for place in reversed(range(len(order))):
        if place + 1 < len(order) and order[place + 1] != order[place] + 1:
            jump = place + 1
        found[place] = jump
    return found


def _struck_again(bars: Sequence[B], indices: Sequence[int]) -> list[B]:
    """Bars in another order, with what is left of notes that rang into them where they followed other bars."""
    entered, written = _entered(indices), dict(zip(indices, bars, strict=True))
    wanted = {indices[place] for place in entered}
    held = [_held_into(wanted, written, voice) for voice in range(len(bars[0].notes) if bars else 0)]
    found = list(bars)
    for place in entered:
        index, bar = indices[place], bars[place]
        if any(of_voice[index] for of_voice in held):
            notes = [(*of_voice[index], *sung) for of_voice, sung in zip(held, bar.notes, strict=True)]
            found[place] = replace(bar, notes=tuple(tuple(sorted(sung, key=_BY_ONSET)) for sung in notes))
    return found


def _entered(order: Sequence[int]) -> set[int]:
    """Places in a playing order to which playing comes from elsewhere than from the bar written before."""
    return {place for place, index in enumerate(order) if index != (order[place - 1] + 1 if place else 0)}


def _held_into(indices: Set[int], bars: Mapping[int, _Bar[N]], voice: int) -> dict[int, list[N]]:
    """For each of some bars, what is left in it of the notes that ring into it from the bars written before."""
    found: dict[int, list[N]] = {index: [] for index in indices}
    for index, bar in bars.items() if indices else ():
        for note in bar.notes[voice]:
            left, reached = note.onset + note.duration - bar.length, index + 1
            while left > 0 and reached in bars:
                if reached in found:
                    found[reached].append(replace(note, onset=0, duration=left))
                left, reached = left - bars[reached].length, reached + 1
    return found


def _tied_on(
    bars: Sequence[_Bar[N]], voice: int, order: Sequence[int], jump: int, pitch: int, held: Mapping[int, Sequence[N]]
) -> N | None:
    """The note of a pitch with which the bar that is entered at a jump goes on: one that is held there, or one with
    which a later ending begins.
    """
    if jump == len(order):
        return None
    begin, passed_over = bars[order[jump]], bars[order[jump - 1] + 1]
    is_later_ending = order[jump] > order[jump - 1] and begin.endings and passed_over.endings
    notes = (*held[order[jump]], *(begin.notes[voice] if is_later_ending else ()))
    return next((note for note in notes if note.onset == 0 and note.pitch == pitch), None)
