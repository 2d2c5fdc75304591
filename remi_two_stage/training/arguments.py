"""What a training run is told: one dataclass, from whose fields the command line makes its flags and their help."""

from __future__ import annotations

import json
import shlex
from dataclasses import Field, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from ..core.attention_forms import DEFAULT_FORM, FORMS
from ..core.errors import CheckpointError, RequestError

Stage = Literal["planner", "detail", "single"]
STAGES: tuple[Stage, ...] = ("planner", "detail")
"""The stages of a two-stage model; "single" is the detail generator without a plan in front, to be compared with."""
DTYPES = ("float32", "bfloat16")

PLANNER_SIZES: dict[str, dict[str, int]] = {
    "tiny": {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 4},
    "small": {"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 6, "num_attention_heads": 4},
    "base": {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 6, "num_attention_heads": 8},
}
DETAIL_SIZES: dict[str, dict[str, int]] = {
    "tiny": {"hidden_size": 192, "intermediate_size": 768, "num_hidden_layers": 4, "num_attention_heads": 6},
    "small": {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 8, "num_attention_heads": 8},
    "base": {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 12, "num_attention_heads": 16},
}
"""Sizes by name, as fields of the stages' configs; `tiny` is the embedded checkpoint's."""
LEARNING_RATES = {"tiny": 2e-3, "small": 1e-3, "base": 3e-4}
"""Highest learning rate of each size, unless told otherwise; wider models need lower ones."""

_MAY_CHANGE = ("processes",)
"""Fields that a second start of the same run may give otherwise, since they change no result."""


def _option(default: Any, text: str, choices: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"help": text, "choices": choices})


@dataclass(frozen=True)
class TrainingPlan:
    """A run of `train_two_stage`; each field's help is in its metadata.

    Raises:
        RequestError: a value out of range.
    """

    corpus: str = field(metadata={"help": "music21, files as prepare takes them, or what it wrote"})
    output: Path = field(metadata={"help": "folder for the model; the run's checkpoints go to run/ in it"})
    stage: str = _option("all", "which stage to train; single has no plan in front", ("all", *get_args(Stage)))
    planner_size: str = _option("tiny", "size of the planner", tuple(PLANNER_SIZES))
    detail_size: str = _option("tiny", "size of the detail generator", tuple(DETAIL_SIZES))
    relative_attention: str = _option(DEFAULT_FORM, "how attention measures distances", FORMS)
    planner_epochs: float = _option(12.0, "times that the planner sees the training tunes")
    detail_epochs: float = _option(5.0, "times that the detail generator sees the training tunes")
    planner_learning_rate: float | None = _option(None, "highest rate of the planner; by its size if not given")
    detail_learning_rate: float | None = _option(None, "highest rate of the detail generator; by its size if not given")
    batch_size: int = _option(2, "rows of --max-length tokens in a batch")
    max_length: int = _option(
        2048, "tokens in a row; pieces are packed into rows, longer ones are cut at phrase starts"
    )
    dropout: float = _option(0.0, "dropout after the embedding and in each layer, from 0 to below 1")
    omit_globals: float = _option(0.1, "probability that a piece is shown without its style, tempo or number of bars")
    from_melody: float = _option(0.25, "share of the tunes that the planner also sees with a voice given")
    infilling: float = _option(0.25, "probability that the detail generator sees later bars first")
    voice_orders: float = _option(0.25, "probability that another voice than the first stands first")
    save_minutes: float = _option(5.0, "minutes between checkpoints of the run")
    dtype: str = _option("float32", "number format of the saved weights", DTYPES)
    seed: int = _option(0, "seed of initial weights, order and dropout")
    processes: int | None = _option(None, "processes that read the corpus; one a processor if not given")

    def __post_init__(self) -> None:
        for option in fields(self):
            value, choices = getattr(self, option.name), option.metadata.get("choices")
            if choices and value not in choices:
                raise RequestError(f"{_flag(option)} is {value!r}; choose one of {', '.join(choices)}")
            if option.name.endswith(("_epochs", "_learning_rate", "_minutes")) and value is not None:
                self._require(option.name, value > 0, "above 0")
        self._require("processes", self.processes is None or self.processes >= 1, "1 or more")
        self._require("batch_size", self.batch_size >= 1, "1 or more")
        self._require("max_length", self.max_length >= 64, "64 or more")
        self._require("dropout", 0 <= self.dropout < 1, "from 0 to below 1")
        for name in ("omit_globals", "from_melody", "infilling", "voice_orders"):
            self._require(name, 0 <= getattr(self, name) <= 1, "from 0 to 1")
        self._require("seed", 0 <= self.seed < 2**32, "from 0 to 4294967295")

    def _require(self, name: str, is_right: bool, allowed: str) -> None:
        if not is_right:
            raise RequestError(f"--{name.replace('_', '-')} is {getattr(self, name)}; it must be {allowed}")

    @property
    def run_folder(self) -> Path:
        """Where the run keeps its checkpoints."""
        return self.output / "run"

    def stages(self) -> tuple[Stage, ...]:
        """The stages to train, in order."""
        return STAGES if self.stage == "all" else tuple(stage for stage in get_args(Stage) if stage == self.stage)

    def to_dict(self) -> dict[str, Any]:
        """All fields, the output folder as text."""
        return asdict(self) | {"output": str(self.output)}

    def command(self) -> str:
        """The command line that says the same: what is not at its default."""
        given = [option for option in fields(self) if getattr(self, option.name) != option.default]
        flags = [f"{_flag(option)} {shlex.quote(str(getattr(self, option.name)))}" for option in given]
        return " ".join(["remi-two-stage train", *flags])

    def keep_or_compare(self) -> None:
        """Write the arguments beside the run, or make sure that the run already there had the same.

        Raises:
            CheckpointError: the folder holds a run with other arguments.
            RequestError: the folder cannot be made.
        """
        path = self.run_folder / "arguments.json"
        ours = {name: value for name, value in self.to_dict().items() if name not in (*_MAY_CHANGE, "output", "stage")}
        if path.exists():
            theirs = json.loads(path.read_text(encoding="utf-8"))
            differing = [name for name in ours if theirs.get(name) != ours[name]]
            changed = [f"{name} {theirs.get(name)}, now {ours[name]}" for name in differing]
            if changed:
                raise CheckpointError(
                    f"{self.output} holds a run with other arguments ({'; '.join(changed)}); "
                    "give the same ones to go on with it, or another --output"
                )
            return
        try:
            self.run_folder.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(ours, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise RequestError(
                f"nothing can be written to {str(self.output)!r}: {error.strerror}; give another --output"
            ) from None


def _flag(option: Field[Any]) -> str:
    return "--" + option.name.replace("_", "-")
