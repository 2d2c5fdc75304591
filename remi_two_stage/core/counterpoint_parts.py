"""What a voice sings, as the rules of counterpoint ask for it while a sequence is read.

Times are ticks from the start, pitches those of the tokens, in C.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from .signatures import TICKS_PER_QUARTER

_LONGEST_GAP = TICKS_PER_QUARTER
"""Ticks of silence after which a note no longer leads into the next one."""
_MOST_RUNNING = 4
"""Times that a melody has one note running."""
_RETURN = 4 * TICKS_PER_QUARTER
"""Ticks before a given note from which on new ones are led to it."""


@dataclass(slots=True)
class Part:
    """What a voice sings: onset, end and pitch of each note, by onset."""

    onsets: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    pitches: list[int] = field(default_factory=list)

    def add(self, onset: int, pitch: int) -> None:
        """A note begins; of several at one onset the last one written, the highest, counts."""
        at = bisect_left(self.onsets, onset)
        if at < len(self.onsets) and self.onsets[at] == onset:
            self.pitches[at] = pitch
            return
        self.onsets.insert(at, onset)
        self.ends.insert(at, onset)
        self.pitches.insert(at, pitch)

    def length(self, onset: int) -> int:
        """Ticks that the note there lasts, as far as that is written."""
        return self.ends[bisect_left(self.onsets, onset)] - onset

    def sounding(self, time: int) -> int | None:
        """The pitch that sounds at a time."""
        at = bisect_right(self.onsets, time) - 1
        return self.pitches[at] if at >= 0 and self.ends[at] > time else None

    def until(self, time: int, end: int) -> list[int]:
        """The pitches that sound from a time on, those included that begin before `end`."""
        first = max(bisect_right(self.onsets, time) - 1, 0)
        last = bisect_left(self.onsets, end)
        return [self.pitches[at] for at in range(first, last) if self.ends[at] > time]

    def left(self, time: int) -> int | None:
        """The pitch that a voice leaves which moves at a time."""
        at = bisect_left(self.onsets, time) - 1
        return self.pitches[at] if at >= 0 and self.ends[at] > time - _LONGEST_GAP else None

    def repeated(self, time: int) -> int | None:
        """The pitch of the notes before a time, where the last of them are all the same."""
        at = bisect_left(self.onsets, time)
        last = self.pitches[max(at - _MOST_RUNNING, 0) : at]
        return last[0] if len(last) == _MOST_RUNNING and len(set(last)) == 1 else None

    def following(self, time: int) -> tuple[int, int] | None:
        """The pitch of a note that begins soon after a time, and the ticks until then."""
        at = bisect_right(self.onsets, time)
        is_near = at < len(self.onsets) and self.onsets[at] <= time + _RETURN
        return (self.pitches[at], self.onsets[at] - time) if is_near else None

    def moves_within(self, start: int, end: int) -> bool:
        """Whether a note begins at a time or later, and before another one."""
        return bisect_left(self.onsets, start) < bisect_left(self.onsets, end)

    def moves(self, time: int) -> bool:
        """Whether a note begins at a time."""
        at = bisect_left(self.onsets, time)
        return at < len(self.onsets) and self.onsets[at] == time
