"""Fetching the corpora of the checkpoint: only what the commit holds is taken, its scores alone."""

import importlib.util
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType
from urllib.error import HTTPError

import pytest

SCRIPT = Path(__file__).parents[1] / "maintenance" / "fetch_corpora.py"
FILES = {
    "tunes/air.abc": "X:1",
    "tunes/a b/reel.abc": "X:2",
    "tunes.abc": "X:3",
    "bin/run": "#!",
    "LICENSE.txt": "free",
}

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="the archives are made by git")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fetch_corpora", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def published(tmp_path: Path) -> tuple[Path, str, str]:
    """A folder to serve that holds the archive of a small repository; its commit and tree."""
    repository = tmp_path / "repository"
    for name, text in FILES.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(text)
    (repository / "bin" / "run").chmod(0o755)
    git(repository, "init", "-q")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "tunes")
    commit, tree = (git(repository, "rev-parse", name) for name in ("HEAD", "HEAD^{tree}"))
    archives = tmp_path / "served" / "someone" / "tunes" / "archive"
    archives.mkdir(parents=True)
    git(
        repository,
        "archive",
        "--format=zip",
        f"--prefix=tunes-{commit}/",
        "-o",
        str(archives / f"{commit}.zip"),
        "HEAD",
    )
    return tmp_path / "served", commit, tree


@pytest.fixture
def address(published: tuple[Path, str, str]) -> Iterator[str]:
    handler = partial(SimpleHTTPRequestHandler, directory=str(published[0]))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_scores_are_kept_and_the_licence(
    script: ModuleType, published: tuple[Path, str, str], address: str, tmp_path: Path
) -> None:
    _, commit, tree = published
    path = tmp_path / "tunes.zip"
    assert script.fetch(script.Source("someone/tunes", commit, tree, ".abc"), path, address) == 3
    with zipfile.ZipFile(path) as archive:
        kept = {name: archive.read(name).decode() for name in archive.namelist()}
    assert kept == {name: text for name, text in FILES.items() if name != "bin/run"}


def test_other_files_than_those_of_the_commit_are_refused(
    script: ModuleType, published: tuple[Path, str, str], address: str, tmp_path: Path
) -> None:
    served, commit, tree = published
    source = script.Source("someone/tunes", commit, tree, ".abc")
    archive = served / "someone" / "tunes" / "archive" / f"{commit}.zip"
    with zipfile.ZipFile(archive, "a") as changed:
        changed.writestr(f"tunes-{commit}/tunes/more.abc", "X:4")
    with pytest.raises(script.ChangedError, match=f"holds the tree .* instead of {tree}; nothing was written"):
        script.fetch(source, tmp_path / "tunes.zip", address)
    archive.unlink()
    with pytest.raises(HTTPError, match="404"):
        script.fetch(source, tmp_path / "tunes.zip", address)
    assert not (tmp_path / "tunes.zip").exists()


def test_every_corpus_is_named_by_commit_and_tree(script: ModuleType) -> None:
    for source in script.CORPORA.values():
        assert len(source.commit) == len(source.tree) == 40
        assert source.ending in (".abc", ".mxl")
