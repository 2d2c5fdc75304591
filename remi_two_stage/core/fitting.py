"""What tokens cannot say is changed before a piece is encoded, and every change counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, zip_longest

from .chords import UNKNOWN_CHORD
from .grammar_structure import ring_limits
from .notation import NOTATION_LOSSES
from .piece import Bar, Chord, Note, Piece
from .vocabulary import DYNAMICS, VELOCITIES

_MAX_ENDING = 9


def fit(piece: Piece) -> tuple[Piece, Counter[str]]:
    """The nearest piece that tokens can say, and what was changed, by reason.

    Changed are notes that ring past the end of a repeat, an ending or the piece (cut there), notes struck while they
    sound in the same voice (the earlier one is cut), unisons in one voice (the longer stays), notes and chords that
    start after their bar's end (left out), chords at one place (the last stays), endings beyond the ninth, endings left
    open (closed), and plays of a repeat beyond the second (left out). What the piece's reader lost counts too.
    Velocities, dynamics and tempos go to their bins, and an order of parts or a jump is written out, uncounted.
    """
    losses: Counter[str] = Counter({reason: count for reason, count in piece.losses if reason not in NOTATION_LOSSES})
    piece = piece.in_part_order()
    bars = _fit_structure(piece.bars, losses)
    rings = _ring_limits(bars)
    voices = [_fit_voice(bars, voice, rings, losses) for voice in range(len(piece.voices))]
    fitted = tuple(
        [
            bar if notes == bar.notes else bar.with_music(bar.key, notes, bar.chords)
            for bar, notes in zip(bars, zip(*voices, strict=True), strict=True)
        ]
    )
    return replace(piece, bars=fitted), +losses


def _fit_structure(bars: Sequence[Bar], losses: Counter[str]) -> list[Bar]:
    fitted, is_open = [], False
    for bar, following in zip_longest(bars, bars[1:]):
        endings = _fit_endings(bar, losses) if bar.endings else ()
        is_open = is_open or bool(endings)
        must_close = is_open and (following is None or following.repeat_start or bool(following.endings))
        if must_close and not bar.ending_end:
            losses["an ending left open"] += 1
        ending_end = is_open and (bar.ending_end or must_close)
        is_open = is_open and not ending_end
        is_pickup = bar.is_pickup and bar.meter is not None and bar.length < bar.meter.bar_length
        if bar.plays != 2:
            losses["a third or later play of a repeat"] += bar.plays - 2
        chords = _fit_chords(bar, losses)
        wanted = endings, ending_end, is_pickup, chords, 2
        if wanted != (bar.endings, bar.ending_end, bar.is_pickup, bar.chords, bar.plays):
            bar = replace(bar, endings=endings, ending_end=ending_end, is_pickup=is_pickup, chords=chords, plays=2)
        fitted.append(bar)
    return fitted


def _fit_endings(bar: Bar, losses: Counter[str]) -> tuple[int, ...]:
    endings = sorted({number for number in bar.endings if 1 <= number <= _MAX_ENDING})
    losses["an ending beyond the ninth"] += len(set(bar.endings)) - len(endings)
    return tuple(endings)


def _fit_chords(bar: Bar, losses: Counter[str]) -> tuple[Chord, ...]:
    """Chords in order, one an onset (the last written), none after the bar's end."""
    known = [chord for chord in bar.chords if chord.label != UNKNOWN_CHORD]
    at_onset = {chord.onset: chord for chord in known if chord.onset < bar.length}
    if len(known) > len(at_onset):
        losses["a chord at another's place or after its bar's end"] += len(known) - len(at_onset)
    return tuple(sorted(at_onset.values())) if len(at_onset) > 1 else tuple(at_onset.values())


def _ring_limits(bars: Sequence[Bar]) -> list[int]:
    ends = [
        bar.repeat_end or bar.ending_end or following.repeat_start or bool(following.endings)
        for bar, following in pairwise(bars)
    ]
    return ring_limits([bar.length for bar in bars], [*ends, True])


def _fit_voice(bars: Sequence[Bar], voice: int, rings: Sequence[int], losses: Counter[str]) -> list[tuple[Note, ...]]:
    """One voice's notes, bar by bar, such that no pitch is struck while it sounds and none rings too far."""
    fitted: list[tuple[Note, ...] | list[Note]] = []
    last: dict[int, tuple[list[Note], int, int]] = {}
    start = silent_from = 0
    for bar, ring in zip(bars, rings, strict=True):
        if _is_line(bar.notes[voice], silent_from - start, bar.length):
            fitted.append(bar.notes[voice])
            start += bar.length
            continue
        sung: list[Note] = []
        for note in sorted(bar.notes[voice], key=lambda note: (note.onset, note.pitch)):
            if note.onset >= bar.length:
                losses["a note that starts after its bar's end"] += 1
                continue
            if note.duration > ring - note.onset:
                losses["a note that rings past a repeat, an ending or the piece"] += 1
                note = replace(note, duration=ring - note.onset)
            silent_from = max(silent_from, start + note.onset + note.duration)
            if not _cut_sounding(last.get(note.pitch), start + note.onset, note, losses):
                last[note.pitch] = (sung, len(sung), start)
                sung.append(note)
        fitted.append(sung)
        start += bar.length
    return [notes if isinstance(notes, tuple) else tuple(_in_bins(notes)) for notes in fitted]


def _is_line(notes: Sequence[Note], silent_from: int, length: int) -> bool:
    """Whether notes without velocities and dynamics follow one another between two ticks of a bar: nothing to fit."""
    for note in notes:
        if note.onset < silent_from or note.velocity is not None or note.dynamics is not None:
            return False
        silent_from = note.onset + note.duration
    return silent_from <= length


def _cut_sounding(earlier: tuple[list[Note], int, int] | None, onset: int, note: Note, losses: Counter[str]) -> bool:
    """Cut the earlier note of the same pitch where `note` is struck; whether the earlier one, a unison, stands for
    both.
    """
    if earlier is None:
        return False
    sung, index, start = earlier
    held = sung[index]
    sounds = onset - start - held.onset
    if sounds >= held.duration:
        return False
    if sounds == 0:
        losses["a unison in one voice"] += 1
        sung[index] = replace(held, duration=max(held.duration, note.duration))
        return True
    losses["a note struck while it sounds"] += 1
    sung[index] = replace(held, duration=sounds)
    return False


def _in_bins(notes: Sequence[Note]) -> Iterator[Note]:
    """Velocities in their bins, and the dynamics of an onset on all its notes."""
    if all(note.velocity is None and note.dynamics is None for note in notes):
        yield from notes
        return
    marks = {note.onset: note.dynamics for note in reversed(notes) if note.dynamics in DYNAMICS}
    for note in notes:
        velocity = None if note.velocity is None else nearest(VELOCITIES, note.velocity)
        yield replace(note, velocity=velocity, dynamics=marks.get(note.onset))


def nearest(bins: range, value: float) -> int:
    """The bin of a value."""
    return min(bins, key=lambda candidate: abs(candidate - value))
