"""Teach the embedded checkpoint a handful of your own tunes, and hear what that changes.

    python examples/fine_tune.py ten/ my-model                  # holds some of the tunes out, to measure on
    python examples/fine_tune.py ten/ my-model --others five/   # learns all of them, measures on others

Ten tunes take a minute or two. The first line of each stage is the loss before the first step, the last one after.
"""

import argparse
from pathlib import Path

from remi_two_stage import Composer, TrainingPlan, TwoStageTrainer, write_score


def main() -> None:
    """Train, then compose the same request before and after."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tunes", help="a folder, a .zip archive, a score file, or a glob in quotes")
    parser.add_argument("output", type=Path, help="folder for the model")
    parser.add_argument("--others", help="tunes of the same kind, to measure on")
    parser.add_argument("--epochs", type=float, help="times that each stage sees the tunes")
    parser.add_argument("--style", default="waltz", help="of the tunes composed at the end (default: %(default)s)")
    options = parser.parse_args()

    plan = TrainingPlan(
        corpus=options.tunes,
        output=options.output,
        start_from="embedded",
        validation=options.others,
        planner_epochs=options.epochs,
        detail_epochs=options.epochs,
    )
    after = TwoStageTrainer(plan).train()
    for name, model in (("before", None), ("after", after)):
        piece = Composer.from_pretrained(model).compose(style=options.style, key="G", bars=8, seed=1)
        write_score(piece, after / f"{name}.abc")
        print(f"wrote {after / f'{name}.abc'}")


if __name__ == "__main__":
    main()
