"""How one token is chosen of those that the grammar allows, in float64."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
from numpy.typing import NDArray

from .sampling import Sampling

Numbers = NDArray[np.float64]


def choose(
    scores: Sequence[float] | Numbers, sampling: Sampling, random: Random, costs: Sequence[float] | None = None
) -> int:
    """Index of the one chosen of scores, which are unnormalised log-probabilities, less what each costs."""
    found = np.asarray(scores, np.float64)
    if costs is not None:
        found = found - costs
    if sampling.greedy:
        return int(found.argmax())
    temperature, top_p, _ = sampling.settings(alone=True)
    weights = np.exp((found - found.max()) / temperature)
    kept = _kept(weights, sampling.top_k, top_p)
    sums = (weights if kept is None else weights[kept]).cumsum()
    place = int(sums.searchsorted(random.random() * sums[-1], "right"))
    place = place if place < len(sums) else 0  # beyond the last sum where weights are nan
    return place if kept is None else int(kept[place])


def _kept(weights: Numbers, top_k: int, top_p: float) -> NDArray[np.intp] | None:
    """Indices of the weights that top_k and then top_p leave, heaviest first; None where both are off."""
    if top_p == 1 and not 0 < top_k < len(weights):
        return None
    order = np.argsort(-weights, kind="stable")[: top_k or None]
    sums = weights[order].cumsum()
    return order[: 1 + sums.searchsorted(top_p * sums[-1])]
