"""Bar and musical time of tokens: what the coordinates are, and how they are read one token at a time.

Conventions
- `bar` counts the bars begun: 0 in the globals, n from the first token of the n-th bar's header to the last of its
  footer. `time` is in ticks (1/24 of a quarter note) from the start of the first bar, in the order of writing, repeats
  not played: a header, a voice and what else has no position of its own are at the bar's start, a chord or note at its
  own position, a footer at the bar's end.
- `<Detail>` starts both again, so that the notes of bar 12 have the coordinates of bar 12 of the plan.
"""

from __future__ import annotations

from functools import cache

TOKEN_KINDS = (
    "other", "time", "key", "PhraseStart", "RepeatStart", "Ending", "BarStart", "PickUp", "BarLen", "voice", "RelPos",
    "RepeatEnd", "EndingEnd", "Detail",
)  # fmt: skip
_FIRST_VALUES = {"PickUp": 1, "BarLen": 1}
IN_HEADER = ("PhraseStart", "RepeatStart", "Ending")


def kinds_of_tokens(bar_tokens: dict[str, list[int]]) -> list[tuple[int, int]]:
    """Index of the kind in `TOKEN_KINDS`, and the value, of each id up to the last one that matters."""
    blocks = {kind: range(*bar_tokens[kind]) for kind in TOKEN_KINDS[1:]}
    table = [(0, 0)] * (max(ids.stop for ids in blocks.values()) + 1)
    for kind, ids in blocks.items():
        for value, token in enumerate(ids, _FIRST_VALUES.get(kind, 0)):
            table[token] = (TOKEN_KINDS.index(kind), value)
    for token, length in zip(blocks["time"], bar_tokens["meter_lengths"], strict=True):
        table[token] = (TOKEN_KINDS.index("time"), length)
    return table


@cache
def _named_kinds(bar_tokens: tuple[tuple[str, tuple[int, ...]], ...]) -> list[tuple[str, int]]:
    """The kind and the value of each id: of every row, and made once, since it takes as long as dozens of steps."""
    table = kinds_of_tokens({kind: list(numbers) for kind, numbers in bar_tokens})
    return [(TOKEN_KINDS[kind], value) for kind, value in table]


class BarCursor:
    """Reads like `BarReader` of `attention_coordinates_remi.py`, one token at a time on plain numbers: tensors take
    longer than a decoding step.

    Args:
        bar_tokens: As `architecture.default_bar_tokens` gives them.
    """

    def __init__(self, bar_tokens: dict[str, list[int]]) -> None:
        self._tokens = _named_kinds(tuple((kind, tuple(numbers)) for kind, numbers in bar_tokens.items()))
        self._bar = self._position = self._start = self._length = self._offset = 0
        self._meter = self._first_meter = 0
        self._has_voices = self._in_header = False

    def read(self, token: int) -> tuple[int, int]:
        """The bar and the time of the next token."""
        kind, value = self._tokens[token] if token < len(self._tokens) else ("other", 0)
        in_header = kind in IN_HEADER or (self._has_voices and kind in ("time", "key"))
        if (in_header or kind == "BarStart") and not self._in_header:
            self._bar, self._start = self._bar + 1, self._start + self._length
            self._position = self._offset = 0
        self._in_header = in_header
        if kind == "time":
            self._meter = value
            self._first_meter = self._first_meter if self._has_voices else value
        elif kind == "RelPos":
            self._position = value - self._offset
        elif kind == "BarStart":
            self._length, self._position = self._meter, 0
        elif kind in ("PickUp", "BarLen"):
            self._length = value
            self._offset = max(self._meter - value, 0) if kind == "PickUp" else self._offset
        elif kind == "voice":
            self._has_voices, self._position = True, 0
        elif kind in ("RepeatEnd", "EndingEnd"):
            self._position = self._length
        elif kind == "Detail":
            self._bar = self._start = self._length = self._offset = self._position = 0
            self._meter = self._first_meter
        return self._bar, self._start + self._position
