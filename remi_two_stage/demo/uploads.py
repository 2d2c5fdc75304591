"""Reading uploaded files, in a separate process with limited time and memory.

A hostile file may keep a parser busy for hours; meanwhile the page keeps working, and it ends the process. What
that process hands over is JSON: whatever a file may have done to it, here it is data.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..core.errors import AbcSyntaxError, RemiError, ScoreError, ScoreFormatError
from ..core.piece import Bar, Chord, Note, Piece
from ..core.signatures import Key, Meter
from ..score_files import read_score
from .limits import Limits

_MOST_MEMORY = 4 * 2**30
_ERRORS: dict[str, type[ScoreError]] = {kind.__name__: kind for kind in (AbcSyntaxError, ScoreFormatError, ScoreError)}


def read_upload(path: Path, limits: Limits) -> tuple[Piece, int]:
    """The first tune of a file, and the number of its tunes; errors name the file without its folder.

    Raises:
        ScoreFormatError: the file is too large or takes too long to read, or the tune is too long.
        ScoreError: as in `read_score`.
    """
    size = path.stat().st_size
    if size > limits.upload_bytes:
        raise ScoreFormatError(
            f"the file has {size / 2**20:.1f} MB, this page reads at most {limits.upload_bytes / 2**20:.0f}; cut it"
        ).at(file=path.name)
    command = [sys.executable, "-m", __name__, str(path), json.dumps(asdict(limits))]
    try:
        reader = subprocess.run(command, capture_output=True, timeout=limits.reading_seconds, check=False)
    except subprocess.TimeoutExpired:
        raise ScoreFormatError(
            f"the file could not be read within {limits.reading_seconds:.0f} seconds; cut it or export it again"
        ).at(file=path.name) from None
    if reader.returncode:
        raise ScoreFormatError("the file could not be read; export it again").at(file=path.name)
    outcome = json.loads(reader.stdout)
    if "error" in outcome:
        error = _ERRORS.get(outcome["error"], ScoreError)(outcome["message"])
        raise error.at(file=path.name, line=outcome["line"], bar=outcome["bar"])
    return _piece(outcome["piece"]), outcome["count"]


def main(path: str, limits: str) -> None:
    """Read a file and write its first tune and the number of its tunes, or the error, to standard output as JSON.

    Args:
        limits: The page's limits as JSON.
    """
    _bound_memory()
    outcome: dict[str, Any]
    try:
        pieces = read_score(path)
        Limits(**json.loads(limits)).check_upload(pieces[0])
        outcome = {"piece": asdict(_without_notation(pieces[0])), "count": len(pieces)}
    except RemiError as error:
        place = error.place
        outcome = {"error": type(error).__name__, "message": error.message, "line": place.line, "bar": place.bar}
    json.dump(outcome, sys.stdout)


def _without_notation(piece: Piece) -> Piece:
    bars = tuple(replace(bar, notation=(), tempos=()) for bar in piece.bars)
    return replace(piece, bars=bars, instruments=(), source=None)


def _piece(data: dict[str, Any]) -> Piece:
    """The piece that `dataclasses.asdict` took apart."""
    lists = {name: tuple(data[name]) for name in ("voices", "part_order", "instruments")}
    pairs = {name: tuple(map(tuple, data[name])) for name in ("metadata", "losses")}
    keys = tuple(Key(**key) for key in data["original_keys"])
    return Piece(**data | lists | pairs | {"bars": tuple(map(_bar, data["bars"])), "original_keys": keys})


def _bar(data: dict[str, Any]) -> Bar:
    return Bar(
        **data
        | {
            "meter": data["meter"] and Meter(**data["meter"]),
            "key": Key(**data["key"]),
            "notes": tuple(tuple(Note(**note) for note in sung) for sung in data["notes"]),
            "chords": tuple(Chord(chord["onset"], chord["label"]) for chord in data["chords"]),
            **{name: tuple(data[name]) for name in ("endings", "jumps", "notation", "tempos")},
        }
    )


def _bound_memory() -> None:
    with suppress(ImportError, OSError, ValueError):  # not available on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))


if __name__ == "__main__":
    main(*sys.argv[1:])
