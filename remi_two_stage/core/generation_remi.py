"""Decoding that is locked to the grammar: what `generate()` of the models adds to transformers' own, by its hooks.

A logits processor follows every row of the batch with a `Grammar` and leaves only what may come next. Its state is
recomputed from the ids whenever a row is not the one seen before plus one token, so beams and batches cannot mix it up.
A second one, behind all others, sees to it that they have not undone the first, and that they have left it something.

Settings are transformers': those of the call, then of the given generation config, then of the model's own, which is
read from `generation_config.json`. `grammar` is one more of them.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from transformers import (
    EosTokenCriteria,
    GenerationConfig,
    GenerationMixin,
    LogitsProcessor,
    LogitsProcessorList,
    MaxLengthCriteria,
    StoppingCriteriaList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from .counterpoint import Counterpoint
from .counterpoint_reader import VoiceLeading, leading_after
from .decoding_remi import Start, decode_rows, read_prompt, row_seeds
from .decoding_weights_remi import is_plain
from .errors import GrammarError, RequestError
from .grammar import Grammar, SequenceKind
from .plan_harmony import PlanHarmony
from .sampling import Sampling
from .stop_strings_remi import StopsAtText
from .vocabulary import DETAIL, EOS, PAD, token_names

MAX_NEW_TOKENS = 1 << 16
"""The grammar ends every piece by itself; this only bounds what `generate()` may be asked for without a limit of its
own.
"""

_WARPERS = {TemperatureLogitsWarper: "temperature", TopKLogitsWarper: "top_k", TopPLogitsWarper: "top_p"}
"""What `Sampling` does, in the order in which it and transformers do it."""
_SHOWN = ("scores", "logits", "attentions", "hidden_states")
_OWN_SETTINGS = ("grammar", "counterpoint")
_OF_THE_RESULT = (
    "return_dict_in_generate",
    "output_scores",
    "output_logits",
    "output_attentions",
    "output_hidden_states",
)


class GrammarLogitsProcessor(LogitsProcessor):
    """Gives every token that the grammar does not allow next the score minus infinity, and takes from the scores of
    notes what they cost by the rules of counterpoint.

    Args:
        kinds: For each prompt, the kind that its sequence has.
        prompts: The given tokens, [B, L], left-padded; what follows them is composed and held to the grammar's
            strict rules.
        counterpoint: How the rules of counterpoint weigh; what a note costs is taken from its score.

    Attributes:
        forbidden: Of the last step, what may not come next, [B * beams, V].
        ended: Of the last step, the rows that had come to their end.

    Raises:
        GrammarError: a prompt is not the beginning of such a sequence; the message names the position.
    """

    def __init__(
        self, kinds: Sequence[SequenceKind], prompts: torch.Tensor, counterpoint: Counterpoint = "soft"
    ) -> None:
        self.kinds = kinds
        self.counterpoint = counterpoint
        self._prompts = [_unpadded(ids) for ids in prompts.tolist()]
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
        """[B * beams, L] ids so far and [B * beams, V] scores -> the scores less what notes cost, with what may not
        come next at minus infinity.
        """
        copies = len(input_ids) // len(self._prompts)
        rows = list(map(_unpadded, input_ids.tolist()))
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
            for token in () if followed.grammar.is_finished else ids[len(followed.ids) :]:
                followed.advance(token)
            followed.ids = ids
        except GrammarError:
            return None
        return followed

    def _read(self, prompt: int, ids: list[int]) -> _Followed:
        kind = self.kinds[prompt]
        grammar = Grammar(kind, len(self._prompts[prompt]))
        followed = _Followed(ids, grammar, leading_after(self.counterpoint, kind, ()))
        for token in ids:
            if grammar.is_finished and token in (PAD, EOS):
                break
            followed.advance(token)
        return followed


@dataclass(slots=True)
class _Followed:
    """A row as it has been read."""

    ids: list[int]
    grammar: Grammar
    leading: VoiceLeading | PlanHarmony | None

    def advance(self, token: int) -> None:
        self.grammar.advance(token)
        if self.leading is not None:
            self.leading.advance(token)

    def costs(self) -> Iterator[tuple[range, list[float]]]:
        """What the tokens of each range cost that may come next; nothing where no note is chosen."""
        choice = [ids for ids in self.grammar.allowed if ids]
        costs = self.leading.costs(choice) if self.leading is not None else None
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
            f"the settings forbid all that the grammar allows as token {len(_unpadded(ids))} of row {prompt}: "
            f"{', '.join(shown)}"
            f"{f' and {rest} more' if rest else ''}; change bad_words_ids, min_new_tokens, logits_processor or the "
            "like, or give grammar=False"
        )


def _unpadded(ids: list[int]) -> list[int]:
    """The ids without the padding on their left."""
    start = next((index for index, token in enumerate(ids) if token != PAD), len(ids))
    return ids[start:]


class GrammarGenerationMixin(StopsAtText, GenerationMixin):
    """transformers' `generate()`, locked to the grammar unless the setting `grammar` is False.

    The sequences begin with the prompts `inputs` (or `input_ids`), [B, L], left-padded. Two settings are added, of the
    call or of a generation config:

        grammar       whether to hold to the grammar; True where nothing is said
        counterpoint  "strict", "soft" or "off", as in `Sampling`; "soft" where nothing is said

    A prompt that is not the beginning of a sequence of this stage raises a `GrammarError` that names the position.
    Without a limit, a sequence continues to the end that the grammar gives it.

    Plain requests, greedy or sampling with temperature, top_k and top_p, are decoded by `decode_rows`, which is several
    times as fast; greedily both ways lead to the same tokens. All others (beams, caches, processors, streamers, scores
    and so on), and models that are more than their weights, go through transformers' loop with the grammar. Samples
    follow torch's random state either way, but not with the same numbers: transformers draws for forced tokens too, and
    for all rows from one stream. Both are of the model alone: `repetition` and `rhythm_temperature` of `Sampling` are
    for `Composer` and the pipeline.
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
        **kwargs: Any,
    ) -> tuple[GenerationConfig, dict[str, Any]]:
        config, model_kwargs = super()._prepare_generation_config(generation_config, **kwargs)
        said = {"grammar": grammar, "counterpoint": counterpoint}
        config.update(**{name: value for name, value in said.items() if value is not None}, allow_custom_entries=True)
        config.update(grammar=True, counterpoint="soft", defaults_only=True, allow_custom_entries=True)
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
        grammar = GrammarLogitsProcessor(kinds, encoder_input_ids, generation_config.counterpoint)
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
        for row, (ids, seed) in enumerate(zip(map(_unpadded, input_ids.tolist()), seeds, strict=True)):
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
        return None if kinds else Sampling(greedy=True, counterpoint=config.counterpoint)
    if kinds != [kind for kind in _WARPERS if kind in kinds]:
        return None
    settings: dict[str, Any] = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "repetition": 0.0}
    for kind, warper in zip(kinds, processors[1:-1], strict=True):
        settings[_WARPERS[kind]] = value = getattr(warper, _WARPERS[kind])
        if vars(warper) != vars(kind(value)):  # one of the call's own, made in another way
            return None
    return Sampling(**settings, counterpoint=config.counterpoint)


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
    for ids in map(_unpadded, plans.tolist()):
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
        own = {name: said.pop(name) for name in _OWN_SETTINGS if name in said}
        config.update(**own, allow_custom_entries=True)
        if unknown := config.update(**said):
            raise RequestError(
                f"generate() of both stages together has no argument {', '.join(sorted(unknown))}; leave it out, or "
                "call generate() of planner and detail"
            )
        return config


def _mask(ids: torch.Tensor | None) -> torch.Tensor | None:
    return None if ids is None else (ids != PAD).long()
