"""How much of a piece is silent: bars in which a voice has nothing, and time in which it does not sound."""

from __future__ import annotations

from ..core.piece import Piece


def empty_bars(piece: Piece) -> float:
    """Share of all bars of all voices in which no note is struck and none rings on, pick-ups left out."""
    sounding = _sounding(piece)
    full = [index for index, bar in enumerate(piece.bars) if not bar.is_pickup]
    cells = [ticks[index] for ticks in sounding for index in full]
    return sum(not ticks for ticks in cells) / len(cells) if cells else 0.0


def silent_time(piece: Piece) -> float:
    """Share of the written time, over all voices, in which the voice does not sound."""
    total = len(piece.voices) * sum(bar.length for bar in piece.bars)
    return 1 - sum(map(sum, _sounding(piece))) / total if total else 0.0


def _sounding(piece: Piece) -> list[list[int]]:
    """For each voice, ticks of each bar in which it sounds."""
    starts, start = [], 0
    for bar in piece.bars:
        starts.append(start)
        start += bar.length
    return [_voice_sounding(piece, voice, starts) for voice in range(len(piece.voices))]


def _voice_sounding(piece: Piece, voice: int, starts: list[int]) -> list[int]:
    sounding, covered = [0] * len(piece.bars), 0
    for index, bar in enumerate(piece.bars):
        for note in sorted(bar.notes[voice]):
            begin = max(covered, starts[index] + note.onset)
            covered = max(covered, starts[index] + note.onset + note.duration)
            for later in range(index, len(piece.bars)):
                if starts[later] >= covered:
                    break
                end = starts[later] + piece.bars[later].length
                sounding[later] += max(0, min(covered, end) - max(begin, starts[later]))
    return sounding
