"""Are melodies harmonised as their books harmonise them? The model beside a simple classifier and the tonic alone.

    python benchmarks/harmonizing.py LEARN TEST [--model MODEL] [--count N] [--seed N]

LEARN and TEST are files or folders of hymns or chorales in four parts, such as the train and valid parts of the Open
Hymnal. Each piece is taken in the key in which it is heard, its own harmony as `label_chords` hears it. The melody
alone is given to
- the model, as `harmonize` does it;
- a classifier of one layer (multinomial logistic regression), which learns from LEARN the root of a beat's chord from
  what the melody does `CONTEXT` beats before and after it, the place in the bar, the beats to the end, and the mode.

Counted are the beats of TEST with the root that the piece's own harmony has there, and for the model also those with
its bass, the beats that are no chord, and the pieces that end on the tonic's triad.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

from remi_two_stage import Composer, Piece, read_score
from remi_two_stage.analysis.harmony import label_chords
from remi_two_stage.analysis.key_estimation import in_heard_key
from remi_two_stage.core.features import pitches
from remi_two_stage.evaluation.harmonizing import AGREEMENT, Harmonized, melody_of, roots
from remi_two_stage.evaluation.voice_leading import FOUR_VOICES, Chorale, has_four_voices, on_beats

CONTEXT = 4
FARTHEST = 8
"""Beats from the end that are told apart."""
WEIGHT_DECAY = 1e-4
_DEGREES, _SILENCE = 13, 12


def chorales(source: str) -> list[Piece]:
    """The pieces in four parts of a file or folder, with their harmony, in the keys in which they are heard."""
    path = Path(source)
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    pieces = [in_heard_key(piece) for file in files for piece in read_score(file)]
    return [label_chords(piece) for piece in pieces if has_four_voices(piece) and pitches(piece)]


def degrees(piece: Piece) -> list[int]:
    """What the melody sings on each beat, in semitones above the tonic; `_SILENCE` where it rests."""
    tonic = piece.key.pitch_class
    return [(max(voices[0]) - tonic) % 12 if voices[0] else _SILENCE for voices in on_beats(piece)]


def seen(piece: Piece) -> torch.Tensor:
    """What the classifier sees of each beat, [beats, features] of zeros and ones."""
    sung = degrees(piece)
    padded = [_SILENCE] * CONTEXT + sung + [_SILENCE] * CONTEXT
    rows = [padded[beat : beat + 2 * CONTEXT + 1] for beat in range(len(sung))]
    places = [min(place, 3) for bar in piece.bars for place in range(len(bar.beats))]
    left = [min(len(sung) - 1 - beat, FARTHEST) for beat in range(len(sung))]
    minor = [int(piece.key.mode in ("min", "dor", "phr"))] * len(sung)
    columns = [
        (torch.tensor(rows), _DEGREES),
        (torch.tensor(places)[:, None], 4),
        (torch.tensor(left)[:, None], FARTHEST + 1),
        (torch.tensor(minor)[:, None], 2),
    ]
    return torch.cat([torch.nn.functional.one_hot(each, size).flatten(1) for each, size in columns], 1).float()


def known_roots(piece: Piece) -> torch.Tensor:
    """The root on each beat, -100 where none is known."""
    return torch.tensor([-100 if root is None else root for root in roots(piece)])


def classifier(pieces: Sequence[Piece]) -> torch.nn.Linear:
    """Learns by L-BFGS until it has converged."""
    features, targets = (torch.cat(list(map(of, pieces))) for of in (seen, known_roots))
    linear = torch.nn.Linear(features.shape[1], 12)
    torch.nn.init.zeros_(linear.weight)
    optimizer = torch.optim.LBFGS(linear.parameters(), max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        found = cross_entropy(linear(features), targets) + WEIGHT_DECAY * linear.weight.square().sum()
        found.backward()
        return found

    optimizer.step(loss)
    return linear


def agreement(found: Iterator[torch.Tensor], pieces: Sequence[Piece]) -> float:
    """Share of the beats whose root is known that have it."""
    right = known = 0
    for roots_found, piece in zip(found, pieces, strict=True):
        targets = known_roots(piece)
        right += int((roots_found == targets).sum())
        known += int((targets >= 0).sum())
    return right / known


def main() -> None:
    """Learn, harmonise, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("learn")
    parser.add_argument("test")
    parser.add_argument("--model", help="folder or repository; by default the embedded checkpoint")
    parser.add_argument("--count", type=int, help="melodies to harmonise; by default all")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    linear, pieces = classifier(chorales(options.learn)), chorales(options.test)[: options.count]
    melodies = [melody_of(piece) for piece in pieces]
    written = Composer.from_pretrained(options.model).harmonize_batch(
        melodies, "planned", style="hymn", seed=options.seed
    )
    harmonized = [Chorale.composed(piece) for piece in written]
    pairs = [Harmonized(new, Chorale.composed(own)) for new, own in zip(harmonized, pieces, strict=True)]
    with torch.inference_mode():
        by_classifier = agreement((linear(seen(melody)).argmax(1) for melody in melodies), pieces)
    print(f"{len(pieces)} melodies")
    print(f"  root  always the tonic  {agreement((known_roots(piece) * 0 for piece in pieces), pieces):.3f}")
    print(f"  root  classifier        {by_classifier:.3f}")
    for name, measure in AGREEMENT.items():
        found = measure.estimate(pairs)
        print(f"  {name}  model             {found.value:.3f} +- {found.standard_error:.3f}")
    for name in ("beats without chord", "parallels", "last chord tonic", "bass ending V-I or IV-I"):
        found = FOUR_VOICES[name].estimate(harmonized)
        print(f"  {name:24}{found.value:.3f}")


if __name__ == "__main__":
    main()
