"""How often is the chord of a bar found? Chords inferred from melodies, beside simpler ways, music21 and chorder.

    python benchmarks/harmony.py FILE.abc [FILE.abc ...]

The files hold melodies, such as Nottingham's valid.abc and test.abc, which have chord symbols. Counted are the bars
that begin with a written chord; right is who finds its root and triad quality with all symbols hidden (sevenths and
other additions do not count). The key is known to all, as the files say it. A way that finds no chord is wrong.

Then it is counted how often `label_chords` changes the chord in a bar, and how the tunes close, with all symbols
hidden, beside the symbols where there are any. Tunes without symbols are counted too.

`chorder` is compared when it is installed (`pip install chorder`; it needs miditoolkit and nothing that conflicts with
this package), twice: as it is meant, on the whole tune in MIDI, beat by beat, with the beats counted from the first
full bar; and asked for one chord of each bar's notes.

Triads are (root in semitones above the tonic, key of `chords.QUALITIES`).
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from remi_two_stage.analysis.chord_inference import MELODY_TRIADS, Triad, infer_chords
from remi_two_stage.analysis.harmony import label_chords
from remi_two_stage.core.chords import QUALITIES, split_label
from remi_two_stage.core.piece import Bar, Piece
from remi_two_stage.core.signatures import TICKS_PER_QUARTER
from remi_two_stage.scores.abc_reader import read_abc
from remi_two_stage.scores.musicxml_names import MODE_NAMES

TRIAD_OF = {
    "7": "maj", "maj7": "maj", "6": "maj", "min7": "min", "min6": "min", "minmaj7": "min",
    "hdim7": "dim", "dim7": "dim", "aug7": "aug",
}  # fmt: skip
"""Quality with a seventh or sixth -> the triad in it."""
MUSIC21_QUALITIES = {"major": "maj", "minor": "min", "diminished": "dim", "augmented": "aug"}
CHORDER_QUALITIES = {
    "M": "maj", "7": "maj", "M7": "maj", "m": "min", "m7": "min", "o": "dim", "o7": "dim", "/o7": "dim", "+": "aug",
}  # fmt: skip

Way = Callable[[Piece], Sequence[Triad | None]]
"""Finds a triad for every bar of a piece, without looking at its symbols."""


def triad_of(label: str) -> Triad | None:
    """Root and triad quality of a label."""
    parts = split_label(label)
    return None if parts is None else (parts[0], TRIAD_OF.get(parts[1], parts[1]))


def written_triad(bar: Bar) -> Triad | None:
    """The triad of the symbol at the start of a bar."""
    return triad_of(bar.chords[0].label) if bar.chords and bar.chords[0].onset == 0 else None


def accuracy(way: Way, pieces: Sequence[Piece]) -> tuple[float, int]:
    """Share of the bars with a written triad whose triad is found, and the number of these bars."""
    return share_found(
        (written_triad(bar), found) for piece in pieces for bar, found in zip(piece.bars, way(piece), strict=True)
    )


def share_found(triads: Iterable[tuple[Triad | None, Triad | None]]) -> tuple[float, int]:
    """Share of the known triads that are found, and the number of those known, of pairs (known, found)."""
    is_found = [known == found for known, found in triads if known is not None]
    return sum(is_found) / len(is_found), len(is_found)


def written_changes(piece: Piece) -> Iterator[tuple[Triad | None, Triad | None]]:
    """The written triads of bars that have two or more, the first at the bar's start, each with the one heard there."""
    for bar, heard in zip(piece.bars, label_chords(without_symbols(piece)).bars, strict=True):
        if len(bar.chords) > 1 and bar.chords[0].onset == 0:
            for chord in bar.chords:
                here = [guess for guess in heard.chords if guess.onset <= chord.onset]
                yield triad_of(chord.label), triad_of(here[-1].label)


def without_symbols(piece: Piece) -> Piece:
    """The piece with all chord symbols hidden."""
    return replace(piece, bars=tuple(replace(bar, chords=()) for bar in piece.bars))


@dataclass
class Shares:
    """What chords do in tunes: counts.

    Attributes:
        bars: Full bars, and those of them with two chords or more.
        chords: Chords, and tonic triads among them.
        tonic_endings: Tunes whose last note is the tonic, and those of them whose last chord is the tonic's.
        dominant_endings: Of these in major and minor, those that end V-I; and the same of other modes and bVII or v.
    """

    bars: Counter[bool] = field(default_factory=Counter)
    chords: Counter[bool] = field(default_factory=Counter)
    tonic_endings: Counter[bool] = field(default_factory=Counter)
    dominant_endings: Counter[bool] = field(default_factory=Counter)
    modal_endings: Counter[bool] = field(default_factory=Counter)

    def add(self, piece: Piece) -> None:
        """Count a piece, with its chords."""
        full = [bar for bar in piece.bars if not bar.is_pickup]
        self.bars.update(len(bar.chords) > 1 for bar in full)
        triads = [triad_of(chord.label) for bar in piece.bars for chord in bar.chords]
        self.chords.update(triad in _TONICS for triad in triads)
        notes = piece.note_list()
        if not notes or not triads or (notes[-1][-1] - piece.key.pitch_class) % 12:
            return
        self.tonic_endings.update([triads[-1] in _TONICS])
        before = next((triad for triad in reversed(triads) if triad not in _TONICS), None)
        if piece.key.mode in ("maj", "min"):
            self.dominant_endings.update([triads[-1] in _TONICS and before == (7, "maj")])
        else:
            self.modal_endings.update([triads[-1] in _TONICS and before in _MODAL_DOMINANTS])

    def __str__(self) -> str:
        named = {
            "bars with two chords": self.bars,
            "of chords I or i": self.chords,
            "tunes ending on the tonic with its chord": self.tonic_endings,
            "of these in major or minor V-I": self.dominant_endings,
            "in other modes bVII, v or V before it": self.modal_endings,
        }
        return ", ".join(
            f"{name} {counts[True] / max(1, counts.total()):.1%} of {counts.total()}" for name, counts in named.items()
        )


_TONICS = ((0, "maj"), (0, "min"))
_MODAL_DOMINANTS = ((10, "maj"), (7, "min"), (7, "maj"))


def show_melodies(pieces: Sequence[Piece]) -> None:
    """Print how often chords are right where the pieces have symbols, and what chords do, with all symbols hidden."""
    if any(bar.chords for piece in pieces for bar in piece.bars):
        share, bars = accuracy(inferred, pieces)
        print(f"  {share:.1%} of {bars} bars that begin with a written chord")
        share, changes = share_found(pair for piece in pieces for pair in written_changes(piece))
        print(f"  {share:.1%} of {changes} chords in bars with two or more written ones")
        with_symbols = [piece for piece in pieces if any(bar.chords for bar in piece.bars)]
        print(f"  written: {shares_of(map(label_chords, with_symbols))}")
    print(f"  heard: {shares_of(label_chords(without_symbols(piece)) for piece in pieces)}")


def shares_of(pieces: Iterable[Piece]) -> Shares:
    """The counts of some pieces, each with its chords."""
    shares = Shares()
    for piece in pieces:
        shares.add(piece)
    return shares


# --- the ways


def inferred(piece: Piece) -> list[Triad | None]:
    """`chord_inference.py`, which `label_chords` asks."""
    return [triad_of(chords[0].label) for chords in infer_chords(piece)]


def tonic(piece: Piece) -> list[Triad | None]:
    """The tonic triad everywhere."""
    return [(0, "maj" if piece.key.mode in ("maj", "lyd", "mix") else "min")] * len(piece.bars)


def template(piece: Piece) -> list[Triad | None]:
    """For each bar the one of melodies' usual triads whose notes sound longest in it; of equals the commonest."""
    return [_fullest_triad(bar, piece.key.pitch_class) for bar in piece.bars]


def _fullest_triad(bar: Bar, tonic_pitch_class: int) -> Triad:
    sounding: Counter[int] = Counter()
    for note in (note for sung in bar.notes for note in sung):
        sounding[(note.pitch - tonic_pitch_class) % 12] += note.duration

    def share(triad: Triad) -> int:
        return sum(sounding[(triad[0] + interval) % 12] for interval in QUALITIES[triad[1]].intervals)

    return max(MELODY_TRIADS, key=share)


def roman_numerals(piece: Piece) -> list[Triad | None]:
    """music21's Roman numeral of each bar's notes; where they make no triad, upper case counts as major."""
    from music21 import key, pitch

    tonality = key.Key(piece.key.tonic.replace("b", "-"), MODE_NAMES[piece.key.mode])
    found: list[Triad | None] = []
    for bar in piece.bars:
        pitches = [pitch.Pitch(midi=number) for number in sorted({note.pitch for sung in bar.notes for note in sung})]
        if (numeral := roman_numeral(pitches, tonality)) is None:
            found.append(None)
            continue
        by_case = "maj" if numeral.romanNumeralAlone.isupper() else "min"
        quality = MUSIC21_QUALITIES.get(numeral.quality, by_case)
        found.append(((numeral.root().pitchClass - piece.key.pitch_class) % 12, quality))
    return found


def roman_numeral(pitches: Sequence[Any], tonality: Any) -> Any:
    """music21's Roman numeral, in a music21 Key, of music21 Pitches taken together; None of none."""
    from music21 import chord, roman

    return roman.romanNumeralFromChord(chord.Chord(pitches), tonality) if pitches else None


def chorder_by_beat(piece: Piece) -> list[Triad | None]:
    """chorder's chord of each bar's first beat."""
    from chorder import Dechorder
    from miditoolkit.midi.containers import Instrument
    from miditoolkit.midi.containers import Note as MidiNote
    from miditoolkit.midi.parser import MidiFile

    two_beats = 2 * TICKS_PER_QUARTER
    shift = -piece.bars[0].length % two_beats if piece.bars[0].is_pickup else 0
    starts = list(accumulate((bar.length for bar in piece.bars), initial=shift))
    midi = MidiFile(ticks_per_beat=TICKS_PER_QUARTER)
    midi.instruments.append(Instrument(0))
    midi.instruments[0].notes += [
        MidiNote(80, note.pitch, start + note.onset, start + note.onset + note.duration)
        for bar, start in zip(piece.bars, starts, strict=False)
        for sung in bar.notes
        for note in sung
    ]
    midi.max_tick = starts[-1]
    chords = Dechorder.dechord(midi)
    beats = [start // TICKS_PER_QUARTER for start in starts[:-1]]
    return [_triad_of_chorder(chords[beat], piece) if beat < len(chords) else None for beat in beats]


def chorder_by_bar(piece: Piece) -> list[Triad | None]:
    """chorder's chord of each bar's notes."""
    from chorder import Dechorder
    from miditoolkit.midi.containers import Note as MidiNote

    found = []
    for bar in piece.bars:
        notes = [
            MidiNote(80, note.pitch, note.onset, note.onset + note.duration) for sung in bar.notes for note in sung
        ]
        chord, _ = Dechorder.get_chord_quality(notes, 0, bar.length)
        found.append(_triad_of_chorder(chord, piece))
    return found


def _triad_of_chorder(chord: Any, piece: Piece) -> Triad | None:
    quality = CHORDER_QUALITIES.get(chord.quality)
    return ((chord.root_pc - piece.key.pitch_class) % 12, quality) if quality else None


WAYS: dict[str, Way] = {
    "inferred": inferred,
    "always the tonic": tonic,
    "triad template": template,
    "music21's Roman numerals": roman_numerals,
    "chorder, beat by beat": chorder_by_beat,
    "chorder, bar by bar": chorder_by_bar,
}


def main() -> None:
    """Compare the ways on the files named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, help="ABC files of melodies")
    pieces = [piece for file in parser.parse_args().files for piece in read_abc(file, errors="collect")]
    show_melodies(pieces)
    if not any(bar.chords for piece in pieces for bar in piece.bars):
        return
    for name, way in WAYS.items():
        if name.startswith("chorder") and importlib.util.find_spec("chorder") is None:
            print(f"{name:26} not installed: pip install chorder")
            continue
        start = time.process_time()
        share, bars = accuracy(way, pieces)
        milliseconds = 1000 * (time.process_time() - start) / len(pieces)
        print(f"{name:26} {share:6.1%} of {bars} bars, {milliseconds:8.2f} ms a tune")


if __name__ == "__main__":
    main()
