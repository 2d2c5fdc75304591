"""Uploaded scores come from the process that reads them as they are."""

import json
from dataclasses import replace
from typing import get_args

from remi_two_stage.core.notation import (
    SLUR,
    ChordSymbol,
    ClefSign,
    Grace,
    GraceNote,
    Instrument,
    Lyric,
    Mark,
    Notation,
    Source,
    Span,
    Spelling,
    TempoMark,
    Text,
)
from remi_two_stage.demo.uploads import put_together, taken_apart
from remi_two_stage.scores.abc_reader import read_abc

HYMN_NOTATION: tuple[Notation, ...] = (
    Lyric(0, "Mor", joint="-"),
    Lyric(0, "When", verse=2),
    Mark(0, "mf"),
    Span(0, SLUR, bars=1, end=24),
    Grace(24, ((GraceNote(69, 12, 3),), (GraceNote(71, 6, 5), GraceNote(74, 6, 2))), is_slashed=True),
    Lyric(24, "ning"),
    Text(48, "Slower", "_"),
    Spelling(72, 61, -5),
    Mark(72, "fermata"),
    ClefSign(72, "bass"),
)


def test_notation_of_an_upload_arrives_too() -> None:
    (hymn,) = read_abc('X:1\nT:Hymn\nM:4/4\nL:1/4\nK:G\nV:S\nV:B\n[V:S]"G"GABc|d4|\n[V:B]G,G,G,G,|G,4|\n')
    first, last = hymn.bars
    chord = replace(first.chords[0], symbol=ChordSymbol(1, "maj7", bass=-2))
    tempos = (TempoMark(0, 72.0, "Andante", 24), TempoMark(48, None, "rit."))
    first = replace(first, notation=(HYMN_NOTATION, ()), tempos=tempos, chords=(chord,), jumps=("segno",))
    last = replace(last, notation=((), (Mark(0, "trill"),)), jumps=("fine", "D.S."))
    hymn = replace(
        hymn,
        bars=(first, last),
        instruments=(Instrument("Soprano", "S.", 52), Instrument()),
        source=Source(b"X:1", (), ()),
    )
    arrived = put_together(json.loads(json.dumps(taken_apart(hymn))))
    assert arrived == hymn
    assert [bar.notation for bar in arrived.bars] == [bar.notation for bar in hymn.bars]
    assert {type(record) for record in HYMN_NOTATION} == set(get_args(Notation))
    assert (arrived.bars[0].tempos, arrived.bars[0].chords[0].symbol) == (tempos, chord.symbol)
    assert (arrived.instruments, arrived.source) == (hymn.instruments, None)
