"""The wheel and the source distribution hold what they should and nothing else, and the package imports in silence."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
FOLDERS = ("remi_two_stage", "tests", "examples", "benchmarks", "docs", "hub_configs")
FILES = (
    "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "MANIFEST.in", "Makefile", "README.md", "SECURITY.md",
    "constraints.txt", "constraints-floor.txt", "pyproject.toml", "setup.cfg",
)  # fmt: skip
CACHES = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository to build in."""
    folder = tmp_path_factory.mktemp("source") / "repository"
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=CACHES)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    return folder


def build(source: Path, kind: str, into: Path) -> Path:
    into.mkdir()
    program = f"import setuptools.build_meta as backend; print(backend.build_{kind}({str(into)!r}))"
    run = subprocess.run([sys.executable, "-c", program], cwd=source, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (built,) = into.iterdir()
    return built


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_wheel_holds_the_package_and_runs_from_it(source: Path, tmp_path: Path) -> None:
    expected = {f"remi_two_stage/{name}" for name in names_in(source / "remi_two_stage")}
    wheel = build(source, "wheel", tmp_path / "dist")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "installed")
    metadata = {name for name in names if ".dist-info/" in name}
    assert names - metadata == expected
    licences = {f"licenses/{name}" for name in ("LICENSE", *expected) if Path(name).name == "LICENSE"}
    assert {name.partition("/")[2] for name in metadata} == licences | {
        "METADATA", "WHEEL", "RECORD", "entry_points.txt", "top_level.txt",
    }  # fmt: skip
    program = (
        "import remi_two_stage; from remi_two_stage import Composer; print(remi_two_stage.__file__);"
        "print(Composer.from_pretrained().compose(bars=1, seed=0).bar_count)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "installed"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [str(tmp_path / "installed" / "remi_two_stage" / "__init__.py"), "1"]


def test_the_source_distribution_holds_the_repository(source: Path, tmp_path: Path) -> None:
    expected = {name for name in names_in(source) if not name.startswith(("build/", "remi_two_stage.egg-info/"))}
    built = build(source, "sdist", tmp_path / "dist")
    with tarfile.open(built) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    made = {"PKG-INFO", "setup.cfg"}
    assert {name for name in names if ".egg-info/" not in name} - made == expected - made


def test_importing_is_silent() -> None:
    command = [sys.executable, "-W", "error", "-c", "import remi_two_stage; remi_two_stage.Composer"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
