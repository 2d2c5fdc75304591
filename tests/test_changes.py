"""What an edit has changed: bars that sound otherwise, bars that follow, voices that were added."""

from dataclasses import replace

import pytest

from remi_two_stage import read_abc
from remi_two_stage.core.piece import Note, Piece
from remi_two_stage.edits.changes import Change, NotAnEditError
from remi_two_stage.edits.difference import side_by_side

HEADER = "X:1\nM:4/4\nL:1/4\nK:C\n"


def tune(music: str) -> Piece:
    return read_abc(HEADER + music)[0]


def test_bars_that_sound_otherwise_are_found_in_runs() -> None:
    before = tune("CDEF|GABc|cdef|gfed|c4|]\n")
    assert Change.between(before, before).is_nothing
    change = Change.between(before, tune("CDEF|GABd|dcef|gfed|C4|]\n"))
    assert change == Change((range(1, 3), range(4, 5)), 0, (0,), ())
    assert change.indices == [1, 2, 4]


def test_a_bar_has_changed_where_a_note_is_no_longer_held_into_it() -> None:
    before = tune("CDEF|GABc-|cdef|c4|]\n")
    assert Change.between(before, tune("CDEF|GAB2|zdef|c4|]\n")).bars == (range(1, 3),)
    assert Change.between(before, tune("CDEF-|FABc-|cdef|c4|]\n")).bars == (range(2),)


def test_notation_does_not_count_but_chord_symbols_do() -> None:
    before = tune('"C"CDEF|"G"GABc|]\n')
    assert Change.between(before, tune('"C"(C!mf!DE).F|"G"GA{c}Bc|]\nw: la la\n')).is_nothing
    assert Change.between(before, tune('"C"CDEF|"F"GABc|]\n')).bars == (range(1, 2),)


def test_bars_that_follow_and_voices_that_were_added() -> None:
    before = tune("CDEF|GABc|]\n")
    assert Change.between(before, tune("CDEF|GABc|defg|c4|]\n")).appended == 2
    bass = tuple(replace(bar, notes=(bar.notes[0], (Note(0, 48, 96),)), chords=()) for bar in before.bars)
    assert Change.between(before, replace(before, voices=("S", "B"), bars=bass)) == Change((), 0, (0,), (1,))


@pytest.mark.parametrize(
    ("music", "why"),
    [
        ("CDEF|]\n", "1 bars left of 2"),
        ("CDEF|[M:3/4]GAB|]\n", "bar 2 has another metre"),
        ("|:CDEF:|GABc|]\n", "bar 1 has another metre, key, length or repeat"),
    ],
)
def test_what_is_no_edit_is_refused(music: str, why: str) -> None:
    with pytest.raises(NotAnEditError, match=why):
        Change.between(tune("CDEF|GABc|]\n"), tune(music))


def test_a_melody_that_was_moved_is_no_edit() -> None:
    before = tune("CDEF|GABc|]\n")
    with pytest.raises(NotAnEditError, match="no voice has the notes"):
        Change.between(before, replace(before.transpose(2), voices=("S",)))


def test_an_order_of_parts_that_is_written_out_is_no_edit() -> None:
    (before,) = read_abc("X:1\nP:ABA\nM:4/4\nL:1/4\nK:C\nP:A\nCDEF|\nP:B\nGABc|]\n")
    with pytest.raises(NotAnEditError, match="its bars are written out in the order in which they are played"):
        Change.between(before, before.in_part_order())


def test_old_and_new_bars_stand_side_by_side_or_below_each_other_as_the_terminal_is_wide() -> None:
    before, after = tune("CDEF|GABc|c4|]\n"), tune("CDEF|GFGA|c2c2|]\n")
    change = Change.between(before, after)
    beside = ["bar    before      | after", "2    G2 A2 B2 c2 | G2 F2 G2 A2", "3    c8          | c4 c4"]
    assert [line.strip() for line in side_by_side(before, after, change, 80).splitlines()] == beside
    below = ["2    - G2 A2 B2 c2", "+ G2 F2 G2 A2", "3    - c8", "+ c4 c4"]
    assert [line.strip() for line in side_by_side(before, after, change, 30).splitlines()] == below
