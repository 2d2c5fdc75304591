"""How often is the key found from the notes alone? Tunes, hymns and chorales with their keys hidden.

    python benchmarks/key_estimation.py FOLDER [FOLDER ...]

A line is printed for each folder, whose .abc, .abc.gz, .mxl, .musicxml and .krn files count, and one for a sample of
Bach's chorales that come with music21. `estimate_key` is compared with the keys written: signature, tonic, and tonic
and mode together. It estimates major and minor only, so that of a tune in Dorian it can at best find the tonic.

Many collections of hymns write `K:` for the signature alone, as if all were in major, and the chorales' files have
signatures without a mode (the mode is that of `from_music21`): there only the signature can be judged.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from tqdm import tqdm

from remi_two_stage import Piece, read_abc, read_score
from remi_two_stage.analysis.key_estimation import estimate_key

CHORALES = 80


def pieces_of(files: Iterable[Path]) -> list[Piece]:
    """All pieces with any notes."""
    books = (
        read_abc(file, errors="collect") if ".abc" in file.suffixes else read_score(file)
        for file in tqdm(list(files), leave=False)
    )
    return [piece for book in books for piece in book if any(any(bar.notes) for bar in piece.bars)]


def accuracy(pieces: Sequence[Piece]) -> tuple[float, float, float]:
    """Shares of pieces whose signature, tonic, and tonic and mode are found; enharmonic keys count as the same."""
    keys = [(piece.key, estimate_key(piece.bars)) for piece in pieces]
    signatures = sum(known.signature % 12 == found.signature % 12 for known, found in keys)
    tonics = sum(known.pitch_class == found.pitch_class for known, found in keys)
    both = sum(known.pitch_class == found.pitch_class and known.mode == found.mode for known, found in keys)
    return signatures / len(keys), tonics / len(keys), both / len(keys)


def main() -> None:
    """Estimate, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, help="folders of scores with keys")
    collections = {
        folder.name: sorted(
            file for ending in (".abc", ".abc.gz", ".mxl", ".musicxml", ".krn") for file in folder.rglob(f"*{ending}")
        )
        for folder in parser.parse_args().folders
    }
    bach = Path(importlib.util.find_spec("music21").origin).parent / "corpus" / "bach"  # type: ignore[union-attr, arg-type]
    collections["Bach's chorales"] = random.Random(0).sample(sorted(bach.glob("bwv*.mxl")), CHORALES)
    print(f"{'':20} {'pieces':>8} {'signature':>10} {'tonic':>10} {'and mode':>10}")
    for name, files in collections.items():
        pieces = pieces_of(files)
        signature, tonic, both = accuracy(pieces)
        print(f"{name:20} {len(pieces):8} {signature:10.1%} {tonic:10.1%} {both:10.1%}")


if __name__ == "__main__":
    main()
