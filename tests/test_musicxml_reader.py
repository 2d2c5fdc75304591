"""MusicXML is read as its specification has it, whatever program wrote it."""

import re
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from musicxml_scores import BACKWARD, COMMON, WHOLE_REST, lengths, note, notes_of, scale, score
from tunes import kesh_jig

from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.chords import roman_text
from remi_two_stage.core.errors import ScoreFormatError
from remi_two_stage.core.notation import Mark, Span, TempoMark, Text
from remi_two_stage.core.piece import Note, Piece
from remi_two_stage.core.signatures import Meter
from remi_two_stage.score_files import read_score
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.midi_reader import parse_midi
from remi_two_stage.scores.midi_writer import midi_bytes
from remi_two_stage.scores.musicxml_reader import read_musicxml
from remi_two_stage.scores.musicxml_writer import musicxml_bytes


class TestHeading:
    CREDITS = (
        '<credit page="1"><credit-words justify="center" font-size="14">for two voices</credit-words></credit>'
        '<credit page="1"><credit-words justify="center" font-size="24">My Song</credit-words></credit>'
        '<credit page="1"><credit-words justify="right" font-size="30">Jane Doe</credit-words></credit>'
        '<credit page="1"><credit-words halign="center" font-size="large">© 2020 Jane Doe</credit-words></credit>'
    )

    def test_parts_are_called_as_they_are_displayed(self) -> None:
        display = (
            "<part-name-display><display-text>Clarinet in B</display-text><accidental-text>flat</accidental-text>"
            "</part-name-display>"
        )
        file = score([scale()]).replace(b"</part-name>", f"</part-name>{display}".encode())
        assert [player.name for player in read_musicxml(file).instruments] == ["Clarinet in B♭"]
        hidden = file.replace(b"<part-name-display", b'<part-name-display print-object="no"')
        assert [player.name for player in read_musicxml(hidden).instruments] == ["Part 1"]

    def test_a_title_that_is_only_printed_is_found(self) -> None:
        file = score([scale()]).replace(b"<part-list>", f"{self.CREDITS}<part-list>".encode())
        assert read_musicxml(file).title == "My Song"
        named = file.replace(b"<credit", b"<movement-title>Song</movement-title><credit", 1)
        assert read_musicxml(named).title == "Song"
        only_rights = "".join(re.findall("<credit .*?</credit>", self.CREDITS)[2:])
        rights = score([scale()]).replace(b"<part-list>", f"{only_rights}<part-list>".encode())
        assert read_musicxml(rights).title == ""


class TestBars:
    def test_a_rest_of_the_whole_measure_makes_no_pickup_longer(self) -> None:
        short = ['implicit="yes"§' + WHOLE_REST, scale()]
        piece = read_musicxml(score(short, ['implicit="yes"§' + note("G"), scale()]))
        assert lengths(piece) == [1, 4]
        assert [bar.is_pickup for bar in piece.bars] == [True, False]

    def test_nor_a_bar_that_a_repeat_splits(self) -> None:
        upper = [scale(), WHOLE_REST + BACKWARD, 'implicit="yes"§' + WHOLE_REST, scale()]
        lower = [scale(), note("C", 12) + BACKWARD, 'implicit="yes"§' + note("G"), scale()]
        piece = read_musicxml(score(upper, lower))
        assert lengths(piece) == [4, 3, 1, 4]
        assert [index for index, bar in enumerate(piece.bars) if bar.is_pickup] == [2]

    def test_forward_takes_time_as_a_rest_does(self) -> None:
        piece = read_musicxml(score([note("C") + "<forward><duration>12</duration></forward>", scale()]))
        assert lengths(piece) == [4, 4]
        assert not any(bar.is_pickup for bar in piece.bars)

    @pytest.mark.parametrize(("attributes", "meter"), [("", Meter(3, 4)), (COMMON, Meter(4, 4))])
    def test_bars_that_are_all_short_are_no_pickups(self, attributes: str, meter: Meter) -> None:
        piece = read_musicxml(score([scale("CDE"), *[note("D", 12)] * 5], attributes=attributes))
        assert lengths(piece) == [3] * 6
        assert not any(bar.is_pickup for bar in piece.bars)
        assert piece.meter == meter

    def test_attributes_hold_from_where_they_stand(self) -> None:
        flats = "<attributes><key><fifths>-2</fifths></key></attributes>"
        piece = read_musicxml(score([note("D", 8) + flats + note("B", 8), scale(), scale()], key="2"))
        assert [bar.key.signature for bar in piece.bars] == [2, -2, -2]
        two = "<time><beats>2</beats><beat-type>4</beat-type></time>"
        piece = read_musicxml(
            score([note("A") + f"<attributes>{COMMON}</attributes>" + note("B"), scale()], attributes=two)
        )
        assert [bar.meter for bar in piece.bars] == [Meter(2, 4), Meter(4, 4)]

    def test_metres_of_sums_and_symbols(self) -> None:
        fractions = "<beats>3+2</beats><beat-type>8</beat-type><beats>1</beats><beat-type>4</beat-type>"
        piece = read_musicxml(score([note("C", 14)], attributes=f"<time>{fractions}</time>"))
        assert piece.meter is not None
        assert (piece.meter, piece.meter.written) == (Meter(7, 8), "3+2+2/8")
        piece = read_musicxml(score([scale()], attributes=COMMON.replace("<time>", '<time symbol="common">')))
        assert piece.meter is not None
        assert piece.meter.written == "C"

    def test_the_number_of_divisions_may_change_and_be_fractions(self) -> None:
        tiny = "<attributes><divisions>12</divisions></attributes>" + note("G", 12) + note("A", 24)
        piece = read_musicxml(score([note("C") + tiny, scale()]))
        assert notes_of(piece)[:3] == [(0, 0, 1, 60), (0, 1, 1, 67), (0, 2, 2, 69)]

    def test_a_note_at_the_very_end_of_its_bar_stays_in_it(self) -> None:
        measure = "<attributes><divisions>64</divisions></attributes>" + note("C", 255) + note("D", 1)
        piece = read_musicxml(score([measure]))
        assert piece.bars[0].length == 96
        assert piece.bars[0].notes[0][1] == Note(95, 62, 1)
        assert read_abc(write_abc(piece))[0].note_list() == piece.note_list()

    def test_the_last_bar_and_the_pickup_fill_one_bar(self) -> None:
        last = scale("CDE") + "<forward><duration>4</duration></forward>"
        assert lengths(read_musicxml(score(['implicit="yes"§' + note("G"), scale(), last]))) == [1, 4, 3]
        assert lengths(read_musicxml(score([scale(), scale(), last]))) == [4, 4, 4]

    def test_bars_of_many_lengths_without_a_metre_are_free(self) -> None:
        piece = read_musicxml(score([note("C", 4), note("C", 12), note("C", 60)], attributes=""))
        assert [bar.meter for bar in piece.bars] == [None] * 3

    def test_a_measure_repeat_holds_what_it_repeats(self) -> None:
        style = '<attributes><measure-style><measure-repeat type="{}">{}</measure-repeat></measure-style></attributes>'
        rest = "<note><rest/><duration>16</duration><voice>1</voice></note>"
        measures = [scale(), scale("GABC"), style.format("start", 2) + rest, rest, style.format("stop", "") + scale()]
        piece = read_musicxml(score(measures))
        assert [bar.notes for bar in piece.bars[2:4]] == [bar.notes for bar in piece.bars[:2]]


class TestNotes:
    def test_a_chord_is_one_whatever_stands_between_its_notes(self) -> None:
        for between in ("<direction><direction-type><words>x</words></direction-type></direction>", "<harmony/>"):
            piece = read_musicxml(score([note("F") + between + note("A", 4, "<chord/>") + note("D")]))
            assert notes_of(piece) == [(0, 0, 1, 65), (0, 0, 1, 69), (0, 1, 1, 62)]

    def test_graces_and_cues_are_silent_and_hidden_notes_sound(self) -> None:
        grace = "<note><grace/><pitch><step>D</step><octave>4</octave></pitch><voice>1</voice></note>"
        hidden = note("B").replace("<note>", '<note print-object="no">')
        piece = read_musicxml(score([note("C") + grace + note("A", 4, "<cue/>") + hidden + note("F")]))
        assert notes_of(piece) == [(0, 0, 1, 60), (0, 2, 1, 71), (0, 3, 1, 65)]

    def test_ties_join_notes_over_bars_and_staves(self) -> None:
        staves = COMMON + "<staves>2</staves>"
        first = note("C", 8, octave=5, staff=1) + note("G", 8, '<tie type="start"/>', staff=1)
        second = note("G", 8, '<tie type="stop"/>', staff=2) + note("A", 8, octave=3, staff=2)
        piece = read_musicxml(score([first, second], attributes=staves))
        assert notes_of(piece) == [(0, 0, 2, 72), (0, 2, 4, 67), (1, 6, 2, 57)]
        assert not piece.losses

    def test_a_tie_to_no_note_is_counted(self) -> None:
        piece = read_musicxml(score([note("C", 16, '<tie type="start"/>'), note("D", 16)]))
        assert piece.losses == (("a tie to no note", 1),)

    def test_notes_without_a_staff_are_in_the_first(self) -> None:
        measure = note("C", 8, octave=5, staff=1) + note("D", 8, octave=5)
        measure += "<backup><duration>16</duration></backup>" + note("C", 16, octave=3, staff=2, voice=2)
        piece = read_musicxml(score([measure], attributes=COMMON + "<staves>2</staves>"))
        assert notes_of(piece) == [(0, 0, 2, 72), (1, 0, 4, 48), (0, 2, 2, 74)]

    def test_transposing_instruments_are_read_as_they_sound(self) -> None:
        clarinet = COMMON + "<transpose><diatonic>-2</diatonic><chromatic>-3</chromatic></transpose>"
        data = score([scale()], [scale()]).replace(COMMON.encode(), clarinet.encode(), 1)
        piece = read_musicxml(data.replace(b"<part-name>Part 1</part-name>", b"<part-name>Clarinet in A</part-name>"))
        assert [pitch for voice, _, _, pitch in notes_of(piece) if voice == 0] == [57, 59, 61, 62]
        assert piece.instruments[0].name == "Clarinet in A"

    def test_percussion_is_counted_and_left_out(self) -> None:
        unpitched = "<unpitched><display-step>E</display-step><display-octave>4</display-octave></unpitched>"
        drum = f"<note>{unpitched}<duration>16</duration></note>"
        piece = read_musicxml(score([scale()], [drum]))
        assert (piece.voices, piece.losses) == (("M",), (("a percussion note", 1),))
        clef = COMMON + "<clef><sign>percussion</sign></clef>"
        with pytest.raises(ScoreFormatError, match="no pitched notes, only percussion"):
            read_musicxml(score([drum, scale()], attributes=clef))

    def test_a_tied_note_of_a_chord_that_is_written_too_short(self) -> None:
        tied = note("C", 8) + note("E", 4, '<chord/><tie type="start"/>')
        piece = read_musicxml(score([tied + note("D", 8) + note("E", 8, '<chord/><tie type="stop"/>')]))
        assert notes_of(piece) == [(0, 0, 2, 60), (0, 0, 4, 64), (0, 2, 2, 62)]

    def test_a_tie_from_one_of_two_layers_that_share_a_head(self) -> None:
        # as in Schumann's "Hör' ich das Liedchen klingen": the layer below holds what the moving one ties
        moving = note("C", 2) + note("D", 2, '<tie type="start"/>') + "".join(note(step, 4) for step in "CBA")
        back = "<backup><duration>14</duration></backup>"
        held = note("D", 6, voice=2) + note("D", 8, '<tie type="stop"/>', voice=2)
        piece = read_musicxml(score([moving + back + held]))
        assert [(onset, length) for _, onset, length, pitch in notes_of(piece) if pitch == 62] == [
            (0.5, 1.5),
            (0.5, 3.5),
        ]
        assert not piece.losses

    def test_lengths_of_tuplets_that_are_no_ticks_are_rounded_and_counted(self) -> None:
        sevens = "<attributes><divisions>7</divisions></attributes>" + "".join(note("C", 2) for _ in range(14))
        piece = read_musicxml(score([sevens]))
        assert piece.losses == (("a note that begins or ends between two ticks", 14),)
        assert piece.bars[0].length == 96

    def test_microtones_and_notes_beyond_midi_are_counted(self) -> None:
        quarter_sharp = note("C").replace("<octave>", "<alter>0.5</alter><octave>")
        piece = read_musicxml(score([quarter_sharp + note("B", 12, octave=9)]))
        assert notes_of(piece) == [(0, 0, 1, 60)]
        assert dict(piece.losses) == {"a microtone": 1, "a note outside MIDI's range": 1}

    def test_one_pitch_in_two_layers_comes_back_from_every_format(self) -> None:
        lower = "<backup><duration>16</duration></backup>" + note("E", 16, voice=2)
        piece = read_musicxml(score([scale("EEEE") + lower]))
        assert len(piece.note_list()) == 5
        assert read_musicxml(musicxml_bytes(piece)).note_list() == piece.note_list()
        sent, back = (Counter(note[1:] for note in each.note_list()) for each in (piece, parse_midi(midi_bytes(piece))))
        assert sent == back

    def test_lengths_without_divisions_are_quarters(self) -> None:
        data = score([scale()]).replace(b"<divisions>4</divisions>", b"").replace(b"<duration>4<", b"<duration>1<")
        assert [onset for _, onset, _, _ in notes_of(read_musicxml(data))] == [0, 1, 2, 3]


def sung(steps: str, words: str, length: int = 4, voice: int = 1) -> str:
    """Notes with a syllable each; a hyphen after one leads to the next, and a dot stands for none."""
    found, is_inside = "", False
    for step, word in zip(steps, words.split(), strict=True):
        place = {(False, False): "single", (False, True): "begin", (True, True): "middle", (True, False): "end"}
        syllabic = place[is_inside, word.endswith("-")]
        is_inside = word.endswith("-") or (word == "." and is_inside)
        text = f"<lyric number='1'><syllabic>{syllabic}</syllabic><text>{word.strip('-')}</text></lyric>"
        found += note(step, length, "" if word == "." else text, 5 - (voice == 2), voice)
    return found


class TestWordsOfTwoLayers:
    BACK = "<backup><duration>16</duration></backup>"

    @staticmethod
    def words(piece: Piece) -> list[str]:
        text = write_abc(piece)
        return [line.removeprefix("w: ") for line in text.splitlines() if line.startswith("w: ")]

    def test_those_of_the_first_stay_and_the_others_are_counted(self) -> None:
        piece = read_musicxml(score([sung("ED", "Glo- ria", 8) + self.BACK + sung("CBAG", "sing we now oh", voice=2)]))
        assert self.words(piece) == ["Glo-ria"]
        assert "e4 d4 & C2 B2 A2 G2" in write_abc(piece, overlays=True)
        assert piece.losses == (("a syllable of another layer", 4),)
        written = read_musicxml(musicxml_bytes(piece))
        assert written.losses == ()
        assert written.bars[0].notation == piece.bars[0].notation

    def test_nor_do_they_come_between_the_syllables_of_a_word(self) -> None:
        bars = [
            sung("E", "Glo-", 16) + self.BACK + sung("CBAG", "sing we now oh", voice=2),
            sung("D", ".", 16) + self.BACK + sung("CBAG", "sing we . oh", voice=2),
            sung("ED", "ri- a", 8) + self.BACK + sung("CBAG", ". sing we now", voice=2),
            sung("E", ".", 16) + self.BACK + sung("CBAG", "sing we now oh", voice=2),
        ]
        piece = read_musicxml(score(bars))
        assert self.words(piece) == ["Glo- * ri-a sing we now oh"]
        assert piece.losses == (("a syllable of another layer", 10),)

    def test_the_same_words_are_no_others(self) -> None:
        piece = read_musicxml(score([sung("EFGE", "Glo- . ri- a") + self.BACK + sung("CDEC", "Glo- . ri- a", voice=2)]))
        assert self.words(piece) == ["Glo- * ri-a"]
        assert piece.losses == ()

    def test_two_layers_may_share_a_line_of_words(self) -> None:
        rest = "<note><rest/><duration>8</duration><voice>1</voice></note>"
        first, second = sung("EF", "Now ye") + rest, sung("CDEC", ". . sing- er", voice=2)
        piece = read_musicxml(score([first + self.BACK + second]))
        assert self.words(piece) == ["Now ye sing-er"]
        assert piece.losses == ()

    def test_a_word_may_go_on_in_the_other_layer(self) -> None:
        piece = read_musicxml(score([sung("EF", "o- the", 8) + self.BACK + sung("CDEC", ". ver . sea", voice=2)]))
        syllables = re.findall("<syllabic>([a-z]+)</syllabic><text>([a-z]+)</text>", musicxml_bytes(piece).decode())
        assert dict(map(reversed, syllables)) == {"o": "begin", "ver": "end", "the": "single", "sea": "single"}


def ending(kind: str, number: str, location: str) -> str:
    return f'<barline location="{location}"><ending number="{number}" type="{kind}"/></barline>'


class TestPlayingOrder:
    def test_endings_without_numbers_are_counted_from_one(self) -> None:
        first = ending("start", "", "left") + note("D", 16) + ending("stop", "", "right") + BACKWARD
        second = ending("start", " ", "left") + note("E", 16) + ending("stop", " ", "right")
        piece = read_musicxml(score([scale(), first, second, note("F", 16)]))
        assert [bar.endings for bar in piece.bars] == [(), (1,), (2,), ()]
        assert piece.playing_order() == [0, 1, 0, 2, 3]

    def test_a_bracket_that_never_opens_closes_nothing(self) -> None:
        second = '<barline location="right"><ending number="1" type="stop"/><repeat direction="backward"/></barline>'
        for signs in (second, BACKWARD + "<barline><ending type='stop' number='1'/></barline>"):
            piece = read_musicxml(score([scale(), scale() + signs, scale()]))
            assert piece.playing_order() == [0, 1, 0, 1, 2]

    def test_a_bracket_that_is_too_short_reaches_its_repeat(self) -> None:
        first = ending("start", "1", "left") + note("D", 16) + ending("stop", "1", "right")
        second = ending("start", "2", "left") + note("F", 16) + ending("discontinue", "2", "right")
        piece = read_musicxml(score([note("C", 16), first, note("E", 16) + BACKWARD, second, note("G", 16)]))
        assert piece.playing_order() == [0, 1, 2, 0, 3, 4]

    def test_an_ending_that_would_never_be_played_is_none(self) -> None:
        second = ending("start", "2", "left") + note("F", 16) + ending("discontinue", "2", "right")
        piece = read_musicxml(score([note("C", 16), second, note("G", 16)]))
        assert piece.playing_order() == [0, 1, 2]
        assert piece.losses == (("an ending that is never played", 1),)

    def test_a_forward_repeat_at_a_right_barline_begins_with_the_next_bar(self) -> None:
        forward = '<barline location="right"><repeat direction="forward"/></barline>'
        piece = read_musicxml(score([scale(), scale() + forward, scale(), scale() + BACKWARD]))
        assert piece.playing_order() == [0, 1, 2, 3, 2, 3]

    def test_three_plays(self) -> None:
        three = BACKWARD.replace("backward", 'backward" times="3')
        piece = read_musicxml(score([scale(), scale() + three, scale()]))
        assert piece.playing_order() == [0, 1, 0, 1, 0, 1, 2]
        assert read_musicxml(musicxml_bytes(piece)).playing_order() == piece.playing_order()

    @pytest.mark.parametrize("said", ["sound", "words"])
    def test_da_capo_al_fine(self, said: str) -> None:
        fine = '<sound fine="yes"/>' if said == "sound" else _words("Fine")
        jump = '<sound dacapo="yes"/>' if said == "sound" else _words("D.C. al Fine")
        piece = read_musicxml(score([scale(), scale() + fine, scale() + jump]))
        assert piece.playing_order() == [0, 1, 2, 0, 1]
        assert read_musicxml(musicxml_bytes(piece)).playing_order() == piece.playing_order()

    def test_dal_segno_al_coda(self) -> None:
        segno, coda = (
            f"<direction><direction-type><{sign}/></direction-type></direction>" for sign in ("segno", "coda")
        )
        measures = [
            scale(),
            segno + scale() + _words("To Coda"),
            scale() + _words("D.S. al Coda"),
            coda + note("C", 16),
        ]
        piece = read_musicxml(score(measures))
        assert piece.playing_order() == [0, 1, 2, 1, 3]
        assert read_musicxml(musicxml_bytes(piece)) == piece

    def test_jumps_of_several_movements_are_counted_and_left_out(self) -> None:
        final = "<barline location='right'><bar-style>light-heavy</bar-style></barline>"
        piece = read_musicxml(score([scale() + final, scale(), scale() + '<sound dacapo="yes"/>']))
        assert piece.playing_order() == [0, 1, 2]
        assert piece.losses == (("a jump (D.C., D.S.)", 1),)


def _words(text: str) -> str:
    return f"<direction><direction-type><words>{text}</words></direction-type></direction>"


class TestChordsAndTempos:
    @pytest.mark.parametrize(
        ("harmony", "label", "name"),
        [
            ("<root><root-step>G</root-step></root><kind>dominant</kind>", "V7", "G7"),
            ("<numeral><numeral-root>5</numeral-root></numeral><kind>dominant</kind>", "V7", "G7"),
            ("<function>V</function><kind>dominant</kind>", "V7", "G7"),
            (
                '<root><root-step>A</root-step></root><kind text="m7">minor-seventh</kind>'
                "<bass><bass-step>E</bass-step></bass>",
                "vi43",
                "Am7/E",
            ),
            (
                "<root><root-step>B</root-step></root><kind>minor-seventh</kind><degree><degree-value>5</degree-value>"
                "<degree-alter>-1</degree-alter><degree-type>alter</degree-type></degree>",
                "viiø7",
                "Bm7b5",
            ),
            ('<root><root-step>D</root-step></root><kind text="m9">minor-ninth</kind>', "ii9", "Dm9"),
        ],
    )
    def test_a_harmony_names_its_chord(self, harmony: str, label: str, name: str) -> None:
        piece = read_musicxml(score([f"<harmony>{harmony}</harmony>" + scale()]))
        (chord,) = piece.bars[0].chords
        assert (roman_text(chord.label, chord.bass), str(chord.symbol)) == (label, name)
        (again,) = read_musicxml(musicxml_bytes(piece)).bars[0].chords
        assert (again, str(again.symbol)) == (chord, name)

    def test_a_harmony_that_names_none_is_counted(self) -> None:
        piece = read_musicxml(
            score(["<harmony><root><root-step>G</root-step></root><kind>Tristan</kind></harmony>" + scale()])
        )
        assert piece.losses == (("a chord symbol that names no chord", 1),)

    def test_a_tremolo_is_counted_on_each_of_its_notes(self) -> None:
        def shaken(kind: str) -> str:
            sign = f'<notations><ornaments><tremolo type="{kind}">3</tremolo></ornaments></notations>'
            return note("C", 4, sign)

        piece = read_musicxml(score([shaken("single") + shaken("start") + shaken("stop") + note("D")]))
        assert piece.losses == (("a tremolo", 3),)

    def test_a_later_tempo_is_none_of_the_beginning(self) -> None:
        mark = '<direction><direction-type><words>Slow</words></direction-type><sound tempo="40"/></direction>'
        piece = read_musicxml(score([scale(), scale(), mark + scale()]))
        assert piece.tempo is None
        assert piece.bars[2].tempos == (TempoMark(0, 40, "Slow"),)
        assert piece.losses == (("a tempo change", 1),)
        assert read_musicxml(musicxml_bytes(piece)).bars[2].tempos[0].tempo == 40

    def test_a_tempo_in_dotted_quarters_is_written_so(self) -> None:
        piece = replace(kesh_jig(), tempo=180.0)
        root = ElementTree.fromstring(musicxml_bytes(piece))
        assert root.findtext(".//per-minute") == "120"
        assert [element.tag for element in root.find(".//metronome") or ()] == [
            "beat-unit",
            "beat-unit-dot",
            "per-minute",
        ]
        assert read_musicxml(musicxml_bytes(piece)).tempo == 180.0

    def test_a_tempo_without_a_whole_number_of_dotted_quarters_counts_quarters(self) -> None:
        piece = replace(kesh_jig(), tempo=100.0)
        metronome = ElementTree.fromstring(musicxml_bytes(piece)).find(".//metronome")
        assert metronome is not None
        assert [element.text for element in metronome] == ["quarter", "100"]

    def test_what_is_said_after_the_last_note_of_a_measure_begins_the_next_one(self) -> None:
        """As MuseScore and others write words, dynamics and wedges before a barline; the last are the last note's."""

        def said(kind: str) -> str:
            return f"<direction><direction-type>{kind}</direction-type></direction>"

        rit, loud = said("<words>rit.</words>"), said("<dynamics><f/></dynamics>")
        grow, end = said('<wedge type="crescendo"/>'), said('<wedge type="stop"/>')
        measures = [
            scale() + rit + grow,
            scale("GABC") + end,
            scale() + loud,
            note("C", 16) + said("<words>dolce</words>"),
        ]
        piece = read_musicxml(score(measures))
        assert [(bar.notation or ((),))[0] for bar in piece.bars] == [
            (),
            (Text(0, "rit.", "@"), Span(0, "crescendo", 0, 72)),
            (),
            (Mark(0, "f"), Text(0, "dolce", "@")),
        ]
        assert "-" not in write_abc(piece).partition("K:")[2]  # no note is cut


class TestDocuments:
    def test_bytes_of_measures_are_known(self) -> None:
        data = score([scale(), scale("GABC")], [note("C", 16), "<!-- <measure> -->" + note("D", 16)])
        source = read_musicxml(data).source
        assert source is not None
        assert source.content == data
        assert [len(places) for places in source.bars] == [2, 2]
        for places in source.bars:
            for begin, end in places:
                assert ElementTree.fromstring(data[begin:end]).tag == "measure"

    def test_score_timewise_is_the_same_music(self) -> None:
        partwise = score([scale(), scale("GABC")], [note("C", 16), note("D", 16)])
        root = ElementTree.fromstring(partwise)
        timewise = ElementTree.Element("score-timewise")
        timewise.append(root[0])
        parts = root.findall("part")
        for index, measure in enumerate(parts[0].findall("measure")):
            column = ElementTree.SubElement(timewise, "measure", measure.attrib)
            for part in parts:
                of_part = ElementTree.SubElement(column, "part", id=part.get("id", ""))
                of_part.extend(part.findall("measure")[index])
        assert read_musicxml(ElementTree.tostring(timewise)) == read_musicxml(partwise)

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252", "shift_jis"])
    def test_any_encoding_that_is_declared(self, encoding: str) -> None:
        title = "Caf" if encoding == "shift_jis" else "Café"
        heading = f'<?xml version="1.0" encoding="{encoding}"?>'
        text = score([scale()]).decode().replace("<part-list>", f"<movement-title>{title}</movement-title><part-list>")
        assert read_musicxml((heading + text).encode(encoding)).title == title

    def test_a_file_in_utf_8_that_says_that_it_is_in_utf_16(self) -> None:
        heading = b'<?xml version="1.0" encoding="UTF-16"?>'
        assert len(read_musicxml(heading + score([scale()])).note_list()) == 4

    def test_compressed_scores_are_found_by_their_container(self, tmp_path: Path) -> None:
        container = '<container><rootfiles><rootfile full-path="music/song.xml"/></rootfiles></container>'
        with zipfile.ZipFile(tmp_path / "song.mxl", "w") as archive:
            archive.writestr("META-INF/container.xml", container)
            archive.writestr("cover.xml", "<cover/>")
            archive.writestr("music/song.xml", score([scale()]))
        assert len(read_score(tmp_path / "song.mxl")[0].note_list()) == 4

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"<score-partwise>" + b"<a>" * 200_000, "more than 100 elements within one another"),
            (b"<!DOCTYPE a [<!ENTITY b 'c'>]><score-partwise>&b;</score-partwise>", "defines the entity 'b'"),
            (b"<opus/>", "its root is <opus>"),
            (b"<score-partwise/>", "no measures"),
            (b"<score-partwise><part></score-partwise>", "this is no MusicXML: mismatched tag: line 1"),
            (score([scale()]).replace(b">4</duration>", b">four</duration>", 1), "bar 1: a number cannot be read"),
            (score([scale()]).replace(b"<divisions>4", b"<divisions>0"), "bar 1: <divisions> is 0"),
            (b'<?xml version="1.0" encoding="klingon"?><score-partwise/>', "klingon"),
        ],
    )
    def test_what_is_no_score_or_may_do_harm_is_refused(self, data: bytes, reason: str) -> None:
        with pytest.raises(ScoreFormatError, match=reason):
            read_musicxml(data)
