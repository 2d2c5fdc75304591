"""The tempos of an ABC tune: what its fields `Q:` say, and which of them are printed (`%%printtempo`).

Times are in units from the start of the tune.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from operator import itemgetter

from ..core.notation import TempoMark
from .abc_fields import parse_tempo, parse_tempo_mark

_FALSE = ("0", "no", "false")


class Tempos:
    """The tempos, in the order of the text."""

    def __init__(self) -> None:
        self._said: list[tuple[int, str, bool]] = []  # when, how, and whether it is not printed
        self._are_silent = False

    def add(self, time: int, text: str) -> None:
        """What a field says."""
        self._said.append((time, text, self._are_silent))

    def set_printing(self, value: str) -> None:
        """What `%%printtempo` says of the tempos that follow."""
        self._are_silent = value.strip().lower() in _FALSE

    def marks(self, unit_length: int, lose: Callable[[str, int], None]) -> list[tuple[int, TempoMark]]:
        """What each of them says, and when; those that say nothing are lost."""
        said = [(time, text, is_silent) for time, text, is_silent in self._said if text.strip()]
        marks = [(time, parse_tempo_mark(text, unit_length), is_silent) for time, text, is_silent in said]
        lose("a tempo without a number", sum(mark is None for _, mark, _ in marks))
        return [(time, replace(mark, is_silent=is_silent)) for time, mark, is_silent in marks if mark]

    def first(self, unit_length: int, latest: int, lose: Callable[[str, int], None]) -> float | None:
        """The tempo at the start, or up to `latest`, after a pick-up; those that follow are lost where only one can be
        kept.
        """
        said = [(time, parse_tempo(text, unit_length)) for time, text, _ in self._said]
        tempos = sorted(((time, tempo) for time, tempo in said if tempo), key=itemgetter(0))
        if not tempos:
            return None
        changes = sum(before != after for (_, before), (_, after) in pairwise(tempos))
        is_first = tempos[0][0] <= latest
        lose("a tempo change", changes + (not is_first))
        return tempos[0][1] if is_first else None
