"""The commands of training that README and help show run as they are written, one after another.

A test has no hour, so the folders that they name hold a few tunes, `music21` a few of its files, and models are tiny.
"""

import re
import runpy
import shlex
from pathlib import Path
from zipfile import ZipFile

import pytest
from shown import ROOT, commands
from tiny_runs import TINY, copy_tunes

from remi_two_stage.cli import main
from remi_two_stage.composing.checkpoint import load_model
from remi_two_stage.corpus import files
from remi_two_stage.score_files import read_score
from remi_two_stage.training import arguments

pytestmark = pytest.mark.slow

FOLDERS = {"path/to/my/tunes": 10, "path/to/tunes": 10, "ten-tunes": 3, "five-others": 2}
ARCHIVES = ("corpora/hymns.zip", "corpora/lieder.zip", "corpora/quartets.zip")
SECOND_CYCLE = ["planner-2", "detail-2", "my-model-2"]
"""Two runs, and the model that is made of them, which the third cycle goes on from."""
MODELS = ("my-model", "my-small-model", "my-other-model", "my-tuned-model", "my-mixed-model")


@pytest.fixture
def _workshop(tune_books: dict[str, list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the tunes that the commands name, and sizes that a test has time for."""
    monkeypatch.chdir(tmp_path)
    for folder, count in FOLDERS.items():
        copy_tunes(tune_books["ryansMammoth"][:count], Path(folder))
    Path("corpora").mkdir()
    for number, name in enumerate(ARCHIVES, 1):
        with ZipFile(name, "w") as archive:
            for path in tune_books["ryansMammoth"][10 * number : 10 * number + 10]:
                archive.write(path, path.name)
    a_few = [file for file in files._music21_files() if file.size < 700][::100]
    monkeypatch.setattr(files, "_music21_files", lambda: a_few)
    for size in ("tiny", "small"):
        monkeypatch.setitem(arguments.PLANNER_SIZES, size, TINY)
        monkeypatch.setitem(arguments.DETAIL_SIZES, size, TINY)


@pytest.mark.usefixtures("_workshop")
def test_a_session_from_tunes_to_models(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    so_far = ROOT / "maintenance" / "model_so_far.py"
    monkeypatch.setattr("sys.argv", [str(so_far), *SECOND_CYCLE])
    for line in commands("training"):
        if "--from my-model-2" in line and not Path("my-model-2").exists():
            runpy.run_path(str(so_far), run_name="__main__")
        assert main(shlex.split(line, comments=True)[1:]) == 0, line + capsys.readouterr().err
        assert capsys.readouterr().out, line
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    _, training = re.findall(r"```python\n(.+?)```", readme, re.DOTALL)
    exec(compile(training, "README.md", "exec"), {})
    for model in MODELS:
        load_model(model)
    (written,) = read_score(next(Path("out").glob("*.abc")))
    assert written.bar_count == 16
