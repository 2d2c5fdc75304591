"""Da capo, dal segno, fine and coda: in what order bars are played, and that every format and the tokens keep to it."""

from dataclasses import replace

import pytest
from musicxml_scores import BACKWARD, scale, score

from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.codec import decode, encode_with_losses, names_of
from remi_two_stage.core.errors import ScoreError
from remi_two_stage.core.notation import JUMPS, SIGNS_AFTER, SIGNS_BEFORE
from remi_two_stage.core.piece import Bar, Chord, Note, Piece
from remi_two_stage.core.signatures import Key, Meter
from remi_two_stage.corpus.augmentation import crop_phrases, unfold
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.midi_reader import parse_midi
from remi_two_stage.scores.midi_writer import midi_bytes
from remi_two_stage.scores.musicxml_reader import read_musicxml
from remi_two_stage.scores.musicxml_writer import musicxml_bytes

ORDERS = {
    "da capo to the end": ("A B C,D.C.", "ABC ABC"),
    "da capo without fine, music after it": ("A B,D.C. C", "AB ABC"),
    "da capo that does not say the fine there is": ("A B,fine C,D.C.", "ABC AB"),
    "da capo al fine": ("A B,fine C D,D.C.alfine", "ABCD AB"),
    "da capo al fine, fine at once": ("A,fine B,D.C.alfine", "AB A"),
    "da capo al fine without fine": ("A B,D.C.alfine", "AB AB"),
    "da capo al fine and then the coda": ("A B,fine C,D.C.alfine coda,D E", "ABC ABDE"),
    "da capo al fine, music after it that is no coda": ("A B,fine C,D.C.alfine D", "ABC AB"),
    "da capo al fine, a coda for which another sign leaves": ("A,dacoda B,fine C,D.C.alfine coda,D", "ABC AB"),
    "dal segno": ("A segno,B C,D.S.", "ABC BC"),
    "dal segno without segno": ("A B,D.S.", "AB AB"),
    "dal segno al fine": ("A segno,B C,fine D,D.S.alfine", "ABCD BC"),
    "dal segno, of two the last": ("segno,A segno,B C,D.S. D segno,E", "ABC BCDE"),
    "dal segno al coda": ("A segno,B C,dacoda D E,D.S.alcoda coda,F G", "ABCDE BCFG"),
    "dal segno al coda, music between": ("segno,A B,dacoda C,D.S.alcoda D coda,E", "ABC ABE"),
    "dal segno to a coda that it does not say": ("segno,A B,dacoda C,D.S. coda,D", "ABC ABD"),
    "da capo al coda, left where it jumps": ("A B,D.C.alcoda coda,C", "AB ABC"),
    "da capo al coda, left before": ("A,dacoda B,D.C.alcoda coda,C", "AB AC"),
    "da capo al coda without coda": ("A,dacoda B,D.C.alcoda C", "AB ABC"),
    "a repeat before a da capo": ("|:,A B,:| C,D.C.", "ABABC ABC"),
    "a repeat thrice before a da capo": ("|:,A,:|,3 B,D.C.", "AAAB AB"),
    "a repeat that the da capo ends": ("A |:,B C,:|,D.C.", "ABCBC ABC"),
    "endings before a da capo": ("A [1,B,],:| [2,C,] D,D.C.", "ABACD ACD"),
    "endings of which the da capo is in the last": ("|:,A [1,B,],:| [2,C,],D.C.", "ABAC AC"),
    "an ending that goes on after the da capo": ("|:,A [1,B,],:| [2,C,D.C. D", "ABAC ACD"),
    "three endings before a dal segno": ("segno,A [1,B,],:| [2,C,],:| [3,D,] E,fine F,D.S.alfine", "ABACADEF ADE"),
    "a fine in the second ending": ("A [1,B,],:| [2,C,],fine D,D.C.alfine", "ABACD AC"),
    "a jump within a repeated section": ("|:,A B,D.C. C,:| D", "ABCAB ABCD"),
    "a jump in the first ending": ("A [1,B,D.C.,],:| [2,C,] D", "AB ACD"),
    "a jump in an ending that is never played": ("A [2,B,D.C.,] [3,C,] D", "AD"),
    "a pick-up before a da capo al fine": ("', A B,fine C,D.C.alfine", "'ABC 'AB"),
    "a pick-up before a repeat and a dal segno": ("', segno,|:,A B,:| C,D.S.alfine,fine", "'ABABC ABC"),
}  # fmt: skip
"""What is tested: (bars by their letters and signs, letters in the order of playing)."""


def bar(word: str) -> Bar:
    """A bar of 4/4 in D that plays its letter; "'" is a pick-up."""
    signs = word.split(",")
    letter = next(sign for sign in signs if sign in "'ABCDEFG")
    length = 24 if letter == "'" else 96
    notes = (Note(0, 50 if letter == "'" else ord(letter), length),)
    return Bar(
        Meter(4, 4),
        Key("D"),
        length,
        (notes,),
        (Chord(0, "I"),),
        is_pickup=letter == "'",
        phrase_start=letter in "'A",
        repeat_start="|:" in signs,
        endings=tuple(int(sign[1]) for sign in signs if sign.startswith("[")),
        ending_end="]" in signs,
        repeat_end=":|" in signs,
        plays=3 if "3" in signs else 2,
        jumps=tuple(sign for sign in signs if sign in (*SIGNS_BEFORE, *SIGNS_AFTER, *JUMPS)),
    )


def tune(text: str) -> Piece:
    return Piece(("M",), tuple(map(bar, text.split())), title="A tune with jumps")


def played(piece: Piece) -> str:
    pitches = [piece.bars[index].notes[0][0].pitch for index in piece.playing_order()]
    return "".join("'" if pitch == 50 else chr(pitch) for pitch in pitches)


@pytest.mark.parametrize(("text", "order"), ORDERS.values(), ids=ORDERS)
def test_jumps_are_played(text: str, order: str) -> None:
    assert played(tune(text)) == order.replace(" ", "")


@pytest.mark.parametrize("text", [text for text, _ in ORDERS.values()], ids=ORDERS)
def test_written_out_a_piece_with_jumps_plays_the_same_notes(text: str) -> None:
    piece = tune(text)
    written = piece.in_part_order()
    assert not any(bar.jumps for bar in written.bars)
    assert written.note_list(unfold_repeats=True) == piece.note_list(unfold_repeats=True)
    assert written.in_part_order() is written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("|:,A B,:| C,fine D,D.C.alfine", "|:,A B,:| C D A B C"),
        ("A [1,B,:| [2,C,D.C. D", "A [1,B,:| [2,C,] A C D"),
        ("|:,A B,D.C. C,:| D", "A B C A B A B C D"),
        ("A [2,B,D.C.,] [3,C,] D", "A [2,B,] [3,C,] D"),
    ],
)
def test_repeats_before_a_jump_stay_unless_it_leaves_one(text: str, written: str) -> None:
    bars = tune(written).bars
    assert [replace(bar, phrase_start=False) for bar in tune(text).in_part_order().bars] == [
        replace(bar, phrase_start=False) for bar in bars
    ]


@pytest.mark.parametrize("text", [text for text, _ in ORDERS.values()], ids=ORDERS)
def test_tokens_say_a_piece_with_jumps_as_it_is_played(text: str) -> None:
    piece = tune(text)
    tokens, losses = encode_with_losses(piece)
    again = decode(names_of(tokens))
    if ",3" in text:
        # of repeats that are played thrice, tokens say two plays
        assert dict(losses) == {"a third or later play of a repeat": 1}
        return
    assert losses == {}
    assert replace(again, original_keys=()) == replace(piece.in_part_order().in_c(), title="", original_keys=())
    assert again.note_list(unfold_repeats=True) == piece.in_c().note_list(unfold_repeats=True)


@pytest.mark.parametrize("text", [text for text, _ in ORDERS.values()], ids=ORDERS)
def test_midi_holds_a_piece_with_jumps_as_it_is_played(text: str) -> None:
    piece = tune(text)
    assert parse_midi(midi_bytes(piece)).note_list() == piece.note_list(unfold_repeats=True)


@pytest.mark.parametrize("text", [text for text, _ in ORDERS.values()], ids=ORDERS)
def test_variants_of_a_piece_with_jumps_have_none(text: str) -> None:
    piece = tune(text)
    if (unfolded := unfold(piece, "")) is not None:
        assert unfolded.playing_order() == list(range(len(unfolded.bars)))
        assert unfolded.note_list() == piece.note_list(unfold_repeats=True)


def test_an_excerpt_of_a_piece_with_jumps_is_of_what_is_played() -> None:
    piece = tune("A B C D,fine E A F G,D.C.alfine")
    excerpts = [crop_phrases(piece, str(number)) for number in range(20)]
    assert {played(excerpt) for excerpt in excerpts} == {"ABCDE", "AFGABCD", "ABCD", "ABCDEAFG"}


def test_a_piece_that_is_played_endlessly_is_refused_even_if_a_jump_leaves_it() -> None:
    endless = tune("|:,A,D.C. B,:|")
    bars = (endless.bars[0], replace(endless.bars[1], plays=200_000))
    with pytest.raises(ScoreError, match="unfolded, the piece has more than 200000 bars"):
        replace(endless, bars=bars).playing_order()


@pytest.mark.parametrize(
    ("music", "notes"),
    [
        ("|:C D E F-|1 F4:|2 F2 G2|]", "C D E F:5 C D E F:3 G:2"),
        ("|:C D E F-|1 F4-|F4:|2 F4-|F2 G2|]", "C D E F:9 C D E F:7 G:2"),
        ("|:C D E F-|1 F4:|2 G2 F2|]", "C D E F:5 C D E F G:2 F:2"),
        ("|:C D E F-:|F4|]", "C D E F C D E F:5"),
        ("P:A\nC D E F-|\nP:B\nF2 G2|]", "C D E F:3 G:2 C D E F"),
        ("C D E F-!dacoda!|F4 !D.C.alcoda!|!coda!G4|]", "C D E F:5 C D E F G:4"),
        ("C D E F-|:F4|C D E F:|G4|]", "C D E F:5 C D E F F:4 C D E F G:4"),
        ("C D E F-|:F4|C D E F-:|F4|]", "C D E F:5 C D E F:5 C D E F:5"),
        ("|:C D E F|1 F2 E F-:|2 F2 G2|]", "C D E F F:2 E F C D E F F:2 G:2"),
        ("C D E F- !fine!|!segno!F2 G2 !D.S.!|C4|]", "C D E F:3 G:2 F:2 G:2 C:4"),
    ],
    ids=[
        *("into endings", "long endings", "into the first ending", "before a repeat", "between parts", "before a coda"),
        *("into a repeat", "round a repeat", "out of the first ending", "into a segno"),
    ],
)
def test_a_note_rings_only_into_what_is_played_after_it(music: str, notes: str) -> None:
    order = "P:ABA\n" if "P:A" in music else ""
    (piece,) = read_abc(f"X:1\nM:4/4\nL:1/4\n{order}K:C\n{music}")
    heard = [name.partition(":") for name in notes.split()]
    assert [(pitch, length) for _, _, length, pitch in piece.note_list(unfold_repeats=True)] == [
        (dict(C=60, D=62, E=64, F=65, G=67)[name], int(length or 1)) for name, _, length in heard
    ]
    assert parse_midi(midi_bytes(piece)).note_list() == piece.note_list(unfold_repeats=True)
    assert piece.in_part_order().note_list(unfold_repeats=True) == piece.note_list(unfold_repeats=True)


@pytest.mark.parametrize(
    ("measures", "order"),
    [
        ([BACKWARD, "", "FINAL", "", BACKWARD], "AABCDEDE"),
        ([BACKWARD, "", "FINAL", "", "FORWARD" + BACKWARD], "AABCDEE"),
        (["", "FINAL", "", BACKWARD, ""], "ABCDCDE"),
        (["", '<direction><sound fine="yes"/></direction>FINAL', "", BACKWARD, '<sound dacapo="yes"/>'], "ABCDCDEAB"),
    ],
    ids=["a later movement", "one with its own sign", "the first repeat of all", "a trio"],
)
def test_a_repeat_goes_back_no_further_than_to_the_start_of_its_movement(measures: list[str], order: str) -> None:
    """As in quartets, whose minuets begin without a sign after a movement that does not end with a repeat."""
    final = '<barline location="right"><bar-style>light-heavy</bar-style></barline>'
    forward = '<barline location="left"><repeat direction="forward"/></barline>'
    contents = [scale() + measure.replace("FINAL", final) for measure in measures]
    contents = [forward + content.replace("FORWARD", "") if "FORWARD" in content else content for content in contents]
    piece = read_musicxml(score(contents))
    assert "".join("ABCDE"[index] for index in piece.playing_order()) == order
    for again in (read_musicxml(musicxml_bytes(piece)), *read_abc(write_abc(piece))):
        assert again.playing_order() == piece.playing_order()
