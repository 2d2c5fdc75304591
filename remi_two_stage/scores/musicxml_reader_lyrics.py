"""The syllables of a MusicXML part, put in verses and held as long as their lines go on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from ..core.notation import Lyric
from ..core.piece import Bar
from .musicxml_reader_document import is_whole
from .musicxml_reader_records import LyricPlace

_HIGHEST_VERSE = 99
_LOST = "a syllable of another layer"

Place = tuple[int, int]
"""(index of the bar, onset)."""


def lyrics_of(
    places: Sequence[LyricPlace], notes: Mapping[Place, int], bars: Sequence[Bar], losses: Counter[str]
) -> dict[int, list[Lyric]]:
    """The syllables under one staff, by the index of their bar.

    MusicXML's numbers of verses may be any words. Layers share a verse as long as they do not sing different words at
    once; where they do, those of the first stay and the others are counted. A line without an end (`<extend/>`) goes
    on to the last note before the verse's next syllable, or before a rest.

    Args:
        places: The syllables in the order of the file.
        notes: Where notes of the staff begin, and the latest tick of their bar at which they end.
    """
    verses: defaultdict[int, list[LyricPlace]] = defaultdict(list)
    names: dict[str, int] = {}
    for place in places:
        name = place.verse_name
        verse = int(name) if is_whole(name) and int(name) <= _HIGHEST_VERSE else 0
        verses[names.setdefault(name, verse or len(names) + 1)].append(place)
    found: defaultdict[int, list[Lyric]] = defaultdict(list)
    onsets = sorted(notes)
    for verse, sung in sorted(verses.items()):
        syllables = _sung_together(sung, losses)
        for (index, _), syllable in sorted(syllables.items()):
            found[index].append(replace(syllable.lyric, verse=verse))
        for begin in sorted(place for place, syllable in syllables.items() if syllable.is_open_line):
            for index, onset in _held(begin, onsets, notes, syllables, bars):
                found[index].append(Lyric(onset, "", verse, "_"))
    return found


def _sung_together(places: Iterable[LyricPlace], losses: Counter[str]) -> dict[Place, LyricPlace]:
    """The syllables that the layers of a staff sing in one verse: those of the first layer, and of the others as far as
    they leave its words alone.
    """
    layers: defaultdict[str, dict[Place, LyricPlace]] = defaultdict(dict)
    for place in places:
        first = layers[place.layer].setdefault((place.bar, place.lyric.onset), place)
        losses[_LOST] += _is_other(place, first)
    kept: dict[Place, LyricPlace] = {}
    for name in sorted(layers, key=lambda name: (len(name), name)):
        apart = _bars_apart(kept, layers[name])
        for at, syllable in layers[name].items():
            if at[0] in apart:
                losses[_LOST] += bool(syllable.lyric.text) and (at not in kept or _is_other(syllable, kept[at]))
            else:
                kept.setdefault(at, syllable)
    return kept


def _bars_apart(kept: Mapping[Place, LyricPlace], layer: Mapping[Place, LyricPlace]) -> set[int]:
    """The bars where a layer sings other words than those that are kept: where two syllables meet, and on both sides
    while the layer sings and the others have words or are within one.
    """
    last = {bar: syllable.lyric for (bar, _), syllable in sorted(kept.items())}
    sung = {bar for bar, _ in layer}
    clashes = {at[0] for at, syllable in layer.items() if at in kept and _is_other(syllable, kept[at])}
    bars = range(max(sung) + 1) if clashes else range(0)
    both, is_within_word = set[int](), False
    for bar in bars:
        if bar in sung and (bar in last or is_within_word):
            both.add(bar)
        is_within_word = last[bar].joint == "-" if bar in last else is_within_word
    apart: set[int] = set()
    for direction in (bars, reversed(bars)):
        is_apart = False
        for bar in direction:
            is_apart = bar in both and (is_apart or bar in clashes)
            apart |= {bar} if is_apart else set()
    return apart


def _is_other(syllable: LyricPlace, kept: LyricPlace) -> bool:
    """Whether a syllable would be lost if one at the same place is kept."""
    return syllable.lyric.text not in ("", kept.lyric.text)


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
