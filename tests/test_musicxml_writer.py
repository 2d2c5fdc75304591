"""MusicXML is written so that other programs read it right, and comes back with all its notation."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

import pytest
from lxml import etree
from musicxml_scores import all_notation, note, scale, score

from remi_two_stage.core.abc_notation import LETTERS_OF_MARKS
from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.notation import (
    Grace,
    GraceNote,
    Instrument,
    Lyric,
    Span,
    Spelling,
)
from remi_two_stage.core.piece import Bar, Note, Piece
from remi_two_stage.core.signatures import Key, Meter
from remi_two_stage.score_files import read_score, write_score
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.musicxml_names import ARTICULATIONS, ORNAMENTS, SOFTWARE, TECHNICAL
from remi_two_stage.scores.musicxml_reader import read_musicxml
from remi_two_stage.scores.musicxml_writer import musicxml_bytes


class TestNotation:
    def test_every_record_comes_back(self) -> None:
        piece = all_notation()
        again = read_musicxml(musicxml_bytes(piece))
        assert again.note_list() == piece.note_list()
        assert [set(bar.notation[0]) for bar in again.bars] == [set(bar.notation[0]) for bar in piece.bars]
        assert again.bars[2].tempos == piece.bars[2].tempos
        assert (again.instruments, again.metadata) == (piece.instruments, piece.metadata)

    def test_the_names_of_chromatic_notes_come_back(self) -> None:
        """Those that nobody would choose, and those that the key, but not the next note, would choose too."""
        (piece,) = read_abc("X:1\nM:4/4\nL:1/4\nK:C\n_EE^GG|^FF=B_B|E2F2|]")
        spellings = [
            tuple(Spelling(note.onset, note.pitch, fifths) for note, fifths in zip(bar.notes[0], of_bar, strict=False))
            for bar, of_bar in zip(piece.bars, ((-3, 4, 8, 1), (6, -1, 5, -2), (-8, 11)), strict=True)
        ]
        named = replace(
            piece, bars=tuple(replace(b, notation=(s,)) for b, s in zip(piece.bars, spellings, strict=True))
        )
        steps = [step.text for step in ElementTree.fromstring(musicxml_bytes(named)).iter("step")]
        assert "".join(filter(None, steps)) == "EEGGFFBBFE"
        again = read_musicxml(musicxml_bytes(named))
        assert musicxml_bytes(again) == musicxml_bytes(named)

    def test_notation_moves_with_the_piece(self) -> None:
        moved = all_notation().transpose(2)
        assert moved.key == Key("A")
        grace = next(record for bar in moved.bars for record in bar.notation[0] if isinstance(record, Grace))
        assert grace.notes == ((GraceNote(68, 12, 8),), (GraceNote(71, 12, 5),))
        spelling = next(record for bar in moved.bars for record in bar.notation[0] if isinstance(record, Spelling))
        assert (spelling.pitch, spelling.fifths) == (73, -5)
        home = all_notation().in_c().in_original_key()
        assert [bar.notation for bar in home.bars] == [bar.notation for bar in all_notation().bars]

    def test_notation_is_no_part_of_the_music(self) -> None:
        piece = all_notation()
        bare = replace(piece, bars=tuple(replace(bar, notation=(), tempos=()) for bar in piece.bars), instruments=())
        assert (piece == bare, hash(piece) == hash(bare)) == (True, True)
        assert "Lyric" not in repr(piece)

    def test_a_line_without_an_end_holds_its_syllable_to_the_next_or_a_rest(self) -> None:
        lyric = "<lyric><text>{}</text>{}</lyric>"
        rest = "<note><rest/><duration>4</duration><type>quarter</type></note>"
        first = note("C", inside=lyric.format("O", "<extend/>")) + note("D") + note("E") + rest
        piece = read_musicxml(score([first, note("F", inside=lyric.format("Lord", "")) + note("G", 12)]))
        lyrics = [[record for record in bar.notation[0] if isinstance(record, Lyric)] for bar in piece.bars]
        assert lyrics == [[Lyric(0, "O", 1, "_"), Lyric(24, "", 1, "_"), Lyric(48, "", 1, "_")], [Lyric(0, "Lord")]]

    def test_tempos_in_words_alone_come_back(self) -> None:
        (piece,) = read_abc(
            'X:1\nQ:"Andante"\nM:3/4\nL:1/4\nK:C\nC D E|[Q:"Più mosso"]F "^dolce"G A|[Q:"Tempo I" 1/4=90]C3|]\n'
        )
        again = read_musicxml(musicxml_bytes(piece))
        assert [bar.tempos for bar in again.bars] == [bar.tempos for bar in piece.bars]
        assert [bar.notation for bar in again.bars] == [bar.notation for bar in piece.bars]

    def test_composers_are_lines_of_one_creator(self) -> None:
        """MuseScore shows the last creator of each type alone."""
        (piece,) = read_abc("X:1\nT:Loch Lomond\nC:Trad.\nC:arr. J. Smith\nA:Anon.\nM:2/4\nL:1/4\nK:G\nGA|B2|]\n")
        written = musicxml_bytes(piece)
        assert b'<creator type="composer">Trad.\narr. J. Smith</creator><creator type="lyricist">Anon.</cr' in written
        again = read_musicxml(written)
        assert again.metadata == piece.metadata == (("C", "Trad."), ("C", "arr. J. Smith"), ("A", "Anon."))
        assert "\nC:Trad.\nC:arr. J. Smith\nA:Anon.\n" in write_abc(again)

    @pytest.mark.skipif(shutil.which("mscore3") is None, reason="MuseScore is not installed")
    def test_musescore_plays_on_after_any_sign(self, tmp_path: Path) -> None:
        """It leaves out the rest of a piece after a mordent with no white space behind it."""
        signs = [*LETTERS_OF_MARKS, *ARTICULATIONS, *ORNAMENTS, *TECHNICAL, "turnx", "trill(", "trill)", "3", "mf"]
        bars = "|".join(f"!{sign}!G!{other}!!{sign}!A" for sign, other in pairwise(signs))
        (piece,) = read_abc(f"X:1\nM:2/4\nL:1/4\nK:G\n{bars}|B2|]\n")
        write_score(piece, tmp_path / "signs.musicxml")
        command = ["mscore3", "-o", tmp_path / "signs.mid", tmp_path / "signs.musicxml"]
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        subprocess.run(command, check=True, capture_output=True, env=environment, timeout=120)
        (played,) = read_score(tmp_path / "signs.mid")
        assert played.bars[-1].notes[0][-1].pitch == 71

    def test_white_space_stands_behind_mordents(self) -> None:
        (piece,) = read_abc("X:1\nM:2/4\nL:1/4\nK:G\nMG PA|B2|]\n")
        assert musicxml_bytes(piece).count(b"mordent/>\n") == 2

    def test_long_trills_have_a_wavy_line(self) -> None:
        (piece,) = read_abc("X:1\nM:2/4\nL:1/4\nK:G\n!trill(!G A|B !trill)!c|TB A|]\n")
        file = musicxml_bytes(piece)
        assert file.count(b"<trill-mark/>") == file.count(b"<wavy-line") == 2
        assert [bar.notation for bar in read_musicxml(file).bars] == [bar.notation for bar in piece.bars]

    @pytest.mark.parametrize("line", ['<wavy-line type="start"/>', '<wavy-line type="start"/><wavy-line type="stop"/>'])
    def test_a_line_over_a_single_note_is_a_plain_trill(self, line: str) -> None:
        trill = f"<notations><ornaments><trill-mark/>{line}</ornaments></notations>"
        end = '<notations><ornaments><wavy-line type="stop"/></ornaments></notations>'
        piece = read_musicxml(score([note("C", 4, trill) + note("D", 4) + note("E", 8, trill), note("E", 16)]))
        assert "TC2 D2 TE4 | E8" in write_abc(piece)
        piece = read_musicxml(score([note("C", 8, trill + end) + note("D", 8, end), note("E", 16, end)]))
        assert "TC4 D4 | E8" in write_abc(piece)

    def test_dynamics_stand_before_other_signs(self) -> None:
        (piece,) = read_abc("X:1\nM:2/4\nL:1/4\nK:G\n!mp!HG !f!TA|]\n")
        assert "!mp!HG2 !f!TA2" in write_abc(read_musicxml(musicxml_bytes(piece)))

    def test_a_movement_is_named_after_itself(self) -> None:
        heading = (
            b"<work><work-title>Six songs</work-title></work><movement-title>Evening</movement-title><identification>"
            b'<creator type="composer">A. Nobody</creator><creator type="lyricist">B. Nobody</creator></identification>'
        )
        piece = read_musicxml(score([scale()]).replace(b"<part-list>", heading + b"<part-list>"))
        assert piece.title == "Evening"
        assert piece.metadata == (("T", "Six songs"), ("C", "A. Nobody"), ("A", "B. Nobody"))
        again = read_musicxml(musicxml_bytes(piece))
        assert (again.title, sorted(again.metadata)) == (piece.title, sorted(piece.metadata))


# --- what is written


class _Offline(etree.Resolver):
    """Gives the two schemas that MusicXML's own imports: of the attributes of XML and of XLink."""

    _ATTRIBUTES: ClassVar[dict[str, tuple[str, str]]] = {
        "/xml.xsd": ("http://www.w3.org/XML/1998/namespace", "lang space"),
        "/xlink.xsd": ("http://www.w3.org/1999/xlink", "href type role title show actuate"),
    }

    def resolve(self, url: str, identifier: str, context: object) -> object:
        for ending, (namespace, names) in self._ATTRIBUTES.items():
            if url.endswith(ending):
                attributes = "".join(f'<xs:attribute name="{name}" type="xs:string"/>' for name in names.split())
                schema = f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="{namespace}">'
                return self.resolve_string(f"{schema}{attributes}</xs:schema>", context)
        return None


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    """MusicXML's schema: that of version 4.0 if MUSICXML_SCHEMA names it, else the one that music21 brings, of 2.0."""
    import music21

    usual = Path(music21.__file__).parent / "musicxml" / "musicxml.xsd"
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_Offline())
    return etree.XMLSchema(etree.parse(os.environ.get("MUSICXML_SCHEMA", str(usual)), parser))


def check_valid(schema: etree.XMLSchema, data: bytes) -> None:
    root = etree.fromstring(data)
    if "MUSICXML_SCHEMA" not in os.environ:  # what MusicXML 3.0 has added to 2.0
        for rest in root.iter("rest"):
            rest.attrib.pop("measure", None)
        for extend in root.iter("extend"):
            extend.attrib.pop("type", None)
    schema.assertValid(etree.fromstring(etree.tostring(root)))


def real_pieces(tune_books: dict[str, list[Path]], music21_corpus: Path) -> Iterator[Piece]:
    for book in tune_books.values():
        yield from read_abc(book[0], errors="collect")[:8]
    for name in ("bwv66.6.mxl", "bwv269.mxl"):
        yield read_score(music21_corpus / "bach" / name)[0]
    yield all_notation()
    yield from read_abc(
        "X:1\nM:4/4\nL:1/4\n%%score (S A) {1 | (2 3)}\nV:S\nV:A\nV:1\nV:2 clef=bass\nV:3 clef=bass\nK:C\n"
        "[V:S] !f!{d}(c !fermata!e) z2|c4|]\nw:All peo-\nw:Praise Him\n[V:A] !f!(A !fermata!B) z2|A4|]\nw:All men\n"
        "[V:1] [ce]4 & a2 f2|c4|]\n[V:2] !<(!G,2 [K:clef=treble] !<)!G2|G4|]\n[V:3] C,2 C2|C4|]\n"
    )


class TestWriting:
    def test_what_is_written_is_valid(
        self, schema: etree.XMLSchema, tune_books: dict[str, list[Path]], music21_corpus: Path
    ) -> None:
        for piece in real_pieces(tune_books, music21_corpus):
            check_valid(schema, musicxml_bytes(piece))

    def test_lowest_notes_are_valid_too(self, schema: etree.XMLSchema) -> None:
        bar = Bar(Meter(), Key("Cb"), 96, ((Note(0, 0, 48), Note(48, 11, 24), Note(72, 127, 24)),))
        data = musicxml_bytes(Piece(("M",), (bar,)))
        check_valid(schema, data)
        assert read_musicxml(data).bars[0].notes == bar.notes

    def test_a_forward_repeat_stands_wherever_playing_goes_back_to(self) -> None:
        (piece,) = read_abc("X:1\nM:4/4\nL:1/4\nK:C\nCDEF|GABc:|cBAG|FEDC:|]")
        root = ElementTree.fromstring(musicxml_bytes(piece))
        forward = root.findall("part/measure[3]/barline[@location='left']/repeat[@direction='forward']")
        assert len(forward) == 1
        assert read_musicxml(musicxml_bytes(piece)) == piece

    def test_parts_that_are_played_again_are_written_out(self) -> None:
        (piece,) = read_abc("X:1\nP:ABA\nM:4/4\nL:1/4\nK:C\nP:A\nCDEF|\nP:B\ncBAG|")
        again = read_musicxml(musicxml_bytes(piece))
        assert len(again.bars) == 3
        assert again.note_list(True) == piece.note_list(True)

    def test_values_ties_and_triplets_follow_the_beats(self) -> None:
        (piece,) = read_abc("X:1\nM:4/4\nL:1/8\nK:C\nC4-C3/D/C2|(3CDEE2 z4|z8|")
        measures = ElementTree.fromstring(musicxml_bytes(piece)).findall("part/measure")
        assert [kind.text for kind in measures[0].iter("type")] == ["half", "eighth", "16th", "quarter"]
        assert [kind.get("type") for kind in measures[1].iter("tuplet")] == ["start", "stop"]
        assert [rest.get("measure") for rest in measures[2].iter("rest")] == ["yes"]

    def test_held_notes_over_moving_ones_are_layers(self) -> None:
        (piece,) = read_abc("X:1\nM:4/4\nL:1/4\nK:C\nc d e f & C4|")
        measure = ElementTree.fromstring(musicxml_bytes(piece)).find("part/measure")
        assert measure is not None
        assert [voice.text for voice in measure.iter("voice")] == ["1"] * 4 + ["2"]
        assert not list(measure.iter("tie"))
        assert read_musicxml(musicxml_bytes(piece)).note_list() == piece.note_list()

    def test_beams_follow_the_beats(self) -> None:
        (piece,) = read_abc("X:1\nM:6/8\nL:1/8\nK:C\nCDE FGA|C2D E/F/GA|")
        measures = ElementTree.fromstring(musicxml_bytes(piece)).findall("part/measure")
        beams = [[beam.text for beam in note.iter("beam")] for note in measures[0].iter("note")]
        assert beams == [["begin"], ["continue"], ["end"]] * 2
        second = [[beam.text for beam in note.iter("beam")] for note in measures[1].iter("note")]
        assert second == [[], [], ["begin", "begin"], ["continue", "end"], ["continue"], ["end"]]

    def test_an_accidental_is_shown_where_the_bar_does_not_imply_it(self) -> None:
        (piece,) = read_abc("X:1\nM:4/4\nL:1/4\nK:G\nF ^c c =c|c F =F F|")
        shown = [
            [note.findtext("accidental") for note in measure.iter("note")]
            for measure in ElementTree.fromstring(musicxml_bytes(piece)).findall("part/measure")
        ]
        assert shown == [[None, "sharp", None, "natural"], [None, None, "natural", None]]

    def test_names_and_groups_are_there_for_other_programs(self, music21_corpus: Path) -> None:
        (chorale,) = read_score(music21_corpus / "bach" / "bwv66.6.mxl")
        root = ElementTree.fromstring(musicxml_bytes(replace(chorale, instruments=())))
        assert [name.text for name in root.iterfind(".//part-name")] == ["Soprano", "Alto", "Tenor", "Bass"]
        assert [group.get("type") for group in root.iter("part-group")] == ["start", "stop"]

    def test_the_file_that_is_written_reads_back_through_the_disk(self, tmp_path: Path) -> None:
        write_score(all_notation(), tmp_path / "hymn.musicxml")
        (again,) = read_score(tmp_path / "hymn.musicxml")
        assert again.note_list() == all_notation().note_list()
        assert again.voices == ("M",)

    def test_players_without_a_name_are_called_as_usual_and_come_back_without(self, music21_corpus: Path) -> None:
        (chorale,) = read_score(music21_corpus / "bach" / "bwv66.6.mxl")
        organ = replace(chorale, instruments=(Instrument(program=19),) * 4)
        data = musicxml_bytes(organ)
        assert ElementTree.fromstring(data).findtext(".//part-name") == "Soprano"
        assert read_musicxml(data).instruments == organ.instruments
        named = replace(chorale, instruments=tuple(Instrument(name) for name in ("Soprano", "Alto", "Tenor", "Bass")))
        assert read_musicxml(musicxml_bytes(named)).instruments == named.instruments


THE_BANK_OF_IRELAND = """X:1032
T: The Bank of Ireland
M:C|
L:1/8
R:Reel
B:O'Neill's 1186
K:D
(ed) \\
| cAAB {d}cABG | (EG)DG  (EG)DB | {d}cAAB T(cA)(BG) |1 Addc defd :|2 Addc d2 |
| (de) \\
| f2fde2ec | dfed cAAg | Tf2fee2{f}ed | eaag ed dz |
| fgaf efge | dfed T(cA)(AG) | (Ad){e}dc (de)fg | (af)ge (df)ed |]
"""


class TestSignsOfPlaying:
    def signs(self, music: str) -> list[tuple[str, ...]]:
        """What stands in each measure of a tune: labels of parts, repeats, and endings with how they begin or stop."""
        (piece,) = read_abc(f"X:1\nM:2/4\nL:1/8\n{music}\n")
        return [
            tuple(self._sign(element) for element in measure.iter() if element.tag in ("rehearsal", "repeat", "ending"))
            for measure in ElementTree.fromstring(musicxml_bytes(piece)).findall("part/measure")
        ]

    def _sign(self, element: ElementTree.Element) -> str:
        if element.tag == "rehearsal":
            return element.text or ""
        if element.tag == "ending":
            return f"{element.get('number')} {element.get('type')}"
        return " ".join(filter(None, (element.get("direction"), element.get("times"))))

    def test_parts_are_labelled_wherever_they_are_played(self) -> None:
        labelled = self.signs("P:ABA\nK:G\nP:A\nGABd|g2d2|\nP:B\ne2ge|d4|]")
        assert labelled == [("A",), (), ("B",), (), ("A",), ()]
        assert self.signs("K:G\nP:A\n|:GABd|g2d2:|\nP:B\n|:e2ge|d4:|") == [
            ("forward", "A"), ("backward",), ("forward", "B"), ("backward",),
        ]  # fmt: skip

    def test_a_section_is_played_as_often_as_it_says(self) -> None:
        assert self.signs("K:G\n|::GABd|g2d2::|e2ge|d4|]") == [("forward",), ("backward 3",), (), ()]

    @pytest.mark.parametrize(
        ("music", "signs"),
        [
            ("|:GABd|[1-3 g2d2:|[4 G4|]", [("1, 2, 3 start", "1, 2, 3 stop", "backward 4"), ("4 start", "4 stop")]),
            ("|:GABd|1,2 g2d2:|3 G4||e4|]", [("1, 2 start", "1, 2 stop", "backward 3"), ("3 start", "3 stop"), ()]),
            (
                "|:GABd|1 g4:|2 d4:|3 G4|]",
                [("1 start", "1 stop", "backward 3"), ("2 start", "2 stop", "backward"), ("3 start", "3 stop")],
            ),
        ],
    )
    def test_an_ending_for_several_plays_counts_them(self, music: str, signs: list[tuple[str, ...]]) -> None:
        """MuseScore and LilyPond go on after the second play without a number of plays."""
        got = self.signs(f"K:G\n{music}")[1:]
        assert [tuple(sign.replace("discontinue", "stop") for sign in of_bar) for of_bar in got] == signs
        (piece,) = read_abc(f"X:1\nM:2/4\nL:1/8\nK:G\n{music}\n")
        again = read_musicxml(musicxml_bytes(piece))
        assert [(bar.endings, bar.repeat_end, bar.plays) for bar in again.bars] == [
            (bar.endings, bar.repeat_end, bar.plays) for bar in piece.bars
        ]
        assert again.playing_order() == piece.playing_order()

    def test_a_repeat_after_the_last_ending_is_none(self) -> None:
        """The second part of "The Market Town", O'Neill's 958: MuseScore would play its first bars a third time, and
        LilyPond all bars once.
        """
        music = "K:A\n|:e2 ec|f2 ga|[1 ed cB|cA A2:|[2 Ac de|cA A2:|"
        assert self.signs(music)[3:] == [("1 stop", "backward"), ("2 start",), ("2 discontinue",)]
        (piece,) = read_abc(f"X:1\nM:2/4\nL:1/8\n{music}\n")
        again = read_musicxml(musicxml_bytes(piece))
        assert [(bar.endings, bar.repeat_end, bar.plays) for bar in again.bars[2:]] == [
            ((1,), False, 2), ((), True, 2), ((2,), False, 2), ((), False, 2),
        ]  # fmt: skip
        assert again.playing_order() == piece.playing_order()

    def test_an_ending_that_nothing_closes_does_not_run_to_the_end(self) -> None:
        (piece,) = read_abc(THE_BANK_OF_IRELAND)
        again = read_musicxml(musicxml_bytes(piece))
        assert [(bar.endings, bar.ending_end) for bar in again.bars[3:7]] == [
            ((), False), ((1,), True), ((2,), True), ((), False),
        ]  # fmt: skip
        assert not any(bar.ending_end for bar in again.bars[6:])
        assert again.note_list(unfold_repeats=True) == piece.note_list(unfold_repeats=True)
        assert self.signs("K:G\n|:GABd|1 g2d2:|2 g2ga|g4|]")[1:] == [
            ("1 start", "1 stop", "backward"), ("2 start",), ("2 discontinue",),
        ]  # fmt: skip

    def test_an_ending_that_goes_on_to_the_end_comes_back_as_long(self) -> None:
        """Its bracket is as long as that of the ending before, so that it does not stand over half of a tune."""
        music = "K:G\n|:GABd|1 g2d2:|2 g2ga|gdBd|edcB|AFDF|G2B2|g4|]"
        assert self.signs(music)[2:] == [("2 start", "2 discontinue"), (), (), (), (), ()]
        (piece,) = read_abc(f"X:1\nM:2/4\nL:1/8\n{music}\n")
        again = read_musicxml(musicxml_bytes(piece))
        assert again.bars[-1].ending_end
        assert [(bar.endings, bar.ending_end) for bar in again.bars] == [
            (bar.endings, bar.ending_end) for bar in piece.bars[:1]
        ] + [((1,), True), ((2,), False), *[((), False)] * 4, ((), True)]  # fmt: skip

    def test_what_is_played_in_place_of_a_first_ending_is_a_hidden_second(self) -> None:
        """The end of the first part of "Calisthenic Hornpipe", Cole's 1000: verovio would not repeat it."""
        music = "K:Bb\n|:d/B/c/A/ B/F/=E/F/|[1 c/B/A/c/ B2:|\nc/B/A/c/ B2|:f>g f/=e/f/^f/|gg g>a:|"
        assert self.signs(music)[1:3] == [("1 start", "1 stop", "backward"), ("2 start", "2 discontinue")]
        (piece,) = read_abc(f"X:1\nM:2/4\nL:1/8\n{music}\n")
        score = musicxml_bytes(piece)
        hidden = [ending.get("print-object") for ending in ElementTree.fromstring(score).iter("ending")]
        assert hidden == [None, None, "no", "no"]
        again = read_musicxml(score)
        assert [bar.endings for bar in again.bars] == [bar.endings for bar in piece.bars] == [(), (1,), (), (), ()]
        assert again.playing_order() == piece.playing_order() == [0, 1, 0, 2, 3, 4, 3, 4]

    @pytest.mark.parametrize("words", ["D.C.", "D.C. al Fine", "D. S.", "Da Capo", "Fine", "Segno", "To Coda"])
    def test_words_that_are_no_jump_are_none_in_musescore(self, words: str) -> None:
        """O'Neill's music has "^D.C." as words, which MuseScore would take for a jump if it knew them."""
        (piece,) = read_abc(f'X:1\nM:2/4\nL:1/8\nK:G\nGABd|g2"^{words}"d2|]\n')
        texts = ElementTree.fromstring(musicxml_bytes(piece)).iter("words")
        assert [text.text for text in texts] == [f"{words[0]}\u200b{words[1:]}"]
        for content in (musicxml_bytes(piece), musicxml_bytes(piece).replace(SOFTWARE.encode(), b"MuseScore 3.2.3")):
            again = read_musicxml(content)
            assert [bar.notation for bar in again.bars] == [bar.notation for bar in piece.bars]
            assert not any(bar.jumps for bar in again.bars)

    @pytest.mark.parametrize(
        ("music", "words"),
        [
            ("G2|A2!fine!|B2|c2!D.C.!|", ["Fine", "D.C. al Fine"]),
            ("G2|!segno!A2|B2!fine!|c2!D.S.!|", ["Fine", "D.S. al Fine"]),
            ("G2|!segno!A2!dacoda!|B2!D.S.!|!coda!c2|", ["To Coda", "D.S. al Coda"]),
            ("G2|A2!dacoda!|B2!D.C.!|!coda!c2|", ["To Coda", "D.C. al Coda"]),
            ("G2|A2!D.C.!|", ["D.C."]),
        ],
    )
    def test_jumps_say_where_they_lead(self, music: str, words: list[str]) -> None:
        """MuseScore plays on past a Fine, and not into a coda, of which the words say nothing."""
        (piece,) = read_abc(f"X:1\nM:2/4\nL:1/4\nK:G\n{music}\n")
        score = musicxml_bytes(piece)
        assert [text.text for text in ElementTree.fromstring(score).iter("words")] == words
        assert read_musicxml(score).playing_order() == piece.playing_order()

    def test_other_words_stay(self) -> None:
        (piece,) = read_abc('X:1\nM:2/4\nL:1/8\nK:G\n"^hands round"GABd|"^fine tune"g2"^End"d2|]\n')
        words = ElementTree.fromstring(musicxml_bytes(piece)).iter("words")
        assert [text.text for text in words] == ["hands round", "fine tune", "End"]


def test_a_slur_to_another_staff_cuts_no_rest() -> None:
    """The left hand of Munktell's "Exil d'amour", bar 16: the slur ends on a note of the other hand, in a triplet."""
    sung = (Note(0, 54, 24), Note(0, 59, 36), Note(0, 62, 36))
    bar = Bar(Meter(2, 4), Key("F#", "min"), 48, (sung,), notation=((Span(0, "slur", 0, 40),),))
    measure = ElementTree.fromstring(musicxml_bytes(Piece(("M",), (bar,)))).find("part/measure")
    assert measure is not None
    assert [(note.findtext("duration"), note.find("rest") is not None) for note in measure.iter("note")] == [
        ("36", False), ("36", False), ("12", True), ("24", False),
    ]  # fmt: skip
    assert measure.find(".//time-modification") is None
    assert sorted(slur.get("type") or "" for slur in measure.iter("slur")) == ["start", "stop"]


def test_rests_of_triplets_are_shown_in_every_layer() -> None:
    """Munktell's "Exil d'amour", bar 16: LilyPond finds no end of a triplet that a hidden rest ends."""
    bar = Bar(Meter(2, 4), Key("F#", "min"), 48, ((Note(0, 35, 16), Note(0, 54, 48)),))
    notes = ElementTree.fromstring(musicxml_bytes(Piece(("M",), (bar,)))).findall("part/measure/note")
    assert [(note.findtext("voice"), note.find("rest") is not None, note.get("print-object")) for note in notes] == [
        ("1", False, None), ("2", False, None), ("2", True, None),
    ]  # fmt: skip


def test_only_full_bars_have_a_bar_rest() -> None:
    (piece,) = read_abc("X:1\nM:6/8\nL:1/8\nK:A\nz|A6|z6|]")
    rests = ElementTree.fromstring(musicxml_bytes(piece)).findall("part/measure/note/rest")
    assert [rest.get("measure") for rest in rests] == [None, "yes"]


SPOKEN = """X:1
T:Come, Ye Disconsolate
M:4/4
L:1/4
K:C
c2 G2 | c d e f | d2 e2 |]
w:"Earth has no sor-row that cure."
w:“Earth has ("no") sor-row that cure.”
"""


def test_straight_quotation_marks_of_words_are_curly_and_come_back() -> None:
    (piece,) = read_abc(SPOKEN)
    data = musicxml_bytes(piece)
    texts = [text.text or "" for text in ElementTree.fromstring(data).iter("text")]
    assert not any('"' in text for text in texts)
    assert [text.replace("\u200b", "") for text in texts[:2]] == ["“Earth", "“Earth"]
    assert texts[-2].startswith("cure.”")
    again = read_musicxml(data)
    assert [bar.notation for bar in again.bars] == [bar.notation for bar in piece.bars]
    assert musicxml_bytes(again) == data


@pytest.mark.skipif(shutil.which("musicxml2ly") is None, reason="LilyPond is not installed")
def test_lilypond_takes_words_with_quotation_marks(tmp_path: Path) -> None:
    write_score(read_abc(SPOKEN)[0], tmp_path / "hymn.musicxml")
    command = ["musicxml2ly", "-o", "hymn.ly", "hymn.musicxml"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    assert "“Earth" in (tmp_path / "hymn.ly").read_text(encoding="utf-8")
