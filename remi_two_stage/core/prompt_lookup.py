"""Guessing a row's next tokens from what followed the same tokens earlier in it.

Music repeats itself, so such guesses are often right, and a model that reads them along with the tokens before can
choose several tokens in one step. A guess that is not what is then chosen is dropped: the music stays the same.
"Prompt lookup decoding" (A. Saxena, 2023), a kind of speculative decoding (Leviathan et al., 2023, arXiv:2211.17192).
"""

from __future__ import annotations

_LONGEST_CONTEXT = 8
"""Tokens that are compared at most."""


class PromptLookup:
    """The contexts of one growing row of tokens."""

    def __init__(self) -> None:
        self._following: dict[tuple[int, ...], int] = {}
        self._known = 1

    def guess(self, ids: list[int], most: int) -> list[int]:
        """What may follow `ids`, which continue those given before.

        It is what followed the longest context that was there before, where it was last; as many tokens as the context
        has, since longer contexts are right for longer, and at most `most`.
        """
        self._learn(ids)
        for length in range(min(_LONGEST_CONTEXT, len(ids) - 1), 0, -1):
            place = self._following.get(tuple(ids[-length:]))
            if place is not None:
                return ids[place : place + min(length, most)]
        return []

    def repeated(self, ids: list[int]) -> int | None:
        """What followed the longest context that is compared, where it was last; None if it was not there before."""
        self._learn(ids)
        place = self._following.get(tuple(ids[-_LONGEST_CONTEXT:]))
        return None if place is None or len(ids) <= _LONGEST_CONTEXT else ids[place]

    def _learn(self, ids: list[int]) -> None:
        for place in range(self._known, len(ids)):
            for length in range(1, min(_LONGEST_CONTEXT, place) + 1):
                self._following[tuple(ids[place - length : place])] = place
        self._known = len(ids)
