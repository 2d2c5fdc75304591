"""The ABC reader: what the standard says a text means, on tunes written for the test and on the tune books."""

import contextlib
import gzip
from dataclasses import replace
from pathlib import Path

import pytest
from abc2midi import agrees, needs_abc2midi, tunes_of
from hypothesis import given, settings
from hypothesis import strategies as st

from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.errors import AbcSyntaxError, RemiError, ScoreError
from remi_two_stage.core.piece import Piece
from remi_two_stage.core.signatures import Key, Meter
from remi_two_stage.scores.abc_reader import read_abc

HEADER = "X:1\nT:Test\nM:4/4\nL:1/4\nK:C\n"


def tune(music: str, header: str = HEADER) -> Piece:
    return read_abc(header + music + "\n")[0]


def melody(music: str, header: str = HEADER) -> list[tuple[float, float, int]]:
    """Onset, duration and pitch of each note, times in quarter notes."""
    return [(float(onset), float(duration), pitch) for _, onset, duration, pitch in tune(music, header).note_list()]


def pitches(music: str, header: str = HEADER) -> list[int]:
    return [pitch for _, _, pitch in melody(music, header)]


def durations(music: str, header: str = HEADER) -> list[float]:
    return [duration for _, duration, _ in melody(music, header)]


def bar_lengths(music: str, header: str = HEADER) -> list[int]:
    return [bar.length for bar in tune(music, header).bars]


class TestNotes:
    def test_octaves(self) -> None:
        assert pitches("C,, C, C c c' c''") == [36, 48, 60, 72, 84, 96]

    def test_lengths(self) -> None:
        assert durations("A A2 A/ A// A3/2 A/4 A3/") == [1, 2, 0.5, 0.25, 1.5, 0.25, 1.5]

    def test_accidentals_hold_through_the_bar_in_all_octaves(self) -> None:
        assert pitches("^F F f F, | F =B _B B") == [66, 66, 78, 54, 65, 71, 70, 70]

    def test_double_accidentals_and_naturals(self) -> None:
        assert pitches("^^F __B =F B", HEADER.replace("K:C", "K:D")) == [67, 69, 65, 69]

    def test_key_signature(self) -> None:
        assert pitches("F B c", HEADER.replace("K:C", "K:Bm")) == [66, 71, 73]

    @pytest.mark.parametrize(
        ("music", "expected"),
        [
            ("A>B", [1.5, 0.5]),
            ("A<B", [0.5, 1.5]),
            ("A>>B", [1.75, 0.25]),
            ("A<<<B", [0.125, 1.875]),
            ("A > .B", [1.5, 0.5]),
            ("(A>B) {c}A>{de}B", [1.5, 0.5, 1.5, 0.5]),
            ("A>!trill!B", [1.5, 0.5]),
            ("z>A", [0.5]),
        ],
    )
    def test_broken_rhythm(self, music: str, expected: list[float]) -> None:
        assert durations(music) == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("music", "meter", "expected"),
        [
            ("(3ABc d", "4/4", [2 / 3, 2 / 3, 2 / 3, 1]),
            ("(3:2:2 A2B d", "4/4", [4 / 3, 2 / 3, 1]),
            ("(3:2:4 A/B/cd e", "4/4", [1 / 3, 1 / 3, 2 / 3, 2 / 3, 1]),
            ("(3::2 A2B d", "4/4", [4 / 3, 2 / 3, 1]),
            ("(2AB c", "6/8", [1.5, 1.5, 1]),
            ("(6ABcdef g", "4/4", [1 / 3] * 6 + [1]),
            ("(4ABcd e", "6/8", [0.75] * 4 + [1]),
            ("(5ABcde f", "6/8", [0.6] * 5 + [1]),
            ("(5ABcde f", "4/4", [0.4] * 5 + [1]),
            ("(3.A(B{d}c) d", "4/4", [2 / 3, 2 / 3, 2 / 3, 1]),
        ],
    )
    def test_tuplets(self, music: str, meter: str, expected: list[float]) -> None:
        header = HEADER.replace("M:4/4", f"M:{meter}")
        assert durations(music, header) == pytest.approx(expected, abs=1 / 24)

    def test_bars_of_odd_tuplets_stay_full(self) -> None:
        assert bar_lengths("(5ABcde (3ABc | (7:4ABcdefg (5:2ABcde |") == [96, 144]

    def test_ties_join_notes_over_bar_lines_and_repeats(self) -> None:
        assert melody("A4-|A2 B2-:|B4-|B4") == [(0, 6, 69), (6, 10, 71)]

    def test_a_tied_note_keeps_its_accidental_but_its_bar_does_not(self) -> None:
        assert melody("z2^F2-|F2F2") == [(2, 4, 66), (6, 2, 65)]

    def test_a_tie_to_another_spelling_holds_over_the_bar_line(self) -> None:
        assert melody("z2^c-_d-|dd") == [(2, 3, 73), (5, 1, 74)]

    def test_a_tie_to_another_pitch_joins_nothing(self) -> None:
        assert durations("A-B A-z") == [1, 1, 1]

    def test_chords(self) -> None:
        assert melody("[CEG]2 [C/E/]4 [C2E]") == [
            *((0, 2, pitch) for pitch in (60, 64, 67)),
            *((2, 2, pitch) for pitch in (60, 64)),
            (4, 2, 60),
            (4, 1, 64),
        ]

    def test_ties_of_single_notes_of_a_chord(self) -> None:
        assert melody("[C-E][CG]") == [(0, 2, 60), (0, 1, 64), (1, 1, 67)]

    def test_a_tie_of_a_chords_longer_note_waits_for_its_end(self) -> None:
        assert melody("[E2C4-]F2C2") == [(0, 6, 60), (0, 2, 64), (2, 2, 65)]

    def test_graces_decorations_annotations_and_slurs_take_no_time(self) -> None:
        assert melody('{ag}A !f!(B "^up"~c) .d +trill+e Tf `g') == [
            (onset, 1, pitch) for onset, pitch in enumerate((69, 71, 72, 74, 76, 77, 79))
        ]

    def test_rests(self) -> None:
        assert melody("z A x2 | Z2 | B z3") == [(1, 1, 69), (12, 1, 71)]

    def test_overlay_starts_the_bar_again(self) -> None:
        assert melody("c4 & C2 E2 | d4") == [(0, 2, 60), (0, 4, 72), (2, 2, 64), (4, 4, 74)]

    @pytest.mark.parametrize(
        ("key", "pitch"), [("C treble-8", 48), ("C octave=1", 72), ("C transpose=-2", 58), ("C clef=bass", 60)]
    )
    def test_transposing_clefs(self, key: str, pitch: int) -> None:
        assert pitches("C", HEADER.replace("K:C", f"K:{key}")) == [pitch]

    @pytest.mark.parametrize("said", ["K:D transpose=-2", "V:1 transpose=-2\nK:D", "%%MIDI transpose -2\nK:D"])
    def test_keys_and_chords_are_transposed_with_the_notes(self, said: str) -> None:
        """As for a clarinet in B flat: what is written in D sounds in C."""
        piece = tune('"D"d "A7/C#"e f "Bm"g | [K:G] "G"b4 |', HEADER.replace("K:C", said))
        assert [bar.key for bar in piece.bars] == [Key("C"), Key("F")]
        sounding = replace(piece, instruments=())
        assert '"C"c2 "G7/B"d2 e2 "Am"f2 | [K:F] "F"a8 |]' in write_abc(sounding)
        is_instrument = "MIDI" not in said
        assert [player.transposition for player in piece.instruments] == [-2] * is_instrument
        assert ('"D"d2 "A7/C#"e2 f2 "Bm"g2 | [K:G] "G"b8 |]' in write_abc(piece)) == is_instrument

    def test_chords_are_named_with_printed_accidentals(self) -> None:
        piece = tune('"Gm7♭5"G "C7♯9"C "E♭maj7"E "Gm7b5"G |')
        assert [chord.label for chord in piece.bars[0].chords] == ["vø7", "I7", "bIIImaj7", "vø7"]
        assert '"Gm7b5"G2 "C7#9"C2 "Ebmaj7"E2' in write_abc(piece)


class TestFields:
    @pytest.mark.parametrize(
        ("text", "key"),
        [
            ("D", Key("D")),
            ("Bb", Key("Bb")),
            ("F#m", Key("F#", "min")),
            ("A Dorian", Key("A", "dor")),
            ("GMix", Key("G", "mix")),
            ("E Minor % a comment", Key("E", "min")),
            ("Dmix=c", Key("D", "mix")),
            ("Bn", Key("B")),
            ("HP", Key("A", "mix")),
            ("D treble", Key("D")),
            ("D exp _b _e ^f", Key("D", "phr")),
            ("none", Key()),
            ("", Key()),
        ],
    )
    def test_keys(self, text: str, key: Key) -> None:
        assert tune("CDEF", HEADER.replace("K:C", f"K:{text}")).key == key

    def test_explicit_accidentals_of_a_key(self) -> None:
        assert pitches("B E F c", HEADER.replace("K:C", "K:D exp _b _e ^f")) == [70, 63, 66, 72]

    @pytest.mark.parametrize(
        ("text", "meter"),
        [("C", Meter(4, 4)), ("C |", Meter(2, 2)), ("6/8", Meter(6, 8)), ("(2+3)/8", Meter(5, 8)), ("none", None)],
    )
    def test_meters(self, text: str, meter: Meter | None) -> None:
        assert tune("CDEF", HEADER.replace("M:4/4", f"M:{text}")).meter == meter

    @pytest.mark.parametrize(("meter", "duration"), [("M:6/8\n", 0.5), ("M:2/4\n", 0.25), ("M:none\n", 0.5), ("", 0.5)])
    def test_default_unit_length_follows_the_meter(self, meter: str, duration: float) -> None:
        assert durations("C", f"X:1\n{meter}K:C\n") == [duration]

    @pytest.mark.parametrize(
        ("text", "tempo"),
        [
            ("1/4=120", 120),
            ("3/8=80", 120),
            ('"Slow" 1/2=40', 80),
            ("120", 120),
            ("C2=30", 60),
            ('"Allegro"', None),
            ("1/4 1/8=60", 90),
        ],
    )
    def test_tempos(self, text: str, tempo: float | None) -> None:
        assert tune("C", HEADER.replace("K:", f"Q:{text}\nK:")).tempo == tempo

    @pytest.mark.parametrize(
        ("text", "style"), [("Double Jig", "jig"), ("SlipJig", "slip-jig"), (" REEL", "reel"), ("", None)]
    )
    def test_styles(self, text: str, style: str | None) -> None:
        assert tune("C", HEADER.replace("K:", f"R:{text}\nK:")).style == style

    def test_title_and_metadata(self) -> None:
        piece = tune("C", "X:1\nT:First\nT:Second\nC:Anon % who\nZ:Me\nK:C\n")
        assert piece.title == "First"
        assert piece.metadata == (("T", "Second"), ("C", "Anon"), ("Z", "Me"))

    def test_changes_of_key_meter_and_length(self) -> None:
        piece = tune("CDEF|[K:G][M:3/4]FGA|\nK:F\nM:2/4\nL:1/8\nB4|")
        assert [(str(bar.key), str(bar.meter), bar.length) for bar in piece.bars] == [
            ("Cmaj", "4/4", 96),
            ("Gmaj", "3/4", 72),
            ("Fmaj", "2/4", 48),
        ]
        assert [pitch for *_, pitch in piece.note_list()] == [60, 62, 64, 65, 66, 67, 69, 70]

    def test_chord_symbols(self) -> None:
        header = HEADER.replace("K:C", "K:D")
        bars = tune('"D"A2 "A7/C#"A "^slow""_x"B|"C""Am"A "Solo"B2|"Cd"c', header).bars
        assert [[(chord.onset, chord.label) for chord in bar.chords] for bar in bars] == [
            [(0, "I"), (48, "V7")],
            [(0, "bVII")],
            [(0, "bviio")],
        ]


class TestBars:
    def test_pick_up_and_repeats_around_it(self) -> None:
        bars = tune("G|CDEF|CDE:|G|CDEF|CDE|]").bars
        assert [(bar.length, bar.is_pickup, bar.repeat_end) for bar in bars] == [
            (24, True, False),
            (96, False, False),
            (72, False, True),
            (24, True, False),
            (96, False, False),
            (72, False, False),
        ]
        assert tune("G|CDEF|CDE:|G|CDEF|CDE|]").bar_count == 4

    @pytest.mark.parametrize("sign", ["||", ".|", "|]", ":|", "::", "|:"])
    def test_signs_that_split_a_bar(self, sign: str) -> None:
        bars = tune(f"CDEF|CD{sign}EF|CDEF|").bars
        assert [bar.is_pickup for bar in bars] == [False, False, True, False]

    def test_an_irregular_bar_is_kept(self) -> None:
        bars = tune("CDEF|CD|EF|CDEFG|CDEF|").bars
        assert [(bar.length, bar.is_pickup) for bar in bars] == [(length, False) for length in (96, 48, 48, 120, 96)]

    def test_bars_of_no_length_leave_their_signs(self) -> None:
        bars = tune("G|: || |:CDEF| |CDEF:||:CDEF:|").bars
        assert [(bar.length, bar.repeat_start, bar.repeat_end) for bar in bars] == [
            (24, False, False),
            (96, True, False),
            (96, False, True),
            (96, True, True),
        ]

    @pytest.mark.parametrize("endings", ["|1 D4:|2 E4||", "|[1 D4:|[2 E4|]", "[1D4:|[2E4||", '["1"D4:|["2"E4||'])
    def test_endings(self, endings: str) -> None:
        bars = tune(f"|:C4|C4{endings}F4|").bars
        assert [(bar.endings, bar.ending_end, bar.repeat_end) for bar in bars] == [
            ((), False, False),
            ((), False, False),
            ((1,), True, True),
            ((2,), True, False),
            ((), False, False),
        ]
        assert tune(f"|:C4|C4{endings}F4|").playing_order() == [0, 1, 2, 0, 1, 3, 4]

    def test_an_ending_for_several_passes(self) -> None:
        bars = tune("|:C4|[1,3 D4:|[2 E4:|[4-5 F4|]").bars
        assert [bar.endings for bar in bars] == [(), (1, 3), (2,), (4, 5)]

    def test_pick_up_after_a_second_ending(self) -> None:
        bars = tune("|:G|CDEF|1CDE:|2CDE|:G|CDEF|CDE:|").bars
        assert [bar.is_pickup for bar in bars] == [True, False, False, False, True, False, False]

    def test_free_meter(self) -> None:
        bars = tune("CDE|CDEFGA|", HEADER.replace("4/4", "none")).bars
        assert [(bar.meter, bar.length, bar.is_pickup) for bar in bars] == [(None, 72, False), (None, 144, False)]

    def test_phrases(self) -> None:
        music = "|:G|C4|C4|C4|C4|C4|C4|C4|C3:|G|C4|C4||C4|\nP:B\nC4|C4|"
        starts = [index for index, bar in enumerate(tune(music).bars) if bar.phrase_start]
        assert starts == [0, 5, 9, 12, 13]

    def test_a_second_ending_takes_the_place_of_the_first_in_its_phrase(self) -> None:
        bars = tune("|:C4|C4|C4|C4|C4|C4|[1C4|C4:|[2C4|C4||C4|").bars
        assert [index for index, bar in enumerate(bars) if bar.phrase_start] == [0, 4, 10]


class TestVoices:
    def test_voices_by_inline_fields(self) -> None:
        music = "[V:1]c4|d4|\n[V:2]E4|F4|\n[V:1]e4|]\n[V:2]G4|]\n"
        piece = tune(music)
        assert piece.voices == ("V1", "V2")
        assert piece.note_list()[:4] == [("V1", 0, 4, 72), ("V2", 0, 4, 64), ("V1", 4, 4, 74), ("V2", 4, 4, 65)]

    def test_four_voices_in_score_order_are_a_choir(self) -> None:
        header = "X:1\nM:4/4\nL:1/4\n%%score (sop alt) | (ten bas)\nV:bas clef=bass\nV:ten\nV:alt\nV:sop\nK:C\n"
        piece = tune("[V:sop]c4\n[V:alt]G4\n[V:ten]E4\n[V:bas]C,4", header)
        assert [(voice, pitch) for voice, _, _, pitch in piece.note_list()] == [
            ("S", 72),
            ("A", 67),
            ("T", 64),
            ("B", 48),
        ]

    def test_silent_voices_are_dropped_unless_named_as_ours(self) -> None:
        assert tune("V:1\nc4\nV:2\nz4").voices == ("M",)
        assert tune("V:S\nc4\nV:B\nz4").voices == ("S", "B")

    def test_accidentals_keys_and_lengths_are_a_voices_own(self) -> None:
        piece = tune("V:1\n^c2c2|\nV:2\nL:1/8\nc4[K:D]c4|")
        assert [(voice, pitch) for voice, _, _, pitch in piece.note_list()] == [
            ("V1", 73), ("V2", 72), ("V1", 73), ("V2", 73),
        ]  # fmt: skip

    def test_a_bar_that_goes_on_over_a_line_end(self) -> None:
        assert bar_lengths("[V:1]CD\n[V:2]EF\n[V:1]EF|\n[V:2]GA|") == [96]

    def test_a_voice_that_ends_whole_bars_early_is_silent(self) -> None:
        assert bar_lengths("V:1\nC4|D4|E4|\nV:2\nC4|") == [96, 96, 96]

    def test_every_voice_keeps_its_own_time(self) -> None:
        piece = tune("V:1\nC4|D4|\nV:2\nE3|F4|")
        assert [bar.length for bar in piece.bars] == [96, 96]
        assert [note for note in piece.note_list() if note[0] == "V2"] == [("V2", 0, 3, 64), ("V2", 3, 4, 65)]

    def test_bar_lines_that_do_not_meet_are_those_of_the_longest_voice(self) -> None:
        assert bar_lengths("V:1\nC4|D4|E4|\nV:2\nE4|F2|G2|A2|") == [96, 96, 96]

    def test_music_without_a_voice_belongs_to_the_last_of_the_header(self) -> None:
        piece = tune("C2\nV:2\nE2", HEADER.replace("K:C", "V:1\nV:2\nK:C"))
        assert piece.note_list() == [("M", 0, 2, 60), ("M", 2, 2, 64)]

    def test_a_voice_may_change_its_octave(self) -> None:
        assert pitches("V:1\nC\nV:1 octave=1\nC") == [60, 72]

    def test_repeats_come_from_any_voice(self) -> None:
        bars = tune("V:1\n|:C4|D4:|\nV:2\nE4|F4|").bars
        assert [(bar.repeat_start, bar.repeat_end) for bar in bars] == [(True, False), (False, True)]
        bars = tune("V:1\nC4|D4|E4|\nV:2\nE4|[1F4:|[2G4|").bars
        assert [bar.endings for bar in bars] == [(), (1,), (2,)]

    def test_lyric_lines_begin_phrases(self) -> None:
        music = "".join("[V:1]C4|D4|E4|\nw:a b c\n[V:2]C4|D4|E4|\n" for _ in range(3))
        assert [bar.phrase_start for bar in tune(music).bars] == [True, False, False] * 3


class TestTuneBooks:
    BOOK = "%abc-2.1\nL:1/8\nZ:everybody\n\nfree text\n\nX:7\nT:A\nK:C\nCDEF\n\nX:9\nT:B\nK:C\nC{DEF\n\nmore text\n"

    def test_file_header_holds_for_all_tunes(self) -> None:
        piece = read_abc(self.BOOK, errors="collect")[0]
        assert piece.metadata == (("Z", "everybody"),)

    def test_an_error_names_its_place(self) -> None:
        with pytest.raises(
            AbcSyntaxError, match=r"tune 9, \"B\", line 15, column 2, voice 1, bar 1: '\{' is not closed"
        ):
            read_abc(self.BOOK)

    def test_collecting_skips_the_bad_tune_and_keeps_its_error(self) -> None:
        book = read_abc(self.BOOK, errors="collect")
        assert [piece.title for piece in book] == ["A"]
        assert [error.place.tune for error in book.errors] == [9]

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_line_ends(self, end: str) -> None:
        assert [
            piece.title for piece in read_abc(end.join(["X:1", "T:A", "K:C", "C", "", "X:2", "T:B", "K:C", "C"]))
        ] == ["A", "B"]

    def test_text_without_x_is_one_tune(self) -> None:
        assert len(read_abc("T:No number\nK:C\nCDE|")) == 1

    def test_comments_and_text_blocks_are_no_music(self) -> None:
        assert pitches("C % DEF\n%%begintext\nABC\n\nABC\n%%endtext\n% G\nc \\\nd") == [60, 72, 74]

    def test_music_that_looks_like_a_field(self) -> None:
        assert pitches("CD|E:|\nA:|\nB||") == [60, 62, 64, 69, 71]


class TestFiles:
    @pytest.mark.parametrize(("name", "encoding"), [("utf8", "utf-8"), ("bom", "utf-8-sig"), ("latin", "latin-1")])
    def test_encodings(self, tmp_path: Path, name: str, encoding: str) -> None:
        path = tmp_path / f"{name}.abc"
        path.write_bytes("X:1\nT:Élan\nK:C\nC\n".encode(encoding))
        assert read_abc(path)[0].title == "Élan"

    def test_gzip(self, tmp_path: Path) -> None:
        path = tmp_path / "tune.abc.gz"
        path.write_bytes(gzip.compress(b"X:1\nT:A\nK:C\nC\n"))
        assert read_abc(path)[0].title == "A"

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"", "there is no ABC tune"),
            (b"X:1\nT:Words alone\nK:C\nW:la\n", "the tune has no music"),
            (b"X:1\nT:A\nCDEF\n", "the tune has no K: line"),
            (b"\x89PNG\0\0", "no ABC text"),
            (b"\x1f\x8bnot gzip", "cannot be read"),
        ],
    )
    def test_bad_files(self, tmp_path: Path, data: bytes, message: str) -> None:
        path = tmp_path / "bad.abc"
        path.write_bytes(data)
        with pytest.raises(ScoreError, match=rf"bad\.abc.*{message}"):
            read_abc(path)

    def test_missing_file_and_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ScoreError, match=r"none\.abc: there is no such file"):
            read_abc(tmp_path / "none.abc")
        with pytest.raises(ScoreError, match="this is a folder"):
            read_abc(tmp_path)

    def test_a_file_name_for_a_text(self) -> None:
        with pytest.raises(AbcSyntaxError, match=r"read_abc\(pathlib\.Path"):
            read_abc("tunes/reels.abc")


class TestBadInput:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (HEADER + "C99999999", "no note length"),
            (HEADER + "c" + "'" * 40, "no octave"),
            (HEADER + "{C", r"'\{' is not closed"),
            (HEADER + '"Am', "'\"' is not closed"),
            (HEADER + "[" + "C" * 200 + "]", "a chord has more than 100 notes"),
            (HEADER + "C,,,[K:C octave=-4]C,,,", "no such note"),
            (HEADER.replace("L:1/4", "L:1/9999"), "line 4: there is no unit note length '1/9999'"),
            (HEADER.replace("K:C", "K:H"), "line 5: there is no key 'H'"),
            (HEADER + "[K:Solo]C", "there is no key"),
        ],
    )
    def test_errors_say_what_came(self, text: str, message: str) -> None:
        with pytest.raises(AbcSyntaxError, match=message):
            read_abc(text)

    @settings(max_examples=300, deadline=None, derandomize=True)
    @given(st.text(alphabet="ABcdz[](){}|:\"!&<>-^_=/0123456789 ZKVML%\n,'~.", max_size=80))
    def test_any_text_gives_tunes_or_an_error_of_ours(self, music: str) -> None:
        with contextlib.suppress(RemiError):
            read_abc(HEADER + music)


class TestCorpora:
    def test_tune_books_of_music21(self, tune_books: dict[str, list[Path]]) -> None:
        sample = [path for book in tune_books.values() for path in book[::8]]
        books = [read_abc(path, errors="collect") for path in sample]
        pieces = [piece for book in books for piece in book]
        bars = [bar for piece in pieces for bar in piece.bars]
        assert sum(len(book.errors) for book in books) == 0
        assert len(pieces) > 400
        assert sum(bar.is_full for bar in bars) > 0.8 * len(bars)

    def test_hymns_have_four_voices(self, extra_corpora: Path) -> None:
        book = read_abc(extra_corpora / "hymns" / "test.abc.gz", errors="collect")
        assert not book.errors
        assert sum(piece.voices == ("S", "A", "T", "B") for piece in book) >= 0.8 * len(book)

    def test_nottingham_has_chords(self, extra_corpora: Path) -> None:
        book = read_abc(extra_corpora / "nottingham" / "test.abc", errors="collect")
        assert not book.errors
        assert sum(any(bar.chords for bar in piece.bars) for piece in book) >= 0.9 * len(book)

    @needs_abc2midi
    def test_written_notes_are_those_of_abc2midi(self, tune_books: dict[str, list[Path]], tmp_path: Path) -> None:
        paths = [path for book in tune_books.values() for path in book[3::25]]
        tunes = [tune for path in paths for tune in tunes_of(path.read_text(encoding="utf-8"))][::4]
        verdicts = [agrees(read_abc(tune)[0], tune, tmp_path) for tune in tunes]
        assert len(verdicts) > 40
        assert sum(verdicts) >= 0.97 * len(verdicts)

    @needs_abc2midi
    @pytest.mark.parametrize("name", ["hymns/test.abc.gz", "nottingham/test.abc"])
    def test_notes_of_extra_corpora_are_those_of_abc2midi(self, extra_corpora: Path, tmp_path: Path, name: str) -> None:
        data = (extra_corpora / name).read_bytes()
        text = (gzip.decompress(data) if name.endswith(".gz") else data).decode()
        verdicts = [agrees(read_abc(tune)[0], tune, tmp_path) for tune in tunes_of(text)]
        assert sum(verdicts) >= 0.97 * len(verdicts)
