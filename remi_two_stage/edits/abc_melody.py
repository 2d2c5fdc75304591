"""An ABC file without the voices that a harmonisation of its melody leaves out."""

from __future__ import annotations

import re
from collections import defaultdict

from .abc_file import AbcFile
from .abc_places import PlacedTune
from .changes import NotAnEditError

_VOICE = re.compile(r"V:\s*([^\s%]+)|\[V:\s*([^\s\]]+)")
_SCORE = re.compile(r"(?:%%|I:\s*)(?:score|staves)\b")
_PLAYERS = re.compile(r"(?:%%|I:\s*)MIDI\b")
_FIELD = re.compile("[wsKLM+]:")


def take_out_other_voices(file: AbcFile, tune: PlacedTune) -> None:
    """Take out the lines of all voices of a tune but the first, which stays as it is, and what is said of them.

    Args:
        tune: Which has been read.

    Raises:
        NotAnEditError: the first voice shares a line with another.
    """
    melody = current = tune.voice_ids[0]
    layers = tune.layers_of(melody)
    music: defaultdict[int, set[str]] = defaultdict(set)
    for token in (token for token in tune.tokens if token.kind != "field"):
        music[token.line].add(token.voice)
    for line in range(tune.first_line, tune.first_line + len(tune.lines)):
        text, voices = file.lines[line], music[line]
        if melody in voices and len(voices) > 1:
            raise NotAnEditError(f"the melody shares line {line + 1} with another voice")
        named = _VOICE.match(text)
        current = next(iter(voices), (named[1] or named[2]) if named else current)
        current = melody if current in layers else current
        is_in_body = line > tune.key_line
        if line == tune.key_line:
            current = melody
        elif (directive := _SCORE.match(text)) and not is_in_body:
            file.replace(line, f"{directive[0]} {melody}")
        elif current != melody and (voices or named or _PLAYERS.match(text) or (is_in_body and _FIELD.match(text))):
            file.replace(line, None)
