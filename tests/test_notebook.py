"""The notebook in examples/ is stored without outputs, and its cells run from top to bottom and show something."""

import ast
import json
from pathlib import Path

import pytest

from remi_two_stage.core.plan import Plan
from remi_two_stage.score_files import read_score

pytest.importorskip("verovio")
NOTEBOOK = json.loads((Path(__file__).parents[1] / "examples" / "from_plan_to_score.ipynb").read_text(encoding="utf-8"))
CODE = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def run_cell(source: str, names: dict[str, object]) -> object:
    """Execute a cell; its last line's value if that is an expression, as a notebook shows it."""
    *statements, last = ast.parse(source).body
    if not isinstance(last, ast.Expr):
        statements.append(last)
    exec(compile(ast.Module(statements, []), "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if isinstance(last, ast.Expr) else None


def test_no_outputs_are_stored() -> None:
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in NOTEBOOK["cells"]}) == len(NOTEBOOK["cells"])
    for cell in NOTEBOOK["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)


def test_cells_show_scores_and_players(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    pages = []
    for source in CODE:
        value = run_cell(source, names)
        for method in ("_repr_html_", "_repr_svg_"):
            if hasattr(value, method):
                pages.append(getattr(value, method)())
    composed, roll, four_parts = pages
    for page in (composed, four_parts):
        assert "<svg" in page
        assert "<audio controls" in page
    assert roll.startswith("<svg")
    assert "Jig in D major" in capsys.readouterr().out
    (tune,), (harmonised,) = (read_score(tmp_path / name) for name in ("jig.mid", "jig.musicxml"))
    assert harmonised.voices[1:] == ("A", "T", "B")
    plan = Plan.of(harmonised).text(names=True)
    assert "Em A7" in plan
    assert tune.note_list()
