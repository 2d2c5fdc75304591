"""Notation in MusicXML's elements: marks, syllables, slurs, hairpins, words, tempos, jumps -> records.

Conventions
- Onsets are ticks from the start of the measure.
- A sign without an element of its own in ABC keeps MusicXML's name.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, Protocol
from xml.etree.ElementTree import Element

from ..core.notation import SLUR, Clef, Grace, GraceNote, Lyric, Mark, Notation, Span, TempoMark, Text
from ..core.note_values import NOTE_VALUES
from ..core.signatures import TICKS_PER_QUARTER
from ..core.text import ZERO_WIDTH_SPACE, printable, with_straight_quotes
from .musicxml_names import (
    ARTICULATIONS,
    CLEFS,
    DYNAMICS_ELEMENTS,
    FERMATAS,
    JUMP_WORDS,
    ORNAMENTS,
    PEDAL_MARKS,
    SPAN_ELEMENTS,
    TECHNICAL,
    TRILL_BEGINS,
    TRILL_ENDS,
)
from .musicxml_reader_document import number_of, whole_of

_TYPE_TICKS = {value.type: value.ticks for value in NOTE_VALUES if not value.is_triplet and not value.dots}
_USUAL_GRACE = 12
_ELISIONS = re.compile("[\ue550-\ue552]")
"""Signs of music fonts for syllables that are sung on one note, narrow, usual and wide."""
_NAMES = {
    group: {element: name for name, element in names.items()}
    for group, names in (("articulations", ARTICULATIONS), ("ornaments", ORNAMENTS), ("technical", TECHNICAL))
}
_FERMATA_NAMES = {kind: name for name, kind in FERMATAS.items()}
_SIGN_NAME = re.compile(r"[A-Za-z0-9.+>]{1,30}")
_LOST_NOTATIONS = {
    "glissando": "a glissando", "slide": "a glissando", "non-arpeggiate": "a bracket before a chord",
    "other-notation": "a sign without a name",
}  # fmt: skip
_LOST_SIGNS = {"articulations": "an articulation", "ornaments": "an ornament", "technical": "a playing technique"}
_PARTS_OF_SIGNS = ("wavy-line", "accidental-mark")
"""They stand beside an ornament that is kept."""
_LOST_DIRECTIONS = {
    "pedal": "a pedal mark", "harp-pedals": "a pedal mark", "scordatura": "a scordatura",
    "dashes": "a dashed line", "bracket": "a bracket", "string-mute": "a mute",
    "other-direction": "a sign without a name",
}  # fmt: skip
_BEGINS = ("", "start", "sostenuto", "resume")
"""Types of a sign that say that it begins, or stands by itself."""
_LINES = {signs: name for name, signs in SPAN_ELEMENTS.items() if name != SLUR}
LINE_TAGS = {"wedge": "a hairpin", "octave-shift": "an octave line"}
"""Elements of lines between notes -> what they are."""
_DA_CAPO, _DAL_SEGNO = (
    re.compile(r"\bd\.?\s*c\b|\bda\s+capo\b", re.I),
    re.compile(r"\bd\.?\s*s\b|\bdal\s+segno\b", re.I),
)
_AL_FINE, _AL_CODA = re.compile(r"\bal\s+fine\b", re.I), re.compile(r"\bal\s+(?:la\s+)?coda\b", re.I)
_FINE, _TO_CODA = re.compile(r"\s*fine\.?\s*", re.I), re.compile(r"\s*to\s+(?:the\s+)?coda\.?\s*", re.I)
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def ticks_of_type(name: str | None) -> int:
    """Ticks of a `<type>`; those of an eighth note for one that has none here."""
    return _TYPE_TICKS.get((name or "").strip(), _USUAL_GRACE)


# --- at notes


def marks_of(notations: Element, losses: Counter[str]) -> Iterator[str]:
    """The names of the marks in a `<notations>`."""
    for child in notations:
        tag = child.tag
        if tag in _NAMES:
            names = filter(None, (_mark_name(tag, sign, losses) for sign in child))
            yield from _with_line(child, names) if tag == "ornaments" else names
        elif tag == "fermata":
            yield _FERMATA_NAMES.get(child.get("type", "upright"), "fermata")
        elif tag == "arpeggiate":
            yield "arpeggio"
        elif tag == "dynamics":
            yield from (sign.tag for sign in child if sign.tag in DYNAMICS_ELEMENTS)
        elif tag == "other-notation" and child.get("print-object") == "no":
            yield from {child.text or ""} & FERMATAS.keys()
        elif tag in _LOST_NOTATIONS:
            losses[_LOST_NOTATIONS[tag]] += child.get("type") != "stop"


def _with_line(ornaments: Element, names: Iterable[str]) -> Iterator[str]:
    """The names of ornaments; a trill that a wavy line holds longer has a begin and an end."""
    kinds = {line.get("type") for line in ornaments.iterfind("wavy-line")}
    yield from (TRILL_BEGINS if name == "trill" and kinds == {"start"} else name for name in names)
    if kinds == {"stop"}:
        yield TRILL_ENDS


def with_paired_trills(measures: Iterable[list[tuple[int, Notation]]]) -> None:
    """Let the trills of a part that have a begin and an end be such, on each staff, in the (staff, record)s of its
    measures; others, and those of a single note, are plain ones.
    """
    begun: dict[int, tuple[list[tuple[int, Notation]], Mark]] = {}
    for records in measures:
        for staff, mark in [(staff, mark) for staff, mark in records if isinstance(mark, Mark)]:
            if mark.name not in (TRILL_BEGINS, TRILL_ENDS):
                continue
            within, first = begun.pop(staff, (records, mark))
            is_end = mark.name == TRILL_ENDS
            is_pair = is_end and (within is not records or first.onset < mark.onset)
            if is_end and not is_pair:
                records.remove((staff, mark))
            if first.name == TRILL_BEGINS and first is not mark and not is_pair:
                _make_plain(within, staff, first)
            if not is_end:
                begun[staff] = records, mark
    for staff, (records, mark) in begun.items():
        _make_plain(records, staff, mark)


def _make_plain(records: list[tuple[int, Notation]], staff: int, mark: Mark) -> None:
    records[records.index((staff, mark))] = staff, replace(mark, name="trill")


def _mark_name(group: str, sign: Element, losses: Counter[str]) -> str | None:
    """The name of a mark; None for one that is no sign by itself."""
    if sign.tag == "turn" and sign.get("slash") == "yes":
        return "turnx"
    name = _NAMES[group].get(sign.tag)
    if sign.tag in ("fingering", "other-articulation", "other-ornament", "other-technical"):
        text = (sign.text or "").strip()
        name = text if _SIGN_NAME.fullmatch(text) else None
    elif sign.tag == "tremolo":
        losses["a tremolo"] += 1  # on each note that has it, both where it goes over two
        return None
    losses[_LOST_SIGNS[group]] += name is None and sign.get("type") != "stop" and sign.tag not in _PARTS_OF_SIGNS
    return name


class LyricPlace(NamedTuple):
    """A syllable where it stands: index of the measure, staff, the `<voice>` that is its layer, and whether a line
    without an end holds it.
    """

    bar: int
    staff: int
    layer: str
    lyric: Lyric
    verse_name: str
    is_open_line: bool


def lyric_of(element: Element, index: int, staff: int, layer: str, onset: int) -> LyricPlace | None:
    """The syllable in a `<lyric>`; None for an empty one."""
    texts = [text.text or " " for text in element if text.tag in ("text", "elision")]
    text = printable(with_straight_quotes(_ELISIONS.sub("‿", "".join(texts)))).strip()
    extend = element.find("extend")
    syllabics = [syllabic.text for syllabic in element.iterfind("syllabic")]
    goes_on = bool(syllabics) and syllabics[-1] in ("begin", "middle")
    joint: Literal["", "-", "_"] = "-" if goes_on and text else "_" if extend is not None else ""
    if not text and extend is None:
        return None
    lyric = Lyric(onset, text, 1, joint)
    return LyricPlace(
        index, staff, layer, lyric, element.get("number", "1"), extend is not None and extend.get("type") is None
    )


class _Struck(Protocol):
    staff: int
    onset: int
    is_tied: bool


@dataclass(eq=False)
class Graces:
    """A group of grace notes, with the slurs that begin at them, and whether one of these leads to their note."""

    is_slashed: bool
    chords: list[list[GraceNote]] = field(default_factory=list)
    slurs: list[Element] = field(default_factory=list)
    is_slurred: bool = False

    def record(self, onset: int) -> Grace:
        """The group as a record at the onset of its note."""
        return Grace(onset, tuple(map(tuple, self.chords)), self.is_slashed, self.is_slurred)


class _SlurBegin(NamedTuple):
    """Where a slur begins, and the grace notes at which it does so, if any."""

    bar: int
    onset: int
    staff: int
    graces: Graces | None


@dataclass
class Spans:
    """Slurs, hairpins and octave lines while they are open; `found` has (index of the measure, staff, span, staff at
    the span's end).
    """

    losses: Counter[str]
    found: list[tuple[int, int, Span, int]] = field(default_factory=list)
    _slurs: defaultdict[str, list[_SlurBegin]] = field(default_factory=lambda: defaultdict(list))
    _ends: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    _line_ends: dict[tuple[str, str, int | None], tuple[int, int]] = field(default_factory=dict)
    _lines: dict[tuple[str, str, int | None], tuple[int, int, int, str]] = field(default_factory=dict)
    _stopped: list[tuple[int, int, int, str, int]] = field(default_factory=list)

    def close(self) -> None:
        """Count what is open at the end of the part."""
        self.losses["a slur without an end"] += sum(map(len, self._slurs.values()))
        self.losses["a slur without a begin"] += len(self._ends)
        for tag, *_ in self._lines:
            self.losses[f"{LINE_TAGS[tag]} without an end"] += 1
        for tag, *_ in self._line_ends:
            self.losses[f"{LINE_TAGS[tag]} without a begin"] += 1

    def slur(self, element: Element, index: int, staff: int, onset: int, graces: Graces | None = None) -> None:
        """A `<slur>` at a note; its end may stand before its beginning, in an earlier voice of the measure."""
        number = element.get("number", "1")
        if element.get("type") == "start":
            end = self._ends.pop(number, None)
            if end is not None and end[0] == index and end[1] > onset:
                self.found.append((index, staff, Span(onset, SLUR, 0, end[1]), end[2]))
            else:
                self.losses["a slur without a begin"] += end is not None
                self._slurs[number].append(_SlurBegin(index, onset, staff, graces))
        elif element.get("type") == "stop":
            self._stop_slur(number, index, staff, onset)

    def _stop_slur(self, number: str, index: int, staff: int, onset: int) -> None:
        """End the slur that began last, before this note, unless a grace note of its own began one."""
        waiting = self._slurs[number]
        before = [begin for begin in waiting if begin[:2] < (index, onset)]
        here = [begin for begin in waiting if begin[:2] == (index, onset)]
        if here and (here[-1].graces or not before):
            waiting.remove(here[-1])
            if here[-1].graces is not None:
                here[-1].graces.is_slurred = True
            else:
                self.losses["a slur that ends where it begins"] += 1
        elif before:
            begin = before[-1]
            self.found.append((begin.bar, begin.staff, Span(begin.onset, SLUR, index - begin.bar, onset), staff))
            self.losses["a slur without an end"] += len(before) - 1
            waiting[:] = [other for other in waiting if other not in before]
        else:
            self.losses["a slur without a begin"] += number in self._ends
            self._ends[number] = index, onset, staff

    def line(self, element: Element, index: int, staff: int, onset: int, voice: int | None = None) -> None:
        """A `<wedge>` or an `<octave-shift>`, maybe of one voice, whose end too may stand before its beginning."""
        tag, kind = element.tag, element.get("type", "")
        place, what = (tag, element.get("number", "1"), voice), LINE_TAGS[tag]
        name = _LINES.get((tag, kind, element.get("size", "8") if tag == "octave-shift" else ""))
        if name is not None:
            end = self._line_ends.pop(place, None)
            if end is not None and end[0] == index and end[1] > onset:
                self._stopped.append((index, staff, onset, name, end[1]))
                return
            self.losses[f"{what} without a begin"] += end is not None
            self.losses[f"{what} without an end"] += place in self._lines
            self._lines[place] = index, staff, onset, name
        elif kind == "stop" and place in self._lines:
            self._stopped.append((*self._lines.pop(place), onset))
        elif kind == "stop":
            self.losses[f"{what} without a begin"] += place in self._line_ends
            self._line_ends[place] = index, onset

    def end_measure(self, index: int, sounds: Sequence[_Struck]) -> None:
        """Find the last note of the lines that stop in a measure: the one before the stop."""
        for start, origin, begun, name, onset in self._stopped:
            earlier = [
                sound.onset for sound in sounds if sound.staff == origin and sound.onset < onset and not sound.is_tied
            ]
            end = max([*earlier, 0 if index > start else begun])
            self.found.append((start, origin, Span(begun, name, index - start, end), origin))
        self._stopped.clear()


# --- clefs and what stands between notes


def clef_of(element: Element) -> tuple[str, Clef | None]:
    """The sign of a `<clef>`, and which one it is: None for those that cannot be kept, or are not printed."""
    sign = (element.findtext("sign") or "").strip()
    line, octaves = (round(number_of(element.findtext(tag))) for tag in ("line", "clef-octave-change"))
    is_printed = element.get("print-object") != "no"
    return sign, next((name for name, known in CLEFS.items() if is_printed and known == (sign, line, octaves)), None)


@dataclass
class Direction:
    """What a `<direction>` or a `<sound>` says, at its onset, to one staff or several voices; it may begin a repeat
    without a sign.
    """

    onset: int
    staves: list[int]
    records: list[Notation] = field(default_factory=list)
    tempo: TempoMark | None = None
    label: str = ""
    jumps: list[str] = field(default_factory=list)
    begins_repeat: bool = False

    def said_at(self, onset: int) -> Direction:
        """What is said to the players, at another onset: neither a label nor a jump."""
        records = [replace(record, onset=onset) for record in self.records]
        return Direction(onset, self.staves, records, self.tempo and replace(self.tempo, onset=onset))


def direction_of(element: Element, onset: int, losses: Counter[str], is_own: bool) -> Direction:
    """Read a `<direction>`, or a `<sound>` that stands by itself; a score of our own says jumps by their sound."""
    staff = whole_of((element.findtext("staff") or "").strip() or "1", "<staff>")
    found = Direction(onset, [staff])
    sound = element if element.tag == "sound" else element.find("sound")
    kinds = [kind for group in element.iterfind("direction-type") for kind in group]
    words = list(_words(element))
    for kind in kinds:
        if kind.tag == "dynamics":
            found.records += [Mark(onset, sign.tag) for sign in kind if sign.tag in DYNAMICS_ELEMENTS]
            others = [text for sign in kind.iterfind("other-dynamics") if (text := printable(sign.text or "").strip())]
            found.records += [Text(onset, text, "_") for text in others]
            losses["a dynamic that is words alone now"] += len(others)
        elif kind.tag == "pedal" and kind.get("type") in PEDAL_MARKS:
            found.records += [Mark(onset, name) for name in PEDAL_MARKS[kind.get("type", "")]]
        elif kind.tag == "rehearsal":
            found.label = printable(kind.text or "").strip()
        elif kind.tag in _LOST_DIRECTIONS:
            losses[_LOST_DIRECTIONS[kind.tag]] += kind.get("type", "") in _BEGINS
        elif kind.tag == "metronome" and not _NUMBER.search(kind.findtext("per-minute") or ""):
            losses["a metronome mark without a number"] += 1
    said = " ".join(text for _, text in words)
    found.begins_repeat = sound is not None and sound.get("forward-repeat") == "yes"
    may_jump = not any(ZERO_WIDTH_SPACE in (kind.text or "") for kind, _ in words)
    found.jumps = _jumps(sound, kinds, said if may_jump else "") if sound is not None or not is_own else []
    found.tempo = _tempo(sound, kinds, "" if found.jumps else said, onset)
    if found.tempo is None and words and not found.jumps and element.get("directive") == "yes":
        found.tempo = TempoMark(onset, None, said)
    if not found.jumps and found.tempo is None:
        found.records += [Text(onset, text, _placement(element, kind)) for kind, text in words]
    return found


def _words(direction: Element) -> Iterator[tuple[Element, str]]:
    """The words of each `<direction-type>` together, which are in several `<words>` where their type changes, and the
    first of these.
    """
    for group in direction.iterfind("direction-type"):
        said = group.findall("words")
        if text := " ".join(printable("".join(kind.text or "" for kind in said)).split()):
            yield said[0], text


def _placement(direction: Element, words: Element) -> Literal["^", "_", "<", ">", "@"]:
    where = direction.get("placement") or words.get("placement")
    if where is None and words.get("halign") in ("left", "right"):
        return ">" if words.get("halign") == "left" else "<"
    return "^" if where == "above" else "_" if where == "below" else "@"


def _tempo(sound: Element | None, kinds: Sequence[Element], words: str, onset: int) -> TempoMark | None:
    """The tempo that a direction says; one that is in its sound alone is not printed."""
    tempo, beat, is_silent = None, 0, not words
    for metronome in (kind for kind in kinds if kind.tag == "metronome"):
        is_silent &= metronome.get("print-object") == "no"
        unit = ticks_of_type(metronome.findtext("beat-unit"))
        beat = unit * 3 // 2 if metronome.find("beat-unit-dot") is not None else unit
        number = _NUMBER.search(metronome.findtext("per-minute") or "")
        tempo = float(number[0]) * beat / TICKS_PER_QUARTER if number else None
    if sound is not None and (said := _NUMBER.fullmatch((sound.get("tempo") or "").strip())):
        tempo = float(said[0])
    if not tempo:
        return None
    return TempoMark(onset, round(tempo, 4), words, beat, is_silent)


def _jumps(sound: Element | None, kinds: Sequence[Element], words: str) -> list[str]:
    """The signs of `Bar.jumps` that a direction says, by its sound or else by its words."""
    said = sound.attrib if sound is not None else {}
    how = "alfine" if _AL_FINE.search(words) else "alcoda" if _AL_CODA.search(words) else ""
    found = []
    if said.get("dacapo") == "yes" or (_DA_CAPO.search(words) and len(words) < _LONGEST_JUMP):
        found.append("D.C." + how)
    elif said.get("dalsegno") or (_DAL_SEGNO.search(words) and len(words) < _LONGEST_JUMP):
        found.append("D.S." + how)
    elif said.get("fine") or _FINE.fullmatch(words):
        found.append("fine")
    elif said.get("tocoda") or _TO_CODA.fullmatch(words):
        found.append("dacoda")
    tags = {kind.tag for kind in kinds}
    found += ["segno"] if not found and (said.get("segno") or "segno" in tags) else []
    found += ["coda"] if not found and (said.get("coda") or "coda" in tags) else []
    return [sign for sign in found if sign in JUMP_WORDS or sign in ("segno", "coda")]


_LONGEST_JUMP = 40
"""Characters; longer texts that mention a jump are prose."""
