"""The exceptions of this package, one tree.

    RemiError                     everything below; catch this one
    ├── ScoreError                a file or a score cannot be read, written or converted
    │   ├── AbcSyntaxError        text that is not ABC (ABC standard 2.1)
    │   ├── MissingFileError      there is no such file
    │   └── ScoreFormatError      a format or a content that no reader or writer here knows
    ├── EncodingError             a piece that the vocabulary cannot say at all
    ├── GrammarError              tokens in an order that the grammar does not allow
    ├── ChordError                a chord or a chord plan that cannot be understood
    ├── RequestError              an argument out of range: a metre, a key, a number of bars, a style, a seed
    ├── CheckpointError           a model folder that is missing, incomplete or of another kind
    ├── HubError                  the Hub cannot be reached, or refuses
    ├── CorpusError               a corpus that is missing or has nothing to learn from
    └── MissingExtraError         a feature needs a package of an extra that is not installed

Each message says what is wrong, shows the value received and names the fix. The place (file, tune, line, column,
bar) stands in front of it and is kept in `place` for programs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from errno import ENOENT
from os import PathLike

from .text import visible


@dataclass(frozen=True, slots=True)
class Place:
    """Where something went wrong. Lines, columns, bars and tunes count from 1, as people do."""

    file: str | None = None
    tune: int | None = None
    title: str | None = None
    line: int | None = None
    column: int | None = None
    bar: int | None = None
    voice: str | None = None

    def __str__(self) -> str:
        parts = [] if self.file is None else [self.file]
        if self.tune is not None:
            parts.append(f"tune {self.tune}")
        if self.title:
            parts.append(f'"{self.title}"')
        for name in ("line", "column", "voice", "bar"):
            value = getattr(self, name)
            if value is not None:
                parts.append(f"{name} {value}")
        return ", ".join(parts)


class RemiError(Exception):
    """Base of all errors raised on purpose by this package."""

    def __init__(self, message: str, place: Place | None = None) -> None:
        super().__init__(message, place)
        self.message = message
        self.place = place or Place()

    def __str__(self) -> str:
        """Place and message; what a file has put into them cannot steer a terminal."""
        place = str(self.place)
        return visible(f"{place}: {self.message}" if place else self.message)

    def at(self, **where: str | int | None) -> RemiError:
        """Fill in the parts of the place that are still unknown, and return the error itself, ready to be raised."""
        unknown = {name: value for name, value in where.items() if getattr(self.place, name) is None}
        self.place = replace(self.place, **unknown)  # type: ignore[arg-type]
        return self


class ScoreError(RemiError):
    """A file or a score cannot be read, written or converted."""


class AbcSyntaxError(ScoreError):
    """Text that is not ABC; `place` names file, tune, line, column and bar as far as they are known."""


class ScoreFormatError(ScoreError):
    """A file format that no reader or writer here knows, or a file that is not of the format that its name says."""


class MissingFileError(ScoreError, FileNotFoundError):
    """There is no such file; `filename` has its path, as in any `FileNotFoundError`."""

    def __init__(self, path: str | PathLike[str]) -> None:
        super().__init__("there is no such file; check the path", Place(file=str(path)))
        self.errno, self.filename = ENOENT, str(path)

    def __reduce__(self) -> tuple[type[MissingFileError], tuple[str]]:
        return type(self), (self.filename,)


class EncodingError(RemiError):
    """A piece that the vocabulary cannot say at all (what it can say with losses is encoded and counted)."""


class GrammarError(RemiError, ValueError):
    """Tokens in an order that the grammar does not allow; `position` is the index of the first wrong token."""

    def __init__(self, message: str, place: Place | None = None, position: int | None = None) -> None:
        super().__init__(message if position is None else f"token {position}: {message}", place)
        self.position = position


class ChordError(RemiError, ValueError):
    """A chord or a chord plan that cannot be understood."""


class RequestError(RemiError, ValueError):
    """An argument out of range: a metre, a key, a number of bars, a style, a seed."""


class CheckpointError(RemiError):
    """A model folder that is missing, incomplete or of another kind."""


class HubError(RemiError):
    """The Hub cannot be reached, or refuses."""


class CorpusError(RemiError):
    """A corpus that is missing or has nothing to learn from."""


class MissingExtraError(RemiError, ImportError):
    """A feature needs a package of an extra that is not installed; the message has the command that installs it."""


class UnlearntStyleWarning(UserWarning):
    """A style is asked for of which the model has learnt too few tunes."""


class IdlePlannerWarning(UserWarning):
    """Both stages are trained, and the planner gets no loss."""
