"""How a model reads a divided choir, such as SSAA or TTBB, of which it has heard none: as the choirs that it knows.

The voices stand for soprano, alto, tenor and bass by their places in the score, of three voices for soprano, alto and
bass, and men are read an octave higher. Grammar and counterpoint know the voices as they are, so that ranges and rules
hold at the pitch that is sung. Only the fast loop of `decoding_remi.py` reads so, and it does with every model, also
with one that has learnt divided choirs.
"""

from __future__ import annotations

from collections.abc import Iterable

from .grammar_voices import place_in_score
from .vocabulary import IDS, TOKENS, token_id
from .voices import FOUR_PARTS, SINGERS

_STAND_FOR = {2: ("S", "B"), 3: ("S", "A", "B"), 4: FOUR_PARTS}
"""By the number of voices, high to low."""
_MEN = ("T", "B", "T2", "B2")
_NOTE_ON = IDS["Note-On"]
_OCTAVE = 12


def read_as(ids: Iterable[int]) -> list[int] | None:
    """For every token id the one that a model reads in its place, in a sequence whose prompt is given; None where it
    reads all as they are.
    """
    voices = sorted({token for token in ids if token in IDS["voice"]}, key=place_in_score)
    names = [TOKENS[voice][1] for voice in voices]
    if len(names) not in _STAND_FOR or not set(names) <= set(SINGERS) or set(names) <= set(FOUR_PARTS):
        return None
    heard = list(range(len(TOKENS)))
    for voice, name in zip(voices, _STAND_FOR[len(names)], strict=True):
        heard[voice] = token_id("voice", name)
    if set(names) <= set(_MEN):
        for pitch in _NOTE_ON:
            heard[pitch] = min(pitch + _OCTAVE, _NOTE_ON[-1])
    return heard
