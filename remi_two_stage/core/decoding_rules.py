"""What the next token of a sequence costs while it is written, by all rules that people know and models keep to seldom
enough: those of counterpoint (`counterpoint.py`, in plans `plan_harmony.py`) and those of form.

- A tune of one voice is helped to repeat itself (`Sampling.repetition`): many choices that are each nearly certain
  seldom all come out alike, so that sampling loses the thread of a bar that comes back. After as many tokens as
  `prompt_lookup` compares, the one that followed them before costs less; one that says a bar that has come often enough
  (`worn_bars`) costs more, and where the form of tunes brings a bar back (`recalled_bars`) the token that goes on with
  it less. Songs and quartets are helped to take up figures (`recalled_figures`), hymns their lines (`recalled_lines`).
- Bars that are written anew are led away from what they were (`replaced_bars`).

Costs are in nats, subtracted from the model's scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .counterpoint_reader import leading_after
from .grammar import SequenceKind
from .prompt_lookup import PromptLookup
from .recalled_bars import RecalledBars
from .recalled_figures import RecalledFigures
from .recalled_lines import RecalledLines
from .replaced_bars import ReplacedBars
from .sampling import Sampling
from .vocabulary import IDS, TOKENS
from .worn_bars import WornBars

_NOTE_ON = IDS["Note-On"]
_OF_OLD_NOTES = 2.5
"""Nats against each note that would go on saying a bar which is to be another."""


class DecodingRules:
    """Follows a sequence from its prompt on.

    Args:
        kind: Which kind of sequence it is.
        prompt: The given tokens.
        sampling: How the rules weigh, and how tokens are sampled.
        replaced: The bars as they were that are written anew (`Prompt.replaced`).

    Attributes:
        ids: The tokens so far.
        sampling: The same with the usual values for these voices where none are given.
        lookup: The contexts of the sequence.
    """

    def __init__(
        self, kind: SequenceKind, prompt: Sequence[int], sampling: Sampling, replaced: Sequence[Sequence[int]] = ()
    ) -> None:
        voices = {TOKENS[token][1] for token in prompt if token in IDS["voice"]}
        self.ids = list(prompt)
        self.sampling = sampling.settled(voices)
        self.lookup = PromptLookup()
        self._kind = kind
        self._is_alone = len(voices) == 1
        self._leading = leading_after(sampling.counterpoint, kind, prompt)
        self._worn, self._recalled, self._figures = WornBars(), RecalledBars(), RecalledFigures()
        self._lines = RecalledLines()
        self._replaced = ReplacedBars(replaced)
        for token in prompt:
            self._read_for_form(token)

    def advance(self, token: int) -> None:
        """Read a token after the prompt."""
        self.ids.append(token)
        self._read_for_form(token)
        self._replaced.advance(token)
        if self._leading is not None:
            self._leading.advance(token)

    def costs(self, choice: Sequence[range]) -> list[float] | None:
        """What each token of a choice costs, one range after the other; None where nothing does."""
        costs = None if self._leading is None else self._leading.costs(choice)
        is_note = any(ids.start in _NOTE_ON for ids in choice)
        old = self._replaced.following() if is_note else set()
        for token in old:
            costs = _in_favour(choice, token, -_OF_OLD_NOTES, costs)
        if nats := self.sampling.repetition:
            worn = self._worn.following() - old if is_note and self._is_alone else set()
            for wanted, firmness in self._wanted():
                if wanted not in worn | old:
                    costs = _in_favour(choice, wanted, firmness * nats, costs)
            for token in worn:
                costs = _in_favour(choice, token, -nats, costs)
        return costs

    def _wanted(self) -> Iterator[tuple[int, float]]:
        """Tokens that repeat what came before, and how firmly each is wanted."""
        yield from self._figures.following().items()
        if not self._is_alone:
            if (line := self._lines.following()) is not None and self._kind != "melody":
                yield line
            return
        if (recalled := self._recalled.following()) is not None and self._kind != "melody":
            yield recalled
        if (repeated := self.lookup.repeated(self.ids)) is not None and not (
            self._recalled.turns or self._figures.turns
        ):
            yield repeated, 1.0

    def _read_for_form(self, token: int) -> None:
        self._worn.advance(token)
        self._recalled.advance(token)
        self._figures.advance(token)
        self._lines.advance(token)


def _in_favour(choice: Sequence[range], token: int, nats: float, costs: list[float] | None) -> list[float] | None:
    """What all ids of a choice cost, one range after the other, with one that is wanted so many nats cheaper, or where
    that is negative dearer.
    """
    before = 0
    for ids in choice:
        if token in ids:
            cheaper = [*(costs or [0.0] * sum(map(len, choice)))]
            cheaper[before + token - ids.start] -= nats
            return cheaper
        before += len(ids)
    return costs
