"""What a user may request, checked before any work is done.

Keys and metres are written as in ABC ("D", "Am", "Gmix"; "6/8", "C|"), tempos are quarter notes a minute, bars are
counted as a musician does (`Piece.bar_count`).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from .abc_writer import parse_style
from .codec import globals_tokens
from .errors import RequestError, UnlearntStyleWarning
from .plan import Plan, key_of_names
from .signatures import Key, Meter
from .text import did_you_mean
from .vocabulary import MAX_BARS, STYLES, TEMPOS, TOKEN_IDS, VOICES, token
from .voices import FOUR_PARTS, MELODY, QUARTET, VOICE_TITLES

_SPOKEN_VOICES = {title.casefold(): voice for voice, (title, _) in VOICE_TITLES.items()} | {
    voice.casefold(): voice for voice in VOICES
}
_HIGHEST_SEED = (1 << 62) - 1
_STYLE_VOICES = {"hymn": FOUR_PARTS, "chorale": FOUR_PARTS, "quartet": QUARTET}
"""The voices of a style; a melody alone where nothing is listed."""
STYLE_METERS = {
    "jig": "6/8", "slip-jig": "9/8", "slide": "12/8", "reel": "C|", "hornpipe": "C|", "clog": "C|",
    "highland-fling": "C|", "waltz": "3/4", "polka": "2/4", "mazurka": "3/4", "minuet": "3/4", "quadrille": "6/8",
}  # fmt: skip
"""The usual metre of a style; 4/4 where nothing is listed."""
_STYLE_TEMPOS = {
    "jig": 180, "slip-jig": 174, "slide": 195, "reel": 216, "hornpipe": 160, "waltz": 140, "polka": 120, "march": 112,
    "air": 80, "strathspey": 120, "barndance": 152, "clog": 144, "highland-fling": 144, "schottische": 144,
    "mazurka": 132, "set-dance": 140, "quadrille": 168, "country-dance": 176, "minuet": 120, "gavotte": 132, "song": 96,
    "walkaround": 132, "hymn": 80, "chorale": 72,
}  # fmt: skip
"""The usual tempo of a style in quarter notes a minute: in a reel half notes are counted, in jigs dotted quarters."""


def usual_tempo(style: str | None) -> float | None:
    """Quarter notes a minute at which a style is usually played; None for one that is not known."""
    return _STYLE_TEMPOS.get(style or "")


@dataclass(frozen=True, slots=True)
class Request:
    """What a plan is to be like; each field's help is in its metadata.

    None leaves style and tempo open. A metre of None is the usual one of the style, a key of None that of the names in
    a typed plan, or else C; voices of None are S, A, T, B for hymns and chorales, the players of a quartet for
    quartets, else a melody alone. A voice that is named again is the second of its kind: S, S, A, A is S, S2, A, A2.
    Voices may be named by their titles, and in small letters: soprano, a.

    Raises:
        RequestError: a value that does not exist or is out of range.
    """

    style: str | None = field(
        default=None, metadata={"help": "such as jig, reel, hornpipe, hymn, chorale", "completions": STYLES}
    )
    key: str | Key | None = field(
        default=None,
        metadata={"help": "tonic and mode, such as D, Am, Gmix  [default: that of typed chord names, else C]"},
    )
    meter: str | Meter | None = field(
        default=None, metadata={"help": "such as 6/8, 4/4, C|  [default: the style's own]"}
    )
    bars: int = field(default=16, metadata={"help": f"1 to {MAX_BARS}, pick-ups not counted"})
    tempo: float | None = field(default=None, metadata={"help": f"quarter notes a minute, {TEMPOS[0]} to {TEMPOS[-1]}"})
    voices: Sequence[str] | None = field(
        default=None, metadata={"help": "names, high to low, such as S,A,T,B  [default: the style's own]"}
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "style", None if self.style is None else _style(self.style))
        if self.tempo is not None and not (
            isinstance(self.tempo, int | float) and TEMPOS[0] <= self.tempo <= TEMPOS[-1]
        ):
            raise RequestError(
                f"cannot write at {self.tempo!r} quarter notes a minute; ask for {TEMPOS[0]} to {TEMPOS[-1]}"
            )
        check_bars(self.bars, MAX_BARS)
        object.__setattr__(self, "key", None if self.key is None else _key(self.key))
        object.__setattr__(self, "meter", _meter(self.meter, self.style))
        object.__setattr__(self, "voices", _voices(self.voices, self.style))

    @property
    def tonality(self) -> Key:
        """The key, read; C where none is given."""
        return Key() if self.key is None else _key(self.key)

    def globals(self) -> list[int]:
        """Token ids of what the planner is given, in C."""
        home = Key("C", self.tonality.mode)
        meter = _meter(self.meter, self.style)
        return globals_tokens(
            self.voices or (), home, meter, self.style, self.tempo, self.bars, self.tonality.pitch_class
        )

    def warn_of_style(self, learnt: Collection[str] | None) -> None:
        """Warn of a style that a model has not learnt: it knows no more of it than its metre and tempo.

        Args:
            learnt: Names of those that it has; None if that is not known.
        """
        if learnt is not None and self.style is not None and self.style not in learnt:
            warnings.warn(
                f"the model has learnt too few tunes of the style {self.style!r}; it knows {', '.join(learnt)}",
                UnlearntStyleWarning,
                stacklevel=3,
            )

    def typed(self, chords: str) -> Plan:
        """A plan that a person typed, in this key, metre, style and tempo, for these voices.

        Raises:
            ChordError: the text is no plan, a pick-up is not whole 16ths long, or repeats and endings cannot be
                followed.
        """
        meter = _meter(self.meter, self.style)
        key = key_of_names(chords) if self.key is None else self.tonality
        plan = Plan.parse(chords, key, meter, tuple(self.voices or ()), self.style, self.tempo)
        plan.check_typed()
        return plan


def _style(style: str) -> str:
    """A style in the vocabulary's spelling: "Slip Jig" is "slip-jig"."""
    if not isinstance(style, str):
        kind = type(style).__name__
        raise RequestError(f"style is of type {kind}; give a name such as jig, and several requests to compose_batch")
    name = parse_style(style)
    if name not in STYLES:
        raise RequestError(f"there is no style {style!r}; there are {', '.join(STYLES)}{did_you_mean(style, STYLES)}")
    return name


def _key(key: str | Key) -> Key:
    if not isinstance(key, str | Key):
        raise RequestError(f"there is no key {key!r}; write a tonic and a mode, such as D, Bb, F#m, Ador, Gmix")
    return key if isinstance(key, Key) else Key.parse(key)


def _meter(meter: str | Meter | None, style: str | None) -> Meter:
    wanted = STYLE_METERS.get(style or "", "4/4") if meter is None else meter
    if not isinstance(wanted, str | Meter):
        raise RequestError(f"there is no metre {wanted!r}; write two numbers such as 6/8, or C, or C|")
    parsed = wanted if isinstance(wanted, Meter) else Meter.parse(wanted)
    if token("time", parsed) not in TOKEN_IDS:
        raise RequestError(f"cannot write in {parsed}; a bar has at most 24 beats and three whole notes")
    return parsed


def _voice(name: Any) -> Any:
    """A voice in the vocabulary's spelling: "soprano" and " s" are "S"; what is none as it is."""
    return _SPOKEN_VOICES.get(name.strip().casefold(), name) if isinstance(name, str) else name


def _voices(voices: Sequence[str] | None, style: str | None) -> tuple[str, ...]:
    if voices is None:
        return _STYLE_VOICES.get(style or "", (MELODY,))
    named = tuple(map(_voice, voices)) if isinstance(voices, Sequence) and not isinstance(voices, str) else ()
    named = tuple(f"{name}2" if name in named[:index] else name for index, name in enumerate(named))
    if not named or len(set(named)) < len(named) or not set(named) <= set(VOICES):
        raise RequestError(
            f"cannot write for the voices {voices!r}; give a list that names each once, a second one twice, from "
            f"{', '.join(VOICES)}{_voice_meant(named)}"
        )
    return named


def _voice_meant(named: Sequence[str]) -> str:
    """The voice that was meant by the first of those named that does not exist, also by its title."""
    unknown = next((name for name in named if name not in VOICES), None)
    if isinstance(unknown, str) and len(unknown) > 1 and re.fullmatch("S*A*T*B*", unknown.upper()):
        return f"; did you mean {','.join(unknown.upper())}?"
    return did_you_mean(unknown, VOICES, _SPOKEN_VOICES)


def check_bars(bars: Any, most: int) -> None:
    """Raises RequestError unless `bars` is a number of bars from 1 to `most`."""
    if not isinstance(bars, int) or isinstance(bars, bool) or not 1 <= bars <= most:
        raise RequestError(f"cannot write {bars!r} bars; ask for 1 to {most}")


def check_seed(seed: Any) -> None:
    """Raises RequestError unless `seed` is None or a whole number from 0 to `_HIGHEST_SEED`."""
    if seed is not None and (not isinstance(seed, int) or not 0 <= seed <= _HIGHEST_SEED):
        raise RequestError(f"the seed {seed!r} is out of range; it is a whole number from 0 to {_HIGHEST_SEED}")
