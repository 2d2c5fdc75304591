"""The names of notes and chords of real music, as they go from ABC to MusicXML and back."""

import gzip
import zipfile
from pathlib import Path

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
