"""Shared fixtures, and what makes every run the same: one thread, fixed seeds, no network, no cache of an earlier run.

The environment is set before any test module can import torch or a Hugging Face library, since they read it only once.
"""

import importlib.util
import io
import os
import random
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hub_server import Hub

pytest.register_assert_rewrite("page_in_browser")

_FRESH_CACHE = tempfile.TemporaryDirectory(prefix="remi-tests-")
os.environ |= {
    "OMP_NUM_THREADS": "1",
    "HF_HOME": _FRESH_CACHE.name,
    "XDG_CACHE_HOME": _FRESH_CACHE.name,
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}

if importlib.util.find_spec("torchao"):
    # transformers imports it with its models; what it says of itself meanwhile is no fault of a test's.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module("transformers.modeling_utils")

SEED = 20_260_101
Feed = Callable[[bytes], None]


def pytest_configure(config: pytest.Config) -> None:
    """Remove the caches with the end of the run; processes of pytest-xdist leave no time for it at their exit."""
    config.add_cleanup(_FRESH_CACHE.cleanup)


@pytest.fixture(autouse=True)
def _fixed_seeds() -> None:
    """Seed the global generators; torch only where something has imported it, so that tests without it stay fast."""
    random.seed(SEED)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(SEED)


@pytest.fixture(scope="session")
def music21_corpus() -> Path:
    """The folder of scores that comes with music21, found without the seconds that importing it takes."""
    music21 = importlib.util.find_spec("music21")
    assert music21 is not None
    assert music21.origin is not None
    return Path(music21.origin).parent / "corpus"


@pytest.fixture(scope="session")
def tune_books(music21_corpus: Path) -> dict[str, list[Path]]:
    """The ABC files of music21's three tune books, by the book's folder, in a fixed order."""
    books = ("airdsAirs", "oneills1850", "ryansMammoth")
    return {book: sorted((music21_corpus / book).glob("*.abc")) for book in books}


@pytest.fixture
def tiny_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models of size "tiny" have sizes that a test has time for."""
    from tiny_runs import TINY  # not at the top: it brings torch

    from remi_two_stage.training import arguments

    monkeypatch.setitem(arguments.PLANNER_SIZES, "tiny", TINY)
    monkeypatch.setitem(arguments.DETAIL_SIZES, "tiny", TINY)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "Iterator[Hub]":
    """A Hub that every client in this process talks to, with an empty cache."""
    import datasets  # not at the top: these take long
    from hub_server import Hub
    from huggingface_hub import constants

    with Hub().running() as hub:
        monkeypatch.setenv("HF_TOKEN", "hf_of_the_tests")
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr("transformers.utils.hub._hf_api", None)  # it keeps the endpoint that it was made for
        monkeypatch.setattr(datasets.config, "HF_ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
        yield hub


@pytest.fixture(scope="session")
def extra_corpora() -> Path:
    """The folder of corpora that are not shipped, named by the environment variable REMI_CORPORA; skips without it."""
    if not (folder := os.environ.get("REMI_CORPORA")):
        pytest.skip("REMI_CORPORA names no folder of extra corpora")
    return Path(folder)


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Feed:
    """Puts bytes on standard input."""
    return lambda content: monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))
