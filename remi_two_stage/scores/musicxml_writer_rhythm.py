"""How a stretch of music in a bar is written in MusicXML: note values with their dots, tuplets and beams.

Conventions
- Times are ticks from the start of the bar; MusicXML's `<divisions>` are ticks too.
- The note values are those of ABC (`core.abc_values`), one rule for every format.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, pairwise

from ..core.abc_values import WrittenValue, join_beams, note_values
from ..core.note_values import NOTE_VALUES
from ..core.piece import Bar
from ..core.signatures import TICKS_PER_QUARTER, Key, Meter

TICKS_A_DIVISION = TICKS_PER_QUARTER
"""`<divisions>`: those of a quarter note."""

_BEAMS = {"eighth": 1, "16th": 2, "32nd": 3, "64th": 4}
PLAIN_VALUES = {value.ticks: value for value in NOTE_VALUES if not value.is_triplet}
_TRIPLET_TYPES = {value.ticks: value for value in NOTE_VALUES if value.is_triplet}
_TRIPLET = "<time-modification><actual-notes>3</actual-notes><normal-notes>2</normal-notes></time-modification>"


@dataclass(frozen=True, slots=True)
class Value:
    """A note value in a bar, as MusicXML: its type with dots, its ratio in a tuplet, its beams, its tuplet bracket."""

    start: int
    end: int
    type: str
    ratio: str
    beams: str
    bracket: str


def type_of(ticks: int) -> str:
    """`<type>` and `<dot/>`s of a plain note value; of the next shorter one where there is none."""
    value = next((value for value in NOTE_VALUES if not value.is_triplet and value.ticks <= ticks), NOTE_VALUES[-1])
    return f"<type>{value.type}</type>" + "<dot/>" * value.dots


def beams_of_graces(types: Sequence[str]) -> list[str]:
    """The beams of grace notes of these types, which stand under one as far as they have flags."""
    counts = [_beam_count(kind) for kind in types]
    joined = [min(pair) > 0 for pair in pairwise(counts)]
    return _levels(counts, joined)


def values_of(cuts: tuple[int, ...], sounds: tuple[bool, ...], bar: Bar) -> tuple[Value, ...]:
    """The note values that fill a bar.

    Args:
        cuts: Where notes and rests begin, with the bar's start and end.
        sounds: Whether something sounds from each cut to the next.
        bar: For its metre and where it begins in it.
    """
    return _values_of(cuts, sounds, bar.meter, bar.meter.written if bar.meter else "", bar.length, bar.is_pickup)


@lru_cache(maxsize=16_384)
def _values_of(
    cuts: tuple[int, ...], sounds: tuple[bool, ...], meter: Meter | None, written: str, length: int, is_pickup: bool
) -> tuple[Value, ...]:
    bar = Bar(meter, Key(), length, (), is_pickup=is_pickup)
    values = note_values(cuts, bar, sounds)
    join_beams(values, bar)
    heard = [sounds[max(index for index, cut in enumerate(cuts) if cut <= value.start)] for value in values]
    brackets = [
        bracket for _, group in groupby(values, key=lambda value: value.window) for bracket in _brackets([*group])
    ]
    beams = _beams(values, heard)
    return tuple(
        Value(value.start, value.end, _type(value), "" if value.window is None else _TRIPLET, beam, bracket)
        for value, beam, bracket in zip(values, beams, brackets, strict=True)
    )


def _type(value: WrittenValue) -> str:
    kinds = PLAIN_VALUES if value.window is None else _TRIPLET_TYPES
    kind = kinds[value.end - value.start]
    return f"<type>{kind.type}</type>" + "<dot/>" * kind.dots


def _brackets(group: Sequence[WrittenValue]) -> Iterator[str]:
    """The bracket of a triplet, at its first and its last note; none for notes outside."""
    for index, value in enumerate(group):
        if value.window is None or 0 < index < len(group) - 1:
            yield ""
        elif len(group) == 1:
            yield '<tuplet type="start"/><tuplet type="stop"/>'
        else:
            yield f'<tuplet type="{"stop" if index else "start"}"/>'


def _beams(values: Sequence[WrittenValue], heard: Sequence[bool]) -> list[str]:
    counts = [_beam_count(_type(value)) if sounds else 0 for value, sounds in zip(values, heard, strict=True)]
    joined = [bool(counts[index] and counts[index + 1]) and values[index].is_beamed for index in range(len(values) - 1)]
    return _levels(counts, joined)


def _beam_count(kind: str) -> int:
    """How many beams or flags a note has whose `<type>` this is."""
    return _BEAMS.get(kind.removeprefix("<type>").partition("<")[0], 0)


def _levels(counts: Sequence[int], joined: Sequence[bool]) -> list[str]:
    """The `<beam>`s of each note, given whether it is joined to the next one."""
    return [
        "".join(_beam(counts, joined, index, level) for level in range(1, counts[index] + 1))
        for index in range(len(counts))
    ]


def _beam(counts: Sequence[int], joined: Sequence[bool], index: int, level: int) -> str:
    """One level of a note's beams: begun, continued or ended, or a hook; empty for a note by itself."""
    from_before = index > 0 and joined[index - 1]
    to_after = index < len(joined) and joined[index]
    before = from_before and counts[index - 1] >= level
    after = to_after and counts[index + 1] >= level
    if not (from_before or to_after):
        return ""
    hook = "backward hook" if from_before else "forward hook"
    word = "continue" if before and after else "end" if before else "begin" if after else hook
    return f'<beam number="{level}">{word}</beam>'
