"""What was written into the text of an ABC file, read again: it must sound as the edit does, and all else as before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ..core.chords import UNKNOWN_CHORD
from ..core.errors import AbcSyntaxError
from ..core.notation import ClefSign, Notation, Spelling, Text
from ..core.piece import Bar, Piece
from ..scores.abc_reader import tunes_in
from .abc_places import PlacedTune
from .changes import Change, frame, segments


def what_is_wrong(lines: Sequence[str], place: int, before: Piece, after: Piece, change: Change) -> str:
    """Why the edited text does not say what it should; empty if it does.

    Args:
        lines: Of the edited file.
        place: How many tunes stand before this one in it.
        before: The tune as it was.
        after: What the edit has made of it, with those chords that its new bars should have in the text.
    """
    try:
        read = [*tunes_in(list(lines), PlacedTune)][place].read()
    except (AbcSyntaxError, IndexError) as error:
        return str(error)
    if len(read.voices) != len(after.voices) or len(read.bars) != len(after.bars):
        return f"it would have {len(read.voices)} voices and {len(read.bars)} bars"
    if read.part_order != after.part_order:
        return "its parts would be played in another order"
    first = replace(read.bars[0], repeat_start=after.bars[0].repeat_start)  # says no more than that it is the first
    for number, old, new in zip(after.bar_numbers, after.bars, (first, *read.bars[1:]), strict=True):
        if frame(old) != frame(new):
            return f"bar {number} would have another metre, key, length or repeat"
    for voice in range(len(after.voices)):
        for number, old_sung, new_sung in zip(
            after.bar_numbers, segments(after, voice), segments(read, voice), strict=True
        ):
            if old_sung != new_sung:
                return f"bar {number} would sound otherwise"
    if change.has_new_chords:
        for index in (*change.indices, *range(len(before.bars), len(after.bars))):
            known = tuple(chord for chord in after.bars[index].chords if chord.label != UNKNOWN_CHORD)
            if read.bars[index].chords != known:
                return f"bar {after.bar_numbers[index]} would have other chords"
    changed = {*change.indices}
    for index, (old, new) in enumerate(zip(before.bars, read.bars, strict=False)):
        if index + 1 == len(before.bars) and change.appended:  # words at its end may lead into the next
            old = _without_words(old)
            new = _without_words(new)
        if index not in changed and (old.chords != new.chords or not _same_notation(old, new, change)):
            return f"the chords, words or signs of bar {before.bar_numbers[index]} would change"
    return ""


def _same_notation(old: Bar, new: Bar, change: Change) -> bool:
    was = [_without_names(records) for records in old.notation or ((),) * len(change.voices)]
    kept = [_without_names(new.notation[index]) if new.notation else [] for index in change.voices]
    return all(
        {type(record) for record in before} == {type(record) for record in after}
        and Counter(map(_without_reach, before)) == Counter(map(_without_reach, after))
        for before, after in zip(was, kept, strict=True)
    )


def _without_names(records: Sequence[Notation]) -> list[Notation]:
    """Records but for names of notes, which a note that is struck, and was held before, may have of its own, and for
    clefs, of which one in a bar that has changed stands at its end now.
    """
    return [record for record in records if not isinstance(record, (Spelling, ClefSign))]


def _without_words(bar: Bar) -> Bar:
    kept = tuple(tuple(each for each in records if not isinstance(each, Text)) for records in bar.notation)
    return replace(bar, notation=kept)


def _without_reach(record: object) -> object:
    """A record without the end of a slur or a hairpin, which may lie in a bar that has changed."""
    return (type(record), record.onset, record.name) if hasattr(record, "end") else record  # type: ignore[attr-defined]
