"""The backbone run a few new tokens at a time, for decoding; what depends on no step is done before the first one.

Why a second forward pass beside that of `modeling_remi`: it needs the weights alone, so that composing loads no
`PreTrainedModel`, and it is fast. By `benchmarks/decoding.py` (one row, 1,024 tokens, one thread, forced tokens
counted) a `small` model writes 3.2 times as fast as GPT-2 of its size in `generate()`; the README has the table. A
stage that computes anything else (`decoding_weights_remi.is_plain`) is left to transformers' loop.

Conventions
- Shapes: N new tokens of all rows, Q new tokens of one row, K all its tokens so far, H heads, D head width, P Fourier
  pairs, n layers.
- Rows share nothing: each has keys and values of its own, as long as it is itself. The new tokens of all rows stand one
  behind the other without padding; products with weights take them together, attention goes row by row. So a row gets
  the same numbers beside others as alone, up to the rounding of those products.
- Whatever attention adds for distances (`attention_remi.py`) is one bias for each row and step, for all layers at once,
  [n, 1, H, Q, K]; `rope` and `rotary` turn queries and keys in every layer, by the same angles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import copy
from functools import partial
from itertools import accumulate
from typing import NamedTuple

import torch
import torch.nn.functional as F

from .architecture import Architecture
from .attention_coordinates import BarCursor
from .attention_kinds import COORDINATES
from .attention_rotation_remi import rotation
from .decoding_weights_remi import StageWeights

LONGEST_BLOCK = 64
"""Tokens of a row that are read at once; a longer prompt goes in parts, so that its bias stays small."""
_SPARE_TOKENS = 512
"""Tokens that a row has room for beyond its first block; after that its room doubles."""


class Phases:
    """Cosines and sines of tokens' phases, looked up in tables over one period each."""

    def __init__(self, periods: dict[str, list[int]]) -> None:
        self._tables = [
            (COORDINATES.index(coordinate), _waves_of(period))
            for coordinate, numbers in periods.items()
            for period in numbers
        ]
        self.count = len(self._tables)

    def __call__(self, place: tuple[int, int, int]) -> list[tuple[float, float]]:
        """Cosine and sine of each phase of a token with these values of `COORDINATES`."""
        return [waves[place[index] % len(waves)] for index, waves in self._tables]


def _waves_of(period: int) -> list[tuple[float, float]]:
    angles = [2 * math.pi * step / period for step in range(period)]
    return [(math.cos(angle), math.sin(angle)) for angle in angles]


class Waves:
    """The Fourier features of tokens.

    With c and s the cosine and sine of a token's phase, a cos(t - t') + b sin(t - t') is
    a (c c' + s s') + b (s c' - c s'): queries and keys have the same features, and `between` stands between them.

    Attributes:
        width: Features of a token, 2P: all cosines, then all sines.
        between: For all layers and heads, the matrix from query features to what is multiplied with key features,
            [2P, n * H * 2P].
    """

    def __init__(self, periods: dict[str, list[int]], amplitudes: torch.Tensor) -> None:
        self._phases = Phases(periods)
        self.width = 2 * self._phases.count
        a, b = (torch.diag_embed(numbers) for numbers in amplitudes.unbind(1))  # [n, H, P, P]
        between = torch.cat([torch.cat([a, -b], dim=-1), torch.cat([b, a], dim=-1)], dim=-2)
        self.between = between.permute(2, 0, 1, 3).flatten(1)

    def features(self, place: tuple[int, int, int]) -> list[float]:
        """The features of a token with these values of `COORDINATES`."""
        waves = self._phases(place)
        return [cosine for cosine, _ in waves] + [sine for _, sine in waves]


class Block(NamedTuple):
    """What a row reads next.

    Attributes:
        past: Tokens read before that hold; those read after them are forgotten.
        tokens: The new ones.
        guesses: How many of the last of them are guessed, and may be forgotten in the next block.
    """

    past: int
    tokens: Sequence[int]
    guesses: int = 0


class RowStep(NamedTuple):
    """A row's memory in one step.

    Attributes:
        size: New tokens, Q.
        wanted: Of how many of them, the last, the hidden states are wanted.
        length: All tokens, K.
        new: For each layer, the place of their keys and values, [2, 1, H, Q, D].
        all: Each layer's keys and values in turn, [1, H, K, D].
        features: Of all tokens, [K, 2P or 0].
        places: Of the new tokens, the values of `COORDINATES`.
    """

    size: int
    wanted: int
    length: int
    new: Sequence[torch.Tensor]
    all: Sequence[torch.Tensor]
    features: torch.Tensor
    places: Sequence[tuple[int, int, int]]


class LayerView(NamedTuple):
    """Where the new tokens of a row attend in one layer.

    Attributes:
        new: The place of their keys and values, [2, 1, H, Q, D].
        keys: Of all tokens, [1, H, K, D].
        values: The same.
        bias: [1, H or 1, Q, K].
    """

    new: torch.Tensor
    keys: torch.Tensor
    values: torch.Tensor
    bias: torch.Tensor


class RowMemory:
    """What a row remembers of its tokens: keys and values [n, 2, 1, H, capacity, D], features [capacity, 2P or 0].

    Attributes:
        length: Tokens read.
    """

    def __init__(self, weights: StageWeights, waves: Waves | None) -> None:
        self.length = 0
        config, like = weights.config, weights.embedding
        self._waves = waves
        self._cursor = BarCursor(config.bar_tokens) if config.bar_tokens else None
        self._guessed: Sequence[int] = ()
        sizes = (config.num_hidden_layers, 2, 1, config.num_attention_heads, 0, config.head_dim)
        self._states = like.new_empty(sizes, dtype=weights.memory_dtype)
        self._capacity = 0
        self._features = like.new_empty(0, waves.width if waves else 0)

    def extend(self, block: Block) -> RowStep:
        """Take in a block; the keys and values of its tokens are still to be written."""
        past = block.past
        places = [(*coordinates, slot) for slot, coordinates in enumerate(self._coordinates(block), past)]
        self.length = past + len(block.tokens)
        if self.length > self._capacity:
            self._grow(max(2 * self._capacity, self.length + _SPARE_TOKENS))
        if self._waves is not None:
            features = [self._waves.features(place) for place in places]
            self._features[past : self.length] = self._features.new_tensor(features)
        states = self._states[:, :, :, :, : self.length]
        new = states[:, :, :, :, past:].unbind(0)
        layers = states.flatten(0, 1).unbind(0)
        return RowStep(
            len(block.tokens), 1 + block.guesses, self.length, new, layers, self._features[: self.length], places
        )

    def _coordinates(self, block: Block) -> list[tuple[int, int]]:
        """Bar and time of a block's tokens; the row's cursor stays before its guesses."""
        if self._cursor is None:
            return [(0, 0)] * len(block.tokens)
        for token in self._guessed[: block.past - (self.length - len(self._guessed))]:
            self._cursor.read(token)
        certain = len(block.tokens) - block.guesses
        self._guessed = block.tokens[certain:]
        read = [self._cursor.read(token) for token in block.tokens[:certain]]
        guessing = copy(self._cursor) if block.guesses else self._cursor
        return read + [guessing.read(token) for token in self._guessed]

    def _grow(self, capacity: int) -> None:
        more = (0, 0, 0, capacity - self._capacity)
        self._states, self._features = F.pad(self._states, more), F.pad(self._features, more)
        self._capacity = capacity


class DistanceBias:
    """The bias of all layers and heads; what lies ahead of a token has minus infinity.

    Distances fall along the keys, and by one from query to query. So a layer's table, laid out from far to near with
    minus infinity behind it, holds the bias of every query as a window.
    """

    def __init__(self, weights: StageWeights, waves: Waves | None) -> None:
        self._waves = waves
        self._sizes = (weights.config.num_hidden_layers, weights.config.num_attention_heads)
        self._has_table = weights.table is not None
        self._table = weights.embedding.new_zeros(1, 1, 1) if weights.table is None else weights.table
        self._line = self._table
        self._reach = 0

    def __call__(self, step: RowStep) -> torch.Tensor:
        """The bias of a row's new tokens, [n, 1, H or 1, Q, K]."""
        if self._waves is None:
            return self._windows(step.size, step.length)
        queries = (step.features[-step.size :] @ self._waves.between).view(-1, self._waves.width)
        products = (queries @ step.features.t()).view(step.size, *self._sizes, step.length).permute(1, 2, 0, 3)[:, None]
        if step.size == 1 and not self._has_table:
            return products
        return products + self._windows(step.size, step.length)

    def _windows(self, size: int, length: int) -> torch.Tensor:
        if length > self._reach:
            self._lay_out(2 * length + _SPARE_TOKENS)
        line = self._line[..., self._reach - length : self._reach + size - 1]
        windows = line.unfold(-1, length, 1)  # the newest query's comes first
        return (windows.flip(-2) if size > 1 else windows)[:, None]

    def _lay_out(self, reach: int) -> None:
        distances = torch.arange(reach - 1, -1, -1, device=self._table.device).clamp(max=self._table.shape[-1] - 1)
        line = F.pad(self._table[..., distances], (0, LONGEST_BLOCK), value=-torch.inf)
        self._line, self._reach = line.expand(self._sizes[0], -1, -1), reach


class SlotTurns:
    """Of new tokens, the cosines and signed sines that turn them and their swapped halves, [N, D] each; in `rope`."""

    def __init__(self, config: Architecture, like: torch.Tensor) -> None:
        self._config = config
        self._table = like.new_empty(2, 0, config.head_dim)

    def __call__(self, steps: Sequence[RowStep]) -> tuple[torch.Tensor, torch.Tensor]:
        """Look up the slots of all rows' new tokens."""
        longest = max(step.length for step in steps)
        if longest > self._table.shape[1]:
            slots = torch.arange(2 * longest + _SPARE_TOKENS, device=self._table.device)
            cosines, sines = (waves[0, 0] for waves in rotation(self._config, {"token": slots[None]}) or ())
            table = torch.stack([torch.cat([cosines, cosines], 1), torch.cat([-sines, sines], 1)])
            self._table = table.to(self._table.dtype)
        parts = [self._table[:, step.length - step.size : step.length] for step in steps]
        cosines, sines = torch.cat(parts, 1).unbind(0)
        return cosines, sines


class PhaseTurns:
    """The same in `rotary`, from the coordinates of the tokens."""

    def __init__(self, config: Architecture, like: torch.Tensor) -> None:
        self._phases = Phases(config.rotary_periods or {})
        self._at_rest = config.head_dim // 2 - self._phases.count
        self._like = like

    def __call__(self, steps: Sequence[RowStep]) -> tuple[torch.Tensor, torch.Tensor]:
        """Turn by the phases of all rows' new tokens."""
        lines = [self._line(place) for step in steps for place in step.places]
        cosines, sines = self._like.new_tensor(lines).chunk(2, 1)
        return cosines, sines

    def _line(self, place: tuple[int, int, int]) -> list[float]:
        waves = self._phases(place)
        cosines = [cosine for cosine, _ in waves] + [1.0] * self._at_rest
        still = [0.0] * self._at_rest
        return [*cosines, *cosines, *(-sine for _, sine in waves), *still, *(sine for _, sine in waves), *still]


def _turns(config: Architecture, like: torch.Tensor) -> SlotTurns | PhaseTurns | None:
    """How the kind of attention turns queries and keys, in the dtype of `like`; None if it does not."""
    if config.rotary_periods:
        return PhaseTurns(config, like)
    return SlotTurns(config, like) if "rope" in config.relative_attention else None


class IncrementalBackbone:
    """Reads rows of tokens, a few at a time."""

    def __init__(self, weights: StageWeights) -> None:
        self._weights = weights
        config = weights.config
        self._heads = (config.num_attention_heads, config.head_dim)
        waves = None if weights.amplitudes is None else Waves(config.fourier_periods or {}, weights.amplitudes)
        self._turns = _turns(config, weights.embedding)
        self._bias = DistanceBias(weights, waves)
        self._new_row = partial(RowMemory, weights, waves)
        self._rows: dict[int, RowMemory] = {}

    def read(self, blocks: Mapping[int, Block]) -> list[torch.Tensor]:
        """Read new tokens, row -> block; to be called in torch's inference mode. A row that was not there before
        begins, one that is left out is forgotten. A block with guesses has at most `LONGEST_BLOCK` tokens.

        Returns:
            For each of these rows, in order, the hidden states of the last token that is no guess and of the guesses,
            [1 + guesses, hidden], in float32 on the CPU.
        """
        self._rows = {row: self._rows.get(row) or self._new_row() for row in blocks}
        last: dict[int, torch.Tensor] = {}
        for start in range(0, max(len(block.tokens) for block in blocks.values()), LONGEST_BLOCK):
            part = {
                row: Block(block.past + start, tokens, block.guesses)
                for row, block in blocks.items()
                if (tokens := block.tokens[start : start + LONGEST_BLOCK])
            }
            last.update(zip(part, self._read(part), strict=True))
        return [last[row] for row in blocks]

    def _read(self, blocks: Mapping[int, Block]) -> Sequence[torch.Tensor]:
        weights, device = self._weights, self._weights.embedding.device
        tokens = torch.tensor([token for block in blocks.values() for token in block.tokens], device=device)
        steps = [self._rows[row].extend(block) for row, block in blocks.items()]
        biases = [self._bias(step).to(weights.memory_dtype).unbind(0) for step in steps]
        turns = self._turns(steps) if self._turns else None
        hidden = F.embedding(tokens, weights.embedding)
        for index, layer in enumerate(weights.layers):
            places = [
                LayerView(step.new[index], step.all[2 * index], step.all[2 * index + 1], bias[index])
                for step, bias in zip(steps, biases, strict=True)
            ]
            hidden = layer.output.added(self._attend(layer.qkv(layer.attention_norm(hidden)), places, turns), hidden)
            states = F.gelu(layer.up(layer.feed_forward_norm(hidden)), approximate="tanh")
            hidden = layer.down.added(states, hidden)
        wanted = [step.wanted for step in steps]
        if len(tokens) > sum(wanted):
            ends = accumulate(step.size for step in steps)
            spans = zip(ends, wanted, strict=True)
            hidden = hidden[[place for end, count in spans for place in range(end - count, end)]]
        return weights.norm(hidden).to("cpu", torch.float32).split(wanted)

    def _attend(
        self, heads: torch.Tensor, places: Sequence[LayerView], turns: tuple[torch.Tensor, torch.Tensor] | None
    ) -> torch.Tensor:
        """What the new tokens attend to, [N, hidden], from their queries, keys and values, [N, 3 * hidden], of which
        the latter two go to their places.
        """
        states = heads.contiguous().view(-1, 3, 1, *self._heads).permute(1, 2, 3, 0, 4)  # [3, 1, H, N, D]
        if turns is not None:
            turned = states[:2]
            swapped = turned.roll(self._heads[1] // 2, -1)
            turned.mul_(turns[0]).addcmul_(swapped, turns[1])
        states = states.to(self._weights.memory_dtype)
        rows = torch.split_with_sizes(states, [place.new.shape[3] for place in places], 3)
        attended = []
        for row, place in zip(rows, places, strict=True):
            place.new.copy_(row[1:])
            output = F.scaled_dot_product_attention(row[0], place.keys, place.values, attn_mask=place.bias)
            attended.append(output.transpose(1, 2))
        return torch.cat(attended, 1).view(heads.shape[0], -1).to(heads.dtype)
