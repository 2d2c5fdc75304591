"""Names of the forms of relative attention, which `attention_remi.py` defines; here for those that need no torch."""

from __future__ import annotations

DEFAULT_FORM = "rope+fourier"
FORMS: dict[str, dict[str, list[int]]] = {
    "table": {},
    "fourier": {"bar": [2, 4, 16], "time": [24, 72, 96], "token": [16, 1024]},
    "rope": {},
    "table+fourier": {"bar": [2, 4, 8, 32], "time": [24, 48, 72, 192]},
    "rope+fourier": {"bar": [2, 4, 8, 32], "time": [24, 48, 72, 192]},
}
"""Forms of relative attention -> the periods of their Fourier pairs, if none are given: whole numbers of tokens, of
bars, and of ticks of musical time.
"""
COORDINATES = ("bar", "time", "token")
"""What a Fourier pair may measure distances in."""
