"""Decoding: the fast loop writes what transformers would, row by row, and never what the grammar forbids."""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from random import Random
from statistics import fmean

import pytest
import torch
from tiny_models import GROUPED
from torch import nn
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from remi_two_stage import read_abc
from remi_two_stage.composing.composer import Composer
from remi_two_stage.core import decoding_remi
from remi_two_stage.core.attention_kinds import ATTENTION_KINDS
from remi_two_stage.core.codec import decode, encode_ids
from remi_two_stage.core.configuration_remi import BarPlannerConfig, DetailGeneratorConfig, TwoStageConfig
from remi_two_stage.core.decoding_backbone_remi import Block, IncrementalBackbone
from remi_two_stage.core.decoding_choice import choose
from remi_two_stage.core.decoding_remi import Start, Written, decode_rows, read_prompt, row_seeds
from remi_two_stage.core.decoding_weights_remi import Int8Product, Product, StageWeights
from remi_two_stage.core.errors import RequestError
from remi_two_stage.core.features import commonest_rhythm, repeated_bars
from remi_two_stage.core.modeling_remi import DetailGeneratorModel, TwoStageModel
from remi_two_stage.core.piece import Piece
from remi_two_stage.core.plan import Plan
from remi_two_stage.core.prompt_lookup import PromptLookup
from remi_two_stage.core.ranges import VOICE_RANGES
from remi_two_stage.core.request import Request
from remi_two_stage.core.sampling import Sampling
from remi_two_stage.core.sequences import detail_sequence, up_to_detail
from remi_two_stage.core.signatures import Key, Meter
from remi_two_stage.core.vocabulary import BOS, DETAIL, IDS, PAD, TOKENS, token_names

SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
GREEDY = Sampling(greedy=True)


def prompt(plan: Plan) -> list[int]:
    return up_to_detail(detail_sequence(encode_ids(plan.skeleton)))


PROMPTS = [
    prompt(Plan.parse("|: (V7) | I | IV V7 :| I | vi ii |", meter=Meter(3, 4))),
    prompt(Plan.parse("i | iv", Key("G"), Meter(2, 4), voices=("S", "B"))),
    prompt(Plan.parse("I V | I", Key("F#"), Meter(7, 8))),
]
SHIFTS = [0, -5, -6]


def randomised(stage: nn.Module) -> nn.Module:
    """Weights large enough that a wrong bias or mask shows, those that start at zero included."""
    with torch.no_grad():
        for parameter in stage.parameters():
            parameter.copy_(0.2 * torch.randn_like(parameter))
    return stage.eval()


def new_stage(kind: str, key_value_heads: int | None = None) -> DetailGeneratorModel:
    fields = {"max_rel_dist": 60, "relative_attention": kind, "num_key_value_heads": key_value_heads}
    return randomised(DetailGeneratorModel(DetailGeneratorConfig(**SIZES, **fields)))


@pytest.fixture(params=[*((kind, None) for kind in ATTENTION_KINDS), *GROUPED], ids=str)
def stage(request: pytest.FixtureRequest) -> DetailGeneratorModel:
    return new_stage(*request.param)


@pytest.fixture
def table() -> DetailGeneratorModel:
    return new_stage("table")


def starts(seeds: Sequence[int] = (0, 0, 0)) -> list[Start]:
    return [Start(ids, read_prompt("detail", ids), seed) for ids, seed in zip(PROMPTS, seeds, strict=True)]


def padded(rows: Sequence[list[int]] = PROMPTS) -> torch.Tensor:
    longest = max(map(len, rows))
    return torch.tensor([[PAD] * (longest - len(row)) + row for row in rows])


def through_transformers(stage: DetailGeneratorModel, rows: Sequence[list[int]]) -> list[list[int]]:
    """Greedy sequences as transformers' own loop writes them: one that returns more than ids is not plain."""
    inputs = padded(rows)
    outputs = stage.generate(inputs, do_sample=False, return_dict_in_generate=True)
    return [[token for token in row if token != PAD] for row in outputs.sequences.tolist()]


def test_greedy_rows_are_those_of_transformers(stage: DetailGeneratorModel) -> None:
    written = [row.ids for row in decode_rows(stage, starts(), GREEDY)]
    assert written == through_transformers(stage, PROMPTS)
    generated = stage.generate(padded(), do_sample=False)
    assert [[token for token in row if token != PAD] for row in generated.tolist()] == written
    assert generated[:, : padded().shape[1]].tolist() == padded().tolist()


def chosen_again(stage: DetailGeneratorModel, start: Start, row: Written, sampling: Sampling) -> tuple[list[int], int]:
    """What is chosen after each token of a row by the scores of one pass over all of it, and the number of choices."""
    scores = stage(torch.tensor([row.ids])).logits[0]
    random, choices = Random(start.seed), 0
    tokens = row.ids[: row.given]
    for index, token in enumerate(row.ids[row.given :], row.given):
        allowed = [token for ids in start.grammar.allowed for token in ids]
        if len(allowed) > 1:
            allowed = [allowed[choose(scores[index - 1, allowed].tolist(), sampling, random)]]
            choices += 1
        tokens += allowed
        start.grammar.advance(token)
    assert start.grammar.is_finished
    return tokens, choices


def test_rows_are_chosen_by_the_scores_of_the_model_within_the_grammar(stage: DetailGeneratorModel) -> None:
    sampling = Sampling(0.8, top_k=9, top_p=0.95, repetition=0.0, counterpoint="off")
    for start, row in zip(starts((1, 2, 3)), decode_rows(stage, starts((1, 2, 3)), sampling), strict=True):
        assert chosen_again(stage, start, row, sampling) == (row.ids, row.choices)


def test_a_row_is_the_same_alone_and_in_any_company(stage: DetailGeneratorModel) -> None:
    sampling = Sampling(0.85, top_p=0.9, repetition=0.0)
    together = decode_rows(stage, starts((4, 5, 6)), sampling)
    alone = [decode_rows(stage, [start], sampling)[0] for start in starts((4, 5, 6))]
    assert [row.ids for row in together] == [row.ids for row in alone]
    assert [row.ids for row in decode_rows(stage, starts((4, 5, 7)), sampling)][:2] == [row.ids for row in alone[:2]]
    assert [row.ids for row in decode_rows(stage, starts((7, 7, 7)), sampling)] != [row.ids for row in alone]


def test_guesses_save_steps_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    detail = Composer.from_pretrained().model.detail
    ids = prompt(Plan.parse("|: I | IV | V7 | I | I | IV | V7 | I :|", style="reel"))
    steps: Counter[int] = Counter()
    read = IncrementalBackbone.read

    def counted(backbone: IncrementalBackbone, blocks: Mapping[int, Block]) -> list[torch.Tensor]:
        steps[decoding_remi._GUESSES_AT_ONCE] += 1
        return read(backbone, blocks)

    def written() -> Written:
        return decode_rows(detail, [Start(ids, read_prompt("detail", ids), 1)])[0]

    monkeypatch.setattr(IncrementalBackbone, "read", counted)
    with_guesses = written()
    monkeypatch.setattr(decoding_remi, "_GUESSES_AT_ONCE", 0)
    without = written()
    assert with_guesses.ids == without.ids
    assert with_guesses.choices == without.choices == steps[0]
    assert steps[32] < 0.7 * steps[0]


def test_guesses_are_what_followed_the_longest_context() -> None:
    lookup = PromptLookup()
    row = [5, 1, 2, 3, 7, 8, 9, 4, 2, 3, 6]
    assert lookup.guess(row, 8) == []
    row += [1, 2]
    assert lookup.guess(row, 8) == [3, 7]
    assert lookup.guess(row, 1) == [3]
    row += [3, 7, 8]
    assert lookup.guess(row, 8) == [9, 4, 2, 3, 6]
    row += [4]
    assert lookup.guess(row, 8) == [2]
    assert lookup.guess(row, 0) == []


def test_the_rhythm_of_new_notes_is_guessed_from_the_bars_before() -> None:
    (tune,) = read_abc("X:1\nM:6/8\nL:1/8\nK:G\nG2A B3|c2d B3|A2E D3|]")
    ids = encode_ids(tune)
    lookup = PromptLookup()
    notes = [place for place, token in enumerate(ids) if token in IDS["Note-On"]]
    guesses = [lookup.guess(ids[: place + 1], 8) for place in notes[-3:]]
    assert [[TOKENS[token] for token in guess] for guess in guesses] == [
        [("Duration", "24"), ("RelPos", "24")],
        [("Duration", "12"), ("RelPos", "36")],
        [("Duration", "36"), ("structure", "BarStart"), ("Chord", "unk"), ("voice", "M"), ("RelPos", "0")],
    ]
    assert [ids[place + 1 :][: len(guess)] for place, guess in zip(notes[-3:-1], guesses, strict=False)] == guesses[:2]


def test_prompts_and_pieces_longer_than_what_room_is_made_for(stage: DetailGeneratorModel) -> None:
    plan = Plan.parse(" | ".join(["I IV", "V7 vi", "ii", "bVII IV"] * 12), voices=("S", "A", "T", "B"))
    long = prompt(plan)
    sampling = Sampling(0.85, top_p=0.95, repetition=0.0, counterpoint="off")
    (row,) = decode_rows(stage, [Start(long, read_prompt("detail", long), 3)], sampling)
    assert len(long) > 150
    assert len(row.ids) > 1300
    assert chosen_again(stage, Start(long, read_prompt("detail", long), 3), row, sampling) == (row.ids, row.choices)


def test_more_rows_than_are_written_at_once(table: DetailGeneratorModel, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [row.ids for row in decode_rows(table, [*starts((1, 2, 3)), *starts((4, 5, 6))])]
    monkeypatch.setattr(decoding_remi, "ROWS_AT_ONCE", 2)
    assert [row.ids for row in decode_rows(table, [*starts((1, 2, 3)), *starts((4, 5, 6))])] == expected


def test_nothing_to_write_and_a_prompt_that_has_ended(table: DetailGeneratorModel) -> None:
    assert decode_rows(table, []) == []
    (whole,) = decode_rows(table, starts()[:1], GREEDY)
    ended = Start(whole.ids, read_prompt("detail", whole.ids))
    assert decode_rows(table, [ended]) == [Written(whole.ids, len(whole.ids), 0)]


def test_generate_draws_as_a_request_with_the_same_seed_does(table: DetailGeneratorModel) -> None:
    torch.manual_seed(11)
    generated = table.generate(padded(PROMPTS[:1]), do_sample=True, top_k=0, num_return_sequences=2)
    seeds = row_seeds(2, 11)
    rows = [Start(PROMPTS[0], read_prompt("detail", PROMPTS[0]), seed) for seed in seeds]
    written = [row.ids for row in decode_rows(table, rows, Sampling(1.0, top_p=1.0))]
    assert [[token for token in row if token != PAD] for row in generated.tolist()] == written
    assert row_seeds(5, 11)[:2] == seeds


def test_where_nothing_is_said_generate_keeps_the_fifty_likeliest(table: DetailGeneratorModel) -> None:
    """transformers' own default; durations and positions offer more tokens than that."""
    torch.manual_seed(1)
    usual = table.generate(padded(), do_sample=True)
    torch.manual_seed(1)
    assert torch.equal(usual, table.generate(padded(), do_sample=True, top_k=50, temperature=1.0, top_p=1.0))


@pytest.mark.parametrize("limit", [{"max_new_tokens": 7}, {"max_length": padded().shape[1] + 7}])
def test_a_limit_is_kept_in_the_middle_of_forced_tokens_too(table: DetailGeneratorModel, limit: dict[str, int]) -> None:
    cut = table.generate(padded(), do_sample=False, **limit)
    whole = table.generate(padded(), do_sample=False)
    assert torch.equal(cut, whole[:, : padded().shape[1] + 7])


def test_a_prompt_may_be_left_to_the_grammar(table: DetailGeneratorModel) -> None:
    written = decode_rows(table, [Start([BOS], read_prompt("detail", [BOS]), 1)], longest=40)[0].ids
    assert written[0] == BOS
    assert len(written) == 41 or DETAIL in written


def test_bars_are_reported_as_they_begin(table: DetailGeneratorModel) -> None:
    seen: list[tuple[int, int]] = []
    rows = decode_rows(table, starts((1, 2, 3)), report=lambda row, bars: seen.append((row, bars)))
    for number, row in enumerate(rows):
        bars = [begun for own, begun in seen if own == number]
        names = [token_names()[token] for token in row.ids[row.given :]]
        assert bars == list(range(1, names.count("<BarStart>") + 1))


def test_an_error_while_reporting_stops_the_music(table: DetailGeneratorModel) -> None:
    def stop(row: int, bars: int) -> None:
        raise KeyboardInterrupt("enough")

    with pytest.raises(KeyboardInterrupt, match="enough"):
        decode_rows(table, starts(), report=stop)


def test_notes_stay_in_the_ranges_of_their_voices_at_the_pitch_that_sounds(table: DetailGeneratorModel) -> None:
    for row, shift in zip(
        decode_rows(table, starts((1, 2, 3)), Sampling(5.0, top_p=1.0, repetition=0.0)), SHIFTS, strict=True
    ):
        piece = decode([token_names()[token] for token in row.ids])
        notes = piece.note_list()
        assert notes
        assert all(VOICE_RANGES[voice][0] <= pitch + shift <= VOICE_RANGES[voice][1] for voice, *_, pitch in notes)


# The weights


def test_int8_rows_are_valid_and_bit_for_bit_the_same_in_any_company(stage: DetailGeneratorModel) -> None:
    weights = StageWeights.of(stage, int8=True)
    together = decode_rows(weights, starts((1, 2, 3)))
    assert together == [decode_rows(weights, [start])[0] for start in starts((1, 2, 3))]
    for row in together:
        decode([token_names()[token] for token in row.ids])


@pytest.mark.parametrize("of_integers", [True, False])
@pytest.mark.parametrize("width", [64, 100, 17])
def test_int8_is_close_to_float_and_the_same_in_any_company(of_integers: bool, width: int) -> None:
    weight, (states, residual) = torch.randn(48, width) / 8, (torch.randn(9, width), torch.randn(9, 48))
    exact, rounded = Product(weight), Int8Product(weight, of_integers)
    torch.testing.assert_close(rounded(states), exact(states), atol=0.05, rtol=0.05)
    together = rounded.added(states, residual)
    torch.testing.assert_close(together, exact.added(states, residual), atol=0.05, rtol=0.05)
    alone = [rounded.added(states[row : row + 1], residual[row : row + 1]) for row in range(9)]
    assert torch.equal(together, torch.cat(alone))


def test_products_of_integers_are_exact_where_weights_and_states_are_whole_127ths_of_the_largest() -> None:
    linear = nn.Linear(24, 8, bias=False)
    states, residual = torch.randint(-127, 128, (5, 24)).float(), torch.randn(5, 8)
    with torch.no_grad():
        linear.weight.copy_(torch.randint(-127, 128, (8, 24)))
        linear.weight[:, 0] = states[:, 1] = 127
        linear.weight.mul_(torch.linspace(0.001, 0.1, 8)[:, None])
    states *= torch.linspace(0.01, 3, 5)[:, None]
    product = Int8Product(linear.weight.detach(), of_integers=True)
    torch.testing.assert_close(product(states), linear(states), atol=1e-3, rtol=1e-5)
    torch.testing.assert_close(product.added(states, residual), linear(states) + residual, atol=1e-3, rtol=1e-5)


def test_a_composer_in_int8_repeats_itself() -> None:
    model = randomised(
        TwoStageModel(
            TwoStageConfig(planner_config=BarPlannerConfig(**SIZES), detail_config=DetailGeneratorConfig(**SIZES))
        )
    )
    composer = Composer(model, int8=True)
    piece = composer.compose("jig", bars=3, seed=1)
    assert piece.bar_count == 3
    assert composer.compose("jig", bars=3, seed=1) == piece


def test_int8_of_other_numbers_is_refused(table: DetailGeneratorModel) -> None:
    with pytest.raises(
        RequestError, match=r"int8 weights are made from float32 on a CPU, and the model has torch.bfloat16"
    ):
        StageWeights.of(table.to(torch.bfloat16), int8=True)


def test_half_precision_is_decoded_as_it_is(table: DetailGeneratorModel) -> None:
    for row in decode_rows(table.to(torch.bfloat16), starts()):
        decode([token_names()[token] for token in row.ids])


def test_a_model_that_is_more_than_its_weights_goes_through_transformers(table: DetailGeneratorModel) -> None:
    expected = table.generate(padded(), do_sample=False)
    table.train()
    with pytest.raises(RequestError, match="DetailGeneratorModel is in training mode"):
        decode_rows(table, starts())
    assert torch.equal(table.generate(padded(), do_sample=False), expected)
    table.eval()
    seen = []
    hook = table.model.layers[0].register_forward_hook(lambda *_: seen.append(1))
    assert torch.equal(table.generate(padded(), do_sample=False), expected)
    assert seen
    hook.remove()


# Sampling


SCORES = [2.0, 0.5, 1.0, -1.0, 0.0, 1.5]


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(0.85, top_p=1.0),
        Sampling(0.5, 3, 1.0),
        Sampling(2.0, 0, 0.7),
        Sampling(1.0, 4, 0.8),
        Sampling(1.0, 3, 0.8),
    ],
)
def test_tokens_are_drawn_as_transformers_would(sampling: Sampling) -> None:
    scores = torch.tensor([SCORES], dtype=torch.float64)
    scores = TemperatureLogitsWarper(sampling.temperature)(None, scores)
    scores = TopKLogitsWarper(sampling.top_k)(None, scores) if sampling.top_k else scores
    scores = TopPLogitsWarper(sampling.top_p)(None, scores) if sampling.top_p < 1 else scores
    random, draws = Random(5), 20_000
    counts = Counter(choose(SCORES, sampling, random) for _ in range(draws))
    for index, probability in enumerate(scores.softmax(-1)[0].tolist()):
        assert (counts[index] == 0) == (probability == 0)
        assert counts[index] / draws == pytest.approx(probability, abs=0.015)


def test_a_tune_repeats_more_bars_where_it_is_helped_to_and_a_choir_sings_as_before() -> None:
    composer = Composer.from_pretrained()
    tunes = [Request("reel", key, bars=16) for key in "DGA"]
    share = {
        nats: fmean(map(repeated_bars, composer.compose_batch(tunes, seed=1, sampling=Sampling(repetition=nats))))
        for nats in (0.0, 4.0)
    }
    assert share[4.0] > share[0.0] + 0.1
    hymn = Request("hymn", "G", bars=4)
    assert composer.compose_batch([hymn], seed=1) == composer.compose_batch(
        [hymn], seed=1, sampling=Sampling(repetition=0.0)
    )


def test_rhythm_has_a_temperature_of_its_own_in_tunes_and_that_of_pitches_where_one_is_given() -> None:
    composer = Composer.from_pretrained()
    reels = [Request("reel", key, bars=16) for key in ("D", "G", "A", "Em", "Am", "Bm")]

    def written(**settings: float) -> list[Piece]:
        return composer.compose_batch(reels, seed=1, sampling=Sampling(repetition=0.0, **settings))

    alike, varied = (fmean(map(commonest_rhythm, written(rhythm_temperature=value))) for value in (0.2, 2.0))
    assert alike > varied + 0.2
    assert written(temperature=0.9) == written(temperature=0.9, rhythm_temperature=0.9)
    with pytest.raises(RequestError, match=r"no sampling with rhythm_temperature 0; it is 0\.01 to 100"):
        Sampling(rhythm_temperature=0)


def test_the_rhythm_of_voices_that_go_together_is_more_varied_than_their_pitches() -> None:
    composer = Composer.from_pretrained()
    quartets = [Request("quartet", key, bars=12) for key in ("D", "G", "Bb")]

    def alike(**settings: float) -> float:
        return fmean(map(commonest_rhythm, composer.compose_batch(quartets, seed=1, sampling=Sampling(**settings))))

    assert alike() < alike(temperature=0.8) - 0.1


def test_top_p_keeps_no_more_than_it_needs() -> None:
    numbers = Random(1)
    assert {choose([0.0, 0.0], Sampling(1.0, top_p=0.5), numbers) for _ in range(20)} == {0}
    assert {choose([0.0, 0.0], Sampling(1.0, top_p=0.51), numbers) for _ in range(20)} == {0, 1}


def test_scores_that_are_no_numbers_still_give_a_token() -> None:
    assert choose([float("nan")] * 3, Sampling(), Random(0)) in range(3)
    assert choose([float("nan"), 1.0], Sampling(greedy=True), Random(0)) in range(2)


def test_one_choice_takes_one_number() -> None:
    numbers = Random(3)
    drawn = [choose([0.0, 0.0], Sampling(top_p=1.0), numbers) for _ in range(50)]
    stream = Random(3)
    assert drawn == [int(stream.random() >= 0.5) for _ in range(50)]
    assert any(first != second for first, second in pairwise(drawn))


def test_composing_works_in_one_thread_and_gives_the_setting_back() -> None:
    before = torch.get_num_threads()
    inside: list[int] = []
    torch.set_num_threads(2)
    try:
        composer = Composer.from_pretrained()
        with ThreadPoolExecutor(2) as pool:
            for seed in (1, 2):
                pool.submit(
                    composer.compose,
                    "jig",
                    bars=2,
                    seed=seed,
                    progress=lambda *_: inside.append(torch.get_num_threads()),
                )
        composer.compose("jig", bars=2, seed=3, progress=lambda *_: inside.append(torch.get_num_threads()))
        assert set(inside) == {1}
        assert torch.get_num_threads() == 2
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(torch.get_num_threads).result() == 2
    finally:
        torch.set_num_threads(before)
