"""What the command line costs: whole commands, beside `import torch`, which none that composes can do without.

    python benchmarks/command_line.py [--repeat 5]

Every command is a process of its own with one thread. Commands and the import take turns; of each, the least wall time
and the least CPU time count.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time

BASELINE = "import torch"
COMMANDS = {
    BASELINE: ["-c", BASELINE],
    "help": ["-m", "remi_two_stage.cli", "--help"],
    "plan": ["-m", "remi_two_stage.cli", "plan", "--seed", "1"],
    "compose": ["-m", "remi_two_stage.cli", "compose", "--seed", "1"],
    "compose 32": ["-m", "remi_two_stage.cli", "compose", "--seed", "1", "--count", "32"],
}


def seconds(command: list[str], folder: str) -> tuple[float, float]:
    """Wall time and CPU time, user and system, of a command."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *command], check=True, capture_output=True, cwd=folder, env=environment)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print a line for each command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = [{name: seconds(command, folder) for name, command in COMMANDS.items()} for _ in range(options.repeat)]
    least = {name: [min(run[name][which] for run in runs) for which in (0, 1)] for name in COMMANDS}
    for name, (wall, cpu) in least.items():
        ratios = [wall / least[BASELINE][0], cpu / least[BASELINE][1]]
        print(f"{name:12} {wall:6.2f} s, {cpu:6.2f} s of CPU; {ratios[0]:5.2f} and {ratios[1]:5.2f} times {BASELINE}")


if __name__ == "__main__":
    main()
