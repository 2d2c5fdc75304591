"""Names of voices that their source does not name as `Piece` does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from ..core.notation import Instrument
from ..core.ranges import VOICE_RANGES
from ..core.voices import FOUR_PARTS, MELODY, QUARTET, VOICE_TITLES, titles_of

VOICE_NAME = re.compile(r"M|[SATB]2?|Violin[12]|Viola|Cello|V[1-9]\d?")
_VOICE_OF_TITLE = {titles_of(voice)[0]: voice for voice in (*VOICE_TITLES, *(f"V{number}" for number in range(1, 100)))}
_QUARTET_NAMES = tuple(
    re.compile(name, re.IGNORECASE)
    for name in (
        r"(1\.|1st|first|1er)? *(violin[oe]?|violon)s?( *(1|I|primo))?\.?",
        r"(2\.|2nd|second|2e)? *(violin[oe]?|violon)s?( *(2|II|secondo))?\.?",
        r"viola|bratsche|alto",
        r"(violon)?cell[oi]|violoncell(e|es|i)?",
    )
)
"""What scores in several languages call the players of `QUARTET`."""
_LEAST_IN_RANGE = 0.9
"""Share of its notes that a choir's voice has within its range; real ones go beyond it now and then."""


def voice_names(names: Sequence[str], pitches: Sequence[Sequence[int]]) -> tuple[str, ...]:
    """Names for voices: their own where `Piece` uses such names or writes them in full, else M for one alone, those of
    a string quartet for its players, S A T B for a choir's four voices from high to low, and V1 and so on for others.

    Args:
        names: What the source calls them, in score order.
        pitches: MIDI numbers of the notes of each.
    """
    names = [_VOICE_OF_TITLE.get(name, name) for name in names]
    if len(set(names)) == len(names) and all(VOICE_NAME.fullmatch(name) for name in names):
        return tuple(names)
    if len(names) == len(QUARTET) and all(map(re.Pattern.fullmatch, _QUARTET_NAMES, names)):
        return QUARTET
    if len(names) == len(FOUR_PARTS) and are_four_parts(pitches):
        return FOUR_PARTS
    return (MELODY,) if len(names) == 1 else tuple(f"V{number}" for number in range(1, len(names) + 1))


def is_voice_name(name: str) -> bool:
    """Whether a name is a voice's own or its title."""
    return name in _VOICE_OF_TITLE or VOICE_NAME.fullmatch(name) is not None


def title_of(voice: str) -> str:
    """What a voice is called in full."""
    return titles_of(voice)[0]


def usual_instruments(voices: Sequence[str]) -> list[Instrument]:
    """The names that stand before the staves of voices whose source names no instruments; none before a lone melody."""
    if tuple(voices) == (MELODY,):
        return [Instrument()]
    return [Instrument(*titles_of(voice)) for voice in voices]


def are_four_parts(pitches: Sequence[Sequence[int]]) -> bool:
    """Whether four voices lie one below the other, each where a choir's voice does."""
    if not all(pitches):
        return False
    means = [sum(sung) / len(sung) for sung in pitches]
    ranges = [VOICE_RANGES[part] for part in FOUR_PARTS]
    inside = [
        sum(low <= pitch <= high for pitch in sung) / len(sung)
        for sung, (low, high) in zip(pitches, ranges, strict=True)
    ]
    return all(higher > lower for higher, lower in pairwise(means)) and min(inside) >= _LEAST_IN_RANGE
