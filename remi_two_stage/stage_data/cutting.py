"""Cutting tunes that are too long for a model, at phrase starts where that can be."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

from ..core.codec import decode_ids, encode_ids
from ..core.excerpt import boundaries, crop, phrase_cuts
from ..core.grammar import SequenceKind
from ..core.piece import Piece
from ..core.sequences import SEQUENCE_OF

_MOST_DENSE = 3
"""How many times the usual bars no part is expected to have, so that what is longer is not tried."""
_Size = Callable[[list[int]], float]
"""The length of a part's sequence, as a share of the most that it may be."""


def crop_to_length(token_ids: Sequence[int], kind: SequenceKind, max_length: int) -> list[list[int]]:
    """Cut a tune (a "full" sequence) into tunes whose sequences of `kind` have at most `max_length` tokens.

    A tune that fits is not changed. A longer one is cut at phrase starts into parts that are as long as possible. A
    phrase that is too long by itself is cut between bars, and a bar that is too long is left out.
    """
    make = SEQUENCE_OF[kind]
    whole = len(make(token_ids))
    if whole <= max_length:
        return [list(token_ids)]
    piece = decode_ids(token_ids)
    return list(_parts(piece, lambda ids: len(make(ids)) / max_length, max(1, max_length * len(piece.bars) // whole)))


def _parts(piece: Piece, size: _Size, usual_bars: int) -> Iterator[list[int]]:
    phrases, bars = phrase_cuts(piece.bars), [*boundaries(piece.bars), len(piece.bars)]
    start = 0
    while start < len(piece.bars):
        found = _longest_part(piece, start, phrases, size, usual_bars) or _longest_part(
            piece, start, bars, size, usual_bars
        )
        if found is None:
            start = bars[bisect_right(bars, start)]
        else:
            start, part = found
            yield part


def _longest_part(
    piece: Piece, start: int, cuts: Sequence[int], size: _Size, usual_bars: int
) -> tuple[int, list[int]] | None:
    """The longest part from a bar to one of the cuts that fits, and where it stops; None if none does.

    Each part that is tried has to be encoded, so the next try goes where the last one says that the limit is.
    """
    low = bisect_right(cuts, start) - 1
    high = len(cuts)
    found: tuple[int, list[int]] | None = None
    bars = float(usual_bars)
    if cuts[low + 1] - start > _MOST_DENSE * usual_bars:
        return None
    while high - low > 1:
        index = min(max(low + 1, bisect_right(cuts, int(start + bars)) - 1), high - 1)
        part = encode_ids(crop(piece, start, cuts[index]))
        share = size(part)
        bars = (cuts[index] - start) / share
        if share <= 1:
            low, found = index, (cuts[index], part)
        else:
            high = index
    return found
