"""What a voice of an ABC tune keeps while it is read: notes on its time line, boundaries between bars, settings.

Times are in units (`abc_fields.UNITS_PER_TICK` to a tick) from the start of the tune.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, make_dataclass
from operator import itemgetter
from typing import TypeVar

from ..core.notation import DoubleLine
from ..core.signatures import Key, Meter
from .abc_fields import COMMAS, KeySignature
from .abc_tokens import BarLine, BrokenRhythm

_Record = TypeVar("_Record")
SungNote = list[int]
"""A note on the time line of its voice: [start, pitch, end, step], the step as last written."""

PITCH, END, STEP = 1, 2, 3
END_OF = itemgetter(END)
_MOST_PLAYS = 9


@dataclass(slots=True)
class Boundary:
    """What stands between two bars; the metre and the key are those that hold after it.

    Attributes:
        semitones: From written to sounding pitch, after it.
        plays: How often the section that a repeat closes here is played; 0 without a repeat.
        counts_plays: An ending without music before that repeat says so; the next one is the last play: `[1,2 :| [3`.
        part: Label of the part that begins here.
        double_line: A double bar line stands here.
        is_section: A double bar or a part label: a phrase begins here.
        splits_bar: A sign stands here that may part a bar in two, even a dotted line alone.
        pickup_remark: Whether the bar after it is a pick-up, where a remark says so (`abc_bar_lines.PICKUP_REMARKS`).
    """

    time: int
    meter: Meter | None
    key: Key
    semitones: int
    plays: int = 0
    counts_plays: bool = False
    repeat_start: bool = False
    endings: tuple[int, ...] = ()
    part: str = ""
    double_line: DoubleLine = ""
    is_section: bool = False
    splits_bar: bool = False
    pickup_remark: bool | None = None

    @property
    def has_signs(self) -> bool:
        """Whether anything but the metre and the key is said here."""
        return bool(self.splits_bar or self.is_section or self.part or self.pickup_remark is not None)

    def add(self, sign: BarLine) -> None:
        """What a bar line says."""
        plays = sign.plays
        if plays and self.endings and not self.plays:  # there is no music between this ending and the repeat
            plays, self.counts_plays = self.endings[-1] + 1, True
        if sign.splits_bar:
            self.splits_bar = True
            self.plays = max(self.plays, min(plays, _MOST_PLAYS))
            self.repeat_start |= sign.repeat_start
            self.double_line = self.double_line or sign.double_line
            self.begin_ending(sign.endings or self.endings)

    def begin_ending(self, passes: tuple[int, ...]) -> None:
        """An ending begins here, unless it only counts how often the section before is played."""
        self.splits_bar = True
        self.endings = () if self.counts_plays else passes


Event = tuple[int, Sequence[SungNote], bool, int]
"""A note, chord or rest: when it begins, its notes, whether it closes a tuplet, its length without broken rhythm."""


@dataclass(slots=True)
class Layer:
    """What an overlay (`&`) does not share with its voice: the bar's MIDI number of every step, and open ties."""

    scale: Sequence[int]
    ties: list[SungNote] = field(default_factory=list)


@dataclass(slots=True)
class Settings:
    """What a tune's header sets for all its voices; each copies it when it begins.

    Attributes:
        meter: None in free metre.
        signature: What `K:` says.
        unit_length: In units; 0 where the metre decides.
        part: Label of the part that the tune begins with.
        propagation: How far accidentals reach: "pitch" (all octaves), "octave" or "not" (section 11.3).
        midi_transposition: Semitones that `%%MIDI transpose` adds.
        channel: The channel of `%%MIDI channel`.
        commas: Equal steps of the octave that the number in an accidental such as ^3 counts.
        has_lyrics: Whether words stand beneath lines of its music.
    """

    meter: Meter | None
    signature: KeySignature
    unit_length: int = 0
    part: str = ""
    propagation: str = "pitch"
    midi_transposition: int = 0
    channel: int = 0
    commas: int = COMMAS
    has_lyrics: bool = False


@dataclass(slots=True)
class BrokenNotes:
    """A broken rhythm that waits for its second note, and how to take it back from the first.

    Attributes:
        rhythm: The sign.
        length: Of the first note, without broken rhythm.
        time: Where the first note ended before.
        ends: Where its notes ended before.
        struck: Its notes.
        symbols: How many chord symbols the voice had.
    """

    rhythm: BrokenRhythm
    length: int
    time: int
    ends: list[int]
    struck: Sequence[SungNote]
    symbols: int

    def take_back(self, symbols: list[tuple[int, str]]) -> None:
        """Let the first note end where it did before, and the chord symbols after it stand there."""
        symbols[self.symbols :] = [(self.time, name) for _, name in symbols[self.symbols :]]
        for sung, end in zip(self.struck, self.ends, strict=True):
            sung[END] = end


def maker_of(kind: type[_Record]) -> Callable[..., _Record]:
    """What makes a frozen dataclass of all its fields by position, unchecked, in a third of the time of its `__init__`,
    which goes through `object.__setattr__` for each field: here they are set while the record is not frozen yet.
    """

    def freeze(record: _Record) -> None:
        record.__class__ = kind

    columns = [(each.name, each.type) for each in fields(kind)]  # type: ignore[arg-type]
    return make_dataclass(kind.__name__, columns, slots=True, namespace={"__post_init__": freeze})
