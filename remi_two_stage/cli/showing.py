"""`show`, `tokens` and `completion`: what needs no model."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .flags import command, with_flags
from .reporting import Reporting
from .tunes import Source, piece_data, read_tunes


@command(
    "show",
    ("remi-two-stage show tune.abc", "A tune as text, chords over its bars"),
    ("remi-two-stage show - --json < melody.mid", "All that is known of a melody, for a program"),
)
@click.argument("score", metavar="FILE")
@with_flags(source=Source, reporting=Reporting)
def show(score: str, source: Source, reporting: Reporting) -> None:
    """Print a tune: title, key, metre, and chords over bars.

    FILE is an .abc, .mid, .musicxml, .mxl or .krn file; - reads standard input.
    """
    from ..scores.score_text import score_text

    pieces = read_tunes(score)
    piece = source.pick(pieces, score)
    reporting.result(score_text(piece), piece_data(piece))
    if len(pieces) > 1:
        reporting.remark(f"tune {source.tune} of {len(pieces)}; --tune shows another", to_stderr=True)


@command("tokens", ("remi-two-stage tokens", "The families of tokens and their ids"))
@with_flags(reporting=Reporting)
def tokens(reporting: Reporting) -> None:
    """Print the vocabulary of both models."""
    from ..core.vocabulary import TOKEN_IDS, describe

    reporting.result(describe(), TOKEN_IDS)


@command(
    "completion",
    ('eval "$(remi-two-stage completion bash)"', "In ~/.bashrc"),
    ("remi-two-stage completion fish > ~/.config/fish/completions/remi-two-stage.fish", "For fish"),
)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands, flags and styles."""
    program = context.find_root()
    kind = get_completion_class(shell)
    assert kind is not None
    name = program.info_name or ""
    print(kind(program.command, {}, name, f"_{name.replace('-', '_').upper()}_COMPLETE").source())


COMMANDS = (show, tokens, completion)
