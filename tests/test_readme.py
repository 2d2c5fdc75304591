"""What the README shows can be typed."""

import re
import runpy
from pathlib import Path

import pytest

from remi_two_stage.score_files import read_score
from remi_two_stage.scores.abc_reader import read_abc

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "remi_two_stage"
FOLDER_MAP = runpy.run_path(str(ROOT / "docs" / "generate.py"))["folder_map"]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_lines_compose_a_tune(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    block, _ = re.findall(r"```python\n(.+?)```", README, re.DOTALL)
    exec(compile(block, "README.md", "exec"), {})
    (piece,) = read_score(tmp_path / "jig.musicxml")
    assert (piece.bar_count, piece.key.spoken, str(piece.meter)) == (16, "D major", "6/8")


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
