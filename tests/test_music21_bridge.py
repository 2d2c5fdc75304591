"""music21 scores and MusicXML say the same music as `Piece`, both ways, for real scores and for absurd ones."""

import re
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import music21
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tunes import kesh_jig

from remi_two_stage.analysis.harmony import label_chords
from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.chords import CHORD_LABELS, UNKNOWN_CHORD
from remi_two_stage.core.errors import ScoreFormatError
from remi_two_stage.core.notation import Lyric
from remi_two_stage.core.piece import Bar, Chord, Note, Piece
from remi_two_stage.core.playing_order import repeat_targets
from remi_two_stage.core.signatures import MODES, Key, Meter, name_at
from remi_two_stage.score_files import read_score, write_score
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.kern_text import kern_losses, spines_of_lines
from remi_two_stage.scores.music21_bridge import from_music21, to_music21
from remi_two_stage.scores.musicxml_writer_rhythm import values_of

KEYS = [Key(name_at(sharps - MODES[mode]), mode) for mode in MODES for sharps in range(-7, 8)]


def as_written(piece: Piece) -> tuple[Bar, ...]:
    """The bars without what MusicXML does not keep."""
    return tuple(
        replace(
            bar,
            notes=tuple(tuple(replace(note, velocity=None) for note in sung) for sung in bar.notes),
            phrase_start=False,
            ending_end=False,
        )
        for bar in piece.bars
    )


def through_musicxml(piece: Piece, folder: Path) -> Piece:
    write_score(piece, folder / "score.musicxml")
    (read,) = read_score(folder / "score.musicxml")
    return read


@pytest.fixture(scope="module")
def chorale() -> music21.stream.Score:
    return music21.corpus.parse("bach/bwv66.6")


def test_a_chorale_keeps_its_notes_bars_and_voices(chorale: music21.stream.Score) -> None:
    piece = from_music21(chorale)
    assert piece.voices == ("S", "A", "T", "B")
    assert (piece.key, piece.meter, piece.bar_count) == (Key("F#", "min"), Meter(4, 4), 9)
    assert piece.bars[0].is_pickup
    assert piece.bars[0].length == 24
    expected = [
        (voice, Fraction(note.getOffsetInHierarchy(part)), Fraction(note.quarterLength), note.pitch.midi)
        for voice, part in zip("SATB", chorale.parts, strict=True)
        for note in part.stripTies().recurse().notes
    ]
    assert sorted(piece.note_list()) == sorted(expected)


def test_a_fermata_ends_a_phrase(chorale: music21.stream.Score) -> None:
    bars = from_music21(chorale).bars
    fermatas = [
        number
        for number, measure in enumerate(chorale.parts[0].getElementsByClass("Measure"))
        if any(note.expressions for note in measure.notes)
    ]
    assert fermatas
    assert [index for index, bar in enumerate(bars) if bar.phrase_start] == [
        0,
        *(number + 1 for number in fermatas if number + 1 < len(bars)),
    ]


@pytest.mark.parametrize("work", ["bwv66.6", "bwv84.5", "bwv269", "bwv302", "bwv153.1"])
def test_chorales_pass_through_musicxml(work: str, tmp_path: Path) -> None:
    piece = label_chords(from_music21(music21.corpus.parse(f"bach/{work}")), "beat")
    again = through_musicxml(piece, tmp_path)
    assert as_written(again) == as_written(piece)
    assert (again.voices, again.title) == (piece.voices, piece.title)


def test_tunes_of_a_tune_book_pass_through_musicxml(tune_books: dict[str, list[Path]], tmp_path: Path) -> None:
    for book in tune_books.values():
        for piece in read_abc(book[0], errors="collect")[:6]:
            assert as_written(through_musicxml(piece, tmp_path)) == as_written(piece), piece.title


def test_the_score_itself_reads_back() -> None:
    piece = replace(kesh_jig(), tempo=180.0)
    again = from_music21(to_music21(piece))
    assert as_written(again) == as_written(piece)
    assert (again.voices, again.title, again.tempo) == (("M",), "The Kesh Jig", 180.0)


def test_music21_understands_the_repeats() -> None:
    piece = kesh_jig()
    played = to_music21(piece).expandRepeats()
    assert [note.pitch.midi for note in played.flatten().notes if isinstance(note, music21.note.Note)] == [
        pitch for _, _, _, pitch in piece.note_list(unfold_repeats=True)
    ]


def test_every_chord_label_passes_through_musicxml(tmp_path: Path) -> None:
    labels = [label for label in CHORD_LABELS if label != UNKNOWN_CHORD]
    bars = tuple(Bar(Meter(), Key("Eb"), 96, ((Note(0, 63, 96),),), (Chord(0, label),)) for label in labels)
    again = through_musicxml(Piece(("M",), bars), tmp_path)
    assert [bar.chords for bar in again.bars] == [(Chord(0, label),) for label in labels]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_every_key_survives_with_its_mode_and_spells_its_scale_without_accidentals(key: Key) -> None:
    scale = [60 + (key.pitch_class + step) % 12 for step in _steps(key.mode)]
    notes = tuple(Note(12 * index, pitch, 12) for index, pitch in enumerate(scale))
    score = to_music21(Piece(("M",), (Bar(Meter(7, 8), key, 84, (notes,)),)))
    assert from_music21(score).key == key
    accidentals = [note.pitch.accidental for note in score.flatten().notes]
    assert not any(accidental and accidental.displayStatus for accidental in accidentals)
    assert [note.pitch.midi for note in score.flatten().notes] == scale


def _steps(mode: str) -> list[int]:
    return sorted(7 * (MODES[mode] - 1 + step) % 12 for step in range(7))


@st.composite
def bars(draw: st.DrawFn, voices: int, is_first: bool) -> Bar:
    meter = draw(st.sampled_from([Meter(4, 4), Meter(3, 4), Meter(6, 8), Meter(7, 8), Meter(5, 16), None]))
    full = meter.bar_length if meter else 60
    length = draw(st.one_of(st.just(full), st.integers(1, 2 * full)))
    is_pickup = meter is not None and length < full and (is_first or draw(st.booleans()))
    note = st.builds(Note, st.integers(0, length - 1), st.integers(30, 90), st.integers(1, 200))
    chord = st.builds(Chord, st.integers(0, length - 1), st.sampled_from(["I", "V7", "bVII", "iiø7", "N"]))
    return Bar(
        meter,
        draw(st.sampled_from(KEYS)),
        length,
        tuple(tuple(sorted(draw(st.lists(note, max_size=5)))) for _ in range(voices)),
        tuple(sorted(draw(st.lists(chord, max_size=3, unique_by=lambda chord: chord.onset)))),
        is_pickup=is_pickup,
        repeat_start=draw(st.booleans()),
        endings=draw(st.sampled_from([(), (), (), (1,), (2,), (1, 3)])),
        repeat_end=draw(st.booleans()),
    )


@st.composite
def pieces(draw: st.DrawFn) -> Piece:
    voices = draw(st.sampled_from([("M",), ("S", "A", "T", "B"), ("V1", "V2")]))
    count = draw(st.integers(1, 4))
    return Piece(voices, tuple(draw(bars(len(voices), index == 0)) for index in range(count)))


@settings(max_examples=40, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(piece=pieces())
def test_any_piece_passes_through_musicxml(piece: Piece, tmp_path: Path) -> None:
    end = sum(Fraction(bar.length, 24) for bar in piece.bars)
    again = through_musicxml(piece, tmp_path)
    clipped = [(voice, onset, min(duration, end - onset), pitch) for voice, onset, duration, pitch in piece.note_list()]
    assert again.note_list() == sorted(
        clipped, key=lambda note: (note[1], piece.voices.index(note[0]), note[3], note[2])
    )
    targets = repeat_targets(piece.bars)
    assert [replace(bar, notes=()) for bar in as_written(again)] == [
        replace(bar, notes=(), repeat_start=index in targets if index else bar.repeat_start)
        for index, bar in enumerate(as_written(piece))
    ]


def test_a_note_struck_again_beside_a_tied_one_stays_two_notes(tmp_path: Path) -> None:
    notes = (Note(0, 58, 48), Note(0, 67, 24), Note(24, 67, 24))
    piece = Piece(("M",), (Bar(Meter(2, 4), Key("C"), 48, (notes,)),))
    assert through_musicxml(piece, tmp_path).note_list() == piece.note_list()


def test_chords_voices_graces_and_ties_of_a_foreign_score() -> None:
    measure = music21.stream.Measure(number=1)
    measure.insert(0, music21.meter.TimeSignature("2/4"))
    measure.insert(0, music21.key.KeySignature(-3))
    upper, lower = music21.stream.Voice(id="1"), music21.stream.Voice(id="2")
    grace = music21.note.Note("D5").getGrace()
    held = music21.note.Note("E-5", quarterLength=1)
    held.tie = music21.tie.Tie("start")
    tied = music21.note.Note("E-5", quarterLength=1)
    tied.tie = music21.tie.Tie("stop")
    upper.append([grace, held, tied])
    lower.append(music21.chord.Chord(["C3", "G3"], quarterLength=2))
    measure.insert(0, upper)
    measure.insert(0, lower)
    piece = from_music21(music21.stream.Score([music21.stream.Part([measure])]))
    assert piece.note_list() == [("M", 0, 2, 48), ("M", 0, 2, 55), ("M", 0, 2, 75)]
    assert piece.key == Key("C", "min")


def test_an_opus_is_not_one_score() -> None:
    with pytest.raises(ScoreFormatError, match="Opus is not one score"):
        from_music21(music21.stream.Opus())


def test_a_score_without_music_is_refused() -> None:
    with pytest.raises(ScoreFormatError, match="no measures"):
        from_music21(music21.stream.Score())


def test_importing_the_bridge_does_not_import_music21() -> None:
    program = "import sys, remi_two_stage.score_files; print('music21' in sys.modules or 'torch' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"


def test_transposing_instruments_are_read_as_they_sound() -> None:
    written = music21.converter.parse("tinynotation: 4/4 d4 e f# d")
    written.measure(1).insert(0, music21.key.Key("D"))
    written.insert(0, music21.instrument.Clarinet())
    written.atSoundingPitch = False
    piece = from_music21(music21.stream.Score([written]))
    assert [pitch for _, _, _, pitch in piece.note_list()] == [60, 62, 64, 60]
    assert piece.key == Key("C")
    assert written.recurse().notes.first().pitch.midi == 62


def test_neither_text_nor_rests_of_one_part_make_a_bar_longer() -> None:
    upper, lower = (music21.converter.parse(f"tinynotation: 2/4 {notes}") for notes in ("c4 d e f", "c2 d2"))
    upper.measure(1).insert(3.5, music21.expressions.TextExpression("cresc."))
    lower.measure(1).insert(2.0, music21.note.Rest(quarterLength=2))
    piece = from_music21(music21.stream.Score([upper, lower]))
    assert [bar.length for bar in piece.bars] == [48, 48]
    lower.measure(2).insert(2.0, music21.note.Note("e4"))
    assert [bar.length for bar in from_music21(music21.stream.Score([upper, lower])).bars] == [48, 72]


def test_notes_without_length_are_left_out() -> None:
    part = music21.converter.parse("tinynotation: 2/4 c4 d")
    part.measure(1).insert(1.0, music21.note.Note("g4", duration=music21.duration.Duration(0)))
    assert [pitch for _, _, _, pitch in from_music21(part).note_list()] == [60, 62]


def test_kern_says_the_mode_beside_the_signature(music21_corpus: Path) -> None:
    (piece,) = read_score(music21_corpus / "bach" / "bwv277.krn")
    assert (piece.key, piece.voices, piece.bars[0].is_pickup) == (Key("A", "min"), ("S", "A", "T", "B"), True)


def test_a_measure_of_absurd_length_is_refused() -> None:
    part = music21.stream.Part([music21.stream.Measure([music21.note.Note("c4", quarterLength=1e6)])])
    with pytest.raises(ScoreFormatError, match="bar 1: the measure is 1000000 quarter notes long"):
        from_music21(part)


def test_a_choirs_voices_have_their_clefs_however_high_they_sing() -> None:
    bar = Bar(Meter(), Key(), 96, tuple((Note(0, pitch, 96),) for pitch in (72, 67, 64, 62)))
    score = to_music21(Piece(("M", "A", "T", "B"), (bar,)))
    clefs = [next(iter(part[music21.clef.Clef])).name for part in score.parts]
    assert clefs == ["treble", "treble", "treble8vb", "bass"]


@pytest.mark.parametrize("voices", [("S", "A", "T", "B"), ("M", "A", "T", "B"), ("V1", "V2", "V3"), ("S", "T")])
@pytest.mark.parametrize("lowest", [30, 48, 57, 58, 70])
def test_a_voice_has_the_same_staff_and_clef_in_abc_and_in_a_score(voices: tuple[str, ...], lowest: int) -> None:
    notes = tuple((Note(0, lowest + 3 * place, 96),) for place in range(len(voices), 0, -1))
    piece = Piece(voices, (Bar(Meter(), Key(), 96, notes),))
    text = write_abc(piece)
    assert f"%%score [{(' ' if 'T' in voices else ' | ').join(voices)}]\n" in text
    in_abc = re.findall(r"^V:\S+ clef=(\S+)$", text, re.MULTILINE)
    in_score = [next(iter(part[music21.clef.Clef])).name for part in to_music21(piece).parts]
    assert in_abc == [name.replace("8vb", "-8") for name in in_score]
    assert from_music21(to_music21(piece)).note_list() == piece.note_list() == read_abc(text)[0].note_list()


@pytest.mark.parametrize("meter", [Meter(4, 4), Meter(6, 8), Meter(7, 8), None])
@pytest.mark.parametrize("ticks", range(1, 97))
def test_any_length_is_notated_as_long_as_it_is(ticks: int, meter: Meter | None) -> None:
    bar = Bar(meter, Key(), 96, ((Note(0, 60, ticks),),))
    values = values_of(tuple(sorted({0, ticks, 96})), (True, False)[: 1 + (ticks < 96)], bar)
    lengths = {"whole": 96, "half": 48, "quarter": 24, "eighth": 12, "16th": 6, "32nd": 3, "64th": Fraction(3, 2)}
    for value in values:
        kind = re.fullmatch(r"<type>(\w+)</type>((?:<dot/>)*)", value.type)
        assert kind is not None
        triplet = Fraction(2, 3) if value.ratio else 1
        dots = kind[2].count("dot")
        assert value.end - value.start == lengths[kind[1]] * (2 - Fraction(1, 2**dots)) * triplet
    assert [value.start for value in values[1:]] == [value.end for value in values[:-1]]
    assert ticks in {value.end for value in values}


KERN_WITH_NOTATION = """**kern\t**text\t**dynam
*M4/4\t*\t*
*MM120\t*\t*
=1\t=1\t=1
4c\tA-\tp
8qd\t.\t.
(4d\t-men\t<
4e'T)\tLord_\t[
4f;\t_\tf
*^\t*\t*
*\t*MM90\t*\t*
=2\t=2\t=2\t=2
4g^\t4c\tAll-\t.
2(a\t2(c\t-le-\t.
4g)\t4c)\t-lu-\t>
*v\t*v\t*\t*
=3\t=3\t=3
1c;\t-ia\t.
==\t==\t==
*-\t*-\t*-
"""


@pytest.mark.parametrize("staffs", ["", "*staff1\t*staff1\t*staff1\n"])
def test_what_is_dropped_of_a_kern_file_is_counted_whether_music21_keeps_it_or_not(staffs: str, tmp_path: Path) -> None:
    first, rest = KERN_WITH_NOTATION.split("\n", 1)
    (tmp_path / "amen.krn").write_text(f"{first}\n{staffs}{rest}")
    (piece,) = read_score(tmp_path / "amen.krn")
    assert [pitch for *_, pitch in piece.note_list() if pitch != 60] == [62, 64, 65, 67, 69, 67]
    assert dict(piece.losses) == {
        "a dynamic": 4,
        "a grace note": 1,
        "a slur": 3,
        "a tempo change": 1,
        "an ornament or articulation": 3,
    }


def test_words_of_kern_are_those_of_the_spine_to_their_left(tmp_path: Path) -> None:
    lines = ["**kern **text **kern **text **text", "*M2/4 * *M2/4 * *", "=1 =1 =1 =1 =1", "4C O 8cc Sing Al-"]
    lines += [
        ". . 8dd to -le-",
        "4D- Lord 4ee Him_ -lu-",
        "=2 =2 =2 =2 =2",
        "[4C _ 4r x .",
        "4C] . 4cc all -ia",
        "*- *- *- *- *-",
    ]
    (tmp_path / "song.krn").write_text("\n".join(lines).replace(" ", "\t"))
    (piece,) = read_score(tmp_path / "song.krn")
    sung = [
        [(index, each.onset, each.verse, each.text + each.joint) for index, bar in enumerate(piece.bars)
         for each in (bar.notation[voice] if bar.notation else ()) if isinstance(each, Lyric)]
        for voice in (0, 1)
    ]  # fmt: skip
    assert sorted(sung[0], key=lambda each: each[2]) == [
        (0, 0, 1, "Sing"), (0, 12, 1, "to"), (0, 24, 1, "Him"), (1, 24, 1, "all"),
        (0, 0, 2, "Al-"), (0, 12, 2, "le-"), (0, 24, 2, "lu-"), (1, 24, 2, "ia"),
    ]  # fmt: skip
    assert sung[1] == [(0, 0, 1, "O"), (0, 24, 1, "Lord")]
    assert dict(piece.losses) == {"a lyric": 1}


@pytest.mark.parametrize(
    ("encoding", "newline"), [("utf-8-sig", "\r\n"), ("utf-16", "\n"), ("latin-1", "\r"), ("utf-8", "\n")]
)
def test_kern_in_any_encoding_has_its_composer(encoding: str, newline: str, tmp_path: Path) -> None:
    text = "!!!COM: Dvořák\n" if encoding != "latin-1" else "!!!COM: Fauré\n"
    text += "!!!OTL: Air\n**kern\n*M4/4\n=1\n4c\n4d\n2e\n==\n*-\n"
    (tmp_path / "air.krn").write_bytes(text.replace("\n", newline).encode(encoding))
    (piece,) = read_score(tmp_path / "air.krn")
    assert [pitch for *_, pitch in piece.note_list()] == [60, 62, 64]
    assert (piece.title, piece.metadata) == ("Air", (("C", text[8 : text.index("\n")]),))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("**kern\n*M4/4\n=1\n4c\t4d\n4e\n*-\n", r"x\.krn, line 4: the line has 2 tokens in place of 1; separate"),
        ("Dear all,\nplease find attached\n", r"x\.krn: this is no Humdrum file: it begins with 'Dear all,'"),
    ],
)
def test_what_is_wrong_in_kern_has_its_line(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.krn").write_text(text)
    with pytest.raises(ScoreFormatError, match=message):
        read_score(tmp_path / "x.krn")


def test_spines_of_kern_may_begin_with_blanks_between_them(tmp_path: Path) -> None:
    (tmp_path / "x.krn").write_text("**kern  **kern\n*M4/4\t*M4/4\n=1\t=1\n1C\t1c\n==\t==\n*-\t*-\n")
    assert [pitch for *_, pitch in read_score(tmp_path / "x.krn")[0].note_list()] == [60, 48]


def test_chord_symbols_of_kern_are_counted() -> None:
    text = "**kern\t**jazz\t**fb\n=1\t=1\t=1\n2c\tC\t6\n2d\t.\t.\n*-\t*-\t*-\n"
    assert kern_losses(text) == {"a chord symbol": 1, "a figured bass": 1}
    order = "**kern\n*>[A,A,B]\n*>norep[A,B]\n*>A\n{}\n1c\n*>B\n=2\n1d\n*-\n"
    assert kern_losses(order.format("=1")) == {"an order of parts": 1}
    assert not kern_losses(order.format("=1:|!"))
    assert not kern_losses(order.format("=1").replace("A,A", "A"))
    assert kern_losses("**kern\t**kern\n4c\n4d\t4e\n*-\t*-\n") == {"a line without a token for each spine": 1}


def test_spines_of_kern_may_change_places() -> None:
    text = "**kern\t**text\n4c\tA\n*x\t*x\n-men\t(4d\n*+\t*\n*\t**dynam\t*\nA-\tp\t4e\n*-\t*-\t*-\n**text\n(no slur)"
    assert kern_losses(text) == {"a slur": 1, "a dynamic": 1}
    assert [token for line in spines_of_lines(text) for kind, token in line if kind == "**text"][:3] == [
        "A",
        "-men",
        "A-",
    ]


def test_what_is_dropped_of_a_score_is_counted() -> None:
    sharp = music21.note.Note("c4", lyric="Oh")
    sharp.pitch.accidental = "half-sharp"
    notes = [sharp, music21.note.Note("d4"), music21.note.Unpitched(), music21.chord.Chord("c4 e4")]
    notes[1].expressions += [music21.expressions.Mordent(), music21.expressions.Fermata()]
    notes[1].articulations = [music21.articulations.Staccato(), music21.articulations.Fingering(3)]
    measure = music21.stream.Measure(notes)
    measure.insert(1, music21.note.Note("e5").getGrace())
    measure.insert(2, music21.chord.Chord("c5 e5").getGrace())
    measure.insert(0, music21.dynamics.Dynamic("mf"))
    measure.insert(0, music21.harmony.ChordSymbol("C"))
    measure.insert(2, music21.harmony.ChordSymbol())
    measure.insert(2, music21.tempo.MetronomeMark(number=80))
    measure.insert(3, music21.tempo.MetronomeMark(number=60))
    measure.append(music21.repeat.DaCapoAlFine())
    spanners = [music21.spanner.Slur(notes[:2]), music21.dynamics.Crescendo(notes[:2])]
    part = music21.stream.Part([measure, *spanners])
    assert dict(from_music21(part).losses) == {
        "a chord symbol that names no chord": 1,
        "a dynamic": 2,
        "a grace note": 3,
        "a jump (D.C., D.S.)": 1,
        "a lyric": 1,
        "a microtone": 1,
        "a percussion note": 1,
        "a slur": 1,
        "a tempo change": 2,
        "an ornament or articulation": 3,
    }


def test_a_score_of_which_nothing_is_dropped_has_no_losses(chorale: music21.stream.Score) -> None:
    assert from_music21(chorale).losses == ()
    assert from_music21(to_music21(replace(kesh_jig(), tempo=90))).losses == ()
