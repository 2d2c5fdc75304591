"""The options of preparing a corpus: a dataclass, from whose fields the command line makes its flags."""

from __future__ import annotations

import glob
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

from ..core.errors import RequestError
from .augmentation import AUGMENTATIONS, check_augmentations

SPLITS = ("train", "validation", "test")


class WeightedCorpus(NamedTuple):
    """A corpus to learn from, and how often its tunes are shown in an epoch."""

    source: str
    weight: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "hymns.abc.gz" or "hymns.abc.gz=2"; a path that exists is one, whatever is in its name.

        Raises:
            RequestError: a weight that is not above 0.
        """
        source, _, number = text.rpartition("=")
        path = os.path.expanduser(text)
        if not source or os.path.exists(path) or glob.glob(path):
            return cls(text)
        try:
            weight = float(number)
        except ValueError:
            return cls(text)
        if not 0 < weight < math.inf:
            raise RequestError(f"the weight of the corpus {source!r} is {number}; give a number above 0")
        return cls(source, weight)


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
