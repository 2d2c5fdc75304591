"""What `generate()` writes keeps to the rules of composing, in transformers' loop as in the fast one."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import pytest
import torch
from tunes import kesh_jig

from remi_two_stage.composing.composer import Composer
from remi_two_stage.composing.tasks import Rewriting
from remi_two_stage.core.codec import decode_ids, encode_ids
from remi_two_stage.core.errors import RequestError
from remi_two_stage.core.features import repeated_bars
from remi_two_stage.core.modeling_remi import TwoStageModel
from remi_two_stage.core.plan import Plan
from remi_two_stage.core.request import Request
from remi_two_stage.core.sequences import detail_sequence, up_to_detail
from remi_two_stage.core.signatures import Meter
from remi_two_stage.core.vocabulary import BOS, EOS
from remi_two_stage.core.voices import FOUR_PARTS
from remi_two_stage.core.voices import QUARTET as QUARTET_VOICES

FIRM = {"do_sample": True, "top_k": 1}
"""Sampling that leaves nothing to chance."""


@pytest.fixture(scope="module")
def model() -> TwoStageModel:
    return Composer.from_pretrained().model


def notes_prompt(plan: Plan) -> list[int]:
    return up_to_detail(detail_sequence(encode_ids(plan.skeleton)))


def of_both_loops(stage: Any, prompt: Sequence[int], **settings: Any) -> tuple[list[int], list[int]]:
    """What the fast loop writes and what transformers' own does, which alone shows more than ids."""
    inputs = torch.tensor([prompt])
    fast = stage.generate(inputs, **settings)
    slow = stage.generate(inputs, **settings, return_dict_in_generate=True).sequences
    return fast[0].tolist(), slow[0].tolist()


REEL = Plan.parse("|: I | IV | I | V | I | IV | V | I :| |: vi | V | vi | I | vi | V | V | I :|", style="reel")
SONG = Plan.parse("I | IV | V | I | I | IV | V | vi | I | IV | V | I", style="song", meter=Meter(3, 4))
QUARTET = Plan.parse("I | IV | V7 | I | vi | ii | V7 | I", style="quartet", voices=QUARTET_VOICES)
HYMN = Plan.parse(
    "I | IV I | V | I | I | IV I | V | I | V | I | ii | V | I | IV I | V | I", style="hymn", voices=FOUR_PARTS
)


@pytest.mark.parametrize("plan", [REEL, SONG, QUARTET, HYMN], ids=["reel", "song", "quartet", "hymn"])
def test_both_loops_bring_back_the_same_passages(model: TwoStageModel, plan: Plan) -> None:
    prompt = notes_prompt(plan)
    fast, slow = of_both_loops(model.detail, prompt, **FIRM)
    assert fast == slow
    assert fast != model.detail.generate(torch.tensor([prompt]), **FIRM, repetition=0.0)[0].tolist()


def test_both_loops_bring_back_chords_in_plans_and_close_those_of_quartets(model: TwoStageModel) -> None:
    for style in ("jig", "quartet"):
        fast, slow = of_both_loops(model.planner, Request(style, "G", bars=16).globals(), **FIRM)
        assert fast == slow


def test_new_bars_keep_to_the_range_and_rhythm_of_given_ones_in_both_loops(model: TwoStageModel) -> None:
    prompt = Rewriting.of(kesh_jig(), 3, 6).for_detail()
    assert prompt.kind == "infilling"
    fast, slow = of_both_loops(model.detail, prompt.ids, do_sample=False)
    assert fast == slow


def test_sampled_tunes_come_back_to_their_bars_unless_that_is_turned_off(model: TwoStageModel) -> None:
    prompts = torch.tensor([Request("reel", "D", bars=16).globals()] * 6)

    def share(**settings: float) -> float:
        torch.manual_seed(3)
        rows = model.generate(prompts, do_sample=True, **settings).tolist()
        return fmean(repeated_bars(decode_ids(row[row.index(BOS) : row.index(EOS) + 1])) for row in rows)

    assert share() > share(repetition=0.0) + 0.1
    with pytest.raises(RequestError, match=r"no sampling with repetition 11; it is 0 \(off\) to 10 nats"):
        model.generate(prompts, do_sample=True, repetition=11)


def test_how_firmly_passages_come_back_is_saved_with_a_model(model: TwoStageModel) -> None:
    prompt = torch.tensor([notes_prompt(REEL)])
    plain = model.detail.generate(prompt, **FIRM, repetition=0.0)
    config = model.detail.generation_config
    config.update(repetition=0.0, allow_custom_entries=True)
    try:
        assert torch.equal(model.detail.generate(prompt, **FIRM), plain)
    finally:
        del config.repetition
