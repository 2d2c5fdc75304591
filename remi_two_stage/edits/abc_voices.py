"""New voices in the text of an ABC file, beside a melody whose lines stay as they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ..core.abc_notation import instrument_text
from ..core.piece import Piece
from ..core.voices import clef_of
from ..scores.abc_fields import signature_of
from ..scores.voices import usual_instruments
from .abc_file import AbcFile
from .abc_habits import Habits
from .abc_places import PlacedTune, Setting
from .abc_style import FileVoiceWriter, Manner
from .changes import Change

_SCORE = re.compile(r"%%(?:score|staves)\b|I:\s*(?:score|staves)\b")


def with_voices(
    file: AbcFile, tune: PlacedTune, after: Piece, change: Change, habits: Habits, is_explicit: bool
) -> None:
    """Write the voices that a piece has after an edit below the melody, and what the header says of them."""
    (melody,) = tune.voice_ids
    is_named = melody in tune.voice_lines.values() or melody in tune.staffs
    (kept,) = change.voices
    names = _names(after, kept, melody if is_named else None)
    clefs = [clef_of(name, _pitches(after, voice)) for voice, name in enumerate(after.voices)]
    _write_header(file, tune, after, names, clefs, kept, is_named)
    first = min(token.line for token in tune.tokens)
    if min(tune.voice_lines, default=first + 1) > first:  # else its music would be the last voice's of the header
        file.insert_after(first - 1, [f"V:{names[kept]}"])
    new = []
    for voice in change.voices_added:
        manner = Manner(_settings(tune, after, clefs[voice]), habits, has_symbols=False, is_explicit=is_explicit)
        new += [f"V:{names[voice]}", *_lines(tune, after, voice, manner)]
    file.insert_after(tune.last_lines[melody], new)


def _names(after: Piece, kept: int, melody: str | None) -> list[str]:
    """The names of all voices in the text: the melody keeps its own."""
    names = list(after.voices)
    if melody is not None:
        names[kept] = melody
    is_taken = [names.count(name) > 1 and index != kept for index, name in enumerate(names)]
    return [f"{name}_new" if taken else name for name, taken in zip(names, is_taken, strict=True)]


def _write_header(
    file: AbcFile, tune: PlacedTune, after: Piece, names: list[str], clefs: Sequence[str], kept: int, is_named: bool
) -> None:
    """Write the order of the voices, and a V: line for each new one, before the K: line."""
    usual = usual_instruments(after.voices)
    lines = []
    for voice, (name, clef) in enumerate(zip(names, clefs, strict=True)):
        if voice != kept:
            moved = " octave=0 transpose=0" if tune.transposes else ""
            lines.append(f"V:{name} clef={clef}{moved}{instrument_text(usual[voice])}")
        elif not is_named:
            lines.append(f"V:{name}{instrument_text(usual[voice])}")
    header = range(tune.first_line, tune.key_line)
    score = next((index for index in header if _SCORE.match(file.lines[index])), None)
    if score is None:
        lines.insert(0, "%%score " + " ".join(names))
    else:
        own = re.compile(rf"(?<![^\s()\[\]{{}}|*]){re.escape(names[kept])}(?![^\s()\[\]{{}}|*])")
        file.replace(score, own.sub(" ".join(names), file.lines[score], count=1))
    file.insert_after(tune.key_line - 1, lines)


def _pitches(piece: Piece, voice: int) -> list[int]:
    return [note.pitch for bar in piece.bars for note in bar.notes[voice]]


def _settings(tune: PlacedTune, after: Piece, clef: str) -> dict[int, Setting]:
    """How a new voice is written in each bar: in a key that comes later with its own signature."""
    setting, home = tune.setting_of_new_voice(clef), after.bars[0].key
    return {
        index: setting if bar.key == home else replace(setting, alterations=signature_of(bar.key))
        for index, bar in enumerate(after.bars)
    }


def _lines(tune: PlacedTune, after: Piece, voice: int, manner: Manner) -> list[str]:
    """The music of a new voice, in lines that end where the melody's do."""
    writer = FileVoiceWriter(after, voice, manner)
    starts = _line_starts(tune, len(after.bars))
    return [writer.line(*bars) for bars in zip(starts, [*starts[1:], len(after.bars)], strict=True)]


def _line_starts(tune: PlacedTune, count: int) -> list[int]:
    """Indices of the bars with which the melody's lines begin."""
    (melody,) = tune.voice_ids
    lines: dict[int, int] = {}
    for index in range(count):
        for bar in tune.bars_of(melody, index)[:1]:
            for token in tune.tokens:
                if token.bar == bar and token.kind not in ("bar", "ending", "field"):
                    lines.setdefault(token.line, index)
                    break
    starts = sorted(set(lines.values()))
    return starts if starts[:1] == [0] else [0, *starts]
