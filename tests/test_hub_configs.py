"""The committed configs of every size are what their script writes, and make the models they promise."""

import runpy
from pathlib import Path

import pytest
import torch

from remi_two_stage.core.configuration_remi import TwoStageConfig
from remi_two_stage.core.modeling_remi import TwoStageModel

FOLDER = Path(__file__).parents[1] / "hub_configs"
SIZES = {"tiny": (0.5, 2.8), "small": (4.1, 22.0), "base": (16.5, 132.2)}


def test_committed_configs_are_those_of_the_script() -> None:
    script = runpy.run_path(str(FOLDER / "generate.py"))
    for size in SIZES:
        committed = (FOLDER / size / "config.json").read_text(encoding="utf-8")
        assert committed == script["config_json"](size), "run hub_configs/generate.py"


@pytest.mark.parametrize("size", SIZES)
def test_models_have_the_sizes_they_are_known_by(size: str) -> None:
    config = TwoStageConfig.from_pretrained(FOLDER / size)
    with torch.device("meta"):
        model = TwoStageModel(config)
    millions = [stage.num_parameters(exclude_embeddings=True) / 1e6 for stage in (model.planner, model.detail)]
    assert [round(number, 1) for number in millions] == list(SIZES[size])
