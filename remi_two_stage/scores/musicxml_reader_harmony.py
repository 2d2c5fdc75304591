"""Chord symbols in MusicXML (`<harmony>`) -> `Chord`s."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element

from ..core.chords import NO_CHORD, QUALITIES, make_label, named_chord, parse_name, parse_roman, split_label, tones
from ..core.errors import ChordError
from ..core.notation import ChordSymbol
from ..core.piece import Chord
from ..core.signatures import Key, fifths_of, name_at
from ..core.text import printable
from .musicxml_kinds import Degree, kind_of
from .musicxml_names import FURTHER_KINDS, QUALITY_OF_MUSICXML_KIND
from .musicxml_reader_document import is_whole, number_of
from .musicxml_reader_numbers import Transposition

_DEGREES = (0, 2, 4, -1, 1, 3, 5)
"""Of a major scale, from the tonic on, on the line of fifths."""
_ALTERED = {
    ("suspended-fourth", "add", 7, 0): "7sus4",
    ("suspended-fourth", "add", 7, -1): "7sus4",
    ("minor-seventh", "alter", 5, -1): "hdim7",
    ("dominant", "alter", 5, 1): "aug7",
    ("major", "alter", 5, 1): "aug",
    ("minor", "alter", 5, -1): "dim",
    ("dominant", "add", 9, -1): "7b9",
    ("major", "add", 9, 0): "add9",
    ("major", "add", 6, 0): "6",
    ("minor", "add", 6, 0): "min6",
    ("minor", "add", 7, 0): "min7",
}
"""(kind, type, value and alteration of a degree) -> the quality that both make."""
_MOST_ACCIDENTALS = 2
_SIGNS = {-1: "b", 0: "", 1: "#"}
_VERBS = {"add": "add", "subtract": "no", "alter": ""}


def chord_of(element: Element, transposition: Transposition, onset: int, key: Key) -> Chord | None:
    """The chord of a `<harmony>` in a key whose tonic its label counts from; None where it names no chord.

    The nearest quality is taken where MusicXML has more of them; what is written over the staff is kept beside it.
    """
    kind = element.find("kind")
    name = (kind.text or "").strip() if kind is not None else ""
    if name == "none":
        return Chord(onset, NO_CHORD)
    root = _root(element, transposition, key)
    if root is None:
        return None
    degrees = [_degree(degree) for degree in element.iterfind("degree")]
    text = printable(kind.get("text", "")).strip() if kind is not None and "text" in kind.attrib else None
    quality = next((_ALTERED[name, *degree] for degree in degrees if (name, *degree) in _ALTERED), None)
    quality = quality or QUALITY_OF_MUSICXML_KIND.get(name)
    suffix = text if text is not None else _usual_suffix(name, quality)
    if quality is None:
        try:
            parts = split_label(parse_name(name_at(root) + suffix, key).label) if suffix or not name else None
        except ChordError:
            parts = None
        if parts is None:
            return None
        quality = parts[1]
    elif own := _quality_written_so(root, suffix, name, degrees, key):
        quality = own
    elif text is None or name not in ("suspended-fourth",):
        further = [degree for degree in degrees if text is not None or (name, *degree) not in _ALTERED]
        suffix += _degrees_text(further, suffix, quality)
    bass = element.find("bass")
    written = _inverted(element, root, quality) if bass is None else _fifths(bass, "bass", transposition)
    symbol = ChordSymbol(root, suffix, written)
    above = 0 if symbol.bass is None else 7 * (symbol.bass - root) % 12
    return Chord(onset, make_label((7 * root - key.pitch_class) % 12, quality), symbol, above)


def _inverted(element: Element, root: int, quality: str) -> int | None:
    """The bass of an `<inversion>`, as a place on the line of fifths; None in root position."""
    number = (element.findtext("inversion") or "").strip()
    intervals = QUALITIES[quality].intervals
    if not is_whole(number) or not 0 < int(number) < len(intervals):
        return None
    return root + tones(quality)[intervals[int(number)]]


def _usual_suffix(kind: str, quality: str | None) -> str:
    """How a chord's name ends where the file does not say how it is written."""
    further = next((suffix for suffix, name in FURTHER_KINDS.items() if name == kind), None)
    return QUALITIES[quality].name_suffix if quality and (further is None or kind == "dominant") else further or ""


def _quality_written_so(root: int, suffix: str, kind: str, degrees: Sequence[Degree], key: Key) -> str | None:
    """The quality of the chord that the text of a kind names, if it is written with this kind and these degrees."""
    named = named_chord(name_at(root) + suffix, key)
    parts = split_label(named.label) if named else None
    return parts[1] if parts and kind_of(suffix, parts[1]) == (kind, tuple(degrees)) else None


def _root(element: Element, transposition: Transposition, key: Key) -> int | None:
    """The root's place on the line of fifths, from its name, its degree in the key, or its Roman numeral."""
    root, numeral = element.find("root"), element.find("numeral")
    if root is not None:
        return _fifths(root, "root", transposition)
    if numeral is not None:
        degree = (numeral.findtext("numeral-root") or "").strip()
        alteration = _alteration(numeral, "numeral-alter")
        if degree in tuple("1234567") and alteration is not None:
            return key.fifths + _DEGREES[int(degree) - 1] + 7 * alteration
        return None
    try:
        parts = split_label(parse_roman((element.findtext("function") or "").strip())[0])
    except ChordError:
        return None
    return None if parts is None else key.fifths + (7 * parts[0] + 5) % 12 - 5


def _fifths(element: Element, what: str, transposition: Transposition) -> int | None:
    step = (element.findtext(f"{what}-step") or "").strip()
    alteration = _alteration(element, f"{what}-alter")
    if step not in tuple("ABCDEFG") or alteration is None:
        return None
    return fifths_of(step) + 7 * alteration + transposition.fifths


def _alteration(element: Element, tag: str) -> int | None:
    """Semitones by which a name is raised; None if that is no number, or more than any chord symbol has."""
    try:
        alteration = round(number_of(element.findtext(tag)))
    except ValueError:
        return None
    return alteration if abs(alteration) <= _MOST_ACCIDENTALS else None


def _degree(degree: Element) -> tuple[str, int, int]:
    """(type, value, alteration) of a `<degree>`."""
    value = (degree.findtext("degree-value") or "0").strip()
    kind = (degree.findtext("degree-type") or "add").strip()
    return kind, int(value) if is_whole(value) else 0, _alteration(degree, "degree-alter") or 0


def _degrees_text(degrees: Iterable[tuple[str, int, int]], suffix: str, quality: str) -> str:
    """Degrees as they stand after a chord's name, such as "(b9)"; those that its name says already are left out."""
    found = []
    for kind, value, alteration in degrees:
        is_said = str(value) in suffix or (quality == "7sus4" and value == 7)
        if not is_said:
            verb = _VERBS.get(kind, "") if not alteration or kind == "subtract" else ""
            found.append(f"{verb}{_SIGNS.get(alteration, '')}{value}")
    return f"({','.join(found)})" if found else ""
