"""Metres, key signatures and transpositions of MusicXML as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

from ..core.errors import RequestError, ScoreFormatError
from ..core.signatures import Meter, fifths_of_transposition
from .musicxml_reader_document import number_of

HIGHEST_NUMBER = 99
"""Of beats in a metre, of sharps or flats in a key, and of semitones in a transposition."""
_MOST_FIFTHS = 12
"""Of a transposition: others are spelled as the nearest name has it."""


class Transposition(NamedTuple):
    """What is added to a written note: places on the line of fifths, and semitones."""

    fifths: int = 0
    semitones: int = 0


class Signature(NamedTuple):
    """A key signature as it sounds: sharps (negative: flats), and the mode that it names, if any."""

    sharps: int
    mode: str | None


def transposition_of(element: Element) -> Transposition:
    """What a `<transpose>` adds; without `<diatonic>`, by the shorter way round the line of fifths."""
    semitones, octaves, steps = (
        round(number_of(element.findtext(tag))) for tag in ("chromatic", "octave-change", "diatonic")
    )
    if abs(semitones) > HIGHEST_NUMBER:
        raise ScoreFormatError(
            f"a part is transposed by {semitones} semitones, at most {HIGHEST_NUMBER} can be read; check its numbers"
        )
    fifths = 7 * semitones - 12 * steps
    if abs(fifths) > _MOST_FIFTHS or element.find("diatonic") is None:
        fifths = fifths_of_transposition(semitones)
    return Transposition(fifths, semitones + 12 * octaves)


def meter_of(parts: Sequence[tuple[Sequence[int], int]], symbol: str | None) -> Meter | None:
    """The metre of fractions that are added, each of beats that are added: None if there is no such metre."""
    if not parts or any(lower < 1 for _, lower in parts):
        return None
    lowest = max(lower for _, lower in parts)
    if any(lowest % lower for _, lower in parts):
        return None
    beats = [upper * (lowest // lower) for uppers, lower in parts for upper in uppers]
    total = sum(beats)
    if total > HIGHEST_NUMBER:
        raise ScoreFormatError(f"a metre has {total} beats, at most {HIGHEST_NUMBER} can be read; check its numbers")
    while lowest > 32 and all(upper % 2 == 0 for upper in beats):
        beats, lowest, total = [upper // 2 for upper in beats], lowest // 2, total // 2
    written = {"common": "C", "cut": "C|"}.get(symbol or "", "")
    if written != {(4, 4): "C", (2, 2): "C|"}.get((total, lowest)):
        written = f"{'+'.join(map(str, beats))}/{lowest}" if len(beats) > 1 else ""
    try:
        return Meter(total, lowest, written)
    except RequestError:
        return None
