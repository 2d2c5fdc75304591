"""Roman numerals of kern files (`**harm`): the chords of the plan, in the key that the file says."""

from pathlib import Path

import pytest

from remi_two_stage import read_score
from remi_two_stage.core.piece import Chord, Piece
from remi_two_stage.core.signatures import Key
from remi_two_stage.scores.kern_numerals import chord_of_numeral

MINUET = """**harm	**kern	**kern
*	*k[b-e-a-]	*k[b-e-a-]
*	*E-:	*E-:
*	*M3/4	*M3/4
.	4r	8.e-
.	.	16g
=1	=1	=1
I	4E-	4b-
.	4r	4b-
.	4e-	4ee-
=2	=2	=2
V7c	4f	4dd
?	4r	4b-
V7b/V	4A	4ff
=3	=3	=3
V	2.B-	2.b-
=:|!	=:|!	=:|!
=	=	=
*	*B-:	*B-:
IV[ii]	4E-	4g
4Ic	4F	4f
V7		4e-
=4	=4	=4
I;	2.BB-	2.d
==	==	==
*-	*-	*-
"""


def read(tmp_path: Path, text: str) -> Piece:
    (tmp_path / "minuet.krn").write_text(text)
    (piece,) = read_score(tmp_path / "minuet.krn")
    return piece


def test_numerals_are_the_chords_of_the_plan_and_no_notes(tmp_path: Path) -> None:
    piece = read(tmp_path, MINUET)
    assert [[(chord.onset, chord.label, chord.bass) for chord in bar.chords] for bar in piece.bars] == [
        [],
        [(0, "I", 0)],
        [(0, "V7", 7), (48, "II7", 4)],
        [(0, "V", 0)],
        [(0, "I", 0), (24, "V", 7), (48, "II7", 0)],
        [(0, "V", 0)],
    ]
    assert [bar.length for bar in piece.bars] == [24, 72, 72, 72, 72, 72]
    assert piece.bars[4].notes[1][0].pitch == 51  # the voice under the empty token goes on
    assert dict(piece.losses) == {"a chord symbol that names no chord": 1}
    without = read(tmp_path, "\n".join(line.split("\t", 1)[-1] for line in MINUET.split("\n")))
    assert without.note_list() == piece.note_list()


def test_symbols_come_before_numerals(tmp_path: Path) -> None:
    text = "**kern\t**harm\t**mxhm\n*C:\t*\t*\n*M2/4\t*\t*\n4c\tI\tC major\n4e\tV\t.\n=\t=\t=\n"
    text += "2d\t.\tG dominant\n*-\t*-\t*-\n"
    piece = read(tmp_path, text)
    assert [[chord.label for chord in bar.chords] for bar in piece.bars] == [["I"], ["V7"]]
    assert dict(piece.losses) == {"a chord symbol that names no chord": 2}


@pytest.mark.parametrize(
    ("numeral", "key", "name"),
    [
        ("I", "C", "C"), ("ii7", "C", "Dm7"), ("IVM7", "C", "Fmaj7"), ("IV7", "C", "Fmaj7"), ("Im7", "C", "C7"),
        ("viio", "C", "Bdim"), ("viio7", "C", "Bm7b5"), ("viioD7", "C", "Bdim7"), ("iiib", "C", "Em/G"),
        ("V7d", "C", "G7/F"), ("-II", "C", "Db"), ("-VI", "C", "Ab"), ("#ivo", "C", "F#dim"), ("III+", "C", "Eaug"),
        ("V9", "C", "G9"), ("Vm9", "C", "G7b9"), ("i7", "a", "Am7"), ("iio7", "a", "Bm7b5"), ("V", "a", "E"),
        ("viio7", "a", "G#dim7"), ("VII", "a", "G"), ("-VII7", "a", "G7"), ("VI", "a", "F"), ("III", "a", "C"),
        ("V9", "a", "E7b9"), ("V7/V", "a", "B7"), ("viioD7b/V", "C", "F#dim7/A"), ("V7/ii", "C", "A7"),
        ("V/V/V", "C", "A"), ("V7/N", "C", "Ab7"), ("Nb", "a", "Bb/D"), ("Lt", "C", "Ab7"), ("Gnd", "C", "Ab7/Gb"),
        ("(4V7)", "E-", "Bb7"), ("r", "C", "N.C."), ("Fr", "C", "D7b5/Ab"), ("Frb", "a", "B7b5/A"),
        ("Frc", "C", "D7b5"), ("Fr/V", "C", "A7b5/Eb"),
    ],
)  # fmt: skip
def test_a_numeral_counts_from_its_key(numeral: str, key: str, name: str) -> None:
    home = Key.parse("C")
    chord = chord_of_numeral(numeral, key, home, home)
    assert chord is not None
    assert chord.name(home, Key.parse(key.replace("-", "b")) if key != "a" else Key("A", "min")) == name
    other = chord_of_numeral(numeral, key, home, Key("D", "maj"))
    assert other is not None
    assert chord.label == "N" or other.label != chord.label


@pytest.mark.parametrize("numeral", ["?", "Fr7", "VIII", "V/?", "iv6", "V7M9M", "", "/V"])
def test_what_has_no_label_is_no_chord(numeral: str) -> None:
    assert chord_of_numeral(numeral, "C", Key(), Key()) is None


def test_numerals_without_a_key_count_from_that_of_the_bar() -> None:
    assert chord_of_numeral("V7", "", Key("A", "min"), Key("C", "maj")) == Chord(0, "III7")
