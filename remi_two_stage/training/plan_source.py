"""Chords of the planner in place of the tunes' own, for the detail generator to learn from.

The plans are written at the beginning of an epoch for the tunes sampled for it, in batches by the fast decoding loop;
each process writes its share. They are kept in the run folder, so that a run resumed in the middle of an epoch reads
the same plans again, although a planner that is being trained has changed since.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from accelerate import PartialState
from accelerate.utils import gather_object
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ..atomic_files import write_whole
from ..core.errors import RequestError
from ..core.modeling_remi import BarPlannerModel, TwoStageModel
from ..stage_data.datasets import FullDetailDataset
from ..stage_data.planner_chords import write_plans
from .arguments import TrainingPlan
from .callbacks import epoch_of
from .run_folder import written_to


class PlanSource(TrainerCallback):
    """Gives the tunes the planner's chords before each epoch.

    Args:
        planner: The planner as it stands at that moment.
        pieces: The detail generator's dataset.
        folder: Where the plans of an epoch are kept.
    """

    def __init__(
        self, arguments: TrainingPlan, planner: Callable[[], BarPlannerModel], pieces: FullDetailDataset, folder: Path
    ) -> None:
        self._arguments, self._planner, self._pieces, self._folder = arguments, planner, pieces, folder

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Called before an epoch, also before one that is resumed in its middle."""
        epoch = epoch_of(state)
        path = self._folder / f"epoch-{epoch}.json"
        if not path.exists():
            written = self._write(epoch)
            if args.should_save:
                with written_to(self._folder):
                    self._folder.mkdir(parents=True, exist_ok=True)
                    write_whole(path, json.dumps(written).encode())
                    for old in self._folder.glob("epoch-*.json"):
                        if old != path:
                            old.unlink()
            PartialState().wait_for_everyone()
        self._pieces.set_plans(dict(json.loads(path.read_text(encoding="utf-8"))))

    def _write(self, epoch: int) -> list[tuple[int, list[int]]]:
        """The plans of all tunes that are drawn for an epoch, by their indices."""
        share, tunes = self._arguments.predicted_share_in(epoch), self._pieces.tunes
        drawn, seeds = [], []
        for index in self._pieces.shown_in(epoch):
            draw = Random(f"{self._arguments.seed} {epoch} {index}")
            if draw.random() < share:
                drawn.append(index)
                seeds.append(draw.getrandbits(62))
        process = PartialState()
        mine = slice(process.process_index, None, process.num_processes)
        planner = self._planner()
        was_training = planner.training
        plans = write_plans(planner.eval(), [tunes[index] for index in drawn[mine]], seeds[mine])
        own = list(zip(drawn[mine], plans, strict=True))
        planner.train(was_training)
        written: list[tuple[int, list[int]]] = gather_object(own)
        return written


def whole_planner(model: TwoStageModel) -> BarPlannerModel:
    """The planner of a model in joint training.

    Raises:
        RequestError: its weights are spread over processes.
    """
    planner: BarPlannerModel = model.planner
    if any(hasattr(parameter, "device_mesh") for parameter in planner.parameters()):
        raise RequestError(
            "a planner whose weights FSDP spreads over processes cannot write; train the planner first, then "
            "`stage` detail with `plan_source` predicted"
        )
    return planner
