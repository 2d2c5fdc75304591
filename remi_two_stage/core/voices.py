"""What the voices of a piece are called, and how they are written: names, staves and clefs.

Conventions
- A voice has the name that `Piece.voices` and the tokens give it: "M", "S", "A", "T", "B", "Viola", "V1" and so on.
- Every voice has a staff of its own, since a tenor and a bass need different clefs.
"""

from __future__ import annotations

from collections.abc import Collection

from .notation import Clef

MELODY = "M"
FOUR_PARTS = ("S", "A", "T", "B")
SINGERS = (*FOUR_PARTS, "S2", "A2", "T2", "B2")
QUARTET = ("Violin1", "Violin2", "Viola", "Cello")
HIGH_TO_LOW = (MELODY, "S", "S2", "A", "A2", "T", "T2", "B", "B2", *QUARTET)
"""Voices that sing or play one note at a time, as they stand in a score."""
VOICE_TITLES = {
    MELODY: ("Melody", "M."),
    "S": ("Soprano", "S."),
    "A": ("Alto", "A."),
    "T": ("Tenor", "T."),
    "B": ("Bass", "B."),
    "S2": ("Soprano II", "S. II"),
    "A2": ("Alto II", "A. II"),
    "T2": ("Tenor II", "T. II"),
    "B2": ("Bass II", "B. II"),
    "Violin1": ("Violin I", "Vln. I"),
    "Violin2": ("Violin II", "Vln. II"),
    "Viola": ("Viola", "Vla."),
    "Cello": ("Violoncello", "Vc."),
}
"""Voice -> its title in full and in short, before a staff; `titles_of` has those of numbered voices too."""

_CLEFS: dict[str, Clef] = {
    "T": "treble-8",
    "T2": "treble-8",
    "B": "bass",
    "B2": "bass",
    "Viola": "alto",
    "Cello": "bass",
}
_BASS_CLEF_BELOW = 57  # mean pitch


def titles_of(voice: str) -> tuple[str, str]:
    """What a voice is called before a staff, in full and in short; a name that is not known stands for itself."""
    if voice[:1] == "V" and voice[1:].isdecimal():
        return f"Voice {voice[1:]}", f"V. {voice[1:]}"
    return VOICE_TITLES.get(voice, (voice, voice))


def octaves_above(clef: Clef) -> int:
    """How many octaves above where they are written notes under a clef sound."""
    return int(clef[-2:]) // 8 if clef.endswith("8") else 0


def clef_of(voice: str, pitches: Collection[int]) -> Clef:
    """The clef of a voice: that of singers and players who have one of their own, however high they are; else by the
    mean of all its pitches.
    """
    is_low = sum(pitches) < _BASS_CLEF_BELOW * len(pitches)
    return _CLEFS.get(voice, "bass" if is_low else "treble")


def singer(voice: str) -> str | None:
    """Which of S, A, T, B a voice is, also one of a divided choir, such as "S2"; None if it is none."""
    return voice[0] if voice in SINGERS else None


def is_choir(voices: Collection[str] | None) -> bool:
    """Whether several voices sing, and no others are with them."""
    return voices is not None and len(voices) > 1 and set(voices) <= set(SINGERS)
