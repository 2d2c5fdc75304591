"""A saved model is a repository: each stage in it is a model of its own, and what is loaded is saved again whole."""

import importlib.util
import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import TINY
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    GenerationConfig,
    pipeline,
)
from tunes import kesh_jig

from remi_two_stage.core.codec import encode_ids
from remi_two_stage.core.configuration_remi import TwoStageConfig
from remi_two_stage.core.errors import CheckpointError, RequestError
from remi_two_stage.core.modeling_remi import (
    BarPlannerModel,
    DetailGeneratorForSequenceClassification,
    DetailGeneratorModel,
    TwoStageModel,
    register_auto_classes,
)
from remi_two_stage.core.tokenization_remi import REMIABCTokenizer
from remi_two_stage.core.tokenization_remi import register_auto_classes as register_tokenizer

IDS = torch.tensor([encode_ids(kesh_jig())])
STAGES = ("planner", "detail")
OF_PEFT = "ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"


@pytest.fixture(scope="module")
def model() -> TwoStageModel:
    register_auto_classes()
    register_tokenizer()
    torch.manual_seed(0)
    model = TwoStageModel(TwoStageConfig(planner_config=TINY, detail_config={**TINY, "hidden_size": 48})).eval()
    model.detail.generation_config.update(top_k=7, do_sample=True)
    return model


@pytest.fixture(scope="module")
def folder(model: TwoStageModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "model"
    model.save_pretrained(folder)
    return folder


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("stage", STAGES)
class TestAStageOfItsOwn:
    def test_is_loaded_natively(self, model: TwoStageModel, folder: Path, stage: str) -> None:
        loaded = AutoModelForCausalLM.from_pretrained(folder, subfolder=stage)
        assert torch.equal(loaded(IDS).logits, getattr(model, stage)(IDS).logits)
        assert (loaded.name_or_path, loaded.config.name_or_path) == (str(folder), str(folder))
        assert loaded.generation_config.top_k == (7 if stage == "detail" else None)
        tokenizer = AutoTokenizer.from_pretrained(folder, subfolder=stage)
        assert type(tokenizer) is REMIABCTokenizer
        assert tokenizer(kesh_jig())["input_ids"] == IDS[0].tolist()

    def test_is_loaded_by_its_folder(self, model: TwoStageModel, folder: Path, stage: str) -> None:
        loaded = AutoModelForCausalLM.from_pretrained(folder / stage)
        assert torch.equal(loaded(IDS).logits, getattr(model, stage)(IDS).logits)

    def test_is_saved_under_its_own_names(self, model: TwoStageModel, folder: Path, stage: str, tmp_path: Path) -> None:
        AutoModelForCausalLM.from_pretrained(folder, subfolder=stage).save_pretrained(tmp_path)
        stored = load_file(tmp_path / "model.safetensors")
        assert "model.embed_tokens.weight" in stored
        assert stored.keys() < getattr(model, stage).state_dict().keys()

    def test_has_a_backbone_and_other_heads(
        self, model: TwoStageModel, folder: Path, stage: str, tmp_path: Path
    ) -> None:
        expected = getattr(model, stage).model(IDS).last_hidden_state
        backbone, info = AutoModel.from_pretrained(folder, subfolder=stage, output_loading_info=True)
        assert not info["missing_keys"]
        assert torch.equal(backbone(IDS).last_hidden_state, expected)
        labelled, info = AutoModelForSequenceClassification.from_pretrained(
            folder, subfolder=stage, num_labels=3, output_loading_info=True
        )
        assert set(info["missing_keys"]) == {"score.weight"}
        assert torch.equal(labelled.model(IDS).last_hidden_state, expected)
        batch = torch.nn.functional.pad(IDS, (0, 3))
        outputs = labelled(batch, labels=torch.tensor([2]))
        assert torch.allclose(outputs.logits, labelled.score(expected[:, -1]), atol=1e-5)
        assert outputs.loss.item() == pytest.approx(
            torch.nn.functional.cross_entropy(outputs.logits, torch.tensor([2])).item()
        )
        labelled.save_pretrained(tmp_path)
        again = AutoModelForSequenceClassification.from_pretrained(tmp_path)
        assert torch.equal(again(batch).logits, outputs.logits)
        assert torch.equal(
            AutoModelForCausalLM.from_pretrained(tmp_path)(IDS).logits, getattr(model, stage)(IDS).logits
        )

    def test_may_have_fewer_layers(self, folder: Path, stage: str) -> None:
        loaded, info = AutoModelForCausalLM.from_pretrained(
            folder, subfolder=stage, num_hidden_layers=1, output_loading_info=True
        )
        assert len(loaded.model.layers) == 1
        assert info["unexpected_keys"]
        assert not info["missing_keys"]

    def test_is_in_parts_where_it_is_large(self, model: TwoStageModel, stage: str, tmp_path: Path) -> None:
        model.save_pretrained(tmp_path, max_shard_size="60KB", variant="fp32")
        assert len(list((tmp_path / stage).glob("model.fp32-*.safetensors"))) > 1
        loaded = AutoModelForCausalLM.from_pretrained(tmp_path, subfolder=stage, variant="fp32")
        assert torch.equal(loaded(IDS).logits, getattr(model, stage)(IDS).logits)
        whole = TwoStageModel.from_pretrained(tmp_path, variant="fp32")
        assert torch.equal(getattr(whole, stage)(IDS).logits, getattr(model, stage)(IDS).logits)
        model.save_pretrained(tmp_path, variant="fp32")
        assert [path.name for path in (tmp_path / stage).glob("model*")] == ["model.fp32.safetensors"]

    @pytest.mark.filterwarnings(OF_PEFT)
    @pytest.mark.skipif(importlib.util.find_spec("peft") is None, reason="peft is not installed")
    def test_takes_adapters(self, folder: Path, stage: str, tmp_path: Path) -> None:
        import peft

        where = {"subfolder": stage}
        adapted = peft.get_peft_model(
            AutoModelForCausalLM.from_pretrained(folder, **where),
            peft.LoraConfig(task_type="CAUSAL_LM", target_modules=["qkv_proj"], init_lora_weights=False),
        ).eval()
        expected = adapted(input_ids=IDS).logits
        adapted.save_pretrained(tmp_path / stage)
        loaded = peft.AutoPeftModelForCausalLM.from_pretrained(tmp_path, **where)
        assert torch.equal(loaded(input_ids=IDS).logits, expected)
        merged = loaded.merge_and_unload()
        merged.save_pretrained(tmp_path / "merged")
        alone = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
        assert torch.allclose(alone(IDS).logits, expected, atol=1e-5)


def test_without_a_subfolder_a_causal_lm_is_the_detail_generator(model: TwoStageModel, folder: Path) -> None:
    loaded = AutoModelForCausalLM.from_pretrained(folder)
    assert type(loaded) is DetailGeneratorModel
    assert torch.equal(loaded(IDS).logits, model.detail(IDS).logits)
    assert type(AutoModelForCausalLM.from_config(model.config)) is DetailGeneratorModel
    assert len(AutoModelForCausalLM.from_pretrained(folder, num_hidden_layers=1).model.layers) == 1


def test_without_a_subfolder_what_is_said_of_both_holds_for_the_detail_generator(folder: Path) -> None:
    loaded = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", output_hidden_states=True)
    assert loaded.config._attn_implementation == "eager"
    assert loaded.config.output_hidden_states
    config = TwoStageConfig.from_pretrained(folder)
    config.detail_config.hidden_dropout = 0.25
    assert AutoModelForCausalLM.from_pretrained(folder, config=config).model.dropout.p == 0.25
    assert AutoModelForCausalLM.from_config(config).model.dropout.p == 0.25


def test_without_a_subfolder_the_detail_generator_labels_pieces(
    model: TwoStageModel, folder: Path, tmp_path: Path
) -> None:
    labels = {0: "jig", 1: "reel", 2: "waltz"}
    labelled = AutoModelForSequenceClassification.from_pretrained(
        folder, id2label=labels, label2id={label: number for number, label in labels.items()}
    )
    assert type(labelled) is DetailGeneratorForSequenceClassification
    assert labelled.config.id2label == labels
    assert torch.equal(labelled.model(IDS).last_hidden_state, model.detail.model(IDS).last_hidden_state)
    assert labelled(IDS, labels=torch.tensor([2])).logits.shape == (1, 3)
    labelled.save_pretrained(tmp_path)
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert torch.equal(again(IDS).logits, labelled(IDS).logits)
    config = TwoStageConfig.from_pretrained(folder, num_labels=5)
    assert AutoModelForSequenceClassification.from_config(config).num_labels == 5


@pytest.mark.filterwarnings(OF_PEFT)
@pytest.mark.skipif(importlib.util.find_spec("peft") is None, reason="peft is not installed")
def test_an_adapter_alone_names_both_stages_and_is_one_of_the_detail_generator(folder: Path, tmp_path: Path) -> None:
    import peft

    base = AutoModelForCausalLM.from_pretrained(folder, subfolder="detail")
    adapted = peft.get_peft_model(
        base, peft.LoraConfig(task_type="CAUSAL_LM", target_modules=["qkv_proj"], init_lora_weights=False)
    ).eval()
    adapted.save_pretrained(tmp_path)
    for auto in (peft.AutoPeftModelForCausalLM, AutoModelForCausalLM):
        loaded = auto.from_pretrained(tmp_path)
        assert torch.equal(loaded(input_ids=IDS).logits, adapted(input_ids=IDS).logits)


@pytest.mark.filterwarnings(OF_PEFT)
@pytest.mark.skipif(importlib.util.find_spec("peft") is None, reason="peft is not installed")
def test_an_adapter_that_labels_pieces_names_both_stages_too(folder: Path, tmp_path: Path) -> None:
    import peft

    base = AutoModelForSequenceClassification.from_pretrained(folder, subfolder="detail", num_labels=3)
    adapted = peft.get_peft_model(
        base, peft.LoraConfig(task_type="SEQ_CLS", target_modules=["qkv_proj"], init_lora_weights=False)
    ).eval()
    adapted.save_pretrained(tmp_path)
    loaded = peft.AutoPeftModelForSequenceClassification.from_pretrained(tmp_path, num_labels=3)
    assert torch.equal(loaded(input_ids=IDS).logits, adapted(input_ids=IDS).logits)


def test_one_file_for_both_is_read_and_a_stage_in_it_says_what_to_do(
    model: TwoStageModel, folder: Path, tmp_path: Path
) -> None:
    old = shutil.copytree(folder, tmp_path / "old")
    weights = load_file(old / "planner" / "model.safetensors") | load_file(old / "detail" / "model.safetensors")
    for path in old.rglob("model.safetensors*"):
        path.unlink()
    save_file(weights, old / "model.safetensors", metadata={"format": "pt"})
    loaded = TwoStageModel.from_pretrained(old)
    assert torch.equal(loaded(input_ids=IDS).logits, model(input_ids=IDS).logits)
    with pytest.raises(
        CheckpointError, match=r"holds no weights in planner/, .*: TwoStageModel\.from_pretrained\('.*old'\)"
    ):
        BarPlannerModel.from_pretrained(old)
    loaded.save_pretrained(old)
    assert names_in(old) == names_in(folder)
    assert torch.equal(BarPlannerModel.from_pretrained(old)(IDS).logits, model.planner(IDS).logits)


def test_what_is_loaded_is_saved_again_whole(folder: Path, tmp_path: Path) -> None:
    AutoModel.from_pretrained(folder).save_pretrained(tmp_path)
    assert names_in(tmp_path) == names_in(folder)
    for name in ("planner/config.json", "detail/config.json", "detail/generation_config.json"):
        assert json.loads((tmp_path / name).read_text()) == json.loads((folder / name).read_text()), name
    before, after = (json.loads((path / "config.json").read_text()) for path in (folder, tmp_path))
    assert [after[name] for name in ("auto_map", "custom_pipelines")] == [
        {
            "AutoConfig": "code/configuration_remi.TwoStageConfig",
            "AutoModel": "code/modeling_remi.TwoStageModel",
            "AutoModelForCausalLM": "code/modeling_remi.TwoStageForCausalLM",
            "AutoModelForSequenceClassification": "code/modeling_remi.TwoStageForSequenceClassification",
        },
        {
            "music-generation": {
                "impl": "code/pipeline_remi.MusicGenerationPipeline",
                "pt": ["AutoModel"],
                "type": "text",
            }
        },
    ]
    assert before.keys() == after.keys()


def test_code_has_a_folder_of_its_own(model: TwoStageModel, tmp_path: Path) -> None:
    """And what else is at the root stays there, even where it is called like a module of ours."""
    for saved, config, auto, named in (
        (model.detail, "config", "AutoModelForCausalLM", "code/modeling_remi.DetailGeneratorModel"),
        (model.config, "config", "AutoConfig", "code/configuration_remi.TwoStageConfig"),
        (REMIABCTokenizer(), "tokenizer_config", "AutoTokenizer", ["code/tokenization_remi.REMIABCTokenizer", None]),
    ):
        folder = tmp_path / auto
        folder.mkdir()
        (folder / "excerpt.py").write_text("# somebody else's")
        saved.save_pretrained(folder)
        assert {path.name for path in folder.glob("*.py")} == {"excerpt.py"}
        assert json.loads((folder / f"{config}.json").read_text())["auto_map"][auto] == named
        module = (named if isinstance(named, str) else named[0]).partition(".")[0]
        assert (folder / f"{module}.py").is_file()


def test_a_tokenizer_that_is_there_stays(model: TwoStageModel, tmp_path: Path) -> None:
    tokenizer = REMIABCTokenizer()
    tokenizer.add_tokens(["<Mine>"])
    tokenizer.save_pretrained(tmp_path)
    model.save_pretrained(tmp_path)
    assert "<Mine>" in AutoTokenizer.from_pretrained(tmp_path, subfolder="detail").get_vocab()


@pytest.mark.parametrize("trust", [False, True])
def test_the_pipeline_needs_no_code_of_the_folder_where_the_package_is(folder: Path, trust: bool) -> None:
    compose = pipeline("music-generation", model=str(folder), trust_remote_code=trust)
    requests = [{"bars": 2}, {"bars": 3}, {"bars": 4}]
    together = compose(requests, seed=4)
    assert compose(requests, seed=4, batch_size=2) == together
    assert (
        pipeline("music-generation", model=str(folder), trust_remote_code=trust, batch_size=1)(requests, seed=4)
        == together
    )


@pytest.mark.parametrize("trust", [False, True])
def test_the_pipeline_prints_what_it_is(folder: Path, trust: bool) -> None:
    compose = pipeline("music-generation", model=str(folder), trust_remote_code=trust)
    assert re.match(
        r"MusicGenerationPipeline: .*'model': 'TwoStageModel'.*'output_modalities': \('text',\)", str(compose)
    )


@pytest.mark.parametrize("requests", ["jig", "", ["jig", "reel"], [{"bars": 2}, None], 8, [("style", "jig")]], ids=repr)
def test_the_pipeline_refuses_what_has_no_keywords(folder: Path, requests: Any) -> None:
    compose = pipeline("music-generation", model=str(folder))
    with pytest.raises(RequestError, match=r"the requests are .*; give keywords, such as style='jig', or .* dicts"):
        compose(requests)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"requests": [{"plan": "I | V"}]}, "plan holds for all pieces alike; give it outside of the list"),
        ({"requests": [{"bars": 2, "seed": 3}]}, "seed holds for all pieces alike; give it outside of the list"),
        ({"requests": [{"bars": 2}], "seed": "3"}, "the seed '3' is out of range"),
        ({"stile": "jig"}, "there is no keyword stile; there are style, .*, and for all pieces alike plan, seed"),
    ],
)
def test_the_pipeline_says_which_keywords_are_wrong(folder: Path, call: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        pipeline("music-generation", model=str(folder))(**call)


@pytest.mark.parametrize("stage", STAGES)
def test_the_config_of_a_stage_has_no_labels_that_nobody_chose(folder: Path, stage: str) -> None:
    assert not {"id2label", "label2id"} & json.loads((folder / stage / "config.json").read_text()).keys()


def test_both_stages_take_the_settings_of_both(model: TwoStageModel, folder: Path, tmp_path: Path) -> None:
    settings = GenerationConfig.from_pretrained(folder)
    settings.update(do_sample=True, temperature=0.5, repetition_penalty=1.25)
    copy = shutil.copytree(folder, tmp_path / "model")
    settings.save_pretrained(copy)
    loaded = AutoModel.from_pretrained(copy)
    for stage in STAGES:
        own = getattr(loaded, stage).generation_config
        assert (own.temperature, own.repetition_penalty) == (0.5, 1.25)
    assert loaded.detail.generation_config.top_k == 7
    loaded.save_pretrained(copy)
    assert BarPlannerModel.from_pretrained(copy).generation_config.temperature == 0.5


def test_continuous_batching_is_refused(model: TwoStageModel) -> None:
    with pytest.raises(RequestError, match=r"generate_batch\) is not there for this attention; give generate"):
        model.planner.generate_batch([[2]])


@pytest.mark.slow
def test_an_embedded_model_runs_the_code_of_the_package(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "embedded"
    target.mkdir()
    script = runpy.run_path(str(Path(__file__).parents[1] / "maintenance" / "embed_model.py"))
    script["embed"](folder, target)
    assert names_in(target) == {name for name in names_in(folder) if not name.endswith(".py")} | {
        f"code/{name}_remi.py" for name in ("configuration", "modeling", "pipeline", "tokenization")
    }
    code = f"""
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer, pipeline
where = {str(target)!r}
for trusting in ({{"trust_remote_code": True}}, {{}}):
    both = AutoModel.from_pretrained(where, **trusting)
    detail = AutoModelForCausalLM.from_pretrained(where, subfolder="detail", **trusting)
    tokenizer = AutoTokenizer.from_pretrained(where, subfolder="detail", **trusting)
    print(pipeline("music-generation", model=where, **trusting)(bars=2, seed=1)["abc"])
    import remi_two_stage
    assert type(both) is remi_two_stage.TwoStageModel
    assert type(detail) is remi_two_stage.DetailGeneratorModel
    assert type(tokenizer) is remi_two_stage.REMIABCTokenizer
both.save_pretrained({str(tmp_path / "again")!r})
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("X:1") == 2
    assert names_in(tmp_path / "again") == names_in(folder)
