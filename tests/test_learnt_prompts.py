"""Embeddings in the place of ids: the same numbers when they stand for ids, and prompts that PEFT learns."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_models import TINY, randomised
from transformers.cache_utils import DynamicCache
from transformers.modeling_outputs import CausalLMOutputWithPast
from tunes import kesh_jig

from remi_two_stage.core.attention_kinds import ATTENTION_KINDS
from remi_two_stage.core.codec import encode_ids
from remi_two_stage.core.configuration_remi import DetailGeneratorConfig
from remi_two_stage.core.decoding_weights_remi import is_plain
from remi_two_stage.core.errors import RequestError
from remi_two_stage.core.modeling_remi import DetailGeneratorModel
from remi_two_stage.core.sequences import detail_sequence
from remi_two_stage.core.vocabulary import DETAIL as DETAIL_TOKEN
from remi_two_stage.core.vocabulary import PAD

DETAIL = torch.tensor([detail_sequence(encode_ids(kesh_jig()))])
PROMPT = DETAIL[:, : DETAIL[0].tolist().index(DETAIL_TOKEN) + 1]


LEARNT = {"input_ids": DETAIL, "attention_mask": torch.ones_like(DETAIL), "labels": DETAIL}


def of_peft(test: Callable[..., None]) -> Callable[..., None]:
    """What PEFT warns of by itself, and what it still asks transformers for."""
    for warning in ("ignore::UserWarning:peft", "ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"):
        test = pytest.mark.filterwarnings(warning)(test)
    return test


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def learn(tuned: torch.nn.Module, rate: float, **given: torch.Tensor) -> None:
    """Eight steps on the Kesh Jig, by which its loss falls."""
    optimizer = torch.optim.Adam([weight for weight in tuned.parameters() if weight.requires_grad], lr=rate)
    losses = []
    for _ in range(8):
        loss = tuned(**LEARNT, **given).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.01
    tuned.eval()


@pytest.fixture(params=ATTENTION_KINDS)
def detail(request: pytest.FixtureRequest) -> DetailGeneratorModel:
    return randomised(DetailGeneratorModel(DetailGeneratorConfig(**TINY, relative_attention=request.param)))


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_embeddings_that_stand_for_ids_give_their_logits(detail: DetailGeneratorModel, implementation: str) -> None:
    detail.set_attn_implementation(implementation)
    embeddings, expected = detail.get_input_embeddings()(DETAIL), detail(DETAIL).logits
    close(detail(inputs_embeds=embeddings, coordinate_ids=DETAIL).logits, expected)
    begun: CausalLMOutputWithPast = detail(inputs_embeds=embeddings[:, :90], coordinate_ids=DETAIL[:, :90])
    rest = detail(DETAIL[:, 90:], past_key_values=begun.past_key_values, coordinate_ids=DETAIL[:, :90])
    close(torch.cat([begun.logits, rest.logits], dim=1), expected)


def test_embeddings_before_the_ids_have_the_coordinates_of_padding(detail: DetailGeneratorModel) -> None:
    learnt = torch.randn(1, 6, TINY["hidden_size"])
    embeddings = torch.cat([learnt, detail.get_input_embeddings()(DETAIL)], dim=1)
    padded = torch.cat([torch.full((1, 6), PAD), DETAIL], dim=1)
    short, whole = (detail(inputs_embeds=embeddings, coordinate_ids=ids).logits for ids in (DETAIL, padded))
    assert torch.equal(short, whole)
    changed = detail(inputs_embeds=torch.cat([2 * learnt, embeddings[:, 6:]], dim=1), coordinate_ids=DETAIL).logits
    assert (changed - short)[:, 6:].abs().max() > 1e-4


def test_embeddings_of_tokens_alone_are_read_as_these(detail: DetailGeneratorModel) -> None:
    embeddings = detail.get_input_embeddings()(DETAIL)
    learnt = torch.cat([torch.randn(1, 6, TINY["hidden_size"]), embeddings], dim=1)
    for given in (embeddings, learnt):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            expected = detail(inputs_embeds=given, coordinate_ids=DETAIL).logits
            assert torch.equal(detail(inputs_embeds=given).logits, expected)
        assert torch.equal(
            detail(inputs_embeds=given).logits, detail(inputs_embeds=given, coordinate_ids=DETAIL).logits
        )


def test_embeddings_of_no_token_alone_are_refused_where_bars_are_measured() -> None:
    detail = randomised(DetailGeneratorModel(DetailGeneratorConfig(**TINY)))
    with pytest.raises(RequestError, match=r"rope\+fourier' measures in bars and time; give coordinate_ids"):
        detail(inputs_embeds=detail.get_input_embeddings()(DETAIL) + 0.01)


@of_peft
def test_peft_learns_a_prompt_and_writes_after_it() -> None:
    peft = pytest.importorskip("peft")
    detail = randomised(DetailGeneratorModel(DetailGeneratorConfig(**TINY)))
    plain = detail.generate(PROMPT, max_new_tokens=40)
    config = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=5)
    tuned = peft.get_peft_model(detail, config)
    learn(tuned, 1.0, coordinate_ids=DETAIL)
    assert torch.equal(tuned(**LEARNT).loss, tuned(**LEARNT, coordinate_ids=DETAIL).loss)
    settings = {"max_new_tokens": 40, "return_dict_in_generate": True, "output_logits": True}
    found = tuned.generate(input_ids=PROMPT, attention_mask=torch.ones_like(PROMPT), coordinate_ids=PROMPT, **settings)
    written = found.sequences
    assert not written.equal(plain)
    with torch.no_grad():
        logits = tuned(input_ids=written, attention_mask=torch.ones_like(written), coordinate_ids=written).logits
    close(torch.stack(found.logits, dim=1), logits[:, 5 + PROMPT.shape[1] - 1 : -1])


def test_a_model_whose_inputs_others_make_is_not_decoded_past_them() -> None:
    detail = randomised(DetailGeneratorModel(DetailGeneratorConfig(**TINY)))
    assert is_plain(detail)
    detail.prepare_inputs_for_generation = lambda *arguments, **settings: {}
    assert not is_plain(detail)


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_keys_that_others_put_into_the_cache_are_those_of_padding(
    detail: DetailGeneratorModel, implementation: str
) -> None:
    detail.set_attn_implementation(implementation)
    padding = detail(torch.full((1, 6), PAD)).past_key_values
    layers = padding.layers[: TINY["num_hidden_layers"]]
    width = detail.config.head_dim
    prefix = DynamicCache([(layer.keys[..., :width], layer.values) for layer in layers])
    mask = torch.ones(1, 6 + DETAIL.shape[1])
    expected = detail(DETAIL, attention_mask=mask, past_key_values=padding).logits
    begun = detail(DETAIL[:, :90], attention_mask=mask[:, :96], past_key_values=prefix)
    rest = detail(DETAIL[:, 90:], attention_mask=mask, past_key_values=begun.past_key_values)
    close(torch.cat([begun.logits, rest.logits], dim=1), expected)


@of_peft
def test_peft_learns_a_prefix_and_writes_after_it(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    detail = randomised(DetailGeneratorModel(DetailGeneratorConfig(**TINY, num_key_value_heads=2)))
    plain = detail.generate(PROMPT, max_new_tokens=40)
    tuned = peft.get_peft_model(detail, peft.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=5))
    learn(tuned, 0.3)
    settings = {"max_new_tokens": 40, "return_dict_in_generate": True, "output_logits": True}
    found = tuned.generate(input_ids=PROMPT, attention_mask=torch.ones_like(PROMPT), **settings)
    written = found.sequences
    assert not written.equal(plain)
    with torch.no_grad():
        logits = tuned(input_ids=written, attention_mask=torch.ones_like(written)).logits
    close(torch.stack(found.logits, dim=1), logits[:, PROMPT.shape[1] - 1 : -1])
    tuned.save_pretrained(tmp_path)
    again = peft.PeftModel.from_pretrained(detail, tmp_path).eval()
    with torch.no_grad():
        close(again(input_ids=written, attention_mask=torch.ones_like(written)).logits, logits)
