"""The notes of MusicXML's measures on the time line: their `<pitch>`, and the `<accidental>`s that they need.

Conventions
- Times are ticks from the start of the piece.
- Accidentals hold for their octave to the end of the bar, for all layers and voices of a staff.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ..core.abc_spelling import Sounding, fifths_in, is_name_of, spelled_as
from ..core.signatures import Key, name_at

_ACCIDENTALS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
_LOWEST_OCTAVE = 1
"""As `spelled_as` counts, MusicXML's octave 0; lower notes are altered C's of it."""


@dataclass(eq=False, slots=True)
class PlacedNote(Sounding):
    """A note on the time line: its `<pitch>`, and the `<accidental>` that it needs."""

    accidental: str = ""

    @property
    def pitch_xml(self) -> str:
        """Its `<pitch>`."""
        alter = f"<alter>{self.alteration}</alter>" if self.alteration else ""
        return f"<pitch><step>{self.letter}</step>{alter}<octave>{self.octave - 1}</octave></pitch>"


def placed_note(start: int, end: int, pitch: int, key: Key, fifths: int | None) -> PlacedNote:
    """A note in a bar's key, by its name, which is a place on the line of fifths; None for how the key has it."""
    if fifths is None or not is_name_of(fifths, pitch):
        fifths = fifths_in(pitch, key)
    letter, octave, alteration = spelled_as(pitch, fifths)
    if octave < _LOWEST_OCTAVE:
        letter, octave, alteration = "C", _LOWEST_OCTAVE, pitch - 12 * _LOWEST_OCTAVE
    return PlacedNote(start, end, pitch, letter, octave, alteration)


def show_accidentals(notes: Collection[PlacedNote], key: Key) -> None:
    """Find which notes that begin in a bar need an accidental on their staff, as they are read; of those that begin
    together the grace notes come first.
    """
    altered = _altered(key)
    if all(note.alteration == altered.get(note.letter, 0) for note in notes):
        return
    shown: dict[tuple[str, int], int] = {}
    for note in sorted(notes, key=lambda note: (note.start, note.end > note.start)):
        place = note.letter, note.octave
        if shown.get(place, altered.get(note.letter, 0)) != note.alteration:
            shown[place] = note.alteration
            name = _ACCIDENTALS.get(note.alteration)
            note.accidental = f"<accidental>{name}</accidental>" if name else ""


def _altered(key: Key) -> dict[str, int]:
    """The alteration of each letter in a key's signature."""
    names = [name_at(key.signature - 1 + step) for step in range(7)]
    return {name[0]: name.count("#") - name.count("b") for name in names}
