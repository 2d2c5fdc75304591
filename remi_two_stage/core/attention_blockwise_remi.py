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
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

FORWARD_ROWS = 192
"""Query rows of a block of the forward pass: from so many on the fused kernel works in large pieces."""
BACKWARD_ROWS = 128
BACKWARD_HEADS = 4
"""Query rows and heads that the backward pass recomputes at once: enough for the matrix products, few enough for what
they make to stay in the processor's cache.
"""

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
        for rows, start, begin, end in _blocks(spans, FORWARD_ROWS):
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
        correction = -(grad * attended).sum(-1, keepdim=True)
        for rows, start, begin, end in _blocks(ctx.spans, BACKWARD_ROWS):
            for row, first in product(range(len(query))[rows], range(0, query.shape[1], BACKWARD_HEADS)):
                heads = slice(first, first + BACKWARD_HEADS)
                queries, outputs, corrections = (
                    tensor[row, heads, begin:end].flip(1) for tensor in (query, grad, correction)
                )
                keys, values, grad_keys, grad_values = (  # views: the gradients are added to in place
                    tensor[row, heads, start:end] for tensor in (key, value, grads[1], grads[2])
                )
                block = bias.block(end - begin, end - start)[0, heads]
                scores = torch.baddbmm(block, queries, keys.transpose(1, 2), alpha=ctx.scaling)
                weights = scores.softmax(-1)
                grad_values.baddbmm_(weights.transpose(1, 2), outputs)
                torch.baddbmm(corrections.expand_as(scores), outputs, values.transpose(1, 2), out=scores)
                grad_scores = bias.add_gradient(heads, scores, weights)
                grad_keys.baddbmm_(grad_scores.transpose(1, 2), queries, alpha=ctx.scaling)
                grads[0][row, heads, begin:end] = torch.bmm(grad_scores, keys).mul_(ctx.scaling).flip(1)
        return *grads, bias.gradient(table), None, None


def _blocks(spans: Iterable[Span], length: int) -> Iterable[tuple[slice, int, int, int]]:
    """Blocks of at most `length` query rows, `begin` to `end`, whose keys are `start` to `end`."""
    for rows, start, stop in spans:
        for begin in range(start, stop, length):
            yield rows, start, begin, min(begin + length, stop)


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

    def add_gradient(self, heads: slice, grad_weights: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Multiply [heads, queries, keys] gradients of weights by the weights, which gives those of the scores, and add
        them to the bias's: all entries that came from one number lie on one antidiagonal.
        """
        count, queries, keys = weights.shape
        width = keys + queries - 1
        padded = weights.new_empty(count, queries, keys + queries)
        padded[..., keys:].zero_()
        grad_scores = torch.mul(grad_weights, weights, out=padded[..., :keys])
        skewed = padded.flatten(1)[:, : queries * width].view(count, queries, width)
        first = self.longest - keys
        self.row_gradient[heads, first : first + width] += skewed.sum(1)
        return grad_scores

    def gradient(self, table: torch.Tensor) -> torch.Tensor:
        """Gradient of the table, [H, max_rel_dist]."""
        grad = torch.zeros(table.shape, dtype=torch.float32, device=table.device)
        return grad.index_add_(1, self.distances, self.row_gradient[:, : self.longest]).to(table.dtype)
