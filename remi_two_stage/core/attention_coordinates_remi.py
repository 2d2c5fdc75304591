"""Bar and musical time of every token, read off the ids: what lets attention measure distances in music.

Conventions
- What the coordinates are is said in `attention_coordinates.py`.
- Only tokens to the left count. What has to be remembered of them is a `Reading` for each token; it rides in the cache
  as one more layer, whose "keys" are the coordinates and whose "values" the rest, so that whatever reorders, selects,
  repeats or crops the cache does the same to it.
- Shapes: B batch, Q new tokens, K all tokens so far. Everything is int64.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any, NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import nn
from transformers.cache_utils import Cache, DynamicLayer, StaticLayer

from .attention_coordinates import IN_HEADER, TOKEN_KINDS, kinds_of_tokens


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
        bar_tokens: As `architecture.default_bar_tokens` gives them.
    """

    token_table: torch.Tensor

    def __init__(self, bar_tokens: dict[str, list[int]]) -> None:
        super().__init__()
        self.bar_tokens = bar_tokens
        # Not a weight: made from the config, and made again wherever weights are loaded.
        self.register_buffer("token_table", self.make_token_table(), persistent=False)

    def make_token_table(self) -> torch.Tensor:
        """The `token_table` of its tokens."""
        return torch.tensor(kinds_of_tokens(self.bar_tokens))

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None,
        position_ids: torch.Tensor | None,
        past_key_values: Cache | None,
        layer_idx: int,
    ) -> MusicalCoordinates:
        """Read the new tokens [B, Q] after those in the cache, and leave their readings there.

        Args:
            attention_mask: [B, K]; padding is not read. Masks of other shapes are ignored: `<PAD>` says nothing anyway.
            position_ids: [B, Q]; without a mask, a sequence begins where they do not rise by one.
            layer_idx: Index of the layer of the cache that holds the readings: the first that no attention uses.
        """
        if attention_mask is not None and attention_mask.dim() == 2:
            input_ids = input_ids.where(attention_mask[:, -input_ids.shape[1] :].bool(), 0)
        begins = torch.zeros_like(input_ids, dtype=torch.bool)
        if attention_mask is None and position_ids is not None:
            begins[:, 1:] = position_ids.diff(dim=-1) != 1
        reading = self.read(input_ids, begins, self._last_reading(input_ids, past_key_values, layer_idx))
        new = torch.stack(reading[:2], dim=-1)
        every = new
        if past_key_values is not None:
            remembered = torch.stack(reading[2:], dim=-1)
            every = past_key_values.update(new[:, None], remembered[:, None], layer_idx)[0][:, 0]
        return MusicalCoordinates(*({"bar": both[..., 0], "time": both[..., 1]} for both in (new, every)))

    reproduced_forward = forward

    def _last_reading(self, input_ids: torch.Tensor, cache: Cache | None, layer_idx: int) -> Reading:
        """The reading of the last token in the cache, [B, 1]."""
        nothing = Reading.of_nothing(input_ids.shape[0], input_ids.device)  # len() would be a constant in exports
        if cache is None:
            return nothing
        if cache.layers and len(cache.layers) == layer_idx:
            cache.layers.append(_layer_like(cache.layers[0]))
            _read_nothing(cache.layers, nothing)
        layer = cache.layers[layer_idx] if len(cache.layers) > layer_idx else None
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
            return reduce(or_, (kind == TOKEN_KINDS.index(name) for name in kinds))

        none = torch.zeros_like(value)
        restarts = begins | is_any("Detail")
        voices, meters, bar_starts, pickups = is_any("voice"), is_any("time"), is_any("BarStart"), is_any("PickUp")
        lengths, footers = pickups | is_any("BarLen"), is_any("RepeatEnd", "EndingEnd")

        has_voices = _latest(voices.long(), voices | begins, before.has_voices)
        # A metre or key before the voices is one of the globals.
        in_header = is_any(*IN_HEADER) | (is_any("time", "key") & has_voices.bool())
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


def ids_of(embeddings: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """[B, L, hidden] embeddings -> [B, L]: the tokens whose rows of the table [V, hidden] they are; 0 where of none."""
    with torch.no_grad(), torch.autocast(embeddings.device.type, enabled=False):  # the nearest row has to be the one
        rows = table.float()
        nearest = (embeddings.float() @ rows.t() - rows.square().sum(dim=1) / 2).argmax(dim=-1)
        return nearest.where((table[nearest] == embeddings).all(dim=-1), 0)


def _latest(values: torch.Tensor, events: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """[B, Q]: the value at the latest event up to each token, or `before` [B, 1] where there was none."""
    numbers = events.long().cumsum(dim=1)
    nowhere = values.shape[1] + 1
    # By the number of events so far, in whose place the latest one has its value; ONNX has no cummax.
    by_number = F.pad(before, (0, nowhere)).scatter(1, numbers.where(events, nowhere), values)
    return by_number.gather(1, numbers)


def _shifted(values: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """[B, Q]: the values one token earlier."""
    return torch.cat([before, values[:, :-1]], dim=1)


def _running_sum(steps: torch.Tensor, restarts: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """[B, Q]: `before` [B, 1] and the steps so far, from the latest restart on."""
    total = before + steps.cumsum(dim=1)
    return total - _latest(total - steps, restarts, torch.zeros_like(before))


def _read_nothing(layers: list[Any], nothing: Reading) -> None:
    """Fill the last layer as far as the first one is filled: keys that others put there, as PEFT's prefixes are, stand
    for no tokens.
    """
    if isinstance(layers[0], DynamicLayer) and (length := layers[0].get_seq_length()):
        known = torch.stack(nothing, dim=-1)[:, None].expand(-1, -1, length, -1)
        layers[-1].update(known[..., :2], known[..., 2:])


def _layer_like(layer: object) -> DynamicLayer | StaticLayer:
    return StaticLayer(max_cache_len=layer.max_cache_len) if isinstance(layer, StaticLayer) else DynamicLayer()
