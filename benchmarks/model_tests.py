"""transformers' own common tests, on our three models and the tokenizer.

    python benchmarks/model_tests.py [PYTEST ARGUMENTS ...]

The tests come from the source distribution of the transformers that is installed, which pip fetches once into
build/transformers-tests/; nothing of it is committed. `tests/transformers_common.py` says what is run and, test by
test, what is left out and why. Ends with pytest's exit status.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import transformers

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "transformers-tests" / transformers.__version__
# What the distribution lacks and its tests open.
EMPTY_FILES = ("tests/__init__.py", "tests/fixtures/sample_text.txt")


def fetch() -> None:
    """Fetch the tests and the one package that they need beyond ours, unless both are there."""
    if (FOLDER / "tests").is_dir():
        return
    unfinished = FOLDER.with_suffix(".unfinished")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    source = ["--no-deps", "--no-binary", "transformers", f"transformers=={transformers.__version__}"]
    subprocess.run([*pip, "download", *source, "--no-build-isolation", "--dest", unfinished], check=True)
    subprocess.run([*pip, "install", "--no-deps", "--target", unfinished, "parameterized==0.9.0"], check=True)
    with tarfile.open(unfinished / f"transformers-{transformers.__version__}.tar.gz") as archive:
        top = f"transformers-{transformers.__version__}/"
        for member in archive.getmembers():
            if member.name.startswith(f"{top}tests/"):
                member.name = member.name.removeprefix(top)
                archive.extract(member, unfinished, filter="data")
    for name in EMPTY_FILES:
        (unfinished / name).parent.mkdir(exist_ok=True)
        (unfinished / name).touch()
    unfinished.replace(FOLDER)


def main() -> int:
    """Fetch, run, and name what was left out."""
    fetch()
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    sys.path[:0] = [str(FOLDER), str(ROOT / "tests")]
    tests = ROOT / "tests" / "transformers_common.py"
    options = ["-c", os.devnull, "--rootdir", str(ROOT), "-p", "no:cacheprovider", "-W", "ignore", "-q", "--tb=short"]
    status = pytest.main([*options, str(tests), *sys.argv[1:]])
    from transformers_common import EXCLUDED

    for test_class, reasons in EXCLUDED.items():
        print(f"\n{test_class} leaves out {len(reasons)}:")
        for name, reason in reasons.items():
            print(f"  {name}: {reason}")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
