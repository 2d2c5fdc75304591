"""Defaults and help texts that the commands, the page and `Composer` share."""

from functools import partial

from ..core.request import Request

MODEL_HELP = "folder or Hub repository  [default: the checkpoint in the package]"
EXTENDED_BY = 8
"""Number of bars that `extend` adds by default."""
FirstRequest = partial(Request, style="jig", key="D")
"""The default request of the commands and the page: the style and key that the embedded checkpoint knows best."""
