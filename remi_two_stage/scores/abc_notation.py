"""What is written beside the notes of an ABC tune, from its signs to the records of `core.notation`.

Conventions
- Signs before a note, a rest or a chord stand at its start, those before a bar line at the last one of the bar; slurs,
  grace notes, hairpins and octave lines that begin there wait for the next note. Signs of jumps belong to a bar: where
  a place to jump to stands before a bar line, to the bar after it.
- A slur ends the innermost one that is open, but never one that begins at the same note, so that slurs may be chained:
  `(A(B)C)`; one that begins before grace notes and ends at their note is theirs.
- Notes under an octave line are written as they sound, as abc2midi and abc2svg have them.
- Of two coda signs the first is where playing leaves for the second, unless `!dacoda!` says that.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ..core.abc_notation import MARK_NAME
from ..core.abc_spelling import is_name_of, names_in_signature
from ..core.notation import (
    HAIRPINS,
    JUMPS,
    LINES,
    SIGNS_AFTER,
    SIGNS_BEFORE,
    SLUR,
    Clef,
    ClefSign,
    Grace,
    GraceNote,
    Lyric,
    Mark,
    Notation,
    Span,
    Spelling,
    Text,
    grace_unit,
)
from ..core.signatures import Key, fifths_of
from .abc_fields import LETTERS, UNITS_PER_TICK
from .abc_signs import WrittenText
from .abc_state import SungNote, maker_of
from .abc_tokens import NATURALS, STEPS_PER_OCTAVE, WrittenGrace, WrittenNote

CLEF, TEXT, MARK, GRACE, SLUR_KIND, LINE, SPELLING, LYRIC = range(8)
"""Kinds of records, in the order in which they are kept at a place."""

TimedRecord = tuple[int, int, int, Any]
"""When a record stands, its kind, its rank among those of its kind there, and what it says: a `WrittenText`, the name
of a clef or a mark, a `Grace` at no place, the name of a span (whose rank is its end, the last one first), the name of
a note (whose rank is its pitch), or text, verse and joint of a syllable (whose rank is its verse).
"""

Sign = str | WrittenText | Grace
"""What stands before a note: the name of a decoration, "(" for a slur, an annotation, or grace notes at no place."""

_LINE_STARTS = {f"{name}(": name for name in LINES}
_LINE_ENDS = {f"{name})": name for name in LINES}
_JUMP_SIGNS = frozenset((*SIGNS_BEFORE, *SIGNS_AFTER, *JUMPS))
_ACTIVE_SIGNS = frozenset(("(", *_LINE_STARTS, *_LINE_ENDS, *_JUMP_SIGNS))
_FERMATAS = ("fermata", "invertedfermata")
_MOST_SLURS = 32
"""Open at a time; more are a mistake, and would take long to tell apart."""
_SPANS = (SLUR_KIND, LINE)
_RANKED = (MARK, GRACE, TEXT)
"""Kinds of records whose rank is the order in which they were read."""
_FIFTHS_OF_STEPS = tuple(map(fifths_of, LETTERS))
_HALF_TICK = UNITS_PER_TICK // 2

_lyric, _grace = maker_of(Lyric), maker_of(Grace)
_mark = lru_cache(maxsize=4096)(Mark)
_span = lru_cache(maxsize=4096)(Span)


class VoiceNotation:
    """What stands beside the notes of one voice while its lines are read.

    Attributes:
        records: What stands at a place, in the order in which it was read.
        jumps: Signs of jumps, with the time whose bar they belong to.
        pending: Signs that wait for the next note.
        losses: What had no place.
    """

    def __init__(self) -> None:
        self.records: list[TimedRecord] = []
        self.jumps: list[tuple[int, str]] = []
        self.pending: list[Sign] = []
        self.losses: dict[str, int] = {}
        self._slurs: list[tuple[int, int]] = []
        self._graced: tuple[int, int] | None = None  # a slur that begins before grace notes
        self._lines: dict[str, int] = {}

    def place(self, signs: Iterable[Sign], time: int, layer: int) -> None:
        """Give signs to the note or rest that begins here, in a layer of the voice."""
        records = self.records
        for sign in signs:
            if sign.__class__ is str:
                if sign == "(":
                    if len(self._slurs) < _MOST_SLURS:
                        self._slurs.append((layer, time))
                    else:
                        self.lose("a slur without an end")
                elif sign not in _ACTIVE_SIGNS:
                    records.append((time, MARK, len(records), sign))
                else:
                    self._line_or_jump(sign, time)
            elif isinstance(sign, Grace):
                self._graced = (layer, time) if (layer, time) in self._slurs else None
                records.append((time, GRACE, len(records), sign))
            else:
                records.append((time, TEXT, len(records), sign))

    def clef(self, name: Clef, time: int) -> None:
        """A clef from here on."""
        self.records.append((time, CLEF, len(self.records), name))

    def end_slur(self, layer: int, last: int | None) -> None:
        """A slur ends at the last note, which begins at `last`."""
        if last is not None and self._slurs:
            begun_in, start = self._slurs[-1]
            if begun_in == layer and start < last:  # most slurs
                del self._slurs[-1]
                self.records.append((start, SLUR_KIND, -last, SLUR))
                return
        for slur in reversed(self._slurs):
            begun_in, start = slur
            if begun_in == layer and last is not None and (start < last or slur == self._graced):
                self._slurs.remove(slur)
                if start < last:
                    self.records.append((start, SLUR_KIND, -last, SLUR))
                else:
                    self._slur_graces()
                return
        if last is not None and (layer, last) in self._slurs:
            self._slurs.remove((layer, last))
        self.lose("a slur without an end")

    def lose(self, reason: str, count: int = 1) -> None:
        """Count what has no place."""
        if count:
            self.losses[reason] = self.losses.get(reason, 0) + count

    def add_layer(self, layer: VoiceNotation) -> None:
        """Take over what stands beside the notes of another voice on the same staff, after one's own where both say
        something.
        """
        own = len(self.records)
        self.records += [
            (time, kind, rank + own * (kind in _RANKED), said)
            for time, kind, rank, said in layer.records
            if kind != CLEF
        ]

    def _slur_graces(self) -> None:
        """The last grace notes are slurred to their note."""
        index = next(index for index in reversed(range(len(self.records))) if self.records[index][1] == GRACE)
        time, kind, rank, grace = self.records[index]
        self.records[index] = time, kind, rank, replace(grace, is_slurred=True)
        self._graced = None

    def fermatas(self) -> list[int]:
        """When the notes and rests begin that have a fermata."""
        return [time for time, kind, _, said in self.records if kind == MARK and said in _FERMATAS]

    def end_bar(self, time: int, last: int | None) -> None:
        """What waits before a bar line goes to the last note of its bar, as far as it does not belong to the next."""
        waiting, self.pending[:] = self.pending[:], []
        for sign in waiting:
            if sign in _JUMP_SIGNS:
                self.jumps.append((time if sign in SIGNS_BEFORE else time - 1, str(sign)))
            elif sign == "(" or isinstance(sign, Grace) or sign in _LINE_STARTS:
                self.pending.append(sign)
            elif last is not None:
                self.place((sign,), last, 0)

    def end_line(self, time: int) -> None:
        """A jump that stands after the last bar line of a line of music, at `time`, is that of the bar before."""
        for sign in [sign for sign in self.pending if sign in _JUMP_SIGNS and sign not in SIGNS_BEFORE]:
            self.pending.remove(sign)
            self.jumps.append((max(0, time - 1), str(sign)))

    def end(self, time: int, last: int | None) -> None:
        """The voice ends."""
        self.end_line(time)
        for sign in self.pending:
            if sign == "(":
                self.lose("a slur without an end")
            elif isinstance(sign, Grace):
                self.lose("grace notes without a note")
            elif last is not None:
                self.place((sign,), last, 0)
        self.pending.clear()
        self.lose("a slur without an end", len(self._slurs))
        for name in self._lines:
            self._lose_line(name)

    def _line_or_jump(self, sign: str, time: int) -> None:
        if sign in _JUMP_SIGNS:
            self.jumps.append((time, sign))
        elif name := _LINE_STARTS.get(sign):
            if name in self._lines:
                self._lose_line(name)
            self._lines[name] = time
        elif (name := _LINE_ENDS[sign]) in self._lines:
            self.records.append((self._lines.pop(name), LINE, -time, name))
        else:
            self._lose_line(name)

    def _lose_line(self, name: str) -> None:
        self.lose("a hairpin without an end" if name in HAIRPINS else "an octave line without an end")


def grace_of(written: WrittenGrace, scale: Sequence[int], transposition: int) -> Grace | None:
    """Grace notes at no place, given the MIDI number of every step; None if none can be heard."""
    own, unit = list(scale), grace_unit(len(written.notes))
    groups = [[_grace_note(note, own, transposition, unit) for note in together] for together in written.notes]
    notes = tuple(tuple(filter(None, together)) for together in groups)
    return Grace(0, tuple(filter(None, notes)), written.is_slashed) if any(notes) else None


def _grace_note(note: WrittenNote, scale: list[int], transposition: int, unit: int) -> GraceNote | None:
    """A grace note in a group whose notes last so many ticks; its accidental changes the scale."""
    if note.alteration is not None:
        for step in range(note.step % STEPS_PER_OCTAVE, len(scale), STEPS_PER_OCTAVE):
            scale[step] = NATURALS[step] + note.alteration
    pitch = scale[note.step] + transposition
    ticks = max(1, (unit * note.numerator + note.denominator // 2) // note.denominator)
    return GraceNote(pitch, ticks, written_name(note.step, pitch, transposition)) if 0 <= pitch <= 127 else None


def names_in_bar(
    notes: Sequence[SungNote], start: int, transposition: int, usual_scale: Sequence[int] | None
) -> Iterator[TimedRecord]:
    """The names of the last notes of a voice, from the start of a bar on, but not of those in the scale of the key."""
    for sung in reversed(notes):
        onset, pitch, _, step = sung
        if onset < start:
            break
        if usual_scale is None or usual_scale[step] != pitch - transposition:
            yield onset, SPELLING, pitch, written_name(step, pitch, transposition)


@lru_cache(maxsize=4096)
def written_name(step: int, pitch: int, transposition: int) -> int:
    """The place of a note's written name on the line of fifths, moved as far as its pitch is."""
    moved = 7 * transposition % 12
    moved -= 12 * (moved > 6)
    return _FIFTHS_OF_STEPS[step % STEPS_PER_OCTAVE] + 7 * (pitch - transposition - NATURALS[step]) + moved


def notation_by_bar(
    records: Sequence[Sequence[TimedRecord]], times: Sequence[int], lengths: Sequence[int], keys: Sequence[Key]
) -> list[tuple[tuple[Notation, ...], ...]]:
    """The notation of each bar, a tuple a voice.

    Args:
        records: Of each voice.
        times: Where bars begin, in units, and the last one ends.
        lengths: Of the bars, in ticks.
        keys: Of the bars.
    """
    voices = [_voice_by_bar(sorted(of_voice), times, lengths, keys) for of_voice in records]
    bars: list[tuple[tuple[Notation, ...], ...]] = [()] * len(lengths)
    if len(voices) == 1:
        for bar, alone in voices[0].items():
            bars[bar] = (tuple(alone),) if alone else ()
        return bars
    for bar in set().union(*voices):
        found = [tuple(by_bar.get(bar, ())) for by_bar in voices]
        if any(found):
            bars[bar] = tuple(found)
    return bars


def _voice_by_bar(
    records: Sequence[TimedRecord], times: Sequence[int], lengths: Sequence[int], keys: Sequence[Key]
) -> dict[int, list[Notation]]:
    """The notation of those bars that have any."""
    bars: dict[int, list[Notation]] = {}
    bar = left = right = length = 0
    key, names = keys[0], names_in_signature(keys[0])
    for time, kind, rank, said in records:
        if not left <= time < right:
            bar = _bar_at(time, times)
            left, right, length = times[bar], times[bar + 1], lengths[bar]
            found = bars.setdefault(bar, [])
        onset = (time - left + _HALF_TICK) // UNITS_PER_TICK
        if onset >= length:
            onset = length - 1
        if kind == CLEF:
            found = [record for record in found if not (isinstance(record, ClefSign) and record.onset == onset)]
            bars[bar] = [*found, ClefSign(onset, said)]
            found = bars[bar]
        elif kind == LYRIC:
            text, verse, joint = said
            found.append(_lyric(onset, text, verse, joint))
        elif kind == MARK:
            _add_once(found, _mark(onset, said))
        elif kind in _SPANS:
            end = bar if -rank < right else _bar_at(-rank, times)
            _add_once(found, _span(onset, said, end - bar, _onset(-rank - times[end], lengths[end])))
        elif kind == TEXT:
            found.append(Text(onset, *said))
        elif kind == GRACE:
            found.append(_grace(onset, said.notes, said.is_slashed, said.is_slurred))
        else:
            if keys[bar] is not key:
                key, names = keys[bar], names_in_signature(keys[bar])
            if said not in names and is_name_of(said, rank):
                _add_once(found, Spelling(onset, rank, said))
    return bars


def _add_once(found: list[Notation], record: Notation) -> None:
    """Add what two layers may both say; what is found is in the order of time."""
    for other in reversed(found):
        if other == record:
            return
        if other.onset != record.onset:
            break
    found.append(record)


def _bar_at(time: int, times: Sequence[int]) -> int:
    """Index of the bar that a time lies in; what stands after the last one is put there."""
    return min(bisect_right(times, time), len(times) - 1) - 1


def _onset(time: int, length: int) -> int:
    """A time after a bar's start in ticks, before its end."""
    onset = (time + _HALF_TICK) // UNITS_PER_TICK
    return onset if onset < length else length - 1


def jumps_by_bar(jumps: Sequence[tuple[int, str]], times: Sequence[int]) -> list[tuple[str, ...]]:
    """The signs of jumps of each bar, those that stand before it first; two voices may say the same."""
    last = len(times) - 2
    signs = sorted({(_bar_at(time, times), time, sign) for time, sign in jumps})
    codas = [sign for sign in signs if sign[2] == "coda"]
    if len({bar for bar, _, _ in codas}) > 1 and not any(sign == "dacoda" for _, _, sign in signs):
        bar, time, _ = codas[0]
        signs[signs.index(codas[0])] = (bar - (bar > 0 and time == times[bar]), time, "dacoda")
    bars: list[dict[str, None]] = [{} for _ in range(last + 1)]
    for are_before in (True, False):
        for bar, _, sign in signs:
            if (sign in SIGNS_BEFORE) == are_before:
                bars[bar][sign] = None
    return [tuple(bar) for bar in bars]


def jumps_within_bars(jumps: Iterable[tuple[int, str]], times: Sequence[int], onsets: Collection[int]) -> int:
    """How many signs of jumps stand between the notes of a bar, which is played as one with them."""
    return sum(
        any(
            times[bar] < time < times[bar + 1] and (onset < time if sign in SIGNS_BEFORE else time < onset)
            for onset in onsets
            if times[bar] <= onset < times[bar + 1]
        )
        for time, sign in set(jumps)
        for bar in [_bar_at(time, times)]
    )


def is_mark(name: str) -> bool:
    """Whether a decoration can be kept by its name."""
    return MARK_NAME.fullmatch(name) is not None
