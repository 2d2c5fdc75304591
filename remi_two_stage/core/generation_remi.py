"""Decoding that is locked to the grammar: what `generate()` of the models adds to transformers' own.

A logits processor follows every row of the batch with a `Grammar` and leaves only what may come next. Its state is
recomputed from the ids whenever a row is not the one seen before plus one token, so beams and batches cannot mix it up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig, GenerationMixin, LogitsProcessor, LogitsProcessorList

from .decoding_remi import Start, decode_rows, read_prompt, row_seeds
from .decoding_weights_remi import is_plain
from .errors import GrammarError, RequestError
from .grammar import Grammar, SequenceKind
from .grammar_structure import only
from .sampling import Sampling
from .vocabulary import BOS, DETAIL, EOS, PAD

MAX_NEW_TOKENS = 1 << 16
"""The grammar ends every piece by itself; this only bounds what `generate()` may be asked for without a limit of its
own.
"""

MAX_PITCH_SHIFT = 24
"""Semitones by which sounding pitch may differ from the tokens'; every voice's range stays within MIDI's."""
_DEFAULTS: dict[str, Any] = dict.fromkeys(
    ("max_length", "max_new_tokens", "bos_token_id", "transformers_version", "_from_model_config", "grammar")
) | {
    "do_sample": False, "temperature": 1.0, "top_k": 50, "top_p": 1.0, "num_beams": 1, "num_return_sequences": 1,
    "use_cache": True, "eos_token_id": EOS, "pad_token_id": PAD,
}  # fmt: skip
"""The settings of `generate()` that `decode_rows` knows, and what transformers takes where nothing is said."""
_SHARED_SETTINGS = frozenset({"do_sample", "temperature", "top_k", "top_p", "min_p", "num_beams"})


class GrammarLogitsProcessor(LogitsProcessor):
    """Gives every token that the grammar does not allow next the score minus infinity.

    Args:
        kinds: For each prompt, the kind that its sequence has.
        prompts: The given tokens, [B, L], left-padded; what follows them is composed and held to the grammar's
            strict rules.
        pitch_shifts: For each prompt, semitones from the tokens' pitch to the sounding one, for the ranges of voices.

    Raises:
        GrammarError: a prompt is not the beginning of such a sequence; the message names the position.
    """

    def __init__(self, kinds: Sequence[SequenceKind], prompts: torch.Tensor, pitch_shifts: Sequence[int]) -> None:
        self.kinds = kinds
        self.pitch_shifts = pitch_shifts
        self._prompts = [_unpadded(ids) for ids in prompts.tolist()]
        self._rows: dict[int, tuple[list[int], Grammar | None]] = {}
        for prompt, ids in enumerate(self._prompts):
            if kinds[prompt] in ("infilling", "melody") and DETAIL not in ids:
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
        grammar = Grammar(self.kinds[prompt], len(self._prompts[prompt]), self.pitch_shifts[prompt])
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
    """transformers' `generate()`, locked to the grammar unless `generation_config.grammar` is False.

    Plain requests, greedy or sampling with temperature, top_k and top_p, are decoded by `decode_rows`, which is several
    times as fast; greedily both ways lead to the same tokens. All others (beams, caches, processors, streamers, scores
    and so on) go through transformers with a `GrammarLogitsProcessor`. Samples follow torch's random state either way,
    but not with the same numbers: transformers draws for forced tokens too, and for all rows from one stream.
    """

    def kind_of_prompt(self, ids: Sequence[int]) -> SequenceKind:
        """The kind of sequence that begins with a prompt."""
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
            kinds = [self.kind_of_prompt(ids) for ids in inputs.tolist()]
            shifts = _shifts(pitch_shift, len(inputs))
            processors.insert(0, GrammarLogitsProcessor(kinds, inputs, shifts))
            if config.max_new_tokens is None and config.max_length is None and "max_length" not in kwargs:
                kwargs.setdefault("max_new_tokens", MAX_NEW_TOKENS)
            plain = _plain_request(self, inputs, generation_config, kwargs) if len(processors) == 1 else None
            if plain is not None:
                return self._decode(inputs, kinds, shifts, plain)
        return super().generate(inputs, generation_config, processors, **kwargs)

    def _decode(
        self, inputs: torch.Tensor, kinds: Sequence[SequenceKind], shifts: Sequence[int], request: _PlainRequest
    ) -> torch.Tensor:
        rows = list(zip(map(_unpadded, inputs.tolist()), kinds, shifts, strict=True))
        rows = [row for row in rows for _ in range(request.copies)]
        seeds = [0] * len(rows) if request.sampling.greedy else row_seeds(len(rows))
        starts = [
            Start(ids, read_prompt(kind, ids, shift), seed)
            for (ids, kind, shift), seed in zip(rows, seeds, strict=True)
        ]
        new = [row.ids[row.given :] for row in decode_rows(self, starts, request.sampling, request.longest)]
        longest = max(map(len, new))
        added = torch.tensor([ids + [PAD] * (longest - len(ids)) for ids in new], device=inputs.device)
        return torch.cat([inputs.repeat_interleave(request.copies, dim=0), added], dim=1)


@dataclass(frozen=True, slots=True)
class _PlainRequest:
    """What `decode_rows` can do of what `generate()` is asked for: rows a prompt, and at most so many new tokens."""

    sampling: Sampling
    copies: int
    longest: int


def _plain_request(
    model: Any, inputs: torch.Tensor, generation_config: GenerationConfig | None, asked: dict[str, Any]
) -> _PlainRequest | None:
    """The request, by transformers' order of precedence; None if it asks for more than `decode_rows` can do."""
    settings = dict(_DEFAULTS)
    for config in (model.generation_config, generation_config):
        settings |= {} if config is None else {name: v for name, v in config.to_diff_dict().items() if v is not None}
    settings |= asked
    mask = settings.pop("attention_mask", None)
    longest = settings["max_new_tokens"] or (settings["max_length"] or 0) - inputs.shape[1]
    greedy, copies = not settings["do_sample"], settings["num_return_sequences"]
    asks_for_more = {name for name, value in settings.items() if value not in (None, False)} - _DEFAULTS.keys()
    if (
        asks_for_more
        or settings["num_beams"] != 1
        or settings["use_cache"] is not True
        or settings["eos_token_id"] not in (EOS, [EOS])
        or settings["pad_token_id"] != PAD
        or longest < 1
        or (greedy and copies != 1)
        or (mask is not None and not torch.equal(mask.bool(), inputs != PAD))
        or not is_plain(model)
    ):
        return None
    temperature, top_k, top_p = (settings[name] for name in ("temperature", "top_k", "top_p"))
    sampling = Sampling(
        1.0 if temperature is None else temperature, top_k or 0, 1.0 if top_p is None else top_p, greedy
    )
    return _PlainRequest(sampling, copies, longest)


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
            "detail" sequences [B * num_return_sequences, L'], right-padded; each holds its plan and notes.

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
