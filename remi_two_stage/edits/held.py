"""Notes that sound over the seams of bars with new notes: they stay, so that all outside sounds as it did.

Conventions
- What the bars before hold into the new ones sounds on, and new notes wait for its end.
- What the old bars held into those that follow is held into them again, from where it began, or from the last half of
  the last bar on.
- Where other notes moved beside a held one, new ones may too; else it stands alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import NamedTuple

from ..core.piece import Bar, Note, Piece
from ..core.signatures import Meter

Voices = tuple[tuple[Note, ...], ...]
"""The notes of a bar, voice by voice."""
Sounding = tuple[int, int, Note]
"""A note, with where it begins and ends in ticks."""


class _Held(NamedTuple):
    """A note that stays from one time to another, both in ticks from the first new bar, or as long as it lasts."""

    start: int
    end: int
    note: Note
    is_alone: bool


def keeping_held(bars: Sequence[Bar], first: int, notes: Sequence[Voices]) -> list[Voices]:
    """New notes for the bars from the index `first` on, so that what sounds over their seams stays; where that leaves
    no new note, the new notes as they are.
    """
    stop = first + len(notes)
    starts = [*accumulate((bar.length for bar in bars[first:stop]), initial=0)]
    voices = [_voice(bars, voice, range(first, stop), notes, starts) for voice in range(len(bars[first].notes))]
    kept = [tuple(voice[place] for voice in voices) for place in range(len(notes))]
    is_new = any(bar.notes != new for bar, new in zip(bars[first:stop], kept, strict=True))
    return kept if is_new else list(notes)


def with_held_struck(piece: Piece, index: int) -> Piece:
    """The piece with the notes struck in a bar that are held into it."""
    bar = piece.bars[index]
    struck = []
    for voice, own in enumerate(bar.notes):
        begun = {note.pitch for note in own if note.onset == 0}
        held = [(end, note) for _, end, note in _over(piece.bars[:index], voice) if end > 0 and note.pitch not in begun]
        struck.append(tuple(sorted([*own, *(replace(note, onset=0, duration=end) for end, note in held)])))
    bars = (*piece.bars[:index], replace(bar, notes=tuple(struck)), *piece.bars[index + 1 :])
    return replace(piece, bars=bars)


def _voice(
    bars: Sequence[Bar], voice: int, run: range, notes: Sequence[Voices], starts: Sequence[int]
) -> list[tuple[Note, ...]]:
    """The new notes of one voice, bar by bar."""
    stood = [*_from(0, [bar.notes[voice] for bar in bars[run.start : run.stop]], starts)]
    out = _held_out(stood, starts[-1], _last_half(bars[run.stop - 1])) if run.stop < len(bars) else []
    held = [*_held_in(bars[: run.start], voice, stood), *out]
    new = [
        (onset, until, note)
        for begun, end, note in _from(0, [bar[voice] for bar in notes], starts)
        for onset, until in _left(begun, end, note.pitch, held)
    ]
    new += [(each.start, each.end, each.note) for each in out]
    return [
        tuple(sorted(replace(note, onset=at - begin, duration=end - at) for at, end, note in new if begin <= at < stop))
        for begin, stop in pairwise(starts)
    ]


def _held_in(bars: Sequence[Bar], voice: int, stood: Sequence[Sounding]) -> list[_Held]:
    """What some bars hold into those that follow, in which the notes stood that are given."""
    found = [(end, note) for _, end, note in _over(bars, voice) if end > 0]
    return [_Held(0, end, note, not any(onset < end for onset, _, _ in stood)) for end, note in found]


def _held_out(stood: Sequence[Sounding], end: int, last: int) -> list[_Held]:
    """What stands in some bars and is held over their end, where it is in the `last` ticks of them."""
    found = [(max(onset, end - last), until, note) for onset, until, note in stood if until > end]
    begin = min((onset for onset, _, _ in found), default=end)
    is_alone = sum(until > begin for _, until, _ in stood) == len(found)
    return [_Held(*each, is_alone) for each in found]


def _over(bars: Sequence[Bar], voice: int) -> Iterable[Sounding]:
    """The notes of a voice in some bars, counted from their end."""
    starts = [*accumulate((bar.length for bar in bars), initial=0)]
    return _from(-starts[-1], [bar.notes[voice] for bar in bars], starts)


def _from(time: int, bars: Iterable[Iterable[Note]], starts: Iterable[int]) -> Iterable[Sounding]:
    """The notes of bars that start at some times after a time."""
    for start, sung in zip(starts, bars, strict=False):
        for note in sung:
            yield time + start + note.onset, time + start + note.onset + note.duration, note


def _left(onset: int, end: int, pitch: int, held: Iterable[_Held]) -> Iterable[tuple[int, int]]:
    """What notes that stay leave of the time of a new one, if anything."""
    for each in held:
        if not each.is_alone and each.note.pitch != pitch:
            continue
        if each.start <= onset < each.end:
            onset = each.end
        elif onset < each.start < end:
            end = each.start
    if onset < end:
        yield onset, end


def _last_half(bar: Bar) -> int:
    """Ticks of the last half of a bar, in full beats; of a short bar, the whole of it."""
    beat = (bar.meter or Meter()).beat_length
    return min(bar.length, max(beat, bar.length // 2 // beat * beat))
