"""A training step on real tunes: our small detail generator on packed rows, GPT-2 of the same size on padded ones.

    python benchmarks/training_step.py [--forms table ...] [--steps 5]

Both see the same tunes of music21's books, in the form "detail", with forward, backward, clipping and AdamW, on one
thread in float32. GPT-2 is transformers' own, without dropout, its batch padded to the longest tune by transformers'
default collator for language models. Counted are real tokens, padding excluded, per second of CPU time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import nn
from transformers import DataCollatorForLanguageModeling, GPT2Config, GPT2LMHeadModel

from remi_two_stage.core.attention_forms import FORMS
from remi_two_stage.core.configuration_remi import DetailGeneratorConfig
from remi_two_stage.core.modeling_remi import DetailGeneratorModel
from remi_two_stage.core.tokenization_remi import REMIABCTokenizer
from remi_two_stage.core.vocabulary import BOS, EOS, PAD
from remi_two_stage.data.datasets import FullDetailDataset, PackedRows, collate
from remi_two_stage.data.preparation import load_corpus
from remi_two_stage.training.arguments import DETAIL_SIZES

TUNES, ROW_LENGTH, ROWS = 400, 2048, 2
Batch = dict[str, torch.Tensor]


def real_tunes() -> FullDetailDataset:
    """Tunes of the tune books at even distances, those that are longer than a row left out."""
    tunes = list(load_corpus("music21").train.tokens())
    tunes = tunes[:: max(1, len(tunes) // TUNES)]
    lengths = FullDetailDataset(tunes).lengths
    return FullDetailDataset(tune for tune, length in zip(tunes, lengths, strict=True) if length <= ROW_LENGTH)


def packed(pieces: FullDetailDataset) -> Iterator[tuple[Batch, int]]:
    """Batches of packed rows, and their real tokens."""
    rows = PackedRows(pieces, ROW_LENGTH)
    while True:
        for first in range(0, len(rows) - ROWS + 1, ROWS):
            items = [rows[index] for index in range(first, first + ROWS)]
            yield collate(items), sum(len(item["input_ids"]) for item in items)


def padded(pieces: FullDetailDataset) -> Iterator[tuple[Batch, int]]:
    """Batches of about as many real tokens, in random order, as transformers' default collator makes them."""
    collator = DataCollatorForLanguageModeling(REMIABCTokenizer(), mlm=False)
    size = max(1, round(ROWS * ROW_LENGTH / statistics.mean(pieces.lengths)))
    order = torch.randperm(len(pieces), generator=torch.Generator().manual_seed(0)).tolist()
    while True:
        for first in range(0, len(order) - size + 1, size):
            items = [{"input_ids": pieces[index]["input_ids"]} for index in order[first : first + size]]
            yield dict(collator(items)), sum(len(item["input_ids"]) for item in items)


def tokens_per_second(model: nn.Module, batches: Iterator[tuple[Batch, int]], steps: int) -> float:
    """Real tokens per second of CPU time over some training steps, after one that is not counted."""
    optimizer = torch.optim.AdamW(model.train().parameters(), lr=1e-4, fused=True)
    total, started = 0, 0.0
    for step in range(steps + 1):
        batch, tokens = next(batches)
        if step == 1:
            total, started = 0, time.process_time()
        model(**batch, use_cache=False).loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        total += tokens
    return total / (time.process_time() - started)


def gpt2() -> GPT2LMHeadModel:
    """GPT-2 of the small detail generator's size."""
    size = DETAIL_SIZES["small"]
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
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=FORMS)
    parser.add_argument("--steps", type=int, default=5, help="steps to time, each of about 4,000 tokens")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pieces = real_tunes()
    models: dict[str, Callable[[], nn.Module]] = {"GPT-2, padded": gpt2}
    for form in options.forms:
        config = DetailGeneratorConfig(**DETAIL_SIZES["small"], relative_attention=form)
        models[f"{form}, packed"] = lambda config=config: DetailGeneratorModel(config)
    print(f"{'model':24} {'parameters':>12} {'tokens/s':>9} {'x GPT-2':>8}")
    reference = None
    for name, make in models.items():
        model = make()
        batches = padded(pieces) if "padded" in name else packed(pieces)
        speed = tokens_per_second(model, batches, options.steps)
        reference = reference or speed
        print(f"{name:24} {model.num_parameters():12,} {speed:9.0f} {speed / reference:8.2f}", flush=True)


if __name__ == "__main__":
    main()
