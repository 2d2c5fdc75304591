"""What a reader cannot keep as it is written is counted, in every format alike."""

from pathlib import Path

import pytest
from musicxml_scores import scale, score

from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.score_files import read_score
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.midi_reader import parse_midi
from remi_two_stage.scores.musicxml_reader import read_musicxml

ROUNDED = "a note that begins or ends between two ticks"
WITHIN = "a sign of a jump within a bar"


class TestTimesBetweenTicks:
    """A quarter note has 24 ticks: a quintuplet and 64ths do not fit."""

    def test_of_abc(self) -> None:
        (piece,) = read_abc("X:1\nM:4/4\nL:1/4\nK:C\n(5:4:5C/D/E/F/G/ G2|C/16D15/16 E3|")
        assert dict(piece.losses) == {ROUNDED: 7}

    def test_of_kern(self, tmp_path: Path) -> None:
        path = tmp_path / "air.krn"
        path.write_text("**kern\n*M4/4\n=1\n10c\n10d\n10e\n10f\n10g\n2g\n=2\n64c\n64d\n32e\n16f\n8g\n4e\n2f\n==\n*-\n")
        (piece,) = read_score(path)
        assert [bar.length for bar in piece.bars] == [96, 96]
        assert dict(piece.losses) == {ROUNDED: 7}

    def test_of_midi(self) -> None:
        fifth = bytes([0, 0x90, 60, 80, 0x60, 0x80, 60, 0])  # of a quarter note
        track = 5 * fifth + bytes([0, 0x90, 62, 80, 0x83, 0x48, 0x80, 62, 0, 0, 0xFF, 0x2F, 0])  # released early
        header = b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk"
        piece = parse_midi(header + len(track).to_bytes(4, "big") + track)
        assert [note.onset for note in piece.bars[0].notes[0]] == [0, 5, 10, 14, 19, 24]
        assert dict(piece.losses) == {ROUNDED: 4}


class TestJumpsWithinABar:
    @pytest.mark.parametrize(
        ("music", "count"),
        [
            ("CDEF|GA!fine!Bc|cBAG!D.C.!|", 1),
            ("CDEF|GAB!fine!c|cBAG!D.C.!|", 0),
            ("CDEF|!fine!GABc|cBAG!D.C.!|", 0),
            ("CDEF|GABc!fine!|cBAG!D.C.!|", 0),
            ("CD!segno!EF|GABc|cBAG!D.S.!|", 1),
            ("CDEF|!segno!GABc|cB!D.S.!AG|", 1),
            ("!segno!CDEF|GABc !D.S.!!segno!:|", 0),
            ("C2!fine!EF|GABc!D.C.!|\nV:2\nC2!fine!C2|GABc!D.C.!|", 1),
        ],
    )
    def test_of_abc(self, music: str, count: int) -> None:
        (piece,) = read_abc(f"X:1\nM:4/4\nL:1/4\nK:C\n{music}")
        assert dict(piece.losses).get(WITHIN, 0) == count

    @pytest.mark.parametrize(("before", "count"), [("", 0), ("C", 1), ("CDE", 0), ("CDEF", 0)])
    def test_of_a_fine_in_musicxml(self, before: str, count: int) -> None:
        fine = '<direction><direction-type><words>Fine</words></direction-type><sound fine="yes"/></direction>'
        da_capo = '<direction><direction-type><words>D.C.</words></direction-type><sound dacapo="yes"/></direction>'
        measures = [scale(), scale(before) + fine + scale("CDEF"[len(before) :]), scale() + da_capo]
        piece = read_musicxml(score(measures))
        assert list(piece.playing_order()) == [0, 1, 2, 0, 1]
        assert dict(piece.losses).get(WITHIN, 0) == count

    @pytest.mark.parametrize(("before", "count"), [("", 0), ("C", 1), ("CDEF", 0)])
    def test_of_a_segno_in_musicxml(self, before: str, count: int) -> None:
        segno = '<direction><direction-type><segno/></direction-type><sound segno="1"/></direction>'
        dal_segno = '<direction><direction-type><words>D.S.</words></direction-type><sound dalsegno="1"/></direction>'
        measures = [scale(before) + segno + scale("CDEF"[len(before) :]), scale(), scale() + dal_segno]
        assert dict(read_musicxml(score(measures)).losses).get(WITHIN, 0) == count


@pytest.mark.parametrize(
    ("order", "count"), [("ABX", 1), ("A(BX)2", 1), ("AABB", 0), ("CD", 0), ("A Reel", 0), ("Xylophone", 0)]
)
def test_an_order_with_parts_that_the_tune_has_not(order: str, count: int) -> None:
    (piece,) = read_abc(f"X:1\nP:{order}\nM:4/4\nL:1/4\nK:C\nP:A\nC4|\nP:B\nD4|")
    assert dict(piece.losses).get("an order of parts", 0) == count


def test_to_coda_by_its_second_name() -> None:
    (piece,) = read_abc("X:1\nM:4/4\nL:1/4\nK:C\nC4|D4!tocoda!|E4!D.C.!|!coda!F4|")
    assert list(piece.playing_order()) == [0, 1, 2, 0, 1, 3]


KERN_WITH_SYMBOLS = """**kern	**kern	**mxhm
*M4/4	*M4/4	*
*k[b-]	*k[b-]	*
*F:	*F:	*
=1	=1	=1
2F	4f	F major
.	4g	.
2C	4a	C dominant/E
.	4cc	.
=2	=2	=2
1BB-	1b-	B- major-seventh
.	.	G minor
=3	=3	=3
4.F	8f	F:maj7
.	4g	D- diminished
.	8qa	.
8C	8a	C7sus4
2r	2r	what
==	==	==
*-	*-	*-
"""


def test_chord_symbols_of_kern(tmp_path: Path) -> None:
    (tmp_path / "song.krn").write_text(KERN_WITH_SYMBOLS)
    (piece,) = read_score(tmp_path / "song.krn")
    assert [[(chord.onset, chord.label, chord.bass) for chord in bar.chords] for bar in piece.bars] == [
        [(0, "I", 0), (48, "V7", 4)],
        [(0, "IVmaj7", 0), (48, "ii", 0)],
        [(0, "Imaj7", 0), (12, "bvio", 0), (36, "V7sus4", 0)],
    ]
    assert '"Bbmaj7"' in write_abc(piece)
    assert dict(piece.losses) == {"a chord symbol that names no chord": 1, "a grace note": 1}


def test_metres_of_midi_that_contradict_each_other() -> None:
    metres = bytes([0, 0xFF, 0x58, 4, 4, 2, 24, 8, 0, 0xFF, 0x58, 4, 1, 2, 24, 8, 0, 0xFF, 0x58, 4, 1, 2, 24, 8])
    track = metres + bytes([0, 0x90, 62, 80, 0x83, 0x60, 0x80, 62, 0, 0, 0xFF, 0x2F, 0])
    piece = parse_midi(b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk" + len(track).to_bytes(4, "big") + track)
    assert (str(piece.meter), dict(piece.losses)) == ("1/4", {"a time signature": 1})
