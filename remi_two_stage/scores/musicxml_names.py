"""What things are called in MusicXML 4.0, and in music21, which takes its names of modes and chord kinds."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.notation import Clef, DoubleLine

SOFTWARE = "remi-two-stage"
"""Stands in a score's metadata as the program that made it; such a score says itself which short bars are pick-ups."""
CONTAINER = "META-INF/container.xml"
"""The member of a compressed file that names the score in it."""
NO_JOG = "0"
"""Length of the jog of a bracket that stops while its ending goes on to the end of the piece; other stops say none."""

BAR_STYLES: Mapping[DoubleLine, str] = {"": "", "||": "light-light", "|]": "light-heavy"}
DOUBLE_LINES = {style: line for line, style in BAR_STYLES.items()}

MODE_NAMES = {
    "maj": "major", "min": "minor", "dor": "dorian", "phr": "phrygian", "lyd": "lydian", "mix": "mixolydian",
    "loc": "locrian",
}  # fmt: skip
"""`signatures.MODES` -> name of the mode."""
MODE_OF_NAME = {name: mode for mode, name in MODE_NAMES.items()} | {"ionian": "maj", "aeolian": "min"}

CHORD_KINDS = {
    "maj": "major", "min": "minor", "dim": "diminished", "aug": "augmented", "7": "dominant-seventh",
    "maj7": "major-seventh", "min7": "minor-seventh", "hdim7": "half-diminished-seventh",
    "dim7": "diminished-seventh", "minmaj7": "minor-major-seventh", "aug7": "augmented-seventh", "6": "major-sixth",
    "min6": "minor-sixth", "sus4": "suspended-fourth", "sus2": "suspended-second", "7sus4": "suspended-fourth-seventh",
    "5": "power", "9": "dominant-ninth", "7b9": "dominant-seventh-flat-ninth", "13": "dominant-13th",
    "add9": "major-added-ninth", "maj9": "major-ninth", "min9": "minor-ninth",
}  # fmt: skip
"""Key of `chords.QUALITIES` -> music21's name of the chord kind."""
QUALITY_OF_KIND = {kind: quality for quality, kind in CHORD_KINDS.items()}

KINDS = CHORD_KINDS | {
    "7": "dominant", "hdim7": "half-diminished", "minmaj7": "major-minor", "7sus4": "suspended-fourth",
    "7b9": "dominant", "add9": "major",
}  # fmt: skip
"""Key of `chords.QUALITIES` -> MusicXML's name of the chord kind; a suspended seventh is a fourth with a degree."""
FURTHER_KINDS = {
    "11": "dominant-11th", "maj11": "major-11th", "M11": "major-11th", "m11": "minor-11th", "min11": "minor-11th",
    "maj13": "major-13th", "M13": "major-13th", "m13": "minor-13th", "min13": "minor-13th", "alt": "dominant",
}  # fmt: skip
"""Suffix of a chord's name -> MusicXML's name of a chord kind that has no quality of its own."""
QUALITY_OF_MUSICXML_KIND = QUALITY_OF_KIND | {
    "dominant": "7", "half-diminished": "hdim7", "major-minor": "minmaj7",
    "dominant-11th": "9", "major-11th": "maj9", "major-13th": "maj9", "minor-11th": "min9", "minor-13th": "min9",
}  # fmt: skip
"""MusicXML's name of a chord kind -> key of `chords.QUALITIES`, the nearest one."""

CLEFS: dict[Clef, tuple[str, int, int]] = {
    "treble": ("G", 2, 0), "treble-8": ("G", 2, -1), "treble+8": ("G", 2, 1), "alto": ("C", 3, 0),
    "tenor": ("C", 4, 0), "bass": ("F", 4, 0), "bass-8": ("F", 4, -1),
}  # fmt: skip
"""Clef -> sign, line, and octaves that its notes sound above where they stand."""

ARTICULATIONS = {
    "staccato": "staccato", "accent": "accent", "tenuto": "tenuto", "marcato": "strong-accent",
    "wedge": "staccatissimo", "breath": "breath-mark", "caesura": "caesura", "spiccato": "spiccato",
    "scoop": "scoop", "plop": "plop",
    "doit": "doit", "falloff": "falloff", "stress": "stress", "unstress": "unstress", "softaccent": "soft-accent",
    "detachedlegato": "detached-legato",
}  # fmt: skip
ORNAMENTS = {
    "trill": "trill-mark", "turn": "turn", "invertedturn": "inverted-turn", "lowermordent": "mordent",
    "uppermordent": "inverted-mordent", "slide": "schleifer", "shake": "shake", "haydn": "haydn",
}  # fmt: skip
TRILL_BEGINS, TRILL_ENDS = "trill(", "trill)"
TRILL_LINES = {
    TRILL_BEGINS: '<trill-mark/><wavy-line type="start"/>',
    TRILL_ENDS: '<wavy-line type="stop"/>',
}
"""Marks between which a trill is held -> their elements in `<ornaments>`."""
TECHNICAL = {
    "upbow": "up-bow", "downbow": "down-bow", "open": "open-string", "thumb": "thumb-position",
    "snap": "snap-pizzicato", "plus": "stopped", "harmonic": "harmonic",
}  # fmt: skip
SAME_MARKS = {"mordent": "lowermordent", "pralltriller": "uppermordent", "emphasis": "accent", ">": "accent"}
"""Second names of marks -> the ones above."""
FINGERS = "012345"
FERMATAS = {"fermata": "upright", "invertedfermata": "inverted"}
"""Name of a mark (`notation.Mark`) -> the element in `<articulations>`, `<ornaments>`, `<technical>`; the type of a
`<fermata>`.
"""
DYNAMICS_ELEMENTS = frozenset(
    "p pp ppp pppp ppppp pppppp f ff fff ffff fffff ffffff mp mf sf sfp sfpp fp rf rfz sfz sffz fz n pf sfzp".split()
)
"""Elements in `<dynamics>`; marks of these names are dynamics."""

SPAN_ELEMENTS = {
    "slur": ("slur", "start", ""), "crescendo": ("wedge", "crescendo", ""), "diminuendo": ("wedge", "diminuendo", ""),
    "8va": ("octave-shift", "down", "8"), "8vb": ("octave-shift", "up", "8"), "15ma": ("octave-shift", "down", "15"),
    "15mb": ("octave-shift", "up", "15"),
}  # fmt: skip
"""Name of a span -> its element, the type that begins it, and its size: notes are written down or up from there."""
PEDAL_MARKS = {"start": ("ped",), "stop": ("ped-up",), "change": ("ped-up", "ped")}
"""Type of a `<pedal>` -> names of marks."""

JUMP_WORDS = {
    "fine": "Fine", "dacoda": "To Coda", "D.C.": "D.C.", "D.C.alfine": "D.C. al Fine", "D.C.alcoda": "D.C. al Coda",
    "D.S.": "D.S.", "D.S.alfine": "D.S. al Fine", "D.S.alcoda": "D.S. al Coda",
}  # fmt: skip
"""Sign of `Bar.jumps` that stands after its bar -> the words over the staff."""
JUMP_SOUNDS = {
    "segno": 'segno="segno"', "coda": 'coda="coda"', "fine": 'fine="yes"', "dacoda": 'tocoda="coda"',
    "D.C.": 'dacapo="yes"', "D.S.": 'dalsegno="segno"',
}  # fmt: skip
"""Sign of `Bar.jumps`, a jump by its first four letters -> the attribute of `<sound>` that says it to players."""

CREATORS = {"C": "composer", "A": "lyricist"}
"""Field of ABC -> the type of a `<creator>`."""
RIGHTS = "abc-copyright"
"""How a line `Z:` begins that says who holds the rights (ABC standard 2.1, section 3.1.16)."""
FIELD_PREFIX = "abc-"
"""How the names of `<miscellaneous-field>`s begin that hold other fields of ABC."""
PLAYER, UNNAMED = "-I1", "-usual"
"""How the ids of players end, after the name of their voice: those of instruments without a name, which are called as
usual, in another way.
"""
SHARED_STAVES = "shared-staves"
"""Name of the `<miscellaneous-field>` that names the voices which stand on the staff of the voice above."""
SAME_WORDS = "words"
"""What a hidden `<other-notation>` says at a note that is sung to the words of the first voice of its staff."""
STYLE = "style"
"""Name of the `<miscellaneous-field>` that holds the style."""
