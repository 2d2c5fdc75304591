"""Reading tunes from files or standard input, and writing them to folders, files or standard output."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..core.abc_writer import write_abc
from ..core.chords import UNKNOWN_CHORD
from ..core.errors import RequestError, ScoreError, ScoreFormatError
from ..core.instruments import INSTRUMENT_HELP, INSTRUMENTS, with_instrument
from ..core.piece import Piece
from ..core.plan import Plan
from ..core.reward import reward
from ..core.signatures import Key
from ..core.text import counted
from .flags import TypedPath, option
from .output import Reporting, write_to_stream

STANDARD_STREAM = "-"
DEFAULT_OUTPUT = TypedPath("out")
_MOST_LISTED = 8
DEFAULT_FORMATS = (".abc", ".mid", ".musicxml")


@dataclass(frozen=True)
class Source:
    """The choice of a tune in a score file."""

    tune: str | None = option(None, "number or title of the tune in the file  [default: the first]")

    def number(self, pieces: Sequence[Piece], score: str) -> int:
        """The number of the chosen piece among those of a file, from 1.

        Raises:
            RequestError: there is no such piece, or there are several.
        """
        if self.tune is None:
            return 1
        if self.tune.isascii() and self.tune.isdigit():
            if not 1 <= int(self.tune[:9]) <= len(pieces):
                raise RequestError(f"there is no tune {self.tune} in {score!r}; it has {len(pieces)}")
            return int(self.tune)
        wanted = _plain(self.tune).strip()
        titles = [_plain(piece.title) for piece in pieces]
        found = [number for number, title in enumerate(titles, 1) if title == wanted] or [
            number for number, title in enumerate(titles, 1) if wanted and wanted in title
        ]
        if len(found) != 1:
            which = "no tune" if not found else f"{len(found)} tunes"
            raise RequestError(f"{score!r} has {which} with the title {self.tune!r}; {tunes_listed(pieces, found)}")
        return found[0]


def _plain(title: str) -> str:
    """A title in small letters without accents, which are not always typed, or not as the file has them."""
    letters = unicodedata.normalize("NFKD", title.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


@dataclass(frozen=True)
class OnlySource(Source):
    """The choice of the tune to be edited; without one the file must hold a single tune."""

    tune: str | None = option(None, "number or title of the tune in the file, if it holds several")

    def number(self, pieces: Sequence[Piece], score: str) -> int:
        """The number of the chosen piece, as of any `Source`.

        Raises:
            RequestError: no tune is chosen of several, or one that does not exist.
        """
        if self.tune is None and len(pieces) > 1:
            raise RequestError(
                f"{score!r} has {len(pieces)} tunes; name one with `tune`, by its number or title: "
                f"{tunes_listed(pieces)}"
            )
        return super().number(pieces, score)


def tunes_listed(pieces: Sequence[Piece], numbers: Sequence[int] = ()) -> str:
    """The first tunes of a file by number and title, or the first of those with some numbers."""
    chosen = numbers or range(1, len(pieces) + 1)
    listed = ", ".join(f"{number} {pieces[number - 1].title!r}" for number in chosen[:_MOST_LISTED])
    return listed + (", ..." if len(chosen) > _MOST_LISTED else "")


@dataclass(frozen=True)
class Transposition:
    """Where a tune is moved."""

    key: str | None = option(None, "move to this key by the shorter way, such as D or Bb  [default: the tune's own]")
    transpose: int = option(0, "move by this many semitones, down if below 0")

    def of(self, piece: Piece) -> Piece:
        """The piece, moved.

        Raises:
            RequestError: both ways are named, the key does not exist, or it is in another mode; or a note would leave
                MIDI's range.
        """
        if self.key is None:
            return self._by_semitones(piece) if self.transpose else piece
        if self.transpose:
            raise RequestError(f"`key` is {self.key!r} and `transpose` {self.transpose}; give one of them")
        wanted = Key.parse(self.key)
        if wanted.mode != piece.key.mode and len(self.key.strip()) > len(wanted.tonic):
            raise RequestError(
                f"the tune is in {piece.key.spoken} and cannot move to {wanted.spoken}, which is another mode; "
                f"name the tonic alone, {wanted.tonic}"
            )
        moved = piece.transpose((wanted.pitch_class - piece.key.pitch_class + 5) % 12 - 5)
        return moved if moved.key.tonic == wanted.tonic else moved.in_key(wanted.tonic)

    def _by_semitones(self, piece: Piece) -> Piece:
        try:
            return piece.transpose(self.transpose)
        except ScoreError:
            pitches = [note.pitch for bar in piece.bars for sung in bar.notes for note in sung]
            raise RequestError(
                f"`transpose` is {self.transpose}, by which a note leaves MIDI's range; for this tune it may be "
                f"{-min(pitches)} to {127 - max(pitches)}"
            ) from None


def standard_input() -> bytes:
    """All that comes from standard input.

    Raises:
        RequestError: it is closed.
    """
    if sys.stdin is None:
        raise RequestError("there is no standard input to read; give the path of a file in place of -")
    return sys.stdin.buffer.read()


def read_tunes(score: str, content: bytes | None = None) -> list[Piece]:
    """Read all tunes from a file or from standard input, in any supported format.

    Args:
        content: That of standard input, if it has been read already.

    Raises:
        ScoreError: the file does not exist or cannot be read.
    """
    from ..score_files import parse_score, read_score

    if score != STANDARD_STREAM:
        return read_score(score)
    try:
        return parse_score(standard_input() if content is None else content)
    except ScoreError as error:
        raise error.at(file="standard input") from error.__cause__


@dataclass(frozen=True)
class Destination:
    """The place and the formats in which tunes are written."""

    output: TypedPath = option(  # noqa: RUF009
        DEFAULT_OUTPUT, "folder, or a file such as tune.pdf, or - for standard output"
    )
    formats: Sequence[str] | None = option(None, "file endings  [default: abc,mid,musicxml, or abc on stdout]")
    instrument: str | None = option(None, INSTRUMENT_HELP, choices=tuple(INSTRUMENTS))

    @property
    def is_stream(self) -> bool:
        """Whether tunes are written to standard output."""
        return self.output == STANDARD_STREAM

    @property
    def path(self) -> Path:
        """The file or the folder that the output names."""
        return Path(self.output)

    @property
    def ending(self) -> str:
        """The ending of the output's name, in lower case; none where it is a folder, or is typed as one, with `/`."""
        is_folder = self.output.endswith(("/", os.sep)) or self.path.is_dir()
        return "" if is_folder else self.path.suffix.lower()

    @property
    def is_file(self) -> bool:
        """Whether the output is a file in a format that can be written, and not a folder."""
        from ..score_files import WRITABLE

        return self.ending in WRITABLE

    def is_that_of(self, score: str) -> bool:
        """Whether the output is the file that a tune is read from."""
        return self.is_file and names_same_file(score, self.path)

    @property
    def endings(self) -> tuple[str, ...]:
        """The formats to write."""
        if self.formats is not None:
            return tuple("." + name.strip().lstrip(".").lower() for name in self.formats)
        if self.is_file:
            return (self.ending,)
        return DEFAULT_FORMATS[:1] if self.is_stream else DEFAULT_FORMATS

    def check(self, reporting: Reporting, count: int = 1) -> None:
        """Check, before composing begins, that the result can be written.

        Raises:
            RequestError, ScoreFormatError, MissingExtraError: it cannot.
        """
        from ..score_files import check_writable

        for ending in self.endings:
            check_writable(ending)
        if self.is_stream:
            return self._check_stream(reporting, count)
        if self.is_file:
            if self.formats is not None or count > 1:
                raise RequestError(f"the output {self.output!r} is one file; name a folder for several")
        elif self.path.exists():
            if not self.path.is_dir():
                raise RequestError(f"the output {self.output!r} is a file; name a folder")
        elif self.ending:
            try:
                check_writable(self.ending)
            except ScoreFormatError as error:
                error.message += f"; for a folder of that name, write {self.output}/"
                raise
        self._check_folder()

    @property
    def folder(self) -> Path:
        """Where files go."""
        return self.path.parent if self.is_file else self.path

    def _check_folder(self) -> None:
        """Check that the folder is there, or can be made."""
        there = next((path for path in (self.folder, *self.folder.parents) if os.path.exists(path)), Path())
        if not there.is_dir():
            raise RequestError(f"the output folder {str(self.folder)!r} cannot be created: {str(there)!r} is a file")
        if not os.access(there, os.W_OK | os.X_OK):
            raise RequestError(f"nothing can be written into {str(there)!r}; check its rights, or name another folder")

    def _check_stream(self, reporting: Reporting, count: int) -> None:
        if reporting.json:
            raise RequestError("standard output cannot hold both a tune and JSON; choose --output - or --json")
        if len(self.endings) > 1 or (count > 1 and self.endings != (".abc",)):
            raise RequestError("standard output holds tunes as ABC, or one tune in one format; name a folder instead")

    def write(
        self,
        tunes: Iterable[tuple[Piece, int]],
        reporting: Reporting,
        candidates: int = 1,
        contents: Mapping[str, bytes] = MappingProxyType({}),
        about: Mapping[str, Any] = MappingProxyType({}),
        name: str | None = None,
    ) -> None:
        """Write each piece, given with its seed, and report the files, and the reward by which it was chosen if it is
        the best of several candidates.

        Args:
            contents: What to write into a file with an ending, where that is not the piece written anew.
            about: Further data of the piece.
            name: What files in a folder are called, before the seed and the ending; None: by the title.

        Raises:
            RequestError: the folder cannot be created.
            ScoreError: a file cannot be written.
        """
        from ..score_files import file_name

        written = []
        for number, (composed, seed) in enumerate(tunes, 1):
            piece = with_instrument(composed, self.instrument) if self.instrument else composed
            reporting.remark(plan_text(Plan.of(piece), seed), to_stderr=self.is_stream)
            if candidates > 1:
                reporting.remark(f"reward {reward(piece)}, the best of {candidates}", to_stderr=self.is_stream)
            if self.is_stream:
                self._write_to_stream(piece, number, contents)
                continue
            paths = self._write_to_files(piece, f"{name or file_name(piece.title)}-{seed}", contents)
            for path in paths:
                reporting.remark(f"wrote {path}")
            chosen_by = {"reward": asdict(reward(piece))} if candidates > 1 else {}
            written.append(piece_data(piece) | {"seed": seed} | chosen_by | {**about, "files": [*map(str, paths)]})
        if reporting.json:
            reporting.result("", {"pieces": written})

    def _write_to_stream(self, piece: Piece, number: int, contents: Mapping[str, bytes]) -> None:
        from ..score_files import score_bytes

        (ending,) = self.endings
        content = contents.get(ending) or score_bytes(piece, ending)
        if ending == ".abc" and number > 1:
            content = b"\n" + content.replace(b"X:1\n", b"X:%d\n" % number, 1)
        write_to_stream(content)

    def _write_to_files(self, piece: Piece, name: str, contents: Mapping[str, bytes]) -> list[Path]:
        from ..score_files import ending_of, write_content, write_score

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RequestError(f"the output folder {str(self.folder)!r} cannot be created: {error.strerror}") from None
        paths = [self.path] if self.is_file else [self.folder / (name + ending) for ending in self.endings]
        for path in paths:
            if content := contents.get(ending_of(path)):
                write_content(path, content)
            else:
                write_score(piece, path)
        return paths


def names_same_file(score: str, path: Path) -> bool:
    """Whether a path leads to the file that a tune is read from."""
    return score != STANDARD_STREAM and path.exists() and path.samefile(score)


def plan_text(plan: Plan, seed: int) -> str:
    """A plan in Roman numerals and in chord names, side by side under a title; that alone where no chord is known."""
    piece = plan.skeleton
    title = f"{counted(plan.bar_count, 'bar')} in {piece.key.spoken}, {piece.meter}, seed {seed}"
    if all(chord.label == UNKNOWN_CHORD for bar in piece.bars for chord in bar.chords):
        return f"{title}, no chord symbols"
    roman, names = plan.text().splitlines(), plan.text(names=True).splitlines()
    width = max(map(len, roman))
    lines = (f"  {left:{width}}    {right}" for left, right in zip(roman, names, strict=True))
    return "\n".join([f"chord plan, {title}", *lines])


def plan_data(plan: Plan, seed: int) -> dict[str, Any]:
    """The JSON data of a plan."""
    return _common_data(plan) | {"seed": seed}


def piece_data(piece: Piece) -> dict[str, Any]:
    """The JSON data of a piece: its attributes, its chords, and its notes as ABC."""
    return {"title": piece.title} | _common_data(Plan.of(piece)) | {"abc": write_abc(piece)}


def _common_data(plan: Plan) -> dict[str, Any]:
    piece = plan.skeleton
    return {
        "style": piece.style,
        "key": str(piece.key),
        "meter": None if piece.meter is None else str(piece.meter),
        "tempo": piece.tempo,
        "bars": piece.bar_count,
        "voices": list(piece.voices),
        "plan": {"roman": plan.text(), "names": plan.text(names=True)},
    }
