"""Words beneath the notes of engraved scores."""

import re
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from remi_two_stage.core.piece import Piece
from remi_two_stage.rendering.engraving import engrave, load_into_verovio
from remi_two_stage.score_files import read_score
from remi_two_stage.scores.abc_reader import read_abc

WIDMUNG = """X:1
T:Widmung
C:Robert Franz
M:2/4
L:1/8
K:F
A2 GF|B>A GF|A2 Gz|c2 BA|GG B>A|G2 z2|
w:O dan-ke nicht für die-se Lie-der, mir ziemt es dank-bar Dir zu sein;
c2 G>G|A3 z|G2 D>D|F2 EC|FGA=B|c2 B2|A2 z2|z4|
w:Du gabst sie mir, ich ge-be wie-der, was jetzt und einst und e-wig Dein.
A2 GF|B>A GF|A2 GG|(cB)A2|GG B>A|G2 z2|
w:Thine are they all! Yes, thou hast made them, For in_ the light of thy dear eyes
c2 G>G|A2 Fz|(FE)F2|G2 Gz|F2 GA|(EF)G2|(FA)c2|c3 z|]
w:I have but tru-ly learned_ to read them: Know'st not thine own_ sweet mel_-o-dies?
"""


def widths_of_systems(toolkit: Any) -> list[int]:
    pages = [toolkit.renderToSVG(page) for page in range(1, toolkit.getPageCount() + 1)]
    lines = [
        [re.search(r'<path d="M(\d+) \d+ ?L(\d+)', measure) for measure in page.split('class="measure')[1:]]
        for page in pages
    ]
    return [sum(int(line[2]) - int(line[1]) for line in page if line) for page in lines]


def song(corpora: Path, title: str, folder: Path) -> Piece:
    with ZipFile(corpora / "openscore" / "lieder.zip") as archive:
        name = next(name for name in archive.namelist() if title in name and name.endswith(".mxl"))
        (folder / "song.mxl").write_bytes(archive.read(name))
    return read_score(folder / "song.mxl")[0]


def test_words_are_not_pushed_together_where_a_line_is_full(extra_corpora: Path, tmp_path: Path) -> None:
    """Franz's "Widmung": verovio forgets the clef and the key signature where it breaks lines. Gabriel's "Skipper": a
    last line of two bars, before narrow bars of the piano alone and wide ones of the singer were as many in a line.
    """
    (widmung,) = read_abc(WIDMUNG)
    for piece in (widmung.transpose(-6), song(extra_corpora, "Skipper", tmp_path)):  # five sharps; one flat
        toolkit = load_into_verovio(piece)
        drawn = widths_of_systems(toolkit)
        toolkit.setOptions({"noJustification": True})
        toolkit.redoLayout()
        assert len(drawn) > 2
        assert all(width >= natural for width, natural in zip(drawn, widths_of_systems(toolkit), strict=True))


def test_dynamics_and_words_without_a_place_stand_above_the_staff_of_a_singer() -> None:
    (piece,) = read_abc(WIDMUNG.replace("A2 GF|B>A GF|", '!p!A2 GF|!<(!B>A GF!<)!|"@a tempo"', 1))
    system = load_into_verovio(piece).renderToSVG(1)
    staff = min(int(y) for y in re.findall(r'<path d="M\d+ (\d+) ?L', system))
    signs = re.findall(
        r'class="(?:dynam|hairpin|dir)">.*?(?:y="|translate\(\d+, |points="\d+,)(\d+)', system, re.DOTALL
    )
    assert len(signs) == 3
    assert all(int(y) < staff for y in signs)


@pytest.mark.parametrize("sign", ["^", "_", "@"])
def test_of_several_texts_at_a_note_the_first_is_on_top(sign: str) -> None:
    (piece,) = read_abc(WIDMUNG.replace("A2 GF|", f'"{sign}Innig""{sign}fervent"A2 GF|', 1))
    texts = re.findall(r'<text x="\d+" y="(\d+)"[^>]*>((?:(?!</text>).)*)', engrave(piece).svg(), re.DOTALL)
    tops = {word: int(y) for y, text in texts for word in ("Innig", "fervent") if word in text}
    assert tops["Innig"] < tops["fervent"]


def test_a_coda_after_the_fine_is_engraved_as_it_is_written() -> None:
    (piece,) = read_abc(WIDMUNG.replace("|G2 z2|", "|!fine!G2 z2|", 1).replace("z4|", "!D.C.!z4|!coda!", 1))
    assert len(piece.playing_order()) > len(piece.bars) == 28
    toolkit = load_into_verovio(piece)
    pages = range(1, toolkit.getPageCount() + 1)
    assert sum(toolkit.renderToSVG(page).count('class="measure') for page in pages) == len(piece.bars)


def test_no_bar_stands_alone_in_the_last_line_of_a_song(extra_corpora: Path, tmp_path: Path) -> None:
    toolkit = load_into_verovio(song(extra_corpora, "Liebesrausch", tmp_path))
    counts = [toolkit.renderToSVG(page).count('class="measure') for page in range(1, toolkit.getPageCount() + 1)]
    assert sum(counts) == 23
    assert min(counts) == 2


def test_lines_in_words_are_printed_as_they_are() -> None:
    """As in "My gostly fader", whose last syllables are held; verovio has a sign of a music font for them."""
    (piece,) = read_abc("X:1\nT:My gostly fader\nM:C\nL:1/4\nK:G\nc B A2 |\nw: me con-fesse\\_\\_\n")
    assert ">fesse__</text>" in engrave(piece).svg()
