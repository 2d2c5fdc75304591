"""Passages that a piece shares with a corpus."""

import json
from pathlib import Path

import pytest
from tunes import kesh_jig

from remi_two_stage.composing.checkpoint import EMBEDDED, RECORD, corpora_of, training_record
from remi_two_stage.core.codec import encode_ids
from remi_two_stage.core.errors import CheckpointError, CorpusError
from remi_two_stage.core.piece import Piece
from remi_two_stage.corpus.preparation import load_corpus
from remi_two_stage.evaluation.memorization import (
    CopyingCheck,
    MemorizationIndex,
    SharedRun,
    high_percentile,
    voice_lines,
)
from remi_two_stage.hub.card import model_card
from remi_two_stage.scores.abc_reader import read_abc

FROM_THE_JIG = "X:1\nL:1/8\nM:6/8\nK:{key}\n{notes}|\n"


@pytest.fixture
def index() -> MemorizationIndex:
    (other,) = read_abc("X:1\nT:Other\nL:1/4\nM:4/4\nK:C\nCcCc|cCcC|\n")
    return MemorizationIndex([("Other", encode_ids(other)), ("The Kesh Jig", encode_ids(kesh_jig()))])


def tune(notes: str, key: str = "G") -> Piece:
    (piece,) = read_abc(FROM_THE_JIG.format(key=key, notes=notes))
    return piece


def test_lines_are_pitches_and_lengths_in_c() -> None:
    (line,) = voice_lines(encode_ids(kesh_jig()))
    assert line[:6] == [(72, 12), (74, 12), (72, 12), (72, 12), (74, 12), (76, 12)]
    assert line[-1] == (72, 36)


def test_a_whole_tune_in_any_key_is_found(index: MemorizationIndex) -> None:
    assert index.longest_run(kesh_jig()) == SharedRun(46, "The Kesh Jig")
    assert index.longest_run(kesh_jig().transpose(-4)) == SharedRun(46, "The Kesh Jig")


@pytest.mark.parametrize(
    ("notes", "key", "shared"),
    [
        ("GAGGAB ABAABd|e2c2A2", "G", 13),  # two bars and the pitch after them, whose length is no part of a run
        ("DEDDEF EFEEFA|B2G2E2", "D", 13),  # a fourth lower
        ("GAG G3|c2c2c2", "G", 4),  # the fourth note is longer, which its own symbol alone shows
        ("G2A2G2|G2A2B2", "G", 2),  # twice as slow: only the other tune has quarter notes, and one struck twice
    ],
)
def test_the_longest_run_is_exact(index: MemorizationIndex, notes: str, key: str, shared: int) -> None:
    assert index.longest_run(tune(notes, key)).notes == shared


def test_every_length_is_found(index: MemorizationIndex) -> None:
    """Prefixes of the jig, followed by a leap that is nowhere in it."""
    line = "GAGGABABAABdedd"
    for length in range(2, len(line) + 1):
        assert index.longest_run(tune(line[:length].replace("", " ") + "C")).notes in (length, length + 1)


def test_a_run_never_goes_over_the_end_of_a_tune() -> None:
    first, second = tune("GAGGAB|ABAABd"), tune("edd gdd|edB dBA")
    both = MemorizationIndex([("first", encode_ids(first)), ("second", encode_ids(second))])
    assert both.longest_run(tune("GAGGAB|ABAABd|eddgdd|edBdBA")).notes == 12


def test_real_tunes_share_little_with_others(tune_books: dict[str, list[Path]]) -> None:
    tunes = [piece for path in tune_books["ryansMammoth"][:60] for piece in read_abc(path, errors="collect")]
    index = MemorizationIndex((piece.title, encode_ids(piece)) for piece in tunes[:40])
    lengths = [index.longest_run(piece).notes for piece in tunes[40:]]
    assert max(lengths) < 30 < index.longest_run(tunes[0]).notes


def test_an_empty_corpus_shares_nothing() -> None:
    assert MemorizationIndex([]).longest_run(kesh_jig()) == SharedRun(0)


def test_the_percentile_is_that_of_the_nearest_rank() -> None:
    assert high_percentile(SharedRun(notes) for notes in range(1, 101)) == 95
    assert high_percentile(SharedRun(notes) for notes in range(1, 11)) == 10
    assert high_percentile([SharedRun(7)]) == 7
    assert high_percentile([]) == 0


def test_a_warning_names_the_tune_and_what_is_usual(tune_books: dict[str, list[Path]], tmp_path: Path) -> None:
    books = tmp_path / "books"
    books.mkdir()
    for path in tune_books["ryansMammoth"][:40]:
        (books / path.name).write_bytes(path.read_bytes())
    corpus = load_corpus(books, processes=1, progress=False)
    check = CopyingCheck(corpus)
    learnt = next(iter(corpus.train))
    (piece,) = read_abc(learnt.abc)
    warning = check.warning(piece)
    assert warning is not None
    assert learnt.title in warning
    assert f"at most {check.most_notes}" in warning
    assert check.warning(tune("G3 d3|G3 d3")) is None


def test_the_corpus_of_a_model_is_in_its_record(tmp_path: Path) -> None:
    assert corpora_of(training_record(tmp_path)) == []
    record = {"command": "remi-two-stage train --corpus 'my tunes' --output x", "corpus": {"name": "my tunes"}}
    (tmp_path / RECORD).write_text(json.dumps(record), encoding="utf-8")
    assert corpora_of(training_record(tmp_path)) == [{"name": "my tunes"}]
    assert "`--corpus my tunes`, a collection" in model_card("someone/model", "1.0", record=record).text
    learnt = [corpus["name"] for corpus in corpora_of(training_record(EMBEDDED))]
    assert learnt == ["music21", "hymns", "lieder", "quartets"]
    with pytest.raises(CorpusError, match="my tunes"):
        CopyingCheck.for_model(tmp_path)
    (tmp_path / RECORD).write_text("[]", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"training\.json' holds no JSON object; remove it"):
        CopyingCheck.for_model(tmp_path)
