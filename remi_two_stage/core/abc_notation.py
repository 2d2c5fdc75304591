"""How notation is written in ABC (standard 2.1, sections 4.11 to 4.19 and 5.1): what stands before and after a note,
and the lines of words beneath.

Conventions
- A sign stands where its record says, on a note, a rest, or the later part of a tied note, which is cut there.
- Words of users are written so that none of their characters ends a string, a field or a syllable.
- In a voice of several layers a sign stands in the first that has a note there, a slur in one that has both its notes;
  words, tempos and hairpins stand in the first layer of all, where readers look for them.
- Slurs that cross each other otherwise than end to begin are read as nested: ABC has no other way to write them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from .notation import (
    HAIRPINS,
    LINES,
    SIGNS_BEFORE,
    SLUR,
    Clef,
    ClefSign,
    Grace,
    Instrument,
    Lyric,
    Mark,
    Notation,
    Span,
    TempoMark,
    Text,
)
from .piece import Bar, Piece
from .signatures import TICKS_PER_QUARTER, TICKS_PER_WHOLE
from .text import printable, with_curly_quotes
from .voices import octaves_above

LETTERS_OF_MARKS = {
    "staccato": ".", "roll": "~", "fermata": "H", "accent": "L", "lowermordent": "M", "uppermordent": "P",
    "trill": "T", "upbow": "u", "downbow": "v",
}  # fmt: skip
"""Name of a mark -> the letter that says the same."""
_NAMES_OF_LETTERS = {letter: name for name, letter in LETTERS_OF_MARKS.items() if name != "staccato"}
"""The other way round; abcm2ps and abcjs know no name for the dot of a staccato."""
MARK_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9.+()-]{0,29}")
"""What may stand between exclamation marks."""

_MOST_BEATS = 9_999
_UNSAFE_IN_STRINGS = re.compile(r'["\\%\[\]{}=“”„‟«»‘’]|&(?=#?\w{1,8};)')  # some are taken for plain quotation marks
_UNSAFE_IN_ANNOTATIONS = re.compile(r"[\\%]|&(?=#?\w{1,8};)|\[(?=[A-Za-z]:)")
_UNSAFE_IN_LYRICS = re.compile(r"[\\%~]|&(?=#?\w{1,8};)")
"""Signs, and ampersands that begin an entity; they are written by their numbers, which abcjs shows as they are."""
_SIGNS_IN_LYRICS = re.compile(r"[*_|-]")
"""What would stand for a note or a bar line even by its number."""


def string_of(text: str) -> str:
    """Words between quotation marks."""
    return f'"{_numbered(_UNSAFE_IN_STRINGS, printable(text).strip())}"'


def annotation_text(placement: str, text: str) -> str:
    """Words at a place, between quotation marks."""
    return f'"{placement}{with_curly_quotes(_numbered(_UNSAFE_IN_ANNOTATIONS, printable(text).strip()))}"'


def _numbered(unsafe: re.Pattern[str], text: str) -> str:
    return unsafe.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)


def tempo_text(tempo: float | None, beat: int, words: str = "") -> str:
    """What `Q:` says: words, and the tempo in beats where these are a whole number a minute, else in quarter notes."""
    said = [string_of(words)] if words else []
    if tempo is not None:
        beats = tempo * TICKS_PER_QUARTER / beat
        is_whole = abs(beats - round(beats)) < 1e-6 and round(beats) > 0
        said.append(f"{_fraction(beat)}={round(beats)}" if is_whole else f"1/4={tempo:g}")
    return " ".join(said)


def _fraction(beat: int) -> str:
    """A note value as `Q:` has it, a whole note too with what it is divided by."""
    value = Fraction(beat, TICKS_PER_WHOLE)
    return f"{value.numerator}/{value.denominator}"


def tempo_mark_text(mark: TempoMark, beat: int) -> str:
    """What `Q:` says for a mark; `beat` is that of the bar, for a mark that does not know its own."""
    if mark.tempo is None or not mark.beat:
        return tempo_text(mark.tempo, beat, mark.words)
    rate = mark.tempo * TICKS_PER_QUARTER / mark.beat
    if rate > _MOST_BEATS:
        return tempo_text(mark.tempo, TICKS_PER_QUARTER, mark.words)
    words = [string_of(mark.words)] if mark.words else []
    return " ".join([*words, f"{_fraction(mark.beat)}={rate:.9g}"])


def _tempos_within(bars: Sequence[Bar]) -> list[tuple[int, TempoMark]]:
    """The tempos that stand in the music, with the indices of their bars; those at the start are the header's."""
    return [(index, mark) for index, bar in enumerate(bars) for mark in bar.tempos if index or mark.onset]


def _print_tempo_text(is_printed: bool) -> str:
    """The directive that has the tempos after it printed, or not."""
    return f"printtempo {int(is_printed)}"


def tempo_lines(piece: Piece) -> Iterator[str]:
    """The fields `Q:` at the start: the tempo, with its words if it has any; before those that are not printed, and
    before the music if none of its tempos are, directives say so.
    """
    marks = [mark for mark in piece.bars[0].tempos if mark.onset == 0]
    beat = piece.bars[0].beat_length
    lines = [(f"Q:{tempo_mark_text(mark, beat)}", not mark.is_silent) for mark in marks]
    if piece.tempo and piece.tempo not in [mark.tempo for mark in marks]:
        lines.append((f"Q:{tempo_text(piece.tempo, beat)}", True))
    if within := _tempos_within(piece.bars):
        lines.append(("", any(not mark.is_silent for _, mark in within)))
    before = True
    for line, is_printed in lines:
        if is_printed != before:
            yield f"%%{_print_tempo_text(is_printed)}"
        if line:
            yield line
        before = is_printed


def instrument_text(instrument: Instrument) -> str:
    """The names of a voice as `V:` says them, a blank before each."""
    names = (("name", instrument.name), ("snm", instrument.short_name))
    return "".join(f" {what}={string_of(name)}" for what, name in names if name)


def staff_text(clef: str, instrument: Instrument, semitones: int = 0) -> str:
    """Clef, transposition and names of a voice as `V:` says them; abc2midi passes over the octave of a clef that a name
    follows.
    """
    names, moved = instrument_text(instrument), f" transpose={semitones}" if semitones else ""
    return f"{names}{moved} clef={clef}" if clef.endswith("8") else f" clef={clef}{moved}{names}"


def jumps_text(signs: Iterable[str], are_before: bool) -> str:
    """Those of a bar's jump signs that stand before it, or those after it."""
    return "".join(f"!{sign}!" for sign in signs if (sign in SIGNS_BEFORE) == are_before)


def lyric_lines(syllables: Sequence[Sequence[Lyric]], bars: Sequence[int]) -> list[str]:
    """The lines of words beneath a line of music, one a verse, given the syllables at each of its notes and the indices
    of the bars that the notes are in.
    """
    verses = max((lyric.verse for at_note in syllables for lyric in at_note), default=0)
    return [
        _lyric_line([syllable_text(at_note, verse) for at_note in syllables], bars) for verse in range(1, verses + 1)
    ]


def syllable_text(at_note: Iterable[Lyric], verse: int) -> str:
    """A syllable as written; an asterisk where there is none."""
    lyric = next((lyric for lyric in at_note if lyric.verse == verse), None)
    if lyric is None:
        return "*"
    text = printable(lyric.text).strip()
    if not text:
        return "_" if lyric.joint == "_" else "*"
    written = _SIGNS_IN_LYRICS.sub(r"\\\g<0>", _numbered(_UNSAFE_IN_LYRICS, text))
    return written.replace(" ", "~") + "-" * (lyric.joint == "-")


def _lyric_line(syllables: Sequence[str], bars: Sequence[int]) -> str:
    """A line of words; where it ends early, bar lines say for abcm2ps that the other notes have none."""
    said = len(syllables)
    while said > 1 and syllables[said - 1] == "*":
        said -= 1
    left = bars[-1] - bars[said - 1] + 1 if said < len(syllables) else 0
    line = re.sub(r"(?<!\\)- (?=[^*_])", "-", " ".join(syllables[:said]))
    return f"w: {line}{'|' * left}"


def _without_letters_before_names(marks: Sequence[str]) -> Iterator[str]:
    """Marks, those by name that stand before others by name: abc2midi passes over a letter before "!"."""
    last = max((place for place, mark in enumerate(marks) if mark.startswith("!")), default=0)
    for place, mark in enumerate(marks):
        yield f"!{_NAMES_OF_LETTERS[mark]}!" if place < last and mark in _NAMES_OF_LETTERS else mark


def defined_marks(bars: Iterable[Bar]) -> list[str]:
    """The directives by which abcm2ps and abc2svg print the dynamics that are not in the standard, and pass over other
    marks that abcm2ps does not know, which it takes for errors.
    """
    records = [record for bar in bars for of_voice in bar.notation for record in of_voice]
    names = {record.name for record in records if isinstance(record, Mark) and MARK_NAME.fullmatch(record.name)}
    names |= {
        record.name + end for record in records if isinstance(record, Span) and record.name in LINES for end in "()"
    }
    return [
        f"%%deco {name} 6 pf 18 1 10 {name}" if name in _OTHER_DYNAMICS else f"%%deco {name} 0 - 0 0 0"
        for name in sorted(names - _KNOWN_MARKS - LETTERS_OF_MARKS.keys())
    ]


@dataclass(slots=True)
class _Place:
    """What stands at an onset of a bar: before its note, in this order, and after it."""

    clefs: list[str] = field(default_factory=list)
    tempos: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    graces: list[Grace] = field(default_factory=list)
    slurs: int = 0
    line_ends: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    ended_slurs: int = 0
    lyrics: list[Lyric] = field(default_factory=list)

    @property
    def fields(self) -> str:
        """Fields, which stand before the sign of a triplet too: after it abcjs takes one for one of its notes."""
        return "".join([*self.clefs, *self.tempos])

    def before(self, graces: str) -> str:
        """What stands before the note, with the grace notes written out; a dot before a slur would be its own."""
        return "".join(
            [*self.texts, graces, "(" * self.slurs, *self.line_ends, *_without_letters_before_names(self.marks)]
        )

    @property
    def after(self) -> str:
        """What stands after the note."""
        return ")" * (self.ended_slurs + sum(grace.is_slurred for grace in self.graces))


_OTHER_DYNAMICS = frozenset("fffff ffffff fp fz n pf ppppp pppppp rf rfz sf sffz sfp sfpp sfzp".split())
_KNOWN_MARKS = frozenset(
    """
    + 0 1 2 3 4 5 8va( 8va) 8vb( 8vb) D.C. D.C.alcoda D.C.alfine D.S. D.S.alcoda D.S.alfine accent arpeggio beambr1
    beambr2 beamon breath coda crescendo( crescendo) dacapo dacoda diminuendo( diminuendo) dot downbow emphasis f
    fermata ff fff ffff fine gmark invertedfermata invertedturn invertedturnx invisible longphrase lowermordent
    marcato mediumphrase mf mordent mp open p ped ped-up plus pp ppp pppp pralltriller rbend rbstop roll segno sfz
    shortphrase slide snap stemless tenuto thumb trem1 trem2 trem3 trem4 trill trill( trill) turn turnx upbow
    uppermordent wedge xstem
    """.split()
)
"""Marks that abcm2ps prints."""

_ABOVE_NOTE = "@0,20 "
"""What stands anywhere, where others want coordinates from the head of the note (in points)."""

LayersAt = Callable[[int, int], tuple[Sequence[int], Sequence[int]]]
"""(index of a bar, onset) -> the layers in which a note begins there, and those in which one sounds."""


class WrittenNotation:
    """What is written beside the notes of one voice, by bar, layer and onset; the first voice has the tempos too.

    Args:
        clef: With which the voice begins; of those that follow, it is without the ones of other octaves, which would
            move the notes.
    """

    def __init__(self, bars: Sequence[Bar], voice: int, clef: Clef, layers_at: LayersAt) -> None:
        self._bars = bars
        self._octaves = octaves_above(clef)
        self._layers_at = layers_at
        self._places: dict[tuple[int, int], dict[int, _Place]] = {}
        self.has_hairpins = self.has_fermatas = False
        for index, bar in enumerate(bars):
            for record in bar.notation[voice] if bar.notation else ():
                if isinstance(record, Span) and record.voice:
                    record = kept_in_voice(record, bars[index:], voice)
                self._add(index, record)
        if voice == 0:
            self._add_tempos(_tempos_within(bars))
        self.has_lyrics = any(place.lyrics for places in self._places.values() for place in places.values())

    def _add_tempos(self, tempos: Sequence[tuple[int, TempoMark]]) -> None:
        """Those that are not printed say so, where the header does not say it of all."""
        are_printed = any(not mark.is_silent for _, mark in tempos)
        for index, mark in tempos:
            text = f"[Q:{tempo_mark_text(mark, self._bars[index].beat_length)}]"
            if mark.is_silent and are_printed:
                text = f"[I:{_print_tempo_text(False)}]{text}[I:{_print_tempo_text(True)}]"
            self._place(index, mark.onset, 0).tempos.append(text)

    def places(self, index: int, layer: int) -> dict[int, _Place]:
        """What stands in a layer of a bar, by onset."""
        return self._places.get((index, layer), {})

    def layer_at(self, index: int, onset: int) -> int:
        """The layer for a sign: the first in which a note begins there, or else in which one sounds."""
        begun, sounding = self._layers_at(index, onset)
        return next(iter((*begun, *sounding)), 0)

    def lyric_lines(self, notes: Sequence[tuple[int, int]]) -> list[str]:
        """The words beneath a line whose notes begin or go on in these bars at these onsets."""
        empty: dict[int, _Place] = {}
        places = [self._places.get((index, 0), empty).get(onset) for index, onset in notes]
        return lyric_lines([place.lyrics if place else () for place in places], [index for index, _ in notes])

    def _place(self, index: int, onset: int, layer: int | None = None) -> _Place:
        onset = max(0, min(onset, self._bars[index].length - 1))
        layer = self.layer_at(index, onset) if layer is None else layer
        return self._places.setdefault((index, layer), {}).setdefault(onset, _Place())

    def _add(self, index: int, record: Notation) -> None:
        if isinstance(record, Span):
            self._add_span(index, record)
        elif isinstance(record, Lyric):
            self._place(index, record.onset, 0).lyrics.append(record)
        elif isinstance(record, Grace):
            self._place(index, record.onset, self._layer_of_grace(index, record.onset)).graces.append(record)
        elif isinstance(record, Text) and record.text.strip():
            placement = _ABOVE_NOTE if record.placement == "@" else record.placement
            self._place(index, record.onset).texts.append(annotation_text(placement, record.text))
        elif isinstance(record, ClefSign):
            if (index or record.onset) and octaves_above(record.clef) == self._octaves:  # the first is the header's
                self._place(index, record.onset, 0).clefs.append(f"[K:clef={record.clef}]")
        elif isinstance(record, Mark) and MARK_NAME.fullmatch(record.name):
            sign = LETTERS_OF_MARKS.get(record.name, f"!{record.name}!")
            self.has_fermatas |= record.name == "fermata"
            self._place(index, record.onset).marks.append(sign)

    def _add_span(self, index: int, span: Span) -> None:
        last = index + span.bars
        if last >= len(self._bars) or (span.bars, span.end) < (0, span.onset):
            return
        layer = self._layer_of_slur(index, span) if span.name == SLUR else 0
        first, end = self._place(index, span.onset, layer), self._place(last, span.end, layer)
        if span.name != SLUR:
            self.has_hairpins |= span.name in HAIRPINS
            first.marks.insert(0, f"!{span.name}(!")
            if first is end:
                first.marks.insert(1, f"!{span.name})!")
            else:
                end.line_ends.append(f"!{span.name})!")
        elif first is not end:
            first.slurs += 1
            end.ended_slurs += 1

    def _layer_of_grace(self, index: int, onset: int) -> int | None:
        """The first layer in which a note begins that has no grace notes yet; None for that of other signs."""
        begun, _ = self._layers_at(index, onset)
        graced = [layer for layer in begun if (place := self.places(index, layer).get(onset)) and place.graces]
        return next((layer for layer in begun if layer not in graced), None)

    def _layer_of_slur(self, index: int, slur: Span) -> int:
        """The first layer in which notes begin at both its ends, or else in which some sound there."""
        ends = self._layers_at(index, slur.onset), self._layers_at(index + slur.bars, slur.end)
        for at_start, at_end in zip(*ends, strict=True):
            if common := [layer for layer in at_start if layer in at_end]:
                return common[0]
        return 0


def kept_in_voice(slur: Span, bars: Sequence[Bar], voice: int) -> Span:
    """A slur that leads to another voice, from the first of some bars on, up to the last note before of its own."""
    for count in range(min(slur.bars, len(bars) - 1), -1, -1):
        end = slur.end if count == slur.bars else bars[count].length
        if onsets := [note.onset for note in bars[count].notes[voice] if note.onset < end]:
            return replace(slur, bars=count, end=max(onsets), voice="")
    return replace(slur, bars=0, end=slur.onset, voice="")
