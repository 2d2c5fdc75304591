"""Do the notes follow the plan? New notes over the chords of real tunes, beside the notes that were really there.

    python benchmarks/adherence.py FILE.abc [FILE.abc ...] [--limit 100] [--seeds 1]

The files hold tunes with written chord symbols, such as Nottingham's valid.abc and test.abc, which no model here has
seen. Each tune's plan (metre, key, repeats, one chord a bar) is given to the embedded checkpoint, which writes notes
over it. Measured are the share of notes on strong beats that are chord tones, and the share of bars in which the
planned chord is heard (`remi_two_stage/evaluation/adherence.py`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import torch
from tqdm import tqdm

from remi_two_stage import Composer, EncodingError, Piece, Plan, Sampling, encode, label_chords, read_abc
from remi_two_stage.evaluation.adherence import Adherence, adherence

AT_ONCE = 16
MOST_BARS = 64


def real_tunes(files: Iterable[Path], limit: int) -> list[Piece]:
    """Melodies with written chords that tokens can say, one chord a bar."""
    pieces = [piece for file in files for piece in read_abc(file, errors="collect")]
    kept = []
    for piece in pieces:
        if len(piece.voices) > 1 or piece.bar_count > MOST_BARS or not any(bar.chords for bar in piece.bars):
            continue
        try:
            encode(piece)
        except EncodingError:
            continue
        kept.append(label_chords(piece))
    return kept[:limit]


def line(name: str, counted: Adherence) -> str:
    """One row of the table."""
    return (
        f"{name:24} {100 * counted.chord_tone_share:10.1f} % {counted.strong_notes:7,} "
        f"{100 * counted.heard_share:10.1f} % {counted.bars:7,}"
    )


def main() -> None:
    """Write over the real plans, and print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--limit", type=int, default=100, help="tunes (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=1, help="pieces over each plan (default: %(default)s)")
    parser.add_argument("--candidates", type=int, default=1, help="as in Sampling (default: %(default)s)")
    parser.add_argument("--model", help="folder of the model (default: the embedded checkpoint)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tunes = real_tunes(options.files, options.limit)
    composer = Composer.from_pretrained(options.model)
    sampling = Sampling(candidates=options.candidates)
    written: list[Piece] = []
    for seed in range(options.seeds):
        for start in tqdm(range(0, len(tunes), AT_ONCE), desc=f"seed {seed}", leave=False):
            plans = [Plan.of(tune) for tune in tunes[start : start + AT_ONCE]]
            written += composer.realize_batch(plans, seed=10_000 * seed + start, sampling=sampling)
    print(f"{'':24} {'chord tones':>12} {'notes':>7} {'chords heard':>12} {'bars':>7}")
    print(line("real notes", adherence(tunes)))
    print(line("generated notes", adherence(written)))


if __name__ == "__main__":
    main()
