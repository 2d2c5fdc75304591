"""What real music measures: usual figures of `evaluate`'s rows, and the tables `ENDS` and `USUAL` of core/reward.py.

    python benchmarks/real_music.py [music21 FILE_OR_FOLDER ...]

Each corpus is counted by itself: music21 (O'Neill, Ryan, Aird and Bach's chorales), files as `prepare` takes them, or
what it wrote. Tunes count once, without their variants. Of songs and quartets the first 24 bars count, but for their
ends, since what is composed is as short.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from statistics import fmean, pstdev
from typing import TypeVar

from remi_two_stage import Piece
from remi_two_stage.core.codec import decode_ids
from remi_two_stage.core.features import (
    bars_with_two_chords,
    commonest_rhythm,
    ends_on_strong_beat,
    has_repeats,
    last_chord_length,
    most_of_one_bar,
    note_lengths,
    pitches,
    repeated_bars,
    tonic_chords,
)
from remi_two_stage.core.reward import (
    MANY_TIMES,
    begins_on_tonic,
    chord_tones,
    closes_on_tonic,
    endings,
    ends_over_tonic,
    leading_cost,
)
from remi_two_stage.corpus.preparation import load_corpus
from remi_two_stage.evaluation.cadences import CADENCES
from remi_two_stage.evaluation.estimates import Measure
from remi_two_stage.evaluation.register import REGISTER
from remi_two_stage.evaluation.repetition import REPETITION
from remi_two_stage.evaluation.voice_leading import FOUR_VOICES, Chorale, has_four_voices

T = TypeVar("T")

FEWEST = 30
"""Pieces of a style that has a row of its own."""
MOST_PARALLELS = 0.05
"""Per change of sound; where there are more, voices sing in unison."""
OPENING = 24
"""Bars of songs and quartets, from the first one that sounds."""
NORMALS: dict[str, Callable[[Piece], float]] = {
    "mean_pitch": lambda piece: fmean(pitches(piece)),
    "chord_tones": chord_tones,
    "repeated_bars": repeated_bars,
    "commonest_rhythm": commonest_rhythm,
    "note_lengths": note_lengths,
    "tonic_chords": tonic_chords,
    "two_chords": bars_with_two_chords,
}


def pieces_of(source: str) -> list[Piece]:
    """All original tunes of a corpus, at sounding pitch."""
    tunes = (tune for tune in load_corpus(source).tunes if not tune.augmentation)
    pieces = (decode_ids(tune.tokens).in_original_key() for tune in tunes)
    return [piece for piece in pieces if pitches(piece)]


def print_rows(measures: dict[str, Measure[T]], counted: Iterable[T]) -> None:
    """A line for each measure that says something."""
    counted = list(counted)
    for name, measure in measures.items():
        found = measure.estimate(counted)
        if found.pieces:
            print(f"  {name:28}{found.value:9.3f} +- {found.standard_error:.3f}  of {found.pieces}")


def share(found: Iterable[bool]) -> str:
    """A share as Python writes it, with half a piece of either kind added, so that it is never 0 or 1."""
    counted = list(found)
    return f"{(sum(counted) + 0.5) / (len(counted) + 1):.3f}"


def ends_of(pieces: Sequence[Piece]) -> str:
    """How pieces end, as Python writes it."""
    found = list(map(endings, pieces))
    on_tonic = [(on_beat, held) for tonic, on_beat, held in found if tonic]
    shares = [share(tonic for tonic, *_ in found), *(share(column) for column in zip(*on_tonic, strict=True))]
    closes = [closes for closes in map(closes_on_tonic, pieces) if closes is not None]
    shares += [share(map(ends_over_tonic, pieces)), share(closes)]
    return f"Ends({', '.join([*shares, *([share(map(begins_on_tonic, pieces))] if is_long(pieces[0]) else [])])})"


def is_long(piece: Piece) -> bool:
    """Whether a piece is a song or a quartet, most of which are longer than what is composed."""
    return piece.style in ("song", "quartet")


def opening(piece: Piece) -> Piece:
    """The beginning of a song or a quartet; other pieces as they are."""
    first = next(at for at, bar in enumerate(piece.bars) if any(bar.notes))
    return replace(piece, bars=piece.bars[first : first + OPENING]) if is_long(piece) else piece


def usual_of(pieces: Sequence[Piece]) -> str:
    """The row of a kind of pieces, as Python writes it."""
    of_choirs = {"leading": leading_cost, "last_chord": last_chord_length}
    normals = NORMALS | of_choirs if has_four_voices(pieces[0]) else NORMALS
    figures = [share(most_of_one_bar(piece) >= MANY_TIMES for piece in pieces)]
    for figure in normals.values():
        values = [value for value in map(figure, pieces) if not math.isnan(value)]
        figures.append(f"Normal({fmean(values):.3f}, {pstdev(values):.3f})")
    figures.insert(len(NORMALS) + 1, share(has for has in map(has_repeats, pieces) if has is not None))
    if has_four_voices(pieces[0]):
        figures.append(share(strong for strong in map(ends_on_strong_beat, pieces) if strong is not None))
    return f"Usual({', '.join(figures)})"


def is_plain(chorale: Chorale) -> bool:
    """Whether a piece is heard in the key that it states, and is not sung in unison."""
    faults = chorale.faults
    parallels = faults["parallel_fifths"] + faults["parallel_octaves"]
    return chorale.tonic == chorale.piece.key.pitch_class and parallels <= MOST_PARALLELS * faults["changes"]


def print_usual(tunes: Sequence[Piece], chorales: Sequence[Piece]) -> None:
    """The rows of the tables."""
    styles: dict[str, list[Piece]] = defaultdict(list)
    for piece in (*tunes, *chorales):
        if piece.style is not None:
            styles[piece.style].append(piece)
    longer = {style: styles[style] for style in ("quartet", "song")}
    kinds = {"tune": tunes, "chorale": chorales} | longer
    for kind, pieces in kinds.items():
        if len(pieces) >= FEWEST:
            print(f'    "{kind}": {ends_of(pieces)},  # {len(pieces)}')
    for kind, pieces in (kinds | dict(sorted(styles.items()))).items():
        if len(pieces) >= FEWEST:
            print(f'    "{kind}": {usual_of([*map(opening, pieces)])},  # {len(pieces)}')


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", default=["music21"])
    for source in parser.parse_args().sources:
        pieces = pieces_of(source)
        tunes = [piece for piece in pieces if len(piece.voices) == 1]
        chorales = list(filter(has_four_voices, pieces))
        print(f"{source}: {len(tunes)} tunes, {len(chorales)} pieces in four voices")
        print_rows(REGISTER | CADENCES | REPETITION, tunes)
        print_rows(FOUR_VOICES, map(Chorale.real, chorales))
        print_usual(
            tunes, [each.piece for each in map(Chorale.real, chorales) if is_long(each.piece) or is_plain(each)]
        )


if __name__ == "__main__":
    main()
