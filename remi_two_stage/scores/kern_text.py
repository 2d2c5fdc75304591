"""The text of a Humdrum kern file: its encoding, what is wrong in it, and what music21 leaves out of it.

music21 (`humdrum/spineParser.py`) leaves out all slurs and chord symbols, of which `kern_chords` reads some, and the
words and dynamics of spines that name no staff; where a spine is split, it repeats words, which `kern_words` reads.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

from ..core.errors import ScoreFormatError
from ..core.signatures import TICKS_PER_WHOLE

WORDS, _DYNAMICS = frozenset({"**text", "**silbe", "**lyrics"}), frozenset({"**dynam"})
NUMERALS = "**harm"
_NOTES = ("**kern", "**recip")
_NUMERAL_SPINE = re.compile(r"(?<![^\t\n])\*\*harm(?![^\t\n])")
_PLAIN_BAR_LINE = re.compile(r"=[0-9]*[a-z]?-?(?:\t|$)")
_KEY = re.compile(r"\*(?:([A-Ga-g][#-]*)|\?):")
_LENGTH = re.compile(r"(0+|[1-9][0-9]{0,4})(?:%([1-9][0-9]{0,4}))?(\.{0,4})")
_SYMBOLS = {
    **dict.fromkeys(("**jazz", "**root", "**chord"), "a chord symbol"),
    **dict.fromkeys(("**fb", "**fba", "**Bnum"), "a figured bass"),
}
"""Spines, by their exclusive interpretation."""
_SPINES_WITH_BLANKS = re.compile(r"^\*\*\S+(?:[ \t]+\*\*\S+)+$", re.MULTILINE)
_ORDER = re.compile(r"^\*>\[([^\]\t]*)\]", re.MULTILINE)
_REPEAT = re.compile(r"^=[^\t\n]*:", re.MULTILINE)
_LONGEST_SHOWN = 40


def decode_kern(data: bytes) -> str:
    """The text of a file in UTF-8, UTF-16 with a byte order mark, or else Latin-1; its lines end as Humdrum's do, and
    single tabs part the spines where they begin.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16", errors="replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _SPINES_WITH_BLANKS.sub(lambda match: "\t".join(match[0].split()), text)


def check_spines(text: str) -> None:
    """Check that there are spines, and that every line has one token for each.

    Raises:
        ScoreFormatError: there are none, or a line has not, with its number.
    """
    first = next((line for line in text.split("\n") if line.strip() and not line.startswith("!!")), "")
    if not first.startswith("**"):
        raise ScoreFormatError(
            f"this is no Humdrum file: it begins with {first[:_LONGEST_SHOWN]!r} in place of '**kern'; export it again"
        )
    for number, count, spines in _uneven_lines(text):
        raise ScoreFormatError(
            f"the line has {count} tokens in place of {spines}; separate those of spines by single tabs"
        ).at(line=number)


def _uneven_lines(text: str) -> Iterator[tuple[int, int, int]]:
    """The numbers of the lines that have not one token for each spine, how many they have, and how many spines are."""
    kinds: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.startswith("!!"):
            tokens = line.split("\t")
            if kinds and len(tokens) != len(kinds):
                yield number, len(tokens), len(kinds)
            if line.startswith("*"):
                kinds = list(_spines_after(tokens, kinds))


def kern_losses(text: str) -> Counter[str]:
    """Slurs, dynamics, figured basses and most chord symbols in the text of a kern file, an order of its parts
    in which one comes again, and lines without a token for each spine.
    """
    losses = Counter({"a line without a token for each spine": sum(1 for _ in _uneven_lines(text))})
    order = _ORDER.search(text)
    if order and not _REPEAT.search(text):  # else it says again what repeats say
        labels = order[1].split(",")
        losses["an order of parts"] += len({*labels}) < len(labels)
    for tokens in spines_of_lines(text):
        for kind, token in tokens:
            losses["a slur"] += token.count("(") if kind == "**kern" else 0
            losses["a dynamic"] += kind in _DYNAMICS and any(sign.isalpha() or sign in "<>" for sign in token)
            if kind in _SYMBOLS:
                losses[_SYMBOLS[kind]] += token not in ("", ".")
    return +losses


def first_spines(text: str) -> list[str]:
    """The kinds of the spines with which a file begins."""
    return next((line.split("\t") for line in text.splitlines() if line.startswith("**")), [])


def spines_of_lines(text: str) -> Iterator[list[tuple[str, str]]]:
    """The tokens of each line of data, each with the kind of its spine."""
    kinds: list[str] = []
    for line in text.splitlines():
        tokens = line.split("\t")
        if line.startswith("*"):
            kinds = list(_spines_after(tokens, kinds))
        elif line and not line.startswith(("!", "=")):
            yield list(zip(kinds, tokens, strict=False))


def text_for_music21(text: str) -> str:
    """The text without what music21 takes for music that is none: Roman numerals, each of which it holds for a quarter
    note, and stumbles over "?", are in spines of a name that says nothing to it; a second bar line, which it has
    begin a bar of silence, is a comment; and tokens without a sign, which it passes over, say that nothing is new.
    """
    found = []
    follows_bar_line = False
    for line in _NUMERAL_SPINE.sub("**numerals", text).split("\n"):
        if follows_bar_line and _PLAIN_BAR_LINE.match(line):
            found.append("\t".join("!" for _ in line.split("\t")))
            continue
        if line and line[0] not in "!*":
            follows_bar_line = line[0] == "="
            line = "\t".join(token or "." for token in line.split("\t"))
        found.append(line)
    return "\n".join(found)


def keys_of_lines(text: str) -> Iterator[str]:
    """For each line of data the key that the file says last before it, such as "E-" or "f#"; empty without one."""
    key = ""
    for line in text.splitlines():
        if line.startswith("*"):
            found = next((match for token in line.split("\t") if (match := _KEY.match(token))), None)
            key = key if found is None else found[1] or ""
        elif line and not line.startswith(("!", "=")):
            yield key


def timed_lines(text: str) -> Iterator[tuple[Fraction, list[tuple[str, str]]]]:
    """The lines of data as `spines_of_lines` has them, each with its time in ticks from the start of the file. A line
    begins where the first note before it ends; those without notes or rests divide the time to the next line that has
    some evenly.
    """
    time = Fraction(0)
    ends: set[Fraction] = set()  # of the notes that have begun
    waiting: list[list[tuple[str, str]]] = []  # the lines from `time` on
    for tokens in spines_of_lines(text):
        lengths = [length for kind, token in tokens if kind in _NOTES and (length := _length_of(token)) is not None]
        if lengths:
            following = min(ends, default=time)
            yield from _divided(waiting, time, following)
            time, waiting = following, []
            ends = {end for end in (*ends, *(time + length for length in lengths)) if end > time}
        waiting.append(tokens)
    yield from _divided(waiting, time, min(ends, default=time))


def _divided(
    lines: list[list[tuple[str, str]]], begin: Fraction, end: Fraction
) -> Iterator[tuple[Fraction, list[tuple[str, str]]]]:
    for number, tokens in enumerate(lines):
        yield begin + (end - begin) * Fraction(number, len(lines)), tokens


def _length_of(token: str) -> Fraction | None:
    """The length of a note, chord or rest in ticks; None where there is none, or it takes no time."""
    match = _LENGTH.search(token.split(" ", 1)[0])
    if match is None or "q" in token:
        return None
    number, divisor, dots = match.groups()
    breves = Fraction(2 ** len(number)) if number.startswith("0") else Fraction(1, int(number))
    return TICKS_PER_WHOLE * breves * int(divisor or 1) * (2 - Fraction(1, 2 ** len(dots)))


def _spines_after(tokens: list[str], kinds: list[str]) -> Iterator[str]:
    """The kinds of spines after a line of interpretations, which may begin, end, split, join and exchange them."""
    kinds = [*kinds, *[""] * (len(tokens) - len(kinds))]
    exchanged = [index for index, token in enumerate(tokens) if token == "*x"]
    for first, second in zip(exchanged[::2], exchanged[1::2], strict=False):
        kinds[first], kinds[second] = kinds[second], kinds[first]
    before = ""
    for token, kind in zip(tokens, kinds, strict=False):
        if token.startswith("**"):
            yield token
        elif token == "*^":
            yield from (kind, kind)
        elif token == "*+":
            yield from (kind, "")
        elif token != "*-" and not token == before == "*v":
            yield kind
        before = token
