"""The package's own code, of which this folder is a part."""

from remi_two_stage.core.configuration_remi import (
    BarPlannerConfig,
    DetailGeneratorConfig,
    TwoStageConfig,
)

__all__ = [
    "BarPlannerConfig",
    "DetailGeneratorConfig",
    "TwoStageConfig",
]
