"""New voices in the text of an ABC file, beside a melody whose lines stay as they are."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

from ..core.abc_bar_lines import key_text
from ..core.abc_notation import instrument_text, staff_text
from ..core.piece import Piece
from ..core.voices import clef_of
from ..scores.abc_fields import signature_of
from ..scores.voices import usual_instruments
from .abc_file import AbcFile
from .abc_habits import Habits
from .abc_places import PlacedTune, Setting
from .abc_style import FileVoiceWriter, Manner
from .changes import Change

_FIELD = re.compile("[KLM]:")
_COMMENT = re.compile(r"(?<!\\)%.*")
_FRAME = ("bar", "ending", "field")
_SCORE = re.compile(r"%%(?:score|staves)\b|I:\s*(?:score|staves)\b")


def with_voices(
    file: AbcFile, tune: PlacedTune, after: Piece, change: Change, habits: Habits, is_explicit: bool
) -> None:
    """Write the voices that a piece has after an edit, and what the header says of them: below the melody, or below
    each line of it where these say whose they are.
    """
    (melody,) = tune.voice_ids
    is_named = melody in tune.voice_lines.values() or melody in tune.staffs
    (kept,) = change.voices
    names = _names(after, kept, melody if is_named else None)
    clefs = [clef_of(name, _pitches(after, voice)) for voice, name in enumerate(after.voices)]
    _write_header(file, tune, after, names, clefs, kept, is_named)
    sections = _sections(tune, after)
    is_in_parts = len(sections) > 1
    begins = [min(_lines_of(tune, section[0])) for section in sections]
    if not any(line <= begins[0] for line in tune.voice_lines):  # else its music would be the header's last voice's
        file.insert_after(begins[0] - 1 if is_in_parts else tune.key_line, [f"V:{names[kept]}"])
    opened = {} if is_named or is_in_parts else _unsaid_repeats(tune, after)
    for line in opened.values():
        file.insert_after(line - 1, ["|:\\"])
    first_fields = [] if is_in_parts else _fields_before_music(tune, begins[0])
    manners = {
        voice: Manner(_settings(tune, after, clefs[voice]), habits, has_symbols=False, is_explicit=is_explicit)
        for voice in change.voices_added
    }
    alike = _with_written_signs(tune, after, opened)
    writers = {voice: FileVoiceWriter(alike, voice, manner) for voice, manner in manners.items()}
    line_ends = _line_ends(tune, file)
    if not is_in_parts and not first_fields and not _key_line(after, 0) and _names_each_line(tune):
        for bars in sections[0]:
            lines = [f"[V:{names[voice]}] {writer.line(bars.start, bars.stop)}" for voice, writer in writers.items()]
            file.insert_after(max(_lines_of(tune, bars)), [line + line_ends[bars.start] for line in lines])
        return
    for number, section in enumerate(sections):
        said_before = [*_key_line(after, section[0].start), *first_fields]
        new = []
        for voice, writer in writers.items():
            music = [writer.line(bars.start, bars.stop) + line_ends[bars.start] for bars in section]
            new += [f"V:{names[voice]}", *said_before, *music]
        is_last = number + 1 == len(sections)
        last_line = tune.last_lines[melody] if is_last else max(_lines_of(tune, section[-1]))
        file.insert_after(last_line, new)
        if not is_last:
            begin = begins[number + 1] - 1
            labels = [line for line in range(last_line + 1, begin + 1) if file.lines[line].startswith("P:")]
            file.insert_after(min(labels, default=begin), [f"V:{names[kept]}"])


def _names_each_line(tune: PlacedTune) -> bool:
    """Whether every line of music begins with a `V:` in brackets."""
    firsts = {line: next(tokens) for line, tokens in groupby(tune.tokens, key=lambda token: token.line)}
    return all(first.kind == "field" and first.value[0] == "V" for first in firsts.values())


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
            lines.append(f"V:{name}{moved}{staff_text(clef, usual[voice])}")
        elif not is_named:
            lines.append(f"V:{name}{instrument_text(usual[voice])}")
    header = range(tune.first_line, tune.key_line)
    if names[kept].isdigit() and not any(file.lines[index].startswith("V:") for index in header):
        lines.insert(0, f"V:{names[kept]}")  # else abc2midi takes the first new voice for it
    score = next((index for index in header if _SCORE.match(file.lines[index])), None)
    own_staff = [names[kept], *tune.layers_of(names[kept])]
    staffs = [f"({' '.join(own_staff)})" if name == names[kept] and len(own_staff) > 1 else name for name in names]
    if score is None:
        lines.insert(0, "%%score " + " ".join(staffs))
    else:
        own = re.compile(rf"(?<![^\s()\[\]{{}}|*]){re.escape(names[kept])}(?![^\s()\[\]{{}}|*])")
        file.replace(score, own.sub(" ".join(staffs), file.lines[score], count=1))
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


def _fields_before_music(tune: PlacedTune, first: int) -> list[str]:
    """The lines between K: and the first of music that hold for one voice alone, once voices are named."""
    lines = tune.lines[tune.key_line - tune.first_line + 1 : first - tune.first_line]
    return [line for line in lines if _FIELD.match(line)]


def _key_line(after: Piece, index: int) -> list[str]:
    """The key in which a new voice goes on at a bar, for programs in which a change in one voice holds for the next; no
    line where the key never changes.
    """
    if all(bar.key == after.key for bar in after.bars):
        return []
    return [f"K:{key_text(after.bars[max(0, index - 1)].key)}"]


def _unsaid_repeats(tune: PlacedTune, after: Piece) -> dict[int, int]:
    """Indices of the bars with which lines begin to which a repeat goes back without a written `|:`, with the lines.
    Once voices are named, abc2midi takes the first bars for too short without it where they are a pick-up, and does not
    repeat later ones.
    """
    signs = [(bar.repeat_end, is_written) for bar, is_written in zip(after.bars, tune.has_repeat_start, strict=True)]
    goes_to_start = next((ends and not begins for ends, begins in signs if ends or begins), False)
    return {
        index: line
        for index, line in _line_starts(tune).items()
        if not tune.has_repeat_start[index]
        if (after.bars[index].repeat_start if index else goes_to_start and after.bars[0].is_pickup)
    }


def _with_written_signs(tune: PlacedTune, after: Piece, opened: Collection[int]) -> Piece:
    """The piece with `|:` only where the melody has it, so that programs that play each voice by itself keep them
    together, and without labels of parts, which the melody's lines say.
    """
    bars = zip(after.bars, tune.has_repeat_start, strict=True)
    marked = tuple(
        replace(bar, repeat_start=is_written or index in opened, part="")
        for index, (bar, is_written) in enumerate(bars)
    )
    return replace(after, bars=marked, part_order=())


def _sections(tune: PlacedTune, after: Piece) -> list[list[range]]:
    """The bars of the melody's lines: those of each part together, where there is an order of parts."""
    starts = [*_line_starts(tune)]
    lines = [range(*bars) for bars in zip(starts, [*starts[1:], len(after.bars)], strict=True)]
    begins = [index for index, bar in enumerate(after.bars) if bar.part]
    if not after.part_order or not {*begins} <= {*starts}:
        return [lines]
    sections: list[list[range]] = []
    for bars in lines:
        if not sections or bars.start in begins:
            sections.append([])
        sections[-1].append(bars)
    return sections


def _lines_of(tune: PlacedTune, bars: range) -> list[int]:
    """The lines of the text that hold some bars of the melody and the words beneath."""
    (melody,) = tune.voice_ids
    own = {bar for index in bars for bar in tune.bars_of(melody, index)}
    times = range(tune.times[bars.start], tune.times[bars.stop])
    lines = [token.line for token in tune.tokens if token.bar in own and token.kind != "field"]
    return [*lines, *(each.line for each in tune.syllables if each.onset is not None and each.onset in times)]


def _line_ends(tune: PlacedTune, file: AbcFile) -> dict[int, str]:
    """What ends each of the melody's lines, by its first bar: the sign that the music goes on in the same staff, where
    the melody has it. Voices with other numbers of staves are taken for one another by some programs.
    """
    begins = _line_starts(tune)
    music = sorted({token.line for token in tune.tokens if token.kind not in _FRAME})
    ends = {}
    for (bar, _), (_, following) in pairwise([*begins.items(), (0, len(file.lines))]):
        last = max((line for line in music if line < following), default=0)
        ends[bar] = "\\" if _COMMENT.sub("", file.lines[last]).rstrip().endswith("\\") else ""
    return ends


def _line_starts(tune: PlacedTune) -> dict[int, int]:
    """Indices of the bars with which the melody's lines begin, with the lines."""
    (melody,) = tune.voice_ids
    index_of = {bar: index for index in range(len(tune.times) - 1) for bar in tune.bars_of(melody, index)[:1]}
    lines: dict[int, int] = {}
    for index, bar in sorted((index, bar) for bar, index in index_of.items()):
        line = next((token.line for token in tune.tokens if token.bar == bar and token.kind not in _FRAME), None)
        if line is not None and line not in lines.values():
            lines[index] = line
    return lines if 0 in lines else {0: tune.key_line, **lines}
