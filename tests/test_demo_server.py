"""How the page starts: what is there before torch, and what is refused before there is a page."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest

from remi_two_stage.composing.checkpoint import EMBEDDED
from remi_two_stage.demo.server import LateComposer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("gradio") is None, reason="the extra demo is not installed"),
]


def weights_of(folder: Path) -> Path:
    return min(folder.rglob("*.safetensors"))


@pytest.fixture
def cut_off_model(tmp_path: Path) -> Path:
    folder = shutil.copytree(EMBEDDED, tmp_path / "model")
    weights = weights_of(folder)
    weights.write_bytes(weights.read_bytes()[:-1000])
    return folder


@pytest.fixture
def free_port() -> int:
    """Not the default, which a command of the docs may have at the same time."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as somebody_else:
        somebody_else.bind(("127.0.0.1", 0))
        somebody_else.listen()
        yield somebody_else.getsockname()[1]


def demo(*arguments: object) -> tuple[int, str, list[str]]:
    """Exit code, standard output and the lines of standard error."""
    command = [sys.executable, "-m", "remi_two_stage.cli", "demo", *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout, ran.stderr.splitlines()


def test_the_page_is_shown_before_anything_is_loaded_that_only_composing_needs(free_port: int) -> None:
    steps = (
        "import sys; from urllib.request import urlopen; from remi_two_stage.demo.server import start",
        f"page = start(port={free_port})",
        "print(b'Harmonise' in urlopen(page.local_url).read())",
        "print([name for name in ('torch', 'transformers', 'music21', 'verovio', 'datasets') if name in sys.modules])",
        "page.close(verbose=False)",
    )
    ran = subprocess.run([sys.executable, "-c", "; ".join(steps)], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["True", "[]"]


def test_the_composer_is_loaded_once_for_all_who_ask_at_the_same_time() -> None:
    composer = LateComposer(None)
    with ThreadPoolExecutor(3) as visitors:
        first, *others = visitors.map(lambda _: composer(), range(3))
    assert all(other is first for other in others)


def test_a_model_that_is_none_ends_the_command_before_a_page_is_announced(tmp_path: Path, cut_off_model: Path) -> None:
    code, said, complaints = demo("--model", cut_off_model)
    assert (code, said, len(complaints)) == (2, "", 1)
    assert complaints[0].startswith(f"remi-two-stage: error: {weights_of(cut_off_model)} is damaged")
    code, said, complaints = demo("--model", tmp_path / "nowhere")
    assert (code, said, len(complaints)) == (2, "", 1)
    assert complaints[0].startswith(f"remi-two-stage: error: there is no model '{tmp_path / 'nowhere'}'; give a folder")


def test_a_port_that_is_taken_ends_the_command(taken_port: int) -> None:
    code, said, complaints = demo("--port", taken_port)
    assert (code, said) == (2, "")
    assert complaints == [f"remi-two-stage: error: port {taken_port} is taken; choose another --port"]


@pytest.mark.parametrize("port", [0, 65536, -1])
def test_a_port_that_cannot_be_ends_the_command(port: int) -> None:
    code, said, complaints = demo("--port", port)
    assert (code, said) == (2, "")
    assert complaints == [f"remi-two-stage: error: there is no port {port}; choose a --port from 1 to 65535"]


@pytest.mark.parametrize("option", ["--quiet", "--json"])
def test_the_address_is_the_result_and_is_said_at_once(option: str, free_port: int) -> None:
    command = [sys.executable, "-m", "remi_two_stage.cli", "demo", "--port", str(free_port), option]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as page:
        assert page.stdout is not None
        first = page.stdout.readline()
        said = json.loads(first + page.stdout.readline() + page.stdout.readline()) if option == "--json" else first
        page.terminate()
    address = f"http://127.0.0.1:{free_port}/"
    assert said == ({"address": address} if option == "--json" else f"The page is at {address} (Ctrl-C stops it)\n")
