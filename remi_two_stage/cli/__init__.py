"""The command `remi-two-stage`: a thin shell over the package, one module a group of commands, one function a command.

    application.py   the commands together, errors as one line, exit codes
    flags.py         commands with examples; flags made from the fields of dataclasses
    reporting.py     what is printed: for people, as JSON, or nothing; progress with the time left
    tunes.py         tunes in, from files or standard input, and out, to folders, files or standard output
    composing.py     compose, plan, realize
    going_on.py      extend, rewrite, harmonize
    showing.py       show, render, tokens, completion
    learning.py      prepare, train, evaluate, push
    serving.py       demo

Nothing here imports torch before a command needs it.
"""

from .application import application, main

__all__ = ["application", "main"]
