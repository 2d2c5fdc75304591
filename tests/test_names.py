"""Names that are chosen from lists: as people spell them, and what is suggested where they are misspelt."""

import re
from pathlib import Path

import pytest

from remi_two_stage.cli import main
from remi_two_stage.core.errors import RemiError, RequestError
from remi_two_stage.core.instruments import with_instrument
from remi_two_stage.core.piece import Piece
from remi_two_stage.core.request import Request
from remi_two_stage.core.signatures import Key
from remi_two_stage.core.vocabulary import STYLES
from remi_two_stage.score_files import read_score, write_score
from remi_two_stage.scores.abc_reader import read_abc


@pytest.mark.parametrize(
    ("typed", "style"),
    [
        ("Jig", "jig"),
        ("slip jig", "slip-jig"),
        ("Slip-Jig", "slip-jig"),
        ("slipjig", "slip-jig"),
        ("Double Jig", "jig"),
        ("HIGHLAND_FLING", "highland-fling"),
        ("Barn dance", "barndance"),
    ],
)
def test_styles_are_known_as_they_are_spoken(typed: str, style: str) -> None:
    assert Request(typed) == Request(style)


def test_styles_are_their_own_names() -> None:
    assert [Request(style).style for style in STYLES] == [*STYLES]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("jigg", "jig"), ("REAL", "reel"), ("slip-gig", "slip-jig"), ("himn", "hymn"), ("strathspay", "strathspey")],
)
def test_the_style_is_named_that_may_be_meant(typed: str, meant: str) -> None:
    with pytest.raises(RequestError, match=f"there is no style '{typed}'; there are jig, .*; did you mean {meant}\\?$"):
        Request(typed)


@pytest.mark.parametrize("typed", ["foxtrot", ""])
def test_nothing_is_suggested_where_nothing_is_like_it(typed: str) -> None:
    with pytest.raises(RequestError, match=f"there is no style {typed!r}; there are jig, .*, quartet$"):
        Request(typed)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("D mjaor", "D major"),
        ("f mnior", "F minor"),
        ("A odrian", "A Dorian"),
        ("G#", "Ab major"),
        ("Db minor", "C# minor"),
        ("E#lyd", "F Lydian"),
    ],
)
def test_the_key_is_named_that_may_be_meant(typed: str, meant: str) -> None:
    with pytest.raises(RequestError, match=f"there is no key .*; did you mean {meant}\\?$"):
        Key.parse(typed)


@pytest.mark.parametrize(("typed", "meant"), [("Sopran", "S"), ("bas", "B"), ("viola2", "Viola"), ("satb", "S,A,T,B")])
def test_the_voice_is_named_that_may_be_meant(typed: str, meant: str) -> None:
    with pytest.raises(RequestError, match=f"cannot write for the voices .*; did you mean {meant}\\?$"):
        Request(voices=["A", typed])


def test_voices_are_named_as_people_say_them() -> None:
    assert Request(voices=["Soprano", " a", "tenor", "b "]).voices == ("S", "A", "T", "B")
    assert Request(voices=["s", "S", "violin1"]).voices == ("S", "S2", "Violin1")


def tune() -> Piece:
    (piece,) = read_abc('X:1\nM:2/4\nL:1/4\nK:C\n"C"CE|\n')
    return piece


def test_the_instrument_is_named_that_may_be_meant() -> None:
    with pytest.raises(RequestError, match=r"the instrument is 'Fidel'; choose one of .*; did you mean fiddle\?$"):
        with_instrument(tune(), "Fidel")


@pytest.mark.parametrize(("ending", "meant"), [(".abcd", ".abc"), (".musicxm", ".musicxml"), (".midd", ".mid")])
def test_the_format_is_named_that_may_be_meant(ending: str, meant: str, tmp_path: Path) -> None:
    with pytest.raises(RemiError, match=f"cannot write .*; did you mean {meant}\\?$"):
        write_score(tune(), tmp_path / f"tune{ending}")
    with pytest.raises(RemiError, match=f"cannot read .*; did you mean {meant}\\?$"):
        read_score(tmp_path / f"tune{ending}")


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["compsoe"], "compose"),
        (["compose", "--seeed", "1"], "--seed"),
        (["compose", "--instrument", "fidle"], "fiddle"),
        (["compose", "--formats", "pfd"], ".pdf"),
        (["compose", "--output", "tune.pfd"], ".pdf"),
        (["compose", "--counterpoint", "strikt"], "strict"),
        (["compose", "--style", "slip gig"], "slip-jig"),
        (["completion", "bsh"], "bash"),
    ],
)
def test_a_command_that_is_misspelt_says_so_in_a_line(
    arguments: list[str],
    meant: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert meant in re.split("[Dd]id you mean ", line)[1]
    assert not [*tmp_path.iterdir()]
