"""What things are called in music21."""

from __future__ import annotations

SOFTWARE = "remi-two-stage"
"""Stands in a score's metadata as the program that made it; such a score says itself which short bars are pick-ups."""

MODE_NAMES = {
    "maj": "major", "min": "minor", "dor": "dorian", "phr": "phrygian", "lyd": "lydian", "mix": "mixolydian",
    "loc": "locrian",
}  # fmt: skip
"""`piece.MODES` -> music21's name of the mode."""
MODE_OF_NAME = {name: mode for mode, name in MODE_NAMES.items()} | {"ionian": "maj", "aeolian": "min"}
CHORD_KINDS = {
    "maj": "major", "min": "minor", "dim": "diminished", "aug": "augmented", "7": "dominant-seventh",
    "maj7": "major-seventh", "min7": "minor-seventh", "hdim7": "half-diminished-seventh",
    "dim7": "diminished-seventh", "minmaj7": "minor-major-seventh", "aug7": "augmented-seventh", "6": "major-sixth",
    "min6": "minor-sixth", "sus4": "suspended-fourth", "sus2": "suspended-second", "7sus4": "suspended-fourth-seventh",
    "5": "power",
}  # fmt: skip
"""Key of `chords.QUALITIES` -> music21's name of the chord kind."""
QUALITY_OF_KIND = {kind: quality for quality, kind in CHORD_KINDS.items()}
