"""Edits made without a model: bars with random notes in place of others, bars that follow, voices that are added."""

import random
from dataclasses import replace

from remi_two_stage.core.piece import Bar, Chord, Note, Piece
from remi_two_stage.edits.held import keeping_held
from remi_two_stage.edits.notation import with_new_notes


def rewritten(piece: Piece, first: int, count: int, seed: int = 1) -> Piece:
    """The piece with random notes in some of its bars, by index."""
    source = random.Random(seed)
    new = [
        tuple(_notes(bar, _pitches(piece, voice), source) for voice in range(len(piece.voices)))
        for bar in piece.bars[first : first + count]
    ]
    return with_new_notes(piece, first, keeping_held(piece.bars, first, new))


def extended(piece: Piece, count: int, seed: int = 1) -> Piece:
    """The piece with full bars after its last one, each with a chord."""
    source = random.Random(seed)
    last = piece.bars[-1]
    length = last.meter.bar_length if last.meter else last.length
    empty = Bar(last.meter, last.key, length, ())
    new = []
    for _ in range(count):
        notes = tuple(_notes(empty, _pitches(piece, voice), source) for voice in range(len(piece.voices)))
        new.append(replace(empty, notes=notes, chords=(Chord(0, source.choice(["I", "V7", "vi"])),)))
    return replace(piece, bars=(*piece.bars, *new))


def harmonised(piece: Piece, seed: int = 1) -> Piece:
    """The piece with voices A, T, B under its only one, which becomes S."""
    source = random.Random(seed)
    bars = []
    for bar in piece.bars:
        added = [_notes(bar, range(low, low + 10), source) for low in (55, 48, 40)]
        notation = (*bar.notation, (), (), ()) if bar.notation else ()
        bars.append(replace(bar, notes=(*bar.notes, *added), notation=notation))
    return replace(piece, voices=("S", "A", "T", "B"), bars=tuple(bars), instruments=())


def _pitches(piece: Piece, voice: int) -> list[int]:
    return sorted({note.pitch for bar in piece.bars for note in bar.notes[voice]}) or [60]


def _notes(bar: Bar, pitches: range | list[int], source: random.Random) -> tuple[Note, ...]:
    unit = next(unit for unit in (12, 6, 3, 1) if bar.length % unit == 0)
    notes, onset = [], 0
    while onset < bar.length:
        duration = min(bar.length - onset, unit * source.choice([1, 1, 2, 2, 3, 4]))
        if source.random() < 0.9:
            notes.append(Note(onset, source.choice(pitches), duration))
        onset += duration
    return tuple(notes)
