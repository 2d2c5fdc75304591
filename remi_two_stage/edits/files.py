"""Edits written into the bytes of a file, by its format."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..atomic_files import write_whole
from ..core.arguments import check_is_piece
from ..core.errors import ScoreError
from ..core.instruments import without_clefs
from ..core.piece import Piece
from . import abc, midi, musicxml
from .changes import Change, NotAnEditError, sings_melody

_Splice = Callable[[bytes, Piece, Piece, Change], bytes]
_MUSICXML = (".musicxml", ".xml", ".mxl")
_MIDI = (".mid", ".midi", ".kar")
_SPLICES: dict[str, _Splice] = {
    **dict.fromkeys(_MUSICXML, musicxml.splice),
    **dict.fromkeys(_MIDI, midi.splice),
}
_ABC = (".abc", ".abc.gz")
EDITABLE = (*_ABC, *_SPLICES)
"""Endings of the files that an edit can be written into."""


@dataclass(frozen=True, slots=True)
class EditedFile:
    """A file with an edit written into it.

    Attributes:
        content: Its bytes.
        change: What has changed.
        losses: What went with the bars that were rewritten, as (reason, how often).
    """

    content: bytes
    change: Change
    losses: tuple[tuple[str, int], ...]


def edited_bytes(source: bytes, ending: str, before: Piece, after: Piece, number: int | None = None) -> EditedFile:
    """A file with an edit of one of its tunes written into it; all that the edit does not change stays byte for byte.

    Args:
        source: The bytes of the file.
        ending: The ending of its name, in lower case.
        before: The tune as it was read from the file.
        after: What the edit has made of it.
        number: Of the tune among those of the file, from 1; None finds it.

    Raises:
        RequestError: either piece is none, such as the list that `read_score` returns.
        NotAnEditError: the edit cannot be written into this file.
    """
    for piece in (before, after):
        check_is_piece(piece, "write an edit of")
    losses = losses_of(before, after)
    if ending in _MUSICXML:
        source, before = musicxml.for_melody(source, before, after)
    elif ending in _MIDI:
        source, before = midi.for_melody(source, before, after)
    elif ending in _ABC:
        source, before = abc.for_melody(source, before, after, number)
    change = Change.between(before, after)
    splice = partial(abc.splice, number=number) if ending in _ABC else _SPLICES.get(ending)
    if splice is None:
        raise NotAnEditError(f"edits cannot be written into {ending or 'files without an ending'}")
    if change.is_nothing:
        return EditedFile(source, change, ())
    # clefs stay where they are in the file
    return EditedFile(splice(source, before, without_clefs(after, change.indices), change), change, losses)


def losses_of(before: Piece, after: Piece) -> tuple[tuple[str, int], ...]:
    """What went with the bars that an edit has rewritten, and which voices beside a melody that was harmonised."""
    gone = Counter(dict(after.losses)) - Counter(dict(before.losses))
    if sings_melody(before, after):
        gone["a voice beside the melody"] += len(before.voices) - 1
    return tuple((+gone).items())


def write_edited(
    source: str | os.PathLike[str],
    before: Piece,
    after: Piece,
    path: str | os.PathLike[str],
    number: int | None = None,
) -> EditedFile:
    """Write a file as it is but for an edit of one of its tunes; `path` may be that of the file itself.

    Raises:
        RequestError: either piece is none, such as the list that `read_score` returns; nothing is written.
        NotAnEditError: the edit cannot be written into this file; nothing is written.
        ScoreError: the file cannot be read, or the other not written.
    """
    name = Path(source).name.lower()
    ending = ".abc.gz" if name.endswith(".abc.gz") else Path(name).suffix
    try:
        edited = edited_bytes(Path(source).read_bytes(), ending, before, after, number)
        write_whole(Path(path), edited.content)
    except OSError as error:
        raise ScoreError(f"the file cannot be read or written: {error.strerror}; check the paths").at(
            file=str(source)
        ) from None
    except NotAnEditError as error:
        raise error.at(file=str(source)) from None
    return edited
