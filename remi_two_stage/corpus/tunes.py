"""From files to labelled, encoded tunes, the rows of a corpus.

A tune that cannot be read, labelled or encoded becomes a `Rejection` and never stops the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ..analysis.harmony import label_chords
from ..analysis.key_estimation import in_heard_key
from ..analysis.styles import infer_style
from ..core.abc_writer import write_abc
from ..core.codec import encode_with_losses
from ..core.errors import AbcSyntaxError, RemiError
from ..core.piece import Piece
from ..core.plan import Plan
from ..core.voices import FOUR_PARTS, QUARTET
from ..score_files import read_score
from ..scores.abc_reader import decode_abc, each_tune
from .augmentation import AUGMENTATIONS
from .files import ABC, CorpusFile, Rejection, content
from .songs import sung_part

_PARTICULARS = re.compile(r"'[^']*'|\"[^\"]*\"|\b[0-9][0-9.,/]*")


@dataclass(frozen=True, slots=True)
class CorpusTune:
    """One tune: a row of the corpus, its fields the columns.

    Attributes:
        id: File and number of the tune in it, such as `oneills1850/0001-0050.abc#12`; a variant has a plus sign and the
            name of its augmentation at the end.
        title: Title; empty if unknown.
        style: Style; None if unknown.
        key: Key in which the source is heard, which is mostly the one that it states; the tokens are in C.
        meter: Metre of the first bar.
        bars: Number of bars, without pick-ups.
        abc: The tune as a self-contained ABC text; the source's own text if the source is ABC in this key.
        tokens: Token ids of the "full" sequence.
        plan: Chords of every bar as text that `Plan.parse` reads.
        lossy: What the tokens cannot represent, as (reason, number of occurrences).
        augmentation: The one of `AUGMENTATIONS` that made this variant; empty for the original tune.
    """

    id: str
    title: str
    style: str | None
    key: str
    meter: str
    bars: int
    abc: str
    tokens: tuple[int, ...]
    plan: str
    lossy: tuple[tuple[str, int], ...]
    augmentation: str = ""

    @classmethod
    def from_piece(cls, piece: Piece, id: str, abc: str | None = None, augmentation: str = "") -> CorpusTune:
        """Transpose a piece with a chord in every bar to C and encode it; if `abc` is None, the ABC is written too.

        Raises:
            RemiError: the vocabulary cannot represent the piece.
        """
        tokens, losses = encode_with_losses(piece)
        return cls(
            id=id,
            title=piece.title,
            style=piece.style,
            key=str(piece.key),
            meter=str(piece.meter),
            bars=piece.bar_count,
            abc=write_abc(piece) if abc is None else abc,
            tokens=tuple(tokens),
            plan=Plan.of(piece).text(),
            lossy=tuple(sorted(losses.items())),
            augmentation=augmentation,
        )


@dataclass(frozen=True, slots=True)
class TuneRange:
    """A file, or a run of tunes in a tune book.

    Attributes:
        first: Number of its first tune in the file.
        header_stop: Offset at which the file header, which applies to all tunes, ends; 0 if `start` is 0.
        start: Offset of the first byte, decompressed.
        stop: Offset after the last byte; None for the end of the file.
        cost: The reading time, in bytes of ABC that take as long.
    """

    file: CorpusFile
    first: int = 1
    header_stop: int = 0
    start: int = 0
    stop: int | None = None
    cost: int = 0


def read_tune_range(tune_range: TuneRange, augment: tuple[str, ...] = ()) -> Iterator[CorpusTune | Rejection]:
    """All tunes of a range, each followed by its augmented variants, and the rejections.

    Raises:
        OSError: there is no disk space for temporary files.
    """
    try:
        for number, title, piece, abc in _pieces(tune_range):
            id = f"{tune_range.file.name}#{number}"
            if isinstance(piece, RemiError):
                yield rejection(id, title, piece)
            else:
                yield from _rows(_in_style(piece, tune_range.file), id, abc, augment, tune_range.file.four_parts_only)
    except OSError:
        raise
    except Exception as error:  # a bug that one file triggers must not cost the others
        yield rejection(tune_range.file.name, "", error)


def rejection(id: str, title: str, error: Exception) -> Rejection:
    """The rejection of a file or tune, from the error that it raised."""
    if not isinstance(error, RemiError):
        message = f"unexpected {type(error).__name__}: {error}"
        return Rejection(id, title, f"unexpected {type(error).__name__}", message)
    reason = _PARTICULARS.sub("…", error.message.split(";")[0])
    return Rejection(id, title, reason, str(error))


def _rows(
    piece: Piece, id: str, abc: str | None, augment: tuple[str, ...], four_parts_only: bool
) -> Iterator[CorpusTune | Rejection]:
    if four_parts_only and piece.voices != FOUR_PARTS:
        yield Rejection(id, piece.title, "not in four parts", f"the voices are {', '.join(piece.voices)}")
        return
    try:
        heard = in_heard_key(piece) if len(piece.voices) > 1 else piece  # tunes that go round end anywhere
        labelled, abc = label_chords(heard), abc if heard is piece else None
        if (sung := sung_part(labelled)) is not None:
            labelled, abc = sung, None
        yield CorpusTune.from_piece(labelled, id, abc)
    except Exception as error:  # a bug that one tune in a million triggers must not cost the others
        yield rejection(id, piece.title, error)
        return
    for name in augment:
        with suppress(RemiError):
            if (variant := AUGMENTATIONS[name](labelled, id)) is not None:
                yield CorpusTune.from_piece(variant, f"{id}+{name}", augmentation=name)


def _in_style(piece: Piece, file: CorpusFile) -> Piece:
    """A piece with the style that its voices, or else title, section, metre and rhythm say if its source names none."""
    if piece.style is not None:
        return piece
    styles: dict[tuple[str, ...], str | None] = {FOUR_PARTS: file.four_part_style, QUARTET: "quartet"}
    return replace(piece, style=styles.get(piece.voices) or infer_style(piece, file.section))


def _pieces(tune_range: TuneRange) -> Iterator[tuple[int, str, Piece | RemiError, str | None]]:
    """Number, title, piece or error, and source ABC of each tune.

    Raises:
        RemiError: the whole file cannot be read.
    """
    if tune_range.file.ending not in ABC:
        for number, piece in enumerate(_scores(tune_range.file), 1):
            yield number, piece.title, piece, None
        return
    data = content(tune_range.file, tune_range.start, tune_range.stop)
    if tune_range.header_stop:
        data = content(tune_range.file, 0, tune_range.header_stop) + data
    number = tune_range.first
    for tune, result in each_tune(decode_abc(data)):
        yield number, tune.title, result, tune.text
        number += 1
    if number == tune_range.first:
        raise AbcSyntaxError("there is no ABC tune; a tune begins with X:1 and has a K: line before its notes")


def _scores(file: CorpusFile) -> list[Piece]:
    """The pieces of a file that is not ABC; a file in an archive, or with another ending, is copied out first."""
    if not file.member and file.path.name.lower().endswith(file.ending):
        return read_score(file.path)
    with TemporaryDirectory() as folder:
        copy = Path(folder, Path(file.name).name)
        copy.write_bytes(content(file))
        return read_score(copy)
