"""The command `remi-two-stage`: a thin layer over the package, with a module for each group of commands.
torch is imported only when a command needs it.

application.py           the main command, its error messages and exit codes
compose.py               compose, plan, realize
edit.py                  extend, rewrite, harmonize
edited.py                where edits go: into the file of the tune, or anew; what is said of them
show.py                  show, render, tokens, completion
check.py                 check
train.py                 prepare, train, evaluate, push
demo.py                  demo
files.py                 reading and writing tunes: files, folders, standard streams
output.py                printed results, remarks and progress
flags.py                 flags made from the fields of dataclasses
__main__.py              python -m remi_two_stage.cli
"""

from .application import application, main

__all__ = ["application", "main"]
