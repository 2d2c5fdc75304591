"""Interpolated n-gram models with Witten-Bell smoothing: what a language model has to beat.

    p(w | h) = (count(h w) + types(h) * p(w | h')) / (count(h) + types(h))

h' is h without its first token, `types(h)` the number of different tokens seen after h, and below the unigram lies
the uniform distribution over the vocabulary (Witten and Bell, 1991; Chen and Goodman, 1999, section 2.5). Nothing is
tuned, and every token has a probability.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

Sequences = Iterable[tuple[Sequence[int], Sequence[bool]]]
"""Token ids of a sequence, and for each token whether it counts."""


class NgramModel:
    """Counts of all n-grams up to `order`.

    Contexts are whatever stands to the left, tokens that do not count included; only tokens that count are predicted,
    in training as in evaluation, so that the model need not waste probability on others.
    """

    def __init__(self, order: int, vocabulary_size: int) -> None:
        self.order = order
        self.vocabulary_size = vocabulary_size
        self._counts: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        self._totals: Counter[tuple[int, ...]] = Counter()

    def fit(self, sequences: Sequences) -> NgramModel:
        """Count the n-grams of some sequences, and return the model itself."""
        for tokens, counts in sequences:
            for index in _counted(counts):
                for length in range(min(self.order, index + 1)):
                    context = tuple(tokens[index - length : index])
                    self._counts[context][tokens[index]] += 1
                    self._totals[context] += 1
        return self

    def probability(self, token: int, context: Sequence[int]) -> float:
        """Probability of a token after a context, of which the last `order - 1` tokens are used."""
        probability = 1 / self.vocabulary_size
        for length in range(min(self.order, len(context) + 1)):
            history = tuple(context[len(context) - length :])
            if not (total := self._totals[history]):
                break
            seen = self._counts[history]
            probability = (seen[token] + len(seen) * probability) / (total + len(seen))
        return probability

    def loss(self, sequences: Sequences) -> float:
        """Mean negative log probability of the tokens that count, in nats."""
        total, number = 0.0, 0
        for tokens, counts in sequences:
            for index in _counted(counts):
                context = tokens[max(0, index - self.order + 1) : index]
                total -= math.log(self.probability(tokens[index], context))
                number += 1
        return total / number


def _counted(counts: Sequence[bool]) -> Iterable[int]:
    return (index for index, is_counted in enumerate(counts) if is_counted)
