"""Chord tones, chords heard, and silence, counted on tunes whose numbers can be counted by hand."""

from dataclasses import replace

import pytest
from tunes import kesh_jig

from remi_two_stage.core.piece import Chord
from remi_two_stage.evaluation.adherence import adherence
from remi_two_stage.evaluation.statistics import empty_bars, silent_time
from remi_two_stage.scores.abc_reader import read_abc


def test_chord_tones_are_counted_on_strong_beats_alone() -> None:
    # Strong beats of 4/4 are the first and the third: C E over C, F A over G7; the weak F and B do not count.
    (piece,) = read_abc('X:1\nM:4/4\nL:1/4\nK:C\n"C"CFEB|"G7"FBAB|"N.C."FFFF|')
    counted = adherence([piece])
    assert (counted.strong_notes, counted.chord_tones) == (4, 3)
    (waltz,) = read_abc('X:1\nM:3/4\nL:1/4\nK:C\n"C"CGE|"G7"AGB|"C"Ece|')
    counted = adherence([waltz])
    assert (counted.strong_notes, counted.chord_tones, counted.bars) == (3, 2, 3)


def test_a_chord_in_the_middle_of_a_bar_counts_from_there() -> None:
    (piece,) = read_abc('X:1\nM:6/8\nL:1/8\nK:D\nA|"D"dfa "A7"gec|"D"dfa "G"age|')
    assert adherence([piece]).chord_tone_share == 0.75


def test_the_chords_of_a_plain_tune_are_heard_and_wrong_ones_are_not() -> None:
    jig = kesh_jig()
    right = adherence([jig])
    wrong = replace(jig, bars=tuple(replace(bar, chords=(Chord(0, "#ivo7"),)) for bar in jig.bars))
    assert right.bars == 8
    assert right.heard_share > 0.6
    assert adherence([wrong]).heard_share == 0
    assert adherence([jig, wrong]) == right + adherence([wrong])


def test_precision_recall_and_f1_compare_the_triads_of_each_bar() -> None:
    """A melody is heard bar by bar: in the first bar one of two planned triads, in the second the one planned."""
    (piece,) = read_abc('X:1\nM:4/4\nL:1/4\nK:C\n"C"CE"G"Gc|"G7"GBdB|')
    counted = adherence([piece]).to_dict()
    assert (counted["precision"], counted["recall"]) == (1, 0.75)
    assert counted["f1"] == pytest.approx((2 / 3 + 1) / 2)


def test_nothing_to_count_has_no_share() -> None:
    counted = adherence([kesh_jig(with_chords=False)])
    assert counted.chord_tone_share != counted.chord_tone_share
    assert counted.bars == 0


@pytest.mark.parametrize(
    ("music", "empty", "silent"),
    [
        ("CDEF|GABc|", 0, 0),
        ("C2z2|z4|", 1 / 2, 3 / 4),
        ("C4-|C2z2|", 0, 1 / 4),
        ("z|C4|z4|C2z|", 1 / 3, 6 / 12),
        ("[CE]2[CEG]z|", 0, 1 / 4),
    ],
)
def test_silence_is_what_no_note_fills(music: str, empty: float, silent: float) -> None:
    (piece,) = read_abc(f"X:1\nM:4/4\nL:1/4\nK:C\n{music}")
    assert empty_bars(piece) == pytest.approx(empty)
    assert silent_time(piece) == pytest.approx(silent)


def test_every_voice_counts_for_itself() -> None:
    (piece,) = read_abc("X:1\nM:2/4\nL:1/4\nK:C\nV:1\nC2|C2|\nV:2\nz2|Cz|\n")
    assert empty_bars(piece) == pytest.approx(1 / 4)
    assert silent_time(piece) == pytest.approx(3 / 8)
