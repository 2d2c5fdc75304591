"""The bars of a tune that come back by its form: where a phrase begins again, and where a part ends as the one before.

Of 254 tunes of O'Neill, Ryan and Aird in two parts of eight bars, in 76 % of those where the chords of bar 5 are those
of bar 1 its notes are too, and in 81 and 64 % of those where the last bars but none and but one of the second part have
the chords of the first one's. Sampling without help finds the way back half as often.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .grammar_structure import BAR_START, ENDING, PICK_UP, REPEAT_END, REPEAT_START
from .vocabulary import DETAIL, IDS, token_id

_SONG = token_id("Style", "song")
"""Songs go on with their words, and recall little."""
_VOICE = IDS["voice"]
_CHORDS = frozenset(token for family in ("RelPos", "Chord", "Bass") for token in IDS[family])
_NOTES = frozenset(token for family in ("RelPos", "Note-On", "Duration") for token in IDS[family])
_PHRASE, _PERIOD = 4, 8
_BEGINNING = (4, 5)
"""Bars of a period, counted from 0, that begin its second phrase."""
_CLOSE = 2
"""Bars with which a part closes."""
_OF_BEGINNING, _OF_CLOSE = 1.2, 3.5
"""How firmly bars are recalled: with these, composed tunes do so about as often as real ones."""


@dataclass(slots=True)
class _Bar:
    chords: list[int] = field(default_factory=list)
    notes: list[int] = field(default_factory=list)


class RecalledBars:
    """Follows the tokens of a sequence for one voice."""

    def __init__(self) -> None:
        self._part: list[_Bar] = []
        self._before: list[_Bar] = []
        self._bar, self._model, self._firmness = _Bar(), _Bar(), 0.0
        self._first_ending = 0
        self._is_song = self._is_closed = self._is_in_voice = False

    def advance(self, token: int) -> None:
        """Read a token."""
        if token == _SONG:
            self._is_song = True
        elif token == DETAIL:
            self._part, self._before, self._model, self._is_closed = [], [], _Bar(), False
        elif token == REPEAT_START or (token == BAR_START and self._is_closed):
            self._begin_part()
        elif token in ENDING:
            self._read_ending(token)
        elif token == REPEAT_END:
            self._is_closed = True
        if token == BAR_START:
            self._bar, self._is_in_voice = _Bar(), False
            self._part.append(self._bar)
            self._model, self._firmness = self._recalled()
        elif token in PICK_UP:
            self._part.pop()
            self._model = _Bar()
        elif token in _VOICE:
            self._is_in_voice = True
        elif token in (_NOTES if self._is_in_voice else _CHORDS):
            (self._bar.notes if self._is_in_voice else self._bar.chords).append(token)

    def following(self) -> tuple[int, float] | None:
        """What would go on recalling a bar, its notes only over its chords, and how firmly; None where none is."""
        bar, model = self._bar, self._model
        if self._is_song or (self._is_in_voice and bar.chords != model.chords):
            return None
        said, wanted = (bar.notes, model.notes) if self._is_in_voice else (bar.chords, model.chords)
        return (wanted[len(said)], self._firmness) if len(said) < len(wanted) and wanted[: len(said)] == said else None

    @property
    def turns(self) -> bool:
        """Whether a period turns to its close here, and does not go on with what came before it."""
        at = len(self._part) - 1
        return not self._is_song and at >= 0 and at % _PERIOD >= _PERIOD - _CLOSE

    def _begin_part(self) -> None:
        if self._part:
            self._before, self._part = self._part, []
        self._is_closed = False

    def _read_ending(self, token: int) -> None:
        """A later ending stands in place of the first one."""
        if token == ENDING.start:
            self._first_ending = len(self._part)
        else:
            del self._part[self._first_ending :]
            self._is_closed = False

    def _recalled(self) -> tuple[_Bar, float]:
        """The bar that the present one may recall, an empty one if there is none, and how firmly."""
        at, last = len(self._part) - 1, len(self._before)
        if last - _CLOSE <= at < last:
            return self._before[at], _OF_CLOSE
        if at % _PERIOD in _BEGINNING:
            return self._part[at - _PHRASE], _OF_BEGINNING
        return _Bar(), 0.0
