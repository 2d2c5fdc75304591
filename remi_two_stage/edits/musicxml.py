"""An edit written into the MusicXML file that the piece came from: measures are spliced into its own text.

Conventions
- What an edit has not changed stays byte for byte: measures of parts that sound as before, everything between and
  around parts, and, in a measure that is written anew, its layout, attributes, barlines, tempos, and what this package
  does not know.
- A tie, slur or hairpin from a measure that stays to one that is written anew is tied on there if the edit has it, and
  else cut in both; nothing else of a measure that stays changes.
- New measures keep the file's `<divisions>` where these can count them, its indents, and its names of layers.
- Chord symbols are written where the file has some.
- What comes out is read again: it holds what the edit holds, or there is no such edit.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from itertools import accumulate

from ..core.abc_spelling import names_of
from ..core.errors import ScoreError
from ..core.notation import MADE_WITH
from ..core.piece import Bar, Piece
from ..scores.musicxml_names import FIELD_PREFIX, SOFTWARE
from ..scores.musicxml_reader import read_musicxml
from ..scores.musicxml_reader_document import is_compressed, score_in
from ..scores.musicxml_reader_voices import PartVoices
from ..scores.musicxml_writer_signs import text_of
from .changes import Change, NotAnEditError, sings_melody
from .musicxml_added import add_parts
from .musicxml_measures import Edit, PartEdit, StaffOf
from .musicxml_melody import melody_alone
from .musicxml_part import SourcePart
from .musicxml_text import FileText

_NOTE = FIELD_PREFIX + "N"


def splice(source: bytes, before: Piece, after: Piece, change: Change) -> bytes:
    """The bytes of a MusicXML file, compressed or not, with an edit written into it.

    Args:
        before: The piece that was read from the file.
        after: What an edit has made of it.
        change: What has changed between them.

    Raises:
        NotAnEditError: the file cannot be edited in place, as it says.
    """
    if not is_compressed(source):
        return _spliced(source, before, after, change)
    with zipfile.ZipFile(io.BytesIO(source)) as archive:
        name = score_in(archive)
        return _with_member(archive, name, _spliced(archive.read(name), before, after, change))


def for_melody(source: bytes, before: Piece, after: Piece) -> tuple[bytes, Piece]:
    """A file and its piece as an edit takes them: with the first voice alone where that is harmonised and other voices
    are left out.

    Raises:
        NotAnEditError: the file has no such part alone.
    """
    if len(before.voices) == 1 or not sings_melody(before, after):
        return source, before
    if not is_compressed(source):
        return melody_alone(source, before)
    with zipfile.ZipFile(io.BytesIO(source)) as archive:
        name = score_in(archive)
        alone, piece = melody_alone(archive.read(name), before)
        return _with_member(archive, name, alone), piece


def _with_member(archive: zipfile.ZipFile, name: str, content: bytes) -> bytes:
    """An archive with another content of one member; the others keep their order, dates and kinds of compression."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as edited:
        edited.comment = archive.comment
        for member in archive.infolist():
            held = content if member.filename == name else archive.read(member)
            edited.writestr(member, held, member.compress_type)
    return file.getvalue()


def _spliced(source: bytes, before: Piece, after: Piece, change: Change) -> bytes:
    text = FileText(source)
    if text.root.tag != "score-partwise":
        raise NotAnEditError(f"a file whose root is <{text.root.tag}> has no measures in a row for each part")
    read = read_musicxml(source)
    if [bar.notes for bar in read.bars] != [bar.notes for bar in before.bars] or read.source is None:
        raise NotAnEditError("the file holds another piece than the one that was edited")
    is_own = SOFTWARE in [text.text_of(node) for node in text.root.below("software")]
    parts = [
        SourcePart(text, node, _voices_of(read, number, layers, is_own))
        for number, (node, layers) in enumerate(zip(text.root.each("part"), read.source.layers, strict=True))
    ]
    if len({len(part.measures) for part in parts}) != 1:
        raise NotAnEditError("its parts have different numbers of measures")
    edit = Edit(before, after, change, names_of(after))
    places = list(zip(read.source.voices, read.source.staves, strict=True))
    with_chords = [number for number, part in enumerate(parts) if next(part.node.below("harmony"), None) is not None]
    for number, part in enumerate(parts):
        staves = [
            StaffOf(staff, voice, change.voices[voice])
            for voice, (of_part, staff) in enumerate(places)
            if of_part == number
        ]
        has_chords = with_chords[:1] == [number]
        PartEdit(text, part, edit, staves, has_chords, is_first=number == 0).write()
    if change.voices_added:
        add_parts(text, parts[places[0][0]], edit)
    _note_how_made(text, after.made)
    edited = text.edited()
    _check(edited, after, change)
    return edited


def _voices_of(piece: Piece, part: int, layers: Mapping[tuple[int, str], int], is_own: bool) -> PartVoices:
    """The voices of a part whose staves hold several; none of others."""
    if not (is_own or layers) or piece.source is None:
        return PartVoices()
    players = [player for player, number in zip(piece.instruments, piece.source.voices, strict=False) if number == part]
    staves = tuple(accumulate((not player.shares_staff for player in players[1:]), initial=1))
    return PartVoices(staves, layers) if len(players) > 1 else PartVoices()


def _note_how_made(text: FileText, made: Sequence[str]) -> None:
    """Write the notes of an edit on how the piece came about in the place of those that its file has."""
    found = [
        node
        for node in text.root.below("miscellaneous-field")
        if node.attributes.get("name") == _NOTE and text.text_of(node).startswith(MADE_WITH)
    ]
    if not found or not made:
        return
    for node, note in zip(found, made, strict=False):
        text.replace(node.inside, node.inside_end, text_of(note).encode())
    for node in found[len(made) :]:
        text.remove(node)
    last = found[-1]
    begin, end = text.content[last.start : last.inside], text.content[last.inside_end : last.end]
    further = [text.indent(last.start) + begin + text_of(note).encode() + end for note in made[len(found) :]]
    text.replace(last.end, last.end, b"".join(further))


def _check(edited: bytes, after: Piece, change: Change) -> None:
    """Raise unless a file holds the music of the edit."""
    try:
        found = read_musicxml(edited)
    except ScoreError as error:
        raise NotAnEditError(f"it cannot be read after the edit: {error.message}") from None
    if len(found.bars) != len(after.bars) or len(found.voices) != len(after.voices):
        raise NotAnEditError("its measures or parts depend on others that were to be rewritten")
    if change.appended and found.playing_order() != after.playing_order():
        raise NotAnEditError("its bars would be played in another order")
    for number, is_read, wanted in zip(after.bar_numbers, found.bars, after.bars, strict=True):
        if _sung(is_read) != _sung(wanted):
            raise NotAnEditError(
                f"bar {number} depends on others that were to be rewritten, or cannot be written there"
            )


def _sung(bar: Bar) -> Sequence[object]:
    return bar.length, [[(note.onset, note.pitch, note.duration) for note in sung] for sung in bar.notes]
