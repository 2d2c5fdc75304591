"""Weights and configs from strangers: what does not fit is refused by name, before it costs memory or time."""

import json
import os
import pickle
import resource
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import GROUPED, TINY

from remi_two_stage.composing.checkpoint import EMBEDDED
from remi_two_stage.composing.composer import Composer
from remi_two_stage.core.attention_kinds import ATTENTION_KINDS
from remi_two_stage.core.configuration_remi import DetailGeneratorConfig, TwoStageConfig
from remi_two_stage.core.decoding_weights_remi import weight_shapes
from remi_two_stage.core.errors import CheckpointError, RequestError
from remi_two_stage.core.modeling_remi import BarPlannerModel, DetailGeneratorModel, TwoStageModel

WEIGHT = "planner.model.layers.0.attention.o_proj.weight"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    TwoStageModel(TwoStageConfig(planner_config=TINY, detail_config=TINY)).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def weights_file(folder: Path, weight: str) -> Path:
    return folder / ("detail" if weight.startswith("detail.") else "planner") / "model.safetensors"


def with_weights(folder: Path, changed: dict[str, torch.Tensor | None]) -> None:
    for path in {weights_file(folder, name) for name in changed}:
        weights = load_file(path) | {name: new for name, new in changed.items() if weights_file(folder, name) == path}
        kept = {name: weight for name, weight in weights.items() if weight is not None}
        save_file(kept, path, metadata={"format": "pt"})


def with_config(folder: Path, stage: str, **fields: Any) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config[stage] |= fields
    path.write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({WEIGHT: None}, rf"lacks 1 of the weights of TwoStageModel: {WEIGHT}; save"),
        ({"evil.weight": torch.zeros(2)}, "has 1 weights that are none of TwoStageModel: evil.weight; save"),
        (
            {WEIGHT: torch.zeros(31, 32)},
            rf"has 1 weights in other shapes than TwoStageModel: {WEIGHT} \[31, 32\] instead of \[32, 32\]; save",
        ),
        (
            {"detail.lm_head.weight": torch.zeros(3, 32)},
            r"in other shapes than TwoStageModel: detail.lm_head.weight \[3, 32\] instead of \[\d+, 32\]; save",
        ),
        ({WEIGHT: None, "x": torch.zeros(1)}, rf"lacks 1 of .*: {WEIGHT}, and has 1 weights that are none of .*: x;"),
    ],
)
def test_weights_that_do_not_fit_are_named(folder: Path, changed: dict[str, Any], message: str) -> None:
    with_weights(folder, changed)
    stage = DetailGeneratorModel if "detail.lm_head.weight" in changed else BarPlannerModel
    for load in (TwoStageModel.from_pretrained, Composer.from_pretrained):
        with pytest.raises(CheckpointError, match=message):
            load(folder)
    for where in ({}, {"subfolder": weights_file(folder, next(iter(changed))).parent.name}):
        with pytest.raises(CheckpointError, match=message.replace("TwoStageModel", stage.__name__)):
            stage.from_pretrained(folder, **where)


def test_a_folder_of_both_gives_a_stage_its_weights_and_never_random_ones(folder: Path) -> None:
    both = TwoStageModel.from_pretrained(folder)
    for kind, stage in ((BarPlannerModel, both.planner), (DetailGeneratorModel, both.detail)):
        loaded = kind.from_pretrained(folder)
        assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), stage.parameters(), strict=True))


def test_the_parts_of_a_large_checkpoint_are_compared_too(folder: Path) -> None:
    model = TwoStageModel.from_pretrained(folder)
    shutil.rmtree(folder)
    model.save_pretrained(folder, max_shard_size="100KB")
    parts = sorted(folder.glob("*/model-*.safetensors"))
    assert len(parts) > 2
    assert not list(folder.glob("*.safetensors"))
    TwoStageModel.from_pretrained(folder)
    name, weight = next(iter(load_file(parts[1]).items()))
    save_file({name: weight[:1].clone()}, parts[1], metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"in other shapes than TwoStageModel|lacks"):
        TwoStageModel.from_pretrained(folder)
    parts[1].unlink()
    for load, name in ((TwoStageModel, f"detail/{parts[1].name}"), (DetailGeneratorModel, parts[1].name)):
        with pytest.raises(CheckpointError, match=rf"lacks {name}, a part of its weights"):
            load.from_pretrained(folder)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_hidden_layers": 1_000_000}, "num_hidden_layers is 1000000; it must be at least 1 and at most 1000"),
        ({"hidden_size": 1 << 40}, "hidden_size is 1099511627776; it must"),
        ({"hidden_size": 32_768, "intermediate_size": 131_072}, r"in other shapes than TwoStageModel: .* instead of"),
        ({"num_hidden_layers": 900}, r"lacks \d+ of the weights of TwoStageModel"),
        ({"relative_attention": "rope", "rope_base": "x"}, "rope_base"),
        (
            {"relative_attention": "fourier", "fourier_periods": {"bar": [4]}, "bar_tokens": {"time": [0, 1 << 40]}},
            r"bar_tokens has 'time': \[0, 1099511627776\]",
        ),
        ({"vocab_size": -1}, "vocab_size is -1"),
    ],
)
def test_configs_that_claim_too_much_cost_nothing(folder: Path, fields: dict[str, Any], message: str) -> None:
    with_config(folder, "detail_config", **fields)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match=message):
        Composer.from_pretrained(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024


def test_a_header_that_claims_more_than_the_file_holds_is_refused(folder: Path) -> None:
    path = folder / "detail" / "model.safetensors"
    data = path.read_bytes()
    for broken in (data[:-1], data[:100], b"", (1 << 60).to_bytes(8, "little") + data[8:], b"\x80\x04" + data):
        path.write_bytes(broken)
        with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged or was cut off \(.*; copy it again"):
            TwoStageModel.from_pretrained(folder)


class Evil:
    """What a pickle may hold: a call of any function when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_pickles_are_refused_and_never_read(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    evil = Evil(tmp_path / "was_run")
    seed = {"bar_model_state_dict": evil, "detail_model_state_dict": {}, "vocab": {"<PAD>": 0}}
    path.write_bytes(pickle.dumps(seed))
    why = r"checkpoint\.pt is a pickle, and reading one runs whatever code is in it; .* another vocabulary .* train"
    for load in (Composer.from_pretrained, TwoStageModel.from_pretrained, BarPlannerModel.from_pretrained):
        with pytest.raises(CheckpointError, match=why):
            load(path)
    (folder / "model.safetensors.index.json").rename(tmp_path / "aside")
    shutil.copy(path, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin is a pickle"):
        Composer.from_pretrained(folder)
    with pytest.raises(RequestError, match="use_safetensors is False, and nothing but safetensors is read here"):
        TwoStageModel.from_pretrained(folder, use_safetensors=False)
    with pytest.raises(CheckpointError, match="is a file; give the folder that holds"):
        Composer.from_pretrained(tmp_path / "aside")
    assert not (tmp_path / "was_run").exists()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"model_type": "llama"}', '"x"', "\x00"])
def test_configs_that_are_none_are_refused(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"no model can be loaded from|holds a model of type"):
        Composer.from_pretrained(folder)


@pytest.mark.parametrize(("kind", "heads"), [*((kind, None) for kind in ATTENTION_KINDS), *GROUPED])
def test_composing_looks_for_the_weights_that_the_model_has(kind: str, heads: int | None) -> None:
    config = DetailGeneratorConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=heads,
        relative_attention=kind,
    )
    model = DetailGeneratorModel(config)
    has = {name: tuple(weight.shape) for name, weight in model.named_parameters(remove_duplicate=False)}
    assert weight_shapes(config) == has


def test_a_tune_is_the_same_from_the_file_and_from_the_model_and_hears_its_changes(tmp_path: Path) -> None:
    stored = Composer.from_pretrained()
    tune = stored.compose("jig", key="D", bars=4, seed=3)
    assert Composer(stored.model).compose("jig", key="D", bars=4, seed=3) == tune
    assert stored.compose("jig", key="D", bars=4, seed=3) == tune
    with torch.no_grad():
        stored.model.detail.model.norm.weight.mul_(0.1)
    assert stored.compose("jig", key="D", bars=4, seed=3) != tune


@pytest.mark.parametrize("change", [{"hidden_size": "96"}, {"num_hidden_layers": 10**9}, {"relative_attention": "far"}])
def test_a_config_that_cannot_be_is_refused_before_weights_are_read(tmp_path: Path, change: dict[str, object]) -> None:
    folder = shutil.copytree(EMBEDDED, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config["planner_config"] |= change
    (folder / "config.json").write_text(json.dumps(config))
    (name,) = change
    with pytest.raises(CheckpointError, match=name):
        Composer.from_pretrained(folder)


def test_a_head_of_its_own_is_asked_for_and_used(folder: Path) -> None:
    for stage in ("planner_config", "detail_config"):
        with_config(folder, stage, tie_word_embeddings=False)
    heads = [f"{stage}.lm_head.weight" for stage in ("detail", "planner")]
    with pytest.raises(CheckpointError, match=f"lacks 2 of the weights of TwoStageModel: {', '.join(heads)}; save"):
        Composer.from_pretrained(folder)
    stored = load_file(folder / "planner" / "model.safetensors")
    with_weights(folder, {name: torch.randn_like(stored["planner.model.embed_tokens.weight"]) for name in heads})
    tune = Composer.from_pretrained(folder).compose("jig", bars=2, seed=1)
    assert Composer(TwoStageModel.from_pretrained(folder)).compose("jig", bars=2, seed=1) == tune


def test_a_composer_keeps_its_weights_when_the_file_is_written_anew(folder: Path) -> None:
    composer = Composer.from_pretrained(folder)
    tune = composer.compose("jig", bars=2, seed=1)
    path = folder / "detail" / "model.safetensors"
    with path.open("r+b") as file:
        file.seek(-4096, os.SEEK_END)
        file.write(b"\x7f" * 4096)
    assert composer.compose("jig", bars=2, seed=1) == tune


def test_bar_tokens_with_gaps_are_refused(folder: Path) -> None:
    with_config(folder, "planner_config", relative_attention="rope+fourier", bar_tokens={"time": [0, 3]})
    with pytest.raises(
        CheckpointError, match=r"bar_tokens lacks BarLen, BarStart, Detail, .*; give the ids of each, or"
    ):
        Composer.from_pretrained(folder)
