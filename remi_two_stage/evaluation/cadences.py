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

import math
from collections.abc import Callable, Sequence
from itertools import groupby

from ..core.features import bars_with_two_chords, chord_roots, last_note, tonic_chords
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


def closes_authentically(piece: Piece) -> Count | None:
    """Whether the plan closes V-I; modal tunes close otherwise and say nothing."""
    roots = chord_roots(piece)
    if len(roots) < 2 or piece.key.mode not in ("maj", "min"):
        return None
    return float(roots[-2:] == [_DOMINANT, _TONIC]), 1


def _of_a_piece(share: Callable[[Piece], float]) -> Callable[[Piece], Count | None]:
    """A share as it is counted: that of one piece."""

    def count(piece: Piece) -> Count | None:
        found = share(piece)
        return None if math.isnan(found) else (found, 1)

    return count


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
    "bars with two chords": Measure(_of_a_piece(bars_with_two_chords), "of a tune's bars", 0.338, _BY_HAND),
    "share of I": Measure(_of_a_piece(tonic_chords), "chords on the tonic, of a tune's chords", 0.436, _BY_HAND),
}
