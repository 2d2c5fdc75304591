"""Decoding that is locked to the grammar: what `generate()` of the models adds to transformers' own, by its hooks.

The logits processors of `generation_processors_remi.py` leave only what may come next, and take from its scores what it
costs by the rules of counterpoint and of form (`decoding_rules.py`), as the fast loop of `decoding_remi.py` does.

Settings are transformers': those of the call, then of the given generation config, then of the model's own, which is
read from `generation_config.json`. `grammar`, `counterpoint` and `repetition` are three more of them.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import (
    EosTokenCriteria,
    GenerationConfig,
    GenerationMixin,
    LogitsProcessorList,
    MaxLengthCriteria,
    StoppingCriteriaList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from .counterpoint import Counterpoint
from .decoding_remi import Start, decode_rows, read_prompt, row_seeds
from .decoding_weights_remi import is_plain
from .errors import RequestError
from .generation_processors_remi import GrammarHoldsLogitsProcessor, GrammarLogitsProcessor, unpadded
from .grammar import SequenceKind
from .sampling import DEFAULT_SAMPLING, Sampling
from .stop_strings_remi import StopsAtText
from .vocabulary import DETAIL, EOS, PAD

MAX_NEW_TOKENS = 1 << 16
"""The grammar ends every piece by itself; this only bounds what `generate()` may be asked for without a limit of its
own.
"""

_WARPERS = {TemperatureLogitsWarper: "temperature", TopKLogitsWarper: "top_k", TopPLogitsWarper: "top_p"}
"""What `Sampling` does, in the order in which it and transformers do it."""
_SHOWN = ("scores", "logits", "attentions", "hidden_states")
_UNSAID = {
    "grammar": True,
    "counterpoint": DEFAULT_SAMPLING.counterpoint,
    "repetition": DEFAULT_SAMPLING.repetition,
}
"""Settings of our own, with the values that hold where nothing is said."""
_OF_THE_RESULT = (
    "return_dict_in_generate",
    "output_scores",
    "output_logits",
    "output_attentions",
    "output_hidden_states",
)


class GrammarGenerationMixin(StopsAtText, GenerationMixin):
    """transformers' `generate()`, locked to the grammar unless the setting `grammar` is False.

    The sequences begin with the prompts `inputs` (or `input_ids`), [B, L], left-padded. Three settings are added, of
    the call or of a generation config:

        grammar       whether to hold to the grammar; True where nothing is said
        counterpoint  "strict", "soft" or "off", as in `Sampling`; "soft" where nothing is said
        repetition    nats in favour of what repeats a passage where tokens are sampled, as in `Sampling`; as there
                      where nothing is said

    A prompt that is not the beginning of a sequence of this stage raises a `GrammarError` that names the position.
    Without a limit, a sequence continues to the end that the grammar gives it.

    Plain requests, greedy or sampling with temperature, top_k and top_p, are decoded by `decode_rows`, which is several
    times as fast; greedily both ways lead to the same tokens. All others (beams, caches, processors, streamers, scores
    and so on), and models that are more than their weights, go through transformers' loop with the grammar. Samples
    follow torch's random state either way, but not with the same numbers: transformers draws for forced tokens too, and
    for all rows from one stream.

    Both ways keep to the rules by which `Composer` and the pipeline compose (`decoding_rules.py`). These do more: they
    have usual temperatures for one voice and for several, and others for rhythm, take a good one of a few plans, and
    lead bars that are written anew away from those they replace. Choirs of other voices than S, A, T and B are read as
    the model knows them by `decode_rows` alone.
    """

    def kind_of_prompt(self, ids: Sequence[int]) -> SequenceKind:
        """The kind of sequence that begins with a prompt."""
        raise NotImplementedError

    def adjust_generation_fn(
        self,
        generation_config: Any,
        from_auto: Any,
        from_pipeline: Any,
        source: Any,
        subfolder: str = "",
        **kwargs: Any,
    ) -> None:
        """transformers calls this when weights are loaded. In a local folder, it would take the settings of the folder
        above for those of a subfolder.
        """
        if source is not None and Path(source, subfolder).is_dir():
            source, subfolder = Path(source, subfolder), ""
        super().adjust_generation_fn(generation_config, from_auto, from_pipeline, source, subfolder=subfolder, **kwargs)

    def _prepare_generation_config(
        self,
        generation_config: GenerationConfig | None,
        grammar: bool | None = None,
        counterpoint: Counterpoint | None = None,
        repetition: float | None = None,
        **kwargs: Any,
    ) -> tuple[GenerationConfig, dict[str, Any]]:
        config, model_kwargs = super()._prepare_generation_config(generation_config, **kwargs)
        said = {"grammar": grammar, "counterpoint": counterpoint, "repetition": repetition}
        config.update(**{name: value for name, value in said.items() if value is not None}, allow_custom_entries=True)
        config.update(**_UNSAID, defaults_only=True, allow_custom_entries=True)
        given = {name for name, value in model_kwargs.items() if value is not None}
        # Later on, what the call gives to forward() cannot be told from what transformers adds.
        config._gives_ids_alone = given <= {"input_ids", "attention_mask"}
        if config.grammar and "inputs_embeds" in given:
            raise RequestError("the grammar cannot be followed from inputs_embeds; give input_ids, or grammar=False")
        return config, model_kwargs

    def init_continuous_batching(self, *args: Any, **kwargs: Any) -> Any:
        """Not there: relative attention and the grammar do not read the pages that it keeps keys and values in.

        Raises:
            RequestError: always; `generate_batch` comes here, too.
        """
        raise RequestError(
            "continuous batching (generate_batch) is not there for this attention; give generate() a batch of "
            "prompts, padded on the left"
        )

    def _prepare_generated_length(
        self, generation_config: GenerationConfig, has_default_max_length: bool, **kwargs: Any
    ) -> GenerationConfig:
        if generation_config.grammar and has_default_max_length and generation_config.max_new_tokens is None:
            generation_config.max_new_tokens = MAX_NEW_TOKENS
        return super()._prepare_generated_length(
            generation_config=generation_config, has_default_max_length=has_default_max_length, **kwargs
        )

    def _get_logits_processor(
        self,
        generation_config: GenerationConfig,
        encoder_input_ids: torch.Tensor | None = None,
        logits_processor: LogitsProcessorList | None = None,
        **kwargs: Any,
    ) -> LogitsProcessorList:
        """The processors, the grammar's before those of the call and before temperature and the like, and again last.

        transformers' own come earlier: some of them make numbers of minus infinity.
        """
        arguments = {"generation_config": generation_config, "encoder_input_ids": encoder_input_ids, **kwargs}
        if encoder_input_ids is None or not generation_config.grammar:
            return super()._get_logits_processor(logits_processor=logits_processor, **arguments)
        kinds = [self.kind_of_prompt(ids) for ids in encoder_input_ids.tolist()]
        sampling = Sampling(
            repetition=generation_config.repetition,
            counterpoint=generation_config.counterpoint,
            greedy=not generation_config.do_sample,
        )
        grammar = GrammarLogitsProcessor(kinds, encoder_input_ids, sampling)
        custom = LogitsProcessorList([grammar, *(logits_processor or ())])
        processors = super()._get_logits_processor(logits_processor=custom, **arguments)
        processors.append(GrammarHoldsLogitsProcessor(grammar, generation_config.num_beams))
        return processors

    def _sample(
        self,
        input_ids: torch.Tensor,
        logits_processor: LogitsProcessorList,
        stopping_criteria: Sequence[Any],
        generation_config: GenerationConfig,
        **kwargs: Any,
    ) -> Any:
        """transformers' loop for greedy decoding and sampling, or the fast one in its place."""
        sampling = _known_sampling(logits_processor, generation_config)
        if (
            sampling is None
            or not _ends_as_known(stopping_criteria)
            or not _asks_for_ids_alone(input_ids, generation_config, kwargs)
            or not is_plain(self)
        ):
            return super()._sample(input_ids, logits_processor, stopping_criteria, generation_config, **kwargs)
        longest = stopping_criteria[0].max_length - input_ids.shape[1]
        return self._decode(input_ids, logits_processor[0], sampling, longest)

    def _decode(
        self, input_ids: torch.Tensor, grammar: GrammarLogitsProcessor, sampling: Sampling, longest: int
    ) -> torch.Tensor:
        """[B * copies, L] -> [B * copies, L'], by `decode_rows`."""
        copies = len(input_ids) // len(grammar.kinds)
        seeds = [0] * len(input_ids) if sampling.greedy else row_seeds(len(input_ids))
        starts = []
        for row, (ids, seed) in enumerate(zip(map(unpadded, input_ids.tolist()), seeds, strict=True)):
            starts.append(Start(ids, read_prompt(grammar.kinds[row // copies], ids), seed))
        new = [row.ids[row.given :] for row in decode_rows(self, starts, sampling, longest)]
        width = max(map(len, new))
        added = torch.tensor([ids + [PAD] * (width - len(ids)) for ids in new], device=input_ids.device)
        return torch.cat([input_ids, added], dim=1)


def _known_sampling(processors: LogitsProcessorList, config: GenerationConfig) -> Sampling | None:
    """What the processors of transformers' loop do, as far as `decode_rows` does the same; None if they do more."""
    first, *kinds, last = map(type, processors) if config.grammar else (None, None)
    if (first, last) != (GrammarLogitsProcessor, GrammarHoldsLogitsProcessor):
        return None
    if not config.do_sample:
        return None if kinds else processors[0].sampling
    if kinds != [kind for kind in _WARPERS if kind in kinds]:
        return None
    settings: dict[str, Any] = {"temperature": 1.0, "top_k": 0, "top_p": 1.0}
    for kind, warper in zip(kinds, processors[1:-1], strict=True):
        settings[_WARPERS[kind]] = value = getattr(warper, _WARPERS[kind])
        if vars(warper) != vars(kind(value)):  # one of the call's own, made in another way
            return None
    return replace(processors[0].sampling, **settings)


def _ends_as_known(criteria: Sequence[Any]) -> bool:
    """Whether rows end at a length or at `<EOS>`, and not otherwise."""
    kinds = [type(criterion) for criterion in criteria]
    return kinds == [MaxLengthCriteria, EosTokenCriteria] and criteria[1].eos_token_id.tolist() == [EOS]


def _asks_for_ids_alone(inputs: torch.Tensor, config: GenerationConfig, kwargs: dict[str, Any]) -> bool:
    """Whether a call gives ids and what their padding says, and wants ids, at the end and in the usual way."""
    mask = kwargs.get("attention_mask")
    return (
        config._gives_ids_alone
        and torch.equal(torch.ones_like(inputs).bool() if mask is None else mask.bool(), inputs != PAD)
        and config._pad_token_tensor == PAD
        and config.use_cache is True
        and config.cache_implementation is None
        and not config.return_dict_in_generate
        and kwargs.get("streamer") is None
        and not kwargs.get("synced_gpus")
    )


def detail_prompts(plans: torch.Tensor) -> torch.Tensor:
    """Prompts of the detail stage from finished plans: [B, L] with `<EOS>` -> [B, L'], ending in `<Detail>`,
    left-padded.

    Raises:
        RequestError: a plan is not finished.
    """
    rows = []
    for ids in map(unpadded, plans.tolist()):
        if EOS not in ids:
            raise RequestError(
                "a plan stops before <EOS>; let the planner write it to its end, without max_new_tokens, stop_strings "
                "or the like"
            )
        rows.append([*ids[: ids.index(EOS)], DETAIL])
    longest = max(map(len, rows))
    return torch.tensor([[PAD] * (longest - len(row)) + row for row in rows], device=plans.device)


def _completed(config: GenerationConfig, other: GenerationConfig) -> GenerationConfig:
    """A copy of a config, with another's settings where it says nothing."""
    completed = deepcopy(config)
    completed.update(**other.to_dict(), defaults_only=True, allow_custom_entries=True)
    return completed


class TwoStageGenerationMixin:
    """`generate()` of the model that holds both stages.

    Its generation config, which is read from `generation_config.json`, holds for both stages, each of which takes from
    its own what that one does not say.
    """

    planner: GrammarGenerationMixin
    detail: GrammarGenerationMixin
    generation_config: GenerationConfig
    output_modalities = ("text",)

    def adjust_generation_fn(self, generation_config: Any, *args: Any, subfolder: str = "", **kwargs: Any) -> None:
        """transformers calls this when weights are loaded; the stages have settings in their folders, too."""
        GenerationMixin.adjust_generation_fn(self, generation_config, *args, subfolder=subfolder, **kwargs)
        for name, stage in (("planner", self.planner), ("detail", self.detail)):
            with suppress(OSError):  # there is no such folder
                stage.adjust_generation_fn(None, *args, **kwargs | {"subfolder": posixpath.join(subfolder, name)})
            stage.generation_config = self.settings_of(stage)

    def settings_of(self, stage: GrammarGenerationMixin) -> GenerationConfig:
        """The generation config of a stage by itself."""
        return _completed(self.generation_config, stage.generation_config)

    def generate(
        self,
        inputs: torch.Tensor | None = None,
        generation_config: GenerationConfig | None = None,
        logits_processor: LogitsProcessorList | None = None,
        stopping_criteria: StoppingCriteriaList | None = None,
        prefix_allowed_tokens_fn: Callable[[int, torch.Tensor], list[int]] | None = None,
        synced_gpus: bool | None = None,
        assistant_model: Any = None,
        streamer: Any = None,
        *,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        **settings: Any,
    ) -> Any:
        """Write plans after the globals `inputs` (or `input_ids`), [B, L] left-padded and ending with the voices, then
        the notes. Arguments are those of transformers, and hold for both stages but where it says otherwise.

        Args:
            generation_config: A limit on the length is one of each stage. `num_return_sequences` is how many plans
                there are for each prompt, with the notes over each; `return_dict_in_generate` shows what the detail
                generator did.
            assistant_model: Drafts notes.
            streamer: Gets plan and notes once the plan is finished.
            attention_mask: It follows from the padding and may be left out.
            **settings: Those of a generation config, and `tokenizer` for `stop_strings`.

        Returns:
            "detail" sequences [B * num_return_sequences, L'], padded on both sides; each holds its plan and notes.

        Raises:
            GrammarError: a prompt is not the globals of a piece; the message names the position.
            RequestError: an argument that is none of these, or a plan that a limit cuts off.
        """
        prompts = inputs if input_ids is None else input_ids
        shared = {
            "logits_processor": logits_processor,
            "stopping_criteria": stopping_criteria,
            "prefix_allowed_tokens_fn": prefix_allowed_tokens_fn,
            "synced_gpus": synced_gpus,
            "tokenizer": settings.pop("tokenizer", None),
        }
        config = self._settings(generation_config, settings)
        plan_config = deepcopy(config)
        plan_config.update(**dict.fromkeys(_OF_THE_RESULT, False))
        mask = _mask(prompts) if attention_mask is None else attention_mask
        plans = self.planner.generate(prompts, plan_config, attention_mask=mask, **shared)
        prompts = detail_prompts(plans)
        config.num_return_sequences = 1
        shared |= {"assistant_model": assistant_model, "streamer": streamer}
        return self.detail.generate(prompts, config, attention_mask=_mask(prompts), **shared)

    def _settings(self, given: GenerationConfig | None, settings: dict[str, Any]) -> GenerationConfig:
        """Those of the call, then of the given config, then of the model's own."""
        config = _completed(given or GenerationConfig(), self.generation_config)
        said = {name: value for name, value in settings.items() if value is not None}
        own = {name: said.pop(name) for name in _UNSAID if name in said}
        config.update(**own, allow_custom_entries=True)
        if unknown := config.update(**said):
            raise RequestError(
                f"generate() of both stages together has no argument {', '.join(sorted(unknown))}; leave it out, or "
                "call generate() of planner and detail"
            )
        return config


def _mask(ids: torch.Tensor | None) -> torch.Tensor | None:
    return None if ids is None else (ids != PAD).long()
