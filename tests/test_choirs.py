"""Choirs: what rules of choral writing cost a singer, how divided choirs are read, and how composed choirs close."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from remi_two_stage.composing.composer import Composer
from remi_two_stage.core.chords import split_label
from remi_two_stage.core.codec import encode_ids
from remi_two_stage.core.counterpoint_reader import VoiceLeading
from remi_two_stage.core.divided_choirs import read_as
from remi_two_stage.core.features import ends_on_strong_beat, last_chord_length
from remi_two_stage.core.piece import Piece
from remi_two_stage.core.plan_harmony import PlanHarmony
from remi_two_stage.core.request import Request
from remi_two_stage.core.reward import closes_on_tonic
from remi_two_stage.core.sequences import detail_sequence, in_writing_order
from remi_two_stage.core.vocabulary import DETAIL, IDS, TOKEN_IDS
from remi_two_stage.evaluation.voice_leading import on_beats
from remi_two_stage.score_files import read_score
from remi_two_stage.scores.abc_reader import read_abc


def hymn(meter: str, **voices: str) -> Piece:
    """A hymn in C from what its voices sing."""
    names = "".join(f"V:{voice}\n" for voice in voices)
    music = "".join(f"[V:{voice}] {sung}\n" for voice, sung in voices.items())
    (piece,) = read_abc(f"X:1\nM:{meter}\nL:1/4\nK:C\n{names}{music}")
    return replace(piece, style="hymn")


def choosing(piece: Piece, voice: str, number: int, family: str) -> tuple[VoiceLeading, int]:
    """What follows a piece up to where a token of a note of a voice is chosen, and that token; notes count from 0."""
    ids = detail_sequence(in_writing_order(encode_ids(piece)))
    singing, places = None, []
    for at in range(ids.index(DETAIL), len(ids)):
        singing = ids[at] if ids[at] in IDS["voice"] else singing
        if singing == TOKEN_IDS[f"<voice={voice}>"] and ids[at] in IDS[family]:
            places.append(at)
    leading = VoiceLeading("soft")
    for token in ids[: places[number]]:
        leading.advance(token)
    return leading, ids[places[number]]


def costs(piece: Piece, voice: str, number: int, *pitches: int) -> list[float]:
    """What pitches cost in place of a note, beyond the cheapest of them."""
    leading, _ = choosing(piece, voice, number, "Note-On")
    first = IDS["Note-On"].start
    found = leading.costs([range(first + pitch, first + pitch + 1) for pitch in pitches])
    assert found is not None
    return [round(cost - min(found), 3) for cost in found]


def test_the_seventh_of_a_dominant_falls_as_the_tonic_follows() -> None:
    """F over G7: E, and G above it; over a chord on the sixth degree it is free."""
    for chord, soprano, cost in (("C", "e", 2.5), ("Am", "c", 0)):
        piece = hymn("4/4", S=f'"G7"d2 "{chord}"{soprano}2 | "C"c4 |]', A="F2 E2 | E4 |]", B="G,2 A,2 | C,4 |]")
        assert costs(piece, "A", 1, 64, 67) == [0, cost]


def test_outer_voices_do_not_come_by_leap_of_the_soprano_in_one_direction_to_an_octave() -> None:
    """C to F in the bass, up and down, under a soprano that leaps to F, or to A, or comes to F by step."""
    for soprano, cost in (("A2 f2", 2), ("e2 a2", 0), ("e2 f2", 0)):
        piece = hymn("4/4", S=f'"C"{soprano} | "C"g4 |]', B="C,2 F,2 | C,4 |]")
        up, down = costs(piece, "B", 1, 53, 41)
        assert up - down == cost


def test_leaps_that_are_hard_to_sing_cost() -> None:
    """From F: to G, A, B and C in an alto; from C to A flat and A below and to G in a bass; from E to G
    and C in an alto.
    """
    piece = hymn("4/4", S='"G7"d3 d | "C"c4 |]', A="F3 A | G4 |]", T="D4 | E4 |]", B="G,4 | C,4 |]")
    assert costs(piece, "A", 1, 67, 69, 71, 72) == [0, 0.7, 2.2, 0.7]
    piece = hymn("4/4", S='"C"g3 g | "C"g4 |]', B="C3 G, | C,4 |]")
    assert costs(piece, "B", 1, 52, 51, 55) == [1.4, 1.4, 0]
    piece = hymn("4/4", S='"C"e3 e | "C"e4 |]', A="E3 c | G4 |]", T="G,4 | G,4 |]", B="C,4 | C,4 |]")
    assert costs(piece, "A", 1, 67, 72) == [0, 1.4]


def test_a_leading_note_to_which_another_voice_comes_is_not_doubled() -> None:
    """The alto's B beside its G, where the soprano goes to B half a beat later, and where it does not."""
    for soprano, cost in (("d/B/", 2.5), ("d/d/", 0)):
        piece = hymn(
            "4/4", S=f'"G"{soprano} d "C"c2 | "C"c4 |]', A="G2 G2 | G4 |]", T="D2 E2 | E4 |]", B="G,2 C2 | C,4 |]"
        )
        leading_note, root = costs(piece, "A", 0, 71, 67)
        assert leading_note - root == cost


def test_of_four_voices_on_a_beat_the_last_ones_complete_the_chord() -> None:
    """Soprano and bass on C, the alto on E: the tenor is led to G, and the alto before it off C; not within a beat."""
    open_fifth = hymn("2/4", S='"C"cc|', A="EE|", T="G,G,|", B="C,C,|")
    assert costs(open_fifth, "T", 0, 55, 60) == [0, 1.2]
    assert costs(open_fifth, "A", 0, 64, 67, 60) == [0, 0, 1.2]
    off_beat = hymn("2/4", S='"C"cc|', A="EE|", T="G,/G,/G,|", B="C,C,|")
    assert costs(off_beat, "T", 1, 55, 60) == [0, 0.7]
    three = hymn("2/4", S='"C"cc|', A="EE|", B="C,C,|")
    assert costs(three, "A", 0, 64, 67) == [0, 8]


def test_a_melody_closes_by_step() -> None:
    """The soprano's last two notes, over the dominant before the last chord and over that."""
    piece = hymn("4/4", S='"C"e2 "F"f2 | "G"g2 d2 | "C"c4 |]', B="C2 F,2 | G,2 G,,2 | C,4 |]")
    assert costs(piece, "S", 3, 74, 71, 79) == [0, 0, 0.6]  # two beats before the close, where it is free; G again
    piece = hymn("4/4", S='"C"e2 "F"f2 | "G"g3 d | "C"c4 |]', B="C2 F,2 | G,2 G,,2 | C,4 |]")
    assert costs(piece, "S", 3, 74, 71, 79) == [0, 0, 2.1]
    assert costs(piece, "S", 4, 72, 76) == [0, 2]
    piece = hymn("4/4", S='"C"e2 "F"f2 | "G"g3 g | "C"c4 |]', B="C2 F,2 | G,2 G,,2 | C,4 |]")
    assert costs(piece, "S", 4, 72, 79) == [0, 1.1]  # the tonic by leap, the fifth again


def test_a_melody_holds_the_last_beat_of_a_phrase() -> None:
    """Both bars end with a quarter note, the first of them before another phrase."""
    piece = hymn("4/4", S='"C"c d e f | "C"g a b c\' | "C"c\'4 |]', B="C4 | C4 | C,4 |]")
    bars = (piece.bars[0], replace(piece.bars[1], phrase_start=True), replace(piece.bars[2], phrase_start=False))
    piece = replace(piece, bars=bars)
    for note, cost in ((3, 1), (7, 0)):
        leading, quarter = choosing(piece, "S", note, "Duration")
        found = leading.costs([range(quarter, quarter + 1), range(quarter - 12, quarter - 11)]) or [0.0, 0.0]
        assert found == [0, cost]


def test_a_divided_choir_is_read_as_one_that_is_known_men_an_octave_higher() -> None:
    def read(voices: Sequence[str], *names: str) -> list[str] | None:
        found = read_as(TOKEN_IDS[f"<voice={voice}>"] for voice in voices)
        tokens = {index: name for name, index in TOKEN_IDS.items()}
        return None if found is None else [tokens[found[TOKEN_IDS[name]]] for name in names]

    assert read(("S", "A2", "S2", "A"), "<voice=S2>", "<voice=A>", "<voice=A2>", "<Note-On=60>") == [
        "<voice=A>", "<voice=T>", "<voice=B>", "<Note-On=60>",
    ]  # fmt: skip
    assert read(("T", "B2", "T2", "B"), "<voice=T>", "<voice=B2>", "<Note-On=48>", "<RelPos=24>") == [
        "<voice=S>", "<voice=B>", "<Note-On=60>", "<RelPos=24>",
    ]  # fmt: skip
    assert read(("S", "B", "A", "T")) is read(("M",)) is read(("S", "S2", "V1")) is None


@pytest.mark.parametrize("voices", [("S", "S", "A", "A"), ("T", "T", "B", "B")])
def test_divided_choirs_are_full_and_their_voices_apart(voices: Sequence[str]) -> None:
    requests = [Request("hymn", "F", bars=8, voices=voices), Request("chorale", "D", bars=8, voices=voices)] * 3
    pieces = Composer.from_pretrained().compose_batch(requests, seed=40)
    beats = [[max(sung) for sung in beat] for piece in pieces for beat in on_beats(piece) if all(beat)]
    hollow = sum({(pitch - min(beat)) % 12 for pitch in beat} <= {0, 7} for beat in beats)
    unisons = sum(upper == lower for beat in beats for upper, lower in pairwise(beat))
    assert hollow < len(beats) / 30
    assert unisons < 0.6 * len(beats)  # in three pairs of neighbours


def test_basses_of_a_choir_that_lie_a_tritone_apart_cost_in_its_plan() -> None:
    """G7 after F: over B it costs, over G it does not; among players of a quartet neither does."""
    for voices, expected in ((("S", "A", "T", "B"), [3, 0]), (("V1", "V2", "V3", "V4"), None)):
        ids = Request("hymn", "C", bars=4, voices=voices).globals()
        names = ("<BarStart>", "<RelPos=0>", "<Chord_I>", "<RelPos=48>", "<Chord_IV>", "<BarStart>", "<RelPos=0>")
        plan = PlanHarmony()
        for token in [*ids, *(TOKEN_IDS[name] for name in names), TOKEN_IDS["<Chord_V7>"]]:
            plan.advance(token)
        over_third, following = IDS["Bass"][3], TOKEN_IDS["<RelPos=48>"]
        found = plan.costs([range(token, token + 1) for token in (over_third, following)])
        assert found == expected


def test_composed_choirs_close_by_a_root_on_the_tonic_on_a_strong_beat_that_hymns_hold() -> None:
    requests = [Request(style, key, bars=8) for style in ("hymn", "chorale") for key in ("C", "G", "Dm", "Bb")] * 2
    plans = [plan.skeleton for plan in Composer.from_pretrained().plan_batch(requests, seed=60)]
    assert sum(closes_on_tonic(plan) is True for plan in plans) >= len(plans) - 2
    hymns = [plan for plan in plans if plan.style == "hymn"]
    assert sum(last_chord_length(plan) >= 2 for plan in hymns) >= len(hymns) - 1
    roots = [split_label(chord.label) for plan in plans for bar in plan.bars for chord in bar.chords]
    at_home = sum(root is not None and root[0] == 0 for root in roots)
    assert at_home < 0.45 * len(roots)
    assert sum(ends_on_strong_beat(plan) is True for plan in plans) >= len(plans) - 1


def test_hymns_hold_their_last_notes_to_the_end_of_bars_of_any_length() -> None:
    requests = [Request("hymn", key, meter, 4) for key in ("C", "Eb", "G") for meter in ("4/4", "3/4", "6/4")]
    for piece in Composer.from_pretrained().compose_batch(requests, seed=62):
        last = piece.bars[-1]
        held = [
            (note.onset, note.duration) for voice in last.notes for note in voice if note.onset >= last.chords[-1].onset
        ]
        assert held == [(last.chords[-1].onset, last.length - last.chords[-1].onset)] * 4


def test_composed_choirs_begin_together_and_with_their_first_bar() -> None:
    requests = [Request(style, key, "4/4", 4) for style in ("hymn", "chorale") for key in ("F", "G", "Eb", "Am")]
    for piece in Composer.from_pretrained().compose_batch([*requests, Request("hymn", "F", "4/4", 16)], seed=5):
        assert [voice[0].onset for voice in piece.bars[0].notes] == [0] * 4


def test_chorales_repeat_their_first_lines_as_half_of_bachs_do_and_hymns_none() -> None:
    requests = [Request(style, key) for style in ("chorale", "hymn") for key in ("G", "F", "Am")] * 4
    plans = [plan.skeleton for plan in Composer.from_pretrained().plan_batch(requests, seed=61)]
    repeated = {style: [] for style in ("chorale", "hymn")}
    for plan in plans:
        repeated[plan.style].append(any(bar.repeat_end for bar in plan.bars))
    assert 3 <= sum(repeated["chorale"]) <= 9
    assert sum(repeated["hymn"]) <= 1


def test_what_is_written_after_a_hymn_or_a_chorale_closes_as_composed_ones_do(music21_corpus: Path) -> None:
    given = [read_score(music21_corpus / "bach" / f"bwv{number}.mxl")[0] for number in ("269", "253", "26.6", "10.7")]
    given += Composer.from_pretrained().compose_batch([Request("hymn", key, bars=8) for key in ("G", "F")], seed=2)
    longer = Composer.from_pretrained().extend_batch(given, 8, seed=70)
    new = [replace(piece, bars=piece.bars[-8:], source=None) for piece in longer]
    assert sum(closes_on_tonic(piece) is True for piece in new) >= 5
