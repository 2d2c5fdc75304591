"""Notation in ABC, both ways: what stands beside the notes of hymns and fiddle tunes is read and comes back."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.notation import (
    ChordSymbol,
    Grace,
    GraceNote,
    Instrument,
    Lyric,
    Mark,
    Span,
    Spelling,
    TempoMark,
    Text,
)
from remi_two_stage.core.piece import Piece
from remi_two_stage.scores.abc_reader import each_tune, read_abc
from remi_two_stage.scores.musicxml_writer import musicxml_bytes

HEADER = "X:1\nM:4/4\nL:1/4\nK:C\n"

OLD_HUNDREDTH = """X:1
T:Old Hundredth
C:Louis Bourgeois, 1551
M:4/4
L:1/4
Q:"Maestoso" 1/4=76
%%score S B
V:S clef=treble name="Soprano" snm="S."
%%MIDI program 52
V:B clef=bass name="Bass" snm="B."
K:G
[V:S] G | G F E D | G A !fermata!B B | B B A G | c B HA2 |]
w: 1.~All peo-ple that on earth do dwell, Sing to the Lord with cheer-ful voice,
w: 2.~O en-ter then his gates with joy, With-in his courts his praise pro-claim,
[V:B] G, | G, D, C, B,, | E, D, HG,, G, | G, D, F, E, | A, E, HD,2 |]
W:3. For why? the Lord our God is good,
W:
W:His mercy is for ever sure;
"""

FIDDLE_TUNE = """X:1
T:The Banshee
R:reel
M:C|
L:1/8
K:G
|: "G"~G2 GD EDEG | {c}BAGB "Am7/E"A2 uAvB | (dB{c}BA) "em".B2 .d2 | {/a}g4- !tenuto!g2 "^slowly"ed :|
"""


def tune(music: str, header: str = "") -> Piece:
    return read_abc(HEADER.replace("K:C", header + "K:C") + music + "\n")[0]


def kept(piece: Piece) -> list[Any]:
    """All that comparisons of pieces ignore."""
    bars = [(bar.notation, bar.tempos, bar.jumps, [chord.symbol for chord in bar.chords]) for bar in piece.bars]
    return [piece.instruments, *bars]


def records(piece: Piece, kind: type, voice: int = 0) -> list[Any]:
    """The records of one kind in a voice."""
    return [
        each for bar in piece.bars for each in bar.notation[voice : voice + 1] for each in each if type(each) is kind
    ]


def assert_comes_back(piece: Piece) -> None:
    again = read_abc(write_abc(piece))[0]
    assert kept(again) == kept(piece)
    assert again.note_list() == piece.note_list()


def syllables(piece: Piece, verse: int = 1) -> list[str]:
    """Text and joint of a verse's syllables."""
    return [lyric.text + lyric.joint for lyric in records(piece, Lyric) if lyric.verse == verse]


class TestHymn:
    def test_every_syllable_stands_at_its_note(self) -> None:
        piece = read_abc(OLD_HUNDREDTH)[0]
        verses = [[lyric for lyric in records(piece, Lyric) if lyric.verse == verse] for verse in (1, 2)]
        assert [lyric.text for lyric in verses[0]][:4] == ["1. All", "peo", "ple", "that"]
        assert verses[0][1:3] == [Lyric(0, "peo", 1, "-"), Lyric(24, "ple", 1)]
        assert [len(verse) for verse in verses] == [16, 16]
        assert records(piece, Lyric, voice=1) == []

    def test_fermatas_names_tempo_and_later_verses(self) -> None:
        piece = read_abc(OLD_HUNDREDTH)[0]
        assert records(piece, Mark) == [Mark(48, "fermata")] * 2
        assert piece.instruments == (Instrument("Soprano", "S.", 52), Instrument("Bass", "B."))
        assert piece.bars[0].tempos == (TempoMark(0, 76.0, "Maestoso", 24),)
        assert piece.tempo == 76
        assert [text for letter, text in piece.metadata if letter == "W"] == [
            "3. For why? the Lord our God is good,",
            "",
            "His mercy is for ever sure;",
        ]

    def test_comes_back(self) -> None:
        piece = read_abc(OLD_HUNDREDTH)[0]
        assert_comes_back(piece)
        text = write_abc(piece)
        assert "w: 1.~All peo-ple that on earth do dwell, Sing to the Lord" in text
        assert 'V:S clef=treble name="Soprano" snm="S."\n%%MIDI program 52\n' in text
        assert 'Q:"Maestoso" 1/4=76\n' in text
        assert text.endswith("W:3. For why? the Lord our God is good,\nW:\nW:His mercy is for ever sure;\n")

    def test_without_notation_the_text_is_as_ever(self) -> None:
        piece = read_abc(OLD_HUNDREDTH)[0]
        bars = tuple(replace(bar, notation=(), tempos=()) for bar in piece.bars)
        bare = replace(piece, bars=bars, instruments=(), metadata=())
        assert write_abc(bare).splitlines() == [
            "X:1",
            "T:Old Hundredth",
            "M:4/4",
            "L:1/8",
            "Q:1/4=76",
            "%%score [S B]",
            "V:S clef=treble",
            "V:B clef=bass",
            "K:G",
            "[V:S] G2 | G2 F2 E2 D2 | G2 A2 B2 B2 | B2 B2 A2 G2 | c2 B2 A4 |]",
            "[V:B] G,2 | G,2 D,2 C,2 B,,2 | E,2 D,2 G,,2 G,2 | G,2 D,2 F,2 E,2 | A,2 E,2 D,4 |]",
        ]


class TestLyrics:
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("one two", ["one", "two"]),
            ("syll-a-ble", ["syll-", "a-", "ble"]),
            ("syll-a--ble", ["syll-", "a-", "ble"]),
            ("pa - tient", ["pa-", "tient"]),
            ("time__ of", ["time_", "_", "_", "of"]),
            ("of~the day", ["of the", "day"]),
            ("* * a", ["a"]),
            ("twen\\-ty one", ["twen-ty", "one"]),
            ("Gr\\\"usse caf\\'e", ["Grüsse", "café"]),
            ("\\u0041men", ["Amen"]),
            ("a | b", ["a", "b"]),
        ],
    )
    def test_syllables(self, words: str, expected: list[str]) -> None:
        piece = tune(f"C D E F | G A B c |\nw: {words}")
        assert syllables(piece) == expected
        assert_comes_back(piece)

    def test_a_bar_line_leads_to_the_next_bar(self) -> None:
        piece = tune("C D E F | G A B c | d e f g |\nw: one | two | three")
        assert [[lyric.text for lyric in bar.notation[0]] for bar in piece.bars] == [["one"], ["two"], ["three"]]
        assert_comes_back(piece)

    def test_the_later_part_of_a_tied_note_takes_a_syllable(self) -> None:
        piece = tune("C4- | C2 D2 | E4 |\nw: Ho _ ly night")
        assert [records for bar in piece.bars for records in bar.notation] == [
            (Lyric(0, "Ho", 1, "_"),),
            (Lyric(0, "", 1, "_"), Lyric(48, "ly", 1)),
            (Lyric(0, "night", 1),),
        ]
        assert_comes_back(piece)

    def test_rests_and_grace_notes_take_none(self) -> None:
        piece = tune("z C {de}f [EG] | z4 |\nw: one two three four")
        assert [(lyric.onset, lyric.text) for lyric in records(piece, Lyric)] == [
            (24, "one"),
            (48, "two"),
            (72, "three"),
        ]
        assert dict(piece.losses) == {"a syllable without a note": 1}

    def test_a_verse_may_leave_out_a_line_and_go_on(self) -> None:
        piece = tune("C D E F |\nw:\nw: two-\n+: fold twice\nG A B c |\nw: first\n")
        assert syllables(piece, 2) == ["two-", "fold", "twice"]
        assert syllables(piece, 1) == ["first"]
        assert_comes_back(piece)

    def test_a_line_that_goes_on_in_the_next_is_one(self) -> None:
        piece = tune("C D \\\nE F |\nw: one two three four")
        assert syllables(piece) == ["one", "two", "three", "four"]

    @pytest.mark.parametrize(
        "text", ["100%", "a*b_c|d~e", "back\\slash", "x-y", "“so”", "l’a", "&amp;", "a & b", "[V:2]", "[a]"]
    )
    def test_any_text_comes_back(self, text: str) -> None:
        piece = tune("C4 |")
        bar = replace(piece.bars[0], notation=((Text(0, text), Lyric(0, text)),))
        piece = replace(piece, bars=(bar,), instruments=(Instrument(text, text),))
        assert_comes_back(piece)


def test_words_stand_in_abc_as_other_programs_print_them() -> None:
    """Abcjs prints escapes as they are; abcm2ps takes that of a quotation mark for the end of the words, and that of a
    line for a syllable that is held.
    """
    piece = tune("C2 D2 |")
    notation = (Text(0, 'con “brio” & [dolce] = l’altro "q"'), Lyric(0, "bread & butter"), Lyric(48, "__ Ma|*-"))
    piece = replace(piece, title="Words & music", bars=(replace(piece.bars[0], notation=(notation,)),))
    text = write_abc(piece)
    assert "T:Words & music\n" in text
    assert '"^con “brio” & [dolce] = l’altro “\u200bq”\u200b"C' in text
    assert r"w: bread~&~butter \_\_~Ma\|\*\-" in text
    assert_comes_back(piece)


class TestFiddleTune:
    def test_what_stands_at_the_notes(self) -> None:
        piece = read_abc(FIDDLE_TUNE)[0]
        assert piece.bars[0].notation == ((Mark(0, "roll"),),)
        assert piece.bars[1].notation == (
            (Grace(0, ((GraceNote(72, 12, 0),),)), Mark(72, "upbow"), Mark(84, "downbow")),
        )
        assert piece.bars[2].notation == (
            (
                Span(0, "slur", 0, 36),
                Grace(24, ((GraceNote(72, 12, 0),),)),
                Mark(48, "staccato"),
                Mark(72, "staccato"),
            ),
        )
        assert piece.bars[3].notation == (
            (Grace(0, ((GraceNote(81, 12, 3),),), is_slashed=True), Mark(48, "tenuto"), Text(72, "slowly")),
        )

    def test_comes_back(self) -> None:
        piece = read_abc(FIDDLE_TUNE)[0]
        assert_comes_back(piece)
        assert write_abc(piece).splitlines()[-1] == (
            '|: "G"~G2 GD EDEG | {c}BAGB "Am7/E"A2 uAvB | (dB{c}BA) "em".B2 .d2 | {/a}g4- !tenuto!g2 "^slowly"ed :|'
        )

    def test_chord_symbols_stay_as_they_are_written(self) -> None:
        symbols = [chord.symbol for bar in read_abc(FIDDLE_TUNE)[0].bars for chord in bar.chords]
        assert symbols == [ChordSymbol(1, ""), ChordSymbol(3, "m7", 4), ChordSymbol(4, "m", is_small=True)]

    def test_a_symbol_of_another_chord_is_not_written(self) -> None:
        piece = tune('"Bb(add9)"C4 | "D/f+"D4 |')
        assert '"Bb(add9)"' in write_abc(piece)
        assert '"D/F#"' in write_abc(piece)
        chord = replace(piece.bars[0].chords[0], label="V7")
        piece = replace(piece, bars=(replace(piece.bars[0], chords=(chord,)), *piece.bars[1:]))
        assert '"G7"' in write_abc(piece)


class TestSlurs:
    @pytest.mark.parametrize(
        ("music", "spans"),
        [
            ("(CDEF)", [(0, 72)]),
            ("(C(DE)F)", [(0, 72), (24, 48)]),
            ("(C(D)E)F", [(0, 24), (24, 48)]),
            ("((CD)E)F", [(0, 48), (0, 24)]),
            ("([CE]D) .(EF)", [(0, 24), (48, 72)]),
            ("(3(CDE) F2", [(0, 32)]),
        ],
    )
    def test_nested_and_chained(self, music: str, spans: list[tuple[int, int]]) -> None:
        piece = tune(f"{music} |")
        assert [(span.onset, span.end) for span in records(piece, Span)] == spans
        assert piece.losses == ()
        assert_comes_back(piece)

    def test_over_bar_lines(self) -> None:
        piece = tune("C2 (D2 | E4 | F2) G2 |")
        assert records(piece, Span) == [Span(48, "slur", 2, 0)]
        assert_comes_back(piece)

    @pytest.mark.parametrize(("music", "count"), [("(CD", 1), ("CD)", 1), ("(C)D", 1), ("(" * 50 + "C4|", 50)])
    def test_without_an_end(self, music: str, count: int) -> None:
        piece = tune(music + "|")
        assert records(piece, Span) == []
        assert dict(piece.losses) == {"a slur without an end": count}

    def test_of_grace_notes(self) -> None:
        piece = tune("(C ({d}E) F) G |")
        assert records(piece, Grace) == [Grace(24, ((GraceNote(74, 12, 2),),), is_slurred=True)]
        assert records(piece, Span) == [Span(0, "slur", 0, 48)]
        assert_comes_back(piece)


class TestDecorations:
    @pytest.mark.parametrize(
        ("sign", "name"),
        [
            (".", "staccato"), ("~", "roll"), ("H", "fermata"), ("L", "accent"), ("M", "lowermordent"),
            ("P", "uppermordent"), ("T", "trill"), ("u", "upbow"), ("v", "downbow"), ("!>!", "accent"),
            ("!emphasis!", "accent"), ("!mordent!", "lowermordent"), ("+trill+", "trill"), ("!3!", "3"),
            ("!invertedfermata!", "invertedfermata"), ("!breath!", "breath"), ("!mf!", "mf"), ("!+!", "plus"),
        ],
    )  # fmt: skip
    def test_names(self, sign: str, name: str) -> None:
        piece = tune(f"C {sign}D2 E |")
        assert records(piece, Mark) == [Mark(24, name)]
        assert_comes_back(piece)

    def test_on_rests_chords_and_the_later_part_of_a_tie(self) -> None:
        piece = tune("Hz2 .[CE]2 | G4- | G2- !fermata!G2 |")
        assert [bar.notation for bar in piece.bars] == [
            ((Mark(0, "fermata"), Mark(48, "staccato")),),
            (),
            ((Mark(48, "fermata"),),),
        ]
        assert_comes_back(piece)
        assert len(piece.bars[1].notes[0]) == 1

    def test_letters_that_the_tune_assigns(self) -> None:
        piece = tune('[V:1] nC TD "Tn"E F |', "U:n=!tenuto!\nU: T = !turn!\n")
        assert records(piece, Mark) == [Mark(0, "tenuto"), Mark(24, "turn")]
        assert records(piece, Text) == [Text(48, "Tn")]

    def test_hairpins(self) -> None:
        piece = tune("!<(!C D E !<)!F | !diminuendo(!G4 | A2 !>)!B2 |")
        assert records(piece, Span) == [Span(0, "crescendo", 0, 72), Span(0, "diminuendo", 1, 48)]
        assert_comes_back(piece)

    def test_annotations_and_words(self) -> None:
        piece = tune('"^above"C "_below"D "<left"E ">right"F | "@3,-4 anywhere"G "Fine"A2 ">"B |')
        assert records(piece, Text) == [
            Text(0, "above", "^"),
            Text(24, "below", "_"),
            Text(48, "left", "<"),
            Text(72, "right", ">"),
            Text(0, "anywhere", "@"),
            Text(24, "Fine", "^"),
            Text(72, ">", "^"),
        ]
        assert_comes_back(piece)
        assert '"@0,20 anywhere"G' in write_abc(piece)  # abcm2ps refuses it without coordinates

    def test_dynamics_that_are_not_in_the_standard_are_defined_for_others(self) -> None:
        piece = tune("!f!C4 | !fp!D2 !sf!E2 | !sfz!F4 | !sf!G4 |")
        assert re.findall(r"%%deco .*", write_abc(piece)) == [
            "%%deco fp 6 pf 18 1 10 fp", "%%deco sf 6 pf 18 1 10 sf",
        ]  # fmt: skip
        assert_comes_back(piece)
        assert "%%deco" not in write_abc(tune("!f!C4 | !sfz!F4 |"))

    def test_a_name_that_is_none_is_counted(self) -> None:
        assert dict(tune("!()!C4 |").losses) == {"a decoration without a meaning": 1}


class TestJumps:
    def test_da_capo_al_fine(self) -> None:
        piece = tune("C4 | D4 !fine! | E4 | F4 !D.C.alfine! |]")
        assert [bar.jumps for bar in piece.bars] == [(), ("fine",), (), ("D.C.alfine",)]
        assert piece.playing_order() == [0, 1, 2, 3, 0, 1]
        assert_comes_back(piece)

    def test_dal_segno_and_coda(self) -> None:
        piece = tune("C4 | !segno!D4 | E4 !coda! | F4 !D.S.! | !coda! G4 | c4 |]")
        assert [bar.jumps for bar in piece.bars] == [(), ("segno",), ("dacoda",), ("D.S.",), ("coda",), ()]
        assert piece.playing_order() == [0, 1, 2, 3, 1, 2, 4, 5]
        assert_comes_back(piece)

    def test_after_the_last_bar_line(self) -> None:
        piece = tune("C4 | D4 | !dacapo!\n")
        assert [bar.jumps for bar in piece.bars] == [(), ("D.C.",)]
        assert_comes_back(piece)

    def test_a_sign_that_nothing_leads_to_is_not_in_the_order_written_out(self) -> None:
        piece = tune("SC4 | D4 |")
        assert piece.bars[0].jumps == ("segno",)
        assert [bar.jumps for bar in piece.in_part_order().bars] == [(), ()]


class TestTempos:
    def test_changes_stand_where_they_are(self) -> None:
        piece = tune('C4 | D2 [Q:"Slower" 3/8=40] E2 | [Q:"a tempo"] F4 |', "Q:1/4=120\n")
        assert [bar.tempos for bar in piece.bars] == [
            (),
            (TempoMark(48, 60.0, "Slower", 36),),
            (TempoMark(0, None, "a tempo"),),
        ]
        assert (piece.tempo, dict(piece.losses)) == (120, {"a tempo change": 1})
        assert_comes_back(piece)

    def test_those_of_whole_notes_come_back(self) -> None:
        piece = tune("C4 | [Q:4/4=30] D4 |", "Q:2/1=20\n")
        assert (piece.tempo, piece.bars[1].tempos) == (160, (TempoMark(0, 120.0, "", 96),))
        assert_comes_back(piece)

    def test_names_of_voices_on_two_lines_are_one(self) -> None:
        piece = tune("C4 |", 'V:1 name="Klarinette\\nin B" snm="Kl."\n')
        assert piece.instruments == (Instrument("Klarinette in B", "Kl."),)


class TestSpelling:
    def test_what_the_signature_does_not_spell(self) -> None:
        piece = tune("^D _E ^^C _F | ^D D2 =D |")
        assert [bar.notation for bar in piece.bars] == [
            ((Spelling(0, 63, 9), Spelling(24, 63, -3), Spelling(48, 62, 14), Spelling(72, 64, -8)),),
            ((Spelling(0, 63, 9), Spelling(24, 63, 9)),),
        ]
        assert_comes_back(piece)
        assert "^D2 _E2 ^^C2 _F2 | ^D2 D4 =D2" in write_abc(piece)

    def test_names_of_the_signature_need_no_record(self) -> None:
        piece = read_abc("X:1\nL:1/4\nM:4/4\nK:Dm\nA _B c d | =F B =c2 | ^c2 d2 |\n")[0]
        assert [bar.notation for bar in piece.bars] == [(), (), ((Spelling(0, 73, 7),),)]

    @pytest.mark.parametrize("semitones", [-4, -1, 1, 2, 5])
    def test_names_move_with_the_piece(self, semitones: int) -> None:
        piece = read_abc('X:1\nL:1/4\nM:4/4\nK:E\n"Am7/E"{^A}B ^A _B ^^F | (^D F)!trill!=G2 |\n')[0]
        moved = piece.transpose(semitones)
        assert_comes_back(moved)
        assert len(records(moved, Spelling)) == len(records(piece, Spelling)) == 4
        assert kept(moved.transpose(-semitones)) == kept(piece)

    def test_in_c_and_back(self) -> None:
        piece = read_abc('X:1\nL:1/4\nM:4/4\nK:E\n"Am7/E"{^A}B ^A _B ^^F | (^D F)!trill!=G2 |\n')[0]
        in_c = piece.in_c()
        assert records(in_c, Spelling) != records(piece, Spelling)
        assert in_c.bars[0].chords[0].symbol == ChordSymbol(-1, "m7", 0)
        assert_comes_back(replace(in_c, original_keys=()))
        assert kept(in_c.in_original_key()) == kept(piece)


def test_a_sign_of_two_layers_is_written_once() -> None:
    """Choirs on one staff have a fermata in each layer; two would stand on top of each other."""
    piece = tune("!fermata!g4 & !fermata!B4 | (g2 f2) & (B2 A2) | !accent!g2 f2 & !accent!B4 |")
    assert "H[Bg]8 | ([Bg]4 [Af]4) | Lg4 f4 & B8 |]" in write_abc(piece)
    assert "HH" not in write_abc(piece)
    score = musicxml_bytes(piece).decode()
    assert [score.count(sign) for sign in ("<fermata", "<slur type", "<accent/>")] == [1, 2, 1]


class TestGraceNotes:
    def test_accidentals_chords_and_lengths(self) -> None:
        piece = tune("^C {c2d/[eg]}D {/=c}E2 | {c}d4 |")
        assert records(piece, Grace) == [
            Grace(24, ((GraceNote(73, 12, 7),), (GraceNote(74, 3, 2),), (GraceNote(76, 6, 4), GraceNote(79, 6, 1)))),
            Grace(48, ((GraceNote(72, 12, 0),),), is_slashed=True),
            Grace(0, ((GraceNote(72, 12, 0),),)),
        ]
        assert_comes_back(piece)

    @pytest.mark.parametrize("unit", ["1/4", "1/8", "1/16"])
    def test_are_as_long_as_they_are_printed_whatever_the_unit(self, unit: str) -> None:
        piece = read_abc(f"X:1\nL:{unit}\nK:C\n{{c}}d {{de}}f {{c2}}d {{d2e2}}f |\n")[0]
        durations = [[note.duration for (note,) in grace.notes] for grace in records(piece, Grace)]
        assert durations == [[12], [6, 6], [24], [12, 12]]
        assert [text in write_abc(piece) for text in ("{c}", "{de}", "{c2}", "{d2e2}")] == [True] * 4
        assert_comes_back(piece)

    def test_those_of_two_layers_stand_before_their_notes(self) -> None:
        piece = tune("{a}g2 f2 & {c}B4 | {e}[eg]4 |")
        assert "{a}g4 f4 & {c}B8 | {e}[eg]8 |]" in write_abc(piece)
        assert_comes_back(piece)

    def test_their_accidentals_hold_for_no_other_notes(self) -> None:
        piece = tune("{^f}g f {^f}g2 | f4 |")
        assert [pitch for *_, pitch in piece.note_list()] == [79, 77, 79, 77]
        assert "=f" in write_abc(piece)  # for those who read it otherwise
        assert_comes_back(piece)

    def test_a_clef_moves_them(self) -> None:
        piece = tune("{c}d4 |", "V:T clef=treble-8\n")
        assert records(piece, Grace) == [Grace(0, ((GraceNote(60, 12, 0),),))]
        assert_comes_back(piece)

    def test_without_a_note_they_are_lost(self) -> None:
        assert dict(tune("C4 {de}|]").losses) == {"grace notes without a note": 1}


@pytest.mark.parametrize("pattern", ["hymns/*.abc.gz", "folk/*/*.abc*", "nottingham/*.abc"])
def test_every_tune_of_a_corpus_comes_back(extra_corpora: Path, pattern: str) -> None:
    tunes = [tune for file in sorted(extra_corpora.glob(pattern)) for _, tune in each_tune(file)]
    pieces = [piece for piece in tunes if isinstance(piece, Piece)][::5]
    assert len(pieces) >= 50
    for piece in pieces:
        assert kept(read_abc(write_abc(piece))[0]) == kept(piece), piece.title


def test_staccato_notes_are_no_pair_of_broken_rhythm() -> None:
    """Ryan's collection has such pairs; abc2midi shortens a staccato note first and then plays its pair as even."""
    (piece,) = read_abc("X:1\nM:C\nL:1/8\nK:F\n(f>.a)(g>.e) f>ca>f|.b>.g e<g f4|]\n")
    text = write_abc(piece)
    assert text.endswith("K:F\n(f3/2.a/) (g3/2.e/) f>ca>f | .b3/2.g/ e<g f4 |]\n")
    assert read_abc(text)[0].bars == piece.bars
