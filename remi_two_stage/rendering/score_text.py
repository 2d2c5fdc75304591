"""A piece as lines of text: what it is, then its bars in ABC, four a line, with the chords over them.

Conventions
- The music is that of `write_abc`, as it sounds, less the remarks that only its reader needs; chord symbols move to a
  line above.
- Lines begin with the number of their first full bar, or with the name of the voice where there are several. A tenor's
  line is written an octave above where it sounds, as in scores.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ..core.abc_systems import systems
from ..core.abc_writer import write_abc
from ..core.errors import ScoreError
from ..core.piece import Piece
from ..core.signatures import TICKS_PER_QUARTER
from ..core.text import counted

_CHORD = re.compile(r'"([^"]*)"')
_MOST_PRINTED = 32
_REMARK = re.compile(r"\[(?:r:|I:printtempo )[^\]]*\] ?")
_FIELD = re.compile("([IKLMNPQRTUVWmrsw]):")
"""A line of a tune's body that holds no music; those letters are no notes."""


def score_text(piece: Piece) -> str:
    """The piece as a musician reads it: title, style, key, metre, tempo, length, and chords over the bars.

    Raises:
        ScoreError: as in `write_abc`.
    """
    return "\n".join([*filter(None, (piece.title, _description(piece))), "", *_music(piece)])


def short_score_text(piece: Piece) -> str:
    """The same for `print`: of a long piece the first bars, and of what cannot be written as ABC its `repr`."""
    try:
        if piece.bar_count <= _MOST_PRINTED:
            return score_text(piece)
        bars = piece.bars[: piece.bar_numbers.index(_MOST_PRINTED // 2 + 1)]
        begun = replace(piece, bars=bars, part_order=(), source=None)
        left = counted(piece.bar_count - begun.bar_count, "more bar")
        return "\n".join([*filter(None, (piece.title, _description(piece))), "", *_music(begun), f"... {left}"])
    except ScoreError:
        return repr(piece)


def _description(piece: Piece) -> str:
    facts = [piece.style or "", piece.key.spoken, str(piece.meter or "free metre"), _tempo(piece)]
    facts.append(counted(piece.bar_count, "bar") + (" after a pick-up" if piece.bars[0].is_pickup else ""))
    facts.append(f"voices {' '.join(piece.voices)}" if len(piece.voices) > 1 else "")
    return ", ".join(filter(None, facts))


def _tempo(piece: Piece) -> str:
    """Beats of the metre a minute."""
    if not piece.tempo:
        return ""
    return f"{piece.tempo * TICKS_PER_QUARTER / piece.bars[0].beat_length:.4g} beats a minute"


def _music(piece: Piece) -> Iterator[str]:
    players = tuple([replace(player, transposition=0) for player in piece.instruments])
    text = write_abc(replace(piece, instruments=players), overlays=True)
    lines = text[text.index("\nK:") + 1 :].splitlines()[1:]
    labels = piece.voices if len(piece.voices) > 1 else ("",)
    width = max(len(str(piece.bar_count)), *map(len, labels))
    numbers = [piece.bar_numbers[first] + piece.bars[first].is_pickup for first, _ in systems(piece.bars)]
    sung, label = 0, ""
    for line in lines:
        if field := _FIELD.match(line):
            if field[1] == "P":
                label = line[2:]
            elif field[1] == "w":
                yield f"{'':{width}}  {line[2:].strip()}"
            continue
        system, voice = divmod(sung, len(labels))
        sung += 1
        music = _REMARK.sub("", line.removeprefix(f"[V:{piece.voices[voice]}] "))
        if voice == 0:
            number = str(numbers[system])
            if system and len(labels) > 1:
                yield ""
            if label:
                yield f"{'':{width}}  {label}"
                label = ""
            if chords := _chords_over(music):
                yield f"{'' if not labels[0] else number:>{width}}  {chords}".rstrip()
        name = labels[voice] or number
        yield f"{name:>{width}}  {_CHORD.sub('', music)}"


def _chords_over(music: str) -> str:
    """The chord symbols of a line of ABC, each over what it stands before."""
    over, taken = "", 0
    for match in _CHORD.finditer(music):
        place = match.start() - taken
        over = f"{over} " if over and len(over) >= place else f"{over:{place}}"
        over += match[1]
        taken += len(match[0])
    return over
