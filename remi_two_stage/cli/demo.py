"""`demo`: the web page."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ..composing.arguments import MODEL_HELP
from .flags import command, option, with_flags
from .output import Reporting


@dataclass(frozen=True)
class PageRequest:
    """The arguments of `serve`; the flag of `open_browser` is shortened to --open."""

    model: str | None = option(None, MODEL_HELP)
    port: int | None = option(None, "port of the page  [default: the first free port from 7860]")
    public: bool = option(False, "allow other machines to connect, within stricter limits")
    open_browser: bool = option(False, "open the page in this machine's browser", flag="--open")


@command(
    "demo",
    ("remi-two-stage demo --open", "The page, in your browser"),
    ("remi-two-stage demo --port 8000 --public", "The page for all machines on the network"),
)
@with_flags(page=PageRequest, reporting=Reporting)
def demo(page: PageRequest, reporting: Reporting) -> None:
    """Serve a web page with an editable chord plan, the score and sound. Ctrl-C stops it."""
    from ..demo.server import serve

    def announce(address: str) -> None:
        reporting.result(f"The page is at {address} (Ctrl-C stops it)", {"address": address})

    serve(**asdict(page), announce=announce)


COMMANDS = (demo,)
