"""Lines of hymns that come back are noticed, and composed hymns bring them back."""

from collections.abc import Sequence
from dataclasses import replace

from remi_two_stage import Composer, Request
from remi_two_stage.core.codec import encode_ids
from remi_two_stage.core.features import contents
from remi_two_stage.core.piece import Piece
from remi_two_stage.core.recalled_lines import RecalledLines
from remi_two_stage.core.sampling import Sampling
from remi_two_stage.core.sequences import detail_sequence, in_writing_order, plan_sequence
from remi_two_stage.core.vocabulary import IDS
from remi_two_stage.scores.abc_reader import read_abc

HYMN_TO_JOY = """X:1
T:Joyful, joyful, we adore thee
C:Beethoven
R:hymn
M:4/4
L:1/4
%%score [S B]
V:S
V:B clef=bass
K:C
[V:S] "C"EE FG | "G"GF ED | "C"CC DE | "C"E>D "G"D2 | "C"EE FG | "G"GF ED | "C"CC DE | "G"D>C "C"C2 |
[V:B] C2 D,E, | G,2 G,2 | C,2 B,,C, | G,2 G,2 | C2 D,E, | G,2 G,2 | C,2 B,,C, | G,2 C,2 |
[V:S] "G"DD EC | "G"DE/F/ EC | "G"DE/F/ ED | "C"CD "G"G,2 | "C"EE FG | "G"GF ED | "C"CC DE | "G"D>C "C"C2 |]
[V:B] G,2 G,2 | G,2 G,2 | G,2 G,2 | A,D, G,2 | C2 D,E, | G,2 G,2 | C,2 B,,C, | G,2 C,2 |]
"""


def hymn(second_line: str = '"C"EE FG | "G"GF ED | "C"CC DE | "G"D>C') -> Piece:
    """The hymn, whose lines are AABA, or with another second line in the melody."""
    (piece,) = read_abc(HYMN_TO_JOY.replace('"C"EE FG | "G"GF ED | "C"CC DE | "G"D>C', second_line, 1))
    return piece


def recalled(ids: Sequence[int], family: str) -> list[int]:
    """The bars, from 1, whose tokens of a family are all those that go on recalling a line."""
    bars: list[list[bool]] = []
    lines = RecalledLines()
    for token in ids:
        if token in IDS["structure"][-1:]:
            bars.append([])
        elif token in IDS[family] and bars:
            following = lines.following()
            bars[-1].append(following is not None and following[0] == token)
        lines.advance(token)
    return [number for number, found in enumerate(bars, 1) if found and all(found)]


def notes(piece: Piece) -> list[int]:
    """The bars whose notes do, which stand behind those of the plan."""
    ids = detail_sequence(in_writing_order(encode_ids(piece.in_c())))
    return [number - piece.bar_count for number in recalled(ids, "Note-On")]


def test_the_second_line_of_a_hymn_says_the_first_one_and_the_last_one_comes_back_to_it() -> None:
    assert recalled(plan_sequence(encode_ids(hymn().in_c())), "Chord") == [5, 6, 7, 13, 14, 15]
    assert notes(hymn()) == [5, 6, 7, 13, 14, 15]


def test_over_other_chords_no_notes_come_back_nor_does_the_last_line() -> None:
    other = hymn('"Am"EE FG | "F"GF ED | "Am"CC DE | "G"D>C')
    assert recalled(plan_sequence(encode_ids(other.in_c())), "Chord") == []
    assert notes(other) == []


def test_voices_come_back_below_the_same_melody_alone() -> None:
    assert notes(hymn('"C"EE FG | "G"GB, ED | "C"CC DE | "G"D>C')) == [5, 7, 13, 15]


def test_other_choral_music_recalls_no_lines() -> None:
    assert notes(replace(hymn(), style="chorale")) == []


def test_composed_hymns_say_a_line_again() -> None:
    requests = [Request("hymn", key, "4/4", bars=16, voices=("S", "A", "T", "B")) for key in 3 * ("G", "F", "D", "Eb")]

    def again(**settings: float) -> float:
        pieces = Composer.from_pretrained().compose_batch(requests, seed=80, sampling=Sampling(**settings))
        bars = [[contents(bar) for bar in piece.bars if not bar.is_pickup] for piece in pieces]
        return sum(each[4] == each[0] or each[5] == each[1] for each in bars) / len(bars)

    assert again() > again(repetition=0.0) + 0.2
