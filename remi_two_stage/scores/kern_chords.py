"""Chord symbols of Humdrum kern files (`**mxhm`), which music21 leaves out.

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

from ..core.chords import NO_CHORD, QUALITIES, named_chord
from ..core.piece import Chord, Piece
from ..core.signatures import Key
from .kern_text import timed_lines
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
    for time, symbol in _symbols(text):
        bar, chord = bisect_right(starts, time) - 1, _chord(symbol, piece.bars[0].key)
        if chord is None or bar == len(chords):
            lost += 1
            continue
        onset = min(round(time) - starts[bar], piece.bars[bar].length - 1)
        chords[bar][onset] = replace(chord, onset=onset)
    bars = [
        replace(bar, chords=tuple(found[onset] for onset in sorted(found))) if found else bar
        for bar, found in zip(piece.bars, chords, strict=True)
    ]
    return replace(piece, bars=tuple(bars)), lost


def _symbols(text: str) -> Iterator[tuple[Fraction, str]]:
    """The symbols, and when they stand."""
    for time, tokens in timed_lines(text):
        symbol = next((token for kind, token in tokens if kind == _SYMBOLS and token not in _NO_SYMBOLS), "")
        if symbol:
            yield time, symbol


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
