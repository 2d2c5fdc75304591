"""What is written beside the notes of bars that get new notes: what stays, and how much goes.

Conventions
- Syllables stay in their bar, as far as it has notes for them, or go over to the next that gets new notes; notes that
  are left are sung on the last one.
- What tells players how the music goes on (dynamics, the pedal, words) stays at the note before it, and a slur, a
  hairpin or an octave line from or to another bar at the nearest note, so that nothing changes in that bar. All else
  goes with the notes that it belonged to: ornaments, articulation, fermatas, grace notes, slurs within.
- What goes is counted in `Piece.losses`.
- Bars that stay sound as they did: what was held into them from a bar with new notes is struck there, unless it is held
  again, and no new note is held over into them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeGuard

from ..core.notation import DYNAMICS, PEDALS, ClefSign, Grace, Lyric, Mark, Notation, Span, Spelling, Text
from ..core.piece import Bar, Note, Piece

_REASONS: dict[type[Notation], str] = {
    Mark: "a sign in a rewritten bar",
    Text: "a sign in a rewritten bar",
    Grace: "grace notes in a rewritten bar",
    Span: "a slur or a hairpin in a rewritten bar",
    Lyric: "a syllable in a rewritten bar",
}


def with_new_notes(piece: Piece, first: int, notes: Sequence[tuple[tuple[Note, ...], ...]]) -> Piece:
    """The piece with other notes in its bars from the index `first` on, and their notation as far as it stays."""
    written = range(first, first + len(notes))
    bars = list(piece.bars)
    lost: Counter[str] = Counter()
    for index, sung in zip(written, notes, strict=True):
        bars[index] = replace(bars[index], notes=sung)
    if written.stop < len(bars):
        _keep_what_was_held(piece.bars, bars, written)
    for voice in range(len(piece.voices)):
        _move_spans(bars, voice, written, piece.voices)
        waiting: dict[int, list[Lyric]] = {}
        for index in written:
            if bars[index].notation:
                _keep_in_bar(bars, index, voice, written, waiting, lost)
        lost[_REASONS[Lyric]] += sum(map(len, waiting.values()))
    losses = Counter(dict(piece.losses)) + lost
    return replace(piece, bars=tuple(bars), losses=tuple(losses.items()))


def _keep_what_was_held(old: Sequence[Bar], bars: list[Bar], written: range) -> None:
    """Let the bar after those with new notes sound as it did."""
    end = sum(bar.length for bar in old[written.start : written.stop])
    following = bars[written.stop]
    stays = []
    for voice, own in enumerate(following.notes):
        held = {(note.pitch, stop - end): note for note, stop in _with_ends(old, voice, written) if stop > end}
        start = 0
        for index in written:
            sung = bars[index].notes[voice]
            kept = [_held_until(note, end - start, held) for note in sung]
            if kept != list(sung):
                bars[index] = replace(bars[index], notes=_with_voice(bars[index].notes, voice, kept))
            start += old[index].length
        struck = {note.pitch for note in own if note.onset == 0}
        new = [replace(note, onset=0, duration=left) for (pitch, left), note in held.items() if pitch not in struck]
        stays.append(tuple(sorted([*own, *new])) if new else own)
    bars[written.stop] = replace(following, notes=tuple(stays))


def _with_ends(bars: Sequence[Bar], voice: int, written: range) -> Iterable[tuple[Note, int]]:
    """The notes of some bars, each with its end in ticks from where these begin."""
    start = 0
    for bar in bars[written.start : written.stop]:
        yield from ((note, start + note.onset + note.duration) for note in bar.notes[voice])
        start += bar.length


def _held_until(note: Note, end: int, held: dict[tuple[int, int], Note]) -> Note:
    """A new note, which ends at `end`, counted from its bar's start, unless it is one of those that were held over."""
    left = note.onset + note.duration - end
    if left <= 0 or held.pop((note.pitch, left), None) is not None:
        return note
    return replace(note, duration=end - note.onset)


def _with_voice(notes: Sequence[tuple[Note, ...]], voice: int, sung: Iterable[Note]) -> tuple[tuple[Note, ...], ...]:
    return (*notes[:voice], tuple(sung), *notes[voice + 1 :])


def _keep_in_bar(
    bars: list[Bar], index: int, voice: int, written: range, waiting: dict[int, list[Lyric]], lost: Counter[str]
) -> None:
    """Let go what a bar with new notes cannot keep in a voice; syllables that wait, by verse, come first."""
    records = bars[index].notation[voice]
    onsets = sorted({note.onset for note in bars[index].notes[voice]})
    kept: list[Notation] = []
    for record in records:
        if _says_how_to_go_on(record):
            kept.append(replace(record, onset=max((onset for onset in onsets if onset <= record.onset), default=0)))
        elif isinstance(record, Span) and index + record.bars not in written:
            kept.append(record)
        elif not isinstance(record, (Lyric, Spelling)):
            lost[_REASONS[type(record)]] += 1
    lyrics = [record for record in records if isinstance(record, Lyric)]
    for verse in sorted({lyric.verse for lyric in lyrics}):
        kept += _sung([lyric for lyric in lyrics if lyric.verse == verse], onsets, waiting.setdefault(verse, []))
    _set_notation(bars, index, voice, kept)


def _says_how_to_go_on(record: Notation) -> TypeGuard[Mark | Text | ClefSign]:
    """Whether a record is a clef, a dynamic, the pedal or words, and no fingering in their place."""
    if isinstance(record, ClefSign):
        return True
    if isinstance(record, Text):
        return len(record.text) > 1 and not record.text.isdigit()
    return isinstance(record, Mark) and record.name in (*DYNAMICS, *PEDALS)


def _sung(lyrics: Sequence[Lyric], onsets: Sequence[int], waiting: list[Lyric]) -> Iterable[Lyric]:
    """The syllables of a verse on the new notes of a bar; those for which there is none wait for the next."""
    words = [*waiting, *(lyric for lyric in lyrics if lyric.text)]
    is_held_over = not lyrics[0].text and len(onsets) > len(words)  # the bar begins within a syllable
    places = onsets[is_held_over:]
    waiting[:] = words[len(places) :]
    left = places[len(words) :] if words else []
    yield from (Lyric(onset, "", lyrics[0].verse, "_") for onset in (*onsets[:is_held_over], *left))
    for number, (word, onset) in enumerate(zip(words, places, strict=False), 1):
        is_held = number == len(words) and left
        yield replace(word, onset=onset, joint="-" if word.joint == "-" else "_" if is_held else "")


def _move_spans(bars: list[Bar], voice: int, written: range, names: Sequence[str]) -> None:
    """Move the ends of slurs and hairpins that lie in bars with new notes to the nearest notes there, where the other
    end lies in another bar.
    """
    for index, bar in enumerate(bars):
        if not bar.notation:
            continue
        moved = [_moved(record, index, bars, voice, written, names) for record in bar.notation[voice]]
        if moved != list(bar.notation[voice]):
            _set_notation(bars, index, voice, moved)


def _moved(
    record: Notation, index: int, bars: Sequence[Bar], voice: int, written: range, names: Sequence[str]
) -> Notation:
    if not isinstance(record, Span) or (index in written) == (index + record.bars in written):
        return record
    if index in written:
        return replace(record, onset=_nearest(bars[index], voice, record.onset))
    last = names.index(record.voice) if record.voice in names else voice
    return replace(record, end=_nearest(bars[index + record.bars], last, record.end))


def _nearest(bar: Bar, voice: int, onset: int) -> int:
    """The onset of the note of a bar that is nearest to an onset; the bar's start if it has no notes."""
    return min((note.onset for note in bar.notes[voice]), key=lambda other: abs(other - onset), default=0)


def _set_notation(bars: list[Bar], index: int, voice: int, records: Iterable[Notation]) -> None:
    notation = list(bars[index].notation)
    notation[voice] = tuple(sorted(records, key=lambda record: record.onset))
    bars[index] = replace(bars[index], notation=tuple(notation) if any(notation) else ())
