"""What is looked at before transformers loads a checkpoint: where it is, what it is, every weight's name and shape."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from transformers import PreTrainedConfig
from transformers.utils import cached_file

from .checkpoint_files_remi import Shapes, compare_shapes, shapes_in_files, weight_files

_HUB_ARGUMENTS = ("cache_dir", "force_download", "local_files_only", "proxies", "revision", "subfolder", "token")


def hub_arguments(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the arguments of `from_pretrained` that say where to find files."""
    return {name: kwargs[name] for name in _HUB_ARGUMENTS if name in kwargs}


def stored_model_type(source: Any, kwargs: Mapping[str, Any]) -> str | None:
    """The model type that the config at a folder or repository names."""
    stored: str | None = PreTrainedConfig.get_config_dict(source, **hub_arguments(kwargs))[0].get("model_type")
    return stored


def stored_shapes(source: Any, kwargs: Mapping[str, Any]) -> dict[str, tuple[int, ...]] | None:
    """Name -> shape of all weights at a folder or repository; None if there are none in safetensors.

    Raises:
        CheckpointError: a file is damaged or incomplete.
    """
    given = kwargs.get("state_dict")
    if given is not None:
        return {name: tuple(weight.shape) for name, weight in given.items()}

    def find(name: str) -> str | None:
        found: str | None = cached_file(
            source,
            name,
            **hub_arguments(kwargs),
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=True,
        )
        return found

    files = weight_files(source, find, kwargs.get("variant"))
    return None if files is None else shapes_in_files(files)


def check_weights(model_class: Any, source: Any, kwargs: Mapping[str, Any]) -> None:
    """Compare the weights that are stored with those that the model has by its config.

    Raises:
        CheckpointError: some are missing, too many, or of another shape; the message names them.
    """
    stored = stored_shapes(source, kwargs)
    if stored is None:
        return
    config = _config_for(model_class, source, kwargs)
    with torch.device("meta"):
        model = model_class(config)
    wanted = {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
    is_quantized = getattr(config, "quantization_config", None) is not None
    found = _unquantized(stored, wanted) if is_quantized else stored
    are_shapes_compared = not kwargs.get("ignore_mismatched_sizes")
    compare_shapes(source, model_class.__name__, found, wanted, set(model.all_tied_weights_keys), are_shapes_compared)


def _unquantized(stored: Shapes, wanted: Shapes) -> Shapes:
    """The shapes in a quantised checkpoint as they were before. Each quantiser has its own names and shapes for what it
    makes of a weight, all below the name of the weight's module; any of them stand for all weights of that module.
    """
    modules = {name.rpartition(".")[0] for name in wanted}
    owners = {name: next((module for module in _parents(name) if module in modules), None) for name in stored}
    found = set(owners.values())
    known = {name: shape for name, shape in wanted.items() if name.rpartition(".")[0] in found}
    return known | {name: stored[name] for name, owner in owners.items() if owner is None}


def _parents(name: str) -> list[str]:
    """The modules that a weight of this name may belong to, the nearest first."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(len(parts) - 1, 0, -1)]


def _config_for(model_class: Any, source: Any, kwargs: Mapping[str, Any]) -> PreTrainedConfig:
    """The config that the model will have, its own to change."""
    given = kwargs.get("config")
    if isinstance(given, PreTrainedConfig):
        return copy.deepcopy(given)
    fields = {field.name for field in dataclasses.fields(model_class.config_class)}
    own = {name: value for name, value in kwargs.items() if name in fields and name != "dtype"}
    config: PreTrainedConfig = model_class.config_class.from_pretrained(given or source, **hub_arguments(kwargs), **own)
    return config
