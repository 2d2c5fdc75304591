"""A corpus by name or path: where its files are, its tunes read in parallel processes, and a report of what came out.

The one name is `music21`: the tune books of O'Neill, Ryan and Aird and Bach's four-part chorales, which the package
music21 brings (Essen's songs are left out, their licence is unclear). They are read once: the result is cached in
`$XDG_CACHE_HOME/remi-two-stage`, under a key made of the files and of the code that reads them.
"""

from __future__ import annotations

import gzip
import importlib.metadata
import importlib.util
import json
import os
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from multiprocessing import get_context
from pathlib import Path
from tempfile import NamedTemporaryFile

from tqdm.auto import tqdm

from ..core.errors import CorpusError
from .tunes import ABC_SUFFIXES, CorpusFile, CorpusTune, FileTunes, read_file

MUSIC21 = "music21"
_TUNE_BOOKS = ("oneills1850", "ryansMammoth", "airdsAirs")
_FILES_FOR_A_PROCESS = 8
"""Below this many files for each, starting processes costs more than they save."""


@dataclass(frozen=True)
class Corpus:
    """Tunes, labelled and encoded, and how many were rejected, by reason.

    Attributes:
        name: What was asked for: a name or a path.
    """

    name: str
    tunes: tuple[CorpusTune, ...]
    rejected: Counter[str]

    def counts(self) -> dict[str, int]:
        """Numbers of tunes, bars and tokens (form "full"), of lossy and of rejected tunes."""
        return {
            "tunes": len(self.tunes),
            "bars": sum(tune.bars for tune in self.tunes),
            "tokens": sum(len(tune.tokens) for tune in self.tunes),
            "lossy": sum(bool(tune.losses) for tune in self.tunes),
            "rejected": self.rejected.total(),
        }

    def losses(self) -> Counter[str]:
        """How many tunes lost something, by reason."""
        return Counter(reason for tune in self.tunes for reason in tune.losses)

    def report(self) -> str:
        """Counts, styles, and the reasons for losses and rejections, as lines for a terminal."""
        counts = self.counts()
        share = (counts["lossy"] + counts["rejected"]) / (counts["tunes"] + counts["rejected"])
        styles = Counter(tune.style or "unknown" for tune in self.tunes)
        lines = [
            f"{self.name}: " + ", ".join(f"{number:,} {what}" for what, number in counts.items()),
            f"lossy or rejected: {share:.2%}",
            "styles: " + ", ".join(f"{style} {number:,}" for style, number in styles.most_common()),
            *(f"  lossy     {number:6,}  {reason}" for reason, number in self.losses().most_common()),
            *(f"  rejected  {number:6,}  {reason}" for reason, number in self.rejected.most_common()),
        ]
        return "\n".join(lines)


def load_corpus(source: str | Path, processes: int | None = None, progress: bool = True) -> Corpus:
    """Read a corpus.

    Args:
        source: `music21`, an `.abc` or `.abc.gz` file, or a folder that has such files at any depth.
        processes: How many read at once; None for one a processor.
        progress: Show a progress bar where the terminal can.

    Raises:
        CorpusError: there is no such corpus, or no tune in it can be used.
    """
    is_named = str(source) == MUSIC21
    files = _music21_files() if is_named else _files_of(Path(source))
    cache = _cache_path(files) if is_named else None
    cached = _cached(cache)
    results = cached or _read_all(files, processes, progress)
    tunes = tuple(tune for result in results for tune in result.tunes)
    rejected = sum((result.rejected for result in results), Counter[str]())
    if not tunes:
        reasons = ", ".join(f"{reason} ({number})" for reason, number in rejected.most_common(3))
        raise CorpusError(f"no tune of {source} can be used: {reasons or 'its files are empty'}")
    if cache is not None and cached is None:
        _store(cache, results)
    return Corpus(str(source), tunes, rejected)


def _music21_files() -> list[CorpusFile]:
    """The files of the named corpus, in a fixed order; music21 itself takes seconds to import and is only looked up."""
    package = importlib.util.find_spec("music21")
    if package is None or package.origin is None:
        raise CorpusError("the corpus music21 comes with the package music21, which is missing: pip install music21")
    folder = Path(package.origin).parent / "corpus"
    files = [
        CorpusFile(path, f"{book}/{path.name}")
        for book in _TUNE_BOOKS
        for path in sorted((folder / book).glob("*.abc"))
    ]
    chorales = sorted((folder / "bach").glob("*.mxl"))
    return files + [CorpusFile(path, f"bach/{path.name}", "chorale", four_parts_only=True) for path in chorales]


def _files_of(path: Path) -> list[CorpusFile]:
    if not path.exists():
        raise CorpusError(
            f"there is no corpus {str(path)!r}; give {MUSIC21}, an .abc file, or a folder with .abc files"
        )
    if path.is_file():
        return [CorpusFile(path, path.name, "hymn")]
    found = sorted(file for file in path.rglob("*.abc*") if file.name.endswith(ABC_SUFFIXES) and file.is_file())
    if not found:
        raise CorpusError(f"the folder {str(path)!r} has no .abc or .abc.gz file at any depth; give another")
    return [CorpusFile(file, file.relative_to(path).as_posix(), "hymn") for file in found]


def _read_all(files: Sequence[CorpusFile], processes: int | None, progress: bool) -> list[FileTunes]:
    processes = min(processes or os.cpu_count() or 1, 1 + len(files) // _FILES_FOR_A_PROCESS)
    bar = tqdm(total=len(files), desc="reading", unit="file", disable=None if progress else True)
    with bar:
        results = []
        for result in _read_in(processes, files):
            results.append(result)
            bar.update()
        return results


def _read_in(processes: int, files: Sequence[CorpusFile]) -> Iterator[FileTunes]:
    if processes == 1:
        yield from map(read_file, files)
        return
    # Spawned and not forked: torch's threads may already run here, and a fork would inherit their locks.
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        yield from pool.map(read_file, files, chunksize=4)


def _cache_path(files: Sequence[CorpusFile]) -> Path:
    """Where the result for these files is kept: its name changes with their names and sizes and with the code that
    reads.
    """
    package = Path(__file__).parents[1]
    key = blake2b(importlib.metadata.version("music21").encode(), digest_size=12)
    for file in files:
        key.update(f"{file.name} {file.path.stat().st_size}\n".encode())
    readers = [
        *(package / "core").glob("*.py"),
        *(package / "scores").glob("*.py"),
        Path(__file__).with_name("tunes.py"),
    ]
    for module in sorted(path for path in readers if not path.stem.endswith("_remi")):
        key.update(module.read_bytes())
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "remi-two-stage"
    return folder / f"{MUSIC21}-{key.hexdigest()}.json.gz"


def _cached(path: Path | None) -> list[FileTunes] | None:
    if path is None:
        return None
    # A cache that is missing or damaged is made again.
    damage = (OSError, EOFError, ValueError, KeyError, TypeError, zlib.error)
    with suppress(*damage), gzip.open(path, "rt", encoding="utf-8") as file:
        return [FileTunes.from_dict(stored) for stored in json.load(file)]
    return None


def _store(path: Path, results: Sequence[FileTunes]) -> None:
    """Write the cache, whole or not at all; without room or permission there is none."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, delete=False) as file:
            unfinished = Path(file.name)
            try:
                file.write(gzip.compress(json.dumps([result.to_dict() for result in results]).encode(), 3))
                file.close()
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
