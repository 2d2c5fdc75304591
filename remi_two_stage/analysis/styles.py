"""The style of a tune that states none, where title, metre and rhythm leave no doubt.

Conventions
- A title says a style by its last word ("The Stony Steps Hornpipe", but not "The Reel of Tulloch"), in the metres in
  which that style is written.
- Without such a word, a melody in 6/8, 9/8 or 12/8 that runs in eighth notes through repeated strains of eight bars is
  a jig, a slip jig or a slide. Songs and airs in these metres have other rhythms and rarely repeats. Reels and
  hornpipes, or airs and waltzes, cannot be told apart by rhythm.
- `benchmarks/style_inference.py` measures both on tunes whose style is stated.
"""

from __future__ import annotations

import re

from ..core.piece import Piece
from ..core.signatures import TICKS_PER_QUARTER
from ..core.voices import MELODY

_COMMON, _TRIPLE, _COMPOUND = ("2/2", "4/4", "2/4"), ("3/4", "3/8"), ("6/8",)
_TITLES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("slip-jig", "jig|gigg?", ("9/8",)),
    ("slide", "slide", ("12/8",)),
    ("jig", "jig|gigg?", _COMPOUND),
    ("reel", "reel", _COMMON),
    ("hornpipe", "hornpipe", _COMMON),
    ("strathspey", "strathspey", _COMMON),
    ("highland-fling", "fling", _COMMON),
    ("schottische", "schottische", _COMMON),
    ("barndance", "barn ?dance", _COMMON),
    ("polka", "polka", _COMMON),
    ("walkaround", "walk ?around", _COMMON),
    ("gavotte", "gavotte?", _COMMON),
    ("march", "march|quick[ -]?step", (*_COMMON, *_COMPOUND)),
    ("waltz", "waltz|valse", _TRIPLE),
    ("minuet", "minuett?o?", _TRIPLE),
    ("mazurka", "mazurka", _TRIPLE),
    ("air", "air|lament", (*_COMMON, *_TRIPLE, *_COMPOUND)),
    ("song", "song", (*_COMMON, *_TRIPLE, *_COMPOUND)),
)
"""Style, the words that say it, and the metres in which it is written."""
_AT_END = r"\b({words})s?\W*(, *the|no\. *\d+)?\W*$"
_BY_TITLE = tuple(
    (style, re.compile(_AT_END.format(words=words), re.IGNORECASE), meters) for style, words, meters in _TITLES
)
_METERS = {style: meters for style, _, meters in _TITLES}
_RUNNING: dict[str, str] = {"6/8": "jig", "9/8": "slip-jig", "12/8": "slide"}
_LEAST_RUNNING = 0.6
"""Share of eighth notes among the notes of a jig."""
_STRAIN = 8
_LEAST_REPEATS = 2
_EIGHTH = TICKS_PER_QUARTER // 2


def infer_style(piece: Piece, section: str | None = None) -> str | None:
    """The style that a tune is in by its title, its place in a book, or its metre and rhythm; None where they leave a
    doubt, and for several voices.

    Args:
        section: The style of the dances among which it stands in its book.
    """
    if piece.voices != (MELODY,) or piece.meter is None or any(bar.meter != piece.meter for bar in piece.bars):
        return None
    meter = str(piece.meter)
    titles = [(style, meters) for style, words, meters in _BY_TITLE if words.search(piece.title)]
    titled = next((style for style, meters in titles if meter in meters), None)
    if titled is not None:
        return titled
    if section is not None and meter in _METERS.get(section, ()):
        return section
    running = _RUNNING.get(meter)
    is_sure = not titles and running is not None and _has_strains(piece)
    return running if is_sure and _running_part(piece) >= _LEAST_RUNNING else None


def _has_strains(piece: Piece) -> bool:
    """Whether the bars are strains of eight bars, two of them or more repeated."""
    return piece.bar_count % _STRAIN == 0 and sum(bar.repeat_end for bar in piece.bars) >= _LEAST_REPEATS


def _running_part(piece: Piece) -> float:
    """The share of eighth notes among the notes."""
    lengths = [note.duration for bar in piece.bars for note in bar.notes[0]]
    return lengths.count(_EIGHTH) / max(1, len(lengths))
