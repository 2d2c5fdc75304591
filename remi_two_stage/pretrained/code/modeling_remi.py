"""The package's own code, of which this folder is a part."""

from remi_two_stage.core.modeling_remi import (
    BarPlannerBackbone,
    BarPlannerForSequenceClassification,
    BarPlannerModel,
    DetailGeneratorBackbone,
    DetailGeneratorForSequenceClassification,
    DetailGeneratorModel,
    TwoStageForCausalLM,
    TwoStageForSequenceClassification,
    TwoStageModel,
)

__all__ = [
    "BarPlannerBackbone",
    "BarPlannerForSequenceClassification",
    "BarPlannerModel",
    "DetailGeneratorBackbone",
    "DetailGeneratorForSequenceClassification",
    "DetailGeneratorModel",
    "TwoStageForCausalLM",
    "TwoStageForSequenceClassification",
    "TwoStageModel",
]
