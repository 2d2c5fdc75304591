"""A packed run is smaller than its files, and they come out of it as they were."""

import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

SCRIPT = Path(__file__).parents[1] / "maintenance" / "pack_run.py"


def test_a_packed_run_is_smaller_and_comes_back_to_the_bit(tmp_path: Path) -> None:
    run, archive, back = tmp_path / "run", tmp_path / "run.zip", tmp_path / "back"
    (run / "detail" / "checkpoint-3").mkdir(parents=True)
    weights = torch.randn(200, 200, generator=torch.Generator().manual_seed(0)) / 10
    save_file({"weight": weights}, run / "detail" / "checkpoint-3" / "model.safetensors")
    (run / "detail" / "checkpoint-3" / "whole").touch()
    (run / "arguments.json").write_bytes(b'{"seed": 3}')
    files = [path for path in run.rglob("*") if path.is_file()]
    assert {path.stat().st_size % 4 for path in files} > {0}
    for order in ([run, archive], ["--unpack", archive, back]):
        subprocess.run([sys.executable, SCRIPT, *order], check=True)
    assert archive.stat().st_size < 0.9 * sum(path.stat().st_size for path in files)
    found = {path.relative_to(back): path.read_bytes() for path in back.rglob("*") if path.is_file()}
    assert found == {path.relative_to(run): path.read_bytes() for path in files}
