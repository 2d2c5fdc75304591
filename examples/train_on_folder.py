"""Train both stages from scratch on a folder of tunes, and compose with the result.

    python examples/train_on_folder.py path/to/tunes my-model
    python examples/train_on_folder.py path/to/tunes my-model --size small --planner-epochs 20 --detail-epochs 10

Some thousand tunes make a model; with fewer, go on from the embedded one (fine_tune.py). Killed or stopped with
Ctrl-C, the same call goes on where it was.
"""

import argparse
from pathlib import Path

from remi_two_stage import Composer, TrainingPlan, TwoStageTrainer, write_score


def main() -> None:
    """Train, then write a tune beside the model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tunes", help="a folder, a .zip archive, a score file, or a glob in quotes")
    parser.add_argument("output", type=Path, help="folder for the model")
    parser.add_argument("--size", default="tiny", help="tiny, small or base (default: %(default)s)")
    parser.add_argument("--planner-epochs", type=float, help="times that the planner sees the tunes")
    parser.add_argument("--detail-epochs", type=float, help="times that the detail generator sees them")
    options = parser.parse_args()

    plan = TrainingPlan(
        corpus=options.tunes,
        output=options.output,
        model_size=options.size,
        planner_epochs=options.planner_epochs,
        detail_epochs=options.detail_epochs,
        plan_source="mixed",  # the detail generator learns to live with the planner's chords, too
        patience=3,
    )
    folder = TwoStageTrainer(plan).train()
    piece = Composer.from_pretrained(folder).compose(style="reel", key="G", bars=8, seed=1)
    write_score(piece, folder / "first.abc")
    print(f"wrote {folder / 'first.abc'}")


if __name__ == "__main__":
    main()
