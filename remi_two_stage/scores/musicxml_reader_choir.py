"""Four voices on two staves, as hymn books print a choir: which `<voice>` of a staff is which of them.

Conventions
- A staff holds two voices where two of its layers, and no others, have notes in most of its measures, mostly one at a
  time. Where two staves of a score do, their voices lie like those of a choir, and they have words or no other staves
  beside them, each is a voice of its own; in all other scores layers sound together in the voice that their staff is.
- Scores of our own say themselves who shares a staff.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from .musicxml_reader_part import Measure
from .musicxml_reader_voices import PartVoices
from .voices import are_four_parts

_LEAST_SHARE_OF_MEASURES = 0.7
"""Of those of the first voice that the second one sings in; real hymns have lines in unison."""
_MOST_IN_CHORDS = 0.1
"""Share of its notes that a voice may sing in two."""
_STAVES_OF_CHOIR = _VOICES_ON_A_STAFF = 2


@dataclass
class _Layer:
    """What a `<voice>` of a staff holds: its pitches, when they begin, and the measures that have some."""

    pitches: list[int] = field(default_factory=list)
    times: set[tuple[int, int]] = field(default_factory=set)
    measures: set[int] = field(default_factory=set)

    @property
    def mean(self) -> float:
        """Of the pitches."""
        return sum(self.pitches) / len(self.pitches)

    @property
    def is_single(self) -> bool:
        """Whether mostly one note sounds at a time."""
        return len(self.pitches) - len(self.times) <= _MOST_IN_CHORDS * len(self.pitches)


def choir_on_two_staves(
    parts: Sequence[Sequence[Measure]], with_words: Collection[tuple[int, int]]
) -> list[PartVoices] | None:
    """The voices of each part of a score in which two staves hold a choir's four; None in others.

    Args:
        parts: As they are read with a voice a staff.
        with_words: The staves that have words: the index of the part, and the number of the staff there.
    """
    layers = {
        (part, staff): of_staff for part, measures in enumerate(parts) for staff, of_staff in _layers_of(measures)
    }
    full = {place: _from_high_to_low(of_staff) for place, of_staff in layers.items() if _are_two_voices(of_staff)}
    pitches = [layers[place][name].pitches for place, names in full.items() for name in names]
    is_sung = len(layers) == _STAVES_OF_CHOIR or any(place in with_words for place in full)
    if len(full) != _STAVES_OF_CHOIR or not is_sung or not are_four_parts(pitches):
        return None
    by_part = [[staff for other, staff in layers if other == part] for part in range(len(parts))]
    return [
        _voices_of([(staff, full.get((part, staff), [])) for staff in staves])
        if any((part, staff) in full for staff in staves)
        else PartVoices()
        for part, staves in enumerate(by_part)
    ]


def _voices_of(staves: Sequence[tuple[int, Sequence[str]]]) -> PartVoices:
    """The voices of a part, given the layers of its staves that hold two."""
    numbers: list[int] = []
    layers: dict[tuple[int, str], int] = {}
    for staff, names in staves:
        layers |= {(staff, name): number for number, name in enumerate(names, len(numbers) + 1)}
        numbers += [staff] * (len(names) or 1)
    return PartVoices(tuple(numbers), layers)


def _layers_of(measures: Sequence[Measure]) -> list[tuple[int, dict[str, _Layer]]]:
    """The layers of each staff of a part that have notes, by staff."""
    staves: defaultdict[int, defaultdict[str, _Layer]] = defaultdict(lambda: defaultdict(_Layer))
    for index, measure in enumerate(measures):
        for sound in measure.sounds:
            layer = staves[sound.staff][sound.voice]
            layer.pitches.append(sound.pitch)
            layer.times.add((index, sound.onset))
            layer.measures.add(index)
    return sorted(staves.items())


def _are_two_voices(layers: Mapping[str, _Layer]) -> bool:
    """Whether a staff holds two voices from its begin to its end."""
    counts = [len(layer.measures) for layer in layers.values()]
    are_full = len(counts) == _VOICES_ON_A_STAFF and min(counts) >= _LEAST_SHARE_OF_MEASURES * max(counts)
    return are_full and all(layer.is_single for layer in layers.values())


def _from_high_to_low(layers: Mapping[str, _Layer]) -> list[str]:
    return sorted(layers, key=lambda name: -layers[name].mean)
