"""The words beneath a line of ABC music (`w:`, ABC standard 2.1, section 5.1), and the symbols beside it (`s:`, section
4.15): which note has which.

Conventions
- Words belong to the line of music before them; each further `w:` after the same line is the next verse.
- A bar line before all words is the one that the music begins with, or else ends its first bar.
- Every note takes a syllable, also one that is tied to the note before; rests and grace notes take none, nor do the
  notes of overlays.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import attrgetter

from ..core.text import printable
from .abc_fields import decode_text
from .abc_notation import LYRIC, TimedRecord
from .abc_state import Boundary

SYLLABLE = re.compile(r"([*_|-])|((?:[^ \t*_|\\-]++|\\u[0-9A-Fa-f]{4}|\\[^ \t])+)(-?)")
"""What stands for one note in a line of words, or a bar line there."""
_SIGN = re.compile(r"\\([*_|-])")
_SYMBOL = re.compile(r'"[^"]*"|![^!]*!|\+[^+]*\+|[*|]')
_TIME = attrgetter("time")
_JOINT = 2


class VoiceLyrics:
    """The words of one voice.

    Attributes:
        onsets: When the notes of the last line of music begin.
        lost: How many syllables had no note.
        following: Index of the note that the next syllable is for.
        begins_with_bar_line: Whether the last line of music does.
    """

    def __init__(self) -> None:
        self.onsets: list[int] = []
        self.lost = 0
        self._line = -1
        self.following = 0
        self.begins_with_bar_line = False
        self._verse = 0
        self._position: int | None = None  # of the last syllable or bar line
        self._goes_on = False
        self._last: dict[int, list[str | int]] = {}  # the last syllable of each verse: text, verse, joint

    def begin_line(self, number: int) -> None:
        """A line of music begins, unless it is the one that is being read."""
        if number != self._line:
            self._line = number
            self._verse = 0
            self.onsets.clear()
            self.begins_with_bar_line = False

    def read(self, text: str, records: list[TimedRecord], boundaries: Sequence[Boundary], goes_on: bool) -> None:
        """Read a line of words, or one that goes on with the line before."""
        if not goes_on and not self._goes_on:
            self._verse += 1
            self.following, self._position = 0, None
        text = text.rstrip()
        self._goes_on = text.endswith("\\") and not text.endswith("\\\\")
        onsets, verse, following = self.onsets, self._verse, self.following
        for sign, word, hyphen in SYLLABLE.findall(text.removesuffix("\\") if self._goes_on else text):
            if sign == "|":
                following = self._after_bar(following, boundaries)
            elif following == len(onsets):
                self.lost += bool(word)
            else:
                self._position = onset = onsets[following]
                following += 1
                if not word:
                    self._take_sign(sign, onset, records)
                elif written := word if word.isalnum() else _text(word):
                    self._last[verse] = last = [written, verse, hyphen]
                    records.append((onset, LYRIC, verse, last))
        self.following = following

    def symbols(self, text: str, boundaries: Sequence[Boundary]) -> Iterator[tuple[int | None, str]]:
        """The symbols in a line of them, each with the onset of its note; None where there is no note."""
        following, self._position = 0, None
        for sign in _SYMBOL.findall(text):
            if sign == "|":
                following = self._after_bar(following, boundaries)
            elif following == len(self.onsets):
                if sign != "*":
                    yield None, sign
            else:
                self._position = onset = self.onsets[following]
                following += 1
                if sign != "*":
                    yield onset, sign

    def _after_bar(self, following: int, boundaries: Sequence[Boundary]) -> int:
        """Index of the next note after the bar line that ends the bar of the last syllable."""
        if self._position is None:
            if self.onsets:
                self._position = self.onsets[0]
            if self.begins_with_bar_line or not self.onsets:
                return following
        index = bisect_right(boundaries, self._position, key=_TIME)
        if index == len(boundaries):
            return len(self.onsets)
        self._position = boundaries[index].time
        while following < len(self.onsets) and self.onsets[following] < self._position:
            following += 1
        return following

    def _take_sign(self, sign: str, onset: int, records: list[TimedRecord]) -> None:
        """Give a note what stands in the place of a syllable."""
        last = self._last.get(self._verse)
        if last is not None and sign != "*":
            last[_JOINT] = last[_JOINT] or sign
            if sign == "_":
                records.append((onset, LYRIC, self._verse, ["", self._verse, "_"]))


@lru_cache(maxsize=4096)
def _text(written: str) -> str:
    plain = _SIGN.sub(lambda sign: f"\\u{ord(sign[1]):04x}", written.replace("~", " "))
    return printable(decode_text(plain)).strip()
