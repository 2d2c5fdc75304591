"""Which method of a voice takes what a token of ABC music says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .abc_voice import Voice

HANDLERS: dict[str, Callable[[Voice, Any], None]] = {
    "bar": Voice.bar,
    "symbol": Voice.symbol,
    "rest": Voice.rest,
    "grace": Voice.grace,
    "signed_note": Voice.signed_note,
    "tuplet": Voice.tuplet,
    "broken": Voice.broken,
    "ending": Voice.ending,
    **dict.fromkeys(("chord", "old_chord", "open_chord"), Voice.chord),
    "tie": Voice.tie,
    "decoration": Voice.decoration,
    "signs": Voice.signs,
    "bar_rest": Voice.bar_rest,
    "overlay": Voice.overlay,
    "unclosed": Voice.ignore,
}
"""Form of a token -> the method that takes what `abc_tokens.read_tokens` says; but notes go straight to `Voice.note`,
since most tokens are notes, and fields are the tune's business.
"""
