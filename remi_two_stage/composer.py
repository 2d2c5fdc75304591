"""`Composer`: from a request to a plan, from a plan to a piece.

Bars are counted as a musician does (a pick-up is none), tempos are quarter notes a minute, keys and metres are
written as in ABC ("D", "Am", "Gmix"; "6/8", "C|"). The same request with the same seed, on the same machine, gives
the same music.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from .core.codec import decode, encode, globals_tokens
from .core.errors import CheckpointError, RemiError, RequestError
from .core.forms import extract_chord_sequence
from .core.generation_remi import GrammarGenerationMixin, detail_prompts
from .core.modeling_remi import TwoStageModel
from .core.piece import Key, Meter, Piece
from .core.plan import Plan
from .core.vocabulary import MAX_BARS, STYLES, TEMPOS, TOKEN_IDS, VOICES, token_id, token_names

EMBEDDED = Path(__file__).parent / "pretrained"
"""The checkpoint that ships with the package."""
FOUR_PART_STYLES = ("hymn", "chorale")
FOUR_PARTS = ("S", "A", "T", "B")
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
        is_number = isinstance(self.temperature, int | float) and isinstance(self.top_p, int | float)
        in_range = is_number and 0.01 <= self.temperature <= 100 and 0 < self.top_p <= 1
        if not in_range or not isinstance(self.top_k, int) or self.top_k < 0:
            raise RequestError(
                f"no sampling with temperature {self.temperature}, top_k {self.top_k}, top_p {self.top_p}; "
                "temperature is 0.01 to 100, top_k 0 (off) or a whole number above, top_p above 0 and at most 1"
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
            model = TwoStageModel.from_pretrained(source, dtype=torch.float32)
        except RemiError:
            raise
        except Exception as error:  # transformers, safetensors and the Hub's client each have errors of their own
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise CheckpointError(f"no model can be loaded from {str(source)!r}: {reason}") from error
        if model.config.vocab_size != len(token_names()):
            raise CheckpointError(
                f"the model in {str(source)!r} has {model.config.vocab_size} tokens, the vocabulary "
                f"{len(token_names())}; train it again with this version"
            )
        return cls(model)

    def plan(
        self,
        style: str | None = None,
        key: str | Key = "C",
        meter: str | Meter | None = None,
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
        _check_style(style)
        _check_tempo(tempo)
        _check_bars(bars)
        tonality, measure = _check_key(key), _check_meter(meter, style)
        home = Key("C", tonality.mode)
        names = globals_tokens(_check_voices(voices, style), home, measure, style, tempo, bars)
        prompt = torch.tensor([[TOKEN_IDS[name] for name in names]])
        written = self._generate(self.model.planner, prompt, tonality, seed, sampling, _counter(progress, "plan", bars))
        return Plan.of(replace(decode(written).in_key(tonality.tonic), tempo=tempo))

    def realize(
        self,
        plan: Plan | str,
        key: str | Key = "C",
        meter: str | Meter | None = None,
        voices: Sequence[str] | None = None,
        style: str | None = None,
        tempo: float | None = None,
        seed: int | None = None,
        sampling: Sampling = Sampling(),
        progress: Progress | None = None,
    ) -> Piece:
        """Write the notes over a plan, which stays as it is.

        Args:
            plan: A `Plan`, which brings its own key, metre, voices, style and tempo; or a plan as text (`Plan.parse`),
                to which the next five arguments belong.

        Raises:
            ChordError: the text is no plan.
            RequestError: a value that does not exist or is out of range.
            EncodingError: the plan holds a metre, a bar length or a voice that the vocabulary does not.
        """
        if isinstance(plan, str):
            plan = _typed_plan(plan, key, meter, voices, style, tempo)
        if not isinstance(plan, Plan):
            raise RequestError(f"cannot write notes over a {type(plan).__name__}; give a Plan or a plan as text")
        given = plan.skeleton
        names = extract_chord_sequence(encode(given))
        prompt = detail_prompts(torch.tensor([[TOKEN_IDS[name] for name in names]]))
        counter = _counter(progress, "notes", len(given.bars))
        written = self._generate(self.model.detail, prompt, given.key, seed, sampling, counter)
        title = given.title or f"{(given.style or 'tune').replace('-', ' ').capitalize()} in {given.key.spoken}"
        piece = decode(written).in_key(given.key.tonic)
        return replace(piece, title=title, style=given.style, tempo=given.tempo, metadata=given.metadata)

    def compose(
        self,
        style: str | None = None,
        key: str | Key = "C",
        meter: str | Meter | None = None,
        bars: int = 16,
        tempo: float | None = None,
        voices: Sequence[str] | None = None,
        seed: int | None = None,
        sampling: Sampling = Sampling(),
        progress: Progress | None = None,
    ) -> Piece:
        """Write a plan and the notes over it; arguments and errors as in `plan`."""
        plan = self.plan(style, key, meter, bars, tempo, voices, seed, sampling, progress)
        return self.realize(plan, seed=seed, sampling=sampling, progress=progress)

    def _generate(
        self,
        stage: GrammarGenerationMixin,
        prompt: torch.Tensor,
        key: Key,
        seed: int | None,
        sampling: Sampling,
        processors: LogitsProcessorList,
    ) -> list[str]:
        with _seeded(seed, stage.device):
            ids = stage.generate(
                prompt.to(stage.device),
                attention_mask=torch.ones_like(prompt, device=stage.device),
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


_RANDOM_STATE = threading.Lock()
"""Held while tokens are drawn: the random state belongs to the whole process."""


@contextmanager
def _seeded(seed: int | None, device: torch.device) -> Iterator[None]:
    """Draw from a random state of its own, so that the caller's stays; None gives an unpredictable one.

    Raises:
        RequestError: the seed is no whole number from 0 up.
    """
    if seed is not None and (not isinstance(seed, int) or not 0 <= seed < 1 << 63):
        raise RequestError(f"the seed {seed!r} is out of range; it is a whole number from 0 up")
    accelerators = [] if device.type == "cpu" else [device]
    with (
        _RANDOM_STATE,
        torch.random.fork_rng(devices=accelerators, device_type=device.type if accelerators else "cuda"),
    ):
        torch.manual_seed(secrets.randbits(62) if seed is None else seed)
        yield


def _check_key(key: str | Key) -> Key:
    if not isinstance(key, str | Key):
        raise RequestError(f"there is no key {key!r}; write a tonic and a mode, such as D, Bb, F#m, Ador, Gmix")
    return key if isinstance(key, Key) else Key.parse(key)


def _check_meter(meter: str | Meter | None, style: str | None) -> Meter:
    wanted = STYLE_METERS.get(style or "", "4/4") if meter is None else meter
    if not isinstance(wanted, str | Meter):
        raise RequestError(f"there is no metre {wanted!r}; write two numbers such as 6/8, or C, or C|")
    parsed = wanted if isinstance(wanted, Meter) else Meter.parse(wanted)
    token_id("time", parsed)
    return parsed


def _check_style(style: str | None) -> None:
    if style is not None and style not in STYLES:
        raise RequestError(f"there is no style {style!r}; there are {', '.join(STYLES)}")


def _check_bars(bars: int) -> None:
    if not isinstance(bars, int) or not 1 <= bars <= MAX_BARS:
        raise RequestError(f"cannot write {bars!r} bars; ask for 1 to {MAX_BARS}")


def _check_tempo(tempo: float | None) -> None:
    if tempo is not None and not (isinstance(tempo, int | float) and TEMPOS[0] <= tempo <= TEMPOS[-1]):
        raise RequestError(f"cannot write at {tempo!r} quarter notes a minute; ask for {TEMPOS[0]} to {TEMPOS[-1]}")


def _check_voices(voices: Sequence[str] | None, style: str | None) -> tuple[str, ...]:
    if voices is None:
        return FOUR_PARTS if style in FOUR_PART_STYLES else ("M",)
    named = tuple(voices) if isinstance(voices, Sequence) and not isinstance(voices, str) else ()
    if not named or len(set(named)) < len(named) or not set(named) <= set(VOICES):
        raise RequestError(
            f"cannot write for the voices {voices!r}; give a list that names each once, from {', '.join(VOICES)}"
        )
    return named


def _typed_plan(
    text: str,
    key: str | Key,
    meter: str | Meter | None,
    voices: Sequence[str] | None,
    style: str | None,
    tempo: float | None,
) -> Plan:
    _check_style(style)
    _check_tempo(tempo)
    return Plan.parse(text, _check_key(key), _check_meter(meter, style), _check_voices(voices, style), style, tempo)
