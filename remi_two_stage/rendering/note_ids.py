"""Ids of notes in a score's MusicXML, by which a page finds the notes of its picture: `note-48-67-3` begins 48 ticks
after the start as written, sounds as the MIDI number 67, and is the third with an id. Tied parts of a note have an id
each.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from xml.etree import ElementTree

from ..core.piece import Piece

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def with_note_ids(score: str, piece: Piece) -> str:
    """The MusicXML of a piece, as this package writes it, with an id for each note that takes time."""
    root = ElementTree.fromstring(score)
    starts = list(accumulate((bar.length for bar in piece.bars), initial=0))
    count = 0
    for part in root.iter("part"):
        transpose = part.find("measure/attributes/transpose")
        semitones = 0 if transpose is None else _semitones(transpose)
        for measure, start in zip(part.iter("measure"), starts, strict=False):
            for onset, note in _notes(measure, start):
                count += 1
                note.set("id", f"note-{onset}-{_pitch(note) + semitones}-{count}")
    return ElementTree.tostring(root, encoding="unicode")


def _notes(measure: ElementTree.Element, start: int) -> Iterator[tuple[int, ElementTree.Element]]:
    """The pitched notes of a measure, each with its time."""
    onset = time = start
    for element in measure:
        length = int(element.findtext("duration", "0"))
        if element.tag == "backup":
            time -= length
        elif element.tag == "forward":
            time += length
        elif element.tag == "note" and element.find("grace") is None:
            if element.find("chord") is None:
                onset, time = time, time + length
            if element.find("pitch") is not None:
                yield onset, element


def _semitones(transpose: ElementTree.Element) -> int:
    """By how much notes sound above where they are written."""
    return int(transpose.findtext("chromatic", "0")) + 12 * int(transpose.findtext("octave-change", "0"))


def _pitch(note: ElementTree.Element) -> int:
    """The MIDI number of a note as written."""
    octave = int(note.findtext("pitch/octave", "4"))
    alter = int(note.findtext("pitch/alter", "0"))
    return 12 * (octave + 1) + _STEPS[note.findtext("pitch/step", "C")] + alter
