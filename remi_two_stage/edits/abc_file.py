"""The bytes of an ABC file as lines that can be replaced one by one: all other lines stay byte for byte."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from dataclasses import dataclass, field

from ..core.errors import ScoreError
from ..scores.abc_reader import GZIP_SIGNATURE, UTF_16_MARKS, decode_abc, said_encoding

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


@dataclass(frozen=True, slots=True)
class _Line:
    content: str
    end: str
    encoding: str
    original: bytes


@dataclass
class AbcFile:
    """The lines of an ABC file.

    Attributes:
        lines: Their texts, without a byte order mark and without their ends.
        is_compressed: Whether the file is a gzip archive of its text.
    """

    lines: list[str]
    is_compressed: bool
    _originals: list[_Line]
    _mark: bytes = b""
    _replaced: dict[int, str | None] = field(default_factory=dict)
    _inserted: dict[int, list[str]] = field(default_factory=dict)

    @classmethod
    def parse(cls, content: bytes) -> AbcFile:
        """Split a file into its lines.

        Raises:
            ScoreError: it is compressed and broken.
        """
        is_compressed = content.startswith(GZIP_SIGNATURE)
        if is_compressed:
            try:
                content = gzip.decompress(content)
            except (OSError, EOFError, zlib.error) as error:
                raise ScoreError(f"the compressed file is broken: {error}; make it again") from None
        mark = next((mark for mark in (*UTF_16_MARKS, codecs.BOM_UTF8) if content.startswith(mark)), b"")
        lines = [*_lines(content.removeprefix(mark), mark)]
        return cls([line.content for line in lines], is_compressed, lines, mark)

    def replace(self, index: int, text: str | None) -> None:
        """Put another text in the place of a line; None takes it away."""
        self._replaced[index] = text

    def insert_after(self, index: int, lines: list[str]) -> None:
        """Put lines after one; -1 is before the first."""
        self._inserted.setdefault(index, []).extend(lines)

    def edited(self) -> bytes:
        """The bytes of the file with what was replaced and inserted."""
        usual = next((line.end for line in self._originals if line.end), "\n")
        parts = [self._mark]
        for index, line in enumerate(self._originals):
            new = self._inserted.get(index, [])
            text = self._replaced.get(index, line.content)
            if text == line.content:
                parts.append(line.original)
            elif text is not None:
                parts.append(_encoded(text + line.end, line.encoding))
            if new and not line.end:  # the file ends without a line break, and goes on doing so
                parts.append(_encoded(usual + usual.join(new), line.encoding))
            else:
                parts += [_encoded(text + usual, line.encoding) for text in new]
        content = b"".join(parts)
        return gzip.compress(content, mtime=0) if self.is_compressed else content

    def edited_lines(self) -> list[str]:
        """The texts of the lines with what was replaced and inserted."""
        return AbcFile.parse(self.edited()).lines


def _lines(content: bytes, mark: bytes) -> list[_Line]:
    if mark in UTF_16_MARKS:
        encoding = "utf-16-le" if mark == codecs.BOM_UTF16_LE else "utf-16-be"
        text = content.decode(encoding, errors="replace")
        pieces = re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text)
        return [_line(piece, encoding, piece.encode(encoding)) for piece in pieces]
    whole = "utf-8" if _is_utf_8(content) else said_encoding(content)
    return [
        _line(decode_abc(line) if whole is None else line.decode(whole, errors="replace"), whole or _own(line), line)
        for line in _LINE.findall(content)
    ]


def _line(text: str, encoding: str, original: bytes) -> _Line:
    content = text.rstrip("\r\n")
    return _Line(content, text[len(content) :], encoding, original)


def _is_utf_8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _own(line: bytes) -> str:
    return "utf-8" if _is_utf_8(line) else "latin-1"


def _encoded(text: str, encoding: str) -> bytes:
    """The bytes of a line that was changed; what its encoding lacks is written as ABC's own escape."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(sign if _can_encode(sign, encoding) else f"\\u{ord(sign):04x}" for sign in text).encode(
            encoding, errors="replace"
        )


def _can_encode(sign: str, encoding: str) -> bool:
    try:
        sign.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
