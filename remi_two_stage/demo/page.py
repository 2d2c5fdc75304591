"""The page: its controls and their functions.

A control's function takes the visitor's `Work`, asks `Actions` for the next one, and shows it. Errors of ours become
a line on the page and leave everything as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import gradio as gr

from ..composing.arguments import EXTENDED_BY, FirstRequest
from ..composing.tasks import placed
from ..core.abc_writer import write_abc
from ..core.counterpoint import COUNTERPOINTS
from ..core.errors import RemiError, RequestError
from ..core.request import Request
from ..core.sampling import DEFAULT_SAMPLING, Sampling
from ..core.text import counted
from ..core.vocabulary import STYLES
from ..rendering.close_score import two_staves
from ..score_files import READABLE
from . import components, form, views
from .actions import Actions, Work, edited_plan
from .components import typed_texts
from .downloads import write_downloads
from .link import LONGEST_TITLE, Link
from .uploads import TEXT

if TYPE_CHECKING:
    from ..composing.composer import Progress

TITLE = "Two-Stage Composer"
_HEADER = f"<header><h1>{TITLE}</h1><p>A plan of chords that you can change, then the tune over it.</p></header>"
_PARTS = {
    "S": "the soprano",
    "A": "the alto, for it lies too low for a soprano",
    "T": "the tenor, for it lies too low for a soprano",
    "B": "the bass, for it lies too low for a soprano",
    "M": "a part of its own, for no singer has its range",
}
"""Voice that a tune becomes, in the words of the status line."""
_NUMERALS, _NAMES = "Roman numerals", "Chord names"
_AS_WRITTEN, _PLANNER = "those in the grid", "new ones"

_MARKED = "(score) => [score.first, score.last]"
_MARK = (
    "(first, last) => { document.querySelector('#score .score-view')"
    "?.dispatchEvent(new CustomEvent('mark', { detail: [first, last] })); }"
)

_SETTINGS = ("work", "notation", "chords", "staves")
"""What every action is given."""
_EDIT = f"({', '.join(_SETTINGS)}, score) => [{', '.join(_SETTINGS)}, {{ edit: score.edit }}]"
_CHOICE = f"({', '.join(_SETTINGS)}, score) => [{', '.join(_SETTINGS)}, score.choice]"
_KEPT = (
    f"({', '.join(_SETTINGS)}) => {{ let kept = ''; try {{ kept = sessionStorage.getItem('tune') ?? ''; }} catch {{}} "
    f"return [{', '.join(_SETTINGS)}, kept]; }}"
)
_IDLE = "() => document.dispatchEvent(new Event('music-idle'))"
_FIELDS = ("style", "key", "meter", "bars", "tempo", "voices")
_NOTHING = Work()

Outcome = tuple[Work, str] | None
"""The next state of a user's work, and a remark on it; None where there is nothing to do."""
Action = Callable[..., Outcome]


@dataclass(frozen=True, slots=True)
class Call:
    """Arguments of an action besides the controls' values."""

    report: Progress
    request: gr.Request


class Page:
    """The page's controls and their functions, over its `Actions`."""

    def __init__(self, actions: Actions) -> None:
        self.actions = actions
        with gr.Blocks(title=TITLE, fill_width=True, analytics_enabled=False, delete_cache=self._cleaning()) as blocks:
            self.blocks = blocks
            self.work = gr.State(_NOTHING, time_to_live=actions.limits.kept_seconds)
            components.fixed(_HEADER)
            with gr.Row(elem_id="desk"):
                with gr.Column(scale=0, min_width=300, elem_id="request"):
                    self._place_request()
                with gr.Column(scale=1, min_width=280, elem_id="music"):
                    self._place_music()
            self._connect()

    def _cleaning(self) -> tuple[int, int]:
        kept = self.actions.limits.kept_seconds
        return max(60, kept // 4), kept

    def _place_request(self) -> None:
        """The fields of a request, and the two main buttons."""
        components.fixed("<h2>What to write</h2>")
        first = FirstRequest()
        styles = [form.OPEN, *STYLES]
        self.style = gr.Dropdown(
            [(style.replace("-", " "), style) for style in styles], value=first.style, label="Style"
        )
        self.key = gr.Dropdown(form.offered_keys(), value=str(first.key), label="Key", allow_custom_value=True)
        with gr.Row(elem_classes="pair"):
            self.meter = gr.Dropdown(
                [form.OWN, *form.METERS], value=form.OWN, label="Metre", allow_custom_value=True, min_width=100
            )
            self.bars = gr.Number(first.bars, label="Bars", precision=0, min_width=100)
        with gr.Row(elem_classes="pair"):
            self.tempo = gr.Textbox(label="Tempo", placeholder="♩ a minute", max_length=8, min_width=100)
            self.seed = gr.Textbox(label="Seed", placeholder="a new one", max_length=18, min_width=100)
        self.voices = gr.Dropdown(list(form.VOICES), value=form.OWN, label="Voices")
        self.counterpoint = gr.Dropdown(
            list(COUNTERPOINTS), value=DEFAULT_SAMPLING.counterpoint, label="Rules of counterpoint"
        )
        with gr.Row(elem_classes="pair"):
            self.plan = gr.Button("Plan", variant="secondary", elem_id="plan", min_width=100)
            self.compose = gr.Button("Compose", variant="primary", elem_id="compose", min_width=100)
        self.three = gr.Button("Three to choose from", variant="secondary", elem_id="three")
        components.fixed("<h2>Or begin with your own</h2>")
        self.file = gr.UploadButton("Open a tune …", file_types=[*READABLE, TEXT], elem_id="file")
        components.fixed("<p class='hint'>An ABC, MusicXML, MIDI or kern file, or a text with ABC in it.</p>")
        self.which = gr.Dropdown(
            [], label="Which tune of the file", elem_id="which", visible=False, allow_custom_value=True
        )

    def _place_music(self) -> None:
        """The state, the score with its tools, and the plan."""
        with gr.Row(elem_id="state"):
            self.status = components.status()
            self.undo = gr.Button("Undo", elem_id="undo", min_width=70, scale=0, interactive=False)
            self.redo = gr.Button("Redo", elem_id="redo", min_width=70, scale=0, interactive=False)
        with gr.Row(elem_classes="bar-of-heading", elem_id="music-heading"):
            components.fixed("<h2>Music</h2>")
            self.title = gr.Textbox(label="Title", elem_id="title", max_length=LONGEST_TITLE, min_width=160)
            self.close = gr.Checkbox(True, label="On two staves", elem_id="close", min_width=160, visible="hidden")
            self.accompanied = gr.Checkbox(True, label="Play the chords beneath", elem_id="accompanied", min_width=200)
        self.score = components.score()
        with gr.Row(elem_id="tools", visible="hidden") as self.tools:
            self._place_tools()
        with gr.Accordion("The tune as ABC", open=False, elem_id="as-abc", elem_classes="as-text"):
            self.abc = gr.Textbox(label="ABC of the tune", lines=6, max_lines=30, max_length=40_000)
            self.take_abc = gr.Button("Use this ABC", elem_id="take-abc", elem_classes="take")
        with gr.Row(elem_classes="bar-of-heading", elem_id="chords-heading"):
            components.fixed("<h2>Chords</h2>")
            self.notation = gr.Radio(
                [_NUMERALS, _NAMES], value=_NUMERALS, label="Chords shown as", elem_id="notation", min_width=160
            )
        self.grid = components.chord_grid()
        with gr.Accordion("The plan as text", open=False, elem_id="as-text", elem_classes="as-text"):
            self.text = gr.Textbox(
                label="Chords between bar lines, with repeats",
                info="|: I | IV V7 | I | V7 :|   n chords in a bar divide its beats; / holds one; (V 1/8) is a pick-up",
                lines=3,
                max_lines=12,
                max_length=4_000,
            )
            self.take = gr.Button("Use this plan", elem_id="take", elem_classes="take")

    def _place_tools(self) -> None:
        """What can be done with a tune."""
        with gr.Column(elem_classes="tool", min_width=220):
            with gr.Row(elem_classes="pair"):
                self.first = gr.Number(None, label="From bar", precision=0, min_width=80)
                self.last = gr.Number(None, label="to bar", precision=0, min_width=80)
            self.rewrite = gr.Button("Rewrite", elem_id="rewrite")
        with gr.Column(elem_classes="tool", min_width=220):
            self.more = gr.Number(EXTENDED_BY, label="More bars", precision=0)
            self.extend = gr.Button("Extend", elem_id="extend")
        with gr.Column(elem_classes="tool", min_width=220):
            self.chords = gr.Dropdown([_AS_WRITTEN, _PLANNER], value=_AS_WRITTEN, label="Chords for four voices")
            self.harmonize = gr.Button("Harmonise", elem_id="harmonize")

    def _connect(self) -> None:
        """Bind every control to its function."""
        request_fields = [self.style, self.key, self.meter, self.bars, self.tempo, self.voices]
        state = [self.work, self.notation]
        self._on(self.plan.click, self._plan, [self.counterpoint, *request_fields, self.seed])
        self._on(self.compose.click, self._compose, [self.counterpoint, *request_fields, self.seed, self.grid])
        offered = self._on(self.three.click, self._offer, [self.counterpoint, *request_fields, self.seed, self.grid])
        for _ in range(1, views.OFFERED):
            offered = self._on(offered.then, self._offer_another, [self.counterpoint], progress="hidden")
        self._on(self.score.option_select, self._choose, [self.score], _FIELDS, js=_CHOICE)
        for given in (self.title.submit, self.title.blur):
            self._on(given, self._retitle, [self.title], progress="hidden")
        self._on(self.take.click, self._take, [*request_fields, self.text], ["bars"])
        self._on(self.take_abc.click, self._take_abc, [self.abc], _FIELDS)
        self._on(self.score.input, self._move_note, [self.score], js=_EDIT)
        self._on(self.rewrite.click, self._rewrite, [self.counterpoint, self.grid, self.first, self.last])
        self._on(self.extend.click, self._extend, [self.counterpoint, self.more], ["bars"])
        self._on(self.harmonize.click, self._harmonize, [self.counterpoint, self.grid, self.chords])
        self._on(self.undo.click, self._undo, [], _FIELDS)
        self._on(self.redo.click, self._redo, [], _FIELDS)
        self._on(self.file.upload, self._open, [self.file], _FIELDS)
        self._on(self.which.input, self._pick, [self.which], _FIELDS)
        for setting in (self.accompanied, self.close):
            self._on(setting.input, self._listen, [])
        shown = self._on(self.blocks.load, self._follow, [self.abc], _FIELDS, js=_KEPT)
        # Loading the model keeps the processor busy, so it waits until the page is shown.
        shown.then(self.actions.prepare, queue=False, show_progress="hidden", api_visibility="private")
        checking: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        self.grid.input(
            self._check,
            [*state, self.grid],
            [self.grid, self.status, self.first, self.last],
            trigger_mode="always_last",
            **checking,
        )
        self.notation.change(self._show_as, [*state, self.grid], [self.grid, self.text], **checking)
        marks = [self.first, self.last]
        self.score.select(None, [self.score], marks, js=_MARKED, api_visibility="private")
        gr.on(
            [self.first.change, self.last.change, self.score.change],
            None,
            marks,
            None,
            js=_MARK,
        )

    def _on(
        self,
        event: Callable[..., Any],
        action: Action,
        inputs: list[Any],
        fields: Sequence[str] = (),
        js: str | None = None,
        progress: Literal["minimal", "hidden"] = "minimal",
    ) -> gr.events.Dependency:
        """Bind an event that may write music to its action, one visitor at a time; returns the event to chain on.

        Args:
            fields: Those that the action sets; all others stay as the visitor left them.
            js: Picks out of the inputs what is sent.
            progress: Whether the status line shows how far it is.
        """
        outputs = [
            self.work, self.status, self.undo, self.redo, self.grid, self.score, self.text, self.abc, self.tools,
            self.first, self.last, self.which, self.title, self.close, *(getattr(self, name) for name in fields),
        ]  # fmt: skip
        done = event(
            self._answering(action, fields),
            [self.work, self.notation, self.accompanied, self.close, *inputs],
            outputs,
            concurrency_id="music",
            show_progress=progress,
            show_progress_on=[self.status],
            js=js,
            api_visibility="private",
        )
        done.then(None, None, None, js=_IDLE, api_visibility="private")
        return done

    def _answering(self, action: Action, fields: Sequence[str]) -> Callable[..., dict[Any, Any]]:
        """An action as Gradio calls it; an error of ours becomes the status line and leaves all else as it was."""

        def answer(
            request: gr.Request,
            progress: gr.Progress = gr.Progress(),  # noqa: B008 (Gradio looks for it here)
            work: Work = _NOTHING,
            notation: str = _NUMERALS,
            is_accompanied: bool = True,
            is_close: bool = True,
            *given: Any,
        ) -> dict[Any, Any]:
            def report(stage: str, begun: int, total: int) -> None:
                progress((begun, max(begun, total)), desc=f"Writing the {stage}", unit="bars")

            try:
                outcome = action(Call(report, request), work, *given)
                if outcome is None:
                    return dict(gr.skip())
                work, remark = outcome
                shown = self._shown(work, notation, is_accompanied, is_close)
                said = remark if work.offered else f"{remark} {views.said(work)}".strip()
                return shown | {self.status: ("said", said)} | self._form(work.request, fields)
            except RemiError as error:
                return {self.status: ("wrong", _sentence(str(error)))}

        return answer

    def _plan(self, call: Call, work: Work, counterpoint: Any, *request_fields: Any) -> Outcome:
        *asked, seed = request_fields
        return self.actions.plan(
            work, form.request_of(*asked), form.seed_of(seed), call.report, Sampling(counterpoint=counterpoint)
        ), ""

    def _compose(self, call: Call, work: Work, counterpoint: Any, *request_fields: Any) -> Outcome:
        *asked, seed, grid = request_fields
        sampling = Sampling(counterpoint=counterpoint)
        return self.actions.compose(
            work, form.request_of(*asked), typed_texts(grid), form.seed_of(seed), call.report, sampling
        ), ""

    def _offer(self, call: Call, work: Work, counterpoint: Any, *request_fields: Any) -> Outcome:
        *asked, seed, grid = request_fields
        sampling = Sampling(counterpoint=counterpoint)
        return self.actions.offer(
            work, form.request_of(*asked), typed_texts(grid), form.seed_of(seed), call.report, sampling
        ), "The first of three tunes; the others are being written."

    def _offer_another(self, call: Call, work: Work, counterpoint: Any) -> Outcome:
        if not 0 < len(work.offered) < views.OFFERED:  # one was chosen, or the first could not be written
            return None
        work = self.actions.offer_another(work, call.report, Sampling(counterpoint=counterpoint))
        is_last = len(work.offered) == views.OFFERED
        return work, "Three tunes: hear them, and go on with one." if is_last else "Two of three tunes."

    def _choose(self, _call: Call, work: Work, number: Any) -> Outcome:
        if not isinstance(number, int):
            raise RequestError(f"there is no tune {number!r} to choose; load the page again")
        return self.actions.choose(work, number), "Chosen:"

    def _retitle(self, _call: Call, work: Work, title: str) -> Outcome:
        retitled = work if work.piece is None else self.actions.retitle(work, title)
        return None if retitled is work else (retitled, "Its title is changed.")

    def _take(self, _call: Call, work: Work, *request_fields: Any) -> Outcome:
        *asked, text = request_fields
        return self.actions.typed(work, form.request_of(*asked), text), ""

    def _rewrite(
        self, call: Call, work: Work, counterpoint: Any, grid: Any, first: int | None, last: int | None
    ) -> Outcome:
        if first is None or last is None:
            raise RequestError("no bars are marked; click on them in the score, or type the first and the last")
        if work.piece is not None and not 1 <= first <= last <= work.piece.bar_count:
            raise RequestError(f"there are no bars {first} to {last}; the tune has bars 1 to {work.piece.bar_count}")
        work = self.actions.rewrite(
            work, typed_texts(grid), first, last, call.report, Sampling(counterpoint=counterpoint)
        )
        return work, f"New notes in {_bars_in_words(first, last)}; the others are as they were."

    def _extend(self, call: Call, work: Work, counterpoint: Any, bars: int | None) -> Outcome:
        return self.actions.extend(
            work, bars or 0, call.report, Sampling(counterpoint=counterpoint)
        ), f"It goes on for {counted(bars or 0, 'bar')}."

    def _harmonize(self, call: Call, work: Work, counterpoint: Any, grid: Any, chords: str) -> Outcome:
        texts = None if chords == _PLANNER else typed_texts(grid)
        harmonised = self.actions.harmonize(work, texts, call.report, Sampling(counterpoint=counterpoint))
        assert work.piece is not None
        assert harmonised.piece is not None
        part, semitones = placed(work.piece, harmonised.piece.voices)
        moved = f", moved to {harmonised.piece.key.spoken}" if semitones else ""
        return harmonised, f"Three voices are new; the tune is {_PARTS[part]}{moved}."

    def _undo(self, _call: Call, work: Work) -> Outcome:
        work = self.actions.undo(work)
        return work, f"Undone; {len(work.past) or 'nothing'} more to undo."

    def _redo(self, _call: Call, work: Work) -> Outcome:
        return self.actions.redo(work), "Done again."

    def _open(self, _call: Call, work: Work, path: str) -> Outcome:
        work = self.actions.open(work, Path(path))
        if len(work.titles) > 1:
            return work, f"The file has {len(work.titles)} tunes: choose one. Opened is the first."
        return work, "Opened: harmonise, rewrite or extend it."

    def _pick(self, _call: Call, work: Work, which: Any) -> Outcome:
        if not isinstance(which, int):
            raise RequestError(f"there is no tune {which!r} in the file; choose one from the list")
        return self.actions.pick(work, which), "Opened: harmonise, rewrite or extend it."

    def _take_abc(self, _call: Call, work: Work, text: str) -> Outcome:
        return self.actions.take_abc(work, text), "Taken as typed:"

    def _move_note(self, _call: Call, work: Work, payload: Any) -> Outcome:
        edit = payload.get("edit") if isinstance(payload, dict) else None
        if not (isinstance(edit, list) and len(edit) == 3 and all(isinstance(number, int) for number in edit)):
            raise RequestError(f"there is no such note {edit!r}; load the page again")
        return self.actions.move_note(work, *edit), "A note is changed."

    def _follow(self, call: Call, work: Work, kept: str) -> Outcome:
        """Make the tune of the page's address, or open what was there before the page was loaded again."""
        query = call.request.query_params
        link = Link.of_query({name: query.getlist(name) for name in query})
        if link is not None:
            return self.actions.follow(link, call.report), ""
        if kept:
            return self.actions.take_abc(work, kept), "As you left it:"
        return work, "Choose what to write, then plan its chords, or compose at once."

    def _listen(self, _call: Call, work: Work) -> Outcome:
        return work, ""

    def _check(self, work: Work, notation: str, grid: Any) -> dict[Any, Any]:
        """Mark errors in the grid, and suggest rewriting the bars whose chords have changed."""
        texts = typed_texts(grid)
        if work.plan is None or len(texts) != len(work.plan.skeleton.bars):
            return {}
        checked: dict[Any, Any] = {self.grid: views.grid(work, notation == _NAMES, texts)}
        if bars := views.edited_bars(work, texts):
            which = _bars_in_words(*bars)
            checked |= {self.first: bars[0], self.last: bars[1]}
            checked[self.status] = ("said", f"New chords in {which}: rewrite there, or compose all anew.")
        return checked

    def _show_as(self, work: Work, notation: str, grid: Any) -> dict[Any, Any]:
        texts = typed_texts(grid)
        if work.plan is None or len(texts) != len(work.plan.skeleton.bars):
            return {}
        names = notation == _NAMES
        plan, _ = edited_plan(work.plan, texts)
        return {self.grid: views.renamed_grid(work, names, texts), self.text: plan.text(names)}

    def _shown(self, work: Work, notation: str, is_accompanied: bool, is_close: bool) -> dict[Any, Any]:
        """The values of all components that show the work."""
        names = notation == _NAMES
        piece = None if work.offered else work.piece
        files = write_downloads(piece, self.score.GRADIO_CACHE, is_accompanied, is_close) if piece else []
        return {
            self.work: work,
            self.grid: views.grid(work, names),
            self.text: work.plan.text(names) if work.plan else "",
            self.abc: write_abc(piece) if piece else "",
            self.score: views.score(work, files, is_close),
            self.undo: gr.Button(interactive=bool(work.past)),
            self.redo: gr.Button(interactive=bool(work.undone)),
            self.tools: gr.Row(visible=True if piece else "hidden"),
            self.first: None,
            self.last: None,
            self.which: _choice(work),
            self.title: piece.title if piece else "",
            self.close: gr.Checkbox(visible=True if piece and two_staves(piece) else "hidden"),
        }

    def _form(self, request: Request | None, fields: Sequence[str]) -> dict[Any, Any]:
        """The values of some fields, as a request has them."""
        values = {} if request is None else form.values_of(request)
        return {getattr(self, name): values[name] for name in fields if values}


def _choice(work: Work) -> gr.Dropdown:
    """The list of the tunes in an opened file, where there are several."""
    choices = [(f"{number}. {title}", number) for number, title in enumerate(work.titles, 1)]
    return gr.Dropdown(choices, value=work.picked if choices else None, visible=len(choices) > 1)


def _bars_in_words(first: int | None, last: int | None) -> str:
    return f"bar {first}" if first == last else f"bars {first} to {last}"


def _sentence(text: str) -> str:
    """The text with a capital, unless it begins with the name of a file; a pick-up is called so, as in the grid."""
    text = text.replace("bar 0:", "pick-up:", 1) if text.startswith("bar 0:") else text
    is_name = "." in text.partition(" ")[0]
    return (text if is_name else text[:1].upper() + text[1:]) + "."
