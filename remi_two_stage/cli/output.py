"""Printing: results and remarks on standard output, as text or JSON; progress on standard error, and remarks where
standard output is for the result alone.

A console that lacks a letter gets the nearest ones it has (`text.SPELLED_PLAINLY`), and JSON in escapes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

from ..core.errors import RequestError
from ..core.text import SPELLED_PLAINLY
from .flags import option

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ..composing.composer import Progress


@dataclass(frozen=True)
class Reporting:
    """The amount and the format of what a command prints."""

    json: bool = option(False, "print the result as JSON")
    quiet: bool = option(False, "print only the result and errors, no progress or remarks")

    def result(self, text: str, data: Any) -> None:
        """Print the result, as text or as JSON."""
        has_all_letters = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")
        printed = json.dumps(data, ensure_ascii=not has_all_letters, indent=2) if self.json else text
        _print(printed)  # at once: `demo` goes on, and whoever reads its address waits for it

    def remark(self, text: str, to_stderr: bool = False) -> None:
        """Print a remark besides the result."""
        if self.quiet or self.json:
            return
        if to_stderr:
            print(text, file=sys.stderr)
        else:
            _print(text)

    def progress(self) -> AbstractContextManager[Progress | None]:
        """A progress bar for each stage, to pass as `progress` to a `Composer`'s methods."""
        return nullcontext() if self.quiet else _progress_bars()


def write_to_stream(content: bytes) -> None:
    """Write a file to standard output.

    Raises:
        RequestError: standard output is closed, or its disk is full.
    """
    if sys.stdout is None:
        raise RequestError("there is no standard output to write to; name a file in place of -")
    with _standard_output():
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def _print(text: str) -> None:
    with _standard_output():
        print(text, flush=True)


@contextmanager
def _standard_output() -> Iterator[None]:
    """Raise a RequestError where standard output cannot be written; click takes care of one that nobody reads."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = None  # Python would try to write once more at its end
        raise RequestError(f"standard output cannot be written: {error.strerror}; check its disk and rights") from None


def let_consoles_lack_letters() -> None:
    """Have the standard streams spell plainly what their encoding lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=SPELLED_PLAINLY)


@contextmanager
def _progress_bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    stages: dict[str, Any] = {}
    bars = Progress(
        TextColumn("{task.description:5}"),
        BarColumn(30),
        MofNCompleteColumn("/"),
        TextColumn("bars"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )

    def progress(stage: str, begun: int, total: int) -> None:
        bars.start()
        if stage not in stages:
            stages[stage] = bars.add_task(stage, total=total)
        bars.update(stages[stage], completed=begun, total=max(total, begun))

    try:
        yield progress
        for task in bars.tasks:  # the last bars of a stage may have no bar after them to begin
            bars.update(task.id, completed=task.total)
    finally:
        if stages:
            bars.stop()
