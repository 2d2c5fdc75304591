"""The oldest transformers that the models run on. Imported before all else that needs transformers, so that an older
one is named, and not the first thing that it lacks.
"""

from transformers import __version__

OLDEST_TRANSFORMERS = "5.17"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")[:2]))


if _numbers(__version__) < _numbers(OLDEST_TRANSFORMERS):
    raise ImportError(
        f"this model's code needs transformers {OLDEST_TRANSFORMERS} or later, and {__version__} is installed: "
        "pip install --upgrade transformers"
    )
