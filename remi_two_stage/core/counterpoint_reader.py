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
from operator import add

from .architecture import default_bar_tokens
from .attention_coordinates import BarCursor
from .counterpoint import COSTS, FIFTH, Counterpoint, are_spaced, costs_of_range, is_parallel
from .counterpoint_choirs import Motion
from .counterpoint_harmony import Harmony, SoundingChord
from .counterpoint_parts import Part
from .counterpoint_players import costs_of_moving
from .counterpoint_tune import TuneParts, costs_of_lengths
from .grammar_voices import place_in_score
from .plan_harmony import PlanHarmony
from .ranges import usual_mean, usual_range
from .signatures import TICKS_PER_QUARTER, Meter, shift_from_c
from .vocabulary import DETAIL, FREE_METER, IDS, MAX_DURATION, TOKENS
from .voices import FOUR_PARTS, QUARTET, SINGERS

_VOICE, _STYLE = IDS["voice"], IDS["Style"]
_TIME, _TONIC, _BAR_LEN, _PICK_UP = (IDS[family] for family in ("time", "Tonic", "BarLen", "PickUp"))
_BAR_START, _PHRASE_START = IDS["structure"][-1], IDS["structure"][0]
_REL_POS, _NOTE_ON, _DURATION, _VELOCITY = (IDS[family] for family in ("RelPos", "Note-On", "Duration", "Velocity"))
_OCTAVE, _MAJOR_SIXTH = 12, 9
_LEADING_NOTE, _SEVENTH_OF_DOMINANT = 11, 5
_ABOUT_TONIC = (2, 11)
_FEWEST_NOTES = 8
"""Notes of a voice that tell its range or its register."""
_THIRD = 4
_WHOLE_TONE = 2
_SECOND_SINGERS = frozenset(SINGERS) - frozenset(FOUR_PARTS)
_TIMES_FOR_SINGERS = 8  # as dearly as players, singers leave their last notes
_MOVING = {"hymn": 0, "chorale": -1}
"""By style, the singer who seldom strikes a note again: the highest or the lowest."""
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
        self._harmony = Harmony()
        self._bar = self._last_bar = 0
        self._form = TuneParts()
        self._last_chord: SoundingChord | None = None
        self._phrases: list[int] = []  # when they begin, in order
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
            self._last_bar, self._last_chord = self._bar, self._harmony.last
        self._bar = bar
        self._form.read(token, bar)
        self._harmony.read(token, time)
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
        elif token == _PHRASE_START:
            self._phrases.append(time)
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
        if self._is_held_to_end():
            rest = self._bar_end - place - self._parts[self._voice].length(self._time)
            held = _DURATION.start + min(rest, MAX_DURATION) - 1
            cost = costs.final * (_TIMES_FOR_SINGERS if TOKENS[self._voice][1] in SINGERS else 1)
            return [cost * (rest > 0 and (token not in _DURATION or token < held)) for ids in choice for token in ids]
        moving = self._costs_of_moving(choice)
        if (other := self._ticks_to_other_bass()) is not None:
            longest, cost = _DURATION.start + other - 1, self._cost_of_bass
            of_bass = [cost * (token in _DURATION and token > longest) for ids in choice for token in ids]
            return of_bass if moving is None else [*map(add, of_bass, moving)]
        if moving is not None:
            return moving
        if (left := self._ticks_to_next_phrase()) is not None:
            held = _DURATION.start + left - 1
            return [costs.phrase * (token in _DURATION and token < held) for ids in choice for token in ids]
        if self._meter is None or not self._is_new_tune:
            return None
        return [cost for ids in choice for cost in costs_of_lengths(ids, place, self._meter, self._style, costs)]

    def _costs_of_moving(self, choice: Sequence[range]) -> list[float] | None:
        """What lengths of a player's note cost by when the others of a quartet begin notes; None where none does."""
        if TOKENS[self._voice][1] not in QUARTET:
            return None
        start, end = self._time - self._place + self._offset, self._time - self._place + self._bar_end
        others = [self._parts[voice] for voice in self._together if voice != self._voice]
        moving = [part for part in others if part.moves_within(start, end)]
        if not moving:
            return None
        return [cost for ids in choice for cost in costs_of_moving(ids, self._time, end, moving, self._costs)]

    def _costs_of_rests(self, choice: Sequence[range]) -> list[float] | None:
        """What it costs that a tune is silent up to a note or a bar's end, or a singer beside others, or a quartet."""
        first = next((ids.start for ids in choice if ids and ids.start in _REL_POS), None)
        if first is None or self._style == _SONG:
            return None
        time = self._time + first - _REL_POS.start - self._place
        others_sing = not self._is_new_tune and self._others_sing(time)
        if not (self._is_new_tune or others_sing or self._is_hole(time)):
            return None
        rest = self._costs.breath if others_sing else self._costs.rest
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
        coming = self._harmony.after(self._time)
        return min(
            (chord.start - self._time for chord in coming if chord.bass not in (None, pitch % _OCTAVE)), default=None
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
        """Whether a new voice of a choir has others beside it that sing at a time, or nobody has sung before."""
        if self._voice in self._given or TOKENS[self._voice][1] not in SINGERS:
            return False
        sing = any(self._parts[voice].sounding(time) is not None for voice in self._together if voice != self._voice)
        return sing or not any(part.onsets for part in self._parts.values())

    def _is_hole(self, time: int) -> bool:
        """Whether all players of a quartet but the last one to be written, which this is, are silent at a time."""
        players = [voice for voice in self._together if TOKENS[voice][1] in QUARTET]
        is_last = len(players) > 1 and self._voice == players[-2 if len(players) > 2 else -1]
        return is_last and all(self._parts[voice].sounding(time) is None for voice in players)

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
        may_close = self._may_close() or (self._style == _SONG and self._is_melody and self._is_over_last_chord())
        if may_close and (closing := self._harmony.closing_tones):
            close = self._costs.close * (2 if self._given else 1)  # a tune that is there has told its tonic
            close /= 1 if self._is_over_last_tonic() else 2
            costs = [cost + close * (pitch % _OCTAVE not in closing) for pitch, cost in enumerate(costs, start=first)]
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
            home, of_part = self._harmony.home_at(self._time), self._costs.part * self._is_at_end_of_part()
            costs = [
                cost + self._costs.outside * (pitch % _OCTAVE not in home) + of_part * (pitch % _OCTAVE != 0)
                for pitch, cost in enumerate(costs, start=first)
            ]
        return costs

    def _may_end_part(self) -> bool:
        """Whether a note here may end a part on the tonic's chord."""
        return self._form.end_with(self._bar) and self._is_over_last_tonic()

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

    def _is_held_to_end(self) -> bool:
        """Whether a note here should last to the end of the bar: over the last chord in several voices, if none of
        them moves on, and in songs, and in tunes in three beats over the tonic with which a part ends.
        """
        if len(self._parts) > 1 or self._style == _SONG:
            return self._is_over_last_chord() and all(part.onsets[-1:] <= [self._time] for part in self._parts.values())
        is_end = self._bar == self._last_bar or self._form.end_with(self._bar)
        return is_end and self._meter is not None and self._meter.numerator == 3 and self._is_over_last_tonic()

    def _is_over_last_chord(self) -> bool:
        """Whether a note here sounds over the last chord, in the last bar."""
        last = self._harmony.last
        return self._bar == self._last_bar and last is not None and self._time >= last.start

    def _may_close(self) -> bool:
        """Whether a note here may be the last one of a melody that ends on the tonic's chord."""
        return self._is_melody and self._bar == self._last_bar and self._is_over_last_tonic()

    def _is_over_last_tonic(self) -> bool:
        """Whether a note here sounds over the last chord that was read, the tonic's."""
        last = self._harmony.last
        return last is not None and last.is_tonic and self._time >= last.start

    @property
    def _is_melody(self) -> bool:
        return self._voice == min(self._parts, key=place_in_score)

    def _said(self) -> int | None:
        """The pitch that a melody has had often enough."""
        return self._parts[self._voice].repeated(self._time) if self._is_melody else None

    def _strong_tones(self) -> frozenset[int]:
        """The pitch classes of the chord, where a tune has a strong beat."""
        is_strong = self._meter is not None and self._place in self._meter.strong_beats
        here = self._harmony.chord_at(self._time) if is_strong and len(self._parts) == 1 else None
        return frozenset() if here is None else here.tones

    def _leap(self, pitch: int, goal: tuple[int, int]) -> float:
        return self._costs.leap * max(0, abs(pitch - goal[0]) - _WHOLE_TONE * max(1, goal[1] // TICKS_PER_QUARTER))

    def _in_range(self) -> list[float]:
        """What each MIDI number costs by its distance from the voice's usual range, and by what a chord has altered."""
        wrong = self._harmony.wrong_at(self._time)
        low, high = (limit - self._shift for limit in usual_range(TOKENS[self._voice][1], self._style))
        given, is_second = self._given.get(self._voice), TOKENS[self._voice][1] in _SECOND_SINGERS
        if given is None:
            return costs_of_range(low, high, self._costs, wrong, is_second=is_second)
        if given[1] < low or given[0] > high:  # given notes count more than what is usual
            low, high = given
        return costs_of_range(low, high, self._costs, wrong, given, is_second)

    def _must_rise(self, left: int) -> bool:
        """Whether the pitch that is left is the leading note of a dominant chord that the tonic's follows here."""
        return left % _OCTAVE == _LEADING_NOTE and self._harmony.resolves_at(self._time)

    def _must_fall(self, left: int) -> bool:
        """Whether the pitch that is left is the seventh of a dominant chord that the tonic's follows here."""
        return left % _OCTAVE == _SEVENTH_OF_DOMINANT and self._harmony.resolves_at(self._time)

    def _prepares_close(self) -> bool:
        """Whether a note of a choir's melody over a dominant may lead into its last one."""
        last = self._last_chord
        if last is None or not last.is_tonic or not 0 < last.start - self._time <= TICKS_PER_QUARTER:
            return False
        return self._is_melody and self._harmony.is_dominant_at(self._time)

    def _ticks_to_next_phrase(self) -> int | None:
        """Ticks from a note of a choir's melody in the last beat of a phrase to its end; None where it is in none."""
        if len(self._together) < 2 or not self._is_melody or TOKENS[self._voice][1] not in SINGERS:
            return None
        coming = (start - self._time for start in reversed(self._phrases) if start > self._time)
        left = min(coming, default=0)
        return left if 0 < left <= TICKS_PER_QUARTER else None


def leading_after(counterpoint: Counterpoint, kind: str, ids: Sequence[int]) -> VoiceLeading | PlanHarmony | None:
    """What follows a sequence of a kind after a prompt; None where no rule speaks, or without counterpoint."""
    if counterpoint == "off" or kind == "melody":
        return None
    rules: VoiceLeading | PlanHarmony = PlanHarmony() if kind == "plan" else VoiceLeading(counterpoint)
    for token in ids:
        rules.advance(token)
    if isinstance(rules, VoiceLeading):
        rules.keep_to_given()
    return rules


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
        moving = _MOVING.get(leading._style or "")
        self._goes_on = not self._are_singers or (moving is not None and order[moving] == voice)
        self._neighbours = [
            pitch
            for place in (at - 1, at + 1)
            if (pitch := sounding.get(place)) is not None and are_spaced(names[place], names[at])
        ]
        self._top = sounding.get(0) if at == len(order) - 1 > 1 else None
        self._set_harmony(leading, time, at == len(order) - 1)
        self._motion = self._motion_of(leading, order, at) if self._are_singers else None
        self._prepares_close = self._are_singers and leading._prepares_close()
        self._must_rise = self._left is not None and leading._must_rise(self._left)
        heard = {pitch % _OCTAVE for pitch in sounding.values() if pitch is not None}
        is_last = len(order) > 2 and None not in sounding.values()
        is_on_beat = leading._meter is not None and leading._place % leading._meter.beat_length == 0
        others_sing = sum(pitch is not None for pitch in sounding.values())
        is_doubled = len(order) > 3 and is_on_beat and others_sing > 1 and len(heard) < others_sing
        self._missing = self._tones - heard if is_doubled else frozenset()
        self._third = self._chord_third if is_last and self._chord_third not in heard else None
        self._third_cost = self._costs.most if leading._bar == leading._last_bar else self._costs.third
        self._bass_cost = leading._cost_of_bass
        self._has_leading_note = any(
            pitch % _OCTAVE == _LEADING_NOTE for pitches in within.values() for pitch in pitches
        )

    def _motion_of(self, leading: VoiceLeading, order: Sequence[int], at: int) -> Motion | None:
        """How the singer at a place of the order goes on; None where no note leads into its next one."""
        if self._left is None:
            return None
        lowest, other = len(order) - 1, None
        if at in (0, lowest):
            outer, time = leading._parts[order[lowest - at]], leading._time
            old, new = outer.left(time), outer.sounding(time)
            other = (old, new) if outer.moves(time) and old is not None and new is not None else None
        return Motion(self._left, at == 0, at == lowest, other, leading._must_fall(self._left), leading._may_close())

    def _set_harmony(self, leading: VoiceLeading, time: int, is_bass: bool) -> None:
        """What the chord here says."""
        here = leading._harmony.chord_at(time)
        self._is_dominant = here is not None and here.is_dominant
        self._chord_third = None if here is None else here.third
        self._tones = frozenset[int]() if here is None else here.tones
        begun = here if here is not None and here.start == time else None
        self._bass = begun.bass if is_bass and begun is not None else None
        self._at_home = leading._harmony.home_at(time) if begun is not None else None

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
            cost += costs.approach * (self._prepares_close and pitch % _OCTAVE not in _ABOUT_TONIC)
        if self._motion is not None:
            cost += self._motion.cost(pitch, costs)
        if self._is_dominant and self._has_leading_note and pitch % _OCTAVE == _LEADING_NOTE:
            cost += costs.doubling
        if self._must_rise and self._left is not None and pitch != self._left + 1:
            cost += costs.leading
        if self._bass is not None and pitch % _OCTAVE != self._bass:
            cost += self._bass_cost
        if self._third is not None and pitch % _OCTAVE != self._third:
            cost += self._third_cost
        if self._missing and pitch % _OCTAVE not in self._missing:
            cost += costs.doubled
        if self._at_home is not None and pitch % _OCTAVE not in self._at_home:
            cost += costs.foreign
        cost += costs.static * (pitch == self._said)
        cost += costs.again * (pitch == self._left and self._goes_on)
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
