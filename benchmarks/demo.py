"""The page under use: first paint, a composition, ten visitors at once, memory over a hundred compositions.

    python benchmarks/demo.py [--visitors 10] [--compositions 100]
    python benchmarks/demo.py --pictures docs/

Needs the extras `demo` and `dev` and Debian's chromium. The page runs in a process of its own, as `remi-two-stage demo`
starts it, and a browser that waits opens the address as soon as it is said. Times are those on the wall, seen from the
browser. Memory is the server's resident set. `--pictures` takes the pictures of the documentation instead: page.png.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

LONGEST_WAIT = 300_000  # milliseconds
PICTURE_WIDTH, PICTURE_COLOURS = 1280, 48


def main() -> None:
    """Measure, or take pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visitors", type=int, default=10)
    parser.add_argument("--compositions", type=int, default=100)
    parser.add_argument("--pictures", type=Path, help="folder for the pictures of the documentation")
    options = parser.parse_args()
    with started_browser() as browser:
        page, start = blank(browser), time.time()
        with served() as (server, address):
            if options.pictures:
                take_picture(browser, address, options.pictures / "page.png")
                return
            said, busy = time.time() - start, sum(server.cpu_times()[:2])
            print(f"address said after start          {said:7.2f} s, CPU {busy:.2f} s")
            measure_first_paint(page, address, start)
            print(f"16 bars at once, click to score   {timed_composition(page, 1):7.2f} s")
            print(f"16 bars later, click to score     {timed_composition(page, 2):7.2f} s")
            measure_visitors(browser, address, options.visitors)
            measure_memory(opened(browser, address), server, options.compositions)


@contextmanager
def served() -> Iterator[tuple[psutil.Process, str]]:
    """The page's process and address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-u", "-m", "remi_two_stage.cli", "demo", "--port", str(port)]
    with TemporaryDirectory() as folder:
        environment = os.environ | {"GRADIO_TEMP_DIR": folder, "OMP_NUM_THREADS": "1"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as server:
            assert server.stdout is not None
            server.stdout.readline()
            yield psutil.Process(server.pid), f"http://127.0.0.1:{port}/"
            server.terminate()


@contextmanager
def started_browser() -> Iterator[Browser]:
    """A chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


def blank(browser: Browser, **options: Any) -> Page:
    """What a new visitor has before the address is typed."""
    context = browser.new_context(**options)
    context.set_default_timeout(LONGEST_WAIT)
    return context.new_page()


def show(page: Page, address: str) -> None:
    """Go there, and wait until the page can be used."""
    page.goto(address)
    expect(page.locator("#status .status")).not_to_be_empty(timeout=LONGEST_WAIT)


def opened(browser: Browser, address: str, **options: Any) -> Page:
    """The page as a new visitor sees it."""
    page = blank(browser, **options)
    show(page, address)
    return page


def measure_first_paint(page: Page, address: str, start: float) -> None:
    """From the start (seconds since the epoch) and from the address to the first paint, and to the page that can be
    used.
    """
    show(page, address)
    usable = time.time()
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000
    opening = page.evaluate("performance.timeOrigin") / 1000
    print(f"first paint after start           {opening + paint - start:7.2f} s, usable after {usable - start:.2f} s")
    print(f"first paint after the address     {paint:7.2f} s, usable after {usable - opening:.2f} s")


def ask(page: Page, seed: int) -> None:
    """Click on Compose."""
    page.get_by_label("Seed", exact=True).fill(str(seed))
    page.get_by_role("button", name="Compose", exact=True).click()


def wait(page: Page, seed: int) -> None:
    """Wait for the score."""
    expect(page.locator("#status .status")).to_contain_text(re.compile(rf"seed {seed}\."), timeout=LONGEST_WAIT)
    expect(page.locator("#score svg")).to_be_visible(timeout=LONGEST_WAIT)


def timed_composition(page: Page, seed: int) -> float:
    """Seconds from the click to the score."""
    start = time.perf_counter()
    ask(page, seed)
    wait(page, seed)
    return time.perf_counter() - start


def measure_visitors(browser: Browser, address: str, count: int) -> None:
    """All ask at once; each is served."""
    pages = [opened(browser, address) for _ in range(count)]
    start = time.perf_counter()
    for seed, page in enumerate(pages, 100):
        ask(page, seed)
    for seed, page in enumerate(pages, 100):
        wait(page, seed)
    print(f"{count} visitors at once, all served   {time.perf_counter() - start:7.2f} s")
    for page in pages:
        page.context.close()


def measure_memory(page: Page, server: psutil.Process, count: int) -> None:
    """The server's memory as one visitor composes again and again."""
    memory = []
    for seed in range(1000, 1000 + count):
        timed_composition(page, seed)
        memory.append(server.memory_info().rss / 2**20)
    shown = ", ".join(f"{memory[place]:.0f}" for place in range(9, count, 10))
    print(f"memory every 10 compositions      {shown} MB")


def take_picture(browser: Browser, address: str, path: Path) -> None:
    """The page with an edited chord in a composed tune, in few colours."""
    page = opened(browser, address, viewport={"width": PICTURE_WIDTH, "height": 900}, color_scheme="light")
    timed_composition(page, 1)
    page.get_by_label("Chords of bar 6", exact=True).fill("Em A7")
    expect(page.locator("#grid .cell.changed")).to_have_count(1)
    page.locator("h1").click()
    page.screenshot(path=path, full_page=True)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(PICTURE_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"wrote {path}, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
