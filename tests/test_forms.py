"""The forms that the stages read and write: made from real music, read back, and composed at random."""

import random
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import pytest

from remi_two_stage.analysis.harmony import label_chords
from remi_two_stage.core.codec import decode, encode
from remi_two_stage.core.errors import GrammarError, RequestError
from remi_two_stage.core.grammar import Grammar, SequenceKind, check_grammar, form_of
from remi_two_stage.core.sequences import (
    detail_sequence,
    extract_chord_sequence,
    first_bar,
    in_voice_order,
    infilling_sequence,
    melody_sequence,
    split_bars,
    voices_of,
)
from remi_two_stage.core.vocabulary import TOKEN_IDS, token_names
from remi_two_stage.score_files import read_score
from remi_two_stage.scores.abc_reader import read_abc

NAMES = token_names()


@pytest.fixture(scope="module")
def scores(tune_books: dict[str, list[Path]], music21_corpus: Path) -> list[list[str]]:
    """Tokens of twenty airs, which have pick-ups, repeats, endings and changes of metre, and of two chorales."""
    airs = [read_abc(path)[0] for path in (*tune_books["ryansMammoth"][:60:6], *tune_books["oneills1850"][:60:6])]
    chorales = [read_score(music21_corpus / "bach" / name)[0] for name in ("bwv66.6.mxl", "bwv269.mxl")]
    return [encode(label_chords(piece)) for piece in (*airs, *chorales)]


def ids(tokens: Sequence[str]) -> list[int]:
    return [TOKEN_IDS[name] for name in tokens]


def compose_at_random(
    kind: SequenceKind, prompt: Sequence[str], choose: random.Random, given_voice: list[list[int]] | None = None
) -> list[str]:
    """What a model with random weights would write: any allowed token after the prompt."""
    grammar = Grammar(kind, strict_from=len(prompt), given_voice=given_voice)
    for token in ids(prompt):
        grammar.advance(token)
    written = list(prompt)
    while not grammar.is_finished:
        token = choose.choice(choose.choice([tokens for tokens in grammar.allowed if tokens]))
        grammar.advance(token)
        written.append(NAMES[token])
    return written


def test_every_form_says_the_same_piece(scores: list[list[str]]) -> None:
    for tokens in scores:
        piece = decode(tokens)
        _, bars = split_bars(tokens)
        for cut in {1, len(bars) // 2, len(bars) - 1}:
            infilling = infilling_sequence(tokens, cut)
            assert form_of(ids(infilling)) == "infilling"
            assert decode(infilling) == piece
        assert decode(detail_sequence(tokens)) == piece
        assert decode(melody_sequence(tokens)) == decode(extract_chord_sequence(tokens))


def test_later_bars_stand_in_front_and_the_plan_ends_where_they_begin(scores: list[list[str]]) -> None:
    tokens = scores[0]
    _, bars = split_bars(tokens)
    infilling = infilling_sequence(tokens, 3)
    after, detail = infilling.index("<After>"), infilling.index("<Detail>")
    assert infilling[after + 1 : detail] == list(chain.from_iterable(bar.tokens() for bar in bars[3:]))
    assert infilling[:after].count("<BarStart>") == 3
    assert "<voice=M>" not in infilling[first_bar(infilling) : after]


def test_a_cut_needs_bars_on_both_sides(scores: list[list[str]]) -> None:
    for cut in (0, len(split_bars(scores[0])[1])):
        with pytest.raises(RequestError, match=rf"before bar index {cut}; give 1 to"):
            infilling_sequence(scores[0], cut)


def test_what_stands_in_front_may_be_the_second_half_of_the_last_bar_alone() -> None:
    (piece,) = read_abc("X:1\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|cde:|f|]")
    tokens = encode(label_chords(piece))
    assert len(split_bars(tokens)[1]) == 4
    assert "<Bars=3>" in tokens
    assert decode(infilling_sequence(tokens, 3)) == decode(tokens)


def test_bars_written_before_later_ones_keep_the_plan_and_what_is_given(scores: list[list[str]]) -> None:
    choose = random.Random(5)
    for tokens in scores:
        _, bars = split_bars(tokens)
        cut = choose.randrange(1, len(bars))
        kept = choose.randrange(cut)
        prompt = infilling_sequence(tokens, cut)
        start = prompt.index("<Detail>") + 1
        given = chain.from_iterable(bar.tokens() for bar in bars[:kept])
        prompt = [*prompt[:start], *given, *bars[kept].header]  # the header closes the bar before it
        before, after = decode(tokens), decode(compose_at_random("infilling", prompt, choose))
        assert extract_chord_sequence(encode(after)) == extract_chord_sequence(tokens)
        assert after.bars[:kept] == before.bars[:kept]
        assert after.bars[cut:] == before.bars[cut:]
        # What is new does not ring into what was there.
        room = sum(bar.length for bar in before.bars[kept:cut])
        starts = [sum(bar.length for bar in before.bars[kept:index]) for index in range(kept, cut)]
        for start, bar in zip(starts, after.bars[kept:cut], strict=True):
            assert all(start + note.onset + note.duration <= room for voice in bar.notes for note in voice)


def test_a_given_voice_is_sung_to_the_letter_and_the_others_are_written(scores: list[list[str]]) -> None:
    chorale = scores[-1]
    soprano = [part for part in decode(chorale).note_list() if part[0] == "S"]
    bass_first = in_voice_order(chorale, ["S", "B", "A", "T"])
    given = [ids(bar.voices[0][1:]) for bar in split_bars(bass_first)[1]]
    prompt = detail_sequence(bass_first)
    prompt = prompt[: prompt.index("<Detail>") + 1]
    written = decode(compose_at_random("detail", prompt, random.Random(1), given))
    assert [part for part in written.note_list() if part[0] == "S"] == soprano
    assert {voice for voice, *_ in written.note_list()} == {"S", "A", "T", "B"}
    with pytest.raises(RequestError, match=r"the given voice has 2 bars, the plan \d+"):
        compose_at_random("detail", prompt, random.Random(1), given[:2])


def test_a_plan_from_a_melody_has_its_bars_and_known_chords(scores: list[list[str]]) -> None:
    choose = random.Random(3)
    for tokens in scores:
        prompt = melody_sequence(tokens)
        prompt = prompt[: prompt.index("<Detail>") + 1]
        assert all(name == "<Chord_unk>" for name in prompt if name.startswith("<Chord_"))
        plan = decode(compose_at_random("melody", prompt, choose))
        original = decode(extract_chord_sequence(tokens))
        assert [bar.chords[0].onset for bar in plan.bars] == [0] * len(original.bars)
        strip = {"<BarStart>", "<RepeatStart>", "<RepeatEnd>", "<PhraseStart>", "<EndingEnd>"}
        assert [name for name in encode(plan) if name in strip] == [name for name in tokens if name in strip]


def test_voices_in_another_order_are_the_same_music(scores: list[list[str]]) -> None:
    chorale = scores[-1]
    turned = in_voice_order(chorale, ["B", "S", "A", "T"])
    check_grammar(ids(turned), "full")
    assert voices_of(turned) == ["B", "S", "A", "T"]
    assert sorted(decode(turned).note_list()) == sorted(decode(chorale).note_list())
    assert in_voice_order(turned, ["S", "A", "T", "B"]) == chorale
    with pytest.raises(RequestError, match="the voices are S, A, T, B, not S, B; name each of them once"):
        in_voice_order(chorale, ["S", "B"])


def test_a_plan_goes_on_from_wherever_a_real_one_stops(scores: list[list[str]]) -> None:
    """Whatever structure the given part has, it can be finished, with exactly the bars that `<Bars=>` asks for."""
    choose = random.Random(9)
    for tokens in scores:
        plan = extract_chord_sequence(tokens)
        bars = decode(plan).bar_count
        for _ in range(6):
            prompt = plan[: choose.randrange(first_bar(plan), len(plan))]
            finished = decode(compose_at_random("plan", prompt, choose))
            assert finished.bar_count == bars or bars > 64


def test_a_context_holds_no_chords_and_one_voice() -> None:
    start = "<BOS> <time=2/4> <key=Cmaj> <voice=S> <voice=B> <Context> <BarStart>"
    check_grammar(ids(f"{start} <Chord_unk> <voice=S> <Detail> <BarStart> <Chord_I> <EOS>".split()), "melody")
    for wrong, place in (("<Chord_I>", 7), ("<Chord_unk> <voice=B>", 8), ("<Chord_unk> <voice=S> <voice=B>", 9)):
        with pytest.raises(GrammarError, match=f"token {place}: "):
            check_grammar(ids(f"{start} {wrong}".split()), "melody")
