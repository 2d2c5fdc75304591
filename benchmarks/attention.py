"""What attention costs, forward and backward, beside plain causal attention: time, and memory beyond the inputs.

    python benchmarks/attention.py [--lengths 512 1024 2048 4096] [--kinds plain table ...]

B 2, H 16, D 64. On a CPU every cell is a process of its own with one thread, measured in CPU time, the best of several
calls; float32. On a GPU: bfloat16, device time. `plain` is torch's fused causal kernel, `t5` the same kernel with a
learned bias that is materialised as a mask (as T5 in transformers does), `skew` Music Transformer's relative attention
(Huang et al. 2018), the others the forms of this package.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
import torch.nn.functional as F

from remi_two_stage.core.attention_blockwise_remi import blockwise_attention
from remi_two_stage.core.attention_kinds import ATTENTION_KINDS
from remi_two_stage.core.attention_remi import (
    FourierBias,
    RelativePositionBias,
    append_features,
    fourier_context,
    key_features,
    query_features,
    rotate,
    rotation,
    span_attention,
    table_bias,
)
from remi_two_stage.core.configuration_remi import DetailGeneratorConfig

BATCH, HEADS, WIDTH = 2, 16, 64
SCALING = WIDTH**-0.5
BASELINES = ("plain", "t5", "skew")
Inputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def attention(kind: str, length: int, device: torch.device) -> tuple[Callable[..., torch.Tensor], list[torch.Tensor]]:
    """The function of [B, H, L, D] queries, keys and values that a form is, and its weights."""
    if kind == "plain":
        return partial(F.scaled_dot_product_attention, is_causal=True), []
    if kind == "skew":
        return _skew(length, device)
    bias = RelativePositionBias(HEADS, 2048).to(device)
    slots = torch.arange(length, device=device)
    if kind == "t5" or (kind == "table" and device.type != "cpu"):
        ahead = torch.ones(length, length, dtype=torch.bool, device=device).triu(1)

        def masked(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
            mask = table_bias(bias(), slots, length).masked_fill(ahead, -math.inf).to(query.dtype)
            return F.scaled_dot_product_attention(query, key, value, attn_mask=mask)

        return masked, [bias.weight]
    return _ours(kind, length, device, bias)


def _skew(length: int, device: torch.device) -> tuple[Callable[..., torch.Tensor], list[torch.Tensor]]:
    embedding = (0.1 * torch.randn(length, WIDTH, device=device)).requires_grad_()
    ahead = torch.ones(length, length, dtype=torch.bool, device=device).triu(1)

    def skew(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        relative = F.pad(query @ embedding.to(query.dtype).T, (1, 0)).view(BATCH, HEADS, length + 1, length)[:, :, 1:]
        scores = (query @ key.transpose(2, 3) + relative) * SCALING
        return scores.masked_fill(ahead, -math.inf).softmax(-1) @ value

    return skew, [embedding]


def _ours(
    kind: str, length: int, device: torch.device, bias: RelativePositionBias
) -> tuple[Callable[..., torch.Tensor], list[torch.Tensor]]:
    """As `RelativeAttention` computes it in training; coordinates are those of music with 20 tokens a bar."""
    slots = torch.arange(length, device=device).expand(BATCH, -1)
    config = DetailGeneratorConfig(relative_attention=kind)
    bars = slots // 20
    music = {"bar": bars, "time": 72 * bars + slots % 20, "token": slots}
    fourier = context = None
    if config.fourier_periods:
        fourier = FourierBias(HEADS, sum(map(len, config.fourier_periods.values()))).to(device)
        context = fourier_context(config.fourier_periods, music, music)
    turns = rotation(config, music)
    spans = ((slice(None), 0, length),)

    def ours(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        if turns is not None:
            query, key = rotate(query, *turns), rotate(key, *turns)
        if fourier is not None and context is not None:
            query = append_features(query, query_features(fourier(), context) / SCALING)
            key = append_features(key, key_features(context))
        if "table" in kind:
            return blockwise_attention(query, key, value, bias(), spans, SCALING)
        return span_attention(query, key, value, spans, SCALING)

    return ours, [weight for module in (bias, fourier) if module for weight in module.parameters()]


def measure(kind: str, length: int) -> dict[str, float]:
    """Milliseconds of a forward and backward pass, and MiB beyond the inputs at the peak."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
    inputs = [torch.randn(BATCH, HEADS, length, WIDTH, device=device, dtype=dtype).requires_grad_() for _ in range(3)]
    outside = torch.randn_like(inputs[0])
    function, weights = attention(kind, length, device)
    weights = [weight for weight in weights if weight.requires_grad]

    def step() -> None:
        torch.autograd.grad(function(*inputs), [*inputs, *weights], outside, allow_unused=True)

    return _on_gpu(step) if device.type == "cuda" else _on_cpu(step)


def _on_cpu(step: Callable[[], None]) -> dict[str, float]:
    warm = torch.randn(1, 1, 8, 8, requires_grad=True)
    F.scaled_dot_product_attention(warm, warm, warm).sum().backward()  # what torch loads at first use is not counted
    before = _peak_kib(reset=True)
    step()
    peak = _peak_kib() - before
    times: list[float] = []
    while len(times) < 3 or (sum(times) < 3 and len(times) < 20):
        start = time.process_time()
        step()
        times.append(time.process_time() - start)
    return {"ms": 1e3 * min(times), "MiB": peak / 1024}


def _peak_kib(reset: bool = False) -> int:
    """Highest resident size of this process so far, or since the last reset, in KiB (Linux)."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0])


def _on_gpu(step: Callable[[], None]) -> dict[str, float]:
    for _ in range(5):
        step()
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(20):
        step()
    end.record()
    torch.cuda.synchronize()
    return {"ms": start.elapsed_time(end) / 20, "MiB": (torch.cuda.max_memory_allocated() - before) / 2**20}


def main() -> None:
    """Print a line a length and form."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lengths", type=int, nargs="+", default=[512, 1024, 2048, 4096])
    parser.add_argument(
        "--kinds", nargs="+", choices=(*BASELINES, *ATTENTION_KINDS), default=[*BASELINES, *ATTENTION_KINDS]
    )
    parser.add_argument("--one", action="store_true", help="measure the one form and length given, and print JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.kinds[0], options.lengths[0])))
        return
    print(f"{'L':>5} {'form':13} {'ms':>9} {'x plain':>8} {'MiB':>8}")
    for length in options.lengths:
        plain = None
        for kind in dict.fromkeys(["plain", *options.kinds]):
            command = [sys.executable, __file__, "--one", "--lengths", str(length), "--kinds", kind]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            plain = plain or found["ms"]
            print(f"{length:5} {kind:13} {found['ms']:9.1f} {found['ms'] / plain:8.2f} {found['MiB']:8.0f}", flush=True)


if __name__ == "__main__":
    main()
