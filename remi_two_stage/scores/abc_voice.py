"""One voice of an ABC tune on its time line: what each token does to it (ABC standard 2.1, section 4).

Conventions
- Times count from the start of the tune in units (`abc_fields.UNITS_PER_TICK` to a tick).
- A voice is its notes and the boundaries between its bars. What stands on a bar line (repeats, endings, changes of key
  and metre) belongs to the boundary, so that a bar of no length vanishes and its signs stay.
- An accidental holds to the end of its bar in all octaves, unless `%%propagate-accidentals` says else (section 11.3).
- A tie joins notes into one, also over bar lines and repeats; a tied note keeps its pitch whatever the accidentals.
- A tuplet within a tuplet, and broken rhythm after a tuplet's last note, before a rest of whole bars or between notes
  of unequal lengths, have no effect, as in the other programs.
- The notes of a percussion clef, and of MIDI's channel 10, have no pitch: they are counted and left out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from operator import attrgetter

from ..core.abc_writer import MOST_BARS
from ..core.errors import AbcSyntaxError
from ..core.layers import MOST_OVERLAYS
from ..core.signatures import TICKS_PER_WHOLE, Key, Meter
from .abc_fields import UNITS_PER_TICK, KeySignature, Staff, parse_accidental
from .abc_lyrics import VoiceLyrics
from .abc_notation import VoiceNotation, grace_of, is_mark, names_in_bar
from .abc_signs import WrittenText
from .abc_state import END, END_OF, PITCH, STEP, Boundary, BrokenNotes, Event, Layer, Settings, SungNote
from .abc_tokens import (
    NATURALS,
    STEPS_PER_OCTAVE,
    BarLine,
    BrokenRhythm,
    SignedNote,
    WrittenChord,
    WrittenGrace,
    WrittenNote,
    WrittenTuplet,
    scale_of,
    usual_scale,
)

_PERCUSSION_CHANNEL = 10
_SEMITONES_PER_OCTAVE = 12
_MOST_UNITS_SHORT = 99
"""What the lengths of a tuplet's notes, each rounded down, lack at most at its end."""
_TUPLET_TIME = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}
"""(p notes take the time of q; the other p depend on the metre (section 4.13)."""


class Voice:
    """The state of one voice while its lines are read; `abc_handlers` says which method reads which token."""

    __slots__ = (
        "_awaits_note", "_broken", "_channel", "_event", "_is_double_repeat", "_last_event", "_layer", "_layer_number",
        "_layers", "_lost_ties", "_main_end", "_overlay_start", "_pitched", "_scale_of_key", "_staff", "_tuplet",
        "_usual_scale", "_waiting_part", "boundaries", "commas", "instrument_transposition", "key", "lyrics", "meter",
        "microtones", "midi_transposition", "name", "notation", "notes", "pending", "percussion", "phrase_ends",
        "propagation", "scale", "symbols", "time", "transposition", "unit_length",
    )  # fmt: skip

    def __init__(self, name: str, settings: Settings, staff: Staff) -> None:
        self.name = name
        self.meter = settings.meter
        self.unit_length = settings.unit_length
        self.key = settings.signature.key or Key()
        self.midi_transposition = settings.midi_transposition
        self.propagation = settings.propagation
        self.commas = settings.commas
        self.time = 0
        self.notes: list[SungNote] = []
        self.percussion: list[SungNote] = []
        self.symbols: list[tuple[int, str]] = []
        self.notation = VoiceNotation()
        self.lyrics = VoiceLyrics() if settings.has_lyrics else None
        self.phrase_ends: list[int] = []
        self.microtones = self._lost_ties = 0
        self.boundaries = [Boundary(0, self.meter, self.key, 0, part=settings.part)]
        self.scale = scale_of(settings.signature.alterations)  # where no accidental stands
        self._scale_of_key = usual_scale(self.key)
        self._usual_scale: Sequence[int] | None = None  # in which every note has the name that the key gives it
        self.pending = self.notation.pending
        self._layers = [Layer(self.scale)]
        self._layer, self._layer_number = self._layers[0], 0
        self._main_end: int | None = None  # where the bar ends, once an overlay has begun in it
        self._overlay_start: int | None = None  # where the overlay of several bars begins that is open
        self._is_double_repeat = False  # whether the last bar line was "::"
        self._event: Event | None = None  # the last one of this bar
        self._last_event: Event | None = None  # that of the bars before
        self._broken: BrokenNotes | None = None
        self._waiting_part: tuple[int, str] | None = None  # since when, and its label, where it stands within a bar
        self._tuplet: tuple[int, int, int] | None = None  # notes left, and the factor of their lengths
        self._awaits_note = False  # whether a tuplet, a broken rhythm or signs do
        self._pitched = self.notes
        self._staff, self._channel = Staff(), 0
        self.set_staff(staff.over(settings.signature.staff))

    @property
    def bar_number(self) -> int:
        """Number of the bar that is being read, from 1."""
        return len(self.boundaries)

    @property
    def open_ties(self) -> int:
        """How many ties have no second note."""
        return self._lost_ties + sum(len(layer.ties) for layer in self._layers)

    @property
    def semitones(self) -> int:
        """Semitones from written to sounding pitch."""
        return self.transposition + self.midi_transposition

    @property
    def _last_onset(self) -> int | None:
        """When the last note or rest begins; None where there is none yet."""
        event = self._event or self._last_event
        return event[0] if event else None

    @property
    def is_at_bar_start(self) -> bool:
        """Whether nothing stands in this bar yet."""
        return self.time == self.boundaries[-1].time and self._main_end is None

    def set_meter(self, meter: Meter | None) -> None:
        """Change the metre from here on."""
        self.meter = meter
        if self.is_at_bar_start:
            self.boundaries[-1].meter = meter

    def set_staff(self, staff: Staff) -> None:
        """Change clef and transposition from here on, as far as they are said."""
        before = self._staff.clef
        self._staff = staff.over(self._staff)
        clef, transposition, _ = self._staff
        if clef and clef.name and clef != before:
            self.notation.clef(clef.name, self.time)
        self.transposition = (transposition or 0) + (clef.transposition if clef else 0)
        self._set_usual_scale(self.is_at_bar_start)
        if not self.time:
            self.instrument_transposition = self._staff.of_instrument
        if self.is_at_bar_start:
            self.boundaries[-1].semitones = self.semitones
        is_percussion = (clef is not None and clef.is_percussion) or self._channel == _PERCUSSION_CHANNEL
        self.notes = self.percussion if is_percussion else self._pitched

    def _set_usual_scale(self, is_bar_start: bool) -> None:
        is_usual = is_bar_start and self.transposition % _SEMITONES_PER_OCTAVE == 0
        self._usual_scale = self._scale_of_key if is_usual else None

    def set_channel(self, channel: int) -> None:
        """Change MIDI's channel from here on."""
        self._channel = channel
        self.set_staff(Staff())

    def set_key(self, signature: KeySignature) -> None:
        """Change the key, or only the clef and the transposition, from here on."""
        self.set_staff(signature.staff)
        if signature.key is None:
            return
        self.key, self._scale_of_key = signature.key, usual_scale(signature.key)
        if self.is_at_bar_start:
            self.boundaries[-1].key = self.key
        self._set_usual_scale(self.is_at_bar_start)
        old_scale, self.scale = self.scale, scale_of(signature.alterations)
        for layer in self._layers if self.is_at_bar_start else (self._layer,):
            steps = zip(self.scale, old_scale, layer.scale, strict=True)  # accidentals of this bar stay
            kept = [new if current == old else current for new, old, current in steps]
            layer.scale = self.scale if layer.scale is old_scale else kept

    def begin_part(self, label: str, splits_bar: bool) -> None:
        """Begin a part: here, or within a bar that is not to be split at the bar line that follows, if one does."""
        if self.is_at_bar_start or splits_bar:
            boundary = self.end_bar()
            boundary.part, boundary.is_section, boundary.splits_bar = label, True, boundary.splits_bar or splits_bar
        else:
            self._waiting_part = self.time, label

    def end_bar(self) -> Boundary:
        """Close the bar, unless nothing stands in it, and give the boundary after it."""
        if self._main_end is not None and self._overlay_start is None:
            self.time, self._main_end = self._main_end, None
            self._layer, self._layer_number = self._layers[0], 0
        for layer in self._layers:
            if layer.scale is not self._usual_scale:
                self._keep_names()
            layer.scale = self.scale
        if self._event is not None:
            self._last_event, self._event = self._event, None
        boundary = self.boundaries[-1]
        if self.pending and self.time > boundary.time:
            self.notation.end_bar(self.time, self._last_onset)
        if self.time > boundary.time:
            if len(self.boundaries) > MOST_BARS:
                raise AbcSyntaxError(f"voice {self.name!r} has more than {MOST_BARS} bars; split the tune")
            boundary = Boundary(self.time, self.meter, self.key, self.semitones)
            self.boundaries.append(boundary)
        elif self.time < boundary.time:  # an overlay of several bars goes over bar lines that are already there
            boundary = self.boundaries[bisect_left(self.boundaries, self.time, key=attrgetter("time"))]
            if boundary.time != self.time:
                return Boundary(self.time, self.meter, self.key, self.semitones)
        if self._waiting_part is not None:
            time, label = self._waiting_part
            self._waiting_part = None
            if time == boundary.time:
                boundary.part, boundary.is_section = label, True
            else:
                self.notation.lose("a part that begins within a bar")
        return boundary

    def end_line(self) -> None:
        """A line of music ends."""
        if self.is_at_bar_start:
            self.notation.end_line(self.time)

    def end(self) -> None:
        """Close the voice after its last note."""
        self._overlay_start = None
        self.end_bar()
        self.notes = self._pitched
        self.time = max(self.time, max(map(END_OF, self.notes), default=0))
        self.end_bar()
        self.notation.end(self.time, self._last_onset)

    def appear(self, leader: Voice, time: int) -> None:
        """Be silent up to a time of another voice, in the same bars."""
        if self.time < time:
            self.end_bar()
            self.boundaries += [
                Boundary(boundary.time, self.meter, self.key, self.semitones)
                for boundary in leader.boundaries
                if self.time < boundary.time <= time
            ]
            self.time = time

    def note(self, note: WrittenNote) -> None:
        """A single note."""
        step, alteration, numerator, denominator, is_tied, _ = note
        layer, start, closes_tuplet = self._layer, self.time, False
        if self._awaits_note:
            start, end, closes_tuplet, length = self._span(numerator, denominator)
            self._strike(start)
        else:
            length = self.unit_length * numerator // denominator
            end = start + length
        if self.lyrics is not None and not self._layer_number:
            self.lyrics.onsets.append(start)
        self.time = end
        ties = layer.ties
        if alteration is None and not ties:  # most notes, so they are spared the call
            sung = [start, layer.scale[step] + self.transposition + self.midi_transposition, end, step]
            self.notes.append(sung)
        else:
            sung = self._sound(note, start, end)
        self._event = start, (sung,), closes_tuplet, length
        if is_tied or ties:
            self._keep_ties(start, (sung,) if is_tied else ())

    def signed_note(self, signed: SignedNote) -> None:
        """A note with slurs and decorations."""
        signs, note, slur_ends = signed
        if self.pending:
            self.pending += signs
            signs = ()
        self.note(note)
        start = self._event[0]  # type: ignore[index]  # for there is a note now
        if signs:
            self.notation.place(signs, start, self._layer_number)
        while slur_ends:
            self.notation.end_slur(self._layer_number, start)
            slur_ends -= 1

    def chord(self, chord: WrittenChord) -> None:
        """Notes between brackets; the first one's length is the chord's (section 4.17)."""
        for symbol in chord.symbols:
            self.symbol(symbol)
        for grace in chord.graces:
            self.grace(grace)
        if not chord.notes:
            if chord.rest:
                self.rest(chord.rest)
            return
        self.signs([sign for sign in chord.signs if sign != ")"])
        first = chord.notes[0]
        start, end, closes_tuplet, length = self._span(first.numerator, first.denominator)
        ends = [
            start + (end - start) * note.numerator * first.denominator // (note.denominator * first.numerator)
            for note in chord.notes
        ]
        self._strike(start)
        if self.lyrics is not None and not self._layer_number:
            self.lyrics.onsets.append(start)
        struck = [self._sound(note, start, end) for note, end in zip(chord.notes, ends, strict=True)]
        self.time = end
        self._event = start, struck, closes_tuplet, length
        self.signs([sign for sign in chord.signs if sign == ")"])
        self._keep_ties(start, [sung for note, sung in zip(chord.notes, struck, strict=True) if note.is_tied])

    def rest(self, length: tuple[int, int]) -> None:
        """A rest, visible or not."""
        start, self.time, closes_tuplet, plain_length = self._span(*length)
        self._event = start, (), closes_tuplet, plain_length
        self._strike(start)
        self._keep_ties(start, ())

    def bar_rest(self, bars: int) -> None:
        """A rest of one or more whole bars."""
        length = UNITS_PER_TICK * (self.meter.bar_length if self.meter else TICKS_PER_WHOLE)
        if self._broken:
            self._unbreak(self._broken)
        self._keep_ties(self.time, ())
        self._strike(self.time)
        self._last_event = self.time, (), False, length
        for number in range(bars):
            if number:
                self.end_bar()
            self.time += length

    def symbol(self, said: WrittenText) -> None:
        """A chord symbol or an annotation."""
        if said.placement and said.text:
            self.pending.append(said)
            self._awaits_note = True
        elif said.text:
            self.symbols.append((self.time, said.text))

    def grace(self, written: WrittenGrace) -> None:
        """Grace notes, which take no time; the accidentals of the bar hold for them, and theirs for no other notes."""
        self.signs(["("] * written.begins_slur)
        grace = grace_of(written, self._layer.scale, self.semitones)
        if grace is not None:
            self.pending.append(grace)
            self._awaits_note = True

    def broken(self, rhythm: BrokenRhythm | None) -> None:
        """Broken rhythm between the last note and the next."""
        if rhythm is None or self._event is None or self._broken:
            return
        start, struck, closes_tuplet, length = self._event
        if closes_tuplet:
            return
        self._awaits_note = True
        self._broken = BrokenNotes(rhythm, length, self.time, [sung[END] for sung in struck], struck, len(self.symbols))
        before, denominator = rhythm.before, rhythm.denominator
        self.time = start + (self.time - start) * before // denominator
        for sung in struck:
            sung[END] = start + (sung[END] - start) * before // denominator

    def tuplet(self, tuplet: WrittenTuplet) -> None:
        """(p:q:r puts p notes into the time of q for the next r notes (section 4.13)."""
        if self._tuplet is not None:
            return
        members, time, length = tuplet
        is_compound = self.meter is not None and self.meter.is_compound
        self._awaits_note = True
        self._tuplet = length or members, time or _TUPLET_TIME.get(members) or (3 if is_compound else 2), members

    def tie(self, nothing: None) -> None:
        """A tie that does not touch its note, or stands after the bar line."""
        struck = (self._event or self._last_event or (0, ()))[1]
        self._layer.ties = [*(tie for tie in self._layer.ties if tie not in struck), *struck]

    def decoration(self, names: Sequence[str]) -> None:
        """A decoration by its name."""
        known = [name for name in names if is_mark(name)]
        self.notation.lose("a decoration without a meaning", len(names) - len(known))
        self.signs(known)

    def signs(self, signs: Sequence[str]) -> None:
        """Slurs, which begin at the next note and end at the last, and decorations."""
        for sign in signs:
            if sign == ")":
                self.notation.end_slur(self._layer_number, self._last_onset)
            else:
                self.pending.append(sign)
                self._awaits_note = True

    def overlay(self, sign: str) -> None:
        """Go back with another layer of the voice: to the start of the bar, or to where `(&` stood (section 7.4)."""
        self._event = None
        if sign == "(&":
            self._overlay_start = self.time
        elif sign == "&)":
            self.time = max(self.time, self._main_end or 0)
            self._overlay_start = self._main_end = None
            self._layer_number = 0
        else:
            self._main_end = self.time if self._main_end is None else self._main_end
            self.time = self.boundaries[-1].time if self._overlay_start is None else self._overlay_start
            self._layer_number += 1
            if self._layer_number > MOST_OVERLAYS:
                raise AbcSyntaxError(f"a bar has more than {MOST_OVERLAYS} overlays; write further voices with V:")
            if self._layer_number == len(self._layers):
                self._layers.append(Layer(self.scale))
        self._layer = self._layers[self._layer_number]

    def bar(self, sign: BarLine) -> None:
        """A bar line with its repeats and ending (sections 4.8 to 4.10)."""
        boundary = self.end_bar()
        if self.lyrics is not None and not self.lyrics.onsets:
            self.lyrics.begins_with_bar_line = True
        self._is_double_repeat = sign.plays > 0 and sign.repeat_start
        boundary.add(sign)

    def ending(self, passes: tuple[int, ...]) -> None:
        """A variant ending that begins here, after a bar line or without one."""
        boundary = self.end_bar()
        boundary.begin_ending(passes)
        if self._is_double_repeat and min(passes, default=1) > 1:  # the ending belongs to what "::" repeats
            boundary.repeat_start = False

    def ignore(self, nothing: None) -> None:
        """A sign that is not closed at the end of its line hides nothing."""

    def _sound(self, note: WrittenNote, start: int, end: int) -> SungNote:
        """Strike a note, or hold the one that is tied to it."""
        step, alteration, *_ = note
        layer = self._layer
        pitch = layer.scale[step] if alteration is None else self._altered(note, alteration)
        pitch += self.semitones
        if layer.ties and (tied := self._tied_to(start, step, pitch, has_accidental=alteration is not None)):
            tied[END], tied[STEP] = end, step
            return tied
        sung = [start, pitch, end, step]
        self.notes.append(sung)
        return sung

    def _keep_names(self) -> None:
        """Keep the names of this bar's notes, which the key might call otherwise."""
        start, usual = self.boundaries[-1].time, self._usual_scale
        self.notation.records += names_in_bar(self.notes, start, self.semitones, usual)
        self._set_usual_scale(is_bar_start=True)

    def _altered(self, note: WrittenNote, alteration: int) -> int:
        """The pitch of a note with an accidental, which holds for the rest of the bar."""
        if note.accidental:
            alteration, is_microtone = parse_accidental(note.accidental, self.commas)
            self.microtones += is_microtone
        scale = list(self._layer.scale)
        steps = range(note.step % STEPS_PER_OCTAVE, len(scale), STEPS_PER_OCTAVE)
        for step in steps if self.propagation == "pitch" else (note.step,):
            scale[step] = NATURALS[step] + alteration
        if self.propagation != "not":
            self._layer.scale = scale
        return scale[note.step]

    def _tied_to(self, start: int, step: int, pitch: int, has_accidental: bool) -> SungNote | None:
        """Take the open tie that a note closes: one on its step where no accidental holds, else one of its pitch."""
        ties = self._layer.ties
        if not has_accidental and self._layer.scale[step] == self.scale[step]:
            pitch = next((tie[PITCH] for tie in ties[::-1] if tie[STEP] == step and tie[END] == start), pitch)
        for index, tie in enumerate(ties):
            if tie[PITCH] == pitch and tie[END] == start:
                return ties.pop(index)
        return None

    def _keep_ties(self, start: int, tied: Sequence[SungNote]) -> None:
        """Leave open the ties of this event, and those of longer notes in the chord before."""
        if tied or self._layer.ties:
            kept = [tie for tie in self._layer.ties if tie[END] > start]
            self._lost_ties += len(self._layer.ties) - len(kept)
            self._layer.ties = [*kept, *tied]

    def _strike(self, start: int) -> None:
        """Give a note or a rest what has waited for it."""
        if self.pending:
            self.notation.place(self.pending, start, self._layer_number)
            self.pending.clear()
        self._awaits_note = self._tuplet is not None  # which a rest of whole bars leaves

    def _span(self, numerator: int, denominator: int) -> tuple[int, int, bool, int]:
        """Start and end of a note, chord or rest, whether it closes a tuplet, and its length without broken rhythm."""
        upper, lower, closes_tuplet = self._take_factor()
        length = self.unit_length * numerator * upper // (denominator * lower)
        sounding_length = self._broken_length(self._broken, length) if self._broken else length
        start = self.time
        end = start + sounding_length
        if closes_tuplet and -end % UNITS_PER_TICK <= _MOST_UNITS_SHORT:
            end += -end % UNITS_PER_TICK
        return start, end, closes_tuplet, length

    def _broken_length(self, broken: BrokenNotes, length: int) -> int:
        """The length of the note after the sign; where it differs from the note before, the sign has no effect."""
        if length != broken.length:
            self._unbreak(broken)
            return length
        self._broken = None
        return length * broken.rhythm.after // broken.rhythm.denominator

    def _unbreak(self, broken: BrokenNotes) -> None:
        """Let the note before the sign be as long as it is written, and what comes next begin there."""
        broken.take_back(self.symbols)
        self._broken, self.time = None, broken.time

    def _take_factor(self) -> tuple[int, int, bool]:
        """Numerator and denominator of what a tuplet multiplies the next length by, and whether the note closes it."""
        if self._tuplet is None:
            return 1, 1, False
        left, time, notes = self._tuplet
        self._tuplet = (left - 1, time, notes) if left > 1 else None
        return time, notes, left == 1
