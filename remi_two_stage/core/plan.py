"""`Plan`, a chord plan a person can read, edit and type.

Text kind: bars between `|`, of which none goes on in the next line, chords as Roman numerals or as names in the plan's
key, `?` for one that is not known. n chords in a bar divide its beats, earlier ones longer; with `/` each item takes
one beat and `/` holds the chord before it. A name may have a bass (`D/F#`), a numeral a figure for it (`I6`, `V42`),
and another degree than the tonic to count from (`V7/V`); `%` repeats the bar before. `|: :| [1 [2 |1 |2 ||` are as in
ABC (standard 2.1, section 4.8). `(V)` is a pick-up of one beat, `(V 1/8)` one of an eighth note; the bar before it is
shorter by it, and so are those that lead back to the one at the start of a part, and the last bar.

    |: I | IV V7 | I / V / | I :|            D | G A7 | D
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import zip_longest

from .chords import (
    UNKNOWN_CHORD,
    chord_name,
    make_label,
    named_chord,
    parse_name,
    parse_roman,
    roman_text,
    split_label,
)
from .errors import ChordError, RequestError
from .piece import Bar, Chord, Piece
from .playing_order import bar_numbers, last_of_ending
from .signatures import TICKS_PER_WHOLE, Key, Meter, name_at
from .text import counted

_SIGNS = re.compile(r"\|:|:\|:|::|:\||\|\]|\|\||\||\[[1-9](?:,[1-9])*|[()]|[^\s|()\[\]:]+|\S")
_BAR_LINES = ("|:", ":|:", "::", ":|", "|]", "||", "|")
_UNKNOWN = "?"
_REPEATED = "%"
_PHRASE_BARS = 4
_FINEST = 16
"""Typed pick-ups are whole 16ths long, or whole units of a metre that counts shorter ones."""
_CHORDS_OF_KEYS = {
    "maj": ("I", "ii", "iii", "IV", "V", "vi", "viio"),
    "min": ("i", "iio", "bIII", "iv", "V", "v", "bVI", "bVII", "viio"),
}
"""Mode -> the chords that belong to a key, the tonic's first (Kostka and Payne, Tonal Harmony, chapter 4)."""
_DOMINANT, _DOMINANT_QUALITIES = 7, ("7", "9", "7b9", "13", "7sus4", "aug7")


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
        """Read a plan typed by a person.

        Raises:
            ChordError: a chord that does not exist, or more chords in a bar than it has beats; the message names the
                bar.
            RequestError: it is no text.
        """
        if not isinstance(text, str):
            raise RequestError(f"a plan is text such as 'I | IV V7 | I', not a {type(text).__name__}")
        typed = _typed_bars(text)
        if not typed:
            raise ChordError(f"the plan {text!r} has no bars; write chords between bar lines, such as I | IV V7 | I")
        _close_endings(typed)
        lengths = _lengths(typed, meter)
        numbers = bar_numbers(bar.is_pickup for bar in typed)
        bars = [
            bar.build(number, key, meter, length, len(voices))
            for number, bar, length in zip(numbers, typed, lengths, strict=True)
        ]
        return cls(Piece(voices, tuple(_with_phrases(bars)), style=style, tempo=tempo))

    @property
    def bar_count(self) -> int:
        """Bars as a musician counts them (see `Piece.bar_count`)."""
        return self.skeleton.bar_count

    def check_typed(self) -> None:
        """Refuse what a score may have, but a typed plan should not: pick-ups in small parts of a triplet, and repeats
        and endings that cannot be followed.

        Raises:
            ChordError: a pick-up that is not whole 16ths long; a repeat that is not closed, or begins within another;
                an ending that follows no other, or a first one that no other follows.
        """
        bars = self.skeleton.bars
        opened: int | None = None
        ending = 0
        for number, bar, before in zip(self.skeleton.bar_numbers, bars, (None, *bars), strict=False):
            if bar.is_pickup and bar.meter is not None:
                try:
                    _check_pickup(Fraction(bar.length, TICKS_PER_WHOLE), max(_FINEST, bar.meter.denominator))
                except ChordError as error:
                    raise error.at(bar=number) from None
            if opened is not None and bar.repeat_start:
                raise ChordError(f"|: opens a repeat within that of bar {opened}; close that one with :|").at(
                    bar=number
                )
            if bar.endings and bar.endings[0] > 1:
                _check_ending(bar.endings[0], ending, bool(before and before.repeat_end), number)
            opened = None if bar.repeat_end else number if bar.repeat_start else opened
            ending = bar.endings[-1] if bar.endings else 0 if bar.repeat_start else ending
        if opened is not None:
            raise ChordError("|: opens a repeat that nothing closes; write :| at its end, or | here").at(bar=opened)
        for index, bar in enumerate(bars):
            if bar.endings[:1] == (1,) and bar.endings[-1] + 1 not in _endings_after(bars, index):
                raise ChordError(
                    f"no ending [{bar.endings[-1] + 1} follows the ending [{','.join(map(str, bar.endings))}; write "
                    "one after its :|, or leave the ending's sign out"
                ).at(bar=self.skeleton.bar_numbers[index])

    def text(self, names: bool = False) -> str:
        """The plan as `parse` reads it, a line every four bars. Phrases, changes of metre or key, irregular bars and
        chords between the beats have no text form.

        Args:
            names: Chord names instead of Roman numerals: as they were typed, or else in the key of their bar.
        """
        bars = self.skeleton.bars
        lines = []
        for line in self.lines():
            shown = ""
            for index in line:
                shown += _left_sign(bars[index], shown) + self._bar_text(bars[index], names)
            last = bars[line[-1]]
            lines.append(shown + (" :|" if last.repeat_end else " ||" if last.ending_end else " |"))
        return "\n".join(lines)

    def lines(self) -> list[list[int]]:
        """Indices of the bars on each line: four bars, or up to a repeat sign."""
        lines: list[list[int]] = [[]]
        for index, bar in enumerate(self.skeleton.bars):
            lines[-1].append(index)
            count = sum(not self.skeleton.bars[place].is_pickup for place in lines[-1])
            if bar.repeat_end or bar.ending_end or count == _PHRASE_BARS:
                lines.append([])
        return [line for line in lines if line]

    def bar_texts(self, names: bool = False) -> list[str]:
        """The chords of each bar as `with_bar` takes them: those of `text`, without the signs around them."""
        return [" ".join(self._items(bar, names)) for bar in self.skeleton.bars]

    def with_bar(self, index: int, text: str) -> Plan:
        """This plan with the chords of one bar as a person types them, as numerals or names.

        Raises:
            ChordError: a chord that does not exist, none at all, or more than the bar has beats.
        """
        bars = list(self.skeleton.bars)
        bar = bars[index]
        if not (items := text.split()):
            raise ChordError(f"no chord is given; write one such as I or {chord_name('I', self.skeleton.key)}")
        bars[index] = replace(bar, chords=tuple(_placed(items, bar.beats, self.skeleton.key)))
        return Plan(replace(self.skeleton, bars=tuple(bars)))

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        first, *others = self.text().split("\n")
        what = repr(self.skeleton)[1:-1].partition(": ")[2]
        return f"<Plan {what}: {first}{' ...' if others else ''}>"

    def _bar_text(self, bar: Bar, names: bool) -> str:
        items = self._items(bar, names)
        return _in_parentheses(bar, items) if bar.is_pickup else " ".join(items)

    def _items(self, bar: Bar, names: bool) -> list[str]:
        """The chords of a bar and the beats that hold them, as typed."""
        slots = bar.beats
        items = ["/"] * len(slots)
        for chord in bar.chords:
            place = max(index for index, onset in enumerate(slots) if onset <= chord.onset)
            items[place] = self._item(chord, bar.key, names)
        items[0] = _UNKNOWN if items[0] == "/" else items[0]
        sounding = [index for index, item in enumerate(items) if item != "/"]
        is_divided = sounding == _division(len(sounding), len(slots))
        return [items[index] for index in sounding] if is_divided else items

    def _item(self, chord: Chord, key: Key, names: bool) -> str:
        if chord.label == UNKNOWN_CHORD:
            return _UNKNOWN
        if not names:
            return roman_text(chord.label, chord.bass)
        home = self.skeleton.key
        name = chord.name(home, key)
        read = named_chord(name, home)
        is_same = read is not None and (read.label, read.bass) == (chord.label, chord.bass)
        return name if is_same else chord_name(chord.label, home, key, chord.bass)


def key_of_names(text: str) -> Key:
    """The major or minor key that fits the chord names of a plan best; C where it has none.

    A chord that belongs to the key counts once, a dominant seventh on its fifth degree twice, the tonic's chord once
    more at the beginning and twice more at the end.
    """
    known = (named_chord(item, Key()) for item in re.findall(r"[A-G][^\s|()\[\]:]*", text))
    chords = [(chord.label, chord.symbol.root) for chord in known if chord is not None and chord.symbol is not None]
    if not chords:
        return Key()
    keys = [Key(name_at(root), mode) for root in dict.fromkeys(root for _, root in chords) for mode in _CHORDS_OF_KEYS]
    return max(keys, key=lambda key: _fit([_seen_from(label, key) for label, _ in chords], _CHORDS_OF_KEYS[key.mode]))


def _seen_from(label: str, key: Key) -> str:
    """A label counted from C as it is counted from another key's tonic, without its seventh but in a dominant one."""
    parts = split_label(label)
    if parts is None:
        return label
    root, quality = (parts[0] - key.pitch_class) % 12, parts[1]
    if root == _DOMINANT and quality in _DOMINANT_QUALITIES:
        return "V7"
    return make_label(root, "min" if quality.startswith("min") else "dim" if "dim" in quality else "maj")


def _fit(labels: Sequence[str], of_key: Sequence[str]) -> int:
    tonic = of_key[0]
    belonging = sum((label in of_key) + 2 * (label == "V7") for label in labels)
    return belonging + (labels[0] == tonic) + 2 * (labels[-1] == tonic)


def _check_ending(ending: int, last: int, follows_repeat: bool, bar: int) -> None:
    if ending != last + 1:
        raise ChordError(f"the ending [{ending} follows no ending [{ending - 1}; number endings from [1").at(bar=bar)
    if not follows_repeat:
        raise ChordError(f"the ending [{last} does not lead back; write :| before [{ending}").at(bar=bar)


def _endings_after(bars: Sequence[Bar], index: int) -> tuple[int, ...]:
    """The numbers of the ending that begins where the one that begins at bar `index` stops."""
    following = last_of_ending(bars, index) + 1
    return bars[following].endings if following < len(bars) else ()


def _check_pickup(value: Fraction, steps: int) -> None:
    """Raises ChordError unless a pick-up is some of the `steps` of a whole note long."""
    if (value * steps).denominator > 1:
        raise ChordError(
            f"a pick-up of {value} is not whole 16ths long; write such a length, as in (V 1/8), (V 3/16) or (V 1/4)"
        )


def _in_parentheses(bar: Bar, items: list[str]) -> str:
    is_beat = bar.meter is not None and bar.length == bar.meter.beat_length
    value = Fraction(bar.length, TICKS_PER_WHOLE)
    return f"({' '.join(items)}{'' if is_beat else f' {value.numerator}/{value.denominator}'})"


def _division(chords: int, beats: int) -> list[int]:
    """Beats on which `chords` chords stand that divide a bar, earlier ones longer."""
    shares = [beats // chords + (index < beats % chords) for index in range(chords)]
    return [sum(shares[:index]) for index in range(chords)]


def _left_sign(bar: Bar, line: str) -> str:
    sign = "|: " if bar.repeat_start else " | " if line else ""
    ending = f"[{','.join(map(str, bar.endings))} " if bar.endings else ""
    return (" " if line and bar.repeat_start else "") + sign + ending


@dataclass(slots=True)
class _TypedBar:
    """A bar as typed: its chords, and the signs around it."""

    items: list[str] = field(default_factory=list)
    phrase_start: bool = False
    repeat_start: bool = False
    endings: tuple[int, ...] = ()
    ending_end: bool = False
    repeat_end: bool = False
    is_pickup: bool = False
    is_closed: bool = False
    pickup_value: Fraction | None = None

    def pickup_length(self, meter: Meter) -> int:
        """Ticks of a pick-up, one beat where none is typed; 0 for another bar."""
        if not self.is_pickup:
            return 0
        return meter.beat_length if self.pickup_value is None else int(self.pickup_value * TICKS_PER_WHOLE)

    def build(self, number: int, key: Key, meter: Meter, length: int, voices: int) -> Bar:
        if not length > 0 or (self.is_pickup and length >= meter.bar_length):
            message = f"the pick-up is not shorter than a bar of {meter}; write its length, such as (V 1/8)"
            raise ChordError(message).at(bar=number)
        bar = Bar(
            meter,
            key,
            length,
            notes=((),) * voices,
            is_pickup=self.is_pickup,
            phrase_start=self.phrase_start,
            repeat_start=self.repeat_start,
            endings=self.endings,
            ending_end=self.ending_end,
            repeat_end=self.repeat_end,
        )
        if not self.is_pickup and length < meter.bar_length and len(self.items) > len(bar.beats):
            beats = counted(len(bar.beats), "beat")
            raise ChordError(
                f"{' '.join(self.items)!r} is too long for the {beats} that the pick-up leaves in this bar; "
                "write one chord a beat at most"
            ).at(bar=number)
        try:
            return replace(bar, chords=tuple(_placed(self.items, bar.beats, key)))
        except ChordError as error:
            raise error.at(bar=number) from None


def _placed(items: Sequence[str], beats: Sequence[int], key: Key) -> Iterator[Chord]:
    """The chords of a bar on its beats."""
    text = " ".join(items)
    if len(items) > len(beats):
        raise ChordError(
            f"{text!r} has {len(items)} chords or holds for {counted(len(beats), 'beat')}; write one a beat at most"
        )
    if "/" in items and len(items) != len(beats):
        raise ChordError(
            f"{text!r} has {len(items)} items for {counted(len(beats), 'beat')}; with / write one item a beat"
        )
    if items[0] == "/":
        raise ChordError(f"{text!r} begins with /, which holds no chord; begin the bar with a chord")
    places = range(len(beats)) if "/" in items else _division(len(items), len(beats))
    for place, item in zip(places, items, strict=True):
        if item not in ("/", _UNKNOWN):
            yield _typed_chord(beats[place], item, key)


def _typed_chord(onset: int, item: str, key: Key) -> Chord:
    """A chord typed as a name, which begins with A to G and stays as it is, or as a Roman numeral."""
    if not re.match("[A-G]|N[.]?C", item):
        label, bass = parse_roman(item)
        return Chord(onset, label, bass=bass)
    chord = parse_name(item, key)
    return Chord(onset, chord.label, chord.symbol, chord.bass)


def _typed_bars(text: str) -> list[_TypedBar]:
    """Bars of a typed plan; signs between two bars go to the one that they belong to."""
    bars: list[_TypedBar] = []
    bar = _TypedBar(phrase_start=True)
    after_bar_line = None
    text = re.sub(r"(?<=[^\s|:\[\]])[^\S\n]*(?=\n)", " |", text)  # a bar ends with its line
    for match in _SIGNS.finditer(re.sub(r"\|\s*([1-9](?:,[1-9])*)(?=\s)", r"| [\1", text)):
        sign = match[0]
        if sign in _BAR_LINES:
            if sign == "|" and after_bar_line is not None and "\n" not in match.string[after_bar_line : match.start()]:
                number = bar_numbers(typed.is_pickup for typed in (*bars, bar))[-1]
                raise ChordError("this bar is empty; write a chord, or % to repeat the bar before").at(bar=number)
            if bar.items:
                bar.repeat_end = sign[0] == ":"
                bar.ending_end = sign != "|"
                bars.append(bar)
                bar = _TypedBar(phrase_start=sign != "|")
            bar.repeat_start = bar.repeat_start or sign in ("|:", "::", ":|:")
        else:
            try:
                _read_sign(bar, sign, bars[-1].items if bars else ())
            except ChordError as error:
                raise error.at(bar=bar_numbers(typed.is_pickup for typed in (*bars, bar))[-1]) from None
        after_bar_line = match.end() if sign == "|" else None
    return [*bars, bar] if bar.items else bars


def _read_sign(bar: _TypedBar, sign: str, before: Sequence[str]) -> None:
    """Take what stands between two bar lines; `before` is what stands in the bar before."""
    if sign[0] in "[(" and bar.items:
        raise ChordError(f"{sign!r} stands inside a bar; write | before it")
    if sign[0] == "[" and len(sign) > 1:
        bar.endings = tuple(map(int, sign[1:].split(",")))
    elif sign == "(":
        bar.is_pickup = True
    elif sign == ")":
        bar.is_closed = True
    elif bar.is_closed:
        raise ChordError(f"{sign!r} stands behind a pick-up; write | after its )")
    elif bar.is_pickup and re.fullmatch(r"[1-9]\d?/[1-9]\d?", sign):
        bar.pickup_value = Fraction(sign)
        _check_pickup(bar.pickup_value, TICKS_PER_WHOLE)
    elif sign in ("[", "]", ":"):
        raise ChordError(f"{sign!r} has no meaning here; bar lines are {' '.join(_BAR_LINES)}")
    elif sign == _REPEATED:
        if not before:
            raise ChordError("% repeats the bar before, and there is none; write a chord")
        bar.items += before
    else:
        bar.items.append(sign)


def _close_endings(bars: Sequence[_TypedBar]) -> None:
    """Let every ending end: where a sign says so, before the next one or a repeat, or with the plan."""
    lasts = {last_of_ending(bars, index) for index, bar in enumerate(bars) if bar.endings}
    for index, bar in enumerate(bars):
        bar.ending_end = index in lasts


def _lengths(bars: Sequence[_TypedBar], meter: Meter) -> list[int]:
    """Ticks of each bar: full, but for pick-ups and the bars before them, and the bars that lead back to the pick-up at
    the start of their part or end the plan.
    """
    lengths, to_complete, begins_part = [], 0, True
    for bar, following in zip_longest(bars, bars[1:]):
        pickup = bar.pickup_length(meter)
        if begins_part or bar.repeat_start:
            to_complete = pickup
        closes = bar.repeat_end or bar.ending_end
        if bar.is_pickup:
            lengths.append(pickup)
        elif following and following.is_pickup and not bar.repeat_end:
            lengths.append(meter.bar_length - following.pickup_length(meter))
        else:
            lengths.append(meter.bar_length - (to_complete if closes or following is None else 0))
        begins_part = closes and not (following and following.endings)
    return lengths


def _with_phrases(bars: Sequence[Bar]) -> Iterator[Bar]:
    """A phrase begins where a sign says so, and else after every fourth bar."""
    since = 0
    for bar in bars:
        starts = bar.phrase_start or (since == _PHRASE_BARS and not bar.is_pickup)
        since = (0 if starts else since) + (not bar.is_pickup)
        yield replace(bar, phrase_start=starts)
