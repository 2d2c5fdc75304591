"""Score files of any kind, by the ending of their name.

Written files appear whole or not at all: they are made beside their place and then moved there.
"""

from __future__ import annotations

import os
import re
import unicodedata
import warnings
import zipfile
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .atomic_files import write_whole
from .core.abc_writer import write_abc
from .core.arguments import check_is_piece
from .core.errors import MissingFileError, ScoreError, ScoreFormatError
from .core.piece import Piece
from .core.text import did_you_mean
from .rendering.engraving import engrave
from .rendering.extras import require
from .rendering.sound import SOUNDS, sound_bytes
from .scores.abc_reader import read_abc
from .scores.kern_chords import with_chords_of_kern
from .scores.kern_text import check_spines, decode_kern, kern_losses, text_for_music21
from .scores.kern_words import with_words_of_kern
from .scores.midi_reader import parse_midi
from .scores.midi_writer import midi_bytes
from .scores.music21_bridge import from_music21
from .scores.musicxml_reader import read_musicxml
from .scores.musicxml_reader_document import LARGEST_SCORE, refuse_size
from .scores.musicxml_reader_numbers import HIGHEST_NUMBER
from .scores.musicxml_writer import compressed_musicxml_bytes, musicxml_bytes

_LONGEST_NAME = 80
"""Bytes of a file's name that are its tune's; file systems take 255 in all."""
_DEVICE = re.compile("con|prn|aux|nul|(com|lpt)[0-9¹²³]")
_ABC_IN_TEXT = "; if this is ABC, give it a name that ends in .abc"
_LARGEST_MIDI_FILE = 4 * 2**20
"""Bytes; an opera's score has less than one MB."""


def read_score(path: str | os.PathLike[str]) -> list[Piece]:
    """All pieces of a score file: ABC, MusicXML (compressed too), Humdrum kern or MIDI, by the ending of its name.

    Raises:
        ScoreFormatError: another ending, content that is not what the ending says, or more than 100 MB of it.
        MissingFileError: there is no such file.
        ScoreError: it is a folder, or the file cannot be read (ABC: `AbcSyntaxError` for what is wrong in it).
    """
    path = Path(path)
    if path.is_dir():
        raise ScoreError("this is a folder; give the path of a file in it").at(file=str(path))
    reader = _READERS.get(ending_of(path))
    if reader is None:
        raise ScoreFormatError(
            f"cannot read {_named(ending_of(path))}; known are {', '.join(_READERS)}"
            f"{_ABC_IN_TEXT if ending_of(path) in ('', '.txt') else did_you_mean(ending_of(path), _READERS)}"
        ).at(file=str(path))
    try:
        return reader(path)
    except ScoreError as error:
        raise error.at(file=str(path)) from error.__cause__


def write_score(piece: Piece, path: str | os.PathLike[str]) -> None:
    """Write a piece, by the ending of the file's name: as ABC, MusicXML (.mxl: compressed) or MIDI, as an
    engraved score (SVG, PNG, PDF), or as sound (WAV, Ogg Vorbis, FLAC). Repeats are played out in MIDI and in sound.

    Raises:
        RequestError: the piece is none, such as the list that `read_score` returns.
        ScoreFormatError: another ending.
        MissingExtraError: a picture or sound, without the extra that makes it.
        ScoreError: the file cannot be written.
    """
    path = Path(path)
    try:
        content = score_bytes(piece, ending_of(path))
    except ScoreFormatError as error:
        raise error.at(file=str(path)) from None
    write_content(path, content)


def file_name(title: str) -> str:
    """The name of a tune's files, without an ending: the letters and digits of its title, joined by hyphens; never one
    that Windows keeps for a device, such as `con`.
    """
    composed = unicodedata.normalize("NFC", title.lower())  # as typed on a Mac, an accent is a sign of its own
    words = re.sub(r"[\W_]+", "-", composed.replace("#", "-sharp"))
    name = words.encode()[:_LONGEST_NAME].decode(errors="ignore").strip("-") or "tune"
    return f"{name}-tune" if _DEVICE.fullmatch(name) else name


def write_content(path: Path, content: bytes) -> None:
    """Write the bytes of a score file, which appears when it is complete.

    Raises:
        ScoreError: it cannot be written.
    """
    try:
        write_whole(path, content)
    except OSError as error:
        raise ScoreError(f"the file cannot be written: {error.strerror}; check the folder and its rights").at(
            file=str(path)
        ) from None


def score_bytes(piece: Piece, ending: str) -> bytes:
    """What `write_score` writes into a file with this ending.

    Raises:
        RequestError: the piece is none, such as the list that `read_score` returns.
        ScoreFormatError: there is no such format.
        MissingExtraError: a picture or sound, without the extra that makes it.
    """
    check_is_piece(piece, "write")
    check_writable(ending)
    return _WRITERS[ending](piece)


def check_writable(ending: str) -> None:
    """Raises what `score_bytes` would raise for this ending, before there is a piece."""
    if ending not in _WRITERS:
        raise ScoreFormatError(
            f"cannot write {_named(ending)}; known are {', '.join(_WRITERS)}{did_you_mean(ending, _WRITERS)}"
        )
    require(*_EXTRAS.get(ending, ()), purpose=f"writing {ending} files")


def _named(ending: str) -> str:
    return repr(ending) if ending else "a file whose name has no ending"


def parse_score(content: bytes) -> list[Piece]:
    """All pieces of a score file whose name is not known: ABC unless its first bytes are those of another format.

    Raises:
        ScoreFormatError, ScoreError: as in `read_score`.
    """
    ending = ending_for(content)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"score{ending}"
        path.write_bytes(content)
        try:
            return _READERS[ending](path)
        except ScoreError as error:
            error.place = replace(error.place, file=None)
            raise


def ending_for(content: bytes) -> str:
    """The ending that a score file with this content should have, by its first bytes."""
    start = content[:1000].lstrip()
    return next((ending for sign, ending in _SIGNS.items() if start.startswith(sign)), ".abc")


def ending_of(path: Path) -> str:
    """The ending that tells the format, in lower case; compressed ABC keeps both its endings."""
    endings = [suffix.lower() for suffix in path.suffixes[-2:]]
    return "".join(endings) if endings[-1:] == [".gz"] else "".join(endings[-1:])


def _check_file(path: Path) -> None:
    """Raise unless there is a file that may be read and is not too large; a zip archive counts as what it holds."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if zipfile.is_zipfile(file):
                size = sum(member.file_size for member in zipfile.ZipFile(file).infolist())
    except FileNotFoundError:
        raise MissingFileError(path) from None
    except OSError as error:
        raise ScoreError(
            f"the file cannot be read: {error.strerror}; check that it is a file that you may read"
        ) from None
    except zipfile.BadZipFile as error:
        raise ScoreFormatError(f"the compressed file is broken: {error}; export it again") from None
    if not size:
        raise ScoreFormatError("the file is empty; export it again")
    if size > LARGEST_SCORE:
        refuse_size(size)


def _read_midi(path: Path) -> list[Piece]:
    _check_file(path)
    data = path.read_bytes()
    if len(data) > _LARGEST_MIDI_FILE:
        raise ScoreFormatError(
            f"the MIDI file has {len(data) / 2**20:.0f} MB, at most {_LARGEST_MIDI_FILE // 2**20} can be read; split it"
        )
    return [parse_midi(data)]


def _read_musicxml(path: Path) -> list[Piece]:
    _check_file(path)
    return [read_musicxml(path.read_bytes())]


def _read_kern(path: Path) -> list[Piece]:
    """Every score of a file in kern, read by music21, which would count to high numbers of beats for minutes."""
    _check_file(path)
    text = decode_kern(path.read_bytes())
    for beats in re.findall(r"\*M([0-9]{1,9})", text):
        if int(beats) > HIGHEST_NUMBER:
            raise ScoreFormatError(
                f"a metre has {int(beats)} beats, at most {HIGHEST_NUMBER} can be read; check its numbers"
            )
    try:
        with warnings.catch_warnings(), redirect_stderr(StringIO()):  # music21 warns there, in the file's own words
            warnings.simplefilter("ignore")
            return _with_text_of_kern([*map(from_music21, _scores_in(text_for_music21(text)))], text)
    except ScoreError:
        raise
    except Exception as error:  # whatever music21's parsers stumble over
        check_spines(text)
        what = f"{type(error).__name__}: {error}"
        raise ScoreFormatError(f"music21 cannot read this as humdrum ({what}); export it again") from error


def _scores_in(text: str) -> list[Any]:
    from music21 import converter, stream

    parsed: Any = converter.parseData(text, format="humdrum")
    return list(parsed.scores) if isinstance(parsed, stream.Opus) else [parsed]


def _with_text_of_kern(pieces: list[Piece], text: str) -> list[Piece]:
    """The piece of a kern file with what the file's text tells better than music21; not which of several has it."""
    if len(pieces) != 1:
        return pieces
    piece, unknown_symbols = with_chords_of_kern(pieces[0], text)
    piece, unsung = with_words_of_kern(piece, text)
    further = {"a chord symbol that names no chord": unknown_symbols, "a lyric": unsung}
    losses = {reason: count for reason, count in (dict(piece.losses) | kern_losses(text) | further).items() if count}
    return [replace(piece, losses=tuple(sorted(losses.items())))]


_SIGNS = {
    b"MThd": ".mid",
    b"PK\x03\x04": ".mxl",
    b"<": ".musicxml",
    b"\xef\xbb\xbf<": ".musicxml",
    b"**": ".krn",
    b"!!": ".krn",
}
"""First bytes of a file -> the ending it should have."""
_READERS: dict[str, Callable[[Path], list[Piece]]] = {
    ".abc": read_abc,
    ".abc.gz": read_abc,
    **dict.fromkeys((".musicxml", ".xml", ".mxl"), _read_musicxml),
    ".krn": _read_kern,
    ".mid": _read_midi,
    ".midi": _read_midi,
    ".kar": _read_midi,
}
READABLE = tuple(_READERS)
"""Endings of the files that `read_score` reads, in lower case."""
_WRITERS: dict[str, Callable[[Piece], bytes]] = {
    ".abc": lambda piece: write_abc(piece).encode(),
    ".musicxml": musicxml_bytes,
    ".xml": musicxml_bytes,
    ".mxl": compressed_musicxml_bytes,
    ".mid": midi_bytes,
    ".midi": midi_bytes,
    ".svg": lambda piece: engrave(piece).in_format(".svg"),
    ".png": lambda piece: engrave(piece).in_format(".png"),
    ".pdf": lambda piece: engrave(piece).in_format(".pdf"),
    **{ending: partial(sound_bytes, ending=ending) for ending in SOUNDS},
}
_EXTRAS = {
    ".svg": ("verovio",),
    ".png": ("verovio", "typst"),
    ".pdf": ("verovio", "typst"),
    **dict.fromkeys(SOUNDS, ("soundfile",)),
}
"""Modules of the extra `render` that a format needs."""
WRITABLE = tuple(_WRITERS)
"""Endings of the files that `write_score` writes, in lower case."""
