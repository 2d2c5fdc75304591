"""Edits that are written into MusicXML files: what is not edited stays byte for byte."""

import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace

import pytest
from musicxml_scores import COMMON, note, scale, score
from test_musicxml_writer import check_valid, schema  # noqa: F401

from remi_two_stage.core.notation import Span
from remi_two_stage.core.piece import Note, Piece
from remi_two_stage.edits.changes import Change, NotAnEditError
from remi_two_stage.edits.files import edited_bytes
from remi_two_stage.edits.musicxml import splice
from remi_two_stage.scores.musicxml_reader import read_musicxml
from remi_two_stage.scores.musicxml_writer import compressed_musicxml_bytes

ODD = """<?xml version='1.0' encoding='UTF-8' standalone="no"?>
<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 3.1 Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">
<!-- by hand -->
<score-partwise version='3.1' >
\t<movement-title>Früh &amp; spät</movement-title>
\t<defaults><scaling><millimeters>7</millimeters><tenths>40</tenths></scaling></defaults>
\t<credit page='1'><credit-words default-x="10">nach &#246;dem Land</credit-words></credit>
\t<part-list><score-part id='P1'><part-name></part-name></score-part></part-list>
\t<part id='P1'>
\t\t<!-- one -->
\t\t<measure number='1' width="200.5">
\t\t\t<print new-system='no'/><attributes><divisions>2</divisions><key><fifths>0</fifths></key>
\t\t\t\t<time><beats>4</beats><beat-type>4</beat-type></time><clef><sign>G</sign><line>2</line></clef></attributes>
\t\t\t<note default-x='1'><pitch><step>C</step><octave>5</octave></pitch><duration>8</duration><type>whole</type></note>
\t\t</measure>
\t\t<measure number='2' width="99.0">
\t\t\t<print new-system="yes" ></print>
\t\t\t<note><pitch><step>D</step><octave>5</octave></pitch><duration>4</duration><voice>1</voice><type>half</type></note>
\t\t\t<direction placement='above'><direction-type><words font-size="9">lento</words></direction-type>
\t\t\t\t<sound tempo="60"/></direction>
\t\t\t<direction><direction-type><pedal type='start'/></direction-type></direction>
\t\t\t<note><pitch><step>E</step><octave>5</octave></pitch><duration>4</duration><voice>1</voice><type>half</type></note>
\t\t\t<barline location='right'><bar-style>light-light</bar-style></barline>
\t\t</measure>  <?odd stays?>
\t\t<measure number='3'><note><rest/><duration>8</duration></note></measure>
\t</part>
</score-partwise>
<!-- end -->
"""


def rewritten(piece: Piece, index: int, notes: tuple[Note, ...], voice: int = 0) -> Piece:
    """The piece with other notes in a bar of one voice."""
    bar = piece.bars[index]
    sung = tuple(notes if number == voice else own for number, own in enumerate(bar.notes))
    return replace(piece, bars=(*piece.bars[:index], replace(bar, notes=sung), *piece.bars[index + 1 :]))


def spliced(data: bytes, edit: Callable[[Piece], Piece]) -> tuple[Piece, bytes]:
    before = read_musicxml(data)
    after = edit(before)
    return after, splice(data, before, after, Change.between(before, after))


def archived(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        place = f'<container><rootfiles><rootfile full-path="{SCORE}"/></rootfiles></container>'
        archive.writestr("META-INF/container.xml", place)
        archive.writestr(SCORE, data)
    return file.getvalue()


def measures(text: str) -> list[str]:
    return re.findall("<measure.*?</measure>", text, re.DOTALL)


SCORE = "song.xml"
QUARTERS = tuple(Note(24 * beat, 72 + beat, 24) for beat in range(4))
TRIPLETS = tuple(Note(8 * place, 60 + place, 8) for place in range(12))


class TestBytes:
    @pytest.mark.parametrize("line_end", ["\n", "\r\n"])
    @pytest.mark.parametrize(
        ("encoding", "name"),
        [("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("utf-16", "UTF-16"), ("latin-1", "ISO-8859-1")],
    )
    def test_all_but_the_measure_stays(self, encoding: str, name: str, line_end: str) -> None:
        text = ODD.replace("UTF-8", name).replace("\n", line_end)
        data = text.encode(encoding)
        after, edited = spliced(data, lambda piece: rewritten(piece, 1, QUARTERS))
        again = edited.decode(encoding)
        before_it, old, after_it = text.partition(measures(text)[1])
        assert (again.startswith(before_it), again.endswith(after_it)) == (True, True)
        assert edited[:2] == data[:2]
        assert read_musicxml(edited).bars == after.bars
        assert set(re.findall("\r?\n", measures(again)[1])) == {line_end}
        assert len(old) > 0

    def test_what_is_no_note_stays_in_its_measure_at_its_time(self) -> None:
        _, edited = spliced(ODD.encode(), lambda piece: rewritten(piece, 1, QUARTERS))
        again = measures(edited.decode())[1]
        for kept in ('<print new-system="yes" ></print>', 'font-size="9">lento', "<pedal type='start'/>"):
            assert kept in again
        assert [word for word in re.findall("<step>.|lento|pedal|light-light", again)] == [
            "<step>C", "<step>C", "lento", "pedal", "<step>D", "<step>E", "light-light"
        ]  # fmt: skip

    def test_a_direction_between_two_new_notes_stands_at_its_time(self) -> None:
        after, edited = spliced(ODD.encode(), lambda piece: rewritten(piece, 1, (Note(0, 72, 96),)))
        assert [bar.tempos for bar in read_musicxml(edited).bars] == [bar.tempos for bar in after.bars]
        assert after.bars[1].tempos[0].onset == 48
        assert "<backup>" in measures(edited.decode())[1]

    def test_one_member_of_an_archive_is_replaced(self) -> None:
        before = read_musicxml(ODD.encode())
        file = io.BytesIO(compressed_musicxml_bytes(before))
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr("art/cover.txt", "a picture")
        after, edited = spliced(file.getvalue(), lambda piece: rewritten(piece, 1, QUARTERS))
        with zipfile.ZipFile(file) as old, zipfile.ZipFile(io.BytesIO(edited)) as new:
            assert new.namelist() == old.namelist()
            same = [name for name in old.namelist() if old.read(name) == new.read(name)]
            assert sorted({*old.namelist()} - {*same}) == ["score.musicxml"]
            assert [member.date_time for member in new.infolist()] == [member.date_time for member in old.infolist()]
        assert read_musicxml(edited).bars == after.bars


class TestNotes:
    def test_divisions_that_cannot_count_the_notes_are_set_and_set_back(self) -> None:
        after, edited = spliced(score([scale(), scale(), scale()]), lambda piece: rewritten(piece, 1, TRIPLETS))
        assert re.findall("<divisions>(.*?)<", edited.decode()) == ["4", "12", "4"]
        assert read_musicxml(edited).bars == after.bars

    def test_a_transposing_part_is_written_as_its_player_reads_it(self) -> None:
        clarinet = COMMON + "<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>"
        data = score([scale("DEFG"), scale("DEFG")], attributes=clarinet, key="2")
        after, edited = spliced(data, lambda piece: rewritten(piece, 1, (*QUARTERS[:3], Note(72, 78, 24))))
        assert re.findall("<step>(.)</step>(?:<alter>(.*?)<)?", measures(edited.decode())[1]) == [
            ("D", ""), ("D", "1"), ("E", ""), ("G", "1")
        ]  # fmt: skip
        assert read_musicxml(edited).bars[1].notes == after.bars[1].notes

    def test_staves_keep_their_names_of_layers(self) -> None:
        backup = "<backup><duration>16</duration></backup>"
        both = "".join(note(step, voice=1, staff=1) for step in "CDEF") + backup
        both += "".join(note(step, 8, octave=3, voice=5, staff=2) for step in "CG")
        data = score([both, both], attributes="<staves>2</staves>" + COMMON)
        low = (Note(0, 48, 96), Note(0, 52, 48), Note(48, 55, 48))
        after, edited = spliced(data, lambda piece: rewritten(piece, 1, low, voice=1))
        again = measures(edited.decode())[1]
        assert re.findall("<voice>(.)</voice>.*?<staff>(.)<", again)[-3:] == [("5", "2"), ("5", "2"), ("2", "2")]
        assert read_musicxml(edited).bars == after.bars

    def test_ties_over_the_seams_are_cut_on_both_sides(self) -> None:
        held, end = '<tie type="start"/>', '<tie type="stop"/>'
        data = score(
            [scale("CDE") + note("G", inside=held), note("G", 12, end) + note("C", inside=held), note("C", 16, end)]
        )

        def edit(piece: Piece) -> Piece:
            cut = replace(piece.bars[0], notes=((*piece.bars[0].notes[0][:3], Note(72, 67, 24)),))
            struck = replace(piece.bars[2], notes=((Note(0, 60, 96),),))
            return rewritten(replace(piece, bars=(cut, piece.bars[1], struck)), 1, QUARTERS)

        after, edited = spliced(data, edit)
        old, new = measures(data.decode()), measures(edited.decode())
        assert new[0] == old[0].replace(held, "")
        assert new[2] == old[2].replace(end, "")
        assert read_musicxml(edited).bars == after.bars

    def test_what_was_held_into_a_measure_that_stays_is_a_rest_there(self) -> None:
        held, end = '<tie type="start"/>', '<tie type="stop"/>'
        chord = note("E", 4, f"<chord/>{end}")
        data = score([scale(), scale("CDE") + note("G", inside=held), note("G", 4, end) + scale("DEF")])
        chords = score([scale(), scale("CDE") + note("E", inside=held), note("C", 4) + chord + scale("DEF")])

        def edit(piece: Piece) -> Piece:
            last = tuple(note for note in piece.bars[2].notes[0] if note.pitch != 64 or note.onset)
            return rewritten(replace(piece, bars=(*piece.bars[:2], replace(piece.bars[2], notes=(last,)))), 1, QUARTERS)

        for given, old, new in (
            (
                data,
                f"<pitch><step>G</step><octave>4</octave></pitch><duration>4</duration>{end}",
                "<rest/><duration>4</duration>",
            ),
            (chords, chord, ""),
        ):
            after, edited = spliced(given, edit)
            assert measures(edited.decode())[2] == measures(given.decode())[2].replace(old, new)
            assert read_musicxml(edited).bars == after.bars

    def test_a_chord_that_was_held_is_a_rest_or_what_is_left_of_it(self) -> None:
        held, end = '<tie type="start"/>', '<tie type="stop"/>'

        def chord(*steps: str, tie: str) -> str:
            return "".join(note(step, 4, ("<chord/>" if number else "") + tie) for number, step in enumerate(steps))

        before = scale("CDE") + chord("E", "G", tie=held)
        whole = score([scale(), before, chord("E", "G", tie=end) + scale("DEF")])
        part = score([scale(), before, chord("E", "G", tie=end) + note("B", 4, "<chord/>") + scale("DEF")])
        for data, wanted in ((whole, "<rest/><duration>4<"), (part, "<note><pitch><step>B</step>")):

            def edit(piece: Piece) -> Piece:
                return rewritten(piece, 1, QUARTERS)

            after, edited = spliced(data, edit)
            again = measures(edited.decode())[2]
            assert wanted in again
            assert "<tie " not in again
            assert read_musicxml(edited).bars == after.bars

    def test_a_slur_over_the_seam_goes_on_or_is_cut(self) -> None:
        begin, end = (f'<notations><slur type="{kind}" number="3"/></notations>' for kind in ("start", "stop"))
        data = score([scale("CDE") + note("G", inside=begin), scale("AGF") + note("E", inside=end), scale()])

        def moved(piece: Piece) -> Piece:
            piece = rewritten(piece, 1, QUARTERS)
            return replace(
                piece, bars=(replace(piece.bars[0], notation=((Span(72, "slur", 1, 72),),)), *piece.bars[1:])
            )

        _, edited = spliced(data, moved)
        assert measures(edited.decode())[0] == measures(data.decode())[0]
        assert re.findall("<slur.*?>", edited.decode()) == [
            '<slur type="start" number="3"/>', '<slur type="stop" number="3"/>'
        ]  # fmt: skip

        def gone(piece: Piece) -> Piece:
            piece = rewritten(piece, 1, QUARTERS)
            return replace(piece, bars=(replace(piece.bars[0], notation=()), *piece.bars[1:]))

        _, edited = spliced(data, gone)
        assert "slur" not in edited.decode()
        assert measures(edited.decode())[0] == measures(data.decode())[0].replace(begin, "")

    def test_a_slur_to_a_note_that_is_tied_goes_on(self) -> None:
        begin, end = (f'<slur type="{kind}" number="1"/>' for kind in ("start", "stop"))
        tied = note("G", inside='<tie type="start"/>')
        tied += note("G", inside=f'<tie type="stop"/><notations><tied type="stop"/>{end}</notations>')
        first = note("C", inside=f"<notations>{begin}</notations>") + scale("DEF")
        data = score([first, scale(), tied + scale("FE")])
        _, edited = spliced(data, lambda piece: rewritten(piece, 0, QUARTERS))
        assert measures(edited.decode())[1:] == measures(data.decode())[1:]
        assert re.findall("<slur.*?>", edited.decode()) == [begin, end]

    def test_a_slur_from_one_staff_to_another_goes_on(self) -> None:
        def on(staff: int, steps: str, kind: str = "", voice: int = 1) -> str:
            slur = f'<notations><slur type="{kind}" number="2"/></notations>' if kind else ""
            placed = [note(step, voice=voice, staff=staff) for step in steps]
            return "".join([*placed[:-1], note(steps[-1], voice=voice, staff=staff, inside=slur)])

        back = "<backup><duration>16</duration></backup>"
        staves = "<attributes><staves>2</staves></attributes>"
        for kinds, index in ((("start", "stop"), 0), (("stop", "start"), 1)):
            begin, end = kinds if index == 0 else kinds[::-1]
            first = on(1, "CDEF") + back + on(2, "EDCB", begin, voice=5)
            second = on(1, "GFED", end) + back + on(2, "CDEF", voice=5)
            data = score([staves + first, second, on(1, "CDEF") + back + on(2, "CDEF", voice=5)])
            voice = 1 if index == 0 else 0
            _, edited = spliced(data, lambda piece, at=index, of=voice: rewritten(piece, at, QUARTERS, of))
            stood, stands = measures(data.decode()), measures(edited.decode())
            assert [at for at in range(3) if stood[at] != stands[at]] == [index]
            assert re.findall("<slur.*?>", edited.decode()) == re.findall("<slur.*?>", data.decode())

    def test_chord_symbols_stay_unless_they_change(self) -> None:
        harmony = "<harmony><root><root-step>{}</root-step></root><kind text='{}'>major</kind></harmony>"
        data = score([harmony.format("C", "odd") + scale(), harmony.format("G", "odd") + scale("GABG"), scale()])
        after, edited = spliced(data, lambda piece: rewritten(piece, 1, QUARTERS))
        assert edited.decode().count("text='odd'") == 2

        def with_chord(piece: Piece) -> Piece:
            piece = rewritten(piece, 1, QUARTERS)
            return replace(
                piece, bars=(piece.bars[0], replace(piece.bars[1], chords=piece.bars[0].chords), piece.bars[2])
            )

        after, edited = spliced(data, with_chord)
        assert [bar.chords for bar in read_musicxml(edited).bars] == [bar.chords for bar in after.bars]
        assert re.findall("<root-step>(.)", edited.decode()) == ["C", "C"]


class TestMore:
    def test_bars_are_appended_to_every_part(self) -> None:
        final = '<barline location="right"><bar-style>light-heavy</bar-style></barline>'
        drum = "<note><unpitched/><duration>16</duration></note>"
        data = score([scale(), scale() + final], [drum, drum + final])

        def longer(piece: Piece) -> Piece:
            return replace(piece, bars=(*piece.bars, replace(piece.bars[-1], notes=(QUARTERS,), phrase_start=True)))

        after, edited = spliced(data, longer)
        assert read_musicxml(edited).bars == after.bars
        first, second = edited.decode().split("</part>")[:2]
        assert first.startswith(data.decode().split("</part>")[0].rstrip())
        assert [measure.count("light-heavy") for measure in measures(first)] == [0, 1, 1]
        assert second.count("<measure") == 3

    def test_a_pick_up_that_follows_is_not_counted(self) -> None:
        data = score([scale(), note("C", 12)])

        def longer(piece: Piece) -> Piece:
            full = replace(piece.bars[0], notes=(QUARTERS,))
            lead = replace(full, length=24, notes=(QUARTERS[:1],), is_pickup=True, phrase_start=True)
            return replace(piece, bars=(*piece.bars, lead, full))

        after, edited = spliced(data, longer)
        assert re.findall("<measure .*?>", edited.decode())[2:] == [
            '<measure number="2X" implicit="yes">', '<measure number="3">'
        ]  # fmt: skip
        assert read_musicxml(edited).bar_numbers == after.bar_numbers == [1, 2, 2, 3]

    @pytest.mark.parametrize("ending", [".musicxml", ".mxl"])
    def test_what_stood_beside_a_harmonised_melody_goes(self, ending: str, schema: object) -> None:  # noqa: F811
        data = score([scale(), scale("GFED")], [scale("CCCC"), scale()]).replace(
            b"<part-list>", b'<part-list><part-group type="start" number="1"/>'
        )
        before = read_musicxml(data)
        bars = [replace(bar, notes=(bar.notes[0], (Note(0, 48, 96),))) for bar in before.bars]
        after = replace(before, voices=("S", "B"), bars=tuple(bars), instruments=())
        given = data if ending == ".musicxml" else archived(data)
        edited = edited_bytes(given, ending, before, after)
        text = edited.content if ending == ".musicxml" else zipfile.ZipFile(io.BytesIO(edited.content)).read(SCORE)
        assert measures(text.decode())[:2] == measures(data.decode())[:2]
        assert [bar.notes for bar in read_musicxml(edited.content).bars] == [bar.notes for bar in after.bars]
        assert edited.losses == (("a voice beside the melody", 1),)
        check_valid(schema, text)

    def test_a_harmonised_melody_gets_parts(self, schema: object) -> None:  # noqa: F811
        data = score([scale(), scale("GFED")]).replace(b"Part 1", b"Lied")

        def harmonised(piece: Piece) -> Piece:
            bars = [replace(bar, notes=(*bar.notes, (Note(0, 48, 96),)), notation=()) for bar in piece.bars]
            return replace(piece, voices=("S", "B"), bars=tuple(bars), instruments=())

        after, edited = spliced(data, harmonised)
        again = read_musicxml(edited)
        assert [bar.notes for bar in again.bars] == [bar.notes for bar in after.bars]
        assert [player.name for player in again.instruments] == ["Lied", "Bass"]
        assert re.findall('<part id="(.*?)"', edited.decode()) == ["P1", "P2"]
        assert measures(edited.decode())[:2] == measures(data.decode())
        check_valid(schema, edited)

    def test_what_cannot_be_edited_in_place_says_why(self) -> None:
        timewise = b"<score-timewise><part-list><score-part id='P1'><part-name/></score-part></part-list>"
        timewise += f"<measure number='1'><part id='P1'>{scale()}</part></measure></score-timewise>".encode()
        with pytest.raises(NotAnEditError, match="score-timewise"):
            spliced(timewise, lambda piece: rewritten(piece, 0, QUARTERS))
        other = read_musicxml(score([scale("CCCC")]))
        with pytest.raises(NotAnEditError, match="another piece"):
            splice(score([scale()]), other, rewritten(other, 0, QUARTERS), Change((range(1),), 0, (0,), ()))

    def test_a_measure_on_which_others_depend_is_not_edited(self) -> None:
        repeat = (
            '<attributes><measure-style><measure-repeat type="start">1</measure-repeat></measure-style></attributes>'
        )
        data = score([scale(), repeat + "<forward><duration>16</duration></forward>"])
        with pytest.raises(NotAnEditError, match="depends on others"):
            spliced(data, lambda piece: rewritten(piece, 0, QUARTERS))


def test_a_bar_that_is_repeated_is_written_once() -> None:
    backward = '<barline location="right"><repeat direction="backward"/></barline>'
    after, edited = spliced(score([scale(), scale() + backward]), lambda piece: rewritten(piece, 1, QUARTERS))
    again = read_musicxml(edited)
    assert again.note_list(unfold_repeats=True) == after.note_list(unfold_repeats=True)
    assert edited.decode().count("<measure") == 2
