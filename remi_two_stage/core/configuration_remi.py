"""Configurations of the planner, the detail generator and the model that holds both.

Conventions
- Field names are those of transformers (`hidden_size`, `num_attention_heads`, ...); lengths and distances count tokens.
- Ids 0 to 3 are `<PAD> <UNK> <BOS> <EOS>` in both stages: they share one vocabulary (`vocabulary.py`).
- Defaults are the base sizes, about 19 and 151 million parameters besides the embeddings; fields set others.
- How attention sees distances is a choice of `attention_forms.py`, defined in `attention_remi.py`.
"""

from typing import Any, ClassVar

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig

from .attention_kinds import ATTENTION_KINDS, COORDINATES, DEFAULT_ATTENTION, Periods, fourier_periods, rotary_periods
from .errors import RequestError
from .piece import Meter
from .vocabulary import DETAIL, FAMILIES, FREE_METER, IDS, token_names

VOCABULARY_SIZE = len(token_names())
_LARGEST = {
    "vocab_size": 1 << 20, "hidden_size": 1 << 16, "intermediate_size": 1 << 18, "num_hidden_layers": 1000,
    "num_attention_heads": 1000, "max_rel_dist": 1 << 20,
}  # fmt: skip
"""A config may come from a stranger: building a million layers takes hours, even without their weights."""


def default_bar_tokens() -> dict[str, list[int]]:
    """The ids that bars and musical time are read from: blocks of consecutive ids as [first, one past the last], and
    the bar length in ticks of each `<time=>` token, 0 in free metre.
    """
    families = {name: IDS[name] for name in ("time", "key", "Ending", "PickUp", "BarLen", "voice", "RelPos")}
    single = dict(zip(FAMILIES["structure"], IDS["structure"], strict=True)) | {"Detail": DETAIL}
    blocks = families | {name: range(index, index + 1) for name, index in single.items()}
    lengths = [0 if name == FREE_METER else Meter.parse(name).bar_length for name in FAMILIES["time"]]
    return {name: [ids.start, ids.stop] for name, ids in blocks.items()} | {"meter_lengths": lengths}


@strict
class RelativeTransformerConfig(PreTrainedConfig):
    """What the backbone of both stages needs.

    Attributes:
        vocab_size: Tokens in the vocabulary.
        hidden_size: Width of the residual stream.
        intermediate_size: Width of the feed-forward layer.
        num_hidden_layers: Decoder layers.
        num_attention_heads: Heads; each is `hidden_size / num_attention_heads` wide.
        relative_attention: The kind of relative attention, one of `ATTENTION_KINDS`.
        max_rel_dist: Token distances with a learned bias of their own in `table`; those further away share the last
            one.
        fourier_periods: Coordinate ("bar", "time", "token") -> periods of the pairs of `fourier` in bars, ticks or
            tokens; those of `attention_forms.py` when None.
        rope_base: Base of the wavelengths of `rope`.
        rotary_periods: The same of the pairs that `rotary` turns, at most half as many as a head is wide.
        bar_tokens: The ids that bars and musical time are read from, those of `default_bar_tokens()` when None; None in
            the end where nothing is measured in bars or musical time.
        max_position_embeddings: Longest sequence that training prepares for; attention itself has no limit.
        hidden_dropout: Dropout after the embedding, the attention and the feed-forward layer.
        attention_dropout: Dropout of attention weights; anything but 0 forgoes the blockwise form and is far slower.
        layer_norm_eps: Epsilon of the layer norms.
        initializer_range: Standard deviation of the initial weights.

    Raises:
        huggingface_hub.errors.StrictDataclassError: fields disagree or are out of range; the message has the numbers.
    """

    keys_to_ignore_at_inference: ClassVar[list[str]] = ["past_key_values"]

    vocab_size: int = VOCABULARY_SIZE
    hidden_size: int = 512
    intermediate_size: int = 2048
    num_hidden_layers: int = 6
    num_attention_heads: int = 8
    relative_attention: str = DEFAULT_ATTENTION
    max_rel_dist: int = 2048
    fourier_periods: dict[str, list[int]] | None = None
    rope_base: float | int = 10_000.0
    rotary_periods: dict[str, list[int]] | None = None
    bar_tokens: dict[str, list[int]] | None = None
    max_position_embeddings: int = 4096
    hidden_dropout: float | int = 0.0
    attention_dropout: float | int = 0.0
    layer_norm_eps: float = 1e-5
    initializer_range: float = 0.02
    use_cache: bool = True
    tie_word_embeddings: bool = True
    pad_token_id: int | None = 0
    bos_token_id: int | None = 2
    eos_token_id: int | list[int] | None = 3

    def __post_init__(self, **kwargs: Any) -> None:
        kind = self.relative_attention
        self.fourier_periods = _in_order(self.fourier_periods or fourier_periods(kind))
        self.rotary_periods = _in_order(self.rotary_periods or rotary_periods(kind, self.head_dim))
        measured = {*(self.fourier_periods or ()), *(self.rotary_periods or ())}
        self.bar_tokens = None if measured <= {"token"} else self.bar_tokens or default_bar_tokens()
        super().__post_init__(**kwargs)

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // max(1, self.num_attention_heads)

    def validate_architecture(self) -> None:
        """Reject sizes that nobody trains, and a width that the heads do not divide; `@strict` calls this."""
        for name, largest in _LARGEST.items():
            if not 1 <= getattr(self, name) <= largest:
                raise RequestError(f"{name} is {getattr(self, name)}; it must be at least 1 and at most {largest}")
        if self.hidden_size % self.num_attention_heads:
            raise RequestError(
                f"hidden_size ({self.hidden_size}) is not a multiple of num_attention_heads "
                f"({self.num_attention_heads}); change one of them"
            )

    def validate_relative_attention(self) -> None:
        """Reject unknown forms and coordinates, and periods that do not go with the form; `@strict` calls this."""
        kind = self.relative_attention
        if kind not in ATTENTION_KINDS:
            raise RequestError(f"relative_attention is {kind!r}; choose one of {', '.join(ATTENTION_KINDS)}")
        self._validate_periods("fourier")
        pairs = self._validate_periods("rotary")
        if ("rope" in kind or "rotary" in kind) and (self.head_dim % 2 or pairs > self.head_dim // 2):
            raise RequestError(
                f"heads are {self.head_dim} wide (hidden_size {self.hidden_size}, {self.num_attention_heads} heads); "
                f"{kind} needs an even width{f' of at least {2 * pairs} for {pairs} rotary_periods' if pairs else ''}"
            )

    def _validate_periods(self, mechanism: str) -> int:
        """Check the periods of `fourier` or `rotary`; returns their number."""
        kind, name = self.relative_attention, f"{mechanism}_periods"
        periods: Periods = getattr(self, name) or {}
        if bool(periods) != (mechanism in kind):
            needed = "needs some" if mechanism in kind else "takes none"
            raise RequestError(f"{name} is {getattr(self, name)} and relative_attention {kind!r}, which {needed}")
        for coordinate, numbers in periods.items():
            if coordinate not in COORDINATES or not numbers or min(numbers) < 2:
                raise RequestError(
                    f"{name} has {coordinate!r}: {numbers}; it maps {', '.join(COORDINATES)} to periods of 2 or more"
                )
        return sum(map(len, periods.values()))

    def validate_bar_tokens(self) -> None:
        """Reject blocks of ids beyond every vocabulary, which tables are made for; `@strict` calls this."""
        for kind, ids in (self.bar_tokens or {}).items():
            if kind != "meter_lengths" and not (len(ids) == 2 and 0 <= ids[0] <= ids[1] <= _LARGEST["vocab_size"]):
                raise RequestError(
                    f"bar_tokens has {kind!r}: {ids}; it gives the first id and the one past the last, of a vocabulary"
                )

    def validate_dropout(self) -> None:
        """Reject a dropout outside [0, 1); `@strict` calls this."""
        for name in ("hidden_dropout", "attention_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise RequestError(f"{name} is {getattr(self, name)}; it must be at least 0 and below 1")


def _in_order(periods: Periods | None) -> Periods | None:
    """In one order, however a JSON file has them, since weights stand in it; None when there are none."""
    return {coordinate: list(periods[coordinate]) for coordinate in sorted(periods)} if periods else None


@strict
class BarPlannerConfig(RelativeTransformerConfig):
    """The planner: a decoder over bar headers with their chords."""

    model_type: ClassVar[str] = "remi_bar_planner"
    base_config_key: ClassVar[str] = "planner_config"


@strict
class DetailGeneratorConfig(RelativeTransformerConfig):
    """The detail generator: a wider decoder over the plan and all notes.

    Attributes:
        has_plan: Whether the plan stands in front of the notes; without it this is a model of the usual single stage,
            which writes each bar's header and then its notes (a "full" sequence).
    """

    model_type: ClassVar[str] = "remi_detail_generator"
    base_config_key: ClassVar[str] = "detail_config"

    hidden_size: int = 1024
    intermediate_size: int = 4096
    num_hidden_layers: int = 12
    num_attention_heads: int = 16
    has_plan: bool = True


@strict
class TwoStageConfig(PreTrainedConfig):
    """Both stages in one file.

    Attributes:
        planner_config: A `BarPlannerConfig` or its dictionary; the defaults when None.
        detail_config: A `DetailGeneratorConfig` or its dictionary; the defaults when None.

    Raises:
        huggingface_hub.errors.StrictDataclassError: the stages' vocabularies differ; the message has both sizes.
    """

    model_type: ClassVar[str] = "remi_two_stage"
    sub_configs_defaults: ClassVar[dict[str, Any]] = {
        "planner_config": BarPlannerConfig,
        "detail_config": DetailGeneratorConfig,
    }
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["past_key_values"]

    planner_config: Any = None
    detail_config: Any = None
    initializer_range: float = 0.02
    tie_word_embeddings: bool = True
    pad_token_id: int | None = 0
    bos_token_id: int | None = 2
    eos_token_id: int | list[int] | None = 3

    @property
    def vocab_size(self) -> int:
        """Tokens in the vocabulary that both stages share."""
        return int(self.detail_config.vocab_size)

    @vocab_size.setter
    def vocab_size(self, size: int) -> None:
        self.planner_config.vocab_size = self.detail_config.vocab_size = size

    def validate_vocabulary(self) -> None:
        """Reject stages that do not share a vocabulary; `@strict` calls this."""
        planner, detail = self.planner_config.vocab_size, self.detail_config.vocab_size
        if planner != detail:
            raise RequestError(
                f"vocab_size is {planner} in planner_config and {detail} in detail_config; give both the same"
            )


def register_auto_classes() -> None:
    """Make the configs known to AutoConfig, and travel with their code when saved."""
    for config in (BarPlannerConfig, DetailGeneratorConfig, TwoStageConfig):
        AutoConfig.register(config.model_type, config, exist_ok=True)
        config.register_for_auto_class()
