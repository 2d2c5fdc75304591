"""The options of a training run: one dataclass, from whose fields the command line makes its flags and their help."""

from __future__ import annotations

import json
import math
import shlex
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from ..core.attention_kinds import ATTENTION_KINDS, DEFAULT_ATTENTION
from ..core.errors import RequestError
from ..core.text import flag_of
from ..corpus.arguments import Preparation, WeightedCorpus

Stage = Literal["planner", "detail", "joint", "single"]
STAGES: tuple[Stage, ...] = ("planner", "detail")
"""The stages of a two-stage model. "joint" trains both at once; "single" is the detail generator without a plan in
front, to be compared with.
"""
DTYPES = ("float32", "bfloat16")
PLAN_SOURCES = ("gold", "predicted", "mixed")
EMBEDDED_MODEL = "embedded"
"""What `start_from` calls the checkpoint in the package."""


def _size(hidden_size: int, layers: int, heads: int) -> dict[str, Any]:
    """Fields of a config: a feed-forward layer four times as wide, a quarter of the heads for keys and values."""
    return {
        "hidden_size": hidden_size,
        "intermediate_size": 4 * hidden_size,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": heads // 4,
    }


PLANNER_SIZES = {"tiny": _size(128, 3, 4), "small": _size(256, 6, 4), "base": _size(512, 6, 8)}
DETAIL_SIZES = {"tiny": _size(256, 4, 8), "small": _size(512, 8, 8), "base": _size(1024, 12, 16)}
"""Sizes by name, as fields of the stages' configs; `tiny` is the embedded checkpoint's."""
LEARNING_RATES = {"tiny": 2e-3, "small": 1e-3, "base": 3e-4}
"""Highest learning rate of each size, unless told otherwise; wider models need lower ones."""
EPOCHS = {"planner": 12.0, "detail": 4.0}
FINE_TUNING_RATES = {"planner": 1e-3, "detail": 1e-4}
FINE_TUNING_EPOCHS, FINE_TUNING_PATIENCE = 10.0, 3
"""What a run that begins with another model has instead."""


def _option(default: Any, text: str, choices: tuple[str, ...] = (), flag: str | None = None) -> Any:
    return field(default=default, metadata={"help": text, "choices": choices, "flag": flag})


@dataclass(frozen=True)
class TrainingPlan:
    """A run of `TwoStageTrainer`; each field's help is in its metadata, and its flag where that has another name:
    `start_from` is --from, a word that Python keeps for itself.

    Raises:
        RequestError: a value out of range, or two that exclude each other.
    """

    corpus: str | tuple[str, ...] = field(
        metadata={
            "help": "music21, files as prepare takes them, or what it wrote; =2 after it shows its tunes twice in an "
            "epoch, =0.5 half of them, others each time; may be given several times"
        }
    )
    output: Path = field(metadata={"help": "folder for the model; the run's checkpoints go to run/ in it"})
    stage: str = _option(
        "all",
        "which stage to train: all is the planner, then the detail generator; joint is both at once; single has no "
        "plan in front",
        ("all", *get_args(Stage)),
    )
    start_from: str | None = _option(
        None,
        "folder or Hub repository of a model to go on from, or embedded, the one in the package; a stage that is not "
        "trained stays as it is there",
        flag="--from",
    )
    validation: str | None = _option(
        None,
        "corpus to measure on after each epoch, all of `corpus` being learnt; else a part of each is held out, which "
        "counts as often as its tunes are shown",
    )
    augment: str = _option(
        "", "variants of the tunes to learn beside them, unless they are prepared already; as in prepare"
    )
    model_size: str = _option("tiny", "size of both stages, as in hub_configs", tuple(PLANNER_SIZES))
    planner_size: str | None = _option(None, "size of the planner, if not `model_size`", tuple(PLANNER_SIZES))
    detail_size: str | None = _option(None, "size of the detail generator, if not `model_size`", tuple(DETAIL_SIZES))
    relative_attention: str = _option(DEFAULT_ATTENTION, "how attention measures distances", ATTENTION_KINDS)
    planner_epochs: float | None = _option(
        None,
        f"times that the planner sees the training tunes; {EPOCHS['planner']:g} if not given, {FINE_TUNING_EPOCHS:g} "
        "with `start_from`",
    )
    detail_epochs: float | None = _option(
        None,
        f"times that the detail generator, or joint, sees them; {EPOCHS['detail']:g} if not given, "
        f"{FINE_TUNING_EPOCHS:g} with `start_from`",
    )
    planner_learning_rate: float | None = _option(
        None,
        f"highest rate of the planner; by its size if not given, {FINE_TUNING_RATES['planner']:g} with `start_from`",
    )
    detail_learning_rate: float | None = _option(
        None,
        f"highest rate of the detail generator; by its size if not given, {FINE_TUNING_RATES['detail']:g} with "
        "`start_from`",
    )
    batch_size: int = _option(1, "rows of `max_length` tokens in a batch of one process")
    accumulation: int = _option(1, "batches that make one step")
    max_length: int = _option(
        2048, "tokens in a row; pieces are packed into rows, longer ones are cut at phrase starts"
    )
    dropout: float = _option(0.0, "dropout after the embedding and in each layer, from 0 to below 1")
    averaging: float = _option(
        0.999, "what is left in a step of the averaged weights, which are measured and saved; 0 saves those that learn"
    )
    omit_globals: float = _option(0.1, "probability that a piece is shown without its style, tempo or number of bars")
    from_melody: float = _option(0.25, "share of the tunes that the planner also sees with a voice given")
    infilling: float = _option(0.25, "probability that the detail generator sees later bars first")
    voice_orders: float = _option(0.25, "probability that voices stand in another order than they are composed in")
    plan_source: str = _option(
        "gold",
        "whose chords the detail generator reads: gold, the tunes' own; predicted, those that the planner writes for "
        "their melodies, anew in each epoch; mixed, more and more of the latter",
        PLAN_SOURCES,
    )
    predicted_share: float = _option(0.5, "mixed: share of tunes with the planner's chords in the last epoch")
    joint_planner: str = _option("trained", "joint: whether the planner learns too", ("trained", "frozen"))
    patience: int | None = _option(
        None,
        "stop after so many epochs without a lower held-out loss, and keep the best weights; never if not given, "
        f"{FINE_TUNING_PATIENCE} with `start_from`",
    )
    reading: str = _option(
        "memory",
        "whether the prepared tunes are held in memory or streamed from their files; a stream goes with gold plans and "
        "one stage at a time",
        ("memory", "stream"),
    )
    steps: int | None = _option(None, "stream: steps of each stage, since a stream has no epochs")
    save_minutes: float = _option(5.0, "minutes between checkpoints of the run")
    report_to: str = _option(
        "none",
        "where curves go besides the terminal, on this machine: tensorboard --logdir OUTPUT/run shows them, or trackio "
        "show",
        ("none", "tensorboard", "trackio"),
    )
    device: str = _option("auto", "what computes; auto is a GPU where there is one", ("auto", "cpu", "cuda"))
    precision: str = _option("float32", "number format of products in training; weights stay in float32", DTYPES)
    dtype: str = _option("float32", "number format of the saved weights", DTYPES)
    seed: int = _option(0, "seed of initial weights, order and dropout")
    loaders: int = _option(0, "processes that make batches ahead of each training process; 0 makes them in its own")
    processes: int | None = _option(None, "processes that read the corpus; one a processor if not given")

    def __post_init__(self) -> None:
        named = (self.corpus,) if isinstance(self.corpus, str) else tuple(self.corpus)
        object.__setattr__(self, "corpus", named)
        object.__setattr__(self, "output", Path(self.output))
        if not named or not all(isinstance(name, str) and name for name in named):
            raise RequestError(f"`corpus` is {named!r}; name at least one corpus, each as a text")
        for option in fields(self):
            value, choices = getattr(self, option.name), option.metadata.get("choices")
            if value is None:
                continue
            if choices and value not in choices:
                raise RequestError(f"`{option.name}` is {value!r}; choose one of {', '.join(choices)}")
            if option.name.endswith(("_epochs", "_learning_rate", "_minutes")):
                self._require(option.name, value > 0, "above 0")
            if option.name in ("batch_size", "accumulation", "patience", "steps", "processes"):
                self._require(option.name, value >= 1, "1 or more")
            if option.name in ("omit_globals", "from_melody", "infilling", "voice_orders", "predicted_share"):
                self._require(option.name, 0 <= value <= 1, "from 0 to 1")
        self._require("max_length", self.max_length >= 64, "64 or more")
        self._require("dropout", 0 <= self.dropout < 1, "from 0 to below 1")
        self._require("averaging", 0 <= self.averaging < 1, "from 0 to below 1")
        self._require("loaders", self.loaders >= 0, "0 or more")
        self._require("seed", 0 <= self.seed < 2**32, "from 0 to 4294967295")
        for name in self.corpus:
            Preparation(name, augment=self.augment)  # which checks it
        self._check_together()

    def _require(self, name: str, is_right: bool, allowed: str) -> None:
        if not is_right:
            raise RequestError(f"`{name}` is {getattr(self, name)}; it must be {allowed}")

    def _check_together(self) -> None:
        """Refuse options that contradict each other."""
        reads_plans = self.stage in ("all", "detail", "joint")
        if self.plan_source != "gold" and not reads_plans:
            raise RequestError(f"`plan_source` is {self.plan_source} and `stage` {self.stage} reads no plans; leave it")
        if self.start_from and (self.planner_size or self.detail_size or self.model_size != "tiny"):
            raise RequestError(
                f"`start_from` {self.start_from} has its sizes; leave out `model_size` and the stages' sizes"
            )
        if self.augment and self.reading == "stream":
            raise RequestError(f"`augment` is {self.augment!r} and `reading` stream; prepare the corpus with `augment`")
        if (self.reading == "stream") != (self.steps is not None):
            raise RequestError(
                f"`reading` is {self.reading} and `steps` {self.steps}; a stream needs steps, nothing else takes them"
            )
        if self.reading == "stream" and (self.plan_source != "gold" or self.patience or self.stage == "joint"):
            raise RequestError("`reading` stream goes with gold plans and one stage at a time, without `patience`")

    @classmethod
    def of(cls, config: str | Path | None = None, **given: Any) -> Self:
        """A plan out of a JSON file with fields by name, such as `arguments.json` of a run; `given` ones come first.

        Raises:
            RequestError: the file cannot be read or has other fields; a field is missing, or of a wrong type.
        """
        values = (_read_config(Path(config)) if config is not None else {}) | given
        hints = get_type_hints(cls)
        if unknown := sorted(set(values) - set(hints)):
            raise RequestError(f"a training run has no {', '.join(unknown)}; it has {', '.join(hints)}")
        if isinstance(values.get("output"), str):
            values["output"] = Path(values["output"])
        if isinstance(values.get("corpus"), list):
            values["corpus"] = tuple(values["corpus"])
        for name, value in values.items():
            kinds = tuple(get_origin(kind) or kind for kind in get_args(hints[name]) or (hints[name],))
            if not isinstance(value, (*kinds, int) if float in kinds else kinds):
                raise RequestError(
                    f"`{name}` is {value!r}; it must be of type {getattr(hints[name], '__name__', hints[name])}"
                )
        if missing := [f"`{name}`" for name in ("corpus", "output") if name not in values]:
            raise RequestError(f"{' and '.join(missing)} must be given, directly or in a `config` file")
        return cls(**values)

    @property
    def corpora(self) -> tuple[WeightedCorpus, ...]:
        """The corpora to learn from, with their weights.

        Raises:
            RequestError: a weight that is not above 0.
        """
        return tuple(map(WeightedCorpus.parse, self.corpus))

    @property
    def run_folder(self) -> Path:
        """Where the run keeps its checkpoints."""
        return self.output / "run"

    def stages(self) -> tuple[Stage, ...]:
        """The stages to train, in order."""
        return STAGES if self.stage == "all" else tuple(stage for stage in get_args(Stage) if stage == self.stage)

    def size_of(self, stage: Stage) -> str:
        """The name of a new stage's size."""
        return (self.planner_size if stage == "planner" else self.detail_size) or self.model_size

    def epochs_of(self, stage: Stage) -> float:
        """How often a stage sees the training tunes."""
        model = _model_of(stage)
        given: float | None = getattr(self, f"{model}_epochs")
        return given or (FINE_TUNING_EPOCHS if self.start_from else EPOCHS[model])

    def learning_rate_of(self, stage: Stage) -> float:
        """The highest learning rate of a stage; of "joint", the detail generator's."""
        model = _model_of(stage)
        given: float | None = getattr(self, f"{model}_learning_rate")
        return given or (FINE_TUNING_RATES[model] if self.start_from else LEARNING_RATES[self.size_of(stage)])

    @property
    def most_epochs_without_gain(self) -> int | None:
        """After how many epochs without a lower held-out loss a stage stops; None is never."""
        is_short = self.start_from is not None and self.reading == "memory"
        return self.patience or (FINE_TUNING_PATIENCE if is_short else None)

    def predicted_share_in(self, epoch: int) -> float:
        """The share of tunes that have the planner's chords in an epoch, counted from 0: with `mixed` it rises in equal
        steps from 0 in the first epoch to `predicted_share` in the last.
        """
        if self.plan_source != "mixed":
            return float(self.plan_source == "predicted")
        last = math.ceil(self.epochs_of("detail")) - 1
        return self.predicted_share * (min(epoch / last, 1.0) if last else 1.0)

    def to_dict(self) -> dict[str, Any]:
        """All fields, the output folder as text."""
        return asdict(self) | {"output": str(self.output)}

    def resolved(self) -> dict[str, Any]:
        """All fields, those that were left open as the run has them; `of` takes them again."""
        found: dict[str, Any] = {}
        for stage in STAGES:
            sizes = {} if self.start_from else {f"{stage}_size": self.size_of(stage)}
            found |= sizes | {
                f"{stage}_epochs": self.epochs_of(stage),
                f"{stage}_learning_rate": self.learning_rate_of(stage),
            }
        return self.to_dict() | found | {"patience": self.most_epochs_without_gain}

    def command(self) -> str:
        """The equivalent command line, without the options that have their defaults."""
        given = [option for option in fields(self) if getattr(self, option.name) != option.default]
        flags = [
            f"{flag_of(option)} {shlex.quote(str(value))}"
            for option in given
            for value in (self.corpus if option.name == "corpus" else [getattr(self, option.name)])
        ]
        return " ".join(["remi-two-stage train", *flags])


def _model_of(stage: Stage) -> str:
    return "planner" if stage == "planner" else "detail"


def _read_config(path: Path) -> dict[str, Any]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RequestError(f"the config {str(path)!r} cannot be read ({error}); give a JSON file") from None
    if not isinstance(stored, dict):
        raise RequestError(f"the config {str(path)!r} holds a {type(stored).__name__}; give fields by name")
    return stored
