"""What can be wrong with a piece or its tokens, checked without the grammar that music is decoded with.

Conventions
- Rates are from 0 to 1 and are to be 0 for composed music.
- Token errors are those of MidiTok's `tokens_errors` (Fradet et al., 2021), for this vocabulary: *type*, a token whose
  kind may not follow that of the token before; *time*, a position that does not lie after the one before in its voice,
  or not in its bar; *note*, a pitch struck in a voice in which it sounds, or twice at one position.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..core.piece import Piece
from ..core.signatures import Meter
from ..core.vocabulary import FREE_METER, TOKENS
from .counts import Counts

_BARS = ("PhraseStart", "RepeatStart", "Ending", "time", "key", "BarStart")
_BAR_END = ("EndingEnd", "RepeatEnd", *_BARS, "EOS")
_FOLLOWING = {
    "BOS": ("Style", "time"),
    "Style": ("time",),
    "Tonic": ("Tempo", "Bars", "voice"),
    "Tempo": ("Bars", "voice"),
    "Bars": ("voice",),
    "PhraseStart": ("RepeatStart", "Ending", "time", "key", "BarStart"),
    "RepeatStart": ("Ending", "time", "key", "BarStart"),
    "Ending": ("Ending", "time", "key", "BarStart"),
    "BarStart": ("PickUp", "BarLen", "Chord"),
    "PickUp": ("Chord",),
    "BarLen": ("Chord",),
    "Chord": ("Bass", "RelPos", "voice"),
    "Bass": ("RelPos", "voice"),
    "voice": ("RelPos", "voice", *_BAR_END),
    "Dynamics": ("Note-On",),
    "Note-On": ("Duration",),
    "Duration": ("Duration", "Velocity", "Note-On", "RelPos", "voice", *_BAR_END),
    "Velocity": ("Note-On", "RelPos", "voice", *_BAR_END),
    "EndingEnd": ("RepeatEnd", *_BARS, "EOS"),
    "RepeatEnd": (*_BARS, "EOS"),
    "EOS": (),
}
"""Kind of a token -> kinds that may follow in a "full" sequence; those of `_follows` depend on where they stand."""


@dataclass(slots=True)
class TokenErrors(Counts):
    """Counts over some sequences; `+` joins them."""

    tokens: int = 0
    type: int = 0
    time: int = 0
    note: int = 0

    def rates(self) -> dict[str, float]:
        """Errors of each kind, a token."""
        return {name: getattr(self, name) / max(1, self.tokens) for name in ("type", "time", "note")}


def token_errors(token_ids: Sequence[int]) -> TokenErrors:
    """Count the errors of a "full" sequence of token ids."""
    return _Checker().check(token_ids)


def _kind(token: int) -> tuple[str, str]:
    """A token's family, or the bare word that it is, and its value."""
    family, value = TOKENS[token]
    return (value, "") if family in ("special", "structure") else (family, value)


@dataclass(slots=True)
class _Checker:
    """Reads tokens with no more than it needs: where it is, and what sounds."""

    errors: TokenErrors = field(default_factory=TokenErrors)
    in_globals: bool = True
    in_header: bool = False
    bar_length: int = 0
    length: int = 0
    offset: int = 0
    position: int = -1
    voice: str = ""
    pitch: int = -1
    struck: set[int] = field(default_factory=set)
    sounding: dict[tuple[str, int], int] = field(default_factory=dict)
    start: int = 0

    def check(self, token_ids: Sequence[int]) -> TokenErrors:
        before = ""
        for token in token_ids:
            kind, value = _kind(token)
            self.errors.tokens += 1
            self.errors.type += not self._follows(before, kind)
            self._read(kind, value)
            before = kind
        self.errors.type += before != "EOS"
        return self.errors

    def _follows(self, before: str, kind: str) -> bool:
        if before == "":
            return kind == "BOS"
        if before == "time":
            return kind == "key" or (not self.in_globals and kind == "BarStart")
        if before == "key":
            return kind in (("Tonic", "Tempo", "Bars", "voice") if self.in_globals else ("BarStart",))
        if before == "RelPos":
            return kind == "Chord" if self.in_header else kind in ("Dynamics", "Note-On")
        if before == "voice" and self.in_globals:
            return kind in ("voice", *_BARS)
        return kind in _FOLLOWING.get(before, ())

    def _read(self, kind: str, value: str) -> None:
        if kind == "time":
            self.bar_length = 0 if value == FREE_METER else Meter.parse(value).bar_length
        elif kind == "BarStart":
            self.start += self.length
            self.in_globals, self.in_header = False, True
            self.length, self.offset, self.position = self.bar_length, 0, 0
        elif kind in ("PickUp", "BarLen"):
            self.length = int(value)
            self.offset = self.position = self.bar_length - self.length if kind == "PickUp" else 0
        elif kind == "voice" and not self.in_globals:
            self.in_header, self.voice, self.position = False, value, -1
        elif kind == "RelPos":
            self._move(int(value))
        elif kind == "Note-On":
            self._strike(int(value))
        elif kind == "Duration":
            self.sounding[self.voice, self.pitch] += int(value)

    def _move(self, position: int) -> None:
        is_inside = self.offset <= position < self.offset + self.length
        self.errors.time += not (is_inside and position > self.position)
        self.position = position
        self.struck.clear()

    def _strike(self, pitch: int) -> None:
        now = self.start + self.position - self.offset
        self.errors.note += pitch in self.struck or self.sounding.get((self.voice, pitch), 0) > now
        self.struck.add(pitch)
        self.pitch = pitch
        self.sounding[self.voice, pitch] = now


@dataclass(frozen=True, slots=True)
class BarErrors(Counts):
    """Counts over some pieces; `+` joins them.

    Attributes:
        bars: All bars.
        wrong_meter: Bars in another metre than was asked for (FIGARO's time-signature accuracy, von Rütte et al.,
            2023, is 1 less their share).
        wrong_length: Bars that are neither as long as their metre says nor a pick-up nor the complement of one.
        overfull: Bars in which a note starts after the end.
        pieces: All pieces.
        wrong_count: Pieces with another number of bars than was asked for.
    """

    bars: int = 0
    wrong_meter: int = 0
    wrong_length: int = 0
    overfull: int = 0
    pieces: int = 0
    wrong_count: int = 0

    def rates(self) -> dict[str, float]:
        """Errors of each kind, a bar or a piece."""
        by_bar = {name: getattr(self, name) / max(1, self.bars) for name in ("wrong_meter", "wrong_length", "overfull")}
        return by_bar | {"wrong_count": self.wrong_count / max(1, self.pieces)}


def bar_errors(asked: Iterable[tuple[Piece, Meter | None, int]]) -> BarErrors:
    """Count over pieces, each with the metre and the number of bars that were asked for."""
    return sum((_bar_errors(piece, meter, bars) for piece, meter, bars in asked), start=BarErrors())


def _bar_errors(piece: Piece, meter: Meter | None, bars: int) -> BarErrors:
    pickups = {bar.length for bar in piece.bars if bar.is_pickup}
    complements = {bar.meter.bar_length - pickup for bar in piece.bars if bar.meter for pickup in pickups}
    return BarErrors(
        bars=len(piece.bars),
        wrong_meter=sum(bar.meter != meter for bar in piece.bars),
        wrong_length=sum(not (bar.is_full or bar.is_pickup or bar.length in complements) for bar in piece.bars),
        overfull=sum(any(note.onset >= bar.length for voice in bar.notes for note in voice) for bar in piece.bars),
        pieces=1,
        wrong_count=int(piece.bar_count != bars),
    )
