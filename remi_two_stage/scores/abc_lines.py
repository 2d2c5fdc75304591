"""The lines of ABC text: which are fields, what is comment in them, and what belongs to a tune (ABC standard 2.1,
sections 2.2, 3 and 6.2).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..core.errors import AbcSyntaxError
from .abc_tokens import is_music

FIELD = re.compile(r"([wWs]:|[A-Za-rt-vx-z+]:(?![|:]))(.*)")
_COMMENT = re.compile(r"(?<!\\)%")
_QUOTED_OR_COMMENT = re.compile(r'"[^"]*"|(?<!\\)(%)')
_DIRECTIVES = (
    "score", "staves", "propagate-accidentals", "linebreak", "printtempo", "MIDI", "microscale", "transpose",
    "visualTranspose",
)  # fmt: skip
_MIDI = re.compile(r"MIDI\b[ \t]*=?[ \t]*", re.IGNORECASE)
_FILE_HEADER_FIELDS = tuple(f"{letter}:" for letter in "ABCDFGHILMmNOQRSUZ")
_LETTERS_OF_MUSIC = "ABCDEFGabcdefgzxZX"
_MOST_FIELDS_OF_FILE = 1_000

FieldLines = Sequence[tuple[str, str]]
"""Fields as (letter, text without comment); a directive is the field `I:`."""


def without_comment(line: str) -> str:
    """A line up to its comment; a percent sign within the quotation marks of music begins none."""
    if "%" not in line:
        return line
    if '"' in line and not FIELD.match(line):
        comment = next((match for match in _QUOTED_OR_COMMENT.finditer(line) if match[1]), None)
        return line[: comment.start()] if comment else line
    return _COMMENT.split(line, maxsplit=1)[0]


def directive_text(text: str) -> str:
    """What a line after `%%` says, without comment; MIDI may be in small letters, or have an equals sign after it."""
    said = without_comment(text).strip()
    midi = _MIDI.match(said)
    return f"MIDI {said[midi.end() :]}" if midi else said


def file_header(lines: Sequence[str]) -> FieldLines:
    """The fields of a file header that hold for every tune (section 2.2.2), each once.

    Raises:
        AbcSyntaxError: so many fields that it is no header.
    """
    fields = [("I", directive_text(line[2:])) for line in lines if line.startswith("%%")]
    fields += [(line[0], without_comment(line)[2:]) for line in lines if line.startswith(_FILE_HEADER_FIELDS)]
    known = {(letter, text): None for letter, text in fields if letter != "I" or text.startswith(_DIRECTIVES)}
    if len(known) > _MOST_FIELDS_OF_FILE:
        raise AbcSyntaxError(
            f"the file header has {len(known)} fields, more than {_MOST_FIELDS_OF_FILE}; end it with an empty line"
        )
    return list(known)


def goes_on(paragraph: Sequence[str], has_key: bool) -> bool:
    """Whether lines after an empty one belong to the tune before: as music, or as fields until its K: line."""
    for line in paragraph:
        if FIELD.match(line):
            if not has_key:
                return True
        elif not line.startswith("%"):
            return has_key and is_music(without_comment(line), _LETTERS_OF_MUSIC)
    return False
