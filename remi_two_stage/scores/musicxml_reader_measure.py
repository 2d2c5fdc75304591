"""What is read of a measure of one part of a MusicXML score, before bars are made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from ..core.notation import ClefSign, Notation
from ..core.signatures import Meter
from .musicxml_reader_numbers import Signature, Transposition
from .musicxml_reader_records import Direction


@dataclass(slots=True)
class Sound:
    """A note: its staff and voice, onset and end in ticks of its measure, and whether ties lead to it and from it."""

    staff: int
    voice: str
    onset: int
    end: int
    pitch: int
    fifths: int
    is_tied: bool
    ties: bool


@dataclass
class Measure:
    """What a measure of one part holds; times in ticks.

    Attributes:
        meter: Where it changes; a tuple of the metre, which is None in free metre.
        sung: Where the last note ends.
        written: Where the last note or rest ends that is no rest of the whole measure.
        filled: Where the last of these or the last `<forward>` ends.
        rests: The rests that are printed: staff, voice, begin and end.
        rest: How long the longest rest of the whole measure says that it is.
        repeats: The last of so many measures before it is heard again in this one, in the staffs named; 0 for none.
    """

    number: str
    is_implicit: bool
    key: Signature | None = None
    meter: tuple[Meter | None] | None = None
    sounds: list[Sound] = field(default_factory=list)
    sung: int = 0
    written: int = 0
    filled: int = 0
    rests: list[tuple[int, str, int, int]] = field(default_factory=list)
    rest: int = 0
    repeats: int = 0
    repeated_staff: int | None = None
    harmonies: list[tuple[int, Element, Transposition]] = field(default_factory=list)
    records: list[tuple[int, Notation]] = field(default_factory=list)
    clefs: list[tuple[int, ClefSign]] = field(default_factory=list)
    directions: list[Direction] = field(default_factory=list)
    barlines: list[Element] = field(default_factory=list)
    has_fermata: bool = False
