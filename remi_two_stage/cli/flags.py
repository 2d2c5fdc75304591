"""Commands with examples in their help, and flags made from the fields of dataclasses.

A field's metadata has its `help`, its `choices` if only these are valid, its `completions`, which the shell offers, and
its `flag` if that is not the field's name with hyphens. A field of type bool is a switch; a list of names is typed with
commas; the flag of a field that may be a tuple may be given several times.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NewType, TypeAlias

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from ..core.text import did_you_mean, flag_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Function = Callable[..., Any]
Kind: TypeAlias = "type[DataclassInstance] | functools.partial[Any]"
"""A dataclass, or one with other defaults."""
_OWN_DEFAULT = re.compile(r" *\[default: [^]]*\]$")
"""What a help text says of the default None, which a `partial` may replace by another one."""
TypedPath = NewType("TypedPath", str)
"""A path as it was typed: `Path` does not know that one which ends with `/` names a folder."""

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""The help options of every command, and the width of the help."""


class Command(click.Command):
    """A command whose help ends in examples.

    Attributes:
        examples: Shell commands, each with a description.
    """

    def __init__(self, *args: Any, examples: Sequence[tuple[str, str]] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.examples = tuple(examples)

    def get_short_help_str(self, limit: int = 100) -> str:
        """The first sentence of the help, for the list of commands."""
        return super().get_short_help_str(max(limit, 100))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        with formatter.section("Examples"):
            for line, purpose in self.examples:
                formatter.write_text(purpose + ":")
                formatter.write(f"{'':{formatter.current_indent + 2}}{line}\n")


class Choice(click.Choice[str]):
    """One of several words; the message about another names the one that may be meant."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """What is said of a word that is none of these."""
        return super().get_invalid_choice_message(value, ctx).rstrip(".") + did_you_mean(value, self.choices)


def command(name: str, *examples: tuple[str, str]) -> Callable[[Function], Command]:
    """Make a function a command whose help is its docstring."""
    return click.command(name, cls=Command, examples=examples, context_settings=CONTEXT)


def option(default: Any, help: str, flag: str | None = None, choices: Sequence[str] = ()) -> Any:
    """A field of a dataclass, with its help on the command line."""
    return dataclasses.field(default=default, metadata={"help": help, "flag": flag, "choices": choices})


def with_flags(**kinds: Kind) -> Callable[[Function], Function]:
    """Give a function a flag for each field of these dataclasses. It is called with an instance of each, under the
    keywords used here. A `partial` of a dataclass has other defaults.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def called(**given: Any) -> Any:
            made = {
                name: kind(**{option.name: given.pop(option.name) for option in _fields(kind)})
                for name, kind in kinds.items()
            }
            return function(**given, **made)

        # click lists the flags from the last decorator to the first
        for kind in reversed(kinds.values()):
            for option in reversed(_fields(kind)):
                _flag(kind, option)(called)
        return called

    return decorate


def with_given_flags(kind: type[DataclassInstance]) -> Callable[[Function], Function]:
    """Give a function an optional flag for each field of a dataclass. It is called with `given`, a dict of the fields
    whose flags were typed.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def called(**options: Any) -> Any:
            source = click.get_current_context().get_parameter_source
            values = {option.name: options.pop(option.name) for option in _fields(kind)}
            given = {name: value for name, value in values.items() if source(name) is ParameterSource.COMMANDLINE}
            return function(**options, given=given)

        for option in reversed(_fields(kind)):
            _flag(kind, option, required=False)(called)
        return called

    return decorate


def with_fields(kind: type[DataclassInstance], *names: str, **helps: str) -> Callable[[Function], Function]:
    """Give a function the flags of some fields of a dataclass. It is called with their values, under the fields' names.

    Args:
        names: Names of fields.
        helps: Further fields, each with help that replaces the dataclass's.
    """

    def decorate(function: Function) -> Function:
        for option in reversed(_fields(kind)):
            if option.name in (*names, *helps):
                _flag(kind, option, help=helps.get(option.name))(function)
        return function

    return decorate


def in_flags(text: str, flags: Mapping[str, str]) -> str:
    """The text with fields in backticks replaced by their flags; other names in backticks are not changed."""
    return re.sub(r"`(\w+)`", lambda named: flags.get(named[1], named[0]), text)


def _dataclass_of(kind: Kind) -> type[DataclassInstance]:
    return typing.cast("type[DataclassInstance]", kind.func) if isinstance(kind, functools.partial) else kind


@functools.cache
def _hints(kind: type[DataclassInstance]) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _fields(kind: Kind) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(_dataclass_of(kind))


def _flag(
    kind: Kind,
    option: dataclasses.Field[Any],
    required: bool = True,
    help: str | None = None,
) -> Callable[[Function], Function]:
    """The flag of a field, which is required if the field has no default."""
    hint = _hints(_dataclass_of(kind))[option.name]
    value_type = (typing.get_args(hint) or (hint,))[0]
    others = kind.keywords if isinstance(kind, functools.partial) else {}
    default = others.get(option.name, option.default)
    has_default = default is not dataclasses.MISSING
    is_shown = has_default and default not in (None, "") and value_type is not bool
    text = help or option.metadata["help"]
    text = _OWN_DEFAULT.sub("", text) if is_shown else text
    flags = {field.name: flag_of(field) for field in _fields(kind)}
    return click.option(
        flag_of(option),
        option.name,
        is_flag=value_type is bool or None,
        multiple=any(typing.get_origin(kind) is tuple for kind in typing.get_args(hint)),
        show_default=is_shown,
        help=in_flags(text, flags),
        **_reading_of(value_type, option.metadata),
        **({"default": default} if has_default else {"required": required}),
    )


def _reading_of(kind: Any, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that tell click how to parse a value."""
    if metadata.get("choices"):
        return {"type": Choice(metadata["choices"])}
    if known := metadata.get("completions"):
        return {"type": str, "callback": _as_spelt, "shell_complete": functools.partial(_completed, known)}
    if typing.get_origin(kind) is Sequence:
        return {"type": str, "callback": _one_by_one, "metavar": "A,B,..."}
    if kind is TypedPath:
        return {"type": click.Path()}
    return {"type": click.Path(path_type=Path) if kind is Path else kind}


def _as_spelt(_context: click.Context, _parameter: click.Parameter, typed: str | None) -> str | None:
    """A word in the vocabulary's spelling; it may be typed in capitals and with spaces."""
    return None if typed is None else typed.lower().replace(" ", "-")


def _one_by_one(_context: click.Context, _parameter: click.Parameter, typed: str | None) -> list[str] | None:
    return None if typed is None else typed.split(",")


def _completed(
    words: Sequence[str], _context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    return [CompletionItem(word) for word in words if word.startswith(begun)]
