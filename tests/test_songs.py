"""Songs: whose line is learnt, over which chords, and what happens to preludes, rests and repeats."""

from pathlib import Path

import pytest
from musicxml_scores import COMMON, WHOLE_REST, note, scale

from remi_two_stage.analysis.harmony import label_chords
from remi_two_stage.core.piece import Piece
from remi_two_stage.corpus.preparation import load_corpus
from remi_two_stage.corpus.songs import sung_part
from remi_two_stage.scores.musicxml_reader import read_musicxml

SUNG = "".join(note(step, 4, "<lyric><text>la</text></lyric>") for step in "CEGE")
REPEAT = '<barline location="right"><repeat direction="backward"/></barline>'
FORWARD = '<barline location="left"><repeat direction="forward"/></barline>'


def chord(*steps: str) -> str:
    """A whole note's chord on the lower staff."""
    notes = [note(step, 16, "<chord/>" if index else "", 3, 5, 2) for index, step in enumerate(steps)]
    return "".join(notes)


def song(voice: list[str], name: str = "Singstimme", chords: str = "CFGC", pianist: str = "Piano") -> Piece:
    """A voice, and a piano with a chord on the lower staff in each bar."""
    piano = [scale() + "<backup><duration>16</duration></backup>" + chord(*_TRIADS[step]) for step in chords]
    parts = []
    for number, (measures, staves) in enumerate(((voice, ""), (piano, "<staves>2</staves>")), 1):
        text = [f'<part id="P{number}">']
        for index, measure in enumerate(measures):
            begin = f"<attributes><divisions>4</divisions><key><fifths>0</fifths></key>{COMMON}{staves}</attributes>"
            text.append(f'<measure number="{index + 1}">{"" if index else begin}{measure}</measure>')
        parts.append("".join([*text, "</part>"]))
    listed = [
        f'<score-part id="P{n}"><part-name>{w}</part-name></score-part>' for n, w in enumerate((name, pianist), 1)
    ]
    head = f'<score-partwise version="4.0"><part-list>{"".join(listed)}</part-list>'
    return read_musicxml("".join([head, *parts, "</score-partwise>"]).encode())


_TRIADS = {"C": "CEG", "F": "FAC", "G": "GBD"}


def learnt(piece: Piece) -> Piece:
    sung = sung_part(label_chords(piece))
    assert sung is not None
    return sung


def test_the_singer_is_learnt_over_the_chords_of_the_piano() -> None:
    piece = song([SUNG] * 4)
    assert piece.voices == ("V1", "V2", "V3")
    sung = learnt(piece)
    assert sung.voices == ("M",)
    assert sung.style == "song"
    assert [bar.chords for bar in sung.bars] == [bar.chords for bar in label_chords(piece).bars]
    assert [bar.notes[0] for bar in sung.bars] == [bar.notes[0] for bar in piece.bars]
    assert sung.source is None


def test_a_singer_without_words_is_known_by_name_and_a_fiddler_is_no_singer() -> None:
    assert learnt(song([scale()] * 4, "Soprano")).voices == ("M",)
    assert sung_part(label_chords(song([scale()] * 4, "Violin"))) is None
    assert sung_part(label_chords(song([SUNG] * 4, "Violin"))) is not None


def test_rests_of_two_bars_and_those_at_the_ends_are_left_out() -> None:
    voice = [WHOLE_REST, SUNG, WHOLE_REST, SUNG, WHOLE_REST, WHOLE_REST, SUNG, WHOLE_REST]
    sung = learnt(song(voice, chords="CFGCCFGC"))
    assert [bool(bar.notes[0]) for bar in sung.bars] == [True, False, True, True]
    assert [bar.phrase_start for bar in sung.bars] == [True, False, False, True]
    assert sung_part(label_chords(song([WHOLE_REST] * 4, "Soprano"))) is None


def test_repeats_begin_and_end_with_what_is_sung() -> None:
    voice = [SUNG, FORWARD + WHOLE_REST, WHOLE_REST, SUNG, SUNG, WHOLE_REST, WHOLE_REST + REPEAT, SUNG]
    sung = learnt(song(voice, chords="CFGCCFGC"))
    assert [bar.repeat_start for bar in sung.bars] == [False, True, False, False]
    assert [bar.repeat_end for bar in sung.bars] == [False, False, True, False]
    interlude = [SUNG, FORWARD + WHOLE_REST, WHOLE_REST + REPEAT, SUNG]
    assert not any(bar.repeat_start or bar.repeat_end for bar in learnt(song(interlude)).bars)


def test_a_song_that_begins_late_in_its_bar_has_a_pick_up() -> None:
    late = "<note><rest/><duration>12</duration><voice>1</voice></note>" + note("G", 4, "<lyric><text>o</text></lyric>")
    sung = learnt(song([late, SUNG, SUNG, SUNG]))
    assert (sung.bars[0].is_pickup, sung.bars[0].length, sung.bars[0].notes[0][0].onset) == (True, 24, 0)
    assert [found.onset for found in sung.bars[0].chords] == [0]
    assert sung.bar_count == 3


def test_songs_and_quartets_of_a_collection(
    extra_corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import zipfile

    for name, count in (("lieder", 12), ("quartets", 1)):
        with zipfile.ZipFile(extra_corpora / "openscore" / f"{name}.zip") as archive:
            members = [member for member in sorted(archive.namelist()) if member.endswith(".mxl")]
            (tmp_path / name).mkdir()
            for member in members[:: len(members) // count][:count]:
                (tmp_path / name / member).write_bytes(archive.read(member))
    songs = list(load_corpus(tmp_path / "lieder", processes=1, progress=False).tunes)
    assert {tune.style for tune in songs} == {"song"}
    (quartet,) = load_corpus(tmp_path / "quartets", processes=1, progress=False).tunes
    assert quartet.style == "quartet"
