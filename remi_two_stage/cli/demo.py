"""`demo`: the page in a browser."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ..composing.arguments import MODEL_HELP
from .flags import command, option, with_flags
from .output import Reporting


@dataclass(frozen=True)
class PageRequest:
    """Which page is shown, and to whom: the arguments of `serve`. `open_browser` is --open, for short."""

    model: str | None = option(None, MODEL_HELP)
    port: int | None = option(None, "where the page listens  [default: the first free one from 7860 on]")
    public: bool = option(False, "let other machines come, within narrower limits")
    open_browser: bool = option(False, "open the page in the browser of this machine", flag="--open")


@command(
    "demo",
    ("remi-two-stage demo --open", "The page, in your browser"),
    ("remi-two-stage demo --port 8000 --public", "The page for all machines of the network"),
)
@with_flags(page=PageRequest, reporting=Reporting)
def demo(page: PageRequest, reporting: Reporting) -> None:
    """Show the page: an editable chord plan, score and sound. Ctrl-C stops it."""
    from ..demo.server import serve

    serve(**asdict(page), announce=reporting.remark)


COMMANDS = (demo,)
