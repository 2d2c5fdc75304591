"""The harmony that composed music is held to: basses that are chord tones, and how a piece ends.

A plan that is composed ends on the triad of its tonic in root position. The voices end on the last chord that the plan
has, whatever that is, since a person may have typed it: the lowest of several on its bass, the others on a tone of its
triad (Kostka and Payne, Tonal Harmony, chapter 7). A note may be a voice's last one if it is struck on a beat, after
the chord has begun, and held for a beat at least, or to the end of the bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from .chords import QUALITIES, make_label, pitch_classes, split_label
from .grammar_structure import Choice, only
from .piece import beats_after
from .signatures import TICKS_PER_QUARTER
from .vocabulary import IDS, MAX_DURATION, TOKENS, token_id

_CHORD, _BASS, _REL_POS, _NOTE_ON, _DURATION = (
    IDS[name] for name in ("Chord", "Bass", "RelPos", "Note-On", "Duration")
)
_ROOTED_CHORD = range(_CHORD.start, token_id("Chord", "N"))
_TRIAD_TONES = 3


_MINOR_MODES = ("min", "dor", "phr", "loc")


def basses_of(chord: int, key: int, closes: bool, is_strict: bool) -> Choice:
    """What of a chord may be in the bass but its root: anything in given music, in composed music a chord tone, and
    nothing where the piece closes.
    """
    if not is_strict:
        return (_BASS,) if chord in _ROOTED_CHORD else ()
    return () if closes and is_closing(chord, key) else _tones_above(chord)


@cache
def _tones_above(chord: int) -> Choice:
    """`<Bass=>` of each tone above its root of a chord, a `<Chord_>` token."""
    label = TOKENS[chord][1]
    parts = split_label(label)
    above = {(tone - parts[0]) % 12 for tone in pitch_classes(label)} - {0} if parts else set()
    return only(*(_BASS.start + tone - 1 for tone in sorted(above)))


@cache
def closing_chords(key: int) -> Choice:
    """The chords on which music ends in a key, a `<key=>` token on C: the tonic's triad, in minor modes the major one
    too (a Picardy third).
    """
    qualities = ("min", "maj") if TOKENS[key][1][-3:] in _MINOR_MODES else ("maj",)
    return only(*(token_id("Chord", make_label(0, quality)) for quality in qualities))


def is_closing(chord: int, key: int) -> bool:
    """Whether music may end on a chord in a key."""
    return any(chord in ids for ids in closing_chords(key))


def other_chords(choice: Choice, chord: int) -> Choice:
    """A choice without a chord, which would come twice running."""
    around = [(range(ids.start, min(ids.stop, chord)), range(max(ids.start, chord + 1), ids.stop)) for ids in choice]
    return tuple(ids for pair in around for ids in pair if ids)


@dataclass(frozen=True, slots=True)
class LastNote:
    """What the last note of a voice may be; positions are metrical ticks in the last bar.

    Attributes:
        pitch_classes: In the key of the tokens.
        beats: Where it may be struck.
        end: Of the bar.
        least: Ticks that it lasts, if the bar has as many left; None if it lasts to the end of the bar.
    """

    pitch_classes: frozenset[int]
    beats: tuple[int, ...]
    end: int
    least: int | None

    def is_met(self, position: int, pitch: int, duration: int) -> bool:
        """Whether a note may be the last one."""
        return self._may_begin(position, pitch) and duration >= self._shortest(position)

    def _shortest(self, position: int) -> int:
        left = self.end - position
        return left if self.least is None else min(self.least, left)

    def _may_begin(self, position: int, pitch: int) -> bool:
        return position in self.beats and pitch % 12 in self.pitch_classes

    def onsets(self, first: int) -> range:
        """`<RelPos=>` of a further note from a position on."""
        return range(_REL_POS.start + first, _REL_POS.start + max(first, self.beats[-1] + 1))

    def pitches(self, position: int, choice: Choice) -> Choice:
        """Those of a choice of `<Note-On=>` that leave a way to the end; all where none does."""
        if position < self.beats[-1]:
            return choice
        kept = [token for ids in choice for token in ids if (token - _NOTE_ON.start) % 12 in self.pitch_classes]
        return only(*kept) if kept else choice

    def durations(self, position: int, pitch: int, limit: int) -> Choice:
        """`<Duration=>` of a note, up to a limit in ticks: room is left for a last note after it, or it may be that."""
        left = max(self.beats[-1] - position, 0)
        shorter = range(1, min(left, limit) + 1)
        longer = range(max(self._shortest(position), shorter.stop), limit + 1)  # each length once
        if not self._may_begin(position, pitch):
            longer = range(0) if left else range(1, limit + 1)
        return tuple(
            range(_DURATION.start + ticks.start - 1, min(_DURATION.start + ticks.stop - 1, _DURATION.stop))
            for ticks in (shorter, longer)
            if ticks
        )


def last_note(
    header: Sequence[int], start: int, end: int, beat_length: int, is_bass: bool, is_alone: bool
) -> LastNote | None:
    """What ends a voice in a last bar; None where the plan has no known chord there.

    Args:
        header: Token ids of the bar's header.
        start: Metrical position of its first tick.
        end: Metrical position of its end.
        beat_length: Ticks in a beat; in a bar without metre, which has none, they are taken to be quarter notes.
        is_bass: Whether the voice is the lowest of several.
        is_alone: Whether there is no other voice; several end together.
    """
    at = max(index for index, token in enumerate(header) if token in _CHORD)
    label = TOKENS[header[at]][1]
    parts = split_label(label)
    if parts is None:
        return None
    beat = beat_length if beat_length <= MAX_DURATION else TICKS_PER_QUARTER
    beats = (start, *beats_after(start, end, beat))
    begins = header[at - 1] - _REL_POS.start if header[at - 1] in _REL_POS else beats[0]
    struck = tuple(beat for beat in beats if beat >= begins) or (beats[-1],)
    bass = header[at + 1] - _BASS.start + 1 if header[at + 1 :] and header[at + 1] in _BASS else 0
    intervals = (bass,) if is_bass else QUALITIES[parts[1]].intervals[:_TRIAD_TONES]
    tones = frozenset((parts[0] + interval) % 12 for interval in intervals)
    return LastNote(tones, struck, end, (beats[1] if len(beats) > 1 else end) - start if is_alone else None)
