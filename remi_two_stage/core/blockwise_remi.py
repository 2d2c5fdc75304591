"""Causal attention with a table of learned biases, block by block: exact, and its memory grows with L, not its square.

    score[h, i, j] = scaling * q_i . k_j + table[h, min(i - j, max_rel_dist - 1)]        for j <= i

Conventions
- Shapes: B batch, H heads, D width of queries and keys, L tokens, K keys of a block.
- A span is (rows, start, stop): tokens start to stop of these batch rows are one sequence that sees nothing outside it.

Blocks of query rows are taken in reversed order. For them the bias of a block, causal mask included, is a view of a
[H, 2L] tensor that the fused kernel takes as its mask. The backward pass recomputes each block.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

BLOCK_LENGTH = 64
"""Query rows of a block: enough for the matrix products, few enough for what they make to stay in the cache."""

Span = tuple[slice, int, int]


def blockwise_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    table: torch.Tensor,
    spans: Iterable[Span],
    scaling: float,
) -> torch.Tensor:
    """Causal attention within `spans`, elsewhere 0: queries and keys [B, H, L, D], values [B, H, L, D'] ->
    [B, H, L, D'].

    Args:
        value: At most as wide as queries and keys.
        table: [H, max_rel_dist].
    """
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
        attended = torch.zeros_like(value)
        width = value.shape[3]
        # The fused kernel wants one width for all.
        padded = F.pad(value, (0, query.shape[3] - width))
        for rows, start, begin, end in _blocks(spans):
            block = F.scaled_dot_product_attention(
                query[rows, :, begin:end].flip(2),
                key[rows, :, start:end],
                padded[rows, :, start:end],
                attn_mask=bias.block(end - begin, end - start).expand(query[rows].shape[0], -1, -1, -1),
                scale=scaling,
            )
            attended[rows, :, begin:end] = block[..., :width].flip(2)
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
