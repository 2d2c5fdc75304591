"""What is made of a piece's tokens: the sequences that the two stages read and write, from the "full" one.

    plan       globals, then every bar's header and footer
    detail     the plan, `<Detail>`, then the bars with their notes
    infilling  the plan of the bars before a cut, `<After>`, the bars after it with their notes, `<Detail>`, the bars
               before it with theirs: what comes later is read before what comes earlier is written
    melody     globals, `<Context>`, the first voice's bars over unknown chords, `<Detail>`, then the plan

A `Prompt` is how a sequence begins. Functions take token names of a grammatical sequence, and return such; those that
say what is learnt take token ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Self

from .errors import RequestError
from .grammar import Grammar, SequenceKind
from .piece import Key
from .vocabulary import DETAIL, TOKEN_IDS

IGNORED = -100
"""Label of a token that bears no loss."""

_GLOBALS = ("<BOS>", "<Style=", "<time=", "<key=", "<Tempo=", "<Bars=", "<voice=")
_HEADER = ("<PhraseStart>", "<RepeatStart>", "<Ending=", "<time=", "<key=", "<BarStart>")
_FOOTER = ("<EndingEnd>", "<RepeatEnd>")


@dataclass(slots=True)
class BarTokens:
    """Tokens of a bar: its header, each voice from its `<voice=>` on, its footer."""

    header: list[str] = field(default_factory=list)
    voices: list[list[str]] = field(default_factory=list)
    footer: list[str] = field(default_factory=list)

    def tokens(self, voices: Sequence[int] | None = None) -> Iterator[str]:
        """All tokens, the voices in order or in the order of the indices given."""
        sung = self.voices if voices is None else [self.voices[index] for index in voices]
        return chain(self.header, *sung, self.footer)


@dataclass(frozen=True, slots=True)
class Prompt:
    """The beginning of a sequence, on which a stage goes on.

    Attributes:
        kind: Of the sequence.
        ids: Token ids.
        pitch_shift: Semitones from the tokens' pitch to the sounding one, for the ranges of voices.
        bars: Bars to be written, pick-ups included as far as they are known.
        given_voice: Token ids of the first voice in each bar, if it is given (see `Grammar`).
    """

    kind: SequenceKind
    ids: list[int]
    pitch_shift: int
    bars: int
    given_voice: list[list[int]] | None = None

    @classmethod
    def of(
        cls,
        kind: SequenceKind,
        names: Iterable[str],
        key: Key,
        bars: int,
        given_voice: Iterable[Iterable[str]] | None = None,
    ) -> Self:
        """A prompt from token names, at the pitch of a key."""
        given = None if given_voice is None else [_ids(bar) for bar in given_voice]
        return cls(kind, _ids(names), key.semitones_above_c, bars, given)


def _ids(names: Iterable[str]) -> list[int]:
    return [TOKEN_IDS[name] for name in names]


def first_bar(tokens: Sequence[str]) -> int:
    """Index of the first token that is none of the globals."""
    return next((index for index, name in enumerate(tokens) if not name.startswith(_GLOBALS)), len(tokens))


def split_bars(tokens: Sequence[str]) -> tuple[list[str], list[BarTokens]]:
    """The globals, and the bars that follow them up to `<EOS>`, of a "full" or "plan" sequence."""
    first = first_bar(tokens)
    bars: list[BarTokens] = []
    has_started = True
    for name in tokens[first:-1]:
        if has_started and name.startswith(_HEADER):
            bars.append(BarTokens())
            has_started = False
        bar = bars[-1]
        if name in _FOOTER:
            bar.footer.append(name)
        elif name.startswith("<voice="):
            bar.voices.append([name])
        else:
            (bar.voices[-1] if bar.voices else bar.header).append(name)
        has_started = has_started or name == "<BarStart>"
    return list(tokens[:first]), bars


def extract_chord_sequence(tokens: Sequence[str]) -> list[str]:
    """The plan of a "full" or "detail" sequence: its globals and every bar's header and footer, without the
    notes.
    """
    if "<Detail>" in tokens:
        return [*tokens[: tokens.index("<Detail>")], "<EOS>"]
    names, bars = split_bars(tokens)
    return [*names, *_plan(bars), "<EOS>"]


def _plan(bars: Sequence[BarTokens]) -> Iterator[str]:
    return chain.from_iterable((*bar.header, *bar.footer) for bar in bars)


def detail_sequence(tokens: Sequence[str]) -> list[str]:
    """The "detail" sequence of a "full" one."""
    return [*extract_chord_sequence(tokens)[:-1], "<Detail>", *tokens[first_bar(tokens) :]]


def up_to_detail(sequence: Sequence[str]) -> list[str]:
    """What is given of a sequence: all up to `<Detail>`, which is the last token returned."""
    return list(sequence[: sequence.index("<Detail>") + 1])


def infilling_sequence(tokens: Sequence[str], cut: int) -> list[str]:
    """The "infilling" sequence of a "full" one.

    Args:
        cut: Index of the first bar that stands in front with its notes, 1 or more and below the number of bars.

    Raises:
        RequestError: there is no bar before the cut, or none after it.
    """
    names, bars = split_bars(tokens)
    if not 0 < cut < len(bars):
        raise RequestError(f"cannot cut {len(bars)} bars before bar index {cut}; give 1 to {len(bars) - 1}")
    earlier, later = (chain.from_iterable(bar.tokens() for bar in part) for part in (bars[:cut], bars[cut:]))
    return [*names, *_plan(bars[:cut]), "<After>", *later, "<Detail>", *earlier, "<EOS>"]


def melody_sequence(tokens: Sequence[str]) -> list[str]:
    """The "melody" sequence of a "full" one, from its first voice."""
    names, bars = split_bars(tokens)
    context = chain.from_iterable(
        (*bar.header[: _first_chord(bar.header)], "<Chord_unk>", *bar.voices[0], *bar.footer) for bar in bars
    )
    return [*names, "<Context>", *context, "<Detail>", *_plan(bars), "<EOS>"]


def _first_chord(header: Sequence[str]) -> int:
    return next(index for index, name in enumerate(header) if name.startswith("<Chord_"))


def voices_of(tokens: Sequence[str]) -> list[str]:
    """Names of a piece's voices, in the order of its globals."""
    return [name[len("<voice=") : -1] for name in tokens[: first_bar(tokens)] if name.startswith("<voice=")]


def in_voice_order(tokens: Sequence[str], voices: Sequence[str]) -> list[str]:
    """A "full" sequence with its voices in another order.

    Args:
        voices: Names of all its voices.

    Raises:
        RequestError: those are not the voices of the piece.
    """
    names, bars = split_bars(tokens)
    written = voices_of(names)
    if sorted(voices) != sorted(written):
        raise RequestError(f"the voices are {', '.join(written)}, not {', '.join(voices)}; name each of them once")
    order = [written.index(voice) for voice in voices]
    moved = chain.from_iterable(bar.tokens(order) for bar in bars)
    return [*names[: -len(written)], *(names[index - len(written)] for index in order), *moved, "<EOS>"]


def sampled_tokens(token_ids: Sequence[int], kind: SequenceKind) -> list[bool]:
    """For each token of a sequence, whether it was chosen and not prescribed, by the grammar or by what stands before
    `<Detail>`.

    Raises:
        GrammarError: a token that may not stand where it does.
    """
    grammar = Grammar(kind)
    sampled = []
    for token in token_ids:
        sampled.append(grammar.forced() is None)
        grammar.advance(token)
    if DETAIL in token_ids:
        given = token_ids.index(DETAIL) + 1
        sampled[:given] = [False] * given
    return sampled


def labels_of(token_ids: Sequence[int], kind: SequenceKind) -> list[int]:
    """What is learnt of a sequence: the ids where a token was sampled, `IGNORED` elsewhere; models shift them.

    Raises:
        GrammarError: a token that may not stand where it does.
    """
    sampled = sampled_tokens(token_ids, kind)
    return [token if is_sampled else IGNORED for token, is_sampled in zip(token_ids, sampled, strict=True)]


def _longest_melody(tokens: Sequence[str]) -> list[str]:
    """The "melody" sequence from that of the voices which makes it longest."""
    voices = voices_of(tokens)
    orders = ([voice, *(other for other in voices if other != voice)] for voice in voices)
    return max((melody_sequence(in_voice_order(tokens, order)) for order in orders), key=len)


SEQUENCE_OF: dict[SequenceKind, Callable[[Sequence[str]], list[str]]] = {
    "full": list,
    "plan": extract_chord_sequence,
    "detail": detail_sequence,
    "melody": _longest_melody,
}
"""For each kind of sequence that a whole tune determines, what makes it from the tune's "full" sequence."""
