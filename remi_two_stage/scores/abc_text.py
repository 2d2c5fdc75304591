r"""Text strings of ABC: how titles and names say what a keyboard lacks (ABC standard 2.1, section 8.2).

Conventions
- Accents are mnemonics (`\'e`), HTML entities (`&eacute;`) or code points (`\u00e9`).
- `\%`, `\&` and `\\` are the signs themselves, which `write_abc` writes so.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache

_COMBINING = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", "=": "\u0304", "u": "\u0306", ".": "\u0307",
    '"': "\u0308", "H": "\u030b", "v": "\u030c", "c": "\u0327", ";": "\u0328",
}  # fmt: skip
"""Sign of a mnemonic -> the combining accent that it stands for."""

_LIGATURES = {"ss": "ß", "AE": "Æ", "ae": "æ", "OE": "Œ", "oe": "œ", "/O": "Ø", "/o": "ø", "AA": "Å", "aa": "å"}
_LIGATURES |= {"DH": "Ð", "dh": "ð", "TH": "Þ", "th": "þ"}
_MNEMONIC = re.compile(
    r"\\(?:(?P<sign>[%&\\])"
    r"|u(?P<code>[0-9A-Fa-f]{4})"
    rf"|(?P<ligature>{'|'.join(map(re.escape, _LIGATURES))})"
    rf"|(?P<accent>[{''.join(map(re.escape, _COMBINING))}])(?P<letter>[A-Za-z]))"
    r"|(?P<entity>&#?[A-Za-z0-9]{1,8};)"
)


@lru_cache(maxsize=1024)
def decode_text(text: str) -> str:
    """A text string as a person reads it."""
    text = text.strip()
    return _MNEMONIC.sub(_decoded, text) if "\\" in text or "&" in text else text


def _decoded(match: re.Match[str]) -> str:
    if match["sign"]:
        return match["sign"]
    if match["code"]:
        return html.unescape(f"&#x{match['code']};")
    if match["ligature"]:
        return _LIGATURES[match["ligature"]]
    if match["accent"]:
        return unicodedata.normalize("NFC", match["letter"] + _COMBINING[match["accent"]])
    return html.unescape(match[0])
