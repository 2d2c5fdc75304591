"""ABC made at random, the same on every run: from a grammar, and from mutilated tunes.

`make fuzz` runs the same tests on many more examples, with a new seed each time.
"""

import contextlib
import os
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.errors import RemiError
from remi_two_stage.scores.abc_reader import read_abc

EXAMPLES = int(os.environ.get("REMI_FUZZ_EXAMPLES", "60"))
on_examples = settings(max_examples=EXAMPLES, deadline=None, derandomize="REMI_FUZZ_EXAMPLES" not in os.environ)
HEADER = "X:1\nT:Fuzz\nM:4/4\nL:1/4\nK:C\n"

LENGTHS = {"": Fraction(1), "2": Fraction(2), "/": Fraction(1, 2), "3/2": Fraction(3, 2), "/4": Fraction(1, 4)}
NOTES = {name: pitch for name, pitch in zip("CDEFGABcdefgab", (0, 2, 4, 5, 7, 9, 11) * 2, strict=True)}
ACCIDENTALS = {"^": 1, "_": -1, "=": 0}
ORNAMENTS = ["", "", "", ".", "~", "!trill!", "{ag}", '"Am"', '"^up"', "(", " ", "`"]

lengths = st.sampled_from(sorted(LENGTHS))
ornaments = st.sampled_from(ORNAMENTS)


@st.composite
def pitched(draw: st.DrawFn) -> tuple[str, int]:
    """A note whose accidental is written, and its pitch."""
    sign, name = draw(st.sampled_from(sorted(ACCIDENTALS))), draw(st.sampled_from(sorted(NOTES)))
    return sign + name, 60 + NOTES[name] + 12 * name.islower() + ACCIDENTALS[sign]


@st.composite
def events(draw: st.DrawFn) -> tuple[str, list[int], Fraction]:
    """A note, a chord or a rest: its text, its pitches and its length in quarter notes."""
    heads = draw(st.lists(pitched(), max_size=3, unique_by=lambda head: head[1]))
    length = draw(lengths)
    before = draw(ornaments)
    inside = "".join(text for text, _ in heads)
    text = f"[{inside}]" if len(heads) > 1 else inside or "z"
    return before + text + length, sorted(pitch for _, pitch in heads), LENGTHS[length]


@st.composite
def measures(draw: st.DrawFn) -> tuple[str, list[tuple[list[int], Fraction]]]:
    """Some events, perhaps a triplet or in broken rhythm, and a bar line."""
    sung = draw(st.lists(events(), min_size=1, max_size=5))
    factors = [Fraction(1)] * len(sung)
    texts = [text for text, _, _ in sung]
    form = draw(st.sampled_from(["plain", "triplet", "broken"]))
    if form == "triplet" and len(sung) >= 3:
        texts[0] = "(3" + texts[0]
        factors[:3] = [Fraction(2, 3)] * 3
    elif form == "broken" and len(sung) >= 2:
        texts[0] += ">"
        is_even = sung[0][2] == sung[1][2]  # else the sign has no effect
        factors[:2] = [Fraction(3, 2), Fraction(1, 2)] if is_even else [Fraction(1), Fraction(1)]
    bar_line = draw(st.sampled_from(["|", "||", ":|", "|]", "|\n", "|1", "[2", "|:", " | %x\n"]))
    played = [(pitches, length * factor) for (_, pitches, length), factor in zip(sung, factors, strict=True)]
    return "".join(texts) + bar_line, played


class TestGrammar:
    @on_examples
    @given(st.lists(measures(), min_size=1, max_size=5))
    def test_reads_what_the_grammar_wrote(self, bars: list[tuple[str, list[tuple[list[int], Fraction]]]]) -> None:
        expected, time = [], Fraction(0)
        for pitches, length in (event for _, events in bars for event in events):
            expected += [(time, length, pitch) for pitch in pitches]
            time += length
        if not any(length for _, length, _ in expected):
            return
        piece = read_abc(HEADER + "".join(text for text, _ in bars) + "\n")[0]
        assert [(onset, duration, pitch) for _, onset, duration, pitch in piece.note_list()] == expected

    @on_examples
    @given(st.lists(measures(), min_size=1, max_size=5))
    def test_and_writes_it_again(self, bars: list[tuple[str, list[tuple[list[int], Fraction]]]]) -> None:
        piece = read_abc(HEADER + "".join(text for text, _ in bars) + "\n")[0]
        again = read_abc(write_abc(piece))[0]
        assert again.note_list() == piece.note_list()
        assert again.note_list(unfold_repeats=True) == piece.note_list(unfold_repeats=True)


FRAGMENTS = (
    "X:1 T: M:6/8 M:none L:1/16 L:1/0 K:Dmix K:^f V:1 V:2 [V:1] [V:2] [K:G] [M:3/8] [P:A] P:A2B w:la- I:x m:~n=non "
    "U:n=!f! %%score %%begintext %%endtext A B c d' E, ^F _B =c __d ^/g z x Z Z4 A2 B/ c3/2 d// > < >> (3 (5:4:6 (2:: "
    "- ( ) [ ] [CEG] [C2E]2- {ag} { } | || |: :| :: ::| |::: [1 |2 [3-5 |] [| .| & (& &) ! + !f! +x+ . ~ H "
    '" "Am7/E" "^x" y $ \\ % é \0'
).split(" ")


class TestAnyText:
    @on_examples
    @given(st.lists(st.sampled_from([*FRAGMENTS, "\n", "\n", " ", "\r\n"]), max_size=60), st.booleans())
    def test_fragments_give_tunes_or_an_error_of_ours(self, fragments: list[str], has_header: bool) -> None:
        read_and_write(HEADER * has_header + "".join(fragments))

    @on_examples
    @given(st.binary(max_size=200))
    def test_bytes_give_tunes_or_an_error_of_ours(self, data: bytes) -> None:
        read_and_write(HEADER + data.decode("latin-1"))


def read_and_write(text: str) -> None:
    with contextlib.suppress(RemiError):
        for piece in read_abc(text, errors="collect"):
            assert [note[1:] for note in read_abc(write_abc(piece))[0].note_list()] == [
                note[1:] for note in piece.note_list()
            ]
            piece.note_list(unfold_repeats=True)
