"""An edit written into the MIDI file that the piece came from: notes of its tracks are taken out and put in.

Conventions
- A track in which no note changes stays byte for byte; in others all events but the changed notes keep their places:
  names, programs, controllers, and the way in which notes that stay were played.
- A new note is as loud as the notes of its voice mostly are, unless it says itself how loud it is.
- A new voice is a track of its own, with a channel that nobody uses.
- What comes out is read again: it holds what the edit holds, or there is no such edit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from ..core.notation import Instrument
from ..core.piece import Piece
from ..core.signatures import TICKS_PER_QUARTER
from ..scores.midi_reader import parse_midi, voice_places
from ..scores.midi_writer import CHANNELS, INSTRUMENT_NAME, PROGRAM_CHANGE, TRACK_NAME, meta_event
from ..scores.voices import usual_instruments
from .changes import Change, NotAnEditError, check_melody, sings_melody
from .midi_tracks import Event, Stroke, events_of, strokes_of, track_bytes, tracks_in

_Note = tuple[int, int, int]
"""(onset, pitch, duration), in ticks from the start of the piece."""
_USUAL_VELOCITY = 80
_END_OF_TRACK = b"\xff\x2f\x00"


def splice(source: bytes, before: Piece, after: Piece, change: Change) -> bytes:
    """The bytes of a MIDI file with an edit written into it.

    Args:
        before: The piece that was read from the file.
        after: What an edit has made of it.
        change: What has changed between them.

    Raises:
        NotAnEditError: the file cannot be edited in place, as it says.
    """
    if int.from_bytes(source[8:10], "big") == 2:
        raise NotAnEditError("the tracks of the file are patterns of their own (format 2)")
    if _music(parse_midi(source)) != _music(before):
        raise NotAnEditError("the file holds another piece than the one that was edited")
    file = _File(source)
    places = voice_places(source)
    total = sum(bar.length for bar in after.bars)
    for voice, kept in enumerate(change.voices):
        file.change(places[voice], _notes(before, voice), _notes(after, kept), total if change.appended else 0)
    if change.voices_added:
        file.add_voices(places[0][0], after, change, total)
    edited = file.content()
    if not _is_same(parse_midi(edited), after):
        raise NotAnEditError("notes of the file overlap in a way that leaves no place for the new ones")
    return edited


def for_melody(source: bytes, before: Piece, after: Piece) -> tuple[bytes, Piece]:
    """A file and its piece as an edit takes them: with the first voice alone where that is harmonised and other voices
    are left out; percussion stays.

    Raises:
        NotAnEditError: the first voice cannot stand alone.
    """
    if len(before.voices) == 1 or not sings_melody(before, after):
        return source, before
    file = _File(source)
    melody, *others = voice_places(source)
    for voice, places in enumerate(others, 1):
        file.take_out(places, _notes(before, voice), melody)
    alone = file.content()
    piece = parse_midi(alone)
    check_melody(piece, before)
    return alone, piece


class _File:
    """The tracks of a file, of which some are changed, and new ones."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._places = tracks_in(source)
        self._division = int.from_bytes(source[12:14], "big")
        self._tracks = [events_of(source[begin + 8 : end]) for begin, end in self._places]
        self._changed: set[int] = set()
        self._gone: set[int] = set()
        self._before: dict[int, list[bytes]] = {}
        self._after: dict[int, list[bytes]] = {}

    def change(self, places: Sequence[tuple[int, int]], old: Sequence[_Note], new: Sequence[_Note], end: int) -> None:
        """Take notes of a voice out of its layers, and put others into the first; its tracks last to `end` ticks."""
        gone, come = Counter(old) - Counter(new), Counter(new) - Counter(old)
        loudness = self._loudness(places)
        for track, channel in places:
            strokes = list(self._strokes_of_notes(track, channel, gone))
            if strokes:
                out = {id(event) for stroke in strokes for event in (stroke.begin, stroke.end)}
                self._changed.add(track)
                self._tracks[track] = [event for event in self._tracks[track] if id(event) not in out]
        if come:
            track, channel = places[0]
            self._changed.add(track)
            notes = [(*note, loudness) for note in sorted(come.elements())]
            self._tracks[track] = _merged(self._tracks[track], self._events(notes, channel))
        if end:
            for track, _ in places:
                self._changed.add(track)
                self._last_to(track, self._time(end))

    def take_out(
        self, places: Sequence[tuple[int, int]], old: Sequence[_Note], melody: Sequence[tuple[int, int]]
    ) -> None:
        """Take out all notes of a voice, and those of its tracks that have none left but the first and the melody's."""
        self.change(places, old, [], 0)
        for track in {track for track, _ in places} - {0, *(track for track, _ in melody)}:
            if not any(event.is_note_on for event in self._tracks[track]):
                self._gone.add(track)

    def _strokes_of_notes(self, track: int, channel: int, notes: Counter[_Note]) -> Iterator[Stroke]:
        """The strokes that are notes to be taken out, which are counted down."""
        for stroke in strokes_of(self._tracks[track], channel):
            onset = self._ticks(stroke.begin.time)
            end = onset if stroke.end is None else self._ticks(stroke.end.time)
            note = onset, stroke.begin.data[0], max(1, end - onset)
            if stroke.end is None:  # what ends it is no event of its own
                note = next((other for other in notes if other[:2] == note[:2]), note)
            if notes[note] > 0:
                notes[note] -= 1
                yield stroke

    def add_voices(self, melody: tuple[int, int], after: Piece, change: Change, total: int) -> None:
        """Add the tracks of new voices, before and after that of the melody, in the order of the piece's voices."""
        used = {event.status & 0x0F for events in self._tracks for event in events if event.status < 0xF0}
        free = [channel for channel in CHANNELS if channel not in used] or [melody[1]]
        usual = usual_instruments(after.voices)
        loudness = self._loudness([melody])
        for number, voice in enumerate(change.voices_added):
            instrument = after.instruments[voice] if after.instruments else usual[voice]
            notes = [(*note, loudness) for note in _notes(after, voice)]
            channel = free[number % len(free)]
            head = list(_head(after.voices[voice], instrument, usual[voice], channel))
            end = Event(self._time(total), _END_OF_TRACK, 0xFF, _END_OF_TRACK[1:])
            place = self._before if voice < change.voices[0] and melody[0] else self._after
            place.setdefault(melody[0], []).append(track_bytes([*head, *_merged([end], self._events(notes, channel))]))

    def content(self) -> bytes:
        """The bytes of the file."""
        count = len(self._tracks) - len(self._gone) + sum(map(len, [*self._before.values(), *self._after.values()]))
        parts = [self._source[:8], self._format(count), self._source[12 : self._places[0][0]]]
        done = self._places[0][0]
        for track, (begin, end) in enumerate(self._places):
            own = track_bytes(self._tracks[track]) if track in self._changed else self._source[begin:end]
            own = b"" if track in self._gone else own
            parts += [self._source[done:begin], *self._before.get(track, ()), own, *self._after.get(track, ())]
            done = end
        return b"".join([*parts, self._source[done:]])

    def _format(self, count: int) -> bytes:
        """Format and number of tracks; a file of one track that gets others is of format 1."""
        kind = self._source[8:10] if count == len(self._tracks) else b"\0\1"
        return kind + (count.to_bytes(2, "big") if count != len(self._tracks) else self._source[10:12])

    def _ticks(self, time: int) -> int:
        return (2 * time * TICKS_PER_QUARTER + self._division) // (2 * self._division)

    def _time(self, ticks: int) -> int:
        return round(ticks * self._division / TICKS_PER_QUARTER)

    def _loudness(self, places: Iterable[tuple[int, int]]) -> int:
        strokes = [stroke for track, channel in places for stroke in strokes_of(self._tracks[track], channel)]
        return round(median([stroke.begin.data[1] for stroke in strokes])) if strokes else _USUAL_VELOCITY

    def _events(self, notes: Iterable[tuple[int, int, int, int]], channel: int) -> Iterator[Event]:
        for onset, pitch, duration, velocity in notes:
            yield _channel_event(self._time(onset), 0x90 | channel, pitch, velocity)
            yield _channel_event(self._time(onset + duration), 0x80 | channel, pitch, 0)

    def _last_to(self, track: int, time: int) -> None:
        for event in self._tracks[track]:
            if event.is_end_of_track:
                event.time = max(event.time, time)


def _channel_event(time: int, status: int, *data: int) -> Event:
    return Event(time, bytes([status, *data]), status, bytes(data))


def _head(voice: str, instrument: Instrument, usual: Instrument, channel: int) -> Iterator[Event]:
    """What stands before the notes of a new track."""
    for kind, text in (
        (TRACK_NAME, voice),
        (INSTRUMENT_NAME, instrument.name if instrument.name != usual.name else ""),
    ):
        if text:
            message = meta_event(kind, text.encode())
            yield Event(0, message, 0xFF, message[1:])
    if instrument.program is not None:
        yield _channel_event(0, PROGRAM_CHANGE | channel, instrument.program)


def _merged(events: Sequence[Event], notes: Iterable[Event]) -> list[Event]:
    """Events with new notes among them: ends before what else is at their time, begins after it."""
    ranked = [(event.time, 1, event) for event in events if not event.is_end_of_track]
    ranked += [(event.time, 0 if event.is_note_off else 2, event) for event in notes]
    merged = [event for *_, event in sorted(ranked, key=lambda entry: entry[:2])]
    ends = [event for event in events if event.is_end_of_track]
    for end in ends:
        end.time = max(end.time, merged[-1].time if merged else 0)
    return [*merged, *ends]


def _notes(piece: Piece, voice: int) -> list[_Note]:
    """A voice's notes, bar after bar as they stand: those of MIDI files are repeated nowhere."""
    found, start = [], 0
    for bar in piece.bars:
        found += [(start + note.onset, note.pitch, note.duration) for note in bar.notes[voice]]
        start += bar.length
    return found


def _music(piece: Piece) -> list[list[_Note]]:
    return [sorted(_notes(piece, voice)) for voice in range(len(piece.voices))]


def _is_same(found: Piece, wanted: Piece) -> bool:
    """Whether two pieces hold the same notes, in bars of the same lengths as far as both have some."""
    lengths = zip(found.bars, wanted.bars, strict=False)
    return _music(found) == _music(wanted) and all(one.length == other.length for one, other in lengths)
