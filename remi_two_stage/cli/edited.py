"""Where edits go: into the text of the file that a tune came from, or anew; and what is said of them."""

from __future__ import annotations

import gzip
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

from ..core.errors import RequestError
from ..core.piece import Bar, Piece
from ..edits.changes import Change, NotAnEditError
from .files import DEFAULT_OUTPUT, STANDARD_STREAM, Destination, OnlySource, piece_data, read_tunes, standard_input
from .flags import option
from .output import Reporting

_KINDS = ((".abc", ".abc.gz"), (".musicxml", ".xml"), (".mxl",), (".mid", ".midi", ".kar"))
"""Endings of files that hold the same bytes, but for compression."""
_TIMES = {2: "twice"}


@dataclass(frozen=True)
class Original:
    """A tune that is to be edited, and the file that it comes from.

    Attributes:
        score: The name of the file; - is standard input.
        content: Its bytes.
        ending: The ending that tells its format.
        piece: The tune.
        number: Of the tune among those of the file, from 1.
        is_alone: Whether the file has no other.
    """

    score: str
    content: bytes
    ending: str
    piece: Piece
    number: int
    is_alone: bool

    @classmethod
    def read(cls, score: str, source: OnlySource) -> Original:
        """Read the chosen tune from a file or from standard input.

        Raises:
            ScoreError: the file does not exist or cannot be read.
            RequestError: no tune is chosen of several, or one that does not exist.
        """
        from ..score_files import ending_for, ending_of

        is_stream = score == STANDARD_STREAM
        given = standard_input() if is_stream else None
        pieces = read_tunes(score, given)
        number = source.number(pieces, score)
        content = Path(score).read_bytes() if given is None else given
        ending = ending_for(content) if is_stream else ending_of(Path(score))
        return cls(score, content, ending, pieces[number - 1], number, len(pieces) == 1)

    @property
    def name(self) -> str | None:
        """What files with the tune are called: as its file is, with its number if that has others; None where it comes
        from standard input.
        """
        if self.score == STANDARD_STREAM:
            return None
        stem = Path(self.score).name[: -len(self.ending)]
        return stem if self.is_alone else f"{stem}-{self.number}"

    def keep(self) -> Path:
        """Write what the file is before it is written over into one beside it, and return its path.

        Raises:
            ScoreError: it cannot be written.
        """
        from ..score_files import write_content

        path = Path(self.score)
        kept = path.with_name(path.name + ".bak")
        write_content(kept, self.content)
        return kept

    @property
    def kind(self) -> tuple[str, ...]:
        """The endings of files of its format."""
        return next((kind for kind in _KINDS if self.ending in kind), (self.ending,))


@dataclass(frozen=True)
class EditDestination(Destination):
    """The place and the formats in which an edited tune is written: where the format is that of the tune's own file,
    into the text of that file.
    """

    fresh: bool = option(False, "write the tune anew, not into the text of FILE")
    in_place: bool = option(False, "write into FILE; what it was is kept as FILE.bak")

    def check_for(self, original: Original, reporting: Reporting) -> None:
        """Check, before composing begins, that the result can be written.

        Raises:
            RequestError, ScoreFormatError, MissingExtraError: it cannot.
        """
        from ..edits.files import EDITABLE

        if not self.in_place:
            self.check(reporting)
        elif self.fresh or self.formats is not None or self.output != DEFAULT_OUTPUT or self.instrument:
            raise RequestError(
                "`in_place` writes into the file itself; leave out `fresh`, `output`, `formats` and `instrument`"
            )
        elif original.score == STANDARD_STREAM or original.ending not in EDITABLE:
            raise RequestError(
                f"{original.score!r} cannot be edited in place; give a file that ends in {', '.join(EDITABLE)}"
            )

    def write_edit(
        self, original: Original, after: Piece, seed: int, reporting: Reporting, candidates: int = 1
    ) -> None:
        """Write an edited tune, and say what has changed.

        Raises:
            NotAnEditError: it is to be written in place and cannot be; the file is as it was.
            ScoreError, RequestError: a file cannot be written.
        """
        contents: dict[str, bytes] = {}
        why = ""
        is_own_format = self.in_place or (not self.fresh and bool(set(original.kind) & {*self.endings}))
        if is_own_format and self.instrument:
            why = "the file's text stays in its own instruments"
        elif is_own_format:
            try:
                contents = dict.fromkeys(original.kind, self._edited(original, after))
            except NotAnEditError as error:
                if self.in_place:
                    raise error.at(file=original.score) from None
                why = error.message
        about = _data(original.piece, after)
        if self.in_place:
            self._replace(original, contents[original.ending], after, seed, reporting, about)
        else:
            kept = original.keep() if self.is_that_of(original.score) else None
            self.write([(after, seed)], reporting, candidates, contents, about, original.name)
            if kept:
                reporting.remark(f"what it was is in {kept}")
        if why:
            reporting.remark(f"the tune is written anew: {why}", self.is_stream)
        for line in remarks(original.piece, after):
            reporting.remark(line, self.is_stream)

    def _edited(self, original: Original, after: Piece) -> bytes:
        from ..edits.abc import tune_alone
        from ..edits.files import edited_bytes

        content, ending = original.content, original.ending
        if ending == ".abc.gz" and not self.in_place:
            content, ending = gzip.decompress(content), ".abc"
        edited = edited_bytes(content, ending, original.piece, after, original.number).content
        if original.score == STANDARD_STREAM and not original.is_alone and ending == ".abc":
            return tune_alone(edited, original.number)
        return edited

    def _replace(
        self, original: Original, content: bytes, after: Piece, seed: int, reporting: Reporting, about: dict[str, Any]
    ) -> None:
        from ..score_files import write_content

        path = Path(original.score)
        kept = original.keep()
        write_content(path, content)
        reporting.remark(f"wrote {path}; what it was is in {kept}")
        if reporting.json:
            data = piece_data(after) | {"seed": seed} | about | {"files": [str(path)]}
            reporting.result("", {"pieces": [data]})


def _data(before: Piece, after: Piece) -> dict[str, Any]:
    """The JSON data of an edit: what has changed, and what went with it."""
    from ..edits.files import losses_of

    try:
        change = Change.between(before, after)
    except NotAnEditError:
        return {"losses": dict(losses_of(before, after))}
    numbers = after.bar_numbers
    return {
        "changed": {
            "bars": [[numbers[run.start], numbers[run.stop - 1]] for run in change.bars],
            "added_bars": change.appended,
            "added_voices": [after.voices[voice] for voice in change.voices_added],
        },
        "losses": {} if change.is_nothing else dict(losses_of(before, after)),
    }


def remarks(before: Piece, after: Piece) -> list[str]:
    """What is said of an edit: old and new bars side by side, or new voices below the melody; bars that are played
    again, or come after a jump or a part; and what went.
    """
    from ..edits.difference import side_by_side
    from ..edits.files import losses_of
    from ..rendering.score_text import short_score_text

    gone = ", ".join(f"{reason} ({count})" for reason, count in losses_of(before, after))
    try:
        change = Change.between(before, after)
    except NotAnEditError:
        return [f"left out: {gone}"] if gone else []
    if change.is_nothing:
        return ["the new bars are note for note as the old ones; another --seed may write others"]
    lines = [
        short_score_text(after)
        if change.voices_added
        else side_by_side(before, after, change, get_terminal_size().columns)
    ]
    if change.appended:
        lines += _how_reached(after.bars[len(before.bars)])
    plays = Counter(after.playing_order())
    most = max((plays[index] for index in change.indices), default=1)
    if most > 1:
        times = _TIMES.get(most, f"{most} times")
        lines.append(f"what is played {times} is rewritten once and sounds so every time")
    if gone:
        lines.append(f"went with the old bars: {gone}")
    return [line for line in lines if line]


def _how_reached(bar: Bar) -> list[str]:
    """How playing comes to the first of the bars that follow, where it would not go on by itself."""
    if bar.part:
        return [f"the new bars are part {bar.part}, with which the order of parts goes on"]
    if "coda" not in bar.jumps:
        return []
    return ["the new bars are a coda, played after the Fine; for programs that stop there, use --fresh"]
