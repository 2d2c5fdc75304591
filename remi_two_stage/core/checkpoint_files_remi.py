"""The files of a checkpoint: which there are, what they hold, and whether that is what a config says.

Weights come from strangers. They are read from safetensors alone; a pickle, whose reading runs the code in it, is
refused. Names and shapes are compared with the config before any memory is taken, so that a config that claims more
than the file holds costs nothing.

The weights of both stages are in `planner/` and `detail/`, each a model of its own, under the names that they have in
the whole model; an index above says which is where.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from .errors import CheckpointError, RequestError

Shapes = Mapping[str, tuple[int, ...]]
"""Name of a weight -> its shape."""

STAGES = ("planner", "detail")
"""Folders of the stages, and the first part of the names of their weights."""
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
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
    if pickles and not any(file.name.endswith((".safetensors", INDEX)) for file in files):
        raise CheckpointError(
            f"{str(source)!r}: {pickles[0]} is a pickle, and reading one runs whatever code is in it; weights are read "
            "from safetensors alone. Weights of this package: save them again with save_pretrained. A checkpoint with "
            "bar_model_state_dict, detail_model_state_dict and vocab has another vocabulary and other layers, so that "
            "converting it would keep nothing of what it learnt: train again, "
            "remi-two-stage train --corpus YOUR_TUNES --output MODEL"
        )
    if path.is_file():
        raise CheckpointError(f"{str(source)!r} is a file; give the folder that holds config.json and the weights")


def check_model_type(source: Any, stored: str | None, own: str, name: str) -> None:
    """Refuse the config of another kind of model.

    Args:
        stored: The model type that the config at `source` names.
        own: The model type that the class called `name` has.

    Raises:
        CheckpointError: they differ.
    """
    if stored != own:
        raise CheckpointError(
            f"{source} holds a model of type {stored!r}, {name} is of type {own!r}; "
            "load one stage with AutoModelForCausalLM, both with AutoModel"
        )


def weight_files(source: Any, find: Callable[[str], str | None], variant: str | None = None) -> list[str] | None:
    """The file with the weights of a checkpoint, or those that its index names; None if none is in safetensors.

    Args:
        find: From a file's name to its path, None where there is no such file.
        variant: As in transformers: part of the files' names.

    Raises:
        CheckpointError: a file that the index names is not there.
    """
    if (file := find(with_variant(WEIGHTS, variant))) is not None:
        return [file]
    if (index := find(with_variant(INDEX, variant))) is None:
        return None
    files = []
    for name in sorted(set(json.loads(Path(index).read_text(encoding="utf-8"))["weight_map"].values())):
        if (file := find(name)) is None:
            raise CheckpointError(f"{str(source)!r} lacks {name}, a part of its weights; copy it again")
        files.append(file)
    return files


def with_variant(name: str, variant: str | None) -> str:
    """A file's name with the variant before its ending, as in transformers."""
    start, _, ending = name.rpartition(".")
    return name if variant is None else f"{start}.{variant}.{ending}"


def shapes_in_files(files: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """The shapes of all weights in some files.

    Raises:
        CheckpointError: a file is damaged or incomplete.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for file in files:
        try:
            with safe_open(file, framework="pt") as weights:
                shapes |= {name: tuple(weights.get_slice(name).get_shape()) for name in weights.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise CheckpointError(
                f"{file} is damaged or was cut off ({error}); copy it again, or from the Hub with force_download=True"
            ) from None
    return shapes


def read_weights(files: Sequence[str], dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """All weights in some files, on the CPU in one dtype; copies, since a file may be written anew in its place."""
    weights: dict[str, torch.Tensor] = {}
    for file in files:
        with safe_open(file, framework="pt") as stored:
            weights |= {name: stored.get_tensor(name).to(dtype, copy=True) for name in stored.keys()}  # noqa: SIM118
    return weights


def compare_shapes(
    source: Any,
    name: str,
    stored: Shapes,
    wanted: Shapes,
    optional: Collection[str] = (),
    are_shapes_compared: bool = True,
) -> None:
    """Compare the weights that are stored with those that a model has by its config.

    Args:
        name: Of the model's class.
        optional: Weights that need not be stored, because they are tied to others.

    Raises:
        CheckpointError: some are missing, too many, or of another shape; the message names them.
    """
    faults = [
        ("lacks {} of the weights of {}", wanted.keys() - stored.keys() - set(optional)),
        ("has {} weights that are none of {}", stored.keys() - wanted.keys()),
    ]
    if are_shapes_compared:
        reshaped = [weight for weight in wanted.keys() & stored.keys() if wanted[weight] != stored[weight]]
        shown = {f"{weight} {list(stored[weight])} instead of {list(wanted[weight])}" for weight in reshaped}
        faults.append(("has {} weights in other shapes than {}", shown))
    found = [f"{message.format(len(names), name)}: {_listed(names)}" for message, names in faults if names]
    if found:
        raise CheckpointError(f"{source} {', and '.join(found)}; save the model again with save_pretrained")


def _listed(names: Iterable[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:_SHOWN]) + (", ..." if len(shown) > _SHOWN else "")
