"""transformers' own common tests, run on our models, configs and tokenizer by `benchmarks/model_tests.py`.

The mixins come from transformers' source distribution, that of generation from its repository. A test that its mixin
skips by itself (no GPU, no such head) counts as skipped; those that cannot hold for us are named in `EXCLUDED`, each
with its reason.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import types
import unittest
from typing import Any

import torch

from remi_two_stage.core.configuration_remi import BarPlannerConfig, DetailGeneratorConfig, TwoStageConfig
from remi_two_stage.core.modeling_remi import (
    BarPlannerModel,
    DetailGeneratorModel,
    TwoStageModel,
    register_auto_classes,
)
from remi_two_stage.core.tokenization_remi import REMIABCTokenizer
from remi_two_stage.core.tokenization_remi import register_auto_classes as register_tokenizer
from remi_two_stage.core.vocabulary import token_names

_NEVER_RANDOM = "a checkpoint that lacks weights raises and is not loaded with random ones"
_OF_NO_TOKEN = "bars and time cannot be read off random embeddings, which raise; tests/test_learnt_prompts.py"
HAS_GENERATION = importlib.util.find_spec("tests.generation") is not None
_OF_GENERATION = {
    "test_generate_from_random_inputs_embeds": _OF_NO_TOKEN,
    "test_inherits_generation_mixin": "right above a class stands GrammarGenerationMixin, which is a GenerationMixin",
}
_OF_A_STAGE = (_OF_GENERATION if HAS_GENERATION else {}) | {
    "test_model_weights_reload_no_missing_tied_weights": _NEVER_RANDOM,
}
EXCLUDED: dict[str, dict[str, str]] = {
    "BarPlannerModelTest": _OF_A_STAGE,
    "DetailGeneratorModelTest": _OF_A_STAGE,
    "BarPlannerTrainingTest": {},
    "DetailGeneratorTrainingTest": {},
    "TwoStageModelTest": {
        "test_model_weights_reload_no_missing_tied_weights": _NEVER_RANDOM,
        "test_model_main_input_name": "forward has two inputs, the plan first, and input_ids is the main one",
    },
    "REMIABCTokenizerTest": {},
}
"""Class of tests -> test -> why it cannot hold."""


STAND_INS: dict[str, dict[str, Any]] = {
    "exporters": {},
    "exporters.test_export": {"ExportTesterMixin": type("ExportTesterMixin", (), {})},
    "distributed_testing_utils": {"run_distributed": None},
    "utils": {},
    "utils.test_configuration_utils": {"config_common_kwargs": {}},
}
"""Modules that the tests import and the distribution lacks, with what is imported from them."""
if not HAS_GENERATION:
    STAND_INS |= {
        "generation": {},
        "generation.test_utils": {"GenerationTesterMixin": type("GenerationTesterMixin", (), {})},
    }
for name, attributes in STAND_INS.items():
    module = sys.modules[f"tests.{name}"] = types.ModuleType(f"tests.{name}")
    vars(module).update(attributes)

from tests.generation.test_utils import GenerationTesterMixin  # noqa: E402
from tests.test_configuration_common import ConfigTester  # noqa: E402
from tests.test_modeling_common import ModelTesterMixin  # noqa: E402
from tests.test_tokenization_common import TokenizerTesterMixin  # noqa: E402
from tests.test_training_mixin import TrainingTesterMixin  # noqa: E402

register_auto_classes()
register_tokenizer()
SIZES = {
    "vocab_size": 99,
    "hidden_size": 32,
    "intermediate_size": 37,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_rel_dist": 20,
}


def _without_excluded(test_class: type) -> type:
    for name, reason in EXCLUDED[test_class.__name__].items():
        if not hasattr(test_class, name):
            raise AttributeError(f"{test_class.__name__} has no {name}; take it out of EXCLUDED")
        setattr(test_class, name, unittest.skip(reason)(getattr(test_class, name)))
    return test_class


class StageTester:
    """What the mixin asks a model tester for."""

    batch_size, seq_length = 13, 7
    hidden_size, num_hidden_layers, num_attention_heads = 32, 2, 4
    is_training = True

    def __init__(self, parent: unittest.TestCase, config_class: type) -> None:
        self.parent = parent
        self.config_class = config_class

    def get_config(self) -> Any:
        return self.config_class(**SIZES)

    def prepare_config_and_inputs_for_common(self) -> tuple[Any, dict[str, torch.Tensor]]:
        input_ids = torch.randint(4, 99, (self.batch_size, self.seq_length))
        return self.get_config(), {"input_ids": input_ids, "attention_mask": torch.ones_like(input_ids)}


class StageTests(ModelTesterMixin):
    """The tests of a stage."""

    config_class: type
    all_generative_model_classes: tuple[type, ...] = ()

    def _prepare_for_class(self, inputs_dict: dict[str, Any], model_class: type, return_labels: bool = False) -> Any:
        inputs = super()._prepare_for_class(inputs_dict, model_class, return_labels)
        return inputs | {"labels": inputs["input_ids"]} if return_labels else inputs

    def setUp(self) -> None:
        self.model_tester = StageTester(self, self.config_class)

    def test_config(self) -> None:
        ConfigTester(self, config_class=self.config_class, **SIZES).run_common_tests()


class FreePlanner(BarPlannerModel):
    """A planner of any tokens: the mixin's are no music."""

    def __init__(self, config: BarPlannerConfig) -> None:
        super().__init__(config)
        self.generation_config.update(grammar=False, allow_custom_entries=True)


class FreeDetailGenerator(DetailGeneratorModel):
    """The same of a detail generator."""

    def __init__(self, config: DetailGeneratorConfig) -> None:
        super().__init__(config)
        self.generation_config.update(grammar=False, allow_custom_entries=True)


class GenerationTests(GenerationTesterMixin):
    """The tests of `generate()`."""

    def _check_past_key_values_for_generate(
        self, batch_size: int, past_key_values: Any, seq_length: int, config: Any
    ) -> None:
        """Keys are as wide as head_dim and what they say of distances; behind the layers of attention, one has bars
        and time (tests/test_coordinates.py).
        """
        attended = past_key_values.layers[: config.num_hidden_layers]
        assert len(past_key_values) == config.num_hidden_layers + 1
        shape = (batch_size, config.num_key_value_heads, seq_length)
        head_dim = config.hidden_size // config.num_attention_heads
        for layer in attended:
            assert layer.keys.shape[:3] == shape
            assert layer.keys.shape[3] >= head_dim
            assert layer.values.shape == (*shape, head_dim)


@_without_excluded
class BarPlannerModelTest(StageTests, GenerationTests, unittest.TestCase):
    config_class = BarPlannerConfig
    all_model_classes = (BarPlannerModel,)
    all_generative_model_classes = (FreePlanner,)


@_without_excluded
class DetailGeneratorModelTest(StageTests, GenerationTests, unittest.TestCase):
    config_class = DetailGeneratorConfig
    all_model_classes = (DetailGeneratorModel,)
    all_generative_model_classes = (FreeDetailGenerator,)


class TrainingTests(TrainingTesterMixin):
    """A stage learns a row by heart, and writes it."""

    config_class: type
    model_tester = None

    def setUp(self) -> None:
        self.model_tester = StageTester(self, self.config_class)


@_without_excluded
class BarPlannerTrainingTest(TrainingTests, unittest.TestCase):
    config_class = BarPlannerConfig
    all_model_classes = (FreePlanner,)


@_without_excluded
class DetailGeneratorTrainingTest(TrainingTests, unittest.TestCase):
    config_class = DetailGeneratorConfig
    all_model_classes = (FreeDetailGenerator,)


class BothTester(StageTester):
    def get_config(self) -> TwoStageConfig:
        return TwoStageConfig(planner_config=SIZES, detail_config=SIZES)


@_without_excluded
class TwoStageModelTest(StageTests, unittest.TestCase):
    config_class = TwoStageConfig
    all_model_classes = (TwoStageModel,)
    _is_composite = True

    def setUp(self) -> None:
        self.model_tester = BothTester(self, self.config_class)

    def _prepare_for_class(self, inputs_dict: dict[str, Any], model_class: type, return_labels: bool = False) -> Any:
        inputs = super()._prepare_for_class(inputs_dict, model_class, return_labels)
        plan = {"plan_input_ids": inputs["input_ids"], "plan_labels": inputs["input_ids"]}
        return inputs | plan if return_labels else inputs

    def test_config(self) -> None:
        ConfigTester(self, config_class=self.config_class, has_text_modality=False).run_common_tests()


@_without_excluded
class REMIABCTokenizerTest(TokenizerTesterMixin, unittest.TestCase):
    tokenizer_class = REMIABCTokenizer
    rust_tokenizer_class = REMIABCTokenizer
    test_rust_tokenizer = True

    @classmethod
    def setUpClass(cls) -> None:
        cls._saved = tempfile.TemporaryDirectory()
        REMIABCTokenizer().save_pretrained(cls._saved.name)
        cls.from_pretrained_id = cls._saved.name
        super().setUpClass()

    def get_clean_sequence(
        self, tokenizer: Any, with_prefix_space: bool = False, max_length: int = 20, min_length: int = 5
    ) -> tuple[str, list[int]]:
        """Token text where the mixin would look for words of letters."""
        text = " ".join(token_names()[40 : 40 + max_length])
        return text, tokenizer.encode(text, add_special_tokens=False)

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        cls._saved.cleanup()
