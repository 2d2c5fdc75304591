"""Bars, repeats, endings and pick-ups while a sequence is read: which structure may come next.

Given music may do what real scores do. Composed music (`strict`) is held to what a well-made score does:
- exactly the bars that `<Bars=>` asks for; a pick-up counts as none;
- what is repeated, and what is left before and after it, has an even number of bars and at least four, as have 98.7 %
  of the repeated parts of tunes; endings have one bar or two (95 %);
- a pick-up of n ticks opens the piece and later every part that follows a part closed by its complement, a
  `<BarLen=>` of a full bar less n ticks, so that a repeat, if there is one, leads back into the pick-up without a gap;
- a first ending closes with a repeat and is followed by the second one; what is opened is closed, and what is
  closed was opened by a sign, but for the first repeat, which goes back to the beginning; metre and key stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from .signatures import Meter
from .vocabulary import FREE_METER, IDS, MAX_BAR_LENGTH, MAX_BARS, TOKENS, token_id

PHRASE_START, REPEAT_START, REPEAT_END, ENDING_END, BAR_START = IDS["structure"]
ENDING, PICK_UP, BAR_LEN, TIME, KEY = (IDS[family] for family in ("Ending", "PickUp", "BarLen", "time", "key"))
_FEWEST_BARS = 4
"""Of a part."""
_LONGEST_ENDING = 2
"""Bars of an ending that is composed."""
_FIRST, _SECOND = token_id("Ending", 1), token_id("Ending", 2)
_HEADER_ORDER = (
    {PHRASE_START: 1, REPEAT_START: 2, BAR_START: 6}
    | dict.fromkeys(ENDING, 3)
    | dict.fromkeys(TIME, 4)
    | dict.fromkeys(KEY, 5)
)

Choice = tuple[range, ...]
"""What may come next: ranges of token ids."""


@cache
def only(*tokens: int) -> Choice:
    """The choice of exactly these tokens."""
    return tuple(range(token, token + 1) for token in tokens)


def values(family: str, first: int, wanted: range) -> range:
    """Ids of a family of consecutive numbers that begins with the value `first`, for the values `wanted`, clipped to
    what there is.
    """
    ids = IDS[family]
    shift = ids.start - first
    return range(max(wanted.start + shift, ids.start), min(wanted.stop + shift, ids.stop))


def _others(family: range, current: int) -> Choice:
    return range(family.start, current), range(current + 1, family.stop)


def _is_part(bars: int) -> bool:
    """Whether so many bars are a part by themselves."""
    return bars >= _FEWEST_BARS and bars % 2 == 0


def _are_parts(bars: int) -> bool:
    """Whether so many bars are none or parts."""
    return bars == 0 or _is_part(bars)


def ring_limits(lengths: Sequence[int], ends: Sequence[bool]) -> list[int]:
    """For each bar, ticks from its start to the next point that no note may ring past.

    Args:
        lengths: Ticks of each bar.
        ends: Whether a repeat, an ending or the piece ends with the bar, or a repeat or an ending begins after it.
    """
    limits, beyond = [0] * len(lengths), 0
    for index in reversed(range(len(lengths))):
        beyond = lengths[index] + (0 if ends[index] else beyond)
        limits[index] = beyond
    return limits


class Structure:
    """What is open and what is due at the present point of a sequence.

    Attributes:
        total: Bars requested by `<Bars=>`; None if it is absent.
        offset: Metrical position at which the current bar starts, in ticks.
        length: Ticks in the current bar.
        beat_length: Ticks in a beat of the current metre.
    """

    def __init__(self) -> None:
        self.total: int | None = None
        self.key = KEY.start
        self.offset = self.length = self.beat_length = 0
        self._bar_length: int | None = None
        self._meter = TIME.start
        self._counted = self._bars_in_section = 0
        self._pickup = self._pickup_due = 0
        self._is_first = True
        self._is_pickup = self._is_complement = False
        self._repeat_open = self._needs_second = self._was_closed = False
        self._ending: tuple[int, ...] = ()
        self._new_ending: tuple[int, ...] = ()
        self._bars_in_ending = self._bars_of_first_ending = 0
        self._header_step = self._footer_step = 0

    @property
    def _remaining(self) -> int:
        """Bars that may still be counted; without `<Bars=>` composed music has at most as many as can be requested."""
        return (MAX_BARS if self.total is None else self.total) - self._counted

    @property
    def is_at_last_bar(self) -> bool:
        """Whether one more bar is to be counted, of a number that was asked for."""
        return self.total is not None and self._remaining == 1

    @property
    def _may_repeat(self) -> bool:
        """Whether a repeat of composed music may end: only the first one may begin without a sign."""
        return self._repeat_open or not self._was_closed

    def _ways(self, ahead: int) -> tuple[bool, bool]:
        """Whether composed music may close the repeat or the ending with a bar, the one so many bars ahead of the last
        one that was counted, and whether it may go on without.
        """
        remaining, ending = self._remaining - ahead, self._new_ending or self._ending
        if ending == (_FIRST,):
            later = any(map(self._fits_first_ending, range(ahead + 1, _LONGEST_ENDING + 1 - self._bars_in_ending)))
            return self._fits_first_ending(ahead) or not later, later
        if ending:
            is_as_long = self._bars_in_ending + ahead >= self._bars_of_first_ending
            is_done = remaining <= 0 or (is_as_long and _are_parts(remaining))
            return is_done, not is_done
        is_due = self._repeat_open and remaining <= 0
        is_whole = _is_part(self._bars_in_section + ahead) and _are_parts(remaining)
        return self._may_repeat and (is_due or is_whole), not is_due

    def _may_begin_part(self, ahead: int) -> bool:
        """Whether a part may follow, without a repeat, the bar so many bars ahead of the last one that was counted."""
        is_whole = _is_part(self._bars_in_section + ahead) and _is_part(self._remaining - ahead)
        return is_whole and not (self._repeat_open or self._ending or self._new_ending)

    def _fits_first_ending(self, ahead: int) -> bool:
        """Whether a first ending may close with the bar so many bars ahead: a second one as long leaves parts."""
        left = self._remaining - ahead - (self._bars_in_ending + ahead)
        return _is_part(self._bars_in_section + ahead) and left >= 0 and _are_parts(left)

    def set_meter(self, token: int) -> None:
        """Take a `<time=>` token."""
        self._meter = token
        name = TOKENS[token][1]
        meter = None if name == FREE_METER else Meter.parse(name)
        self._bar_length = meter.bar_length if meter else None
        self.beat_length = meter.beat_length if meter else MAX_BAR_LENGTH

    def header_choice(self, strict: bool, ringing: bool) -> Choice:
        """What may come next in a header; `ringing`: a note rings into the bar, so no part may begin here."""
        step = self._header_step
        phrase = only(PHRASE_START) if step < 1 else ()
        if strict:
            return (*phrase, *self._strict_header())
        repeat = only(REPEAT_START) if step < 2 and not ringing and not self._ending else ()
        first_ending = self._new_ending[-1] + 1 if self._new_ending else ENDING.start
        endings = (range(first_ending, ENDING.stop),) if step <= 3 and not ringing and not self._ending else ()
        meters = _others(TIME, self._meter) if step < 4 else ()
        keys = _others(KEY, self.key) if step < 5 else ()
        return (*phrase, *repeat, *endings, *meters, *keys, *only(BAR_START))

    def _strict_header(self) -> Choice:
        if self._needs_second and self._header_step <= _HEADER_ORDER[_SECOND]:
            return only(BAR_START if self._new_ending else _SECOND)
        if self._ending or self._header_step >= 2:
            return only(BAR_START)
        may_open = not self._repeat_open and _are_parts(self._bars_in_section) and _is_part(self._remaining)
        repeat = only(REPEAT_START) if may_open else ()
        may_end = (
            self._may_repeat
            and not self._is_complement
            and any(map(self._fits_first_ending, range(1, _LONGEST_ENDING + 1)))
        )
        first = only(_FIRST) if self._bars_in_section and may_end else ()
        return (*repeat, *first, *only(BAR_START))

    def begin_bar(self) -> None:
        """A new bar's header begins."""
        if self._is_complement and not self._footer_step:
            self._pickup_due, self._bars_in_section, self._was_closed = self._pickup, 0, True
        self.offset, self.length = 0, self._bar_length or 0
        self._is_pickup = self._is_complement = False
        self._footer_step = 0

    def read_header(self, token: int) -> None:
        """Take a header token that stands before `<BarStart>`."""
        self._header_step = _HEADER_ORDER[token]
        if token == REPEAT_START:
            self._repeat_open, self._pickup, self._bars_in_section = True, 0, 0
        elif token in ENDING:
            self._new_ending = (*self._new_ending, token)
        elif token in TIME:
            self.set_meter(token)
            self.length = self._bar_length or 0
        elif token in KEY:
            self.key = token

    def length_choice(self, strict: bool) -> tuple[Choice, bool]:
        """The `<PickUp=>` and `<BarLen=>` tokens that may come after `<BarStart>`, and whether the bar may do
        without.
        """
        if self._bar_length is None:
            return (BAR_LEN,), False
        pickups = values("PickUp", 1, range(1, self._bar_length))
        if strict:
            return self._strict_length(pickups)
        if self.total is not None and self._remaining <= 0:
            return (pickups,), False
        return (pickups, *_others(BAR_LEN, BAR_LEN.start + self._bar_length - 1)), True

    def _strict_length(self, pickups: range) -> tuple[Choice, bool]:
        if self._pickup_due:
            return only(PICK_UP.start + self._pickup_due - 1), False
        if self._is_first:
            return (pickups,), True
        may_close, may_go_on = self._ways(1)
        may_close = may_close or self._remaining == 1 or self._may_begin_part(1)
        if not self._pickup or self._bar_length is None or not may_close:
            return (), True
        length = self._bar_length - self._pickup
        return (values("BarLen", 1, range(length, length + 1)),), may_go_on and self._remaining > 1

    def read_length(self, token: int) -> None:
        """Take a `<PickUp=>` or `<BarLen=>`."""
        self.length = int(TOKENS[token][1])
        if token in PICK_UP:
            self._is_pickup, self._pickup = True, self.length
            self.offset = (self._bar_length or self.length) - self.length
        else:
            self._is_complement = self._bar_length is not None and self.length == self._bar_length - self._pickup

    def count_bar(self) -> None:
        """The header has told where and how long the bar is."""
        if self._new_ending:
            self._ending, self._new_ending, self._bars_in_ending = self._new_ending, (), 0
        self._needs_second = False
        if not self._is_pickup:
            self._counted += 1
            self._bars_in_section += 1
            self._bars_in_ending += bool(self._ending)
        self._is_first, self._pickup_due, self._header_step = False, 0, 0

    def footer_choice(self, strict: bool, ringing: bool) -> Choice:
        """What may come next in a footer; `ringing`: a note rings past the bar, so no part may end here."""
        if ringing:
            return ()
        if strict:
            return self._strict_footer()
        ending = only(ENDING_END) if self._ending and self._footer_step < 1 else ()
        return (*ending, *(only(REPEAT_END) if self._footer_step < 2 else ()))

    def _strict_footer(self) -> Choice:
        if self._footer_step:
            return only(REPEAT_END) if self._footer_step == 1 and self._needs_second else ()
        if self._is_pickup or (self._pickup and not self._is_complement):
            return ()
        may_close, _ = self._ways(0)
        return only(ENDING_END if self._ending else REPEAT_END) if may_close else ()

    def read_footer(self, token: int) -> None:
        """Take an `<EndingEnd>` or `<RepeatEnd>`."""
        self._footer_step = 1 if token == ENDING_END else 2
        if token == ENDING_END:
            self._needs_second = self._ending == (_FIRST,)
            self._ending, self._bars_of_first_ending, self._bars_in_ending = (), self._bars_in_ending, 0
        if not self._needs_second:
            self._pickup_due = self._pickup if self._is_complement and self._remaining > 0 else 0
            self._repeat_open, self._bars_in_section, self._pickup = False, 0, 0
            self._was_closed = True

    def may_leave_bar(self, strict: bool) -> bool:
        """Whether the bar may end without (a further) footer token."""
        if not strict or self._is_pickup:
            return True
        if self._footer_step:
            return not (self._footer_step == 1 and self._needs_second)
        _, may_go_on = self._ways(0)
        is_last = not self._ending and self._remaining <= 0
        return may_go_on and (is_last or not (self._pickup and self._is_complement) or self._may_begin_part(0))

    def may_end(self, strict: bool) -> bool:
        """Whether the piece may end after this bar."""
        if self._ending or (self.total is not None and self._remaining > 0):
            return False
        return not strict or not (self._is_pickup or self._needs_second or self._repeat_open)

    def may_go_on(self, strict: bool) -> bool:
        """Whether a further bar may follow."""
        return not strict or self._remaining > 0
