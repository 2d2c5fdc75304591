"""The main command, its error messages and exit codes.

Exit codes: 0 success, 1 a bug in the program, 2 an invalid request or input (one line on standard error gives the
reason), 130 interrupted.
"""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from ..core.errors import RemiError, UnlearntStyleWarning
from ..version import __version__
from . import check, compose, demo, edit, show, train
from .flags import CONTEXT, in_flags
from .output import let_consoles_lack_letters

NAME = "remi-two-stage"


class _Group(click.Group):
    """Lists its commands in the order in which they were added, which is the order of use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; its errors name the flags and arguments that were typed instead of the fields."""
        try:
            return super().invoke(ctx)
        except RemiError as error:
            command = self.commands[ctx.invoked_subcommand or ""]
            error.message = in_flags(error.message, {one.name or "": _typed(one) for one in command.params})
            raise


def _typed(parameter: click.Parameter) -> str:
    return parameter.opts[0] if isinstance(parameter, click.Option) else parameter.human_readable_name


@click.group(cls=_Group, context_settings=CONTEXT)
@click.version_option(__version__, message="%(prog)s %(version)s")
def application() -> None:
    """Compose music in two stages: a chord plan, then the notes."""


for _command in (*compose.COMMANDS, *edit.COMMANDS, *show.COMMANDS, *check.COMMANDS, *demo.COMMANDS, *train.COMMANDS):
    application.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    let_consoles_lack_letters()
    try:
        with _own_warnings_in_a_line():
            return application.main(arguments, NAME, standalone_mode=False) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else NAME
        message = " ".join(error.format_message().split()).rstrip(".")  # click lists choices in lines of their own
        return _failed(f"{command}: error: {message}; {command} --help lists the options", 2)
    except RemiError as error:
        return _failed(f"{NAME}: error: {error}", 2)
    except click.Abort as stopped:
        return _failed(f"{NAME}: {str(stopped.__cause__ or '') or 'interrupted'}", 130)
    except Exception as error:
        traceback.print_exc()
        return _failed(f"{NAME}: this is a bug in the program ({type(error).__name__}); please report it", 1)


@contextmanager
def _own_warnings_in_a_line() -> Iterator[None]:
    """Show our warnings as our errors are, without the place in the code."""
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(category, UnlearntStyleWarning):
                print(f"{NAME}: warning: {message}", file=sys.stderr)
            else:
                usual(message, category, *where, **more)

        warnings.showwarning = show
        yield


def _failed(message: str, code: int) -> int:
    print(" ".join(message.split("\n")), file=sys.stderr)
    return code
