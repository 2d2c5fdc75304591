"""The optimizer: the steps of Muon where they belong, AdamW's elsewhere, and no step lost over a stop."""

import copy
from pathlib import Path

import pytest
import torch
from tiny_models import TINY
from tunes import kesh_jig

from remi_two_stage.core.codec import encode_ids
from remi_two_stage.core.configuration_remi import DetailGeneratorConfig
from remi_two_stage.core.modeling_remi import DetailGeneratorModel
from remi_two_stage.core.sequences import detail_sequence
from remi_two_stage.training.optimizer import MUON_GAIN, Muon, MuonWithAdamW, orthogonalised

RATE, DECAY = 1e-2, 0.1
DETAIL = torch.tensor([detail_sequence(encode_ids(kesh_jig()))])


def small(seed: int) -> DetailGeneratorModel:
    torch.manual_seed(seed)
    return DetailGeneratorModel(DetailGeneratorConfig(**TINY, hidden_dropout=0.0))


def learn(model: DetailGeneratorModel, optimizer: MuonWithAdamW, spans: int) -> None:
    """A step for each of so many spans of a jig."""
    for start in range(0, 20 * spans, 20):
        ids = DETAIL[:, start : start + 40]
        model(ids, labels=ids, use_cache=False).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.parametrize("shape", [(24, 24), (16, 48), (48, 16)])
def test_orthogonalised_matrices_keep_their_singular_vectors_and_lose_their_scale(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = 50 * torch.randn(shape)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    found = u.T @ orthogonalised(matrix) @ v.T
    torch.testing.assert_close(found, found.diag().diag(), atol=1e-4, rtol=0)
    assert found.diag().min() > 0.3
    assert found.diag().max() < 1.3


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(16, 48), (48, 16)])
def test_steps_are_those_of_torchs_muon_which_is_in_bfloat16(shape: tuple[int, int], dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    ours = torch.nn.Parameter(torch.randn(shape))
    theirs = torch.nn.Parameter(ours.detach().clone())
    start = ours.detach().clone()
    optimizers = [
        Muon([ours], lr=RATE, weight_decay=DECAY, dtype=dtype),
        torch.optim.Muon([theirs], lr=RATE, weight_decay=DECAY, momentum=0.95, adjust_lr_fn="match_rms_adamw"),
    ]
    for _ in range(4):
        ours.grad = theirs.grad = torch.randn(shape)
        for optimizer in optimizers:
            optimizer.step()
    moved, as_theirs = ours - start, theirs - start
    assert (moved - as_theirs).norm() < 0.02 * as_theirs.norm()


def test_what_has_no_gradient_to_follow_decays_if_it_is_a_matrix() -> None:
    model = small(0)
    before = copy.deepcopy(model.state_dict())
    optimizer = MuonWithAdamW((model, RATE), weight_decay=DECAY)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    kept = {"linear": 1 - MUON_GAIN * RATE * DECAY, "embedding": 1 - RATE * DECAY, "other": 1.0}
    seen = set()
    for name, parameter in model.named_parameters():
        is_matrix = parameter.dim() > 1 and "bias" not in name
        kind = "linear" if name.endswith("_proj.weight") else "embedding" if is_matrix else "other"
        seen.add(kind)
        torch.testing.assert_close(parameter.detach(), kept[kind] * before[name], msg=name)
    assert seen == kept.keys()


def test_a_saved_optimizer_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    through = small(0)
    optimizer = MuonWithAdamW((through, RATE))
    learn(through, optimizer, 3)
    torch.save({"model": through.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "state.pt")
    learn(through, optimizer, 3)

    state = torch.load(tmp_path / "state.pt", weights_only=True)
    resumed = small(1)
    resumed.load_state_dict(state["model"])
    optimizer = MuonWithAdamW((resumed, 10 * RATE))
    optimizer.load_state_dict(state["optimizer"])
    learn(resumed, optimizer, 3)
    for name, weight in through.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], weight), name
