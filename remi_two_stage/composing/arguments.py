"""What commands, page and `Composer` say alike of a model and of a tune, and begin with alike."""

from functools import partial

from ..core.request import Request

MODEL_HELP = "folder or Hub repository  [default: the checkpoint in the package]"
EXTENDED_BY = 8
"""Bars that a piece goes on for, unless told otherwise."""
FirstRequest = partial(Request, style="jig", key="D")
"""The request that a command and the page begin with: what the checkpoint in the package knows best."""
