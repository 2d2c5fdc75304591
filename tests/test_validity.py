"""What can be wrong with pieces and tokens, found without the grammar."""

from dataclasses import replace

import pytest
from tunes import kesh_jig

from remi_two_stage.core.codec import encode_ids, ids_of
from remi_two_stage.core.piece import Chord
from remi_two_stage.core.signatures import Meter
from remi_two_stage.evaluation.validity import TokenErrors, bar_errors, token_errors


def counts(errors: TokenErrors) -> tuple[int, int, int]:
    return errors.type, errors.time, errors.note


def test_a_real_tune_has_no_errors() -> None:
    jig = kesh_jig()
    assert counts(token_errors(encode_ids(jig))) == (0, 0, 0)
    assert set(bar_errors([(jig, Meter(6, 8), 8)]).rates().values()) == {0.0}


def test_the_tonic_and_the_bass_of_a_chord_are_no_errors() -> None:
    jig = kesh_jig().transpose(7)
    tokens = encode_ids(replace(jig, bars=tuple(replace(bar, chords=(Chord(0, "I", bass=4),)) for bar in jig.bars)))
    assert set(ids_of(["<Tonic=D>", "<Bass=4>"])) <= set(tokens)
    assert counts(token_errors(tokens)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("<Duration=12>", "<RelPos=12>", (2, 1, 0)),  # no duration; the position stands twice
        ("<RelPos=12>", "<RelPos=0>", (0, 1, 0)),
        ("<RelPos=60>", "<RelPos=72>", (0, 1, 0)),  # after the bar
        ("<BarStart>", "<PhraseStart>", (2, 1, 0)),  # no bar: nor is there a place in it
    ],
)
def test_errors_are_counted_by_kind(old: str, new: str, expected: tuple[int, int, int]) -> None:
    tokens = encode_ids(kesh_jig())
    old_id, new_id = ids_of([old, new])
    tokens[tokens.index(old_id)] = new_id
    errors = token_errors(tokens)
    assert (errors.type > 0, errors.time > 0, errors.note > 0) == tuple(count > 0 for count in expected)


def test_a_note_struck_while_it_sounds_is_an_error_also_over_a_barline() -> None:
    tokens = encode_ids(kesh_jig())
    note, short, long = ids_of(["<Note-On=72>", "<Duration=12>", "<Duration=96>"])
    tokens[tokens.index(short, tokens.index(note))] = long
    assert counts(token_errors(tokens))[2] > 0


def test_a_sequence_that_stops_early_is_an_error() -> None:
    assert token_errors(encode_ids(kesh_jig())[:-1]).type == 1


def test_rates_are_a_token_and_counts_add_up() -> None:
    errors = token_errors(encode_ids(kesh_jig())) + TokenErrors(tokens=10, time=3)
    assert errors.rates() == {"type": 0.0, "time": 3 / errors.tokens, "note": 0.0}


def test_wrong_bars_metres_and_lengths_are_found() -> None:
    jig = kesh_jig()
    assert bar_errors([(jig, Meter(4, 4), 9)]).rates() == {
        "wrong_meter": 1.0, "wrong_length": 0.0, "overfull": 0.0, "wrong_count": 1.0,
    }  # fmt: skip
    short = replace(jig, bars=(*jig.bars[:-1], replace(jig.bars[-1], length=36)))
    errors = bar_errors([(short, Meter(6, 8), 8)])
    assert (errors.wrong_length, errors.overfull) == (1, 1)


def test_a_pickup_and_its_complement_are_no_errors() -> None:
    bars = kesh_jig().bars
    pickup = replace(bars[0], length=12, is_pickup=True, notes=(bars[0].notes[0][:1],))
    last = replace(bars[-1], length=60)
    piece = replace(kesh_jig(), bars=(pickup, *bars[1:-1], last))
    assert bar_errors([(piece, Meter(6, 8), 7)]).rates()["wrong_length"] == 0.0
