"""The names of notes and chords of real music, as they go from ABC to MusicXML and back."""

import gzip
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from remi_two_stage import write_abc
from remi_two_stage.core.abc_spelling import fifths_in, names_of
from remi_two_stage.core.piece import Piece
from remi_two_stage.score_files import read_score
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.musicxml_reader import read_musicxml
from remi_two_stage.scores.musicxml_writer import musicxml_bytes

_LARGEST_SONG = 40_000
"""Bytes of a compressed file that is read here, so that the test stays short."""


def named(piece: Piece) -> list[tuple[object, ...]]:
    """Every note with its place on the line of fifths, and every chord with its name, by bar and onset."""
    found: list[tuple[object, ...]] = []
    for voice, names in zip(piece.voices, names_of(piece), strict=True):
        for number, (bar, of_bar) in enumerate(zip(piece.bars, names, strict=True)):
            for note in bar.notes[piece.voices.index(voice)]:
                fifths = of_bar.get((note.onset, note.pitch), fifths_in(note.pitch, bar.key))
                found.append((voice, number, note.onset, note.pitch, fifths))
    for number, bar in enumerate(piece.bars):
        found += [("chord", number, chord.onset, chord.name(piece.key, bar.key)) for chord in bar.chords]
    return found


def through_musicxml(piece: Piece) -> Piece:
    """The piece that is read from ABC that is written of what is read from its MusicXML."""
    (again,) = read_abc(write_abc(read_musicxml(musicxml_bytes(piece))))
    return again


_SUFFIXES = (
    "m7b5 maj7#11 mMaj7 m(maj7) 7#9 7b9b13 7b5b9 7#5#9 9#11 13b9 13#11 11 maj11 m11 maj13 m13 69 6/9 m69 add2 add11 "
    "madd9 m(add9) 9sus4 13sus4 7sus 7alt alt maj7#5 M7#11 (#11) (no3) ø7 +7 5 sus2 7(b9) dim7 -7b5 Δ7 "
    "augmaj7 +M7 7/13 m6/9"
)
"""As people write them."""


@pytest.mark.parametrize("suffix", _SUFFIXES.split())
def test_long_names_of_chords_stay(suffix: str) -> None:
    names = [f"C{suffix}/G", f"F#{suffix}/A#", f"Bb{suffix}"]
    music = "|".join(f'"{name}"C4' for name in names)
    (piece,) = read_abc(f"X:1\nM:4/4\nL:1/4\nK:C\n{music}|]\n")
    again = through_musicxml(piece)
    assert [chord.name(again.key, bar.key) for bar in again.bars for chord in bar.chords] == names
    assert [bar.chords for bar in again.bars] == [bar.chords for bar in piece.bars]


@pytest.mark.parametrize(
    ("name", "kind", "degrees"),
    [
        ("Cmaj7#11/G", "major-seventh", [("11", "1", "add")]),
        ("Bb11", "dominant-11th", []),
        ("G7b5b9", "dominant", [("5", "-1", "alter"), ("9", "-1", "add")]),
        ("Dm(no5)", "minor", [("5", "0", "subtract")]),
        ("Ebaugmaj7/G", "major-seventh", [("5", "1", "alter")]),
        ("C+M7", "major-seventh", [("5", "1", "alter")]),
        ("G7/13", "dominant-13th", []),
        ("Am6/9", "minor-sixth", [("9", "0", "add")]),
        ("A9sus4", "suspended-fourth", [("7", "0", "add"), ("9", "0", "add")]),
    ],
)
def test_what_a_chords_name_adds_is_a_degree(name: str, kind: str, degrees: list[tuple[str, ...]]) -> None:
    """MuseScore shows what the kind and the degrees make, and not the text."""
    (piece,) = read_abc(f'X:1\nM:4/4\nL:1/4\nK:C\n"{name}"C4|]\n')
    harmony = next(ElementTree.fromstring(musicxml_bytes(piece)).iter("harmony"))
    found = [
        tuple(degree.findtext(f"degree-{part}") for part in ("value", "alter", "type"))
        for degree in harmony.iter("degree")
    ]
    assert (harmony.findtext("kind"), found) == (kind, degrees)


@pytest.mark.parametrize(("kind", "name"), [("dominant-11th", "C11"), ("minor-13th", "Cm13"), ("major-13th", "Cmaj13")])
def test_a_kind_without_text_is_named_as_it_is(kind: str, name: str) -> None:
    (piece,) = read_abc('X:1\nM:4/4\nL:1/4\nK:C\n"C7"C4|]\n')
    source = musicxml_bytes(piece).replace(b'<kind text="7">dominant<', f"<kind>{kind}<".encode())
    (bar,) = read_musicxml(source).bars
    assert [chord.name(piece.key, bar.key) for chord in bar.chords] == [name]


@pytest.mark.parametrize("name", ["hymns/valid.abc.gz", "nottingham/valid.abc"])
def test_names_in_tune_books_stay(extra_corpora: Path, name: str) -> None:
    content = (extra_corpora / name).read_bytes()
    text = (gzip.decompress(content) if name.endswith(".gz") else content).decode()
    pieces = list(read_abc(text, errors="collect"))[:25]
    assert len(pieces) >= 10
    for piece in pieces:
        assert named(through_musicxml(piece)) == named(piece)


def test_names_in_songs_stay(extra_corpora: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(extra_corpora / "openscore" / "lieder.zip") as archive:
        files = [file for file in archive.infolist() if file.filename.endswith(".mxl")]
        chosen = [file for file in files if file.file_size < _LARGEST_SONG][:14]
        assert len(chosen) == 14
        for file in chosen:
            (tmp_path / "song.mxl").write_bytes(archive.read(file))
            (song,) = read_score(tmp_path / "song.mxl")
            (from_abc,) = read_abc(write_abc(song))
            assert named(from_abc) == named(song)
            assert named(through_musicxml(from_abc)) == named(song)
