"""The signs beside the notes of ABC music: slurs, decorations by their names and letters, annotations (ABC standard
2.1, sections 4.11, 4.14, 4.18 and 4.19).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..core.abc_notation import LETTERS_OF_MARKS
from ..core.notation import JUMPS
from ..core.text import printable, with_straight_quotes
from .abc_fields import decode_text

DECORATIONS = (
    "trill lowermordent uppermordent mordent pralltriller roll turn turnx invertedturn invertedturnx arpeggio accent "
    "emphasis fermata invertedfermata tenuto plus snap slide wedge upbow downbow open thumb breath segno coda fine "
    "dacapo dacoda tocoda D.S. D.C. D.S.alcoda D.S.alfine D.C.alcoda D.C.alfine shortphrase mediumphrase longphrase "
    "crescendo( crescendo) diminuendo( diminuendo) trill( trill) <( <) >( >) < > + 0 1 2 3 4 5 p pp ppp pppp f ff fff "
    "ffff mp mf sf sfz fz fp rf rfz marcato staccato editorial courtesy 8va( 8va) 8vb( 8vb) 15ma( 15ma) 15mb( 15mb) "
    "ped ped-up"
).split()
"""Names that stand between exclamation marks."""
_ANNOTATION_SIGNS = tuple("^_<>@")
_COORDINATES = re.compile(r"-?[0-9.]+,-?[0-9.]+\s*")
_SIGN_NAMES = {sign: (name,) for name, sign in LETTERS_OF_MARKS.items()}
_SIGN_NAMES |= {"S": ("segno",), "O": ("coda",), "(": ("(",), ")": (")",)}
_LEADING_SIGNS = re.compile(r"[.~(HLMOPSTuv]*")
_SIGNS_OF_RUN = re.compile(r"\.?\(|.")
_SAME_DECORATIONS = {
    "mordent": "lowermordent", "pralltriller": "uppermordent", "emphasis": "accent", ">": "accent", "+": "plus",
    "^": "marcato", "irishroll": "roll", "<(": "crescendo(", "<)": "crescendo)", ">(": "diminuendo(",
    ">)": "diminuendo)", "decrescendo(": "diminuendo(", "decrescendo)": "diminuendo)", "dacapo": "D.C.",
    "dalsegno": "D.S.", "tocoda": "dacoda", "nil": "", "none": "",
}  # fmt: skip
"""Second names of decorations -> the first; nil and none say that there is none."""
_JUMPS_OF_WORDS = {sign.replace(".", "").lower(): sign for sign in JUMPS}


class WrittenText(NamedTuple):
    """Text in quotation marks; `placement` is an annotation's sign, empty for a chord symbol."""

    text: str
    placement: str = ""


def parse_symbol(text: str) -> WrittenText:
    """The chord symbol or the annotation between quotation marks (sections 4.18 and 4.19)."""
    name = text[1:-1].strip()
    if not name.startswith(_ANNOTATION_SIGNS):
        return WrittenText(name)
    said = name[1:].lstrip()
    if not said:  # a sign of its own, such as an accent
        return WrittenText(name, "^")
    if name[0] == "@":
        said = _COORDINATES.sub("", said, count=1) if _COORDINATES.match(said) else said
    return WrittenText(printable(with_straight_quotes(decode_text(said))).strip(), name[0])


def leading_signs(text: str) -> str:
    """The slurs and decorations of one letter before a note."""
    return _LEADING_SIGNS.match(text)[0]  # type: ignore[index]  # which matches anything


def parse_decoration(text: str) -> tuple[str, ...]:
    """The name of a decoration between exclamation marks or plus signs (section 4.14), one of those that mean the same;
    none where it says that there is none.
    """
    name = text[1:-1].strip()
    small = name.lower()
    name = _SAME_DECORATIONS.get(name, name)
    name = _JUMPS_OF_WORDS.get(small.replace(".", "").replace(" ", ""), name)
    if small in DECORATIONS:
        name = _SAME_DECORATIONS.get(small, small)
    if "ferm" in small:
        name = "invertedfermata" if "invert" in small else "fermata"
    return (name,) if name else ()


def parse_signs(text: str) -> tuple[str, ...]:
    """Slurs and decorations of one letter: "(", ")" and the names of the decorations."""
    return tuple(name for sign in _SIGNS_OF_RUN.findall(text) for name in _SIGN_NAMES[sign[-1]])
