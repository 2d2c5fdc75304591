"""Commands with examples in their help, and flags made from the fields of dataclasses.

A field's metadata has its `help`, its `choices` if only these are right, and `completions`, which the shell offers. A
field of type bool is a switch; its name with hyphens is the flag's.
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from ..training.arguments import flag_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Function = Callable[..., Any]

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""How every command asks for help and shows it."""


class Command(click.Command):
    """A command whose help ends in examples.

    Attributes:
        examples: Lines for a shell, and what each does.
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


def command(name: str, *examples: tuple[str, str]) -> Callable[[Function], Command]:
    """Make a function a command; its docstring is the help."""
    return click.command(name, cls=Command, examples=examples, context_settings=CONTEXT)


def flag(default: Any, text: str, choices: Sequence[str] = (), completions: Sequence[str] = ()) -> Any:
    """A field of a dataclass that is a flag."""
    return dataclasses.field(
        default=default, metadata={"help": text, "choices": tuple(choices), "completions": tuple(completions)}
    )


def with_flags(**kinds: type[DataclassInstance]) -> Callable[[Function], Function]:
    """Give a function a flag for each field of these dataclasses; it is called with an instance of each, by the names
    used here.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def called(**given: Any) -> Any:
            made = {
                name: kind(**{option.name: given.pop(option.name) for option in dataclasses.fields(kind)})
                for name, kind in kinds.items()
            }
            return function(**given, **made)

        # click lists the flags from the last decorator to the first
        for kind in reversed(kinds.values()):
            hints = typing.get_type_hints(kind)
            for option in reversed(dataclasses.fields(kind)):
                _flag(option, hints[option.name], option.default is dataclasses.MISSING)(called)
        return called

    return decorate


def with_given_flags(kind: type[DataclassInstance]) -> Callable[[Function], Function]:
    """Give a function a flag for each field of a dataclass, none of them required; it is called with `given`, the
    fields whose flags were typed.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def called(**options: Any) -> Any:
            source = click.get_current_context().get_parameter_source
            values = {option.name: options.pop(option.name) for option in dataclasses.fields(kind)}
            given = {name: value for name, value in values.items() if source(name) is ParameterSource.COMMANDLINE}
            return function(**options, given=given)

        hints = typing.get_type_hints(kind)
        for option in reversed(dataclasses.fields(kind)):
            _flag(option, hints[option.name], False)(called)
        return called

    return decorate


def _flag(option: dataclasses.Field[Any], hint: Any, is_required: bool) -> Callable[[Function], Function]:
    kind = (typing.get_args(hint) or (hint,))[0]
    completions = option.metadata.get("completions", ())
    has_default = option.default is not dataclasses.MISSING
    default: dict[str, Any] = {"default": option.default} if has_default else {"required": is_required}
    return click.option(
        flag_of(option),
        option.name,
        type=_type_of_value(kind, option.metadata.get("choices")),
        is_flag=kind is bool or None,
        show_default=has_default and option.default not in (None, "") and kind is not bool,
        help=option.metadata["help"],
        shell_complete=functools.partial(_completed, completions) if completions else None,
        **default,
    )


def _type_of_value(kind: Any, choices: Sequence[str] | None) -> Any:
    if choices:
        return click.Choice(tuple(choices))
    return click.Path(path_type=Path) if kind is Path else kind


def _completed(
    words: Sequence[str], _context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    return [CompletionItem(word) for word in words if word.startswith(begun)]
