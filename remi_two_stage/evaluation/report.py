"""One report on a model: the likelihood of held-out music, and generated music compared with real held-out music.

Conventions
- Held-out tunes are those of a corpus's test split, or all tunes of files that are given as such.
- For each held-out tune, a piece with the same style, key, metre, tempo, bars and voices is composed; tunes that cannot
  be requested (free metre, more than 64 bars) are skipped.
- Definitions are in the modules that compute: `token_losses.py`, `likelihood.py`, `adherence.py`, `validity.py`,
  `statistics.py`, `phrasing.py`, `memorization.py` and, for the rows of `comparison.py`, `register.py`, `cadences.py`,
  `repetition.py`, `voice_leading.py`, `harmonizing.py`, `seams.py` and `classifier.py`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from ..composing.checkpoint import EMBEDDED
from ..composing.composer import Composer
from ..core.codec import decode_ids, encode_with_losses
from ..core.errors import CorpusError
from ..core.features import repeated_bars
from ..core.grammar import SequenceKind
from ..core.modeling_remi import TwoStageModel
from ..core.piece import Piece
from ..core.request import Request
from ..core.sequences import SEQUENCE_OF
from ..core.vocabulary import IDS, MAX_BARS, STYLES
from ..corpus.files import MUSIC21
from ..corpus.preparation import load_corpus
from ..corpus.prepared import SUMMARY, Corpus
from ..corpus.tunes import CorpusTune
from . import phrasing
from .adherence import adherence
from .arguments import EVERY_SPLIT, Evaluation
from .comparison import compare, compare_edits, compare_harmony
from .likelihood import compare_likelihood
from .memorization import MemorizationIndex, SharedRun, corpora_of_model, high_percentile
from .statistics import STATISTICS, empty_bars, overlaps, silent_time, spread
from .token_losses import Likelihood, likelihood
from .validity import TokenErrors, bar_errors, token_errors

_NOTE_ON = IDS["Note-On"]
_STAGES: dict[str, SequenceKind] = {"planner": "plan", "detail": "detail"}
_COMPARED = STATISTICS | {
    "repeated bars": repeated_bars,
    "repeated phrases": phrasing.repeated_phrases,
    "cadences at phrase ends": phrasing.cadences,
    "closing on the tonic": phrasing.closes,
    "empty bars": empty_bars,
    "silent time": silent_time,
}


@dataclass(frozen=True)
class Report:
    """Results by section, as JSON has them; numbers that are not defined are None."""

    sections: dict[str, Any]

    def json(self) -> str:
        """The sections as JSON."""
        return json.dumps(_without_nan(self.sections), indent=2, ensure_ascii=False)

    def __str__(self) -> str:
        return "\n".join(_lines(_without_nan(self.sections)))


def evaluate(asked: Evaluation) -> Report:
    """Measure a model.

    Raises:
        CheckpointError: there is no such model, or it is incomplete.
        CorpusError: there is no such corpus, or nothing in the split.
    """
    composer = Composer.from_pretrained(asked.model)
    folder = Path(EMBEDDED if asked.model is None else asked.model)
    tunes = _held_out(asked)
    corpora = corpora_of_model(folder) if asked.pieces else []
    real = [decode_ids(tune.tokens) for tune in tunes]
    sections: dict[str, Any] = {
        "model": str(asked.model or "the checkpoint in the package"),
        "data": {"source": str(asked.data), "tunes": len(tunes)},
        "likelihood": _likelihood(composer.model, tunes),
    }
    if asked.ngrams:
        table = compare_likelihood(folder, asked.data, "validation" if asked.split == "validation" else "test")
        stages = {stage: {"tokens": table.tokens[stage]} | losses for stage, losses in table.losses.items()}
        sections[f"n-grams, nats per token, {table.split} split"] = stages
    if asked.pieces:
        sections |= _generated(composer, tunes, real, corpora, asked)
    if asked.edits:
        sounding = (piece.in_original_key() for piece in real if _can_be_asked_for(piece))
        sections["rewritten bars"] = compare_edits(composer, sounding, asked.pieces, asked.seed)
    return Report(sections)


def _held_out(asked: Evaluation) -> list[CorpusTune]:
    """The tunes to measure on, evenly spread over their split."""
    corpus = load_corpus(asked.data)
    is_split = str(asked.data) == MUSIC21 or Path(asked.data, SUMMARY).is_file()
    split = asked.split or ("test" if is_split else EVERY_SPLIT)
    sizes = corpus.sizes()
    size = sum(sizes.values()) if split == EVERY_SPLIT else sizes[split]
    if not size:
        raise CorpusError(f"the split {split!r} of {corpus.name} has no tunes; choose another, or all")
    step = 1 if asked.tunes is None else max(1, math.ceil(size / asked.tunes))
    return list(islice(corpus.tunes if split == EVERY_SPLIT else corpus.split(split), 0, None, step))


def _likelihood(model: TwoStageModel, tunes: Sequence[CorpusTune]) -> dict[str, Any]:
    totals = dict.fromkeys(_STAGES, Likelihood())
    stages = {"planner": model.planner, "detail": model.detail}
    for tune in tunes:
        for stage, kind in _STAGES.items():
            totals[stage] += likelihood(stages[stage], SEQUENCE_OF[kind](tune.tokens), kind)
    notes = sum(token in _NOTE_ON for tune in tunes for token in tune.tokens)
    bars = sum(tune.bars for tune in tunes)
    both = totals | {"together": totals["planner"] + totals["detail"]}
    return {"notes": notes, "bars": bars} | {
        name: {
            "tokens": total.tokens,
            "nats_per_token": total.nats_per_token,
            "nats_per_token_masked": total.masked_nats_per_token,
            "nats_per_note": total.nats / max(1, notes),
            "nats_per_bar": total.nats / max(1, bars),
            "perplexity": total.perplexity,
            "accuracy": total.accuracy,
        }
        for name, total in both.items()
    }


def _generated(
    composer: Composer, tunes: Sequence[CorpusTune], real: Sequence[Piece], corpora: Sequence[Corpus], asked: Evaluation
) -> dict[str, Any]:
    """The sections on composed pieces."""
    step = max(1, math.ceil(len(tunes) / asked.pieces))
    pairs = [(tune, piece) for tune, piece in zip(tunes, real, strict=True)][::step]
    pairs = [(tune, piece) for tune, piece in pairs if _can_be_asked_for(piece)]
    learnt = STYLES if composer.styles is None else composer.styles
    requests = [_like(tune, piece, learnt) for tune, piece in pairs]
    pieces = composer.compose_batch(requests, seed=asked.seed)
    if not pieces:
        return {}
    wanted = [(piece, like.meter, like.bar_count) for piece, (_, like) in zip(pieces, pairs, strict=True)]
    sections: dict[str, Any] = {
        "adherence": {"generated": adherence(pieces).to_dict(), "real": adherence(real).to_dict()},
        "errors": {
            "tokens": sum(map(_token_errors, pieces), start=TokenErrors()).rates(),
            "bars": bar_errors(wanted).rates(),
        },
        "statistics": {name: spread(of, pieces, real).to_dict() for name, of in _COMPARED.items()},
    }
    if len(real) > 1:
        sections["overlap"] = {name: area.to_dict() for name, area in overlaps(pieces, real).items()}
    sounding = [piece.in_original_key() for piece in real]
    sections |= compare(pieces, sounding)
    if harmonized := compare_harmony(composer, list(filter(_can_be_asked_for, sounding)), len(pieces), asked.seed):
        sections["harmonizing"] = harmonized
    if corpora:
        sections["copying"] = _copying(MemorizationIndex.of(*corpora), pieces, tunes)
    return sections


def _can_be_asked_for(piece: Piece) -> bool:
    return piece.meter is not None and 1 <= piece.bar_count <= MAX_BARS


def _like(tune: CorpusTune, piece: Piece, learnt: Collection[str]) -> Request:
    """A request for a piece like a tune, in its style if that is among those that the model has learnt."""
    style = tune.style if tune.style in learnt else None
    return Request(style, tune.key, piece.meter, piece.bar_count, piece.tempo, piece.voices)


def _token_errors(piece: Piece) -> TokenErrors:
    """Errors of a piece's tokens; what had to be changed before it could be said in tokens is one too."""
    tokens, losses = encode_with_losses(piece)
    return token_errors(tokens) + TokenErrors(note=losses.total())


def _copying(index: MemorizationIndex, pieces: Sequence[Piece], tunes: Sequence[CorpusTune]) -> dict[str, Any]:
    """Longest runs of notes, in the generated pieces and in the held-out tunes, shared with the training split."""
    runs = {
        "generated": [index.longest_run(piece) for piece in pieces],
        "real": [index.longest_run_of(tune.tokens) for tune in tunes],
    }
    return {name: _lengths(found) for name, found in runs.items()}


def _lengths(runs: Sequence[SharedRun]) -> dict[str, Any]:
    lengths = [run.notes for run in runs]
    return {"median": median(lengths), "95th percentile": high_percentile(runs), "longest": max(lengths)}


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(each) for name, each in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def _lines(sections: dict[str, Any]) -> Iterable[str]:
    """The report for a terminal: a table for each section whose entries have the same fields."""
    for title, section in sections.items():
        if not isinstance(section, dict):
            yield f"{title}: {section}"
            continue
        rows = {name: row for name, row in section.items() if isinstance(row, dict)}
        single = ", ".join(f"{name} {_number(value)}" for name, value in section.items() if name not in rows)
        yield f"\n{title}" + (f": {single}" if single else "")
        width = max(map(len, [*rows, " " * 26]))
        columns: tuple[str, ...] = ()
        widths: list[int] = []
        for name, row in rows.items():
            if tuple(row) != columns:
                columns = tuple(row)
                widths = [max(12, len(column) + 2) for column in columns]
                yield _line("", width, [column.replace("_", " ") for column in columns], row, widths)
            yield _line(name, width, list(map(_number, row.values())), row, widths)


def _line(name: str, width: int, texts: Sequence[str], row: dict[str, Any], widths: Sequence[int]) -> str:
    cells = zip(texts, row.values(), widths, strict=True)
    return f"  {name:{width}}" + "".join(_cell(text, value, cell) for text, value, cell in cells)


def _cell(text: str, value: Any, width: int) -> str:
    """Words stand on the left of their column, numbers on the right."""
    return f"  {text}" if isinstance(value, str) else f"{text:>{width}}"


def _number(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.4f}" if isinstance(value, float) else str(value)
