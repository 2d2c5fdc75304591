"""`Piece` <-> Standard MIDI Files (MIDI 1.0, format 0 and 1), exact to the tick and without music21.

Conventions
- Written: `TICKS_PER_QUARTER` * `_FINENESS` MIDI ticks a quarter, a track for tempo, metres, keys and chord names (as
  markers), then a track a voice; repeats are played out. Pick-ups and other irregular bars get a time signature of
  their own length.
- Read: onsets and ends rounded to the nearest tick of `Piece`, bars from the time signatures (4/4 without any), a voice
  for each track and channel that has notes, drums (channel 10) left out. The key is the file's, else estimated.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from ..analysis.key_estimation import estimate_key
from ..analysis.phrases import mark_phrases
from ..core.chords import chord_name
from ..core.errors import RequestError, ScoreFormatError
from ..core.piece import MODES, TICKS_PER_QUARTER, TICKS_PER_WHOLE, Bar, Key, Meter, Note, Piece, name_at
from ..core.text import printable
from .voices import voice_names

_FINENESS = 20
DEFAULT_TEMPO = 120.0
"""Quarter notes a minute of what states no tempo, as the format has it."""
_DEFAULT_VELOCITY = 80
_MICROSECONDS_PER_MINUTE = 60_000_000
_DRUMS = 9
_TRACK_NAME, _MARKER, _END_OF_TRACK, _SET_TEMPO, _TIME_SIGNATURE, _KEY_SIGNATURE = 0x03, 0x06, 0x2F, 0x51, 0x58, 0x59
_MAX_BARS = 10_000
_MAX_NOTES = 200_000

Event = tuple[int, int, bytes]
"""(time, rank among events of the same time, message)."""


# --- writing


def midi_bytes(piece: Piece) -> bytes:
    """This piece, its repeats played out, as the bytes of a MIDI file."""
    tracks = [_conductor(piece), *(_voice_track(piece, voice) for voice in range(len(piece.voices)))]
    header = b"".join(number.to_bytes(2, "big") for number in (1, len(tracks), TICKS_PER_QUARTER * _FINENESS))
    return _chunk(b"MThd", header) + b"".join(_chunk(b"MTrk", track) for track in tracks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + len(content).to_bytes(4, "big") + content


def _conductor(piece: Piece) -> bytes:
    """The first track: title, tempo, and in the order of playing metres and keys where they change, and chord names."""
    microseconds = min(0xFFFFFF, max(1, round(_MICROSECONDS_PER_MINUTE / (piece.tempo or DEFAULT_TEMPO))))
    events = [
        (0, 0, _meta(_TRACK_NAME, piece.title.encode())),
        (0, 0, _meta(_SET_TEMPO, microseconds.to_bytes(3, "big"))),
    ]
    time, meter, key = 0, None, None
    for index in piece.playing_order():
        bar = piece.bars[index]
        if (here := _meter_of_length(bar)) and here != meter:
            meter = here
            events.append((time, 0, _meta(_TIME_SIGNATURE, _time_signature(meter))))
        if bar.key != key:
            key = bar.key
            is_minor = MODES[key.mode] <= -2
            events.append((time, 0, _meta(_KEY_SIGNATURE, bytes([key.signature % 256, is_minor]))))
        for chord in bar.chords:
            if name := chord_name(chord.label, piece.key):
                events.append((time + chord.onset, 0, _meta(_MARKER, name.encode())))
        time += bar.length
    return _track(events, time)


def _meter_of_length(bar: Bar) -> Meter | None:
    """The bar's metre, or one as long as the bar really is; None if there is none."""
    if bar.is_full:
        return bar.meter
    denominators = [bar.meter.denominator] if bar.meter else [4]
    for denominator in (*denominators, 8, 16, 32):
        numerator, rest = divmod(bar.length * denominator, TICKS_PER_WHOLE)
        if rest == 0 and numerator <= 255:
            return Meter(numerator, denominator)
    return bar.meter


def _time_signature(meter: Meter) -> bytes:
    clocks_a_click = min(255, meter.beat_length)
    return bytes([min(255, meter.numerator), meter.denominator.bit_length() - 1, clocks_a_click, 8])


def _voice_track(piece: Piece, voice: int) -> bytes:
    channel = voice % 15
    channel += channel >= _DRUMS
    events: list[Event] = [(0, 0, _meta(_TRACK_NAME, piece.voices[voice].encode()))]
    time = 0
    for index in piece.playing_order():
        bar = piece.bars[index]
        for note in bar.notes[voice]:
            onset = time + note.onset
            velocity = min(127, max(1, note.velocity or _DEFAULT_VELOCITY))
            events.append((onset, 2, bytes([0x90 | channel, note.pitch, velocity])))
            events.append((onset + note.duration, 1, bytes([0x80 | channel, note.pitch, 0])))
        time += bar.length
    return _track(events, time)


def _meta(kind: int, content: bytes) -> bytes:
    return bytes([0xFF, kind]) + _variable_length(len(content)) + content


def _track(events: list[Event], end: int) -> bytes:
    """Events in the order of time, notes ending before others begin, each after the time since the one before."""
    track, now = bytearray(), 0
    end = max(end, *(time for time, _, _ in events), 0)
    for time, _, message in [*sorted(events), (end, 0, _meta(_END_OF_TRACK, b""))]:
        track += _variable_length((time - now) * _FINENESS) + message
        now = time
    return bytes(track)


def _variable_length(number: int) -> bytes:
    """Seven bits a byte, all but the last with the high bit set."""
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))


# --- reading


@dataclass
class _Contents:
    """What a MIDI file holds, times in `Piece` ticks; voices by (track, channel); the count of all notes."""

    count: int = 0
    title: str = ""
    tempo: float | None = None
    meters: dict[int, Meter] = field(default_factory=dict)
    keys: dict[int, Key] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    voices: dict[tuple[int, int], list[Note]] = field(default_factory=dict)


def parse_midi(data: bytes) -> Piece:
    """The piece in the bytes of a MIDI file; onsets are rounded to ticks.

    Raises:
        ScoreFormatError: not a MIDI file, a broken one, one with time in seconds (SMPTE), or one without notes.
    """
    try:
        contents = _contents(data)
    except IndexError:
        raise ScoreFormatError("the MIDI file breaks off; export it again") from None
    if not contents.voices:
        raise ScoreFormatError("the MIDI file has no notes; choose one with pitched notes")
    voices = sorted(contents.voices.items())
    bars = _bars(contents, max(note.onset + note.duration for _, notes in voices for note in notes))
    starts = [0]
    for bar in bars:
        starts.append(starts[-1] + bar.length)
    sung = [_by_bar(notes, starts) for _, notes in voices]
    bars = [replace(bar, notes=notes) for bar, notes in zip(bars, zip(*sung, strict=True), strict=True)]
    if not contents.keys:
        bars = [replace(bar, key=key) for key in [estimate_key(bars)] for bar in bars]
    names = voice_names([contents.names.get(track, "") for (track, _), _ in voices])
    return Piece(names, tuple(mark_phrases(bars)), contents.title, tempo=contents.tempo)


def _contents(data: bytes) -> _Contents:
    if data[:4] != b"MThd":
        raise ScoreFormatError(f"not a MIDI file: it begins with {data[:4]!r} in place of b'MThd'")
    division = int.from_bytes(data[12:14], "big")
    if division == 0:
        raise ScoreFormatError("the MIDI file is damaged, it does not say how long a quarter note is; export it again")
    if division >= 0x8000:
        raise ScoreFormatError("the MIDI file counts seconds in place of beats; export it with ticks a quarter note")
    contents = _Contents()
    position, track = 8 + int.from_bytes(data[4:8], "big"), 0
    while position + 8 <= len(data):
        end = position + 8 + int.from_bytes(data[position + 4 : position + 8], "big")
        if data[position : position + 4] == b"MTrk":
            _read_track(data[position + 8 : end], track, division, contents)
            track += 1
        position = end
    return contents


def _read_track(data: bytes, track: int, division: int, contents: _Contents) -> None:
    held: defaultdict[tuple[int, int], deque[tuple[int, int]]] = defaultdict(deque)

    def ticks(time: int) -> int:
        return (2 * time * TICKS_PER_QUARTER + division) // (2 * division)

    for time, status, content in _messages(data):
        kind, channel = status & 0xF0, status & 0x0F
        if status > 0xFF:
            _read_meta(status & 0xFF, content, ticks(time), track, contents)
        elif kind == 0x90 and content[1]:
            held[channel, content[0]].append((ticks(time), content[1]))
        elif kind in (0x80, 0x90) and channel != _DRUMS and (waiting := held[channel, content[0]]):
            onset, velocity = waiting.popleft()
            note = Note(onset, content[0] & 0x7F, max(1, ticks(time) - onset), velocity)
            contents.voices.setdefault((track, channel), []).append(note)
            contents.count += 1
            if contents.count > _MAX_NOTES:
                raise ScoreFormatError(f"the MIDI file has more than {_MAX_NOTES:,} notes; split it")


def _messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(time in MIDI ticks, status, data) of each message; meta events have 0x100 added to their kind."""
    position = time = status = 0
    while position < len(data):
        delta, position = _read_variable_length(data, position)
        time += delta
        if data[position] & 0x80:
            status = data[position]
            position += 1
        if status == 0xFF:
            kind = data[position]
            length, position = _read_variable_length(data, position + 1)
            yield time, 0x100 | kind, data[position : position + length]
        elif status >= 0xF0:
            length, position = _read_variable_length(data, position)
        elif status:
            length = 1 if status & 0xF0 in (0xC0, 0xD0) else 2
            yield time, status, bytes((data[position], data[position + length - 1]))
        else:
            raise ScoreFormatError("the MIDI file has data where a message should begin; export it again")
        position += length


def _read_variable_length(data: bytes, position: int) -> tuple[int, int]:
    """A number of at most four seven-bit digits, and the position after it."""
    number = 0
    for end in range(position + 1, position + 5):
        number = number << 7 | data[end - 1] & 0x7F
        if not data[end - 1] & 0x80:
            return number, end
    raise ScoreFormatError("the MIDI file has a number of more than four bytes; export it again")


def _read_meta(kind: int, content: bytes, time: int, track: int, contents: _Contents) -> None:
    if kind == _TRACK_NAME:
        contents.names[track] = name = _text(content)
        contents.title = name if track == 0 else contents.title
    elif kind == _SET_TEMPO and contents.tempo is None and any(content):
        contents.tempo = round(_MICROSECONDS_PER_MINUTE / int.from_bytes(content, "big"), 2)
    elif kind == _TIME_SIGNATURE and len(content) >= 2:
        try:
            contents.meters[time] = Meter(content[0], 2 ** content[1])
        except RequestError:
            return
    elif kind == _KEY_SIGNATURE and len(content) == 2:
        sharps = int.from_bytes(content[:1], "big", signed=True)
        if abs(sharps) <= 7:
            mode = "min" if content[1] else "maj"
            contents.keys[time] = Key(name_at(sharps - MODES[mode]), mode)


def _text(content: bytes) -> str:
    """Text in UTF-8 or else Latin-1, without control characters; the standard leaves the encoding open."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return printable(text).strip()


def _bars(contents: _Contents, end: int) -> list[Bar]:
    """Empty bars up to the end of the last note; a change of metre inside a bar cuts it short."""
    bars: list[Bar] = []
    time = 0
    meter_times, key_times = sorted(contents.meters), sorted(contents.keys)
    while time < end:
        if len(bars) == _MAX_BARS:
            raise ScoreFormatError(f"the MIDI file has more than {_MAX_BARS} bars; split it")
        meter = contents.meters[_latest(meter_times, time)] if meter_times else Meter()
        key = contents.keys[_latest(key_times, time)] if key_times else Key()
        following = bisect_right(meter_times, time)
        length = meter.bar_length
        if following < len(meter_times):
            length = min(length, meter_times[following] - time)
        bars.append(Bar(meter, key, length, ()))
        time += length
    return _with_pickup(bars)


def _latest(times: list[int], time: int) -> int:
    """The last of the times of changes up to a time; before the first change, that one."""
    return times[max(0, bisect_right(times, time) - 1)]


def _with_pickup(bars: list[Bar]) -> list[Bar]:
    """A first bar with a shorter metre of its own is a pick-up to the second one."""
    first, following = bars[0], bars[1].meter if len(bars) > 1 else None
    if following is None or first.length >= following.bar_length:
        return bars
    return [replace(first, meter=following, is_pickup=True), *bars[1:]]


def _by_bar(notes: Iterable[Note], starts: list[int]) -> list[tuple[Note, ...]]:
    """Notes in time from the piece's start, sorted into bars."""
    sung: list[list[Note]] = [[] for _ in starts[1:]]
    for note in notes:
        index = bisect_right(starts, note.onset) - 1
        sung[index].append(replace(note, onset=note.onset - starts[index]))
    return [tuple(sorted(of_bar, key=lambda note: (note.onset, note.pitch))) for of_bar in sung]
