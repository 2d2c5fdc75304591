"""The package's own code, of which this folder is a part."""

from remi_two_stage.core.pipeline_remi import (
    MusicGenerationPipeline,
)

__all__ = [
    "MusicGenerationPipeline",
]
