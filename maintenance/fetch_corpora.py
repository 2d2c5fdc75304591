"""Fetches the corpora that the checkpoint learns from besides music21, each at one commit, and checks what came.

    python maintenance/fetch_corpora.py corpora
    remi-two-stage train --corpus music21 --corpus corpora/hymns.zip=2 --corpus corpora/lieder.zip=0.5 ...

Each becomes a zip archive of its scores alone. What GitHub sends is checked by the id of its git tree, a digest of the
names and contents of all files, which is calculated anew here: archives of one commit may be compressed differently.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import urllib.request
import zipfile
from hashlib import sha1
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

from remi_two_stage.atomic_files import written_atomically

GITHUB = "https://github.com"
_TREE, _FILE, _EXECUTABLE = b"40000", b"100644", b"100755"


class Source(NamedTuple):
    """A repository at one commit, with the id of its tree, and the ending of the files that are its scores."""

    repository: str
    commit: str
    tree: str
    ending: str


CORPORA = {
    # Open Hymnal: hymns in four parts; public domain, the words of a few under restrictions of their own
    "hymns": Source(
        "mzealey/openhymnal",
        "d35811b2d5c9b0bbc5887d60a2936454815416e8",
        "1ea21937f6376c034193a819cf38653e9d925a9c",
        ".abc",
    ),
    # OpenScore Lieder: songs of the nineteenth century; CC0 1.0
    "lieder": Source(
        "OpenScore/Lieder",
        "bca122458de6da362abe62dd6aec62e25d7759b1",
        "2abf2ff0db57cfb95a55bbd9d9559897de143f7f",
        ".mxl",
    ),
    # OpenScore String Quartets; CC0 1.0
    "quartets": Source(
        "OpenScore/StringQuartets",
        "2c723a5b7b4ea5420826116dfa912956c6a022c2",
        "cefdc02e362daa172ec68267c7eaaec4e530a23d",
        ".mxl",
    ),
}


class ChangedError(Exception):
    """What was sent is not what was expected."""


def fetch(source: Source, path: Path, address: str = GITHUB) -> int:
    """Write the scores of a repository to a zip archive; returns how many there are.

    Raises:
        ChangedError: the files that came are not those of the commit.
        OSError: the address cannot be reached, or the archive cannot be written.
    """
    url = f"{address}/{source.repository}/archive/{source.commit}.zip"
    with TemporaryFile() as file, urllib.request.urlopen(url) as response:
        shutil.copyfileobj(response, file)
        with zipfile.ZipFile(file) as archive:
            found = tree_id(archive)
            if found != source.tree:
                raise ChangedError(f"{url} holds the tree {found} instead of {source.tree}; nothing was written")
            return _write_scores(archive, source.ending, path)


def tree_id(archive: zipfile.ZipFile) -> str:
    """The id that git gives the tree of files below the archive's only folder."""
    entries: dict[str, dict[str, tuple[bytes, bytes]]] = {"": {}}
    for member in archive.infolist():
        name = member.filename.partition("/")[2]
        if not name or member.is_dir():
            continue
        content = archive.read(member)
        mode = _EXECUTABLE if member.external_attr >> 16 & 0o111 else _FILE
        folder, _, base = name.rpartition("/")
        entries.setdefault(folder, {})[base] = mode, sha1(b"blob %d\0" % len(content) + content).digest()
        while folder and (parent := folder.rpartition("/")[0]) not in entries:
            entries[parent] = {}
            folder = parent
    for folder in sorted(entries, key=lambda folder: -folder.count("/") if folder else 1):
        digest = _digest_of_tree(entries[folder])
        if not folder:
            return digest.hex()
        parent, _, base = folder.rpartition("/")
        entries[parent][base] = _TREE, digest
    raise AssertionError("the top folder is among the entries")


def _digest_of_tree(entries: dict[str, tuple[bytes, bytes]]) -> bytes:
    """Git sorts names as bytes, those of folders as if a slash stood after them."""
    named = [(name.encode(), mode, digest) for name, (mode, digest) in entries.items()]
    named.sort(key=lambda entry: entry[0] + (b"/" if entry[1] == _TREE else b""))
    content = b"".join(mode + b" " + name + b"\0" + digest for name, mode, digest in named)
    return sha1(b"tree %d\0" % len(content) + content).digest()


def _write_scores(archive: zipfile.ZipFile, ending: str, path: Path) -> int:
    """Write the files with this ending, and the licence, below the archive's folder."""
    scores = [member for member in archive.infolist() if member.filename.endswith(ending)]
    licences = [member for member in archive.infolist() if Path(member.filename).stem == "LICENSE"]
    with written_atomically(path) as unfinished, zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as kept:
        for member in (*scores, *licences):
            kept.writestr(member.filename.partition("/")[2], archive.read(member))
    return len(scores)


def main() -> None:
    """Fetch the corpora that are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the archives go")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CORPORA)}; all if none is given")
    parser.add_argument("--address", default=GITHUB, help="of GitHub or a mirror of it  [default: %(default)s]")
    options = parser.parse_args()
    if unknown := set(options.names) - set(CORPORA):
        parser.error(f"there is no corpus {min(unknown)!r}; there are {', '.join(CORPORA)}")
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.names or CORPORA:
        path = options.folder / f"{name}.zip"
        if path.exists():
            print(f"{path} is there")
            continue
        try:
            count = fetch(CORPORA[name], path, options.address)
        except (ChangedError, OSError, zipfile.BadZipFile) as error:
            sys.exit(f"{name} cannot be fetched: {error}")
        print(f"wrote {path}, {count:,} scores")


if __name__ == "__main__":
    main()
