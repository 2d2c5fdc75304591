"""Score files of all kinds by their ending; what cannot be read or written is refused in words."""

import errno
import pickle
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import music21
import pytest
from tunes import kesh_jig

import remi_two_stage
from remi_two_stage.atomic_files import written_atomically
from remi_two_stage.core.errors import MissingFileError, RequestError, ScoreError, ScoreFormatError
from remi_two_stage.demo.downloads import write_downloads
from remi_two_stage.score_files import file_name, read_score, write_content, write_score
from remi_two_stage.scores.musicxml_writer import musicxml_bytes

KERN = "**kern\t**kern\n*M3/4\t*M3/4\n*k[f#]\t*k[f#]\n*G:\t*G:\n=1\t=1\n2.GG\t4g\n.\t4a\n.\t4b\n==\t==\n*-\t*-\n"


@pytest.mark.parametrize("ending", [".abc", ".musicxml", ".xml", ".mxl"])
def test_a_tune_comes_back_from_its_file(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"tune{ending}"
    write_score(kesh_jig(), path)
    (piece,) = read_score(path)
    assert piece.note_list() == kesh_jig().note_list()
    assert piece.title == "The Kesh Jig"
    assert [path.name for path in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("The Kesh Jig", "the-kesh-jig"),
        ("Reel in F# minor", "reel-in-f-sharp-minor"),
        ("Élan, No. 2", "élan-no-2"),
        ("Noe\u0308l", "noël"),  # as macOS spells it
        ("../../etc/passwd", "etc-passwd"),
        ("春" * 100, "春" * 26),
        ("??", "tune"),
        ("", "tune"),
    ],
)
def test_a_title_gives_the_name_of_its_files(title: str, name: str, tmp_path: Path) -> None:
    assert file_name(title) == name
    files = write_downloads(replace(kesh_jig(), title=title), str(tmp_path), with_chords=False)
    assert {file.path.stem for file in files} == {name}


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "tune.abc").write_text("old")
    with pytest.raises(TypeError, match="data must be str"), written_atomically(tmp_path / "tune.abc") as unfinished:
        unfinished.write_text(None)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["tune.abc"]
    assert (tmp_path / "tune.abc").read_text() == "old"
    (tmp_path / "folder").mkdir()
    with pytest.raises(ScoreError, match=r"folder: the file cannot be written: Is a directory"):
        write_content(tmp_path / "folder", b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "tune.abc"]


def test_the_same_piece_makes_the_same_file(tmp_path: Path) -> None:
    for ending in (".abc", ".mid", ".musicxml", ".mxl", ".wav", ".flac"):
        write_score(kesh_jig(), tmp_path / f"one{ending}")
        write_score(kesh_jig(), str(tmp_path / f"two{ending}"))
        assert (tmp_path / f"one{ending}").read_bytes() == (tmp_path / f"two{ending}").read_bytes()


def test_compressed_musicxml_is_an_archive_that_names_its_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, music21_corpus: Path
) -> None:
    (chorale,) = read_score(music21_corpus / "bach" / "bwv66.6.mxl")
    write_score(chorale, tmp_path / "one.mxl")
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.setattr("time.localtime", lambda _=None: time.gmtime(2_000_000_000))
    write_score(chorale, tmp_path / "two.mxl")
    assert (tmp_path / "one.mxl").read_bytes() == (tmp_path / "two.mxl").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.mxl") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["mimetype", "META-INF/container.xml", "score.musicxml"]
        assert archive.read("mimetype") == b"application/vnd.recordare.musicxml"
        assert archive.read("score.musicxml") == musicxml_bytes(chorale)
    heard = music21.converter.parse(tmp_path / "one.mxl", forceSource=True)
    assert [part.id for part in heard.parts] == ["Soprano", "Alto", "Tenor", "Bass"]
    (again,) = read_score(tmp_path / "one.mxl")
    assert again == chorale


def test_kern_and_compressed_musicxml_are_read(tmp_path: Path, music21_corpus: Path) -> None:
    (tmp_path / "tune.krn").write_text(KERN)
    (kern,) = read_score(tmp_path / "tune.krn")
    assert [(pitch, onset) for _, onset, _, pitch in kern.note_list()] == [(67, 0), (43, 0), (69, 1), (71, 2)]
    (chorale,) = read_score(music21_corpus / "bach" / "bwv66.6.mxl")
    assert chorale.voices == ("S", "A", "T", "B")


def test_reading_is_silent(
    tmp_path: Path, music21_corpus: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    (chorale,) = read_score(music21_corpus / "bach" / "bwv66.6.mxl")
    write_score(chorale, tmp_path / "chorale.musicxml")
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


@pytest.mark.parametrize("name", ["tune.doc", "tune", "tune.mid.gz", ".abc.txt"])
def test_unknown_endings_are_refused_with_the_known_ones(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("X:1\nK:C\nC|\n")
    with pytest.raises(ScoreFormatError, match=r"cannot read .* known are \.abc, \.abc\.gz, \.musicxml"):
        read_score(tmp_path / name)
    with pytest.raises(ScoreFormatError, match=r"cannot write .* known are \.abc, \.musicxml, .*\.mid"):
        write_score(kesh_jig(), tmp_path / name)


def test_the_list_of_a_files_pieces_is_no_piece_to_write(tmp_path: Path) -> None:
    write_score(kesh_jig(), tmp_path / "tune.abc")
    with pytest.raises(RequestError, match=r"cannot write a TuneBook; give one Piece, such as read_score\(path\)\[0\]"):
        write_score(read_score(tmp_path / "tune.abc"), tmp_path / "tune.mid")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "function",
    [
        remi_two_stage.encode,
        remi_two_stage.engrave,
        remi_two_stage.label_chords,
        remi_two_stage.piano_roll,
        remi_two_stage.show,
        remi_two_stage.sound_bytes,
        remi_two_stage.to_music21,
        remi_two_stage.wav_bytes,
        partial(remi_two_stage.with_instrument, name="fiddle"),
        remi_two_stage.write_abc,
    ],
)
def test_what_takes_a_piece_refuses_anything_else(function: Callable[[Any], Any], tmp_path: Path) -> None:
    write_score(kesh_jig(), tmp_path / "tune.abc")
    for value, kind in ((read_score(tmp_path / "tune.abc"), "TuneBook"), ("tune.abc", "str"), (None, "NoneType")):
        with pytest.raises(RequestError, match=rf"cannot .* a {kind}; give one Piece, such as read_score\(path\)\[0\]"):
            function(value)
        with pytest.raises(RequestError, match=f"cannot write an edit of a {kind}"):
            remi_two_stage.write_edited(tmp_path / "tune.abc", value, kesh_jig(), tmp_path / "edited.abc")  # type: ignore[arg-type]


@pytest.mark.parametrize("ending", [".abc", ".musicxml", ".mxl", ".krn", ".mid"])
def test_missing_files_are_refused(ending: str, tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match=rf"missing\{ending}: there is no such file"):
        read_score(tmp_path / f"missing{ending}")


@pytest.mark.parametrize("ending", [".abc", ".musicxml", ".mxl", ".krn", ".mid", "", ".d"])
def test_folders_are_refused(ending: str, tmp_path: Path) -> None:
    (tmp_path / f"folder{ending}").mkdir()
    with pytest.raises(ScoreError, match=rf"folder{ending}: this is a folder; give the path of a file in it"):
        read_score(tmp_path / f"folder{ending}")


@pytest.mark.parametrize("content", [b"", b"\x00\xff\x01binary", b"<score-partwise/>", b"<a><b></a>"])
@pytest.mark.parametrize("ending", [".musicxml", ".mxl", ".krn", ".mid"])
def test_broken_files_are_refused_with_their_name(ending: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"broken{ending}"
    path.write_bytes(content)
    with pytest.raises(ScoreFormatError, match=rf"broken\{ending}: "):
        read_score(path)


@pytest.mark.parametrize("ending", [".musicxml", ".mxl", ".krn", ".mid"])
def test_empty_files_are_called_so(ending: str, tmp_path: Path) -> None:
    (tmp_path / f"empty{ending}").touch()
    with pytest.raises(ScoreFormatError, match=rf"empty\{ending}: the file is empty; export it again"):
        read_score(tmp_path / f"empty{ending}")


def test_bombs_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.mxl", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("score.xml", b" " * 101 * 2**20)
    with pytest.raises(ScoreFormatError, match=r"bomb\.mxl: the score has 101 MB, at most 100 can be read"):
        read_score(tmp_path / "bomb.mxl")
    entities = "".join(f'<!ENTITY e{number} "{10 * f"&e{number - 1};"}">' for number in range(1, 10))
    doctype = f'<!DOCTYPE score-partwise [<!ENTITY e0 "note">{entities}]>'
    (tmp_path / "bomb.musicxml").write_text(f"{doctype}<score-partwise>&e9;</score-partwise>")
    with pytest.raises(
        ScoreFormatError, match=r"bomb\.musicxml: the score defines the entity 'e0', which no score needs"
    ):
        read_score(tmp_path / "bomb.musicxml")


def test_entities_from_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    doctype = f'<!DOCTYPE score-partwise [<!ENTITY secret SYSTEM "{(tmp_path / "secret.txt").as_uri()}">]>'
    title = "<work><work-title>&secret;</work-title></work>"
    (tmp_path / "thief.musicxml").write_text(f"{doctype}<score-partwise>{title}</score-partwise>")
    with pytest.raises(ScoreFormatError, match="the score defines the entity 'secret'"):
        read_score(tmp_path / "thief.musicxml")


def test_a_piece_without_a_title_gets_none_from_its_file(tmp_path: Path) -> None:
    write_score(replace(kesh_jig(), title=""), tmp_path / "tune.musicxml")
    assert b"Music21" not in (tmp_path / "tune.musicxml").read_bytes()
    (piece,) = read_score(tmp_path / "tune.musicxml")
    assert piece.title == ""


def test_a_place_that_cannot_be_written_is_refused_and_left_clean(tmp_path: Path) -> None:
    (tmp_path / "taken.mid").mkdir()
    with pytest.raises(ScoreError, match=r"taken\.mid: the file cannot be written"):
        write_score(kesh_jig(), tmp_path / "taken.mid")
    with pytest.raises(ScoreError, match=r"tune\.mid: the file cannot be written"):
        write_score(kesh_jig(), tmp_path / "nowhere" / "tune.mid")
    assert [path.name for path in tmp_path.iterdir()] == ["taken.mid"]


@pytest.mark.parametrize("name", ["gone.abc", "gone.mid", "gone.musicxml", "gone.krn"])
def test_a_missing_file_is_what_python_calls_it_too(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"{name}: there is no such file; check the path") as raised:
        read_score(tmp_path / name)
    assert isinstance(raised.value, MissingFileError)
    assert (raised.value.filename, raised.value.errno) == (str(tmp_path / name), errno.ENOENT)
    copied = pickle.loads(pickle.dumps(raised.value))
    assert (str(copied), copied.filename) == (str(raised.value), raised.value.filename)


@pytest.mark.parametrize("title", ["Con", "NUL", "aux.", "COM1", "Lpt9", "com¹"])
def test_no_title_becomes_the_name_of_a_device_on_windows(title: str) -> None:
    assert file_name(title).endswith("-tune")
    assert file_name(f"{title} brio") == f"{file_name(title).removesuffix('-tune')}-brio"
