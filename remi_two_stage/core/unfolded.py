"""The notes of bars that are played in another order than they are written in.

Conventions
- A note that rings into the bar written next ends where another bar is played in its place.
- A tie before the first ending leads into the later ones too: a note of the same pitch with which a later ending begins
  is not struck again, as it is printed with a tie.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
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


def unfolded(bars: Sequence[_Bar[N]], voice: int, order: Sequence[int]) -> Iterator[tuple[int, int, N]]:
    """A voice's notes in playing order: the index of the bar, its start in ticks from the start of all, and the note as
    it is played.
    """
    starts = list(accumulate((bars[index].length for index in order), initial=0))
    jumps = _places_of_jumps(order, len(bars))
    tied: set[tuple[int, int]] = set()  # places in the order, and pitches with which their bars begin

    def end_of(note: N, place: int) -> int:
        end, jump = starts[place] + note.onset + note.duration, jumps[place]
        if jump is None or end <= starts[jump]:
            return end
        following = _tied_on(bars, voice, order, jump, note.pitch)
        if following is None:
            return starts[jump]
        tied.add((jump, note.pitch))
        return end_of(following, jump)

    for place, index in enumerate(order):
        start = starts[place]
        for note in bars[index].notes[voice]:
            if note.onset or (place, note.pitch) not in tied:
                duration = end_of(note, place) - start - note.onset
                yield index, start, note if duration == note.duration else replace(note, duration=duration)


def cut_at_seams(bars: Sequence[B], indices: Sequence[int]) -> list[B]:
    """Bars that are written out in another order, given the index that each had: their notes end where another bar
    follows than before.
    """
    last = max(indices) + 1
    seams = [
        index + 1 < last and index + 1 != after for index, after in zip(indices, [*indices[1:], last], strict=True)
    ]
    found = list(bars)
    left = None  # ticks from the end of a bar to the next seam
    for place in reversed(range(len(bars))):
        bar = bars[place]
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


def _tied_on(bars: Sequence[_Bar[N]], voice: int, order: Sequence[int], jump: int, pitch: int) -> N | None:
    """The note of a pitch with which a later ending begins, if one is entered at a jump."""
    if jump == len(order) or order[jump] <= order[jump - 1]:
        return None
    begin, passed_over = bars[order[jump]], bars[order[jump - 1] + 1]
    if not (begin.endings and passed_over.endings):
        return None
    return next((note for note in begin.notes[voice] if note.onset == 0 and note.pitch == pitch), None)
