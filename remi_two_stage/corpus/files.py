"""The files of a corpus: found in folders, globs and zip archives, and opened within size limits.

Conventions
- A corpus consists of files with an ending that `score_files` reads, and of `.zip` archives of such files. Names that
  begin with a dot are skipped, and archives within archives are not opened.
- An unusable file becomes a `Rejection` and never stops the search. Linked folders are followed, each only once.
- A compressed file may expand to a hundred times its size; one that expands to more is treated as a decompression bomb.
"""

from __future__ import annotations

import glob
import gzip
import importlib.util
import os
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from ..core.errors import CorpusError, ScoreError
from ..score_files import READABLE

MUSIC21 = "music21"
ARCHIVE = ".zip"
ABC = (".abc", ".abc.gz")
ENDINGS = (*READABLE, ARCHIVE)
_TUNE_BOOKS = ("oneills1850", "ryansMammoth", "airdsAirs")
_ONEILLS_SECTIONS = {701: "jig", 1116: "slip-jig", 1176: "reel", 1556: "hornpipe", 1781: None}
"""Number of the first tune of each section of dances in O'Neill's book, from which the names of its files count."""
_GZIP_SIGNATURE = b"\x1f\x8b"
_MOST_EXPANSION = 100
_BOMB, _FIX_OF_BOMB = "unpacks to more than a hundred times its size", "unpack it yourself if you trust it"
_UNSUSPICIOUS_SIZE = 10 * 2**20
"""Bytes that a compressed file may always expand to, however small it is."""
_UNREADABLE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)
"""The exceptions that damaged, encrypted or unknown compressed data raise."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A file or a tune that was rejected.

    Attributes:
        id: File, or file and number of the tune as in `CorpusTune.id`.
        title: Title of the tune; empty if unknown.
        reason: General reason, the same for everything that fails in the same way, so that it can be counted.
        message: What is wrong with this file or tune, and the fix.
    """

    id: str
    title: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """A file of a corpus.

    Attributes:
        path: Path of the file; its ending may differ from that of `name`.
        name: Name of the file in the ids of its tunes; independent of where the corpus is stored.
        member: Name of the file in the zip archive at `path`; empty if `path` is the file itself.
        size: Bytes as stored, compressed or not.
        modified: Time of the last change, in nanoseconds since 1970.
        four_part_style: Style given to its four-part pieces that state none; None for no style.
        four_parts_only: Whether pieces without exactly four parts are skipped.
        section: Style of the dances that the file holds by its book's headings; None if it is no such section.
    """

    path: Path
    name: str
    member: str = ""
    size: int = 0
    modified: int = 0
    four_part_style: str | None = "hymn"
    four_parts_only: bool = False
    section: str | None = None

    @property
    def ending(self) -> str:
        """The ending, which determines the format: one of `ENDINGS`, or empty."""
        return ending_of(self.name)

    @property
    def identity(self) -> str:
        """A text that changes when the file or the way it is read changes, but not when it is moved."""
        return repr((self.name, self.size, self.modified, self.four_part_style, self.four_parts_only, self.section))

    @property
    def most_bytes(self) -> int:
        """The most bytes that it may expand to."""
        return max(_UNSUSPICIOUS_SIZE, _MOST_EXPANSION * self.size)


def ending_of(name: str) -> str:
    """The one of `ENDINGS` that a file's name has, in lower case; empty if none, or if the name begins with a dot."""
    base = PurePosixPath(name).name.lower()
    return "" if base.startswith(".") else next((ending for ending in ENDINGS if base.endswith(ending)), "")


class FoundFiles(NamedTuple):
    """The files of a corpus, and the rejected ones."""

    files: list[CorpusFile]
    rejected: list[Rejection]


def find_files(source: str | Path) -> FoundFiles:
    """Find the files of a corpus.

    Args:
        source: `music21`, a file, a folder (searched at any depth), or a glob pattern; `**` stands for any depth.

    Raises:
        CorpusError: the source does not exist, or contains no file that can be read.
    """
    if str(source) == MUSIC21:
        return FoundFiles(_music21_files(), [])
    path = Path(source).expanduser()
    matches = [path] if os.path.exists(path) else sorted(map(Path, glob.glob(str(path), recursive=True)))
    if not matches:
        raise CorpusError(f"there is no corpus {str(source)!r}; give {MUSIC21}, a score file, a folder or a glob")
    return files_among(matches, str(source))


def files_among(paths: Iterable[str | Path], what: str) -> FoundFiles:
    """The files in `paths` and in its folders, sorted by their names relative to the common folder.

    Raises:
        CorpusError: none can be read; the message calls the corpus `what`.
    """
    absolute = [Path(path).absolute() for path in paths]
    root = Path(os.path.commonpath(absolute))
    search = _Search(root if root.is_dir() else root.parent)
    for path in absolute:
        search.add(path)
    return search.found(what)


def files_named(paths: Mapping[str, str], what: str) -> FoundFiles:
    """Files that are stored under other names: `paths` maps their names to where they are.

    Raises:
        CorpusError: as `files_among` does.
    """
    search = _Search(Path())
    for name, path in paths.items():
        search.add_as(Path(path), name)
    return search.found(what)


class _Search:
    """The files found so far, below one root."""

    def __init__(self, root: Path) -> None:
        self.files: list[CorpusFile] = []
        self.rejected: list[Rejection] = []
        self._root = root
        self._entered: set[tuple[int, int]] = set()

    def add(self, path: Path) -> None:
        """Add a file, or all files below a folder, named relative to the root."""
        self.add_as(path, path.relative_to(self._root).as_posix())

    def add_as(self, path: Path, name: str) -> None:
        """Add a file under this name, or all files below a folder."""
        try:
            status = path.stat()
            if not stat.S_ISDIR(status.st_mode):
                self._add_file(path, name, status)
            elif (status.st_dev, status.st_ino) not in self._entered:
                self._entered.add((status.st_dev, status.st_ino))
                for entry in sorted(path.iterdir()):
                    if not entry.name.startswith("."):
                        self.add(entry)
        except OSError as error:
            if ending_of(name) or path.is_dir():
                self.rejected.append(_unreadable(name, error))

    def _add_file(self, path: Path, name: str, status: os.stat_result) -> None:
        if not ending_of(name):
            return
        if not stat.S_ISREG(status.st_mode):
            message = "this is neither a file nor a folder; leave it out"
            self.rejected.append(Rejection(name, "", "neither a file nor a folder", message))
            return
        self.files.append(CorpusFile(path, name, size=status.st_size, modified=status.st_mtime_ns))

    def found(self, what: str) -> FoundFiles:
        """All files, sorted by name; an error message calls the corpus `what`."""
        if not self.files and not self.rejected:
            raise CorpusError(f"{what!r} holds no score file; known are {', '.join(ENDINGS)}")
        return FoundFiles(sorted(self.files, key=lambda file: file.name), self.rejected)


def _unreadable(name: str, error: OSError) -> Rejection:
    reason = f"cannot be read: {error.strerror}"
    return Rejection(name, "", reason, f"{reason}; check that it is there and that you may read it")


def _music21_files() -> list[CorpusFile]:
    """The files of the corpus music21, in a fixed order; the package is located, not imported, which takes seconds."""
    package = importlib.util.find_spec("music21")
    if package is None or package.origin is None:
        raise CorpusError("the corpus music21 comes with the package music21, which is missing: pip install music21")
    folder = Path(package.origin).parent / "corpus"
    books = [path for book in _TUNE_BOOKS for path in sorted((folder / book).glob("*.abc"))]
    chorales = sorted((folder / "bach").glob("*.mxl"))
    files = []
    for path in books + chorales:
        status = path.stat()
        file = CorpusFile(path, f"{path.parent.name}/{path.name}", size=status.st_size, modified=status.st_mtime_ns)
        is_chorale = path.suffix == ".mxl"
        style = "chorale" if is_chorale else None
        files.append(replace(file, four_part_style=style, four_parts_only=is_chorale, section=_section(path)))
    return files


def _section(path: Path) -> str | None:
    """The style of the section of O'Neill's book that a file belongs to."""
    if path.parent.name != _TUNE_BOOKS[0]:
        return None
    first = int(path.name.partition("-")[0])
    return next((style for start, style in reversed(_ONEILLS_SECTIONS.items()) if start <= first), None)


def members(archive: CorpusFile) -> Iterator[CorpusFile | Rejection]:
    """The score files of a zip archive, sorted by name."""
    try:
        with zipfile.ZipFile(archive.path) as opened:
            found = sorted(opened.infolist(), key=lambda member: member.filename)
    except _UNREADABLE as error:
        yield Rejection(archive.name, "", "the archive is broken", f"the archive is broken: {error}; pack it again")
        return
    for member in found:
        is_score = ending_of(member.filename) not in ("", ARCHIVE) and not member.filename.startswith("__MACOSX/")
        if not is_score or member.is_dir():
            continue
        name = f"{archive.name}/{member.filename}"
        file = replace(archive, name=name, member=member.filename, size=member.compress_size)
        is_bomb = member.file_size > file.most_bytes
        yield Rejection(name, "", _BOMB, f"{_BOMB}; {_FIX_OF_BOMB}") if is_bomb else file


@contextmanager
def opened(file: CorpusFile) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """Open the decompressed content of a file as a seekable stream.

    Raises:
        ScoreError: the file cannot be read or decompressed.
    """
    try:
        if file.member:
            with zipfile.ZipFile(file.path) as archive, archive.open(file.member) as stream:
                yield _unpacked(stream)
        else:
            with file.path.open("rb") as stream:
                yield _unpacked(stream)
    except _UNREADABLE as error:
        what = getattr(error, "strerror", None) or error or type(error).__name__
        raise ScoreError(f"cannot be read: {what}; check that it is whole and that you may read it") from None


def _unpacked(stream: IO[bytes]) -> IO[bytes] | gzip.GzipFile:
    is_packed = stream.read(len(_GZIP_SIGNATURE)) == _GZIP_SIGNATURE
    stream.seek(0)
    return gzip.GzipFile(fileobj=stream) if is_packed else stream


def content(file: CorpusFile, start: int = 0, stop: int | None = None) -> bytes:
    """The decompressed bytes of a file from `start` to `stop` (exclusive; None for the end).

    Raises:
        ScoreError: the file cannot be read, or is a decompression bomb.
    """
    with opened(file) as stream:
        stream.seek(start)
        data = stream.read(file.most_bytes + 1 if stop is None else stop - start)
    check_expansion(file, len(data))
    return data


def check_expansion(file: CorpusFile, size: int) -> None:
    """Check that a file may expand to `size` bytes.

    Raises:
        ScoreError: it may not, since it would be a decompression bomb.
    """
    if size > file.most_bytes:
        raise ScoreError(f"{_BOMB}; {_FIX_OF_BOMB}")
