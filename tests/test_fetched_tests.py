"""Tests that transformers keeps to itself are fetched by address, and are not run when they are not those of before."""

import importlib.util
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "model_tests.py"


class Server(ThreadingHTTPServer):
    """Serves one content at every address; None is not found."""

    content: bytes | None = b"class GenerationTesterMixin: ..."


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.send_response(404 if self.server.content is None else 200)
        self.end_headers()
        self.wfile.write(self.server.content or b"")

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def script(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("model_tests", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.delenv("MODEL_TESTS_CHECKOUT", raising=False)
    folder = tmp_path / "fetched"
    (folder / "tests").mkdir(parents=True)
    script.FOLDER, script.CHECKSUMS = folder, tmp_path / "model_tests.sha256"
    script.ADDRESS = f"http://127.0.0.1:{server.server_port}/{script.GENERATION}"
    return script


def test_a_file_is_fetched_and_its_checksum_noted(script: ModuleType, server: Server) -> None:
    assert script.fetch_generation() is None
    path = script.FOLDER / script.GENERATION
    assert path.read_bytes() == server.content
    noted = script.CHECKSUMS.read_text()
    path.unlink()
    assert script.fetch_generation() is None
    assert script.CHECKSUMS.read_text() == noted


def test_another_file_than_the_one_before_is_not_kept(script: ModuleType, server: Server) -> None:
    script.fetch_generation()
    path = script.FOLDER / script.GENERATION
    path.unlink()
    server.content = b"import os"
    with pytest.raises(SystemExit, match=r"model_tests\.sha256 says [0-9a-f]{64} of .*: the file was changed"):
        script.fetch_generation()
    assert not path.exists()


def test_a_file_that_is_not_there_leaves_the_tests_out(script: ModuleType, server: Server) -> None:
    server.content = None
    assert script.fetch_generation() == f"{script.ADDRESS}: HTTP Error 404: Not Found"
    assert not script.CHECKSUMS.exists()
