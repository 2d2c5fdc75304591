"""Both stages as ONNX: onnxruntime gives the logits of the model, for any batch and length."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import TINY, randomised
from tunes import kesh_jig

from remi_two_stage.core.codec import encode_ids
from remi_two_stage.core.configuration_remi import BarPlannerConfig, DetailGeneratorConfig
from remi_two_stage.core.modeling_remi import BarPlannerModel, DetailGeneratorModel
from remi_two_stage.core.sequences import detail_sequence, plan_sequence
from remi_two_stage.core.vocabulary import PAD

# the exporter's own, of torch's internals
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
TOKENS = encode_ids(kesh_jig())
PLAN, DETAIL = torch.tensor([plan_sequence(TOKENS)]), torch.tensor([detail_sequence(TOKENS)])


@pytest.mark.parametrize(
    ("kind", "config", "tune"),
    [
        (BarPlannerModel, BarPlannerConfig(**TINY), PLAN),
        (DetailGeneratorModel, DetailGeneratorConfig(**TINY), DETAIL),
        (DetailGeneratorModel, DetailGeneratorConfig(**TINY, relative_attention="table"), DETAIL),
    ],
)
def test_onnxruntime_gives_the_same_logits(kind: Any, config: Any, tune: torch.Tensor, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model = randomised(kind(config))
    any_size = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    example = torch.cat([tune[:, :12], tune[:, 12:24]])
    program = torch.onnx.export(
        model,
        kwargs={"input_ids": example, "attention_mask": torch.ones_like(example), "use_cache": False},
        dynamic_shapes={"input_ids": any_size, "attention_mask": any_size, "use_cache": None},
        dynamo=True,
    )
    program.save(tmp_path / "stage.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "stage.onnx")
    padded = torch.cat([torch.full((1, 7), PAD), tune[:, :-7]], dim=1)
    for ids in (tune, torch.cat([tune, padded, tune]), torch.cat([tune, tune.roll(1, 1)], dim=1)):
        mask = ids.ne(PAD).long()
        (logits,) = session.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})
        with torch.no_grad():
            expected = model(ids, mask, use_cache=False).logits
        torch.testing.assert_close(torch.from_numpy(logits)[mask.bool()], expected[mask.bool()], atol=1e-5, rtol=1e-4)
