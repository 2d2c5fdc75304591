"""What copying takes off, on a line of Old Hundredth sung twice, checked against a search of its own."""

import math
from pathlib import Path

import pytest
import torch
from jsb_copying import CONTEXTS, Copying, Forecast, forecasts
from jsb_grids import GridReading, fitted_copying, grid_likelihood, learnt_detail, piece_tokens, read_pieces
from test_jsb_grids import model, old_hundredth

from remi_two_stage.core.grammar import Grammar
from remi_two_stage.core.vocabulary import DETAIL

READING = GridReading("none", "BSAT", struck="beat")
SHARES = {48: 0.9, 24: 0.6, 12: 0.2}
LINE = old_hundredth()[4:36]
"""Two bars."""


def test_the_charge_is_a_probability_that_knows_what_came_before() -> None:
    """Token by token: a softmax over what the grammar allows, and a share of the token that was searched for among all
    earlier places, the latest first.
    """
    grid, both = LINE * 3, model(3)
    ids = learnt_detail(piece_tokens(read_pieces(grid, READING)[0], READING))
    with torch.inference_mode():
        logits = both.detail(input_ids=torch.tensor([ids])).logits[0].double()
    grammar, expected, copied = Grammar("detail"), 0.0, 0
    for place, token in enumerate(ids):
        allowed = [id for choice in grammar.allowed for id in choice]
        if place > ids.index(DETAIL) and len(allowed) > 1:
            mixed = dict(zip(allowed, logits[place - 1, allowed].softmax(0).tolist(), strict=True))
            for length in CONTEXTS:
                same = [end for end in range(length, place) if ids[end - length : end] == ids[place - length : place]]
                if same:
                    follows, share = ids[same[-1]], SHARES[length]
                    if follows in mixed:
                        mixed = {id: (1 - share) * p + share * (id == follows) for id, p in mixed.items()}
                        copied += 1
                    break
            assert sum(mixed.values()) == pytest.approx(1)
            expected -= math.log(mixed[token])
        grammar.advance(token)
    assert copied > 40
    result = grid_likelihood(both, [grid], READING, Copying(SHARES))
    assert result.detail - result.copied == pytest.approx(expected, rel=1e-5)
    assert result.copied > 50  # a line that was heard before is nearly given


def test_music_that_never_comes_back_costs_the_same() -> None:
    tokens = piece_tokens(read_pieces(LINE[::4], READING)[0], READING)
    assert set(forecasts(learnt_detail(tokens), "detail")) == {None}
    by_itself, helped = (
        grid_likelihood(model(3), [LINE[::4]], READING, copying) for copying in (None, Copying(SHARES))
    )
    assert by_itself == helped


def test_shares_are_the_likeliest_ones() -> None:
    """Nine in ten forecasts are right, and the model gives each token a tenth: 9 * 0.9 (1 - s) = 0.1 (1 - s) + s."""
    tokens = [(-math.log(0.1), Forecast(24, number % 10 > 0)) for number in range(200)]
    fitted = Copying.fitted([*tokens, (1.0, None)])
    assert fitted.shares == pytest.approx({48: 0, 24: 8 / 9, 12: 0}, abs=1e-3)
    assert Copying.fitted([(0.0, Forecast(12, False))] * 20).shares[12] == pytest.approx(0)


def test_how_far_a_model_trusts_it_is_kept_beside_it(tmp_path: Path) -> None:
    assert Copying.of(tmp_path) == Copying()
    copying = fitted_copying(model(3), [LINE * 3], READING)
    assert copying.shares[48] > 0.9
    copying.save(tmp_path)
    assert Copying.of(tmp_path) == copying
