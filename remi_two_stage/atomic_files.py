"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def written_atomically(path: Path) -> Iterator[Path]:
    """The path to write a file to that is to stand at `path` once it is complete.

    It is in the same folder and this process's own; where writing fails, nothing of it stays. A file that is there
    already leaves its rights to the new one, and a link stays and leads to it.

    Raises:
        OSError: the file cannot be put in its place.
    """
    place = Path(os.path.realpath(path))
    unfinished = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        yield unfinished
        with suppress(FileNotFoundError):
            shutil.copymode(place, unfinished)
        os.replace(unfinished, place)
    finally:
        with suppress(OSError):
            unfinished.unlink()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it appears when it is complete.

    Raises:
        OSError: it cannot be written.
    """
    with written_atomically(path) as unfinished:
        unfinished.write_bytes(content)
