"""The page in a real browser: writing, editing, opening, looks."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request as UrlRequest
from urllib.request import urlopen

import pytest
from page_in_browser import LONGEST_WAIT, OpenPage, ask, compose, download, expect, press, status, violations
from test_demo_actions import HOSTILE

from remi_two_stage.score_files import read_score

pytestmark = pytest.mark.slow
pytest_plugins = ["page_in_browser"]

PHONE = {"width": 360, "height": 740}
WATCH = """() => {
    window.cutOff = [];
    window.seen = [];
    const state = document.querySelector("#state");
    const button = document.querySelector("#compose");
    const look = () => {
        if (button.getAttribute("aria-busy") === "true") seen.push("busy");
        if (document.querySelector("#status [role=progressbar]")?.checkVisibility()) seen.push("progress");
        const { bottom } = state.getBoundingClientRect();
        for (const text of state.querySelectorAll(".progress-text, .progress-level")) {
            if (text.checkVisibility() && text.getBoundingClientRect().bottom > bottom) cutOff.push(text.textContent);
        }
        requestAnimationFrame(look);
    };
    look();
}"""
"""Collects what is shown for a moment: that the button is busy, progress, and what is said of it below its box."""


def test_an_edited_chord_is_in_the_score_and_in_the_files(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    ask(page)
    press(page, "Plan")
    status(page, "A plan of 8 bars in D major")
    chord = page.get_by_label("Chords of bar 3", exact=True)
    chord.fill("bVII")
    expect(chord.locator("xpath=following-sibling::*")).to_have_text("C")
    press(page, "Compose")
    status(page, "Jig in D major: 8 bars in D major, 6/8, seed 1")
    names = page.locator("#score svg .harm").all_text_contents()
    assert "C" in [name.strip() for name in names]
    midi = download(page, "MIDI", tmp_path).read_bytes()
    assert b"\xff\x06\x01C" in midi
    (written,) = read_score(download(page, "ABC", tmp_path))
    full_bars = [bar for bar in written.bars if not bar.is_pickup]
    assert [chord.label for chord in full_bars[2].chords] == ["bVII"]
    (played,) = read_score(tmp_path / "jig-in-d-major.mid")
    assert played.note_list() == written.note_list(unfold_repeats=True)
    (engraved,) = read_score(download(page, "MusicXML", tmp_path))
    assert engraved.note_list() == written.note_list()
    assert download(page, "PDF", tmp_path).read_bytes().startswith(b"%PDF")


def test_a_wrong_chord_is_marked_at_once_with_the_reason(open_page: OpenPage) -> None:
    page = open_page()
    ask(page)
    press(page, "Plan")
    chord = page.get_by_label("Chords of bar 2", exact=True)
    chord.fill("H7")
    expect(page.get_by_role("alert")).to_contain_text("Bar 2: there is no chord 'H7'; write a Roman numeral")
    expect(chord).to_have_attribute("aria-invalid", "true")
    press(page, "Compose")
    status(page, "Bar 2: there is no chord 'H7'")
    chord.fill("Em A7")
    expect(chord).to_have_attribute("aria-invalid", "false")
    expect(page.get_by_role("alert")).to_be_empty()
    chord.press("Enter")
    expect(page.get_by_label("Chords of bar 3", exact=True)).to_be_focused()


def test_what_is_left_open_is_drawn_anew_and_what_cannot_be_read_is_said(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_label("Tempo", exact=True).fill("fast")
    press(page, "Plan")
    status(page, "There is no tempo 'fast'; type the quarter notes a minute")
    page.get_by_label("Tempo", exact=True).fill("96")
    page.get_by_label("Bars", exact=True).fill("2")
    press(page, "Compose")
    status(page, r"2 bars in D major, 6/8, seed \d+")
    first = page.locator("#status .status").text_content()
    press(page, "Compose")
    expect(page.locator("#status .status")).not_to_have_text(first, timeout=LONGEST_WAIT)
    press(page, "Rewrite")
    status(page, "No bars are marked; click on them in the score")
    page.get_by_label("From bar", exact=True).fill("1")
    status(page, r"2 bars in D major, 6/8, seed \d+")


def test_fields_stay_as_they_were_left_and_the_style_decides_anew(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, bars=2)
    for style, meter, voices, staves in (("jig", "6/8", 1, 1), ("hymn", "4/4", 4, 2)):
        page.get_by_label("Style", exact=True).fill(style)
        page.keyboard.press("Enter")
        press(page, "Compose")
        status(page, f"2 bars in D major, {meter}, seed 1")
        expect(page.locator("#score .measure").first.locator(".layer")).to_have_count(voices)
        expect(page.locator("#score .measure").first.locator(".staff")).to_have_count(staves)
        for field in ("Metre", "Voices"):
            expect(page.get_by_label(field, exact=True)).to_have_value("usual")


def test_the_button_that_works_says_so(open_page: OpenPage) -> None:
    page = open_page()
    ask(page)
    page.evaluate(WATCH)
    press(page, "Compose")
    status(page, "seed 1")
    button = page.get_by_role("button", name="Compose", exact=True)
    expect(button).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("#status [data-testid=status-tracker]")).to_have_css("opacity", "0")
    assert page.evaluate("cutOff") == []
    assert set(page.evaluate("seen")) == {"busy", "progress"}


def test_of_a_file_with_several_tunes_one_is_chosen(open_page: OpenPage) -> None:
    page = open_page()
    tunes = "".join(
        f"X:{number}\nT:Tune {number}\nM:2/4\nL:1/4\nK:{key}\nGA|G2|]\n\n" for number, key in ((1, "G"), (2, "D"))
    )
    page.locator("input[type=file]").first.set_input_files(
        {"name": "mail.txt", "mimeType": "text/plain", "buffer": tunes.encode()}
    )
    status(page, "The file has 2 tunes: choose one")
    page.get_by_label("Which tune of the file").click()
    page.get_by_role("option", name="2. Tune 2").click()
    status(page, "Tune 2: 2 bars in D major")
    press(page, "Undo")
    status(page, "Tune 1: 2 bars in G major")


def test_a_list_closes_when_tab_leaves_it(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_label("Key", exact=True).click()
    expect(page.get_by_role("option", name="G major", exact=True)).to_be_visible()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_label("Style", exact=True)).to_be_focused()
    expect(page.get_by_role("option", name="G major", exact=True)).to_have_count(0)


def test_what_is_downloaded_sounds(open_page: OpenPage) -> None:
    page = open_page()
    compose(page)
    loudest, seconds = page.evaluate(
        """async () => {
            const { href } = document.querySelector("#score a[download$='.wav']");
            const content = await (await fetch(href)).arrayBuffer();
            const sound = await new OfflineAudioContext(1, 1, 44100).decodeAudioData(content);
            return [sound.getChannelData(0).reduce((most, x) => Math.max(most, Math.abs(x)), 0), sound.duration];
        }"""
    )
    assert loudest > 0.3
    assert seconds > 8 * 3 * 0.5 - 1


def test_bars_are_rewritten_extended_and_given_back(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    compose(page)
    (before,) = read_score(download(page, "ABC", tmp_path))
    measure = page.locator("#score .measure").nth(len(before.bars) - 2)
    measure.locator(".shade").click(position={"x": 3, "y": 3})  # in the middle may be a note, which is heard
    expect(page.locator("#score .measure.marked")).not_to_have_count(0)
    marked = int(page.get_by_label("From bar", exact=True).input_value())
    press(page, "Rewrite")
    status(page, f"New notes in bar {marked}; the others are as they were")
    (after,) = read_score(download(page, "ABC", tmp_path))
    numbers = [number for number, (old, new) in enumerate(zip(before.bars, after.bars, strict=True)) if old != new]
    assert numbers in ([], [len(before.bars) - 2])
    page.get_by_label("More bars", exact=True).fill("4")
    press(page, "Extend")
    status(page, "12 bars")
    press(page, "Undo")
    status(page, "Undone; 1 more")
    press(page, "Undo")
    status(page, "Undone; nothing more")
    (undone,) = read_score(download(page, "ABC", tmp_path))
    assert undone == before


def test_the_link_makes_the_same_tune(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    compose(page, seed=5)
    first = download(page, "ABC", tmp_path).read_text()
    link = page.get_by_role("link", name="Link to this tune").get_attribute("href")
    assert link is not None
    other = open_page(link.partition("/?")[2] and "?" + link.partition("?")[2])
    status(other, "seed 5")
    assert download(other, "ABC", tmp_path).read_text() == first
    broken = open_page("?key=H&seed=1")
    status(broken, "There is no key 'H'")


def test_a_melody_is_opened_and_harmonised_and_a_broken_file_refused(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    files = page.locator("#file input[type=file], input[type=file]").first
    files.set_input_files({"name": "broken.mid", "mimeType": "audio/midi", "buffer": b"MThd nothing"})
    status(page, r"broken\.mid: ")
    files.set_input_files({"name": f"{HOSTILE}.abc", "mimeType": "text/plain", "buffer": b"no tune"})
    status(page, "there is no ABC tune")
    tune = f"X:1\nT:{HOSTILE}\nC:{HOSTILE}\nM:4/4\nL:1/4\nK:G\n" + '"G"GABc|"C"cdec|"D"dcBA|"G"G4|]\n'
    files.set_input_files({"name": "melody.abc", "mimeType": "text/plain", "buffer": tune.encode()})
    status(page, "Opened")
    expect(page.locator("#status .status")).to_contain_text("alert(1)")
    press(page, "Harmonise")
    status(page, "Three voices are new; the tune is the soprano")
    (harmonised,) = read_score(download(page, "MusicXML", tmp_path))
    assert len(harmonised.voices) == 4
    page.get_by_text("Check voice-leading").click()
    expect(page.locator("#score .faults p")).to_contain_text("changes of sound; in 100 of them")
    assert (
        page.locator("script, img").evaluate_all("all => all.filter((node) => node.closest('#score, #status')).length")
        == 0
    )


def test_what_a_stranger_types_or_links_is_shown_as_text(open_page: OpenPage) -> None:
    page = open_page(f"?seed=1&key={quote(HOSTILE)}")
    status(page, re.escape(f"There is no key {HOSTILE[:20]!r}"[:-1]))
    ask(page, bars=2)
    press(page, "Plan")
    status(page, "A plan of 2 bars")
    page.get_by_label("Chords of bar 1", exact=True).fill(HOSTILE)
    expect(page.get_by_role("alert")).to_contain_text("<img src=x")
    press(page, "Compose")
    status(page, "Bar 1: ")
    page.get_by_label("Tempo", exact=True).fill("<img/s>")
    press(page, "Plan")
    status(page, "There is no tempo '<img/s>'")
    expect(page.locator("[onerror]")).to_have_count(0)


def test_scripts_of_other_sites_may_not_read_the_page(address: str) -> None:
    with urlopen(UrlRequest(f"{address}config", headers={"Origin": "https://elsewhere.example"})) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] is None
    with urlopen(UrlRequest(f"{address}config", headers={"Origin": address.rstrip("/")})) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == address.rstrip("/")


def test_two_visitors_at_once_have_each_their_own_tune(open_page: OpenPage) -> None:
    first, second = open_page(), open_page()
    for page, seed in ((first, 3), (second, 4)):
        ask(page, seed)
        press(page, "Compose")
    status(first, "seed 3")
    status(second, "seed 4")
    assert first.locator("#score svg").inner_html() != second.locator("#score svg").inner_html()
    press(first, "Extend")
    status(first, "16 bars")
    press(second, "Extend")
    status(second, "16 bars in D major, 6/8, seed 4")
    status(first, "16 bars in D major, 6/8, seed 3")


@pytest.mark.parametrize("path", ["/etc/hostname", str(Path(__file__).parents[1] / "setup.cfg"), "setup.cfg"])
def test_the_page_gives_out_no_file_of_the_machine(address: str, path: str) -> None:
    with pytest.raises(HTTPError, match=r"40[34]") as refused:
        urlopen(f"{address}gradio_api/file={path}")
    refused.value.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1400, 900), (390, 844)])
def test_the_score_is_in_view_and_everything_can_be_reached(
    open_page: OpenPage, size: tuple[int, int], scheme: str
) -> None:
    width, height = size
    page = open_page(viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce")
    compose(page)
    score = page.locator("#score .paper")
    expect(score).to_be_in_viewport(ratio=0.6)
    paper = score.bounding_box()
    staff = score.locator(".staff").first.bounding_box()
    assert paper is not None
    assert staff is not None
    assert staff["x"] - paper["x"] < 0.04 * width
    small = page.locator("button, a[href], input, select, summary, #notation label, #accompanied label").evaluate_all(
        """all => all.filter((node) => node.checkVisibility())
            .filter((node) => !node.matches("[type=checkbox], [type=radio], [type=file]"))
            .filter((node) => node.getBoundingClientRect().height < 40 || node.getBoundingClientRect().width < 40)
            .map((node) => node.outerHTML)"""
    )
    assert small == []
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone(open_page: OpenPage, scheme: str) -> None:
    page = open_page(viewport=PHONE, color_scheme=scheme)
    expect(page.locator("#tools .tool").first).to_be_hidden()
    compose(page)
    expect(page.locator("#tools .tool").first).to_be_visible()
    edges = page.evaluate(
        """() => [...document.querySelectorAll("#music, #notation label, .score-view .paper, #tools .tool")]
            .map((node) => node.getBoundingClientRect().right)"""
    )
    assert max(edges) <= edges[0] + 1
    expect(page.locator("#score svg")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    overlaps = page.evaluate(
        """() => {
            const boxes = [...document.querySelectorAll(".chord-grid .cell, #request button, #tools button, .links a")]
                .map((node) => node.getBoundingClientRect());
            return boxes.some((a, i) => boxes.some((b, j) => i < j && a.left < b.right - 1 && b.left < a.right - 1
                && a.top < b.bottom - 1 && b.top < a.bottom - 1));
        }"""
    )
    assert not overlaps


def test_on_a_phone_what_is_said_of_a_plan_comes_into_view(open_page: OpenPage) -> None:
    page = open_page(viewport=PHONE, reduced_motion="reduce")
    line = page.locator("#status .status")
    expect(line).not_to_be_in_viewport()
    ask(page, bars=2)
    press(page, "Plan")
    status(page, "A plan of 2 bars")
    expect(line).to_be_in_viewport()
    expect(page.get_by_label("Chords of bar 1", exact=True)).to_be_in_viewport()
    page.get_by_text("The plan as text").click()
    page.get_by_label("Chords between bar lines").fill("(V 4/4) | I")
    press(page, "Use this plan")
    status(page, "^Pick-up: the pick-up is not shorter than a bar of 6/8")
    expect(line).to_be_in_viewport()
    page.get_by_label("Tempo", exact=True).fill("fast")
    page.get_by_role("button", name="Plan", exact=True).click()
    status(page, "There is no tempo 'fast'")
    expect(line).to_be_in_viewport()


def test_on_paper_the_tune_stands_alone(open_page: OpenPage) -> None:
    page = open_page(color_scheme="dark")
    compose(page)
    page.emulate_media(media="print")
    expect(page.locator("#score .paper svg")).to_be_visible()
    for other in (
        "header",
        "#request",
        "#state",
        "#music-heading",
        "#score .player",
        "#score .links",
        "#tools",
        "#grid",
    ):
        expect(page.locator(other)).to_be_hidden()
    expect(page.locator("#score .paper")).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(page.locator("#score .paper svg")).to_have_css("color", "rgb(0, 0, 0)")
