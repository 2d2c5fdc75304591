"""The downloadable files of a tune, in the folder that Gradio serves and cleans up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from ..core.piece import Piece
from ..rendering.close_score import two_staves
from ..rendering.engraving import engrave
from ..rendering.sound import SOUNDS, sound_bytes
from ..score_files import file_name, write_score

KINDS = {
    ".abc": "ABC",
    ".mid": "MIDI",
    ".musicxml": "MusicXML",
    ".mxl": "MXL",
    ".pdf": "PDF",
    ".wav": "WAV",
    ".ogg": "Ogg",
    ".flac": "FLAC",
}
"""File ending -> label of the button."""


@dataclass(frozen=True, slots=True)
class Download:
    """A file that a visitor can download."""

    path: Path

    @property
    def kind(self) -> str:
        """Label of its button."""
        return KINDS[self.path.suffix]

    def data(self) -> dict[str, Any]:
        """The file as Gradio sends it to a browser, with its address in `url`."""
        return {
            "path": str(self.path),
            "orig_name": self.path.name,
            "meta": {"_type": "gradio.FileData"},
        }


def write_downloads(piece: Piece, cache: str, with_chords: bool, is_close: bool = False) -> list[Download]:
    """Write a piece in every format into a new folder of the cache.

    Args:
        with_chords: The sound has its chords softly beneath.
        is_close: The PDF has a choir on two staves.

    Raises:
        MissingExtraError: a package that makes pictures or sound is not installed.
    """
    folder = Path(cache) / uuid4().hex
    folder.mkdir(parents=True)
    downloads = [Download(folder / f"{file_name(piece.title)}{ending}") for ending in KINDS]
    for download in downloads:
        if download.path.suffix in SOUNDS:
            download.path.write_bytes(sound_bytes(piece, download.path.suffix, with_chords))
        elif download.path.suffix == ".pdf" and is_close:
            download.path.write_bytes(engrave(piece, staves=two_staves(piece)).pdf())
        else:
            write_score(piece, download.path)
    return downloads
