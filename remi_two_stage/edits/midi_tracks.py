"""The tracks of a MIDI file as events that keep their own bytes, so that a track is written back as it stood."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..scores.midi_reader import SYSTEM_LENGTHS, read_variable_length
from ..scores.midi_writer import END_OF_TRACK, chunk, variable_length
from .changes import NotAnEditError

_META = 0xFF
_TRACK = b"MTrk"


@dataclass(slots=True, eq=False)
class Event:
    """An event: its time in MIDI ticks, its message as it stands (without a status that goes on from the one before),
    its status, and its data.
    """

    time: int
    message: bytes
    status: int
    data: bytes

    @property
    def is_note_on(self) -> bool:
        """Whether a note begins here."""
        return self.status & 0xF0 == 0x90 and self.data[1] > 0

    @property
    def is_note_off(self) -> bool:
        """Whether a note ends here."""
        return self.status & 0xF0 == 0x80 or (self.status & 0xF0 == 0x90 and not self.data[1])

    @property
    def is_end_of_track(self) -> bool:
        """Whether nothing follows."""
        return self.status == _META and self.data[:1] == bytes([END_OF_TRACK])


@dataclass(slots=True, eq=False)
class Stroke:
    """A note: its begin, and its end if its own track has it."""

    begin: Event
    end: Event | None


def tracks_in(data: bytes) -> list[tuple[int, int]]:
    """Where each track begins and ends in the bytes of a file, its head included.

    Raises:
        NotAnEditError: a track breaks off.
    """
    position = 8 + int.from_bytes(data[4:8], "big")
    found = []
    while position + 8 <= len(data):
        end = position + 8 + int.from_bytes(data[position + 4 : position + 8], "big")
        if end > len(data):
            raise NotAnEditError("a track of the file breaks off")
        if data[position : position + 4] == _TRACK:
            found.append((position, end))
        position = end
    return found


def events_of(content: bytes) -> list[Event]:
    """The events of a track, given what follows its head.

    Raises:
        NotAnEditError: the track breaks off.
    """
    try:
        return list(_events(content))
    except IndexError:
        raise NotAnEditError("a track of the file breaks off") from None


def _events(content: bytes) -> Iterator[Event]:
    position = time = running = 0
    while position < len(content):
        delta, position = read_variable_length(content, position)
        time += delta
        begin, status = position, content[position]
        position += status >> 7
        if not status & 0x80:
            status = running
        data = position
        if status == _META:
            length, position = read_variable_length(content, position + 1)
        elif status in (0xF0, 0xF7):
            length, position = read_variable_length(content, position)
        elif status > 0xF0:
            length = SYSTEM_LENGTHS.get(status, 0)
        else:
            running = status
            length = 1 if status & 0xF0 in (0xC0, 0xD0) else 2
            if position + length > len(content):
                raise IndexError
        position += length
        yield Event(time, content[begin:position], status, content[data:position])


def track_bytes(events: Sequence[Event]) -> bytes:
    """A track with its head; a status stands wherever it does not go on from the event before."""
    content = bytearray()
    now = running = 0
    for event in events:
        content += variable_length(event.time - now)
        has_own = bool(event.message[0] & 0x80)
        content += event.message if has_own or running == event.status else bytes([event.status]) + event.message
        running = event.status if event.status < 0xF0 else running
        now = event.time
    return chunk(_TRACK, bytes(content))


def strokes_of(events: Sequence[Event], channel: int) -> list[Stroke]:
    """The notes of a channel in a track: an end is that of the oldest note of its pitch."""
    held: defaultdict[int, deque[Stroke]] = defaultdict(deque)
    found = []
    for event in events:
        if event.status >= 0xF0 or event.status & 0x0F != channel:
            continue
        if event.is_note_on:
            found.append(Stroke(event, None))
            held[event.data[0]].append(found[-1])
        elif event.is_note_off and held[event.data[0]]:
            held[event.data[0]].popleft().end = event
    return found
