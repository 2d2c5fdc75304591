"""The JSB chorales: trains both stages on the training split alone, and reports nats per note cell, everything charged.

    python benchmarks/jsb.py train first                     a run; the same command goes on where it stopped
    python benchmarks/jsb.py train wide --detail 6x256 --dropout 0.2 --average 0.998 --minutes 120
    python benchmarks/jsb.py evaluate benchmarks/jsb         measure a model on every split but the one for training
    python benchmarks/jsb.py table                           all runs so far, beside the published figures

The chorales are `jsb/Jsb16thSeparated.public.json` in the folder that REMI_CORPORA names, or `--data`. A run learns
from `train`, chooses its best epoch, the temperature that is put into its weights, and how far copying is trusted
(`jsb_copying.py`) by `valid`, and measures `valid` and `test_public` (37 of the 77 test chorales) as `jsb_grids.py`
defines. It leaves `NAME/` with the model and `NAME.json`, one file a run, in the output folder. One thread, or as many
as OMP_NUM_THREADS says.
"""

from __future__ import annotations

import argparse
import json
import os
import random
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from jsb_copying import Copying
from jsb_grids import (
    PUBLISHED,
    Grid,
    GridReading,
    fitted_copying,
    grid_likelihood,
    piece_tokens,
    read_grids,
    read_pieces,
)
from short_training import PRECISIONS, Recipe, Training
from transformers import set_seed

from remi_two_stage.composing.checkpoint import load_model
from remi_two_stage.core.attention_kinds import ATTENTION_KINDS, DEFAULT_ATTENTION
from remi_two_stage.core.errors import CorpusError
from remi_two_stage.core.excerpt import moved_chords
from remi_two_stage.core.modeling_remi import BarPlannerModel, DetailGeneratorModel, TwoStageModel
from remi_two_stage.core.piece import Piece
from remi_two_stage.stage_data.datasets import BarChordDataset, FullDetailDataset, PackedRows

FILE = "jsb/Jsb16thSeparated.public.json"
TRAIN, VALID, TEST = "train", "valid", "test_public"
ROW_LENGTH = 2816
ANY_KEY = "any key"
"""Style of transposed copies, which tokens show as unknown: so that a chorale in its own key can be asked for."""


class Chorales:
    """Chorales as rows of either stage, drawn anew in each epoch where anything is random.

    Args:
        learnt: Else they are held out: nothing is random, and the chorales take the ways to count bars in turn.
    """

    def __init__(self, grids: list[Grid], reading: GridReading, options: argparse.Namespace, learnt: bool) -> None:
        self.barrings = [read_pieces(grid, reading) for grid in grids]
        self.reading, self.options, self.learnt = reading, options, learnt
        self._rows: dict[type, PackedRows] = {}

    def plans(self, epoch: int = 0) -> PackedRows:
        """Rows for the planner."""
        if self.reading.barring == "start" or not self.learnt:
            return self._kept(BarChordDataset)
        return PackedRows(BarChordDataset(self._tunes(self._drawn(self._draw(epoch)))), ROW_LENGTH)

    def details(self, epoch: int = 0) -> PackedRows:
        """Rows for the detail generator."""
        options = self.options
        orders = {"infilling": options.infilling, "voice_orders": options.voice_orders}
        if not self.learnt or not (any(orders.values()) or options.transposed or self.reading.barring == "any"):
            return self._kept(FullDetailDataset)
        draw = self._draw(epoch)
        pieces = [self._transposed(piece, draw) for piece in self._drawn(draw)]
        dataset = FullDetailDataset(self._tunes(pieces), seed=options.seed, **orders)
        dataset.set_epoch(epoch)
        return PackedRows(dataset, ROW_LENGTH)

    def _kept(self, kind: type) -> PackedRows:
        if kind not in self._rows:
            pieces = [ways[number % len(ways)] for number, ways in enumerate(self.barrings)]
            self._rows[kind] = Kept(kind(self._tunes(pieces)), ROW_LENGTH)
        return self._rows[kind]

    def _draw(self, epoch: int) -> random.Random:
        return random.Random(f"{self.options.seed} {epoch}")

    def _drawn(self, draw: random.Random) -> list[Piece]:
        return [draw.choice(ways) for ways in self.barrings]

    def _tunes(self, pieces: list[Piece]) -> list[list[int]]:
        return [piece_tokens(piece, self.reading) for piece in pieces]

    def _transposed(self, piece: Piece, draw: random.Random) -> Piece:
        """A chorale, perhaps transposed."""
        return moved(piece, draw.randrange(-5, 7)) if draw.random() < self.options.transposed else piece


class Kept(PackedRows):
    """Rows that are the same in each epoch, made once."""

    def __init__(self, pieces: Any, row_length: int) -> None:
        super().__init__(pieces, row_length)
        self._made = [super(Kept, self).__getitem__(index) for index in range(len(self.rows))]

    def __getitem__(self, index: int | None) -> dict[str, torch.Tensor]:
        return super().__getitem__(index) if index is None else self._made[index]


def moved(piece: Piece, semitones: int) -> Piece:
    """A piece whose notes and chords lie so many semitones from where its key says."""
    piece = piece.in_c()
    higher = piece.transpose(semitones)
    bars = [
        bar.with_music(bar.key, other.notes, moved_chords(bar.chords, semitones))
        for bar, other in zip(piece.bars, higher.bars, strict=True)
    ]
    return replace(piece, bars=tuple(bars), style=ANY_KEY)


def sizes(text: str) -> dict[str, Any]:
    """Fields of a config from "layers x width", such as 6x192; heads are 32 wide, the inner layer is four times as
    wide.
    """
    layers, width = map(int, text.split("x"))
    return {
        "num_hidden_layers": layers,
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_attention_heads": max(1, width // 32),
    }


def train(options: argparse.Namespace, grids: dict[str, list[Grid]]) -> dict[str, Any]:
    """Train both stages, save the model, and measure it."""
    reading = (
        GridReading.of(options.start_from)
        if options.start_from
        else GridReading(options.harmonic_rhythm, options.voices, options.barring, options.struck)
    )
    chorales = Chorales(grids[TRAIN], reading, options, learnt=True)
    held_out = Chorales(grids[VALID], reading, options, learnt=False)
    common = {
        "relative_attention": options.attention,
        "fourier_periods": options.fourier_periods,
        "max_position_embeddings": ROW_LENGTH,
    }
    set_seed(options.seed)
    planner, detail = (
        kind.from_pretrained(options.start_from / stage, hidden_dropout=dropout, dtype=torch.float32)
        if options.start_from
        else kind(kind.config_class(**sizes(size), **common, hidden_dropout=dropout))
        for stage, kind, size, dropout in (
            ("planner", BarPlannerModel, options.planner, options.planner_dropout),
            ("detail", DetailGeneratorModel, options.detail, options.dropout),
        )
    )
    shared = {
        "average": options.average,
        "seed": options.seed,
        "weight_decay": options.weight_decay,
        "calibrated": True,
        "precision": options.precision,
    }
    recipes = {
        "planner": Recipe(options.planner_epochs, 2e-3, patience=12, **shared),
        "detail": Recipe(options.epochs, options.learning_rate, options.minutes, patience=options.patience, **shared),
    }
    folder = options.output / options.name
    curves = {}
    for stage, model, rows in (("planner", planner, Chorales.plans), ("detail", detail, Chorales.details)):
        training = Training(model, partial(rows, chorales), rows(held_out), recipes[stage], folder / f"{stage}.state")
        curves[stage] = training.run(f"{options.name}, {stage},")
    model = TwoStageModel.from_stages(planner, detail).eval()
    model.to(torch.bfloat16).save_pretrained(folder)
    reading.save(folder)
    # What is measured is what was saved.
    model = TwoStageModel.from_pretrained(folder, dtype=torch.float32).eval()
    copying = fitted_copying(model, grids[VALID], reading)
    copying.save(folder)
    return {
        "options": {name: value for name, value in vars(options).items() if name not in ("output", "data", "command")},
        "parameters": model.num_parameters(),
        "results": {split: grid_likelihood(model, grids[split], reading, copying).to_dict() for split in (VALID, TEST)},
        "curves": curves,
    }


def evaluate(folder: Path, data: Path, split: str | None = None) -> dict[str, dict[str, float]]:
    """Measure the model in a folder on a split of a file of grids, or on every split but the one for training.

    Raises:
        CorpusError: there is no such split.
    """
    grids, reading = read_grids(data), GridReading.of(folder)
    splits = [name for name in grids if name == split or (split is None and name != TRAIN)]
    if not splits:
        raise CorpusError(f"{str(data)!r} has no split {split!r}; it has {', '.join(grids)}")
    model, copying = load_model(folder).eval(), Copying.of(folder)
    return {name: grid_likelihood(model, grids[name], reading, copying).to_dict() for name in splits}


def table(results: list[dict[str, Any]]) -> str:
    """All runs, best on valid first, then the published figures."""
    lines = [f"{'nats per note cell, everything charged':42} {'valid':>7} {'test':>7} {'plan':>7} {'parameters':>11}"]
    for result in sorted(results, key=lambda result: result["results"][VALID]["nats_per_cell"]):
        valid, test = result["results"][VALID], result["results"][TEST]
        lines.append(
            f"{result['options']['name']:42} {valid['nats_per_cell']:7.4f} {test['nats_per_cell']:7.4f} "
            f"{valid['plan']:7.4f} {result['parameters']:11,}"
        )
    return "\n".join([*lines, *(f"{name:42} {nats:7.3f}   {counted}" for name, nats, counted in PUBLISHED)])


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--output", type=Path, default=Path("runs/jsb"), help="folder of the runs")
    shared.add_argument("--data", type=Path, default=Path(os.environ.get("REMI_CORPORA", "."), FILE))
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("table", parents=[shared], help="print the runs so far")
    measuring = commands.add_parser("evaluate", parents=[shared], help="measure a model")
    measuring.add_argument("model", type=Path, help="its folder")
    measuring.add_argument("--split", help="such as test_public, if not every one but train")
    training = commands.add_parser("train", parents=[shared], help="do a run, or go on with it")
    training.add_argument("name", help="name of the run")
    _add_recipe(training)
    return parser.parse_args()


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    """The options of a run."""
    parser.add_argument(
        "--from", dest="start_from", type=Path, help="folder of a model to go on from, with its sizes and its reading"
    )
    parser.add_argument("--detail", default="6x192", help="layers x width of the detail generator")
    parser.add_argument("--planner", default="3x128", help="layers x width of the planner")
    parser.add_argument(
        "--attention", default=DEFAULT_ATTENTION, choices=ATTENTION_KINDS, help="kind of relative attention"
    )
    parser.add_argument("--fourier-periods", type=json.loads, help="as JSON, by coordinate, if not the form's own")
    parser.add_argument("--harmonic-rhythm", default="bar", choices=("bar", "beat", "none"))
    parser.add_argument("--voices", default="SATB", help="order in which a bar's voices are written")
    parser.add_argument("--barring", default="start", choices=("start", "any"), help="where bars are counted from")
    parser.add_argument("--struck", default="change", choices=("change", "beat"), help="where equal pitches are struck")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--planner-dropout", type=float, default=0.2)
    parser.add_argument("--average", type=float, default=0.0, help="decay of the moving average, such as 0.998")
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--epochs", type=int, default=27, help="of the detail generator, at most; 0 leaves it as it is")
    parser.add_argument("--planner-epochs", type=int, default=40, help="at most; 0 leaves the planner as it is")
    parser.add_argument("--patience", type=int, default=10, help="epochs without a better loss on valid")
    parser.add_argument("--minutes", type=float, help="processor time for the detail generator")
    parser.add_argument("--infilling", type=float, default=0.0, help="share of sequences with later bars in front")
    parser.add_argument("--voice-orders", type=float, default=0.0, help="share with another voice first")
    parser.add_argument("--transposed", type=float, default=0.0, help="share moved away from C, in an unknown style")
    parser.add_argument("--precision", default="float32", choices=PRECISIONS, help="of products in training")
    parser.add_argument("--seed", type=int, default=0)


def main() -> None:
    """Do what the command line says."""
    options = arguments()
    if options.command == "evaluate":
        print(json.dumps(evaluate(options.model, options.data, options.split), indent=2))
        return
    if options.command == "train":
        file = options.output / f"{options.name}.json"
        if not file.exists():
            result = train(options, read_grids(options.data))
            file.write_text(json.dumps(result, indent=2, default=str) + "\n", encoding="utf-8")
    print(table([json.loads(file.read_text(encoding="utf-8")) for file in sorted(options.output.glob("*.json"))]))


if __name__ == "__main__":
    main()
