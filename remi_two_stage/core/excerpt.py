"""Bar ranges and voices of a piece as pieces in their own right.

A bar range begins at a phrase start and never inside an ending. What loses its meaning in the excerpt is dropped: a
`|:` whose `:|` is outside. Chords are counted from the excerpt's own first key. A note that rings past the end is
shortened by `codec.fit`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from .abc_notation import kept_in_voice
from .chords import make_label, split_label
from .errors import RequestError
from .notation import Notation, Span
from .piece import Bar, Chord, Piece
from .playing_order import are_in_endings


def crop(piece: Piece, start: int, stop: int) -> Piece:
    """Bars `start` to `stop` (indices, `stop` excluded) of a piece.

    Raises:
        RequestError: the range is empty, outside the piece, or separates an ending from what it ends.
    """
    if not 0 <= start < stop <= len(piece.bars):
        raise RequestError(f"the piece has {len(piece.bars)} bars; the bar range {start} to {stop} is not in it")
    if cut := {start, stop} - {0, len(piece.bars), *boundaries(piece.bars)}:
        raise RequestError(f"bar {min(cut)} is inside an ending or between two; a bar range cannot begin or stop there")
    bars = piece.bars[start:stop]
    shift = piece.key.pitch_class - bars[0].key.pitch_class
    kept = [
        replace(bar, repeat_start=bar.repeat_start and _is_closed(bars, index), chords=moved_chords(bar.chords, shift))
        for index, bar in enumerate(bars)
    ]
    return replace(piece, bars=tuple(kept))


def bars_of_voices(piece: Piece, voices: Sequence[int]) -> tuple[Bar, ...]:
    """The bars with these voices alone, by index; slurs that lead to others end in their own voice, as in ABC."""
    kept = {piece.voices[voice] for voice in voices}

    def records(index: int, voice: int) -> Iterator[Notation]:
        for record in piece.bars[index].notation[voice]:
            if isinstance(record, Span) and record.voice and record.voice not in kept:
                record = kept_in_voice(record, piece.bars[index:], voice)
                if (record.bars, record.end) <= (0, record.onset):
                    continue
            yield record

    return tuple(
        [
            replace(
                bar,
                notes=tuple([bar.notes[voice] for voice in voices]),
                notation=tuple([tuple(records(index, voice)) for voice in voices]) if bar.notation else (),
            )
            for index, bar in enumerate(piece.bars)
        ]
    )


def phrase_cuts(bars: Sequence[Bar]) -> list[int]:
    """Where bars may be cut into phrases: indices of first bars, 0 among them, and the number of bars."""
    starts = [index for index in boundaries(bars) if bars[index].phrase_start or index == 0]
    return [*starts, len(bars)]


def boundaries(bars: Sequence[Bar]) -> list[int]:
    """Indices of the bars that no ending begins at or holds."""
    return [index for index, is_in_ending in enumerate(are_in_endings(bars)) if not is_in_ending]


def _is_closed(bars: Sequence[Bar], index: int) -> bool:
    """Whether a `:|` follows the `|:` before bar `index`."""
    for bar in bars[index:]:
        if bar.repeat_end:
            return True
        if bar.repeat_start and bar is not bars[index]:
            return False
    return False


def moved_chords(chords: tuple[Chord, ...], shift: int) -> tuple[Chord, ...]:
    """The same chords, their roots counted from a tonic `shift` semitones lower."""
    if shift % 12 == 0:
        return chords
    parts = [(chord, split_label(chord.label)) for chord in chords]
    return tuple(
        chord if known is None else replace(chord, label=make_label((known[0] + shift) % 12, known[1]))
        for chord, known in parts
    )
