"""Words on their way to people: those that come from files, made harmless, for they may hold whatever steers a terminal
or breaks a format; numbers of things; and names of fields.

What is said of a field, in an error or in another field's help, names it in backticks as Python spells it, such as
`plan_source`. The command line puts its flag in place of that.
"""

from __future__ import annotations

from dataclasses import Field
from typing import Any


def printable(text: str) -> str:
    """The text on one line, without control characters and half characters, which no format takes and which steer
    terminals.
    """
    if text.isprintable():
        return text
    return "".join(sign for sign in " ".join(text.split()) if sign.isprintable())


def visible(text: str) -> str:
    """The text with every character but line breaks visible: control characters as `\\x1b`, also those that turn the
    direction of writing.
    """
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or sign == "\n" else sign.encode("unicode_escape").decode() for sign in text
    )


def counted(number: int, thing: str) -> str:
    """A number of things: `1 bar`, `8 bars`, `1,200 bars`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def flag_of(field: Field[Any]) -> str:
    """The flag of a dataclass's field on the command line: its name, unless its metadata has another."""
    return field.metadata.get("flag") or "--" + field.name.replace("_", "-")
