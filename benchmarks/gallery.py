"""The gallery: twelve pieces by the embedded checkpoint with the seeds 1 to 12, whatever they are.

    python benchmarks/gallery.py [--model FOLDER] [--output docs/gallery]

Each piece is written as its plan, its ABC and an engraved picture; README.md there shows them all. Nothing is chosen:
the seeds are 1 to 12, the first draw is kept, and the same command makes the same files.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from remi_two_stage import Composer, Piece, Plan, Request, ScoreFormatError, write_abc, write_score

REQUESTS = (
    Request("jig", "D"), Request("reel", "G"), Request("strathspey", "G"), Request("hornpipe", "A"),
    Request("hymn", "F"), Request("chorale", "C"), Request("slip-jig", "Em"), Request("song", "D"),
    Request("march", "Bb"), Request("air", "Am"), Request("reel", "Ador"), Request("chorale", "Gm"),
)  # fmt: skip
"""One for each seed from 1 on; 16 bars each."""
HEAD = """# Gallery

Twelve pieces by the embedded checkpoint, with the seeds 1 to 12 and nothing chosen by hand: the first draw is shown.
`python benchmarks/gallery.py` makes this folder again.
"""


def entry(seed: int, request: Request, piece: Piece, folder: Path) -> str:
    """Write one piece's files, and say what stands on the page about it."""
    stem = f"{seed:02}-{request.style}"
    abc = write_abc(piece)
    (folder / f"{stem}.abc").write_text(abc, encoding="utf-8")
    plan = Plan.of(piece).text(names=True)
    picture = folder / f"{stem}.svg"
    try:
        write_score(piece, picture)
    except ScoreFormatError:  # no engraver is installed
        shown = ""
    else:
        shown = f"![{piece.title}]({picture.name})\n\n"
    command = f"remi-two-stage compose --style {request.style} --key {request.key} --seed {seed}"
    return f"## {seed}. {piece.title}\n\n    {command}\n\n{shown}```\n{plan}\n```\n\n```abc\n{abc.strip()}\n```\n"


def main() -> None:
    """Compose all pieces, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="folder of the model (default: the embedded checkpoint)")
    parser.add_argument("--output", type=Path, default=Path("docs/gallery"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.output.mkdir(parents=True, exist_ok=True)
    pieces = Composer.from_pretrained(options.model).compose_batch(REQUESTS, seed=1)
    entries = [
        entry(seed, request, piece, options.output)
        for seed, (request, piece) in enumerate(zip(REQUESTS, pieces, strict=True), 1)
    ]
    (options.output / "README.md").write_text("\n".join([HEAD, *entries]), encoding="utf-8")
    print(f"wrote {len(entries)} pieces to {options.output}")


if __name__ == "__main__":
    main()
