"""Voices that share a staff, and staves that share a player, are one part in MusicXML and come back."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from edited import extended, rewritten
from musicxml_scores import note, score

from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.instruments import StaffGroup, staff_groups, with_instrument
from remi_two_stage.core.notation import ClefSign, Instrument, Lyric, Mark, Span, Text
from remi_two_stage.core.piece import Piece
from remi_two_stage.edits.changes import Change
from remi_two_stage.edits.files import edited_bytes
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.musicxml_reader import read_musicxml
from remi_two_stage.scores.musicxml_writer import musicxml_bytes

HYMN = """X:1
T:Old Hundredth
M:4/4
L:1/8
%%score [(1 2) (3 4)]
V:1 clef=treble name="Flute" sname="Fl."
V:2 clef=treble name="Oboe" sname="Ob."
V:3 clef=bass name="Bassoon" sname="Bsn."
V:4 clef=bass name="Tuba" sname="Tba."
K:G
[V:1] G4 G2 F2 | E2 !f!D2 !<(!!fermata!G2 !<)!A2 | B8 | z4 (B2 A2) |]
w: All peo-ple that on earth do dwell sing_
[V:2] D4 D2 D2 | C2 !f!D2 !<(!!fermata!E2 !<)!F2 | G8 | z4 (G2 F2) |]
w: All peo-ple that on earth do dwell sing_
[V:3] B,4 B,2 B,2 | A,2 B,2 C2 D2 | z8 | D4 D4 |]
[V:4] G,4 ^G,2 =G,2 | C,2 D,2 E,2 D,2 | z8 | z4 D,4 |]
"""
TWO_PIANOS = """X:1
M:4/4
L:1/4
%%score {1 | (2 3)} {4 | 5}
V:1 name="Piano"
V:2 clef=bass name="Piano"
V:3 clef=bass name="Piano"
V:4 name="Piano"
V:5 clef=bass name="Piano"
K:C
[V:1] "C"c2 e2|c4|]
[V:2] G,2 G,2|G,4|]
[V:3] C,4|C,4|]
[V:4] g2 g2|g4|]
[V:5] C,2 C,2 [K:clef=treble]|C4|]
"""


def only(text: str) -> Piece:
    (piece,) = read_abc(text)
    return piece


def parts(piece: Piece) -> list[Element]:
    return ElementTree.fromstring(musicxml_bytes(piece)).findall("part")


def check_same(again: Piece, piece: Piece) -> None:
    assert again.voices == piece.voices
    assert again.instruments == piece.instruments
    assert [replace(bar, notation=()) for bar in again.bars] == [replace(bar, notation=()) for bar in piece.bars]
    for index, (bar, wanted) in enumerate(zip(again.bars, piece.bars, strict=True)):
        found, records = ([set(of_voice) for of_voice in each.notation] for each in (bar, wanted))
        assert found == records or not (any(found) or any(records)), index


class TestOneStaff:
    def test_a_hymn_has_two_parts_and_comes_back(self) -> None:
        piece = only(HYMN)
        women, men = parts(piece)
        assert (women.get("id"), men.get("id")) == ("S", "T")
        assert [len(part.findall(".//clef")) for part in (women, men)] == [1, 1]
        again = read_musicxml(musicxml_bytes(piece))
        check_same(again, piece)
        assert again.losses == ()
        assert write_abc(again) == write_abc(piece)
        assert "%%score [(S A) (T B)]\n" in write_abc(again)

    def test_each_voice_has_its_own_layers_and_stems(self) -> None:
        women = parts(only(HYMN.replace("[V:2] D4 D2 D2", "[V:2] [DB,]4 & D8 & z4")))[0]
        notes = [note for note in women.iter("note") if note.find("pitch") is not None]
        stems = {(int(note.findtext("voice", "")) % 2, note.findtext("stem")) for note in notes}
        assert stems == {(1, "up"), (0, "down")}
        assert {note.findtext("voice") for note in notes} >= {"1", "2", "4"}

    def test_names_of_both_voices_stand_in_the_part(self) -> None:
        root = ElementTree.fromstring(musicxml_bytes(only(HYMN)))
        assert [name.text for name in root.iter("part-name")] == ["Flute Oboe", "Bassoon Tuba"]
        assert [name.text for name in root.iter("instrument-name")] == ["Flute", "Oboe", "Bassoon", "Tuba"]
        named = only(HYMN.replace('"Flute" sname="Fl."', '"Winds" sname="W."\n%%MIDI program 73'))
        check_same(read_musicxml(musicxml_bytes(named)), named)
        root = ElementTree.fromstring(musicxml_bytes(named))
        assert [name.text for name in root.iter("part-name")] == ["Winds Oboe", "Bassoon Tuba"]

    def test_singers_have_parts_of_their_own_and_come_back_on_one_staff(self) -> None:
        piece = only(re.sub(' name="[^"]+" sname="[^"]+"', "", HYMN))
        root = ElementTree.fromstring(musicxml_bytes(piece))
        assert [name.text for name in root.iter("part-name")] == ["Soprano", "Alto", "Tenor", "Bass"]
        assert len(root.findall(".//part-group[@type='start']")) == 1
        again = read_musicxml(musicxml_bytes(piece))
        check_same(again, piece)
        assert "%%score [(S A) (T B)]\n" in write_abc(again)

    def test_what_both_voices_have_stands_once(self) -> None:
        women, men = parts(only(HYMN))
        assert [len(women.findall(f".//{tag}")) for tag in ("fermata", "dynamics", "wedge")] == [1, 1, 2]
        assert [text.text for text in women.iter("text")] == "All peo ple that on earth do dwell sing".split()
        assert len(women.findall(".//slur[@type='start']")) == 2  # each voice has its own
        silent, half_silent = men.findall("measure")[2:]
        assert len(silent.findall("note")) == 1
        assert len(half_silent.findall("note/rest")) == 1  # of the basses alone

    def test_one_voice_alone_may_have_signs_and_words_of_its_own(self) -> None:
        text = HYMN.replace("[V:2] D4 D2 D2 | C2 !f!D2", "[V:2] !p!D4 D2 D2 | C2 !fermata!D2")
        text = text.replace("earth do dwell sing_\n[V:3]", "Eng-lish soil do\nw: Praise Him\n[V:3]")
        piece = only(text)
        women, _ = parts(piece)
        check_same(read_musicxml(musicxml_bytes(piece)), piece)
        assert [direction.findtext("voice") for direction in women.iter("direction")] == ["2", "1", None, None]
        words = [(lyric.get("number"), lyric.get("placement"), lyric.findtext("text")) for lyric in women.iter("lyric")]
        assert ("1", "above", "earth") in words
        assert ("3", "below", "Eng") in words
        assert ("4", "below", "Praise") in words

    def test_a_hairpin_that_ends_elsewhere_is_each_voices_own(self) -> None:
        piece = only(
            HYMN.replace("[V:2] D4 D2 D2 | C2 !f!D2 !<(!!fermata!E2 !<)!F2", "[V:2] D4 D2 D2 | C2 D2 !<(!E2 !<)!FE")
        )
        assert len(parts(piece)[0].findall(".//wedge")) == 4
        check_same(read_musicxml(musicxml_bytes(piece)), piece)
        spans = [
            record for record in read_musicxml(musicxml_bytes(piece)).bars[1].notation[1] if isinstance(record, Span)
        ]
        assert spans == [Span(48, "crescendo", 0, 72)]

    def test_an_accidental_holds_for_both(self) -> None:
        piece = only(HYMN.replace("[V:3] B,4 B,2 B,2", "[V:3] B,4 B,2 G,2"))
        measure = parts(piece)[1].find("measure")
        assert measure is not None
        shown = [
            (note.findtext("voice"), sign.text) for note in measure.iter("note") for sign in note.iter("accidental")
        ]
        assert shown == [("1", "natural"), ("2", "sharp")]

    def test_a_clef_changes_once_and_for_both(self) -> None:
        piece = only(
            HYMN.replace("| z8 | D4", "|[K:clef=treble] z8 | D4").replace("| z8 | z4", "|[K:clef=treble] z8 | z4")
        )
        assert [clef.findtext("sign") for clef in parts(piece)[1].iter("clef")] == ["F", "G"]
        again = read_musicxml(musicxml_bytes(piece))
        check_same(again, piece)
        assert all(ClefSign(0, "treble") in records for records in again.bars[2].notation[2:])

    def test_clarinets_on_one_staff_are_transposed_together(self) -> None:
        clarinet = Instrument("Clarinet", "Cl.", 71, -2)
        hymn = only(HYMN)
        players = (clarinet, replace(clarinet, name="", short_name="", shares_staff=True), *hymn.instruments[2:])
        piece = replace(hymn, instruments=players)
        first = parts(piece)[0]
        assert len(first.findall(".//transpose")) == 1
        check_same(read_musicxml(musicxml_bytes(piece)), piece)

    def test_a_voice_that_stands_elsewhere_shares_no_staff(self) -> None:
        moved = only(HYMN).in_voice_order(["S", "T", "A", "B"])
        assert not any(player.shares_staff for player in moved.instruments)
        assert len(parts(moved)) == 4


class TestOnePlayer:
    def test_two_pianos_have_two_braces_and_come_back(self) -> None:
        piece = only(TWO_PIANOS)
        assert staff_groups(piece) == [
            StaffGroup(range(3), "brace", is_joined=True), StaffGroup(range(3, 5), "brace", is_joined=True),
        ]  # fmt: skip
        root = ElementTree.fromstring(musicxml_bytes(piece))
        assert [staves.text for staves in root.iter("staves")] == ["2", "2"]
        assert [name.text for name in root.iter("part-name")] == ["Piano", "Piano"]
        assert root.find(".//part-group") is None
        assert len(root.findall(".//harmony")) == 1
        again = read_musicxml(musicxml_bytes(piece))
        check_same(again, piece)
        assert write_abc(again) == write_abc(piece)
        assert "%%score {V1 | (V2 V3)} {V4 | V5}\n" in write_abc(again)

    def test_what_a_hand_has_stands_on_its_staff(self) -> None:
        text = TWO_PIANOS.replace("[V:5] C,2 C,2", "[V:5] !p!C,2 !8vb(!C,2").replace("|C4|]", "|!8vb)!C4|]")
        piece = only(text.replace("[V:4] g2", "[V:4] !ff!g2"))
        second = parts(piece)[1]
        staves = [
            (kind.tag, direction.findtext("staff")) for direction in second.iter("direction") for kind in direction[0]
        ]
        assert staves == [("dynamics", "1"), ("dynamics", "2"), ("octave-shift", "2"), ("octave-shift", "2")]
        assert [clef.get("number") for clef in second.iter("clef")] == ["1", "2", "2"]
        check_same(read_musicxml(musicxml_bytes(piece)), piece)

    def test_the_staves_of_another_programs_part_come_out_as_one_part(self) -> None:
        source = musicxml_bytes(only(TWO_PIANOS)).replace(b"remi-two-stage", b"Another")
        piece = read_musicxml(source)
        assert [player.shares_part for player in piece.instruments] == [False, True, False, True]
        root = ElementTree.fromstring(musicxml_bytes(piece))
        assert [len(root.findall(f".//{tag}")) for tag in ("score-part", "staves")] == [2, 2]

    def test_both_hands_of_an_arrangement_are_one_part(self) -> None:
        played = with_instrument(only(HYMN), "piano")
        assert [part.findtext("measure/attributes/staves") for part in parts(played)] == ["2"]
        check_same(read_musicxml(musicxml_bytes(played)), played)


class TestEdits:
    @pytest.mark.parametrize("text", [HYMN, TWO_PIANOS])
    def test_bars_are_rewritten_and_follow_in_place(self, text: str) -> None:
        source = musicxml_bytes(only(text))
        before = read_musicxml(source)
        for after in (rewritten(before, 1, 1), extended(before, 2)):
            edited = edited_bytes(source, ".musicxml", before, after).content
            again = read_musicxml(edited)
            assert again.note_list() == after.note_list()
            assert again.instruments == before.instruments
            first = source[source.index(b"<measure") : source.index(b"</measure>")]
            assert first in edited
        assert Change.between(before, after).appended

    def test_words_and_signs_stay_with_their_voice(self) -> None:
        source = musicxml_bytes(only(HYMN))
        before = read_musicxml(source)
        first, *others = before.bars
        lower = tuple(replace(note, pitch=note.pitch - 2) for note in first.notes[1])
        bar = replace(first, notes=(first.notes[0], lower, *first.notes[2:]), notation=first.notation)
        edited = edited_bytes(source, ".musicxml", before, replace(before, bars=(bar, *others))).content
        again = read_musicxml(edited)
        check_same(again, replace(before, bars=(bar, *others)))
        assert edited.count(b"<fermata") == source.count(b"<fermata") == 1
        assert sum(isinstance(record, Lyric) for record in again.bars[0].notation[1]) == 3
        assert Mark(24, "f") in again.bars[1].notation[1]
        assert len(re.findall(b"<stem>up", edited)) == len(re.findall(b"<stem>up", source))


CLOSED_HYMN = """X:1
M:4/4
L:1/4
K:G
[V:S] !mf!G G F E | D G A B | B B B A | G c (BA) |]
w: All peo-ple that on earth do dwell sing to the Lord with cheer-ful
[V:A] D D D B, | A, D D D | D D D D | D E D2 |]
[V:T] B, B, A, G, | F, G, F, G, | G, G, G, F, | B, G, G, F, |]
[V:B] G, G, D, E, | D, B,, D, G,, | z4 | G, C, D, D, |]
"""
ONE_PIANO, TWO_PARTS = (
    tuple(Instrument("Piano", shares_staff=voice % 2 == 1, shares_part=voice == 2 and is_one) for voice in range(4))
    for is_one in (True, False)
)


def closed_score(players: tuple[Instrument, ...], text: str = CLOSED_HYMN) -> bytes:
    """A hymn as other programs have it: two staves with a `<voice>` for stems up and one for stems down each."""
    piece = replace(only(text), voices=("V1", "V2", "V3", "V4"), instruments=players)
    source = musicxml_bytes(piece).replace(b"remi-two-stage", b"Another")
    return re.sub(rb"<part-name>[^<]*", b"<part-name>Piano", source)


class TestChoirsOfOtherPrograms:
    @pytest.mark.parametrize("players", [ONE_PIANO, TWO_PARTS])
    def test_two_voices_on_each_of_two_staves_are_four(self, players: tuple[Instrument, ...]) -> None:
        piece = read_musicxml(closed_score(players))
        hymn = only(CLOSED_HYMN)
        assert piece.voices == hymn.voices == ("S", "A", "T", "B")
        assert piece.note_list() == hymn.note_list()
        assert [player.shares_staff for player in piece.instruments] == [False, True, False, True]
        slurs = [sum(isinstance(record, Span) for record in sung) for sung in piece.bars[3].notation]
        assert slurs == [1, 0, 0, 0]
        assert [record.text for record in piece.bars[3].notation[0] if isinstance(record, Lyric)] == [
            "with",
            "cheer",
            "ful",
        ]
        again = read_musicxml(musicxml_bytes(piece))
        check_same(again, piece)

    def test_a_staff_without_notes_above_them_changes_nothing(self) -> None:
        source = closed_score(ONE_PIANO).replace(b"<staff>2<", b"<staff>3<").replace(b"<staff>1<", b"<staff>2<")
        silent = b"<direction><direction-type><words>Solo</words></direction-type><staff>1</staff></direction>"
        source = source.replace(b"<note>", silent + b"<note>", 1).replace(b"<staves>2<", b"<staves>3<")
        piece = read_musicxml(source)
        assert piece.note_list() == only(CLOSED_HYMN).note_list()
        assert "Solo" in [record.text for record in piece.bars[0].notation[0] if isinstance(record, Text)]

    @pytest.mark.parametrize("players", [ONE_PIANO, TWO_PARTS])
    def test_a_bar_is_rewritten_in_their_file(self, players: tuple[Instrument, ...]) -> None:
        source = closed_score(players)
        before = read_musicxml(source)
        after = rewritten(before, 1, 1)
        edited = edited_bytes(source, ".musicxml", before, after).content
        assert read_musicxml(edited).note_list() == after.note_list()
        for number in (1, 3, 4):
            for measure in re.findall(rb'<measure number="%d".*?</measure>' % number, source, re.DOTALL):
                assert measure in edited

    @pytest.mark.parametrize(
        "music",
        [
            CLOSED_HYMN.replace("D D D B, | A, D D D | D D D D", "D D D B, | z4 | z4"),  # an alto now and then
            CLOSED_HYMN.replace("[V:B] G, G, D, E,", "[V:B] g g d e"),  # no basses
            CLOSED_HYMN.replace("D D D B,", "[DB,] [DB,] [DB,] [B,G,]"),
        ],
    )
    def test_other_staves_are_voices_with_layers(self, music: str) -> None:
        piece = read_musicxml(closed_score(ONE_PIANO, music))
        assert piece.voices == ("V1", "V2")
        assert sorted(note[1:] for note in piece.note_list()) == sorted(note[1:] for note in only(music).note_list())


def on_stems_together(text: str) -> bytes:
    """A hymn as other programs have it in chords of two, and in a second layer what differs in rhythm."""
    hymn = only(text)
    bars = [
        replace(
            bar,
            notes=tuple(tuple(sorted({*bar.notes[upper], *bar.notes[upper + 1]})) for upper in (0, 2)),
            notation=(bar.notation[0] if bar.notation else (), ()),
        )
        for bar in hymn.bars
    ]
    closed = replace(hymn, voices=("V1", "V2"), bars=tuple(bars), instruments=ONE_PIANO[::2])
    source = musicxml_bytes(closed).replace(b"remi-two-stage", b"Another")
    return re.sub(rb"<part-name>[^<]*", b"<part-name>Piano", source)


IN_CHORDS = CLOSED_HYMN.replace("D, B,, D, G,, | z4 |", "D, B,, D, G,, | G, G, D, D, |")


class TestChoirsInChords:
    def test_the_notes_of_chords_of_two_are_two_voices(self) -> None:
        source = on_stems_together(IN_CHORDS)
        assert source.count(b"<voice>3</voice>") == 2  # two layers in one bar alone
        piece, hymn = read_musicxml(source), only(IN_CHORDS)
        assert piece.voices == ("S", "A", "T", "B")
        assert piece.note_list() == hymn.note_list()
        assert [player.shares_staff for player in piece.instruments] == [False, True, False, True]
        words = [record.text for bar in piece.bars for record in bar.notation[0] if isinstance(record, Lyric)]
        assert words[:5] == ["All", "peo", "ple", "that", "on"]
        check_same(read_musicxml(musicxml_bytes(piece)), piece)

    def test_a_note_alone_is_both_voices_unless_one_rests(self) -> None:
        unison = on_stems_together(IN_CHORDS.replace("[V:A] D D D B, |", "[V:A] G D D B, |"))
        assert [note.pitch for note in read_musicxml(unison).bars[0].notes[1]] == [67, 62, 62, 59]
        rest = "<note><rest/><duration>24</duration><voice>3</voice><staff>1</staff></note>"
        first = unison.index(b"<backup>")
        resting = unison[:first] + f"<backup><duration>96</duration></backup>{rest}".encode()
        resting += b"<forward><duration>72</duration></forward>" + unison[first:]
        assert [note.pitch for note in read_musicxml(resting).bars[0].notes[1]] == [62, 62, 59]

    def test_a_bar_is_rewritten_in_their_file(self) -> None:
        source = on_stems_together(IN_CHORDS)
        before = read_musicxml(source)
        after = rewritten(before, 1, 1)
        edited = edited_bytes(source, ".musicxml", before, after).content
        assert read_musicxml(edited).note_list() == after.note_list()

    @pytest.mark.parametrize(
        "music",
        [
            re.sub("w:.*\n", "", IN_CHORDS),  # a piano's
            IN_CHORDS.replace("D D D B, | A, D D D | D D D D", "z4 | z4 | D D D D"),  # an alto now and then
            IN_CHORDS.replace("B, B, A, G, | F, G, F, G,", "[B,G,]2 [B,G,]2 | [F,A,]2 [F,A,]2"),
        ],
    )
    def test_other_chords_are_those_of_a_staff(self, music: str) -> None:
        assert read_musicxml(on_stems_together(music)).voices == ("V1", "V2")


def guitar(tablature: list[str]) -> bytes:
    """Two measures for a guitar with a staff of tablature, as MuseScore and Guitar Pro write them."""
    back = "<backup><duration>16</duration></backup>"
    fret = "<notations><technical><string>2</string><fret>1</fret></technical></notations>"
    measures = [
        "".join(note(step, staff=1) for step in steps)
        + back
        + "".join(note(step, 4, fret, staff=2, voice=5) for step in frets)
        for steps, frets in zip(["CEGE", "FDBD"], tablature, strict=True)
    ]
    clefs = '<clef number="1"><sign>G</sign><line>2</line></clef><clef number="2"><sign>TAB</sign><line>5</line></clef>'
    return score(measures, attributes=f"<staves>2</staves>{clefs}")


class TestTablature:
    def test_what_another_staff_says_is_no_voice(self) -> None:
        source = guitar(["CEGE", "FDBD"])
        piece = read_musicxml(source)
        assert piece.voices == ("M",)
        assert len(piece.note_list()) == 8
        assert dict(piece.losses) == {"a staff of tablature": 1, "a playing technique": 16}
        after = rewritten(piece, 1, 1)
        edited = edited_bytes(source, ".musicxml", piece, after).content
        assert read_musicxml(edited).note_list() == after.note_list()
        assert source[: source.index(b"</measure>")] in edited

    def test_other_music_in_it_is_kept(self) -> None:
        piece = read_musicxml(guitar(["CEGE", "FDGD"]))
        assert (len(piece.voices), len(piece.note_list())) == (2, 16)


class TestStemsOfLayers:
    """Verovio and others go by the numbers of `<voice>`s, by which both layers of a hand would have the same stems."""

    @staticmethod
    def stems(bar: str) -> list[tuple[str, str | None]]:
        piece = only(f"X:1\nM:4/4\nL:1/8\n%%score {{1 | 2}}\nV:1\nV:2 clef=bass\nK:C\n[V:1] c8 |]\n[V:2] {bar} |]\n")
        (part,) = parts(piece)
        lower = [each for each in part.iter("note") if each.findtext("staff") == "2" and each.find("pitch") is not None]
        return [(each.findtext("pitch/step", ""), each.findtext("stem")) for each in lower]

    def test_the_higher_layer_has_them_up(self) -> None:
        assert self.stems("E4 D4 & C,8") == [("E", "up"), ("D", "up"), ("C", "down")]

    def test_also_where_it_begins_later(self) -> None:
        assert self.stems("C,8 & x2 E2 D4") == [("C", "down"), ("E", "up"), ("D", "up")]

    def test_a_layer_alone_is_left_to_the_program(self) -> None:
        found = self.stems("G,4 E2 F2 & x4 C,4")
        assert found == [("G", None), ("E", "up"), ("F", "up"), ("C", "down")]

    def test_notes_under_one_beam_go_together(self) -> None:
        found = self.stems("G,4 EFGE & x4 C,2 x2")
        assert found == [("G", None), *((step, "up") for step in "EFGE"), ("C", "down")]
