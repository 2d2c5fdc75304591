"""A piece as an engraved score: staves, chord names over them, repeats and endings, by verovio (LGPL, unchanged).

Conventions
- verovio reads the MusicXML that this package writes and sets one system at a time; heading, tempo and the stack of
  systems are our own, so that a picture may be as long as the piece.
- Measures are groups of the class `measure`, in the order of `Piece.bars`, notes groups of the class `note`.
- Accidentals in chord names are the letters ♯ and ♭, so that no music font is needed to show the picture.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from html import unescape
from importlib.resources import files
from itertools import accumulate, pairwise
from math import ceil, inf
from textwrap import wrap
from typing import Any
from zlib import crc32

from ..core.arguments import check_is_piece
from ..core.instruments import has_words
from ..core.notation import PEDALS, Mark, TempoMark, Text
from ..core.piece import Bar, Piece
from ..core.signatures import TICKS_PER_QUARTER
from ..core.text import ZERO_WIDTH_SPACE
from ..scores.musicxml_writer import printed_musicxml
from .close_score import Staff, on_staves, own_staves
from .extras import require
from .note_ids import with_note_ids
from .picture import A4_WIDTH, MARGIN, Picture, Strip, fitted_text, text_width, title_row, xml_text

_SPACE_ABOVE = 30
_SMALL_SIZE = 42.0
_COMPOSER_SIZES = (_SMALL_SIZE, 0.85 * _SMALL_SIZE, 0.7 * _SMALL_SIZE)
_BESIDE_TEMPO = 0.7
"""Share of the width that composers may take."""
_LARGEST_SEED = 2**31 - 1
_CLEF_WIDTH, _ACCIDENTAL_WIDTH = 100, 25
_WORD_SPACE = 2.4
"""Between syllables, in verovio's units: twice the usual, since Libertinus is wider than the font that it measures."""
_ALONE, _ALONE_AT_END, _PHRASE = 4.0, 1.0, 0.1
"""What it costs that a line holds one bar alone, or that the last one does, and is worth that it begins with a phrase,
beside squares of shares that lines lack of their usual width or have beyond."""
_FINENESS = 10
"""verovio's units in a tenth of a millimetre."""
_LETTERS = {"\ue551": "_", "\uea63": "♭♭", "\uea64": "♭", "\uea65": "♮", "\uea66": "♯", "\uea67": "♯♯"}
"""SMuFL code points, verovio's signs for underscores in words and for accidentals in chord names -> Unicode's own."""
_RELEASE = TICKS_PER_QUARTER // 2
"""Ticks by which a pedal is released before it is pressed again, so that its sign has room."""
_CHORD_NAME = re.compile(
    r'<kind text="([^"]*)">([^<]*)</kind>'
    r"(?:<bass><bass-step>(.)</bass-step>(?:<bass-alter>(-?\d)</bass-alter>)?</bass>)?(?:<degree .*?</degree>)*"
)
_BASS_SIGNS = {"-2": "♭♭", "-1": "♭", "0": "", "1": "♯", "2": "♯♯"}
_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
_NOTE_SIGNS = {12: "♪", 24: "♩", 36: "♩."}
"""Ticks of a beat -> its sign in words."""
_STYLE = (
    "<style>.staves path,.staves polygon,.staves polyline,.staves ellipse,.staves rect{stroke:currentColor}"
    ".staves .ending,.staves .reh{font-weight:bold}.staves .mNum{font-style:italic}"
    ".staves .placeholder{visibility:hidden}</style>"
)


def engrave(
    piece: Piece, width: float = A4_WIDTH, note_ids: bool = False, staves: Sequence[Staff] | None = None
) -> Picture:
    """The engraved score of a piece.

    Args:
        width: Of the picture in tenths of a millimetre; staves keep their size, narrower pictures have more systems.
        note_ids: Whether the notes' groups have ids that tell their time and pitch (`note_ids.py`).
        staves: Which voices share a staff, such as `close_score.two_staves`; None as the piece has them.

    Raises:
        RequestError: the piece is none, such as the list that `read_score` returns.
        MissingExtraError: verovio is not installed.
    """
    check_is_piece(piece, "engrave")
    systems, glyphs = _systems(load_into_verovio(piece, width, note_ids, staves))
    definitions = _STYLE + "".join(glyphs.values())
    return Picture(piece.title or "Score", (_heading(piece, width - 2 * MARGIN), *systems), width, definitions)


def load_into_verovio(
    piece: Piece, width: float = A4_WIDTH, note_ids: bool = False, staves: Sequence[Staff] | None = None
) -> Any:
    """A `verovio.toolkit` that has laid out the piece, a system a page, the last of which holds no bar alone if
    there is room in it for another.
    """
    piece = on_staves(piece, staves or own_staves(piece), has_words_once=staves is not None)
    phrases = [index for index, bar in enumerate(piece.bars) if bar.phrase_start]

    def laid_out(breaks: str, starts: Collection[int], room: int = 0) -> Any:
        source = _score_xml(piece, starts)
        source = with_note_ids(source, piece) if note_ids else source
        return _laid_out(source, width - room, breaks)

    if any(_sung(piece)):
        natural = laid_out("smart", phrases, _room_of_clef(piece))
        natural.setOptions({"noJustification": True})
        natural.redoLayout()
        return laid_out("line", _line_starts(piece, natural))
    toolkit = laid_out("smart", phrases)
    systems, bars = toolkit.getPageCount(), len(piece.bars)
    if systems == 1 or systems >= bars or toolkit.renderToSVG(systems).count('class="measure') > 1:
        return toolkit
    systems = min(systems, bars // 2)
    return laid_out("line", [ceil(bars * index / systems) for index in range(1, systems)])


def _room_of_clef(piece: Piece) -> int:
    """Tenths of a millimetre that clef and key signature take at the start of a system. verovio forgets them where it
    breaks lines, and would push the words of a full line into one another.
    """
    return _CLEF_WIDTH + _ACCIDENTAL_WIDTH * max(abs(bar.key.signature) for bar in piece.bars)


def _line_starts(piece: Piece, toolkit: Any) -> list[int]:
    """Indices of the bars that begin the further systems of a layout that is not justified and leaves the room of the
    clef; even ones if its last line is rather empty.
    """
    lines = [_bars_across(toolkit.renderToSVG(page)) for page in range(1, toolkit.getPageCount() + 1)]
    starts = [*accumulate(map(len, lines[:-1]))]
    clef = _FINENESS * _room_of_clef(piece)
    widths = [right - left for line in lines for left, right in line]
    for first in (0, *starts):
        widths[first] = max(0, widths[first] - clef)
    sums = [sum(widths[first:last]) for first, last in pairwise([0, *starts, len(widths)])]
    last = lines[-1]
    is_full = len(last) > 1 and 2 * (len(lines) - 1) * sums[-1] >= sum(sums[:-1])
    if len(lines) == 1 or is_full or any(len(line) == 1 for line in lines[:-1]):
        return starts
    most = _FINENESS * toolkit.getOptions()["pageWidth"] - last[0][0]
    widths[0] += lines[0][0][0] - last[0][0]
    phrases = {index for index, bar in enumerate(piece.bars) if bar.phrase_start}
    return _even_starts(widths, most, sum(sums[:-1]) / (len(lines) - 1), phrases)


def _bars_across(system: str) -> list[tuple[int, int]]:
    """Where each measure's staves begin and end."""
    return [
        (int(line[1]), int(line[2]))
        for measure in system.split('class="measure')[1:]
        if (line := re.search(r'<path d="M(-?\d+) \d+ ?L(-?\d+)', measure))
    ]


def _even_starts(widths: Sequence[int], most: int, usual: float, kept: Collection[int]) -> list[int]:
    """Where lines begin that are as wide as is usual, none wider than `most`, and hold more than one bar.

    Args:
        kept: Where a line should begin if there is no great harm in it.
    """
    costs, befores = [0.0], [0]
    for end in range(1, len(widths) + 1):
        best, before, width = inf, end - 1, 0
        for start in reversed(range(end)):
            width += widths[start]
            if width > most and end - start > 1:
                break
            cost = costs[start] + ((width - usual) / usual) ** 2 - _PHRASE * (start in kept)
            if end - start == 1:
                cost += _ALONE if end < len(widths) else _ALONE_AT_END
            if cost < best:
                best, before = cost, start
        costs.append(best)
        befores.append(before)
    starts = [befores[-1]]
    while starts[-1]:
        starts.append(befores[starts[-1]])
    return starts[-2::-1]


def _laid_out(source: str, width: float, breaks: str) -> Any:
    """The MusicXML with new lines where it says so, there alone ("line"), or there if the line before is well filled,
    and wherever one is full ("smart").
    """
    require("verovio", purpose="an engraved score")
    import verovio

    # verovio keeps the place of its glyphs for each thread, and finds it only in the one that imports it
    verovio.setDefaultResourcePath(str(files("verovio") / "data"))
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(
        {
            "pageWidth": round(width - 2 * MARGIN),
            "pageHeight": 60_000,
            "adjustPageHeight": True,
            "systemMaxPerPage": 1,
            "breaks": breaks,
            "footer": "none",
            "header": "none",
            "pageMarginLeft": 0,
            "pageMarginRight": 0,
            "pageMarginTop": _SPACE_ABOVE,
            "pageMarginBottom": 0,
            "smuflTextFont": "none",
            "svgFormatRaw": True,
            "svgViewBox": True,
            "lyricWordSpace": _WORD_SPACE,
            "xmlIdSeed": crc32(source.encode()) % _LARGEST_SEED + 1,
        }
    )
    toolkit.loadData(source)
    return toolkit


def _score_xml(piece: Piece, starts: Collection[int]) -> str:
    """MusicXML of the staves alone, without the heading and its tempo, with new lines before the bars `starts`. Where
    the key changes, all staves are as they sound, since verovio goes on with one key for all.
    """
    sung = _sung(piece)
    bars = tuple(
        [
            _with_tempos_as_words(_with_words_apart(bar, sung), is_first=index == 0)
            for index, bar in enumerate(piece.bars)
        ]
    )
    players = piece.instruments
    if len({bar.key.signature for bar in bars}) > 1:
        players = tuple([replace(player, transposition=0) for player in players])
    printed = replace(piece, title="", tempo=None, bars=_with_releases_apart(bars), instruments=players)
    source = printed_musicxml(printed, starts).decode()
    return _CHORD_NAME.sub(_whole_name, source.replace(ZERO_WIDTH_SPACE, ""))


def _whole_name(match: re.Match[str]) -> str:
    """A chord's name in one text with a blank after it: verovio leaves no room after a bass, and would write the
    degrees twice.
    """
    text, kind, step, alteration = match.groups()
    bass = f"/{step}{_BASS_SIGNS[alteration or '0']}" if step else ""
    return f'<kind text="{text}{bass}{_NO_BREAK_SPACE}">{kind}</kind>'


def _sung(piece: Piece) -> list[bool]:
    """Which voices have words beneath them."""
    return [has_words(piece, voice) for voice in range(len(piece.voices))]


def _with_words_apart(bar: Bar, sung: Sequence[bool]) -> Bar:
    """A bar whose annotations with no place of their own stand over the staff where words to be sung stand under it;
    of several over one note verovio has the last one on top.
    """
    notation = []
    for records, is_sung in zip(bar.notation, sung, strict=False):
        placed = [
            replace(record, placement="^")
            if is_sung and isinstance(record, Text) and record.placement == "@"
            else record
            for record in records
        ]
        above = [record for record in placed if isinstance(record, Text) and record.placement == "^"]
        notation.append((*(record for record in placed if record not in above), *reversed(above)))
    return replace(bar, notation=tuple(notation))


def _with_tempos_as_words(bar: Bar, is_first: bool) -> Bar:
    """A bar whose tempos are words over the first voice, since verovio's notes in tempos need a music font; the heading
    has the first one.
    """
    if not bar.tempos:
        return bar
    marks = [mark for mark in bar.tempos if not mark.is_silent]
    texts = [(mark.onset, mark.words if is_first and mark.onset == 0 else _tempo_text(mark)) for mark in marks]
    first, *others = bar.notation or ((),) * len(bar.notes)
    own = (*(Text(onset, text) for onset, text in texts if text), *first)
    return replace(bar, tempos=(), notation=(own, *others))


def _with_releases_apart(bars: Sequence[Bar]) -> tuple[Bar, ...]:
    """The bars with the signs of a pedal that is released where it is pressed again a little before, or verovio has one
    upon the other.
    """
    notation = [[list(records) for records in bar.notation or ((),) * len(bar.notes)] for bar in bars]
    for index, bar in enumerate(bars):
        for voice, records in enumerate(bar.notation):
            for onset in [record.onset for record in records if record == Mark(record.onset, PEDALS[1])]:
                place = index if onset >= _RELEASE else index - 1
                if Mark(onset, PEDALS[0]) in records and place >= 0:
                    before = onset if place == index else bars[place].length
                    notation[index][voice].remove(Mark(onset, PEDALS[1]))
                    notation[place][voice].append(Mark(max(0, before - _RELEASE), PEDALS[1]))
    return tuple([replace(bar, notation=tuple(map(tuple, said))) for bar, said in zip(bars, notation, strict=True)])


def _tempo_text(mark: TempoMark) -> str:
    """A tempo in words and quarter notes, or in eighths or dotted quarters where it counts those."""
    if mark.tempo is None:
        return mark.words
    beat = mark.beat if mark.beat in _NOTE_SIGNS else TICKS_PER_QUARTER
    count = f"{_NOTE_SIGNS[beat]} = {mark.tempo * TICKS_PER_QUARTER / beat:.0f}"
    return f"{mark.words} ({count})" if mark.words else count


def _systems(toolkit: Any) -> tuple[list[Strip], dict[str, str]]:
    """Each system as a row, and the glyphs they use, by name."""
    rows: list[Strip] = []
    glyphs: dict[str, str] = {}
    for page in range(1, toolkit.getPageCount() + 1):
        svg = toolkit.renderToSVG(page)
        for glyph in re.findall(r'<g id="\w+-\w+"><path [^>]*/></g>', svg):
            glyphs[glyph[7:11]] = re.sub(r'(id="\w+)-\w+', r"\1", glyph)
        height = float(re.search(r'viewBox="0 0 [\d.]+ ([\d.]+)"', svg)[1])  # type: ignore[index]
        start = svg.index('<g class="page-margin"')
        staves = re.sub(r'(xlink:href="#\w+)-\w+', r"\1", svg[start : svg.rindex("</svg>", 0, svg.rindex("</svg>"))])
        staves = re.sub(r'<text ([^>]*)font-size="0px">(.*?)</text>', _plain_text, staves, flags=re.DOTALL)
        rows.append(Strip(f'<g class="staves" transform="scale({1 / _FINENESS})">{staves}</g>', height))
    return rows, glyphs


def _plain_text(match: re.Match[str]) -> str:
    """A text of several spans, some in a music font, as one text."""
    content = match[2]
    size = re.search(r'font-size="([\d.]+px)"', content)
    text = "".join(unescape(part) for part in re.findall(r">([^<>]+)<", content))
    for glyph, letter in _LETTERS.items():
        text = text.replace(glyph, letter)
    text = text.rstrip(_NO_BREAK_SPACE)
    return f'<text {match[1]}font-size="{size[1] if size else "405px"}">{xml_text(text)}</text>'


def _heading(piece: Piece, width: float) -> Strip:
    """Title in the middle; tempo on the left, style and order of parts in the middle and composers on the right, the
    last of them on one line with the others if there is room.
    """
    title = title_row(piece.title, width)
    style = ", ".join(filter(None, ((piece.style or "").replace("-", " "), " ".join(piece.part_order))))
    composers, size = _composer_lines([text for field, text in piece.metadata if field == "C"], _BESIDE_TEMPO * width)
    first_mark = next((mark for bar in piece.bars for mark in bar.tempos if mark.tempo == piece.tempo), None)
    tempo = None if first_mark is not None and first_mark.is_silent else piece.tempo
    if not (composers or style or tempo):
        return title
    beside_style = width / 2 - text_width(style, _SMALL_SIZE) / 2 - _SMALL_SIZE
    if composers and style and text_width(composers[-1], size) > beside_style:
        composers.append("")
    step = 1.25 * size
    first = 1.3 * _SMALL_SIZE + step * max(0, len(composers) - 1)
    # the stem of the tempo mark stays below the title
    height = title.height + max(first, 1.9 * _SMALL_SIZE if tempo else 0)
    parts = [title.content, *_small_text(style, width / 2, height, "middle", _SMALL_SIZE, width / 3)]
    for above, line in enumerate(reversed(composers)):
        parts += _small_text(line, width, height - step * above, "end", size, _BESIDE_TEMPO * width)
    if tempo:
        counted = [mark.beat for mark in piece.bars[0].tempos if mark.onset == 0 and mark.tempo == tempo]
        mark = _tempo_mark(tempo, next(filter(None, counted), piece.bars[0].beat_length))
        parts.append(f'<g transform="translate(0, {height:.0f})">{mark}</g>')
    return Strip("".join(parts), height)


def _composer_lines(composers: Sequence[str], width: float) -> tuple[list[str], float]:
    """A line for each composer in the largest type in which they fit, else several in the smallest, and its size."""
    for size in _COMPOSER_SIZES:
        if all(text_width(composer, size) <= width for composer in composers):
            return [*composers], size
    letters = max(1, int(width / text_width("a", size)))
    return [
        line
        for composer in composers
        for line in wrap(composer, letters, break_long_words=False, break_on_hyphens=False)
    ], size


def _small_text(text: str, x: float, y: float, anchor: str, size: float, width: float) -> list[str]:
    text, size = fitted_text(text, size, width)
    place = f'x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"'
    return [f'<text {place} font-size="{size:.1f}" font-style="italic">{xml_text(text)}</text>'] if text else []


def _tempo_mark(tempo: float, beat: int) -> str:
    """A note as long as the beat, where that is a quarter, dotted or not, or a half, and how many a minute has."""
    beat = beat if beat in (24, 36, 48) else TICKS_PER_QUARTER
    is_half, is_dotted = beat == 48, beat == 36
    head = f'<ellipse cx="14" cy="-11" rx="13" ry="9.5" transform="rotate(-22 14 -11)" {_head_fill(is_half)}/>'
    stem = '<path d="M25.5 -15V-70" stroke="black" stroke-width="3"/>'
    dot = '<circle cx="38" cy="-11" r="4"/>' if is_dotted else ""
    beats = f"= {tempo * TICKS_PER_QUARTER / beat:.0f}"
    text = f'<text x="{58 if is_dotted else 44}" font-size="{_SMALL_SIZE}" font-weight="bold">{beats}</text>'
    return head + stem + dot + text


def _head_fill(is_half: bool) -> str:
    return 'fill="white" stroke="black" stroke-width="3.5"' if is_half else ""
