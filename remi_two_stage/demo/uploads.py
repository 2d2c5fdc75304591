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
from typing import Any, get_args

from ..core.errors import AbcSyntaxError, RemiError, ScoreError, ScoreFormatError
from ..core.notation import ChordSymbol, Grace, GraceNote, Instrument, Notation, TempoMark
from ..core.piece import Bar, Chord, Note, Piece
from ..core.signatures import Key, Meter
from ..score_files import parse_score, read_score
from .limits import Limits

TEXT = ".txt"
"""Ending of a file that may hold ABC, as it comes from forums and mail."""
_MOST_TITLES, _LONGEST_TITLE = 2_000, 80
_MOST_MEMORY = 4 * 2**30
_ERRORS: dict[str, type[ScoreError]] = {kind.__name__: kind for kind in (AbcSyntaxError, ScoreFormatError, ScoreError)}
_KINDS: dict[str, type[Notation]] = {kind.__name__: kind for kind in get_args(Notation)}


def read_upload(path: Path, limits: Limits, number: int = 1) -> tuple[Piece, list[str]]:
    """A tune of a file, counted from 1, and the titles of all; errors name the file without its folder.

    Raises:
        ScoreFormatError: the file is too large or takes too long to read, or the tune is too long.
        ScoreError: as in `read_score`.
    """
    size = path.stat().st_size
    if size > limits.upload_bytes:
        raise ScoreFormatError(
            f"the file has {size / 2**20:.1f} MB, this page reads at most {limits.upload_bytes / 2**20:.0f}; cut it"
        ).at(file=path.name)
    command = [sys.executable, "-m", __name__, str(path), json.dumps(asdict(limits)), str(number)]
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
    return put_together(outcome["piece"]), outcome["titles"]


def main(path: str, limits: str, number: str) -> None:
    """Read a file and write one of its tunes and the titles of all, or the error, to standard output as JSON.

    Args:
        limits: The page's limits as JSON.
    """
    _bound_memory()
    outcome: dict[str, Any]
    try:
        pieces = parse_score(Path(path).read_bytes()) if path.lower().endswith(TEXT) else read_score(path)
        piece = pieces[min(int(number), len(pieces)) - 1]
        Limits(**json.loads(limits)).check_upload(piece)
        titles = [each.title[:_LONGEST_TITLE] or "Untitled tune" for each in pieces[:_MOST_TITLES]]
        outcome = {"piece": taken_apart(piece), "titles": titles}
    except RemiError as error:
        place = error.place
        outcome = {"error": type(error).__name__, "message": error.message, "line": place.line, "bar": place.bar}
    json.dump(outcome, sys.stdout)


def taken_apart(piece: Piece) -> dict[str, Any]:
    """A piece as JSON holds it, all but its source; each record of notation says its kind."""
    data = asdict(replace(piece, source=None))
    for of_bar, bar in zip(data["bars"], piece.bars, strict=True):
        of_bar["notation"] = [
            [{"kind": type(record).__name__} | asdict(record) for record in written] for written in bar.notation
        ]
    return data


def put_together(data: dict[str, Any]) -> Piece:
    """The piece that `taken_apart` took apart."""
    lists = {name: tuple(data[name]) for name in ("voices", "part_order")}
    pairs = {name: tuple(map(tuple, data[name])) for name in ("metadata", "losses")}
    made = {
        "bars": tuple(map(_bar, data["bars"])),
        "original_keys": tuple(Key(**key) for key in data["original_keys"]),
        "instruments": tuple(Instrument(**instrument) for instrument in data["instruments"]),
    }
    return Piece(**data | lists | pairs | made)


def _bar(data: dict[str, Any]) -> Bar:
    return Bar(
        **data
        | {
            "meter": data["meter"] and Meter(**data["meter"]),
            "key": Key(**data["key"]),
            "notes": tuple(tuple(Note(**note) for note in sung) for sung in data["notes"]),
            "chords": tuple(map(_chord, data["chords"])),
            "notation": tuple(tuple(map(_record, written)) for written in data["notation"]),
            "tempos": tuple(TempoMark(**mark) for mark in data["tempos"]),
            **{name: tuple(data[name]) for name in ("endings", "jumps")},
        }
    )


def _chord(data: dict[str, Any]) -> Chord:
    return Chord(**data | {"symbol": data["symbol"] and ChordSymbol(**data["symbol"])})


def _record(data: dict[str, Any]) -> Notation:
    """A record of notation, of the kind that it says."""
    kind = _KINDS[data["kind"]]
    fields = {name: value for name, value in data.items() if name != "kind"}
    if kind is Grace:
        fields["notes"] = tuple(tuple(GraceNote(**note) for note in together) for together in data["notes"])
    return kind(**fields)


def _bound_memory() -> None:
    with suppress(ImportError, OSError, ValueError):  # not available on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))


if __name__ == "__main__":
    main(*sys.argv[1:])
