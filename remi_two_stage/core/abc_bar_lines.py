"""What stands between the bars of ABC: bar lines, repeats, endings, changes of metre and key, and remarks.

Conventions
- In several voices a change of metre or key ends the line before it, as a courtesy; `|:` stands wherever playing goes
  back to but the first bar.
- Three plays and more are counted by endings without music (`[1,2 :| [3 ||`), as programs that do not know `::|` play
  them. At the end of a tune the last one holds a directive that changes nothing: abcjs fails by an empty one.
- A double bar line (section 4.8) closes the ending that is open, and so stands in none but at its end.
- Bars that are short without a sign that tells why carry a remark, such as [r:pick-up].
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from .double_lines import double_line_after
from .notation import DoubleLine
from .piece import Bar
from .playing_order import are_in_endings, bars_before, completes_bar, has_sign, last_of_ending
from .repeats import keys_gone_back_to, plays_of_sections
from .signatures import Key, Meter

PICKUP_REMARKS = {True: "pick-up", False: "no pick-up"}
"""Whether a short bar is a pick-up -> the inline remark `[r:...]` that says so where bar lines and lengths mislead."""

_NOTHING = "[I:MIDI gchordon]"
"""What is there for programs and neither heard nor seen: chord symbols are played as they are without it."""
_NOT_IN_LABELS = r"[\[\]%\\]"


def part_text(bar: Bar) -> str:
    """The label of a part that begins with a bar, as `P:` says it."""
    return re.sub(_NOT_IN_LABELS, "", bar.part).strip()


def meter_text(meter: Meter | None) -> str:
    """A metre as `M:` names it."""
    return "none" if meter is None else meter.written or str(meter)


def key_text(key: Key) -> str:
    """A key as `K:` names it."""
    return key.tonic + {"maj": "", "min": "m"}.get(key.mode, key.mode)


class BarLines:
    """Bar lines, endings, changes of metre and key, and remarks: what stands between the bars of every voice.

    Args:
        has_courtesy: Whether changes of metre and key stand at the end of a line and not at the start of the next.
        says_keys: Whether a repeat that goes back to another key says so before it, as a printed courtesy does.
    """

    def __init__(self, bars: Sequence[Bar], has_courtesy: bool, says_keys: bool = False) -> None:
        self._bars = bars
        self.has_courtesy = has_courtesy
        self._before = bars_before([bool(bar.endings) for bar in bars], [bar.ending_end for bar in bars])
        plain = [_plain_if_counted(bars, index) for index in range(len(bars))]
        self._counted = _counted_by_empty_endings(plain)
        self._plays = plays_of_sections(
            [replace(bar, plays=2) if index in self._counted else bar for index, bar in enumerate(plain)]
        )
        self._keys_gone_back_to = keys_gone_back_to(bars) if says_keys else {}
        self._is_in_ending = are_in_endings(bars)

    def line_start(self, index: int) -> str:
        """What stands before a bar at the start of a line."""
        return self._opening(index, has_changes=not self.has_courtesy)

    def line_end(self, index: int) -> str:
        """What stands after a bar at the end of a line."""
        follows = self.has_courtesy and index + 1 < len(self._bars)
        return " ".join([*self._key_back(index), self._closing(index), *(self._changes(index + 1) if follows else ())])

    def _opening(self, index: int, has_changes: bool = True) -> str:
        bar = self._bars[index]
        signs = ["|" + ":" * (self._plays[index] - 1)] if bar.repeat_start else []
        if bar.endings:
            signs.append("[" + ",".join(map(str, bar.endings)))
        changes = self._changes(index) if has_changes else ()
        return " ".join([*signs, *changes, *self._remarks(index)])

    def _closing(self, index: int) -> str:
        bar = self._bars[index]
        if index in self._counted:
            counted = f"[{','.join(map(str, range(1, bar.plays)))} :| [{bar.plays}"
            return f"{counted} ||" if index + 1 < len(self._bars) else f"{counted} {_NOTHING} |]"
        if bar.repeat_end:
            return ":" * (self._plays[index] - 1) + "|"
        if index + 1 == len(self._bars):
            return "|]"
        if line := self._double_line(index):
            return line
        after = self._bars[index + 1]
        if (bar.ending_end and not after.endings) or (after.repeat_start and not bar.is_full):
            return "||"
        if self._splits_bar(index):
            return ".|" if self._is_in_ending[index] else "||"
        return "|"

    def joining(self, index: int) -> str:
        """What stands between a bar and the next on the same line."""
        close, opening = self._closing(index), self._opening(index + 1)
        if index in self._counted and opening.startswith("|:"):
            return " ".join([*self._key_back(index), close.removesuffix(" ||"), opening])
        is_later_ending = min(self._bars[index + 1].endings, default=1) > 1  # which would belong to what "::" repeats
        if opening.startswith("|:") and not (is_later_ending and close.startswith(":")):
            opening = (close[:-1] if close.startswith(":") else "|") + opening[1:]
            close = ""
        return " ".join(filter(None, (*self._key_back(index), close, opening)))

    def _key_back(self, index: int) -> Iterator[str]:
        """The key to which the repeat after a bar goes back, if it is another: not every program remembers it."""
        if index in self._keys_gone_back_to:
            yield f"[K:{key_text(self._keys_gone_back_to[index])}]"

    def _double_line(self, index: int) -> DoubleLine:
        """The double bar line of the piece that stands after a bar, if there is one."""
        is_within_ending = self._is_in_ending[index] and not self._bars[index].ending_end
        return "" if is_within_ending else double_line_after(self._bars, index)

    def _splits_bar(self, index: int) -> bool:
        """Whether a bar and the next are one that nothing but a bar line splits."""
        return self._bars[index + 1].is_pickup and not has_sign(self._bars, index) and self._completes_bar(index + 1)

    def _completes_bar(self, index: int) -> bool:
        bar, before = self._bars[index], self._bars[self._before[index]]
        full = bar.meter.bar_length if bar.meter else 0
        return self._before[index] < 0 or completes_bar(bar.length, full, before.length, before.is_pickup)

    def _changes(self, index: int) -> Iterator[str]:
        """Changes of metre and key at the start of a bar."""
        bar, last = self._bars[index], self._bars[max(0, index - 1)]
        if bar.meter != last.meter or _grouping(bar.meter) != _grouping(last.meter):
            yield f"[M:{meter_text(bar.meter)}]"
        if bar.key != self._keys_gone_back_to.get(index - 1, last.key):
            yield f"[K:{key_text(bar.key)}]"

    def _remarks(self, index: int) -> Iterator[str]:
        bar = self._bars[index]
        if bar.meter and bar.length < bar.meter.bar_length:
            is_signed = index == 0 or has_sign(self._bars, index - 1) or self._splits_bar(index - 1)
            is_signed = is_signed or self._double_line(index - 1) != ""
            if bar.is_pickup != (is_signed and self._completes_bar(index)):
                yield f"[r:{PICKUP_REMARKS[bar.is_pickup]}]"


def _grouping(meter: Meter | None) -> str:
    """How a metre adds up beats, "2+2+3/8"; empty where it does not say so."""
    return meter.written if meter and "+" in meter.written else ""


def _plain_if_counted(bars: Sequence[Bar], index: int) -> Bar:
    """A bar without its number of plays where endings that follow count them: few programs know `::|`."""
    bar, counted, after = bars[index], 0, index + 1
    if bar.plays == 2:
        return bar
    while after < len(bars) and bars[after].endings:
        counted = max(counted, *bars[after].endings)
        after = last_of_ending(bars, after) + 1
    return replace(bar, plays=2) if counted >= bar.plays else bar


def _counted_by_empty_endings(bars: Sequence[Bar]) -> set[int]:
    """Indices of the bars after which a section is played again more than once, where endings without music say so."""
    found: set[int] = set()
    has_endings = False
    for index, bar in enumerate(bars):
        has_endings = bool(bar.endings) or (has_endings and not bar.repeat_start)
        follows = any(following.endings for following in bars[index + 1 : index + 2])
        if bar.repeat_end and bar.plays > 2 and not has_endings and not follows:
            found.add(index)
    return found
