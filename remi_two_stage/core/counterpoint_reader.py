"""Follows a sequence, and tells what each next token would cost by the rules of counterpoint (`counterpoint.py`).

A note is judged against the voices that are written already: those of the bars before, and in its own bar those that
stand earlier in the order in which voices are composed. Costs are in nats, subtracted from the model's scores. Pitches
are those of the tokens, in C; times are ticks from the start.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import takewhile

from .architecture import default_bar_tokens
from .attention_coordinates import BarCursor
from .chords import QUALITIES, pitch_classes, split_label
from .counterpoint import COSTS, FIFTH, Costs, Counterpoint, are_spaced, is_augmented_second, is_parallel
from .counterpoint_part import Part
from .counterpoint_tune import TuneParts, costs_of_lengths
from .grammar_voices import place_in_score
from .ranges import usual_mean, usual_range
from .signatures import TICKS_PER_QUARTER, Key, Meter, shift_from_c
from .vocabulary import DETAIL, FREE_METER, IDS, MAX_DURATION, TOKENS
from .voices import QUARTET, SINGERS

_CHORD, _BASS, _VOICE, _STYLE = (IDS[family] for family in ("Chord", "Bass", "voice", "Style"))
_TIME, _KEY, _TONIC, _BAR_LEN, _PICK_UP = (IDS[family] for family in ("time", "key", "Tonic", "BarLen", "PickUp"))
_BAR_START = IDS["structure"][-1]
_REL_POS, _NOTE_ON, _DURATION, _VELOCITY = (IDS[family] for family in ("RelPos", "Note-On", "Duration", "Velocity"))
_OCTAVE, _MAJOR_SIXTH = 12, 9
_LEADING_NOTE = 11
_DOMINANT_ROOTS = (7, 11)
_FEWEST_NOTES = 8
"""Notes of a voice that tell its range or its register."""
_THIRD = 4
_WHOLE_TONE = 2
_SONG = "song"
"""The style whose melodies are silent while others play, and end on a note that is held."""


@cache
def _meter_of(token: int) -> Meter | None:
    """The metre of a `<time=>` token; None for free metre."""
    name = TOKENS[token][1]
    return None if name == FREE_METER else Meter.parse(name)


class VoiceLeading:
    """Follows a sequence token by token, and tells what each next note would cost.

    Args:
        counterpoint: "soft" or "strict".
    """

    def __init__(self, counterpoint: Counterpoint) -> None:
        self._costs = COSTS[counterpoint]
        self._cursor = BarCursor(default_bar_tokens())
        self._parts: dict[int, Part] = {}
        self._together: list[int] = []
        self._voice = self._time = self._shift = 0
        self._style: str | None = None
        self._scales = [(0, _scale_of(Key()))]  # from a time on
        self._chords: list[tuple[int, int, int]] = []  # time, token, bass in semitones above the root
        self._bar = self._last_bar = 0
        self._form = TuneParts()
        self._given: dict[int, tuple[int, int]] = {}
        self._meter: Meter | None = None
        self._place = self._bar_end = self._offset = 0  # metrical ticks in the bar, the last that of its start
        self._rhythms: dict[int, set[tuple[int, int]]] = {}
        self._given_rhythms: dict[int, set[tuple[int, int]]] = {}

    def keep_to_given(self) -> None:
        """Hold each voice to the range and the rhythm of the notes that it has by now, if they are enough to tell."""
        self._given = {
            voice: (min(part.pitches) - _THIRD, max(part.pitches) + _THIRD)
            for voice, part in self._parts.items()
            if len(part.pitches) >= _FEWEST_NOTES
        }
        self._given_rhythms = {voice: set(self._rhythms.get(voice, ())) for voice in self._given}

    def advance(self, token: int) -> None:
        """Read a token."""
        bar, time = self._cursor.read(token)
        if token == DETAIL:
            self._last_bar = self._bar
        self._bar = bar
        self._form.read(token, bar)
        if token in _VOICE:
            self._voice, self._time, self._place = token, time, self._offset
            self._parts.setdefault(token, Part())
            self._together = self._voices_with(token)
        elif token in _REL_POS:
            self._time, self._place = time, token - _REL_POS.start
        elif token in _NOTE_ON:
            self._parts[self._voice].add(self._time, token - _NOTE_ON.start)
            self._form.add(token - _NOTE_ON.start)
        elif token in _DURATION:
            part = self._parts[self._voice]
            part.ends[bisect_left(part.onsets, self._time)] += token - _DURATION.start + 1
            self._rhythms.setdefault(self._voice, set()).add((self._place, token))
        elif token in _CHORD:
            self._chords.append((time, token, 0))
        elif token in _BASS:
            begun, chord, _ = self._chords[-1]
            self._chords[-1] = begun, chord, token - _BASS.start + 1
        elif token in _KEY:
            self._scales.append((time, _scale_of(Key.parse(TOKENS[token][1]))))
        elif token in _TIME:
            self._meter = _meter_of(token)
        elif token == _BAR_START:
            self._bar_end, self._offset = self._meter.bar_length if self._meter else 0, 0
        elif token in _PICK_UP:
            self._offset = self._bar_end - (token - _PICK_UP.start + 1)
        elif token in _BAR_LEN:
            self._bar_end = token - _BAR_LEN.start + 1
        elif token in _TONIC:
            self._shift = shift_from_c(token - _TONIC.start)
        elif token in _STYLE:
            self._style = TOKENS[token][1]

    def costs(self, choice: Sequence[range]) -> list[float] | None:
        """What each token of a choice costs, one range after the other; None where nothing that is chosen does."""
        starts = [ids.start for ids in choice if ids]
        if not any(start in _NOTE_ON for start in starts):
            is_length = any(start in _DURATION for start in starts)
            return self._costs_of_lengths(choice) if is_length else self._costs_of_rests(choice)
        rules = self._rules()
        costs: list[float] = []
        for ids in choice:
            is_note = ids and ids.start in _NOTE_ON
            costs += rules(ids.start - _NOTE_ON.start, ids.stop - _NOTE_ON.start) if is_note else [0.0] * len(ids)
        return costs

    def _costs_of_lengths(self, choice: Sequence[range]) -> list[float] | None:
        """What lengths of a note cost: by the rhythm of the given notes, else by where they end."""
        given, place, costs = self._given_rhythms.get(self._voice), self._place, self._costs
        if given is not None:
            return [
                costs.rhythm * (token in _DURATION and (place, token) not in given) for ids in choice for token in ids
            ]
        if self._is_over_last_chord() and (len(self._parts) > 1 or self._style == _SONG):
            held = _DURATION.start + min(self._bar_end - place, MAX_DURATION) - 1
            return [costs.final * (token in _DURATION and token < held) for ids in choice for token in ids]
        if (other := self._ticks_to_other_bass()) is not None:
            longest, cost = _DURATION.start + other - 1, self._cost_of_bass
            return [cost * (token in _DURATION and token > longest) for ids in choice for token in ids]
        if self._meter is None or not self._is_new_tune:
            return None
        return [cost for ids in choice for cost in costs_of_lengths(ids, place, self._meter, self._style, costs)]

    def _costs_of_rests(self, choice: Sequence[range]) -> list[float] | None:
        """What costs that a tune is silent, or a singer while others sing: that a note begins later than the one before
        ends, or that a bar ends that has room for notes.
        """
        first = next((ids.start for ids in choice if ids and ids.start in _REL_POS), None)
        if first is None or self._style == _SONG:
            return None
        is_alone = self._is_new_tune
        if not is_alone and not self._others_sing(self._time + first - _REL_POS.start - self._place):
            return None
        rest = self._costs.rest if is_alone else self._costs.breath
        return [rest if token != first and token not in _VELOCITY else 0.0 for ids in choice for token in ids]

    def _ticks_to_other_bass(self) -> int | None:
        """Ticks from the note of a lowest voice to the next chord of the bar over which it should not be held; None
        where there is none.
        """
        together = self._together
        if len(together) < 2 or self._voice != together[-1]:
            return None
        part = self._parts[self._voice]
        pitch = part.pitches[bisect_left(part.onsets, self._time)]
        coming = takewhile(lambda chord: chord[0] > self._time, reversed(self._chords))
        return min(
            (chord[0] - self._time for chord in coming if _bass_of(chord) not in (None, pitch % _OCTAVE)), default=None
        )

    @property
    def _cost_of_bass(self) -> float:
        """What another bass than a chord's costs."""
        return self._costs.cadence if self._bar >= self._last_bar - 1 else self._costs.bass

    def _voices_with(self, voice: int) -> list[int]:
        """The singers, or the players of a quartet, among whom a voice is one, from high to low; none of others."""
        group = next((group for group in (SINGERS, QUARTET) if TOKENS[voice][1] in group), ())
        return sorted((voice for voice in self._parts if TOKENS[voice][1] in group), key=place_in_score)

    @property
    def _is_new_tune(self) -> bool:
        """Whether a lone voice is written without notes of its own before it that tell its rhythm."""
        return len(self._parts) == 1 and not self._given

    def _others_sing(self, time: int) -> bool:
        """Whether a new voice of a choir has others beside it that sing at a time."""
        if self._voice in self._given or TOKENS[self._voice][1] not in SINGERS:
            return False
        return any(self._parts[voice].sounding(time) is not None for voice in self._together if voice != self._voice)

    def _chord_at(self, time: int) -> tuple[int, int, int] | None:
        """Where the chord begins that sounds at a time, its token and its bass; None before the first one."""
        return next((chord for chord in reversed(self._chords) if chord[0] <= time), None)

    def _scale_at(self, time: int) -> frozenset[int]:
        """The pitch classes of the key at a time."""
        return next(scale for begun, scale in reversed(self._scales) if begun <= time)

    def _rules(self) -> Callable[[int, int], list[float]]:
        """What the pitches from one to another, which is left out, cost now."""
        together = self._together
        return _Judge(self, together).costs if len(together) > 1 else self._alone

    def _alone(self, first: int, stop: int) -> list[float]:
        """What pitches of a voice with no others beside it cost."""
        costs, part = self._in_range()[first:stop], self._parts[self._voice]
        if (left := part.left(self._time)) is not None and self._must_rise(left):
            costs = [cost + self._costs.leading * (pitch != left + 1) for pitch, cost in enumerate(costs, start=first)]
        if (goal := part.following(self._time)) is not None:
            costs = [cost + self._leap(pitch, goal) for pitch, cost in enumerate(costs, start=first)]
        if (said := self._said()) is not None and first <= said < stop:
            costs[said - first] += self._costs.static
        if self._may_close():
            costs = [cost + self._costs.close * (pitch % _OCTAVE != 0) for pitch, cost in enumerate(costs, start=first)]
        if tones := self._strong_tones():
            costs = [
                cost + self._costs.strong * (pitch % _OCTAVE not in tones)
                for pitch, cost in enumerate(costs, start=first)
            ]
        for middle, cost_of_semitone in self._pulls():
            costs = [
                cost + max(0.0, cost_of_semitone * (pitch - middle)) for pitch, cost in enumerate(costs, start=first)
            ]
        if self._is_new_tune and self._style != _SONG:
            home, of_part = self._home(), self._costs.part * self._is_at_end_of_part()
            costs = [
                cost + self._costs.outside * (pitch % _OCTAVE not in home) + of_part * (pitch % _OCTAVE != 0)
                for pitch, cost in enumerate(costs, start=first)
            ]
        return costs

    def _home(self) -> frozenset[int]:
        """The pitch classes of the key and the chord here."""
        here, scale = self._chord_at(self._time), self._scale_at(self._time)
        return scale if here is None else scale | pitch_classes(TOKENS[here[1]][1])

    def _may_end_part(self) -> bool:
        """Whether a note here may end a part on the tonic's chord."""
        return self._form.end_with(self._bar) and self._time >= self._chords[-1][0] and _root_of(self._chords[-1]) == 0

    def _is_at_end_of_part(self) -> bool:
        """Whether a note on or after the last beat, which is no longer than a quarter note in plain metres, may."""
        beat = TICKS_PER_QUARTER if self._meter is None or not self._meter.is_compound else self._meter.beat_length
        last_beat = (self._bar_end - 1) // beat * beat
        return self._place >= last_beat and self._may_end_part()

    def _pulls(self) -> Iterator[tuple[float, float]]:
        """Pitches about which a composed tune should lie, in C, and what a semitone above costs, or one below if that
        is negative: where tunes usually lie, unless it does, and where later parts do.
        """
        part, mean = self._parts[self._voice], usual_mean(TOKENS[self._voice][1], self._style)
        if mean is None or not self._is_new_tune or len(part.pitches) < _FEWEST_NOTES:
            return
        usual = mean - self._shift
        away = sum(part.pitches) / len(part.pitches) - usual
        if beyond := max(0.0, abs(away) - _WHOLE_TONE):
            yield usual, math.copysign(beyond, away) * self._costs.register
        if (height := self._form.height(self._bar, usual)) is not None:
            yield height, -self._costs.height

    def _is_over_last_chord(self) -> bool:
        """Whether a note here sounds over the last chord, in the last bar."""
        return self._bar == self._last_bar and bool(self._chords) and self._time >= self._chords[-1][0]

    def _may_close(self) -> bool:
        """Whether a note here may be the last one of a melody that ends on the tonic's chord."""
        return self._is_melody and self._is_over_last_chord() and _root_of(self._chords[-1]) == 0

    @property
    def _is_melody(self) -> bool:
        return self._voice == min(self._parts, key=place_in_score)

    def _said(self) -> int | None:
        """The pitch that a melody has had often enough."""
        return self._parts[self._voice].repeated(self._time) if self._is_melody else None

    def _strong_tones(self) -> frozenset[int]:
        """The pitch classes of the chord, where a tune has a strong beat."""
        is_strong = self._meter is not None and self._place in self._meter.strong_beats
        here = self._chord_at(self._time) if is_strong and len(self._parts) == 1 else None
        return frozenset() if here is None else pitch_classes(TOKENS[here[1]][1])

    def _leap(self, pitch: int, goal: tuple[int, int]) -> float:
        return self._costs.leap * max(0, abs(pitch - goal[0]) - _WHOLE_TONE * max(1, goal[1] // TICKS_PER_QUARTER))

    def _in_range(self) -> list[float]:
        """What each MIDI number costs by its distance from the voice's usual range."""
        low, high = (limit - self._shift for limit in usual_range(TOKENS[self._voice][1], self._style))
        given = self._given.get(self._voice)
        if given is None:
            return _costs_of_range(low, high, self._costs)
        if given[1] < low or given[0] > high:  # given notes count more than what is usual
            low, high = given
        return _costs_of_range(low, high, self._costs, given)

    def _must_rise(self, left: int) -> bool:
        """Whether the pitch that is left is the leading note of a dominant chord that the tonic's follows here."""
        if left % _OCTAVE != _LEADING_NOTE or _root_of(here := self._chord_at(self._time)) != 0 or here is None:
            return False
        return _root_of(self._chord_at(here[0] - 1)) in _DOMINANT_ROOTS


def leading_after(counterpoint: Counterpoint, kind: str, ids: Sequence[int]) -> VoiceLeading | None:
    """What follows a sequence of a kind after a prompt; None where no notes are written, or without counterpoint."""
    if counterpoint == "off" or kind in ("plan", "melody"):
        return None
    leading = VoiceLeading(counterpoint)
    for token in ids:
        leading.advance(token)
    leading.keep_to_given()
    return leading


class _Judge:
    """What a note of one voice costs at one time, by its pitch.

    Args:
        order: The `<voice=>` tokens of the voices that are judged together, from high to low.
    """

    def __init__(self, leading: VoiceLeading, order: Sequence[int]) -> None:
        self._leading, self._costs = leading, leading._costs
        time, voice, parts = leading._time, leading._voice, leading._parts
        at = order.index(voice)
        self._in_range = leading._in_range()
        self._left, self._goal = parts[voice].left(time), parts[voice].following(time)
        others = [(place, parts[other]) for place, other in enumerate(order) if other != voice]
        self._moving = [
            (old, new)
            for _, part in others
            if part.moves(time) and (old := part.left(time)) is not None and (new := part.sounding(time)) is not None
        ]
        sounding = {place: part.sounding(time) for place, part in others}
        # A note is often held while others move on: what they sing within a beat counts.
        within = {place: part.until(time, time + TICKS_PER_QUARTER) for place, part in others}
        self._above = [min(pitches) for place, pitches in within.items() if place < at and pitches]
        self._below = [max(pitches) for place, pitches in within.items() if place > at and pitches]
        self._may_close, self._said = leading._may_close(), leading._said()
        self._left_above = parts[order[at - 1]].left(time) if at else None
        self._left_below = parts[order[at + 1]].left(time) if at + 1 < len(order) else None
        names = [TOKENS[other][1] for other in order]
        self._are_singers = names[at] in SINGERS
        self._neighbours = [
            pitch
            for place in (at - 1, at + 1)
            if (pitch := sounding.get(place)) is not None and are_spaced(names[place], names[at])
        ]
        self._top = sounding.get(0) if at == len(order) - 1 > 1 else None
        self._set_harmony(leading, time, at == len(order) - 1)
        self._must_rise = self._left is not None and leading._must_rise(self._left)
        heard = {pitch % _OCTAVE for pitch in sounding.values() if pitch is not None}
        is_last = len(order) > 2 and None not in sounding.values()
        third = _third_of(leading._chord_at(time))
        self._third = third if is_last and third not in heard else None
        self._third_cost = self._costs.most if leading._bar == leading._last_bar else self._costs.third
        self._bass_cost = leading._cost_of_bass
        self._has_leading_note = _LEADING_NOTE in heard

    def _set_harmony(self, leading: VoiceLeading, time: int, is_bass: bool) -> None:
        """What the chord here says."""
        here = leading._chord_at(time)
        self._is_dominant = _root_of(here) in _DOMINANT_ROOTS
        begins = here is not None and here[0] == time
        self._bass = _bass_of(here) if is_bass and begins else None
        self._at_home = leading._home() if begins else None

    def costs(self, first: int, stop: int) -> list[float]:
        """The costs, in nats, of the pitches from `first` to `stop`, which is left out."""
        return [self._cost(pitch) for pitch in range(first, stop)]

    def _cost(self, pitch: int) -> float:
        costs = self._costs
        cost = self._in_range[pitch]
        if self._goal is not None:
            cost += self._leading._leap(pitch, self._goal)
        if self._left is not None and pitch != self._left:
            cost += costs.seventh * (abs(pitch - self._left) > _MAJOR_SIXTH and abs(pitch - self._left) != _OCTAVE)
            cost += costs.parallels * any(
                is_parallel((self._left, old), (pitch, new)) and (self._are_singers or (pitch - new) % _OCTAVE != 0)
                for old, new in self._moving
            )
        if self._are_singers:
            cost += self._cost_of_places(pitch)
            cost += costs.augmented * (self._left is not None and is_augmented_second(self._left, pitch))
        if self._is_dominant and self._has_leading_note and pitch % _OCTAVE == _LEADING_NOTE:
            cost += costs.doubling
        if self._must_rise and self._left is not None and pitch != self._left + 1:
            cost += costs.leading
        if self._bass is not None and pitch % _OCTAVE != self._bass:
            cost += self._bass_cost
        if self._third is not None and pitch % _OCTAVE != self._third:
            cost += self._third_cost
        if self._at_home is not None and pitch % _OCTAVE not in self._at_home:
            cost += costs.foreign
        cost += costs.static * (pitch == self._said)
        if self._may_close and pitch % _OCTAVE != 0:
            cost += costs.close
        return cost

    def _cost_of_places(self, pitch: int) -> float:
        """What a pitch costs by where it lies among those of the other singers."""
        costs = self._costs
        crossed = sum(pitch > other for other in self._above) + sum(pitch < other for other in self._below)
        overlaps = (self._left_above is not None and pitch > self._left_above) + (
            self._left_below is not None and pitch < self._left_below
        )
        beyond = sum(max(0, abs(pitch - neighbour) - _OCTAVE) for neighbour in self._neighbours)
        short = 0 if self._top is None else max(0, FIFTH - (self._top - pitch))
        return costs.crossing * crossed + costs.overlap * overlaps + costs.spacing * beyond + costs.room * short


@cache
def _costs_of_range(low: int, high: int, costs: Costs, given: tuple[int, int] = (0, 127)) -> list[float]:
    """What each MIDI number costs beyond a usual range, by semitones; beyond that of given notes, the most."""
    return [
        min(max(low - pitch, pitch - high, 0) * costs.range, costs.most)
        if given[0] <= pitch <= given[1]
        else costs.most
        for pitch in range(len(_NOTE_ON))
    ]


def _root_of(chord: tuple[int, int, int] | None) -> int | None:
    parts = None if chord is None else split_label(TOKENS[chord[1]][1])
    return None if parts is None else parts[0]


def _bass_of(chord: tuple[int, int, int] | None) -> int | None:
    """Pitch class of a chord's bass."""
    root = _root_of(chord)
    return None if root is None or chord is None else (root + chord[2]) % _OCTAVE


@cache
def _scale_of(key: Key) -> frozenset[int]:
    """The pitch classes of a key; of minor, the raised sixth and seventh degree too."""
    return key.scale | {(key.pitch_class + raised) % _OCTAVE for raised in (9, 11) if key.mode == "min"}


def _third_of(chord: tuple[int, int, int] | None) -> int | None:
    """Pitch class of a chord's third; None where it has none."""
    parts = None if chord is None else split_label(TOKENS[chord[1]][1])
    third = None if parts is None else QUALITIES[parts[1]].intervals[1]
    return (parts[0] + third) % _OCTAVE if parts is not None and third in (3, 4) else None
