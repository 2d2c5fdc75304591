"""Chord symbols, keys, metres, titles and words of MusicXML of other programs: read, or counted."""

import re

import pytest
from musicxml_scores import COMMON, note, scale, score

from remi_two_stage.core.errors import ScoreFormatError
from remi_two_stage.core.notation import Text
from remi_two_stage.core.piece import Piece
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.musicxml_reader import read_musicxml
from remi_two_stage.scores.musicxml_writer import musicxml_bytes

PITCH = "<pitch><step>C</step><octave>5</octave></pitch>"


def harmony(root: str, kind: str, more: str = "") -> str:
    return f"<harmony><root><root-step>{root}</root-step></root><kind>{kind}</kind>{more}</harmony>"


def chords(piece: Piece) -> list[str]:
    return [chord.name(piece.key, bar.key) for bar in piece.bars for chord in bar.chords]


@pytest.mark.parametrize(
    ("kind", "inversion", "name"),
    [
        ("major", 1, "C/E"),
        ("minor", 2, "Cm/G"),
        ("dominant", 3, "C7/Bb"),
        ("diminished-seventh", 3, "Cdim7/Bbb"),
        ("half-diminished", 1, "Cm7b5/Eb"),
        ("major", 0, "C"),
        ("major", 3, "C"),
    ],
)
def test_an_inversion_has_its_bass(kind: str, inversion: int, name: str) -> None:
    piece = read_musicxml(score([harmony("C", kind, f"<inversion>{inversion}</inversion>") + scale()]))
    assert chords(piece) == [name]
    assert chords(read_musicxml(musicxml_bytes(piece))) == [name]


@pytest.mark.parametrize(
    ("kind", "label"),
    [("major-13th", "Imaj9"), ("minor-13th", "i9"), ("major-11th", "Imaj9"), ("minor-11th", "i7"), ("dominant", "I7")],
)
def test_large_chords_have_the_nearest_label(kind: str, label: str) -> None:
    piece = read_musicxml(score([harmony("C", kind) + scale()]))
    assert [chord.label for chord in piece.bars[0].chords] == [label]


@pytest.mark.parametrize(
    ("kind", "value", "alter", "name", "label"),
    [
        ("major", 5, 1, "Caug", "I+"),
        ("minor", 5, -1, "Cdim", "io"),
        ("dominant", 5, 1, "Caug7", "I+7"),
        ("minor-seventh", 5, -1, "Cm7b5", "iø7"),
    ],
)
def test_an_altered_fifth_makes_another_chord(kind: str, value: int, alter: int, name: str, label: str) -> None:
    said = f"<degree-value>{value}</degree-value><degree-alter>{alter}</degree-alter><degree-type>alter</degree-type>"
    piece = read_musicxml(score([harmony("C", kind, f"<degree>{said}</degree>") + scale()]))
    assert (chords(piece), [chord.label for chord in piece.bars[0].chords]) == ([name], [label])


def test_a_second_chord_at_one_place_is_counted() -> None:
    both = harmony("C", "major") + harmony("G", "dominant")
    assert dict(read_musicxml(score([both + scale()])).losses) == {"a second chord symbol at one place": 1}
    same = harmony("C", "major") + scale()
    assert not read_musicxml(score([same], [same])).losses


@pytest.mark.parametrize("content", ["", "<forward><duration>16</duration></forward>", f"<note><grace/>{PITCH}</note>"])
def test_chord_symbols_without_any_note_are_read(content: str) -> None:
    piece = read_musicxml(score([harmony("C", "major") + content, harmony("G", "dominant") + content]))
    assert ([bar.length for bar in piece.bars], chords(piece)) == ([96, 96], ["C", "G7"])
    assert chords(read_musicxml(musicxml_bytes(piece))) == ["C", "G7"]


class TestPartsThatDiffer:
    def test_another_key_is_counted(self) -> None:
        data = score([scale()], [scale()], [scale()]).decode()
        before, _, last = data.rpartition("<fifths>0<")
        piece = read_musicxml(f"{before}<fifths>3<{last}".encode())
        assert (str(piece.key), dict(piece.losses)) == ("Cmaj", {"a key signature": 1})

    def test_a_transposing_part_has_no_other_key(self) -> None:
        horn = "<transpose><diatonic>-4</diatonic><chromatic>-7</chromatic></transpose>"
        data = score([scale()], [scale()]).decode()
        before, _, last = data.rpartition(f"<fifths>0</fifths></key>{COMMON}")
        assert not read_musicxml(f"{before}<fifths>1</fifths></key>{COMMON}{horn}{last}".encode()).losses

    def test_another_key_of_the_second_staff_is_counted(self) -> None:
        keys = '<key number="2"><fifths>2</fifths></key>' + COMMON + "<staves>2</staves>"
        both = note("C", 16, staff=1) + "<backup><duration>16</duration></backup>" + note("C", 16, staff=2)
        assert dict(read_musicxml(score([both], attributes=keys)).losses) == {"a key signature": 1}

    def test_another_metre_is_counted(self) -> None:
        data = score([note("C", 12)], [note("C", 12)], attributes=COMMON.replace("4<", "3<", 1)).decode()
        before, _, last = data.rpartition("<beats>3</beats><beat-type>4<")
        piece = read_musicxml(f"{before}<beats>6</beats><beat-type>8<{last}".encode())
        assert (str(piece.meter), dict(piece.losses)) == ("3/4", {"a time signature": 1})


@pytest.mark.parametrize(("alter", "pitch"), [("0.5", 60), ("1.5", 61), ("-1.5", 59), ("-0.5", 60), ("0.75", 61)])
def test_microtones_are_rounded_towards_the_natural(alter: str, pitch: int) -> None:
    data = score([note("C", 16)]).replace(b"</step>", f"</step><alter>{alter}</alter>".encode())
    piece = read_musicxml(data)
    assert [sounding for *_, sounding in piece.note_list()] == [pitch]
    assert dict(piece.losses) == {"a microtone": 1}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<octave>4<", "<octave>four<", "a number cannot be read: 'four' in <octave> is none; export the score again"),
        ("<octave>4</octave>", "", "a number cannot be read: '' in <octave> is none"),
        ("<staff>1<", "<staff>left<", "a number cannot be read: 'left' in <staff> is none"),
        ("<clef>", '<clef number="x">', "a number cannot be read: 'x' in the number of <clef> is none"),
        ("<step>C</step>", "", "a <pitch> has no <step>; export the score again"),
    ],
)
def test_what_is_wrong_is_called_by_its_element(old: str, new: str, message: str) -> None:
    data = score([note("C", 16, staff=1)], attributes=COMMON + "<clef><sign>G</sign></clef>").decode()
    assert old in data
    with pytest.raises(ScoreFormatError, match=f"bar 1: {re.escape(message)}"):
        read_musicxml(data.replace(old, new, 1).encode())


@pytest.mark.parametrize(
    ("subtitle", "further"), [("from the Highlands", ["from the Highlands"]), ("Op. 3", []), ("Air, Op. 3", [])]
)
def test_a_subtitle_is_a_further_title(subtitle: str, further: list[str]) -> None:
    printed = f"<credit><credit-type>subtitle</credit-type><credit-words>{subtitle}</credit-words></credit>"
    head = f"<movement-title>Air, Op. 3</movement-title>{printed}<part-list>"
    piece = read_musicxml(score([scale()]).replace(b"<part-list>", head.encode()))
    assert (piece.title, [text for field, text in piece.metadata if field == "T"]) == ("Air, Op. 3", further)


def test_symbols_of_large_chords_come_back_from_abc() -> None:
    (piece,) = read_abc('X:1\nM:4/4\nL:1/4\nK:C\n"Cmaj13"C"Cm13"D"Am / G"EF|\n')
    assert chords(read_musicxml(musicxml_bytes(piece))) == ["Cmaj13", "Cm13", "Am/G"]


def test_words_whose_type_changes_are_one_text() -> None:
    """As MuseScore writes text of which some is in italics."""
    said = "<words>poco </words><words font-style='italic'>a \n</words><words>poco</words>"
    other = "<direction-type><words>sotto voce</words></direction-type>"
    types = f"<direction-type>{said}</direction-type>{other}"
    piece = read_musicxml(score([f'<direction placement="above">{types}</direction>{scale()}']))
    assert piece.bars[0].notation == ((Text(0, "poco a poco", "^"), Text(0, "sotto voce", "^")),)
