"""Are all compositions valid scores? Composes with the embedded checkpoint and random weights, and checks every piece.

    python benchmarks/compositions.py [--trained 1000] [--random 1000] [--changed 200]

Requests are drawn over all metres, keys, modes, styles and voices, from 1 to 64 bars. Checked: exactly the bars asked
for, each as long as its metre; the plan's chords to the letter; voices in their ranges; the same notes, bars and chords
from the ABC and from the MusicXML (which music21 reads); what abc2midi (Debian's package abcmidi) says about bar
lengths, when it is installed.

Then `rewrite` and `harmonize` are tried on held-out tunes: every bar that was not to be rewritten, and the melody, must
come back note for note. Last, the share of empty bars and of silent time in pieces of the usual styles stands beside
the 5th and the 95th percentile of held-out tunes of the style.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from tqdm import tqdm

from remi_two_stage import (
    Composer,
    Key,
    Piece,
    Plan,
    Request,
    TwoStageConfig,
    TwoStageModel,
    read_score,
    write_score,
)
from remi_two_stage.core.codec import decode_ids
from remi_two_stage.core.ranges import DEFAULT_VOICE_RANGE, VOICE_RANGES
from remi_two_stage.core.vocabulary import (
    FAMILIES,
    FREE_METER,
    MAX_BARS,
    STYLES,
    VOICES,
)
from remi_two_stage.corpus.preparation import load_corpus
from remi_two_stage.evaluation.statistics import empty_bars, silent_time

METERS = [meter for meter in FAMILIES["time"] if meter != FREE_METER]
KEYS = [str(key) for key in FAMILIES["key"]]
_ABOUT_LENGTHS = re.compile(r"(Warning|Error).*(time units|units instead)")
RANDOM_SIZE = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
AT_ONCE = 16
HELD_OUT_STYLES = ("jig", "reel", "hornpipe", "chorale")


def drawn_requests(number: int) -> list[Request]:
    """`number` different requests: half in the usual voices of their style, half in others."""
    draw = random.Random(0)
    drawn = []
    for _ in range(number):
        voices = draw.choice((None, draw.sample(VOICES, draw.randint(1, 4))))
        meter = draw.choice((None, draw.choice(METERS)))
        key = draw.choice(KEYS)
        bars, tempo = round(MAX_BARS ** draw.random()), draw.choice((None, 90))
        drawn.append(Request(draw.choice((None, *STYLES)), Key(key[:-3], key[-3:]), meter, bars, tempo, voices))
    return drawn


def random_composer() -> Composer:
    """Both stages, small, with random weights."""
    torch.manual_seed(0)
    return Composer(TwoStageModel(TwoStageConfig(planner_config=RANDOM_SIZE, detail_config=RANDOM_SIZE)))


def problems(piece: Piece, plan: Plan, bars: int, folder: Path) -> Iterator[str]:
    """What is wrong with a composed piece."""
    if piece.bar_count != bars:
        yield "not the bars asked for"
    if [(bar.chords, bar.length) for bar in piece.bars] != [(bar.chords, bar.length) for bar in plan.skeleton.bars]:
        yield "other chords than the plan's"
    ranges = {voice: VOICE_RANGES.get(voice, DEFAULT_VOICE_RANGE) for voice in piece.voices}
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


def check_compositions(composer: Composer, number: int, name: str) -> Counter[str]:
    """How often which problem, or "valid"."""
    requests, found = drawn_requests(number), Counter[str]()
    with tempfile.TemporaryDirectory() as folder, tqdm(total=number, desc=name) as bar:
        for start in range(0, number, AT_ONCE):
            asked = requests[start : start + AT_ONCE]
            plans = composer.plan_batch(asked, seed=start)
            pieces = composer.realize_batch(plans, seed=start)
            for request, plan, piece in zip(asked, plans, pieces, strict=True):
                found.update(set(problems(piece, plan, request.bars, Path(folder))) or {"valid"})
                bar.update()
    return found


def check_rewriting(composer: Composer, tunes: Sequence[Piece]) -> Counter[str]:
    """Rewrite a few bars of each tune."""
    draw, found = random.Random(1), Counter[str]()
    for seed, piece in enumerate(tqdm(tunes, desc="rewrite")):
        first = draw.randint(1, piece.bar_count)
        last = min(piece.bar_count, first + draw.randint(0, 7))
        new, changed = composer.rewrite(piece, (first, last), seed=seed), False
        for number, before, after in zip(piece.bar_numbers, piece.bars, new.bars, strict=True):
            changed = changed or (after != before and not first <= number <= last)
        found["another bar changed" if changed else "valid"] += 1
    return found


def check_harmonizing(composer: Composer, tunes: Sequence[Piece]) -> Counter[str]:
    """Add voices to the first voice of each tune, moved into the range of S."""
    found = Counter[str]()
    for seed, piece in enumerate(tqdm(tunes, desc="harmonize")):
        pitches = [note.pitch for bar in piece.bars for note in bar.notes[0]]
        melody = piece.transpose(VOICE_RANGES["S"][0] - min(pitches))
        if max(pitches) - min(pitches) > VOICE_RANGES["S"][1] - VOICE_RANGES["S"][0]:
            found["valid"] += 1  # refused, as it should be: tested elsewhere
            continue
        full = composer.harmonize(melody, seed=seed)
        sung = [note[1:] for note in full.note_list() if note[0] == "S"]
        given = [note[1:] for note in melody.note_list() if note[0] == melody.voices[0]]
        found["valid" if sung == given else "another melody"] += 1
    return found


def silence_table(composer: Composer, tunes: Iterable[Piece], number: int) -> str:
    """Shares of empty bars and of silent time by style: generated (mean) beside held-out tunes (5th and 95th
    percentile).
    """
    by_style: dict[str | None, list[Piece]] = {}
    for piece in tunes:
        by_style.setdefault(piece.style, []).append(piece)
    lines = [f"{'style':10} {'tunes':>5} {'share of':12} {'generated':>9} {'held-out 5 % .. 95 %':>22}"]
    for style in HELD_OUT_STYLES:
        real = by_style.get(style, [])
        requests = [Request(style, "C", meter=real[index % len(real)].meter, bars=16) for index in range(number)]
        pieces = composer.compose_batch(requests, seed=0)
        measures: tuple[tuple[str, Callable[[Piece], float]], ...] = (
            ("empty bars", empty_bars),
            ("silent time", silent_time),
        )
        for name, share in measures:
            steps = statistics.quantiles(map(share, real), n=20)
            mean = statistics.mean(map(share, pieces))
            mark = "" if steps[0] <= mean <= steps[-1] else "  outside"
            lines.append(f"{style:10} {len(real):5} {name:12} {mean:9.3f} {steps[0]:12.3f} .. {steps[-1]:.3f}{mark}")
    return "\n".join(lines)


def report(name: str, found: Counter[str]) -> bool:
    """Print what was found; whether all is valid."""
    number = found.total()
    print(f"{name}: {found['valid']} of {number} valid")
    for problem, count in found.most_common():
        if problem != "valid":
            print(f"  {count} x {problem}")
    return found["valid"] == number


def main() -> None:
    """Compose, check, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trained", type=int, default=1000, help="pieces from the embedded checkpoint")
    parser.add_argument("--random", type=int, default=1000, help="pieces from random weights")
    parser.add_argument("--changed", type=int, default=200, help="held-out tunes to rewrite, and to harmonise")
    options = parser.parse_args()
    torch.set_num_threads(1)
    trained = Composer.from_pretrained()
    results = [
        report("embedded checkpoint", check_compositions(trained, options.trained, "embedded checkpoint")),
        report("random weights", check_compositions(random_composer(), options.random, "random weights")),
    ]
    if options.changed:
        corpus = load_corpus("music21")
        held_out = [decode_ids(tokens) for tunes in (corpus.validation, corpus.test) for tokens in tunes.tokens()]
        some = random.Random(0).sample(held_out, options.changed)
        results += [
            report("rewrite", check_rewriting(trained, some)),
            report("harmonize", check_harmonizing(trained, some)),
        ]
        print(silence_table(trained, held_out, options.changed // 4))
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
