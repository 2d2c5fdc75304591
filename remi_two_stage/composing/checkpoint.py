"""The checkpoint that ships with the package, and loading any other: the one door to weights."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from huggingface_hub import is_offline_mode

from ..core.checkpoint_remi import refuse_pickles
from ..core.errors import CheckpointError, RemiError, RequestError
from ..core.modeling_remi import TwoStageModel
from ..core.vocabulary import token_names

EMBEDDED = Path(__file__).parents[1] / "pretrained"
"""The checkpoint that ships with the package."""
REPOSITORY_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)
"""A repository on the Hub, as user/name."""
RECORD = "training.json"
"""The file of a model folder that says how the model was made and how good it is."""


def load_model(
    source: str | Path, revision: str | None = None, dtype: torch.dtype | Literal["auto"] = torch.float32
) -> TwoStageModel:
    """Load both stages from a folder or a Hub repository, whose code is not run.

    Args:
        revision: Branch, tag or commit of a repository.
        dtype: Of the weights; "auto" is that in which they are stored.

    Raises:
        CheckpointError: there is no such model, it is incomplete, or it is neither in the cache nor within reach.
        RequestError: a revision of a folder.
    """
    refuse_pickles(source, {})
    is_folder = Path(source).is_dir()
    if not is_folder and not REPOSITORY_NAME.fullmatch(str(source)):
        raise CheckpointError(
            f"there is no model {str(source)!r}; give a folder that holds one, or a repository as user/name"
        )
    if is_folder and revision is not None:
        raise RequestError(f"{str(source)!r} is a folder, which has no revision {revision!r}; leave it out")
    try:
        model: TwoStageModel = TwoStageModel.from_pretrained(source, revision=revision or "main", dtype=dtype)
    except RemiError:
        raise
    except Exception as error:  # transformers, safetensors and the Hub's client each have errors of their own
        raise CheckpointError(_why_not_loaded(str(source), is_folder, error)) from error
    if model.config.vocab_size != len(token_names()):
        raise CheckpointError(
            f"the model in {str(source)!r} has {model.config.vocab_size} tokens, the vocabulary "
            f"{len(token_names())}; train it again with this version"
        )
    return model


def training_record(folder: str | Path) -> dict[str, Any] | None:
    """What `RECORD` says of the model in a folder; None where there is no such file.

    Raises:
        CheckpointError: the file is not what `train` writes.
    """
    path = Path(folder, RECORD)
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        record = None
    if not isinstance(record, dict):
        raise CheckpointError(f"{str(path)!r} holds no JSON object; remove it, or put back the one that train wrote")
    return record


def corpus_of(record: Mapping[str, Any] | None) -> str | None:
    """The corpus that a model learnt from, as `train` was given it; None where its record does not say."""
    corpus = (record or {}).get("corpus")
    return corpus.get("name") if isinstance(corpus, Mapping) else None


def _why_not_loaded(source: str, is_folder: bool, error: Exception) -> str:
    if not is_folder and is_offline_mode():
        return (
            f"offline mode is on (HF_HUB_OFFLINE), and {source!r} is not in the cache, or not all of it; load it once "
            "with the network, or give a folder"
        )
    if isinstance(error.__cause__, RemiError):  # what a config refuses comes wrapped up
        error = error.__cause__
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    fix = "" if is_folder else "; check the name, the revision and the connection"
    return f"no model can be loaded from {source!r}: {reason.rstrip('.')}{fix}"
