"""A piece as a piano roll: notes by time and pitch, coloured by voice, over the chord plan.

Conventions
- Bars stand as written, several a row, on one time scale; pitches rise by semitone, C is named, black keys are shaded.
- A note that belongs to the chord it begins in is filled, any other hollow; the chord's pitches are tinted behind it.
- A chord holds until the next one, over bar lines too.
- Colours are those of Okabe and Ito, which colour-blind eyes tell apart.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from ..core.arguments import check_is_piece
from ..core.chords import pitch_classes
from ..core.piece import Bar, Piece
from ..core.signatures import TICKS_PER_QUARTER
from .picture import A4_WIDTH, MARGIN, Picture, Strip, fitted_text, title_row, xml_text

VOICE_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f")
_BLACK_KEYS = {1, 3, 6, 8, 10}
_QUARTER_WIDTH = 60.0
_LANE = 16.0
_LEFT = 75.0
_NUMBERS, _PLAN = 34.0, 64.0
_TEXT_SIZE, _SMALL_SIZE = 34.0, 28.0
_LINE, _GRID, _SHADE, _TINT = "#444444", "#d5d5d5", "#f1f1f1", "#fff0b8"


def piano_roll(piece: Piece, width: float = A4_WIDTH) -> Picture:
    """The piano roll of a piece.

    Args:
        width: Of the picture in tenths of a millimetre.

    Raises:
        RequestError: the piece is none, such as the list that `read_score` returns.
    """
    check_is_piece(piece, "draw")
    return Picture(
        piece.title or "Piano roll", (_heading(piece, width - 2 * MARGIN), *_Roll(piece, width).rows()), width
    )


@dataclass(frozen=True, slots=True)
class _Chord:
    """A stretch of time, in ticks from the piece's start, with its chord."""

    start: int
    end: int
    name: str
    label: str
    pitch_classes: frozenset[int]


class _Roll:
    """The rows of one piece."""

    def __init__(self, piece: Piece, width: float) -> None:
        self._piece = piece
        self._numbers = piece.bar_numbers
        self._starts = list(accumulate((bar.length for bar in piece.bars), initial=0))
        self._chords = list(_chords(piece, self._starts))
        pitches = [note.pitch for bar in piece.bars for sung in bar.notes for note in sung] or [60, 72]
        self._low, self._high = min(pitches) - 1, max(pitches) + 1
        self._height = (self._high - self._low + 1) * _LANE
        space = width - 2 * MARGIN - _LEFT
        self._lines = list(_lines(piece.bars, space / _QUARTER_WIDTH * TICKS_PER_QUARTER))
        longest = max(self._starts[end] - self._starts[first] for first, end in self._lines)
        self._scale = min(space / longest, 2 * _QUARTER_WIDTH / TICKS_PER_QUARTER)

    def rows(self) -> list[Strip]:
        """As many bars a row as fit."""
        return [Strip("".join(self._row(first, end)), _NUMBERS + self._height + _PLAN) for first, end in self._lines]

    def _row(self, first: int, end: int) -> Iterator[str]:
        start, stop = self._starts[first], self._starts[end]
        right = _LEFT + (stop - start) * self._scale
        chords = [chord for chord in self._chords if chord.start < stop and chord.end > start]
        yield from self._lanes(right)
        for chord in chords:
            yield from self._chord_tones(chord, start, stop)
        for index in range(first, end):
            yield from self._bar_lines(index, start)
        yield _line(right, _NUMBERS, right, _NUMBERS + self._height + _PLAN, _LINE, 3)
        for voice in range(len(self._piece.voices)):
            yield from self._notes(voice, start, stop)
        for chord in chords:
            yield from self._chord(chord, start, stop)

    def _x(self, time: int, start: int) -> float:
        return _LEFT + (time - start) * self._scale

    def _y(self, pitch: int) -> float:
        return _NUMBERS + (self._high - pitch) * _LANE

    def _lanes(self, right: float) -> Iterator[str]:
        yield _rect(_LEFT, _NUMBERS, right - _LEFT, self._height, f'fill="white" stroke="{_GRID}" stroke-width="2"')
        for pitch in range(self._low, self._high + 1):
            y = self._y(pitch)
            if pitch % 12 in _BLACK_KEYS:
                yield _rect(_LEFT, y, right - _LEFT, _LANE, f'fill="{_SHADE}"')
            if pitch % 12 == 0:
                yield _line(_LEFT, y + _LANE, right, y + _LANE, _GRID, 2)
                yield _text(_LEFT - 12, y + _LANE - 2, f"C{pitch // 12 - 1}", _SMALL_SIZE, "end")

    def _chord_tones(self, chord: _Chord, start: int, stop: int) -> Iterator[str]:
        left, right = self._x(max(chord.start, start), start), self._x(min(chord.end, stop), start)
        for pitch in range(self._low, self._high + 1):
            if pitch % 12 in chord.pitch_classes:
                yield _rect(left, self._y(pitch), right - left, _LANE, f'fill="{_TINT}"')

    def _bar_lines(self, index: int, start: int) -> Iterator[str]:
        """The line before a bar, its beats, its number, and repeat signs and endings."""
        bar, begin, end = self._piece.bars[index], self._starts[index], self._starts[index + 1]
        x, bottom = self._x(begin, start), _NUMBERS + self._height
        for beat in bar.beats[1:]:
            beat_x = self._x(begin + beat, start)
            yield _line(beat_x, _NUMBERS, beat_x, bottom, _GRID, 1.5)
        yield _line(x, _NUMBERS, x, bottom + _PLAN, _LINE, 3)
        number = "" if bar.is_pickup else str(self._numbers[index])
        ending = f"[{','.join(map(str, bar.endings))}." if bar.endings else ""
        yield _text(x + 4, _NUMBERS - 8, f"{number}  {ending}".strip(), _SMALL_SIZE)
        if bar.repeat_start:
            yield from self._repeat(x, 14)
        if bar.repeat_end:
            yield from self._repeat(self._x(end, start), -14)

    def _repeat(self, x: float, side: float) -> Iterator[str]:
        yield _line(x, _NUMBERS, x, _NUMBERS + self._height + _PLAN, _LINE, 9)
        for y in (_NUMBERS + self._height / 2 - 18, _NUMBERS + self._height / 2 + 18):
            yield f'<circle cx="{x + side:.1f}" cy="{y:.1f}" r="5" fill="{_LINE}"/>'

    def _notes(self, voice: int, start: int, stop: int) -> Iterator[str]:
        colour = VOICE_COLOURS[voice % len(VOICE_COLOURS)]
        for bar, bar_start in zip(self._piece.bars, self._starts, strict=False):
            for note in bar.notes[voice]:
                onset, end = bar_start + note.onset, bar_start + note.onset + note.duration
                if onset < stop and end > start:
                    left, right = self._x(max(onset, start), start), self._x(min(end, stop), start)
                    fill = colour if self._is_chord_tone(note.pitch, onset) else "white"
                    style = f'rx="4" fill="{fill}" stroke="{colour}" stroke-width="4"'
                    yield _rect(left + 2, self._y(note.pitch) + 2, max(right - left - 4, 4), _LANE - 4, style)

    def _is_chord_tone(self, pitch: int, time: int) -> bool:
        """Whether a pitch belongs to the chord at a time; where none is known, nothing contradicts it."""
        index = bisect_right(self._chords, time, key=lambda chord: chord.start) - 1
        if index < 0 or self._chords[index].end <= time:
            return True
        return pitch % 12 in self._chords[index].pitch_classes

    def _chord(self, chord: _Chord, start: int, stop: int) -> Iterator[str]:
        """The chord's name and Roman numeral under the roll; on later rows in brackets, for it sounds on."""
        left, right = self._x(max(chord.start, start), start), self._x(min(chord.end, stop), start)
        top = _NUMBERS + self._height
        yield _rect(left, top, right - left, _PLAN, f'fill="{_TINT}" stroke="{_LINE}" stroke-width="2"')
        name, label = (chord.name, chord.label) if chord.start >= start else (f"({chord.name})", "")
        name, size = fitted_text(name, _TEXT_SIZE, right - left - 8)
        yield _text(left + 6, top + 30, name, size)
        label, size = fitted_text(label, _SMALL_SIZE, right - left - 8)
        yield _text(left + 6, top + 56, label, size, style='font-style="italic"')


def _lines(bars: Sequence[Bar], most: float) -> Iterator[tuple[int, int]]:
    """First bar and the one after the last of each row of at most `most` ticks; a row has whole bars, at least one."""
    first, length = 0, 0
    for index, bar in enumerate(bars):
        if index > first and length + bar.length > most:
            yield first, index
            first, length = index, 0
        length += bar.length
    yield first, len(bars)


def _chords(piece: Piece, starts: Sequence[int]) -> Iterator[_Chord]:
    """Every known chord with the time it holds."""
    found = [
        (start + chord.onset, chord.name(piece.key, bar.key), chord.label)
        for bar, start in zip(piece.bars, starts, strict=False)
        for chord in bar.chords
    ]
    for (start, name, label), (end, *_) in pairwise([*found, (starts[-1], "", "")]):
        if name and end > start:
            yield _Chord(start, end, name, label, pitch_classes(label, piece.key.pitch_class))


def _heading(piece: Piece, width: float) -> Strip:
    """Title and legend, on as many lines as it takes."""
    title = title_row(piece.title, width)
    parts, height = [title.content], title.height
    height += 2 * _TEXT_SIZE
    x = _LEFT
    entries = [(name, colour, colour) for name, colour in zip(piece.voices, _colours(len(piece.voices)), strict=True)]
    entries = entries if len(entries) > 1 else []
    entries += [
        ("in the chord", _LINE, _LINE),
        ("not in the chord", "white", _LINE),
        ("pitches of the chord", _TINT, _TINT),
    ]
    for name, fill, stroke in entries:
        end = x + 50 + 0.5 * _TEXT_SIZE * len(name)
        if end > width and x > _LEFT:
            x, end, height = _LEFT, end - x + _LEFT, height + 1.5 * _TEXT_SIZE
        parts.append(_rect(x, height - 20, 36, 16, f'rx="4" fill="{fill}" stroke="{stroke}" stroke-width="4"'))
        parts.append(_text(x + 48, height - 2, name, _TEXT_SIZE))
        x = end + 50
    return Strip("".join(parts), height)


def _colours(count: int) -> list[str]:
    return [VOICE_COLOURS[voice % len(VOICE_COLOURS)] for voice in range(count)]


def _rect(x: float, y: float, width: float, height: float, style: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" {style}/>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float) -> str:
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def _text(x: float, y: float, text: str, size: float, anchor: str = "start", style: str = "") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size:.1f}" text-anchor="{anchor}"'
    return f"<text {place} {style}>{xml_text(text)}</text>"
