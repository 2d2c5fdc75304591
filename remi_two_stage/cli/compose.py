"""`compose`, `plan` and `realize`: from a request or typed chords to a tune."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from ..core.errors import RequestError
from ..core.vocabulary import STYLES
from .files import STANDARD_STREAM, Destination, plan_data, plan_text
from .flags import command, flag, with_flags
from .output import Reporting

if TYPE_CHECKING:
    from ..composing.composer import Composer
    from ..core.piece import Piece
    from ..core.sampling import Sampling

MOST_AT_ONCE = 1000


@dataclass(frozen=True)
class OpenRequest:
    """What a tune is to be like, style and key left open."""

    style: str | None = flag(None, "such as jig, reel, waltz, hymn, chorale", completions=STYLES)
    key: str = flag("C", "tonic and mode, such as D, Am, Gmix")
    meter: str | None = flag(None, "such as 6/8, 4/4, C|  [default: the style's own]")
    tempo: float | None = flag(None, "quarter notes a minute")
    voices: str | None = flag(None, "names separated by commas, such as S,A,T,B  [default: the style's own]")

    def arguments(self) -> dict[str, Any]:
        """The same as arguments of `Request` and of a `Composer`'s methods."""
        voices = None if self.voices is None else self.voices.split(",")
        meter, tempo = self.meter, self.tempo
        return {"style": style_name(self.style), "key": self.key, "meter": meter, "tempo": tempo, "voices": voices}


@dataclass(frozen=True)
class TuneRequest(OpenRequest):
    """What a tune is to be like."""

    bars: int = flag(16, "1 to 64, pick-ups not counted")
    style: str | None = flag("jig", "such as jig, reel, waltz, hymn, chorale", completions=STYLES)
    key: str = flag("D", "tonic and mode, such as D, Am, Gmix")

    def arguments(self) -> dict[str, Any]:
        """As above, with the bars."""
        return super().arguments() | {"bars": self.bars}


@dataclass(frozen=True)
class Drawn:
    """The model, and how music is drawn from it."""

    seed: int | None = flag(None, "makes the result repeatable  [default: a new one, printed]")
    temperature: float = flag(0.85, "above 1 bolder, below 1 tamer")
    top_k: int = flag(0, "draw from the k likeliest tokens, 0 from all")
    top_p: float = flag(0.95, "draw from the likeliest tokens with this share")
    greedy: bool = flag(False, "always take the likeliest token")
    candidates: int = flag(1, "write as many and keep the likeliest")
    model: str | None = flag(None, "folder or Hub repository  [default: the checkpoint in the package]")
    int8: bool = flag(False, "weights in 8 bits: faster with large models, other music")

    def composer(self) -> tuple[Composer, int, Sampling]:
        """The composer, the seed and the sampling."""
        from ..composing.composer import Composer
        from ..core.sampling import Sampling

        keep_libraries_quiet()
        seed = secrets.randbelow(1 << 31) if self.seed is None else self.seed
        sampling = Sampling(self.temperature, self.top_k, self.top_p, self.greedy, self.candidates)
        return Composer.from_pretrained(self.model, self.int8), seed, sampling


def style_name(typed: str | None) -> str | None:
    """A style as the vocabulary spells it."""
    return None if typed is None else typed.lower().replace(" ", "-")


def keep_libraries_quiet() -> None:
    """Keep what libraries tell developers off the user's terminal; those that are not loaded yet need not be."""
    os.environ |= {"HF_HUB_VERBOSITY": "error", "TRANSFORMERS_VERBOSITY": "error"}
    for library in ("huggingface_hub", "transformers"):
        if library in sys.modules:
            import_module(f"{library}.utils.logging").set_verbosity_error()


@command(
    "compose",
    ("remi-two-stage compose --style reel --key G --seed 1", "A reel as ABC, MIDI and MusicXML in the folder out"),
    ("remi-two-stage compose --style hymn --bars 8 --output hymn.pdf", "A four-part hymn, engraved"),
    ("remi-two-stage compose --seed 1 --output - | remi-two-stage extend - --output -", "A tune that goes on, as ABC"),
)
@with_flags(request=TuneRequest)
@click.option("--count", type=int, default=1, show_default=True, help="how many, with seeds from --seed on")
@click.option("--check-copying", is_flag=True, help="warn of passages from the corpus that the model learnt from")
@with_flags(drawn=Drawn, destination=Destination, reporting=Reporting)
def compose(
    request: TuneRequest,
    count: int,
    check_copying: bool,
    drawn: Drawn,
    destination: Destination,
    reporting: Reporting,
) -> None:
    """Write a chord plan and the notes over it."""
    from ..core.request import Request

    asked = Request(**request.arguments())
    if not 1 <= count <= MOST_AT_ONCE:
        raise RequestError(f"--count is {count}; it must be from 1 to {MOST_AT_ONCE}")
    destination.check(reporting, count)
    composer, seed, sampling = drawn.composer()
    with reporting.progress() as progress:
        pieces = composer.compose_batch([asked] * count, seed, sampling, progress)
    written = list(zip(pieces, range(seed, seed + count), strict=True))
    destination.write(written, reporting)
    if check_copying:
        _warn_of_copying(written, drawn.model, reporting)


def _warn_of_copying(written: Sequence[tuple[Piece, int]], model: str | None, reporting: Reporting) -> None:
    from ..evaluation.memorization import CopyingCheck

    check = CopyingCheck.for_model(model)
    for piece, seed in written:
        if (warning := check.warning(piece)) is not None:
            print(f"warning: seed {seed}: {warning}", file=sys.stderr)
    reporting.remark(f"copying checked against {check.corpus_name}", to_stderr=True)


@command(
    "plan",
    ("remi-two-stage plan --style waltz --key G --bars 8", "The chords of a waltz"),
    (
        "remi-two-stage plan --key D --quiet | remi-two-stage realize - --key D",
        "Chords first, then the notes over them",
    ),
)
@with_flags(request=TuneRequest, drawn=Drawn, reporting=Reporting)
def plan(request: TuneRequest, drawn: Drawn, reporting: Reporting) -> None:
    """Write a chord plan and print it."""
    from ..core.request import Request

    Request(**request.arguments())
    composer, seed, sampling = drawn.composer()
    with reporting.progress() as progress:
        written = composer.plan(**request.arguments(), seed=seed, sampling=sampling, progress=progress)
    reporting.result(written.text() if reporting.quiet else plan_text(written, seed), plan_data(written, seed))


@command(
    "realize",
    ('remi-two-stage realize "D | G A7 | D" --key D --style reel', "Notes over chords by name"),
    (
        'remi-two-stage realize "|: I | IV V7 | I | V7 :|" --key Am --output tune.abc',
        "Notes over Roman numerals, repeated",
    ),
)
@click.argument("chords")
@with_flags(request=OpenRequest, drawn=Drawn, destination=Destination, reporting=Reporting)
def realize(chords: str, request: OpenRequest, drawn: Drawn, destination: Destination, reporting: Reporting) -> None:
    """Write the notes over your own chord plan.

    CHORDS are Roman numerals, or names in the key, with a line | between bars; - reads them from standard input. They
    divide the beats of their bar; with / each item takes a beat and / holds: D / A7. Repeats and endings are |: :| [1
    [2 as in ABC, (A7) is a pick-up of one beat, (A7 1/8) one of an eighth note.
    """
    from ..core.request import Request

    typed = sys.stdin.read() if chords == STANDARD_STREAM else chords
    written = Request(**request.arguments()).typed(typed)
    destination.check(reporting)
    composer, seed, sampling = drawn.composer()
    with reporting.progress() as progress:
        piece = composer.realize(written, seed=seed, sampling=sampling, progress=progress)
    destination.write([(piece, seed)], reporting)


COMMANDS = (compose, plan, realize)
