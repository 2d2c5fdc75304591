"""The values that the page's components show of a user's work, ready for JSON.

Texts are not HTML: the scripts put them on the page as text nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

from ..analysis.score_checking import check_score
from ..core.abc_writer import write_abc
from ..core.piece import Bar, Piece
from ..core.text import counted
from ..rendering.close_score import Staff, two_staves
from ..rendering.engraving import engrave
from ..rendering.piano_roll import piano_roll
from ..rendering.sound import voicing
from ..scores.tempo_map import TempoMap
from .actions import Work, edited_plan
from .comparison import compared
from .downloads import Download
from .note_editing import scale_of
from .playback import playback

OFFERED = 3
"""Tunes to choose from."""
UNTITLED = "Untitled tune"
_NARROW, _NARROW_FOR_PARTS = 950.0, 1250.0
"""Widths for phones, in tenths of a millimetre, of a lone melody and of parts with names: two bars a system."""


def grid(work: Work, names: bool, typed: Sequence[str] | None = None) -> dict[str, Any]:
    """The chord grid: lines of bars.

    Args:
        names: Whether to show chord names, with small numerals, where nothing is typed; otherwise the other way round.
        typed: The texts that the user has typed into the cells, to be checked; None shows the plan.
    """
    if work.plan is None:
        return {"lines": [], "problems": [], "isCheck": False}
    plan, reasons = (work.plan, {}) if typed is None else edited_plan(work.plan, typed)
    texts = plan.bar_texts(names) if typed is None else list(typed)
    same, others = plan.bar_texts(names), plan.bar_texts(not names)
    changed = Work(plan=plan, piece=work.piece).edited_bars
    numbers = plan.skeleton.bar_numbers
    cells = [
        {
            "index": index,
            "name": _bar_name(bar, number),
            "number": "" if bar.is_pickup else number,
            "text": texts[index],
            "other": "" if index in reasons else same[index] if texts[index] == others[index] else others[index],
            "reason": reasons.get(index, ""),
            "isChanged": index in changed,
            "pitches": _pitches(bar, plan.skeleton.key.pitch_class),
            **_signs(bar),
        }
        for index, (bar, number) in enumerate(zip(plan.skeleton.bars, numbers, strict=True))
    ]
    problems = [f"{_bar_name(plan.skeleton.bars[i], numbers[i]).capitalize()}: {why}" for i, why in reasons.items()]
    return {
        "lines": [[cells[index] for index in line] for line in plan.lines()],
        "problems": problems,
        "isCheck": typed is not None,
    }


def renamed_grid(work: Work, names: bool, typed: Sequence[str]) -> dict[str, Any]:
    """The grid in the other notation, with the user's chords converted; invalid texts stay as typed."""
    assert work.plan is not None
    plan, reasons = edited_plan(work.plan, typed)
    texts = [typed[index] if index in reasons else text for index, text in enumerate(plan.bar_texts(names))]
    return grid(work, names, texts) | {"isCheck": False}


def edited_bars(work: Work, typed: Sequence[str]) -> tuple[int, int] | None:
    """Numbers of the first and the last bar whose chords are not those of the tune, as typed; None where all are."""
    if work.plan is None or work.piece is None:
        return None
    plan, _ = edited_plan(work.plan, typed)
    numbers = work.piece.bar_numbers
    changed = [numbers[index] for index in Work(plan=plan, piece=work.piece).edited_bars if numbers[index]]
    return (changed[0], changed[-1]) if changed else None


def _pitches(bar: Bar, tonic: int) -> list[list[int]]:
    """The MIDI numbers of each chord in a bar."""
    return [voicing(chord.label, tonic) for chord in bar.chords]


def _bar_name(bar: Bar, number: int) -> str:
    return f"pick-up to bar {number + 1}" if bar.is_pickup else f"bar {number}"


def _signs(bar: Bar) -> dict[str, Any]:
    return {
        "isPickup": bar.is_pickup,
        "repeatStart": bar.repeat_start,
        "repeatEnd": bar.repeat_end,
        "ending": "".join(f"{number}." for number in bar.endings),
    }


def score(work: Work, files: Sequence[Download], is_close: bool = True) -> dict[str, Any] | None:
    """The tune, engraved in two widths and as a piano roll, what is played, files and link, or its ABC where it has no
    link, what the last edit changed, and what is wrong with its voice-leading if it has several voices; the tunes that
    are offered, if any are; None if there is no tune.

    Args:
        is_close: Whether a choir stands on two staves.
    """
    if work.offered:
        return {"offered": [_offered(each, is_close) for each in work.offered], "wanted": OFFERED}
    piece = work.piece
    if piece is None:
        return None
    shown = _once_named(piece)
    return {
        "title": piece.title or UNTITLED,
        **_pictures(shown, two_staves(piece) if is_close else None),
        "roll": piano_roll(piece).svg(),
        "narrowRoll": piano_roll(piece, _NARROW_FOR_PARTS).svg(),
        "changes": _changes(work.before, piece, is_close) if work.before else None,
        "numbers": piece.bar_numbers,
        "bars": _bars(piece),
        "isFlat": piece.key.signature < 0,
        "scale": scale_of(piece.key),
        "timeline": _timeline(piece),
        "playing": playback(piece),
        "files": [{"kind": file.kind, "file": file.data()} for file in files],
        "query": work.link.query() if work.link else "",
        "abc": "" if work.link else write_abc(piece),
        "check": _check(piece) if len(piece.voices) > 1 else None,
    }


def _pictures(piece: Piece, staves: Sequence[Staff] | None) -> dict[str, str]:
    """The score for a desk and for a phone."""
    narrow = _NARROW if len(piece.voices) == 1 else _NARROW_FOR_PARTS
    return {
        "wide": engrave(piece, note_ids=True, staves=staves).svg(),
        "narrow": engrave(piece, narrow, note_ids=True, staves=staves).svg(),
    }


def _offered(work: Work, is_close: bool) -> dict[str, Any]:
    """A tune to choose from, in small."""
    piece = work.piece
    assert piece is not None
    staves = two_staves(piece) if is_close else None
    staves_alone = replace(_once_named(piece), title="", style=None, tempo=None, metadata=())
    return {
        "said": said(work),
        "picture": engrave(staves_alone, _NARROW_FOR_PARTS, note_ids=True, staves=staves).svg(),
        "playing": playback(piece),
    }


def _changes(before: Piece, piece: Piece, is_close: bool) -> dict[str, Any] | None:
    """The old tune under the new one, and which bars and notes differ; None where nothing does."""
    comparison = compared(before, piece, is_close)
    if comparison is None or not comparison.bars:
        return None
    return {
        **_pictures(_once_named(comparison.piece), comparison.staves),
        "newStaves": comparison.new_staves,
        "bars": comparison.bars,
        "said": bars_in_words(_full_bars(piece, comparison.bars), piece.bar_count),
        "new": comparison.new,
        "old": comparison.old,
    }


def _full_bars(piece: Piece, indices: Sequence[int]) -> list[int]:
    """The numbers of those of some bars that are no pick-ups, which have the number of the bar before."""
    return [piece.bar_numbers[index] for index in indices if not piece.bars[index].is_pickup]


def bars_in_words(numbers: Sequence[int], count: int) -> str:
    """Numbers of bars, of `count` in all, as "bars 2, 5 to 8"; none is a pick-up."""
    known = sorted(set(numbers))
    if len(known) == count:
        return "all bars"
    firsts = [number for number in known if number - 1 not in known]
    lasts = [number for number in known if number + 1 not in known]
    runs = [f"{first}" if first == last else f"{first} to {last}" for first, last in zip(firsts, lasts, strict=True)]
    return ("bar " if len(known) == 1 else "bars ") + ", ".join(runs) if known else "the pick-up"


def _once_named(piece: Piece) -> Piece:
    """The piece with each chord named once while it lasts, and again where a part or a phrase begins."""
    last = ""
    bars = []
    for bar in piece.bars:
        if bar.repeat_start or bar.endings or bar.phrase_start:
            last = ""
        chords = []
        for chord in bar.chords:
            name = chord.name(piece.key, bar.key)
            if name != last:
                chords.append(chord)
            last = name
        bars.append(replace(bar, chords=tuple(chords)))
    return replace(piece, bars=tuple(bars))


def _bars(piece: Piece) -> list[dict[str, Any]]:
    """What a screen reader says of each bar and of the notes in it; times in ticks as written."""
    starts = accumulate((bar.length for bar in piece.bars), initial=0)
    return [
        {
            "name": _bar_name(bar, number),
            "start": start,
            "offset": bar.offset,
            "beat": bar.beat_length,
            "chords": [[start + chord.onset, chord.name(piece.key, bar.key)] for chord in bar.chords],
        }
        for bar, number, start in zip(piece.bars, piece.bar_numbers, starts, strict=False)
    ]


def _check(piece: Piece) -> dict[str, Any]:
    """The faults of the voice-leading, each with the bar that it marks, and their figures."""
    checked = check_score(piece)
    return {
        "summary": checked.summary,
        "faults": [{"bar": max(fault.bar, 1), "text": f"{fault.place}: {fault.text}"} for fault in checked.faults],
    }


def _timeline(piece: Piece) -> list[tuple[float, int]]:
    """The time in seconds at which each bar begins, and the bar's index, in playing order."""
    tempo_map = TempoMap(piece)
    order = piece.playing_order()
    ends = accumulate(piece.bars[index].length for index in order)
    starts = (0, *ends)
    return [(round(tempo_map.seconds(start), 3), index) for start, index in zip(starts, order, strict=False)]


def said(work: Work) -> str:
    """A sentence on the present plan or tune."""
    if work.plan is None:
        return ""
    piece, plan = work.piece, work.plan
    what = f"{counted(plan.bar_count, 'bar')} in {plan.skeleton.key.spoken}, {plan.skeleton.meter}"
    if piece is None:
        return f"A plan of {what}. Change any chord, then compose."
    seed = f", seed {work.link.seed}" if work.link and work.link.seed is not None else ""
    return f"{piece.title or 'Untitled tune'}: {what}{seed}."
