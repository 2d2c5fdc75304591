"""Slurs, hairpins and octave lines of a part of which some measures are written anew: their numbers, and those that are
cut.

Conventions
- A span from a measure that stays to a new one goes on under its own number if the edit has it there too; else it is
  cut in both. A slur from one staff to another goes on in any case.
- Spans that lie within new measures get numbers above those that are open around them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from xml.etree.ElementTree import Element, SubElement

from .musicxml_part import SourcePart
from .musicxml_staff import music_of
from .musicxml_text import Node

_HIGHEST_NUMBER = 16
_IN_DIRECTIONS = ("direction", "direction-type")
_HOLDERS = {"slur": ("note", "notations"), "wedge": _IN_DIRECTIONS, "octave-shift": _IN_DIRECTIONS}
_KINDS = ("start", "stop", "crescendo", "diminuendo", "up", "down")

Sign = TypeVar("Sign", Node, Element)


@dataclass(slots=True, eq=False)
class SpanEnd(Generic[Sign]):
    """The begin or end of a slur or hairpin: where it stands, and its element."""

    measure: int
    staff: int
    onset: int
    tag: str
    kind: str
    number: str
    sign: Sign

    @property
    def is_begin(self) -> bool:
        """Whether the span begins here."""
        return self.kind != "stop"


def paired(ends: Iterable[SpanEnd[Sign]]) -> Iterator[tuple[SpanEnd[Sign], SpanEnd[Sign]]]:
    """The begins and ends of the spans of one part; an end may stand before its begin in the text of a measure."""
    begins: defaultdict[tuple[str, str], list[SpanEnd[Sign]]] = defaultdict(list)
    early: dict[tuple[str, str], SpanEnd[Sign]] = {}
    for end in ends:
        key = end.tag, end.number
        waiting = early.get(key)
        if not end.is_begin and begins[key]:
            yield begins[key].pop(), end
        elif not end.is_begin:
            early[key] = end
        elif waiting is not None and waiting.measure == end.measure and waiting.onset > end.onset:
            yield end, early.pop(key)
        else:
            begins[key].append(end)


def ends_in_source(part: SourcePart) -> Iterator[SpanEnd[Node]]:
    """The ends of spans in the text of a part."""
    for index, measure in enumerate(part.measures):
        for placed in measure.placed:
            for tag, (outer, inner) in _HOLDERS.items():
                groups = placed.node.each(inner) if placed.node.tag == outer else ()
                for sign in (sign for group in groups for sign in group.each(tag)):
                    kind, number = sign.attributes.get("type", ""), sign.attributes.get("number", "1")
                    if kind in _KINDS:
                        yield SpanEnd(index, placed.staff, placed.onset, tag, kind, number, sign)


def ends_in_written(measures: Sequence[Element], staff: int) -> Iterator[SpanEnd[Element]]:
    """The ends of spans in written measures of a staff."""
    for index, measure in enumerate(measures):
        for timed in music_of(measure):
            onset = timed.onset + int(timed.element.findtext("offset") or 0)
            for tag in _HOLDERS:
                for sign in timed.element.iter(tag):
                    kind, number = sign.get("type", ""), sign.get("number", "1")
                    yield SpanEnd(index, staff, onset, tag, kind, number, sign)


def settle_spans(
    part: SourcePart, new: Collection[int], written: Mapping[int, Sequence[Element]]
) -> tuple[list[Node], list[Element]]:
    """Give the spans of new measures their numbers.

    Args:
        new: Indices of the measures that are written anew, or follow.
        written: For each staff its measures as our writer writes them, all of them.

    Returns:
        The ends that are to be taken out of measures that stay, and out of the new ones.
    """
    around = [
        (begin, end)
        for begin, end in paired(ends_in_source(part))
        if not {begin.measure, end.measure} <= set(new) and any(begin.measure <= index <= end.measure for index in new)
    ]
    lowest = max((int(begin.number) for begin, _ in around if begin.number.isdigit()), default=0)
    cut: list[Node] = []
    nowhere: list[Element] = []
    for staff, measures in written.items():
        spans = list(paired(ends_in_written(measures, staff)))
        lowest = _number_above(lowest, [span for span in spans if {end.measure for end in span} <= set(new)])
        crossing = [span for span in spans if len({end.measure in new for end in span}) == 2]
        seams = [*_over_seams(around, new)]
        for outer, inner in sorted(seams, key=lambda ends: _distance(ends[0], crossing, new)):
            if outer.staff != staff and (outer.staff in written or staff != min(written)):
                continue
            found = _same_span(outer, crossing, new)
            if found is None and not _joined(inner, outer, written):
                cut.append(outer.sign)
            elif found is not None:
                crossing.remove(found)
                _inner(found, new).sign.set("number", outer.number)
        nowhere += [_inner(span, new).sign for span in crossing]
    return cut, nowhere


def _number_above(lowest: int, spans: Iterable[tuple[SpanEnd[Element], SpanEnd[Element]]]) -> int:
    """Give spans numbers above one that is taken; returns the highest that is taken then."""
    highest = lowest
    for ends in spans:
        number = min(lowest + int(ends[0].number), _HIGHEST_NUMBER)
        highest = max(highest, number)
        for end in ends:
            end.sign.set("number", str(number))
    return highest


def _over_seams(
    spans: Iterable[tuple[SpanEnd[Node], SpanEnd[Node]]], new: Collection[int]
) -> Iterator[tuple[SpanEnd[Node], SpanEnd[Node]]]:
    """The ends, in measures that stay and in new ones, of the spans that have one in each."""
    for begin, end in spans:
        if (begin.measure in new) != (end.measure in new):
            yield (end, begin) if begin.measure in new else (begin, end)


def _joined(inner: SpanEnd[Node], outer: SpanEnd[Node], written: Mapping[int, Sequence[Element]]) -> bool:
    """Put the end of a slur from one staff to another at the new note nearest to where it stood; returns whether there
    is a note.
    """
    if inner.tag != "slur" or inner.staff == outer.staff or inner.staff not in written:
        return False
    music = music_of(written[inner.staff][inner.measure])
    notes = [timed for timed in music if _is_struck(timed.element)]
    if not notes:
        return False
    note = min(notes, key=lambda timed: abs(timed.onset - inner.onset)).element
    notations = note.find("notations")
    if notations is None:
        notations = Element("notations")
        place = next((at for at, child in enumerate(note) if child.tag in ("lyric", "play")), len(note))
        note.insert(place, notations)
    SubElement(notations, "slur", {"type": inner.kind, "number": outer.number})
    return True


def _is_struck(note: Element) -> bool:
    """Whether it is a note, the first of its chord, that is not tied to the one before."""
    is_tied = any(tie.get("type") == "stop" for tie in note.iterfind("tie"))
    return note.find("pitch") is not None and note.find("chord") is None and not is_tied


def _same_span(
    outer: SpanEnd[Node], spans: Sequence[tuple[SpanEnd[Element], SpanEnd[Element]]], new: Collection[int]
) -> tuple[SpanEnd[Element], SpanEnd[Element]] | None:
    """The written span that has the nearest end outside the new measures; of slurs, at the same note, which the writer
    begins where the source has one that is tied to it.
    """
    near = _near(outer, spans, new)
    return min(near, key=lambda entry: entry[0], default=(0, None))[1]


def _distance(
    outer: SpanEnd[Node], spans: Sequence[tuple[SpanEnd[Element], SpanEnd[Element]]], new: Collection[int]
) -> int:
    """Ticks from an end in a measure that stays to that of the nearest written span."""
    return min((distance for distance, _ in _near(outer, spans, new)), default=0)


def _near(
    outer: SpanEnd[Node], spans: Sequence[tuple[SpanEnd[Element], SpanEnd[Element]]], new: Collection[int]
) -> list[tuple[int, tuple[SpanEnd[Element], SpanEnd[Element]]]]:
    """The written spans that may be one, with the ticks between their ends outside the new measures."""
    near = []
    for span in spans:
        end = span[1] if span[0].measure in new else span[0]
        is_like = (end.tag, end.is_begin, end.measure) == (outer.tag, outer.is_begin, outer.measure)
        if is_like and (outer.tag != "slur" or end.onset <= outer.onset):
            near.append((abs(end.onset - outer.onset), span))
    return near


def _inner(span: tuple[SpanEnd[Element], SpanEnd[Element]], new: Collection[int]) -> SpanEnd[Element]:
    return span[0] if span[0].measure in new else span[1]
