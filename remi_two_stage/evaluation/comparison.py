"""Composed music beside real music, row by row: what a fiddler and a teacher of harmony would ask about.

A lone melody is a tune; four voices that all sing are a chorale. Every row has the figure of the composed and of the
real pieces with its standard error and the number of pieces, the usual figure and where that was counted, and what is
counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ..composing.composer import Composer
from ..core.piece import Piece
from .cadences import CADENCES
from .classifier import separate, separate_halves
from .estimates import Estimate, Measure
from .harmonizing import AGREEMENT, FAULTS, Harmonized, melody_of
from .register import REGISTER
from .repetition import REPETITION
from .seams import SEAMS, rewritten
from .voice_leading import FOUR_VOICES, Chorale, has_four_voices

T = TypeVar("T")

Rows = dict[str, dict[str, Any]]


def compare(composed: Sequence[Piece], real: Sequence[Piece]) -> dict[str, Rows]:
    """The sections on composed and real pieces, all in their own keys; only those of which there are pieces."""
    ours, theirs = (list(filter(_is_tune, pieces)) for pieces in (composed, real))
    our_chorales, their_chorales = (list(filter(has_four_voices, pieces)) for pieces in (composed, real))
    sections = {}
    if ours:
        sections["tunes"] = _rows(REGISTER | CADENCES | REPETITION, ours, theirs)
    if our_chorales:
        sections["four voices"] = _rows(
            FOUR_VOICES, map(Chorale.composed, our_chorales), map(Chorale.real, their_chorales)
        )
    if told := _told_apart({"tunes": (ours, theirs), "four voices": (our_chorales, their_chorales)}):
        sections["classifier"] = told
    return sections


def compare_harmony(composer: Composer, real: Sequence[Piece], number: int, seed: int) -> Rows:
    """How the model harmonises melodies of real chorales, beside their own harmony; no rows without such melodies.

    Args:
        real: Pieces in their own keys, of which the first `number` in four voices are taken.
    """
    own = list(filter(has_four_voices, real))[:number]
    if not own:
        return {}
    written = composer.harmonize_batch([melody_of(piece) for piece in own], "planned", seed=seed)
    theirs = list(map(Chorale.real, own))
    ours = [Chorale(piece, _moved_tonic(piece, chorale)) for piece, chorale in zip(written, theirs, strict=True)]
    pairs = list(map(Harmonized, ours, theirs))
    return {name: _row(measure, measure.estimate(pairs)) for name, measure in AGREEMENT.items()} | _rows(
        FAULTS, ours, theirs
    )


def compare_edits(composer: Composer, tunes: Iterable[Piece], count: int, seed: int) -> Rows:
    """Rows of `count` tunes with four bars rewritten, beside the same bars as they were."""
    ours, theirs = rewritten(composer, tunes, count, seed)
    return _rows(SEAMS, ours, theirs) if ours else {}


def _moved_tonic(written: Piece, own: Chorale) -> int:
    """The tonic of a harmonised melody, which may have been moved."""
    return (own.tonic + written.key.pitch_class - own.piece.key.pitch_class) % 12


def _is_tune(piece: Piece) -> bool:
    return len(piece.voices) == 1


def _rows(measures: Mapping[str, Measure[T]], composed: Iterable[T], real: Iterable[T]) -> Rows:
    ours, theirs = list(composed), list(real)
    return {name: _row(measure, measure.estimate(ours), measure.estimate(theirs)) for name, measure in measures.items()}


def _row(measure: Measure[Any], composed: Estimate, real: Estimate | None = None) -> dict[str, Any]:
    return {
        "generated": composed.value,
        "generated_error": composed.standard_error,
        "pieces": composed.pieces,
        "real": None if real is None else real.value,
        "real_error": None if real is None else real.standard_error,
        "real_pieces": None if real is None else real.pieces,
        "usual": measure.usual,
        "definition": f"{measure.definition}; usual: {measure.source}",
    }


def _told_apart(kinds: Mapping[str, tuple[Sequence[Piece], Sequence[Piece]]]) -> Rows:
    """The area under the classifier's ROC curve, where there are enough pieces."""
    found = {name: separate(ours, theirs) for name, (ours, theirs) in kinds.items()}
    found |= {f"{name}, two halves of the real ones": separate_halves(theirs) for name, (_, theirs) in kinds.items()}
    return {name: separation.to_dict() for name, separation in found.items() if separation is not None}
