"""Several voices on one staff, as hymn books print a choir: soprano and alto on one, tenor and bass on the other.

Conventions
- Who shares a staff is said by the piece's instruments, by which MusicXML is written.
- Words that the voices sing together stand once, between the staves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ..core.instruments import staves_of
from ..core.notation import Instrument, Lyric
from ..core.piece import Piece
from ..core.text import ZERO_WIDTH_SPACE
from ..core.voices import VOICE_TITLES, singer

_MOST_ON_A_STAFF = 2


@dataclass(frozen=True, slots=True)
class Staff:
    """A staff of a score.

    Attributes:
        voices: Indices of its voices in the piece, high to low.
        name: What stands before it; None is the voices' own.
    """

    voices: tuple[int, ...]
    name: str | None = None


def two_staves(piece: Piece) -> tuple[Staff, Staff] | None:
    """The staves of a choir, women above and men below; None for a piece that is not for two to four such singers, or
    that already has two staves.
    """
    singers = [singer(voice) for voice in piece.voices]
    above, below = (
        tuple([index for index, name in enumerate(singers) if name and name in names]) for names in ("SA", "TB")
    )
    is_choir = len(above) + len(below) == len(singers) > _MOST_ON_A_STAFF
    if not is_choir or not (0 < len(above) <= _MOST_ON_A_STAFF and 0 < len(below) <= _MOST_ON_A_STAFF):
        return None
    return Staff(above), Staff(below)


def own_staves(piece: Piece) -> tuple[Staff, ...]:
    """The staves of a piece as it has them; voices that sing other words than the first one of their staff, or parts
    of which some transpose, have staves of their own.
    """
    is_transposed = any(player.transposition for player in piece.instruments)
    staves = [
        range(voice, end)
        for staff in staves_of(piece)
        for voice, end in (
            [(staff.start, staff.stop)]
            if _sing_together(piece, staff) and not is_transposed
            else pairwise([*staff, staff.stop])
        )
    ]
    return tuple(Staff(tuple(staff), _name_of_staff(piece, staff)) for staff in staves)


def _sing_together(piece: Piece, staff: range) -> bool:
    """Whether the upper voice of a staff has no words, or those of all."""
    sung = [_words(piece, voice) for voice in staff]
    return not sung[0] or all(words <= sung[0] for words in sung)


def _words(piece: Piece, voice: int) -> set[tuple[int, str]]:
    """The syllables of a voice, each with the index of its bar."""
    return {
        (index, record.text)
        for index, bar in enumerate(piece.bars)
        for record in (bar.notation[voice] if bar.notation else ())
        if isinstance(record, Lyric)
    }


def _name_of_staff(piece: Piece, staff: range) -> str | None:
    """That of its first player; None where voices are called as usual."""
    if len(staff) == 1 or all(singer(piece.voices[voice]) for voice in staff):
        return None
    return piece.instruments[staff.start].name


def on_staves(piece: Piece, staves: Sequence[Staff], has_words_once: bool = True) -> Piece:
    """The piece as it is printed on some staves, which hold each of its voices once.

    Args:
        has_words_once: Whether words of the first voice stand under no further staff.
    """
    piece = piece.in_voice_order([piece.voices[voice] for staff in staves for voice in staff.voices])
    players = [*(piece.instruments or [Instrument()] * len(piece.voices))]
    unsung: set[int] = set()
    sung, first = _words(piece, 0), 0
    for staff in staves:
        voices = range(first, first + len(staff.voices))
        said = _words(piece, first)
        for voice in voices:
            words = _words(piece, voice)
            if (voice > first and words <= said) or (has_words_once and first and words <= sung):
                unsung.add(voice)
        player = replace(players[first], shares_staff=False)
        players[first] = _called(player, [piece.voices[voice] for voice in voices], staff.name)
        for voice in voices[1:]:
            players[voice] = replace(players[voice], name="", short_name="", shares_staff=True, shares_part=True)
        first = voices.stop
    bars = [
        replace(
            bar,
            notation=tuple(
                [
                    tuple([record for record in records if not isinstance(record, Lyric)])
                    if voice in unsung
                    else records
                    for voice, records in enumerate(bar.notation)
                ]
            ),
        )
        for bar in piece.bars
    ]
    return replace(piece, bars=tuple(bars), instruments=tuple(players))


def _called(player: Instrument, voices: Sequence[str], name: str | None) -> Instrument:
    """The player of a staff under its name, or those of its voices in short, which later systems go without."""
    if name is not None:  # without any name a staff would be called as usual
        return replace(player, name=name or ZERO_WIDTH_SPACE, short_name=name or ZERO_WIDTH_SPACE)
    if len(voices) == 1:
        return player
    titles = [VOICE_TITLES.get(voice, ("", voice)) for voice in voices]
    return replace(player, name=" ".join(short for _, short in titles), short_name="")
