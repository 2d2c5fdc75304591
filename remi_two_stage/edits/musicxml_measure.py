"""One measure that is written anew: its new notes, put between what stays of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, SubElement

from ..scores.musicxml_reader_document import Time
from .musicxml_part import Placed, SourceMeasure
from .musicxml_staff import Timed, as_text, fitting_divisions, in_divisions
from .musicxml_text import FileText

_NOTES = ("note", "backup", "forward")
_TIMED = ("direction", "harmony", "attributes", "sound")
"""What stands at a time of its measure, and not only between what is before and after it."""


class MeasureEdit:
    """Replaces the notes of a measure.

    Args:
        kept: Those of its elements that stay.
        music: The new notes, with onsets and durations in ticks; the layers of all staves, with `<backup>`s between.
        length: Of the measure, in ticks.
    """

    def __init__(
        self, text: FileText, measure: SourceMeasure, kept: Sequence[Placed], music: Sequence[Timed], length: int
    ) -> None:
        self._text, self._measure, self._kept, self._length = text, measure, kept, length
        self._music = music
        self._done = 0
        self._divisions = measure.divisions
        self._counted_in: Time = fitting_divisions((timed.element for timed in music), measure.divisions)
        self._line = text.line_within(measure.node)
        self._unit = text.unit

    def write(self) -> None:
        """Have the measure's text replaced."""
        placed = self._measure.placed
        last_note = max((index for index, each in enumerate(placed) if each.node.tag in _NOTES), default=-1)
        begin = next((index for index, each in enumerate(placed) if _follows_notes(each)), len(placed))
        for index, each in enumerate(placed):
            if not any(each is stays for stays in self._kept):
                self._text.replace(self._text.lead(each.node), each.node.end, b"")
            elif index >= begin:
                self._keep(each, index > last_note)
        self._put_at_end(self._until_end() + self._counting_in(self._measure.divisions_after))

    def _keep(self, placed: Placed, is_at_end: bool) -> None:
        """Put the new notes before an element that stays, and it at its own time."""
        before = self._until_end() if is_at_end else self._until(placed.onset)
        is_timed = placed.node.tag in _TIMED
        move = min(placed.onset, self._length) - self._time if is_timed else 0
        if move:
            before.append(_moved(move, self._divisions))
        if is_timed and (placed.node.first("offset")):
            before += self._counting_in(placed.divisions)
        self._put(self._text.lead(placed.node), before)
        if placed.node.first("divisions"):
            self._divisions = placed.divisions
        if move:
            self._put(placed.node.end, [_moved(-move, self._divisions)])

    @property
    def _time(self) -> int:
        """Ticks from the measure's start to where the next new element stands."""
        if self._done < len(self._music):
            return self._music[self._done].onset
        return self._length

    def _until(self, onset: int) -> list[Element]:
        """The next new elements, up to a time."""
        stop = self._done
        while stop < len(self._music):
            timed = self._music[stop]
            if timed.element.tag == "backup" or timed.onset >= onset:
                break
            stop += 1
        return self._taken(stop)

    def _until_end(self) -> list[Element]:
        return self._taken(len(self._music))

    def _taken(self, stop: int) -> list[Element]:
        elements = [timed.element for timed in self._music[self._done : stop]]
        self._done = stop
        for element in elements:
            in_divisions(element, self._counted_in)
        return [*self._counting_in(self._counted_in), *elements] if elements else []

    def _counting_in(self, divisions: Time) -> list[Element]:
        """What has durations counted otherwise from here on; nothing if they are."""
        if divisions == self._divisions:
            return []
        self._divisions = divisions
        attributes = Element("attributes")
        SubElement(attributes, "divisions").text = str(divisions)
        return [attributes]

    def _put(self, place: int, elements: Iterable[Element]) -> None:
        self._text.replace(
            place,
            place,
            b"".join(as_text(element, self._line, self._unit, self._text.are_nested) for element in elements),
        )

    def _put_at_end(self, elements: Iterable[Element]) -> None:
        content = b"".join(as_text(element, self._line, self._unit, self._text.are_nested) for element in elements)
        self._text.put_last(self._measure.node, content)


def _follows_notes(placed: Placed) -> bool:
    """Whether an element is a note, or stands behind all of them in a measure that has none."""
    node = placed.node
    return node.tag in _NOTES or (node.tag == "barline" and node.attributes.get("location", "right") != "left")


def _moved(ticks: int, divisions: Time) -> Element:
    """A `<forward>`, or for a negative number of ticks a `<backup>`."""
    element = Element("forward" if ticks > 0 else "backup")
    SubElement(element, "duration").text = str(abs(ticks))
    in_divisions(element, divisions)
    return element
