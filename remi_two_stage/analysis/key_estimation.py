"""The key of music that does not say its key, such as MIDI files and note grids.

The tonic and mode whose profile correlates best with the sounding time of the pitch classes (Krumhansl and Kessler,
1982, with the profiles of Temperley, 2007), helped by the last bass note, which is the tonic more often than not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, groupby
from statistics import correlation

from ..core.chords import make_label, split_label
from ..core.piece import Bar, Piece
from ..core.signatures import Key, name_at

_PROFILES = {
    "maj": (0.748, 0.060, 0.488, 0.082, 0.670, 0.460, 0.096, 0.715, 0.104, 0.366, 0.057, 0.400),
    "min": (0.712, 0.084, 0.474, 0.618, 0.049, 0.460, 0.105, 0.747, 0.404, 0.067, 0.133, 0.330),
}
"""How usual each pitch class above the tonic is (Temperley, Music and Probability, 2007)."""
_WEIGHT_OF_LAST_BASS = 0.15
_TONIC_TRIADS = (None, 0, 3, 4, 7)
"""Semitones above the tonic on which a melody may end; None without notes."""
_KEYS = [
    Key(name_at(fifths), mode) for mode, first in (("maj", -5), ("min", -2)) for fifths in range(first, first + 12)
]


def estimate_key(bars: Sequence[Bar], signature: int | None = None) -> Key:
    """The most likely major or minor key; with a signature (sharps, negative: flats) only those two keys compete.

    Without any note it is C major, or the signature's major key.
    """
    keys = [key for key in _KEYS if signature is None or key.signature == signature]
    if not keys:
        keys = [Key(name_at(signature or 0)), Key(name_at((signature or 0) + 3), "min")]
    weights = [0] * 12
    for bar in bars:
        for note in chain.from_iterable(bar.notes):
            weights[note.pitch % 12] += note.duration
    if len(set(weights)) == 1:
        return Key() if signature is None else keys[0]

    bass = last_bass(bars)

    def fit(key: Key) -> float:
        tonic = key.pitch_class
        match = correlation(weights[tonic:] + weights[:tonic], _PROFILES[key.mode])
        return match + _WEIGHT_OF_LAST_BASS * (tonic == bass)

    return max(keys, key=fit)


def in_heard_key(piece: Piece) -> Piece:
    """A piece in the key in which it is heard, where its source states another one.

    Hymn books often state the relative major of a minor key, and chorales have the signatures of modes. Only the key of
    the last bass note is taken for the one that is heard, and only of pieces that state a single key. A melody alone
    may also end on the third or the fifth of its tonic.
    """
    stated, last = {bar.key for bar in piece.bars}, last_bass(piece.bars)
    above_tonic = None if last is None else (last - piece.key.pitch_class) % 12
    if len(stated) > 1 or above_tonic in (_TONIC_TRIADS if len(piece.voices) == 1 else (None, 0)):
        return piece
    heard = estimate_key(piece.bars)
    if heard.pitch_class != last:
        return piece
    return restated(piece, [heard] * len(piece.bars))


def restated(piece: Piece, keys: Sequence[Key]) -> Piece:
    """A piece that states other keys, one a bar, over the same notes and chords."""
    return replace(piece, bars=tuple(_restated(bar, key) for bar, key in zip(piece.bars, keys, strict=True)))


def _restated(bar: Bar, key: Key) -> Bar:
    """A bar under another key: the same notes and the same chords, which have other degrees."""
    away = bar.key.pitch_class - key.pitch_class
    chords = []
    for chord in bar.chords:
        parts = split_label(chord.label)
        chords.append(chord if parts is None else replace(chord, label=make_label((parts[0] + away) % 12, parts[1])))
    return replace(bar, key=key, chords=tuple(chords))


def last_bass(bars: Sequence[Bar]) -> int | None:
    """Pitch class of the lowest note of those that end last; None without notes."""
    for bar in reversed(bars):
        notes = [note for sung in bar.notes for note in sung]
        if notes:
            latest_end = max(note.onset + note.duration for note in notes)
            return min(note.pitch for note in notes if note.onset + note.duration == latest_end) % 12
    return None


def with_modes(bars: Sequence[Bar], is_written: Sequence[bool]) -> list[Bar]:
    """Decide the mode of signatures that do not say it, from all the notes under one signature."""
    completed: list[Bar] = []
    for (key, written), group in groupby(zip(bars, is_written, strict=True), key=lambda pair: (pair[0].key, pair[1])):
        under_it = [bar for bar, _ in group]
        found = key if written else estimate_key(under_it, key.signature)
        completed += [replace(bar, key=found) for bar in under_it]
    return completed
