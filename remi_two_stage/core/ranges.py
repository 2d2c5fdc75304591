"""How high and low voices are written: at sounding pitch, as MIDI numbers."""

from __future__ import annotations

VOICE_RANGES = {
    "M": (55, 88), "S": (57, 84), "A": (50, 79), "T": (43, 74), "B": (33, 67),
    "S2": (55, 82), "A2": (48, 77), "T2": (41, 72), "B2": (31, 64),
    "Violin1": (55, 103), "Violin2": (55, 98), "Viola": (48, 91), "Cello": (36, 81),
}  # fmt: skip
"""Lowest and highest note that a composed voice may have; other voices: `DEFAULT_VOICE_RANGE`."""
DEFAULT_VOICE_RANGE = (33, 91)
USUAL_RANGES = {
    "M": (57, 83), "S": (60, 79), "A": (55, 74), "T": (48, 69), "B": (38, 62),
    "S2": (58, 77), "A2": (53, 72), "T2": (46, 67), "B2": (36, 60),
    "Violin1": (55, 101), "Violin2": (55, 96), "Viola": (48, 82), "Cello": (36, 80),
}  # fmt: skip
"""Lowest and highest note to which 95 % of the pieces keep in each voice, counted in music21's books and chorales, in
hymns and in OpenScore's songs and quartets.
"""
CHOIR_RANGES = {"S": (60, 81), "A": (53, 76), "T": (47, 69), "B": (38, 64)}
"""Lowest and highest note that a teacher lets a singer have."""
_RANGES_OF_STYLES = {
    "jig": (60, 83), "slip-jig": (60, 83), "slide": (60, 83), "reel": (58, 83), "hornpipe": (57, 84), "clog": (57, 86),
    "highland-fling": (56, 85), "strathspey": (57, 86), "air": (57, 83), "song": (57, 81),
}  # fmt: skip
"""The same of a lone melody in each style of which there are enough."""
_USUAL_MEAN = 72.4
"""Mean pitch of a tune, every note once, over music21's 4,237 tunes, which are 2.2 semitones around it."""
_SUNG = ("song", "hymn", "chorale")


def usual_range(voice: str, style: str | None) -> tuple[int, int]:
    """Lowest and highest note that is usual in a voice of a piece in a style."""
    if voice == "M" and style in _RANGES_OF_STYLES:
        return _RANGES_OF_STYLES[style]
    return USUAL_RANGES.get(voice, DEFAULT_VOICE_RANGE)


def usual_mean(voice: str, style: str | None) -> float | None:
    """Mean pitch around which a voice of a piece in a style usually lies; None where it is not known."""
    return _USUAL_MEAN if voice == "M" and style not in _SUNG else None
