"""How tokens are sampled from those that may come next (`decoding_choice.py`), and a piece from candidates."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from .counterpoint import COUNTERPOINTS, Counterpoint
from .errors import RequestError
from .voices import FOUR_PARTS, QUARTET, is_choir

_ALONE, _TOGETHER = (0.95, 1.0, 1.05), (0.8, 0.95, 1.1)
"""Usual temperature, top_p and temperature of rhythm for one voice and for several, by the figures of `evaluate`: tunes
are then as varied as real ones, and voices that go together seldom sing what a rule forbids.
"""
_CHORAL_PLANS = 1.4
"""By how much the temperature of a choir's plan is higher than that of its notes."""
_HIGHEST_TEMPERATURE = 100


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are sampled, and which of several candidates is kept; each field's help is in its metadata.

    `greedy` ignores the fields above it. Of several candidates for a piece, the one with the highest reward
    (`reward.py`) is returned.

    Raises:
        RequestError: a value out of range.
    """

    temperature: float | None = field(
        default=None,
        metadata={
            "help": "above 1 for more surprising music, below 1 for more predictable music; if not given, "
            f"{_ALONE[0]} for one voice, {_TOGETHER[0]} for several"
        },
    )
    top_k: int = field(default=0, metadata={"help": "sample from the k likeliest tokens; 0 samples from all"})
    top_p: float | None = field(
        default=None,
        metadata={
            "help": "sample from the likeliest tokens that together have this share of the probability; if not given, "
            f"{_ALONE[1]} for one voice, {_TOGETHER[1]} for several"
        },
    )
    rhythm_temperature: float | None = field(
        default=None,
        metadata={
            "help": "temperature where only times and lengths of notes are chosen; if not given, --temperature, and "
            f"without that {_ALONE[2]} for one voice, {_TOGETHER[2]} for several"
        },
    )
    repetition: float = field(
        default=1.5,
        metadata={
            "help": "nats, 0 to 10, in favour of going on with what repeats a passage, in one voice, quartets and hymns"
        },
    )
    greedy: bool = field(default=False, metadata={"help": "always take the likeliest token"})
    counterpoint: Counterpoint = field(
        default="soft",
        metadata={
            "help": "how the rules of counterpoint and the usual ranges of voices weigh against the model",
            "choices": COUNTERPOINTS,
        },
    )
    candidates: int = field(
        default=1, metadata={"help": "how many are written for each piece, 1 to 64; the best made one is kept"}
    )

    def __post_init__(self) -> None:
        temperature, top_p, of_rhythm = self.settings(True)
        is_number = isinstance(temperature, int | float) and isinstance(top_p, int | float)
        in_range = is_number and 0.01 <= temperature <= _HIGHEST_TEMPERATURE and 0 < top_p <= 1
        if not in_range or not isinstance(self.top_k, int) or self.top_k < 0:
            raise RequestError(
                f"no sampling with temperature {temperature}, `top_k` {self.top_k}, `top_p` {top_p}; "
                "temperature is 0.01 to 100, `top_k` 0 (off) or a whole number above, `top_p` above 0 and at most 1"
            )
        if not isinstance(of_rhythm, int | float) or not 0.01 <= of_rhythm <= 100:
            raise RequestError(f"no sampling with rhythm_temperature {of_rhythm!r}; it is 0.01 to 100")
        if not isinstance(self.repetition, int | float) or not 0 <= self.repetition <= 10:
            raise RequestError(f"no sampling with repetition {self.repetition!r}; it is 0 (off) to 10 nats")
        if self.counterpoint not in COUNTERPOINTS:
            raise RequestError(
                f"there is no counterpoint {self.counterpoint!r}; choose one of {', '.join(COUNTERPOINTS)}"
            )
        if not isinstance(self.candidates, int) or not 1 <= self.candidates <= 64:
            raise RequestError(f"cannot choose among {self.candidates!r} candidates; ask for 1 to 64")
        if self.greedy and self.candidates > 1:
            raise RequestError(f"greedy writes one piece; ask for 1 candidate instead of {self.candidates}")

    def settled(self, voices: Collection[str]) -> Sampling:
        """The same with the usual values where none are given, for one voice or for several, of which the players of a
        quartet and the singers of a choir alone recall something.
        """
        alone = len(voices) == 1
        temperature, top_p, of_rhythm = self.settings(alone)
        recalls = alone or set(voices) <= {*QUARTET} or is_choir(voices)
        repetition = self.repetition if recalls and not self.greedy else 0.0
        return replace(self, temperature=temperature, top_p=top_p, rhythm_temperature=of_rhythm, repetition=repetition)

    @property
    def of_choral_plan(self) -> Sampling:
        """How the chords of a choir are sampled: less predictably than its notes, by which they are as varied as those
        of hymns and chorales.
        """
        settled = self.settled(FOUR_PARTS)
        assert settled.temperature is not None
        return replace(settled, temperature=min(_CHORAL_PLANS * settled.temperature, _HIGHEST_TEMPERATURE))

    @property
    def of_rhythm(self) -> Sampling:
        """How tokens are sampled where only times and lengths of notes are chosen, once all values are settled."""
        return replace(self, temperature=self.rhythm_temperature)

    def settings(self, alone: bool) -> tuple[float, float, float]:
        """Temperature, top_p and temperature of rhythm, the usual ones for so many voices where none is given."""
        usual = _ALONE if alone else _TOGETHER
        of_rhythm = self.temperature if self.rhythm_temperature is None else self.rhythm_temperature
        given = (self.temperature, self.top_p, of_rhythm)
        temperature, top_p, of_rhythm = (
            default if value is None else value for value, default in zip(given, usual, strict=True)
        )
        return temperature, top_p, of_rhythm


DEFAULT_SAMPLING = Sampling()
