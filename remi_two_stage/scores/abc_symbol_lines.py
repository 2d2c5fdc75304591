"""The symbols beside a line of ABC music (`s:`, ABC standard 2.1, section 4.15): chord symbols, annotations and
decorations that stand in a line of their own, each for a note.
"""

from __future__ import annotations

from .abc_notation import is_mark
from .abc_signs import parse_decoration, parse_symbol
from .abc_voice import Voice


def read_symbol_line(text: str, voice: Voice) -> int:
    """Give the notes of the last line of music what a line of symbols has for them; how many have no note."""
    lost = 0
    for onset, sign in voice.lyrics.symbols(text, voice.boundaries) if voice.lyrics else ():
        if onset is None:
            lost += 1
        elif sign.startswith('"'):
            said = parse_symbol(sign)
            if said.placement and said.text:
                voice.notation.place((said,), onset, 0)
            elif said.text:
                voice.symbols.append((onset, said.text))
        else:
            names = parse_decoration(sign)
            known = [name for name in names if is_mark(name)]
            voice.notation.lose("a decoration without a meaning", len(names) - len(known))
            voice.notation.place(known, onset, 0)
    return lost
