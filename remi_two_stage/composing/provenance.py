"""How pieces came about, as notes in their files: version, model, seed, chord plan, and the command that does it again.

The ABC standard (2.1, section 3.1.10) has `N:` for such notes; `Piece.made` holds them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from ..core.errors import RemiError
from ..core.notation import MADE_WITH
from ..core.piece import Piece
from ..core.plan import Plan
from ..core.request import Request
from ..core.sampling import Sampling
from ..core.signatures import Key, Meter
from ..core.text import flag_of, printable
from ..version import __version__

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_COMMAND = "remi-two-stage"
_ALWAYS_SAID = ("temperature", "top_p", "rhythm_temperature", "repetition")
"""Fields of `Sampling` whose defaults are a matter of taste and may change."""


@dataclass(frozen=True, slots=True)
class Maker:
    """What makes the pieces of a batch.

    Attributes:
        model: Name of the model as `--model` takes it; empty for the embedded one.
        commit: Of a model on the Hub.
        int8: As in `Composer`.
        sampling: How tokens are sampled.
        seed: Of the first piece.
    """

    model: str
    commit: str
    int8: bool
    sampling: Sampling
    seed: int

    def composed(self, piece: Piece, request: Request, number: int) -> Piece:
        """A piece with notes on how it was composed, as number `number` of its batch, from 0."""
        command = self._note(["compose", *_flags(request)], number, piece)
        return replace(piece, made=(command, f"{self._start} over the plan: {_on_one_line(Plan.of(piece))}"))

    def realized(self, piece: Piece, plan: Plan, number: int) -> Piece:
        """A piece with notes on how it was written over a plan."""
        given = plan.skeleton
        has_names = any(chord.symbol for bar in given.bars for chord in bar.chords)
        text = _on_one_line(plan, has_names)
        try:
            request = Request(given.style, given.key, given.meter, tempo=given.tempo, voices=given.voices)
            is_typed = request.typed(text) == plan
        except RemiError:  # a plan that nobody types
            is_typed = False
        if not is_typed:  # phrases of its own, a title
            return replace(piece, made=(f"{self._start} with the seed {self.seed + number} over the plan: {text}",))
        words = [word for word in _flags(request) if not word.startswith("--bars ")]
        return replace(piece, made=(self._note(["realize", f'"{text}"', *words], number, piece),))

    def edited(self, piece: Piece, before: Piece, number: int, command: str, *arguments: str, **flags: Any) -> Piece:
        """An edited piece with the notes that it had before, and one on the edit; where the last one was on another
        attempt at the same bars, this one takes its place.

        Args:
            arguments: Of the command, behind the file.
            flags: Of the command by their names; those with None are left out.
        """
        words = [command, "FILE", *arguments]
        given = [*_words({f"--{name}": value for name, value in flags.items()})]
        made = before.made
        if arguments and made and f": {' '.join([_COMMAND, *words])} " in made[-1]:
            made = made[:-1]
        return replace(piece, made=(*made, self._note([*words, *given], number, piece)))

    @property
    def _start(self) -> str:
        model = f"{self.model} at {self.commit}" if self.commit else self.model or "its embedded model"
        return f"{MADE_WITH}{__version__} and {model}"

    def _note(self, words: list[str], number: int, piece: Piece) -> str:
        sampling = self.sampling.settled(piece.voices)
        changed = {
            flag_of(field): value
            for field in fields(Sampling)
            if (value := getattr(sampling, field.name)) != field.default or field.name in _ALWAYS_SAID
        }
        model = {"--model": self.model or None, "--int8": self.int8}
        words = [f"{self._start}:", _COMMAND, *words, *_words(changed | model), "--seed", str(self.seed + number)]
        return printable(" ".join(words))


def _flags(given: DataclassInstance) -> list[str]:
    return [*_words({flag_of(field): getattr(given, field.name) for field in fields(given)})]


def _words(flags: dict[str, Any]) -> Iterator[str]:
    """Flags with their values as they are typed; those without a value are left out."""
    for flag, value in flags.items():
        if value is True:
            yield flag
        elif value is not None and value is not False:
            yield f"{flag} {_quoted(_as_typed(value))}"


def _as_typed(value: Any) -> str:
    if isinstance(value, Key):
        return value.tonic + {"maj": "", "min": "m"}.get(value.mode, value.mode)
    if isinstance(value, Meter):
        return value.written or str(value)
    if isinstance(value, Plan):
        return _on_one_line(value)
    return ",".join(value) if isinstance(value, tuple | list) else f"{value:g}" if type(value) is float else str(value)


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[\w.,/#-]+", text) else f'"{text}"'


def _on_one_line(plan: Plan, names: bool = False) -> str:
    return " ".join(plan.text(names).split())
