"""Writes the config.json of every size beside this file; a test compares them.

    python hub_configs/generate.py

A model of such a size: `TwoStageModel(TwoStageConfig.from_pretrained("hub_configs/small"))`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from remi_two_stage.core.configuration_remi import TwoStageConfig
from remi_two_stage.training.arguments import DETAIL_SIZES, PLANNER_SIZES


def config_json(size: str) -> str:
    """The config of both stages in a size, without the version of transformers that wrote it."""
    config = TwoStageConfig(planner_config=PLANNER_SIZES[size], detail_config=DETAIL_SIZES[size])
    fields = config.to_diff_dict()
    fields.pop("transformers_version", None)
    return json.dumps(fields | {"architectures": ["TwoStageModel"]}, indent=2, sort_keys=True) + "\n"


def main(folder: Path) -> None:
    """Write folder/SIZE/config.json for all sizes."""
    for size in PLANNER_SIZES:
        (folder / size).mkdir(parents=True, exist_ok=True)
        (folder / size / "config.json").write_text(config_json(size), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
