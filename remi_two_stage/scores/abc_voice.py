"""One voice of an ABC tune on its time line: what each token does to it (ABC standard 2.1, section 4).

Conventions
- Times count from the start of the tune in units (`abc_fields.UNITS_PER_TICK` to a tick).
- A voice is its notes and the boundaries between its bars. What stands on a bar line (repeats, endings, changes of key
  and metre) belongs to the boundary, so that a bar of no length vanishes and its signs stay.
- An accidental holds to the end of its bar in all octaves (`%%propagate-accidentals pitch`, the default, section 11.3).
- A tie joins notes into one, also over bar lines and repeats; a tied note keeps its accidental.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from re import Match
from typing import NamedTuple

from ..core.errors import AbcSyntaxError
from ..core.piece import TICKS_PER_WHOLE, Key, Meter
from .abc_fields import UNITS_PER_TICK, KeySignature
from .abc_tokens import (
    STEPS_PER_OCTAVE,
    WrittenNote,
    parse_bar_line,
    parse_chord,
    parse_endings,
    parse_length,
    parse_note,
)

_SEMITONES = (0, 2, 4, 5, 7, 9, 11)
_MOST_BARS = 20_000
_ANNOTATION_SIGNS = "^_<>@"
_CLOSING = {"[": "]", "{": "}", '"': '"'}
_TUPLET_TIME = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}
"""(p notes take the time of q; the other p depend on the metre (section 4.13)."""


@dataclass(slots=True)
class SungNote:
    """A note on the time line of its voice."""

    start: int
    pitch: int
    end: int


@dataclass(slots=True)
class Boundary:
    """What stands between two bars; the metre and the key are those that hold after it.

    Attributes:
        is_section: A double bar or a part label: a phrase begins here.
        splits_bar: A sign stands here that may part a bar in two, even a dotted line alone.
        pickup_remark: Whether the bar after it is a pick-up, where a remark says so (`write_abc.PICKUP_REMARKS`).
        line: The line of the file, from 1.
    """

    time: int
    meter: Meter | None
    key: Key
    line: int
    repeat_end: bool = False
    repeat_start: bool = False
    endings: tuple[int, ...] = ()
    is_double: bool = False
    is_section: bool = False
    splits_bar: bool = False
    pickup_remark: bool | None = None


class Struck(NamedTuple):
    """A note as it was struck or tied on: its step and alteration as read, and the note that sounds."""

    step: int
    alteration: int
    sung: SungNote


@dataclass(slots=True)
class Layer:
    """What an overlay (`&`) does not share with its voice: accidentals of the bar by letter, and ties that are open."""

    accidentals: dict[int, int] = field(default_factory=dict)
    ties: list[Struck] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a tune's header sets for all its voices."""

    meter: Meter | None
    signature: KeySignature
    unit_length: int


class Voice:
    """The state of one voice while its lines are read; `HANDLERS` says which method reads which token."""

    def __init__(self, name: str, settings: Settings, transposition: int | None) -> None:
        self.name = name
        self.meter = settings.meter
        self.unit_length = settings.unit_length
        self.key = settings.signature.key or Key()
        self.alterations = settings.signature.alterations
        self.transposition = (settings.signature.transposition or 0) if transposition is None else transposition
        self.line = 0
        self.time = 0
        self.notes: list[SungNote] = []
        self.symbols: list[tuple[int, str]] = []
        self.phrase_ends: list[int] = []
        self.boundaries = [Boundary(0, self.meter, self.key, 0)]
        self._overlay_end = 0
        self._layers = [Layer()]
        self._layer = self._layers[0]
        self._layer_number = 0
        self._event: tuple[int, list[Struck]] | None = (
            None  # the last note, chord or rest of this bar, and when it began
        )
        self._broken = (1, 1)
        self._tuplet = (0, 1, 1)  # notes left, and the factor of their lengths

    @property
    def bar_number(self) -> int:
        """Number of the bar that is being read, from 1."""
        return len(self.boundaries)

    @property
    def is_at_bar_start(self) -> bool:
        """Whether nothing stands in this bar yet."""
        return max(self.time, self._overlay_end) == self.boundaries[-1].time

    def set_meter(self, meter: Meter | None) -> None:
        """Change the metre from here on."""
        self.meter = meter
        if self.is_at_bar_start:
            self.boundaries[-1].meter = meter

    def set_key(self, signature: KeySignature) -> None:
        """Change the key, or only the transposition, from here on."""
        if signature.transposition is not None:
            self.transposition = signature.transposition
        if signature.key is None:
            return
        self.key, self.alterations = signature.key, signature.alterations
        if self.is_at_bar_start:
            self.boundaries[-1].key = self.key

    def end_bar(self) -> Boundary:
        """Close the bar, unless nothing stands in it, and give the boundary after it."""
        end = max(self.time, self._overlay_end)
        if end > self.boundaries[-1].time:
            if len(self.boundaries) > _MOST_BARS:
                raise AbcSyntaxError(f"voice {self.name!r} has more than {_MOST_BARS} bars; split the tune")
            self.boundaries.append(Boundary(end, self.meter, self.key, self.line))
        self.time = self._overlay_end = end
        self._layer_number = 0
        self._layer = self._layers[0]
        self._event = None
        for layer in self._layers:
            layer.accidentals.clear()
        return self.boundaries[-1]

    def note(self, match: Match[str]) -> None:
        """A single note."""
        self._strike((parse_note(match[0]),))

    def chord(self, match: Match[str]) -> None:
        """Notes between brackets; the first one's length is the chord's (section 4.17)."""
        chord = parse_chord(match[0])
        for symbol in chord.symbols:
            self._add_symbol(symbol)
        if chord.notes:
            self._strike(chord.notes)

    def rest(self, match: Match[str]) -> None:
        """A rest, visible or not."""
        numerator, denominator = parse_length(match[0][1:])
        start = self.time
        upper, lower = self._take_factor()
        self.time += self.unit_length * numerator * upper // (denominator * lower)
        self._event = start, []
        self._keep_ties(start, [])

    def bar_rest(self, match: Match[str]) -> None:
        """A rest of one or more whole bars."""
        bars, _ = parse_length(match[0][1:])
        length = UNITS_PER_TICK * (self.meter.bar_length if self.meter else TICKS_PER_WHOLE)
        self._keep_ties(self.time, [])
        for number in range(bars):
            if number:
                self.end_bar()
            self.time += length

    def symbol(self, match: Match[str]) -> None:
        """A chord symbol or an annotation (sections 4.18 and 4.19)."""
        self._add_symbol(match[0])

    def broken(self, match: Match[str]) -> None:
        """Broken rhythm: one neighbour gains what the other loses (section 4.4)."""
        if self._event is None:
            return
        halves = 2 ** len(match[0])
        long, short = (2 * halves - 1, halves), (1, halves)
        (upper, lower), self._broken = (long, short) if match[0][0] == ">" else (short, long)
        start, struck = self._event
        self.time = start + (self.time - start) * upper // lower
        for _, _, sung in struck:
            sung.end = start + (sung.end - start) * upper // lower
        self._event = None

    def tuplet(self, match: Match[str]) -> None:
        """(p:q:r puts p notes into the time of q for the next r notes (section 4.13)."""
        numbers = [int(number) if number else 0 for number in match[0][1:].split(":")]
        notes, time, count = (*numbers, 0, 0)[:3]
        if notes < 2:
            return
        is_compound = self.meter is not None and self.meter.is_compound
        self._tuplet = count or notes, time or _TUPLET_TIME.get(notes) or (3 if is_compound else 2), notes

    def tie(self, match: Match[str]) -> None:
        """A tie that does not touch its note."""
        if self._event is not None:
            self._layer.ties = [struck for struck in self._layer.ties if struck not in self._event[1]] + self._event[1]

    def decoration(self, match: Match[str]) -> None:
        """Only a fermata matters: a phrase ends with its bar."""
        if match[0] == "H" or "ferm" in match[0]:
            self.phrase_ends.append(self.time + 1)

    def overlay(self, match: Match[str]) -> None:
        """Go back to the start of the bar with another layer of the voice (section 7.4)."""
        self._overlay_end = max(self.time, self._overlay_end)
        self.time = self.boundaries[-1].time
        self._layer_number += 1
        if self._layer_number == len(self._layers):
            self._layers.append(Layer())
        self._layer = self._layers[self._layer_number]
        self._event = None

    def bar(self, match: Match[str]) -> None:
        """A bar line with its repeats and ending (sections 4.8 to 4.10)."""
        sign = parse_bar_line(match[0])
        boundary = self.end_bar()
        boundary.repeat_end |= sign.repeat_end
        boundary.repeat_start |= sign.repeat_start
        boundary.is_double |= sign.is_double
        boundary.splits_bar |= sign.splits_bar
        boundary.endings = sign.endings or boundary.endings

    def ending(self, match: Match[str]) -> None:
        """A variant ending that begins here, after a bar line or without one."""
        boundary = self.end_bar()
        boundary.endings = parse_endings(match[0])
        boundary.splits_bar = True

    def unclosed(self, match: Match[str]) -> None:
        """A bracket, brace or quotation mark without its partner."""
        raise AbcSyntaxError(f"{match[0]!r} is not closed on its line; add {_CLOSING[match[0]]!r}")

    def ignore(self, match: Match[str]) -> None:
        """Grace notes take no time and are left out."""

    def _add_symbol(self, text: str) -> None:
        text = text[1:-1].strip()
        if text and text[0] not in _ANNOTATION_SIGNS:
            self.symbols.append((self.time, text))

    def _strike(self, written: tuple[WrittenNote, ...]) -> None:
        first = written[0]
        if not first.numerator:
            return
        start = self.time
        upper, lower = self._take_factor()
        unit = self.unit_length * upper
        struck, tied = [], []
        for note in written:
            sounding = self._sound(note, start, start + unit * note.numerator // (note.denominator * lower))
            struck.append(sounding)
            if note.is_tied:
                tied.append(sounding)
        self.time = start + unit * first.numerator // (first.denominator * lower)
        self._event = start, struck
        self._keep_ties(start, tied)

    def _sound(self, note: WrittenNote, start: int, end: int) -> Struck:
        layer = self._layer
        letter = note.step % STEPS_PER_OCTAVE
        alteration = note.alteration
        if alteration is not None:
            layer.accidentals[letter] = alteration
        elif (alteration := layer.accidentals.get(letter)) is None:
            tied = (tie.alteration for tie in layer.ties if tie.step == note.step and tie.sung.end == start)
            alteration = next(tied, self.alterations[letter])
        pitch = _SEMITONES[letter] + 12 * (note.step // STEPS_PER_OCTAVE) + alteration + self.transposition
        for index, tie in enumerate(layer.ties):
            if tie.sung.pitch == pitch and tie.sung.end == start:
                del layer.ties[index]
                tie.sung.end = end
                return Struck(note.step, alteration, tie.sung)
        sung = SungNote(start, pitch, end)
        self.notes.append(sung)
        return Struck(note.step, alteration, sung)

    def _keep_ties(self, start: int, tied: list[Struck]) -> None:
        """Leave open the ties of this event, and those of longer notes in the chord before."""
        if tied or self._layer.ties:
            self._layer.ties = [tie for tie in self._layer.ties if tie.sung.end > start] + tied

    def _take_factor(self) -> tuple[int, int]:
        upper, lower = self._broken
        self._broken = (1, 1)
        left, time, notes = self._tuplet
        if left:
            self._tuplet = left - 1, time, notes
            return upper * time, lower * notes
        return upper, lower


HANDLERS: dict[str, Callable[[Voice, Match[str]], None]] = {
    "note": Voice.note,
    "bar": Voice.bar,
    "symbol": Voice.symbol,
    "rest": Voice.rest,
    "grace": Voice.ignore,
    "tuplet": Voice.tuplet,
    "broken": Voice.broken,
    "ending": Voice.ending,
    "chord": Voice.chord,
    "tie": Voice.tie,
    "decoration": Voice.decoration,
    "bar_rest": Voice.bar_rest,
    "overlay": Voice.overlay,
    "unclosed": Voice.unclosed,
}
"""Token (`abc_tokens.TOKEN`) -> the method that reads it; inline fields are the tune's business."""
