"""Every reader on input that nobody should trust: the same some dozens on every run, and all that fuzzing has found."""

import os
from typing import Any

import pytest
from fuzzing import TARGETS, TooMuchError, try_input, within_limits
from hypothesis import HealthCheck, given, settings

from remi_two_stage.core.errors import ScoreFormatError
from remi_two_stage.score_files import read_score

_SETTINGS = settings(
    max_examples=int(os.environ.get("REMI_FUZZ_EXAMPLES", "25")),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
_ONE_NOTE = """<score-partwise><part-list><score-part id="P1"><part-name>M</part-name></score-part></part-list>
<part id="P1"><measure number="1"><attributes><divisions>1</divisions><time><beats>{}</beats><beat-type>8</beat-type>
</time></attributes><note><pitch><step>G</step><octave>4</octave></pitch><duration>4</duration></note></measure></part>
</score-partwise>"""
FOUND: list[tuple[str, list[Any]]] = [
    ("musicxml", [_ONE_NOTE.format("65536")]),
    ("musicxml", [_ONE_NOTE.format("3+&#54;5536")]),
    ("musicxml", [_ONE_NOTE.format("4").replace("<time>", "<key><fifths>99999999</fifths></key><time>")]),
    ("abc", ["X:1\nR:jig\\GAB\nK:C\nC|"]),
    ("abc", ["X:1\nT:One bar\nM:4/4\nL:1/4\nK:C\n" + "[CEG]" * 4000]),
    ("kern", ["**kern\n*M99999/1\n=1\n4c\n==\n*-\n"]),
]
"""(target, input) that once hung, crashed or raised something else than an error of ours."""


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes_gives_music_or_an_error_of_ours(name: str) -> None:
    @_SETTINGS
    @given(TARGETS[name][0])
    def one(value: Any) -> None:
        try_input(name, value)

    one()


@pytest.mark.parametrize(("name", "value"), FOUND, ids=[f"{name}{number}" for number, (name, _) in enumerate(FOUND)])
def test_what_was_found_once(name: str, value: list[Any]) -> None:
    try_input(name, value)


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (_ONE_NOTE.format("1000"), "a metre has 1000 beats, at most 99 can be read"),
        (_ONE_NOTE.format("3+3&#49;0"), "a metre has 313 beats, at most 99 can be read"),
        (
            _ONE_NOTE.format("4").replace("<time>", "<key><fifths>-100</fifths></key><time>"),
            "a key has 100 sharps or flats, at most 99 can be read",
        ),
    ],
)
def test_numbers_beyond_all_music_are_refused(score: str, message: str, tmp_path: Any) -> None:
    (tmp_path / "giant.xml").write_text(score)
    with pytest.raises(ScoreFormatError, match=message):
        read_score(tmp_path / "giant.xml")


def test_an_input_that_takes_too_long_is_noticed() -> None:
    def hang() -> None:
        while True:
            pass

    with pytest.raises(TooMuchError, match=r"more than 2\.0 s of processor time"), within_limits():
        hang()
