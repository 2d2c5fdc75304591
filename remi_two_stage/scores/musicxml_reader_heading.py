"""What stands before the music of a MusicXML score: titles, creators and other fields; the parts and who plays them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from xml.etree.ElementTree import Element

from ..core.notation import Instrument
from ..core.text import printable
from .musicxml_names import CREATORS, FIELD_PREFIX, PLAYER, RIGHTS, SHARED_STAVES, STYLE, UNNAMED
from .musicxml_reader_document import Document, is_whole

_FIELD_OF_CREATOR = {kind: letter for letter, kind in CREATORS.items()} | {"poet": "A", "": "C"}
_NO_TITLE = re.compile(r"Music21 Fragment|Untitled(?: score)?|\S+\.(?:mxl|xml|musicxml|krn|mid)")
_LETTERS = re.compile(r"^(?!©|\(c\)|copyright).*[^\W\d_]{2}", re.IGNORECASE)
_SIZE = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4})?")
_NO_CREATORS = ("Music21", "Composer / arranger")
"""What programs write where there is nothing; a file's name is no title."""
_ACCIDENTALS = {"flat": "♭", "sharp": "♯", "natural": "♮"}
"""What `<accidental-text>` says -> its sign."""
_DRUM_CHANNEL = "10"
_PLAYER_NAMES = ("instrument-name", "instrument-abbreviation")


@dataclass(frozen=True)
class PartInfo:
    """What the part list says of a part.

    Attributes:
        instruments: That of the part, or those of its voices.
        voices: What these are called, where a score of our own names several.
        staves: The number of the staff on which each of them stands.
    """

    instruments: tuple[Instrument, ...]
    is_percussion: bool
    voices: tuple[str, ...] = ()
    staves: tuple[int, ...] = ()

    def on_staves(self, staves: tuple[int, ...]) -> PartInfo:
        """This part with a voice each on some staves; the first one of all has the part's name."""
        (player,) = self.instruments
        pairs = zip((0, *staves), staves, strict=False)
        others = [Instrument(program=player.program, shares_staff=before == staff) for before, staff in [*pairs][1:]]
        return replace(self, instruments=(player, *others), staves=staves)


def heading_of(root: Element, is_own: bool) -> tuple[str, str | None, tuple[tuple[str, str], ...]]:
    """Title, style and further fields; a movement is named after itself, its work is a second title, and so is what is
    printed under the title.
    """
    titles = [_text(root.find(path)) for path in ("movement-title", "work/work-title")]
    titles += _credits(root, "title")
    titles += [] if any(titles) else [_largest_in_the_middle(root)]
    titles += [text for text in _credits(root, "subtitle") if not any(text in title for title in titles)]
    named = [title for title in dict.fromkeys(titles) if title and (is_own or not _NO_TITLE.fullmatch(title))]
    title, *others = named or [""]
    fields: list[tuple[str, str]] = [("T", other) for other in others]
    style = None
    for name, text in _fields(root):
        if name == STYLE:
            style = text
        else:
            fields.append((name, text))
    return title, style, tuple(sorted(fields, key=lambda field: field[0] != "T"))  # the rest keeps its order


def _credits(root: Element, kind: str) -> list[str]:
    """The texts that are printed on a page as a title or the like."""
    credits = [credit for credit in root.iterfind("credit") if _text(credit.find("credit-type")) == kind]
    return [" ".join(map(_text, credit.iterfind("credit-words"))) for credit in credits]


def _largest_in_the_middle(root: Element) -> str:
    """The words on the first page that look like a title, where nothing says what is one: centred, in the largest type;
    empty if there are none.
    """
    words = [
        (_size_of(line), _text(line))
        for credit in root.iterfind("credit")
        if credit.find("credit-type") is None and credit.get("page", "1") == "1"
        for line in credit.iterfind("credit-words")
        if "center" in (line.get("justify"), line.get("halign")) and _LETTERS.search(_text(line))
    ]
    return max(words, key=lambda each: each[0], default=(0, ""))[1]


def _size_of(words: Element) -> float:
    """The size of words in points; 0 where it is said in other ways."""
    size = _SIZE.match(words.get("font-size", ""))
    return float(size[0]) if size else 0


def _fields(root: Element) -> Iterator[tuple[str, str]]:
    """Creators, of which there may be one a line, rights and sources as fields of ABC, and those that a
    `<miscellaneous-field>` keeps.
    """
    identification = root.find("identification")
    if identification is None:
        return
    for creator in identification.iterfind("creator"):
        kind = creator.get("type", "").strip().lower()
        letter = _FIELD_OF_CREATOR.get(kind)
        for text in filter(None, (printable(line).strip() for line in (creator.text or "").splitlines())):
            if text not in _NO_CREATORS:
                yield (letter, text) if letter else ("Z", f"{kind}: {text}")
    yield from (("Z", f"{RIGHTS} {_text(rights)}") for rights in identification.iterfind("rights") if _text(rights))
    yield from (("S", _text(source)) for source in identification.iterfind("source") if _text(source))
    for field in identification.iterfind("miscellaneous/miscellaneous-field"):
        name, text = field.get("name", ""), _text(field)
        if name == STYLE or name.startswith(FIELD_PREFIX):
            yield name.removeprefix(FIELD_PREFIX), text


def shared_staves(root: Element) -> set[str]:
    """The voices of a score of our own that stand on the staff of the voice above."""
    fields = root.iterfind("identification/miscellaneous/miscellaneous-field")
    return {name for field in fields if field.get("name") == SHARED_STAVES for name in _text(field).split()}


def parts_of(document: Document, is_own: bool) -> list[PartInfo]:
    """What the part list says of each part of a score, in the order of its parts."""
    listed = {part.get("id", ""): part for part in document.root.iterfind("part-list/score-part")}
    shared = shared_staves(document.root) if is_own else set()
    return [_part_info(listed.get(name, Element("score-part")), is_own, shared) for name in document.part_ids]


def _part_info(part: Element, is_own: bool, shared: Collection[str]) -> PartInfo:
    channels = {_text(channel) for channel in part.iterfind("midi-instrument/midi-channel")}
    is_percussion = channels == {_DRUM_CHANNEL}
    players = part.findall("score-instrument")
    if is_own and len(players) > 1:
        voices = tuple([player.get("id", "").removesuffix(PLAYER).removesuffix(UNNAMED) for player in players])
        staves = tuple(accumulate((voice not in shared for voice in voices[1:]), initial=1))
        return PartInfo(tuple([_player(part, player) for player in players]), is_percussion, voices, staves)
    is_named = not players or not players[0].get("id", "").endswith(UNNAMED)
    full, short = (_name_of(part, kind) if is_named else "" for kind in ("part-name", "part-abbreviation"))
    program = _program(part.findtext("midi-instrument/midi-program"))
    return PartInfo((Instrument(full, short, program),), is_percussion)


def _player(part: Element, player: Element) -> Instrument:
    """One of several players of a part."""
    player_id = player.get("id", "")
    full, short = ("" if player_id.endswith(UNNAMED) else _text(player.find(kind)) for kind in _PLAYER_NAMES)
    sounds = (sound for sound in part.iterfind("midi-instrument") if sound.get("id") == player_id)
    return Instrument(full, short, _program(next((sound.findtext("midi-program") for sound in sounds), None)))


def _program(said: str | None) -> int | None:
    """MIDI's number of a sound, which MusicXML counts from 1."""
    number = (said or "").strip()
    return int(number) - 1 if is_whole(number) and 1 <= int(number) <= 128 else None


def _name_of(part: Element, kind: str) -> str:
    """A name of a part as it is displayed, where that is said."""
    shown = part.find(f"{kind}-display")
    texts = [] if shown is None or shown.get("print-object") == "no" else list(shown)
    words = "".join(_ACCIDENTALS.get(text.text or "", text.text or "") for text in texts)
    return " ".join(printable(words).split()) or _text(part.find(kind))


def _text(element: Element | None) -> str:
    return "" if element is None else printable(element.text or "").strip()
