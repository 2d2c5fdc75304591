"""Names of the kinds of relative attention, which `attention_remi.py` defines; here for those that need no torch."""

from __future__ import annotations

DEFAULT_ATTENTION = "rope+fourier"
ATTENTION_KINDS = ("table", "fourier", "rope", "rotary", "table+fourier", "rope+fourier", "rotary+fourier")
COORDINATES = ("bar", "time", "token")
"""What distances are measured in: bars, ticks of musical time, tokens."""

Periods = dict[str, list[int]]
"""Coordinate -> periods, whole numbers of its units."""

_FOURIER: dict[str, Periods] = {
    "fourier": {"bar": [4, 16], "time": [24, 96], "token": [4, 8, 16, 64]},
    "table+fourier": {"bar": [2, 4, 8, 32], "time": [24, 48, 72, 192]},
    "rope+fourier": {"bar": [2, 4, 8, 32], "time": [24, 48, 72, 192]},
    "rotary+fourier": {"token": [3, 4, 6, 8, 12, 16, 32, 64]},
}
_ROTARY = (
    ("token", 8), ("bar", 4), ("time", 96), ("token", 32), ("token", 4), ("token", 16), ("bar", 16), ("time", 24),
    ("token", 128), ("bar", 8), ("time", 48), ("token", 64), ("token", 512), ("bar", 64), ("time", 288),
    ("token", 2048),
)  # fmt: skip
"""Most useful ones first."""


def fourier_periods(kind: str) -> Periods | None:
    """The periods of a kind's Fourier pairs, if no others are given; None where it has no such pairs."""
    return _FOURIER.get(kind)


def rotary_periods(kind: str, head_dim: int) -> Periods | None:
    """The periods of the pairs that a kind turns in heads of this width, if no others are given: as many as there is
    room for; None where it turns none by period.
    """
    if "rotary" not in kind:
        return None
    periods: Periods = {}
    for coordinate, period in _ROTARY[: head_dim // 2]:
        periods.setdefault(coordinate, []).append(period)
    return {coordinate: sorted(numbers) for coordinate, numbers in periods.items()}
