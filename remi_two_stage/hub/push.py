"""Pushing models and tunes to the Hub, and the files in the repository of a model.

    README.md                        the card: purpose, training data, evaluation, use and citation
    config.json                      of both stages, with the classes and the pipeline that the code below defines
    code/                            the modules of `core/` that these need, for users without this package
    model.safetensors.index.json     which weight is in which file
    planner/, detail/                each stage, a model of its own: weights, configs, tokenizer
    tokenizer.json, tokenizer_config.json, generation_config.json
    example.py                       composes with transformers and torch alone
    example.flac                     the tune in the card as sound, where the extra `render` is installed
    training.json                    how the model was trained, if that is known

A push is one commit, so others see the repository either as it was or complete, even if the push fails. To load it, use
`Composer.from_pretrained("user/repository")`, which reads only data and runs none of the repository's code.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from datasets import DatasetDict
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, EvalResult, HfApi, ModelCard

from ..composing.checkpoint import RECORD, REPOSITORY_NAME, load_model, training_record
from ..core.abc_writer import write_abc
from ..core.composing_remi import CandidateWriter
from ..core.errors import CheckpointError, HubError, RemiError, RequestError
from ..core.modeling_remi import TwoStageModel
from ..core.piece import Piece
from ..core.request import Request
from ..rendering.sound import sound_bytes
from ..version import __version__
from .card import Example, metrics_of_record, model_card, tunes_card

CARD = "README.md"
_OF_EARLIER_PUSHES = ("*.py", "*.safetensors", "*.safetensors.index.json")
"""Files that a push deletes unless it replaces them: old code and old weights must not mix with new ones."""
_SHOWN: dict[str, Any] = {"key": "D", "bars": 8}
_SHOWN_STYLE = "jig"
_SHOWN_SEED = 1
_SOUND, _SOUND_RATE = "example.flac", 22_050
_EXAMPLE = """\
# Composes with transformers and torch alone; `python example.py reel G` for another style and key.
import sys

from transformers import pipeline

style, key = sys.argv[1:] or ("{style}", "D")
compose = pipeline("music-generation", model="{repository}", trust_remote_code=True)

music = compose(style=style, key=key, bars=8, seed=1)
print(music["plan"])
print(music["abc"])

# The same over chords of one's own, twice.
for music in compose([{{"style": style}}, {{"style": "waltz"}}], plan="D | G A7 | D | A7 D", key="D", seed=1):
    print(music["abc"])
"""


def push_folder(
    folder: str | Path, repository: str, *, private: bool | None = None, revision: str | None = None
) -> str:
    """Push a model folder, as `train` writes it, with its held-out losses and its own card if it has one.

    Args:
        repository: Name as user/name, or a name alone for one of your own; created if it does not exist.
        private: Whether the repository is hidden from others; None is the Hub's own default.
        revision: A branch, created if it does not exist; None is the main branch.

    Returns:
        URL of the commit. A second push uploads only what has changed.

    Raises:
        CheckpointError: the folder contains no model of both stages, or an incomplete one.
        HubError: the Hub cannot be reached or refuses; nothing of the push is visible there.
    """
    path = Path(folder)
    if not path.is_dir() and not path.is_file():
        raise CheckpointError(f"there is no folder {str(folder)!r}; give the one that train wrote")
    if path.is_dir() and not (path / "config.json").is_file():
        raise CheckpointError(f"{str(folder)!r} holds no model; give the one that train wrote, when it has finished")
    model = load_model(path, dtype="auto")
    card = (path / CARD).read_text(encoding="utf-8") if (path / CARD).exists() else ""
    own_card = card if card[:4] == "---\n" else None
    return push_model(
        model, repository, private=private, revision=revision, record=training_record(path), card=own_card
    )


def push_model(
    model: TwoStageModel,
    repository: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    token: str | None = None,
    metrics: Sequence[EvalResult] = (),
    record: Mapping[str, Any] | None = None,
    card: str | None = None,
    commit_message: str = "Push a model of remi_two_stage",
    commit_description: str | None = None,
    create_pr: bool = False,
    max_shard_size: int | str = "50GB",
    tags: Sequence[str] = (),
) -> str:
    """Push a model with all other files of its repository; arguments, result and errors as in `push_folder`.

    Args:
        token: Access token of your Hub account; None is the one from `hf auth login`.
        metrics: Held-out losses; if empty, those of the record.
        record: The contents of `training.json`.
        card: The whole README.md; None makes one from metrics and record.
        commit_message: This and the next three arguments are those of transformers' `push_to_hub`. With `create_pr`,
            the result is the URL of the pull request.
        tags: For the card, beside those that it has.
    """
    with _hub_errors(repository):
        repository = _full_name(HfApi(token=token), repository)
    with tempfile.TemporaryDirectory(prefix="remi-push-") as folder:
        save_repository(model, folder, repository, metrics, record, card, max_shard_size, tags)
        commit = {"commit_message": commit_message, "commit_description": commit_description, "create_pr": create_pr}
        return _upload(Path(folder), repository, private, revision, token, commit)


def push_tunes(
    tunes: DatasetDict,
    repository: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    token: str | None = None,
    licence: str | None = None,
    description: str = "",
) -> str:
    """Push the tunes of an `AbcCorpus` as Parquet, with a card; they can then be streamed from anywhere.

    Args:
        tunes: The result of `AbcCorpus(...).as_dataset()` or `load_dataset("abc", ...)`.
        licence: Licence of the tunes and their transcriptions, as the Hub names it, such as "cc0-1.0".
        description: What the tunes are and where they come from.

    Returns:
        URL of the commit. If a push is interrupted, the same call completes it. The rest is as in `push_model`.

    Raises:
        HubError: the Hub cannot be reached or refuses.
    """
    with _hub_errors(repository):
        api = HfApi(token=token)
        repository = _full_name(api, repository)
        _make_repository(api, repository, private, revision, "dataset")
        if not api.file_exists(repository, CARD, repo_type="dataset", revision=revision):
            card = str(tunes_card(repository, description, licence)).encode()
            api.upload_file(
                path_or_fileobj=card, path_in_repo=CARD, repo_id=repository, repo_type="dataset", revision=revision
            )
        return str(tunes.push_to_hub(repository, revision=revision, token=token).commit_url)


def save_repository(
    model: TwoStageModel,
    folder: str | Path,
    repository: str,
    metrics: Sequence[EvalResult] = (),
    record: Mapping[str, Any] | None = None,
    card: str | None = None,
    max_shard_size: int | str = "50GB",
    tags: Sequence[str] = (),
) -> None:
    """Write all files of a repository into a folder; arguments as in `push_model`."""
    path = Path(folder)
    model.save_pretrained(path, max_shard_size=max_shard_size)
    style = _style_of(model)
    (path / "example.py").write_text(_EXAMPLE.format(repository=repository, style=style), encoding="utf-8")
    if record is not None:
        (path / RECORD).write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if card is None:
        found = metrics or metrics_of_record(record or {})
        example, piece = _example(model, style)
        if find_spec("soundfile"):
            (path / _SOUND).write_bytes(sound_bytes(piece, ".flac", with_chords=True, sample_rate=_SOUND_RATE))
            example = replace(example, sound=f"https://huggingface.co/{repository}/resolve/main/{_SOUND}")
        card = str(model_card(repository, __version__, found, record, example, style))
    (path / CARD).write_text(_tagged(card, (*(model.model_tags or ()), *tags)), encoding="utf-8")


def _tagged(card: str, tags: Sequence[str]) -> str:
    """A card with more tags; as it stands where there are none."""
    if not tags:
        return card
    tagged: Any = ModelCard(card)
    tagged.data.tags = list(dict.fromkeys((*(tagged.data.tags or ()), *tags)))
    return str(tagged)


def _style_of(model: TwoStageModel) -> str:
    """The style that a repository shows: one that its model has learnt, where that is known."""
    learnt = model.config.planner_config.styles or (_SHOWN_STYLE,)
    return _SHOWN_STYLE if _SHOWN_STYLE in learnt else learnt[0]


def _example(model: TwoStageModel, style: str) -> tuple[Example, Piece]:
    """A tune by the model, which is not changed."""
    shown = {"style": style, **_SHOWN}
    is_training = model.training
    try:
        model.eval()
        request = Request(**shown)
        writer = CandidateWriter(model, _SHOWN_SEED)
        ((piece, plan, _),) = writer.realize(writer.plans([request]))
    finally:
        model.train(is_training)
    keywords = ", ".join(f"{name}={value!r}" for name, value in {**shown, "seed": _SHOWN_SEED}.items())
    return Example(f"compose({keywords})", plan.text(names=True), write_abc(piece)), piece


def _upload(
    folder: Path,
    repository: str,
    private: bool | None,
    revision: str | None,
    token: str | None,
    commit: Mapping[str, Any],
) -> str:
    """One commit, or a pull request of one; its URL."""
    with _hub_errors(repository):
        api = HfApi(token=token)
        _make_repository(api, repository, private, revision, "model")
        names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        old = [name for name in api.list_repo_files(repository, revision=revision) if name not in names]
        # `upload_folder` may take several commits: a reader could meet the weights of one and the config of another.
        done = api.create_commit(
            repository,
            [CommitOperationAdd(name, folder / name) for name in names]
            + [CommitOperationDelete(name) for name in old if _is_of_earlier_push(name)],
            revision=revision,
            **commit,
        )
        return done.pr_url or done.commit_url


def _full_name(api: HfApi, repository: str) -> str:
    """The name with its user, who is the one that pushes where it has none."""
    if not REPOSITORY_NAME.fullmatch(repository if "/" in repository else f"you/{repository}"):
        raise RequestError(f"there is no repository {repository!r}; name it as user/name")
    return repository if "/" in repository else f"{api.whoami()['name']}/{repository}"


def _make_repository(api: HfApi, repository: str, private: bool | None, revision: str | None, kind: str) -> None:
    """Create the repository and the branch unless they exist."""
    api.create_repo(repository, private=private, exist_ok=True, repo_type=kind)
    if private and not api.repo_info(repository, repo_type=kind).private:
        raise HubError(
            f"the repository {repository!r} is there already, and public; nothing was uploaded. Make it private in its "
            "settings on the Hub first, or push without `private`"
        )
    if revision is not None:
        api.create_branch(repository, branch=revision, exist_ok=True, repo_type=kind)


def _is_of_earlier_push(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in _OF_EARLIER_PUSHES)


@contextmanager
def _hub_errors(repository: str) -> Iterator[None]:
    """Raise errors of the Hub's client and of its network layer as HubError."""
    try:
        yield
    except RemiError:
        raise
    except Exception as error:
        reason = (str(error.__cause__ or error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise HubError(
            f"the push to {repository!r} was not completed: {reason}. What others see there is unchanged; check the "
            "connection and `hf auth login`, and run the same again, which uploads only what is not there yet"
        ) from error
