"""Notes in files on how pieces came about: a composition can be made again from its own text."""

import shlex
from pathlib import Path

import pytest
from tiny_models import TINY

from remi_two_stage.cli import main
from remi_two_stage.composing.composer import Composer
from remi_two_stage.core.abc_writer import write_abc
from remi_two_stage.core.configuration_remi import TwoStageConfig
from remi_two_stage.core.modeling_remi import TwoStageModel
from remi_two_stage.core.notation import MADE_WITH
from remi_two_stage.core.piece import Piece
from remi_two_stage.core.plan import Plan
from remi_two_stage.core.request import Request
from remi_two_stage.core.sampling import Sampling
from remi_two_stage.score_files import read_score, write_score
from remi_two_stage.scores.abc_reader import read_abc


@pytest.fixture(scope="module")
def composer() -> Composer:
    return Composer.from_pretrained()


def commands_in(text: str) -> list[list[str]]:
    """The commands in the notes of an ABC text, without the program's name."""
    notes = [line for line in text.splitlines() if line.startswith(f"N:{MADE_WITH}")]
    return [shlex.split(note.partition(": remi-two-stage ")[2]) for note in notes if ": remi-two-stage " in note]


def again(text: str, folder: Path) -> str:
    """What the command in an ABC text writes."""
    (command,) = commands_in(text)
    path = folder / "again.abc"
    assert main([*command, "--quiet", "--output", str(path)]) == 0
    return path.read_text(encoding="utf-8")


def composed(composer: Composer, kind: str) -> Piece:
    four = Sampling(candidates=2, temperature=1, top_k=30, counterpoint="strict")
    if kind == "typed":
        plan = "|: D | G A7 | D/F# Dmaj7 :|"
        return composer.realize(plan, key="D", style="slip jig", tempo=150, seed=3)
    if kind == "numerals":
        return composer.realize("(V) | i | iv V7 | i", key="Am", meter="C|", voices=["M", "B"], seed=3)
    if kind == "second of a batch":
        return composer.compose_batch([Request("jig", "D", bars=2), Request("air", "Gmix", "C", 2)], seed=5)[1]
    if kind == "greedy":
        return composer.compose("march", "Bb", meter="2/4", bars=2, sampling=Sampling(greedy=True))
    return composer.compose("hymn", "F#m", bars=2, tempo=66.5, seed=4, sampling=four)


@pytest.mark.parametrize("kind", ["typed", "numerals", "second of a batch", "greedy", "hymn of two candidates"])
def test_a_composition_is_made_again_from_its_own_text(composer: Composer, kind: str, tmp_path: Path) -> None:
    text = write_abc(composed(composer, kind))
    assert again(text, tmp_path) == text


def test_a_seed_that_nobody_gave_is_kept(composer: Composer, tmp_path: Path) -> None:
    text = write_abc(composer.compose("reel", "G", bars=2))
    assert again(text, tmp_path) == text


def test_notes_say_the_plan(composer: Composer) -> None:
    piece = composer.compose("jig", "D", bars=4, seed=1)
    plan = " ".join(Plan.of(piece).text().split())
    assert piece.made[1].endswith(f" and its embedded model over the plan: {plan}")
    with_phrases = composer.plan("chorale", "G", bars=8, seed=1)
    (note,) = composer.realize(with_phrases, seed=2).made
    assert f"with the seed 2 over the plan: {' '.join(with_phrases.text().split())}" in note


@pytest.mark.parametrize("ending", [".abc", ".musicxml", ".mxl"])
def test_notes_are_neither_lost_nor_doubled(composer: Composer, ending: str, tmp_path: Path) -> None:
    piece = composer.compose("clog", "D", bars=2, seed=1)
    for path in (tmp_path / f"first{ending}", tmp_path / f"second{ending}"):
        write_score(piece, path)
        (read,) = read_score(path)
        assert (read.made, read.note_list()) == (piece.made, piece.note_list())
        piece = read
    assert write_abc(piece).count(f"N:{MADE_WITH}") == len(piece.made) == 2
    assert piece.transpose(2).made == piece.made


def test_edits_add_a_note_each_and_those_of_others_stay(composer: Composer) -> None:
    (tune,) = read_abc('X:1\nT:Tune\nN:from an old book\nM:2/4\nL:1/4\nK:D\n"D"DF|"A7"EC|"D"D2|]\n')
    edited = composer.rewrite(composer.extend(tune, bars=1, seed=7), (1, 2), chords="I | V", seed=8)
    edited = composer.harmonize(edited, voices=["M", "B"], style="Air", seed=9)
    assert [command[:4] for command in commands_in(write_abc(edited))] == [
        ["extend", "FILE", "--bars", "1"],
        ["rewrite", "FILE", "1-2", "--chords"],
        ["harmonize", "FILE", "--style", "air"],
    ]
    assert "N:from an old book\n" in write_abc(edited)
    assert composer.realize(Plan.of(edited), seed=1).made != edited.made


@pytest.mark.parametrize("ending", [".abc", ".musicxml", ".mxl"])
def test_an_edit_in_a_composed_file_is_noted_and_another_attempt_takes_its_place(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"tune{ending}"
    assert main(["compose", "--bars", "4", "--seed", "2", "--quiet", "--output", str(path)]) == 0
    (before,) = read_score(path)
    for seed, bars in ((3, "2"), (4, "2"), (5, "3-4")):
        assert main(["rewrite", str(path), bars, "--seed", str(seed), "--in-place", "--quiet"]) == 0
    (after,) = read_score(path)
    assert after.made[:2] == before.made
    edits = [shlex.split(note.partition(": remi-two-stage ")[2]) for note in after.made[2:]]
    assert [(words[:3], words[-1]) for words in edits] == [
        (["rewrite", "FILE", "2-2"], "4"),
        (["rewrite", "FILE", "3-4"], "5"),
    ]


def test_an_edit_of_a_file_that_says_nothing_of_this_program_adds_no_note(tmp_path: Path) -> None:
    path = tmp_path / "tune.abc"
    path.write_text("X:1\nT:Tune\nN:made with care\nM:2/4\nL:1/4\nK:D\nDF|EC|DF|D2|]\n", encoding="utf-8")
    before = path.read_text(encoding="utf-8").splitlines()
    assert main(["rewrite", str(path), "2", "--seed", "3", "--in-place", "--quiet"]) == 0
    after = path.read_text(encoding="utf-8").splitlines()
    assert [(old, new) for old, new in zip(before, after, strict=True) if old != new] == [(before[6], after[6])]


def test_a_model_is_named_as_others_can_find_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = TwoStageModel(TwoStageConfig(planner_config=TINY, detail_config=TINY)).eval()
    assert Composer(model).compose("jig", "D", bars=2, seed=1).made == ()
    model.save_pretrained(tmp_path / "my model")
    in_folder = Composer.from_pretrained(tmp_path / "my model").compose("jig", "D", bars=2, seed=1)
    assert str(tmp_path) not in write_abc(in_folder)
    monkeypatch.chdir(tmp_path)
    text = write_abc(in_folder)
    assert again(text, tmp_path) == text
    assert in_folder.made[0].startswith(f"{MADE_WITH}0.")
    assert ' --model "my model" ' in in_folder.made[0]


def test_notes_name_the_sampling_that_was_meant_by_none(composer: Composer) -> None:
    asked = [Request("jig", "D", bars=2), Request("hymn", "G", bars=2), Request("hymn", "G", bars=2, voices=("M", "B"))]
    tune, hymn, others = composer.compose_batch(asked, seed=1)
    assert "--temperature 0.95 --top-p 1 --rhythm-temperature 1.05 --repetition 1.5" in tune.made[0]
    assert "--temperature 0.8 --top-p 0.95 --rhythm-temperature 1.1 --repetition 1.5" in hymn.made[0]
    assert "--rhythm-temperature 1.1 --repetition 0" in others.made[0]
