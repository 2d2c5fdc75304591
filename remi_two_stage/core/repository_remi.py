"""What a saved model has beside its weights, so that transformers alone loads all of it again.

    config.json                     with the classes that the code defines, and the pipeline
    code/                           the modules of this folder that these need
    tokenizer.json, tokenizer_config.json, generation_config.json
    model.safetensors.index.json    which weight is in which file
    planner/, detail/               a model each: weights, config, generation config, tokenizer

There is one folder of code: transformers looks for that of a subfolder from above, too.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import torch
from huggingface_hub import HfApi, split_torch_state_dict_into_shards
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import PreTrainedConfig

from .checkpoint_files_remi import INDEX, STAGES, WEIGHTS, weight_files, with_variant
from .code_folder_remi import put_code_in_its_folder, reference
from .pipeline_remi import TASK, MusicGenerationPipeline
from .tokenization_remi import REMIABCTokenizer

_TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
_OF_COMMIT = ("commit_message", "commit_description", "create_pr", "revision")


class SavedWithCode:
    """`save_pretrained` of all models.

    Attributes:
        auto_classes: Name of a config's class -> transformers' Auto class -> the model that it loads.
    """

    auto_classes: ClassVar[dict[str, dict[str, Any]]] = {}
    config: Any
    generation_config: Any

    def save_pretrained(self, save_directory: Any, *args: Any, **kwargs: Any) -> None:
        """As in transformers, with every setting of the generation config, and with all classes where code is saved."""
        saving: Any = super()
        if saving.can_generate():
            # transformers would not read the settings that it does not know, such as `grammar`, from such a config.
            self.generation_config._from_model_config = False
        auto_names = {kind: auto for auto, kind in self.auto_classes.get(type(self.config).__name__, {}).items()}
        own: Any = type(self)
        if own in auto_names:
            if own.__module__.startswith("transformers_modules."):
                # A stage of a model whose code came with it; transformers has registered the whole model alone.
                type(self.config).register_for_auto_class()
                own.register_for_auto_class(auto_names[own])
            if saving.is_remote_code():
                self.config.auto_map = auto_map(self.config)
        saving.save_pretrained(save_directory, *args, **kwargs)
        put_code_in_its_folder(Path(save_directory))


def auto_map(config: PreTrainedConfig) -> dict[str, str]:
    """The classes of the code that belong to a config, by the Auto class that loads them."""
    kinds = SavedWithCode.auto_classes[type(config).__name__]
    return {"AutoConfig": reference(type(config))} | {auto: reference(kind) for auto, kind in kinds.items()}


class TwoStageSaving:
    """`save_pretrained` of the model that holds both stages."""

    config: Any
    planner: Any
    detail: Any
    _get_files_timestamps: Callable[..., dict[str, float]]
    _upload_modified_files: Callable[..., Any]
    settings_of: Callable[[Any], Any]

    def save_pretrained(
        self,
        save_directory: str | Path,
        is_main_process: bool = True,
        state_dict: dict[str, Any] | None = None,
        push_to_hub: bool = False,
        max_shard_size: int | str = "50GB",
        variant: str | None = None,
        token: str | bool | None = None,
        **kwargs: Any,
    ) -> None:
        """As in transformers, and each stage in a folder of its own, with the code, the tokenizer and the pipeline.

        A tokenizer that is there stays.
        """
        saving: Any = super()
        path, commit = Path(save_directory), {name: kwargs.pop(name) for name in _OF_COMMIT if name in kwargs}
        repository, private = kwargs.pop("repo_id", path.name), kwargs.pop("private", None)
        before = self._get_files_timestamps(path) if path.is_dir() else {}
        kinds: dict[str, Any] = {"AutoModel": type(self), "AutoConfig": type(self.config)}
        for auto, kind in kinds.items():
            kind.register_for_auto_class(auto)
        saving.save_pretrained(
            save_directory, is_main_process, state_dict, max_shard_size=max_shard_size, variant=variant, **kwargs
        )
        is_whole = not getattr(self, "_hf_peft_config_loaded", False) and not kwargs.get("distributed_checkpoint")
        if is_main_process and is_whole:
            divide_weights(path, max_shard_size, variant)
            self._save_stages(path)
        if is_main_process and push_to_hub:
            repository = HfApi(token=token).create_repo(repository, private=private, exist_ok=True).repo_id
            self._upload_modified_files(path, repository, before, token=token, **commit)

    def _save_stages(self, path: Path) -> None:
        """Write what is beside the weights that are in their places."""
        if not (path / _TOKENIZER[0]).exists():
            REMIABCTokenizer.register_for_auto_class()
            REMIABCTokenizer().save_pretrained(path)
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
        pipeline = {"impl": reference(MusicGenerationPipeline), "pt": ["AutoModel"], "type": "text"}
        config |= {"custom_pipelines": {TASK: pipeline}, "auto_map": auto_map(self.config)}
        for name in STAGES:
            config[f"{name}_config"].pop("_name_or_path", None)
            self._save_stage(path / name, getattr(self, name), config)
            for file in _TOKENIZER:
                shutil.copyfile(path / file, path / name / file)
        _write_json(path / "config.json", config)

    def _save_stage(self, folder: Path, stage: Any, whole: dict[str, Any]) -> None:
        """Write config and generation config of a stage; what the whole model is quantised with holds for it, too."""
        folder.mkdir(exist_ok=True)
        config = stage.config.to_diff_dict()  # as transformers saves one: no labels that nobody chose
        config.pop("_name_or_path", None)
        config |= {name: whole[name] for name in ("dtype", "quantization_config") if name in whole}
        config |= {"architectures": [type(stage).__name__], "auto_map": auto_map(stage.config)}
        _write_json(folder / "config.json", config)
        settings = self.settings_of(stage)
        settings._from_model_config = False
        settings.save_pretrained(folder)


def divide_weights(folder: Path, max_shard_size: int | str, variant: str | None = None) -> None:
    """Move the weights that transformers has written into a folder into those of the stages, and write the index.

    Nothing is moved where there are weights of neither stage: those of a subclass.

    Args:
        max_shard_size: Bytes of a file, as in `save_pretrained`; a stage with more has several.
    """
    files = weight_files(folder, lambda name: str(folder / name) if (folder / name).is_file() else None, variant)
    with ExitStack() as stack:
        opened = [stack.enter_context(safe_open(file, framework="pt")) for file in files or ()]
        stored = {name: file for file in opened for name in file.keys()}  # noqa: SIM118
        parts = {stage: [name for name in stored if name.startswith(f"{stage}.")] for stage in STAGES}
        if not opened or sum(map(len, parts.values())) < len(stored):
            return
        weight_map: dict[str, str] = {}
        size = 0
        for stage, names in parts.items():
            weights = {name: stored[name].get_tensor(name) for name in names}
            metadata = _metadata_of_stage(opened[0].metadata(), stage)
            written = _write_shards(folder / stage, weights, metadata, max_shard_size, variant)
            weight_map |= {name: f"{stage}/{file}" for name, file in written.items()}
            size += sum(weight.nbytes for weight in weights.values())
    for file in files or ():
        Path(file).unlink()
    _write_index(folder, weight_map, size, variant)


def _metadata_of_stage(metadata: dict[str, str], stage: str) -> dict[str, str]:
    """With what torchao notes of each weight also under the name that the weight has in the stage alone."""
    prefix = f"{stage}."
    own = {name.removeprefix(prefix): noted for name, noted in metadata.items() if name.startswith(prefix)}
    if not own:
        return metadata
    names = json.loads(metadata["tensor_names"])
    names += [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    return metadata | own | {"tensor_names": json.dumps(names)}


def _write_shards(
    folder: Path,
    weights: dict[str, torch.Tensor],
    metadata: dict[str, str],
    max_shard_size: int | str,
    variant: str | None,
) -> dict[str, str]:
    """Write the weights of one stage, and remove those that were there; name -> file."""
    folder.mkdir(exist_ok=True)
    name = with_variant(WEIGHTS, variant).removesuffix(".safetensors")
    split = split_torch_state_dict_into_shards(
        weights, filename_pattern=f"{name}{{suffix}}.safetensors", max_shard_size=max_shard_size
    )
    shards = f"{name}-?????-of-?????.safetensors"
    for old in (folder / f"{name}.safetensors", folder / with_variant(INDEX, variant), *folder.glob(shards)):
        old.unlink(missing_ok=True)
    for file, names in split.filename_to_tensors.items():
        save_file({name: weights[name] for name in names}, folder / file, metadata)
    if split.is_sharded:
        _write_index(folder, split.tensor_to_filename, split.metadata["total_size"], variant)
    return split.tensor_to_filename


def _write_index(folder: Path, weight_map: Mapping[str, str], size: int, variant: str | None) -> None:
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    _write_json(folder / with_variant(INDEX, variant), index)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
