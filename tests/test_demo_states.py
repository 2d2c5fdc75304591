"""The page in a real browser: every state passes axe-core, and all of it is done by the keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from page_in_browser import OpenPage, Page, ask, compose, expect, press, status, violations
from tunes import OLD_HUNDREDTH

from remi_two_stage.score_files import read_score

pytestmark = pytest.mark.slow
pytest_plugins = ["page_in_browser"]

HYMN = f"{OLD_HUNDREDTH}\nX:2\nT:Scale\nK:C\nCDEF|]\n".encode()


def upload(page: Page, content: bytes) -> None:
    file = {"name": "hymns.abc", "mimeType": "text/plain", "buffer": content}
    page.locator("input[type=file]").first.set_input_files(file)


def states(page: Page) -> Iterator[str]:
    """Bring the page into one state after another, and name each."""
    yield "empty"
    page.get_by_label("Key", exact=True).click()
    expect(page.get_by_role("option", name="G major", exact=True)).to_be_visible()
    yield "an open list"
    page.keyboard.press("Escape")
    ask(page, bars=2)
    press(page, "Plan")
    status(page, "A plan of 2 bars")
    yield "a plan"
    chord = page.get_by_label("Chords of bar 2", exact=True)
    chord.fill("H7")
    expect(page.get_by_role("alert")).to_contain_text("Bar 2")
    press(page, "Compose")
    status(page, "Bar 2: there is no chord 'H7'")
    yield "a wrong chord and what is said of it"
    chord.fill("I")
    expect(page.get_by_role("alert")).to_be_empty()
    ask(page, bars=32)
    press(page, "Compose")
    expect(page.get_by_role("progressbar")).to_be_visible()
    yield "a button at work"
    status(page, "32 bars")
    ask(page, bars=2)
    press(page, "Three to choose from")
    expect(page.locator(".candidate")).to_have_count(3)
    yield "three tunes"
    press(page, "Choose tune 2")
    status(page, "Chosen")
    yield "a tune"
    press(page, "Loop")
    press(page, "Play")
    expect(page.locator("#score .note.sounding").first).to_be_attached()
    yield "a tune that is played"
    press(page, "Stop")
    press(page, "Piano roll")
    expect(page.locator("#score .is-roll svg")).to_be_visible()
    yield "a piano roll"
    press(page, "Score")
    page.get_by_label("From bar", exact=True).fill("1")
    page.get_by_label("to bar", exact=True).fill("1")
    expect(page.locator("#score .measure.marked")).not_to_have_count(0)
    yield "marked bars"
    press(page, "Extend")
    status(page, "10 bars")
    expect(page.locator("#score .legend")).to_contain_text("Changed: bars 3 to 10")
    yield "old and new"
    press(page, "Harmonise")
    status(page, "Three voices are new")
    page.get_by_text("Check voice-leading").click()
    page.get_by_text("The tune as ABC").click()
    page.get_by_text("The plan as text").click()
    expect(page.get_by_label("ABC of the tune")).to_be_visible()
    yield "four voices, the list of their faults, both texts"
    upload(page, HYMN)
    status(page, "The file has 2 tunes")
    expect(page.get_by_label("Which tune of the file")).to_be_visible()
    yield "a hymn with words, one of two tunes"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1400, 900), (390, 844)])
def test_axe_finds_nothing_in_any_state(open_page: OpenPage, size: tuple[int, int], scheme: str) -> None:
    width, height = size
    page = open_page(viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce")
    assert [(state, *found) for state in states(page) for found in violations(page)] == []


def tab_to(page: Page, name: str, role: str = "button", key: str = "Tab") -> None:
    """Press Tab until something has the focus."""
    wanted = page.get_by_role(role, name=name, exact=True)
    for _ in range(150):
        if wanted.count() and wanted.first.evaluate("node => node === document.activeElement"):
            return
        page.keyboard.press(key)
    pytest.fail(f"Tab does not lead to {name}")


def typed(page: Page, name: str, text: str, role: str = "textbox") -> None:
    tab_to(page, name, role)
    page.keyboard.press("Control+A")
    page.keyboard.type(text)


def test_everything_is_done_by_the_keyboard_alone(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    typed(page, "Bars", "4", "spinbutton")
    typed(page, "Seed", "1")
    tab_to(page, "Compose")
    page.keyboard.press("Enter")
    status(page, "seed 1")
    typed(page, "Chords of bar 3", "bVII")
    expect(page.get_by_label(re.compile("^Chords of bar 3")).locator("xpath=following-sibling::*")).to_have_text("C")
    tab_to(page, "Compose", key="Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#score svg .harm", has_text=re.compile("^C$"))).to_be_attached()
    typed(page, "Title", "By hand")
    page.keyboard.press("Enter")
    status(page, "By hand: 4 bars")
    tab_to(page, "Play")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    note = page.locator("#score .note").first
    before = note.get_attribute("aria-label") or ""
    tab_to(page, before)
    page.keyboard.press("ArrowUp")
    status(page, "A note is changed")
    expect(note).not_to_have_attribute("aria-label", before)
    expect(note).to_be_focused()
    tab_to(page, "Download as ABC", "link")
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    waiting.value.save_as(tmp_path / "tune.abc")
    (tune,) = read_score(tmp_path / "tune.abc")
    assert waiting.value.suggested_filename == "by-hand.abc"
    assert tune.title == "By hand"


def test_three_tunes_stand_side_by_side_and_each_is_played(open_page: OpenPage) -> None:
    page = open_page(viewport={"width": 1400, "height": 900})
    ask(page, bars=4)
    press(page, "Three to choose from")
    expect(page.locator(".candidate").first).to_be_visible()
    expect(page.locator(".awaited")).not_to_have_count(0)
    expect(page.locator(".candidate")).to_have_count(3)
    boxes = [page.locator(".candidate").nth(number).bounding_box() for number in range(3)]
    assert len({round(box["y"]) for box in boxes if box}) == 1
    for number in (1, 3):
        press(page, f"Play tune {number}")
        card = page.get_by_role("region", name=f"Tune {number} of 3")
        expect(card.locator(".note.sounding").first).to_be_attached()
        expect(page.locator(".is-playing")).to_have_count(1)
    page.get_by_role("button", name="Play tune 3").press("Space")
    expect(page.locator(".is-playing")).to_have_count(0)
    press(page, "Choose tune 3")
    status(page, r"Chosen: Jig in D major: 4 bars in D major, 6/8, seed 3\.")
    expect(page.locator("#score .paper svg .measure").first).to_be_visible()
    press(page, "Undo")
    expect(page.locator(".candidate")).to_have_count(3)


def test_old_and_new_are_two_staves_with_what_changed_in_colour(open_page: OpenPage) -> None:
    page = open_page()
    compose(page)
    page.get_by_label("From bar", exact=True).fill("3")
    page.get_by_label("to bar", exact=True).fill("6")
    press(page, "Rewrite")
    status(page, "New notes in bars 3 to 6")
    expect(page.locator("#score .measure").first.locator(".staff")).to_have_count(2)
    expect(page.locator("#score .legend")).to_contain_text("Changed: bar")
    colour = "node => getComputedStyle(node).fill"
    added, gone = (page.locator(f"#score svg .{name}").first for name in ("added", "gone"))
    others = page.locator("#score .note:not(.added, .gone)").first.evaluate(colour)
    assert len({added.evaluate(colour), gone.evaluate(colour), others}) == 3
    altered = page.locator("#score .measure.altered .shade").evaluate_all(
        "all => all.map((node) => node.getAttribute('aria-label'))"
    )
    assert {name.partition(":")[0] for name in altered} <= {f"Mark bar {number}" for number in (3, 4, 5, 6)}
    press(page, "Score")
    expect(page.locator("#score .measure").first.locator(".staff")).to_have_count(1)
    expect(page.locator("#score .legend")).to_have_count(0)
    press(page, "Undo")
    expect(page.get_by_role("button", name="Old and new")).to_have_count(0)
    press(page, "Redo")
    status(page, "Done again")
    expect(page.locator("#score .legend")).to_contain_text("Changed: bar")
    expect(page.get_by_role("button", name="Redo")).to_be_disabled()


def test_a_hymn_has_its_words_and_two_staves_or_four(open_page: OpenPage) -> None:
    page = open_page()
    upload(page, HYMN)
    status(page, "The file has 2 tunes")
    staves = page.locator("#score .measure").first.locator(".staff")
    expect(staves).to_have_count(2)
    words = page.locator("#score svg .syl")
    assert [word.strip() for word in words.all_text_contents()] == "All peo ple that on earth do dwell".split()
    expect(page.get_by_role("button", name=re.compile("^G 4, bar 1, beat 1.*, sung peo"))).to_have_count(1)
    page.get_by_label("On two staves").uncheck()
    expect(staves).to_have_count(4)
    expect(words).to_have_count(8)


def test_the_rules_of_counterpoint_are_those_that_were_chosen(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, bars=2)
    page.get_by_label("Rules of counterpoint", exact=True).fill("strict")
    page.keyboard.press("Enter")
    press(page, "Compose")
    status(page, "seed 1")
    link = page.get_by_role("link", name="Link to this tune").get_attribute("href")
    assert "counterpoint=strict" in (link or "")


def test_the_page_has_a_title_that_can_be_said_and_keys_in_the_circles_order(open_page: OpenPage) -> None:
    page = open_page()
    assert page.title() == "Two-Stage Composer"
    page.get_by_label("Key", exact=True).click()
    keys: Callable[[], list[str]] = page.get_by_role("option").all_text_contents
    assert [key.replace("✓", "").strip() for key in keys()][:7] == [
        f"{tonic} major" for tonic in ("C", "G", "D", "A", "E", "B", "F#")
    ]


def test_a_page_that_is_loaded_again_shows_the_same_tune(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, seed=5, bars=4)
    press(page, "Compose")
    status(page, r"seed 5\.")
    sung = page.locator("#score .note").evaluate_all("all => all.map((node) => node.getAttribute('aria-label'))")
    page.reload()
    status(page, r"seed 5\.")
    names = page.locator("#score .note")
    expect(names).to_have_count(len(sung))
    assert names.evaluate_all("all => all.map((node) => node.getAttribute('aria-label'))") == sung
    names.first.press("ArrowUp")
    status(page, "A note is changed")
    moved = names.first.get_attribute("aria-label")
    assert moved != sung[0]
    page.reload()
    status(page, "As you left it: Jig in D major: 4 bars")
    expect(names.first).to_have_attribute("aria-label", moved or "")
    page.get_by_label("Seed", exact=True).fill("6")
    press(page, "Plan")
    status(page, "A plan of 4 bars")
    page.reload()
    status(page, "Choose what to write")


def test_a_list_opens_where_its_chosen_entry_is(open_page: OpenPage) -> None:
    page = open_page(viewport={"width": 1400, "height": 900})
    page.get_by_label("Key", exact=True).click()
    expect(page.get_by_role("option", name="D major", exact=True)).to_be_in_viewport()


def test_the_plan_as_text_is_in_the_notation_that_was_chosen(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, bars=2)
    press(page, "Plan")
    status(page, "A plan of 2 bars")
    page.get_by_label("Chords of bar 2", exact=True).fill("bVII")
    page.get_by_text("The plan as text").click()
    page.get_by_label("Chord names", exact=True).check()
    expect(page.get_by_label("Chords between bar lines")).to_have_value(re.compile(r"\| C :?\|"))
