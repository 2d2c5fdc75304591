"""How pieces and plans end, and what their plans are made of.

Definitions
- A tune ends on its tonic when the last note of the first voice, as written, has the pitch class of the first key's
  tonic.
- A plan closes V-I when its last two chords, as written beat by beat without repetitions inside a bar, have their roots
  on the dominant and the tonic (Caplin, Classical Form, 1998, chapter 3); "V | I | I" closes with I.
- A bar has two chords when it has more than one; pick-ups do not count. A chord is I when its root is the tonic; the
  same chord in the next bar counts again. Both are shares in a tune, averaged over tunes.
- The bass ends V-I when its last note is the tonic and the dominant is one of the two before it, notes that are
  repeated taken once, and IV-I when the subdominant comes right before it (Kostka and Payne, Tonal Harmony, chapter
  10).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ..core.chords import split_label
from ..core.features import last_note
from ..core.piece import Piece
from .estimates import Count, Measure

_OCTAVE = 12
_TONIC, _SUBDOMINANT, _DOMINANT = 0, 5, 7
_BOOKS = "4,237 tunes of O'Neill, Ryan and Aird"
_BY_HAND = "962 Nottingham tunes, chords by hand"


def ends_on_tonic(piece: Piece) -> Count | None:
    """Whether the last note of the first voice is the tonic."""
    last = last_note(piece)
    return None if last is None else (float(last[1].pitch % _OCTAVE == piece.key.pitch_class), 1)


def ends_on_tonic_as_slip_jig(piece: Piece) -> Count | None:
    """The same of slip jigs alone, many of which go round."""
    return ends_on_tonic(piece) if piece.style == "slip-jig" else None


def _roots(piece: Piece) -> list[int | None]:
    """The root of every chord in semitones above the tonic; None for no chord and an unknown one."""
    parts = [split_label(chord.label) for bar in piece.bars if not bar.is_pickup for chord in bar.chords]
    return [None if part is None else part[0] for part in parts]


def closes_authentically(piece: Piece) -> Count | None:
    """Whether the plan closes V-I; modal tunes close otherwise and say nothing."""
    roots = _roots(piece)
    if len(roots) < 2 or piece.key.mode not in ("maj", "min"):
        return None
    return float(roots[-2:] == [_DOMINANT, _TONIC]), 1


def bars_with_two_chords(piece: Piece) -> Count | None:
    """Share of the bars with more than one chord, of all that have any."""
    numbers = [len(bar.chords) for bar in piece.bars if not bar.is_pickup and bar.chords]
    return (sum(number > 1 for number in numbers) / len(numbers), 1) if numbers else None


def tonic_chords(piece: Piece) -> Count | None:
    """Share of the known chords that are on the tonic."""
    roots = [root for root in _roots(piece) if root is not None]
    return (roots.count(_TONIC) / len(roots), 1) if roots else None


def bass_ending(bass: Sequence[int], tonic: int) -> str | None:
    """How a bass ends, the pitches of which are given in order: "V-I", "IV-I" or None."""
    degrees = [degree for degree, _ in groupby((pitch - tonic) % _OCTAVE for pitch in bass)]
    if degrees[-1:] != [_TONIC]:
        return None
    if _DOMINANT in degrees[-3:-1]:
        return "V-I"
    return "IV-I" if degrees[-2:-1] == [_SUBDOMINANT] else None


CADENCES = {
    "last note tonic": Measure(ends_on_tonic, "tunes that end on the tonic", 0.822, _BOOKS),
    "last note tonic, slip jigs": Measure(ends_on_tonic_as_slip_jig, "the same of slip jigs", 0.438, _BOOKS),
    "plans closing V-I": Measure(closes_authentically, "plans in major and minor that close V(7)-I", 0.656, _BY_HAND),
    "bars with two chords": Measure(bars_with_two_chords, "of a tune's bars", 0.338, _BY_HAND),
    "share of I": Measure(tonic_chords, "chords on the tonic, of a tune's chords", 0.436, _BY_HAND),
}
