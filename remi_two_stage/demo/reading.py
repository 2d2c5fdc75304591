"""Uploaded files, read in a process of their own, which may take only so long and so much memory.

A file from anybody may be made to keep a parser busy for hours; the page goes on meanwhile and ends the process.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from ..core.errors import RemiError, ScoreFormatError
from ..core.piece import Piece
from ..scores.formats import read_score
from .limits import Limits

_MOST_MEMORY = 4 * 2**30


def read_upload(path: Path, limits: Limits) -> tuple[Piece, int]:
    """The first tune of a file, and how many there are; errors name the file without its folder.

    Raises:
        ScoreFormatError: too large, too slow to read, or too long a tune.
        ScoreError: as in `read_score`.
    """
    size = path.stat().st_size
    if size > limits.upload_bytes:
        raise ScoreFormatError(
            f"the file has {size / 2**20:.1f} MB, this page reads at most {limits.upload_bytes / 2**20:.0f}; cut it"
        ).at(file=path.name)
    command = [sys.executable, "-m", __name__, str(path)]
    try:
        reader = subprocess.run(command, capture_output=True, timeout=limits.reading_seconds, check=False)
    except subprocess.TimeoutExpired:
        raise ScoreFormatError(
            f"the file could not be read within {limits.reading_seconds:.0f} seconds; cut it or export it again"
        ).at(file=path.name) from None
    if reader.returncode:
        raise ScoreFormatError("the file could not be read; export it again").at(file=path.name)
    outcome = pickle.loads(reader.stdout)  # written by `main` below
    if isinstance(outcome, RemiError):
        raise type(outcome)(outcome.message).at(file=path.name, line=outcome.place.line, bar=outcome.place.bar)
    piece, count = outcome
    limits.check_upload(piece)
    return piece, count


def main(path: str) -> None:
    """Read a file and write its first tune and the number of its tunes, or the error, to standard output."""
    _bound_memory()
    try:
        pieces = read_score(path)
        outcome: object = (pieces[0], len(pieces))
    except RemiError as error:
        outcome = error
    sys.stdout.buffer.write(pickle.dumps(outcome))


def _bound_memory() -> None:
    with suppress(ImportError, OSError, ValueError):  # there is no such thing on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))


if __name__ == "__main__":
    main(sys.argv[1])
