"""Puts a model into the package: its checkpoint becomes the embedded one, in the form that `save_pretrained` gives it.

    python maintenance/embed_model.py my-model

Its code is that of the package. So that `trust_remote_code=True` works with the folder, too, each module that a config
names stands there as one line that imports the package's.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

from remi_two_stage.composing.checkpoint import EMBEDDED, RECORD, load_model
from remi_two_stage.core.code_folder_remi import CODE

_CORE = "remi_two_stage.core"
_SHIM = '''"""The package's own code, of which this folder is a part."""

from {core}.{module} import (
{imported}
)

__all__ = [
{listed}
]
'''


def classes_of(config: dict[str, Any]) -> list[str]:
    """The classes that a config names, as module.class."""
    references = list(config.get("auto_map", {}).values())
    references += [pipeline["impl"] for pipeline in config.get("custom_pipelines", {}).values()]
    return [name for each in references for name in (each if isinstance(each, list) else [each]) if name]


def embed(source: Path, target: Path) -> None:
    """Write a model, in whatever form it was saved, into the folder `target`, whose model it replaces."""
    model = load_model(source, dtype="auto")
    for old in (*target.glob("*.json"), *target.glob("*.safetensors"), *target.glob("*.py")):
        old.unlink()
    model.save_pretrained(target)
    for module in (target / CODE).glob("*.py"):
        module.unlink()
    classes: dict[str, set[str]] = defaultdict(set)
    for path in target.rglob("*config.json"):
        for reference in classes_of(json.loads(path.read_text(encoding="utf-8"))):
            module, _, name = reference.removeprefix(f"{CODE}/").partition(".")
            classes[module].add(name)
    for module, found in classes.items():
        names = sorted(found)
        imported = "\n".join(f"    {name}," for name in names)
        listed = "\n".join(f'    "{name}",' for name in names)
        shim = _SHIM.format(core=_CORE, module=module, imported=imported, listed=listed)
        (target / CODE / f"{module}.py").write_text(shim, encoding="utf-8")
    for name in (RECORD, "README.md"):
        if (source / name).exists():
            shutil.copy(source / name, target)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", type=Path, help="folder of the model, as train or model_so_far.py writes it")
    parser.add_argument("--output", type=Path, default=EMBEDDED, help="folder to write, that of the package by default")
    options = parser.parse_args()
    embed(options.model, options.output)


if __name__ == "__main__":
    main()
