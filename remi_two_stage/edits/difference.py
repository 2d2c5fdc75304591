"""Old and new bars side by side as text, for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..core.piece import Piece
from ..core.signatures import TICKS_PER_WHOLE
from ..core.text import counted
from ..scores.abc_fields import UNITS_PER_TICK, signature_of
from .abc_habits import Habits
from .abc_places import Setting
from .abc_style import FileVoiceWriter, Manner
from .changes import Change

_MOST_ROWS = 64
_Row = tuple[str, str, str, str]
"""Number, voice, music before and music after."""


def side_by_side(before: Piece, after: Piece, change: Change, columns: int) -> str:
    """A table of the bars that have changed: their numbers, voices, and their music as ABC before and after; old and
    new one below the other where they are too long for lines of so many columns.
    """
    rows = [row for row in _rows(before, after, change) if row[2] != row[3]]
    if not rows:
        return ""
    shown, left = rows[:_MOST_ROWS], len(rows) - _MOST_ROWS
    lines = _beside([("bar", "", "before", "after"), *shown])
    if max(map(len, lines)) > columns:
        lines = _below(shown)
    return "\n".join([*lines, *([f"  and {counted(left, 'row')} more"] if left > 0 else [])])


def _beside(table: Sequence[_Row]) -> list[str]:
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    return [f"  {row[0]:>{widths[0]}}  {row[1]:{widths[1]}}  {row[2]:{widths[2]}} | {row[3]}".rstrip() for row in table]


def _below(rows: Sequence[_Row]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    lines = []
    for number, voice, old, new in rows:
        lines.append(f"  {number:>{widths[0]}}  {voice:{widths[1]}}  - {old}".rstrip())
        lines.append(f"  {'':{widths[0]}}  {'':{widths[1]}}  + {new}".rstrip())
    return lines


def _rows(before: Piece, after: Piece, change: Change) -> Iterable[_Row]:
    """The rows of all bars that may have changed."""
    old = [_writer(before, voice) for voice in range(len(before.voices))]
    new = [_writer(after, voice) for voice in range(len(after.voices))]
    numbers = after.bar_numbers
    indices = [*change.indices, *range(len(before.bars), len(after.bars))]
    for index in range(len(after.bars)) if change.voices_added else indices:
        for voice, name in enumerate(after.voices):
            if change.voices_added and voice not in change.voices_added:
                continue
            was = change.voices.index(voice) if voice in change.voices else None
            has_old = was is not None and index < len(before.bars)
            text = " ".join(old[was].bar(index)) if has_old and was is not None else ""
            label = "" if len(after.voices) == 1 else name
            yield str(numbers[index]), label, text, " ".join(new[voice].bar(index))


def _writer(piece: Piece, voice: int) -> FileVoiceWriter:
    unit = UNITS_PER_TICK * TICKS_PER_WHOLE // (16 if piece.meter and piece.meter.denominator > 8 else 8)
    settings = {index: Setting(unit, 0, signature_of(bar.key)) for index, bar in enumerate(piece.bars)}
    return FileVoiceWriter(piece, voice, Manner(settings, Habits(), has_symbols=voice == 0))
