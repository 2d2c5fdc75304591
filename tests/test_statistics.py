"""Statistics of pieces against values worked out by hand, and their comparison."""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from tunes import kesh_jig

from remi_two_stage.analysis.harmony import label_chords
from remi_two_stage.core.features import repeated_bars
from remi_two_stage.core.piece import Note, Piece
from remi_two_stage.evaluation.phrasing import cadences, closes, phrases, repeated_phrases
from remi_two_stage.evaluation.statistics import (
    STATISTICS,
    groove_consistency,
    mean_leap,
    notes_per_bar,
    overlapping_area,
    overlaps,
    pitch_class_entropy,
    scale_consistency,
    spread,
)
from remi_two_stage.scores.abc_reader import read_abc


def with_bar(piece: Piece, index: int, pitches: list[int]) -> Piece:
    """A piece in which one bar has other notes, an eighth each."""
    notes = (tuple(Note(12 * number, pitch, 12) for number, pitch in enumerate(pitches)),)
    bars = list(piece.bars)
    bars[index] = replace(bars[index], notes=notes)
    return replace(piece, bars=tuple(bars))


def test_entropy_is_that_of_the_pitch_classes() -> None:
    (scale,) = read_abc("X:1\nL:1/4\nM:4/4\nK:C\nCEGc|\n")
    assert pitch_class_entropy(scale) == pytest.approx(1.5)  # C twice, E, G
    assert pitch_class_entropy(with_bar(replace(kesh_jig(), bars=kesh_jig().bars[:1]), 0, [60, 72, 48])) == 0


def test_scale_consistency_is_the_share_in_the_best_scale() -> None:
    assert scale_consistency(kesh_jig()) == 1
    (chromatic,) = read_abc("X:1\nL:1/8\nM:4/4\nK:C\nC^CD^DEF^FG|\n")
    assert scale_consistency(chromatic) == pytest.approx(5 / 8)
    (harmonic_minor,) = read_abc("X:1\nL:1/4\nM:7/4\nK:Am\nABcdef^g|\n")
    assert scale_consistency(harmonic_minor) == pytest.approx(6 / 7)


def test_groove_compares_neighbouring_bars_onset_by_onset() -> None:
    """The last bar of the jig has four onsets, the others six: two of 72 ticks differ, in one of 7 pairs."""
    assert groove_consistency(kesh_jig()) == pytest.approx(1 - 2 / 72 / 7)
    (short,) = read_abc("X:1\nL:1/4\nM:4/4\nK:C\nGA:|:Bc|CDEF|]\n")
    assert [bar.length for bar in short.bars] == [48, 48, 96]
    assert math.isnan(groove_consistency(short))


def test_density_and_leaps() -> None:
    assert notes_per_bar(kesh_jig()) == pytest.approx(46 / 8)
    (led_into,) = read_abc("X:1\nL:1/4\nM:4/4\nK:C\nG|CDEF|GEC|]\n")
    assert notes_per_bar(led_into) == 4
    (tune,) = read_abc("X:1\nL:1/4\nM:3/4\nK:C\nCGE|\n")
    assert mean_leap(tune) == pytest.approx((7 + 3) / 2)


def test_transposition_changes_no_statistic() -> None:
    jig, higher = kesh_jig(), kesh_jig().transpose(5)
    for statistic in STATISTICS.values():
        assert statistic(higher) == pytest.approx(statistic(jig))


def test_what_is_undefined_is_left_out_of_the_mean() -> None:
    (silent,) = read_abc("X:1\nL:1/4\nM:4/4\nK:C\nz4|z4|\n")
    assert math.isnan(pitch_class_entropy(silent))
    compared = spread(pitch_class_entropy, [kesh_jig(), silent], [kesh_jig()])
    assert compared.generated == compared.real == pytest.approx(pitch_class_entropy(kesh_jig()))
    assert compared.is_within


def test_a_mean_beyond_one_deviation_is_not_within() -> None:
    jigs = [kesh_jig(), with_bar(kesh_jig(), 0, [67] * 6)]
    noisy = [with_bar(kesh_jig(), index, [60, 61, 63, 66, 68, 70]) for index in range(2)]
    compared = spread(scale_consistency, noisy, jigs)
    assert not compared.is_within
    assert compared.to_dict()["is_within"] is False


def test_overlapping_area_by_hand() -> None:
    assert overlapping_area(Counter("aab"), Counter("aab")) == pytest.approx(1)
    assert overlapping_area(Counter("aabb"), Counter("bbcc")) == pytest.approx(0.5)
    assert overlapping_area(Counter("a"), Counter("b")) == 0
    assert math.isnan(overlapping_area(Counter(), Counter("b")))


def test_real_tunes_overlap_with_each_other_and_not_with_chromatic_noise(tune_books: dict[str, list[Path]]) -> None:
    reels = [piece for path in tune_books["ryansMammoth"][:16] for piece in read_abc(path, errors="collect")]
    noise = [with_bar(reel, 0, [30 + number for number in range(7)]) for reel in reels]
    noise = [replace(piece, bars=piece.bars[:1]) for piece in noise]
    real = overlaps(reels[:8], reels[8:])
    assert all(area.generated > 0.5 for area in real.values())
    assert overlaps(noise, reels)["pitch"].generated < 0.1
    assert not overlaps(noise, reels)["pitch"].is_within


def test_two_tunes_are_enough_to_overlap() -> None:
    jig, higher = kesh_jig(), with_bar(kesh_jig(), 0, [80] * 6)
    found = overlaps([jig], [jig, higher])
    assert found["duration"].generated == found["duration"].real == pytest.approx(1)
    assert found["pitch"].real == pytest.approx(1 - 6 / 46)
    assert found["pitch"].real < found["pitch"].generated < 1


def test_bars_and_phrases_that_come_back() -> None:
    """Bars 5 to 7 of the Kesh Jig are 1, 2 and nearly 3; bar 6 as bar 2, so the second phrase is the first's."""
    jig = kesh_jig()
    assert repeated_bars(jig) == pytest.approx(2 / 8)
    assert repeated_phrases(jig) == 1
    assert repeated_phrases(with_bar(jig, 4, [60] * 6)) == 0


def test_phrases_follow_their_marks_else_four_bars() -> None:
    assert [len(phrase) for phrase in phrases(kesh_jig())] == [4, 4]
    unmarked = replace(kesh_jig(), bars=tuple(replace(bar, phrase_start=False) for bar in kesh_jig().bars))
    assert [len(phrase) for phrase in phrases(unmarked)] == [4, 4]


def test_cadences_need_the_chord_and_a_tone_of_it() -> None:
    """Both phrases of the jig end over V; the first on A, a tone of D, the second on G, none of it."""
    assert cadences(kesh_jig()) == pytest.approx(0.5)
    assert math.isnan(cadences(kesh_jig(with_chords=False)))
    assert closes(kesh_jig()) == 1
    assert closes(kesh_jig().transpose(3)) == 1


def test_chorales_cadence_more_often_than_their_bars_do_at_random(music21_corpus: Path) -> None:
    from remi_two_stage.score_files import read_score

    (chorale,) = read_score(music21_corpus / "bach" / "bwv269.mxl")
    assert cadences(label_chords(chorale, "source")) >= 0.5
    assert closes(chorale) == 1
