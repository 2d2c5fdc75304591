"""The models of both stages: the same numbers on every path, complete gradients, and weights never silently lost."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors.torch import load_file, save_file
from tiny_models import GROUPED, TINY, randomised
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, StaticCache
from tunes import kesh_jig

from remi_two_stage.core.architecture import DetailArchitecture
from remi_two_stage.core.attention_kinds import ATTENTION_KINDS
from remi_two_stage.core.codec import encode_ids
from remi_two_stage.core.configuration_remi import BarPlannerConfig, DetailGeneratorConfig, TwoStageConfig
from remi_two_stage.core.errors import CheckpointError, RequestError
from remi_two_stage.core.modeling_remi import (
    BarPlannerModel,
    DetailGeneratorModel,
    RelativeTransformerDecoder,
    TwoStageModel,
    register_auto_classes,
)
from remi_two_stage.core.sequences import detail_sequence, plan_sequence
from remi_two_stage.core.vocabulary import TOKEN_IDS, VOCABULARY_VERSION

TOKENS = encode_ids(kesh_jig())
PLAN = torch.tensor([plan_sequence(TOKENS)])
DETAIL = torch.tensor([detail_sequence(TOKENS)])


@pytest.fixture(params=[*((kind, None) for kind in ATTENTION_KINDS), *GROUPED], ids=str)
def detail(request: pytest.FixtureRequest) -> DetailGeneratorModel:
    kind, heads = request.param
    config = DetailGeneratorConfig(**TINY, relative_attention=kind, num_key_value_heads=heads)
    return randomised(DetailGeneratorModel(config))


@pytest.fixture
def both() -> TwoStageModel:
    return randomised(TwoStageModel(TwoStageConfig(planner_config=TINY, detail_config={**TINY, "hidden_size": 48})))


def close(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(ours, theirs, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize(
    ("config", "fields", "message"),
    [
        (BarPlannerConfig, {"hidden_size": 65}, r"hidden_size \(65\) is not a multiple of num_attention_heads \(8\)"),
        (
            BarPlannerConfig,
            {"num_key_value_heads": 3},
            r"num_attention_heads \(8\) is not a multiple of num_key_value_heads \(3\)",
        ),
        (BarPlannerConfig, {"num_key_value_heads": 0}, "num_key_value_heads is 0; it must be at least 1"),
        (DetailGeneratorConfig, {"max_rel_dist": 0}, "max_rel_dist is 0; it must be at least 1"),
        (DetailGeneratorConfig, {"hidden_dropout": 1.5}, "hidden_dropout is 1.5; it must be at least 0 and below 1"),
        (BarPlannerConfig, {"num_hidden_layers": "six"}, "num_hidden_layers"),
        (BarPlannerConfig, {"relative_attention": "alibi"}, "relative_attention is 'alibi'; choose one of table, four"),
        (
            BarPlannerConfig,
            {"relative_attention": "table", "fourier_periods": {"bar": [4]}},
            "relative_attention 'table', which takes none",
        ),
        (
            BarPlannerConfig,
            {"relative_attention": "fourier", "fourier_periods": {"beat": [4]}},
            "fourier_periods has 'beat'",
        ),
        (
            BarPlannerConfig,
            {"relative_attention": "rope", "hidden_size": 40},
            r"heads are 5 wide \(hidden_size 40, 8 heads\); rope needs an even width",
        ),
        (
            BarPlannerConfig,
            {"relative_attention": "rotary", "rotary_periods": {"bar": [4], "time": list(range(24, 56))}},
            "heads are 64 wide .* rotary needs an even width of at least 66 for 33 rotary_periods",
        ),
        (
            BarPlannerConfig,
            {"relative_attention": "rope", "rotary_periods": {"bar": [4]}},
            "relative_attention 'rope', which takes none",
        ),
        (
            TwoStageConfig,
            {"planner_config": {"vocab_size": 7}},
            f"vocab_size is 7 in planner_config and {len(TOKEN_IDS)} in detail_config",
        ),
    ],
)
def test_configs_refuse_what_cannot_be(config: type, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(StrictDataclassError, match=message):
        config(**fields)


def test_base_sizes_are_those_documented() -> None:
    with torch.device("meta"):
        model = TwoStageModel(TwoStageConfig())
    sizes = [stage.num_parameters(exclude_embeddings=True) for stage in (model.planner, model.detail)]
    assert [round(size / 1e6) for size in sizes] == [19, 151]


@pytest.mark.parametrize("kind", ATTENTION_KINDS)
@pytest.mark.parametrize("key_value_heads", [1, 2])
def test_grouped_heads_are_heads_with_the_same_keys_and_values(kind: str, key_value_heads: int) -> None:
    config = DetailGeneratorConfig(**TINY, relative_attention=kind, num_key_value_heads=key_value_heads)
    grouped = randomised(DetailGeneratorModel(config))
    plain = DetailGeneratorModel(DetailGeneratorConfig(**TINY, relative_attention=kind)).eval()
    weights = grouped.state_dict()
    for name, weight in weights.items():
        if name.endswith("qkv_proj.weight"):
            query, key, value = weight.unflatten(0, (-1, 8)).split([4, key_value_heads, key_value_heads])
            assert weight.shape == (32 + 2 * 8 * key_value_heads, 32)
            repeated = [states.repeat_interleave(4 // key_value_heads, 0) for states in (key, value)]
            weights[name] = torch.cat([query, *repeated]).flatten(0, 1)
    plain.load_state_dict(weights)
    expected = plain(DETAIL).logits
    for implementation in ("sdpa", "eager"):
        grouped.set_attn_implementation(implementation)
        close(grouped(DETAIL).logits, expected)
    cache = grouped(DETAIL, use_cache=True).past_key_values
    assert cache.layers[0].values.shape[1] == key_value_heads


def test_configs_that_name_no_heads_of_keys_have_as_many_as_of_queries() -> None:
    stored = TINY | {"vocabulary_version": VOCABULARY_VERSION}
    assert DetailGeneratorConfig(**TINY).num_key_value_heads == 4
    assert DetailArchitecture.of_dict(stored, "a folder").num_key_value_heads == 4
    assert DetailArchitecture.of_dict(stored | {"num_key_value_heads": 2}, "a folder").num_key_value_heads == 2
    with pytest.raises(CheckpointError, match="the config in a folder has num_key_value_heads '2'; save"):
        DetailArchitecture.of_dict(stored | {"num_key_value_heads": "2"}, "a folder")


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_with_a_cache_the_logits_are_the_same(detail: DetailGeneratorModel, implementation: str) -> None:
    detail.set_attn_implementation(implementation)
    whole = detail(DETAIL).logits
    cache = detail(DETAIL[:, :50], use_cache=True).past_key_values
    pieces = [detail(DETAIL[:, 50:57], past_key_values=cache).logits]
    pieces += [detail(DETAIL[:, i : i + 1], past_key_values=cache).logits for i in range(57, DETAIL.shape[1])]
    close(torch.cat(pieces, dim=1), whole[:, 50:])


def test_a_static_cache_generates_the_same(detail: DetailGeneratorModel) -> None:
    prompt = DETAIL[:, :20]
    cache = StaticCache(config=detail.config, max_cache_len=64)
    expected = detail.generate(prompt, max_new_tokens=20, do_sample=False)
    assert (
        detail.generate(prompt, max_new_tokens=20, do_sample=False, past_key_values=cache).tolist() == expected.tolist()
    )


def padded(rows: list[torch.Tensor], side: str) -> dict[str, torch.Tensor]:
    width = max(len(row) for row in rows)
    input_ids, mask = torch.zeros(2, len(rows), width, dtype=torch.long)
    for number, row in enumerate(rows):
        real = slice(width - len(row), width) if side == "left" else slice(0, len(row))
        input_ids[number, real], mask[number, real] = row, 1
    return {"input_ids": input_ids, "attention_mask": mask}


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_no_logits(detail: DetailGeneratorModel, side: str, implementation: str) -> None:
    detail.set_attn_implementation(implementation)
    rows = [DETAIL[0], DETAIL[0, 40:120], DETAIL[0, :3]]
    batch = padded(rows, side)
    logits = detail(**batch).logits
    for row, row_logits, mask in zip(rows, logits, batch["attention_mask"], strict=True):
        close(row_logits[mask.bool()], detail(row[None]).logits[0])


def test_left_padded_prompts_continue_as_alone(detail: DetailGeneratorModel) -> None:
    prompts = [DETAIL[0, :40], DETAIL[0, :9]]
    together = detail.generate(**padded(prompts, "left"), max_new_tokens=15, do_sample=False)
    for prompt, continued in zip(prompts, together, strict=True):
        alone = detail.generate(prompt[None], max_new_tokens=15, do_sample=False)
        assert continued[40:].tolist() == alone[0, len(prompt) :].tolist()


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_packed_sequences_are_as_separate_ones(detail: DetailGeneratorModel, implementation: str) -> None:
    detail.set_attn_implementation(implementation)
    rows = [DETAIL[0, :90], DETAIL[0, 20:21], DETAIL[0, 50:150]]
    packed = torch.cat(rows)[None].repeat(2, 1)
    position_ids = torch.cat([torch.arange(len(row)) for row in rows])[None]
    logits = detail(packed, position_ids=position_ids).logits
    for row, row_logits in zip(rows, logits[1].split([len(row) for row in rows]), strict=True):
        close(row_logits, detail(row[None]).logits[0])


def test_fused_attention_has_the_gradients_of_eager(detail: DetailGeneratorModel) -> None:
    batch = padded([DETAIL[0], DETAIL[0, 30:140]], "right")
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    gradients = {}
    for implementation in ("eager", "sdpa"):
        detail.set_attn_implementation(implementation)
        loss = detail(**batch, labels=labels).loss
        gradients[implementation] = torch.autograd.grad(loss, list(detail.parameters()))
    for fused, eager in zip(gradients["sdpa"], gradients["eager"], strict=True):
        close(fused, eager, 1e-4)


def test_activation_checkpointing_keeps_the_gradients(detail: DetailGeneratorModel) -> None:
    detail.train()
    plain = torch.autograd.grad(detail(DETAIL, labels=DETAIL).loss, list(detail.parameters()))
    try:
        detail.activation_checkpointing_enable()
    except AttributeError:  # its name in transformers before 5.22
        detail.gradient_checkpointing_enable()
    detail(DETAIL, labels=DETAIL).loss.backward()
    for parameter, gradient in zip(detail.parameters(), plain, strict=True):
        close(parameter.grad, gradient)


def test_attention_dropout_acts_in_training_alone(detail: DetailGeneratorModel) -> None:
    expected = detail(DETAIL).logits
    detail.config.attention_dropout = 0.5
    close(detail(DETAIL).logits, expected)
    assert not torch.allclose(detail.train()(DETAIL).logits, expected, atol=1e-2)


def test_attentions_and_hidden_states_come_out(detail: DetailGeneratorModel) -> None:
    detail.set_attn_implementation("eager")
    outputs = detail(DETAIL, output_attentions=True, output_hidden_states=True)
    length = DETAIL.shape[1]
    assert [weights.shape for weights in outputs.attentions] == [(1, 4, length, length)] * 2
    assert [states.shape for states in outputs.hidden_states] == [(1, length, 32)] * 3
    close(outputs.attentions[0].sum(-1), torch.ones(1, 4, length))
    assert outputs.attentions[0].triu(1).abs().max() == 0


def test_loss_is_the_mean_over_labelled_tokens(detail: DetailGeneratorModel) -> None:
    labels = DETAIL.clone()
    labels[:, :60] = -100
    outputs = detail(DETAIL, labels=labels)
    expected = torch.nn.functional.cross_entropy(outputs.logits[0, 59:-1], DETAIL[0, 60:])
    close(outputs.loss, expected)
    close(detail(DETAIL, labels=labels, num_items_in_batch=10).loss, expected * (DETAIL.shape[1] - 60) / 10)


def test_both_stages_learn_a_tune_and_every_parameter_takes_part() -> None:
    model = TwoStageModel(TwoStageConfig(planner_config=TINY, detail_config=TINY))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(20):
        loss = model(plan_input_ids=PLAN, plan_labels=PLAN, input_ids=DETAIL, labels=DETAIL).loss
        loss.backward()
        losses.append(loss.item())
        still = [name for name, parameter in model.named_parameters() if not parameter.grad.abs().sum() > 0]
        assert still == []
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < losses[0] / 3


def test_each_stage_runs_alone_and_the_losses_add_up(both: TwoStageModel) -> None:
    plan = both(plan_input_ids=PLAN, plan_labels=PLAN)
    notes = both(input_ids=DETAIL, labels=DETAIL)
    together = both(plan_input_ids=PLAN, plan_labels=PLAN, input_ids=DETAIL, labels=DETAIL)
    assert plan.detail_loss is None
    assert notes.plan_loss is None
    close(together.loss, plan.loss + notes.loss)
    close(together.logits, both.detail(DETAIL).logits)
    close(together.plan_logits, both.planner(PLAN).logits)
    with pytest.raises(RequestError, match="neither plan_input_ids nor input_ids; give one"):
        both(labels=DETAIL)


def test_accumulated_steps_add_up_to_one(both: TwoStageModel) -> None:
    batch = {"plan_input_ids": PLAN, "plan_labels": PLAN, "input_ids": DETAIL, "labels": DETAIL}
    in_halves = both(**batch, num_items_in_batch=2 * (DETAIL.shape[1] - 1)).loss
    close(in_halves * 2, both(**batch).loss)


def test_saved_and_loaded_bit_for_bit_from_safetensors_alone(both: TwoStageModel, tmp_path: Path) -> None:
    both.save_pretrained(tmp_path)
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} <= {".safetensors", ".json", ".py"}
    loaded = TwoStageModel.from_pretrained(tmp_path)
    assert torch.equal(loaded(input_ids=DETAIL).logits, both(input_ids=DETAIL).logits)
    for stage in (loaded.planner, loaded.detail):
        assert stage.lm_head.weight is stage.model.embed_tokens.weight
    (tmp_path / "model.safetensors.index.json").unlink()
    with pytest.raises(OSError, match=r"no file named model\.safetensors"):
        TwoStageModel.from_pretrained(tmp_path)


@pytest.mark.parametrize("stage", ["planner", "detail"])
def test_a_stage_loads_out_of_both_and_saves_alone(both: TwoStageModel, tmp_path: Path, stage: str) -> None:
    register_auto_classes()
    both.save_pretrained(tmp_path / "both")
    expected = getattr(both, stage)
    loaded = type(expected).from_pretrained(tmp_path / "both")
    assert torch.equal(loaded(PLAN).logits, expected(PLAN).logits)
    loaded.save_pretrained(tmp_path / "alone")
    alone = AutoModelForCausalLM.from_pretrained(tmp_path / "alone")
    assert type(alone) is type(expected)
    assert torch.equal(alone(PLAN).logits, expected(PLAN).logits)
    given = type(expected).from_pretrained(tmp_path / "both", config=expected.config)
    assert torch.equal(given(PLAN).logits, expected(PLAN).logits)


def test_stages_join_into_one_model(both: TwoStageModel, detail: DetailGeneratorModel, tmp_path: Path) -> None:
    joined = TwoStageModel.from_stages(both.planner, detail)
    joined.save_pretrained(tmp_path)
    loaded = TwoStageModel.from_pretrained(tmp_path)
    assert torch.equal(loaded.planner(PLAN).logits, both.planner(PLAN).logits)
    assert torch.equal(loaded.detail(DETAIL).logits, detail(DETAIL).logits)


def test_a_checkpoint_from_before_other_forms_existed_loads_as_a_table(both: TwoStageModel, tmp_path: Path) -> None:
    both.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    for stage in ("planner_config", "detail_config"):
        for name in ("relative_attention", "fourier_periods", "rope_base", "rotary_periods", "bar_tokens"):
            del config[stage][name]
    path.write_text(json.dumps(config), encoding="utf-8")
    assert torch.equal(TwoStageModel.from_pretrained(tmp_path)(input_ids=DETAIL).logits, both(input_ids=DETAIL).logits)


def test_auto_classes_find_config_and_model(both: TwoStageModel, tmp_path: Path) -> None:
    register_auto_classes()
    both.save_pretrained(tmp_path)
    assert type(AutoConfig.from_pretrained(tmp_path)) is TwoStageConfig
    assert type(AutoModel.from_pretrained(tmp_path)) is TwoStageModel
    auto_map = json.loads((tmp_path / "config.json").read_text())["auto_map"]
    assert auto_map["AutoModel"] == "code/modeling_remi.TwoStageModel"


def test_no_weight_is_ever_left_random(detail: DetailGeneratorModel, tmp_path: Path) -> None:
    detail.save_pretrained(tmp_path / "detail")
    for other in (BarPlannerModel, TwoStageModel, RelativeTransformerDecoder):
        with pytest.raises(CheckpointError, match="holds a model of type 'remi_detail_generator'"):
            other.from_pretrained(tmp_path / "detail")
    shutil.copytree(tmp_path / "detail", tmp_path / "incomplete")
    weights = load_file(tmp_path / "detail" / "model.safetensors")
    del weights["model.layers.1.attention.o_proj.weight"]
    save_file(weights, tmp_path / "incomplete" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lacks 1 of the weights .*layers\.1\.attention\.o_proj\.weight"):
        DetailGeneratorModel.from_pretrained(tmp_path / "incomplete")
