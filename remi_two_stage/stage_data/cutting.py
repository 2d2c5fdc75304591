"""Cutting tunes that are too long for a model at phrase starts."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.codec import decode_ids, encode_ids
from ..core.excerpt import crop, phrase_cuts
from ..core.grammar import SequenceKind
from ..core.sequences import SEQUENCE_OF


def crop_to_length(token_ids: Sequence[int], kind: SequenceKind, max_length: int) -> list[list[int]]:
    """Cut a tune (a "full" sequence) into tunes whose sequences of `kind` have at most `max_length` tokens.

    A tune that fits is not changed. A longer one is cut at phrase starts into parts that are as long as possible. A
    phrase that is too long by itself is left out.
    """
    make = SEQUENCE_OF[kind]
    if len(make(token_ids)) <= max_length:
        return [list(token_ids)]
    piece = decode_ids(token_ids)
    cuts = phrase_cuts(piece.bars)
    ends = cuts[1:]
    parts, first = [], 0
    while first < len(ends):
        # A range grows phrase by phrase until the next one would be too long.
        longest: list[int] | None = None
        last = first
        while last < len(ends):
            candidate = encode_ids(crop(piece, cuts[first], ends[last]))
            if len(make(candidate)) > max_length:
                break
            longest, last = candidate, last + 1
        if longest is not None:
            parts.append(longest)
        first = max(last, first + 1)
    return parts
