"""The fields of a request: what they offer, what they hold, and how they show a request.

A field that says "usual" stays so: what the style makes of it is decided anew each time.
"""

from __future__ import annotations

import re
from typing import Any

from ..core.errors import RequestError
from ..core.request import Request
from ..core.signatures import MODES, Key, name_at
from ..core.voices import FOUR_PARTS, MELODY

_KEY_SIGNATURES = {"maj": 6, "min": 6, "dor": 4, "mix": 4, "phr": 2, "lyd": 2}
"""Mode -> most sharps or flats of the keys in the list; other keys can be typed."""
METERS = ("4/4", "2/2", "2/4", "3/4", "6/8", "9/8", "12/8", "3/8", "3/2", "5/4", "7/8")
OWN = "usual"
"""What the style is mostly written in."""
VOICES = {
    OWN: None,
    "melody": (MELODY,),
    "melody and bass": ("S", "B"),
    "three parts": ("S", "A", "B"),
    "four parts": FOUR_PARTS,
}
OPEN = "any"


def offered_keys() -> list[tuple[str, str]]:
    """(spoken, written) names of the offered keys: each mode by fifths, first no sign, then sharps, then flats."""
    offered = [
        Key(name_at(signs - MODES[mode]), mode)
        for mode, most in _KEY_SIGNATURES.items()
        for signs in (*range(most + 1), *range(-most, 0))
    ]
    return [(key.spoken, str(key)) for key in offered]


def request_of(style: str, key: str, meter: str, bars: int | None, tempo: str, voices: str) -> Request:
    """The request in the fields.

    Raises:
        RequestError: a value does not exist or is out of range.
    """
    return Request(
        style=None if style == OPEN else style,
        key=key or "",
        meter=None if meter in (OWN, "", None) else meter,
        bars=bars if bars is not None else 0,
        tempo=_tempo(tempo),
        voices=VOICES.get(voices),
    )


def values_of(request: Request) -> dict[str, Any]:
    """The values of the fields by name, as a request has them; "usual" for what is its style's own."""
    usual = Request(request.style)
    voices = next((name for name, voices in VOICES.items() if voices == request.voices), OWN)
    return {
        "style": request.style or OPEN,
        "key": str(request.tonality),
        "meter": OWN if request.meter == usual.meter else str(request.meter),
        "bars": request.bars,
        "tempo": "" if request.tempo is None else f"{request.tempo:g}",
        "voices": OWN if request.voices == usual.voices else voices,
    }


def seed_of(text: str) -> int | None:
    """The seed in its field; None where it is empty.

    Raises:
        RequestError: it is no whole number.
    """
    text = text.strip()
    if text and not re.fullmatch(r"[0-9]{1,18}", text):
        raise RequestError(f"there is no seed {text!r}; type a whole number, or nothing for a new tune each time")
    return int(text) if text else None


def _tempo(text: str) -> float | None:
    text = text.strip().replace(",", ".")
    if text and not re.fullmatch(r"[0-9]{1,4}(\.[0-9]*)?", text):
        raise RequestError(f"there is no tempo {text!r}; type the quarter notes a minute, such as 120, or nothing")
    return float(text) if text else None
