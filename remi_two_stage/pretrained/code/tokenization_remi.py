"""The package's own code, of which this folder is a part."""

from remi_two_stage.core.tokenization_remi import (
    REMIABCTokenizer,
)

__all__ = [
    "REMIABCTokenizer",
]
