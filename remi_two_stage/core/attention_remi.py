"""Relative-position attention, the form `table`: a learned bias per head and clipped token distance.

    score[h, i, j] = scaling * q_i . k_j + table[h, min(i - j, max_rel_dist - 1)]        for j <= i

Conventions
- Shapes: B batch, H heads, D head width, L tokens, Q query tokens, K key tokens (cached ones included).
- i and j count slots of the row, with padding. Only differences matter, and within one sequence the difference of two
  slots is the difference of two positions; so left padding, packing and a cache need no position ids to be right.
- A span is (rows, start, stop): tokens start to stop of these batch rows are one sequence that sees nothing outside it.

Two ways to the same numbers. With cached tokens, on an accelerator, under attention dropout or when asked for `eager`,
the bias is materialised as [1, H, Q, K] and handed to transformers' attention interface. Otherwise
`blockwise_attention` runs: blocks of query rows in reversed order, for which the bias of a block, causal mask included,
is a view of a [H, 2L] tensor that the fused kernel takes as its mask; the backward pass recomputes each block. It is
exact, and memory grows with L instead of L squared.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.function import once_differentiable
from transformers import PreTrainedConfig
from transformers.cache_utils import Cache
from transformers.masking_utils import create_causal_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

BLOCK_LENGTH = 64
"""Query rows of a block: enough for the matrix products, few enough for what they make to stay in the cache."""

Span = tuple[slice, int, int]


class AttentionContext(NamedTuple):
    """What all layers of one forward pass share.

    Attributes:
        mask: As `create_causal_mask` makes it; None when `spans` says it all, or when plain causality does.
        spans: The sequences of the batch; None when attention has to go through `mask`.
        query_slots: [Q], the slots of the query tokens.
    """

    mask: torch.Tensor | None
    spans: tuple[Span, ...] | None
    query_slots: torch.Tensor


class RelativePositionBias(nn.Module):
    """The table of the form `table`: one learned number per head and token distance, [H, max_rel_dist]."""

    def __init__(self, num_heads: int, max_rel_dist: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(num_heads, max_rel_dist))

    def forward(self, query_slots: torch.Tensor, key_length: int) -> torch.Tensor:
        """Bias of queries at `query_slots` to keys 0 to `key_length`, [1, H, Q, K]; what is ahead has distance 0."""
        key_slots = torch.arange(key_length, device=query_slots.device)
        distances = (query_slots[:, None] - key_slots).clamp(0, self.table.shape[1] - 1)
        return self.table[:, distances][None]


class RelativeAttention(nn.Module):
    """Causal multi-head self-attention with a learned bias per head and distance."""

    def __init__(self, config: PreTrainedConfig, layer_idx: int) -> None:
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.head_dim = config.hidden_size // config.num_attention_heads
        self.scaling = self.head_dim**-0.5
        self.is_causal = True
        self.qkv_proj = nn.Linear(config.hidden_size, 3 * config.hidden_size, bias=False)
        self.o_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.position_bias = RelativePositionBias(config.num_attention_heads, config.max_rel_dist)

    def forward(
        self,
        hidden_states: torch.Tensor,
        context: AttentionContext,
        past_key_values: Cache | None = None,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """[B, Q, hidden] -> ([B, Q, hidden], attention weights [B, H, Q, K] from `eager`, else None)."""
        batch, length, width = hidden_states.shape
        heads = self.qkv_proj(hidden_states).view(batch, length, 3, -1, self.head_dim).permute(2, 0, 3, 1, 4)
        query, key, value = heads.unbind(0)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        weights = None
        if context.spans is not None:
            attended = blockwise_attention(
                query, key, value, self.position_bias.table, context.spans, self.scaling
            ).transpose(1, 2)
        else:
            attend = ALL_ATTENTION_FUNCTIONS.get_interface(self.config._attn_implementation, eager_attention)
            dropout = self.config.attention_dropout if self.training else 0.0
            bias = self.position_bias(context.query_slots, key.shape[2]).to(query.dtype)
            attended, weights = attend(
                self,
                query,
                key,
                value,
                context.mask,
                dropout=dropout,
                scaling=self.scaling,
                position_bias=bias,
                **kwargs,
            )
        return self.o_proj(attended.reshape(batch, length, width)), weights


def attention_context(
    config: PreTrainedConfig,
    inputs_embeds: torch.Tensor,
    attention_mask: torch.Tensor | None,
    position_ids: torch.Tensor | None,
    past_key_values: Cache | None,
    training: bool,
) -> AttentionContext:
    """Choose the way for one forward pass over [B, Q, hidden] embeddings, and prepare what all its layers share."""
    length = inputs_embeds.shape[1]
    past = past_key_values.get_seq_length() if past_key_values is not None else 0
    query_slots = torch.arange(length, device=inputs_embeds.device) + past
    spans = None
    if _blockwise_applies(config, inputs_embeds, past_key_values, training):
        spans = _spans(inputs_embeds.shape[0], length, attention_mask, position_ids)
    if spans is not None:
        return AttentionContext(None, spans, query_slots)
    mask = create_causal_mask(
        config=config,
        inputs_embeds=inputs_embeds,
        attention_mask=attention_mask,
        past_key_values=past_key_values,
        position_ids=position_ids,
    )
    return AttentionContext(mask, None, query_slots)


def _blockwise_applies(
    config: PreTrainedConfig, inputs_embeds: torch.Tensor, past_key_values: Cache | None, training: bool
) -> bool:
    length = inputs_embeds.shape[1]
    fresh = past_key_values is None or past_key_values.get_mask_sizes(length, 0)[0] == length
    return (
        fresh
        and length > 1
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


def eager_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    position_bias: torch.Tensor,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The definition, step by step: [B, H, Q, D] -> ([B, Q, H, D], weights [B, H, Q, K]); oracle of the other forms."""
    scores = query @ key.transpose(2, 3) * scaling + position_bias
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = F.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
    weights = F.dropout(weights, p=dropout, training=module.training)
    return (weights @ value).transpose(1, 2).contiguous(), weights


def blockwise_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    table: torch.Tensor,
    spans: Iterable[Span],
    scaling: float,
) -> torch.Tensor:
    """Causal attention within `spans`, elsewhere 0: [B, H, L, D] -> [B, H, L, D], with `table` [H, max_rel_dist]."""
    attended: torch.Tensor = _BlockwiseAttention.apply(query, key, value, table, tuple(spans), scaling)
    return attended


class _BlockwiseAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        table: torch.Tensor,
        spans: tuple[Span, ...],
        scaling: float,
    ) -> torch.Tensor:
        query, key, value = query.contiguous(), key.contiguous(), value.contiguous()
        bias = _ReversedBias(table.to(query.dtype), spans)
        attended = torch.zeros_like(query)
        for rows, start, begin, end in _blocks(spans):
            block = F.scaled_dot_product_attention(
                query[rows, :, begin:end].flip(2),
                key[rows, :, start:end],
                value[rows, :, start:end],
                attn_mask=bias.block(end - begin, end - start).expand(query[rows].shape[0], -1, -1, -1),
                scale=scaling,
            )
            attended[rows, :, begin:end] = block.flip(2)
        ctx.save_for_backward(query, key, value, table, attended)
        ctx.spans, ctx.scaling = spans, scaling
        return attended

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key, value, table, attended = ctx.saved_tensors
        bias = _ReversedBias(table.to(query.dtype), ctx.spans)
        grads = [torch.zeros_like(tensor) for tensor in (query, key, value)]
        grad = grad.contiguous()
        correction = (grad * attended).sum(-1, keepdim=True)
        for rows, start, begin, end in _blocks(ctx.spans):
            queries, outputs, corrections = (
                tensor[rows, :, begin:end].flip(2).flatten(0, 1) for tensor in (query, grad, correction)
            )
            keys, values, grad_keys, grad_values = (  # views: the gradients are added to in place
                tensor[rows, :, start:end].view(-1, end - start, tensor.shape[3])
                for tensor in (key, value, grads[1], grads[2])
            )
            scores = torch.bmm(queries, keys.transpose(1, 2)).mul_(ctx.scaling)
            per_head = scores.unflatten(0, (-1, query.shape[1]))
            per_head.add_(bias.block(end - begin, end - start))
            weights = scores.softmax(-1)
            grad_values.baddbmm_(weights.transpose(1, 2), outputs)
            grad_scores = torch.bmm(outputs, values.transpose(1, 2)).sub_(corrections).mul_(weights)
            grad_keys.baddbmm_(grad_scores.transpose(1, 2), queries, alpha=ctx.scaling)
            grad_queries = torch.bmm(grad_scores, keys).mul_(ctx.scaling).view_as(query[rows, :, begin:end])
            grads[0][rows, :, begin:end] = grad_queries.flip(2)
            bias.add_gradient(grad_scores.view_as(per_head).sum(0))
        return *grads, bias.gradient(table), None, None


def _blocks(spans: Iterable[Span]) -> Iterable[tuple[slice, int, int, int]]:
    """Blocks of query rows, `begin` to `end`, whose keys are `start` to `end`."""
    for rows, start, stop in spans:
        for begin in range(start, stop, BLOCK_LENGTH):
            yield rows, start, begin, min(begin + BLOCK_LENGTH, stop)


class _ReversedBias:
    """The bias as one row per head, [H, 2 * longest]: distances longest - 1 down to 0, then -inf for what lies ahead.

    In a block whose query rows are reversed, row r and key j have the distance K - 1 - r - j. So a block with its mask
    is a Hankel matrix: each row is the one above it shifted by one, which a strided view says without a copy.
    """

    def __init__(self, table: torch.Tensor, spans: tuple[Span, ...]) -> None:
        self.longest = max(stop - start for _, start, stop in spans)
        self.distances = torch.arange(self.longest - 1, -1, -1, device=table.device).clamp(max=table.shape[1] - 1)
        self.row = F.pad(table[:, self.distances], (0, self.longest), value=float("-inf"))
        self.row_gradient = torch.zeros(self.row.shape, dtype=torch.float32, device=table.device)

    def block(self, queries: int, keys: int) -> torch.Tensor:
        """A view, [1, H, queries, keys], for the last `queries` of `keys` tokens in reversed order."""
        first = self.longest - keys
        return self.row.unfold(1, keys, 1)[None, :, first : first + queries]

    def add_gradient(self, grad: torch.Tensor) -> None:
        """Add a block's gradient [H, queries, keys]: all entries that came from one number lie on one antidiagonal."""
        heads, queries, keys = grad.shape
        width = keys + queries - 1
        skewed = F.pad(grad, (0, queries)).flatten(1)[:, : queries * width].view(heads, queries, width)
        first = self.longest - keys
        self.row_gradient[:, first : first + width] += skewed.sum(1)

    def gradient(self, table: torch.Tensor) -> torch.Tensor:
        """Gradient of the table, [H, max_rel_dist]."""
        grad = torch.zeros(table.shape, dtype=torch.float32, device=table.device)
        return grad.index_add_(1, self.distances, self.row_gradient[:, : self.longest]).to(table.dtype)
