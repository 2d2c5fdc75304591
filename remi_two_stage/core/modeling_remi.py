"""The two stages as transformers models over one backbone, and the model that holds both.

    RelativeTransformerDecoder      pre-norm decoder, relative-position attention in every layer
    ├── BarPlannerModel             causal LM over bar headers with their chords
    ├── DetailGeneratorModel        causal LM over plan and notes, or over full sequences alone
    └── (both) TwoStageModel        one config, one safetensors file

Conventions
- Shapes: B batch, L tokens, V vocabulary. Labels are the input ids, -100 where no loss is wanted; the shift is inside.
- Packing: `position_ids` that start again at 0, and no `attention_mask`, put several sequences in one row; none sees
  another. The first label of each is to be -100. Padding: right in training, left in generation.
- `reproduced_forward` is the forward that decoding reproduces from the weights (`decoding_backbone_remi`); a class that
  has another one is left to transformers' loop (`decoding_weights_remi.is_plain`).
- Weights are read from safetensors alone. A folder that lacks some of what its config says, or is of another kind,
  raises (`checkpoint_remi`). `save_pretrained` writes a repository: code, tokenizer, pipeline, a folder for each stage.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
import transformers
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel, initialization
from transformers.cache_utils import Cache, DynamicCache
from transformers.modeling_layers import GenericForSequenceClassification, GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from transformers.utils import ModelOutput, can_return_tuple
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

from .attention_coordinates_remi import BarReader, ids_of
from .attention_remi import (
    AttentionContext,
    FourierBias,
    RelativeAttention,
    RelativePositionBias,
    attention_context,
    holds_packed_rows,
)
from .checkpoint_remi import CheckedLoading, StageOfBoth
from .configuration_remi import BarPlannerConfig, DetailGeneratorConfig, RelativeTransformerConfig, TwoStageConfig
from .configuration_remi import register_auto_classes as register_auto_configs
from .errors import IdlePlannerWarning, RequestError
from .generation_remi import GrammarGenerationMixin, TwoStageGenerationMixin
from .grammar import SequenceKind
from .pipeline_remi import register_pipeline
from .repository_remi import SavedWithCode, TwoStageSaving
from .vocabulary import AFTER, CONTEXT


class FeedForward(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """[B, L, hidden] -> [B, L, hidden]."""
        return self.down_proj(F.gelu(self.up_proj(hidden_states), approximate="tanh"))

    reproduced_forward = forward


class RelativeDecoderLayer(GradientCheckpointingLayer):
    """Attention, then feed-forward, each on the normalised input and added to the residual stream."""

    reproduced_forward: ClassVar[Callable[..., torch.Tensor]]

    def __init__(self, config: PreTrainedConfig, layer_idx: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attention = RelativeAttention(config, layer_idx)
        self.feed_forward_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.feed_forward = FeedForward(config)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(
        self,
        hidden_states: torch.Tensor,
        context: AttentionContext,
        past_key_values: Cache | None = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        """[B, L, hidden] -> [B, L, hidden]."""
        attended, _ = self.attention(self.attention_norm(hidden_states), context, past_key_values, **kwargs)
        hidden_states = hidden_states + self.dropout(attended)
        return hidden_states + self.dropout(self.feed_forward(self.feed_forward_norm(hidden_states)))


RelativeDecoderLayer.reproduced_forward = RelativeDecoderLayer.forward  # transformers has wrapped it


class RemiPreTrainedModel(SavedWithCode, CheckedLoading, PreTrainedModel):
    """What all models here share: flags, initial weights, and loading that never leaves a weight random."""

    config: RelativeTransformerConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules: ClassVar[list[str]] = ["RelativeDecoderLayer"]
    _skip_keys_device_placement: ClassVar[list[str]] = ["past_key_values"]
    _supports_flash_attn = False
    _supports_sdpa = True
    _supports_flex_attn = False
    _supports_attention_backend = True
    _can_compile_fullgraph = True
    _can_record_outputs: ClassVar[dict[str, type[nn.Module]]] = {
        "hidden_states": RelativeDecoderLayer,
        "attentions": RelativeAttention,
    }

    def _init_weights(self, module: nn.Module) -> None:
        """GPT-2's scheme: what writes to the residual stream starts smaller, by the root of the number of writers."""
        super()._init_weights(module)
        if isinstance(module, RelativePositionBias | FourierBias):
            initialization.zeros_(module.weight)
        elif isinstance(module, BarReader):
            initialization.copy_(module.token_table, module.make_token_table())
        elif isinstance(module, RelativeDecoderLayer):
            config = module.attention.config
            std = config.initializer_range / math.sqrt(2 * config.num_hidden_layers)
            initialization.normal_(module.attention.o_proj.weight, mean=0.0, std=std)
            initialization.normal_(module.feed_forward.down_proj.weight, mean=0.0, std=std)


class RelativeTransformerDecoder(RemiPreTrainedModel):
    """The backbone: embedding, layers, final norm; no head. Its config is that of either stage."""

    def __init__(self, config: RelativeTransformerConfig) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size, config.pad_token_id)
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.layers = nn.ModuleList(RelativeDecoderLayer(config, index) for index in range(config.num_hidden_layers))
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.bar_reader = BarReader(config.bar_tokens) if config.bar_tokens else None
        self.gradient_checkpointing = False
        self.post_init()

    @merge_with_config_defaults
    @capture_outputs
    def forward(
        self,
        input_ids: torch.LongTensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.LongTensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.FloatTensor | None = None,
        use_cache: bool | None = None,
        coordinate_ids: torch.LongTensor | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """[B, L] token ids, or [B, L, hidden] embeddings in their place -> hidden states [B, L, hidden].

        Args:
            attention_mask: [B, tokens so far], 1 for real tokens; None when all are.
            position_ids: [B, L]; read for packing alone (see the module's conventions).
            past_key_values: Keys and values of the tokens so far; grows by L.
            coordinate_ids: [B, up to L], read for bars and musical time where `inputs_embeds` are given: the ids that
                the last embeddings stand for, `<PAD>` where they stand for none. Embeddings before them stand for none.
                Where it is not given, embeddings that are those of tokens stand for these.

        Raises:
            RequestError: both or neither of ids and embeddings were given, or embeddings of no token without
                `coordinate_ids` where attention measures distances in bars or musical time.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise RequestError("forward got both or neither of input_ids and inputs_embeds; give one of them")
        layers = self.layers[: self.config.num_hidden_layers]  # fewer than there are while drafts exit early
        embeddings = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        read_ids: torch.Tensor | None = input_ids
        if input_ids is None and coordinate_ids is not None:
            read_ids = F.pad(coordinate_ids, (embeddings.shape[1] - coordinate_ids.shape[1], 0))
        if use_cache and past_key_values is None and not holds_packed_rows(attention_mask, position_ids):
            past_key_values = DynamicCache(config=self.config)
        coordinates = None
        if self.bar_reader is not None:
            if read_ids is None:
                every = torch.arange(self.config.vocab_size, device=embeddings.device)
                read_ids = ids_of(embeddings, self.embed_tokens(every))
                if not torch.compiler.is_compiling() and not read_ids.any():
                    raise RequestError(
                        f"forward got inputs_embeds of no token, and relative_attention "
                        f"{self.config.relative_attention!r} measures in bars and time; give coordinate_ids, the ids "
                        "that the embeddings stand for"
                    )
            coordinates = self.bar_reader(read_ids, attention_mask, position_ids, past_key_values, len(layers))
        context = attention_context(
            self.config, embeddings, attention_mask, position_ids, past_key_values, self.training, coordinates
        )
        hidden_states = self.dropout(embeddings)
        for layer in layers:
            hidden_states = layer(hidden_states, context=context, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=self.norm(hidden_states), past_key_values=past_key_values)

    reproduced_forward = forward


class BarPlannerBackbone(RelativeTransformerDecoder):
    """The planner without its head."""

    config: BarPlannerConfig


class DetailGeneratorBackbone(RelativeTransformerDecoder):
    """The detail generator without its head."""

    config: DetailGeneratorConfig


class _StageForSequenceClassification(GenericForSequenceClassification, RemiPreTrainedModel):
    """A backbone with a linear layer on the last token's hidden state: logits [B, `num_labels`]."""

    def __init__(self, config: RelativeTransformerConfig) -> None:
        PreTrainedModel.__init__(self, config)  # not the class before it, which asks AutoModel for the backbone
        self.num_labels = config.num_labels
        self.model = RelativeTransformerDecoder(config)
        self.score = nn.Linear(config.hidden_size, config.num_labels, bias=False)
        self.post_init()


class BarPlannerForSequenceClassification(_StageForSequenceClassification):
    """Labels plans, or what else is written in tokens."""

    config: BarPlannerConfig


class DetailGeneratorForSequenceClassification(_StageForSequenceClassification):
    """Labels whole pieces, or what else is written in tokens."""

    config: DetailGeneratorConfig


class _CausalStage(RemiPreTrainedModel, GrammarGenerationMixin):
    """A backbone with a language-model head that shares the embedding's weight."""

    _tied_weights_keys: ClassVar[dict[str, str]] = {"lm_head.weight": "model.embed_tokens.weight"}

    def __init__(self, config: RelativeTransformerConfig) -> None:
        super().__init__(config)
        self.model = RelativeTransformerDecoder(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.loss_type = "ForCausalLM"
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.LongTensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.LongTensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.FloatTensor | None = None,
        labels: torch.LongTensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        coordinate_ids: torch.LongTensor | None = None,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """[B, L] token ids -> logits [B, L, V], and with `labels` [B, L] the mean loss in nats a token.

        Args:
            logits_to_keep: Only the last so many positions, or those with these indices; 0 is all.
            coordinate_ids: As in the backbone, for prompts that are learnt as `inputs_embeds`.
            **kwargs: `num_items_in_batch` divides the summed loss in place of this batch's own count of labels.
        """
        outputs = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            coordinate_ids=coordinate_ids,
            **kwargs,
        )
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(outputs.last_hidden_state[:, kept])
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.vocab_size, **kwargs)
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )

    reproduced_forward = forward


class BarPlannerModel(_CausalStage):
    """Stage 1: writes the plan, bar headers with their chords."""

    config: BarPlannerConfig

    def kind_of_prompt(self, ids: Sequence[int]) -> SequenceKind:
        """A plan; that of a given voice after `<Context>`."""
        return "melody" if CONTEXT in ids else "plan"


class DetailGeneratorModel(_CausalStage):
    """Stage 2: reads the whole plan, then writes the notes."""

    config: DetailGeneratorConfig

    def kind_of_prompt(self, ids: Sequence[int]) -> SequenceKind:
        """Notes over a plan, after `<After>` before notes that are given; without a plan where the config has none."""
        if AFTER in ids:
            return "infilling"
        return "detail" if self.config.has_plan else "full"


@dataclass
class TwoStageOutput(ModelOutput):
    """Losses in nats a token, logits [B, L, V]; None for a stage that was not run.

    Attributes:
        loss: The sum of the losses there are.
        hidden_states: Of the detail generator, when requested; `plan_hidden_states` of the planner.
        attentions: Of the detail generator, when requested; `plan_attentions` of the planner.
    """

    loss: torch.FloatTensor | None = None
    plan_loss: torch.FloatTensor | None = None
    detail_loss: torch.FloatTensor | None = None
    plan_logits: torch.FloatTensor | None = None
    logits: torch.FloatTensor | None = None
    plan_hidden_states: tuple[torch.FloatTensor, ...] | None = None
    hidden_states: tuple[torch.FloatTensor, ...] | None = None
    plan_attentions: tuple[torch.FloatTensor, ...] | None = None
    attentions: tuple[torch.FloatTensor, ...] | None = None


class TwoStageModel(TwoStageSaving, RemiPreTrainedModel, TwoStageGenerationMixin):
    """Both stages: `planner`, a `BarPlannerModel`, and `detail`, a `DetailGeneratorModel`."""

    config: TwoStageConfig
    base_model_prefix = ""

    def __init__(self, config: TwoStageConfig) -> None:
        super().__init__(config)
        self.planner = BarPlannerModel(config.planner_config)
        self.detail = DetailGeneratorModel(config.detail_config)
        self.loss_type = "ForCausalLM"
        self.post_init()

    @classmethod
    def from_stages(cls, planner: BarPlannerModel, detail: DetailGeneratorModel) -> Self:
        """Join two trained stages; their modules are taken over, not copied."""
        with torch.device("meta"):  # these weights are replaced at once
            model = cls(TwoStageConfig(planner_config=planner.config, detail_config=detail.config))
        model.planner, model.detail = planner, detail
        return model

    @can_return_tuple
    def forward(
        self,
        plan_input_ids: torch.LongTensor | None = None,
        plan_labels: torch.LongTensor | None = None,
        input_ids: torch.LongTensor | None = None,
        labels: torch.LongTensor | None = None,
        plan_attention_mask: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        plan_position_ids: torch.LongTensor | None = None,
        position_ids: torch.LongTensor | None = None,
        **kwargs: Any,
    ) -> TwoStageOutput:
        """Run the planner on `plan_input_ids` [B, L], the detail generator on `input_ids` [B', L'], or both.

        Args:
            **kwargs: For the detail generator, but that `output_attentions` and `output_hidden_states` hold for both.
                `num_items_in_batch` counts `labels` over all accumulated batches; the planner's mean is weighted by
                this batch's share of them, so that the steps add up.

        Warns:
            IdlePlannerWarning: In training, the loss is one of the detail generator alone.
        """
        if plan_input_ids is None and input_ids is None:
            raise RequestError("forward got neither plan_input_ids nor input_ids; give one of them or both")
        if self.training and input_ids is not None:
            self._warn_of_idle_planner(plan_input_ids, plan_labels, labels)
        plan = detail = None
        if plan_input_ids is not None:
            asked = {name: kwargs[name] for name in ("output_attentions", "output_hidden_states") if name in kwargs}
            plan = self.planner(
                plan_input_ids, plan_attention_mask, plan_position_ids, labels=plan_labels, use_cache=False, **asked
            )
        if input_ids is not None:
            detail = self.detail(input_ids, attention_mask, position_ids, labels=labels, use_cache=False, **kwargs)
        plan, detail = plan or CausalLMOutputWithPast(), detail or CausalLMOutputWithPast()
        plan_loss = plan.loss
        if plan_loss is not None and labels is not None and kwargs.get("num_items_in_batch") is not None:
            plan_loss = plan_loss * ((labels[:, 1:] != -100).sum() / kwargs["num_items_in_batch"])
        losses = [loss for loss in (plan_loss, detail.loss) if loss is not None]
        return TwoStageOutput(
            loss=sum(losses[1:], losses[0]) if losses else None,
            plan_loss=plan_loss,
            detail_loss=detail.loss,
            plan_logits=plan.logits,
            logits=detail.logits,
            plan_hidden_states=plan.hidden_states,
            hidden_states=detail.hidden_states,
            plan_attentions=plan.attentions,
            attentions=detail.attentions,
        )

    def _warn_of_idle_planner(self, *given: torch.Tensor | None) -> None:
        """Whoever gives no labels makes a loss of the logits: Trainer, which takes `labels` away for label smoothing,
        one of the detail generator's alone.
        """
        has_plan, has_plan_labels, has_labels = (tensor is not None for tensor in given)
        is_planner_trained = any(weight.requires_grad for weight in self.planner.parameters())
        if not is_planner_trained or (has_plan and has_plan_labels == has_labels):
            return
        lacking = "labels is not given (label smoothing takes it)"
        if not has_plan_labels:
            lacking = f"{'plan_labels' if has_plan else 'plan_input_ids'} is not given"
        warnings.warn(
            f"the planner learns nothing: {lacking}; train each stage by itself, or give plan_input_ids, plan_labels, "
            "input_ids and labels and leave label smoothing out",
            IdlePlannerWarning,
            stacklevel=3,
        )

    @property
    def vocab_size(self) -> int:
        """Tokens in the vocabulary that both stages share."""
        return int(self.config.vocab_size)

    def get_input_embeddings(self) -> nn.Module:
        """The detail generator's; the planner has its own."""
        return self.detail.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Set the detail generator's."""
        self.detail.set_input_embeddings(value)

    def resize_token_embeddings(
        self, new_num_tokens: int | None = None, pad_to_multiple_of: int | None = None, mean_resizing: bool = True
    ) -> nn.Embedding:
        """As in transformers, for both stages; returns the detail generator's embedding."""
        self.planner.resize_token_embeddings(new_num_tokens, pad_to_multiple_of, mean_resizing)
        return self.detail.resize_token_embeddings(new_num_tokens, pad_to_multiple_of, mean_resizing)


class TwoStageForCausalLM(StageOfBoth, DetailGeneratorModel):
    """The detail generator of a repository of both stages, where no `subfolder` can be given."""

    config: TwoStageConfig
    stage_class = DetailGeneratorModel


class TwoStageForSequenceClassification(StageOfBoth, DetailGeneratorForSequenceClassification):
    """The detail generator of a repository of both stages, with the head that labels pieces."""

    config: TwoStageConfig
    stage_class = DetailGeneratorForSequenceClassification


# By these names Trainer knows that the labels are to be shifted, which it does itself for label smoothing.
MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.update(
    {model.config_class.model_type: model.__name__ for model in (BarPlannerModel, DetailGeneratorModel, TwoStageModel)}
)
SavedWithCode.auto_classes = {
    "BarPlannerConfig": {
        "AutoModel": BarPlannerBackbone,
        "AutoModelForCausalLM": BarPlannerModel,
        "AutoModelForSequenceClassification": BarPlannerForSequenceClassification,
    },
    "DetailGeneratorConfig": {
        "AutoModel": DetailGeneratorBackbone,
        "AutoModelForCausalLM": DetailGeneratorModel,
        "AutoModelForSequenceClassification": DetailGeneratorForSequenceClassification,
    },
    "TwoStageConfig": {
        "AutoModel": TwoStageModel,
        "AutoModelForCausalLM": TwoStageForCausalLM,
        "AutoModelForSequenceClassification": TwoStageForSequenceClassification,
    },
}


def register_auto_classes() -> None:
    """Make the models known to transformers' Auto classes, and travel with their code when saved."""
    register_auto_configs()
    register_pipeline()
    for kinds in SavedWithCode.auto_classes.values():
        for auto, kind in kinds.items():
            getattr(transformers, auto).register(kind.config_class, kind, exist_ok=True)
            kind.register_for_auto_class(auto)
