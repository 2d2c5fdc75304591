"""Pushed to a Hub on loopback by the real client, loaded again, also by strangers; and what goes wrong on the way."""

import io
import json
import re
import shlex
import textwrap
from pathlib import Path

import datasets
import pytest
import soundfile
import torch
import yaml
from hub_clients import REPOSITORY, as_stranger, shown_to_stranger
from hub_server import Hub
from huggingface_hub import DatasetCard, ModelCard, constants
from safetensors.torch import load_file
from shown import commands, tutorial_steps
from tiny_models import TINY
from transformers import AutoModelForCausalLM

from remi_two_stage.cli import main
from remi_two_stage.composing.checkpoint import EMBEDDED
from remi_two_stage.composing.composer import Composer
from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.configuration_remi import TwoStageConfig
from remi_two_stage.core.errors import CheckpointError, HubError, RequestError
from remi_two_stage.core.modeling_remi import (
    BarPlannerModel,
    DetailGeneratorModel,
    TwoStageModel,
    register_auto_classes,
)
from remi_two_stage.corpus.abc_corpus import AbcCorpus
from remi_two_stage.evaluation.likelihood import LikelihoodTable
from remi_two_stage.hub.push import push_folder, push_model, push_tunes
from remi_two_stage.scores.abc_reader import read_abc

# the client passes what it uploads to its transport in a way that the transport calls old
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")]

TESTS = Path(__file__).parent
IDS = torch.arange(7, 107)[None]


@pytest.fixture(scope="module")
def model() -> TwoStageModel:
    torch.manual_seed(0)
    return TwoStageModel(TwoStageConfig(planner_config=TINY, detail_config={**TINY, "hidden_size": 48})).eval()


def test_a_stranger_has_the_same_logits_and_valid_music(hub: Hub, model: TwoStageModel, tmp_path: Path) -> None:
    assert Composer(model).push_to_hub(REPOSITORY).startswith(hub.url)
    shown = as_stranger(hub, tmp_path, str(TESTS / "stranger.py"), REPOSITORY, str(tmp_path))
    assert shown["not there"] == shown["code at a root"] == []
    assert shown["config"] == "TwoStageConfig"
    assert [name for name, is_same in shown.items() if name.startswith("same") and is_same is not True] == []
    assert shown["no reader"] == "ABC needs the module 'remi_two_stage'; pip install 'remi-two-stage'"

    found = load_file(tmp_path / "logits")
    tune = found.pop("tune")
    with torch.no_grad():
        planner, detail = model(plan_input_ids=tune).plan_logits, model(input_ids=tune).logits
    for name, logits in found.items():
        assert torch.equal(logits, planner if name.startswith("planner") else detail), name

    composed = Composer(model).compose(style="jig", key="D", bars=16, seed=1)
    assert shown["music"]["abc"] == write_abc(composed)
    (piece,) = read_abc(shown["music"]["abc"])
    assert (piece.bar_count, str(piece.key), piece.note_list()) == (16, "Dmaj", composed.note_list())
    assert [read_abc(music["abc"])[0].bar_count for music in shown["several"]] == [4, 4]
    assert shown["refusal"].startswith("there is no style 'jog'; there are jig, ")
    assert TwoStageModel.from_pretrained(tmp_path / "both").config.detail_config.hidden_size == 48


def test_the_example_of_the_repository_runs(hub: Hub, model: TwoStageModel, tmp_path: Path) -> None:
    Composer(model).push_to_hub(REPOSITORY)
    shown = shown_to_stranger(hub, tmp_path, hub.files(REPOSITORY)["example.py"].decode())
    assert [piece.bar_count for piece in read_abc(shown[shown.index("X:") :].replace("\nX:", "\n\nX:"))] == [8, 4, 4]


class TestRepository:
    def test_holds_data_and_code_and_nothing_else(self, hub: Hub, model: TwoStageModel) -> None:
        Composer(model).push_to_hub(REPOSITORY)
        files = hub.files(REPOSITORY)
        assert {Path(name).suffix for name in files} <= {".json", ".py", ".safetensors", ".md", "", ".flac"}
        of_a_model = {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"}
        assert {name for name in files if "/" in name and not name.startswith("code/")} == {
            f"{stage}/{name}" for stage in ("planner", "detail") for name in (*of_a_model, "model.safetensors")
        }
        at_the_root = {"README.md", "example.py", "example.flac", "model.safetensors.index.json"} | of_a_model
        assert {name for name in files if "/" not in name} - {".gitattributes"} == at_the_root
        config = json.loads(files["config.json"])
        assert config["auto_map"] == {
            "AutoConfig": "code/configuration_remi.TwoStageConfig",
            "AutoModel": "code/modeling_remi.TwoStageModel",
            "AutoModelForCausalLM": "code/modeling_remi.TwoStageForCausalLM",
            "AutoModelForSequenceClassification": "code/modeling_remi.TwoStageForSequenceClassification",
        }
        assert config["custom_pipelines"]["music-generation"]["impl"] == "code/pipeline_remi.MusicGenerationPipeline"
        for stage, name in (("planner", "BarPlanner"), ("detail", "DetailGenerator")):
            assert json.loads(files[f"{stage}/config.json"])["auto_map"] == {
                "AutoConfig": f"code/configuration_remi.{name}Config",
                "AutoModel": f"code/modeling_remi.{name}Backbone",
                "AutoModelForCausalLM": f"code/modeling_remi.{name}Model",
                "AutoModelForSequenceClassification": f"code/modeling_remi.{name}ForSequenceClassification",
            }
        for name, data in files.items():
            assert str(EMBEDDED.parents[1]).encode() not in data, f"{name} names a folder of this machine"

    def test_does_not_say_which_folder_a_stage_was_loaded_from(
        self, hub: Hub, model: TwoStageModel, tmp_path: Path
    ) -> None:
        model.planner.save_pretrained(tmp_path / "planner")
        planner = BarPlannerModel.from_pretrained(tmp_path / "planner")
        Composer(TwoStageModel.from_stages(planner, model.detail)).push_to_hub(REPOSITORY)
        assert [name for name, data in hub.files(REPOSITORY).items() if str(tmp_path).encode() in data] == []

    def test_a_folder_is_pushed_with_its_losses(self, hub: Hub) -> None:
        push_folder(EMBEDDED, REPOSITORY)
        files = hub.files(REPOSITORY)
        card = ModelCard(files["README.md"].decode())
        metadata = yaml.safe_load(files["README.md"].decode().split("---\n")[1])
        assert metadata["library_name"] == "transformers"
        assert {"music", "abc-notation"} <= set(metadata["tags"])
        assert (metadata["license"], metadata["pipeline_tag"]) == ("apache-2.0", "other")
        losses = json.loads((EMBEDDED / "training.json").read_text())["held_out_loss"]
        values = [metric["value"] for result in metadata["model-index"][0]["results"] for metric in result["metrics"]]
        assert values == [losses["planner"]["test"], losses["detail"]["test"]]
        assert "the tune books of O'Neill, Ryan and Aird and Bach's four-part chorales" in card.text
        assert "public domain" in card.text
        assert "@software{remi_two_stage," in card.text
        (block,) = card.text.split("```abc\n")[1:]
        assert read_abc(block.split("```")[0])[0].bar_count == 8
        assert files["training.json"]
        sound, rate = soundfile.read(io.BytesIO(files["example.flac"]))
        assert len(sound) > 5 * rate
        assert f'<audio controls src="https://huggingface.co/{REPOSITORY}/resolve/main/example.flac">' in card.text
        # bfloat16 stays what it is
        weights = sum(len(data) for name, data in files.items() if name.endswith(".safetensors"))
        assert weights == pytest.approx(sum(path.stat().st_size for path in EMBEDDED.rglob("*.safetensors")), rel=1e-3)

    def test_a_table_of_evaluate_becomes_metrics(self, hub: Hub, model: TwoStageModel) -> None:
        table = LikelihoodTable({"planner": {"unigram": 2.5, "model": 0.7}}, {"planner": 9636}, "validation")
        Composer(model).push_to_hub(REPOSITORY, metrics=table.metrics("O'Neill"))
        (result,) = ModelCard(hub.files(REPOSITORY)["README.md"].decode()).data.eval_results
        assert (result.metric_value, result.dataset_name, result.dataset_split) == (0.7, "O'Neill", "validation")

    def test_a_card_of_ones_own_is_kept(self, hub: Hub, model: TwoStageModel, tmp_path: Path) -> None:
        model.save_pretrained(tmp_path / "mine")
        (tmp_path / "mine" / "README.md").write_text("---\nlicense: cc0-1.0\n---\n# Mine\n")
        push_folder(tmp_path / "mine", REPOSITORY)
        assert hub.files(REPOSITORY)["README.md"] == b"---\nlicense: cc0-1.0\n---\n# Mine\n"

    def test_code_and_weights_of_an_earlier_push_go(self, hub: Hub, model: TwoStageModel) -> None:
        push_model(model, REPOSITORY)
        old = hub.repositories["models", REPOSITORY]
        added = {"attention_old.py": b"x", "model-00001-of-00002.safetensors": b"x", "NOTES.md": b"mine"}
        added |= {"model.safetensors": b"x", "detail/model.safetensors.index.json": b"x"}
        old.commit("main", hub.files(REPOSITORY) | added)
        push_model(model, REPOSITORY)
        assert set(added) & set(hub.files(REPOSITORY)) == {"NOTES.md"}

    def test_nothing_goes_to_a_public_repository_that_is_asked_to_be_private(
        self, hub: Hub, model: TwoStageModel
    ) -> None:
        push_model(model, REPOSITORY)
        before = hub.files(REPOSITORY)
        with pytest.raises(HubError, match="is there already, and public; nothing was uploaded"):
            push_model(model, REPOSITORY, private=True)
        assert hub.files(REPOSITORY) is before
        push_model(model, "someone/secret", private=True)
        assert hub.repositories["models", "someone/secret"].private

    def test_names_of_repositories_are_checked(self, hub: Hub, model: TwoStageModel) -> None:
        for name in ("jigs;rm", "a/b/c", "../x", "someone/jigs;rm"):
            with pytest.raises(RequestError, match=r"there is no repository .*; name it as user/name"):
                push_model(model, name)
        assert hub.log == []


def test_the_command_pushes_a_folder(hub: Hub, model: TwoStageModel, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "mine")
    assert main(["push", str(tmp_path / "mine"), REPOSITORY, "--private", "--revision", "v2", "--quiet"]) == 0
    assert hub.repositories["models", REPOSITORY].private
    assert "planner/model.safetensors" in hub.files(REPOSITORY, revision="v2")
    assert "planner/model.safetensors" not in hub.files(REPOSITORY)
    assert main(["push", str(tmp_path / "nowhere"), REPOSITORY]) == 2


def test_the_tutorial_and_all_commands_that_are_shown_run(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for code, command in tutorial_steps("share_on_the_hub"):
        if command:
            assert main(shlex.split(command)) == 0, command
        elif "trust_remote_code" in code:
            assert "X:1" in shown_to_stranger(hub, tmp_path, code)
        else:
            exec(compile(code, "share_on_the_hub", "exec"), names)
    assert read_abc(Path("jig.abc").read_text())[0].bar_count == 4
    assert {name.partition("-")[0] for name in hub.files("you/tunes", "datasets") if "data/" in name} == {
        "data/train", "data/validation", "data/test",
    }  # fmt: skip
    for line in commands("hub"):
        assert main(shlex.split(line)[1:]) == 0, line
    readme = (TESTS.parent / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^    from transformers import pipeline\n(?:    .*\n|\n)+", readme, re.MULTILINE)
    (piece,) = read_abc(shown_to_stranger(hub, tmp_path, textwrap.dedent(code)))
    assert piece.bar_count == 16


class TestWayBack:
    def test_bit_for_bit_in_each_revision(self, hub: Hub, model: TwoStageModel) -> None:
        first = push_model(model, REPOSITORY).rpartition("/")[2]
        other = TwoStageModel(TwoStageConfig(planner_config=TINY, detail_config=TINY)).eval()
        push_model(other, REPOSITORY, revision="wide")
        for revision, pushed in ((None, model), (first, model), ("main", model), ("wide", other)):
            loaded = Composer.from_pretrained(REPOSITORY, revision=revision).model
            assert torch.equal(loaded(input_ids=IDS).logits, pushed(input_ids=IDS).logits)
        with pytest.raises(CheckpointError, match="no model can be loaded from 'someone/jigs': no-such is not a valid"):
            Composer.from_pretrained(REPOSITORY, revision="no-such")

    def test_runs_none_of_the_code_of_the_repository(self, hub: Hub, model: TwoStageModel, tmp_path: Path) -> None:
        push_model(model, REPOSITORY)
        evil = {
            name: f"open({str(tmp_path / 'was_run')!r}, 'w')\n".encode()
            for name in hub.files(REPOSITORY)
            if name.endswith(".py")
        }
        hub.repositories["models", REPOSITORY].commit("main", hub.files(REPOSITORY) | evil)
        Composer.from_pretrained(REPOSITORY).compose(bars=2, seed=0)
        assert not (tmp_path / "was_run").exists()
        assert not any("GET" in request and ".py" in request for request in hub.log)

    def test_each_stage_alone(self, hub: Hub, model: TwoStageModel) -> None:
        register_auto_classes()
        push_model(model, REPOSITORY)
        expected = model.planner(IDS).logits
        assert torch.equal(BarPlannerModel.from_pretrained(REPOSITORY)(IDS).logits, expected)
        planner = AutoModelForCausalLM.from_pretrained(REPOSITORY, subfolder="planner", hidden_dropout=0.25)
        assert torch.equal(planner(IDS).logits, expected)
        assert planner.config.hidden_dropout == 0.25
        with pytest.raises(CheckpointError, match="holds a model of type 'remi_detail_generator', BarPlannerModel is"):
            BarPlannerModel.from_pretrained(REPOSITORY, subfolder="detail")

    def test_offline_from_the_cache_or_with_a_clear_message(
        self, hub: Hub, model: TwoStageModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        push_model(model, REPOSITORY)
        Composer.from_pretrained(REPOSITORY)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        asked = len(hub.log)
        Composer.from_pretrained(REPOSITORY)
        assert len(hub.log) == asked
        with pytest.raises(CheckpointError, match=r"offline mode is on \(HF_HUB_OFFLINE\), and 'someone/other' is not"):
            Composer.from_pretrained("someone/other")

    def test_weights_in_parts_compose_from_the_cache_too(
        self, hub: Hub, model: TwoStageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        push_model(model, REPOSITORY)
        model.save_pretrained(tmp_path / "parts", max_shard_size="200KB")
        parts = {path.relative_to(tmp_path / "parts").as_posix(): path for path in (tmp_path / "parts").rglob("model*")}
        parts = {name: path.read_bytes() for name, path in parts.items() if path.suffix != ".py"}
        assert len(parts) > 6
        files = hub.files(REPOSITORY)
        whole = {name: data for name, data in files.items() if not name.endswith("/model.safetensors")}
        hub.repositories["models", REPOSITORY].commit("main", whole | parts)
        tune = Composer(model).compose("jig", bars=2, seed=1)
        assert Composer.from_pretrained(REPOSITORY).compose("jig", bars=2, seed=1) == tune
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        assert Composer.from_pretrained(REPOSITORY).compose("jig", bars=2, seed=1) == tune

    def test_the_model_is_of_the_commit_that_the_weights_are_of(self, hub: Hub, model: TwoStageModel) -> None:
        push_model(model, REPOSITORY)
        composer = Composer.from_pretrained(REPOSITORY)
        push_model(TwoStageModel(TwoStageConfig(planner_config=TINY, detail_config=TINY)).eval(), REPOSITORY)
        assert torch.equal(composer.model(input_ids=IDS).logits, model(input_ids=IDS).logits)

    def test_without_a_hub_the_cache_will_do(self, hub: Hub, model: TwoStageModel) -> None:
        push_model(model, REPOSITORY)
        Composer.from_pretrained(REPOSITORY)
        hub.cut_after = len(hub.log)
        Composer.from_pretrained(REPOSITORY)
        with pytest.raises(CheckpointError, match=r"loaded from 'someone/other': .*; check the name, .* and the conn"):
            Composer.from_pretrained("someone/other")

    def test_a_folder_has_no_revisions(self) -> None:
        with pytest.raises(RequestError, match="is a folder, which has no revision 'v2'; leave it out"):
            Composer.from_pretrained(EMBEDDED, revision="v2")


class TestCutOff:
    def test_an_upload_cut_at_any_request_is_completed_by_the_same_again(self, hub: Hub, model: TwoStageModel) -> None:
        card = "---\nlicense: cc0-1.0\n---\n"
        push_model(model, "someone/whole", revision="v2", card=card)
        whole, number_of_requests = hub.files("someone/whole", revision="v2"), len(hub.log)
        assert number_of_requests >= 8
        for is_done in (False, True):
            for cut in range(number_of_requests):
                name = f"someone/cut{cut}{'d' * is_done}"
                hub.log.clear()
                hub.large.clear()
                hub.cut_after, hub.cut_in = cut, is_done
                with pytest.raises(HubError, match=f"the push to '{name}' was not completed"):
                    push_model(model, name, revision="v2", card=card)
                seen = hub.files(name, revision="v2") if ("models", name) in hub.repositories else {}
                assert set(seen) in ({".gitattributes"}, set(), set(whole)), "half of a push can be seen"
                hub.cut_after = None
                push_model(model, name, revision="v2", card=card)
                assert set(hub.files(name, revision="v2")) == set(whole)
                for weights in ("planner/model.safetensors", "detail/model.safetensors"):
                    assert hub.files(name, revision="v2")[weights] == whole[weights]

    def test_what_is_uploaded_is_not_uploaded_again(self, hub: Hub, model: TwoStageModel) -> None:
        hub.cut_after = 7
        with pytest.raises(HubError, match="run the same again, which uploads only what is not there yet"):
            push_model(model, REPOSITORY)
        assert sum(request.startswith("PUT") for request in hub.log) == 2  # a file of weights for each stage
        hub.cut_after = None
        push_model(model, REPOSITORY)
        push_model(model, REPOSITORY)
        assert sum(request.startswith("PUT") for request in hub.log) == 2
        assert len(hub.repositories["models", REPOSITORY].commits) == 2

    @pytest.mark.parametrize("name", ["detail/model.safetensors", "config.json"])
    def test_a_broken_download_goes_on_where_it_was(self, hub: Hub, model: TwoStageModel, name: str) -> None:
        push_model(model, REPOSITORY)
        hub.half[name] = ("broken", 2)
        loaded = Composer.from_pretrained(REPOSITORY).model
        assert hub.half[name][1] == 0
        assert torch.equal(loaded(input_ids=IDS).logits, model(input_ids=IDS).logits)

    @pytest.mark.parametrize("name", ["planner/model.safetensors", "config.json"])
    def test_a_file_cut_short_is_noticed_and_fetched_again(
        self, hub: Hub, model: TwoStageModel, name: str, tmp_path: Path
    ) -> None:
        push_model(model, REPOSITORY)
        hub.half[name] = ("short", 1)
        with pytest.raises(CheckpointError, match="can be loaded from 'someone/jigs': Consistency check fail"):
            Composer.from_pretrained(REPOSITORY)
        loaded = Composer.from_pretrained(REPOSITORY).model
        assert torch.equal(loaded(input_ids=IDS).logits, model(input_ids=IDS).logits)

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("detail/model.safetensors", "is damaged or was cut off .*force_download=True"),
            ("config.json", "no model can be loaded from 'someone/jigs': .* is not a valid JSON file"),
        ],
    )
    def test_what_is_stored_by_half_is_refused(self, hub: Hub, model: TwoStageModel, name: str, message: str) -> None:
        push_model(model, REPOSITORY)
        files = hub.files(REPOSITORY)
        hub.repositories["models", REPOSITORY].commit("main", files | {name: files[name][: len(files[name]) // 2]})
        with pytest.raises(CheckpointError, match=message):
            Composer.from_pretrained(REPOSITORY)


class TestTunes:
    @pytest.fixture
    def tunes(self, tune_books: dict[str, list[Path]], tmp_path: Path) -> datasets.DatasetDict:
        (tmp_path / "tunes").mkdir()
        for path in tune_books["ryansMammoth"][:24]:
            (tmp_path / "tunes" / path.name).write_bytes(path.read_bytes())
        builder = AbcCorpus(data_dir=str(tmp_path / "tunes"), cache_dir=str(tmp_path / "parquet"))
        builder.download_and_prepare()
        splits = builder.as_dataset()
        return datasets.DatasetDict({name: split.select(range(min(len(split), 8))) for name, split in splits.items()})

    def test_go_as_parquet_with_a_card_and_stream_back(self, hub: Hub, tunes: datasets.DatasetDict) -> None:
        url = push_tunes(tunes, "someone/tunes", licence="cc0-1.0", description="Airs of <Aird>.")
        assert url.startswith(hub.url)
        files = hub.files("someone/tunes", "datasets")
        assert {name.partition("-")[0] for name in files if name.endswith(".parquet")} == {
            "data/train", "data/validation", "data/test",
        }  # fmt: skip
        card = DatasetCard(files["README.md"].decode())
        assert card.data.license == "cc0-1.0"
        assert card.data.configs
        assert "Airs of <Aird>." in card.text
        for name in tunes["train"].column_names:
            assert f"`{name}`" in card.text
        streamed = datasets.load_dataset("someone/tunes", split="train", streaming=True)
        assert list(streamed) == list(tunes["train"])

    def test_a_push_that_was_cut_off_is_completed(self, hub: Hub, tunes: datasets.DatasetDict) -> None:
        push_tunes(tunes, "someone/whole")
        for cut in range(0, len(hub.log), 3):
            hub.log.clear()
            hub.large.clear()
            hub.cut_after = cut
            with pytest.raises(HubError, match=f"the push to 'someone/cut{cut}' was not completed"):
                push_tunes(tunes, f"someone/cut{cut}")
            hub.cut_after = None
            push_tunes(tunes, f"someone/cut{cut}")
            assert set(hub.files(f"someone/cut{cut}", "datasets")) == set(hub.files("someone/whole", "datasets"))

    def test_a_stranger_tunes_a_stage_with_plain_trainer(
        self, hub: Hub, model: TwoStageModel, tunes: datasets.DatasetDict, tmp_path: Path
    ) -> None:
        push_model(model, REPOSITORY)
        push_tunes(tunes, "someone/tunes")
        (tmp_path / "run.py").write_text(
            "import contextlib, io, json, runpy, sys\n"
            "sys.modules['remi_two_stage'] = sys.modules['music21'] = None\n"
            "example, *sys.argv[1:] = sys.argv[1:]\n"
            "with contextlib.redirect_stdout(io.StringIO()) as shown:\n"
            "    runpy.run_path(example, run_name='__main__')\n"
            "print(json.dumps(shown.getvalue().splitlines()[-1]))\n"
        )
        example = str(TESTS.parent / "examples" / "fine_tune_with_trainer.py")
        command = [example, REPOSITORY, "someone/tunes", "--epochs", "1"]
        shown = as_stranger(hub, tmp_path, "run.py", *command, "--learning-rate", "1e-2", "--output", "tuned")
        assert shown.endswith("saved in tuned")
        tuned = DetailGeneratorModel.from_pretrained(tmp_path / "tuned")
        before = model.detail.state_dict()
        assert all(not torch.equal(weight, before[name]) for name, weight in tuned.state_dict().items())
        joined = TwoStageModel.from_stages(model.planner, tuned.eval())
        assert Composer(joined).compose(bars=4, seed=0).bar_count == 4
