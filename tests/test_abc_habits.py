"""What the ABC reader makes of parts, macros, overlays over bars, directives and the habits of old files.

Where the standard is silent, the expected notes are those that abc2midi and abcjs agree on.
"""

import codecs
from dataclasses import replace
from pathlib import Path

import pytest

from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.codec import decode_ids, encode_with_losses
from remi_two_stage.core.errors import AbcSyntaxError, ScoreError
from remi_two_stage.core.piece import Piece
from remi_two_stage.core.signatures import Key
from remi_two_stage.scores.abc_reader import read_abc

HEADER = "X:1\nM:4/4\nL:1/4\nK:C\n"


def tune(music: str, header: str = "") -> Piece:
    return read_abc(HEADER.replace("K:C", header + "K:C") + music + "\n")[0]


def notes(music: str, header: str = "") -> list[tuple[float, int]]:
    """Onset in quarter notes and pitch of each note."""
    return [(float(onset), pitch) for _, onset, _, pitch in tune(music, header).note_list()]


def pitches(music: str, header: str = "") -> list[int]:
    return [pitch for _, pitch in notes(music, header)]


def durations(music: str) -> list[float]:
    return [float(duration) for _, _, duration, _ in tune(music).note_list()]


def played(piece: Piece) -> str:
    """The letters of the notes from middle C up, in the order in which they are played."""
    return "".join("C.D.EF.G.A.B"[pitch - 60] for *_, pitch in piece.note_list(unfold_repeats=True))


class TestParts:
    BODY = "[P:A]A4|\nP:B\nB4:|\nP:C\nC4|"

    @pytest.mark.parametrize(
        ("order", "expected"),
        [("ABC", "ABBC"), ("A2C", "AAC"), ("(AC)2.B", "ACACBB"), ("((A)2C)2", "AACAAC"), ("A(B", "ABB"), ("", "ABABC")],
    )
    def test_order(self, order: str, expected: str) -> None:
        assert played(tune(self.BODY, f"P:{order}\n")) == expected

    def test_what_stands_before_the_first_part_leads_in(self) -> None:
        assert played(tune("G4|" + self.BODY, "P:CA\n")) == "GCA"

    @pytest.mark.parametrize("order", ["March", "AD", "(2A2B)ad infinitum"])
    def test_what_is_no_order_of_these_parts_is_ignored(self, order: str) -> None:
        assert tune(self.BODY, f"P:{order}\n").part_order == ()

    def test_of_two_parts_with_one_label_the_first_is_meant(self) -> None:
        assert played(tune(self.BODY + "\nP:A\nG4|\n", "P:AC\n")) == "AC"

    def test_the_order_is_written_again(self) -> None:
        piece = tune(self.BODY, "P:CAB\n")
        again = read_abc(write_abc(piece))[0]
        assert again.part_order == ("C", "A", "B")
        assert [bar.part for bar in again.bars] == ["A", "B", "C"]

    def test_tokens_hold_the_parts_written_out(self) -> None:
        piece = tune(self.BODY, "P:CAB\n")
        tokens, losses = encode_with_losses(piece)
        assert losses == {}
        assert decode_ids(tokens).note_list(unfold_repeats=True) == piece.note_list(unfold_repeats=True)

    def test_an_order_without_end(self) -> None:
        with pytest.raises(AbcSyntaxError, match="the order of parts has more than 500 parts"):
            tune(self.BODY, "P:((((A)99)99)99)99\n")

    def test_unfolding_has_a_limit(self) -> None:
        piece = tune("|:" + "A4|" * 2_000 + "[1-99 B4:|", "")
        assert len(piece.note_list()) == 2_001
        with pytest.raises(ScoreError, match="unfolded, the piece has more than 200000 bars"):
            replace(piece, bars=piece.bars * 5).note_list(unfold_repeats=True)

    def test_an_order_of_unknown_parts(self) -> None:
        with pytest.raises(ScoreError, match=r"names \['Q'\]"):
            replace(tune("A"), part_order=("Q",))


class TestPlays:
    def test_each_further_colon_is_one_more_play(self) -> None:
        piece = tune("|::A4::|B4|:C4:|")
        assert played(piece) == "AAABCC"
        assert "|: A8 [1,2 :| [3 || B8 |: C8 :|" in write_abc(piece)
        assert played(read_abc(write_abc(piece))[0]) == "AAABCC"

    def test_tokens_know_two_plays(self) -> None:
        assert encode_with_losses(tune("|::A4::|"))[1] == {"a third or later play of a repeat": 1}


class TestMacros:
    def test_static(self) -> None:
        assert pitches("~G2 A2", "m:~G2=G/A/G\n") == [67, 69, 67, 69]

    @pytest.mark.parametrize(
        ("music", "expected"), [("~c4", [72, 74, 71, 72]), ("~B,4", [59, 60, 57, 59]), ("~c'4", [84, 86, 83, 84])]
    )
    def test_transposing(self, music: str, expected: list[int]) -> None:
        assert pitches(music, "m:~n4=nomn\n") == expected

    def test_letters_in_strings_and_decorations_are_no_notes(self) -> None:
        assert pitches("~G", 'm:~n="no"!turn!n\n') == [67]

    @pytest.mark.parametrize(
        ("header", "message"),
        [
            ("m:~G\n", "there is no macro '~G'"),
            ("".join(f"m:A{number}=B\n" for number in range(31)), "more than 30 macros"),
            ("".join(f"m:{letter}={chr(ord(letter) + 1) * 9}\n" for letter in "hijklm"), "longer than 100000"),
        ],
    )
    def test_bad_macros(self, header: str, message: str) -> None:
        with pytest.raises(AbcSyntaxError, match=message):
            tune("h" * 10, header)


class TestTime:
    def test_overlay_of_several_bars(self) -> None:
        assert notes("A2(&B2|C4&D2|E4&)|F4") == [(0, 69), (2, 62), (2, 71), (4, 60), (4, 64), (8, 65)]

    def test_a_bar_is_as_long_as_its_main_layer(self) -> None:
        assert notes("A2&C4|B2") == [(0, 60), (0, 69), (2, 71)]

    @pytest.mark.parametrize(
        ("music", "expected"),
        [
            ("A><B", [0.5, 1.5]),
            ("A>>>>B", [1, 1]),
            ("(3ABc>d", [2 / 3, 2 / 3, 2 / 3, 1]),
            ("A>-A", [2]),
            ("(3:2:3(2:3:2ABcd", [2 / 3, 2 / 3, 2 / 3, 1]),
            ("(10AB", [1, 1]),
            ("A0B/0z0", [1, 0.5]),
            ("A1/2/B/2/", [0.5, 0.5]),
        ],
    )
    def test_rhythms_that_the_standard_does_not_tell(self, music: str, expected: list[float]) -> None:
        assert durations(music) == pytest.approx(expected, abs=1 / 24)


class TestPitch:
    @pytest.mark.parametrize(
        ("mode", "expected"), [("not", [66, 65, 77, 65]), ("octave", [66, 66, 77, 65]), ("pitch", [66, 66, 78, 65])]
    )
    def test_how_far_accidentals_reach(self, mode: str, expected: list[int]) -> None:
        assert pitches("^FFf|F", f"%%propagate-accidentals {mode}\n") == expected
        assert pitches("^FFf|F", f"I:propagate-accidentals {mode}\n") == expected

    def test_midi_transposition(self) -> None:
        assert pitches("C", "%%MIDI transpose -12\n") == [48]
        assert pitches("C[I:MIDI transpose 2]C") == [60, 62]

    @pytest.mark.parametrize(("text", "key"), [("G#", Key("Ab")), ("D#m", Key("D#", "min")), ("Fb", Key("E"))])
    def test_keys_beyond_seven_accidentals_are_respelled(self, text: str, key: Key) -> None:
        assert read_abc(f"X:1\nK:{text}\nC")[0].key == key

    @pytest.mark.parametrize(
        ("field", "expected"),
        [
            ("shift=CD", [62, 64]),
            ("octave=1 shift=CD", [74, 76]),
            ("shift=_AF", [57, 59]),
            ("sound=CG,", [55, 57]),
            ("sound=_B", [62, 64]),
            ("instrument=_B", [58, 60]),
            ("instrument=d/f", [65, 67]),
            ("score=CD", [60, 62]),
        ],
    )
    def test_transposing_by_pitches(self, field: str, expected: list[int]) -> None:
        """As abc2midi reads these fields of the ABC draft 2.2."""
        assert [pitch for *_, pitch in read_abc(f"X:1\nK:C {field}\nCD")[0].note_list()] == expected
        assert [pitch for *_, pitch in read_abc(f"X:1\nV:1 {field}\nK:C\nCD")[0].note_list()] == expected

    def test_a_shift_moves_the_key_and_is_no_accidental_of_it(self) -> None:
        piece = read_abc("X:1\nK:D shift=C^A,\nCDEFG")[0]
        assert piece.key == Key("C")
        assert [pitch for *_, pitch in piece.note_list()] == [59, 60, 62, 64, 65]

    @pytest.mark.parametrize(
        ("music", "pitch"),
        [("^3/2c", 73), ("_1/2B", 71), ("_3/2B", 70), ("^/c", 72), ("^2/3c", 72), ("_//B", 71)],
    )
    def test_microtones_are_rounded_towards_the_letter(self, music: str, pitch: int) -> None:
        piece = tune(music)
        assert [pitch for *_, pitch in piece.note_list()] == [pitch]
        assert dict(piece.losses) == {"a microtone": 1}

    def test_microtones_and_times_between_ticks_are_counted(self) -> None:
        piece = tune("^/F _3/4B F (7ABcdefg")
        assert pitches("^/F _3/4B F (7ABcdefg")[:3] == [65, 71, 65]
        assert dict(piece.losses) == {"a microtone": 2, "a note that begins or ends between two ticks": 7}
        assert encode_with_losses(piece)[1] == dict(piece.losses)


class TestHabits:
    @pytest.mark.parametrize("words", ["", "w:Roll the old cha-riot a-long\n"])
    def test_a_rest_of_whole_bars_ends_a_broken_rhythm(self, words: str) -> None:
        assert notes(f"d>d d2|d>Z|e>e e2|\n{words}", "M:4/4\n") == [
            *((0, 74), (1.5, 74), (2, 74)), (4, 74), *((9, 76), (10.5, 76), (11, 76)),
        ]  # fmt: skip

    def test_comments_that_look_like_directives_say_nothing(self) -> None:
        directive = "%%MIDI program 73\n%%score 2 1\n"
        music = "V:1\nDEFG|A4|\nV:2\nD,4|A,4|"
        said = tune(music, directive)
        silent = tune(music, directive.replace("%%", "% "))
        assert [player.program for player in said.instruments] == [73, 73]
        assert silent.instruments == ()
        first_bars = [[note.pitch for note in sung] for piece in (said, silent) for sung in piece.bars[0].notes]
        assert first_bars == [[50], [62, 64, 65, 67], [62, 64, 65, 67], [50]]

    @pytest.mark.parametrize(
        "voices",
        ["V:1\nV:2\nz4|z4|", "V:melody\nV:drums clef=perc\nCDEF|GABc|", "V:drums clef=perc\nCDEF|GABc|\nV:melody"],
    )
    def test_where_no_voice_sings_the_longest_one_is_silent(self, voices: str) -> None:
        (piece,) = read_abc(f"X:1\nM:4/4\nL:1/4\nK:C\n{voices}\n", errors="collect")
        assert (piece.voices, [bar.notes for bar in piece.bars]) == (("M",), [((),), ((),)])

    def test_a_key_within_a_bar_names_the_notes_of_the_next_ones(self) -> None:
        changed = "{}Bc_ed|c_BAG|F2_G_A|_B_c_d_e|"
        within = tune("G2A2[K:Gb]|" + changed.format(""), "L:1/8\n")
        before = tune("G2A2|" + changed.format("[K:Gb]"), "L:1/8\n")
        assert [bar.notation for bar in within.bars] == [bar.notation for bar in before.bars]
        assert [bar.notes for bar in within.bars] == [bar.notes for bar in before.bars]

    @pytest.mark.parametrize(
        ("music", "expected"),
        [
            ("[A\nC]D", [(0, 60), (0, 69), (1, 62)]),
            ("[AC\nD|", [(0, 60), (0, 69), (1, 62)]),
            ("[A2C2(3DEF", [(0, 60), (0, 69), (2, 62), (8 / 3, 64), (10 / 3, 65)]),
            ("A!two words!B", [(0, 69), (1, 71)]),
            ("A!\nB", [(0, 69), (1, 71)]),
            ('A"', [(0, 69)]),
            ("A{|", [(0, 69)]),
            ("[K:]A", [(0, 69)]),
        ],
    )
    def test_what_all_programs_read_alike(self, music: str, expected: list[tuple[float, int]]) -> None:
        assert notes(music) == expected

    @pytest.mark.parametrize(
        ("music", "expected"),
        [
            ('A"Am B|c', [(0, 69), (1, 71), (2, 72)]),
            ('A"C#m7/E B{f}|c', [(0, 69), (1, 71), (2, 72)]),
            ("A{g B|c", [(0, 69), (1, 71), (2, 72)]),
            ("A{g{f}B|c", [(0, 69), (1, 71), (2, 72)]),
            ("A}B", [(0, 69), (1, 71)]),
        ],
    )
    def test_signs_that_are_not_closed(self, music: str, expected: list[tuple[float, int]]) -> None:
        assert notes(music) == expected

    def test_a_chord_symbol_within_a_triplet(self) -> None:
        piece = tune('(3"C"GAB (3:2:3cd"G"e')
        assert [float(onset) for _, onset, _, _ in piece.note_list()] == pytest.approx(
            [0, 2 / 3, 4 / 3, 2, 8 / 3, 10 / 3]
        )
        assert [(chord.onset, chord.label) for chord in piece.bars[0].chords] == [(0, "I"), (80, "V")]

    @pytest.mark.parametrize(("text", "meter"), [("2", "None"), ("O", "None"), ("c. C=3/4", "3/4"), ("2/4 3/4", "2/4")])
    def test_old_meters(self, text: str, meter: str) -> None:
        assert str(read_abc(f"X:1\nM:{text}\nK:C\nC")[0].meter) == meter

    @pytest.mark.parametrize("text", ["3/0", "0/4", "4/12", "4/64"])
    def test_a_meter_that_does_not_exist_is_free(self, text: str) -> None:
        piece = read_abc(f"X:1\nM:{text}\nL:1/4\nK:C\nCD|E")[0]
        assert piece.meter is None
        assert [float(onset) for _, onset, _, _ in piece.note_list()] == [0, 1, 2]
        assert dict(piece.losses) == {"a metre that does not exist": 1}

    @pytest.mark.parametrize("text", ["1/0", "0", "", "auto", "-1/8", "/"])
    def test_a_unit_length_that_does_not_exist_is_ignored(self, text: str) -> None:
        pieces = read_abc(
            f"X:1\nL:{text}\nM:2/4\nK:C\nC\n\nX:2\nL:1/4\nL:{text}\nK:C\nC\n\nX:3\nL:1/4\nK:C\n[L:{text}]C"
        )
        assert [float(piece.note_list()[0][2]) for piece in pieces] == [0.25, 1, 1]
        assert all(dict(piece.losses) == {"a unit note length that does not exist": 1} for piece in pieces)

    @pytest.mark.parametrize(("text", "duration"), [("/16", 0.25), ("1/", 4), ("1/3", 4 / 3), ("1/4=120", 1)])
    def test_unit_lengths_that_others_read(self, text: str, duration: float) -> None:
        assert float(read_abc(f"X:1\nL:{text}\nK:C\nC")[0].note_list()[0][2]) == pytest.approx(duration)

    @pytest.mark.parametrize("music", ["|:CDE:|", "CDE|\nFGA", "V:1\n[V:1]C~D.E|", '"C"CD{e}E|]'])
    def test_music_without_a_key_is_in_c(self, music: str) -> None:
        piece = read_abc(f"X:1\nT:A\n{music}\n")[0]
        assert piece.key == Key("C")
        assert [pitch for *_, pitch in piece.note_list()][:3] == [60, 62, 64]
        assert dict(piece.losses) == {"a K: line that is missing": 1}

    @pytest.mark.parametrize("text", ["A cabin|", "W:abc|", "CDE", "z4|", "%abc|", "T:abc|"])
    def test_what_may_be_no_music_does_not_begin_without_a_key(self, text: str) -> None:
        with pytest.raises(AbcSyntaxError, match="the tune has no K: line"):
            read_abc(f"X:1\nL:1/8\n{text}\n")

    @pytest.mark.parametrize(
        ("music", "column"),
        [
            ("~G2 ~G2C99999A", 8),
            ("~G2 A~G2 [V:1]{fe", 15),
            ("C~B99999", 3),
            ("C~F", 2),
            ("[CE\n~G2 G]~G2 C99999", 11),
        ],
    )
    def test_columns_are_those_of_the_line_as_written(self, music: str, column: int) -> None:
        with pytest.raises(AbcSyntaxError, match=rf"line {8 + music.count(chr(10))}, column {column}, "):
            tune(music, "m:~G2=G/A/G//A//G/\nm:~F=F99999\nm:~n=(3non\n")

    @pytest.mark.parametrize(
        ("text", "title"),
        [
            ("Caf\\'e \\ss", "Café ß"),
            (r"\`a \'e \^o \~n \=o \ua \.z \"o \Ho \vc \cC \;a", "à é ô ñ ō ă ż ö ő č Ç ą"),
            (r"The \Goose \jo", r"The \Goose \jo"),
            ("&eacute;t&#233;", "été"),
            ("\\u00e9", "é"),
            ("50\\% \\& \\\\", "50% & \\"),
            ("\\ud800", "\ufffd"),
        ],
    )
    def test_text_strings(self, text: str, title: str) -> None:
        piece = read_abc(f"X:1\nT:{text}\nK:C\nC")[0]
        assert piece.title == title
        assert read_abc(write_abc(piece))[0].title == title

    def test_fields_that_go_on(self) -> None:
        assert read_abc("X:1\nT:A\nH:once\n+:upon a time\nK:C\nC")[0].metadata == (("H", "once upon a time"),)

    @pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
    def test_utf_16(self, tmp_path: Path, mark: bytes) -> None:
        path = tmp_path / "tune.abc"
        path.write_bytes(mark + "X:1\nT:Élan\nK:C\nC".encode("utf-16-le" if mark[0] == 0xFF else "utf-16-be"))
        assert read_abc(path)[0].title == "Élan"

    def test_a_file_header_may_hold_directives_and_macros(self) -> None:
        book = read_abc("%abc-2.1\nm:~G=c\nI:propagate-accidentals not\n\nX:1\nL:1/4\nK:C\n~G^CC\n")
        assert [pitch for *_, pitch in book[0].note_list()] == [72, 61, 60]
