"""How right the styles are that `analysis/styles.py` infers, and how many tunes get one.

    python benchmarks/style_inference.py      # the tune books of music21; about ten seconds

Right is what the source states: tunes with a style are given without it. The style of the tunes that state none cannot
be checked so; O'Neill's songs and airs in 6/8 (numbers 1 to 549), which are no jigs, show how many of them rhythm takes
for one.
"""

from collections import Counter
from dataclasses import replace

from remi_two_stage.analysis.styles import infer_style
from remi_two_stage.core.piece import Piece
from remi_two_stage.corpus.files import MUSIC21, CorpusFile, content, find_files
from remi_two_stage.scores.abc_reader import decode_abc, each_tune


def tunes_of(file: CorpusFile) -> list[Piece]:
    """The tunes of a book that can be read."""
    return [piece for _, piece in each_tune(decode_abc(content(file))) if isinstance(piece, Piece)]


def main() -> None:
    """Print the counts."""
    stated, right, found, airs = Counter[str](), Counter[str](), Counter[str](), Counter[bool]()
    unknown = 0
    for file in find_files(MUSIC21).files:
        for piece in tunes_of(file) if file.ending == ".abc" else ():
            style = infer_style(replace(piece, style=None), file.section)
            if piece.style is not None and style is not None:
                stated[style] += 1
                right[style] += style == piece.style
            elif piece.style is None:
                unknown += 1
                found[style or "none"] += 1
                if file.name.startswith("oneills1850/0") and file.name[12:16] < "0550" and str(piece.meter) == "6/8":
                    airs[style == "jig"] += 1
    print(f"of tunes that state a style, {stated.total()} get one, {right.total() / stated.total():.1%} the same")
    for style, number in stated.most_common():
        print(f"  {style:16} {right[style]:4} of {number}")
    print(
        f"of {unknown} tunes that state none: {', '.join(f'{style} {number}' for style, number in found.most_common())}"
    )
    print(f"of {airs.total()} airs in 6/8, {airs[True]} are taken for jigs")


if __name__ == "__main__":
    main()
