"""What is written over the staff, such as "maj7#11", as the kind and the degrees of a `<harmony>`: some programs show
what these make, and not the text of the kind.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ..core.chords import quality_of_suffix
from .musicxml_names import FURTHER_KINDS, KINDS

Degree = tuple[str, int, int]
"""(type, value, alteration) of a `<degree>`."""

_ADDED = {
    "7sus4": (("add", 7, 0),),
    "7b9": (("add", 9, -1),),
    "add9": (("add", 9, 0),),
}
"""Key of `chords.QUALITIES` -> the degrees that its MusicXML kind lacks."""
_SUSPENDED = {
    "9sus4": (("add", 7, 0), ("add", 9, 0)),
    "9sus": (("add", 7, 0), ("add", 9, 0)),
    "13sus4": (("add", 7, 0), ("add", 13, 0)),
    "13sus": (("add", 7, 0), ("add", 13, 0)),
}
"""Suffix of a chord's name -> the degrees beside a suspended fourth."""
_AUGMENTED_MAJOR_SEVENTH = re.compile(r"(aug|\+)(maj|M)7")
_EXTENSION = re.compile(r"(add|no|omit)?([#b+-]?)(13|11|[1-9])|[(),/]|alt")
_ALTERATIONS = {"": 0, "#": 1, "+": 1, "b": -1, "-": -1}
_IN_CHORD = (3, 5, 7)
"""Degrees that are altered, where others are added."""


@lru_cache(maxsize=1024)
def kind_of(suffix: str, quality: str) -> tuple[str, tuple[Degree, ...]]:
    """MusicXML's kind of a chord whose name ends so, and its degrees: "maj7#11" is a major-seventh with an added 11.

    Args:
        quality: Key of `chords.QUALITIES`, for a suffix that cannot be taken to pieces.
    """
    if suffix in _SUSPENDED:
        return KINDS["sus4"], _SUSPENDED[suffix]
    if _AUGMENTED_MAJOR_SEVENTH.fullmatch(suffix):
        return KINDS["maj7"], (("alter", 5, 1),)
    for end in range(len(suffix), -1, -1):
        base = quality_of_suffix(suffix[:end])
        kind = FURTHER_KINDS.get(suffix[:end]) or (KINDS[base] if base else None)
        degrees = _extensions(suffix[end:])
        if kind and degrees is not None:
            return kind, (*_ADDED.get(base or "", ()), *degrees)
    return KINDS[quality], _ADDED.get(quality, ())


def _extensions(text: str) -> list[Degree] | None:
    """The degrees that follow the name of a chord; None for what names none."""
    degrees: list[Degree] = []
    place = 0
    while place < len(text):
        match = _EXTENSION.match(text, place)
        if match is None:
            return None
        place = match.end()
        verb, sign, number = match.groups()
        if number is None:
            continue
        value = int(number)
        if verb in ("no", "omit"):
            degrees.append(("subtract", value, 0))
        elif value in _IN_CHORD and not verb:
            if not sign:
                return None
            degrees.append(("alter", value, _ALTERATIONS[sign]))
        else:
            degrees.append(("add", value, _ALTERATIONS[sign]))
    return degrees
