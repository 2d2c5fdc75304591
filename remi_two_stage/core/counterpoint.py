"""Counterpoint: rules for voices, together and alone, and what breaking one costs while notes are chosen.

The rules are those of harmony books (Kostka and Payne, Tonal Harmony, chapters 5 and 6, of sevenths chapter 13, of
cadences chapter 10; Aldwell and Schachter, Harmony and Voice Leading, chapters 5 and 6), where their reasons are:

    parallels   two voices move in one direction from a perfect fifth or octave to another, or from a unison to one
    crossing    a voice lies below the next lower one
    overlap     a voice moves beyond the note that its neighbour leaves
    seventh     a voice leaps by a seventh or further than an octave
    augmented   a singer goes by an augmented second
    tritone     a singer leaps by an augmented fourth or a diminished fifth
    sixth       a voice of a choir below the highest leaps by a sixth
    inner       an inner voice of a choir goes by more than a whole tone
    hidden      the outer voices of a choir go in one direction to a perfect fifth or octave, the upper one by leap
    fall        the seventh of a dominant does not fall by step in a choir as the tonic follows
    approach    the melody of a choir does not come to its last note by step, or its note over the dominant before that
                is no neighbour of the tonic
    phrase      the melody of a choir leaves its note in the last beat of a phrase
    spacing     neighbours among sopranos, altos and tenors are more than an octave apart
    room        the lowest of three or more singers is less than a fifth below the highest, which leaves no room for
                those between
    range       a note lies outside the usual range of its singer, or of the instrument that a style is played on; twice
                for the second singers of a kind, whom models have not heard
    doubling    the leading note of a dominant is in two voices, or comes into a second one within a beat
    leading     the leading note does not rise as the tonic follows
    bass        the lowest voice begins a chord on another note than the chord's bass, or holds one into the chord
    cadence     it does so in the last two bars
    foreign     as a chord begins, a note is neither the chord's nor the key's, raised degrees of minor included
    third       a chord in all voices lacks its third; that of the last bar least of all
    doubled     in four voices, a note on a beat doubles another one where two others do, and the chord has more tones
    close       the melody's note over the last chord, in the last bar, the tonic's, is not the tonic; half of it where
                a song's is not one of those that the tonic's chord shares with another last chord
    final       one of several voices, or a song, does not hold its note over the last chord to the end, or a tune in
                three beats its note over the tonic in the last bar of a part; eight times for singers
    strong      a tune's note on a strong beat does not belong to the chord
    altered     a note is the key's own form of a degree that the chord alters, such as F over D7 in C, or G over E7 in
                A minor
    static      the melody has the same note for the fifth time running, or more
    part        a part of a tune ends on the tonic's chord, but not on the tonic
    height      later parts of a tune lie lower than two semitones above the middle between the first one and where
                tunes usually lie
    outside     a tune's note is neither the chord's nor the key's, raised degrees of minor included; other than a song
    together    a player of a quartet begins a note within a bar where all others do that are written already
    moving      a player has short notes in a bar in which others begin notes: for each halving of what is left of it
    again       a player of a quartet, the melody of a hymn or the bass of a chorale strikes the note again that is left
    register    a tune that lies further from where tunes lie than most of them goes on in that direction
    return      a new note before a given one, as where bars are rewritten, lies further from it than a whole tone for
                each beat that is left
    rhythm      a new note is of a length that no given note has at its place in the bar
    fragment    a tune's note ends where a triplet is not complete, or in a metre of five or seven units off the 16ths
    over        in bars of four quarter notes it begins within a beat and is tied into the next one, in 16ths
    group       in such a metre it reaches over a group of two or three units, and is not made of groups
    pair        the notes that fill a beat are even in a strathspey, which has snaps, or not dotted in a march
    rest        a tune is silent, other than a song, or are all players of a quartet
    breath      a singer is silent while others sing, or before anybody sings, other than in songs

Players of a quartet keep to these rules together, but for parallel octaves, crossing, overlap, spacing, room, augmented
seconds and breath: strings double one another and exchange their places (in OpenScore's quartets voices are crossed in
12 % of the changes and move in octaves in 17 %, but in parallel fifths in 0.4 %; Piston, Orchestration, chapter 2).

Where a voice has given notes, new ones also keep to their range and a third around it: beyond, they cost the most; and
their rhythm is that of the given ones.

Costs are in nats, subtracted from the model's scores; pitches are MIDI numbers, times ticks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from .signatures import Key, Meter
from .voices import singer

Counterpoint = Literal["strict", "soft", "off"]
COUNTERPOINTS: tuple[Counterpoint, ...] = get_args(Counterpoint)

_OCTAVE, FIFTH = 12, 7
_AUGMENTED_SECOND, _MINOR_SIXTH, _LEADING_NOTE = 3, 8, 11
_PITCHES = 128
_16TH, _32ND, _OF_TRIPLET = 6, 3, 4
"""Ticks of notes, the last that of a 16th in a triplet."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What breaking each rule costs, in nats; `spacing`, `room`, `range` and `leap`, of a return, for each semitone
    beyond; a range costs at most `most`; `height` for each semitone, `register` for each of the note and of the tune.
    """

    parallels: float
    crossing: float
    overlap: float
    seventh: float
    augmented: float
    tritone: float
    sixth: float
    inner: float
    hidden: float
    fall: float
    approach: float
    phrase: float
    spacing: float
    room: float
    range: float
    doubling: float
    leading: float
    bass: float
    cadence: float
    foreign: float
    third: float
    doubled: float
    close: float
    final: float
    strong: float
    altered: float
    static: float
    part: float
    height: float
    outside: float
    again: float
    register: float
    leap: float
    rhythm: float
    together: float
    moving: float
    fragment: float
    over: float
    group: float
    pair: float
    rest: float
    breath: float
    most: float


# fmt: off
COSTS: dict[Counterpoint, Costs] = {
    "soft": Costs(
        parallels=12.0, crossing=5.0, overlap=0.7, seventh=5.5, augmented=4.0, spacing=1.8, room=2.5, range=2.0,
        tritone=1.5, sixth=1.4, inner=0.7, hidden=2.0, fall=2.5, approach=1.5, phrase=1.0,
        doubling=2.5, leading=1.5, bass=3.0, cadence=5.0, foreign=5.0, third=4.0,
        doubled=1.2, close=2.0, final=1.5, strong=0.4,
        altered=2.0, static=1.5, again=0.6, part=2.0, height=0.05, outside=0.5, register=0.03, leap=0.55, rhythm=1.2,
        together=1.0, moving=0.3, fragment=6.0, over=2.5, group=2.5, pair=0.5, rest=1.2, breath=4.0, most=8.0,
    ),
    "strict": Costs(
        parallels=30.0, crossing=12.0, overlap=3.0, seventh=8.0, augmented=8.0, spacing=4.0, room=5.0, range=4.0,
        tritone=4.0, sixth=2.8, inner=1.4, hidden=6.0, fall=6.0, approach=3.0, phrase=2.0,
        doubling=8.0, leading=6.0, bass=6.0, cadence=10.0, foreign=10.0, third=6.0,
        doubled=2.4, close=4.0, final=3.0, strong=0.8,
        altered=4.0, static=3.0, again=1.2, part=4.0, height=0.1, outside=1.0, register=0.06, leap=1.1, rhythm=2.4,
        together=2.0, moving=0.6, fragment=12.0, over=5.0, group=5.0, pair=1.0, rest=2.4, breath=8.0, most=30.0,
    ),
}
# fmt: on
"""By setting; "off" has none."""


def is_parallel(before: tuple[int, int], after: tuple[int, int]) -> bool:
    """Whether two voices, the pitches of which are given, move in one direction and stay a perfect fifth or an octave
    apart, octaves between them not counted.
    """
    moves = after[0] - before[0], after[1] - before[1]
    intervals = abs(before[0] - before[1]) % _OCTAVE, abs(after[0] - after[1]) % _OCTAVE
    return moves[0] * moves[1] > 0 and intervals[0] == intervals[1] and intervals[0] in (0, FIFTH)


def is_augmented_second(left: int, pitch: int) -> bool:
    """Whether a voice goes from the minor sixth degree to the leading note, or back; pitches are those in C."""
    return abs(pitch - left) == _AUGMENTED_SECOND and {pitch % _OCTAVE, left % _OCTAVE} == {_MINOR_SIXTH, _LEADING_NOTE}


def are_spaced(upper: str, lower: str) -> bool:
    """Whether neighbouring voices keep within an octave of each other."""
    return all(singer(voice) not in (None, "B") for voice in (upper, lower))


def is_whole(start: int, end: int, meter: Meter) -> bool:
    """Whether a note from one metrical position to another leaves no part of a triplet, and in a metre of five, seven
    or another such number of units no part of a 16th.
    """
    shortest = _16TH if is_uneven(meter) else _32ND
    is_plain = start % shortest == 0 and end % shortest == 0
    return is_plain or (not is_uneven(meter) and start % _OF_TRIPLET == 0 and end % _OF_TRIPLET == 0)


def is_uneven(meter: Meter) -> bool:
    """Whether a metre has five, seven or another such number of units."""
    return meter.numerator > 1 and meter.numerator % 2 != 0 and meter.numerator % 3 != 0


@cache
def costs_of_range(
    low: int, high: int, costs: Costs, wrong: frozenset[int] = frozenset(), given: tuple[int, int] = (0, 127),
    is_second: bool = False,
) -> list[float]:  # fmt: skip
    """What each MIDI number costs beyond a usual range, by semitones; beyond that of given notes, the most; and where
    its pitch class is wrong.
    """
    return [
        costs.altered * (pitch % _OCTAVE in wrong)
        + (
            min(max(low - pitch, pitch - high, 0) * costs.range * (1 + is_second), costs.most)
            if given[0] <= pitch <= given[1]
            else costs.most
        )
        for pitch in range(_PITCHES)
    ]


@cache
def scale_of(key: Key) -> frozenset[int]:
    """The pitch classes of a key; of minor, the raised sixth and seventh degree too."""
    return key.scale | {(key.pitch_class + raised) % _OCTAVE for raised in (9, 11) if key.mode == "min"}
