"""Counts of a corpus, which add up over its shards and can be printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from .files import Rejection
from .tunes import CorpusTune

_MOST_NAMED = 8
"""Kinds named on a line, or lines of reasons; the rest is only counted."""


@dataclass(slots=True)
class Summary:
    """Counts of a corpus; augmented variants are counted only in `augmented`.

    Attributes:
        tokens: Tokens in "full" sequences.
        lossy: Tunes that lost something.
        losses: Number of tunes by kind of loss.
        rejected: Number of rejected files and tunes by reason.
    """

    tunes: int = 0
    augmented: int = 0
    bars: int = 0
    tokens: int = 0
    lossy: int = 0
    styles: Counter[str] = field(default_factory=Counter)
    keys: Counter[str] = field(default_factory=Counter)
    meters: Counter[str] = field(default_factory=Counter)
    losses: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)

    def add(self, tune: CorpusTune) -> None:
        """Count a tune."""
        self.tunes += 1
        self.bars += tune.bars
        self.tokens += len(tune.tokens)
        self.lossy += bool(tune.lossy)
        self.styles[tune.style or "unknown"] += 1
        self.keys[tune.key] += 1
        self.meters[tune.meter] += 1
        self.losses.update(reason for reason, _ in tune.lossy)

    def reject(self, rejections: Iterable[Rejection]) -> None:
        """Count rejected files and tunes."""
        self.rejected.update(rejection.reason for rejection in rejections)

    def __iadd__(self, other: Summary) -> Summary:
        for counted in fields(self):
            setattr(self, counted.name, getattr(self, counted.name) + getattr(other, counted.name))
        return self

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and dictionaries for JSON, most frequent first."""
        values = {counted.name: getattr(self, counted.name) for counted in fields(self)}
        return {name: dict(v.most_common()) if isinstance(v, Counter) else v for name, v in values.items()}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Summary:
        """The inverse of `to_dict`."""
        numbers: dict[str, Any] = {name: Counter(v) if isinstance(v, dict) else v for name, v in stored.items()}
        return cls(**numbers)

    def counts(self) -> dict[str, int]:
        """Numbers of tunes, bars and tokens, of lossy and of rejected tunes."""
        numbers = {name: getattr(self, name) for name in ("tunes", "bars", "tokens", "lossy")}
        return numbers | {"rejected": self.rejected.total()}

    def lines(self) -> list[str]:
        """The counts for a terminal."""
        read = self.tunes + self.rejected.total()
        return [
            f"tunes     {self.tunes:,}, {self.bars:,} bars, {self.tokens:,} tokens",
            *([f"augmented {self.augmented:,} variants of tunes to learn from"] if self.augmented else []),
            f"styles    {_named(self.styles)}",
            f"keys      {_named(self.keys)}",
            f"metres    {_named(self.meters)}",
            f"lossy     {self.lossy:,} ({self.lossy / max(1, self.tunes):.2%})",
            *_reasons(self.losses),
            f"rejected  {self.rejected.total():,} ({self.rejected.total() / max(1, read):.2%})",
            *_reasons(self.rejected),
        ]


def _named(counts: Counter[str]) -> str:
    named = [f"{name} {number:,}" for name, number in counts.most_common(_MOST_NAMED)]
    rest = len(counts) - len(named)
    return ", ".join(named + ([f"{rest} more"] if rest else [])) or "none"


def _reasons(counts: Counter[str]) -> list[str]:
    lines = [f"  {number:7,}  {reason}" for reason, number in counts.most_common(_MOST_NAMED)]
    rest = counts.most_common()[_MOST_NAMED:]
    return lines + ([f"  {sum(number for _, number in rest):7,}  for {len(rest)} further reasons"] if rest else [])
