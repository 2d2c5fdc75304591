"""From the tunes of a split to the dataset that a stage learns from or is measured on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..core.grammar import Form
from .crop import crop_to_length
from .datasets import StageDataset

_LONGEST_FORMS: dict[Form, Form] = {"plan": "melody", "detail": "detail", "full": "detail"}
"""By the form that a stage learns, its longest one, by which tunes are cut; a single stage reads the tunes of two."""


def stage_dataset(
    kind: type[StageDataset], tunes: Iterable[Sequence[int]], max_length: int, **options: Any
) -> StageDataset:
    """The dataset of a stage over some tunes, cut where their sequences are longer than `max_length` tokens.

    Args:
        kind: The stage's dataset.
        tunes: Token ids of each tune in the form "full".
        options: What `kind` is told besides; without any, nothing is random.
    """
    form = _LONGEST_FORMS[kind.form]
    return kind((part for tune in tunes for part in crop_to_length(tune, form, max_length)), **options)
