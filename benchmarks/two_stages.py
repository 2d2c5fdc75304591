"""Two stages against one, at the same parameters, data, steps and seeds: does planning first pay?

    python benchmarks/two_stages.py [--rows tunes] [--steps 400] [--seeds 0 1 2] [--output runs/two_stages]

The two-stage kind: a planner with an eighth of the parameters writes the plan of the whole tune, a detail generator
reads it before it writes the notes. The single-stage one is a detail generator that writes each bar's
header and then its notes, as wide as it takes to have as many parameters as both stages together. A third kind, `large
planner`, has the same parameters as well, a third of them in the planner. Folk tunes and chorales (four voices) are
measured apart. Every model learns for `--steps` steps of one row, 2,048 tokens of the single stage and of the planner,
and is taken as it was when it was best on held-out tunes. With `--rows tunes` the detail generator's rows are longer by
what the plan in front adds, so that a step shows as many tunes to it as to the single stage; with `--rows tokens` they
have 2,048 tokens as well, and fewer tunes. A run takes about ten minutes of processor time and leaves one JSON file;
the command goes on where it was stopped. Printed are means and standard deviations over the seeds of: nats a note (plan
and notes together, so that neither kind gets anything for free), what pitches and chords cost of it, chord tones on
strong beats and chords heard in composed pieces, and how far repeated bars and cadences are from real held-out music.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from short_training import Recipe, Training, drawn
from transformers import set_seed

from remi_two_stage.composing.composer import Composer
from remi_two_stage.core.codec import decode_ids
from remi_two_stage.core.configuration_remi import BarPlannerConfig, DetailGeneratorConfig
from remi_two_stage.core.features import repeated_bars
from remi_two_stage.core.modeling_remi import BarPlannerModel, DetailGeneratorModel, TwoStageModel
from remi_two_stage.core.piece import Piece
from remi_two_stage.core.request import Request
from remi_two_stage.core.sequences import SEQUENCE_OF, first_bar
from remi_two_stage.core.vocabulary import IDS, token_id
from remi_two_stage.core.voices import FOUR_PARTS
from remi_two_stage.corpus.preparation import load_corpus
from remi_two_stage.corpus.prepared import Tunes
from remi_two_stage.evaluation.adherence import adherence
from remi_two_stage.evaluation.phrasing import cadences
from remi_two_stage.evaluation.statistics import spread
from remi_two_stage.evaluation.token_losses import token_losses
from remi_two_stage.stage_data.datasets import (
    BarChordDataset,
    FullDetailDataset,
    PackedRows,
    SingleStageDataset,
    StageDataset,
    stage_dataset,
)
from remi_two_stage.training.arguments import LEARNING_RATES

ROW_LENGTH = 2048
ROWS = ("tunes", "tokens")
MATERIALS = ("folk", "chorales")
TWO_STAGE, SINGLE_STAGE, LARGE_PLANNER = KINDS = ("two-stage", "single-stage", "large planner")
STAGE_SIZES = {
    TWO_STAGE: (
        {"num_hidden_layers": 2, "hidden_size": 96, "intermediate_size": 384, "num_attention_heads": 3},
        {"num_hidden_layers": 4, "hidden_size": 224, "intermediate_size": 896, "num_attention_heads": 7},
    ),
    LARGE_PLANNER: (
        {"num_hidden_layers": 4, "hidden_size": 128, "intermediate_size": 512, "num_attention_heads": 4},
        {"num_hidden_layers": 4, "hidden_size": 192, "intermediate_size": 768, "num_attention_heads": 6},
    ),
}
"""(planner, detail generator) of the kinds that have both."""
SINGLE_SIZE = {"num_hidden_layers": 4, "hidden_size": 240, "intermediate_size": 960, "num_attention_heads": 6}
ROUNDS = 5
"""Times that a run is measured on held-out tunes."""
VOICES = {token_id("voice", name) for name in FOUR_PARTS}
HELD_OUT, COMPOSED = 60, 24


def material_of(tunes: Tunes, training_data: str) -> list[list[int]]:
    """Token ids of the melodies, or of the pieces in four parts, of a split."""
    return [ids for ids in tunes.tokens() if (set(ids) >= VOICES) == (training_data == "chorales")]


def rows(kind: type[StageDataset], tunes: Iterable[list[int]], row_length: int = ROW_LENGTH) -> PackedRows:
    """Packed rows of a stage, of tunes cut as for rows of 2,048 tokens; nothing is random."""
    return PackedRows(stage_dataset(kind, tunes, ROW_LENGTH), row_length)


def row_length(stage: str, tunes: list[list[int]], of: str) -> int:
    """Tokens in a row that a stage learns from; of the detail generator's, if it is to hold as many tunes as one of the
    single stage, more.
    """
    if stage != "detail" or of == "tokens":
        return ROW_LENGTH
    lengths = {name: sum(stage_dataset(DATASETS[name], tunes, ROW_LENGTH).lengths) for name in ("detail", "single")}
    return round(ROW_LENGTH * lengths["detail"] / lengths["single"])


def models(kind: str, seed: int) -> dict[str, Any]:
    """Untrained models by the dataset that each learns from."""
    set_seed(seed)
    common: dict[str, Any] = {"max_position_embeddings": 2 * ROW_LENGTH}
    if kind == SINGLE_STAGE:
        return {"single": DetailGeneratorModel(DetailGeneratorConfig(**SINGLE_SIZE | common, has_plan=False))}
    planner, detail = STAGE_SIZES[kind]
    return {
        "planner": BarPlannerModel(BarPlannerConfig(**planner | common)),
        "detail": DetailGeneratorModel(DetailGeneratorConfig(**detail | common)),
    }


DATASETS: dict[str, type[StageDataset]] = {
    "planner": BarChordDataset,
    "detail": FullDetailDataset,
    "single": SingleStageDataset,
}


def run(kind: str, training_data: str, seed: int, options: argparse.Namespace, state: Path) -> dict[str, Any]:
    """Train one kind on one set of tunes, and measure it."""
    corpus = load_corpus(options.data)
    corpus.require_held_out()
    train, valid, test = (material_of(corpus.split(name), training_data) for name in ("train", "validation", "test"))
    stages = models(kind, seed)
    for name, model in stages.items():
        length = row_length(name, train, options.rows)
        learnt, held_out = rows(DATASETS[name], train, length), rows(DATASETS[name], valid)
        rounds = [drawn(learnt, options.steps // ROUNDS, ROUNDS * seed + number) for number in range(ROUNDS)]
        recipe = Recipe(ROUNDS, LEARNING_RATES["tiny"], seed=seed)
        training = Training(model, rounds.__getitem__, held_out, recipe, state / name)
        training.run(f"{kind}, {training_data}, seed {seed}, {name},")
        model.eval()
    return {
        "kind": kind,
        "material": training_data,
        "seed": seed,
        "steps": options.steps,
        "rows": options.rows,
        "parameters": sum(model.num_parameters() for model in stages.values()),
        **costs(stages, test[:HELD_OUT]),
        **composed(stages, test[:COMPOSED], seed),
    }


def costs(stages: dict[str, Any], tunes: Iterable[list[int]]) -> dict[str, float]:
    """All that a tune costs, under the mask, divided by its notes, and its pitches and its chords of that."""
    sums, notes = {"nats_per_note": 0.0, "pitches": 0.0, "chords": 0.0}, 0
    for ids in tunes:
        for stage, model in stages.items():
            kind = DATASETS[stage].kind
            losses = token_losses(model, SEQUENCE_OF[kind](ids), kind)
            for token, nats in zip(losses.tokens.tolist(), losses.masked_nats.tolist(), strict=True):
                sums["nats_per_note"] += nats
                sums["pitches"] += nats * (token in IDS["Note-On"])
                sums["chords"] += nats * (token in IDS["Chord"])
        notes += sum(token in IDS["Note-On"] for token in ids)
    return {name: nats / max(1, notes) for name, nats in sums.items()}


def composed(stages: dict[str, Any], tunes: list[list[int]], seed: int) -> dict[str, float]:
    """Adherence and structure of pieces composed like held-out tunes."""
    real = [decode_ids(tune) for tune in tunes]
    if "single" in stages:
        pieces = [alone(stages["single"], each, seed + number) for number, each in enumerate(tunes)]
    else:
        composer = Composer(TwoStageModel.from_stages(stages["planner"], stages["detail"]))
        requests = [
            Request(piece.style, piece.key, piece.meter, piece.bar_count, piece.tempo, piece.voices)
            for piece in real
            if piece.meter is not None and piece.bar_count <= 64 and piece.style != "unk"
        ]
        pieces = composer.compose_batch(requests, seed=seed)
    followed = adherence(pieces)
    distances = {
        name: (found := spread(of, pieces, real)).generated - found.real
        for name, of in {"repeated_bars": repeated_bars, "cadences": cadences}.items()
    }
    return {"chord_tones": followed.chord_tone_share, "heard": followed.heard_share} | distances


def alone(model: DetailGeneratorModel, tune: list[int], seed: int) -> Piece:
    """A piece that the single stage writes after a tune's globals."""
    torch.manual_seed(seed)
    prompt = torch.tensor([tune[: first_bar(tune)]])
    written = model.generate(prompt, do_sample=True, top_k=0, top_p=0.95, max_length=4 * ROW_LENGTH)[0].tolist()
    return decode_ids(written)


def table(results: list[dict[str, Any]]) -> str:
    """A line for each kind and set of tunes: means and standard deviations over the seeds."""
    columns = ("nats_per_note", "pitches", "chords", "chord_tones", "heard", "repeated_bars", "cadences")
    lines = [f"{'':24} {'parameters':>11} {'seeds':>5} " + " ".join(f"{name:>16}" for name in columns)]
    for training_data in MATERIALS:
        for kind in KINDS:
            found = [result for result in results if (result["kind"], result["material"]) == (kind, training_data)]
            if not found:
                continue
            cells = [[result[name] for result in found] for name in columns]
            numbers = " ".join(map(mean_and_deviation, cells))
            lines.append(f"{training_data + ', ' + kind:24} {found[0]['parameters']:11,} {len(found):5} {numbers}")
    return "\n".join(lines)


def mean_and_deviation(values: list[float]) -> str:
    """Over the seeds where the number is defined."""
    known = [value for value in values if not math.isnan(value)]
    return f"{fmean(known):9.4f} ±{pstdev(known):5.3f}" if known else f"{'-':>16}"


def main() -> None:
    """Do the runs that are missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("runs/two_stages"), help="folder of the runs' results")
    parser.add_argument("--data", default="music21", help="a corpus as for remi-two-stage train")
    parser.add_argument("--rows", choices=ROWS, default=ROWS[0], help="what a step shows equally much of to all kinds")
    parser.add_argument("--steps", type=int, default=400, help="of every model")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--materials", nargs="+", choices=MATERIALS, default=list(MATERIALS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.output.mkdir(parents=True, exist_ok=True)
    for seed in options.seeds:
        for training_data in options.materials:
            for kind in options.kinds:
                name = f"{kind}-{training_data}-{options.rows}-{options.steps}-{seed}"
                file = options.output / f"{name}.json"
                if not file.exists():
                    result = run(kind, training_data, seed, options, options.output / name)
                    file.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    files = sorted(options.output.glob(f"*-{options.rows}-{options.steps}-*.json"))
    print(table([json.loads(file.read_text(encoding="utf-8")) for file in files]))


if __name__ == "__main__":
    main()
