"""What sounds in each voice while a sequence is read, and which notes there is room for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from .grammar_structure import Choice, values
from .ranges import DEFAULT_VOICE_RANGE, VOICE_RANGES
from .vocabulary import TOKENS, token_id
from .voices import HIGH_TO_LOW

LINES = frozenset(token_id("voice", name) for name in HIGH_TO_LOW)
"""Voices that, when composed, have one note at a time; others have as many as in the music that is given."""
_MOST_AT_ONCE = 10
"""Notes that any voice, when composed, has at most at a time: as many as two hands have fingers."""


_PLACES = {token_id("voice", name): place for place, name in enumerate(HIGH_TO_LOW)}


def place_in_score(voice: int) -> int:
    """Where a `<voice=>` token stands in a score, counted from the top."""
    return _PLACES.get(voice, voice)


class SoundingNotes:
    """The notes that ring into the current bar or began in it.

    Args:
        voices: The `<voice=>` tokens of the piece.

    Attributes:
        of: For each voice, pitch -> ticks from the bar's start to its end.
    """

    def __init__(self, voices: Iterable[int]) -> None:
        self.of: dict[int, dict[int, int]] = {voice: {} for voice in voices}
        self._given_at_once: defaultdict[int, int] = defaultdict(lambda: 1)

    def is_ringing(self, after: int = 0) -> bool:
        """Whether a note rings past the point `after` ticks from the current bar's start."""
        return any(end > after for sounding in self.of.values() for end in sounding.values())

    def end_bar(self, length: int) -> None:
        """Count from the start of the next bar."""
        for sounding in self.of.values():
            for pitch in list(sounding):
                sounding[pitch] -= length
                if sounding[pitch] <= 0:
                    del sounding[pitch]

    def note_how_many(self, voice: int, onset: int, is_composed: bool) -> None:
        """Note how many notes sound together in a voice of the given music."""
        if not is_composed:
            together = sum(end > onset for end in self.of[voice].values())
            self._given_at_once[voice] = max(self._given_at_once[voice], together)

    def first_free(self, voice: int, is_composed: bool) -> int:
        """Ticks from the bar's start to the point from which a voice has room for a note."""
        most = 128
        if is_composed:
            most = 1 if voice in LINES else min(self._given_at_once[voice], _MOST_AT_ONCE)
        ends = sorted(self.of[voice].values(), reverse=True)
        return ends[most - 1] if len(ends) >= most else 0

    def pitches(self, voice: int, lowest: int, onset: int, pitch_shift: int | None) -> Choice:
        """`<Note-On=>` from a pitch up that do not sound in this voice at `onset`.

        Args:
            pitch_shift: Semitones to the sounding pitch, at which composed music keeps to the voice's range; None for
                given music, which need not.
        """
        highest = 127
        if pitch_shift is not None:
            bottom, top = VOICE_RANGES.get(TOKENS[voice][1], DEFAULT_VOICE_RANGE)
            lowest, highest = max(lowest, bottom - pitch_shift), top - pitch_shift
        held = sorted(pitch for pitch, end in self.of[voice].items() if end > onset)
        ranges = []
        for pitch in held:
            if lowest <= pitch <= highest:
                ranges.append(values("Note-On", 0, range(lowest, pitch)))
                lowest = pitch + 1
        return (*ranges, values("Note-On", 0, range(lowest, highest + 1)))
