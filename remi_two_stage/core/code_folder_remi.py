"""Where a saved model has its code: in a folder of its own, so that its data can be seen at a glance.

transformers copies the modules of a class beside the config that names it; they are moved from there.
"""

from __future__ import annotations

import filecmp
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
    """Move copies of the modules that stand beside this one, and let the configs of the folder name them there."""
    for module in Path(__file__).parent.glob("*.py"):
        copy = folder / module.name
        if copy.is_file() and filecmp.cmp(copy, module, shallow=False):
            (folder / CODE).mkdir(exist_ok=True)
            copy.replace(folder / CODE / module.name)
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
