"""How a composed plan for a quartet begins and closes, how that of a tune begins, how the bass of a choir goes, and
what other chords cost there while it is written.

The planner has learnt quartets from excerpts, most of which begin and end within a movement. Works begin on the tonic
in root position in 79 % of OpenScore's quartets, and come to their last tonic from the root of the dominant in 68 %:

    opening   the first chord is not the tonic's, or not in root position
    cadence   in the last two bars a chord is not the dominant's, in modes also the seventh degree's, or not in root
              position; in the last bar it may be the tonic's (Caplin, Classical Form, chapter 3)

In choirs basses seldom go by an augmented fourth or a diminished fifth: in one of 200 moves or fewer in Bach's chorales
and in hymns, where plans had two or three.

    tritone   the bass of a chord lies three whole tones from that of the chord before

Of Nottingham's tunes 95 % begin on the tonic behind their pick-ups, and 23 of 25 in three beats come to it with their
last bar; of composed ones 80 and 58 % did. There another chord costs something, too, but not in songs.

    of tune   the first chord, or in three beats that with which the last bar begins, is not the tonic's

Costs are in nats, subtracted from the model's scores.
"""

from __future__ import annotations

from collections.abc import Sequence

from .counterpoint_harmony import root_of
from .grammar_structure import BAR_START, PICK_UP
from .vocabulary import IDS, TOKENS, token_id
from .voices import QUARTET, is_choir

OPENING, CADENCE, TRITONE, OF_TUNE = 1.0, 0.9, 3.0, 2.0
"""With these, about as many plans begin on the tonic, close V-I and have such basses as real works, the best of a few
being taken.
"""
_SONG = token_id("Style", "song")
_VOICE, _CHORD, _BASS, _BARS, _KEY, _TIME = (
    IDS[family] for family in ("voice", "Chord", "Bass", "Bars", "key", "time")
)
_DOMINANTS, _MODAL_DOMINANTS = frozenset((7,)), frozenset((7, 10))
_TONIC = frozenset((0,))
_LAST = 2
_OCTAVE, _THREE_TONES = 12, 6


class PlanHarmony:
    """Follows the tokens of a "plan" sequence; chords cost something in those of quartets, choirs and tunes."""

    def __init__(self) -> None:
        self._voices: set[str] = set()
        self._bars = self._bar = 0
        self._chord: int | None = None
        self._root: int | None = None
        self._bass: int | None = None
        self._bass_before: int | None = None
        self._is_modal = self._is_begun = self._is_song = self._is_in_three = False

    def advance(self, token: int) -> None:
        """Read a token."""
        if token in _VOICE:
            self._voices.add(TOKENS[token][1])
        elif token in _TIME:
            self._is_in_three = TOKENS[token][1].startswith("3/")
        elif token == _SONG:
            self._is_song = True
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
            self._root, self._bass_before = root_of(token), self._bass
            self._bass = self._root
        elif token in _BASS:
            self._bass = self._bass_with(token)

    def costs(self, choice: Sequence[range]) -> list[float] | None:
        """What each token of a choice costs, one range after the other; None where nothing does."""
        if is_choir(self._voices):
            return self._costs_of_basses(choice)
        wanted, cost = self._wanted()
        if not wanted:
            return None
        return [
            cost * (root_of(token) not in wanted if token in _CHORD else token in _BASS)
            for ids in choice
            for token in ids
        ]

    def _costs_of_basses(self, choice: Sequence[range]) -> list[float] | None:
        """What a choir's chord costs by its bass, its root where none follows."""
        if self._bass_before is None or self._root is None or not any(ids and ids.start in _BASS for ids in choice):
            return None
        basses = (self._bass_with(token) for ids in choice for token in ids)
        return [
            TRITONE * (bass is not None and (bass - self._bass_before) % _OCTAVE == _THREE_TONES) for bass in basses
        ]

    def _bass_with(self, token: int) -> int | None:
        """The pitch class of the bass of the last chord, if a token follows."""
        over = token - _BASS.start + 1 if token in _BASS else 0
        return None if self._root is None else (self._root + over) % _OCTAVE

    @property
    def _is_tune(self) -> bool:
        return len(self._voices) == 1 and not self._is_song

    @property
    def _is_at_close_in_three(self) -> bool:
        """Whether the last bar begins, of three beats."""
        return self._is_in_three and self._bar == self._bars and self._chord is None

    def _wanted(self) -> tuple[frozenset[int], float]:
        """The roots of chords that are wanted, none where all are fine, and what others cost."""
        is_quartet = len(self._voices) > 1 and self._voices <= {*QUARTET}
        if not is_quartet:
            is_due = (self._bar == 1 and not self._is_begun) or self._is_at_close_in_three
            return (_TONIC, OF_TUNE) if is_due and self._is_tune else (frozenset(), 0.0)
        if self._bar == 1 and not self._is_begun:
            return _TONIC, OPENING
        if self._bar > max(self._bars - _LAST, 1):
            dominants = _MODAL_DOMINANTS if self._is_modal else _DOMINANTS
            return (dominants | _TONIC if self._bar == self._bars else dominants), CADENCE
        return frozenset(), 0.0
