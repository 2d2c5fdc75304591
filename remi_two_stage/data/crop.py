"""Bar ranges of a piece as pieces in their own right, and the cutting of pieces that are too long for a model.

A bar range begins at a phrase start and never inside an ending. What the cut takes the sense from goes: a `|:` whose
`:|` is outside, and chords are counted from the range's own first key. A note that rings past the cut is shortened by
`codec.fit`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..core.chords import make_label, split_label
from ..core.codec import decode, encode
from ..core.errors import RequestError
from ..core.forms import detail_sequence, extract_chord_sequence, in_voice_order, melody_sequence, voices_of
from ..core.grammar import Form
from ..core.piece import Bar, Chord, Piece
from ..core.vocabulary import TOKEN_IDS, token_names


def _longest_melody(tokens: Sequence[str]) -> list[str]:
    """The form "melody" from that of the voices which makes it longest."""
    voices = voices_of(tokens)
    orders = ([voice, *(other for other in voices if other != voice)] for voice in voices)
    return max((melody_sequence(in_voice_order(tokens, order)) for order in orders), key=len)


SEQUENCE_OF: dict[Form, Callable[[Sequence[str]], list[str]]] = {
    "full": list,
    "plan": extract_chord_sequence,
    "detail": detail_sequence,
    "melody": _longest_melody,
}
"""For each form that a whole tune determines, what makes its sequence from the tune's tokens in the form "full"."""


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


def phrase_cuts(bars: Sequence[Bar]) -> list[int]:
    """Where bars may be cut into phrases: indices of first bars, 0 among them, and the number of bars."""
    starts = [index for index in boundaries(bars) if bars[index].phrase_start or index == 0]
    return [*starts, len(bars)]


def boundaries(bars: Sequence[Bar]) -> list[int]:
    """Indices of the bars that no ending begins at or holds."""
    found, is_open = [], False
    for index, bar in enumerate(bars):
        is_open = is_open or bool(bar.endings)
        if not is_open:
            found.append(index)
        is_open = is_open and not bar.ending_end
    return found


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


def crop_to_length(token_ids: Sequence[int], form: Form, max_length: int) -> list[list[int]]:
    """A tune (form "full") as tunes whose sequences of `form` have at most `max_length` tokens.

    A tune that fits stays as it is. A longer one is cut at phrase starts, each part as long as possible; a phrase
    that alone is too long is left out.
    """
    make = SEQUENCE_OF[form]
    names = [token_names()[token] for token in token_ids]
    if len(make(names)) <= max_length:
        return [list(token_ids)]
    piece = decode(names)
    cuts = phrase_cuts(piece.bars)
    ends = cuts[1:]
    parts, first = [], 0
    while first < len(ends):
        # A range grows phrase by phrase until the next one would be too long.
        longest: list[str] | None = None
        last = first
        while last < len(ends):
            candidate = encode(crop(piece, cuts[first], ends[last]))
            if len(make(candidate)) > max_length:
                break
            longest, last = candidate, last + 1
        if longest is not None:
            parts.append([TOKEN_IDS[name] for name in longest])
        first = max(last, first + 1)
    return parts
