"""Notation: what is written beside the notes of a score and no token says. Readers keep it, writers write it back.

Conventions
- Each record stands at an onset, in ticks from the start of its bar, in one voice (`Bar.notation`); it need not be the
  onset of a note, for a fermata may stand on a rest, and a syllable on the later part of a tied note.
- Names of signs are those of ABC's decorations without their exclamation marks (ABC standard 2.1, section 4.14).
- Spellings are places on the line of fifths (`signatures.name_at`), so that transposition moves them.
- Notation is no part of the music: pieces that differ in nothing else are equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .signatures import TICKS_PER_QUARTER, name_at

DYNAMICS = ("pppp", "ppp", "pp", "p", "mp", "mf", "f", "ff", "fff", "ffff", "sfz")
"""Names of marks that say how loud the music goes on."""
HAIRPINS = ("crescendo", "diminuendo")
"""Names of spans that say how it changes."""
OCTAVE_LINES = ("8va", "8vb", "15ma", "15mb")
"""Names of spans whose notes are printed one octave or two below or above where they sound."""
LINES = (*HAIRPINS, *OCTAVE_LINES)
PEDALS = ("ped", "ped-up")
"""Names of marks where a piano's pedal is pressed and released."""
SLUR = "slur"
"""Name of the span over notes in one breath or bow."""
NOTATION_LOSSES = frozenset((
    "a slur without an end", "a hairpin without an end", "an octave line without an end", "grace notes without a note",
    "a decoration without a meaning",
    "a syllable without a note", "a syllable of another layer", "a sign in a rewritten bar",
    "grace notes in a rewritten bar", "a slur or a hairpin in a rewritten bar", "a syllable in a rewritten bar",
))  # fmt: skip
"""Reasons of `Piece.losses` that are none of the music: what of the notation has no place."""
MADE_WITH = "made with remi-two-stage "
"""How `Piece.made` begins: notes (`N:` in ABC) of the version and the command that make a piece again, or do one more
step.
"""
SIGNS_BEFORE = ("segno", "coda")
SIGNS_AFTER = ("fine", "dacoda")
JUMPS = ("D.C.", "D.C.alfine", "D.C.alcoda", "D.S.", "D.S.alfine", "D.S.alcoda")
"""Signs of `Bar.jumps`: places to jump to, which stand before their bar; the end, and the place to leave for the coda;
and the jumps. Those of the last two kinds stand after their bar.
"""
DoubleLine = Literal["", "||", "|]"]
"""What `Bar.double_line` may be: no double bar line, a thin-thin one, and a thin-thick one as at the end of a piece, as
ABC writes them (ABC standard 2.1, section 4.8).
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """A sign at one place: an articulation ("staccato"), an ornament ("trill"), a dynamic ("mf"), a fingering ("3"), a
    fermata.
    """

    onset: int
    name: str


@dataclass(frozen=True, slots=True)
class Span:
    """A sign from one place to a later one, of its voice: `SLUR` or one of `LINES`.

    Attributes:
        name: The sign.
        bars: How many bars further it ends, counted as written.
        end: Onset in that bar of the last note under it.
        voice: Name of the voice of that note where a slur leads to another one, such as from a piano's left hand to
            its right; else empty.
    """

    onset: int
    name: str
    bars: int
    end: int
    voice: str = ""


@dataclass(frozen=True, slots=True)
class Lyric:
    """A syllable, or, with an empty text, a place up to which the one before is held.

    Attributes:
        verse: From 1.
        joint: "-" where the word goes on with the verse's next syllable, "_" where a line shows how long the syllable
            is held, else empty.
    """

    onset: int
    text: str
    verse: int = 1
    joint: Literal["", "-", "_"] = ""


@dataclass(frozen=True, slots=True)
class Text:
    """Words at a place: an annotation, or an instruction to the players.

    Attributes:
        placement: "^" above the staff, "_" below it, "<" and ">" before and after the note, "@" anywhere (ABC standard
            2.1, section 4.19).
    """

    onset: int
    text: str
    placement: Literal["^", "_", "<", ">", "@"] = "^"


@dataclass(frozen=True, slots=True)
class GraceNote:
    """One of a group of grace notes: its MIDI number, its written length in ticks, and its spelling."""

    pitch: int
    duration: int
    fifths: int


@dataclass(frozen=True, slots=True)
class Grace:
    """Grace notes before the note at their onset: one after the other, each a tuple of notes that sound together.

    Attributes:
        is_slashed: An acciaccatura, whose stem is crossed.
        is_slurred: A slur of their own binds them to their note.
    """

    onset: int
    notes: tuple[tuple[GraceNote, ...], ...]
    is_slashed: bool = False
    is_slurred: bool = False


def grace_unit(count: int) -> int:
    """Ticks of a grace note of ABC without a length in a group of so many, as it is printed: an eighth alone, a 16th
    beside others, whatever `L:` says.
    """
    return TICKS_PER_QUARTER // (2 if count == 1 else 4)


@dataclass(frozen=True, slots=True)
class Spelling:
    """How the note of a pitch at an onset is spelled, where that is not as the key signature has it."""

    onset: int
    pitch: int
    fifths: int


Clef = Literal["treble", "treble-8", "treble+8", "alto", "tenor", "bass", "bass-8"]
"""As ABC calls it (ABC standard 2.1, section 4.6)."""


@dataclass(frozen=True, slots=True)
class ClefSign:
    """A clef that the source has from an onset on, where it is not the usual one of the voice."""

    onset: int
    clef: Clef


Notation = Mark | Span | Lyric | Text | Grace | Spelling | ClefSign


@dataclass(frozen=True, slots=True)
class TempoMark:
    """A tempo from an onset of a bar on.

    Attributes:
        tempo: Quarter notes a minute; None where only words say it.
        words: Such as "Allegro"; empty where there are none.
        beat: Ticks of the note value that the tempo counts; 0 if it is not known.
        is_silent: It is played and not printed.
    """

    onset: int
    tempo: float | None
    words: str = ""
    beat: int = 0
    is_silent: bool = False

    def says_no_more(self, beat: int) -> bool:
        """Whether it says a number alone, in beats of so many ticks."""
        return not self.words and not self.is_silent and self.beat in (0, beat)


@dataclass(frozen=True, slots=True)
class ChordSymbol:
    """How a chord is written over the staff: root, what follows it ("m7", "sus4(b9)"), and the bass after a slash.

    Attributes:
        is_small: The root's letter is small ("em"), as some write minor chords.
    """

    root: int
    suffix: str
    bass: int | None = None
    is_small: bool = False

    def __str__(self) -> str:
        root = name_at(self.root)
        bass = "" if self.bass is None else "/" + name_at(self.bass)
        return (root[0].lower() + root[1:] if self.is_small else root) + self.suffix + bass

    def moved(self, fifths: int) -> ChordSymbol:
        """This symbol moved along the line of fifths."""
        bass = None if self.bass is None else _within_names(self.bass + fifths)
        return replace(self, root=_within_names(self.root + fifths), bass=bass)


@dataclass(frozen=True, slots=True)
class Instrument:
    """Who plays or sings a voice: its name before the first staff and before later ones, and the instrument.

    Attributes:
        name: Such as "Violin I" or "Soprano"; empty where the source names none.
        short_name: Such as "Vln. I".
        program: MIDI's number of its sound, 0 to 127; None where the source names none.
        transposition: Semitones from where its part is written to where it sounds, -2 for a clarinet in B flat.
        shares_staff: Its voice stands on the staff of the voice above.
        shares_part: It has a further staff of the player of the voice above, such as a piano's for the left hand.
    """

    name: str = ""
    short_name: str = ""
    program: int | None = None
    transposition: int = 0
    shares_staff: bool = False
    shares_part: bool = False


def players_of(instruments: Sequence[Instrument], voices: Sequence[int]) -> tuple[Instrument, ...]:
    """The instruments of some voices, in their order; one has a staff and a part of its own where the voice that stood
    above it does so no longer.
    """
    if not instruments:
        return ()
    found = []
    for above, voice in zip((-1, *voices), voices, strict=False):
        player = instruments[voice]
        found.append(player if voice == above + 1 else replace(player, shares_staff=False, shares_part=False))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Source:
    """The file that a piece was read from, so that an edit can be written into it.

    Attributes:
        content: Its bytes; of a compressed file, those of the score within.
        bars: For each part of the file, where each of its measures begins and ends in `content`, in bytes.
        voices: The index of its part for each voice of the piece.
        staves: The number of its staff in that part, or of the voice where its staves hold several.
        layers: For each part of another program's MusicXML whose staves hold several voices, staff and `<voice>` -> the
            number of the voice.
    """

    content: bytes
    bars: tuple[tuple[tuple[int, int], ...], ...]
    voices: tuple[int, ...]
    staves: tuple[int, ...] = ()
    layers: tuple[Mapping[tuple[int, str], int], ...] = ()


def moved(notation: Iterable[Notation], fifths: int, semitones: int) -> tuple[Notation, ...]:
    """Notation of a voice transposed; what leaves MIDI's range is left out."""
    return tuple([record for record in (_moved(each, fifths, semitones) for each in notation) if record is not None])


def with_voices_renamed(notation: Iterable[Notation], names: Mapping[str, str], own: str) -> tuple[Notation, ...]:
    """Notation of a voice whose new name is `own`, with slurs that lead to voices by their new names."""
    return tuple([_renamed(record, names, own) for record in notation])


def _renamed(record: Notation, names: Mapping[str, str], own: str) -> Notation:
    if not (isinstance(record, Span) and record.voice in names):
        return record
    voice = names[record.voice]
    return replace(record, voice="" if voice == own else voice)


def _moved(record: Notation, fifths: int, semitones: int) -> Notation | None:
    if isinstance(record, Spelling):
        return replace(record, pitch=record.pitch + semitones, fifths=_within_names(record.fifths + fifths))
    if not isinstance(record, Grace):
        return record
    notes = tuple(
        tuple(
            replace(note, pitch=note.pitch + semitones, fifths=_within_names(note.fifths + fifths))
            for note in together
            if 0 <= note.pitch + semitones <= 127
        )
        for together in record.notes
    )
    return replace(record, notes=tuple(filter(None, notes))) if any(notes) else None


def _within_names(fifths: int) -> int:
    """A place on the line of fifths with at most two accidentals, by enharmonic change where it would have more."""
    return fifths + 12 if fifths < -15 else fifths - 12 if fifths > 19 else fifths
