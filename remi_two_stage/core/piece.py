"""`Piece`, the one in-memory form of a score: small frozen dataclasses, no torch, no music21.

Conventions
- A tick is 1/24 of a quarter note; all times are integer ticks unless a name says quarters.
- A note's onset counts from the start of its bar *as written*; it may ring over the barline.
- Pitches are MIDI numbers (60 is middle C) at written pitch; spelling follows from the key.
- Chords are Roman numerals counted from the major scale on the tonic of the first bar's key (see `chords.py`), so
  that transposition leaves them alone.
- Notation (`notation.py`) and the file that a piece comes from are carried along, but are no part of the music: they do
  not count in comparisons.
- Bars are numbered as a musician counts them, from 1; a pick-up has the number of the bar before it, 0 at the start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from itertools import zip_longest
from typing import Any, ClassVar

from .chords import chord_name
from .errors import ScoreError
from .notation import MADE_WITH, ChordSymbol, DoubleLine, Instrument, Notation, Source, TempoMark, moved, players_of
from .playing_order import (
    after_jump,
    are_in_endings,
    bar_numbers,
    bars_before,
    jump_of,
    last_of_ending,
    order_of_repeats,
    playing_order,
)
from .signatures import TICKS_PER_QUARTER, Key, Meter, beats_after
from .text import counted, printable
from .unfolded import cut_at_seams, unfolded

_MOST_PLAYED = 200_000
_KEPT_NOTES = 1 << 14

TimedNote = tuple[str, Fraction, Fraction, int]
"""(voice, onset, duration, pitch): onset and duration in quarter notes, pitch a MIDI number."""


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """A sounding note: onset in ticks from the start of its bar, duration in ticks (may exceed the bar), pitch a
    MIDI number.
    """

    onset: int
    pitch: int
    duration: int
    velocity: int | None = None
    dynamics: str | None = None

    def __post_init__(self) -> None:
        if self.onset < 0 or self.duration < 1 or not 0 <= self.pitch <= 127:
            raise ScoreError(
                f"no such note: onset {self.onset}, duration {self.duration}, pitch {self.pitch}; "
                "onsets start at 0, durations at 1 tick, pitches are 0 to 127"
            )


@dataclass(frozen=True, slots=True, order=True)
class Chord:
    """A chord label (`chords.CHORD_LABELS`) that holds from `onset` ticks after the start of its bar, how the source
    writes it over the staff, if it does, and its bass in semitones above the root.
    """

    onset: int
    label: str
    symbol: ChordSymbol | None = field(default=None, compare=False, repr=False)
    bass: int = 0

    def name(self, home: Key, key: Key) -> str:
        """What stands over the staff in a piece whose first key is `home` and a bar in `key`: as the source writes it,
        or else as `chords.chord_name` spells it; empty where the chord is not known.
        """
        return chord_name(self.label, home, key, self.bass) if self.symbol is None else str(self.symbol)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar as written.

    Attributes:
        meter: The time signature in force; None in free metre (`M:none`).
        key: The key in force.
        length: Ticks that are really there, which differs from the metre's in pick-ups, split bars and irregular bars.
        notes: One tuple of notes a voice, in the order of `Piece.voices`, each sorted by onset and pitch.
        chords: Sorted by onset; empty where no chord is known.
        is_pickup: The last `length` ticks of the metre: a pick-up, or the second half of a bar that a repeat splits.
        phrase_start: A phrase begins here.
        repeat_start: `|:` stands before this bar.
        endings: The passes for which this bar begins an ending: `[1` is (1,), `[1,3` is (1, 3).
        ending_end: The ending that is open stops after this bar.
        repeat_end: `:|` stands after this bar.
        plays: How often the section that this bar's repeat ends is played: 2, or 3 for `::|` and so on.
        part: Label of the part that begins here (`P:` in ABC), which is no more part of the music than a title.
        jumps: Signs that have bars played in another order, before this bar (`notation.SIGNS_BEFORE`) or after it.
        notation: For each voice what is written beside its notes, sorted by onset; empty where nothing is.
        tempos: Sorted by onset.
        double_line: The double bar line that the source has after this bar; where it is drawn says `double_lines.py`.
            It changes nothing that is played.
    """

    meter: Meter | None
    key: Key
    length: int
    notes: tuple[tuple[Note, ...], ...]
    chords: tuple[Chord, ...] = ()
    is_pickup: bool = False
    phrase_start: bool = False
    repeat_start: bool = False
    endings: tuple[int, ...] = ()
    ending_end: bool = False
    repeat_end: bool = False
    plays: int = 2
    part: str = field(default="", compare=False)
    jumps: tuple[str, ...] = ()
    notation: tuple[tuple[Notation, ...], ...] = field(default=(), compare=False, repr=False)
    tempos: tuple[TempoMark, ...] = field(default=(), compare=False, repr=False)
    double_line: DoubleLine = field(default="", compare=False, repr=False)

    @property
    def is_full(self) -> bool:
        """Whether the bar is as long as its metre says."""
        return self.meter is not None and self.length == self.meter.bar_length

    @property
    def offset(self) -> int:
        """Metrical position of the bar's start in ticks: 0, but later in a pick-up."""
        return self.meter.bar_length - self.length if self.is_pickup and self.meter is not None else 0

    @property
    def beat_length(self) -> int:
        """Ticks in a beat of the metre; a quarter note in free metre."""
        return self.meter.beat_length if self.meter is not None else TICKS_PER_QUARTER

    @property
    def beats(self) -> tuple[int, ...]:
        """Ticks from the bar's start to its beats, its start first, even where a pick-up begins within a beat. A bar in
        free metre is one beat.
        """
        if self.meter is None:
            return (0,)
        return (0, *(at - self.offset for at in beats_after(self.offset, self.offset + self.length, self.beat_length)))

    def tempo_after(self, before: float | None) -> float | None:
        """The tempo after this bar, which is entered in the tempo `before`."""
        return next((mark.tempo for mark in reversed(self.tempos) if mark.tempo and mark.onset < self.length), before)

    def with_music(self, key: Key, notes: tuple[tuple[Note, ...], ...], chords: tuple[Chord, ...]) -> Bar:
        """This bar with other music in it; in half the time of `dataclasses.replace`, since whole corpora pass here."""
        return Bar(
            self.meter, key, self.length, notes, chords, self.is_pickup, self.phrase_start, self.repeat_start,
            self.endings, self.ending_end, self.repeat_end, self.plays, self.part, self.jumps, self.notation,
            self.tempos, self.double_line,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Piece:
    """A score: voices by name from high to low, and bars that hold every voice's notes.

    Title, style and metadata are kept as `printable` has them.

    Attributes:
        voices: Names, unique: "M" for a lone melody, "S", "A", "T", "B" for four parts, "V1" ... for others.
        bars: In written order; at least one.
        title: Empty when unknown.
        style: Such as "jig" or "hymn"; None when unknown.
        tempo: Quarter notes a minute; None when unknown.
        original_keys: The key of each bar before `in_c()`; empty in a piece that is in its own keys.
        metadata: Further fields of the source, as (name, text).
        part_order: Labels of the parts (`Bar.part`) in playing order; empty: played as written.
        losses: What of the source is not in the music, as (reason, how often); tempo changes are in `Bar.tempos` alone.
        instruments: One a voice; empty where the source names none.
        source: The file that the piece was read from, if its reader keeps it.
        made: How this package made the piece, step by step, as `N:` says in ABC (`notation.MADE_WITH`).
        notebook_view: What makes HTML of a piece at the end of a notebook's cell; the package's root sets it. Without
            the package, or where it returns None, a notebook shows the `repr`.
        text_view: What `print` shows of a piece, set by the package's root; without the package the `repr`.
    """

    notebook_view: ClassVar[Callable[[Piece], str | None] | None] = None
    text_view: ClassVar[Callable[[Piece], str] | None] = None

    voices: tuple[str, ...]
    bars: tuple[Bar, ...]
    title: str = ""
    style: str | None = None
    tempo: float | None = None
    original_keys: tuple[Key, ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    part_order: tuple[str, ...] = ()
    losses: tuple[tuple[str, int], ...] = field(default=(), compare=False)
    instruments: tuple[Instrument, ...] = field(default=(), compare=False, repr=False)
    source: Source | None = field(default=None, compare=False, repr=False)
    made: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", printable(self.title))
        object.__setattr__(self, "style", self.style and printable(self.style))
        fields = tuple((name, printable(text)) for name, text in self.metadata)
        made = [field for field in fields if field[0] == "N" and field[1].startswith(MADE_WITH)]
        object.__setattr__(self, "metadata", tuple(field for field in fields if field not in made))
        object.__setattr__(self, "made", (*self.made, *(text for _, text in made)))
        if not self.bars or not self.voices or len(set(self.voices)) < len(self.voices):
            raise ScoreError(
                f"a piece needs bars and differently named voices; "
                f"got {len(self.bars)} bars and the voices {self.voices}"
            )
        if self.part_order and (unknown := set(self.part_order) - {bar.part for bar in self.bars if bar.part}):
            raise ScoreError(
                f"the order of parts names {sorted(unknown)}, which no bar begins; label bars with Bar.part"
            )
        for index, bar in enumerate(self.bars):
            if len(bar.notes) != len(self.voices):
                raise ScoreError(
                    f"bar {self.bar_numbers[index]} holds {len(bar.notes)} voices, the piece {len(self.voices)}; "
                    "give each voice its tuple of notes"
                )
        if self.instruments and len(self.instruments) != len(self.voices):
            raise ScoreError(f"{len(self.voices)} voices have {len(self.instruments)} instruments; give one for each")

    def __repr__(self) -> str:
        facts = [self.style, self.key.spoken, str(self.meter or "free metre"), counted(self.bar_count, "bar")]
        facts += [f"voices {' '.join(self.voices)}"] if len(self.voices) > 1 else []
        return f"<Piece {self.title!r}: {', '.join(filter(None, facts))}>"

    def __str__(self) -> str:
        return repr(self) if Piece.text_view is None else Piece.text_view(self)

    @property
    def key(self) -> Key:
        """The first bar's key."""
        return self.bars[0].key

    @property
    def meter(self) -> Meter | None:
        """The first bar's metre."""
        return self.bars[0].meter

    @property
    def bar_count(self) -> int:
        """Bars as a musician counts them: a pick-up not, a bar split by a repeat once, each ending by itself."""
        return sum(not bar.is_pickup for bar in self.bars)

    @property
    def bar_numbers(self) -> list[int]:
        """The number of each bar; see `bar_numbers`."""
        return bar_numbers(bar.is_pickup for bar in self.bars)

    @property
    def keys(self) -> tuple[Key, ...]:
        """The key of each bar."""
        return tuple([bar.key for bar in self.bars])

    @property
    def tempos_before(self) -> list[float | None]:
        """The tempo in which each bar is entered as written, a later ending in the one that leads into the first; None
        while it is unknown.
        """
        ends = {last_of_ending(self.bars, index) for index, bar in enumerate(self.bars) if bar.endings}
        begins_ending = [bool(bar.endings) for bar in self.bars]
        entrances = bars_before(begins_ending, [index in ends for index in range(len(self.bars))])
        tempos: list[float | None] = []
        for entrance in entrances:
            tempos.append(self.tempo if entrance < 0 else self.bars[entrance].tempo_after(tempos[entrance]))
        return tempos

    def note_list(self, unfold_repeats: bool = False) -> list[TimedNote]:
        """All notes as (voice, onset, duration, pitch), in quarter notes from the start, by onset, then voice, then
        pitch.

        Args:
            unfold_repeats: Play repeats, endings, jumps and the order of parts, with the notes as `unfolded` has them;
                else bars are read once as written.

        Raises:
            ScoreError: unfolded, the piece has more notes or bars than anybody plays.
        """
        order = self.playing_order() if unfold_repeats else range(len(self.bars))
        if unfold_repeats:
            _check_playable(sum(sum(map(len, self.bars[index].notes)) for index in order), "notes")
        notes = [
            (start + note.onset, voice, note.pitch, note.duration)
            for voice in range(len(self.voices))
            for _, start, note in unfolded(self.bars, voice, order)
        ]
        times = {ticks: Fraction(ticks, TICKS_PER_QUARTER) for note in notes for ticks in (note[0], note[3])}
        return [
            (self.voices[voice], times[onset], times[duration], pitch)
            for onset, voice, pitch, duration in sorted(notes)
        ]

    def playing_order(self) -> list[int]:
        """Indices of the bars in the order in which repeats, endings and jumps, or an order of parts in place of jumps,
        have them played.

        Raises:
            ScoreError: unfolded, the piece has more bars than anybody plays.
        """
        if not self.part_order:
            order = playing_order(self.bars, _MOST_PLAYED)
            _check_playable(len(order), "bars")
            return order
        order = []
        for first, end in self._parts_in_order():
            left = _MOST_PLAYED - len(order)
            order.extend(first + index for index in order_of_repeats(self.bars[first:end], left))
            _check_playable(len(order), "bars")
        return order

    def in_part_order(self) -> Piece:
        """This piece with its parts, or what a jump has played again, written out in the order in which they are
        played; repeats stay as they are, tempos are marked where they hold again, and the source is left behind.

        Raises:
            ScoreError: written out, the piece has more bars than anybody plays.
        """
        jump = jump_of(self.bars)
        if not self.part_order and not any(bar.jumps for bar in self.bars):
            return self
        bars: list[Bar] = []
        indices: list[int] = []
        if self.part_order:
            for first, end in self._parts_in_order():
                bars += with_opened_repeat(self.bars[first:end])
                indices += range(first, end)
                _check_playable(len(bars), "bars")
        elif jump is not None:
            bars, indices = _jumped(self.bars, jump, self.playing_order())
        else:  # signs to which no jump leads
            bars, indices = [*self.bars], [*range(len(self.bars))]
        bars = [replace(bar, jumps=()) if bar.jumps else bar for bar in bars]
        bars = cut_at_seams(_in_tempo(bars, indices, self.tempos_before), indices)
        return replace(self, bars=tuple(bars), part_order=(), source=None)

    def _repr_html_(self) -> str | None:
        """What `notebook_view` makes of this piece."""
        return None if Piece.notebook_view is None else Piece.notebook_view(self)

    def _parts_in_order(self) -> Iterator[tuple[int, int]]:
        """First bar and the one after the last of each part in playing order; what precedes the first part leads in."""
        if not self.part_order:
            yield 0, len(self.bars)
            return
        starts = [index for index, bar in enumerate(self.bars) if bar.part]
        if starts[0] > 0:
            yield 0, starts[0]
        parts: dict[str, tuple[int, int]] = {}
        for first, end in zip(starts, [*starts[1:], len(self.bars)], strict=True):
            parts.setdefault(self.bars[first].part, (first, end))
        yield from (parts[label] for label in self.part_order)

    def in_c(self) -> Piece:
        """This piece with its first tonic on C, moved by -5 to +6 semitones; `in_original_key()` undoes it."""
        if self.key.tonic == "C":
            return self if self.original_keys else replace(self, original_keys=self.keys)
        piece = self.in_original_key()
        return piece._moved(-piece.key.fifths, -piece.key.semitones_above_c, piece.keys)

    def in_original_key(self) -> Piece:
        """The inverse of `in_c()`: moves back as far, whatever bars and notes the piece has now. A key is spelled as it
        was in the same bar, or else wherever the piece had it. A piece that is in its own keys stays so.
        """
        if not self.original_keys:
            return self
        home = self.original_keys[0]
        back = self._moved(home.fifths, home.semitones_above_c, ())
        spellings = {(key.pitch_class, key.mode): key for key in self.original_keys}
        bars = []
        for bar, original in zip_longest(back.bars, self.original_keys[: len(back.bars)]):
            sound = bar.key.pitch_class, bar.key.mode
            is_same = original is not None and (original.pitch_class, original.mode) == sound
            bars.append(_spelled_in(original if is_same else spellings.get(sound, bar.key), bar))
        return replace(back, bars=tuple(bars))

    def from_c(self, keys: Iterable[Key]) -> Piece:
        """This piece, which is in C, in the keys of a piece before its `in_c()`, the first of which is enough."""
        return replace(self, original_keys=tuple(keys)).in_original_key()

    def in_key(self, tonic: str) -> Piece:
        """This piece with its first tonic on `tonic`, by the shortest way through C that `in_c()` takes."""
        return self.in_c().from_c([Key(tonic, self.key.mode)])

    def in_voice_order(self, voices: Sequence[str]) -> Piece:
        """This piece with its voices in another order; `voices` names each of them once."""
        order = [self.voices.index(voice) for voice in voices]
        if order == list(range(len(self.voices))):
            return self

        def ordered(values: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(values[index] for index in order) if values else ()

        bars = [replace(bar, notes=ordered(bar.notes), notation=ordered(bar.notation)) for bar in self.bars]
        instruments = players_of(self.instruments, order)
        return replace(self, voices=tuple(voices), bars=tuple(bars), instruments=instruments, source=None)

    def transpose(self, semitones: int, fifths: int | None = None) -> Piece:
        """This piece moved by `semitones`; its spelling by `fifths`, or else to the fewest sharps or flats.

        Raises:
            ScoreError: a note would leave MIDI's 0 to 127.
        """
        ways = [7 * semitones % 12 + wrap for wrap in (-24, -12, 0)] if fifths is None else [fifths]
        fifths = min(ways, key=lambda way: abs(self.key.signature + way))
        return self._moved(fifths, semitones, self.original_keys)

    def _moved(self, fifths: int, semitones: int, original_keys: tuple[Key, ...]) -> Piece:
        keys = {key: key.shifted(fifths) for key in {bar.key for bar in self.bars}}
        bars = []
        for number, bar in zip(self.bar_numbers, self.bars, strict=True):
            try:
                notes = tuple([_raised(sung, semitones) for sung in bar.notes])
            except ScoreError as error:
                message = f"transposed by {semitones} semitones, a note leaves the MIDI range: {error.message}"
                raise ScoreError(message).at(bar=number) from None
            key = keys[bar.key]
            as_sung = bar.with_music(key, notes, bar.chords)
            bars.append(_with_moved_notation(as_sung, key.fifths - bar.key.fifths, semitones))
        return replace(self, bars=tuple(bars), original_keys=original_keys)


_kept_note = lru_cache(_KEPT_NOTES)(Note)
"""A note that may be one made before: tunes consist of few different ones, and it takes longer to make them."""


def _raised(sung: Sequence[Note], semitones: int) -> tuple[Note, ...]:
    return tuple(
        [_kept_note(note.onset, note.pitch + semitones, note.duration, note.velocity, note.dynamics) for note in sung]
    )


def _spelled_in(key: Key, bar: Bar) -> Bar:
    """A bar in a key of the same sound."""
    return bar if key == bar.key else replace(_with_moved_notation(bar, key.fifths - bar.key.fifths, 0), key=key)


def _with_moved_notation(bar: Bar, fifths: int, semitones: int) -> Bar:
    """A bar whose notes are moved already, with its spellings and chord symbols moved as far."""
    if not bar.notation and all(chord.symbol is None for chord in bar.chords):
        return bar
    chords = [replace(chord, symbol=chord.symbol and chord.symbol.moved(fifths)) for chord in bar.chords]
    notation = tuple([moved(written, fifths, semitones) for written in bar.notation])
    return replace(bar, chords=tuple(chords), notation=notation)


def with_opened_repeat(part: tuple[Bar, ...]) -> tuple[Bar, ...]:
    """A part whose first repeat goes back to its own start, whatever comes before it."""
    sign = next((bar for bar in part if bar.repeat_start or bar.repeat_end), None)
    return part if sign is None or sign.repeat_start else (replace(part[0], repeat_start=True), *part[1:])


def _jumped(bars: Sequence[Bar], jump: int, order: list[int]) -> tuple[list[Bar], list[int]]:
    """Bars with what the jump after bar `jump` has played written out behind it, so that they are played in the same
    order, and the index that each had; where the jump leaves a repeat before its end, all that is played is written
    out.
    """
    if jump not in order:
        return [*bars], [*range(len(bars))]
    indices = [*range(jump + 1), *after_jump(bars, jump)]
    written = [*_closed_at(bars, jump), *[_without_signs(bars[index]) for index in indices[jump + 1 :]]]
    if [indices[index] for index in order_of_repeats(written, len(order))] == order:
        return written, indices
    return [_without_signs(bars[index]) for index in order], order


def _in_tempo(bars: Sequence[Bar], indices: Sequence[int], before: Sequence[float | None]) -> list[Bar]:
    """Bars that are written out in another order, each entered in the tempo that it had at its index before."""
    found: list[Bar] = []
    tempo = before[0]
    for bar, index in zip(bars, indices, strict=True):
        wanted = before[index]
        is_marked = any(mark.onset == 0 and mark.tempo for mark in bar.tempos)
        if wanted and wanted != tempo and not bar.endings and not is_marked:
            bar = replace(bar, tempos=(TempoMark(0, wanted), *bar.tempos))
        found.append(bar)
        tempo = bar.tempo_after(wanted)
    return found


def _closed_at(bars: Sequence[Bar], last: int) -> tuple[Bar, ...]:
    """The bars up to `last`, with the ending closed that is open there."""
    closes = are_in_endings(bars[: last + 1])[last]
    return *bars[:last], replace(bars[last], ending_end=bars[last].ending_end or closes)


def _without_signs(bar: Bar) -> Bar:
    return replace(bar, repeat_start=False, endings=(), ending_end=False, repeat_end=False, plays=2)


def _check_playable(count: int, what: str) -> None:
    if count > _MOST_PLAYED:
        raise ScoreError(f"unfolded, the piece has more than {_MOST_PLAYED} {what}; write fewer repeats or parts")
