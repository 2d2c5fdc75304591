"""What is made of a piece's tokens: the sequences that the two stages read and write, from the "full" one.

    plan       globals, then every bar's header and footer
    detail     the plan, `<Detail>`, then the bars with their notes; voices stand in `writing_order`
    infilling  the plan of the bars before a cut, `<After>`, the bars after it with their notes, `<Detail>`, the bars
               before it with theirs: the later bars are read before the earlier ones are written
    melody     globals, `<Context>`, the first voice's bars over unknown chords, `<Detail>`, then the plan

A `Prompt` is how a sequence begins. Sequences are token ids, and grammatical; names stay at the doors of `codec.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from .chords import UNKNOWN_CHORD
from .errors import RequestError
from .grammar import BARS, CHORD, STYLE, TEMPO, TONIC, VOICE, Grammar, SequenceKind
from .grammar_structure import (
    BAR_START,
    ENDING,
    ENDING_END,
    KEY,
    PHRASE_START,
    REPEAT_END,
    REPEAT_START,
    TIME,
    Choice,
)
from .vocabulary import AFTER, BOS, CONTEXT, DETAIL, EOS, TOKENS, token_id

IGNORED = -100
"""Label of a token that bears no loss."""

_GLOBALS = frozenset((BOS, *STYLE, *TIME, *KEY, *TONIC, *TEMPO, *BARS, *VOICE))
_HEADER = frozenset((PHRASE_START, REPEAT_START, *ENDING, *TIME, *KEY, BAR_START))
_FOOTER = (ENDING_END, REPEAT_END)
_UNKNOWN_CHORD = token_id("Chord", UNKNOWN_CHORD)


@dataclass(slots=True)
class BarTokens:
    """Tokens of a bar: its header, each voice from its `<voice=>` on, its footer."""

    header: list[int] = field(default_factory=list)
    voices: list[list[int]] = field(default_factory=list)
    footer: list[int] = field(default_factory=list)

    def tokens(self, voices: Sequence[int] | None = None) -> Iterator[int]:
        """All tokens, the voices in order or in the order of the indices given."""
        sung = self.voices if voices is None else [self.voices[index] for index in voices]
        return chain(self.header, *sung, self.footer)


@dataclass(frozen=True, slots=True)
class Prompt:
    """The beginning of a sequence, which a stage continues.

    Attributes:
        kind: Of the sequence.
        ids: Token ids.
        bars: Bars to be written, as they are counted to whoever waits for them.
        given_voice: Token ids of the first voice in each bar, if it is given (see `Grammar`).
        replaced: Token ids of the voices of each bar that a new one takes the place of.
    """

    kind: SequenceKind
    ids: list[int]
    bars: int
    given_voice: list[list[int]] | None = None
    replaced: Sequence[Sequence[int]] = ()


def first_bar(tokens: Sequence[int]) -> int:
    """Index of the first token after the globals."""
    return next((index for index, token in enumerate(tokens) if token not in _GLOBALS), len(tokens))


def split_bars(tokens: Sequence[int]) -> tuple[list[int], list[BarTokens]]:
    """The globals, and the bars that follow them up to `<EOS>`, of a "full" or "plan" sequence."""
    first = first_bar(tokens)
    bars: list[BarTokens] = []
    has_started = True
    for token in tokens[first:-1]:
        if has_started and token in _HEADER:
            bars.append(BarTokens())
            has_started = False
        bar = bars[-1]
        if token in _FOOTER:
            bar.footer.append(token)
        elif token in VOICE:
            bar.voices.append([token])
        else:
            (bar.voices[-1] if bar.voices else bar.header).append(token)
        has_started = has_started or token == BAR_START
    return list(tokens[:first]), bars


def plan_sequence(tokens: Sequence[int]) -> list[int]:
    """The "plan" sequence of a "full" or "detail" one: its globals and every bar's header and footer, without the
    notes.
    """
    if DETAIL in tokens:
        return [*tokens[: tokens.index(DETAIL)], EOS]
    globals, bars = split_bars(tokens)
    return [*globals, *_plan(bars), EOS]


def _plan(bars: Sequence[BarTokens]) -> Iterator[int]:
    return chain.from_iterable((*bar.header, *bar.footer) for bar in bars)


def detail_sequence(tokens: Sequence[int]) -> list[int]:
    """The "detail" sequence of a "full" one."""
    return [*plan_sequence(tokens)[:-1], DETAIL, *tokens[first_bar(tokens) :]]


def up_to_detail(sequence: Sequence[int]) -> list[int]:
    """What is given of a sequence: all up to `<Detail>`, which is the last token returned."""
    return list(sequence[: sequence.index(DETAIL) + 1])


def infilling_sequence(tokens: Sequence[int], cut: int) -> list[int]:
    """The "infilling" sequence of a "full" one.

    Args:
        cut: Index of the first bar that stands in front with its notes, 1 or more and below the number of bars.

    Raises:
        RequestError: there is no bar before the cut, or none after it.
    """
    globals, bars = split_bars(tokens)
    if not 0 < cut < len(bars):
        raise RequestError(f"cannot cut {len(bars)} bars before bar index {cut}; give 1 to {len(bars) - 1}")
    earlier, later = (chain.from_iterable(bar.tokens() for bar in part) for part in (bars[:cut], bars[cut:]))
    return [*globals, *_plan(bars[:cut]), AFTER, *later, DETAIL, *earlier, EOS]


def melody_sequence(tokens: Sequence[int]) -> list[int]:
    """The "melody" sequence of a "full" one, from its first voice."""
    globals, bars = split_bars(tokens)
    context = chain.from_iterable(
        (*bar.header[: _first_chord(bar.header)], _UNKNOWN_CHORD, *bar.voices[0], *bar.footer) for bar in bars
    )
    return [*globals, CONTEXT, *context, DETAIL, *_plan(bars), EOS]


def _first_chord(header: Sequence[int]) -> int:
    return next(index for index, token in enumerate(header) if token in CHORD)


def voices_of(tokens: Sequence[int]) -> list[int]:
    """The `<voice=>` tokens of a piece's globals, in their order."""
    return [token for token in tokens[: first_bar(tokens)] if token in VOICE]


def in_voice_order(tokens: Sequence[int], voices: Sequence[int]) -> list[int]:
    """A "full" sequence with its voices in another order.

    Args:
        voices: The `<voice=>` tokens of all its voices.

    Raises:
        RequestError: those are not the voices of the piece.
    """
    globals, bars = split_bars(tokens)
    written = voices_of(globals)
    if sorted(voices) != sorted(written):
        known, given = (", ".join(TOKENS[voice][1] for voice in each) for each in (written, voices))
        raise RequestError(f"the voices are {known}, not {given}; name each of them once")
    order = [written.index(voice) for voice in voices]
    moved = chain.from_iterable(bar.tokens(order) for bar in bars)
    return [*globals[: -len(written)], *voices, *moved, EOS]


def writing_order(voices: Sequence[int], given: int | None = None) -> list[int]:
    """The `<voice=>` tokens of a piece, from high to low, in the order in which they are composed: the given voice, the
    outer ones, those between; so that a bass is written to a melody, and the inner voices fill what is left.
    """
    return list(dict.fromkeys((voices[0] if given is None else given, voices[0], voices[-1], *voices)))


def in_writing_order(tokens: Sequence[int]) -> list[int]:
    """A "full" sequence with its voices in the order in which they are composed."""
    voices = voices_of(tokens)
    order = writing_order(voices)
    return list(tokens) if order == voices else in_voice_order(tokens, order)


def sampled_tokens(token_ids: Sequence[int], kind: SequenceKind) -> list[tuple[int, Choice]]:
    """The tokens of a sequence that are chosen, and not prescribed by the grammar or by what stands before `<Detail>`:
    the index of each, and what the grammar allows there.

    Raises:
        GrammarError: a token that may not stand where it does.
    """
    grammar = Grammar(kind)
    first = token_ids.index(DETAIL) + 1 if DETAIL in token_ids else 0
    sampled: list[tuple[int, Choice]] = []
    for index, token in enumerate(token_ids):
        if index >= first and grammar.forced() is None:
            sampled.append((index, grammar.allowed))
        grammar.advance(token)
    return sampled


def labels_of(token_ids: Sequence[int], kind: SequenceKind) -> list[int]:
    """What is learnt of a sequence: the ids where a token was sampled, `IGNORED` elsewhere; models shift them.

    Raises:
        GrammarError: a token that may not stand where it does.
    """
    labels = [IGNORED] * len(token_ids)
    for index, _ in sampled_tokens(token_ids, kind):
        labels[index] = token_ids[index]
    return labels


def _longest_melody(tokens: Sequence[int]) -> list[int]:
    """The "melody" sequence from that of the voices which makes it longest."""
    voices = voices_of(tokens)
    orders = (writing_order(voices, voice) for voice in voices)
    return max((melody_sequence(in_voice_order(tokens, order)) for order in orders), key=len)


SEQUENCE_OF: dict[SequenceKind, Callable[[Sequence[int]], list[int]]] = {
    "full": list,
    "plan": plan_sequence,
    "detail": lambda tokens: detail_sequence(in_writing_order(tokens)),
    "melody": _longest_melody,
}
"""For each kind of sequence that a whole tune determines, what makes it from the tune's "full" sequence."""
