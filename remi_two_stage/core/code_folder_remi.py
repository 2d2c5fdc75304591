"""Where a saved model has its code: in a folder of its own, so that its data can be seen at a glance.

transformers copies the modules of a class beside the config that names it; they are moved from there.
"""

from __future__ import annotations

import filecmp
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers.dynamic_module_utils import get_relative_imports

CODE = "code"
"""The folder of the modules in a repository."""
_NAMING = ("config.json", "tokenizer_config.json")


def reference(kind: type) -> str:
    """How a config names a class of the code that is saved with it."""
    return f"{CODE}/{kind.__module__.rpartition('.')[2]}.{kind.__name__}"


class SavedBesideCode:
    """`save_pretrained` of configs, which models save too, and of the tokenizer."""

    def save_pretrained(self, save_directory: Any, *args: Any, **kwargs: Any) -> Any:
        """As in transformers, with the code in its folder."""
        saving: Any = super()
        saved = saving.save_pretrained(save_directory, *args, **kwargs)
        put_code_in_its_folder(Path(save_directory))
        return saved


def put_code_in_its_folder(folder: Path) -> None:
    """Move copies of the modules that stand beside this one, and let the configs of the folder name them there.

    A config of a local folder has beside it what it needs alone, and what the model needs, too, is left for the model.
    """
    modules = {module.name: module for module in Path(__file__).parent.glob("*.py")}
    copies = list(folder.glob("*.py"))
    own = [path for path in copies if path.name in modules and filecmp.cmp(path, modules[path.name], shallow=False)]
    needed = {f"{name}.py" for path in copies if path not in own for name in get_relative_imports(path)}
    for path in own:
        (folder / CODE).mkdir(exist_ok=True)
        shutil.copyfile(path, folder / CODE / path.name)
    if not needed & {path.name for path in own}:
        for path in own:
            path.unlink()
    for path in (folder / name for name in _NAMING):
        if path.is_file():
            config = json.loads(path.read_text(encoding="utf-8"))
            if "auto_map" in config and config["auto_map"] != (moved := _moved(config["auto_map"], folder)):
                config["auto_map"] = moved
                path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _moved(named: Any, folder: Path) -> Any:
    """References to classes, alone and in lists and mappings, where the code is now."""
    if isinstance(named, Mapping):
        return {name: _moved(each, folder) for name, each in named.items()}
    if isinstance(named, list):
        return [_moved(each, folder) for each in named]
    is_moved = isinstance(named, str) and (folder / CODE / f"{named.partition('.')[0]}.py").is_file()
    return f"{CODE}/{named}" if is_moved else named
