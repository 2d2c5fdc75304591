"""Four voices on two staves, as hymn books print a choir: which notes of a staff are whose.

Conventions
- A staff holds two voices where two of its layers, and no others, have notes in most of its measures, mostly one at a
  time; or, if a choir's words stand in the score, where nearly all its notes are chords of two, whose stems the voices
  share. There a note alone is sung by both, and a second layer, where there is one, is the lower voice's.
- Where two staves of a score hold two voices, these lie like those of a choir, and they have words or no other staves
  beside them, each is a voice of its own; in all other scores layers sound together in the voice that their staff is.
- Scores of our own say themselves who shares a staff.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from .musicxml_reader_measure import Measure, Sound
from .musicxml_reader_voices import PartVoices
from .voices import are_four_parts

_LEAST_SHARE_OF_MEASURES = 0.7
"""Of those of the first voice that the second one sings in; real hymns have lines in unison."""
_MOST_IN_CHORDS = 0.1
"""Share of its notes that a voice may sing in two."""
_LEAST_PAIRS = 0.8
"""Share of chords of two among what two voices with shared stems sing in one layer."""
_MOST_LARGER = 0.03
"""Share of larger chords there."""
_STAVES_OF_CHOIR = _VOICES_ON_A_STAFF = 2


@dataclass
class _Layer:
    """What a `<voice>` of a staff holds: by the index of the measure and the onset, its pitches."""

    chords: defaultdict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(list))

    @property
    def pitches(self) -> list[int]:
        """Of all its notes."""
        return [pitch for chord in self.chords.values() for pitch in chord]

    @property
    def measures(self) -> set[int]:
        """Those in which it has notes."""
        return {index for index, _ in self.chords}

    @property
    def mean(self) -> float:
        """Of the pitches."""
        return sum(self.pitches) / len(self.pitches)

    @property
    def is_single(self) -> bool:
        """Whether mostly one note sounds at a time."""
        count = len(self.pitches)
        return count - len(self.chords) <= _MOST_IN_CHORDS * count


@dataclass(frozen=True)
class _Staff:
    """The two voices of a staff: their layers from high to low, of which there may be one where they share stems, and
    the pitches of each.
    """

    layers: Sequence[str]
    pitches: tuple[Sequence[int], Sequence[int]]
    shares_stems: bool = False


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
    full = {place: held for place, of_staff in layers.items() if (held := _two_voices(of_staff)) is not None}
    has_words = any(place in with_words for place in full)
    is_sung = has_words or (len(layers) == _STAVES_OF_CHOIR and not any(held.shares_stems for held in full.values()))
    if len(full) != _STAVES_OF_CHOIR or not is_sung:
        return None
    if not are_four_parts([pitches for held in full.values() for pitches in held.pitches]):
        return None
    by_part = [[staff for other, staff in layers if other == part] for part in range(len(parts))]
    return [
        _voices_of([(staff, full.get((part, staff))) for staff in staves])
        if any((part, staff) in full for staff in staves)
        else PartVoices()
        for part, staves in enumerate(by_part)
    ]


def share_out_chords(measures: Sequence[Measure], voices: PartVoices) -> None:
    """Give the notes of voices that share stems to the lower one too, where that has neither notes nor rests of its
    own: of chords of two the lower note, and notes alone to both.
    """
    for upper in voices.with_chords:
        for measure in measures:
            measure.sounds = [*_shared_out(measure, upper, upper + 1)]


def _shared_out(measure: Measure, upper: int, lower: int) -> Iterator[Sound]:
    own = [(sound.onset, sound.end) for sound in measure.sounds if sound.staff == lower]
    own += [(begin, end) for staff, _, begin, end in measure.rests if staff == lower]
    chords: defaultdict[int, list[Sound]] = defaultdict(list)
    for sound in measure.sounds:
        if sound.staff == upper:
            chords[sound.onset].append(sound)
    for sound in measure.sounds:
        is_free = not any(begin < sound.end and sound.onset < end for begin, end in own)
        if sound.staff != upper or not is_free or sound is not min(chords[sound.onset], key=lambda each: each.pitch):
            yield sound
        elif len(chords[sound.onset]) > 1:
            yield replace(sound, staff=lower)
        else:
            yield from (sound, replace(sound, staff=lower))


def _voices_of(staves: Sequence[tuple[int, _Staff | None]]) -> PartVoices:
    """The voices of a part, given its staves, of which some hold two."""
    numbers: list[int] = []
    layers: dict[tuple[int, str], int] = {}
    with_chords = []
    for staff, held in staves:
        if held is not None:
            layers |= {(staff, name): number for number, name in enumerate(held.layers, len(numbers) + 1)}
            with_chords += [len(numbers) + 1] * held.shares_stems
        numbers += [staff] * (1 if held is None else _VOICES_ON_A_STAFF)
    return PartVoices(tuple(numbers), layers, tuple(with_chords))


def _layers_of(measures: Sequence[Measure]) -> list[tuple[int, dict[str, _Layer]]]:
    """The layers of each staff of a part that have notes, by staff."""
    staves: defaultdict[int, defaultdict[str, _Layer]] = defaultdict(lambda: defaultdict(_Layer))
    for index, measure in enumerate(measures):
        for sound in measure.sounds:
            staves[sound.staff][sound.voice].chords[index, sound.onset].append(sound.pitch)
    return sorted(staves.items())


def _two_voices(layers: Mapping[str, _Layer]) -> _Staff | None:
    """The two voices that a staff holds from its begin to its end; None if it does not."""
    if len(layers) > _VOICES_ON_A_STAFF:
        return None
    counts = [len(layer.measures) for layer in layers.values()]
    are_full = len(counts) == _VOICES_ON_A_STAFF and min(counts) >= _LEAST_SHARE_OF_MEASURES * max(counts)
    if are_full and all(layer.is_single for layer in layers.values()):
        upper, lower = sorted(layers, key=lambda name: -layers[name].mean)
        return _Staff((upper, lower), (layers[upper].pitches, layers[lower].pitches))
    return _with_shared_stems(layers)


def _with_shared_stems(layers: Mapping[str, _Layer]) -> _Staff | None:
    """Two voices that sing chords of two in the layer that has most measures, but for what the other has."""
    first, *others = sorted(layers, key=lambda name: -len(layers[name].measures))
    apart = {index for name in others for index in layers[name].measures}
    chords = [chord for (index, _), chord in layers[first].chords.items() if index not in apart]
    sizes = Counter(map(len, chords))
    pairs, count = sizes[_VOICES_ON_A_STAFF], len(chords)
    if not count or pairs < _LEAST_PAIRS * count or count - pairs - sizes[1] > _MOST_LARGER * count:
        return None
    own = [pitch for name in others for pitch in layers[name].pitches]
    return _Staff((first, *others), ([*map(max, chords)], [*map(min, chords), *own]), shares_stems=True)
