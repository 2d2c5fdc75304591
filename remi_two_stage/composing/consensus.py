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
_CLOSES = ((7, 7), (10, 10))
"""Root and bass of chords that lead to the tonic, in semitones above it."""
_LONGEST_CLOSE = 4
"""Bars that a close may take."""
Harmony = Sequence[tuple[Chord, ...]]
"""Chords of every bar."""


def agreed(harmonies: Sequence[Harmony], bars: Sequence[Bar]) -> list[tuple[Chord, ...]]:
    """Bar by bar, the chords that share most with those of all harmonies; of equals, those of the first.

    Where they end on the tonic and do not come to it from the dominant, or in modes from the seventh degree, in root
    position, but some of the harmonies do, the last bars are those of one that does: bars that are taken one by one
    lose the thread of a cadence (Kostka and Payne, Tonal Harmony, chapter 10).

    Args:
        bars: The melody's bars, whose beats are compared.
    """
    versions = [*zip(*harmonies, strict=True)]
    shared = [_shared(of_bar, bar) for of_bar, bar in zip(versions, bars, strict=True)]
    chords = [max(of_bar, key=of_bar.__getitem__) for of_bar in shared]
    heard = _heard(chords)
    may_close = heard and heard[-1][0] == 0 and not _closes(chords)
    return _closing(chords, harmonies, shared) if may_close else chords


def _closing(
    chords: list[tuple[Chord, ...]], harmonies: Sequence[Harmony], shared: Sequence[dict[tuple[Chord, ...], float]]
) -> list[tuple[Chord, ...]]:
    """The same with the last bars of a harmony that make them close: as few as can, and of these those that share most;
    unchanged where none do.
    """
    for bars in range(1, min(_LONGEST_CLOSE, len(chords)) + 1):
        whole = ([*chords[:-bars], *harmony[-bars:]] for harmony in harmonies)
        if closing := [close for close in whole if _closes(close)]:
            return max(closing, key=lambda close: sum(map(dict.__getitem__, shared, close)))
    return chords


def _closes(harmony: Harmony) -> bool:
    """Whether the tonic follows at the end what leads to it, all in root position."""
    heard = _heard(harmony)
    before = next((at for at in range(len(heard) - 1, -1, -1) if heard[at][0] != 0), None)
    return before is not None and heard[before] in _CLOSES and set(heard[before + 1 :]) == {(0, 0)}


def _heard(harmony: Harmony) -> list[tuple[int | None, int | None]]:
    return [_root_and_bass(chord) for bar in harmony for chord in bar]


def _shared(versions: Sequence[tuple[Chord, ...]], bar: Bar) -> dict[tuple[Chord, ...], float]:
    """What each version of a bar shares with all."""
    heard = {chords: [_sounding(chords, beat) for beat in bar.beats] for chords in versions}

    def shared(chords: tuple[Chord, ...]) -> float:
        pairs = (zip(heard[chords], heard[other], strict=True) for other in versions)
        return sum(_common(one, another) for pair in pairs for one, another in pair)

    return {chords: shared(chords) for chords in heard}


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
