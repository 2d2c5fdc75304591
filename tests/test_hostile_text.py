"""Titles that are paths, HTML or terminal commands, archives and MIDI files that are bombs: words stay words."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tunes import kesh_jig

from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.errors import RemiError, ScoreFormatError
from remi_two_stage.core.plan import Plan
from remi_two_stage.corpus.files import find_files, members
from remi_two_stage.corpus.tunes import TuneRange, read_tune_range
from remi_two_stage.score_files import musicxml_bytes, read_score, write_score
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.midi_reader import parse_midi
from remi_two_stage.scores.midi_writer import midi_bytes

TITLES = [
    "../../etc/passwd", "/root/.ssh/id_rsa", "C:\\Windows\\system32", "con", "a" * 5_000, ".",
    "<script>alert(1)</script>", "</title><img src=x onerror=alert(1)>", "&lol;", "]]>", "\x1b[2J\x1b]0;owned\x07",
    "\u202egnp.exe", "\ud800", "T:x\nK:C", "%(x)s {0} $HOME `id`", "'; DROP TABLE tunes; --", "=cmd|' /C calc'!A0",
    "Ä\u0301\u200d\ufeff", "\r\nX:2",
]  # fmt: skip


@pytest.mark.parametrize("title", TITLES, ids=ascii)
def test_a_title_is_one_line_of_printable_text_in_every_format(title: str, tmp_path: Path) -> None:
    piece = replace(kesh_jig(), title=title)
    assert piece.title.isprintable()
    for ending in (".abc", ".musicxml", ".mid"):
        write_score(piece, tmp_path / f"tune{ending}")
        (again,) = read_score(tmp_path / f"tune{ending}")
        assert sum(bar.length for bar in again.bars) >= sum(bar.length for bar in piece.bars)
        assert again.title.isprintable()
    assert read_abc(write_abc(piece))[0].note_list() == piece.note_list()
    ElementTree.fromstring(musicxml_bytes(piece))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tune.abc", "tune.mid", "tune.musicxml"]


def test_messages_show_control_characters_and_do_not_send_them(tmp_path: Path) -> None:
    path = tmp_path / "x\x1b[31m.abc"
    path.write_text("X:1\nT:\x1b[2Jboo\nK:C\n[K:\x1b]0;owned\x07]C\n(3CDE (0:0:0 [C")
    (tmp_path / "x.krn").write_text("**kern\n*M3/4\n=1\n4\x1b[2Jq\n*-\n")
    for file in (path, tmp_path / "none\x1b[2J.mid", tmp_path / "x\u202e.krn"):
        with pytest.raises(RemiError, match=r"\\x1b|\\u202e") as caught:
            read_score(file)
        assert str(caught.value).isprintable()
    with pytest.raises(RemiError, match=r"\\x1b2J"):
        Plan.parse("I | \x1b2J | I")


def test_what_music21_warns_of_is_not_sent_to_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.krn").write_text("**kern\n*M4/4\n=1\n4c\n\x1b[2J\n4d\n4e\n4f\n==\n*-\n")
    read_score(tmp_path / "x.krn")
    assert capfd.readouterr() == ("", "")


def test_archives_are_read_where_they_are(tmp_path: Path) -> None:
    tune = write_abc(kesh_jig())
    with zipfile.ZipFile(tmp_path / "tunes.zip", "w") as archive:
        for name in ("../../outside.abc", "/absolute.abc", "a/../../b.abc", "good.abc", "C:\\x.abc"):
            archive.writestr(name, tune)
    (archive_file,) = find_files(tmp_path / "tunes.zip").files
    found = list(members(archive_file))
    assert len(found) == 5
    for member in found:
        (read,) = read_tune_range(TuneRange(member))
        assert read.title == "The Kesh Jig"
    assert [path.name for path in tmp_path.iterdir()] == ["tunes.zip"]
    assert not (tmp_path.parent / "outside.abc").exists()


class TestMidiBombs:
    def test_too_many_notes(self) -> None:
        head = midi_bytes(kesh_jig())[:14]
        for count in (201_000, 1_000):
            track = bytes([0, 0x90, 60, 64]) + bytes([0, 60, 0, 0, 60, 64]) * count + bytes([0, 0xFF, 0x2F, 0])
            data = head + b"MTrk" + len(track).to_bytes(4, "big") + track
            if count > 200_000:
                with pytest.raises(ScoreFormatError, match="more than 200,000 notes; split it"):
                    parse_midi(data)
            else:
                assert len(parse_midi(data).note_list()) == count

    def test_too_many_bytes(self, tmp_path: Path) -> None:
        (tmp_path / "bomb.mid").write_bytes(midi_bytes(kesh_jig()) + bytes(5 * 2**20))
        with pytest.raises(ScoreFormatError, match=r"bomb\.mid: the MIDI file has 5 MB, at most 4 can be read"):
            read_score(tmp_path / "bomb.mid")

    def test_ages_of_silence(self) -> None:
        note = bytes([0x90, 60, 64, 0x60, 60, 0])
        track = b"\x00" + note + b"\xff\xff\xff\x7f" + note + b"\xff\xff\xff\x7f" + note + bytes([0, 0xFF, 0x2F, 0])
        data = b"MThd" + bytes([0, 0, 0, 6, 0, 0, 0, 1, 0, 1]) + b"MTrk" + len(track).to_bytes(4, "big") + track
        with pytest.raises(ScoreFormatError, match="more than 10000 bars"):
            parse_midi(data)


def test_tokens_and_rows_survive_json(tmp_path: Path) -> None:
    piece = replace(kesh_jig(), title=TITLES[10], metadata=(("C", TITLES[6]),))
    assert json.loads(json.dumps([piece.title, piece.metadata])) == [piece.title, [list(piece.metadata[0])]]
