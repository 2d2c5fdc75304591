"""What the page's buttons do, and what it refuses, without a browser."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs
from xml.etree import ElementTree

import pytest
from tunes import kesh_jig

from remi_two_stage.composing.composer import Composer
from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.errors import ChordError, RemiError, RequestError, ScoreError, ScoreFormatError
from remi_two_stage.core.notation import (
    Lyric,
    Spelling,
)
from remi_two_stage.core.plan import Plan
from remi_two_stage.core.request import Request
from remi_two_stage.core.sampling import Sampling
from remi_two_stage.core.signatures import Key, Meter
from remi_two_stage.core.voices import FOUR_PARTS
from remi_two_stage.demo import form, views
from remi_two_stage.demo.actions import Actions, Work
from remi_two_stage.demo.downloads import Download
from remi_two_stage.demo.limits import PUBLIC, Limits
from remi_two_stage.demo.link import Link, Step
from remi_two_stage.demo.note_editing import scale_of
from remi_two_stage.demo.playback import playback
from remi_two_stage.demo.uploads import read_upload
from remi_two_stage.score_files import read_score, write_score
from remi_two_stage.scores.abc_reader import read_abc

SOUND = Download(Path("tune.wav"))
JIG = Request("jig", "D", bars=8)
HOSTILE = '<img src=x onerror="alert(1)">${alert(2)}{{alert(3)}}</text><script>alert(4)</script>'


@pytest.fixture(scope="module")
def composer() -> Composer:
    return Composer.from_pretrained()


@pytest.fixture
def actions(composer: Composer) -> Actions:
    return Actions(lambda: composer, Limits(bars=32, notes=600, upload_bytes=20_000))


@pytest.fixture
def composed(actions: Actions) -> Work:
    return actions.compose(Work(), JIG, [], 7)


def texts_of(work: Work) -> list[str]:
    assert work.plan is not None
    return work.plan.bar_texts()


def test_a_changed_chord_is_in_the_composed_tune(actions: Actions) -> None:
    work = actions.plan(Work(), JIG, 7)
    texts = texts_of(work)
    texts[3] = "bVII"
    work = actions.compose(work, JIG, texts, 7)
    assert work.piece is not None
    assert work.plan == Plan.of(replace(work.piece, title="", tempo=None))
    assert [chord.label for chord in work.piece.bars[3].chords] == ["bVII"]


def test_compose_plans_anew_only_where_metre_or_bars_have_changed(actions: Actions, composed: Work) -> None:
    texts = texts_of(composed)
    in_g = actions.compose(composed, replace(JIG, key="G"), texts, 7)
    assert in_g.piece is not None
    assert in_g.piece.key.spoken == "G major"
    assert texts_of(in_g) == texts
    longer = actions.compose(composed, replace(JIG, bars=12), texts, 7)
    assert longer.piece is not None
    assert longer.piece.bar_count == 12


def test_rewriting_takes_new_chords_where_it_writes_and_leaves_the_rest(actions: Actions, composed: Work) -> None:
    texts = texts_of(composed)
    first = next(index for index, bar in enumerate(composed.piece.bars) if not bar.is_pickup)  # type: ignore[union-attr]
    texts[first + 1] = texts[first + 2] = "bVII"
    assert views.edited_bars(composed, texts) == (2, 3)
    work = actions.rewrite(composed, texts, 2, 2)
    assert composed.piece is not None
    assert work.piece is not None
    changed = [i for i, (old, new) in enumerate(zip(composed.piece.bars, work.piece.bars, strict=True)) if old != new]
    assert changed == [first + 1]
    assert work.edited_bars == (first + 2,)


def test_undo_goes_back_by_one_action_each(actions: Actions, composed: Work) -> None:
    longer = actions.extend(composed, 4)
    four_parts = actions.harmonize(longer, None)
    assert four_parts.piece is not None
    assert four_parts.piece.voices[1:] == ("A", "T", "B")
    assert actions.undo(four_parts).piece == longer.piece
    assert actions.undo(actions.undo(four_parts)).piece == composed.piece
    with pytest.raises(RequestError, match="there is nothing to undo"):
        actions.undo(Work())


def test_a_link_makes_the_same_tune_again(actions: Actions, composed: Work) -> None:
    texts = texts_of(composed)
    texts[2] = "IV V7"
    work = actions.rewrite(composed, texts, 2, 3)
    work = actions.rewrite(work, texts_of(work), 2, 3)
    work = actions.extend(work, 4)
    work = actions.harmonize(work, texts_of(work))
    assert work.link is not None
    fields = parse_qs(work.link.query())
    assert {"style", "key", "meter", "bars", "plan", "seed", "then"} <= set(fields)
    link = Link.of_query(fields)
    assert link is not None
    assert actions.follow(link).piece == work.piece


def test_rewriting_again_after_undo_gives_other_notes(actions: Actions, composed: Work) -> None:
    once = actions.rewrite(composed, texts_of(composed), 1, 6)
    again = actions.rewrite(actions.undo(once), texts_of(composed), 1, 6)
    assert again.piece != once.piece


@pytest.mark.parametrize("semitones", [0, 7, -17])
def test_a_melody_of_any_range_is_harmonised_note_for_note(actions: Actions, semitones: int, tmp_path: Path) -> None:
    path = tmp_path / "tune.abc"
    path.write_text(write_abc(kesh_jig().transpose(semitones)))
    work = actions.open(Work(), path)
    harmonised = actions.harmonize(work, texts_of(work)).piece
    assert work.piece is not None
    assert harmonised is not None
    parts = [[bar.notes[voice] for bar in harmonised.bars] for voice in range(4)]
    assert parts.count([bar.notes[0] for bar in work.piece.bars]) == 1


def test_an_opened_tune_shows_the_chords_heard_in_it_and_has_no_link(actions: Actions, tmp_path: Path) -> None:
    path = tmp_path / "tune.abc"
    path.write_text(write_abc(kesh_jig(with_chords=False)))
    work = actions.open(Work(), path)
    assert work.titles == ("The Kesh Jig",)
    assert work.piece is not None
    assert all(bar.chords for bar in work.piece.bars)
    assert work.link is None
    assert work.request is not None
    assert (work.request.style, str(work.request.key)) == ("jig", "Gmaj")


def test_any_tune_of_a_file_is_opened_and_plain_text_is_abc(actions: Actions, tmp_path: Path) -> None:
    path = tmp_path / "mail.txt"
    path.write_text("X:1\nT:First\nM:2/4\nK:G\nG4|\n\nX:2\nT:Second\nM:3/4\nK:D\nD6|\n")
    work = actions.open(Work(), path, 2)
    assert work.piece is not None
    assert work.piece.note_list() == read_abc(path)[1].note_list()
    assert (work.titles, work.picked) == (("First", "Second"), 2)
    planned = actions.plan(work, JIG, 1)
    assert planned.titles == ()


def test_an_abc_text_is_taken_by_the_reader_of_files(actions: Actions, composed: Work) -> None:
    work = actions.take_abc(composed, 'X:1\nT:Mine\nM:3/4\nL:1/4\nK:F\n"F"FAc|f3|]\n')
    assert work.piece is not None
    assert [pitch for *_, pitch in work.piece.note_list()] == [65, 69, 72, 77]
    assert (work.file, work.titles, work.link) == (None, (), None)
    assert actions.undo(work).piece == composed.piece
    with pytest.raises(ScoreError, match=r"typed\.abc: "):
        actions.take_abc(composed, "no tune")


def test_one_note_is_moved_and_all_else_stays(actions: Actions) -> None:
    (hymn,) = read_abc("X:1\nM:4/4\nL:1/4\nK:F\nV:S\nV:B\n[V:S] FG=B2-|B4|]\nw: a b c\n[V:B] F,4|F,4|]\n")
    work = actions.move_note(Work(piece=hymn, plan=Plan.of(hymn)), 48, 71, 72)
    assert work.piece is not None
    assert [pitch for voice, *_, pitch in work.piece.note_list() if voice == "S"] == [65, 67, 72]
    assert work.piece.note_list()[-1] == hymn.note_list()[-1]
    sung = [record for record in work.piece.bars[0].notation[0] if isinstance(record, Lyric)]
    assert len(sung) == 3
    assert not any(isinstance(record, Spelling) for record in work.piece.bars[0].notation[0])
    assert read_abc(write_abc(work.piece))[0].note_list() == work.piece.note_list()
    with pytest.raises(RequestError, match=r"there is no note 60 at tick 48; load the page again"):
        actions.move_note(work, 48, 60, 62)
    with pytest.raises(RequestError, match=r"the note would have the MIDI number 109; a piano has 21 to 108"):
        actions.move_note(work, 48, 72, 109)


def test_letters_lead_to_the_notes_of_the_key() -> None:
    assert scale_of(Key("D")) == {"C": 1, "D": 2, "E": 4, "F": 6, "G": 7, "A": 9, "B": 11}
    assert scale_of(Key("F")) == {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 10}
    assert scale_of(Key("D", "dor")) == {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def test_a_field_that_is_left_to_the_style_is_usual_again() -> None:
    assert form.values_of(Request("jig", "D"))["meter"] == form.OWN
    assert form.values_of(Request("waltz", "D", "6/8"))["meter"] == "6/8"
    assert form.values_of(Request("hymn", "D"))["voices"] == form.OWN
    assert form.values_of(Request("jig", "D", voices=FOUR_PARTS))["voices"] == "four parts"


def test_keys_are_listed_by_fifths() -> None:
    assert [name for name, _ in form.offered_keys()][:4] == ["C major", "G major", "D major", "A major"]


def test_what_is_played_has_its_place_in_the_score() -> None:
    jig = replace(kesh_jig(), tempo=180.0)
    playing = playback(jig)
    written = jig.note_list()
    played = jig.note_list(unfold_repeats=True)
    assert len(playing["notes"]) == len(played)
    assert [note[0] for note in playing["notes"]] == [
        pytest.approx(float(onset) / 3, abs=1e-4) for _, onset, *_ in played
    ]
    assert {(place, pitch) for _, _, pitch, _, place, *_ in playing["notes"]} == {
        (24 * onset, pitch) for _, onset, _, pitch in written
    }
    assert playing["tempo"] == 120
    assert playing["seconds"] == pytest.approx(playing["beats"][-1][0] + 0.5)


def test_the_picture_has_an_id_for_each_note_and_a_chord_once_while_it_lasts(tmp_path: Path) -> None:
    (tune,) = read_abc('X:1\nM:4/4\nL:1/4\nK:D\n"D"DF{g}A2-|"D"A4|"G"[GB]4|"D"D4|]\n')
    shown = views.score(Work(piece=tune), [SOUND])
    assert shown is not None
    groups = list(ElementTree.fromstring(shown["wide"]).iter("{http://www.w3.org/2000/svg}g"))
    ids = [group.get("id", "").split("-")[:3] for group in groups if group.get("class") == "note"]
    assert [name for name in ids if name[0] == "note"] == [
        ["note", str(place), str(pitch)]
        for place, pitch in ((0, 62), (24, 66), (48, 69), (96, 69), (192, 67), (192, 71), (288, 62))
    ]
    names = ["".join(group.itertext()) for group in groups if group.get("class") == "harm"]
    assert names == ["D", "G", "D"]
    assert [[name for _, name in bar["chords"]] for bar in shown["bars"]] == [["D"], ["D"], ["G"], ["D"]]


def test_an_upload_arrives_as_its_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tune.abc"
    path.write_text(
        'X:1\nT:A "Tune"\nC:Ärgern\nQ:3/8=90\nP:AB\nL:1/8\nM:6/8\nK:Gm\nP:A\nD|"Gm"!f!^/GAB dBG|1 [GG]6:|2 G6||\n'
        "w:Oh,_ Su-san-na, oh\n"
        'P:B\nM:none\nK:D\n"D"dfa g4|[M:3/4](3def e4|]\n\nX:2\nK:C\nC|\n'
    )
    piece, titles = read_upload(path, Limits())
    expected, _ = read_score(path)
    assert (piece, piece.losses, titles) == (expected, expected.losses, ['A "Tune"', "Untitled tune"])
    for bar, as_read in zip(piece.bars, expected.bars, strict=True):
        assert (bar.notation, bar.tempos, bar.part) == (as_read.notation, as_read.tempos, as_read.part)
        assert [chord.symbol for chord in bar.chords] == [chord.symbol for chord in as_read.chords]
    assert expected.losses
    assert {bar.meter for bar in expected.bars} == {Meter(6, 8), None, Meter(3, 4)}
    assert expected.part_order


def test_an_uploaded_hymn_keeps_its_words(actions: Actions, tmp_path: Path) -> None:
    (hymn,) = read_abc("X:1\nT:Old Hundredth\nM:4/4\nL:1/4\nK:G\nG|GFED|GABz|]")
    words = "All peo- ple that on earth do dwell".split()
    notes = [(index, note) for index, bar in enumerate(hymn.bars) for note in bar.notes[0]]
    lyrics = [
        (index, Lyric(note.onset, word.rstrip("-"), joint="-" if word.endswith("-") else ""))
        for (index, note), word in zip(notes, words, strict=True)
    ]
    sung = [tuple(lyric for index, lyric in lyrics if index == place) for place in range(len(hymn.bars))]
    bars = (replace(bar, notation=(of_bar,)) for bar, of_bar in zip(hymn.bars, sung, strict=True))
    write_score(replace(hymn, bars=tuple(bars)), tmp_path / "hymn.musicxml")
    work = actions.open(Work(), tmp_path / "hymn.musicxml")
    assert work.piece is not None
    assert [record for bar in work.piece.bars for record in bar.notation[0]] == [lyric for _, lyric in lyrics]


def test_the_cursor_follows_jumps_and_repeats() -> None:
    jig = replace(kesh_jig(), tempo=180.0)
    bars = [
        replace(bar, jumps={2: ("segno",), 5: ("fine",), 7: ("D.S.alfine",)}.get(i, ()))
        for i, bar in enumerate(jig.bars)
    ]
    shown = views.score(Work(piece=replace(jig, bars=tuple(bars))), [SOUND])
    assert shown is not None
    order = [*range(8), *range(8), 2, 3, 4, 5]
    assert shown["timeline"] == [(float(number), bar) for number, bar in enumerate(order)]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("noise.mid", b"MThd\x00\x00", "noise.mid: "),
        ("page.musicxml", b"<html>no score</html>", "page.musicxml: this is no MusicXML score: its root is <html>"),
        ("tune.doc", b"X:1", "tune.doc: cannot read '.doc'; known are .abc"),
        ("large.abc", b"X:1\nK:C\n" + b"C" * 20_000, "large.abc: the file has 0.0 MB"),
        ("long.abc", b"X:1\nM:4/4\nL:1/4\nK:C\n" + b"CDEF|" * 40, "the tune has 40 bars, this page takes at most 32"),
        ("dense.abc", b"X:1\nM:4/4\nL:1/32\nK:C\n" + b"[CEGc]" * 32 * 6, "the tune has 768 notes"),
    ],
)
def test_files_that_cannot_be_worked_on_are_refused(
    actions: Actions, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ScoreError, match=re.escape(reason)) as refused:
        actions.open(Work(), path)
    assert str(tmp_path) not in str(refused.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_file_that_takes_too_long_is_given_up(composer: Composer, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "endless.abc")
    actions = Actions(lambda: composer, Limits(reading_seconds=0.2))
    with pytest.raises(ScoreFormatError, match=r"endless\.abc: the file could not be read within 0 seconds"):
        actions.open(Work(), tmp_path / "endless.abc")


def test_writing_ends_with_the_time_that_the_page_allows(composer: Composer) -> None:
    actions = Actions(lambda: composer, Limits(writing_seconds=0))
    with pytest.raises(RequestError, match="bars were written in 0 seconds, which is all this page may take"):
        actions.plan(Work(), JIG, 1)


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (lambda actions, work: actions.plan(work, replace(JIG, bars=33), 1), "this page writes at most 32"),
        (lambda actions, work: actions.extend(work, 25), "the tune would have 33 bars"),
        (lambda actions, work: actions.compose(work, JIG, ["I"] * 3, 1), "the grid has 3 bars, the plan"),
        (lambda actions, work: actions.rewrite(work, texts_of(work), 3, 99), "cannot rewrite the bars (3, 99)"),
        (lambda actions, work: actions.extend(Work(), 8), "there is no tune yet"),
        (lambda actions, work: actions.typed(work, JIG, "I |" * 40), "this page writes at most 32"),
        (
            lambda actions, work: actions.compose(work, JIG, ["I" * 61] * len(texts_of(work)), 1),
            "61 characters are too",
        ),
    ],
)  # fmt: skip
def test_what_the_page_does_not_do_is_said(
    actions: Actions, composed: Work, action: Callable[[Actions, Work], Work], reason: str
) -> None:
    with pytest.raises(RemiError, match=re.escape(reason)):
        action(actions, composed)


def test_a_wrong_chord_is_named_with_its_bar(actions: Actions, composed: Work) -> None:
    texts = texts_of(composed)
    texts[-1] = "H7"
    with pytest.raises(ChordError, match="bar 8: there is no chord 'H7'"):
        actions.compose(composed, JIG, texts, 1)
    grid = views.grid(composed, names=False, typed=texts)
    assert [cell["reason"] != "" for line in grid["lines"] for cell in line].count(True) == 1
    assert grid["problems"][0].startswith("Bar 8: there is no chord 'H7'")


@pytest.mark.parametrize(
    "query",
    [
        {"seed": ["1e9"]},
        {"key": ["H"], "seed": ["1"]},
        {"seed": ["1"], "bars": ["-4"]},
        {"seed": ["1"], "tempo": ["fast"]},
        {"seed": ["1"], "then": ["delete:1"]},
        {"seed": ["1"], "then": ["extend:8:1"] * 21},
        {"plan": ["I|" * 4000]},
    ],
)
def test_a_link_that_was_tampered_with_is_refused(query: dict[str, list[str]]) -> None:
    with pytest.raises(RequestError, match=r"the link has|there is no key"):
        Link.of_query(query)


def test_counterpoint_is_part_of_the_link(actions: Actions) -> None:
    hymn = Request("hymn", "G", bars=4)
    strict = Sampling(counterpoint="strict")
    work = actions.compose(Work(), hymn, [], 5, sampling=strict)
    work = actions.rewrite(work, texts_of(work), 2, 2, sampling=Sampling(counterpoint="off"))
    assert work.link is not None
    query = work.link.query()
    assert "counterpoint=strict&then=off:rewrite:2-2:6:" in query
    link = Link.of_query(parse_qs(query))
    assert link == work.link
    assert actions.follow(link).piece == work.piece


def test_a_link_without_a_tune_is_none() -> None:
    assert Link.of_query({"__theme": ["dark"]}) is None


@pytest.mark.parametrize(
    "step", [Step("rewrite", 3, (5, 8), ("I", "IV V7")), Step("extend", 4, (8, 8)), Step("harmonize", 5)]
)
def test_steps_read_back(step: Step) -> None:
    assert Step.parse(str(step)) == step


def test_hostile_texts_stay_texts(actions: Actions, composed: Work) -> None:
    assert composed.piece is not None
    piece = replace(composed.piece, title=HOSTILE, style=HOSTILE, metadata=(("C", HOSTILE),), voices=(HOSTILE,))
    shown = views.score(replace(composed, piece=piece, link=None), [SOUND])
    assert shown is not None
    for width in ("wide", "narrow"):
        tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(shown[width]).iter()}
        assert not tags & {"script", "img", "foreignObject"}


def test_the_voice_leading_of_several_voices_is_checked(actions: Actions, composed: Work, tmp_path: Path) -> None:
    alone = views.score(composed, [SOUND])
    assert alone is not None
    assert alone["check"] is None
    path = tmp_path / "bad.abc"
    path.write_text("X:1\nM:4/4\nL:1/2\nK:C\nV:S\nV:B\n[V:S] c d | c2 |]\n[V:B] C, D, | C,2 |]\n")
    work = actions.open(Work(), path)
    shown = views.score(work, [SOUND])
    assert shown is not None
    assert shown["check"]["faults"] == [
        {"bar": 1, "text": "bar 1, beat 3: parallel octaves: soprano and bass"},
        {"bar": 2, "text": "bar 2, beat 1: parallel octaves: soprano and bass"},
    ]


def test_a_score_is_engraved_in_any_thread(composed: Work) -> None:
    engraved: list[str] = []

    def engrave() -> None:
        shown = views.score(replace(composed, link=None), [SOUND])
        assert shown is not None
        engraved.append(shown["wide"])

    for _ in range(2):
        thread = Thread(target=engrave)
        thread.start()
        thread.join()
    assert engraved[0] == engraved[1]
    assert composed.piece is not None
    assert engraved[0].count('class="measure') == len(composed.piece.bars)


def test_limits_are_what_may_still_be_asked_for() -> None:
    jig = kesh_jig()
    Limits(bars=8).check_bars(8)
    Limits(bars=8, notes=46).check_upload(jig)
    with pytest.raises(RequestError, match="the tune would have 9 bars, this page writes at most 8; ask for fewer"):
        Limits(bars=8).check_bars(9)
    with pytest.raises(ScoreFormatError, match="the tune has 8 bars, this page takes at most 7; cut it"):
        Limits(bars=7).check_upload(jig)
    with pytest.raises(ScoreFormatError, match="the tune has 46 notes, this page takes at most 45; cut it"):
        Limits(notes=45).check_upload(jig)


def test_strangers_may_ask_for_less_than_oneself() -> None:
    own = Limits()
    for name in ("bars", "notes", "upload_bytes", "reading_seconds", "writing_seconds", "kept_seconds"):
        assert getattr(PUBLIC, name) < getattr(own, name), name
    assert own.waiting is None
    assert PUBLIC.waiting is not None
