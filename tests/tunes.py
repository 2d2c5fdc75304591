"""A tune that several tests read, written out bar by bar."""

from remi_two_stage.core.piece import Bar, Chord, Note, Piece
from remi_two_stage.core.signatures import Key, Meter

_KESH_JIG = (
    ("I", "G4 A4 G4 G4 A4 B4"),
    ("V", "A4 B4 A4 A4 B4 D5"),
    ("IV", "E5 D5 D5 G5 D5 D5"),
    ("V", "E5 D5 B4 D5 B4 A4"),
    ("I", "G4 A4 G4 G4 A4 B4"),
    ("V", "A4 B4 A4 A4 B4 D5"),
    ("IV", "E5 D5 D5 G5 D5 B4"),
    ("V", "A4 G4 F#4 G4"),
)
_EIGHTH = 12


def _midi(name: str) -> int:
    semitones = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
    return semitones[name[0]] + name.count("#") + 12 * (int(name[-1]) + 1)


def kesh_jig(with_chords: bool = True) -> Piece:
    """The first part of the Kesh Jig, traditional, in G: eight bars of 6/8, the last note three eighths long."""
    bars = []
    for number, (chord, names) in enumerate(_KESH_JIG):
        pitches = [_midi(name) for name in names.split()]
        lengths = [_EIGHTH] * (len(pitches) - 1) + [72 - _EIGHTH * (len(pitches) - 1)]
        notes = tuple(Note(_EIGHTH * i, pitch, lengths[i]) for i, pitch in enumerate(pitches))
        chords = (Chord(0, chord),) if with_chords else ()
        bars.append(
            Bar(
                Meter(6, 8),
                Key("G"),
                72,
                (notes,),
                chords,
                phrase_start=number % 4 == 0,
                repeat_start=number == 0,
                repeat_end=number == 7,
            )
        )
    return Piece(("M",), tuple(bars), title="The Kesh Jig", style="jig")


OLD_HUNDREDTH = """X:1
T:Old Hundredth
M:4/4
L:1/4
K:G
V:S
V:A
V:T clef=treble-8
V:B clef=bass
[V:S] "G"G | "G"GF"D"ED | "G"GA"D"B2 |]
w: All peo-ple that on earth do dwell
[V:A] D | DDCD | DFG2 |]
[V:T] B, | B,A,G,A, | B,DD2 |]
[V:B] G,, | G,,D,C,D, | G,,D,G,2 |]
"""
"""A choir's first line, with its words."""
