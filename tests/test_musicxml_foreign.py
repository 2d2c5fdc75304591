"""MusicXML that other programs write, with the faults that they have, and files that mean harm."""

import codecs
import io
import zipfile
from dataclasses import replace
from fractions import Fraction
from xml.etree import ElementTree

import pytest
from musicxml_scores import BACKWARD, COMMON, WHOLE_REST, note, notes_of, scale, score

from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.errors import ScoreFormatError
from remi_two_stage.core.notation import Grace, Notation, Span, TempoMark, Text
from remi_two_stage.core.piece import Piece
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.musicxml_reader import read_musicxml
from remi_two_stage.scores.musicxml_writer import musicxml_bytes

WHOLE = note("C", 16)


def left(content: str) -> str:
    return f'<barline location="left">{content}</barline>'


def right(content: str) -> str:
    return f'<barline location="right">{content}</barline>'


def bracket(kind: str, number: str, text: str = "") -> str:
    return f'<ending number="{number}" type="{kind}">{text}</ending>'


FORWARD, BACKWARD_SIGN = '<repeat direction="forward"/>', '<repeat direction="backward"/>'


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

    @pytest.mark.parametrize(
        ("kind", "degree", "name"),
        [("major-sixth", "9,0", "C6(add9)"), ("major-ninth", "11,1", "Cmaj9(#11)"), ("dominant", "13,-1", "C7(b13)")],
    )
    def test_degrees_without_a_text_are_said_in_abc_too(self, kind: str, degree: str, name: str) -> None:
        value, alter = degree.split(",")
        added = (
            f"<degree-value>{value}</degree-value><degree-alter>{alter}</degree-alter><degree-type>add</degree-type>"
        )
        chord = f"<root><root-step>C</root-step></root><kind>{kind}</kind><degree>{added}</degree>"
        piece = read_musicxml(score([f"<harmony>{chord}</harmony>" + WHOLE]))
        for each in (piece, read_musicxml(musicxml_bytes(piece))):
            assert f'"{name}"' in write_abc(each)
            assert each.bars[0].chords == piece.bars[0].chords

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


def grace(step: str, inside: str = "", voice: int = 1, staff: int = 1) -> str:
    pitch = f"<pitch><step>{step}</step><octave>4</octave></pitch>"
    return f"<note><grace/>{pitch}<voice>{voice}</voice><type>eighth</type><staff>{staff}</staff>{inside}</note>"


def slurs(*kinds: str) -> str:
    return "<notations>" + "".join(f'<slur type="{kind}" number="1"/>' for kind in kinds) + "</notations>"


def records(piece: Piece, kind: type) -> list[list[Notation]]:
    """Those of a kind, by voice."""
    return [
        [record for bar in piece.bars if bar.notation for record in bar.notation[voice] if isinstance(record, kind)]
        for voice in range(len(piece.voices))
    ]


TWO_STAVES = COMMON + "<staves>2</staves>"
BACK = "<backup><duration>16</duration></backup>"


class TestGraces:
    def test_graces_belong_to_the_note_after_them_on_another_staff(self) -> None:
        upper = note("C", 8, staff=1) + grace("D") + grace("E", staff=2) + note("G", 8, staff=1)
        lower = BACK + note("C", 8, octave=3, voice=2, staff=2) + note("E", 8, octave=3, voice=2, staff=2)
        piece = read_musicxml(score([upper + lower], attributes=TWO_STAVES))
        ((found,), others) = records(piece, Grace)
        assert (found.onset, [[single.pitch for single in chord] for chord in found.notes]) == (48, [[62], [64]])
        assert not others

    def test_graces_at_the_end_of_a_measure_belong_to_the_next_one_of_their_voice(self) -> None:
        upper = note("C", 16, staff=1) + grace("E") + BACK + note("C", 16, octave=3, staff=2)
        piece = read_musicxml(score([upper, note("G", 16, staff=1)], attributes=TWO_STAVES))
        assert [bool(bar.notation) for bar in piece.bars] == [False, True]
        assert [len(of_voice) for of_voice in records(piece, Grace)] == [1, 0]

    def test_a_slur_from_a_grace_at_the_end_of_a_measure(self) -> None:
        first = note("C", 16) + grace("E", slurs("start"))
        piece = read_musicxml(score([first, note("G", 8, slurs("stop")) + note("A", 8)]))
        ((found,),) = records(piece, Grace)
        assert (found.onset, found.is_slurred) == (0, True)
        assert records(piece, Span) == [[]]
        assert not piece.losses

    @pytest.mark.parametrize("length", [8, 16])
    def test_graces_of_two_voices_stay_two_groups(self, length: int) -> None:
        upper = grace("E", slurs("start")) + note("C", 16, slurs("stop"), octave=5)
        lower = BACK + grace("D", voice=2) + grace("E", voice=2) + note("G", length, voice=2)
        piece = read_musicxml(score([upper + lower]))
        (found,) = records(piece, Grace)
        assert [(len(group.notes), group.is_slurred) for group in found] == [(1, True), (2, False)]
        assert records(read_musicxml(musicxml_bytes(piece)), Grace) == [found]

    def test_a_slur_of_graces_that_ends_at_the_second_note_of_a_chord(self) -> None:
        chord = note("C", 16, slurs()) + note("G", 16, "<chord/>" + slurs("stop"))
        ((found,),) = records(read_musicxml(score([grace("E", slurs("start")) + chord])), Grace)
        assert found.is_slurred

    def test_what_cannot_be_kept_of_graces_is_counted(self) -> None:
        fingered = "<notations><technical><fingering>3</fingering></technical></notations>"
        over_graces = grace("D", slurs("start")) + grace("E", slurs("stop")) + note("F", 8)
        after = note("G", 8, slurs("start")) + grace("A", slurs("stop") + fingered)
        piece = read_musicxml(score([over_graces + after]))
        assert dict(piece.losses) == {
            "a grace note before no note": 1,
            "a sign at a grace note": 1,
            "a slur of grace notes": 1,
            "a slur that ends where it begins": 1,
        }


class TestSlurs:
    def test_a_slur_that_begins_where_another_ends_in_any_order(self) -> None:
        for kinds in (("stop", "start"), ("start", "stop")):
            notes = note("C", 4, slurs("start")) + note("D") + note("E", 4, slurs(*kinds)) + note("F", 4, slurs("stop"))
            piece = read_musicxml(score([notes]))
            assert records(piece, Span) == [[Span(0, "slur", 0, 48), Span(48, "slur", 0, 72)]]
            assert not piece.losses

    def test_slurs_and_hairpins_that_are_open_are_counted(self) -> None:
        wedge = '<direction><direction-type><wedge type="{}"/></direction-type></direction>'
        notes = note("C", 4, slurs("stop")) + note("D", 4, slurs("start")) + note("E", 8)
        hairpins = wedge.format("stop") + wedge.format("crescendo") + wedge.format("diminuendo")
        piece = read_musicxml(score([notes + hairpins]))
        assert dict(piece.losses) == {
            "a hairpin without a begin": 1,
            "a hairpin without an end": 2,
            "a slur without a begin": 1,
            "a slur without an end": 1,
        }

    def test_a_hairpin_whose_end_stands_before_its_begin(self) -> None:
        wedge = '<direction><direction-type><wedge type="{}"/></direction-type></direction>'
        lower = BACK + note("C", 8, octave=3, voice=2) + wedge.format("crescendo") + note("D", 8, octave=3, voice=2)
        piece = read_musicxml(score([note("E", 12) + note("F") + wedge.format("stop") + lower]))
        assert records(piece, Span) == [[Span(48, "crescendo", 0, 72)]]
        assert not piece.losses

    @pytest.mark.parametrize(
        ("between", "second", "durations"),
        [
            ("", note("C", 8), [6]),
            ("", note("D", 8), [4, 2]),
            ("", note("C", 8, voice=2), [4, 2]),
            (BACKWARD, note("C", 8), [4, 2]),
        ],
    )
    def test_a_tie_to_a_note_that_does_not_say_so(self, between: str, second: str, durations: list[int]) -> None:
        piece = read_musicxml(score([note("C", 16, '<tie type="start"/>') + between, second + note("E", 8)]))
        assert [length for _, _, length, _ in notes_of(piece)] == [*durations, 2]

    def test_a_triple_sharp_is_spelled_as_it_sounds(self) -> None:
        sharp = note("G", 16).replace("<octave>", "<alter>3</alter><octave>")
        piece = read_musicxml(score([sharp]))
        assert notes_of(piece) == [(0, 0, 4, 70)]
        assert read_musicxml(musicxml_bytes(piece)).bars[0].notation == piece.bars[0].notation

    def test_a_tie_in_the_first_of_several_notations(self) -> None:
        tied = '<notations><tied type="{}"/></notations><notations><technical/></notations>'
        piece = read_musicxml(score([note("C", 8, tied.format("start")) + note("C", 8, tied.format("stop"))]))
        assert notes_of(piece) == [(0, 0, 4, 60)]

    def test_syllables_that_are_sung_on_one_note(self) -> None:
        parts = "<text>1.</text><text>\u00a0Vem</text>", "<text>se</text><text>\ue550</text><text>ai</text>"
        sung = [note("C", 8, f"<lyric><syllabic>single</syllabic>{texts}</lyric>") for texts in parts]
        piece = read_musicxml(score(["".join(sung)]))
        assert [record.text for record in piece.bars[0].notation[0]] == ["1. Vem", "se‿ai"]  # type: ignore[union-attr]
        (again,) = read_abc(write_abc(piece))
        assert read_musicxml(musicxml_bytes(again)).bars[0].notation == piece.bars[0].notation


class TestLosses:
    @pytest.mark.parametrize(
        ("inside", "loss"),
        [
            ("<technical><string>2</string></technical>", "a playing technique"),
            ("<ornaments><delayed-turn/></ornaments>", "an ornament"),
            ("<articulations><other-articulation>a, b</other-articulation></articulations>", "an articulation"),
            ("<non-arpeggiate/>", "a bracket before a chord"),
            ("<other-notation type='single'>x</other-notation>", "a sign without a name"),
        ],
    )
    def test_signs_at_notes_that_have_no_name_here_are_counted(self, inside: str, loss: str) -> None:
        piece = read_musicxml(score([note("C", 16, f"<notations>{inside}</notations>")]))
        assert piece.losses == ((loss, 1),)

    @pytest.mark.parametrize(
        ("kinds", "loss"),
        [
            (('<octave-shift type="up" size="22"/>', '<octave-shift type="stop" size="22"/>'),
             "an octave line without a begin"),
            (('<dashes type="start"/>', '<dashes type="stop"/>'), "a dashed line"),
            (('<bracket type="start" line-end="none"/>', '<bracket type="stop" line-end="none"/>'), "a bracket"),
            (("<metronome><beat-unit>half</beat-unit><beat-unit>quarter</beat-unit></metronome>", "<words>x</words>"),
             "a metronome mark without a number"),
        ],
    )  # fmt: skip
    def test_signs_between_notes_that_have_no_name_here_are_counted(self, kinds: tuple[str, str], loss: str) -> None:
        first, last = (f"<direction><direction-type>{kind}</direction-type></direction>" for kind in kinds)
        assert read_musicxml(score([first + scale() + last])).losses == ((loss, 1),)

    def test_what_two_layers_say_at_once_is_counted(self) -> None:
        sign = "<notations><articulations><tenuto/></articulations></notations>"
        lower = "".join(note(step, octave=3, voice=2, inside=sign) for step in "CD")
        piece = read_musicxml(
            score([note("C", inside=sign) + scale("DEF") + "<backup><duration>16</duration></backup>" + lower])
        )
        assert piece.losses == (("a sign that its staff has twice at one time", 1),)

    def test_a_fermata_over_a_barline_is_counted(self) -> None:
        piece = read_musicxml(score([scale() + right("<fermata/>")]))
        assert piece.losses == (("a fermata over a barline", 1),)

    def test_dynamics_in_words_stay_as_words(self) -> None:
        sempre = "<dynamics><other-dynamics>sempre p</other-dynamics></dynamics>"
        piece = read_musicxml(score([f"<direction><direction-type>{sempre}</direction-type></direction>" + scale()]))
        assert piece.bars[0].notation == ((Text(0, "sempre p", "_"),),)
        assert piece.losses == (("a dynamic that is words alone now", 1),)

    def test_notes_that_do_not_sound_are_counted(self) -> None:
        long = note("C").replace("<duration>4</duration>", "")
        piece = read_musicxml(score([long + note("D", 4, "<cue/>") + note("E", 12)]))
        assert dict(piece.losses) == {"a cue note": 1, "a note without a length": 1}


class TestPlayingOrder:
    @pytest.mark.parametrize(
        ("number", "text"),
        [
            ("1, 2", ""),
            ("1,2", ""),
            ("1-2", ""),
            ("1.-2.", ""),
            ("1 \u2013 2", ""),
            ("1. 2.", ""),
            (" ", "1.-2."),
            ("", "1, 2"),
        ],
    )
    def test_numbers_of_endings_as_people_write_them(self, number: str, text: str) -> None:
        first = left(bracket("start", number, text)) + WHOLE + right(bracket("stop", number, text) + BACKWARD_SIGN)
        last = left(bracket("start", "3")) + WHOLE + right(bracket("discontinue", "3"))
        piece = read_musicxml(score([WHOLE, first, last, WHOLE]))
        assert piece.playing_order() == [0, 1, 0, 1, 0, 2, 3]
        assert not piece.losses

    def test_a_second_ending_in_which_a_repeat_begins(self) -> None:
        first = left(bracket("start", "1")) + WHOLE + right(bracket("stop", "1") + BACKWARD_SIGN)
        second = left(FORWARD + bracket("start", "2")) + WHOLE + right(bracket("discontinue", "2"))
        piece = read_musicxml(score([WHOLE, first, second, WHOLE + right(BACKWARD_SIGN), WHOLE]))
        assert piece.playing_order() == [0, 1, 0, 2, 3, 2, 3, 4]
        assert piece.losses == (("a bracket over the begin of a repeat", 1),)

    def test_what_closes_an_ending_that_is_never_played_goes_with_it(self) -> None:
        second = left(bracket("start", "2")) + WHOLE + right(bracket("discontinue", "2"))
        piece = read_musicxml(score([WHOLE, second, WHOLE + right(BACKWARD_SIGN), WHOLE + right(BACKWARD_SIGN)]))
        assert not any(bar.ending_end for bar in piece.bars if piece.losses)
        assert read_musicxml(musicxml_bytes(piece)).playing_order() == piece.playing_order()

    def test_a_repeat_that_begins_without_a_sign(self) -> None:
        piece = read_musicxml(score([WHOLE, '<sound forward-repeat="yes"/>' + WHOLE, WHOLE + right(BACKWARD_SIGN)]))
        assert piece.playing_order() == [0, 1, 2, 1, 2]

    def test_a_repeat_in_the_middle_of_a_measure_is_counted(self) -> None:
        middle = right(BACKWARD_SIGN).replace("right", "middle")
        piece = read_musicxml(score([note("C", 8) + middle + note("D", 8), WHOLE]))
        assert piece.losses == (("a repeat in the middle of a measure", 1),)

    def test_signs_of_jumps_at_barlines(self) -> None:
        to_segno = WHOLE + '<sound dalsegno="segno"/>'
        for measures in ([WHOLE, left("<segno/>") + WHOLE], [WHOLE + right("<segno/>"), WHOLE]):
            assert read_musicxml(score([*measures, to_segno, WHOLE])).playing_order() == [0, 1, 2, 1, 2, 3]
        leave, back = WHOLE + '<sound tocoda="coda"/>', WHOLE + '<sound dacapo="yes"/>'
        assert read_musicxml(score([leave, back, left("<coda/>") + WHOLE])).playing_order() == [0, 1, 0, 2]

    @pytest.mark.parametrize(
        "leave",
        [
            (WHOLE, "{}" + WHOLE),
            (WHOLE + "{}", WHOLE),
            (note("C", 8) + "{}" + note("C", 8), WHOLE),
            (WHOLE + right("<coda/>"), WHOLE),
        ],
    )
    def test_the_first_of_two_codas_is_where_to_leave(self, leave: tuple[str, str]) -> None:
        sign = "<direction><direction-type><coda/></direction-type></direction>"
        back = WHOLE + "<direction><direction-type><words>D.C. al Coda</words></direction-type></direction>"
        piece = read_musicxml(score([*(measure.format(sign) for measure in leave), back, sign + WHOLE]))
        assert piece.playing_order() == [0, 1, 2, 0, 3]


class TestWrittenBack:
    def test_words_of_a_tempo_without_a_metronome_mark_stay_so(self) -> None:
        slower = '<direction><direction-type><words>Slower</words></direction-type><sound tempo="60"/></direction>'
        piece = read_musicxml(score([slower + scale(), scale()]))
        assert piece.bars[0].tempos == (TempoMark(0, 60.0, "Slower"),)
        again = read_musicxml(musicxml_bytes(piece))
        assert (again.tempo, again.bars[0].tempos) == (60, piece.bars[0].tempos)

    def test_creators_of_any_kind_stay_in_order(self) -> None:
        creators = '<creator type="arranger">Y. Nagai</creator><creator type="composer">Trad.</creator>'
        heading = f"<identification>{creators}<rights>CC0</rights></identification><part-list>"
        piece = read_musicxml(score([scale()]).replace(b"<part-list>", heading.encode()))
        assert piece.metadata == (("Z", "arranger: Y. Nagai"), ("C", "Trad."), ("Z", "abc-copyright CC0"))
        written = musicxml_bytes(piece)
        assert creators.encode() in written
        assert read_musicxml(written).metadata == piece.metadata

    def test_a_unison_of_two_spellings_has_one(self) -> None:
        sharp = note("E", 16).replace("<octave>", "<alter>1</alter><octave>")
        piece = read_musicxml(score([sharp + BACK + note("F", 16, voice=2)]))
        assert piece.losses == (("a second spelling of a note", 1),)
        assert read_musicxml(musicxml_bytes(piece)).bars[0].notation == piece.bars[0].notation


class TestMeasures:
    def test_a_chord_that_lacks_its_first_note(self) -> None:
        upper = note("C", 8, "<chord/>") + note("D", 8)
        piece = read_musicxml(score([upper + BACK + note("E", 16, "<chord/>", voice=2)]))
        assert notes_of(piece) == [(0, 0, 2, 60), (0, 0, 4, 64), (0, 2, 2, 62)]

    def test_a_transposition_without_a_number_holds_for_all_staves(self) -> None:
        first = '<attributes><transpose number="1"><chromatic>-2</chromatic></transpose></attributes>'
        then = "<attributes><transpose><chromatic>0</chromatic><double/></transpose></attributes>"
        piece = read_musicxml(score([first + WHOLE, then + WHOLE]))
        assert [pitch for *_, pitch in notes_of(piece)] == [58, 60]
        assert piece.losses == (("an octave doubling", 1),)

    def test_a_key_beyond_seven_sharps_is_counted(self) -> None:
        piece = read_musicxml(score([scale()], key="8"))
        assert (piece.key.signature, piece.losses) == (-4, (("a key signature", 1),))

    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_voices_that_nobody_named_come_back_without_names(self, count: int) -> None:
        data = score(*[[scale()]] * count)
        for number in range(1, count + 1):
            data = data.replace(f"<part-name>Part {number}<".encode(), b"<part-name><")
        piece = read_musicxml(data)
        assert piece.instruments == ()
        assert read_musicxml(musicxml_bytes(piece)).instruments == ()

    def test_tied_notes_too_short_for_a_tick_have_one(self) -> None:
        tied = note("C", 1, '<tie type="start"/>') + note("C", 1, '<tie type="stop"/>')
        piece = read_musicxml(score([tied]).replace(b"<divisions>4", b"<divisions>999999"))
        assert [length for _, _, length, _ in notes_of(piece)] == [Fraction(1, 24)]

    def test_a_silent_bar_that_is_longer_than_its_metre(self) -> None:
        unpitched = "<unpitched><display-step>E</display-step><display-octave>4</display-octave></unpitched>"
        drum = f"<note>{unpitched}<duration>20</duration></note>"
        piece = read_musicxml(score([WHOLE_REST, scale()], [drum, scale()]))
        assert [bar.length for bar in piece.bars] == [120, 96]
        assert read_musicxml(musicxml_bytes(piece)) == replace(piece, losses=())

    def test_a_hairpin_to_a_note_that_turns_out_to_be_tied(self) -> None:
        wedge = '<direction><direction-type><wedge type="{}"/></direction-type></direction>'
        tied = note("C", 8, '<tie type="start"/>') + note("C", 4) + wedge.format("stop") + note("D", 4)
        piece = read_musicxml(score([wedge.format("crescendo") + tied]))
        assert records(piece, Span) == [[Span(0, "crescendo", 0, 0)]]
        assert records(read_musicxml(musicxml_bytes(piece)), Span) == records(piece, Span)

    def test_two_groups_of_graces_before_one_note(self) -> None:
        upper = grace("E") + WHOLE + BACK
        for lower in (grace("D", voice=2) + WHOLE.replace(">1</voice>", ">2</voice>"),
                      grace("D", voice=2) + "<note><rest/><duration>16</duration><voice>2</voice></note>"):  # fmt: skip
            piece = read_musicxml(score([upper + lower]))
            (found,) = records(piece, Grace)
            assert len(found) == 2
            again = read_musicxml(musicxml_bytes(piece))
            assert records(again, Grace) == [found]
            assert again.note_list() == piece.note_list()
