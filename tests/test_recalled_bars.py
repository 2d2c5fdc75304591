"""Bars of a tune that come back by its form are noticed, and composed tunes bring them back."""

from dataclasses import replace

from remi_two_stage import Composer, Request
from remi_two_stage.core.codec import encode_ids
from remi_two_stage.core.features import contents
from remi_two_stage.core.piece import Piece
from remi_two_stage.core.recalled_bars import RecalledBars
from remi_two_stage.core.sampling import Sampling
from remi_two_stage.core.sequences import detail_sequence, plan_sequence
from remi_two_stage.core.vocabulary import DETAIL, IDS
from remi_two_stage.scores.abc_reader import read_abc

POLKA = """X:1
R:polka
M:2/4
L:1/8
K:D
A | "D"dd fd | "G"Bd "A"cA | "D"dd fa | "A"ge ef | "D"dd fd | "G"Bd "A"cA | "G"Bg "A"fe | "D"d2 d :|
|: A | "D"fa af | "G"gb bg | "D"fa af | "A"ge eg | "D"fa af | "G"gb bg | "G"Bg "A"fe | "D"d2 d :|
"""


def tune() -> Piece:
    (piece,) = read_abc(POLKA)
    return piece.in_c()


def recalled(ids: list[int], family: str) -> list[bool]:
    """For each bar that is written, whether its tokens of a family are those that go on recalling a bar."""
    bars, found, form = [], [], RecalledBars()
    for token in ids:
        if token in IDS["structure"][-1:]:
            bars.append(found := [])
        elif token in IDS[family]:
            following = form.following()
            found.append(following is not None and following[0] == token)
        form.advance(token)
    return [bool(each) and all(each) for each in bars]


def test_a_phrase_begins_again_and_a_part_closes_as_the_one_before() -> None:
    ids = detail_sequence(encode_ids(tune()))
    bars = recalled(ids[ids.index(DETAIL) + 1 :], "Note-On")
    pickups = [0, 9]
    assert [at for at, is_recalled in enumerate(bars) if is_recalled] == [5, 6, 12, 14, 15, 16, 17]  # 12 says 10 again
    assert not any(bars[at] for at in pickups)


def test_parts_without_repeats_close_alike_too() -> None:
    (piece,) = read_abc(POLKA.replace(":|\n|:", "||\n").replace(":|", "|]"))
    ids = detail_sequence(encode_ids(piece.in_c()))
    bars = recalled(ids[ids.index(DETAIL) + 1 :], "Note-On")
    assert [at for at, is_recalled in enumerate(bars) if is_recalled] == [5, 6, 12, 14, 15, 16, 17]


def test_half_of_composed_strathspeys_go_on_without_a_repeat_and_hornpipes_repeat_their_parts() -> None:
    """Of real strathspeys of 16 bars 9 % have repeats, of hornpipes 99 %."""
    requests = [Request(style, key) for style in ("strathspey", "hornpipe") for key in ("A", "D", "Em", "G")] * 3
    plans = [plan.skeleton for plan in Composer.from_pretrained().plan_batch(requests, seed=9)]
    repeated = {"strathspey": 0, "hornpipe": 0}
    for plan in plans:
        repeated[str(plan.style)] += any(bar.repeat_end for bar in plan.bars)
    assert repeated["strathspey"] <= 8
    assert repeated["hornpipe"] >= 11


def test_chords_come_back_in_a_plan_and_notes_over_the_same_chords_alone() -> None:
    piece = tune()
    plan = plan_sequence(encode_ids(piece))
    bars = recalled(plan, "Chord")
    assert [at for at, is_recalled in enumerate(bars) if is_recalled] == [3, 5, 6, 12, 14, 15, 16, 17]
    other = replace(piece, bars=(*piece.bars[:5], replace(piece.bars[5], chords=piece.bars[4].chords), *piece.bars[6:]))
    ids = detail_sequence(encode_ids(other))
    assert not recalled(ids[ids.index(DETAIL) + 1 :], "Note-On")[5]


def test_a_second_ending_stands_in_place_of_the_first_one_and_songs_recall_nothing() -> None:
    endings = POLKA.replace(' | "D"d2 d :|\n|:', ' |1 "D"d2 d :|2 "D"d2 f ||\n|:').replace(
        '"D"d2 d :|\n', '"D"d2 f :|\n'
    )
    (piece,) = read_abc(endings)
    ids = detail_sequence(encode_ids(piece.in_c()))
    assert recalled(ids[ids.index(DETAIL) + 1 :], "Note-On")[-2:] == [True, True]
    song = detail_sequence(encode_ids(replace(tune(), style="song")))
    assert not any(recalled(song, "Note-On"))


def test_parts_of_composed_tunes_close_alike() -> None:
    styles, keys = ("jig", "reel", "hornpipe"), ("D", "G", "A", "Em")
    requests = 2 * [Request(style, key, bars=16) for style in styles for key in keys]

    def alike(**settings: float) -> float:
        pieces = Composer.from_pretrained().compose_batch(requests, seed=340, sampling=Sampling(**settings))
        bars = [[contents(bar) for bar in piece.bars if not bar.is_pickup] for piece in pieces]
        return sum(each[15] == each[7] for each in bars) / len(bars)

    assert alike() > alike(repetition=0.0) + 0.15
