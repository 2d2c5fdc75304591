"""What versions are promised: one statement of the oldest ones, and one clear line from a model's own code."""

import configparser
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from tiny_models import TINY

from remi_two_stage.core.configuration_remi import TwoStageConfig
from remi_two_stage.core.modeling_remi import TwoStageModel, register_auto_classes
from remi_two_stage.core.requirements_remi import OLDEST_TRANSFORMERS
from remi_two_stage.core.tokenization_remi import REMIABCTokenizer
from remi_two_stage.core.tokenization_remi import register_auto_classes as register_tokenizer

ROOT = Path(__file__).parents[1]


def test_the_floor_is_what_is_promised() -> None:
    metadata = configparser.ConfigParser()
    metadata.read(ROOT / "setup.cfg")
    lines = metadata["options"]["install_requires"].strip().splitlines()
    promised = {}
    for requirement in (Requirement(line) for line in lines if not line.startswith("#")):
        (oldest,) = (item.version for item in requirement.specifier if item.operator == ">=")
        promised[requirement.name] = Version(oldest)
    pins = (ROOT / "constraints-floor.txt").read_text().splitlines()
    floor = {name: Version(pin) for name, _, pin in (line.partition("==") for line in pins if "==" in line)}
    assert floor == {name: oldest for name, oldest in promised.items() if name != "torch"}
    assert Version(OLDEST_TRANSFORMERS) == promised["transformers"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["AutoModel", "AutoTokenizer"])
def test_an_older_transformers_is_named_by_the_code_of_a_repository(kind: str, tmp_path: Path) -> None:
    register_auto_classes()
    register_tokenizer()
    TwoStageModel(TwoStageConfig(planner_config=TINY, detail_config=TINY)).save_pretrained(tmp_path / "model")
    REMIABCTokenizer().save_pretrained(tmp_path / "model")
    program = (
        "import sys, transformers; sys.modules['remi_two_stage'] = None; transformers.__version__ = '5.16.3'; "
        f"transformers.{kind}.from_pretrained('model', trust_remote_code=True)"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.stderr.splitlines()[-1] == (
        "ImportError: this model's code needs transformers 5.17 or later, and 5.16.3 is installed: "
        "pip install --upgrade transformers"
    )
