"""A day's composing in miniature: mixed requests in one process, one in twenty bad; memory must stay flat.

python benchmarks/endurance.py [--compositions 1000] [--model folder]

Every good request must be served with a score that ABC brings back note for note and that has the bars asked for; every
bad one must be refused with an error of ours. Memory is what the process holds (resident set) after a full collection,
after each hundred; it is flat if the last third's mean is at most 5 % above the first third's, warm-up left out.
"""

import argparse
import gc
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import mean

import torch

from remi_two_stage import Composer, Piece, Plan, RemiError, Request, Sampling, read_abc, write_abc

SERVED = ("compose", "batch", "typed", "extend", "rewrite", "harmonize")
STYLES = (None, "jig", "reel", "song", "hornpipe", "hymn", "chorale", "march")
KEYS = ("C", "D", "G", "A", "Em", "Bb", "F#m", "Ador", "Gmix", "Eb")
PLANS = ("D | G A7 | D | A7 D", "|: I | IV V7 | I | V7 I :|", "(V 1/8) | I | ii V7 | I |")
WARM_UP = 100
FLAT = 1.05


def resident_megabytes() -> float:
    """What this process holds in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


class Requests:
    """Good and bad requests, drawn by one seed."""

    def __init__(self, composer: Composer, seed: int) -> None:
        self.composer = composer
        self.random = Random(seed)
        self.tune = composer.compose("jig", "D", bars=8, seed=1)

    def good(self) -> tuple[str, Callable[[], list[Piece]], int]:
        """Kind, what serves it, and how many bars each piece must have."""
        random, composer = self.random, self.composer
        kind, seed, key = random.choice(SERVED), random.randrange(1 << 31), random.choice(KEYS)
        bars, style = random.choice((1, 2, 4, 8, 16)), random.choice(STYLES)
        sampling = Sampling(temperature=random.choice((0.7, 1.0, 1.3)), top_p=random.choice((0.9, 1.0)))
        if kind == "compose":
            return kind, lambda: [composer.compose(style, key, bars=bars, seed=seed, sampling=sampling)], bars
        if kind == "batch":
            requests = [Request(style, key, bars=4)] * random.randint(2, 5)
            return kind, lambda: composer.compose_batch(requests, seed=seed, sampling=sampling), 4
        if kind == "typed":
            text = random.choice(PLANS)
            count = Plan.parse(text).bar_count
            return kind, lambda: [composer.realize(text, key=key, seed=seed, sampling=sampling)], count
        if kind == "extend":
            count = self.tune.bar_count + bars
            return kind, lambda: [composer.extend(self.tune, bars, seed=seed, sampling=sampling)], count
        if kind == "rewrite":
            return kind, lambda: [composer.rewrite(self.tune, (2, 4), seed=seed, sampling=sampling)], 8
        return kind, lambda: [composer.harmonize(self.tune, voices=("M", "B"), seed=seed, sampling=sampling)], 8

    def bad(self) -> Callable[[], object]:
        """Something that must be refused."""
        composer, tune = self.composer, self.tune
        return self.random.choice(
            (
                lambda: composer.compose("no-such-style"),
                lambda: composer.compose(key="H"),
                lambda: composer.compose(meter="7/0"),
                lambda: composer.compose(bars=65),
                lambda: composer.compose(bars=-1),
                lambda: composer.compose(tempo=float("nan")),
                lambda: composer.compose(voices=["S", "S"]),
                lambda: composer.compose(seed=-1),
                lambda: composer.realize("D | H | D"),
                lambda: composer.realize("| | |"),
                lambda: composer.rewrite(tune, (5, 99)),
                lambda: composer.extend(tune, 64),
                lambda: composer.harmonize(tune, plan="I | I"),
                lambda: composer.extend("no piece"),
                lambda: read_abc("X:1\nK:C\n\0"),
                lambda: Sampling(temperature=0.0),
            )
        )


def check(piece: Piece, bars: int) -> None:
    """Raise unless a piece has its bars and ABC brings it back."""
    (again,) = read_abc(write_abc(piece))
    if again.note_list() != piece.note_list() or piece.bar_count != bars:
        raise AssertionError(f"{piece.title}: {piece.bar_count} bars for {bars}, or other notes in ABC")


def main() -> None:
    """Serve, refuse, and report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--compositions", type=int, default=1000)
    parser.add_argument("--model", help="folder (default: the checkpoint in the package)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    requests = Requests(Composer.from_pretrained(options.model), seed=0)
    counts: Counter[str] = Counter()
    memory, started, written = [], time.monotonic(), 0
    for number in range(options.compositions):
        if requests.random.random() < 0.05:
            try:
                requests.bad()()
            except RemiError:
                counts["refused"] += 1
            else:
                counts["NOT REFUSED"] += 1
        else:
            kind, serve, bars = requests.good()
            pieces = serve()
            for piece in pieces:
                check(piece, bars)
            counts[kind] += 1
            written += len(pieces)
        if (number + 1) % 100 == 0:
            memory.append(resident_megabytes())
            print(f"{number + 1:5} requests, {time.monotonic() - started:6.0f} s, {memory[-1]:6.1f} MB", flush=True)
    steady = memory[WARM_UP // 100 :]
    third = max(1, len(steady) // 3)
    growth = mean(steady[-third:]) / mean(steady[:third])
    print(f"{dict(counts)}; {written} pieces, all of them whole; memory {100 * (growth - 1):+.1f} %")
    if growth > FLAT or counts["NOT REFUSED"]:
        raise SystemExit("memory grows, or a bad request was served")


if __name__ == "__main__":
    main()
