"""How rewritten bars are measured where they join the tune."""

from dataclasses import replace
from pathlib import Path

import pytest

from remi_two_stage.composing.composer import Composer
from remi_two_stage.core.piece import Note, Piece
from remi_two_stage.evaluation.seams import SEAMS, Joined, leaps, rewritten
from remi_two_stage.scores.abc_reader import read_abc

TUNE = "X:1\nM:4/4\nL:1/4\nK:C\n" + "|".join(("CDEF", "GABc", "cBAG", "FEDC", "CEGc", "cGEC", "CDEF", "GFEC")) + "|]\n"


@pytest.fixture(scope="module")
def tune(tmp_path_factory: pytest.TempPathFactory) -> Piece:
    path: Path = tmp_path_factory.mktemp("tunes") / "tune.abc"
    path.write_text(TUNE)
    return read_abc(path)[0]


def high(tune: Piece, by: int) -> Piece:
    """The tune with its third to sixth bar moved up."""
    bars = [
        replace(bar, notes=(tuple(replace(note, pitch=note.pitch + by) for note in bar.notes[0]),))
        if index in range(2, 6)
        else bar
        for index, bar in enumerate(tune.bars)
    ]
    return replace(tune, bars=tuple(bars))


def test_leaps_are_those_over_both_seams(tune: Piece) -> None:
    assert list(leaps(Joined(tune, 2, 6, tune))) == [0, 0]
    assert list(leaps(Joined(high(tune, 10), 2, 6, tune))) == [10, 10]
    assert SEAMS["leaps over a sixth"].count(Joined(high(tune, 10), 2, 6, tune)) == (2, 2)
    assert SEAMS["leap at seams"].count(Joined(high(tune, 3), 2, 6, tune)) == (6, 2)


def test_new_bars_may_go_a_third_beyond_the_range_of_the_tune(tune: Piece) -> None:
    count = SEAMS["within the range"].count
    assert [count(Joined(high(tune, by), 2, 6, tune)) for by in (0, 4, 5)] == [(1, 1), (1, 1), (0, 1)]


def test_ranges_and_lengths_are_those_of_the_four_bars(tune: Piece) -> None:
    assert SEAMS["range"].count(Joined(tune, 2, 6, tune)) == (12, 1)
    assert SEAMS["note length"].count(Joined(tune, 2, 6, tune)) == (16 * 24, 16 * 24)


def test_a_silent_bar_has_no_seams(tune: Piece) -> None:
    silent = replace(tune, bars=tuple(replace(bar, notes=((),)) for bar in tune.bars))
    assert list(leaps(Joined(silent, 2, 6, tune))) == []
    assert SEAMS["range"].count(Joined(silent, 2, 6, tune)) is None


def test_four_bars_of_each_tune_are_rewritten(tune: Piece) -> None:
    short = replace(tune, bars=tune.bars[:5])
    two = replace(
        tune, voices=("S", "B"), bars=tuple(replace(bar, notes=(*bar.notes, (Note(0, 48, 96),))) for bar in tune.bars)
    )
    new, own = rewritten(Composer.from_pretrained(), [short, two, tune], count=2, seed=1)
    (one,) = new
    assert (one.stop - one.first, own[0].piece) == (4, tune)
    assert 0 < one.first < one.stop < len(tune.bars)
    changed = {
        index for index, (bar, was) in enumerate(zip(one.piece.bars, tune.bars, strict=True)) if bar.notes != was.notes
    }
    assert changed
    assert changed <= set(range(one.first, one.stop))
