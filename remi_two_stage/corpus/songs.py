"""Songs: what is learnt of singers with an accompaniment is what they sing, over the chords that all together sound.

Conventions
- An accompaniment is a part on two staves without lyrics, or an instrument that is known to accompany. A score with one
  is a song if other voices have lyrics, or the names of singers; whoever plays along with them is left out too.
- A prelude, an interlude and a postlude, bars in which no singer sings, are left out, and a phrase begins after them; a
  single such bar between others stays. So does what stands in endings, for they would lose their meaning.
- A song that begins late in its first bar begins with a pick-up.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from ..core.excerpt import bars_of_voices, moved_chords
from ..core.instruments import has_words
from ..core.notation import Instrument, players_of, with_voices_renamed
from ..core.piece import Bar, Chord, Piece
from ..core.playing_order import are_in_endings
from ..core.voices import MELODY
from ..scores.voices import voice_names

SONG = "song"
"""The style of songs whose source names none."""
_ACCOMPANISTS = re.compile(r"piano|klavier|clavier|pianoforte|orgue|organ|orgel|harp|guitar|gitarre|keyboard", re.I)
_SINGERS = re.compile(
    r"voi[cx]e?|stimme|singstimme|gesang|chant|canto|song|soprano?|mezzo|alto|contralto|tenor|bariton|bass(?!oon)", re.I
)
_LONG_REST = 2
"""Bars in a row without a singer that are left out between two phrases."""


def sung_part(piece: Piece) -> Piece | None:
    """What the singers of a song sing, with the chords of all its voices; None if the piece is no song.

    Args:
        piece: A piece with a chord in every bar.
    """
    singers = _singers(piece)
    if not singers:
        return None
    piece = piece.in_part_order()
    kept = _without_long_rests(bars_of_voices(piece, singers))
    if not kept:
        return None
    shift = piece.key.pitch_class - kept[0].key.pitch_class
    kept = [replace(bar, chords=_without_basses(moved_chords(bar.chords, shift))) for bar in kept]
    instruments = players_of(piece.instruments, singers)
    names = _names(instruments, kept)
    kept = [_with_names(bar, dict(zip([piece.voices[voice] for voice in singers], names, strict=True))) for bar in kept]
    return replace(
        piece,
        voices=names,
        bars=(_as_pickup(kept[0]), *kept[1:]),
        style=piece.style or SONG,
        instruments=instruments,
        source=None,
    )


def _without_basses(chords: Sequence[Chord]) -> tuple[Chord, ...]:
    """Chords whose basses were the accompaniment's; each once while it lasts."""
    rooted = [replace(chord, bass=0) if chord.symbol is None else chord for chord in chords]
    changes = zip([None, *rooted], rooted, strict=False)
    return tuple(chord for before, chord in changes if before is None or before.label != chord.label)


def _singers(piece: Piece) -> list[int]:
    """The voices that sing in a song; none in other pieces."""
    names = [player.name for player in piece.instruments] or [""] * len(piece.voices)
    has_lyrics = [has_words(piece, voice) for voice in range(len(piece.voices))]
    parts = piece.source.voices if piece.source is not None else tuple(range(len(piece.voices)))
    staves = Counter(parts)
    sung_parts = {part for part, is_sung in zip(parts, has_lyrics, strict=True) if is_sung}
    accompanies = [
        part not in sung_parts and (staves[part] > 1 or _ACCOMPANISTS.search(name) is not None)
        for part, name in zip(parts, names, strict=True)
    ]
    if not any(accompanies):
        return []
    singers = [voice for voice, is_sung in enumerate(has_lyrics) if is_sung]
    return singers or [
        voice for voice, name in enumerate(names) if not accompanies[voice] and _SINGERS.search(name) is not None
    ]


def _with_names(bar: Bar, names: Mapping[str, str]) -> Bar:
    """A bar whose voices have new names, in their order."""
    renamed = [with_voices_renamed(said, names, own) for said, own in zip(bar.notation, names.values(), strict=False)]
    return replace(bar, notation=tuple(renamed))


def _names(instruments: Sequence[Instrument], bars: Sequence[Bar]) -> tuple[str, ...]:
    count = len(bars[0].notes)
    pitches = [[note.pitch for bar in bars for note in bar.notes[voice]] for voice in range(count)]
    return (MELODY,) if count == 1 else voice_names([player.name for player in instruments] or [""] * count, pitches)


def _without_long_rests(bars: Sequence[Bar]) -> list[Bar]:
    """The bars without those of long rests; repeats begin and end with what is left of them."""
    leave_out = _long_rests(bars)
    kept: list[Bar] = []
    begins_repeat = False
    for index, bar in enumerate(bars):
        begins_repeat = begins_repeat or bar.repeat_start
        if not leave_out[index]:
            begins_phrase = bar.phrase_start or (index > 0 and leave_out[index - 1])
            kept.append(replace(bar, repeat_start=begins_repeat, phrase_start=begins_phrase or not kept))
            begins_repeat = False
        elif bar.repeat_end:
            if kept and not begins_repeat:
                kept[-1] = replace(kept[-1], repeat_end=True, plays=bar.plays)
            begins_repeat = False
    return kept


def _long_rests(bars: Sequence[Bar]) -> list[bool]:
    """For each bar whether it belongs to a rest that is left out."""
    rings = 0
    rests = []
    for bar, is_in_ending in zip(bars, are_in_endings(bars), strict=True):
        ends = [note.onset + note.duration for sung in bar.notes for note in sung]
        rests.append(not ends and not rings and not is_in_ending)
        rings = max(0, max([rings, *ends]) - bar.length)
    left_out: list[bool] = []
    for is_rest, group in groupby(rests):
        length = len(list(group))
        is_at_edge = not left_out or len(left_out) + length == len(bars)
        left_out += [is_rest and (length >= _LONG_REST or is_at_edge)] * length
    return left_out


def _as_pickup(bar: Bar) -> Bar:
    """A first bar without the rest before its first note, if that is half of it or more."""
    start = min((note.onset for sung in bar.notes for note in sung), default=0)
    if not bar.is_full or 2 * start < bar.length or bar.repeat_end or bar.endings:
        return bar
    notes = tuple(tuple(replace(note, onset=note.onset - start) for note in sung) for sung in bar.notes)
    sounding = [chord for chord in bar.chords if chord.onset <= start]
    chords = [
        replace(chord, onset=max(0, chord.onset - start)) for chord in (*sounding[-1:], *bar.chords[len(sounding) :])
    ]
    return replace(
        bar, length=bar.length - start, is_pickup=True, notes=notes, chords=tuple(chords), notation=(), tempos=()
    )
