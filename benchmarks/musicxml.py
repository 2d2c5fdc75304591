"""How fast MusicXML is read and written, beside music21 in the same run, and whether what is written is valid.

    REMI_CORPORA=path/to/corpora python benchmarks/musicxml.py [--scores quartets.zip] [--count 12] [--schema ...xsd]

The scores are those of a zip archive (OpenScore's string quartets unless another is named), `--count` of them spread
over the list. Each is read and written once by music21 and once here, in turns, and the seconds of CPU are added up;
what music21 cannot read or write is left out of the sums, and counted. With the schema of MusicXML 4.0, and those that
it imports beside it, every file that is written is checked.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tqdm import tqdm

from remi_two_stage import read_score
from remi_two_stage.scores.musicxml_writer import musicxml_bytes

ARCHIVE = Path("openscore", "quartets.zip")
NAMES = ("music21 parses", "remi_two_stage reads", "music21 writes", "remi_two_stage writes")


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """What a function gives, and the seconds of CPU that it takes."""
    start = time.process_time()
    result = function(*arguments)
    return result, time.process_time() - start


def music21_score(path: Path) -> Any:
    """The score as music21 parses it, without its cache; None if it cannot."""
    from music21 import converter
    from music21.exceptions21 import Music21Exception

    try:
        return converter.parse(path, format="musicxml", forceSource=True, storePickle=False)
    except Music21Exception:
        return None


def music21_bytes(score: Any) -> bytes | None:
    """The score as music21 writes it; None if it cannot."""
    from music21.exceptions21 import Music21Exception
    from music21.musicxml.m21ToXml import GeneralObjectExporter

    try:
        return bytes(GeneralObjectExporter(score).parse())
    except Music21Exception:
        return None


def schema_at(path: Path) -> Any:
    """The schema in a file; what it imports from the network lies beside it."""
    from lxml import etree

    class Beside(etree.Resolver):
        def resolve(self, url: str, identifier: str, context: Any) -> Any:
            return self.resolve_filename(str(path.with_name(url.rsplit("/", 1)[-1])), context)

    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Beside())
    return etree.XMLSchema(etree.parse(str(path), parser))


def fault_of(schema: Any, data: bytes) -> str:
    """What is not valid in a file; empty if nothing."""
    from lxml import etree

    return "" if schema.validate(etree.fromstring(data)) else str(schema.error_log[0])


def main() -> None:
    """Read and write every score, and print the sums and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scores", type=Path, default=Path(os.environ.get("REMI_CORPORA", "."), ARCHIVE))
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--schema", type=Path)
    options = parser.parse_args()
    if not options.scores.is_file():
        sys.exit(f"there is no {options.scores}; name a .zip of MusicXML files by --scores, or set REMI_CORPORA")
    schema = schema_at(options.schema) if options.schema else None
    sums, invalid, unread, unwritten = dict.fromkeys(NAMES, 0.0), 0, 0, 0
    warnings.simplefilter("ignore")
    with zipfile.ZipFile(options.scores) as archive, TemporaryDirectory() as folder:
        names = sorted(name for name in archive.namelist() if name.endswith((".mxl", ".musicxml", ".xml")))
        for name in tqdm(names[:: max(1, len(names) // options.count)][: options.count], unit="score"):
            path = Path(archive.extract(name, folder))
            score, parsing = timed(music21_score, path)
            (piece,), reading = timed(read_score, path)
            exported, exporting = timed(music21_bytes, score) if score is not None else (None, 0.0)
            data, writing = timed(musicxml_bytes, piece)
            unread, unwritten = unread + (score is None), unwritten + (exported is None)
            for what, seconds in zip(NAMES, (parsing, reading, exporting, writing), strict=True):
                sums[what] += seconds if (score if what in NAMES[:2] else exported) is not None else 0.0
            if schema is not None and (fault := fault_of(schema, data)):
                invalid += 1
                tqdm.write(f"{name}: {fault}")
    for what, seconds in sums.items():
        print(f"{what:22} {seconds:8.2f} s")
    print(f"reading: {sums[NAMES[0]] / sums[NAMES[1]]:.1f} times as fast as music21")
    print(f"writing: {sums[NAMES[2]] / sums[NAMES[3]]:.1f} times as fast as music21")
    print(f"left out of these sums, since music21 cannot read or write them: {unread} and {unwritten}")
    if schema is not None:
        print(f"not valid: {invalid}")


if __name__ == "__main__":
    main()
