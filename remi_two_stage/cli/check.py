"""`check`: marks the voice-leading of scores as a teacher of harmony would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from .files import read_tunes
from .flags import command, with_flags
from .output import Reporting

if TYPE_CHECKING:
    from ..analysis.score_checking import CheckedScore
    from ..core.piece import Piece


@command(
    "check",
    ("remi-two-stage check hymn.abc", "Parallels, crossings and other faults of a hymn"),
    ("remi-two-stage check book.musicxml --json", "The same for a program, with the source of each rule"),
)
@click.argument("score", metavar="FILE")
@with_flags(reporting=Reporting)
def check(score: str, reporting: Reporting) -> None:
    """Mark the voice-leading of a score in several voices.

    FILE is an .abc, .mid, .musicxml, .mxl or .krn file; - reads standard input. All its tunes are checked for parallel
    fifths, octaves and unisons, voices that cross or overlap, upper voices more than an octave apart, notes outside a
    singer's range, leading notes that are doubled or do not rise to the tonic, and an end on another chord than the
    tonic triad.
    """
    from ..analysis.score_checking import check_score

    tunes = [(piece, check_score(piece)) for piece in read_tunes(score)]
    reporting.result(
        "\n".join(line for tune in tunes for line in _lines(*tune)), {"tunes": [_data(*tune) for tune in tunes]}
    )


def _lines(piece: Piece, checked: CheckedScore) -> Sequence[str]:
    faults = [f"  {fault.place}: {fault.text}" for fault in checked.faults]
    return [piece.title or "Untitled", *faults, f"  {checked.summary}"]


def _data(piece: Piece, checked: CheckedScore) -> dict[str, Any]:
    return {
        "title": piece.title,
        "faults": [
            {
                "rule": fault.rule,
                "bar": fault.bar,
                "pickup": fault.is_pickup,
                "beat": float(fault.beat),
                "voices": list(fault.voices),
                "text": fault.text,
                "source": fault.source,
            }
            for fault in checked.faults
        ],
        "changes": checked.changes,
        "per_100_changes": checked.rates,
    }


COMMANDS = (check,)
