"""Voice-leading: each rule marks what a harmony book marks, and lets pass what Bach wrote."""

from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import pairwise

import pytest

from remi_two_stage.analysis.score_checking import check_score
from remi_two_stage.analysis.voice_leading import (
    RULES,
    Part,
    Slice,
    count_faults,
    faults_of_change,
    faults_of_slice,
    slices_of,
)
from remi_two_stage.core.piece import Piece
from remi_two_stage.core.voices import FOUR_PARTS, singer
from remi_two_stage.score_files import read_score
from remi_two_stage.scores.abc_reader import read_abc

C, A = 0, 9
C_MAJOR: Slice = (72, 64, 55, 48)


def of_change(before: Slice, after: Slice, tonic: int = C) -> list[tuple[str, str]]:
    return [
        (fault.rule, "".join(FOUR_PARTS[voice] for voice in fault.voices))
        for fault in faults_of_change(before, after, tonic)
    ]


def of_slice(notes: Slice, tonic: int = C) -> list[tuple[str, str]]:
    return [
        (fault.rule, "".join(FOUR_PARTS[voice] for voice in fault.voices))
        for fault in faults_of_slice(notes, FOUR_PARTS, tonic)
    ]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # I - ii, every voice a step up
        (C_MAJOR, (74, 65, 57, 50), [("parallel_octaves", "SB"), ("parallel_fifths", "TB")]),
        # I - ii, upper voices against the bass
        (C_MAJOR, (69, 62, 53, 50), []),
        # IV - V with the tenor a twelfth above the bass
        ((77, 69, 60, 41), (74, 71, 62, 43), [("parallel_fifths", "TB")]),
        # the same fifth struck again
        ((67, 64, 55, 48), (72, 64, 55, 48), []),
        # octaves by contrary motion, which books leave to other rules
        (C_MAJOR, (67, 62, 59, 55), []),
        # a diminished fifth after a perfect one
        ((67, 64, 60, 48), (65, 62, 59, 50), []),
        # unisons
        ((69, 60, 60, 48), (71, 62, 62, 43), [("parallel_octaves", "AT"), ("overlap", "AT")]),
        # the alto above the soprano's last note
        ((64, 60, 55, 48), (69, 65, 53, 41), [("overlap", "SA")]),
        # V7 - I: B rises in the soprano; then it falls, in the alto
        ((71, 65, 62, 43), (72, 64, 60, 48), []),
        ((74, 71, 65, 43), (72, 67, 64, 48), [("unresolved_leading_note", "A")]),
        # a deceptive cadence asks nothing of it
        ((74, 71, 65, 43), (72, 69, 64, 45), []),
    ],
)
def test_a_change_of_chords(before: Slice, after: Slice, expected: list[tuple[str, str]]) -> None:
    assert of_change(before, after) == expected


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        (C_MAJOR, []),
        ((64, 67, 55, 48), [("crossing", "SA")]),
        ((79, 64, 55, 48), [("spacing", "SA")]),
        ((76, 72, 55, 36 + 4), [("spacing", "AT")]),
        ((67, 64, 60, 41), []),  # far below the tenor is where basses are
        ((83, 76, 67, 48), [("range", "S")]),
        ((72, 67, 64, 36), [("range", "B")]),
        ((71, 67, 59, 43), [("doubled_leading_note", "ST")]),
        ((71, 64, 59, 52), []),  # the fifth of iii is no leading note
    ],
)
def test_a_chord(notes: Slice, expected: list[tuple[str, str]]) -> None:
    assert of_slice(notes) == expected


def test_rules_are_relative_to_the_tonic() -> None:
    assert of_change((71, 68, 62, 40), (72, 67, 64, 45), A) == []
    assert of_change((71, 68, 62, 40), (69, 64, 60, 45), A) == [("unresolved_leading_note", "A")]
    assert of_slice((71, 68, 56, 40), A) == [("doubled_leading_note", "AT")]


def test_a_rest_breaks_no_rule() -> None:
    assert of_change((72, None, 55, 48), (74, 65, 57, None)) == []
    assert of_slice((None, 67, 55, 48)) == []


def test_slices_are_the_sounds_at_onsets() -> None:
    soprano: Part = [(0, 24, 72), (24, 48, 74), (48, 96, 74)]
    bass: Part = [(0, 48, 48), (36, 48, 52), (60, 96, 50)]
    assert slices_of([soprano, bass]) == [(0, (72, 48)), (24, (74, 48)), (48, (74, None)), (60, (74, 50))]


def test_voices_of_divided_choirs_are_singers() -> None:
    assert [singer(voice) for voice in ("S", "S2", "T2", "M", "V1", "Violin1", "Viola")] == [
        "S", "S", "T", None, None, None, None,
    ]  # fmt: skip


@cache
def chorales() -> list[Piece]:
    from music21 import corpus

    names = (
        "bwv10.7",
        "bwv101.7",
        "bwv16.6",
        "bwv20.7",
        "bwv244.10",
        "bwv253",
        "bwv267",
        "bwv269",
        "bwv377",
        "bwv66.6",
    )
    return [piece for name in names for piece in read_score(corpus.getWork(f"bach/{name}"))]


def parts_of(piece: Piece) -> list[Part]:
    notes = [
        (voice, int(onset * 24), int((onset + length) * 24), pitch) for voice, onset, length, pitch in piece.note_list()
    ]
    return [[note[1:] for note in notes if note[0] == voice] for voice in piece.voices]


def test_bach_breaks_the_rules_as_seldom_as_the_books_say() -> None:
    counts: Counter[str] = Counter()
    for piece in chorales():
        assert piece.voices == FOUR_PARTS
        counts += count_faults(parts_of(piece), piece.key.pitch_class)
    per_change = {rule: 100 * counts[rule] / counts["changes"] for rule in RULES}
    assert counts["changes"] > 700
    assert per_change["parallel_fifths"] + per_change["parallel_octaves"] < 0.5
    assert per_change["crossing"] < 5
    assert per_change["spacing"] < 4
    assert per_change["range"] < 0.2
    assert counts["final_bass"] <= 1


HYMN = """X:1
T:A hymn
M:4/4
L:1/4
K:%s
V:S
V:A
V:T
V:B
[V:S] c c d d | d B c B | d2 e2 |]
[V:A] G G A A | G G G G | G2 G2 |]
[V:T] E E F F | D D E D | B,2 C2 |]
[V:B] C, C, D, D, | B,, G,, C, G,, | G,,2 %s2 |]
"""


def lines(text: str) -> list[str]:
    (piece,) = read_abc(text)
    assert piece.voices == FOUR_PARTS
    return [f"{fault.place}: {fault.text}" for fault in check_score(piece).faults]


IN_BAR_1 = ["bar 1, beat 3: parallel octaves: soprano and bass", "bar 1, beat 3: parallel fifths: alto and bass"]


def test_faults_are_named_with_bar_beat_and_voices_in_score_order() -> None:
    assert lines(HYMN % ("C", "C,")) == IN_BAR_1
    assert lines(HYMN % ("C", "G,,")) == [*IN_BAR_1, "bar 3, beat 3: the bass does not end on the tonic"]


def test_what_is_wrong_is_named_where_it_begins() -> None:
    low = HYMN.replace("C, C, D, D,", "C,, C,, C,, D,,")
    assert [line for line in lines(low % ("C", "C,")) if "range" in line] == [
        "bar 1, beat 1: C2 is out of the usual range (bass)",
    ]


def test_an_ending_does_not_lead_into_the_next_one() -> None:
    endings = """X:1
M:4/4
L:1/4
K:C
V:S
V:A
V:T
V:B
[V:S] |: e2 d2 |1 c4 :|2 d4 | c4 |]
[V:A] |: c2 B2 |1 G4 :|2 A4 | G4 |]
[V:T] |: G2 G2 |1 E4 :|2 F4 | E4 |]
[V:B] |: C2 G,2 |1 C4 :|2 D4 | C4 |]
"""
    assert [line for line in lines(endings) if "bar 3" in line] == []


def test_a_minor_hymn_under_the_signature_of_its_relative_ends_on_its_tonic() -> None:
    minor = """X:1
M:4/4
L:1/2
K:%s
V:S
V:A
V:T
V:B
[V:S] c d | c ^G | A2 |]
[V:A] A A | A E | E2 |]
[V:T] E F | E B,| C2 |]
[V:B] A, D, | E, E, | A,2 |]
"""
    assert [line for line in lines(minor % "C") if "end on" in line] == []
    assert lines(minor % "C") == lines(minor % "Am")


def test_one_voice_alone_is_not_marked() -> None:
    (piece,) = read_abc("X:1\nM:4/4\nL:1/1\nK:C\nc|d|]\n")
    assert check_score(piece).faults == ()
    assert check_score(piece).summary == "no two voices sound together"


def test_the_same_chorales_all_in_parallel_motion_break_them_in_every_change() -> None:
    (soprano, *_), *_ = map(parts_of, chorales())
    below = [[(onset, end, pitch - down) for onset, end, pitch in soprano] for down in (0, 5, 12, 24)]
    counts = count_faults(below, C)
    moves = sum(before[2] != after[2] for before, after in pairwise(soprano))
    assert counts["parallel_octaves"] == 3 * moves
    assert counts["parallel_fifths"] == 2 * moves


def test_a_piece_ends_at_its_fine_and_voices_without_a_title_keep_their_names() -> None:
    (piece,) = read_abc(
        "X:1\nM:4/4\nL:1/2\nK:C\nV:V1\nV:V2\nV:V3\n"
        "[V:V1] e d | !fine! c2 | B B | B2 |]\n[V:V2] c B | G2 | G G | D2 |]\n[V:V3] C, G, | C,2 | D, G, | G,2 |]\n"
    )
    assert "fine" in piece.bars[1].jumps
    endings = [(fault.bar, fault.rule) for fault in check_score(piece).faults if fault.rule.startswith("final")]
    assert endings == [(2, "final_chord")]
    without = replace(piece, bars=tuple(replace(bar, jumps=()) for bar in piece.bars))
    assert (4, "final_bass") in [(fault.bar, fault.rule) for fault in check_score(without).faults]
    crossed = read_abc("X:1\nM:4/4\nL:1/1\nK:C\nV:V1\nV:V2\n[V:V1] c | C |]\n[V:V2] C, | E |]\n")[0]
    assert "crossed voices: V1 and V2" in [fault.text for fault in check_score(crossed).faults]


def test_beats_are_told_in_the_metre() -> None:
    (jig,) = read_abc("X:1\nM:6/8\nL:1/8\nK:C\nV:S\nV:B\n[V:S] c | c3 cde | c6 |]\n[V:B] C | C3 CDE | C6 |]\n")
    assert [fault.place for fault in check_score(jig).faults if fault.rule == "parallel_octaves"] == [
        "bar 1, beat 2 1/3",
        "bar 1, beat 2 2/3",
        "bar 2, beat 1",
    ]
    (pickup,) = read_abc("X:1\nM:3/4\nL:1/8\nK:C\nV:S\nV:B\n[V:S] cd | c6 |]\n[V:B] C,D, | C,6 |]\n")
    assert check_score(pickup).faults[0].place == "pick-up to bar 1, beat 3 1/2"
