"""How rewritten bars join the music around them, beside the bars that stood there.

In every tune, four bars that some precede and some follow are rewritten, which ones as the seed says. Measured are how
far the first voice leaps over both seams, from its last note before one to its first one after it, and how far the new
bars go beyond the range of the tune as it was. The figures of real music are those of the same bars before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from ..composing.composer import Composer
from ..composing.tasks import numbered_bars
from ..core.errors import RequestError
from ..core.piece import Piece
from .estimates import Count, Measure

REWRITTEN = 4
"""Bars that are rewritten in each tune."""
_SIXTH, _THIRD = 9, 4
"""Semitones of the major ones."""
_NONE = "none, since it is the tune's own figure that counts"


@dataclass(frozen=True)
class Joined:
    """A piece with the bars from `first` up to `stop` (indices) that are looked at, and the tune as it was."""

    piece: Piece
    first: int
    stop: int
    tune: Piece

    @property
    def pitches(self) -> list[int]:
        """MIDI numbers of the first voice in the bars that are looked at."""
        return _pitches(self.piece, self.first, self.stop)


def rewritten(composer: Composer, tunes: Iterable[Piece], count: int, seed: int) -> tuple[list[Joined], list[Joined]]:
    """At most `count` tunes of one voice with four bars rewritten, and the same tunes as they were. Each has a seed of
    its own: from one seed the new bars would begin alike in all tunes.
    """
    chance = Random(seed)
    new: list[Joined] = []
    own: list[Joined] = []
    for tune in tunes:
        if len(new) == count:
            break
        if len(tune.voices) > 1 or tune.bar_count < REWRITTEN + 2:
            continue
        number = chance.randrange(2, tune.bar_count - REWRITTEN + 1)
        try:
            bars = number, number + REWRITTEN - 1
            piece = composer.rewrite(tune, bars, seed=seed + len(new))
        except RequestError:  # the bars are in an ending that is too long to be shown
            continue
        first, last = numbered_bars(tune, bars)
        new.append(Joined(piece, first, last + 1, tune))
        own.append(Joined(tune, first, last + 1, tune))
    return new, own


def _pitches(piece: Piece, first: int, stop: int) -> list[int]:
    return [note.pitch for bar in piece.bars[first:stop] for note in bar.notes[0]]


def leap_in(joined: Joined) -> int | None:
    """Semitones from the last note before the bars to their first one."""
    before = _pitches(joined.piece, 0, joined.first)
    return abs(joined.pitches[0] - before[-1]) if joined.pitches and before else None


def leap_out(joined: Joined) -> int | None:
    """Semitones from the last note of the bars to the first one after them."""
    after = _pitches(joined.piece, joined.stop, len(joined.piece.bars))
    return abs(after[0] - joined.pitches[-1]) if joined.pitches and after else None


def leaps(joined: Joined) -> Iterator[int]:
    """Semitones by which the voice leaps over each seam that has notes on both sides."""
    yield from (leap for leap in (leap_in(joined), leap_out(joined)) if leap is not None)


def _mean_leap(joined: Joined) -> Count | None:
    found = list(leaps(joined))
    return (sum(found), len(found)) if found else None


def _mean_leap_in(joined: Joined) -> Count | None:
    return None if (leap := leap_in(joined)) is None else (leap, 1)


def _mean_leap_out(joined: Joined) -> Count | None:
    return None if (leap := leap_out(joined)) is None else (leap, 1)


def _wide_leaps(joined: Joined) -> Count | None:
    found = list(leaps(joined))
    return (sum(leap > _SIXTH for leap in found), len(found)) if found else None


def _within_range(joined: Joined) -> Count | None:
    """Whether the bars keep within the tune's own range and a third beyond it."""
    sung = _pitches(joined.tune, 0, len(joined.tune.bars))
    if not joined.pitches or not sung:
        return None
    return float(min(joined.pitches) >= min(sung) - _THIRD and max(joined.pitches) <= max(sung) + _THIRD), 1


def _range(joined: Joined) -> Count | None:
    return (max(joined.pitches) - min(joined.pitches), 1) if joined.pitches else None


def _length(joined: Joined) -> Count | None:
    lengths: Sequence[int] = [
        note.duration for bar in joined.piece.bars[joined.first : joined.stop] for note in bar.notes[0]
    ]
    return (sum(lengths), 24 * len(lengths)) if lengths else None


SEAMS = {
    "leap at seams": Measure(
        _mean_leap, "semitones from the last note before a seam to the first after it", None, _NONE
    ),
    "leap in": Measure(_mean_leap_in, "semitones from the last note before the four bars to their first", None, _NONE),
    "leap out": Measure(_mean_leap_out, "semitones from the last note of the four bars to the next", None, _NONE),
    "leaps over a sixth": Measure(_wide_leaps, "seams at which the voice leaps over a major sixth", None, _NONE),
    "within the range": Measure(
        _within_range, "rewrites whose notes keep within the tune's range and a third beyond", None, _NONE
    ),
    "range": Measure(_range, "semitones from the lowest to the highest note of the four bars", None, _NONE),
    "note length": Measure(_length, "mean length of the notes of the four bars, in quarter notes", None, _NONE),
}
"""Of four bars of a tune, with the bars around them."""
