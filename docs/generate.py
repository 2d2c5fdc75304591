"""Writes the pages and parts of pages that are made from the source: commands, tokens, the README's source layout and
its tune as a picture.

python docs/generate.py
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from remi_two_stage import engrave, read_abc
from remi_two_stage.cli import application
from remi_two_stage.core.vocabulary import FAMILIES, IDS, token

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PACKAGE = ROOT / "remi_two_stage"
MEANINGS = {
    "special": "padding, unknown, begin and end, and what divides the parts of a sequence (`core/grammar.py`)",
    "time": "metre",
    "key": "tonic and mode",
    "Tonic": "where the C of the tokens sounds",
    "Tempo": "quarter notes a minute, in tens",
    "Bars": "bars asked for, pick-ups not counted",
    "structure": "phrases, repeats, ends of endings, bars",
    "Ending": "an ending begins: first, second, ...",
    "PickUp": "only the last n ticks of the bar are there",
    "BarLen": "the bar lasts n ticks",
    "Chord": "a chord, as a Roman numeral of the major scale on the tonic; `N` none, `unk` not known",
    "Bass": "after a chord: semitones of its bass above its root",
    "voice": "the notes that follow are this voice's",
    "RelPos": "ticks from the start of the metre's bar",
    "Note-On": "pitch, a MIDI number",
    "Duration": "ticks; longer notes repeat it",
    "Velocity": "MIDI velocity",
    "Dynamics": "dynamics",
    "Style": "kind of tune; `free` slots await further ones",
}


def commands_page() -> str:
    """The help of every command."""
    parts = ["# Commands", "", "Made by `python docs/generate.py` from the commands themselves.", ""]
    shape: dict[str, Any] = {
        "terminal_width": 100,
        "help_option_names": application.context_settings["help_option_names"],
    }
    root = click.Context(application, info_name="remi-two-stage", **shape)
    parts += ["```", application.get_help(root), "```", ""]
    for name, command in application.commands.items():
        context = click.Context(command, info_name=name, parent=root, **shape)
        parts += [f"## {name}", "", "```", command.get_help(context), "```", ""]
    return "\n".join(parts)


def tokens_page() -> str:
    """Every family of tokens with its ids, and all names of those that are not just numbers."""
    rows = ["| family | ids | tokens | meaning |", "|---|---|---|---|"]
    for family, ids in IDS.items():
        first, last = (f"`{token(family, FAMILIES[family][end])}`" for end in (0, -1))
        rows.append(f"| {family} | {ids.start}-{ids.stop - 1} | {first} to {last} | {MEANINGS[family]} |")
    count = sum(map(len, FAMILIES.values()))
    parts = [
        "# Tokens",
        "",
        f"Made by `python docs/generate.py` from the vocabulary: {count:,} tokens, the same in every checkpoint. A "
        "tick is 1/24 of a quarter note.",
        "",
        *rows,
        "",
        *_listed(),
    ]
    return "\n".join(parts)


def _listed() -> Iterator[str]:
    for family, values in FAMILIES.items():
        if not all(value.isdecimal() for value in values):
            yield f"## {family}"
            yield ""
            yield " ".join(f"`{token(family, value)}`" for value in values)
            yield ""


def readme_tune() -> str:
    """The tune in the README, engraved."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```abc\n(.+?)```", readme, re.DOTALL)
    (piece,) = read_abc(text)
    return engrave(piece).svg()


def readme() -> str:
    """The README with its source layout as it is now."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = "".join(f"    {line}\n" for line in source_layout())
    return re.sub(r"^    remi_two_stage/\n(?:    .*\n)*", lambda _: tree, text, count=1, flags=re.MULTILINE)


def source_layout() -> Iterator[str]:
    """The tree of the package, from the maps in the docstrings of its folders."""
    yield "remi_two_stage/"
    for name, purpose in folder_map(PACKAGE):
        yield f"  {name:33}{purpose}".rstrip()
        if name.endswith("/") and (PACKAGE / name / "__init__.py").exists():
            yield from (f"    {file:31}{what}" for file, what in folder_map(PACKAGE / name))


def folder_map(folder: Path) -> list[tuple[str, str]]:
    """What a folder's docstring says of each file and folder, as name and purpose."""
    docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    return re.findall(r"^ *(\w+(?:\.py|/)) {2,}(.+)$", docstring, re.MULTILINE)


PAGES = {"../README.md": readme, "commands.md": commands_page, "tokens.md": tokens_page, "tune.svg": readme_tune}


def main() -> None:
    """Write every page."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
        print(f"wrote {DOCS / name}")


if __name__ == "__main__":
    main()
