"""A MusicXML file as a tree of parts and measures, once it is known to be harmless.

Conventions
- Entities, references to other files, deep and huge trees are refused before a tree is built.
- A compressed file (`.mxl`) holds the score that its `META-INF/container.xml` names, or else its first XML file.
- `score-timewise` is turned into parts; bytes of measures are then those of each part within its measure.
"""

from __future__ import annotations

import codecs
import io
import lzma
import re
import zipfile
import zlib
from dataclasses import dataclass
from fractions import Fraction
from typing import NoReturn
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.parsers import expat

from ..core.errors import ScoreFormatError
from .musicxml_names import CONTAINER

LARGEST_SCORE = 100 * 2**20
"""Bytes, unpacked; the longest string quartets in MusicXML have a tenth of that."""
_DEEPEST = 100
"""Elements within one another; MusicXML has a dozen."""
_NO_SCORES = ("META-INF/", "__MACOSX/")
"""Folders of an archive with what its packers need."""
_ZIP = b"PK\x03\x04"
_ENCODING = re.compile(rb"""^(\s*<\?xml[^>]*?)\s+encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")

_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})")

_SAID_ENCODING = re.compile(r"""(?<=<\?xml)([^>]*?)\s+encoding\s*=\s*["'][^"']*["']""")
_SPACE_BEFORE = re.compile(rb"(?:\xef\xbb\xbf)?\s+(?=<\?xml)")
"""Which no XML may have, and some files have."""
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16", codecs.BOM_UTF8: "utf-8-sig",
}  # fmt: skip
_BROKEN_ARCHIVE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, OSError, EOFError, KeyError,
    ValueError,
)  # fmt: skip
_UNREADABLE = (expat.ExpatError, ElementTree.ParseError, LookupError, ValueError)

Time = int | Fraction
"""Counted in `<divisions>`."""
Places = tuple[tuple[int, int], ...]
"""Where each measure of a part begins and ends, in bytes."""


@dataclass
class Document:
    """A score as MusicXML has it.

    Attributes:
        root: The whole tree.
        content: Its bytes.
        part_ids: Of the parts, in order.
        parts: The measures of each part.
        places: Where they lie in `content`; empty where it had to be decoded first.
    """

    root: Element
    content: bytes
    part_ids: list[str]
    parts: list[list[Element]]
    places: tuple[Places, ...]


def parse_document(data: bytes) -> Document:
    """The score in the bytes of a file, compressed or not.

    Raises:
        ScoreFormatError: these are no bytes of a MusicXML score, or of one that may do harm.
    """
    content = _unpacked(data) if is_compressed(data) else data
    if len(content) > LARGEST_SCORE:
        refuse_size(len(content))
    if space := _SPACE_BEFORE.match(content):
        content = content[space.end() :]
    places, root = _parsed(content)
    if root.tag.startswith("{"):
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
    if root.tag == "score-timewise":
        columns = _columns(root)
        return Document(root, content, list(columns), list(columns.values()), _by_part(places, columns))
    if root.tag != "score-partwise":
        raise ScoreFormatError(
            f"this is no MusicXML score: its root is <{root.tag[:40]}> in place of <score-partwise>; export it again"
        )
    parts = root.findall("part")
    measures = [part.findall("measure") for part in parts]
    ordered, first = [], 0
    for of_part in measures:
        ordered.append(tuple(places[first : first + len(of_part)]))
        first += len(of_part)
    return Document(root, content, [part.get("id", "") for part in parts], measures, tuple(ordered) if places else ())


def refuse_size(size: int) -> NoReturn:
    """Raises what a score of too many bytes deserves."""
    raise ScoreFormatError(
        f"the score has {size / 2**20:.0f} MB, at most {LARGEST_SCORE // 2**20} can be read; split it"
    )


def _columns(root: Element) -> dict[str, list[Element]]:
    """The measures of each part of a `score-timewise`, empty ones where it has none."""
    columns: dict[str, list[Element]] = {part.get("id", ""): [] for part in root.iterfind("measure/part")}
    for measure in root.iterfind("measure"):
        held = {part.get("id", ""): part for part in measure.iterfind("part")}
        for name, column in columns.items():
            part = held.get(name, Element("part"))
            part.attrib.update({key: value for key, value in measure.attrib.items() if key != "id"})
            column.append(part)
    return columns


def _by_part(places: list[tuple[int, int]], columns: dict[str, list[Element]]) -> tuple[Places, ...]:
    """Places of the parts within measures, which follow one another, by part; none if measures lack parts."""
    if len(places) != sum(map(len, columns.values())) or len({len(column) for column in columns.values()}) > 1:
        return ()
    return tuple(tuple(places[number :: len(columns)]) for number in range(len(columns)))


# --- numbers


def is_whole(text: str) -> bool:
    """Whether a text is a whole number without a sign; those of other scripts, and huge ones, are none."""
    return text.isascii() and text.isdigit() and len(text) <= 15


def number_of(text: str | None) -> Time:
    """The number in an element; 0 for an empty one.

    Raises:
        ValueError: there is something else in it, or more digits than in any score.
    """
    text = (text or "").strip()
    if is_whole(text):
        return int(text)
    if text and not _DECIMAL.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is none")
    return Fraction(text or 0)


def whole_of(text: str | None, where: str) -> int:
    """The whole number in an element or an attribute, which a message calls `where`.

    Raises:
        ValueError: there is something else in it, or nothing.
    """
    said = (text or "").strip()
    if is_whole(said):  # most
        return int(said)
    if said and _DECIMAL.fullmatch(said) and (number := Fraction(said)).denominator == 1:
        return int(number)
    raise ValueError(f"{said[:40]!r} in {where} is none")


# --- compressed files


def is_compressed(data: bytes) -> bool:
    """Whether a file's bytes are those of an archive (`.mxl`)."""
    return data.startswith(_ZIP)


def _unpacked(data: bytes) -> bytes:
    """The score in a compressed file."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if size > LARGEST_SCORE:
                refuse_size(size)
            return archive.read(score_in(archive))
    except _BROKEN_ARCHIVE as error:
        raise ScoreFormatError(f"the compressed file is broken: {error}; export it again") from None


def score_in(archive: zipfile.ZipFile) -> str:
    """Name of the score in an archive."""
    names = archive.namelist()
    if CONTAINER in names:
        try:
            _, container = _parsed(archive.read(CONTAINER))
        except ScoreFormatError:
            container = Element("container")
        files = [element for element in container.iter() if element.tag.rpartition("}")[2] == "rootfile"]
        named = [file.get("full-path", "") for file in files if file.get("media-type", "").endswith(("xml", ""))]
        if found := next((name for name in named if name in names), None):
            return found
    scores = [
        name for name in names if name.lower().endswith((".xml", ".musicxml")) and not name.startswith(_NO_SCORES)
    ]
    if not scores:
        raise ScoreFormatError("the compressed file holds no score; export it again")
    return scores[0]


# --- the tree


def _parsed(content: bytes) -> tuple[list[tuple[int, int]], Element]:
    """Where the measures are, and the tree; an encoding that is not the one it says is no reason to give up."""
    try:
        return _tree(*_in_known_encoding(content))
    except _UNREADABLE as error:
        try:
            return _tree(_in_real_encoding(content), True)
        except _UNREADABLE:
            raise ScoreFormatError(f"this is no MusicXML: {error}; export it again") from None


def _tree(text: bytes, is_decoded: bool) -> tuple[list[tuple[int, int]], Element]:
    places = _measure_places(text)
    return [] if is_decoded else places, ElementTree.fromstring(text)


def _in_known_encoding(content: bytes) -> tuple[bytes, bool]:
    """The content, in UTF-8 if it is in an encoding of several bytes a character that expat does not know."""
    declared = _ENCODING.match(content[:200])
    name = declared[2].decode().lower() if declared else "utf-8"
    if declared is None or name.replace("_", "-") in ("utf-8", "utf8", "iso-8859-1", "us-ascii"):
        return content, False
    if name.startswith(("utf-16", "utf-32")):  # which cannot be, or the declaration would not have been found
        begin, end = declared.span(2)
        said = b"utf-8" + content[end : end + 1]  # with the quotation mark
        return content[:begin] + said.ljust(end + 1 - begin) + content[end + 1 :], False
    try:
        text = content.decode(name)
    except (LookupError, UnicodeError) as error:
        raise ScoreFormatError(f"this is no MusicXML in {name!r}, as it says: {error}; export it again") from None
    return _SAID_ENCODING.sub(r"\1", text, count=1).encode(), True


def _in_real_encoding(content: bytes) -> bytes:
    """The content in UTF-8, whatever encoding it says: that of its byte order mark, UTF-8 if it is that, or else the
    usual one of Windows.
    """
    marked = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(marked)
    except UnicodeError:
        text = content.decode("windows-1252", errors="replace")
    return _SAID_ENCODING.sub(r"\1", text, count=1).encode()


def _measure_places(content: bytes) -> list[tuple[int, int]]:
    """Where each measure of a part begins and ends, in bytes, in the order of the file.

    Raises:
        ScoreFormatError: the tree is too deep, or defines entities.
    """
    parser = expat.ParserCreate()
    path: list[str] = []
    begun: list[int] = []
    places: list[tuple[int, int]] = []

    def begin(tag: str, _: dict[str, str]) -> None:
        if tag in ("measure", "part") and "/".join(path) in _MUSIC:
            begun.append(parser.CurrentByteIndex)
        path.append(tag)
        if len(path) > _DEEPEST:
            raise ScoreFormatError(f"the score has more than {_DEEPEST} elements within one another; export it again")

    def end(tag: str) -> None:
        path.pop()
        if tag in ("measure", "part") and "/".join(path) in _MUSIC:
            place = parser.CurrentByteIndex
            close = content.find(b">", place)
            places.append((begun.pop(), place if close < 0 else close + 1 + (content[close + 1 : close + 2] == b"\0")))

    def refuse(name: str, *_: object) -> None:
        raise ScoreFormatError(f"the score defines the entity {name[:40]!r}, which no score needs; export it again")

    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.EntityDeclHandler = refuse
    parser.Parse(content, True)
    return places


_MUSIC = frozenset({"score-partwise/part", "score-timewise/measure"})
"""The path to what holds the music of one part's measure."""
