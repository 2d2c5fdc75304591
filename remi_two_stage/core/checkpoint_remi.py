"""What is looked at before a checkpoint is loaded: where it is, what it is, and every weight's name and shape.

Weights come from strangers. They are read from safetensors alone; a pickle, whose reading runs the code in it, is
refused. Names and shapes are compared with the config before any memory is taken, so that a config that claims more
than the file holds costs nothing.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedConfig
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME, cached_file

from .errors import CheckpointError, RequestError

Shapes = dict[str, tuple[int, ...]]

_HUB_ARGUMENTS = ("cache_dir", "force_download", "local_files_only", "proxies", "revision", "subfolder", "token")
_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
_SHOWN = 3


def refuse_pickles(source: Any, kwargs: Mapping[str, Any]) -> None:
    """Refuse a file in the place of a folder, a folder with nothing but pickles, and a wish to read them.

    Raises:
        CheckpointError: the message says why, and what to do.
        RequestError: `use_safetensors` is False.
    """
    if kwargs.get("use_safetensors") is False:
        raise RequestError("use_safetensors is False, and nothing but safetensors is read here; leave it out")
    path = Path(str(source), kwargs.get("subfolder") or "")
    files = [path] if path.is_file() else sorted(path.iterdir()) if path.is_dir() else []
    pickles = [file.name for file in files if file.suffix in _PICKLES]
    if pickles and not any(file.suffix == ".safetensors" for file in files):
        raise CheckpointError(
            f"{str(source)!r}: {pickles[0]} is a pickle, and reading one runs whatever code is in it; weights are read "
            "from safetensors alone. Weights of this package: save them again with save_pretrained. A checkpoint with "
            "bar_model_state_dict, detail_model_state_dict and vocab has another vocabulary and other layers, so that "
            "converting it would keep nothing of what it learnt: train again, "
            "remi-two-stage train --corpus YOUR_TUNES --output MODEL"
        )
    if path.is_file():
        raise CheckpointError(f"{str(source)!r} is a file; give the folder that holds config.json and the weights")


def hub_arguments(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the arguments of `from_pretrained` that say where to find files."""
    return {name: kwargs[name] for name in _HUB_ARGUMENTS if name in kwargs}


def stored_model_type(source: Any, kwargs: Mapping[str, Any]) -> str | None:
    """The model type that the config at a folder or repository names."""
    stored: str | None = PreTrainedConfig.get_config_dict(source, **hub_arguments(kwargs))[0].get("model_type")
    return stored


def stored_shapes(source: Any, kwargs: Mapping[str, Any]) -> Shapes | None:
    """Name -> shape of all weights at a folder or repository; None if there are none in safetensors.

    Raises:
        CheckpointError: a file is damaged or incomplete.
    """
    given = kwargs.get("state_dict")
    if given is not None:
        return {name: tuple(weight.shape) for name, weight in given.items()}
    variant = kwargs.get("variant")
    file = _file(source, _variant(SAFE_WEIGHTS_NAME, variant), kwargs)
    if file is not None:
        return _shapes_in(file)
    index = _file(source, _variant(SAFE_WEIGHTS_INDEX_NAME, variant), kwargs)
    if index is None:
        return None
    shards = sorted(set(json.loads(Path(index).read_text(encoding="utf-8"))["weight_map"].values()))
    shapes: Shapes = {}
    for shard in shards:
        if (file := _file(source, shard, kwargs)) is None:
            raise CheckpointError(f"{str(source)!r} lacks {shard}, a part of its weights; copy it again")
        shapes |= _shapes_in(file)
    return shapes


def _variant(name: str, variant: str | None) -> str:
    return name if variant is None else name.replace(".safetensors", f".{variant}.safetensors")


def _file(source: Any, name: str, kwargs: Mapping[str, Any]) -> str | None:
    missing_is_none = {
        "_raise_exceptions_for_missing_entries": False,
        "_raise_exceptions_for_connection_errors": True,
    }
    found: str | None = cached_file(source, name, **hub_arguments(kwargs), **missing_is_none)
    return found


def _shapes_in(file: str) -> Shapes:
    try:
        with safe_open(file, framework="pt") as weights:
            return {name: tuple(weights.get_slice(name).get_shape()) for name in weights.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{file} is damaged or was cut off ({error}); copy it again, or from the Hub with force_download=True"
        ) from None


def check_weights(model_class: Any, source: Any, kwargs: Mapping[str, Any]) -> None:
    """Compare the weights that are stored with those that the model has by its config.

    Raises:
        CheckpointError: some are missing, too many, or of another shape; the message names them.
    """
    stored = stored_shapes(source, kwargs)
    if stored is None:
        return
    with torch.device("meta"):
        model = model_class(_config_for(model_class, source, kwargs))
    wanted = {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
    missing = wanted.keys() - stored.keys() - set(model.all_tied_weights_keys)
    faults = [
        ("lacks {} of the weights of {}", missing),
        ("has {} weights that are none of {}", stored.keys() - wanted.keys()),
    ]
    if not kwargs.get("ignore_mismatched_sizes"):
        reshaped = [name for name in wanted.keys() & stored.keys() if wanted[name] != stored[name]]
        shown = {f"{name} {list(stored[name])} instead of {list(wanted[name])}" for name in reshaped}
        faults.append(("has {} weights in other shapes than {}", shown))
    found = [
        f"{message.format(len(names), model_class.__name__)}: {_listed(names)}" for message, names in faults if names
    ]
    if found:
        raise CheckpointError(f"{source} {', and '.join(found)}; save the model again with save_pretrained")


def _config_for(model_class: Any, source: Any, kwargs: Mapping[str, Any]) -> PreTrainedConfig:
    """The config that the model will have, its own to change."""
    given = kwargs.get("config")
    if isinstance(given, PreTrainedConfig):
        return copy.deepcopy(given)
    fields = {field.name for field in dataclasses.fields(model_class.config_class)}
    own = {name: value for name, value in kwargs.items() if name in fields and name != "dtype"}
    config: PreTrainedConfig = model_class.config_class.from_pretrained(given or source, **hub_arguments(kwargs), **own)
    return config


def _listed(names: Any) -> str:
    shown = sorted(names)
    return ", ".join(shown[:_SHOWN]) + (", ..." if len(shown) > _SHOWN else "")
