"""The logits processors that lock transformers' `generate()` to the grammar and to the rules of decoding.

The first follows every row of the batch and leaves only what may come next, less what it costs. Its state is
recomputed from the ids whenever a row is not the one seen before plus one token, so beams and batches cannot mix it up.
The second, behind all others, sees to it that they have not undone the first, and that they have left it something.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from transformers import LogitsProcessor

from .decoding_rules import DecodingRules
from .errors import GrammarError, RequestError
from .grammar import Grammar, SequenceKind
from .sampling import DEFAULT_SAMPLING, Sampling
from .vocabulary import DETAIL, EOS, PAD, token_names


def unpadded(ids: list[int]) -> list[int]:
    """The ids without the padding on their left."""
    start = next((index for index, token in enumerate(ids) if token != PAD), len(ids))
    return ids[start:]


class GrammarLogitsProcessor(LogitsProcessor):
    """Gives every token that the grammar does not allow next the score minus infinity, and takes from the scores of
    the others what they cost by the rules of counterpoint and of form.

    Args:
        kinds: For each prompt, the kind that its sequence has.
        prompts: The given tokens, [B, L], left-padded; what follows them is composed and held to the grammar's
            strict rules.
        sampling: How the rules weigh; temperature and the like are for other processors.

    Attributes:
        forbidden: Of the last step, what may not come next, [B * beams, V].
        ended: Of the last step, the rows that had come to their end.

    Raises:
        GrammarError: a prompt is not the beginning of such a sequence; the message names the position.
    """

    def __init__(
        self, kinds: Sequence[SequenceKind], prompts: torch.Tensor, sampling: Sampling = DEFAULT_SAMPLING
    ) -> None:
        self.kinds = kinds
        self.sampling = sampling
        self._prompts = [unpadded(ids) for ids in prompts.tolist()]
        self._rows: dict[int, _Followed | None] = {}
        self.forbidden = torch.zeros(0, dtype=torch.bool)
        self.ended: list[int] = []
        for prompt, ids in enumerate(self._prompts):
            if ids[-1:] == [PAD]:
                raise GrammarError(f"row {prompt} ends in <PAD>; pad prompts on the left, with padding_side='left'")
            if kinds[prompt] in ("infilling", "melody") and DETAIL not in ids:
                raise GrammarError("the given bars stop before <Detail>; end the prompt there", position=len(ids))
            self._read(prompt, ids)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """[B * beams, L] ids so far and [B * beams, V] scores -> the scores less what tokens cost, with what may
        not come next at minus infinity.
        """
        copies = len(input_ids) // len(self._prompts)
        rows = list(map(unpadded, input_ids.tolist()))
        self._rows = {row: self._follow(row, row // copies, ids) for row, ids in enumerate(rows)}
        self.forbidden = torch.ones_like(scores, dtype=torch.bool)
        self.ended = []
        scores = scores.clone()
        for row, followed in self._rows.items():
            if followed is None:
                continue
            if followed.grammar.is_finished:
                self.ended.append(row)
            for allowed in followed.grammar.allowed:
                self.forbidden[row, allowed.start : allowed.stop] = False
            for ids, costs in followed.costs():
                scores[row, ids.start : ids.stop] -= torch.tensor(costs, dtype=scores.dtype, device=scores.device)
        self.forbidden[self.ended, EOS] = False
        return scores.masked_fill(self.forbidden, -torch.inf)

    def _follow(self, row: int, prompt: int, ids: list[int]) -> _Followed | None:
        """A row after `ids`; None on a beam of score minus infinity, which stands where choices were too few."""
        followed = self._rows.get(row)
        try:
            if followed is None or ids[: len(followed.ids)] != followed.ids:
                return self._read(prompt, ids)
            for token in ids[len(followed.ids) :]:
                followed.advance(token)
            followed.ids = ids
        except GrammarError:
            return None
        return followed

    def _read(self, prompt: int, ids: list[int]) -> _Followed:
        kind, given = self.kinds[prompt], self._prompts[prompt]
        grammar = Grammar(kind, len(given))
        for token in given:
            if grammar.is_finished and token in (PAD, EOS):
                break
            grammar.advance(token)
        followed = _Followed(ids, grammar, DecodingRules(kind, given[: grammar.position], self.sampling))
        for token in ids[len(given) :]:
            followed.advance(token)
        return followed


@dataclass(slots=True)
class _Followed:
    """A row as it has been read."""

    ids: list[int]
    grammar: Grammar
    rules: DecodingRules

    def advance(self, token: int) -> None:
        if not self.grammar.is_finished:
            self.grammar.advance(token)
            self.rules.advance(token)

    def costs(self) -> Iterator[tuple[range, list[float]]]:
        """What the tokens of each range cost that may come next; nothing where none does."""
        choice = [ids for ids in self.grammar.allowed if ids]
        costs = self.rules.costs(choice)
        left = iter(costs or ())
        for ids in choice if costs is not None else ():
            yield ids, list(islice(left, len(ids)))


class GrammarHoldsLogitsProcessor(LogitsProcessor):
    """Comes last, and holds to what the grammar allowed in this step, whatever became of the scores since.

    Args:
        grammar: The processor that has masked the scores.
        num_beams: Rows of each prompt; at least one of them has to continue.

    Raises:
        RequestError: other processors forbid all that the grammar allows.
    """

    def __init__(self, grammar: GrammarLogitsProcessor, num_beams: int) -> None:
        self._grammar = grammar
        self._num_beams = num_beams

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """[B * beams, L] ids so far and [B * beams, V] scores -> the scores, with what may not come next at minus
        infinity.
        """
        scores = scores.masked_fill(self._grammar.forbidden, -torch.inf)
        scores[self._grammar.ended, EOS] = 0.0  # no matter, but for a row without any choice there is no softmax
        goes_on = (scores != -torch.inf).any(dim=1).view(-1, self._num_beams)
        for prompt in (~goes_on.any(dim=1)).nonzero()[:1, 0].tolist():
            self._refuse(prompt, input_ids[prompt * self._num_beams].tolist())
        return scores

    def _refuse(self, prompt: int, ids: list[int]) -> None:
        names, allowed = token_names(), ~self._grammar.forbidden[prompt * self._num_beams]
        shown = [names[token] for token in allowed.nonzero()[:4, 0].tolist()]
        rest = int(allowed.sum()) - len(shown)
        raise RequestError(
            f"the settings forbid all that the grammar allows as token {len(unpadded(ids))} of row {prompt}: "
            f"{', '.join(shown)}"
            f"{f' and {rest} more' if rest else ''}; change bad_words_ids, min_new_tokens, logits_processor or the "
            "like, or give grammar=False"
        )
