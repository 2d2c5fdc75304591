"""Guessing a row's next tokens from what followed the same tokens earlier in it.

Music repeats itself, so such guesses are often right, and a model that reads them along with the tokens before can
choose several tokens in one step. A guess that is not what is then chosen is dropped: the music stays the same.
"Prompt lookup decoding" (A. Saxena, 2023), a kind of speculative decoding (Leviathan et al., 2023, arXiv:2211.17192).

Where notes are new, their rhythm often is not: times and lengths are guessed from what followed the same rhythm.
"""

from __future__ import annotations

from collections.abc import Sequence

from .vocabulary import IDS

_LONGEST_CONTEXT = 8
"""Tokens that are compared at most."""
_SHORTEST_CONTEXT = 4
"""Tokens that are compared at least, pitches included; what followed fewer is seldom right."""
_NOTE_ON = IDS["Note-On"]
_ANY_PITCH = _NOTE_ON.start


class PromptLookup:
    """The contexts of one growing row of tokens."""

    def __init__(self) -> None:
        self._following: dict[tuple[int, ...], int] = {}
        self._in_rhythm: dict[tuple[int, ...], int] = {}
        self._rhythm: list[int] = []
        self._known = 1

    def guess(self, ids: list[int], most: int) -> list[int]:
        """What may follow `ids`, which continue those given before.

        It is what followed the longest context that was there before, where it was last; as many tokens as the context
        has, since longer contexts are right for longer, and at most `most`. Where none was there, it is what followed
        the longest context of any pitches, up to the next pitch.
        """
        self._learn(ids)
        place, length = _longest(self._following, ids, _SHORTEST_CONTEXT)
        if length:
            return ids[place : place + min(length, most)]
        place, length = _longest(self._in_rhythm, self._rhythm, 1)
        following = ids[place : place + min(length, most)]
        return following[: next((at for at, token in enumerate(following) if token in _NOTE_ON), len(following))]

    def repeated(self, ids: list[int]) -> int | None:
        """What followed the longest context that is compared, where it was last; None if it was not there before."""
        self._learn(ids)
        place = self._following.get(tuple(ids[-_LONGEST_CONTEXT:]))
        return None if place is None or len(ids) <= _LONGEST_CONTEXT else ids[place]

    def _learn(self, ids: list[int]) -> None:
        rhythm = self._rhythm
        rhythm += [_ANY_PITCH if token in _NOTE_ON else token for token in ids[len(rhythm) :]]
        for place in range(self._known, len(ids)):
            for length in range(1, min(_LONGEST_CONTEXT, place) + 1):
                self._in_rhythm[tuple(rhythm[place - length : place])] = place
                if length >= _SHORTEST_CONTEXT:
                    self._following[tuple(ids[place - length : place])] = place
        self._known = len(ids)


def _longest(following: dict[tuple[int, ...], int], ids: Sequence[int], shortest: int) -> tuple[int, int]:
    """The place of what followed the longest context at the end of `ids`, where it was last, and the context's length;
    zeros where there is none.
    """
    for length in range(min(_LONGEST_CONTEXT, len(ids) - 1), shortest - 1, -1):
        place = following.get(tuple(ids[-length:]))
        if place is not None:
            return place, length
    return 0, 0
