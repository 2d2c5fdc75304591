"""`generate()` with the grammar: whose forward runs, which settings hold, and what other processors may do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import TINY
from torch import nn
from transformers import (
    AttentionInterface,
    AttentionMaskInterface,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
)
from transformers.masking_utils import eager_mask

from remi_two_stage.core.attention_remi import eager_attention
from remi_two_stage.core.codec import decode_ids, encode_ids
from remi_two_stage.core.configuration_remi import DetailGeneratorConfig, TwoStageConfig
from remi_two_stage.core.decoding_remi import Start, decode_rows, read_prompt
from remi_two_stage.core.errors import GrammarError, RequestError
from remi_two_stage.core.modeling_remi import BarPlannerModel, DetailGeneratorModel, TwoStageModel
from remi_two_stage.core.piece import Piece
from remi_two_stage.core.plan import Plan
from remi_two_stage.core.sequences import detail_sequence, up_to_detail
from remi_two_stage.core.signatures import Meter
from remi_two_stage.core.tokenization_remi import REMIABCTokenizer
from remi_two_stage.core.vocabulary import DETAIL, EOS, IDS, PAD, TOKEN_IDS, token_names

SKELETON = Plan.parse("I | V7 | I", meter=Meter(3, 4)).skeleton
PROMPT = torch.tensor([up_to_detail(detail_sequence(encode_ids(SKELETON)))])
GLOBALS = torch.tensor([[TOKEN_IDS[name] for name in ("<BOS>", "<time=3/4>", "<key=Cmaj>", "<Bars=3>", "<voice=M>")]])


def new_weights(model: nn.Module) -> nn.Module:
    """Weights large enough that every token is another one in another model."""
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.3 * torch.randn_like(parameter))
    return model.eval()


@pytest.fixture
def detail() -> DetailGeneratorModel:
    return new_weights(DetailGeneratorModel(DetailGeneratorConfig(**TINY)))


@pytest.fixture
def both() -> TwoStageModel:
    return new_weights(TwoStageModel(TwoStageConfig(planner_config=TINY, detail_config=TINY)))


def seeded(generate: Callable[..., torch.Tensor], *prompt: torch.Tensor, **settings: Any) -> torch.Tensor:
    torch.manual_seed(3)
    return generate(*prompt, **settings)


def pieces(sequences: torch.Tensor) -> list[Piece]:
    """What was written: a whole grammatical sequence in each row, and padding only around it."""
    found = []
    for padded in sequences.tolist():
        ids = padded[next(index for index, token in enumerate(padded) if token != PAD) :]
        end = ids.index(EOS) + 1
        assert set(ids[end:]) <= {PAD}
        found.append(decode_ids(ids[:end]))
    return found


class Negated(LogitsProcessor):
    """Turns every preference round, and what was forbidden into the best there is."""

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return -scores


NEGATED = LogitsProcessorList([Negated()])


# Whose forward runs


class ContraryModel(DetailGeneratorModel):
    """Prefers what the weights say least of."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        outputs = super().forward(*args, **kwargs)
        outputs.logits = -outputs.logits
        return outputs


class NamedModel(DetailGeneratorModel):
    """Adds nothing to the forward pass."""


def test_a_subclass_writes_by_its_own_forward(detail: DetailGeneratorModel) -> None:
    contrary = ContraryModel(detail.config).eval()
    contrary.load_state_dict(detail.state_dict())
    expected = detail.generate(PROMPT, logits_processor=NEGATED, counterpoint="off")
    assert torch.equal(contrary.generate(PROMPT, counterpoint="off"), expected)
    assert not torch.equal(detail.generate(PROMPT), expected)
    with pytest.raises(RequestError, match=r"this ContraryModel is .* a forward or an attention function of its own"):
        decode_rows(contrary, [Start(PROMPT[0].tolist(), read_prompt("detail", PROMPT[0].tolist()))])


def test_a_subclass_without_a_forward_of_its_own_samples_as_the_model_does(detail: DetailGeneratorModel) -> None:
    named = NamedModel(detail.config).eval()
    named.load_state_dict(detail.state_dict())
    assert torch.equal(*(seeded(model.generate, PROMPT, do_sample=True) for model in (named, detail)))


def test_a_forward_that_was_replaced_is_used(detail: DetailGeneratorModel, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = detail.generate(PROMPT, logits_processor=NEGATED, counterpoint="off")
    stock = DetailGeneratorModel.forward

    def contrary(self: DetailGeneratorModel, *args: Any, **kwargs: Any) -> Any:
        outputs = stock(self, *args, **kwargs)
        outputs.logits = -outputs.logits
        return outputs

    with monkeypatch.context() as patch:
        patch.setattr(DetailGeneratorModel, "forward", contrary)
        assert torch.equal(detail.generate(PROMPT, counterpoint="off"), expected)
    monkeypatch.setattr(detail, "forward", contrary.__get__(detail))
    assert torch.equal(detail.generate(PROMPT, counterpoint="off"), expected)


def attended_sharply(*args: Any, scaling: float, **kwargs: Any) -> tuple[torch.Tensor, torch.Tensor]:
    return eager_attention(*args, scaling=9 * scaling, **kwargs)


def test_an_attention_function_of_ones_own_is_used(detail: DetailGeneratorModel) -> None:
    AttentionInterface.register("sharp", attended_sharply)
    AttentionMaskInterface.register("sharp", eager_mask)
    usual = detail.generate(PROMPT)
    detail.set_attn_implementation("eager")
    assert torch.equal(detail.generate(PROMPT), usual)
    detail.set_attn_implementation("sharp")
    assert not torch.equal(detail.generate(PROMPT), usual)


class DoubledWeight(torch.Tensor):
    """Stands for a quantised weight: what it holds is not what it multiplies with."""

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is nn.functional.linear:
            states, weight = args[0], args[1].as_subclass(torch.Tensor)
            return nn.functional.linear(states, 2 * weight)
        return super().__torch_function__(function, types, args, kwargs or {})


class DoubledLinear(nn.Linear):
    """Stands for a quantised layer."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(input)


def doubled_weight(linear: nn.Linear) -> nn.Linear:
    linear.weight = nn.Parameter(linear.weight.detach().as_subclass(DoubledWeight))
    return linear


def doubled_layer(linear: nn.Linear) -> nn.Linear:
    doubled = DoubledLinear(linear.in_features, linear.out_features, bias=False)
    doubled.weight = linear.weight
    return doubled.eval()


def with_a_bias(linear: nn.Linear) -> nn.Linear:
    linear.bias = nn.Parameter(torch.randn(linear.out_features))
    return linear


@pytest.mark.parametrize("change", [doubled_weight, doubled_layer, with_a_bias])
def test_changed_weights_and_layers_are_used(
    detail: DetailGeneratorModel, change: Callable[[nn.Linear], nn.Linear]
) -> None:
    usual = detail.generate(PROMPT)
    feed_forward = detail.model.layers[0].feed_forward
    feed_forward.up_proj = change(feed_forward.up_proj)
    written = detail.generate(PROMPT)
    assert not torch.equal(written, usual)
    assert torch.equal(written, detail.generate(PROMPT, return_dict_in_generate=True).sequences)
    with pytest.raises(RequestError, match="quantised weights, a forward or an attention function of its own"):
        decode_rows(detail, [Start(PROMPT[0].tolist(), read_prompt("detail", PROMPT[0].tolist()))])


def test_having_shown_its_hidden_states_changes_nothing(detail: DetailGeneratorModel) -> None:
    expected = seeded(detail.generate, PROMPT, do_sample=True)
    assert detail(PROMPT, output_hidden_states=True).hidden_states
    assert any(module._forward_hooks for module in detail.modules())
    assert torch.equal(seeded(detail.generate, PROMPT, do_sample=True), expected)
    ids = PROMPT[0].tolist()
    assert decode_rows(detail, [Start(ids, read_prompt("detail", ids))])


# Which settings hold

SAMPLING = {"do_sample": True, "temperature": 3.0, "top_k": 4}
STORED = [
    {"do_sample": True},
    {"do_sample": True, "temperature": 3.0},
    SAMPLING,
    {"max_new_tokens": 20},
    {"do_sample": True, "max_new_tokens": 20, "grammar": False},
]


@pytest.mark.parametrize("settings", STORED, ids=str)
def test_what_a_stage_was_saved_with_holds(
    detail: DetailGeneratorModel, settings: dict[str, Any], tmp_path: Path
) -> None:
    expected = seeded(detail.generate, PROMPT, **settings)
    assert not torch.equal(seeded(detail.generate, PROMPT), expected)
    detail.generation_config.update(**settings, allow_custom_entries=True)
    detail.save_pretrained(tmp_path)
    loaded = DetailGeneratorModel.from_pretrained(tmp_path)
    assert torch.equal(seeded(loaded.generate, PROMPT), expected)


def test_the_call_comes_before_the_given_config_and_that_before_the_models_own(detail: DetailGeneratorModel) -> None:
    limited = seeded(detail.generate, PROMPT, **SAMPLING, max_new_tokens=20)
    detail.generation_config.update(do_sample=True, temperature=0.5, top_k=4, max_new_tokens=30)
    given = GenerationConfig(temperature=3.0, max_new_tokens=23)
    assert torch.equal(seeded(detail.generate, PROMPT, generation_config=given, max_new_tokens=20), limited)
    longer = seeded(detail.generate, PROMPT, generation_config=given)
    assert torch.equal(longer[:, : limited.shape[1]], limited)
    assert longer.shape[1] == PROMPT.shape[1] + 23


@pytest.mark.parametrize("where", ["call", "given config", "own config"])
def test_without_the_grammar_any_prompt_will_do(detail: DetailGeneratorModel, where: str) -> None:
    ungrammatical = PROMPT.flip(1)
    with pytest.raises(GrammarError, match="token 0: <Detail> may not stand here"):
        detail.generate(ungrammatical)
    settings: dict[str, Any] = {"grammar": False} if where == "call" else {}
    if where == "given config":
        settings["generation_config"] = GenerationConfig(grammar=False)
    elif where == "own config":
        detail.generation_config.grammar = False
        with pytest.raises(GrammarError, match="token 0: <Detail> may not stand here"):
            detail.generate(ungrammatical, grammar=True)
    ids = ungrammatical
    for _ in range(5):
        ids = torch.cat([ids, detail(ids).logits[:, -1:].argmax(-1)], dim=1)
    limit = {"generation_config": settings.pop("generation_config")} if where == "given config" else {}
    assert torch.equal(detail.generate(ungrammatical, **limit, **settings, max_new_tokens=5), ids)


def test_nothing_can_be_followed_in_embeddings(detail: DetailGeneratorModel) -> None:
    embeddings = detail.get_input_embeddings()(PROMPT)
    with pytest.raises(RequestError, match="the grammar cannot be followed from inputs_embeds; give input_ids"):
        detail.generate(inputs_embeds=embeddings)


@pytest.mark.parametrize("settings", [{"do_sample": True}, SAMPLING], ids=str)
def test_what_both_stages_were_saved_with_holds(both: TwoStageModel, settings: dict[str, Any], tmp_path: Path) -> None:
    expected = seeded(both.generate, GLOBALS, **settings)
    plan = seeded(both.planner.generate, GLOBALS, **settings)
    assert not torch.equal(seeded(both.generate, GLOBALS), expected)
    both.generation_config.update(**settings)
    assert torch.equal(seeded(both.generate, GLOBALS), expected)
    both.save_pretrained(tmp_path)
    loaded = TwoStageModel.from_pretrained(tmp_path)
    assert torch.equal(seeded(loaded.generate, GLOBALS), expected)
    assert torch.equal(seeded(loaded.planner.generate, GLOBALS), plan)
    assert torch.equal(seeded(BarPlannerModel.from_pretrained(tmp_path).generate, GLOBALS), plan)


def test_a_limit_on_both_stages(both: TwoStageModel) -> None:
    whole = both.generate(GLOBALS)
    prompt = whole[0].tolist().index(DETAIL) + 1
    longest = prompt - GLOBALS.shape[1]
    both.generation_config.max_new_tokens = longest
    assert torch.equal(both.generate(GLOBALS), whole[:, : prompt + longest])
    both.generation_config.max_new_tokens = 3
    with pytest.raises(RequestError, match="a plan stops before <EOS>; let the planner write it to its end"):
        both.generate(GLOBALS)


def test_prompts_that_are_padded_on_the_right_are_refused(both: TwoStageModel) -> None:
    short = torch.cat([GLOBALS[:, :1], GLOBALS[:, 2:], torch.tensor([[PAD]])], dim=1)
    with pytest.raises(GrammarError, match=r"row 1 ends in <PAD>; pad prompts on the left, with padding_side='left'"):
        both.planner.generate(torch.cat([GLOBALS, short]))


def test_a_stage_keeps_the_settings_that_are_its_own(both: TwoStageModel) -> None:
    whole = both.generate(GLOBALS)
    prompt = whole[0].tolist().index(DETAIL) + 1
    both.detail.generation_config.max_new_tokens = 9
    assert torch.equal(both.generate(GLOBALS), whole[:, : prompt + 9])
    given = GenerationConfig(max_new_tokens=30)
    assert torch.equal(both.generate(GLOBALS, generation_config=given), whole[:, : prompt + 30])


def test_both_stages_without_the_grammar(both: TwoStageModel, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="a plan stops before <EOS>"):
        both.generate(GLOBALS, grammar=False, generation_config=GenerationConfig(max_new_tokens=40))
    both.generation_config.update(grammar=False, max_new_tokens=40, allow_custom_entries=True)
    both.save_pretrained(tmp_path)
    loaded = TwoStageModel.from_pretrained(tmp_path)
    with pytest.raises(RequestError, match="a plan stops before <EOS>"):
        loaded.generate(GLOBALS)
    assert pieces(loaded.generate(GLOBALS, grammar=True, generation_config=GenerationConfig(max_new_tokens=4000)))


def test_plans_for_each_prompt_as_the_config_says(both: TwoStageModel) -> None:
    settings = {"do_sample": True, "num_return_sequences": 3}
    expected = seeded(both.generate, GLOBALS, **settings)
    assert len(pieces(expected)) == 3
    both.generation_config.update(**settings, return_dict_in_generate=True)
    shown = seeded(both.generate, GLOBALS)
    assert len(pieces(shown.sequences)) == 3


# What other processors may do

NOTES, DYNAMICS, PLACES = (list(IDS[family]) for family in ("Note-On", "Dynamics", "RelPos"))
WAYS = [{}, {"do_sample": True, "num_return_sequences": 3}, {"num_beams": 3}, {"num_beams": 2, "do_sample": True}]


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("words", [NOTES[::2], PLACES[1::2]], ids=["notes", "places"])
def test_what_may_not_be_written_is_not(detail: DetailGeneratorModel, words: list[int], way: dict[str, Any]) -> None:
    sequences = detail.generate(PROMPT, bad_words_ids=[[word] for word in words], **way)
    assert [piece.bar_count for piece in pieces(sequences)] == [3] * len(sequences)
    assert not torch.isin(sequences[:, PROMPT.shape[1] :], torch.tensor(words)).any()


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_where_nothing_is_left_to_write_an_error_says_so(detail: DetailGeneratorModel, way: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match=r"as token \d+ of row \d: <EOS>; change bad_words_ids, min_new_tokens"):
        detail.generate(PROMPT, min_new_tokens=3000, **way)
    written = detail.generate(PROMPT)[0].tolist()
    place = PROMPT.shape[1] + next(i for i, token in enumerate(written[PROMPT.shape[1] :], 1) if token in PLACES)
    after_place = [[PAD] * 9 + PROMPT[0].tolist(), written[:place]]
    prompts = torch.tensor([[PAD] * (len(after_place[0]) - len(ids)) + ids for ids in after_place])
    message = rf"the settings forbid all that the grammar allows as token {place} of row [13]: <Note-On=.* more; change"
    with pytest.raises(RequestError, match=message):
        detail.generate(prompts, bad_words_ids=[[word] for word in NOTES + DYNAMICS], **way)


def test_processors_of_the_call_neither_undo_the_grammar_nor_end_the_music(detail: DetailGeneratorModel) -> None:
    (piece,) = pieces(detail.generate(PROMPT, logits_processor=NEGATED))
    assert piece.bar_count == 3
    assert piece.note_list()


def test_writing_stops_after_text(detail: DetailGeneratorModel) -> None:
    whole = detail.generate(PROMPT)[0].tolist()
    end = PROMPT.shape[1] + 7
    text = " ".join(token_names()[token] for token in whole[end - 2 : end])
    first = next(last for last in range(PROMPT.shape[1] + 1, end + 1) if whole[last - 2 : last] == whole[end - 2 : end])
    stopped = detail.generate(PROMPT, stop_strings=[text], tokenizer=REMIABCTokenizer())
    assert stopped[0].tolist() == whole[:first]
