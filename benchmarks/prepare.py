"""How fast a corpus is prepared, in one and two processes, how much memory that takes, and how soon it is there again.

    python benchmarks/prepare.py                         # music21's tune books and chorales; about ten minutes
    python benchmarks/prepare.py --every 8 --runs 1      # an eighth of the files; about a minute
    python benchmarks/prepare.py --only memory

Speed is the best of --runs, in tunes a second of wall time, from the files to the finished Parquet, start of the
processes included. Beside it stands what plain processes reach, each of which reads its share of the shards and does
nothing else: two of them are the most that two processes can reach on a machine. Memory is the largest resident set of
the process that divides the work and of those that read, for the tune books once and --times over.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from remi_two_stage.corpus.files import CorpusFile, FoundFiles, find_files

PREPARE = """
import resource, sys
from pathlib import Path
from remi_two_stage.corpus.preparation import prepare_corpus
from remi_two_stage.corpus.arguments import Preparation
source, output, processes = sys.argv[1:]
corpus = prepare_corpus(Preparation(source, Path(output), int(processes)), progress=False)
peaks = [resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(corpus.summary.tunes, *peaks)
"""
PLAIN = """
import sys
from pathlib import Path
from remi_two_stage.corpus.files import find_files
from remi_two_stage.corpus.shards import divide_into_shards, prepare_shard
source, output, share, shares = sys.argv[1:]
shards, _ = divide_into_shards(find_files(source).files, Path(output))
for shard in shards[int(share)::int(shares)]:
    prepare_shard(shard)
"""


def run(program: str, *arguments: object) -> subprocess.Popen[str]:
    """A fresh process that runs the program."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def prepare(source: Path, folder: Path, processes: int) -> list[int]:
    """Tunes, and the peak memory of the first process and of those that read, in MB."""
    process = run(PREPARE, source, folder, processes)
    shown = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"preparing {source} failed")
    return [int(number) for number in shown.split()]


def read_plainly(source: Path, folder: Path, processes: int) -> None:
    """All shards, each process its share."""
    folder.mkdir()
    for process in [run(PLAIN, source, folder, share, processes) for share in range(processes)]:
        if process.wait():
            raise SystemExit(f"reading {source} failed")


def best(runs: int, work: Callable[[Path], object]) -> float:
    """Seconds of the fastest run, each into a folder of its own."""
    seconds = []
    for _ in range(runs):
        with TemporaryDirectory() as folder:
            begun = time.perf_counter()
            work(Path(folder, "out"))
            seconds.append(time.perf_counter() - begun)
    return min(seconds)


def copy_of(files: list[CorpusFile], folder: Path, times: int = 1) -> Path:
    """A folder with these files, as often as asked for."""
    for copy in range(times):
        for file in files:
            target = folder / str(copy) / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file.path, target)
    return folder


def compare_speed(source: Path, runs: int, folder: Path) -> None:
    """Print tunes a second for one and two processes, and for plain ones, and the time of a second run."""
    tunes = prepare(source, folder / "first", 2)[0]
    print(f"{tunes:,} tunes, {os.cpu_count()} processors, best of {runs}")
    speeds: dict[str, list[float]] = {}
    for processes in (1, 2):
        for name, work in (("prepare", prepare), ("plain", read_plainly)):
            seconds = best(runs, partial(work, source, processes=processes))
            speeds.setdefault(name, []).append(tunes / seconds)
    for name, (one, two) in speeds.items():
        print(f"{name:8} {one:7.1f} tunes a second in one process, {two:7.1f} in two: {two / one:.2f} times")
    begun = time.perf_counter()
    command = [sys.executable, "-m", "remi_two_stage.cli", "prepare", "--corpus", str(source)]
    subprocess.run([*command, "--output", str(folder / "first")], check=True, stdout=subprocess.DEVNULL)
    print(f"the command a second time: {time.perf_counter() - begun:.2f} s")


def compare_memory(found: FoundFiles, times: int, folder: Path) -> None:
    """Print the peak memory for the tune books once and several times over."""
    books = [file for file in found.files if file.ending == ".abc"]
    for number in (1, times):
        source = copy_of(books, folder / f"books-{number}", number)
        tunes, divides, reads = prepare(source, folder / f"prepared-{number}", 2)
        print(f"{tunes:7,} tunes: {divides} MB in the process that divides the work, {reads} MB in one that reads")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", default="music21", help="as for remi-two-stage prepare (default: %(default)s)")
    parser.add_argument("--every", type=int, default=1, help="take every n-th file (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="of which the best counts (default: %(default)s)")
    parser.add_argument("--times", type=int, default=10, help="how often over, for memory (default: %(default)s)")
    parser.add_argument("--only", choices=("speed", "memory"), help="of the two (default: both)")
    options = parser.parse_args()
    found = find_files(options.corpus)
    found = found._replace(files=found.files[:: options.every])
    with TemporaryDirectory() as folder:
        if options.only != "memory":
            compare_speed(copy_of(found.files, Path(folder, "source")), options.runs, Path(folder))
        if options.only != "speed":
            compare_memory(found, options.times, Path(folder))


if __name__ == "__main__":
    main()
