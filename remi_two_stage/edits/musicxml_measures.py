"""One part of a MusicXML file in an edit: which of its measures are written anew, and what stays of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from ..core.abc_spelling import BarNames
from ..core.notation import Notation, players_of
from ..core.piece import Piece
from ..core.signatures import TICKS_PER_QUARTER
from ..scores.musicxml_reader_document import number_of
from ..scores.musicxml_reader_records import LINE_TAGS, Direction, direction_of
from ..scores.musicxml_writer_signs import jumps
from .changes import Change, Segment, segments
from .musicxml_measure import MeasureEdit
from .musicxml_part import Placed, SourceMeasure, SourcePart
from .musicxml_spans import settle_spans
from .musicxml_staff import (
    Timed,
    as_text,
    by_voice,
    fitting_divisions,
    in_divisions,
    music_of,
    put_on_staff,
    without,
    written_measures,
)
from .musicxml_text import FileText, Node

_WITH_NOTES = ("note", "backup", "forward", "figured-bass")
"""What goes with the old notes of a measure."""


class StaffOf(NamedTuple):
    """A staff of the part, and the indices of its voice before and after the edit."""

    number: int
    before: int
    after: int


@dataclass(frozen=True)
class Edit:
    """What is written into a file: the pieces before and after, what has changed, and how notes are named."""

    before: Piece
    after: Piece
    change: Change
    names: Sequence[Sequence[BarNames]]

    @property
    def appended(self) -> range:
        """Indices of the bars that follow."""
        return range(len(self.before.bars), len(self.after.bars))


class PartEdit:
    """Writes an edit into one part.

    Args:
        staves: Those that are voices of the piece.
        has_chords: Whether chord symbols stand in this part.
        writes_chords: Whether new ones do; in one part alone.
        is_first: Whether signs of jumps stand in this part.
    """

    def __init__(
        self, text: FileText, part: SourcePart, edit: Edit, staves: Sequence[StaffOf], writes_chords: bool,
        is_first: bool,
    ) -> None:  # fmt: skip
        self._text, self._part, self._edit, self._staves = text, part, edit, staves
        self._is_first = is_first
        self._writes_chords = writes_chords
        self._notation: dict[tuple[int, int], list[Notation]] = {}
        self._layers = part.layer_names()
        self._is_staved = part.is_staved

    def write(self) -> None:
        """Have the changed measures replaced, and those that follow added."""
        new = sorted(self._new)
        kept = {index: [*self._kept_in(index)] for index in new}  # first, for it leaves less to be written
        if self._part.voices.staves:
            written = by_voice(self._written(self._staves), len(self._staves))
        else:
            written = {staff.number: self._written([staff]) for staff in self._staves}
        cut, nowhere = settle_spans(self._part, {*new, *self._edit.appended}, written)
        for sign in cut:
            self._text.remove(sign)
        for index in new:
            measure, length = self._part.measures[index], self._edit.after.bars[index].length
            music = [*self._music(index, written, nowhere)]
            MeasureEdit(self._text, measure, kept[index], music, length).write()
        for index in self._differences.keys() - self._new:
            self._cut(index)
        if new:
            self._end_rests()
        if self._edit.appended:
            self._append(written, nowhere)

    # --- which measures

    @cached_property
    def _differences(self) -> dict[int, list[tuple[int, list[Segment], list[Segment]]]]:
        """For each measure that sounds otherwise, the staves that do, with what stood and stands there."""
        found: defaultdict[int, list[tuple[int, list[Segment], list[Segment]]]] = defaultdict(list)
        for staff in self._staves:
            stood, stands = segments(self._edit.before, staff.before), segments(self._edit.after, staff.after)
            for index, (old, new) in enumerate(zip(stood, stands, strict=False)):
                if old != new:
                    found[index].append((staff.number, old, new))
        return dict(found)

    @cached_property
    def _new(self) -> set[int]:
        """The measures that are written anew."""
        new = set(self._new_chords) if self._writes_chords else set()
        for index, staves in self._differences.items():
            if any(_cut_over_barlines(old, stands) is None for _, old, stands in staves):
                new.add(index)
        return new

    @cached_property
    def _new_chords(self) -> set[int]:
        """The measures with other chord symbols; those of a harmonisation are not the melody's."""
        if not self._edit.change.has_new_chords:
            return set()
        pairs = zip(self._edit.before.bars, self._edit.after.bars, strict=False)
        return {index for index, (old, new) in enumerate(pairs) if old.chords != new.chords}

    # --- what stays of a measure

    def _kept_in(self, index: int) -> Iterator[Placed]:
        """The elements of a measure that stay although its notes go."""
        for placed in self._part.measures[index].placed:
            tag = placed.node.tag
            if tag == "direction":
                is_kept = self._still_says(index, placed)
            else:
                is_kept = tag not in _WITH_NOTES and not (tag == "harmony" and index in self._new_chords)
            if is_kept:
                yield placed

    def _still_says(self, index: int, placed: Placed) -> bool:
        """Whether a direction is no matter of notes, or what it says stands there after the edit too."""
        said = self._read_direction(index, placed)
        if said is None or said.tempo or said.label or said.jumps or said.begins_repeat:
            return True
        has_line = any(next(placed.node.below(tag), None) is not None for tag in LINE_TAGS)
        if has_line or not self._staves:
            return False
        numbers = self._part.voices_of(placed.node) if self._part.voices.staves else [placed.staff]
        staves = [staff for staff in self._staves if staff.number in numbers] or self._staves[:1]
        beside = [self._beside(index, staff) for staff in staves]
        if any(record not in records for record in said.records for records in beside):
            return False
        for record in said.records:  # written already
            for records in beside:
                records.remove(record)
        return True

    def _read_direction(self, index: int, placed: Placed) -> Direction | None:
        """What the reader takes from a direction; None for one that it cannot read by itself."""
        shift = number_of(self._part.word(placed.node, "offset")) * TICKS_PER_QUARTER / placed.divisions
        onset = min(max(0, placed.onset + round(shift)), self._edit.before.bars[index].length - 1)
        try:
            element = ElementTree.fromstring(self._text.content[placed.node.start : placed.node.end])
        except ElementTree.ParseError:
            return None
        return direction_of(element, onset, Counter(), is_own=False)

    def _beside(self, index: int, staff: StaffOf) -> list[Notation]:
        """What is written beside the new notes of a measure, but for what its kept directions say."""
        notation = self._edit.after.bars[index].notation
        return self._notation.setdefault((index, staff.number), list(notation[staff.after]) if notation else [])

    def _cut(self, index: int) -> None:
        """Take out what is no longer held from the measure before, or into the next: ties, or the whole held note."""
        measure = self._part.measures[index]
        for staff, old, new in self._differences[index]:
            silent, pairs = _cut_over_barlines(old, new) or ([], [])
            notes = [placed for placed in measure.placed if placed.node.tag == "note" and placed.staff == staff]
            for was, now in pairs:
                self._cut_tie(self._of_segment(measure, notes, was), "stop" if was[3] > now[3] else "", 0)
                self._cut_tie(self._of_segment(measure, notes, was), "start" if was[4] > now[4] else "", -1)
            gone = [placed for segment in silent for placed in self._of_segment(measure, notes, segment)]
            for chord in _chords(notes):
                self._silence([placed.node for placed in chord], [placed.node for placed in chord if placed in gone])

    def _of_segment(self, measure: SourceMeasure, notes: Iterable[Placed], segment: Segment) -> list[Placed]:
        """The notes, one tied to the other, that are a segment."""
        onset, end, pitch, *_ = segment
        return [
            placed
            for placed in notes
            if onset <= placed.onset < placed.end <= end
            and self._part.sounding(placed, measure.transposition(placed.staff)) == pitch
        ]

    def _cut_tie(self, notes: Sequence[Placed], kind: str, which: int) -> None:
        """Take the tie of a kind out of the first or the last of tied notes; of no kind: none."""
        for placed in notes[which:][:1]:
            for tie in [tie for tag in ("tie", "tied") for tie in placed.node.below(tag)]:
                if tie.attributes.get("type") == kind:
                    self._text.remove(tie)

    def _silence(self, chord: Sequence[Node], gone: Sequence[Node]) -> None:
        """Take notes out of a chord; the last one that goes leaves a rest."""
        staying = [note for note in chord if note not in gone]
        for note in gone if staying else gone[1:]:
            self._text.remove(note)
        if staying and chord[0] in gone:
            self._text.remove(next(staying[0].each("chord")))
        if gone and not staying:
            for child in chord[0].children:
                if child.tag == "pitch":
                    self._text.replace(child.start, child.end, b"<rest/>")
                elif child.tag in ("tie", "accidental", "stem", "notehead", "beam"):
                    self._text.remove(child)
            for tied in list(chord[0].below("tied")):
                self._text.remove(tied)

    def _end_rests(self) -> None:
        """Take out the signs of a rest over several measures that are now written anew."""
        for index, measure in enumerate(self._part.measures):
            for rest in (rest for placed in measure.placed for rest in placed.node.below("multiple-rest")):
                if any(place in self._new for place in range(index, index + int(self._text.text_of(rest) or 1))):
                    self._text.remove(rest)

    # --- new music

    def _written(self, staves: Sequence[StaffOf]) -> list[Element]:
        """All measures of a staff, or of several voices, as our writer writes them, as they stand in this part."""
        with_chords = set()
        if self._writes_chords and staves[0] == self._staves[0]:
            with_chords = self._new_chords | set(self._edit.appended)
        voices = {staff.number: staff.after for staff in staves}
        notation = {
            (index, voices[number]): beside for (index, number), beside in self._notation.items() if number in voices
        }
        players = players_of(self._edit.before.instruments, [staff.before for staff in staves])
        places = [measure.transposition(staves[0].number) for measure in self._part.measures]
        places += places[-1:] * len(self._edit.appended)
        sharps = {index: measure.sharps for index, measure in enumerate(self._part.measures)}
        by_transposition = {
            transposition: written_measures(
                self._edit.after,
                [*voices.values()],
                self._edit.names,
                notation,
                players,
                with_chords,
                transposition,
                sharps,
            )
            for transposition in dict.fromkeys(places)
        }
        return [by_transposition[transposition][index] for index, transposition in enumerate(places)]

    def _music(self, index: int, written: dict[int, list[Element]], nowhere: Sequence[Element]) -> Iterator[Timed]:
        """The notes of all staves of a measure, one staff after the other."""
        length = self._edit.after.bars[index].length
        for number, measures in written.items():
            if number != min(written) and len(measures[index]):
                backup = Element("backup")
                SubElement(backup, "duration").text = str(length)
                yield Timed(length, backup)
            for timed in music_of(measures[index]):
                if without(timed.element, nowhere):
                    self._place(timed.element, number)
                    yield timed

    def _place(self, element: Element, staff: int) -> None:
        """Have an element stand on a staff, in layers that are called as the part calls them."""
        voices = self._part.voices
        if voices.staves and not voices.layers:  # as we wrote it
            return
        layers = self._layers.setdefault(staff, [])
        layer = element.find("voice")
        if voices.staves:
            staff = voices.staves[staff - 1]
            if layer is not None:
                layer.text = str((int(layer.text or 1) - 1) // len(voices.staves) + 1)
        wanted = int(element.findtext("voice") or 1)
        while len(layers) < wanted:
            used = {name for names in self._layers.values() for name in names}
            layers.append(next(str(number) for number in range(1, len(used) + 2) if str(number) not in used))
        put_on_staff(element, layers, staff if self._is_staved else None)

    def _append(self, written: dict[int, list[Element]], nowhere: Sequence[Element]) -> None:
        """Add the bars that follow, after the part's last measure, which stays as it is with its final barline."""
        last = self._part.measures[-1]
        line = self._text.indent(last.node.start)
        number = last.node.attributes.get("number", "")
        first = (int(number) if number.isdigit() else self._edit.before.bar_numbers[-1]) + 1
        added = b""
        for index in self._edit.appended:
            measure = Element("measure", {"number": str(first)})
            if self._edit.after.bars[index].is_pickup:
                measure.attrib.update(number=f"{first - 1}X", implicit="yes")
            else:
                first += 1
            measure.extend(self._appended(index, written, nowhere))
            added += as_text(measure, line, self._text.unit, self._text.are_nested)
        self._text.replace(last.node.end, last.node.end, added)

    def _appended(self, index: int, written: dict[int, list[Element]], nowhere: Sequence[Element]) -> Iterator[Element]:
        """What a measure that follows holds."""
        divisions = self._part.measures[-1].divisions_after
        if not written:
            rest = ElementTree.fromstring('<note><rest measure="yes"/><duration/></note>')
            rest.find("duration").text = str(self._edit.after.bars[index].length)  # type: ignore[union-attr]
            in_divisions(rest, divisions)
            yield rest
            return
        own = written[min(written)][index]
        yield from (child for child in own if child.tag == "attributes" or child.get("location") == "left")
        if self._is_first and (signs := jumps(self._edit.after.bars[index].jumps, are_before=True)):
            yield ElementTree.fromstring(signs)
        music = [timed.element for timed in self._music(index, written, nowhere)]
        counted_in = fitting_divisions(music, divisions)
        if counted_in != divisions:
            yield _counted_in(counted_in)
        for element in music:
            in_divisions(element, counted_in)
            yield element
        if counted_in != divisions:
            yield _counted_in(divisions)
        yield from (child for child in own if child.get("location") == "right")


def _counted_in(divisions: object) -> Element:
    attributes = Element("attributes")
    SubElement(attributes, "divisions").text = str(divisions)
    return attributes


def _chords(notes: Iterable[Placed]) -> list[list[Placed]]:
    """Notes that are struck together, the first of each with what `<chord/>` joins to it."""
    found: list[list[Placed]] = []
    for placed in notes:
        if placed.node.first("chord") and found:
            found[-1].append(placed)
        else:
            found.append([placed])
    return found


def _cut_over_barlines(
    old: Iterable[Segment], new: Sequence[Segment]
) -> tuple[list[Segment], list[tuple[Segment, Segment]]] | None:
    """What of a measure is silent now that was held from the one before, and pairs of what stays, which may be held no
    longer over a barline; None if there is another difference.
    """
    left = Counter(segment[:3] for segment in new)
    silent: list[Segment] = []
    staying: list[Segment] = []
    for segment in old:
        is_left = left[segment[:3]] > 0
        left[segment[:3]] -= is_left
        (staying if is_left else silent).append(segment)
    pairs = list(zip(staying, new, strict=False))
    is_cut = len(staying) == len(new) and all(was[3] >= now[3] and was[4] >= now[4] for was, now in pairs)
    changed = [*silent, *(was for was, now in pairs if was != now)]
    is_clear = all(sum(_overlap(segment, other) for other in [*silent, *staying]) == 1 for segment in changed)
    return (silent, pairs) if is_cut and is_clear and all(segment[3] for segment in silent) else None


def _overlap(one: Segment, other: Segment) -> bool:
    """Whether two notes of one pitch sound at once."""
    return one[2] == other[2] and one[0] < other[1] and other[0] < one[1]
