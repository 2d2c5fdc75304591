"""One part of a MusicXML score, measure by measure: what sounds when on each staff, and the signs beside it.

Conventions
- Times within a measure are `<divisions>` while it is read, and ticks in what is read; onsets and ends are rounded to
  ticks one by one.
- Pitches and spellings are those that sound: `<transpose>` is undone.
- `<chord>` joins a note to the note before it, whatever stands between; `<cue>` notes are silent, hidden ones sound.
- A rest of the whole measure (`measure="yes"`, or by custom one without `<type>`) is as long as its measure.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from fractions import Fraction
from itertools import takewhile
from xml.etree.ElementTree import Element

from ..core.errors import ScoreFormatError
from ..core.notation import Clef, ClefSign, GraceNote, Mark
from ..core.signatures import TICKS_PER_QUARTER, Meter, fifths_of
from . import musicxml_reader_records as records
from .musicxml_names import MODE_OF_NAME, SAME_WORDS
from .musicxml_reader_document import Time, number_of, whole_of
from .musicxml_reader_measure import Measure, Sound
from .musicxml_reader_numbers import HIGHEST_NUMBER, Signature, Transposition, meter_of, transposition_of
from .musicxml_reader_records import Graces, LyricPlace, Spans
from .musicxml_reader_voices import PartVoices

_MOST_IN_KEY = 7
_NAMED_FIFTHS = range(-15, 20)
"""Of names with two accidentals at most: triple sharps are spelled as they sound."""
_NATURALS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_STEPS = {"C": 0, "D": 1, "E": 2, "F": 3, "G": 4, "A": 5, "B": 6}
_PERCUSSION = "percussion"
_TABLATURE = "TAB"
_QUARTER_TONE = Fraction(1, 2)
"""In semitones; notes between two keys of a piano are rounded to the nearer one, of two to that towards the natural."""


class PartReader:
    """Reads the measures of one part in order; counts what it cannot keep in `losses`.

    Args:
        voices: Of a part whose staves hold several; there a voice is what is called a staff here.
    """

    def __init__(self, losses: Counter[str], is_percussion: bool, is_own: bool, voices: PartVoices) -> None:
        self.losses = losses
        self._voices = voices
        self._used_staves: defaultdict[str, set[int]] = defaultdict(set)  # by what is on them
        self.lyrics: list[LyricPlace] = []
        self.spans = Spans(losses)
        self._is_percussion, self._is_own = is_percussion, is_own
        self._divisions: Time = 1
        self._time: Time = 0
        self._last_onset: Time | None = None
        self._transpositions: dict[int, Transposition] = {}
        self._first_transpositions: dict[int, Transposition] = {}
        self._clefs: defaultdict[int, tuple[str, Clef | None]] = defaultdict(lambda: ("", None))
        self._meter: Meter | None = Meter()
        self._next_key: Signature | None = None
        self._next_meter: tuple[Meter | None] | None = None
        self._repeats: tuple[int, int | None] = (0, None)
        self._graces: dict[tuple[int, str], Graces] = {}
        self._last_grace: tuple[int, str] | None = None
        self._placed_graces: list[tuple[int, int, Graces]] = []
        self._measure = Measure("", False)
        self._index = 0
        self._pitches: dict[tuple[str, str, str, Transposition], tuple[int, int, bool]] = {}

    @property
    def staves(self) -> list[int]:
        """The staves that have notes, or rests and no percussion."""
        if self._voices.staves:
            return [*range(1, len(self._voices.staves) + 1)]
        used = self._used_staves
        return sorted(used["note"] | (used["rest"] - used["drum"]))

    def lines_of(self, staff: int, voice: str = "") -> list[int]:
        """The numbers of what is kept apart on a staff: its own, or those of its voices, of which one may be named."""
        if not self._voices.staves:
            return [staff]
        return [self._voices.of_layer(staff, voice)] if voice else self._voices.on_staff(staff)

    @property
    def _has_own_voices(self) -> bool:
        """Whether the part is one of our own of several voices."""
        return self._is_own and bool(self._voices.staves)

    def transposition(self, staff: int) -> int:
        """Semitones from where a staff is written to where it sounds, as it says first."""
        of_staff = self._first_transpositions.get(staff) or self._first_transpositions.get(0)
        return of_staff.semitones if of_staff else 0

    def read(self, measures: Sequence[Element], divisions: str | None) -> list[Measure]:
        """All measures of the part.

        Args:
            divisions: The first of the score, for a part that has none.

        Raises:
            ScoreFormatError: a number that is none, with the place of its measure among all.
        """
        found: list[Measure] = []
        first = next((element for measure in measures for element in measure.iter("divisions")), None)
        try:
            self._divisions = self._duration(divisions if first is None else first.text) or 1
            for index, element in enumerate(measures):
                found.append(self._read_measure(index, element))
        except ValueError as error:
            raise ScoreFormatError(f"a number cannot be read: {error}; export the score again").at(
                bar=len(found) + 1
            ) from None
        except ScoreFormatError as error:
            raise error.at(bar=len(found) + 1) from None
        self.spans.close()
        records.with_paired_trills(measure.records for measure in found)
        self.losses["a grace note before no note"] += sum(len(graces.chords) for graces in self._graces.values())
        return found

    @property
    def tablature(self) -> list[int]:
        """The staves of tablature."""
        return [staff for staff in self.staves if self._clefs[staff][0] == _TABLATURE]

    def leave_out(self, staff: int, measures: Sequence[Measure]) -> None:
        """Take a staff out of what was read."""
        for used in self._used_staves.values():
            used.discard(staff)
        for measure in measures:
            measure.sounds = [sound for sound in measure.sounds if sound.staff != staff]
            measure.records = [record for record in measure.records if record[0] != staff]
            for direction in measure.directions:
                direction.records = [] if direction.staves == [staff] else direction.records
        self.spans.found = [span for span in self.spans.found if span[1] != staff]
        self.lyrics = [place for place in self.lyrics if place.staff != staff]

    def _read_measure(self, index: int, element: Element) -> Measure:
        number = element.get("number", "")
        is_implicit = element.get("implicit") == "yes" or number.upper().startswith("X")
        self._index, self._time, self._last_onset = index, 0, None
        measure = self._measure = Measure(number, is_implicit, self._next_key, self._next_meter)
        if self._next_meter:
            (self._meter,) = self._next_meter
        self._next_key = self._next_meter = None
        for child in element:
            tag = child.tag
            if tag == "note":
                self._note(child)
            elif tag == "backup":
                self._last_grace = self._last_onset = None
                self._time = max(0, self._time - self._duration(child.findtext("duration")))
            elif tag == "forward":
                self._time += self._duration(child.findtext("duration"))
                measure.filled = max(measure.filled, self._ticks(self._time))
            elif tag == "attributes":
                self._attributes(child)
            elif tag in ("direction", "sound"):
                self._direction(child)
            elif tag == "harmony":
                self._harmony(child)
            elif tag == "barline":
                measure.barlines.append(child)
                self.losses["a fermata over a barline"] += len(child.findall("fermata"))
            elif tag == "figured-bass":
                self.losses["a figured bass"] += 1
        self.spans.end_measure(index, measure.sounds)
        for staff, onset, group in self._placed_graces:
            measure.records.append((staff, group.record(onset)))
        self._placed_graces.clear()
        measure.repeats, measure.repeated_staff = self._repeats
        return measure

    def _ticks(self, time: Time) -> int:
        return int((2 * time * TICKS_PER_QUARTER + self._divisions) // (2 * self._divisions))

    @staticmethod
    def _duration(text: str | None) -> Time:
        length = number_of(text)
        if length < 0:
            raise ScoreFormatError(f"a duration is {text}; durations are not negative")
        return length

    # --- notes

    def _note(self, note: Element) -> None:
        held = {child.tag: child for child in note}
        voice, staff = (held[tag].text or "" if tag in held else "1" for tag in ("voice", "staff"))
        place = self.lines_of(whole_of(staff, "<staff>") if staff else 1, voice)[0], voice
        if "grace" in held:
            self._grace(note, held, place)
            return
        length = self._duration(held["duration"].text) if "duration" in held else 0
        before = self._last_onset if "chord" in held else None  # that of a chord's first note; it may lack one
        onset = self._last_onset = self._time if before is None else before
        if before is None:
            self._time = onset + length
        start, end = self._ticks(onset), self._ticks(onset + length)
        if "rest" in held and self._is_measure_rest(held, start, end):
            self._measure.rest = max(self._measure.rest, end)
        else:
            self._measure.written = max(self._measure.written, end)
            self._measure.filled = max(self._measure.filled, end)
        if "rest" in held and note.get("print-object") != "no":
            self._measure.rests.append((*place, start, end))
        is_drum = "unpitched" in held or self._is_drum(place[0])
        self._used_staves["rest" if "rest" in held else "drum" if is_drum else "note"].add(place[0])
        if length and "pitch" in held and "cue" not in held and not is_drum:
            self._sound(note, held, place, start, end)
            are_ticks = (
                (onset * TICKS_PER_QUARTER) % self._divisions == (length * TICKS_PER_QUARTER) % self._divisions == 0
            )
            self.losses["a note that begins or ends between two ticks"] += not are_ticks
        elif is_drum and "rest" not in held:
            self.losses["a percussion note"] += 1
            self._measure.sung = max(self._measure.sung, end)
        elif "pitch" in held:
            self.losses["a cue note" if "cue" in held else "a note without a length"] += 1
        graces = self._graces_before(place) if before is None else []
        for group in graces:
            for slur in group.slurs:
                self.spans.slur(slur, self._index, place[0], start, group)
        is_kept = "cue" not in held and (not is_drum or "rest" in held)
        if is_kept and ("notations" in held or "lyric" in held):
            self._beside(note, place, start)
        self._placed_graces += [(place[0], start, group) for group in graces]

    def _is_drum(self, staff: int) -> bool:
        return self._is_percussion or self._clefs[staff][0] == _PERCUSSION

    def _is_measure_rest(self, held: dict[str, Element], start: int, end: int) -> bool:
        if held["rest"].get("measure") == "yes":
            return True
        is_whole = self._meter is not None and end >= self._meter.bar_length
        return start == 0 and "type" not in held and is_whole

    def _sound(self, note: Element, held: dict[str, Element], place: tuple[int, str], start: int, end: int) -> None:
        pitch, fifths, is_microtone = self._pitch(held["pitch"], place[0])
        self.losses["a microtone"] += is_microtone
        self._measure.sung = max(self._measure.sung, end)
        if not 0 <= pitch <= 127:
            self.losses["a note outside MIDI's range"] += 1
            return
        ties = {tie.get("type") for tie in note.iter("tie")} if "tie" in held else set()
        if "tie" not in held and "notations" in held:
            ties = {tied.get("type") for tied in note.iterfind("notations/tied")}
        sound = Sound(*place, start, end, pitch, fifths, "stop" in ties, "start" in ties)
        self._measure.sounds.append(sound)

    def _pitch(self, pitch: Element, staff: int) -> tuple[int, int, bool]:
        """MIDI number and spelling of a `<pitch>` as it sounds, and whether it lies between two keys of a piano."""
        step, alter, octave = (pitch.findtext(tag, "") for tag in ("step", "alter", "octave"))
        key = step, alter, octave, self._transpositions.get(staff) or self._transpositions.get(0) or Transposition()
        if key not in self._pitches:
            if not step.strip():
                raise ScoreFormatError("a <pitch> has no <step>; export the score again")
            if step.strip() not in _NATURALS:
                raise ScoreFormatError(f"a note is called {step[:20]!r}; notes are called A to G")
            shift = number_of(alter)
            alteration = (1 if shift > 0 else -1) * math.ceil(abs(Fraction(shift)) - _QUARTER_TONE)
            midi = 12 * (whole_of(octave, "<octave>") + 1) + _NATURALS[step.strip()] + alteration + key[3].semitones
            fifths = fifths_of(step.strip()) + 7 * alteration + key[3].fifths
            if fifths not in _NAMED_FIFTHS:
                fifths = (fifths + 5) % 12 - 5
            self._pitches[key] = midi, fifths, shift != alteration
        return self._pitches[key]

    def _grace(self, note: Element, held: dict[str, Element], place: tuple[int, str]) -> None:
        if "pitch" not in held or self._is_drum(place[0]):
            self.losses["a percussion note"] += "rest" not in held
            return
        pitch, fifths, _ = self._pitch(held["pitch"], place[0])
        if not 0 <= pitch <= 127:
            self.losses["a note outside MIDI's range"] += 1
            return
        if self._last_grace is None or self._last_grace[1] != place[1]:  # else they go on, maybe on another staff
            self._last_grace = place
        group = self._graces.setdefault(self._last_grace, Graces(held["grace"].get("slash") == "yes"))
        self._beside_grace(note, group, place[0])
        length = records.ticks_of_type(held["type"].text if "type" in held else None)
        single = GraceNote(pitch, length, fifths)
        if "chord" in held and group.chords:
            group.chords[-1].append(single)
        else:
            group.chords.append([single])

    def _beside_grace(self, note: Element, group: Graces, staff: int) -> None:
        """Slurs of a grace note: they begin with the note after it, and end with the one before; other signs are
        counted.
        """
        for notations in note.iterfind("notations"):
            self.losses["a sign at a grace note"] += len([*records.marks_of(notations, self.losses)])
            for slur in notations.iterfind("slur"):
                number = slur.get("number", "1")
                waiting = [other for other in group.slurs if other.get("number", "1") == number]
                if slur.get("type") == "start":
                    group.slurs.append(slur)
                elif waiting:
                    group.slurs.remove(waiting[0])
                    self.losses["a slur of grace notes"] += 1
                else:
                    self.spans.slur(slur, self._index, staff, self._ticks(self._last_onset or 0))
        self.losses["a sign at a grace note"] += len(note.findall("lyric"))

    def _graces_before(self, place: tuple[int, str]) -> list[Graces]:
        """Take the grace notes that wait for a note here: those of its voice, or those just before it in its voice on
        another staff.
        """
        last, self._last_grace = self._last_grace, None
        origins = [place, last] if last is not None and last[1] == place[1] else [place]
        return [self._graces.pop(origin) for origin in origins if origin in self._graces]

    def _beside(self, note: Element, place: tuple[int, str], onset: int) -> None:
        """Marks, slurs and syllables of a note."""
        staff, layer = place
        known = {record for number, record in self._measure.records if number == staff and record.onset == onset}
        for notations in note.iterfind("notations"):
            for name in records.marks_of(notations, self.losses):
                mark = Mark(onset, name)
                self._measure.has_fermata |= name.endswith("fermata")
                if mark in known:
                    self.losses["a sign that its staff has twice at one time"] += name != "arpeggio"
                    continue
                known.add(mark)
                self._measure.records.append((staff, mark))
            for slur in notations.iterfind("slur"):
                self.spans.slur(slur, self._index, staff, onset)
            if self._has_own_voices and any(other.text == SAME_WORDS for other in notations.iterfind("other-notation")):
                self._words_of_first(staff, onset)
        for lyric in note.iterfind("lyric"):
            if sung := records.lyric_of(lyric, self._index, staff, layer, onset):
                verse = lyric.get("name", sung.verse_name) if self._has_own_voices else sung.verse_name
                self.lyrics.append(sung._replace(verse_name=verse))

    def _words_of_first(self, voice: int, onset: int) -> None:
        """Have a voice sing the words of the first one of its staff, which stands before it in the measure."""
        first = self._voices.on_staff(self._voices.staves[voice - 1])[0]
        of_measure = takewhile(lambda place: place.bar == self._index, reversed(self.lyrics))
        same = [place for place in of_measure if (place.staff, place.lyric.onset) == (first, onset)]
        self.lyrics += [place._replace(staff=voice) for place in reversed(same)]

    # --- attributes

    def _attributes(self, attributes: Element) -> None:
        """What holds from here on; key and metre, inside a measure, from the next one on."""
        is_inside = self._time > 0
        for transpose in attributes.iterfind("transpose"):  # which stands after the key that it moves
            if "number" not in transpose.attrib:  # which holds for all staves
                self._transpositions.clear()
            staff = whole_of(transpose.get("number", "0"), "the number of <transpose>")
            self._transpositions[staff] = transposition_of(transpose)
            self._first_transpositions.setdefault(staff, self._transpositions[staff])
            self.losses["an octave doubling"] += transpose.find("double") is not None
        for child in attributes:
            if child.tag == "divisions":
                divisions = self._duration(child.text)
                if not divisions:
                    raise ScoreFormatError("<divisions> is 0, so that no duration means anything; export it again")
                self._time = Fraction(self._time * divisions, self._divisions) if self._time else 0
                self._divisions = divisions
            elif child.tag == "key" and not self._is_percussion:
                key = self._signature(child)
                if child.get("number", "1") != "1":
                    self.losses["a key signature"] += key.sharps != (self._next_key or self._measure.key or key).sharps
                    continue
                if is_inside:
                    self._next_key = key
                else:
                    self._measure.key = key
            elif child.tag == "time" and child.get("number", "1") == "1":
                self._set_meter(self._read_meter(child), is_inside)
            elif child.tag == "clef":
                staff = whole_of(child.get("number", "1"), "the number of <clef>")
                before, clef = self._clefs[staff], records.clef_of(child)
                if clef[0] == _PERCUSSION and before[0] not in ("", _PERCUSSION):
                    continue  # some programs print it for pitched instruments too; their drums are <unpitched>
                self._clefs[staff] = clef
                if (name := self._clefs[staff][1]) and name != before[1]:
                    self._measure.clefs.append((staff, ClefSign(self._ticks(self._time), name)))
            elif child.tag == "measure-style":
                self._measure_style(child)

    def _set_meter(self, meter: tuple[Meter | None], is_inside: bool) -> None:
        if is_inside:
            self._next_meter = meter
        else:
            self._measure.meter = meter
            (self._meter,) = meter

    def _signature(self, key: Element) -> Signature:
        mode = MODE_OF_NAME.get((key.findtext("mode") or "").strip().lower())
        if key.find("fifths") is None:
            altered = [round(number_of(alter.text)) for alter in key.iterfind("key-alter")]
            self.losses["a key signature"] += 1
            sharps = max(-7, min(7, sum(altered)))
        else:
            sharps = round(number_of(key.findtext("fifths")))
            if abs(sharps) > HIGHEST_NUMBER:
                raise ScoreFormatError(
                    f"a key has {abs(sharps)} sharps or flats, at most {HIGHEST_NUMBER} can be read; check its numbers"
                )
            self.losses["a key signature"] += abs(sharps) > _MOST_IN_KEY
        sharps += (self._transpositions.get(1) or self._transpositions.get(0) or Transposition()).fifths
        while abs(sharps) > _MOST_IN_KEY:
            sharps -= 12 if sharps > 0 else -12
        return Signature(sharps, mode)

    def _read_meter(self, time: Element) -> tuple[Meter | None]:
        """The metre of a `<time>`; free metre where it says nothing that exists, which is counted."""
        if time.find("senza-misura") is not None:
            return (None,)
        fractions = list(zip(time.iterfind("beats"), time.iterfind("beat-type"), strict=False))
        try:
            parts = [
                ([int(beats) for beats in (upper.text or "").split("+")], int(lower.text or ""))
                for upper, lower in fractions
            ]
        except ValueError:
            parts = []
        meter = meter_of(parts, time.get("symbol"))
        if meter is None and fractions:
            self.losses["a time signature"] += 1
        return (meter,)

    def _measure_style(self, style: Element) -> None:
        repeat = style.find("measure-repeat")
        if repeat is not None:
            number = style.get("number")
            said = (repeat.text or "").strip() or "1"
            count = whole_of(said, "<measure-repeat>") if repeat.get("type") == "start" else 0
            self._repeats = count, whole_of(number, "the number of <measure-style>") if number else None
        if style.find("beat-repeat") is not None:
            self.losses["a repeated beat"] += style.find("beat-repeat").get("type") == "start"  # type: ignore[union-attr]

    # --- signs between notes

    def _direction(self, element: Element) -> None:
        onset = self._shifted(element)
        direction = records.direction_of(element, onset, self.losses, self._is_own)
        direction.staves = self.lines_of(direction.staves[0], (element.findtext("voice") or "").strip())
        self._measure.directions.append(direction)
        for line in (line for tag in records.LINE_TAGS for line in element.iterfind(f"direction-type/{tag}")):
            for staff in direction.staves:
                self.spans.line(line, self._index, staff, onset, staff if self._voices.staves else None)

    def _shifted(self, element: Element) -> int:
        """Ticks of what stands here, or an `<offset>` before or after."""
        return self._ticks(max(0, self._time + number_of(element.findtext("offset"))))

    def _harmony(self, element: Element) -> None:
        onset = self._shifted(element)
        transposition = self._transpositions.get(1) or self._transpositions.get(0)
        self._measure.harmonies.append((onset, element, transposition or Transposition()))
