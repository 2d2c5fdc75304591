"""Relative-position attention: how a score depends on the distance of two tokens is a choice of the config.

    score[h, i, j] = scaling * q_i . k_j + bias[h, i, j]        for j <= i

    kind            bias[h, i, j], or what is done to q and k instead
    table           table[h, min(i - j, max_rel_dist - 1)], learned
    fourier         sum over coordinates t and periods p of
                    a[h] * cos(2 pi (t_i - t_j) / p) + b[h] * sin(2 pi (t_i - t_j) / p), a and b learned
    rope            q and k are rotated by their slot (Su et al. 2021, "RoFormer")
    rotary          for each coordinate t and period p, one pair of numbers in q and k is rotated by 2 pi t / p; what is
                    left of their width knows no distances
    table+fourier, rope+fourier, rotary+fourier     both

Conventions
- Shapes: B batch, H heads, G heads of keys and values, D head width, L tokens, Q query tokens, K key tokens (cached
  ones too), P Fourier pairs.
- Each head of keys and values serves H / G consecutive heads of queries (Ainslie et al. 2023, "GQA"); the biases are
  those of the heads of queries.
- i and j count slots of the row, with padding. Only differences matter, and within one sequence the difference of two
  slots is the difference of two positions; so left padding, packing and a cache need no position ids to be right.
- A coordinate t is the token's slot, its bar, or its musical time in ticks (`coordinates_remi.py`).
- The Fourier bias is the product of further features, 2P of queries and 2P of keys, so that any kernel for plain
  attention computes it; the features of keys ride in the cache.

Two ways to the same numbers. With cached tokens, on an accelerator, under attention dropout or when asked for `eager`,
transformers' attention interface is called, with the table as a bias of [1, H, Q, K]; `eager` computes each bias as it
is defined. Otherwise each sequence of the batch goes through the fused causal kernel by itself, in blocks if there is a
table (`blockwise_remi.py`), and memory grows with L instead of L squared.

What is learned is read in its module's own `forward` alone: elsewhere it is not there when it is offloaded, or spread
over processes.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from transformers import PreTrainedConfig
from transformers.cache_utils import Cache
from transformers.masking_utils import create_causal_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from .attention_blockwise_remi import Span, blockwise_attention
from .attention_coordinates_remi import MusicalCoordinates
from .attention_rotation_remi import BIAS_GAIN, phases, rotation


class AttentionContext(NamedTuple):
    """What all layers of one forward pass share.

    Attributes:
        mask: As `create_causal_mask` makes it; None when `spans` says it all, or when plain causality does.
        spans: The sequences of the batch; None when attention has to go through `mask`.
        query_slots: [Q], the slots of the query tokens.
        rotation: Cosines and sines by which queries and keys are turned, [B or 1, 1, Q, D / 2] each.
        fourier: Coordinates and features of the kind's Fourier bias.
    """

    mask: torch.Tensor | None
    spans: tuple[Span, ...] | None
    query_slots: torch.Tensor
    rotation: tuple[torch.Tensor, torch.Tensor] | None
    fourier: FourierContext | None


class FourierContext(NamedTuple):
    """What the layers' Fourier biases share.

    Attributes:
        query: Coordinate -> its values at the query tokens, [B or 1, Q].
        key: Coordinate -> its values at all tokens, [B or 1, K].
        waves: Cosines and sines of the query tokens' phases, [B or 1, 1, Q, P] each.
    """

    query: dict[str, torch.Tensor]
    key: dict[str, torch.Tensor]
    waves: tuple[torch.Tensor, torch.Tensor]


class RelativePositionBias(nn.Module):
    """The table of the form `table`: one learned number per head and token distance."""

    def __init__(self, num_heads: int, max_rel_dist: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(num_heads, max_rel_dist))

    def forward(self) -> torch.Tensor:
        """The numbers that are added, [H, max_rel_dist]."""
        return BIAS_GAIN * self.weight

    reproduced_forward = forward


class FourierBias(nn.Module):
    """The amplitudes a and b of the form `fourier`, in the order of the config's periods."""

    def __init__(self, num_heads: int, num_pairs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, num_heads, num_pairs))

    def forward(self) -> torch.Tensor:
        """a and b, [2, H, P]."""
        return BIAS_GAIN * self.weight

    reproduced_forward = forward


class RelativeAttention(nn.Module):
    """Causal multi-head self-attention that knows distances in the way its config asks for.

    Attributes:
        num_key_value_groups: Heads of queries for each head of keys and values, as transformers' functions read it.
    """

    def __init__(self, config: PreTrainedConfig, layer_idx: int) -> None:
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.head_dim = config.head_dim
        self.scaling = self.head_dim**-0.5
        self.is_causal = True
        self.heads = (config.num_attention_heads, config.key_value_heads, config.key_value_heads)
        self.num_key_value_groups = config.num_attention_heads // config.key_value_heads
        self.qkv_proj = nn.Linear(config.hidden_size, sum(self.heads) * self.head_dim, bias=False)
        self.o_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        kind, heads = config.relative_attention, config.num_attention_heads
        self.position_bias = RelativePositionBias(heads, config.max_rel_dist) if "table" in kind else None
        pairs = sum(map(len, (config.fourier_periods or {}).values()))
        self.fourier_bias = FourierBias(heads, pairs) if "fourier" in kind else None

    def forward(
        self,
        hidden_states: torch.Tensor,
        context: AttentionContext,
        past_key_values: Cache | None = None,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """[B, Q, hidden] -> ([B, Q, hidden], attention weights [B, H, Q, K] from `eager`, else None)."""
        batch, length, width = hidden_states.shape
        heads = self.qkv_proj(hidden_states).view(batch, length, -1, self.head_dim).transpose(1, 2)
        query, key, value = heads.split(self.heads, dim=1)
        if context.rotation is not None:
            query, key = rotate(query, *context.rotation), rotate(key, *context.rotation)
        table = self.position_bias() if self.position_bias is not None else None
        amplitudes = self.fourier_bias() if self.fourier_bias is not None else None
        if amplitudes is not None and context.fourier is not None:
            query = append_features(query, query_features(amplitudes, context.fourier) / self.scaling)
            key = append_features(key, key_features(context.fourier))
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        if context.spans is None:
            attended, weights = self._attend_with_mask(query, key, value, table, amplitudes, context, **kwargs)
        else:
            attended, weights = self._attend_in_spans(query, key, value, table, context.spans), None
        if torch.compiler.is_exporting():  # ONNX's form of attention leaves other strides than the exported one
            attended = attended.clone(memory_format=torch.contiguous_format)
        return self.o_proj(attended.reshape(batch, length, width)), weights

    reproduced_forward = forward

    def _attend_in_spans(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        table: torch.Tensor | None,
        spans: tuple[Span, ...],
    ) -> torch.Tensor:
        if table is None:
            attended = span_attention(query, key, value, spans, self.scaling)
        else:
            key, value = (states.repeat_interleave(self.num_key_value_groups, dim=1) for states in (key, value))
            attended = blockwise_attention(query, key, value, table, spans, self.scaling)
        return attended.transpose(1, 2)

    def _attend_with_mask(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        table: torch.Tensor | None,
        amplitudes: torch.Tensor | None,
        context: AttentionContext,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        biases = []
        if table is not None:
            biases.append(table_bias(table, context.query_slots, key.shape[2]))
        if amplitudes is not None and context.fourier is not None:
            if self.config._attn_implementation == "eager":
                query, key = query[..., : self.head_dim], key[..., : self.head_dim]
                biases.append(fourier_bias(amplitudes, self.config.fourier_periods, context.fourier))
            else:
                value = F.pad(value, (0, key.shape[3] - self.head_dim))  # fused kernels want one width for all
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(self.config._attn_implementation, eager_attention)
        attended, weights = attend(
            self,
            query,
            key,
            value,
            context.mask,
            dropout=self.config.attention_dropout if self.training else 0.0,
            scaling=self.scaling,
            position_bias=sum(biases[1:], biases[0]).to(query.dtype) if biases else None,
            **kwargs,
        )
        return attended[..., : self.head_dim], weights


def table_bias(table: torch.Tensor, query_slots: torch.Tensor, key_length: int) -> torch.Tensor:
    """Bias of queries at `query_slots` to keys 0 to `key_length` by a table [H, max_rel_dist], [1, H, Q, K]; what is
    ahead has distance 0.
    """
    key_slots = torch.arange(key_length, device=query_slots.device)
    distances = (query_slots[:, None] - key_slots).clamp(0, table.shape[1] - 1)
    return table[:, distances][None]


def fourier_bias(amplitudes: torch.Tensor, periods: dict[str, list[int]], context: FourierContext) -> torch.Tensor:
    """The bias as it is defined, [B or 1, H, Q, K], by amplitudes [2, H, P] of these periods."""
    pairs = iter(amplitudes.unbind(-1))
    bias = torch.zeros((), device=amplitudes.device)
    for coordinate, numbers in periods.items():
        distances = context.query[coordinate][:, None, :, None] - context.key[coordinate][:, None, None]
        for period in numbers:
            angles = distances.remainder(period) * (2 * math.pi / period)
            cosine, sine = next(pairs)[:, :, None, None]
            bias = bias + cosine * angles.cos() + sine * angles.sin()
    return bias


def query_features(amplitudes: torch.Tensor, context: FourierContext) -> torch.Tensor:
    """Features [B or 1, H, Q, 2P] whose products with those of the keys are the bias by amplitudes [2, H, P]."""
    cosines, sines = context.waves
    a, b = amplitudes[:, :, None]
    return torch.cat([a * cosines + b * sines, a * sines - b * cosines], dim=-1)


def key_features(context: FourierContext) -> torch.Tensor:
    """Features [B or 1, 1, Q, 2P], the same for all layers and heads."""
    return torch.cat(context.waves, dim=-1)


def append_features(states: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """[B, H, Q, D] and [B or 1, H or 1, Q, 2P] -> [B, H, Q, D + 2P]."""
    return torch.cat([states, features.to(states.dtype).expand(*states.shape[:3], -1)], dim=-1)


def rotate(states: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    """Turn the pairs (d, d + D / 2) of [B, H, Q, D] by angles whose cosines and sines are [B or 1, 1, Q, D / 2]."""
    first, second = states.chunk(2, dim=-1)
    cosines, sines = cosines.to(states.dtype), sines.to(states.dtype)
    return torch.cat([first * cosines - second * sines, second * cosines + first * sines], dim=-1)


def attention_context(
    config: PreTrainedConfig,
    inputs_embeds: torch.Tensor,
    attention_mask: torch.Tensor | None,
    position_ids: torch.Tensor | None,
    past_key_values: Cache | None,
    training: bool,
    coordinates: MusicalCoordinates | None = None,
) -> AttentionContext:
    """Choose the way for one forward pass over [B, Q, hidden] embeddings, and prepare what all its layers share."""
    length = inputs_embeds.shape[1]
    past = past_key_values.get_seq_length() if past_key_values is not None else 0
    key_length = past_key_values.get_mask_sizes(length, 0)[0] if past_key_values is not None else length
    query_slots = torch.arange(length, device=inputs_embeds.device) + past
    query, key = coordinates if coordinates is not None else ({}, {})
    query = query | {"token": query_slots[None]}
    key = key | {"token": torch.arange(key_length, device=query_slots.device)[None]}
    turns = rotation(config, query)
    fourier = fourier_context(config.fourier_periods, query, key) if config.fourier_periods else None
    if config.fourier_periods and past_key_values is not None:
        _complete_keys(past_key_values, config, key)
    spans = mask = None
    if key_length == length and _spans_apply(config, inputs_embeds, training):
        spans = _spans(inputs_embeds.shape[0], length, attention_mask, position_ids)
    if spans is None:
        mask = create_causal_mask(
            config=config,
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            past_key_values=past_key_values,
            position_ids=position_ids,
        )
    return AttentionContext(mask, spans, query_slots, turns, fourier)


def fourier_context(
    periods: dict[str, list[int]], query: dict[str, torch.Tensor], key: dict[str, torch.Tensor]
) -> FourierContext:
    """What the layers' Fourier biases share, from the coordinates of the query tokens and of all tokens."""
    angles = phases(periods, query)[:, None]
    return FourierContext(query, key, (angles.cos(), angles.sin()))


def _complete_keys(cache: Cache, config: PreTrainedConfig, coordinates: dict[str, torch.Tensor]) -> None:
    """Give keys that others have put into the cache, as PEFT's prefixes are, the features of their coordinates."""
    for layer in cache.layers[: config.num_hidden_layers]:
        if layer.is_initialized and layer.keys.shape[-1] == config.head_dim:
            past = {name: values[:, : layer.keys.shape[2]] for name, values in coordinates.items()}
            layer.keys = append_features(layer.keys, key_features(fourier_context(config.fourier_periods, past, past)))


def _spans_apply(config: PreTrainedConfig, inputs_embeds: torch.Tensor, training: bool) -> bool:
    return (
        inputs_embeds.shape[1] > 1
        and config._attn_implementation == "sdpa"
        and inputs_embeds.device.type == "cpu"
        and not (training and config.attention_dropout)
        and not torch.compiler.is_compiling()
    )


def _spans(
    batch: int, length: int, attention_mask: torch.Tensor | None, position_ids: torch.Tensor | None
) -> tuple[Span, ...] | None:
    """The sequences of a batch; None when the mask is not made of one run of real tokens a row."""
    if attention_mask is not None:
        return _spans_of_mask(attention_mask) if attention_mask.dim() == 2 else None
    if position_ids is None or not is_packed(position_ids):
        return ((slice(None), 0, length),)
    rows = position_ids.expand(batch, -1)
    starts = [[0, *(1 + (row.diff() != 1).nonzero()[:, 0]).tolist()] for row in rows]
    return tuple(
        (slice(row, row + 1), start, stop)
        for row, row_starts in enumerate(starts)
        for start, stop in zip(row_starts, [*row_starts[1:], length], strict=True)
    )


def _spans_of_mask(attention_mask: torch.Tensor) -> tuple[Span, ...] | None:
    real = attention_mask.bool()
    if real.all():
        return ((slice(None), 0, real.shape[1]),)
    counts = real.sum(1).tolist()
    starts = real.int().argmax(1).tolist()
    if any(
        not real[row, start : start + count].all()
        for row, (start, count) in enumerate(zip(starts, counts, strict=True))
    ):
        return None
    return tuple(
        (slice(row, row + 1), start, start + count)
        for row, (start, count) in enumerate(zip(starts, counts, strict=True))
    )


def is_packed(position_ids: torch.Tensor) -> bool:
    """Whether a row of [B, L] position ids holds several sequences: the ids start again, as transformers has it."""
    return bool((position_ids.diff(dim=-1) != 1).any())


def holds_packed_rows(attention_mask: torch.Tensor | None, position_ids: torch.Tensor | None) -> bool:
    """Whether rows are packed. Such rows are never continued, and with a cache transformers would not mask them."""
    return (
        attention_mask is None
        and position_ids is not None
        and not torch.compiler.is_compiling()
        and is_packed(position_ids)
    )


def eager_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    position_bias: torch.Tensor | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The definition, step by step: queries [B, H, Q, D], keys and values [B, G, K, D] -> ([B, Q, H, D], weights
    [B, H, Q, K]); oracle of the other forms.
    """
    key, value = (states.repeat_interleave(query.shape[1] // key.shape[1], dim=1) for states in (key, value))
    scores = query @ key.transpose(2, 3) * scaling
    for term in (position_bias, attention_mask):
        if term is not None:
            scores = scores + term
    weights = F.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
    weights = F.dropout(weights, p=dropout, training=module.training)
    return (weights @ value).transpose(1, 2).contiguous(), weights


def span_attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, spans: tuple[Span, ...], scaling: float
) -> torch.Tensor:
    """Plain causal attention within `spans`, elsewhere 0: queries [B, H, L, D], keys [B, G, L, D], values
    [B, G, L, D'] -> [B, H, L, D'], D' being at most D.
    """
    length, width = value.shape[2:]
    value = F.pad(value, (0, query.shape[3] - width))  # the fused kernel wants one width for all
    attend = partial(F.scaled_dot_product_attention, is_causal=True, scale=scaling, enable_gqa=True)
    if spans == ((slice(None), 0, length),):
        return attend(query, key, value)[..., :width]
    rows = []
    for row, states in enumerate(zip(query, key, value, strict=True)):
        sizes, are_real = _pieces([span[1:] for span in spans if span[0].start == row], length)
        pieces = zip(*(state.split(sizes, dim=1) for state in states), are_real, strict=True)
        attended = [
            attend(q[None], k[None], v[None])[0] if is_real else torch.zeros_like(q) for q, k, v, is_real in pieces
        ]
        rows.append(torch.cat(attended, dim=1))
    return torch.stack(rows)[..., :width]


def _pieces(spans: list[tuple[int, int]], length: int) -> tuple[list[int], list[bool]]:
    """Sizes of the sequences and gaps that make up a row, in order, and which of them are sequences."""
    sizes, are_real, end = [], [], 0
    for start, stop in (*spans, (length, length)):
        for size, is_real in ((start - end, False), (stop - start, True)):
            if size:
                sizes.append(size)
                are_real.append(is_real)
        end = stop
    return sizes, are_real
