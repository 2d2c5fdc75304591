"""`demo`: the page in a browser."""

from __future__ import annotations

from dataclasses import dataclass

from .flags import command, flag, with_flags
from .output import Reporting


@dataclass(frozen=True)
class PageRequest:
    """Which page is shown, and to whom."""

    port: int | None = flag(None, "where the page listens  [default: the first free one from 7860 on]")
    model: str | None = flag(None, "folder or Hub repository  [default: the checkpoint in the package]")
    public: bool = flag(False, "let other machines come, within narrower limits")
    open: bool = flag(False, "open the page in the browser of this machine")


@command(
    "demo",
    ("remi-two-stage demo --open", "The page, in your browser"),
    ("remi-two-stage demo --port 8000 --public", "The page for all machines of the network"),
)
@with_flags(page=PageRequest, reporting=Reporting)
def demo(page: PageRequest, reporting: Reporting) -> None:
    """Show the page: an editable chord plan, score and sound. Ctrl-C stops it."""
    from ..demo.server import serve

    serve(page.model, page.port, page.public, page.open, announce=reporting.remark)


COMMANDS = (demo,)
