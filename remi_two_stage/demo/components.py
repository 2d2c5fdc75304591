"""The page's custom components: Gradio's `HTML` with a script from `assets/`.

The templates are empty elements on purpose: Gradio evaluates a filled template as code, which would run a text that
contains `${...}`. The scripts build the elements from the value instead, with texts as text nodes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr

from .playback import PLACES

ASSETS = Path(__file__).parent / "assets"
_MOST_CELLS = 1_000
_LONGEST_TEXT = 200


def chord_grid() -> gr.HTML:
    """A text field for each bar. Takes `views.grid`; `typed_texts` reads what it gives."""
    return _scripted("grid")


def typed_texts(payload: Any) -> list[str]:
    """The texts of a chord grid's cells; the browser's data is not trusted."""
    texts = payload.get("texts") if isinstance(payload, dict) else None
    return [str(text)[:_LONGEST_TEXT] for text in texts[:_MOST_CELLS]] if isinstance(texts, list) else []


def score() -> gr.HTML:
    """The engraved tune, its player and its files. Takes `views.score`; bars are marked in the browser."""
    return _scripted("score", "player", "notes", "candidates")


def status() -> gr.HTML:
    """One line, read aloud by screen readers when it changes. Takes (tone, text); the tone is "said" or "wrong"."""
    return _scripted("status", "keys")


def fixed(markup: str) -> gr.HTML:
    """Static markup written by this package."""
    return gr.HTML(markup, js_on_load=None, apply_default_css=False)


def _scripted(name: str, *parts: str) -> gr.HTML:
    """An element with a script of its name, before which other scripts stand as parts of the same program."""
    scripts = [(ASSETS / f"{script}.js").read_text(encoding="utf-8") for script in (*parts, name)]
    constants = f"const INSTRUMENTS = {json.dumps(PLACES)};\n" if "player" in parts else ""
    return gr.HTML(
        elem_id=name, html_template="<div></div>", js_on_load=constants + "".join(scripts), apply_default_css=False
    )
