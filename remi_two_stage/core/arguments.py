"""Arguments of another kind than a function takes, refused in its own words."""

from __future__ import annotations

from typing import Any

from .errors import RequestError
from .piece import Piece


def check_is_piece(value: Any, doing: str) -> None:
    """Raises RequestError unless `value` is a piece.

    Args:
        doing: What is to be done with it, such as "write".
    """
    if not isinstance(value, Piece):
        raise RequestError(f"cannot {doing} a {type(value).__name__}; give one Piece, such as read_score(path)[0]")
