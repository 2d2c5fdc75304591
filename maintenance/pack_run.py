"""Packs what a training run goes on from into one file, without loss, and unpacks it: to commit or to send.

    python maintenance/pack_run.py my-model/run my-run.zip
    python maintenance/pack_run.py --unpack my-run.zip my-model/run

The numbers of a tensor resemble each other in sign and exponent alone. So the first bytes of all are stored together,
then the second ones, and so on, and deflated; an archive of the files as they are would hardly be smaller than they.
"""

from __future__ import annotations

import argparse
import zipfile
from pathlib import Path

import numpy as np

from remi_two_stage.atomic_files import written_atomically

_WIDTH = 4
"""Bytes of a number."""


def pack(run: Path, archive: Path) -> None:
    """Write the files of a run folder into an archive."""
    with written_atomically(archive) as unfinished, zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(run.rglob("*")):
            if path.is_file():
                packed.writestr(path.relative_to(run).as_posix(), _by_place(path.read_bytes()))


def unpack(archive: Path, run: Path) -> None:
    """Write the files of an archive into a run folder.

    Raises:
        FileExistsError: there is such a folder.
    """
    run.mkdir(parents=True)
    with zipfile.ZipFile(archive) as packed:
        for name in packed.namelist():
            path = Path(packed.extract(name, run))
            path.write_bytes(_by_number(path.read_bytes()))


def _by_place(content: bytes) -> bytes:
    """The first byte of every number, then the second ones and so on, then what is left."""
    end = len(content) // _WIDTH * _WIDTH
    return np.frombuffer(content[:end], np.uint8).reshape(-1, _WIDTH).T.tobytes() + content[end:]


def _by_number(content: bytes) -> bytes:
    """What `_by_place` had."""
    end = len(content) // _WIDTH * _WIDTH
    return np.frombuffer(content[:end], np.uint8).reshape(_WIDTH, -1).T.tobytes() + content[end:]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("source", type=Path, help="run folder, or with --unpack an archive")
    parser.add_argument("target", type=Path, help="archive, or with --unpack a run folder that does not exist yet")
    parser.add_argument("--unpack", action="store_true", help="the other way round")
    options = parser.parse_args()
    (unpack if options.unpack else pack)(options.source, options.target)


if __name__ == "__main__":
    main()
