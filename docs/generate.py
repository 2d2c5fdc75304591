"""Writes the pages and parts of pages that are made from the source: commands, tokens, the README's source layout, what
its first commands print, the tune that they write, and that tune as a picture and as sound.

python docs/generate.py
"""

from __future__ import annotations

import ast
import io
import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from remi_two_stage import engrave, read_abc, sound_bytes, with_instrument
from remi_two_stage.cli import application
from remi_two_stage.cli import main as command
from remi_two_stage.core.vocabulary import FAMILIES, IDS, token

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PACKAGE = ROOT / "remi_two_stage"
CONSOLE = re.compile(r"(?<=```console\n)\$ remi-two-stage (.+)\n(?:.*\n)*?(?=```)")
"""A command in the README, with what it prints."""
TUNE = re.compile(r"(?<=```abc\n)(?:.*\n)*?(?=```)")
"""The tune that the README's first command writes."""
MADE = re.compile(r"^N:made with .*\n", re.MULTILINE)
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
    (piece,) = read_abc(shown_tune())
    return engrave(piece).svg()


def shown_tune() -> str:
    """The tune in the README, as ABC."""
    (text,) = TUNE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    return str(text)


def readme_sound() -> bytes:
    """The tune in the README, played on a guitar over its chords, as MP3."""
    import soundfile

    (piece,) = read_abc(shown_tune())
    flac = sound_bytes(with_instrument(piece, "guitar"), ".flac", with_chords=True)
    samples, rate = soundfile.read(io.BytesIO(flac), dtype="float32")
    mp3 = io.BytesIO()
    soundfile.write(mp3, samples[::2], rate // 2, format="MP3", compression_level=0.7)
    return mp3.getvalue()


def readme() -> str:
    """The README with its source layout, and with what its commands print and write, as they are now."""
    text = _with_prints((ROOT / "README.md").read_text(encoding="utf-8"))
    tree = "".join(f"    {line}\n" for line in source_layout())
    return re.sub(r"^    remi_two_stage/\n(?:    .*\n)*", lambda _: tree, text, count=1, flags=re.MULTILINE)


def _with_prints(text: str) -> str:
    """The README with what its first commands print, one after the other in a folder of their own, and with the tune
    that the first of them writes, less the notes on how it was made.
    """
    with TemporaryDirectory() as folder, chdir(folder):
        shutil.copytree(DOCS, "docs", ignore=lambda _, names: [name for name in names if not name.endswith(".abc")])
        text = CONSOLE.sub(lambda shown: f"$ remi-two-stage {shown[1]}\n{_printed(shown[1])}", text)
        tune = MADE.sub("", Path("jig.abc").read_text(encoding="utf-8"))
    return TUNE.sub(lambda _: tune, text)


def _printed(arguments: str) -> str:
    """What a command prints besides its progress."""
    with redirect_stdout(io.StringIO()) as printed, redirect_stderr(io.StringIO()):
        if command(shlex.split(arguments)):
            raise SystemExit(f"remi-two-stage {arguments} fails")
    return "".join(f"{line.rstrip()}\n" for line in printed.getvalue().splitlines())


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
    (DOCS / "tune.mp3").write_bytes(readme_sound())
    print(f"wrote {DOCS / 'tune.mp3'}")


if __name__ == "__main__":
    main()
