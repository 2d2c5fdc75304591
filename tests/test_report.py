"""The report that `evaluate` makes."""

import json
import math
import shutil
from pathlib import Path

import pytest
from tiny_runs import copy_tunes

from remi_two_stage.composing.checkpoint import EMBEDDED
from remi_two_stage.core.codec import decode
from remi_two_stage.core.errors import CorpusError, RequestError
from remi_two_stage.core.vocabulary import token_names
from remi_two_stage.corpus.preparation import load_corpus
from remi_two_stage.evaluation.arguments import Evaluation
from remi_two_stage.evaluation.report import Report, evaluate


@pytest.fixture(scope="module")
def reels(tune_books: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_tunes(tune_books["ryansMammoth"][:12], tmp_path_factory.mktemp("ryan"))


@pytest.fixture(scope="module")
def report(reels: Path) -> Report:
    return evaluate(Evaluation(reels, tunes=4, pieces=0, ngrams=True))


def test_all_tunes_of_plain_files_are_held_out(reels: Path, report: Report) -> None:
    tunes = list(load_corpus(reels, progress=False).tunes)
    assert report.sections["data"]["tunes"] == len(tunes[:: math.ceil(len(tunes) / 4)])


def test_both_stages_together_are_their_sum(reels: Path, report: Report) -> None:
    parts = report.sections["likelihood"]
    planner, detail, together = (parts[name] for name in ("planner", "detail", "together"))
    for unit in ("nats_per_note", "nats_per_bar"):
        assert together[unit] == pytest.approx(planner[unit] + detail[unit])
    assert together["tokens"] == planner["tokens"] + detail["tokens"]
    assert together["nats_per_note"] * parts["notes"] == pytest.approx(together["nats_per_token"] * together["tokens"])
    assert together["perplexity"] == pytest.approx(math.exp(together["nats_per_token"]))
    for stage in (planner, detail):
        assert 0 < stage["nats_per_token_masked"] <= stage["nats_per_token"]
        assert 0.5 < stage["accuracy"] < 1
    tunes = list(load_corpus(reels, progress=False).tunes)
    pieces = [decode([token_names()[token] for token in tune.tokens]) for tune in tunes[:: math.ceil(len(tunes) / 4)]]
    assert parts["notes"] == sum(len(piece.note_list()) for piece in pieces)
    assert parts["bars"] == sum(piece.bar_count for piece in pieces)


def test_ngram_models_read_the_tokens_that_the_model_reads(report: Report) -> None:
    table = report.sections["n-grams, nats per token, test split"]
    for stage in ("planner", "detail"):
        assert list(table[stage]) == ["tokens", "unigram", "bigram", "5-gram", "model"]
        assert table[stage]["model"] < table[stage]["unigram"]
    assert 10 < table["planner"]["tokens"] < table["detail"]["tokens"]


def test_json_and_text_say_the_same(report: Report) -> None:
    stored = json.loads(report.json())
    assert list(stored) == list(report.sections)
    assert f"{stored['likelihood']['detail']['nats_per_note']:.4f}" in str(report)


def test_composed_pieces_are_compared_with_the_tunes_and_have_no_errors(reels: Path, tmp_path: Path) -> None:
    # Without the record of what it learnt from, whose corpus takes minutes to prepare.
    model = shutil.copytree(EMBEDDED, tmp_path / "model", ignore=shutil.ignore_patterns("training.json"))
    sections = evaluate(Evaluation(reels, model, tunes=4, pieces=2, seed=3)).sections
    assert "copying" not in sections
    for kind in ("tokens", "bars"):
        assert set(sections["errors"][kind].values()) == {0.0}
    assert 0 < sections["statistics"]["pitch-class entropy"]["generated"] < math.log2(12)
    assert set(sections["overlap"]) == {"pitch", "duration"}
    assert 0 <= sections["adherence"]["generated"]["f1"] <= 1
    tunes = sections["tunes"]
    assert {"above B5", "spread of mean pitch", "last note tonic", "share of I", "bars heard before"} <= set(tunes)
    assert (tunes["last note tonic"]["pieces"], tunes["last note tonic"]["real_pieces"]) == (2, 4)
    assert "four voices" not in sections
    assert "harmonizing" not in sections


def test_composed_chorales_and_harmonised_melodies_are_marked_beside_bach(music21_corpus: Path, tmp_path: Path) -> None:
    bach = tmp_path / "bach"
    bach.mkdir()
    for number in (253, 269):
        shutil.copy(music21_corpus / "bach" / f"bwv{number}.mxl", bach)
    model = shutil.copytree(EMBEDDED, tmp_path / "model", ignore=shutil.ignore_patterns("training.json"))
    report = evaluate(Evaluation(bach, model, tunes=2, pieces=2, seed=1))
    rows = report.sections["four voices"]
    assert rows["parallels"]["pieces"] == rows["parallels"]["real_pieces"] == 2
    assert rows["parallels"]["real"] < 2
    harmonized = report.sections["harmonizing"]
    assert list(harmonized) == ["root", "bass", "beats without chord", "parallels"]
    assert 0 < harmonized["root"]["generated"] < 1
    assert harmonized["parallels"]["real"] == rows["parallels"]["real"]
    assert "113 JSB chorales" in str(report)


def test_what_cannot_be_measured_says_so(reels: Path) -> None:
    with pytest.raises(RequestError, match="2 or more"):
        Evaluation(reels, tunes=1)
    with pytest.raises(RequestError, match="no split 'half'"):
        evaluate(Evaluation(reels, split="half"))
    with pytest.raises(CorpusError, match="there is no corpus"):
        evaluate(Evaluation("no-such-folder"))
