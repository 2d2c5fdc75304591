"""What the two stages learn from: map-style torch datasets, and rows packed out of several pieces.

Conventions
- Input is one sequence of token ids a tune in the grammar's form "full" (`codec.encode`); each dataset makes its own
  form of it.
- An item is {"input_ids", "labels"}, int64 [L]. Labels are the input ids where a token is *sampled*, and -100 where
  the grammar leaves no choice (decoding copies such tokens), in the plan that the detail stage reads, and on `<BOS>`.
  They are not shifted: models do that.
- A packed row has "position_ids" too; they start again at 0 with each piece, which is how the models know not to look
  across.
"""

from __future__ import annotations

import random
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from typing import ClassVar

import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from ..core.errors import CorpusError, RequestError
from ..core.grammar import Form, Grammar
from ..core.vocabulary import DETAIL, IDS, PAD, TOKEN_IDS, token_names
from .crop import SEQUENCE_OF

IGNORED = -100
"""Label of a token that bears no loss."""

Item = dict[str, torch.Tensor]


def sampled_tokens(token_ids: Sequence[int], form: Form) -> list[bool]:
    """For each token of a sequence, whether it was chosen and not prescribed, by the grammar or by the plan it stands
    in for.

    Raises:
        GrammarError: a token that may not stand where it does.
    """
    grammar = Grammar(form)
    sampled = []
    for token in token_ids:
        sampled.append(grammar.forced() is None)
        grammar.advance(token)
    if form == "detail":
        given = token_ids.index(DETAIL) + 1
        sampled[:given] = [False] * given
    return sampled


class StageDataset(Dataset[Item]):
    """Sequences of one form, held as flat arrays.

    Args:
        tunes: Token ids of each tune in the form "full".
        omit_globals: Probability, for each of `<Style=>`, `<Tempo=>` and `<Bars=>` by itself, that an item lacks it,
            so that whoever asks for music may leave it open. The same seed, epoch and index lack the same ones in
            both datasets.
        seed: With the index and the epoch, what decides on that.

    Attributes:
        form: The form of the sequences.
        lengths: Tokens of each item when nothing is left out.

    Raises:
        GrammarError: a sequence that is not in the form "full".
    """

    form: ClassVar[Form]

    def __init__(self, tunes: Iterable[Sequence[int]], omit_globals: float = 0.0, seed: int = 0) -> None:
        if not 0 <= omit_globals <= 1:
            raise RequestError(f"omit_globals is {omit_globals}; it is a probability, from 0 to 1")
        self._omit_globals = omit_globals
        self._seed = seed
        self._epoch = 0
        names = token_names()
        token_ids: list[int] = []
        sampled: list[bool] = []
        self.lengths: list[int] = []
        for tune in tunes:
            sequence = [TOKEN_IDS[name] for name in SEQUENCE_OF[self.form]([names[token] for token in tune])]
            token_ids += sequence
            sampled += sampled_tokens(sequence, self.form)
            self.lengths.append(len(sequence))
        self._token_ids = torch.tensor(token_ids, dtype=torch.int16)
        self._sampled = torch.tensor(sampled, dtype=torch.bool)
        self._starts = [0, *torch.tensor(self.lengths, dtype=torch.int64).cumsum(0).tolist()]

    def set_epoch(self, epoch: int) -> None:
        """Choose anew what items lack; training calls this before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> Item:
        span = slice(self._starts[index], self._starts[index + 1])
        input_ids, sampled = self._token_ids[span].long(), self._sampled[span]
        if self._omit_globals:
            kept = self._kept(input_ids, index)
            input_ids, sampled = input_ids[kept], sampled[kept]
        return {"input_ids": input_ids, "labels": input_ids.where(sampled, IGNORED)}

    def _kept(self, input_ids: torch.Tensor, index: int) -> torch.Tensor:
        """Which tokens stay, [L]."""
        draw = random.Random(f"{self._seed} {self._epoch} {index}")
        omitted = {family: draw.random() < self._omit_globals for family in ("Style", "Tempo", "Bars")}
        ids = [token for family, is_omitted in omitted.items() if is_omitted for token in IDS[family]]
        return ~torch.isin(input_ids, torch.tensor(ids, dtype=torch.int64))


class BarChordDataset(StageDataset):
    """For the planner: globals, then every bar's header and footer (form "plan"); all of it is learnt."""

    form = "plan"


class FullDetailDataset(StageDataset):
    """For the detail generator: the plan, `<Detail>`, then the bars with their notes (form "detail"); the notes are
    learnt.
    """

    form = "detail"


class PackedRows(Dataset[Item]):
    """Rows of at most `row_length` tokens, each made of whole pieces of a dataset by best fit.

    Items are {"input_ids", "labels", "position_ids"}, int64 [up to row_length]. Which pieces share a row depends on
    their lengths alone.

    Raises:
        CorpusError: the dataset is empty.
        RequestError: a piece is longer than a row.
    """

    def __init__(self, pieces: StageDataset, row_length: int) -> None:
        if not len(pieces):
            raise CorpusError("there is no piece to pack; the corpus, or this split of it, is empty")
        if max(pieces.lengths) > row_length:
            raise RequestError(
                f"a piece of {max(pieces.lengths)} tokens does not fit rows of {row_length}; cut it with crop_to_length"
            )
        self.pieces = pieces
        self.row_length = row_length
        self.rows = pack(pieces.lengths, row_length)

    @property
    def waste(self) -> float:
        """Share of the rows' length that no token fills."""
        return 1 - sum(self.pieces.lengths) / (len(self.rows) * self.row_length)

    def set_epoch(self, epoch: int) -> None:
        """Pass the epoch on to the pieces."""
        self.pieces.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Item:
        items = [self.pieces[piece] for piece in self.rows[index]]
        positions = [torch.arange(len(item["input_ids"])) for item in items]
        row = {name: torch.cat([item[name] for item in items]) for name in ("input_ids", "labels")}
        return row | {"position_ids": torch.cat(positions)}


def pack(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Indices of `lengths` in rows whose sums are at most `capacity`: best-fit decreasing, n log n."""
    rows: list[list[int]] = []
    room: list[tuple[int, int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: (-lengths[index], index)):
        tightest = bisect_left(room, (lengths[index], 0))
        if tightest == len(room):
            rows.append([])
            free, row = capacity, len(rows) - 1
        else:
            free, row = room.pop(tightest)
        rows[row].append(index)
        insort(room, (free - lengths[index], row))
    return rows


def collate(items: Sequence[Item]) -> Item:
    """Pad items on the right to a batch [B, L]; packed rows stay packed, others get an "attention_mask"."""
    batch = {
        "input_ids": pad_sequence([item["input_ids"] for item in items], batch_first=True, padding_value=PAD),
        "labels": pad_sequence([item["labels"] for item in items], batch_first=True, padding_value=IGNORED),
    }
    length = batch["input_ids"].shape[1]
    if "position_ids" not in items[0]:
        lengths = torch.tensor([[len(item["input_ids"])] for item in items])
        return batch | {"attention_mask": (torch.arange(length) < lengths).long()}
    # The padding counts from 0 again and so is one more sequence, which no other sees.
    positions = [torch.cat([item["position_ids"], torch.arange(length - len(item["position_ids"]))]) for item in items]
    return batch | {"position_ids": torch.stack(positions)}
