"""Pictures: the same notes as in the other formats, in files that open."""

import datetime
import re
import struct
import sys
from dataclasses import replace
from fractions import Fraction
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Self
from xml.etree import ElementTree

import pytest
from music21 import corpus
from tunes import kesh_jig

from remi_two_stage.analysis.harmony import label_chords
from remi_two_stage.cli import main
from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.errors import MissingExtraError
from remi_two_stage.core.piece import Piece
from remi_two_stage.rendering.engraving import engrave, load_into_verovio
from remi_two_stage.rendering.notebook import piece_html, show
from remi_two_stage.rendering.piano_roll import piano_roll
from remi_two_stage.rendering.picture import MARGIN
from remi_two_stage.rendering.sound import sound_bytes, wav_bytes
from remi_two_stage.score_files import read_score, write_score
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.music21_bridge import from_music21
from remi_two_stage.scores.musicxml_writer import musicxml_bytes

SVG = "{http://www.w3.org/2000/svg}"

ENDINGS = """X:1
T:Endings, Ties and Triplets
M:4/4
L:1/8
Q:1/4=200
K:D
"A7"A2|:"D"FA d2- d2(3def|"G"g2fg "A7"e4|1 "D"d6A2:|2 "D"d6||
"Bm"[FBd]2c>B ^A2=A2|"G"G2_B2-B4|"Em"z2E2"A7"e2-e/d/c|"D"d8|]
"""
ACCIDENTALS = """X:1
T:Sharps and Flats
M:7/8
L:1/8
K:F#m
"F#m"F^E=F ^^FG =E^E|"C#7"=ceg bag=f|[K:Gb]"Gb"GABcdef|[M:2/4]"Cb"g2_e2|]
"""
UNSIGNED = """X:1
T:Parts Without a Sign at Their Start
M:2/4
L:1/8
K:G
G2|"G"GABc|"D7"d2ef:|"C"gfed|"G"B4:|"Em"e2B2:|"G"G4|]
"""
SPLIT = """X:1
T:Split Bars
M:6/8
L:1/8
K:Em
"Em"B|:GEE FED|"D"d2dABA|"Em"B2E E2:|B|"G"[M:3/4]d2 BA G2|"Em"E4|]
"""
SILENT_PICKUP = """X:1
T:Soldier's Dance
M:6/8
L:1/8
K:A
E|A2A AGA|B2B e2d|cBA BAG|A2A A2:|
|:z|e2e cde|f2f f3|edc BAG|A2A A2:|
"""
Sounding = tuple[Fraction, Fraction, int]


def tune(text: str) -> Piece:
    (piece,) = read_abc(text)
    return piece


def chorale() -> Piece:
    return label_chords(from_music21(corpus.parse("bwv269")))


PIECES = {
    "jig": kesh_jig,
    "endings": lambda: tune(ENDINGS),
    "accidentals": lambda: tune(ACCIDENTALS),
    "unsigned repeats": lambda: tune(UNSIGNED),
    "split bars": lambda: tune(SPLIT),
    "a silent pick-up": lambda: tune(SILENT_PICKUP),
    "chorale": chorale,
}


@pytest.fixture(params=PIECES)
def piece(request: pytest.FixtureRequest) -> Piece:
    made: Piece = PIECES[request.param]()
    return made


@pytest.mark.parametrize(
    ("bars", "width", "lines"),
    [(9, 2100, [3, 3, 3]), (13, 2100, [4, 3, 3, 3]), (5, 1200, [3, 2]), (10, 2100, [4, 4, 2]), (8, 2100, [4, 4])],
)
def test_no_bar_stands_alone_on_the_last_line(bars: int, width: float, lines: list[int]) -> None:
    music = "|".join(['"D"DFAd fdAF'] * bars)
    toolkit = load_into_verovio(tune(f"X:1\nM:4/4\nL:1/8\nK:D\n{music}|]"), width)
    pages = range(1, toolkit.getPageCount() + 1)
    assert [toolkit.renderToSVG(page).count('class="measure') for page in pages] == lines


def played(piece: Piece) -> list[Sounding]:
    """Onset, duration and pitch of all notes, repeats played out, in quarter notes."""
    return sorted(note[1:] for note in piece.note_list(unfold_repeats=True))


def engraved(piece: Piece) -> list[Sounding]:
    """What somebody plays who reads the picture: verovio's account of the notes drawn in it, ties joined."""
    toolkit = load_into_verovio(piece)
    drawn = {
        group.get("id")
        for group in ElementTree.fromstring(engrave(piece).svg()).iter(f"{SVG}g")
        if group.get("class") == "note"
    }
    ties = {
        tie.attrib["endid"].lstrip("#"): tie.attrib["startid"].lstrip("#")
        for tie in ElementTree.fromstring(toolkit.getMEI()).iter("{http://www.music-encoding.org/ns/mei}tie")
    }
    starts: dict[str, Fraction] = {}
    notes: dict[str, list[Fraction]] = {}
    for event in toolkit.renderToTimemap():
        time = Fraction(event["qstamp"]).limit_denominator(48)
        for name in event.get("off", ()):
            notes[name] = [starts.pop(name), time]
        starts |= dict.fromkeys(event.get("on", ()), time)
    assert not starts
    sounding: list[Sounding] = []
    ends: dict[tuple[str, Fraction], Fraction] = {}
    for name, (start, end) in sorted(notes.items(), key=lambda item: -item[1][0]):
        plain, _, _ = name.partition("-rend")
        assert plain in drawn
        end = ends.pop((plain, end), end)
        if plain in ties:
            ends[ties[plain], start] = end
        else:
            pitch = toolkit.getMIDIValuesForElement(plain)["pitch"]
            sounding.append((start, end - start, pitch))
    assert not ends
    return sorted(sounding)


def test_engraving_midi_musicxml_and_abc_carry_the_same_notes(piece: Piece, tmp_path: Path) -> None:
    for ending in ("mid", "musicxml", "abc"):
        write_score(piece, tmp_path / f"piece.{ending}")
        (read,) = read_score(tmp_path / f"piece.{ending}")
        assert played(read) == played(piece), ending
    assert engraved(piece) == played(piece)


def test_a_repeat_says_where_it_goes_back_to() -> None:
    signs = ElementTree.fromstring(engrave(tune(UNSIGNED)).svg()).iter(f"{SVG}g")
    dots = sum(len(group.findall(f"{SVG}use")) for group in signs if group.get("class") == "barLine")
    assert dots == 2 * 5  # two forward, three backward


def with_jumps(piece: Piece) -> Piece:
    """A piece of four bars, played 0 1 2 3 1 2."""
    jumps: list[tuple[str, ...]] = [(), ("segno",), ("fine",), ("D.S.alfine",)]
    bars = (replace(bar, jumps=signs) for bar, signs in zip(piece.bars, jumps, strict=True))
    return replace(piece, bars=tuple(bars))


def test_jumps_are_written_and_are_no_repeats() -> None:
    piece = with_jumps(tune("X:1\nM:4/4\nL:1/4\nK:D\nDEFG|ABcd|DEFG|ABcd|]"))
    root = ElementTree.fromstring(engrave(piece).svg())
    texts = {"".join(text.itertext()) for text in root.iter(f"{SVG}text")}
    assert {"Fine", "D.S. al Fine"} <= texts
    bar_lines = [group for group in root.iter(f"{SVG}g") if group.get("class") == "barLine"]
    assert not any(group.findall(f"{SVG}use") for group in bar_lines)


def test_parts_are_engraved_as_they_are_written_whatever_their_order() -> None:
    piece = tune("X:1\nP:ABAB\nM:4/4\nL:1/4\nK:D\nP:A\nDEFG|ABcd|\nP:B\ndefg|d4|]")
    assert engrave(piece).svg().count('class="measure') == len(piece.bars)


def test_labels_and_the_order_of_parts_are_in_pictures_and_on_pages() -> None:
    piece = tune("X:1\nR:polka\nP:ABA\nM:2/4\nL:1/8\nK:G\nP:A\nGABd|g2d2|\nP:B\ne2ge|d4|]")
    picture = engrave(piece)
    for drawn in (picture.svg(), *picture.pages()):
        root = ElementTree.fromstring(drawn)
        labels = ["".join(group.itertext()) for group in root.iter(f"{SVG}g") if group.get("class") == "reh"]
        assert labels == ["A", "B"]
        assert "polka, A B A" in {"".join(text.itertext()) for text in root.iter(f"{SVG}text")}
    assert picture.pdf().startswith(b"%PDF")


def test_chord_names_stand_over_the_staff() -> None:
    names = [
        "".join(group.itertext())
        for group in ElementTree.fromstring(engrave(tune(ACCIDENTALS)).svg()).iter(f"{SVG}g")
        if group.get("class") == "harm"
    ]
    assert names == ["F♯m", "C♯7", "G♭", "C♭"]


def test_chord_names_with_a_bass_leave_room_for_the_next() -> None:
    """verovio moves names apart, but not for an accidental at the end; degrees are not written once more."""
    music = '"Ab/Eb"C"Ab"C"Ebmaj7#11/G"E"Bb7b9"D|'
    picture = engrave(read_abc(f"X:1\nM:4/4\nL:1/4\nK:Ab\n{music * 8}]\n")[0]).svg()
    groups = [each for each in ElementTree.fromstring(picture).iter(f"{SVG}g") if each.get("class") == "harm"]
    texts = [text for group in groups for text in group.iter(f"{SVG}text")]
    assert ["".join(text.itertext()) for text in texts[:4]] == ["A♭/E♭", "A♭", "E♭maj7#11/G", "B♭7b9"]
    places = [float(text.attrib["x"]) for text in texts[:2]]
    assert places[1] - places[0] > 1400  # hundredths of a millimetre; 1187 where the names touch


def test_pictures_are_what_their_names_say(piece: Piece, tmp_path: Path) -> None:
    for ending in ("svg", "png", "pdf"):
        write_score(piece, tmp_path / f"piece.{ending}")
    root = ElementTree.fromstring((tmp_path / "piece.svg").read_text(encoding="utf-8"))
    assert (root.tag, root.get("role")) == (f"{SVG}svg", "img")
    assert root.findtext(f"{SVG}title") == piece.title
    png = (tmp_path / "piece.png").read_bytes()
    assert png.startswith(b"\x89PNG\r\n")
    width, height = struct.unpack(">II", png[16:24])
    assert width == pytest.approx(210 / 25.4 * 200, abs=1)
    assert height > width / 4
    assert (tmp_path / "piece.pdf").read_bytes().startswith(b"%PDF-")


def test_pictures_and_musicxml_are_the_same_every_time_and_on_every_day(
    piece: Piece, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Tomorrow(datetime.date):
        @classmethod
        def today(cls) -> Self:
            return cls.fromordinal(super().today().toordinal() + 1)

    first, xml = engrave(piece), musicxml_bytes(piece)
    monkeypatch.setattr(datetime, "date", Tomorrow)
    second = engrave(piece)
    assert first.svg() == second.svg()
    assert first.pdf() == second.pdf()
    assert musicxml_bytes(piece) == xml


def test_long_pieces_go_on_to_further_pages() -> None:
    piece = kesh_jig()
    long = replace(piece, bars=piece.bars * 12)
    pages = engrave(long).pages()
    assert len(pages) > 1
    measures = [page.count('class="measure"') for page in pages]
    assert sum(measures) == len(long.bars)
    assert all(f">{number} / {len(pages)}</text>" in page for number, page in enumerate(pages, 1))
    assert engrave(long).svg().count('class="measure"') == len(long.bars)


def test_narrow_pictures_have_more_systems() -> None:
    piece = kesh_jig()
    wide, narrow = engrave(piece), engrave(piece, width=900)
    assert len(narrow.rows) > len(wide.rows)
    assert narrow.svg().count('class="note"') == wide.svg().count('class="note"')


@pytest.mark.parametrize(
    "title",
    ["", "<script>alert('x')</script> & \x00\x08", "Ωδή στη χαρά – Ода к радости – 歓喜の歌", "word " * 60, "x" * 400],
)
@pytest.mark.parametrize("draw", [engrave, piano_roll])
def test_any_title_can_be_drawn(title: str, draw: type) -> None:
    picture = draw(replace(kesh_jig(), title=title))
    texts = ["".join(text.itertext()) for text in ElementTree.fromstring(picture.svg()).iter(f"{SVG}text")]
    start = " ".join(title.replace("\x00", " ").replace("\x08", " ").split())[:15]
    assert any(text.startswith(start) for text in texts)
    assert picture.png(30).startswith(b"\x89PNG")
    assert picture.pdf().startswith(b"%PDF")


def test_a_piano_roll_marks_chord_tones() -> None:
    piece = tune('X:1\nM:4/4\nL:1/4\nK:C\n"C"CDEF|"G"GAB"F"c|\n')
    notes = [
        rect.get("fill")
        for rect in ElementTree.fromstring(piano_roll(piece).svg()).iter(f"{SVG}rect")
        if rect.get("stroke") == "#0072b2"
    ]
    chord_tone, other = "#0072b2", "white"
    assert notes == [chord_tone, other, chord_tone, other, chord_tone, other, chord_tone, chord_tone]


def test_a_piano_roll_names_chords_in_the_key_of_their_bar() -> None:
    piece = tune('X:1\nM:4/4\nL:1/4\nK:E\n"E"E4|[K:Ab]"Ab"A4|"Eb7"e4|]')
    texts = {"".join(text.itertext()) for text in ElementTree.fromstring(piano_roll(piece).svg()).iter(f"{SVG}text")}
    assert {"E", "Ab", "Eb7"} <= texts


@pytest.mark.parametrize("width", [950.0, 1250.0, 2100.0])
def test_the_legend_of_a_piano_roll_has_lines_as_long_as_its_width(width: float) -> None:
    picture = ElementTree.fromstring(piano_roll(kesh_jig(), width).svg())
    places = {
        text.text: (float(text.attrib["x"]), float(text.attrib["y"]))
        for text in picture.iter(f"{SVG}text")
        if text.text in {"in the chord", "not in the chord", "pitches of the chord"}
    }
    assert len(places) == 3
    assert all(x + 17 * len(text or "") < width - 2 * MARGIN for text, (x, _) in places.items())
    assert len({y for _, y in places.values()}) == (2 if width < 1300 else 1)


def test_a_note_that_rings_over_a_piano_rolls_rows_is_drawn_in_each_of_them() -> None:
    picture = piano_roll(tune("X:1\nM:4/4\nL:1/4\nK:C\n" + "C4-|" * 19 + "C4|]\n"))
    rects = ElementTree.fromstring(picture.svg()).iter(f"{SVG}rect")
    rows = len(picture.rows) - 1
    assert rows > 1
    assert sum(rect.get("stroke") == "#0072b2" for rect in rects) == rows


def test_a_piano_roll_has_a_colour_a_voice_and_the_plan_under_it() -> None:
    piece = chorale()
    svg = piano_roll(piece).svg()
    texts = ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]
    assert all(colour in svg for colour in ("#0072b2", "#d55e00", "#009e73", "#cc79a7"))
    dominants = [chord for bar in piece.bars for chord in bar.chords if chord.label == "V7"]
    assert texts.count("D7") == sum(not chord.bass for chord in dominants)
    assert texts.count("D7/F#") == sum(chord.bass == 4 for chord in dominants)
    assert [text for text in texts if text.isdecimal()] == [str(number) for number in range(1, piece.bar_count + 1)]


def texts_of(picture: str) -> dict[str, tuple[float, float, float]]:
    """(x, y, font size) of each text in italics in the heading of a score, in the order of the lines."""
    found = re.findall(
        r'<text x="([\d.]+)" y="([\d.]+)" [^>]*font-size="([\d.]+)" font-style="italic">([^<]*)<', picture
    )
    places = [(unescape(text), (float(x), float(y), float(size))) for x, y, size, text in found]
    return dict(sorted(places, key=lambda place: place[1][1]))


def test_each_composer_has_a_line_of_the_heading() -> None:
    texts = texts_of(
        engrave(tune("X:1\nC:Turlough O'Carolan\nC:arr. N. N.\nR:jig\nQ:120\nM:6/8\nL:1/8\nK:D\nd6|\n")).svg()
    )
    assert set(texts) == {"Turlough O'Carolan", "arr. N. N.", "jig"}
    (_, above, size), (_, below, _) = texts["Turlough O'Carolan"], texts["arr. N. N."]
    assert below - above >= size
    assert texts["jig"][1] == below


def test_a_tempo_is_a_whole_number_of_beats() -> None:
    """Fauré's "Hymne", whose file counts quarters; where nothing says what is counted, it is the metre's beat."""
    (piece,) = read_abc("X:1\nT:Hymne\nM:6/8\nL:1/8\nQ:1/4=116\nK:G\nz6|z6|DE^E F2G|G^GA ^A2B|]\n")
    assert piece.tempo == 116
    assert ">= 116<" in engrave(piece).svg()
    bars = tuple(replace(bar, tempos=()) for bar in piece.bars)
    assert ">= 77<" in engrave(replace(piece, bars=bars)).svg()


@pytest.mark.parametrize("width", [700, 2100])
def test_long_lines_of_composers_are_wrapped_between_words_in_type_that_can_be_read(width: float) -> None:
    composers = [
        "Words: Martin Luther, 1524.  Translated by Richard Massie, 1854, alt.",
        "Music: 'Es wollt uns Gott genädig' adapted from an older German hymn. Found in the Erfurt Enchiridion, 1524.",
        "Setting: Nikolai Andrejewitsch Rimski-Korsakow, 1908.",
        "copyright: public domain.  This score is a part of the Open Hymnal Project, 2009 Revision.",
    ]
    fields = "".join(f"C:{composer}\n" for composer in composers)
    piece = tune(f"X:1\nT:A hymn\n{fields}R:hymn\nQ:1/4=100\nM:4/4\nL:1/4\nK:C\nCDEF|\n")
    texts = texts_of(engrave(piece, width).svg())
    (style,) = [texts.pop(text) for text in list(texts) if text == "hymn"]
    assert " ".join(texts).split() == " ".join(composers).split()
    assert len(texts) > len(composers)
    assert {size for *_, size in texts.values()} == {0.7 * 42}
    rows = [y for _, y, _ in texts.values()]
    assert min(after - before for before, after in pairwise(rows)) >= 0.7 * 42
    assert style[1] >= rows[-1]


# --- where people look


def test_a_notebook_shows_score_and_player() -> None:
    piece = kesh_jig()
    shown = piece._repr_html_()
    assert shown is not None
    assert shown == piece_html(piece)
    assert "<svg" in shown
    assert '<audio controls style="width:100%" aria-label="The Kesh Jig" src="data:audio/wav;base64,' in shown


def test_a_terminal_shows_chords_over_bars(capsys: pytest.CaptureFixture[str]) -> None:
    show(tune(SPLIT))
    title, facts, *_ = capsys.readouterr().out.splitlines()
    assert (title, facts) == ("Split Bars", "E minor, 6/8, 5 bars after a pick-up")


def test_every_picture_numbers_bars_alike(capsys: pytest.CaptureFixture[str]) -> None:
    piece = tune("X:1\nM:4/4\nL:1/4\nK:C\nG|c4|c4|c4|c3:|G|c4|c4|c4|c3|]")
    assert piece.bar_numbers == [0, 1, 2, 3, 4, 4, 5, 6, 7, 8]
    show(piece)
    assert [line[:3] for line in capsys.readouterr().out.splitlines()[-2:]] == ["1  ", "5  "]
    texts = ["".join(text.itertext()) for text in ElementTree.fromstring(piano_roll(piece).svg()).iter(f"{SVG}text")]
    assert [text for text in texts if text.isdecimal()] == list("12345678")
    numbers = [measure.get("number") for measure in ElementTree.fromstring(musicxml_bytes(piece)).iter("measure")]
    assert numbers == ["0", "1", "2", "3", "4", "4X", "5", "6", "7", "8"]


def test_a_picture_has_the_staves_and_clefs_of_the_abc() -> None:
    root = ElementTree.fromstring(engrave(chorale()).svg())
    first = next(group for group in root.iter(f"{SVG}g") if group.get("class") == "measure")
    staves = [group for group in first.iter(f"{SVG}g") if group.get("class") == "staff"]
    assert len(staves) == len(re.findall("^V:", write_abc(chorale()), re.MULTILINE)) == 4


@pytest.mark.parametrize(
    ("ending", "module"), [("svg", "verovio"), ("png", "typst"), ("pdf", "typst"), ("wav", "soundfile")]
)
def test_a_missing_extra_is_named(
    ending: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    message = rf"writing \.{ending} files needs {module}, .* pip install 'remi-two-stage\[render\]'"
    with pytest.raises(MissingExtraError, match=message):
        write_score(kesh_jig(), tmp_path / f"piece.{ending}")
    assert main(["compose", "--output", str(tmp_path / f"piece.{ending}")]) == 2
    assert "pip install 'remi-two-stage[render]'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    write_score(kesh_jig(), tmp_path / "piece.abc")


def test_a_notebook_without_the_extra_shows_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "verovio", None)
    assert kesh_jig()._repr_html_() is None


# --- the command


def test_render_engraves_draws_plays_and_converts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "tune.abc"
    source.write_text(ENDINGS, encoding="utf-8")
    for name, options in (
        ("score.pdf", []),
        ("roll.svg", ["--piano-roll"]),
        ("tune.wav", ["--with-chords"]),
        ("tune.flac", ["--with-chords"]),
        ("t.mid", []),
    ):
        assert main(["render", str(source), str(tmp_path / name), *options]) == 0
        assert capsys.readouterr().out == f"wrote {tmp_path / name}\n"
    assert (tmp_path / "score.pdf").read_bytes() == engrave(tune(ENDINGS)).pdf()
    assert (tmp_path / "roll.svg").read_text(encoding="utf-8") == piano_roll(tune(ENDINGS)).svg()
    assert (tmp_path / "tune.wav").read_bytes() == wav_bytes(tune(ENDINGS), with_chords=True)
    assert (tmp_path / "tune.flac").read_bytes() == sound_bytes(tune(ENDINGS), ".flac", with_chords=True)
    assert played(read_score(tmp_path / "t.mid")[0]) == played(tune(ENDINGS))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tune.pdf", "--with-chords"], "--with-chords is for .wav, .ogg, .flac, not for .pdf"),
        (["tune.abc", "--piano-roll"], "--piano-roll draws .svg, .png, .pdf"),
        (["tune.abc", "--two-staves"], "--two-staves draws .svg, .png, .pdf"),
        (["tune.svg", "--two-staves", "--piano-roll"], "a piano roll has no staves"),
        (["tune.doc"], "cannot write '.doc'; known are .abc"),
        (["missing/tune.svg"], "the file cannot be written"),
    ],
)
def test_what_cannot_be_rendered_gets_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("source.abc").write_text(ENDINGS, encoding="utf-8")
    assert main(["render", "source.abc", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
