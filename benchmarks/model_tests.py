"""transformers' own common tests, on our three models and the tokenizer.

    python benchmarks/model_tests.py [PYTEST ARGUMENTS ...]

The tests come from the source distribution of the transformers that is installed, which pip fetches once into
build/transformers-tests/; nothing of it is committed. Those of `generate()` are not in it: their one file comes from
the tag of that version in transformers' repository, or from a checkout of it that MODEL_TESTS_CHECKOUT names; where
neither is to be had they are left out, and that is said. Since they are run, the first fetch of a version writes the
file's SHA-256 into benchmarks/model_tests.sha256, to be committed, and a later one that brings another file ends the
command. `tests/transformers_common.py` says what is run and, test by test, what is left out and why. Ends with pytest's
exit status.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import urllib.request
from pathlib import Path

import pytest
import transformers

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "transformers-tests" / transformers.__version__
GENERATION = "tests/generation/test_utils.py"
ADDRESS = f"https://raw.githubusercontent.com/huggingface/transformers/v{transformers.__version__}/{GENERATION}"
CHECKSUMS = Path(__file__).with_suffix(".sha256")
SECONDS = 30
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


def fetch_generation() -> str | None:
    """Fetch the tests of `generate()` unless they are there; why they are not to be had, or None."""
    path = FOLDER / GENERATION
    if path.exists():
        return None
    checkout = os.environ.get("MODEL_TESTS_CHECKOUT")
    try:
        if checkout:
            content = (Path(checkout) / GENERATION).read_bytes()
        else:
            with urllib.request.urlopen(ADDRESS, timeout=SECONDS) as answer:
                content = answer.read()
    except OSError as error:
        return f"{checkout or ADDRESS}: {error}"
    if not checkout:
        check(content)
    path.parent.mkdir(exist_ok=True)
    (path.parent / "__init__.py").touch()
    path.write_bytes(content)
    return None


def check(content: bytes) -> None:
    """Compare what was fetched with the checksum of this version, or note it where there is none yet."""
    name = f"{transformers.__version__}/{GENERATION}"
    found = hashlib.sha256(content).hexdigest()
    noted = CHECKSUMS.read_text(encoding="utf-8").splitlines() if CHECKSUMS.exists() else []
    expected = {line.split()[1]: line.split()[0] for line in noted}
    if expected.setdefault(name, found) != found:
        sys.exit(
            f"{ADDRESS} has the SHA-256 {found}, and {CHECKSUMS.name} says {expected[name]} of {name}: the file was "
            "changed, and it is not run. Compare it with transformers' tag; if it is right, remove that line"
        )
    lines = [f"{checksum}  {file}" for file, checksum in sorted(expected.items())]
    CHECKSUMS.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> int:
    """Fetch, run, and name what was left out."""
    fetch()
    missing = fetch_generation()
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    sys.path[:0] = [str(FOLDER), str(ROOT / "tests")]
    tests = ROOT / "tests" / "transformers_common.py"
    options = ["-c", os.devnull, "--rootdir", str(ROOT), "-p", "no:cacheprovider", "-W", "ignore", "-q", "--tb=short"]
    status = pytest.main([*options, str(tests), *sys.argv[1:]])
    from transformers_common import EXCLUDED

    if missing:
        print(f"\nthe tests of generate() were left out, since they could not be fetched: {missing}")
    for test_class, reasons in EXCLUDED.items():
        print(f"\n{test_class} leaves out {len(reasons)}:")
        for name, reason in reasons.items():
            print(f"  {name}: {reason}")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
