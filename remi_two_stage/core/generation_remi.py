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
from .vocabulary import BOS, DETAIL, EOS, PAD

MAX_NEW_TOKENS = 1 << 16
"""The grammar ends every piece by itself; this only bounds what `generate()` may be asked for without a limit of its
own.
"""

MAX_PITCH_SHIFT = 24
"""Semitones by which sounding pitch may differ from the tokens'; every voice's range stays within MIDI's."""
_SHARED_SETTINGS = frozenset({"do_sample", "temperature", "top_k", "top_p", "min_p", "num_beams"})


class GrammarLogitsProcessor(LogitsProcessor):
    """Gives every token that the grammar does not allow next the score minus infinity.

    Args:
        forms: For each prompt, the grammar's form that its sequence has.
        prompts: The given tokens, [B, L], left-padded; what follows them is composed and held to the grammar's
            strict rules.
        pitch_shifts: For each prompt, semitones from the tokens' pitch to the sounding one, for the ranges of voices.

    Raises:
        GrammarError: a prompt is not the beginning of such a sequence; the message names the position.
    """

    def __init__(self, forms: Sequence[Form], prompts: torch.Tensor, pitch_shifts: Sequence[int]) -> None:
        self.forms = forms
        self.pitch_shifts = pitch_shifts
        self._prompts = [_unpadded(ids) for ids in prompts.tolist()]
        self._rows: dict[int, tuple[list[int], Grammar | None]] = {}
        for prompt, ids in enumerate(self._prompts):
            if forms[prompt] in ("infilling", "melody") and DETAIL not in ids:
                raise GrammarError("the given bars stop before <Detail>; end the prompt there", position=len(ids))
            self._read(prompt, ids)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """[B * beams, L] ids so far and [B * beams, V] scores -> the scores, with what may not come next at minus
        infinity.
        """
        masked = torch.full_like(scores, -torch.inf)
        copies = len(input_ids) // len(self._prompts)
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
            if grammar is None or ids[: len(seen)] != seen:
                return self._read(prompt, ids)
            for token in () if grammar.is_finished else ids[len(seen) :]:
                grammar.advance(token)
        except GrammarError:
            return None
        return grammar

    def _read(self, prompt: int, ids: list[int]) -> Grammar:
        grammar = Grammar(self.forms[prompt], len(self._prompts[prompt]), self.pitch_shifts[prompt])
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

    def form_of_prompt(self, ids: Sequence[int]) -> Form:
        """The form of the sequence that begins with a prompt."""
        raise NotImplementedError

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
        processors = LogitsProcessorList(logits_processor or [])
        if getattr(config, "grammar", True) if grammar is None else grammar:
            prompts = inputs if inputs is not None else kwargs.pop("input_ids", None)
            if kwargs.get("inputs_embeds") is not None:
                raise RequestError(
                    "the grammar cannot be followed from inputs_embeds; give input_ids, or grammar=False"
                )
            inputs = torch.tensor([[BOS]], device=self.device) if prompts is None else prompts
            forms = [self.form_of_prompt(ids) for ids in inputs.tolist()]
            processors.insert(0, GrammarLogitsProcessor(forms, inputs, _shifts(pitch_shift, len(inputs))))
            if config.max_new_tokens is None and config.max_length is None and "max_length" not in kwargs:
                kwargs.setdefault("max_new_tokens", MAX_NEW_TOKENS)
        return super().generate(inputs, generation_config, processors, **kwargs)


def _shifts(pitch_shift: int | Sequence[int], rows: int) -> list[int]:
    shifts = [pitch_shift] * rows if isinstance(pitch_shift, int) else list(pitch_shift)
    if len(shifts) != rows or not all(abs(shift) <= MAX_PITCH_SHIFT for shift in shifts):
        raise RequestError(
            f"pitch_shift is {pitch_shift} for {rows} prompts; give one number of semitones, or one for each, "
            f"from -{MAX_PITCH_SHIFT} to {MAX_PITCH_SHIFT}"
        )
    return shifts


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

    def generate(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        pitch_shift: int | Sequence[int] = 0,
        num_return_sequences: int = 1,
        **sampling: Any,
    ) -> torch.Tensor:
        """Write plans after the globals `input_ids`, [B, L] left-padded and ending with the voices, then the notes.

        Args:
            attention_mask: As in transformers; it follows from the padding and may be left out.
            pitch_shift: Semitones from the tokens' pitch (in C) to the sounding one, for all prompts or for each.
            num_return_sequences: Plans for each prompt, with the notes over each.
            **sampling: do_sample, temperature, top_k, top_p, min_p, num_beams; for both stages.

        Returns:
            Sequences in the form "detail", [B * num_return_sequences, L'], right-padded; each holds its plan and notes.

        Raises:
            GrammarError: a prompt is not the globals of a piece; the message names the position.
            RequestError: a setting that has no meaning for both stages together.
        """
        if unknown := sampling.keys() - _SHARED_SETTINGS:
            raise RequestError(
                f"{', '.join(sorted(unknown))} cannot be set for both stages together; there are "
                f"{', '.join(sorted(_SHARED_SETTINGS))}; call generate() of planner and detail for the rest"
            )
        shifts = _shifts(pitch_shift, len(input_ids))
        plans = self.planner.generate(
            input_ids,
            attention_mask=(input_ids != PAD).long() if attention_mask is None else attention_mask,
            pitch_shift=shifts,
            num_return_sequences=num_return_sequences,
            **sampling,
        )
        prompts = detail_prompts(plans)
        repeated = [shift for shift in shifts for _ in range(num_return_sequences)]
        return self.detail.generate(prompts, attention_mask=(prompts != PAD).long(), pitch_shift=repeated, **sampling)
