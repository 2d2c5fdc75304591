"""What transformers' `generate()` offers, with every form of attention: beams, samples, caches, going on."""

from typing import Any

import pytest
import torch
from torch.nn.functional import log_softmax
from transformers import DynamicCache, StaticCache
from tunes import kesh_jig

from remi_two_stage.core.attention_kinds import ATTENTION_KINDS
from remi_two_stage.core.codec import encode_ids
from remi_two_stage.core.configuration_remi import DetailGeneratorConfig
from remi_two_stage.core.modeling_remi import DetailGeneratorModel
from remi_two_stage.core.sequences import detail_sequence
from remi_two_stage.core.vocabulary import PAD

SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
DETAIL = torch.tensor([detail_sequence(encode_ids(kesh_jig()))])
PROMPT = DETAIL[:, :60]
NEW = 12


@pytest.fixture(params=ATTENTION_KINDS)
def model(request: pytest.FixtureRequest) -> DetailGeneratorModel:
    model = DetailGeneratorModel(DetailGeneratorConfig(**SIZES, max_rel_dist=60, relative_attention=request.param))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.3 * torch.randn_like(parameter))
    return model.eval()


def written(model: DetailGeneratorModel, prompt: torch.Tensor = PROMPT, **kwargs: Any) -> list[list[int]]:
    """What `generate` adds to the prompt, held to no grammar so that bars begin and end anywhere."""
    options = {"max_new_tokens": NEW, "do_sample": False, "grammar": False, "eos_token_id": None, "pad_token_id": PAD}
    return model.generate(prompt, **options | kwargs)[:, prompt.shape[1] :].tolist()


def by_hand(model: DetailGeneratorModel, steps: int = NEW) -> list[int]:
    """Greedy decoding without a cache."""
    ids = PROMPT
    for _ in range(steps):
        ids = torch.cat([ids, model(ids, use_cache=False).logits[:, -1:].argmax(-1)], dim=1)
    return ids[0, PROMPT.shape[1] :].tolist()


def likelihood(model: DetailGeneratorModel, continuation: list[int]) -> float:
    ids = torch.cat([PROMPT, torch.tensor([continuation])], dim=1)
    scores = log_softmax(model(ids, use_cache=False).logits[0, PROMPT.shape[1] - 1 : -1], dim=-1)
    return scores.gather(1, ids[0, PROMPT.shape[1] :, None]).sum().item()


def test_greedy_decoding_with_any_cache_is_that_without(model: DetailGeneratorModel) -> None:
    expected = by_hand(model)
    assert written(model) == [expected]
    assert written(model, use_cache=False) == [expected]
    assert written(model, past_key_values=DynamicCache()) == [expected]
    assert written(model, past_key_values=DynamicCache(config=model.config)) == [expected]
    length = PROMPT.shape[1] + NEW
    assert written(model, past_key_values=StaticCache(config=model.config, max_cache_len=length)) == [expected]


def test_drafts_that_exit_early_lead_to_the_same(model: DetailGeneratorModel) -> None:
    assert written(model, assistant_early_exit=1) == [by_hand(model)]


def test_one_beam_is_greedy_and_more_beams_find_likelier_music(model: DetailGeneratorModel) -> None:
    greedy = by_hand(model)
    assert written(model, num_beams=1) == [greedy]
    beams = written(model, num_beams=4, num_return_sequences=4, length_penalty=0.0)
    found = [likelihood(model, beam) for beam in beams]
    assert found == sorted(found, reverse=True)
    assert len({tuple(beam) for beam in beams}) == 4
    reported = model.generate(
        PROMPT, max_new_tokens=NEW, do_sample=False, grammar=False, eos_token_id=None, pad_token_id=PAD, num_beams=4,
        length_penalty=0.0, return_dict_in_generate=True, output_scores=True,
    )  # fmt: skip
    # The scores that beam search summed over reordered caches are those of the sequence by itself.
    assert reported.sequences_scores.item() == pytest.approx(found[0], abs=1e-3)


def test_samples_follow_the_seed(model: DetailGeneratorModel) -> None:
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(written(model, do_sample=True, top_k=0, num_return_sequences=3))
    assert draws[0] == draws[1] != draws[2]
    assert len({tuple(row) for row in draws[0]}) > 1


def test_left_padded_prompts_go_on_as_alone(model: DetailGeneratorModel) -> None:
    short = DETAIL[:, :33]
    gap = PROMPT.shape[1] - short.shape[1]
    prompts = torch.cat([PROMPT, torch.cat([torch.full((1, gap), PAD), short], dim=1)])
    together = written(model, prompts, attention_mask=(prompts != PAD).long(), num_beams=2)
    assert together == [*written(model, num_beams=2), *written(model, short, num_beams=2)]


def test_a_kept_cache_goes_on_where_it_ended(model: DetailGeneratorModel) -> None:
    whole = by_hand(model)
    cache = DynamicCache(config=model.config)
    first = written(model, past_key_values=cache, max_new_tokens=5)[0]
    longer = torch.cat([PROMPT, torch.tensor([first])], dim=1)
    assert first + written(model, longer, past_key_values=cache, max_new_tokens=NEW - 5)[0] == whole


def test_embeddings_alone_do_where_they_are_those_of_tokens_or_no_bars_are_read(model: DetailGeneratorModel) -> None:
    embeddings = model.get_input_embeddings()(PROMPT)
    torch.testing.assert_close(model(inputs_embeds=embeddings).logits, model(PROMPT).logits)
    if model.model.bar_reader is None:
        assert model(inputs_embeds=embeddings + 0.5).logits.isfinite().all()
    else:
        with pytest.raises(ValueError, match="measures in bars and time; give coordinate_ids"):
            model(inputs_embeds=embeddings + 0.5)
