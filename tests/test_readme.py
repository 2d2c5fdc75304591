"""What the README shows can be typed, from a clone on, and is true."""

import configparser
import io
import re
import runpy
import shlex
import shutil
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from shown import kind_of, shown_in

from remi_two_stage import __version__
from remi_two_stage.cli import main
from remi_two_stage.score_files import read_score
from remi_two_stage.scores.abc_reader import read_abc

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "remi_two_stage"
SCRIPT = runpy.run_path(str(ROOT / "docs" / "generate.py"))
FOLDER_MAP = SCRIPT["folder_map"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *(ROOT / "docs").glob("*.md")]
ALL_PAGES = "\n".join(path.read_text(encoding="utf-8") for path in PAGES)


def test_the_python_lines_compose_a_tune(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    block, _ = re.findall(r"```python\n(.+?)```", README, re.DOTALL)
    exec(compile(block, "README.md", "exec"), {})
    (piece,) = read_score(tmp_path / "jig.musicxml")
    assert (piece.bar_count, piece.key.spoken, str(piece.meter)) == (16, "D major", "6/8")


@pytest.mark.slow
def test_everyday_commands_can_be_typed_one_after_the_other_in_a_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "old-hundredth.abc", "docs")
    for_musicians = README.partition("## In Python")[0]
    lines = [line for line in shown_in(for_musicians) if kind_of(line) == "everyday"]
    assert len(lines) > 10
    for line in lines:
        assert main(shlex.split(line)[1:]) == 0, (line, capsys.readouterr().err)


SHOWN_PAGES = [
    *("README.md", "CONTRIBUTING.md", "remi_two_stage/pretrained/README.md", "examples/from_plan_to_score.ipynb"),
    *("examples/prepare_on_ray.py", "examples/train_base.sh", "benchmarks/jsb/README.md"),
    *(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")),
]


@pytest.mark.parametrize("page", SHOWN_PAGES)
def test_what_is_to_be_installed_is_in_the_clone(page: str) -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    text = (ROOT / page).read_text(encoding="utf-8").replace('\\"', '"')
    for line in re.findall(r"pip install ([^`\n]+)", text):
        assert "remi-two-stage" not in line, f"{page}: this works for a package that is on an index alone: {line}"
        for extra in re.findall(r"\.\[(\w+)\]", line):
            assert extra in setup["options.extras_require"]
        for constraints in re.findall(r"-c (\S+)", line):
            assert (ROOT / constraints).is_file()


def test_the_badges_are_true() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    versions = re.findall(r"Python :: (3\.\d+)$", setup["metadata"]["classifiers"], re.MULTILINE)
    badges = dict(re.findall(r"img\.shields\.io/badge/(\w+)-(\S+)-informational", README))
    assert {name: unquote(text).replace("--", "-") for name, text in badges.items()} == {
        "version": __version__,
        "python": "_|_".join(versions),
        "licence": setup["metadata"]["license_expression"],
    }


def test_the_sound_is_that_of_the_tune_shown() -> None:
    soundfile = pytest.importorskip("soundfile")
    samples, rate = soundfile.read(ROOT / "docs" / "tune.mp3")
    wanted, wanted_rate = soundfile.read(io.BytesIO(SCRIPT["readme_sound"]()))
    assert (rate, abs(len(samples) - len(wanted)) < rate // 5) == (wanted_rate, True)
    count = min(len(samples), len(wanted))
    assert np.corrcoef(samples[:count], wanted[:count])[0, 1] > 0.99, "run python docs/generate.py"
    assert (ROOT / "docs" / "tune.mp3").stat().st_size < 300_000


def test_files_that_pages_name_exist() -> None:
    named = re.findall(
        r"`((?:remi_two_stage|docs|examples|benchmarks|maintenance|tests|hub_configs|core)/[\w./-]+)`", ALL_PAGES
    )
    assert len(set(named)) > 20
    assert [name for name in set(named) if not (ROOT / name).exists() and not (PACKAGE / name).exists()] == []


def test_the_tune_shown_is_a_tune() -> None:
    (text,) = re.findall(r"```abc\n(.+?)```", README, re.DOTALL)
    (piece,) = read_abc(text)
    assert piece.bar_count == 16
    assert all(bar.chords for bar in piece.bars)


@pytest.mark.parametrize(
    "folder", sorted(init.parent for init in PACKAGE.rglob("__init__.py")), ids=lambda path: path.name
)
def test_the_map_of_a_folder_names_all_that_is_in_it_and_nothing_else(folder: Path) -> None:
    named = [name for name, _ in FOLDER_MAP(folder)]
    files = {path.name for path in folder.glob("*.py")} - {"__init__.py"}
    folders = {f"{path.name}/" for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert len(set(named)) == len(named)
    assert {name for name in named if name.endswith(".py")} == files
    assert {name for name in named if name.endswith("/")} == (folders if folder == PACKAGE else set())


def test_every_page_of_the_docs_is_found_from_the_readme_and_no_link_leads_nowhere() -> None:
    pages = {ROOT / "README.md"}
    for _ in range(3):
        pages |= {page for page in _linked(pages) if page.suffix == ".md"}
    missing = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md") if path not in pages}
    assert missing == set()
    assert [path for path in _linked(pages) if not path.exists()] == []


def _linked(pages: set[Path]) -> set[Path]:
    """What the links of pages lead to, in the repository."""
    links = ((page, re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))) for page in pages)
    return {(page.parent / link).resolve() for page, found in links for link in found}
