"""`Link`: how a tune came about, as a query string that makes it again.

It holds the request (`style`, `key`, `meter`, `bars`, `tempo`, `voices`), the `plan` in Roman numerals, the
`seed` of the notes, and a `then` for each later step: `rewrite:5-8:12:IV|V7|I|I` (bars, seed, their chords),
`extend:8:13` (bars, seed), `harmonize:14:I|IV|V7|I` (seed, chords; none: the planner's), and a `title` where it was
given one. Where counterpoint is not soft, the query says so, and `strict:` or `off:` stands before the step.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from ..core.counterpoint import Counterpoint
from ..core.errors import RequestError
from ..core.request import Request
from ..core.sampling import Sampling

_MOST_STEPS = 20
_LONGEST_FIELD = 4_000
LONGEST_TITLE = 200
_STEP = re.compile(
    r"(?:(?P<counterpoint>strict|off):)?(?P<rewrite>rewrite:(?P<first>\d{1,3})-(?P<last>\d{1,3}):)?(?P<extend>extend:(?P<bars>\d{1,3}):)?"
    r"(?P<harmonize>harmonize:)?(?P<seed>\d{1,18})(?::(?P<chords>.*))?"
)


@dataclass(frozen=True, slots=True)
class Step:
    """Something done to a tune.

    Attributes:
        kind: "rewrite", "extend" or "harmonize".
        seed: Seed of its notes.
        bars: First and last bar to rewrite, or (n, n) to add n bars.
        chords: Chords of those bars, one text a bar; empty for the planner's.
        counterpoint: As in `Sampling`.
    """

    kind: str
    seed: int
    bars: tuple[int, int] = (0, 0)
    chords: tuple[str, ...] = ()
    counterpoint: Counterpoint = "soft"

    def __str__(self) -> str:
        where = {"rewrite": f"{self.bars[0]}-{self.bars[1]}:", "extend": f"{self.bars[0]}:"}.get(self.kind, "")
        how = "" if self.counterpoint == "soft" else f"{self.counterpoint}:"
        return f"{how}{self.kind}:{where}{self.seed}" + (":" + "|".join(self.chords) if self.chords else "")

    @classmethod
    def parse(cls, text: str) -> Step:
        """Read a step that `str` wrote.

        Raises:
            RequestError: the text is not a step.
        """
        match = _STEP.fullmatch(text)
        kinds = [kind for kind in ("rewrite", "extend", "harmonize") if match and match[kind]]
        if match is None or len(kinds) != 1:
            raise RequestError(f"the link has the step {text[:80]!r}; steps are such as rewrite:5-8:1 or extend:8:1")
        bars = (int(match["first"] or match["bars"] or 0), int(match["last"] or match["bars"] or 0))
        chords = tuple(match["chords"].split("|")) if match["chords"] else ()
        return cls(kinds[0], int(match["seed"]), bars, chords, _counterpoint(match["counterpoint"] or "soft"))


@dataclass(frozen=True, slots=True)
class Link:
    """How a tune came about.

    Attributes:
        request: The request that the tune began with.
        plan: Its chords as text, in Roman numerals; empty: the planner's.
        seed: Of the notes; None where there are none yet.
        steps: What was done then.
        counterpoint: As in `Sampling`.
        title: Of the tune; empty is the one that it got when it was composed.
    """

    request: Request
    plan: str
    seed: int | None = None
    steps: tuple[Step, ...] = ()
    counterpoint: Counterpoint = "soft"
    title: str = ""

    def query(self) -> str:
        """The link as a query string."""
        request = self.request
        fields = {
            "style": request.style,
            "key": request.tonality,
            "meter": request.meter,
            "bars": request.bars,
            "tempo": request.tempo and f"{request.tempo:g}",
            "voices": ",".join(request.voices or ()),
            "plan": " ".join(self.plan.split()),
            "seed": self.seed,
            "counterpoint": None if self.counterpoint == "soft" else self.counterpoint,
            "title": self.title,
        }
        known = [(name, str(value)) for name, value in fields.items() if value is not None and value != ""]
        return urlencode([*known, *(("then", str(step)) for step in self.steps)], safe="|:/,()")

    @classmethod
    def of_query(cls, fields: Mapping[str, Sequence[str]]) -> Link | None:
        """Read a query string, given as field -> values; None if it describes no tune.

        Raises:
            RequestError: a value is invalid.
        """
        if not any(name in fields for name in ("style", "key", "plan", "seed")):
            return None
        if any(len(value) > _LONGEST_FIELD for values in fields.values() for value in values):
            raise RequestError(f"the link has a field of more than {_LONGEST_FIELD} characters; copy it again")
        steps = fields.get("then", ())
        if len(steps) > _MOST_STEPS:
            raise RequestError(f"the link has {len(steps)} steps; at most {_MOST_STEPS} can be followed")
        one = {name: values[-1] for name, values in fields.items() if values and values[-1]}
        read: dict[str, Callable[[str], Any]] = {
            "style": str,
            "key": str,
            "meter": str,
            "bars": partial(_whole, "bars"),
            "tempo": _number,
            "voices": lambda text: text.split(","),
        }
        request = Request(**{name: value(one[name]) for name, value in read.items() if name in one})
        seed = _whole("seed", one["seed"]) if "seed" in one else None
        counterpoint = _counterpoint(one.get("counterpoint", "soft"))
        title = one.get("title", "")[:LONGEST_TITLE]
        return cls(request, one.get("plan", ""), seed, tuple(map(Step.parse, steps)), counterpoint, title)


def _counterpoint(text: str) -> Counterpoint:
    return Sampling(counterpoint=text).counterpoint  # type: ignore[arg-type]  # which is checked there


def _whole(name: str, text: str) -> int:
    if not re.fullmatch(r"\d{1,18}", text):
        raise RequestError(f"the link has {name} {text[:80]!r}; it is a whole number")
    return int(text)


def _number(text: str) -> float:
    if not re.fullmatch(r"\d{1,4}(\.\d{1,6})?", text):
        raise RequestError(f"the link has the tempo {text[:80]!r}; it is a number of quarter notes a minute")
    return float(text)
