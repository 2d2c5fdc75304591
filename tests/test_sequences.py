"""The sequences that the stages read and write: made from real music, read back, and composed at random."""

import random
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import pytest

from remi_two_stage.analysis.harmony import label_chords
from remi_two_stage.core.codec import (
    decode,
    decode_ids,
    encode,
    encode_ids,
    extract_chord_sequence,
    ids_of,
    names_of,
)
from remi_two_stage.core.errors import GrammarError, RequestError
from remi_two_stage.core.grammar import CHORD, Grammar, SequenceKind, check_grammar, form_of
from remi_two_stage.core.grammar_structure import BAR_START
from remi_two_stage.core.sequences import (
    IGNORED,
    detail_sequence,
    first_bar,
    in_voice_order,
    in_writing_order,
    infilling_sequence,
    labels_of,
    melody_sequence,
    plan_sequence,
    sampled_tokens,
    split_bars,
    voices_of,
    writing_order,
)
from remi_two_stage.core.vocabulary import AFTER, DETAIL, IDS, TOKENS, token_id
from remi_two_stage.score_files import read_score
from remi_two_stage.scores.abc_reader import read_abc


@pytest.fixture(scope="module")
def scores(tune_books: dict[str, list[Path]], music21_corpus: Path) -> list[list[int]]:
    """Token ids of twenty airs, which have pick-ups, repeats, endings and changes of metre, and of two chorales."""
    airs = [read_abc(path)[0] for path in (*tune_books["ryansMammoth"][:60:6], *tune_books["oneills1850"][:60:6])]
    chorales = [read_score(music21_corpus / "bach" / name)[0] for name in ("bwv66.6.mxl", "bwv269.mxl")]
    return [encode_ids(label_chords(piece)) for piece in (*airs, *chorales)]


def voices(names: Sequence[str]) -> list[int]:
    return [token_id("voice", name) for name in names]


def compose_at_random(
    kind: SequenceKind, prompt: Sequence[int], choose: random.Random, given_voice: list[list[int]] | None = None
) -> list[int]:
    """What a model with random weights would write: any allowed token after the prompt."""
    grammar = Grammar(kind, strict_from=len(prompt), given_voice=given_voice)
    for token in prompt:
        grammar.advance(token)
    written = list(prompt)
    while not grammar.is_finished:
        token = choose.choice(choose.choice([tokens for tokens in grammar.allowed if tokens]))
        grammar.advance(token)
        written.append(token)
    return written


def test_every_form_says_the_same_piece(scores: list[list[int]]) -> None:
    for tokens in scores:
        piece = decode_ids(tokens)
        _, bars = split_bars(tokens)
        for cut in {1, len(bars) // 2, len(bars) - 1}:
            infilling = infilling_sequence(tokens, cut)
            assert form_of(infilling) == "infilling"
            assert decode_ids(infilling) == piece
        assert decode_ids(detail_sequence(tokens)) == piece
        assert decode_ids(melody_sequence(tokens)) == decode_ids(plan_sequence(tokens))


def test_tokens_by_name_are_those_by_id(scores: list[list[int]]) -> None:
    for tokens in scores:
        piece = decode_ids(tokens)
        assert encode(piece) == names_of(tokens)
        assert decode(names_of(tokens)) == piece
        assert extract_chord_sequence(names_of(tokens)) == names_of(plan_sequence(tokens))
    with pytest.raises(GrammarError, match=r"token 1: '<Chord_VIII>' is no token of the vocabulary"):
        extract_chord_sequence(["<BOS>", "<Chord_VIII>"])


def test_sampled_is_what_neither_grammar_nor_plan_prescribes(scores: list[list[int]]) -> None:
    for tokens in scores[::7]:
        detail = detail_sequence(tokens)
        sampled = dict(sampled_tokens(detail, "detail"))
        assert min(sampled) > detail.index(DETAIL)
        assert all(any(detail[index] in ids for ids in choice) for index, choice in sampled.items())
        assert all(sum(map(len, choice)) > 1 for choice in sampled.values())
        # The plan's chords and every bar's first voice are copied; pitches never are.
        first_voice, *_ = voices_of(detail)
        notes = [index for index, token in enumerate(detail) if token in IDS["Note-On"]]
        assert sampled.keys() >= set(notes)
        assert not any(token in (first_voice, *CHORD) for token in (detail[index] for index in sampled))
        labels = labels_of(detail, "detail")
        assert [index for index, label in enumerate(labels) if label != IGNORED] == list(sampled)


def test_later_bars_stand_in_front_and_the_plan_ends_where_they_begin(scores: list[list[int]]) -> None:
    tokens = scores[0]
    _, bars = split_bars(tokens)
    infilling = infilling_sequence(tokens, 3)
    after, detail = infilling.index(AFTER), infilling.index(DETAIL)
    assert infilling[after + 1 : detail] == list(chain.from_iterable(bar.tokens() for bar in bars[3:]))
    assert infilling[:after].count(BAR_START) == 3
    assert token_id("voice", "M") not in infilling[first_bar(infilling) : after]


def test_a_cut_needs_bars_on_both_sides(scores: list[list[int]]) -> None:
    for cut in (0, len(split_bars(scores[0])[1])):
        with pytest.raises(RequestError, match=rf"before bar index {cut}; give 1 to"):
            infilling_sequence(scores[0], cut)


def test_what_stands_in_front_may_be_the_second_half_of_the_last_bar_alone() -> None:
    (piece,) = read_abc("X:1\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|cde:|f|]")
    tokens = encode_ids(label_chords(piece))
    assert len(split_bars(tokens)[1]) == 4
    assert token_id("Bars", 3) in tokens
    assert decode_ids(infilling_sequence(tokens, 3)) == decode_ids(tokens)


def test_bars_written_before_later_ones_keep_the_plan_and_what_is_given(scores: list[list[int]]) -> None:
    choose = random.Random(5)
    for tokens in scores:
        _, bars = split_bars(tokens)
        cut = choose.randrange(1, len(bars))
        kept = choose.randrange(cut)
        prompt = infilling_sequence(tokens, cut)
        start = prompt.index(DETAIL) + 1
        given = chain.from_iterable(bar.tokens() for bar in bars[:kept])
        prompt = [*prompt[:start], *given, *bars[kept].header]  # the header closes the bar before it
        before, after = decode_ids(tokens), decode_ids(compose_at_random("infilling", prompt, choose))
        assert plan_sequence(encode_ids(after)) == plan_sequence(tokens)
        assert after.bars[:kept] == before.bars[:kept]
        assert after.bars[cut:] == before.bars[cut:]
        # What is new does not ring into what was there.
        room = sum(bar.length for bar in before.bars[kept:cut])
        starts = [sum(bar.length for bar in before.bars[kept:index]) for index in range(kept, cut)]
        for start, bar in zip(starts, after.bars[kept:cut], strict=True):
            assert all(start + note.onset + note.duration <= room for voice in bar.notes for note in voice)


def test_a_given_voice_is_sung_to_the_letter_and_the_others_are_written(scores: list[list[int]]) -> None:
    chorale = scores[-1]
    soprano = [part for part in decode_ids(chorale).note_list() if part[0] == "S"]
    bass_first = in_voice_order(chorale, voices("SBAT"))
    given = [bar.voices[0][1:] for bar in split_bars(bass_first)[1]]
    prompt = detail_sequence(bass_first)
    prompt = prompt[: prompt.index(DETAIL) + 1]
    written = decode_ids(compose_at_random("detail", prompt, random.Random(1), given))
    assert [part for part in written.note_list() if part[0] == "S"] == soprano
    assert {voice for voice, *_ in written.note_list()} == {"S", "A", "T", "B"}
    with pytest.raises(RequestError, match=r"the given voice has 2 bars, the plan \d+"):
        compose_at_random("detail", prompt, random.Random(1), given[:2])


def test_a_plan_from_a_melody_has_its_bars_and_known_chords(scores: list[list[int]]) -> None:
    choose = random.Random(3)
    for tokens in scores:
        prompt = melody_sequence(tokens)
        prompt = prompt[: prompt.index(DETAIL) + 1]
        assert all(token == token_id("Chord", "unk") for token in prompt if token in CHORD)
        plan = decode_ids(compose_at_random("melody", prompt, choose))
        original = decode_ids(plan_sequence(tokens))
        assert [bar.chords[0].onset for bar in plan.bars] == [0] * len(original.bars)
        structure = IDS["structure"]
        assert [token for token in encode_ids(plan) if token in structure] == [t for t in tokens if t in structure]


def test_voices_in_another_order_are_the_same_music(scores: list[list[int]]) -> None:
    chorale = scores[-1]
    turned = in_voice_order(chorale, voices("BSAT"))
    check_grammar(turned, "full")
    assert voices_of(turned) == voices("BSAT")
    assert sorted(decode_ids(turned).note_list()) == sorted(decode_ids(chorale).note_list())
    assert in_voice_order(turned, voices("SATB")) == chorale
    with pytest.raises(RequestError, match="the voices are S, A, T, B, not S, B; name each of them once"):
        in_voice_order(chorale, voices("SB"))


def test_outer_voices_are_written_first_and_a_given_one_before_them(scores: list[list[int]]) -> None:
    def order(*names: str, given: str | None = None) -> list[str]:
        chosen = None if given is None else token_id("voice", given)
        return [TOKENS[voice][1] for voice in writing_order(voices(names), chosen)]

    assert order("S", "A", "T", "B") == ["S", "B", "A", "T"]
    assert order("S", "A", "T", "B", given="A") == ["A", "S", "B", "T"]
    assert order("Violin1", "Violin2", "Viola", "Cello") == ["Violin1", "Cello", "Violin2", "Viola"]
    assert order("M") == ["M"]
    for tokens in scores:
        written = decode_ids(in_writing_order(tokens))
        assert written.in_voice_order(decode_ids(tokens).voices) == decode_ids(tokens)


def test_a_plan_goes_on_from_wherever_a_real_one_stops(scores: list[list[int]]) -> None:
    """Whatever structure the given part has, it can be finished, with exactly the bars that `<Bars=>` asks for."""
    choose = random.Random(9)
    for tokens in scores:
        plan = plan_sequence(tokens)
        bars = decode_ids(plan).bar_count
        for _ in range(6):
            prompt = plan[: choose.randrange(first_bar(plan), len(plan))]
            finished = decode_ids(compose_at_random("plan", prompt, choose))
            assert finished.bar_count == bars or bars > 64


def test_a_context_holds_no_chords_and_one_voice() -> None:
    start = "<BOS> <time=2/4> <key=Cmaj> <voice=S> <voice=B> <Context> <BarStart>"
    check_grammar(ids_of(f"{start} <Chord_unk> <voice=S> <Detail> <BarStart> <Chord_I> <EOS>".split()), "melody")
    for wrong, place in (("<Chord_I>", 7), ("<Chord_unk> <voice=B>", 8), ("<Chord_unk> <voice=S> <voice=B>", 9)):
        with pytest.raises(GrammarError, match=f"token {place}: "):
            check_grammar(ids_of(f"{start} {wrong}".split()), "melody")
