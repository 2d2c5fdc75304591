"""Real tunes through tokens and back; what tokens cannot say is counted."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from remi_two_stage.analysis.harmony import label_chords
from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.codec import (
    decode,
    decode_ids,
    encode,
    encode_ids,
    encode_with_losses,
    extract_chord_sequence,
    names_of,
)
from remi_two_stage.core.errors import EncodingError, GrammarError
from remi_two_stage.core.piece import Bar, Chord, Note, Piece
from remi_two_stage.core.plan import Plan
from remi_two_stage.core.sequences import detail_sequence, plan_sequence
from remi_two_stage.core.signatures import Key, Meter
from remi_two_stage.scores.abc_reader import read_abc

ODD_METERS = """X:1
T:Seven, then five
M:7/8
K:F#m
(3cde|:f2 g3 ab|
[M:5/8]a2 g3|[1 gf e3:|[2 ge f3||
K:A
[M:3/4]A2- A>B (3cde|{g}a6|]
"""


def same_music(piece: Piece, other: Piece) -> bool:
    """Equal notes and equal bars in all that music is: lengths, metres, keys, repeats, endings, phrases, chords."""
    bars = [replace(bar, notes=()) for bar in piece.bars]
    return piece.note_list() == other.note_list() and bars == [replace(bar, notes=()) for bar in other.bars]


def tunes(books: dict[str, list[Path]], step: int) -> Iterator[Piece]:
    """Every `step`-th tune of every fourth file."""
    for files in books.values():
        for file in files[::4]:
            yield from map(label_chords, read_abc(file, errors="collect")[::step])


def assert_survives(pieces: Iterator[Piece]) -> tuple[int, Counter[str]]:
    """Every piece comes back as it was, or its losses are counted; returns the number of pieces and the losses."""
    number, all_losses = 0, Counter[str]()
    for piece in pieces:
        tokens, losses = encode_with_losses(piece)
        decoded = decode_ids(tokens)
        assert encode_ids(decoded) == tokens, piece.title
        assert losses or same_music(decoded, piece.in_part_order().in_c()), piece.title
        number += 1
        all_losses.update(losses.keys())
    return number, all_losses


def test_tune_books_survive_encoding(tune_books: dict[str, list[Path]]) -> None:
    number, losses = assert_survives(tunes(tune_books, step=4))
    assert number > 200
    del losses["a tie to no note"]  # which the books have in place of slurs
    assert losses.total() <= 0.02 * number


@pytest.mark.parametrize("corpus", ["hymns", "nottingham"])
def test_hymns_and_symbols_survive_encoding(corpus: str, extra_corpora: Path) -> None:
    files = sorted((extra_corpora / corpus).glob("test.abc*"))
    number, losses = assert_survives(label_chords(piece) for file in files for piece in read_abc(file))
    assert number >= 10
    assert losses.total() <= 0.1 * number


def test_odd_metres_changes_tuplets_and_endings_survive_encoding() -> None:
    (piece,) = read_abc(ODD_METERS)
    tokens, losses = encode_with_losses(piece)
    assert not losses
    assert same_music(decode_ids(tokens), piece.in_c())
    names = {"<time=7/8>", "<time=5/8>", "<time=3/4>", "<key=Cmin>", "<key=Ebmaj>", "<Ending=2>"}
    assert names <= set(names_of(tokens))


def test_the_plan_is_the_tokens_without_the_notes() -> None:
    (piece,) = read_abc('X:1\nM:3/4\nL:1/4\nK:G\nD|:"G"G2B|"D7"A2F:|')
    assert (
        extract_chord_sequence(encode(piece))
        == (
            "<BOS> <time=3/4> <key=Cmaj> <Tonic=G> <Bars=2> <voice=M> <PhraseStart> <BarStart> <PickUp=24> <Chord_unk> "
            "<PhraseStart> <RepeatStart> <BarStart> <Chord_I> <BarStart> <Chord_V7> <RepeatEnd> <EOS>"
        ).split()
    )


@pytest.mark.parametrize("key", ["C", "D", "F#m", "Bbdor", "Ebm", "Abmix"])
def test_tokens_in_c_say_where_their_tonic_sounds(key: str) -> None:
    (piece,) = read_abc(f'X:1\nM:6/8\nL:1/8\nK:{key}\n|:G3 A3|"^slow"B2c d3:|')
    tokens = encode(piece)
    assert tokens[2] == f"<key=C{Key.parse(key).mode}>"
    again = decode(tokens)
    assert again.note_list() == piece.in_c().note_list()
    assert again.in_original_key().note_list() == piece.note_list()
    assert encode(again) == tokens


def test_basses_of_chords_are_tokens_of_their_own() -> None:
    (piece,) = read_abc('X:1\nM:2/4\nL:1/4\nK:D\n"D/F#"F "G"G|"A7/G"E "D/E"D|')
    assert "<Chord_I> <Bass=4> <RelPos=24> <Chord_IV> <BarStart>" in " ".join(extract_chord_sequence(encode(piece)))
    written = write_abc(decode(encode(piece)).from_c(piece.keys))
    assert re.findall('"([^"]*)"', written) == ["D/F#", "G", "A7/G", "D/E"]


def test_plan_and_detail_sequences_of_real_tunes_are_grammatical(tune_books: dict[str, list[Path]]) -> None:
    for piece in tunes(tune_books, step=12):
        tokens = encode_ids(piece)
        plan = decode_ids(plan_sequence(tokens))
        assert same_music(decode_ids(detail_sequence(tokens)), decode_ids(tokens))
        assert Plan.of(decode_ids(tokens)) == Plan(plan)
        assert not plan.note_list()


def melody(*bars: Bar) -> Piece:
    return Piece(("M",), bars)


def bar(*notes: Note, **signs: object) -> Bar:
    return replace(Bar(Meter(4, 4), Key(), 96, (notes,)), **signs)


@pytest.mark.parametrize(
    ("piece", "loss", "kept"),
    [
        (melody(bar(Note(48, 60, 96), repeat_end=True), bar()), "rings past a repeat", Note(48, 60, 48)),
        (melody(bar(Note(0, 60, 96), Note(24, 60, 24))), "struck while it sounds", Note(0, 60, 24)),
        (melody(bar(Note(0, 60, 24), Note(0, 60, 48))), "a unison", Note(0, 60, 48)),
        (melody(bar(Note(0, 60, 24), Note(100, 62, 4))), "starts after its bar's end", Note(0, 60, 24)),
        (melody(bar(Note(0, 60, 24), endings=(1,))), "an ending left open", Note(0, 60, 24)),
        (melody(bar(Note(0, 60, 24), chords=(Chord(0, "I"), Chord(0, "V")))), "a chord at another's", Note(0, 60, 24)),
    ],
)
def test_what_tokens_cannot_say_is_changed_and_counted(piece: Piece, loss: str, kept: Note) -> None:
    tokens, losses = encode_with_losses(piece)
    assert [reason for reason in losses if loss in reason]
    assert losses.total() == 1
    assert decode_ids(tokens).bars[0].notes[0][0] == kept


def test_a_note_struck_while_an_earlier_one_rings_over_the_barline_cuts_it() -> None:
    held, restruck = bar(Note(0, 60, 24), Note(0, 60, 108)), bar(Note(0, 60, 24))
    tokens, losses = encode_with_losses(melody(held, restruck, bar()))
    assert losses == {"a unison in one voice": 1, "a note struck while it sounds": 1}
    assert [sung.notes[0] for sung in decode_ids(tokens).bars] == [(Note(0, 60, 96),), (Note(0, 60, 24),), ()]


def test_long_notes_repeat_the_longest_duration() -> None:
    piece = melody(bar(Note(24, 60, 96 + 96 + 30)), bar(), bar())
    tokens = encode(piece)
    assert [token for token in tokens if "Duration" in token] == ["<Duration=96>", "<Duration=96>", "<Duration=30>"]
    assert decode(tokens).note_list() == piece.note_list()


def test_velocity_and_dynamics_are_kept_in_their_bins() -> None:
    piece = melody(bar(Note(0, 60, 24, velocity=79, dynamics="mf"), Note(0, 64, 24)))
    assert decode(encode(piece)).bars[0].notes[0] == (
        Note(0, 60, 24, velocity=80, dynamics="mf"),
        Note(0, 64, 24, dynamics="mf"),
    )


def test_of_two_dynamics_at_an_onset_the_lowest_notes_stands() -> None:
    piece = melody(bar(Note(0, 60, 24, dynamics="mf"), Note(0, 64, 24, dynamics="p"), Note(24, 62, 24)))
    assert [note.dynamics for note in decode(encode(piece)).bars[0].notes[0]] == ["mf", "mf", None]


def test_every_play_of_a_repeat_beyond_the_second_is_counted() -> None:
    tokens, losses = encode_with_losses(melody(bar(Note(0, 60, 96), repeat_end=True, plays=5)))
    assert losses == {"a third or later play of a repeat": 3}
    assert decode_ids(tokens).playing_order() == [0, 0]


def test_what_has_no_token_is_named_with_its_bar() -> None:
    with pytest.raises(EncodingError, match=r"bar 2: there is no BarLen '500'"):
        encode(melody(bar(), bar(length=500)))
    with pytest.raises(EncodingError, match="there is no time '25/8'"):
        encode(melody(bar(meter=Meter(25, 8), length=300)))


def test_tokens_that_are_none_are_named_with_their_position() -> None:
    with pytest.raises(GrammarError, match=r"token 1: '<Style=polonaise>' is no token of the vocabulary"):
        decode(["<BOS>", "<Style=polonaise>"])
