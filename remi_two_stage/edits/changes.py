"""What an edit has changed: which written bars sound otherwise, how many follow, which voices were added.

Conventions
- Bars are indices of `Piece.bars`, as written: a bar that a repeat or a jump has played several times is one bar.
- A bar has changed if what stands in it has: the notes that begin there, those that are held into it or out of it, and
  its chord symbols. How it is notated (lyrics, signs, spelling) does not count, nor that a note is struck which was
  held into it from a bar that has changed.
- Where voices were added, or the first one stays while most bars of others are new, chords do not count: those of a
  harmonisation leave the given melody alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from ..core.errors import ScoreError
from ..core.piece import Bar, Piece

Segment = tuple[int, int, int, bool, bool]
"""What sounds of a note in one bar: where it begins and ends there, in ticks, its pitch, and whether it is held from
the bar before and into the next.
"""


class NotAnEditError(ScoreError):
    """Two pieces differ in more than an edit changes, so that one cannot be written into the other's file."""


@dataclass(frozen=True, slots=True)
class Change:
    """What has changed from one piece to another.

    Attributes:
        bars: Runs of written bars that sound otherwise, in order.
        appended: How many bars follow the last one of before.
        voices: For each voice before, its index among the voices after.
        voices_added: Indices of the other voices after, in order.
        is_harmony: Whether the first voice has new ones in place of those that stood beside it, with the same names.
    """

    bars: tuple[range, ...]
    appended: int
    voices: tuple[int, ...]
    voices_added: tuple[int, ...]
    is_harmony: bool = False

    @property
    def has_new_chords(self) -> bool:
        """Whether the chord symbols are those of the edit."""
        return not self.voices_added and not self.is_harmony

    @property
    def is_nothing(self) -> bool:
        """Whether both pieces sound the same."""
        return not (self.bars or self.appended or self.voices_added)

    @property
    def indices(self) -> list[int]:
        """The bars of all runs."""
        return [index for run in self.bars for index in run]

    @classmethod
    def between(cls, before: Piece, after: Piece) -> Change:
        """Compare a piece with what an edit has made of it.

        Raises:
            NotAnEditError: bars or voices are gone, or metres, keys, lengths, repeats or tempos differ.
        """
        count = len(before.bars)
        voices = _voices_kept(before, after)
        if len(after.bars) < count:
            raise NotAnEditError(f"the edit has {len(after.bars)} bars left of {count}")
        if _has_order(before) and not _has_order(after):
            raise NotAnEditError("its bars are written out in the order in which they are played")
        for number, old, new in zip(before.bar_numbers, before.bars, after.bars, strict=False):
            if frame(old) != frame(new):
                raise NotAnEditError(f"bar {number} has another metre, key, length or repeat after the edit")
        added = tuple(index for index in range(len(after.voices)) if index not in voices)
        is_changed = [False] * count
        for voice, kept in enumerate(voices):
            stood, stands = segments(before, voice), segments(after, kept)[:count]
            is_changed = [was or is_new(old, new) for was, old, new in zip(is_changed, stood, stands, strict=True)]
        is_harmony = not added and len(voices) > 1 and len(after.bars) == count and 2 * sum(is_changed) > count
        is_harmony = is_harmony and segments(before, 0) == segments(after, voices[0])
        if not added and not is_harmony:
            pairs = zip(before.bars, after.bars, strict=False)
            is_changed = [
                is_new or old.chords != new.chords for is_new, (old, new) in zip(is_changed, pairs, strict=True)
            ]
        return cls(
            tuple(runs(index for index in range(count) if is_changed[index])),
            len(after.bars) - count,
            voices,
            added,
            is_harmony,
        )


def segments(piece: Piece, voice: int) -> list[list[Segment]]:
    """What stands in each bar of a voice, in order."""
    starts = list(accumulate((bar.length for bar in piece.bars), initial=0))
    found: list[list[Segment]] = [[] for _ in piece.bars]
    for index, bar in enumerate(piece.bars):
        for note in bar.notes[voice]:
            end, into = starts[index] + note.onset + note.duration, index
            onset = note.onset
            while True:
                goes_on = end > starts[into + 1] and into + 1 < len(found)
                stop = min(end, starts[into + 1]) - starts[into]
                found[into].append((onset, stop, note.pitch, into > index, goes_on))
                if not goes_on:
                    break
                onset, into = 0, into + 1
    return [sorted(within) for within in found]


def is_new(stood: Sequence[Segment], stands: Sequence[Segment]) -> bool:
    """Whether a bar has to be written anew: it sounds otherwise, or holds on what was struck."""
    return len(stood) != len(stands) or any(
        old[:3] != new[:3] or old[4] != new[4] or old[3] < new[3] for old, new in zip(stood, stands, strict=True)
    )


def runs(indices: Iterable[int]) -> list[range]:
    """Rising indices as runs of neighbours."""
    found: list[range] = []
    for index in indices:
        if found and found[-1].stop == index:
            found[-1] = range(found[-1].start, index + 1)
        else:
            found.append(range(index, index + 1))
    return found


def frame(bar: Bar) -> tuple[object, ...]:
    """What an edit leaves alone in a bar."""
    return (
        bar.meter, bar.key, bar.length, bar.is_pickup, bar.repeat_start, bar.endings, bar.ending_end, bar.repeat_end,
        bar.plays, bar.jumps,
    )  # fmt: skip


def _has_order(piece: Piece) -> bool:
    """Whether parts or jumps have bars played in another order."""
    return bool(piece.part_order) or any(bar.jumps for bar in piece.bars)


def _voices_kept(before: Piece, after: Piece) -> tuple[int, ...]:
    """For each voice before its index after: all by their names, or the only one by what it sings."""
    if before.voices == after.voices:
        return tuple(range(len(before.voices)))
    if len(before.voices) > 1:
        raise NotAnEditError(f"of the voices {', '.join(before.voices)} the edit has {', '.join(after.voices)} left")
    sung = [bar.notes[0] for bar in before.bars]
    for voice in range(len(after.voices)):
        if _sung(after.bars, voice, len(sung)) == sung:
            return (voice,)
    raise NotAnEditError("no voice has the notes that the melody had before; it was moved")


def sings_melody(before: Piece, after: Piece) -> bool:
    """Whether other voices stand beside the first voice of a piece, which stays."""
    sung = _sung(before.bars, 0, len(before.bars))
    has_others = before.voices != after.voices and len(before.bars) == len(after.bars)
    return has_others and any(_sung(after.bars, voice, len(sung)) == sung for voice in range(len(after.voices)))


def check_melody(alone: Piece, before: Piece) -> None:
    """Raise unless the first voice of a piece sounds alone as it did among the others.

    Raises:
        NotAnEditError: it does not, since bars, repeats or jumps were in the text of other voices.
    """
    sung = [(bar.length, bar.notes[:1]) for bar in before.bars]
    if [(bar.length, bar.notes) for bar in alone.bars] != sung or alone.playing_order() != before.playing_order():
        raise NotAnEditError("its bars, repeats or jumps come from other voices than the melody")


def _sung(bars: Sequence[Bar], voice: int, count: int) -> list[tuple[object, ...]]:
    return [bar.notes[voice] for bar in bars[:count]]
