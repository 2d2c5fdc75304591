"""Held-out loss and the n-gram models beside it."""

import math
import random
from itertools import chain
from pathlib import Path

import pytest
import torch
from tiny_models import TINY
from tiny_runs import copy_tunes
from tunes import kesh_jig

from remi_two_stage.core.architecture import VOCABULARY_SIZE
from remi_two_stage.core.codec import encode_ids
from remi_two_stage.core.configuration_remi import BarPlannerConfig, DetailGeneratorConfig
from remi_two_stage.core.errors import CheckpointError, CorpusError
from remi_two_stage.core.grammar import Grammar
from remi_two_stage.core.modeling_remi import BarPlannerModel, DetailGeneratorModel, TwoStageModel
from remi_two_stage.core.sequences import detail_sequence
from remi_two_stage.core.vocabulary import DETAIL
from remi_two_stage.corpus.preparation import load_corpus
from remi_two_stage.corpus.prepared import Corpus
from remi_two_stage.evaluation.likelihood import compare_likelihood, held_out, mean_loss
from remi_two_stage.evaluation.ngrams import NgramModel
from remi_two_stage.evaluation.token_losses import HeldOut, token_losses, token_sums
from remi_two_stage.stage_data.datasets import IGNORED, FullDetailDataset, PackedRows, stage_dataset


@pytest.fixture(scope="module")
def reels(tune_books: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_tunes(tune_books["ryansMammoth"][:60], tmp_path_factory.mktemp("ryan"))


@pytest.fixture(scope="module")
def corpus(reels: Path) -> Corpus:
    return load_corpus(reels, processes=1, progress=False)


@pytest.fixture
def model() -> TwoStageModel:
    planner = BarPlannerModel(BarPlannerConfig(**TINY))
    return TwoStageModel.from_stages(planner, DetailGeneratorModel(DetailGeneratorConfig(**TINY))).eval()


def counted(tokens: str) -> tuple[list[int], list[bool]]:
    """Token ids of letters; capitals count."""
    return [ord(letter.lower()) - ord("a") for letter in tokens], [letter.isupper() for letter in tokens]


def test_witten_bell_by_hand() -> None:
    """Unigram of A B A over four tokens: two types, p(a) = (2 + 2/4) / (3 + 2); after a only b was seen."""
    unigram = NgramModel(1, 4).fit([counted("ABA")])
    assert unigram.probability(0, []) == pytest.approx(0.5)
    bigram = NgramModel(2, 4).fit([counted("ABA")])
    p_b = (1 + 2 / 4) / (3 + 2)
    assert bigram.probability(1, [0]) == pytest.approx((1 + 1 * p_b) / (1 + 1))


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_probabilities_sum_to_one_after_any_context(order: int) -> None:
    draw = random.Random(0)
    letters = "".join(draw.choice("AAABCde") for _ in range(300))
    ngrams = NgramModel(order, 7).fit([counted(letters)])
    for context in ([], [0], [3, 0], [6, 6, 6], [0, 0, 1, 2, 4]):
        assert sum(ngrams.probability(token, context) for token in range(7)) == pytest.approx(1)


def test_only_tokens_that_count_are_predicted() -> None:
    ngrams = NgramModel(2, 4).fit([counted("cAcAcB")])
    loss = -(math.log(ngrams.probability(0, [2])) + math.log(ngrams.probability(1, [2]))) / 2
    assert ngrams.loss([counted("cAcB")]) == pytest.approx(loss)


def test_the_loss_is_that_of_the_definition_whether_packed_or_not(corpus: Corpus, model: TwoStageModel) -> None:
    dataset = stage_dataset(FullDetailDataset, chain(corpus.validation.tokens(), corpus.test.tokens()), 2048)
    total, number, hits = 0.0, 0, 0
    for index in range(len(dataset)):
        item = dataset[index]
        with torch.inference_mode():
            logits = model.detail(item["input_ids"][None]).logits[0].log_softmax(-1)
        for position, label in enumerate(item["labels"].tolist()):
            if label != IGNORED:
                total -= logits[position - 1, label].item()
                number += 1
                hits += int(logits[position - 1].argmax()) == label
    assert mean_loss(model.detail, PackedRows(dataset, 2048)) == pytest.approx(total / number, abs=1e-4)
    found = held_out(model.detail, PackedRows(dataset, 2048))
    assert (found.tokens, round(found.accuracy * number)) == (number, hits)
    assert found.accuracy == pytest.approx(hits / number)


def test_held_out_sums_by_hand() -> None:
    """The three labels have probabilities of 1/2, 1/3 and 1/4 after the token before; the last is not the likeliest."""
    logits = torch.tensor([[[1, 1, 2], [1, 1, 1], [2, 1, 1], [1, 2, 1]]], dtype=torch.float64).log()
    found = HeldOut.of(token_sums(logits, torch.tensor([[IGNORED, 2, 0, 1]])))
    assert found.loss == pytest.approx(math.log(2 * 3 * 4) / 3)
    assert found.accuracy == pytest.approx(2 / 3)
    assert (found.tokens, found.perplexity) == (3, pytest.approx(24 ** (1 / 3)))


def test_masked_losses_are_those_among_what_the_grammar_allows(model: TwoStageModel) -> None:
    for weight in model.detail.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    ids = detail_sequence(encode_ids(kesh_jig()))
    losses = token_losses(model.detail, ids, "detail")
    with torch.inference_mode():
        logits = model.detail(torch.tensor([ids])).logits[0]
    grammar, nats, masked, right = Grammar("detail"), [], [], []
    for index, token in enumerate(ids):
        allowed = [id for choice in grammar.allowed for id in choice]
        if index > ids.index(DETAIL) and len(allowed) > 1:
            scores = logits[index - 1]
            nats.append(-scores.log_softmax(0)[token])
            masked.append(-scores[allowed].log_softmax(0)[allowed.index(token)])
            right.append(allowed[int(scores[allowed].argmax())] == token)
        grammar.advance(token)
    torch.testing.assert_close(losses.nats, torch.stack(nats))
    torch.testing.assert_close(losses.masked_nats, torch.stack(masked))
    assert losses.right.tolist() == right
    assert 0 < sum(right) < len(right)


def test_the_table_holds_both_stages_and_context_helps(reels: Path, model: TwoStageModel, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    table = compare_likelihood(tmp_path, reels)
    for stage in ("planner", "detail"):
        losses = table.losses[stage]
        assert list(losses) == ["unigram", "bigram", "5-gram", "model"]
        assert losses["bigram"] < losses["unigram"] < math.log(VOCABULARY_SIZE)
        assert losses["model"] == pytest.approx(math.log(VOCABULARY_SIZE), abs=0.5)
    assert table.losses["detail"]["5-gram"] < table.losses["detail"]["bigram"]
    assert str(table).splitlines()[1].split() == ["tokens", "unigram", "bigram", "5-gram", "model"]


def test_all_models_are_measured_on_the_same_tokens(
    corpus: Corpus, reels: Path, model: TwoStageModel, tmp_path: Path
) -> None:
    model.save_pretrained(tmp_path)
    dataset = FullDetailDataset(corpus.test.tokens())
    labels = sum(int((dataset[index]["labels"] != IGNORED).sum()) for index in range(len(dataset)))
    assert compare_likelihood(tmp_path, reels).tokens["detail"] == labels


def test_a_missing_corpus_or_model_says_so(reels: Path, model: TwoStageModel, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no model"):
        compare_likelihood(tmp_path / "missing", reels)
    model.save_pretrained(tmp_path)
    with pytest.raises(CorpusError, match="there is no corpus"):
        compare_likelihood(tmp_path, tmp_path / "missing")
