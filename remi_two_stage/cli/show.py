"""`show`, `render`, `tokens` and `completion`: the commands that need no model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class

from ..core.errors import RequestError
from ..core.instruments import with_instrument
from .files import STANDARD_STREAM, Destination, Source, Transposition, names_same_file, piece_data, read_tunes
from .flags import Choice, command, with_fields, with_flags
from .output import Reporting, write_to_stream

if TYPE_CHECKING:
    from ..core.piece import Piece
    from ..rendering.picture import Picture

PICTURES = (".svg", ".png", ".pdf")


@command(
    "show",
    ("remi-two-stage show tune.abc", "A tune as text, with chords over its bars"),
    ("remi-two-stage show - --json < melody.mid", "All data of a melody, for a program"),
)
@click.argument("score", metavar="FILE")
@with_flags(source=Source, transposition=Transposition, reporting=Reporting)
def show(score: str, source: Source, transposition: Transposition, reporting: Reporting) -> None:
    """Print a tune: title, key, metre, and chords over bars.

    FILE is an .abc, .mid, .musicxml, .mxl or .krn file; - reads standard input.
    """
    from ..rendering.score_text import score_text

    pieces = read_tunes(score)
    number = source.number(pieces, score)
    piece = transposition.of(pieces[number - 1])
    reporting.result(score_text(piece), piece_data(piece))
    _name_others(number, len(pieces), reporting)


@command(
    "render",
    ("remi-two-stage render tune.abc tune.pdf", "The engraved score, ready to print"),
    ("remi-two-stage render tune.abc tune.pdf --key G", "The same in G"),
    ("remi-two-stage render hymn.abc hymn.pdf --two-staves", "A choir on two staves, as hymn books print it"),
    ("remi-two-stage render tune.abc roll.svg --piano-roll", "Notes as a piano roll over their chords"),
    ("remi-two-stage render tune.abc tune.wav --with-chords", "A tune to listen to, with soft chords beneath"),
    ("remi-two-stage render tune.abc tune.mid --instrument fiddle", "The same for another program, as a fiddle tune"),
)
@click.argument("score", metavar="FILE")
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--piano-roll", is_flag=True, help="draw a piano roll instead of an engraved score")
@click.option("--two-staves", is_flag=True, help="engrave a choir on two staves, women above and men below")
@click.option("--with-chords", is_flag=True, help="play the chords softly beneath")
@with_fields(Destination, "instrument")
@with_flags(source=Source, transposition=Transposition, reporting=Reporting)
def render(
    score: str,
    output: Path,
    piano_roll: bool,
    two_staves: bool,
    with_chords: bool,
    instrument: str | None,
    source: Source,
    transposition: Transposition,
    reporting: Reporting,
) -> None:
    """Engrave, draw or play a tune, or convert it to another format.

    FILE is an .abc, .mid, .musicxml, .mxl or .krn file; - reads standard input. OUTPUT is an .svg, .png, .pdf, .wav,
    .ogg, .flac, .abc, .mid, .musicxml or .mxl file; - is ABC on standard output.
    """
    from ..rendering.piano_roll import piano_roll as drawn
    from ..rendering.sound import sound_bytes
    from ..score_files import check_writable, score_bytes, write_content
    from ..scores.abc_losses import abc_losses

    is_stream = str(output) == STANDARD_STREAM
    ending = ".abc" if is_stream else output.suffix.lower()
    check_writable(ending)
    if is_stream and reporting.json:
        raise RequestError("standard output cannot hold both a tune and JSON; name a file, or leave --json out")
    _check_options(ending, piano_roll, two_staves, with_chords)
    pieces = read_tunes(score)
    if names_same_file(score, output):
        raise RequestError(f"the output {str(output)!r} is FILE itself; name another file")
    number = source.number(pieces, score)
    piece = transposition.of(pieces[number - 1])
    piece = with_instrument(piece, instrument) if instrument else piece
    if piano_roll:
        content = drawn(piece).in_format(ending)
    elif two_staves:
        content = _on_two_staves(piece).in_format(ending)
    else:
        content = sound_bytes(piece, ending, with_chords=True) if with_chords else score_bytes(piece, ending)
    if is_stream:
        write_to_stream(content)
    else:
        write_content(output, content)
        reporting.remark(f"wrote {output}")
    losses = abc_losses(piece) if ending == ".abc" else ()
    if reporting.json:
        reporting.result("", {"file": str(output), "losses": dict(losses)})
    if losses:
        lost = ", ".join(f"{reason} ({count})" for reason, count in losses)
        reporting.remark(f"ABC has no place for: {lost}", is_stream)
    _name_others(number, len(pieces), reporting)


def _check_options(ending: str, piano_roll: bool, two_staves: bool, with_chords: bool) -> None:
    """Raise a RequestError where an option of `render` does not go with another, or with the ending of its output."""
    from ..rendering.sound import SOUNDS

    chosen = [option for option, is_set in (("--piano-roll", piano_roll), ("--two-staves", two_staves)) if is_set]
    if len(chosen) > 1:
        raise RequestError("a piano roll has no staves; leave --piano-roll or --two-staves out")
    if (chosen and ending not in PICTURES) or (with_chords and ending not in SOUNDS):
        wrong = (
            f"--with-chords is for {', '.join(SOUNDS)}, not for {ending}"
            if with_chords
            else f"{chosen[0]} draws {', '.join(PICTURES)}"
        )
        raise RequestError(f"{wrong}; name another file, or leave the option out")


def _name_others(number: int, count: int, reporting: Reporting) -> None:
    """Say that a file has more tunes than the one that is shown."""
    if count > 1:
        reporting.remark(f"tune {number} of {count}; --tune takes another", to_stderr=True)


def _on_two_staves(piece: Piece) -> Picture:
    from ..rendering.close_score import two_staves
    from ..rendering.engraving import engrave

    staves = two_staves(piece)
    if staves is None:
        raise RequestError(
            f"two staves are for a choir of three or four voices, this piece has {', '.join(piece.voices)}; "
            "leave --two-staves out"
        )
    return engrave(piece, staves=staves)


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
@click.argument("shell", type=Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script that makes a shell complete commands, flags and styles."""
    program = context.find_root()
    kind = get_completion_class(shell)
    assert kind is not None
    name = program.info_name or ""
    print(kind(program.command, {}, name, f"_{name.replace('-', '_').upper()}_COMPLETE").source())


COMMANDS = (show, render, tokens, completion)
