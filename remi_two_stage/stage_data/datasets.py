"""The training data of the two stages: map-style torch datasets, and rows packed from several pieces.

Conventions
- The input is the token ids of each tune as a "full" sequence (`codec.encode`), from which each dataset makes its own
  sequences (`core/sequences.py`).
- An item is {"input_ids", "labels"}, int64 [L]. Labels are the input ids where a token is *sampled*
  (`sequences.sampled_tokens`; decoding copies the others), and -100 elsewhere. They are not shifted: models do that.
- A packed row also has "position_ids", which restart at 0 with each piece so that the models keep the pieces apart.
- A tune's weight is how often it is shown in an epoch. Items have their places in rows for the whole training, so tunes
  of a fractional weight take turns in one place (`places`), with others that are about as long.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, repeat
from typing import Any, ClassVar

import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from ..core.errors import CorpusError, GrammarError, RequestError
from ..core.grammar import SequenceKind, check_grammar
from ..core.grammar_structure import BAR_START
from ..core.sequences import (
    IGNORED,
    SEQUENCE_OF,
    detail_sequence,
    in_voice_order,
    infilling_sequence,
    labels_of,
    melody_sequence,
    voices_of,
    writing_order,
)
from ..core.vocabulary import BOS, EOS, IDS, PAD
from .cutting import crop_to_length
from .places import places
from .planner_chords import with_plan

Item = dict[str, torch.Tensor]


class StageDataset(Dataset[Item]):
    """Sequences of the kinds that a stage learns, made anew from the tunes in each epoch.

    Args:
        tunes: Token ids of each tune as a "full" sequence.
        weights: Times that each tune is shown in an epoch, once by default.
        omit_globals: Probability, for each of `<Style=>`, `<Tonic=>`, `<Tempo=>` and `<Bars=>` by itself, that an item
            lacks it, so that a request may leave it open. The same seed, epoch and index lack the same ones in all
            datasets.
        seed: Determines every random choice, together with the index and the epoch.

    Attributes:
        kind: The kind of the sequences unless an option says otherwise.
        lengths: The most tokens that each item can have.

    Raises:
        GrammarError: a tune is not a "full" sequence.
        RequestError: a probability outside 0 to 1.
    """

    kind: ClassVar[SequenceKind]

    def __init__(
        self,
        tunes: Iterable[Sequence[int]],
        omit_globals: float = 0.0,
        seed: int = 0,
        weights: Sequence[float] | None = None,
    ) -> None:
        _check_probability("omit_globals", omit_globals)
        self._omit_globals = omit_globals
        self._seed = seed
        self._epoch = 0
        self._tunes = [_token_ids(tune) for tune in tunes]
        for tune in self._tunes:
            check_grammar(tune, "full")
        self._places = places([*map(len, self._tunes)], weights)
        self._items: list[tuple[int, SequenceKind]] = [(place, self.kind) for place in range(len(self._places))]
        self.lengths = [self._length(*item) for item in self._items]

    def set_epoch(self, epoch: int) -> None:
        """Renew the random choices; training calls this before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Item:
        draw = random.Random(f"{self._seed} {self._epoch} {index}")
        omitted = {token for family in _OMITTED if draw.random() < self._omit_globals for token in IDS[family]}
        place, kind = self._items[index]
        sequence, kind = self._sequence(self._tokens(self._places[place].shown_in(self._epoch, self._seed)), kind, draw)
        ids = [token for token in sequence if token not in omitted]
        return {"input_ids": torch.tensor(ids), "labels": torch.tensor(labels_of(ids, kind))}

    @property
    def place_of(self) -> list[int]:
        """The place of the tunes that each item is made of; the first items are one for each place."""
        return [place for place, _ in self._items]

    def shown_in(self, epoch: int) -> list[int]:
        """The indices of the tunes that are shown in an epoch, rising."""
        return sorted({place.shown_in(epoch, self._seed) for place in self._places})

    @property
    def tunes(self) -> Sequence[Sequence[int]]:
        """Token ids of each tune as a "full" sequence."""
        return self._tunes

    def _tokens(self, tune: int) -> Sequence[int]:
        return self._tunes[tune]

    def _length(self, place: int, kind: SequenceKind) -> int:
        return max(len(SEQUENCE_OF[kind](self._tokens(tune))) for tune in self._places[place].tunes)

    def _sequence(
        self, tokens: Sequence[int], kind: SequenceKind, draw: random.Random
    ) -> tuple[list[int], SequenceKind]:
        """The training sequence of a tune (a "full" sequence), and its kind."""
        return SEQUENCE_OF[kind](tokens), kind


class BarChordDataset(StageDataset):
    """For the planner: globals, then every bar's header and footer (a "plan" sequence).

    Args:
        from_melody: Share of the places whose tunes stand here a second time, as the plan for one of their voices,
            which is given (a "melody" sequence); the voice is drawn anew in each epoch.
    """

    kind = "plan"

    def __init__(
        self,
        tunes: Iterable[Sequence[int]],
        omit_globals: float = 0.0,
        seed: int = 0,
        from_melody: float = 0.0,
        weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__(tunes, omit_globals, seed, weights)
        _check_probability("from_melody", from_melody)
        draw = random.Random(seed)
        melodies: list[tuple[int, SequenceKind]] = [
            (place, "melody") for place in range(len(self._places)) if draw.random() < from_melody
        ]
        self._items += melodies
        self.lengths += [self._length(*item) for item in melodies]

    def _sequence(
        self, tokens: Sequence[int], kind: SequenceKind, draw: random.Random
    ) -> tuple[list[int], SequenceKind]:
        if kind == "melody":
            voices = voices_of(tokens)
            return melody_sequence(in_voice_order(tokens, writing_order(voices, draw.choice(voices)))), kind
        return super()._sequence(tokens, kind, draw)


class FullDetailDataset(StageDataset):
    """For the detail generator: the plan, `<Detail>`, then the bars with their notes, which alone are learnt (form
    "detail").

    Args:
        infilling: Probability that the bars after a random one stand in front (a "infilling" sequence).
        voice_orders: Probability that the voices stand in any order, as when one is given and harmonised; else it is
            the one in which they are composed.
    """

    kind = "detail"

    def __init__(
        self,
        tunes: Iterable[Sequence[int]],
        omit_globals: float = 0.0,
        seed: int = 0,
        infilling: float = 0.0,
        voice_orders: float = 0.0,
        weights: Sequence[float] | None = None,
    ) -> None:
        self._plans: Mapping[int, Sequence[int]] = {}
        super().__init__(tunes, omit_globals, seed, weights)
        _check_probability("infilling", infilling)
        _check_probability("voice_orders", voice_orders)
        self._infilling = infilling
        self._voice_orders = voice_orders

    def set_plans(self, plans: Mapping[int, Sequence[int]]) -> None:
        """Show some tunes, by index, over other chords: those of a plan (a "plan" sequence) with the same bars. An
        item may so be somewhat longer or shorter than `lengths` says.
        """
        self._plans = plans

    def _tokens(self, tune: int) -> Sequence[int]:
        tokens = super()._tokens(tune)
        return with_plan(tokens, self._plans[tune]) if tune in self._plans else tokens

    def _sequence(
        self, tokens: Sequence[int], kind: SequenceKind, draw: random.Random
    ) -> tuple[list[int], SequenceKind]:
        voices = voices_of(tokens)
        is_any = draw.random() < self._voice_orders
        tokens = in_voice_order(tokens, draw.sample(voices, len(voices)) if is_any else writing_order(voices))
        bars = tokens.count(BAR_START)
        if bars > 1 and draw.random() < self._infilling:
            return infilling_sequence(tokens, draw.randrange(1, bars)), "infilling"
        return detail_sequence(tokens), kind


class SingleStageDataset(StageDataset):
    """For a model without a plan: "full" sequences, all of which is learnt.

    This is the usual one-stage design, which serves as a baseline.
    """

    kind = "full"


_OMITTED = ("Style", "Tonic", "Tempo", "Bars")


def _token_ids(tune: Sequence[int]) -> array[int]:
    try:
        return array("h", tune)
    except (OverflowError, TypeError):
        raise GrammarError("what should be the token ids of a tune are none; prepare the corpus again") from None


def _check_probability(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise RequestError(f"{name} is {value}; it is a probability, from 0 to 1")


class PackedRows(Dataset[Item]):
    """Rows of at most `row_length` tokens, each made of whole pieces of a dataset (`pack`).

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
        """The unused share of the rows' length."""
        return 1 - sum(self.pieces.lengths) / (len(self.rows) * self.row_length)

    def set_epoch(self, epoch: int) -> None:
        """Pass the epoch on to the pieces."""
        self.pieces.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int | None) -> Item:
        """A row; index None gives one without loss, for a process that has no row left in the last batch."""
        return NO_ROW if index is None else joined(self.pieces[piece] for piece in self.rows[index])


def joined(items: Iterable[Item]) -> Item:
    """The items concatenated into one row."""
    pieces = list(items)
    row = {name: torch.cat([piece[name] for piece in pieces]) for name in ("input_ids", "labels")}
    return row | {"position_ids": torch.cat([torch.arange(len(piece["input_ids"])) for piece in pieces])}


NO_ROW: Item = {
    "input_ids": torch.tensor([BOS, EOS]),
    "labels": torch.tensor([IGNORED, IGNORED]),
    "position_ids": torch.arange(2),
}
"""A row without labels."""


def pack(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Indices of `lengths` in rows whose sums are at most `capacity`: each row takes the longest piece left, and those
    of the others that fill it best (minimum bin slack, Gupta and Ho 1999).
    """
    left: dict[int, list[int]] = {}
    for index in reversed(range(len(lengths))):
        left.setdefault(lengths[index], []).append(index)
    rows = []
    while left:
        longest = max(left)
        counts = {length: len(left[length]) - (length == longest) for length in sorted(left, reverse=True)}
        row = [longest, *_best_filling(counts, capacity - longest)]
        rows.append([left[length].pop() for length in row])
        for length in set(row):
            if not left[length]:
                del left[length]
    return rows


def _best_filling(counts: Mapping[int, int], room: int) -> list[int]:
    """Lengths, each at most as often as there are of it, whose sum comes nearest to `room` from below.

    Sums that can be reached are the bits of one number.
    """
    reached, steps = 1, [(0, 1)]
    fitting = {length: min(count, room // length) for length, count in counts.items() if length <= room}
    for length in chain.from_iterable(map(repeat, fitting, fitting.values())):
        more = (reached | reached << length) & ((1 << room + 1) - 1)
        if more != reached:
            reached = more
            steps.append((length, reached))
        if reached >> room:
            break
    total, taken = reached.bit_length() - 1, []
    for (length, _), (_, before) in zip(reversed(steps[1:]), reversed(steps[:-1]), strict=True):
        if not before >> total & 1:
            taken.append(length)
            total -= length
    return taken


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
    if "place" in items[0]:
        batch["place"] = torch.stack([item["place"] for item in items])
    # The positions of the padding restart at 0, which makes it one more sequence that no other sees.
    positions = [torch.cat([item["position_ids"], torch.arange(length - len(item["position_ids"]))]) for item in items]
    return batch | {"position_ids": torch.stack(positions)}


PLAN = "plan_"
"""What stands before the names of the planner's tensors, as `TwoStageModel.forward` has them."""


class JointRows(Dataset[Item]):
    """Packed rows of the detail generator, each with a row of the planner's sequences of the same tunes.

    Args:
        plans: The planner's dataset of the same tunes as the detail generator's; None if the planner is not trained.

    Attributes:
        pieces: The detail generator's dataset.
    """

    def __init__(self, plans: BarChordDataset | None, details: FullDetailDataset, row_length: int) -> None:
        self.pieces = details
        self._rows = PackedRows(details, row_length)
        self._plans = plans
        self._plans_of: dict[int, list[int]] = {}
        for index, place in enumerate(plans.place_of if plans else ()):
            self._plans_of.setdefault(place, []).append(index)

    def set_epoch(self, epoch: int) -> None:
        """Pass the epoch on to both datasets."""
        self._rows.set_epoch(epoch)
        if self._plans is not None:
            self._plans.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int | None) -> Item:
        row = self._rows[index]
        if self._plans is None:
            return row
        plan = NO_ROW
        if index is not None:
            plan = joined(self._plans[item] for place in self._rows.rows[index] for item in self._plans_of[place])
        return row | {PLAN + name: tensor for name, tensor in plan.items()}


def collate_joint(items: Sequence[Item]) -> dict[str, torch.Tensor]:
    """Pad both stages' rows on the right, each to its own length."""
    plans = [{name.removeprefix(PLAN): item[name] for name in item if name.startswith(PLAN)} for item in items]
    batch = collate(items)
    return batch | {PLAN + name: tensor for name, tensor in collate(plans).items()} if all(plans) else batch


_LONGEST_KINDS: dict[SequenceKind, SequenceKind] = {"plan": "melody", "detail": "detail", "full": "detail"}
"""By the kind of sequence that a stage learns, its longest one, by which tunes are cut; a single stage reads the tunes
of two.
"""


def stage_dataset(
    dataset: type[StageDataset],
    tunes: Iterable[Sequence[int]],
    max_length: int,
    weights: Iterable[float] | None = None,
    **options: Any,
) -> StageDataset:
    """The dataset of a stage over some tunes, cut where their sequences are longer than `max_length` tokens.

    Args:
        dataset: The stage's dataset.
        tunes: Token ids of each tune as a "full" sequence.
        weights: Times that each tune is shown in an epoch, once by default.
        options: Further arguments of the dataset; without any, nothing is random.
    """
    cut, weight_of = _cut(tunes, _LONGEST_KINDS[dataset.kind], max_length, weights)
    return dataset(cut, weights=weight_of, **options)


def joint_rows(
    tunes: Iterable[Sequence[int]],
    max_length: int,
    plan_options: dict[str, Any] | None,
    detail_options: dict[str, Any],
    weights: Iterable[float] | None = None,
) -> JointRows:
    """The rows of both stages over some tunes, cut by the detail generator's sequences.

    Args:
        plan_options: Arguments of `BarChordDataset`; None if the planner learns nothing.
        detail_options: Arguments of `FullDetailDataset`.
        weights: Times that each tune is shown in an epoch, once by default.
    """
    cut, weight_of = _cut(tunes, "detail", max_length, weights)
    plans = None if plan_options is None else BarChordDataset(cut, weights=weight_of, **plan_options)
    return JointRows(plans, FullDetailDataset(cut, weights=weight_of, **detail_options), max_length)


def _cut(
    tunes: Iterable[Sequence[int]], kind: SequenceKind, max_length: int, weights: Iterable[float] | None
) -> tuple[list[array[int]], list[float] | None]:
    """The parts of all tunes, and their weights."""
    cut: list[array[int]] = []
    weight_of: list[float] = []
    for tune, weight in zip(tunes, repeat(1.0) if weights is None else weights, strict=weights is not None):
        parts = crop_to_length(tune, kind, max_length)
        cut += map(_token_ids, parts)
        weight_of += [weight] * len(parts)
    return cut, None if weights is None else weight_of
