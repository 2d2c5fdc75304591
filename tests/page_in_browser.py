"""What the tests of the page in a real browser share: Debian's chromium, driven by Playwright.

`.ci/run` installs it and sets REMI_REQUIRE_BROWSER, so that nothing is skipped there. The page runs as a user starts
it, in a process of its own; nothing here waits by the clock.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
if not CHROMIUM and not os.environ.get("REMI_REQUIRE_BROWSER"):
    pytest.skip("there is no chromium on this machine (apt-get install chromium)", allow_module_level=True)
sync_api = pytest.importorskip("playwright.sync_api") if not CHROMIUM else __import__("playwright.sync_api").sync_api
expect, Browser, Page = sync_api.expect, sync_api.Browser, sync_api.Page

LONGEST_WAIT = 120_000  # milliseconds, on a busy machine
expect.set_options(timeout=LONGEST_WAIT)
OpenPage = Callable[..., "Page"]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page is, as `remi-two-stage demo` shows it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("page")
    log = folder / "errors.txt"
    command = [sys.executable, "-u", "-m", "remi_two_stage.cli", "demo", "--port", str(port)]
    environment = os.environ | {"GRADIO_TEMP_DIR": str(folder / "files")}
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment) as server,
    ):
        assert server.stdout is not None
        line = server.stdout.readline()
        assert f"http://127.0.0.1:{port}/" in line, log.read_text()
        yield f"http://127.0.0.1:{port}/"
        server.terminate()
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[OpenPage]:
    """Opens the page as a new visitor; the page may not complain on its console, nor ask any other machine."""
    contexts, complaints = [], []

    def opened(query: str = "", script: str = "", **options: object) -> Page:
        context = browser.new_context(accept_downloads=True, **options)
        context.set_default_timeout(LONGEST_WAIT)
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(script)
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda shown: (complaints.append(f"dialog {shown.message}"), shown.dismiss()))
        page.on("request", lambda asked: complaints.append(asked.url) if not _is_local(asked.url, address) else None)
        page.goto(address + query)
        expect(page.locator("#status .status")).not_to_be_empty(timeout=LONGEST_WAIT)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def _is_local(url: str, address: str) -> bool:
    return url.startswith((address, "data:", "blob:"))


def violations(page: Page) -> list[tuple[str, str, str]]:
    """What axe-core finds in the present state of the page: rule, element, and how to mend it.

    axe-core comes with axe-playwright-python, or REMI_AXE names its `axe.min.js`.
    """
    package = find_spec("axe_playwright_python")
    brought = Path(package.origin).with_name("axe.min.js") if package and package.origin else None
    script = os.environ.get("REMI_AXE", brought)
    if script is None and not os.environ.get("REMI_REQUIRE_BROWSER"):
        pytest.skip("axe-core is not there: pip install -c constraints.txt axe-playwright-python")
    assert script is not None, "axe-playwright-python is not installed"
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(Path(script).read_text(encoding="utf-8"))
    return [
        (found["id"], node["html"][:200], node["failureSummary"][:300])
        for found in page.evaluate("axe.run()")["violations"]
        for node in found["nodes"][:2]
    ]


def status(page: Page, text: str) -> None:
    """Wait until the page says this."""
    expect(page.locator("#status .status")).to_contain_text(re.compile(text), timeout=LONGEST_WAIT)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def ask(page: Page, seed: int = 1, bars: int = 8) -> None:
    page.get_by_label("Seed", exact=True).fill(str(seed))
    page.get_by_label("Bars", exact=True).fill(str(bars))


def compose(page: Page, seed: int = 1) -> None:
    ask(page, seed)
    press(page, "Compose")
    status(page, rf"seed {seed}\.")


def download(page: Page, kind: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.get_by_role("link", name=f"Download as {kind}", exact=True).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path
