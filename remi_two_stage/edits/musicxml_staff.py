"""The measures of a voice as our own writer writes them, turned into those of one staff of another program's part.

Conventions
- A written measure is a list of elements with their onsets in ticks; durations too are ticks until `in_divisions`.
- Notes stand as they do in the part: `<transpose>` is taken into account.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

from ..core.abc_spelling import BarNames
from ..core.errors import ScoreError
from ..core.notation import Instrument, Notation, Span
from ..core.piece import Piece
from ..core.signatures import MODES, TICKS_PER_QUARTER, Key, name_at
from ..scores.musicxml_reader_document import Time
from ..scores.musicxml_reader_voices import voice_of_layer
from ..scores.musicxml_writer import part_xml
from .changes import NotAnEditError

_MUSIC = ("note", "backup", "forward", "direction", "harmony")
_HOLD_LINES = ("part", "measure")
_BEFORE_STAFF = {
    "note": ("beam", "notations", "lyric"), "direction": ("sound",), "harmony": (), "forward": (),
}  # fmt: skip
"""What follows `<staff>` in an element, where it does not come last."""


@dataclass(frozen=True, slots=True)
class Timed:
    """An element, and its onset in ticks from the start of its measure."""

    onset: int
    element: Element


def written_measures(
    piece: Piece, voices: Sequence[int], names: Sequence[Sequence[BarNames]],
    notation: Mapping[tuple[int, int], Sequence[Notation]], players: Sequence[Instrument],
    with_chords: Collection[int], transposition: tuple[int, int], sharps: Mapping[int, int],
) -> list[Element]:  # fmt: skip
    """The measures of the voices of a part, without tempos, jumps, labels of parts, and slurs from one voice to
    another, whose ends stay in the text or go with their notes.

    Args:
        names: Of the notes of all voices of the piece as they sound.
        notation: What stands beside the notes of some bars in place of what the piece has, by bar and voice.
        players: Of the voices, which share staves as these say; may be empty.
        with_chords: Indices of the bars whose chord symbols are written.
        transposition: Places on the line of fifths, and semitones, by which notes sound above where they are written.
        sharps: The written key signature of some bars, where it may be another than the piece's.
    """
    fifths, semitones = transposition
    bars = []
    for index, bar in enumerate(piece.bars):
        said = [notation.get((index, voice), bar.notation[voice] if bar.notation else ()) for voice in voices]
        beside = [[each for each in records if not (isinstance(each, Span) and each.voice)] for records in said]
        chords = bar.chords if index in with_chords else ()
        notes = tuple([bar.notes[voice] for voice in voices])
        bars.append(
            replace(bar, notes=notes, notation=tuple(map(tuple, beside)), chords=chords, tempos=(), jumps=(), part="")
        )
    alone = Piece(tuple([piece.voices[voice] for voice in voices]), tuple(bars), instruments=tuple(players))
    names = [names[voice] for voice in voices]
    if fifths or semitones:
        try:
            alone = alone.transpose(-semitones, -fifths)
        except ScoreError as error:
            raise NotAnEditError(f"a part cannot be written as its player reads it: {error.message}") from None
        names = [
            [{(onset, pitch - semitones): name - fifths for (onset, pitch), name in of_bar.items()} for of_bar in named]
            for named in names
        ]
    signed = [
        replace(bar, key=_with_signature(bar.key, sharps[index])) if index in sharps and not bar.chords else bar
        for index, bar in enumerate(alone.bars)
    ]
    return list(ElementTree.fromstring(part_xml(replace(alone, bars=tuple(signed)), range(len(voices)), names)))


def _with_signature(key: Key, sharps: int) -> Key:
    """A key with another signature, in the same mode."""
    tonic = sharps - MODES[key.mode]
    return key if key.signature == sharps or abs(sharps) > 7 else Key(name_at(tonic), key.mode)


def by_voice(measures: Iterable[Element], voices: int) -> dict[int, list[Element]]:
    """The written measures of a part of several voices, those of each voice by themselves, by its number in the part;
    what belongs to no voice is with the first.
    """
    found: dict[int, list[Element]] = {number: [] for number in range(1, voices + 1)}
    for measure in measures:
        for number, of_voice in found.items():
            of_voice.append(Element("measure", measure.attrib))
            of_voice[-1].extend(child for child in measure if number == 1 and child.tag not in _MUSIC)
        own = found[1][-1]
        waiting: list[Element] = []
        backup: list[Element] = []
        for child in (child for child in measure if child.tag in _MUSIC):
            if child.tag == "backup":
                own.extend(waiting)
                waiting, backup = [], [child]
            elif (layer := child.findtext("voice")) and child.tag != "direction":
                other = found[voice_of_layer(layer, voices)][-1]
                own, waiting = other, [*(backup if other is own else ()), *waiting, child]
                own.extend(waiting)
                waiting, backup = [], []
            else:
                waiting.append(child)
        own.extend(waiting)
    return found


def music_of(measure: Element) -> list[Timed]:
    """What of a written measure stands on the time line, with its onset."""
    found: list[Timed] = []
    time = onset = 0
    for element in (child for child in measure if child.tag in _MUSIC):
        length = int(element.findtext("duration") or 0)
        if element.find("chord") is None:
            onset = time
            time += -length if element.tag == "backup" else length
        found.append(Timed(onset, element))
    return found


def without(element: Element, signs: Collection[Element]) -> bool:
    """Take slurs or hairpins out of an element; returns whether something is left of it."""
    for group in [child for child in element if child.tag in ("notations", "direction-type")]:
        for sign in [child for child in group if any(child is other for other in signs)]:
            group.remove(sign)
        if not len(group):
            element.remove(group)
    return element.tag != "direction" or element.find("direction-type") is not None


def put_on_staff(element: Element, layers: Sequence[str], staff: int | None) -> None:
    """Have an element stand in the layers of a staff, which are named as the part names them.

    Args:
        staff: None in a part of one staff.
    """
    layer = element.find("voice")
    if layer is not None and layer.text:
        layer.text = layers[int(layer.text) - 1]
    if staff is not None and element.tag in _BEFORE_STAFF:
        said = element.find("staff")
        if said is None:
            tags = _BEFORE_STAFF[element.tag]
            place = next((at for at, child in enumerate(element) if child.tag in tags), len(element))
            said = Element("staff")
            element.insert(place, said)
        said.text = str(staff)


def fitting_divisions(elements: Iterable[Element], divisions: Time) -> Time:
    """The fewest `<divisions>`, a multiple of those given, in which all durations are whole numbers."""
    factor = 1
    for element in elements:
        for tag in ("duration", "offset"):
            ticks = int(element.findtext(tag) or 0)
            factor = lcm(factor, (Fraction(ticks, TICKS_PER_QUARTER) * Fraction(divisions)).denominator)
    return divisions * factor


def in_divisions(element: Element, divisions: Time) -> None:
    """Count an element's durations in `<divisions>` in place of ticks."""
    for tag in ("duration", "offset"):
        child = element.find(tag)
        if child is not None:
            count = Fraction(int(child.text or 0), TICKS_PER_QUARTER) * Fraction(divisions)
            child.text = str(count) if count.denominator == 1 else f"{float(count):.6f}"


def as_text(element: Element, line: bytes, unit: bytes, are_nested: bool = True) -> bytes:
    """An element after the line end and indent `line`, and what is within it further in by `unit`.

    Args:
        line: Empty where all is in one line.
        are_nested: Whether what is within notes and other elements of a measure begins lines of its own.
    """
    attributes = "".join(f" {name}={quoteattr(value)}" for name, value in element.attrib.items())
    begin = f"<{element.tag}{attributes}"
    if len(element):
        is_nested = line and (are_nested or element.tag in _HOLD_LINES)
        further, after = (line + unit, line) if is_nested else (b"", b"")
        within = b"".join(as_text(child, further, unit, are_nested) for child in element)
        return line + f"{begin}>".encode() + within + after + f"</{element.tag}>".encode()
    text = (element.text or "").strip()
    return line + (f"{begin}>{escape(text)}</{element.tag}>" if text else f"{begin}/>").encode()
