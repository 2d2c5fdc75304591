"""How fast training rows are made, in memory and as a stream, in one process and by loaders, and what packing wastes.

    python benchmarks/loading.py                 # music21's training tunes, prepared once; about five minutes
    python benchmarks/loading.py --corpus my-corpus --stage planner --loaders 0 2 8

The tunes are those that a run learns from, with everything random that it has by default. Speed is by CPU time, which
other work on the machine disturbs little: that of the process that makes the rows, or of all loaders together; beside
it, what a million tokens cost the process that trains, which takes the batches. Nine tenths of an epoch are made, so
that no loader begins the next; a stream's blocks are read and packed within that time, rows in memory before it.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch.utils.data import DataLoader

from remi_two_stage.core.vocabulary import PAD
from remi_two_stage.corpus.preparation import load_corpus
from remi_two_stage.stage_data.datasets import PackedRows, collate, pack
from remi_two_stage.training.arguments import STAGES, TrainingPlan
from remi_two_stage.training.training_data import TrainingRows, find_training_data

BATCH, ROW_LENGTH = 8, 2048


def resident_kilobytes() -> float:
    """What this process holds in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1000


def build(stage: Any, plan: TrainingPlan) -> PackedRows:
    """The rows of a stage, and a line about each of building and packing them."""
    training_data = find_training_data(plan)
    before, begun = resident_kilobytes(), time.process_time()
    rows = training_data.training_rows(stage, plan)
    assert isinstance(rows, PackedRows)
    tunes, seconds = training_data.training_tunes, time.process_time() - begun
    memory = (resident_kilobytes() - before) / tunes
    print(f"{stage}: built in memory, {tunes / seconds:,.0f} tunes a second, {memory:.1f} kB a tune")
    begun = time.process_time()
    pack(rows.pieces.lengths, ROW_LENGTH)
    seconds, tokens = time.process_time() - begun, sum(rows.pieces.lengths)
    print(
        f"{stage}: {len(rows.pieces):,} pieces of {tokens:,} tokens packed into {len(rows):,} rows in {seconds:.2f} s, "
        f"{rows.waste:.2%} wasted"
    )
    return rows


def processor_seconds() -> tuple[float, float]:
    """CPU time so far, of this process and of the loaders that have ended."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime


def measure(name: str, rows: TrainingRows, loaders: int, count: int) -> None:
    """Print how fast so many rows are made."""
    before = processor_seconds()
    tokens = made = 0
    batches = DataLoader(rows, batch_size=BATCH, collate_fn=collate, num_workers=loaders)
    for batch in islice(batches, max(1, count // BATCH)):
        made += len(batch["input_ids"])
        tokens += int((batch["input_ids"] != PAD).sum())
    own, children = (after - earlier for after, earlier in zip(processor_seconds(), before, strict=True))
    seconds = children if loaders else own
    print(
        f"{name:20} {loaders:7} {made:5,} {tokens:9,} {1 - tokens / (made * ROW_LENGTH):7.2%} {made / seconds:7.1f} "
        f"{tokens / seconds:9,.0f} {1e6 * own / tokens:11.2f}",
        flush=True,
    )


def main() -> None:
    """Print what building, packing and loading take, stage by stage."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", default="music21", help="as for remi-two-stage train (default: %(default)s)")
    parser.add_argument("--stage", choices=STAGES, action="append", help="again for the other (default: both)")
    parser.add_argument("--loaders", type=int, nargs="+", default=[0, 1, 2], help="(default: 0 1 2)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    prepared = load_corpus(options.corpus).folder
    plan = TrainingPlan(str(prepared), Path("nowhere"), max_length=ROW_LENGTH)
    streamed = replace(plan, reading="stream", steps=1)
    table: list[tuple[str, TrainingRows, int]] = []
    for stage in options.stage or STAGES:
        rows = build(stage, plan)
        table.append((f"{stage}, in memory", rows, len(rows)))
        table.append((f"{stage}, streamed", find_training_data(streamed).training_rows(stage, streamed), len(rows)))
    print(f"\n{'rows of':20} loaders  rows    tokens  wasted  rows/s  tokens/s s a million")
    for name, made, count in table:
        for loaders in options.loaders:
            measure(name, made, loaders, 9 * count // 10)


if __name__ == "__main__":
    main()
