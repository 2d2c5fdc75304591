"""Files to labelled, encoded tunes: one plain function a file, which any process or engine can run.

A tune that cannot be read, labelled or said in tokens is
counted by its reason and never stops the rest.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..core.codec import encode_with_losses
from ..core.errors import RemiError
from ..core.piece import Piece
from ..core.vocabulary import TOKEN_IDS
from ..scores.formats import read_score
from ..scores.harmony import label_chords
from ..scores.read_abc import read_abc

ABC_SUFFIXES = (".abc", ".abc.gz")
FOUR_PARTS = ("S", "A", "T", "B")


@dataclass(frozen=True, slots=True)
class CorpusTune:
    """One tune as training sees it.

    Attributes:
        source: File and number of the tune in it, such as `oneills1850/0001-0050.abc#12`.
        title: Empty when unknown.
        style: None when unknown.
        key: Of the source; the tokens are in C.
        meter: Of the first bar.
        bars: As a musician counts them.
        tokens: Token ids in the form "full".
        losses: What the tokens cannot say, by reason.
    """

    source: str
    title: str
    style: str | None
    key: str
    meter: str
    bars: int
    tokens: tuple[int, ...]
    losses: dict[str, int]

    @classmethod
    def from_piece(cls, piece: Piece, source: str) -> CorpusTune:
        """Label the chords of a piece, bring it to C and encode it.

        Raises:
            RemiError: the vocabulary cannot say the piece.
        """
        names, losses = encode_with_losses(label_chords(piece))
        return cls(
            source=source,
            title=piece.title,
            style=piece.style,
            key=str(piece.key),
            meter=str(piece.meter),
            bars=piece.bar_count,
            tokens=tuple(TOKEN_IDS[name] for name in names),
            losses=dict(losses),
        )


@dataclass(slots=True)
class FileTunes:
    """What one file gave.

    Attributes:
        tunes: In the order of the file.
        rejected: How many tunes were not taken, by reason.
    """

    tunes: list[CorpusTune] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dictionaries, as JSON has them."""
        return {"tunes": [asdict(tune) for tune in self.tunes], "rejected": dict(self.rejected)}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> FileTunes:
        """The inverse of `to_dict`."""
        tunes = [CorpusTune(**tune | {"tokens": tuple(tune["tokens"])}) for tune in stored["tunes"]]
        return cls(tunes, Counter(stored["rejected"]))


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """A file of a corpus.

    Attributes:
        name: How tunes of the file are called in reports; the same wherever the corpus lies.
        four_part_style: Style of its four-part pieces that state none; None for none.
        four_parts_only: Whether anything but four parts is left out.
    """

    path: Path
    name: str
    four_part_style: str | None = None
    four_parts_only: bool = False


def read_file(file: CorpusFile) -> FileTunes:
    """Read, label and encode all tunes of a file."""
    result = FileTunes()
    try:
        pieces = _read_pieces(file.path, result.rejected)
    except (RemiError, OSError) as error:
        result.rejected[_reason(error)] += 1
        return result
    for number, piece in enumerate(pieces, 1):
        is_four_part = piece.voices == FOUR_PARTS
        if file.four_parts_only and not is_four_part:
            result.rejected["not in four parts"] += 1
            continue
        if is_four_part and piece.style is None:
            piece = replace(piece, style=file.four_part_style)
        try:
            result.tunes.append(CorpusTune.from_piece(piece, f"{file.name}#{number}"))
        except RemiError as error:
            result.rejected[_reason(error)] += 1
    return result


def _read_pieces(path: Path, rejected: Counter[str]) -> list[Piece]:
    """The pieces of a file; tunes of an ABC file that cannot be read are counted in `rejected`."""
    if not path.name.endswith(ABC_SUFFIXES):
        return read_score(path)
    book = read_abc(path, errors="collect")
    rejected.update(_reason(error) for error in book.errors)
    return list(book)


def _reason(error: RemiError | OSError) -> str:
    """What is wrong, without the place and without the advice."""
    text = error.message if isinstance(error, RemiError) else error.strerror or str(error)
    return text.split(";")[0]
