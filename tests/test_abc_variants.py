"""What ABC readers often misread: each text has one such thing in it, and the notes are those that the standard means.

Where the standard is silent, they are what abc2midi, abcm2ps and abcjs make of it. What is lost is counted.
"""

import re
from pathlib import Path

import pytest
from abc2midi import agrees, needs_abc2midi

from remi_two_stage.core.abc_writer import MOST_BARS, write_abc
from remi_two_stage.core.codec import decode, encode
from remi_two_stage.core.errors import AbcSyntaxError, ScoreError
from remi_two_stage.core.notation import TempoMark
from remi_two_stage.core.piece import Bar, Note, Piece
from remi_two_stage.core.signatures import Key, Meter
from remi_two_stage.scores.abc_reader import read_abc

NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def tune(music: str, key: str = "C", header: str = "") -> Piece:
    return read_abc(f"X:1\nM:4/4\nL:1/4\n{header}K:{key}\n{music}\n")[0]


def notes_of(piece: Piece, voice: str | None = None, unfold: bool = False) -> str:
    """The notes of a voice, or of all, in the order of their onsets, with lengths other than a quarter: `C4 F#4:2`."""
    return " ".join(
        NAMES[pitch % 12] + str(pitch // 12 - 1) + (f":{duration}" if duration != 1 else "")
        for name, _, duration, pitch in piece.note_list(unfold_repeats=unfold)
        if voice in (None, name)
    )


def sung(music: str, key: str = "C", header: str = "") -> str:
    """The notes of a tune, which are the same when it is written and read again."""
    piece = tune(music, key, header)
    again = read_abc(write_abc(piece))[0]
    assert again.note_list(unfold_repeats=True) == piece.note_list(unfold_repeats=True)
    return notes_of(piece)


def lengths(piece: Piece) -> list[float]:
    """Of the bars, in quarter notes."""
    return [bar.length / 24 for bar in piece.bars]


class TestClefs:
    @pytest.mark.parametrize(
        ("key", "expected"),
        [
            ("F clef=bass", "F4 A#4 C5"),
            ("Bb clef=alto middle=d", "F4 A#4 C5"),
            ("G name=Bass", "F#4 B4 C5"),
            ('G nm="b flat ^c _B" clef=tenor', "F#4 B4 C5"),
            ("D clef=bass ^g _b", "F#4 A#4 C#5"),
            ("Gm clef=bass octave=-1", "F3 A#3 C4"),
            ("D bass", "F#4 B4 C#5"),
        ],
    )
    def test_words_of_a_clef_are_no_accidentals(self, key: str, expected: str) -> None:
        assert sung("F B c", key) == expected

    @pytest.mark.parametrize("field", ["clef=bass", "clef=alto", "bass", "middle=d", "name=Bass"])
    @pytest.mark.parametrize("music", ["F|[K:{}]F c", "F|\nK:{}\nF c", "K:{}\nF F c"])
    def test_a_clef_alone_leaves_the_key(self, field: str, music: str) -> None:
        assert sung(music.format(field), "D").split()[-2:] == ["F#4", "C#5"]
        assert "K:C" not in write_abc(tune(music.format(field), "D"))

    def test_an_octave_belongs_to_its_clef(self) -> None:
        header = "V:1 clef=treble-8\n"
        assert sung("c4|[V:1]c4|[V:1 clef=bass]c4|[V:1 clef=treble+8]c4|", header=header) == "C4:4 C4:4 C5:4 C6:4"
        assert sung("c4|[K:D]c4|[K:bass]c4|", "C treble-8") == "C4:4 C#4:4 C#5:4"
        assert sung("c4|[V:1 clef=bass]c4|", header="V:1 clef=treble-8 transpose=-2\n") == "A#3:4 A#4:4"

    def test_a_voice_with_a_clef_of_its_own(self) -> None:
        piece = tune("V:1\nc4|\nV:2\nc4|", "C treble-8", "V:1\nV:2 clef=bass\n")
        assert (notes_of(piece, "V1"), notes_of(piece, "V2")) == ("C4:4", "C5:4")

    @pytest.mark.parametrize(
        "music",
        [
            "V:1\nC2E2|\nV:drum clef=perc\n%%MIDI channel 10\nD,,2^G,,,,,2|",
            "[V:1]C2E2|\n[V:2 perc]A2A2|",
            "[V:1]C2E2|\n[V:2][I:MIDI channel 10]A2A2|",
        ],
    )
    def test_percussion_has_no_pitch(self, music: str) -> None:
        piece = tune(music)
        assert (piece.voices, notes_of(piece)) == (("M",), "C4:2 E4:2")
        assert dict(piece.losses) == {"a percussion note": 2}

    def test_a_channel_in_the_header_is_that_of_the_voice_before_it(self) -> None:
        header = "V:1\n%%MIDI channel 1\nV:2\n%%MIDI channel 10\n"
        piece = tune("V:1\nC4|\nV:2\nA4|", header=header)
        assert (notes_of(piece), dict(piece.losses)) == ("C4:4", {"a percussion note": 1})

    def test_a_voice_of_percussion_for_a_while(self) -> None:
        piece = tune("C4|[K:clef=perc]A4|[K:clef=treble]c4|")
        assert (notes_of(piece), lengths(piece)) == ("C4:4 C5:4", [4, 4, 4])


class TestKeys:
    @pytest.mark.parametrize(
        ("text", "key"),
        [
            ("B flat", Key("Bb")),
            ("F sharp minor", Key("F#", "min")),
            ("E-flat Major", Key("Eb")),
            ("Aflat", Key("Ab")),
            ("A harmonic minor", Key("A", "min")),
            ("C natural minor", Key("C", "min")),
            ("d moll", Key("D", "min")),
            ("G dur", Key("G")),
        ],
    )
    def test_in_words(self, text: str, key: Key) -> None:
        assert tune("C", text).key == key

    @pytest.mark.parametrize(
        ("key", "expected", "microtones"),
        [("D exp ^f _/B", "B4 C5 F#5", 1), ("C _4B ^4f", "A#4 C5 F#5", 2), ("G ^/f _/c", "B4 C5 F5", 2)],
    )
    def test_microtones(self, key: str, expected: str, microtones: int) -> None:
        assert sung("B c f", key) == expected
        assert dict(tune("B c f", key).losses) == {"a microtone": microtones}


class TestMicrotones:
    @pytest.mark.parametrize(
        ("header", "music", "expected", "microtones"),
        [
            ("%%MIDI temperamentequal 53\n", "A _4B ^3F ^4c ^9g", "A4 A#4 F#4 C#5 A5", 4),
            ("%%MIDI temperamentequal 53\n", "^1c _2B _8E", "C5 B4 D4", 3),
            ("%%MIDI temperamentequal 24\n", "^2F _2B ^1c ^3d", "F#4 A#4 C5 D#5", 2),
            ("%%microscale 4\n", "^4F ^2F _3B", "F#4 F4 A#4", 2),
            ("", "_4B", "A#4", 1),
        ],
    )
    def test_steps_of_a_temperament(self, header: str, music: str, expected: str, microtones: int) -> None:
        piece = tune(music, header=header)
        assert notes_of(piece) == expected
        assert dict(piece.losses) == {"a microtone": microtones}


class TestBarLines:
    @pytest.mark.parametrize(
        "music",
        [
            "|: G A B c | [1 d2 G2 :| [2 d B G2 ]|\nE F G2|",
            "|: G A B c |1 d2 G2 :|2 d B G2 ]|E F G2|",
            "|: G A B c | [1 d2 G2 :] [2 d B G2 ]\nE F G2|",
            "[|: G A B c | [1 d2 G2 :]| [2 d B G2 ]] E F G2|",
        ],
    )
    def test_an_ending_that_a_bracket_closes(self, music: str) -> None:
        piece = tune(music)
        assert sung(music) == "G4 A4 B4 C5 D5:2 G4:2 D5 B4 G4:2 E4 F4 G4:2"
        assert [bar.endings for bar in piece.bars] == [(), (1,), (2,), ()]
        assert piece.playing_order() == [0, 1, 0, 2, 3]

    @pytest.mark.parametrize(
        "music", ["D3 ]]\nA3 [[\nD3 |]", "D3 ]]A3[[ D3 ]|", "D3|[|A3]|[D3]|", "[[D3 | A3 |[ D3 []]", "[|D3[|A3|]D3|["]
    )
    def test_brackets(self, music: str) -> None:
        assert sung(music) == "D4:3 A4:3 D4:3"
        assert lengths(tune(music)) == [3, 3, 3]

    @pytest.mark.parametrize("music", ["A4 ]: B4 :] c4|", "A4|:B4:|c4|", "A4 [: B4 :[ c4|", "A4 |]: B4 :]| c4"])
    def test_dots_repeat_beside_any_line(self, music: str) -> None:
        assert notes_of(tune(music), unfold=True) == "A4:4 B4:4 B4:4 C5:4"

    @pytest.mark.parametrize("sign", ["::2", ":: [2", ":|:2", ":||:2"])
    def test_an_ending_after_a_double_repeat(self, sign: str) -> None:
        piece = tune(f"|: C4 |1 D4 {sign} E4 || F4 :|")
        assert notes_of(piece, unfold=True) == "C4:4 D4:4 C4:4 E4:4 F4:4 F4:4"

    @pytest.mark.parametrize("music", ["F4 | -F2 E2 |", "F4 |- F2 E2 |", "F4 |\n-F2 E2 |", "^F4 | -F2 E2|"])
    def test_a_tie_after_the_bar_line(self, music: str) -> None:
        assert sung(music, "G") == "F#4:6 E4:2"

    def test_a_tie_that_is_left_open_is_counted(self) -> None:
        assert dict(tune("[C4-E4-]|C4-|]").losses) == {"a tie to no note": 2}


class TestChords:
    @pytest.mark.parametrize(
        ("music", "expected"),
        [
            ("[+head-small+ec]2", "C5:2 E5:2"),
            ("[+slide+DF]", "D4 F4"),
            ("[!1!C!3!E!5!G]", "C4 E4 G4"),
            ("[{g}CE]4", "C4:4 E4:4"),
            ("[C{/fg}E]{a}", "C4 E4"),
            ("[{[ge]}CE]2", "C4:2 E4:2"),
            ("{G,D]F", "G3 D4 F4"),
            ("{CE G]2F", "C4:2 E4:2 G4:2 F4"),
            ("{g}A {G,D]2F2", "A4 G3:2 D4:2 F4:2"),
            ("[CE}2 D", "C4:2 E4:2 D4"),
        ],
    )
    def test_what_stands_between_brackets(self, music: str, expected: str) -> None:
        assert sung(music) == expected

    @pytest.mark.parametrize(
        ("music", "expected"),
        [
            ("+CEG+4 | +DFA+2 C2", "C4:4 E4:4 G4:4 D4:2 F4:2 A4:2 C4:2"),
            ("+C2E2G2+ +^F_B,+/", "C4:2 E4:2 G4:2 A#3:1/2 F#4:1/2"),
            ("+CEG+-+CEG+ A", "C4:2 E4:2 G4:2 A4"),
            ("+.C.E (G)+ +(CE)+", "C4 E4 G4 C4 E4"),
            ("+trill+A +fff+B +f+c +p+d+accent+e", "A4 B4 C5 D5 E5"),
        ],
    )
    def test_old_chords(self, music: str, expected: str) -> None:
        assert sung(music) == expected

    @pytest.mark.parametrize(
        ("symbols", "labels"),
        [
            (["em", "D", "am", "f#m"], ["i", "bVII", "iv", "ii"]),
            (["em7", "bbm", "c#m6", "gmin"], ["i7", "#iv", "viadd6", "biii"]),
            (["A a", "E e7", "F# f#m", "A am"], ["IV", "I7", "ii", "iv"]),
            (["A m", "B 7", "C maj7", "G"], ["iv", "V7", "bVImaj7", "bIII"]),
            (["D/f+", "G/b", "A7/c+", "Am/e"], ["bVII", "bIII", "IV7", "iv"]),
        ],
    )
    def test_symbols(self, symbols: list[str], labels: list[str]) -> None:
        piece = tune("".join(f'"{symbol}"E' for symbol in symbols), "Em")
        assert [chord.label for chord in piece.bars[0].chords] == labels
        assert piece.losses == ()

    def test_symbols_that_name_no_chord_are_counted_and_other_words_are_not(self) -> None:
        piece = tune('"e"E"Gfoo"G"G9x"A"Fine"B|"4"c"D.C."d"^x"e"C"c')
        assert [chord.label for bar in piece.bars for chord in bar.chords] == ["I"]
        assert dict(piece.losses) == {"a chord symbol that names no chord": 1}

    @pytest.mark.parametrize(
        "music", ["“Am”C2 ”G”D2", "„Am“C2 «G»D2", "″Am″C2 ″G″D2", "\x93Am\x94C2 \x93G\x94D2", '"Am"C2 “G”D2']
    )
    def test_typographic_quotation_marks(self, music: str) -> None:
        assert sung(music) == "C4:2 D4:2"
        assert [(chord.onset, chord.label) for chord in tune(music).bars[0].chords] == [(0, "vi"), (48, "V")]


class TestDecorations:
    @pytest.mark.parametrize(
        ("music", "expected"),
        [
            ("d ^!2!c d2", "D5 C#5 D5:2"),
            ("c =!1!f d2", "C5 F5 D5:2"),
            ("_!trill!B ^.c =+accent+f", "A#4 C#5 F5"),
            ("^{g}c _(B c)", "C#5 A#4 C#5"),
            ("^Tc _uB", "C#5 A#4"),
            ("[^!1!c!3!e]2", "C#5:2 E5:2"),
            ('"^(c)"A "_.e"B', "A4 B4"),
        ],
    )
    def test_after_an_accidental(self, music: str, expected: str) -> None:
        assert sung(music, "Dmix") == expected

    def test_a_chord_symbol_after_an_accidental(self) -> None:
        piece = tune('^"Am"c')
        assert (notes_of(piece), piece.bars[0].chords[0].label) == ("C#5", "vi")

    @pytest.mark.parametrize("field", ["I:linebreak !", "%%linebreak !", "I:linebreak <EOL> !"])
    @pytest.mark.parametrize(
        "music",
        ["CDEF | ! GAB2 | c4 | ! d4 |", "!CDEF!GAB2!c4!d4", "CDEF|!GAB2|!trill!c4|!d4!", 'CDEF!GAB2!"^!e!"c4d4'],
    )
    def test_exclamation_marks_break_lines(self, field: str, music: str) -> None:
        assert sung(music, header=f"{field}\n") == "C4 D4 E4 F4 G4 A4 B4:2 C5:4 D5:4"

    @pytest.mark.parametrize("music", ["CDEF|!GAB2|!c4|!d4|", "CDEF|\n!GAB2!fermata!c4|!\nd4"])
    def test_exclamation_marks_around_bar_lines_hide_nothing(self, music: str) -> None:
        assert sung(music) == "C4 D4 E4 F4 G4 A4 B4:2 C5:4 D5:4"


class TestRhythm:
    @pytest.mark.parametrize(
        ("music", "expected"),
        [
            ("(10:8:10C/D/E/F/G/A/B/c/d/e/", [4]),
            ("(12:8:12C/D/E/F/G/A/B/c/d/e/f/g/", [4]),
            ("(11:8C/D/E/F/G/A/B/c/d/e/f/", [4]),
            ("(13:12:13CDEFGABcdefga", [12]),
            ("(17:16:17" + "C/" * 17, [8]),
            ("(1:2:2CC|C4", [4, 4]),
            ("(1:3C|C4", [3, 4]),
            ("A>(A/B/)A2", [4]),
            ("A>(3Bcd e", [4]),
            ("[Ac]<a3|A4", [4, 4]),
        ],
    )
    def test_bars_are_full(self, music: str, expected: list[float]) -> None:
        assert lengths(tune(music)) == expected

    @pytest.mark.parametrize("count", [10, 11, 12, 13, 17])
    def test_long_tuplets_meet_the_other_voice(self, count: int) -> None:
        piece = tune(f"[V:1]({count}:8{'C/' * count}|C4:|\n[V:2]C4|:C4|")
        assert [(bar.length, bar.repeat_start, bar.repeat_end) for bar in piece.bars] == [
            (96, False, False),
            (96, True, True),
        ]

    def test_a_stretching_tuplet(self) -> None:
        assert sung("(1:2:2CD E") == "C4:2 D4:2 E4"

    def test_broken_rhythm_between_unequal_notes_has_no_effect(self) -> None:
        piece = tune('A>"D"B/ "G"c A<z2')
        assert notes_of(piece) == "A4 B4:1/2 C5 A4"
        assert [(chord.onset, chord.label) for chord in piece.bars[0].chords] == [(24, "II"), (36, "V")]

    @pytest.mark.parametrize(
        ("text", "meter", "written"),
        [
            ("3/8+2/8", Meter(5, 8), "3+2/8"),
            ("2/4 + 3/8", Meter(7, 8), "4+3/8"),
            ("(3/8)+(2/8)", Meter(5, 8), "3+2/8"),
            ("3+2/8+1/4", Meter(7, 8), "3+2+2/8"),
            ("(2+2+3)/8", Meter(7, 8), "2+2+3/8"),
            ("C", Meter(4, 4), "C"),
            ("C|", Meter(2, 2), "C|"),
            ("4/4", Meter(4, 4), "4/4"),
        ],
    )
    def test_meters_are_written_as_they_were(self, text: str, meter: Meter, written: str) -> None:
        piece = read_abc(f"X:1\nM:{text}\nL:1/8\nK:C\nC2|[M:6/8]C|[M:{text}]C\n")[0]
        assert piece.meter == meter
        assert f"\nM:{written}\n" in write_abc(piece)
        assert f"[M:{written}]" in write_abc(piece)


class TestTempo:
    @pytest.mark.parametrize(
        ("header", "music", "changes"),
        [
            ("Q:1/4=120\n", "C[Q:1/4=90]D|[Q:1/4=60]E", 2),
            ("Q:1/4=120\n", "[V:1]C4|[Q:1/4=90]D4|\n[V:2]C4|[Q:1/4=90]D4|", 1),
            ('Q:"Allegro"\n', "[Q:1/4=120]C[Q:1/4=120]D", 0),
            ("", "C|\nQ:1/4=120\nDEFG|", 0),
        ],
    )
    def test_changes_are_counted(self, header: str, music: str, changes: int) -> None:
        piece = tune(music, header=header)
        assert piece.tempo == 120
        assert dict(piece.losses) == ({"a tempo change": changes} if changes else {})

    def test_before_the_first_tempo_there_is_none(self) -> None:
        piece = tune("CDEF|GABc|[Q:1/4=60]C4|D4|]")
        assert (piece.tempo, piece.losses) == (None, (("a tempo change", 1),))
        assert piece.bars[2].tempos == (TempoMark(0, 60, "", 24),)
        assert "\nQ:" not in write_abc(piece)
        assert "| [Q:1/4=60]C8 |" in write_abc(piece)

    def test_groups_of_one_metre_that_change_are_written(self) -> None:
        text = "ABcdefg | [M:3+2+2/8] ABcdefg | [M:8/8] A2B2c2d2 | [M:3+3+2/8] ABcdefga |]"
        piece = tune(text, header="M:7/8\nL:1/8\n")
        written = write_abc(piece)
        assert re.findall(r"\[M:.+?\]", written) == ["[M:3+2+2/8]", "[M:8/8]", "[M:3+3+2/8]"]
        assert write_abc(read_abc(written)[0]) == written


class TestVoicesAndParts:
    def test_a_voice_that_appears_later(self) -> None:
        piece = tune("V:1\nC4|D4|\n%%score 1 2\nV:1\nE4|\nV:2\nG,4|A,4|", header="%%score 1\n")
        assert [note[:2] for note in piece.note_list() if note[0] == "V2"] == [("V2", 8), ("V2", 12)]
        assert lengths(piece) == [4, 4, 4, 4]

    def test_a_voice_that_comes_back(self) -> None:
        music = "V:1\nC4|\nV:2\nE4|\n%%staves 1\nV:1\nC4|D4|\n%%staves [1 2]\nV:1\nE4|\nV:2\nG4|"
        piece = tune(music, header="%%staves [1 2]\n")
        assert [note[1] for note in piece.note_list() if note[0] == "V2"] == [0, 12]

    @pytest.mark.parametrize(
        ("order", "parts", "expected"),
        [
            ("A4", "P:A\nC4 | [1 D4 :| [2 E4 :| [3 F4 :| [4 G4 |]", "CDCECFCG"),
            ("A4", "P:A\nC4 | [1 D4 || [2 E4 || [3 F4 || [4 G4 |]", "CDCECFCG"),
            ("A4.B2", "P:A\n|:C4|[1,3 D4:|[2 E4:|[4 G4|]\nP:B\nA4|[1 B4:|[2 F4|]", "CDCECDCGABAF"),
            ("AABB", "P:A\n|:C4|[1 D4:|[2 E4||\nP:B\n|:A4|[1 B4:|[2 F4|]", "CDCEABAF"),
            ("(A2B)2", "P:A\n|:C4|[1 D4:|[2 E4||\nP:B\nA4|", "CDCEACDCEA"),
            ("AB", "P:A\n|:C4|[1 D4:|[2 E4||\nP:B\nA4|", "CDCEA"),
            ("A3B", "P:A\n|:C4|[1 D4:|[2 E4||\nP:B\nA4|", "CDCE" * 3 + "A"),
        ],
    )
    def test_parts_with_an_ending_for_each_play(self, order: str, parts: str, expected: str) -> None:
        piece = tune(parts, header=f"P:{order}\n")
        for same in (piece, read_abc(write_abc(piece))[0], decode(encode(piece))):
            assert notes_of(same, unfold=True).replace("4:4", "").replace(" ", "") == expected

    def test_an_order_of_parts_is_written_as_it_was(self) -> None:
        music = "P:A\nDEFG|A4|\nP:B\n|:ABAG|1 F4:|2 E4|]"
        assert "\nP:A.B.A\n" in write_abc(tune(music, header="P:ABA\n"))

    @needs_abc2midi
    @pytest.mark.parametrize(
        ("order", "music"),
        [
            ("ABA", "P:A\nDEFG|A4|\nP:B\n|:ABAG|1 F4:|2 E4|]"),
            ("ABA", "P:A\n|:DEFG|A4:|\nP:B\nFGAB|c4|]"),
            ("ABA", "V:1\nV:2 clef=bass\nP:A\n[V:1]DEFG|A4|\n[V:2]D,4|A,4|\nP:B\n[V:1]FGAB|c4|]\n[V:2]F,4|C,4|]"),
        ],
    )
    def test_orders_of_parts_are_played_by_abc2midi(self, order: str, music: str, tmp_path: Path) -> None:
        piece = tune(music, header=f"P:{order}\n")
        assert agrees(piece, write_abc(piece), tmp_path)


class TestEmptyLines:
    @pytest.mark.parametrize(
        "text",
        [
            "X:1\nL:1/4\nK:G\n\nGAB|d3|\n",
            "X:1\nL:1/4\nK:G\nGAB|\n\n \n% the second part\nP:B\nd3|\n\nfree text about G\n\nCDE|\n",
            "X:1\n\nL:1/4\nK:G\nGAB|d3|\n",
            "X:1\nL:1/4\nK:G\n[V:1]GAB|\n[V:2]z3|\n\n[V:2]z3|\n\n[V:1]d3|\n\n",
        ],
    )
    def test_music_goes_on_after_them(self, text: str) -> None:
        book = read_abc(text + "\nX:2\nL:1/4\nK:C\nC|\n")
        assert [notes_of(piece) for piece in book] == ["G4 A4 B4 D5:3", "C4"]
        assert "an empty line within the tune" in dict(book[0].losses)
        assert book[1].losses == ()

    @pytest.mark.parametrize("text", ["Some words", "W: G A B|", "The G part | and A", "|----|"])
    def test_other_text_does_not(self, text: str) -> None:
        assert notes_of(tune(f"GAB|\n\n{text}")) == "G4 A4 B4"

    def test_a_tune_without_music_names_them(self) -> None:
        with pytest.raises(AbcSyntaxError, match=r"the tune has no music; .* without an empty line between"):
            tune("\nSome words")

    @pytest.mark.parametrize("line", ["%%setdef id:{}", "N:note {}", "%%MIDI program {}", "H:history {}"])
    def test_a_long_file_header(self, line: str) -> None:
        header = "\n".join(line.format(number) for number in range(400))
        book = read_abc(f"%abc-2.1\n{header}\n\nX:1\nT:a\nK:C\nC|\n\nX:2\nT:b\nK:C\nD|\n")
        assert [piece.title for piece in book] == ["a", "b"]


class TestEncodings:
    @pytest.mark.parametrize(
        ("said", "encoding", "title"),
        [
            ("I:abc-charset iso-8859-2", "iso-8859-2", "Žlutý kůň"),
            ("%%abc-charset windows-1250", "cp1250", "Žlutý kůň"),
            ("I:abc-charset ISO-8859-5", "iso-8859-5", "Камаринская"),
            ("I:abc-charset Latin-1", "latin-1", "Élan"),
            ("I:abc-charset iso-8859-1", "utf-8", "Žlutý kůň"),
            ("I:abc-charset unicode_escape", "latin-1", "Élan"),
        ],
    )
    def test_the_file_names_it(self, tmp_path: Path, said: str, encoding: str, title: str) -> None:
        path = tmp_path / "tune.abc"
        path.write_bytes(f"%abc-2.1\r\n{said}\r\n\r\nX:1\r\nT:{title}\r\nK:C\r\nC\r\n".encode(encoding))
        assert read_abc(path)[0].title == title

    def test_one_byte_of_latin_1_spoils_no_other_line(self, tmp_path: Path) -> None:
        path = tmp_path / "tunes.abc"
        path.write_bytes("X:1\nT:Žlutý kůň\nK:C\nC\n\n".encode() + b"X:2\nT:\xc9lan\nK:C\nD\n")
        assert [piece.title for piece in read_abc(path)] == ["Žlutý kůň", "Élan"]


class TestWhatIsWrittenIsRead:
    def test_a_long_piece(self) -> None:
        notes = tuple(Note(6 * place, 60 + place, 6) for place in range(16))
        bar = Bar(Meter(4, 4), Key("Gb"), 96, (notes, notes))
        piece = Piece(("V1", "V2"), (bar,) * 2_000)
        text = write_abc(piece)
        assert len(text) > 150_000
        assert read_abc(text)[0].note_list() == piece.note_list()

    def test_no_more_is_written_than_can_be_read(self) -> None:
        bar = Bar(Meter(4, 4), Key(), 96, ((),))
        with pytest.raises(ScoreError, match=f"{MOST_BARS + 1} bars .* write it in another format, or in parts"):
            write_abc(Piece(("M",), (bar,) * (MOST_BARS + 1)))

    def test_fields(self) -> None:
        fields = "T:The Old Ring\nC:Trad.\nO:England; Kent\nS:an old fiddle book\nN:slow at first\nN:then faster\n"
        fields += (
            "Z:the village band, 2001\nB:O'Neill's\nD:a record\nF:http://x\nG:flute\nH:long ago\nA:Kent\nR:Slip Jig\n"
        )
        piece = tune("C", header="T:The Ring of Bells\n" + fields)
        text = write_abc(piece)
        assert text.startswith("X:1\nT:The Ring of Bells\n" + fields)
        assert read_abc(text)[0] == piece
