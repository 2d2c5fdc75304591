"""The voices of a MusicXML part whose staves hold several: on which staff each stands, and which `<voice>`s it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .musicxml_reader_document import whole_of


class PartVoices(NamedTuple):
    """The voices of a part, counted from 1, where its staves hold several.

    Attributes:
        staves: The number of the staff on which each of them stands; none where each staff is one voice.
        layers: Staff and `<voice>` -> the voice; empty in a score of our own, which counts them in turn.
        with_chords: The voices whose chords hold notes of the next one, too.
    """

    staves: tuple[int, ...] = ()
    layers: Mapping[tuple[int, str], int] = {}
    with_chords: tuple[int, ...] = ()

    def of_layer(self, staff: int, layer: str) -> int:
        """The voice to which a layer belongs."""
        if not self.layers:
            return voice_of_layer(layer, len(self.staves))
        return self.layers.get((staff, layer)) or self.on_staff(staff)[0] or 1

    def on_staff(self, staff: int) -> list[int]:
        """The voices on a staff; 0 stands for a staff without any."""
        return [voice for voice, other in enumerate(self.staves, 1) if other == staff] or [0]


def voice_of_layer(layer: str, voices: int) -> int:
    """The number of the voice to which a `<voice>` belongs in a part of our own that names so many."""
    return (whole_of(layer, "<voice>") - 1) % voices + 1
