"""The rows that put composed beside real music, against values counted by hand and real tunes."""

import math
import random
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from tunes import kesh_jig

from remi_two_stage.analysis.harmony import label_chords
from remi_two_stage.core.features import commonest_rhythm, most_of_one_bar, note_lengths, repeated_bars
from remi_two_stage.core.piece import Chord, Piece
from remi_two_stage.evaluation.cadences import (
    CADENCES,
    bass_ending,
    closes_authentically,
    ends_on_tonic,
)
from remi_two_stage.evaluation.classifier import FEWEST, auc, features, separate, separate_halves
from remi_two_stage.evaluation.comparison import compare
from remi_two_stage.evaluation.estimates import deviation, ratio
from remi_two_stage.evaluation.harmonizing import AGREEMENT, Harmonized, melody_of
from remi_two_stage.evaluation.register import REGISTER
from remi_two_stage.evaluation.repetition import REPETITION
from remi_two_stage.evaluation.voice_leading import FOUR_VOICES, Chorale, has_four_voices, is_chord
from remi_two_stage.score_files import read_score
from remi_two_stage.scores.abc_reader import read_abc


@pytest.fixture(scope="module")
def tunes(tune_books: dict[str, list[Path]]) -> list[Piece]:
    """Some 400 tunes of O'Neill, Ryan and Aird, every book by its share."""
    paths = [path for book in ("airdsAirs", "oneills1850", "ryansMammoth") for path in tune_books[book][::10]]
    return [piece for path in paths for piece in read_abc(path, errors="collect") if any(chain(*_sung(piece)))]


def _sung(piece: Piece) -> list[tuple[object, ...]]:
    return [bar.notes[0] for bar in piece.bars]


@pytest.fixture(scope="module")
def chorales(music21_corpus: Path) -> list[Piece]:
    """Twenty chorales of Bach."""
    paths = sorted((music21_corpus / "bach").glob("bwv2[67]*.mxl"))[:20]
    return [label_chords(piece) for path in paths for piece in read_score(path) if has_four_voices(piece)]


def over(piece: Piece, labels: str) -> Piece:
    """A tune over other chords, one a bar, those of a bar joined by a plus sign."""
    bars = []
    for bar, label in zip(piece.bars, labels.split(), strict=True):
        chords = tuple(Chord(36 * place, name) for place, name in enumerate(label.split("+")))
        bars.append(replace(bar, chords=chords))
    return replace(piece, bars=tuple(bars))


def test_a_ratio_has_the_error_of_a_share_and_a_mean() -> None:
    share = ratio([(1, 1)] * 3 + [(0, 1)] * 7)
    assert share.value == pytest.approx(0.3)
    assert share.standard_error == pytest.approx(math.sqrt(0.3 * 0.7 / 9))
    assert share.pieces == 10
    weighted = ratio([(3, 100), (0, 300)])
    assert weighted.value == pytest.approx(3 / 400)
    assert math.isnan(ratio([]).value)
    assert math.isnan(ratio([(1, 1)]).standard_error)


def test_the_error_of_a_deviation_is_that_of_repeated_samples() -> None:
    draw = random.Random(4)
    samples = [[(draw.gauss(70, 2.5), 1.0) for _ in range(60)] for _ in range(300)]
    found = [deviation(sample) for sample in samples]
    spread = np.std([each.value for each in found])
    assert np.mean([each.value for each in found]) == pytest.approx(2.5, rel=0.02)
    assert np.mean([each.standard_error for each in found]) == pytest.approx(spread, rel=0.12)


def test_register_counts_at_sounding_pitch_and_only_what_it_names() -> None:
    jig = kesh_jig()
    assert REGISTER["above B5"].count(jig) == (0, 1)
    assert REGISTER["above B5"].count(jig.transpose(7)) == (1, 1)  # its G5 is then D6
    assert REGISTER["above B5, jigs in D"].count(jig) is None
    assert REGISTER["above B5, jigs in D"].count(jig.transpose(7)) == (1, 1)
    assert REGISTER["below D4"].count(jig.transpose(-5)) == (1, 1)
    assert REGISTER["below D4, reels in G"].count(replace(jig, style="reel")) == (0, 1)


def test_plans_close_with_their_last_two_chords() -> None:
    jig = kesh_jig()
    assert closes_authentically(over(jig, "I V IV V I V V7 I")) == (1, 1)
    assert closes_authentically(over(jig, "I V IV V I V IV V7+I")) == (1, 1)
    assert closes_authentically(over(jig, "I V IV V I V I I")) == (0, 1)
    assert closes_authentically(over(jig, "I V IV V I V IV I")) == (0, 1)
    (dorian,) = read_abc('X:1\nM:4/4\nL:1/4\nK:Dm\n"A"A4|"Dm"D4|\n')
    assert closes_authentically(dorian) == (1, 1)
    (dorian,) = read_abc('X:1\nM:4/4\nL:1/4\nK:Ddor\n"C"C4|"Dm"D4|\n')
    assert closes_authentically(dorian) is None


def test_chords_of_a_plan_are_shares_of_the_tune() -> None:
    plan = over(kesh_jig(), "I V IV V I V+I IV V7+I")
    assert CADENCES["bars with two chords"].count(plan) == pytest.approx((2 / 8, 1))
    assert CADENCES["share of I"].count(plan) == pytest.approx((4 / 10, 1))
    assert CADENCES["bars with two chords"].count(kesh_jig(with_chords=False)) is None


def test_a_tune_ends_where_its_last_note_is() -> None:
    assert ends_on_tonic(kesh_jig()) == (1, 1)
    (turning,) = read_abc("X:1\nR:slip jig\nM:9/8\nL:1/8\nK:D\ndfa dfa gec|dfa agf gec:|\n")
    assert ends_on_tonic(turning) == (0, 1)
    assert CADENCES["last note tonic, slip jigs"].count(turning) == (0, 1)
    assert CADENCES["last note tonic, slip jigs"].count(kesh_jig()) is None


@pytest.mark.parametrize(
    ("bass", "ending"),
    [([60, 55, 55, 48], "V-I"), ([55, 53, 60], "V-I"), ([57, 53, 60, 60], "IV-I"), ([50, 60], None), ([60, 55], None)],
)
def test_basses_end_as_harmony_books_say(bass: list[int], ending: str | None) -> None:
    assert bass_ending(bass, 0) == ending


def test_features_count_bars_and_rhythms_by_hand() -> None:
    """Of the eight bars of the Kesh Jig, two come back (5 and 6), seven have six eighths."""
    jig = kesh_jig()
    assert repeated_bars(jig) == pytest.approx(2 / 8)
    assert commonest_rhythm(jig) == pytest.approx(7 / 8)
    assert (note_lengths(jig), most_of_one_bar(jig)) == (2, 2)
    (led_into,) = read_abc("X:1\nM:2/4\nL:1/8\nK:C\nG|cccc|cccc|z4|c4|]\n")
    assert repeated_bars(led_into) == pytest.approx(1 / 3)  # neither the pick-up nor the rest counts
    assert most_of_one_bar(led_into) == 2


@pytest.mark.parametrize("name", ["above B5", "below D4", "spread of mean pitch"])
def test_books_have_the_register_that_is_usual(tunes: list[Piece], name: str) -> None:
    found = REGISTER[name].estimate(tunes)
    usual = REGISTER[name].usual
    assert usual is not None
    assert abs(found.value - usual) < 4 * found.standard_error


@pytest.mark.parametrize("name", [*REPETITION, "last note tonic"])
def test_books_have_the_repetition_and_the_ends_that_are_usual(tunes: list[Piece], name: str) -> None:
    measure = (REPETITION | CADENCES)[name]
    found = measure.estimate(tunes)
    assert measure.usual is not None
    assert abs(found.value - measure.usual) < 4 * found.standard_error


def test_bach_leads_voices_as_is_usual(chorales: list[Piece]) -> None:
    measured = list(map(Chorale.real, chorales))
    for name, most in {"parallels": 0.8, "crossing": 6, "spacing": 3.5, "range": 0.6}.items():
        assert FOUR_VOICES[name].estimate(measured).value < most, name
    assert FOUR_VOICES["last chord tonic"].estimate(measured).value > 0.7
    assert FOUR_VOICES["bass ending V-I"].estimate(measured).value > 0.7
    assert 0.04 < FOUR_VOICES["beats without chord"].estimate(measured).value < 0.14


def test_sevenths_are_chords_and_suspensions_are_none() -> None:
    assert is_chord(frozenset({7, 11, 2, 5}))
    assert is_chord(frozenset({0, 4}))
    assert not is_chord(frozenset({0, 5, 7}))


def test_a_harmony_agrees_with_itself_and_less_with_another(chorales: list[Piece]) -> None:
    one = Chorale.real(chorales[0])
    same = Harmonized(one, one)
    assert [measure.estimate([same]).value for measure in AGREEMENT.values()] == [1, 1]
    moved = replace(one.piece, bars=tuple(replace(bar, chords=(Chord(0, "bII"),)) for bar in one.piece.bars))
    assert AGREEMENT["root"].estimate([Harmonized(Chorale(moved, one.tonic), one)]).value < 0.1
    higher = Chorale(one.piece.transpose(2), (one.tonic + 2) % 12)
    assert AGREEMENT["bass"].estimate([Harmonized(higher, one)]).value == 1


def test_what_is_harmonised_is_the_melody_alone(chorales: list[Piece]) -> None:
    melody = melody_of(chorales[0])
    assert melody.voices == chorales[0].voices[:1]
    assert not any(bar.chords for bar in melody.bars)
    assert [note[1:] for note in melody.note_list()] == [
        note[1:] for note in chorales[0].note_list() if note[0] == melody.voices[0]
    ]


def test_the_classifier_tells_chance_from_change(tunes: list[Piece]) -> None:
    halves = separate_halves(tunes)
    assert halves is not None
    assert 0.4 < halves.auc < 0.62
    shaken = [_without_repeats(piece, random.Random(number)) for number, piece in enumerate(tunes)]
    told = separate(shaken, tunes)
    assert told is not None
    assert told.auc > 0.85
    assert told.pieces == 2 * len(tunes)
    assert separate(tunes[: FEWEST - 1], tunes) is None
    # Hanley and McNeil (1982) give 0.5 the error of the rank-sum test, sqrt((n + m + 1) / 12 n m)
    sizes = [len(tunes) // 2, len(tunes) - len(tunes) // 2]
    rank_sum = math.sqrt((sum(sizes) + 1) / (12 * sizes[0] * sizes[1]))
    assert halves.standard_error == pytest.approx(rank_sum, rel=0.1)


def _without_repeats(piece: Piece, draw: random.Random) -> Piece:
    """A tune whose notes are those of the tune in a random order of pitches."""
    pitches = [note.pitch for notes in _sung(piece) for note in notes]  # type: ignore[attr-defined]
    draw.shuffle(pitches)
    left = iter(pitches)
    bars = [
        replace(bar, notes=(tuple(replace(note, pitch=next(left)) for note in bar.notes[0]), *bar.notes[1:]))
        for bar in piece.bars
    ]
    return replace(piece, bars=tuple(bars))


def test_features_are_as_many_for_every_tune(tunes: list[Piece]) -> None:
    assert {len(features(piece)) for piece in tunes} == {len(features(kesh_jig()))}


def test_auc_counts_pairs() -> None:
    assert auc(np.array([1.0, 3.0]), np.array([0.0, 2.0])) == pytest.approx(0.75)
    assert auc(np.array([1.0]), np.array([1.0])) == pytest.approx(0.5)


def test_rows_name_their_figures_errors_numbers_and_sources(tunes: list[Piece], chorales: list[Piece]) -> None:
    sections = compare([*tunes[:30], *chorales[:12]], [*tunes[30:90], *chorales[8:]])
    assert list(sections) == ["tunes", "four voices", "classifier"]
    row = sections["tunes"]["last note tonic"]
    assert (row["pieces"], row["real_pieces"]) == (30, 60)
    assert 0 < row["real_error"] < 0.08
    assert "O'Neill" in row["definition"]
    assert list(sections["classifier"]) == ["tunes", "tunes, two halves of the real ones"]  # too few chorales
    assert compare([kesh_jig()], [])["tunes"]["above B5"]["real_pieces"] == 0
