"""Flags are the fields of dataclasses: their defaults, their help, and their names in errors."""

import re
from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import partial
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import click
import pytest

from remi_two_stage.cli import application, main
from remi_two_stage.cli.compose import ModelChoice
from remi_two_stage.cli.demo import PageRequest
from remi_two_stage.cli.files import Destination, Source, Transposition
from remi_two_stage.cli.output import Reporting
from remi_two_stage.composing.arguments import EXTENDED_BY, FirstRequest
from remi_two_stage.composing.composer import Composer
from remi_two_stage.core.errors import RequestError
from remi_two_stage.core.request import Request
from remi_two_stage.core.sampling import Sampling
from remi_two_stage.core.text import flag_of
from remi_two_stage.corpus.arguments import Preparation
from remi_two_stage.evaluation.arguments import Evaluation
from remi_two_stage.training.arguments import TrainingPlan

KINDS: dict[str, tuple[Any, ...]] = {
    "compose": (FirstRequest, ModelChoice, Sampling, Destination, Reporting),
    "plan": (FirstRequest, ModelChoice, Sampling, Reporting),
    "realize": (Request, ModelChoice, Sampling, Destination, Reporting),
    "extend": (Source, ModelChoice, Sampling, Destination, Reporting),
    "rewrite": (Source, ModelChoice, Sampling, Destination, Reporting),
    "harmonize": (Source, ModelChoice, Sampling, Destination, Reporting),
    "show": (Source, Transposition, Reporting),
    "render": (Source, Transposition, Reporting),
    "check": (Reporting,),
    "tokens": (Reporting,),
    "completion": (),
    "demo": (PageRequest, Reporting),
    "prepare": (Preparation, Reporting),
    "train": (TrainingPlan, Reporting),
    "evaluate": (Evaluation, Reporting),
    "push": (Reporting,),
}
LEFT_OUT = {"realize": {"bars"}}
"""Fields without a flag: a typed plan has its number of bars."""
OWN_DEFAULTS = {"--count": "1", "--bars": str(EXTENDED_BY)}
"""Shown by flags that are no field of a dataclass."""
TRAIN = ["train", "--corpus", "music21", "--output", "model"]


def shown_defaults(command: str, capsys: pytest.CaptureFixture[str]) -> dict[str, str | None]:
    """Each flag in a command's help, and the one default in its text."""
    assert main([command, "--help"]) == 0
    options, _ = capsys.readouterr().out.split("\nOptions:\n")[1].split("\nExamples:\n")
    texts = re.findall(r"^  (?:-h, )?(--[a-z0-9-]+)(.*?)(?=^  -|\Z)", options, re.DOTALL | re.MULTILINE)
    defaults = {flag: re.findall(r"\[default: ([^]]+)\]", " ".join(text.split())) for flag, text in texts}
    assert all(len(found) <= 1 for found in defaults.values()), "two defaults"
    return {flag: found[0] if found else None for flag, found in defaults.items()}


@pytest.mark.parametrize("command", application.commands)
def test_every_default_in_the_help_is_the_field_s(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = shown_defaults(command, capsys)
    for kind in KINDS[command]:
        made, others = (kind.func, kind.keywords) if isinstance(kind, partial) else (kind, {})
        for field in fields(made):
            if field.name in LEFT_OUT.get(command, ()):
                assert flag_of(field) not in shown
                continue
            default = others.get(field.name, field.default)
            given = shown.pop(flag_of(field))
            if default not in (None, MISSING, "") and not isinstance(default, bool):
                assert given == str(default), field.name
            else:
                assert given is None or "[default: " + given in field.metadata["help"], field.name
    own = {flag: default for flag, default in shown.items() if default and re.fullmatch("[0-9.]+", default)}
    assert own.items() <= OWN_DEFAULTS.items()


def test_without_flags_a_command_asks_for_what_the_dataclasses_have() -> None:
    given = application.commands["compose"].make_context("compose", []).params
    assert Request(**{field.name: given[field.name] for field in fields(Request)}) == FirstRequest()
    assert Sampling(**{field.name: given[field.name] for field in fields(Sampling)}) == Sampling()


def test_styles_may_be_typed_as_they_are_spoken_and_voices_with_commas() -> None:
    params = (
        application.commands["realize"].make_context("realize", ["I", "--style", "Slip Jig", "--voices", "M,B"]).params
    )
    assert (params["style"], params["voices"]) == ("slip-jig", ["M", "B"])


@pytest.mark.parametrize("name", ["plan", "compose", "realize", "extend", "rewrite", "harmonize"])
def test_arguments_of_composer_come_in_one_order(name: str) -> None:
    order = ["chords", *(field.name for field in fields(Request)), "seed", "sampling", "progress"]
    for method in (getattr(Composer, name), getattr(Composer, f"{name}_batch")):
        parameters = list(signature(method).parameters.values())[1:]
        positional = [p.name for p in parameters if p.kind is Parameter.POSITIONAL_OR_KEYWORD]
        named = [p.name for p in parameters if p.kind is Parameter.KEYWORD_ONLY]
        assert 1 <= len(positional) <= 2
        assert named == sorted(named, key=order.index)
        assert named[-3:] == ["seed", "sampling", "progress"]


@pytest.mark.parametrize(
    ("arguments", "make", "of_the_library", "of_the_command_line"),
    [
        (
            [*TRAIN, "--stage", "planner", "--plan-source", "mixed"],
            lambda: TrainingPlan("music21", Path("model"), stage="planner", plan_source="mixed"),
            "`plan_source` is mixed and `stage` planner reads no plans",
            "--plan-source is mixed and --stage planner reads no plans",
        ),
        (
            [*TRAIN, "--from", "embedded", "--model-size", "base"],
            lambda: TrainingPlan("music21", Path("model"), start_from="embedded", model_size="base"),
            "`start_from` embedded has its sizes; leave out `model_size` and the stages' sizes",
            "--from embedded has its sizes; leave out --model-size and the stages' sizes",
        ),
        (
            [*TRAIN, "--reading", "stream"],
            lambda: TrainingPlan("music21", Path("model"), reading="stream"),
            "`reading` is stream and `steps` None; a stream needs steps, nothing else takes them",
            "--reading is stream and --steps None; a stream needs steps, nothing else takes them",
        ),
        (
            ["train", "--output", "model"],
            lambda: TrainingPlan.of(output="model"),
            "`corpus` must be given, directly or in a `config` file",
            "--corpus must be given, directly or in a --config file",
        ),
        (
            ["prepare", "--corpus", "music21", "--processes", "0"],
            lambda: Preparation("music21", processes=0),
            "`processes` is 0; it must be 1 or more",
            "--processes is 0; it must be 1 or more",
        ),
        (
            ["compose", "--top-p", "2"],
            lambda: Sampling(top_p=2.0),
            "no sampling with temperature 0.95, `top_k` 0, `top_p` 2.0;",
            "no sampling with temperature 0.95, --top-k 0, --top-p 2.0;",
        ),
    ],
)
def test_an_error_names_fields_in_the_library_and_flags_on_the_command_line(
    arguments: list[str],
    make: Callable[[], object],
    of_the_library: str,
    of_the_command_line: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(RequestError, match=re.escape(of_the_library)) as raised:
        make()
    assert "--" not in str(raised.value)
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"remi-two-stage: error: {of_the_command_line}")
    assert "`" not in line


def test_an_error_names_what_stands_without_a_flag_as_the_help_does_and_leaves_other_words_alone() -> None:
    def rewrite(bars: str, chords: str | None) -> None:
        raise RequestError(
            f"`bars` is {bars}, `chords` is {chords} and chords are not bars; see `hf auth login`, `seed`"
        )

    group = type(application)("tunes")
    group.add_command(
        click.Command("rewrite", params=[click.Argument(["bars"]), click.Option(["--chords"])], callback=rewrite)
    )
    expected = "BARS is 5, --chords is None and chords are not bars; see `hf auth login`, `seed`"
    with pytest.raises(RequestError, match=re.escape(expected)):
        group.main(["rewrite", "5"], standalone_mode=False)
