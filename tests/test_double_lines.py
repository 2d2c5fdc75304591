"""Double bar lines within a piece: read and written by every format of scores, and nothing that is played."""

import re
from pathlib import Path

import pytest
from musicxml_scores import note as sixteenths
from musicxml_scores import score
from tunes import OLD_HUNDREDTH

from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.codec import decode, encode
from remi_two_stage.core.piece import Piece
from remi_two_stage.corpus.augmentation import unfold
from remi_two_stage.rendering.engraving import load_into_verovio
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.music21_bridge import from_music21, to_music21
from remi_two_stage.scores.musicxml_reader import read_musicxml
from remi_two_stage.scores.musicxml_writer import musicxml_bytes

HEADER = "X:1\nM:4/4\nL:1/8\nK:C\n"
WHOLE = sixteenths("C", 16)


def tune(music: str) -> Piece:
    (piece,) = read_abc(HEADER + music)
    return piece


def body(piece: Piece) -> str:
    return write_abc(piece).partition("\nK:C\n")[2].strip()


def lines(piece: Piece) -> list[str]:
    return [bar.double_line for bar in piece.bars]


def styles(piece: Piece) -> list[str]:
    return re.findall("<bar-style>([a-z-]+)</bar-style>", musicxml_bytes(piece).decode())


def barline(style: str, location: str = "right") -> str:
    return f'<barline location="{location}"><bar-style>{style}</bar-style></barline>'


@pytest.mark.parametrize(
    ("music", "found"),
    [
        ("C2 D2 E2 F2 | G8 || G2 F2 E2 D2 | C8 |]", ["light-light", "light-heavy"]),
        ("C8 |] D8 | E8 |]", ["light-heavy", "light-heavy"]),
        ("|: C8 || D8 :| E8 || F8 |]", ["heavy-light", "light-light", "light-heavy", "light-light", "light-heavy"]),
        ("|: C8 | [1 D8 :| [2 E8 |] F8 |]", ["heavy-light", "light-heavy", "light-heavy", "light-heavy"]),
        ("C4 || D4 | E8 | F8 |]", ["light-light", "light-heavy"]),
        ("G2 | C8 || [M:3/4] [K:G] d6 | e6 || f6 |]", ["light-light", "light-light", "light-heavy"]),
        ("C8 !fine! |] D8 | E8 !D.C.alfine! |]", ["light-heavy", "light-heavy"]),
    ],
)
def test_come_back_from_abc_and_musicxml(music: str, found: list[str]) -> None:
    piece = tune(music)
    assert body(piece) == music
    assert styles(piece) == found
    read = read_musicxml(musicxml_bytes(piece))
    assert body(read) == music
    assert read.playing_order() == piece.playing_order()
    assert lines(from_music21(to_music21(piece))) == lines(piece)


@pytest.mark.parametrize(
    ("music", "written"),
    [
        ("C8 || |: D8 | E8 :|| F8 |]", "C8 |: D8 | E8 :| F8 |]"),
        ("|: C8 |] [1 D8 :| [2 E8 |] |: F8 :|", "|: C8 | [1 D8 :| [2 E8 |: F8 :|"),
        ("C8 || D8 ||", "C8 || D8 |]"),
        ("C8 [| D8 [|] E8 |]", "C8 || D8 | E8 |]"),
    ],
)
def test_repeats_endings_and_the_end_go_before_them(music: str, written: str) -> None:
    piece = tune(music)
    assert body(piece) == written
    assert lines(piece) == lines(read_musicxml(musicxml_bytes(piece)))


def test_musicxml_says_them_at_either_side_and_in_any_part() -> None:
    left, right = barline("light-light", "left"), barline("light-heavy")
    piece = read_musicxml(score([WHOLE, left + WHOLE, WHOLE, WHOLE], [WHOLE, WHOLE, WHOLE + right, WHOLE + right]))
    assert lines(piece) == ["||", "", "|]", ""]


def test_a_double_line_within_an_ending_does_not_close_it_in_abc() -> None:
    first = '<barline location="left"><ending number="1" type="start"/></barline>'
    stop = '<barline location="right"><ending number="1" type="stop"/><repeat direction="backward"/></barline>'
    piece = read_musicxml(score([WHOLE, first + WHOLE + barline("light-light"), WHOLE + stop, WHOLE]))
    assert body(piece) == "C8 | [1 C8 | C8 :| C8 |]"
    assert "light-light" in styles(piece)
    assert tune(body(piece)).playing_order() == piece.playing_order() == [0, 1, 2, 0, 3]


def test_a_short_bar_after_one_is_no_pickup_if_it_was_none() -> None:
    short = sixteenths("C", 12) + barline("light-light")
    piece = read_musicxml(score([WHOLE, WHOLE, short, sixteenths("D", 8), WHOLE]))
    assert [bar.is_pickup for bar in piece.bars] == [False] * 5
    assert tune(body(piece)).bars == piece.bars


def test_a_jump_over_a_final_bar_line_comes_back() -> None:
    piece = tune("C8 |] D8 | E8 !D.C.! |] F8 |]")
    read = read_musicxml(musicxml_bytes(piece))
    assert read.playing_order() == piece.playing_order() == [0, 1, 2, 0, 1, 2, 3]
    assert read.losses == ()


def test_every_voice_has_them() -> None:
    (piece,) = read_abc(OLD_HUNDREDTH.replace('"D"ED |', '"D"ED ||'))
    text = write_abc(piece)
    assert text.count("||") == 4
    assert musicxml_bytes(piece).count(b"light-light") == 4
    assert lines(read_abc(text)[0]) == lines(piece) == ["", "||", ""]


def test_bars_that_are_copied_keep_them() -> None:
    piece = tune("|: C8 || D8 :| E2 || F6 | G8 |]")
    moved = piece.in_key("D").transpose(3).in_original_key()
    assert lines(moved) == lines(piece) == ["||", "", "||", "", ""]
    split = tune('|: "C"C8 || "G"D6 :| "C"C2 || "G"D6 | "C"G8 |]')
    written = unfold(split, "")
    assert written is not None
    assert lines(written) == ["||", "", "||", "||", "", ""]
    jumping = tune("C8 || D8 !D.C.! |]")
    assert lines(jumping.in_part_order()) == ["||", "", "||", ""]


def test_tokens_do_not_say_them_and_they_are_no_part_of_the_music() -> None:
    piece, plain = tune("C8 || D8 | E8 |]"), tune("C8 | D8 | E8 |]")
    decoded = decode(encode(piece))
    assert decoded.bars == piece.bars
    assert lines(decoded) == ["", "", ""]
    assert encode(piece) == encode(decoded)
    assert plain.note_list() == piece.note_list()


def test_pictures_show_them() -> None:
    piece = tune("C8 || D8 |] E8 | F8 |]")
    encoded = load_into_verovio(piece).getMEI()
    assert re.findall('<measure [^>]*right="([a-z]+)"', encoded) == ["dbl", "end", "end"]


def test_those_of_real_tunes_come_back(tune_books: dict[str, list[Path]]) -> None:
    pieces = [piece for path in tune_books["oneills1850"][:2] for piece in read_abc(path)]
    assert sum(map(any, map(lines, pieces))) >= 5
    for piece in pieces:
        assert lines(read_abc(write_abc(piece))[0]) == lines(piece), piece.title
        assert lines(read_musicxml(musicxml_bytes(piece))) == lines(piece), piece.title
