"""What an evaluation is told: a dataclass, from whose fields the command line makes its flags."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..composing.arguments import MODEL_HELP
from ..core.errors import RequestError
from ..corpus.arguments import SPLITS

EVERY_SPLIT = "all"


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` measures; each field's help is in its metadata.

    Raises:
        RequestError: a value out of range.
    """

    data: str | Path = field(metadata={"help": "music21, files as prepare takes them, or what it wrote"})
    model: str | Path | None = field(default=None, metadata={"help": MODEL_HELP})
    split: str | None = field(
        default=None,
        metadata={
            "help": "the tunes to measure on  [default: test; all tunes of plain files]",
            "choices": (*SPLITS, EVERY_SPLIT),
        },
    )
    tunes: int | None = field(
        default=100, metadata={"help": "at most so many, 2 or more, spread evenly over the split"}
    )
    pieces: int = field(default=50, metadata={"help": "compose so many, like the tunes"})
    ngrams: bool = field(default=False, metadata={"help": "also fit n-gram models on the training split, and compare"})
    edits: bool = field(
        default=False, metadata={"help": "also rewrite four bars of these tunes, and measure the seams"}
    )
    seed: int = field(default=0, metadata={"help": "of the pieces composed"})

    def __post_init__(self) -> None:
        if self.split not in (None, *SPLITS, EVERY_SPLIT):
            raise RequestError(f"there is no split {self.split!r}; choose one of {', '.join(SPLITS)}, {EVERY_SPLIT}")
        if self.tunes is not None and self.tunes < 2:
            raise RequestError(f"cannot measure on {self.tunes} tunes; give 2 or more")
        if self.pieces < 0:
            raise RequestError(f"cannot compose {self.pieces} pieces; give 0 or more")
