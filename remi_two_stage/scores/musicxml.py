"""`Piece` -> MusicXML, by music21 with what it would say of itself taken out."""

from __future__ import annotations

import re
import warnings

from ..core.piece import Piece
from .music21_bridge import to_music21

_MUSIC21_AS_AUTHOR = re.compile(
    rb"\s*(<movement-title>Music21 Fragment</movement-title>|<creator type=.composer.>Music21</creator>)"
)
"""How music21 fills in a title and a composer where there are none."""


def musicxml_bytes(piece: Piece) -> bytes:
    """This piece as the bytes of a MusicXML file."""
    from music21.musicxml.m21ToXml import GeneralObjectExporter

    exporter = GeneralObjectExporter(to_music21(piece))
    exporter.makeNotation = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _MUSIC21_AS_AUTHOR.sub(b"", exporter.parse())
