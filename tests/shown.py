"""The commands that README, docs and help show, by what it takes to execute them: everyday ones in `test_docs.py`,
training in `test_shown_training.py`, the Hub in `test_hub.py`. Tutorials are executed whole (`tutorial_steps`), and so
are the everyday commands of the README, in their order (`test_readme.py`).
"""

import re
from collections.abc import Iterator
from pathlib import Path

from remi_two_stage.cli import application

ROOT = Path(__file__).parents[1]
TUTORIALS = (
    "compose_from_your_chords",
    "harmonise_a_hymn",
    "fine_tune_on_your_tunes",
    "train_from_scratch",
    "share_on_the_hub",
    "add_a_style",
)

_KINDS = {
    "shell": r"\| ?remi-two-stage|[<>] |^eval",
    "demo": r"^remi-two-stage demo",
    "hub": r"^remi-two-stage push|you/",
    "training": r"^remi-two-stage (prepare|train|evaluate)|my-model",
}
"""Kind -> what its lines have; the first that fits. All other lines are of the kind "everyday"."""


def _shown() -> Iterator[str]:
    """Every line once, in the order in which a reader meets them."""
    elsewhere = {"commands", *TUTORIALS}
    docs = (path for path in sorted((ROOT / "docs").glob("*.md")) if path.stem not in elsewhere)
    for path in (ROOT / "README.md", ROOT / "remi_two_stage" / "pretrained" / "README.md", *docs):
        yield from shown_in(path.read_text(encoding="utf-8"))
    for command in application.commands.values():
        yield from (line for line, _ in vars(command)["examples"])


def shown_in(text: str) -> list[str]:
    """The command lines of a page: indented, or after a console's `$`."""
    return re.findall(r"^(?:    |\$ )(remi-two-stage .+)$", text, re.MULTILINE)


def kind_of(line: str) -> str:
    return next((kind for kind, pattern in _KINDS.items() if re.search(pattern, line)), "everyday")


SHOWN = list(dict.fromkeys(_shown()))


def commands(kind: str) -> list[str]:
    """The lines of a kind."""
    return [line for line in SHOWN if kind_of(line) == kind]


def tutorial_steps(name: str) -> list[tuple[str, str]]:
    """The steps of a tutorial, each as Python code or as the words behind `remi-two-stage`; the other is empty."""
    text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.+?)```|^    remi-two-stage ([^\n]+)$", text, re.DOTALL | re.MULTILINE)
