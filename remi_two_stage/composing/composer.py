"""`Composer`: writes plans and pieces, and extends, rewrites and harmonises existing pieces.

Every method has a batch form, which takes a list and returns a list. Item i of a batch has the seed `seed + i` and is
the same as if it had been requested alone. On the same machine, the same request and seed always give the same music.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..analysis.key_estimation import in_heard_key
from ..core.composing_remi import CandidateWriter, Progress, best, harmony_of
from ..core.decoding_weights_remi import StageWeights
from ..core.errors import RequestError
from ..core.piece import Piece
from ..core.plan import Plan
from ..core.request import Request, check_bars
from ..core.reward import reward
from ..core.sampling import DEFAULT_SAMPLING, Sampling
from ..core.signatures import Key, Meter
from ..core.vocabulary import MAX_BARS
from ..core.voices import FOUR_PARTS
from .arguments import EXTENDED_BY
from .checkpoint import EMBEDDED, StoredModel, TwoStageWeights
from .provenance import Maker
from .tasks import (
    Extension,
    Harmonization,
    Rewriting,
    check_piece,
    four_parts_around,
    numbered_bars,
)

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

    from ..core.modeling_remi import TwoStageModel

_HARMONIES = 32
"""How often the planner is asked for a melody's chords, of which those are kept that most of its answers agree on."""
_HARMONY_TEMPERATURE = 0.6
"""Of these plans, where no other is given: the unlikely ones have few votes each, and together make the vote a coarse
one. By `benchmarks/harmonizing.py`.
"""
HarmonizationPlan = Plan | str | Literal["inferred", "planned"] | None


class Composer:
    """Writes plans and pieces over plans, extends pieces, rewrites parts of them, and adds voices to melodies.

    Args:
        model: Both stages, or a checkpoint that contains them. Only the weights of a checkpoint are read until the
            attribute `model` is used.
        int8: Whether to compose with the current weights rounded to 8 bits. This is faster above all with models of
            the size base and, on processors without AVX-512, for few pieces at a time; it gives different music from
            the same seed.

    Raises:
        CheckpointError: the checkpoint is incomplete, or neither in the cache nor reachable.
        RequestError: int8 is set for a model that is not in float32 on a CPU; a path is given in place of a model.
    """

    def __init__(self, model: TwoStageModel | StoredModel, int8: bool = False) -> None:
        if model is None or isinstance(model, str | Path):
            raise RequestError(
                f"Composer takes a model, not {model!r}; load one with Composer.from_pretrained({model!r})"
            )
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
        """Both stages as a transformers model, loaded on first use. From then on, changes to its weights affect the
        music, except with `int8`.
        """
        if self._model is None and self._stored is not None:
            self._model = self._stored.model().eval()
            self._weights = self._weights if self._int8 else None
        assert self._model is not None
        return self._model

    @property
    def styles(self) -> tuple[str, ...] | None:
        """Names of the styles that the model has learnt; None if that is not known."""
        planner: Any = (self._weights or self.model).planner
        learnt = planner.config.styles
        return None if learnt is None else tuple(learnt)

    @classmethod
    def from_pretrained(
        cls, path_or_repo: str | Path | None = None, *, revision: str | None = None, int8: bool = False
    ) -> Composer:
        """Load a model folder or a Hub repository in float32; None is the checkpoint that ships with the package.

        Args:
            revision: Branch, tag or commit of a repository; None is its main branch.
            int8: As in `Composer`.

        Raises:
            CheckpointError: the model does not exist, is incomplete, or is neither in the cache nor reachable.
            RequestError: a revision is given for a folder.
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
        **commit: Any,
    ) -> str:
        """Push the model, tokenizer, pipeline, example and card in one commit; a second push uploads only changes.

        Args:
            repository: Name as user/name, or a name alone for one of your own; created if it does not exist.
            private: Whether the repository is hidden from others; None is the Hub's own default.
            revision: A branch, created if it does not exist; None is the main branch.
            token: Access token of your Hub account; None is the one from `hf auth login`.
            metrics: Held-out losses for the card, as `LikelihoodTable.metrics` returns them.
            **commit: commit_message, commit_description, create_pr, max_shard_size, tags, as in transformers.

        Returns:
            URL of the commit, or of the pull request.

        Raises:
            HubError: the Hub cannot be reached or refuses; what is visible there is unchanged.
        """
        from ..hub.push import push_model  # not at the top: it imports datasets

        where: dict[str, Any] = {"private": private, "revision": revision, "token": token}
        return push_model(self.model, repository, **where, metrics=metrics, **commit)

    def plan(
        self,
        style: str | None = None,
        key: str | Key | None = None,
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
            style: This and the next five arguments are those of `Request`.
            seed: Makes the result reproducible.

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
        self._warn_of_styles(requests)
        plans = self._writer(seed, sampling, progress).plans(requests)
        return [best(several, harmony_of) for several in plans]

    def realize(
        self,
        plan: Plan | str,
        *,
        style: str | None = None,
        key: str | Key | None = None,
        meter: str | Meter | None = None,
        tempo: float | None = None,
        voices: Sequence[str] | None = None,
        seed: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
        progress: Progress | None = None,
    ) -> Piece:
        """Write the notes over a plan, which is not changed.

        Args:
            plan: A `Plan`, which has its own style, key, metre, tempo and voices; or a plan as text (`Plan.parse`),
                for which the next five arguments give them. `Plan.of(piece)` is the plan of a score with chord symbols.

        Raises:
            ChordError: the text is not a plan.
            RequestError: a value that does not exist or is out of range, or is given beside a `Plan`.
            EncodingError: the plan has a metre, a bar length or a voice that is not in the vocabulary.
        """
        if isinstance(plan, str):
            request = Request(style, key, meter, tempo=tempo, voices=voices)
            request.warn_of_style(self.styles)
            plan = request.typed(plan)
        elif any(value is not None for value in (style, key, meter, tempo, voices)):
            raise RequestError(
                "a Plan has its own style, key, metre, tempo and voices; leave them out, or give its text"
            )
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
        writer = self._writer(seed, sampling, progress)
        pieces = [each.piece for each in writer.realize([[plan] * sampling.candidates for plan in plans])]
        if maker := self._maker(writer):
            return [maker.realized(piece, plan, at) for at, (piece, plan) in enumerate(zip(pieces, plans, strict=True))]
        return pieces

    def compose(
        self,
        style: str | None = None,
        key: str | Key | None = None,
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
        """Write a plan and the notes over it for each request; of several candidates, each has a plan of its own."""
        self._warn_of_styles(requests)
        writer = self._writer(seed, sampling, progress)
        pieces = [each.piece for each in writer.realize(writer.plans(requests))]
        if maker := self._maker(writer):
            made = enumerate(zip(pieces, requests, strict=True))
            return [maker.composed(piece, request, number) for number, (piece, request) in made]
        return pieces

    def extend(
        self,
        piece: Piece,
        bars: int = EXTENDED_BY,
        *,
        seed: int | None = None,
        sampling: Sampling = DEFAULT_SAMPLING,
        progress: Progress | None = None,
    ) -> Piece:
        """Continue a piece for some bars, in its voices; the existing bars are not changed.

        Args:
            bars: Number of bars to add, 1 to 63. The models see at most 64 bars, so the more are added, the fewer of
                the piece they see.

        Raises:
            RequestError: a value is out of range.
            EncodingError: the piece has a metre, a bar length or a voice that is not in the vocabulary.
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
        """Continue each piece."""
        check_bars(bars, MAX_BARS - 1)
        extensions = [Extension.of(check_piece(piece), bars) for piece in pieces]
        writer = self._writer(seed, sampling, progress)
        plans = writer.best_plans([extension.for_planner() for extension in extensions])
        prompts = [
            [extension.for_detail(plan) for plan in several]
            for extension, several in zip(extensions, plans, strict=True)
        ]
        longer = _best_results(extensions, writer.write("detail", prompts))
        return self._edited(writer, longer, pieces, "extend", bars=bars)

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
        """Rewrite the notes of some bars so that they lead into the bars that follow; all others stay note for note.

        Args:
            bars: Numbers of the first and the last bar, counted from 1 without pick-ups.
            chords: New chords for these bars, such as "IV | V7 | I"; None keeps those of the piece.

        Raises:
            ChordError: the text is not a plan.
            RequestError: the bars do not exist, or the chords are for a different number of bars.
            EncodingError: the piece has a metre, a bar length or a voice that is not in the vocabulary.
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
        """Rewrite the same bars of each piece."""
        rewritings = []
        for piece in map(check_piece, pieces):
            first, last = numbered_bars(piece, bars)
            rewritings.append(Rewriting.of(piece, first, last, chords))
        writer = self._writer(seed, sampling, progress)
        written = writer.write("detail", [writer.several(rewriting.for_detail()) for rewriting in rewritings])
        rewritten = _best_results(rewritings, written)
        return self._edited(writer, rewritten, pieces, "rewrite", f"{bars[0]}-{bars[1]}", chords=chords)

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
        """Add chords and voices to a melody, which stays note for note, or moves as a whole.

        Args:
            melody: A piece; if it has several voices, the first is the melody. Unless `plan` is given, it is taken in
                the key in which it is heard: a minor tune under its relative major's name is harmonised in minor.
            plan: A `Plan` or a plan as text, with as many bars as the melody; "inferred" for chords inferred from the
                melody alone; "planned" for the chords that most of the planner's answers agree on; None for the
                melody's own chord symbols if it has any, otherwise as "planned".
            style: One of `vocabulary.STYLES`; None is the melody's own.
            voices: Names of the voices, high to low. The melody becomes the first voice whose range contains it; if
                there is none, it moves to another key, by the fewest semitones that bring it into a range. None is S,
                A, T, B, or M, A, T, B if the melody is outside the range of every singer.

        Raises:
            ChordError: the text is not a plan.
            RequestError: the melody is wider than the range of every voice or more than an octave away from it, the
                plan has a different number of bars, or the style or a voice does not exist.
            EncodingError: the melody has a metre or a bar length that is not in the vocabulary.
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
        """Add chords and voices to each melody."""
        request = Request(style, voices=FOUR_PARTS if voices is None else voices)
        request.warn_of_style(self.styles)
        wanted = request.voices or ()
        pieces = [*map(check_piece, melodies)]
        if plan in (None, "inferred", "planned"):  # typed numerals count from the key that is stated
            pieces = [*map(in_heard_key, pieces)]
        parts = [
            Harmonization.of(piece, four_parts_around(piece) if voices is None else wanted, request.style)
            for piece in pieces
        ]
        writer = self._writer(seed, sampling, progress)
        if plan in (None, "planned"):
            asked = 1 if sampling.greedy else _HARMONIES
            wanting = [plan == "planned" or not part.has_chords for part in parts]
            prompts = [
                [part.for_planner()] * asked if wants else [] for part, wants in zip(parts, wanting, strict=True)
            ]
            plans = self._writer(writer.seed, _of_harmonies(sampling), progress).write("planner", prompts)
            parts = [part.planned(several) if several else part for part, several in zip(parts, plans, strict=True)]
        else:
            parts = [part.over_given(plan) for part in parts]
        harmonized = _best_results(parts, writer.write("detail", [writer.several(part.for_detail()) for part in parts]))
        given = {"plan": plan, "style": request.style, "voices": None if voices is None else wanted}
        return self._edited(writer, harmonized, melodies, "harmonize", **given)

    def _warn_of_styles(self, requests: Sequence[Request]) -> None:
        for request in requests:
            if not isinstance(request, Request):
                raise RequestError(
                    f"cannot compose from {request!r}; give a list of requests, such as Request('jig', 'D')"
                )
            request.warn_of_style(self.styles)

    def _maker(self, writer: CandidateWriter) -> Maker | None:
        """What notes on pieces say of the model and the seed; None where the model is in memory alone, and has no name
        by which anybody finds it.
        """
        if self._stored is None or self._weights is None:
            return None
        return Maker(self._stored.name, self._stored.commit, self._int8, writer.sampling, writer.seed)

    def _edited(
        self, writer: CandidateWriter, edited: list[Piece], pieces: Sequence[Piece], *command: str, **flags: Any
    ) -> list[Piece]:
        """Edited pieces with notes on how they came about."""
        if (maker := self._maker(writer)) is None:
            return edited
        before = enumerate(zip(edited, map(check_piece, pieces), strict=True))
        return [maker.edited(after, piece, number, *command, **flags) for number, (after, piece) in before]

    def _writer(self, seed: int | None, sampling: Sampling, progress: Progress | None) -> CandidateWriter:
        return CandidateWriter(self._weights or self._model, seed, sampling, progress)


def _of_harmonies(sampling: Sampling) -> Sampling:
    """How plans are sampled that are to agree."""
    temperature = _HARMONY_TEMPERATURE if sampling.temperature is None else sampling.temperature
    return replace(sampling, temperature=temperature, top_p=1.0 if sampling.top_p is None else sampling.top_p)


def _best_results(
    tasks: Sequence[Extension | Rewriting | Harmonization], written: Sequence[Sequence[Sequence[int]]]
) -> list[Piece]:
    """The piece with the highest reward of those that the candidates of each task make."""
    return [
        best([task.result(ids) for ids in several], lambda piece: reward(piece).total)
        for task, several in zip(tasks, written, strict=True)
    ]
