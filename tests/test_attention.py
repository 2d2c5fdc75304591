"""Relative attention: every way to compute it gives the numbers of the plain definition, and their gradients."""

import pytest
import torch
import torch.nn.functional as F

from remi_two_stage.core.attention_blockwise_remi import FORWARD_ROWS, blockwise_attention

HEADS, WIDTH, MAX_DISTANCE = 3, 8, 150
SCALING = WIDTH**-0.5


def by_definition(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    table: torch.Tensor,
    sequences: list[list[tuple[int, int]]],
) -> torch.Tensor:
    """Causal attention within the (start, stop) sequences of each row, one query at a time."""
    rows = []
    for row, spans in enumerate(sequences):
        attended = [torch.zeros(HEADS, WIDTH)] * query.shape[2]
        for start, stop in spans:
            for i in range(start, stop):
                distances = torch.arange(i - start, -1, -1).clamp(max=MAX_DISTANCE - 1)
                scores = torch.einsum("hd,hkd->hk", query[row, :, i], key[row, :, start : i + 1]) * SCALING
                weights = F.softmax(scores + table[:, distances], dim=-1)
                attended[i] = torch.einsum("hk,hkd->hd", weights, value[row, :, start : i + 1])
        rows.append(torch.stack(attended, dim=1))
    return torch.stack(rows)


@pytest.mark.parametrize(
    ("length", "spans", "sequences"),
    [
        (5, [(slice(None), 0, 5)], [[(0, 5)]] * 2),
        (FORWARD_ROWS, [(slice(None), 0, FORWARD_ROWS)], [[(0, FORWARD_ROWS)]] * 2),
        (300, [(slice(None), 0, 300)], [[(0, 300)]] * 2),
        (
            200,
            [(slice(0, 1), 30, 200), (slice(1, 2), 0, 90), (slice(1, 2), 90, 91)],
            [[(30, 200)], [(0, 90), (90, 91)]],
        ),
    ],
    ids=["short", "one block", "longer than the table and uneven", "padded and packed"],
)
def test_blocks_give_the_definition_and_its_gradients(
    length: int, spans: list[tuple[slice, int, int]], sequences: list[list[tuple[int, int]]]
) -> None:
    inputs = [torch.randn(2, HEADS, length, WIDTH, requires_grad=True) for _ in range(3)]
    inputs.append(torch.randn(HEADS, MAX_DISTANCE, requires_grad=True))
    blockwise = blockwise_attention(*inputs, spans, SCALING)
    plain = by_definition(*inputs, sequences)
    torch.testing.assert_close(blockwise, plain, atol=1e-5, rtol=0)
    weight = torch.randn_like(plain)
    for ours, theirs in zip(
        torch.autograd.grad((blockwise * weight).sum(), inputs),
        torch.autograd.grad((plain * weight).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_blocks_in_bfloat16_keep_its_precision() -> None:
    inputs = [torch.randn(1, HEADS, 200, WIDTH) for _ in range(3)]
    table = torch.randn(HEADS, MAX_DISTANCE)
    spans = [(slice(None), 0, 200)]
    exact = blockwise_attention(*inputs, table, spans, SCALING)
    rounded = [tensor.bfloat16().requires_grad_() for tensor in inputs]
    attended = blockwise_attention(*rounded, table.requires_grad_(), spans, SCALING)
    attended.sum().backward()
    assert attended.dtype == rounded[0].grad.dtype == torch.bfloat16
    torch.testing.assert_close(attended.float(), exact, atol=0.05, rtol=0.05)
