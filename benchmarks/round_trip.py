"""Do real tunes survive tokens? Reads, labels, encodes and decodes whole corpora, and prints what is lossy or rejected.

    python benchmarks/round_trip.py [FOLDER ...]

music21's tune books are always read; further folders of .abc and .abc.gz files may be named. A tune survives when the
decoded piece has the same notes, bars, metres, keys, repeats, phrases and chords as the piece in C and encodes to the
same tokens again. What the encoder reports as lossy is counted by reason, as is what the reader rejects.
"""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from remi_two_stage import Piece, RemiError, label_chords, read_abc
from remi_two_stage.core.codec import decode_ids, encode_ids, encode_with_losses

TUNE_BOOKS = ("oneills1850", "ryansMammoth", "airdsAirs")


def outcome(piece: Piece) -> str:
    """`same`, the losses, or what is wrong."""
    try:
        tokens, losses = encode_with_losses(label_chords(piece))
        decoded = decode_ids(tokens)
    except RemiError as error:
        return f"rejected: {error.message}"
    if encode_ids(decoded) != tokens:
        return "WRONG: encodes to other tokens"
    if losses:
        return f"lossy: {', '.join(sorted(losses))}"
    home = label_chords(piece).in_part_order().in_c()
    bars = [[replace(bar, notes=()) for bar in music.bars] for music in (decoded, home)]
    return "same" if bars[0] == bars[1] and decoded.note_list() == home.note_list() else "WRONG: other music"


def survey(name: str, files: list[Path]) -> Counter[str]:
    """Print and return how the tunes of one corpus fare."""
    outcomes: Counter[str] = Counter()
    for file in tqdm(files, desc=name, leave=False):
        book = read_abc(file, errors="collect")
        outcomes.update(f"rejected: {error.message}" for error in book.errors)
        outcomes.update(map(outcome, book))
    number = outcomes.total()
    if not number:
        sys.exit(f"{name}: no tunes in .abc or .abc.gz files; name another folder")
    print(f"{name}: {number} tunes, {1 - outcomes['same'] / number:.2%} lossy or rejected")
    for reason, count in outcomes.most_common():
        if reason != "same":
            print(f"  {count} x {reason}")
    return outcomes


def main() -> None:
    """Survey music21's tune books and the folders named."""
    corpus = Path(importlib.util.find_spec("music21").origin).parent / "corpus"  # type: ignore[union-attr, arg-type]
    folders = [corpus / book for book in TUNE_BOOKS] + [Path(name) for name in sys.argv[1:]]
    outcomes: Counter[str] = Counter()
    for folder in folders:
        outcomes += survey(folder.name, [*sorted(folder.rglob("*.abc")), *sorted(folder.rglob("*.abc.gz"))])
    print(f"all: {outcomes.total()} tunes, {1 - outcomes['same'] / outcomes.total():.2%} lossy or rejected")


if __name__ == "__main__":
    main()
