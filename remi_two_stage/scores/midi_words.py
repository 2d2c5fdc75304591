"""Words in a MIDI file: the syllables that are sung, and chord names among its markers.

Conventions
- Times are `Piece` ticks. A syllable belongs to the note that begins with it, in the voice of its track, or of the one
  that begins most notes with the syllables of a track that has none.
- Syllables of one word end with a hyphen; in tracks that have blanks between words, those without a blank are joined.
  Slashes at the start of karaoke lines are left out. What is written has hyphens within words and blanks after them.
- A bar that is played again is sung to its next verse, if it has one; other verses are not written.
- In karaoke files (.kar) syllables are texts and no lyrics, of which some begin with a slash; those that begin with @
  tell what is sung, `@T` the title.
- Markers are chord names if all of them are, unless they are A, B, C ... as sections are called.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from string import ascii_uppercase
from typing import NamedTuple

from ..core.chords import named_chord
from ..core.notation import Lyric, Notation
from ..core.piece import Bar, Chord, Note, Piece
from ..core.text import printable

_SLACK = 2
"""Ticks that a syllable may stand beside its note."""
_LINE_SIGNS = "/\\"
_NO_SYLLABLES = ("", "-", "_")
_KARAOKE_SIGN, _KARAOKE_TITLE = "@", "@T"


class Said(NamedTuple):
    """A text with its time, its blanks kept."""

    time: int
    text: str


def with_lyrics(
    bars: Sequence[Bar],
    voices: Sequence[Sequence[Note]],
    tracks: Sequence[Sequence[int]],
    words: Mapping[int, Sequence[Said]],
    losses: Counter[str],
) -> list[Bar]:
    """The bars with the syllables of a file.

    Args:
        voices: The notes of each, from the start of the piece.
        tracks: Those of each voice.
        words: By track.
    """
    starts = [0]
    for bar in bars:
        starts.append(starts[-1] + bar.length)
    onsets = [sorted({note.onset for note in notes}) for notes in voices]
    found: dict[tuple[int, int], dict[int, Lyric]] = defaultdict(dict)
    for track, said in sorted(words.items()):
        own = [voice for voice, of_voice in enumerate(tracks) if track in of_voice] or range(len(voices))
        voice = max(own, key=lambda voice: sum(_struck(each.time, onsets[voice]) is not None for each in said))
        for time, text, is_joined in _syllables(said):
            onset = _struck(time, onsets[voice])
            if onset is None:
                losses["a syllable without a note"] += 1
                continue
            index = bisect_right(starts, onset) - 1
            place = onset - starts[index]
            if place in found[index, voice]:
                losses["a second syllable of a note"] += 1
            else:
                found[index, voice][place] = Lyric(place, text, 1, "-" if is_joined else "")
    sung: list[list[tuple[Notation, ...]]] = [[()] * len(voices) for _ in bars]
    for (index, voice), lyrics in found.items():
        sung[index][voice] = tuple(lyrics[place] for place in sorted(lyrics))
    return [replace(bar, notation=tuple(own)) if any(own) else bar for bar, own in zip(bars, sung, strict=True)]


def karaoke_of(texts: Mapping[int, Sequence[Said]]) -> tuple[dict[int, list[Said]], list[str]]:
    """The syllables among the texts of a file, by track, and its titles; nothing where it is no karaoke file."""
    words = {
        track: [each for each in said if not each.text.startswith(_KARAOKE_SIGN)]
        for track, said in texts.items()
        if any(each.text.startswith(tuple(_LINE_SIGNS)) for each in said)
    }
    said = [text for track in texts.values() for _, text in track] if words else []
    return words, [printable(text[2:]).strip() for text in said if text.startswith(_KARAOKE_TITLE)]


def decoded(content: bytes) -> str:
    """Text in UTF-8 or else Latin-1; the standard leaves the encoding open."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def sung_words(piece: Piece, voice: int) -> Iterator[Said]:
    """The syllables of a voice in the order of playing."""
    time = 0
    plays = Counter[int]()
    for index in piece.playing_order():
        bar = piece.bars[index]
        plays[index] += 1
        records = bar.notation[voice] if bar.notation else ()
        lyrics = [record for record in records if isinstance(record, Lyric) and record.text]
        verse = max((lyric.verse for lyric in lyrics if lyric.verse <= plays[index]), default=1)
        struck = {note.onset for note in bar.notes[voice]}
        for lyric in sorted(lyrics, key=lambda lyric: lyric.onset):
            if lyric.verse == verse and lyric.onset in struck:
                yield Said(time + lyric.onset, lyric.text + ("-" if lyric.joint == "-" else " "))
        time += bar.length


def _struck(time: int, onsets: Sequence[int]) -> int | None:
    """The onset that a time is meant to be; None if there is none near it."""
    place = bisect_right(onsets, time + _SLACK)
    return onsets[place - 1] if place and abs(onsets[place - 1] - time) <= _SLACK else None


def _syllables(said: Sequence[Said]) -> list[tuple[int, str, bool]]:
    """The syllables of a track: when each is sung, its text, and whether it is joined to the next one."""
    has_blanks = any(text != text.strip(" ") for _, text in said if text.strip())
    found = []
    for (time, text), (_, following) in pairwise([*said, Said(0, " ")]):
        bare = printable(text).strip().lstrip(_LINE_SIGNS).strip()
        written = bare.removesuffix("-").strip()
        is_within = has_blanks and text == text.rstrip() and following[:1] not in (" ", "\r", "\n", *_LINE_SIGNS)
        if bare not in _NO_SYLLABLES and written:
            found.append((time, written, bare.endswith("-") or is_within))
    return found


def with_chords(bars: Sequence[Bar], markers: Sequence[Said], losses: Counter[str]) -> list[Bar]:
    """The bars with the chords that markers name."""
    key = bars[0].key
    names = [printable(text).strip() for _, text in markers]
    chords = {name: named_chord(name, key) for name in dict.fromkeys(names)}
    are_sections = "".join(chords) == ascii_uppercase[: len(chords)]
    if not all(chords.values()) or are_sections:
        losses["a marker"] += len(names)
        return list(bars)
    starts = [0]
    for bar in bars:
        starts.append(starts[-1] + bar.length)
    found: dict[int, dict[int, Chord]] = defaultdict(dict)
    for (time, _), name in zip(markers, names, strict=True):
        chord = chords[name]
        if chord is not None and time < starts[-1]:
            index = bisect_right(starts, time) - 1
            onset = time - starts[index]
            found[index].setdefault(onset, Chord(onset, chord.label, chord.symbol, chord.bass))
    return [
        replace(bar, chords=tuple(found[index][onset] for onset in sorted(found[index]))) if index in found else bar
        for index, bar in enumerate(bars)
    ]
