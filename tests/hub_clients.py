"""Clients of a Hub on loopback: strangers, in processes of their own that have nothing of this package."""

import json
import os
import subprocess
import sys
from pathlib import Path

from hub_server import Hub

REPOSITORY = "someone/jigs"


def as_stranger(hub: Hub, folder: Path, *arguments: str) -> dict:
    """Run a script of a stranger in a fresh process with an empty cache; its JSON."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "PYTHONPATH"))}
    environment = kept | {
        "HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "home"), "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0",
    }  # fmt: skip
    command = [sys.executable, "-W", "error", *arguments]
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def shown_to_stranger(hub: Hub, folder: Path, code: str) -> str:
    """What Python code prints that a stranger executes."""
    (folder / "example.py").write_text(code, encoding="utf-8")
    (folder / "run.py").write_text(
        "import runpy, sys, json, io, contextlib\n"
        "sys.modules['remi_two_stage'] = None\n"
        "with contextlib.redirect_stdout(io.StringIO()) as shown:\n    runpy.run_path('example.py')\n"
        "print(json.dumps({'shown': shown.getvalue()}))\n"
    )
    printed: str = as_stranger(hub, folder, "run.py")["shown"]
    return printed
