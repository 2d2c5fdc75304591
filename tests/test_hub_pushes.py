"""What a push brings to the Hub as a user of transformers knows it: the card's lines, the page's button, commits."""

import json
import re
from pathlib import Path

import pytest
import torch
from hub_clients import REPOSITORY, shown_to_stranger
from hub_server import Hub
from huggingface_hub import ModelCard
from tiny_models import TINY
from transformers import AutoModelForCausalLM
from transformers.pipelines import PIPELINE_REGISTRY

from remi_two_stage.composing.composer import Composer
from remi_two_stage.core.configuration_remi import TwoStageConfig
from remi_two_stage.core.errors import CheckpointError
from remi_two_stage.core.modeling_remi import TwoStageModel, register_auto_classes
from remi_two_stage.hub.push import push_folder, push_model
from remi_two_stage.scores.abc_reader import read_abc

# the client passes what it uploads to its transport in a way that the transport calls old
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")]

IDS = torch.arange(7, 107)[None]


@pytest.fixture(scope="module")
def model() -> TwoStageModel:
    torch.manual_seed(0)
    return TwoStageModel(TwoStageConfig(planner_config=TINY, detail_config=TINY)).eval()


def test_the_card_and_what_the_hub_offers_to_copy_run_as_printed(
    hub: Hub, model: TwoStageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Composer(model).push_to_hub(REPOSITORY)
    card = ModelCard(hub.files(REPOSITORY)["README.md"].decode())
    *alone, with_package = re.findall(r"```python\n(.*?)```", card.text, re.DOTALL)
    # the button of a page asks for a pipeline of the tag's task, if transformers has one, and for an Auto class
    assert card.data.pipeline_tag not in PIPELINE_REGISTRY.get_supported_tasks()
    named = json.loads(hub.files(REPOSITORY)["config.json"])["auto_map"].keys() - {"AutoConfig", "AutoTokenizer"}
    assert named == {"AutoModel", "AutoModelForCausalLM", "AutoModelForSequenceClassification"}
    buttons = [
        f"from transformers import {auto}\n"
        f'model = {auto}.from_pretrained("{REPOSITORY}", trust_remote_code=True, dtype="auto")\n'
        "print(type(model).__name__)"
        for auto in sorted(named)
    ]
    shown = shown_to_stranger(hub, tmp_path, "\n".join([*alone, *buttons]))
    plan, abc = shown[: shown.index("X:")], shown[shown.index("X:") : shown.index("<BOS>")]
    assert plan.count("|") >= 16
    assert read_abc(abc)[0].bar_count == 16
    kinds = ["TwoStageModel", "DetailGeneratorModel", "DetailGeneratorForSequenceClassification"]
    assert shown[shown.index("<BOS>") :].split()[-3:] == kinds
    assert shown.count("<BarStart>") - shown.count("<PickUp") == 8
    exec(compile(with_package, "card", "exec"), {})
    assert Path("jig.musicxml").stat().st_size


def test_what_is_to_be_copied_asks_for_a_style_that_was_learnt(hub: Hub) -> None:
    config = TwoStageConfig(planner_config={**TINY, "styles": ["reel", "waltz"]}, detail_config=TINY)
    Composer(TwoStageModel(config).eval()).push_to_hub(REPOSITORY)
    files = hub.files(REPOSITORY)
    for name in ("README.md", "example.py"):
        text = files[name].decode()
        assert "jig" not in text.replace(REPOSITORY, "").replace(REPOSITORY.partition("/")[2], "")
        assert "reel" in text


def test_a_folder_without_a_model_is_not_pushed(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no model; give the one that train wrote, when it has finished"):
        push_folder(tmp_path, REPOSITORY)


def test_a_push_is_as_in_transformers(hub: Hub, model: TwoStageModel) -> None:
    commit = {"commit_message": "Jigs", "tags": ["mine"], "max_shard_size": "200KB"}
    Composer(model).push_to_hub("jigs", **commit)
    files = hub.files(REPOSITORY)
    assert {"music", "mine"} <= set(ModelCard(files["README.md"].decode()).data.tags)
    assert f'"{REPOSITORY}"' in files["example.py"].decode()
    assert hub.messages[-1] == "Jigs"
    push_model(model, "jigs")
    url = push_model(model, "jigs", create_pr=True, max_shard_size="100KB")
    assert url.endswith("/discussions/1")
    assert sum(name.startswith("planner/model-") for name in hub.files(REPOSITORY, revision="refs/pr/1")) > 1
    assert not any(name.startswith("planner/model-") for name in hub.files(REPOSITORY))


def test_a_model_pushes_itself_whole(hub: Hub, model: TwoStageModel, tmp_path: Path) -> None:
    register_auto_classes()
    push_model(model, REPOSITORY)
    model.push_to_hub("again", commit_message="Once more", tags=["mine"], max_shard_size="200KB")
    model.save_pretrained(tmp_path / "saved", push_to_hub=True, repo_id="saved", commit_message="Saved")
    assert hub.messages[-2:] == ["Once more", "Saved"]
    whole = {name for name in hub.files(REPOSITORY) if name not in ("README.md", "example.py", "example.flac")}
    assert whole <= set(hub.files("someone/saved"))
    assert {name for name in whole if not name.endswith(".safetensors")} <= set(hub.files("someone/again"))
    assert "mine" in ModelCard(hub.files("someone/again")["README.md"].decode()).data.tags
    for name in ("someone/again", "someone/saved"):
        loaded = AutoModelForCausalLM.from_pretrained(name, subfolder="planner")
        assert torch.equal(loaded(IDS).logits, model.planner(IDS).logits)
        assert loaded.name_or_path == name
    url = model.push_to_hub("again", create_pr=True).pr_url
    assert url.endswith("/discussions/1")
