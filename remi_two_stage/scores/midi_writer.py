"""`Piece` -> Standard MIDI File (MIDI 1.0, format 1), exact to the tick.

Conventions
- `TICKS_PER_QUARTER` * `_FINENESS` MIDI ticks a quarter; repeats are played out.
- The first track has tempos, metres, keys, and chord names as markers; then each voice has a track. Where a voice
  strikes a pitch that it still holds, the new note goes to a further track of the voice, named "V1 (2)", on a channel
  of its own: on one channel, a note-off would end both. `midi_reader` puts such tracks together again.
- Pick-ups and other irregular bars get a time signature of their own length.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..core.piece import Bar, Note, Piece
from ..core.signatures import MODES, TICKS_PER_QUARTER, TICKS_PER_WHOLE, Meter
from .tempo_map import played_tempos

_FINENESS = 20
_DEFAULT_VELOCITY = 80
MICROSECONDS_PER_MINUTE = 60_000_000
DRUMS = 9
"""The channel of percussion, from 0."""
TRACK_NAME, MARKER, END_OF_TRACK, SET_TEMPO, TIME_SIGNATURE, KEY_SIGNATURE = 0x03, 0x06, 0x2F, 0x51, 0x58, 0x59
"""Kinds of meta events."""

Event = tuple[int, int, bytes]
"""(time, rank among events of the same time, message)."""


def midi_bytes(piece: Piece) -> bytes:
    """This piece, its repeats played out, as the bytes of a MIDI file."""
    layers = [(name, layer) for voice, name in enumerate(piece.voices) for layer in _layers(_played(piece, voice))]
    total = sum(piece.bars[index].length for index in piece.playing_order())
    tracks = [_conductor(piece), *_voice_tracks(layers, total)]
    header = b"".join(number.to_bytes(2, "big") for number in (1, len(tracks), TICKS_PER_QUARTER * _FINENESS))
    return _chunk(b"MThd", header) + b"".join(_chunk(b"MTrk", track) for track in tracks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + len(content).to_bytes(4, "big") + content


def _conductor(piece: Piece) -> bytes:
    """The first track: title, and in the order of playing tempos, metres and keys where they change, chord names."""
    events = [(0, 0, _meta(TRACK_NAME, piece.title.encode()))]
    events += [
        (time, 0, _meta(SET_TEMPO, _microseconds(tempo).to_bytes(3, "big"))) for time, tempo in played_tempos(piece)
    ]
    time, meter, key = 0, None, None
    for index in piece.playing_order():
        bar = piece.bars[index]
        if (here := _meter_of_length(bar)) and here != meter:
            meter = here
            events.append((time, 0, _meta(TIME_SIGNATURE, _time_signature(meter))))
        if bar.key != key:
            key = bar.key
            is_minor = MODES[key.mode] <= -2
            events.append((time, 0, _meta(KEY_SIGNATURE, bytes([key.signature % 256, is_minor]))))
        for chord in bar.chords:
            if name := chord.name(piece.key, bar.key):
                events.append((time + chord.onset, 0, _meta(MARKER, name.encode())))
        time += bar.length
    return _track(events, time)


def _microseconds(tempo: float) -> int:
    """Microseconds of a quarter note, as many as the format can say."""
    return min(0xFFFFFF, max(1, round(MICROSECONDS_PER_MINUTE / tempo)))


def _meter_of_length(bar: Bar) -> Meter | None:
    """The bar's metre, or one with the bar's real length; None if no metre has it."""
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


def _played(piece: Piece, voice: int) -> list[Note]:
    """A voice's notes with repeats played out, in the order of their onsets, which count from the start."""
    notes, time = [], 0
    for index in piece.playing_order():
        bar = piece.bars[index]
        notes += [replace(note, onset=time + note.onset) for note in bar.notes[voice]]
        time += bar.length
    return sorted(notes, key=lambda note: note.onset)


def _layers(notes: Sequence[Note]) -> list[list[Note]]:
    """The notes in as few layers as needed for none to strike a pitch that its layer still holds; at least one."""
    layers: list[list[Note]] = [[]]
    ends: list[dict[int, int]] = [{}]
    for note in notes:
        free = next((index for index, held in enumerate(ends) if held.get(note.pitch, 0) <= note.onset), len(layers))
        if free == len(layers):
            layers.append([])
            ends.append({})
        layers[free].append(note)
        ends[free][note.pitch] = note.onset + note.duration
    return layers


def _voice_tracks(layers: Sequence[tuple[str, Sequence[Note]]], total: int) -> Iterator[bytes]:
    """A track for each layer of each voice, as long as the piece (ticks)."""
    before: Counter[str] = Counter()
    for number, (voice, notes) in enumerate(layers):
        before[voice] += 1
        name = voice if before[voice] == 1 else f"{voice} ({before[voice]})"
        channel = number % 15
        yield _track([(0, 0, _meta(TRACK_NAME, name.encode())), *_strokes(notes, channel + (channel >= DRUMS))], total)


def _strokes(notes: Sequence[Note], channel: int) -> Iterator[Event]:
    for note in notes:
        velocity = min(127, max(1, note.velocity or _DEFAULT_VELOCITY))
        yield note.onset, 2, bytes([0x90 | channel, note.pitch, velocity])
        yield note.onset + note.duration, 1, bytes([0x80 | channel, note.pitch, 0])


def _meta(kind: int, content: bytes) -> bytes:
    return bytes([0xFF, kind]) + _variable_length(len(content)) + content


def _track(events: list[Event], end: int) -> bytes:
    """Events in the order of time, notes ending before others begin, each after the time since the one before."""
    track, now = bytearray(), 0
    end = max(end, *(time for time, _, _ in events))
    for time, _, message in [*sorted(events), (end, 0, _meta(END_OF_TRACK, b""))]:
        track += _variable_length((time - now) * _FINENESS) + message
        now = time
    return bytes(track)


def _variable_length(number: int) -> bytes:
    """Seven bits a byte, all but the last with the high bit set."""
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))
