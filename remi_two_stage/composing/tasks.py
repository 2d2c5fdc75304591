"""Prompts for extending, rewriting and harmonising a piece, and the pieces that the stages' output makes.

This module handles tokens and pieces only; `composer.py` runs the models. Models are trained on at most 64 bars, so
they see a longer piece through a window of at most 64 bars around those to be written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from string import ascii_lowercase, ascii_uppercase
from typing import Any

from ..analysis.harmony import label_chords
from ..core.codec import decode_ids, encode_ids
from ..core.errors import ChordError, RequestError
from ..core.excerpt import bars_of_voices, boundaries, crop, moved_chords
from ..core.grammar import BARS, SequenceKind
from ..core.grammar_structure import PHRASE_START
from ..core.notation import Lyric, Text
from ..core.piece import Bar, Chord, Note, Piece, bar_numbers
from ..core.plan import Plan
from ..core.ranges import DEFAULT_VOICE_RANGE, VOICE_RANGES
from ..core.request import usual_tempo
from ..core.sequences import (
    Prompt,
    detail_sequence,
    in_writing_order,
    infilling_sequence,
    melody_sequence,
    plan_sequence,
    split_bars,
    up_to_detail,
    voices_of,
    writing_order,
)
from ..core.signatures import TICKS_PER_WHOLE, Key, Meter
from ..core.text import counted
from ..core.vocabulary import DETAIL, MAX_BARS, token_id
from ..core.voices import FOUR_PARTS, MELODY
from ..edits.held import keeping_held, with_held_struck
from ..edits.notation import with_new_notes
from ..scores.voices import usual_instruments
from .consensus import agreed

_AFTER_FINE = "poi la Coda"
"""What is written over a coda that is played after the Fine."""
_LABELS = ascii_uppercase + ascii_lowercase
_FURTHEST_MOVE = 12
"""Semitones by which a melody is moved into the range of its singers."""


@dataclass(frozen=True, slots=True)
class Extension:
    """A piece to be continued.

    Attributes:
        piece: The whole piece.
        context: The last bars that are played, with chords, which the stages see.
        bars: Number of bars to write.
    """

    piece: Piece
    context: Piece
    bars: int

    @classmethod
    def of(cls, piece: Piece, bars: int) -> Extension:
        """Choose the context; raises RequestError if the piece's last ending is too long to be shown whole."""
        played = to_be_continued(piece)
        starts = [start for start in boundaries(played.bars) if _count(played.bars[start:]) + bars <= MAX_BARS]
        if not starts or not _count(played.bars[starts[0] :]):
            raise RequestError(
                f"cannot write {counted(bars, 'bar')} after a piece that ends in an ending of its own; ask for fewer"
            )
        return cls(piece, crop(with_chords(_in_one_go(played)), starts[0], len(played.bars)), bars)

    def for_planner(self) -> Prompt:
        """The plan of the context, with the total number of bars, and the start of a phrase."""
        total = token_id("Bars", self.context.bar_count + self.bars)
        given = plan_sequence(encode_ids(_as_asked(self.context)))[:-1]
        ids = [*(total if token in BARS else token for token in given), PHRASE_START]
        return Prompt("plan", ids, self.bars)

    def for_detail(self, plan: Sequence[int]) -> Prompt:
        """The plan with its continuation, the context's bars, and the header of the first new bar."""
        globals, given = split_bars(in_writing_order(encode_ids(_as_asked(self.context))))
        own, planned = split_bars(plan)
        header = planned[len(given)].header
        voices = voices_of(globals)
        written = [*own[: -len(voices)], *voices, *plan[len(own) : -1]]
        ids = [*written, DETAIL, *chain.from_iterable(bar.tokens() for bar in given), *header]
        return Prompt("detail", ids, len(planned) - len(given))

    def result(self, tokens: Sequence[int]) -> Piece:
        """The piece, followed by the bars after the context in `tokens`."""
        whole = decode_ids(tokens).in_voice_order(self.piece.voices).from_c(self.context.keys)
        written = whole.bars[len(self.context.bars) :]
        shift = self.context.key.pitch_class - self.piece.key.pitch_class
        return followed(self.piece, [replace(bar, chords=moved_chords(bar.chords, shift)) for bar in written])


@dataclass(frozen=True, slots=True)
class Rewriting:
    """Bars of a piece to be rewritten.

    Attributes:
        piece: The whole piece, with the chords of the new bars.
        window: The bars that the detail generator sees, with chords.
        start: Index in the piece of the window's first bar.
        first: Index in the window of the first bar to write.
        last: Index in the window of the last bar to write.
    """

    piece: Piece
    window: Piece
    start: int
    first: int
    last: int

    @classmethod
    def of(cls, piece: Piece, first: int, last: int, chords: Plan | str | None = None) -> Rewriting:
        """Choose the window around the bars with the indices `first` to `last`.

        Args:
            chords: New chords for these bars; None keeps those of the piece.

        Raises:
            ChordError: the text is not a plan; the message names the piece's bar.
            RequestError: the chords are for a different number of bars, or there are more bars than fit in a window.
        """
        if chords is not None:
            old = piece.bars[first : last + 1]
            try:
                given = _chords_for(old, chords, piece.key)
            except ChordError as error:
                typed = error.place.bar  # counted from the first bar of the plan
                number = None if typed is None else typed + piece.bar_numbers[first] - 1
                raise ChordError(error.message).at(bar=number) from None
            new = (replace(bar, chords=chord) for bar, chord in zip(old, given, strict=True))
            piece = replace(piece, bars=(*piece.bars[:first], *new, *piece.bars[last + 1 :]))
        cuts = [*boundaries(piece.bars), len(piece.bars)]
        before, after = [cut for cut in cuts if cut <= first], [cut for cut in cuts if cut > last]
        room = MAX_BARS - _count(piece.bars[before[-1] : after[0]])
        if room < 0:
            raise RequestError(f"cannot rewrite {last - first + 1} bars at once; ask for at most {MAX_BARS}")
        # Half of the remaining room goes to the bars before the new ones, or more if fewer bars follow.
        room_after = min(_count(piece.bars[after[0] :]), room - min(room // 2, _count(piece.bars[: before[-1]])))
        stop = max(cut for cut in after if _count(piece.bars[after[0] : cut]) <= room_after)
        room_before = room - _count(piece.bars[after[0] : stop])
        start = min(cut for cut in before if _count(piece.bars[cut : before[-1]]) <= room_before)
        shown = with_chords(_in_one_go(piece))
        if last + 1 < stop:  # new notes are to lead to what is held into the bar after them
            shown = with_held_struck(shown, last + 1)
        return cls(piece, crop(shown, start, stop), start, first - start, last - start)

    def for_detail(self) -> Prompt:
        """The bars after the new ones, then the bars before them, and the header of the first new bar."""
        tokens = in_writing_order(encode_ids(_as_asked(self.window)))
        _, bars = split_bars(tokens)
        follow = self.last + 1
        kind: SequenceKind = "infilling" if follow < len(bars) else "detail"
        sequence = infilling_sequence(tokens, follow) if kind == "infilling" else detail_sequence(tokens)
        given = chain.from_iterable(bar.tokens() for bar in bars[: self.first])
        ids = [*up_to_detail(sequence), *given, *bars[self.first].header]
        stood = [[*chain.from_iterable(bar.voices)] for bar in bars[self.first : follow]]
        return Prompt(kind, ids, follow - self.first, replaced=stood)

    def result(self, tokens: Sequence[int]) -> Piece:
        """The piece with the notes of the rewritten bars from `tokens`, a sequence of the whole window."""
        written = decode_ids(tokens).in_voice_order(self.piece.voices).from_c(self.window.keys).bars
        new = [bar.notes for bar in written[self.first : self.last + 1]]
        first = self.start + self.first
        return with_new_notes(self.piece, first, keeping_held(self.piece.bars, first, new))


@dataclass(frozen=True, slots=True)
class Harmonization:
    """A melody to which chords and voices are to be added.

    Attributes:
        melody: A piece with one voice, under the name that it has in the result.
        voices: The names of all voices, in score order.
        style: The style in the prompts; the piece keeps its own.
        given_key: The key in which the melody was given, for chords that are typed by name.
    """

    melody: Piece
    voices: tuple[str, ...]
    style: str | None
    given_key: Key

    @classmethod
    def of(cls, piece: Piece, voices: Sequence[str], style: str | None) -> Harmonization:
        """Take the first voice of a piece, named as the first of `voices` whose range contains it, or else moved by the
        fewest semitones into the range of one.

        Raises:
            RequestError: no voice has the range, wherever it is moved.
        """
        given_key = piece.key
        voice, semitones = placed(piece, voices)
        if semitones:
            piece = piece.transpose(semitones)
        bars = bars_of_voices(piece, (0,))
        melody = replace(piece, voices=(voice,), bars=bars, instruments=piece.instruments[:1])
        asked = style or ("chorale" if tuple(voices) == FOUR_PARTS else piece.style)
        return cls(with_chords(melody) if any(bar.chords for bar in bars) else melody, tuple(voices), asked, given_key)

    @property
    def has_chords(self) -> bool:
        """Whether there is a chord in every bar."""
        return all(bar.chords for bar in self.melody.bars)

    def _with_voices(self, tokens: list[int]) -> list[int]:
        """The sequence with the added voices among its globals."""
        melody = token_id("voice", self.melody.voices[0])
        first, *others = writing_order([token_id("voice", voice) for voice in self.voices], melody)
        given = tokens.index(first) + 1
        return [*tokens[:given], *others, *tokens[given:]]

    def for_planner(self) -> Prompt:
        """The melody, for which the planner writes a plan."""
        ids = self._with_voices(
            up_to_detail(melody_sequence(encode_ids(replace(_as_asked(self.melody), style=self.style))))
        )
        return Prompt("melody", ids, len(self.melody.bars))

    def planned(self, sequences: Sequence[Sequence[int]]) -> Harmonization:
        """This harmonization with the chords that the planner's sequences agree on."""
        harmonies = [[bar.chords for bar in decode_ids(tokens).bars] for tokens in sequences]
        return self.over(agreed(harmonies, self.melody.bars))

    def over_given(self, plan: Plan | str | None) -> Harmonization:
        """This harmonization with the chords of a plan, those inferred from the melody ("inferred"), or its own (None).

        Raises:
            ChordError: the text is not a plan.
            RequestError: the plan has a different number of bars.
        """
        if plan is None:
            return self
        bars = self.melody.bars
        if plan == "inferred":
            bare = replace(self.melody, bars=tuple(replace(bar, chords=()) for bar in bars))
            return self.over(bar.chords for bar in label_chords(bare).bars)
        return self.over(_chords_for(bars, plan, self.given_key))

    def over(self, chords: Iterable[tuple[Chord, ...]]) -> Harmonization:
        """This harmonization with the given chords, bar by bar."""
        bars = tuple(replace(bar, chords=given) for bar, given in zip(self.melody.bars, chords, strict=True))
        return replace(self, melody=replace(self.melody, bars=bars))

    def for_detail(self) -> Prompt:
        """The plan, and the melody's tokens in each bar."""
        tokens = encode_ids(replace(_as_asked(self.melody), style=self.style))
        _, bars = split_bars(tokens)
        ids = self._with_voices(up_to_detail(detail_sequence(tokens)))
        sung = [bar.voices[0][1:] for bar in bars]
        return Prompt("detail", ids, len(bars), sung)

    def result(self, tokens: Sequence[int]) -> Piece:
        """The unchanged melody with its chords and the new voices, which sing its words where they can."""
        written = decode_ids(tokens).in_voice_order(self.voices).from_c(self.melody.keys)
        given = self.melody.voices[0]

        def sung(bar: Bar, new: Bar) -> Bar:
            pairs = zip(self.voices, new.notes, strict=True)
            voices = tuple(bar.notes[0] if voice == given else notes for voice, notes in pairs)
            notation = (
                bar.notation[0] if voice == given else _sung_words(bar, notes)
                for voice, notes in zip(self.voices, voices, strict=True)
            )
            return replace(bar, notes=voices, notation=tuple(notation) if bar.notation else ())

        bars = (sung(bar, new) for bar, new in zip(self.melody.bars, written.bars, strict=True))
        named = self.melody.instruments
        usual = zip(self.voices, usual_instruments(self.voices), strict=True)
        instruments = tuple(named[0] if voice == given else other for voice, other in usual) if named else ()
        return replace(self.melody, voices=self.voices, bars=tuple(bars), instruments=instruments)


def _sung_words(melody: Bar, notes: Sequence[Note]) -> tuple[Lyric, ...]:
    """The words of a bar of the melody for a voice that begins a note on each syllable; none for another."""
    words = tuple(record for record in chain.from_iterable(melody.notation[:1]) if isinstance(record, Lyric))
    return words if {word.onset for word in words} <= {note.onset for note in notes} else ()


def _chords_for(bars: Sequence[Bar], plan: Plan | str, key: Key) -> list[tuple[Chord, ...]]:
    """The chords of a plan for some bars of a piece in a key, relative to its tonic.

    If the plan has no pick-ups, its bars are the full bars, and a pick-up takes the chord of the bar that it leads to.

    Raises:
        ChordError: the text is not a plan.
        RequestError: the plan has a different number of bars, or a chord that begins after its bar has ended.
    """
    if isinstance(plan, str):
        plan = Plan.parse(plan, key, bars[0].meter or Meter())
    if not isinstance(plan, Plan):
        raise RequestError(f"cannot take chords from a {type(plan).__name__}; give a Plan or a plan as text")
    shift = plan.skeleton.key.pitch_class - key.pitch_class
    chords = [moved_chords(bar.chords, shift) for bar in plan.skeleton.bars]
    if len(chords) != len(bars):
        if len(chords) != _count(bars):
            raise RequestError(
                f"the plan has {counted(len(chords), 'bar')} for {_count(bars)}; give as many, pick-ups left out"
            )
        following = [_count(bars[:index]) for index in range(len(bars))]
        chords = [
            chords[place][:1] if bar.is_pickup and place < len(chords) else chords[min(place, len(chords) - 1)]
            for bar, place in zip(bars, following, strict=True)
        ]
    numbers = bar_numbers(bar.is_pickup for bar in bars)
    for number, bar, given in zip(numbers, bars, chords, strict=True):
        if given and given[-1].onset >= bar.length:
            length = Fraction(bar.length, TICKS_PER_WHOLE)
            raise RequestError(f"the plan's bar {number} has a chord after the bar's end, which is {length} long")
    return chords


def with_chords(piece: Piece) -> Piece:
    """The piece with chords in every bar: its own, or inferred ones where it has none."""
    heard = label_chords(piece).bars
    bars = (
        bar if bar.chords else replace(bar, chords=like.chords) for bar, like in zip(piece.bars, heard, strict=True)
    )
    return replace(piece, bars=tuple(bars))


def _as_asked(piece: Piece) -> Piece:
    """The piece as its stages see it: a tempo that is the usual one of the style was not asked for."""
    piece = _in_one_go(piece)
    return replace(piece, tempo=None) if piece.tempo == usual_tempo(piece.style) else piece


def _in_one_go(piece: Piece) -> Piece:
    """The piece without jumps and an order of parts: each bar once, as written."""
    if not piece.part_order and not any(bar.jumps for bar in piece.bars):
        return piece
    bars = tuple(replace(bar, jumps=()) for bar in piece.bars)
    return replace(piece, bars=bars, part_order=())


def to_be_continued(piece: Piece) -> Piece:
    """The piece as written, where a bar after the last one is played once and after all else; otherwise its bars in the
    order in which jumps or an order of parts have them played.
    """
    if not piece.part_order and not any(bar.jumps for bar in piece.bars):
        return piece
    last = Bar(piece.bars[-1].meter, piece.bars[-1].key, piece.bars[-1].length, ((),) * len(piece.voices))
    longer = replace(piece, bars=(*piece.bars, last)).playing_order()
    return piece if longer == [*piece.playing_order(), len(piece.bars)] else piece.in_part_order()


def followed(piece: Piece, new: Sequence[Bar]) -> Piece:
    """The piece with bars after its last one, to which playing comes last: as a further part where it has an order of
    parts, as a coda where a jump ends at a Fine ("D.C. al Fine e poi la Coda").
    """
    played = to_be_continued(piece)
    if played is piece:
        return replace(piece, bars=(*piece.bars, *new))
    label, order = "", piece.part_order
    if piece.part_order:
        used = {bar.part for bar in piece.bars}
        label = next((letter for letter in _LABELS if letter > max(piece.part_order) and letter not in used), "")
        first, order = replace(new[0], part=label), (*order, label)
    else:
        beside = new[0].notation or ((),) * len(piece.voices)
        first = replace(new[0], jumps=("coda",), notation=((Text(0, _AFTER_FINE), *beside[0]), *beside[1:]))
    whole = replace(piece, bars=(*piece.bars, first, *new[1:]), part_order=order)
    old = piece.playing_order()
    if bool(label) == bool(order) and whole.playing_order()[: len(old) + 1] == [*old, len(piece.bars)]:
        return whole
    return replace(played, bars=(*played.bars, *new))


def _count(bars: Sequence[Bar]) -> int:
    return sum(not bar.is_pickup for bar in bars)


def check_piece(piece: Any) -> Piece:
    """The piece: itself, or the only one that a reader has returned.

    Raises:
        RequestError: the argument is no piece, or several.
    """
    if isinstance(piece, list) and all(isinstance(each, Piece) for each in piece) and piece:
        if len(piece) > 1:
            titles = ", ".join(f"{number} {each.title!r}" for number, each in enumerate(piece[:3]))
            more = ", ..." if len(piece) > 3 else ""
            raise RequestError(f"there are {len(piece)} tunes ({titles}{more}); give one of them, such as tunes[0]")
        piece = piece[0]
    if not isinstance(piece, Piece):
        raise RequestError(f"cannot use a {type(piece).__name__} as a piece; give a Piece, or what read_score returns")
    return piece


def numbered_bars(piece: Piece, bars: Any) -> tuple[int, int]:
    """Indices of the first and last of the bars numbered `bars[0]` to `bars[1]`. Of a bar that a repeat or the end of a
    phrase splits, both halves have the same number; the second one leads into what follows, and is not the last.

    Raises:
        RequestError: there are no such bars.
    """
    is_pair = isinstance(bars, Sequence) and len(bars) == 2 and all(isinstance(number, int) for number in bars)
    if not is_pair or not 1 <= bars[0] <= bars[1] <= piece.bar_count:
        raise RequestError(
            f"cannot rewrite the bars {bars!r}; give the first and the last as two numbers, such as (5, 8), "
            f"within 1 to {piece.bar_count}"
        )
    numbers = piece.bar_numbers
    first, last = numbers.index(bars[0]), len(numbers) - 1 - numbers[::-1].index(bars[1])
    while last > first and _leads_on(piece.bars[last - 1], piece.bars[last]):
        last -= 1
    return first, last


def _leads_on(before: Bar, bar: Bar) -> bool:
    """Whether a bar is the pick-up of what follows the bar before."""
    return bar.is_pickup and (before.repeat_end or bar.repeat_start or bar.phrase_start or bool(bar.endings))


def four_parts_around(melody: Piece) -> tuple[str, ...]:
    """Four voices, one of which can take the first voice of a piece: those of a choir, or a choir with a separate
    melody part if no singer has the range.
    """
    for parts in (FOUR_PARTS, (MELODY, *FOUR_PARTS[1:])):
        with suppress(RequestError):
            voice_for(melody, parts)
            return parts
    return FOUR_PARTS


def placed(melody: Piece, voices: Sequence[str]) -> tuple[str, int]:
    """The voice that a melody becomes, and by how many semitones it is moved for that: the first of `voices` whose
    range contains it, or else the one whose range is nearest.

    Raises:
        RequestError: no range is wide enough and within an octave.
    """
    lowest, highest = _range_of(melody)
    ranges = [(voice, *VOICE_RANGES.get(voice, DEFAULT_VOICE_RANGE)) for voice in voices]
    moves = [
        (voice, max(low - lowest, 0) or min(high - highest, 0))
        for voice, low, high in ranges
        if high - low >= highest - lowest
    ]
    voice, move = min(moves, key=lambda found: abs(found[1]), default=("", _FURTHEST_MOVE + 1))
    return (voice, move) if abs(move) <= _FURTHEST_MOVE else (voice_for(melody, voices), 0)


def voice_for(melody: Piece, voices: Sequence[str]) -> str:
    """The first of `voices` whose range contains the first voice of a piece.

    Raises:
        RequestError: no voice has the range; the message suggests a fix.
    """
    lowest, highest = _range_of(melody)
    ranges = {voice: VOICE_RANGES.get(voice, DEFAULT_VOICE_RANGE) for voice in voices}
    for voice, (low, high) in ranges.items():
        if low <= lowest and highest <= high:
            return voice
    known = ", ".join(f"{voice} {_pitch_name(low)} to {_pitch_name(high)}" for voice, (low, high) in ranges.items())
    raise RequestError(
        f"the melody {melody.title!r} goes from {_pitch_name(lowest)} to {_pitch_name(highest)}, which no voice sings "
        f"({known}); {_ways_out(lowest, highest, ranges)}"
    )


def _range_of(melody: Piece) -> tuple[int, int]:
    """Lowest and highest pitch of the first voice."""
    pitches = [note.pitch for bar in melody.bars for note in bar.notes[0]] or [VOICE_RANGES[MELODY][0]]
    return min(pitches), max(pitches)


def _ways_out(lowest: int, highest: int, ranges: Mapping[str, tuple[int, int]]) -> str:
    """Suggests a transposition into the first voice whose range is wide enough, and a voice that needs none."""
    ways = []
    if wide := [(low, high) for low, high in ranges.values() if high - low >= highest - lowest]:
        low, high = wide[0]
        move = max(low - lowest, 0) or high - highest
        ways.append(f"transpose it {counted(abs(move), 'semitone')} {'up' if move > 0 else 'down'}")
    low, high = VOICE_RANGES[MELODY]
    if MELODY not in ranges and low <= lowest and highest <= high:
        ways.append(f"name {MELODY}, a melody of wider range, in place of {next(iter(ranges))}")
    return ", or ".join(ways) or "give fewer octaves"


def _pitch_name(pitch: int) -> str:
    """Name of a MIDI pitch, such as C4 for 60."""
    return f"{'C C# D Eb E F F# G Ab A Bb B'.split()[pitch % 12]}{pitch // 12 - 1}"
