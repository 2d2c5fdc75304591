"""Training runs as users start them, of tiny models on a few reels, for the tests of training."""

import subprocess
import sys
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

TINY = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
PROGRAM = f"""
import sys
from remi_two_stage.cli import main
from remi_two_stage.training import arguments
arguments.PLANNER_SIZES["tiny"] = arguments.DETAIL_SIZES["tiny"] = {TINY}
if __name__ == "__main__":
    sys.exit(main())
"""
"""The command line with sizes that a test has time for."""


def copy_tunes(books: list[Path], folder: Path) -> Path:
    """A folder with these files."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in books:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def start(*arguments: object, before: str = "") -> subprocess.Popen[str]:
    """A process that runs `remi-two-stage train` with tiny models.

    Args:
        before: What it executes first.
    """
    command = [sys.executable, "-c", before + PROGRAM, "train", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(*arguments: object, before: str = "") -> tuple[int, str]:
    """Exit code and output of such a process."""
    process = start(*arguments, before=before)
    shown = process.communicate()[0]
    return process.returncode, shown


def weights(folder: Path) -> dict[str, Tensor]:
    """The tensors of a saved model, of one stage or of both."""
    found: dict[str, Tensor] = {}
    for path in [*folder.glob("model.safetensors"), *folder.glob("*/model.safetensors")]:
        found |= load_file(path)
    return found
