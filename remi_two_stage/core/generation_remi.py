"""Decoding that is locked to the grammar: what `generate()` of the models adds to transformers' own.

A logits processor follows every row of the batch with a `Grammar` and leaves only what may come next. Its state is
recomputed from the ids whenever a row is not the one seen before plus one token, so beams and batches cannot mix it up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import GenerationConfig, GenerationMixin, LogitsProcessor, LogitsProcessorList

from .errors import GrammarError, RequestError
from .grammar import Form, Grammar
from .structure import only
from .vocabulary import DETAIL, EOS, PAD

MAX_NEW_TOKENS = 1 << 16
"""The grammar ends every piece by itself; this only bounds what `generate()` may be asked for without a limit of its
own.
"""


class GrammarLogitsProcessor(LogitsProcessor):
    """Gives every token that the grammar does not allow next the score minus infinity.

    Args:
        form: The grammar's form that the sequences have.
        prompts: The given tokens, [B, L], left-padded; what follows them is composed and held to the grammar's
            strict rules.
        pitch_shifts: For each prompt, semitones from the tokens' pitch to the sounding one, for the ranges of voices.

    Raises:
        GrammarError: a prompt is not the beginning of such a sequence; the message names the position.
    """

    def __init__(self, form: Form, prompts: torch.Tensor, pitch_shifts: Sequence[int]) -> None:
        self.form = form
        self.pitch_shifts = pitch_shifts
        self._prompt_lengths = [len(ids) for ids in map(_unpadded, prompts.tolist())]
        self._rows: dict[int, tuple[list[int], Grammar | None]] = {}
        for row, ids in enumerate(map(_unpadded, prompts.tolist())):
            self._rows[row] = (ids, self._read(row, ids))

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """[B * beams, L] ids so far and [B * beams, V] scores -> the scores, with what may not come next at minus
        infinity.
        """
        masked = torch.full_like(scores, -torch.inf)
        copies = len(input_ids) // len(self._prompt_lengths)
        followed = {}
        for row, ids in enumerate(map(_unpadded, input_ids.tolist())):
            grammar = self._follow(row, row // copies, ids)
            followed[row] = (ids, grammar)
            for allowed in (grammar and grammar.allowed) or only(EOS):
                masked[row, allowed.start : allowed.stop] = scores[row, allowed.start : allowed.stop]
        self._rows = followed
        return masked

    def _follow(self, row: int, prompt: int, ids: list[int]) -> Grammar | None:
        """The grammar after `ids`; None on a beam of score minus infinity, which stands where choices were too few."""
        seen, grammar = self._rows.get(row, ([], None))
        try:
            if grammar is None or ids[:-1] != seen or grammar.is_finished:
                return grammar if grammar is not None and ids == seen else self._read(prompt, ids)
            grammar.advance(ids[-1])
        except GrammarError:
            return None
        return grammar

    def _read(self, prompt: int, ids: list[int]) -> Grammar:
        grammar = Grammar(self.form, self._prompt_lengths[prompt], self.pitch_shifts[prompt])
        for token in ids:
            if grammar.is_finished and token in (PAD, EOS):
                break
            grammar.advance(token)
        return grammar


def _unpadded(ids: list[int]) -> list[int]:
    """The ids without the padding on their left."""
    start = next((index for index, token in enumerate(ids) if token != PAD), len(ids))
    return ids[start:]


class GrammarGenerationMixin(GenerationMixin):
    """transformers' `generate()`, locked to the grammar unless `generation_config.grammar` is False."""

    grammar_form: Form = "full"

    def generate(
        self,
        inputs: torch.Tensor | None = None,
        generation_config: GenerationConfig | None = None,
        logits_processor: LogitsProcessorList | None = None,
        pitch_shift: int | Sequence[int] = 0,
        grammar: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """As in transformers; the sequences begin with the prompts `inputs` (or `input_ids`), [B, L], left-padded.

        Args:
            pitch_shift: Semitones from the tokens' pitch (in C) to the sounding one, for all prompts or for each.
            grammar: Whether to hold to the grammar; None is what the generation config says, True if it says nothing.

        Raises:
            GrammarError: a prompt is not the beginning of a sequence of this stage; the message names the position.
        """
        config = generation_config or self.generation_config
        prompts = inputs if inputs is not None else kwargs.get("input_ids")
        processors = LogitsProcessorList(logits_processor or [])
        if prompts is not None and (getattr(config, "grammar", True) if grammar is None else grammar):
            shifts = [pitch_shift] * len(prompts) if isinstance(pitch_shift, int) else list(pitch_shift)
            processors.insert(0, GrammarLogitsProcessor(self.grammar_form, prompts, shifts))
            if config.max_new_tokens is None and "max_length" not in kwargs:
                kwargs.setdefault("max_new_tokens", MAX_NEW_TOKENS)
        return super().generate(inputs, generation_config, processors, **kwargs)


def detail_prompts(plans: torch.Tensor) -> torch.Tensor:
    """Prompts of the detail stage from finished plans: [B, L] with `<EOS>` -> [B, L'], ending in `<Detail>`,
    left-padded.

    Raises:
        RequestError: a plan is not finished.
    """
    rows = []
    for ids in map(_unpadded, plans.tolist()):
        if EOS not in ids:
            raise RequestError("a plan stops before <EOS>; let the planner write it to its end, without max_length")
        rows.append([*ids[: ids.index(EOS)], DETAIL])
    longest = max(map(len, rows))
    return torch.tensor([[PAD] * (longest - len(row)) + row for row in rows], device=plans.device)


class TwoStageGenerationMixin:
    """`generate()` of the model that holds both stages."""

    planner: GrammarGenerationMixin
    detail: GrammarGenerationMixin

    def generate(self, input_ids: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """Write plans after the globals `input_ids`, [B, L] left-padded and ending with the voices, then the notes
        over them.

        Returns:
            Sequences in the form "detail", [B, L'], right-padded; each holds its plan and its notes.
        """
        plans = self.planner.generate(input_ids, attention_mask=(input_ids != PAD).long(), **kwargs)
        prompts = detail_prompts(plans)
        return self.detail.generate(prompts, attention_mask=(prompts != PAD).long(), **kwargs)
