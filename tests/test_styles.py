"""Styles of tunes that state none: by title, by the section of a book, and by metre and rhythm."""

from dataclasses import replace
from pathlib import Path

import pytest
from tunes import kesh_jig

from remi_two_stage.analysis.styles import infer_style
from remi_two_stage.core.piece import Piece
from remi_two_stage.corpus.files import MUSIC21, find_files
from remi_two_stage.scores.abc_reader import read_abc


def tune(title: str, meter: str, bars: str = "abcabc|") -> Piece:
    (piece,) = read_abc(f"X:1\nT:{title}\nM:{meter}\nL:1/8\nK:D\n{bars}\n")
    return piece


@pytest.mark.parametrize(
    ("title", "meter", "style"),
    [
        ("The Stony Steps Hornpipe", "2/2", "hornpipe"),
        ("Miss Ramsay's Reel.", "4/4", "reel"),
        ("A Jig", "9/8", "slip-jig"),
        ("Quick Step, The", "6/8", "march"),
        ("Miss Callander's Minuet.", "3/4", "minuet"),
        ("Marche slave", "4/4", None),
        ("The Reel of Tulloch", "4/4", None),
        ("The Miller's Reel", "6/8", None),
        ("Hungarian Waltz", "2/4", None),
    ],
)
def test_a_title_says_the_style_with_its_last_word_and_the_metre(title: str, meter: str, style: str | None) -> None:
    assert infer_style(tune(title, meter)) == style


def test_running_eighths_in_repeated_strains_are_a_jig() -> None:
    strain = kesh_jig()
    jig = replace(strain, title="The Kesh", style=None, bars=strain.bars * 2)
    assert infer_style(jig) == "jig"
    assert infer_style(replace(strain, title="The Kesh")) is None
    assert infer_style(replace(jig, bars=jig.bars[:-1])) is None
    assert infer_style(replace(jig, title="The Kesh March")) == "march"
    assert infer_style(tune("Air", "6/8", "|:" + "a3 b3|" * 8 + ":|" + "|:" + "a3 b3|" * 8 + ":|")) == "air"
    assert infer_style(tune("Slow", "6/8", "|:" + "a3 b3|" * 8 + ":|" + "|:" + "a3 b3|" * 8 + ":|")) is None


def test_a_section_of_a_book_says_the_style_in_its_metres() -> None:
    assert infer_style(tune("The Steeplechase", "2/2"), "reel") == "reel"
    assert infer_style(tune("The Steeplechase", "6/8"), "reel") is None
    sections = {file.name: file.section for file in find_files(MUSIC21).files}
    assert sections["oneills1850/1376-1475.abc"] == "reel"
    assert sections["oneills1850/0501-0550.abc"] is sections["ryansMammoth/KeltonsReel.abc"] is None


def test_styles_that_tunes_state_are_inferred_without_them(tune_books: dict[str, list[Path]]) -> None:
    right = wrong = 0
    for path in tune_books["ryansMammoth"][::4]:
        for piece in read_abc(path):
            if piece.style is not None and (style := infer_style(replace(piece, style=None))):
                right, wrong = right + (style == piece.style), wrong + (style != piece.style)
    assert right > 120
    assert wrong <= right / 20
