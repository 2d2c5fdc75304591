"""From the tunes of a split to the rows that a stage learns from or is measured on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..core.grammar import Form
from .crop import crop_to_length
from .datasets import BarChordDataset, FullDetailDataset, StageDataset
from .joint import JointRows

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
    return kind(_cut(tunes, _LONGEST_FORMS[kind.form], max_length), **options)


def joint_rows(
    tunes: Iterable[Sequence[int]],
    max_length: int,
    plan_options: dict[str, Any] | None,
    detail_options: dict[str, Any],
) -> JointRows:
    """The rows of both stages over some tunes, cut by the detail generator's sequences.

    Args:
        plan_options: What `BarChordDataset` is told; None where the planner learns nothing.
        detail_options: What `FullDetailDataset` is told.
    """
    cut = list(_cut(tunes, "detail", max_length))
    plans = None if plan_options is None else BarChordDataset(cut, **plan_options)
    return JointRows(plans, FullDetailDataset(cut, **detail_options), max_length)


def _cut(tunes: Iterable[Sequence[int]], form: Form, max_length: int) -> Iterator[list[int]]:
    return (part for tune in tunes for part in crop_to_length(tune, form, max_length))
