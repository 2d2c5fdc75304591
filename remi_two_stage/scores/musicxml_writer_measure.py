"""One voice of a `Piece` as the notes of MusicXML's measures.

Conventions
- Times are ticks from the start of the piece, those of records and note values from the start of the bar.
- The first layer of a bar has all its rests; in further ones silence is skipped with `<forward>`.
- Accidentals hold for their octave to the end of the bar, for all layers.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ..core.abc_spelling import BarNames, Sounding, fifths_in, is_name_of, spelled_as
from ..core.instruments import has_words
from ..core.layers import Layers
from ..core.notation import LINES, PEDALS, SLUR, ClefSign, Grace, GraceNote, Lyric, Mark, Span, TempoMark, Text
from ..core.piece import Bar, Chord, Piece
from ..core.signatures import Key, name_at
from . import musicxml_writer_signs as signs
from .musicxml_names import SPAN_ELEMENTS
from .musicxml_writer_rhythm import Value, beams_of_graces, type_of, values_of

_ACCIDENTALS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
_LOWEST_OCTAVE = 1
"""As `spelled_as` counts, MusicXML's octave 0; lower notes are altered C's of it."""
_MOST_NUMBERS = 16
"""Of slurs or hairpins that are open at once, as `number`s go."""


_Sign = ClefSign | TempoMark | Text | Mark | Chord | tuple[str, int, bool]
"""What stands between notes; the begin or end of a line is (name, number, whether it is the end)."""
_PlacedSign = tuple[int, int, _Sign]
"""(onset, rank among those at one onset, sign)."""
_SpanEnd = tuple[int, str, int]
"""(onset of the last note, name, number)."""


@dataclass(eq=False, slots=True)
class _Sung(Sounding):
    """A note on the time line: its `<pitch>`, and the `<accidental>` that it needs."""

    accidental: str = ""

    @property
    def pitch_xml(self) -> str:
        alter = f"<alter>{self.alteration}</alter>" if self.alteration else ""
        return f"<pitch><step>{self.letter}</step>{alter}<octave>{self.octave - 1}</octave></pitch>"


@dataclass(slots=True)
class _AtNote:
    """What stands at one note or rest; `further` holds second groups of grace notes, which are for other layers."""

    marks: list[Mark] = field(default_factory=list)
    lyrics: str = ""
    graces: list[list[_Sung]] = field(default_factory=list)
    grace_types: list[str] = field(default_factory=list)
    grace_slur: int = 0
    is_slashed: bool = False
    slurs: list[str] = field(default_factory=list)
    further: list[_AtNote] = field(default_factory=list)


class VoiceWriter:
    """Writes the bars of one voice, which must be asked for in order."""

    def __init__(self, piece: Piece, voice: int, names: Sequence[BarNames]) -> None:
        self._piece = piece
        self._voice = voice
        self._names = names
        self._start = 0
        self._total = sum(bar.length for bar in piece.bars)
        self._is_sung = has_words(piece, voice)
        self._layers = Layers(self._total)
        self._held: list[tuple[int, _Sung]] = []
        self._open_words: set[int] = set()
        self._ends: defaultdict[int, list[_SpanEnd]] = defaultdict(list)  # by the index of the bar
        self._numbers: defaultdict[str, set[int]] = defaultdict(set)  # by the element of spans

    def notes(self, index: int) -> str:
        """The content of the measure of bar `index`: notes, rests, and signs that stand between them."""
        bar = self._piece.bars[index]
        records = bar.notation[self._voice] if bar.notation else ()
        begun = self._open_spans(index, records)
        layers: defaultdict[int, list[_Sung]] = defaultdict(list, {0: []})
        for layer, note in [*self._held, *self._new_notes(bar, self._names[index], records)]:
            layers[layer].append(note)
        at_notes = self._at_notes(index, bar, records, begun)
        self._show_accidentals(bar.key, layers, at_notes)
        placed = _placed(at_notes, layers, self._start)
        between = self._between(index, bar, records, begun)
        parts = []
        for number, layer in enumerate(sorted(placed)):
            parts.append(f"<backup><duration>{bar.length}</duration></backup>\n" if number else "")
            parts += self._layer(bar, layers[layer], layer, placed[layer], [] if number else between)
        self._start += bar.length
        for _, name, used in self._ends.pop(index, ()):
            self._numbers[SPAN_ELEMENTS[name][0]].discard(used)
        self._held = [(layer, note) for layer, notes in layers.items() for note in notes if note.end > self._start]
        return "".join(parts)

    def _new_notes(self, bar: Bar, names: BarNames, records: Iterable[object]) -> Iterator[tuple[int, _Sung]]:
        """The notes that begin in a bar, with their layers."""
        graces = Counter(record.onset for record in records if isinstance(record, Grace))
        for layer, start, end, pitch in self._layers.of_bar(self._start, bar.notes[self._voice], graces):
            yield layer, _sung(start, end, pitch, bar.key, names.get((start - self._start, pitch)))

    def _open_spans(self, index: int, records: Iterable[object]) -> list[tuple[Span, int]]:
        """The slurs and lines that begin in bar `index`, with their numbers, but for those that lead nowhere."""
        spans = [record for record in records if isinstance(record, Span)]
        numbered = [(span, self._opened(index, span)) for span in spans]
        return [(span, number) for span, number in numbered if number]

    def _at_notes(
        self, index: int, bar: Bar, records: Iterable[object], begun: Iterable[tuple[Span, int]]
    ) -> dict[int, _AtNote]:
        """What stands at notes, by onset; slurs that end come before those that begin, and words go on from layer to
        layer.
        """
        found: defaultdict[int, _AtNote] = defaultdict(_AtNote)
        syllables: defaultdict[int, list[Lyric]] = defaultdict(list)
        for end, name, number in self._ends[index]:
            if name == SLUR:
                found[end].slurs.append(f'<slur type="stop" number="{number}"/>')
        for record in records:
            if isinstance(record, Mark) and not signs.is_between(record):
                found[record.onset].marks.append(record)
            elif isinstance(record, Lyric):
                syllables[record.onset].append(record)
            elif isinstance(record, Grace):
                self._add_graces(found[record.onset], record, bar.key)
        for span, number in begun:
            if span.name == SLUR:
                found[span.onset].slurs.append(f'<slur type="start" number="{number}"/>')
        for onset in sorted(syllables):
            found[onset].lyrics = "".join(signs.lyrics(syllables[onset], self._open_words))
        return {onset: at for onset, at in found.items() if onset < bar.length}

    def _add_graces(self, at: _AtNote, record: Grace, key: Key) -> None:
        if at.graces:
            at.further.append(_AtNote())
            at = at.further[-1]
        time = self._start + record.onset
        at.graces = [[_grace_note(time, note, key) for note in chord] for chord in record.notes]
        at.grace_types = [type_of(chord[0].duration) for chord in record.notes]
        at.is_slashed = record.is_slashed
        if record.is_slurred:
            at.grace_slur = self._free_number(SLUR)
            at.slurs.append(f'<slur type="stop" number="{at.grace_slur}"/>')

    def _free_number(self, name: str) -> int:
        """A number that no open span of the same element has; 0 if all are in use."""
        used = self._numbers[SPAN_ELEMENTS[name][0]]
        return next((number for number in range(1, _MOST_NUMBERS + 1) if number not in used), 0)

    def _opened(self, index: int, span: Span) -> int:
        """The number of a span that begins in bar `index`; 0 for one that leads nowhere."""
        number = self._free_number(span.name)
        last = index + span.bars
        if last >= len(self._piece.bars) or span.end >= self._piece.bars[last].length or not number:
            return 0
        if (span.bars, span.end) < (0, span.onset):
            return 0
        self._numbers[SPAN_ELEMENTS[span.name][0]].add(number)
        self._ends[last].append((span.end, span.name, number))
        return number

    def _between(
        self, index: int, bar: Bar, records: Iterable[object], begun: Iterable[tuple[Span, int]]
    ) -> list[_PlacedSign]:
        """What stands between notes, in order; a line ends after its last note, before what begins there, and so does
        a pedal that is pressed and released at one note.
        """
        found: list[_PlacedSign] = []
        pressed = -1
        for record in records:
            if isinstance(record, ClefSign) and (index or record.onset):
                found.append((record.onset, 0, record))
            elif isinstance(record, Text) or (isinstance(record, Mark) and signs.is_between(record)):
                is_held = isinstance(record, Mark) and record.name == PEDALS[1] and record.onset == pressed
                found.append((self._after(record.onset, bar), 0, record) if is_held else (record.onset, 3, record))
                pressed = record.onset if isinstance(record, Mark) and record.name == PEDALS[0] else pressed
        for end, name, number in self._ends[index]:
            if name in LINES:
                found.append((self._after(end, bar), 0, (name, number, True)))
        found += [(span.onset, 4, (span.name, number, False)) for span, number in begun if span.name in LINES]
        if self._voice == 0:
            found += [(chord.onset, 2, chord) for chord in bar.chords]
            found += [(mark.onset, 1, mark) for mark in self._tempos(index, bar)]
        return sorted([sign for sign in found if sign[0] <= bar.length], key=lambda sign: sign[:2])

    def _after(self, onset: int, bar: Bar) -> int:
        """Where the note after the one at an onset begins, or the bar ends."""
        onsets = (note.onset for note in bar.notes[self._voice] if note.onset > onset)
        return min(onsets, default=bar.length)

    def _tempos(self, index: int, bar: Bar) -> Sequence[TempoMark]:
        """The tempos of a bar; in the first one the piece's own, unless a mark says it."""
        tempo = self._piece.tempo
        if index or tempo is None or any(mark.onset == 0 and mark.tempo is not None for mark in bar.tempos):
            return bar.tempos
        return TempoMark(0, tempo), *bar.tempos

    def _sign(self, sign: _Sign, bar: Bar, offset: int) -> str:
        """A sign that stands between notes, `offset` ticks after the next one begins."""
        if isinstance(sign, TempoMark):
            return signs.tempo(sign, bar.beat_length, offset)
        if isinstance(sign, ClefSign):
            return f"<attributes>{signs.clef(sign.clef)}</attributes>\n"
        if isinstance(sign, Text):
            return signs.annotation(sign, offset)
        if isinstance(sign, Mark):
            if sign.name in PEDALS:
                return signs.pedal(sign.name, offset)
            return signs.dynamic(sign.name, offset, self._is_sung)
        if isinstance(sign, tuple):
            return signs.line(*sign, offset, self._is_sung)
        return signs.harmony(sign, self._piece.key, bar.key, offset)

    def _show_accidentals(self, key: Key, layers: dict[int, list[_Sung]], at_notes: dict[int, _AtNote]) -> None:
        """Find which notes of a bar need an accidental, in the order in which they are read."""
        struck = [note for notes in layers.values() for note in notes if note.start >= self._start]
        groups = [group for at in at_notes.values() for group in (at, *at.further)]
        graces = [note for group in groups for chord in group.graces for note in chord]
        if all(note.alteration == _altered(key).get(note.letter, 0) for note in (*struck, *graces)):
            return
        shown: dict[tuple[str, int], int] = {}
        for note in sorted([*graces, *struck], key=lambda note: note.start):
            place = note.letter, note.octave
            if shown.get(place, _altered(key).get(note.letter, 0)) != note.alteration:
                shown[place] = note.alteration
                name = _ACCIDENTALS.get(note.alteration)
                note.accidental = f"<accidental>{name}</accidental>" if name else ""

    def _layer(
        self, bar: Bar, notes: Sequence[_Sung], layer: int, at_notes: dict[int, _AtNote],
        between: list[_PlacedSign],
    ) -> Iterator[str]:  # fmt: skip
        start = self._start
        is_silent = (
            not notes and at_notes.keys() <= {0} and not any(at.graces or at.further for at in at_notes.values())
        )
        if is_silent and bar.is_full:  # verovio has it fill the metre
            yield from (self._sign(sign, bar, onset) for onset, _, sign in between)
            yield self._rest_of_bar(bar, layer, at_notes.get(0))
            return
        ends = (note.end - start for note in notes if note.end < start + bar.length)
        of_notes = {0, bar.length, *(max(0, note.start - start) for note in notes), *ends}
        at_notes = _uncut(at_notes, of_notes)
        cuts = tuple(sorted(of_notes | at_notes.keys()))
        heard = tuple(
            any(note.start - start < right and note.end - start > left for note in notes)
            for left, right in pairwise(cuts)
        )
        values = values_of(cuts, heard, bar)
        starts = [value.start for value in values]
        sounding: list[list[_Sung]] = [[] for _ in values]
        for note in notes:
            for index in range(bisect_left(starts, max(0, note.start - start)), bisect_left(starts, note.end - start)):
                sounding[index].append(note)
        place = 0
        for value, together in zip(values, sounding, strict=True):
            until = bisect_right(between, value.end - 1, key=lambda sign: sign[0])
            yield from (self._sign(sign, bar, onset - value.start) for onset, _, sign in between[place:until])
            place = until
            yield from self._value(value, together, layer, at_notes.get(value.start))
        yield from (self._sign(sign, bar, 0) for _, _, sign in between[place:])

    def _rest_of_bar(self, bar: Bar, layer: int, at: _AtNote | None) -> str:
        """The rest of a silent bar, with what stands at it."""
        said = "" if at is None else _notations("".join(at.slurs) + signs.at_note(at.marks)) + at.lyrics
        duration = f"<duration>{bar.length}</duration>"
        return f'<note><rest measure="yes"/>{duration}<voice>{layer + 1}</voice>{said}</note>\n'

    def _value(self, value: Value, notes: Sequence[_Sung], layer: int, at: _AtNote | None) -> Iterator[str]:
        """The notes, or the rest, of one note value."""
        voice = f"<voice>{layer + 1}</voice>"
        duration = f"<duration>{value.end - value.start}</duration>"
        if at is not None:
            yield from _grace_notes(at, voice)
        rhythm = value.type, value.ratio + value.beams
        notations, lyrics = self._at_first(value, at)
        if not notes:
            if layer and not value.ratio and at is None:
                yield f"<forward>{duration}{voice}</forward>\n"
                return
            is_shown = not layer or value.ratio or (at and (at.marks or at.lyrics))  # of a triplet, every part
            hidden = "" if is_shown else ' print-object="no"'
            yield f"<note{hidden}><rest/>{duration}{voice}{''.join(rhythm)}{_notations(notations)}{lyrics}</note>\n"
            return
        for index, note in enumerate(sorted(notes, key=lambda note: note.pitch)):
            from_before = note.start < self._start + value.start
            to_after = note.end > self._start + value.end
            ties = '<tie type="stop"/>' * from_before + '<tie type="start"/>' * to_after
            tied = '<tied type="stop"/>' * from_before + '<tied type="start"/>' * to_after
            chord, accidental = "<chord/>" if index else "", "" if from_before else note.accidental
            yield (
                f"<note>{chord}{note.pitch_xml}{duration}{ties}{voice}{rhythm[0]}{accidental}"
                f"{value.ratio if index else rhythm[1]}{_notations(tied + ('' if index else notations))}"
                f"{'' if index else lyrics}</note>\n"
            )

    def _at_first(self, value: Value, at: _AtNote | None) -> tuple[str, str]:
        """What stands at the first note of a value: the content of its `<notations>`, and its syllables."""
        if at is None:
            return value.bracket, ""
        return "".join(at.slurs) + value.bracket + signs.at_note(at.marks), at.lyrics


def _notations(content: str) -> str:
    return f"<notations>{content}</notations>" if content else ""


def _placed(at_notes: dict[int, _AtNote], layers: dict[int, list[_Sung]], start: int) -> dict[int, dict[int, _AtNote]]:
    """What stands at notes, by layer: the first in which a note begins there, or else in which one sounds; further
    grace notes in others where one begins, or else in silent ones.
    """
    placed: dict[int, dict[int, _AtNote]] = {layer: {} for layer in layers}
    for onset, at in at_notes.items():
        time = start + onset
        begun = [layer for layer in sorted(layers) if any(note.start == time for note in layers[layer])]
        held = [layer for layer in sorted(layers) if any(note.start <= time < note.end for note in layers[layer])]
        silent = [layer for layer in range(len(layers) + len(at.further)) if layer not in held]
        first, *others = [*(begun or held[:1]), *silent]
        placed[first][onset] = at
        for layer, further in zip(others, at.further, strict=False):
            placed.setdefault(layer, {})[onset] = further
    return placed


def _uncut(at_notes: dict[int, _AtNote], cuts: Collection[int]) -> dict[int, _AtNote]:
    """What stands at notes; slurs that begin or end while a note or a rest lasts, such as those that lead to another
    staff, are at its start, so that they do not cut it.
    """
    placed: dict[int, _AtNote] = {}
    for onset, at in sorted(at_notes.items()):
        is_slur_alone = not (at.marks or at.lyrics or at.graces)
        place = max(cut for cut in cuts if cut <= onset) if is_slur_alone else onset
        if place in placed and place != onset:
            placed[place].slurs += at.slurs
        else:
            placed[place] = at
    return placed


def _grace_notes(at: _AtNote, voice: str) -> Iterator[str]:
    grace = '<grace slash="yes"/>' if at.is_slashed else "<grace/>"
    slur = f'<slur type="start" number="{at.grace_slur}"/>' if at.grace_slur else ""
    for together, kind, beams in zip(at.graces, at.grace_types, beams_of_graces(at.grace_types), strict=True):
        for index, note in enumerate(together):
            chord, beam = ("<chord/>", "") if index else ("", beams)
            yield (
                f"<note>{grace}{chord}{note.pitch_xml}{voice}{kind}{note.accidental}{beam}{_notations(slur)}</note>\n"
            )
            slur = ""


def _sung(start: int, end: int, pitch: int, key: Key, fifths: int | None) -> _Sung:
    if fifths is None or not is_name_of(fifths, pitch):
        fifths = fifths_in(pitch, key)
    letter, octave, alteration = spelled_as(pitch, fifths)
    if octave < _LOWEST_OCTAVE:
        letter, octave, alteration = "C", _LOWEST_OCTAVE, pitch - 12 * _LOWEST_OCTAVE
    return _Sung(start, end, pitch, letter, octave, alteration)


def _grace_note(time: int, note: GraceNote, key: Key) -> _Sung:
    return _sung(time, time, note.pitch, key, note.fifths)


def _altered(key: Key) -> dict[str, int]:
    """The alteration of each letter in a key's signature."""
    names = [name_at(key.signature - 1 + step) for step in range(7)]
    return {name[0]: name.count("#") - name.count("b") for name in names}
