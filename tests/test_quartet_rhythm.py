"""Players of a quartet have their own rhythms: one holds a note where others move."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from remi_two_stage import Composer, Piece, Request
from remi_two_stage.core.codec import encode_ids
from remi_two_stage.core.counterpoint_reader import VoiceLeading
from remi_two_stage.core.sequences import detail_sequence, in_writing_order
from remi_two_stage.core.vocabulary import DETAIL, IDS, token_id
from remi_two_stage.core.voices import QUARTET
from remi_two_stage.scores.abc_reader import read_abc

QUARTER, HALF, WHOLE = 24, 48, 96
ALL_TOGETHER = """X:1
M:4/4
L:1/4
K:C
V:V1
V:V2
V:Va clef=alto
V:Vc clef=bass
[V:V1] "C"c d e c | "G"d4 |]
[V:V2] E F G E | B4 |]
[V:Va] G, B, C G, | G,4 |]
[V:Vc] C, G, C, C, | G,4 |]
"""


def quartet(text: str = ALL_TOGETHER) -> Piece:
    (piece,) = read_abc(text)
    return replace(piece, voices=QUARTET)


def costs(piece: Piece, voice: str, lengths: Sequence[int]) -> list[float]:
    """What lengths of the first note of a voice cost."""
    ids = detail_sequence(in_writing_order(encode_ids(piece)))
    begin = ids.index(token_id("voice", voice), ids.index(DETAIL))
    leading = VoiceLeading("soft")
    for token in ids[: begin + 3]:
        leading.advance(token)
    first = IDS["Duration"].start - 1
    return leading.costs([range(first + ticks, first + ticks + 1) for ticks in lengths]) or [0.0] * len(lengths)


def one_rhythm(piece: Piece) -> list[bool]:
    """For each bar in which all play, whether they have one rhythm of more than one note."""
    rhythms = [[[(note.onset, note.duration) for note in notes] for notes in bar.notes] for bar in piece.bars]
    return [
        len(bar[0]) > 1 and all(rhythm == bar[0] for rhythm in bar) for bar in rhythms if all(rhythm for rhythm in bar)
    ]


def test_a_player_is_led_to_hold_where_all_others_move() -> None:
    """The viola is written last, the cello after the first violin; a voice that rests leads nobody."""
    lengths = (QUARTER, HALF, WHOLE)
    assert costs(quartet(), "Viola", lengths) == pytest.approx([1.6, 1.3, 0])
    assert costs(quartet(), "Cello", lengths) == pytest.approx([1.6, 1.3, 0])
    assert costs(quartet(), "Violin2", lengths) == pytest.approx([1.1, 0.8, 0])
    one_holds = ALL_TOGETHER.replace("E F G E", "G4")
    assert costs(quartet(one_holds), "Viola", lengths) == pytest.approx([0.6, 0.3, 0])
    assert costs(quartet(), "Violin1", lengths) == [0, 0, 0]


def test_composed_quartets_have_one_rhythm_in_all_voices_as_seldom_as_real_ones() -> None:
    requests = [Request("quartet", key, bars=8) for key in ("D", "G", "Bb", "F", "Am", "C") * 2]
    bars = [
        is_one for piece in Composer.from_pretrained().compose_batch(requests, seed=400) for is_one in one_rhythm(piece)
    ]
    assert sum(bars) < 0.1 * len(bars)
