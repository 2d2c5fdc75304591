"""Limits for each visitor, so that nobody blocks the page for others."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.errors import RequestError, ScoreFormatError
from ..core.piece import Piece
from ..core.text import counted
from ..core.vocabulary import MAX_BARS


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a page; the defaults are for one's own machine.

    Attributes:
        bars: Most bars of a tune.
        notes: Most notes of an uploaded tune.
        upload_bytes: Largest size of an uploaded file.
        reading_seconds: Time limit for reading an uploaded file.
        writing_seconds: Time limit for composing.
        waiting: Most requests in the queue; None is any number.
        sessions: Number of visitors whose tunes are kept.
        kept_seconds: Time after which files and abandoned sessions are deleted.
    """

    bars: int = MAX_BARS
    notes: int = 20_000
    upload_bytes: int = 10 * 2**20
    reading_seconds: float = 60.0
    writing_seconds: float = 600.0
    waiting: int | None = None
    sessions: int = 100
    kept_seconds: int = 86_400

    def check_bars(self, bars: int) -> None:
        """Raises RequestError if a tune would have too many bars."""
        if bars > self.bars:
            raise RequestError(f"the tune would have {bars} bars, this page writes at most {self.bars}; ask for fewer")

    def check_upload(self, piece: Piece) -> None:
        """Raises ScoreFormatError if an uploaded tune is too long to work on."""
        notes = sum(len(sung) for bar in piece.bars for sung in bar.notes)
        for count, most, what in ((piece.bar_count, self.bars, "bar"), (notes, self.notes, "note")):
            if count > most:
                raise ScoreFormatError(f"the tune has {counted(count, what)}, this page takes at most {most}; cut it")


PUBLIC = Limits(
    bars=32,
    notes=4_000,
    upload_bytes=2**20,
    reading_seconds=15.0,
    writing_seconds=60.0,
    waiting=30,
    sessions=200,
    kept_seconds=3_600,
)
"""Limits of a page that is open to everybody."""
