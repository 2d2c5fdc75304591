"""The stems of layers that sound at once on a staff that is one voice's.

Conventions
- Of layers that overlap, the higher ones have their stems up: programs go by the number of a `<voice>`, which says
  nothing of that. Notes under one beam go together, and where a layer sounds alone its stems are the program's choice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .musicxml_writer_pitches import PlacedNote
from .musicxml_writer_rhythm import Value


class _Group(NamedTuple):
    """Notes of a layer under one beam, or a note by itself: from and to which value, and the pitches."""

    start: int
    end: int
    layer: int
    first: int
    last: int
    pitches: list[int]


def stems_of_layers(layers: Sequence[tuple[Sequence[Value], Sequence[Sequence[PlacedNote]]]]) -> list[list[str]]:
    """The stem of each note value of each layer of a bar: "up", "down", or empty.

    Args:
        layers: The values of each, and the notes that sound in each value.
    """
    stems = [[""] * len(values) for values, _ in layers]
    groups = sorted(group for layer, content in enumerate(layers) for group in _groups(layer, *content))
    for cluster in _clusters(groups):
        pitches: defaultdict[int, list[int]] = defaultdict(list)
        for group in cluster:
            pitches[group.layer] += group.pitches
        ranks = sorted(pitches, key=lambda layer: (-sum(pitches[layer]) / len(pitches[layer]), layer))
        for group in cluster if len(ranks) > 1 else ():
            stem = stem_of(ranks.index(group.layer), len(ranks))
            stems[group.layer][group.first : group.last + 1] = [stem] * (group.last + 1 - group.first)
    return stems


def stem_of(rank: int, count: int) -> str:
    """Where the stems go of one of some voices or layers, counted from the highest; of three the lower two share a
    direction.
    """
    return "up" if 2 * rank < count - 1 else "down"


def _groups(layer: int, values: Sequence[Value], sounding: Sequence[Sequence[PlacedNote]]) -> Iterator[_Group]:
    first = 0
    for index, value in enumerate(values):
        if value.beams.startswith(('<beam number="1">begin', '<beam number="1">continue')):
            continue
        if sounding[first]:
            pitches = [note.pitch for together in sounding[first : index + 1] for note in together]
            yield _Group(values[first].start, value.end, layer, first, index, pitches)
        first = index + 1


def _clusters(groups: Sequence[_Group]) -> Iterator[list[_Group]]:
    """Groups, by their starts, that overlap one another or others between."""
    cluster: list[_Group] = []
    end = 0
    for group in groups:
        if cluster and group.start >= end:
            yield cluster
            cluster, end = [], 0
        cluster.append(group)
        end = max(end, group.end)
    if cluster:
        yield cluster
