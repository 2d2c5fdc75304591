"""The form of tunes: parts close on the tonic, later ones lie higher, the mode is kept, and beats have their rhythm."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from remi_two_stage import Composer, Piece, Request
from remi_two_stage.core.codec import encode_ids
from remi_two_stage.core.counterpoint_reader import VoiceLeading
from remi_two_stage.core.features import pitches
from remi_two_stage.core.grammar_structure import BAR_START, PICK_UP
from remi_two_stage.core.plan_harmony import PlanHarmony
from remi_two_stage.core.reward import begins_on_tonic
from remi_two_stage.core.sampling import Sampling
from remi_two_stage.core.sequences import detail_sequence
from remi_two_stage.core.signatures import Meter
from remi_two_stage.core.vocabulary import DETAIL, IDS, token_id
from remi_two_stage.scores.abc_reader import read_abc

POLKA = """X:1
R:polka
M:2/4
L:1/8
K:C
G | "C"cc ec | "F"Ac "G"BG | "C"cc eg | "G"fd de | "C"cc ec | "F"Ac "G"BG | "F"Af "G"ed | "C"c2 c :|
|: G | "C"eg ge | "F"fa af | "C"eg ge | "D7"fd df | "C"eg ge | "F"fa af | "F"Af "G"ed | "C"c2 c :|
"""


def tune(style: str = "polka", text: str = POLKA) -> Piece:
    (piece,) = read_abc(text)
    return replace(piece, style=style)


def costs(piece: Piece, family: str, note: int, values: Sequence[int]) -> list[float]:
    """What MIDI numbers or lengths in ticks cost in place of those of a note, the pick-up's being the first."""
    ids = detail_sequence(encode_ids(piece))
    places = [at for at in range(ids.index(DETAIL), len(ids)) if ids[at] in IDS[family]]
    leading = VoiceLeading("soft")
    for token in ids[: places[note]]:
        leading.advance(token)
    first = IDS[family].start - (1 if family == "Duration" else 0)
    return leading.costs([range(first + value, first + value + 1) for value in values]) or [0.0] * len(values)


def test_the_last_note_of_a_part_over_the_tonic_is_led_to_it() -> None:
    """The bar that closes the first part of the polka, its notes, and those of the bar before."""
    for note, more in ((28, 0.0), (29, 0.0), (30, 2.0)):
        tonic, third = costs(tune(), "Note-On", note, (72, 76))
        assert third - tonic == pytest.approx(more)
    on_dominant = tune(text=POLKA.replace('"C"c2 c :|', '"G"d2 d :|'))
    assert costs(on_dominant, "Note-On", 30, (74, 71)) == [0, 0]


def test_a_song_that_ends_off_its_tonic_closes_on_a_note_that_both_chords_have() -> None:
    """G, B and D over the last G; over Bb nothing of the tonic's chord is left, and over F it is C."""
    for chord, notes, expected in (("G", (67, 71, 74), [0, 1, 1]), ("Bb", (70, 74), [0, 0]), ("F", (72, 69), [0, 1])):
        open_end = tune("song", POLKA[::-1].replace('"C"c2 c :|'[::-1], f'"{chord}"d2 d :|'[::-1], 1)[::-1])
        found = costs(open_end, "Note-On", 61, notes)
        assert [cost - min(found) for cost in found] == pytest.approx(expected, abs=0.02), chord


def test_a_first_ending_leads_back_and_is_not_led_to_the_tonic() -> None:
    endings = POLKA.replace('"C"c2 c :|\n|:', '[1 "C"c2 c :| [2 "C"c2 c |]\n|:')
    assert costs(tune(text=endings), "Note-On", 30, (72, 76)) == [0, 0]


def test_later_parts_lie_higher_up_to_their_close() -> None:
    for note, less in ((14, 0.0), (33, 0.6), (60, 0.0)):
        low, high = costs(tune(), "Note-On", note, (60, 72))
        assert low - high == pytest.approx(less)
    assert costs(tune(), "Note-On", 33, (77, 79)) == [0, 0]


def test_notes_of_a_tune_belong_to_its_key_or_to_the_chord() -> None:
    """F sharp beside F: over F, and over the dominant of the dominant, which alters the latter; songs may be odd."""
    for style, note, more in (("polka", 37, 0.5), ("polka", 45, -2.0), ("song", 37, 0.0)):
        natural, sharp = costs(tune(style), "Note-On", note, (77, 78))
        assert sharp - natural == pytest.approx(more)


def test_strathspeys_have_snaps_and_marches_dotted_pairs() -> None:
    text = 'X:1\nM:4/4\nL:1/8\nK:C\n"C"c>d e<f g>a g<e | "C"c8 |]\n'
    even, dotted, snap = (12, 18, 6)
    for style, wanted in (("strathspey", (0.5, 0.0, -0.15)), ("march", (0.0, -0.5, 0.5)), ("reel", (0.0, 0.0, 0.0))):
        assert costs(tune(style, text), "Duration", 2, (even, dotted, snap)) == pytest.approx(wanted)


def test_notes_of_a_tune_are_tied_over_beats_by_eighths_alone() -> None:
    """From the second eighth of a beat, and from its last 16th: to the next beat, an eighth and a 16th beyond it."""
    text = 'X:1\nM:4/4\nL:1/16\nK:C\n"C"c2d4e2 f3g f4 | "C"c16 |]\n'
    assert costs(tune("strathspey", text), "Duration", 1, (12, 24, 18)) == [0, 0, 2.5]
    assert costs(tune("strathspey", text), "Duration", 4, (6, 18)) == [0, 2.5]


def test_a_plan_of_a_tune_begins_on_the_tonic_behind_its_pick_up_and_that_of_a_song_as_it_likes() -> None:
    requests = [Request("air", key, bars=16) for key in ("G", "D", "C", "F", "Am", "Em") * 6]
    composer = Composer.from_pretrained()
    led, free = (
        [begins_on_tonic(plan.skeleton) for plan in composer.plan_batch(requests, seed=3, sampling=sampling)]
        for sampling in (Sampling(), Sampling(counterpoint="off"))
    )
    assert sum(led) >= 30
    assert sum(led) > sum(free)
    for style, expected in (("reel", [0, 2]), ("song", None)):
        harmony = PlanHarmony()
        for token in Request(style, "C", bars=8).globals():
            harmony.advance(token)
        harmony.advance(BAR_START)
        chords = [range(token, token + 1) for token in (token_id("Chord", "I"), token_id("Chord", "V7"))]
        assert harmony.costs(chords) == expected
        harmony.advance(PICK_UP.start)
        assert harmony.costs(chords) is None


def test_tunes_in_three_beats_come_home_with_their_last_bar_and_hold_its_note() -> None:
    """The last bar of a part: its first note is led to its end, as in no other metre."""
    waltz = 'X:1\nM:3/4\nL:1/4\nK:C\n"C"c e g | "G7"f d B | "C"c c2 :|\n|: "C"g e g | "G7"f d B | "C"c c2 :|\n'
    for note in (6, 14):
        assert costs(tune("waltz", waltz), "Duration", note, (24, 48, 72)) == [1.5, 1.5, 0]
    assert costs(tune("waltz", waltz), "Duration", 3, (24, 48, 72)) == [0, 0, 0]
    assert costs(tune(), "Duration", -2, (12, 24)) == [0, 0]
    requests = [Request("air", key, Meter(3, 4), 16) for key in ("G", "D", "C", "F", "Am", "Em") * 4]
    composer = Composer.from_pretrained()
    led, free = (
        sum(plan.skeleton.bars[-1].chords[0].label in ("I", "i") for plan in plans)
        for plans in (
            composer.plan_batch(requests, seed=5, sampling=Sampling(counterpoint=counterpoint))
            for counterpoint in ("soft", "off")
        )
    )
    assert led > free
    assert led >= 18


def test_notes_do_not_reach_over_the_groups_of_five_and_seven() -> None:
    """Of 7/8, which is 2+2+3, and of 5/4, 3+2: lengths from the first beat and from the second unit on."""
    seven = 'X:1\nM:7/8\nL:1/8\nK:C\n"C"cd ef gfe | "C"c7 |]\n'
    assert costs(tune("air", seven), "Duration", 0, (24, 36, 48, 60, 84)) == [0, 2.5, 0, 2.5, 0]
    assert costs(tune("air", seven), "Duration", 1, (12, 24, 36)) == [0, 2.5, 2.5]
    five = 'X:1\nM:5/4\nL:1/4\nK:C\n"C"c d e f g | "C"c5 |]\n'
    assert costs(tune("air", five), "Duration", 1, (48, 72)) == [0, 2.5]


def test_composed_tunes_go_up_in_their_second_part_and_plans_name_no_chord_twice_running() -> None:
    requests = [Request(style, key, bars=16) for style in ("jig", "reel") for key in ("D", "G", "Ador", "Em")] * 3

    def rise(piece: Piece) -> float:
        starts = [at for at, bar in enumerate(piece.bars) if at and piece.bars[at - 1].repeat_end] or [8]
        first, second = (replace(piece, bars=bars) for bars in (piece.bars[: starts[0]], piece.bars[starts[0] :]))
        return sum(pitches(second)) / len(pitches(second)) - sum(pitches(first)) / len(pitches(first))

    pieces = Composer.from_pretrained().compose_batch(requests, seed=11)
    assert sum(map(rise, pieces)) > 1.5 * len(pieces)
    for bar in (bar for piece in pieces for bar in piece.bars):
        labels = [chord.label for chord in bar.chords]
        assert all(before != after for before, after in pairwise(labels))
