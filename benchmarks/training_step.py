"""A training step on real tunes: our detail generator on packed and on padded rows, GPT-2 of the same size on padded.

    python benchmarks/training_step.py [--kinds table ...] [--size small] [--steps 5]
    python benchmarks/training_step.py --device cuda --precision bfloat16 --size base --rows 16 --steps 50

All see the same tunes of music21's books, as "detail" sequences, with forward, backward, clipping and AdamW. GPT-2 is
transformers' own, without dropout; padded batches are those of transformers' default collator for language models,
padded to the longest tune. Counted are real tokens, padding excluded, per second of CPU time on one thread, or of wall
time on a GPU, and the memory that the steps needed at most, weights and optimizer included.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from transformers import DataCollatorForLanguageModeling, GPT2Config, GPT2LMHeadModel, PreTrainedModel

from remi_two_stage.core.attention_kinds import ATTENTION_KINDS
from remi_two_stage.core.configuration_remi import DetailGeneratorConfig
from remi_two_stage.core.modeling_remi import DetailGeneratorModel
from remi_two_stage.core.tokenization_remi import REMIABCTokenizer
from remi_two_stage.core.vocabulary import BOS, EOS, PAD
from remi_two_stage.corpus.preparation import load_corpus
from remi_two_stage.stage_data.datasets import FullDetailDataset, PackedRows, collate
from remi_two_stage.training.arguments import DETAIL_SIZES

TUNES, ROW_LENGTH = 400, 2048
Batch = dict[str, torch.Tensor]


def real_tunes() -> FullDetailDataset:
    """Tunes of the tune books at even distances, those that are longer than a row left out."""
    tunes = list(load_corpus("music21").train.tokens())
    tunes = tunes[:: max(1, len(tunes) // TUNES)]
    lengths = FullDetailDataset(tunes).lengths
    return FullDetailDataset(tune for tune, length in zip(tunes, lengths, strict=True) if length <= ROW_LENGTH)


def packed(pieces: FullDetailDataset, size: int) -> Iterator[tuple[Batch, int]]:
    """Batches of packed rows, and their real tokens."""
    rows = PackedRows(pieces, ROW_LENGTH)
    while True:
        for first in range(0, len(rows) - size + 1, size):
            items = [rows[index] for index in range(first, first + size)]
            yield collate(items), sum(len(item["input_ids"]) for item in items)


def padded(pieces: FullDetailDataset, rows: int) -> Iterator[tuple[Batch, int]]:
    """Batches of about as many real tokens, in random order, as transformers' default collator makes them."""
    collator = DataCollatorForLanguageModeling(REMIABCTokenizer(), mlm=False)
    size = max(1, round(rows * ROW_LENGTH / statistics.mean(pieces.lengths)))
    order = torch.randperm(len(pieces), generator=torch.Generator().manual_seed(0)).tolist()
    while True:
        for first in range(0, len(order) - size + 1, size):
            items = [{"input_ids": pieces[index]["input_ids"]} for index in order[first : first + size]]
            yield dict(collator(items)), sum(len(item["input_ids"]) for item in items)


def tokens_per_second(
    model: PreTrainedModel, batches: Iterator[tuple[Batch, int]], steps: int, precision: torch.dtype
) -> float:
    """Real tokens per second over some training steps, after one that is not counted."""
    device = next(model.parameters()).device
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    optimizer = torch.optim.AdamW(model.train().parameters(), lr=1e-4, fused=True)
    # Batches are made ahead: on a GPU, loaders make them beside the steps.
    ready = [next(batches) for _ in range(steps + 1)]
    started = 0.0
    for step, (batch, _) in enumerate(ready):
        if step == 1:
            _wait_for(device)
            started = clock()
        on_device = {name: tensor.to(device) for name, tensor in batch.items()}
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            loss = model(**on_device, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    _wait_for(device)
    return sum(tokens for _, tokens in ready[1:]) / (clock() - started)


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_memory(device: str) -> float:
    """Gigabytes that were needed at most so far; on a CPU, by the whole process."""
    if device == "cuda":
        peak = torch.cuda.max_memory_allocated() / 2**30
        torch.cuda.reset_peak_memory_stats()
        return peak
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def gpt2(name: str) -> GPT2LMHeadModel:
    """GPT-2 of a detail generator's size."""
    size = DETAIL_SIZES[name]
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=DetailGeneratorConfig().vocab_size,
            n_positions=ROW_LENGTH,
            n_embd=size["hidden_size"],
            n_layer=size["num_hidden_layers"],
            n_head=size["num_attention_heads"],
            n_inner=size["intermediate_size"],
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=BOS,
            eos_token_id=EOS,
            pad_token_id=PAD,
        )
    )


def main() -> None:
    """Print a line a model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", nargs="*", choices=ATTENTION_KINDS, default=ATTENTION_KINDS)
    parser.add_argument("--size", choices=DETAIL_SIZES, default="small")
    parser.add_argument("--rows", type=int, default=2, help=f"rows of {ROW_LENGTH} tokens in a step")
    parser.add_argument("--steps", type=int, default=5, help="steps to time")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pieces = real_tunes()
    print(f"packed rows waste {PackedRows(pieces, ROW_LENGTH).waste:.2%}")
    models: dict[str, Callable[[], PreTrainedModel]] = {"GPT-2, padded": lambda: gpt2(options.size)}
    for kind in options.kinds:
        config = DetailGeneratorConfig(**DETAIL_SIZES[options.size], relative_attention=kind)
        for rows in ("padded", "packed"):
            models[f"{kind}, {rows}"] = partial(DetailGeneratorModel, config)
    print(f"{'model':24} {'parameters':>12} {'tokens/s':>9} {'x GPT-2':>8} {'peak GB':>8}")
    reference = None
    for name, make in models.items():
        model = make().to(options.device)
        batches = (padded if "padded" in name else packed)(pieces, options.rows)
        speed = tokens_per_second(model, batches, options.steps, getattr(torch, options.precision))
        reference = reference or speed
        peak = peak_memory(options.device)
        print(f"{name:24} {model.num_parameters():12,} {speed:9.0f} {speed / reference:8.2f} {peak:8.2f}", flush=True)
        del model
        gc.collect()


if __name__ == "__main__":
    main()
