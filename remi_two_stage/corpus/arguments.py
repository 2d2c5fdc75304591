"""The options of preparing a corpus: a dataclass, from whose fields the command line makes its flags."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..core.errors import RequestError
from .augmentation import AUGMENTATIONS, check_augmentations

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Preparation:
    """The options of `prepare_corpus`; each field's help is in its metadata.

    Raises:
        RequestError: a value is out of range.
    """

    corpus: str = field(metadata={"help": "music21, a score file, a .zip archive, a folder, or a glob in quotes"})
    output: Path | None = field(default=None, metadata={"help": "folder for the prepared corpus  [default: a cache]"})
    processes: int | None = field(
        default=None, metadata={"help": "number of processes  [default: one for each processor]"}
    )
    augment: str = field(
        default="",
        metadata={"help": f"variants of the training tunes, separated by commas: {', '.join(AUGMENTATIONS)}"},
    )

    def __post_init__(self) -> None:
        if self.processes is not None and self.processes < 1:
            raise RequestError(f"`processes` is {self.processes}; it must be 1 or more")
        check_augmentations(self.augmentations)

    @property
    def augmentations(self) -> tuple[str, ...]:
        """Names of the requested augmentations."""
        return check_augmentations(filter(None, map(str.strip, self.augment.split(","))))
