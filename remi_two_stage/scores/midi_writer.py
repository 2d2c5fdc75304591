"""`Piece` -> Standard MIDI File (MIDI 1.0, format 1), exact to the tick.

Conventions
- `TICKS_PER_QUARTER` * `_FINENESS` MIDI ticks a quarter; repeats are played out.
- The first track has title, composers, tempos, metres, keys, and chord names as markers; then each voice has a track,
  with its syllables. Where a voice strikes a pitch that it still holds, the new note goes to a further track of the
  voice, named "Alto (2)", on a channel of its own: on one channel, a note-off would end both. `midi_reader` puts such
  tracks together again.
- Parts of a bar that follow one another, such as a short bar and the pick-up after it, are one bar, so that the metre
  stays; another bar that its metre does not fill, such as the pick-up at the start, has a time signature of its length.
- A track is named as the score names its staff, "Soprano" or "Violin I"; where that does not tell which voice of the
  piece it is, a text says so. The instrument's name and its program stand beside that where they say more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter

from ..core.notation import Instrument
from ..core.piece import Bar, Note, Piece
from ..core.signatures import MODES, TICKS_PER_QUARTER, TICKS_PER_WHOLE, Meter
from .midi_words import sung_words
from .performance import played_notes
from .tempo_map import played_tempos
from .voices import VOICE_NAME, title_of, usual_instruments

_FINENESS = 20
MICROSECONDS_PER_MINUTE = 60_000_000
DRUMS = 9
"""The channel of percussion, from 0."""
CHANNELS = [channel for channel in range(16) if channel != DRUMS]
"""Those of pitched instruments."""
TEXT, COPYRIGHT, TRACK_NAME, INSTRUMENT_NAME, LYRIC, MARKER, END_OF_TRACK = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x2F
SET_TEMPO, TIME_SIGNATURE, KEY_SIGNATURE = 0x51, 0x58, 0x59
"""Kinds of meta events."""
PROGRAM_CHANGE = 0xC0
VOICE_SIGN = "voice "
"""How the text begins that says which voice of a piece a track holds."""
COMPOSER_SIGN = "Composer: "
"""How a text of the first track begins that names the composer."""

Event = tuple[int, int, bytes]
"""(time, rank among events of the same time, message)."""


def midi_bytes(piece: Piece) -> bytes:
    """This piece, its repeats played out, as the bytes of a MIDI file."""
    total = sum(piece.bars[index].length for index in piece.playing_order())
    tracks = [_conductor(piece), *_voice_tracks(piece, total)]
    header = b"".join(number.to_bytes(2, "big") for number in (1, len(tracks), TICKS_PER_QUARTER * _FINENESS))
    return chunk(b"MThd", header) + b"".join(chunk(b"MTrk", track) for track in tracks)


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a file with its head."""
    return kind + len(content).to_bytes(4, "big") + content


def _conductor(piece: Piece) -> bytes:
    """The first track: title and composers; in the order of playing tempos, metres and keys where they change, chord
    names.
    """
    events = [(0, 0, meta_event(TRACK_NAME, piece.title.encode()))]
    composers = [text for letter, text in piece.metadata if letter == "C"]
    events += [(0, 0, meta_event(TEXT, f"{COMPOSER_SIGN}{name}".encode())) for name in composers]
    events += [
        (time, 0, meta_event(SET_TEMPO, _microseconds(tempo).to_bytes(3, "big")))
        for time, tempo in played_tempos(piece)
    ]
    order = piece.playing_order()
    meters = _played_meters([piece.bars[index] for index in order])
    time, meter, key = 0, None, None
    for index, here in zip(order, meters, strict=True):
        bar = piece.bars[index]
        if here and here != meter:
            meter = here
            events.append((time, 0, meta_event(TIME_SIGNATURE, _time_signature(meter))))
        if bar.key != key:
            key = bar.key
            is_minor = MODES[key.mode] <= -2
            events.append((time, 0, meta_event(KEY_SIGNATURE, bytes([key.signature % 256, is_minor]))))
        for chord in bar.chords:
            if name := chord.name(piece.key, bar.key):
                events.append((time + chord.onset, 0, meta_event(MARKER, name.encode())))
        time += bar.length
    return _track(events, time)


def _microseconds(tempo: float) -> int:
    """Microseconds of a quarter note, as many as the format can say."""
    return min(0xFFFFFF, max(1, round(MICROSECONDS_PER_MINUTE / tempo)))


def _played_meters(bars: Sequence[Bar]) -> list[Meter | None]:
    """The time signature at each of the bars in playing order: its metre, or one of its length for a bar that neither
    fills its metre nor is a part of a bar that the following ones complete.
    """
    meters: list[Meter | None] = []
    while len(meters) < len(bars):
        first = bars[len(meters)]
        parts = _parts_of_bar(bars, len(meters))
        meters += [first.meter] * parts if parts else [_meter_of_length(first)]
    return meters


def _parts_of_bar(bars: Sequence[Bar], index: int) -> int:
    """How many bars from the one at `index` on fill a bar of its metre, or several, together; the last bars need not
    fill it. 0 if they do not before the next full bar, or if the first is a pick-up, which nothing precedes.
    """
    meter, length = bars[index].meter, 0
    if meter is None or bars[index].is_pickup:
        return 0
    for end in range(index, len(bars)):
        if end > index and (bars[end].is_full or not (bars[end].is_pickup or bars[end].meter == meter)):
            return 0
        length += bars[end].length
        if length % meter.bar_length == 0:
            return end + 1 - index
    return len(bars) - index


def _meter_of_length(bar: Bar) -> Meter | None:
    """A metre with the bar's length, if possible in the note value of its own; its own if none has it."""
    denominators = [bar.meter.denominator] if bar.meter else [4]
    for denominator in (*denominators, 8, 16, 32):
        numerator, rest = divmod(bar.length * denominator, TICKS_PER_WHOLE)
        if rest == 0 and numerator <= 255:
            return Meter(numerator, denominator)
    return bar.meter


def _time_signature(meter: Meter) -> bytes:
    clocks_a_click = min(255, meter.beat_length)
    return bytes([min(255, meter.numerator), meter.denominator.bit_length() - 1, clocks_a_click, 8])


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


def _voice_tracks(piece: Piece, total: int) -> Iterator[bytes]:
    """A track for each layer of each voice, as long as the piece (ticks)."""
    usual = usual_instruments(piece.voices)
    layers = [
        (voice, number, notes)
        for voice in range(len(piece.voices))
        for number, notes in enumerate(_layers(sorted(played_notes(piece, voice), key=lambda note: note.onset)))
    ]
    for index, (voice, number, notes) in enumerate(layers):
        player = (piece.instruments or usual)[voice]
        channel = CHANNELS[index % len(CHANNELS)]
        events = [(0, 0, event) for event in _names(piece.voices[voice], number, player, usual[voice])]
        if player.program is not None and index < len(CHANNELS):  # later tracks share the channels of the first
            events.append((0, 1, bytes([PROGRAM_CHANGE | channel, player.program])))
        if not number:
            events += [(time, 1, meta_event(LYRIC, text.encode())) for time, text in sung_words(piece, voice)]
        yield _track([*events, *_strokes(notes, channel)], total)


def _names(voice: str, layer: int, player: Instrument, usual: Instrument) -> Iterator[bytes]:
    """The name of a track, and what `midi_reader` needs beside it."""
    title = title_of(voice)
    name = player.name or title
    yield meta_event(TRACK_NAME, (name + (f" ({layer + 1})" if layer else "")).encode())
    if name != title:
        yield meta_event(TEXT, f"{VOICE_SIGN}{voice}".encode())
    if player.name != (usual.name if name == title or VOICE_NAME.fullmatch(name) else name):
        yield meta_event(INSTRUMENT_NAME, player.name.encode())


def _strokes(notes: Sequence[Note], channel: int) -> Iterator[Event]:
    for note in notes:
        velocity = min(127, max(1, note.velocity or 1))
        yield note.onset, 2, bytes([0x90 | channel, note.pitch, velocity])
        yield note.onset + note.duration, 1, bytes([0x80 | channel, note.pitch, 0])


def meta_event(kind: int, content: bytes) -> bytes:
    """A meta event such as `TRACK_NAME`."""
    return bytes([0xFF, kind]) + variable_length(len(content)) + content


def _track(events: list[Event], end: int) -> bytes:
    """Events in the order of time, notes ending before others begin, each after the time since the one before; those of
    one time and rank as they are given.
    """
    track, now = bytearray(), 0
    end = max(end, *(time for time, _, _ in events))
    for time, _, message in [*sorted(events, key=itemgetter(0, 1)), (end, 0, meta_event(END_OF_TRACK, b""))]:
        track += variable_length((time - now) * _FINENESS) + message
        now = time
    return bytes(track)


def variable_length(number: int) -> bytes:
    """A number, seven bits a byte, all but the last with the high bit set."""
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))
