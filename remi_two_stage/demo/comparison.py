"""A tune before and after an edit as one score: the new staves, the old ones under them, and what differs.

Conventions
- Old notes stand in the bars of the new tune; a melody that was moved to another key is moved here, too.
- Chord symbols are the new ones; where they have changed, the old ones stand as words over the old notes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from ..composing.tasks import placed
from ..core.notation import Text, with_voices_renamed
from ..core.piece import Bar, Piece
from ..rendering.close_score import Staff, two_staves
from ..scores.voices import usual_instruments

_NEW, _OLD = "New", "Old"

PlacedNote = tuple[int, int, int]
"""(ticks from the start as written, MIDI number, ticks)."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What `compared` finds.

    Attributes:
        piece: The voices of the new tune, then those of the old one.
        staves: Of the score, the new ones first.
        new_staves: Number of them.
        bars: Indices of the bars that differ.
        new: Notes that the old tune has not.
        old: Notes that the new tune has not.
    """

    piece: Piece
    staves: tuple[Staff, ...]
    new_staves: int
    bars: tuple[int, ...]
    new: tuple[PlacedNote, ...]
    old: tuple[PlacedNote, ...]


def compared(old: Piece, new: Piece, is_close: bool) -> Comparison | None:
    """What an edit has changed; None where the bars of the two do not correspond.

    Args:
        is_close: Whether choirs stand on two staves.
    """
    if any(before.length != after.length for before, after in zip(old.bars, new.bars, strict=False)):
        return None
    old = _where_it_stands_now(old, new)
    new_notes, old_notes = set(_notes(new)), set(_notes(old))
    bars = tuple(_both(before, after, old, new) for before, after in zip(_as_long_as(old, new), new.bars, strict=True))
    names = (*new.voices, *map(_name_before, old.voices))
    players = (*(new.instruments or usual_instruments(new.voices)), *(old.instruments or usual_instruments(old.voices)))
    staves = _staves(new, _NEW, 0, is_close)
    return Comparison(
        replace(new, bars=bars, voices=names, instruments=players, part_order=(), source=None),
        (*staves, *_staves(old, _OLD, len(new.voices), is_close)),
        len(staves),
        tuple(_changed_bars(old, new)),
        tuple(sorted(new_notes - old_notes)),
        tuple(sorted(old_notes - new_notes)),
    )


def _name_before(voice: str) -> str:
    return f"{voice} before"


def _where_it_stands_now(old: Piece, new: Piece) -> Piece:
    """The old tune in the key to which harmonising has moved it."""
    if len(new.voices) == len(old.voices):
        return old
    _, semitones = placed(old, new.voices)
    return old.transpose(semitones) if semitones else old


def _notes(piece: Piece) -> Iterator[PlacedNote]:
    starts = accumulate((bar.length for bar in piece.bars), initial=0)
    for bar, start in zip(piece.bars, starts, strict=False):
        yield from ((start + note.onset, note.pitch, note.duration) for sung in bar.notes for note in sung)


def _changed_bars(old: Piece, new: Piece) -> Iterator[int]:
    for index, (before, after) in enumerate(zip(_as_long_as(old, new), new.bars, strict=True)):
        if {*_sounds(before)} != {*_sounds(after)} or before.chords != after.chords:
            yield index


def _sounds(bar: Bar) -> Iterator[PlacedNote]:
    return ((note.onset, note.pitch, note.duration) for sung in bar.notes for note in sung)


def _as_long_as(old: Piece, new: Piece) -> list[Bar]:
    """The old bars, and a silent one for each that was added."""
    silent = ((),) * len(old.voices)
    added = [replace(bar, notes=silent, chords=(), notation=()) for bar in new.bars[len(old.bars) :]]
    return [*old.bars, *added]


def _both(before: Bar, after: Bar, old: Piece, new: Piece) -> Bar:
    """The new bar with the old voices under its own."""
    new_signs = after.notation or ((),) * len(new.voices)
    names = {voice: _name_before(voice) for voice in old.voices}
    first, *others = (
        with_voices_renamed(records, names, names[voice])
        for voice, records in zip(old.voices, before.notation or ((),) * len(old.voices), strict=True)
    )
    chords: Sequence[Text] = ()
    if before.chords != after.chords:
        chords = [Text(chord.onset, chord.name(old.key, before.key)) for chord in before.chords]
    signs = (*new_signs, (*chords, *first), *others)
    return replace(after, notes=(*after.notes, *before.notes), notation=signs)


def _staves(piece: Piece, name: str, first: int, is_close: bool) -> tuple[Staff, ...]:
    """The staves of a tune whose first voice has the index `first`; its name stands before the first of them."""
    alone = tuple(Staff((voice,)) for voice in range(len(piece.voices)))
    top, *others = (two_staves(piece) if is_close else None) or alone
    moved = [tuple(first + voice for voice in staff.voices) for staff in (top, *others)]
    return (Staff(moved[0], name), *(Staff(voices, "") for voices in moved[1:]))
