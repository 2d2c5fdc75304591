"""What chorales on a sixteenth-note grid cost a model, checked against computations of its own."""

import json
import math
import os
from argparse import Namespace
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest
import torch
from jsb import Chorales, evaluate
from jsb_grids import (
    Grid,
    GridReading,
    grid_likelihood,
    grid_of_piece,
    learnt_detail,
    piece_of_grid,
    piece_tokens,
    read_grids,
    read_pieces,
)

from remi_two_stage.composing.checkpoint import EMBEDDED
from remi_two_stage.core.codec import decode_ids, names_of
from remi_two_stage.core.configuration_remi import BarPlannerConfig, DetailGeneratorConfig
from remi_two_stage.core.errors import CorpusError, RequestError, ScoreFormatError
from remi_two_stage.core.grammar import Grammar, SequenceKind
from remi_two_stage.core.modeling_remi import BarPlannerModel, DetailGeneratorModel, TwoStageModel
from remi_two_stage.core.piece import Piece
from remi_two_stage.core.sequences import plan_sequence
from remi_two_stage.core.vocabulary import DETAIL

SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
READINGS = [
    GridReading(),
    GridReading("beat"),
    GridReading("beat", "SBAT"),
    GridReading("none", "BSAT"),
    GridReading(struck="beat"),
    GridReading(barring="any", struck="beat"),
]


@cache
def old_hundredth() -> Grid:
    """The first line of Old Hundredth as four parts: a quarter note of silence, then quarter notes, and a passing
    note in the tenor; 37 steps.
    """
    chords = [
        (67, 62, 59, 55), (67, 62, 59, 55), (66, 62, 57, 50), (64, 60, 55, 48), (62, 59, 55, 47), (67, 62, 59, 43),
        (69, 62, 57, 42), (71, 62, 55, 43),
    ]  # fmt: skip
    grid = [[-1] * 4] * 4 + [list(chord) for chord in chords for _ in range(4)] + [[71, 62, 57, 43]]
    grid[10][2] = grid[11][2] = 58
    return grid


def model(seed: int | None) -> TwoStageModel:
    """Small stages with random weights, or, without a seed, ones that find every token equally likely."""
    torch.manual_seed(seed or 0)
    planner = BarPlannerModel(BarPlannerConfig(**SIZES))
    both = TwoStageModel.from_stages(planner, DetailGeneratorModel(DetailGeneratorConfig(**SIZES))).eval()
    for parameter in both.parameters() if seed is None else ():
        torch.nn.init.zeros_(parameter)
    return both


def sequences(piece: Piece, reading: GridReading) -> list[tuple[SequenceKind, list[int]]]:
    tokens = piece_tokens(piece, reading)
    return [("plan", plan_sequence(tokens)), ("detail", learnt_detail(tokens))]


@pytest.mark.parametrize("reading", READINGS)
def test_what_is_charged_is_what_is_learnt(reading: GridReading) -> None:
    chorales = Chorales([old_hundredth()], reading, Namespace(infilling=0, voice_orders=0), learnt=False)
    plan, detail = (rows[0]["input_ids"].tolist() for rows in (chorales.plans(), chorales.details()))
    assert sequences(read_pieces(old_hundredth(), reading)[0], reading) == [("plan", plan), ("detail", detail)]


@pytest.mark.parametrize("reading", READINGS)
def test_a_grid_comes_back_from_its_tokens(reading: GridReading) -> None:
    grid = old_hundredth()
    pieces = read_pieces(grid, reading)
    for piece in pieces:
        assert grid_of_piece(piece) == grid
        assert grid_of_piece(decode_ids(piece_tokens(piece, reading)).from_c(piece.keys)) == grid
    lengths = [[bar.length for bar in piece.bars] for piece in pieces]
    assert lengths == [[96, 96, 30], [24, 96, 96, 6], [48, 96, 78], [72, 96, 54]][: len(pieces)]
    assert len(pieces) == (4 if reading.barring == "any" else 1)


def test_equal_pitches_are_one_note_over_barlines_too() -> None:
    piece = piece_of_grid([[60, 55, 52, 48]] * 20)
    assert piece.note_list() == [
        ("S", 0, 5, 60), ("A", 0, 5, 55), ("T", 0, 5, 52), ("B", 0, 5, 48),
    ]  # fmt: skip


def test_equal_pitches_can_be_struck_on_each_beat() -> None:
    grid = [[60, 55, 52, 48]] * 6 + [[62, 55, 52, 48]] * 5
    notes = piece_of_grid(grid, "beat").note_list()
    half = Fraction(1, 2)
    assert [note for note in notes if note[0] == "S"] == [
        ("S", 0, 1, 60), ("S", 1, half, 60), ("S", 1 + half, half, 62), ("S", 2, 3 * half / 2, 62),
    ]  # fmt: skip
    assert [note for note in notes if note[0] == "B"] == [("B", 0, 1, 48), ("B", 1, 1, 48), ("B", 2, 3 * half / 2, 48)]


def logarithm_of_choices(piece: Piece) -> float:
    """What a piece costs a model without opinions, the tonic included."""
    total = math.log(12)
    for kind, ids in sequences(piece, GridReading()):
        grammar = Grammar(kind)
        for index, token in enumerate(ids):
            choices = sum(len(choice) for choice in grammar.allowed)
            if kind == "plan" or index > ids.index(DETAIL):
                total += math.log(choices)
            grammar.advance(token)
    return total


def test_a_model_without_opinions_pays_the_logarithm_of_its_choices() -> None:
    grid, reading = old_hundredth(), GridReading()
    expected = logarithm_of_choices(read_pieces(grid, reading)[0])
    result = grid_likelihood(model(None), [grid], reading)
    assert result.nats == pytest.approx(expected, rel=1e-5)
    assert result.cells == 4 * 37
    assert result.nats_per_cell == pytest.approx(expected / (4 * 37), rel=1e-5)


@pytest.mark.parametrize("reading", READINGS)
def test_the_charge_is_the_probability_of_the_tokens_one_by_one(reading: GridReading) -> None:
    """Token by token: logits of a prefix alone, minus infinity for what the grammar forbids, a plain softmax. Where
    bars may be counted in several ways, the sum of their probabilities.
    """
    grid, both = old_hundredth(), model(3)
    logarithms = []
    for piece in read_pieces(grid, reading):
        logarithms.append(-math.log(12))
        for kind, ids in sequences(piece, reading):
            stage = both.planner if kind == "plan" else both.detail
            with torch.inference_mode():
                logits = stage(input_ids=torch.tensor([ids])).logits[0].double()
            grammar = Grammar(kind)
            for index, token in enumerate(ids):
                if index > (0 if kind == "plan" else ids.index(DETAIL)):
                    allowed = [id for choice in grammar.allowed for id in choice]
                    probabilities = dict(zip(allowed, logits[index - 1, allowed].softmax(0).tolist(), strict=True))
                    logarithms[-1] += math.log(probabilities[token])
                grammar.advance(token)
    result = grid_likelihood(both, [grid], reading)
    assert result.nats == pytest.approx(-torch.tensor(logarithms, dtype=torch.float64).logsumexp(0).item(), rel=1e-5)
    parts = result.to_dict()
    shares = [parts[name] for name in ("plan", "detail", "copying", "key", "other_barrings")]
    assert sum(shares) == pytest.approx(parts["nats_per_cell"])
    assert (parts["other_barrings"] < 0) == (reading.barring == "any")


def test_ways_to_count_bars_that_are_the_same_tokens_count_once() -> None:
    """Two beats are one pick-up of two beats, whether two or three are asked for."""
    grid, reading = old_hundredth()[4:12], GridReading(barring="any")
    pieces = read_pieces(grid, reading)
    assert pieces[2] == pieces[3]
    expected = -math.log(sum(math.exp(-logarithm_of_choices(piece)) for piece in pieces[:3]))
    assert grid_likelihood(model(None), [grid], reading).nats == pytest.approx(expected, rel=1e-5)


def test_transposed_chorales_cost_the_same_and_several_add_up() -> None:
    grid, both = old_hundredth(), model(1)
    higher = [[pitch + 2 if pitch >= 0 else pitch for pitch in step] for step in grid]
    one, other = (grid_likelihood(both, [each], GridReading()) for each in (grid, higher))
    assert other.nats == pytest.approx(one.nats, rel=1e-6)
    both_grids = grid_likelihood(both, [grid, higher], GridReading())
    assert both_grids.nats == pytest.approx(one.nats + other.nats)
    assert both_grids.cells == 2 * one.cells


def test_globals_are_charged() -> None:
    """Style, metre, mode, number of bars and voices are tokens of the plan that the planner has to guess."""
    (_, plan), _ = sequences(read_pieces(old_hundredth(), GridReading())[0], GridReading())
    assert names_of(plan[1:5]) == ["<Style=chorale>", "<time=4/4>", "<key=Cmaj>", "<Bars=3>"]
    uniform = grid_likelihood(model(None), [old_hundredth()], GridReading()).plan
    assert uniform > math.log(64)


def test_grids_are_read_from_json_by_split(tmp_path: Path) -> None:
    path = tmp_path / "chorales.json"
    path.write_text(json.dumps({"valid": [old_hundredth()], "valid_index": [3, 5]}), encoding="utf-8")
    assert read_grids(path) == {"valid": [old_hundredth()]}
    path.write_text(json.dumps([old_hundredth()]), encoding="utf-8")
    assert read_grids(path) == {"all": [old_hundredth()]}


@pytest.mark.parametrize("text", ["{", "[[1, 2]]", '{"train": [[[60, 55, 52]]]}', "[[[60, 55, 52, 200]]]", "[]"])
def test_what_is_no_grid_says_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScoreFormatError, match=r"other\.json.*(no note grids|give a JSON file)"):
        read_grids(path)


def test_a_reading_is_kept_beside_the_model_and_checked(tmp_path: Path) -> None:
    assert GridReading.of(tmp_path) == GridReading()
    GridReading("beat", "SBTA").save(tmp_path)
    assert GridReading.of(tmp_path) == GridReading("beat", "SBTA")
    with pytest.raises(RequestError, match="SATT"):
        GridReading("bar", "SATT")
    with pytest.raises(RequestError, match="hour"):
        GridReading("hour")  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="middle"):
        GridReading(barring="middle")  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="second"):
        GridReading(struck="second")  # type: ignore[arg-type]


@pytest.mark.skipif("REMI_CORPORA" not in os.environ, reason="REMI_CORPORA names no folder of extra corpora")
def test_the_public_chorales_come_back_from_their_tokens() -> None:
    grids = read_grids(Path(os.environ["REMI_CORPORA"]) / "jsb" / "Jsb16thSeparated.public.json")
    assert {name: len(split) for name, split in grids.items()} == {"train": 229, "valid": 76, "test_public": 37}
    reading = GridReading("beat", "SBAT", "any", "beat")
    for grid in grids["valid"][::8] + grids["test_public"][::8]:
        for piece in read_pieces(grid, reading):
            assert grid_of_piece(decode_ids(piece_tokens(piece, reading)).from_c(piece.keys)) == grid


def test_splits_are_charged_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "chorales.json"
    grid = [[67, 62, 59, 43]] * 8 + [[69, 66, 62, 50]] * 8
    path.write_text(json.dumps({"train": [grid], "valid": [grid]}), encoding="utf-8")
    assert list(evaluate(EMBEDDED, path)) == ["valid"]
    result = evaluate(EMBEDDED, path, "train")["train"]
    assert result["cells"] == 64
    assert result["nats_per_cell"] == pytest.approx(result["plan"] + result["detail"] + math.log(12) / 64)
    with pytest.raises(CorpusError, match="it has train, valid"):
        evaluate(EMBEDDED, path, "test")
