"""Figures of songs and quartets that come back are noticed, and composed ones bring them back."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from remi_two_stage import Composer, Request
from remi_two_stage.analysis.harmony import label_chords
from remi_two_stage.core.codec import encode_ids
from remi_two_stage.core.features import contents
from remi_two_stage.core.piece import Piece
from remi_two_stage.core.recalled_figures import RecalledFigures
from remi_two_stage.core.reward import begins_on_tonic, closes_on_tonic, harmony
from remi_two_stage.core.sampling import Sampling
from remi_two_stage.core.sequences import detail_sequence, in_writing_order, infilling_sequence
from remi_two_stage.core.signatures import Key
from remi_two_stage.core.vocabulary import DETAIL, IDS
from remi_two_stage.core.voices import QUARTET
from remi_two_stage.score_files import read_score
from remi_two_stage.scores.abc_reader import read_abc

ODE_TO_JOY = """X:1
R:song
M:4/4
L:1/4
K:D
"D"FF GA | "A7"AG FE | "D"DD EF | "D"F3/2E/2 "A"E2 | "D"FF GA | "A7"AG FE | "D"DD EF | "A7"E3/2D/2 "D"D2 |]
"""
"""By Beethoven."""


def song() -> Piece:
    (piece,) = read_abc(ODE_TO_JOY)
    return replace(piece.in_c(), style="song")


def found(ids: Sequence[int], family: str) -> list[list[bool]]:
    """For each bar after `<Detail>`, which tokens of a family are among those that recall a figure."""
    bars: list[list[bool]] = []
    figures = RecalledFigures()
    for at, token in enumerate(ids):
        if at > ids.index(DETAIL):
            if token in IDS["structure"][-1:]:
                bars.append([])
            elif token in IDS[family]:
                bars[-1].append(token in figures.following())
        figures.advance(token)
    return bars


def recalled(ids: Sequence[int], family: str) -> list[bool]:
    """For each bar after `<Detail>`, whether all tokens of a family recall a figure."""
    return [bool(each) and all(each) for each in found(ids, family)]


def test_a_phrase_of_a_song_comes_back_and_its_last_bar_is_free() -> None:
    ids = detail_sequence(encode_ids(song()))
    assert [at for at, is_recalled in enumerate(recalled(ids, "Note-On")) if is_recalled] == [4, 5, 6]
    assert [at for at, is_recalled in enumerate(recalled(ids, "Duration")) if is_recalled] == [2, 4, 5, 6]
    bars = song().bars
    other = replace(song(), bars=(*bars[:4], replace(bars[4], chords=bars[1].chords), *bars[5:]))
    assert not recalled(detail_sequence(encode_ids(other)), "Note-On")[4]


def test_a_phrase_that_comes_back_is_known_where_its_bars_are_written_anew() -> None:
    """The third phrase over the chords of both before goes another way, whether what follows it is given or not."""
    bars = song().bars
    longer = replace(song(), bars=(*bars[:3], bars[7], *bars[:3], bars[7], *bars[:3], bars[7], *bars[:4]))
    ids = encode_ids(longer)
    whole, part = (recalled(sequence, "Note-On") for sequence in (detail_sequence(ids), infilling_sequence(ids, 10)))
    assert whole[4:7] == [True] * 3
    assert not any(whole[7:12])
    assert whole[12:15] == [True] * 3
    assert part == whole[:10]


@pytest.mark.parametrize("style", ["reel", None])
def test_tunes_recall_bars_by_their_own_form_alone(style: str | None) -> None:
    ids = detail_sequence(encode_ids(replace(song(), style=style)))
    assert not any(map(any, found(ids, "Duration")))


def test_players_of_haydn_go_on_with_their_figures_and_a_choir_does_not(music21_corpus: Path) -> None:
    (quartet,) = read_score(music21_corpus / "haydn" / "opus74no1" / "movement3.mxl")
    players = replace(label_chords(quartet), voices=QUARTET, style="quartet", instruments=()).in_c()
    ids = detail_sequence(in_writing_order(encode_ids(players)))
    lengths = [is_recalled for bar in found(ids, "Duration") for is_recalled in bar]
    assert sum(lengths) > 0.3 * len(lengths)
    (chorale,) = read_score(music21_corpus / "bach" / "bwv269.mxl")
    sung = detail_sequence(in_writing_order(encode_ids(label_chords(chorale).in_c())))
    assert not any(map(any, found(sung, "Duration")))


def alike(piece: Piece, lag: int) -> list[bool]:
    """Of the notes of bars whose chords the bar so many before has too, those that it has at the same place."""
    return [
        (note.onset, note.pitch) in {(other.onset, other.pitch) for other in before.notes[0]}
        for before, now in zip(piece.bars, piece.bars[lag:], strict=False)
        if now.chords == before.chords
        for note in now.notes[0]
    ]


def test_composed_songs_take_up_notes_of_earlier_phrases_over_the_same_chords() -> None:
    plan = "I | IV | ii V7 | I | I | IV | ii V7 | I | I | IV | V | I"

    def share(sampling: Sampling) -> float:
        composer = Composer.from_pretrained()
        songs = [composer.realize(plan, style="song", key=key, seed=5, sampling=sampling) for key in ("D", "G", "F")]
        same = [each for piece in songs for each in alike(piece, 4)]
        return sum(same) / len(same)

    assert share(Sampling()) > share(Sampling(repetition=0.0)) + 0.1


def test_songs_over_a_loop_say_a_phrase_again_go_another_way_and_come_back() -> None:
    """As real songs: the second of four phrases begins as the first one, the third does not, the fourth does again."""
    loops = {"C": "C | Am | F | G", "G": "G | D | Em | C", "Dm": "Dm | Gm | A | Dm"}
    composer = Composer.from_pretrained()
    songs: list[Piece] = []
    for key, loop in loops.items():
        plan = Request("song", key).typed(" | ".join([loop] * 4))
        songs += composer.realize_batch([plan] * 8, seed=11)
    phrases = [[[*map(contents, piece.bars[at : at + 4])] for at in range(0, 16, 4)] for piece in songs]

    def share(phrase: int, other: int, *bars: int) -> float:
        return sum(each[phrase][bar] == each[other][bar] for each in phrases for bar in bars) / len(phrases) / len(bars)

    assert share(1, 0, 0, 1) > 0.5
    assert share(2, 1, 0, 1) < 0.3
    assert share(3, 1, 0, 1) > share(3, 2, 0, 1) + 0.15
    assert share(1, 0, 3) < share(1, 0, 0)
    assert sum(each[3] == each[2] or each[2] == each[1] for each in phrases) <= 2
    last = [piece.bars[-1].notes[0][-1].pitch % 12 for piece in songs]
    assert {*last[16:]} <= {2, 5, 9}
    assert sum(pitch == 7 for pitch in last[:8]) >= 4  # the note that G has from the chord of C


def test_composed_quartets_begin_on_the_tonic_and_close_from_the_dominant() -> None:
    requests = [Request("quartet", key, bars=8) for key in ("D", "G", "Bb", "Am", "F", "Em", "C", "Eb") * 3]
    composer = Composer.from_pretrained()

    def ends(sampling: Sampling) -> tuple[int, int]:
        plans = [plan.skeleton for plan in composer.plan_batch(requests, seed=9, sampling=sampling)]
        return sum(map(begins_on_tonic, plans)), sum(closes_on_tonic(plan) is True for plan in plans)

    begun, closed = ends(Sampling())
    assert begun >= 16
    assert closed >= 12
    begun_without, closed_without = ends(Sampling(counterpoint="off"))
    assert begun > begun_without
    assert closed > closed_without


def test_a_plan_of_a_quartet_that_begins_off_the_tonic_earns_less_and_that_of_a_tune_does_not() -> None:
    home, away = "I | IV | V7 | I", "IV | I | V7 | I"
    for style, costs in (("quartet", True), ("song", True), ("reel", False), ("hymn", False)):
        request = Request(style, Key("D"), "4/4")
        better, worse = (request.typed(text).skeleton for text in (home, away))
        assert begins_on_tonic(better)
        assert not begins_on_tonic(worse)
        assert (harmony(better) - harmony(worse) > 0.9) == costs, style
