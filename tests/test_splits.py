"""Which tunes are held out: by melody, whatever their key, order, and small differences."""

import random
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from remi_two_stage.core.codec import decode, encode
from remi_two_stage.core.piece import Piece
from remi_two_stage.core.vocabulary import TOKEN_IDS
from remi_two_stage.corpus.arguments import SPLITS
from remi_two_stage.corpus.splits import MOST_OWNERS, group_melodies, melody, split_by_melody
from remi_two_stage.score_files import read_score
from remi_two_stage.scores.abc_reader import read_abc

TUNES = 60


@pytest.fixture(scope="module")
def pieces(tune_books: dict[str, list[Path]]) -> list[Piece]:
    return [read_abc(path)[0] for path in tune_books["ryansMammoth"][: 5 * TUNES : 5]]


@pytest.fixture(scope="module")
def melodies(pieces: list[Piece]) -> list[bytes]:
    return [melody_of(piece) for piece in pieces]


def melody_of(piece: Piece) -> bytes:
    return melody([TOKEN_IDS[name] for name in encode(piece)])


def varied(intervals: bytes, changes: int, seed: int) -> bytes:
    """The same melody with some notes a step higher."""
    draw = random.Random(seed)
    pitches = list(intervals)
    for index in draw.sample(range(len(pitches) - 1), changes):
        pitches[index], pitches[index + 1] = pitches[index] + 1, pitches[index + 1] - 1
    return bytes(pitches)


def names(melodies: Iterable[bytes]) -> list[str]:
    return [SPLITS[number] for number in split_by_melody(melodies)]


def test_the_melody_is_the_first_voice_alone(music21_corpus: Path) -> None:
    piece = decode(encode(read_score(music21_corpus / "bach" / "bwv66.6.mxl")[0]))
    soprano = [note.pitch for bar in piece.bars for note in bar.notes[0]]
    assert [interval - 128 for interval in melody_of(piece)] == [b - a for a, b in pairwise(soprano)]


def test_of_double_stops_the_highest_note_is_the_melody() -> None:
    fiddled, sung = (
        read_abc(f"X:1\nM:2/4\nL:1/8\nK:D\n{music}|]")[0] for music in ("[DAd]2 [Ac]B|A2 [DF]2", "d2 cB|A2 F2")
    )
    assert melody_of(fiddled) == melody_of(sung)


def test_a_group_is_named_by_its_lowest_hash_whatever_joins_it(melodies: list[bytes]) -> None:
    versions = [melodies[0], *(varied(melodies[0], 4, seed) for seed in range(5))]
    alone = [group_melodies([version])[0] for version in versions]
    for count in range(1, len(versions) + 1):
        assert set(group_melodies(versions[:count])) == {min(alone[:count])}


def test_a_transposed_tune_has_the_same_melody(pieces: list[Piece], melodies: list[bytes]) -> None:
    assert [melody_of(piece.transpose(3)) for piece in pieces] == melodies


def test_the_order_of_tunes_changes_nothing(melodies: list[bytes]) -> None:
    copies = [varied(intervals, 4, seed) for seed, intervals in enumerate(melodies)]
    order = list(range(2 * TUNES))
    random.Random(1).shuffle(order)
    both = [*melodies, *copies]
    split = names(both)
    assert names([both[index] for index in order]) == [split[index] for index in order]
    assert split[:TUNES] == split[TUNES:]


def test_different_tunes_are_different_melodies(melodies: list[bytes]) -> None:
    assert len(np.unique(group_melodies(melodies))) > 0.9 * TUNES


def test_a_tune_in_more_versions_than_any_other_stays_together(melodies: list[bytes]) -> None:
    """Every n-gram of such a tune is in more melodies than one that says nothing, such as a scale's."""
    longest = max(melodies, key=len)
    versions = [varied(longest, 6, seed) for seed in range(2 * MOST_OWNERS)]
    groups = group_melodies([*melodies, *versions])
    assert len(np.unique(groups[TUNES:])) == 1
    assert len(np.unique(groups)) > 0.9 * TUNES


def test_a_medley_goes_with_each_of_its_tunes(melodies: list[bytes]) -> None:
    """Each is less than a fifth of the medley, which so shares little of its own and all of theirs."""
    tunes = melodies[:10]
    groups = group_melodies([*melodies, bytes([128]).join(tunes)])
    assert max(map(len, tunes)) < 0.2 * sum(map(len, tunes))
    assert len(set(groups[[*range(10), TUNES]])) == 1
    assert len(set(groups)) == len(set(group_melodies(melodies))) - 9


def test_a_scale_makes_no_kin() -> None:
    scale, draw = bytes([130, 130, 129, 130, 130, 130, 129] * 3), random.Random(2)
    tunes = [bytes(draw.choices(range(121, 136), k=130)) + scale for _ in range(4 * MOST_OWNERS)]
    assert len(np.unique(group_melodies(tunes))) == len(tunes)


def test_every_split_has_tunes_and_most_are_for_training(melodies: list[bytes]) -> None:
    assert set(names(melodies)) == set(SPLITS)
    assert names(melodies).count("train") > 0.8 * TUNES
    assert sorted(names(sorted(melodies, key=len)[-3:])) == sorted(SPLITS)


def test_of_fewer_than_three_melodies_nothing_is_held_out(melodies: list[bytes]) -> None:
    assert names(melodies[:1] * 5 + melodies[1:2]) == ["train"] * 6
    assert names([]) == []
