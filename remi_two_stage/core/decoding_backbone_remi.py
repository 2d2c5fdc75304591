"""The backbone run a few new tokens at a time, for decoding; what depends on no step is done before the first one.

Why a second forward pass beside that of `modeling_remi`: it needs the weights alone, so that composing loads no
`PreTrainedModel`, and it is fast. By `benchmarks/decoding.py` (one row, 1,024 tokens, one thread, forced tokens
counted) a `small` model writes 1.9 times as fast as GPT-2 of its size in `generate()`; the README has the table. A
stage that computes anything else (`decoding_weights_remi.is_plain`) is left to transformers' loop.

Conventions
- Shapes: N new tokens of all rows, Q new tokens of one row, K all its tokens so far, H heads of queries, G heads of
  keys and values, R = H / G heads of queries for each of these, D head width, P Fourier pairs, n layers.
- Rows share nothing but a memory, in which each has a place of its own. The new tokens of all rows stand one behind the
  other without padding; products with weights take them together, attention goes row by row: rows padded to the longest
  take longer. So a row gets the same numbers beside others as alone, up to the rounding of those products.
- In attention the R heads that share keys and values stand below one another like further tokens, [G, Q * R, D], so
  that these are read once.
- Whatever attention adds for distances (`attention_remi.py`) is one bias for each row and step, for all layers at once,
  [n, 1, G, Q * R, K]; `rope` and `rotary` turn queries and keys in every layer, by the same angles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import copy
from itertools import accumulate, count
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
"""Tokens that a row has room for beyond its first block; after that all rows' room doubles."""


class Phases:
    """Cosines and sines of tokens' phases, looked up in tables over one period each.

    Args:
        like: Of the dtype and on the device that they are wanted in.
    """

    def __init__(self, periods: dict[str, list[int]], like: torch.Tensor) -> None:
        pairs = [(COORDINATES.index(name), period) for name, numbers in periods.items() for period in numbers]
        starts = accumulate((period for _, period in pairs[:-1]), initial=0)
        angles = [2 * math.pi * step / period for _, period in pairs for step in range(period)]
        self._columns, self._periods = torch.tensor(pairs, device=like.device).unbind(1)
        self._starts = torch.tensor([*starts], device=like.device)
        self._waves = like.new_tensor([(math.cos(angle), math.sin(angle)) for angle in angles])
        self.count = len(pairs)

    def __call__(self, coordinates: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Of tokens with these values of `COORDINATES`, [N, 3]: cosines and sines, [N, P] each."""
        cosines, sines = self._waves[coordinates[:, self._columns] % self._periods + self._starts].unbind(-1)
        return cosines, sines


class Waves:
    """The Fourier features of tokens.

    With c and s the cosine and sine of a token's phase, a cos(t - t') + b sin(t - t') is
    (a c + b s) c' + (a s - b c) s': a key's features are c' and s', a query's what stands before them.

    Attributes:
        width: Features of a token, 2P: those of all cosines, then of all sines.
    """

    def __init__(self, config: Architecture, amplitudes: torch.Tensor) -> None:
        self._phases = Phases(config.fourier_periods or {}, amplitudes)
        self.width = 2 * self._phases.count
        self._amplitudes = amplitudes.unflatten(2, (config.key_value_heads, -1))[:, :, :, None].unbind(1)

    def __call__(self, coordinates: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Of tokens [N, 3]: their features as keys, [N, 2P], and as queries of all heads, [n, G, N, R, 2P]."""
        cosines, sines = self._phases(coordinates)
        a, b = self._amplitudes
        c, s = cosines[:, None], sines[:, None]
        return torch.cat([cosines, sines], 1), torch.cat([a * c + b * s, a * s - b * c], -1)


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
    """A row in one step.

    Attributes:
        slot: Its place in the memory.
        size: New tokens, Q.
        wanted: Of how many of them, the last, the hidden states are wanted.
        length: All tokens, K.
        coordinates: Of the new tokens, the values of `COORDINATES`.
    """

    slot: int
    size: int
    wanted: int
    length: int
    coordinates: Sequence[tuple[int, int, int]]


class Row:
    """How far a row has been read.

    Args:
        slot: Its place in the memory.
        cursor: Follows its bars, where attention measures in them.
    """

    def __init__(self, slot: int, cursor: BarCursor | None) -> None:
        self.slot = slot
        self._cursor = cursor
        self._length = 0
        self._guessed: Sequence[int] = ()

    def extend(self, block: Block) -> RowStep:
        """Take in a block."""
        coordinates = [(bar, time, place) for place, (bar, time) in enumerate(self._bars(block), block.past)]
        self._length = block.past + len(block.tokens)
        return RowStep(self.slot, len(block.tokens), 1 + block.guesses, self._length, coordinates)

    def _bars(self, block: Block) -> list[tuple[int, int]]:
        """Bar and time of a block's tokens; the row's cursor stays before its guesses."""
        if self._cursor is None:
            return [(0, 0)] * len(block.tokens)
        for token in self._guessed[: block.past - (self._length - len(self._guessed))]:
            self._cursor.read(token)
        certain = len(block.tokens) - block.guesses
        self._guessed = block.tokens[certain:]
        read = [self._cursor.read(token) for token in block.tokens[:certain]]
        guessing = copy(self._cursor) if block.guesses else self._cursor
        return read + [guessing.read(token) for token in self._guessed]


class Memory:
    """What is remembered of the tokens of all rows, one row's `capacity` places behind another's.

    Attributes:
        capacity: Tokens that each row has room for.
        states: Keys and values, [n, 2, 1, G, slots * capacity, D].
        features: As keys of the Fourier bias, [slots * capacity, 2P or 0].
    """

    def __init__(self, weights: StageWeights, waves: Waves | None) -> None:
        config, like = weights.config, weights.embedding
        sizes = (config.num_hidden_layers, 2, 1, config.key_value_heads, 0, config.head_dim)
        self.states = like.new_empty(sizes, dtype=weights.memory_dtype)
        self.features = like.new_empty(0, waves.width if waves else 0)
        self._slots = self.capacity = 0

    def make_room(self, slots: int, length: int) -> None:
        """Have room for so many rows of so many tokens."""
        if slots <= self._slots and length <= self.capacity:
            return
        before = (self._slots, self.capacity)
        self._slots = max(slots, self._slots)
        if length > self.capacity:
            self.capacity = max(2 * self.capacity, length + _SPARE_TOKENS)
        self.states = self._moved(self.states, 4, before)
        self.features = self._moved(self.features, 0, before)

    def _moved(self, memory: torch.Tensor, dim: int, before: tuple[int, int]) -> torch.Tensor:
        """A memory with its room of before (slots, capacity) in larger room, whose rest is not touched yet."""
        moved = memory.new_empty(*memory.shape[:dim], self._slots, self.capacity, *memory.shape[dim + 1 :])
        moved.narrow(dim, 0, before[0]).narrow(dim + 1, 0, before[1]).copy_(memory.unflatten(dim, before))
        return moved.flatten(dim, dim + 1)

    def layers_of(self, step: RowStep) -> Sequence[torch.Tensor]:
        """Keys and values of a row in each layer in turn, [1, G, K, D] each."""
        return self.states.narrow(4, step.slot * self.capacity, step.length).flatten(0, 1).unbind(0)

    def features_of(self, step: RowStep) -> torch.Tensor:
        """Features of a row's tokens as keys, [K, 2P]."""
        return self.features.narrow(0, step.slot * self.capacity, step.length)


class DistanceBias:
    """The bias of all layers and heads; what lies ahead of a token has minus infinity.

    Distances fall along the keys, and by one from query to query. So a layer's table, laid out from far to near with
    minus infinity behind it, holds the bias of every query as a window.
    """

    def __init__(self, weights: StageWeights) -> None:
        config, like = weights.config, weights.embedding
        self._layers = config.num_hidden_layers
        self._groups = (config.key_value_heads, config.num_attention_heads // config.key_value_heads)
        self._ahead = like.new_full((LONGEST_BLOCK, LONGEST_BLOCK), -torch.inf).triu(1)[:, None]
        self._table = self._line = weights.table
        self._reach = 0

    def __call__(self, step: RowStep, queries: torch.Tensor | None, features: torch.Tensor | None) -> torch.Tensor:
        """The bias of a row's new tokens, [n, 1, G, Q * R, K].

        Args:
            queries: Their features as queries, [n, G, Q, R, 2P]; None without a Fourier bias.
            features: Those of all the row's tokens as keys, [K, 2P]; None without a Fourier bias.
        """
        size, length, (groups, heads) = step.size, step.length, self._groups
        shape = (self._layers, groups, size, heads, length)
        if queries is None or features is None:
            bias = self._ahead.new_zeros(shape)
        else:
            bias = (queries.reshape(-1, features.shape[1]) @ features.t()).view(shape)
        if self._table is not None:
            bias = bias + self._windows(self._table, size, length)
        elif size > 1:
            bias.narrow(4, length - size, size).add_(self._ahead[:size, :, :size])
        return bias.reshape(self._layers, 1, groups, size * heads, length)

    def _windows(self, table: torch.Tensor, size: int, length: int) -> torch.Tensor:
        """Of new tokens the bias of the table, [n, G, Q, R, K]."""
        if length > self._reach or self._line is None:
            self._reach = 2 * length + _SPARE_TOKENS
            distances = torch.arange(self._reach - 1, -1, -1, device=table.device).clamp(max=table.shape[-1] - 1)
            self._line = F.pad(table[..., distances], (0, LONGEST_BLOCK), value=-torch.inf)
        line = self._line[..., self._reach - length : self._reach + size - 1]
        windows = line.unfold(-1, length, 1).flip(-2)  # the newest query's comes first
        return windows.unflatten(1, self._groups).transpose(2, 3)


class SlotTurns:
    """Of new tokens, the cosines and signed sines that turn their heads and these' swapped halves, [N, 1, D] each;
    in `rope`.
    """

    def __init__(self, config: Architecture, like: torch.Tensor) -> None:
        self._config = config
        self._table = like.new_empty(2, 0, 1, config.head_dim)

    def __call__(self, coordinates: torch.Tensor, longest: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Look up the places of new tokens with these values of `COORDINATES`, [N, 3], in rows of at most `longest`."""
        if longest > self._table.shape[1]:
            slots = torch.arange(2 * longest + _SPARE_TOKENS, device=self._table.device)
            cosines, sines = (waves[0, 0] for waves in rotation(self._config, {"token": slots[None]}) or ())
            self._table = _turning(cosines, sines).to(self._table.dtype)
        cosines, sines = self._table[:, coordinates[:, COORDINATES.index("token")]].unbind(0)
        return cosines, sines


class PhaseTurns:
    """The same in `rotary`, from the coordinates of the tokens."""

    def __init__(self, config: Architecture, like: torch.Tensor) -> None:
        self._phases = Phases(config.rotary_periods or {}, like)
        self._at_rest = (0, config.head_dim // 2 - self._phases.count)

    def __call__(self, coordinates: torch.Tensor, longest: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Turn by the phases of new tokens."""
        cosines, sines = self._phases(coordinates)
        cosines, sines = _turning(F.pad(cosines, self._at_rest, value=1.0), F.pad(sines, self._at_rest)).unbind(0)
        return cosines, sines


def _turning(cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    """Of tokens' angles, [N, D / 2] each: what multiplies their two halves and the swapped ones, [2, N, 1, D]."""
    return torch.stack([torch.cat([cosines, cosines], 1), torch.cat([-sines, sines], 1)])[:, :, None]


def _turns(config: Architecture, like: torch.Tensor) -> SlotTurns | PhaseTurns | None:
    """How the kind of attention turns queries and keys, in the dtype of `like`; None if it does not."""
    if config.rotary_periods:
        return PhaseTurns(config, like)
    return SlotTurns(config, like) if "rope" in config.relative_attention else None


class _Step(NamedTuple):
    """What all layers of one step share.

    Attributes:
        places: Of the new tokens in the memory, [N].
        sizes: Of each row, R times its new tokens.
        states: Of each row, each layer's keys and values in turn, [1, G, K, D].
        biases: Of each row, each layer's bias, [1, G, Q * R, K].
        turns: What turns queries and keys, [N, 1, D] each; None in kinds that turn nothing.
    """

    places: torch.Tensor
    sizes: Sequence[int]
    states: Sequence[Sequence[torch.Tensor]]
    biases: Sequence[Sequence[torch.Tensor]]
    turns: tuple[torch.Tensor, torch.Tensor] | None


class IncrementalBackbone:
    """Reads rows of tokens, a few at a time."""

    def __init__(self, weights: StageWeights) -> None:
        self._weights = weights
        config = weights.config
        self._heads, self._groups = config.num_attention_heads, config.key_value_heads
        self._waves = None if weights.amplitudes is None else Waves(config, weights.amplitudes)
        self._turns = _turns(config, weights.embedding)
        self._bias = DistanceBias(weights)
        self._memory = Memory(weights, self._waves)
        self._rows: dict[int, Row] = {}

    def read(self, blocks: Mapping[int, Block]) -> list[torch.Tensor]:
        """Read new tokens, row -> block; to be called in torch's inference mode. A row that was not there before
        begins, one that is left out is forgotten. A block with guesses has at most `LONGEST_BLOCK` tokens.

        Returns:
            For each of these rows, in order, the hidden states of the last token that is no guess and of the guesses,
            [1 + guesses, hidden], in float32 on the CPU.
        """
        self._rows = {row: self._rows[row] for row in blocks if row in self._rows}
        taken = {row.slot for row in self._rows.values()}
        free = (slot for slot in count() if slot not in taken)
        for number in blocks:
            if number not in self._rows:
                bar_tokens = self._weights.config.bar_tokens
                self._rows[number] = Row(next(free), BarCursor(bar_tokens) if bar_tokens else None)
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
        rows = [self._rows[row].extend(block) for row, block in blocks.items()]
        step = self._prepare(rows)
        hidden = F.embedding(tokens, weights.embedding)
        for index, layer in enumerate(weights.layers):
            heads = layer.qkv(layer.attention_norm(hidden))
            hidden = layer.output.added(self._attend(heads, step, index), hidden)
            states = F.gelu(layer.up(layer.feed_forward_norm(hidden)), approximate="tanh")
            hidden = layer.down.added(states, hidden)
        wanted = [row.wanted for row in rows]
        if len(tokens) > sum(wanted):
            ends = accumulate(row.size for row in rows)
            spans = zip(ends, wanted, strict=True)
            hidden = hidden[[place for end, number in spans for place in range(end - number, end)]]
        return weights.norm(hidden).to("cpu", torch.float32).split(wanted)

    def _prepare(self, rows: Sequence[RowStep]) -> _Step:
        """What all layers share, before the first; the new tokens get their room and their features."""
        memory, device = self._memory, self._weights.embedding.device
        longest = max(row.length for row in rows)
        memory.make_room(1 + max(row.slot for row in rows), longest)
        coordinates = torch.tensor([place for row in rows for place in row.coordinates], device=device)
        firsts = [row.slot * memory.capacity + row.length - row.size for row in rows]
        numbers = [first + index for first, row in zip(firsts, rows, strict=True) for index in range(row.size)]
        places = torch.tensor(numbers, device=device)
        sizes = [row.size for row in rows]
        if self._waves is None:
            biases = [self._bias(row, None, None) for row in rows]
        else:
            features, queries = self._waves(coordinates)
            memory.features.index_copy_(0, places, features)
            parts = zip(rows, queries.split(sizes, 2), strict=True)
            biases = [self._bias(row, part, memory.features_of(row)) for row, part in parts]
        return _Step(
            places,
            [size * self._heads // self._groups for size in sizes],
            [memory.layers_of(row) for row in rows],
            [bias.to(self._weights.memory_dtype).unbind(0) for bias in biases],
            self._turns(coordinates, longest) if self._turns else None,
        )

    def _attend(self, projected: torch.Tensor, step: _Step, layer: int) -> torch.Tensor:
        """What the new tokens attend to in a layer, [N, hidden], from their queries, keys and values,
        [N, (H + 2G) * D], of which the latter two go to the memory.
        """
        tokens, groups = projected.shape[0], self._groups
        heads = projected.view(tokens, self._heads + 2 * groups, -1)
        if step.turns is not None:
            turned = heads[:, : self._heads + groups]
            swapped = turned.roll(turned.shape[2] // 2, -1)
            turned.mul_(step.turns[0]).addcmul_(swapped, step.turns[1])
        heads = heads.to(self._weights.memory_dtype)
        queries, new = heads.split([self._heads, 2 * groups], 1)
        new = new.unflatten(1, (2, 1, groups)).permute(1, 2, 3, 0, 4)
        self._memory.states[layer].index_copy_(3, step.places, new)
        stacked = queries.unflatten(1, (groups, -1)).transpose(0, 1).flatten(1, 2)[None]  # [1, G, N * R, D]
        attended = [
            F.scaled_dot_product_attention(row, states[2 * layer], states[2 * layer + 1], attn_mask=biases[layer])
            for row, states, biases in zip(stacked.split(step.sizes, 2), step.states, step.biases, strict=True)
        ]
        together = torch.cat(attended, 2).view(groups, tokens, -1)  # [G, N, R * D]
        return together.transpose(0, 1).reshape(tokens, -1).to(projected.dtype)
