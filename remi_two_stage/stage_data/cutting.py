"""Tunes cut at phrase starts where they are too long for a model."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.codec import decode, encode
from ..core.excerpt import crop, phrase_cuts
from ..core.grammar import SequenceKind
from ..core.sequences import SEQUENCE_OF
from ..core.vocabulary import TOKEN_IDS, token_names


def crop_to_length(token_ids: Sequence[int], kind: SequenceKind, max_length: int) -> list[list[int]]:
    """A tune (a "full" sequence) as tunes whose sequences of `kind` have at most `max_length` tokens.

    A tune that fits stays as it is. A longer one is cut at phrase starts, each part as long as possible; a phrase
    that alone is too long is left out.
    """
    make = SEQUENCE_OF[kind]
    names = [token_names()[token] for token in token_ids]
    if len(make(names)) <= max_length:
        return [list(token_ids)]
    piece = decode(names)
    cuts = phrase_cuts(piece.bars)
    ends = cuts[1:]
    parts, first = [], 0
    while first < len(ends):
        # A range grows phrase by phrase until the next one would be too long.
        longest: list[str] | None = None
        last = first
        while last < len(ends):
            candidate = encode(crop(piece, cuts[first], ends[last]))
            if len(make(candidate)) > max_length:
                break
            longest, last = candidate, last + 1
        if longest is not None:
            parts.append([TOKEN_IDS[name] for name in longest])
        first = max(last, first + 1)
    return parts
