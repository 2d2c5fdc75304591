"""Instruments that a piece can be asked to be played by, and which staves of a score belong together.

Conventions
- Programs are those of General MIDI 1, numbered from 0.
- Four voices are a choir's, or a string quartet's; others go each to the highest singer or player who reaches its
  lowest note. Other instruments play any voice. Several of one kind are numbered.
- A piano has two staves, one for each hand, however many voices it plays; an organ has one for each voice, which may
  have a manual or the pedals to itself.
- The staves of one player are joined by a brace, and so are those of keyboards next to each other that have the same
  name; others next to each other by a bracket, whose bar lines go through all staves unless somebody sings.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Literal

from .arguments import check_is_piece
from .errors import RequestError, ScoreError
from .notation import Clef, ClefSign, Instrument, Lyric, Notation, with_voices_renamed
from .piece import Bar, Note, Piece
from .ranges import CHOIR_RANGES, VOICE_RANGES
from .signatures import fifths_of_transposition
from .text import did_you_mean
from .voices import FOUR_PARTS, QUARTET, SINGERS, VOICE_TITLES, clef_of

_VIOLIN, _VIOLA, _CELLO, _CHOIR = 40, 41, 42, 52
_PROGRAMS = dict(zip(QUARTET, (_VIOLIN, _VIOLIN, _VIOLA, _CELLO), strict=True)) | dict.fromkeys(SINGERS, _CHOIR)
_STRINGS = {
    VOICE_RANGES["Violin1"][0]: Instrument("Violin", "Vln.", _VIOLIN),
    VOICE_RANGES["Viola"][0]: Instrument("Viola", "Vla.", _VIOLA),
    VOICE_RANGES["Cello"][0]: Instrument("Violoncello", "Vc.", _CELLO),
}
INSTRUMENTS: dict[str, dict[int, Instrument]] = {
    "fiddle": {0: Instrument("Fiddle", "Fdl.", _VIOLIN)},
    "flute": {0: Instrument("Flute", "Fl.", 73)},
    "whistle": {0: Instrument("Whistle", "Wh.", 78)},
    "piano": {0: Instrument("Piano", "Pno.", 0)},
    "choir": {CHOIR_RANGES[part][0]: Instrument(*VOICE_TITLES[part], _CHOIR) for part in FOUR_PARTS},
    "organ": {0: Instrument("Organ", "Org.", 19)},
    "guitar": {0: Instrument("Guitar", "Gtr.", 24)},
    "strings": _STRINGS,
}
"""What can be asked for -> who plays or sings it, by the lowest note of each, from high to low."""
_VOICES_OF_THEIR_OWN = {"choir": SINGERS, "strings": QUARTET}
_FOUR_VOICES = {"choir": FOUR_PARTS, "strings": QUARTET}
_CLEFS: dict[int | None, Clef] = {_VIOLIN: "treble", _VIOLA: "alto", _CELLO: "bass"}
_KEYBOARD = re.compile(
    r"(forte)?piano|[kc]lavier|org(an|el|ue)|harp|cembalo|clavecin|harmonium|celest[ae]|keyboard", re.IGNORECASE
)
_HANDS = ("V1", "V2")
_NUMBERS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")
INSTRUMENT_HELP = (
    f"who plays or sings it: {', '.join(INSTRUMENTS)}; sound files have a guitar, and a piano for all others"
)


@dataclass(frozen=True, slots=True)
class StaffGroup:
    """Voices whose staves stand next to each other.

    Attributes:
        voices: Their indices.
        symbol: What joins them on the left; empty for a single staff.
        is_joined: Whether bar lines go through all of them.
    """

    voices: range
    symbol: Literal["", "brace", "bracket"]
    is_joined: bool

    def text(self, names: Sequence[str]) -> str:
        """The staves as `%%score` of ABC has them, each under its first voice: in braces or brackets, and with | where
        bar lines join them.
        """
        text = (" | " if self.is_joined else " ").join(filter(None, (names[voice] for voice in self.voices)))
        return {"brace": f"{{{text}}}", "bracket": f"[{text}]"}.get(self.symbol, text)


def with_instrument(piece: Piece, name: str) -> Piece:
    """The piece for an instrument, a choir or strings, which play it where it is written. Of more than two voices a
    piano makes two: what the right hand plays, and what the left one does.

    Args:
        name: A key of `INSTRUMENTS`.

    Raises:
        RequestError: there is no such instrument here, or the piece is none.
    """
    check_is_piece(piece, "arrange")
    if name not in INSTRUMENTS:
        raise RequestError(
            f"the instrument is {name!r}; choose one of {', '.join(INSTRUMENTS)}{did_you_mean(name, INSTRUMENTS)}"
        )
    piece = without_clefs(piece, range(len(piece.bars)))
    if name == "piano" and len(piece.voices) > len(_HANDS):
        piece = _in_two_hands(piece)
    parts = _FOUR_VOICES.get(name, ())
    if len(piece.voices) == len(parts):
        return replace(piece, instruments=tuple(_part(part) for part in parts))
    players = [_player(piece, voice, name) for voice in range(len(piece.voices))]
    is_alone = len(players) == 1 or _is_keyboard(players[0])
    if is_alone:  # later staves of a lone player need no name
        players = [replace(player, short_name="", shares_part=voice > 0) for voice, player in enumerate(players)]
    return replace(piece, instruments=tuple(players if is_alone else _numbered(players)))


def without_clefs(piece: Piece, indices: Container[int]) -> Piece:
    """The piece without the clefs that its source has in the bars at these indices."""
    bars = list(piece.bars)
    for index, bar in enumerate(bars):
        if index in indices and any(isinstance(record, ClefSign) for records in bar.notation for record in records):
            notation = [[record for record in records if not isinstance(record, ClefSign)] for records in bar.notation]
            bars[index] = replace(bar, notation=tuple(map(tuple, notation)))
    return replace(piece, bars=tuple(bars))


def _in_two_hands(piece: Piece) -> Piece:
    """The piece with its upper voices in one and its lower voices in the other; of four, two in each."""
    count = len(piece.voices)
    hands = range((count + 1) // 2), range((count + 1) // 2, count)
    hand_of = {name: _HANDS[voice in hands[1]] for voice, name in enumerate(piece.voices)}

    def signs(bar: Bar, hand: range, name: str) -> tuple[Notation, ...]:
        return _said_once([with_voices_renamed(bar.notation[voice], hand_of, name) for voice in hand])

    bars = [
        replace(
            bar,
            notes=tuple(_together([bar.notes[voice] for voice in hand]) for hand in hands),
            notation=tuple(map(signs, (bar, bar), hands, _HANDS)) if bar.notation else (),
        )
        for bar in piece.bars
    ]
    return replace(piece, voices=_HANDS, bars=tuple(bars), instruments=(), source=None)


def _together(voices: Sequence[Sequence[Note]]) -> tuple[Note, ...]:
    """Notes of several voices as one hand plays them: what two of them sing alike is played once."""
    struck: dict[tuple[int, int, int], Note] = {}
    for note in (note for notes in voices for note in notes):
        struck.setdefault((note.onset, note.pitch, note.duration), note)
    return tuple(sorted(struck.values()))


def _said_once(voices: Sequence[Sequence[Notation]]) -> tuple[Notation, ...]:
    """What is written beside the notes of several voices: the words of the first that has some, anything else once."""
    sung = next((notation for notation in voices if any(isinstance(record, Lyric) for record in notation)), ())
    others = (record for notation in voices for record in notation if not isinstance(record, Lyric))
    records = [*(record for record in sung if isinstance(record, Lyric)), *dict.fromkeys(others)]
    return tuple(sorted(records, key=lambda record: record.onset))


def _part(part: str) -> Instrument:
    """A singer or a player of a quartet, as voices are called."""
    return Instrument(*VOICE_TITLES[part], _PROGRAMS[part])


def _player(piece: Piece, voice: int, name: str) -> Instrument:
    part = piece.voices[voice]
    if part in _VOICES_OF_THEIR_OWN.get(name, ()):
        return _part(part)
    players = INSTRUMENTS[name]
    lowest = min((note.pitch for bar in piece.bars for note in bar.notes[voice]), default=127)
    return next((player for reached, player in players.items() if reached <= lowest), [*players.values()][-1])


def _numbered(players: Sequence[Instrument]) -> list[Instrument]:
    """Players of whom none has another's name."""
    counts = Counter(player.name for player in players)
    numbered, seen = [], Counter[str]()
    for player in players:
        number = _NUMBERS[seen[player.name] % len(_NUMBERS)]
        seen[player.name] += 1
        numbered.append(
            replace(player, name=f"{player.name} {number}", short_name=f"{player.short_name} {number}")
            if counts[player.name] > 1
            else player
        )
    return numbered


def _is_keyboard(instrument: Instrument) -> bool:
    return _KEYBOARD.match(instrument.name) is not None


def staff_groups(piece: Piece) -> list[StaffGroup]:
    """Which staves belong together, from the top."""
    staves = {staff.start for staff in staves_of(piece)}
    players = _together_on(piece, is_part=True)
    groups = []
    for brace, run in groupby(players, lambda player: _braced(piece, player, staves)):
        voices = [voice for player in run for voice in player]
        symbol: Literal["", "brace", "bracket"] = "bracket" if brace is None else "brace"
        is_sung = brace is None and any(_is_sung(piece, voice) for voice in voices)
        several = len(staves.intersection(voices)) > 1
        groups.append(StaffGroup(range(voices[0], voices[-1] + 1), symbol if several else "", several and not is_sung))
    return groups


def _braced(piece: Piece, player: range, staves: Container[int]) -> str | int | None:
    """What all staves within a brace have in common: their player, by its first voice, or else the name of a keyboard;
    None for other staves.
    """
    if sum(voice in staves for voice in player) > 1:
        return player.start
    instrument = piece.instruments[player.start] if piece.instruments else Instrument()
    return instrument.name if _is_keyboard(instrument) else None


def _is_sung(piece: Piece, voice: int) -> bool:
    """Whether a voice is a singer's: one that no instrument plays, or one with words beneath it."""
    return _is_singer(piece, voice) or has_words(piece, voice)


def _is_singer(piece: Piece, voice: int) -> bool:
    """Whether a voice is called as a singer, and its player no otherwise."""
    part = piece.voices[voice]
    name = piece.instruments[voice].name if piece.instruments else ""
    return part in SINGERS and name in ("", VOICE_TITLES[part][0])


def has_words(piece: Piece, voice: int) -> bool:
    """Whether words stand beneath the notes of a voice."""
    return any(isinstance(record, Lyric) for bar in piece.bars if bar.notation for record in bar.notation[voice])


def at_written_pitch(piece: Piece, voice: int) -> tuple[Piece, int]:
    """The piece as the player of a voice reads it, and the semitones from there to where it sounds; as it sounds where
    a note would leave MIDI's range.
    """
    semitones = piece.instruments[voice].transposition if piece.instruments else 0
    if not semitones:
        return piece, 0
    try:
        return piece.transpose(-semitones, -fifths_of_transposition(semitones)), semitones
    except ScoreError:
        return piece, 0


def staves_of(piece: Piece) -> list[range]:
    """The voices on each staff, from the top; one alone on most."""
    return _together_on(piece, is_part=False)


def parts_of(piece: Piece) -> list[range]:
    """The voices of each part, from the top: those of one player, on one staff or several, which are written at the
    same pitch. Singers have parts of their own, whatever staff they share.
    """
    parts = []
    for player in _together_on(piece, is_part=True):
        for _, run in groupby(player, lambda voice: piece.instruments[voice].transposition if piece.instruments else 0):
            voices = [*run]
            parts.append(range(voices[0], voices[-1] + 1))
    return parts


def _together_on(piece: Piece, is_part: bool) -> list[range]:
    """The voices of each staff, or of each player."""
    shares = [False] * len(piece.voices)
    if piece.instruments:
        shares = [
            player.shares_part or (player.shares_staff and not _is_singer(piece, voice))
            if is_part
            else player.shares_staff
            for voice, player in enumerate(piece.instruments)
        ]
    starts = [voice for voice, is_shared in enumerate(shares) if not (voice and is_shared)]
    return [range(*ends) for ends in pairwise([*starts, len(shares)])]


def staff_clef(piece: Piece, voice: int) -> Clef:
    """The clef with which a voice begins: that of its source, or else the usual one."""
    return _first_clef(piece, voice) or _usual_clef(piece, voice)


def with_unusual_clefs(piece: Piece) -> Piece:
    """The piece without those of the clefs at its start that are usual."""
    first = piece.bars[0] if piece.bars else None
    if first is None or not first.notation:
        return piece
    usual = [_first_clef(piece, voice) == _usual_clef(piece, voice) for voice in range(len(piece.voices))]
    if not any(usual):
        return piece
    notation = [
        [record for record in records if not (is_usual and isinstance(record, ClefSign) and record.onset == 0)]
        for records, is_usual in zip(first.notation, usual, strict=True)
    ]
    bar = replace(first, notation=tuple(map(tuple, notation)) if any(notation) else ())
    return replace(piece, bars=(bar, *piece.bars[1:]))


def _first_clef(piece: Piece, voice: int) -> Clef | None:
    records = piece.bars[0].notation[voice] if piece.bars and piece.bars[0].notation else ()
    return next((record.clef for record in records if isinstance(record, ClefSign) and record.onset == 0), None)


def _usual_clef(piece: Piece, voice: int) -> Clef:
    """The clef of a staff: its player's, if strings or a keyboard play it, else that of the lowest voice there,
    or by its notes for an instrument that transposes.
    """
    staff = next(staff for staff in staves_of(piece) if voice in staff)
    pitches = [note.pitch for bar in piece.bars for each in staff for note in bar.notes[each]]
    player = piece.instruments[voice] if piece.instruments else Instrument()
    name = "" if _is_keyboard(player) or player.transposition else piece.voices[staff[-1]]
    return _CLEFS.get(player.program) or clef_of(name, pitches)
