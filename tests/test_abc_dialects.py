"""ABC as people and programs write it beside the standard: what it says comes out, or is counted."""

import re
from pathlib import Path

import pytest

from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.errors import AbcSyntaxError
from remi_two_stage.core.notation import Grace, Lyric, Mark, Text
from remi_two_stage.core.piece import Piece
from remi_two_stage.scores.abc_reader import read_abc


def tune(music: str, header: str = "", key: str = "C") -> Piece:
    piece = read_abc(f"X:1\nM:4/4\nL:1/4\n{header}K:{key}\n{music}\n")[0]
    (again,) = read_abc(write_abc(piece))
    assert again.note_list(unfold_repeats=True) == piece.note_list(unfold_repeats=True)
    return piece


def pitches(piece: Piece) -> list[int]:
    return [pitch for _, _, _, pitch in piece.note_list()]


def words(piece: Piece) -> list[list[str]]:
    """The syllables of each bar, later verses with their number."""
    lyrics = [[record for record in bar.notation[0] if isinstance(record, Lyric)] for bar in piece.bars]
    return [[f"{lyric.verse}:{lyric.text}" if lyric.verse > 1 else lyric.text for lyric in bar] for bar in lyrics]


class TestWords:
    def test_each_continued_line_has_words_of_its_own(self) -> None:
        piece = tune("CDEF|\\\nw: Come all you maid-\nGABc|\\\nw: ens young and fair\n")
        assert words(piece) == [["Come", "all", "you", "maid"], ["ens", "young", "and", "fair"]]

    @pytest.mark.parametrize(
        ("music", "expected"),
        [
            ("CDEF|GABc|\nw: | a b", [[], ["a", "b"]]),
            ("|:CDEF|GABc:|\nw: | a b | c", [["a", "b"], ["c"]]),
            ("|CDEF|GABc|\nw: a | b", [["a"], ["b"]]),
            ("CDEF|GABc|\nw: a b\n|CDEF|\nw: | c", [["a", "b"], [], ["c"]]),
        ],
    )
    def test_a_bar_line_before_all_words(self, music: str, expected: list[list[str]]) -> None:
        piece = tune(music)
        found = [[record.text for record in voice] for bar in piece.bars for voice in bar.notation or ((),)]
        assert found == expected


class TestSymbolLines:
    """ABC standard 2.1, section 4.15."""

    def test_symbols_stand_at_their_notes(self) -> None:
        piece = tune('C2 [EG]D|z G A B|\ns: "Am" * !f! | "^slowly" +trill+\ns: !accent!\n')
        assert [(chord.onset, chord.label) for chord in piece.bars[0].chords] == [(0, "vi")]
        assert [bar.notation[0] for bar in piece.bars] == [
            (Mark(0, "accent"), Mark(72, "f")),
            (Text(24, "slowly", "^"), Mark(48, "trill")),
        ]
        assert read_abc(write_abc(piece))[0].bars == piece.bars

    def test_symbols_without_a_note_are_counted(self) -> None:
        assert dict(tune('CD|\ns: * !p! !f! * "G"\n').losses) == {"a symbol without a note": 2}

    def test_words_and_symbols_share_a_line_of_music(self) -> None:
        piece = tune("CDEF|\nw: la la\ns: * !p!\nw: lo lo\n")
        assert words(piece) == [["la", "2:lo", "la", "2:lo"]]
        assert Mark(24, "p") in piece.bars[0].notation[0]


class TestTempo:
    @pytest.mark.parametrize(
        ("said", "tempo", "text"),
        [
            ("3/8=c.60", 90, ""),
            ('"Slow" 1/4=ca. 56', 56, "Slow"),
            ("1/4 = circa 96", 96, ""),
            ("1/4=~72", 72, ""),
            ("c. 100", 100, ""),
            ("Moderato", None, "Moderato"),
            ("Allegro ma non troppo 1/4=120", 120, "Allegro ma non troppo"),
            ("Andante (1/4=66)", 66, "Andante"),
            (" 1 / 4 = 100", 100, ""),
            ("C=80", 80, ""),
        ],
    )
    def test_as_it_is_said(self, said: str, tempo: float | None, text: str) -> None:
        piece = tune("CDEF|", f"Q:{said}\n")
        assert piece.tempo == tempo
        assert [mark.words for mark in piece.bars[0].tempos] in ([text], [] if not text else [text])
        assert not piece.losses

    @pytest.mark.parametrize("said", ["1/4", "3/8=?", "1/4=2000", "1/4 = 3/8", "1 / 4"])
    def test_one_without_a_number_is_counted(self, said: str) -> None:
        piece = tune("CDEF|", f"Q:{said}\n")
        assert (piece.tempo, dict(piece.losses)) == (None, {"a tempo without a number": 1})


class TestFields:
    def test_a_history_goes_on_in_further_lines(self) -> None:
        piece = tune("CDEF|", "H:Played by fiddlers of Donegal\nin the long winter; see also: the|dance\nT:Reel\n")
        assert piece.metadata == (("H", "Played by fiddlers of Donegal in the long winter; see also: the|dance"),)
        assert piece.title == "Reel"

    @pytest.mark.parametrize(
        ("music", "losses"),
        [
            ("CDEF|\nT:Trio\nGABc|", {"a title within the tune": 1}),
            ("T:Trio\nCDEF|", {"a title within the tune": 1}),
            ("CDEF|\nN:slower\nGABc|[N:faster]CDEF|", {"a field within the tune": 2}),
            ("CD[P:B]EF|", {"a part that begins within a bar": 1}),
            ("CDEF|\n%%text See below\n%%text\n%%center Fine\nGABc|", {"a text between the lines": 2}),
            ("CDEF|\n%%begintext\nAll four\ntimes\n%%endtext\nGABc|", {"a text between the lines": 1}),
        ],
    )
    def test_what_the_body_cannot_keep_is_counted(self, music: str, losses: dict[str, int]) -> None:
        assert dict(tune(music).losses) == losses

    @pytest.mark.parametrize(
        ("music", "lengths", "labels"),
        [
            ("P:A\n|:CDEF|GABc\nP:B\n:: cBAG|FEDC:|", [4, 4, 4, 4], ["A", "", "B", ""]),
            ("P:A\nCDEF|GA\nP:B\nBc|CDEF|", [4, 2, 2, 4], ["A", "", "B", ""]),
            ("P:A\nG|CDEF|GAB\nP:B\nG|CDEF|", [1, 4, 3, 1, 4], ["A", "", "", "B", ""]),
        ],
    )
    def test_a_part_begins_at_its_label(self, music: str, lengths: list[int], labels: list[str]) -> None:
        piece = tune(music, "P:AB\n")
        assert [bar.length // 24 for bar in piece.bars] == lengths
        assert [bar.part for bar in piece.bars] == labels
        assert (piece.part_order, piece.losses) == (("A", "B"), ())

    def test_a_label_before_a_bar_line_needs_no_order_of_parts(self) -> None:
        piece = tune("CDEF|GABc\nP:Trio\n||cBAG|")
        assert ([bar.part for bar in piece.bars], piece.losses) == (["", "", "Trio"], ())

    def test_music_before_the_key_is_counted(self) -> None:
        (piece,) = read_abc("X:1\nL:1/4\nM:4/4\nCDEF|\nK:C\nGABc|\n")
        assert pitches(piece) == [67, 69, 71, 72]
        assert dict(piece.losses) == {"a line of music before the K: line": 1}

    def test_letters_and_macros_are_redefined(self) -> None:
        piece = tune("TC ~G2 F|\nU:T=!trill!\nm:~G2={B}G2\nTC ~G2 F|", "U:T=!nil!\nm:~G2={A}G2\n")
        first, second = (bar.notation[0] for bar in piece.bars)
        assert [type(record) for record in first] == [Grace]
        assert second[0] == Mark(0, "trill")
        assert [grace.notes[0][0].pitch for grace in (first[0], second[1]) if isinstance(grace, Grace)] == [69, 71]

    def test_a_letter_is_assigned_without_exclamation_marks(self) -> None:
        piece = tune("CDSEF|GABc!D.S.!|", "U: S = head-sml % a small note\n")
        assert piece.bars[0].notation == ((Mark(48, "head-sml"),),)
        assert [bar.jumps for bar in piece.bars] == [(), ("D.S.",)]


class TestMeters:
    @pytest.mark.parametrize(
        ("said", "meter"), [("c", "C"), ("c|", "C|"), ("C||", "C|"), ("Cut", "C|"), ("common", "C"), ("6/8=3+3", "6/8")]
    )
    def test_signs_as_people_write_them(self, said: str, meter: str) -> None:
        (piece,) = read_abc(f"X:1\nM:{said}\nL:1/8\nK:C\nCDEFGA|\n")
        assert piece.meter is not None
        assert (piece.meter.written or str(piece.meter), piece.losses) == (meter, ())

    @pytest.mark.parametrize(("said", "count"), [("12", 1), ("C3", 1), ("O.", 1), ("none", 0), ("free", 0), ("", 0)])
    def test_what_is_no_metre_is_counted(self, said: str, count: int) -> None:
        (piece,) = read_abc(f"X:1\nM:{said}\nL:1/8\nK:C\nCDEFGA|\n")
        assert (piece.meter, sum(times for _, times in piece.losses)) == (None, count)


class TestMusicBesideItsVoice:
    def test_is_read(self) -> None:
        piece = tune("V:1 CDEF|GABc|\nV:2 clef=bass\nC,4|D,4|\nV:1 cBAG|", "V:1\nV:2\n")
        assert [pitch for voice, _, _, pitch in piece.note_list() if voice == "V1"][::4] == [60, 67, 72]
        assert len(piece.bars) == 3

    def test_what_is_wrong_in_it_has_its_column(self) -> None:
        with pytest.raises(
            AbcSyntaxError, match=re.escape("line 5, column 7, voice 1, bar 1: there is no note length")
        ):
            tune("V:1 CDC99999|")


@pytest.mark.parametrize(("music", "count"), [("C2-z2|C4|", 1), ("C2-D2|", 1), ("[CE]2-[CG]2|", 1), ("C4-|C4|", 0)])
def test_ties_to_other_notes_are_counted(music: str, count: int) -> None:
    assert dict(tune(music).losses).get("a tie to no note", 0) == count


class TestTranspositions:
    def test_keys_and_chords_move_as_the_notes_there(self) -> None:
        piece = tune('"C"CDEF|[K:D transpose=2]"D"DEFG|', key="C transpose=-2")
        assert pitches(piece) == [58, 60, 62, 63, 64, 66, 68, 69]
        assert [str(bar.key) for bar in piece.bars] == ["Bbmaj", "Emaj"]
        assert [bar.chords[0].symbol.root for bar in piece.bars if bar.chords[0].symbol] == [-2, 4]

    def test_a_voice_that_changes_its_instrument(self) -> None:
        piece = tune("[V:1 transpose=-2]C4|[V:1 transpose=-3]C4|", "V:1\n")
        assert (pitches(piece), [str(bar.key) for bar in piece.bars]) == ([58, 57], ["Bbmaj", "Amaj"])

    def test_midi_moves_further(self) -> None:
        piece = tune("C4|\n%%MIDI rtranspose 3\nC4|\n%%MIDI transpose 1\nC4|", "%%MIDI transpose 2\n")
        assert (pitches(piece), [str(bar.key) for bar in piece.bars]) == ([62, 65, 61], ["Dmaj", "Fmaj", "Dbmaj"])

    @pytest.mark.parametrize(
        "said",
        [
            "%%MIDI transpose -12 % an octave lower",
            "%%midi transpose -12",
            "%% MIDI transpose -12",
            "I:MIDI = transpose -12",
        ],
    )
    def test_midi_moves_however_it_is_written(self, said: str) -> None:
        in_file = read_abc(f"{said}\n\nX:1\nK:C\nC4|")[0]
        assert (pitches(tune("C4|", f"{said}\n")), pitches(in_file)) == ([48], [48])

    def test_a_comment_on_the_channel_of_drums(self) -> None:
        piece = tune("V:1\nC4|\nV:2\n%%MIDI channel 10 % drums\nC4|")
        assert (pitches(piece), dict(piece.losses)) == ([60], {"a percussion note": 1})

    @pytest.mark.parametrize(("said", "count"), [("transpose 2", 1), ("visualTranspose -3", 1), ("transpose 0", 0)])
    def test_one_of_print_alone_is_counted(self, said: str, count: int) -> None:
        piece = tune("C4|", f"%%{said}\n")
        assert (pitches(piece), dict(piece.losses).get("a transposition of what is printed", 0)) == ([60], count)


class TestSigns:
    def test_a_percent_sign_in_quotation_marks_begins_no_comment(self) -> None:
        piece = tune('"^50%"CDEF| % "half"\nGA % no|\nBc|')
        assert (len(pitches(piece)), piece.bars[0].notation[0]) == (8, (Text(0, "50%", "^"),))

    @pytest.mark.parametrize(
        ("music", "expected"),
        [
            ("!8va(!!ped!ff!8va)!f !ped-up!f|", [77, 77, 77, 77]),
            ("!fz!f!fz!f !sf!ff|", [77, 77, 77, 77]),
            ("!bowed!f!ff!g !bowed!f!bowed!g|", [77, 79, 77, 79]),
            ("CDEF!GABc!ff!d4|", [60, 62, 64, 65, 67, 69, 71, 72, 74]),
            ('CDEF!"Am"A,2G,2!trill!c4|', [60, 62, 64, 65, 57, 55, 72]),
        ],
    )
    def test_notes_between_decorations_are_no_decoration(self, music: str, expected: list[int]) -> None:
        assert pitches(tune(music)) == expected

    def test_a_dot_after_the_number_of_an_ending_is_no_staccato(self) -> None:
        piece = tune("|:CDEF|[1.2. G4:|[3. A4|.B4|")
        assert [bar.endings for bar in piece.bars] == [(), (1, 2), (3,), ()]
        assert [bar.notation for bar in piece.bars] == [(), (), (), ((Mark(0, "staccato"),),)]

    @pytest.mark.parametrize("music", ["[z2x2]C2|", "[zz]2C2|", "[x]C3|"])
    def test_a_chord_of_rests_takes_its_time(self, music: str) -> None:
        (bar,) = tune(music).bars
        assert (bar.length, bar.notes[0][0].onset % 24) == (96, 0)
        assert bar.notes[0][0].onset + bar.notes[0][0].duration == 96

    @pytest.mark.parametrize(
        ("symbol", "label"),
        [
            ("Am / G", "vi"),
            ("C&#9839;m", "bii"),
            ("Cmaj13", "Imaj9"),
            ("Cmaj11", "Imaj9"),
            ("Cm13", "i9"),
            ("C^13", "Imaj9"),
        ],
    )
    def test_chord_symbols(self, symbol: str, label: str) -> None:
        (chord,) = tune(f'"{symbol}"C4|').bars[0].chords
        assert chord.label == label

    def test_a_second_chord_symbol_at_a_note_is_counted(self) -> None:
        piece = tune('"G""D7"G4|"G""^loud"G4|')
        assert [chord.label for bar in piece.bars for chord in bar.chords] == ["V", "V"]
        assert dict(piece.losses) == {"a second chord symbol at one place": 1}
        assert not tune('[V:1]"Am"C4|[V:2]"A-"E4|', "V:1\nV:2\n").losses

    def test_chords_on_h_are_german(self) -> None:
        piece = tune('"Em"E2"H7"^D2|"H"B4|"hm"B2"D/H"d2|"B"_B2"C/b"_B2|"Bb"_B4|')
        names = [chord.name(piece.key, bar.key) for bar in piece.bars for chord in bar.chords]
        assert names == ["Em", "B7", "B", "bm", "D/B", "Bb", "C/Bb", "Bb"]
        assert not piece.losses
        for word in ("H", "Ha", "Ho"):
            english = tune(f'"{word}"B4|"B"B4|')
            assert [chord.name(english.key, bar.key) for bar in english.bars for chord in bar.chords] == ["B"]

    @pytest.mark.parametrize(
        ("symbol", "label", "words", "losses"),
        [
            ("G;D7", "V", [], {"a second chord symbol at one place": 1}),
            (r"G\nD7/F#", "V", [], {"a second chord symbol at one place": 1}),
            ("G;capo 3", "V", ["capo 3"], {}),
            ("softly; slower", None, ["softly; slower"], {}),
            ("H7foo", None, ["H7foo"], {}),
            ("H", None, ["H"], {}),
        ],
    )
    def test_lines_of_a_chord_symbol(
        self, symbol: str, label: str | None, words: list[str], losses: dict[str, int]
    ) -> None:
        piece = tune(f'"{symbol}"G4|')
        assert [chord.label for chord in piece.bars[0].chords] == ([label] if label else [])
        assert [
            record.text for voice in piece.bars[0].notation for record in voice if isinstance(record, Text)
        ] == words
        assert dict(piece.losses) == losses


class TestVoicesThatDiffer:
    @pytest.mark.parametrize(
        ("music", "losses"),
        [
            ("[V:1][K:D]C4|D4|[V:2][K:F]C4|[K:D]D4|", {"a key signature": 1}),
            ("[V:1][M:6/8]C3|D3|[V:2][M:3/4]C3|D3|", {"a time signature": 1}),
            ("[V:1]C4|[M:3/4]D3|[V:2]C4|[M:6/8]D3|", {"a time signature": 1}),
            ("[V:1][K:D]C4|[M:3/4]D3|[V:2][K:Bm]C4|[M:3/4]D3|", {}),
            ("[V:1]C4|D4|[V:2 transpose=-7][K:G]C4|D4|", {}),
        ],
    )
    def test_keys_and_metres_of_one_voice_are_counted(self, music: str, losses: dict[str, int]) -> None:
        assert dict(tune(music, "V:1\nV:2\n").losses) == losses


class TestPastedText:
    def test_signs_of_other_alphabets(self) -> None:
        piece = tune('♯C♭E♮F"C♯m"G｜"^♯A"A4│B4∣c4|')
        assert pitches(piece) == [61, 63, 65, 67, 69, 71, 72]
        assert (len(piece.bars), [chord.label for chord in piece.bars[0].chords]) == (4, ["bii"])

    def test_tags_of_html_are_no_notes(self) -> None:
        text = "<pre>\nX:1\nT:Air<br>\nK:C<br/>\nCD EF|<br>\na<b>c<d|</pre>\n\nX:2\nK:C\nC|\n</body></html>\n"
        first, second = read_abc(text)
        assert (first.title, pitches(first), pitches(second)) == ("Air", [60, 62, 64, 65, 81, 83, 72, 74], [60])

    def test_files_put_together(self, tmp_path: Path) -> None:
        path = tmp_path / "all.abc"
        path.write_bytes(b"".join(f"X:{n}\nM:3/4\nK:C\nCDE\u200bF|\n\n".encode("utf-8-sig") for n in (1, 2)))
        assert [(str(piece.meter), pitches(piece)) for piece in read_abc(path)] == [("3/4", [60, 62, 64, 65])] * 2


class TestIndentedText:
    def test_text_in_a_program(self, tmp_path: Path) -> None:
        text = """
            X:1
            T:Indented
            L:1/4
            K:G
            "G"G2 F2 |

            X:2
            K:C
            C |
        """
        first, second = read_abc(text)
        assert (first.title, pitches(first), pitches(second)) == ("Indented", [67, 66], [60])
        path = tmp_path / "tune.abc"
        path.write_text(text)
        assert read_abc(path) == [first, second]

    def test_what_is_wrong_in_it_has_its_line(self) -> None:
        with pytest.raises(AbcSyntaxError, match=re.escape("tune 1, line 2: there is no key 'Q'")):
            read_abc("  X:1\n  K:Q\n  C|\n")


class TestEndingsInQuotes:
    @pytest.mark.parametrize(
        ("music", "endings", "plays"),
        [
            ('CDEF|:GABc|["1.-3." cdef:|["last" c4|]', [(1, 2, 3), (4,)], 3),
            ('CDEF|:GABc|[1,2 cdef:|["Last time" c4|]', [(1, 2), (3,)], 2),
            ('CDEF|:GABc|["1st" cdef:|["2nd time" c4|]', [(1,), (2,)], 1),
        ],
    )
    def test_the_last_one_follows_those_before(self, music: str, endings: list[tuple[int, ...]], plays: int) -> None:
        piece = tune(music)
        assert [bar.endings for bar in piece.bars if bar.endings] == endings
        assert piece.playing_order() == [0, *[1, 2] * plays, 1, 3]

    def test_a_last_one_after_none_is_no_ending(self) -> None:
        assert [bar.endings for bar in tune('C4|["last time" c4|]').bars] == [(), ()]


class TestStaves:
    def test_voices_stay_on_the_staves_that_they_have_first(self) -> None:
        header = "%%score 1 2\nV:1\nV:2 clef=bass\n"
        piece = tune("[V:1] c4|\n[V:2] C,4|\n%%score (1 2)\n[V:1] g4|\n[V:2] C4|\n", header=header)
        assert not any(player.shares_staff for player in piece.instruments)
        assert dict(piece.losses) == {"a change of staves": 1}
        said_again = tune("[V:1] c4|\n[V:2] C,4|\n%%score 1 2\n[V:1] g4|\n[V:2] C4|\n", header=header)
        assert not said_again.losses

    def test_notes_that_cross_to_another_staff_stay_in_their_voice(self) -> None:
        header = "%%score {1 2}\nV:1\nV:2 clef=bass\n"
        piece = tune("[V:1] c[I:staff +1]C,[I:staff -1]e2|\n[V:2] C,4|\n", header=header)
        assert [note.pitch for note in piece.bars[0].notes[0]] == [72, 48, 76]
        assert dict(piece.losses) == {"a change of staves": 2}


class TestSmallLetters:
    @pytest.mark.parametrize(
        ("music", "expected", "lost"),
        [
            ('"am"A2"dm7"d2|"e7"e2"g"g2|"bb"_b2"f#dim"^f2|"c/e"c4|', "i iv7 V7 bVII bII vio bIII", 0),
            ('"am"A2"D7"d2|"g"g4|', "i IV7 bVII", 0),
            ('"a"A2"e7"e2|', "", 2),  # which may be minor
        ],
    )
    def test_all_chords_of_a_tune(self, music: str, expected: str, lost: int) -> None:
        piece = tune(music, key="Am")
        assert [chord.label for bar in piece.bars for chord in bar.chords] == expected.split()
        assert dict(piece.losses).get("a chord symbol that names no chord", 0) == lost


@pytest.mark.parametrize(
    ("music", "order", "count"),
    [
        ("GABc|[2 G4|]", [0, 1], 1),
        ("|:GABc|[1 d4:|[1 e4|]", [0, 1, 0, 2], 1),
        ("|:GABc|[1 d4:|[3 e4|]", [0, 1, 0, 2], 1),
        ("|:GABc|d4:|[2 e4|]", [0, 1, 0, 1, 2], 1),
        ("|:GABc|[1-12 d4:|[13 e4|]", [0, 1] * 12 + [0, 2], 0),
    ],
)
def test_an_ending_that_would_never_be_played_is_none(music: str, order: list[int], count: int) -> None:
    piece = tune(music)
    assert piece.playing_order() == order
    assert dict(piece.losses) == ({"an ending that is never played": count} if count else {})
    again = read_abc(write_abc(piece))[0]
    assert (again.playing_order(), again.losses) == (order, ())
