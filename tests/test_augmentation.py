"""Variants of tunes: an octave away, written out, cut to phrases; their bars and chords."""

from collections import Counter
from pathlib import Path

from remi_two_stage.analysis.harmony import label_chords
from remi_two_stage.core.piece import Piece
from remi_two_stage.core.ranges import usual_range
from remi_two_stage.corpus.augmentation import AUGMENTATIONS, crop_phrases, mode, note_values, tonic, unfold
from remi_two_stage.scores.abc_reader import read_abc


def test_variants_have_the_chords_of_their_tune(tune_books: dict[str, list[Path]]) -> None:
    made = Counter[str]()
    for path in tune_books["ryansMammoth"][:40]:
        for piece in map(label_chords, read_abc(path)):
            for name, augment in AUGMENTATIONS.items():
                if (variant := augment(piece, path.name)) is not None:
                    assert label_chords(variant) == variant, (piece.title, name)
                    made[name] += 1
    assert min(made[name] for name in AUGMENTATIONS) >= 5


def test_written_out_a_bar_is_joined_where_a_repeat_has_split_it_and_nowhere_else() -> None:
    header = "X:1\nM:4/4\nL:1/4\nK:C\n"
    (split,) = read_abc(header + '|:"C"G|"F"ABcd|"C"edc:|"G"g|"C"c4|')
    written = unfold(split, "")
    assert [bar.length for bar in written.bars] == [24, 96, 96, 96, 96, 96]
    assert [[(chord.onset, chord.label) for chord in bar.chords] for bar in written.bars[2:5:2]] == [
        [(0, "I")],
        [(0, "I"), (72, "V")],
    ]
    (whole,) = read_abc(header + "|:G|ABcd|edcB:|c4|")
    assert [bar.length for bar in unfold(whole, "").bars] == [24, 96, 96, 24, 96, 96, 96]


def test_written_out_a_note_that_is_tied_into_a_first_ending_stops_before_the_second() -> None:
    (piece,) = read_abc("X:1\nM:4/4\nL:1/4\nK:C\n|:CDEF-|1 F4:|2 G4|]\n")
    written = unfold(label_chords(piece), "")
    assert [note.duration for bar in written.bars for note in bar.notes[0] if note.pitch == 65] == [120, 24]


def test_a_part_that_stands_alone_has_four_bars_at_least() -> None:
    (piece,) = read_abc("X:1\nM:4/4\nL:1/4\nK:C\n|:CDEF|GABc:|\n|:cBAG|FEDC:|\n|:EGEG|FAFA:|\n")
    parts = [crop_phrases(piece, str(number)) for number in range(30)]
    assert {len(part.bars) for part in parts} == {4}
    assert {part.bars[0].notes for part in parts} == {piece.bars[0].notes, piece.bars[2].notes}


def test_a_tune_on_another_tonic_is_the_same_in_c_and_stays_in_its_register(tune_books: dict[str, list[Path]]) -> None:
    made = Counter[int]()
    octaves = Counter[int]()
    for path in tune_books["ryansMammoth"][:120]:
        for piece in read_abc(path):
            if (variant := tonic(piece, path.name)) is None:
                continue
            made[variant.key.pitch_class] += 1
            assert abs(variant.key.signature) <= 7
            pitches = [[note.pitch for bar in version.bars for note in bar.notes[0]] for version in (piece, variant)]
            low, high = usual_range("M", piece.style)
            assert low <= min(pitches[1]) <= max(pitches[1]) <= high
            moved = {new - old for new, old in zip(pitches_in_c(variant), pitches_in_c(piece), strict=True)}
            assert len(moved) == 1
            octaves[moved.pop()] += 1
            assert tonic(piece, path.name) == variant
    assert set(made) == {1, 3, 5, 6, 8, 10, 11}
    assert set(octaves) <= {-12, 0, 12}
    assert octaves[0] > 50


def pitches_in_c(piece: Piece) -> list[int]:
    return [note.pitch for bar in piece.in_c().bars for note in bar.notes[0]]


def test_what_fits_no_other_tonic_is_left(tune_books: dict[str, list[Path]]) -> None:
    (piece,) = read_abc("X:1\nM:4/4\nL:1/4\nK:C\nA,Ceb|\n")
    assert tonic(piece, "") is None
    (wide,) = read_abc("X:1\nM:4/4\nL:1/4\nK:G\nDGgg|\n")
    assert tonic(wide, "") is not None


PRIMROSE_LASS = """X:1
T:The Primrose Lass
R:reel
M:C|
L:1/8
K:G
D | BcAB G2GE | DEGA BAA2 | BcAB G2GE | DEGA BGG :|
|: d | Bdgd edgd | Bdgd eAA2 | bgaf gedc | BcAc BGG :|
"""


def test_in_other_note_values_a_reel_is_the_same_tune() -> None:
    (reel,) = map(label_chords, read_abc(PRIMROSE_LASS))
    halved = note_values(reel, "")
    assert str(halved.bars[0].meter) == "2/4"
    assert [bar.length for bar in halved.bars[:2]] == [6, 48]
    assert [(note.onset, note.duration) for note in halved.bars[1].notes[0]] == [
        (0, 6), (6, 6), (12, 6), (18, 6), (24, 12), (36, 6), (42, 6)
    ]  # fmt: skip
    restored = note_values(halved, "")
    assert str(restored.bars[0].meter) == "2/2"
    assert restored.note_list() == reel.note_list()
    (jig,) = map(label_chords, read_abc(PRIMROSE_LASS.replace("C|", "6/8").replace("R:reel", "R:jig")))
    assert note_values(jig, "") is None


def test_in_another_mode_a_tune_has_the_same_degrees() -> None:
    (reel,) = read_abc(PRIMROSE_LASS)
    found = {str(moved.key): moved for moved in (mode(reel, str(number)) for number in range(20))}
    assert set(found) == {"Gmix", "Gdor", "Gmin"}
    for moved in found.values():
        assert {note.pitch % 12 for bar in moved.bars for note in bar.notes[0]} == moved.key.scale
        assert moved.bars[1].chords[0].label in ("I", "i")
        assert [note.onset for bar in moved.bars for note in bar.notes[0]] == [
            note.onset for bar in reel.bars for note in bar.notes[0]
        ]


def test_a_leading_note_of_minor_stays_where_major_has_it_and_other_accidentals_go_with_their_neighbours() -> None:
    (air,) = read_abc("X:1\nM:4/4\nL:1/4\nK:Amin\nA B c ^G|A c e2|^d e c2|^G B A2|\n")
    majors = [moved for moved in (mode(air, str(number)) for number in range(20)) if moved.key.mode == "maj"]
    assert [note.pitch for bar in majors[0].bars for note in bar.notes[0]] == [
        69, 71, 73, 68, 69, 73, 76, 75, 76, 73, 68, 71, 69
    ]  # fmt: skip
