"""The pages of the docs are what their script writes, and what help and README show can be done."""

import re
import runpy
import shlex
from pathlib import Path

import pytest

from remi_two_stage.cli import application, main
from remi_two_stage.scores.formats import read_score, write_score

ROOT = Path(__file__).parents[1]
SCRIPT = runpy.run_path(str(ROOT / "docs" / "generate.py"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
NOT_IN_A_TEST = "remi-two-stage (prepare|train|evaluate|demo)|my-model|you/|remi.+(remi| [<>] )|eval "
"""What takes minutes or waits for visitors, needs what those commands made, the Hub, or a shell."""
EXAMPLES = [line for command in application.commands.values() for line, _ in vars(command)["examples"]]
SHOWN = sorted({*EXAMPLES, *re.findall(r"^    (remi-two-stage .+)$", README, re.MULTILINE)})
RUNNABLE = [line for line in SHOWN if not re.search(NOT_IN_A_TEST, line)]

TUNE_BOOK = """X:1
T:Waltz
M:3/4
L:1/4
K:D
"D"FAd|"D"f2e|"G"dcB|"A7"A3|"G"GBd|"A7"c2B|"A7"A2G|"D"F3|]

X:2
T:March
M:4/4
L:1/4
K:G
"G"GABc|"D7"d2A2|"G"BGBd|"G"g4|]
"""


@pytest.mark.parametrize("name", SCRIPT["PAGES"])
def test_pages_are_those_of_the_script(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == SCRIPT["PAGES"][name](), "run python docs/generate.py"


@pytest.mark.parametrize("line", RUNNABLE)
def test_what_is_shown_can_be_done(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tune.abc").write_text(TUNE_BOOK, encoding="utf-8")
    write_score(read_score("tune.abc")[0], "melody.mid")
    arguments = shlex.split(line, comments=True)[1:]
    assert main(arguments) == 0, capsys.readouterr().err
    assert capsys.readouterr().out


@pytest.mark.parametrize("page", ["compose_from_your_chords", "harmonise_a_hymn", "add_a_style"])
def test_tutorials_run_from_top_to_bottom(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    steps = re.findall(r"```python\n(.+?)```|^    remi-two-stage ([^\n]+)$", text, re.DOTALL | re.MULTILINE)
    assert len(steps) > 2
    for code, command in steps:
        if code:
            exec(compile(code, page, "exec"), names)
        else:
            assert main(shlex.split(command)) == 0
