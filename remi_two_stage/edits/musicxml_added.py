"""New parts in a MusicXML file: those of the voices that a harmonisation adds to a melody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ..core.notation import Instrument
from ..core.piece import Piece
from ..scores.musicxml_names import SOFTWARE
from ..scores.musicxml_writer import part_xml, score_part_xml
from ..scores.voices import usual_instruments
from .changes import NotAnEditError
from .musicxml_measures import Edit
from .musicxml_part import SourcePart
from .musicxml_staff import as_text
from .musicxml_text import FileText, Node

_NUMBERED = re.compile(r"(.*?)([0-9]+)")


def add_parts(text: FileText, melody: SourcePart, edit: Edit) -> None:
    """Put the parts of the added voices before and after that of the melody, in the order of the piece's voices."""
    part_id = melody.node.attributes.get("id", "")
    listed = [part for group in text.root.each("part-list") for part in group.each("score-part")]
    entry = next((part for part in listed if part.attributes.get("id") == part_id), None)
    if entry is None:
        raise NotAnEditError(f"its list of parts does not name the part {part_id!r}")
    is_own = SOFTWARE in [text.text_of(node) for node in text.root.below("software")]
    ids = _new_ids(edit, [part.attributes.get("id", "") for part in listed], part_id, is_own)
    usual = usual_instruments(edit.after.voices)
    instruments = edit.after.instruments or ([Instrument()] * len(usual) if is_own else usual)
    for voice, name in zip(edit.change.voices_added, ids, strict=True):
        in_list = ElementTree.fromstring(score_part_xml([name], [instruments[voice]], [usual[voice]]))
        part = ElementTree.fromstring(part_xml(_alone(edit.after, voice), range(1), [edit.names[voice]]))
        part.set("id", name)
        for measure, own in zip(part, melody.measures, strict=True):
            _name_measure(measure, own.node)
        is_above = voice < edit.change.voices[0]
        for node, element in ((entry, in_list), (melody.node, part)):
            place = text.lead(node) if is_above else node.end
            content = as_text(element, text.indent(node.start), text.unit, text.are_nested)
            text.replace(place, place, content)


def _alone(piece: Piece, voice: int) -> Piece:
    """A voice by itself, without what stands in the first part alone."""
    bars = []
    for bar in piece.bars:
        notation = (bar.notation[voice],) if bar.notation else ()
        bars.append(replace(bar, notes=(bar.notes[voice],), notation=notation, chords=(), tempos=(), jumps=(), part=""))
    return Piece((piece.voices[voice],), tuple(bars))


def _name_measure(measure: Element, own: Node) -> None:
    """Have a measure called as that of the melody is."""
    measure.attrib.clear()
    for name in ("number", "implicit", "non-controlling"):
        if name in own.attributes:
            measure.set(name, own.attributes[name])


def _new_ids(edit: Edit, taken: Sequence[str], melody: str, is_own: bool) -> list[str]:
    """Ids of new parts, numbered as the melody's is; in a file of our own, names of voices, as which it reads them."""
    voices = [edit.after.voices[voice] for voice in edit.change.voices_added]
    if is_own and not set(voices) & set(taken):
        return voices
    numbered = _NUMBERED.fullmatch(melody)
    stem, number = (numbered[1], int(numbered[2])) if numbered else ("P", 0)
    free = _free_ids(stem, number, taken)
    return [next(free) for _ in voices]


def _free_ids(stem: str, number: int, taken: Sequence[str]) -> Iterator[str]:
    while True:
        number += 1
        if f"{stem}{number}" not in taken:
            yield f"{stem}{number}"
