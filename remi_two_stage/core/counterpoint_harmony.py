"""Which chord and which key hold when, as the rules of counterpoint ask for them while a sequence is read.

Times are ticks from the start, pitch classes those of the tokens, in C.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import NamedTuple

from .chords import QUALITIES, contradicted, pitch_classes, split_label
from .counterpoint import FIFTH, scale_of
from .signatures import Key
from .vocabulary import IDS, TOKENS

_CHORD, _BASS, _KEY = IDS["Chord"], IDS["Bass"], IDS["key"]
_OCTAVE, _MINOR_THIRD, _MAJOR_THIRD = 12, 3, 4
_DOMINANT_ROOTS = (7, 11)


def root_of(chord: int) -> int | None:
    """Pitch class of the root of a chord, a `<Chord_>` token; None where it has none."""
    parts = split_label(TOKENS[chord][1])
    return None if parts is None else parts[0]


class SoundingChord(NamedTuple):
    """A chord, or `N.C.`.

    Attributes:
        start: Where it begins.
        token: Its `<Chord_>`.
        over: Its bass, in semitones above its root.
    """

    start: int
    token: int
    over: int = 0

    @property
    def root(self) -> int | None:
        """Pitch class of its root; None where it has none."""
        return root_of(self.token)

    @property
    def bass(self) -> int | None:
        """Pitch class of its bass; None where it has none."""
        return None if self.root is None else (self.root + self.over) % _OCTAVE

    @property
    def third(self) -> int | None:
        """Pitch class of its third; None where it has none."""
        parts = split_label(TOKENS[self.token][1])
        third = None if parts is None else QUALITIES[parts[1]].intervals[1]
        return (parts[0] + third) % _OCTAVE if parts is not None and third in (3, 4) else None

    @property
    def tones(self) -> frozenset[int]:
        """The pitch classes of its notes."""
        return pitch_classes(TOKENS[self.token][1])

    @property
    def is_tonic(self) -> bool:
        """Whether it is a chord on the tonic."""
        return self.root == 0

    @property
    def is_dominant(self) -> bool:
        """Whether it is a chord on the dominant or on the leading note."""
        return self.root in _DOMINANT_ROOTS


class Harmony:
    """Follows the chords and keys of a sequence."""

    def __init__(self) -> None:
        self._chords: list[SoundingChord] = []
        self._keys = [(0, Key())]

    def read(self, token: int, time: int) -> None:
        """A token, and where what it says begins."""
        if token in _CHORD:
            self._chords.append(SoundingChord(time, token))
        elif token in _BASS:
            self._chords[-1] = self._chords[-1]._replace(over=token - _BASS.start + 1)
        elif token in _KEY:
            self._keys.append((time, Key.parse(TOKENS[token][1])))

    @property
    def last(self) -> SoundingChord | None:
        """The last chord that was read."""
        return self._chords[-1] if self._chords else None

    @property
    def closing_tones(self) -> frozenset[int]:
        """The pitch classes on which a melody may close over the last chord that was read: the tonic, and over another
        chord than the tonic's what both share, if there is anything.
        """
        if self.last is None or self.last.is_tonic:
            return frozenset((0,))
        third = _MINOR_THIRD if _MINOR_THIRD in self._keys[-1][1].scale else _MAJOR_THIRD
        return self.last.tones & {0, third, FIFTH}

    def chord_at(self, time: int) -> SoundingChord | None:
        """The chord that sounds at a time; None before the first one."""
        return next((chord for chord in reversed(self._chords) if chord.start <= time), None)

    def after(self, time: int) -> Iterator[SoundingChord]:
        """The chords that begin after a time, the last one first."""
        return takewhile(lambda chord: chord.start > time, reversed(self._chords))

    def home_at(self, time: int) -> frozenset[int]:
        """The pitch classes of the key and of the chord, raised degrees of minor included."""
        here, scale = self.chord_at(time), scale_of(self._key_at(time))
        return scale if here is None else scale | here.tones

    def wrong_at(self, time: int) -> frozenset[int]:
        """The pitch classes of degrees that the chord alters, as the key has them."""
        here = self.chord_at(time)
        return frozenset() if here is None else contradicted(TOKENS[here.token][1], self._key_at(time))

    def is_dominant_at(self, time: int) -> bool:
        """Whether a dominant chord sounds."""
        here = self.chord_at(time)
        return here is not None and here.is_dominant

    def resolves_at(self, time: int) -> bool:
        """Whether the chord is the tonic's, and that before it a dominant."""
        here = self.chord_at(time)
        return here is not None and here.is_tonic and self.is_dominant_at(here.start - 1)

    def _key_at(self, time: int) -> Key:
        return next(key for begun, key in reversed(self._keys) if begun <= time)
