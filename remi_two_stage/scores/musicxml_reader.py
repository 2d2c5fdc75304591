"""MusicXML -> `Piece`, without a detour: the tree of a score, its parts, and what they say together.

Conventions
- A staff is a voice of the piece; layers of a staff sound together in it. In scores of our own a part may name several
  voices that share its staves, and so may a choir's four stand on two. Parts of percussion are counted and left out.
- Ties join notes over bars, layers and staves of a part, by the time at which one ends and the other begins.
- Chord symbols of all parts count, each place once; their labels count from the tonic of the first bar.
- The file's bytes are kept with the places of its measures, so that an edit can be written into them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from ..analysis.key_estimation import with_modes
from ..analysis.phrases import mark_phrases
from ..core.abc_spelling import is_in_signature
from ..core.errors import ScoreFormatError
from ..core.instruments import with_unusual_clefs
from ..core.notation import SLUR, ClefSign, Instrument, Notation, Source, Span, Spelling, TempoMark
from ..core.piece import Bar, Chord, Note, Piece
from ..core.signatures import TICKS_PER_QUARTER
from ..core.voices import clef_of
from .collector import collector_paused
from .musicxml_names import SOFTWARE
from .musicxml_reader_bars import bars_of
from .musicxml_reader_choir import choir_on_two_staves, share_out_chords
from .musicxml_reader_document import Document, parse_document
from .musicxml_reader_harmony import chord_of
from .musicxml_reader_heading import PartInfo, heading_of, parts_of, shared_staves
from .musicxml_reader_lyrics import lyrics_of
from .musicxml_reader_measure import Measure
from .musicxml_reader_part import PartReader
from .musicxml_reader_voices import PartVoices
from .voices import usual_instruments, voice_names

_LONGEST_GAP = 2 * TICKS_PER_QUARTER
_SLACK = 2
_OCTAVE = 12
"""Ticks by which the ends of a tie may miss each other."""


@dataclass(frozen=True)
class _Staff:
    """One staff of a part, or a voice on it: a voice of the piece.

    Attributes:
        number: Of the staff, or of the voice in a part that names several.
    """

    part: int
    number: int
    is_first: bool


@collector_paused()
def read_musicxml(data: bytes) -> Piece:
    """The piece in the bytes of a MusicXML file: `score-partwise` or `score-timewise`, compressed or not, in any
    encoding that it declares.

    Raises:
        ScoreFormatError: no MusicXML, or a score that defines entities, is too large or too deep, has a measure of a
            thousand quarter notes, no measures, or nothing but percussion.
    """
    document = parse_document(data)
    software = [element.text or "" for element in document.root.iterfind("identification/encoding/software")]
    is_own = SOFTWARE in software
    losses: Counter[str] = Counter()
    infos, voices_of_parts, readers, parts = _read_parts(document, is_own, losses)
    if not any(parts):
        raise ScoreFormatError("the score has no measures; add notes to it first")
    staves = _staves(readers)
    if not staves and not losses["a percussion note"]:  # chord symbols alone
        staves = [_Staff(0, 1, is_first=True)]
    if not staves:
        raise ScoreFormatError("the score has no pitched notes, only percussion; choose one with a melody")
    count = max(map(len, parts))
    columns = [[of_part[index] if index < len(of_part) else None for of_part in parts] for index in range(count)]
    bars, key_is_written = bars_of(columns, is_own, losses)
    _repeat_measures(parts)
    _move_over_barlines(parts, bars)
    sung = [_sung_notes(measures, bars, losses) for measures in parts]
    by_staff = [_by_bar(sung[staff.part], staff.number, count) for staff in staves]
    bars = [replace(bar, notes=notes) for bar, notes in zip(bars, zip(*by_staff, strict=True), strict=True)]
    bars = with_modes(bars, key_is_written)
    bars = _with_chords(bars, columns, losses)
    bars, tempo = _with_directions(bars, columns, losses)
    title, style, metadata = heading_of(document.root, is_own)
    players = [_player(infos[staff.part], staff) for staff in staves]
    names = [
        _own_name(infos[staff.part], staff, document) if is_own else player.name
        for staff, player in zip(staves, players, strict=True)
    ]
    voices = voice_names(names, [[note.pitch for bar in of_staff for note in bar] for of_staff in by_staff])
    bars = _with_notation(bars, parts, readers, dict(zip(staves, voices, strict=True)), sung)
    shared = shared_staves(document.root) if is_own else ()
    players = _placed(players, staves, voices, shared, readers)
    piece = Piece(
        voices=voices,
        bars=tuple(mark_phrases(bars, *_phrase_begins(columns))),
        title=title,
        style=style,
        tempo=tempo,
        metadata=metadata,
        losses=tuple(sorted((+losses).items())),
        instruments=_named_instruments(players, voices, is_own),
        source=_source(document, staves, voices_of_parts),
    )
    return with_unusual_clefs(piece)


def _read_parts(
    document: Document, is_own: bool, losses: Counter[str]
) -> tuple[list[PartInfo], list[PartVoices], list[PartReader], list[list[Measure]]]:
    """What is said of each part, its voices where its staves hold several, its reader, and its measures."""
    infos = parts_of(document, is_own)
    voices = [PartVoices(info.staves) for info in infos]
    readers, parts = _parts(document, infos, voices, is_own, losses)
    with_words = {(part, place.staff) for part, reader in enumerate(readers) for place in reader.lyrics}
    choir = None if is_own else choir_on_two_staves(parts, with_words)
    if choir is None:
        return infos, voices, readers, parts
    infos = [info.on_staves(own.staves) if own.staves else info for info, own in zip(infos, choir, strict=True)]
    losses.clear()
    return infos, choir, *_parts(document, infos, choir, is_own, losses)


def _parts(
    document: Document, infos: Sequence[PartInfo], voices: Sequence[PartVoices], is_own: bool, losses: Counter[str]
) -> tuple[list[PartReader], list[list[Measure]]]:
    """The readers of all parts, and what they have read; counts in `losses` what is lost."""
    readers = [
        PartReader(losses, info.is_percussion, is_own, of_part) for info, of_part in zip(infos, voices, strict=True)
    ]
    divisions = document.root.findtext(".//divisions")
    parts = [reader.read(part, divisions) for reader, part in zip(readers, document.parts, strict=True)]
    for measures, of_part in zip(parts, voices, strict=True):
        share_out_chords(measures, of_part)
    for reader, measures in zip(readers, parts, strict=True):
        for staff in reader.tablature:
            if any(_has_all_notes(measures, other, staff) for other in reader.staves if other != staff):
                reader.leave_out(staff, measures)
                losses["a staff of tablature"] += 1
    return readers, parts


def _has_all_notes(measures: Sequence[Measure], staff: int, other: int) -> bool:
    """Whether a staff has the same notes as another one in each measure in which that has notes."""
    struck = [
        [{(sound.onset, sound.pitch) for sound in measure.sounds if sound.staff == number} for number in (staff, other)]
        for measure in measures
    ]
    return all(own == notes for own, notes in struck if notes)


def _player(info: PartInfo, staff: _Staff) -> Instrument:
    return info.instruments[staff.number - 1 if info.staves else 0]


def _placed(
    players: Sequence[Instrument],
    staves: Sequence[_Staff],
    voices: Sequence[str],
    shared: Collection[str],
    readers: Sequence[PartReader],
) -> list[Instrument]:
    """The players, with how each one's staff transposes and what it shares with the voice before it."""
    return [
        replace(
            player,
            transposition=_transposition(readers[staff.part].transposition(staff.number), voice),
            shares_staff=player.shares_staff or voice in shared,
            shares_part=not (staff.is_first or player.shares_staff or voice in shared),
        )
        for player, staff, voice in zip(players, staves, voices, strict=True)
    ]


def _own_name(info: PartInfo, staff: _Staff, document: Document) -> str:
    """What a voice of a score of our own is called."""
    return info.voices[staff.number - 1] if info.voices else document.part_ids[staff.part]


def _transposition(semitones: int, voice: str) -> int:
    """How far a voice transposes: not by the octave that the clef of a tenor says."""
    return 0 if semitones == -_OCTAVE and clef_of(voice, ()) == "treble-8" else semitones


def _source(document: Document, staves: Sequence[_Staff], voices: Sequence[PartVoices]) -> Source:
    parts, numbers = tuple(staff.part for staff in staves), tuple(staff.number for staff in staves)
    return Source(document.content, document.places, parts, numbers, tuple([of_part.layers for of_part in voices]))


def _named_instruments(players: Sequence[Instrument], voices: Sequence[str], is_own: bool) -> tuple[Instrument, ...]:
    """The instruments of a score; none where they say no more than how voices are usually called."""
    usual = [Instrument()] * len(players) if is_own else usual_instruments(voices)
    says_more = any(player not in (other, Instrument()) for player, other in zip(players, usual, strict=True))
    return tuple(players) if says_more else ()


def _staves(readers: Sequence[PartReader]) -> list[_Staff]:
    """The staves that have notes or rests, unless they are percussion's."""
    found = []
    for part, reader in enumerate(readers):
        found += [_Staff(part, number, number == reader.staves[0]) for number in reader.staves]
    return found


def _repeat_measures(parts: Sequence[Sequence[Measure]]) -> None:
    """Fill the measures of a repeat sign with what is repeated, on the staves that have nothing of their own."""
    for measures in parts:
        for index, measure in enumerate(measures):
            if 0 < measure.repeats <= index:
                own = {sound.staff for sound in measure.sounds}
                wanted = measure.repeated_staff
                measure.sounds += [
                    sound
                    for sound in measures[index - measure.repeats].sounds
                    if sound.staff not in own and wanted in (None, sound.staff)
                ]


# --- notes


@dataclass(eq=False)
class _Sung:
    """A note while ties may still prolong it: staff, bar, onset and end in ticks from its bar's start, and spelling."""

    staff: int
    bar: int
    onset: int
    end: int
    pitch: int
    fifths: int


def _sung_notes(measures: Sequence[Measure], bars: Sequence[Bar], losses: Counter[str]) -> list[_Sung]:
    """The notes of a part, tied ones merged."""
    starts = list(accumulate((bar.length for bar in bars), initial=0))
    sung: list[_Sung] = []
    held: defaultdict[int, list[tuple[tuple[int, str], int, _Sung]]] = defaultdict(list)
    ends = {
        (sound.pitch, starts[index] + sound.onset)
        for index, measure in enumerate(measures)
        for sound in measure.sounds
        if sound.is_tied
    }
    for index, measure in enumerate(measures):
        for sound in sorted(measure.sounds, key=lambda sound: (sound.onset, sound.end, sound.pitch)):
            layer, time = (sound.staff, sound.voice), starts[index] + sound.onset
            note = None
            if sound.is_tied:
                note = _continued(held[sound.pitch], layer, time)
            elif (sound.pitch, time) not in ends and not (sound.onset == 0 and _is_entered_anew(bars, index)):
                note = _continued_unsaid(held[sound.pitch], layer, time)
            if note is None:
                onset = min(sound.onset, bars[index].length - 1)
                note = _Sung(sound.staff, index, onset, max(sound.end, onset + 1), sound.pitch, sound.fifths)
                sung.append(note)
            else:
                note.end = max(note.end, starts[index] + sound.end - starts[note.bar])
            if sound.ties:
                held[sound.pitch].append((layer, starts[index] + sound.end, note))
    losses["a tie to no note"] += sum(map(len, held.values()))
    return sung


def _continued(waiting: list[tuple[tuple[int, str], int, _Sung]], layer: tuple[int, str], time: int) -> _Sung | None:
    """Take the note that is tied over to a time, from the same layer if there is a choice; else one of its staff that
    ends a little earlier, since some programs write such notes of chords too short, and tie one of two layers that
    share a head.
    """
    near = [entry for entry in waiting if abs(entry[1] - time) <= _SLACK]
    for is_near in (layer.__eq__, lambda other: other[0] == layer[0]):
        near = near or [entry for entry in waiting if is_near(entry[0]) and 0 < time - entry[1] <= _LONGEST_GAP]
    if not near:
        return None
    found = min(near, key=lambda entry: (abs(entry[1] - time), entry[0] != layer, entry[0][0] != layer[0]))
    waiting.remove(found)
    return found[2]


def _continued_unsaid(
    waiting: list[tuple[tuple[int, str], int, _Sung]], layer: tuple[int, str], time: int
) -> _Sung | None:
    """Take the note that is tied over to one right after it in its layer that does not say so, as in old files."""
    found = next((entry for entry in waiting if entry[:2] == (layer, time)), None)
    if found is not None:
        waiting.remove(found)
    return None if found is None else found[2]


def _is_entered_anew(bars: Sequence[Bar], index: int) -> bool:
    """Whether a repeat or an ending stands before a bar, so that it is not only entered from the bar before."""
    return bool(bars[index].repeat_start or bars[index].endings or bars[index - 1].repeat_end)


def _by_bar(sung: Sequence[_Sung], staff: int, count: int) -> list[tuple[Note, ...]]:
    notes: list[list[Note]] = [[] for _ in range(count)]
    for note in sung:
        if note.staff == staff:
            notes[note.bar].append(Note(note.onset, note.pitch, note.end - note.onset))
    return [tuple(sorted(of_bar)) for of_bar in notes]


# --- chords, tempos, notation


def _with_chords(bars: Sequence[Bar], columns: Sequence[Sequence[Measure | None]], losses: Counter[str]) -> list[Bar]:
    key, found = bars[0].key, []
    for bar, column in zip(bars, columns, strict=True):
        chords: dict[int, Chord] = {}
        for onset, element, transposition in (
            harmony for measure in column if measure for harmony in measure.harmonies
        ):
            chord = chord_of(element, transposition, min(onset, bar.length - 1), key)
            losses["a chord symbol that names no chord"] += chord is None
            if chord is not None:
                first = chords.setdefault(chord.onset, chord)
                is_further = (first.label, first.bass) != (chord.label, chord.bass)
                losses["a second chord symbol at one place"] += is_further or len(element.findall("kind")) > 1
        found.append(replace(bar, chords=tuple(sorted(chords.values()))) if chords else bar)
    return found


def _move_over_barlines(parts: Sequence[Sequence[Measure]], bars: Sequence[Bar]) -> None:
    """What directions after the last note of a measure say begins with the next one; after the last, with its last
    note. Labels and jumps stay.
    """
    for measures in parts:
        for index, (measure, bar) in enumerate(zip(measures, bars, strict=False)):
            late = [direction for direction in measure.directions if direction.onset >= bar.length]
            if index + 1 < len(measures):
                measures[index + 1].directions[:0] = [direction.said_at(0) for direction in late]
            else:
                last = max((sound.onset for sound in measure.sounds), default=0)
                measure.directions += [direction.said_at(last) for direction in late]
            for direction in late:
                direction.records, direction.tempo = [], None


def _with_directions(
    bars: Sequence[Bar], columns: Sequence[Sequence[Measure | None]], losses: Counter[str]
) -> tuple[list[Bar], float | None]:
    """The bars with tempos and labels of parts, and the tempo at the start."""
    found, tempo, last = [], None, None
    for index, (bar, column) in enumerate(zip(bars, columns, strict=True)):
        marks: dict[int, TempoMark] = {}
        label = ""
        for direction in (direction for measure in column if measure for direction in measure.directions):
            label = label or direction.label
            if direction.tempo is not None:
                onset = direction.onset
                marks[onset] = _said(marks.get(onset), direction.tempo)
        timed = [onset for onset in sorted(marks) if marks[onset].tempo]
        is_first = last is None and timed and (index == 0 or all(before.is_pickup for before in bars[:index]))
        if is_first:
            tempo = marks[timed[0]].tempo
        for onset in timed:
            losses["a tempo change"] += last is not None and marks[onset].tempo != last
            losses["a tempo change"] += last is None and not is_first
            last = marks[onset].tempo
        if is_first and index == 0 and marks[timed[0]].says_no_more(bar.beat_length):
            del marks[timed[0]]
        is_changed = marks or label
        found.append(replace(bar, tempos=tuple(marks[at] for at in sorted(marks)), part=label) if is_changed else bar)
    return found, tempo


def _said(before: TempoMark | None, mark: TempoMark) -> TempoMark:
    """What two marks at one place say together: words of the one, the note value of the other."""
    if before is None:
        return mark
    return TempoMark(
        mark.onset,
        before.tempo or mark.tempo,
        before.words or mark.words,
        before.beat or mark.beat,
        before.is_silent and mark.is_silent,
    )


def _with_notation(
    bars: Sequence[Bar],
    parts: Sequence[Sequence[Measure]],
    readers: Sequence[PartReader],
    voices: Mapping[_Staff, str],
    sung: Sequence[Sequence[_Sung]],
) -> list[Bar]:
    """The bars with what is written beside the notes of each voice, by its staff."""
    staves = [*voices]
    columns = []
    for staff in staves:
        own = [note for note in sung[staff.part] if note.staff == staff.number]
        notes = {(note.bar, note.onset): note.end for note in own}
        records = _records(parts[staff.part], readers[staff.part], staff, staves, bars)
        for index, span in _spans(readers[staff.part], staff, voices, bars):
            records[index].append(_to_struck(span, index, notes))
        places = [place for place in readers[staff.part].lyrics if place.staff == staff.number]
        for index, lyrics in lyrics_of(places, notes, bars, readers[staff.part].losses).items():
            records[index] += lyrics
        spelled: dict[tuple[int, int, int], int] = {}
        for note in own:
            first = spelled.setdefault((note.bar, note.onset, note.pitch), note.fifths)
            readers[staff.part].losses["a second spelling of a note"] += note.fifths != first
            if note.fifths == first and not is_in_signature(note.fifths, bars[note.bar].key):
                records[note.bar].append(Spelling(note.onset, note.pitch, note.fifths))
        columns.append([_in_order(of_bar, bar) for of_bar, bar in zip(records, bars, strict=True)])
    return [
        replace(bar, notation=notation) if any(notation) else bar
        for bar, notation in zip(bars, zip(*columns, strict=True), strict=True)
    ]


def _records(
    measures: Sequence[Measure], reader: PartReader, staff: _Staff, staves: Sequence[_Staff], bars: Sequence[Bar]
) -> list[list[Notation]]:
    """Marks, graces and words of a staff, bar by bar: what stands between the notes before what stands at them."""
    records: list[list[Notation]] = [[] for _ in bars]
    for index, measure in enumerate(measures):
        for direction in measure.directions:
            is_shown = any(_is_shown(number, staff, staves) for number in direction.staves)
            records[index] += direction.records if is_shown else ()
        records[index] += [record for number, record in measure.records if _is_shown(number, staff, staves)]
        for number, clef in measure.clefs:
            is_own = staff.number in reader.lines_of(number)
            if is_own and clef.onset < bars[index].length:
                records[index].append(clef)
            elif is_own and index + 1 < len(bars):
                records[index + 1].append(replace(clef, onset=0))
    return records


def _spans(
    reader: PartReader, staff: _Staff, voices: Mapping[_Staff, str], bars: Sequence[Bar]
) -> Iterator[tuple[int, Span]]:
    """Slurs and lines of a staff, with the index of the bar in which they begin."""
    names = {other.number: name for other, name in voices.items() if other.part == staff.part}
    for index, number, span, last in reader.spans.found:
        if _is_shown(number, staff, [*voices]) and index + span.bars < len(bars):
            if last != number and last != staff.number:
                span = replace(span, voice=names.get(last, ""))
            if span.bars and span.onset >= bars[index].length:
                index, span = index + 1, replace(span, onset=0, bars=span.bars - 1)
            yield index, replace(span, end=min(span.end, bars[index + span.bars].length - 1))


def _is_shown(number: int, staff: _Staff, staves: Sequence[_Staff]) -> bool:
    """Whether what stands at a staff of the part is a voice's; the first has what stands at staves without notes."""
    if number == staff.number or not staff.is_first:
        return number == staff.number
    return all((other.part, other.number) != (staff.part, number) for other in staves)


def _to_struck(span: Span, index: int, notes: Collection[tuple[int, int]]) -> Span:
    """A line up to a note that is struck, and not to one that turned out to be tied."""
    if span.name == SLUR or (index + span.bars, span.end) in notes:
        return span
    begin = span.onset if span.bars == 0 else 0
    struck = [onset for bar, onset in notes if bar == index + span.bars and begin <= onset < span.end]
    return replace(span, end=max(struck, default=begin))


def _in_order(records: Sequence[Notation], bar: Bar) -> tuple[Notation, ...]:
    """Records within their bar, by onset; all but slurs once, for notes of a chord may say the same, and of clefs that
    stand at one place the last.
    """
    inside = [record if record.onset < bar.length else replace(record, onset=bar.length - 1) for record in records]
    spans = [record for record in inside if isinstance(record, Span)]
    last_clefs = {record.onset: record for record in inside if isinstance(record, ClefSign)}
    others = [
        record
        for record in dict.fromkeys(inside)
        if not isinstance(record, Span) and (not isinstance(record, ClefSign) or last_clefs[record.onset] == record)
    ]
    return tuple(sorted([*others, *spans], key=lambda record: record.onset))


def _phrase_begins(columns: Sequence[Sequence[Measure | None]]) -> tuple[set[int], bool]:
    """Bars that follow a fermata, or without any those that follow a double bar; and whether they follow fermatas."""
    after_fermata, after_double = set(), set()
    for index, column in enumerate(columns):
        measures = [measure for measure in column if measure is not None]
        if any(measure.has_fermata for measure in measures):
            after_fermata.add(index + 1)
        barlines = [barline for barline in measures[0].barlines if barline.get("location", "right") == "right"]
        if any(barline.findtext("bar-style") in ("light-light", "light-heavy") for barline in barlines):
            after_double.add(index + 1)
    return (after_fermata, True) if after_fermata else (after_double, False)
