"""The lines of a hymn that come back: its form is most often AABA or AABC.

Of 80 hymns of the Open Hymnal in 16 bars half say three or two of the first line's four bars again in the second one,
in the melody, and 28 % come back to them in the last line. Where melody and chords of a bar come back, so do the other
voices in 86 %. Closes differ: the second line's is the first one's in one of eight. Sampling without help hardly ever
comes back.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from .grammar_structure import BAR_START, PICK_UP
from .vocabulary import DETAIL, IDS, TOKENS, token_id
from .voices import is_choir

_HYMN = token_id("Style", "hymn")
_VOICE, _BARS = IDS["voice"], IDS["Bars"]
_CHORDS = frozenset(token for family in ("RelPos", "Chord", "Bass") for token in IDS[family])
_NOTES = frozenset(token for family in ("RelPos", "Note-On", "Duration") for token in IDS[family])
_LINES = 4
_LENGTHS = (16, 32)
"""Bars of hymns in four lines of four or eight."""
_SECOND, _FOURTH = (2.5, 3.6), (5.0, 4.2)
"""How firmly the chords of a line recall those of another: in its first bar, and where the bar before has done so."""
_MELODY, _OTHERS = 2.6, 3.2
"""How firmly notes do over the same chords, those of the first voice and those of others below the same notes."""


@dataclass(slots=True)
class _Bar:
    chords: list[int] = field(default_factory=list)
    notes: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))


class RecalledLines:
    """Follows the tokens of a sequence; says nothing but in hymns for a choir."""

    def __init__(self) -> None:
        self._is_hymn = False
        self._singers: set[str] = set()
        self._length = self._voice = 0
        self._bars: list[_Bar] = []
        self._model: _Bar | None = None
        self._firmness = 0.0

    def advance(self, token: int) -> None:
        """Read a token."""
        if token == BAR_START:
            self._bars.append(_Bar())
            self._voice = 0
            self._model = self._recalled()
        elif token in PICK_UP:
            self._bars.pop()
            self._model = None
        elif token == DETAIL:
            self._bars, self._model, self._voice = [], None, 0
        elif token in _VOICE:
            self._singers.add(TOKENS[token][1])
            self._voice = token
        elif not self._bars:
            self._is_hymn = self._is_hymn or token == _HYMN
            self._length = int(TOKENS[token][1]) if token in _BARS else self._length
        elif self._voice and token in _NOTES:
            self._bars[-1].notes[self._voice].append(token)
        elif not self._voice and token in _CHORDS:
            self._bars[-1].chords.append(token)

    def following(self) -> tuple[int, float] | None:
        """What would go on recalling a line, its notes only over its chords, and how firmly; None where none is."""
        bar, model = self._bars[-1] if self._bars else None, self._model
        if bar is None or model is None or (self._voice and not self._is_said_by_others(bar, model)):
            return None
        said, wanted = (bar.notes[self._voice], model.notes[self._voice]) if self._voice else (bar.chords, model.chords)
        if len(said) >= len(wanted) or wanted[: len(said)] != said:
            return None
        return wanted[len(said)], (_OTHERS if len(bar.notes) > 1 else _MELODY) if self._voice else self._firmness

    def _is_said_by_others(self, bar: _Bar, model: _Bar) -> bool:
        """Whether the chords and the notes of the voices that are written already are those that come back."""
        others = [voice for voice in bar.notes if voice != self._voice]
        return bar.chords == model.chords and all(bar.notes[voice] == model.notes[voice] for voice in others)

    def _recalled(self) -> _Bar | None:
        """The bar that the present one may recall; how firmly its chords do depends on the one before."""
        if not self._is_hymn or self._length not in _LENGTHS or not is_choir(self._singers):
            return None
        size = self._length // _LINES
        line, at = divmod(len(self._bars) - 1, size)
        back = {1: size, 3: 2 * size}.get(line, 0)
        if not back or at == size - 1 or (line == 3 and not self._takes_up(size)):
            return None
        goes_on = at > 0 and self._bars[-2].chords == self._bars[-2 - back].chords
        firmness = _SECOND if line == 1 else _FOURTH
        self._firmness = firmness[goes_on] if goes_on or not at else 0.0
        return self._bars[-1 - back]

    def _takes_up(self, size: int) -> bool:
        """Whether the second line has taken up the first one's chords, but for its close."""
        pairs = list(zip(self._bars[: size - 1], self._bars[size : 2 * size - 1], strict=True))
        return 2 * sum(one.chords == other.chords for one, other in pairs) > len(pairs)
