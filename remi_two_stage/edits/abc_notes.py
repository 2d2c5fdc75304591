"""The notes on how a tune came about (`N:made with ...`) in an ABC file that has some."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from ..core.abc_writer import one_line
from ..core.notation import MADE_WITH
from .abc_file import AbcFile
from .abc_places import PlacedTune

_NOTE = "N:"


def note_how_made(file: AbcFile, tune: PlacedTune, made: Sequence[str]) -> None:
    """Write the notes of an edit in the place of those that a tune has; a tune without any gets none."""
    found = [tune.first_line + at for at, line in enumerate(tune.lines) if line.startswith(_NOTE + MADE_WITH)]
    if not found or not made:
        return
    lines = [_NOTE + one_line(text) for text in made]
    for place, line in zip_longest(found, lines[: len(found)]):
        file.replace(place, line)
    file.insert_after(found[-1], lines[len(found) :])
