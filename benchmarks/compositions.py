"""Are all compositions valid scores? Composes with the embedded checkpoint and random weights, and checks every piece.

    python benchmarks/compositions.py [--trained 200] [--random 50]

Checked: exactly the bars asked for; voices in their ranges; the notes, bars and chords that come back from the ABC and
from the MusicXML; what abc2midi (Debian's package abcmidi) says about bar lengths, when it is installed. Requests go
round common metres, several keys, styles and lengths from 1 to 32 bars.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from remi_two_stage import Composer, Piece, TwoStageConfig, TwoStageModel, read_score, write_score
from remi_two_stage.core.vocabulary import VOICE_RANGES

STYLES = ("jig", "reel", "hornpipe", "chorale", "waltz", "slip-jig", None)
KEYS = ("D", "G", "Am", "Bb", "F#m", "Edor", "Gmix", "Ab", "C#m", "F")
METERS = (None, None, "4/4", "3/4", "6/8", "7/8", "C|", "2/4", "5/4", "12/8")
BARS = (16, 8, 1, 32, 12, 5)
_ABOUT_LENGTHS = re.compile(r"(Warning|Error).*(time units|units instead)")
RANDOM_SIZE = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}


def requests(number: int) -> Iterator[dict[str, Any]]:
    """`number` different requests, each with its own seed."""
    for seed in range(number):
        request = {"style": STYLES[seed % 7], "key": KEYS[seed % 10], "meter": METERS[seed // 3 % 10]}
        yield request | {"bars": BARS[seed % 6], "seed": seed}


def random_composer() -> Composer:
    """Both stages, small, with random weights."""
    torch.manual_seed(0)
    return Composer(TwoStageModel(TwoStageConfig(planner_config=RANDOM_SIZE, detail_config=RANDOM_SIZE)))


def problems(piece: Piece, bars: int, folder: Path) -> Iterator[str]:
    """What is wrong with a composed piece."""
    if piece.bar_count != bars:
        yield "not the bars asked for"
    ranges = {voice: VOICE_RANGES[voice] for voice in piece.voices}
    if any(not ranges[voice][0] <= pitch <= ranges[voice][1] for voice, _, _, pitch in piece.note_list()):
        yield "a note outside its voice's range"
    for suffix in (".abc", ".musicxml"):
        path = folder / f"piece{suffix}"
        write_score(piece, path)
        (again,) = read_score(path)
        if again.note_list() != piece.note_list():
            yield f"other notes from {suffix}"
        shape = [replace(bar, notes=(), phrase_start=False) for bar in piece.bars]
        if [replace(bar, notes=(), phrase_start=False) for bar in again.bars] != shape:
            yield f"other bars or chords from {suffix}"
    if shutil.which("abc2midi"):
        command = ["abc2midi", str(folder / "piece.abc"), "-o", str(folder / "piece.mid")]
        output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        yield from {f"abc2midi on bar lengths: {line}" for line in output.splitlines() if _ABOUT_LENGTHS.search(line)}


def main() -> None:
    """Compose, check, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trained", type=int, default=200, help="pieces from the embedded checkpoint")
    parser.add_argument("--random", type=int, default=50, help="pieces from random weights")
    options = parser.parse_args()
    torch.set_num_threads(1)
    is_right = True
    composers = {
        "embedded checkpoint": (Composer.from_pretrained, options.trained),
        "random weights": (random_composer, options.random),
    }
    for name, (load, number) in composers.items():
        found: Counter[str] = Counter()
        composer = load() if number else None
        with tempfile.TemporaryDirectory() as folder:
            for request in tqdm(list(requests(number)), desc=name):
                found.update(set(problems(composer.compose(**request), request["bars"], Path(folder))) or {"valid"})
        print(f"{name}: {found['valid']} of {number} pieces valid")
        is_right = is_right and found["valid"] == number
        for problem, count in found.most_common():
            if problem != "valid":
                print(f"  {count} x {problem}")
    sys.exit(not is_right)


if __name__ == "__main__":
    main()
