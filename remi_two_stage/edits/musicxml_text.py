"""The text of a MusicXML file with the places of its elements, so that some of it can be replaced and all else stays.

Conventions
- Text is kept as UTF-8, whatever the file's encoding is, and places are bytes of that; it goes back into the encoding
  that it came from, with its byte order mark, so that what is not replaced is the same byte for byte.
- Whitespace before an element belongs to it: where an element goes, its line goes.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from xml.parsers import expat

from .changes import NotAnEditError

_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_UNMARKED = {b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
_BEFORE_DECLARATION = re.compile(rb"\s*")
_LONGEST_INDENT = 400
_INDENT = re.compile(rb"\r?\n[ \t]*\Z|\r[ \t]*\Z")


@dataclass(slots=True, eq=False)
class Node:
    """An element: where it begins and ends in the text, and where its content does; the text between its children is
    not kept.
    """

    tag: str
    attributes: dict[str, str]
    start: int
    parent: Node | None
    inside: int = 0
    inside_end: int = 0
    end: int = 0
    children: list[Node] = field(default_factory=list)

    def each(self, *tags: str) -> Iterator[Node]:
        """The children with one of these tags."""
        return (child for child in self.children if child.tag in tags)

    def first(self, tag: str) -> Node | None:
        """The first child with a tag."""
        return next(self.each(tag), None)

    def below(self, tag: str) -> Iterator[Node]:
        """All elements with a tag within this one."""
        for child in self.children:
            if child.tag == tag:
                yield child
            yield from child.below(tag)


class FileText:
    """The text of a file, and what is to be replaced in it.

    Raises:
        NotAnEditError: its bytes are not text in the encoding that it states.
    """

    def __init__(self, source: bytes) -> None:
        self._mark = next((mark for mark in _MARKS if source.startswith(mark)), b"")
        text = source[len(self._mark) :]
        encoding = next((name for name in self._encodings(text) if _is_in(text, name)), None)
        if encoding is None:
            raise NotAnEditError("the file is not in the encoding that it states")
        self._encoding = encoding
        self.content = text.decode(encoding).encode()
        self._replaced: list[tuple[int, int, bytes]] = []
        self.root = self._parsed()

    def _encodings(self, text: bytes) -> Iterator[str]:
        """Encodings in which a text may be: what its first bytes say, what it states, what it may be instead."""
        if self._mark:
            yield _MARKS[self._mark]
        yield from (name for sign, name in _UNMARKED.items() if text.startswith(sign))
        if declared := _DECLARED.match(text[:200]):
            yield declared[1].decode()
        yield from ("utf-8", "windows-1252")

    def text_of(self, node: Node) -> str:
        """The content of an element without children."""
        return _unescaped(self.content[node.inside : node.inside_end].decode()).strip()

    def indent(self, place: int) -> bytes:
        """The line end and the spaces before a place; nothing where it does not begin a line."""
        found = _INDENT.search(self.content[max(0, place - _LONGEST_INDENT) : place])
        return found[0] if found else b""

    def lead(self, node: Node) -> int:
        """Where the whitespace before an element begins."""
        return node.start - len(self.indent(node.start))

    @cached_property
    def unit(self) -> bytes:
        """By how much the lines of measures are further in than those of their parts."""
        part = next(self.root.each("part"))
        outer = self.indent(part.start)
        inner = self.indent(part.children[0].start) if part.children else b""
        return inner[len(outer) :] if outer and inner.startswith(outer) else b""

    @cached_property
    def are_nested(self) -> bool:
        """Whether what is within notes begins lines of its own."""
        note = next(self.root.below("note"), None)
        return note is None or not note.children or bool(self.indent(note.children[0].start))

    def line_within(self, node: Node) -> bytes:
        """The line end and the spaces before what is within an element."""
        if node.children:
            return self.indent(node.children[0].start)
        line = self.indent(node.start)
        return line and line + self.unit

    def replace(self, start: int, end: int, content: bytes) -> None:
        """Have the text from one place to another replaced."""
        self._replaced.append((start, end, content))

    def put_last(self, node: Node, content: bytes) -> None:
        """Have content put behind all that an element holds."""
        if node.children:
            self.replace(node.children[-1].end, node.children[-1].end, content)
        elif content and node.inside_end == node.end:  # <measure/>
            close = self.indent(node.start) + f"</{node.tag}>".encode()
            self.replace(node.end - len("/>"), node.end, b">" + content + close)
        else:
            self.replace(node.inside, node.inside, content)

    def remove(self, node: Node) -> None:
        """Have an element taken out, with its line, and its parents that would say nothing then."""
        while node.parent is not None and node.parent.tag in _EMPTIED:
            node.parent.children.remove(node)
            if any(child.tag not in _SAY_NOTHING for child in node.parent.children):
                break
            node = node.parent
        self.replace(self.lead(node), node.end, b"")

    def edited(self) -> bytes:
        """The bytes of the file with all that was to be replaced."""
        parts: list[bytes] = []
        done = 0
        for start, end, content in sorted(self._replaced, key=lambda place: place[:2]):
            if start < done:  # within what is replaced already
                continue
            parts += [self.content[done:start], content]
            done = end
        text = b"".join([*parts, self.content[done:]]).decode()
        return self._mark + text.encode(self._encoding, errors="xmlcharrefreplace")

    def _parsed(self) -> Node:
        skipped = _BEFORE_DECLARATION.match(self.content)
        offset = skipped.end() if skipped else 0
        parser = expat.ParserCreate("utf-8")
        root = Node("", {}, 0, None)
        path = [root]

        def begin(tag: str, attributes: dict[str, str]) -> None:
            start = parser.CurrentByteIndex + offset
            tag = tag.rpartition(":")[2]
            node = Node(tag, attributes, start, path[-1], self._close(start))
            path[-1].children.append(node)
            path.append(node)

        def finish(tag: str) -> None:
            node = path.pop()
            place = parser.CurrentByteIndex + offset
            if self.content[node.inside - 2 : node.inside] == b"/>":  # an empty element has no end of its own
                node.inside_end = node.end = node.inside
            else:
                node.inside_end, node.end = place, self.content.index(b">", place) + 1

        parser.StartElementHandler, parser.EndElementHandler = begin, finish
        try:
            parser.Parse(self.content[offset:], True)
        except expat.ExpatError as error:
            raise NotAnEditError(f"the file is no XML that can be edited: {error}") from None
        return root.children[0]

    def _close(self, start: int) -> int:
        """Where a tag that begins at `start` ends; `>` may stand within its attributes."""
        found = _TAG.match(self.content, start)
        return found.end() if found else start


_TAG = re.compile(rb"""<[^"'>]*(?:"[^"]*"[^"'>]*|'[^']*'[^"'>]*)*>""")
_EMPTIED = ("notations", "direction", "direction-type", "measure-style", "attributes", "barline")
_SAY_NOTHING = ("offset", "footnote", "level", "voice", "staff")
"""Elements that go when all in them goes, and what does not count there."""


def _is_in(text: bytes, encoding: str) -> bool:
    """Whether a text can be decoded, and is the same when it is encoded again."""
    try:
        return text.decode(encoding).encode(encoding) == text
    except (LookupError, UnicodeError):
        return False


def _unescaped(text: str) -> str:
    for name, sign in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        text = text.replace(name, sign)
    return text
