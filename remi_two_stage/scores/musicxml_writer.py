"""`Piece` -> MusicXML 4.0 (`score-partwise`), without a detour: the same piece is the same bytes on any day.

Conventions
- A part for each voice, or for those that share a staff or a player; its id is the name of the first. Each voice has a
  `<score-instrument>` in it, which is called as the voice is. Notes do not name it, since MuseScore would take every
  change between two voices for a change of instruments. A `<miscellaneous-field>` says which share a staff.
- Bars as written, `<divisions>` are ticks; at sounding pitch, but for instruments that transpose.
- A pick-up, and the second part of a bar that a repeat splits, is an implicit measure without a number of its own.
- Several composers are lines of one `<creator>`, since MuseScore shows one of each type; so are other creators.
- Fields of ABC that MusicXML has no element for are `<miscellaneous-field>`s.
- `|:` stands where a repeat goes back to and nowhere else, since LilyPond plays on from it to the end twice. After the
  last of several endings there is no `:|`, or it would play none of them again.
- An order of parts, which MusicXML cannot say, is written out, and so is a coda after the Fine; other jumps stay, and
  say "al Fine" or "al Coda" where they lead there, without which MuseScore plays on.
- Dropped: velocities, the dynamics of notes, phrases, and what rings past the last bar.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from ..core.abc_spelling import BarNames, names_of
from ..core.double_lines import double_line_after
from ..core.instruments import at_written_pitch, parts_of, staff_clef, staff_groups, staves_of
from ..core.notation import JUMPS, Instrument
from ..core.piece import Bar, Piece
from ..core.playing_order import (
    full_jump,
    goes_on_after_fine,
    jump_of,
    last_of_ending,
    plays_of_repeats,
    repeat_targets,
    unmarked_endings,
)
from ..core.repeats import without_idle_repeats
from ..core.signatures import Key, Meter, fifths_of_transposition
from ..core.voices import MELODY, VOICE_TITLES
from . import musicxml_writer_signs as signs
from .musicxml_names import (
    CONTAINER,
    CREATORS,
    FIELD_PREFIX,
    MODE_NAMES,
    PLAYER,
    RIGHTS,
    SHARED_STAVES,
    SOFTWARE,
    STYLE,
    UNNAMED,
)
from .musicxml_writer_rhythm import TICKS_A_DIVISION
from .musicxml_writer_signs import attribute_of, text_of
from .musicxml_writer_staff import PartWriter
from .voices import usual_instruments

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">\n'
)
_SCORE_NAME = "score.musicxml"
_CONTAINER_CONTENT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<container><rootfiles>'
    f'<rootfile full-path="{_SCORE_NAME}" media-type="application/vnd.recordare.musicxml+xml"/>'
    "</rootfiles></container>\n"
).encode()
_UNIX = 3
_OTHER_CREATOR = re.compile(r"([a-z]{3,30}): (\S.*)")
_LONGEST_OPEN_ENDING = 4
"""Bars of the last ending of a piece, where it is longer than the one before."""
_TIME_SYMBOLS = {"C": ' symbol="common"', "C|": ' symbol="cut"'}


def musicxml_bytes(piece: Piece) -> bytes:
    """This piece as the bytes of a MusicXML file, which programs play."""
    piece = piece.in_part_order() if piece.part_order or goes_on_after_fine(piece.bars) else piece
    bars = without_idle_repeats(piece.bars)
    jump = jump_of(bars)
    if jump is not None:
        jumps = tuple(full_jump(bars, jump) if sign in JUMPS else sign for sign in bars[jump].jumps)
        bars[jump] = replace(bars[jump], jumps=jumps)
    return printed_musicxml(replace(piece, bars=tuple(bars)))


def printed_musicxml(piece: Piece, system_starts: Collection[int] = ()) -> bytes:
    """The same with all bars and signs as they are written, whatever their order.

    Args:
        system_starts: Indices of bars before which a new system begins.
    """
    names = names_of(piece)
    parts = [
        _at_written_pitch(piece, voices, system_starts) or part_xml(piece, voices, names, system_starts)
        for voices in parts_of(piece)
    ]
    content = [_HEAD, '<score-partwise version="4.0">\n', *_heading(piece), *_part_list(piece), *parts]
    return "".join([*content, "</score-partwise>\n"]).encode()


def compressed_musicxml_bytes(piece: Piece) -> bytes:
    """This piece as the bytes of a compressed MusicXML file (.mxl)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {
            "mimetype": b"application/vnd.recordare.musicxml",
            CONTAINER: _CONTAINER_CONTENT,
            _SCORE_NAME: musicxml_bytes(piece),
        }.items():
            member = zipfile.ZipInfo(name)  # dated 1980, so that the file is the same on any day
            member.external_attr = 0o644 << 16
            member.create_system = _UNIX
            member.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    return file.getvalue()


def _heading(piece: Piece) -> Iterator[str]:
    if piece.title:
        yield f"<work><work-title>{text_of(piece.title)}</work-title></work>\n"
    rights = [text for letter, text in piece.metadata if letter == "Z" and text.startswith(RIGHTS)]
    yield "<identification>"
    creators = [field for field in piece.metadata if field[1] not in rights and _creator_of(*field)]
    names: dict[str, list[str]] = {}
    for kind, name in (_creator_of(*field) or ("", "") for field in creators):
        names.setdefault(kind, []).append(text_of(name))
    for kind, lines in names.items():
        yield '<creator type="{}">{}</creator>'.format(kind, "\n".join(lines))
    yield from (f"<rights>{text_of(text.removeprefix(RIGHTS).strip())}</rights>" for text in rights)
    yield f"<encoding><software>{SOFTWARE}</software></encoding>"
    kept = {*creators, *(("Z", text) for text in rights)}
    fields = [(FIELD_PREFIX + name, text) for name, text in piece.metadata if (name, text) not in kept]
    fields += [(FIELD_PREFIX + "N", text) for text in piece.made]
    fields += [(STYLE, piece.style)] if piece.style else []
    shared = [piece.voices[voice] for staff in staves_of(piece) for voice in staff[1:]]
    fields += [(SHARED_STAVES, " ".join(shared))] if shared else []
    if fields:
        held = "".join(
            f"<miscellaneous-field name={attribute_of(name)}>{text_of(text)}</miscellaneous-field>"
            for name, text in fields
        )
        yield f"<miscellaneous>{held}</miscellaneous>"
    yield "</identification>\n"


def _creator_of(letter: str, text: str) -> tuple[str, str] | None:
    """The type and the name of the `<creator>` in a field of ABC, if it names one: "Z:arranger: ..." as well."""
    if letter in CREATORS:
        return CREATORS[letter], text
    other = _OTHER_CREATOR.fullmatch(text) if letter == "Z" else None
    return (other[1], other[2]) if other and other[1] not in CREATORS.values() else None


def _part_list(piece: Piece) -> Iterator[str]:
    yield "<part-list>\n"
    usual = usual_instruments(piece.voices)
    instruments = piece.instruments or [Instrument()] * len(piece.voices)
    parts = parts_of(piece)
    for group in staff_groups(piece):
        within = [part for part in parts if part.start in group.voices]
        is_group = group.symbol and len(within) > 1
        if is_group:
            symbol = f"<group-symbol>{group.symbol}</group-symbol>"
            joined = "<group-barline>yes</group-barline>" if group.is_joined else ""
            yield f'<part-group number="1" type="start">{symbol}{joined}</part-group>\n'
        for part in within:
            is_shown = group.symbol != "brace" or part == within[0]
            of_part = slice(part.start, part.stop)
            yield score_part_xml(piece.voices[of_part], instruments[of_part], usual[of_part], is_shown)
        if is_group:
            yield '<part-group number="1" type="stop"/>\n'
    yield "</part-list>\n"


def score_part_xml(
    voices: Sequence[str], instruments: Sequence[Instrument], usual: Sequence[Instrument], is_shown: bool = True
) -> str:
    """A part in the list, with a player for each voice; one whose instrument has no name is called as usual, and its id
    says so. The name of a player of several parts is shown at the first.

    Args:
        voices: What they are called; the part as the first.
    """
    names, sounds, programs = [], "", ""
    is_named = [bool(instrument.name or instrument.short_name) for instrument in instruments]
    for voice, instrument, other, has_name in zip(voices, instruments, usual, is_named, strict=True):
        called = instrument if has_name else other
        if has_name or not any(is_named):
            names.append((called.name, called.short_name))
        player_id = attribute_of(voice + PLAYER if has_name else voice + UNNAMED)
        full = called.name if len(voices) > 1 else called.name or VOICE_TITLES[MELODY][0]
        short = f"<instrument-abbreviation>{text_of(called.short_name)}</instrument-abbreviation>"
        player = f"<instrument-name>{text_of(full)}</instrument-name>{short if len(voices) > 1 else ''}"
        sounds += f"<score-instrument id={player_id}>{player}</score-instrument>"
        if instrument.program is not None:
            program = f"<midi-program>{instrument.program + 1}</midi-program>"
            programs += f"<midi-instrument id={player_id}>{program}</midi-instrument>"
    shown = "" if is_shown else ' print-object="no"'
    full, short = (" ".join(dict.fromkeys(filter(None, of_all))) for of_all in zip(*names, strict=True))
    title = f"<part-name{shown}>{text_of(full)}</part-name>"
    title += f"<part-abbreviation{shown}>{text_of(short)}</part-abbreviation>" if short else ""
    return f"<score-part id={attribute_of(voices[0])}>{title}{sounds}{programs}</score-part>\n"


def _at_written_pitch(piece: Piece, voices: range, system_starts: Collection[int]) -> str:
    """The `<part>` of an instrument that transposes; empty for others, and where a note would leave MIDI's range."""
    written, semitones = at_written_pitch(piece, voices.start)
    if not semitones:
        return ""
    fifths = fifths_of_transposition(semitones)
    octaves = int(semitones / 12)
    chromatic = semitones - 12 * octaves
    transpose = f"<diatonic>{(7 * chromatic - fifths) // 12}</diatonic><chromatic>{chromatic}</chromatic>"
    transpose += f"<octave-change>{octaves}</octave-change>" if octaves else ""
    part = part_xml(written, voices, names_of(written), system_starts)
    return part.replace("</clef></attributes>", f"</clef><transpose>{transpose}</transpose></attributes>", 1)


def part_xml(
    piece: Piece, voices: range, names: Sequence[Sequence[BarNames]], system_starts: Collection[int] = ()
) -> str:
    """The `<part>` of some voices.

    Args:
        names: Of the notes of all voices of the piece, bar by bar.
    """
    writer = PartWriter(piece, voices, names)
    is_first = voices.start == 0
    closed, shortened = _closed_endings(piece.bars)
    targets, plays = repeat_targets(piece.bars), plays_of_repeats(piece.bars)
    unmarked = unmarked_endings(piece.bars)
    unmarked_stops = dict(unmarked.values())
    measures = [f"<part id={attribute_of(piece.voices[voices.start])}>\n"]
    for index, (bar, number) in enumerate(zip(piece.bars, piece.bar_numbers, strict=True)):
        name = f"{number}X" if bar.is_pickup and number else str(number)
        implicit = ' implicit="yes"' if bar.is_pickup else ""
        last = piece.bars[index - 1] if index else None
        measures += [
            f'<measure number="{name}"{implicit}>\n',
            '<print new-system="yes"/>\n' if is_first and index in system_starts else "",
            signs.left_barline(
                bar,
                bar.repeat_start if last is None else index in targets,
                unmarked[index][1] if index in unmarked else None,
            ),
            _attributes(piece, writer.staves, bar, last),
            _signs_before(bar) if is_first else "",
            writer.notes(index),
            signs.jumps(bar.jumps, are_before=False) if is_first else "",
            signs.right_barline(
                bar,
                signs.ending_stop(closed[index], bar, index == shortened)
                if index in closed
                else signs.hidden_ending("discontinue", unmarked_stops.get(index)),
                "|]" if index + 1 == len(piece.bars) else double_line_after(piece.bars, index),
                plays.get(index, bar.plays),
            ),
            "</measure>\n",
        ]
    return "".join([*measures, "</part>\n"])


def _signs_before(bar: Bar) -> str:
    return (signs.rehearsal(bar.part) if bar.part else "") + signs.jumps(bar.jumps, are_before=True)


def _attributes(piece: Piece, staves: Sequence[range], bar: Bar, last: Bar | None) -> str:
    """What changes with a bar: divisions and clefs in the first one, key, metre."""
    key = _key(bar.key) if last is None or bar.key != last.key else ""
    is_same = last is not None and bar.meter == last.meter and _written(bar) == _written(last)
    time = "" if is_same else _time(bar.meter)
    if last is not None:
        return f"<attributes>{key}{time}</attributes>\n" if key or time else ""
    count = f"<staves>{len(staves)}</staves>" if len(staves) > 1 else ""
    numbers = range(1, len(staves) + 1) if count else (0,)
    clefs = "".join(
        signs.clef(staff_clef(piece, staff[-1]), number) for staff, number in zip(staves, numbers, strict=True)
    )
    return f"<attributes><divisions>{TICKS_A_DIVISION}</divisions>{key}{time}{count}{clefs}</attributes>\n"


def _written(bar: Bar) -> str:
    return bar.meter.written if bar.meter else ""


@lru_cache(maxsize=256)
def _key(key: Key) -> str:
    return f"<key><fifths>{key.signature}</fifths><mode>{MODE_NAMES[key.mode]}</mode></key>"


def _time(meter: Meter | None) -> str:
    if meter is None:
        return "<time><senza-misura/></time>"
    upper, _, lower = (meter.written if "/" in meter.written else str(meter)).partition("/")
    symbol = _TIME_SYMBOLS.get(meter.written, "")
    return f"<time{symbol}><beats>{upper}</beats><beat-type>{lower}</beat-type></time>"


def _closed_endings(bars: Sequence[Bar]) -> tuple[dict[int, tuple[int, ...]], int | None]:
    """The passes of the ending that stops after each bar where one does, by the bar's index. A long one that nothing
    closes before the piece ends is shown as long as the ending before it: the index of the bar where it stops, too, if
    the ending is meant to go on, for no strain with a pick-up begins in it, which would shorten a bar.
    """
    closed: dict[int, tuple[int, ...]] = {}
    shortened = None
    before = 0
    for index, bar in enumerate(bars):
        if bar.endings:
            last = last_of_ending(bars, index)
            length = last + 1 - index
            if last + 1 == len(bars) and before and length > max(before, _LONGEST_OPEN_ENDING):
                goes_on = bars[last].ending_end and all(bar.is_full for bar in bars[index:last])
                last = index + before - 1
                shortened = last if goes_on else None
            closed[last] = bar.endings
            before = length
    return closed, shortened
