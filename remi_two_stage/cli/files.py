"""Tunes in, from files or standard input, and out, to folders, files or standard output, and what is said of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.abc_writer import write_abc
from ..core.errors import RequestError, ScoreError
from ..core.piece import Piece
from ..core.plan import Plan
from ..core.text import counted
from .flags import option
from .output import Reporting

STANDARD_STREAM = "-"
DEFAULT_OUTPUT = Path("out")
DEFAULT_FORMATS = (".abc", ".mid", ".musicxml")


@dataclass(frozen=True)
class Source:
    """Which tune of a score file is meant."""

    tune: int = option(1, "which tune of the file")

    def read(self, score: str) -> Piece:
        """The tune of a file, or of standard input, that is asked for.

        Raises:
            ScoreError: there is no such file, or it cannot be read.
            RequestError: it has no such tune.
        """
        return self.pick(read_tunes(score), score)

    def pick(self, pieces: Sequence[Piece], score: str) -> Piece:
        """The piece that is asked for, among those of a file."""
        if not 1 <= self.tune <= len(pieces):
            raise RequestError(f"there is no tune {self.tune} in {score!r}; it has {len(pieces)}")
        return pieces[self.tune - 1]


def read_tunes(score: str) -> list[Piece]:
    """All tunes of a file or of standard input, whatever format it is in.

    Raises:
        ScoreError: there is no such file, or it cannot be read.
    """
    from ..score_files import parse_score, read_score

    if score != STANDARD_STREAM:
        return read_score(score)
    try:
        return parse_score(sys.stdin.buffer.read())
    except ScoreError as error:
        raise error.at(file="standard input") from error.__cause__


@dataclass(frozen=True)
class Destination:
    """Where tunes are written, and in which formats."""

    output: Path = option(DEFAULT_OUTPUT, "folder, or a file such as tune.pdf, or - for standard output")  # noqa: RUF009
    formats: Sequence[str] | None = option(None, "endings  [default: abc,mid,musicxml; abc to standard output]")

    @property
    def is_stream(self) -> bool:
        """Whether tunes go to standard output."""
        return str(self.output) == STANDARD_STREAM

    @property
    def is_file(self) -> bool:
        """Whether the output is a file with an ending that can be written, and no folder."""
        from ..score_files import WRITABLE

        return self.output.suffix.lower() in WRITABLE and not self.output.is_dir()

    @property
    def endings(self) -> tuple[str, ...]:
        """The formats to write."""
        if self.formats is not None:
            return tuple("." + name.strip().lstrip(".").lower() for name in self.formats)
        if self.is_file:
            return (self.output.suffix.lower(),)
        return DEFAULT_FORMATS[:1] if self.is_stream else DEFAULT_FORMATS

    def check(self, reporting: Reporting, count: int = 1) -> None:
        """Refuse, before any work, what could not be written after it.

        Raises:
            RequestError, ScoreFormatError, MissingExtraError: say why.
        """
        from ..score_files import check_writable

        for ending in self.endings:
            check_writable(ending)
        if self.is_stream:
            self._check_stream(reporting, count)
        elif self.is_file:
            if self.formats is not None or count > 1:
                raise RequestError(f"the output {str(self.output)!r} is one file; name a folder for several")
        elif self.output.exists() and not self.output.is_dir():
            raise RequestError(f"the output {str(self.output)!r} is a file; name a folder")

    def _check_stream(self, reporting: Reporting, count: int) -> None:
        if reporting.json:
            raise RequestError("standard output has room for a tune or for JSON; choose --output - or --json")
        if len(self.endings) > 1 or (count > 1 and self.endings != (".abc",)):
            raise RequestError("standard output holds tunes as ABC, or one tune in one format; name a folder instead")

    def write(self, tunes: Sequence[tuple[Piece, int]], reporting: Reporting) -> None:
        """Write each piece, made with its seed, and say where.

        Raises:
            RequestError: the folder cannot be made.
            ScoreError: a file cannot be written.
        """
        written = []
        for number, (piece, seed) in enumerate(tunes, 1):
            reporting.remark(plan_text(Plan.of(piece), seed), to_stderr=self.is_stream)
            if self.is_stream:
                self._write_to_stream(piece, number)
                continue
            paths = self._write_to_files(piece, seed)
            for path in paths:
                reporting.remark(f"wrote {path}")
            written.append(piece_data(piece) | {"seed": seed, "files": [str(path) for path in paths]})
        if reporting.json:
            reporting.result("", {"pieces": written})

    def _write_to_stream(self, piece: Piece, number: int) -> None:
        from ..score_files import score_bytes

        (ending,) = self.endings
        content = score_bytes(piece, ending)
        if ending == ".abc" and number > 1:
            content = b"\n" + content.replace(b"X:1\n", b"X:%d\n" % number, 1)
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()

    def _write_to_files(self, piece: Piece, seed: int) -> list[Path]:
        from ..score_files import file_name, write_score

        folder = self.output.parent if self.is_file else self.output
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RequestError(f"the output folder {str(folder)!r} cannot be made: {error.strerror}") from None
        name = f"{file_name(piece.title)}-{seed}"
        paths = [self.output] if self.is_file else [folder / (name + ending) for ending in self.endings]
        for path in paths:
            write_score(piece, path)
        return paths


def plan_text(plan: Plan, seed: int) -> str:
    """A plan in Roman numerals and in names, side by side under a title."""
    roman, names = plan.text().splitlines(), plan.text(names=True).splitlines()
    width = max(map(len, roman))
    piece = plan.skeleton
    title = f"chord plan, {counted(plan.bar_count, 'bar')} in {piece.key.spoken}, {piece.meter}, seed {seed}"
    return "\n".join([title, *(f"  {left:{width}}    {right}" for left, right in zip(roman, names, strict=True))])


def plan_data(plan: Plan, seed: int) -> dict[str, Any]:
    """A plan as JSON says it."""
    return _common_data(plan) | {"seed": seed}


def piece_data(piece: Piece) -> dict[str, Any]:
    """A piece as JSON says it: what it is, its chords, its notes as ABC."""
    return {"title": piece.title} | _common_data(Plan.of(piece)) | {"abc": write_abc(piece)}


def _common_data(plan: Plan) -> dict[str, Any]:
    piece = plan.skeleton
    return {
        "style": piece.style,
        "key": str(piece.key),
        "meter": None if piece.meter is None else str(piece.meter),
        "tempo": piece.tempo,
        "bars": piece.bar_count,
        "voices": list(piece.voices),
        "plan": {"roman": plan.text(), "names": plan.text(names=True)},
    }
