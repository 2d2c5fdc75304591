"""The one vocabulary of both stages: contiguous families of tokens with fixed ids. `remi-two-stage tokens` prints it.

A token is `<family=value>`, a chord `<Chord_label>`, or a bare word such as `<BarStart>`. Nothing here is learnt
from a corpus, so every checkpoint speaks the same language. Ids are in the order of `FAMILIES`; styles come last and
have free slots, so that a new style moves no other id.
"""

from __future__ import annotations

from .chords import CHORD_LABELS
from .errors import RequestError
from .signatures import MODES, TICKS_PER_WHOLE, Key, Meter, name_at
from .voices import MELODY, QUARTET, SINGERS

VOCABULARY_VERSION = 2
"""Counts up whenever an id changes its meaning; a checkpoint's config holds the one that it was trained with."""
MAX_METER_LENGTH = 3 * TICKS_PER_WHOLE
"""Ticks in a bar of the longest metre that tokens can say (12/4)."""
MAX_BAR_LENGTH = 5 * TICKS_PER_WHOLE
"""Ticks in the longest bar that tokens can say; those beyond any metre stand in chant and other music in free metre."""
MAX_DURATION = TICKS_PER_WHOLE
"""Ticks of the longest `<Duration=>`; longer notes repeat it."""
MAX_BARS = 64
"""Highest number of bars that `<Bars=>` can ask for."""
TEMPOS = range(30, 301, 10)
"""Tempo bins in quarter notes a minute."""
VELOCITIES = range(8, 128, 8)
DYNAMICS = ("ppp", "pp", "p", "mp", "mf", "f", "ff", "fff")
FREE_METER = "none"
STYLES = (
    "jig", "reel", "hornpipe", "waltz", "polka", "slip-jig", "slide", "march", "air", "strathspey", "barndance", "clog",
    "highland-fling", "schottische", "mazurka", "set-dance", "quadrille", "country-dance", "minuet", "gavotte", "song",
    "walkaround", "hymn", "chorale", "quartet",
)  # fmt: skip
UNKNOWN_STYLE = "unk"
STYLE_SLOTS = 64
VOICES = (MELODY, *SINGERS, *QUARTET, *(f"V{number}" for number in range(1, 13)))
"""M is a lone melody; S, A, T, B are singers, S2 to B2 the second ones of divided choirs; V1 to V12 the voices of other
scores, from high to low.
"""
TONICS = tuple(name_at((7 * tonic + 5) % 12 - 5) for tonic in range(12))
"""Names of the twelve pitch classes as tonics, from C up."""

PAD, UNK, BOS, EOS, DETAIL, CONTEXT, AFTER = range(7)


def _meters() -> tuple[str, ...]:
    meters = [Meter(n, d) for d in (1, 2, 4, 8, 16, 32) for n in range(1, 25)]
    return (FREE_METER, *(str(meter) for meter in meters if meter.bar_length <= MAX_METER_LENGTH))


def _keys() -> tuple[str, ...]:
    keys = []
    for mode, shift in MODES.items():
        keys += [str(Key(name_at(signature - shift), mode)) for signature in range(-7, 8)]
    return tuple(keys)


def _styles() -> tuple[str, ...]:
    free = STYLE_SLOTS - len(STYLES) - 1
    return (*STYLES, *(f"free{slot}" for slot in range(1, free + 1)), UNKNOWN_STYLE)


def _numbers(values: range) -> tuple[str, ...]:
    return tuple(map(str, values))


FAMILIES: dict[str, tuple[str, ...]] = {
    "special": ("PAD", "UNK", "BOS", "EOS", "Detail", "Context", "After"),
    "time": _meters(),
    "key": _keys(),
    "Tonic": TONICS,
    "Tempo": _numbers(TEMPOS),
    "Bars": _numbers(range(1, MAX_BARS + 1)),
    "structure": ("PhraseStart", "RepeatStart", "RepeatEnd", "EndingEnd", "BarStart"),
    "Ending": _numbers(range(1, 10)),
    "PickUp": _numbers(range(1, MAX_METER_LENGTH)),
    "BarLen": _numbers(range(1, MAX_BAR_LENGTH + 1)),
    "Chord": CHORD_LABELS,
    "Bass": _numbers(range(1, 12)),
    "voice": VOICES,
    "RelPos": _numbers(range(MAX_BAR_LENGTH)),
    "Note-On": _numbers(range(128)),
    "Duration": _numbers(range(1, MAX_DURATION + 1)),
    "Velocity": _numbers(VELOCITIES),
    "Dynamics": DYNAMICS,
    "Style": _styles(),
}
"""Family -> its values, in the order of their ids."""


def token(family: str, value: object) -> str:
    """Name of a token: `token("RelPos", 36)` is `<RelPos=36>`, `token("Chord", "V7")` is `<Chord_V7>`,
    `token("structure", "BarStart")` is `<BarStart>`.
    """
    if family in ("special", "structure"):
        return f"<{value}>"
    return f"<Chord_{value}>" if family == "Chord" else f"<{family}={value}>"


TOKENS: tuple[tuple[str, str], ...] = tuple((family, value) for family, values in FAMILIES.items() for value in values)
"""(family, value) of each id."""
_NAMES = tuple(token(family, value) for family, value in TOKENS)
TOKEN_IDS: dict[str, int] = {name: index for index, name in enumerate(_NAMES)}
"""Token name -> id."""


def _id_ranges() -> dict[str, range]:
    ranges, start = {}, 0
    for family, values in FAMILIES.items():
        ranges[family] = range(start, start + len(values))
        start += len(values)
    return ranges


IDS: dict[str, range] = _id_ranges()
"""Family -> its ids."""


def token_names() -> tuple[str, ...]:
    """All token names in the order of their ids."""
    return _NAMES


def token_id(family: str, value: object) -> int:
    """Id of a token.

    Raises:
        RequestError: the family has no such value.
    """
    index = TOKEN_IDS.get(token(family, value))
    if index is None or index not in IDS[family]:
        known = FAMILIES[family]
        listed = ", ".join(known) if len(known) <= 32 else f"{', '.join(known[:3])} ... {known[-1]}"
        raise RequestError(f"there is no {family} {str(value)!r}; there are {listed}")
    return index


def describe() -> str:
    """The vocabulary as text, a family a line: first and last id, number of tokens, first and last name."""
    lines = ["  ids           tokens  names"]
    for family, ids in IDS.items():
        names = _NAMES[ids.start : ids.stop]
        shown = " ".join(names) if len(names) <= 7 else f"{names[0]} {names[1]} ... {names[-1]}"
        lines.append(f"{ids.start:5} - {ids.stop - 1:5}  {len(ids):6}  {shown}  ({family})")
    return "\n".join(lines)
