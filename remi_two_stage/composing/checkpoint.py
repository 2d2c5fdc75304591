"""Loading of weights and models, from the checkpoint that ships with the package or any other.

Composing needs only the config and the weights of a checkpoint. `StoredModel` therefore reads just those, without
transformers, which takes longer to import than a tune takes to compose. `load_model` returns the whole model, as
transformers loads it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from ..core.architecture import MODEL_TYPE, Architecture, DetailArchitecture, PlannerArchitecture
from ..core.checkpoint_files_remi import (
    check_model_type,
    compare_shapes,
    read_weights,
    refuse_pickles,
    shapes_in_files,
    weight_files,
)
from ..core.decoding_weights_remi import HEAD, StageWeights, weight_shapes
from ..core.errors import CheckpointError, RemiError, RequestError
from ..core.vocabulary import token_names

if TYPE_CHECKING:
    from ..core.modeling_remi import TwoStageModel

EMBEDDED = Path(__file__).parents[1] / "pretrained"
"""The checkpoint that ships with the package."""
REPOSITORY_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)
"""A repository on the Hub, as user/name."""
RECORD = "training.json"
"""The file in a model folder that records how the model was trained and how well it performs."""


@dataclass(frozen=True)
class TwoStageWeights:
    """The weights of both stages, named as in the model."""

    planner: StageWeights
    detail: StageWeights


class StoredModel:
    """A checkpoint in a folder or a Hub repository, not loaded yet.

    Args:
        revision: Branch, tag or commit of a repository; None is its main branch.

    Raises:
        CheckpointError: the source is neither an existing folder nor the name of a repository.
        RequestError: a revision is given for a folder.
    """

    def __init__(self, source: str | Path, revision: str | None = None) -> None:
        refuse_pickles(source, {})
        self._source, self._revision = str(source), revision
        self._is_folder = Path(source).is_dir()
        if not self._is_folder and not REPOSITORY_NAME.fullmatch(self._source):
            raise CheckpointError(
                f"there is no model {self._source!r}; give a folder that holds one, or a repository as user/name"
            )
        if self._is_folder and revision is not None:
            raise RequestError(f"{self._source!r} is a folder, which has no revision {revision!r}; leave it out")

    @property
    def name(self) -> str:
        """What others may call the model: a folder without its place on this machine; empty for the embedded one."""
        if not self._is_folder:
            return self._source
        folder = Path(self._source)
        return "" if folder == EMBEDDED else folder.name if folder.is_absolute() else self._source

    @property
    def commit(self) -> str:
        """The commit of a repository on the Hub, once its config is read; empty for a folder."""
        return "" if self._is_folder else self._revision or ""

    def weights(self, int8: bool = False) -> TwoStageWeights:
        """Load the weights of both stages in float32, for decoding only; transformers is not imported.

        Args:
            int8: As in `StageWeights`.

        Raises:
            CheckpointError: the model does not exist, is incomplete, or is neither in the cache nor reachable.
        """
        return self._loaded(lambda: self._read_weights(int8))

    def model(self, dtype: torch.dtype | Literal["auto"] = torch.float32) -> TwoStageModel:
        """Load the whole model with transformers; code in a repository is not run.

        Args:
            dtype: Type of the weights; "auto" keeps the one that they are stored in.

        Raises:
            CheckpointError: the model does not exist, is incomplete, or is neither in the cache nor reachable.
        """
        from transformers.utils import logging

        from ..core.modeling_remi import TwoStageModel, register_auto_classes
        from ..core.tokenization_remi import register_auto_classes as register_tokenizer

        register_auto_classes()
        register_tokenizer()
        shows_progress = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()  # it would only flash up for an instant
        try:
            model: TwoStageModel = self._loaded(
                lambda: TwoStageModel.from_pretrained(self._source, revision=self._revision or "main", dtype=dtype)
            )
        finally:
            if shows_progress:
                logging.enable_progress_bar()
        self._check_vocabulary(model.config.vocab_size)
        return model

    def _read_weights(self, int8: bool) -> TwoStageWeights:
        configs = self._architectures()
        files = weight_files(self._source, self._find)
        if files is None:
            raise CheckpointError(f"{self._source!r} holds no weights in safetensors; save the model again")
        wanted = {
            f"{stage}.{name}": shape
            for stage, config in configs.items()
            for name, shape in weight_shapes(config).items()
        }
        heads = {f"{stage}.{HEAD}" for stage, config in configs.items() if config.tie_word_embeddings}
        compare_shapes(self._source, "TwoStageModel", shapes_in_files(files), wanted, optional=heads)
        weights = read_weights(files, torch.float32)
        return TwoStageWeights(
            **{
                stage: StageWeights(
                    config,
                    {
                        name.removeprefix(f"{stage}."): weight
                        for name, weight in weights.items()
                        if name.startswith(f"{stage}.")
                    },
                    int8,
                )
                for stage, config in configs.items()
            }
        )

    def _architectures(self) -> dict[str, Architecture]:
        """The architectures of both stages, from config.json."""
        if (file := self._find("config.json")) is None:
            why = "it has no config.json"
            if self._is_folder and Path(self._source, "run", "arguments.json").is_file():
                why = "its training is not finished; run the command again that began it"
            raise CheckpointError(f"no model can be loaded from {self._source!r}: {why}")
        if not self._is_folder:
            self._revision = Path(file).parent.name  # the commit, so that what is loaded later belongs to this config
        try:
            stored = json.loads(Path(file).read_text(encoding="utf-8"))
        except ValueError:
            stored = None
        if not isinstance(stored, dict):
            raise CheckpointError(
                f"no model can be loaded from {self._source!r}: its config.json is not a valid JSON file; copy it again"
            )
        check_model_type(self._source, stored.get("model_type"), MODEL_TYPE, "TwoStageModel")
        kinds: dict[str, type[Architecture]] = {"planner": PlannerArchitecture, "detail": DetailArchitecture}
        configs = {
            stage: kind.of_dict(stored.get(kind.base_config_key) or {}, repr(self._source))
            for stage, kind in kinds.items()
        }
        for config in configs.values():
            self._check_vocabulary(config.vocab_size)
        return configs

    def _check_vocabulary(self, size: int) -> None:
        if size != len(token_names()):
            raise CheckpointError(
                f"the model in {self._source!r} has {size} tokens, the vocabulary {len(token_names())}; train it again "
                "with this version"
            )

    def _find(self, name: str) -> str | None:
        """The path of a file of the checkpoint, downloaded if need be; None where there is no such file."""
        if self._is_folder:
            path = Path(self._source, name)
            return str(path) if path.is_file() else None
        from huggingface_hub import hf_hub_download, try_to_load_from_cache
        from huggingface_hub.errors import HfHubHTTPError, RemoteEntryNotFoundError, RevisionNotFoundError

        try:
            return hf_hub_download(self._source, name, revision=self._revision)
        except RevisionNotFoundError:
            raise CheckpointError(
                f"no model can be loaded from {self._source!r}: {self._revision} is not a valid branch, tag or commit"
            ) from None
        except RemoteEntryNotFoundError:
            return None
        except HfHubHTTPError:
            raise
        except Exception:  # the Hub is out of reach; what the cache knows of the file will do
            cached = try_to_load_from_cache(self._source, name, revision=self._revision)
            if cached is None:
                raise
            return cached if isinstance(cached, str) else None  # no path: the repository has no such file

    def _loaded(self, load: Callable[[], Any]) -> Any:
        """Call `load`; errors of transformers, safetensors and the Hub's client are raised as CheckpointError."""
        try:
            return load()
        except CheckpointError:
            raise
        except Exception as error:
            raise CheckpointError(_why_not_loaded(self._source, self._is_folder, error)) from error


def load_model(
    source: str | Path, revision: str | None = None, dtype: torch.dtype | Literal["auto"] = torch.float32
) -> TwoStageModel:
    """Load the whole model from a folder or a Hub repository; arguments and errors as in `StoredModel`."""
    return StoredModel(source, revision).model(dtype)


def training_record(folder: str | Path) -> dict[str, Any] | None:
    """Read the `RECORD` of the model in a folder; None if there is no such file.

    Raises:
        CheckpointError: the file is not one that `train` writes.
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


def corpora_of(record: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """What a model's record says of each corpus that it was trained on: its "name" as given to `train`, its "weight"
    and its counts; empty if it names none.
    """
    corpora = (record or {}).get("corpus")
    found = corpora if isinstance(corpora, list) else [corpora]
    return [corpus for corpus in found if isinstance(corpus, Mapping) and "name" in corpus]


def _why_not_loaded(source: str, is_folder: bool, error: Exception) -> str:
    if not is_folder and _is_offline():
        return (
            f"offline mode is on (HF_HUB_OFFLINE), and {source!r} is not in the cache, or not all of it; load it once "
            "with the network, or give a folder"
        )
    if isinstance(error.__cause__, RemiError):  # transformers wraps the errors of a config
        error = error.__cause__
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    fix = "" if is_folder else "; check the name, the revision and the connection"
    return f"no model can be loaded from {source!r}: {reason.rstrip('.')}{fix}"


def _is_offline() -> bool:
    from huggingface_hub import is_offline_mode

    return is_offline_mode()
