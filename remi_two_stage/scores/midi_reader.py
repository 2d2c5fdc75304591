"""Standard MIDI File (MIDI 1.0; SMF 1.0, formats 0, 1 and 2) -> `Piece`.

Conventions
- Onsets and ends are rounded to the nearest tick of `Piece`. Bars come from the time signatures, 4/4 before the first
  one; a time signature within `_SLACK` ticks of a barline is meant there. The key is the file's, else estimated.
- Each track and channel with notes is a voice; percussion (channel 10) is left out, and counted. A track named
  "Alto (2)" holds further notes of the voice of the track "Alto" (see `midi_writer`). A voice's instrument is the one
  that its first note sounds with, called as an event for this says, else as its track, unless that has a voice's name.
- In files whose notes begin or end between two ticks, chords and lengths are those that are meant (`midi_rhythm`).
- Real files break the specification in known ways, and all readers play them: running status continues after meta
  events and system exclusive messages, real-time bytes stand between events, and a note ends in another track.
- A tempo in the first bar is the piece's; where the tempo changes later, bars hold a mark, and it is counted, since no
  token says it.
- Lyrics and chord names are read (`midi_words`); pedals and bends are counted.
- A note that nothing ends sounds until its pitch is struck again, or to the end of its track, and is counted.
- In format 2, tracks are patterns of their own; they are laid one after the other.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ..analysis.key_estimation import estimate_key
from ..analysis.phrases import mark_phrases
from ..core.errors import RequestError, ScoreFormatError
from ..core.notation import Instrument, TempoMark
from ..core.piece import Bar, Note, Piece
from ..core.signatures import MODES, TICKS_PER_QUARTER, Key, Meter, name_at
from ..core.text import printable
from .midi_rhythm import EXACT, Sounded, as_meant
from .midi_words import Said, decoded, karaoke_of, with_chords, with_lyrics
from .midi_writer import (
    COMPOSER_SIGN,
    COPYRIGHT,
    DRUMS,
    END_OF_TRACK,
    INSTRUMENT_NAME,
    KEY_SIGNATURE,
    LYRIC,
    MARKER,
    MICROSECONDS_PER_MINUTE,
    PROGRAM_CHANGE,
    SET_TEMPO,
    TEXT,
    TIME_SIGNATURE,
    TRACK_NAME,
    VOICE_SIGN,
)
from .musicxml_names import RIGHTS
from .voices import VOICE_NAME, is_voice_name, title_of, usual_instruments, voice_names

_MAX_BARS = 10_000
_MAX_NOTES = 200_000
_SLACK = 3
"""Ticks, an eighth of a quarter note."""
_BETWEEN_TICKS = "a note that begins or ends between two ticks"
_META = 0x100
"""Added to the kind of a meta event, to tell it from a channel message."""
SYSTEM_LENGTHS = {0xF1: 1, 0xF2: 2, 0xF3: 1}
"""Data bytes of system common messages; the other ones from 0xF4 on have none."""
_SUSTAIN, _ALL_SOUND_OFF, _ALL_NOTES_OFF = 64, 120, 123
_PEDAL_DOWN = 64
_PITCH_BEND, _NO_BEND = 0xE0, (0, 64)
_FURTHER_LAYER = re.compile(r"(.+) \((\d+)\)")

Voice = tuple[int, int]
"""(track, channel)."""


class _Message(NamedTuple):
    """A message of a track: time in `Piece` ticks, status (or `_META` and the kind of a meta event), data, and how far
    beside its tick it stands, in ticks.
    """

    time: int
    track: int
    status: int
    data: bytes
    beside: float


class _Stroke(NamedTuple):
    """A note that has begun: onset in ticks, velocity."""

    onset: int
    velocity: int


@dataclass
class _Contents:
    """What a MIDI file holds; times in `Piece` ticks."""

    tempos: dict[int, float] = field(default_factory=dict)
    meters: dict[int, Meter] = field(default_factory=dict)
    keys: dict[int, Key] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    composers: list[str] = field(default_factory=list)
    voice_names: dict[int, str] = field(default_factory=dict)
    instruments: dict[int, str] = field(default_factory=dict)
    rights: list[str] = field(default_factory=list)
    lyrics: defaultdict[int, list[Said]] = field(default_factory=lambda: defaultdict(list))
    texts: defaultdict[int, list[Said]] = field(default_factory=lambda: defaultdict(list))
    markers: list[Said] = field(default_factory=list)
    programs: dict[Voice, int] = field(default_factory=dict)
    voices: dict[Voice, list[Sounded]] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    losses: Counter[str] = field(default_factory=Counter)
    is_spread: bool = False
    """Whether notes begin beside ticks."""
    strokes: int = 0


def parse_midi(data: bytes) -> Piece:
    """The piece in the bytes of a MIDI file; onsets are rounded to ticks.

    Raises:
        ScoreFormatError: not a MIDI file, a broken one, one with time in seconds (SMPTE), or one without notes.
    """
    contents = _contents(data)
    voices = _voices(contents)
    if not voices:
        if contents.losses["a truncated track"]:
            raise ScoreFormatError("the MIDI file breaks off before its first note; export it again")
        if contents.losses["a percussion note"]:
            raise ScoreFormatError("the MIDI file has no pitched notes, only percussion; choose one with a melody")
        raise ScoreFormatError("the MIDI file has no notes; choose one with pitched notes")
    last = max((note.onset + note.duration for _, notes in voices for note in notes), default=0)
    bars = _bars(contents, last or max(contents.ends.values()))
    starts = [0]
    for bar in bars:
        starts.append(starts[-1] + bar.length)
    sung = [_by_bar(notes, starts) for _, notes in voices]
    tempo, marks = _tempos(contents.tempos, starts)
    columns = zip(bars, zip(*sung, strict=True), marks, strict=True)
    bars = [replace(bar, notes=notes, tempos=tempos) for bar, notes, tempos in columns]
    if not contents.keys:
        bars = [replace(bar, key=key) for key in [estimate_key(bars)] for bar in bars]
    tracks = [[track for track, _ in places] for places, _ in voices]
    karaoke, titles = karaoke_of(contents.texts)
    bars = with_lyrics(bars, [notes for _, notes in voices], tracks, contents.lyrics or karaoke, contents.losses)
    bars = with_chords(bars, contents.markers, contents.losses)
    names = voice_names(
        [contents.voice_names.get(track, contents.names.get(track, "")) for ((track, _), *_), _ in voices],
        [[note.pitch for note in sung] for _, sung in voices],
    )
    return Piece(
        names,
        tuple(mark_phrases(bars)),
        titles[0] if titles else contents.names.get(0, ""),
        tempo=tempo,
        metadata=(
            *(("C", name) for name in [*contents.composers, *titles[1:]]),
            *(("Z", f"{RIGHTS} {text}") for text in contents.rights),
        ),
        losses=tuple(sorted((+contents.losses).items())),
        instruments=_instruments(contents, names, [places[0] for places, _ in voices]),
    )


def voice_places(data: bytes) -> list[list[Voice]]:
    """For each voice of the piece in a MIDI file, the tracks and channels that have its layers."""
    return [places for places, _ in _voices(_contents(data))]


def _voices(contents: _Contents) -> list[tuple[list[Voice], list[Note]]]:
    """Where each voice stands, and its notes, further layers put together with the first; without any note, the tracks
    that have the names of voices, silent.
    """
    if not contents.voices:
        names = contents.names | contents.voice_names
        return [([(track, 0)], []) for track, name in sorted(names.items()) if is_voice_name(name)]
    voices: list[tuple[list[Voice], list[Note]]] = []
    are_by_hand = 2 * contents.losses[_BETWEEN_TICKS] > contents.strokes
    for place, struck in sorted(contents.voices.items()):
        notes = as_meant(struck, contents.is_spread, are_by_hand)
        layer = _FURTHER_LAYER.fullmatch(contents.names.get(place[0], ""))
        if layer and voices and contents.names.get(voices[-1][0][0][0]) == layer[1]:
            voices[-1][0].append(place)
            voices[-1][1].extend(notes)
        else:
            voices.append(([place], [*notes]))
    return voices


def _instruments(contents: _Contents, voices: Sequence[str], places: Sequence[Voice]) -> tuple[Instrument, ...]:
    """The instrument of each voice; none at all where they are called as usual and no program is given."""
    usual = usual_instruments(voices)
    found = []
    for voice, instrument, (track, channel) in zip(voices, usual, places, strict=True):
        named = contents.names.get(track, "")
        named = "" if track == 0 or named == contents.names.get(0) else named  # the first track has the title
        own = instrument.name if not named or named == title_of(voice) or VOICE_NAME.fullmatch(named) else named
        name = contents.instruments.get(track, own)
        short = instrument.short_name if name == instrument.name else ""
        found.append(Instrument(name, short, contents.programs.get((track, channel))))
    return () if found == usual else tuple(found)


# --- messages


def _contents(data: bytes) -> _Contents:
    if data[:4] != b"MThd":
        raise ScoreFormatError(f"not a MIDI file: it begins with {data[:4]!r} in place of b'MThd'")
    division = int.from_bytes(data[12:14], "big")
    if division == 0:
        raise ScoreFormatError("the MIDI file is damaged, it does not say how long a quarter note is; export it again")
    if division >= 0x8000:
        raise ScoreFormatError("the MIDI file counts seconds in place of beats; export it with ticks a quarter note")
    contents = _Contents()
    tracks = [
        _track_messages(track, number, division, contents) for number, track in enumerate(_track_chunks(data, contents))
    ]
    if int.from_bytes(data[8:10], "big") == 2:
        tracks = list(_one_after_the_other(tracks))
    strokes = _Strokes(contents)
    for message in sorted((message for track in tracks for message in track), key=lambda message: message.time):
        if message.status >= _META:
            _read_meta(message, contents)
        else:
            strokes.read(message)
    strokes.finish()
    return contents


def _track_chunks(data: bytes, contents: _Contents) -> Iterator[bytes]:
    """The content of each track; one that breaks off is counted."""
    position = 8 + int.from_bytes(data[4:8], "big")
    while position + 8 <= len(data):
        end = position + 8 + int.from_bytes(data[position + 4 : position + 8], "big")
        if data[position : position + 4] == b"MTrk":
            contents.losses["a truncated track"] += end > len(data)
            yield data[position + 8 : end]
        position = end
    contents.losses = +contents.losses


def _track_messages(data: bytes, track: int, division: int, contents: _Contents) -> list[_Message]:
    """The messages of a track, up to where it breaks off."""
    messages = []
    try:
        for time, status, content in _messages(data):
            ticks = (2 * time * TICKS_PER_QUARTER + division) // (2 * division)
            beside = abs(time * TICKS_PER_QUARTER / division - ticks)
            messages.append(_Message(ticks, track, status, content, beside))
            contents.is_spread |= status & 0xF0 == 0x90 and status < _META and beside > EXACT
            contents.ends[track] = ticks
    except IndexError:
        contents.losses["a truncated track"] = max(1, contents.losses["a truncated track"])
    return messages


def _messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(time in MIDI ticks, status, data) of each message of a track."""
    position = time = running = 0
    while position < len(data):
        delta, position = read_variable_length(data, position)
        time += delta
        status = data[position]
        if status & 0x80:
            position += 1
        else:
            status = running
        if status == 0xFF:
            kind = _META | data[position]
            length, position = read_variable_length(data, position + 1)
            yield time, kind, data[position : position + length]
        elif status in (0xF0, 0xF7):
            length, position = read_variable_length(data, position)
        elif status > 0xF0:
            length = SYSTEM_LENGTHS.get(status, 0)
        elif status:
            running = status
            length = 1 if status & 0xF0 in (0xC0, 0xD0) else 2
            yield time, status, bytes((data[position], data[position + length - 1]))
        else:
            raise ScoreFormatError("the MIDI file has data where a message should begin; export it again")
        position += length
    yield time, _META | END_OF_TRACK, b""


def read_variable_length(data: bytes, position: int) -> tuple[int, int]:
    """A number of at most four seven-bit digits, and the position after it."""
    number = 0
    for end in range(position + 1, position + 5):
        number = number << 7 | data[end - 1] & 0x7F
        if not data[end - 1] & 0x80:
            return number, end
    raise ScoreFormatError("the MIDI file has a number of more than four bytes; export it again")


def _one_after_the_other(tracks: Iterable[list[_Message]]) -> Iterator[list[_Message]]:
    """The patterns of a file of format 2, each from the bar on in which the one before has ended (4/4)."""
    start, bar = 0, Meter().bar_length
    for track in tracks:
        yield [message._replace(time=start + message.time) for message in track]
        start += -(-max((message.time for message in track), default=0) // bar) * bar


# --- notes


class _Strokes:
    """Pairs the beginnings and ends of notes, over all tracks in the order of time."""

    def __init__(self, contents: _Contents) -> None:
        self._contents = contents
        self._held: defaultdict[tuple[int, int, int], deque[_Stroke]] = defaultdict(deque)
        self._programs: dict[int, int] = {}
        self._pedals: set[int] = set()  # channels whose pedal is down
        self._bends: set[int] = set()  # channels whose pitch is bent
        self._count = 0

    def read(self, message: _Message) -> None:
        """Read a channel message."""
        kind, channel = message.status & 0xF0, message.status & 0x0F
        number, value = message.data
        if channel == DRUMS:
            self._contents.losses["a percussion note"] += kind == 0x90 and value > 0
        elif kind == 0x90 and value:
            if channel in self._programs:
                self._contents.programs.setdefault((message.track, channel), self._programs[channel])
            self._contents.losses[_BETWEEN_TICKS] += message.beside > EXACT
            self._contents.strokes += 1
            self._held[message.track, channel, number & 0x7F].append(_Stroke(message.time, value & 0x7F))
        elif kind == PROGRAM_CHANGE:
            self._programs[channel] = number & 0x7F
        elif kind in (0x80, 0x90):
            self._end(message.track, channel, number & 0x7F, message)
        elif kind == 0xB0 and number in (_ALL_SOUND_OFF, *range(_ALL_NOTES_OFF, 128)):
            self._end_all(channel, message)
        elif kind == 0xB0 and number == _SUSTAIN:
            self._lose("a pedal mark", self._pedals, channel, value >= _PEDAL_DOWN)
        elif kind == _PITCH_BEND:
            self._lose("a pitch bend", self._bends, channel, (number, value) != _NO_BEND)

    def _lose(self, reason: str, held: set[int], channel: int, is_held: bool) -> None:
        """Count what a controller begins to do on a channel."""
        self._contents.losses[reason] += is_held and channel not in held
        (held.add if is_held else held.discard)(channel)

    def _end(self, track: int, channel: int, pitch: int, message: _Message) -> None:
        """End the oldest note of this pitch, of this track if it has one."""
        others = (key for key, held in self._held.items() if key[1:] == (channel, pitch) and held)
        key = (track, channel, pitch)
        if not self._held.get(key):
            key = next(others, key)
        if held := self._held.get(key):
            self._add(key, held.popleft(), message.time, message.beside)

    def _end_all(self, channel: int, message: _Message) -> None:
        for key, held in self._held.items():
            while key[1] == channel and held:
                self._add(key, held.popleft(), message.time, message.beside)

    def finish(self) -> None:
        """End what nothing has ended: where its pitch is struck again, else with its track."""
        for key, held in self._held.items():
            ends = [*(stroke.onset for stroke in held), self._contents.ends[key[0]]]
            for stroke, end in zip(held, ends[1:], strict=True):
                self._contents.losses["a note without an end"] += 1
                if end > stroke.onset:
                    self._add(key, stroke, end)
        self._contents.losses = +self._contents.losses

    def _add(self, key: tuple[int, int, int], stroke: _Stroke, end: int, beside: float = 0) -> None:
        track, channel, pitch = key
        self._count += 1
        if self._count > _MAX_NOTES:
            raise ScoreFormatError(f"the MIDI file has more than {_MAX_NOTES:,} notes; split it")
        note = Note(stroke.onset, pitch, max(1, end - stroke.onset), stroke.velocity)
        self._contents.voices.setdefault((track, channel), []).append(Sounded(note, beside))


# --- names, metres, keys, bars


def _read_meta(message: _Message, contents: _Contents) -> None:
    kind, content = message.status & 0xFF, message.data
    if kind == TRACK_NAME:
        contents.names[message.track] = _text(content)
    elif kind == TEXT and VOICE_NAME.fullmatch(voice := _text(content).removeprefix(VOICE_SIGN)):
        contents.voice_names[message.track] = voice
    elif kind == TEXT and message.track == 0 and (name := _text(content)).startswith(COMPOSER_SIGN):
        contents.composers.append(name.removeprefix(COMPOSER_SIGN))
    elif kind == COPYRIGHT and (rights := _text(content)):
        contents.rights.append(rights)
    elif kind == LYRIC:
        contents.lyrics[message.track].append(Said(message.time, decoded(content)))
    elif kind == TEXT:
        contents.texts[message.track].append(Said(message.time, decoded(content)))
    elif kind == MARKER:
        contents.markers.append(Said(message.time, decoded(content)))
    elif kind == INSTRUMENT_NAME:
        contents.instruments[message.track] = _text(content)
    elif kind == SET_TEMPO and any(content[:3]):
        tempo = round(MICROSECONDS_PER_MINUTE / int.from_bytes(content[:3], "big"), 2)
        if contents.tempos and tempo != next(reversed(contents.tempos.values())):
            contents.losses["a tempo change"] += message.time > 0
        contents.tempos[message.time] = tempo
    elif kind == TIME_SIGNATURE and len(content) >= 2:
        try:
            meter = Meter(content[0], 2 ** content[1])
            contents.losses["a time signature"] += contents.meters.get(message.time, meter) != meter
            contents.meters[message.time] = meter
        except RequestError:
            contents.losses["a time signature"] += 1
    elif kind == KEY_SIGNATURE and len(content) == 2:
        sharps = int.from_bytes(content[:1], "big", signed=True)
        if abs(sharps) <= 7:
            mode = "min" if content[1] else "maj"
            contents.keys[message.time] = Key(name_at(sharps - MODES[mode]), mode)


def _text(content: bytes) -> str:
    """Text without control characters."""
    return printable(decoded(content)).strip()


def _bars(contents: _Contents, end: int) -> list[Bar]:
    """Empty bars up to the end of the last note; a change of metre inside a bar cuts it short."""
    bars: list[Bar] = []
    time = 0
    meter_times, key_times = sorted(contents.meters), sorted(contents.keys)
    while time < end or not bars:
        if len(bars) == _MAX_BARS:
            raise ScoreFormatError(f"the MIDI file has more than {_MAX_BARS} bars; split it")
        meter = contents.meters[_latest(meter_times, time)] if _is_begun(meter_times, time) else Meter()
        key = contents.keys[_latest(key_times, time)] if key_times else Key()
        following = bisect_right(meter_times, time + _SLACK)
        length = meter.bar_length
        if following < len(meter_times) and meter_times[following] < time + length - _SLACK:
            length = meter_times[following] - time
        bars.append(Bar(meter, key, length, ()))
        time += length
    return _with_whole_bars(_with_pickup(bars))


def _is_begun(times: list[int], time: int) -> bool:
    return bool(times) and times[0] <= time + _SLACK


def _latest(times: list[int], time: int) -> int:
    """The last of the times of changes up to a time and a little after it; before the first change, that one."""
    return times[max(0, bisect_right(times, time + _SLACK) - 1)]


def _tempos(tempos: dict[int, float], starts: list[int]) -> tuple[float | None, list[tuple[TempoMark, ...]]]:
    """The tempo of the first bar, and for each bar what it changes to, and where; `tempos` are in the order of time."""
    marks: list[list[TempoMark]] = [[] for _ in starts[1:]]
    first = next((tempo for time, tempo in tempos.items() if time < starts[1]), None)
    current = first
    for time, tempo in tempos.items():
        if tempo != current and time < starts[-1]:
            index = bisect_right(starts, time) - 1
            marks[index].append(TempoMark(time - starts[index], tempo))
            current = tempo
    return first, [tuple(of_bar) for of_bar in marks]


def _with_pickup(bars: list[Bar]) -> list[Bar]:
    """A first bar with a shorter metre of its own is a pick-up to the second one."""
    first, following = bars[0], bars[1].meter if len(bars) > 1 else None
    if following is None or first.length >= following.bar_length:
        return bars
    return [replace(first, meter=following, is_pickup=True), *bars[1:]]


def _with_whole_bars(bars: list[Bar]) -> list[Bar]:
    """The bars with those put together that a repeat splits, as programs write them: each part of a bar has a metre of
    its own, after which the one before goes on. So does it in a last bar that fills a bar with the pick-up.
    """
    whole = bars[:1]
    for bar in bars[1:]:
        before = whole[-2] if len(whole) > 1 else bar
        first, full = whole[-1], before.meter.bar_length if before.meter else 0
        is_split = first.meter != before.meter and bar.meter != first.meter and first.length + bar.length == full
        if is_split and first.is_full and bar.is_full and first.key == bar.key:
            whole[-1] = replace(first, meter=before.meter, length=full)
        else:
            whole.append(bar)
    if len(whole) > 2 and bars[0].is_pickup and whole[-1].meter != whole[-2].meter:
        meter = whole[-2].meter
        if meter and whole[-1].length + bars[0].length == meter.bar_length:
            whole[-1] = replace(whole[-1], meter=meter)
    return whole


def _by_bar(notes: Iterable[Note], starts: list[int]) -> list[tuple[Note, ...]]:
    """Notes in time from the piece's start, sorted into bars."""
    sung: list[list[Note]] = [[] for _ in starts[1:]]
    for note in notes:
        index = bisect_right(starts, note.onset) - 1
        sung[index].append(replace(note, onset=note.onset - starts[index]))
    return [tuple(sorted(of_bar, key=lambda note: (note.onset, note.pitch))) for of_bar in sung]
