"""How the writer of an ABC tune writes: what new bars follow, so that they look like the others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Literal

from ..core.piece import Bar
from ..scores.abc_bars import is_on_h
from .abc_places import PlacedTune, Token

SOUNDING = ("note", "signed_note", "chord", "old_chord", "rest")
"""Kinds of tokens that take time, but for rests of whole bars."""
_HALF = re.compile(r"/2(?![0-9])")
_SLASH = re.compile(r"(?<![{/])/(?![0-9/])")
_BARS_PER_LINE = 4


@dataclass(frozen=True, slots=True)
class Habits:
    """The habits of a tune's writer.

    Attributes:
        beams: Whether notes stand together in beats, all together, or each apart.
        writes_broken: Whether pairs of a dotted and a short note are written with > and <.
        writes_halves: Whether half a unit is written /2 and not /.
        before_bar_line: What stands before a bar line within a line of music, a blank or nothing.
        after_bar_line: What stands after it.
        has_symbols: Whether there are chord symbols.
        repeats_symbols: Whether a chord that goes on is written again.
        is_german: Whether chords on B are called H.
        bars_per_line: How many bars stand in a line of music.
        splits_words: Whether blanks follow the hyphens in lines of words.
    """

    beams: Literal["beats", "together", "apart"] = "beats"
    writes_broken: bool = True
    writes_halves: bool = False
    before_bar_line: str = " "
    after_bar_line: str = " "
    has_symbols: bool = False
    repeats_symbols: bool = True
    is_german: bool = False
    bars_per_line: int = _BARS_PER_LINE
    splits_words: bool = False

    @classmethod
    def of(cls, tune: PlacedTune, lines: Sequence[str], bars: Sequence[Bar]) -> Habits:
        """Those of a tune, given the lines of its file."""
        sounding = [token for token in tune.tokens if token.kind in SOUNDING]
        texts = [token.text for token in sounding]
        before, after = _beside_bar_lines(tune.tokens, lines)
        words = [lines[index] for index in sorted({syllable.line for syllable in tune.syllables})]
        return cls(
            beams=_beams(sounding, lines),
            writes_broken=any(token.kind == "broken" for token in tune.tokens) or not _has_dotted_pairs(sounding),
            writes_halves=any(map(_HALF.search, texts)) and not any(map(_SLASH.search, texts)),
            before_bar_line=before,
            after_bar_line=after,
            has_symbols=any(bar.chords for bar in bars),
            repeats_symbols=_repeats_symbols(bars),
            is_german=any(is_on_h(symbol) for token in tune.tokens for symbol in token.chord_symbols),
            bars_per_line=_bars_per_line(tune),
            splits_words=any("- " in line for line in words),
        )


def _neighbours(tokens: Iterable[Token]) -> Iterable[tuple[Token, Token]]:
    """Tokens of the same bar, one after the other on a line."""
    for before, after in pairwise(tokens):
        if (before.line, before.voice, before.bar) == (after.line, after.voice, after.bar):
            yield before, after


def _beams(sounding: Sequence[Token], lines: Sequence[str]) -> Literal["beats", "together", "apart"]:
    gaps = Counter(" " in lines[before.line][before.end : after.start] for before, after in _neighbours(sounding))
    if not gaps[True]:
        return "together" if gaps[False] > 3 * _BARS_PER_LINE else "beats"
    return "apart" if not gaps[False] and gaps[True] > 3 * _BARS_PER_LINE else "beats"


def _has_dotted_pairs(sounding: Sequence[Token]) -> bool:
    """Whether a dotted note stands before or after one of a third of its length."""
    lengths = [(before.text, after.text) for before, after in _neighbours(sounding)]
    return any({_length(first), _length(second)} == {"3/2", "/2"} for first, second in lengths)


def _length(text: str) -> str:
    """The length of a note or a rest as written, half a unit as "/2"."""
    length = re.sub(r"^.*?(?=[0-9/]*[-)]*$)", "", text).rstrip("-)")
    return {"/": "/2", "1/2": "/2"}.get(length, length.removesuffix("/") + "/2" if length.endswith("/") else length)


def _beside_bar_lines(tokens: Sequence[Token], lines: Sequence[str]) -> tuple[str, str]:
    """What usually stands before and after a bar line between two notes of a line."""
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    for first, sign, second in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if sign.kind == "bar" and first.line == sign.line == second.line and second.kind not in ("bar", "ending"):
            before[lines[sign.line][first.end : sign.start][:1].strip("\t|") or ""] += 1
            after[lines[sign.line][sign.end : second.start][:1].strip("\t|") or ""] += 1
    return _usual_blank(before), _usual_blank(after)


def _usual_blank(counts: Counter[str]) -> str:
    return " " if counts[" "] * 2 >= counts.total() else ""


def _repeats_symbols(bars: Sequence[Bar]) -> bool:
    """Whether bars whose first chord is the last one of the bar before say it again, as most do."""
    said, silent = 0, 0
    last = None
    for bar in bars:
        if not bar.chords:
            silent += last is not None
            continue
        first = bar.chords[0]
        said += last is not None and (first.label, first.bass) == last
        last = bar.chords[-1].label, bar.chords[-1].bass
    return said >= silent


def _bars_per_line(tune: PlacedTune) -> int:
    """The usual number of bars of a line of music."""
    counts: Counter[int] = Counter()
    ends = [token for token in tune.tokens if token.kind == "bar"]
    for _, group in groupby(ends, key=lambda token: (token.voice, token.line)):
        counts[len({token.bar for token in group if token.time})] += 1
    del counts[0]
    return max(counts, key=lambda count: (counts[count], count), default=_BARS_PER_LINE)
