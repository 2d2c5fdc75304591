"""The page's own components: Gradio's `HTML` with a script from `assets/`.

The templates are empty elements on purpose: Gradio runs what it puts into a template as a program, so that a text with
`${...}` in it would too. The scripts build what is shown from the value, texts as text nodes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

ASSETS = Path(__file__).parent / "assets"
_MOST_CELLS = 1_000
_LONGEST_TEXT = 200


def asset(name: str) -> str:
    """The text of a file in `assets/`."""
    return (ASSETS / name).read_text(encoding="utf-8")

from gradio.events import Dependency

class _Scripted(gr.HTML):
    """An element that a script fills."""

    tag, script = "div", ""

    def __init__(self, value: Any = None, **options: Any) -> None:
        template = f"<{self.tag}></{self.tag}>"
        options = {"html_template": template, "js_on_load": asset(self.script), "apply_default_css": False} | options
        super().__init__(value, **options)

    def api_info(self) -> dict[str, Any]:
        """Any JSON."""
        return {"type": {}, "description": "JSON"}
    from typing import Callable, Literal, Sequence, Any, TYPE_CHECKING
    from gradio.blocks import Block
    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component


class ChordGrid(_Scripted):
    """A text field for each bar. Takes `views.grid`; gives the texts."""

    script = "grid.js"

    def preprocess(self, payload: Any) -> list[str]:
        """The texts of the cells, whatever a browser sends."""
        texts = payload.get("texts") if isinstance(payload, dict) else None
        if not isinstance(texts, list):
            return []
        return [str(text)[:_LONGEST_TEXT] for text in texts[:_MOST_CELLS]]
    from typing import Callable, Literal, Sequence, Any, TYPE_CHECKING
    from gradio.blocks import Block
    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component


class Score(_Scripted):
    """The engraved tune, its player and its files. Takes `views.score`; bars are marked in the browser."""

    script = "score.js"

    def preprocess(self, payload: Any) -> None:
        """Nothing: what the page shows is known."""
    from typing import Callable, Literal, Sequence, Any, TYPE_CHECKING
    from gradio.blocks import Block
    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component


class Status(_Scripted):
    """One line, read aloud by screen readers when it changes. Takes (tone, text); the tone is "said" or "wrong"."""

    script = "status.js"

    def preprocess(self, payload: Any) -> None:
        """Nothing: what the page says is known."""
    from typing import Callable, Literal, Sequence, Any, TYPE_CHECKING
    from gradio.blocks import Block
    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component