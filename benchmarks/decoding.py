"""How fast music is written: tokens a second of `decode_rows` beside three others, in the same run.

    python benchmarks/decoding.py [--sizes planner-small detail-small detail-base] [--batches 1 8 32] [--tokens 1024]

naive   the same model, which reads the whole sequence again for every token
gpt2    `generate()` of transformers' GPT-2 with as many layers, heads and units and the same vocabulary, sampling
bound   every weight, key and value read once a step at the speed at which this machine reads memory here

One thread, float32 unless it says int8, CPU time, so that other processes disturb little. Weights are random. naive and
gpt2 write `--tokens` tokens after an empty prompt: a step's time is measured at several lengths and summed over all.
Ours writes them after a whole plan, in full: rows follow tunes that the embedded checkpoint composed, so that choices,
forced tokens and right guesses come as in its music. `all` counts forced tokens, `chosen` does not. The bound is for
one token of a row in a step; with forced tokens and right guesses there are more.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from random import Random
from statistics import median
from typing import Any
from unittest.mock import patch

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from transformers import DynamicCache, GPT2Config, GPT2LMHeadModel, LogitsProcessor, LogitsProcessorList
from transformers.utils import logging

from remi_two_stage import Composer, DetailGeneratorConfig, DetailGeneratorModel
from remi_two_stage.core import decoding_remi
from remi_two_stage.core.codec import encode_ids
from remi_two_stage.core.decoding_choice import Numbers, choose
from remi_two_stage.core.decoding_remi import Start, read_prompt
from remi_two_stage.core.decoding_weights_remi import StageWeights
from remi_two_stage.core.request import Request
from remi_two_stage.core.sampling import Sampling
from remi_two_stage.core.sequences import detail_sequence
from remi_two_stage.core.vocabulary import DETAIL, TOKEN_IDS
from remi_two_stage.training.arguments import DETAIL_SIZES, PLANNER_SIZES

SIZES = {
    "planner-small": PLANNER_SIZES["small"],
    "detail-small": DETAIL_SIZES["small"],
    "detail-base": DETAIL_SIZES["base"],
}
STEPS = 12


class Following:
    """Chooses as always and then takes the given tokens.

    Args:
        indices: Of each row in turn, the given tokens' indices among those that the grammar left to choose from.
    """

    def __init__(self, indices: Iterable[Iterator[int]]) -> None:
        self._indices = iter(indices)
        self._by_row: dict[int, Iterator[int]] = {}

    def __call__(self, scores: Numbers, sampling: Sampling, random: Random, costs: Sequence[float] | None) -> int:
        """The next given token of the row whose random stream this is."""
        choose(scores, sampling, random, costs)
        if id(random) not in self._by_row:
            self._by_row[id(random)] = next(self._indices)
        return next(self._by_row[id(random)])


def indices(ids: Sequence[int], given: int) -> Iterator[int]:
    """Of each token after the given ones that the grammar does not force, the index among those that it allows."""
    grammar = read_prompt("detail", ids[:given])
    for token in ids[given:]:
        if grammar.forced() is None:
            yield [each for allowed in grammar.allowed for each in allowed].index(token)
        grammar.advance(token)


def tunes(number: int) -> list[list[int]]:
    """Long tunes of the embedded checkpoint in C, as "detail" sequences of ids."""
    requests = [Request("reel", "C", bars=64)] * number
    pieces = Composer.from_pretrained().compose_batch(requests, seed=1)
    return [detail_sequence(encode_ids(piece)) for piece in pieces]


def ours(weights: StageWeights, music: Sequence[Sequence[int]], tokens: int) -> tuple[float, float]:
    """Tokens a second, forced ones counted and not."""
    prompts = [ids[: ids.index(DETAIL) + 1] for ids in music]
    starts = [Start(prompt, read_prompt("detail", prompt)) for prompt in prompts]
    told = [iter([*indices(ids, len(prompt))]) for ids, prompt in zip(music, prompts, strict=True)]
    with patch.object(decoding_remi, "choose", Following(told)):
        begin = time.process_time()
        rows = decoding_remi.decode_rows(weights, starts, Sampling(top_p=1.0), longest=tokens)
        seconds = time.process_time() - begin
    return sum(len(row.ids) - row.given for row in rows) / seconds, sum(row.choices for row in rows) / seconds


def written_a_second(step: Callable[[int], float], batch: int, lengths: Sequence[int]) -> float:
    """Tokens a second, when a step takes `step(length)` seconds, summed up to the last length."""
    times = [step(length) for length in lengths]
    total = sum(
        (later - earlier) * (first + second) / 2
        for (earlier, later), (first, second) in zip(pairwise(lengths), pairwise(times), strict=True)
    )
    return batch * (lengths[-1] - lengths[0]) / total


def naive_step(stage: DetailGeneratorModel, batch: int, length: int) -> float:
    """Seconds to read rows of so many tokens."""
    ids = torch.randint(len(TOKEN_IDS), (batch, length))
    times = []
    for _ in range(3 if batch * length < 2048 else 1):
        begin = time.process_time()
        stage(ids, use_cache=False, logits_to_keep=1)
        times.append(time.process_time() - begin)
    return min(times)


class Clock(LogitsProcessor):
    """Notes the time of every step."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Change nothing."""
        self.times.append(time.process_time())
        return scores


def gpt2_step(model: GPT2LMHeadModel, batch: int, length: int) -> float:
    """Seconds of a step of `generate()` after so many tokens."""
    config, cache, clock = model.config, DynamicCache(config=model.config), Clock()
    for layer in range(config.n_layer):
        states = torch.randn(batch, config.n_head, length, config.n_embd // config.n_head)
        cache.update(states, states.clone(), layer)
    ids = torch.randint(config.vocab_size, (batch, length + 1))
    model.generate(
        ids, attention_mask=torch.ones_like(ids), past_key_values=cache, max_new_tokens=STEPS, min_new_tokens=STEPS,
        do_sample=True, top_k=None, pad_token_id=0, logits_processor=LogitsProcessorList([clock]),
    )  # fmt: skip
    return median(later - earlier for earlier, later in pairwise(clock.times))


def memory_speed() -> float:
    """Bytes a second that a product with a large matrix reads."""
    matrix, vector = torch.randn(16_384, 4_096), torch.randn(4_096)
    times = []
    for _ in range(8):
        begin = time.process_time()
        torch.mv(matrix, vector)
        times.append(time.process_time() - begin)
    return matrix.nbytes / min(times)


def bound(stage: DetailGeneratorModel, batch: int, tokens: int, speed: float, int8: bool) -> float:
    """Tokens a second that reading weights, keys and values allows, half of the keys and values on average."""
    config = stage.config
    weights = sum(weight.numel() for layer in stage.model.layers for weight in layer.parameters())
    read = weights * (1 if int8 else 4) + 4 * stage.lm_head.weight.numel()
    kept = 2 * config.num_hidden_layers * config.key_value_heads * config.head_dim * 4 * tokens / 2
    return batch * speed / (read + batch * kept)


def gpt2_config(sizes: dict[str, Any]) -> GPT2Config:
    """GPT-2 in one of our sizes."""
    return GPT2Config(
        vocab_size=len(TOKEN_IDS),
        n_positions=2048,
        n_embd=sizes["hidden_size"],
        n_inner=sizes["intermediate_size"],
        n_layer=sizes["num_hidden_layers"],
        n_head=sizes["num_attention_heads"],
        bos_token_id=0,
        eos_token_id=None,
    )


def compare(name: str, batches: Sequence[int], tokens: int, music: Sequence[Sequence[int]], speed: float) -> None:
    """Print a size's lines."""
    sizes = SIZES[name]
    torch.manual_seed(0)
    stage = DetailGeneratorModel(DetailGeneratorConfig(**sizes)).eval()
    gpt2 = GPT2LMHeadModel(gpt2_config(sizes)).eval()
    for batch in batches:
        lengths = [1, tokens // 4, tokens // 2, tokens - STEPS]
        theirs = written_a_second(partial(gpt2_step, gpt2, batch), batch, lengths)
        naive = written_a_second(partial(naive_step, stage, batch), batch, lengths)
        print(f"{name:14} {batch:3} naive {naive:17.1f}\n{name:14} {batch:3} gpt2  {theirs:17.1f}")
        for int8 in (False, True):
            every, chosen = ours(StageWeights.of(stage, int8), music[:batch], tokens)
            limit = bound(stage, batch, tokens, speed, int8)
            print(
                f"{name:14} {batch:3} {'int8' if int8 else 'ours'} {every:9.0f} all {chosen:7.0f} chosen, x gpt2 "
                f"{every / theirs:5.2f} all {chosen / theirs:5.2f} chosen, x naive {every / naive:6.1f}, "
                f"bound {limit:6.0f} ({100 * chosen / limit:3.0f} % of it chosen)",
                flush=True,
            )


def main() -> None:
    """Print a line for each size, batch and way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", choices=tuple(SIZES), default=["planner-small", "detail-small"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8, 32])
    parser.add_argument("--tokens", type=int, default=1024)
    options = parser.parse_args()
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    speed = memory_speed()
    music = tunes(max(options.batches))
    print(f"torch {torch.__version__}, one thread, memory read at {speed / 1e9:.1f} GB/s; tokens a second")
    with torch.inference_mode():
        for name in options.sizes:
            compare(name, options.batches, options.tokens, music, speed)


if __name__ == "__main__":
    main()
