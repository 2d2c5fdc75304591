"""`compose`, `plan` and `realize`: from a request or typed chords to a tune."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ..composing.arguments import MODEL_HELP, FirstRequest
from ..core.errors import ChordError, RequestError
from ..core.request import Request
from ..core.sampling import Sampling
from .files import STANDARD_STREAM, Destination, plan_data, plan_text, standard_input
from .flags import command, option, with_fields, with_flags
from .output import Reporting

if TYPE_CHECKING:
    from ..composing.composer import Composer
    from ..core.piece import Piece

MOST_AT_ONCE = 1000
_TUNES_AT_ONCE = 128
"""Tunes and candidates that are composed together, and written before the next ones are begun."""


@dataclass(frozen=True)
class ModelChoice:
    """The model that composes, and its seed."""

    seed: int | None = option(None, "makes the result reproducible  [default: a new one, printed]")
    model: str | None = option(None, MODEL_HELP)
    int8: bool = option(False, "weights in 8 bits: faster with large models, other music")

    def composer(self) -> tuple[Composer, int]:
        """The composer and the seed."""
        from ..composing.composer import Composer

        keep_libraries_quiet()
        seed = secrets.randbelow(1 << 31) if self.seed is None else self.seed
        return Composer.from_pretrained(self.model, int8=self.int8), seed


def keep_libraries_quiet() -> None:
    """Keep libraries' messages to developers off the terminal, without importing any library for that."""
    os.environ |= {"HF_HUB_VERBOSITY": "error", "TRANSFORMERS_VERBOSITY": "error"}
    for library in ("huggingface_hub", "transformers"):
        if library in sys.modules:
            sys.modules[library].utils.logging.set_verbosity_error()


@command(
    "compose",
    ("remi-two-stage compose --style reel --key G --seed 1", "A reel as ABC, MIDI and MusicXML in the folder out"),
    ("remi-two-stage compose --style hymn --bars 8 --output hymn.pdf", "A four-part hymn, engraved"),
    (
        "remi-two-stage compose --seed 1 --output - | remi-two-stage extend - --output -",
        "A tune and more of it, as ABC",
    ),
)
@with_flags(request=FirstRequest)
@click.option("--count", type=int, default=1, show_default=True, help="number of tunes; seeds count up from --seed")
@click.option("--check-copying", is_flag=True, help="warn of passages copied from the training corpus")
@with_flags(chosen=ModelChoice, sampling=Sampling, destination=Destination, reporting=Reporting)
def compose(
    request: Request,
    count: int,
    check_copying: bool,
    chosen: ModelChoice,
    sampling: Sampling,
    destination: Destination,
    reporting: Reporting,
) -> None:
    """Write a chord plan and the notes over it."""
    if not 1 <= count <= MOST_AT_ONCE:
        raise RequestError(f"--count is {count}; it must be from 1 to {MOST_AT_ONCE}")
    destination.check(reporting, count)
    composer, seed = chosen.composer()
    written: list[tuple[Piece, int]] = []

    def composed() -> Iterator[tuple[Piece, int]]:
        at_once = max(1, _TUNES_AT_ONCE // sampling.candidates)
        for first in range(seed, seed + count, at_once):
            seeds = range(first, min(first + at_once, seed + count))
            with reporting.progress() as progress:
                requests = [request] * len(seeds)
                pieces = composer.compose_batch(requests, seed=first, sampling=sampling, progress=progress)
            written.extend(zip(pieces, seeds, strict=True))
            yield from written[-len(seeds) :]

    destination.write(composed(), reporting, sampling.candidates)
    if check_copying:
        _warn_of_copying(written, chosen.model, reporting)


def _warn_of_copying(written: Sequence[tuple[Piece, int]], model: str | None, reporting: Reporting) -> None:
    from ..evaluation.memorization import CopyingCheck

    check = CopyingCheck.for_model(model)
    for piece, seed in written:
        if (warning := check.warning(piece)) is not None:
            print(f"warning: seed {seed}: {warning}", file=sys.stderr)
    reporting.remark(f"copying checked against {check.corpus_name}", to_stderr=True)


@command(
    "plan",
    ("remi-two-stage plan --style hornpipe --key G --bars 8", "The chords of a hornpipe"),
    (
        "remi-two-stage plan --key D --quiet | remi-two-stage realize - --key D",
        "Chords first, then the notes over them",
    ),
)
@with_flags(request=FirstRequest, chosen=ModelChoice, sampling=Sampling, reporting=Reporting)
def plan(request: Request, chosen: ModelChoice, sampling: Sampling, reporting: Reporting) -> None:
    """Write a chord plan and print it."""
    composer, seed = chosen.composer()
    with reporting.progress() as progress:
        (written,) = composer.plan_batch([request], seed=seed, sampling=sampling, progress=progress)
    reporting.result(written.text() if reporting.quiet else plan_text(written, seed), plan_data(written, seed))


@command(
    "realize",
    ('remi-two-stage realize "D | G A7 | D" --key D --style reel', "Notes over chord names"),
    (
        'remi-two-stage realize "|: I | IV V7 | I | V7 :|" --key Am --output tune.abc',
        "Notes over Roman numerals, repeated",
    ),
)
@click.argument("chords")
@with_fields(Request, "style", "key", "meter", "tempo", "voices")
@with_flags(chosen=ModelChoice, sampling=Sampling, destination=Destination, reporting=Reporting)
def realize(
    chords: str,
    chosen: ModelChoice,
    sampling: Sampling,
    destination: Destination,
    reporting: Reporting,
    **request_fields: Any,
) -> None:
    """Write the notes over your own chord plan.

    CHORDS are Roman numerals, or chord names in the key, with | between bars; - reads them from standard input. Several
    chords in a bar divide its beats; where these do not divide evenly, the earlier chords last longer. In a bar with /,
    each item takes one beat and / holds the chord: D / A7. Repeats and endings are |: :| [1 [2 as in ABC. (A7) is a
    pick-up of one beat, (A7 1/8) one of an eighth note.
    """
    typed = _plan_on_standard_input() if chords == STANDARD_STREAM else chords
    try:
        written = Request(**request_fields).typed(typed)
    except ChordError:
        if typed.lstrip().startswith(("{", "chord plan, ")):
            raise RequestError("this is more than a plan; have it printed alone, by plan --quiet") from None
        if os.path.isfile(chords):
            raise RequestError(f"{chords!r} is a file and no plan; have it read with realize - < {chords}") from None
        raise
    destination.check(reporting)
    composer, seed = chosen.composer()
    with reporting.progress() as progress:
        piece = composer.realize(written, seed=seed, sampling=sampling, progress=progress)
    destination.write([(piece, seed)], reporting, sampling.candidates)


def _plan_on_standard_input() -> str:
    from ..scores.abc_reader import decode_abc

    return decode_abc(standard_input()).removeprefix("\ufeff")


COMMANDS = (compose, plan, realize)
