"""ABC text to `Piece`s (ABC standard 2.1): files and tune books; `abc_tune` reads each tune.

Conventions
- A tune begins at its X: line and ends at an empty line, unless its music continues after it; text between tunes is
  skipped. A text without X: is one tune.
- Text that is indented throughout, as in a program or a letter, is read as if it were not; tags of HTML are left out.
- Repeats, endings and the order of parts stay as written, and so does what stands beside the notes (`abc_notation`).
"""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeVar

from ..core.errors import AbcSyntaxError, MissingFileError, ScoreError
from ..core.piece import Piece
from .abc_lines import file_header, goes_on
from .abc_tune import Tune
from .collector import collector_paused

_AnyTune = TypeVar("_AnyTune", bound=Tune)
GZIP_SIGNATURE = b"\x1f\x8b"
_INVISIBLE = re.compile("[\ufeff\u200c\u200d\u2060]|(?<![“”])\u200b")  # after a mark, that is `with_curly_quotes`'
"""Signs that no one sees: byte order marks, as where files were put together, and joiners."""
_TAG = re.compile(r"</?(?:html|head|body|pre|p|br|div|span|code|tt|font|table|tr|td)\b[^<>|\n]*>", re.IGNORECASE)
_INDENTED = re.compile(r"[ \t]+[XK]:")
_LARGEST_UNPACKED_FILE = 100_000_000
_MOST_BAD_TUNES = 1_000
_CHARSET = re.compile(
    rb"^(?:I:|%%)\s*abc-charset\s+(iso-8859-(?:1[013-6]|[1-9])|(?:windows-|cp)125[0-8]|latin-?(?:10|[1-9])|koi8-[ru])\b",
    re.IGNORECASE | re.MULTILINE,
)
"""The encodings of one byte a character that a file may say it is in."""
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class TuneBook(list[Piece]):
    """The tunes that could be read; `errors` holds one error for each that could not."""

    def __init__(self, pieces: list[Piece], errors: list[AbcSyntaxError]) -> None:
        super().__init__(pieces)
        self.errors = errors


@collector_paused()
def read_abc(source: str | Path, errors: Literal["raise", "collect"] = "raise") -> TuneBook:
    """Read every tune of an ABC text (a str) or file (a Path; gzip too).

    Args:
        source: ABC text, or the path of a file in UTF-8, UTF-16 with a byte order mark, the encoding that it names
            itself (`I:abc-charset`), or Latin-1.
        errors: "raise" stops at the first tune that cannot be read, "collect" skips such tunes and keeps their errors;
            a file that begins with a thousand such tunes is given up.

    Raises:
        AbcSyntaxError: a tune cannot be read (with errors="raise"), or there is no tune at all.
        MissingFileError, ScoreError: the file is missing or unreadable.
    """
    book = TuneBook([], [])
    for ordinal, (_, result) in enumerate(each_tune(source)):
        if isinstance(result, Piece):
            book.append(result)
        elif errors == "raise":
            raise result
        else:
            book.errors.append(result)
            if not book and ordinal == _MOST_BAD_TUNES:
                break
    if not book and not book.errors:
        raise AbcSyntaxError(f"there is no ABC tune{_hint(source)}").at(file=_file_name(source))
    return book


def each_tune(source: str | Path) -> Iterator[tuple[Tune, Piece | AbcSyntaxError]]:
    """Every tune of an ABC text or file as `read_abc` finds it, with its piece, or with why it cannot be read.

    Raises:
        AbcSyntaxError: this is no text at all, or its file header cannot be read.
        MissingFileError, ScoreError: the file is missing or unreadable.
    """
    for tune in tunes_in(_lines(source), Tune):
        try:
            piece = tune.read()
        except AbcSyntaxError as error:
            error.at(file=_file_name(source), tune=tune.number, title=tune.title or None)
            yield tune, error.with_traceback(None)
        else:
            yield tune, piece


def decode_abc(data: bytes) -> str:
    """The text of an ABC file: UTF-8, UTF-16 with a byte order mark, what `abc-charset` says (section 3.1.17), or else
    Latin-1 in those of its lines that are not UTF-8.
    """
    if data.startswith(UTF_16_MARKS):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        if encoding := said_encoding(data):
            return data.decode(encoding, errors="replace")
        return "".join(map(_decoded_line, data.splitlines(keepends=True)))


def said_encoding(data: bytes) -> str | None:
    """The encoding that an ABC file says it is in; None if it says none."""
    said = _CHARSET.search(data)
    return said[1].decode().lower().replace("latin-", "latin") if said else None


def _decoded_line(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _file_name(source: str | Path) -> str | None:
    return str(source) if isinstance(source, Path) else None


def _hint(source: str | Path) -> str:
    if isinstance(source, str) and source.strip().endswith((".abc", ".abc.gz")):
        return f" in {source.strip()[-80:]!r}; a file is read as read_abc(pathlib.Path(...))"
    return "; a tune begins with X:1 and has a K: line before its notes"


def _lines(source: str | Path) -> list[str]:
    text = _file_text(source) if isinstance(source, Path) else source
    if "\0" in text:
        message = "this is no ABC text, for it holds zero bytes; save it as text in UTF-8"
        raise AbcSyntaxError(message).at(file=_file_name(source))
    text = (text if text.isascii() else _INVISIBLE.sub("", text)).replace("\r\n", "\n").replace("\r", "\n")
    return (_TAG.sub("", text) if "<" in text else text).split("\n")


def _file_text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if data.startswith(GZIP_SIGNATURE):
            with gzip.open(path) as file:
                data = file.read(_LARGEST_UNPACKED_FILE)
    except FileNotFoundError:
        raise MissingFileError(path) from None
    except IsADirectoryError:
        raise ScoreError("this is a folder; give the path of an .abc file").at(file=str(path)) from None
    except (OSError, EOFError, zlib.error) as error:
        raise ScoreError(f"the file cannot be read: {error}; check that it is whole and that you may read it").at(
            file=str(path)
        ) from None
    return decode_abc(data)


def tunes_in(lines: list[str], kind: type[_AnyTune]) -> Iterator[_AnyTune]:
    """The tunes of a file, each with the fields of the file header (section 2.2.2) before its own.

    Args:
        lines: Without their ends.
        kind: What each tune is made.
    """
    starts = [index for index, line in enumerate(lines) if line.startswith("X:")]
    if not starts and any(_INDENTED.match(line) for line in lines) and not any(line.startswith("K:") for line in lines):
        lines = [line.lstrip(" \t") for line in lines]
        starts = [index for index, line in enumerate(lines) if line.startswith("X:")]
    if not starts:
        if any(line.startswith("K:") for line in lines):
            last = max(index for index, line in enumerate(lines) if line.strip())
            yield kind(1, [], 1, lines[: last + 1])
        return
    first = _next_line(lines, 0, starts[0])
    header = file_header(lines[first : _paragraph_end(lines, first, starts[0])])
    for ordinal, (start, end) in enumerate(zip(starts, [*starts[1:], len(lines)], strict=True), 1):
        number = re.match(r"X:\s*([0-9]{1,9})", lines[start])
        yield kind(
            int(number[1]) if number else ordinal, header, start + 1, lines[start : _tune_end(lines, start, end)]
        )


def _next_line(lines: list[str], start: int, end: int) -> int:
    """Index of the first line from `start` on that is not empty; `end` where all are."""
    return next((index for index in range(start, end) if lines[index].strip()), end)


def _tune_end(lines: list[str], start: int, end: int) -> int:
    """Index after the last line of the tune that begins at `start`: what follows an empty line belongs to it as long as
    it is music, or the rest of its header.
    """
    stop = _paragraph_end(lines, start, end)
    has_key = any(line.startswith("K:") for line in lines[start:stop])
    while True:
        following = _next_line(lines, stop, end)
        last = _paragraph_end(lines, following, end)
        paragraph = lines[following:last]
        if not goes_on(paragraph, has_key):
            return stop
        has_key = has_key or any(line.startswith("K:") for line in paragraph)
        stop = last


def _paragraph_end(lines: list[str], start: int, end: int) -> int:
    """Index of the first empty line from `start` on; those between %%begintext and %%endtext do not count."""
    is_text = False
    for index in range(start, end):
        line = lines[index]
        if line.startswith("%%"):
            is_text = (is_text or line.startswith("%%begin")) and not line.startswith("%%end")
        elif not is_text and not line.strip():
            return index
    return end
