"""The chords that several harmonies of one melody agree on.

A planner that is asked once gives one of the harmonies that it holds possible. Asked often, it says how likely each
chord is on each beat. Of every bar, that version is kept which shares most with all the others, the one of the least
expected loss (Kumar and Byrne 2004, "Minimum Bayes-Risk Decoding for Statistical Machine Translation").
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.chords import split_label
from ..core.piece import Bar, Chord

_SAME_ROOT, _SAME_CHORD, _SAME_BASS = 1.0, 0.3, 0.3
"""What two harmonies share on a beat where roots, chords and basses are the same."""
Harmony = Sequence[tuple[Chord, ...]]
"""Chords of every bar."""


def agreed(harmonies: Sequence[Harmony], bars: Sequence[Bar]) -> list[tuple[Chord, ...]]:
    """Bar by bar, the chords that share most with those of all harmonies; of equals, those of the first.

    Args:
        bars: The melody's bars, whose beats are compared.
    """
    return [_most_shared(versions, bar) for versions, bar in zip(zip(*harmonies, strict=True), bars, strict=True)]


def _most_shared(versions: Sequence[tuple[Chord, ...]], bar: Bar) -> tuple[Chord, ...]:
    heard = {chords: [_sounding(chords, beat) for beat in bar.beats] for chords in versions}

    def shared(chords: tuple[Chord, ...]) -> float:
        pairs = (zip(heard[chords], heard[other], strict=True) for other in versions)
        return sum(_common(one, another) for pair in pairs for one, another in pair)

    return max(heard, key=shared)


def _sounding(chords: Sequence[Chord], tick: int) -> Chord | None:
    return next((chord for chord in reversed(chords) if chord.onset <= tick), None)


def _common(one: Chord | None, other: Chord | None) -> float:
    if one is None or other is None:
        return _SAME_ROOT * (one is other)
    if one.label == other.label:
        return _SAME_ROOT + _SAME_CHORD + _SAME_BASS * (one.bass == other.bass)
    (root, bass), (other_root, other_bass) = _root_and_bass(one), _root_and_bass(other)
    return _SAME_ROOT * (root == other_root) + _SAME_BASS * (bass == other_bass)


def _root_and_bass(chord: Chord) -> tuple[int | None, int | None]:
    """In semitones above the tonic; None where there is no chord."""
    parts = split_label(chord.label)
    return (None, None) if parts is None else (parts[0], (parts[0] + chord.bass) % 12)
