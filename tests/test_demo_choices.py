"""Tunes to choose from, titles, two staves and what an edit changed, without a browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import soundfile
from tunes import OLD_HUNDREDTH, kesh_jig

from remi_two_stage.composing.composer import Composer
from remi_two_stage.core.errors import RequestError
from remi_two_stage.core.plan import Plan
from remi_two_stage.core.request import Request
from remi_two_stage.core.sampling import Sampling
from remi_two_stage.demo import views
from remi_two_stage.demo.actions import Actions, Work
from remi_two_stage.demo.comparison import compared
from remi_two_stage.demo.downloads import write_downloads
from remi_two_stage.demo.limits import Limits
from remi_two_stage.demo.link import Link
from remi_two_stage.score_files import read_score
from remi_two_stage.scores.abc_reader import read_abc

JIG = Request("jig", "D", bars=4)


@pytest.fixture(scope="module")
def composer() -> Composer:
    return Composer.from_pretrained()


@pytest.fixture
def actions(composer: Composer) -> Actions:
    return Actions(lambda: composer, Limits(bars=32))


@pytest.fixture
def hymn(actions: Actions, tmp_path: Path) -> Work:
    (tmp_path / "hymn.abc").write_text(OLD_HUNDREDTH)
    return actions.open(Work(), tmp_path / "hymn.abc")


def texts_of(work: Work) -> list[str]:
    assert work.plan is not None
    return work.plan.bar_texts()


def test_each_of_three_tunes_is_what_its_seed_composes_alone(actions: Actions) -> None:
    work = actions.offer(Work(), JIG, [], 7)
    first = work.offered
    work = actions.offer_another(actions.offer_another(work))
    assert work.offered[:1] == first
    for seed, offered in enumerate(work.offered, 7):
        alone = actions.compose(Work(), JIG, [], seed)
        assert (offered.piece, offered.plan, offered.link) == (alone.piece, alone.plan, alone.link)
    assert len({tuple(offered.piece.note_list()) for offered in work.offered if offered.piece}) == 3
    assert work.piece is None


def test_chosen_is_gone_on_with_and_undo_leads_back_to_the_choice(actions: Actions) -> None:
    choice = actions.offer_another(actions.offer(Work(), JIG, [], 3))
    chosen = actions.choose(choice, 1)
    assert chosen.piece == choice.offered[1].piece
    assert chosen.offered == ()
    assert actions.undo(chosen).offered == choice.offered
    assert chosen.link is not None
    assert actions.follow(Link.of_query(parse_qs(chosen.link.query())) or chosen.link).piece == chosen.piece
    with pytest.raises(RequestError, match="this tune is no longer offered; compose three again"):
        actions.choose(chosen, 0)


def test_what_was_undone_is_done_again_until_something_else_is_done(actions: Actions) -> None:
    composed = actions.compose(Work(), JIG, [], 1)
    longer = actions.extend(composed, 2)
    renamed = actions.retitle(longer, "Long")
    back = actions.undo(actions.undo(renamed))
    assert back.piece == composed.piece
    again = actions.redo(back)
    assert (again.piece, again.link) == (longer.piece, longer.link)
    assert actions.undo(again).piece == composed.piece
    last = actions.redo(again)
    assert last.piece is not None
    assert last.piece.title == "Long"
    with pytest.raises(RequestError, match="there is nothing to do again"):
        actions.redo(last)
    with pytest.raises(RequestError, match="there is nothing to do again"):
        actions.redo(actions.retitle(back, "Another"))


def test_three_tunes_are_written_over_the_chords_in_the_grid(actions: Actions) -> None:
    planned = actions.plan(Work(), JIG, 1)
    texts = texts_of(planned)
    texts[-2] = "bVII"
    work = actions.offer_another(actions.offer(planned, JIG, texts, 5, sampling=Sampling(counterpoint="off")))
    assert [texts_of(offered) for offered in work.offered] == [texts, texts]
    assert actions.undo(actions.choose(work, 0)).plan == work.plan


def test_the_tunes_of_a_choice_are_shown_in_small(actions: Actions) -> None:
    shown = views.score(actions.offer(Work(), JIG, [], 7), [])
    assert shown is not None
    (card,) = shown["offered"]
    assert shown["wanted"] == 3
    assert card["said"].endswith("seed 7.")
    assert card["picture"].count('class="measure') >= 4
    assert card["playing"]["notes"]


def test_a_title_goes_into_every_download_and_into_the_link(actions: Actions, tmp_path: Path) -> None:
    composed = actions.compose(Work(), JIG, [], 7)
    work = actions.retitle(composed, "  The Humours\nof Ärmel & <Co> ")
    assert work.piece is not None
    assert work.piece.title == "The Humours of Ärmel & <Co>"
    files = {file.path.suffix: file.path for file in write_downloads(work.piece, str(tmp_path), with_chords=True)}
    for ending, path in files.items():
        assert path.stem == "the-humours-of-ärmel-co"
        if ending in {".abc", ".musicxml", ".mxl"}:
            assert read_score(path)[0].title == work.piece.title
        elif ending in {".wav", ".ogg", ".flac"}:
            with soundfile.SoundFile(path) as sound:
                assert sound.title == work.piece.title
    assert "Ärmel".encode() in files[".mid"].read_bytes()
    assert work.link is not None
    link = Link.of_query(parse_qs(work.link.query()))
    assert link == work.link
    assert link is not None
    assert actions.follow(link).piece == work.piece
    assert actions.undo(work).piece == composed.piece
    assert actions.retitle(work, work.piece.title) is work
    assert len((actions.retitle(work, "a" * 500).piece or work.piece).title) == 200


def test_a_rewritten_tune_is_compared_bar_by_bar(actions: Actions) -> None:
    (old,) = read_abc('X:1\nM:4/4\nL:1/4\nK:D\n"D"DFAd|"G"GBdB|"A"A4|"D"D4|]\n')
    (new,) = read_abc('X:1\nM:4/4\nL:1/4\nK:D\n"D"DFAd|"Em"GBeB|"A"A4|"D"F4|]\n')
    comparison = compared(old, new, is_close=True)
    assert comparison is not None
    assert comparison.bars == (1, 3)
    assert comparison.new == ((144, 76, 24), (288, 66, 96))
    assert comparison.old == ((144, 74, 24), (288, 62, 96))
    assert [staff.name for staff in comparison.staves] == ["New", "Old"]
    assert [text.text for text in comparison.piece.bars[1].notation[1]] == ["G"]  # type: ignore[union-attr]
    shown = views.score(Work(piece=new, plan=Plan.of(new), before=old), [])
    assert shown is not None
    assert shown["changes"]["said"] == "bars 2, 4"
    assert shown["changes"]["wide"].count('class="staff"') == 2 * 4
    assert views.score(Work(piece=new, plan=Plan.of(new), before=new), [])["changes"] is None  # type: ignore[index]


def test_an_extended_and_a_harmonised_tune_are_compared_too(actions: Actions) -> None:
    jig = kesh_jig()
    work = Work(request=Request("jig", "G", bars=8), plan=Plan.of(jig), piece=jig)
    longer = actions.extend(work, 2)
    assert longer.before == jig
    assert longer.piece is not None
    comparison = compared(jig, longer.piece, is_close=True)
    assert comparison is not None
    assert comparison.bars == tuple(range(len(jig.bars), len(longer.piece.bars)))
    assert comparison.old == ()
    low = replace(work, piece=jig.transpose(-24), plan=Plan.of(jig.transpose(-24)))
    harmonised = actions.harmonize(low, texts_of(low))
    assert harmonised.piece is not None
    comparison = compared(low.piece or jig, harmonised.piece, is_close=True)
    assert comparison is not None
    assert (comparison.new_staves, len(comparison.staves)) == (2, 3)
    assert comparison.old == ()
    assert comparison.bars == tuple(range(len(jig.bars)))
    assert actions.retitle(harmonised, "Mine").before is None


def test_a_hymn_is_shown_and_printed_on_two_staves_with_its_words(hymn: Work, tmp_path: Path) -> None:
    for is_close, staves in ((True, 2), (False, 4)):
        shown = views.score(hymn, [], is_close)
        assert shown is not None
        for width in ("wide", "narrow"):
            assert shown[width].count('class="staff"') == staves * 3
            assert shown[width].count('class="verse"') == 8
        pdf = next(
            file.path
            for file in write_downloads(hymn.piece, str(tmp_path / str(staves)), True, is_close)  # type: ignore[arg-type]
            if file.path.suffix == ".pdf"
        )
        assert pdf.read_bytes().startswith(b"%PDF")
    assert views.score(hymn, [], True)["numbers"] == [0, 1, 2]  # type: ignore[index]


@pytest.mark.parametrize(
    ("numbers", "words"),
    [([3], "bar 3"), ([3, 4, 5], "bars 3 to 5"), ([1, 3, 4, 8], "bars 1, 3 to 4, 8"), ([], "the pick-up")],
)
def test_bars_are_named_in_words(numbers: list[int], words: str) -> None:
    assert views.bars_in_words(numbers, 8) == words
    assert views.bars_in_words(range(1, 9), 8) == "all bars"
