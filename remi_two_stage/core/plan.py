"""`Plan`, a chord plan a person can read, edit and type.

Text form: bars between `|`, chords as Roman numerals or as names in the plan's key. n chords in a bar divide its
beats, earlier ones longer; with `/` each item takes one beat and `/` holds the chord before it. `|: :| [1 [2` are as
in ABC (standard 2.1, section 4.8); `(V)` is a pick-up.

    |: I | IV V7 | I / V / | I :|            D | G A7 | D
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from .chords import NO_CHORD, UNKNOWN_CHORD, chord_name, parse_name, parse_roman
from .errors import ChordError
from .piece import Bar, Chord, Key, Meter, Piece

_SIGNS = re.compile(r"\|:|:\|:|::|:\||\|\]|\|\||\||\[[1-9](?:,[1-9])*|[()]|[^\s|()\[\]]+")
_PHRASE_BARS = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """Metre, key, voices and the chords of every bar, held as a piece whose voices are silent.

    Attributes:
        skeleton: The piece without its notes, in its own key.
    """

    skeleton: Piece

    @classmethod
    def of(cls, piece: Piece) -> Plan:
        """The plan of a piece: everything but its notes."""
        silent = tuple(() for _ in piece.voices)
        return cls(replace(piece, bars=tuple(replace(bar, notes=silent) for bar in piece.bars)))

    @classmethod
    def parse(
        cls,
        text: str,
        key: Key = Key(),  # noqa: B008 (immutable)
        meter: Meter = Meter(),  # noqa: B008
        voices: tuple[str, ...] = ("M",),
        style: str | None = None,
        tempo: float | None = None,
    ) -> Plan:
        """Read a plan typed by a person; a pick-up lasts one beat.

        Raises:
            ChordError: a chord that does not exist, or more chords in a bar than it has beats; the message names the
                bar.
        """
        bars = [bar.build(number, key, meter, len(voices)) for number, bar in enumerate(_typed_bars(text), 1)]
        if not bars:
            raise ChordError(f"the plan {text!r} has no bars; write chords between bar lines, such as I | IV V7 | I")
        return cls(Piece(voices, tuple(_with_structure(bars)), style=style, tempo=tempo))

    @property
    def bar_count(self) -> int:
        """Bars as a musician counts them (see `Piece.bar_count`)."""
        return self.skeleton.bar_count

    def text(self, names: bool = False) -> str:
        """The plan as `parse` reads it, a line every four bars.

        Args:
            names: Chord names in the plan's key instead of Roman numerals.
        """
        lines, line, count = [], "", 0
        bars = self.skeleton.bars
        for index, bar in enumerate(bars):
            line += _left_sign(bar, line) + self._bar_text(bar, names)
            count += not bar.is_pickup
            if bar.repeat_end or index + 1 == len(bars) or count == _PHRASE_BARS:
                lines.append(line + (" :|" if bar.repeat_end else " |"))
                line, count = "", 0
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()

    def _bar_text(self, bar: Bar, names: bool) -> str:
        labels = [chord_name(chord.label, self.skeleton.key) if names else chord.label for chord in bar.chords]
        beat = bar.meter.beat_length if bar.meter else bar.length
        beats = max(bar.length // beat, 1)
        places = [min(chord.onset // beat, beats - 1) for chord in bar.chords]
        items = labels if places == _division(len(labels), beats) else _on_beats(labels, places, beats)
        text = " ".join(items) or (NO_CHORD if not names else "N.C.")
        return f"({text})" if bar.is_pickup else text


def _division(chords: int, beats: int) -> list[int]:
    """Beats on which `chords` chords stand that divide a bar, earlier ones longer."""
    shares = [beats // chords + (index < beats % chords) for index in range(chords)]
    return [sum(shares[:index]) for index in range(chords)]


def _on_beats(labels: list[str], places: list[int], beats: int) -> list[str]:
    """One item a beat, `/` where a chord holds; of several chords in a beat the last."""
    items = ["/"] * beats
    for label, place in zip(labels, places, strict=True):
        items[place] = label
    return items if items[0] != "/" else [UNKNOWN_CHORD, *items[1:]]


def _left_sign(bar: Bar, line: str) -> str:
    sign = "|: " if bar.repeat_start else " | " if line else ""
    ending = f"[{','.join(map(str, bar.endings))} " if bar.endings else ""
    return (" " if line and bar.repeat_start else "") + sign + ending


@dataclass(slots=True)
class _TypedBar:
    """A bar as typed: its chords, and the signs around it."""

    items: list[str] = field(default_factory=list)
    repeat_start: bool = False
    repeat_end: bool = False
    ending_end: bool = False
    phrase_start: bool = False
    endings: tuple[int, ...] = ()
    is_pickup: bool = False

    def build(self, number: int, key: Key, meter: Meter, voices: int) -> Bar:
        beats = 1 if self.is_pickup else meter.bar_length // meter.beat_length
        length = meter.beat_length if self.is_pickup else meter.bar_length
        try:
            chords = tuple(Chord(beat * meter.beat_length, label) for beat, label in _placed(self.items, beats, key))
        except ChordError as error:
            raise error.at(bar=number) from None
        return Bar(
            meter,
            key,
            length,
            notes=((),) * voices,
            chords=chords,
            is_pickup=self.is_pickup,
            phrase_start=self.phrase_start,
            repeat_start=self.repeat_start,
            endings=self.endings,
            ending_end=self.ending_end,
            repeat_end=self.repeat_end,
        )


def _placed(items: list[str], beats: int, key: Key) -> Iterator[tuple[int, str]]:
    """(beat, label) of each chord of a bar."""
    if len(items) > beats:
        raise ChordError(
            f"{' '.join(items)!r} has {len(items)} chords or holds for {beats} beats; write one a beat at most"
        )
    if "/" in items and len(items) != beats:
        raise ChordError(f"{' '.join(items)!r} has {len(items)} items for {beats} beats; with / write one item a beat")
    if items[0] == "/":
        raise ChordError(f"{' '.join(items)!r} begins with /, which holds no chord; begin the bar with a chord")
    places = range(beats) if "/" in items else _division(len(items), beats)
    for place, item in zip(places, items, strict=True):
        if item != "/":
            yield place, _label(item, key)


def _label(item: str, key: Key) -> str:
    """Label of a typed chord: a name when it begins with A to G, else a Roman numeral."""
    if not re.match("[A-G]|N.C", item):
        return parse_roman(item)
    chord = parse_name(item, key)
    if chord.bass is not None or not chord.is_exact:
        plain = chord_name(chord.label, key)
        raise ChordError(f"plans hold neither inversions nor chords such as {item!r}; write {plain}")
    return chord.label


def _typed_bars(text: str) -> Iterator[_TypedBar]:
    """Bars of a typed plan; signs between two bars go to the one that they belong to."""
    bar = _TypedBar(phrase_start=True)
    for sign in _SIGNS.findall(text):
        if sign[0] not in "|:[()" or (sign[0] == ":" and len(sign) > 3):
            bar.items.append(sign)
        elif sign == "(":
            bar.is_pickup = True
        elif sign != ")":
            if bar.items and sign[0] != "[":
                bar.repeat_end = sign[0] == ":"
                bar.ending_end = sign not in ("|",)
                yield bar
                bar = _TypedBar(phrase_start=sign != "|")
            bar.repeat_start = bar.repeat_start or sign in ("|:", "::", ":|:")
            if sign[0] == "[":
                bar.endings = tuple(map(int, sign[1:].split(",")))
    if bar.items:
        yield bar


def _with_structure(bars: list[Bar]) -> Iterator[Bar]:
    """Endings closed where they must, bars before a return to the pick-up shortened by it, phrases every four bars."""
    pickup = since = 0
    is_open = False
    for index, bar in enumerate(bars):
        following = bars[index + 1] if index + 1 < len(bars) else None
        is_open = is_open or bool(bar.endings)
        closes = is_open and (bar.ending_end or following is None or bool(following.endings) or following.repeat_start)
        is_open = is_open and not closes
        pickup = bar.length if bar.is_pickup else 0 if bar.repeat_start else pickup
        since = 0 if bar.phrase_start else since
        starts = bar.phrase_start or (since == _PHRASE_BARS and not bar.is_pickup)
        since = (1 if starts else since + 1) - bar.is_pickup
        length = bar.length - pickup if (bar.repeat_end or following is None) and not bar.is_pickup else bar.length
        yield replace(bar, ending_end=closes, phrase_start=starts, length=length)
