"""Bars of a tune that have come often enough are noticed, and sampling goes on otherwise."""

from dataclasses import replace

from tunes import kesh_jig

from remi_two_stage.core.codec import encode_ids
from remi_two_stage.core.grammar_structure import BAR_START
from remi_two_stage.core.piece import Piece
from remi_two_stage.core.sequences import detail_sequence
from remi_two_stage.core.vocabulary import DETAIL, IDS
from remi_two_stage.core.worn_bars import WornBars


def worn_at_starts(bars: list[int]) -> list[bool]:
    """For every bar of a tune made of bars of the Kesh Jig, whether its first note would go on with a worn bar."""
    jig = kesh_jig()
    piece = replace(jig, bars=tuple(replace(jig.bars[index], repeat_start=False, repeat_end=False) for index in bars))
    worn, found, is_first = WornBars(), [], False
    ids = detail_sequence(encode_ids(piece))
    for at, token in enumerate(ids):
        if at > ids.index(DETAIL):
            is_first = is_first or token == BAR_START
            if is_first and token in IDS["Note-On"]:
                found.append(token in worn.following())
                is_first = False
        worn.advance(token)
    return found


def test_a_bar_is_worn_after_two_times_running_and_after_four_in_all() -> None:
    assert worn_at_starts([0, 0, 0, 1, 0]) == [False, False, True, False, False]
    assert worn_at_starts([0, 1, 0, 2, 0, 3, 0, 1, 0])[-1]
    assert not any(worn_at_starts([0, 1, 0, 1, 0, 1]))


def test_a_bar_that_goes_another_way_is_no_longer_worn() -> None:
    jig = kesh_jig()
    twice: Piece = replace(jig, bars=(jig.bars[0], jig.bars[0], jig.bars[1]))
    worn = WornBars()
    followed = []
    for token in detail_sequence(encode_ids(twice)):
        followed.append(bool(worn.following()))
        worn.advance(token)
    notes = [at for at, token in enumerate(detail_sequence(encode_ids(twice))) if token in IDS["Note-On"]]
    assert followed[notes[12]]  # A, as G would be the third time
    assert not followed[notes[13]]
