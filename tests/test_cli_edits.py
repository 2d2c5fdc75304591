"""Edits on the command line: where they go, and what is said of them."""

import json
import re
import stat
from pathlib import Path

import pytest
from conftest import Feed

from remi_two_stage.cli import main
from remi_two_stage.cli.edited import remarks
from remi_two_stage.composing.tasks import followed
from remi_two_stage.scores.abc_reader import read_abc

BOOK = """% two tunes
X:1
T:First
M:4/4
L:1/4
K:C
CDEF|GABc|cdef|c4|]

X:2
T:The Second Tune
M:3/4
L:1/8
K:G
|:GAB c2d|"G"!mf!B2 (A2G2)|~A4 "D7"F2|G6:|
w:oh * * my dar-ling oh my dar-ling
% the end
"""


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.abc"
    path.write_text(BOOK)
    return path


def test_bars_are_rewritten_in_the_file_itself(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rewrite", str(book), "2–3", "--tune", "second", "--seed", "1", "--in-place"]) == 0
    lines, edited = BOOK.split("\n"), book.read_text().split("\n")
    assert [index for index, line in enumerate(lines) if line not in edited] == [13, 14]
    assert edited[13].startswith("|:GAB c2d|")
    assert edited[13].endswith("|G6:|")
    assert book.with_name("book.abc.bak").read_text() == BOOK
    assert sorted(path.name for path in book.parent.iterdir()) == ["book.abc", "book.abc.bak"]
    printed, shown = capsys.readouterr()
    assert re.search(r"notes .* 2/2 bars", shown)
    assert re.search(r'^ +2 +"G"!mf!B2 \(A2 G2\) +\| ', printed, re.MULTILINE)
    assert "what is played twice is rewritten once and sounds so every time" in printed
    assert "went with the old bars: a slur or a hairpin in a rewritten bar (1)" in printed


def test_a_file_in_place_stays_the_link_and_as_private_as_it_was(book: Path, tmp_path: Path) -> None:
    book.chmod(0o600)
    link = tmp_path / "link.abc"
    link.symlink_to(book)
    assert main(["rewrite", str(link), "2-3", "--tune", "2", "--seed", "1", "--in-place", "--quiet"]) == 0
    assert link.is_symlink()
    assert book.read_text() != BOOK
    assert stat.S_IMODE(book.stat().st_mode) == 0o600
    assert link.with_name("link.abc.bak").read_text() == BOOK


@pytest.mark.parametrize("more", [[], ["--fresh"]])
def test_the_file_itself_as_output_is_kept_as_it_was(
    more: list[str], book: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(book.parent)
    options = ["--tune", "1", "--bars", "1", "--seed", "1", "--output", "./book.abc", *more]
    assert main(["extend", str(book), *options]) == 0
    assert f"what it was is in {book}.bak" in capsys.readouterr().out
    assert book.with_name("book.abc.bak").read_text() == BOOK != book.read_text()


@pytest.mark.parametrize("title", ["reel of tours", "RÉEL", "re\u0301el de Tours"])
def test_titles_are_found_without_accents_and_however_they_are_typed(title: str, tmp_path: Path) -> None:
    path = tmp_path / "book.abc"
    path.write_text(BOOK.replace("T:First", "T:Réel of Tours" if title.endswith("tours") else "T:Réel de Tours"))
    assert main(["rewrite", str(path), "2", "--tune", title, "--seed", "1", "--in-place", "--quiet"]) == 0
    assert path.read_text().partition("X:2")[2] == BOOK.partition("X:2")[2]


def test_no_grid_of_chords_is_printed_for_a_tune_without_any(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--seed", "1", "--output", str(book.with_name("new.abc"))]
    assert main(["rewrite", str(book), "2-3", "--tune", "1", *options]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("4 bars in C major, 4/4, seed 1, no chord symbols\nwrote ")
    assert "?" not in printed
    assert main(["rewrite", str(book), "2", "--tune", "2", *options]) == 0
    assert capsys.readouterr().out.startswith(
        "chord plan, 4 bars in G major, 3/4, seed 1\n  |: ? | I | ? V7 | ? :|    |: ? | G | ? D7 | ? :|"
    )


def test_edits_keep_the_text_of_the_file_where_the_format_is_its_own(book: Path) -> None:
    options = ["--tune", "2", "--seed", "1", "--output"]
    longer, full, anew = (book.with_name(name) for name in ("longer.abc", "full.abc", "anew.abc"))
    assert main(["extend", str(book), "--bars", "3", *options, str(longer)]) == 0
    assert longer.read_text().startswith(BOOK.removesuffix("% the end\n"))
    assert main(["harmonize", str(book), *options, str(full)]) == 0
    assert [line for line in BOOK.split("\n") if line not in full.read_text().split("\n")] == []
    assert len(read_abc(full)[1].voices) == 4
    assert main(["extend", str(book), "--bars", "3", *options, str(anew), "--fresh"]) == 0
    assert anew.read_text().startswith("X:1\nT:The Second Tune\n")
    assert [piece.note_list() for piece in read_abc(anew)] == [read_abc(longer)[1].note_list()]


def test_a_minor_tune_under_its_relative_majors_name_keeps_its_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tune = "X:1\nT:Minor\nM:4/4\nL:1/4\nK:G\nEBBA|GFED|EFGA|B4|\nBBBA|GFED|EFGF|E4|]\n"
    (path := tmp_path / "minor.abc").write_text(tune)
    full = tmp_path / "full.abc"
    options = ["--style", "hymn", "--seed", "1", "--candidates", "2", "--output", str(full)]
    assert main(["harmonize", str(path), *options]) == 0
    printed = capsys.readouterr().out
    assert "the melody is heard in E minor, not in G major" in printed
    assert re.search(r"^reward -.+, the best of 2$", printed, re.MULTILINE)
    assert [line for line in tune.split("\n") if line not in full.read_text().split("\n")] == []
    (piece,) = read_abc(full)
    assert piece.bars[-1].notes[-1][-1].pitch % 12 == 4


def test_json_says_what_an_edit_has_changed(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--tune", "2", "--seed", "1", "--json", "--quiet", "--in-place"]
    assert main(["rewrite", str(book), "2-3", *options]) == 0
    (piece,) = json.loads(capsys.readouterr().out)["pieces"]
    assert piece["changed"] == {"bars": [[2, 3]], "added_bars": 0, "added_voices": []}
    assert piece["losses"]["a slur or a hairpin in a rewritten bar"] == 1
    assert piece["files"] == [str(book)]


def test_an_edit_that_cannot_be_written_into_the_text_is_written_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.abc"
    path.write_text("X:1\nT:Broken\nM:4/4\nL:1/4\nK:C\nCDEF|[CE\nG]4|c4|]\n")
    assert main(["rewrite", str(path), "2-2", "--seed", "1", "--output", str(tmp_path / "new.abc")]) == 0
    assert "the tune is written anew: bar 2 of voice 1 is written together" in capsys.readouterr().out
    assert main(["rewrite", str(path), "2-2", "--seed", "1", "--in-place"]) == 2
    assert "broken.abc: bar 2 of voice 1 is written together" in capsys.readouterr().err
    assert [file.name for file in tmp_path.glob("*.bak")] == []


def test_a_tune_for_another_instrument_is_written_anew(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = book.with_name("fiddle.abc")
    options = ["--tune", "2", "--seed", "1", "--instrument", "fiddle", "--output", str(target)]
    assert main(["rewrite", str(book), "2-3", *options]) == 0
    assert "the tune is written anew: the file's text stays in its own instruments" in capsys.readouterr().out
    (piece,) = read_abc(target)
    assert [instrument.program for instrument in piece.instruments] == [40]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["BOOK"], "has 2 tunes; name one with --tune, by its number or title: 1 'First', 2 'The Second Tune'"),
        (["BOOK", "--tune", "Third"], "has no tune with the title 'Third'; 1 'First', 2 'The Second Tune'"),
        (["BOOK", "--tune", ""], "has no tune with the title ''; 1 'First', 2 'The Second Tune'"),
        (["BOOK", "--tune", "S"], "has 2 tunes with the title 'S'"),
        (["BOOK", "--tune", "3"], "there is no tune 3 in"),
        (["BOOK", "--tune", "1", "--in-place", "--fresh"], "--in-place writes into the file itself; leave out --fresh"),
        (["BOOK", "--tune", "1", "--in-place", "--instrument", "fiddle"], "--formats and --instrument"),
        (["-", "--tune", "1", "--in-place"], "'-' cannot be edited in place"),
    ],
)
def test_edits_that_are_not_clear_are_refused(
    arguments: list[str], reason: str, book: Path, capsys: pytest.CaptureFixture[str], feed: Feed
) -> None:
    feed(BOOK.encode())
    assert main(["extend", *[str(book) if word == "BOOK" else word for word in arguments]]) == 2
    assert reason in capsys.readouterr().err
    assert book.read_text() == BOOK


def test_an_edit_says_where_nothing_has_changed_and_how_playing_comes_to_new_bars() -> None:
    piece = read_abc(BOOK)[0]
    assert remarks(piece, piece) == ["the new bars are note for note as the old ones; another --seed may write others"]
    (dance,) = read_abc("X:1\nM:2/4\nL:1/4\nK:C\nCD|EF!fine!|GA!D.C.alfine!|]\n")
    *_, said = remarks(dance, followed(dance, dance.bars[:1]))
    assert said == "the new bars are a coda, played after the Fine; for programs that stop there, use --fresh"
    (rondo,) = read_abc("X:1\nM:2/4\nL:1/4\nP:ABA\nK:C\nP:A\nCD|EF|\nP:B\nGA|]\n")
    *_, said = remarks(rondo, followed(rondo, rondo.bars[:1]))
    assert said == "the new bars are part C, with which the order of parts goes on"
