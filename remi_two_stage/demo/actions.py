"""The actions of the buttons: each takes a user's work from one state to the next, by means of `Composer`.

Conventions
- A `Work` belongs to one user and is immutable. Every action returns a new one, so undo returns to an earlier one.
- Chords come as the texts of the grid, one a bar, each a numeral or a name.
- The plan is that of its text, whatever the planner said besides, so that a link with the text makes the same tune.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ..composing.tasks import four_parts_around, numbered_bars, with_chords
from ..core.errors import ChordError, RequestError
from ..core.piece import Piece
from ..core.plan import Plan
from ..core.request import Request
from ..core.sampling import DEFAULT_SAMPLING, Sampling
from ..core.text import counted, printable
from ..core.vocabulary import STYLES
from .limits import Limits
from .link import LONGEST_TITLE, Link, Step
from .note_editing import with_moved_note
from .uploads import read_upload

if TYPE_CHECKING:
    from ..composing.composer import Composer, Progress

_SEEDS = 1_000_000
_MOST_UNDONE = 30
_LONGEST_BAR = 60


@dataclass(frozen=True, slots=True)
class Work:
    """The state of one user's work.

    Attributes:
        request: What the plan answers.
        plan: The chords in the grid; None before the first.
        piece: The tune; its chords are older than the plan's where bars were edited since.
        link: Makes the tune again; None when it began with a file.
        before: The tune that the last action has changed, if it changed one; None also where single notes were moved.
        offered: Tunes to choose from, each as the work would go on with it.
        written: Number of times something was written, so that no two steps have the same seed.
        file: What it began with, if it did.
        titles: Of the tunes in that file.
        picked: Number of the one that is open, from 1.
        past: Earlier states without pasts of their own, the latest last.
        undone: States that were undone, likewise, the one to come back to first.
    """

    request: Request | None = None
    plan: Plan | None = None
    piece: Piece | None = None
    link: Link | None = None
    before: Piece | None = None
    offered: tuple[Work, ...] = ()
    written: int = 0
    file: Path | None = None
    titles: tuple[str, ...] = ()
    picked: int = 1
    past: tuple[Work, ...] = ()
    undone: tuple[Work, ...] = ()

    def then(self, **changes: object) -> Work:
        """The next state, which can be undone to this one."""
        changes = {"before": None, "offered": (), "undone": ()} | changes
        if self.plan is None:
            return replace(self, **changes)  # type: ignore[arg-type]
        return replace(self, past=self.remembered, **changes)  # type: ignore[arg-type]

    @property
    def remembered(self) -> tuple[Work, ...]:
        """The past of a next state, to which this one belongs."""
        return (*self.past, self.alone)[-_MOST_UNDONE:]

    @property
    def alone(self) -> Work:
        """This state as another one remembers it."""
        return replace(self, past=(), undone=())

    @property
    def edited_bars(self) -> tuple[int, ...]:
        """Indices of the bars whose chords have changed since their notes were written."""
        if self.piece is None or self.plan is None:
            return ()
        pairs = zip(self.piece.bars, self.plan.skeleton.bars, strict=True)
        return tuple(index for index, (old, new) in enumerate(pairs) if old.chords != new.chords)


def edited_plan(plan: Plan, texts: Sequence[str]) -> tuple[Plan, dict[int, str]]:
    """The plan with the chords of the grid, and the errors of bars that cannot be parsed, by index."""
    reasons: dict[int, str] = {}
    for index, (text, old) in enumerate(zip(texts, plan.bar_texts(), strict=True)):
        try:
            if len(text) > _LONGEST_BAR:
                raise ChordError(f"{len(text)} characters are too many for a bar; write one chord a beat at most")
            if text.split() != old.split():
                plan = plan.with_bar(index, text)
        except ChordError as error:
            reasons[index] = error.message
    return plan, reasons


class Actions:
    """The actions of the page's buttons; no user's state is stored here."""

    def __init__(self, composer: Callable[[], Composer], limits: Limits) -> None:
        self._composer = composer
        self.limits = limits

    def prepare(self) -> None:
        """Wait until the composer is loaded."""
        self._composer()

    def plan(
        self,
        work: Work,
        request: Request,
        seed: int | None,
        progress: Progress | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> Work:
        """Write a new plan."""
        self.limits.check_bars(request.bars)
        (plan,) = self._composer().plan_batch(
            [request], seed=_drawn(seed), sampling=sampling, progress=self._timed(progress)
        )
        return self.typed(work, request, plan.text())

    def typed(self, work: Work, request: Request, text: str) -> Work:
        """Take a plan as text."""
        plan = request.typed(text)
        self.limits.check_bars(plan.bar_count)
        request = replace(request, bars=plan.bar_count)
        return work.then(request=request, plan=plan, piece=None, link=Link(request, plan.text()), titles=())

    def compose(
        self,
        work: Work,
        request: Request,
        texts: Sequence[str],
        seed: int | None,
        progress: Progress | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> Work:
        """Write notes over the plan; write a new plan first if its metre or bars no longer match the request."""
        seed = _drawn(seed)
        earlier = work.request
        if work.plan is None or earlier is None or (earlier.meter, earlier.bars) != (request.meter, request.bars):
            planned = self.plan(work, request, seed, progress, sampling)
            return replace(self._composed(planned, seed, progress, sampling), past=work.then().past)
        plan = _understood(work.plan, texts)
        if work.link is None and request == earlier:
            return self._composed(work.then(plan=plan), seed, progress, sampling)
        typed = self.typed(work, request, plan.text())
        return replace(self._composed(typed, seed, progress, sampling), past=work.then().past)

    def offer(
        self,
        work: Work,
        request: Request,
        texts: Sequence[str],
        seed: int | None,
        progress: Progress | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> Work:
        """Write a first tune to choose from, as `compose` does; `offer_another` adds one."""
        if work.plan is not None and len(texts) == len(work.plan.skeleton.bars):
            work = replace(work, plan=_understood(work.plan, texts))
        work = replace(work, offered=(), undone=())
        return replace(work, offered=(self.compose(work, request, texts, seed, progress, sampling),))

    def offer_another(
        self, work: Work, progress: Progress | None = None, sampling: Sampling = DEFAULT_SAMPLING
    ) -> Work:
        """Write one more tune to choose from, by the next seed."""
        first, last = work.offered[0], work.offered[-1]
        assert first.request is not None
        seed = last.link.seed + 1 if last.link and last.link.seed is not None else None
        texts = work.plan.bar_texts() if work.plan else ()
        another = self.compose(replace(work, offered=()), first.request, texts, seed, progress, sampling)
        return replace(work, offered=(*work.offered, another))

    def choose(self, work: Work, number: int) -> Work:
        """Go on with one of the tunes that are offered, counted from 0; undoing leads back to the choice."""
        if not 0 <= number < len(work.offered):
            raise RequestError("this tune is no longer offered; compose three again")
        return replace(work.offered[number], past=work.remembered)

    def retitle(self, work: Work, title: str) -> Work:
        """Give the tune another title; all its files have it."""
        piece, plan = _tune(work, None)
        title = printable(title).strip()[:LONGEST_TITLE]
        if title == piece.title:
            return work
        link = work.link and replace(work.link, title=title)
        return work.then(piece=replace(piece, title=title, source=None), plan=plan, link=link)

    def rewrite(
        self,
        work: Work,
        texts: Sequence[str],
        first: int,
        last: int,
        progress: Progress | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> Work:
        """Rewrite the bars numbered `first` to `last`, over their chords in the grid."""
        piece, plan = _tune(work, texts)
        start, end = numbered_bars(piece, (first, last))
        bars = list(piece.bars)
        for index in range(start, end + 1):
            bars[index] = replace(bars[index], chords=plan.skeleton.bars[index].chords)
        seed = self._next_seed(work)
        piece = self._composer().rewrite(
            replace(piece, bars=tuple(bars)),
            (first, last),
            seed=seed,
            sampling=sampling,
            progress=self._timed(progress),
        )
        chords = tuple(plan.bar_texts()[start : end + 1])
        step = Step("rewrite", seed, (first, last), chords, sampling.counterpoint)
        return self._next(work, step, plan, piece)

    def extend(
        self, work: Work, bars: int, progress: Progress | None = None, sampling: Sampling = DEFAULT_SAMPLING
    ) -> Work:
        """Go on with the tune."""
        piece, _ = _tune(work, None)
        self.limits.check_bars(piece.bar_count + bars)
        seed = self._next_seed(work)
        piece = self._composer().extend(piece, bars, seed=seed, sampling=sampling, progress=self._timed(progress))
        step = Step("extend", seed, (bars, bars), counterpoint=sampling.counterpoint)
        return self._next(work, step, Plan.of(with_chords(piece)), piece)

    def harmonize(
        self,
        work: Work,
        texts: Sequence[str] | None,
        progress: Progress | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> Work:
        """Add chords and three voices to the tune's first voice; without texts, the planner writes the chords."""
        piece, plan = _tune(work, texts)
        voices = four_parts_around(piece)
        seed = self._next_seed(work)
        piece = self._composer().harmonize(
            piece,
            "planned" if texts is None else plan,
            voices=voices,
            seed=seed,
            sampling=sampling,
            progress=self._timed(progress),
        )
        chords = () if texts is None else tuple(plan.bar_texts())
        step = Step("harmonize", seed, chords=chords, counterpoint=sampling.counterpoint)
        work = self._next(work, step, Plan.of(piece), piece)
        return replace(work, request=work.request and replace(work.request, voices=voices))

    def open(self, work: Work, path: Path, number: int = 1) -> Work:
        """Open a tune of a file, counted from 1, with inferred chords where it has none."""
        piece, titles = read_upload(path, self.limits, number)
        piece = with_chords(piece.in_part_order())
        style = piece.style if piece.style in STYLES else None
        request = Request(style, piece.key, piece.meter, piece.bar_count, piece.tempo, None)
        opened = work.then(request=request, plan=Plan.of(piece), piece=piece, link=None)
        return replace(opened, file=path, titles=tuple(titles), picked=number)

    def pick(self, work: Work, number: int) -> Work:
        """Open another tune of the file that is open; Gradio's lists may say twice which one."""
        if number == work.picked:
            return work
        if work.file is None or not work.file.exists():
            raise RequestError("the file is no longer here; open it again")
        return self.open(work, work.file, number)

    def take_abc(self, work: Work, text: str) -> Work:
        """Open the first tune of an ABC text that was typed."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "typed.abc"
            path.write_text(text, encoding="utf-8")
            return replace(self.open(work, path), file=None, titles=())

    def move_note(self, work: Work, place: int, pitch: int, to: int) -> Work:
        """Give the note that sounds a number of ticks after the start, as written, another pitch; its link is gone."""
        piece, plan = _tune(work, None)
        return work.then(piece=with_moved_note(piece, place, pitch, to), plan=plan, link=None)

    def undo(self, work: Work) -> Work:
        """Undo one action."""
        if not work.past:
            raise RequestError("there is nothing to undo")
        undone = (work.alone, *work.undone)
        return replace(work.past[-1], past=work.past[:-1], undone=undone, written=work.written)

    def redo(self, work: Work) -> Work:
        """Go back to what was undone last, until something else is done."""
        if not work.undone:
            raise RequestError("there is nothing to do again")
        again, *later = work.undone
        return replace(again, past=work.remembered, undone=tuple(later), written=work.written)

    def follow(self, link: Link, progress: Progress | None = None) -> Work:
        """Make the tune that a link describes."""
        work, request, sampling = Work(), link.request, Sampling(counterpoint=link.counterpoint)
        if link.plan:
            work = self.typed(work, request, link.plan)
        else:
            work = self.plan(work, request, link.seed, progress, sampling)
        if link.seed is not None:
            work = self._composed(work, link.seed, progress, sampling)
        for step in link.steps:
            work = self._repeated(work, step, progress)
        if link.title and work.piece is not None:
            work = self.retitle(work, link.title)
        return replace(work, past=(), before=None)

    def _repeated(self, work: Work, step: Step, progress: Progress | None) -> Work:
        """Repeat a step with its seed."""
        base = work.link.seed if work.link and work.link.seed is not None else step.seed
        work, sampling = replace(work, written=step.seed - base - 1), Sampling(counterpoint=step.counterpoint)
        if step.kind == "extend":
            return self.extend(work, step.bars[0], progress, sampling)
        if step.kind == "harmonize":
            return self.harmonize(work, step.chords or None, progress, sampling)
        piece, plan = _tune(work, None)
        start, end = numbered_bars(piece, step.bars)
        texts = plan.bar_texts()
        texts[start : end + 1] = step.chords or texts[start : end + 1]
        if len(texts) != len(piece.bars):
            rewritten, given = counted(end + 1 - start, "bar"), counted(len(step.chords), "bar")
            raise RequestError(f"the link rewrites {rewritten} over the chords of {given}; copy it again")
        return self.rewrite(work, texts, *step.bars, progress, sampling)

    def _composed(self, work: Work, seed: int, progress: Progress | None, sampling: Sampling) -> Work:
        """Write notes over the present plan."""
        assert work.plan is not None
        (piece,) = self._composer().realize_batch(
            [work.plan], seed=seed, sampling=sampling, progress=self._timed(progress)
        )
        link = work.link and replace(work.link, seed=seed, steps=(), counterpoint=sampling.counterpoint)
        return replace(work, piece=piece, link=link, written=0)

    def _next_seed(self, work: Work) -> int:
        seed = work.link.seed if work.link else None
        return (seed or 0) + work.written + 1 if seed is not None else secrets.randbelow(_SEEDS)

    def _next(self, work: Work, step: Step, plan: Plan, piece: Piece) -> Work:
        link = work.link and replace(work.link, steps=(*work.link.steps, step))
        request = work.request and replace(work.request, bars=piece.bar_count)
        written = work.written + 1
        return work.then(request=request, plan=plan, piece=piece, link=link, before=work.piece, written=written)

    def _timed(self, progress: Progress | None) -> Progress:
        """The same report of progress, which ends what takes too long."""
        end = time.monotonic() + self.limits.writing_seconds

        def report(stage: str, begun: int, total: int) -> None:
            if time.monotonic() > end:
                raise RequestError(
                    f"{begun} of {total} bars were written in {self.limits.writing_seconds:.0f} seconds, which is all "
                    "this page may take; ask for fewer"
                )
            if progress is not None:
                progress(stage, begun, total)

        return report


def _drawn(seed: int | None) -> int:
    return secrets.randbelow(_SEEDS) if seed is None else seed


def _tune(work: Work, texts: Sequence[str] | None) -> tuple[Piece, Plan]:
    """The tune, and its plan with the chords of the grid."""
    if work.piece is None or work.plan is None:
        raise RequestError("there is no tune yet; compose one, or open a file")
    return work.piece, work.plan if texts is None else _understood(work.plan, texts)


def _understood(plan: Plan, texts: Sequence[str]) -> Plan:
    """The plan with the chords of the grid.

    Raises:
        ChordError: a bar that is not understood.
        RequestError: the number of texts is not that of the bars.
    """
    if len(texts) != len(plan.skeleton.bars):
        raise RequestError(
            f"the grid has {counted(len(texts), 'bar')}, the plan {len(plan.skeleton.bars)}; load the page again"
        )
    plan, reasons = edited_plan(plan, texts)
    for index, reason in reasons.items():
        raise ChordError(reason).at(bar=plan.skeleton.bar_numbers[index])
    return plan
