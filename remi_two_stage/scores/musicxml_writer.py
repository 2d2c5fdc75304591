"""`Piece` -> MusicXML, by music21 with what it would say of itself and of the day taken out: the same piece is the same
bytes.
"""

from __future__ import annotations

import re
import warnings

from ..core.piece import Piece
from .music21_bridge import to_music21

_NOT_OF_THE_PIECE = re.compile(
    rb"\s*(<movement-title>Music21 Fragment</movement-title>|<creator type=.composer.>Music21</creator>"
    rb"|<encoding-date>[^<]*</encoding-date>)"
)
"""How music21 fills in a title and a composer where there are none, and the date."""


def musicxml_bytes(piece: Piece) -> bytes:
    """This piece as the bytes of a MusicXML file."""
    from music21.musicxml.m21ToXml import GeneralObjectExporter

    exporter = GeneralObjectExporter(to_music21(piece))
    exporter.makeNotation = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _NOT_OF_THE_PIECE.sub(b"", exporter.parse())
