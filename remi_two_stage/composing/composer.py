"""`Composer`: from a request to a plan, from a plan to a piece, and on from there.

Every method has a batch form, which takes a list and returns one; item i of a batch has the seed `seed + i` and is the
same as if it had been asked for alone. The same request with the same seed, on the same machine, gives the same music.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..core.composing_remi import notes_prompt, piece_over, plan_of, plan_prompt, write
from ..core.decoding_remi import BarCallback
from ..core.decoding_weights_remi import StageWeights
from ..core.errors import RequestError
from ..core.piece import Key, Meter, Piece
from ..core.plan import Plan
from ..core.request import Request, check_bars
from ..core.sampling import DEFAULT_SAMPLING, Sampling
from ..core.sequences import Prompt
from ..core.vocabulary import MAX_BARS
from ..core.voices import FOUR_PARTS
from .arguments import EXTENDED_BY
from .checkpoint import EMBEDDED, StoredModel, TwoStageWeights
from .tasks import Extension, Harmonization, Rewriting, check_piece, four_parts_around, numbered_bars

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

    from ..core.modeling_remi import TwoStageModel

Progress = Callable[[str, int, int], None]
"""Called as bars are written: "plan" or "notes", bars begun, bars in all (pick-ups included as they come)."""
HarmonizationPlan = Plan | str | Literal["inferred", "planned"] | None


class Composer:
    """Writes plans, and pieces over plans; goes on with pieces, writes parts of them anew, adds voices to melodies.

    Args:
        model: Both stages, or a checkpoint that holds them, of which only the weights are read as long as nobody asks
            for the attribute `model`.
        int8: Whether to write with their weights in 8 bits, as they are now: much faster with models of the size base,
            hardly so with small ones, and other music from the same seed.

    Raises:
        CheckpointError: the checkpoint is incomplete, or neither in the cache nor within reach.
        RequestError: int8 and a model that is not in float32 on a CPU.
    """

    def __init__(self, model: TwoStageModel | StoredModel, int8: bool = False) -> None:
        self._int8 = int8
        self._stored = model if isinstance(model, StoredModel) else None
        self._model = None if isinstance(model, StoredModel) else model.eval()
        self._weights: TwoStageWeights | None = None
        if isinstance(model, StoredModel):
            self._weights = model.weights(int8)
        elif int8:
            self._weights = TwoStageWeights(*(StageWeights.of(stage, int8) for stage in (model.planner, model.detail)))

    @property
    def model(self) -> TwoStageModel:
        """Both stages as transformers has them, loaded when first asked for; from then on, changes of their weights are
        heard, but for weights in 8 bits.
        """
        if self._model is None and self._stored is not None:
            self._model = self._stored.model().eval()
            self._weights = self._weights if self._int8 else None
        assert self._model is not None
        return self._model

    @classmethod
    def from_pretrained(
        cls, path_or_repo: str | Path | None = None, *, revision: str | None = None, int8: bool = False
    ) -> Composer:
        """Load a model folder or a Hub repository, in float32; None is the checkpoint that ships with the package.

        Args:
            revision: Branch, tag or commit of a repository; None is its main branch.
            int8: As in `Composer`.

        Raises:
            CheckpointError: there is no such model, it is incomplete, or it is neither in the cache nor within reach.
            RequestError: a revision of a folder.
        """
        return cls(StoredModel(EMBEDDED if path_or_repo is None else path_or_repo, revision), int8)

    def push_to_hub(
        self,
        repository: str,
        *,
        private: bool | None = None,
        revision: str | None = None,
        token: str | None = None,
        metrics: Sequence[EvalResult] = (),
    ) -> str:
        """Push model, tokenizer, pipeline, example and card in one commit; pushed again, only what has changed.

        Args:
            repository: As user/name; made if it is not there.
            private: Whether others are kept from seeing it; None is the Hub's own default.
            revision: A branch, made if it is not there; None is the main one.
            token: The Hub's key to your account; None is that of `hf auth login`.
            metrics: Held-out losses for the card, as `LikelihoodTable.metrics` gives them.

        Returns:
            Address of the commit.

        Raises:
            HubError: the Hub cannot be reached or refuses; what can be seen there is unchanged.
        """
        from ..hub.push import push_model  # not at the top: it brings datasets

        return push_model(self.model, repository, private=private, revision=revision, token=token, metrics=metrics)

    def plan(
        self,
        style: str | None = None,
        key: str | Key = "C",
        *,
        meter: str | Meter | None = None,
        bars: int = 16,
        tempo: float | None = None,
        voices: Sequence[str] | None = None,
        seed: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
        progress: Progress | None = None,
    ) -> Plan:
        """Write a chord plan.

        Args:
            style: This and the next five are those of `Request`.
            seed: Makes the result repeatable.

        Raises:
            RequestError: a value that does not exist or is out of range.
        """
        request = Request(style, key, meter, bars, tempo, voices)
        return self.plan_batch([request], seed=seed, sampling=sampling, progress=progress)[0]

    def plan_batch(
        self,
        requests: Sequence[Request],
        *,
        seed: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
        progress: Progress | None = None,
    ) -> list[Plan]:
        """Write a chord plan for each request."""
        prompts = [plan_prompt(request) for request in requests]
        written = self._write("planner", prompts, seed, sampling, progress)
        return [plan_of(request, tokens) for request, tokens in zip(requests, written, strict=True)]

    def realize(
        self,
        plan: Plan | str,
        *,
        style: str | None = None,
        key: str | Key = "C",
        meter: str | Meter | None = None,
        tempo: float | None = None,
        voices: Sequence[str] | None = None,
        seed: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
        progress: Progress | None = None,
    ) -> Piece:
        """Write the notes over a plan, which stays as it is.

        Args:
            plan: A `Plan`, which brings its own style, key, metre, tempo and voices; or a plan as text (`Plan.parse`),
                to which the next five arguments belong. `Plan.of(piece)` is the plan of a score with chord symbols.

        Raises:
            ChordError: the text is no plan.
            RequestError: a value that does not exist or is out of range.
            EncodingError: the plan holds a metre, a bar length or a voice that the vocabulary does not.
        """
        if isinstance(plan, str):
            plan = Request(style, key, meter, tempo=tempo, voices=voices).typed(plan)
        return self.realize_batch([plan], seed=seed, sampling=sampling, progress=progress)[0]

    def realize_batch(
        self,
        plans: Sequence[Plan],
        *,
        seed: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
        progress: Progress | None = None,
    ) -> list[Piece]:
        """Write the notes over each plan."""
        for plan in plans:
            if not isinstance(plan, Plan):
                raise RequestError(f"cannot write notes over a {type(plan).__name__}; give a Plan or a plan as text")
        prompts = [notes_prompt(plan) for plan in plans]
        written = self._write("detail", prompts, seed, sampling, progress)
        return [piece_over(plan, tokens) for plan, tokens in zip(plans, written, strict=True)]

    def compose(
        self,
        style: str | None = None,
        key: str | Key = "C",
        *,
        meter: str | Meter | None = None,
        bars: int = 16,
        tempo: float | None = None,
        voices: Sequence[str] | None = None,
        seed: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
        progress: Progress | None = None,
    ) -> Piece:
        """Write a plan and the notes over it; arguments and errors as in `plan`."""
        request = Request(style, key, meter, bars, tempo, voices)
        return self.compose_batch([request], seed=seed, sampling=sampling, progress=progress)[0]

    def compose_batch(
        self,
        requests: Sequence[Request],
        *,
        seed: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
        progress: Progress | None = None,
    ) -> list[Piece]:
        """Write a plan and the notes over it for each request."""
        plans = self.plan_batch(requests, seed=seed, sampling=sampling, progress=progress)
        return self.realize_batch(plans, seed=seed, sampling=sampling, progress=progress)

    def extend(
        self,
        piece: Piece,
        bars: int = EXTENDED_BY,
        *,
        seed: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
        progress: Progress | None = None,
    ) -> Piece:
        """Go on with a piece for some bars, in its voices; what is there stays as it is.

        Args:
            bars: 1 to 63; the more, the less of the piece is seen, for both together are at most 64.

        Raises:
            RequestError: a value out of range.
            EncodingError: the piece holds a metre, a bar length or a voice that the vocabulary does not.
        """
        return self.extend_batch([piece], bars, seed=seed, sampling=sampling, progress=progress)[0]

    def extend_batch(
        self,
        pieces: Sequence[Piece],
        bars: int = EXTENDED_BY,
        *,
        seed: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
        progress: Progress | None = None,
    ) -> list[Piece]:
        """Go on with each piece."""
        check_bars(bars, MAX_BARS - 1)
        extensions = [Extension.of(check_piece(piece), bars) for piece in pieces]
        prompts = [extension.for_planner() for extension in extensions]
        plans = self._write("planner", prompts, seed, sampling, progress)
        prompts = [extension.for_detail(plan) for extension, plan in zip(extensions, plans, strict=True)]
        written = self._write("detail", prompts, seed, sampling, progress)
        return [extension.result(tokens) for extension, tokens in zip(extensions, written, strict=True)]

    def rewrite(
        self,
        piece: Piece,
        bars: tuple[int, int],
        *,
        chords: Plan | str | None = None,
        seed: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
        progress: Progress | None = None,
    ) -> Piece:
        """Write the notes of some bars anew; the others stay note for note, and what follows is heeded.

        Args:
            bars: Numbers of the first and the last bar, from 1, a pick-up not counted.
            chords: New chords for these bars, such as "IV | V7 | I"; None keeps those of the piece.

        Raises:
            ChordError: the text is no plan.
            RequestError: no such bars, or chords that are not for as many.
            EncodingError: the piece holds a metre, a bar length or a voice that the vocabulary does not.
        """
        return self.rewrite_batch([piece], bars, chords=chords, seed=seed, sampling=sampling, progress=progress)[0]

    def rewrite_batch(
        self,
        pieces: Sequence[Piece],
        bars: tuple[int, int],
        *,
        chords: Plan | str | None = None,
        seed: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
        progress: Progress | None = None,
    ) -> list[Piece]:
        """Write the same bars of each piece anew."""
        rewritings = []
        for piece in map(check_piece, pieces):
            first, last = numbered_bars(piece, bars)
            rewritings.append(Rewriting.of(piece, first, last, chords))
        prompts = [rewriting.for_detail() for rewriting in rewritings]
        written = self._write("detail", prompts, seed, sampling, progress)
        return [rewriting.result(tokens) for rewriting, tokens in zip(rewritings, written, strict=True)]

    def harmonize(
        self,
        melody: Piece,
        plan: HarmonizationPlan = None,
        *,
        style: str | None = None,
        voices: Sequence[str] | None = None,
        seed: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
        progress: Progress | None = None,
    ) -> Piece:
        """Add chords and further voices to a melody, which stays note for note.

        Args:
            melody: A piece; of several voices the first is the melody.
            plan: A `Plan` or a plan as text with the melody's bars; "inferred", the chords that are heard in the
                melody alone; "planned", those that the planner writes for it; None, the melody's own chord symbols
                where it has some, else as "planned".
            style: One of `vocabulary.STYLES`; None is the melody's own.
            voices: Names of the voices, high to low; the melody becomes the first whose range holds it. None is S, A,
                T, B, or M, A, T, B for a melody that no singer has the range for.

        Raises:
            ChordError: the text is no plan.
            RequestError: a melody outside every voice, a plan for other bars, a style or voices that do not exist.
            EncodingError: the melody holds a metre or a bar length that the vocabulary does not.
        """
        harmonized = self.harmonize_batch(
            [melody], plan, style=style, voices=voices, seed=seed, sampling=sampling, progress=progress
        )
        return harmonized[0]

    def harmonize_batch(
        self,
        melodies: Sequence[Piece],
        plan: HarmonizationPlan = None,
        *,
        style: str | None = None,
        voices: Sequence[str] | None = None,
        seed: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
        progress: Progress | None = None,
    ) -> list[Piece]:
        """Add chords and further voices to each melody."""
        wanted = Request(style, voices=FOUR_PARTS if voices is None else voices).voices or ()
        parts = [
            Harmonization.of(piece, four_parts_around(piece) if voices is None else wanted, style)
            for piece in map(check_piece, melodies)
        ]
        if plan == "planned" or (plan is None and not all(part.has_chords for part in parts)):
            prompts = [part.for_planner() for part in parts]
            plans = self._write("planner", prompts, seed, sampling, progress)
            parts = [
                part if plan is None and part.has_chords else part.planned(tokens)
                for part, tokens in zip(parts, plans, strict=True)
            ]
        else:
            parts = [part.over_given(plan) for part in parts]
        written = self._write("detail", [part.for_detail() for part in parts], seed, sampling, progress)
        return [part.result(tokens) for part, tokens in zip(parts, written, strict=True)]

    def _write(
        self,
        stage: Literal["planner", "detail"],
        prompts: Sequence[Prompt],
        seed: int | None,
        sampling: Sampling,
        progress: Progress | None,
    ) -> list[list[int]]:
        """Token names of the sequence that a stage writes after each prompt, the best of its candidates."""
        report = None
        if progress is not None:
            bars = [prompt.bars for prompt in prompts for _ in range(sampling.candidates)]
            report = _bar_counter(progress, "plan" if stage == "planner" else "notes", bars)
        weights = getattr(self._weights or self._model, stage)
        return write(weights, prompts, seed, sampling, report)


def _bar_counter(progress: Progress, stage: str, bars: Sequence[int]) -> BarCallback:
    """Reports the bars of all rows together."""
    begun = [0] * len(bars)

    def report(row: int, count: int) -> None:
        begun[row] = count
        progress(stage, sum(begun), sum(bars))

    return report
