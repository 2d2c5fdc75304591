"""How a singer of a choir may go on, by the rules of counterpoint (`counterpoint.py`) that hold for choirs alone.

Costs are in nats, pitches MIDI numbers in C.
"""

from __future__ import annotations

from dataclasses import dataclass

from .counterpoint import FIFTH, Costs, is_augmented_second

_OCTAVE, _TRITONE, _WHOLE_TONE = 12, 6, 2
_SIXTHS = (8, 9)


@dataclass(frozen=True, slots=True)
class Motion:
    """A singer as a note begins.

    Attributes:
        left: The pitch that it leaves.
        is_top: Whether it is the highest of the choir.
        is_bass: Whether it is the lowest of several.
        other: What the other outer voice leaves, and what it goes to at the same time; None for an inner voice, and
            where the other stays.
        must_fall: Whether what it leaves is the seventh of a dominant that the tonic's chord follows here.
        may_close: Whether its note may be the last of a melody that ends on the tonic's chord.
    """

    left: int
    is_top: bool
    is_bass: bool
    other: tuple[int, int] | None
    must_fall: bool
    may_close: bool

    def cost(self, pitch: int, costs: Costs) -> float:
        """What going to a pitch costs."""
        move = pitch - self.left
        if not move:
            return 0.0
        leap = abs(move)
        cost = costs.tritone * (leap == _TRITONE) + costs.augmented * is_augmented_second(self.left, pitch)
        if not self.is_top:
            cost += costs.sixth * (leap in _SIXTHS)
            cost += costs.inner * (leap > _WHOLE_TONE and not self.is_bass)
        if self.must_fall:
            cost += costs.fall * (not -_WHOLE_TONE <= move < 0)
        if self.may_close:
            cost += costs.approach * (leap > _WHOLE_TONE)
        return cost + costs.hidden * self._is_hidden(pitch)

    def _is_hidden(self, pitch: int) -> bool:
        """Whether the outer voices go in one direction to a perfect fifth or octave, the upper one by leap."""
        if self.other is None or (pitch - self.other[1]) % _OCTAVE not in (0, FIFTH, _OCTAVE - FIFTH):
            return False
        other = self.other[1] - self.other[0]
        upper = pitch - self.left if self.is_top else other
        return (pitch - self.left) * other > 0 and abs(upper) > _WHOLE_TONE
