"""MusicXML that other programs write, with the faults that they have, and files that mean harm."""

import codecs
import io
import zipfile
from xml.etree import ElementTree

import pytest
from musicxml_scores import BACKWARD, COMMON, note, notes_of, scale, score

from remi_two_stage.core.errors import ScoreFormatError
from remi_two_stage.scores.musicxml_reader import read_musicxml
from remi_two_stage.scores.musicxml_writer import musicxml_bytes


class TestNumbers:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("<divisions>4<", "<divisions>²<"),
            ("<divisions>4<", "<divisions>nan<"),
            ("<divisions>4<", "<divisions>1/0<"),
            ("<duration>4<", "<duration>1e999999999<"),
            ("<duration>4<", f"<duration>{'9' * 5000}<"),
            ("<fifths>0<", "<fifths>1e999999999<"),
        ],
    )
    def test_what_is_no_number_is_refused_at_once(self, old: str, new: str) -> None:
        data = score([scale()]).replace(old.encode(), new.encode(), 1)
        with pytest.raises(ScoreFormatError, match=r"bar 1: a number cannot be read: '.{1,40}' is none"):
            read_musicxml(data)

    def test_a_transposition_beyond_all_notes_is_refused(self) -> None:
        far = COMMON + "<transpose><diatonic>999999999</diatonic><chromatic>999999999</chromatic></transpose>"
        with pytest.raises(ScoreFormatError, match="bar 1: a part is transposed by 999999999 semitones, at most 99"):
            read_musicxml(score([scale()], attributes=far))

    def test_numbers_that_no_sign_has_are_passed_over(self) -> None:
        times = BACKWARD.replace("backward", 'backward" times="²')
        sung = note(
            "G", 16, '<lyric number="²"><text>la</text></lyric><lyric number="999999999"><text>lo</text></lyric>'
        )
        data = score([scale() + times, sung]).replace(
            b"</part-name>",
            '</part-name><midi-instrument id="I"><midi-program>²</midi-program></midi-instrument>'.encode(),
        )
        piece = read_musicxml(data)
        assert piece.playing_order() == [0, 0, 1]
        assert [record.verse for record in piece.bars[1].notation[0]] == [1, 2]
        assert piece.instruments[0].program is None

    @pytest.mark.parametrize("alter", ["x", "50", "1e999999999"])
    def test_a_chord_that_is_raised_too_far_is_counted(self, alter: str) -> None:
        root = f"<root><root-step>G</root-step><root-alter>{alter}</root-alter></root>"
        piece = read_musicxml(score([f"<harmony>{root}<kind>major</kind></harmony>" + scale()]))
        assert piece.losses == (("a chord symbol that names no chord", 1),)

    def test_a_note_that_is_raised_too_far_is_spelled_as_it_sounds(self) -> None:
        low = note("C", octave=2).replace("<octave>", "<alter>-30</alter><octave>")
        piece = read_musicxml(score([low + scale("DEF")]))
        assert piece.bars[0].notes[0][0].pitch == 6
        assert read_musicxml(musicxml_bytes(piece)) == piece

    def test_a_part_without_divisions_has_those_of_the_others(self) -> None:
        first, second = score([scale()], [note("C", 16)]).decode().split("</part>", 1)
        piece = read_musicxml((first + "</part>" + second.replace("<divisions>4</divisions>", "")).encode())
        assert piece.bars[0].length == 96
        assert notes_of(piece)[1] == (1, 0, 4, 60)


TITLE = "<movement-title>Café</movement-title><part-list>"


def titled(encoding: str) -> str:
    said = f'<?xml version="1.0" encoding="{encoding}"?>' if encoding else ""
    return said + score([scale()]).decode().replace("<part-list>", TITLE)


def archive(method: int = zipfile.ZIP_DEFLATED, **files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as packed:
        for name, held in files.items():
            packed.writestr(f"{name}.xml", held)
    return content.getvalue()


class TestDocuments:
    @pytest.mark.parametrize(
        ("before", "said", "real"),
        [
            (b"", "UTF-8", "iso-8859-1"),
            (b"", "", "iso-8859-1"),
            (b"", "UTF8", "utf-8"),
            (b"", "UTF-8", "utf-16"),
            (b"", "UTF-32", "utf-32"),
            (codecs.BOM_UTF8, "UTF-16", "utf-8"),
            (b"\n", "UTF-8", "utf-8"),
            (codecs.BOM_UTF8 + b"\r\n", "UTF-8", "utf-8"),
        ],
    )
    def test_an_encoding_that_is_not_the_one_it_says(self, before: bytes, said: str, real: str) -> None:
        piece = read_musicxml(before + titled(said).encode(real))
        assert (piece.title, len(piece.note_list())) == ("Café", 4)

    def test_a_tree_that_is_broken_in_the_encoding_it_says_is_refused(self) -> None:
        with pytest.raises(ScoreFormatError, match="this is no MusicXML: mismatched tag: line 1"):
            read_musicxml(titled("UTF-8").replace("</part-list>", "").encode())

    @pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_a_compressed_file_with_a_broken_middle_is_refused(self, method: int) -> None:
        data = bytearray(archive(method, song=score([scale()] * 20)))
        data[60:90] = b"x" * 30
        with pytest.raises(ScoreFormatError, match=r"the compressed file is broken: .*; export it again"):
            read_musicxml(bytes(data))

    def test_what_a_packer_adds_is_no_score(self) -> None:
        data = archive(**{"__MACOSX/._song": b"\0\5\x16\7", "song": score([scale()])})
        assert len(read_musicxml(data).note_list()) == 4

    def test_a_part_that_a_measure_of_score_timewise_lacks_is_silent_in_it(self) -> None:
        root = ElementTree.fromstring("<score-timewise><part-list/></score-timewise>")
        for index, of_measure in enumerate([{"A": "C", "B": "D"}, {"A": "E"}, {"A": "F", "B": "G"}]):
            measure = ElementTree.SubElement(root, "measure", number=str(index + 1))
            for name, step in of_measure.items():
                part = ElementTree.SubElement(measure, "part", id=name)
                part.append(ElementTree.fromstring(f"<attributes><divisions>4</divisions>{COMMON}</attributes>"))
                part.append(ElementTree.fromstring(note(step, 16)))
        piece = read_musicxml(ElementTree.tostring(root))
        assert notes_of(piece) == [(0, 0, 4, 60), (1, 0, 4, 62), (0, 4, 4, 64), (0, 8, 4, 65), (1, 8, 4, 67)]
