"""One voice of a `Piece` as the notes of MusicXML's measures.

Conventions
- Times are ticks from the start of the piece, those of records and note values from the start of the bar.
- The first layer of a bar has all its rests, but for those of a voice above; in further ones silence is skipped with
  `<forward>`.
- Accidentals hold for their octave to the end of the bar, for all layers and voices of a staff.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ..core.abc_notation import kept_in_voice
from ..core.abc_spelling import BarNames
from ..core.layers import Layers
from ..core.notation import (
    LINES,
    PEDALS,
    SLUR,
    ClefSign,
    Grace,
    Lyric,
    Mark,
    Span,
    TempoMark,
    Text,
)
from ..core.piece import Bar, Chord, Piece
from ..core.signatures import Key
from . import musicxml_writer_signs as signs
from .musicxml_names import SAME_WORDS, SPAN_ELEMENTS
from .musicxml_writer_beside import Beside, OpenSpans, Place, after_note
from .musicxml_writer_pitches import PlacedNote, placed_note
from .musicxml_writer_rhythm import Value, beams_of_graces, type_of, values_of
from .musicxml_writer_stems import stems_of_layers

_Sign = ClefSign | TempoMark | Text | Mark | Chord | tuple[Span, int, bool]
"""What stands between notes; the begin or end of a line is (line, number, whether it is the end)."""
_PlacedSign = tuple[int, int, _Sign]
"""(onset, rank among those at one onset, sign)."""


@dataclass(slots=True)
class _AtNote:
    """What stands at one note or rest; `further` holds second groups of grace notes, which are for other layers."""

    marks: list[Mark] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    lyrics: str = ""
    graces: list[list[PlacedNote]] = field(default_factory=list)
    grace_types: list[str] = field(default_factory=list)
    grace_slur: int = 0
    is_slashed: bool = False
    slurs: list[str] = field(default_factory=list)
    further: list[_AtNote] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class OpenBar:
    """A bar of a voice that is about to be written.

    Attributes:
        start: In ticks from the start of the piece.
        layers: Its notes, and those that are held from before.
        placed: What stands at notes, by layer and onset.
        between: What stands between notes.
    """

    index: int
    bar: Bar
    start: int
    layers: dict[int, list[PlacedNote]]
    placed: dict[int, dict[int, _AtNote]]
    between: list[_PlacedSign]

    @property
    def sounds(self) -> bool:
        """Whether there is a note in it."""
        return any(self.layers.values())

    def struck(self) -> Iterator[PlacedNote]:
        """The notes that begin in it, grace notes first."""
        for at in (at for of_layer in self.placed.values() for at in of_layer.values()):
            yield from (note for chord in at.graces for note in chord)
        yield from (note for notes in self.layers.values() for note in notes if note.start >= self.start)


@dataclass(slots=True)
class _Line:
    """A layer of a bar: its note values, and for each the notes that sound in it and where their stems go; no values
    where it is silent all through. What stands at notes, by onset.
    """

    at_notes: dict[int, _AtNote]
    values: Sequence[Value] = ()
    sounding: Sequence[Sequence[PlacedNote]] = ()
    stems: Sequence[str] = ()


class VoiceWriter:
    """Writes the bars of one voice, which must be opened and written in order.

    Args:
        names: Of its notes, bar by bar.
        open_spans: Of the part.
    """

    def __init__(
        self, piece: Piece, voice: int, names: Sequence[BarNames], place: Place, beside: Beside,
        open_spans: OpenSpans,
    ) -> None:  # fmt: skip
        self._piece = piece
        self._voice = voice
        self._names = names
        self._place, self._beside, self._open_spans = place, beside, open_spans
        self._start = 0
        self._total = sum(bar.length for bar in piece.bars)
        self._layers = Layers(self._total)
        self._held: list[tuple[int, PlacedNote]] = []
        self._open_words: set[int] = set()
        self._begun: list[tuple[Span, int]] = []
        self._rests_above: Collection[tuple[int, int]] = ()
        self._rests: set[tuple[int, int]] = set()
        self._on_staff = f"<staff>{place.staff}</staff>" if place.staff else ""

    def begin_spans(self, index: int) -> None:
        """Begin the slurs and lines of bar `index`, as all voices of the part must before it is opened."""
        spans = [self._in_part(index, record) for record in self._beside.records[index] if isinstance(record, Span)]
        numbered = [(span, self._number_of(index, span)) for span in spans]
        self._begun = [(span, number) for span, number in numbered if number]

    def open(self, index: int) -> OpenBar:
        """What bar `index` has."""
        bar = self._piece.bars[index]
        records = self._beside.records[index]
        layers: defaultdict[int, list[PlacedNote]] = defaultdict(list, {0: []})
        for layer, note in [*self._held, *self._new_notes(bar, self._names[index], records)]:
            layers[layer].append(note)
        placed = _placed(self._at_notes(index, bar, records), layers, self._start)
        opened = OpenBar(index, bar, self._start, layers, placed, self._between(index, bar, records))
        self._start += bar.length
        self._held = [(layer, note) for layer, notes in layers.items() for note in notes if note.end > self._start]
        return opened

    def written(self, opened: OpenBar, has_stems: bool, rests: set[tuple[int, int]]) -> str:
        """The content of the measure of a bar: notes, rests, and signs that stand between them; empty where the voice
        has none but rests of voices above.

        Args:
            has_stems: Whether other voices of the staff sound.
            rests: Begins and ends of the rests of voices above, to which those of this one are added.
        """
        self._rests_above, self._rests = rests, set()
        bar, parts = opened.bar, []
        layers = sorted(opened.placed)
        lines = [_line(opened, layer) for layer in layers]
        if has_stems:
            stems = [[self._place.stem] * len(line.values) for line in lines]
        else:
            stems = stems_of_layers([(line.values, line.sounding) for line in lines])
        for number, (layer, line) in enumerate(zip(layers, lines, strict=True)):
            line.stems = stems[number]
            parts.append(f"<backup><duration>{bar.length}</duration></backup>\n" if number else "")
            parts += self._layer(opened, line, layer, [] if number else opened.between)
        rests |= self._rests
        is_empty = len(opened.placed) == 1 and all(part.startswith("<forward>") for part in parts if part)
        return "" if is_empty and self._place.stem else "".join(parts)

    def _new_notes(self, bar: Bar, names: BarNames, records: Iterable[object]) -> Iterator[tuple[int, PlacedNote]]:
        """The notes that begin in a bar, with their layers."""
        graces = Counter(record.onset for record in records if isinstance(record, Grace))
        for layer, start, end, pitch in self._layers.of_bar(self._start, bar.notes[self._voice], graces):
            yield layer, placed_note(start, end, pitch, bar.key, names.get((start - self._start, pitch)))

    def _at_notes(self, index: int, bar: Bar, records: Iterable[object]) -> dict[int, _AtNote]:
        """What stands at notes, by onset; slurs that end come before those that begin, and words go on from layer to
        layer.
        """
        found: defaultdict[int, _AtNote] = defaultdict(_AtNote)
        syllables: defaultdict[int, list[Lyric]] = defaultdict(list)
        for end, span, number in self._open_spans.ends(self._voice, index):
            if span.name == SLUR:
                found[end].slurs.append(f'<slur type="stop" number="{number}"/>')
        for record in records:
            if isinstance(record, Mark) and not signs.is_between(record):
                at = found[record.onset]
                if (index, record) in self._beside.hidden:
                    at.hidden.append(record.name)
                else:
                    at.marks.append(record)
            elif isinstance(record, Lyric):
                syllables[record.onset].append(record)
            elif isinstance(record, Grace):
                self._add_graces(found[record.onset], record, bar.key)
        for span, number in self._begun:
            if span.name == SLUR:
                found[span.onset].slurs.append(f'<slur type="start" number="{number}"/>')
        for onset in sorted(syllables):
            words = signs.lyrics(syllables[onset], self._open_words, self._beside.words, self._beside.verses_before)
            found[onset].lyrics = "".join(words)
        for begin, onset in self._beside.same_words:
            if begin == index:
                found[onset].hidden.append(SAME_WORDS)
        return {onset: at for onset, at in found.items() if onset < bar.length}

    def _add_graces(self, at: _AtNote, record: Grace, key: Key) -> None:
        if at.graces:
            at.further.append(_AtNote())
            at = at.further[-1]
        time = self._start + record.onset
        at.graces = [
            [placed_note(time, time, note.pitch, key, note.fifths) for note in chord] for chord in record.notes
        ]
        at.grace_types = [type_of(chord[0].duration) for chord in record.notes]
        at.is_slashed = record.is_slashed
        if record.is_slurred:
            at.grace_slur = self._open_spans.free_number(SLUR)
            at.slurs.append(f'<slur type="stop" number="{at.grace_slur}"/>')

    def _in_part(self, index: int, span: Span) -> Span:
        """A slur that leads to a voice of another part, up to the last note before of its own voice, as in ABC."""
        if span.voice not in self._piece.voices or span.voice in self._place.part:
            return span
        kept = kept_in_voice(span, self._piece.bars[index:], self._voice)
        return kept if (kept.bars, kept.end) > (0, kept.onset) else span

    def _number_of(self, index: int, span: Span) -> int:
        """The number of a span that begins in bar `index`; 0 for one that leads nowhere."""
        last = index + span.bars
        voice = self._place.part.get(span.voice) if span.voice else self._voice
        if voice is None or last >= len(self._piece.bars) or span.end >= self._piece.bars[last].length:
            return 0
        if (span.bars, span.end) < (0, span.onset):
            return 0
        return self._open_spans.begin(span, voice, last)

    def _between(self, index: int, bar: Bar, records: Iterable[object]) -> list[_PlacedSign]:
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
                at = (after_note(record.onset, bar, self._voice), 0) if is_held else (record.onset, 3)
                found.append((*at, record))
                pressed = record.onset if isinstance(record, Mark) and record.name == PEDALS[0] else pressed
        for end, span, number in self._open_spans.ends(self._voice, index):
            if span.name in LINES:
                found.append((after_note(end, bar, self._voice), 0, (span, number, True)))
        found += [(span.onset, 4, (span, number, False)) for span, number in self._begun if span.name in LINES]
        if self._voice == 0:
            found += [(chord.onset, 2, chord) for chord in bar.chords]
            found += [(mark.onset, 1, mark) for mark in self._tempos(index, bar)]
        return sorted([sign for sign in found if sign[0] <= bar.length], key=lambda sign: sign[:2])

    def _tempos(self, index: int, bar: Bar) -> Sequence[TempoMark]:
        """The tempos of a bar; in the first one the piece's own, unless a mark says it."""
        tempo = self._piece.tempo
        if index or tempo is None or any(mark.onset == 0 and mark.tempo is not None for mark in bar.tempos):
            return bar.tempos
        return TempoMark(0, tempo), *bar.tempos

    def _sign(self, sign: _Sign, opened: OpenBar, offset: int) -> str:
        """A sign that stands between notes, `offset` ticks after the next one begins."""
        bar = opened.bar
        if isinstance(sign, TempoMark):
            return signs.tempo(sign, bar.beat_length, offset)
        if isinstance(sign, ClefSign):
            return signs.clef_change(sign.clef, self._place.staff)
        if isinstance(sign, Chord):
            return signs.harmony(sign, self._piece.key, bar.key, offset)
        begin = opened.index - sign[0].bars * sign[2] if isinstance(sign, tuple) else opened.index
        is_common = (begin, sign[0] if isinstance(sign, tuple) else sign) in self._beside.common
        voice = "" if is_common else self._voice_of(0) * bool(self._place.stem)
        # verovio needs the staff of octave lines to move notes in any part but the first
        is_octave_line = isinstance(sign, tuple) and SPAN_ELEMENTS[sign[0].name][2]
        staff = self._on_staff or "<staff>1</staff>" * bool(is_octave_line)
        return signs.said_by(self._direction(sign, offset), voice + staff)

    def _direction(self, sign: Text | Mark | tuple[Span, int, bool], offset: int) -> str:
        if isinstance(sign, Text):
            return signs.annotation(sign, offset)
        if isinstance(sign, tuple):
            return signs.line(sign[0].name, *sign[1:], offset, self._beside.is_sung)
        if sign.name in PEDALS:
            return signs.pedal(sign.name, offset)
        return signs.dynamic(sign.name, offset, self._beside.is_sung)

    def _voice_of(self, layer: int) -> str:
        """The `<voice>` of a layer."""
        return f"<voice>{self._place.number + layer * self._place.voices}</voice>"

    def _layer(self, opened: OpenBar, line: _Line, layer: int, between: list[_PlacedSign]) -> Iterator[str]:
        bar = opened.bar
        if not line.values:  # verovio has it fill the metre
            rest = self._rest_of_bar(bar, layer, line.at_notes.get(0))
            yield from self._with_signs(between, opened, (0, bar.length), [rest])
            return
        place = 0
        for value, together, stem in zip(line.values, line.sounding, line.stems, strict=True):
            until = bisect_right(between, value.end - 1, key=lambda sign: sign[0])
            written = self._value(value, together, layer, line.at_notes.get(value.start), opened.start, stem)
            yield from self._with_signs(between[place:until], opened, (value.start, value.end), written)
            place = until
        yield from (self._sign(sign, opened, 0) for _, _, sign in between[place:])

    def _with_signs(
        self, between: Iterable[_PlacedSign], opened: OpenBar, time: tuple[int, int], written: Iterable[str]
    ) -> Iterator[str]:
        """What is written from one time to another, after the signs there; clefs that come within it stand behind it,
        a little back.
        """
        begin, end = time
        late = [(onset, sign) for onset, _, sign in between if isinstance(sign, ClefSign) and begin < onset < end]
        for onset, _, sign in between:
            if (onset, sign) not in late:
                yield self._sign(sign, opened, onset - begin)
        yield from written
        for onset, clef in late:
            yield signs.clef_change(clef.clef, self._place.staff, end - onset)

    def _rest_of_bar(self, bar: Bar, layer: int, at: _AtNote | None) -> str:
        """The rest of a silent bar, with what stands at it."""
        notations, lyrics = self._said("", at, "")
        duration = f"<duration>{bar.length}</duration>"
        if self._is_above(0, bar.length) and not (notations or lyrics):
            return self._forward(duration, layer)
        rest = f'<rest measure="yes"/>{duration}{self._voice_of(layer)}{self._on_staff}'
        return f"<note>{rest}{_notations(notations)}{lyrics}</note>\n"

    def _is_above(self, start: int, end: int) -> bool:
        """Whether a voice above has the rest that begins and ends here; voices below need not have it any more."""
        self._rests.add((start, end))
        return (start, end) in self._rests_above

    def _forward(self, duration: str, layer: int) -> str:
        return f"<forward>{duration}{self._voice_of(layer)}{self._on_staff}</forward>\n"

    def _value(
        self, value: Value, notes: Sequence[PlacedNote], layer: int, at: _AtNote | None, bar_start: int, stem: str
    ) -> Iterator[str]:
        """The notes, or the rest, of one note value."""
        voice = self._voice_of(layer)
        duration = f"<duration>{value.end - value.start}</duration>"
        if at is not None:
            yield from self._grace_notes(at, voice, stem)
        notations, lyrics = self._said(value.bracket, at, stem)
        if not notes:
            is_in_place = bool(layer) or self._is_above(value.start, value.end)
            if is_in_place and not value.ratio and at is None:
                yield self._forward(duration, layer)
                return
            is_shown = not is_in_place or (layer and value.ratio) or (at and (at.marks or at.lyrics))
            hidden = "" if is_shown else ' print-object="no"'
            rhythm = value.type + value.ratio + self._on_staff + value.beams
            yield f"<note{hidden}><rest/>{duration}{voice}{rhythm}{_notations(notations)}{lyrics}</note>\n"
            return
        for index, note in enumerate(sorted(notes, key=lambda note: note.pitch)):
            from_before = note.start < bar_start + value.start
            to_after = note.end > bar_start + value.end
            ties = '<tie type="stop"/>' * from_before + '<tie type="start"/>' * to_after
            tied = '<tied type="stop"/>' * from_before + '<tied type="start"/>' * to_after
            chord, accidental = "<chord/>" if index else "", "" if from_before else note.accidental
            rhythm = (
                value.type + accidental + value.ratio + _stem(stem) + self._on_staff + ("" if index else value.beams)
            )
            yield (
                f"<note>{chord}{note.pitch_xml}{duration}{ties}{voice}{rhythm}"
                f"{_notations(tied + ('' if index else notations))}{'' if index else lyrics}</note>\n"
            )

    def _said(self, bracket: str, at: _AtNote | None, stem: str) -> tuple[str, str]:
        """What stands at the first note of a value: the content of its `<notations>`, and its syllables."""
        if at is None:
            return bracket, ""
        slurs = "".join(at.slurs)
        if stem:
            placement = signs.PLACEMENTS["^" if stem == "up" else "_"]
            slurs = slurs.replace('<slur type="start"', f'<slur type="start"{placement}')
        return slurs + bracket + signs.at_note(at.marks) + signs.unseen(at.hidden), at.lyrics

    def _grace_notes(self, at: _AtNote, voice: str, stem: str) -> Iterator[str]:
        grace = '<grace slash="yes"/>' if at.is_slashed else "<grace/>"
        slur = f'<slur type="start" number="{at.grace_slur}"/>' if at.grace_slur else ""
        for together, kind, beams in zip(at.graces, at.grace_types, beams_of_graces(at.grace_types), strict=True):
            for index, note in enumerate(together):
                chord, beam = ("<chord/>", "") if index else ("", beams)
                rhythm = kind + note.accidental + _stem(stem) + self._on_staff + beam
                yield f"<note>{grace}{chord}{note.pitch_xml}{voice}{rhythm}{_notations(slur)}</note>\n"
                slur = ""


def _line(opened: OpenBar, layer: int) -> _Line:
    """A layer of a bar with its note values."""
    bar, start, notes, at_notes = opened.bar, opened.start, opened.layers[layer], opened.placed[layer]
    is_silent = not notes and at_notes.keys() <= {0} and not any(at.graces or at.further for at in at_notes.values())
    if is_silent and bar.is_full:
        return _Line(at_notes)
    ends = (note.end - start for note in notes if note.end < start + bar.length)
    of_notes = {0, bar.length, *(max(0, note.start - start) for note in notes), *ends}
    at_notes = _uncut(at_notes, of_notes, [(note.start - start, note.end - start) for note in notes])
    cuts = tuple(sorted(of_notes | at_notes.keys()))
    heard = tuple(
        any(note.start - start < right and note.end - start > left for note in notes) for left, right in pairwise(cuts)
    )
    values = values_of(cuts, heard, bar)
    starts = [value.start for value in values]
    sounding: list[list[PlacedNote]] = [[] for _ in values]
    for note in notes:
        for index in range(bisect_left(starts, max(0, note.start - start)), bisect_left(starts, note.end - start)):
            sounding[index].append(note)
    return _Line(at_notes, values, sounding)


def _stem(direction: str) -> str:
    return f"<stem>{direction}</stem>" if direction else ""


def _notations(content: str) -> str:
    return f"<notations>{content}</notations>" if content else ""


def _placed(
    at_notes: dict[int, _AtNote], layers: dict[int, list[PlacedNote]], start: int
) -> dict[int, dict[int, _AtNote]]:
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


def _uncut(at_notes: dict[int, _AtNote], cuts: Collection[int], notes: Sequence[tuple[int, int]]) -> dict[int, _AtNote]:
    """What stands at notes, given their begins and ends: slurs that begin or end while the layer is silent, such as
    those that lead to another staff, are at the rest's start, so that they do not cut it; a note that lasts is tied
    there.
    """
    placed: dict[int, _AtNote] = {}
    for onset, at in sorted(at_notes.items()):
        is_slur_alone = not (at.marks or at.lyrics or at.graces)
        is_in_rest = is_slur_alone and not any(begin <= onset < end for begin, end in notes)
        place = max(cut for cut in cuts if cut <= onset) if is_in_rest else onset
        if place in placed and place != onset:
            placed[place].slurs += at.slurs
        else:
            placed[place] = at
    return placed
