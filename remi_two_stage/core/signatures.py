"""Key and time signatures, and note names on the line of fifths.

Conventions
- A tick is 1/24 of a quarter note.
- A name's place on the line of fifths counts C as 0, G as 1, F as -1, F# as 6, Bb as -2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .errors import RequestError
from .text import did_you_mean

TICKS_PER_QUARTER = 24
TICKS_PER_WHOLE = 4 * TICKS_PER_QUARTER

_LINE_OF_FIFTHS = "FCGDAEB"
MODES = {"maj": 0, "min": -3, "dor": -2, "phr": -4, "lyd": 1, "mix": -1, "loc": -5}
"""Mode -> sharps of its key signature when its tonic is C (negative: flats)."""
_SPOKEN_MODES = dict(zip(MODES, "major minor Dorian Phrygian Lydian Mixolydian Locrian".split(), strict=True))
_MODE_NAMES = {"": "maj", "M": "maj", "m": "min", "ion": "maj", "aeo": "min"} | {mode: mode for mode in MODES}
"""What `K:` may say -> mode; only the first three letters count (ABC 2.1, section 3.1.14)."""
_SIGNS = {"♯": "#", "sharp": "#", "♭": "b", "flat": "b"}


def fifths_of(name: str) -> int:
    """Place of a note name ("F#", "Bb") on the line of fifths."""
    return _LINE_OF_FIFTHS.index(name[0]) - 1 + 7 * (name.count("#") - name.count("b"))


def name_at(fifths: int) -> str:
    """Note name at a place on the line of fifths."""
    accidentals, letter = divmod(fifths + 1, 7)
    return _LINE_OF_FIFTHS[letter] + ("#" * accidentals if accidentals > 0 else "b" * -accidentals)


def fifths_from(lowest: int, pitch: int) -> int:
    """Place on the line of fifths of a pitch's name among the twelve that begin at `lowest`."""
    return lowest + (7 * pitch - lowest) % 12


def fifths_of_transposition(semitones: int) -> int:
    """Places on the line of fifths by which names move with a transposition, by the shorter way round it."""
    return (7 * semitones + 5) % 12 - 5


def shift_from_c(pitch_class: int) -> int:
    """Semitones, -6 to 5, by which music in C is moved so that its tonic sounds as a pitch class."""
    return (pitch_class + 6) % 12 - 6


def beats_after(position: int, end: int, beat_length: int) -> range:
    """Metrical positions of the beats after `position` and before `end`."""
    return range(position - position % beat_length + beat_length, end, beat_length)


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """A tonic ("C", "F#", "Bb") and a mode ("maj", "min", "dor", "phr", "lyd", "mix", "loc") with at most seven
    sharps or flats.
    """

    tonic: str = "C"
    mode: str = "maj"

    def __post_init__(self) -> None:
        if not re.fullmatch("[A-G](#|b)?", self.tonic) or self.mode not in MODES or abs(self.signature) > 7:
            raise RequestError(
                f"there is no key {self.tonic + self.mode!r}; give a tonic and a mode with at most "
                f"seven sharps or flats, such as D, Bb, F#m, Ador, Gmix{self._same_sound()}"
            )

    @classmethod
    def parse(cls, text: str) -> Key:
        """Read "D", "Dm", "D minor", "Ador", "G Mixolydian", "F#min", "B flat".

        Raises:
            RequestError: the text names no key.
        """
        match = re.fullmatch(r"\s*([A-Ga-g])([#b♯♭]|[ -]?(?:flat|sharp)\b|)[ -]?\s*([A-Za-z]*)\s*", text)
        mode = match and _MODE_NAMES.get(match[3] if match[3] in ("m", "M") else match[3][:3].lower())
        if match is None or mode is None:
            raise RequestError(
                f"there is no key {text!r}; write a tonic and a mode, such as D, Bb, F#m, Ador, Gmix"
                f"{did_you_mean(text, _SPOKEN_KEYS)}"
            )
        return cls(match[1].upper() + _SIGNS.get(match[2].strip(" -"), match[2]), mode)

    def _same_sound(self) -> str:
        """The end of a message that names the key that sounds like this one, which has too many sharps or flats."""
        if not re.fullmatch("[A-G](#|b)?", self.tonic) or self.mode not in MODES:
            return ""
        return f"; did you mean {self.shifted(0).spoken}?"

    @property
    def fifths(self) -> int:
        """The tonic's place on the line of fifths."""
        return fifths_of(self.tonic)

    @property
    def signature(self) -> int:
        """Sharps in the key signature; negative: flats."""
        return self.fifths + MODES[self.mode]

    @property
    def scale(self) -> frozenset[int]:
        """The pitch classes that need no accidental."""
        return frozenset(7 * (self.signature + step) % 12 for step in range(-1, 6))

    @property
    def pitch_class(self) -> int:
        """The tonic's pitch class, 0 (C) to 11 (B)."""
        return 7 * self.fifths % 12

    @property
    def semitones_above_c(self) -> int:
        """Semitones from C to this tonic by the way that `Piece.in_c()` takes back: -6 to 5."""
        return shift_from_c(self.pitch_class)

    def on(self, pitch_class: int) -> Key:
        """The same mode on another tonic, in the spelling with the fewer accidentals."""
        return self.shifted((7 * (pitch_class - self.pitch_class) + 5) % 12 - 5)

    @property
    def spoken(self) -> str:
        """The key in words: "F# minor"."""
        return f"{self.tonic} {_SPOKEN_MODES[self.mode]}"

    def shifted(self, fifths: int) -> Key:
        """The same mode, its tonic moved along the line of fifths, respelled where that needs more than seven
        accidentals.
        """
        signature = self.signature + fifths
        wrap = 0 if abs(signature) <= 7 else (-12 if signature > 0 else 12)
        return Key(name_at(self.fifths + fifths + wrap), self.mode)

    def __str__(self) -> str:
        return self.tonic + self.mode


_SPOKEN_KEYS = [
    Key(name_at(signature - shift), mode).spoken for mode, shift in MODES.items() for signature in range(-7, 8)
]


@dataclass(frozen=True, slots=True, order=True)
class Meter:
    """A time signature whose bar is a whole number of ticks; `written` is how it stands in the score where not as its
    fraction: "C", "C|", "2+2+3/8".
    """

    numerator: int = 4
    denominator: int = 4
    written: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.numerator < 1 or self.denominator not in (1, 2, 4, 8, 16, 32):
            raise RequestError(
                f"there is no metre {self.numerator}/{self.denominator}; "
                "the upper number is 1 or more, the lower one of 1, 2, 4, 8, 16, 32"
            )

    @classmethod
    def parse(cls, text: str) -> Meter:
        """Read "6/8", "C" (4/4) or "C|" (2/2).

        Raises:
            RequestError: the text is not a metre.
        """
        text = text.strip()
        match = re.fullmatch(r"(\d{1,3})\s*/\s*(\d{1,3})", {"C": "4/4", "C|": "2/2"}.get(text, text))
        if match is None:
            raise RequestError(f"there is no metre {text!r}; write two numbers such as 6/8, or C, or C|")
        return cls(int(match[1]), int(match[2]), text if "C" in text else "")

    @property
    def bar_length(self) -> int:
        """Ticks in a full bar."""
        return TICKS_PER_WHOLE * self.numerator // self.denominator

    @property
    def is_compound(self) -> bool:
        """Whether a beat has three units, as in 6/8, 9/8 and 12/8."""
        return self.numerator % 3 == 0 and self.numerator > 3 and self.denominator >= 8

    @property
    def beat_length(self) -> int:
        """Ticks in a beat: three units in compound metres, else one."""
        return TICKS_PER_WHOLE // self.denominator * (3 if self.is_compound else 1)

    @property
    def strong_beats(self) -> tuple[int, ...]:
        """Ticks from a full bar's start to its strong beats: the first one, and where the beats can be halved, the
        first of the second half.
        """
        half = self.bar_length // 2
        return (0, half) if half % self.beat_length == 0 else (0,)

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"
