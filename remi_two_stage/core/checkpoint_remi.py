"""Loading of checkpoints by transformers, and what is looked at before: what is there, every weight's name and shape.

A checkpoint that is not what its own config says is refused: transformers would leave weights random. What the caller
changes is the caller's choice, and transformers reports it: another head, fewer layers, other sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar

import torch
from transformers import PreTrainedConfig
from transformers.utils import cached_file

from .architecture import MODEL_TYPE
from .checkpoint_files_remi import (
    STAGES,
    Shapes,
    check_model_type,
    compare_shapes,
    refuse_pickles,
    shapes_in_files,
    weight_files,
)
from .errors import CheckpointError

_OF_FOLDER = {"_name_or_path", "architectures", "auto_map", "dtype", "model_type", "transformers_version"}
_HUB_ARGUMENTS = ("cache_dir", "force_download", "local_files_only", "proxies", "revision", "subfolder", "token")


class CheckedLoading:
    """`from_pretrained` of all models: transformers', from safetensors alone and after a look at the checkpoint.

    A stage in the folder of both is in a subfolder; `subfolder=` may be left out where the class says which. Its
    weights are stored under the names that they have in the whole model, whose first part is removed here.
    """

    config_class: type[PreTrainedConfig]

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: Any, *model_args: Any, output_loading_info: bool = False, **kwargs: Any
    ) -> Any:
        """As in transformers, from safetensors alone.

        Raises:
            CheckpointError: the folder holds another kind of model, or its weights are not those that its config says.
            OSError: there is no such folder or repository, or it has no safetensors file.
        """
        source, stage = pretrained_model_name_or_path, cls._stage()
        if source is not None:
            refuse_pickles(source, kwargs)
            stored = stored_model_type(source, kwargs)
            if stage is not None and stored == MODEL_TYPE and not kwargs.get("subfolder"):
                kwargs["subfolder"] = stage
                stored = stored_model_type(source, kwargs)
            check_model_type(source, stored, cls.config_class.model_type, cls.__name__)
            cls._check_weights(source, kwargs)
        if stage is not None:
            kwargs["key_mapping"] = _renaming(stage) | (kwargs.get("key_mapping") or {})
        kwargs.setdefault("use_safetensors", True)
        loading: Any = super()
        model, info = loading.from_pretrained(source, *model_args, output_loading_info=True, **kwargs)
        if stage is not None and model._weight_conversions:  # saved alone, a stage's weights have its own names
            patterns = list(_renaming(stage))
            kept = [each for each in model._weight_conversions if each.source_patterns != patterns]
            model._weight_conversions = kept
        if "disk" in (getattr(model, "hf_device_map", None) or {}).values():
            _mend_offloaded_paths(model)
        return (model, info) if output_loading_info else model

    @classmethod
    def _stage(cls) -> str | None:
        """The folder that a stage has in that of both; None for a model of both."""
        key = cls.config_class.base_config_key.removesuffix("_config")
        return key if key in STAGES else None

    @classmethod
    def _check_weights(cls, source: Any, kwargs: Mapping[str, Any]) -> None:
        """Compare the weights that are stored with those that they are by the config that is stored beside them.

        Raises:
            CheckpointError: some are missing, too many, or of another shape; the message names them.
        """
        shapes = stored_shapes(source, kwargs)
        if shapes is None:
            if kwargs.get("subfolder") in STAGES:
                raise CheckpointError(_why_without_weights(source, kwargs))
            return
        config, _ = PreTrainedConfig.get_config_dict(source, **hub_arguments(kwargs))
        kinds = {kind.__name__: kind for kind in _kinds_of(CheckedLoading)}
        kind: Any = next((kinds[name] for name in config.get("architectures") or () if name in kinds), cls)
        with torch.device("meta"):
            model = kind(kind.config_class.from_pretrained(source, **hub_arguments(kwargs)))
        prefix = f"{cls._stage()}."
        prefix = prefix if any(name.startswith(prefix) for name in shapes) else ""
        wanted = {prefix + name: tuple(weight.shape) for name, weight in model.state_dict().items()}
        tied = {prefix + name for name in model.all_tied_weights_keys}
        if config.get("quantization_config"):
            shapes = _unquantized(shapes, wanted)
        compare_shapes(source, kind.__name__, shapes, wanted, tied, not kwargs.get("ignore_mismatched_sizes"))


class StageOfBoth:
    """Loads one stage by the config of both: the name of the base model that PEFT keeps with an adapter has no
    subfolder.

    Attributes:
        stage_class: The stage's model, which it loads as from a `subfolder`.
    """

    stage_class: ClassVar[Any]

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: Any,
        *model_args: Any,
        config: Any = None,
        adapter_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """As in transformers; the config is that which the stage has in its folder, with what the one given says
        otherwise than the one stored. An adapter that names this model as its base is looked for where it is, not in a
        folder of that name.
        """
        source, own = pretrained_model_name_or_path, dict(adapter_kwargs or {})
        adapter, name = own.pop("_adapter_model_path", None), kwargs.get("adapter_name", "default")
        if config is not None:
            kwargs = cls._changes(config, type(config).from_pretrained(source, **hub_arguments(kwargs))) | kwargs
        loaded = cls.stage_class.from_pretrained(source, *model_args, adapter_kwargs=own, **kwargs)
        if adapter is not None:
            model = loaded[0] if isinstance(loaded, tuple) else loaded
            model.load_adapter(adapter, adapter_name=name, adapter_kwargs=own)
        return loaded

    @classmethod
    def _changes(cls, config: Any, stored: Any) -> dict[str, Any]:
        """What was changed in a config of both, as arguments of the stage's `from_pretrained`."""
        own, stored_own = cls._own_config(config), cls._own_config(stored)
        changes = _differences(own, stored_own, own) | _differences(config, stored, own)
        if own._attn_implementation is not None:
            changes["attn_implementation"] = own._attn_implementation
        return changes

    @classmethod
    def _own_config(cls, config: Any) -> Any:
        return getattr(config, cls.stage_class.config_class.base_config_key)

    @classmethod
    def _from_config(cls, config: Any, **kwargs: Any) -> Any:
        own = deepcopy(cls._own_config(config))
        own.update(_differences(config, type(config)(), own))
        return cls.stage_class._from_config(own, **kwargs)


def _differences(config: PreTrainedConfig, other: PreTrainedConfig, stage: PreTrainedConfig) -> dict[str, Any]:
    """What a config says otherwise than another, of what that of a stage says, too, and is no name of the model."""
    of_other, names = other.to_dict(), stage.to_dict().keys() - _OF_FOLDER
    return {name: said for name, said in config.to_dict().items() if name in names and said != of_other.get(name)}


def _kinds_of(kind: Any) -> Iterator[Any]:
    """All classes that are made of one."""
    for below in kind.__subclasses__():
        yield below
        yield from _kinds_of(below)


def _renaming(stage: str) -> dict[str, str]:
    """From the names of a stage's weights in the whole model to its own, as patterns."""
    return {rf"^{stage}\.(.+)": r"\1"}


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


def _mend_offloaded_paths(model: torch.nn.Module) -> None:
    """Let offloaded weights be read from the files that hold them. transformers takes all files of an index to be in
    the folder of the first one, and looks for planner/ and detail/ in detail/.
    """
    for module in model.modules():
        offloaded: Any = getattr(getattr(module, "_hf_hook", None), "weights_map", None)
        while hasattr(offloaded, "dataset"):
            offloaded = offloaded.dataset
        for weight in (getattr(offloaded, "index", None) or {}).values():
            file = Path(weight.get("safetensors_file", ""))
            if len(file.parts) > 3 and file.parent.name in STAGES and file.parent.parent.name in STAGES:
                weight["safetensors_file"] = str(file.parents[2] / file.parent.name / file.name)


def _why_without_weights(source: Any, kwargs: Mapping[str, Any]) -> str:
    stage = kwargs["subfolder"]
    return (
        f"{source} holds no weights in {stage}/, where each stage has its own now; save the model again in this form: "
        f"TwoStageModel.from_pretrained({str(source)!r}).save_pretrained(FOLDER)"
    )


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
