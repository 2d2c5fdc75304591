"""The independent reading of ABC that ours is compared with: abc2midi, made to play a tune once as it is written.

abc2midi plays repeats, swings hornpipes, shortens staccato notes and spells out ornaments, so these are taken out of
the text first. Durations are not compared, and onsets may differ by a few ticks, since it spreads chords.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from remi_two_stage.core.piece import Piece
from remi_two_stage.scores.midi_reader import parse_midi

needs_abc2midi = pytest.mark.skipif(shutil.which("abc2midi") is None, reason="abc2midi is not installed")

_FIELDS_OUT = re.compile(r"[A-JN-UW-Zr-w]:(?![|:])")
_FIELD = re.compile(r"[A-Za-z]:(?![|:])")
_NO_NOTES = re.compile(r'"[^"]*"|\{[^}]*\}|![^!\s|]{1,30}!|\[[Qr]:[^\]]*\]|(?<!\\)%.*')
_SIGNS = re.compile(r"\[\s*\d[\d,-]*|(?<!\(\d)::|:*\[?\|[:|\]]*(?:\d[\d,-]*)?")
_DECORATIONS = re.compile(r"[.~HLMOPSTuvR](?=[.~^_=A-Ga-g\[({HLMOPSTuvR])")
_OPTIONS = ("-NGUI", "-NGRA", "-NFER", "-NFNP", "-NCOM", "-silent")
_CHORD_SPREAD = 3  # ticks


def tunes_of(text: str) -> list[str]:
    """The tunes of a tune book, each with its own lines."""
    parts = re.split(r"(?m)^(?=X:)", text.replace("\r\n", "\n"))
    return [re.split(r"\n\s*\n", part)[0] + "\n" for part in parts if part.startswith("X:")]


def played(tune: str, folder: Path) -> list[tuple[int, int]]:
    """Pitch and onset in ticks of each note, sorted."""
    source, target = folder / "tune.abc", folder / "tune.mid"
    source.write_text("X:1\nT:tune\n" + "\n".join(map(_as_written, tune.splitlines())), encoding="utf-8")
    target.unlink(missing_ok=True)
    subprocess.run(["abc2midi", source, "-o", target, *_OPTIONS], check=False, capture_output=True, timeout=30)
    return _sorted_notes(parse_midi(target.read_bytes()))


def _as_written(line: str) -> str:
    if line.startswith("%") or _FIELDS_OUT.match(line):
        return "%"
    if _FIELD.match(line):
        return line
    return _DECORATIONS.sub("", _SIGNS.sub("|", _NO_NOTES.sub("", line)))


def _sorted_notes(piece: Piece) -> list[tuple[int, int]]:
    return sorted((pitch, int(24 * onset)) for _, onset, _, pitch in piece.note_list())


def agrees(piece: Piece, tune: str, folder: Path) -> bool:
    """Whether a piece has the notes that abc2midi plays."""
    ours, theirs = _sorted_notes(piece), played(tune, folder)
    return len(ours) == len(theirs) and all(
        mine[0] == other[0] and abs(mine[1] - other[1]) <= _CHORD_SPREAD
        for mine, other in zip(ours, theirs, strict=True)
    )
