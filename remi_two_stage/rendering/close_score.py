"""Several voices on one staff, as hymn books print a choir: soprano and alto on one, tenor and bass on the other.

Conventions
- What is changed is the MusicXML that this package writes, which has a part for each voice: the further voices of a
  staff follow the first one's notes in each measure, after a `<backup>`.
- A staff has the clef of its lowest voice. Words that the voices sing together stand once, between the staves, and so
  do dynamics and other signs that several voices of a staff have.
- An accidental holds for the whole staff: the next voice's note may need one to take it back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from ..core.instruments import staves_of
from ..core.notation import Lyric
from ..core.piece import Piece
from ..core.voices import VOICE_TITLES, singer

_MOST_ON_A_STAFF = 2
_ACCIDENTALS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
_SHARPS = "FCGDAEB"
_BEFORE_ACCIDENTAL = {"grace", "chord", "pitch", "duration", "tie", "voice", "type", "dot"}
"""Elements of a note that stand before its accidental."""
_SPANNING = ("slur", "wedge", "octave-shift")
_OPEN_AT_ONCE = 8
"""Slurs, hairpins and octave lines of a voice that may be open; those of the next voice have higher numbers."""


@dataclass(frozen=True, slots=True)
class Staff:
    """A staff of a score.

    Attributes:
        voices: Indices of its voices in the piece, high to low.
        name: What stands before it; None is the voices' own.
    """

    voices: tuple[int, ...]
    name: str | None = None


def two_staves(piece: Piece) -> tuple[Staff, Staff] | None:
    """The staves of a choir, women above and men below; None for a piece that is not for two to four such singers, or
    that already has two staves.
    """
    singers = [singer(voice) for voice in piece.voices]
    above, below = (
        tuple([index for index, name in enumerate(singers) if name and name in names]) for names in ("SA", "TB")
    )
    is_choir = len(above) + len(below) == len(singers) > _MOST_ON_A_STAFF
    if not is_choir or not (0 < len(above) <= _MOST_ON_A_STAFF and 0 < len(below) <= _MOST_ON_A_STAFF):
        return None
    return Staff(above), Staff(below)


def shared_staves(piece: Piece) -> tuple[Staff, ...] | None:
    """The staves of a piece in which several voices share one, but for those that sing other words; None where none
    does, or where parts transpose.
    """
    staves = [
        range(voice, end)
        for staff in staves_of(piece)
        for voice, end in (
            [(staff.start, staff.stop)] if _sing_together(piece, staff) else pairwise([*staff, staff.stop])
        )
    ]
    if len(staves) == len(piece.voices) or any(player.transposition for player in piece.instruments):
        return None
    return tuple(Staff(tuple(staff), _name_of_staff(piece, staff)) for staff in staves)


def _sing_together(piece: Piece, staff: range) -> bool:
    """Whether the upper voice of a staff has no words, or those of all."""
    sung = [
        {
            (index, record.text)
            for index, bar in enumerate(piece.bars)
            for record in (bar.notation[voice] if bar.notation else ())
            if isinstance(record, Lyric)
        }
        for voice in staff
    ]
    return not sung[0] or all(words <= sung[0] for words in sung)


def _name_of_staff(piece: Piece, staff: range) -> str | None:
    """That of its first player; None where voices are called as usual."""
    if len(staff) == 1 or all(singer(piece.voices[voice]) for voice in staff):
        return None
    return piece.instruments[staff.start].name


def on_staves(score: str, piece: Piece, staves: Sequence[Staff], has_words_once: bool = True) -> str:
    """The MusicXML of a piece, as this package writes it, with the voices of each staff as one part.

    Args:
        has_words_once: Whether words that stand under the first staff stand under no other.
    """
    root = ElementTree.fromstring(score)
    parts = root.findall("part")
    listed = {part.get("id"): part for part in root.iter("score-part")}
    sung = _words(parts[staves[0].voices[0]])
    for staff in staves:
        first, *others = (parts[voice] for voice in staff.voices)
        _name(listed[first.get("id")], piece, staff)
        if has_words_once and staff is not staves[0] and all(_words(part) <= sung for part in (first, *others)):
            for part in (first, *others):
                _drop_words(part)
        for number, other in enumerate(others, 1):
            _merge(first, other, number)
            root.remove(other)
            _unlist(root, other.get("id"))
        if others:
            _set_clef(first, others[-1])
            _show_accidentals(first, piece)
    return ElementTree.tostring(root, encoding="unicode")


def _name(listed: Element, piece: Piece, staff: Staff) -> None:
    """Call a staff as it is called, or by its voices' short names, which later systems go without."""
    if staff.name is None and len(staff.voices) == 1:
        return
    titles = [VOICE_TITLES.get(piece.voices[voice], ("", piece.voices[voice])) for voice in staff.voices]
    name = " ".join(short for _, short in titles) if staff.name is None else staff.name
    for tag, text in (("part-name", name), ("part-abbreviation", staff.name or "")):
        element = listed.find(tag)
        if element is None:
            element = Element(tag)
            listed.insert(1, element)
        element.text = text


def _unlist(root: Element, part_id: str | None) -> None:
    part_list = root.find("part-list")
    assert part_list is not None
    for listed in part_list.findall("score-part"):
        if listed.get("id") == part_id:
            part_list.remove(listed)


def _words(part: Element) -> set[tuple[int, str]]:
    """The syllables of a part, each with the index of its measure."""
    return {
        (index, text.text or "")
        for index, measure in enumerate(part.iter("measure"))
        for text in measure.iterfind("note/lyric/text")
    }


def _drop_words(part: Element) -> None:
    for note in part.iter("note"):
        for lyric in note.findall("lyric"):
            note.remove(lyric)


def _merge(first: Element, other: Element, number: int) -> None:
    """Put the notes of another voice, the `number`-th after the first, into the first one's measures; where all are
    silent, the rests of the first stand for both.
    """
    layers = max((int(voice.text or 1) for voice in first.iter("voice")), default=1)
    if _words(first):
        _drop_words(other)
    for measure, added in zip(first.findall("measure"), other.findall("measure"), strict=True):
        said = {ElementTree.tostring(direction) for direction in measure.iter("direction")}
        is_silent = not any(_pitched(measure)) and not any(_pitched(added))
        moved = [
            element
            for element in added
            if (element.tag in {"note", "backup", "forward"} and not is_silent)
            or (element.tag == "direction" and ElementTree.tostring(element) not in said)
        ]
        for element in moved:
            for voice in element.iter("voice"):
                voice.text = str(int(voice.text or 1) + layers)
            for spanning in (spanning for tag in _SPANNING for spanning in element.iter(tag)):
                spanning.set("number", str(int(spanning.get("number", "1")) + number * _OPEN_AT_ONCE))
        if is_silent:
            begin = next((at for at, element in enumerate(measure) if element.tag == "note"), len(measure))
            measure[begin:begin] = moved
            continue
        # what ends the measure stays at its end
        end = next((at for at, element in enumerate(measure) if element.get("location") == "right"), len(measure))
        back = Element("backup")
        SubElement(back, "duration").text = str(_length(measure))
        measure[end:end] = [back, *moved]


def _length(measure: Element) -> int:
    """Where the content of a measure ends, in ticks from its start."""
    return sum(_step(element) for element in measure)


def _step(element: Element) -> int:
    """By how much time goes on, or back, with an element of a measure."""
    duration = int(element.findtext("duration", "0"))
    if element.tag == "backup":
        return -duration
    is_timed = element.tag == "forward" or (element.tag == "note" and element.find("chord") is None)
    return duration if is_timed else 0


def _set_clef(first: Element, lowest: Element) -> None:
    """Give a staff the clef of its lowest voice."""
    clef, below = first.find("measure/attributes/clef"), lowest.find("measure/attributes/clef")
    assert clef is not None
    assert below is not None
    clef[:] = list(below)


def _show_accidentals(part: Element, piece: Piece) -> None:
    """Give notes the accidentals that another voice's made necessary."""
    for measure, bar in zip(part.iter("measure"), piece.bars, strict=True):
        signature = bar.key.signature
        altered = {letter: 1 for letter in _SHARPS[: max(0, signature)]}
        altered |= {letter: -1 for letter in _SHARPS[::-1][: max(0, -signature)]}
        shown: dict[tuple[str, str], int] = {}
        for _, note in sorted(_pitched(measure), key=lambda timed: timed[0]):
            step, octave = note.findtext("pitch/step", "C"), note.findtext("pitch/octave", "4")
            alteration = int(note.findtext("pitch/alter", "0"))
            is_held = any(tie.get("type") == "stop" for tie in note.iter("tie"))
            if is_held:
                continue
            needed = shown.get((step, octave), altered.get(step, 0)) != alteration
            if needed and note.find("accidental") is None and alteration in _ACCIDENTALS:
                _insert_accidental(note, _ACCIDENTALS[alteration])
            shown[step, octave] = alteration


def _pitched(measure: Element) -> Iterator[tuple[int, Element]]:
    """The pitched notes of a measure with their times."""
    times = accumulate(map(_step, measure), initial=0)
    onset = 0
    for time, element in zip(times, measure, strict=False):
        if element.tag != "note":
            continue
        onset = onset if element.find("chord") is not None else time
        if element.find("pitch") is not None:
            yield onset, element


def _insert_accidental(note: Element, name: str) -> None:
    place = sum(child.tag in _BEFORE_ACCIDENTAL for child in note)
    accidental = Element("accidental")
    accidental.text = name
    note.insert(place, accidental)
