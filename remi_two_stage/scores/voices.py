"""Names of voices."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..core.voices import FOUR_PARTS, MELODY

VOICE_NAME = re.compile(r"M|[SATB]|V[1-9]\d?")


def voice_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names for voices in score order: their own if `Piece` uses such names, else M, or S A T B, or V1 and so on."""
    if len(set(names)) == len(names) and all(VOICE_NAME.fullmatch(name) for name in names):
        return tuple(names)
    if len(names) == len(FOUR_PARTS):
        return FOUR_PARTS
    return (MELODY,) if len(names) == 1 else tuple(f"V{number}" for number in range(1, len(names) + 1))
