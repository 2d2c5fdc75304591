"""Chord symbols of Humdrum kern files (`**mxhm`), or else their Roman numerals (`**harm`), which music21 leaves out.

Conventions
- A symbol is a root, a kind of MusicXML and maybe a bass, with flats as Humdrum writes them: "B- major-seventh/D"; or
  else the name of a chord.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate
from typing import NamedTuple

from ..core.chords import NO_CHORD, QUALITIES, named_chord
from ..core.piece import Chord, Piece
from ..core.signatures import Key
from .kern_numerals import chord_of_numeral
from .kern_text import NUMERALS, keys_of_lines, timed_lines
from .musicxml_names import QUALITY_OF_MUSICXML_KIND

_SYMBOLS = "**mxhm"
_SYMBOL = re.compile(r"([A-G])(#{1,2}|-{1,2}|)[ :]?([^/]*)(?:/([A-G])(#{1,2}|-{1,2}|))?")
_NO_SYMBOLS = ("", ".")


def with_chords_of_kern(piece: Piece, text: str) -> tuple[Piece, int]:
    """The piece of a kern file with the chords of its symbols, and how many of them name no chord, or stand where the
    piece has no bar.
    """
    starts = [*accumulate((bar.length for bar in piece.bars), initial=0)]
    chords: list[dict[int, Chord]] = [{} for _ in piece.bars]
    lost = 0
    home = piece.bars[0].key
    said = [*_said(text)]
    kind = _SYMBOLS if any(each.kind == _SYMBOLS for each in said) else NUMERALS
    for time, of_kind, token, key in said:
        bar = bisect_right(starts, time) - 1
        chord = None
        if of_kind == kind and bar < len(chords):
            is_symbol = kind == _SYMBOLS
            chord = _chord(token, home) if is_symbol else chord_of_numeral(token, key, piece.bars[bar].key, home)
        if chord is None:
            lost += 1
            continue
        onset = min(round(time) - starts[bar], piece.bars[bar].length - 1)
        chords[bar][onset] = replace(chord, onset=onset)
    bars = [
        replace(bar, chords=tuple(found[onset] for onset in sorted(found))) if found else bar
        for bar, found in zip(piece.bars, chords, strict=True)
    ]
    return replace(piece, bars=tuple(bars)), lost


class _Said(NamedTuple):
    """A chord that the file names: when, in which kind of spine, how, and the key that the file says there."""

    time: Fraction
    kind: str
    token: str
    key: str


def _said(text: str) -> Iterator[_Said]:
    """The chords that the file names, of each kind of spine the first one at a time."""
    for (time, tokens), key in zip(timed_lines(text), keys_of_lines(text), strict=True):
        for kind in (_SYMBOLS, NUMERALS):
            if token := next((token for other, token in tokens if other == kind and token not in _NO_SYMBOLS), ""):
                yield _Said(time, kind, token, key)


def _chord(symbol: str, key: Key) -> Chord | None:
    match = _SYMBOL.fullmatch(symbol.strip())
    if match is None:
        return None
    root, accidental, kind, bass, bass_accidental = match.groups()
    if kind == "none":
        return Chord(0, NO_CHORD)
    quality = QUALITY_OF_MUSICXML_KIND.get(kind)
    name = root + accidental.replace("-", "b") + (kind if quality is None else QUALITIES[quality].name_suffix)
    if bass:
        name += f"/{bass}{bass_accidental.replace('-', 'b')}"
    named = named_chord(name, key)
    return None if named is None else Chord(0, named.label, named.symbol, named.bass)
