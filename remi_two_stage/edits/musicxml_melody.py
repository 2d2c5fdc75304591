"""A MusicXML file without the parts that a harmonisation of its melody leaves out."""

from __future__ import annotations

from dataclasses import replace

from ..core.excerpt import bars_of_voices
from ..core.piece import Piece
from ..scores.musicxml_reader import read_musicxml
from .changes import NotAnEditError, check_melody
from .musicxml_text import FileText


def melody_alone(source: bytes, before: Piece) -> tuple[bytes, Piece]:
    """The text of a file with the part of its first voice alone, which stays as it is, and its piece.

    Args:
        before: The piece with all parts, from which modes of keys are heard and words of jumps are taken.

    Raises:
        NotAnEditError: the part has other voices too, or no name in the list of parts, or is read otherwise when it is
            alone.
    """
    read = read_musicxml(source).source
    if read is None or read.voices.count(number := read.voices[0]) > 1:
        raise NotAnEditError("the part of the melody has other voices too")
    text = FileText(source)
    parts = list(text.root.each("part"))
    melody = parts[number].attributes.get("id")
    listed = [entry for entries in text.root.each("part-list") for entry in entries.children]
    if melody is None or all(entry.attributes.get("id") != melody for entry in listed):
        raise NotAnEditError(f"its list of parts does not name the part {melody!r}")
    for node in [*listed, *parts]:
        if node.tag == "part-group" or node.attributes.get("id") != melody:
            text.remove(node)
    alone = text.edited()
    piece = read_musicxml(alone)
    check_melody(piece, before)
    return alone, replace(piece, bars=bars_of_voices(before, (0,)))
