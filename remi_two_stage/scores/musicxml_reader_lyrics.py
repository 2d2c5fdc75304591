"""The syllables of a MusicXML part, put in verses and held as long as their lines go on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from ..core.notation import Lyric
from ..core.piece import Bar
from .musicxml_reader_document import is_whole
from .musicxml_reader_records import LyricPlace

_HIGHEST_VERSE = 99

Place = tuple[int, int]
"""(index of the bar, onset)."""


def lyrics_of(
    places: Sequence[LyricPlace], staff: int, notes: Mapping[Place, int], bars: Sequence[Bar]
) -> dict[int, list[Lyric]]:
    """The syllables under one staff, by the index of their bar.

    MusicXML's numbers of verses may be any words. A line without an end (`<extend/>`) goes on to the last note before
    the verse's next syllable, or before a rest.

    Args:
        notes: Where notes of the staff begin, and the latest tick of their bar at which they end.
    """
    verses: defaultdict[int, dict[Place, LyricPlace]] = defaultdict(dict)
    names: dict[str, int] = {}
    for place in places:
        if place.staff == staff:
            name = place.verse_name
            verse = int(name) if is_whole(name) and int(name) <= _HIGHEST_VERSE else 0
            names.setdefault(name, verse or len(names) + 1)
            verses[names[place.verse_name]].setdefault((place.bar, place.lyric.onset), place)
    found: defaultdict[int, list[Lyric]] = defaultdict(list)
    onsets = sorted(notes)
    for verse, syllables in sorted(verses.items()):
        for (index, _), syllable in sorted(syllables.items()):
            found[index].append(replace(syllable.lyric, verse=verse))
        for begin in sorted(place for place, syllable in syllables.items() if syllable.is_open_line):
            for index, onset in _held(begin, onsets, notes, syllables, bars):
                found[index].append(Lyric(onset, "", verse, "_"))
    return found


def _held(
    begin: Place, onsets: Sequence[Place], notes: Mapping[Place, int], syllables: Mapping[Place, LyricPlace],
    bars: Sequence[Bar],
) -> list[Place]:  # fmt: skip
    """The notes over which a syllable is held that begins at a place."""
    held = []
    following = [place for place in onsets if place >= begin]
    for before, place in pairwise(following):
        index, onset = before[0], notes[before]
        while index < place[0] and onset >= bars[index].length:
            index, onset = index + 1, onset - bars[index].length
        if place in syllables or (index, onset) < place:
            break
        held.append(place)
    return held
