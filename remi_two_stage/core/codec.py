"""`Piece` to tokens and back.

`encode` writes a piece in C as a "full" sequence; `decode` reads any kind. What tokens cannot say is changed by
`fitting.fit` first, which counts every change: `decode(encode(piece))` is the same music as
`piece.in_part_order().in_c()` wherever nothing was counted. A bar without a known chord begins with `<Chord_unk>`,
which decodes to no chord again.

Within the package tokens are ids (`encode_ids`, `decode_ids`). For those who read them, `encode`, `decode` and
`extract_chord_sequence` do the same by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain
from typing import ClassVar

from .arguments import check_is_piece
from .chords import UNKNOWN_CHORD
from .errors import EncodingError, GrammarError, RequestError
from .fitting import fit, nearest
from .grammar import check_grammar, form_of
from .grammar_structure import BAR_START, ENDING_END, PHRASE_START, REPEAT_END, REPEAT_START
from .piece import Bar, Chord, Note, Piece
from .sequences import first_bar, plan_sequence
from .signatures import Key, Meter
from .vocabulary import (
    AFTER,
    BOS,
    DETAIL,
    EOS,
    FREE_METER,
    IDS,
    MAX_BARS,
    MAX_DURATION,
    STYLES,
    TEMPOS,
    TOKEN_IDS,
    TOKENS,
    TONICS,
    UNKNOWN_STYLE,
    VOICES,
    token_id,
    token_names,
)
from .voices import MELODY, QUARTET, SINGERS

# Looked up for every note, in a tuple faster than in a range.
_REL_POS, _NOTE_ON, _DURATION = (tuple(IDS[family]) for family in ("RelPos", "Note-On", "Duration"))
_token = cache(token_id)


def ids_of(tokens: Iterable[str]) -> list[int]:
    """Ids of token names.

    Raises:
        GrammarError: an unknown token.
    """
    return [_id_at(position, name) for position, name in enumerate(tokens)]


def _id_at(position: int, name: str) -> int:
    if name not in TOKEN_IDS:
        raise GrammarError(
            f"{name!r} is no token of the vocabulary; `remi-two-stage tokens` lists them", position=position
        )
    return TOKEN_IDS[name]


def names_of(token_ids: Iterable[int]) -> list[str]:
    """Names of token ids."""
    names = token_names()
    return [names[token] for token in token_ids]


def encode(piece: Piece) -> list[str]:
    """Tokens of a piece, transposed to C, as a "full" sequence; what they cannot say is left out as `fit` does.

    Raises:
        RequestError: the piece is none, such as the list that `read_score` returns.
        EncodingError: the vocabulary has no token for a metre, a bar's length or a voice.
    """
    check_is_piece(piece, "encode")
    return names_of(encode_ids(piece))


def encode_ids(piece: Piece) -> list[int]:
    """Token ids of a piece, as `encode` gives their names."""
    return encode_with_losses(piece)[0]


def encode_with_losses(piece: Piece) -> tuple[list[int], Counter[str]]:
    """Token ids of a piece as `encode_ids` gives them, and how often what had to be changed (see `fit`)."""
    fitted, losses = fit(piece.in_c())
    try:
        tonic = fitted.original_keys[0].pitch_class
        tokens = globals_tokens(
            piece.voices, fitted.key, fitted.meter, piece.style, piece.tempo, fitted.bar_count, tonic
        )
    except RequestError as error:
        raise EncodingError(error.message).at(title=piece.title) from None
    previous: Bar | None = None
    for number, bar in zip(fitted.bar_numbers, fitted.bars, strict=True):
        try:
            tokens += _bar(bar, previous, fitted.voices)
        except RequestError as error:
            raise EncodingError(error.message).at(title=piece.title, bar=number) from None
        previous = bar
    return [*tokens, EOS], losses


def extract_chord_sequence(tokens: Iterable[str]) -> list[str]:
    """The plan of a "full" or "detail" sequence: its globals and every bar's header and footer, without the notes.

    Raises:
        GrammarError: an unknown token.
    """
    return names_of(plan_sequence(ids_of(tokens)))


def globals_tokens(
    voices: Sequence[str],
    key: Key,
    meter: Meter | None,
    style: str | None = None,
    tempo: float | None = None,
    bars: int | None = None,
    tonic: int | None = None,
) -> list[int]:
    """`<BOS>` and the globals: what stands before the first bar, and what a planner is given to begin with.

    Args:
        tempo: Quarter notes a minute, put into the nearest bin.
        bars: Bars as `Piece.bar_count` counts them; left out beyond 64.
        tonic: Pitch class as which the C of the tokens will sound; left out if None.

    Raises:
        RequestError: the vocabulary has no token for the metre, the key or a voice.
    """
    if unknown := [voice for voice in voices if voice not in VOICES]:
        known = ", ".join((MELODY, *SINGERS, *QUARTET))
        raise RequestError(
            f"there is no voice {unknown[0]!r}; there are {known} and 12 others, V1 to V12: leave some of the "
            f"{len(voices)} voices out"
        )
    tokens = [BOS]
    if style is not None:
        tokens.append(_token("Style", style if style in STYLES else UNKNOWN_STYLE))
    tokens += [_token("time", meter or FREE_METER), _token("key", key)]
    if tonic is not None:
        tokens.append(_token("Tonic", TONICS[tonic]))
    if tempo is not None:
        tokens.append(_token("Tempo", nearest(TEMPOS, tempo)))
    if bars is not None and 1 <= bars <= MAX_BARS:
        tokens.append(_token("Bars", bars))
    return [*tokens, *(_token("voice", voice) for voice in voices)]


def _bar(bar: Bar, previous: Bar | None, voices: Sequence[str]) -> list[int]:
    tokens = _header(bar, previous)
    for voice, notes in zip(voices, bar.notes, strict=True):
        tokens.append(_token("voice", voice))
        tokens += _notes(notes, bar.offset)
    if bar.ending_end:
        tokens.append(ENDING_END)
    if bar.repeat_end:
        tokens.append(REPEAT_END)
    return tokens


def _header(bar: Bar, previous: Bar | None) -> list[int]:
    tokens = [PHRASE_START] if bar.phrase_start else []
    if bar.repeat_start:
        tokens.append(REPEAT_START)
    tokens += [_token("Ending", number) for number in bar.endings]
    if previous is not None and bar.meter is not previous.meter and bar.meter != previous.meter:
        tokens.append(_token("time", bar.meter or FREE_METER))
    if previous is not None and bar.key is not previous.key and bar.key != previous.key:
        tokens.append(_token("key", bar.key))
    tokens.append(BAR_START)
    if bar.is_pickup:
        tokens.append(_token("PickUp", bar.length))
    elif not bar.is_full:
        tokens.append(_token("BarLen", bar.length))
    chords = bar.chords if bar.chords and bar.chords[0].onset == 0 else (Chord(0, UNKNOWN_CHORD), *bar.chords)
    for chord in chords:
        if chord.onset:
            tokens.append(_REL_POS[bar.offset + chord.onset])
        tokens.append(_token("Chord", chord.label))
        if chord.bass:
            tokens.append(_token("Bass", chord.bass))
    return tokens


def _notes(notes: Iterable[Note], offset: int) -> list[int]:
    tokens: list[int] = []
    onset = -1
    for note in notes:
        if note.onset != onset:
            onset = note.onset
            tokens.append(_REL_POS[offset + onset])
            if note.dynamics is not None:
                tokens.append(_token("Dynamics", note.dynamics))
        tokens.append(_NOTE_ON[note.pitch])
        longest, rest = divmod(note.duration, MAX_DURATION)
        if longest:
            tokens += (_DURATION[-1],) * longest
        if rest:
            tokens.append(_DURATION[rest - 1])
        if note.velocity is not None:
            tokens.append(_token("Velocity", note.velocity))
    return tokens


def decode(tokens: Iterable[str]) -> Piece:
    """The piece, in C, that a token sequence of any kind says; a plan (also that of a "melody" sequence) gives a piece
    with silent voices.

    Raises:
        GrammarError: an unknown token, or one that may not stand where it does.
    """
    return decode_ids(ids_of(tokens))


def decode_ids(token_ids: Sequence[int]) -> Piece:
    """The piece that token ids say, as `decode` makes it of their names."""
    check_grammar(token_ids, form_of(token_ids))
    builder = _PieceBuilder()
    start = first_bar(token_ids)
    detail = token_ids.index(DETAIL) if DETAIL in token_ids else start - 1
    later = range(token_ids.index(AFTER) + 1, detail) if AFTER in token_ids else range(0)
    for index in chain(range(1, start), range(detail + 1, len(token_ids) - 1), later):
        builder.read(*TOKENS[token_ids[index]])
    return builder.build()


class _PieceBuilder:
    """Collects grammatical tokens into a piece: one method a family, the open bar in attributes."""

    def __init__(self) -> None:
        self.voices: list[str] = []
        self.bars: list[Bar] = []
        self.style: str | None = None
        self.tonic: str | None = None
        self.tempo: float | None = None
        self.meter: Meter | None = None
        self.key = Key()
        self._open_bar()

    def _open_bar(self) -> None:
        self.flags: set[str] = set()
        self.endings: list[int] = []
        self.length: int | None = None
        self.offset = self.position = 0
        self.chords: list[Chord] = []
        self.has_chord = False
        self.sung: list[list[Note]] = []
        self.dynamics: str | None = None

    def _close_bar(self) -> None:
        """Called before a header begins and at the end: file the open bar, if its header is complete."""
        if not self.has_chord:
            return
        full = self.meter.bar_length if self.meter else 0
        bar = Bar(
            meter=self.meter,
            key=self.key,
            length=self.length or full,
            notes=tuple(map(tuple, self.sung or [[] for _ in self.voices])),
            chords=tuple(self.chords),
            is_pickup="PickUp" in self.flags,
            phrase_start="PhraseStart" in self.flags,
            repeat_start="RepeatStart" in self.flags,
            endings=tuple(self.endings),
            ending_end="EndingEnd" in self.flags,
            repeat_end="RepeatEnd" in self.flags,
        )
        self.bars.append(bar)
        self._open_bar()

    def build(self) -> Piece:
        """The piece of all tokens read."""
        self._close_bar()
        keys = () if self.tonic is None else (self.bars[0].key.on(TONICS.index(self.tonic)),)
        return Piece(tuple(self.voices), tuple(self.bars), style=self.style, tempo=self.tempo, original_keys=keys)

    def read(self, family: str, value: str) -> None:
        """Take one token."""
        self._READERS[family](self, value)

    def _style(self, value: str) -> None:
        self.style = value

    def _time(self, value: str) -> None:
        self._close_bar()
        self.meter = None if value == FREE_METER else Meter.parse(value)

    def _key(self, value: str) -> None:
        self._close_bar()
        self.key = Key(value[:-3], value[-3:])

    def _tonic(self, value: str) -> None:
        self.tonic = value

    def _tempo(self, value: str) -> None:
        self.tempo = float(value)

    def _bars(self, value: str) -> None:
        """The number of bars shows in the bars themselves."""

    def _structure(self, value: str) -> None:
        if value not in ("RepeatEnd", "EndingEnd"):
            self._close_bar()
        self.flags.add(value)

    def _ending(self, value: str) -> None:
        self._close_bar()
        self.endings.append(int(value))

    def _pick_up(self, value: str) -> None:
        self.flags.add("PickUp")
        self.length = int(value)
        self.offset = self.position = (self.meter.bar_length if self.meter else self.length) - self.length

    def _bar_len(self, value: str) -> None:
        self.length = int(value)

    def _chord(self, value: str) -> None:
        self.has_chord = True
        if value != UNKNOWN_CHORD:
            self.chords.append(Chord(self.position - self.offset, value))

    def _bass(self, value: str) -> None:
        self.chords[-1] = replace(self.chords[-1], bass=int(value))

    def _voice(self, value: str) -> None:
        if self.has_chord:
            self.sung.append([])
        else:
            self.voices.append(value)

    def _rel_pos(self, value: str) -> None:
        self.position, self.dynamics = int(value), None

    def _dynamics(self, value: str) -> None:
        self.dynamics = value

    def _note_on(self, value: str) -> None:
        # The first <Duration=> replaces this length of one tick.
        self.sung[-1].append(Note(self.position - self.offset, int(value), 1, dynamics=self.dynamics))
        self.is_new_note = True

    def _duration(self, value: str) -> None:
        note = self.sung[-1][-1]
        before = 0 if self.is_new_note else note.duration
        self.sung[-1][-1] = replace(note, duration=before + int(value))
        self.is_new_note = False

    def _velocity(self, value: str) -> None:
        self.sung[-1][-1] = replace(self.sung[-1][-1], velocity=int(value))

    _READERS: ClassVar[dict[str, Callable[[_PieceBuilder, str], None]]] = {
        "Style": _style, "time": _time, "key": _key, "Tonic": _tonic, "Tempo": _tempo, "Bars": _bars,
        "structure": _structure, "Ending": _ending, "PickUp": _pick_up, "BarLen": _bar_len, "Chord": _chord,
        "Bass": _bass, "voice": _voice, "RelPos": _rel_pos, "Dynamics": _dynamics, "Note-On": _note_on,
        "Duration": _duration, "Velocity": _velocity,
    }  # fmt: skip
