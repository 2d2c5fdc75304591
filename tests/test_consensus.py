"""The chords that several harmonies of a melody agree on."""

from __future__ import annotations

from remi_two_stage.composing.consensus import agreed
from remi_two_stage.core.piece import Chord
from remi_two_stage.scores.abc_reader import read_abc


def test_of_harmonies_those_chords_are_kept_that_most_agree_on() -> None:
    bars = read_abc("X:1\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|]")[0].bars
    tonic, dominant, first_inversion = (Chord(0, "I"),), (Chord(0, "V"),), (Chord(0, "I", bass=4),)
    half = (Chord(0, "I"), Chord(48, "V"))
    assert agreed([[tonic, dominant], [half, dominant], [half, tonic]], bars) == [half, dominant]
    assert agreed([[dominant, half], [tonic, tonic], [tonic, dominant]], bars) == [tonic, half]
    assert agreed([[first_inversion, tonic], [tonic, tonic], [first_inversion, tonic]], bars)[0] == first_inversion


def test_of_harmonies_that_mostly_close_otherwise_the_close_is_that_of_one_that_comes_from_the_dominant() -> None:
    bars = read_abc("X:1\nM:4/4\nL:1/4\nK:C\nCDEF|GABB|c4|]")[0].bars
    tonic, dominant, subdominant = (Chord(0, "I"),), (Chord(0, "V"),), (Chord(0, "IV"),)
    second, inverted = (Chord(0, "ii"),), (Chord(0, "V", bass=4),)
    plagal = [tonic, subdominant, tonic]
    assert agreed([plagal, plagal, [second, dominant, tonic]], bars) == [tonic, dominant, tonic]
    assert agreed([plagal, plagal, [second, inverted, tonic]], bars) == plagal
    half = [tonic, subdominant, dominant]
    assert agreed([half, half, [second, dominant, tonic]], bars) == half  # the melody ends elsewhere
    modal = [tonic, (Chord(0, "bVII"),), tonic]
    assert agreed([modal, modal, [second, dominant, tonic]], bars) == modal
