"""Weights that other packages have quantised: loaded, used, saved and loaded again; skipped where they are missing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import TINY, randomised
from transformers import AutoModel, AutoModelForCausalLM, BitsAndBytesConfig, QuantoConfig, TorchAoConfig
from tunes import kesh_jig

from remi_two_stage.core.codec import encode_ids
from remi_two_stage.core.configuration_remi import TwoStageConfig
from remi_two_stage.core.decoding_weights_remi import StageWeights, is_plain
from remi_two_stage.core.errors import CheckpointError, RequestError
from remi_two_stage.core.modeling_remi import TwoStageModel, register_auto_classes
from remi_two_stage.core.sequences import detail_sequence
from remi_two_stage.core.vocabulary import DETAIL as DETAIL_TOKEN

# what these packages say of themselves when they are imported and used
pytestmark = pytest.mark.filterwarnings("ignore")
DETAIL = torch.tensor([detail_sequence(encode_ids(kesh_jig()))])
SIZES = {**TINY, "hidden_size": 64, "intermediate_size": 128}


def _torchao() -> Any:
    return TorchAoConfig(pytest.importorskip("torchao.quantization").Int8WeightOnlyConfig())


def _bitsandbytes() -> Any:
    pytest.importorskip("bitsandbytes")
    return BitsAndBytesConfig(load_in_8bit=True)


def _quanto() -> Any:
    pytest.importorskip("optimum.quanto")
    return QuantoConfig(weights="int8")


@pytest.fixture
def both(tmp_path: Path) -> TwoStageModel:
    register_auto_classes()
    model = randomised(TwoStageModel(TwoStageConfig(planner_config=SIZES, detail_config=SIZES)))
    model.save_pretrained(tmp_path / "model")
    return model


@pytest.mark.parametrize("quantization", [_torchao, _bitsandbytes, _quanto])
def test_a_quantised_model_is_used_as_it_is(
    both: TwoStageModel, quantization: Callable[[], Any], tmp_path: Path
) -> None:
    quantised = AutoModel.from_pretrained(tmp_path / "model", quantization_config=quantization())
    logits, expected = (model(plan_input_ids=DETAIL, input_ids=DETAIL).logits for model in (quantised, both))
    assert 0 < (logits - expected).abs().max() < 0.05 * expected.abs().max()
    for stage in (quantised.planner, quantised.detail):
        assert not is_plain(stage)  # decoding from its weights would be another model's
        with pytest.raises(RequestError, match="quantised weights"):
            StageWeights.of(stage)
    written = quantised.generate(DETAIL[:, :5])
    with torch.no_grad():
        choices = quantised.detail(written).logits
    assert written.shape[1] > 5
    assert choices.isfinite().all()


@pytest.mark.parametrize("quantization", [_torchao, _bitsandbytes])
def test_a_quantised_model_is_saved_and_loaded_again(
    both: TwoStageModel, quantization: Callable[[], Any], tmp_path: Path
) -> None:
    quantised = AutoModel.from_pretrained(tmp_path / "model", quantization_config=quantization())
    quantised.save_pretrained(tmp_path / "quantised")
    again = AutoModel.from_pretrained(tmp_path / "quantised")
    stage = AutoModelForCausalLM.from_pretrained(tmp_path / "quantised", subfolder="detail")
    assert torch.equal(stage(DETAIL).logits, quantised.detail(DETAIL).logits)
    assert torch.equal(again(input_ids=DETAIL).logits, quantised(input_ids=DETAIL).logits)
    assert torch.equal(again.generate(DETAIL[:, :5]), quantised.generate(DETAIL[:, :5]))

    file = tmp_path / "quantised" / "detail" / "model.safetensors"
    weights = load_file(file)
    lost = {name for name in weights if name.startswith("detail.model.layers.1.feed_forward.up_proj.")}
    save_file({name: weights[name] for name in weights.keys() - lost}, file, metadata={"format": "pt"})
    with pytest.raises(
        CheckpointError, match=r"lacks 1 of the weights of TwoStageModel: .*layers\.1\.feed_forward\.up"
    ):
        AutoModel.from_pretrained(tmp_path / "quantised")


@pytest.mark.parametrize("settings", [{}, {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}])
def test_four_bits_are_saved_as_they_are(both: TwoStageModel, settings: dict[str, Any], tmp_path: Path) -> None:
    """Before they are used without gradients: on a CPU bitsandbytes then rounds the scales, those of any model."""
    pytest.importorskip("bitsandbytes")
    four = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_compute_dtype=torch.float32, **settings)
    quantised = AutoModel.from_pretrained(tmp_path / "model", quantization_config=four)
    logits = quantised(input_ids=DETAIL).logits
    quantised.save_pretrained(tmp_path / "quantised")
    again = AutoModel.from_pretrained(tmp_path / "quantised")
    assert torch.allclose(again(input_ids=DETAIL).logits, logits, atol=1e-3)
    written = again.generate(DETAIL[:, :5])
    assert written.shape[1] > 5


@pytest.mark.parametrize("kind", ["rope+fourier", "table"])
def test_a_quantised_cache_writes_the_same(kind: str) -> None:
    pytest.importorskip("hqq")
    sizes = {**SIZES, "relative_attention": kind}
    model = randomised(TwoStageModel(TwoStageConfig(planner_config=sizes, detail_config=sizes))).detail
    prompt = DETAIL[:, : DETAIL[0].tolist().index(DETAIL_TOKEN) + 1].repeat(2, 1)
    settings = {"backend": "hqq", "nbits": 8, "residual_length": 16}  # the coordinates of bars stay as they are
    written = model.generate(
        prompt, max_new_tokens=80, cache_implementation="quantized", cache_config=settings, counterpoint="off"
    )
    assert torch.equal(written, model.generate(prompt, max_new_tokens=80, counterpoint="off"))


def test_quanto_says_that_its_weights_cannot_be_saved(both: TwoStageModel, tmp_path: Path) -> None:
    """transformers' own rule, for all models."""
    quantised = AutoModel.from_pretrained(tmp_path / "model", quantization_config=_quanto())
    with pytest.raises(ValueError, match="quantized with quanto and is not serializable"):
        quantised.save_pretrained(tmp_path / "quantised")
