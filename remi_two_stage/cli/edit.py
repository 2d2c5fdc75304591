"""`extend`, `rewrite` and `harmonize`: continue an existing tune, rewrite bars of it, or add voices."""

from __future__ import annotations

import re
from collections.abc import Sequence

import click

from ..composing.arguments import EXTENDED_BY
from ..core.errors import RequestError
from ..core.request import Request
from ..core.sampling import Sampling
from ..core.text import counted
from ..core.voices import FOUR_PARTS
from .compose import ModelChoice
from .edited import EditDestination, Original
from .files import OnlySource
from .flags import command, with_fields, with_flags
from .output import Reporting

_score = click.argument("score", metavar="FILE")


@command(
    "extend",
    ("remi-two-stage extend tune.abc --bars 8", "Eight more bars"),
    ("remi-two-stage extend book.abc --tune 2 --output longer.musicxml", "The second tune of a file, longer"),
)
@_score
@click.option("--bars", type=int, default=EXTENDED_BY, show_default=True, help="number of bars to add, 1 to 63")
@with_flags(source=OnlySource, chosen=ModelChoice, sampling=Sampling, destination=EditDestination, reporting=Reporting)
def extend(
    score: str,
    bars: int,
    source: OnlySource,
    chosen: ModelChoice,
    sampling: Sampling,
    destination: EditDestination,
    reporting: Reporting,
) -> None:
    """Continue a tune, which stays note for note.

    Where the result has FILE's own format, it is written into FILE's text: all else in it stays as it is. New bars are
    played last: after the Fine of a D.C. or D.S. they are a coda, after an order of parts (P:) a further part.

    FILE is an .abc, .mid, .musicxml, .mxl or .krn file; - reads standard input.
    """
    original = Original.read(score, source)
    destination.check_for(original, reporting)
    composer, seed = chosen.composer()
    with reporting.progress() as progress:
        piece = composer.extend(original.piece, bars, seed=seed, sampling=sampling, progress=progress)
    destination.write_edit(original, piece, seed, reporting, sampling.candidates)


@command(
    "rewrite",
    ("remi-two-stage rewrite tune.abc 5-8", "New notes in bars 5 to 8, over the same chords"),
    ("remi-two-stage rewrite tune.abc 5-8 --in-place", "The same in the file itself; all else in it stays as it is"),
    ('remi-two-stage rewrite tune.abc 5-8 --chords "IV | V7 | I | I"', "New chords there, and notes over them"),
)
@_score
@click.argument("bars")
@click.option("--chords", help='new chords for these bars, such as "IV | V7 | I"  [default: the old ones]')
@with_flags(source=OnlySource, chosen=ModelChoice, sampling=Sampling, destination=EditDestination, reporting=Reporting)
def rewrite(
    score: str,
    bars: str,
    chords: str | None,
    source: OnlySource,
    chosen: ModelChoice,
    sampling: Sampling,
    destination: EditDestination,
    reporting: Reporting,
) -> None:
    """Rewrite some bars of a tune; all others stay as they are.

    Where the result has FILE's own format, it is written into FILE's text: all else in it stays as it is. Bars are
    counted as written: what a repeat or a jump has played again is rewritten once.

    FILE is an .abc, .mid, .musicxml, .mxl or .krn file; - reads standard input. BARS are the first and the last bar,
    such as 5-8, or a single bar. Pick-ups are not counted.
    """
    original = Original.read(score, source)
    asked = _numbers_of(bars, original.piece.bar_count)
    destination.check_for(original, reporting)
    composer, seed = chosen.composer()
    with reporting.progress() as progress:
        piece = composer.rewrite(original.piece, asked, chords=chords, seed=seed, sampling=sampling, progress=progress)
    destination.write_edit(original, piece, seed, reporting, sampling.candidates)


@command(
    "harmonize",
    ("remi-two-stage harmonize melody.mid --voices S,A,T,B", "A melody as a chorale"),
    (
        "remi-two-stage harmonize tune.abc --voices M,B --plan inferred",
        "A bass below a tune, over chords inferred from it",
    ),
)
@_score
@click.option(
    "--plan",
    help='chords, bar by bar, such as "I | V7 | I"; or inferred, to infer them from the melody; or planned, to let the '
    "planner write them  [default: the melody's own, or planned]",
)
@with_fields(
    Request,
    style="such as chorale or hymn  [default: chorale for four voices, else the melody's own]",
    voices="names, high to low  [default: S,A,T,B, or M,A,T,B if no singer has the melody's range]",
)
@with_flags(source=OnlySource, chosen=ModelChoice, sampling=Sampling, destination=EditDestination, reporting=Reporting)
def harmonize(
    score: str,
    plan: str | None,
    style: str | None,
    voices: Sequence[str] | None,
    source: OnlySource,
    chosen: ModelChoice,
    sampling: Sampling,
    destination: EditDestination,
    reporting: Reporting,
) -> None:
    """Add chords and voices to a melody, which stays note for note.

    Where the result has FILE's own format, it is written into FILE's text, whose lines of melody stay as they are.

    A melody outside the range of all the named voices moves to another key, by as little as brings it into a range.

    FILE is an .abc, .mid, .musicxml, .mxl or .krn file; - reads standard input.
    """
    from ..analysis.key_estimation import restated
    from ..composing.tasks import placed

    original = Original.read(score, source)
    piece = original.piece
    destination.check_for(original, reporting)
    composer, seed = chosen.composer()
    with reporting.progress() as progress:
        harmonized = composer.harmonize(
            piece, plan, style=style, voices=voices, seed=seed, sampling=sampling, progress=progress
        )
    part, semitones = placed(piece, harmonized.voices)
    heard = harmonized.key
    if not semitones and heard != piece.key:
        harmonized = restated(harmonized, [bar.key for bar in piece.bars])
        remark = f"the melody is heard in {heard.spoken}, not in {piece.key.spoken}, and harmonised so"
        reporting.remark(remark, destination.is_stream)
    destination.write_edit(original, harmonized, seed, reporting, sampling.candidates)
    highest = (Request(voices=voices or FOUR_PARTS).voices or FOUR_PARTS)[0]
    if semitones:
        way = f"{counted(abs(semitones), 'semitone')} {'up' if semitones > 0 else 'down'}"
        reporting.remark(
            f"the melody is outside the range of every voice: it moves {way}, to {harmonized.key.spoken}, and becomes "
            f"{part}",
            destination.is_stream,
        )
    elif part != highest:
        reporting.remark(f"the melody is outside the range of {highest}: it becomes {part}", destination.is_stream)


def _numbers_of(bars: str, count: int) -> tuple[int, int]:
    """The first and the last of the bars that are typed, of a tune with so many."""
    numbers = re.fullmatch(r"(\d{1,5})(?:[-–](\d{1,5}))?", bars)  # word processors make a dash of the hyphen
    first, last = (int(numbers[1]), int(numbers[2] or numbers[1])) if numbers else (0, 0)
    if not 1 <= first <= last <= count:
        raise RequestError(
            f"the bars are {bars!r}; write the first and the last, such as 5-8, or one number; the tune has "
            f"{counted(count, 'bar')}"
        )
    return first, last


COMMANDS = (extend, rewrite, harmonize)
