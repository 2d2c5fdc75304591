"""Which form of relative attention learns best: held-out loss of a small detail generator, on equal data and budget.

    python benchmarks/compare_attention.py [--output runs/attention] [--steps 600] [--seeds 0 1 2] [--kinds table ...]

Every run trains on the training split of a corpus for the same number of steps, in the same order for the same seed,
and is then measured on the valid split, in nats a token, over the tokens that decoding samples. A run takes about seven
minutes of CPU and leaves one JSON file; runs whose file is there are not repeated, so the command goes on where it was
stopped. It ends with the table of all runs so far.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from short_training import Recipe, Training, drawn
from transformers import set_seed

from remi_two_stage.atomic_files import write_whole
from remi_two_stage.core.configuration_remi import DetailGeneratorConfig
from remi_two_stage.core.modeling_remi import DetailGeneratorModel
from remi_two_stage.corpus.preparation import load_corpus
from remi_two_stage.corpus.prepared import Tunes
from remi_two_stage.stage_data.datasets import FullDetailDataset, PackedRows, stage_dataset

ATTENTION_KINDS: dict[str, dict[str, Any]] = {
    "table": {"relative_attention": "table"},
    "fourier-tokens": {
        "relative_attention": "fourier",
        "fourier_periods": {"token": [4, 8, 16, 64, 128, 512, 1024, 4096]},
    },
    "fourier": {"relative_attention": "fourier"},
    "rope": {"relative_attention": "rope"},
    "rope+fourier": {"relative_attention": "rope+fourier"},
    "rotary": {"relative_attention": "rotary"},
    "rotary+fourier": {"relative_attention": "rotary+fourier"},
    "table+fourier": {"relative_attention": "table+fourier"},
    "8-heads": {"num_attention_heads": 8},
    "8-heads-2-keys": {"num_attention_heads": 8, "num_key_value_heads": 2},
}
"""Name -> fields of the config. All Fourier forms have eight pairs: `fourier` over tokens, bars and time,
`fourier-tokens` and `rotary+fourier` over tokens, the others over bars and time. The last two are the default form with
as many heads as size `tiny` has, and with a quarter of them for keys and values, as all sizes have it.
"""
ROW_LENGTH = 2048
SIZE: dict[str, Any] = {"num_hidden_layers": 4, "hidden_size": 192, "intermediate_size": 768, "num_attention_heads": 6}


def rows_of(tunes: Tunes) -> PackedRows:
    """Packed rows of the form "detail"."""
    return PackedRows(stage_dataset(FullDetailDataset, tunes.tokens(), ROW_LENGTH), ROW_LENGTH)


def run(kind: str, seed: int, steps: int, train: PackedRows, valid: PackedRows, state: Path) -> dict[str, Any]:
    """Train one model and measure it."""
    set_seed(seed)
    model = DetailGeneratorModel(DetailGeneratorConfig(**SIZE | ATTENTION_KINDS[kind]))
    shown = drawn(train, steps, seed)
    recipe = Recipe(epochs=1, learning_rate=2e-3, seed=seed)
    (point,) = Training(model, lambda _: shown, valid, recipe, state).run(f"{kind}, seed {seed},")
    return {
        "form": kind,
        "seed": seed,
        "steps": steps,
        "parameters": model.num_parameters(),
        "loss": point["held_out"],
        "minutes": point["minutes"],
    }


def table(results: list[dict[str, Any]]) -> str:
    """A line a kind: mean and standard deviation over the seeds, best first."""
    by_form: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        by_form.setdefault(result["form"], []).append(result)
    lines = []
    for kind, runs in by_form.items():
        losses = [result["loss"] for result in runs]
        spread = statistics.stdev(losses) if len(losses) > 1 else float("nan")
        minutes = statistics.mean(result["minutes"] for result in runs)
        lines.append(
            (
                statistics.mean(losses),
                f"{kind:15} {runs[0]['parameters']:11,} {len(runs):5} {statistics.mean(losses):9.4f} {spread:7.4f} "
                f"{minutes:8.1f}",
            )
        )
    head = f"{'form':15} {'parameters':>11} {'seeds':>5} {'nats':>9} {'+-':>7} {'minutes':>8}"
    return "\n".join([head, *(line for _, line in sorted(lines))])


def main() -> None:
    """Do the runs that are missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("runs/attention"), help="folder of the runs' results")
    parser.add_argument("--corpus", default="music21", help="as for remi-two-stage train")
    parser.add_argument("--steps", type=int, default=600, help=f"each a row of {ROW_LENGTH} tokens")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--kinds", nargs="+", choices=ATTENTION_KINDS, default=list(ATTENTION_KINDS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.output.mkdir(parents=True, exist_ok=True)
    corpus = load_corpus(options.corpus)
    corpus.require_held_out()
    train, valid = rows_of(corpus.train), rows_of(corpus.validation)
    results = []
    for seed in options.seeds:
        for kind in options.kinds:
            file = options.output / f"{kind}-{options.steps}-{seed}.json"
            if not file.exists():
                state = file.with_suffix(".state")
                result = run(kind, seed, options.steps, train, valid, state)
                write_whole(file, json.dumps(result, indent=2).encode() + b"\n")
                state.unlink()
            results.append(json.loads(file.read_text(encoding="utf-8")))
            print(f"{kind}, seed {seed}: {results[-1]['loss']:.4f} nats a token", flush=True)
    print(table(results))


if __name__ == "__main__":
    main()
