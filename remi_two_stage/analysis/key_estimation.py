"""The key of music that does not say its key, such as MIDI files and note grids.

The tonic and mode whose profile correlates best with the sounding time of the pitch classes (Krumhansl and Kessler,
1982, with the profiles of Temperley, 2007), helped by the last bass note, which is the tonic more often than not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from statistics import correlation

from ..core.piece import Bar
from ..core.signatures import Key, name_at

_PROFILES = {
    "maj": (0.748, 0.060, 0.488, 0.082, 0.670, 0.460, 0.096, 0.715, 0.104, 0.366, 0.057, 0.400),
    "min": (0.712, 0.084, 0.474, 0.618, 0.049, 0.460, 0.105, 0.747, 0.404, 0.067, 0.133, 0.330),
}
"""How usual each pitch class above the tonic is (Temperley, Music and Probability, 2007)."""
_WEIGHT_OF_LAST_BASS = 0.15
_KEYS = [
    Key(name_at(fifths), mode) for mode, first in (("maj", -5), ("min", -2)) for fifths in range(first, first + 12)
]


def estimate_key(bars: Iterable[Bar], signature: int | None = None) -> Key:
    """The most likely major or minor key; with a signature (sharps, negative: flats) only those two keys compete.

    Without any note it is C major, or the signature's major key.
    """
    keys = [key for key in _KEYS if signature is None or key.signature == signature]
    if not keys:
        keys = [Key(name_at(signature or 0)), Key(name_at((signature or 0) + 3), "min")]
    weights = [0] * 12
    last_bass: int | None = None
    for bar in bars:
        notes = [note for sung in bar.notes for note in sung]
        for note in notes:
            weights[note.pitch % 12] += note.duration
        if notes:
            latest_end = max(note.onset + note.duration for note in notes)
            last_bass = min(note.pitch for note in notes if note.onset + note.duration == latest_end) % 12
    if len(set(weights)) == 1:
        return Key() if signature is None else keys[0]

    def fit(key: Key) -> float:
        tonic = key.pitch_class
        match = correlation(weights[tonic:] + weights[:tonic], _PROFILES[key.mode])
        return match + _WEIGHT_OF_LAST_BASS * (tonic == last_bass)

    return max(keys, key=fit)


def with_modes(bars: Sequence[Bar], is_written: Sequence[bool]) -> list[Bar]:
    """Decide the mode of signatures that do not say it, from all the notes under one signature."""
    completed: list[Bar] = []
    for (key, written), group in groupby(zip(bars, is_written, strict=True), key=lambda pair: (pair[0].key, pair[1])):
        under_it = [bar for bar, _ in group]
        found = key if written else estimate_key(under_it, key.signature)
        completed += [replace(bar, key=found) for bar in under_it]
    return completed
