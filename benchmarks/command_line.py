"""What the command line costs: CPU seconds of whole commands, beside those of the imports that none can do without.

    python benchmarks/command_line.py [--repeat 3]

Every command is a process of its own with one thread; the least of several runs counts. `imports` is torch and what
transformers' `generate()` needs.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile

IMPORTS = "import torch; from transformers import GenerationMixin, PreTrainedModel"
COMMANDS = {
    "help": ["--help"],
    "plan": ["plan", "--seed", "1"],
    "compose": ["compose", "--seed", "1"],
    "compose 32": ["compose", "--seed", "1", "--count", "32"],
}


def cpu_seconds(command: list[str], repeat: int) -> float:
    """The least CPU time of a command, user and system."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(repeat):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            environment = os.environ | {"OMP_NUM_THREADS": "1"}
            subprocess.run(command, check=True, capture_output=True, cwd=folder, env=environment)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times)


def main() -> None:
    """Print a line a command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    imports = cpu_seconds([sys.executable, "-c", IMPORTS], options.repeat)
    print(f"imports     {imports:6.2f} s of CPU")
    for name, arguments in COMMANDS.items():
        seconds = cpu_seconds([sys.executable, "-m", "remi_two_stage.cli", *arguments], options.repeat)
        print(f"{name:11} {seconds:6.2f} s of CPU, {seconds - imports:6.2f} beyond the imports", flush=True)


if __name__ == "__main__":
    main()
