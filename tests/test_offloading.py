"""Weights that are elsewhere until a module's own `forward` wants them: the same numbers, to the last bit."""

import copy
from pathlib import Path

import pytest
import torch
from accelerate import cpu_offload, disk_offload
from tiny_models import TINY, randomised
from torch import nn
from transformers import AutoModel
from tunes import kesh_jig

from remi_two_stage.core.attention_kinds import ATTENTION_KINDS
from remi_two_stage.core.codec import encode_ids
from remi_two_stage.core.configuration_remi import DetailGeneratorConfig, TwoStageConfig
from remi_two_stage.core.modeling_remi import DetailGeneratorModel, TwoStageModel, register_auto_classes
from remi_two_stage.core.sequences import detail_sequence
from remi_two_stage.core.vocabulary import PAD

DETAIL = torch.tensor([detail_sequence(encode_ids(kesh_jig()))])
PADDED = torch.cat([torch.full((1, 9), PAD), DETAIL[:, :-9]], dim=1)


@pytest.fixture(params=ATTENTION_KINDS)
def detail(request: pytest.FixtureRequest) -> DetailGeneratorModel:
    return randomised(DetailGeneratorModel(DetailGeneratorConfig(**TINY, relative_attention=request.param)))


def numbers(model: DetailGeneratorModel) -> list[torch.Tensor]:
    """Logits of all ways through attention: in blocks, with a mask, by definition, with a cache."""
    found = []
    with torch.no_grad():
        for implementation in ("sdpa", "eager"):
            model.set_attn_implementation(implementation)
            found.append(model(DETAIL).logits)
            found.append(model(torch.cat([PADDED, DETAIL]), torch.cat([PADDED, DETAIL]).ne(PAD).long()).logits)
            begun = model(DETAIL[:, :100], use_cache=True)
            found.append(model(DETAIL[:, 100:140], past_key_values=begun.past_key_values).logits)
    return found


def assert_same(model: DetailGeneratorModel, expected: list[torch.Tensor]) -> None:
    for ours, theirs in zip(numbers(model), expected, strict=True):
        assert torch.equal(ours, theirs)


def test_offloaded_to_memory_or_disk(detail: DetailGeneratorModel, tmp_path: Path) -> None:
    expected = numbers(detail)
    on_disk = copy.deepcopy(detail)
    assert_same(cpu_offload(detail, torch.device("cpu")), expected)
    assert all(weight.device.type == "meta" for weight in detail.parameters())
    assert_same(disk_offload(on_disk, tmp_path, torch.device("cpu")), expected)


def test_partitioned_while_no_forward_of_their_module_runs(detail: DetailGeneratorModel) -> None:
    """As DeepSpeed's ZeRO-3 does: a weight is gathered before its module's forward, and let go after it."""
    expected = numbers(detail)
    whole = {weight: weight.data for weight in detail.parameters()}
    for module in detail.modules():
        for weight in module.parameters(recurse=False):
            _partition(module, weight, whole[weight])
    assert_same(detail, expected)


def _partition(module: nn.Module, weight: nn.Parameter, whole: torch.Tensor) -> None:
    nothing = torch.empty(0)

    def gather(module: nn.Module, arguments: tuple[object, ...]) -> None:
        weight.data = whole

    def release(module: nn.Module, arguments: tuple[object, ...], output: object) -> None:
        weight.data = nothing

    weight.data = nothing
    module.register_forward_pre_hook(gather)
    module.register_forward_hook(release)


@pytest.mark.filterwarnings(
    "ignore:You are calling .generate"
)  # the oldest transformers asks a weight where the model is
@pytest.mark.parametrize("kind", ["table", "rope+fourier"])
def test_a_whole_model_on_disk_writes_the_same(kind: str, tmp_path: Path) -> None:
    register_auto_classes()
    sizes = {**TINY, "relative_attention": kind}
    both = randomised(TwoStageModel(TwoStageConfig(planner_config=sizes, detail_config=sizes)))
    both.save_pretrained(tmp_path / "model")
    places = {name: "cpu" for name, _ in both.detail.model.named_children()} | {"layers": "disk"}
    places = {f"detail.model.{name}": place for name, place in places.items()} | {"detail.lm_head": "cpu"}
    spread = AutoModel.from_pretrained(
        tmp_path / "model", device_map=places | {"planner": "disk"}, offload_folder=tmp_path / "weights"
    )
    assert {weight.device.type for weight in spread.parameters()} == {"cpu", "meta"}
    prompt = DETAIL[:, :5]
    with torch.no_grad():
        ours, theirs = (model(plan_input_ids=DETAIL, input_ids=DETAIL) for model in (spread, both))
    assert torch.equal(ours.plan_logits, theirs.plan_logits)
    assert torch.equal(ours.logits, theirs.logits)
    written = both.generate(prompt)
    assert torch.equal(spread.generate(prompt), written)
