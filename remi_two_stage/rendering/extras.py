"""Modules of the extra `render`: pictures and sound."""

from __future__ import annotations

from importlib.util import find_spec

from ..core.errors import MissingExtraError


def require(*modules: str, purpose: str) -> None:
    """Raises MissingExtraError unless all these modules are installed; nothing is imported.

    Args:
        purpose: What they are needed for, as the subject of the message.
    """
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"{purpose} needs {' and '.join(missing)}, which is not installed: pip install 'remi-two-stage[render]', "
            "or in a checkout pip install '.[render]'"
        )
