"""How bars are divided into note values, triplets and beams, in ABC and in MusicXML."""

from xml.etree import ElementTree

import pytest

from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.piece import Piece
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.musicxml_reader import read_musicxml
from remi_two_stage.scores.musicxml_writer import musicxml_bytes

LETTERS = {"half": "h", "quarter": "q", "eighth": "e", "16th": "s"}


def tune(text: str, meter: str, unit: str) -> Piece:
    """A tune in C major, of which both formats give the notes back."""
    (piece,) = read_abc(f"X:1\nM:{meter}\nL:{unit}\nK:C\n{text}\n")
    assert read_abc(write_abc(piece))[0].note_list() == piece.note_list()
    assert read_musicxml(musicxml_bytes(piece)).note_list() == piece.note_list()
    return piece


def rewritten(text: str, meter: str, unit: str = "1/8") -> str:
    """What stands below the K: line of the tune as it is written again, with L:1/8 or that of its metre."""
    return write_abc(tune(text, meter, unit)).split("\nK:C\n")[1].rstrip("\n")


def engraved(text: str, meter: str, unit: str = "1/8") -> str:
    """The values of the tune in MusicXML by their first letters, capital for rests, with dots, `~` for ties, `_` for
    beams and brackets for tuplets.
    """
    signs = ""
    for note in ElementTree.fromstring(musicxml_bytes(tune(text, meter, unit))).iter("note"):
        edges = [tuplet.get("type") for tuplet in note.iter("tuplet")]
        letter = LETTERS[note.findtext("type", "")]
        is_tied = any(tie.get("type") == "start" for tie in note.iter("tie"))
        is_beamed = note.findtext("beam") in ("begin", "continue")
        signs += "(" * ("start" in edges) + (letter if note.find("rest") is None else letter.upper())
        signs += "." * len(note.findall("dot")) + "~" * is_tied + ")" * ("stop" in edges) + ("_" if is_beamed else " ")
    return signs.rstrip()


class TestTriplets:
    @pytest.mark.parametrize(
        ("text", "meter"),
        [
            ("F2 (3C2D2E2 | (3C2D2E2 F2 |]", "3/4"),
            ("(3C2D2E2 |]", "2/4"),
            ("C2 (3D2E2F2 G2 | C2 (3D2z2F2 G2 |]", "4/4"),
            ("C2 (3D2E2F2 G2 | (3C4D4E4 |]", "C|"),
            ("C2 (3:2:2D4E2 G2 | C2 (3:2:2z2E4 G2 |]", "4/4"),
            ("C2 (3D2E3F G2 | (6:4:3CD3E2 F4 |]", "4/4"),
            ("(3C4D4E4 | (3:2:2C8D4 |]", "4/4"),
            ("(3C4D4E4 |]", "2/2"),
            ("(3C4D4E4 F4 | F4 (3C4D4E4 |]", "3/2"),
            ("z (3BAG z (3BAG (3AGE |]", "4/4"),
            ("A (3Bcd efg | (3Bcd e fga |]", "6/8"),
            ("A (3Bcd | (3Bcd e |]", "3/8"),
        ],
    )
    def test_stay_whole_wherever_they_begin(self, text: str, meter: str) -> None:
        assert rewritten(text, meter) == text

    @pytest.mark.parametrize(
        ("text", "meter"),
        [
            ("(3:2:4A/B/ce (3:2:4cd/e/f (3:2:4cde/f/ (3:2:5c/d/ef/g/ |]", "4/4"),
            ("(3:2:4A/4B/4c/e/ d2 (3A/B/c/ d2 |]", "6/8"),
            ("(6:4:3C3/2D/E (6:4:3E/D3/2C (3:2:2C2D (3:2:2EF2 |]", "4/4"),
        ],
    )
    def test_stay_whole_with_shorter_notes_in_them(self, text: str, meter: str) -> None:
        assert rewritten(text, meter) == text

    @pytest.mark.parametrize(
        ("text", "meter"),
        [
            ("G2- (3G2A2B2 c2 |]", "4/4"),
            ("G2 (3A2B2c2- c2 |]", "4/4"),
            ("G2- (3G2A2B2- B2 |]", "C|"),
            ("C- (3CDE F2 G |]", "6/8"),
        ],
    )
    def test_of_equal_notes_stay_whole_where_they_are_tied(self, text: str, meter: str) -> None:
        assert rewritten(text, meter) == text

    @pytest.mark.parametrize("text", ["(3CDE- (3EFG A4 |]", "(3:2:2C2D (3:2:2EF2 G4 |]", "(3CDz (3zEF G4 |]"])
    def test_those_of_single_beats_stay_there(self, text: str) -> None:
        assert rewritten(text, "4/4") == text

    @pytest.mark.parametrize(
        ("text", "meter", "values"),
        [
            ("F (3CDE |]", "3/4", "q (q q q)"),
            ("(3C2D2E2 |]", "C|", "(h h h)"),
            ("C (3DEF G |]", "4/4", "q (q q q) q"),
            ("C (3DzF G |]", "4/4", "q (q Q q) q"),
        ],
    )
    def test_have_one_bracket_in_musicxml(self, text: str, meter: str, values: str) -> None:
        assert engraved(text, meter, "1/4") == values
        piece = tune(text, meter, "1/4")
        assert write_abc(read_musicxml(musicxml_bytes(piece))).splitlines()[-1] == write_abc(piece).splitlines()[-1]


class TestSyncopation:
    @pytest.mark.parametrize(
        ("text", "meter", "values"),
        [
            ("c>d- d>e- e2 f2 |]", "4/4", "e._s~ e._s~ q q"),
            ("c>d- d>e- e>f- f2 |]", "4/4", "e._s~ e._s~ e._s~ q"),
            ("A>Bc<d- d>c B<A |]", "4/4", "e._s s_e.~ e._s s_e."),
            ("A>Bc<d- d>c B<A |]", "C|", "e._s s_e.~ e._s s_e."),
            ("c>d- d>e- e2 |]", "3/4", "e._s~ e._s~ q"),
            ("c>d- d4 e2 |]", "4/4", "e._s~ q~ q q"),
            ("c2 d4- d/e3/2 |]", "4/4", "q q~ q~ s_e."),
            ("cd3/2e/f g4 |]", "4/4", "e_e~ s_s_e h"),
            ("cz3/2e/f g4 |]", "4/4", "e E S s_e h"),
        ],
    )
    def test_by_16ths_shows_the_beats_and_the_middle_of_the_bar(self, text: str, meter: str, values: str) -> None:
        assert engraved(text, meter) == values

    @pytest.mark.parametrize(
        ("text", "meter"),
        [
            ("c>d-d>e- e>f- f2 | A>Bc<d- d>cB<A |]", "4/4"),
            ("c>d- d2 e4 |]", "4/4"),
            ("c d2 e f d2 e |]", "4/4"),
            ("c d2 e f d2 e |]", "C|"),
            ("c d3 e4 | c7/2 d/ e7/2 d/ |]", "4/4"),
            ("c/dc/ c/dc/ |]", "2/4"),
            ("c/dc/c | c/def/ |]", "3/8"),
            ("A2 d4 e2 | A2 d6 | c3 d2 e3 |]", "4/4"),
        ],
    )
    def test_comes_back_as_a_person_wrote_it(self, text: str, meter: str) -> None:
        assert rewritten(text, meter) == text

    @pytest.mark.parametrize("meter", ["4/4", "C|"])
    @pytest.mark.parametrize(
        ("text", "values"),
        [
            ("cd4e3 |]", "e q.~ e q."),
            ("cd7 |]", "e q.~ h"),
            ("c2d3e3 |]", "q q~ e q."),
            ("c3d3e2 |]", "q. e~ q q"),
            ("c3d4e |]", "q. e~ q. e"),
            ("zd4e3 |]", "E q.~ e q."),
        ],
    )
    def test_by_eighths_over_the_middle_of_the_bar_shows_it(self, text: str, meter: str, values: str) -> None:
        assert engraved(text, meter) == values

    @pytest.mark.parametrize(
        ("text", "values"),
        [("C8 D4 |]", "h.~ q h"), ("C2 D10 |]", "q h~ h."), ("C4 D8 |]", "h q~ h."), ("C6 D6 |]", "h. h.")],
    )
    def test_in_6_4_shows_the_two_beats(self, text: str, values: str) -> None:
        assert engraved(text, "6/4") == values

    def test_in_12_8_that_needs_a_tie_shows_the_middle(self) -> None:
        assert engraved("c3 d9 | c3 d6 c3 |]", "12/8") == "q. q.~ h. q. h. q."

    def test_off_the_eighths_of_6_8_shows_them(self) -> None:
        assert engraved("c/d5/2 e3 |]", "6/8") == "s_s~ q q."
        assert engraved("c/d11/2 |]", "6/8") == "s_s~ q~ q."
        assert engraved("(2cd-(2de |]", "6/8") == "e._e.~ e._e."


class TestRests:
    @pytest.mark.parametrize(
        ("text", "meter", "values"),
        [
            ("c2 z6 | z6 c2 |]", "4/4", "q Q H H Q q"),
            ("c2 z4 c2 | z2 c2 z4 |]", "C|", "q Q Q q Q q H"),
            ("cz7 | z5 c3 |]", "4/4", "e E Q H H E q."),
            ("cz2c z4 |]", "4/4", "e E E e H"),
            ("z4 c2 | c2 z4 | z3 c3 |]", "3/4", "Q Q q q Q Q Q E q."),
            ("z3c | cz3 | c3/2z/ z3/2c/ |]", "2/4", "Q E e e E Q e. S E. s"),
            ("cz5 | c2z z2c |]", "6/8", "e Q Q. q E Q e"),
            ("z8 c | cz8 |]", "9/8", "H. Q e e Q H."),
            ("c4 z8 |]", "3/2", "h H H"),
            ("c2z z9 | c3 z9 |]", "12/8", "q E Q. H. q. Q. H."),
            ("cz4 | z2 c3 |]", "5/8", "e Q Q Q q."),
            ("cz6 | c2z5 |]", "7/8", "e E Q Q. q Q Q."),
        ],
    )
    def test_show_the_beats_and_the_middle_of_the_bar(self, text: str, meter: str, values: str) -> None:
        assert engraved(text, meter) == values

    @pytest.mark.parametrize(
        ("meter", "text"),
        [
            ("3/4", "c6 | [M:4/4] z4 z4 | c8 |]"),
            ("3+3+2/8", "c8 | z4 z4 |]"),
            ("C|", "c8 | z8 |]"),
        ],
    )
    def test_of_a_whole_note_are_none_that_abcjs_takes_for_a_bar_of_the_first_metre(
        self, meter: str, text: str
    ) -> None:
        assert rewritten(text, meter) == text

    def test_of_a_whole_bar_keeps_its_fermata(self) -> None:
        score = ElementTree.fromstring(musicxml_bytes(tune("C6 | !fermata!z6 | D6 |]", "3/4", "1/8")))
        (rest,) = [note for note in score.iter("note") if note.find("rest[@measure='yes']") is not None]
        assert rest.find("notations/fermata") is not None

    def test_in_free_metre_has_a_value(self) -> None:
        """Verovio leaves a rest of a measure out where there is no metre that it fills."""
        assert engraved("C6 | z6 | D6 |]", "none") == "h. H. h."


class TestBeams:
    def test_join_grace_notes(self) -> None:
        notes = ElementTree.fromstring(musicxml_bytes(tune("{de}f2 {g}f2 {fed}c4 |]", "4/4", "1/8"))).iter("note")
        graces = [note for note in notes if note.find("grace") is not None]
        assert [note.findtext("type") for note in graces] == ["16th", "16th", "eighth", "16th", "16th", "16th"]
        beams = [[beam.text for beam in note.iter("beam")] for note in graces]
        assert beams == [["begin"] * 2, ["end"] * 2, [], ["begin"] * 2, ["continue"] * 2, ["end"] * 2]

    @pytest.mark.parametrize("meter", ["4/4", "C|", "2/2"])
    def test_shorter_notes_than_eighths_show_the_beats_of_their_half_bar(self, meter: str) -> None:
        music = "d2ef g2ag f2d2 A2FA | d2e2f2g2 a2g2 f4 |]"
        assert rewritten(music, meter, "1/16") == "de/f/ ga/g/ fd AF/A/ | defg ag f2 |]"
        assert engraved(music, meter, "1/16") == "e_s_s e_s_s e_e e_s_s e_e_e_e e_e q"

    def test_pairs_of_broken_rhythm_stand_together_in_abc_alone(self) -> None:
        assert rewritten("d>AB>G d2 e>f |]", "4/4") == "d>AB>G d2 e>f |]"
        assert engraved("d>AB>G d2 e>f |]", "4/4") == "e._s e._s q e._s"

    @pytest.mark.parametrize(
        ("text", "meter"),
        [("c>de c>BA | AB>c d>ef | c<BA A<Bc |]", "6/8"), ("AB>c | A>Bc |]", "3/8"), ("c>d | e>f g2 a>gf<e |]", "4/4")],
    )
    def test_pairs_of_broken_rhythm_stand_in_every_beat(self, text: str, meter: str) -> None:
        assert rewritten(text, meter) == text

    def test_a_triplet_between_beats_has_one(self) -> None:
        assert engraved("A(3Bcd e f2 |]", "3/4") == "e (e_e_e) e q"

    @pytest.mark.parametrize(
        ("text", "meter"),
        [
            ("de/f/ ga/g/ | d/d/d/d/ aa |]", "2/4"),
            ("de/f/ ga/g/ aa |]", "3/4"),
            ("d/e/fg | AB/c/d |]", "3/8"),
            ("AB/c/d efg |]", "6/8"),
        ],
    )
    def test_stay_within_beats_in_other_metres(self, text: str, meter: str) -> None:
        assert rewritten(text, meter) == text

    def test_metres_of_16ths_are_written_in_16ths(self) -> None:
        assert "M:9/16\nL:1/16\nK:C\nABc dAF G2A |]" in write_abc(tune("ABc dAF G2A|]", "9/16", "1/16"))

    @pytest.mark.parametrize(
        ("text", "meter"),
        [
            ("AB cde | z2 e3 |]", "2+3/8"),
            ("ABc de fg | a3- a2 z2 |]", "3+2+2/8"),
            ("AB cd ef gab |]", "2+2+2+3/8"),
            ("ABcde fgab |]", "5+4/16"),
        ],
    )
    def test_show_the_sum_of_a_meter(self, text: str, meter: str) -> None:
        unit = f"1/{meter.partition('/')[2]}"
        assert f"M:{meter}\n" in write_abc(tune(text, meter, unit))
        assert rewritten(text, meter, unit) == text
