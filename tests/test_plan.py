"""Plans as text that a musician reads and types."""

import random
import re
from dataclasses import replace

import pytest
from test_grammar import compose_at_random

from remi_two_stage.core.codec import decode
from remi_two_stage.core.errors import ChordError, RequestError
from remi_two_stage.core.notation import ChordSymbol
from remi_two_stage.core.piece import Chord, Piece
from remi_two_stage.core.plan import Plan, key_of_names
from remi_two_stage.core.request import Request
from remi_two_stage.core.signatures import Key, Meter
from remi_two_stage.core.vocabulary import TOKEN_IDS, token_names


@pytest.mark.parametrize(
    "text",
    [
        "I | IV V7 | I |",
        "|: I | ii V | I / / V | I :|",
        "|: (V7) | I | IV / / V7 | I | [1 V :|\n[2 V | I ||",
        "|: (? 1/8) | I | V / / IV :|\n(ii 1/8) | V | N |",
        "bVII | viiø7 | N | i |\nIVmaj7 | I+ |",
    ],
)
def test_a_plan_prints_as_it_was_typed(text: str) -> None:
    assert Plan.parse(text).text() == text


def test_names_and_numerals_say_the_same_in_a_key() -> None:
    by_name = Plan.parse("D | G A7 | Bm", Key("D"))
    assert by_name == Plan.parse("I | IV V7 | vi", Key("D"))
    assert by_name.text(names=True) == "D | G A7 | Bm |"
    assert Plan.parse(by_name.text(names=True), Key("D")) == by_name


def test_a_name_stays_as_it_was_typed() -> None:
    text = "C | Dbdim7 Cdim | F#m7b5 G+ | A♯ N.C. | Gb | Dmin"
    plan = Plan.parse(text)
    assert " | ".join(plan.bar_texts(names=True)) == text.replace("♯", "#")
    assert plan.with_bar(0, "Fb").bar_texts(names=True)[:2] == ["Fb", "Dbdim7 Cdim"]
    moved = Plan(plan.skeleton.transpose(2)).text(names=True)
    assert moved.startswith("D | Ebdim7 Ddim | G#m7b5 A+ |")


def test_what_a_score_writes_over_its_staff_is_typed_as_a_plan_can_hold_it() -> None:
    chords = (Chord(0, "V7", ChordSymbol(1, "13")), Chord(48, "I", ChordSymbol(0, "", 4)))
    (bar,) = Plan.parse("I").skeleton.bars
    plan = Plan(Piece(("M",), (replace(bar, chords=chords),)))
    assert plan.text(names=True) == "G7 C |"
    assert Plan.parse(plan.text(names=True)) == plan


def test_names_are_those_of_the_key_of_their_bar() -> None:
    first, second = Plan.parse("I | III", Key("E")).skeleton.bars
    plan = Plan(Piece(("M",), (first, replace(second, key=Key("Ab")))))
    assert plan.text(names=True) == "E | Ab |"


def test_one_bar_is_typed_again_and_the_others_stay() -> None:
    plan = Plan.parse("|: (V7 1/8) | I | IV / / V7 | I :|", Key("D"))
    edited = plan.with_bar(2, "Em A7")
    assert edited.text() == "|: (V7 1/8) | I | ii V7 | I :|"
    assert edited.bar_texts(names=True) == ["A7", "D", "Em A7", "D"]
    assert plan.bar_texts() == ["V7", "I", "IV / / V7", "I"]


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("H7", "there is no chord 'H7'; write a Roman numeral"),
        ("I V I V I", "has 5 chords or holds for 4 beats; write one a beat at most"),
        (" ", "no chord is given; write one such as I or D"),
        ("I | V", "there is no chord '|'"),
    ],
)
def test_a_wrong_bar_is_refused_with_the_reason(typed: str, reason: str) -> None:
    with pytest.raises(ChordError, match=re.escape(reason)):
        Plan.parse("I | IV | I", Key("D")).with_bar(1, typed)


def test_lines_hold_four_bars_or_end_with_a_repeat() -> None:
    plan = Plan.parse("|: (V) | I | I | V | I | I | V :| I | I")
    assert plan.lines() == [[0, 1, 2, 3, 4], [5, 6], [7, 8]]


def test_chords_divide_the_beats_earlier_ones_longer() -> None:
    (bar,) = Plan.parse("I IV V").skeleton.bars
    assert bar.chords == (Chord(0, "I"), Chord(48, "IV"), Chord(72, "V"))
    (jig,) = Plan.parse("I V", meter=Meter(6, 8)).skeleton.bars
    assert jig.chords == (Chord(0, "I"), Chord(36, "V"))


def test_repeats_endings_and_the_return_to_the_pick_up() -> None:
    plan = Plan.parse("|: (V) | I | [1 V :| [2 V | I |]", meter=Meter(3, 4))
    pickup, _, first, second, last = plan.skeleton.bars
    assert plan.bar_count == 4
    assert (pickup.is_pickup, pickup.length, pickup.repeat_start) == (True, 24, True)
    assert (first.length, first.endings, first.repeat_end, first.ending_end) == (48, (1,), True, True)
    assert (second.endings, second.ending_end) == ((2,), False)
    assert (last.ending_end, last.length) == (True, 48)
    assert plan.skeleton.playing_order() == [0, 1, 2, 0, 1, 3, 4]


@pytest.mark.parametrize(
    ("text", "quarters"),
    [
        ("(I) | I | V | (V) | I | V", [1, 4, 3, 1, 4, 3]),
        ("I | V | (V) | I | V", [4, 3, 1, 4, 4]),
        ("(I) | I | V | (V 1/8) | I | V", [1, 4, 3.5, 0.5, 4, 3]),
        ("I | V | |: (V) | I | V :|", [4, 3, 1, 4, 3]),
        ("|: (I) | I | V :| (V 1/8) | I | V |", [1, 4, 3, 0.5, 4, 3.5]),
        ("|: I | V | (V) | I | V :|", [4, 3, 1, 4, 4]),
        ("|: (V) | I | [1 V :| [2 V || (V 1/8) | I | V", [1, 4, 3, 3.5, 0.5, 4, 3.5]),
    ],
)
def test_a_pick_up_and_the_bar_before_it_fill_a_bar(text: str, quarters: list[float]) -> None:
    plan = Plan.parse(text)
    for typed in (plan, Plan.parse(plan.text())):
        assert [bar.length / 24 for bar in typed.skeleton.bars] == quarters


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("I | Xv | V", "bar 2: there is no chord 'Xv'"),
        ("I | Dm/X", "bar 2: there is no chord 'Dm/X'"),
        ("I | I/9", "bar 2: in 'I/9' there is no degree '9'.*one of 1 b2 2"),
        ("I | V | | I", "bar 3: this bar is empty; write a chord, or % to repeat the bar before"),
        ("% | I", "bar 1: % repeats the bar before, and there is none"),
        ("I | I I I I I", "bar 2: .* has 5 chords or holds for 4 beats"),
        ("I / V", "3 items for 4 beats"),
        ("I :vi IV", "bar 1: ':' has no meaning here"),
        ("I [1 V :| [2 I", "bar 1: '\\[1' stands inside a bar"),
        ("I | " + "I" * 4_000, f"bar 2: there is no chord '{'I' * 59}…'; write a Roman numeral"),
        ("(V 4/4) | I", "bar 0: the pick-up is not shorter than a bar of 4/4"),
        ("(V 1/5) | I", "bar 0: a pick-up of 1/5 is not whole 16ths long; write .* as in \\(V 1/8\\), \\(V 3/16\\) or"),
        ("I | (V 1/15) | I", "bar 1: a pick-up of 1/15 is not whole 16ths long"),
        ("/ I / V", "begins with /"),
        (
            "(V) | I | I IV V I | (V) | I",
            "bar 2: 'I IV V I' is too long for the 3 beats that the pick-up leaves in this",
        ),
        ("I | I / V / | (V) | I", "bar 2: 'I / V /' is too long for the 3 beats that the pick-up leaves in this bar"),
        ("(V) | I | I IV V I", "bar 2: 'I IV V I' is too long for the 3 beats that the pick-up leaves in this bar"),
        (" | ", "has no bars"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_with_its_bar(text: str, message: str) -> None:
    with pytest.raises(ChordError, match=message):
        Plan.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(V) | I | |: V | I", "bar 2: |: opens a repeat that nothing closes; write :| at its end, or | here"),
        ("|: I | |: V | I :|", "bar 2: |: opens a repeat within that of bar 1; close that one with :|"),
        ("|: (V) | I | V", "bar 0: |: opens a repeat that nothing closes"),
        ("|: (V) | I | |: V | I :|", "bar 2: |: opens a repeat within that of bar 0; close that one with :|"),
        ("|: I | V :| [2 I |", "bar 3: the ending [2 follows no ending [1; number endings from [1"),
        ("|: I | [1 V :| [3 I |", "bar 3: the ending [3 follows no ending [2; number endings from [1"),
        ("[1 V :| I", "bar 1: no ending [2 follows the ending [1; write one after its :|, or leave the ending's sign"),
        ("|: I | [1 IV | V :|", "bar 2: no ending [2 follows the ending [1"),
        ("|: I | [1 V :| [1 I |", "bar 2: no ending [2 follows the ending [1"),
        ("|: (V) | I | [1,2 V :| IV |", "bar 2: no ending [3 follows the ending [1,2"),
        ("|: I | [1 V | [2 I :|", "bar 3: the ending [1 does not lead back; write :| before [2"),
    ],
)
def test_repeats_that_nobody_can_follow_are_no_request(text: str, message: str) -> None:
    with pytest.raises(ChordError, match=re.escape(message)):
        Request().typed(text)
    assert Plan.parse(text).text(), "scores may have them"


@pytest.mark.parametrize("value", ["1/3", "1/12", "1/24", "1/32", "5/96"])
def test_pick_ups_that_nobody_counts_are_no_request(value: str) -> None:
    text = f"I | IV | (V {value}) | I | V"
    with pytest.raises(ChordError, match=f"bar 2: a pick-up of {value} is not whole 16ths long; write such a length"):
        Request().typed(text)
    assert Plan.parse(text).text(), "scores may have them"


@pytest.mark.parametrize(
    ("typed", "meter", "quarters"),
    [
        ("(V)", "4/4", 1),
        ("(V)", "6/8", 1.5),
        ("(V 3/16)", "4/4", 0.75),
        ("(V 2/32)", "3/4", 0.25),
        ("(V 5/8)", "6/8", 2.5),
        ("(V 1/32)", "5/32", 0.125),
    ],
)
def test_pick_ups_of_whole_16ths_may_be_typed(typed: str, meter: str, quarters: float) -> None:
    first, *_ = Request(meter=meter).typed(f"{typed} | I | V").skeleton.bars
    assert first.length / 24 == quarters


@pytest.mark.parametrize(
    "text",
    [
        "I | V :|",
        "I :| V :|",
        "|: I :: V :|",
        "|: I | [1,2 V :| [3 I |]",
        "|: I | [1 V :| [2 I || IV | [1 V :| [2 I ||",
    ],
)
def test_repeats_that_players_follow_may_be_typed(text: str) -> None:
    assert Request().typed(text) == Plan.parse(text, style=None)


def test_a_wrong_chord_stands_in_the_bar_that_a_musician_counts() -> None:
    for text in ("(V) | I | Xv", "(V | I | Xv | [1", "(Xv) | I"):
        with pytest.raises(ChordError, match=f"bar {0 if text.startswith('(X') else 2}: "):
            Plan.parse(text)
    for text in ("(V) | I | IV :| (Xv) | I", "(V) | I | IV :| (V [1 | I"):
        with pytest.raises(ChordError, match="bar 2: "):
            Plan.parse(text)


def test_bars_before_a_pick_up_hold_chords_on_their_own_beats() -> None:
    plan = Plan.parse("(V7) | I | IV | I V7", meter=Meter(3, 4))
    assert [bar.length for bar in plan.skeleton.bars] == [24, 72, 72, 48]
    assert plan.skeleton.bars[-1].chords == (Chord(0, "I"), Chord(24, "V7"))


def test_phrases_are_four_bars_and_none_begins_with_a_pick_up_that_no_sign_stands_before() -> None:
    plan = Plan.parse("I | IV | V | I | (V) | I | V :| (V) | I", meter=Meter(3, 4))
    assert [index for index, bar in enumerate(plan.skeleton.bars) if bar.phrase_start] == [0, 5, 7]


def test_an_ending_stops_before_a_repeat_begins_on_the_next_line() -> None:
    bars = Plan.parse("|: I | [1 V :|\n[2 I |\n|: IV | V :|").skeleton.bars
    assert [bar.ending_end for bar in bars] == [False, True, True, False, False]


@pytest.mark.parametrize(
    ("chords", "key"),
    [
        ("D | G | A7 | D", "D"),
        ("Am | E7 | Am", "Am"),
        ("Em D | C B7 | Em", "Em"),
        ("|: Bb | F7/A | Cm | F7 | Bb :|", "Bb"),
        ("F | Gm7 | C9 | F", "F"),
        ("C | F | G7 | Am", "C"),
        ("I | IV | V", "C"),
    ],
)
def test_the_key_of_a_typed_plan_is_that_of_its_chord_names(chords: str, key: str) -> None:
    assert key_of_names(chords) == Key.parse(key)
    plan = Request("reel").typed(chords)
    assert plan.skeleton.key == Key.parse(key)
    assert Request("reel", key="G").typed(chords).skeleton.key == Key("G")


def test_a_bar_may_be_repeated_and_a_bass_typed() -> None:
    plan = Plan.parse("D/F# G | % | A7sus4 NC | Dadd9", Key("D"))
    assert plan.text(names=True) == "D/F# G | D/F# G | A7sus4 N.C. | Dadd9 |"
    assert plan.text() == "I6 IV | I6 IV | V7sus4 N | Iadd9 |"
    assert Plan.parse(plan.text(), Key("D")) == plan


def test_endings_may_be_written_with_a_bar_line_as_in_abc() -> None:
    assert Plan.parse("|: F | Bb C7 |1 F C7 :|2 F ||", Key("F")) == Plan.parse(
        "|: F | Bb C7 | [1 F C7 :| [2 F ||", Key("F")
    )


def test_signs_may_touch_the_chords_and_lines_may_end_with_a_bar_line() -> None:
    assert Plan.parse("|:I|V:|\n| I |\n| V |").text() == "|: I | V :|\nI | V |"


@pytest.mark.parametrize(
    "typed", ["(V)\nI | IV\nV7 | I", "(V) | I\r\n| IV\r\nV7 |\r\nI\r\n", "(V) | I\n\nIV | V7\n I |"]
)
def test_a_bar_ends_with_its_line(typed: str) -> None:
    assert Plan.parse(typed) == Plan.parse("(V) | I | IV | V7 | I |")


def test_what_is_no_text_is_no_plan() -> None:
    with pytest.raises(RequestError, match=r"a plan is text such as 'I \| IV V7 \| I', not a list"):
        Plan.parse(["I", "V"])  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(100))
def test_any_plan_that_can_be_composed_reads_back_from_its_text(seed: int) -> None:
    choose = random.Random(seed)
    meter = choose.choice(["4/4", "6/8", "3/4", "2/2", "9/8", "7/8", "2/4", "3/8"])
    names = ["<BOS>", f"<time={meter}>", "<key=Cmaj>", f"<Bars={choose.randint(1, 16)}>", "<voice=M>"]
    written = compose_at_random("plan", [TOKEN_IDS[name] for name in names], choose)
    plan = Plan.of(decode([token_names()[token] for token in written]))
    for text in (plan.text(), plan.text(names=True)):
        again = Plan.parse(text, meter=Meter.parse(meter))
        assert [replace(bar, phrase_start=False) for bar in again.skeleton.bars] == [
            replace(bar, phrase_start=False) for bar in plan.skeleton.bars
        ]


def test_a_style_for_several_voices_asks_for_them() -> None:
    assert Request("quartet").voices == ("Violin1", "Violin2", "Viola", "Cello")
    assert Request("hymn").voices == ("S", "A", "T", "B")
    assert (Request("reel").voices, Request().voices) == (("M",), ("M",))
    assert Request("quartet").typed("I | V7 | I").skeleton.voices == ("Violin1", "Violin2", "Viola", "Cello")
