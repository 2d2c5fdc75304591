"""`Composer`: from a request to a plan, from a plan to a piece.

Bars are counted as a musician does (a pick-up is none), tempos are quarter notes a minute, keys and metres are
written as in ABC ("D", "Am", "Gmix"; "6/8", "C|"). The same request with the same seed, on the same machine, gives
the same music.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from .core.codec import decode, encode, extract_chord_sequence, globals_tokens
from .core.errors import CheckpointError, RequestError
from .core.generation_remi import GrammarGenerationMixin, detail_prompts
from .core.modeling_remi import TwoStageModel
from .core.piece import Key, Meter, Piece
from .core.plan import Plan
from .core.vocabulary import MAX_BARS, STYLES, TEMPOS, TOKEN_IDS, VOICES, token_id, token_names

EMBEDDED = Path(__file__).parent / "pretrained"
"""The checkpoint that ships with the package."""
FOUR_PART_STYLES = ("hymn", "chorale")
STYLE_METERS = {
    "jig": "6/8", "slip-jig": "9/8", "slide": "12/8", "reel": "C|", "hornpipe": "C|", "clog": "C|",
    "highland-fling": "C|", "waltz": "3/4", "polka": "2/4", "mazurka": "3/4", "minuet": "3/4", "quadrille": "6/8",
}  # fmt: skip
"""The usual metre of a style; 4/4 where nothing is listed."""
Progress = Callable[[str, int, int], None]
"""Called as bars are written: "plan" or "notes", bars begun, bars in all (pick-ups included as they come)."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn; `greedy` takes the likeliest token and leaves the other settings unused."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 0.95
    greedy: bool = False

    def __post_init__(self) -> None:
        if not self.temperature > 0 or self.top_k < 0 or not 0 < self.top_p <= 1:
            raise RequestError(
                f"no sampling with temperature {self.temperature}, top_k {self.top_k}, top_p {self.top_p}; "
                "temperature is above 0, top_k 0 (off) or more, top_p above 0 and at most 1"
            )

    def arguments(self) -> dict[str, Any]:
        """As arguments of transformers' `generate()`."""
        if self.greedy:
            return {"do_sample": False}
        return {"do_sample": True, "temperature": self.temperature, "top_k": self.top_k, "top_p": self.top_p}


class Composer:
    """Writes plans, and pieces over plans.

    Args:
        model: Both stages.
    """

    def __init__(self, model: TwoStageModel) -> None:
        self.model = model.eval()

    @classmethod
    def from_pretrained(cls, path_or_repo: str | Path | None = None) -> Composer:
        """Load a model folder or a Hub repository, in float32; None is the checkpoint that ships with the package.

        Raises:
            CheckpointError: there is no such model, or it is incomplete.
        """
        source = EMBEDDED if path_or_repo is None else path_or_repo
        if not Path(source).is_dir() and not re.fullmatch(r"[\w.-]+/[\w.-]+", str(source)):
            raise CheckpointError(
                f"there is no model {str(source)!r}; give a folder that holds one, or a repository as user/name"
            )
        try:
            return cls(TwoStageModel.from_pretrained(source, dtype=torch.float32))
        except OSError as error:
            reason = str(error).strip().splitlines()[0]
            raise CheckpointError(f"no model can be loaded from {str(source)!r}: {reason}") from error

    def plan(
        self,
        style: str | None = None,
        key: str = "C",
        meter: str | None = None,
        bars: int = 16,
        tempo: float | None = None,
        voices: Sequence[str] | None = None,
        seed: int | None = None,
        sampling: Sampling = Sampling(),
        progress: Progress | None = None,
    ) -> Plan:
        """Write a chord plan.

        Args:
            style: One of `vocabulary.STYLES`; None leaves it open.
            key: Tonic and mode, such as "D", "Am" or "Gmix".
            meter: Such as "6/8", "C" or "C|"; None is the usual metre of the style.
            bars: 1 to 64.
            tempo: Quarter notes a minute, 30 to 300.
            voices: Names of the voices, high to low; None is S, A, T, B for hymns and chorales, else a melody alone.
            seed: Makes the result repeatable.

        Raises:
            RequestError: a value that does not exist or is out of range.
        """
        _check_request(style, bars, tempo)
        tonality, measure = Key.parse(key), _check_meter(meter, style)
        home = Key("C", tonality.mode)
        names = globals_tokens(_check_voices(voices, style), home, measure, style, tempo, bars)
        prompt = torch.tensor([[TOKEN_IDS[name] for name in names]])
        written = self._generate(self.model.planner, prompt, tonality, seed, sampling, _counter(progress, "plan", bars))
        return Plan.of(decode(written).in_key(tonality.tonic))

    def realize(
        self,
        plan: Plan | str,
        seed: int | None = None,
        sampling: Sampling = Sampling(),
        progress: Progress | None = None,
        **context: Any,
    ) -> Piece:
        """Write the notes over a plan, which stays as it is.

        Args:
            plan: A plan, or one as text (`Plan.parse`), for which `context` may give key, meter, voices, style and
                tempo.

        Raises:
            ChordError: the text is no plan.
            EncodingError: the plan holds a metre, a bar length or a voice that the vocabulary does not.
        """
        given = plan if isinstance(plan, Plan) else _typed_plan(plan, **context)
        tonality = given.skeleton.key
        names = extract_chord_sequence(encode(given.skeleton))
        prompt = detail_prompts(torch.tensor([[TOKEN_IDS[name] for name in names]]))
        total = len(given.skeleton.bars)
        written = self._generate(
            self.model.detail, prompt, tonality, seed, sampling, _counter(progress, "notes", total)
        )
        title = f"{(given.skeleton.style or 'tune').replace('-', ' ').capitalize()} in {tonality.spoken}"
        return replace(decode(written).in_key(tonality.tonic), title=given.skeleton.title or title)

    def compose(
        self,
        style: str | None = None,
        key: str = "C",
        meter: str | None = None,
        bars: int = 16,
        tempo: float | None = None,
        voices: Sequence[str] | None = None,
        seed: int | None = None,
        sampling: Sampling = Sampling(),
        progress: Progress | None = None,
    ) -> Piece:
        """Write a plan and the notes over it; arguments and errors as in `plan`."""
        plan = self.plan(style, key, meter, bars, tempo, voices, seed, sampling, progress)
        return self.realize(plan, seed, sampling, progress)

    def _generate(
        self,
        stage: GrammarGenerationMixin,
        prompt: torch.Tensor,
        key: Key,
        seed: int | None,
        sampling: Sampling,
        processors: LogitsProcessorList,
    ) -> list[str]:
        with _seeded(seed):
            ids = stage.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                logits_processor=processors,
                pitch_shift=key.semitones_above_c,
                **sampling.arguments(),
            )
        names = token_names()
        return [names[token] for token in ids[0].tolist()]


class _BarCounter(LogitsProcessor):
    """Reports how many bars of the first sequence have begun; changes no score."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report = report
        self._prompt: int | None = None
        self._bar_start = token_id("structure", "BarStart")

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        begun = int((input_ids[0] == self._bar_start).sum())
        if self._prompt is None:
            self._prompt = begun
        self._report(begun - self._prompt)
        return scores


def _counter(progress: Progress | None, stage: str, bars: int) -> LogitsProcessorList:
    if progress is None:
        return LogitsProcessorList()
    return LogitsProcessorList([_BarCounter(lambda begun: progress(stage, begun, bars))])


@contextmanager
def _seeded(seed: int | None) -> Iterator[None]:
    """Draw from a generator of its own, so that the caller's random state stays."""
    if seed is not None and not 0 <= seed < 1 << 63:
        raise RequestError(f"the seed {seed} is out of range; it is a whole number from 0 up")
    with torch.random.fork_rng(devices=[]):
        if seed is not None:
            torch.manual_seed(seed)
        else:
            torch.seed()
        yield


def _check_meter(text: str | None, style: str | None) -> Meter:
    meter = Meter.parse(STYLE_METERS.get(style or "", "4/4") if text is None else text)
    token_id("time", meter)
    return meter


def _check_request(style: str | None, bars: int, tempo: float | None) -> None:
    if style is not None and style not in STYLES:
        raise RequestError(f"there is no style {style!r}; there are {', '.join(STYLES)}")
    if not 1 <= bars <= MAX_BARS:
        raise RequestError(f"cannot write {bars} bars; ask for 1 to {MAX_BARS}")
    if tempo is not None and not TEMPOS[0] <= tempo <= TEMPOS[-1]:
        raise RequestError(f"cannot write at {tempo} quarter notes a minute; ask for {TEMPOS[0]} to {TEMPOS[-1]}")


def _check_voices(voices: Sequence[str] | None, style: str | None) -> tuple[str, ...]:
    if voices is None:
        return ("S", "A", "T", "B") if style in FOUR_PART_STYLES else ("M",)
    if not voices or len(set(voices)) < len(voices) or not set(voices) <= set(VOICES):
        raise RequestError(f"cannot write for the voices {list(voices)}; name each once, from {', '.join(VOICES)}")
    return tuple(voices)


def _typed_plan(
    text: str,
    key: str = "C",
    meter: str | None = None,
    voices: Sequence[str] | None = None,
    style: str | None = None,
    tempo: float | None = None,
) -> Plan:
    _check_request(style, 1, tempo)
    return Plan.parse(text, Key.parse(key), _check_meter(meter, style), _check_voices(voices, style), style, tempo)
