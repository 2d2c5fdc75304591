"""What the backbone of a stage is built by: sizes, the kind of relative attention, and what they must fulfil.

Needs neither torch nor transformers, so that composing can read a stored config without them; the configs of
`configuration_remi.py` are these with what transformers adds.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from .attention_kinds import ATTENTION_KINDS, COORDINATES, DEFAULT_ATTENTION, Periods, fourier_periods, rotary_periods
from .errors import CheckpointError, RequestError
from .signatures import Meter
from .vocabulary import DETAIL, FAMILIES, FREE_METER, IDS, VOCABULARY_VERSION, token_names

MODEL_TYPE = "remi_two_stage"
"""Of a checkpoint with both stages."""
VOCABULARY_SIZE = len(token_names())
_LARGEST = {
    "vocab_size": 1 << 20, "hidden_size": 1 << 16, "intermediate_size": 1 << 18, "num_hidden_layers": 1000,
    "num_attention_heads": 1000, "num_key_value_heads": 1000, "max_rel_dist": 1 << 20,
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


@dataclass(kw_only=True)
class Architecture:
    """What the backbone of both stages needs.

    Attributes:
        vocab_size: Tokens in the vocabulary.
        vocabulary_version: Which one that is; see `vocabulary.VOCABULARY_VERSION`.
        hidden_size: Width of the residual stream.
        intermediate_size: Width of the feed-forward layer.
        num_hidden_layers: Decoder layers.
        num_attention_heads: Heads of queries; each is `hidden_size / num_attention_heads` wide.
        num_key_value_heads: Heads of keys and values, as wide; each serves as many consecutive heads of queries
            (Ainslie et al. 2023, "GQA"). `num_attention_heads` when None.
        relative_attention: The kind of relative attention, one of `ATTENTION_KINDS`.
        max_rel_dist: Token distances with a learned bias of their own in `table`; those further away share the last
            one.
        fourier_periods: Coordinate ("bar", "time", "token") -> periods of the pairs of `fourier` in bars, ticks or
            tokens; those of `attention_kinds.py` when None.
        rope_base: Base of the wavelengths of `rope`.
        rotary_periods: The same of the pairs that `rotary` turns, at most half as many as a head is wide.
        bar_tokens: The ids that bars and musical time are read from, those of `default_bar_tokens()` when None; None in
            the end where nothing is measured in bars or musical time.
        max_position_embeddings: Longest sequence that training prepares for; attention itself has no limit.
        hidden_dropout: Dropout after the embedding, the attention and the feed-forward layer.
        attention_dropout: Dropout of attention weights; anything but 0 forgoes the blockwise form and is far slower.
        layer_norm_eps: Epsilon of the layer norms.
        initializer_range: Standard deviation of the initial weights.
        tie_word_embeddings: Whether the head has the weight of the embedding.

    Raises:
        RequestError: fields disagree or are out of range; the message has the numbers.
    """

    base_config_key: ClassVar[str] = ""

    vocab_size: int = VOCABULARY_SIZE
    vocabulary_version: int = VOCABULARY_VERSION
    hidden_size: int = 512
    intermediate_size: int = 2048
    num_hidden_layers: int = 6
    num_attention_heads: int = 8
    num_key_value_heads: int | None = None
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
    tie_word_embeddings: bool = True

    @classmethod
    def of_dict(cls, stored: dict[str, Any], source: str) -> Self:
        """The architecture that a stored config describes; what it does not name has its default.

        Args:
            source: Where it is stored, for errors.

        Raises:
            CheckpointError: a field is of another type than it has to be.
            RequestError: as in the class.
        """
        known = {field.name: field.default for field in fields(cls)}
        given = {"vocabulary_version": 1} | {name: value for name, value in stored.items() if name in known}
        for name, value in given.items():
            if not isinstance(value, _types_of(name, known[name])):
                raise CheckpointError(f"the config in {source} has {name} {value!r}; save the model again")
        architecture = cls(**given)
        architecture.resolve_defaults()
        architecture.check()
        return architecture

    def resolve_defaults(self) -> None:
        """Fill in what is None: the heads of keys and values, the kind's periods, the ids of bars."""
        if self.num_key_value_heads is None:
            self.num_key_value_heads = self.num_attention_heads
        kind = self.relative_attention
        self.fourier_periods = _in_order(self.fourier_periods or fourier_periods(kind))
        self.rotary_periods = _in_order(self.rotary_periods or rotary_periods(kind, self.head_dim))
        measured = {*(self.fourier_periods or ()), *(self.rotary_periods or ())}
        self.bar_tokens = None if measured <= {"token"} else self.bar_tokens or default_bar_tokens()

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // max(1, self.num_attention_heads)

    @property
    def key_value_heads(self) -> int:
        """Heads of keys and values."""
        return self.num_key_value_heads or self.num_attention_heads

    def validate_architecture(self) -> None:
        """Reject sizes out of range, a width that is no multiple of the heads, and heads that form no equal groups."""
        for name, largest in _LARGEST.items():
            if not 1 <= getattr(self, name) <= largest:
                raise RequestError(f"{name} is {getattr(self, name)}; it must be at least 1 and at most {largest}")
        if self.hidden_size % self.num_attention_heads:
            raise RequestError(
                f"hidden_size ({self.hidden_size}) is not a multiple of num_attention_heads "
                f"({self.num_attention_heads}); change one of them"
            )
        if self.num_attention_heads % self.key_value_heads:
            raise RequestError(
                f"num_attention_heads ({self.num_attention_heads}) is not a multiple of num_key_value_heads "
                f"({self.num_key_value_heads}); change one of them"
            )

    def validate_vocabulary_version(self) -> None:
        """Reject another version of the vocabulary, whose ids mean other tokens; the first one had no number."""
        if self.vocabulary_version != VOCABULARY_VERSION:
            raise RequestError(
                f"the model has version {self.vocabulary_version} of the vocabulary, this package version "
                f"{VOCABULARY_VERSION}; train the model again, or take the package that it was trained with"
            )

    def validate_relative_attention(self) -> None:
        """Reject unknown forms and coordinates, and periods that do not go with the form."""
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
            if coordinate not in COORDINATES or not numbers or not all(isinstance(n, int) and n >= 2 for n in numbers):
                raise RequestError(
                    f"{name} has {coordinate!r}: {numbers}; it maps {', '.join(COORDINATES)} to periods of 2 or more"
                )
        return sum(map(len, periods.values()))

    def validate_bar_tokens(self) -> None:
        """Reject blocks of ids beyond every vocabulary, which tables are made for, and tables with gaps."""
        if self.bar_tokens is None:
            return
        for kind, ids in self.bar_tokens.items():
            if kind != "meter_lengths" and not (len(ids) == 2 and 0 <= ids[0] <= ids[1] <= _LARGEST["vocab_size"]):
                raise RequestError(
                    f"bar_tokens has {kind!r}: {ids}; it gives the first id and the one past the last, of a vocabulary"
                )

        if missing := default_bar_tokens().keys() - self.bar_tokens.keys():
            raise RequestError(f"bar_tokens lacks {', '.join(sorted(missing))}; give the ids of each, or leave it out")

    def validate_dropout(self) -> None:
        """Reject a dropout outside [0, 1)."""
        for name in ("hidden_dropout", "attention_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise RequestError(f"{name} is {getattr(self, name)}; it must be at least 0 and below 1")

    def check(self) -> None:
        """Check everything that the methods named `validate_` check."""
        self.validate_vocabulary_version()
        self.validate_architecture()
        self.validate_relative_attention()
        self.validate_bar_tokens()
        self.validate_dropout()


@dataclass(kw_only=True)
class PlannerArchitecture(Architecture):
    """The planner: a decoder over bar headers with their chords.

    Attributes:
        styles: Names of the styles that there were enough training tunes of; None if that is not known.
    """

    base_config_key: ClassVar[str] = "planner_config"

    styles: list[str] | None = None


@dataclass(kw_only=True)
class DetailArchitecture(Architecture):
    """The detail generator: a wider decoder over the plan and all notes.

    Attributes:
        has_plan: Whether the plan stands in front of the notes; without it this is a model of the usual single stage,
            which writes each bar's header and then its notes (a "full" sequence).
    """

    base_config_key: ClassVar[str] = "detail_config"

    hidden_size: int = 1024
    intermediate_size: int = 4096
    num_hidden_layers: int = 12
    num_attention_heads: int = 16
    has_plan: bool = True


def _in_order(periods: Periods | None) -> Periods | None:
    """In one order, however a JSON file has them, since weights stand in it; None when there are none."""
    return {coordinate: list(periods[coordinate]) for coordinate in sorted(periods)} if periods else None


def _types_of(name: str, default: Any) -> tuple[type, ...]:
    """Types that a field with this default may have in a stored config."""
    if name == "num_key_value_heads":
        return (int, type(None))
    if default is None:
        return (dict, list, type(None))
    return (int, float) if isinstance(default, float) else (type(default),)
