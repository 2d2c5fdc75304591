"""The tempos at which a piece is played, and so the way from ticks to seconds.

A tempo holds from where it stands up to the next one as written: where playing goes back, the tempo goes back too, and
a later ending is entered at the tempo that leads into the first one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise

from ..core.piece import Bar, Piece
from ..core.signatures import TICKS_PER_QUARTER

DEFAULT_TEMPO = 120.0
"""Quarter notes a minute of what states no tempo, as MIDI has it."""


def played_tempos(piece: Piece) -> list[tuple[int, float]]:
    """(ticks from the start, quarter notes a minute) wherever the tempo changes as the piece is played, the first at
    the start.
    """
    before = piece.tempos_before
    changes: list[tuple[int, float]] = []
    time = 0
    for index in piece.playing_order():
        bar = piece.bars[index]
        for onset, tempo in ((0, before[index] or DEFAULT_TEMPO), *_tempos_in(bar)):
            if changes and changes[-1][0] == time + onset:
                changes.pop()
            if not changes or changes[-1][1] != tempo:
                changes.append((time + onset, tempo))
        time += bar.length
    return changes


def _tempos_in(bar: Bar) -> Iterator[tuple[int, float]]:
    """(onset, quarter notes a minute) of the tempos in a bar."""
    for mark in bar.tempos:
        if mark.tempo and mark.onset < bar.length:
            yield mark.onset, mark.tempo


class TempoMap:
    """When each tick of a piece sounds, as it is played."""

    def __init__(self, piece: Piece) -> None:
        changes = played_tempos(piece)
        self._times = [time for time, _ in changes]
        self._ticks_a_second = [TICKS_PER_QUARTER * tempo / 60 for _, tempo in changes]
        self._seconds = [0.0]
        for (start, end), rate in zip(pairwise(self._times), self._ticks_a_second, strict=False):
            self._seconds.append(self._seconds[-1] + (end - start) / rate)

    def seconds(self, ticks: int) -> float:
        """Seconds from the start at ticks from the start."""
        index = bisect_right(self._times, ticks) - 1
        return self._seconds[index] + (ticks - self._times[index]) / self._ticks_a_second[index]
