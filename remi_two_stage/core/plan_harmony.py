"""How a composed plan for a quartet begins and closes, and what other chords cost there while it is written.

The planner has learnt quartets from excerpts, most of which begin and end within a movement. Works begin on the tonic
in root position in 79 % of OpenScore's quartets, and come to their last tonic from the root of the dominant in 68 %:

    opening   the first chord is not the tonic's, or not in root position
    cadence   in the last two bars a chord is not the dominant's, in modes also the seventh degree's, or not in root
              position; in the last bar it may be the tonic's (Caplin, Classical Form, chapter 3)

Costs are in nats, subtracted from the model's scores.
"""

from __future__ import annotations

from collections.abc import Sequence

from .counterpoint_harmony import root_of
from .grammar_structure import BAR_START, PICK_UP
from .vocabulary import IDS, TOKENS, token_id
from .voices import QUARTET

OPENING, CADENCE = 1.0, 0.9
"""With these, about as many plans begin on the tonic and close V-I as real works, the best of a few being taken."""
_VOICE, _CHORD, _BASS, _BARS, _KEY = (IDS[family] for family in ("voice", "Chord", "Bass", "Bars", "key"))
_PLAYERS = {token_id("voice", name) for name in QUARTET}
_DOMINANTS, _MODAL_DOMINANTS = frozenset((7,)), frozenset((7, 10))
_TONIC = frozenset((0,))
_LAST = 2


class PlanHarmony:
    """Follows the tokens of a "plan" sequence; chords cost something in those of quartets alone."""

    def __init__(self) -> None:
        self._voices: set[int] = set()
        self._bars = self._bar = 0
        self._chord: int | None = None
        self._is_modal = self._is_begun = False

    def advance(self, token: int) -> None:
        """Read a token."""
        if token in _VOICE:
            self._voices.add(token)
        elif token in _BARS:
            self._bars = token - _BARS.start + 1
        elif token in _KEY and not self._bar:
            self._is_modal = TOKENS[token][1][-3:] not in ("maj", "min")
        elif token == BAR_START:
            self._bar += 1
            self._is_begun, self._chord = self._bar > 1, None
        elif token in PICK_UP:
            self._bar -= 1
        elif token in _CHORD:
            self._is_begun, self._chord = self._chord is not None or self._bar > 1, token

    def costs(self, choice: Sequence[range]) -> list[float] | None:
        """What each token of a choice costs, one range after the other; None where nothing does."""
        wanted, cost = self._wanted()
        if not wanted:
            return None
        return [
            cost * (root_of(token) not in wanted if token in _CHORD else token in _BASS)
            for ids in choice
            for token in ids
        ]

    def _wanted(self) -> tuple[frozenset[int], float]:
        """The roots of chords that are wanted, none where all are fine, and what others cost."""
        if not (len(self._voices) > 1 and self._voices <= _PLAYERS):
            return frozenset(), 0.0
        if self._bar == 1 and not self._is_begun:
            return _TONIC, OPENING
        if self._bar > max(self._bars - _LAST, 1):
            dominants = _MODAL_DOMINANTS if self._is_modal else _DOMINANTS
            return (dominants | _TONIC if self._bar == self._bars else dominants), CADENCE
        return frozenset(), 0.0
