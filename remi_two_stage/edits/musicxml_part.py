"""One part of a MusicXML file as its text has it: when each element stands, and what holds there.

Conventions
- Onsets are ticks from the start of the measure, rounded as the reader rounds them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

from ..core.signatures import TICKS_PER_QUARTER
from ..scores.musicxml_reader_document import Time, number_of
from ..scores.musicxml_reader_voices import PartVoices
from .musicxml_text import FileText, Node

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@dataclass(slots=True)
class Placed:
    """An element of a measure: its onset and end in ticks, the staff on which it stands, and `<divisions>` there."""

    node: Node
    onset: int
    end: int
    staff: int
    divisions: Time


@dataclass(slots=True)
class SourceMeasure:
    """A measure of a part.

    Attributes:
        divisions: Where its first note stands.
        divisions_after: At its end.
        transpositions: For each staff (0: all others) the places on the line of fifths, and the semitones, by which its
            notes sound above where they are written.
        sharps: Of its written key signature.
    """

    node: Node
    divisions: Time
    divisions_after: Time = 1
    placed: list[Placed] = field(default_factory=list)
    transpositions: dict[int, tuple[int, int]] = field(default_factory=dict)
    sharps: int = 0

    def transposition(self, staff: int) -> tuple[int, int]:
        """What holds for a staff."""
        return self.transpositions.get(staff) or self.transpositions.get(0) or (0, 0)


class SourcePart:
    """A part and all its measures.

    Args:
        voices: Of a part whose staves hold several; there a voice is what is called a staff here.
    """

    def __init__(self, text: FileText, node: Node, voices: PartVoices) -> None:
        self._text = text
        self.node = node
        self.voices = voices
        self.measures: list[SourceMeasure] = []
        self._time: Time = 0
        self._last_onset: Time = 0
        self._divisions: Time = 1
        self._transpositions: dict[int, tuple[int, int]] = {}
        self._sharps = 0
        for measure in node.each("measure"):
            self.measures.append(self._read(measure))

    def layer_names(self) -> dict[int, list[str]]:
        """For each staff the names of its layers (`<voice>`), as they come."""
        names: defaultdict[int, dict[str, None]] = defaultdict(dict)
        for placed in (placed for measure in self.measures for placed in measure.placed):
            if placed.node.tag == "note":
                names[placed.staff][self.word(placed.node, "voice") or "1"] = None
        return {staff: sorted(of_staff, key=lambda name: (len(name), name)) for staff, of_staff in names.items()}

    @property
    def is_staved(self) -> bool:
        """Whether notes say on which staff they stand."""
        notes = (placed.node for measure in self.measures for placed in measure.placed if placed.node.tag == "note")
        return any(note.first("staff") for note in notes)

    def voices_of(self, node: Node) -> list[int]:
        """The voices to which an element of a part of several belongs: one, or all of its staff."""
        layer, staff = self.word(node, "voice"), int(self.word(node, "staff") or 1)
        return [self.voices.of_layer(staff, layer)] if layer else self.voices.on_staff(staff)

    def word(self, node: Node, tag: str) -> str:
        """The text of a child, empty if there is none."""
        child = node.first(tag)
        return "" if child is None else self._text.text_of(child)

    def sounding(self, placed: Placed, transposition: tuple[int, int]) -> int | None:
        """MIDI number of a note; None for one without a pitch."""
        pitch = placed.node.first("pitch")
        if pitch is None:
            return None
        alteration = round(number_of(self.word(pitch, "alter")))
        octave = int(self.word(pitch, "octave") or 4)
        return 12 * (octave + 1) + _STEPS[self.word(pitch, "step")] + alteration + transposition[1]

    # --- reading

    def _read(self, node: Node) -> SourceMeasure:
        self._time = self._last_onset = 0
        measure = SourceMeasure(node, self._divisions)
        has_begun = False
        for child in node.children:
            if child.tag in ("note", "backup", "forward") and not has_begun:
                has_begun = True
                self._settle(measure)
            if child.tag == "attributes":
                self._attributes(child)
            measure.placed.append(self._place(child))
        if not has_begun:
            self._settle(measure)
        measure.divisions_after = self._divisions
        return measure

    def _settle(self, measure: SourceMeasure) -> None:
        measure.divisions, measure.sharps = self._divisions, self._sharps
        measure.transpositions = dict(self._transpositions)

    def _place(self, child: Node) -> Placed:
        onset = end = self._time
        length = number_of(self.word(child, "duration"))
        if child.tag == "backup":
            self._time = max(0, self._time - length)
        elif child.tag == "forward":
            end = self._time = onset + length
        elif child.tag == "note" and child.first("grace") is None:
            if child.first("chord") is not None:
                onset = self._last_onset
            else:
                self._last_onset, self._time = onset, onset + length
            end = onset + length
        staff = self.voices_of(child)[0] if self.voices.staves else int(self.word(child, "staff") or 1)
        return Placed(child, self._ticks(onset), self._ticks(end), staff, self._divisions)

    def _ticks(self, time: Time) -> int:
        return int((2 * time * TICKS_PER_QUARTER + self._divisions) // (2 * self._divisions))

    def _attributes(self, node: Node) -> None:
        for transpose in node.each("transpose"):
            if "number" not in transpose.attributes:
                self._transpositions.clear()
            self._transpositions[int(transpose.attributes.get("number", "0"))] = self._transposition(transpose)
        if (divisions := number_of(self.word(node, "divisions"))) > 0:
            self._time = Fraction(self._time * divisions, self._divisions) if self._time else 0
            self._divisions = divisions
        for key in node.each("key"):
            if key.attributes.get("number", "1") == "1":
                self._sharps = round(number_of(self.word(key, "fifths")))

    def _transposition(self, node: Node) -> tuple[int, int]:
        semitones, octaves, steps = (
            round(number_of(self.word(node, tag))) for tag in ("chromatic", "octave-change", "diatonic")
        )
        fifths = 7 * semitones - 12 * steps if node.first("diatonic") else (7 * semitones + 5) % 12 - 5
        return fifths, semitones + 12 * octaves
