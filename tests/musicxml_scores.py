"""Scores in MusicXML for tests, made of a few words, and a hymn with every kind of notation."""

from dataclasses import replace
from fractions import Fraction

from remi_two_stage.core.notation import (
    Grace,
    GraceNote,
    Instrument,
    Lyric,
    Mark,
    Span,
    Spelling,
    TempoMark,
    Text,
)
from remi_two_stage.core.piece import Piece
from remi_two_stage.scores.abc_reader import read_abc

COMMON = "<time><beats>4</beats><beat-type>4</beat-type></time>"
SCALE = "CDEF"
WHOLE_REST = '<note><rest measure="yes"/><duration>16</duration><voice>1</voice></note>'
BACKWARD = '<barline location="right"><repeat direction="backward"/></barline>'


def note(step: str, length: int = 4, inside: str = "", octave: int = 4, voice: int = 1, staff: int = 0) -> str:
    """A note of `length` sixteenths; `inside` may hold <chord/>, ties and other elements in any order."""
    before = "".join(f"<{tag}/>" for tag in ("cue", "chord") if f"<{tag}/>" in inside)
    ties = "".join(tie for tie in ('<tie type="stop"/>', '<tie type="start"/>') if tie in inside)
    after = inside.replace("<cue/>", "").replace("<chord/>", "")
    for tie in ('<tie type="stop"/>', '<tie type="start"/>'):
        after = after.replace(tie, "")
    place = f"<voice>{voice}</voice>" + (f"<staff>{staff}</staff>" if staff else "")
    pitch = f"<pitch><step>{step}</step><octave>{octave}</octave></pitch>"
    return f"<note>{before}{pitch}<duration>{length}</duration>{ties}{place}{after}</note>"


def scale(steps: str = SCALE) -> str:
    return "".join(map(note, steps))


def score(*parts: list[str], attributes: str = COMMON, key: str = "0") -> bytes:
    """A score of parts, each a list of the content of its measures; the first measure has the attributes."""
    text = ['<score-partwise version="4.0"><part-list>']
    text += [f'<score-part id="P{n}"><part-name>Part {n}</part-name></score-part>' for n in range(1, len(parts) + 1)]
    text.append("</part-list>")
    for number, measures in enumerate(parts, 1):
        text.append(f'<part id="P{number}">')
        for index, measure in enumerate(measures):
            opening, _, content = measure.rpartition("§")
            begin = f"<attributes><divisions>4</divisions><key><fifths>{key}</fifths></key>{attributes}</attributes>"
            text.append(f'<measure number="{index + 1}" {opening}>{"" if index else begin}{content}</measure>')
        text.append("</part>")
    return "".join([*text, "</score-partwise>"]).encode()


def notes_of(piece: Piece, unfold: bool = False) -> list[tuple[int, int | Fraction, int | Fraction, int]]:
    return [(piece.voices.index(voice), *rest) for voice, *rest in piece.note_list(unfold_repeats=unfold)]  # type: ignore[misc]


def lengths(piece: Piece) -> list[Fraction]:
    return [Fraction(bar.length, 24) for bar in piece.bars]


HYMN = """X:1
T:Tallis' Canon
C:Thomas Tallis
M:4/4
L:1/4
K:G
G|G F G A|G B c B|A A G|]
"""


def all_notation() -> Piece:
    """A tune with every kind of record, one of them in the middle of a tied note."""
    (piece,) = read_abc(HYMN)
    records = (
        (Lyric(0, "All", 1), Lyric(0, "Glo", 2, "-"), Mark(0, "mf")),
        (
            Mark(0, "trill"), Mark(0, "staccato"), Lyric(0, "praise", 1, "_"), Span(0, "slur", 0, 24),
            Lyric(0, "ry", 2), Lyric(24, "", 1, "_"),
            Grace(48, ((GraceNote(66, 12, 6),), (GraceNote(69, 12, 3),)), True, True), Mark(48, "upbow"),
            Mark(48, "roll"), Span(48, "crescendo", 1, 24), Mark(72, "fermata"), Mark(72, "3"),
        ),
        (Text(0, "dolce"), Spelling(24, 71, -7), Span(48, "slur", 1, 24)),
        (Mark(0, "arpeggio"), Text(24, "rit.", "_"), Mark(48, "f")),
    )  # fmt: skip
    bars = [replace(bar, notation=(of_bar,)) for bar, of_bar in zip(piece.bars, records, strict=True)]
    bars[2] = replace(bars[2], tempos=(TempoMark(0, 60, "Slower", 24),))
    return replace(piece, bars=tuple(bars), tempo=90.0, instruments=(Instrument("Violin I", "Vln. I", 40),))
