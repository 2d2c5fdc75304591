"""The command `remi-two-stage`: a thin shell over the package, a module for each group of commands.
Nothing here imports torch before a command needs it.

application.py           all commands together, and how they end
compose.py               compose, plan, realize
edit.py                  extend, rewrite, harmonize
show.py                  show, render, tokens, completion
train.py                 prepare, train, evaluate, push
demo.py                  demo
files.py                 tunes in and out: files, folders, standard streams
output.py                what commands print
flags.py                 flags made from the fields of dataclasses
__main__.py              python -m remi_two_stage.cli
"""

from .application import application, main

__all__ = ["application", "main"]
