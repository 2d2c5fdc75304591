"""What other programs play of the ABC that we write: layers of several voices, chords, hornpipes, counted endings."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest
from abc2midi import needs_abc2midi

from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.piece import Piece
from remi_two_stage.rendering.score_text import score_text
from remi_two_stage.score_files import read_score
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.midi_reader import parse_midi
from remi_two_stage.scores.musicxml_reader import read_musicxml
from remi_two_stage.scores.musicxml_writer import musicxml_bytes

# As an organ plays it: the alto and the tenor move under held notes
HYMN = """X:1
T:Old Hundredth
C:Louis Bourgeois
M:4/4
L:1/8
Q:1/4=90
%%score {V1 | V2}
V:V1 clef=treble name="Organ"
%%MIDI program 19
V:V2 clef=bass name="Organ"
%%MIDI program 19
K:G
[V:V1] G4 & D2 C2 | "^gently"G4 F4 & D4 (D3 C | E4 D4 & B,4) A,4 | G4 A4 & z2 B,2 E4 | B8 & G2 F2 G4 |
[V:V2] B,2 A,2 & G,,4 | (B,8 & G,,2 A,,2 .B,,2 !>!C,2 | G,4 F,4) & C,4 {/E,}D,4 | [G,E]4 [C,-G,]4 | [C,E]8 |]
"""

# O'Neill's Music of Ireland 1596 and 1577
DOTTED_HORNPIPE = """X:1
T:The Slipper Hornpipe
R:Hornpipe
M:C|
L:1/8
K:D
(3ABc | d>f (3edc d>AB>G | F>dE>d D2 d2 | c>eA>d c>de>f | g>ef>d (3cBA B>c |
d>f (3edc d>AB>G | F>dE>d D2 d2 | (3edc B>c d>fe>c | d2 d>d d2 :|
"""
HORNPIPE = """X:1
T:Harvest Home
R:hornpipe
M:4/4
L:1/8
K:D
|: A>F | DAFA DAFA | defe dcBA | eAfA gAfA | edcB A2 GF |
DAFA DAFA | defe dcBA | eAfA gfec | d2 dc d2 :|
"""


def played(text: str, folder: Path) -> list[tuple[int, int, int]]:
    """Onset, length and pitch of what abc2midi plays, in ticks, of which it takes one off each note."""
    source, target = folder / "tune.abc", folder / "tune.mid"
    source.write_text(text, encoding="utf-8")
    subprocess.run(["abc2midi", source, "-o", target, "-NGUI"], check=True, capture_output=True, timeout=30)
    piece = parse_midi(target.read_bytes())
    return sorted((round(24 * onset), round(24 * duration), pitch) for _, onset, duration, pitch in piece.note_list())


def expected(piece: Piece) -> list[tuple[int, int, int]]:
    notes = piece.note_list(unfold_repeats=True)
    return sorted((round(24 * onset), round(24 * duration), pitch) for _, onset, duration, pitch in notes)


def without_signs(piece: Piece) -> Piece:
    """The notes and repeats alone: staccato and grace notes are played otherwise."""
    return replace(piece, bars=tuple(replace(bar, notation=(), tempos=()) for bar in piece.bars), source=None)


class TestLayersOfSeveralVoices:
    def test_are_voices_of_their_own_on_the_same_staff(self) -> None:
        text = write_abc(read_abc(HYMN)[0])
        assert "&" not in text
        assert "%%score {(V1 V1layer2) | (V2 V2layer2)}" in text
        assert text.count("%%MIDI program 19") == 4
        assert "[V:V2layer2] G,,4 | G,,2 A,,2 .B,,2 LC,2 | x8 |" in text
        assert "[V:V1layer2] D2 C2 | x4 D3 C | x8 | x2 B,2 x4 | G2 F2 G4 |]" in text

    def test_come_back_as_layers_with_all_their_signs(self) -> None:
        (piece,) = read_abc(HYMN)
        (again,) = read_abc(write_abc(piece))
        assert (again.voices, again.instruments) == (piece.voices, piece.instruments)
        assert again.bars == piece.bars
        assert write_abc(again) == write_abc(piece)

    def test_are_overlays_if_asked_for_and_in_what_is_printed(self) -> None:
        (piece,) = read_abc(HYMN)
        short = write_abc(piece, overlays=True)
        assert "layer" not in short
        assert " & " in short
        assert read_abc(short)[0].bars == piece.bars
        assert "layer" not in score_text(piece)

    def test_so_are_those_of_one_voice_with_endings(self) -> None:
        music = "G4 & z B, D2 | [1 A4 & D2 C2 :| [2 d4 & D F A2 |]"
        head = "X:1\nT:Old Hundredth\nM:4/4\nL:1/4\nK:G\n"
        (piece,) = read_abc(f"{head}{music}\n")
        text = write_abc(piece)
        assert "%%score (M Mlayer2)\n" in text
        assert "[V:Mlayer2] x2 B,2 D4 | [1 D4 C4 :| [2 D2 F2 A4 |]\n" in text
        changed = write_abc(read_abc(f"{head}{music} c4 | [K:D] A4 | G4 | d4 |]\n")[0])
        assert "c8 | [K:D]\n" in changed  # at the end of the line: abcjs stops at one before several voices
        assert read_abc(text)[0].voices == ("M",)
        assert read_abc(text)[0].bars == piece.bars
        (plain,) = read_abc("X:1\nM:4/4\nL:1/4\nK:C\nc d e f & C4|\n")
        assert "c2 d2 e2 f2 & C8 |]" in write_abc(plain)

    @needs_abc2midi
    def test_abc2midi_plays_them(self, tmp_path: Path) -> None:
        piece = without_signs(read_abc(HYMN)[0])
        assert played(write_abc(piece), tmp_path) == expected(piece)

    @needs_abc2midi
    def test_abc2midi_plays_songs(self, extra_corpora: Path, tmp_path: Path) -> None:
        with ZipFile(extra_corpora / "openscore" / "lieder.zip") as archive:
            names = [name for name in archive.namelist() if "Die_Nacht" in name and name.endswith(".mxl")]
            (tmp_path / "song.mxl").write_bytes(archive.read(names[0]))
        (song,) = read_score(tmp_path / "song.mxl")
        assert read_abc(write_abc(song))[0].note_list() == song.note_list()
        text = write_abc(without_signs(song))
        assert "layer2" in text
        assert played(text, tmp_path) == expected(song)


class TestChords:
    def test_of_which_all_notes_are_tied_have_one_tie(self) -> None:
        (piece,) = read_abc("X:1\nT:Amen\nM:4/4\nL:1/4\nK:C\n[C-F-A-]4 | [CFA]2 [CEG]2 |]\n")
        assert "[CFA]8- | [CFA]4 [CEG]4 |]" in write_abc(piece)
        assert read_abc(write_abc(piece))[0].bars == piece.bars

    @needs_abc2midi
    def test_begin_together(self, tmp_path: Path) -> None:
        (piece,) = read_abc("X:1\nT:Amen\nM:4/4\nL:1/4\nK:C\n[CFAc]4 | [CEGc]4 |]\n")
        assert played(write_abc(piece), tmp_path) == expected(piece)


class TestHornpipes:
    @needs_abc2midi
    @pytest.mark.parametrize("source", [HORNPIPE, DOTTED_HORNPIPE, HORNPIPE.replace("M:4/4", "M:2/4\nL:1/16")])
    def test_are_played_as_written(self, source: str, tmp_path: Path) -> None:
        (piece,) = read_abc(source)
        text = write_abc(piece)
        assert f"R:{piece.metadata[0][1]}\n" in text
        assert played(text, tmp_path) == expected(piece)
        assert read_abc(text)[0].bars == piece.bars

    def test_keep_their_broken_rhythm_where_it_may_stand(self) -> None:
        text = write_abc(read_abc(DOTTED_HORNPIPE)[0])
        assert "| d>f (3edc d>AB>G |" in text
        assert "%%MIDI ratio 3 1" in text
        assert "%%MIDI" not in write_abc(read_abc(DOTTED_HORNPIPE.replace("R:Hornpipe", "R:Reel"))[0])


class TestTriplets:
    def test_of_unlike_values_count_them(self) -> None:
        text = "X:1\nT:The Little Black Rose\nM:3/4\nL:1/8\nK:Cm\nG2 G2 (3G/4A3/8=B/8- (3B/8c3/8d/4 | e6 |]\n"
        (piece,) = read_abc(text)
        assert "G2 G2 (3G/4A3/8=B/8- (6:4:3B/8c3/8d/4 |" in write_abc(piece)
        assert read_abc(write_abc(piece))[0].bars == piece.bars


class TestThreePlays:
    HEAD = "X:1\nT:The Mill\nM:2/4\nL:1/8\nK:G\n"
    STRANDS = f"{HEAD}|:: G2 B2 | d2 B2 | [1,2 A2 D2 ::| [3 G4 |]\n"

    def test_that_endings_count_need_no_further_dots(self) -> None:
        (piece,) = read_abc(self.STRANDS)
        text = write_abc(piece)
        assert "::" not in text
        assert read_abc(text)[0].playing_order() == piece.playing_order() == [0, 1, 2, 0, 1, 2, 0, 1, 3]

    @pytest.mark.parametrize(
        ("music", "written"),
        [
            ("|:: G2 B2 | d2 B2 ::| A2 D2 | G4 |]", "|: G2 B2 | d2 B2 [1,2 :| [3 || A2 D2 | G4 |]"),
            ("|:: G2 B2 | d2 B2 ::|: A2 D2 | G4 :|", "|: G2 B2 | d2 B2 [1,2 :| [3 |: A2 D2 | G4 :|"),
            ("|:: G2 B2 | d2 B2 ::|", "|: G2 B2 | d2 B2 [1,2 :| [3 [I:MIDI gchordon] |]"),
            ("G2 | A2 B2 | d2 :::| F2 | A2 D2 | G2 :|", "G2 | A2 B2 | d2 [1,2,3 :| [4 |: F2 | A2 D2 | G2 :|"),
            ("V:A\n|:: G2 B2 ::| G4 |]\nV:B\n|:: D2 G2 ::| D4 |]", "|: D2 G2 [1,2 :| [3 || D4 |]"),
        ],
    )
    def test_that_no_endings_count_are_counted_by_endings_without_music(self, music: str, written: str) -> None:
        (piece,) = read_abc(f"{self.HEAD}{music}\n")
        text = write_abc(piece)
        assert written in text
        assert read_abc(text)[0].bars == piece.bars
        assert write_abc(read_abc(text)[0]) == text

    def test_endings_without_music_may_stand_at_the_end_and_before_music(self) -> None:
        (piece,) = read_abc(f"{self.HEAD}|: G2 B2 | d2 B2 [1,2 :|[3 |]\n")
        assert piece.bars == read_abc(f"{self.HEAD}|:: G2 B2 | d2 B2 ::|\n")[0].bars
        (piece,) = read_abc(f"{self.HEAD}|: G2 B2 | d2 B2 [1,2 :|[3 A2 D2 | G4 |]\n")
        assert piece.bars == read_abc(f"{self.HEAD}|:: G2 B2 | d2 B2 ::| A2 D2 | G4 |]\n")[0].bars

    @needs_abc2midi
    def test_abc2midi_plays_them(self, tmp_path: Path) -> None:
        twice_more = f"{self.HEAD}|:: G2 B2 | d2 B2 ::|"
        for text in (self.STRANDS, f"{twice_more} A2 D2 | G4 |]\n", f"{twice_more}\n"):
            (piece,) = read_abc(text)
            assert played(write_abc(piece), tmp_path) == expected(piece)


class TestSecondEndings:
    HEAD = "X:1\nT:The Market Town\nM:2/4\nL:1/8\nK:A\n"

    @pytest.mark.parametrize(
        ("music", "written"),
        [
            ("|: e4 | [1 d4 :| [2 c4 :|", "|: e4 | [1 d4 :| [2 c4 |]"),
            ("|: e4 | [1 d4 :| [2 c4 :: A4 :|", "|: e4 | [1 d4 :| [2 c4 |: A4 :|"),
            ("|: e4 | [1 d4 :| [2 c4 :|\n|: A4 :|", "|: e4 | [1 d4 :| [2 c4 |: A4 :|"),
            ("|: e4 | [1,3 d4 :| [2 c4 :| [4 A4 :|", "|: e4 | [1,3 d4 :| [2 c4 :| [4 A4 |]"),
        ],
    )
    def test_send_nobody_back(self, music: str, written: str) -> None:
        """Abc2midi and abcjs play the first bars a third time after `[2 c4 :|`."""
        (piece,) = read_abc(f"{self.HEAD}{music}\n")
        text = write_abc(piece)
        assert text.endswith(f"{written}\n")
        assert read_abc(text)[0].playing_order() == piece.playing_order()

    @needs_abc2midi
    def test_abc2midi_plays_them(self, tmp_path: Path) -> None:
        (piece,) = read_abc(f"{self.HEAD}|: e4 | [1 d4 :| [2 c4 :|\n|: A4 :|\n")
        assert played(write_abc(piece), tmp_path) == expected(piece)


class TestHairpins:
    FADING = "!>(!G2F2!>)! !>(!E2D2!>)! | !>(!G2A2!>)! !>(!B4!>)! |\n"

    @needs_abc2midi
    def test_never_lead_to_silence(self, tmp_path: Path) -> None:
        """abc2midi makes all notes softer at each, those that it lets sound at loudness 0 too."""
        (piece,) = read_abc(f"X:1\nT:Old Hundredth\nM:4/4\nL:1/8\nK:G\n!p! {self.FADING}{self.FADING}")
        text = write_abc(piece)
        assert "%%MIDI deltaloudness 0\n" in text
        assert played(text, tmp_path) == expected(piece)
        assert "MIDI" not in write_abc(without_signs(piece))


class TestFermatas:
    HEAD = "X:1\nT:Old Hundredth\nM:4/4\nL:1/8\nK:G\n"

    @needs_abc2midi
    def test_keep_voices_together(self, tmp_path: Path) -> None:
        """abc2midi doubles notes under fermatas, whatever their length is in other voices."""
        (piece,) = read_abc(f"{self.HEAD}V:S\nG2 G2 F2 HE2 | D8 |]\nV:B\nG,2 G,2 D,2 D,HG,, | B,,8 |]\n")
        text = write_abc(piece)
        assert "%%MIDI fermatafixed\n" in text
        assert len({onset for onset, length, _ in played(text, tmp_path) if length == 96}) == 1
        assert "fermatafixed" not in write_abc(read_abc(f"{self.HEAD}G2 G2 F2 HE2 | D8 |]\n")[0])

    @needs_abc2midi
    def test_over_dotted_notes_and_beside_other_marks_are_understood(self, tmp_path: Path) -> None:
        """abc2midi breaks no rhythm of a note that it holds, and takes a letter before "!" for a mistake."""
        (piece,) = read_abc(f"{self.HEAD}G>F HE>D .HG>F !tenuto!HE>D | L!arpeggio![GB]4 uH!invertedturn!D4 |]\n")
        text = write_abc(piece)
        assert "HE3/2D/ .HG3/2F/" in text
        assert "!accent!!arpeggio![GB]4 !upbow!!fermata!!invertedturn!D4" in text
        assert read_abc(text)[0].bars == piece.bars
        (tmp_path / "marks.abc").write_text(text, encoding="utf-8")
        command = ["abc2midi", "marks.abc", "-o", "marks.mid", "-NGUI"]
        said = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=30).stdout
        assert "Error" not in said


class TestPrinting:
    def test_words_that_end_early_say_so(self) -> None:
        music = "G G F E | D G A B | B A G c | B4 |\nw: Praise God from whom all *|\n"
        (piece,) = read_abc(f"X:1\nT:Old Hundredth\nM:4/4\nL:1/4\nK:G\n{music}")
        assert "w: Praise God from whom all|||\n" in write_abc(piece)
        assert read_abc(write_abc(piece))[0].bars == piece.bars

    def test_marks_that_no_program_knows_are_defined(self) -> None:
        (piece,) = read_abc("X:1\nT:Old Hundredth\nM:4/4\nL:1/4\nK:G\n!sintro!G G F E | D G A !trill!B !eintro!|]\n")
        written = write_abc(piece)
        assert "%%deco eintro 0 - 0 0 0\n%%deco sintro 0 - 0 0 0\n" in written
        assert written.count("%%deco") == 2

    def test_dense_bars_are_fewer_in_a_line(self) -> None:
        runs = "abcd gfed cBAG efga | " * 8
        text = f"X:1\nT:Study\nM:4/4\nL:1/16\nK:C\n{runs.strip(' |')} |]\n"
        lines = write_abc(read_abc(text)[0]).split("K:C\n")[1].splitlines()
        assert [line.count("|") for line in lines] == [2, 2, 2, 2]
        calm = write_abc(read_abc(text.replace("cBAG efga", "c4 e4"))[0]).split("K:C\n")[1].splitlines()
        assert [line.count("|") for line in calm] == [4, 4]

    def test_so_are_bars_full_of_accidentals_and_those_beside_names_of_voices(self) -> None:
        def bars_a_line(text: str) -> list[int]:
            lines = write_abc(read_abc(f"X:1\nT:Study\nM:4/4\nL:1/8\nK:C\n{text}\n")[0]).split("K:C\n")[1].splitlines()
            return [line.count("|") for line in lines]

        assert bars_a_line("^c^d^f^g ^g^f^d^c | " * 7 + "^c^d^f^g ^g^f^d^c |]") == [2, 2, 2, 2]
        assert bars_a_line("cdfg gfdc | " * 7 + "cdfg gfdc |]") == [4, 4]
        runs = "| ".join(["e/d/e/d/ ed d2 c/B/c/d/"] * 8) + " |]"
        assert bars_a_line(runs) == [4, 4]
        assert bars_a_line(f"V:1\n{runs}\nV:2\n{runs}")[::2] == [2, 2, 4]

    @pytest.mark.skipif(shutil.which("abcm2ps") is None, reason="abcm2ps is not installed")
    def test_songs_and_a_quartet_are_printed_without_an_error(self, extra_corpora: Path, tmp_path: Path) -> None:
        songs = []
        for collection, titles in (
            ("lieder.zip", r"Busslied|Too_late_for_love|Parmi_les_meules"),
            ("quartets.zip", r"Mayer_Emilie_String_Quartet_in_D_Major"),
        ):
            with ZipFile(extra_corpora / "openscore" / collection) as archive:
                names = [name for name in archive.namelist() if re.search(titles, name)]
                songs += [read_score(archive.extract(name, tmp_path))[0] for name in names]
        assert len(songs) == 4
        for song in songs:
            (tmp_path / "song.abc").write_text(write_abc(song), encoding="utf-8")
            subprocess.run(["abcm2ps", "song.abc", "-O", "song.ps"], cwd=tmp_path, check=True, timeout=30)


def test_accidentals_after_ties_are_written_in_each_octave() -> None:
    text = "X:1\nT:Der Schnee ist zergangen\nM:6/8\nL:1/8\nK:E\n[^A,,^A,]6- | [^A,,^A,]3 [^A,,^A,]3 | [^A,,^A,]6 |]\n"
    (piece,) = read_abc(text)
    assert "[^A,,^A,]6- | [^A,,^A,]3 [^A,,^A,]3 |" in write_abc(piece)


def test_a_repeat_that_nothing_goes_back_to_is_none_in_musicxml() -> None:
    (piece,) = read_abc("X:1\nT:The Mill\nM:2/4\nL:1/8\nK:G\nG2 B2 | d2 B2 :|\n|: A2 D2 | G4 |\n|: B2 D2 | G4 :|\n")
    assert piece.playing_order() == [0, 1, 0, 1, 2, 3, 4, 5, 4, 5]
    assert musicxml_bytes(piece).count(b'"forward"') == 1
    assert read_musicxml(musicxml_bytes(piece)).playing_order() == piece.playing_order()


def test_held_notes_of_later_voices_and_a_further_ending_have_lines_of_their_own() -> None:
    """Abcjs forgets the ties into a line where the first voice has a further ending behind a repeat."""
    text = (
        "X:1\nM:4/4\nL:1/2\nK:C\nV:1\nV:2\n[V:1] cc|cc|cc|[1 cc|cc:|[2 cc|cc|]\n[V:2] CC|CC|CC|[1 {}|CC:|[2 CC|CC|]\n"
    )

    def lines(first: str) -> list[str]:
        return write_abc(read_abc(text.format(first))[0]).replace("V:V", "V:").split("K:C\n")[1].splitlines()

    assert lines("CC-")[3:] == ["[V:2] C4 C4 :|", "[V:1] [2 c4 c4 | c4 c4 |]", "[V:2] [2 C4 C4 | C4 C4 |]"]
    assert lines("CC")[2:] == ["[V:1] c4 c4 :| [2 c4 c4 | c4 c4 |]", "[V:2] C4 C4 :| [2 C4 C4 | C4 C4 |]"]
    (piece,) = read_abc(text.format("CC-"))
    assert read_abc(write_abc(piece))[0].bars == piece.bars
