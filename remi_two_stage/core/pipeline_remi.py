"""The pipeline "music-generation", which needs transformers and torch alone.

    from transformers import pipeline

    compose = pipeline("music-generation", model="user/repository", trust_remote_code=True)
    print(compose(style="jig", key="D", bars=16, seed=1)["abc"])

It writes what `Composer` writes from the same arguments: the weights are taken to float32, which a CPU is fastest with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, ClassVar, TypedDict

from transformers import AutoModel, Pipeline
from transformers.pipelines import PIPELINE_REGISTRY

from .abc_writer import write_abc
from .codec import names_of
from .composing_remi import CandidateWriter, Composed
from .errors import RequestError
from .request import Request, check_seed
from .sampling import Sampling

TASK = "music-generation"
_REQUEST = tuple(field.name for field in fields(Request))
_SAMPLING = tuple(field.name for field in fields(Sampling))
_FOR_ALL = ("plan", "seed", *_SAMPLING)


class Composition(TypedDict):
    """What the pipeline returns for a request: token names as a "detail" sequence, in C; chord names of every bar, as
    `Plan` prints them; the tune as ABC, in its key.
    """

    tokens: list[str]
    plan: str
    abc: str


class MusicGenerationPipeline(Pipeline):
    """Composes from keywords: those of `Request` and of `Sampling`, `plan` and `seed`."""

    _load_tokenizer = True
    _load_processor = _load_image_processor = _load_video_processor = _load_feature_extractor = False
    _registered_impl: ClassVar[dict[str, Any]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.device.type == "cpu":
            self.model.float()

    def __call__(
        self,
        requests: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        *,
        plan: str | None = None,
        seed: int | None = None,
        batch_size: int | None = None,
        num_workers: int | None = None,
        **keywords: Any,
    ) -> Composition | list[Composition]:
        """Compose one piece from the keywords, or several.

        Args:
            requests: Keywords of each piece where there are several, beside those that hold for all. Item i has the
                seed `seed + i` and is the same as if it were alone.
            plan: Chords of your own as text (`Plan.parse`), with as many bars as they have.
            seed: Makes the result repeatable.
            batch_size: How many pieces are written at once; all where neither this nor the pipeline says. They are the
                same ones in batches of any size, where there is a seed.
            num_workers: Nothing, as in other pipelines without files to read.
            **keywords: style, key, meter, bars, tempo, voices of `Request`; for all pieces alike temperature, top_k,
                top_p, rhythm_temperature, repetition, greedy, counterpoint, candidates of `Sampling`.

        Returns:
            A composition; for a list of requests a list of them.

        Raises:
            RequestError: a keyword or a value that does not exist or is out of range.
            ChordError: the text is not a plan.
        """
        is_alone = requests is None or isinstance(requests, Mapping)
        several: Any = [requests or {}] if is_alone else requests
        _check_requests(several)
        check_seed(seed)
        chosen = {name: keywords.pop(name) for name in _SAMPLING if name in keywords}
        asked = [_request(keywords | dict(each), plan) for each in several]
        writing = {"plan": plan, "sampling": Sampling(**chosen)}
        size = batch_size or self._batch_size or max(1, len(asked))
        written: list[Composition] = []
        for start in range(0, len(asked), size):
            own = None if seed is None else seed + start
            written += super().__call__({"requests": asked[start : start + size]}, seed=own, **writing, batch_size=1)
        return written[0] if is_alone else written

    def _sanitize_parameters(self, **writing: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        return {}, writing, {}

    def preprocess(self, input_: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Requests stay as they are; the stages' prompts are made of them and of plans."""
        return input_

    def _forward(
        self, input_tensors: dict[str, Any], plan: str | None, seed: int | None, sampling: Sampling
    ) -> dict[str, Any]:
        requests: list[Request] = input_tensors["requests"]
        for request in requests:
            request.warn_of_style(self.model.planner.config.styles)
        writer = CandidateWriter(self.model, seed, sampling)
        if plan is None:
            return {"composed": writer.realize(writer.plans(requests))}
        typed = [request.typed(plan) for request in requests]
        return {"composed": writer.realize([[each] * sampling.candidates for each in typed])}

    def postprocess(self, model_outputs: dict[str, Any], **_: Any) -> list[Composition]:
        """Plans and token ids -> compositions."""
        composed: list[Composed] = model_outputs["composed"]
        return [
            {"tokens": names_of(ids), "plan": plan.text(names=True), "abc": write_abc(piece)}
            for piece, plan, ids in composed
        ]


def register_pipeline() -> None:
    """Make the task known to transformers, so that the code in a model's folder is not needed for it."""
    if TASK not in PIPELINE_REGISTRY.supported_tasks:
        PIPELINE_REGISTRY.register_pipeline(
            TASK, pipeline_class=MusicGenerationPipeline, pt_model=AutoModel, type="text"
        )


# What transformers' registry of pipelines would set; with it, code and entry in the config are saved by any instance.
MusicGenerationPipeline._registered_impl = {TASK: {"impl": MusicGenerationPipeline, "pt": (AutoModel,), "type": "text"}}


def _check_requests(requests: Any) -> None:
    """Raises RequestError unless there are keywords for each piece: a string, say, has none."""
    is_list = isinstance(requests, Sequence) and not isinstance(requests, str)
    if not is_list or not all(isinstance(each, Mapping) for each in requests):
        raise RequestError(
            f"the requests are {requests!r}; give keywords, such as style='jig', or for several pieces a list of "
            "dicts, such as [{'style': 'jig'}, {'style': 'reel'}]"
        )


def _request(keywords: dict[str, Any], plan: str | None) -> Request:
    if unknown := sorted(keywords.keys() - set(_REQUEST)):
        if misplaced := [name for name in unknown if name in _FOR_ALL]:
            raise RequestError(f"{', '.join(misplaced)} holds for all pieces alike; give it outside of the list")
        raise RequestError(
            f"there is no keyword {', '.join(unknown)}; there are {', '.join(_REQUEST)}, and for all pieces alike "
            f"{', '.join(_FOR_ALL)}"
        )
    if plan is not None and "bars" in keywords:
        raise RequestError(f"bars is {keywords['bars']!r} beside a plan, which has bars of its own; leave one out")
    return Request(**keywords)
