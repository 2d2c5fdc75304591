"""`serve` and `start`: the page on a port of this machine."""

from __future__ import annotations

import os
import webbrowser
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from ..core.errors import MissingExtraError, RequestError
from ..rendering.sound import INSTRUMENTS_FOLDER
from ..scores.collector import collector_paused
from .limits import PUBLIC, Limits

if TYPE_CHECKING:
    import gradio as gr

    from ..composing.composer import Composer

_ASSETS = Path(__file__).parent / "assets"
_ANY_ADDRESS = "0.0.0.0"
_HIGHEST_PORT = 65535
_QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_VERBOSITY": "error",
    "TRANSFORMERS_VERBOSITY": "error",
}
"""Settings for libraries that are imported later: no telemetry, and nothing on the terminal."""


def serve(
    model: str | Path | None = None,
    *,
    port: int | None = None,
    public: bool = False,
    open_browser: bool = False,
    announce: Callable[[str], None] = print,
) -> None:
    """Serve the page until the program is interrupted; arguments and errors as in `start`.

    Args:
        open_browser: Whether to open the page in the browser of this machine.
        announce: Is told the address of the page.
    """
    page = start(model, port=port, public=public)
    address = str(page.local_url)
    announce(address)
    if open_browser:
        webbrowser.open(address)
    try:
        Event().wait()
    except KeyboardInterrupt:
        page.close(verbose=False)


def start(model: str | Path | None = None, *, port: int | None = None, public: bool = False) -> gr.Blocks:
    """Start the page at http://127.0.0.1:7860, or the next free port, and return; `.close()` stops it.

    The page appears before torch is imported; the checkpoint is loaded when somebody opens the page.

    Args:
        model: Folder or Hub repository; None is the checkpoint that ships with the package.
        port: Port to use, which must be free; None is the first free one from 7860.
        public: Whether other machines may come, within narrower limits (`limits.PUBLIC`).

    Raises:
        MissingExtraError: the extra `demo` is not installed.
        CheckpointError: the model does not exist.
        RequestError: the port is in use, or there is none of that number.
    """
    if port is not None and not 1 <= port <= _HIGHEST_PORT:
        raise RequestError(f"there is no port {port}; choose a `port` from 1 to {_HIGHEST_PORT}")
    if find_spec("gradio") is None:
        raise MissingExtraError(
            "the page needs the package 'gradio', which is not installed: pip install 'remi-two-stage[demo]', "
            'or in a checkout pip install ".[demo]"'
        )
    from starlette.staticfiles import StaticFiles

    os.environ |= _QUIET
    limits = PUBLIC if public else Limits()
    composer = LateComposer(model)
    if model is not None:
        composer()  # an unusable model is reported now, not on the page
    with collector_paused():
        page = build_page(composer, limits)
        try:
            page.launch(**_settings(limits, port, public))
        except OSError:
            raise RequestError(f"port {port or 'from 7860 on'} is taken; choose another `port`") from None
    page.app.mount("/instruments", StaticFiles(directory=INSTRUMENTS_FOLDER))
    return page


def build_page(composer: Callable[[], Composer], limits: Limits) -> gr.Blocks:
    """The page as Gradio's `Blocks`, with its queue."""
    from .actions import Actions
    from .page import Page

    blocks = Page(Actions(composer, limits)).blocks
    return blocks.queue(max_size=limits.waiting, default_concurrency_limit=1)


class LateComposer:
    """Gives the composer of a model, which is loaded on the first call; calls made meanwhile wait.

    Args:
        model: As in `start`.
    """

    def __init__(self, model: str | Path | None) -> None:
        self._model = model
        self._composer: Composer | None = None
        self._loading = Lock()

    def __call__(self) -> Composer:
        """Raises CheckpointError when there is no such model."""
        with self._loading:
            if self._composer is None:
                self._composer = _load(self._model)
            return self._composer


@collector_paused()
def _load(model: str | Path | None) -> Composer:
    from ..composing.composer import Composer

    return Composer.from_pretrained(model)


def _settings(limits: Limits, port: int | None, public: bool) -> dict[str, Any]:
    """Arguments of Gradio's `launch`: nothing of this machine is shown, nothing comes from the network."""
    import gradio as gr

    return {
        "server_name": _ANY_ADDRESS if public else "127.0.0.1",
        "server_port": port,
        "prevent_thread_lock": True,
        "share": False,
        "quiet": True,
        "show_error": False,
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "max_file_size": limits.upload_bytes,
        "state_session_capacity": limits.sessions,
        "css_paths": [_ASSETS / "page.css"],
        "favicon_path": _ASSETS / "favicon.svg",
        "theme": gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
    }
