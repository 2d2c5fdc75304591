"""Bar and musical time of every token, read off the ids: what lets attention measure distances in music.

Conventions
- `bar` counts the bars begun: 0 in the globals, n from the first token of the n-th bar's header to the last of its
  footer. `time` is in ticks (1/24 of a quarter note) from the start of the first bar, in the order of writing, repeats
  not played: a header, a voice and what else has no position of its own are at the bar's start, a chord or note at its
  own position, a footer at the bar's end.
- `<Detail>` starts both again, so that the notes of bar 12 have the coordinates of bar 12 of the plan.
- Only tokens to the left count. What has to be remembered of them is a `Reading` for each token; it rides in the cache
  as one more layer, whose "keys" are the coordinates and whose "values" the rest, so that whatever reorders, selects,
  repeats or crops the cache does the same to it.
- Shapes: B batch, Q new tokens, K all tokens so far. Everything is int64.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import nn
from transformers.cache_utils import Cache, DynamicLayer, StaticLayer

_KINDS = (
    "other", "time", "key", "PhraseStart", "RepeatStart", "Ending", "BarStart", "PickUp", "BarLen", "voice", "RelPos",
    "RepeatEnd", "EndingEnd", "Detail",
)  # fmt: skip
_FIRST_VALUES = {"PickUp": 1, "BarLen": 1}
_IN_HEADER = ("PhraseStart", "RepeatStart", "Ending")


def token_table(bar_tokens: dict[str, list[int]]) -> torch.Tensor:
    """Kind and value of each id up to the last one that matters, [ids, 2]."""
    blocks = {kind: range(*bar_tokens[kind]) for kind in _KINDS[1:]}
    table = torch.zeros(max(ids.stop for ids in blocks.values()) + 1, 2, dtype=torch.int64)
    for kind, ids in blocks.items():
        table[ids.start : ids.stop, 0] = _KINDS.index(kind)
        table[ids.start : ids.stop, 1] = torch.arange(len(ids)) + _FIRST_VALUES.get(kind, 0)
    meters = blocks["time"]
    table[meters.start : meters.stop, 1] = torch.tensor(bar_tokens["meter_lengths"])
    return table


class Reading(NamedTuple):
    """What is known after each token, [B, Q] each; in ticks where not said otherwise.

    Attributes:
        bar: Bars begun.
        time: Musical time.
        start: Time at which the bar starts.
        length: Length of the bar as far as it is known; 0 before the first.
        offset: Metrical position at which the bar starts.
        meter: Length of a full bar.
        first_meter: The same by the globals, where the detail begins again.
        has_voices: 1 after a `<voice=>`, that is, after the globals.
        in_header: 1 in a header before its `<BarStart>`.
    """

    bar: torch.Tensor
    time: torch.Tensor
    start: torch.Tensor
    length: torch.Tensor
    offset: torch.Tensor
    meter: torch.Tensor
    first_meter: torch.Tensor
    has_voices: torch.Tensor
    in_header: torch.Tensor

    @classmethod
    def of_nothing(cls, rows: int, device: torch.device) -> Self:
        """Before the first token, [B, 1]."""
        return cls(*torch.zeros(len(cls._fields), rows, 1, dtype=torch.int64, device=device).unbind(0))


class MusicalCoordinates(NamedTuple):
    """Coordinate ("bar", "time") -> its values at the new tokens, [B, Q], and at all tokens so far, [B, K]."""

    new: dict[str, torch.Tensor]
    all: dict[str, torch.Tensor]


class BarReader(nn.Module):
    """Reads bars and musical time off token ids.

    Args:
        bar_tokens: As `default_bar_tokens` of the configuration gives them.
        layer_idx: Index of the layer of the cache that holds the readings: the first that no attention uses.
    """

    token_table: torch.Tensor

    def __init__(self, bar_tokens: dict[str, list[int]], layer_idx: int) -> None:
        super().__init__()
        self.bar_tokens = bar_tokens
        self.layer_idx = layer_idx
        # Not a weight: made from the config, and made again wherever weights are loaded.
        self.register_buffer("token_table", self.make_token_table(), persistent=False)

    def make_token_table(self) -> torch.Tensor:
        """The `token_table` of its tokens."""
        return token_table(self.bar_tokens)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None,
        position_ids: torch.Tensor | None,
        past_key_values: Cache | None,
    ) -> MusicalCoordinates:
        """Read the new tokens [B, Q] after those in the cache, and leave their readings there.

        Args:
            attention_mask: [B, K]; padding is not read. Masks of other shapes are ignored: `<PAD>` says nothing anyway.
            position_ids: [B, Q]; without a mask, a sequence begins where they do not rise by one.
        """
        if attention_mask is not None and attention_mask.dim() == 2:
            input_ids = input_ids.where(attention_mask[:, -input_ids.shape[1] :].bool(), 0)
        begins = torch.zeros_like(input_ids, dtype=torch.bool)
        if attention_mask is None and position_ids is not None:
            begins[:, 1:] = position_ids.diff(dim=-1) != 1
        reading = self.read(input_ids, begins, self._last_reading(input_ids, past_key_values))
        new = torch.stack(reading[:2], dim=-1)
        every = new
        if past_key_values is not None:
            remembered = torch.stack(reading[2:], dim=-1)
            every = past_key_values.update(new[:, None], remembered[:, None], self.layer_idx)[0][:, 0]
        return MusicalCoordinates(*({"bar": both[..., 0], "time": both[..., 1]} for both in (new, every)))

    reproduced_forward = forward

    def _last_reading(self, input_ids: torch.Tensor, cache: Cache | None) -> Reading:
        """The reading of the last token in the cache, [B, 1]."""
        nothing = Reading.of_nothing(len(input_ids), input_ids.device)
        if cache is None:
            return nothing
        if cache.layers and len(cache.layers) == self.layer_idx:
            cache.layers.append(_layer_like(cache.layers[0]))
        layer = cache.layers[self.layer_idx] if len(cache.layers) > self.layer_idx else None
        if layer is None or not layer.is_initialized:
            return nothing
        past = torch.as_tensor(layer.get_seq_length(), device=input_ids.device)
        last = (past - 1).clamp(min=0)[None]
        remembered = [states.index_select(2, last)[:, 0] for states in (layer.keys, layer.values)]
        return Reading(*(torch.cat(remembered, dim=-1) * (past > 0)).unbind(-1))

    def read(self, input_ids: torch.Tensor, begins: torch.Tensor, before: Reading) -> Reading:
        """The readings of [B, Q] tokens.

        Args:
            begins: [B, Q], True at the first token of a further sequence.
            before: The reading of the token before the first, [B, 1].
        """
        kind, value = self.token_table[input_ids.clamp(max=len(self.token_table) - 1)].unbind(-1)

        def is_any(*kinds: str) -> torch.Tensor:
            codes = [_KINDS.index(name) for name in kinds]
            return sum((kind == code for code in codes[1:]), start=kind == codes[0])

        none = torch.zeros_like(value)
        restarts = begins | is_any("Detail")
        voices, meters, bar_starts, pickups = is_any("voice"), is_any("time"), is_any("BarStart"), is_any("PickUp")
        lengths, footers = pickups | is_any("BarLen"), is_any("RepeatEnd", "EndingEnd")

        has_voices = _latest(voices.long(), voices | begins, before.has_voices)
        # A metre or key before the voices is one of the globals.
        in_header = is_any(*_IN_HEADER) | (is_any("time", "key") & has_voices.bool())
        is_new = (in_header | bar_starts) & ~(_shifted(in_header, before.in_header).bool() & ~begins)
        first_meter = _latest(value.where(meters, none), (meters & ~has_voices.bool()) | begins, before.first_meter)
        meter = _latest(value.where(meters, first_meter * ~begins), meters | restarts, before.meter)
        length = _latest(meter.where(bar_starts, value * lengths), bar_starts | lengths | restarts, before.length)
        bar = _running_sum(is_new.long(), restarts, before.bar)
        ended = _shifted(length, before.length) * is_new * ~begins
        start = _running_sum(ended, restarts, before.start)
        offset = _latest((meter - value).clamp(min=0) * pickups, pickups | is_new | restarts, before.offset)
        positions = is_any("RelPos")
        position = _latest(
            (value - offset).where(positions, length * footers),
            positions | footers | voices | bar_starts | is_new | restarts,
            before.time - before.start,
        )
        return Reading(bar, start + position, start, length, offset, meter, first_meter, has_voices, in_header.long())


def _latest(values: torch.Tensor, events: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """[B, Q]: the value at the latest event up to each token, or `before` [B, 1] where there was none."""
    slots = torch.arange(1, values.shape[1] + 1, device=values.device) * events
    return torch.cat([before, values], dim=1).gather(1, slots.cummax(dim=1).values)


def _shifted(values: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """[B, Q]: the values one token earlier."""
    return torch.cat([before, values[:, :-1]], dim=1)


def _running_sum(steps: torch.Tensor, restarts: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """[B, Q]: `before` [B, 1] and the steps so far, from the latest restart on."""
    total = before + steps.cumsum(dim=1)
    return total - _latest(total - steps, restarts, torch.zeros_like(before))


def _layer_like(layer: object) -> DynamicLayer | StaticLayer:
    return StaticLayer(max_cache_len=layer.max_cache_len) if isinstance(layer, StaticLayer) else DynamicLayer()


class BarCursor:
    """Reads like `BarReader`, one token at a time on plain numbers: in decoding, where tensors take longer than a step.

    Args:
        bar_tokens: As `default_bar_tokens` of the configuration gives them.
    """

    def __init__(self, bar_tokens: dict[str, list[int]]) -> None:
        self._tokens = [(_KINDS[kind], value) for kind, value in token_table(bar_tokens).tolist()]
        self._bar = self._position = self._start = self._length = self._offset = 0
        self._meter = self._first_meter = 0
        self._has_voices = self._in_header = False

    def read(self, token: int) -> tuple[int, int]:
        """The bar and the time of the next token."""
        kind, value = self._tokens[token] if token < len(self._tokens) else ("other", 0)
        in_header = kind in _IN_HEADER or (self._has_voices and kind in ("time", "key"))
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
