"""The bars of a piece that new ones are written in place of: whoever rewrites bars wants others.

The bars around them often say the old ones again, so that without help one bar in four came back as it was.
"""

from __future__ import annotations

from collections.abc import Sequence

from .grammar_structure import BAR_START
from .vocabulary import IDS

_NOTE_ON, _VOICE = IDS["Note-On"], IDS["voice"]


class ReplacedBars:
    """Follows the tokens that are written after a prompt which ends within the first of the bars.

    Args:
        bars: The token ids of the voices of each bar as it was.
    """

    def __init__(self, bars: Sequence[Sequence[int]]) -> None:
        self._bars = [list(bar) for bar in bars]
        self._at = 0
        self._said: list[int] = []

    def advance(self, token: int) -> None:
        """Read a token."""
        if token == BAR_START:
            self._at += 1
            self._said = []
        elif token in _VOICE or self._said:
            self._said.append(token)

    def following(self) -> set[int]:
        """The pitch, as `<Note-On=>`, that would go on saying the old bar, if all before it in the bar says that. Where
        others follow, the first one may stay: the bar before leads to it.
        """
        old = self._bars[self._at] if self._at < len(self._bars) else []
        said = len(self._said)
        if old[:said] != self._said or (_notes(self._said) == 0 and _notes(old) > 1):
            return set()
        return {token for token in old[said : said + 1] if token in _NOTE_ON}


def _notes(tokens: Sequence[int]) -> int:
    return sum(token in _NOTE_ON for token in tokens)
